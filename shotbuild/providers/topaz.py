"""Provider `topaz`: enlarging a clip, or giving it more frames a second, by Topaz Labs' video API.

Source: its public OpenAPI document "Video API" 1.0.0, 2026-11; there is no SDK. A model's code ends in its version: that is
the pin. Prices are in credits, and what a credit costs is each account's own: none is known here. The clip that goes in is
described by the request's format; when the service measures something very different, it fails the request and refunds it.

Paying comes before uploading: `accept` reserves the credits and gives the addresses; only what is uploaded whole is made.
The id was given before, free of charge. So whatever goes wrong once `accept` left is a FateUnknown, and `find` ends it: it
looks that id up, and when the clip is still missing, brings it up. It never accepts anything.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from shotbuild.errors import (
    FateUnknown,
    KeyRefused,
    OutOfFunds,
    PinGone,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    RateLimited,
    VendorFault,
)
from shotbuild.host.wire import Body, Http, Reply
from shotbuild.providers.common import kind_of, price_of
from shotbuild.providers.interface import Address, Doubt, Finds, Model, Objection, Request, State, Status, Strength, Wish
from shotbuild.records import Fields, Operation, Price
from shotbuild.spec.fields import Field, choice, factor, integer, truth
from shotbuild.units import rate_text

STATES = {
    "requested": State.QUEUED,
    "accepted": State.QUEUED,
    "initializing": State.QUEUED,
    "preprocessing": State.RUNNING,
    "processing": State.RUNNING,
    "postprocessing": State.RUNNING,
    "canceling": State.RUNNING,
    "complete": State.DONE,
    "failed": State.FAILED,
    "canceled": State.CANCELLED,
}
ENCODERS = {"H264": ("High", 4096), "H265": ("Main10", 8192)}
"""Profile, and the longest side of a picture."""
WEIGHTS = {
    "compression": "How strongly traces of compression are removed",
    "details": "How much detail is added",
    "noise": "How strongly noise is removed",
    "halo": "How strongly halos are removed",
    "preblur": "How strongly aliasing and mild blur are removed before",
    "blur": "How strongly it is sharpened",
}
LONGEST = 3600
"""Seconds. Topaz names none; files have to stay below 100 GB."""
NO_LONGER = (400, 403, 404, 410)

OUTPUT: Mapping[str, Field] = {
    "audio": truth(default=False, doc="Whether the sound of the clip is kept."),
    "encoder": choice(*ENCODERS, default="H265", doc="The codec of the output."),
    "compression_level": choice(
        "Low", "Mid", "High", default="High", doc="How the service picks the quality of the output."
    ),
}
UPSCALE: Mapping[str, Field] = {
    **OUTPUT,
    "scale": integer(1, 8, default=2, doc="How many times as wide and as high the picture becomes."),
    "auto": choice("Auto", "Relative", "Manual", default="Auto", doc="Whether the weights are measured, shifted or set."),
    **{name: integer(-100, 100, default=None, doc=f"{doc}, in percent.") for name, doc in WEIGHTS.items()},
}
INTERPOLATE: Mapping[str, Field] = {
    **OUTPUT,
    "fps": factor(15, 240, default=None, doc="Frames a second of the output; twice the clip's where it is not written."),
}


def _model(name: str, fields: Mapping[str, Field], notes: str) -> Model:
    return Model(
        name=name,
        version=name,
        kind="upscale",
        fields=fields,
        roles=("video",),
        needs=("video",),
        seconds=LONGEST,
        strength=Strength.VERSION,
        seeded=False,
        kept=24,
        notes=notes,
    )


MODELS = {
    model.name: model
    for model in (
        _model("prob-4", UPSCALE, "Proteus: for most clips."),
        _model("nyx-3", UPSCALE, "Nyx: for noise."),
        _model("iris-3", UPSCALE, "Iris: for faces."),
        _model("rhea-1", UPSCALE, "Rhea: for fine detail."),
        _model("ghq-5", UPSCALE, "Gaia HQ: for rendered pictures of high quality."),
        _model("apo-8", INTERPOLATE, "Apollo: more frames a second."),
        _model("apf-2", INTERPOLATE, "Apollo Fast: more frames a second."),
        _model("chr-2", INTERPOLATE, "Chronos: more frames a second."),
        _model("chf-3", INTERPOLATE, "Chronos Fast: more frames a second."),
    )
}


class Topaz:
    name = "topaz"
    models: Mapping[str, Model] = MODELS
    address = "https://api.topazlabs.com"
    variable = "TOPAZ_BASE_URL"
    origins: tuple[str, ...] = ()
    keys = (("TOPAZ_API_KEY",),)
    variables: tuple[str, ...] = ()
    pace = 10.0
    finds = Finds.BY_ID

    def price(self, model: str, request: Fields) -> Price:
        return price_of(MODELS[model], request)

    def has_sound(self, model: str, settings: Fields) -> bool:
        return settings.get("audio") is True

    def objections(self, model: str, wish: Wish) -> Iterable[Objection]:
        settings, size = wish.settings, wish.format.size
        if "scale" in MODELS[model].fields:
            scale, longest = settings.integer("scale"), ENCODERS[settings.text("encoder")][1]
            if max(size.width, size.height) * scale > longest:
                yield Objection(
                    key="scale",
                    message=f"a picture of {size.width * scale}x{size.height * scale} is too large",
                    cause=f"with {settings.text('encoder')}, {longest} pixels are the longest side",
                    remedy="write a smaller one",
                )
            written = [name for name in WEIGHTS if settings.get(name) is not None]
            if settings.text("auto") == "Auto" and written:
                yield Objection(
                    key=written[0],
                    message=f"with `auto: Auto`, `{written[0]}` counts for nothing",
                    cause="the service measures all weights by itself",
                    remedy="write `auto: Relative` or `auto: Manual`, or leave it away",
                )
        fps = settings.get("fps")
        if isinstance(fps, str) and Fraction(fps) <= wish.format.rate:
            yield Objection(
                key="fps",
                message=f"{model!r} makes more frames, not fewer",
                cause=f"the clip has {rate_text(wish.format.rate)} a second",
                remedy="write a higher one",
            )

    def headers(self, keys: Mapping[str, str], now: float) -> Mapping[str, str]:
        return {"X-API-Key": keys["TOPAZ_API_KEY"]}

    def fault(self, reply: Reply) -> ProviderError | None:
        if reply.ok:
            return None
        said, code = reply.json.word("message"), reply.json.word("errorCode")
        wrong = [(row.word("path"), row.word("msg")) for row in reply.json.rows("errors")]
        cause = "; ".join(f"{path}: {text}" for path, text in wrong) or said or None
        if reply.status == 402 or code == "INSUFFICIENT_CREDITS":
            return OutOfFunds("the Topaz account has too few credits", cause=cause)
        if reply.status in (401, 403):
            return KeyRefused(f"Topaz does not take the key ({reply.status})", cause=cause)
        if reply.status == 429:
            return RateLimited.after(reply.wait, "Topaz asks for fewer requests", cause=cause)
        if reply.status == 400 and any(path.endswith("model") for path, _ in wrong):
            return PinGone("Topaz does not offer this model", cause=cause)
        if reply.status in (400, 404, 405, 413, 422):
            return ProviderRefused(f"Topaz refused the request ({reply.status})", cause=cause)
        return ProviderUnavailable(f"Topaz answered {reply.status}", cause=cause or reply.text[:200])

    def submit(self, request: Request, http: Http) -> Operation:
        clip = request.file("video")
        assert clip is not None, "the table says that it is needed"
        name = http.send("POST", "video/", body=_body(request, clip)).json.text("requestId")
        accepted = http.pay(f"video/{name}/accept", {}, method="PATCH").json
        try:
            if not _addresses(accepted):
                raise ProviderUnavailable("Topaz gave no address to upload to")
            _bring_up(name, accepted, clip, http)
        except (ProviderError, OSError) as error:
            cause = error.cause or error.message if isinstance(error, ProviderError) else str(error)
            raise FateUnknown(f"Topaz accepted {name}, and the clip did not reach it whole", cause=cause) from error
        return Operation(provider=self.name, id=name, submitted="")

    def poll(self, operation: Operation, http: Http) -> Status:
        reply = http.get(f"video/{operation.id}/status", allow=(404,))
        if reply.status == 404:
            return Status(state=State.GONE, word="404")
        word, progress = reply.json.text("status"), reply.json.number("progress")
        state = STATES.get(word, State.RUNNING)
        return Status(
            state=state,
            word=word,
            progress=None if progress is None else int(progress),
            fault=_failure(reply.json) if state is State.FAILED else None,
        )

    def locate(self, operation: Operation, http: Http) -> Address:
        return Address(url=http.get(f"video/{operation.id}/status").json.text("download", "url"))

    def cancel(self, operation: Operation, http: Http) -> bool:
        # What DELETE does to what is done already, its document does not say: looked at first.
        seen = http.get(f"video/{operation.id}/status", allow=(404,))
        if STATES.get(seen.json.word("status")) not in (State.QUEUED, State.RUNNING):
            return False
        return http.send("DELETE", f"video/{operation.id}", allow=(400, 404)).ok

    def find(self, doubt: Doubt, http: Http) -> Operation | None:
        name = _name_in(doubt.sent)
        reply = http.get(f"video/{name}/status", allow=(404,))
        word = "" if reply.status == 404 else reply.json.text("status")
        if word in ("", "requested"):
            return None
        clip = doubt.request.file("video")
        if word == "accepted" and clip is not None:
            _bring_up(name, reply.json, clip, http)
        return Operation(provider=self.name, id=name, submitted="")


def _name_in(sent: Mapping[str, object]) -> str:
    """The id that a lost `accept` was about; it stands in its address. Errors: ProviderUnavailable, because None would say
    that nothing was paid for."""
    url = sent.get("url")
    before, accept = url.rsplit("/", 1) if isinstance(url, str) and "/" in url else ("", "")
    if accept != "accept":
        raise ProviderUnavailable("nobody can tell which request this was", cause=str(url))
    return before.rpartition("/")[2]


def _body(request: Request, clip: Path) -> dict[str, Any]:
    size, rate, settings = request.format.size, request.format.rate, request.settings
    scale = settings.integer("scale") if settings.get("scale") is not None else 1
    encoder, sound = settings.text("encoder"), settings.get("audio") is True
    out = rate
    if "fps" in MODELS[request.model].fields:
        out = 2 * rate if settings.get("fps") is None else settings.fraction("fps")
        # At its own speed: a clip that lasts longer would be another shot.
        chosen: dict[str, Any] = {"slowmo": 1, "fps": _number(out)}
    else:
        weights = {name: value / 100 for name in WEIGHTS if isinstance(value := settings.get(name), int)}
        chosen = {"videoType": "Progressive", "auto": settings.text("auto"), **weights}
    return {
        "source": {
            "container": kind_of(clip)[1],
            "size": clip.stat().st_size,
            "duration": _number(request.seconds),
            "frameCount": request.frames,
            "frameRate": _number(rate),
            "resolution": {"width": size.width, "height": size.height},
        },
        "filters": [{"model": request.model, **chosen}],
        "output": {
            "resolution": {"width": size.width * scale, "height": size.height * scale},
            "frameRate": _number(out),
            "audioTransfer": "Copy" if sound else "None",
            **({"audioCodec": "AAC"} if sound else {}),
            "videoEncoder": encoder,
            "videoProfile": ENCODERS[encoder][0],
            "dynamicCompressionLevel": settings.text("compression_level"),
            "container": "mp4",
        },
    }


def _number(value: Fraction) -> int | float:
    return value.numerator if value.denominator == 1 else float(value)


def _addresses(answer: Body) -> list[str]:
    return [row.value for row in answer.rows("urls") if isinstance(row.value, str)]


def _bring_up(name: str, answer: Body, clip: Path, http: Http) -> None:
    """Uploads a clip to the addresses of an answer, and says that it is whole. May be done again: parts are overwritten, and
    the digest keeps a mixed-up clip from being worked on."""
    results: list[dict[str, Any]] = []
    with TemporaryDirectory(prefix="shotbuild-") as folder:
        urls = _addresses(answer)
        for number, (url, part) in enumerate(zip(urls, _parts(clip, len(urls), Path(folder)), strict=True), 1):
            reply = http.send("PUT", url, raw=part, bare=True, allow=NO_LONGER)
            if not reply.ok:
                raise ProviderUnavailable(f"Topaz did not take part {number} of the clip ({reply.status})")
            results.append({"partNum": number, "eTag": reply.headers.get("etag", "").strip('"') or "unused"})
    with clip.open("rb") as stream:
        digest = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    # Of one part the results are not looked at, but they have to be there.
    body = {"md5Hash": digest, "uploadResults": results or [{"partNum": 1, "eTag": "unused"}]}
    reply = http.send("PATCH", f"video/{name}/complete-upload/", body=body, allow=(400,))
    if not reply.ok:
        raise ProviderUnavailable("Topaz does not find the clip whole", cause=reply.text[:200])


def _parts(clip: Path, count: int, folder: Path) -> Iterator[Path]:
    """A file in so many parts of one size, the last one shorter; one part is the file itself. `Http` sends whole files, so
    that parts are files for a moment."""
    if count <= 1:
        yield from [clip] * count
        return
    size = -(-clip.stat().st_size // count)
    with clip.open("rb") as stream:
        for _ in range(count):
            part = folder / "part"
            part.write_bytes(stream.read(size))
            yield part


def _failure(status: Body) -> ProviderError:
    code, said = status.word("errorCode"), status.word("message") or "it says no more"
    cause = f"{code}: {said}" if code else said
    if code == "INSUFFICIENT_CREDITS":
        return OutOfFunds("the Topaz account has too few credits", cause=cause)
    if code in ("INVALID_INPUT", "CREDIT_DIFFERENCE"):
        return ProviderRefused("Topaz found the clip to be another one than it was told", cause=cause)
    if code in ("FORBIDDEN", "UNAUTHORIZED"):
        return KeyRefused("Topaz does not take the key", cause=cause)
    return VendorFault("Topaz failed to make it", cause=cause)
