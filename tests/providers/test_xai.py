"""xAI's videos: the adapter against its server. There is no SDK, so the recorded shapes stand here."""

import json
from pathlib import Path
from typing import Any

import pytest

from shotbuild.errors import (
    AddressExpired,
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
from shotbuild.host.network import Limits, Payment
from shotbuild.host.wire import Reply
from shotbuild.providers.common import data_uri, table_objections
from shotbuild.providers.interface import Request, State, Status, Wish, request_fields
from shotbuild.providers.xai import MODELS, Xai
from shotbuild.records import Operation, Price, fields
from tests.providers.driving import PNG, driving, request
from tests.servers.clips import clip
from tests.servers.service import Fault
from tests.servers.xai import TICKS, VENDOR

XAI = Xai()
OPERATION = Operation(provider="xai", id="x", submitted="")
BODY = {
    "model": "grok-imagine-video",
    "prompt": "A lighthouse at dawn.",
    "duration": 5,
    "aspect_ratio": "16:9",
    "resolution": "720p",
}
DONE = {
    "status": "done",
    "video": {"url": "https://vidgen.x.ai/a.mp4", "duration": 5, "respect_moderation": True},
    "model": "grok-imagine-video",
}


class Said:
    """Answers one poll with what a test says."""

    def __init__(self, status: int, body: Any) -> None:
        self.answer = reply(status, body)

    def get(self, url: str, query: Any = None, *, allow: tuple[int, ...] = ()) -> Reply:
        return self.answer


def reply(status: int, body: Any, **headers: str) -> Reply:
    return Reply(status, headers, body if isinstance(body, bytes) else json.dumps(body).encode(), "xai")


def polled(status: int, body: Any) -> Status:
    return XAI.poll(OPERATION, Said(status, body))


def test_a_take_comes_back_as_the_service_made_it(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        _, status = driver.take(request(VENDOR, tmp_path), tmp_path / "take.mp4")
        assert (tmp_path / "take.mp4").read_bytes() == clip("5")
        assert (status.word, status.progress, status.pin) == ("done", 100, MODELS["grok-imagine-video"].pin("xai"))
        assert [asked.body for asked in driver.server.asked if asked.method == "POST"] == [BODY]
        assert driver.server.paid == 1


def test_what_was_charged_is_recorded_in_ticks_and_not_counted(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        operation = XAI.submit(request(VENDOR, tmp_path), driver.connection())
        driver.until_done(operation)
        line = driver.connection()
        assert XAI.poll(operation, line).charged is None
        assert json.loads(line.last)["usage"] == {"cost_in_usd_ticks": TICKS}


def test_every_setting_is_sent(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        settings = {"resolution": "1080p", "ratio": "2:3"}
        asked = request(VENDOR, tmp_path, settings=settings, model="grok-imagine-video-1.5", seconds=7)
        XAI.submit(asked, driver.connection())
        more = {"model": "grok-imagine-video-1.5", "resolution": "1080p", "aspect_ratio": "2:3", "duration": 7}
        assert driver.server.asked[-1].body == {**BODY, **more}


def test_a_first_frame_goes_along_whole(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        asked = request(VENDOR, tmp_path, roles=("first_frame",))
        XAI.submit(asked, driver.connection())
        assert driver.server.asked[-1].body == {**BODY, "image": {"url": data_uri(asked.references[0][1])}}
        assert list(driver.server.uploads.values()) == [PNG + b"first_frame"]


def test_references_go_along_in_the_order_of_their_roles(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        roles = ("reference_2", "reference", "reference_7")
        XAI.submit(request(VENDOR, tmp_path, roles=roles), driver.connection())
        assert [set(each) for each in driver.server.asked[-1].body["reference_images"]] == [{"url"}] * 3
        order = ("reference", "reference_2", "reference_7")
        assert list(driver.server.uploads.values()) == [PNG + role.encode() for role in order]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.SUBMIT_FUNDS, OutOfFunds),
        (Fault.SUBMIT_MODEL_GONE, PinGone),
        (Fault.SUBMIT_LIMITED, RateLimited),
        (Fault.SUBMIT_AUTH, KeyRefused),
        (Fault.SUBMIT_MODERATED, Moderated),
        (Fault.SUBMIT_INVALID, ProviderRefused),
    ],
)
def test_a_refusal_is_told_by_its_body(tmp_path: Path, fault: Fault, error: type[Exception]) -> None:
    with driving(VENDOR) as driver:
        driver.server.faults.append(fault)
        line = driver.connection()
        with pytest.raises(error) as caught:
            XAI.submit(request(VENDOR, tmp_path), line)
        assert type(caught.value) is error
        assert (line.payment, driver.server.paid) == (Payment.REFUSED, 0)


CREDITS = "Your team 1 has either used all available credits or reached its monthly spending limit."


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (429, {"code": "Some resource has been exhausted", "error": CREDITS}, OutOfFunds),
        (403, {"error": {"code": "permission-denied", "message": CREDITS}}, OutOfFunds),
        (402, b"", OutOfFunds),
        (403, {"code": "permission-denied", "error": "No access"}, KeyRefused),
        (400, {"code": "invalid-argument", "error": "Incorrect API key provided: ab***"}, KeyRefused),
        (400, {"error": {"message": "The model cannot make 1080p"}}, ProviderRefused),
        (404, {"error": {"message": "The model grok-imagine-video does not exist"}}, PinGone),
        (404, b"<html>not found</html>", ProviderUnavailable),
        (409, {"error": {"message": "Conflict"}}, ProviderUnavailable),
        (502, b"<html>bad gateway</html>", ProviderUnavailable),
    ],
)
def test_each_no_has_its_kind(status: int, body: Any, error: type[ProviderError]) -> None:
    assert type(XAI.fault(reply(status, body))) is error


def test_a_refusal_keeps_the_words_and_the_time_to_wait() -> None:
    error = {"code": "invalid-argument", "message": "duration is too long", "type": None, "param": None}
    refused = XAI.fault(reply(400, {"error": error}))
    assert refused is not None
    assert refused.cause == "invalid-argument: duration is too long"
    limited = XAI.fault(reply(429, {"error": "Too many requests"}, **{"retry-after": "7"}))
    assert isinstance(limited, RateLimited)
    assert limited.wait == 7
    assert XAI.fault(reply(202, b"")) is None


def test_a_submit_without_a_readable_answer_stays_unknown(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        driver.server.faults.append(Fault.SUBMIT_500)
        line = driver.connection()
        with pytest.raises(FateUnknown):
            XAI.submit(request(VENDOR, tmp_path), line)
        assert (line.payment, driver.server.paid) == (Payment.UNKNOWN, 1)


@pytest.mark.parametrize(("fault", "error"), [(Fault.POLL_MODERATED, Moderated), (Fault.POLL_FAULT, VendorFault)])
def test_a_failure_says_whose_it_is(tmp_path: Path, fault: Fault, error: type[Exception]) -> None:
    with driving(VENDOR) as driver:
        driver.server.faults.append(fault)
        status = driver.until_done(XAI.submit(request(VENDOR, tmp_path), driver.connection()))
        assert status.state is State.FAILED
        assert type(status.fault) is error


@pytest.mark.parametrize(
    ("status", "body", "state", "word"),
    [
        (202, b"", State.RUNNING, "pending"),
        (202, {"status": "pending", "progress": 40}, State.RUNNING, "pending"),
        (200, {"status": "pending"}, State.RUNNING, "pending"),
        (200, DONE, State.DONE, "done"),
        (200, {"video": {"url": "https://vidgen.x.ai/a.mp4"}}, State.DONE, "done"),
        (200, {"status": "imagining"}, State.RUNNING, "imagining"),
        (200, {"status": "failed"}, State.FAILED, "failed"),
        (200, {"status": "expired"}, State.FAILED, "expired"),
    ],
)
def test_recorded_answers_become_states_and_unknown_words_run(status: int, body: Any, state: State, word: str) -> None:
    said = polled(status, body)
    assert (said.state, said.word) == (state, word)
    assert (said.fault is not None) == (state is State.FAILED)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({**DONE, "video": {"url": "https://vidgen.x.ai/a.mp4", "respect_moderation": False}}, Moderated),
        ({"status": "failed", "error": {"code": "content_moderation", "message": "no"}}, Moderated),
        ({"status": "failed", "error": {"code": "invalid-argument", "message": "no picture"}}, ProviderRefused),
        ({"status": "failed", "error": {"code": "internal_error", "message": "it broke"}}, VendorFault),
        ({"status": "expired"}, VendorFault),
    ],
)
def test_recorded_failures_have_their_kind(body: Any, error: type[Exception]) -> None:
    status = polled(200, body)
    assert (status.state, type(status.fault)) == (State.FAILED, error)


