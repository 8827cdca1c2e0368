"""Provider `kling`: Kling's API of the 3.0 family, with a key and the model in the path. Source: its documentation, 2026-10.

There is no SDK. It takes an id of ours, unique in the account, so that a submit whose answer was lost is found by it. It has
no seed, no progress and no way to cancel. The API before it, with signed tokens, is `kling-legacy`, which shares its errors.
"""

from collections.abc import Iterable, Mapping
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
from shotbuild.providers.common import by_status, encoded, length_for, plain, price_of, rates, ratio_of
from shotbuild.providers.interface import (
    Address,
    Doubt,
    Finds,
    Model,
    Objection,
    Rate,
    Request,
    State,
    Status,
    Strength,
    Tariff,
    Wish,
)
from shotbuild.records import Fields, Operation, Price
from shotbuild.spec.fields import Field, choice, truth

ADDRESS = "https://api-singapore.klingai.com"
SHAPES = ("16:9", "9:16", "1:1")
REFERENCES = ("reference", *(f"reference_{number}" for number in range(2, 8)))
MONTH = 24 * 30
STATES = {
    "submitted": State.QUEUED,
    "processing": State.RUNNING,
    "succeeded": State.DONE,
    "failed": State.FAILED,
}
CODES: Mapping[int, tuple[type[ProviderError], str]] = {
    **dict.fromkeys(range(1000, 1005), (KeyRefused, "Kling does not take the key")),
    **dict.fromkeys((1100, 1101, 1102), (OutOfFunds, "the Kling account has no units or money left")),
    1103: (KeyRefused, "the Kling account may not use this"),
    **dict.fromkeys((1200, 1201, 1202), (ProviderRefused, "Kling refused the request")),
    1203: (PinGone, "Kling does not offer this"),
    **dict.fromkeys((1300, 1301), (Moderated, "Kling's rules on content refuse this")),
    1304: (KeyRefused, "Kling does not take the key from this address of the network"),
    **dict.fromkeys((5000, 5001, 5002), (ProviderUnavailable, "Kling is not there")),
}
BUSY = (1302, 1303)
CENSURE = ("risk control", "sensitive", "policy", "violat", "safety", "moderation")
"""A task that failed has no code: only the words of its message tell refused content from Kling's own fault."""


# --- what both APIs share -----------------------------------------------------------------------------------------------


def no(reply: Reply) -> ProviderError | None:
    """The kind of no by `code`, never by the status: an empty account answers 429 just as a busy one does."""
    code = reply.json.number("code")
    if code is None:
        return _unread(reply)
    if code == 0 and reply.ok:
        return None
    cause = f"{int(code)}: {reply.json.word('message') or 'it says no more'}"
    if code in BUSY:
        return RateLimited.after(reply.wait, "Kling makes no more at once for this account", cause=cause)
    if code in CODES:
        kind, message = CODES[int(code)]
        return kind(message, cause=cause)
    # A code that nobody knows, with a status of success: perhaps there is a task all the same.
    return by_status(reply, "Kling said no", cause) or ProviderUnavailable("Kling answered oddly", cause=cause)


def _unread(reply: Reply) -> ProviderError:
    """An answer of something in between. A page that was not found says nothing of any model."""
    odd = ProviderUnavailable(f"Kling answered {reply.status} in words that cannot be read", cause=reply.text[:200])
    fault = by_status(reply, "Kling answered", reply.text[:200])
    return odd if fault is None or isinstance(fault, PinGone) else fault


def failure(said: str) -> ProviderError:
    """Why a task failed."""
    if any(word in said.lower() for word in CENSURE):
        return Moderated("Kling's rules on content refuse this", cause=said)
    return VendorFault("Kling failed to make it", cause=said or "it says no more")


