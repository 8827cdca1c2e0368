"""Subjects that are not people: small things seen close, vehicles, animals, birds."""

from collections.abc import Sequence
from fractions import Fraction

from shotbuild.providers.storyboard import figures, things
from shotbuild.providers.storyboard.camera import SUBJECT
from shotbuild.providers.storyboard.chance import TURN, Chance
from shotbuild.providers.storyboard.marks import SPEEDS, STEPS, drift_of, shadow
from shotbuild.providers.storyboard.shape import Outline, box, curve, ellipse, lean, limb, move
from shotbuild.providers.storyboard.stage import Stage
from shotbuild.providers.storyboard.tone import mix
from shotbuild.providers.storyboard.vocabulary import SMALL


def insert(stage: Stage, subjects: Sequence[str], place: str) -> None:
    """A small thing, large, on a surface; a hand comes in when one is named or people are about."""
    palette, chance, side = stage.palette, stage.chance.fork("insert"), stage.side
    names = [name for name in subjects if name in SMALL and name != "hand"]
    thing = names[0] if names else None
    table = 800.0
    span = stage.span(SUBJECT)
    wood = mix(palette.ink, palette.accent, 16)
    stage.glow(side * stage.half * 0.2, 380, 620, mix(palette.low, palette.light, 60), 50, 120)
    stage.cut([box(span.left - 30, table, span.right + 30, 1500)], SUBJECT, mix(wood, palette.light, 14), palette.ink, fade=(table, 1000),
              rim=(3, palette.light, 50))  # fmt: skip
    x, ink, edge = (
        -side * stage.half * 0.06,
        mix(palette.ink, palette.haze, 16),
        (8, mix(palette.light, palette.accent, 15), 90),
    )
    shadow(stage, x, table + 20, 190, (0, 0, 0, 0))
    if thing == "bottle":
        glass, label = things.bottle()
        stage.cut(
            move(glass, x, table + 24, 640), SUBJECT, mix(palette.ink, palette.accent, 30), ink, fade=(200, 800), rim=edge
        )
        stage.cut(
            move(label, x, table + 24, 640),
            SUBJECT,
            mix(palette.light, palette.low, 40),
            mix(palette.low, palette.haze, 40),
            fade=(540, 720),
        )
        stage.cut(
            [
                *limb((x - 58, table - 120), (x + 40, table - 120), 5, 5),
                *limb((x - 58, table - 150), (x + 10, table - 150), 3, 3),
            ],
            SUBJECT,
            wood,
        )
    elif thing == "clock":
        dial, marks = things.clock()
        stage.cut([ellipse(x, 480, 306)], SUBJECT, ink, rim=edge)
        stage.cut(
            move(dial, x, 750, 540),
            SUBJECT,
            mix(palette.light, palette.low, 30),
            mix(palette.low, palette.haze, 40),
            fade=(210, 750),
        )
        stage.cut(move(marks, x, 750, 540), SUBJECT, palette.ink)
    elif thing == "candle":
        stage.glow(x, 420, 700, mix(palette.accent, palette.light, 40), 80, SUBJECT)
        stage.cut(
            [box(x - 62, 520, x + 62, table + 24), ellipse(x, 522, 62, 12)],
            SUBJECT,
            mix(palette.light, palette.haze, 40),
            ink,
            fade=(520, 900),
        )
        flames = [move(things.flame(phase * TURN // 8), x, 506, 190) for phase in range(8)]
        stage.cycle(
            flames, SUBJECT, palette.light, mix(palette.accent, palette.light, 40), fade=(330, 506), seconds=Fraction(4, 3)
        )
    elif thing == "cup":
        handle = [ellipse(x + side * 153, table - 160, 44, 54)]
        stage.cut(
            move(things.cup(), x, table + 30, 520, side),
            SUBJECT,
            mix(ink, palette.accent, 22),
            ink,
            fade=(450, 820),
            holes=handle,
            rim=edge,
        )
        for phase, way in ((0.0, 24.0), (70.0, -20.0)):
            steam = curve(
                [
                    (x - 40 + phase, 430),
                    (x - 70 + phase, 330),
                    (x - 20 + phase, 240),
                    (x - 60 + phase, 120),
                    (x - 34 + phase, 240),
                    (x - 84 + phase, 330),
                    (x - 56 + phase, 430),
                ]
            )
            stage.cut([steam], SUBJECT, palette.light, opacity=26, soft=3, drift=(-way, 20, way * 2, -50))
    elif thing in {"phone", "letter", "book"}:
        shape = {"phone": things.phone, "letter": things.letter, "book": things.book}[thing]()
        tall = {"phone": 620, "letter": 560, "book": 620}[thing]
        tilted = lean(move(shape, x, table - 20, tall), -9 * side, (x, table))
        paper = thing != "phone"
        tone = mix(palette.light, palette.haze, 26) if paper else palette.ink
        stage.cut(tilted, SUBJECT + 8, tone, mix(tone, palette.haze, 40), fade=(300, 800), rim=None if paper else edge)
        if thing == "phone":
            stage.cut(
                lean([box(x - 116, table - 520, x + 116, table - 70)], -9 * side, (x, table)),
                SUBJECT + 8,
                palette.low,
                palette.accent,
                fade=(280, 740),
            )
            stage.glow(x, 520, 420, palette.light, 36, SUBJECT + 8)
        if thing == "letter":
            lines: list[Outline] = []
            for row in range(6):
                lines += limb((x - 190, 480 + row * 44), (x + (170 if row < 5 else 30), 470 + row * 44), 3.5, 3.5)
            stage.cut(lean(lines, -9 * side, (x, table)), SUBJECT + 8, mix(palette.ink, palette.haze, 20), opacity=70)
    if thing is None or "hand" in subjects or chance.often(25):
        reach = stage.half * 0.02 if thing is None else 190 + (60 if thing in {"letter", "book"} else 0)
        at = x + side * reach
        way = 70.0
        shapes = move(figures.hand(), at + side * 120, 560 if thing is None else 600, 300, -side)
        stage.cut(
            shapes, SUBJECT + 30, ink, palette.ink, fade=(450, 800), rim=edge, drift=(side * way, 14, -side * way, -14)
        )


def others(stage: Stage, kind: str, size: str, action: str, ground: float, horizon: float, followed: bool,
           place: float = -0.22) -> None:  # fmt: skip
    palette, chance = stage.palette, stage.chance.fork("others")
    scale = {
        "extreme wide": 0.45,
        "wide": 1.0,
        "aerial": 0.3,
        "full": 1.7,
        "medium": 2.2,
        "close": 2.8,
        "low": 1.9,
        "insert": 2.6,
    }.get(size, 1.0)
    flip = stage.side if not followed else 1
    x = stage.side * stage.half * place
    ink = mix(palette.ink, palette.haze, 8)
    edge = (4.0, mix(palette.light, palette.accent, 12), 80)
    moving = action not in {"stand", "sit"}
    if kind == "car":
        tall, y = 118 * scale, max(ground, 910.0)
        drift = drift_of(stage, x, SPEEDS["drive"] * tall if moving else 0, followed, flip)
        shadow(stage, x, y, tall * 1.7, drift)
        stage.cut(
            move(things.car(chance), x, y, tall, flip),
            SUBJECT,
            mix(palette.accent, ink, 46),
            ink,
            fade=(y - tall, y),
            rim=edge,
            drift=drift,
        )
        stage.cut(
            move(things.car_windows(), x, y, tall, flip),
            SUBJECT,
            mix(palette.low, palette.haze, 40),
            opacity=80,
            drift=drift,
        )
        lamp = [ellipse(x + flip * 1.46 * tall, y - tall * 0.4, tall * 0.07)]
        stage.cut(lamp, SUBJECT, palette.light, drift=drift)
        if not palette.day or palette.sun < 30 or palette.sun == 90:
            beam = [[(x + flip * 1.5 * tall, y - tall * 0.42), (x + flip * 5.5 * tall, y - tall * 0.8), (x + flip * 5.5 * tall, y + tall * 0.1),
                     (x + flip * 1.5 * tall, y - tall * 0.34)]]  # fmt: skip
            stage.cut(beam, SUBJECT, palette.light, opacity=22, soft=2, drift=drift)
    elif kind == "train":
        tall, y = 150 * scale, max(ground - 40, 860.0)
        drift = drift_of(stage, x, SPEEDS["drive"] * tall, followed, flip)
        nose = flip * stage.half * 0.36
        stage.cut(move(things.train(5), nose, y, tall, flip), SUBJECT, ink, rim=edge, drift=drift)
        panes = [box(-2.3 - i * 0.52, -0.78, -1.98 - i * 0.52, -0.5) for i in range(20)]
        stage.cut(move(panes, nose, y, tall, flip), SUBJECT, mix(palette.accent, palette.light, 60), opacity=85, drift=drift)
    elif kind == "boat":
        tall, y = 190 * scale, horizon + (1000 - horizon) * (0.2 + 0.13 * scale)
        drift = drift_of(stage, x, 0.16 * tall if moving else 0.04 * tall, followed, flip)
        shapes = move(things.boat(chance), x, y, tall, flip)
        mirror = [[(a, y + (y - b) * 0.55) for a, b in outline] for outline in shapes]
        stage.cut(mirror, SUBJECT, palette.ink, opacity=28, soft=2, drift=drift)
        stage.cut(shapes, SUBJECT, ink, mix(ink, palette.haze, 14), fade=(y - tall, y), rim=edge, drift=drift)
        wake = [
            ellipse(x - flip * tall * 0.2, y + 4, tall * 0.9, 3.4),
            ellipse(x - flip * tall * 0.5, y + 12, tall * 0.7, 2.6),
        ]
        stage.cut(wake, SUBJECT, palette.light, opacity=50, drift=drift)
    elif kind == "bird":
        flock(stage, chance, scale, flip, followed)
    elif kind in {"plane", "rocket"}:
        tall = (150 if kind == "plane" else 420) * scale
        y = min(420.0, horizon * 0.6)
        shapes = things.plane() if kind == "plane" else things.rocket()
        if kind == "plane":
            drift = drift_of(stage, x, tall * 1.2, followed, flip)
            placed = lean(move(shapes, x, y, tall * 1.4, flip), -7 * flip, (x, y))
            trail = lean([ellipse(x - flip * tall * 3.2, y, tall * 2.4, 3)], -7 * flip, (x, y))
            stage.cut(trail, SUBJECT, palette.light, opacity=36, soft=1, drift=drift)
        else:
            seconds = stage.camera.frames / float(stage.rate)
            drift = (0, 60.0, 0, -min(500.0, 120 * seconds))
            placed = move(shapes, x, 760, tall)
            stage.glow(x, 780, 260, mix(palette.accent, palette.light, 40), 60, SUBJECT)
            stage.cut(
                lean(move(things.flame(0), x, 752, tall * 0.5), 180, (x, 752)),
                SUBJECT,
                palette.light,
                palette.accent,
                fade=(752, 900),
                drift=drift,
            )
        stage.cut(placed, SUBJECT, ink, rim=edge, drift=drift)
    elif kind == "fish":
        tall, y = 230 * scale, horizon + (1000 - horizon) * 0.6
        drift = drift_of(stage, x, tall * 0.4, followed, flip)
        stage.cycle(
            [move(things.fish(p * TURN // 8), x, y, tall, flip) for p in range(8)],
            SUBJECT,
            ink,
            opacity=86,
            drift=drift,
            seconds=Fraction(3, 2),
        )
    else:
        tall = {"horse": 250, "deer": 235, "dog": 150, "cat": 110}.get(kind, 180) * scale
        y = max(ground, 905.0) if size != "aerial" else 660.0
        drift = drift_of(stage, x, (1.5 if action == "run" else 0.5) * tall if moving else 0, followed, flip)
        shadow(stage, x, y, tall * 0.7, drift)
        poses = [move(things.beast(kind, p * TURN // STEPS, True), x, y, tall, flip) for p in range(STEPS)] if moving else [
            move(things.beast(kind, 0, False), x, y, tall, flip)]  # fmt: skip
        stage.cycle(
            poses,
            SUBJECT,
            ink,
            mix(ink, palette.haze, 10),
            fade=(y - tall, y),
            rim=edge,
            drift=drift,
            seconds=Fraction(3, 5) if action == "run" else Fraction(1),
        )


def flock(stage: Stage, chance: Chance, scale: float, flip: int, followed: bool) -> None:
    """One large bird and some far ones."""
    palette = stage.palette
    for count, size, depth in ((6, 34.0, 120), (1, 240.0 * scale, SUBJECT)):
        for _ in range(count):
            x = -stage.side * stage.half * (0.15 if count == 1 else chance.between(-0.7, 0.8))
            y = chance.between(300, 400) if count == 1 else chance.between(140, 420)
            start = chance.below(TURN)
            poses = [move(things.bird(start + p * TURN // 10), x, y, size, flip) for p in range(10)]
            drift = drift_of(stage, x, size * 0.8, followed and count == 1, flip)
            stage.cycle(poses, depth, stage.air(92 if count == 1 else 60), drift=drift, seconds=Fraction(9, 10),
                        rim=(3.0, palette.light, 60) if count == 1 else None)  # fmt: skip
