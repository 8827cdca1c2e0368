"""Land seen from far above: fields or woods in perspective, with a river or a road that winds to the horizon."""

from shotbuild.providers.storyboard import things
from shotbuild.providers.storyboard.chance import Chance
from shotbuild.providers.storyboard.shape import Outline, box, curve, move
from shotbuild.providers.storyboard.stage import Stage
from shotbuild.providers.storyboard.tone import mix

ROWS = 9


def fields(stage: Stage, horizon: float, *, wooded: bool) -> float:
    """Covers the ground from the horizon to the lower edge; where a subject stands."""
    chance, palette = stage.chance.fork("fields"), stage.palette
    span = stage.span(230)
    base = horizon + 70
    stage.cut([box(span.left - 20, base, span.right + 20, 1500)], 60, stage.ground(22), stage.ground(58), fade=(base, 1000))
    edges = [base + (1240 - base) * (row / ROWS) ** 2 for row in range(ROWS + 1)]
    vx = stage.side * stage.half * chance.between(-0.2, 0.4)
    plots: list[list[Outline]] = [[], [], []]
    for row in range(ROWS):
        if row % 3 == 0:
            plots = [[], [], []]
        x = -4.0
        while x < 4.0:
            wide = chance.between(0.25, 0.75)
            if not wooded or chance.often(35):
                plots[chance.below(3)].append(_plot(stage, vx, edges, row, x, x + wide))
            x += wide
        if row % 3 != 2:
            continue
        depth, near = 60 + row * 18, 16 + row * 6
        for index, shapes in enumerate(plots):
            tone = mix(stage.ground(near), (palette.light, palette.accent, palette.ink)[index], (16, 14, 16)[index])
            stage.cut(shapes, depth, tone, opacity=80)
    _river(stage, chance, vx, base)
    for row in range(1, ROWS):
        _trees(stage, chance, edges[row], row, wooded)
    return 700


def _plot(stage: Stage, vx: float, edges: list[float], row: int, left: float, right: float) -> Outline:
    """A field between two rows; left, right: in parts of the picture's width at the lower edge."""
    upper, lower = edges[row], edges[row + 1] - (edges[row + 1] - edges[row]) * 0.06
    far, near = ((y - edges[0] + 90) / (1240 - edges[0] + 90) for y in (upper, lower))
    reach = stage.half * 1.5
    return [
        (vx + left * reach * far, upper),
        (vx + right * reach * far, upper),
        (vx + right * reach * near, lower),
        (vx + left * reach * near, lower),
    ]


def _river(stage: Stage, chance: Chance, vx: float, base: float) -> None:
    """A bright band that narrows as it goes."""
    way = chance.side()
    left: Outline = []
    right: Outline = []
    for step in range(7):
        part = step / 6
        y = base + (1260 - base) * part * part
        x = vx + way * (1 if step % 2 else -1) * 330 * part * (1 - part * 0.4) + chance.between(-20, 20) * part
        wide = 3 + 88 * part * part
        left.append((x - wide, y))
        right.append((x + wide, y))
    shape = [*curve(left, 10, closed=False), *reversed(curve(right, 10, closed=False))]
    tone = mix(stage.palette.low, stage.palette.light, 30)
    stage.cut([shape], 150, tone, mix(tone, stage.palette.top, 45), fade=(base, 1000), opacity=88)


def _trees(stage: Stage, chance: Chance, y: float, row: int, wooded: bool) -> None:
    depth, span = 60 + row * 20, stage.span(60 + row * 20)
    size = 12 + row * row * 1.1
    shapes: list[Outline] = []
    x = span.left
    while x < span.right:
        if chance.often(78 if wooded else 42):
            one = things.fir(chance) if wooded else things.tree(chance)
            shapes += move(one, x, y + chance.between(-0.4, 0.5) * size, size * chance.between(0.75, 1.3))
        x += size * chance.between(0.35, 1.0) if wooded else size * chance.between(0.8, 3.0)
    stage.cut(shapes, depth, stage.air(36 + row * 6))
