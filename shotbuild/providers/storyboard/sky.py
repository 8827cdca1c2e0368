"""What is above: sun, moon, stars, clouds, and the weather that falls in front of everything."""

import numpy as np
from PIL import Image

from shotbuild.providers.storyboard.chance import Chance
from shotbuild.providers.storyboard.planes import Picture
from shotbuild.providers.storyboard.shape import Mask, Outline, coverage, ellipse
from shotbuild.providers.storyboard.stage import Stage
from shotbuild.providers.storyboard.tone import Color, mix, yuv


def sun(stage: Stage, horizon: float, height: float | None = None) -> tuple[float, float]:
    """Sun or moon with its glow, on the light's side; its place."""
    palette, chance = stage.palette, stage.chance.fork("sun")
    x = stage.side * stage.half * chance.between(0.18, 0.62)
    low = palette.sun >= 70 and palette.day
    lift = height if height is not None else chance.between(40, 150) if low else chance.between(260, 420)
    y = max(70.0, horizon - lift)
    radius = chance.between(34, 52) if palette.day else chance.between(26, 40)
    glow = mix(palette.low, palette.light, 70)
    if palette.sun > 20:
        stage.glow(x, y, chance.between(520, 720), glow, palette.sun * 55 // 100)
        stage.glow(x, y, radius * 4.2, palette.light, palette.sun * 60 // 100)
        disc = [ellipse(x, y, radius)]
        bite = [ellipse(x - radius * 0.42 * stage.side, y - radius * 0.2, radius * 0.86)]
        crescent = not palette.day and chance.often(45)
        stage.cut(disc, 0, palette.light, holes=bite if crescent else ())
    else:
        stage.glow(x, y, 620, glow, 40)
    return x, y


def stars(stage: Stage, horizon: float, many: int = 70) -> None:
    if stage.palette.day:
        return
    chance, span = stage.chance.fork("stars"), stage.span(0)
    dots: list[Outline] = []
    for _ in range(int(many * max(1.0, span.width / 1000))):
        y = chance.between(span.top, horizon)
        dots.append(ellipse(chance.between(span.left, span.right), y, 1.2 + chance.between(0, 1) ** 2 * 1.8, corners=10))
    stage.cut(dots, 0, stage.palette.light, opacity=75)


def clouds(stage: Stage, horizon: float, banks: int, depth: int = 14) -> None:
    """Long flat banks, lit from the sun's side."""
    palette, chance, span = stage.palette, stage.chance.fork("clouds"), stage.span(depth)
    for bank in range(banks):
        y = horizon * chance.between(0.12, 0.86)
        near = 1 - y / max(1.0, horizon)
        x = chance.between(span.left, span.right)
        shapes = [cloud(chance, x, y, chance.between(130, 330) * (0.5 + near))]
        tone = mix(mix(palette.top, palette.low, 60), palette.light if palette.day else palette.haze, 40 + bank % 2 * 20)
        way = chance.between(8, 26) * (0.4 + near)
        stage.cut(
            [each for group in shapes for each in group],
            depth,
            tone,
            mix(tone, palette.low, 60),
            fade=(y - 60, y + 20),
            soft=1,
            opacity=70,
            drift=(-way / 2, 0, way, 0),
        )


def cloud(chance: Chance, x: float, y: float, wide: float) -> list[Outline]:
    """A bank with a flat lower edge at y."""
    top: list[tuple[float, float]] = []
    puffs = 5 + chance.below(4)
    shapes: list[Outline] = []
    for index in range(puffs):
        part = (index + 0.5) / puffs * 2 - 1
        high = wide * 0.2 * (1 - part * part) * chance.between(0.6, 1.15) + wide * 0.03
        shapes.append(ellipse(x + part * wide, y - high * 0.5, wide / puffs * chance.between(1.1, 1.6), high * 0.62, 28))
        top.append((part, high))
    shapes.append(ellipse(x, y - wide * 0.022, wide * 1.12, wide * 0.034))
    return shapes


class Falling:
    """Rain or snow in front of the picture: a tile that slides down and wraps. step: way per frame in pixels."""

    still = False

    def __init__(self, tile: Mask, ink: Color, step: tuple[int, int]) -> None:
        self._tile, self._ink, self._step = np.concatenate([tile, tile]), yuv(ink), step
        self._height, self._wide = tile.shape

    def draw(self, picture: Picture, frame: int) -> None:
        width, height = picture.size
        top = -(frame * self._step[1]) % self._height
        left = -(frame * self._step[0]) % (self._wide // 2)
        part = np.ascontiguousarray(self._tile[top : top + height, left : left + width])
        picture.fill(self._ink, (0, 0, width, height), Image.fromarray(part))


def falling(stage: Stage, weather: str) -> list[Falling]:
    """Two curtains of rain or snow, a far and a near one."""
    camera, chance = stage.camera, stage.chance.fork("weather")
    width, height, unit = camera.width, camera.height, stage.unit
    found = []
    per_second = {"rain": 2300, "snow": 150, "storm": 2900}[weather]
    slant = {"rain": 0.16, "snow": 0.3, "storm": 0.42}[weather] * stage.side
    for near in (0, 1):
        grown = 1 + near
        wide = width
        shapes: list[Outline] = []
        many = int(
            (150 if weather != "snow" else 110) * max(0.5, width / height) * (1.2 if weather == "storm" else 1) / grown
        )
        for _ in range(many):
            x, y = chance.between(-40, wide), chance.between(0, height)
            if weather == "snow":
                shape = ellipse(x, y, max(0.7, chance.between(1.6, 3.6) * unit * grown), corners=12)
            else:
                long, thick = chance.between(34, 74) * unit * grown, max(0.35, 0.85 * unit * grown)
                shape = [(x, y), (x + thick * 2, y), (x + thick * 2 - slant * long, y + long), (x - slant * long, y + long)]
            # Each piece stands at every place where the tile wraps around.
            shapes += [[(a + dx, b + dy) for a, b in shape] for dx in (0, wide) for dy in (-height, 0)]
        tile = coverage(shapes, wide * 2, height)
        faint = (tile.astype(np.uint16) * ((38, 54) if weather != "snow" else (130, 210))[near] // 255).astype(np.uint8)
        pace = per_second * (0.75 + 0.35 * near) * unit
        down = max(1, round(pace * stage.rate.denominator / stage.rate.numerator))
        found.append(Falling(faint, stage.palette.light, (round(-slant * down) if wide > abs(slant * down) else 0, down)))
    return found


def fog(stage: Stage, horizon: float, thick: int) -> None:
    """Bands of mist that lie on the ground and slide slowly. thick: opacity in per cent."""
    chance = stage.chance.fork("fog")
    for depth, base in ((60, horizon + 10), (150, horizon + 90), (300, horizon + 260)):
        span = stage.span(depth)
        shapes = [
            ellipse(
                chance.between(span.left, span.right),
                base + chance.between(-50, 50),
                chance.between(260, 620),
                chance.between(26, 74),
                28,
            )
            for _ in range(7)
        ]
        way = chance.between(30, 80) * stage.side
        stage.cut(
            shapes,
            depth,
            mix(stage.palette.low, stage.palette.light, 30),
            soft=5,
            opacity=thick,
            drift=(-way / 2, 0, way, 0),
        )
