"""Wan: the adapter against its server, and the server against DashScope's own SDK."""

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
from shotbuild.providers.interface import Doubt, Request, State, Strength, Wish
from shotbuild.records import Fields, Format, Price, fields
from shotbuild.units import parse_size
from tests.providers.driving import Driver, driving, reference, request
from tests.servers.clips import clip
from tests.servers.service import Fault, Given
from tests.servers.wan import VENDOR, output, row

SERVICE = VENDOR.service
FLASH = replace(VENDOR, model="wan2.6-i2v-flash", roles=("first_frame",))


@pytest.fixture
def driver() -> Iterator[Driver]:
    with driving(VENDOR) as made:
        yield made


@pytest.fixture
def quick() -> Iterator[Driver]:
    """Whose tasks are done at the first look: only then they show their prompt."""
    with driving(VENDOR, polls=0) as made:
        yield made


def paid_body(driver: Driver) -> dict[str, Any]:
    body: dict[str, Any] = next(iter(driver.server.jobs.values())).request.body
    return body


def test_a_take_comes_back_as_the_service_made_it(driver: Driver, tmp_path: Path) -> None:
    driver.take(request(VENDOR, tmp_path), tmp_path / "take.mp4")
    assert (tmp_path / "take.mp4").read_bytes() == clip("5")
    asked = next(iter(driver.server.jobs.values())).request
    assert asked.body == {
        "model": "wan2.7-t2v-2026-06-12",
        "input": {"prompt": "A lighthouse at dawn."},
        "parameters": {
            "resolution": "720P",
            "ratio": "16:9",
            "duration": 5,
            "seed": 7,
            "prompt_extend": False,
            "watermark": False,
        },
    }
    assert asked.headers["x-dashscope-async"] == "enable"
    assert "x-dashscope-ossresourceresolve" not in asked.headers
    assert driver.server.paid == 1


def test_frames_of_2_7_arrive_as_they_are(driver: Driver, tmp_path: Path) -> None:
    framed = replace(VENDOR, model="wan2.7-i2v", roles=("first_frame", "last_frame"))
    asked = request(framed, tmp_path, settings={"negative_prompt": "rain"})
    driver.take(asked, tmp_path / "take.mp4")
    body = paid_body(driver)
    assert [part["type"] for part in body["input"]["media"]] == ["first_frame", "last_frame"]
    for part in body["input"]["media"]:
        path = asked.file(part["type"])
        assert path is not None
        assert driver.server.uploads[part["url"]] == path.read_bytes()
    assert body["input"]["negative_prompt"] == "rain"
    assert body["parameters"]["resolution"] == "720P"
    assert "ratio" not in body["parameters"]


def test_references_keep_their_order(driver: Driver, tmp_path: Path) -> None:
    referring = replace(VENDOR, model="wan2.7-r2v-2026-06-12", roles=("reference_2", "reference"))
    asked = request(referring, tmp_path)
    driver.take(asked, tmp_path / "take.mp4")
    media = paid_body(driver)["input"]["media"]
    assert [part["type"] for part in media] == ["reference_image", "reference_image"]
    first, second = asked.file("reference"), asked.file("reference_2")
    assert first is not None
    assert second is not None
    assert [driver.server.uploads[part["url"]] for part in media] == [first.read_bytes(), second.read_bytes()]


def test_2_6_takes_a_picture_by_its_old_name_and_is_silent_when_told(driver: Driver, tmp_path: Path) -> None:
    driver.take(request(FLASH, tmp_path), tmp_path / "take.mp4")
    body = paid_body(driver)
    assert list(driver.server.uploads) == [body["input"]["img_url"]]
    assert body["parameters"] == {
        "resolution": "720P",
        "duration": 5,
        "seed": 7,
        "prompt_extend": False,
        "watermark": False,
        "audio": False,
    }


