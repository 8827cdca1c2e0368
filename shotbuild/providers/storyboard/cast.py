"""The subjects of a shot: who and what they are, how large, where they stand, and how they move."""

from collections.abc import Sequence
from fractions import Fraction

from shotbuild.providers.storyboard import figures, things
from shotbuild.providers.storyboard.camera import SUBJECT
from shotbuild.providers.storyboard.chance import TURN
from shotbuild.providers.storyboard.marks import SPEEDS, STEPS, drift_of, shadow
from shotbuild.providers.storyboard.props import insert, others
from shotbuild.providers.storyboard.shape import box, move
from shotbuild.providers.storyboard.stage import Stage
from shotbuild.providers.storyboard.tone import mix
from shotbuild.providers.storyboard.vocabulary import PEOPLE, SMALL

HEIGHTS = {"extreme wide": 112.0, "wide": 235.0, "aerial": 44.0, "low": 760.0, "full": 520.0, "medium": 1240.0}
PACES = {"walk": Fraction(11, 10), "run": Fraction(7, 10), "climb": Fraction(3, 2)}


def enter(
    stage: Stage, subjects: Sequence[str], *, size: str, action: str, held: str | None, ground: float, horizon: float, place: str,
    followed: bool,
) -> None:  # fmt: skip
    if not subjects:
        return None
    first = _leading(subjects, size)
    if place == "space" and first in PEOPLE:
        first = "astronaut"
    if first in SMALL:
        return insert(stage, subjects, place)
    if first in PEOPLE:
        if size == "insert":
            return insert(stage, ("hand", *subjects), place)
        if size == "close":
            return face(stage, first)
        if size == "over":
            return shoulder(stage, subjects, ground)
        if size == "medium" and action in {"stand", "walk", "turn"} and first not in {"pair", "crowd"}:
            return bust(stage, first, action, held)
        beast = next((name for name in subjects if name in {"horse", "deer", "cat", "bird", "car", "boat"}), None)
        if beast and size not in {"medium", "low"}:
            others(
                stage, beast, size, "stand" if action in {"stand", "turn", "sit"} else action, ground, horizon, followed, 0.3
            )
        return people(stage, first, size, action, held, ground, place, followed, "dog" in subjects)
    return others(stage, first, size, action, ground, horizon, followed)


def _leading(subjects: Sequence[str], size: str) -> str:
    """Who the shot is about: people before animals, vehicles when they come first, small things only near."""
    first = subjects[0]
    if first in SMALL:
        near = size in {"insert", "close", "over"}
        return first if near else next((name for name in subjects if name not in SMALL), first)
    if first in {"car", "boat", "train"}:
        return first
    return next((name for name in subjects[:3] if name in PEOPLE), first)


