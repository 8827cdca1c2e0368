"""Vehicles, animals and birds in their shot."""

from collections.abc import Callable
from fractions import Fraction

from shotbuild.providers.storyboard import things
from shotbuild.providers.storyboard.camera import SUBJECT
from shotbuild.providers.storyboard.chance import TURN, Chance
from shotbuild.providers.storyboard.entrance import STEPS, Entrance, dark, edge, shadow
from shotbuild.providers.storyboard.shape import Outline, box, ellipse, lean, move
from shotbuild.providers.storyboard.stage import Stage
from shotbuild.providers.storyboard.tone import mix

SCALES = {"extreme wide": 0.45, "aerial": 0.3, "full": 1.7, "low": 1.9, "medium": 2.2, "insert": 2.6, "close": 2.8}
HEIGHTS = {"horse": 250.0, "deer": 235.0, "dog": 150.0, "cat": 110.0}


def drive(stage: Stage, kind: str, entrance: Entrance, place: float = -0.22) -> None:
    """Puts a vehicle or an animal on the stage. place: its x in parts of the half picture, towards the light."""
    scale = SCALES.get(entrance.size, 1.0)
    KINDS.get(kind, _beast)(stage, kind, entrance, stage.side * stage.half * place, scale)


def _car(stage: Stage, kind: str, entrance: Entrance, x: float, scale: float) -> None:
    palette, flip = stage.palette, entrance.flip(stage)
    tall, y = 118 * scale, max(entrance.ground, 910.0)
    drift = entrance.drift(stage, 2.2 * tall if entrance.moving else 0)
    shadow(stage, x, y, tall * 1.7, drift)
    body = move(things.car(stage.chance.fork(kind)), x, y, tall, flip)
    paint = mix(palette.accent, dark(stage), 46)
    stage.cut(body, SUBJECT, paint, dark(stage), fade=(y - tall, y), rim=edge(stage, 4), drift=drift)
    glass = move(things.car_windows(), x, y, tall, flip)
    stage.cut(glass, SUBJECT, mix(palette.low, palette.haze, 40), opacity=80, drift=drift)
    stage.cut([ellipse(x + flip * 1.46 * tall, y - tall * 0.4, tall * 0.07)], SUBJECT, palette.light, drift=drift)
    if not palette.day or palette.sun < 30 or palette.sun == 90:
        beam = move([[(1.5, -0.42), (5.5, -0.8), (5.5, 0.1), (1.5, -0.34)]], x, y, tall, flip)
        stage.cut(beam, SUBJECT, palette.light, opacity=22, soft=2, drift=drift)


def _train(stage: Stage, _kind: str, entrance: Entrance, x: float, scale: float) -> None:
    flip = entrance.flip(stage)
    tall, y = 150 * scale, max(entrance.ground - 40, 860.0)
    drift = entrance.drift(stage, 2.2 * tall)
    nose = x + flip * stage.half * 0.55
    stage.cut(move(things.train(5), nose, y, tall, flip), SUBJECT, dark(stage), rim=edge(stage, 4), drift=drift)
    panes = [box(-2.3 - index * 0.52, -0.78, -1.98 - index * 0.52, -0.5) for index in range(20)]
    lit = mix(stage.palette.accent, stage.palette.light, 60)
    stage.cut(move(panes, nose, y, tall, flip), SUBJECT, lit, opacity=85, drift=drift)


def _boat(stage: Stage, kind: str, entrance: Entrance, x: float, scale: float) -> None:
    palette, flip, horizon = stage.palette, entrance.flip(stage), entrance.horizon
    tall, y = 190 * scale, horizon + (1000 - horizon) * (0.2 + 0.13 * scale)
    drift = entrance.drift(stage, (0.16 if entrance.moving else 0.04) * tall)
    shapes = move(things.boat(stage.chance.fork(kind)), x, y, tall, flip)
    mirror = [[(a, y + (y - b) * 0.55) for a, b in outline] for outline in shapes]
    stage.cut(mirror, SUBJECT, palette.ink, opacity=28, soft=2, drift=drift)
    ink = dark(stage)
    stage.cut(shapes, SUBJECT, ink, mix(ink, palette.haze, 14), fade=(y - tall, y), rim=edge(stage, 4), drift=drift)
    wake = [ellipse(x - flip * tall * 0.2, y + 4, tall * 0.9, 3.4), ellipse(x - flip * tall * 0.5, y + 12, tall * 0.7, 2.6)]
    stage.cut(wake, SUBJECT, palette.light, opacity=50, drift=drift)


