"""Provider `fal`: the queue of fal.ai, which hosts the models of many. Sources: fal-client 1.0.3 and the input types of
@fal-ai/client 1.10.1, both read (the types write every choice as text: which are numbers is from fal's own examples); fal's
documentation, 2026-11.

A request is queued by one call and then lives at addresses that fal hands out; they hold two segments of the endpoint's name
and not all of it, so they are followed and never built. There is no list: a submit whose answer was lost stays unknown.
A runner that fails is tried again by fal within the same request, and 5xx is not billed. So `X-Fal-No-Retry` is not sent: it
would only turn each such failure into an attempt of ours.
"""

from collections.abc import Callable, Iterable, Mapping
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
from shotbuild.host.wire import Http, Reply
from shotbuild.providers.common import data_uri, file_name, kind_of, length_for, plain, price_of, rates, ratio_of
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
from shotbuild.spec.fields import Field, choice, factor, integer, text, truth

REST = "https://rest.fal.ai"
INLINE = 4 << 20
"""Pictures up to here travel in the request. What is uploaded can be read by anybody who learns its address."""
WHOLE = 100 << 20
"""Files above go up in parts."""
KEPT = '{"expiration_duration_seconds": 86400}'
STATES = {"IN_QUEUE": State.QUEUED, "IN_PROGRESS": State.RUNNING, "COMPLETED": State.DONE}
NAMES = {"ratio": "aspect_ratio", "audio": "generate_audio", "enhancer": "model"}
"""Our settings that fal calls otherwise."""
LINKS = {"status_url": "/status", "response_url": "", "cancel_url": "/cancel"}
ANSWERS = (400, 404, 413, 415, 422, 500, 502, 503, 504)
"""Statuses with which a result may say that its model failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """How an endpoint wants to be asked. inputs: role → input; seconds: how a length is written, None = it takes none;
    fixed: what is always sent; numbers: settings that are numbers there, and words here."""

    inputs: Mapping[str, str] = field(default_factory=dict)
    seconds: Callable[[int], str | int] | None = str
    fixed: Mapping[str, Any] = field(default_factory=dict)
    numbers: tuple[str, ...] = ()


def _audio() -> Field:
    return truth(default=False, doc="Whether it makes sound as well; that costs more.")


def _avoid(default: str | None = None) -> Field:
    return text(default=default, doc="What should not be seen.")


def _share(doc: str, default: str | None = None) -> Field:
    return factor(0, 1, default=default, doc=doc)


def _ratio(words: tuple[str, ...]) -> Field:
    return choice(*words, default=None, doc="The shape of the picture; the shot's own where it is not written.")


def _resolution(*words: str, default: str) -> Field:
    return choice(*words, default=default, doc="How large the picture is.")


def _priced(*lines: tuple[Mapping[str, str], str]) -> Tariff:
    return Tariff(rates=rates("second", *lines), source="fal.ai, model pages", date="2026-11-22")


MODELS: dict[str, Model] = {}
WIRES: dict[str, Wire] = {}


def _add(*names: str, wire: Wire, **known: Any) -> None:
    lengths = tuple(Fraction(seconds) for seconds in known.pop("lengths", ()))
    ratios = known.get("ratios", ())
    settings = {**({"ratio": _ratio(ratios)} if ratios else {}), **known.pop("fields", {})}
    base: dict[str, Any] = {
        "roles": tuple(wire.inputs),
        "needs": tuple(role for role in wire.inputs if role in ("first_frame", "video")),
        "seconds": int(max(lengths, default=Fraction(3600))),
        "strength": Strength.NAME,
        "seeded": False,
    }
    for name in names:
        # The code behind an endpoint may change, and there is no hash: its name is all that can be pinned.
        MODELS[name] = Model(name=name, version=name, fields=settings, lengths=lengths, **{**base, **known})
        WIRES[name] = wire


for _grade, _silent, _loud in (("pro", "0.112", "0.196"), ("standard", "0.084", "0.154")):
    _add(
        f"fal-ai/kling-video/v3/{_grade}/image-to-video",
        wire=Wire(inputs={"first_frame": "start_image_url", "last_frame": "end_image_url"}, numbers=("cfg_scale",)),
        fields={
            "audio": _audio(),
            "negative_prompt": _avoid("blur, distort, and low quality"),
            "cfg_scale": _share("How closely the prompt is followed.", "1/2"),
        },
        lengths=range(3, 16),
        tariff=_priced(({"audio": "false"}, _silent), ({"audio": "true"}, _loud)),
    )
_add(
    "fal-ai/kling-video/v2.5-turbo/pro/image-to-video",
    wire=Wire(inputs={"first_frame": "image_url", "last_frame": "tail_image_url"}, numbers=("cfg_scale",)),
    fields={
        "negative_prompt": _avoid("blur, distort, and low quality"),
        "cfg_scale": _share("How closely the prompt is followed.", "1/2"),
    },
    lengths=(5, 10),
    tariff=_priced(({}, "0.07")),
)
for _name, _tariff in (
    ("fal-ai/veo3.1/image-to-video", _priced(({"audio": "false"}, "0.20"), ({"audio": "true"}, "0.40"))),
    ("fal-ai/veo3.1/fast/image-to-video", None),
):
    _add(
        _name,
        wire=Wire(inputs={"first_frame": "image_url"}, seconds="{}s".format, fixed={"auto_fix": False}),
        fields={
            "resolution": _resolution("720p", "1080p", default="720p"),
            "audio": _audio(),
            "negative_prompt": _avoid(),
            "safety_tolerance": choice("1", "2", "3", "4", "5", "6", default="4", doc="6 lets most through."),
        },
        lengths=(4, 6, 8),
        ratios=("16:9", "9:16"),
        seeded=True,
        rewriting=Rewriting.OFF,
        tariff=_tariff,
    )
for _name in ("ray-2", "ray-2-flash"):
    for _path, _inputs in (("", {}), ("/image-to-video", {"first_frame": "image_url", "last_frame": "end_image_url"})):
        _add(
            f"fal-ai/luma-dream-machine/{_name}{_path}",
            wire=Wire(inputs=_inputs, seconds="{}s".format),
            fields={
                "resolution": _resolution("540p", "720p", "1080p", default="540p"),
                "loop": truth(default=False, doc="Whether the end runs into the beginning."),
            },
            lengths=(5, 9),
            ratios=("16:9", "9:16", "4:3", "3:4", "21:9", "9:21"),
        )
_add(
    "fal-ai/pika/v2.2/image-to-video",
    wire=Wire(inputs={"first_frame": "image_url"}, seconds=int),
    fields={"resolution": _resolution("720p", "1080p", default="720p"), "negative_prompt": _avoid()},
    lengths=(5, 10),
    seeded=True,
)
_add(
    "fal-ai/pika/v2.2/text-to-video",
    wire=Wire(seconds=int),
    fields={"resolution": _resolution("720p", "1080p", default="720p"), "negative_prompt": _avoid("ugly, bad, terrible")},
    lengths=(5, 10),
    ratios=("16:9", "9:16", "1:1", "4:5", "5:4", "3:2", "2:3"),
    seeded=True,
)
for _path in ("", "/fast"):
    for _kind, _inputs in (("text", {}), ("image", {"first_frame": "image_url", "last_frame": "end_image_url"})):
        _add(
            f"fal-ai/ltx-2.3/{_kind}-to-video{_path}",
            wire=Wire(inputs=_inputs, seconds=int, numbers=("fps",)),
            fields={
                "resolution": _resolution("1080p", "1440p", "2160p", default="1080p"),
                "fps": choice("24", "25", "48", "50", default="25", doc="Frames per second that it makes."),
                "audio": _audio(),
            },
            lengths=(6, 8, 10),
            ratios=("16:9", "9:16"),
        )
_add(
    "wan/v2.6/image-to-video",
    "wan/v2.6/image-to-video/flash",
    wire=Wire(
        inputs={"first_frame": "image_url"},
        fixed={"enable_prompt_expansion": False, "multi_shots": False, "enable_safety_checker": True},
    ),
    fields={"resolution": _resolution("720p", "1080p", default="1080p"), "negative_prompt": _avoid()},
    lengths=(5, 10, 15),
    prompt=800,
    seeded=True,
    rewriting=Rewriting.OFF,
)
for _kind, _inputs in (("text", {}), ("image", {"first_frame": "image_url", "last_frame": "end_image_url"})):
    _add(
        f"fal-ai/bytedance/seedance/v1.5/pro/{_kind}-to-video",
        wire=Wire(inputs=_inputs, fixed={"enable_safety_checker": True}),
        fields={
            "resolution": _resolution("480p", "720p", "1080p", default="720p"),
            "audio": _audio(),
            "camera_fixed": truth(default=False, doc="Whether the camera stands still."),
        },
        lengths=range(4, 13),
        ratios=("21:9", "16:9", "4:3", "1:1", "3:4", "9:16"),
        seeded=True,
    )
for _grade, _seconds, _lengths in (("pro", None, (6,)), ("standard", str, (6, 10))):
    _add(
        f"fal-ai/minimax/hailuo-2.3/{_grade}/image-to-video",
        wire=Wire(inputs={"first_frame": "image_url"}, seconds=_seconds, fixed={"prompt_optimizer": False}),
        lengths=_lengths,
        rewriting=Rewriting.OFF,
    )
for _kind, _inputs in (("text", {}), ("image", {"first_frame": "image_url"})):
    _add(
        f"xai/grok-imagine-video/{_kind}-to-video",
        wire=Wire(inputs=_inputs, seconds=int),
        fields={"resolution": _resolution("480p", "720p", default="720p")},
        # The shortest and the longest are said nowhere: beyond these fal answers 422, and that is not billed as a take.
        seconds=15,
        shortest=Fraction(1),
        ratios=("16:9", "4:3", "3:2", "1:1", "2:3", "3:4", "9:16"),
    )
_add(
    "fal-ai/topaz/upscale/video",
    wire=Wire(
        inputs={"video": "video_url"},
        seconds=None,
        numbers=("upscale_factor", "compression", "noise", "halo", "grain", "recover_detail"),
    ),
    kind="upscale",
    fields={
        "enhancer": choice(
            *("Proteus", "Artemis HQ", "Artemis MQ", "Artemis LQ", "Nyx", "Nyx Fast", "Nyx XL", "Nyx HF"),
            *("Gaia HQ", "Gaia CG", "Starlight Precise 1", "Starlight Precise 2", "Starlight Precise 2.5"),
            *("Starlight HQ", "Starlight Mini", "Starlight Sharp", "Starlight Fast 1", "Starlight Fast 2"),
            default="Proteus",
            doc="Which enhancer works on it.",
        ),
        "upscale_factor": factor(1, 4, default="2", doc="How many times as wide and as high it gets."),
        "target_fps": integer(
            1, 120, default=None, doc="Frames per second to interpolate to; as they are where not written."
        ),
        "H264_output": truth(default=False, doc="H.264 in place of H.265."),
        "compression": _share("How much it takes away of compression; its own choice where not written."),
        "noise": _share("How much noise it takes away; its own choice where not written."),
        "halo": _share("How much of halos it takes away; its own choice where not written."),
        "grain": _share("How much grain it adds; its own choice where not written."),
        "recover_detail": _share("How much of the detail is kept; its own choice where not written."),
    },
)
_add(
    "fal-ai/seedvr/upscale/video",
    # The file has to be the one that the model's extension says; it comes as an address and not in the answer.
    wire=Wire(
        inputs={"video": "video_url"},
        seconds=None,
        fixed={"output_format": "X264 (.mp4)", "sync_mode": False},
        numbers=("upscale_factor", "noise_scale"),
    ),
    kind="upscale",
    fields={
        "upscale_mode": choice("target", "factor", default="factor", doc="Which of the next two holds."),
        "upscale_factor": factor(1, 10, default="2", doc="How many times as wide and as high it gets."),
        "target_resolution": _resolution("720p", "1080p", "1440p", "2160p", default="1080p"),
        "noise_scale": _share("How much it invents.", "1/10"),
        "output_quality": choice("low", "medium", "high", "maximum", default="high", doc="Of the file."),
        "output_write_mode": choice("fast", "balanced", "small", default="balanced", doc="Of the file."),
    },
    seeded=True,
)


class Fal:
    name = "fal"
    models: Mapping[str, Model] = MODELS
    address = "https://queue.fal.run"
    variable = "FAL_QUEUE_URL"
    origins: tuple[str, ...] = ("https://queue.fal.run", REST)
    keys = (("FAL_KEY",), ("FAL_KEY_ID", "FAL_KEY_SECRET"))
    variables: tuple[str, ...] = ("FAL_REST_URL",)
    pace = 5.0
    finds = Finds.NO

    def price(self, model: str, request: Fields) -> Price:
        return price_of(MODELS[model], request)

    def has_sound(self, model: str, settings: Fields) -> bool:
        # Wan's and Grok's takes are said to have sound, and nothing turns it off; one without is heard as silence.
        return settings.get("audio") is True or model.startswith(("wan/", "xai/"))

    def objections(self, model: str, wish: Wish) -> Iterable[Objection]:
        avoided = wish.settings.get("negative_prompt")
        if model.startswith("wan/") and isinstance(avoided, str) and len(avoided) > 500:
            yield Objection(
                key="negative_prompt",
                message=f"this is too long for {model!r}",
                cause=f"at most 500 characters, these are {len(avoided)}",
                remedy="shorten it",
            )

    def headers(self, keys: Mapping[str, str], now: float) -> Mapping[str, str]:
        key = keys.get("FAL_KEY") or f"{keys['FAL_KEY_ID']}:{keys['FAL_KEY_SECRET']}"
        return {"Authorization": f"Key {key}"}

    def fault(self, reply: Reply) -> ProviderError | None:
        if reply.ok:
            return None
        cause = _told(reply)
        if reply.status == 429:
            return RateLimited.after(reply.wait, "fal wants fewer requests (429)", cause=cause)
        if reply.status == 401:
            return KeyRefused("fal does not take the key (401)", cause=cause)
        # Anything else that is not in fal's own words may come from something in between.
        if not 400 <= reply.status < 500 or reply.status in (408, 409) or reply.json.at("detail") is None:
            return ProviderUnavailable(f"fal answered {reply.status}", cause=cause)
        if reply.status == 403 and "balance" in cause.lower():
            return OutOfFunds("the fal account has no balance left", cause=cause)
        if reply.status == 403:
            return KeyRefused("fal does not let the key do this (403)", cause=cause)
        if reply.status in (404, 410):
            return PinGone(f"fal does not offer this ({reply.status})", cause=cause)
        return _moderated(reply) or ProviderRefused(f"fal refused the request ({reply.status})", cause=cause)

    def submit(self, request: Request, http: Http) -> Operation:
        model = MODELS[request.model]
        answer = http.pay(model.name, _input(model, request, http)).json
        links = {name: answer.text(name) for name in ("status_url", "response_url", "cancel_url")}
        return Operation(provider=self.name, id=answer.text("request_id"), submitted="", links=fields(**links))

    def poll(self, operation: Operation, http: Http) -> Status:
        reply = http.get(_link(operation, "status_url"), allow=(404,))
        if reply.status == 404:
            return Status(state=State.GONE, word="404")
        word = reply.json.text("status")
        state = STATES.get(word, State.RUNNING)
        if state is not State.DONE:
            return Status(state=state, word=word)
        # COMPLETED means that it no longer runs. How it ended stands in the result.
        result = http.get(_link(operation, "response_url"), allow=ANSWERS)
        said = reply.json.word("error")
        if "cancel" in said.lower():
            return Status(state=State.CANCELLED, word=word)
        if result.status == 404 and not said:
            return Status(state=State.GONE, word="404")
        fault = _failure(said, reply.json.word("error_type"), result)
        # `X-Fal-Billable-Units` counts units whose price the answer does not say: what it took stays unsaid.
        return Status(state=State.FAILED if fault else State.DONE, word=word, fault=fault)

    def locate(self, operation: Operation, http: Http) -> Address:
        return Address(url=http.get(_link(operation, "response_url")).json.text("video", "url"))

    def cancel(self, operation: Operation, http: Http) -> bool:
        reply = http.send("PUT", _link(operation, "cancel_url"), allow=(400, 404))
        # CANCELLATION_REQUESTED is only a signal to what runs: it may be made, and billed, all the same.
        return reply.ok and reply.json.word("status") == "OK"

    def find(self, doubt: Doubt, http: Http) -> Operation | None:
        return None


def _link(operation: Operation, name: str) -> str:
    """Where an operation is asked about. fal's own links are followed; who adopts one names it by its address."""
    if operation.links.get(name) is not None:
        return operation.links.text(name)
    address, _, request = operation.id.partition("/requests/")
    if not request or "://" not in address:
        raise ProviderRefused(
            f"fal knows no request by `{operation.id[:80]}` alone",
            hint="adopt it by its whole address, such as https://queue.fal.run/fal-ai/veo3.1/requests/764cabcf",
        )
    return f"{address}/requests/{request.partition('/')[0]}{LINKS[name]}"


