"""Places that people made: city, street, road, room, hall, studio, village. Each returns where a subject stands."""

from shotbuild.providers.storyboard import things
from shotbuild.providers.storyboard.ground import FLOOR, heaven, land, shore
from shotbuild.providers.storyboard.shape import Outline, box, ellipse, limb, move, noise, ridge
from shotbuild.providers.storyboard.stage import Stage
from shotbuild.providers.storyboard.tone import Color, mix


def lit(stage: Stage) -> Color:
    """The colour of a window: lamps in the dark, the sky by day."""
    return (
        mix(stage.palette.accent, stage.palette.light, 55)
        if dark(stage)
        else mix(stage.palette.low, stage.palette.light, 30)
    )


def dark(stage: Stage) -> bool:
    return not stage.palette.day or stage.palette.sun == 90


def city(stage: Stage, horizon: float) -> float:
    """A skyline in four rows behind water, roofs or a parapet."""
    heaven(stage, horizon, 2)
    chance = stage.chance.fork("city")
    centre = stage.side * stage.half * 0.3
    rows = 7 if stage.high else 4
    for index in range(rows):
        depth, near = 20 + index * 132 // (rows - 1), 14 + index * 60 // (rows - 1)
        span = stage.span(depth)
        base = horizon + 10 + (index * 44 if not stage.high else index * index * (1000 - horizon) / 26)
        shapes: list[Outline] = [box(span.left - 10, base - 20, span.right + 10, FLOOR)]
        panes: list[Outline] = []
        x = span.left - 40
        while x < span.right + 40:
            wide = chance.between(34, 84) * (0.75 + index * 0.28)
            peak = 1 - min(1.0, abs(x - centre * (1 - min(index, 3) * 0.6)) / (stage.half * 1.1))
            high = (70 + peak * peak * 300 + chance.between(0, 150)) * (1 - min(index, 4) * 0.12)
            shapes += move(things.tower(chance, wide, high), x + wide / 2, base)
            if index >= 1:
                panes += windows(
                    stage,
                    x,
                    base - high,
                    wide,
                    high - 30,
                    6.5 + index * 2.2,
                    22 if index < rows - 1 else 15,
                    chance.below(1 << 30),
                )
            x += wide * chance.between(0.9, 1.5)
        stage.cut(
            shapes,
            depth,
            stage.air(near + 6),
            stage.air(near - 14),
            fade=(base - 380, base + 30),
            rim=(3, stage.palette.light, 34) if index == rows - 1 else None,
        )
        if panes:
            stage.cut(panes, depth, lit(stage), opacity=78 if dark(stage) else 26)
    if stage.high:
        return 900
    roofs(stage)
    span = stage.span(250)
    stage.cut(
        [box(span.left - 10, 884, span.right + 10, FLOOR), box(span.left - 10, 868, span.right + 10, 876)],
        250,
        stage.air(94),
        rim=(3, stage.palette.light, 40),
    )
    return 886


def roofs(stage: Stage) -> None:
    """Low roofs between the skyline and the parapet."""
    chance, depth = stage.chance.fork("roofs"), 190
    span = stage.span(depth)
    shapes: list[Outline] = []
    x = span.left - 60
    while x < span.right + 60:
        wide, top = chance.between(120, 260), 905 - chance.between(60, 150)
        shapes.append(
            box(x, top, x + wide, FLOOR)
            if chance.often(55)
            else [(x, 960), (x, top + 20), (x + wide * 0.5, top - 40), (x + wide, top + 20), (x + wide, 960)]
        )
        shapes.append(box(x + wide * 0.3, top - 46, x + wide * 0.3 + 18, top + 20))
        if chance.often(40):
            shapes += [
                *limb((x + wide * 0.7, top), (x + wide * 0.7, top - 84), 1.6, 1.6),
                box(x + wide * 0.7 - 22, top - 80, x + wide * 0.7 + 22, top - 77),
            ]
        x += wide * chance.between(0.85, 1.15)
    stage.cut(shapes, depth, stage.ground(86), stage.air(92), fade=(740, 900))


def windows(
    stage: Stage, left: float, top: float, wide: float, high: float, cell: float, share: int, seed: int
) -> list[Outline]:
    """A grid of lit windows on a front; `share` per cent of them burn."""
    chance = stage.chance.fork(f"windows {seed}")
    columns, rows = int((wide - cell) / (cell * 1.7)), int((high - cell) / (cell * 2.4))
    if columns < 1 or rows < 1:
        return []
    margin = (wide - columns * cell * 1.7 + cell * 0.7) / 2
    return [
        box(
            left + margin + column * cell * 1.7,
            top + cell * 1.4 + row * cell * 2.4,
            left + margin + column * cell * 1.7 + cell,
            top + cell * 2.7 + row * cell * 2.4,
        )
        for row in range(rows)
        for column in range(columns)
        if chance.often(share)
    ]


def village(stage: Stage, horizon: float) -> float:
    heaven(stage, horizon - 20, 3)
    chance = stage.chance.fork("village")
    land(stage, 18, horizon - 10, [(60, 80), (20, 20)], 14, rim=36)
    land(stage, 50, horizon + 30, [(60, 40), (20, 12)], 30)
    for row, (depth, base, tall, near) in enumerate(((90, horizon + 70, 96, 52), (160, horizon + 150, 170, 74))):
        span = stage.span(depth)
        shapes: list[Outline] = [ridge(span.left - 20, span.right + 20, base, noise(chance, 60, [(25, 14)]), FLOOR)]
        panes: list[Outline] = []
        x = span.left
        while x < span.right:
            if row == 0 or abs(x + stage.side * stage.half * 0.3) > 160:
                walls, glass = things.house(chance)
                size = tall * chance.between(0.8, 1.15)
                shapes += move(walls, x, base + 12, size)
                panes += move(glass, x, base + 12, size)
            x += tall * chance.between(1.2, 3.4)
        if row == 0:
            x = stage.side * stage.half * chance.between(0.1, 0.5)
            shapes += [
                box(x - 24, base - 190, x + 24, base + 10),
                [(x - 30, base - 188), (x, base - 300), (x + 30, base - 188)],
                box(x - 1, base - 326, x + 1, base - 290),
            ]
        stage.cut(
            shapes,
            depth,
            stage.air(near + 6),
            stage.air(near - 8),
            fade=(base - 150, base + 60),
            rim=(3, stage.palette.light, 36),
        )
        stage.cut(panes, depth, lit(stage), opacity=85 if dark(stage) else 40)
    shore(stage, 880, 94)
    return 902


def studio(stage: Stage, _horizon: float) -> float:
    """An empty backdrop with a pool of light, for products and portraits."""
    palette = stage.palette
    wall = mix(palette.haze, palette.low, 45) if palette.day else mix(palette.top, palette.haze, 60)
    edge = 740.0
    stage.sky(1000, mix(wall, palette.ink, 38), wall)
    stage.glow(stage.side * stage.half * 0.12, 430, 640, mix(wall, palette.light, 70), 78, 20)
    span = stage.span(120)
    stage.cut(
        [box(span.left - 20, edge, span.right + 20, FLOOR)],
        120,
        mix(wall, palette.ink, 24),
        mix(wall, palette.ink, 62),
        fade=(edge, 1000),
        soft=2,
    )
    stage.cut([ellipse(0, 862, 430, 66)], 200, mix(wall, palette.light, 60), opacity=38, soft=3)
    return 872
