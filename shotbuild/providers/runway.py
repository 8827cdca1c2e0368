"""Provider `runway`: Runway's API, version 2024-11-06. Source: its Python SDK 5.24 and its documentation, 2026-08.

What each model takes is in the SDK's typed request classes (`runwayml.types`), and nothing else is sent; a test holds every
body against them. Where neither they nor the documentation name a longest take, `UNSAID` stands, which is long: what Runway
does not make it refuses, at no cost.

Runway keeps no list of tasks that could be asked: a submit whose answer was lost stays unknown. A RUNNING task that is
cancelled is not refunded, and an input that its moderation refuses is billed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from shotbuild.errors import (
    DailyCap,
    KeyRefused,
    Moderated,
    OutOfFunds,
    PinGone,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    VendorFault,
)
from shotbuild.host.wire import Body, Http, Part, Reply
from shotbuild.providers.common import file_name, length_for, plain, price_of, rates, ratio_of
from shotbuild.providers.interface import (
    Address,
    Doubt,
    Finds,
    Model,
    Objection,
    Request,
    Rewriting,
    State,
    Status,
    Strength,
    Tariff,
    Wish,
)
from shotbuild.records import Fields, Operation, Price
from shotbuild.spec.fields import Field, choice, factor, integer, text, truth
from shotbuild.units import Size

VERSION = "2024-11-06"
CREDIT = Fraction(1, 100)
UNSAID = 60
STATES = {
    "PENDING": State.QUEUED,
    "THROTTLED": State.QUEUED,
    "RUNNING": State.RUNNING,
    "SUCCEEDED": State.DONE,
    "FAILED": State.FAILED,
    "CANCELLED": State.CANCELLED,
}

# --- the shapes of pictures ----------------------------------------------------------------------------------------------

LANDSCAPE, SIX = ("1280:720", "720:1280"), ("1280:720", "720:1280", "1104:832", "960:960", "832:1104", "1584:672")
VEO = ("1280:720", "720:1280", "1920:1080", "1080:1920")
OMNI = ("640:360", "360:640", *VEO, "3840:2160", "2160:3840")
KLING = {
    "standard": ("1280:720", "720:1280", "960:960"),
    "pro": ("1920:1080", "1080:1920", "1440:1440"),
    "4k": ("3840:2160", "2160:3840", "2880:2880"),
}
KLING4 = ("1280:720", "720:1280", "940:940", "1460:624", "1920:1080", "1080:1920", "1440:1440", "2200:940")
SEED_480 = ("992:432", "864:496", "752:560", "640:640", "560:752", "496:864")
SEED25_480 = ("992:432", "854:480", "752:560", "640:640", "560:752", "480:854")
SEED_720 = ("1470:630", "1280:720", "1112:834", "960:960", "834:1112", "720:1280")
SEED_1080 = ("2206:946", "1920:1080", "1664:1248", "1440:1440", "1248:1664", "1080:1920")
SEED_4K = ("3840:1646", "3840:2160", "3840:2880", "3840:3840", "2880:3840", "2160:3840")
HORSE = (
    *("1280:720", "720:1280", "960:960", "1108:832", "832:1108"),
    *("1920:1080", "1080:1920", "1440:1440", "1662:1248", "1248:1662"),
)
WAN = (
    *("832:480", "720:544", "624:624", "544:720", "480:832", "1280:720", "1104:832", "960:960", "832:1104", "720:1280"),
    *("1920:1080", "1648:1248", "1440:1440", "1248:1648", "1080:1920"),
)
GROK = ("1:1", "16:9", "9:16", "4:3", "3:4", "3:2", "2:3")
LITE = (
    *("848:480", "480:848", "480:480", "640:480", "480:640", "720:480", "480:720", "1280:720", "720:1280", "720:720"),
    *("960:720", "720:960", "1088:720", "720:1088", "1904:1072", "1072:1904", "1424:1424", "1648:1232", "1232:1648"),
    *("1744:1152", "1152:1744"),
)

# --- models --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How a model is asked. path: of its endpoint, "" = image_to_video with a first frame and text_to_video without one;
    framed, worded: the words that it takes for the shape with a first frame and without one, none = it is not asked for;
    tier: the name on the wire of a framed shape; mixed: whether references may come along with frames; images: how many
    pictures it takes in all; fixed: what is always sent."""

    path: str = ""
    framed: tuple[str, ...] = ()
    worded: tuple[str, ...] = ()
    tier: str = "ratio"
    mixed: bool = False
    images: int = 0
    fixed: Mapping[str, Any] = field(default_factory=dict)


