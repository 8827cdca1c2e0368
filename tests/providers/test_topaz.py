"""Topaz Labs: the adapter against its server. There is no SDK: the shapes are those of the vendor's OpenAPI document."""

import json
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from shotbuild.errors import (
    FateUnknown,
    KeyRefused,
    OutOfFunds,
    PinGone,
    ProviderRefused,
    ProviderUnavailable,
    RateLimited,
    VendorFault,
)
from shotbuild.host.network import Limits, Payment
from shotbuild.host.wire import Reply
from shotbuild.providers.interface import Doubt, Request, State, Wish
from shotbuild.providers.topaz import MODELS, Topaz
from shotbuild.records import Fields, Format, Operation, Price, fields
from shotbuild.units import parse_size
from tests.providers.driving import Driver, driving, request
from tests.servers.clips import clip
from tests.servers.service import Fault
from tests.servers.topaz import VENDOR, TopazServer

TOPAZ = Topaz()


def _server(driver: Driver) -> TopazServer:
    assert isinstance(driver.server, TopazServer)
    return driver.server


def _doubt(made: Request, driver: Driver) -> Doubt:
    return Doubt(request=made, sent=json.loads(driver.sent[-1]), since="2026-11-20T10:00:00Z", known=frozenset())


def test_a_clip_comes_back_as_the_service_made_it(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        operation, status = driver.take(request(VENDOR, tmp_path), tmp_path / "take.mp4")
        assert (tmp_path / "take.mp4").read_bytes() == clip("5")
        assert (status.progress, status.charged, driver.server.paid) == (100, None, 1)
        assert _server(driver).requests[operation.id] == {
            "source": {
                "container": "mp4",
                "size": len(clip()),
                "duration": 5,
                "frameCount": 120,
                "frameRate": 24,
                "resolution": {"width": 64, "height": 64},
            },
            "filters": [{"model": "prob-4", "videoType": "Progressive", "auto": "Auto"}],
            "output": {
                "resolution": {"width": 128, "height": 128},
                "frameRate": 24,
                "audioTransfer": "None",
                "videoEncoder": "H265",
                "videoProfile": "Main10",
                "dynamicCompressionLevel": "High",
                "container": "mp4",
            },
        }
        assert driver.server.uploads == {f"{operation.id}/1": clip()}
        calls = [(each.method, each.path) for each in driver.server.asked]
        assert calls[:4] == [
            ("POST", "/video/"),
            ("PATCH", f"/video/{operation.id}/accept"),
            ("PUT", f"/upload-here/{operation.id}/1"),
            ("PATCH", f"/video/{operation.id}/complete-upload/"),
        ]
        assert [json.loads(each)["method"] for each in driver.sent] == ["PATCH"]


def test_a_large_clip_goes_up_in_parts(tmp_path: Path) -> None:
    with driving(VENDOR, parts=3) as driver:
        operation, _ = driver.take(request(VENDOR, tmp_path), tmp_path / "take.mp4")
        parts = [driver.server.uploads[f"{operation.id}/{number}"] for number in (1, 2, 3)]
        assert b"".join(parts) == clip()
        assert len({len(part) for part in parts[:-1]}) == 1


@pytest.mark.parametrize(
    ("model", "settings", "rate", "filters", "output"),
    [
        (
            "nyx-3",
            {"scale": 4, "auto": "Manual", "noise": 35, "details": -20, "encoder": "H264", "audio": True},
            "24",
            {"videoType": "Progressive", "auto": "Manual", "noise": 0.35, "details": -0.2},
            {
                "resolution": {"width": 256, "height": 256},
                "videoProfile": "High",
                "audioTransfer": "Copy",
                "audioCodec": "AAC",
            },
        ),
        ("apo-8", {}, "24", {"slowmo": 1, "fps": 48}, {"resolution": {"width": 64, "height": 64}, "frameRate": 48}),
        ("chf-3", {"fps": "60000/1001"}, "24000/1001", {"slowmo": 1, "fps": 60000 / 1001}, {"frameRate": 60000 / 1001}),
    ],
)
def test_settings_are_sent_by_their_names(
    tmp_path: Path,
    model: str,
    settings: Mapping[str, Any],
    rate: str,
    filters: Mapping[str, Any],
    output: Mapping[str, Any],
) -> None:
    with driving(VENDOR) as driver:
        written = {name: each.default for name, each in MODELS[model].fields.items() if each.default is not None} | settings
        form = Format(size=parse_size("64x64"), rate=Fraction(rate), color="bt709", pixels="yuv420p")
        made = request(VENDOR, tmp_path, model=model, format=form)
        made = Request(**{**_parts(made), "settings": Fields(tuple(sorted(written.items())))})
        operation = TOPAZ.submit(made, driver.connection())
        body = _server(driver).requests[operation.id]
        assert body["filters"] == [{"model": model, **filters}]
        assert {name: body["output"][name] for name in output} == output


def _parts(made: Request) -> dict[str, Any]:
    return {name: getattr(made, name) for name in Request.__dataclass_fields__}


@pytest.mark.parametrize(
    ("fault", "error", "payment"),
    [
        (Fault.SUBMIT_INVALID, ProviderRefused, Payment.NONE),
        (Fault.SUBMIT_AUTH, KeyRefused, Payment.NONE),
        (Fault.SUBMIT_MODEL_GONE, PinGone, Payment.NONE),
        (Fault.SUBMIT_FUNDS, OutOfFunds, Payment.REFUSED),
        (Fault.SUBMIT_LIMITED, RateLimited, Payment.REFUSED),
    ],
)
def test_a_refusal_is_told_by_its_body(tmp_path: Path, fault: Fault, error: type[Exception], payment: Payment) -> None:
    with driving(VENDOR) as driver:
        driver.server.faults.append(fault)
        line = driver.connection()
        with pytest.raises(error) as caught:
            TOPAZ.submit(request(VENDOR, tmp_path), line)
        assert type(caught.value) is error
        assert (line.payment, driver.server.paid, driver.server.uploads) == (payment, 0, {})


def test_a_refused_request_names_the_field(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        driver.server.faults.append(Fault.SUBMIT_INVALID)
        with pytest.raises(ProviderRefused) as caught:
            TOPAZ.submit(request(VENDOR, tmp_path), driver.connection())
        assert caught.value.cause == "source.container: container must be one of mp4, mov, mkv"


@pytest.mark.parametrize("status", [302, 408, 409, 500, 502, 503, 504])
def test_what_says_neither_yes_nor_no_is_no_refusal(status: int) -> None:
    assert isinstance(TOPAZ.fault(Reply(status, {}, b"<html>")), ProviderUnavailable)


# --- what was accepted is neither lost nor paid for twice -----------------------------------------------------------------


@pytest.mark.parametrize("fault", [Fault.SUBMIT_DROP_DURING, Fault.SUBMIT_DROP_AFTER, Fault.SUBMIT_500])
def test_a_lost_acceptance_is_found_and_the_clip_brought_up(tmp_path: Path, fault: Fault) -> None:
    with driving(VENDOR) as driver:
        driver.server.faults.append(fault)
        made = request(VENDOR, tmp_path)
        with pytest.raises(FateUnknown):
            TOPAZ.submit(made, driver.connection())
        assert driver.server.uploads == {}
        found = TOPAZ.find(_doubt(made, driver), driver.connection())
        assert found is not None
        assert driver.until_done(found).state is State.DONE
        assert (driver.server.paid, driver.server.uploads) == (1, {f"{found.id}/1": clip()})


@pytest.mark.parametrize("serving", [{"cuts": 1}, {"refused": 1}, {"spoilt": 1}, {"cuts": 1, "parts": 3}])
def test_an_upload_that_fails_after_paying_is_ended_by_finding_it(tmp_path: Path, serving: Mapping[str, int]) -> None:
    with driving(VENDOR, **serving) as driver:
        made = request(VENDOR, tmp_path)
        line = driver.connection()
        with pytest.raises(FateUnknown, match="did not reach it whole"):
            TOPAZ.submit(made, line)
        assert line.payment is Payment.ACCEPTED
        found = TOPAZ.find(_doubt(made, driver), driver.connection())
        assert found is not None
        assert driver.until_done(found).state is State.DONE
        assert driver.server.paid == 1


def test_finding_what_is_under_way_uploads_nothing(tmp_path: Path) -> None:
    with driving(VENDOR, polls=3) as driver:
        made = request(VENDOR, tmp_path)
        operation = TOPAZ.submit(made, driver.connection())
        assert TOPAZ.find(_doubt(made, driver), driver.connection()) == operation
        assert [each.method for each in driver.server.asked].count("PUT") == 1


def test_what_was_never_accepted_is_not_found(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        driver.server.faults.append(Fault.SUBMIT_DROP_BEFORE)
        made = request(VENDOR, tmp_path)
        with pytest.raises(FateUnknown):
            TOPAZ.submit(made, driver.connection())
        assert TOPAZ.find(_doubt(made, driver), driver.connection()) is None
        _server(driver).requests.clear()
        assert TOPAZ.find(_doubt(made, driver), driver.connection()) is None
        assert driver.server.paid == 0


def test_a_doubt_without_an_address_is_never_called_unpaid(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        doubt = Doubt(request=request(VENDOR, tmp_path), sent={}, since="2026-11-20T10:00:00Z", known=frozenset())
        with pytest.raises(ProviderUnavailable, match="nobody can tell"):
            TOPAZ.find(doubt, driver.connection())


# --- what becomes of it --------------------------------------------------------------------------------------------------


def test_a_fault_of_the_vendor_is_worth_a_new_attempt(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        driver.server.faults.append(Fault.POLL_FAULT)
        status = driver.until_done(TOPAZ.submit(request(VENDOR, tmp_path), driver.connection()))
        assert (status.state, type(status.fault)) == (State.FAILED, VendorFault)
        assert status.fault is not None
        assert status.fault.cause == "PROCESSING_FAILURE: Processing failed"


class Answers:
    """`wire.Http` with one answer."""

    known: Mapping[str, str] = {}

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def get(self, url: str, query: Any = None, *, allow: tuple[int, ...] = ()) -> Reply:
        return Reply(200, {}, json.dumps(self.answer).encode())

    def send(self, *_: Any, **__: Any) -> Reply:
        raise AssertionError("a look sends nothing")

    pay = send


OPERATION = Operation(provider="topaz", id="r", submitted="")


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("requested", State.QUEUED),
        ("accepted", State.QUEUED),
        ("initializing", State.QUEUED),
        ("preprocessing", State.RUNNING),
        ("processing", State.RUNNING),
        ("postprocessing", State.RUNNING),
        ("canceling", State.RUNNING),
        ("canceled", State.CANCELLED),
        ("complete", State.DONE),
        ("contemplating", State.RUNNING),
    ],
)
def test_a_word_says_how_it_stands(word: str, state: State) -> None:
    status = TOPAZ.poll(OPERATION, Answers({"status": word, "progress": 82}))
    assert (status.state, status.word, status.progress) == (state, word, 82)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("PROCESSING_FAILURE", VendorFault),
        ("HARDWARE_FAILURE", VendorFault),
        ("TIMEOUT_UPLOAD_SOURCE", VendorFault),
        ("", VendorFault),
        ("INVALID_INPUT", ProviderRefused),
        ("CREDIT_DIFFERENCE", ProviderRefused),
        ("INSUFFICIENT_CREDITS", OutOfFunds),
        ("FORBIDDEN", KeyRefused),
    ],
)
def test_a_failed_request_is_told_by_its_code(code: str, kind: type[Exception]) -> None:
    status = TOPAZ.poll(OPERATION, Answers({"status": "failed", "message": "no", "errorCode": code}))
    assert type(status.fault) is kind


def test_an_unknown_word_is_waited_out(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        driver.server.faults.append(Fault.POLL_UNKNOWN)
        driver.take(request(VENDOR, tmp_path), tmp_path / "take.mp4")
        assert driver.server.paid == 1


def test_a_request_that_is_not_known_any_more_is_gone(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        driver.server.faults.append(Fault.POLL_GONE)
        operation = TOPAZ.submit(request(VENDOR, tmp_path), driver.connection())
        assert driver.until_done(operation).state is State.GONE


def test_cancelling_is_in_time_until_it_is_done(tmp_path: Path) -> None:
    with driving(VENDOR, polls=1) as driver:
        made = request(VENDOR, tmp_path)
        first = TOPAZ.submit(made, driver.connection())
        assert TOPAZ.cancel(first, driver.connection())
        assert driver.until_done(first).state is State.CANCELLED
        second = TOPAZ.submit(made, driver.connection())
        driver.until_done(second)
        before = len(driver.server.asked)
        assert not TOPAZ.cancel(second, driver.connection())
        assert [asked.method for asked in driver.server.asked[before:]] == ["GET"]


def test_an_expired_address_is_asked_for_again(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        operation = TOPAZ.submit(request(VENDOR, tmp_path), driver.connection())
        driver.until_done(operation)
        first = TOPAZ.locate(operation, driver.connection())
        driver.server.jobs[operation.id].address += 1
        fresh = TOPAZ.locate(operation, driver.connection())
        assert first.url != fresh.url
        driver.connection().fetch(fresh.url, tmp_path / "take.mp4", bare=fresh.bare, limits=Limits())
        assert (tmp_path / "take.mp4").read_bytes() == clip("5")


# --- limits and prices ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "size", "settings", "keys"),
    [
        ("prob-4", "1920x1080", {}, []),
        ("prob-4", "1920x1080", {"scale": 8}, ["scale"]),
        ("prob-4", "1920x1080", {"scale": 4, "encoder": "H264"}, ["scale"]),
        ("prob-4", "1920x1080", {"noise": 10}, ["noise"]),
        ("prob-4", "1920x1080", {"noise": 10, "auto": "Relative"}, []),
        ("apo-8", "1920x1080", {}, []),
        ("apo-8", "1920x1080", {"fps": "24"}, ["fps"]),
        ("apo-8", "1920x1080", {"fps": "60"}, []),
    ],
)
def test_what_a_model_does_not_make_is_said_before(
    model: str, size: str, settings: Mapping[str, Any], keys: list[str]
) -> None:
    defaults = {name: each.default for name, each in MODELS[model].fields.items() if isinstance(each.default, str | int)}
    wish = Wish(
        prompt="",
        seconds=Fraction(5),
        format=Format(size=parse_size(size), rate=Fraction(24), color="bt709", pixels="yuv420p"),
        references=("video",),
        settings=Fields(tuple(sorted({**defaults, **settings}.items()))),
    )
    assert [each.key for each in TOPAZ.objections(model, wish)] == keys


def test_a_price_is_unknown_because_credits_have_none() -> None:
    assert TOPAZ.price("prob-4", fields(frames=120, rate="24")) == Price(amount=None, currency="USD", exact=False)


def test_sound_is_kept_only_when_it_is_asked_for() -> None:
    assert not TOPAZ.has_sound("prob-4", fields(audio=False))
    assert TOPAZ.has_sound("prob-4", fields(audio=True))
