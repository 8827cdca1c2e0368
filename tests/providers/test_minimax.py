"""MiniMax: the adapter against its server, in both versions of the API; there is no SDK, so the server against records."""

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from shotbuild.errors import (
    DailyCap,
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
from shotbuild.providers.interface import Doubt, State, Wish
from shotbuild.records import Fields, Format, Operation, Price, fields
from shotbuild.units import parse_size
from tests.providers.driving import Driver, driving, request
from tests.servers.clips import clip
from tests.servers.minimax import VENDOR, VENDOR_H3
from tests.servers.service import Asked, Fault, Given
from tests.servers.vendors import Vendor

SERVICE = VENDOR.service
HAILUO_2 = replace(VENDOR, model="MiniMax-Hailuo-02", roles=("first_frame", "last_frame"))
BOTH = pytest.mark.parametrize("vendor", [VENDOR, VENDOR_H3], ids=["v1", "v2"])


@pytest.fixture
def driver() -> Iterator[Driver]:
    with driving(VENDOR) as made:
        yield made


def paid(driver: Driver) -> Asked:
    return next(iter(driver.server.jobs.values())).request


def test_a_take_of_version_1_comes_back_as_the_service_made_it(driver: Driver, tmp_path: Path) -> None:
    operation, _ = driver.take(request(VENDOR, tmp_path), tmp_path / "take.mp4")
    assert (tmp_path / "take.mp4").read_bytes() == clip("6")
    assert operation.links == fields(version="v1")
    assert paid(driver).path == "/v1/video_generation"
    assert paid(driver).body == {
        "model": "MiniMax-Hailuo-2.3",
        "prompt": "A lighthouse at dawn.",
        "prompt_optimizer": False,
        "duration": 6,
        "aigc_watermark": False,
        "resolution": "768P",
    }
    assert driver.server.paid == 1


def test_a_take_of_version_2_comes_back_as_the_service_made_it(tmp_path: Path) -> None:
    with driving(VENDOR_H3) as driver:
        operation, _ = driver.take(request(VENDOR_H3, tmp_path), tmp_path / "take.mp4")
        assert (tmp_path / "take.mp4").read_bytes() == clip("5")
        assert operation.links == fields(version="v2")
        assert paid(driver).path == "/v2/video_generation"
        assert paid(driver).body == {
            "model": "MiniMax-H3",
            "content": [{"type": "text", "text": "A lighthouse at dawn."}],
            "duration": 5,
            "aigc_watermark": False,
            "resolution": "2K",
            "ratio": "16:9",
        }
        assert driver.server.paid == 1


def picture(uri: str) -> bytes:
    kind, _, text = uri.partition(",")
    assert kind == "data:image/png;base64"
    return base64.b64decode(text)


def test_frames_of_version_1_go_along_as_they_are(driver: Driver, tmp_path: Path) -> None:
    asked = request(HAILUO_2, tmp_path)
    driver.take(asked, tmp_path / "take.mp4")
    for role in ("first_frame", "last_frame"):
        path = asked.file(role)
        assert path is not None
        assert picture(paid(driver).body[f"{role}_image"]) == path.read_bytes()


@pytest.mark.parametrize(
    ("roles", "parts", "ratio"),
    [
        (("first_frame", "last_frame"), ["first_frame", "last_frame"], None),
        (("reference_2", "reference"), ["reference_image", "reference_image"], "16:9"),
    ],
)
def test_pictures_of_version_2_keep_their_order(
    tmp_path: Path, roles: tuple[str, ...], parts: list[str], ratio: str | None
) -> None:
    with driving(VENDOR_H3) as driver:
        asked = request(VENDOR_H3, tmp_path, roles=roles)
        driver.take(asked, tmp_path / "take.mp4")
        content = paid(driver).body["content"][1:]
        files = [path.read_bytes() for _, path in asked.references]
        assert [part["role"] for part in content] == parts
        assert [picture(part["image_url"]["url"]) for part in content] == files
        assert paid(driver).body.get("ratio") == ratio


@BOTH
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.SUBMIT_INVALID, ProviderRefused),
        (Fault.SUBMIT_AUTH, KeyRefused),
        (Fault.SUBMIT_FUNDS, OutOfFunds),
        (Fault.SUBMIT_MODEL_GONE, PinGone),
        (Fault.SUBMIT_MODERATED, Moderated),
        (Fault.SUBMIT_LIMITED, RateLimited),
        (Fault.SUBMIT_DAILY_CAP, DailyCap),
    ],
)
def test_a_refusal_is_told_by_its_body(vendor: Vendor, tmp_path: Path, fault: Fault, error: type[Exception]) -> None:
    with driving(vendor) as driver:
        driver.server.faults.append(fault)
        line = driver.connection()
        with pytest.raises(ProviderError) as caught:
            SERVICE.submit(request(vendor, tmp_path), line)
        assert type(caught.value) is error
        assert (line.payment, driver.server.paid) == (Payment.REFUSED, 0)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (1000, ProviderUnavailable),
        (1001, ProviderUnavailable),
        (1002, RateLimited),
        (1004, KeyRefused),
        (1008, OutOfFunds),
        (1026, Moderated),
        (1027, Moderated),
        (1033, ProviderUnavailable),
        (1039, RateLimited),
        (2013, ProviderRefused),
        (2049, KeyRefused),
        (9999, ProviderUnavailable),
    ],
)
def test_each_code_has_its_kind_in_either_version(code: int, error: type[Exception]) -> None:
    first = {"task_id": "", "base_resp": {"status_code": code, "status_msg": "m"}}
    assert type(SERVICE.fault(Reply(200, {}, json.dumps(first).encode()))) is error
    second = {"type": "error", "error": {"type": "api_error", "message": f"m ({code})", "http_code": "500"}}
    assert type(SERVICE.fault(Reply(500, {}, json.dumps(second).encode()))) is error


