"""A look in pixels of one frame: how large, in which colours, and in which part of the frame text may stand."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias

from PIL import ImageColor

from shotbuild.media.fonts import BOLD, MONO, REGULAR
from shotbuild.media.lettering.faces import SMALLEST_PIXELS
from shotbuild.records import Fields
from shotbuild.units import Size, round_half_up

Colour: TypeAlias = tuple[int, int, int, int]

SMALLEST = Fraction(1, 72)
"""Letters are never made smaller than this share of the frame's height to make them fit: nobody could read them."""
MARGIN = Fraction(5, 100)
"""Text keeps to the inner 90 % of the frame. Source: SMPTE ST 2046-1, safe title area."""
APPS = Fraction(18, 100)
"""The foot of an upright picture that players on telephones cover with their own text."""
LOWER_THIRD = {False: Fraction(20, 100), True: Fraction(28, 100)}
"""How far a lower third stands above the foot, in a lying and in an upright frame: captions of two lines go below it."""
LETTERS_AT_LEAST = 28
"""Of a caption, in a line: in narrow frames they are made smaller for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """What a style is beyond its look. font, second: of the first line and of the others; lines: as many as there should
    be; least: share of its size down to which it is made smaller for that; leading: from line to line, in letters' heights;
    small: size of the lines after the first."""

    font: Path
    second: Path | None = None
    lines: int
    least: Fraction = Fraction(1, 2)
    leading: Fraction
    small: Fraction = Fraction(1)
    bar: bool = False


STYLES = {
    "title": Style(font=BOLD, lines=3, leading=Fraction(118, 100)),
    "subtitle": Style(font=REGULAR, lines=3, leading=Fraction(130, 100)),
    "lower-third": Style(font=BOLD, second=REGULAR, lines=2, leading=Fraction(132, 100), small=Fraction(72, 100), bar=True),
    # All captions of a film have one size, so that a long one has a third line before it is made smaller.
    "caption": Style(font=BOLD, lines=2, least=Fraction(1), leading=Fraction(128, 100)),
    "label": Style(font=MONO, lines=2, leading=Fraction(135, 100)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A look in pixels. size: of the letters; area: where text may stand (left, top, right, bottom)."""

    style: Style
    caption: bool
    size: int
    floor: int
    color: Colour
    box: Colour | None
    outline: Colour | None
    shadow: bool
    align: str
    place: str
    area: tuple[int, int, int, int]

    def padding(self, size: int) -> tuple[int, int]:
        """Between the letters and the edge of their box, or what stands out of them: sideways, up and down."""
        if self.box is None and not self.style.bar:
            return (0, 0)
        return (size * 9 // 20, size // 5)

    def bar(self, size: int) -> int:
        return max(2, size * 3 // 20) if self.style.bar else 0


def asked_of(look: Fields, frame: Size) -> Asked:
    style, place = look.text("style"), look.text("place")
    size = round_half_up(look.fraction("size") * frame.height)
    area = _area(place, frame)
    if style == "caption":
        size = min(size, 2 * (area[2] - area[0]) // LETTERS_AT_LEAST)
    size = max(size, SMALLEST_PIXELS)
    return Asked(
        style=STYLES[style],
        caption=style == "caption",
        size=size,
        floor=min(size, max(SMALLEST_PIXELS, int(SMALLEST * frame.height))),
        color=_colour(look.text("color")),
        box=_colour_or_none(look, "box"),
        outline=_colour_or_none(look, "outline"),
        shadow=look.get("shadow") is True,
        align=look.text("align"),
        place=place,
        area=area,
    )


def _area(place: str, frame: Size) -> tuple[int, int, int, int]:
    beside, above = int(MARGIN * frame.width), int(MARGIN * frame.height)
    upright, below = frame.width * 5 < frame.height * 4, MARGIN
    if place == "lower-third":
        below = LOWER_THIRD[upright]
    elif upright and place.startswith("bottom"):
        below = APPS
    return (beside, above, frame.width - beside, frame.height - int(below * frame.height))


def _colour_or_none(look: Fields, name: str) -> Colour | None:
    """None also for a colour that cannot be seen, which is how a spec takes a style's box away."""
    found = None if look.get(name) is None else _colour(look.text(name))
    return found if found and found[3] else None


def _colour(text: str) -> Colour:
    found = ImageColor.getcolor(text, "RGBA")
    assert isinstance(found, tuple)
    return (found[0], found[1], found[2], found[3])
