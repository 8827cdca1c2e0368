"""Rooms, halls and stairs, drawn by the light that comes in. Each returns where a subject stands."""

from shotbuild.providers.storyboard import things
from shotbuild.providers.storyboard.chance import Chance
from shotbuild.providers.storyboard.shape import Outline, box, curve, ellipse, limb, move
from shotbuild.providers.storyboard.stage import Stage
from shotbuild.providers.storyboard.tone import Color, mix

FLOOR = 1500.0


def room(stage: Stage, kind: str) -> float:
    """A back wall with a tall window, its light on the floor, and some furniture of the kind."""
    palette, chance = stage.palette, stage.chance.fork("room")
    night = not palette.day
    wall = mix(palette.haze, palette.ink, 46 if not night else 66)
    wall = mix(wall, palette.accent, 8)
    base = 760.0
    light = mix(palette.low, palette.light, 62)
    stage.sky(base, mix(wall, palette.ink, 30), wall)
    span = stage.span(96)
    x = stage.side * stage.half * chance.between(0.28, 0.5)
    wide, top, bottom = chance.between(220, 320), chance.between(130, 190), chance.between(540, 610)
    panes_across, panes_down = chance.pick(((2, 3), (2, 2), (3, 4)))
    # The view: sky, far hills; then the frame.
    stage.cut(
        [box(x - wide / 2, top, x + wide / 2, bottom)],
        60,
        mix(palette.top, palette.low, 30),
        light if not night else palette.haze,
        fade=(top, bottom),
    )
    if night:
        stage.cut([ellipse(x + wide * 0.18, top + 110, 26)], 60, palette.light)
    stage.cut(_skyline(chance, x, wide, bottom), 62, stage.air(26))
    left, right = x - wide / 2, x + wide / 2
    frame = [
        box(left - 16, top - 18, right + 16, top),
        box(left - 26, bottom, right + 26, bottom + 18),
        box(left - 16, top, left, bottom),
        box(right, top, right + 16, bottom),
    ]
    bars = [left + wide * index / panes_across for index in range(1, panes_across)]
    rails = [top + (bottom - top) * index / panes_down for index in range(1, panes_down)]
    frame += [box(bar - 4, top, bar + 4, bottom) for bar in bars]
    frame += [box(left, rail - 3.5, right, rail + 3.5) for rail in rails]
    stage.cut(frame, 96, mix(wall, palette.ink, 52))
    stage.glow(x, (top + bottom) / 2, 520, light, 40 if not night else 24, 90)
    stage.cut(
        [box(span.left - 20, base, span.right + 20, FLOOR)],
        110,
        mix(wall, palette.ink, 30),
        mix(wall, palette.ink, 74),
        fade=(base, 1000),
    )
    stage.cut([box(span.left - 20, base - 22, span.right + 20, base)], 100, mix(wall, palette.ink, 36))
    slope = -stage.side * chance.between(170, 330)
    for index in range(panes_across):
        left = x - wide / 2 + wide * index / panes_across + 6
        right = x - wide / 2 + wide * (index + 1) / panes_across - 6
        patch = [
            (left + slope * 0.3, base + 40),
            (right + slope * 0.3, base + 40),
            (right + slope + 50, 960),
            (left + slope, 960),
        ]
        stage.cut([patch], 170, light, opacity=44 if not night else 26, soft=1)
        beam = [(left, top + 20), (right, top + 20), (right + slope + 50, 960), (left + slope, 960)]
        stage.cut([beam], 130, light, opacity=9 if not night else 5, soft=2)
    furnish(stage, chance, kind, x, base, wall)
    return 930


def _skyline(chance: Chance, x: float, wide: float, bottom: float) -> list[Outline]:
    shapes: list[Outline] = []
    at = x - wide / 2
    while at < x + wide / 2 - 12:
        step = min(chance.between(24, 70), x + wide / 2 - at)
        shapes.append(box(at, bottom - chance.between(20, 120), at + step, bottom))
        at += step
    return shapes


