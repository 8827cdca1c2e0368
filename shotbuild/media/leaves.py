"""The frames of one shot inside a graph: a take or plate, decoded, finished and brought to the format of a cut.

Sources are read from their first frame on, because effects and rates are counted from there; only far into a long film of
the cut's own rate is there a jump, to well before the frame that is wanted. Intermediates of ours (`Ready`) are all key
frames at a constant rate, with stamps in milliseconds: going to half a frame before a frame is exact up to 240 a second.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import TypeAlias

from shotbuild.errors import MediaError
from shotbuild.media.colour import BT709, LIMITED, Look
from shotbuild.media.effects import APPLY, READ
from shotbuild.media.effects.interface import Film
from shotbuild.media.filters import NO_OPTIONS, Options, Stream, decimal, picked, source
from shotbuild.media.geometry import Placing, placing, square
from shotbuild.media.pictures import Finish, exactly, numbered, progressive, repeated, shaped, timed
from shotbuild.media.probe import Picture
from shotbuild.records import Fields
from shotbuild.units import Size, round_half_up

INTERMEDIATE = "matroska"
LEAST_HOLD, HOLD_SHARE = 2, Fraction(2, 100)
JUMP, RUN_UP = Fraction(20), Fraction(10)
"""Seconds: from where on a source is jumped into, and how far before the frame."""
JUMPABLE = frozenset({"mov", "matroska"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file that was probed."""

    path: Path
    container: str
    picture: Picture


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """A shot as it is read for a cut. length: its frames at the cut's rate; effects: rows of `effect`, `settings`, `files`;
    own: rate at which its effects are applied, the shot's own; fit: `pad`, `crop` or `stretch`."""

    read: Source
    length: int
    effects: Sequence[Fields]
    own: Fraction
    pixels: str
    fit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """An intermediate of ours at `rate`. length: its frames at the cut's rate."""

    path: Path
    look: Look
    rate: Fraction
    length: int
    fit: str


