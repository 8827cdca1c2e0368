"""The commands on one shot: conform, upscale, last frame. argv only."""

from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from pathlib import Path

from shotbuild.errors import MediaError
from shotbuild.media.filters import NO_OPTIONS, Options, Stream, argv, decimal, ffv1, picked, source, written
from shotbuild.media.geometry import Placing, placing, square
from shotbuild.media.pictures import Finish, exactly, progressive, repeated, shaped, timed
from shotbuild.media.probe import Picture
from shotbuild.units import Size, round_half_up

LEAST_HOLD, HOLD_SHARE = 2, Fraction(2, 100)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file that was probed."""

    path: Path
    container: str
    picture: Picture


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The picture that a cut takes. frames: exact; fit: `pad`, `crop` or `stretch`; pixels: ffmpeg's name."""

    frames: int
    size: Size
    rate: Fraction
    pixels: str
    fit: str


def conform(ffmpeg: Path, read: Source, wanted: Wanted, output: str) -> tuple[str, ...]:
    """Errors: MediaError when the source is too short for the frames, or has colours that cannot be brought to bt709."""
    picture, look = read.picture, read.picture.look
    hold = _hold(read, wanted.frames, wanted.rate)
    finish = Finish(placing=_placing(picture, wanted.size, wanted.fit), pixels=wanted.pixels)
    stream = progressive(_picture(read), look)
    if picture.still:
        stream = repeated(shaped(stream, look, finish, read.path.name), wanted.rate)
    else:
        stream = shaped(timed(stream, wanted.rate), look, finish, read.path.name)
    stream = exactly(stream, wanted.frames, hold)
    return argv(ffmpeg, written(stream, output, "matroska", ffv1(wanted.pixels, wanted.frames)))


def upscale(
    ffmpeg: Path, read: Source, size: Size, rate: Fraction, pixels: str, scaler: str, output: str
) -> tuple[str, ...]:
    """Every frame of the source, at `rate`."""
    picture = read.picture
    finish = Finish(placing=_placing(picture, size, "pad"), pixels=pixels, scaler=scaler)
    frames = frames_at(picture, rate)
    stream = timed(progressive(_picture(read), picture.look), rate)
    stream = exactly(shaped(stream, picture.look, finish, read.path.name), frames, LEAST_HOLD)
    return argv(ffmpeg, written(stream, output, "matroska", ffv1(pixels, frames)))


def last_frame(ffmpeg: Path, read: Source, output: str) -> tuple[str, ...]:
    """A PNG of the last frame. Each frame from just before it on is written over the one before."""
    picture = read.picture
    finish = Finish(placing=_placing(picture, square_size(picture), "stretch"), pixels="gbrp")
    stream = progressive(_picture(read, {"copyts": None}), picture.look)
    if not picture.still and picture.frames > 1:
        stream = stream.filter("select", f"gte(t,{decimal(picture.last - Fraction(1, 2000))})")
    stream = shaped(stream, picture.look, finish, read.path.name).filter("format", "rgb24")
    options = {"c:v": "png", "pix_fmt": "rgb24", "update": "1", "fps_mode": "passthrough", "threads": "1"}
    return argv(ffmpeg, written(stream, output, "image2", options))


def square_size(picture: Picture) -> Size:
    """The size of a picture, upright and in square pixels, rounded to even sides."""
    width, height = picture.look.turned
    return square(width, height, _aspect(picture))


def frames_at(picture: Picture, rate: Fraction) -> int:
    """How many frames a picture gives at a rate."""
    return max(1, round_half_up(picture.seconds * rate))


def _picture(read: Source, options: Options = NO_OPTIONS) -> Stream:
    opened = source(read.path, read.container, options={"autorotate": None, **options})
    return picked(opened, read.picture.index)


def _aspect(picture: Picture) -> Fraction:
    aspect = Fraction(*picture.look.sar)
    return 1 / aspect if picture.look.rotation % 180 else aspect


def _placing(picture: Picture, size: Size, fit: str) -> Placing:
    width, height = picture.look.turned
    return placing(width, height, _aspect(picture), size, fit)


def _hold(read: Source, frames: int, rate: Fraction) -> int:
    if read.picture.still:
        return 0
    allowed = max(LEAST_HOLD, ceil(HOLD_SHARE * frames))
    there = frames_at(read.picture, rate)
    if there + allowed < frames:
        raise MediaError(
            f"{read.path.name} is too short",
            cause=f"{frames} frames are wanted, and it gives {there} at {float(rate):.3f} frames a second",
            hint=f"use a longer file or a shorter `duration`; at most {allowed} missing frames are filled with the last one",
        )
    return allowed