def _priced(*lines: tuple[Mapping[str, str], str], per: str = "second") -> Tariff:
    """lines: settings and credits; a credit is 0.01 USD."""
    dollars = [(when, str(Fraction(credits) * CREDIT)) for when, credits in lines]
    return Tariff(rates=rates(per, *dollars), source="docs.dev.runwayml.com, pricing", date="2026-08-08")


def _whole(low: int, high: int) -> dict[str, Any]:
    """Lengths in whole seconds from low to high."""
    lengths = tuple(Fraction(seconds) for seconds in range(low, high + 1))
    return {"seconds": high, "shortest": Fraction(low), "lengths": lengths}


def _model(name: str, *, way: Way, frames: int = 0, references: int = 0, **known: Any) -> tuple[Model, Way]:
    """frames: 1 = it takes a first frame, 2 = and a last one; references: how many pictures besides."""
    words = tuple(dict.fromkeys((*way.worded, *way.framed)))
    fields: dict[str, Field] = dict(known.pop("fields", {}))
    if words:
        doc = "The shape of the picture; the shot's own where it is not written."
        fields["ratio"] = choice(*words, default=None, doc=doc)
    roles = ("first_frame", "last_frame")[:frames]
    base: dict[str, Any] = {
        "version": f"{name}, API {VERSION}",
        "fields": fields,
        "roles": (*roles, *_numbered(references)),
        "seconds": UNSAID,
        # Where the first frame gives the shape, any will do; without one, `objections` looks.
        "ratios": () if frames and not _pixels(way.framed) else _pixels(words),
        "kept": 24,
    }
    return Model(name=name, **{**base, **known}), way


def _numbered(count: int) -> tuple[str, ...]:
    return tuple("reference" if number == 1 else f"reference_{number}" for number in range(1, count + 1))


