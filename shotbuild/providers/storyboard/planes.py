"""Layers and the picture they are laid into: Y, U and V planes, composed from far to near by 8-bit integer blends."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shotbuild.providers.storyboard.camera import Camera
from shotbuild.providers.storyboard.chance import ONE
from shotbuild.providers.storyboard.tone import Color, Plane, yuv

BILINEAR = Image.Resampling.BILINEAR
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

    def fill(self, ink: tuple[int, int, int], area: tuple[int, int, int, int], mask: Image.Image | None = None) -> None:
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


def resample(source: Image.Image, size: tuple[int, int], box: tuple[float, float, float, float]) -> Image.Image:
    """A part of an image in another size, bilinear. Each direction in a call of its own: Pillow 13 does both in another
    order than Pillow 12, which changes last bits; one alone gives the same bytes from 10.4 to 13 (measured)."""
    left, top, right, bottom = box
    width, height = size
    spare = int((bottom - top) / height) + 2
    first, last = max(0, int(top) - spare), min(source.height, int(bottom) + 1 + spare)
    part = source if (first, last) == (0, source.height) else source.crop((0, first, source.width, last))
    if (left, right, width) != (0, source.width, source.width):
        part = part.resize((width, part.height), BILINEAR, (left, 0, right, part.height))
    if (top - first, bottom - first, height) != (0, part.height, part.height):
        part = part.resize((width, height), BILINEAR, (0, top - first, width, bottom - first))
    return part


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

    def rows(self, places: NDArray[np.int64], top: int) -> NDArray[np.uint8]:
        """Y, U, V of rows, in shape (3, rows, 4): four neighbours, dithered against banding.

        places: where in the layer each row is, in 1/65536 of its pixels; top: the row of the picture that is first."""
        way = max(1, self.last - self.first)
        share = np.clip((places - (self.first << 16)) // way >> 4, 0, 4096)
        threshold = np.array(DITHER)[(top + np.arange(len(places))) % 4]
        planes = []
        for low, high in zip(yuv(self.upper), yuv(self.lower), strict=True):
            exact = (low * (4096 - share) + high * share) >> 8  # sixteenths
            planes.append((exact[:, None] + threshold) >> 4)
        return np.stack(planes).astype(np.uint8)

    def picture(self, places: NDArray[np.int64], top: int, width: int) -> "Picture":
        """The same over a width. Rows and width are even."""
        y, u, v = self.rows(places, top)
        across, half = -(-width // 4), -(-width // 8)
        return Picture(
            Image.fromarray(np.tile(y, (1, across))[:, :width]),
            Image.fromarray(np.tile(u[::2], (1, half))[:, : width // 2]),
            Image.fromarray(np.tile(v[::2], (1, half))[:, : width // 2]),
        )


class Sky:
    """The farthest layer: a gradient over the whole picture that knows neither push nor track."""

    def __init__(self, camera: Camera, ink: Ink) -> None:
        self.still = camera.still(0)
        self._camera, self._ink = camera, ink

    def draw(self, picture: Picture, frame: int) -> None:
        _, top, _, _ = self._camera.window(0, frame)
        width, height = picture.size
        places = np.arange(height, dtype=np.int64) * ONE + top
        picture.paste(self._ink.picture(places, 0, width), (0, 0))


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
