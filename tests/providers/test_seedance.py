"""Seedance: the adapter against its server, and the server against BytePlus' own SDK."""

import base64
import json
from collections.abc import Iterator
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
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    RateLimited,
    VendorFault,
)
from shotbuild.host.wire import Payment, Reply
from shotbuild.providers.common import table_objections
from shotbuild.providers.interface import Doubt, Request, State, Wish
from shotbuild.records import Fields, Format, Pin, Price, fields
from shotbuild.units import parse_size
from tests.providers.driving import Driver, driving, request
from tests.servers.clips import clip
from tests.servers.seedance import BASE, VENDOR
from tests.servers.service import Asked, Fault, Given

SERVICE = VENDOR.service
NEWEST = "dreamina-seedance-2-5-260628"


@pytest.fixture
def driver() -> Iterator[Driver]:
    with driving(VENDOR) as made:
        yield made


def paid_body(driver: Driver) -> dict[str, Any]:
    body: dict[str, Any] = next(iter(driver.server.jobs.values())).request.body
    return body


def wish(model: str, *references: str, size: str = "1280x720", seconds: int = 5) -> Wish:
    shape = Format(size=parse_size(size), rate=Fraction(24), color="bt709", pixels="yuv420p")
    return Wish(prompt="x", seconds=Fraction(seconds), format=shape, references=references, settings=Fields())


def test_a_take_comes_back_as_the_service_made_it(driver: Driver, tmp_path: Path) -> None:
    _, status = driver.take(request(VENDOR, tmp_path), tmp_path / "take.mp4")
    assert (tmp_path / "take.mp4").read_bytes() == clip("5")
    assert status.pin == Pin(provider="seedance", model=VENDOR.model, version=VENDOR.model)
    assert paid_body(driver) == {
        "model": "seedance-1-5-pro-251215",
        "content": [{"type": "text", "text": "A lighthouse at dawn."}],
        "duration": 5,
        "watermark": False,
        "resolution": "720p",
        "ratio": "16:9",
        "generate_audio": False,
        "camera_fixed": False,
        "seed": 7,
    }
    assert driver.server.paid == 1


def test_frames_go_along_as_they_are_and_stay_out_of_the_record(driver: Driver, tmp_path: Path) -> None:
    asked = request(VENDOR, tmp_path, roles=("first_frame", "last_frame"))
    driver.take(asked, tmp_path / "take.mp4")
    parts = paid_body(driver)["content"][1:]
    assert [part["role"] for part in parts] == ["first_frame", "last_frame"]
    for part in parts:
        kind, _, text = part["image_url"]["url"].partition(",")
        path = asked.file(part["role"])
        assert kind == "data:image/png;base64"
        assert path is not None
        assert base64.b64decode(text) == path.read_bytes()
    assert json.loads(driver.sent[0])["body"]["watermark"] is False


def test_references_go_in_their_order_and_2_x_gets_no_seed(driver: Driver, tmp_path: Path) -> None:
    newest = replace(VENDOR, model=NEWEST)
    asked = request(newest, tmp_path, roles=("reference_2", "reference"), settings={"ratio": "21:9"})
    driver.take(asked, tmp_path / "take.mp4")
    body = paid_body(driver)
    assert not {"seed", "camera_fixed"} & set(body)
    assert body["ratio"] == "21:9"
    first, second = asked.file("reference"), asked.file("reference_2")
    assert first is not None
    assert second is not None
    sent = [base64.b64decode(part["image_url"]["url"].partition(",")[2]) for part in body["content"][1:]]
    assert sent == [first.read_bytes(), second.read_bytes()]
    assert {part["role"] for part in body["content"][1:]} == {"reference_image"}


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.SUBMIT_INVALID, ProviderRefused),
        (Fault.SUBMIT_AUTH, KeyRefused),
        (Fault.SUBMIT_FUNDS, OutOfFunds),
        (Fault.SUBMIT_MODEL_GONE, PinGone),
        (Fault.SUBMIT_MODERATED, Moderated),
        (Fault.SUBMIT_LIMITED, RateLimited),
    ],
)
def test_a_refusal_is_told_by_its_body(driver: Driver, tmp_path: Path, fault: Fault, error: type[Exception]) -> None:
    driver.server.faults.append(fault)
    line = driver.connection()
    with pytest.raises(ProviderError) as caught:
        SERVICE.submit(request(VENDOR, tmp_path), line)
    assert type(caught.value) is error
    assert (line.payment, driver.server.paid) == (Payment.REFUSED, 0)


