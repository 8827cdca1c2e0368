"""Everything that is not a person: silhouettes of vehicles, animals, plants, buildings and small objects.

Unless said otherwise: on the ground at y = 0, height about 1, y downwards, facing +x."""

from shotbuild.providers.storyboard.chance import TURN, Chance, sine
from shotbuild.providers.storyboard.shape import Outline, Point, box, curve, ellipse, limb, move


def car(chance: Chance) -> list[Outline]:
    """Length about 3, height 1."""
    if chance.often(30):
        body = [(-1.5, -0.18), (-1.5, -0.95), (-1.42, -1.0), (0.6, -1.0), (0.95, -0.62), (1.45, -0.52), (1.52, -0.18)]
    else:
        body = curve([(-1.5, -0.2), (-1.5, -0.52), (-1.38, -0.6), (-0.98, -0.64), (-0.6, -0.94), (-0.2, -1.0), (0.24, -0.97),
                      (0.72, -0.66), (1.32, -0.56), (1.5, -0.42), (1.52, -0.2)], closed=False)  # fmt: skip
    return [body, ellipse(-0.92, -0.2, 0.245), ellipse(0.95, -0.2, 0.245)]


def car_windows() -> list[Outline]:
    return [
        [(-0.78, -0.66), (-0.5, -0.88), (-0.18, -0.93), (-0.16, -0.66)],
        [(-0.08, -0.66), (-0.09, -0.93), (0.2, -0.9), (0.52, -0.66)],
    ]


def boat(chance: Chance) -> list[Outline]:
    """A sailing boat or a small ship; water line at 0."""
    if chance.often(60):
        keel = curve([(0.64, -0.15), (0.5, -0.02), (0.3, 0.05), (-0.3, 0.05), (-0.47, 0.0), (-0.54, -0.12)], 8, closed=False)
        main = [(0.0, -0.24), *curve([(-0.5, -0.24), (-0.36, -0.62), (-0.16, -0.98), (0.0, -1.2)], 12, closed=False)]
        jib = [(0.09, -0.24), *curve([(0.56, -0.2), (0.34, -0.58), (0.17, -0.9), (0.07, -1.12)], 12, closed=False)]
        return [[*keel, (0.0, -0.115)], main, jib, box(0.012, -1.25, 0.034, -0.1)]
    hull = [(-1.0, -0.26), (0.9, -0.26), (1.08, -0.4), (0.86, 0.05), (-0.92, 0.05)]
    return [hull, box(-0.66, -0.52, 0.2, -0.2), box(-0.52, -0.72, -0.06, -0.5), box(-0.42, -0.98, -0.28, -0.7),
            box(0.48, -0.9, 0.51, -0.3), *limb((0.5, -0.85), (0.95, -0.38), 0.008, 0.008)]  # fmt: skip


def bird(phase: int) -> list[Outline]:
    """In flight, wing span about 1. phase: 1024 to a beat."""
    beat = sine(phase) / 65536
    tip, bend = -0.24 * beat, -0.12 - 0.1 * beat
    upper: list[Point] = [(-0.5, tip), (-0.24, bend), (0, 0)]
    left = curve([*upper, (0.0, 0.07), (-0.22, bend + 0.085)], 9)
    return [left, [(-x, y) for x, y in left], ellipse(0, 0.035, 0.05, 0.045)]