Leaf: TypeAlias = Shot | Ready


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """The format of a cut. pixels: ffmpeg's name."""

    size: Size
    rate: Fraction
    pixels: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Frames of a shot from `start` on; held: the one at `start`, standing still."""

    start: int
    frames: int
    held: bool


def frames(leaf: Leaf, wanted: Wanted, frame: Frame, again: int) -> Stream:
    """Exactly those frames, in the format of the cut, with counted time stamps. again: how many inputs of the same file come
    before. Errors: MediaError when the source is too short, or has colours that cannot be brought to bt709."""
    shown = 1 if wanted.held else wanted.frames
    if isinstance(leaf, Ready):
        stream = _of_ready(leaf, wanted.start, shown, frame, again)
    else:
        stream = _of_shot(leaf, wanted.start, shown, frame, again)
    if wanted.held:
        stream = repeated(stream, frame.rate).filter("trim", end_frame=wanted.frames)
    return numbered(stream, frame.rate)


def shape_of(leaf: Leaf) -> Fraction | None:
    """Width to height of a shot as it is shown; None where effects decide it."""
    if isinstance(leaf, Ready):
        return Fraction(leaf.look.width, leaf.look.height)
    if leaf.effects:
        return None
    look = leaf.read.picture.look
    return Fraction(look.turned[0], look.turned[1]) * aspect_of(look)


def path_of(leaf: Leaf) -> Path:
    return leaf.path if isinstance(leaf, Ready) else leaf.read.path


def read_from(leaf: Leaf, path: Path) -> Leaf:
    """The same of another file that has the same in it."""
    return replace(leaf, path=path) if isinstance(leaf, Ready) else replace(leaf, read=replace(leaf.read, path=path))


def has_alpha(leaf: Leaf) -> bool:
    return isinstance(leaf, Shot) and not leaf.effects and leaf.read.picture.look.alpha


def finished(shot: Shot, frames_: int) -> tuple[Stream, Film]:
    """A whole shot with its effects, at its own rate and size: what an intermediate holds, and what is known of it."""
    film = chained(shot, 0)
    stream = exactly(_timed(film, shot.own), frames_, LEAST_HOLD)
    return stream, film


def plain_look(size: Size, pixels: str) -> Look:
    """How a picture looks that was brought to bt709 already."""
    digits = pixels.removesuffix("le").rpartition("p")[2]
    return Look(
        width=size.width,
        height=size.height,
        sar=(1, 1),
        rotation=0,
        pixels=pixels,
        depth=int(digits) if digits.isdigit() else 8,
        rgb=pixels.startswith("gbr"),
        grey=False,
        alpha="a" in pixels.partition("p")[0],
        subsampled=("420" in pixels or "422" in pixels, "420" in pixels),
        interlaced=False,
        primaries=BT709,
        transfer=BT709,
        matrix=BT709,
        range=LIMITED,
    )


def resized(stream: Stream, look: Look, size: Size, pixels: str, fit: str, name: str) -> Stream:
    """A picture in another size or pixel format; as it is, where nothing differs."""
    aspect = aspect_of(look)
    placed = placing(*look.turned, aspect, size, fit)
    return _placed(stream, look, placed, pixels, name)


def square_size(look: Look) -> Size:
    """The size of a picture, upright and in square pixels, rounded to even sides."""
    width, height = look.turned
    return square(width, height, aspect_of(look))


def frames_at(picture: Picture, rate: Fraction) -> int:
    """How many frames a picture gives at a rate."""
    return max(1, round_half_up(picture.seconds * rate))


def opened(read: Source, again: int = 0, options: Options = NO_OPTIONS) -> Stream:
    stream = source(read.path, read.container, again=again, options={"autorotate": None, **options})
    return picked(stream, read.picture.index)


def _of_ready(leaf: Ready, start: int, shown: int, frame: Frame, again: int) -> Stream:
    if leaf.rate == frame.rate:
        seek: Options = {"ss": decimal((start - Fraction(1, 2)) / frame.rate)} if start else NO_OPTIONS
        stream = picked(source(leaf.path, INTERMEDIATE, again=again, options={"noautorotate": None, **seek}), 0)
        stream = numbered(stream.filter("trim", end_frame=shown), frame.rate)
    else:
        stream = picked(source(leaf.path, INTERMEDIATE, again=again, options={"noautorotate": None}), 0)
        stream = timed(numbered(stream, leaf.rate), frame.rate)
        stream = _part(exactly(stream, leaf.length, LEAST_HOLD), start, shown, frame.rate)
    return resized(stream, leaf.look, frame.size, frame.pixels, leaf.fit, leaf.path.name)


def _of_shot(shot: Shot, start: int, shown: int, frame: Frame, again: int) -> Stream:
    name, picture = shot.read.path.name, shot.read.picture
    if shot.effects:
        film = chained(shot, again)
        stream = exactly(_timed(film, frame.rate), shot.length, _hold(shot.length))
        stream = _part(stream, start, shown, frame.rate)
        return resized(stream, plain_look(film.size, film.pixels), frame.size, frame.pixels, shot.fit, name)
    if picture.still:
        stream = resized(opened(shot.read, again), picture.look, frame.size, frame.pixels, shot.fit, name)
        return repeated(stream, frame.rate).filter("trim", end_frame=shown)
    _check_length(shot, frame.rate)
    jumped = _jump(shot.read, start, frame.rate)
    options: Options = NO_OPTIONS
    if jumped:
        # Half a frame early, so that rounding cannot miss it; from there on frames are counted. By the file's own clock:
        # ffmpeg would else count from whatever stream of it begins first.
        options = {"ss": decimal(picture.start + (jumped - Fraction(1, 2)) / frame.rate), "seek_timestamp": "1"}
    stream = progressive(opened(shot.read, again, options), picture.look)
    stream = numbered(stream, frame.rate) if jumped else timed(stream, frame.rate)
    stream = exactly(stream, shot.length - jumped, _hold(shot.length))
    stream = _part(stream, start - jumped, shown, frame.rate)
    return resized(stream, picture.look, frame.size, frame.pixels, shot.fit, name)


def chained(shot: Shot, again: int) -> Film:
    """A shot with all of its effects. It runs at its own rate, unless an effect makes frames between frames."""
    read, rows = shot.read, list(shot.effects)
    picture, look = read.picture, read.picture.look
    stream = opened(read, again)
    while rows and rows[0].text("effect") in READ:
        row = rows.pop(0)
        stream, look = READ[row.text("effect")](stream, look, row.inner("settings"))
    own = square_size(look)
    finish = Finish(placing=placing(*look.turned, aspect_of(look), own, "stretch"), pixels=shot.pixels)
    inventing = any(row.text("effect") == "interpolate" for row in rows)
    rate = picture.rate if inventing and not picture.still else shot.own
    stream = progressive(stream, look)
    if picture.still:
        stream = repeated(shaped(stream, look, finish, read.path.name), rate)
    else:
        stream = _placed(timed(stream, rate), look, finish.placing, shot.pixels, read.path.name)
    film = Film(stream=stream, size=own, rate=rate, pixels=shot.pixels)
    for row in rows:
        film = APPLY[row.text("effect")](film, row.inner("settings"), files_of(row))
    return film


def _timed(film: Film, rate: Fraction) -> Stream:
    return film.stream if film.rate == rate else timed(film.stream, rate)


def whole_of(shot: Shot, frames_: int) -> Film:
    """A shot with its effects, as many frames as it has: a still picture would never end."""
    film = chained(shot, 0)
    return replace(film, stream=film.stream.filter("trim", end_frame=frames_)) if shot.read.picture.still else film


def _part(stream: Stream, start: int, shown: int, rate: Fraction) -> Stream:
    return numbered(stream.filter("trim", start_frame=start, end_frame=start + shown), rate)


def _placed(stream: Stream, look: Look, placed: Placing, pixels: str, name: str) -> Stream:
    same = placed.scaled == placed.frame == Size(look.width, look.height) and look.sar == (1, 1) and not look.rotation
    if same and pixels == look.pixels and look.is_bt709:
        return stream
    return shaped(stream, look, Finish(placing=placed, pixels=pixels), name)


def aspect_of(look: Look) -> Fraction:
    """Width to height of one upright pixel."""
    aspect = Fraction(*look.sar)
    return 1 / aspect if look.rotation % 180 else aspect


def _jump(read: Source, start: int, rate: Fraction) -> int:
    """The frame to which a long source is jumped; 0 = it is read from its beginning."""
    picture = read.picture
    if start < JUMP * rate or not (picture.constant_rate and picture.rate == rate) or read.container not in JUMPABLE:
        return 0
    return start - ceil(RUN_UP * rate)


def _hold(length: int) -> int:
    return max(LEAST_HOLD, ceil(HOLD_SHARE * length))


def _check_length(shot: Shot, rate: Fraction) -> None:
    allowed, there = _hold(shot.length), frames_at(shot.read.picture, rate)
    if there + allowed < shot.length:
        raise MediaError(
            f"{shot.read.path.name} is too short",
            cause=f"{shot.length} frames are wanted, and it gives {there} at {float(rate):.3f} frames a second",
            hint=f"use a longer file or a shorter `duration`; at most {allowed} missing frames are filled with the last one",
        )


def files_of(row: Fields) -> Mapping[str, str]:
    """Setting of an effect → plain name of the file that it stands for."""
    return {name: str(value) for name, value in row.inner("files")}
