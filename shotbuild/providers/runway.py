"""Provider `runway`: Runway's API, version 2024-11-06. Source: its Python SDK 5.24 and its documentation, 2026-08.

Runway keeps no list of tasks that could be asked: a submit whose answer was lost stays unknown. A RUNNING task that is
cancelled is not refunded, and an input that its moderation refuses is billed.
"""

from collections.abc import Iterable, Mapping
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
    State,
    Status,
    Strength,
    Tariff,
    Wish,
)
from shotbuild.records import Fields, Operation, Price
from shotbuild.spec.fields import Field, choice, truth

VERSION = "2024-11-06"
CREDIT = Fraction(1, 100)
LANDSCAPE, SIX = ("1280:720", "720:1280"), ("1280:720", "720:1280", "1104:832", "960:960", "832:1104", "1584:672")
STATES = {
    "PENDING": State.QUEUED,
    "THROTTLED": State.QUEUED,
    "RUNNING": State.RUNNING,
    "SUCCEEDED": State.DONE,
    "FAILED": State.FAILED,
    "CANCELLED": State.CANCELLED,
}


def _ratio(*words: str) -> Field:
    return choice(*words, default=None, doc="The shape of the picture; the shot's own where it is not written.")


def _priced(*lines: tuple[Mapping[str, str], str]) -> Tariff:
    """lines: settings and credits a second; a credit is 0.01 USD."""
    dollars = [(when, str(Fraction(credits) * CREDIT)) for when, credits in lines]
    return Tariff(rates=rates("second", *dollars), source="docs.dev.runwayml.com, pricing", date="2026-08-08")


def _model(name: str, **known: Any) -> Model:
    base: dict[str, Any] = {
        "version": f"{name}, API {VERSION}",
        "roles": ("first_frame",),
        "strength": Strength.NAME,
        "prompt": 1000,
        "kept": 24,
    }
    return Model(name=name, **{**base, **known})


MODELS = {
    model.name: model
    for model in (
        _model(
            "gen4.5",
            fields={"ratio": _ratio(*SIX)},
            seconds=10,
            shortest=Fraction(2),
            lengths=tuple(Fraction(seconds) for seconds in range(2, 11)),
            ratios=SIX,
            tariff=_priced(({}, "12")),
            notes="Without a first frame it makes 1280:720 and 720:1280 alone.",
        ),
        _model(
            "gen4_turbo",
            fields={"ratio": _ratio(*SIX)},
            seconds=10,
            shortest=Fraction(2),
            lengths=tuple(Fraction(seconds) for seconds in range(2, 11)),
            ratios=SIX,
            needs=("first_frame",),
            tariff=_priced(({}, "5")),
        ),
        *(
            _model(
                name,
                fields={
                    "ratio": _ratio("1280:720", "720:1280", "1920:1080", "1080:1920"),
                    "audio": truth(default=False, doc="Whether it makes sound as well; that costs more."),
                },
                roles=("first_frame", "last_frame"),
                seconds=8,
                lengths=(Fraction(4), Fraction(6), Fraction(8)),
                ratios=("1280:720", "720:1280", "1920:1080", "1080:1920"),
                strength=Strength.VERSION,
                tariff=_priced(({"audio": "false"}, silent), ({"audio": "true"}, loud)),
            )
            for name, silent, loud in (("veo3.1", "20", "40"), ("veo3.1_fast", "10", "15"))
        ),
    )
}


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
        if model == "gen4.5" and "first_frame" not in wish.references:
            ratio = wish.settings.get("ratio") or ratio_of(wish.format.size, SIX)
            if ratio is not None and ratio not in LANDSCAPE:
                yield Objection(
                    key="ratio" if wish.settings.get("ratio") else "format",
                    message=f"without a first frame, {model!r} makes no {ratio}",
                    cause=f"from words alone it makes {', '.join(LANDSCAPE)}",
                    remedy="add a `first_frame`, or take another shape",
                )
        if "last_frame" in wish.references and "first_frame" not in wish.references:
            yield Objection(
                key="references",
                message=f"{model!r} takes a `last_frame` only after a `first_frame`",
                remedy="add a `first_frame`",
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
        model = MODELS[request.model]
        settings = plain(request.settings)
        settings.setdefault("ratio", ratio_of(request.format.size, model.ratios) or model.ratios[0])
        frames = [
            {"uri": _uploaded(role, request, http), "position": role.partition("_")[0]}
            for role in ("first_frame", "last_frame")
            if request.file(role) is not None
        ]
        body: dict[str, Any] = {
            "model": model.name,
            "promptText": request.prompt,
            "duration": int(length_for(model, request.seconds)),
            "seed": request.seed,
            **settings,
        }
        if frames:
            body["promptImage"] = frames
        reply = http.pay("v1/image_to_video" if frames else "v1/text_to_video", body)
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
        return http.send("DELETE", f"v1/tasks/{operation.id}", allow=(404,)).ok

    def find(self, doubt: Doubt, http: Http) -> Operation | None:
        return None


def _uploaded(role: str, request: Request, http: Http) -> str:
    """Sends a picture up; gives the address that holds for a day and stands in no key."""
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