@pytest.mark.parametrize(
    ("status", "message", "error"),
    [
        (400, "the model MiniMax-H3 does not support 4K", ProviderRefused),
        (422, "duration is too long", ProviderRefused),
        (401, "login fail", KeyRefused),
        (402, "insufficient balance", OutOfFunds),
        (429, "slow down", RateLimited),
        (409, "conflict", ProviderUnavailable),
        (500, "oops", ProviderUnavailable),
    ],
)
def test_without_a_code_the_status_tells(status: int, message: str, error: type[Exception]) -> None:
    answer = {"type": "error", "error": {"type": "x", "message": message, "http_code": str(status)}}
    assert type(SERVICE.fault(Reply(status, {}, json.dumps(answer).encode()))) is error


def test_what_cannot_be_read_is_no_refusal() -> None:
    assert type(SERVICE.fault(Reply(404, {}, b"404 page not found"))) is ProviderUnavailable
    assert type(SERVICE.fault(Reply(502, {}, b"<html>bad gateway</html>"))) is ProviderUnavailable
    assert SERVICE.fault(Reply(200, {}, b'{"task_id": "1", "base_resp": {"status_code": 0}}')) is None


@BOTH
@pytest.mark.parametrize(("fault", "error"), [(Fault.POLL_MODERATED, Moderated), (Fault.POLL_FAULT, VendorFault)])
def test_a_failure_says_whose_it_is(vendor: Vendor, tmp_path: Path, fault: Fault, error: type[Exception]) -> None:
    with driving(vendor) as driver:
        driver.server.faults.append(fault)
        operation = SERVICE.submit(request(vendor, tmp_path), driver.connection())
        status = driver.until_done(operation)
        assert (status.state, type(status.fault)) == (State.FAILED, error)


