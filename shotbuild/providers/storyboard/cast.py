"""The subjects of a shot: who and what they are, how large, where they stand, and how they move."""

from collections.abc import Sequence
from fractions import Fraction

from shotbuild.providers.storyboard import figures, things
from shotbuild.providers.storyboard.camera import SUBJECT
from shotbuild.providers.storyboard.chance import TURN
from shotbuild.providers.storyboard.entrance import STEPS, Entrance, dark, edge, shadow
from shotbuild.providers.storyboard.inserts import insert
from shotbuild.providers.storyboard.movers import drive
from shotbuild.providers.storyboard.shape import Outline, box, move
from shotbuild.providers.storyboard.stage import Stage
from shotbuild.providers.storyboard.tone import mix
from shotbuild.providers.storyboard.vocabulary import PEOPLE, SMALL

HEIGHTS = {"extreme wide": 112.0, "wide": 235.0, "aerial": 44.0, "low": 760.0, "full": 520.0, "medium": 1240.0}
SPEEDS = {"walk": 0.62, "run": 1.7, "climb": 0.3}  # own heights a second
PACES = {"walk": Fraction(11, 10), "run": Fraction(7, 10), "climb": Fraction(3, 2)}


def enter(stage: Stage, subjects: Sequence[str], entrance: Entrance) -> None:
    """Puts the shot's subjects on the stage, as its size shows them."""
    if not subjects:
        return
    first, size = _leading(subjects, entrance.size), entrance.size
    if entrance.place == "space" and first in PEOPLE:
        first = "astronaut"
    if first in SMALL:
        insert(stage, subjects)
    elif first not in PEOPLE:
        drive(stage, first, entrance)
    elif size == "insert":
        insert(stage, ("hand", *subjects))
    elif size == "close":
        face(stage, first)
    elif size == "over":
        shoulder(stage, subjects)
    elif size == "medium" and first not in {"pair", "crowd"}:
        bust(stage, first, entrance)
    else:
        beast = next((name for name in subjects if name in {"horse", "deer", "cat", "bird", "car", "boat"}), None)
        if beast and size not in {"medium", "low"}:
            drive(stage, beast, entrance, 0.3)
        people(stage, first, entrance, dog="dog" in subjects)


def _leading(subjects: Sequence[str], size: str) -> str:
    """Who the shot is about: people before animals, vehicles when they come first, small things only near."""
    first = subjects[0]
    if first in SMALL:
        near = size in {"insert", "close", "over"}
        return first if near else next((name for name in subjects if name not in SMALL), first)
    if first in {"car", "boat", "train"}:
        return first
    return next((name for name in subjects[:3] if name in PEOPLE), first)


def people(stage: Stage, kind: str, entrance: Entrance, *, dog: bool) -> None:
    """One person, two or a crowd, whole."""
    chance, action, flip = stage.chance.fork("people"), entrance.action, entrance.flip(stage)
    tall = HEIGHTS.get(entrance.size, 300.0) * (0.68 if kind == "child" else 1.0) * chance.between(0.92, 1.06)
    x = -stage.side * stage.half * (0.3 if stage.half > 700 else 0.16) * chance.between(0.7, 1.25)
    foot = _foot(entrance, tall)
    if entrance.place in {"room", "hall", "studio"}:
        tall = max(tall, 300.0 if kind == "child" else 430.0)
    gait = action if action in figures.GAITS else "stand"
    drift = entrance.drift(stage, SPEEDS.get(gait, 0.0) * tall)
    if stage.flight is not None:  # along the steps, whatever the camera does
        x, foot, slope = stage.flight
        tall, flip = min(tall, 330.0), stage.side
        way = 0.0 if gait == "stand" else 360.0
        drift = -way / 2 * stage.side, way / 2 * slope, way * stage.side, -way * slope
    elif action == "climb":
        drift = drift[0], -drift[0] * 0.3 * flip, drift[2], -drift[2] * 0.3 * flip
    if entrance.size in {"extreme wide", "wide", "full", "aerial"} and stage.flight is None:
        shadow(stage, x, foot, tall * 0.2, drift)
    poses = _poses(stage, kind, gait, entrance, dog=dog, tall=tall)
    placed = [move(pose, x, foot, tall, flip) for pose in poses]
    ink = dark(stage)
    stage.cycle(
        placed,
        SUBJECT,
        ink,
        mix(ink, stage.palette.haze, 10),
        fade=(foot - tall, foot),
        rim=edge(stage, max(2.2, tall * 0.009)),
        drift=drift,
        seconds=PACES.get(gait, Fraction(1)),
    )
    if entrance.held == "lamp":
        warm = mix(stage.palette.accent, stage.palette.light, 50)
        stage.glow(x + flip * tall * 0.14, foot - tall * 0.36, tall * 0.9, warm, 60, SUBJECT, drift)


def _foot(entrance: Entrance, tall: float) -> float:
    """The y on which people stand, below the picture when they are cut."""
    least = {"extreme wide": 890.0, "wide": 900.0}
    fixed = {"aerial": 660.0, "low": 1090.0, "full": 960.0, "medium": 250 + tall * 0.99}
    return fixed.get(entrance.size, max(entrance.ground, least.get(entrance.size, 0.0)))


def _poses(stage: Stage, kind: str, gait: str, entrance: Entrance, *, dog: bool, tall: float) -> list[list[Outline]]:
    chance = stage.chance.fork("poses")
    phases = 1 if gait == "stand" else STEPS
    look = figures.build(chance, kind, entrance.held or "nothing")
    if kind in {"crowd", "pair"}:
        count = 2 if kind == "pair" else 7 if tall < 400 else 5
        return figures.group(chance, count, 0.4 if kind == "pair" else 0.34, gait, phases)
    if entrance.action == "sit":
        bench = [box(-0.2, -0.27, 0.2, -0.235), box(-0.17, -0.24, -0.14, 0), box(0.14, -0.24, 0.17, 0)]
        poses = [[*figures.sitting(look), *bench]]
    elif gait == "stand":
        poses = [figures.standing(look)]
    else:
        poses = [figures.striding(look, phase * TURN // phases, gait) for phase in range(phases)]
    if dog:
        dogs = [things.beast("dog", phase * TURN // phases, gait != "stand") for phase in range(len(poses))]
        poses = [[*pose, *move(beast, -0.55, 0, 0.36)] for pose, beast in zip(poses, dogs, strict=True)]
    return poses


def bust(stage: Stage, kind: str, entrance: Entrance) -> None:
    """A person from the waist up."""
    palette, chance = stage.palette, stage.chance.fork("bust")
    look = figures.build(chance, kind)
    large = 215 * chance.between(0.94, 1.1) * min(1.0, stage.half / 420)
    x, y = -stage.side * stage.half * (0.3 if stage.half > 600 else 0.12), 330 * chance.between(0.92, 1.06)
    steps = entrance.action in figures.GAITS and entrance.action != "stand"
    aside = steps or chance.often(60)
    shapes = figures.profile(look) if aside else figures.back(look)
    # A step lifts head and shoulders twice a second or so.
    lifts = [0.0, 0.6, 1.0, 0.6] if steps else [0.0]
    poses = [move(shapes, x, y - lift * 9, large, stage.side) for lift in lifts]
    ink = mix(palette.ink, palette.haze, 8)
    stage.cycle(
        poses,
        SUBJECT,
        ink,
        mix(ink, palette.haze, 10),
        fade=(y - large / 2, 1000),
        rim=(6, mix(palette.light, palette.accent, 18), 88),
        seconds=Fraction(11, 20),
    )


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


def shoulder(stage: Stage, subjects: Sequence[str]) -> None:
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
