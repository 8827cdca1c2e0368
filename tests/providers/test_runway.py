"""Runway: the adapter against its server, the server against the vendor's own SDK, each body against the SDK's types."""

import json
import typing
from collections.abc import Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from shotbuild.errors import (
    DailyCap,
    FateUnknown,
    KeyRefused,
    Moderated,
    OutOfFunds,
    PinGone,
    ProviderRefused,
    ProviderUnavailable,
    VendorFault,
)
from shotbuild.host.network import Limits, Payment
from shotbuild.host.wire import Reply
from shotbuild.providers.common import table_objections
from shotbuild.providers.interface import Request, Rewriting, State, Wish
from shotbuild.providers.runway import MODELS, WAYS, Runway
from shotbuild.records import Fields, Format, Price, fields
from shotbuild.spec.fields import Field
from shotbuild.spec.kinds import Choice, Factor, Integer, Truth
from shotbuild.units import parse_size
from tests.providers.driving import driving, reference, request
from tests.servers.clips import clip
from tests.servers.runway import VENDOR
from tests.servers.service import Fault

RUNWAY = Runway()


def test_a_take_comes_back_as_the_service_made_it(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        _, status = driver.take(request(VENDOR, tmp_path, roles=("first_frame",)), tmp_path / "take.mp4")
        assert (tmp_path / "take.mp4").read_bytes() == clip("5")
        assert status.charged == Price(amount=Fraction("0.6"), currency="USD", exact=True)
        body = next(asked.body for asked in driver.server.asked if asked.path == "/v1/image_to_video")
        assert body == {
            "model": "gen4.5",
            "promptText": "A lighthouse at dawn.",
            "duration": 5,
            "seed": 7,
            "ratio": "1280:720",
            "outputFormat": "mp4",
            "promptImage": [{"uri": "runway://u0", "position": "first"}],
        }
        assert driver.server.paid == 1
        assert driver.server.key not in "".join(driver.sent)


def test_references_arrive_byte_exact(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        asked = request(VENDOR, tmp_path, model="veo3.1", seconds=4, roles=("first_frame", "last_frame"))
        contents = [path.read_bytes() for _, path in asked.references]
        driver.service.submit(asked, driver.connection())
        assert list(driver.server.uploads.values()) == contents
        body = next(each.body for each in driver.server.asked if each.path == "/v1/image_to_video")
        assert body["promptImage"] == [
            {"uri": "runway://u0", "position": "first"},
            {"uri": "runway://u1", "position": "last"},
        ]


def test_a_clip_is_edited_and_enlarged_from_an_upload(tmp_path: Path) -> None:
    bodies = {
        "aleph2": {
            "model": "aleph2",
            "videoUri": "runway://u0",
            "promptText": "A lighthouse at dawn.",
            "outputFormat": "mp4",
            "seed": 7,
        },
        "magnific_video_upscaler_creative": {
            "model": "magnific_video_upscaler_creative",
            "videoUri": "runway://u0",
            "resolution": "2k",
            "creativity": 0,
            "sharpen": 0,
            "smartGrain": 0,
            "flavor": "natural",
            "fpsBoost": False,
        },
    }
    for model, expected in bodies.items():
        settings = {name: each.default for name, each in MODELS[model].fields.items() if each.default is not None}
        with driving(VENDOR) as driver:
            made = request(VENDOR, tmp_path, model=model, roles=("video",), settings=settings)
            driver.take(made, tmp_path / "take.mp4")
            path = "/v1/video_to_video" if model == "aleph2" else "/v1/video_upscale"
            assert next(each.body for each in driver.server.asked if each.path == path) == expected
            assert driver.server.uploads == {"u0": clip()}


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.SUBMIT_FUNDS, OutOfFunds),
        (Fault.SUBMIT_MODEL_GONE, PinGone),
        (Fault.SUBMIT_DAILY_CAP, DailyCap),
        (Fault.SUBMIT_LIMITED, DailyCap),
        (Fault.SUBMIT_AUTH, KeyRefused),
        (Fault.SUBMIT_INVALID, ProviderRefused),
    ],
)
def test_a_refusal_is_told_by_its_body(tmp_path: Path, fault: Fault, error: type[Exception]) -> None:
    with driving(VENDOR) as driver:
        driver.server.faults.append(fault)
        line = driver.connection()
        with pytest.raises(error) as caught:
            VENDOR.service.submit(request(VENDOR, tmp_path), line)
        assert type(caught.value) is error
        assert (line.payment, driver.server.paid) == (Payment.REFUSED, 0)


