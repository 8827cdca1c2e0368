"""The stage on which places are built: outlines in picture heights / 1000 become layers that fit the camera's whole way."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

import numpy as np

from shotbuild.providers.storyboard.camera import SUBJECT, Camera
from shotbuild.providers.storyboard.chance import ONE, Chance
from shotbuild.providers.storyboard.layers import Layer
from shotbuild.providers.storyboard.planes import Drawn, Ink, Sky
from shotbuild.providers.storyboard.shape import Mask, Outline, coverage
from shotbuild.providers.storyboard.tone import Color, Palette, mix

PAD = 4
Rim: TypeAlias = tuple[float, Color, int]
"""An edge of light on a layer: its width, colour and opacity in per cent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """What is seen of a depth during the shot, in stage units: x from the middle, y from the top, 1000 = picture height."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        return self.right - self.left


class Stage:
    """layers: from far to near, in the order in which they were put up. x: 0 in the middle; y: 0 at the top, 1000 below."""

    def __init__(self, camera: Camera, palette: Palette, chance: Chance, rate: Fraction, side: int) -> None:
        self.camera, self.palette, self.chance, self.rate, self.side = camera, palette, chance, rate, side
        self.layers: list[Drawn] = []
        self.unit = camera.height / 1000
        self.half = camera.width / 2 / self.unit  # stage units from the middle to an edge
        self.light_from = side
        self.peopled = False  # somebody needs ground to stand on
        self.white = False  # snow lies
        self.high = False  # seen from far above: no ground in front
        self.flight: tuple[float, float, float] | None = None  # of stairs: a step's x and y, rise over run towards the light
        self.blur = 0  # how far the background is out of focus, 0 to 3

    def span(self, depth: int) -> Span:
        left, top, right, bottom = self.camera.reach(depth)
        middle = self.camera.width / 2
        return Span(
            left=(left - middle) / self.unit,
            top=top / self.unit,
            right=(right - middle) / self.unit,
            bottom=bottom / self.unit,
        )

    def air(self, near: float) -> Color:
        """The colour of things at a nearness from 0 (lost in haze) to 100 (ink)."""
        return mix(self.palette.haze, self.palette.ink, near)

    def ground(self, near: float) -> Color:
        """The same for ground, which snow makes pale."""
        tone = self.air(near)
        return mix(tone, mix(self.palette.low, self.palette.light, 70), 62 - near * 0.28) if self.white else tone

    def sky(self, horizon: float, top: Color | None = None, low: Color | None = None) -> None:
        ink = Ink(
            upper=top or self.palette.top,
            lower=low or self.palette.low,
            first=-int(150 * self.unit),
            last=int(horizon * self.unit),
        )
        self.layers.append(Sky(self.camera, ink))

    def cut(
        self,
        outlines: Iterable[Outline],
        depth: int,
        ink: Color,
        lower: Color | None = None,
        *,
        fade: tuple[float, float] = (0, 1000),
        soft: int = 0,
        opacity: int = 100,
        holes: Iterable[Outline] = (),
        rim: Rim | None = None,
        drift: tuple[float, float, float, float] = (0, 0, 0, 0),
    ) -> None:
        """Puts up one layer. fade: from `ink` at the first y to `lower` at the second; soft: blur, 0 to 5; rim: width,
        colour and opacity of an edge of light; drift: start and way of the whole shot, in units."""
        self.cycle(
            [list(outlines)],
            depth,
            ink,
            lower,
            fade=fade,
            soft=soft,
            opacity=opacity,
            holes=list(holes),
            rim=rim,
            drift=drift,
        )

    def cycle(
        self,
        poses: Sequence[Sequence[Outline]],
        depth: int,
        ink: Color,
        lower: Color | None = None,
        *,
        fade: tuple[float, float] = (0, 1000),
        soft: int = 0,
        opacity: int = 100,
        holes: Sequence[Outline] = (),
        rim: Rim | None = None,
        drift: tuple[float, float, float, float] = (0, 0, 0, 0),
        seconds: Fraction = Fraction(1),
    ) -> None:
        """The same with several poses that are shown in turn, once through in `seconds`."""
        soft = max(soft, self.blur if depth < SUBJECT else 0)
        shrink = 1 << max(0, soft - 1)
        scale = max(4, self.camera.detail(depth) // shrink)
        area = self._area([outline for pose in poses for outline in pose], depth, scale, drift, soft)
        if area is None:
            return
        left, top, _, _ = area
        masks = [self._mask(pose, holes, area, scale, soft) for pose in poses]
        cell = self.unit * scale / 64
        shade = Ink(upper=ink, lower=lower or ink, first=int(fade[0] * cell) - top, last=int(fade[1] * cell) - top)
        way = self._drift(drift)
        hold = max(1, int(seconds * self.rate * 256) // len(poses))
        shown = masks if opacity >= 100 else [_dim(mask, opacity) for mask in masks]
        self.layers.append(
            Layer(self.camera, shown, depth=depth, left=left, top=top, scale=scale, ink=shade, drift=way, hold=hold)
        )
        if rim is None or soft > 2:
            return
        width, glow, strength = rim
        shift = max(1, round(width * cell))
        edges = [_dim(_rim(mask, shift * self.light_from, max(1, shift // 2)), strength) for mask in masks]
        line = Ink(upper=glow, lower=glow)
        self.layers.append(
            Layer(self.camera, edges, depth=depth, left=left, top=top, scale=scale, ink=line, drift=way, hold=hold)
        )

    def glow(
        self,
        x: float,
        y: float,
        radius: float,
        ink: Color,
        opacity: int,
        depth: int = 0,
        drift: tuple[float, float, float, float] = (0, 0, 0, 0),
    ) -> None:
        """A round light that fades to nothing at `radius`."""
        scale = 8 if radius * self.unit > 64 else 32
        cell = self.unit * scale / 64
        size = max(4, int(radius * cell) * 2 + 2)
        line = np.arange(size, dtype=np.int64) * 2 - size + 1
        far = (line[:, None] ** 2 + line[None, :] ** 2) * 4096 // max(1, (size - 2) ** 2)
        near = np.clip(4096 - far, 0, 4096)
        mask = ((near * near >> 12) * near >> 12) * 255 * opacity // (100 * 4096)
        left = round((x * self.unit + self.camera.width / 2) * scale / 64) - size // 2
        top = round(y * cell) - size // 2
        shade = Ink(upper=ink, lower=ink)
        layer = Layer(
            self.camera,
            [mask.astype(np.uint8)],
            depth=depth,
            left=left,
            top=top,
            scale=scale,
            ink=shade,
            drift=self._drift(drift),
        )
        self.layers.append(layer)

    def _area(
        self, outlines: Sequence[Outline], depth: int, scale: int, drift: tuple[float, float, float, float], soft: int
    ) -> tuple[int, int, int, int] | None:
        """The layer pixels to draw: where the outlines are, as far as they are ever seen."""
        xs = [x for outline in outlines for x, _ in outline]
        ys = [y for outline in outlines for _, y in outline]
        if not xs:
            return None
        span = self.span(depth)
        ways_x, ways_y = (drift[0], drift[0] + drift[2]), (drift[1], drift[1] + drift[3])
        edge = 24 * soft
        left = max(min(xs) - edge, span.left - max(ways_x))
        right = min(max(xs) + edge, span.right - min(ways_x))
        top = max(min(ys) - edge, span.top - max(ways_y))
        bottom = min(max(ys) + edge, span.bottom - min(ways_y))
        if left >= right or top >= bottom:
            return None
        cell, middle = self.unit * scale / 64, self.camera.width / 2 * scale / 64
        return (
            int(left * cell + middle) - PAD,
            int(top * cell) - PAD,
            int(right * cell + middle) + 1 + PAD,
            int(bottom * cell) + 1 + PAD,
        )

    def _mask(
        self, outlines: Iterable[Outline], holes: Sequence[Outline], area: tuple[int, int, int, int], scale: int, soft: int
    ) -> Mask:
        left, top, right, bottom = area
        cell, middle = self.unit * scale / 64, self.camera.width / 2 * scale / 64

        def placed(shapes: Iterable[Outline]) -> list[Outline]:
            return [[(x * cell + middle - left, y * cell - top) for x, y in shape] for shape in shapes]

        mask = coverage(placed(outlines), right - left, bottom - top)
        if holes:
            mask = np.minimum(mask, 255 - coverage(placed(holes), right - left, bottom - top))
        for _ in range(2 if soft else 0):
            mask = _smear(_smear(mask, 0), 1)
        return mask

    def _drift(self, drift: tuple[float, float, float, float]) -> tuple[int, int, int, int]:
        """Units over the shot → start and step per frame in 1/65536 pixel."""
        x, y, dx, dy = (round(value * self.unit * ONE) for value in drift)
        steps = max(1, self.camera.frames - 1)
        return x, y, dx // steps, dy // steps


def _dim(mask: Mask, percent: int) -> Mask:
    dimmed: Mask = (mask.astype(np.uint16) * percent // 100).astype(np.uint8)
    return dimmed


def _rim(mask: Mask, dx: int, dy: int) -> Mask:
    """What of a mask is not covered by itself moved away from the light."""
    moved = np.zeros_like(mask)
    height, width = mask.shape
    if abs(dx) < width and dy < height:
        target = slice(0, width - dx) if dx > 0 else slice(-dx, width)
        source = slice(dx, width) if dx > 0 else slice(0, width + dx)
        moved[dy:, target] = mask[: height - dy, source]
    edge: Mask = np.where(mask > moved, mask - moved, 0).astype(np.uint8)
    return edge


def _smear(mask: Mask, axis: int) -> Mask:
    """A blur of five cells in one direction, weights 1 4 6 4 1."""
    wide = np.pad(mask, [(2, 2) if axis == at else (0, 0) for at in (0, 1)], mode="edge").astype(np.uint16)
    count = mask.shape[axis]
    parts = [np.take(wide, range(shift, shift + count), axis=axis) for shift in range(5)]
    total = parts[0] + 4 * parts[1] + 6 * parts[2] + 4 * parts[3] + parts[4]
    blurred: Mask = ((total + 8) >> 4).astype(np.uint8)
    return blurred
