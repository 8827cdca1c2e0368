"""One film at several rates, and its sound, cut into segments that a player changes between while it plays: HLS and DASH.

Nothing is encoded. Segments begin at frames where every rung has a key frame; all times are counted in frames and samples.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

from av.packet import Packet

from shotbuild.errors import MediaError
from shotbuild.media.containers import opened
from shotbuild.media.fragments import Sample, codec_words, head, segment
from shotbuild.media.timing import timing_of
from shotbuild.units import Size, counted, round_half_up

HEAD, SEGMENT = "init.mp4", "{:05d}.m4s"
SOUND = "sound"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One rate of the film: an mp4 with a picture alone. name: of its folder."""

    name: str
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """What was written of a rung or the sound. folder: in the package; scale: ticks per second; words: its codec; starts: of
    each segment, and the end, in ticks; sizes: of each segment in bytes; size, rate: of a picture; channels: of sound."""

    folder: str
    scale: int
    words: str
    starts: tuple[int, ...]
    sizes: tuple[int, ...]
    size: Size | None = None
    rate: Fraction = Fraction(0)
    channels: int = 0

    @property
    def seconds(self) -> Fraction:
        return Fraction(self.starts[-1] - self.starts[0], self.scale)

    @property
    def mean(self) -> int:
        """Bits per second over the whole."""
        return round_half_up(sum(self.sizes) * 8 / self.seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """A package as it was written, for its playlists. captions: languages."""

    title: str
    rungs: tuple[Track, ...]
    sound: Track | None
    captions: tuple[str, ...]
    seconds: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class _Film:
    """What is known of a rung before it is cut. keys: frames that are key frames; delay: frames that are decoded ahead."""

    size: Size
    rate: Fraction
    frames: int
    keys: frozenset[int]
    delay: int


def cut(
    rungs: Sequence[Rung], sound: Path | None, seconds: Fraction, folder: Path
) -> tuple[tuple[Track, ...], Track | None]:
    """Writes the segments of all rungs and the sound below a folder. seconds: the most that a segment lasts, where key
    frames allow it. Errors: MediaError when the rungs are not one film, or do not have their key frames together.
    """
    films = [_read(rung) for rung in rungs]
    _refuse_strangers(rungs, films)
    first = films[0]
    bounds = boundaries([film.keys for film in films], first.frames, seconds * first.rate)
    pictures = tuple(
        _write_picture(rung, film, bounds, folder / "video" / rung.name) for rung, film in zip(rungs, films, strict=True)
    )
    heard = None if sound is None else _write_sound(sound, [bound / first.rate for bound in bounds], folder / SOUND)
    return pictures, heard


def boundaries(keys: Sequence[frozenset[int]], frames: int, most: Fraction) -> list[int]:
    """First frames of the segments, and the end. most: frames that a segment should not exceed.

    Errors: MediaError when a segment would have to be longer although some rung could be cut there.
    """
    together, some = sorted(frozenset.intersection(*keys)), [*sorted(frozenset.union(*keys)), frames]
    bounds = [0]
    if not together or together[0] != 0:
        raise MediaError("the film does not begin with a key frame", cause="nothing can start to play there")
    for key, following in zip(together, [*together[1:], frames], strict=True):
        if following - bounds[-1] > most and key > bounds[-1]:
            bounds.append(key)
        alone = some[bisect_right(some, bounds[-1])]
        if following - bounds[-1] > most and alone < following:
            raise MediaError(
                "the rungs do not have their key frames together",
                cause=f"at frame {alone} one has a key frame and another has none",
                hint="use `scenecut: false` and one `gop` in all profiles of the ladder",
            )
    return [*bounds, frames]


def bits_at_most(track: Track, target: Fraction) -> int:
    """The peak of a track in bits per second: of all runs of segments that last half to one and a half times as long as
    the target, in seconds. Source: RFC 8216bis, 4.4.6.2, peak segment bit rate."""
    bounds, most = [Fraction(start, track.scale) for start in track.starts], Fraction(0)
    for first in range(len(track.sizes)):
        size = 0
        for last in range(first, len(track.sizes)):
            size += track.sizes[last]
            length = bounds[last + 1] - bounds[first]
            if length > target * 3 / 2 and last > first:
                break
            if length >= target / 2:
                most = max(most, size * 8 / length)
    return round_half_up(most) or track.mean


def _read(rung: Rung) -> _Film:
    with opened(rung.path) as source:
        stream = source.streams.video[0]
        packets = [
            (packet.pts, packet.duration or 0, packet.is_keyframe)
            for packet in source.demux(stream)
            if packet.size and packet.pts is not None
        ]
        timing = timing_of(stream, [(stamp, length) for stamp, length, _ in packets])
        size = Size(stream.codec_context.width, stream.codec_context.height)
    if not timing.constant:
        raise MediaError(f"{rung.name} has no constant rate", cause="its frames stand unequally long")
    order = {stamp: place for place, stamp in enumerate(sorted(stamp for stamp, _, _ in packets))}
    keys = frozenset(order[stamp] for stamp, _, key in packets if key)
    delay = max((index - order[stamp] for index, (stamp, _, _) in enumerate(packets)), default=0)
    return _Film(size=size, rate=timing.rate, frames=len(packets), keys=keys, delay=delay)


def _refuse_strangers(rungs: Sequence[Rung], films: Sequence[_Film]) -> None:
    for rung, film in zip(rungs, films, strict=True):
        if (film.frames, film.rate) != (films[0].frames, films[0].rate):
            raise MediaError(
                f"{rung.name} is not as long as {rungs[0].name}",
                cause=f"{counted(film.frames, 'frame')} at {film.rate}, not {films[0].frames} at {films[0].rate}",
            )


def _write_picture(rung: Rung, film: _Film, bounds: Sequence[int], folder: Path) -> Track:
    scale = film.rate.numerator if film.rate.numerator >= 10_000 else film.rate.numerator * 1000
    ticks = int(scale / film.rate)
    folder.mkdir(parents=True)
    with opened(rung.path) as source:
        stream = source.streams.video[0]
        top = head(stream, scale, film.delay * ticks)
        (folder / HEAD).write_bytes(top)
        packets = (packet for packet in source.demux(stream) if packet.size)
        sizes = []
        for number, (first, last) in enumerate(pairwise(bounds)):
            run = [next(packets) for _ in range(first, last)]
            samples = _pictures(rung, run, first, ticks, film.delay)
            sizes.append((folder / SEGMENT.format(number)).write_bytes(segment(number + 1, first * ticks, samples)))
    return Track(
        folder=f"video/{rung.name}",
        scale=scale,
        words=codec_words(top),
        starts=tuple(bound * ticks for bound in bounds),
        sizes=tuple(sizes),
        size=film.size,
        rate=film.rate,
    )


def _pictures(rung: Rung, run: "Sequence[Packet[Any]]", first: int, ticks: int, delay: int) -> list[Sample]:
    """The packets of one segment, which has to stand for itself: its frames are those, and no later ones refer back."""
    stamps = [packet.pts for packet in run if packet.pts is not None]
    places = {stamp: place for place, stamp in enumerate(sorted(stamps))}
    if len(places) != len(run) or not run[0].is_keyframe or places[stamps[0]] != 0:
        raise MediaError(
            f"{rung.name} cannot be cut at frame {first}",
            cause="frames that are decoded after that key frame are shown before it",
            hint="encode it with closed groups of pictures",
        )
    return [
        Sample(bytes(packet), ticks, (places[stamp] - index + delay) * ticks, packet.is_keyframe)
        for index, (packet, stamp) in enumerate(zip(run, stamps, strict=True))
    ]


def _write_sound(path: Path, bounds: Sequence[Fraction], folder: Path) -> Track:
    """Each segment has the packets that begin in the time of the picture's; the first one those before 0 as well."""
    folder.mkdir(parents=True)
    with opened(path) as source:
        stream = source.streams.audio[0]
        scale, channels = stream.codec_context.sample_rate, stream.codec_context.channels
        if stream.time_base != Fraction(1, scale):
            raise MediaError(f"{path.name} does not count in samples", hint="use a sound with extension `m4a`")
        packets = (packet for packet in source.demux(stream) if packet.size and packet.pts is not None)
        first = next(packets, None)
        if first is None:
            raise MediaError(f"{path.name} has no sound", cause="there are no packets in it")
        skipped = max(0, -(first.pts or 0))
        top = head(stream, scale, skipped)
        (folder / HEAD).write_bytes(top)
        sizes, starts, begun = [], [], 0
        for number, run in enumerate(_divided(chain([first], packets), bounds, scale)):
            samples = [Sample(bytes(packet), packet.duration or 0, 0, True) for packet in run]
            starts.append(max(0, begun - skipped))
            sizes.append((folder / SEGMENT.format(number)).write_bytes(segment(number + 1, begun, samples)))
            begun += sum(sample.duration for sample in samples)
    return Track(
        folder=SOUND,
        scale=scale,
        words=codec_words(top),
        starts=(*starts, begun - skipped),
        sizes=tuple(sizes),
        channels=channels,
    )


def _divided(packets: "Iterator[Packet[Any]]", bounds: Sequence[Fraction], scale: int) -> "Iterator[list[Packet[Any]]]":
    """A last piece of the picture that is shorter than a packet of sound may have none of its own."""
    run: list[Packet[Any]] = []
    ends = list(bounds[1:-1])
    for packet in packets:
        assert packet.pts is not None
        if ends and run and Fraction(packet.pts, scale) >= ends[0]:
            ends = [end for end in ends if end > Fraction(packet.pts, scale)]
            yield run
            run = []
        run.append(packet)
    if run:
        yield run
