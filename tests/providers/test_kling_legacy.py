"""Kling's API under /v1/videos: the adapter against its server. There is no SDK: the shapes are documented ones."""

import base64
import hashlib
import hmac
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
    RateLimited,
    VendorFault,
)
from shotbuild.host.wire import Limits, Payment
from shotbuild.providers.interface import Doubt, Request, State, Wish, request_fields
from shotbuild.records import Fields, Price
from shotbuild.units import parse_size
from tests.providers.driving import PNG, Driver, driving, request
from tests.servers.clips import clip
from tests.servers.kling_legacy import VENDOR
from tests.servers.service import Fault, environment

SERVICE = VENDOR.service
CLIENT = "0f3c2b1a-0000-4000-8000-000000000001"
KEYS = {"KLING_ACCESS_KEY": "access", "KLING_SECRET_KEY": "secret"}


def submitted(driver: Driver) -> tuple[str, Any]:
    return next((asked.path, asked.body) for asked in driver.server.asked if asked.method == "POST")


def doubt(asked: Request) -> Doubt:
    return Doubt(request=asked, sent={}, since="2026-11-20T10:00:00Z", known=frozenset())


def token(now: float) -> tuple[Any, Any, str, str]:
    """Head, claims, what is signed, and the signature."""
    kind, _, whole = SERVICE.headers(KEYS, now)["Authorization"].partition(" ")
    assert kind == "Bearer"
    signed, _, signature = whole.rpartition(".")
    head, claims = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in signed.split("."))
    return head, claims, signed, signature


def test_a_token_is_a_signed_jwt_of_half_an_hour() -> None:
    head, claims, signed, signature = token(1795168800.0)
    assert head == {"alg": "HS256", "typ": "JWT"}
    assert claims == {"iss": "access", "exp": 1795168800 + 1800, "nbf": 1795168800 - 5}
    made = hmac.new(b"secret", signed.encode(), hashlib.sha256).digest()
    assert base64.urlsafe_b64decode(signature + "=") == made


def test_a_token_holds_at_any_moment_and_stays_for_a_minute() -> None:
    for now in (1795168800.0, 1795168830.5, 1795168859.9):
        claims = token(now)[1]
        assert claims["nbf"] < now < claims["exp"] - 1700
        assert claims == token(1795168800.0)[1]
    assert token(1795168860.0) != token(1795168800.0)