def test_2_6_takes_a_shape_as_a_size(driver: Driver, tmp_path: Path) -> None:
    tall = replace(VENDOR, model="wan2.6-t2v", size="1080x1920", settings={"resolution": "1080P"}, seconds=7)
    driver.take(request(tall, tmp_path), tmp_path / "take.mp4")
    parameters = paid_body(driver)["parameters"]
    assert (parameters["size"], parameters["duration"]) == ("1080*1920", 10)
    assert "resolution" not in parameters


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


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (400, "Throttling.AllocationQuota", RateLimited),
        (429, "", RateLimited),
        (403, "AccessDenied.Unpurchased", KeyRefused),
        (404, "model_not_found", PinGone),
        (400, "InvalidParameter.DataInspection", ProviderRefused),
        (400, "InternalError.Algo", ProviderUnavailable),
        (409, "Conflict", ProviderUnavailable),
        (500, "RequestTimeOut", ProviderUnavailable),
        (200, "Throttling", RateLimited),
        (200, "SomethingNew", ProviderUnavailable),
        (400, "", ProviderUnavailable),
    ],
)
def test_each_code_has_its_kind(status: int, code: str, error: type[Exception]) -> None:
    reply = Reply(status, {}, json.dumps({"code": code, "message": "m", "request_id": "r"}).encode())
    assert type(SERVICE.fault(reply)) is error


def test_what_the_store_says_is_no_word_about_the_key() -> None:
    assert type(SERVICE.fault(Reply(403, {}, b"<Error><Code>AccessDenied</Code></Error>"))) is ProviderUnavailable
    assert SERVICE.fault(Reply(200, {}, b"")) is None


@pytest.mark.parametrize(("fault", "error"), [(Fault.POLL_MODERATED, Moderated), (Fault.POLL_FAULT, VendorFault)])
def test_a_failure_says_whose_it_is(driver: Driver, tmp_path: Path, fault: Fault, error: type[Exception]) -> None:
    driver.server.faults.append(fault)
    operation = SERVICE.submit(request(VENDOR, tmp_path), driver.connection())
    status = driver.until_done(operation)
    assert (status.state, type(status.fault)) == (State.FAILED, error)


@pytest.mark.parametrize(
    ("word", "code", "state", "error"),
    [
        ("PENDING", "", State.QUEUED, None),
        ("SUSPENDED", "", State.QUEUED, None),
        ("RUNNING", "", State.RUNNING, None),
        ("PONDERING", "", State.RUNNING, None),
        ("CANCELED", "", State.CANCELLED, None),
        ("UNKNOWN", "", State.GONE, None),
        ("FAILED", "InvalidURL", State.FAILED, ProviderRefused),
        ("FAILED", "", State.FAILED, VendorFault),
    ],
)
def test_words_of_a_status(
    driver: Driver, tmp_path: Path, word: str, code: str, state: State, error: type[Exception] | None
) -> None:
    operation = SERVICE.submit(request(VENDOR, tmp_path), driver.connection())
    with pytest.MonkeyPatch.context() as patch:
        answer = output({"task_id": operation.id, "task_status": word, **({"code": code, "message": "m"} if code else {})})
        patch.setattr(driver.server, "answer", lambda asked: answer)
        status = SERVICE.poll(operation, driver.connection())
    assert (status.state, status.word) == (state, word)
    assert type(status.fault) is (error or type(None))


def test_an_address_is_asked_for_again(driver: Driver, tmp_path: Path) -> None:
    operation, _ = driver.take(request(VENDOR, tmp_path), tmp_path / "take.mp4")
    driver.server.jobs[operation.id].address += 1
    assert "/2.mp4" in SERVICE.locate(operation, driver.connection()).url


def test_only_what_is_pending_is_taken_back(driver: Driver, tmp_path: Path) -> None:
    operation = SERVICE.submit(request(VENDOR, tmp_path), driver.connection())
    assert SERVICE.cancel(operation, driver.connection()) is False
    driver.server.jobs[operation.id].state = "pending"
    assert SERVICE.cancel(operation, driver.connection()) is True
    assert SERVICE.poll(operation, driver.connection()).state is State.CANCELLED


def doubt(asked: Request, *known: str, ago: int = 5) -> Doubt:
    since = (datetime.now(UTC) - timedelta(seconds=ago)).isoformat()
    return Doubt(request=asked, sent={}, since=since, known=frozenset(known))


