"""Provider `kling-legacy`: Kling's API under /v1/videos, with an access key and signed tokens. Source: its documentation,
and the client in `vercel/ai` of 2026-08.

For accounts that still have a pair of keys, and for models before 3.0. Shares the error codes of `kling`; its word for
success is `succeed`, its lengths are text. It takes an id of ours as well, which stands in the path where its own would.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

from shotbuild.errors import PinGone, ProviderError
from shotbuild.host.wire import Http, Reply
from shotbuild.providers.common import encoded, length_for, plain, price_of, rates, ratio_of
from shotbuild.providers.interface import (
    Address,
    Doubt,
    Finds,
    Model,
    Objection,
    Request,
    State,
    Status,
    Strength,
    Wish,
)
from shotbuild.providers.kling import ADDRESS, MONTH, SHAPES, failure, no, shape_field, shape_objections, tariff
from shotbuild.records import Fields, Operation, Price, fields
from shotbuild.spec.fields import Field, choice, factor, text, truth

STATES = {
    "submitted": State.QUEUED,
    "processing": State.RUNNING,
    "succeed": State.DONE,
    "failed": State.FAILED,
}
MODE = choice("std", "pro", default="std", doc="`std` makes 720p, `pro` makes 1080p.")
NEGATIVE = text(default=None, doc="What should not be seen.", longest=2500)
SOUND = truth(default=False, doc="Whether it makes sound as well; that costs more.")
LOYALTY = factor(0, 1, default=None, doc="How closely it follows the prompt; Kling's own choice where it is not written.")
SHORT = (Fraction(5), Fraction(10))


def _model(name: str, settings: Mapping[str, Field], *prices: tuple[Mapping[str, str], str], **known: Any) -> Model:
    base: dict[str, Any] = {
        "version": f"{name}, API v1",
        "strength": Strength.VERSION,
        "fields": {"ratio": shape_field(), "mode": MODE, "negative_prompt": NEGATIVE, **settings},
        "roles": ("first_frame", "last_frame"),
        "seconds": 10,
        "lengths": SHORT,
        "prompt": 2500,
        "seeded": False,
        "kept": MONTH,
        "tariff": tariff(rates("second", *prices)),
    }
    return Model(name=name, **{**base, **known})


def _quiet(mode: str, **more: str) -> dict[str, str]:
    return {"mode": mode, "audio": "false", **more}


MODELS = {
    model.name: model
    for model in (
        _model("kling-v2-5-turbo", {}, ({"mode": "std"}, "0.042"), ({"mode": "pro"}, "0.07")),
        # What its sound costs is nowhere said.
        _model("kling-v2-6", {"audio": SOUND}, (_quiet("std"), "0.042"), (_quiet("pro"), "0.07")),
        _model(
            "kling-v3",
            {"audio": SOUND, "cfg_scale": LOYALTY},
            (_quiet("std"), "0.084"),
            (_quiet("pro"), "0.112"),
            ({"mode": "std", "audio": "true"}, "0.126"),
            ({"mode": "pro", "audio": "true"}, "0.168"),
            seconds=15,
            shortest=Fraction(3),
            lengths=(),
        ),
    )
}


class KlingLegacy:
    name = "kling-legacy"
    models: Mapping[str, Model] = MODELS
    address = ADDRESS
    variable = "KLING_BASE_URL"
    origins: tuple[str, ...] = ()
    keys = (("KLING_ACCESS_KEY", "KLING_SECRET_KEY"),)
    variables: tuple[str, ...] = ()
    pace = 5.0
    finds = Finds.BY_ID

    def price(self, model: str, request: Fields) -> Price:
        return price_of(MODELS[model], request)

    def has_sound(self, model: str, settings: Fields) -> bool:
        return settings.get("audio") is True

    def objections(self, model: str, wish: Wish) -> Iterable[Objection]:
        yield from shape_objections(model, wish)
        if model == "kling-v3" or wish.settings.get("mode") == "pro":
            return
        if wish.settings.get("audio") is True:
            yield Objection(key="audio", message=f"{model!r} makes sound only in mode `pro`", remedy="write `mode: pro`")
        if "last_frame" in wish.references:
            yield Objection(
                key="references",
                message=f"{model!r} takes a `last_frame` only in mode `pro`",
                remedy="write `mode: pro`, or leave it away",
            )

    def headers(self, keys: Mapping[str, str], now: float) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {_token(keys['KLING_ACCESS_KEY'], keys['KLING_SECRET_KEY'], now)}"}

    def fault(self, reply: Reply) -> ProviderError | None:
        return no(reply)

    def submit(self, request: Request, http: Http) -> Operation:
        kind = _kind(request)
        reply = http.pay(f"v1/videos/{kind}", _body(request))
        return self._operation(reply, kind)

    def recall(self, name: str, sent: Mapping[str, object]) -> Operation:
        kind = str(sent.get("url", "")).rpartition("/")[2]
        return Operation(provider=self.name, id=name, submitted="", links=fields(kind=kind))

    def poll(self, operation: Operation, http: Http) -> Status:
        try:
            task = http.get(_path(operation)).json
        except PinGone:
            return Status(state=State.GONE, word="1203")
        word = task.text("data", "task_status")
        state = STATES.get(word, State.RUNNING)
        # What it took is told in units of a package, which are no money; they stay in the record.
        fault = failure(task.word("data", "task_status_msg")) if state is State.FAILED else None
        return Status(state=state, word=word, fault=fault)

    def locate(self, operation: Operation, http: Http) -> Address:
        return Address(url=http.get(_path(operation)).json.text("data", "task_result", "videos", 0, "url"))

    def cancel(self, operation: Operation, http: Http) -> bool:
        return False

    def find(self, doubt: Doubt, http: Http) -> Operation | None:
        kind = _kind(doubt.request)
        try:
            return self._operation(http.get(f"v1/videos/{kind}/{doubt.request.client}"), kind)
        except PinGone:
            return None

    def _operation(self, reply: Reply, kind: str) -> Operation:
        links = fields(kind=kind)
        return Operation(provider=self.name, id=reply.json.text("data", "task_id"), submitted="", links=links)


def _token(access: str, secret: str, now: float) -> str:
    """A JSON web token, signed with HS256, that holds for half an hour. One a minute: the one that left is then, as a rule,
    the one that is taken out of what is kept."""
    issued = int(now) // 60 * 60
    parts = ({"alg": "HS256", "typ": "JWT"}, {"iss": access, "exp": issued + 1800, "nbf": issued - 5})
    head = ".".join(_url_safe(json.dumps(part, separators=(",", ":")).encode()) for part in parts)
    signature = hmac.new(secret.encode(), head.encode(), hashlib.sha256).digest()
    return f"{head}.{_url_safe(signature)}"


def _url_safe(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode("ascii")


def _kind(request: Request) -> str:
    return "text2video" if request.file("first_frame") is None else "image2video"


def _path(operation: Operation) -> str:
    return f"v1/videos/{operation.links.text('kind')}/{operation.id}"


def _body(request: Request) -> dict[str, Any]:
    model, settings = MODELS[request.model], plain(request.settings)
    body: dict[str, Any] = {
        "model_name": model.name,
        "prompt": request.prompt,
        "mode": settings["mode"],
        "duration": str(int(length_for(model, request.seconds))),
        "external_task_id": request.client,
    }
    if "negative_prompt" in settings:
        body["negative_prompt"] = settings["negative_prompt"]
    if "audio" in settings:
        body["sound"] = "on" if settings["audio"] else "off"
    if "cfg_scale" in settings:
        body["cfg_scale"] = float(Fraction(str(settings["cfg_scale"])))
    if model.name == "kling-v3":
        body["multi_shot"] = False
    if _kind(request) == "text2video":
        body["aspect_ratio"] = settings.get("ratio") or ratio_of(request.format.size, SHAPES) or SHAPES[0]
    for role, name in (("first_frame", "image"), ("last_frame", "image_tail")):
        if (path := request.file(role)) is not None:
            body[name] = encoded(path)
    return body
