"""Provider `cog`: a container of one's own that speaks the HTTP API of Replicate's cog, of 0.16 or 0.23.

It asks on this machine or in one's own network, for no money, so it is asked in one call and again when that was lost. The
image is pinned by the digest in the spec, which the API cannot prove, and the container by the schema that it shows. A shot
is put under the names that the model has for its inputs, and nothing is sent under a name that it does not have: the server
would drop it without a word.
"""

import json
import os
import re
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import urlsplit

from shotbuild.digest import from_plain, version_of
from shotbuild.errors import BadTake, MediaError, ProviderRefused, ShotbuildError, nearest
from shotbuild.host.wire import Account
from shotbuild.providers.common import data_uri, decoded, kind_of, refused, whole_seconds
from shotbuild.providers.containers.schema import Input, Interface
from shotbuild.providers.containers.server import (
    ADDRESS,
    PATIENCE,
    STARTING,
    TOKEN,
    Container,
    State,
    account_of,
    reached,
    unready,
    usable,
)
from shotbuild.providers.interface import Facts, Model, Objection, Receipt, Request, Site, Strength, Wish, Workplace
from shotbuild.records import FREE, Fields, Price, Value, fields
from shotbuild.spec.fields import REQUIRED, Field, integer, text, truth
from shotbuild.spec.kinds import Parsed
from shotbuild.spec.plain import parse_decimals
from shotbuild.units import rounded_product

NONE = "-"
"""Written for an input that a model does not have."""
IMAGE = re.compile(r"(?:[\w.:/-]+@)?sha256:[0-9a-f]{64}")
ROLES = {
    "first_frame": "image_field",
    "last_frame": "last_image_field",
    "reference": "reference_field",
    "video": "video_field",
}
"""Role → the setting that names its input."""
FAMILIES = {"mp4": "mp4", "mov": "mp4", "webm": "mkv", "mkv": "mkv"}
"""Model → what its files begin like."""
FILMS = tuple(f".{name}" for name in FAMILIES)
UNPROVEN = "the API does not tell which image runs: nobody has compared it with the one of the spec"
UNTOLD = "cog {} does not tell it"
REMEMBERED = 30.0
"""Seconds for which what was found is believed while many shots are held against it."""
FROM_ELSEWHERE = "start the server without `--upload-url`: then the take comes within the answer"


def _image(written: str) -> str:
    if not IMAGE.fullmatch(written):
        raise ValueError("an image by its digest, such as `sha256:…` with 64 digits, or `name@sha256:…`")
    return written


def _name(default: str, what: str) -> Field:
    return text(default=default, doc=f"The name of the model's input for {what}; `{NONE}` where it has none.", longest=100)


def _model(extension: str) -> Model:
    return Model(
        name=extension,
        version="1",
        fields={
            "image": Field(
                Parsed(_image, r"sha256:[0-9a-f]{64}$"),
                REQUIRED,
                "The digest of the image that runs, of `docker inspect`.",
            ),
            "prompt_field": _name("prompt", "the prompt"),
            "seed_field": _name("seed", "the seed"),
            "frames_field": _name("num_frames", "the number of frames"),
            "width_field": _name("width", "the width in pixels"),
            "height_field": _name("height", "the height in pixels"),
            "fps_field": _name("fps", "the frames in a second"),
            "duration_field": _name(NONE, "the length in seconds"),
            "image_field": _name("image", "the first frame"),
            "last_image_field": _name(NONE, "the last frame"),
            "reference_field": _name(NONE, "the reference"),
            "video_field": _name(NONE, "the video"),
            "negative_prompt": text(default=None, doc="What should not be seen."),
            "negative_prompt_field": _name("negative_prompt", "that"),
            "input": text(default="{}", doc="Its other inputs, as a JSON object."),
            "sound": truth(default=False, doc="Whether its takes carry sound."),
            "deadline": integer(1, 604_800, default=3600, doc="Seconds that one take may last, with the wait for room."),
        },
        roles=tuple(ROLES),
        seconds=3600,
        extension=extension,
        strength=Strength.VERSION,
        notes="Nobody checks which image runs: the digest in the spec stands for it. The lock has the schema that it shows.",
    )


MODELS = {model.name: model for model in map(_model, FAMILIES)}
"""By the file that the container makes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One input as it is to be sent. value: None = not known yet; key: what of a shot it is, as in `Objection`; setting: the
    one that names the input."""

    name: str
    value: Any
    key: str
    setting: str