def test_a_take_comes_back_as_the_service_made_it(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        operation, status = driver.take(request(VENDOR, tmp_path), tmp_path / "take.mp4")
        assert (tmp_path / "take.mp4").read_bytes() == clip("5")
        assert (status.word, status.charged) == ("succeed", None)
        assert operation.links.text("kind") == "text2video"
        body = {
            "model_name": "kling-v2-6",
            "prompt": "A lighthouse at dawn.",
            "mode": "std",
            "duration": "5",
            "external_task_id": CLIENT,
            "sound": "off",
            "aspect_ratio": "16:9",
        }
        assert submitted(driver) == ("/v1/videos/text2video", body)
        assert driver.server.paid == 1
        assert driver.server.key not in driver.sent[0]


def test_frames_travel_as_bare_base64_and_give_the_shape(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        asked = request(VENDOR, tmp_path, roles=("first_frame", "last_frame"), settings={"mode": "pro"})
        driver.take(asked, tmp_path / "take.mp4")
        path, body = submitted(driver)
        assert path == "/v1/videos/image2video"
        assert base64.b64decode(body["image"]) == PNG + b"first_frame"
        assert base64.b64decode(body["image_tail"]) == PNG + b"last_frame"
        assert "aspect_ratio" not in body


def test_what_is_written_is_sent(tmp_path: Path) -> None:
    settings = {"audio": True, "cfg_scale": "1/2", "mode": "pro", "negative_prompt": "fog", "ratio": "1:1"}
    with driving(VENDOR) as driver:
        SERVICE.submit(request(VENDOR, tmp_path, model="kling-v3", settings=settings, seconds=15), driver.connection())
        assert submitted(driver)[1] == {
            "model_name": "kling-v3",
            "prompt": "A lighthouse at dawn.",
            "mode": "pro",
            "duration": "15",
            "external_task_id": CLIENT,
            "negative_prompt": "fog",
            "sound": "on",
            "cfg_scale": 0.5,
            "multi_shot": False,
            "aspect_ratio": "1:1",
        }
        assert set(settings) == set(SERVICE.models["kling-v3"].fields)


def test_a_model_without_sound_is_sent_no_word_of_it(tmp_path: Path) -> None:
    settings = Fields((("mode", "std"), ("ratio", None)))
    with driving(VENDOR) as driver:
        asked = replace(request(VENDOR, tmp_path, model="kling-v2-5-turbo"), settings=settings)
        driver.take(asked, tmp_path / "take.mp4")
        assert "sound" not in submitted(driver)[1]


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


@pytest.mark.parametrize(("variable", "code"), [("KLING_SECRET_KEY", "1002"), ("KLING_ACCESS_KEY", "1002")])
def test_a_token_of_other_keys_is_refused(tmp_path: Path, variable: str, code: str) -> None:
    with driving(VENDOR) as driver, environment(**{variable: "another-key-altogether"}):
        with pytest.raises(KeyRefused) as told:
            SERVICE.submit(request(VENDOR, tmp_path), driver.connection())
        assert str(told.value.cause).startswith(code)


@pytest.mark.parametrize(("now", "code"), [(0.0, 1004), (32503680000.0, 1003)])
def test_the_server_looks_at_the_times_of_a_token(now: float, code: int) -> None:
    with driving(VENDOR) as driver:
        keys = {"KLING_ACCESS_KEY": "test-access-key", "KLING_SECRET_KEY": driver.server.key}
        header = SERVICE.headers(keys, now)
        reply = driver.network._kept.get(f"{driver.server.url}/v1/videos/text2video/x", headers=dict(header))
        assert (reply.status_code, reply.json()["code"]) == (401, code)


@pytest.mark.parametrize("roles", [(), ("first_frame",)])
@pytest.mark.parametrize("fault", [Fault.SUBMIT_DROP_AFTER, Fault.SUBMIT_DROP_DURING, Fault.SUBMIT_500])
def test_a_lost_submit_is_found_by_our_own_id(tmp_path: Path, fault: Fault, roles: tuple[str, ...]) -> None:
    with driving(VENDOR) as driver:
        driver.server.faults.append(fault)
        asked = request(VENDOR, tmp_path, roles=roles)
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
        with pytest.raises(ProviderRefused) as told:
            SERVICE.submit(request(VENDOR, tmp_path), driver.connection())
        assert "external_task_id" in str(told.value.cause)
        assert driver.server.paid == 1


@pytest.mark.parametrize(("fault", "error"), [(Fault.POLL_MODERATED, Moderated), (Fault.POLL_FAULT, VendorFault)])
def test_a_failure_is_told_by_its_words(tmp_path: Path, fault: Fault, error: type[ProviderError]) -> None:
    with driving(VENDOR) as driver:
        driver.server.faults.append(fault)
        status = driver.until_done(SERVICE.submit(request(VENDOR, tmp_path), driver.connection()))
        assert (status.state, type(status.fault)) == (State.FAILED, error)


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
    ("model", "said", "keys"),
    [
        ("kling-v2-6", {"roles": ("last_frame",), "settings": {"mode": "pro"}}, ["references"]),
        ("kling-v2-6", {"roles": ("first_frame",), "settings": {"ratio": "1:1"}}, ["ratio"]),
        ("kling-v2-6", {"settings": {"audio": True}}, ["audio"]),
        ("kling-v2-6", {"roles": ("first_frame", "last_frame")}, ["references"]),
        ("kling-v2-6", {"roles": ("first_frame", "last_frame"), "settings": {"mode": "pro", "audio": True}}, []),
        ("kling-v3", {"roles": ("first_frame", "last_frame"), "settings": {"audio": True}}, []),
    ],
)
def test_limits_that_span_several_fields_are_told(tmp_path: Path, model: str, said: dict[str, Any], keys: list[str]) -> None:
    asked = request(VENDOR, tmp_path, model=model, **said)
    roles = tuple(role for role, _ in asked.references)
    wish = Wish(prompt="", seconds=asked.seconds, format=asked.format, references=roles, settings=asked.settings)
    assert [objection.key for objection in SERVICE.objections(model, wish)] == keys


def test_without_a_first_frame_there_are_three_shapes(tmp_path: Path) -> None:
    asked = request(VENDOR, tmp_path)
    wide = replace(asked.format, size=parse_size("2048x858"))
    wish = Wish(prompt="", seconds=asked.seconds, format=wide, references=(), settings=asked.settings)
    assert [objection.key for objection in SERVICE.objections("kling-v2-6", wish)] == ["format"]


@pytest.mark.parametrize(
    ("model", "settings", "seconds", "amount"),
    [
        ("kling-v2-6", {}, 5, "0.21"),
        ("kling-v2-6", {"mode": "pro"}, 7, "0.7"),
        ("kling-v2-5-turbo", {"mode": "pro"}, 5, "0.35"),
        ("kling-v3", {"audio": True}, 4, "0.504"),
    ],
)
def test_prices_are_an_estimate(tmp_path: Path, model: str, settings: dict[str, Any], seconds: int, amount: str) -> None:
    asked = request_fields(request(VENDOR, tmp_path, model=model, settings=settings, seconds=seconds))
    assert SERVICE.price(model, asked) == Price(amount=Fraction(amount), currency="USD", exact=False)


def test_a_price_that_is_nowhere_said_is_unknown(tmp_path: Path) -> None:
    asked = request_fields(request(VENDOR, tmp_path, settings={"audio": True, "mode": "pro"}))
    assert SERVICE.price("kling-v2-6", asked).amount is None
