"""What places share: the sky with its lights, ranges of land, and the ground in front on which a subject stands."""

from shotbuild.providers.storyboard import sky
from shotbuild.providers.storyboard.shape import Outline, box, noise, ridge
from shotbuild.providers.storyboard.stage import Stage
from shotbuild.providers.storyboard.tone import mix

FLOOR = 1500.0


def land(
    stage: Stage,
    depth: int,
    base: float,
    octaves: list[tuple[int, float]],
    near: float,
    *,
    smooth: bool = True,
    rim: int = 0,
    floor_near: float | None = None,
    tall: float = 0,
    word: str = "",
) -> list[float]:
    """One range of hills or mountains across the whole picture, lighter towards its foot."""
    span = stage.span(depth)
    chance = stage.chance.fork(f"land {depth} {word}")
    heights = [abs(value) * 1.6 + tall if not smooth else value + tall for value in noise(chance, 160, octaves, smooth)]
    outline = ridge(span.left - 20, span.right + 20, base, heights, max(FLOOR, span.bottom + 20))
    upper = stage.ground(near)
    lower = stage.ground(near - 22 if floor_near is None else floor_near)
    edge = (3.2, mix(upper, stage.palette.light, 55), rim)
    stage.cut([outline], depth, upper, lower, fade=(base - max(heights), base + 140), rim=edge if rim else None)
    return heights


def heaven(stage: Stage, horizon: float, banks: int = 3) -> tuple[float, float]:
    stage.sky(horizon)
    sky.stars(stage, horizon)
    place = sky.sun(stage, horizon)
    sky.clouds(stage, horizon, banks)
    return place


def grass(stage: Stage, base: float) -> None:
    if stage.high:
        return
    chance, span = stage.chance.fork("grass"), stage.span(256)
    blades: list[Outline] = [box(span.left - 10, base + 6, span.right + 10, FLOOR)]
    heights = noise(chance, 90, [(30, 10), (9, 4)])
    x = span.left
    while x < span.right:
        index = min(89, int((x - span.left) / span.width * 89))
        y, high, tilt = base - heights[index] + 10, chance.between(8, 30), chance.between(-9, 14)
        blades.append([(x - 2.4, y + 12), (x + tilt, y - high), (x + 2.6, y + 12)])
        x += chance.between(3, 9)
    stage.cut(blades, 256, stage.ground(92), stage.palette.ink if not stage.white else stage.ground(70), fade=(base, 1000))


def peak(stage: Stage) -> None:
    """The rock that a subject above the clouds stands on."""
    land(stage, 250, 905, [(40, 14), (9, 9), (3, 4)], 96, word="peak", floor_near=90)


def shore(stage: Stage, base: float, near: float, depth: int = 250) -> None:
    """The ground on which the subject stands: a low bank across the picture."""
    if stage.high:
        return
    land(stage, depth, base, [(60, 22), (17, 6)], near, floor_near=near + 8, word="shore")
