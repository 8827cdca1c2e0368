"""Provider `openai-video`: servers of one's own with the `/v1/videos` shape of OpenAI's API. Two dialects of it are known.

vLLM-Omni takes a multipart form; SGLang-diffusion takes JSON, and a form where a picture goes along. Sources: vLLM-Omni
0.30.0 and SGLang 0.5.23 (read), vLLM-Omni's documentation of its Videos API, 2026-11. Both keep operations in the memory of
their process, know no id of ours, and list nothing that tells two takes of one shot apart: a lost answer is not looked for.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any

from shotbuild.errors import (
    AddressExpired,
    PinGone,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    RateLimited,
    VendorFault,
)
from shotbuild.host.wire import Body, Http, Part, Reply
from shotbuild.providers.common import by_status, file_name, kind_of
from shotbuild.providers.interface import (
    Address,
    Doubt,
    Facts,
    Finds,
    Model,
    Objection,
    Request,
    Site,
    State,
    Status,
    Strength,
    Wish,
)
from shotbuild.records import FREE, Fields, Operation, Price, Value
from shotbuild.spec.fields import choice, factor, integer, text
from shotbuild.units import round_half_up

VLLM, SGLANG, AUTO = "vllm", "sglang", "auto"
DIALECTS = (VLLM, SGLANG)
STATES = {
    "queued": State.QUEUED,
    "in_progress": State.RUNNING,
    "completed": State.DONE,
    "failed": State.FAILED,
    "cancelled": State.CANCELLED,
    "deleted": State.CANCELLED,
}
ANY = tuple(range(400, 600))
TOLD = ("root", "parent", "task_type", "pipeline_name", "pipeline_class", "dit_precision", "vae_precision", "num_gpus")
"""What a model's card says that decides takes; when it was made and who may do what changes from start to start."""
OWN = frozenset(
    ["prompt", "model", "seed", "size", "width", "height", "num_frames", "fps", "seconds", "input_reference", "lora", "n"]
)
"""What a request says by itself, and `extra` may not say otherwise."""
NO_DIGESTS = "the server tells names and paths, no digests: start it from a folder whose files you hold by their sha256"
NO_OPTIONS = "the server does not tell how it was started: caches, batching, attention and quantization change the bits"
NO_LORAS = "what was loaded into the server since it started is not in its cards"
NOT_TOLD = "the server does not tell its version"
WAIT = 10.0
"""Seconds until a server that says that it is not ready is asked again."""

VIDEO = Model(
    name="video",
    version="what the server serves",
    fields={
        "served": text(default=None, doc="The name under which the server serves its model; it may stay away.", longest=300),
        "dialect": choice(AUTO, *DIALECTS, default=AUTO, doc="Whose words the server takes; `auto` asks it for its models."),
        "num_inference_steps": integer(1, 1000, default=None, doc="Steps; the model's own where it is not written."),
        "guidance_scale": factor(0, 100, default=None, doc="How closely the prompt is followed."),
        "guidance_scale_2": factor(0, 100, default=None, doc="The same for a model of two halves."),
        "flow_shift": factor(0, 100, default=None, doc="How the scheduler's steps are spread."),
        "negative_prompt": text(default=None, doc="What should not be seen."),
        "lora": text(default=None, doc="A LoRA for this request, as a JSON object; vLLM-Omni alone takes one."),
        "extra": text(default="{}", doc="What else the model takes, as a JSON object."),
    },
    roles=("first_frame",),
    seconds=600,
    strength=Strength.NAME,
    notes="A server of one's own: vLLM-Omni or SGLang. Weights are pinned by their name alone.",
)
NUMBERS = ("guidance_scale", "guidance_scale_2", "flow_shift")
MODELS = {VIDEO.name: VIDEO}


