"""How a picture of one shape is placed in a frame of another. Whole numbers; chroma samples stay whole."""

from dataclasses import dataclass
from fractions import Fraction

from shotbuild.units import Size, round_half_up

NEARLY = 2
"""Where the shapes differ by at most so many pixels, the picture fills the frame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placing:
    """scaled: what the picture is scaled to; frame: the result; left, top: where the one is cut or set in the other."""

    scaled: Size
    frame: Size
    left: int
    top: int

    @property
    def crops(self) -> bool:
        return self.scaled.width > self.frame.width or self.scaled.height > self.frame.height

    @property
    def pads(self) -> bool:
        return self.scaled.width < self.frame.width or self.scaled.height < self.frame.height


def placing(width: int, height: int, sar: Fraction, frame: Size, fit: str) -> Placing:
    """width, height: in pixels of aspect `sar`; fit: `pad` (all is seen), `crop` (the frame is filled) or `stretch`."""
    shape = width * sar / height
    by_width = Size(frame.width, _even(frame.width / shape))
    by_height = Size(_even(frame.height * shape), frame.height)
    wide = shape >= Fraction(frame.width, frame.height)
    scaled = by_width if wide == (fit == "pad") else by_height
    if fit == "stretch" or _close(scaled, frame):
        scaled = frame
    return Placing(
        scaled=scaled,
        frame=frame,
        left=_middle(frame.width, scaled.width),
        top=_middle(frame.height, scaled.height),
    )


def square(width: int, height: int, sar: Fraction) -> Size:
    """The even size of a picture with square pixels; its height stays."""
    return Size(_even(width * sar), _even(Fraction(height)))


def _even(side: Fraction) -> int:
    return max(2, 2 * round_half_up(side / 2))


def _middle(one: int, other: int) -> int:
    return abs(one - other) // 4 * 2


def _close(scaled: Size, frame: Size) -> bool:
    return abs(scaled.width - frame.width) <= NEARLY and abs(scaled.height - frame.height) <= NEARLY
