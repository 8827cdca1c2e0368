"""Places by the sea, and the ground that other places share. Each place returns where a subject stands."""

from shotbuild.providers.storyboard import things
from shotbuild.providers.storyboard.chance import Chance
from shotbuild.providers.storyboard.ground import FLOOR, heaven, shore
from shotbuild.providers.storyboard.shape import Outline, box, curve, ellipse, move, noise, ridge
from shotbuild.providers.storyboard.stage import Stage
from shotbuild.providers.storyboard.tone import mix


def sea(stage: Stage, horizon: float) -> float:
    x, _ = heaven(stage, horizon, 4)
    chance = stage.chance.fork("sea")
    if chance.often(60):
        far = stage.span(20)
        side = -stage.side
        wide = chance.between(0.3, 0.7) * stage.half
        heights = [value * (1 - index / 60) for index, value in enumerate(noise(chance, 60, [(14, 34), (5, 9)]))]
        edge = far.left - 10 if side < 0 else far.right + 10
        outline = ridge(edge, edge - side * wide, horizon + 2, [abs(value) + 6 for value in heights], horizon + 6)
        stage.cut([outline], 20, stage.air(22), stage.air(8), fade=(horizon - 50, horizon))
    water(stage, horizon, x)
    if stage.peopled:
        shore(stage, 872, 86)
        return 905
    return horizon + (1000 - horizon) * 0.52


def water(stage: Stage, horizon: float, sun_x: float, bottom: float = FLOOR) -> None:
    """Water from the horizon down, with the light's path and slow swell."""
    palette, chance, span = stage.palette, stage.chance.fork("water"), stage.span(40)
    far = mix(palette.low, palette.haze, 55)
    stage.cut(
        [box(span.left - 10, horizon, span.right + 10, bottom)],
        40,
        mix(far, palette.top, 22),
        mix(palette.ink, palette.top, 34),
        fade=(horizon, 1040),
    )
    lines: list[Outline] = []
    path: list[Outline] = []
    depth_rows = 15
    for row in range(depth_rows):
        part = (row + 0.6) / depth_rows
        y = horizon + (1020 - horizon) * part * part
        thick = 0.7 + part * 3.4
        lines += [
            _glint(chance, chance.between(span.left, span.right), y, chance.between(30, 120) * (0.35 + part), thick)
            for _ in range(5)
        ]
        spread = 12 + 120 * part
        path += [
            _glint(chance, sun_x + chance.between(-spread, spread), y, chance.between(14, 46) * (0.5 + part), thick)
            for _ in range(3 if palette.sun > 20 else 0)
        ]
    sway = chance.between(14, 30) * chance.side()
    stage.cut(lines, 90, palette.ink, opacity=22, drift=(-sway, 0, sway * 2, 2))
    stage.cut(path, 40, palette.light, opacity=58 if palette.day else 44, drift=(sway / 4, 0, -sway / 2, 0))


def _glint(chance: Chance, x: float, y: float, wide: float, thick: float) -> Outline:
    return ellipse(x, y + chance.between(-4, 4), wide, thick, 16)


def coast(stage: Stage, horizon: float) -> float:
    """Sea with a headland and a lighthouse on it."""
    x, _ = heaven(stage, horizon, 4)
    water(stage, horizon, x)
    chance, side = stage.chance.fork("coast"), -stage.side
    depth = 130
    span = stage.span(depth)
    edge = span.left - 30 if side < 0 else span.right + 30
    tip = side * stage.half * chance.between(0.0, 0.16)
    top = horizon - chance.between(70, 120)
    raw = noise(chance, 24, [(6, 16), (2, 7)], smooth=False)
    steps = [(edge + (tip - edge) * i / 23, top + raw[i] * 0.8 + max(0, i - 14) ** 2 * 1.1) for i in range(24)]
    cliff = [
        *steps,
        (tip - side * 10, horizon + 14),
        (tip - side * 34, horizon + 40),
        (tip + side * 260, horizon + 58),
        (edge, horizon + 66),
    ]
    mirror = [
        (tip - side * 34, horizon + 40),
        (tip + side * 120, horizon + 92),
        (tip + side * 420, horizon + 108),
        (edge, horizon + 104),
        (edge, horizon + 60),
    ]
    stage.cut([curve(mirror, 6)], depth, stage.palette.ink, opacity=34, soft=2)
    ink = stage.air(66)
    at = edge + (tip - edge) * chance.between(0.5, 0.62)
    tall = chance.between(250, 330)
    tower, bands, lamp = things.lighthouse()
    foot = top + 16
    lit = (
        stage.palette.light
        if not stage.palette.day or stage.palette.sun < 30 or stage.palette.sun > 70
        else stage.palette.low
    )
    stage.cut(move(tower, at, foot, tall), depth, mix(ink, stage.palette.light, 12), rim=(4, stage.palette.light, 60))
    stage.cut(move(bands, at, foot, tall), depth, mix(stage.palette.accent, ink, 35))
    stage.cut([cliff], depth, ink, stage.air(80), fade=(top, horizon + 66), rim=(4, mix(ink, stage.palette.light, 60), 60))
    lamp_y = foot - 0.845 * tall
    stage.cut(move(lamp, at, foot, tall), depth, lit)
    if stage.palette.sun >= 50 or not stage.palette.day:
        beam = [
            [
                (at, lamp_y - 3),
                (at + stage.side * 3000, lamp_y - 300),
                (at + stage.side * 3000, lamp_y + 160),
                (at, lamp_y + 3),
            ]
        ]
        stage.cut(beam, depth, stage.palette.light, opacity=20 if stage.palette.day else 26, soft=1)
        stage.glow(at, lamp_y, 120, stage.palette.light, 75, depth)
    rocks = [
        curve(
            [
                (a - w, horizon + 132),
                (a - w * 0.4, horizon + 132 - h),
                (a + w * 0.3, horizon + 132 - h * 0.8),
                (a + w, horizon + 132),
            ],
            6,
        )
        for a, w, h in (
            (chance.between(-1, 1) * stage.half, chance.between(24, 70), chance.between(10, 34)) for _ in range(3)
        )
    ]
    stage.cut(rocks, 170, stage.air(86))
    shore(stage, 880, 90)
    return 905