class Cog:
    name = "cog"
    models: Mapping[str, Model] = MODELS

    def price(self, model: str, request: Fields) -> Price:
        return FREE

    def has_sound(self, model: str, settings: Fields) -> bool:
        return settings.get("sound") is True

    def objections(self, model: str, wish: Wish) -> Iterable[Objection]:
        more = _object(str(wish.settings.get("input")))
        if more is None:
            yield Objection(
                key="input", message="this is no JSON object", remedy="""write for example `'{"num_inference_steps": 30}'`"""
            )
        for role in wish.references:
            if wish.settings.get(ROLES.get(role, "")) == NONE:
                yield Objection(
                    key="references",
                    message=f"the model's input for the `{role}` has no name",
                    remedy=f"add `settings: {{{ROLES[role]}: …}}`",
                )
        settings_of: dict[str, str] = {}
        for asked in _wished(wish):
            if more and asked.name in more:
                yield Objection(
                    key="input",
                    message=f"{asked.name!r} is sent twice",
                    cause=f"`{asked.setting}` names it as well",
                    remedy=f"take it out of `input`, or write `{asked.setting}: {NONE!r}`",
                )
            if asked.name in settings_of:
                yield Objection(
                    key=asked.setting,
                    message=f"the input {asked.name!r} has two meanings",
                    cause=f"`{settings_of[asked.name]}` names it as well",
                    remedy="write another name, or `-`",
                )
            settings_of[asked.name] = asked.setting

    # --- what it is -----------------------------------------------------------------------------------------------------

    def subject(self, model: str, settings: Fields) -> str:
        return settings.text("image")

    def examine(self, model: str, settings: Fields, site: Site) -> Facts:
        return _facts(settings, *_look(account_of(os.environ)))

    def inspect(self, model: str, wish: Wish, facts: Facts | None, site: Site) -> Iterable[Objection]:
        """Looks at the container alone: what the lock says of its schema is a digest, and says of no input what it takes."""
        moment = int(time.monotonic() / REMEMBERED)
        found = _remembered(os.environ.get(ADDRESS, ""), os.environ.get(TOKEN, ""), moment)
        if isinstance(found, ShotbuildError):
            raise found
        _, interface = found
        if interface is not None:
            yield from _objections(interface, _wished(wish), _object(str(wish.settings.get("input"))) or {})

    # --- one take -------------------------------------------------------------------------------------------------------

    def make(self, request: Request, workplace: Workplace, into: Path) -> Receipt:
        """Asks the container, and keeps the one clip of its answer. Errors: ProviderRefused before it is asked; VendorFault
        when it failed; BadTake when what it made is not what was asked for; Cancelled."""
        wish = request.wish
        for objection in self.objections(request.model, wish):
            raise refused(objection)
        more = _object(request.settings.text("input")) or {}
        asked = tuple(_asked(request.settings, wish, request.seed, request.frames, dict(request.references)))
        with reached(account_of(os.environ), request.settings.integer("deadline"), workplace.cancel) as container:
            state = container.ready()
            interface = container.interface()
            _hold(request, _facts(request.settings, state, interface))
            for objection in _objections(interface, asked, more) if interface is not None else ():
                raise refused(objection)
            made = container.predict({**more, **{each.name: _sent(each.value) for each in asked}})
            output = film_of(made.at("output"))
            _keep(output, container, workplace.folder / "take", account_of(os.environ))
        _check(workplace.folder / "take", request, self.has_sound(request.model, request.settings))
        shutil.move(workplace.folder / "take", into)
        shown = {**more, **{each.name: _shown(each.value) for each in asked}}
        return Receipt(
            sent=fields(image=request.settings.text("image"), input=_value(shown)),
            answered=fields(
                id=made.word("id"),
                output=output.partition("?")[0][:500] if output.startswith("http") else output[:40].partition(",")[0],
                predict_time=f"{seconds:.3f}" if (seconds := made.number("metrics", "predict_time")) is not None else None,
                schema=interface.digest if interface is not None else None,
                versions=Fields(tuple(sorted(state.versions.items()))),
                logs=made.word("logs")[-2000:],
            ),
            pin=None,
            charged=None,
        )


# --- what it is ---------------------------------------------------------------------------------------------------------


def _look(account: Account) -> tuple[State, Interface | None]:
    """What a container says of itself. Errors: ProviderUnavailable also while it starts: before it is ready, a newer one
    shows no schema, as if it had none."""
    with reached(account, PATIENCE, Event()) as container:
        state = usable(container.state())
        if state.word == STARTING:
            raise unready(state)
        return state, container.interface()


@lru_cache(maxsize=4)
def _remembered(address: str, token: str, _moment: int) -> tuple[State, Interface | None] | ShotbuildError:
    """What was found of a container, whichever way it went: many shots are held against one. Another moment looks anew."""
    try:
        return _look(account_of({ADDRESS: address, TOKEN: token}))
    except ShotbuildError as error:
        return error


