"""What is really in a file: every packet is read and the first frame of each stream decoded; headers are only compared."""

import hashlib
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from shotbuild.errors import MediaError
from shotbuild.media.colour import Look
from shotbuild.media.containers import STILLS, container_of, opened
from shotbuild.media.looks import look_of
from shotbuild.media.reading import Reading, on_one_thread, pictures_in, read_all, refuse_damage
from shotbuild.media.timing import Timing, timing_of
from shotbuild.records import Fields, Footage, fields
from shotbuild.units import rate_text

MOST_PIXELS = 80_000_000
TOLD = ("mov",)
"""Containers whose headers say all that is not found in the first frame anyway."""
SMALL, MOST_REMEMBERED = 64 << 10, 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """The first video stream. index: in the file; frames: packets that are shown; seconds: exact length; start: of the
    first frame, last: of the last one, on the file's clock; rate: frames per second, an average when not constant."""

    index: int
    codec: str
    profile: str
    look: Look
    rate: Fraction
    constant_rate: bool
    frames: int
    start: Fraction
    last: Fraction
    seconds: Fraction
    still: bool

    @property
    def width(self) -> int:
        """In coded pixels, upright."""
        return self.look.turned[0]

    @property
    def height(self) -> int:
        return self.look.turned[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound:
    """The first audio stream. rate: samples per second; start: of the first sample on the file's clock, in seconds."""

    index: int
    codec: str
    rate: int
    channels: int
    layout: str
    start: Fraction
    seconds: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What a file holds. container: name of the demuxer."""

    container: str
    video: Picture | None
    sound: Sound | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A file with a picture. seconds: from the earliest start to the latest end of picture and sound."""

    container: str
    video: Picture
    sound: Sound | None

    @property
    def seconds(self) -> Fraction:
        parts: list[Picture | Sound] = [self.video] if self.sound is None else [self.video, self.sound]
        return max(part.start + part.seconds for part in parts) - min(part.start for part in parts)


def probe(path: Path) -> Probe:
    """Reads a file with a picture. Errors: MediaError when it has none, is cut off, or cannot be decoded."""
    found = contents(path)
    if found.video is None:
        raise MediaError(
            f"{path.name} has no picture",
            cause="it holds sound only, or a cover picture" if found.sound else "no stream in it is video",
            hint="use a file with a video stream",
        )
    return Probe(container=found.container, video=found.video, sound=found.sound)


def probe_sound(path: Path) -> Sound:
    """Reads the sound of a file of any kind. Errors: MediaError when it has none."""
    found = contents(path)
    if found.sound is None:
        raise MediaError(f"{path.name} has no sound", cause="no stream in it is audio", hint="use a file with sound")
    return found.sound


_remembered: dict[str, Contents] = {}
"""sha256 of a small file → what is in it."""


def contents(path: Path) -> Contents:
    """Reads a file with picture, sound or both; a small one once for its bytes, which are checked as a result, told of in a
    ledger and read by the next step within moments."""
    key = _small(path)
    if key is None:
        return _contents(path)
    found = _remembered.get(key) or _contents(path)
    if key not in _remembered and key == _small(path):  # else it changed while it was read
        if len(_remembered) >= MOST_REMEMBERED:
            _remembered.clear()
        _remembered[key] = found
    return found


def _small(path: Path) -> str | None:
    """The sha256 of a small file; None for any other, and for what cannot be read."""
    try:
        with path.open("rb", buffering=0) as stream:
            content = stream.read(SMALL)
    except OSError:
        return None
    return hashlib.sha256(content).hexdigest() if len(content) < SMALL else None


def _contents(path: Path) -> Contents:
    container = container_of(path)
    with opened(path, guess=container not in TOLD) as source:
        reads = read_all(source)
        refuse_damage(source, reads, path.name, container)
        pictures = [_picture(each, container, path.name) for each in reads if isinstance(each.stream, VideoStream)]
        sounds = [_sound(each, path.name) for each in reads if isinstance(each.stream, AudioStream)]
    return Contents(container=container, video=next(iter(pictures), None), sound=next(iter(sounds), None))


def footage(path: Path) -> Footage:
    """What a plan must know of a clip. A still picture lasts 0 s."""
    found = probe(path)
    seconds = Fraction(0) if found.video.still else found.video.seconds
    rate = found.video.rate if found.video.constant_rate and not found.video.still else None
    return Footage(seconds=seconds, sound=found.sound is not None, rate=rate)


def streams(path: Path) -> tuple[Fields, ...]:
    """What a ledger keeps of a take: a row for its picture, upright, and one for its sound, if any. seconds: exact, as text.

    A still picture lasts 0 s. Errors: MediaError when there is no picture.
    """
    found = probe(path)
    picture, sound = found.video, found.sound
    row = fields(
        kind="video",
        codec=picture.codec,
        profile=picture.profile,
        size=f"{picture.width}x{picture.height}",
        rate=rate_text(picture.rate),
        frames=picture.frames,
        seconds="0" if picture.still else str(picture.seconds),
        pixels=picture.look.pixels,
    )
    if sound is None:
        return (row,)
    heard = fields(
        kind="audio",
        codec=sound.codec,
        rate=sound.rate,
        channels=sound.channels,
        layout=sound.layout,
        seconds=str(sound.seconds),
    )
    return (row, heard)


def glance(path: Path) -> Look:
    """The look of a file of our own making: only its first frame is read, and of what was probed just now nothing."""
    known = _remembered.get(_small(path) or "")
    if known is not None and known.video is not None:
        return known.video.look
    with opened(path) as source:
        stream = next(iter(pictures_in(source)), None)
        if stream is not None:
            on_one_thread(stream)
        frame = next(iter(source.decode(stream)), None) if stream is not None else None
    if stream is None or frame is None:
        raise MediaError(f"{path.name} has no picture")
    return look_of(stream, frame)


def _picture(read: Reading, container: str, name: str) -> Picture:
    assert isinstance(read.stream, VideoStream)
    stream, frame = read.stream, read.frame
    if not isinstance(frame, VideoFrame) or not read.shown:
        raise MediaError(
            f"no frame of {name} can be decoded",
            cause=f"{read.packets} packets of {stream.codec_context.name} were read",
            hint="it is damaged or was cut off: copy or export it again",
        )
    if frame.width * frame.height > MOST_PIXELS:
        raise MediaError(
            f"{name} is too large",
            cause=f"{frame.width}x{frame.height} is more than {MOST_PIXELS // 1_000_000} megapixels",
            hint="make it smaller",
        )
    timing: Timing = timing_of(stream, read.shown)
    return Picture(
        index=stream.index,
        codec=stream.codec_context.name,
        profile=str(stream.profile or ""),
        look=look_of(stream, frame),
        rate=timing.rate,
        constant_rate=timing.constant,
        frames=len(read.shown),
        start=timing.start,
        last=timing.last,
        seconds=timing.seconds,
        still=container in STILLS or (container == "gif" and len(read.shown) == 1),
    )


def _sound(read: Reading, name: str) -> Sound:
    assert isinstance(read.stream, AudioStream)
    stream, frame = read.stream, read.frame
    if not isinstance(frame, AudioFrame) or not read.shown:
        raise MediaError(
            f"the sound of {name} cannot be decoded",
            cause=f"{read.packets} packets of {stream.codec_context.name} were read",
            hint="export the file again, with another sound codec",
        )
    base = stream.time_base or Fraction(1, frame.sample_rate)
    start = min(stamp for stamp, _ in read.shown) * base
    if frame.pts is not None and frame.time_base is not None:
        start = max(start, frame.pts * Fraction(frame.time_base))
    return Sound(
        index=stream.index,
        codec=stream.codec_context.name,
        rate=frame.sample_rate,
        channels=frame.layout.nb_channels,
        layout=frame.layout.name,
        start=start,
        seconds=max(stamp + duration for stamp, duration in read.shown) * base - start,
    )
