"""Provider `minimax`: MiniMax, Hailuo in version 1 of its API and H3 in version 2.

Source: recorded shapes of both versions and the vendor's table of error codes, 2026-11; there is no Python SDK of its own.
Version 1 says no with HTTP 200 and a code in `base_resp`; version 2 with a status, and the same code at the end of its
message. Neither takes a seed, has a list or takes anything back. Pictures go along as data URIs; clips and sounds, which
H3 would take, are not offered: nobody has recorded how a local one is handed over.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
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
    RateLimited,
    VendorFault,
)
from shotbuild.host.wire import Body, Http, Reply
from shotbuild.providers.common import data_uri, length_for, plain, price_of, rates, ratio_of
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
from shotbuild.records import Fields, Operation, Price, fields
from shotbuild.spec.fields import Field, choice

FRAMES = ("first_frame", "last_frame")
REFERENCES = ("reference", *(f"reference_{number}" for number in range(2, 10)))
RATIOS = ("16:9", "9:16", "4:3", "3:4", "1:1", "21:9")
H3 = "MiniMax-H3"
STATES = {
    "Preparing": State.QUEUED,
    "Queueing": State.QUEUED,
    "Processing": State.RUNNING,
    "Success": State.DONE,
    "Fail": State.FAILED,
    "queued": State.QUEUED,
    "running": State.RUNNING,
    "succeeded": State.DONE,
    "failed": State.FAILED,
    "expired": State.FAILED,
    "cancelled": State.CANCELLED,
}
LIMITS, WINDOW, MODERATION, KEYS, FUNDS, PARAMETERS = (1002, 1039, 1041, 2045), 2056, (1026, 1027), (1004, 2049), 1008, 2013
NO_MODEL = re.compile(r"(unknown|unsupported|invalid) model\b|\bmodel\b[^,;]* not (found|exist)|\bmodel not support", re.I)
TARIFF = Tariff(
    rates=rates("take", ({"resolution": "768P", "duration": "6"}, "0.28")),
    source="pages about MiniMax' list prices",
    date="2026-11-22",
)


def _model(name: str, resolutions: tuple[str, ...], **known: Any) -> Model:
    settings: dict[str, Field] = {
        "resolution": choice(*resolutions, default=resolutions[0], doc="How large the picture is."),
        **known.pop("fields", {}),
    }
    base: dict[str, Any] = {
        "version": f"{name}, API v1",
        "roles": ("first_frame",),
        "seconds": 10,
        "lengths": (Fraction(6), Fraction(10)),
        "prompt": 2000,
        "strength": Strength.NAME,
        "seeded": False,
        "rewriting": Rewriting.OFF,
    }
    return Model(name=name, fields=settings, **{**base, **known})


MODELS = {
    model.name: model
    for model in (
        _model("MiniMax-Hailuo-2.3", ("768P", "1080P"), tariff=TARIFF),
        _model("MiniMax-Hailuo-2.3-Fast", ("768P", "1080P"), needs=("first_frame",)),
        _model("MiniMax-Hailuo-02", ("768P", "512P", "1080P"), roles=FRAMES, tariff=TARIFF),
        _model(
            H3,
            ("2K", "768P"),
            fields={"ratio": choice(*RATIOS, default=None, doc="The shape of the picture; the shot's own otherwise.")},
            version=f"{H3}, API v2",
            roles=(*FRAMES, *REFERENCES),
            seconds=15,
            shortest=Fraction(5),
            lengths=tuple(Fraction(seconds) for seconds in range(5, 16)),
            ratios=RATIOS,
            prompt=0,
            rewriting=Rewriting.NONE,
        ),
    )
}


class MiniMax:
    name = "minimax"
    models: Mapping[str, Model] = MODELS
    address = "https://api.minimax.io"
    variable = "MINIMAX_BASE_URL"
    origins: tuple[str, ...] = ()
    keys: tuple[tuple[str, ...], ...] = (("MINIMAX_API_KEY",),)
    variables: tuple[str, ...] = ()
    pace = 10.0
    finds = Finds.NO

    def price(self, model: str, request: Fields) -> Price:
        return price_of(MODELS[model], request)

    def has_sound(self, model: str, settings: Fields) -> bool:
        # H3 makes sound and has no switch for it; Hailuo makes none.
        return model == H3

    def objections(self, model: str, wish: Wish) -> Iterable[Objection]:
        given, resolution = set(wish.references), wish.settings.get("resolution")
        if "last_frame" in given and "first_frame" not in given:
            yield _objection(
                "references", f"{model!r} takes a `last_frame` only after a `first_frame`", "add a `first_frame`"
            )
        if model == H3:
            yield from _objections_to_h3(given, wish)
            return
        if resolution == "1080P" and wish.seconds > 6:
            yield _objection("resolution", f"{model!r} makes 1080P for 6 seconds alone", "take `768P`, or a shorter shot")
        if resolution == "512P" and given != {"first_frame"}:
            yield _objection("resolution", f"{model!r} makes 512P from a `first_frame` alone", "take `768P`")
        if not given and ratio_of(wish.format.size, ("16:9",)) is None:
            yield _objection("format", f"from words alone, {model!r} makes 16:9", "add a `first_frame` of the shot's shape")

    def headers(self, keys: Mapping[str, str], now: float) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {keys['MINIMAX_API_KEY']}"}

    def fault(self, reply: Reply) -> ProviderError | None:
        code, said = _said(reply.json)
        if reply.json.word("status") == "Fail" or (reply.ok and code == 0):
            # A take that failed has its code in `base_resp` too: the question was answered.
            return None
        cause = f"{code}: {said}" if code else said or reply.text[:200]
        if code in MODERATION:
            return Moderated("MiniMax refused this for its content", cause=cause)
        if code == FUNDS or reply.status == 402:
            return OutOfFunds("the MiniMax account has no money left", cause=cause)
        if code == WINDOW:
            return DailyCap.after(reply.wait, "MiniMax' quota for these hours is used up", cause=cause)
        if code in LIMITS or reply.status == 429:
            return RateLimited.after(reply.wait, f"MiniMax takes no more right now ({code or 429})", cause=cause)
        if code in KEYS or reply.status in (401, 403):
            return KeyRefused(f"MiniMax does not take the key ({code or reply.status})", cause=cause)
        refused = 400 <= reply.status < 500 and reply.status not in (408, 409) and bool(said)
        if code == PARAMETERS or (code == 0 and refused):
            kind = PinGone if NO_MODEL.search(said) else ProviderRefused
            return kind(f"MiniMax refused the request ({code or reply.status})", cause=cause)
        # 1000, 1001, 1024, 1033 and what nobody knows: it may have been accepted.
        return ProviderUnavailable(f"MiniMax answered {code or reply.status}", cause=cause)

    def submit(self, request: Request, http: Http) -> Operation:
        model = MODELS[request.model]
        duration = int(length_for(model, request.seconds))
        settings = plain(request.settings)
        version, given = ("v2", _content(request, settings)) if model.name == H3 else ("v1", _words(model, request))
        body = {"model": model.name, **given, "duration": duration, "aigc_watermark": False, **settings}
        reply = http.pay(f"{version}/video_generation", body)
        return Operation(provider=self.name, id=reply.json.text("task_id"), submitted="", links=fields(version=version))

    def recall(self, name: str, sent: Mapping[str, object]) -> Operation:
        version = "v2" if "/v2/" in str(sent.get("url", "")) else "v1"
        return Operation(provider=self.name, id=name, submitted="", links=fields(version=version))

    def poll(self, operation: Operation, http: Http) -> Status:
        try:
            task = _task(operation, http)
        except ProviderRefused as error:
            # A query has one parameter: refused without a reason of its own, it is the id that is no longer known.
            if type(error) is not ProviderRefused:
                raise
            return Status(state=State.GONE, word=error.cause or "")
        word = task.text("status")
        state = STATES.get(word, State.RUNNING)
        return Status(state=state, word=word, fault=_failure(task) if state is State.FAILED else None)

    def locate(self, operation: Operation, http: Http) -> Address:
        task = _task(operation, http)
        if operation.links.get("version") == "v2":
            return Address(url=task.text("content", "url"))
        # The id is a long number, which has come both as text and as a number.
        file = str(task.at("file_id") or task.text("file_id"))
        return Address(url=http.get("v1/files/retrieve", {"file_id": file}).json.text("file", "download_url"))

    def cancel(self, operation: Operation, http: Http) -> bool:
        return False

    def find(self, doubt: Doubt, http: Http) -> Operation | None:
        return None


def _objection(key: str, message: str, remedy: str) -> Objection:
    return Objection(key=key, message=message, remedy=remedy)


def _objections_to_h3(given: set[str], wish: Wish) -> Iterator[Objection]:
    if given & set(FRAMES) and given - set(FRAMES):
        yield _objection("references", f"{H3!r} takes frames or references, not both", "take away one kind")
    if given & set(FRAMES) and wish.settings.get("ratio") is not None:
        yield _objection("ratio", f"{H3!r} makes the shape of its `first_frame`", "take `ratio` away")


def _words(model: Model, request: Request) -> dict[str, Any]:
    """What version 1 is given to work from."""
    paths = {f"{role}_image": request.file(role) for role in model.roles}
    pictures = {name: data_uri(path) for name, path in paths.items() if path is not None}
    return {"prompt": request.prompt, **pictures, "prompt_optimizer": False}


def _content(request: Request, settings: dict[str, str | int | bool]) -> dict[str, Any]:
    """What version 2 is given to work from. A first frame decides on the shape; without one it is named."""
    parts: list[dict[str, Any]] = [{"type": "text", "text": request.prompt}]
    for role in (*FRAMES, *REFERENCES):
        path = request.file(role)
        if path is not None:
            part = role if role in FRAMES else "reference_image"
            parts.append({"type": "image_url", "image_url": {"url": data_uri(path)}, "role": part})
    if request.file("first_frame") is None:
        settings.setdefault("ratio", ratio_of(request.format.size, RATIOS) or RATIOS[0])
    return {"content": parts}


def _task(operation: Operation, http: Http) -> Body:
    if operation.links.get("version") == "v2":
        whole = http.get(f"v2/query/video_generation/{operation.id}").json
        return Body(whole.at("task"), whole.what)
    return http.get("v1/query/video_generation", {"task_id": operation.id}).json


def _said(body: Body) -> tuple[int, str]:
    """The vendor's own code, 0 = none, and its words."""
    said = body.word("base_resp", "status_msg") or body.word("error", "message")
    code = body.number("base_resp", "status_code") or body.number("error", "code")
    if code is None:
        found = re.search(r"\((\d{4,5})\)\s*$", said)
        code = float(found[1]) if found else 0
    return int(code), said


def _failure(task: Body) -> ProviderError:
    code, said = _said(task)
    cause = f"{code}: {said}" if code else said or "it says no more"
    if code in MODERATION:
        return Moderated("MiniMax refused this for its content", cause=cause)
    if code == PARAMETERS:
        return ProviderRefused("MiniMax cannot use what was given", cause=cause)
    return VendorFault("MiniMax failed to make it", cause=cause)
