"""Luma's Dream Machine API: the adapter against its server, and the server against the vendor's own SDK."""

import json
import time
from datetime import UTC, datetime
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
from shotbuild.host.network import Limits, Payment
from shotbuild.host.wire import Reply
from shotbuild.providers.common import table_objections
from shotbuild.providers.interface import Doubt, Request, State, Wish, request_fields
from shotbuild.providers.luma_legacy import MODELS, LumaLegacy
from shotbuild.records import Operation, Price, fields
from tests.providers.driving import Driver, driving, request
from tests.servers.clips import clip
from tests.servers.luma_legacy import VENDOR
from tests.servers.service import Fault

LUMA = LumaLegacy()
BODY = {
    "generation_type": "video",
    "model": "ray-2",
    "prompt": "A lighthouse at dawn.",
    "aspect_ratio": "16:9",
    "duration": "5s",
    "resolution": "720p",
    "loop": False,
}


class Said:
    """Answers one poll with what a test says."""

    def __init__(self, body: Any) -> None:
        self.body = body

    def get(self, url: str, query: Any = None, *, allow: tuple[int, ...] = ()) -> Reply:
        return reply(200, self.body)


def reply(status: int, body: Any, **headers: str) -> Reply:
    return Reply(status, headers, body if isinstance(body, bytes) else json.dumps(body).encode(), "luma-legacy")


def doubt(asked: Request, *, since: float | None = None, known: frozenset[str] = frozenset()) -> Doubt:
    moment = datetime.fromtimestamp(time.time() if since is None else since, UTC).isoformat()
    return Doubt(request=asked, sent=BODY, since=moment.replace("+00:00", "Z"), known=known)


def lost(driver: Driver, asked: Request) -> str:
    """A submit that was accepted and whose answer was lost; gives the id that nobody learnt."""
    before = set(driver.server.jobs)
    driver.server.faults.append(Fault.SUBMIT_DROP_AFTER)
    with pytest.raises(FateUnknown):
        LUMA.submit(asked, driver.connection())
    [name] = set(driver.server.jobs) - before
    return name


def test_a_take_comes_back_as_the_service_made_it(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        _, status = driver.take(request(VENDOR, tmp_path), tmp_path / "take.mp4")
        assert (tmp_path / "take.mp4").read_bytes() == clip("5")
        assert (status.charged, status.pin) == (None, MODELS["ray-2"].pin("luma-legacy"))
        assert [asked.body for asked in driver.server.asked if asked.method == "POST"] == [BODY]
        assert driver.server.paid == 1


def test_every_setting_is_sent(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        settings = {"resolution": "4k", "loop": True, "ratio": "9:21"}
        LUMA.submit(request(VENDOR, tmp_path, settings=settings, seconds=6, model="ray-flash-2"), driver.connection())
        more = {"model": "ray-flash-2", "resolution": "4k", "loop": True, "aspect_ratio": "9:21", "duration": "9s"}
        assert driver.server.asked[-1].body == {**BODY, **more}


def test_pictures_are_not_taken_because_they_cannot_be_sent_up() -> None:
    assert all(model.roles == () and "public address" in model.notes for model in MODELS.values())


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
            LUMA.submit(request(VENDOR, tmp_path), line)
        assert type(caught.value) is error
        assert (line.payment, driver.server.paid) == (Payment.REFUSED, 0)


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (400, {"detail": "The model does not support 4k at 9s"}, ProviderRefused),
        (404, {"detail": "Model ray-2 not found"}, PinGone),
        (402, {"detail": "Payment required"}, OutOfFunds),
        (403, {"detail": "Insufficient credits"}, OutOfFunds),
        (401, b"", KeyRefused),
        (404, b"<html>not found</html>", ProviderUnavailable),
        (409, {"detail": "Conflict"}, ProviderUnavailable),
        (502, b"<html>bad gateway</html>", ProviderUnavailable),
    ],
)
def test_each_no_has_its_kind(status: int, body: Any, error: type[ProviderError]) -> None:
    assert type(LUMA.fault(reply(status, body))) is error


