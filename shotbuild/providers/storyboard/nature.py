"""Land without walls: mountains, hills, desert, forest, the air, space. Each place returns where a subject stands."""

from shotbuild.providers.storyboard import sky, things
from shotbuild.providers.storyboard.chance import Chance
from shotbuild.providers.storyboard.ground import FLOOR, grass, heaven, land, peak, shore
from shotbuild.providers.storyboard.shape import Outline, box, curve, ellipse, move, noise, ridge
from shotbuild.providers.storyboard.stage import Stage
from shotbuild.providers.storyboard.tone import mix

SAND = (222, 178, 118)


def mountains(stage: Stage, horizon: float) -> float:
    heaven(stage, horizon - 60, 2)
    chance = stage.chance.fork("mountains")
    ranges = 3 + chance.below(2)
    for index in range(ranges):
        part = index / ranges
        peak = chance.between(150, 250) * (1 - part * 0.5)
        land(
            stage,
            16 + int(part * 130),
            horizon - 20 + part * 130,
            [(38, peak), (13, peak * 0.3), (5, peak * 0.1), (2, peak * 0.04)],
            16 + part * 62,
            smooth=False,
            rim=62 - int(part * 30),
            floor_near=4 + part * 50,
        )
    return forest_edge(stage, horizon + 150)


def forest_edge(stage: Stage, base: float) -> float:
    """A line of firs in the middle distance, and a bank to stand on."""
    chance, span = stage.chance.fork("edge"), stage.span(180)
    shapes: list[Outline] = []
    x = span.left
    while x < span.right:
        if abs(x + stage.side * stage.half * 0.3) > 150 or chance.often(25):
            shapes += move(things.fir(chance), x, base + chance.between(-6, 12), chance.between(60, 135))
        x += chance.between(16, 64)
    shapes.append(box(span.left - 10, base - 4, span.right + 10, FLOOR))
    stage.cut(shapes, 180, stage.air(78), stage.air(66), fade=(base - 110, base + 60))
    shore(stage, max(base + 60, 872), 94)
    return max(base + 72, 892)


def hills(stage: Stage, horizon: float) -> float:
    heaven(stage, horizon - 30, 4)
    chance = stage.chance.fork("hills")
    for index in range(4):
        part = index / 4
        land(
            stage,
            18 + index * 40,
            horizon - 10 + part * 170,
            [(64, 66 - index * 8), (23, 16)],
            10 + part * 64,
            rim=40 - index * 8,
        )
        if index == 2 and chance.often(70):
            span = stage.span(110)
            shapes: list[Outline] = []
            for _ in range(9):
                shapes += move(
                    things.tree(chance),
                    chance.between(span.left, span.right),
                    horizon + 100 + chance.between(-14, 22),
                    chance.between(44, 92),
                )
            stage.cut(shapes, 110, stage.air(56))
    grass(stage, 872)
    return 900


def desert(stage: Stage, horizon: float) -> float:
    heaven(stage, horizon, 1)
    chance = stage.chance.fork("desert")
    if chance.often(60):
        land(stage, 14, horizon + 2, [(30, 44), (9, 14)], 16, smooth=False, floor_near=2)
    for index in range(4):
        dune(stage, chance, 30 + index * 58, horizon + 14 + index * (1000 - horizon) * 0.19, 8 + index * 15, 60 + index * 26)
    return 905


def dune(stage: Stage, chance: Chance, depth: int, base: float, near: float, high: float) -> None:
    """A long crest with a lit and a shaded slope."""
    span = stage.span(depth)
    knots = 5 + chance.below(3)
    points = [
        (span.left - 200 + (span.width + 400) * i / knots, base - chance.between(0.0, 1.0) * high * (1 if i % 2 else 0.25))
        for i in range(knots + 1)
    ]
    crest = curve(points, 14, closed=False)
    sand = mix(mix(stage.palette.low, stage.palette.accent, 18 + near * 0.3), SAND, 55 if stage.palette.day else 12)
    lit = mix(stage.air(near), sand, 58 - near * 0.3)
    stage.cut(
        [[*crest, (span.right + 220, FLOOR), (span.left - 220, FLOOR)]],
        depth,
        lit,
        mix(lit, stage.palette.ink, 18),
        fade=(base - high, base + 200),
        rim=(2.5, stage.palette.light, 40),
    )
    dark = mix(lit, stage.palette.ink, 34)
    for index, (x, y) in enumerate(points[1:-1], 1):
        if index % 2 == 0:
            continue
        away = -stage.side
        reach = span.width / knots
        stage.cut(
            [
                curve(
                    [
                        (x, y),
                        (x + away * reach * 0.42, y + high * 0.34),
                        (x + away * reach * 0.95, y + high * 1.0),
                        (x + away * reach * 0.4, y + high * 1.25),
                        (x + away * reach * 0.16, y + high * 0.7),
                    ],
                    8,
                )
            ],
            depth,
            dark,
            lit,
            fade=(y, y + high * 1.3),
            opacity=80,
        )


