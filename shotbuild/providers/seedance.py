"""Provider `seedance`: ByteDance Seedance on BytePlus ModelArk, API v3.

Source: its Python SDK 3.0.63 (`byteplussdkarkruntime`), its error page (docs.byteplus.com/docs/ModelArk/1299023) and the
models' tables, 2026-11. Pictures go along as data URIs; the SDK has no upload for them, and clips and sounds would need a
public address, so those roles are not offered. What a token costs is not said: only 2.5 at 720p has a known price.
"""

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
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
from shotbuild.host.wire import Body, Http, Reply
from shotbuild.providers.common import data_uri, length_for, plain, price_of, rates, ratio_of, window
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
    Tariff,
    Wish,
)
from shotbuild.records import Fields, Operation, Pin, Price
from shotbuild.spec.fields import Field, choice, truth

TASKS = "contents/generations/tasks"
PAGE, PAGES = 100, 5
RATIOS = ("16:9", "9:16", "4:3", "3:4", "1:1", "21:9")
FRAMES = ("first_frame", "last_frame")
STATES = {
    "queued": State.QUEUED,
    "running": State.RUNNING,
    "succeeded": State.DONE,
    "failed": State.FAILED,
    "expired": State.FAILED,
    "cancelled": State.CANCELLED,
}
LIMITS = ("RateLimitExceeded", "QuotaExceeded", "ServerOverloaded")
SHOWN = ("resolution", "ratio", "duration", "seed")
"""What of a request its list shows again; the prompt is not shown."""


def _references(count: int) -> tuple[str, ...]:
    return ("reference", *(f"reference_{number}" for number in range(2, count + 1)))


def _model(name: str, *, lengths: range, resolutions: tuple[str, ...], sound: bool = False, **known: Any) -> Model:
    fields: dict[str, Field] = {
        "ratio": choice(*RATIOS, default=None, doc="The shape of the picture; the shot's own where it is not written."),
        "resolution": choice(*resolutions, default="720p", doc="How large the picture is."),
    }
    if sound:
        fields["generate_audio"] = truth(default=False, doc="Whether it makes sound as well; that costs more.")
    if "seedance-2" not in name:
        fields["camera_fixed"] = truth(default=False, doc="Whether the camera stands still.")
    base: dict[str, Any] = {
        "version": name,
        "fields": fields,
        "roles": FRAMES,
        "seconds": lengths[-1],
        "shortest": Fraction(lengths[0]),
        "lengths": tuple(Fraction(seconds) for seconds in lengths),
        "ratios": RATIOS,
        "strength": Strength.DATED,
        # 2.x refuses seeds, or is said to; without one it draws its own and tells which.
        "seeded": "seedance-2" not in name,
        "kept": 24,
    }
    return Model(name=name, **{**base, **known})


LOW, HIGH = ("480p", "720p"), ("480p", "720p", "1080p")
PRICE_2_5 = Tariff(
    rates=rates("second", ({"resolution": "720p"}, "0.231")),
    source="a public audit of providers; BytePlus itself bills by token",
    date="2026-08-11",
)
MODELS = {
    model.name: model
    for model in (
        _model(
            "dreamina-seedance-2-5-260628",
            lengths=range(4, 31),
            resolutions=LOW,
            sound=True,
            roles=(*FRAMES, *_references(9)),
            tariff=PRICE_2_5,
        ),
        _model(
            "dreamina-seedance-2-0-260128",
            lengths=range(4, 16),
            resolutions=HIGH,
            sound=True,
            roles=(*FRAMES, *_references(9)),
        ),
        *(
            _model(name, lengths=range(4, 16), resolutions=LOW, sound=True, roles=(*FRAMES, *_references(9)))
            for name in ("dreamina-seedance-2-0-fast-260128", "dreamina-seedance-2-0-mini-260615")
        ),
        _model("seedance-1-5-pro-251215", lengths=range(4, 13), resolutions=HIGH, sound=True),
        _model("seedance-1-0-pro-250528", lengths=range(2, 13), resolutions=HIGH),
        _model("seedance-1-0-pro-fast-251015", lengths=range(2, 13), resolutions=HIGH, roles=("first_frame",)),
        _model("seedance-1-0-lite-t2v-250428", lengths=range(2, 13), resolutions=LOW, roles=()),
        _model("seedance-1-0-lite-i2v-250428", lengths=range(2, 13), resolutions=LOW, roles=(*FRAMES, *_references(4))),
    )
}