def test_a_refusal_keeps_the_words_and_the_time_to_wait() -> None:
    refused = LUMA.fault(reply(400, {"detail": "Prompt is too short"}))
    assert refused is not None
    assert refused.cause == "Prompt is too short"
    limited = LUMA.fault(reply(429, {"detail": "Rate limit exceeded"}, **{"retry-after": "7"}))
    assert isinstance(limited, RateLimited)
    assert limited.wait == 7
    assert LUMA.fault(reply(201, {"id": "x"})) is None


@pytest.mark.parametrize(("fault", "error"), [(Fault.POLL_MODERATED, Moderated), (Fault.POLL_FAULT, VendorFault)])
def test_a_failure_says_whose_it_is(tmp_path: Path, fault: Fault, error: type[Exception]) -> None:
    with driving(VENDOR) as driver:
        driver.server.faults.append(fault)
        status = driver.until_done(LUMA.submit(request(VENDOR, tmp_path), driver.connection()))
        assert status.state is State.FAILED
        assert type(status.fault) is error


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("queued", State.QUEUED),
        ("dreaming", State.RUNNING),
        ("completed", State.DONE),
        ("daydreaming", State.RUNNING),
    ],
)
def test_words_become_states_and_unknown_ones_run(word: str, state: State) -> None:
    status = LUMA.poll(Operation(provider="luma-legacy", id="x", submitted=""), Said({"state": word}))
    assert (status.state, status.word, status.fault, status.pin) == (state, word, None, None)


