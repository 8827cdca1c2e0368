"""Kling's 3.0 family: the adapter against its server. There is no SDK: the shapes are those of the documentation."""

import base64
import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from shotbuild.errors import (
    FateUnknown,
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
from shotbuild.host.wire import Body, Limits, Payment, Reply
from shotbuild.providers.interface import Doubt, Request, State, Wish, request_fields
from shotbuild.providers.kling import MODELS, _charged
from shotbuild.records import Fields, Price
from shotbuild.units import parse_size
from tests.providers.driving import PNG, Driver, driving, request
from tests.servers.clips import clip
from tests.servers.kling import VENDOR
from tests.servers.service import Fault

SERVICE = VENDOR.service
OPTIONS = {"external_task_id": "0f3c2b1a-0000-4000-8000-000000000001", "watermark_info": {"enabled": False}}


def bare(role: str) -> str:
    return base64.b64encode(PNG + role.encode()).decode()


def submitted(driver: Driver) -> tuple[str, Any]:
    return next((asked.path, asked.body) for asked in driver.server.asked if asked.method == "POST")


def doubt(asked: Request) -> Doubt:
    return Doubt(request=asked, sent={}, since="2026-11-20T10:00:00Z", known=frozenset())


def wish(tmp_path: Path, size: str = VENDOR.size, **said: Any) -> Wish:
    asked = request(VENDOR, tmp_path, **said)
    roles = tuple(role for role, _ in asked.references)
    shape = replace(asked.format, size=parse_size(size))
    return Wish(prompt=asked.prompt, seconds=asked.seconds, format=shape, references=roles, settings=asked.settings)


def test_a_take_comes_back_as_the_service_made_it(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        _, status = driver.take(request(VENDOR, tmp_path), tmp_path / "take.mp4")
        assert (tmp_path / "take.mp4").read_bytes() == clip("5")
        assert status.word == "succeeded"
        assert status.charged == Price(amount=Fraction("0.42"), currency="USD", exact=True)
        settings = {
            "resolution": "720p",
            "duration": 5,
            "audio": "off",
            "multi_shot": False,
            "aspect_ratio": "16:9",
        }
        body = {"prompt": "A lighthouse at dawn.", "settings": settings, "options": OPTIONS}
        assert submitted(driver) == ("/text-to-video/kling-3.0", body)
        assert driver.server.paid == 1
        assert driver.server.key not in driver.sent[0]


def test_frames_travel_as_bare_base64_and_give_the_shape(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        asked = request(VENDOR, tmp_path, roles=("first_frame", "last_frame"), settings={"audio": True, "resolution": "4k"})
        driver.take(asked, tmp_path / "take.mp4")
        contents = [
            {"type": "prompt", "text": "A lighthouse at dawn."},
            {"type": "first_frame", "url": bare("first_frame")},
            {"type": "last_frame", "url": bare("last_frame")},
        ]
        settings = {"resolution": "4k", "duration": 5, "audio": "native", "multi_shot": False}
        assert submitted(driver) == (
            "/image-to-video/kling-3.0",
            {"contents": contents, "settings": settings, "options": OPTIONS},
        )


def test_omni_follows_references_by_their_number(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        asked = request(VENDOR, tmp_path, model="kling-3.0-omni", roles=("reference", "reference_2"))
        driver.take(asked, tmp_path / "take.mp4")
        path, body = submitted(driver)
        assert path == "/omni-video/kling-3.0-omni"
        assert body["contents"][1:] == [
            {"type": "refer_image", "url": bare("reference"), "id": "image_1"},
            {"type": "refer_image", "url": bare("reference_2"), "id": "image_2"},
        ]
        assert body["settings"]["aspect_ratio"] == "16:9"


def test_turbo_is_sent_nothing_that_it_does_not_know(tmp_path: Path) -> None:
    settings = Fields((("ratio", "9:16"), ("resolution", "1080p")))
    with driving(VENDOR) as driver:
        asked = replace(request(VENDOR, tmp_path, model="kling-3.0-turbo"), settings=settings)
        driver.take(asked, tmp_path / "take.mp4")
        path, body = submitted(driver)
        assert path == "/text-to-video/kling-3.0-turbo"
        assert body["settings"] == {"resolution": "1080p", "duration": 5, "aspect_ratio": "9:16"}


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.SUBMIT_INVALID, ProviderRefused),
        (Fault.SUBMIT_AUTH, KeyRefused),
        (Fault.SUBMIT_LIMITED, RateLimited),
        (Fault.SUBMIT_FUNDS, OutOfFunds),
        (Fault.SUBMIT_MODERATED, Moderated),
        (Fault.SUBMIT_MODEL_GONE, PinGone),
    ],
)
def test_a_refusal_is_told_by_its_body(tmp_path: Path, fault: Fault, error: type[ProviderError]) -> None:
    with driving(VENDOR) as driver:
        driver.server.faults.append(fault)
        line = driver.connection()
        with pytest.raises(error) as told:
            SERVICE.submit(request(VENDOR, tmp_path), line)
        assert type(told.value) is error
        assert (line.payment, driver.server.paid) == (Payment.REFUSED, 0)


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (401, 1000, KeyRefused),
        (401, 1004, KeyRefused),
        (429, 1100, OutOfFunds),
        (429, 1101, OutOfFunds),
        (403, 1103, KeyRefused),
        (400, 1200, ProviderRefused),
        (404, 1202, ProviderRefused),
        (400, 1300, Moderated),
        (429, 1302, RateLimited),
        (429, 1304, KeyRefused),
        (500, 5000, ProviderUnavailable),
        (504, 5002, ProviderUnavailable),
        (200, 1201, ProviderRefused),
        (200, 1102, OutOfFunds),
        (400, 1999, ProviderRefused),
        (200, 1999, ProviderUnavailable),
    ],
)
def test_the_code_counts_and_not_the_status(status: int, code: int, error: type[ProviderError]) -> None:
    reply = Reply(status, {}, json.dumps({"code": code, "message": "no", "request_id": "r"}).encode())
    fault = SERVICE.fault(reply)
    assert type(fault) is error
    assert fault.cause == f"{code}: no"


