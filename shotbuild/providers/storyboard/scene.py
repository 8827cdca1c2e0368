"""From an Idea to a stage that is set: what the words leave open, the seed decides. One composition for each shot size."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction

from shotbuild.providers.storyboard import aerial, built, cast, indoors, nature, sky, streets, waters
from shotbuild.providers.storyboard.camera import Camera, Move
from shotbuild.providers.storyboard.chance import Chance
from shotbuild.providers.storyboard.entrance import Entrance
from shotbuild.providers.storyboard.planes import Composer
from shotbuild.providers.storyboard.stage import Stage
from shotbuild.providers.storyboard.tone import HOURS, mix, tinted
from shotbuild.providers.storyboard.vocabulary import PEOPLE, SMALL
from shotbuild.providers.storyboard.words import Idea

PLACES: dict[str, Callable[[Stage, float], float]] = {
    "sea": waters.sea,
    "coast": waters.coast,
    "mountains": nature.mountains,
    "hills": nature.hills,
    "desert": nature.desert,
    "forest": nature.forest,
    "air": nature.air,
    "space": nature.space,
    "city": built.city,
    "street": streets.street,
    "road": streets.road,
    "village": built.village,
    "studio": built.studio,
    "hall": indoors.hall,
    "stairs": indoors.stairs,
}
INSIDE = frozenset({"room", "hall", "stairs", "studio"})
OPEN = ("mountains", "hills", "forest", "sea", "coast", "desert", "city", "street", "road", "village", "room", "hall")
HOMES = {
    "boat": ("sea", "coast"), "fish": ("sea",), "car": ("road", "street"), "train": ("road",), "plane": ("air",),
        "rocket": ("space",),
    "bottle": ("studio",), "cup": ("room",), "book": ("room",), "letter": ("room",), "phone": ("room", "street"),
        "clock": ("room", "hall"),
    "candle": ("room",), "hand": ("room", "studio"), "horse": ("hills", "desert"), "deer": ("forest", "hills"),
        "bird": ("sea", "hills"),
    "cat": ("room", "street"), "dog": ("hills", "street"), "crowd": ("street", "city"),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A shot, all of it decided."""

    place: str
    hour: str
    weather: str | None
    size: str
    move: str
    action: str
    subjects: tuple[str, ...]


def decide(idea: Idea, chance: Chance) -> Plan:
    first = idea.subjects[0] if idea.subjects else None
    place = idea.place or chance.fork("place").pick(HOMES.get(first or "", OPEN))
    subjects = idea.subjects
    if (
        not subjects
        and not idea.empty
        and place in {"street", "hall", "stairs", "room", "forest", "desert", "road"}
        and chance.fork("who").often(75)
    ):
        subjects = (chance.fork("kind").pick(("woman", "man", "person")),)
    if not subjects and not idea.empty and idea.action in {"walk", "run", "sit", "climb", "stand"}:
        subjects = ("person",)
    hour = idea.hour or chance.fork("hour").pick(("dawn", "noon", "golden", "dusk", "grey", "night"))
    if idea.weather in {"rain", "storm", "snow", "fog"} and idea.hour is None:
        hour = "grey"
    vehicles = tuple(name for name in subjects if name in {"car", "train", "boat"})
    action = idea.action or ("drive" if vehicles else "fly" if {"bird", "plane"} & set(subjects) else "stand")
    if action == "drive":  # who rides in it is not seen
        subjects = (*vehicles, *(name for name in subjects if name not in vehicles))
    if place == "studio" and not subjects:
        subjects = ("bottle",)
    size = idea.size or _size(subjects, action, chance.fork("size"))
    move = idea.move or _move(size, action, chance.fork("move"))
    return Plan(place=place, hour=hour, weather=idea.weather, size=size, move=move, action=action, subjects=subjects)


def _size(subjects: tuple[str, ...], action: str, chance: Chance) -> str:
    if not subjects:
        return chance.pick(("wide", "extreme wide", "wide", "aerial"))
    if subjects[0] in SMALL:
        return "insert"
    if subjects[0] not in PEOPLE or action in {"run", "climb"}:
        return chance.pick(("wide", "full"))
    return chance.pick(("wide", "full", "medium", "extreme wide", "full"))


