"""Places that run to a vanishing point under the sky: a street between houses, and the open road."""

from shotbuild.providers.storyboard.built import dark, lit
from shotbuild.providers.storyboard.ground import heaven, land
from shotbuild.providers.storyboard.shape import Outline, box, ellipse, limb
from shotbuild.providers.storyboard.stage import Stage
from shotbuild.providers.storyboard.tone import mix


def street(stage: Stage, horizon: float) -> float:
    """One-point perspective between house fronts, with lamps."""
    palette, chance = stage.palette, stage.chance.fork("street")
    heaven(stage, horizon, 1)
    vx = -stage.side * stage.half * chance.between(0.0, 0.12)
    stage.glow(vx, horizon - 30, 420, mix(palette.low, palette.light, 60), 60, 20)
    rows = 6
    wide = chance.between(0.95, 1.15)
    for index in range(rows):
        # Each row of fronts is nearer: distance 1/scale.
        scale = 0.13 * 1.62**index if index else 0.13
        depth, near = min(300, int(300 * scale * 0.55) + 16), 12 + index * 15
        span = stage.span(depth)
        for side in (-1, 1):
            inner = vx + side * 560 * wide * scale
            outer = (span.left - 30) if side < 0 else (span.right + 30)
            if (inner - outer) * side > 0:
                continue
            top = horizon - (chance.between(640, 1120)) * scale * 1.25
            base = horizon + 190 * scale
            shapes = [box(min(inner, outer), top, max(inner, outer), base)]
            if chance.often(60):
                shapes.append(
                    box(min(inner, outer) - 10 * scale, top - 8 * scale, max(inner, outer) + 14 * scale, top + 14 * scale)
                )
            stage.cut(
                shapes,
                depth,
                stage.air(near),
                stage.air(near - 10),
                fade=(top, base),
                rim=(2.5, palette.light, 22) if side == -stage.side else None,
            )
            panes: list[Outline] = []
            step = 120 * scale
            x = inner + side * step * 0.5
            while (outer - x) * side > step and abs(x - inner) < 6 * step:
                y = top + 70 * scale
                while y < base - 170 * scale:
                    if chance.often(46 if dark(stage) else 70):
                        panes.append(box(min(x, x + side * step * 0.5), y, max(x, x + side * step * 0.5), y + 104 * scale))
                    y += 190 * scale
                x += side * step
            stage.cut(
                panes,
                depth,
                lit(stage) if dark(stage) else stage.air(max(0, near - 26)),
                opacity=80 if dark(stage) else 55,
            )
    road_bed(stage, vx, horizon, 0.62)
    lamps(stage, vx, horizon, 330)
    return 912


def road_bed(stage: Stage, vx: float, horizon: float, wide: float) -> None:
    """A road that runs to the vanishing point, with its marks."""
    palette, depth = stage.palette, 190
    span = stage.span(depth)
    ground = mix(stage.ground(64), palette.low, 10)
    bottom = max(1080.0, span.bottom + 30)
    reach = (bottom - horizon) / (1000 - horizon)
    stage.cut(
        [box(span.left - 20, horizon + 2, span.right + 20, bottom)],
        60,
        stage.ground(34),
        stage.ground(86),
        fade=(horizon, 1000),
    )
    half = stage.half * wide * 1.5 * reach
    stage.cut(
        [[(vx - 3, horizon + 3), (vx + 3, horizon + 3), (half + vx, bottom), (vx - half, bottom)]],
        depth,
        mix(ground, palette.haze, 40),
        mix(ground, palette.ink, 62),
        fade=(horizon, 1000),
    )
    kerb = [
        [
            (vx + side * 3, horizon + 3),
            (vx + side * 4, horizon + 3),
            (vx + side * (half + 24), bottom),
            (vx + side * half, bottom),
        ]
        for side in (-1, 1)
    ]
    stage.cut(kerb, depth, palette.light, opacity=30)
    marks: list[Outline] = []
    distance = 1.05
    while distance < 24:
        y0, y1 = horizon + (1000 - horizon) * 1.1 / distance, horizon + (1000 - horizon) * 1.1 / (distance * 1.22)
        w0, w1 = 9.5 * 1.1 / distance, 9.5 * 1.1 / (distance * 1.22)
        marks.append([(vx - w0, y0), (vx + w0, y0), (vx + w1, y1), (vx - w1, y1)])
        distance *= 1.62
    stage.cut(marks, depth, mix(palette.light, palette.haze, 20), opacity=58)


def lamps(stage: Stage, vx: float, horizon: float, tall: float) -> None:
    """Street lamps along both kerbs; they burn in the dark."""
    burning = dark(stage) or stage.palette.sun < 20
    for distance in (6.4, 4.0, 2.5, 1.55):
        scale = 1 / distance
        depth = int(250 * scale) + 10
        poles, heads = list[Outline](), list[tuple[float, float]]()
        for side in (-1, 1):
            x, foot = vx + side * 720 * scale * min(1.2, stage.half / 700), horizon + 330 * scale * 1.1
            top = foot - tall * 2.1 * scale
            poles += limb((x, foot), (x, top), 4.6 * scale + 0.6, 3.4 * scale + 0.5)
            poles += limb((x, top), (x - side * 86 * scale, top - 14 * scale), 3.4 * scale + 0.5, 3 * scale + 0.5)
            heads.append((x - side * 86 * scale, top - 4 * scale))
        stage.cut(poles, depth, stage.air(min(96, 24 + 110 * scale)))
        for x, y in heads:
            if burning:
                stage.glow(x, y + 6 * scale, 230 * scale + 20, mix(stage.palette.accent, stage.palette.light, 50), 72, depth)
                stage.cut([ellipse(x, y + 6 * scale, 19 * scale + 1, 8 * scale + 1)], depth, stage.palette.light)


def road(stage: Stage, horizon: float) -> float:
    """An open road over a plain, poles beside it, hills behind."""
    heaven(stage, horizon, 3)
    chance = stage.chance.fork("road")
    jagged = chance.often(50)
    land(stage, 16, horizon + 4, [(30, 90 if jagged else 46), (9, 24), (3, 7)], 18, smooth=not jagged, rim=40, floor_near=4)
    land(stage, 34, horizon + 8, [(50, 20), (14, 6)], 32, floor_near=20)
    vx = stage.side * stage.half * chance.between(-0.1, 0.3)
    road_bed(stage, vx, horizon, chance.between(0.3, 0.46))
    for distance in (9.0, 5.8, 3.8, 2.5, 1.65, 1.1):
        scale, shapes = 1 / distance, list[Outline]()
        x, foot = vx - stage.side * 780 * scale, horizon + 300 * scale
        top = foot - 640 * scale
        shapes += limb((x, foot), (x, top), 6 * scale + 0.4, 5 * scale + 0.4)
        shapes.append(box(x - 62 * scale, top + 26 * scale, x + 62 * scale, top + 34 * scale + 0.8))
        stage.cut(shapes, int(250 * scale) + 10, stage.air(min(96, 22 + 90 * scale)))
    return 912
