"""A layer: a flat mask in an ink, at a depth, laid into the picture as far as the camera sees it."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shotbuild.providers.storyboard.camera import Camera
from shotbuild.providers.storyboard.chance import ONE
from shotbuild.providers.storyboard.planes import Ink, Picture, resample
from shotbuild.providers.storyboard.shape import Mask
from shotbuild.providers.storyboard.tone import yuv

Area: TypeAlias = tuple[int, int, int, int]
"""left, top, right, bottom in output pixels, all even."""

BLOCK = 32
EMPTY, FULL, MIXED = 0, 1, 2


class Layer:
    """A flat mask in an ink, at a depth. masks: one, or a cycle of equal size, changed every `hold` frames (in 1/256).

    left, top: of the mask in layer pixels; scale: layer pixels per 64 output pixels; drift: start, and way per frame, of
    its own motion, 1/65536 output pixel.
    """

    def __init__(
        self,
        camera: Camera,
        masks: Sequence[Mask],
        *,
        depth: int,
        left: int,
        top: int,
        scale: int,
        ink: Ink,
        drift: tuple[int, int, int, int] = (0, 0, 0, 0),
        hold: int = 256,
    ) -> None:
        self._camera, self._depth, self._scale, self._drift, self._hold = camera, depth, scale, drift, hold
        rows, columns = _filled(masks)
        shown = [np.ascontiguousarray(mask[rows, columns]) for mask in masks]
        self._left, self._top = left + columns.start, top + rows.start
        self._masks = [Image.fromarray(mask) for mask in shown]
        self._rows, self._columns = shown[0].shape
        plain = ink.upper == ink.lower
        self._flat = yuv(ink.upper) if plain else None
        self._ink, self._cut = ink, rows.start << 16
        self._kinds = _kinds(shown)
        self.still = camera.still(depth) and len(masks) == 1 and drift[2:] == (0, 0)

    def draw(self, picture: Picture, frame: int) -> None:
        window = self._camera.window(self._depth, frame)
        width, height = picture.size
        x0, y0, x_step, y_step = self._drift
        across = _Axis(window[0] - x0 - x_step * frame, window[2], width, self._left, self._scale)
        down = _Axis(window[1] - y0 - y_step * frame, window[3], height, self._top, self._scale)
        left, right = across.seen(0, self._columns)
        top, bottom = down.seen(0, self._rows)
        if left >= right or top >= bottom:
            return
        source = self._masks[frame * 256 // self._hold % len(self._masks)]
        for area, pieces in self._bands((left, top, right, bottom), across, down):
            mask = None
            if pieces:
                mask = (
                    self._seen(source, pieces[0][0], across, down)
                    if len(pieces) == 1 and pieces[0][0] == area
                    else (Image.new("L", (area[2] - area[0], area[3] - area[1])))
                )
                for piece, kind in pieces if len(pieces) > 1 or pieces[0][0] != area else ():
                    place = (piece[0] - area[0], piece[1] - area[1], piece[2] - area[0], piece[3] - area[1])
                    mask.paste(255 if kind == FULL else self._seen(source, piece, across, down), place)
            self._lay(picture, area, down, mask)

    def _seen(self, source: Image.Image, area: Area, across: "_Axis", down: "_Axis") -> Image.Image:
        box = (
            max(0.0, across.at(area[0]) / ONE), max(0.0, down.at(area[1]) / ONE),
            min(float(self._columns), across.at(area[2]) / ONE), min(float(self._rows), down.at(area[3]) / ONE),
        )  # fmt: skip
        return resample(source, (area[2] - area[0], area[3] - area[1]), box)

    def _bands(self, area: Area, across: "_Axis", down: "_Axis") -> Iterator[tuple[Area, list[tuple[Area, int]]]]:
        """Bands of rows that are laid in one go, with the pieces their mask is made of: none when it is full.

        Resampling is what drawing costs, so empty and full parts are left out of it."""
        left, top, right, bottom = area
        if self._kinds is None:
            yield area, [(area, MIXED)]
            return
        strip = max(32, (bottom - top) // 20 * 2)
        start, pieces = top, list[tuple[Area, int]]()
        state = EMPTY
        for upper in [*range(top, bottom, strip), bottom]:
            found = self._strip(left, right, upper, min(upper + strip, bottom), across, down) if upper < bottom else []
            full = len(found) == 1 and found[0][1] == FULL and found[0][0][0] == left and found[0][0][2] == right
            kind = FULL if full else MIXED if found else EMPTY
            if kind != state or upper == bottom:
                if state != EMPTY:
                    yield (left, start, right, upper), pieces if state == MIXED else []
                start, pieces, state = upper, [], kind
            pieces += found

    def _strip(
        self, left: int, right: int, upper: int, lower: int, across: "_Axis", down: "_Axis"
    ) -> list[tuple[Area, int]]:
        assert self._kinds is not None
        first, last = max(0, down.at(upper) // ONE - 1) // BLOCK, (down.at(lower) // ONE + 1) // BLOCK + 1
        rows = self._kinds[first:last]
        kinds = np.where((rows == rows[0]).all(axis=0), rows[0], MIXED)
        pieces = []
        for start, end, kind in _runs(kinds):
            if kind == EMPTY:
                continue
            grown = 2 if kind == MIXED else 0
            x0 = max(left, across.seen(start * BLOCK, self._columns)[0] - grown) if start else left
            x1 = min(right, across.seen(0, end * BLOCK)[1] + 2) if end * BLOCK < self._columns else right
            if x0 < x1:
                pieces.append(((x0, upper, x1, lower), kind))
        return pieces

    def _lay(self, picture: Picture, area: Area, down: "_Axis", mask: Image.Image | None) -> None:
        if self._flat is not None:
            picture.fill(self._flat, area, mask)
            return
        left, top, right, bottom = area
        places = np.array([down.at(row) for row in range(top, bottom)], np.int64) + self._cut
        picture.paste(self._ink.picture(places, top, right - left), (left, top), mask)


class _Axis:
    """One direction of a layer seen through a window: output pixels ↔ layer pixels in 16.16."""

    __slots__ = ("_first", "_scale", "_start", "_wide", "_width")

    def __init__(self, start: int, wide: int, width: int, first: int, scale: int) -> None:
        self._start, self._wide, self._width, self._first, self._scale = start, wide, width, first, scale

    def at(self, pixel: int) -> int:
        return (self._start + pixel * self._wide // self._width) * self._scale // 64 - (self._first << 16)

    def seen(self, first: int, last: int) -> tuple[int, int]:
        """The even output pixels that lie wholly within layer pixels first to last."""
        low = ((first + self._first << 16) * 64 // self._scale - self._start) * self._width
        high = ((last + self._first << 16) * 64 // self._scale - self._start) * self._width
        start, end = -(-low // self._wide), high // self._wide
        return max(0, start + (start & 1)), min(self._width, end - (end & 1))


def _filled(masks: Sequence[Mask]) -> tuple[slice, slice]:
    """The rows and columns outside of which all masks are empty, with a small edge."""
    most = masks[0] if len(masks) == 1 else np.max(np.stack(masks), axis=0)
    found = []
    for axis in (1, 0):
        used = np.flatnonzero(most.max(axis=axis))
        limit = most.shape[1 - axis]
        first, last = (int(used[0]), int(used[-1]) + 1) if used.size else (0, 1)
        found.append(slice(max(0, first - 3), min(limit, last + 3)))
    return found[0], found[1]


def _kinds(masks: Sequence[Mask]) -> NDArray[np.int8] | None:
    """EMPTY, FULL or MIXED for each block of BLOCK x BLOCK; None when looking would not pay."""
    rows, columns = masks[0].shape
    if len(masks) > 1 or rows * columns < 65536:
        return None
    high, wide = -(-rows // BLOCK), -(-columns // BLOCK)
    padded = np.pad(masks[0], ((0, high * BLOCK - rows), (0, wide * BLOCK - columns)), mode="edge")
    blocks = padded.reshape(high, BLOCK, wide, BLOCK)
    least, most = blocks.min(axis=(1, 3)), blocks.max(axis=(1, 3))
    kinds = np.where(most == 0, EMPTY, np.where(least == 255, FULL, MIXED)).astype(np.int8)
    return kinds if np.count_nonzero(kinds == MIXED) * 10 < kinds.size * 7 else None


def _runs(kinds: NDArray[np.int8]) -> Iterator[tuple[int, int, int]]:
    """start, end, kind of equal neighbours; plain runs too short to pay count as mixed."""
    edges = [0, *(np.flatnonzero(np.diff(kinds)) + 1).tolist(), len(kinds)]
    merged: list[tuple[int, int, int]] = []
    for first, end in pairwise(edges):
        start, kind = first, int(kinds[first])
        if end - start < 3 and (start > 0 or kind == FULL) and (end < len(kinds) or kind == FULL) and len(kinds) > 3:
            kind = MIXED
        if merged and merged[-1][2] == kind:
            start = merged.pop()[0]
        merged.append((start, end, kind))
    yield from merged
