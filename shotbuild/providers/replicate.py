"""Provider `replicate`: Replicate's API, version 1. Sources: its Python SDK 1.0.7 (read), its OpenAPI document 1.0.0-a1, and
the input tables of the models' own pages, 2026-11.

Official models have no versions that could be pinned (`"version": "hidden"`) and change under their names. Models of the
community are pinned by the content hash of their version: model `version` takes any of them, with the names of its inputs as
settings. All that was sent and made is removed after an hour.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from shotbuild.errors import (
    KeyRefused,
    Moderated,
    OutOfFunds,
    PinGone,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    RateLimited,
    VendorFault,
)
from shotbuild.host.wire import LONGEST_WAIT, Body, Http, Part, Reply
from shotbuild.providers.common import (
    data_uri,
    file_name,
    kind_of,
    length_for,
    moment,
    plain,
    price_of,
    rates,
    ratio_of,
    whole_seconds,
    window,
)
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
from shotbuild.records import Fields, Operation, Pin, Price
from shotbuild.spec.fields import Field, choice, text, truth

INLINE = 256_000
"""Larger files go up first. Source: Replicate's documentation, 256 kB."""
HASH = re.compile(r"(?:[\w.-]+/[\w.-]+:)?([0-9a-f]{64})")
NONE = "-"
"""Written for a field that a model does not have."""
PAGES = 20
STATES = {
    "starting": State.QUEUED,
    "processing": State.RUNNING,
    "succeeded": State.DONE,
    "failed": State.FAILED,
    "canceled": State.CANCELLED,
    "aborted": State.CANCELLED,
}
NAMES = {"ratio": "aspect_ratio", "audio": "generate_audio"}
"""Our settings that Replicate's models call otherwise."""
REFERENCES = ("reference", *(f"reference_{number}" for number in range(2, 10)))
BAR = re.compile(r"^\s*(\d{1,3})%\s*\|", re.MULTILINE)
"""A progress bar in the logs, as the SDK reads it."""
RESET = re.compile(r"(\d+(?:\.\d+)?)\s*s(?:ec|\b)")
SENSITIVE = re.compile(r"\(?E005\)?|flagged as sensitive|nsfw|content policy", re.IGNORECASE)
"""The API has no code for moderation: this is how its models say it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """How an official model wants to be asked. inputs: role → input; many: the input that takes all `reference` roles;
    lasts: whether it takes a length; fixed: what is always sent."""

    inputs: Mapping[str, str]
    many: str = ""
    lasts: bool = True
    fixed: Mapping[str, Any] = field(default_factory=dict)


def _resolution(*words: str, default: str) -> Field:
    return choice(*words, default=default, doc="How large the picture is.")


def _audio() -> Field:
    return truth(default=False, doc="Whether it makes sound as well; that costs more.")


def _avoid() -> Field:
    return text(default=None, doc="What should not be seen.")


def _input(default: str, what: str) -> Field:
    return text(default=default, doc=f"The name of the model's input for {what}; `{NONE}` where it has none.", longest=100)


MODELS: dict[str, Model] = {}
WIRES: dict[str, Wire] = {}


def _add(name: str, wire: Wire, **known: Any) -> None:
    lengths = tuple(Fraction(seconds) for seconds in known.pop("lengths"))
    ratios = known.get("ratios", ())
    doc = "The shape of the picture; the shot's own where it is not written."
    shape = {"ratio": choice(*ratios, default=None, doc=doc)} if ratios else {}
    MODELS[name] = Model(
        name=name,
        version=f"{name}, official",
        fields={**shape, **known.pop("fields", {})},
        roles=(*wire.inputs, *known.pop("references", ())),
        lengths=lengths,
        seconds=int(max(lengths)),
        strength=Strength.NAME,
        kept=1,
        per_minute=600,
        **known,
    )
    WIRES[name] = wire


_add(
    "runwayml/gen4-turbo",
    Wire(inputs={"first_frame": "image"}),
    needs=("first_frame",),
    lengths=(5, 10),
    ratios=("16:9", "9:16", "4:3", "3:4", "1:1", "21:9"),
    notes="Whether it is still offered was not checked.",
)
_add(
    "kwaivgi/kling-v2.5-turbo-pro",
    Wire(inputs={"first_frame": "start_image", "last_frame": "end_image"}),
    fields={"negative_prompt": _avoid()},
    lengths=(5, 10),
    ratios=("16:9", "9:16", "1:1"),
    seeded=False,
)
_add(
    "kwaivgi/kling-v3-video",
    Wire(inputs={"first_frame": "start_image", "last_frame": "end_image"}),
    fields={
        "mode": choice("standard", "pro", default="pro", doc="720p or 1080p."),
        "audio": _audio(),
        "negative_prompt": _avoid(),
    },
    lengths=range(3, 16),
    ratios=("16:9", "9:16", "1:1"),
    prompt=2500,
    seeded=False,
    # The dearest of a span that is known from a third party alone: 0.168 to 0.336 USD.
    tariff=Tariff(rates=rates("second", ({}, "0.336")), source="third party, the upper end", date="2026-11-22"),
)
_add(
    "bytedance/seedance-1-pro",
    Wire(inputs={"first_frame": "image", "last_frame": "last_frame_image"}, fixed={"fps": 24}),
    fields={
        "resolution": _resolution("480p", "720p", "1080p", default="1080p"),
        "camera_fixed": truth(default=False, doc="Whether the camera stands still."),
    },
    lengths=range(2, 13),
    ratios=("16:9", "4:3", "1:1", "3:4", "9:16", "21:9", "9:21"),
)
_add(
    "bytedance/seedance-2.0",
    Wire(inputs={"first_frame": "image", "last_frame": "last_frame_image"}, many="reference_images"),
    references=REFERENCES,
    fields={"resolution": _resolution("480p", "720p", default="720p"), "audio": _audio()},
    lengths=range(4, 16),
    ratios=("16:9", "4:3", "1:1", "3:4", "9:16", "21:9"),
)
_add(
    "minimax/video-01",
    Wire(
        inputs={"first_frame": "first_frame_image", "reference": "subject_reference"},
        lasts=False,
        fixed={"prompt_optimizer": False},
    ),
    lengths=(6,),
    seeded=False,
    rewriting=Rewriting.OFF,
)
_add(
    "google/veo-3.1",
    Wire(inputs={"first_frame": "image", "last_frame": "last_frame"}, many="reference_images"),
    references=REFERENCES[:3],
    fields={"resolution": _resolution("720p", "1080p", default="1080p"), "audio": _audio(), "negative_prompt": _avoid()},
    lengths=(4, 6, 8),
    ratios=("16:9", "9:16"),
)
MODELS["version"] = Model(
    name="version",
    # This text is the same for all versions. Which one it is stands in the setting `version`, and settings are part of the
    # recipe: another hash is another recipe. The pin that the service reports holds the hash itself.
    version="the content hash under `version`",
    fields={
        "version": text(doc="The version: 64 hexadecimal digits, or `owner/name:` and these.", longest=200),
        "prompt_field": _input("prompt", "the prompt"),
        "seed_field": _input("seed", "the seed"),
        "image_field": _input("image", "the first frame"),
        "last_image_field": _input(NONE, "the last frame"),
        "reference_field": _input(NONE, "the reference"),
        "video_field": _input(NONE, "the video"),
        "duration_field": _input(NONE, "the length in whole seconds"),
        "frames_field": _input(NONE, "the number of frames"),
        "input": text(default="{}", doc="Its other inputs, as a JSON object."),
    },
    roles=("first_frame", "last_frame", "reference", "video"),
    seconds=600,
    names=("version",),
    strength=Strength.CONTENT,
    kept=1,
    per_minute=600,
    notes="Any model of the community, pinned by its content hash.",
)
INPUTS = {
    "first_frame": "image_field",
    "last_frame": "last_image_field",
    "reference": "reference_field",
    "video": "video_field",
}
"""Model `version`: role → the setting that names its input."""


class Replicate:
    name = "replicate"
    models: Mapping[str, Model] = MODELS
    address = "https://api.replicate.com"
    variable = "REPLICATE_BASE_URL"
    # Its lists lead on by absolute addresses.
    origins: tuple[str, ...] = ("https://api.replicate.com",)
    keys = (("REPLICATE_API_TOKEN",),)
    variables: tuple[str, ...] = ()
    pace = 3.0
    finds = Finds.BY_LIST

    def price(self, model: str, request: Fields) -> Price:
        return price_of(MODELS[model], request)

    def has_sound(self, model: str, settings: Fields) -> bool:
        return settings.get("audio") is True

    def objections(self, model: str, wish: Wish) -> Iterable[Objection]:
        if model == "version":
            yield from _version_objections(wish)
            return
        given = [role for role in wish.references if role in REFERENCES]
        if "last_frame" in wish.references and "first_frame" not in wish.references:
            yield Objection(
                key="references",
                message=f"{model!r} takes a `last_frame` only after a `first_frame`",
                remedy="add a `first_frame`",
            )
        if model == "bytedance/seedance-2.0" and given and len(given) < len(wish.references):
            yield Objection(
                key="references",
                message=f"{model!r} takes either frames or references, not both",
                remedy="take one kind out",
            )
        if model == "google/veo-3.1" and given:
            yield from _veo_objections(wish)

    def headers(self, keys: Mapping[str, str], now: float) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {keys['REPLICATE_API_TOKEN']}"}

    def fault(self, reply: Reply) -> ProviderError | None:
        if reply.ok:
            return None
        title, detail = reply.json.word("title"), reply.json.word("detail")
        cause = ": ".join(part for part in (title, _fields_told(reply.json) or detail) if part) or reply.text[:200] or None
        if reply.status == 429:
            return RateLimited.after(_wait(reply, detail), "Replicate wants fewer requests (429)", cause=cause)
        if reply.status == 401:
            return KeyRefused("Replicate does not take the key (401)", cause=cause)
        # Anything else that is not in Replicate's own words may come from something in between.
        if not 400 <= reply.status < 500 or reply.status in (408, 409) or not (title or detail):
            return ProviderUnavailable(f"Replicate answered {reply.status}", cause=cause)
        if reply.status == 402:
            return OutOfFunds("the Replicate account has no credit left", cause=cause)
        if reply.status == 403:
            return KeyRefused("Replicate does not let the key do this (403)", cause=cause)
        if reply.status in (404, 410) or title == "Invalid version or not permitted":
            return PinGone(f"Replicate does not offer this model or version ({reply.status})", cause=cause)
        return ProviderRefused(f"Replicate refused the request ({reply.status})", cause=cause)

    def submit(self, request: Request, http: Http) -> Operation:
        body: dict[str, Any] = {"input": {**_said(request), **_sent_up(request, http)}}
        path = f"v1/models/{request.model}/predictions"
        if request.model == "version":
            path, body["version"] = "v1/predictions", _hash(request)
        return Operation(provider=self.name, id=http.pay(path, body).json.text("id"), submitted="")

    def poll(self, operation: Operation, http: Http) -> Status:
        reply = http.get(f"v1/predictions/{operation.id}", allow=(404,))
        if reply.status == 404:
            return Status(state=State.GONE, word="404")
        made = reply.json
        word = made.text("status")
        state = STATES.get(word, State.RUNNING)
        if state is State.DONE and not _output(made):
            removed = made.at("data_removed") is True
            state = State.GONE if removed else State.FAILED
        bars = BAR.findall(made.word("logs"))
        return Status(
            state=state,
            word=word,
            progress=min(int(bars[-1]), 100) if bars else None,
            fault=_failure(made) if state is State.FAILED else None,
            # Anything else is billed by time on hardware whose price the answer does not say.
            charged=Price(amount=Fraction(0), currency="USD", exact=True) if word == "aborted" else None,
            pin=self._pin(made),
        )

    def locate(self, operation: Operation, http: Http) -> Address:
        made = http.get(f"v1/predictions/{operation.id}").json
        return Address(url=_output(made) or made.text("output"))

    def cancel(self, operation: Operation, http: Http) -> bool:
        reply = http.send("POST", f"v1/predictions/{operation.id}/cancel", allow=(404,))
        # What still runs after this may come to its end all the same: the next look at it says.
        return reply.ok and STATES.get(reply.json.word("status")) is State.CANCELLED

    def find(self, doubt: Doubt, http: Http) -> Operation | None:
        first, last = window(doubt)
        found: list[str] = []
        page = "v1/predictions"
        for _ in range(PAGES):
            answer = http.get(page).json
            rows = [(row, moment(row.word("created_at")) or 0) for row in answer.rows("results")]
            # The newest come first.
            found += [row.word("id") for row, made in rows if first <= made <= last and _fits(row, doubt)]
            page = answer.word("next")
            if not page or any(0 < made < first for _, made in rows):
                return Operation(provider=self.name, id=found[0], submitted="") if len(found) == 1 else None
        return None

    def _pin(self, made: Body) -> Pin | None:
        """The version that it says it used; official models say none."""
        model, version = made.word("model"), made.word("version")
        return Pin(provider=self.name, model=model, version=version) if HASH.fullmatch(version) else None


# --- what is asked -------------------------------------------------------------------------------------------------------


def _said(request: Request) -> dict[str, Any]:
    """A model's input without its files: the same for the same request, which is how a lost one is found again."""
    model = MODELS[request.model]
    if model.name == "version":
        return _free_input(request)
    wire = WIRES[model.name]
    body: dict[str, Any] = {"prompt": request.prompt}
    body |= {NAMES.get(name, name): value for name, value in plain(request.settings).items()}
    if model.ratios:
        body.setdefault("aspect_ratio", ratio_of(request.format.size, model.ratios) or model.ratios[0])
    if wire.lasts:
        body["duration"] = int(length_for(model, request.seconds))
    if model.seeded:
        body["seed"] = request.seed
    return {**body, **wire.fixed}


