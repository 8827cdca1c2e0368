"""The last frame of a clip as a picture, for the shot that continues it. argv only."""

from fractions import Fraction
from pathlib import Path

from shotbuild.media.filters import argv, decimal, written
from shotbuild.media.geometry import placing
from shotbuild.media.leaves import Source, aspect_of, opened, square_size
from shotbuild.media.pictures import Finish, progressive, shaped


def last_frame(ffmpeg: Path, read: Source, output: str) -> tuple[str, ...]:
    """A PNG of the last frame. Each frame from just before it on is written over the one before."""
    picture, look = read.picture, read.picture.look
    placed = placing(*look.turned, aspect_of(look), square_size(look), "stretch")
    finish = Finish(placing=placed, pixels="gbrp")
    stream = progressive(opened(read, options={"copyts": None}), look)
    if not picture.still and picture.frames > 1:
        stream = stream.filter("select", f"gte(t,{decimal(picture.last - Fraction(1, 2000))})")
    stream = shaped(stream, look, finish, read.path.name).filter("format", "rgb24")
    options = {"c:v": "png", "pix_fmt": "rgb24", "update": "1", "fps_mode": "passthrough", "threads": "1"}
    return argv(ffmpeg, written(stream, output, "image2", options))