def shape_objections(model: str, wish: Wish) -> Iterable[Objection]:
    """With a first frame the picture has that frame's shape, without one it is one of three."""
    ratio = wish.settings.get("ratio")
    if "first_frame" in wish.references:
        if ratio is not None:
            yield Objection(
                key="ratio",
                message=f"with a first frame, {model!r} makes the shape of that frame",
                remedy="leave `ratio` away, or give the frame that shape",
            )
    elif ratio is None and ratio_of(wish.format.size, SHAPES) is None:
        yield Objection(
            key="format",
            message=f"model {model!r} makes no picture of the shape {wish.format.size}",
            cause=f"without a first frame it makes {', '.join(SHAPES)}",
            remedy="name one under `settings: {ratio: …}`, or add a `first_frame` of that shape",
        )
    if "last_frame" in wish.references and "first_frame" not in wish.references:
        yield Objection(
            key="references",
            message=f"{model!r} takes a `last_frame` only after a `first_frame`",
            remedy="add a `first_frame`",
        )


def shape_field() -> Field:
    doc = "The shape of the picture; the shot's own where it is not written, that of the first frame where there is one."
    return choice(*SHAPES, default=None, doc=doc)


def tariff(lines: tuple[Rate, ...]) -> Tariff:
    return Tariff(rates=lines, source="Kling's price list, as public pages repeat it", date="2026-07-14")


# --- the 3.0 family -----------------------------------------------------------------------------------------------------


def _settings(*resolutions: str, plain: bool = False) -> dict[str, Field]:
    """plain: the model has no switch for sound or for cuts."""
    said = {"ratio": shape_field(), "resolution": choice(*resolutions, default="720p", doc="The picture's height.")}
    if not plain:
        said["audio"] = truth(default=False, doc="Whether it makes sound as well; that costs more.")
        said["multi_shot"] = truth(default=False, doc="Whether it may cut to other shots within the take.")
    return said


def _model(name: str, settings: dict[str, Field], *prices: tuple[Mapping[str, str], str], **known: Any) -> Model:
    base: dict[str, Any] = {
        "version": f"{name}, API of the 3.0 family",
        "strength": Strength.VERSION,
        "fields": settings,
        "roles": ("first_frame", "last_frame"),
        "seconds": 15,
        "shortest": Fraction(3),
        "prompt": 3072,
        "seeded": False,
        "kept": MONTH,
        "tariff": tariff(rates("second", *prices)),
    }
    return Model(name=name, **{**base, **known})


def _prices(low: str, low_loud: str, high: str, high_loud: str) -> tuple[tuple[Mapping[str, str], str], ...]:
    return (
        ({"resolution": "4k"}, "0.42"),
        ({"resolution": "720p", "audio": "false"}, low),
        ({"resolution": "720p", "audio": "true"}, low_loud),
        ({"resolution": "1080p", "audio": "false"}, high),
        ({"resolution": "1080p", "audio": "true"}, high_loud),
    )


MODELS = {
    model.name: model
    for model in (
        _model("kling-3.0", _settings("720p", "1080p", "4k"), *_prices("0.084", "0.126", "0.112", "0.168")),
        _model(
            "kling-3.0-turbo",
            _settings("720p", "1080p", plain=True),
            ({"resolution": "720p"}, "0.112"),
            ({"resolution": "1080p"}, "0.14"),
            roles=("first_frame",),
            prompt=2500,
            notes="Its takes have sound; it has no switch for that.",
        ),
        _model(
            "kling-3.0-omni",
            _settings("720p", "1080p", "4k"),
            *_prices("0.084", "0.112", "0.112", "0.14"),
            roles=("first_frame", "last_frame", *REFERENCES),
            notes="The prompt calls its references @image_1, @image_2, … in their order.",
        ),
    )
}


