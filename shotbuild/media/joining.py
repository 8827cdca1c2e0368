"""Chunks of encoded pictures, one sound and captions → the delivered file, packet by packet: nothing is encoded again.

Time stamps are counted, not copied: pts = first frame of the chunk + place in it, dts = number of the packet - the largest
reorder delay. ffmpeg's own concat rounds mkv stamps and loses frames of chunks shorter than the reorder delay.
"""

from array import array
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from heapq import merge
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import av
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from shotbuild.errors import MediaError
from shotbuild.media.containers import PLAIN_FILE, opened
from shotbuild.media.languages import three_letters
from shotbuild.units import Size

OPTIONS = {"fflags": "+bitexact"}
MOVFLAGS = "+faststart+write_colr"
NO_EDIT_LIST = {"use_editlist": "0", "movflags": f"{MOVFLAGS}+negative_cts_offsets"}
TIMED = ("mp4", "mov")
AnyStream = TypeVar("AnyStream", bound=Stream)
Packets: TypeAlias = "Iterator[tuple[Fraction, Packet[Any]]]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Captions:
    """One track of captions. language: BCP 47; path: a WebVTT file, or an mp4 whose one stream is `mov_text`."""

    language: str
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """What the joined file shall be. lengths: frames of each chunk; title: free text, kept as metadata; identity: of
    `identity.identity_text`, kept as the comment, "" = none; edit_list: may the file say by one where it starts (else its
    stamps do, and the packet goes with which an AAC decoder warms up); timecode: of the first frame, "" = no track of it;
    reel: its name, kept in the timecode track; captions: the first one is shown unless somebody chooses."""

    lengths: Sequence[int]
    rate: Fraction
    size: Size
    title: str
    identity: str
    muxer: str
    edit_list: bool = True
    timecode: str = ""
    reel: str = ""
    captions: Sequence[Captions] = ()


@dataclass(frozen=True, slots=True)
class _Kind:
    """What must be the same in every chunk."""

    codec: str
    size: Size
    pixels: str
    profile: str
    colour: tuple[int, int, int, int]
    parameters: bytes


def join(chunks: Sequence[Path], sound: Path | None, film: Film, target: Path) -> None:
    """Writes `target`. Errors: MediaError when the chunks do not belong together."""
    ranks = _checked(chunks, film)
    delay = max(index - rank for chunk in ranks for index, rank in enumerate(chunk))
    try:
        with av.open(str(target.absolute()), "w", format=film.muxer, options=_options(film)) as output:
            if film.title:
                output.metadata["title"] = film.title
            if film.identity:
                output.metadata["comment"] = film.identity
            _write(output, chunks, sound, film, ranks, delay)
    except ValueError as error:  # PyAV's own word for a codec that a container cannot hold
        hint = "use another `extension` in the profile, or leave out what this container cannot hold"
        raise MediaError(f"{target.name} cannot be written", cause=str(error), hint=hint) from error
    except av.FFmpegError as error:
        raise MediaError(f"{target.name} cannot be written", cause=error.strerror) from error


def _options(film: Film) -> dict[str, str]:
    if film.muxer not in TIMED:
        return dict(OPTIONS)
    return OPTIONS | ({"movflags": MOVFLAGS} if film.edit_list else NO_EDIT_LIST)


# --- do the chunks belong together? -------------------------------------------------------------------------------------


def _checked(chunks: Sequence[Path], film: Film) -> list[list[int]]:
    """The place of each packet among the frames of its chunk, in the order of the file."""
    if len(chunks) != len(film.lengths) or not chunks:
        raise MediaError("the film cannot be joined", cause=f"{len(chunks)} chunks, but {len(film.lengths)} lengths")
    ranks: list[list[int]] = []
    first: _Kind | None = None
    for path, length in zip(chunks, film.lengths, strict=True):
        kind, stamps, key = _read(path, decoded=first is None or not first.parameters)
        first = first or kind
        _same(kind, first, path.name, film.size)
        if len(stamps) != length:
            raise MediaError(f"{path.name} has {len(stamps)} frames", cause=f"the cut takes {length} of it")
        if not key or len(set(stamps)) != length:
            cause = "two of its frames have one stamp" if key else "its first packet is no key frame"
            raise MediaError(f"{path.name} cannot be joined to what comes before it", cause=cause)
        order = {stamp: place for place, stamp in enumerate(sorted(stamps))}
        ranks.append([order[stamp] for stamp in stamps])
    return ranks


def _read(path: Path, *, decoded: bool) -> tuple[_Kind, "array[int]", bool]:
    """decoded: whether its pixel format is asked for, which it is of codecs without parameter sets that would say it."""
    with opened(path, guess=decoded) as source:
        stream = source.streams.video[0]
        stamps, key = array("q"), False
        for packet in source.demux(stream):
            if packet.size and packet.pts is not None:
                key = packet.is_keyframe if not stamps else key
                stamps.append(packet.pts)
        return _kind(stream), stamps, key


def _kind(stream: VideoStream) -> _Kind:
    codec = stream.codec_context
    colour = (codec.color_primaries, codec.color_trc, codec.colorspace, codec.color_range)
    return _Kind(
        codec.name,
        Size(codec.width, codec.height),
        codec.pix_fmt or "",
        str(stream.profile or ""),
        (int(colour[0]), int(colour[1]), int(colour[2]), int(colour[3])),
        bytes(codec.extradata or b""),
    )