def forest(stage: Stage, horizon: float) -> float:
    palette = stage.palette
    stage.sky(horizon + 120, mix(palette.top, palette.haze, 60), mix(palette.low, palette.light, 20))
    stage.glow(stage.side * stage.half * 0.25, horizon - 160, 640, palette.light, 58 if palette.day else 36)
    chance = stage.chance.fork("forest")
    pines = chance.often(60)
    for index in range(4):
        depth, near = 24 + index * 54, 10 + index * 19
        span, shapes = stage.span(depth), list[Outline]()
        base = horizon + 20 + index * (1000 - horizon) * 0.16
        x = span.left - 40
        gap = 34 + index * 50
        while x < span.right + 40:
            clear = index >= 2 and abs(x + stage.side * stage.half * 0.28) < 190
            if index == 3 or pines is False or index >= 2:
                wide = (6 + index * 8) * chance.between(0.7, 1.35)
                bend = chance.between(-20, 20)
                if not clear:
                    shapes.append(
                        [
                            (x - wide * 1.5, base + 20),
                            (x - wide * 0.8, base - 90),
                            (x - wide * 0.62 + bend, -420),
                            (x + wide * 0.62 + bend, -420),
                            (x + wide * 0.8, base - 90),
                            (x + wide * 1.6, base + 20),
                        ]
                    )
                    for _ in range(2 if index >= 2 else 0):
                        y, way = chance.between(-60, base - 330), chance.side()
                        shapes.append(
                            curve(
                                [
                                    (x, y + 18),
                                    (x + way * wide * 2.4, y - 20),
                                    (x + way * wide * 6, y - 90),
                                    (x + way * wide * 2.2, y - 34),
                                    (x, y - 6),
                                ],
                                4,
                            )
                        )
            else:
                tall = chance.between(360, 640) * (0.7 + index * 0.25)
                shapes += move(things.fir(chance), x, base + 10 + tall * 0.09, tall)
            x += gap * chance.between(0.5, 1.5)
        shapes.append(ridge(span.left - 20, span.right + 20, base, noise(chance, 60, [(24, 12), (7, 5)]), FLOOR))
        stage.cut(
            shapes,
            depth,
            stage.air(near + 4),
            stage.air(near - 12),
            fade=(100, base + 60),
            rim=(3, palette.light, 30) if index == 3 else None,
        )
        if index == 1:
            shafts(stage, chance)
    shore(stage, 884, 95)
    return 906


def shafts(stage: Stage, chance: Chance) -> None:
    """Beams of light that come down through leaves."""
    if stage.high:
        return
    beams: list[Outline] = []
    for _ in range(4):
        x, wide = chance.between(-0.8, 0.8) * stage.half, chance.between(20, 64)
        slope = -stage.side * chance.between(190, 260)
        beams.append([(x, -80), (x + wide, -80), (x + slope + wide * 2.4, 1000), (x + slope, 1000)])
    stage.cut(beams, 100, stage.palette.light, opacity=17 if stage.palette.day else 9, soft=2)


def air(stage: Stage, horizon: float) -> float:
    """Above the clouds."""
    heaven(stage, horizon, 2)
    chance = stage.chance.fork("air")
    for index in range(4):
        depth = 24 + index * 62
        span = stage.span(depth)
        base = horizon + 20 + index * (1040 - horizon) * 0.25
        shapes: list[Outline] = [box(span.left - 20, base, span.right + 20, FLOOR)]
        for _ in range(6):
            shapes += sky.cloud(
                chance, chance.between(span.left, span.right), base + 6, chance.between(150, 360) * (0.6 + index * 0.25)
            )
        tone = mix(mix(stage.palette.low, stage.palette.light, 40), stage.air(40), index * 22)
        stage.cut(
            shapes,
            depth,
            mix(tone, stage.palette.light, 35),
            mix(tone, stage.palette.top, 40),
            fade=(base - 130, base + 190),
            soft=1,
        )
    if stage.peopled:
        peak(stage)
        return 905
    return horizon * 0.62


def space(stage: Stage, horizon: float) -> float:
    palette, chance = stage.palette, stage.chance.fork("space")
    stage.sky(1000, mix(palette.top, (0, 0, 0), 60), mix(palette.top, palette.haze, 20))
    sky.stars(stage, 1100, 190)
    side = stage.side
    radius = chance.between(330, 900)
    x, y = side * stage.half * chance.between(0.1, 0.6), (horizon + radius * 0.72 if chance.often(60) else 420)
    stage.glow(x, y, radius * 1.42, mix(palette.haze, palette.accent, 30), 70, 30)
    disc = [ellipse(x, y, radius, corners=160)]
    stage.cut(
        disc,
        30,
        mix(palette.haze, palette.accent, 22),
        mix(palette.ink, palette.top, 30),
        fade=(y - radius, y + radius * 0.5),
        rim=(10, palette.light, 85),
    )
    if chance.often(50) and radius < 500:
        ring = ellipse(x, y + 10, radius * 1.8, radius * 0.3, 160)
        stage.cut(
            [ring],
            30,
            palette.light,
            opacity=40,
            holes=[ellipse(x, y + 2, radius * 1.5, radius * 0.22, 160), box(x - radius, y - radius, x + radius, y)],
        )
    stage.cut(
        [ellipse(-side * stage.half * 0.55, chance.between(150, 330), chance.between(24, 60))],
        50,
        stage.air(40),
        rim=(6, palette.light, 80),
    )
    if stage.peopled:
        peak(stage)
        return 905
    return 620
