"""How far apart two clips are to people: in structure, in colour and in motion. Two runs of ffmpeg.

The first run is `compare`'s; where it finds no difference there is no second one. In the second both pictures are brought
to the size of the first clip, made smaller where that is larger than LONGEST, and to bt709 with 8 bits; alpha is set on
black. Frames lie side by side by their number.
"""

import threading
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shotbuild.host import process
from shotbuild.media.cielab import ciede2000, cielab
from shotbuild.media.compare import Difference, compare
from shotbuild.media.filters import Stream, argv, picked, source, written
from shotbuild.media.geometry import placing
from shotbuild.media.pictures import Finish, shaped
from shotbuild.media.probe import Probe, probe
from shotbuild.units import Size, decimal_text

GRID = Size(32, 18)
LONGEST = 640
"""Pixels of the longer side: `siti` takes 60 ms for a frame of 1920x1080, and 7 ms for one of 640x360."""
SHORTEST = 16
"""No side is smaller: swscale cannot take the areas of a picture that is one pixel high."""
TI = "lavfi.siti.ti"
_SIDES = (("a.ti", "a.grid"), ("b.ti", "b.grid"))
_AREA = {"flags": "area+accurate_rnd+full_chroma_int+full_chroma_inp+bitexact"}
_FROM = {"in_color_matrix": "bt709", "in_range": "limited"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Resemblance:
    """How far apart two clips are, over the frames of the shorter one. Decimal text, the same on every run.

    structure: SSIM (Wang et al. 2004), the mean over frames, at most 1, with 6 decimals, None = too small to have one;
    colour: CIEDE2000, the mean over frames of the differences between the mean colours of a grid's 32x18 cells, about 1 =
    just noticed; motion: the mean over frames of the difference in temporal information (TI of ITU-T P.910: the spread of
    what changed since the frame before, 0 to 255). The last two have 2 decimals.
    """

    difference: Difference
    structure: str | None
    colour: str
    motion: str


def resemble(ffmpeg: Path, a: Path, b: Path, folder: Path, cancel: threading.Event | None = None) -> Resemblance:
    """folder: an existing one, where ffmpeg runs and writes what it measures.

    Errors: those of `compare`, and MediaError when one of the two is HDR; ProcessError also where ffmpeg lacks `siti`,
    which every one from 5.1 on has."""
    difference = compare(ffmpeg, a, b, folder, cancel)
    colour, motion = "0.00", "0.00"
    if difference.first_different is not None:
        process.run(_command(ffmpeg, (a, b), difference.compared), cwd=folder, cancel=cancel)
        colour, motion = _colour(folder, difference.compared), _motion(folder, difference.compared)
    return Resemblance(difference=difference, structure=difference.ssim, colour=colour, motion=motion)


def _command(ffmpeg: Path, paths: tuple[Path, Path], frames: int) -> tuple[str, ...]:
    found = [probe(path) for path in paths]
    frame = _within(*found[0].video.look.turned)
    outputs: list[Stream] = []
    for again, (path, each, names) in enumerate(zip(paths, found, _SIDES, strict=True)):
        outputs += _side(path, each, again, frame, frames, names)
    return argv(ffmpeg, *outputs)


def _within(width: int, height: int) -> Size:
    """The first clip's size as far as it fits."""
    longer = max(width, height)
    sides = (width, height) if longer <= LONGEST else (width * LONGEST // longer, height * LONGEST // longer)
    return Size(*(max(side, SHORTEST) for side in sides))


def _side(path: Path, found: Probe, again: int, frame: Size, frames: int, names: tuple[str, str]) -> tuple[Stream, Stream]:
    """The motion and the colours of one clip. Frame n is shown at n seconds, whatever its file says."""
    look = found.video.look
    read = picked(source(path, found.container, again=again, options={"autorotate": None}), found.video.index)
    counted = read.filter("settb", "1").filter("setpts", "N")
    placed = placing(look.turned[0], look.turned[1], Fraction(1), frame, "stretch")
    small = shaped(counted, look, Finish(placing=placed, pixels="yuv444p"), path.name).filter_multi_output("split", 2)
    told = small[0].filter("format", "yuv420p").filter("siti").filter("metadata", mode="print", key=TI, file=names[0])
    cells = small[1].filter("scale", GRID.width, GRID.height, **_AREA, **_FROM).filter("format", "rgb48le")
    until = {"fps_mode": "passthrough", "frames:v": str(frames)}
    return written(told, names[0], "null", until), written(cells, names[1], "rawvideo", {"c:v": "rawvideo", **until})


def _motion(folder: Path, frames: int) -> str:
    a, b = (_told(folder / name, frames) for name, _ in _SIDES)
    return decimal_text(sum((abs(one - other) for one, other in zip(a, b, strict=True)), Fraction(0)) / frames)


def _told(path: Path, frames: int) -> list[Fraction]:
    """From lines such as `lavfi.siti.ti=4.25`. The filter may have seen more frames than were asked for."""
    lines = path.read_text(encoding="ascii").splitlines()
    return [Fraction(line.partition("=")[2]) for line in lines if line.startswith(TI)][:frames]


def _colour(folder: Path, frames: int) -> str:
    a, b = (cielab(_grids(folder / name)) for _, name in _SIDES)
    return f"{ciede2000(a, b).reshape(frames, -1).mean():.2f}"


def _grids(path: Path) -> NDArray[np.float64]:
    coded = np.frombuffer(path.read_bytes(), dtype="<u2").reshape(-1, GRID.height, GRID.width, 3)
    return coded / np.float64(0xFFFF)