@pytest.mark.parametrize(
    ("version", "word", "state"),
    [
        ("v1", "Preparing", State.QUEUED),
        ("v1", "Queueing", State.QUEUED),
        ("v1", "Processing", State.RUNNING),
        ("v1", "Daydreaming", State.RUNNING),
        ("v1", "Success", State.DONE),
        ("v1", "Fail", State.FAILED),
        ("v2", "queued", State.QUEUED),
        ("v2", "running", State.RUNNING),
        ("v2", "daydreaming", State.RUNNING),
        ("v2", "succeeded", State.DONE),
        ("v2", "failed", State.FAILED),
        ("v2", "expired", State.FAILED),
        ("v2", "cancelled", State.CANCELLED),
    ],
)
def test_words_of_a_status(driver: Driver, monkeypatch: pytest.MonkeyPatch, version: str, word: str, state: State) -> None:
    shown: dict[str, Any] = {"task_id": "1", "status": word, "base_resp": {"status_code": 0, "status_msg": "success"}}
    answer = shown if version == "v1" else {"task": {"id": "1", "status": word, "error": None}}
    monkeypatch.setattr(driver.server, "answer", lambda asked: Given(200, answer))
    operation = Operation(provider="minimax", id="1", submitted="", links=fields(version=version))
    status = SERVICE.poll(operation, driver.connection())
    assert (status.state, status.word) == (state, word)
    assert isinstance(status.fault, VendorFault) is (state is State.FAILED)


@BOTH
def test_a_take_that_is_no_longer_known_is_gone(vendor: Vendor, tmp_path: Path) -> None:
    with driving(vendor) as driver:
        operation = SERVICE.submit(request(vendor, tmp_path), driver.connection())
        driver.server.faults.append(Fault.POLL_GONE)
        assert driver.until_done(operation).state is State.GONE


def test_a_key_that_is_refused_at_a_poll_makes_nothing_gone(driver: Driver, tmp_path: Path) -> None:
    operation = SERVICE.submit(request(VENDOR, tmp_path), driver.connection())
    driver.server.key = "another-key-altogether"
    with pytest.raises(KeyRefused):
        SERVICE.poll(operation, driver.connection())


@BOTH
def test_an_address_is_asked_for_again(vendor: Vendor, tmp_path: Path) -> None:
    with driving(vendor) as driver:
        operation, _ = driver.take(request(vendor, tmp_path), tmp_path / "take.mp4")
        driver.server.jobs[operation.id].address += 1
        assert "/2.mp4" in SERVICE.locate(operation, driver.connection()).url


def test_nothing_is_taken_back_and_nothing_is_found(driver: Driver, tmp_path: Path) -> None:
    asked = request(VENDOR, tmp_path)
    operation = SERVICE.submit(asked, driver.connection())
    assert SERVICE.cancel(operation, driver.connection()) is False
    doubt = Doubt(request=asked, sent={}, since="2026-11-20T10:00:00+00:00", known=frozenset())
    assert SERVICE.find(doubt, driver.connection()) is None


@pytest.mark.parametrize(
    ("model", "references", "seconds", "size", "settings", "keys"),
    [
        (VENDOR.model, (), 6, "1280x720", fields(resolution="1080P"), []),
        (VENDOR.model, (), 7, "1280x720", fields(resolution="1080P"), ["resolution"]),
        (VENDOR.model, (), 6, "720x1280", fields(resolution="768P"), ["format"]),
        (VENDOR.model, ("first_frame",), 10, "720x1280", fields(resolution="768P"), []),
        (HAILUO_2.model, ("last_frame",), 6, "1280x720", fields(resolution="768P"), ["references"]),
        (HAILUO_2.model, ("first_frame",), 6, "1280x720", fields(resolution="512P"), []),
        (HAILUO_2.model, ("first_frame", "last_frame"), 6, "1280x720", fields(resolution="512P"), ["resolution"]),
        (VENDOR_H3.model, ("first_frame", "reference"), 5, "1280x720", Fields(), ["references"]),
        (VENDOR_H3.model, ("first_frame",), 5, "1280x720", fields(ratio="1:1"), ["ratio"]),
        (VENDOR_H3.model, ("reference",), 15, "720x1280", fields(ratio="1:1"), []),
    ],
)
def test_limits_that_span_several_fields(
    model: str, references: tuple[str, ...], seconds: int, size: str, settings: Fields, keys: list[str]
) -> None:
    shape = Format(size=parse_size(size), rate=Fraction(24), color="bt709", pixels="yuv420p")
    wish = Wish(prompt="x", seconds=Fraction(seconds), format=shape, references=references, settings=settings)
    assert [each.key for each in SERVICE.objections(model, wish)] == keys