def _input(model: Model, request: Request, http: Http) -> dict[str, Any]:
    """What the model is asked, with its references sent up."""
    wire, body = WIRES[model.name], dict[str, Any]()
    if model.kind == "take":
        body["prompt"] = request.prompt
    for name, value in plain(request.settings).items():
        body[NAMES.get(name, name)] = _number(str(value)) if name in wire.numbers else value
    if model.ratios:
        body.setdefault("aspect_ratio", ratio_of(request.format.size, model.ratios) or model.ratios[0])
    if wire.seconds is not None:
        body["duration"] = wire.seconds(int(length_for(model, request.seconds)))
    if model.seeded:
        body["seed"] = request.seed
    for role, name in wire.inputs.items():
        path = request.file(role)
        if path is not None:
            body[name] = _handed(role, path, http)
    return {**body, **wire.fixed}


def _number(text: str) -> int | float:
    value = Fraction(text)
    return int(value) if value.denominator == 1 else float(value)


def _handed(role: str, path: Path, http: Http) -> str:
    """A file as fal takes it: a picture within the request, anything else by an address that holds for a day."""
    kind, _ = kind_of(path)
    size = path.stat().st_size
    if kind.startswith("image/") and size <= INLINE:
        return data_uri(path)
    if size > WHOLE:
        raise ProviderRefused(f"the {role} is too large for fal", cause=f"{size} bytes, at most {WHOLE} go up in one piece")
    token = http.send(
        "POST", f"{http.known.get('FAL_REST_URL', REST)}/storage/auth/token", query={"storage_type": "fal-cdn-v3"}, body={}
    ).json
    headers = {
        "Authorization": f"{token.text('token_type')} {token.text('token')}",
        "Content-Type": kind,
        "X-Fal-File-Name": file_name(role, path),
        "X-Fal-Object-Lifecycle": KEPT,
    }
    place = f"{token.text('base_url')}/files/upload"
    return http.send("POST", place, headers=headers, raw=path, bare=True).json.text("access_url")