def _pixels(words: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the words that name a shape, such as `16:9`, and not a tier."""
    return tuple(word for word in words if ":" in word)


SOUND = {"audio": truth(default=False, doc="Whether it makes sound as well; that may cost more.")}
NOT = {"negative_prompt": text(default=None, doc="What should not appear in the picture.")}
CFG = {"cfg_scale": factor(0, 1, default="1/2", doc="How strictly it follows the prompt: 0 = freely, 1 = to the letter.")}
MP4 = {"outputFormat": "mp4"}
ROWS = (
    _model(
        "gen4.5",
        way=Way(framed=SIX, worded=LANDSCAPE, fixed=MP4),
        frames=1,
        prompt=1000,
        tariff=_priced(({}, "12")),
        notes="Without a first frame it makes 1280:720 and 720:1280 alone.",
        **_whole(2, 10),
    ),
    _model(
        "gen4_turbo",
        way=Way(framed=SIX),
        frames=1,
        prompt=1000,
        needs=("first_frame",),
        tariff=_priced(({}, "5")),
        **_whole(2, 10),
    ),
    *(
        _model(
            name,
            way=Way(framed=VEO, worded=VEO),
            frames=2,
            fields={**SOUND, **NOT},
            prompt=1000,
            seconds=8,
            lengths=(Fraction(4), Fraction(6), Fraction(8)),
            strength=Strength.VERSION,
            tariff=_priced(({"audio": "false"}, silent), ({"audio": "true"}, loud)),
        )
        for name, silent, loud in (("veo3.1", "20", "40"), ("veo3.1_fast", "10", "15"))
    ),
    *(
        _model(
            f"kling3.0_{tier}",
            way=Way(framed=words, worded=words),
            frames=2,
            fields={**SOUND, **CFG},
            seeded=False,
            **_whole(3, 15),
        )
        for tier, words in KLING.items()
    ),
    *(
        _model(
            f"klingO3_{tier}",
            way=Way(framed=words, worded=words, mixed=True),
            frames=2,
            references=7,
            fields=SOUND,
            seeded=False,
            notes="References need a first frame.",
            **_whole(3, 15),
        )
        for tier, words in KLING.items()
    ),
    _model(
        "kling2.5_turbo_pro",
        way=Way(worded=("1920:1080", "1440:1440", "1080:1920", "1280:720", "720:720", "720:1280")),
        frames=2,
        fields=CFG,
        seeded=False,
        seconds=10,
        lengths=(Fraction(5), Fraction(10)),
    ),
    _model(
        "kling_4",
        way=Way(framed=("auto_720p", "auto_1080p"), worded=KLING4, mixed=True, images=10),
        frames=2,
        references=10,
        seeded=False,
    ),
    *(
        _model(
            name,
            way=Way(framed=words, worded=words, fixed=fixed),
            frames=2,
            references=references,
            fields=SOUND,
            prompt=prompt,
            tariff=tariff,
            **_whole(4, longest),
        )
        for name, words, longest, references, prompt, tariff, fixed in (
            ("seedance2", (*SEED_480, *SEED_720, *SEED_1080, *SEED_4K), 15, 9, 3500, _priced(({}, "36")), {}),
            ("seedance2_fast", (*SEED_480, *SEED_720), 15, 9, 3500, None, {}),
            ("seedance2_mini", (*SEED_480, *SEED_720), 15, 9, 3500, None, {}),
            ("seedance2_5", (*SEED25_480, *SEED_720, *SEED_1080), 30, 30, 15000, None, {**MP4, "draft": False}),
        )
    ),
    _model(
        "hailuo3",
        way=Way(framed=("21:9", "16:9", "4:3", "1:1", "3:4", "9:16"), worded=("21:9", "16:9", "4:3", "1:1", "3:4", "9:16")),
        frames=2,
        references=9,
        fields={"resolution": choice("768p", "2k", default="768p", doc="The size of the picture.")},
        seeded=False,
        **_whole(5, 15),
    ),
    _model(
        "h3_max",
        way=Way(fixed={"promptExpansionMode": "disabled"}),
        frames=2,
        fields={"resolution": choice("480p", "768p", default="768p", doc="The size of the picture.")},
        rewriting=Rewriting.OFF,
    ),
    *(
        _model(
            name,
            way=Way(framed=("auto_480p", "auto_720p", "auto_1080p"), worded=WAN),
            frames=2,
            references=10,
            fields=SOUND,
            seeded=False,
        )
        for name in ("wan3", "wan3_prime")
    ),
    _model(
        "happyhorse_1_0",
        way=Way(framed=("720p", "1080p"), worded=HORSE, tier="resolution"),
        frames=1,
        prompt=2500,
        seeded=False,
    ),
    *(
        _model(name, way=Way(framed=words, worded=words), frames=frames, seeded=False, **_whole(3, 10))
        for name, words, frames in (("gemini_omni_flash", LANDSCAPE, 1), ("gemini_omni_flash_1.1", OMNI, 2))
    ),
    _model(
        "grok_imagine_1_5",
        way=Way(worded=GROK),
        frames=1,
        references=3,
        fields={"resolution": choice("480p", "720p", "1080p", default="720p", doc="The size of the picture.")},
        seeded=False,
        notes="Runway does not say how many references it takes; three are offered.",
    ),
    _model(
        "grok_imagine_1_5_lite",
        way=Way(framed=("auto_480p", "auto_720p", "auto_1080p"), worded=LITE),
        frames=1,
        seeded=False,
    ),
    _model(
        "aleph2",
        way=Way(path="video_to_video", fixed=MP4),
        roles=("video",),
        needs=("video",),
        fields={
            "target_aspect_ratio": choice(
                *("16:9", "4:3", "3:2", "1:1", "2:3", "3:4", "9:16", "21:9"),
                default=None,
                doc="The shape to extend the picture to; the clip's own where it is not written.",
            )
        },
        prompt=1000,
        # The least that it takes is 56 credits, two seconds' worth.
        tariff=Tariff(
            rates=(*rates("take", ({"duration": "1"}, "0.56")), *rates("second", ({}, "0.28"))),
            source="docs.dev.runwayml.com, pricing",
            date="2026-08-08",
        ),
    ),
    _model(
        "magnific_video_upscaler_creative",
        way=Way(path="video_upscale"),
        kind="upscale",
        roles=("video",),
        needs=("video",),
        fields={
            "resolution": choice("720p", "1k", "2k", "4k", default="2k", doc="The size of the picture."),
            "creativity": integer(0, 100, default=0, doc="How much new detail it invents: 0 = faithful."),
            "sharpen": integer(0, 100, default=0, doc="How much it sharpens: 0 = not at all."),
            "smart_grain": integer(0, 100, default=0, doc="How much grain and texture it adds: 0 = none."),
            "flavor": choice("vivid", "natural", default="natural", doc="Whether it heightens colour and detail."),
            "fps_boost": truth(default=False, doc="Whether it makes more frames a second."),
        },
        seeded=False,
    ),
    _model(
        "enhance_frame_rate",
        way=Way(path="video_upscale"),
        kind="upscale",
        roles=("video",),
        needs=("video",),
        fields={
            "target_framerate": choice(
                *("24", "25", "30", "48", "50", "60", "120", "23_98", "29_97", "59_94"), doc="Frames a second of the output."
            )
        },
        seeded=False,
    ),
)
MODELS = {model.name: model for model, _ in ROWS}
WAYS = {model.name: way for model, way in ROWS}


class Runway:
    name = "runway"
    models: Mapping[str, Model] = MODELS
    address = "https://api.dev.runwayml.com"
    variable = "RUNWAYML_BASE_URL"
    origins: tuple[str, ...] = ()
    keys = (("RUNWAYML_API_SECRET",),)
    variables: tuple[str, ...] = ()
    pace = 5.0
    finds = Finds.NO

    def price(self, model: str, request: Fields) -> Price:
        return price_of(MODELS[model], request)

    def has_sound(self, model: str, settings: Fields) -> bool:
        return settings.get("audio") is True

    def objections(self, model: str, wish: Wish) -> Iterable[Objection]:
        way = WAYS[model]
        yield from _frame_objections(model, way, wish)
        yield from _shape_objections(MODELS[model], way, wish)
        if model == "grok_imagine_1_5" and wish.settings.get("resolution") == "1080p" and "reference" in wish.references:
            yield Objection(
                key="resolution",
                message=f"with references, {model!r} makes 720p at most",
                remedy="write `720p`, or leave the references away",
            )

    def headers(self, keys: Mapping[str, str], now: float) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {keys['RUNWAYML_API_SECRET']}", "X-Runway-Version": VERSION}

    def fault(self, reply: Reply) -> ProviderError | None:
        if reply.ok:
            return None
        said = reply.json.word("error")
        issues = "; ".join(
            f"{'.'.join(map(str, row.at('path') or []))}: {row.word('message')}" for row in reply.json.rows("issues")
        )
        cause = issues or said or None
        if reply.status == 400 and "enough credits" in said:
            return OutOfFunds("the Runway account has no credits left", cause=said)
        if reply.status == 400 and any("model" in (row.at("path") or []) for row in reply.json.rows("issues")):
            return PinGone("Runway does not offer this model", cause=cause)
        if reply.status in (401, 403):
            return KeyRefused(f"Runway does not take the key ({reply.status})", cause=cause)
        if reply.status == 429:
            return DailyCap.after(reply.wait, "Runway's quota of generations for a day is used up", cause=cause)
        if reply.status in (408, 409) or reply.status >= 500:
            return ProviderUnavailable(f"Runway answered {reply.status}", cause=cause or reply.text[:200])
        return ProviderRefused(f"Runway refused the request ({reply.status})", cause=cause)

    def submit(self, request: Request, http: Http) -> Operation:
        model, way = MODELS[request.model], WAYS[request.model]
        path = way.path or ("image_to_video" if request.file("first_frame") else "text_to_video")
        body: dict[str, Any] = {
            "model": model.name,
            **_inputs(model, request, http),
            **way.fixed,
            **_settings(request),
        }
        if request.prompt and model.kind == "take":
            body["promptText"] = request.prompt
        if not way.path:
            body["duration"] = int(length_for(model, request.seconds))
        if model.seeded:
            body["seed"] = request.seed
        reply = http.pay(f"v1/{path}", body)
        return Operation(provider=self.name, id=reply.json.text("id"), submitted="")

    def poll(self, operation: Operation, http: Http) -> Status:
        reply = http.get(f"v1/tasks/{operation.id}", allow=(404,))
        if reply.status == 404:
            return Status(state=State.GONE, word="404")
        task = reply.json
        word, progress = task.text("status"), task.number("progress")
        state = STATES.get(word, State.RUNNING)
        return Status(
            state=state,
            word=word,
            progress=None if progress is None else int(progress * 100),
            fault=_failure(task) if state is State.FAILED else None,
            charged=_charged(task),
            pin=None,
        )

    def locate(self, operation: Operation, http: Http) -> Address:
        return Address(url=http.get(f"v1/tasks/{operation.id}").json.text("output", 0))

    def cancel(self, operation: Operation, http: Http) -> bool:
        # DELETE takes back what is under way, but wipes out what is done, output and all: looked at first.
        seen = http.get(f"v1/tasks/{operation.id}", allow=(404,))
        if STATES.get(seen.json.word("status")) not in (State.QUEUED, State.RUNNING):
            return False
        return http.send("DELETE", f"v1/tasks/{operation.id}", allow=(404,)).ok

    def find(self, doubt: Doubt, http: Http) -> Operation | None:
        return None


def _inputs(model: Model, request: Request, http: Http) -> dict[str, Any]:
    """What stands in a body for the references, which are sent up on the way."""
    sent = {role: _uploaded(role, request, http) for role in model.roles if request.file(role) is not None}
    frames = [
        {"uri": uri, "position": role.partition("_")[0]}
        for role, uri in sent.items()
        if role in ("first_frame", "last_frame")
    ]
    references = [{"uri": uri} for role, uri in sent.items() if role.startswith("reference")]
    found: dict[str, Any] = {}
    if "video" in sent:
        found["videoUri"] = sent["video"]
    if frames:
        found["promptImage"] = frames
    if references:
        found["references"] = references
    return found


def _settings(request: Request) -> dict[str, Any]:
    """The settings under their names on the wire."""
    way = WAYS[request.model]
    framed = request.file("first_frame") is not None
    said = plain(request.settings)
    ratio = said.pop("ratio", None) or _shape(way.framed if framed else way.worded, request.format.size)
    found: dict[str, Any] = {_camel(name): value for name, value in said.items()}
    if "cfgScale" in found:
        found["cfgScale"] = float(Fraction(found["cfgScale"]))
    if ratio is not None:
        found[way.tier if framed else "ratio"] = ratio
    return found


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def _shape(offered: tuple[str, ...], size: Size) -> str | None:
    """The offered word that comes closest to a picture; None where none is offered."""
    shapes = _pixels(offered)
    if shapes:
        return ratio_of(size, shapes) or shapes[0]
    # Words such as `auto_720p` name the shorter side; the shape is that of the first frame.
    lines = min(size.width, size.height)
    return min(offered, key=lambda word: abs(int("".join(filter(str.isdigit, word))) - lines), default=None)


def _frame_objections(model: str, way: Way, wish: Wish) -> Iterable[Objection]:
    given = set(wish.references)
    pictures = [role for role in given if role.startswith("reference")]
    if "last_frame" in given and "first_frame" not in given:
        yield Objection(
            key="references",
            message=f"{model!r} takes a `last_frame` only after a `first_frame`",
            remedy="add a `first_frame`",
        )
    if pictures and "first_frame" in given and not way.mixed:
        yield Objection(
            key="references",
            message=f"{model!r} takes either frames or references",
            remedy="leave one kind of them away",
        )
    if pictures and "first_frame" not in given and model.startswith("klingO3"):
        yield Objection(
            key="references", message=f"{model!r} takes references only with a first frame", remedy="add a `first_frame`"
        )
    if way.images and len(given) > way.images:
        yield Objection(
            key="references",
            message=f"these are too many pictures for {model!r}",
            cause=f"it takes {way.images}, frames included; these are {len(given)}",
            remedy="leave some away",
        )


def _shape_objections(model: Model, way: Way, wish: Wish) -> Iterable[Objection]:
    framed = "first_frame" in wish.references
    offered = way.framed if framed else way.worded
    written, size = wish.settings.get("ratio"), wish.format.size
    when, shapes = "with" if framed else "without", _pixels(offered)
    if isinstance(written, str) and written not in offered:
        other = "leave the first frame away" if framed else "add a `first_frame`"
        yield Objection(
            key="ratio",
            message=f"{when} a first frame, {model.name!r} makes no {written}",
            cause=f"it makes {', '.join(offered)}" if offered else "the picture has the shape of the first frame",
            remedy=f"write one of these, or {other}" if offered else "leave `ratio` away",
        )
    in_table = model.ratios and ratio_of(size, model.ratios) is None
    if written is None and shapes and ratio_of(size, shapes) is None and not in_table:
        yield Objection(
            key="format",
            message=f"{when} a first frame, {model.name!r} makes no picture of the shape {size}",
            cause=f"it makes {', '.join(shapes)}",
            remedy="add a `first_frame`, or name one under `settings: {ratio: …}`, and say how it is placed with `fit`",
        )


def _uploaded(role: str, request: Request, http: Http) -> str:
    """Sends a file up; gives the address that holds for a day and stands in no key."""
    path = request.file(role)
    assert path is not None, "the caller looked"
    place = http.send("POST", "v1/uploads", body={"filename": file_name(role, path), "type": "ephemeral"}).json
    form = [(name, Part(content=str(value))) for name, value in dict(place.at("fields") or {}).items()]
    file = Part(content=path, name=file_name(role, path))
    http.send("POST", place.text("uploadUrl"), form=(*form, ("file", file)), bare=True)
    return place.text("runwayUri")


def _failure(task: Body) -> ProviderError:
    code, said = task.word("failureCode"), task.word("failure") or "it says no more"
    if "SAFETY" in code:
        return Moderated("Runway's moderation refused this", cause=f"{code}: {said}")
    if code.startswith("ASSET.INVALID"):
        return ProviderRefused("Runway cannot use a reference", cause=f"{code}: {said}")
    return VendorFault("Runway failed to make it", cause=f"{code}: {said}" if code else said)


def _charged(task: Body) -> Price | None:
    credits = task.number("cost", "credits")
    return None if credits is None else Price(amount=Fraction(str(credits)) * CREDIT, currency="USD", exact=True)
