"""Layers and the picture they are laid into: Y, U and V planes, composed from far to near by 8-bit integer blends."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shotbuild.providers.storyboard.camera import Camera
from shotbuild.providers.storyboard.chance import ONE
from shotbuild.providers.storyboard.tone import Color, Plane, yuv

Area: TypeAlias = tuple[int, int, int, int]
"""left, top, right, bottom in output pixels, all even."""

DITHER = ((0, 8, 2, 10), (12, 4, 14, 6), (3, 11, 1, 9), (15, 7, 13, 5))


class Picture:
    """One frame's picture area, or part of it. Sides are even."""

    __slots__ = ("u", "v", "y")

    def __init__(self, y: Image.Image, u: Image.Image, v: Image.Image) -> None:
        self.y, self.u, self.v = y, u, v

    @classmethod
    def plain(cls, width: int, height: int, rgb: Color) -> "Picture":
        y, u, v = yuv(rgb)
        half = (width // 2, height // 2)
        return cls(Image.new("L", (width, height), y), Image.new("L", half, u), Image.new("L", half, v))

    @classmethod
    def of(cls, planes: tuple[Plane, Plane, Plane]) -> "Picture":
        return cls(*(Image.fromarray(plane) for plane in planes))

    @property
    def size(self) -> tuple[int, int]:
        return self.y.size

    def copy(self) -> "Picture":
        return Picture(self.y.copy(), self.u.copy(), self.v.copy())

    def paste(self, other: "Picture", at: tuple[int, int], mask: Image.Image | None = None) -> None:
        """Lays another picture over this one. at: even; mask: of the other's size."""
        half = (at[0] // 2, at[1] // 2)
        small = None if mask is None else mask.reduce(2)
        self.y.paste(other.y, at, mask)
        self.u.paste(other.u, half, small)
        self.v.paste(other.v, half, small)

    def fill(self, ink: tuple[int, int, int], area: Area, mask: Image.Image | None = None) -> None:
        left, top, right, bottom = area
        half = (left // 2, top // 2, right // 2, bottom // 2)
        small = None if mask is None else mask.reduce(2)
        self.y.paste(ink[0], area, mask)
        self.u.paste(ink[1], half, small)
        self.v.paste(ink[2], half, small)

    def blend(self, other: "Picture", share: int) -> "Picture":
        """share 0 = this picture, 256 = the other."""
        if share <= 0:
            return self
        if share >= 256:
            return other
        return Picture(_blend(self.y, other.y, share), _blend(self.u, other.u, share), _blend(self.v, other.v, share))

    def data(self) -> bytes:
        return self.y.tobytes() + self.u.tobytes() + self.v.tobytes()


def _blend(first: Image.Image, second: Image.Image, share: int) -> Image.Image:
    a, b = np.asarray(first).astype(np.uint16), np.asarray(second).astype(np.uint16)
    return Image.fromarray(((a * (256 - share) + b * share + 128) >> 8).astype(np.uint8))


class Axis:
    """One direction of a picture that is seen through a window.

    start, wide: the window in 1/65536 of an output pixel; width: output pixels; first, count: pixels of the picture;
    scale: of these per 64 output pixels. centres: of the output pixels, in 1/65536 of the picture's.
    """

    __slots__ = ("_even", "_index", "_seen", "_share", "centres")

    def __init__(self, start: int, wide: int, width: int, first: int, scale: int, count: int) -> None:
        self._seen = start, wide, width, first, scale, count
        step = (wide * scale << 10) // (64 * width)
        begin = (start * scale // 64 - (first << 16) - ONE // 2 << 10) + step // 2
        self.centres = (np.arange(width, dtype=np.int64) * step + begin) >> 10
        inside = np.minimum(np.maximum(self.centres, 0), (count - 1) << 16)
        self._index = np.minimum(inside >> 16, count - 2)
        # In 1/128: times a difference of two pixels it is the most that 16 bits hold, and they are calculated fastest.
        self._share = ((inside - (self._index << 16)) >> 9).astype(np.int16)
        self._even = wide * scale == width * ONE * 64

    def edge(self, pixel: int) -> int:
        """The even output pixel at which a pixel of the picture begins; never beyond what the picture fills."""
        start, wide, width, first, scale, count = self._seen
        place = (((pixel + first) << 16) * 64 // scale - start) * width
        inner = place // wide // 2 * 2 if pixel >= count else -(-place // wide) // 2 * 2 + (-(-place // wide) & 1) * 2
        return min(max(0, inner), width)

    def reach(self, low: int, high: int) -> tuple[int, int]:
        """The pixels of the picture that output pixels low to high are made of."""
        return int(self._index[low]), int(self._index[high - 1]) + 2

    def between(self, source: Plane, low: int, high: int, axis: int, begin: int = 0) -> Plane:
        """Output pixels low to high, each a mean of two neighbours. source: begins with pixel `begin` of the picture."""
        index, share = self._index[low:high] - begin, self._share[low:high]
        first, last = int(index[0]), int(index[-1])
        if self._even and last - first == high - low - 1:  # a shift: slices are cheaper than a choice
            places = slice(first, last + 1), slice(first + 1, last + 2)
            near, far = (source[place] if axis == 0 else source[:, place] for place in places)
            if not share[0]:
                return near
        else:
            near, far = source.take(index, axis), source.take(index + 1, axis)
        if axis == 0:
            share = share[:, None]
        mixed = np.subtract(far, near, dtype=np.int16)
        mixed *= share
        mixed += 64
        mixed >>= 7
        mixed += near
        return mixed.astype(np.uint8)


def resample(source: Plane, down: Axis, across: Axis, area: Area) -> Plane:
    """An area of the output, bilinear, in integers."""
    left, top, right, bottom = area
    first, last = down.reach(top, bottom)
    return down.between(across.between(source[first:last], left, right, 1), top, bottom, 0, first)


class Drawn(Protocol):
    """Anything that lays itself into a picture. still: the same at each frame."""

    still: bool

    def draw(self, picture: Picture, frame: int) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ink:
    """A colour, or two that run into one another from one row to another (of the layer, in its pixels)."""

    upper: Color
    lower: Color
    first: int = 0
    last: int = 1

    def rows(self, places: NDArray[np.int64]) -> "Shades":
        """places: where in the layer each row of the picture is, in 1/65536 of its pixels."""
        way = max(1, self.last - self.first)
        share = np.clip((places - (self.first << 16)) // way >> 4, 0, 4096).astype(np.int32)
        low, high = (np.array(yuv(color), np.int32)[:, None] for color in (self.upper, self.lower))
        exact = (low * (4096 - share) + high * share) >> 8  # sixteenths
        threshold = np.array(DITHER, np.int32)[np.arange(len(places)) % 4]
        y, u, v = ((exact[:, :, None] + threshold) >> 4).astype(np.uint8)
        return Shades(y, u[::2], v[::2])


class Shades:
    """Y, U and V of all rows of a picture: four neighbours, dithered against banding, which repeat over its width."""

    def __init__(self, y: Plane, u: Plane, v: Plane) -> None:
        self._y, self._u, self._v = (np.concatenate([plane, plane], axis=1) for plane in (y, u, v))

    def picture(self, area: Area) -> Picture:
        left, top, right, bottom = area
        half = left // 2, top // 2, right // 2, bottom // 2
        return Picture(_repeated(self._y, area), _repeated(self._u, half), _repeated(self._v, half))


def _repeated(rows: Plane, area: Area) -> Image.Image:
    left, top, right, bottom = area
    four = np.ascontiguousarray(rows[top:bottom, left % 4 : left % 4 + 4]).view(np.uint32)
    wide = np.empty((bottom - top, -(-(right - left) // 4)), np.uint32)
    wide[:] = four
    return Image.frombuffer("L", (right - left, bottom - top), wide, "raw", "L", wide.shape[1] * 4, 1)


class Sky:
    """The farthest layer: a gradient over the whole picture that knows neither push nor track."""

    def __init__(self, camera: Camera, ink: Ink) -> None:
        self.still = camera.still(0)
        self._camera, self._ink = camera, ink

    def draw(self, picture: Picture, frame: int) -> None:
        _, top, _, _ = self._camera.window(0, frame)
        width, height = picture.size
        places = np.arange(height, dtype=np.int64) * ONE + top
        picture.paste(self._ink.rows(places).picture((0, 0, width, height)), (0, 0))


class Composer:
    """Draws layers from far to near; those at the far end that never change are drawn once."""

    def __init__(self, layers: Sequence[Drawn], width: int, height: int) -> None:
        moving = next((index for index, layer in enumerate(layers) if not layer.still), len(layers))
        self._base = Picture.plain(width, height, (0, 0, 0))
        for layer in layers[:moving]:
            layer.draw(self._base, 0)
        self._moving = layers[moving:]

    def frame(self, frame: int) -> Picture:
        if not self._moving:
            return self._base
        picture = self._base.copy()
        for layer in self._moving:
            layer.draw(picture, frame)
        return picture
