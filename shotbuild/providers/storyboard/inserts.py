"""Small things seen close: on a table, with or without a hand."""

from collections.abc import Callable, Sequence
from fractions import Fraction

from shotbuild.providers.storyboard import figures, things
from shotbuild.providers.storyboard.camera import SUBJECT
from shotbuild.providers.storyboard.chance import TURN
from shotbuild.providers.storyboard.entrance import edge, shadow
from shotbuild.providers.storyboard.shape import Outline, box, curve, ellipse, lean, limb, move
from shotbuild.providers.storyboard.stage import Stage
from shotbuild.providers.storyboard.tone import Color, mix

TABLE = 800.0


def insert(stage: Stage, subjects: Sequence[str]) -> None:
    """The first small thing that is named, large; a hand comes in when one is named, or now and then."""
    palette, chance, side = stage.palette, stage.chance.fork("insert"), stage.side
    thing = next((name for name in subjects if name in THINGS), None)
    span, wood = stage.span(SUBJECT), _wood(stage)
    stage.glow(side * stage.half * 0.2, 380, 620, mix(palette.low, palette.light, 60), 50, 120)
    table = box(span.left - 30, TABLE, span.right + 30, 1500)
    lit = (3, palette.light, 50)
    stage.cut([table], SUBJECT, mix(wood, palette.light, 14), palette.ink, fade=(TABLE, 1000), rim=lit)
    x = -side * stage.half * 0.06
    shadow(stage, x, TABLE + 20, 190)
    if thing is not None:
        THINGS[thing](stage, x)
    if thing is None or "hand" in subjects or chance.often(25):
        _hand(stage, x, thing)


def _wood(stage: Stage) -> Color:
    return mix(stage.palette.ink, stage.palette.accent, 16)


def _ink(stage: Stage) -> Color:
    return mix(stage.palette.ink, stage.palette.haze, 16)


def _hand(stage: Stage, x: float, thing: str | None) -> None:
    side, way = stage.side, 70.0
    reach = stage.half * 0.02 if thing is None else 250.0 if thing in {"letter", "book"} else 190.0
    shapes = move(figures.hand(), x + side * (reach + 120), 560 if thing is None else 600, 300, -side)
    drift = (side * way, 14.0, -side * way, -14.0)
    stage.cut(shapes, SUBJECT + 30, _ink(stage), stage.palette.ink, fade=(450, 800), rim=edge(stage, 8), drift=drift)


def _bottle(stage: Stage, x: float) -> None:
    palette = stage.palette
    glass, label = (move(part, x, TABLE + 24, 640) for part in things.bottle())
    paper, shade = mix(palette.light, palette.low, 40), mix(palette.low, palette.haze, 40)
    stage.cut(glass, SUBJECT, mix(palette.ink, palette.accent, 30), _ink(stage), fade=(200, 800), rim=edge(stage, 8))
    stage.cut(label, SUBJECT, paper, shade, fade=(540, 720))
    words = [
        *limb((x - 58, TABLE - 120), (x + 40, TABLE - 120), 5, 5),
        *limb((x - 58, TABLE - 150), (x + 10, TABLE - 150), 3, 3),
    ]
    stage.cut(words, SUBJECT, _wood(stage))


def _clock(stage: Stage, x: float) -> None:
    palette = stage.palette
    dial, hands = (move(part, x, 750, 540) for part in things.clock())
    stage.cut([ellipse(x, 480, 306)], SUBJECT, _ink(stage), rim=edge(stage, 8))
    face, shade = mix(palette.light, palette.low, 30), mix(palette.low, palette.haze, 40)
    stage.cut(dial, SUBJECT, face, shade, fade=(210, 750))
    stage.cut(hands, SUBJECT, palette.ink)


def _candle(stage: Stage, x: float) -> None:
    palette = stage.palette
    warm = mix(palette.accent, palette.light, 40)
    stage.glow(x, 420, 700, warm, 80, SUBJECT)
    wax = [box(x - 62, 520, x + 62, TABLE + 24), ellipse(x, 522, 62, 12)]
    stage.cut(wax, SUBJECT, mix(palette.light, palette.haze, 40), _ink(stage), fade=(520, 900))
    flames = [move(things.flame(phase * TURN // 8), x, 506, 190) for phase in range(8)]
    stage.cycle(flames, SUBJECT, palette.light, warm, fade=(330, 506), seconds=Fraction(4, 3))


def _cup(stage: Stage, x: float) -> None:
    ink, side = _ink(stage), stage.side
    handle = [ellipse(x + side * 153, TABLE - 160, 44, 54)]
    cup = move(things.cup(), x, TABLE + 30, 520, side)
    stage.cut(cup, SUBJECT, mix(ink, stage.palette.accent, 22), ink, fade=(450, 820), holes=handle, rim=edge(stage, 8))
    bends = ((-40, 430), (-70, 330), (-20, 240), (-60, 120), (-34, 240), (-84, 330), (-56, 430))
    for shift, way in ((0.0, 24.0), (70.0, -20.0)):
        steam = curve([(x + shift + dx, y) for dx, y in bends])
        stage.cut([steam], SUBJECT, stage.palette.light, opacity=26, soft=3, drift=(-way, 20, way * 2, -50))


def _phone(stage: Stage, x: float) -> None:
    palette = stage.palette
    case = _tilted(stage, x, move(things.phone(), x, TABLE - 20, 620))
    screen = _tilted(stage, x, [box(x - 116, TABLE - 520, x + 116, TABLE - 70)])
    stage.cut(case, SUBJECT + 8, palette.ink, mix(palette.ink, palette.haze, 40), fade=(300, 800), rim=edge(stage, 8))
    stage.cut(screen, SUBJECT + 8, palette.low, palette.accent, fade=(280, 740))
    stage.glow(x, 520, 420, palette.light, 36, SUBJECT + 8)


def _letter(stage: Stage, x: float) -> None:
    _paper(stage, _tilted(stage, x, move(things.letter(), x, TABLE - 20, 560)))
    lines: list[Outline] = []
    for row in range(6):
        end = x + (170 if row < 5 else 30)
        lines += limb((x - 190, 480 + row * 44), (end, 470 + row * 44), 3.5, 3.5)
    stage.cut(_tilted(stage, x, lines), SUBJECT + 8, _ink(stage), opacity=70)


def _book(stage: Stage, x: float) -> None:
    _paper(stage, _tilted(stage, x, move(things.book(), x, TABLE - 20, 620)))


def _paper(stage: Stage, shapes: list[Outline]) -> None:
    tone = mix(stage.palette.light, stage.palette.haze, 26)
    stage.cut(shapes, SUBJECT + 8, tone, mix(tone, stage.palette.haze, 40), fade=(300, 800))


def _tilted(stage: Stage, x: float, shapes: list[Outline]) -> list[Outline]:
    return lean(shapes, -9 * stage.side, (x, TABLE))


THINGS: dict[str, Callable[[Stage, float], None]] = {
    "bottle": _bottle,
    "clock": _clock,
    "candle": _candle,
    "cup": _cup,
    "phone": _phone,
    "letter": _letter,
    "book": _book,
}