def test_a_poll_that_says_nothing_is_asked_again() -> None:
    with pytest.raises(ProviderUnavailable):
        polled(200, b"")


def test_what_is_no_longer_known_is_gone(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        driver.server.faults.append(Fault.POLL_GONE)
        operation = XAI.submit(request(VENDOR, tmp_path), driver.connection())
        assert driver.until_done(operation).state is State.GONE
        assert XAI.cancel(operation, driver.connection()) is False


def test_an_expired_address_is_asked_for_again(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        operation = XAI.submit(request(VENDOR, tmp_path), driver.connection())
        driver.until_done(operation)
        driver.server.faults.append(Fault.OUTPUT_EXPIRED)
        old = XAI.locate(operation, driver.connection())
        with pytest.raises(AddressExpired):
            driver.connection().fetch(old.url, tmp_path / "take.mp4", bare=old.bare, limits=Limits())
        new = XAI.locate(operation, driver.connection())
        driver.connection().fetch(new.url, tmp_path / "take.mp4", bare=new.bare, limits=Limits())
        assert (tmp_path / "take.mp4").read_bytes() == clip("5")


def test_limits_are_said_before_anything_is_asked(tmp_path: Path) -> None:
    def keys(*roles: str, seconds: int = 5, size: str = "720p", model: str = "grok-imagine-video-1.5") -> list[str]:
        asked: Request = request(VENDOR, tmp_path, seconds=seconds)
        wish = Wish(
            prompt=asked.prompt,
            seconds=asked.seconds,
            format=asked.format,
            references=roles,
            settings=fields(resolution=size),
        )
        return [each.key for each in (*table_objections(MODELS[model], wish), *XAI.objections(model, wish))]

    assert keys("first_frame", size="1080p") == []
    assert keys("reference", size="1080p") == ["resolution"]
    assert keys("first_frame", "reference_2") == ["references"]
    assert keys(seconds=16) == ["duration"]


def test_a_price_is_unknown_and_a_take_has_sound(tmp_path: Path) -> None:
    asked = request_fields(request(VENDOR, tmp_path))
    assert XAI.price("grok-imagine-video", asked) == Price(amount=None, currency="USD", exact=False)
    assert XAI.has_sound("grok-imagine-video", fields()) is True