def test_a_lost_submit_is_found_when_only_one_fits(quick: Driver, tmp_path: Path) -> None:
    asked = request(VENDOR, tmp_path)
    SERVICE.submit(request(replace(VENDOR, model="wan2.6-t2v"), tmp_path), quick.connection())
    assert SERVICE.find(doubt(asked), quick.connection()) is None
    operation = SERVICE.submit(asked, quick.connection())
    assert SERVICE.find(doubt(asked), quick.connection()) == operation
    assert SERVICE.find(doubt(asked, operation.id), quick.connection()) is None
    twin = SERVICE.submit(asked, quick.connection())
    assert SERVICE.find(doubt(asked), quick.connection()) is None
    assert SERVICE.find(doubt(asked, twin.id), quick.connection()) == operation
    assert SERVICE.find(doubt(asked, twin.id, ago=590), quick.connection()) == operation
    assert SERVICE.find(doubt(asked, twin.id, ago=610), quick.connection()) is None
    quick.server.jobs[operation.id].created -= 3600
    assert SERVICE.find(doubt(asked, twin.id), quick.connection()) is None


def test_a_long_list_is_read_to_its_end(quick: Driver, tmp_path: Path) -> None:
    asked = request(VENDOR, tmp_path)
    operation = SERVICE.submit(asked, quick.connection())
    job = quick.server.jobs[operation.id]
    names = [f"t-{number}" for number in range(60)]
    jobs = {name: type(job)(name, job.request, 0, b"") for name in names}
    quick.server.jobs = {**jobs, operation.id: job}
    assert SERVICE.find(doubt(asked, *names), quick.connection()) == operation


def test_a_task_of_somebody_else_is_not_ours(quick: Driver, tmp_path: Path) -> None:
    _, status = quick.take(request(VENDOR, tmp_path, prompt="A harbour."), tmp_path / "take.mp4")
    assert status.state is State.DONE
    asked = request(VENDOR, tmp_path)
    assert SERVICE.find(doubt(asked), quick.connection()) is None
    operation = SERVICE.submit(asked, quick.connection())
    assert SERVICE.find(doubt(asked), quick.connection()) == operation


def test_a_task_under_way_does_not_say_whose_it_is_and_is_asked_after_again(driver: Driver, tmp_path: Path) -> None:
    asked = request(VENDOR, tmp_path)
    operation = SERVICE.submit(asked, driver.connection())
    with pytest.raises(ProviderUnavailable, match="whose task"):
        SERVICE.find(doubt(asked), driver.connection())
    assert SERVICE.find(doubt(asked), driver.connection()) == operation


def test_a_task_that_ended_and_shows_no_prompt_is_not_ours(quick: Driver, tmp_path: Path) -> None:
    quick.server.faults.append(Fault.POLL_FAULT)
    asked = request(VENDOR, tmp_path)
    SERVICE.submit(asked, quick.connection())
    assert SERVICE.find(doubt(asked), quick.connection()) is None


