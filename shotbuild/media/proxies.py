"""A film as people look at it in a browser: a small copy, frame for frame, that can be jumped about in, a contact sheet of
it, and one still. argv only."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from pathlib import Path

import ffmpeg

from shotbuild.media.colour import TAGS
from shotbuild.media.filters import EXACT, Stream, argv, decimal, picked, source, written
from shotbuild.media.geometry import square
from shotbuild.media.leaves import Frame, Shot, Source, Wanted, aspect_of, frames, frames_at
from shotbuild.media.probe import Picture, Sound
from shotbuild.units import SAMPLE_RATE, Size, round_half_up

PIXELS = "yuv420p"
LONG_SIDE, SHORT_SIDE = 960, 540
CELL = 240
COLUMNS, MOST_CELLS = 5, 20
STILL_WIDTH = 480
SMALL, CUT = 160, 12
"""Columns of the picture that is looked at, and how far it has to be from the one before to be a cut."""
MOST_TOLD = 20
_SEEN = re.compile(r"(frame|lavfi[.](?:blackframe|freezedetect|scd)[.][a-z_]+)[:=]([0-9.]+)(?:\s.*)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Which frames stand in a contact sheet, row by row from the upper left."""

    columns: int
    rows: int
    frames: tuple[int, ...]


def grid(count: int) -> Grid:
    """The sheet of a film of so many frames."""
    cells = min(count, MOST_CELLS)
    shown = tuple((2 * index + 1) * count // (2 * cells) for index in range(cells))
    return Grid(columns=min(cells, COLUMNS), rows=ceil(cells / COLUMNS), frames=shown)


def size_of(picture: Picture) -> Size:
    """Of a proxy: within 960 by 540 for wide pictures, 540 by 960 for tall ones; even, and never larger than the film."""
    whole = square(*picture.look.turned, aspect_of(picture.look))
    wide = whole.width >= whole.height
    box = (LONG_SIDE, SHORT_SIDE) if wide else (SHORT_SIDE, LONG_SIDE)
    share = min(Fraction(1), Fraction(box[0], whole.width), Fraction(box[1], whole.height))
    return Size(_even(whole.width * share), _even(whole.height * share))


def rate_of(picture: Picture) -> Fraction:
    """At which a proxy runs: the film's own. A still picture is one frame."""
    return Fraction(24) if picture.still else picture.rate


def length_of(picture: Picture) -> int:
    """Frames of a proxy."""
    if picture.still:
        return 1
    return picture.frames if picture.constant_rate else frames_at(picture, picture.rate)


def proxy(program: Path, read: Source, sound: Sound | None, film: str, sheet: str, seen: str) -> tuple[str, ...]:
    """film: an MP4, H.264 without B-frames, a key frame every half second, so that each frame is quickly reached; with AAC
    where there is sound; sheet: a JPEG of `grid`; seen: what `findings` reads.

    Errors: MediaError for colours that cannot be brought to bt709."""
    picture = read.picture
    rate, length, size = rate_of(picture), length_of(picture), size_of(picture)
    leaf = Shot(read=read, length=length, effects=(), own=rate, pixels=PIXELS, fit="stretch")
    stream = frames(leaf, Wanted(start=0, frames=length, held=False), Frame(size=size, rate=rate, pixels=PIXELS), 0)
    parts = stream.filter_multi_output("split", 3)
    whole, part, looked = parts[0], parts[1], parts[2]
    streams = [whole] if sound is None else [whole, _heard(read, sound, Fraction(length) / rate)]
    options = {
        "c:v": "libx264",
        "preset": "veryfast",
        "crf": "22",
        "bf": "0",
        "g": str(max(1, round_half_up(rate / 2))),
        "sc_threshold": "0",
        "pix_fmt": PIXELS,
        "threads": "2",
        "fps_mode": "passthrough",
        "movflags": "+faststart",
        "video_track_timescale": str(_timescale(rate)),
        **({} if sound is None else {"c:a": "aac", "b:a": "128k"}),
        **TAGS,
    }
    made = ffmpeg.output(*streams, f"file:{film}", f="mp4", **{**EXACT, **options})
    return argv(program, made, _sheet(part, length, size, sheet), _looked(looked, seen))


def findings(seen: str, length: int, rate: Fraction) -> tuple[str, ...]:
    """What is doubtful in a picture, in words, of what `proxy` wrote down: black or standing frames, and cuts inside a shot.
    length: frames of the film."""
    frame, black, frozen = 0, list[int](), list[tuple[int, int]]()
    cuts: list[int] = []
    began: int | None = None
    for line in seen.splitlines():
        found = _SEEN.fullmatch(line.strip())
        if found is None:
            continue
        name, value = found[1], found[2]
        if name == "frame":
            frame = int(value)
        elif name == "lavfi.blackframe.pblack":
            black.append(frame)
        elif name == "lavfi.freezedetect.freeze_start":
            began = round_half_up(Fraction(value) * rate)
        elif name == "lavfi.freezedetect.freeze_end" and began is not None:
            frozen.append((began, round_half_up(Fraction(value) * rate) - 1))
            began = None
        elif name == "lavfi.scd.time":
            cuts.append(frame)
    if began is not None:
        frozen.append((began, length - 1))
    told = [f"black: {_frames(*span)}" for span in _spans(black)]
    if len(frozen) == 1 and frozen[0] == (0, length - 1):
        told.append("nothing moves")
    else:
        told += [f"stands still: {_frames(*span)}" for span in frozen]
    told += [
        f"a cut inside the shot: {_frames(cut, cut)}" for cut in cuts if not any(near in black for near in (cut - 1, cut))
    ]
    return tuple(told[:MOST_TOLD])


def _spans(frames_: Sequence[int]) -> list[tuple[int, int]]:
    """Runs of frames that follow each other."""
    spans: list[tuple[int, int]] = []
    for number in frames_:
        if spans and spans[-1][1] == number - 1:
            spans[-1] = spans[-1][0], number
        else:
            spans.append((number, number))
    return spans


def _frames(first: int, last: int) -> str:
    return f"frame {first}" if first == last else f"frames {first} to {last}"


def still(program: Path, read: Source, output: str) -> tuple[str, ...]:
    """A JPEG of a frame from the middle, at most 480 wide. Far into a film there is a jump: only what is near is decoded."""
    picture = read.picture
    whole = size_of(picture)
    width = min(STILL_WIDTH, whole.width)
    size = Size(width, _even(Fraction(whole.height * width, whole.width)))
    rate, length = rate_of(picture), length_of(picture)
    leaf = Shot(read=read, length=length, effects=(), own=rate, pixels=PIXELS, fit="stretch")
    wanted = Wanted(start=length // 2, frames=1, held=False)
    return argv(program, _jpeg(frames(leaf, wanted, Frame(size=size, rate=rate, pixels=PIXELS), 0), output))


def cell_of(size: Size) -> Size:
    """Of one picture of the sheet of a proxy of that size."""
    width = min(CELL, size.width)
    return Size(width, _even(Fraction(size.height * width, size.width)))


def _sheet(stream: Stream, length: int, size: Size, output: str) -> Stream:
    wanted, cell = grid(length), cell_of(size)
    chosen = stream.filter("select", "+".join(f"eq(n,{number})" for number in wanted.frames))
    small = chosen.filter("scale", cell.width, cell.height, flags="bicubic+accurate_rnd+bitexact")
    return _jpeg(small.filter("tile", f"{wanted.columns}x{wanted.rows}", nb_frames=len(wanted.frames)), output)


def _looked(stream: Stream, output: str) -> Stream:
    """Writes down, frame by frame, what is black, stands still or is another picture: by ffmpeg's own thresholds, but that
    half a second without motion is told."""
    small = stream.filter("scale", SMALL, -2, flags="bilinear+accurate_rnd+bitexact")
    small = small.filter("blackframe", amount=98, threshold=32).filter("freezedetect", noise="0.0003", duration="0.5")
    told = small.filter("scdet", threshold=CUT).filter("metadata", "print", file=output)
    return written(told, "-", "null", {"fps_mode": "passthrough"})


def _jpeg(stream: Stream, output: str) -> Stream:
    full = stream.filter("scale", out_range="full", flags="bicubic+accurate_rnd+bitexact").filter("format", "yuvj420p")
    options = {"c:v": "mjpeg", "q:v": "4", "update": "1", "frames:v": "1", "fps_mode": "passthrough", "threads": "1"}
    return written(full, output, "image2", options)


def _heard(read: Source, sound: Sound, seconds: Fraction) -> Stream:
    """The sound from the first frame on, as long as the picture, in two channels."""
    stream = picked(source(read.path, read.container, again=1), sound.index)
    stream = stream.filter("asetpts", f"PTS-{decimal(read.picture.start)}/TB")
    stream = stream.filter("aresample", SAMPLE_RATE, **{"async": 1, "first_pts": 0})
    stream = stream.filter("aformat", channel_layouts="stereo", sample_fmts="fltp")
    return stream.filter("apad").filter("atrim", end=decimal(seconds))


def _timescale(rate: Fraction) -> int:
    return rate.numerator * max(1, ceil(Fraction(10_000, rate.numerator)))


def _even(value: Fraction) -> int:
    return max(2, 2 * round_half_up(value / 2))