class OpenAIVideo:
    name = "openai-video"
    models: Mapping[str, Model] = MODELS
    address = "http://127.0.0.1:8000"
    variable = "SHOTBUILD_OPENAI_VIDEO_URL"
    origins: tuple[str, ...] = ()
    keys: tuple[tuple[str, ...], ...] = (("SHOTBUILD_OPENAI_VIDEO_KEY",), ())
    variables: tuple[str, ...] = ()
    pace = 2.0
    finds = Finds.NO

    def price(self, model: str, request: Fields) -> Price:
        return FREE

    def has_sound(self, model: str, settings: Fields) -> bool:
        return False

    def objections(self, model: str, wish: Wish) -> Iterable[Objection]:
        for key in ("extra", "lora"):
            said = _object(wish.settings, key)
            if said is None:
                yield Objection(
                    key=key, message="this is no JSON object", remedy="""write for example `'{"boundary_ratio": 0.9}'`"""
                )
            for name in sorted(OWN & set(said or {})) if key == "extra" else ():
                yield Objection(
                    key=key, message=f"`{name}` is not said here", cause="the shot says it", remedy="take it out"
                )
        if wish.settings.get("lora") is not None and wish.settings.get("dialect") == SGLANG:
            yield _no_lora()

    def headers(self, keys: Mapping[str, str], now: float) -> Mapping[str, str]:
        key = keys.get("SHOTBUILD_OPENAI_VIDEO_KEY")
        return {"Authorization": f"Bearer {key}"} if key else {}

    def fault(self, reply: Reply) -> ProviderError | None:
        said = _said(reply.json)
        if reply.status == 503 and "not initialized" in said:
            return RateLimited.after(WAIT, "the server is not ready (503)", cause=said)
        if reply.status == 503 and "delivery is unavailable" in said:
            hint = "start it with `--output-path`, or with a storage"
            return ProviderRefused("the server has nowhere to put a video (503)", cause=said, hint=hint)
        return by_status(reply, "the server refused", cause=said or reply.text[:300] or None)

    # --- what it is -----------------------------------------------------------------------------------------------------

    def subject(self, model: str, settings: Fields) -> str:
        return _served_as(settings)

    def examine(self, model: str, settings: Fields, site: Site) -> Facts:
        http = _line(site)
        cards = _cards(http)
        card, dialect = _card(cards, settings), _dialect(cards, settings)
        if card is None:
            raise PinGone(f"the server does not serve {_served_as(settings)!r}", cause=_served(cards))
        pinned: dict[str, Value] = {"model": card.text("id"), "dialect": dialect}
        pinned |= {name: told for name in TOLD if (told := _word(card.at(name)))}
        where, path = ("version", ("version",)) if dialect == VLLM else ("server_info", ("version",))
        version = http.get(where, allow=ANY).json.word(*path)
        unread: dict[str, Value] = {"weights": NO_DIGESTS, "options": NO_OPTIONS, "loras": NO_LORAS}
        if version:
            pinned["version"] = version
        else:
            unread["version"] = NOT_TOLD
        return Facts(pinned=Fields(tuple(sorted(pinned.items()))), unread=Fields(tuple(sorted(unread.items()))))

    def inspect(self, model: str, wish: Wish, facts: Facts | None, site: Site) -> Iterable[Objection]:
        """By what the server says now, else by what the lock has of it."""
        try:
            cards = _cards(_line(site))
            known = _card(cards, wish.settings)
            if known is None:
                yield Objection(
                    key="served",
                    message=f"the server does not serve {_served_as(wish.settings)!r}",
                    cause=_served(cards),
                    remedy="write a name that it serves, or leave it out",
                )
                return
            dialect, made_of = _dialect(cards, wish.settings), known.word("task_type")
        except ProviderUnavailable:
            if facts is None:
                raise
            dialect, made_of = str(facts.pinned.get("dialect")), str(facts.pinned.get("task_type") or "")
        if wish.settings.get("lora") is not None and dialect == SGLANG:
            yield _no_lora()
        if made_of == "I2V" and "first_frame" not in wish.references:
            yield Objection(
                key="references",
                message="the model makes a video of a picture, and the shot has none",
                remedy="add `references: {first_frame: assets/…}`, or let the shot `continue` another one",
            )
        if made_of == "T2V" and "first_frame" in wish.references:
            yield Objection(
                key="references", message="the model takes no picture", cause="it is of the kind T2V", remedy="take it out"
            )

    # --- one take -------------------------------------------------------------------------------------------------------

    def submit(self, request: Request, http: Http) -> Operation:
        settings = request.settings
        dialect = settings.text("dialect")
        if dialect == AUTO:
            dialect = _dialect(_cards(http), settings)
        if dialect == SGLANG and settings.get("lora") is not None:
            raise ProviderRefused(_no_lora().message, hint=_no_lora().remedy)
        body = _body(request, dialect)
        picture = request.file("first_frame")
        if dialect == SGLANG and picture is None:
            reply = http.pay("v1/videos", body)
        else:
            form = [(name, Part(content=_form_text(value))) for name, value in body.items()]
            if picture is not None:
                part = Part(content=picture, name=file_name("first_frame", picture), kind=kind_of(picture)[0])
                form.append(("input_reference", part))
            reply = http.pay("v1/videos", form=tuple(form))
        return Operation(provider=self.name, id=reply.json.text("id"), submitted="")

    def poll(self, operation: Operation, http: Http) -> Status:
        reply = http.get(_path(operation), allow=ANY)
        made = reply.json
        word = made.word("status")
        state = STATES.get(word, State.RUNNING)
        # vLLM-Omni answers for a failed operation with the status of its error. An error of the server is no such answer.
        if not reply.ok and not (word and made.word("id") == operation.id):
            if reply.status == 404:
                return Status(state=State.GONE, word="404")
            raise self.fault(reply) or ProviderUnavailable(f"the server answered {reply.status}")
        done = state in (State.DONE, State.FAILED, State.CANCELLED)
        return Status(
            state=state,
            word=word,
            progress=_percent(made),
            fault=_failure(made) if state is State.FAILED else None,
            charged=FREE if done else None,
            # SGLang repeats the name that it was asked for, or says `sora-2`: neither tells what it used.
        )

    def locate(self, operation: Operation, http: Http) -> Address:
        reply = http.get(_path(operation), allow=ANY)
        made = reply.json
        if STATES.get(made.word("status")) is State.FAILED:
            raise _failure(made)
        if not reply.ok:
            raise AddressExpired(f"the server does not know the video any more ({reply.status})", cause=_said(made) or None)
        # Put into a storage, it is handed over there alone.
        url = made.word("url")
        return Address(url=url) if url.startswith("https://") else Address(url=f"{_path(operation)}/content", bare=False)

    def cancel(self, operation: Operation, http: Http) -> bool:
        """SGLang's DELETE forgets an operation and goes on making it, and that of vLLM-Omni throws away what is done."""
        try:
            dialect = _dialect(_cards(http), Fields((("dialect", AUTO),)))
        except ProviderRefused:
            return False
        made = http.get(_path(operation), allow=ANY)
        if dialect != VLLM or STATES.get(made.json.word("status")) not in (State.QUEUED, State.RUNNING):
            return False
        reply = http.send("DELETE", _path(operation), allow=(404, 409))
        return reply.ok and reply.json.at("deleted") is not False

    def find(self, doubt: Doubt, http: Http) -> Operation | None:
        return None


