"""Replicate: the adapter against its server, and the server against the vendor's own SDK."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from shotbuild.errors import (
    KeyRefused,
    Moderated,
    OutOfFunds,
    PinGone,
    ProviderRefused,
    ProviderUnavailable,
    RateLimited,
    VendorFault,
)
from shotbuild.host.network import Payment
from shotbuild.host.wire import LONGEST_WAIT, Reply
from shotbuild.providers.common import data_uri
from shotbuild.providers.interface import Doubt, Request, State, Wish, request_fields
from shotbuild.providers.replicate import MODELS, Replicate
from shotbuild.records import Fields, Operation, Pin, Price, fields
from tests.providers.driving import Driver, driving, request
from tests.servers.clips import clip
from tests.servers.replicate import SHA, VENDOR, ReplicateServer
from tests.servers.service import Fault

SERVICE = Replicate()
FREE = replace(VENDOR, model="version", settings={"version": SHA})


def wish(wanted: Request, **said: Any) -> Wish:
    base = {"prompt": wanted.prompt, "seconds": wanted.seconds, "format": wanted.format, "settings": wanted.settings}
    return Wish(**{**base, "references": tuple(role for role, _ in wanted.references), **said})


def keys_of(wanted: Request) -> list[str]:
    return [each.key for each in SERVICE.objections(wanted.model, wish(wanted))]


def submitted(driver: Driver) -> dict[str, Any]:
    """The body of the one paid call."""
    paid = [asked for asked in driver.server.asked if asked.method == "POST" and asked.path.endswith("/predictions")]
    assert len(paid) == driver.server.paid == 1
    body: dict[str, Any] = paid[0].body
    return body


def test_a_take_comes_back_as_the_service_made_it(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        _, status = driver.take(request(VENDOR, tmp_path), tmp_path / "take.mp4")
        assert (tmp_path / "take.mp4").read_bytes() == clip("5")
        assert (status.charged, status.pin) == (None, None)
        assert submitted(driver) == {
            "input": {
                "prompt": "A lighthouse at dawn.",
                "duration": 5,
                "seed": 7,
                "aspect_ratio": "16:9",
                "resolution": "1080p",
                "camera_fixed": False,
                "fps": 24,
            }
        }
        assert driver.server.asked[0].path == "/v1/models/bytedance/seedance-1-pro/predictions"


def test_a_small_reference_travels_in_the_request(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        wanted = request(VENDOR, tmp_path, roles=("first_frame", "last_frame"))
        SERVICE.submit(wanted, driver.connection())
        said = submitted(driver)["input"]
        files = dict(wanted.references)
        assert said["image"] == data_uri(files["first_frame"])
        assert said["last_frame_image"] == data_uri(files["last_frame"])
        assert driver.server.uploads == {}


def test_a_large_reference_goes_up_first(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        large = tmp_path / ("ab" * 32)
        large.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(300_000))
        wanted = request(VENDOR, tmp_path, references=(("first_frame", large),))
        SERVICE.submit(wanted, driver.connection())
        assert driver.server.uploads == {"file0": large.read_bytes()}
        assert submitted(driver)["input"]["image"] == f"{driver.server.url}/v1/files/file0"


def test_references_of_one_kind_are_a_list(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        wanted = request(VENDOR, tmp_path, model="bytedance/seedance-2.0", roles=("reference", "reference_2"), settings={})
        SERVICE.submit(wanted, driver.connection())
        assert submitted(driver)["input"]["reference_images"] == [data_uri(path) for _, path in wanted.references]


def test_prompts_are_not_rewritten(tmp_path: Path) -> None:
    with driving(replace(VENDOR, model="minimax/video-01")) as driver:
        SERVICE.submit(request(replace(VENDOR, model="minimax/video-01"), tmp_path), driver.connection())
        assert submitted(driver) == {"input": {"prompt": "A lighthouse at dawn.", "prompt_optimizer": False}}


def test_a_model_of_the_community_is_asked_by_its_content_hash(tmp_path: Path) -> None:
    settings = {"version": f"somebody/model:{SHA}", "image_field": "first", "frames_field": "num_frames"}
    with driving(FREE) as driver:
        more = {**settings, "input": '{"steps": 30, "seed": 1}'}
        wanted = request(FREE, tmp_path, roles=("first_frame",), settings=more)
        _, status = driver.take(wanted, tmp_path / "take.mp4")
        files = dict(wanted.references)
        assert submitted(driver) == {
            "version": SHA,
            "input": {
                "prompt": "A lighthouse at dawn.",
                "seed": 7,
                "num_frames": 120,
                "steps": 30,
                "first": data_uri(files["first_frame"]),
            },
        }
        assert status.pin == Pin(provider="replicate", model="somebody/model", version=SHA)


@pytest.mark.parametrize("version", ["latest", "somebody/model", SHA[:63], SHA.upper(), f"model:{SHA}"])
def test_only_a_content_hash_is_a_version(tmp_path: Path, version: str) -> None:
    assert keys_of(request(FREE, tmp_path, settings={"version": version})) == ["version"]
    assert keys_of(request(FREE, tmp_path)) == []


@pytest.mark.parametrize("more", ["[]", "steps: 3", "", '{"x": NaN}', "[" * 100_000])
def test_other_inputs_are_a_json_object(tmp_path: Path, more: str) -> None:
    assert keys_of(request(FREE, tmp_path, settings={"input": more})) == ["input"]


def test_a_reference_needs_the_name_of_its_input(tmp_path: Path) -> None:
    assert keys_of(request(FREE, tmp_path, roles=("last_frame",))) == ["references"]
    assert keys_of(request(FREE, tmp_path, roles=("last_frame",), settings={"last_image_field": "end"})) == []


@pytest.mark.parametrize(
    ("model", "roles", "seconds", "objections"),
    [
        ("kwaivgi/kling-v3-video", ("last_frame",), 5, 1),
        ("kwaivgi/kling-v3-video", ("first_frame", "last_frame"), 5, 0),
        ("bytedance/seedance-2.0", ("first_frame", "reference"), 5, 1),
        ("bytedance/seedance-2.0", ("reference", "reference_2"), 5, 0),
        ("google/veo-3.1", ("reference",), 5, 1),
        ("google/veo-3.1", ("reference",), 7, 0),
        ("google/veo-3.1", ("reference", "first_frame", "last_frame"), 8, 1),
    ],
)
def test_limits_that_span_fields_are_said(
    tmp_path: Path, model: str, roles: tuple[str, ...], seconds: int, objections: int
) -> None:
    vendor = replace(VENDOR, model=model)
    assert keys_of(request(vendor, tmp_path, roles=roles, seconds=seconds)) == ["references"] * objections


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        (Fault.SUBMIT_FUNDS, OutOfFunds, "Insufficient credit"),
        (Fault.SUBMIT_AUTH, KeyRefused, "authentication token"),
        (Fault.SUBMIT_MODEL_GONE, PinGone, "does not exist"),
        (Fault.SUBMIT_LIMITED, RateLimited, "throttled"),
        (Fault.SUBMIT_INVALID, ProviderRefused, "input.prompt: prompt must be a string"),
    ],
)
def test_a_refusal_is_told_by_its_body(tmp_path: Path, fault: Fault, error: type[Exception], words: str) -> None:
    with driving(VENDOR) as driver:
        driver.server.faults.append(fault)
        line = driver.connection()
        with pytest.raises(error) as caught:
            SERVICE.submit(request(VENDOR, tmp_path), line)
        assert type(caught.value) is error
        assert words in str(getattr(caught.value, "cause", ""))
        assert getattr(caught.value, "wait", 1.0) == 1.0
        assert (line.payment, driver.server.paid) == (Payment.REFUSED, 0)


@pytest.mark.parametrize(
    ("status", "content"),
    [
        (404, b"<html>"),
        (403, b""),
        (409, b'{"detail": "x"}'),
        (408, b"{}"),
        (302, b""),
        (500, b'{"detail": "x"}'),
        (503, b""),
    ],
)
def test_what_is_not_in_its_own_words_is_no_refusal(status: int, content: bytes) -> None:
    assert isinstance(SERVICE.fault(Reply(status, {}, content)), ProviderUnavailable)


def test_the_sentence_says_how_long_a_limit_lasts() -> None:
    for detail, wait in (("Request was throttled. Expected available in 12 seconds.", 12.0), ("Slow down.", None)):
        fault = SERVICE.fault(Reply(429, {}, f'{{"detail": "{detail}"}}'.encode()))
        assert isinstance(fault, RateLimited)
        assert fault.wait == wait


@pytest.mark.parametrize(("fault", "error"), [(Fault.POLL_MODERATED, Moderated), (Fault.POLL_FAULT, VendorFault)])
def test_a_failure_is_the_vendors_or_the_contents(tmp_path: Path, fault: Fault, error: type[Exception]) -> None:
    with driving(VENDOR) as driver:
        driver.server.faults.append(fault)
        status = driver.until_done(SERVICE.submit(request(VENDOR, tmp_path), driver.connection()))
        assert status.state is State.FAILED
        assert isinstance(status.fault, error)


def answered(body: dict[str, Any]) -> Any:
    """How a poll reads one body."""

    class Line:
        def get(self, *_: Any, **__: Any) -> Reply:
            return Reply(200, {}, json.dumps({"id": "a", **body}).encode())

    line: Any = Line()
    return SERVICE.poll(Operation(provider="replicate", id="a", submitted=""), line)


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("starting", State.QUEUED),
        ("processing", State.RUNNING),
        ("failed", State.FAILED),
        ("canceled", State.CANCELLED),
        ("aborted", State.CANCELLED),
        ("meditating", State.RUNNING),
    ],
)
def test_words_are_read_as_states(word: str, state: State) -> None:
    status = answered({"status": word})
    assert (status.state, status.word) == (state, word)
    free = Price(amount=Fraction(0), currency="USD", exact=True)
    assert status.charged == (free if word == "aborted" else None)


def test_a_bar_in_the_logs_is_progress(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        operation = SERVICE.submit(request(VENDOR, tmp_path), driver.connection())
        assert SERVICE.poll(operation, driver.connection()).progress == 40
    assert answered({"status": "processing", "logs": None}).progress is None


def test_an_output_that_was_removed_is_gone(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        operation = SERVICE.submit(request(VENDOR, tmp_path), driver.connection())
        driver.server.removed = True  # type: ignore[attr-defined]
        assert driver.until_done(operation).state is State.GONE
    assert isinstance(answered({"status": "succeeded", "output": None}).fault, VendorFault)


def test_an_operation_that_nobody_knows_is_gone(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        operation = Operation(provider="replicate", id="nothing", submitted="")
        assert SERVICE.poll(operation, driver.connection()).state is State.GONE


def test_older_models_answer_with_a_list(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        driver.server.lists = True  # type: ignore[attr-defined]
        driver.take(request(VENDOR, tmp_path), tmp_path / "take.mp4")
        assert (tmp_path / "take.mp4").read_bytes() == clip("5")


def test_the_address_is_asked_for_again(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        operation, _ = driver.take(request(VENDOR, tmp_path), tmp_path / "take.mp4")
        first = SERVICE.locate(operation, driver.connection())
        driver.server.jobs[operation.id].address += 1
        assert first.bare
        assert SERVICE.locate(operation, driver.connection()).url != first.url


def test_what_runs_can_be_taken_back_and_what_is_done_cannot(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        operation = SERVICE.submit(request(VENDOR, tmp_path), driver.connection())
        assert SERVICE.cancel(operation, driver.connection())
        assert driver.until_done(operation).state is State.CANCELLED
        done, _ = driver.take(request(VENDOR, tmp_path), tmp_path / "take.mp4")
        assert not SERVICE.cancel(done, driver.connection())
        assert not SERVICE.cancel(Operation(provider="replicate", id="nothing", submitted=""), driver.connection())


@pytest.mark.parametrize(
    ("word", "back"), [("canceled", True), ("aborted", True), ("processing", False), ("succeeded", False), ("", False)]
)
def test_only_what_says_that_it_was_taken_back_was(word: str, back: bool) -> None:
    class Line:
        def send(self, *_: Any, **__: Any) -> Reply:
            return Reply(200, {}, json.dumps({"status": word}).encode())

    line: Any = Line()
    assert SERVICE.cancel(Operation(provider="replicate", id="a", submitted=""), line) is back


def doubt(wanted: Request, *, ago: float = 1, known: frozenset[str] = frozenset()) -> Doubt:
    since = (datetime.now(UTC) - timedelta(seconds=ago)).isoformat()
    return Doubt(request=wanted, sent={}, since=since, known=known)


@pytest.mark.parametrize("vendor", [VENDOR, FREE], ids=["official", "version"])
def test_a_lost_submit_is_found_in_the_list(tmp_path: Path, vendor: Any) -> None:
    with driving(vendor) as driver:
        wanted = request(vendor, tmp_path, roles=("first_frame",))
        before = SERVICE.submit(replace(wanted, seed=8), driver.connection())
        lost = SERVICE.submit(wanted, driver.connection())
        for seed in range(20, 24):
            SERVICE.submit(replace(wanted, seed=seed), driver.connection())
        found = SERVICE.find(doubt(wanted), driver.connection())
        assert found is not None
        assert found.id == lost.id != before.id


def test_only_one_that_fits_is_found(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        wanted = request(VENDOR, tmp_path)
        line = driver.connection
        assert SERVICE.find(doubt(wanted), line()) is None
        first = SERVICE.submit(wanted, line())
        assert SERVICE.find(doubt(replace(wanted, model="bytedance/seedance-2.0")), line()) is None
        assert SERVICE.find(doubt(wanted, known=frozenset({first.id})), line()) is None
        assert SERVICE.find(doubt(wanted, ago=-120), line()) is None
        assert SERVICE.find(doubt(wanted, ago=590), line()) is not None
        assert SERVICE.find(doubt(wanted, ago=610), line()) is None
        second = SERVICE.submit(wanted, line())
        assert SERVICE.find(doubt(wanted), line()) is None
        found = SERVICE.find(doubt(wanted, known=frozenset({first.id})), line())
        assert found is not None
        assert found.id == second.id


def test_a_prediction_whose_inputs_were_removed_may_be_anybodys(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        wanted = request(VENDOR, tmp_path)
        SERVICE.submit(wanted, driver.connection())
        assert isinstance(driver.server, ReplicateServer)
        driver.server.removed = True
        assert SERVICE.find(doubt(wanted), driver.connection()) is None


def test_a_time_that_a_sentence_names_is_at_most_a_week() -> None:
    detail = f"Your rate limit resets in ~{'9' * 400}s."
    error = SERVICE.fault(Reply(429, {}, json.dumps({"detail": detail}).encode()))
    assert isinstance(error, RateLimited)
    assert error.wait == LONGEST_WAIT


def test_the_list_is_read_no_further_than_the_submit(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        wanted = request(VENDOR, tmp_path)
        for seed in range(6):
            SERVICE.submit(replace(wanted, seed=seed), driver.connection())
        for job in driver.server.jobs.values():
            job.created -= 600
        lost = SERVICE.submit(wanted, driver.connection())
        driver.server.asked.clear()
        found = SERVICE.find(doubt(wanted), driver.connection())
        assert found is not None
        assert found.id == lost.id
        assert len(driver.server.asked) == 1


@pytest.mark.parametrize(
    ("model", "amount"),
    [("kwaivgi/kling-v3-video", Fraction("1.68")), ("bytedance/seedance-1-pro", None), ("version", None)],
)
def test_a_price_is_known_or_said_to_be_unknown(tmp_path: Path, model: str, amount: Fraction | None) -> None:
    vendor = replace(VENDOR, model=model, settings={"version": SHA} if model == "version" else {})
    price = SERVICE.price(model, request_fields(request(vendor, tmp_path)))
    assert price == Price(amount=amount, currency="USD", exact=False)


def test_takes_are_silent_unless_sound_is_asked_for() -> None:
    for model in MODELS.values():
        defaults = {name: each.default for name, each in model.fields.items() if isinstance(each.default, bool)}
        assert not SERVICE.has_sound(model.name, Fields(tuple(defaults.items())))
    assert SERVICE.has_sound("google/veo-3.1", fields(audio=True))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:Core Pydantic V1 functionality:UserWarning")
def test_the_server_is_one_that_the_vendors_sdk_believes(tmp_path: Path) -> None:
    replicate = pytest.importorskip("replicate")
    from replicate.exceptions import ReplicateError

    with driving(VENDOR, polls=1) as driver:
        server = driver.server
        client = replicate.Client(api_token=server.key, base_url=server.url)
        official = client.predictions.create(model="bytedance/seedance-1-pro", input={"prompt": "x"})
        assert (official.status, official.version) == ("starting", "hidden")
        states = []
        for _ in range(2):
            official.reload()
            states.append(official.status)
        assert states == ["processing", "succeeded"]
        assert str(official.output).startswith(f"{server.url}/outputs/")
        pinned = client.predictions.create(version=SHA, input={"prompt": "x"})
        assert pinned.version == SHA
        pinned.reload()
        assert pinned.progress.percentage == 0.4
        pinned.cancel()
        assert pinned.status == "canceled"
        listed = client.predictions.list()
        assert [each.id for each in listed] == [pinned.id, official.id]
        path = tmp_path / "a.png"
        path.write_bytes(b"\x89PNG\r\n\x1a\n")
        made = client.files.create(path)
        assert server.uploads[made.id] == path.read_bytes()
        for fault, status in ((Fault.SUBMIT_FUNDS, 402), (Fault.SUBMIT_LIMITED, 429), (Fault.SUBMIT_INVALID, 422)):
            server.faults.append(fault)
            with pytest.raises(ReplicateError) as caught:
                client.predictions.create(version=SHA, input={"prompt": "x"})
            assert caught.value.status == status
        with pytest.raises(ReplicateError):
            client.predictions.get("nothing")
        client._client.close()