def furnish(stage: Stage, chance: Chance, kind: str, window: float, base: float, wall: Color) -> None:
    palette, side = stage.palette, stage.side
    ink = mix(wall, palette.ink, 62)
    glow = mix(palette.accent, palette.light, 55)
    x = -side * stage.half * chance.between(0.5, 0.72)
    if kind == "door" or (kind == "room" and chance.often(40)):
        stage.cut([box(x - 96, 300, x + 96, base)], 98, mix(wall, palette.ink, 50))
        stage.cut([box(x - 80, 316, x + 80, base)], 98, mix(wall, palette.ink, 70))
        stage.cut(
            [box(x + side * 34, 316, x + side * 80, base) if side > 0 else box(x - 80, 316, x - 34, base)],
            98,
            glow,
            opacity=85,
        )
        stage.cut([ellipse(x + side * 20, 560, 7)], 98, palette.light, opacity=70)
    elif kind == "library" or chance.often(45):
        shapes = [box(x - 170, 170, x + 170, base + 8)]
        shelves: list[Outline] = []
        for row in range(5):
            at, y = x - 150, 190 + row * 114
            while at < x + 140:
                step = chance.between(10, 26)
                if chance.often(82):
                    shelves.append(box(at, y + chance.between(8, 36), at + step - 3, y + 96))
                at += step
        stage.cut(shapes, 112, ink)
        stage.cut(shelves, 112, mix(wall, palette.haze, 30), opacity=60)
    else:
        stage.cut([box(x - 110, 230, x + 110, 420)], 97, mix(wall, palette.ink, 58))
        stage.cut(
            [box(x - 94, 246, x + 94, 404)],
            97,
            mix(palette.low, palette.haze, 50),
            mix(palette.haze, palette.ink, 40),
            fade=(246, 404),
        )
    table = -side * stage.half * 0.3
    if kind == "bed":
        stage.cut(
            [
                box(table - 330, 720, table - 306, 900),
                curve(
                    [(table - 310, 800), (table + 240, 790), (table + 250, 850), (table + 250, 890), (table - 310, 890)], 4
                ),
                ellipse(table - 240, 786, 84, 30),
                box(table + 230, 760, table + 254, 910),
            ],
            190,
            mix(ink, palette.haze, 10),
            rim=(4, palette.light, 40),
        )
    elif kind in {"kitchen", "office", "library", "cafe"} or chance.often(55):
        legs = [
            box(table - 220, 752, table + 220, 772),
            *limb((table - 190, 770), (table - 200, 905), 8, 6),
            *limb((table + 190, 770), (table + 200, 905), 8, 6),
        ]
        legs += move(things.cup(), table + 90, 752, 46)
        legs += move(things.book(), table - 60, 754, 92)
        stage.cut(legs, 190, ink, rim=(3, palette.light, 44))
    lamp = window + side * 200 if abs(window + side * 200) < stage.half else -side * stage.half * 0.05
    if chance.often(60):
        stage.cut(
            [[(lamp - 34, 470), (lamp + 34, 470), (lamp + 54, 540), (lamp - 54, 540)]],
            150,
            mix(glow, wall, 20 if not palette.day else 60),
        )
        stage.cut([*limb((lamp, 540), (lamp, 870), 4, 4), ellipse(lamp, 872, 44, 8)], 150, ink)
        if not palette.day:
            stage.glow(lamp, 510, 330, glow, 62, 150)


