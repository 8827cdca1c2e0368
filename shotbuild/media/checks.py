"""Is a file that was just written what it had to be? Every sentence here is a MediaError about our own output."""

from fractions import Fraction
from pathlib import Path

from shotbuild.errors import MediaError
from shotbuild.media.probe import Picture, Probe, probe, probe_sound
from shotbuild.units import SAMPLE_RATE, Size, round_half_up, samples

HINT = "this is a fault of shotbuild or of this ffmpeg: run `shotbuild doctor` and report it"


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
    _equal(path, "pixel format", look.pixels, pixels)
    _equal(path, "pixel aspect", look.sar, (1, 1))
    _equal(path, "rotation", look.rotation, 0)
    _equal(path, "bt709 tags", look.is_bt709, True)
    _equal(path, "start of the picture", picture.start, Fraction(0))
    return found


def sound_is(path: Path, *, length: int) -> None:
    """48 kHz stereo, so many samples."""
    sound = probe_sound(path)
    _equal(path, "sample rate", sound.rate, SAMPLE_RATE)
    _equal(path, "channels", sound.channels, 2)
    _equal(path, "samples", round_half_up(sound.seconds * SAMPLE_RATE), length)


def ends_together(path: Path, found: Probe, frames: int, rate: Fraction, slack: int = 1) -> None:
    """Picture and sound start at 0 and end within `slack` samples of each other."""
    if found.sound is None:
        raise MediaError(f"{path.name} has no sound", hint=HINT)
    _equal(path, "start of the sound", found.sound.start, Fraction(0))
    end = round_half_up(found.sound.seconds * SAMPLE_RATE)
    if abs(end - samples(frames, rate)) > slack:
        _equal(path, "samples", end, samples(frames, rate))


def still_is(path: Path, size: Size) -> Picture:
    picture = probe(path).video
    _equal(path, "size", str(Size(picture.look.width, picture.look.height)), str(size))
    _equal(path, "pixel format", picture.look.pixels, "rgb24")
    return picture


def _equal(path: Path, what: str, there: object, wanted: object) -> None:
    if there != wanted:
        raise MediaError(f"{path.name} came out wrong", cause=f"{what}: {there}, not {wanted}", hint=HINT)
