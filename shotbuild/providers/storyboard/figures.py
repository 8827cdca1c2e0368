"""People as silhouettes. Feet at (0, 0), height 1, y downwards; they face +x. Only outlines, no colour."""

from dataclasses import dataclass

from shotbuild.providers.storyboard.chance import TURN, Chance, sine
from shotbuild.providers.storyboard.shape import Outline, Point, box, curve, ellipse, lean, limb, move


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """dress: `plain`, `coat`, `dress`, `cloak`; hat: `none`, `brim`, `hood`, `cap`; hair: `short`, `long`, `bun`."""

    dress: str = "plain"
    hat: str = "none"
    hair: str = "short"
    broad: float = 1.0
    holds: str = "nothing"


def build(chance: Chance, kind: str, holds: str = "nothing") -> Build:
    if kind == "astronaut":
        return Build(hat="helmet", broad=1.16, holds=holds)
    dress = {
        "woman": ("dress", "coat", "plain"),
        "man": ("plain", "coat", "plain"),
        "child": ("plain", "dress"),
        "old": ("coat", "cloak"),
        "monk": ("cloak",),
        "suit": ("plain",),
    }.get(kind, ("plain", "coat", "coat", "dress"))
    hat = {"woman": ("none", "none", "brim"), "man": ("none", "none", "brim", "cap"), "child": ("none", "cap"),
           "old": ("brim", "cap", "none"), "monk": ("hood",)}.get(kind, ("none", "none", "cap", "brim"))  # fmt: skip
    hair = ("long", "bun") if kind in {"woman"} else ("short", "long") if kind == "child" else ("short",)
    return Build(
        dress=chance.pick(dress), hat=chance.pick(hat), hair=chance.pick(hair), broad=chance.between(0.92, 1.08),
        holds=holds,
    )  # fmt: skip