def people(
    stage: Stage, kind: str, size: str, action: str, held: str | None, ground: float, place: str, followed: bool, dog: bool
) -> None:  # fmt: skip
    palette, chance = stage.palette, stage.chance.fork("people")
    tall = HEIGHTS.get(size, 300.0) * (0.68 if kind == "child" else 1.0) * chance.between(0.92, 1.06)
    side = -stage.side
    x = side * stage.half * (0.3 if stage.half > 700 else 0.16) * chance.between(0.7, 1.25)
    foot = {"extreme wide": max(ground, 890.0), "wide": max(ground, 900.0), "aerial": 660.0, "low": 1090.0, "full": 960.0,
            "medium": 250 + tall * 0.99}.get(size, ground)  # fmt: skip
    if place in {"room", "hall", "studio"}:
        tall = max(tall, 430.0 if kind != "child" else 300.0)
    if stage.flight is not None:
        x, foot, tall = stage.flight[0], stage.flight[1], min(tall, 330.0)
    gait = action if action in {"walk", "run", "climb"} else "stand"
    flip = stage.side if not followed else 1
    phases = STEPS if gait != "stand" else 1
    look = figures.build(chance, kind, held or "nothing")
    if kind == "crowd":
        poses = figures.group(chance, 7 if tall < 400 else 5, 0.34, gait, phases)
    elif kind == "pair":
        poses = figures.group(chance, 2, 0.4, gait, phases)
    elif action == "sit":
        bench = [box(-0.2, -0.27, 0.2, -0.235), box(-0.17, -0.24, -0.14, 0), box(0.14, -0.24, 0.17, 0)]
        poses = [[*figures.sitting(look), *bench]]
    elif gait == "stand":
        poses = [figures.standing(look)]
    else:
        poses = [figures.striding(look, index * TURN // phases, gait) for index in range(phases)]
    if dog:
        poses = [
            [*pose, *move(things.beast("dog", index * TURN // phases, gait != "stand"), -0.55, 0, 0.36)]
            for index, pose in enumerate(poses)
        ]
    drift = drift_of(stage, x, SPEEDS.get(action, 0) * tall if gait != "stand" else 0, followed, flip)
    if stage.flight is not None:  # along the steps, whatever the camera does
        way = 0.0 if gait == "stand" else 360.0 * stage.side
        drift = (-way / 2, abs(way) / 2 * stage.flight[2], way, -abs(way) * stage.flight[2])
        gait = "climb" if gait == "walk" else gait
    elif action == "climb":
        drift = (drift[0], -drift[0] * 0.3 * flip, drift[2], -drift[2] * 0.3 * flip)
    if size in {"extreme wide", "wide", "full", "aerial"} and stage.flight is None:
        shadow(stage, x, foot, tall * 0.2, drift)
    placed = [move(pose, x, foot, tall, flip) for pose in poses]
    ink = mix(palette.ink, palette.haze, 6)
    edge = (max(2.2, tall * 0.009), mix(palette.light, palette.accent, 15), 85)
    stage.cycle(placed, SUBJECT, ink, mix(ink, palette.haze, 10), fade=(foot - tall, foot), rim=edge, drift=drift,
                seconds=PACES.get(gait, Fraction(1)))  # fmt: skip
    if held == "lamp":
        stage.glow(
            x + flip * tall * 0.14,
            foot - tall * 0.36,
            tall * 0.9,
            mix(palette.accent, palette.light, 50),
            60,
            SUBJECT,
            drift,
        )


def bust(stage: Stage, kind: str, action: str, held: str | None) -> None:
    """A person from the waist up."""
    palette, chance = stage.palette, stage.chance.fork("bust")
    look = figures.build(chance, kind, held or "nothing")
    large = 215 * chance.between(0.94, 1.1) * min(1.0, stage.half / 420)
    x, y = -stage.side * stage.half * (0.3 if stage.half > 600 else 0.12), 330 * chance.between(0.92, 1.06)
    aside = action == "walk" or chance.often(60)
    shapes = figures.profile(look) if aside else figures.back(look)
    # A step lifts head and shoulders twice a second or so.
    lifts = [0.0, 0.6, 1.0, 0.6] if action == "walk" else [0.0]
    poses = [move(shapes, x, y - lift * 9, large, stage.side) for lift in lifts]
    ink = mix(palette.ink, palette.haze, 8)
    stage.cycle(poses, SUBJECT, ink, mix(ink, palette.haze, 10), fade=(y - large / 2, 1000), rim=(6, mix(palette.light, palette.accent, 18), 88),
                seconds=Fraction(11, 20))  # fmt: skip


def face(stage: Stage, kind: str) -> None:
    """A head in profile that looks into the open side of the frame, lit from there."""
    palette, chance = stage.palette, stage.chance.fork("face")
    look = figures.build(chance, kind)
    large = 560 * chance.between(0.92, 1.1) * min(1.0, stage.half / 560 + 0.1)
    x = -stage.side * stage.half * (0.22 if stage.half > 600 else 0.1)
    y = 450.0
    shapes = move(figures.profile(look), x, y, large, stage.side)
    ink = mix(palette.ink, palette.haze, 8)
    stage.glow(x + stage.side * large * 0.7, y - large * 0.1, large * 1.4, palette.light, 34, 200)
    stage.cut(
        shapes,
        SUBJECT,
        ink,
        mix(ink, palette.haze, 8),
        fade=(y - large / 2, 1000),
        rim=(10, mix(palette.light, palette.accent, 18), 92),
    )


def shoulder(stage: Stage, subjects: Sequence[str], ground: float) -> None:
    """The other person, small and in the light, past a dark head and shoulder."""
    palette, chance = stage.palette, stage.chance.fork("shoulder")
    other = figures.build(chance, subjects[1] if len(subjects) > 1 and subjects[1] in PEOPLE else "any")
    x = stage.side * stage.half * 0.2
    ink = mix(palette.ink, palette.haze, 26)
    stage.cut(
        move(figures.standing(other), x, 1330, 1010),
        SUBJECT,
        ink,
        mix(ink, palette.haze, 12),
        fade=(300, 1000),
        rim=(5, palette.light, 80),
    )
    near = figures.build(chance, subjects[0])
    shapes = move(figures.back(near), -stage.side * stage.half * 0.5, 500, 520 * min(1.0, stage.half / 700), stage.side)
    stage.cut(shapes, 380, palette.ink, mix(palette.ink, palette.haze, 10), soft=2, rim=(10, palette.light, 34))
