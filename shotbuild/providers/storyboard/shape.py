"""Outlines and their coverage masks. Coordinates are floats made by + - * / only; coverage is counted in integers."""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from shotbuild.providers.storyboard.chance import Chance, turn

Point: TypeAlias = tuple[float, float]
Outline: TypeAlias = list[Point]
Mask: TypeAlias = NDArray[np.uint8]

FINE = 64  # parts of a pixel
LINES = 4  # sampled lines in a pixel row
STEP = FINE // LINES


def coverage(outlines: Iterable[Outline], width: int, height: int) -> Mask:
    """The union of closed outlines as an anti-aliased mask. Outlines in pixels; orientation does not matter."""
    edges = [edge for outline in outlines for edge in _edges(outline)]
    total = np.zeros((height, width + 2), np.int32)
    for start in range(0, len(edges), 4096):
        _add(total, np.array(edges[start : start + 4096], np.int64), width, height)
    np.cumsum(total, axis=1, out=total)
    np.abs(total, out=total)
    np.minimum(total, 256, out=total)
    total *= 255
    total >>= 8
    return total[:, :width].astype(np.uint8)


def _edges(outline: Outline) -> list[tuple[int, int, int, int]]:
    fine = [(round(x * FINE), round(y * FINE)) for x, y in outline]
    pairs = list(zip(fine, fine[1:] + fine[:1], strict=True))
    area = sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in pairs)
    if area < 0:
        pairs = [(end, start) for start, end in pairs]
    return [(x0, y0, x1, y1) for (x0, y0), (x1, y1) in pairs if y0 != y1]


def _add(total: NDArray[np.int32], edges: NDArray[np.int64], width: int, height: int) -> None:
    down = edges[:, 1] < edges[:, 3]
    x0, y0 = np.where(down, edges[:, 0], edges[:, 2]), np.where(down, edges[:, 1], edges[:, 3])
    x1, y1 = np.where(down, edges[:, 2], edges[:, 0]), np.where(down, edges[:, 3], edges[:, 1])
    first = np.clip(-((STEP // 2 - y0) // STEP), 0, height * LINES)
    last = np.clip(-((STEP // 2 - y1) // STEP), 0, height * LINES)
    counts = last - first
    which = np.repeat(np.arange(len(edges)), counts)
    if not which.size:
        return
    line = np.arange(which.size) - np.repeat(np.cumsum(counts) - counts, counts) + first[which]
    at = line * STEP + STEP // 2
    x = x0[which] + (at - y0[which]) * (x1 - x0)[which] // (y1 - y0)[which]
    x = np.clip(x, 0, width * FINE)
    sign = np.where(down, 1, -1)[which]
    column, part = x // FINE, x % FINE
    cell = (line // LINES) * (width + 2) + column
    np.add.at(total.reshape(-1), cell, (sign * (FINE - part)).astype(np.int32))
    np.add.at(total.reshape(-1), cell + 1, (sign * part).astype(np.int32))


def move(outlines: Iterable[Outline], dx: float, dy: float, scale: float = 1.0, flip: int = 1) -> list[Outline]:
    """Scaled about the origin (mirrored when flip is -1), then shifted."""
    return [[(x * scale * flip + dx, y * scale + dy) for x, y in outline] for outline in outlines]


def lean(outlines: Iterable[Outline], degrees: float, about: Point = (0.0, 0.0)) -> list[Outline]:
    """Turned clockwise about a point."""
    cos, sin = turn(degrees)
    ox, oy = about
    return [
        [(ox + (x - ox) * cos - (y - oy) * sin, oy + (x - ox) * sin + (y - oy) * cos) for x, y in outline]
        for outline in outlines
    ]


def box(left: float, top: float, right: float, bottom: float) -> Outline:
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def ellipse(x: float, y: float, rx: float, ry: float | None = None, corners: int = 48) -> Outline:
    ry = rx if ry is None else ry
    around = [turn(360 * corner / corners) for corner in range(corners)]
    return [(x + cos * rx, y + sin * ry) for cos, sin in around]


def limb(start: Point, end: Point, wide: float, narrow: float) -> list[Outline]:
    """A tapered stroke with round ends. wide, narrow: half widths at start and end."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    long = (dx * dx + dy * dy) ** 0.5 or 1.0
    nx, ny = -dy / long, dx / long
    side = [
        (start[0] + nx * wide, start[1] + ny * wide),
        (end[0] + nx * narrow, end[1] + ny * narrow),
        (end[0] - nx * narrow, end[1] - ny * narrow),
        (start[0] - nx * wide, start[1] - ny * wide),
    ]
    return [side, ellipse(*start, wide, corners=20), ellipse(*end, narrow, corners=20)]


def curve(points: Sequence[Point], steps: int = 6, closed: bool = True) -> Outline:
    """A smooth line through the points (Catmull-Rom)."""
    count = len(points)
    outline: Outline = []
    for index in range(count if closed else count - 1):
        if closed:
            a, b, c, d = (points[(index + shift) % count] for shift in (-1, 0, 1, 2))
        else:
            a, b, c, d = (points[min(max(index + shift, 0), count - 1)] for shift in (-1, 0, 1, 2))
        for step in range(steps):
            t = step / steps
            outline.append((_spline(a[0], b[0], c[0], d[0], t), _spline(a[1], b[1], c[1], d[1], t)))
    return outline if closed else [*outline, points[-1]]


def _spline(a: float, b: float, c: float, d: float, t: float) -> float:
    return 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t * t + (3 * b - a - 3 * c + d) * t * t * t)


def noise(chance: Chance, count: int, octaves: Sequence[tuple[int, float]], smooth: bool = True) -> list[float]:
    """A line of `count` values around 0. octaves: (values between two knots, height); smooth: eased, else straight."""
    line = [0.0] * count
    for gap, height in octaves:
        knots = [chance.between(-height, height) for _ in range(count // gap + 2)]
        for index in range(count):
            knot, rest = divmod(index, gap)
            t = rest / gap
            t = t * t * (3 - 2 * t) if smooth else t
            line[index] += knots[knot] * (1 - t) + knots[knot + 1] * t
    return line


def ridge(left: float, right: float, base: float, heights: Sequence[float], floor: float) -> Outline:
    """Land: an upper edge at base - height from left to right, closed at `floor`."""
    step = (right - left) / (len(heights) - 1)
    edge = [(left + step * index, base - height) for index, height in enumerate(heights)]
    return [*edge, (right, floor), (left, floor)]