def test_a_refused_value_is_told_with_its_field(driver: Driver, tmp_path: Path) -> None:
    driver.server.faults.append(Fault.SUBMIT_INVALID)
    with pytest.raises(ProviderRefused) as caught:
        SERVICE.submit(request(VENDOR, tmp_path), driver.connection())
    assert caught.value.cause == "InvalidParameter: duration: the value is not valid"


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (429, "ServerOverloaded", RateLimited),
        (503, "ServerOverloaded", RateLimited),
        (429, "QuotaExceeded", RateLimited),
        (403, "AccessDenied", KeyRefused),
        (400, "InvalidEndpoint.ClosedEndpoint", ProviderRefused),
        (404, "InvalidEndpointOrModel.NotFound", PinGone),
        (400, "InputImageRiskDetection", Moderated),
        (500, "InternalServiceError", ProviderUnavailable),
        (409, "Conflict", ProviderUnavailable),
        (400, "", ProviderUnavailable),
    ],
)
def test_each_code_has_its_kind(status: int, code: str, error: type[Exception]) -> None:
    reply = Reply(status, {}, json.dumps({"error": {"code": code, "message": "m"}}).encode())
    assert type(SERVICE.fault(reply)) is error


def test_what_cannot_be_read_is_no_refusal() -> None:
    assert type(SERVICE.fault(Reply(403, {}, b"<html>proxy</html>"))) is ProviderUnavailable
    assert SERVICE.fault(Reply(200, {}, b"{}")) is None


@pytest.mark.parametrize(("fault", "error"), [(Fault.POLL_MODERATED, Moderated), (Fault.POLL_FAULT, VendorFault)])
def test_a_failure_says_whose_it_is(driver: Driver, tmp_path: Path, fault: Fault, error: type[Exception]) -> None:
    driver.server.faults.append(fault)
    operation = SERVICE.submit(request(VENDOR, tmp_path), driver.connection())
    status = driver.until_done(operation)
    assert (status.state, type(status.fault)) == (State.FAILED, error)


@pytest.mark.parametrize(
    ("answer", "state", "error"),
    [
        ({"status": "queued"}, State.QUEUED, None),
        ({"status": "running", "error": None}, State.RUNNING, None),
        ({"status": "contemplating"}, State.RUNNING, None),
        ({"status": "cancelled"}, State.CANCELLED, None),
        ({"status": "expired"}, State.FAILED, VendorFault),
        ({"status": "failed", "error": {"code": "InvalidParameter.Image", "message": "m"}}, State.FAILED, ProviderRefused),
    ],
)
def test_words_of_a_status(tmp_path: Path, answer: dict[str, Any], state: State, error: type[Exception] | None) -> None:
    with driving(VENDOR) as driver:
        operation = SERVICE.submit(request(VENDOR, tmp_path), driver.connection())
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(driver.server, "answer", lambda asked: Given(200, answer))
            status = SERVICE.poll(operation, driver.connection())
    assert (status.state, status.word) == (state, answer["status"])
    assert type(status.fault) is (error or type(None))


def test_a_task_that_is_no_longer_known_is_gone(driver: Driver, tmp_path: Path) -> None:
    driver.server.faults.append(Fault.POLL_GONE)
    operation = SERVICE.submit(request(VENDOR, tmp_path), driver.connection())
    assert driver.until_done(operation).state is State.GONE


def test_an_address_is_asked_for_again(driver: Driver, tmp_path: Path) -> None:
    operation, _ = driver.take(request(VENDOR, tmp_path), tmp_path / "take.mp4")
    driver.server.jobs[operation.id].address += 1
    assert "/2.mp4" in SERVICE.locate(operation, driver.connection()).url


def test_only_what_is_queued_is_taken_back(driver: Driver, tmp_path: Path) -> None:
    operation = SERVICE.submit(request(VENDOR, tmp_path), driver.connection())
    assert SERVICE.cancel(operation, driver.connection()) is False
    assert all(asked.method != "DELETE" for asked in driver.server.asked)
    answer = driver.server.answer

    def queued(asked: Asked) -> Any:
        return Given(200, {"status": "queued"}) if asked.method == "GET" else answer(asked)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(driver.server, "answer", queued)
        assert SERVICE.cancel(operation, driver.connection()) is True
    assert SERVICE.poll(operation, driver.connection()).state is State.CANCELLED


def doubt(asked: Request, *known: str, ago: int = 5) -> Doubt:
    since = (datetime.now(UTC) - timedelta(seconds=ago)).isoformat()
    return Doubt(request=asked, sent={}, since=since, known=frozenset(known))


def test_a_lost_submit_is_found_when_only_one_fits(driver: Driver, tmp_path: Path) -> None:
    asked = request(VENDOR, tmp_path)
    assert SERVICE.find(doubt(asked), driver.connection()) is None
    other = SERVICE.submit(request(VENDOR, tmp_path, seed=8), driver.connection())
    assert SERVICE.find(doubt(asked), driver.connection()) is None
    operation = SERVICE.submit(asked, driver.connection())
    assert SERVICE.find(doubt(asked), driver.connection()) == operation
    assert SERVICE.find(doubt(asked, operation.id), driver.connection()) is None
    twin = SERVICE.submit(asked, driver.connection())
    assert SERVICE.find(doubt(asked), driver.connection()) is None
    assert SERVICE.find(doubt(asked, twin.id, other.id), driver.connection()) == operation
    assert SERVICE.find(doubt(asked, twin.id, other.id, ago=590), driver.connection()) == operation
    assert SERVICE.find(doubt(asked, twin.id, other.id, ago=610), driver.connection()) is None
    driver.server.jobs[operation.id].created -= 3600
    assert SERVICE.find(doubt(asked, twin.id), driver.connection()) is None
    assert driver.server.asked[-1].query["filter.model"] == VENDOR.model