@pytest.mark.parametrize(
    ("status", "error"),
    [(200, ProviderUnavailable), (404, ProviderUnavailable), (502, ProviderUnavailable), (413, ProviderRefused)],
)
def test_a_page_of_something_in_between_says_nothing_of_the_model(status: int, error: type[ProviderError]) -> None:
    assert type(SERVICE.fault(Reply(status, {}, b"<html></html>"))) is error


def test_a_busy_service_says_how_long_to_wait() -> None:
    fault = SERVICE.fault(Reply(429, {"retry-after": "7"}, b'{"code": 1303, "message": "full"}'))
    assert isinstance(fault, RateLimited)
    assert fault.wait == 7


@pytest.mark.parametrize("fault", [Fault.SUBMIT_DROP_AFTER, Fault.SUBMIT_DROP_DURING, Fault.SUBMIT_500])
def test_a_lost_submit_is_found_by_our_own_id(tmp_path: Path, fault: Fault) -> None:
    with driving(VENDOR) as driver:
        driver.server.faults.append(fault)
        asked = request(VENDOR, tmp_path)
        with pytest.raises(FateUnknown):
            SERVICE.submit(asked, driver.connection())
        found = SERVICE.find(doubt(asked), driver.connection())
        assert found is not None
        assert [found.id] == list(driver.server.jobs)
        assert driver.until_done(found).state is State.DONE