def _joint(start: Point, degrees: float, long: float) -> Point:
    """The end of a limb that hangs down and swings forward by degrees."""
    step = round(degrees * TURN / 360)
    return start[0] + sine(step) / 65536 * long, start[1] + sine(step + TURN // 4) / 65536 * long


def _head(at: Point, look: Build, facing: float) -> list[Outline]:
    """A head in profile (facing 1) or from behind (0)."""
    x, y = at
    shapes = [ellipse(x + 0.004 * facing, y, 0.052, 0.066)]
    if facing:
        shapes.append([(x + 0.046, y - 0.012), (x + 0.066, y + 0.014), (x + 0.046, y + 0.024)])
    if look.hair == "long":
        shapes.append(curve([(x - 0.03, y - 0.066), (x + 0.03, y - 0.066), (x + 0.02 - 0.03 * facing, y + 0.05),
                             (x + 0.03 - 0.06 * facing, y + 0.12), (x - 0.062, y + 0.13), (x - 0.068, y)]))  # fmt: skip
    if look.hair == "bun":
        shapes.append(ellipse(x - 0.05 * facing, y - 0.055 - 0.02 * (1 - facing), 0.032))
    if look.hat == "brim":
        shapes += [box(x - 0.1, y - 0.048, x + 0.1, y - 0.033),
                   curve([(x - 0.055, y - 0.04), (x - 0.05, y - 0.1), (x, y - 0.105), (x + 0.05, y - 0.1),
                          (x + 0.055, y - 0.04)], closed=False)]  # fmt: skip
    if look.hat == "cap":
        shapes += [curve([(x - 0.058, y - 0.02), (x - 0.05, y - 0.075), (x + 0.03, y - 0.078), (x + 0.056, y - 0.03)],
                         closed=False), box(x, y - 0.036, x + 0.09 * facing + 0.04, y - 0.022)]  # fmt: skip
    if look.hat == "helmet":
        shapes.append(ellipse(x, y, 0.085))
    if look.hat == "hood":
        shapes.append(curve([(x + 0.05, y - 0.05), (x, y - 0.09), (x - 0.07, y - 0.05), (x - 0.085, y + 0.09),
                             (x + 0.03, y + 0.1), (x + 0.06, y + 0.03)]))  # fmt: skip
    return shapes


def standing(look: Build) -> list[Outline]:
    """From behind or in front, weight on both feet."""
    wide = look.broad
    shapes = _head((0, -0.925), look, 0)
    shapes += limb((0, -0.87), (0, -0.8), 0.03, 0.034)
    torso = [(-0.035, -0.845), (-0.115 * wide, -0.8), (-0.128 * wide, -0.74), (-0.1 * wide, -0.6), (-0.088 * wide, -0.46),
             (0.088 * wide, -0.46), (0.1 * wide, -0.6), (0.128 * wide, -0.74), (0.115 * wide, -0.8), (0.035,
                 -0.845)]  # fmt: skip
    shapes.append(torso)
    for side in (-1, 1):
        shapes += limb((side * 0.112 * wide, -0.775), (side * 0.142 * wide, -0.6), 0.034, 0.028)
        shapes += limb((side * 0.142 * wide, -0.6), (side * 0.138 * wide, -0.44), 0.028, 0.02)
        shapes += limb((side * 0.048, -0.48), (side * 0.056, -0.25), 0.05, 0.036)
        shapes += limb((side * 0.056, -0.25), (side * 0.058, -0.03), 0.036, 0.021)
        shapes.append(ellipse(side * 0.066, -0.014, 0.034, 0.016))
    return shapes + _cloth(look, 0, 0) + _held(look, (0.138 * wide, -0.43))


def _cloth(look: Build, stride: float, bend: float, top: float = 0.1) -> list[Outline]:
    if look.dress == "coat":
        return [curve([(-top * 0.92, -0.66), (top * 0.92, -0.66), (top * 0.98, -0.5), (top * 1.15 + stride, -0.29),
            (-top * 1.15 - stride - bend, -0.28),
                       (-top * 0.98, -0.5)], 4)]  # fmt: skip
    if look.dress == "dress":
        return [
            curve(
                [(-top * 0.74, -0.6), (top * 0.74, -0.6), (0.15 + stride, -0.22), (0, -0.2), (-0.15 - stride - bend, -0.22)],
                4,
            )
        ]
    if look.dress == "cloak":
        return [[(-0.07, -0.82), (0.07, -0.82), (0.14 + stride / 2, -0.06), (-0.17 - stride / 2 - bend, -0.05)]]
    return []


def _held(look: Build, hand: Point) -> list[Outline]:
    x, y = hand
    if look.holds == "bag":
        return [box(x - 0.065, y + 0.045, x + 0.065, y + 0.15), *limb((x, y), (x, y + 0.05), 0.01, 0.01)]
    if look.holds == "umbrella":
        top = y - 0.62
        dome = [
            (x - 0.3, top + 0.14),
            (x - 0.22, top + 0.02),
            (x, top - 0.05),
            (x + 0.22, top + 0.02),
            (x + 0.3, top + 0.14),
        ]
        return [curve(dome, closed=False), *limb((x, y), (x, top), 0.008, 0.008)]
    if look.holds == "lamp":
        return [box(x - 0.03, y + 0.04, x + 0.03, y + 0.12), *limb((x, y), (x, y + 0.05), 0.006, 0.006)]
    if look.holds == "stick":
        return limb((x, y - 0.05), (x + 0.05, -0.0), 0.01, 0.008)
    return []


GAITS = {
    # swing of thigh and arm, bend of knee and elbow, forward lean, rise
    "walk": (26, 46, 24, 18, 4, 0.012),
    "run": (46, 96, 48, 80, 14, 0.035),
    "climb": (40, 80, 50, 60, 12, 0.02),
    "stand": (5, 4, 6, 10, 0, 0.0),
}


def striding(look: Build, phase: int, gait: str) -> list[Outline]:
    """In profile, one moment of a step. phase: 1024 to two steps."""
    swing, knee, arm, elbow, forward, rise = GAITS[gait]
    wave = sine(phase) / 65536
    hip = (0.0, -0.495 - rise * abs(sine(phase + 256)) / 65536)
    shapes: list[Outline] = []
    for side, shift in ((1, 0), (-1, TURN // 2)):
        at = sine(phase + shift) / 65536
        lifted = max(0.0, sine(phase + shift + 200) / 65536)
        thigh = swing * at + (8 if gait == "run" else 2)
        bend = thigh - knee * lifted - (6 if gait != "stand" else 1)
        knee_at = _joint((hip[0], hip[1] + 0.01), thigh, 0.245)
        foot = _joint(knee_at, bend, 0.225)
        shapes += limb((hip[0], hip[1] + 0.01), knee_at, 0.058, 0.04) + limb(knee_at, foot, 0.04, 0.022)
        toe = _joint(foot, bend + 78, 0.075)
        shapes += limb(foot, toe, 0.02, 0.013)
        del side
    upper: list[Outline] = []
    neck = (0.012, hip[1] - 0.335)
    upper.append(curve([(-0.062, hip[1] + 0.03), (-0.07, hip[1] - 0.14), (-0.078, neck[1] + 0.08), (-0.03, neck[1] - 0.01),
                        (0.04, neck[1] + 0.005), (0.078, neck[1] + 0.1), (0.062, hip[1] - 0.12), (0.062,
                            hip[1] + 0.03)]))  # fmt: skip
    upper += limb(neck, (0.02, neck[1] - 0.05), 0.034, 0.03)
    upper += _head((0.028, neck[1] - 0.105), look, 1)
    for side in (1, -1):
        angle = -arm * wave * side
        joint = _joint((0.0, neck[1] + 0.045), angle - 4, 0.165)
        hand = _joint(joint, angle + elbow, 0.155)
        upper += limb((0.0, neck[1] + 0.045), joint, 0.034, 0.027) + limb(joint, hand, 0.027, 0.019)
        if side == 1:
            upper += _held(look, hand)
    bent = lean(upper, forward, hip)
    return (
        shapes + bent + _cloth(look, abs(wave) * (0.07 if gait != "stand" else 0.0), 0.03 if gait == "run" else 0.0, 0.074)
    )


def sitting(look: Build) -> list[Outline]:
    """In profile, on something whose top is at y = -0.27."""
    upper = [
        curve([(-0.07, -0.24), (-0.085, -0.42), (-0.06, -0.585), (0.03, -0.6), (0.065, -0.5), (0.055, -0.3), (0.06, -0.23)])
    ]
    upper += limb((0.0, -0.59), (0.015, -0.65), 0.034, 0.03) + _head((0.025, -0.705), look, 1)
    upper += limb((-0.005, -0.55), (0.05, -0.4), 0.034, 0.027) + limb((0.05, -0.4), (0.17, -0.34), 0.027, 0.019)
    legs = limb((-0.01, -0.28), (0.235, -0.285), 0.06, 0.042) + limb((0.235, -0.285), (0.225, -0.03), 0.042, 0.022)
    return upper + legs + limb((0.225, -0.02), (0.3, -0.014), 0.02, 0.013)


def profile(look: Build) -> list[Outline]:
    """Head and shoulders from the side, for a close shot. The head's middle at (0, 0), its height about 1."""
    face = curve(
        [(0.06, -0.5), (0.26, -0.42), (0.345, -0.25), (0.35, -0.11), (0.338, -0.06), (0.385, 0.03), (0.435, 0.115),
         (0.42, 0.145), (0.36, 0.155), (0.368, 0.2), (0.395, 0.225), (0.372, 0.262), (0.39, 0.3), (0.366, 0.338),
         (0.345, 0.372), (0.352, 0.43), (0.32, 0.488), (0.24, 0.5), (0.12, 0.46), (0.08, 0.6), (0.1, 0.8), (-0.3, 0.8),
         (-0.29, 0.5), (-0.33, 0.24), (-0.42, -0.02), (-0.38, -0.3), (-0.2, -0.47)],
        5,
    )  # fmt: skip
    body = curve(
        [(0.06, 0.62), (0.16, 0.8), (0.4, 0.98), (0.5, 1.4), (0.5, 2.6), (0.62, 4.8), (-0.9, 4.8), (-0.72, 2.6),
            (-0.84, 1.5), (-0.68, 0.96),
         (-0.38, 0.8), (-0.26, 0.62)]
    )  # fmt: skip
    shapes = [face, body]
    if look.hair == "long":
        shapes.append(curve([(0.18, -0.5), (0.0, -0.58), (-0.3, -0.5), (-0.5, -0.2), (-0.5, 0.3), (-0.62, 0.8), (-0.5, 1.1),
                             (-0.2, 1.0), (-0.06, 0.4), (0.0, 0.0), (0.24, -0.3)]))  # fmt: skip
    elif look.hair == "bun":
        shapes += [
            ellipse(-0.44, -0.3, 0.17),
            curve([(0.22, -0.48), (0.0, -0.55), (-0.3, -0.47), (-0.45, -0.15), (-0.2, 0.1)]),
        ]
    else:
        shapes.append(
            curve([(0.29, -0.4), (0.14, -0.56), (-0.12, -0.57), (-0.36, -0.44), (-0.46, -0.12), (-0.36, 0.28), (-0.1, 0.0)])
        )
    if look.hat == "brim":
        shapes += [curve([(0.66, -0.26), (0.3, -0.36), (-0.3, -0.36), (-0.64, -0.24), (-0.3, -0.27), (0.3, -0.27)]),
                   curve([(-0.42, -0.3), (-0.36, -0.7), (-0.05, -0.78), (0.26, -0.7), (0.36, -0.3)],
                       closed=False)]  # fmt: skip
    if look.hat == "cap":
        shapes += [curve([(-0.44, -0.16), (-0.4, -0.52), (-0.1, -0.64), (0.2, -0.58), (0.36, -0.28)], closed=False),
                   curve([(0.2, -0.36), (0.62, -0.24), (0.64, -0.19), (0.3, -0.24)])]  # fmt: skip
    if look.hat == "helmet":
        shapes.append(ellipse(-0.02, -0.04, 0.62))
    if look.hat == "hood":
        shapes.append(curve([(0.34, -0.46), (0.06, -0.7), (-0.36, -0.6), (-0.58, -0.1), (-0.6, 0.6), (-0.3, 0.9), (0.1, 0.8),
                             (-0.02, 0.3), (0.12, -0.1), (0.3, -0.32)]))  # fmt: skip
    return shapes


def back(look: Build) -> list[Outline]:
    """Head and shoulders from behind, same measure as `profile`."""
    skull = curve([(0, -0.54), (0.27, -0.46), (0.38, -0.18), (0.36, 0.12), (0.27, 0.38), (0.2, 0.5), (-0.2, 0.5),
                   (-0.27, 0.38), (-0.36, 0.12), (-0.38, -0.18), (-0.27, -0.46)])  # fmt: skip
    body = curve([(0.18, 0.4), (0.22, 0.66), (0.55, 0.84), (0.92, 1.02), (1.1, 1.5), (1.0, 3.0), (1.1, 4.8), (-1.1,
        4.8), (-1.0, 3.0), (-1.1, 1.5),
                  (-0.92, 1.02), (-0.55, 0.84), (-0.22, 0.66), (-0.18, 0.4)])  # fmt: skip
    shapes = [skull, body, ellipse(-0.385, 0.05, 0.05, 0.1), ellipse(0.385, 0.05, 0.05, 0.1)]
    if look.hair == "long":
        shapes.append(curve([(0, -0.6), (0.34, -0.48), (0.47, -0.1), (0.46, 0.5), (0.5, 0.98), (0, 1.08), (-0.5, 0.98),
                             (-0.46, 0.5), (-0.47, -0.1), (-0.34, -0.48)]))  # fmt: skip
    if look.hair == "bun":
        shapes.append(ellipse(0, -0.56, 0.19, 0.17))
    if look.hat == "brim":
        shapes += [
            ellipse(0, -0.3, 0.72, 0.075),
            curve([(-0.4, -0.3), (-0.36, -0.7), (0, -0.78), (0.36, -0.7), (0.4, -0.3)], closed=False),
        ]
    if look.hat == "helmet":
        shapes.append(ellipse(0, -0.06, 0.62))
    if look.hat in {"cap", "hood"}:
        drop = 0.9 if look.hat == "hood" else -0.1
        shapes.append(curve([(-0.44, drop), (-0.44, -0.3), (0, -0.66), (0.44, -0.3), (0.44, drop)], closed=False))
    return shapes


def hand() -> list[Outline]:
    """A hand from the side that reaches to +x and holds something small. Wrist at (-1, 0), finger tips near (0.4, 0)."""
    shapes: list[Outline] = []
    palm = [(-9.0, -0.75), (-2.6, -0.36), (-1.0, -0.22), (-0.45, -0.34), (-0.1, -0.3), (0.02, -0.1), (-0.02, 0.2),
            (-0.3, 0.36), (-0.9, 0.26), (-2.6, 0.42), (-9.0, 0.85)]  # fmt: skip
    shapes.append(curve(palm))
    for base, middle, tip in (
        ((-0.12, -0.22), (0.26, -0.3), (0.5, -0.12)),
        ((-0.06, -0.06), (0.32, -0.12), (0.52, 0.02)),
        ((-0.06, 0.08), (0.26, 0.06), (0.44, 0.14)),
        ((-0.12, 0.2), (0.14, 0.22), (0.3, 0.26)),
    ):
        shapes += limb(base, middle, 0.105, 0.085) + limb(middle, tip, 0.085, 0.06)
    return shapes + limb((-0.55, -0.24), (-0.1, -0.48), 0.13, 0.1) + limb((-0.1, -0.48), (0.26, -0.46), 0.1, 0.065)


def group(chance: Chance, count: int, spread: float, gait: str, phases: int) -> list[list[Outline]]:
    """Several people side by side: one list of outlines for each phase of their step."""
    poses: list[list[Outline]] = [[] for _ in range(phases)]
    for index in range(count):
        look = build(chance, chance.pick(("woman", "man", "man", "any", "old")))
        x = (index - (count - 1) / 2) * spread + chance.between(-0.18, 0.18) * spread
        scale, start, flip = chance.between(0.9, 1.04), chance.below(TURN), chance.side() if gait == "stand" else 1
        still = standing(look) if chance.often(60) else striding(look, start, "stand")
        for phase in range(phases):
            shapes = still if gait == "stand" else striding(look, start + phase * TURN // phases, gait)
            poses[phase] += move(shapes, x, 0, scale, flip)
    return poses
