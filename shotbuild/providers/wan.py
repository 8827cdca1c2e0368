"""Provider `wan`: Alibaba Wan on DashScope (Model Studio).

Source: its Python SDK `dashscope` 2.0.2; its pages on asynchronous tasks and on Wan 2.7, 2026-06. Version 2.7 takes pictures
in `media` and a shape as `ratio`; 2.6 and before take `img_url`, and a shape as `size`. Local pictures go up to the store of
the vendor: a policy is asked for, a form is posted with it, and the request says that its addresses are looked up there.
Clips and sounds are not offered yet.
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
from shotbuild.host.wire import Body, Http, Part, Reply
from shotbuild.providers.common import file_name, kind_of, length_for, plain, price_of, rates, ratio_of, window
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
from shotbuild.records import Fields, Operation, Price
from shotbuild.spec.fields import Field, choice, text, truth

SYNTHESIS = "services/aigc/video-generation/video-synthesis"
PAGE, PAGES = 50, 10
SIZES = {
    "720P": {"16:9": "1280*720", "9:16": "720*1280", "1:1": "960*960", "4:3": "1088*832", "3:4": "832*1088"},
    "1080P": {"16:9": "1920*1080", "9:16": "1080*1920", "1:1": "1440*1440", "4:3": "1632*1248", "3:4": "1248*1632"},
}
RATIOS = tuple(SIZES["720P"])
REFERENCES = ("reference", "reference_2", "reference_3", "reference_4", "reference_5")
STATES = {
    "PENDING": State.QUEUED,
    "SUSPENDED": State.QUEUED,
    "RUNNING": State.RUNNING,
    "SUCCEEDED": State.DONE,
    "FAILED": State.FAILED,
    "CANCELED": State.CANCELLED,
    # What it says of an id that it does not know, or not any more: nothing failed there.
    "UNKNOWN": State.GONE,
}
TARIFF = Tariff(
    rates=rates("second", ({"resolution": "720P"}, "0.1"), ({"resolution": "1080P"}, "0.15")),
    source="pages about Alibaba's list prices",
    date="2026-11-22",
)


def _model(name: str, *, lengths: Iterable[int], shaped: bool = True, sound: bool = False, **known: Any) -> Model:
    fields: dict[str, Field] = {
        "resolution": choice(*SIZES, default="720P", doc="How large the picture is."),
        "negative_prompt": text(default=None, longest=500, doc="What should not be seen."),
    }
    if shaped:
        doc = "The shape of the picture; the shot's own where it is not written."
        fields["ratio"] = choice(*RATIOS, default=None, doc=doc)
    if sound:
        fields["audio"] = truth(default=False, doc="Whether it makes sound as well; that costs more.")
    makes = tuple(Fraction(seconds) for seconds in lengths)
    base: dict[str, Any] = {
        "version": name,
        "fields": fields,
        "roles": (),
        "seconds": int(makes[-1]),
        "shortest": makes[0] if isinstance(lengths, range) else Fraction(0),
        "lengths": makes,
        "ratios": RATIOS if shaped else (),
        "prompt": 5000 if name.startswith("wan2.7") else 800,
        "strength": Strength.DATED if "-2026-" in name else Strength.NAME,
        "rewriting": Rewriting.OFF,
        "tariff": TARIFF,
        "kept": 24,
        "at_once": 5,
        "per_minute": 300,
    }
    return Model(name=name, **{**base, **known})


FRAMES: dict[str, Any] = {"shaped": False, "roles": ("first_frame", "last_frame"), "needs": ("first_frame",)}
FIRST: dict[str, Any] = {"shaped": False, "roles": ("first_frame",), "needs": ("first_frame",)}
MODELS = {
    model.name: model
    for model in (
        _model("wan2.7-t2v-2026-06-12", lengths=range(2, 16)),
        _model(
            "wan2.7-r2v-2026-06-12",
            lengths=range(2, 16),
            roles=(*REFERENCES, "first_frame"),
            needs=("reference",),
            notes="A prompt calls its references `Image 1`, `Image 2`, in their order.",
        ),
        _model("wan2.7-i2v-2026-04-25", lengths=range(2, 16), **FRAMES),
        _model("wan2.7-t2v", lengths=range(2, 16)),
        _model("wan2.7-i2v", lengths=range(2, 16), **FRAMES),
        _model("wan2.6-t2v", lengths=(5, 10, 15)),
        _model("wan2.6-i2v", lengths=(5, 10, 15), **FIRST),
        _model("wan2.6-i2v-flash", lengths=(5, 10, 15), sound=True, tariff=None, **FIRST),
        _model("wan2.5-t2v-preview", lengths=(5, 10)),
    )
}


class Wan:
    name = "wan"
    models: Mapping[str, Model] = MODELS
    address = "https://dashscope.aliyuncs.com/api/v1"
    variable = "DASHSCOPE_HTTP_BASE_URL"
    origins: tuple[str, ...] = ()
    keys: tuple[tuple[str, ...], ...] = (("DASHSCOPE_API_KEY",),)
    variables: tuple[str, ...] = ()
    pace = 15.0
    finds = Finds.BY_LIST

    def price(self, model: str, request: Fields) -> Price:
        return price_of(MODELS[model], request)

    def has_sound(self, model: str, settings: Fields) -> bool:
        # From 2.5 on each model dubs its takes unasked; one alone has a switch.
        return "audio" not in MODELS[model].fields or settings.get("audio") is True

    def objections(self, model: str, wish: Wish) -> Iterable[Objection]:
        return ()

    def headers(self, keys: Mapping[str, str], now: float) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {keys['DASHSCOPE_API_KEY']}"}

    def fault(self, reply: Reply) -> ProviderError | None:
        code, said = reply.json.word("code"), reply.json.word("message")
        if reply.ok and (not code or reply.json.at("output") is not None):
            return None
        cause = f"{code}: {said}" if code else reply.text[:200]
        if code.startswith("Throttling") or reply.status == 429:
            return RateLimited.after(reply.wait, f"DashScope takes no more right now ({code or 429})", cause=cause)
        if code.startswith("DataInspectionFailed"):
            return Moderated("DashScope refused this for its content", cause=cause)
        if code == "Arrearage":
            return OutOfFunds("the Alibaba Cloud account is in arrears", cause=cause)
        if code == "InvalidApiKey" or (code and reply.status in (401, 403)):
            return KeyRefused(f"DashScope does not take the key ({reply.status})", cause=cause)
        if code.lower().replace("_", "").replace(".", "").startswith("modelnotfound"):
            return PinGone("DashScope does not offer this model", cause=cause)
        unclear = reply.ok or reply.status in (408, 409) or reply.status >= 500
        if unclear or not code or code.startswith("InternalError"):
            return ProviderUnavailable(f"DashScope answered {reply.status}", cause=cause)
        return ProviderRefused(f"DashScope refused the request ({reply.status})", cause=cause)

    def submit(self, request: Request, http: Http) -> Operation:
        model = MODELS[request.model]
        settings = plain(request.settings)
        resolution = str(settings.pop("resolution", "720P"))
        given = {"prompt": request.prompt, **_pictures(model, request, http)}
        if "negative_prompt" in settings:
            given["negative_prompt"] = settings.pop("negative_prompt")
        body = {
            "model": model.name,
            "input": given,
            "parameters": {
                **_shape(model, request, resolution, str(settings.pop("ratio", ""))),
                "duration": int(length_for(model, request.seconds)),
                "seed": request.seed,
                "prompt_extend": False,
                "watermark": False,
                **settings,
            },
        }
        headers = {"X-DashScope-Async": "enable"}
        if "media" in given or "img_url" in given:
            headers["X-DashScope-OssResourceResolve"] = "enable"
        reply = http.pay(SYNTHESIS, body, headers=headers)
        return Operation(provider=self.name, id=reply.json.text("output", "task_id"), submitted="")

    def poll(self, operation: Operation, http: Http) -> Status:
        reply = http.get(f"tasks/{operation.id}", allow=(404,))
        if reply.status == 404:
            return Status(state=State.GONE, word="404")
        word = reply.json.text("output", "task_status")
        state = STATES.get(word, State.RUNNING)
        return Status(state=state, word=word, fault=_failure(reply.json) if state is State.FAILED else None)

    def locate(self, operation: Operation, http: Http) -> Address:
        return Address(url=http.get(f"tasks/{operation.id}").json.text("output", "video_url"))

    def cancel(self, operation: Operation, http: Http) -> bool:
        # It takes back what is PENDING; of all else it says 400 UnsupportedOperation.
        return http.send("POST", f"tasks/{operation.id}/cancel", allow=(400, 404, 409)).ok

    def find(self, doubt: Doubt, http: Http) -> Operation | None:
        first, last = window(doubt)
        fitting = [
            row.text("task_id")
            for row in _listed(doubt.request.model, http)
            if first <= (row.number("gmt_create") or 0) / 1000 <= last
            and row.word("task_id") not in doubt.known
            and row.word("model_name") == doubt.request.model
            and _prompt(row, http) == doubt.request.prompt
        ]
        return Operation(provider=self.name, id=fitting[0], submitted="") if len(fitting) == 1 else None


def _shape(model: Model, request: Request, resolution: str, ratio: str) -> dict[str, str]:
    if not model.ratios:
        return {"resolution": resolution}
    ratio = ratio or ratio_of(request.format.size, model.ratios) or model.ratios[0]
    if model.name.startswith("wan2.7"):
        return {"resolution": resolution, "ratio": ratio}
    return {"size": SIZES[resolution][ratio]}


def _pictures(model: Model, request: Request, http: Http) -> dict[str, Any]:
    """What of `input` are pictures, sent up before."""
    roles = [role for role in model.roles if request.file(role) is not None]
    if not roles:
        return {}
    place = Body(http.get("uploads", {"action": "getPolicy", "model": model.name}).json.at("data"), "DashScope")
    sent = {role: _uploaded(role, request, place, http) for role in roles}
    if not model.name.startswith("wan2.7"):
        return {"img_url": sent["first_frame"]}
    kinds = {role: "reference_image" if role in REFERENCES else role for role in roles}
    return {"media": [{"type": kinds[role], "url": url} for role, url in sent.items()]}


def _uploaded(role: str, request: Request, place: Body, http: Http) -> str:
    """Sends a picture up, with a policy that holds for this model; gives an address that only DashScope can read."""
    path = request.file(role)
    assert path is not None, "the caller looked"
    key = f"{place.text('upload_dir')}/{file_name(role, path)}"
    form = {
        "OSSAccessKeyId": place.text("oss_access_key_id"),
        "Signature": place.text("signature"),
        "policy": place.text("policy"),
        "key": key,
        "x-oss-object-acl": place.text("x_oss_object_acl"),
        "x-oss-forbid-overwrite": place.text("x_oss_forbid_overwrite"),
        "success_action_status": "200",
        "x-oss-content-type": kind_of(path)[0],
    }
    fields = tuple((name, Part(content=value)) for name, value in form.items())
    file = Part(content=path, name=file_name(role, path), kind=kind_of(path)[0])
    http.send("POST", place.text("upload_host"), form=(*fields, ("file", file)), bare=True)
    return f"oss://{key}"


def _listed(model: str, http: Http) -> Iterator[Body]:
    """Tasks of the last 24 hours, as the list has them when no time is named; whose clock a time is in is not said."""
    for page in range(1, PAGES + 1):
        query = {"page_no": str(page), "page_size": str(PAGE), "model_name": model}
        listed = http.get("tasks", query).json
        if listed.at("data") is None and listed.number("total") != 0:
            raise ProviderUnavailable("the list of tasks cannot be read", cause=str(listed.value)[:300])
        yield from listed.rows("data")
        if page >= (listed.number("total_page") or 0):
            return


def _prompt(row: Body, http: Http) -> str:
    """The list is of the whole account and shows no prompt; a task that is done does. Errors: ProviderUnavailable while it
    is under way: it may be somebody else's, and is asked after again."""
    task = http.get(f"tasks/{row.text('task_id')}").json
    word, prompt = task.text("output", "task_status"), task.word("output", "orig_prompt")
    if not prompt and STATES.get(word, State.RUNNING) in (State.QUEUED, State.RUNNING):
        cause = f"{row.text('task_id')} is {word}, and shows its prompt when it is done"
        raise ProviderUnavailable("DashScope does not say yet whose task this is", cause=cause)
    return prompt


def _failure(task: Body) -> ProviderError:
    code, said = task.word("output", "code"), task.word("output", "message") or "it says no more"
    cause = f"{code}: {said}" if code else said
    if code.startswith("DataInspectionFailed"):
        return Moderated("DashScope refused this for its content", cause=cause)
    if code.startswith("Invalid"):
        return ProviderRefused("Wan cannot use what was given", cause=cause)
    return VendorFault("Wan failed to make it", cause=cause)
