"""Provider `luma`: Luma's agents API, version 2026-04-01. Source: its Python SDK `luma-agents` 0.5.0 and its price list.

Luma keeps no list of generations that could be asked, takes nothing back and takes no seed. A picture is sent up under its
sha256 and found again by it: Luma looks at a file before it may be used, and a submit that comes back later goes on there.

The SDK says that 10 s and HDR go with keyframes, and not with start and end frames. What bodies refusals have, nobody says:
`detail` is read, as text or as a list of places and messages, and a `failure_code` wherever it stands.
"""

from collections.abc import Iterable, Mapping
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
from shotbuild.host.wire import Body, Http, Reply
from shotbuild.providers.common import kind_of, length_for, plain, price_of, rates, ratio_of
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

VERSION = "2026-04-01"
GRID = 24
"""Places of keyframes are counted in frames of this many a second, whatever the take has."""
RATIOS = ("16:9", "9:16", "1:1", "4:3", "3:4", "3:2", "2:3", "21:9", "2:1", "1:2", "3:1", "1:3")
HEIGHTS = ("360p", "540p", "720p", "1080p")
STATES = {"queued": State.QUEUED, "processing": State.RUNNING, "completed": State.DONE, "failed": State.FAILED}
PLACES = {"first_frame": "start_frame", "last_frame": "end_frame"}
BAD_INPUT = ("image_too_large", "unsupported_format", "corrupt_input", "invalid_request")
SDR = (("540p", "5", "0.15"), ("720p", "5", "0.30"), ("1080p", "5", "1.20"),
       ("540p", "10", "0.45"), ("720p", "10", "0.90"), ("1080p", "10", "3.60"))  # fmt: skip
HDR = (("720p", "5", "0.60"), ("1080p", "5", "2.40"))


def _priced() -> Tariff:
    lines = [
        ({"resolution": size, "duration": seconds, "hdr": hdr}, amount)
        for hdr, table in (("false", SDR), ("true", HDR))
        for size, seconds, amount in table
    ]
    return Tariff(rates=rates("take", *lines), source="docs.agents.lumalabs.ai, pricing", date="2026-11-22")


MODELS = {
    "ray-3.2": Model(
        name="ray-3.2",
        version=f"ray-3.2, API {VERSION}",
        fields={
            "ratio": choice(*RATIOS, default=None, doc="The shape of the picture; the shot's own where it is not written."),
            "resolution": choice(*HEIGHTS, default="720p", doc="The height of the picture; 360p is a draft."),
            "loop": truth(default=False, doc="Whether the end goes over into the beginning."),
            "hdr": truth(default=False, doc="Whether the picture is HDR; the account must be allowed to."),
        },
        roles=("first_frame", "last_frame"),
        seconds=10,
        lengths=(Fraction(5), Fraction(10)),
        ratios=RATIOS,
        prompt=6000,
        strength=Strength.NAME,
        seeded=False,
        tariff=_priced(),
        notes="Which of the shapes it makes, the service decides. 360p, and HDR of 540p or 10 s, stand in no price list.",
    )
}


class Luma:
    name = "luma"
    models: Mapping[str, Model] = MODELS
    address = "https://agents.lumalabs.ai/v1"
    variable = "LUMA_BASE_URL"
    origins: tuple[str, ...] = ()
    keys = (("LUMA_AGENTS_API_KEY",),)
    variables: tuple[str, ...] = ()
    pace = 5.0
    finds = Finds.NO

    def price(self, model: str, request: Fields) -> Price:
        return price_of(MODELS[model], request)

    def has_sound(self, model: str, settings: Fields) -> bool:
        return False

    def objections(self, model: str, wish: Wish) -> Iterable[Objection]:
        loop, hdr = wish.settings.get("loop") is True, wish.settings.get("hdr") is True
        if loop and (hdr or wish.seconds > 5):
            yield Objection(
                key="loop",
                message=f"{model!r} makes no loop {'in HDR' if hdr else 'of more than 5 s'}",
                remedy="leave `loop` away" if hdr else "write at most `5s`, or leave `loop` away",
            )
        if hdr and wish.settings.get("resolution") == "360p":
            yield Objection(
                key="hdr",
                message=f"{model!r} makes no HDR of 360p",
                cause="360p is the draft, without HDR",
                remedy="take a higher `resolution`, or leave `hdr` away",
            )

    def headers(self, keys: Mapping[str, str], now: float) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {keys['LUMA_AGENTS_API_KEY']}"}

    def fault(self, reply: Reply) -> ProviderError | None:
        if reply.ok:
            return None
        said, cause = _code(reply.json), _told(reply.json) or reply.text[:200] or None
        if reply.status in (408, 409) or reply.status >= 500:
            return ProviderUnavailable(f"Luma answered {reply.status}", cause=cause)
        if said == "content_moderated":
            return Moderated("Luma's moderation refused this", cause=cause)
        if said == "budget_exhausted" or reply.status == 402:
            return OutOfFunds("the Luma account has nothing left to spend", cause=cause)
        if said == "rate_limited" or reply.status == 429:
            return RateLimited.after(reply.wait, "Luma takes no more at the moment", cause=cause)
        readable = isinstance(reply.json.value, dict)
        if reply.status == 401 or (reply.status == 403 and readable):
            return KeyRefused(f"Luma does not take the key ({reply.status})", cause=cause)
        if not readable:
            # Not Luma's own words: the store of uploads, or something in between after Luma had taken the request.
            return ProviderUnavailable(f"Luma answered {reply.status}, and it cannot be read", cause=cause)
        if "model" in _places(reply.json):
            return PinGone("Luma does not offer this model", cause=cause)
        return ProviderRefused(f"Luma refused the request ({reply.status})", cause=cause)

    def submit(self, request: Request, http: Http) -> Operation:
        model = MODELS[request.model]
        settings, seconds = plain(request.settings), int(length_for(model, request.seconds))
        video: dict[str, Any] = {
            "duration": f"{seconds}s",
            "resolution": settings["resolution"],
            "hdr": settings["hdr"],
            "exr_export": False,
        }
        files = _sent_up(request, http)
        if seconds == 5 and settings["hdr"] is False:
            video |= {"loop": settings["loop"], **{PLACES[role]: {"file_id": name} for role, name in files.items()}}
        elif files:
            ends = {"first_frame": 0, "last_frame": seconds * GRID}
            video["keyframes"] = [{"file_id": name} for name in files.values()]
            video["keyframe_indexes"] = [ends[role] for role in files]
        ratio = settings.get("ratio") or ratio_of(request.format.size, model.ratios) or model.ratios[0]
        body = {"type": "video", "model": model.name, "prompt": request.prompt, "aspect_ratio": ratio, "video": video}
        reply = http.pay("generations", body)
        return Operation(provider=self.name, id=reply.json.text("id"), submitted="")

    def poll(self, operation: Operation, http: Http) -> Status:
        reply = http.get(f"generations/{operation.id}", allow=(404,))
        if reply.status == 404:
            return Status(state=State.GONE, word="404")
        word = reply.json.text("state")
        state = STATES.get(word, State.RUNNING)
        return Status(
            state=state,
            word=word,
            fault=_failure(reply.json) if state is State.FAILED else None,
            pin=_pin(reply),
        )

    def locate(self, operation: Operation, http: Http) -> Address:
        """Each answer signs a new address, which holds for an hour."""
        rows = list(http.get(f"generations/{operation.id}").json.rows("output"))
        clips = [row for row in rows if row.word("type") == "video"]
        return Address(url=(clips or rows or [Body(None, "luma")])[0].text("url"))

    def cancel(self, operation: Operation, http: Http) -> bool:
        return False

    def find(self, doubt: Doubt, http: Http) -> Operation | None:
        return None


