"""Where the picture lies in the frame, and where the words: in strips outside it, so that a shot that continues another
can take its picture without its words. All measures are even."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from shotbuild.providers.storyboard.tone import Color, Plane

STRIP: Color = (15, 16, 18)
MARK: Color = (226, 92, 56)
SMALLEST = 120  # below this many rows or columns a frame is all picture


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """kind: `full`, `slate` or `none`; upper, lower: rows of the strips; margin: columns free of words at both sides;
    small, large: sizes of type."""

    kind: str
    width: int
    height: int
    upper: int
    lower: int
    margin: int
    small: int
    large: int

    @property
    def tall(self) -> int:
        """Rows of the picture."""
        return self.height - self.upper - self.lower

    @property
    def lines(self) -> int:
        """Lines of the caption."""
        return 3 if self.height > self.width else 2

    def mark(self) -> tuple[int, int, int, int]:
        """The small square that stands in the corner of the slate: left, top, right, bottom."""
        side = max(2, self.small * 3 // 5 // 2 * 2)
        top = self.height - self.lower if not self.upper else 0
        middle = top + (self.upper or self.lower) // 2
        return self.margin, middle - side // 2, self.margin + side, middle - side // 2 + side


def layout(kind: str, width: int, height: int) -> Layout:
    least = min(width, height)
    if least < SMALLEST:
        kind = "none"
    small, large = max(8, least * 17 // 1000 + 3), max(9, least * 26 // 1000 + 3)
    margin = _even(max(6, width * 4 // 100))
    upper = lower = 0
    if kind == "full":
        upper = _even(small * 9 // 4)
        rows = 3 if height > width else 2
        lower = _even(rows * large * 27 // 20 + large * 9 // 10) + (_even(large * 2) if height > width else 0)
    if kind == "slate":
        lower = _even(small * 5 // 2)
    return Layout(kind=kind, width=width, height=height, upper=upper, lower=lower, margin=margin, small=small, large=large)


def _even(value: int) -> int:
    return value + value % 2


def worn(picture: Image.Image) -> Layout | None:
    """The layout whose strips an RGB picture wears, when it is a frame of ours; found by the strips' margins and mark."""
    width, height = picture.size
    if width % 2 or height % 2:
        return None
    rows = np.asarray(picture)
    for kind in ("full", "slate"):
        found = layout(kind, width, height)
        if found.kind == kind and _wears(rows, found):
            return found
    return None


def _wears(rows: Plane, found: Layout) -> bool:
    left, top, right, bottom = found.mark()
    edge = found.margin - 4
    strips = [rows[found.height - found.lower + 6 :]]
    if found.upper:
        strips.append(rows[: found.upper - 3])
    plain = all(_far(part, STRIP) < 7 for strip in strips for part in (strip[:, :edge], strip[:, -edge:]))
    inner = rows[top + 1 : bottom - 1, left + 1 : right - 1]
    return plain and inner.size > 0 and _far(inner, MARK) < 60


def _far(part: Plane, rgb: Color) -> int:
    """The mean distance of the worst colour channel."""
    count = part.shape[0] * part.shape[1]
    sums = part.astype(np.int64).sum(axis=(0, 1))
    worst: int = max(abs(int(total) // max(1, count) - want) for total, want in zip(sums, rgb, strict=True))
    return worst