def test_what_never_arrived_is_not_found(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        driver.server.faults.append(Fault.SUBMIT_DROP_BEFORE)
        asked = request(VENDOR, tmp_path)
        with pytest.raises(FateUnknown):
            SERVICE.submit(asked, driver.connection())
        assert SERVICE.find(doubt(asked), driver.connection()) is None


def test_the_same_id_is_refused_a_second_time(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        SERVICE.submit(request(VENDOR, tmp_path), driver.connection())
        with pytest.raises(ProviderRefused, match="refused") as told:
            SERVICE.submit(request(VENDOR, tmp_path), driver.connection())
        assert "external_task_id" in str(told.value.cause)
        assert driver.server.paid == 1


@pytest.mark.parametrize(("fault", "error"), [(Fault.POLL_MODERATED, Moderated), (Fault.POLL_FAULT, VendorFault)])
def test_a_failure_is_told_by_its_words(tmp_path: Path, fault: Fault, error: type[ProviderError]) -> None:
    with driving(VENDOR) as driver:
        driver.server.faults.append(fault)
        status = driver.until_done(SERVICE.submit(request(VENDOR, tmp_path), driver.connection()))
        assert (status.state, type(status.fault), status.charged) == (State.FAILED, error, None)


def test_what_is_no_longer_known_is_gone(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        driver.server.faults.append(Fault.POLL_GONE)
        operation = SERVICE.submit(request(VENDOR, tmp_path), driver.connection())
        assert driver.until_done(operation).state is State.GONE


def test_words_that_nobody_knows_mean_that_it_runs(tmp_path: Path) -> None:
    with driving(VENDOR, polls=0) as driver:
        operation = SERVICE.submit(request(VENDOR, tmp_path), driver.connection())
        driver.server.faults.append(Fault.POLL_UNKNOWN)
        status = SERVICE.poll(operation, driver.connection())
        assert (status.state, status.word) == (State.RUNNING, "meditating")


def test_an_address_is_asked_for_again_when_it_expired(tmp_path: Path) -> None:
    with driving(VENDOR, polls=0) as driver:
        operation = SERVICE.submit(request(VENDOR, tmp_path), driver.connection())
        old = SERVICE.locate(operation, driver.connection())
        driver.server.jobs[operation.id].address += 1
        new = SERVICE.locate(operation, driver.connection())
        assert old.url != new.url
        driver.connection().fetch(new.url, tmp_path / "take.mp4", bare=new.bare, limits=Limits())
        assert (tmp_path / "take.mp4").read_bytes() == clip("5")


def test_nothing_is_taken_back(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        operation = SERVICE.submit(request(VENDOR, tmp_path), driver.connection())
        assert SERVICE.cancel(operation, driver.connection()) is False


@pytest.mark.parametrize(
    ("billing", "amount"),
    [
        (
            [{"charge_type": "cash", "amount": "0.2", "currency": "CNY"}] * 2,
            Price(amount=Fraction("0.4"), currency="CNY", exact=True),
        ),
        ([{"charge_type": "unit", "amount": "3", "package_type": "video"}], None),
        ([{"charge_type": "cash", "amount": "much", "currency": "USD"}], None),
        ([], None),
    ],
)
def test_only_money_counts_as_charged(billing: list[dict[str, str]], amount: Price | None) -> None:
    assert _charged(Body({"billing": billing})) == amount


@pytest.mark.parametrize(
    ("said", "key"),
    [
        ({"roles": ("last_frame",)}, "references"),
        ({"roles": ("first_frame",), "settings": {"ratio": "1:1"}}, "ratio"),
        ({"size": "2048x858"}, "format"),
    ],
)
def test_limits_that_span_several_fields_are_told(tmp_path: Path, said: dict[str, Any], key: str) -> None:
    assert [objection.key for objection in SERVICE.objections(VENDOR.model, wish(tmp_path, **said))] == [key]


def test_a_first_frame_gives_any_shape(tmp_path: Path) -> None:
    assert list(SERVICE.objections(VENDOR.model, wish(tmp_path, size="2048x858", roles=("first_frame",)))) == []


@pytest.mark.parametrize(
    ("model", "settings", "seconds", "amount"),
    [
        ("kling-3.0", {}, 5, "0.42"),
        ("kling-3.0", {"resolution": "1080p", "audio": True}, 10, "1.68"),
        ("kling-3.0", {"resolution": "4k", "audio": True}, 3, "1.26"),
        ("kling-3.0-omni", {"audio": True}, 5, "0.56"),
    ],
)
def test_prices_are_an_estimate(tmp_path: Path, model: str, settings: dict[str, Any], seconds: int, amount: str) -> None:
    asked = request_fields(request(VENDOR, tmp_path, model=model, settings=settings, seconds=seconds))
    assert SERVICE.price(model, asked) == Price(amount=Fraction(amount), currency="USD", exact=False)


def test_only_turbo_cannot_be_silent() -> None:
    silent = Fields((("audio", False), ("resolution", "720p")))
    assert {name for name in MODELS if SERVICE.has_sound(name, silent)} == {"kling-3.0-turbo"}
    assert SERVICE.has_sound("kling-3.0", Fields((("audio", True),)))