def _path(operation: Operation) -> str:
    return f"v1/videos/{operation.id}"


# --- who is asked -------------------------------------------------------------------------------------------------------


def _line(site: Site) -> Http:
    if site.http is None:
        raise ProviderUnavailable("the server is not looked at without a line to it")
    return site.http


def _cards(http: Http) -> list[Body]:
    """The models that are served. Errors: ProviderUnavailable where the answer tells none."""
    reply = http.get("v1/models")
    cards = [row for row in reply.json.rows("data") if row.word("id")]
    if not cards:
        hint = f"let `{OpenAIVideo.variable}` name a server of vLLM-Omni or SGLang"
        raise ProviderUnavailable("the server tells no models at `/v1/models`", cause=reply.text[:200], hint=hint)
    return cards


def _card(cards: list[Body], settings: Fields) -> Body | None:
    """The card of the model that is meant; the first where none is, as it is the one that the server was started with."""
    wanted = _served_as(settings)
    return next((card for card in cards if wanted in ("", card.word("id"), card.word("root"))), None)


def _served(cards: list[Body]) -> str:
    return f"it serves {', '.join(card.word('id') for card in cards)}"[:500]


def _dialect(cards: list[Body], settings: Fields) -> str:
    """Errors: ProviderRefused when neither the spec nor the server says."""
    said = settings.get("dialect")
    if said in DIALECTS:
        return str(said)
    for card in cards:
        owner = card.word("owned_by").lower()
        if owner in DIALECTS:
            return owner
        if card.word("pipeline_class") or card.word("dit_precision"):
            return SGLANG
    raise ProviderRefused(
        "the server does not say whose words it takes",
        cause=f"its models are of {', '.join(sorted({card.word('owned_by') or 'nobody' for card in cards}))}"[:300],
        hint="write `settings: {dialect: vllm}` or `{dialect: sglang}`",
    )