def _same(kind: _Kind, first: _Kind, name: str, size: Size) -> None:
    """profile: ProRes and DNxHR have no parameter sets that would tell one quality from another."""
    if kind.size != size:
        raise MediaError(f"{name} is {kind.size}", cause=f"the film is {size}")
    for word, one, other in (
        ("codec", kind.codec, first.codec),
        ("pixel format", kind.pixels or first.pixels, first.pixels),
        ("profile", kind.profile, first.profile),
        ("colour", kind.colour, first.colour),
        ("set of encoder parameters", kind.parameters, first.parameters),
    ):
        if one != other:
            raise MediaError(
                f"{name} cannot be joined to the first chunk",
                cause=f"its {word} differs: {one!r:.80}, not {other!r:.80}",
                hint="all chunks of a film have to come from one profile and one build of ffmpeg",
            )


# --- the file -----------------------------------------------------------------------------------------------------------


def _write(
    output: OutputContainer, chunks: Sequence[Path], sound: Path | None, film: Film, ranks: list[list[int]], delay: int
) -> None:
    """All streams are there before the first packet is written."""
    with ExitStack() as files:
        picture = _picture(output, chunks[0], film)
        tracks = [_pictures(chunks, ranks, delay, picture, 1 / film.rate)]
        if sound is not None:
            source = files.enter_context(opened(sound))
            heard = _added(output, source.streams.audio[0])
            tracks.append(_copied(_sounds(source, film), heard))
        for index, captions in enumerate(film.captions):
            read = files.enter_context(_captions(captions))
            text = _added(output, _texts_of(read, captions))
            text.metadata["language"] = three_letters(captions.language, film.muxer)
            text.metadata["handler_name" if film.muxer in TIMED else "title"] = captions.language
            text.disposition = Disposition.default if index == 0 else Disposition(0)
            tracks.append(_copied(read.demux(_texts_of(read, captions)), text))
        for _, packet in merge(*tracks, key=lambda each: each[0]):
            _put(output, packet)


def _put(output: OutputContainer, packet: "Packet[Any]") -> None:
    """What goes wrong here is said of the film, not of the file that the packet came from."""
    try:
        output.mux(packet)
    except av.FFmpegError as error:
        raise MediaError("the film cannot be written", cause=error.strerror) from error


def _picture(output: OutputContainer, chunk: Path, film: Film) -> VideoStream:
    """Its tag is that of the chunk: without, every ProRes says that it is HQ, and HEVC is not what Apple plays."""
    with opened(chunk) as source:
        template = source.streams.video[0]
        stream = _added(output, template)
        if film.muxer in TIMED and template.codec_context.codec_tag.isprintable():
            stream.codec_context.codec_tag = template.codec_context.codec_tag
    stream.time_base = 1 / film.rate
    stream.codec_context.framerate = film.rate
    if film.timecode:
        stream.metadata["timecode"] = film.timecode
        if film.reel:
            stream.metadata["reel_name"] = film.reel
    return stream


def _added(output: OutputContainer, template: AnyStream) -> AnyStream:
    """A stream that packets are copied to. opaque: PyAV looks for no encoder, and there is none for some of them."""
    stream = output.add_stream_from_template(template, opaque=True)
    stream.metadata.clear()
    return stream


def _pictures(chunks: Sequence[Path], ranks: list[list[int]], delay: int, target: VideoStream, base: Fraction) -> Packets:
    start = 0
    for path, places in zip(chunks, ranks, strict=True):
        with opened(path, guess=False) as source:
            packets = (packet for packet in source.demux(source.streams.video[0]) if packet.size)
            for index, (packet, place) in enumerate(zip(packets, places, strict=True)):
                packet.stream = target
                packet.time_base = base
                packet.pts, packet.dts, packet.duration = start + place, start + index - delay, 1
                yield packet.dts * base, packet
        start += len(places)


def _sounds(source: InputContainer, film: Film) -> "Iterator[Packet[Any]]":
    """The packets of the sound, so that its first sample stands at 0. Errors: MediaError.

    Packets with which a decoder only warms up stand before 0, where an edit list can say so; else those of AAC go. It costs
    the first 21 ms of sound their full strength, and keeps picture and sound together in every player.
    """
    stream = source.streams.audio[0]
    codec = stream.codec_context.name
    late = stream.start_time or 0
    for packet in source.demux(stream):
        if packet.pts is None or packet.dts is None:
            continue
        packet.pts, packet.dts = packet.pts - late, packet.dts - late
        if packet.pts >= 0 or (film.muxer in TIMED and film.edit_list) or (codec == "opus" and film.muxer not in TIMED):
            yield packet
        elif codec != "aac":
            raise MediaError(
                f"sound of codec {codec} starts before the picture, and a {film.muxer} file without edit list cannot say so",
                hint="use aac or pcm",
            )


def _copied(packets: "Iterator[Packet[Any]]", target: Stream) -> Packets:
    for packet in packets:
        if packet.size and packet.dts is not None:
            base = Fraction(packet.time_base)
            packet.stream = target
            packet.time_base = base
            yield packet.dts * base, packet


@contextmanager
def _captions(captions: Captions) -> Iterator[InputContainer]:
    """WebVTT has no signature that would tell it from other text; we wrote it."""
    if captions.path.suffix != ".vtt":
        with opened(captions.path) as source:
            yield source
        return
    with av.open(str(captions.path.absolute()), format="webvtt", container_options=dict(PLAIN_FILE)) as source:
        yield source


def _texts_of(source: InputContainer, captions: Captions) -> Stream:
    if not source.streams.subtitles:
        raise MediaError(f"{captions.path.name} has no captions", cause=f"language {captions.language}")
    return source.streams.subtitles[0]