def beast(kind: str, phase: int, moving: bool) -> list[Outline]:
    """A four-legged animal in profile. kind: `dog`, `horse`, `deer`, `cat`, `wolf`; height of the back about 0.7."""
    heavy = kind in {"horse", "deer"}
    long, leg, thick = (0.55, 0.52, 0.19) if heavy else (0.5, 0.36, 0.155)
    back = -leg - thick
    shapes = [curve([(-long, back - 0.07), (-0.1, back - thick + 0.08), (long - 0.1, back - 0.13), (long, back + 0.03),
                     (long - 0.08, back + 0.19), (0, back + 0.18), (-long + 0.12, back + 0.1), (-long - 0.02,
                         back + 0.06)])]  # fmt: skip
    neck = (long + 0.2, back - 0.42) if heavy else (long + 0.15, back - 0.17)
    shapes += limb((long - 0.1, back), neck, 0.15 if heavy else 0.115, 0.08)
    nose = (neck[0] + (0.24 if heavy else 0.2), neck[1] + (0.14 if heavy else 0.05))
    shapes += limb(neck, nose, 0.088, 0.042)
    shapes.append([(neck[0] - 0.06, neck[1] - 0.05), (neck[0] - 0.03, neck[1] - 0.19), (neck[0] + 0.04, neck[1] - 0.06)])
    if kind == "deer":
        for lean_by in (-0.1, 0.08):
            top = (neck[0] + lean_by, neck[1] - 0.42)
            shapes += limb((neck[0], neck[1] - 0.06), top, 0.015, 0.01)
            shapes += limb(
                (neck[0] + lean_by * 0.5, neck[1] - 0.24), (neck[0] + lean_by + 0.14, neck[1] - 0.36), 0.011, 0.008
            )
    if kind == "horse":
        shapes.append(
            curve(
                [
                    (neck[0] - 0.05, neck[1] - 0.1),
                    (neck[0] - 0.16, neck[1] + 0.02),
                    (long - 0.3, back - 0.12),
                    (long - 0.1, back - 0.06),
                ]
            )
        )
    tail = {"horse": (-long - 0.16, back + 0.38), "deer": (-long - 0.06, back + 0.06), "cat": (-long - 0.3, back - 0.34)}
    shapes += limb((-long, back), tail.get(kind, (-long - 0.26, back - 0.1)), 0.045, 0.018)
    for x, shift in ((-long + 0.1, 0), (-long + 0.2, 420), (long - 0.16, 560), (long - 0.06, 100)):
        swing = (sine(phase + shift) / 65536 * (0.2 if moving else 0.0)) + (0 if moving else (shift / TURN - 0.3) * 0.05)
        knee = (x + swing * 0.55, back + 0.13 + leg * 0.45)
        lifted = 0.09 * max(0.0, sine(phase + shift + 256) / 65536) if moving else 0.0
        shapes += limb((x, back + 0.08), knee, 0.075, 0.036) + limb(knee, (x + swing, -0.02 - lifted), 0.036, 0.022)
    return shapes


def fish(phase: int) -> list[Outline]:
    sway = sine(phase) / 65536 * 0.06
    body = curve(
        [(0.5, 0.0), (0.28, -0.15), (-0.1, -0.16), (-0.36, -0.03 + sway), (-0.36, 0.03 + sway), (-0.1, 0.15), (0.28, 0.14)]
    )
    return [body, [(-0.32, sway), (-0.56, -0.15 + sway * 2), (-0.48, sway * 2), (-0.56, 0.15 + sway * 2)]]


def fir(chance: Chance) -> list[Outline]:
    """A conifer: tiers that narrow to the top."""
    tiers, wide = 6 + chance.below(3), chance.between(0.17, 0.24)
    edge: list[Point] = [(0.0, -1.0)]
    for tier in range(1, tiers + 1):
        reach = wide * tier / tiers * chance.between(0.85, 1.12)
        low = -1 + 0.9 * tier / tiers
        edge += [(reach, low), (reach * 0.52, low - 0.016)]
    left = [(-x * chance.between(0.9, 1.1), y) for x, y in reversed(edge[1:])]
    return [[*edge, *left], box(-0.018, -0.14, 0.018, 0.02)]


def tree(chance: Chance) -> list[Outline]:
    """A broad-leaved tree: a crown of round masses on a forked trunk."""
    shapes = limb((0, 0.02), (chance.between(-0.03, 0.03), -0.5), 0.042, 0.02)
    for side in (-1, 1):
        shapes += limb((0, -0.34), (side * 0.16, -0.62), 0.018, 0.01)
    for _ in range(9):
        angle = chance.below(TURN)
        far = chance.between(0.05, 0.2)
        x, y = sine(angle) / 65536 * far * 1.25, sine(angle + 256) / 65536 * far
        shapes.append(ellipse(x, -0.72 + y, chance.between(0.11, 0.17), chance.between(0.09, 0.13), 20))
    return shapes