def test_a_long_list_is_read_to_its_end(driver: Driver, tmp_path: Path) -> None:
    asked = request(VENDOR, tmp_path)
    operation = SERVICE.submit(asked, driver.connection())
    job = driver.server.jobs.pop(operation.id)
    others = {f"cgt-{number}": type(job)(f"cgt-{number}", job.request, 0, b"") for number in range(120)}
    driver.server.jobs.update(others)
    driver.server.jobs[operation.id] = job
    assert SERVICE.find(doubt(asked, *others), driver.connection()) == operation


def test_limits_that_span_several_fields() -> None:
    said = {
        (model, given): [each.key for each in SERVICE.objections(model, wish(model, *given))]
        for model, given in [
            (VENDOR.model, ("last_frame",)),
            (VENDOR.model, ("first_frame", "last_frame")),
            (NEWEST, ("first_frame", "reference")),
            (NEWEST, ("reference", "reference_2")),
            ("seedance-1-0-lite-i2v-250428", ()),
        ]
    }
    assert [keys == ["references"] for keys in said.values()] == [True, False, True, False, True]
    assert said[NEWEST, ("reference", "reference_2")] == []


@pytest.mark.parametrize(("seconds", "size", "keys"), [(30, "1280x720", []), (31, "1280x720", ["duration"])])
def test_the_table_knows_lengths(seconds: int, size: str, keys: list[str]) -> None:
    found = table_objections(SERVICE.models[NEWEST], wish(NEWEST, size=size, seconds=seconds))
    assert [each.key for each in found] == keys


@pytest.mark.parametrize(
    ("model", "resolution", "amount"),
    [(NEWEST, "720p", Fraction("1.155")), (NEWEST, "480p", None), (VENDOR.model, "720p", None)],
)
def test_a_price_is_an_estimate_where_there_is_one(model: str, resolution: str, amount: Fraction | None) -> None:
    asked = fields(frames=120, rate="24", settings=fields(resolution=resolution))
    assert SERVICE.price(model, asked) == Price(amount=amount, currency="USD", exact=False)


def test_takes_are_silent_unless_sound_is_asked_for() -> None:
    assert SERVICE.has_sound(VENDOR.model, fields(generate_audio=True))
    assert not SERVICE.has_sound(VENDOR.model, fields(generate_audio=False))
    assert not SERVICE.has_sound("seedance-1-0-pro-250528", Fields())


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_server_is_one_that_the_vendors_sdk_believes(driver: Driver) -> None:
    ark = pytest.importorskip("byteplussdkarkruntime")
    errors = pytest.importorskip("byteplussdkarkruntime._exceptions")
    server = driver.server
    client = ark.Ark(api_key=server.key, base_url=f"{server.url}/api/v3", max_retries=0)
    tasks = client.content_generation.tasks
    content = [{"type": "text", "text": "x"}]
    made = tasks.create(model=VENDOR.model, content=content, seed=3, duration=5)
    assert server.asked[-1].path == BASE
    assert server.asked[-1].body["callback_url"] is None
    seen = [tasks.get(task_id=made.id) for _ in range(2)]
    assert [task.status for task in seen] == ["running", "succeeded"]
    assert seen[1].content.video_url.startswith(server.url)
    assert (seen[1].seed, seen[1].usage.completion_tokens) == (3, 108900)
    listed = tasks.list(page_num=1, page_size=10, model=VENDOR.model)
    assert (listed.total, [task.id for task in listed.items]) == (1, [made.id])
    tasks.delete(task_id=made.id)
    assert tasks.get(task_id=made.id).status == "cancelled"
    server.faults.append(Fault.POLL_FAULT)
    failed = tasks.create(model=VENDOR.model, content=content)
    assert [tasks.get(task_id=failed.id).status for _ in range(2)] == ["running", "failed"]
    assert tasks.get(task_id=failed.id).error.code == "InternalServiceError"
    for fault, error in (
        (Fault.SUBMIT_FUNDS, errors.ArkPermissionDeniedError),
        (Fault.SUBMIT_LIMITED, errors.ArkRateLimitError),
        (Fault.SUBMIT_MODEL_GONE, errors.ArkNotFoundError),
        (Fault.SUBMIT_INVALID, errors.ArkBadRequestError),
        (Fault.SUBMIT_AUTH, errors.ArkAuthenticationError),
    ):
        server.faults.append(fault)
        with pytest.raises(error):
            tasks.create(model=VENDOR.model, content=content)
    with pytest.raises(errors.ArkBadRequestError, match="MissingParameter"):
        tasks.create(model=VENDOR.model, content=[])
