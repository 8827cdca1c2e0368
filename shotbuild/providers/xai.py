"""Provider `xai`: Grok Imagine by xAI, API version 1. There is no SDK for it: the shapes are those that the `xai` package of
the public repository `vercel/ai` reads and writes (2026-08); lengths are from docs.x.ai, shapes from hosts of the model.

xAI keeps no list, takes nothing back and takes no seed and no last frame. Pictures go along as data URIs. Editing and
extending want a clip at a public address, so they are not offered. A poll answers 202 while it works, often with no body.

What it charged is in the answer, as `usage.cost_in_usd_ticks`; how much a tick is stands in no facts of ours, so it is
recorded and not counted. Nor is there a price list of xAI's own: prices are unknown.
"""

import re
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
from shotbuild.providers.common import data_uri, length_for, plain, price_of, ratio_of
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
from shotbuild.records import Fields, Operation, Pin, Price
from shotbuild.spec.fields import choice

RATIOS = ("16:9", "9:16", "1:1", "4:3", "3:4", "3:2", "2:3")
REFERENCES = ("reference", *(f"reference_{number}" for number in range(2, 8)))
STATES = {"pending": State.RUNNING, "done": State.DONE, "failed": State.FAILED, "expired": State.FAILED}
GONE = re.compile(r"model\b.*\b(not found|not exist|no longer|deprecated|retired)")


def _model(name: str, *resolutions: str) -> Model:
    return Model(
        name=name,
        version=f"{name}, API v1",
        fields={
            "ratio": choice(*RATIOS, default=None, doc="The shape of the picture; the shot's own where it is not written."),
            "resolution": choice(*resolutions, default="720p", doc="The height of the picture."),
        },
        roles=("first_frame", *REFERENCES),
        seconds=15,
        shortest=Fraction(1),
        ratios=RATIOS,
        strength=Strength.NAME,
        seeded=False,
        notes="Prices are unknown here. Takes carry sound, which cannot be turned off.",
    )


MODELS = {
    model.name: model
    for model in (
        _model("grok-imagine-video", "480p", "720p"),
        _model("grok-imagine-video-1.5", "480p", "720p", "1080p"),
    )
}