def palm(chance: Chance) -> list[Outline]:
    top = (chance.between(-0.16, 0.16), -0.86)
    shapes = [curve([(-0.03, 0.02), (top[0] * 0.4 - 0.02, -0.45), (top[0] - 0.012, top[1]), (top[0] + 0.012, top[1]),
                     (top[0] * 0.4 + 0.02, -0.45), (0.03, 0.02)], closed=False)]  # fmt: skip
    for reach, drop in (
        (-0.36, 0.16),
        (-0.3, -0.06),
        (-0.14, -0.13),
        (0.1, -0.14),
        (0.28, -0.08),
        (0.36, 0.14),
        (0.2, 0.24),
        (-0.2, 0.25),
    ):
        end = (top[0] + reach, top[1] + drop)
        middle = (top[0] + reach * 0.55, top[1] + drop * 0.3 - 0.09)
        shapes.append(curve([top, (middle[0], middle[1] - 0.025), end, (middle[0], middle[1] + 0.03)], 5))
    return shapes


def lighthouse() -> tuple[list[Outline], list[Outline], list[Outline]]:
    """Tower, its bands, and the lamp room."""
    tower: Outline = [(-0.115, 0.02), (-0.07, -0.76), (0.07, -0.76), (0.115, 0.02)]
    roof: Outline = [(-0.07, -0.9), (0.0, -0.98), (0.07, -0.9)]
    frame = [box(-0.1, -0.785, 0.1, -0.755), roof, box(-0.006, -1.02, 0.006, -0.96), box(-0.058, -0.9, -0.046, -0.78),
             box(0.046, -0.9, 0.058, -0.78)]  # fmt: skip
    bands: list[Outline] = []
    for low, high in ((-0.18, -0.33), (-0.48, -0.62)):
        below, above = 0.115 + low * 0.0592, 0.115 + high * 0.0592
        bands.append([(-below, low), (-above, high), (above, high), (below, low)])
    return [tower, *frame], bands, [box(-0.05, -0.9, 0.05, -0.785)]


def house(chance: Chance) -> tuple[list[Outline], list[Outline]]:
    """A house with a gable, and its windows."""
    wide, wall = chance.between(0.5, 0.75), chance.between(0.5, 0.62)
    body = [(-wide, 0.02), (-wide, -wall), (-wide - 0.07, -wall + 0.02), (-wide * 0.45, -1.0), (wide * 0.45, -1.0),
        (wide + 0.07, -wall + 0.02),
            (wide, -wall), (wide, 0.02)]  # fmt: skip
    chimney = box(wide * 0.2, -1.16, wide * 0.2 + 0.11, -0.9)
    panes = [
        box(x - 0.07, -wall + 0.1, x + 0.07, -wall + 0.3) for x in (-wide * 0.55, 0.02, wide * 0.55) if chance.often(75)
    ]
    return [body, chimney], panes or [box(-0.07, -wall + 0.1, 0.07, -wall + 0.3)]


def tower(chance: Chance, wide: float, high: float) -> list[Outline]:
    """A city building, its foot at 0, in stage units."""
    shapes = [box(-wide / 2, -high, wide / 2, 40)]
    style = chance.below(7)
    if style == 0:
        shapes += [box(-wide * 0.32, -high - wide * 0.22, wide * 0.32, -high), box(-2, -high - wide * 0.75, 2, -high)]
    elif style == 1:
        shapes.append([(-wide / 2, -high), (wide / 2, -high), (wide / 2, -high - wide * 0.42)])
    elif style == 2:
        shapes += [
            box(-wide * 0.38, -high - wide * 0.12, -wide * 0.1, -high),
            box(wide * 0.16, -high - wide * 0.2, wide * 0.36, -high),
        ]
    elif style == 3:
        shapes += [
            [(-wide / 2, -high), (0, -high - wide * 0.55), (wide / 2, -high)],
            box(-1.5, -high - wide * 0.95, 1.5, -high),
        ]
    elif style == 4:
        shapes += [*move([box(-0.2, -0.5, 0.2, -0.12), box(-0.15, -0.14, -0.12, 0), box(0.12, -0.14, 0.15, 0),
                          [(-0.22, -0.5), (0, -0.64), (0.22, -0.5)]], wide * 0.15, -high, wide * 0.7)]  # fmt: skip
    return shapes


