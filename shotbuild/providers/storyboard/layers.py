"""A layer: a flat mask in an ink, at a depth, laid into the picture as far as the camera sees it."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shotbuild.providers.storyboard.camera import Camera
from shotbuild.providers.storyboard.planes import Area, Axis, Ink, Picture, resample
from shotbuild.providers.storyboard.shape import Mask
from shotbuild.providers.storyboard.tone import yuv

EMPTY, FULL, MIXED = 0, 1, 2
SHORT = 4  # blocks: a shorter run costs more as a part of its own than it saves


class Part(NamedTuple):
    """A rectangle of a layer, in its pixels. full: nothing but 255 is in it and right beside it."""

    left: int
    top: int
    right: int
    bottom: int
    full: bool


class Laid(NamedTuple):
    """What a layer lays into an area of the picture. ink: Y, U, V, or a picture of the area's size."""

    area: Area
    ink: tuple[int, int, int] | Picture
    mask: Image.Image | None


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
        self._masks = [np.ascontiguousarray(mask[rows, columns]) for mask in masks]
        self._left, self._top = left + columns.start, top + rows.start
        self._rows, self._columns = self._masks[0].shape
        self._flat = yuv(ink.upper) if ink.upper == ink.lower else None
        self._ink, self._cut = ink, rows.start << 16
        self._parts = _parts(self._masks, scale)
        self.still = camera.still(depth) and len(masks) == 1 and drift[2:] == (0, 0)
        self._kept: list[Laid] | None = None

    def draw(self, picture: Picture, frame: int) -> None:
        laid = self._kept if self._kept is not None else self._seen(picture.size, frame)
        if self.still and self._kept is None:
            laid = self._kept = list(laid)
        for area, ink, mask in laid:
            if isinstance(ink, Picture):
                picture.paste(ink, area[:2], mask)
            else:
                picture.fill(ink, area, mask)

    def _seen(self, size: tuple[int, int], frame: int) -> Iterator[Laid]:
        width, height = size
        left, top, wide, high = self._camera.window(self._depth, frame)
        x0, y0, x_step, y_step = self._drift
        across = Axis(left - x0 - x_step * frame, wide, width, self._left, self._scale, self._columns)
        down = Axis(top - y0 - y_step * frame, high, height, self._top, self._scale, self._rows)
        mask = self._masks[frame * 256 // self._hold % len(self._masks)]
        shades = None
        for part in self._parts:
            area = across.edge(part.left), down.edge(part.top), across.edge(part.right), down.edge(part.bottom)
            if area[0] >= area[2] or area[1] >= area[3]:
                continue
            seen = None if part.full else Image.fromarray(resample(mask, down, across, area))
            if self._flat is not None:
                yield Laid(area, self._flat, seen)
                continue
            if shades is None:
                shades = self._ink.rows(down.centres + self._cut)
            yield Laid(area, shades.picture(area), seen)


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


def _parts(masks: Sequence[Mask], scale: int) -> list[Part]:
    """What of a layer has to be laid: what is empty or full throughout need not be resampled."""
    (rows, columns), cell = masks[0].shape, max(2, scale // 8)
    block = 4 * cell
    kinds = _kinds(masks, cell)
    bands: list[tuple[int, int, list[tuple[int, int, int]]]] = []
    for first in range(0, len(kinds), 2):
        pair = kinds[first : first + 2]
        runs = _runs(np.where((pair == pair[0]).all(axis=0), pair[0], MIXED).tolist())
        start = bands.pop()[0] if bands and bands[-1][2] == runs else first
        bands.append((start, first + 2, runs))
    return [
        Part(start * block, first * block, min(end * block, columns), min(last * block, rows), kind == FULL)
        for first, last, runs in bands
        for start, end, kind in runs
        if kind != EMPTY
    ]


def _kinds(masks: Sequence[Mask], cell: int) -> NDArray[np.int8]:
    """EMPTY, FULL or MIXED for each block of 4 x 4 cells and the cells around it: two pixels of the picture, by which a
    part's edge may be moved, and one that a sample reaches."""
    rows, columns = masks[0].shape
    high, wide = -(-rows // (4 * cell)), -(-columns // (4 * cell))
    edges = ((0, high * 4 * cell - rows), (0, wide * 4 * cell - columns))
    found = []
    for choose in (np.minimum, np.maximum):
        padded = np.pad(choose.reduce(masks), edges, mode="edge")
        # One direction after the other: along short rows numpy is slow.
        lines = choose.reduce(padded.reshape(high * 4, cell, wide * 4 * cell), axis=1)
        cells = np.pad(choose.reduce(lines.reshape(high * 4, wide * 4, cell), axis=2), 1, mode="edge")
        around = choose.reduce([cells[at : at + high * 4 : 4] for at in range(6)])
        found.append(choose.reduce([around[:, at : at + wide * 4 : 4] for at in range(6)]))
    least, most = found
    return np.where(most == 0, EMPTY, np.where(least == 255, FULL, MIXED)).astype(np.int8)


def _runs(kinds: list[int]) -> list[tuple[int, int, int]]:
    """start, end, kind of equal neighbours; what is too short to pay is taken as mixed."""
    runs = [(start, start + 1, kind) for start, kind in enumerate(kinds)]
    merged = _merged(runs)
    if len(merged) > 1:
        merged = _merged([(start, end, kind if end - start >= SHORT else MIXED) for start, end, kind in merged])
    return merged


def _merged(runs: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    merged: list[tuple[int, int, int]] = []
    for start, end, kind in runs:
        before = merged.pop() if merged and merged[-1][2] == kind else None
        merged.append((before[0] if before else start, end, kind))
    return merged