def _free_input(request: Request) -> dict[str, Any]:
    values: dict[str, Any] = {
        "prompt_field": request.prompt,
        "seed_field": request.seed,
        "duration_field": whole_seconds(request.seconds),
        "frames_field": request.frames,
    }
    named = {_name(request, setting): value for setting, value in values.items()}
    more = _object(request.settings.text("input")) or {}
    return {**more, **{name: value for name, value in named.items() if name != NONE}}


def _sent_up(request: Request, http: Http) -> dict[str, Any]:
    """A model's inputs that are files."""
    inputs: dict[str, str]
    if request.model == "version":
        inputs, many = {role: _name(request, setting) for role, setting in INPUTS.items()}, ""
    else:
        inputs, many = dict(WIRES[request.model].inputs), WIRES[request.model].many
    files = sorted(request.references)
    body: dict[str, Any] = {inputs[role]: _handed(role, path, http) for role, path in files if role in inputs}
    listed = [_handed(role, path, http) for role, path in files if many and role not in inputs]
    return {**body, many: listed} if listed else body


def _handed(role: str, path: Path, http: Http) -> str:
    if path.stat().st_size <= INLINE:
        return data_uri(path)
    part = Part(content=path, name=file_name(role, path), kind=kind_of(path)[0])
    return http.send("POST", "v1/files", form=(("content", part),)).json.text("urls", "get")