def hall(stage: Stage, _horizon: float) -> float:
    """A corridor in one-point perspective: openings to one side, light at the end."""
    palette, chance = stage.palette, stage.chance.fork("hall")
    vx, vy = -stage.side * stage.half * chance.between(0.0, 0.14), 470.0
    wall = mix(palette.haze, palette.ink, 56)
    light = mix(palette.low, palette.light, 66)
    stage.sky(1000, mix(wall, palette.ink, 50), mix(wall, palette.ink, 40))
    arched = chance.often(50)
    stage.cut([box(vx - 62, vy - 108, vx + 62, vy + 92)], 20, light)
    stage.glow(vx, vy, 430, light, 70, 20)
    wide, high = 640 * min(1.0, stage.half / 640), 560
    for index in range(6):
        far, near = 0.16 * 1.45**index, 0.16 * 1.45 ** (index + 1)
        depth = int(far * 220) + 16
        tone = mix(mix(wall, light, 36 - index * 7), palette.ink, index * 11)
        grown = near * 1.4  # behind the next opening; the nearest goes to the edges
        if index == 5:
            span = stage.span(depth)
            grown = (
                max((span.right - vx) / wide, (vx - span.left) / wide, (vy - span.top) / high, (span.bottom - vy) / high)
                + 0.1
            )
        outer = box(vx - wide * grown, vy - high * grown * 1.1, vx + wide * grown, vy + high * grown)
        x0, y0, x1, y1 = vx - wide * far, vy - high * far * 1.1, vx + wide * far, vy + high * far * 0.92
        hole = _arch(x0, y0, x1, y1) if arched else box(x0, y0, x1, y1)
        stage.cut([outer], depth, tone, mix(tone, palette.ink, 20), fade=(vy, 1000), holes=[hole], rim=(3, light, 40))
        # A bright strip on the floor from each opening.
        y, foot = vy + high * far * 0.93, vy + high * near * 0.9
        reach = wide * far * 0.7
        stage.cut(
            [
                [
                    (vx + stage.side * reach, y),
                    (vx + stage.side * wide * far, y),
                    (vx + stage.side * wide * near * 0.4, foot),
                    (vx - stage.side * reach * 0.2, foot),
                ]
            ],
            depth,
            light,
            opacity=34,
            soft=1,
        )
    return 905


def _arch(left: float, top: float, right: float, bottom: float) -> Outline:
    radius = (right - left) / 2
    upper = ellipse((left + right) / 2, top + radius * 0.7, radius, radius * 0.7, 64)
    middle = top + radius * 0.7
    arc = sorted((x, y) for x, y in upper if y < middle)
    return [(left, bottom), (left, middle), *arc, (right, middle), (right, bottom)]


def stairs(stage: Stage, _horizon: float) -> float:
    """A flight of stairs that climbs towards the light; the subject stands on it."""
    palette, side = stage.palette, stage.side
    wall = mix(palette.haze, palette.ink, 50)
    light = mix(palette.low, palette.light, 62)
    stage.sky(1000, mix(wall, palette.haze, 30), mix(wall, palette.ink, 30))
    top_x = side * stage.half * 0.62
    stage.cut([box(top_x - 110, 60, top_x + 110, 330)], 80, light)
    stage.glow(top_x, 200, 620, light, 60, 80)
    for depth, lift, near in ((150, 0.0, 46), (256, 120.0, 82)):
        steps, count = list[tuple[float, float]](), 13
        rise, run = 56.0, 106.0
        x, y = (top_x - side * run * 1.0), 330 + lift
        steps.append((top_x + side * 900, y))
        for _ in range(count):
            steps += [(x, y), (x, y + rise)]
            x, y = x - side * run, y + rise
        outline: Outline = [*steps, (x, FLOOR), (top_x + side * 900, FLOOR)]
        tone = mix(wall, palette.ink, near)
        stage.cut([outline], depth, mix(tone, light, 8), tone, fade=(330, 1000), rim=(5, light, 46))
        rail: list[Outline] = []
        if depth == 150:
            for index in range(count):
                px, py = top_x - side * run * (index + 1.4), 330 + lift + rise * index
                rail += limb((px, py + rise), (px, py - 120), 4, 4)
            rail += limb(
                (top_x - side * run * 1.4, 330 + lift - 120),
                (top_x - side * run * (count + 0.4), 330 + lift + rise * (count - 1) - 120),
                8,
                8,
            )
            stage.cut(rail, depth, tone)
    stage.flight = (top_x - side * 106 * 3.5, 330 + 120 + 56 * 4.0, 56 / 106)
    return 330 + 120 + 56 * 4.0