def test_a_refused_request_names_the_field(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        driver.server.faults.append(Fault.SUBMIT_INVALID)
        with pytest.raises(ProviderRefused) as caught:
            VENDOR.service.submit(request(VENDOR, tmp_path), driver.connection())
        assert caught.value.cause == "promptText: Too big: 1000 at most"


def test_a_daily_cap_says_how_long(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        driver.server.faults.append(Fault.SUBMIT_DAILY_CAP)
        with pytest.raises(DailyCap) as caught:
            VENDOR.service.submit(request(VENDOR, tmp_path), driver.connection())
        assert caught.value.wait == 3600


@pytest.mark.parametrize(
    "fault", [Fault.SUBMIT_DROP_BEFORE, Fault.SUBMIT_DROP_DURING, Fault.SUBMIT_DROP_AFTER, Fault.SUBMIT_500]
)
def test_a_lost_answer_leaves_the_fate_unknown(tmp_path: Path, fault: Fault) -> None:
    with driving(VENDOR) as driver:
        driver.server.faults.append(fault)
        line = driver.connection()
        with pytest.raises(FateUnknown):
            VENDOR.service.submit(request(VENDOR, tmp_path), line)
        assert line.payment is Payment.UNKNOWN


@pytest.mark.parametrize("status", [408, 409, 500, 502, 503, 504])
def test_what_says_neither_yes_nor_no_is_no_refusal(status: int) -> None:
    assert isinstance(RUNWAY.fault(Reply(status, {}, b"<html>")), ProviderUnavailable)


def test_moderation_is_no_fault_of_the_vendor(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        driver.server.faults.append(Fault.POLL_MODERATED)
        operation = VENDOR.service.submit(request(VENDOR, tmp_path), driver.connection())
        status = driver.until_done(operation)
        assert status.state is State.FAILED
        assert isinstance(status.fault, Moderated)
        assert status.charged == Price(amount=Fraction("0.6"), currency="USD", exact=True)


def test_a_fault_of_the_vendor_is_worth_a_new_attempt(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        driver.server.faults.append(Fault.POLL_FAULT)
        status = driver.until_done(VENDOR.service.submit(request(VENDOR, tmp_path), driver.connection()))
        assert isinstance(status.fault, VendorFault)
        assert status.fault.cause == "INTERNAL.BAD_OUTPUT.CODE01: Something went wrong"
        assert status.charged == Price(amount=Fraction(0), currency="USD", exact=True)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("SAFETY.INPUT.IMAGE", Moderated),
        ("SAFETY.OUTPUT.VIDEO", Moderated),
        ("INPUT_PREPROCESSING.SAFETY.TEXT", Moderated),
        ("INPUT_PREPROCESSING.INTERNAL", VendorFault),
        ("INTERNAL.BAD_OUTPUT.CODE01", VendorFault),
        ("THIRD_PARTY.UNAVAILABLE", VendorFault),
        ("INTERNAL", VendorFault),
        (None, VendorFault),
        ("ASSET.INVALID", ProviderRefused),
    ],
)
def test_a_failed_task_is_told_by_its_code(code: str | None, kind: type[Exception]) -> None:
    task = {"id": "t", "status": "FAILED", "failure": "no", "failureCode": code, "cost": {"credits": 0}}
    status = RUNWAY.poll(RUNWAY.submit(_plain("gen4.5"), Answers()), Answers(task))
    assert type(status.fault) is kind


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("PENDING", State.QUEUED),
        ("THROTTLED", State.QUEUED),
        ("RUNNING", State.RUNNING),
        ("SUCCEEDED", State.DONE),
        ("CANCELLED", State.CANCELLED),
        ("MEDITATING", State.RUNNING),
    ],
)
def test_a_word_says_how_it_stands(word: str, state: State) -> None:
    operation = RUNWAY.submit(_plain("gen4.5"), Answers())
    status = RUNWAY.poll(operation, Answers({"id": "t", "status": word, "progress": 0.25}))
    assert (status.state, status.word, status.progress) == (state, word, 25)