def _name(request: Request, setting: str) -> str:
    return request.settings.text(setting)


def _hash(request: Request) -> str:
    match = HASH.fullmatch(request.settings.text("version"))
    assert match is not None, "objections looked"
    return match[1]


def _object(text: str) -> dict[str, Any] | None:
    """A JSON object; None where the text is none."""
    try:
        value = json.loads(text, parse_constant=_refused)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _refused(word: str) -> None:
    raise ValueError(word)


def _version_objections(wish: Wish) -> Iterable[Objection]:
    version = wish.settings.get("version")
    if not isinstance(version, str) or not HASH.fullmatch(version):
        yield Objection(
            key="version",
            message="this is no version that could be pinned",
            cause="a version is 64 hexadecimal digits, alone or after `owner/name:`",
            remedy="copy it from the model's page, under Versions",
        )
    if _object(str(wish.settings.get("input"))) is None:
        remedy = """write for example `'{"steps": 30}'`"""
        yield Objection(key="input", message="this is no JSON object", remedy=remedy)
    for role in wish.references:
        if role in INPUTS and wish.settings.get(INPUTS[role]) == NONE:
            yield Objection(
                key="references",
                message=f"the model's input for the `{role}` has no name",
                remedy=f"add `settings: {{{INPUTS[role]}: …}}`",
            )