# --- pictures -----------------------------------------------------------------------------------------------------------


def _sent_up(request: Request, http: Http) -> dict[str, str]:
    """Role → id of a file that Luma has looked at. Errors: ProviderUnavailable while it still looks at one."""
    given = {role: path for role in PLACES if (path := request.file(role)) is not None}
    if not given:
        return {}
    # The newest hundred that may be used. What is not among them is sent up once more: that costs nothing, and a file
    # whose bytes never arrived stays pending for ever.
    listed = list(http.get("files", {"state": "ready", "limit": "100"}).json.rows("data"))
    files = {role: _known(path, listed) or _uploaded(path, http) for role, path in given.items()}
    return {role: _ready(file, http) for role, file in files.items()}


def _known(path: Path, listed: list[Body]) -> Body | None:
    return next((row for row in listed if row.word("filename") == _name(path) and row.word("state") == "ready"), None)


def _name(path: Path) -> str:
    """A file of the store is named by its sha256: it says what is inside, and nothing of this machine."""
    return f"{path.name}.{kind_of(path)[1]}"


def _uploaded(path: Path, http: Http) -> Body:
    about = {
        "mime_type": kind_of(path)[0],
        "size_bytes": path.stat().st_size,
        "filename": _name(path),
        "purpose": "input",
    }
    made = http.send("POST", "files", body=about).json
    headers = made.at("upload", "headers")
    signed = {str(name): str(value) for name, value in headers.items()} if isinstance(headers, dict) else {}
    http.send("PUT", made.text("upload", "url"), headers=signed, raw=path, bare=True)
    return http.send("POST", f"files/{made.text('id')}/complete").json


def _ready(file: Body, http: Http) -> str:
    name = file.text("id")
    if file.word("state") == "pending":
        file = http.get(f"files/{name}").json
    why = file.word("failure_reason") or "it says no more"
    match file.text("state"):
        case "ready":
            return name
        case "failed" | "deleted" if "moderat" in why.lower():
            raise Moderated("Luma's moderation refused a reference", cause=why)
        case "failed" | "deleted":
            raise ProviderRefused("Luma cannot use a reference", cause=why)
    raise ProviderUnavailable("Luma still looks at a reference", cause="it may be used when it is `ready`")


# --- what it says -------------------------------------------------------------------------------------------------------


def _failure(generation: Body) -> ProviderError:
    code = generation.word("failure_code")
    cause = ": ".join(filter(None, (code, generation.word("failure_reason")))) or "it says no more"
    if code == "content_moderated":
        return Moderated("Luma's moderation refused this", cause=cause)
    if code == "budget_exhausted":
        return OutOfFunds("the Luma account has nothing left to spend", cause=cause)
    if code in BAD_INPUT:
        return ProviderRefused("Luma cannot make this of what it was given", cause=cause)
    return VendorFault("Luma failed to make it", cause=cause)


def _code(body: Body) -> str:
    """The word for machines, wherever an error has it."""
    return (
        body.word("failure_code") or body.word("code") or body.word("detail", "failure_code") or body.word("detail", "code")
    )


def _told(body: Body) -> str:
    issues = "; ".join(f"{'.'.join(map(str, row.at('loc') or []))}: {row.word('msg')}" for row in body.rows("detail"))
    return issues or body.word("detail") or body.word("failure_reason") or body.word("detail", "message")


def _places(body: Body) -> set[object]:
    """Names of fields that an error is about."""
    return {part for row in body.rows("detail") for part in (row.at("loc") or [])}


def _pin(reply: Reply) -> Pin | None:
    """Each answer says with which version of the API it was made."""
    model, version = reply.json.word("model"), reply.headers.get("x-api-version", "")
    return Pin(provider="luma", model=model, version=f"{model}, API {version}") if model and version else None
