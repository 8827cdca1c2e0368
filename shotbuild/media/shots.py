"""One frame of a clip as a picture: the last one, for the shot that continues it, or one from its middle. argv only."""

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

from shotbuild.media.filters import argv, decimal, written
from shotbuild.media.geometry import placing
from shotbuild.media.leaves import Source, aspect_of, opened, square_size
from shotbuild.media.pictures import Finish, progressive, shaped
from shotbuild.units import Size, round_half_up


def last_frame(ffmpeg: Path, read: Source, output: str) -> tuple[str, ...]:
    """A PNG of the last frame. Each frame from just before it on is written over the one before."""
    return _png(ffmpeg, read, read.picture.last - Fraction(1, 2000), square_size(read.picture.look), {}, output)


def middle_frame(ffmpeg: Path, read: Source, width: int, output: str) -> tuple[str, ...]:
    """A PNG of a frame from the middle, at most so many pixels wide."""
    size = square_size(read.picture.look)
    if size.width > width:
        size = Size(width, max(2, 2 * round_half_up(Fraction(size.height * width, 2 * size.width))))
    middle = (read.picture.start + read.picture.last) / 2 - Fraction(1, 2000)
    return _png(ffmpeg, read, middle, size, {"frames:v": "1"}, output)


def _png(ffmpeg: Path, read: Source, at: Fraction, size: Size, more: Mapping[str, str], output: str) -> tuple[str, ...]:
    """The frames from a time on, each written over the one before."""
    picture, look = read.picture, read.picture.look
    finish = Finish(placing=placing(*look.turned, aspect_of(look), size, "stretch"), pixels="gbrp")
    stream = progressive(opened(read, options={"copyts": None}), look)
    if not picture.still and picture.frames > 1:
        stream = stream.filter("select", f"gte(t,{decimal(at)})")
    stream = shaped(stream, look, finish, read.path.name).filter("format", "rgb24")
    options = {"c:v": "png", "pix_fmt": "rgb24", "update": "1", "fps_mode": "passthrough", "threads": "1", **more}
    return argv(ffmpeg, written(stream, output, "image2", options))
