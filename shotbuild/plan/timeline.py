"""What is seen in each frame of a cut: a track of stretches, and how tracks are cut, joined, blended and laid over another.

A stretch is a run of frames whose picture is made in one way throughout; it is what is encoded on its own. Pictures are
values that nest: a run of one shot, a slug of one colour, a blend of two pictures, a picture over another one. Every
function here gives new tracks and changes none. Knows no files, no encoders and no sound.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import TypeAlias, Union

from shotbuild.records import Title
from shotbuild.units import round_half_up, rounded_product


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Frames of a shot from frame `start` on, at the cut's rate; held: that one frame, standing still."""

    shot: str
    start: int
    held: bool = False


@dataclass(frozen=True, slots=True)
class Slug:
    """One colour, as `#rrggbb`."""

    colour: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Blend:
    """Frame k stands at (at + k + 1) / (of + 1) of the way from `a` to `b`, so that neither is seen alone. form: of a wipe,
    empty for a dissolve."""

    a: "Picture"
    b: "Picture"
    at: int
    of: int
    form: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Over:
    """A picture over another one. Frame k is frame `at` + k of an overlay that lasts `of` frames; left, top: of its middle,
    and width, as shares of the frame; fades: frames at its beginning and end."""

    base: "Picture"
    top: "Picture"
    left: Fraction
    upper: Fraction
    width: Fraction
    opacity: Fraction
    at: int
    of: int
    fade_in: int
    fade_out: int