def _failure(said: str, kind: str, result: Reply) -> ProviderError | None:
    """Why a request that no longer runs has no take; None when it has one. said, kind: what its status says."""
    kind = kind or result.json.word("error_type") or result.headers.get("x-fal-error-type", "")
    cause = ": ".join(part for part in (kind, said, "" if result.ok else _told(result)) if part)
    if result.ok:
        return VendorFault("fal failed to make it", cause=cause) if said else None
    if result.json.at("detail") is None and not said:
        # Something in between failed, and not the model: the result may still be there.
        raise ProviderUnavailable(f"fal answered {result.status}", cause=cause)
    moderated = _moderated(result, kind)
    if moderated is not None:
        return moderated
    if result.status in (400, 413, 415, 422) and result.headers.get("x-fal-retryable", "").lower() != "true":
        return ProviderRefused("fal's model refused its input", cause=cause)
    return VendorFault("fal failed to make it", cause=cause)


def _moderated(reply: Reply, kind: str = "") -> Moderated | None:
    kinds = {row.word("type") for row in reply.json.rows("detail")}
    if "content_policy_violation" in kinds | {kind, reply.json.word("error_type")}:
        return Moderated("fal's moderation refused this", cause=_told(reply))
    return None


def _told(reply: Reply) -> str:
    """What fal says of an error: a sentence, or a list with the places in the request."""
    detail = reply.json.at("detail")
    if isinstance(detail, str):
        return detail
    rows = [f"{'.'.join(map(str, row.at('loc') or []))}: {row.word('msg')}" for row in reply.json.rows("detail")]
    return "; ".join(rows) or reply.text[:200]