class Seedance:
    name = "seedance"
    models: Mapping[str, Model] = MODELS
    address = "https://ark.ap-southeast.bytepluses.com/api/v3"
    variable = "ARK_BASE_URL"
    origins: tuple[str, ...] = ()
    keys: tuple[tuple[str, ...], ...] = (("ARK_API_KEY",),)
    variables: tuple[str, ...] = ()
    pace = 5.0
    finds = Finds.BY_LIST

    def price(self, model: str, request: Fields) -> Price:
        return price_of(MODELS[model], request)

    def has_sound(self, model: str, settings: Fields) -> bool:
        return settings.get("generate_audio") is True

    def objections(self, model: str, wish: Wish) -> Iterable[Objection]:
        given = set(wish.references)
        if "last_frame" in given and "first_frame" not in given:
            yield Objection(
                key="references",
                message=f"{model!r} takes a `last_frame` only after a `first_frame`",
                remedy="add a `first_frame`",
            )
        if given & set(FRAMES) and given - set(FRAMES):
            yield Objection(
                key="references",
                message=f"{model!r} takes frames or references, not both",
                cause=f"given are {', '.join(wish.references)}",
                remedy="take away one kind",
            )
        if "-i2v-" in model and not given:
            yield Objection(
                key="references",
                message=f"{model!r} makes nothing from words alone",
                cause=f"it takes {', '.join(MODELS[model].roles)}",
                remedy="add a `first_frame`",
            )

    def headers(self, keys: Mapping[str, str], now: float) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {keys['ARK_API_KEY']}"}

    def fault(self, reply: Reply) -> ProviderError | None:
        if reply.ok:
            return None
        error = Body(reply.json.at("error"), reply.what)
        code, field = error.word("code"), error.word("param")
        cause = ": ".join(part for part in (code, field, error.word("message")) if part) or reply.text[:200]
        if _sensitive(code):
            return Moderated("BytePlus refused this for its content", cause=cause)
        if code == "AccountOverdueError":
            return OutOfFunds("the BytePlus account has no money left", cause=cause)
        if code.startswith(LIMITS) or reply.status == 429:
            return RateLimited.after(reply.wait, f"BytePlus takes no more right now ({code or 429})", cause=cause)
        if code.startswith("InvalidEndpoint") and code.endswith(".NotFound"):
            return PinGone("BytePlus does not offer this model", cause=cause)
        if reply.status in (408, 409) or reply.status >= 500 or not code:
            return ProviderUnavailable(f"BytePlus answered {reply.status}", cause=cause)
        if reply.status in (401, 403):
            return KeyRefused(f"BytePlus does not take the key ({reply.status})", cause=cause)
        return ProviderRefused(f"BytePlus refused the request ({reply.status})", cause=cause)

    def submit(self, request: Request, http: Http) -> Operation:
        model = MODELS[request.model]
        content = [{"type": "text", "text": request.prompt}, *_pictures(model, request)]
        body = {"model": model.name, "content": content, "watermark": False, **_asked(model, request)}
        return Operation(provider=self.name, id=http.pay(TASKS, body).json.text("id"), submitted="")

    def poll(self, operation: Operation, http: Http) -> Status:
        reply = http.get(f"{TASKS}/{operation.id}", allow=(404,))
        if reply.status == 404:
            return Status(state=State.GONE, word="404")
        task = reply.json
        word, used = task.text("status"), task.word("model")
        state = STATES.get(word, State.RUNNING)
        return Status(
            state=state,
            word=word,
            fault=_failure(task) if state is State.FAILED else None,
            pin=Pin(provider=self.name, model=used, version=used) if used else None,
        )

    def locate(self, operation: Operation, http: Http) -> Address:
        return Address(url=http.get(f"{TASKS}/{operation.id}").json.text("content", "video_url"))

    def cancel(self, operation: Operation, http: Http) -> bool:
        # DELETE takes back what is queued, but wipes out what is done, output and all: looked at first.
        seen = http.get(f"{TASKS}/{operation.id}", allow=(404,))
        if seen.json.word("status") != "queued":
            return False
        return http.send("DELETE", f"{TASKS}/{operation.id}", allow=(400, 404, 409)).ok

    def find(self, doubt: Doubt, http: Http) -> Operation | None:
        first, last = window(doubt)
        asked = _asked(MODELS[doubt.request.model], doubt.request)
        fitting = [
            row.text("id")
            for row in _listed(doubt.request.model, http)
            if first <= (row.number("created_at") or 0) <= last
            and row.word("id") not in doubt.known
            and row.word("model") == doubt.request.model
            and all(row.at(name) in (None, asked[name]) for name in SHOWN if name in asked)
        ]
        return Operation(provider=self.name, id=fitting[0], submitted="") if len(fitting) == 1 else None


def _asked(model: Model, request: Request) -> dict[str, Any]:
    """What is asked for besides words and pictures."""
    settings = plain(request.settings)
    settings.setdefault("ratio", ratio_of(request.format.size, model.ratios) or model.ratios[0])
    seed = {"seed": request.seed} if model.seeded else {}
    return {"duration": int(length_for(model, request.seconds)), **settings, **seed}


def _pictures(model: Model, request: Request) -> Iterator[dict[str, Any]]:
    for role in model.roles:
        path = request.file(role)
        if path is not None:
            part = role if role in FRAMES else "reference_image"
            yield {"type": "image_url", "image_url": {"url": data_uri(path)}, "role": part}


def _listed(model: str, http: Http) -> Iterator[Body]:
    for page in range(1, PAGES + 1):
        query = {"page_num": str(page), "page_size": str(PAGE), "filter.model": model}
        rows = list(http.get(TASKS, query).json.rows("items"))
        yield from rows
        if len(rows) < PAGE:
            return


def _sensitive(code: str) -> bool:
    """Such as `InputTextSensitiveContentDetected`, `OutputVideoSensitiveContentDetected`, `InputImageRiskDetection`."""
    return "SensitiveContent" in code or "RiskDetection" in code


def _failure(task: Body) -> ProviderError:
    code, said = task.word("error", "code"), task.word("error", "message") or "it says no more"
    cause = f"{code}: {said}" if code else said
    if _sensitive(code):
        return Moderated("BytePlus refused this for its content", cause=cause)
    if code.startswith(("InvalidParameter", "MissingParameter")):
        return ProviderRefused("Seedance cannot use what was given", cause=cause)
    if task.word("status") == "expired":
        return VendorFault("Seedance did not come to it in time", cause=cause)
    return VendorFault("Seedance failed to make it", cause=cause)