def _served_as(settings: Fields) -> str:
    value = settings.get("served")
    return value if isinstance(value, str) else ""


def _word(value: Any) -> str:
    """A word or a whole number of a card, as text; `""` for anything else."""
    return str(value)[:500] if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)) else ""


def _no_lora() -> Objection:
    return Objection(
        key="lora",
        message="SGLang takes no LoRA with a request, and would make the take without it",
        remedy="take it out, and load it when the server is started",
    )


# --- what is asked ------------------------------------------------------------------------------------------------------


def _body(request: Request, dialect: str) -> dict[str, Any]:
    """One request in a dialect. Frames and rate are always said: vLLM-Omni makes one frame where nobody asks for more."""
    settings, size = request.settings, request.format.size
    body: dict[str, Any] = {
        "prompt": request.prompt,
        "num_frames": request.frames,
        "fps": round_half_up(request.format.rate),
        "seed": request.seed,
    }
    if _served_as(settings):
        body["model"] = _served_as(settings)
    for name in ("num_inference_steps", "negative_prompt"):
        if settings.get(name) is not None:
            body[name] = settings.get(name)
    for name in NUMBERS:
        if isinstance(written := settings.get(name), str):
            body[name] = float(Fraction(written))
    extra, lora = _object(settings, "extra"), _object(settings, "lora")
    if dialect == VLLM:
        body |= {"width": size.width, "height": size.height}
        return body | {name: said for name, said in (("lora", lora), ("extra_params", extra)) if said}
    # Noise that is drawn on the processor is the same on every device.
    body |= {"size": str(size), "generator_device": "cpu"}
    return body | ({"extra_body": extra} if extra else {})


def _form_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _object(settings: Fields, key: str) -> dict[str, Any] | None:
    """A setting that is a JSON object; empty where it is not written, None where it is none."""
    written = settings.get(key)
    if not isinstance(written, str):
        return {}
    try:
        value = json.loads(written, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _no_number(word: str) -> None:
    raise ValueError(word)


# --- what comes back ----------------------------------------------------------------------------------------------------


def _failure(made: Body) -> ProviderError:
    said, code = _said(made) or "it says no more", made.number("error", "code")
    if code is not None and 400 <= code < 500:
        return ProviderRefused("the server could not make this", cause=said[:1000])
    return VendorFault("the server failed to make it", cause=said[:1000])


def _percent(made: Body) -> int | None:
    number = made.number("progress")
    return int(number) if number is not None and 0 <= number <= 100 else None


def _said(body: Body) -> str:
    """The words of an error, wherever one of the servers puts them."""
    rows: Iterator[Body] = body.rows("detail")
    listed = "; ".join(f"{row.at('loc', -1)}: {row.word('msg')}" for row in rows)
    words = (body.word("error", "message"), body.word("detail"), listed, body.word("error"), body.word("message"))
    return next((word for word in words if word), "")