class Kling:
    name = "kling"
    models: Mapping[str, Model] = MODELS
    address = ADDRESS
    variable = "KLING_BASE_URL"
    origins: tuple[str, ...] = ()
    keys = (("KLING_API_KEY",),)
    variables: tuple[str, ...] = ()
    pace = 5.0
    finds = Finds.BY_ID

    def price(self, model: str, request: Fields) -> Price:
        return price_of(MODELS[model], request)

    def has_sound(self, model: str, settings: Fields) -> bool:
        return "audio" not in MODELS[model].fields or settings.get("audio") is True

    def objections(self, model: str, wish: Wish) -> Iterable[Objection]:
        return shape_objections(model, wish)

    def headers(self, keys: Mapping[str, str], now: float) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {keys['KLING_API_KEY']}"}

    def fault(self, reply: Reply) -> ProviderError | None:
        return no(reply)

    def submit(self, request: Request, http: Http) -> Operation:
        model = MODELS[request.model]
        contents = _contents(request)
        options = {"external_task_id": request.client, "watermark_info": {"enabled": False}}
        body: dict[str, Any] = {"settings": _wanted(request, model), "options": options}
        if model.name.endswith("-omni"):
            path = f"omni-video/{model.name}"
        else:
            path = f"{'image' if len(contents) > 1 else 'text'}-to-video/{model.name}"
        body |= {"prompt": request.prompt} if path.startswith("text") else {"contents": contents}
        return Operation(provider=self.name, id=http.pay(path, body).json.text("data", "id"), submitted="")

    def poll(self, operation: Operation, http: Http) -> Status:
        try:
            task = _task(operation, http)
        except PinGone:
            return Status(state=State.GONE, word="1203")
        word = task.text("status")
        state = STATES.get(word, State.RUNNING)
        fault = failure(task.word("message")) if state is State.FAILED else None
        return Status(state=state, word=word, fault=fault, charged=_charged(task))

    def locate(self, operation: Operation, http: Http) -> Address:
        videos = (output for output in _task(operation, http).rows("outputs") if output.word("type") == "video")
        return Address(url=next(videos, Body({}, self.name)).text("url"))

    def cancel(self, operation: Operation, http: Http) -> bool:
        return False

    def find(self, doubt: Doubt, http: Http) -> Operation | None:
        client = doubt.request.client
        try:
            answer = http.get("tasks", {"external_task_ids": client}).json
        except PinGone:
            return None
        ids = [row.text("id") for row in answer.rows("data") if row.word("external_id") == client]
        return Operation(provider=self.name, id=ids[0], submitted="") if len(ids) == 1 else None


def _contents(request: Request) -> list[dict[str, str]]:
    """The prompt and the pictures, in base64 without what a data URI has before it."""
    said = [{"type": "prompt", "text": request.prompt}]
    frames = ((role, request.file(role)) for role in ("first_frame", "last_frame"))
    said += [{"type": role, "url": encoded(path)} for role, path in frames if path is not None]
    given = [path for role in REFERENCES if (path := request.file(role)) is not None]
    said += [{"type": "refer_image", "url": encoded(path), "id": f"image_{n}"} for n, path in enumerate(given, 1)]
    return said


def _wanted(request: Request, model: Model) -> dict[str, Any]:
    settings = plain(request.settings)
    said: dict[str, Any] = {
        "resolution": settings["resolution"],
        "duration": int(length_for(model, request.seconds)),
    }
    if "audio" in settings:
        said["audio"] = "native" if settings["audio"] else "off"
        said["multi_shot"] = settings["multi_shot"]
    if request.file("first_frame") is None:
        said["aspect_ratio"] = settings.get("ratio") or ratio_of(request.format.size, SHAPES) or SHAPES[0]
    return said


def _task(operation: Operation, http: Http) -> Body:
    for row in http.get("tasks", {"task_ids": operation.id}).json.rows("data"):
        if row.word("id") == operation.id:
            return row
    # A list without it is no word that it is gone: that has a code of its own.
    raise ProviderUnavailable("Kling's list of tasks leaves this one out", cause=operation.id)


def _charged(task: Body) -> Price | None:
    """What was taken from the balance; units of a package are no money, and stay in the record."""
    rows = list(task.rows("billing"))
    currencies = {row.word("currency") for row in rows}
    if not rows or len(currencies) != 1 or any(row.word("charge_type") != "cash" for row in rows):
        return None
    try:
        amount = sum((Fraction(str(row.at("amount"))) for row in rows), Fraction(0))
    except (ValueError, ZeroDivisionError):
        return None
    return Price(amount=amount, currency=currencies.pop(), exact=True)