def _move(size: str, action: str, chance: Chance) -> str:
    if action in {"walk", "run", "drive"} and size in {"wide", "full", "medium"}:
        return chance.pick(("track", "track", "static", "push"))
    if size in {"close", "medium", "insert", "over"}:
        return chance.pick(("push", "push", "held", "static", "pull"))
    return chance.pick(("push", "pull", "left", "right", "track", "rise"))


def camera_move(plan: Plan, chance: Chance, side: int) -> Move:
    """The camera's way. Even walking shots are followed at a steady speed."""
    amount = chance.between(0.8, 1.25)
    near = plan.size in {"close", "medium", "insert", "over"}
    x = int(500 - side * 130 * (1 if not near else 0.6))
    focus = (x, 420 if near or plan.place in INSIDE else 560)

    def of(value: int) -> int:
        return int(value * amount)

    follow = plan.action in {"walk", "run", "drive", "fly"} and bool(plan.subjects)
    moves = {
        "push": Move(push=of(190 if not near else 130), focus=focus),
        "pull": Move(push=-of(230 if not near else 150), focus=focus),
        "left": Move(turn_x=-of(330)),
        "right": Move(turn_x=of(330)),
        "up": Move(turn_y=-of(250)),
        "down": Move(turn_y=of(250)),
        "track": Move(track_x=of(420 if not near else 200) * (1 if follow else chance.side()), even=follow),
        "rise": Move(track_y=-of(190), turn_y=-of(40), push=-of(60)),
        "sink": Move(track_y=of(170), turn_y=of(40), push=of(60)),
        "held": Move(shake=9 if not near else 12, push=of(50)),
        "static": Move(),
    }
    return moves[plan.move]


def build(plan: Plan, idea: Idea, chance: Chance, width: int, height: int, frames: int, rate: Fraction) -> Composer:
    """Sets the stage and gives the picture of each frame."""
    side = chance.fork("side").side()  # where the light is; the subject stands on the other
    palette = tinted(chance.fork("palette").pick(HOURS[plan.hour]), idea.tint)
    if plan.weather in {"rain", "snow", "fog", "storm"} and plan.hour not in {"night", "noir"}:
        pale = mix(palette.low, (235, 240, 244), 60) if plan.weather in {"snow", "fog"} else palette.haze
        palette = replace(
            palette, haze=mix(palette.haze, pale, 45), low=mix(palette.low, pale, 40), sun=min(palette.sun, 20)
        )
    camera = Camera(camera_move(plan, chance.fork("camera"), side), width, height, frames, rate)
    stage = Stage(camera, palette, chance.fork("stage"), rate, side)
    afloat = {"boat", "fish", "bird", "plane", "rocket"}
    stage.peopled = bool(plan.subjects) and plan.subjects[0] not in afloat and plan.size not in {"close", "insert", "over"}
    stage.high = plan.size == "aerial"
    stage.white = plan.weather == "snow"
    stage.blur = {"close": 5, "medium": 3, "insert": 5, "over": 3}.get(plan.size, 0)
    horizons = {
        "extreme wide": (600, 690),
        "wide": (540, 650),
        "aerial": (120, 190),
        "low": (800, 860),
        "close": (520, 660),
        "over": (470, 560),
    }
    band = horizons.get(plan.size, (520, 640)) if not (stage.high and plan.place == "coast") else (300, 340)
    horizon = chance.fork("horizon").between(*band)
    if plan.place == "room":
        ground = indoors.room(stage, idea.room or "room")
    else:
        ground = PLACES["hills" if stage.high and plan.place == "forest" else plan.place](stage, horizon)
    if stage.high and plan.place not in INSIDE | {"sea", "coast", "air", "space", "desert", "city"}:
        ground = aerial.fields(stage, horizon, wooded=plan.place in {"forest", "mountains"})
    if plan.weather == "fog":
        sky.fog(stage, horizon, 46 if plan.place not in INSIDE else 14)
    entrance = Entrance(
        size=plan.size, action=plan.action, held=idea.held, ground=ground, horizon=horizon, place=plan.place,
        followed=plan.move == "track",
    )  # fmt: skip
    cast.enter(stage, plan.subjects, entrance)
    if plan.weather == "fog" and plan.size not in {"close", "insert", "medium"} and plan.place not in INSIDE:
        sky.fog(stage, 860, 30)
    if plan.weather in {"rain", "snow", "storm"} and plan.place not in INSIDE and plan.place != "space":
        stage.layers += sky.falling(stage, plan.weather)
    return Composer(stage.layers, width, height)