def _veo_objections(wish: Wish) -> Iterable[Objection]:
    ratio = wish.settings.get("ratio") or ratio_of(wish.format.size, MODELS["google/veo-3.1"].ratios)
    if ratio != "16:9" or length_for(MODELS["google/veo-3.1"], wish.seconds) != 8:
        yield Objection(
            key="references",
            message="'google/veo-3.1' takes references only for 8 seconds of 16:9",
            remedy="make the shot longer than 6 s and 16:9, or take the references out",
        )
    if "last_frame" in wish.references:
        yield Objection(
            key="references",
            message="'google/veo-3.1' does not look at a `last_frame` beside references",
            remedy="take one of them out",
        )


# --- what comes back -----------------------------------------------------------------------------------------------------


def _output(made: Body) -> str:
    """The address of the video; older models answer with a list."""
    return made.word("output") or made.word("output", 0)


def _failure(made: Body) -> ProviderError:
    said = made.word("error") or "it says no more"
    if SENSITIVE.search(said):
        return Moderated("the model's moderation refused this", cause=said)
    if "E1001" in said:
        return ProviderRefused("this is too large for the model", cause=said)
    return VendorFault("Replicate failed to make it", cause=said)


def _fields_told(problem: Body) -> str:
    return "; ".join(f"{row.word('field')}: {row.word('description')}" for row in problem.rows("invalid_fields"))


def _wait(reply: Reply, detail: str) -> float | None:
    """Seconds until the limit is lifted: of the header, else of the sentence."""
    match = RESET.search(detail)
    return reply.wait if reply.wait is not None else min(float(match[1]), LONGEST_WAIT) if match else None


def _fits(row: Body, doubt: Doubt) -> bool:
    """Whether a listed prediction may be what a lost submit became."""
    request = doubt.request
    same = row.word("version") == _hash(request) if request.model == "version" else row.word("model") == request.model
    shown = row.at("input")
    if not same or not row.word("id") or row.word("id") in doubt.known:
        return False
    # Inputs are removed after an hour: what shows none may be anybody's. Files come back under other addresses.
    return bool(shown) and all(row.at("input", name) == value for name, value in _said(request).items())