def test_what_is_no_longer_known_is_gone(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        driver.server.faults.append(Fault.POLL_GONE)
        assert driver.until_done(LUMA.submit(request(VENDOR, tmp_path), driver.connection())).state is State.GONE


def test_cancelling_takes_nothing_out_of_the_list(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        operation = LUMA.submit(request(VENDOR, tmp_path), driver.connection())
        assert LUMA.cancel(operation, driver.connection()) is False
        assert operation.id in driver.server.jobs


def test_an_expired_address_is_asked_for_again(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        operation = LUMA.submit(request(VENDOR, tmp_path), driver.connection())
        driver.until_done(operation)
        old = LUMA.locate(operation, driver.connection())
        driver.server.jobs[operation.id].address += 1
        new = LUMA.locate(operation, driver.connection())
        driver.connection().fetch(new.url, tmp_path / "take.mp4", bare=new.bare, limits=Limits())
        assert new.url != old.url
        assert (tmp_path / "take.mp4").read_bytes() == clip("5")


# --- a submit whose answer was lost -------------------------------------------------------------------------------------


def test_a_lost_submit_is_found_in_the_list(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        asked = request(VENDOR, tmp_path)
        LUMA.submit(request(VENDOR, tmp_path, prompt="Another shot."), driver.connection())
        LUMA.submit(request(VENDOR, tmp_path, model="ray-flash-2"), driver.connection())
        LUMA.submit(request(VENDOR, tmp_path, settings={"loop": True}), driver.connection())
        name = lost(driver, asked)
        found = LUMA.find(doubt(asked), driver.connection())
        assert found == Operation(provider="luma-legacy", id=name, submitted="")
        assert driver.server.paid == 4


def test_what_is_accounted_for_is_not_found_again(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        asked = request(VENDOR, tmp_path)
        known = LUMA.submit(asked, driver.connection())
        assert LUMA.find(doubt(asked, known=frozenset({known.id})), driver.connection()) is None
        name = lost(driver, asked)
        found = LUMA.find(doubt(asked, known=frozenset({known.id})), driver.connection())
        assert found is not None
        assert found.id == name


def test_of_two_that_fit_none_is_taken(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        asked = request(VENDOR, tmp_path)
        LUMA.submit(asked, driver.connection())
        lost(driver, asked)
        assert LUMA.find(doubt(asked), driver.connection()) is None


def test_what_is_older_than_a_minute_before_is_not_it(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        asked = request(VENDOR, tmp_path)
        name = lost(driver, asked)
        left = driver.server.jobs[name].created
        assert LUMA.find(doubt(asked, since=left + 61), driver.connection()) is None
        assert LUMA.find(doubt(asked, since=left + 59), driver.connection()) is not None


def test_what_is_younger_than_ten_minutes_after_is_not_it(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        asked = request(VENDOR, tmp_path)
        left = driver.server.jobs[lost(driver, asked)].created
        assert LUMA.find(doubt(asked, since=left - 599), driver.connection()) is not None
        assert LUMA.find(doubt(asked, since=left - 601), driver.connection()) is None


@pytest.mark.parametrize("shown", [None, {}, {"model": "ray-2"}])
def test_a_row_that_does_not_show_what_was_asked_may_be_anybodys(tmp_path: Path, shown: Any) -> None:
    row = {"id": "1", "model": "ray-2", "created_at": datetime.now(UTC).isoformat(), "request": shown}
    assert LUMA.find(doubt(request(VENDOR, tmp_path)), Said({"generations": [row]})) is None


def test_every_page_of_the_list_is_read(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        asked = request(VENDOR, tmp_path)
        name = lost(driver, asked)
        for number in range(4):
            LUMA.submit(request(VENDOR, tmp_path, prompt=f"Shot {number}."), driver.connection())
        driver.server.most = 2
        found = LUMA.find(doubt(asked), driver.connection())
        assert found is not None
        assert found.id == name


# --- limits and prices --------------------------------------------------------------------------------------------------


def test_limits_are_said_before_anything_is_asked(tmp_path: Path) -> None:
    def keys(asked: Request) -> list[str]:
        wish = Wish(
            prompt=asked.prompt,
            seconds=asked.seconds,
            format=asked.format,
            references=(),
            settings=asked.settings,
        )
        return [each.key for each in (*table_objections(MODELS["ray-2"], wish), *LUMA.objections("ray-2", wish))]

    assert keys(request(VENDOR, tmp_path)) == []
    assert keys(request(VENDOR, tmp_path, seconds=10)) == ["duration"]


@pytest.mark.parametrize(
    ("model", "seconds", "resolution", "amount"),
    [
        ("ray-2", 5, "720p", "0.24"),
        ("ray-2", 6, "1080p", "0.864"),
        ("ray-flash-2", 5, "720p", "0.075"),
        ("ray-2", 5, "4k", None),
    ],
)
def test_a_price_is_that_of_the_length_that_is_made(
    tmp_path: Path, model: str, seconds: int, resolution: str, amount: str | None
) -> None:
    asked = request_fields(request(VENDOR, tmp_path, seconds=seconds, settings={"resolution": resolution}))
    expected = None if amount is None else Fraction(amount)
    assert LUMA.price(model, asked) == Price(amount=expected, currency="USD", exact=False)
    assert LUMA.has_sound(model, fields()) is False


def test_the_server_is_one_that_the_vendors_sdk_believes(tmp_path: Path) -> None:
    lumaai = pytest.importorskip("lumaai")
    with driving(VENDOR) as driver:
        server = driver.server
        base = f"{server.url}/dream-machine/v1"
        client = lumaai.LumaAI(auth_token=server.key, base_url=base, max_retries=0, _strict_response_validation=True)
        made = client.generations.create(**BODY)
        states = [client.generations.get(made.id) for _ in range(2)]
        assert [made.state, *(each.state for each in states)] == ["queued", "dreaming", "completed"]
        assert states[-1].assets.video.startswith(server.url)
        page = client.generations.list(limit=10, offset=0)
        assert [(each.id, each.request.prompt) for each in page.generations] == [(made.id, BODY["prompt"])]
        assert client.credits.get().credit_balance == 500
        for fault, error in (
            (Fault.SUBMIT_FUNDS, lumaai.BadRequestError),
            (Fault.SUBMIT_LIMITED, lumaai.RateLimitError),
            (Fault.SUBMIT_AUTH, lumaai.PermissionDeniedError),
        ):
            server.faults.append(fault)
            with pytest.raises(error):
                client.generations.create(**BODY)
        server.faults.append(Fault.POLL_FAULT)
        again = client.generations.create(**BODY)
        client.generations.get(again.id)
        assert client.generations.get(again.id).failure_reason == "generation_failed"
        assert server.paid == 2
        client.generations.delete(made.id)
        with pytest.raises(lumaai.NotFoundError):
            client.generations.get(made.id)
        client.close()