def _plane(stage: Stage, _kind: str, entrance: Entrance, x: float, scale: float) -> None:
    flip, tall, y = entrance.flip(stage), 210 * scale, min(420.0, entrance.horizon * 0.6)
    drift = entrance.drift(stage, tall * 0.85)
    body = lean(move(things.plane(), x, y, tall, flip), -7 * flip, (x, y))
    trail = lean([ellipse(x - flip * tall * 2.3, y, tall * 1.7, 3)], -7 * flip, (x, y))
    stage.cut(trail, SUBJECT, stage.palette.light, opacity=36, soft=1, drift=drift)
    stage.cut(body, SUBJECT, dark(stage), rim=edge(stage, 4), drift=drift)


def _rocket(stage: Stage, _kind: str, _entrance: Entrance, x: float, scale: float) -> None:
    palette, tall = stage.palette, 420 * scale
    rise = min(500.0, 120 * stage.camera.frames / float(stage.rate))
    drift = (0.0, 60.0, 0.0, -rise)
    stage.glow(x, 780, 260, mix(palette.accent, palette.light, 40), 60, SUBJECT)
    flame = lean(move(things.flame(0), x, 752, tall * 0.5), 180, (x, 752))
    stage.cut(flame, SUBJECT, palette.light, palette.accent, fade=(752, 900), drift=drift)
    stage.cut(move(things.rocket(), x, 760, tall), SUBJECT, dark(stage), rim=edge(stage, 4), drift=drift)


def _fish(stage: Stage, _kind: str, entrance: Entrance, x: float, scale: float) -> None:
    flip, tall = entrance.flip(stage), 230 * scale
    y = entrance.horizon + (1000 - entrance.horizon) * 0.6
    poses = [move(things.fish(phase * TURN // 8), x, y, tall, flip) for phase in range(8)]
    stage.cycle(poses, SUBJECT, dark(stage), opacity=86, drift=entrance.drift(stage, tall * 0.4), seconds=Fraction(3, 2))


def _beast(stage: Stage, kind: str, entrance: Entrance, x: float, scale: float) -> None:
    flip, tall = entrance.flip(stage), HEIGHTS.get(kind, 180.0) * scale
    y = max(entrance.ground, 905.0) if entrance.size != "aerial" else 660.0
    runs = entrance.action == "run"
    drift = entrance.drift(stage, (1.5 if runs else 0.5) * tall if entrance.moving else 0)
    shadow(stage, x, y, tall * 0.7, drift)
    phases = STEPS if entrance.moving else 1
    steps = [things.beast(kind, phase * TURN // phases, entrance.moving) for phase in range(phases)]
    poses = [move(step, x, y, tall, flip) for step in steps]
    ink = dark(stage)
    stage.cycle(
        poses,
        SUBJECT,
        ink,
        mix(ink, stage.palette.haze, 10),
        fade=(y - tall, y),
        rim=edge(stage, 4),
        drift=drift,
        seconds=Fraction(3, 5) if runs else Fraction(1),
    )


def _flock(stage: Stage, kind: str, entrance: Entrance, x: float, scale: float) -> None:
    """One large bird and some far ones."""
    chance, flip = stage.chance.fork(kind), entrance.flip(stage)
    for _ in range(6):
        at = chance.between(-0.7, 0.8) * stage.half, chance.between(140, 420)
        poses = _beats(chance, at, 34, flip)
        stage.cycle(poses, 120, stage.air(60), drift=(-14, 0, 28, 0), seconds=Fraction(9, 10))
    size = 240 * scale
    poses = _beats(chance, (x * 0.7, chance.between(300, 400)), size, flip)
    drift = entrance.drift(stage, size * 0.8)
    stage.cycle(poses, SUBJECT, stage.air(92), drift=drift, seconds=Fraction(9, 10), rim=(3, stage.palette.light, 60))


def _beats(chance: Chance, at: tuple[float, float], size: float, flip: int) -> list[list[Outline]]:
    start = chance.below(TURN)
    return [move(things.bird(start + phase * TURN // 10), *at, size, flip) for phase in range(10)]


KINDS: dict[str, Callable[[Stage, str, Entrance, float, float], None]] = {
    "car": _car,
    "train": _train,
    "boat": _boat,
    "plane": _plane,
    "rocket": _rocket,
    "fish": _fish,
    "bird": _flock,
}