def test_a_list_in_other_words_is_no_answer(driver: Driver, tmp_path: Path) -> None:
    asked = request(VENDOR, tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(driver.server, "answer", lambda _: Given(200, {"tasks": []}))
        with pytest.raises(ProviderUnavailable):
            SERVICE.find(doubt(asked), driver.connection())


def test_a_list_without_times_finds_nothing(driver: Driver, tmp_path: Path) -> None:
    asked = request(VENDOR, tmp_path)
    operation = SERVICE.submit(asked, driver.connection())
    shown = {**row(driver.server.jobs[operation.id]), "gmt_create": None}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(driver.server, "answer", lambda _: Given(200, {"data": [shown, 5, None], "total_page": "x"}))
        assert SERVICE.find(doubt(asked), driver.connection()) is None


@pytest.mark.parametrize(
    ("model", "size", "seconds", "references", "keys"),
    [
        (VENDOR.model, "1280x720", 15, (), []),
        (VENDOR.model, "1280x720", 16, (), ["duration"]),
        (VENDOR.model, "2560x1080", 5, (), ["format"]),
        (FLASH.model, "2560x1080", 3, ("first_frame",), []),
        (FLASH.model, "1280x720", 5, (), ["references"]),
    ],
)
def test_the_table_knows_the_limits(
    model: str, size: str, seconds: int, references: tuple[str, ...], keys: list[str]
) -> None:
    shape = Format(size=parse_size(size), rate=Fraction(24), color="bt709", pixels="yuv420p")
    wish = Wish(prompt="x", seconds=Fraction(seconds), format=shape, references=references, settings=Fields())
    assert [each.key for each in table_objections(SERVICE.models[model], wish)] == keys
    assert not list(SERVICE.objections(model, wish))


def test_only_a_dated_name_is_a_dated_pin() -> None:
    dated = {name for name, model in SERVICE.models.items() if model.strength is Strength.DATED}
    assert dated == {"wan2.7-t2v-2026-06-12", "wan2.7-r2v-2026-06-12", "wan2.7-i2v-2026-04-25"}


@pytest.mark.parametrize(
    ("model", "resolution", "seconds", "amount"),
    [
        (VENDOR.model, "720P", 5, Fraction("0.5")),
        (VENDOR.model, "1080P", 5, Fraction("0.75")),
        ("wan2.6-t2v", "720P", 7, Fraction(1)),
        (FLASH.model, "720P", 5, None),
    ],
)
def test_a_price_is_an_estimate_where_there_is_one(
    model: str, resolution: str, seconds: int, amount: Fraction | None
) -> None:
    asked = fields(frames=seconds * 24, rate="24", settings=fields(resolution=resolution))
    assert SERVICE.price(model, asked) == Price(amount=amount, currency="USD", exact=False)


def test_only_a_model_with_a_switch_makes_silent_takes() -> None:
    assert SERVICE.has_sound(VENDOR.model, Fields())
    assert not SERVICE.has_sound(FLASH.model, fields(audio=False))
    assert SERVICE.has_sound(FLASH.model, fields(audio=True))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_server_is_one_that_the_vendors_sdk_believes(
    driver: Driver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dashscope = pytest.importorskip("dashscope")
    server = driver.server
    # The address is read from the environment when the SDK is imported, and `fetch` takes none.
    monkeypatch.setattr(dashscope, "base_http_api_url", f"{server.url}/api/v1")
    api, key = dashscope.VideoSynthesis, server.key
    made = api.async_call(model=VENDOR.model, prompt="x", resolution="720P", duration=5, prompt_extend=False, api_key=key)
    assert (made.status_code, made.output.task_status) == (200, "PENDING")
    seen = [api.fetch(made, api_key=key) for _ in range(2)]
    assert [answer.output.task_status for answer in seen] == ["RUNNING", "SUCCEEDED"]
    assert seen[1].output.video_url.startswith(server.url)
    assert seen[1].usage.duration == 5
    listed = api.list(model_name=VENDOR.model, api_key=key)
    assert [task["task_id"] for task in listed.output["data"]] == [made.output.task_id]
    assert api.cancel(made, api_key=key).code == "UnsupportedOperation"
    server.jobs[made.output.task_id].state = "pending"
    assert api.cancel(made, api_key=key).status_code == 200
    picture = reference(tmp_path, "first_frame")
    media = [{"type": "first_frame", "url": str(picture)}]
    framed = api.async_call(model="wan2.7-i2v", prompt="x", media=media, api_key=key)
    assert framed.status_code == 200
    assert list(server.uploads.values()) == [picture.read_bytes()]
    assert server.jobs[framed.output.task_id].request.headers["x-dashscope-ossresourceresolve"] == "enable"
    for fault, code in (
        (Fault.SUBMIT_FUNDS, "Arrearage"),
        (Fault.SUBMIT_LIMITED, "Throttling.RateQuota"),
        (Fault.SUBMIT_AUTH, "InvalidApiKey"),
    ):
        server.faults.append(fault)
        assert api.async_call(model=VENDOR.model, prompt="x", api_key=key).code == code