def test_an_unknown_word_is_waited_out(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        driver.server.faults.append(Fault.POLL_UNKNOWN)
        driver.take(request(VENDOR, tmp_path), tmp_path / "take.mp4")
        assert driver.server.paid == 1


def test_a_task_that_is_not_known_any_more_is_gone(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        driver.server.faults.append(Fault.POLL_GONE)
        operation = VENDOR.service.submit(request(VENDOR, tmp_path), driver.connection())
        assert driver.until_done(operation).state is State.GONE


def test_a_cancelled_task_says_so(tmp_path: Path) -> None:
    with driving(VENDOR, polls=5) as driver:
        operation = VENDOR.service.submit(request(VENDOR, tmp_path), driver.connection())
        assert VENDOR.service.cancel(operation, driver.connection())
        assert driver.until_done(operation).state is State.CANCELLED


def test_what_is_done_is_never_deleted(tmp_path: Path) -> None:
    with driving(VENDOR, polls=0) as driver:
        operation, _ = driver.take(request(VENDOR, tmp_path), tmp_path / "take.mp4")
        assert VENDOR.service.cancel(operation, driver.connection()) is False
        assert VENDOR.service.cancel(replace(operation, id="nothing"), driver.connection()) is False
        assert all(asked.method != "DELETE" for asked in driver.server.asked)
        assert VENDOR.service.poll(operation, driver.connection()).state is State.DONE


def test_an_expired_address_is_asked_for_again(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        operation = VENDOR.service.submit(request(VENDOR, tmp_path), driver.connection())
        driver.until_done(operation)
        first = VENDOR.service.locate(operation, driver.connection())
        driver.server.jobs[operation.id].address += 1
        fresh = VENDOR.service.locate(operation, driver.connection())
        assert first.url != fresh.url
        driver.connection().fetch(fresh.url, tmp_path / "take.mp4", bare=fresh.bare, limits=Limits())
        assert (tmp_path / "take.mp4").read_bytes() == clip("5")


# --- limits and prices ---------------------------------------------------------------------------------------------------


def _wish(model: str, *roles: str, size: str = "1280x720", prompt: str = "x", **settings: Any) -> Wish:
    defaults = {name: each.default for name, each in MODELS[model].fields.items() if isinstance(each.default, str | int)}
    return Wish(
        prompt=prompt,
        seconds=Fraction(5),
        format=Format(size=parse_size(size), rate=Fraction(24), color="bt709", pixels="yuv420p"),
        references=roles,
        settings=Fields(tuple(sorted({"ratio": None, **defaults, **settings}.items()))),
    )


@pytest.mark.parametrize(
    ("model", "roles", "settings", "keys"),
    [
        ("gen4.5", (), {}, []),
        ("gen4.5", (), {"ratio": "960:960"}, ["ratio"]),
        ("gen4.5", ("first_frame",), {"ratio": "960:960"}, []),
        ("gen4.5", (), {"size": "960x960"}, ["format"]),
        ("gen4.5", ("first_frame",), {"size": "960x960"}, []),
        ("veo3.1", ("last_frame",), {}, ["references"]),
        ("veo3.1", ("first_frame", "last_frame"), {}, []),
        ("seedance2", ("first_frame", "reference"), {}, ["references"]),
        ("seedance2", ("reference", "reference_2"), {}, []),
        ("klingO3_pro", ("reference",), {}, ["references"]),
        ("klingO3_pro", ("first_frame", "reference"), {}, []),
        ("kling2.5_turbo_pro", ("first_frame",), {"ratio": "1280:720"}, ["ratio"]),
        ("kling2.5_turbo_pro", ("first_frame",), {"size": "1998x1080"}, []),
        ("kling2.5_turbo_pro", (), {"size": "1998x1080"}, ["format"]),
        ("kling_4", (), {"ratio": "auto_720p"}, ["ratio"]),
        ("kling_4", ("first_frame",), {"ratio": "1280:720"}, ["ratio"]),
        ("kling_4", ("first_frame", *(f"reference_{n}" for n in range(2, 11)), "reference"), {}, ["references"]),
        ("wan3", ("first_frame",), {"ratio": "auto_1080p"}, []),
        ("happyhorse_1_0", (), {"ratio": "1080p"}, ["ratio"]),
        ("grok_imagine_1_5", ("reference",), {"resolution": "1080p"}, ["resolution"]),
        ("grok_imagine_1_5", ("reference",), {"resolution": "720p"}, []),
    ],
)
def test_what_a_model_does_not_make_is_said_before(
    model: str, roles: tuple[str, ...], settings: Mapping[str, Any], keys: list[str]
) -> None:
    assert [each.key for each in RUNWAY.objections(model, _wish(model, *roles, **settings))] == keys


@pytest.mark.parametrize(
    ("model", "seconds", "settings", "dollars"),
    [
        ("gen4.5", 5, {}, "0.6"),
        ("gen4_turbo", 1, {}, "0.1"),
        ("veo3.1", 5, {"audio": False}, "1.2"),
        ("veo3.1", 5, {"audio": True}, "2.4"),
        ("veo3.1_fast", 4, {"audio": True}, "0.6"),
        ("aleph2", 1, {}, "0.56"),
        ("aleph2", 4, {}, "1.12"),
        ("seedance2", 4, {"audio": False}, "1.44"),
        ("kling3.0_pro", 5, {"audio": False}, None),
    ],
)
def test_a_take_costs_what_the_list_says(model: str, seconds: int, settings: Mapping[str, Any], dollars: str | None) -> None:
    price = RUNWAY.price(model, fields(frames=seconds * 24, rate="24", settings=fields(**settings)))
    assert price == Price(amount=None if dollars is None else Fraction(dollars), currency="USD", exact=False)


def test_takes_are_silent_unless_sound_is_asked_for() -> None:
    for model in MODELS.values():
        default = Fields(tuple((name, each.default) for name, each in model.fields.items() if name == "audio"))
        assert not RUNWAY.has_sound(model.name, default)
    assert RUNWAY.has_sound("veo3.1", fields(audio=True))


# --- the vendor's own SDK ------------------------------------------------------------------------------------------------


def test_the_server_is_one_that_the_vendors_sdk_believes(tmp_path: Path) -> None:
    runwayml = pytest.importorskip("runwayml")
    with driving(VENDOR) as driver:
        server = driver.server
        client = runwayml.RunwayML(api_key=server.key, base_url=server.url, max_retries=0, _strict_response_validation=True)
        made = client.text_to_video.create(model="gen4.5", prompt_text="x", ratio="1280:720", duration=5)
        states = [client.tasks.retrieve(made.id).status for _ in range(2)]
        assert states == ["RUNNING", "SUCCEEDED"]
        client.tasks.delete(made.id)
        with pytest.raises(runwayml.NotFoundError):
            client.tasks.retrieve(made.id)
        stopped = client.text_to_video.create(model="gen4.5", prompt_text="x", ratio="1280:720", duration=5)
        client.tasks.delete(stopped.id)
        assert client.tasks.retrieve(stopped.id).status == "CANCELLED"
        for fault, error in (
            (Fault.SUBMIT_FUNDS, runwayml.BadRequestError),
            (Fault.SUBMIT_LIMITED, runwayml.RateLimitError),
            (Fault.SUBMIT_AUTH, runwayml.AuthenticationError),
        ):
            server.faults.append(fault)
            with pytest.raises(error):
                client.text_to_video.create(model="gen4.5", prompt_text="x", ratio="1280:720", duration=5)


def test_the_vendors_sdk_uploads_edits_and_enlarges_on_the_server(tmp_path: Path) -> None:
    runwayml = pytest.importorskip("runwayml")
    with driving(VENDOR, polls=0) as driver:
        server = driver.server
        client = runwayml.RunwayML(api_key=server.key, base_url=server.url, max_retries=0, _strict_response_validation=True)
        sent = client.uploads.create_ephemeral(file=("clip.mp4", clip()))
        assert server.uploads == {"u0": clip()}
        edited = client.video_to_video.create(model="aleph2", video_uri=sent.uri, prompt_text="x")
        larger = client.video_upscale.create(model="magnific_video_upscaler_creative", video_uri=sent.uri)
        server.faults += [Fault.POLL_FAULT, Fault.POLL_MODERATED]
        codes = [client.tasks.retrieve(each.id).failure_code for each in (edited, larger)]
        assert codes == ["INTERNAL.BAD_OUTPUT.CODE01", "SAFETY.INPUT.TEXT"]


class Answers:
    """`wire.Http` without a network: uploads get an address, other calls one answer; `paid` holds what would be paid for."""

    def __init__(self, answer: Any = None) -> None:
        self.known: Mapping[str, str] = {}
        self.answer = answer
        self.paid: list[tuple[str, Any]] = []

    def send(self, method: str, url: str, **_: Any) -> Reply:
        place = {"uploadUrl": "https://example.org/up", "fields": {}, "runwayUri": "runway://u"}
        return Reply(200, {}, json.dumps(place).encode())

    def get(self, url: str, query: Any = None, *, allow: tuple[int, ...] = ()) -> Reply:
        return Reply(200, {}, json.dumps(self.answer).encode())

    def pay(self, url: str, body: Mapping[str, Any], **_: Any) -> Reply:
        self.paid.append((url, body))
        return Reply(200, {}, b'{"id": "t"}')


def _plain(model: str, roles: tuple[tuple[str, Path], ...] = (), size: str = "1280x720", **settings: Any) -> Request:
    wish = _wish(model, size=size, **settings)
    return Request(
        project="film",
        shot="sh010",
        title="sh010",
        take=1,
        prompt="A lighthouse at dawn.",
        seed=7,
        frames=120,
        format=wish.format,
        references=roles,
        settings=wish.settings,
        recipe="ab" * 32,
        model=model,
    )


def _choices(each: Field) -> tuple[Any, ...]:
    match each.kind:
        case Choice():
            return (*each.kind.words, *([None] if each.default is None else []))
        case Truth():
            return (False, True)
        case Integer():
            return (each.kind.low, each.kind.high)
        case Factor():
            return ("0", "1/2", "1")
    return (None, "rain")


ROLES = (
    (),
    ("first_frame",),
    ("first_frame", "last_frame"),
    ("reference",),
    ("reference", "reference_2"),
    ("first_frame", "reference"),
    ("video",),
)
SIZES = ("1280x720", "720x1280", "1920x1080", "960x960", "3840x2160", "854x480")


def _bodies(model: str, folder: Path) -> Iterator[tuple[str, Any, str, Any]]:
    """(endpoint, body, setting, roles and size) for each body that the adapter makes where nothing is objected."""
    known = MODELS[model]
    required = {
        name: _choices(each)[0] for name, each in known.fields.items() if not isinstance(each.default, str | int | None)
    }
    varied = [(name, word) for name, each in known.fields.items() for word in _choices(each)] or [("", None)]
    for roles, size, (name, word) in product(ROLES, SIZES, varied):
        settings = {**required, **({name: word} if name else {})}
        wish = _wish(model, *roles, size=size, **settings)
        if not set(roles) <= set(known.roles) or [*RUNWAY.objections(model, wish), *table_objections(known, wish)]:
            continue
        http = Answers()
        given = tuple((role, folder / role) for role in roles)
        RUNWAY.submit(_plain(model, given, size, **settings), http)
        ((endpoint, body),) = http.paid
        yield endpoint, body, name, (roles, size)


@pytest.mark.parametrize("model", sorted(MODELS))
def test_every_body_is_one_that_the_vendors_sdk_could_send(model: str, tmp_path: Path) -> None:
    pytest.importorskip("runwayml")
    for role in ("first_frame", "last_frame", "reference", "reference_2", "video"):
        reference(tmp_path, role).rename(tmp_path / role)
    seen: dict[str, dict[Any, set[str]]] = {}
    endpoints = set()
    for endpoint, body, name, case in _bodies(model, tmp_path):
        assert wrong(_typed(endpoint, model), body, "") == [], body
        endpoints.add(endpoint)
        seen.setdefault(name, {}).setdefault(case, set()).add(json.dumps(body, sort_keys=True))
    assert endpoints
    for name in MODELS[model].fields:
        assert max(map(len, seen[name].values())) > 1, f"{name} is never sent"


@pytest.mark.parametrize("model", sorted(MODELS))
def test_a_seed_is_sent_where_the_vendors_sdk_has_one(model: str) -> None:
    pytest.importorskip("runwayml")
    known = MODELS[model]
    endpoints = [f"v1/{WAYS[model].path}"] if WAYS[model].path else ["v1/image_to_video"]
    for endpoint in endpoints:
        names = _names(_typed(endpoint, model))
        assert ("seed" in names) == known.seeded
        assert ("audio" in names) == ("audio" in known.fields)
        assert ("promptExpansionMode" in names) == (known.rewriting is Rewriting.OFF)


def test_the_check_of_bodies_finds_what_is_wrong() -> None:
    pytest.importorskip("runwayml")
    shape = _typed("v1/text_to_video", "gen4.5")
    right = {"model": "gen4.5", "promptText": "x", "duration": 5, "ratio": "1280:720"}
    assert wrong(shape, right, "") == []
    assert wrong(shape, {**right, "ratio": "960:960"}, "") != []
    assert wrong(shape, {**right, "audio": True}, "") != []
    assert wrong(shape, {**right, "duration": "5"}, "") != []
    assert wrong(shape, {name: value for name, value in right.items() if name != "ratio"}, "") != []


@cache
def _typed(endpoint: str, model: str) -> Any:
    """The SDK's class for a request to an endpoint with a model."""
    from runwayml import types

    name = "".join(word.capitalize() for word in endpoint.removeprefix("v1/").split("_")) + "CreateParams"
    for kind in typing.get_args(getattr(types, name)):
        if model in typing.get_args(_names(kind)["model"][0]):
            return kind
    raise AssertionError(f"{name} has no {model}")


@cache
def _names(kind: Any) -> Mapping[str, tuple[Any, bool]]:
    """Name on the wire → type, whether it has to be there."""
    found = {}
    for name, hint in typing.get_type_hints(kind, include_extras=True).items():
        alias, required, inner = name, False, hint
        while typing.get_origin(inner) in (typing.Annotated, typing.Required):
            required = required or typing.get_origin(inner) is typing.Required
            alias = next((each.alias for each in getattr(inner, "__metadata__", ()) if each.alias), alias)
            inner = typing.get_args(inner)[0]
        found[alias] = (inner, required)
    return found


def wrong(kind: Any, value: Any, at: str) -> list[str]:
    """What of a JSON value is not of a type of the SDK."""
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if hasattr(kind, "__required_keys__"):
        names = _names(kind)
        missing = [f"{at}.{name} is missing" for name, (_, required) in names.items() if required and name not in value]
        unknown = [f"{at}.{name} is unknown" for name in value if name not in names]
        inner = [each for name in value if name in names for each in wrong(names[name][0], value[name], f"{at}.{name}")]
        return missing + unknown + inner
    if origin is typing.Literal:
        return [] if value in args else [f"{at} is {value!r}, none of {args}"]
    if origin is typing.Union:
        return [] if any(not wrong(each, value, at) for each in args) else [f"{at} is {value!r}, not {kind}"]
    if origin is not None and isinstance(value, list):
        return [each for number, item in enumerate(value) for each in wrong(args[0], item, f"{at}.{number}")]
    plain = origin is None and (type(value) is kind or (kind is float and type(value) is int) or kind is object)
    return [] if plain else [f"{at} is {value!r}, not {kind}"]
