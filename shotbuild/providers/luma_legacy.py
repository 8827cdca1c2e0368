"""Provider `luma-legacy`: Luma's Dream Machine API, version 1, which Luma itself calls legacy. Source: its Python SDK
`lumaai` 1.21.0 and its OpenAPI document.

Pictures go in by public address alone: the SDK has no call to send a file up, and nothing says that it takes data URIs.
So there are no roles here. Errors are `{detail: text}` with statuses that nobody lists: the text is read.
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
from shotbuild.providers.common import length_for, moment, plain, price_of, rates, ratio_of, window
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
from shotbuild.spec.fields import choice, truth

RATIOS = ("16:9", "9:16", "1:1", "4:3", "3:4", "21:9", "9:21")
STATES = {"queued": State.QUEUED, "dreaming": State.RUNNING, "completed": State.DONE, "failed": State.FAILED}
GONE = re.compile(
    r"(unknown|invalid|unsupported|deprecated|retired) model|model\b.*\b(not found|not exist|no longer|deprecated|retired)"
)
PAGE, PAGES = 100, 20


def _model(name: str, hd: str, full: str) -> Model:
    """hd, full: USD a second at 720p and at 1080p."""
    lines = rates("second", ({"resolution": "720p"}, hd), ({"resolution": "1080p"}, full))
    return Model(
        name=name,
        version=f"{name}, Dream Machine API v1",
        fields={
            "ratio": choice(*RATIOS, default=None, doc="The shape of the picture; the shot's own where it is not written."),
            "resolution": choice("540p", "720p", "1080p", "4k", default="720p", doc="The height of the picture."),
            "loop": truth(default=False, doc="Whether the end goes over into the beginning."),
        },
        roles=(),
        seconds=9,
        lengths=(Fraction(5), Fraction(9)),
        ratios=RATIOS,
        strength=Strength.NAME,
        seeded=False,
        tariff=Tariff(rates=lines, source="second hand, not Luma's own list", date="2026-11-22"),
        notes="It takes pictures by public address alone, so it takes none from here; prices of 540p and 4k are unknown.",
    )


MODELS = {model.name: model for model in (_model("ray-2", "0.048", "0.096"), _model("ray-flash-2", "0.015", "0.03"))}


class LumaLegacy:
    name = "luma-legacy"
    models: Mapping[str, Model] = MODELS
    address = "https://api.lumalabs.ai/dream-machine/v1"
    variable = "LUMAAI_BASE_URL"
    origins: tuple[str, ...] = ()
    keys = (("LUMAAI_API_KEY",),)
    variables: tuple[str, ...] = ()
    pace = 5.0
    finds = Finds.BY_LIST

    def price(self, model: str, request: Fields) -> Price:
        return price_of(MODELS[model], request)

    def has_sound(self, model: str, settings: Fields) -> bool:
        """Sound is a second, paid call at Luma; it is not made."""
        return False

    def objections(self, model: str, wish: Wish) -> Iterable[Objection]:
        return ()

    def headers(self, keys: Mapping[str, str], now: float) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {keys['LUMAAI_API_KEY']}"}

    def fault(self, reply: Reply) -> ProviderError | None:
        if reply.ok:
            return None
        detail = reply.json.word("detail")
        said, cause = detail.lower(), detail or reply.text[:200] or None
        if reply.status in (408, 409) or reply.status >= 500:
            return ProviderUnavailable(f"Luma answered {reply.status}", cause=cause)
        if "insufficient credits" in said or reply.status == 402:
            return OutOfFunds("the Luma account has no credits left", cause=cause)
        if reply.status == 429:
            return RateLimited.after(reply.wait, "Luma takes no more at the moment", cause=cause)
        if reply.status in (401, 403):
            return KeyRefused(f"Luma does not take the key ({reply.status})", cause=cause)
        if not isinstance(reply.json.value, dict):
            # Not Luma's own words: something in between may have answered, after Luma had taken it.
            return ProviderUnavailable(f"Luma answered {reply.status}, and it cannot be read", cause=cause)
        if "moderat" in said:
            return Moderated("Luma's moderation refused this", cause=cause)
        if GONE.search(said):
            return PinGone("Luma does not offer this model", cause=cause)
        return ProviderRefused(f"Luma refused the request ({reply.status})", cause=cause)

    def submit(self, request: Request, http: Http) -> Operation:
        reply = http.pay("generations/video", _body(request))
        return Operation(provider=self.name, id=reply.json.text("id"), submitted="")

    def poll(self, operation: Operation, http: Http) -> Status:
        reply = http.get(f"generations/{operation.id}", allow=(404,))
        if reply.status == 404:
            return Status(state=State.GONE, word="404")
        made = reply.json
        word, model = made.text("state"), MODELS.get(made.word("model"))
        state = STATES.get(word, State.RUNNING)
        return Status(
            state=state,
            word=word,
            fault=_failure(made) if state is State.FAILED else None,
            pin=None if model is None else Pin(provider=self.name, model=model.name, version=model.version),
        )

    def locate(self, operation: Operation, http: Http) -> Address:
        return Address(url=http.get(f"generations/{operation.id}").json.text("assets", "video"))

    def cancel(self, operation: Operation, http: Http) -> bool:
        """DELETE only takes it out of the list: what runs is paid for, and the list is where it would be found again."""
        return False

    def find(self, doubt: Doubt, http: Http) -> Operation | None:
        times, sent = window(doubt), _body(doubt.request)
        found: list[str] = []
        offset = 0
        for _ in range(PAGES):
            page = http.get("generations", {"limit": str(PAGE), "offset": str(offset)}).json
            rows = list(page.rows("generations"))
            found += [row.word("id") for row in rows if _fits(row, sent, times)]
            offset += len(rows)
            if not rows or page.at("has_more") is not True:
                break
        left = {name for name in found if name and name not in doubt.known}
        return Operation(provider=self.name, id=left.pop(), submitted="") if len(left) == 1 else None


def _body(request: Request) -> dict[str, Any]:
    model, settings = MODELS[request.model], plain(request.settings)
    return {
        "generation_type": "video",
        "model": model.name,
        "prompt": request.prompt,
        "aspect_ratio": settings.get("ratio") or ratio_of(request.format.size, model.ratios) or model.ratios[0],
        "duration": f"{length_for(model, request.seconds)}s",
        "resolution": settings["resolution"],
        "loop": settings["loop"],
    }


def _fits(row: Body, sent: Mapping[str, Any], times: tuple[float, float]) -> bool:
    """Whether a generation of the list may be what was sent: the model, the time, the prompt, and whatever else it shows of
    the request."""
    made = moment(row.word("created_at"))
    if made is None or not times[0] <= made <= times[1]:
        return False
    if (row.word("model") or row.word("request", "model")) != sent["model"]:
        return False
    shown = all(row.at("request", name) in (None, value) for name, value in sent.items())
    return shown and row.word("request", "prompt") == sent["prompt"]


def _failure(made: Body) -> ProviderError:
    why = made.word("failure_reason") or "it says no more"
    if "moderat" in why.lower():
        return Moderated("Luma's moderation refused this", cause=why)
    return VendorFault("Luma failed to make it", cause=why)
