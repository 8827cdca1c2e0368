"""Chunks of encoded pictures and one sound → the delivered file, packet by packet, without encoding anything again.

Time stamps are counted, not copied: pts = first frame of the chunk + place in it, dts = number of the packet - the largest
reorder delay. ffmpeg's own concat rounds mkv stamps and loses frames of chunks shorter than the reorder delay.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from heapq import merge
from pathlib import Path
from typing import Any

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from shotbuild.errors import MediaError
from shotbuild.media.containers import opened
from shotbuild.units import Size

OPTIONS = {"fflags": "+bitexact"}
MOV_OPTIONS = OPTIONS | {"movflags": "+faststart+write_colr"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """What the joined file shall be. lengths: frames of each chunk; title: free text, kept as metadata; identity: of
    `identity.identity_text`, kept as the comment, "" = none."""

    lengths: Sequence[int]
    rate: Fraction
    size: Size
    title: str
    identity: str
    muxer: str


@dataclass(frozen=True, slots=True)
class _Kind:
    """What must be the same in every chunk."""

    codec: str
    size: Size
    pixels: str
    colour: tuple[int, int, int, int]
    parameters: bytes


def join(chunks: Sequence[Path], sound: Path | None, film: Film, target: Path) -> None:
    """Writes `target`. Errors: MediaError when the chunks do not belong together."""
    ranks = _checked(chunks, film)
    delay = max(index - rank for chunk in ranks for index, rank in enumerate(chunk))
    options = MOV_OPTIONS if film.muxer in ("mp4", "mov") else OPTIONS
    try:
        with av.open(str(target.absolute()), "w", format=film.muxer, options=dict(options)) as output:
            output.metadata["title"] = film.title
            if film.identity:
                output.metadata["comment"] = film.identity
            _write(output, chunks, sound, film, ranks, delay)
    except av.FFmpegError as error:
        raise MediaError(f"{target.name} cannot be written", cause=error.strerror) from error


def _checked(chunks: Sequence[Path], film: Film) -> list[list[int]]:
    """The place of each packet among the frames of its chunk, in the order of the file."""
    if len(chunks) != len(film.lengths) or not chunks:
        raise MediaError("the film cannot be joined", cause=f"{len(chunks)} chunks, but {len(film.lengths)} lengths")
    ranks: list[list[int]] = []
    first: _Kind | None = None
    for path, length in zip(chunks, film.lengths, strict=True):
        kind, stamps = _read(path)
        first = first or kind
        _same(kind, first, path.name, film.size)
        if len(stamps) != length:
            raise MediaError(f"{path.name} has {len(stamps)} frames", cause=f"the cut takes {length} of it")
        order = {stamp: place for place, stamp in enumerate(sorted(stamps))}
        ranks.append([order[stamp] for stamp in stamps])
    return ranks


def _read(path: Path) -> tuple[_Kind, list[int]]:
    with opened(path) as source:
        stream = source.streams.video[0]
        stamps = [packet.pts for packet in source.demux(stream) if packet.size and packet.pts is not None]
        return _kind(stream), stamps


def _kind(stream: VideoStream) -> _Kind:
    codec = stream.codec_context
    colour = (codec.color_primaries, codec.color_trc, codec.colorspace, codec.color_range)
    return _Kind(
        codec.name,
        Size(codec.width, codec.height),
        codec.pix_fmt or "",
        (int(colour[0]), int(colour[1]), int(colour[2]), int(colour[3])),
        bytes(codec.extradata or b""),
    )


def _same(kind: _Kind, first: _Kind, name: str, size: Size) -> None:
    if kind.size != size:
        raise MediaError(f"{name} is {kind.size}", cause=f"the film is {size}")
    for word, one, other in (
        ("codec", kind.codec, first.codec),
        ("pixel format", kind.pixels, first.pixels),
        ("colour", kind.colour, first.colour),
        ("set of encoder parameters", kind.parameters, first.parameters),
    ):
        if one != other:
            raise MediaError(
                f"{name} cannot be joined to the first chunk",
                cause=f"its {word} differs: {one!r:.80}, not {other!r:.80}",
                hint="all chunks of a film have to come from one profile and one build of ffmpeg",
            )


def _write(
    output: OutputContainer, chunks: Sequence[Path], sound: Path | None, film: Film, ranks: list[list[int]], delay: int
) -> None:
    with opened(chunks[0]) as source:
        picture = output.add_stream_from_template(source.streams.video[0], opaque=True)
    picture.time_base = 1 / film.rate
    picture.metadata.clear()
    pictures = _pictures(chunks, ranks, delay, picture, 1 / film.rate)
    if sound is None:
        for _, packet in pictures:
            output.mux(packet)
        return
    with opened(sound) as source:
        template = source.streams.audio[0]
        heard = output.add_stream_from_template(template, opaque=True)
        heard.metadata.clear()
        sounds = _sounds(source.demux(template), heard)
        for _, packet in merge(pictures, sounds, key=lambda each: each[0]):
            output.mux(packet)


def _pictures(
    chunks: Sequence[Path], ranks: list[list[int]], delay: int, target: VideoStream, base: Fraction
) -> "Iterator[tuple[Fraction, Packet[Any]]]":
    start = 0
    for path, places in zip(chunks, ranks, strict=True):
        with opened(path) as source:
            packets = (packet for packet in source.demux(source.streams.video[0]) if packet.size)
            for index, (packet, place) in enumerate(zip(packets, places, strict=True)):
                packet.stream = target
                packet.time_base = base
                packet.pts, packet.dts, packet.duration = start + place, start + index - delay, 1
                yield packet.dts * base, packet
        start += len(places)


def _sounds(packets: "Iterator[Packet[Any]]", target: AudioStream) -> "Iterator[tuple[Fraction, Packet[Any]]]":
    for packet in packets:
        if packet.size and packet.dts is not None:
            base = packet.time_base
            packet.stream = target
            packet.time_base = base
            yield packet.dts * Fraction(base), packet
