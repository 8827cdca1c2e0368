"""Is a file that was just written what it had to be? Every sentence here is a MediaError about our own output."""

from fractions import Fraction
from pathlib import Path

from shotbuild.errors import MediaError
from shotbuild.media.containers import opened
from shotbuild.media.probe import Picture, Probe, Sound, probe, probe_sound
from shotbuild.media.timing import timing_of
from shotbuild.units import SAMPLE_RATE, Size, round_half_up, samples

HINT = "this is a fault of shotbuild or of this ffmpeg: run `shotbuild doctor` and report it"
DECODED = {("prores", "yuv444p10le"): "yuv444p12le"}
"""Codec and pixels as they were encoded → as decoders give them back. ProRes 4444 is decoded to 12 bits."""

MILLISECOND = SAMPLE_RATE // 1000
AAC_FRAME, MP3_TAIL = 1024, 1200


def picture_is(path: Path, *, frames: int, size: Size, rate: Fraction, pixels: str) -> Probe:
    """Exact frames, size, rate and pixels; constant rate from 0 on; square pixels; tagged bt709 limited range."""
    found = probe(path)
    picture = found.video
    look = picture.look
    _equal(path, "frames", picture.frames, frames)
    _equal(path, "size", str(Size(look.width, look.height)), str(size))
    if frames > 1:
        _equal(path, "frame rate", picture.rate, rate)
        _equal(path, "constant frame rate", picture.constant_rate, True)
    _equal(path, "pixel format", look.pixels, DECODED.get((picture.codec, pixels), pixels))
    _equal(path, "pixel aspect", look.sar, (1, 1))
    _equal(path, "rotation", look.rotation, 0)
    _equal(path, "bt709 tags", look.is_bt709, True)
    _equal(path, "start of the picture", picture.start, Fraction(0))
    return found


def chunk_is(path: Path, *, frames: int, size: Size, rate: Fraction) -> None:
    """Exact frames, size and rate, constant from 0 on. No frame is decoded, which for each piece was a hundredth of a cold
    delivery: that a chunk has the pixels and tags of the others is seen when they are joined, those of the joined film are
    looked at then."""
    with opened(path, guess=False) as source:
        stream = source.streams.video[0]
        shown = [(packet.pts or 0, packet.duration or 0) for packet in source.demux(stream) if packet.size]
        found = Size(stream.codec_context.width, stream.codec_context.height)
        timing = timing_of(stream, shown) if shown else None
    _equal(path, "frames", len(shown), frames)
    _equal(path, "size", str(found), str(size))
    assert timing is not None, "a chunk has frames"
    _equal(path, "start of the picture", timing.start, Fraction(0))
    if frames > 1:
        _equal(path, "frame rate", timing.rate, rate)
        _equal(path, "constant frame rate", timing.constant, True)


def sound_is(path: Path, *, length: int, channels: int = 2, slack: int = 0) -> None:
    """48 kHz, so many samples; slack: samples that there may be more or less, for codecs that count in packets."""
    sound = probe_sound(path)
    _equal(path, "sample rate", sound.rate, SAMPLE_RATE)
    _equal(path, "channels", sound.channels, channels)
    found = round_half_up(sound.seconds * SAMPLE_RATE)
    if abs(found - length) > slack:
        _equal(path, "samples", found, length)


def ends_together(path: Path, found: Probe, frames: int, rate: Fraction, slack: int = 1) -> None:
    """Picture and sound start at 0 and end within `slack` samples of each other, and what container and codec need."""
    if found.sound is None:
        raise MediaError(f"{path.name} has no sound", hint=HINT)
    _equal(path, "start of the sound", found.sound.start, Fraction(0))
    end = round_half_up(found.sound.seconds * SAMPLE_RATE)
    if abs(end - samples(frames, rate)) > max(slack, _slack(found.container, found.sound)):
        _equal(path, "samples", end, samples(frames, rate))


def tracks_are(path: Path, *, timecode: str, reel: str, captions: int) -> None:
    """The timecode track and its reel as a reader finds them ("" = none asked for), and so many tracks of captions."""
    with opened(path) as source:
        told = [source.metadata, *(stream.metadata for stream in source.streams)]
        found = {name: next((each[name] for each in told if name in each), "") for name in ("timecode", "reel_name")}
        texts = len(source.streams.subtitles)
        holds_reel = source.format.name != "mxf"
    if timecode:
        _equal(path, "timecode", found["timecode"], timecode)
        if reel and holds_reel:
            _equal(path, "reel", found["reel_name"], reel)
    _equal(path, "tracks of captions", texts, captions)


def still_is(path: Path, size: Size) -> Picture:
    picture = probe(path).video
    _equal(path, "size", str(Size(picture.look.width, picture.look.height)), str(size))
    _equal(path, "pixel format", picture.look.pixels, "rgb24")
    return picture


def jpeg_is(path: Path, size: Size | None) -> None:
    """A picture that can be decoded. size: None = of any size."""
    look = probe(path).video.look
    if size is not None:
        _equal(path, "size", str(Size(look.width, look.height)), str(size))


def _slack(container: str, sound: Sound) -> int:
    """Matroska counts in milliseconds and has no place to say that the last packet of AAC is not used up; MP3 has none."""
    if sound.codec.startswith("mp3"):
        return MP3_TAIL
    if container != "matroska":
        return 0
    return MILLISECOND + (AAC_FRAME if sound.codec == "aac" else 0)


def _equal(path: Path, what: str, there: object, wanted: object) -> None:
    if there != wanted:
        raise MediaError(f"{path.name} came out wrong", cause=f"{what}: {there}, not {wanted}", hint=HINT)