def _facts(settings: Fields, state: State, interface: Interface | None) -> Facts:
    pinned: dict[str, Value] = {"image": settings.text("image").rpartition("@")[2]}
    unread: dict[str, Value] = {"running image": UNPROVEN}
    for name in ("cog", "coglet", "python", "python_sdk"):
        if name in state.versions:
            pinned[name] = state.versions[name]
        else:
            unread[name] = UNTOLD.format(state.versions.get("cog", "of an unknown version"))
    if interface is None:
        unread["schema"] = "the server shows none (`/openapi.json`), so nobody checks what it is given"
    else:
        shown = {name: str(each) for name, each in interface.inputs.items()}
        pinned["schema"] = fields(sha256=interface.digest, inputs=Fields(tuple(sorted(shown.items()))))
    return Facts(pinned=Fields(tuple(sorted(pinned.items()))), unread=Fields(tuple(sorted(unread.items()))))


def _hold(request: Request, facts: Facts) -> None:
    """A build looks once, and a container may be replaced while it goes on. Errors: ProviderRefused."""
    if request.version.startswith("sha256:") and request.version != version_of(facts):
        raise ProviderRefused(
            "the container is not the one that the take was to be made by",
            cause=f"it is {version_of(facts)[:19]}…, the recipe has {request.version[:19]}…",
            hint="`shotbuild lock` tells what differs",
        )


# --- what is asked ------------------------------------------------------------------------------------------------------


def _wished(wish: Wish) -> Iterator[Asked]:
    """What would be sent of a wish; its seed and its files are not known yet."""
    frames = rounded_product(wish.seconds, wish.format.rate)
    return _asked(wish.settings, wish, None, frames, dict.fromkeys(wish.references))


def _asked(settings: Fields, wish: Wish, seed: int | None, frames: int, files: Mapping[str, Path | None]) -> Iterator[Asked]:
    seconds = Fraction(frames) / wish.format.rate
    values: list[tuple[str, Any, str]] = [
        ("prompt_field", wish.prompt, "prompt"),
        ("seed_field", seed, "seed"),
        ("frames_field", frames, "duration"),
        ("width_field", wish.format.size.width, "format"),
        ("height_field", wish.format.size.height, "format"),
        ("fps_field", _number(wish.format.rate), "format"),
        ("duration_field", seconds, "duration"),
    ]
    if isinstance(settings.get("negative_prompt"), str):
        values.append(("negative_prompt_field", settings.get("negative_prompt"), "negative_prompt"))
    values += [(ROLES[role], path, "references") for role, path in sorted(files.items()) if role in ROLES]
    for setting, value, key in values:
        name = settings.get(setting)
        if isinstance(name, str) and name != NONE:
            yield Asked(name=name, value=value, key=key, setting=setting)


def _number(value: Fraction) -> int | float:
    return int(value) if value.denominator == 1 else float(value)


def _sent(value: Any) -> Any:
    """A value as JSON has it. Lengths in seconds go up to whole ones: the tail is trimmed in the cut."""
    if isinstance(value, Path):
        return data_uri(value)
    return whole_seconds(value) if isinstance(value, Fraction) else value


def _shown(value: Any) -> Any:
    """The same for the record: files by the digest that they are named by."""
    return f"sha256:{value.name}" if isinstance(value, Path) else _sent(value)


def _objections(interface: Interface, asked: Iterable[Asked], more: Mapping[str, Any]) -> Iterator[Objection]:
    """What a container would drop or not take."""
    given = set(more)
    for each in asked:
        given.add(each.name)
        known = interface.inputs.get(each.name)
        if known is None:
            yield _unknown(interface, each.name, each.setting, f"`{each.setting}: {NONE!r}` if it has none for this")
        elif each.value is not None and (why := _refusal(known, each.value)):
            yield Objection(key=each.key, message=f"the container does not take this as `{each.name}`", cause=why)
    for name, value in sorted(more.items()):
        if name not in interface.inputs:
            yield _unknown(interface, name, "input", "take it out")
        elif why := interface.inputs[name].refusal(value):
            yield Objection(key="input", message=f"the container does not take this as `{name}`", cause=why)
    for name, known in sorted(interface.inputs.items()):
        if known.required and name not in given:
            remedy = f"""write `input: '{{"{name}": …}}'`, or name what it stands for"""
            yield Objection(key="input", message=f"the container needs the input `{name}`", cause=str(known), remedy=remedy)