@pytest.mark.parametrize(
    ("model", "resolution", "seconds", "amount"),
    [
        (VENDOR.model, "768P", 4, Fraction("0.28")),
        (VENDOR.model, "768P", 10, None),
        (VENDOR.model, "1080P", 6, None),
        ("MiniMax-Hailuo-2.3-Fast", "768P", 6, None),
        (VENDOR_H3.model, "2K", 6, None),
    ],
)
def test_a_price_is_an_estimate_where_there_is_one(
    model: str, resolution: str, seconds: int, amount: Fraction | None
) -> None:
    asked = fields(frames=seconds * 24, rate="24", settings=fields(resolution=resolution))
    assert SERVICE.price(model, asked) == Price(amount=amount, currency="USD", exact=False)


def test_h3_alone_makes_sound() -> None:
    assert [name for name in SERVICE.models if SERVICE.has_sound(name, Fields())] == ["MiniMax-H3"]


def shape(value: Any) -> Any:
    """Names and kinds of a JSON value, without what it says."""
    return {name: shape(item) for name, item in value.items()} if isinstance(value, dict) else type(value).__name__


def test_version_1_answers_in_the_recorded_shapes(driver: Driver, tmp_path: Path) -> None:
    base = {"status_code": "int", "status_msg": "str"}
    operation = SERVICE.submit(request(VENDOR, tmp_path), line := driver.connection())
    assert shape(json.loads(line.last)) == {"task_id": "str", "base_resp": base}
    driver.until_done(operation)
    SERVICE.poll(operation, line)
    seen = shape(json.loads(line.last))
    assert seen.items() >= {"task_id": "str", "status": "str", "file_id": "str", "base_resp": base}.items()
    SERVICE.locate(operation, line)
    assert shape(json.loads(line.last))["file"]["download_url"] == "str"
    driver.server.faults.append(Fault.SUBMIT_FUNDS)
    with pytest.raises(OutOfFunds):
        SERVICE.submit(request(VENDOR, tmp_path), line := driver.connection())
    assert json.loads(line.last) == {
        "task_id": "",
        "base_resp": {"status_code": 1008, "status_msg": "insufficient balance"},
    }


def test_version_2_answers_in_the_recorded_shapes(tmp_path: Path) -> None:
    with driving(VENDOR_H3) as driver:
        operation = SERVICE.submit(request(VENDOR_H3, tmp_path), line := driver.connection())
        assert shape(json.loads(line.last)) == {"task_id": "str"}
        driver.until_done(operation)
        SERVICE.poll(operation, line)
        assert shape(json.loads(line.last)) == {
            "task": {
                "id": "str",
                "status": "str",
                "content": {"url": "str"},
                "usage": {"total_seconds": "int", "input_seconds": "int", "output_seconds": "int"},
                "resolution": "str",
                "duration": "int",
                "ratio": "str",
            }
        }
        driver.server.faults.append(Fault.SUBMIT_FUNDS)
        with pytest.raises(OutOfFunds):
            SERVICE.submit(request(VENDOR_H3, tmp_path), line := driver.connection())
        refused = shape(json.loads(line.last))
        error = {"type": "str", "message": "str", "http_code": "str"}
        assert refused == {"type": "str", "error": error, "request_id": "str"}
