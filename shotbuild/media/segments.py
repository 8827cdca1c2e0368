"""The command that encodes one segment of a cut: a run of one clip, or the overlap of two. argv only.

Inputs are our own intermediates: all key frames, constant rate, millisecond time stamps. So seeking to half a frame before
a frame and counting from there is exact at every rate up to 240.
"""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from shotbuild.media.colour import Look
from shotbuild.media.filters import NO_OPTIONS, Options, Stream, argv, decimal, joined, picked, source, written
from shotbuild.media.geometry import placing
from shotbuild.media.pictures import Finish, framed, numbered, shaped
from shotbuild.media.profiles import MUXERS, encoder_arguments
from shotbuild.records import Fields
from shotbuild.units import Size, rate_text, timecode

INTERMEDIATE = "matroska"
LABEL_FILE, LABEL_FONT, CLOCK_FONT = "label.txt", "label.font", "clock.font"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Frames of an intermediate from frame `start` on. look: of its picture."""

    path: Path
    start: int
    look: Look


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """What to encode. clock: frame of the cut at which it starts, drawn with the text of LABEL_FILE; None = not drawn."""

    frames: int
    rate: Fraction
    size: Size
    reframe: str
    video: Fields
    clock: int | None


def encode(ffmpeg: Path, a: Run, b: Run | None, chunk: Chunk, output: str) -> tuple[str, ...]:
    """b: None, or the clip that `a` dissolves into. The fonts and LABEL_FILE lie in the folder where ffmpeg runs."""
    stream = _frames(a, chunk)
    if b is not None:
        stream = _dissolved(stream, _frames(b, chunk, again=1), a.look.pixels, chunk)
    stream = _resized(stream, a, chunk)
    if chunk.clock is not None:
        stream = _burnt_in(stream, chunk, chunk.clock)
    stream = stream.filter("format", chunk.video.text("pixels"))
    arguments = encoder_arguments(chunk.video, chunk.rate) | {"frames:v": str(chunk.frames)}
    return argv(ffmpeg, written(stream, output, MUXERS[chunk.video.text("extension")], arguments))


def _frames(run: Run, chunk: Chunk, again: int = 0) -> Stream:
    seek: Options = {"ss": decimal((run.start - Fraction(1, 2)) / chunk.rate)} if run.start else NO_OPTIONS
    stream = picked(source(run.path, INTERMEDIATE, again=again, options={"noautorotate": None, **seek}), 0)
    return numbered(stream.filter("trim", end_frame=chunk.frames), chunk.rate)


def _dissolved(a: Stream, b: Stream, pixels: str, chunk: Chunk) -> Stream:
    """Frame n of D is mixed (n+1)/(D+1), so that neither clip shows alone. xfade works in 4:4:4, hence `format`."""
    mixed = joined(
        [a, b],
        "xfade",
        transition="fade",
        duration=decimal((chunk.frames + 1) / chunk.rate),
        offset=decimal(-1 / chunk.rate),
    )
    return numbered(mixed.filter("format", pixels), chunk.rate)


def _resized(stream: Stream, a: Run, chunk: Chunk) -> Stream:
    look = a.look
    placed = placing(look.width, look.height, Fraction(1), chunk.size, chunk.reframe)
    pixels = chunk.video.text("pixels")
    if placed.scaled == Size(look.width, look.height) and pixels == look.pixels:
        return framed(stream, placed)
    return shaped(stream, look, Finish(placing=placed, pixels=pixels), a.path.name)


def _burnt_in(stream: Stream, chunk: Chunk, clock: int) -> Stream:
    """Label at the top left, running timecode of the cut at the top right: captions stand at the bottom."""
    side = min(chunk.size.width, chunk.size.height)
    letters = max(10, side // 24)
    margin = max(4, side // 30)
    look = {
        "fontsize": letters,
        "fontcolor": "white",
        "box": 1,
        "boxcolor": "black@0.6",
        "boxborderw": max(2, letters // 3),
        "expansion": "none",
        "fix_bounds": 1,
        "y_align": "font",
        "y": margin,
    }
    labelled = stream.filter("drawtext", fontfile=LABEL_FONT, textfile=LABEL_FILE, x=margin, **look)
    return labelled.filter(
        "drawtext",
        fontfile=CLOCK_FONT,
        timecode=timecode(clock, chunk.rate),
        timecode_rate=rate_text(chunk.rate),
        text="",
        x=f"w-tw-{margin}",
        **look,
    )