class Xai:
    name = "xai"
    models: Mapping[str, Model] = MODELS
    address = "https://api.x.ai/v1"
    variable = "XAI_BASE_URL"
    origins: tuple[str, ...] = ()
    keys = (("XAI_API_KEY",),)
    variables: tuple[str, ...] = ()
    pace = 5.0
    finds = Finds.NO

    def price(self, model: str, request: Fields) -> Price:
        return price_of(MODELS[model], request)

    def has_sound(self, model: str, settings: Fields) -> bool:
        """Hosts of the model say so of every take; one without would be heard as silence."""
        return True

    def objections(self, model: str, wish: Wish) -> Iterable[Objection]:
        references = [role for role in wish.references if role in REFERENCES]
        if references and "first_frame" in wish.references:
            yield Objection(
                key="references",
                message=f"{model!r} takes a `first_frame` or references, not both",
                cause=f"the shot has {', '.join(wish.references)}",
                remedy="leave one of them away",
            )
        if references and wish.settings.get("resolution") == "1080p":
            yield Objection(
                key="resolution",
                message=f"with references, {model!r} makes at most 720p",
                remedy="write `resolution: 720p`, or leave the references away",
            )

    def headers(self, keys: Mapping[str, str], now: float) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {keys['XAI_API_KEY']}"}

    def fault(self, reply: Reply) -> ProviderError | None:
        if reply.ok:
            return None
        told = _told(reply.json)
        said, cause = told.lower(), told or reply.text[:200] or None
        if reply.status in (408, 409) or reply.status >= 500:
            return ProviderUnavailable(f"xAI answered {reply.status}", cause=cause)
        if "all available credits" in said or "spending limit" in said or reply.status == 402:
            # It comes with 403 and with 429: only the words tell it from a wrong key and from too many calls.
            return OutOfFunds("the xAI account has no credits left", cause=cause)
        if reply.status == 429:
            return RateLimited.after(reply.wait, "xAI takes no more at the moment", cause=cause)
        if "moderation" in said or "content policy" in said:
            return Moderated("xAI's moderation refused this", cause=cause)
        if reply.status in (401, 403) or "incorrect api key" in said:
            return KeyRefused(f"xAI does not take the key ({reply.status})", cause=cause)
        if not isinstance(reply.json.value, dict):
            # Not xAI's own words: something in between may have answered, after xAI had taken it.
            return ProviderUnavailable(f"xAI answered {reply.status}, and it cannot be read", cause=cause)
        if GONE.search(said):
            return PinGone("xAI does not offer this model", cause=cause)
        return ProviderRefused(f"xAI refused the request ({reply.status})", cause=cause)

    def submit(self, request: Request, http: Http) -> Operation:
        model, settings = MODELS[request.model], plain(request.settings)
        body: dict[str, Any] = {
            "model": model.name,
            "prompt": request.prompt,
            "duration": int(length_for(model, request.seconds)),
            "aspect_ratio": settings.get("ratio") or ratio_of(request.format.size, model.ratios) or model.ratios[0],
            "resolution": settings["resolution"],
        }
        first = request.file("first_frame")
        if first is not None:
            body["image"] = {"url": data_uri(first)}
        references = [path for role in REFERENCES if (path := request.file(role)) is not None]
        if references:
            body["reference_images"] = [{"url": data_uri(path)} for path in references]
        reply = http.pay("videos/generations", body)
        return Operation(provider=self.name, id=reply.json.text("request_id"), submitted="")

    def poll(self, operation: Operation, http: Http) -> Status:
        reply = http.get(f"videos/{operation.id}", allow=(404,))
        if reply.status == 404:
            return Status(state=State.GONE, word="404")
        made = reply.json
        word = made.word("status") or _unsaid(reply)
        state = STATES.get(word, State.RUNNING)
        fault: ProviderError | None = None
        if state is State.DONE and made.at("video", "respect_moderation") is False:
            state, fault = State.FAILED, Moderated("xAI's moderation holds the take back", cause="respect_moderation: false")
        elif state is State.FAILED:
            fault = _failure(made, word)
        progress, model = made.number("progress"), MODELS.get(made.word("model"))
        return Status(
            state=state,
            word=word,
            progress=None if progress is None else int(progress),
            fault=fault,
            pin=None if model is None else Pin(provider=self.name, model=model.name, version=model.version),
        )

    def locate(self, operation: Operation, http: Http) -> Address:
        return Address(url=http.get(f"videos/{operation.id}").json.text("video", "url"))

    def cancel(self, operation: Operation, http: Http) -> bool:
        return False

    def find(self, doubt: Doubt, http: Http) -> Operation | None:
        return None


def _unsaid(reply: Reply) -> str:
    """The state of an answer that does not name it: the status of HTTP says whether it still works."""
    if reply.status == 202:
        return "pending"
    if reply.json.word("video", "url"):
        return "done"
    raise ProviderUnavailable("xAI answered a poll without a status", cause=reply.text[:200])


def _told(body: Body) -> str:
    """Errors come in two shapes: `{error: {code, message}}` and `{code, error}`."""
    code = body.word("error", "code") or body.word("code")
    return ": ".join(filter(None, (code, body.word("error", "message") or body.word("error"))))


def _failure(made: Body, word: str) -> ProviderError:
    told = _told(made) or f"it says only `{word}`"
    said = told.lower()
    if "moderat" in said or "content policy" in said:
        return Moderated("xAI's moderation refused this", cause=told)
    if "invalid" in said:
        return ProviderRefused("xAI cannot make this of what it was given", cause=told)
    return VendorFault("xAI failed to make it", cause=told)