def _refusal(known: Input, value: Any) -> str:
    return known.refusal("data:" if isinstance(value, Path) else _sent(value))


def _unknown(interface: Interface, name: str, key: str, otherwise: str) -> Objection:
    guess = nearest(name, sorted(interface.inputs))
    return Objection(
        key=key,
        message=f"the container has no input `{name}`, and would drop it without a word",
        cause=f"it has {', '.join(sorted(interface.inputs)) or 'none'}"[:500],
        remedy=f"write `{guess}`, or {otherwise}" if guess else f"write the name that it has, or {otherwise}",
    )


def _object(written: str) -> dict[str, Any] | None:
    """A JSON object; None where the text is none."""
    try:
        value = json.loads(written, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _no_number(word: str) -> None:
    raise ValueError(word)


def _value(said: Mapping[str, Any]) -> Value:
    """JSON as the record keeps it, numbers with a point by their text."""
    return from_plain(parse_decimals(json.dumps(said)))


# --- what comes back ----------------------------------------------------------------------------------------------------


def film_of(output: Any) -> str:
    """The one clip of an output, as a data URI or an address: it alone, in a list, or under a name. Where there are several,
    the one under `video` is meant. Errors: BadTake."""
    found = list(_films(output))
    named = [film for name, film in found if name == "video"]
    films = named if len(named) == 1 else [film for _, film in found]
    if len(films) == 1:
        return films[0]
    said = [name or "without a name" for name, _ in found]
    cause = f"it has {len(found)} clips: {', '.join(said)}" if found else f"it is {_described(output)}"
    raise BadTake("the container's output is not one clip", cause=cause[:500], hint="take a model that makes one video")


def _films(output: Any, name: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    if isinstance(output, str) and _is_film(output):
        yield name, output
    if depth > 3:
        return
    if isinstance(output, list):
        for each in output:
            yield from _films(each, name, depth + 1)
    if isinstance(output, dict):
        for key, each in output.items():
            yield from _films(each, str(key), depth + 1)


def _is_film(said: str) -> bool:
    if said.startswith("data:"):
        # A file whose name says nothing of what it is is sent as mere bytes.
        return said.startswith(("data:video/", "data:application/octet-stream"))
    return said.startswith(("http://", "https://")) and said.partition("?")[0].lower().endswith(FILMS)


def _described(output: Any) -> str:
    if isinstance(output, str):
        return f"text: {output[:60]}…" if len(output) > 60 else f"text: {output}"
    return "nothing" if output is None else json.dumps(output)[:200]


def _keep(output: str, container: Container, into: Path, account: Account) -> None:
    if output.startswith("data:"):
        head, _, content = output.partition(",")
        if not head.endswith(";base64"):
            raise BadTake("the container sent a take that is no base64", cause=head[:100])
        into.write_bytes(decoded(content, "the container"))
        return
    if not output.startswith("https://") and not output.startswith(f"{_origin(account.address)}/"):
        raise ProviderRefused(
            "the container put the take where it is not fetched from",
            cause=f"{output.partition('?')[0][:200]} is neither the container itself nor a public place over https",
            hint=FROM_ELSEWHERE,
        )
    try:
        container.fetch(output, into)
    except BadTake as error:
        error.hint = error.hint or FROM_ELSEWHERE
        raise


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


def _check(take: Path, request: Request, sound: bool) -> None:
    """Errors: BadTake when a take is not as it was asked for: a container decides that by itself."""
    kind = kind_of(take)[1]
    if kind != FAMILIES[request.model]:
        raise BadTake(
            f"the container made a .{kind}, not a .{request.model}",
            hint=f"write `model: {kind}`" if kind in FAMILIES else "take a model that makes a video file",
        )
    try:
        found = import_module("shotbuild.media.probe").probe(take)  # it loads the decoders
    except MediaError as error:
        raise BadTake("the container made a clip that cannot be read", cause=error.cause or error.message) from error
    video, wanted = found.video, request.format
    asked = (request.frames, wanted.size.width, wanted.size.height, wanted.rate)
    got = (video.frames, video.width, video.height, video.rate)
    if asked != got:
        raise BadTake(
            "the container made another clip than was asked for",
            cause=f"asked: {_clip(*asked)}; got: {_clip(*got)}",
            hint="name its inputs under `frames_field`, `width_field`, `height_field` and `fps_field`, or take the format "
            "that it makes",
        )
    if sound and found.sound is None:
        raise BadTake("the container's clip has no sound", hint="take `sound: true` out")


def _clip(frames: int, width: int, height: int, rate: Fraction) -> str:
    return f"{frames} frames {width}x{height} at {rate}"
