"""Provider `vertex`: Google's Veo on Vertex AI, v1beta1. Source: google-genai 3.4 and Google's documentation, 2026-11.

Vertex has no list of operations that could be asked and no way to cancel one: a submit whose answer was lost stays unknown.
The take comes inline, in base64, with the answer that says it is done: no bucket is needed. An OAuth access token holds for
about an hour; whoever builds for longer renews it.
"""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

from shotbuild.errors import (
    BadTake,
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
from shotbuild.providers.common import decoded, encoded, kind_of, length_for, plain, price_of, rates, ratio_of
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
from shotbuild.spec.fields import Field, choice, text, truth

HOME = "us-central1"
GLOBAL = "https://aiplatform.googleapis.com"
PLACES = (
    "us-central1", "us-east1", "us-east4", "us-east5", "us-south1", "us-west1", "us-west4", "northamerica-northeast1",
    "southamerica-east1", "europe-central2", "europe-north1", "europe-southwest1", "europe-west1", "europe-west2",
    "europe-west3", "europe-west4", "europe-west6", "europe-west8", "europe-west9", "asia-east1", "asia-east2",
    "asia-northeast1", "asia-northeast3", "asia-south1", "asia-southeast1", "australia-southeast1", "me-central1",
    "me-central2", "me-west1",
)  # fmt: skip
"""Regions whose address may be sent the token: any other one has to be named by its whole address."""
SHAPES = ("16:9", "9:16")
REFERENCES = ("reference", "reference_2", "reference_3")
LARGE = ("1080p", "4k")
NAMES = {
    "resolution": "resolution",
    "audio": "generateAudio",
    "person_generation": "personGeneration",
    "negative_prompt": "negativePrompt",
    "enhance_prompt": "enhancePrompt",
}
CENSURE = ("responsible ai", "usage guidelines", "usage policies", "safety", "sensitive words")
"""What Google says when it refuses a prompt with the code of any invalid argument: only the words tell them apart."""


def _settings(*resolutions: str) -> dict[str, Field]:
    return {
        "ratio": choice(*SHAPES, default=None, doc="The shape of the picture; the shot's own where it is not written."),
        "resolution": choice(*resolutions, default="720p", doc="The picture's height; above 720p takes last 8 s."),
        "audio": truth(default=False, doc="Whether it makes sound as well."),
        "person_generation": choice("allow_adult", "dont_allow", default="allow_adult", doc="Whether people may be seen."),
        "negative_prompt": text(default=None, doc="What should not be seen."),
        "compression": choice("optimized", "lossless", default="optimized", doc="How much its encoder throws away."),
        "enhance_prompt": truth(default=False, doc="Whether Google may rewrite the prompt before the model sees it."),
    }


def _model(name: str, settings: dict[str, Field], *lines: tuple[Mapping[str, str], str], **known: Any) -> Model:
    """lines: of the price list that Google last published for its other API; where it gave a span, its upper end."""
    base: dict[str, Any] = {
        "version": name,
        "strength": Strength.VERSION,
        "fields": settings,
        "roles": ("first_frame", "last_frame", *REFERENCES),
        "seconds": 8,
        "lengths": (Fraction(4), Fraction(6), Fraction(8)),
        "ratios": SHAPES,
        "rewriting": Rewriting.OFF,
        "tariff": Tariff(
            rates=rates("second", *lines), source="Gemini API price list; Vertex's own is unverified", date="2026-07-31"
        ),
    }
    return Model(name=name, **{**base, **known})


MODELS = {
    model.name: model
    for model in (
        _model("veo-3.1-generate-001", _settings("720p", "1080p", "4k"), ({"resolution": "4k"}, "0.60"), ({}, "0.40")),
        _model("veo-3.1-fast-generate-001", _settings("720p", "1080p", "4k"), ({}, "0.30")),
        _model(
            "veo-3.1-lite-generate-001",
            _settings("720p", "1080p"),
            ({}, "0.08"),
            roles=("first_frame", "last_frame"),
            notes="A preview.",
        ),
    )
}


class Vertex:
    name = "vertex"
    models: Mapping[str, Model] = MODELS
    address = f"https://{HOME}-aiplatform.googleapis.com"
    variable = "GOOGLE_VERTEX_BASE_URL"
    origins = (GLOBAL, *(f"https://{place}-aiplatform.googleapis.com" for place in PLACES))
    keys = (("GOOGLE_OAUTH_ACCESS_TOKEN",),)
    # The last one is asked for only to learn whether somebody chose another address than the region's own.
    variables = ("GOOGLE_CLOUD_PROJECT", "GOOGLE_CLOUD_LOCATION", "GOOGLE_VERTEX_BASE_URL")
    pace = 10.0
    finds = Finds.NO

    def price(self, model: str, request: Fields) -> Price:
        return price_of(MODELS[model], request)

    def has_sound(self, model: str, settings: Fields) -> bool:
        return settings.get("audio") is True

    def objections(self, model: str, wish: Wish) -> Iterable[Objection]:
        given = set(wish.references)
        whole = length_for(MODELS[model], wish.seconds) == 8
        resolution = wish.settings.get("resolution")
        if resolution in LARGE and not whole:
            yield Objection(
                key="resolution",
                message=f"{model!r} makes {resolution} only in takes of 8 s",
                remedy="write `resolution: 720p`, or a duration above `6s`",
            )
        if given.intersection(REFERENCES) and not whole:
            yield Objection(
                key="references",
                message=f"{model!r} follows references only in takes of 8 s",
                remedy="leave the references away, or write a duration above `6s`",
            )
        if given.intersection(REFERENCES) and given.intersection(("first_frame", "last_frame")):
            yield Objection(
                key="references",
                message=f"{model!r} takes either references or frames to start and end with",
                remedy="leave one kind away",
            )
        if "last_frame" in given and "first_frame" not in given:
            yield Objection(
                key="references",
                message=f"{model!r} takes a `last_frame` only after a `first_frame`",
                remedy="add a `first_frame`",
            )

    def headers(self, keys: Mapping[str, str], now: float) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {keys['GOOGLE_OAUTH_ACCESS_TOKEN']}"}

    def fault(self, reply: Reply) -> ProviderError | None:
        if reply.ok:
            return None
        said = reply.json.word("error", "message") or reply.json.word(0, "error", "message")
        word = reply.json.word("error", "status") or reply.json.word(0, "error", "status")
        cause = ": ".join(part for part in (word, said) if part) or None
        if reply.status == 403 and "billing" in said.lower():
            return OutOfFunds("the Google Cloud project has no billing account that works", cause=cause)
        if reply.status in (401, 403):
            hint = "run `gcloud auth print-access-token` and export it as GOOGLE_OAUTH_ACCESS_TOKEN"
            return KeyRefused(f"Vertex does not take the token ({reply.status})", cause=cause, hint=hint)
        if reply.status == 429:
            return RateLimited.after(reply.wait, "Vertex's quota is used up for now", cause=cause)
        if reply.status == 404 and said:
            return PinGone("Vertex does not offer this model in this place", cause=cause)
        if reply.status in (404, 408, 409, 499) or reply.status >= 500:
            return ProviderUnavailable(f"Vertex answered {reply.status}", cause=cause or reply.text[:200])
        return _refused(said, cause or f"it answered {reply.status}")

    def submit(self, request: Request, http: Http) -> Operation:
        model = MODELS[request.model]
        place, project = http.known.get("GOOGLE_CLOUD_LOCATION") or HOME, http.known.get("GOOGLE_CLOUD_PROJECT")
        if not project:
            raise ProviderRefused(
                "Vertex has to know a Google Cloud project",
                cause="GOOGLE_CLOUD_PROJECT is not set",
                hint="export GOOGLE_CLOUD_PROJECT with the id of the project that is billed",
            )
        links = fields(model=f"projects/{project}/locations/{place}/publishers/google/models/{model.name}", place=place)
        body = {"instances": [_instance(request)], "parameters": _parameters(request, model)}
        reply = http.pay(_address(links, "predictLongRunning", http), body)
        return Operation(provider=self.name, id=reply.json.text("name"), submitted="", links=links)

    def poll(self, operation: Operation, http: Http) -> Status:
        reply = _asked(operation, http, allow=(404,))
        if reply.status == 404:
            return Status(state=State.GONE, word="404")
        answer = reply.json
        if answer.at("done") is not True:
            return Status(state=State.RUNNING, word="running")
        fault = _failure(answer)
        return Status(state=State.FAILED if fault else State.DONE, word="done", fault=fault)

    def locate(self, operation: Operation, http: Http) -> Address:
        content = decoded(_asked(operation, http).json.word("response", "videos", 0, "bytesBase64Encoded"), "Vertex")
        if not content:
            raise BadTake("Vertex handed over an empty take")
        return Address(content=content)

    def cancel(self, operation: Operation, http: Http) -> bool:
        return False

    def find(self, doubt: Doubt, http: Http) -> Operation | None:
        return None


def _address(links: Fields, verb: str, http: Http) -> str:
    """Each region has an address of its own, unless the environment names one for all."""
    path, place = f"v1beta1/{links.text('model')}:{verb}", links.text("place")
    if http.known.get("GOOGLE_VERTEX_BASE_URL"):
        return path
    if place == "global":
        return f"{GLOBAL}/{path}"
    if place in PLACES:
        return f"https://{place}-aiplatform.googleapis.com/{path}"
    raise ProviderRefused(
        f"shotbuild knows no place {place!r} of Vertex",
        cause="GOOGLE_CLOUD_LOCATION names it, and the token is sent to known addresses alone",
        hint=f"export GOOGLE_CLOUD_LOCATION={HOME}, or name the whole address in GOOGLE_VERTEX_BASE_URL",
    )


def _links(name: str) -> Fields:
    """The same from an operation's own name, which says it all: that is what a person has who adopts one."""
    model = name.partition("/operations/")[0]
    parts = model.split("/")
    if len(parts) != 8 or parts[::2] != ["projects", "locations", "publishers", "models"]:
        raise ProviderRefused(
            f"Vertex knows no operation by `{name[:80]}` alone",
            hint="adopt it by its whole name: projects/…/locations/…/publishers/google/models/…/operations/…",
        )
    return fields(model=model, place=parts[3])


def _asked(operation: Operation, http: Http, allow: tuple[int, ...] = ()) -> Reply:
    links = operation.links if operation.links.items else _links(operation.id)
    url = _address(links, "fetchPredictOperation", http)
    return http.send("POST", url, body={"operationName": operation.id}, allow=allow)


def _instance(request: Request) -> dict[str, Any]:
    said: dict[str, Any] = {"prompt": request.prompt}
    for role, name in (("first_frame", "image"), ("last_frame", "lastFrame")):
        if image := _image(role, request):
            said[name] = image
    images = [image for role in REFERENCES if (image := _image(role, request))]
    if images:
        said["referenceImages"] = [{"image": image, "referenceType": "ASSET"} for image in images]
    return said


def _image(role: str, request: Request) -> dict[str, str] | None:
    path = request.file(role)
    return None if path is None else {"bytesBase64Encoded": encoded(path), "mimeType": kind_of(path)[0]}


def _parameters(request: Request, model: Model) -> dict[str, Any]:
    settings = plain(request.settings)
    return {
        "sampleCount": 1,
        "durationSeconds": int(length_for(model, request.seconds)),
        "seed": request.seed,
        "aspectRatio": settings.get("ratio") or ratio_of(request.format.size, SHAPES) or SHAPES[0],
        "compressionQuality": str(settings["compression"]).upper(),
        **{name: settings[key] for key, name in NAMES.items() if key in settings},
    }


def _failure(answer: Body) -> ProviderError | None:
    """Why there is no take although it is done."""
    if answer.at("error") is not None:
        code, said = answer.number("error", "code"), answer.word("error", "message")
        if code == 3:
            return _refused(said, said or None)
        return VendorFault("Vertex failed to make it", cause=f"code {int(code or 0)}: {said or 'it says no more'}")
    if answer.at("response", "videos", 0) is not None:
        return None
    reasons = answer.at("response", "raiMediaFilteredReasons")
    if reasons or answer.number("response", "raiMediaFilteredCount"):
        cause = "; ".join(map(str, reasons)) if isinstance(reasons, list) else None
        return Moderated("Google's filters hold the take back", cause=cause)
    return VendorFault("Vertex says that it is done, and sends no take")


def _refused(said: str, cause: str | None) -> ProviderError:
    """What an invalid argument was: refused content, or input that cannot be."""
    if any(word in said.lower() for word in CENSURE):
        return Moderated("Google's rules on content refuse this", cause=cause)
    hint = "write `settings: {enhance_prompt: true}`: Google rewrites the prompt then" if "enhancement" in said else None
    return ProviderRefused("Vertex refused the request", cause=cause, hint=hint)