def bottle() -> tuple[list[Outline], list[Outline]]:
    """A bottle, and its label."""
    right = [(0.03, -1.0), (0.055, -0.995), (0.058, -0.93), (0.046, -0.92), (0.048, -0.74), (0.075, -0.66), (0.135,
        -0.58), (0.15, -0.5),
             (0.15, -0.03), (0.135, 0.0)]  # fmt: skip
    return [[*right, *[(-x, y) for x, y in reversed(right)]]], [box(-0.15, -0.44, 0.15, -0.16)]


def cup() -> list[Outline]:
    ring = [*ellipse(0.3, -0.34, 0.17, 0.19)]
    return [
        [(-0.3, -0.66), (0.3, -0.66), (0.25, -0.05), (0.18, 0), (-0.18, 0), (-0.25, -0.05)],
        ring,
        box(-0.5, -0.015, 0.5, 0.02),
    ]


def book() -> list[Outline]:
    return [
        curve(
            [
                (0, -0.12),
                (-0.3, -0.22),
                (-0.62, -0.16),
                (-0.66, -0.06),
                (-0.3, -0.1),
                (0, 0.0),
                (0.3, -0.1),
                (0.66, -0.06),
                (0.62, -0.16),
                (0.3, -0.22),
            ],
            4,
        )
    ]


def letter() -> list[Outline]:
    return [[(-0.5, -0.62), (0.46, -0.68), (0.52, -0.04), (-0.44, 0.02)]]


def phone() -> list[Outline]:
    return [[(-0.2, -0.86), (0.2, -0.86), (0.23, -0.83), (0.23, -0.03), (0.2, 0), (-0.2, 0), (-0.23, -0.03), (-0.23, -0.83)]]


def clock() -> tuple[list[Outline], list[Outline]]:
    face = [ellipse(0, -0.5, 0.5)]
    hands = [*limb((0, -0.5), (0, -0.86), 0.018, 0.01), *limb((0, -0.5), (0.22, -0.38), 0.022, 0.012)]
    marks = [
        ellipse(
            sine(step * 1024 // 12) / 65536 * 0.43, -0.5 - sine(step * 1024 // 12 + 256) / 65536 * 0.43, 0.016, corners=12
        )
        for step in range(12)
    ]
    return face, hands + marks


def flame(phase: int) -> list[Outline]:
    sway = sine(phase) / 65536 * 0.09
    return [curve([(0, 0), (0.17, -0.16), (0.13, -0.4), (sway, -0.86), (-0.12, -0.42), (-0.17, -0.16)], 6)]


def plane() -> list[Outline]:
    body = curve([(0.7, 0.0), (0.5, -0.07), (-0.5, -0.06), (-0.7, -0.03), (-0.5, 0.05), (0.5, 0.07)])
    return [
        body,
        [(0.1, 0.0), (-0.3, 0.3), (-0.42, 0.3), (-0.14, 0.0)],
        [(-0.46, -0.03), (-0.7, -0.26), (-0.78, -0.26), (-0.66, -0.02)],
    ]


def train(cars: int) -> list[Outline]:
    """Carriages that run to the left of a nose at x = 0; height 1."""
    shapes: list[Outline] = [curve([(-1.9, -0.1), (-1.9, -0.96), (-0.7, -0.96), (-0.18, -0.62), (0, -0.1)], closed=False)]
    rights = [-1.96 - index * 2.6 for index in range(cars - 1)]
    shapes += [box(right - 2.54, -0.96, right, -0.1) for right in rights]
    shapes += [ellipse(-0.5 - index * 1.28, -0.08, 0.1, corners=20) for index in range(cars * 2)]
    return [*shapes, box(-1.9 - (cars - 1) * 2.6, -0.3, -1.7, -0.16)]


def rocket() -> list[Outline]:
    hull = curve([(0, -1.0), (0.12, -0.78), (0.14, -0.4), (0.1, -0.08), (-0.1, -0.08), (-0.14, -0.4), (-0.12, -0.78)])
    return [hull, [(0.12, -0.36), (0.28, -0.06), (0.26, 0.02), (0.08, -0.14)], [(-0.12, -0.36), (-0.28, -0.06),
        (-0.26, 0.02), (-0.08, -0.14)],
            box(-0.07, -0.1, 0.07, -0.02)]  # fmt: skip