Picture: TypeAlias = Union[Run, Slug, Blend, Over]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A title over a stretch: its frame k is frame `at` + k of a title that lasts `of` frames; fades in frames."""

    title: Title
    at: int
    of: int
    fade_in: int
    fade_out: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """So many frames of one picture, with the titles over it, the undermost first."""

    frames: int
    picture: Picture
    titles: tuple[Shown, ...] = ()


MOST_PIECES = 4
"""Into so many parts one stretch is divided at most: each part decodes what comes before it, where it is encoded alone."""

Track: TypeAlias = tuple[Stretch, ...]


def frames_of(seconds: Fraction, rate: Fraction) -> int:
    """How many frames a length of time fills; at least one."""
    return max(1, rounded_product(seconds, rate))


@lru_cache(maxsize=1024)
def seconds_of(frames: int, rate: Fraction) -> Fraction:
    return frames / rate


def length(track: Track) -> int:
    return sum(stretch.frames for stretch in track)


def starts(track: Track) -> tuple[int, ...]:
    """The first frame of each stretch."""
    return tuple(accumulate((stretch.frames for stretch in track[:-1]), initial=0)) if track else ()


def part(track: Track, start: int, end: int) -> Track:
    """Frames `start` to `end` (not with it)."""
    found: list[Stretch] = []
    at = 0
    for stretch in track:
        first, last = max(start - at, 0), min(end - at, stretch.frames)
        if first < last:
            whole = last - first == stretch.frames
            found.append(stretch if whole else _moved(stretch, first, last - first))
        at += stretch.frames
    return tuple(found)


def crossed(a: Track, b: Track, kind: str, style: str) -> Track:
    """Two tracks of one length, the first going over into the second. kind: `dissolve`, `wipe` or `dip`; style: the form of
    a wipe, the colour of a dip."""
    of = length(a)
    if kind == "dip":
        out = of // 2
        colour = (Stretch(frames=of, picture=Slug(style)),)
        going = crossed(part(a, 0, out), part(colour, 0, out), "dissolve", "") if out else ()
        return going + crossed(part(colour, 0, of - out), part(b, out, of), "dissolve", "")
    form = style if kind == "wipe" else ""
    mixed: list[Stretch] = []
    for at, one, other in _together(a, b):
        picture = Blend(a=one.picture, b=other.picture, at=at, of=of, form=form)
        # Titles lie over the delivered picture, where nothing melts: each goes or comes with its own side.
        titles = [_leaving(shown, at, of) for shown in one.titles] + [_arriving(shown, at, of) for shown in other.titles]
        mixed.append(Stretch(frames=one.frames, picture=picture, titles=tuple(titles)))
    return tuple(mixed)


def overlaid(track: Track, at: int, top: Track, place: Over) -> Track:
    """A track over a part of another one, from frame `at` on. place: where and how; its pictures and frames are replaced."""
    end = min(at + length(top), length(track))
    seen = end - at
    inside = [
        replace(
            one,
            picture=replace(place, base=one.picture, top=other.picture, at=offset, of=seen),
            titles=one.titles + other.titles,
        )
        for offset, one, other in _together(part(track, at, end), part(top, 0, seen))
    ]
    return part(track, 0, at) + tuple(inside) + part(track, end, length(track))


def titled(track: Track, at: int, shown: Shown) -> Track:
    """A title over a part of a track, from frame `at` on."""
    end = at + shown.of
    inside = part(track, at, end)
    lit = [
        replace(stretch, titles=(*stretch.titles, replace(shown, at=offset)))
        for offset, stretch in zip(starts(inside), inside, strict=True)
    ]
    return part(track, 0, at) + tuple(lit) + part(track, end, length(track))


def runs(picture: Picture) -> tuple[Run, ...]:
    """The runs that a picture is made of, in the order in which they are written."""
    match picture:
        case Run():
            return (picture,)
        case Blend():
            return runs(picture.a) + runs(picture.b)
        case Over():
            return runs(picture.base) + runs(picture.top)
    return ()


def _together(a: Track, b: Track) -> Iterable[tuple[int, Stretch, Stretch]]:
    """Two tracks of one length in pieces in which neither changes, with the frame at which each begins."""
    points = sorted({*starts(a), *starts(b), length(a)})
    for start, end in pairwise(points):
        (one,), (other,) = part(a, start, end), part(b, start, end)
        yield start, one, other


def _moved(stretch: Stretch, by: int, frames: int) -> Stretch:
    titles = tuple(replace(shown, at=shown.at + by) for shown in stretch.titles)
    return Stretch(frames=frames, picture=_later(stretch.picture, by), titles=titles)


def _later(picture: Picture, by: int) -> Picture:
    """The picture as it is `by` frames on."""
    if not by:
        return picture
    match picture:
        case Run():
            return picture if picture.held else replace(picture, start=picture.start + by)
        case Blend():
            return replace(picture, a=_later(picture.a, by), b=_later(picture.b, by), at=picture.at + by)
        case Over():
            return replace(picture, base=_later(picture.base, by), top=_later(picture.top, by), at=picture.at + by)
    return picture


def _leaving(shown: Shown, at: int, of: int) -> Shown:
    """A title that a transition cuts off goes with it. at: of the transition, which lasts `of` frames."""
    end = shown.at - at + of
    return replace(shown, of=end, fade_out=of) if shown.of >= end else shown


def _arriving(shown: Shown, at: int, of: int) -> Shown:
    """A title that is there from the first frame of a transition comes with it; its clock begins there."""
    past = shown.at - at
    return replace(shown, at=at, of=shown.of - past, fade_in=of) if past >= 0 else shown


def pieces(stretch: Stretch, gop: int) -> Track:
    """A stretch in parts that can be encoded side by side: each begins where a key frame would have stood anyway, every
    `gop` frames, so that little is lost. What is shorter than two of them stays whole."""
    count = min(MOST_PIECES, stretch.frames // gop) or 1
    if count == 1:
        return (stretch,)
    ends = [gop * round_half_up(Fraction(index * stretch.frames, count * gop)) for index in range(1, count)]
    points = [0, *ends, stretch.frames]
    return joined([part((stretch,), start, end) for start, end in pairwise(points)])


def joined(tracks: Sequence[Track]) -> Track:
    return tuple(stretch for track in tracks for stretch in track)
