"""Luma's agents API: the adapter against its server, and the server against the vendor's own SDK."""

import hashlib
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import httpx
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
from shotbuild.providers.common import table_objections
from shotbuild.providers.interface import Request, State, Status, Wish, request_fields
from shotbuild.providers.luma import MODELS, Luma
from shotbuild.records import Fields, Operation, Price, fields
from tests.providers.driving import PNG, driving, request
from tests.servers.clips import clip
from tests.servers.luma import VENDOR, LumaServer
from tests.servers.service import Fault

LUMA = Luma()


class Said:
    """Answers one poll with what a test says."""

    def __init__(self, body: Any) -> None:
        self.body = body

    def get(self, url: str, query: Any = None, *, allow: tuple[int, ...] = ()) -> Reply:
        return reply(200, self.body)


def reply(status: int, body: Any, **headers: str) -> Reply:
    return Reply(status, headers, body if isinstance(body, bytes) else json.dumps(body).encode(), "luma")


def polled(body: Any) -> Status:
    return LUMA.poll(Operation(provider="luma", id="x", submitted=""), Said(body))


def submits(driver: Any) -> list[Any]:
    return [asked.body for asked in driver.server.asked if (asked.method, asked.path) == ("POST", "/v1/generations")]


def wish(asked: Request, **settings: Any) -> Wish:
    said = fields(**{**dict(asked.settings), **settings})
    roles = tuple(role for role, _ in asked.references)
    return Wish(prompt=asked.prompt, seconds=asked.seconds, format=asked.format, references=roles, settings=said)


def test_a_take_comes_back_as_the_service_made_it(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        _, status = driver.take(request(VENDOR, tmp_path), tmp_path / "take.mp4")
        assert (tmp_path / "take.mp4").read_bytes() == clip("5")
        assert status.charged is None
        assert status.pin == MODELS["ray-3.2"].pin("luma")
        video = {"duration": "5s", "resolution": "720p", "loop": False, "hdr": False, "exr_export": False}
        assert submits(driver) == [
            {
                "type": "video",
                "model": "ray-3.2",
                "prompt": "A lighthouse at dawn.",
                "aspect_ratio": "16:9",
                "video": video,
            }
        ]
        assert driver.server.paid == 1


def test_every_setting_is_sent(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        settings = {"resolution": "1080p", "loop": True, "hdr": False, "ratio": "9:16"}
        LUMA.submit(request(VENDOR, tmp_path, settings=settings), driver.connection())
        [body] = submits(driver)
        assert body["aspect_ratio"] == "9:16"
        assert body["video"] == {
            "duration": "5s",
            "resolution": "1080p",
            "loop": True,
            "hdr": False,
            "exr_export": False,
        }


def test_pictures_go_up_whole_and_are_named_by_their_content(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        LUMA.submit(request(VENDOR, tmp_path, roles=("first_frame", "last_frame")), driver.connection())
        server: LumaServer = driver.server
        [body] = submits(driver)
        places = {name: body["video"][name]["file_id"] for name in ("start_frame", "end_frame")}
        assert server.uploads[places["start_frame"]] == PNG + b"first_frame"
        assert server.uploads[places["end_frame"]] == PNG + b"last_frame"
        name = hashlib.sha256(PNG + b"first_frame").hexdigest()
        assert server.files[places["start_frame"]]["filename"] == f"{name}.png"
        assert "keyframes" not in body["video"]


@pytest.mark.parametrize(
    ("seconds", "hdr", "roles", "indexes"),
    [
        (10, False, ("first_frame", "last_frame"), [0, 240]),
        (5, True, ("first_frame", "last_frame"), [0, 120]),
        (8, False, ("last_frame",), [240]),
        (10, True, ("first_frame",), [0]),
    ],
)
def test_ten_seconds_and_hdr_take_their_pictures_as_keyframes(
    tmp_path: Path, seconds: int, hdr: bool, roles: tuple[str, ...], indexes: list[int]
) -> None:
    with driving(VENDOR) as driver:
        asked = request(VENDOR, tmp_path, seconds=seconds, roles=roles, settings={"hdr": hdr})
        LUMA.submit(asked, driver.connection())
        [body] = submits(driver)
        assert body["video"]["keyframe_indexes"] == indexes
        assert [driver.server.uploads[each["file_id"]] for each in body["video"]["keyframes"]] == [
            PNG + role.encode() for role in roles
        ]
        assert not {"start_frame", "end_frame", "loop"} & set(body["video"])


def test_a_picture_that_luma_still_looks_at_costs_nothing_and_is_not_sent_twice(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        driver.server.looks = 1
        asked, line = request(VENDOR, tmp_path, roles=("first_frame",)), driver.connection()
        with pytest.raises(ProviderUnavailable):
            LUMA.submit(asked, line)
        assert (line.payment, driver.server.paid) == (Payment.NONE, 0)
        [name] = driver.server.uploads
        httpx.get(f"{driver.server.url}/v1/files/{name}", headers={"Authorization": f"Bearer {driver.server.key}"})
        LUMA.submit(asked, driver.connection())
        assert (len(driver.server.uploads), driver.server.paid) == (1, 1)


def test_a_file_whose_bytes_never_arrived_is_not_waited_for(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        asked = request(VENDOR, tmp_path, roles=("first_frame",))
        name = f"{asked.references[0][1].name}.png"
        body = {"mime_type": "image/png", "size_bytes": len(PNG + b"first_frame"), "filename": name}
        driver.connection().send("POST", "files", body=body)
        LUMA.submit(asked, driver.connection())
        assert len(driver.server.files) == 2
        assert driver.server.paid == 1


def test_a_picture_that_moderation_refuses_costs_nothing(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        driver.server.looked = "failed"
        line = driver.connection()
        with pytest.raises(Moderated):
            LUMA.submit(request(VENDOR, tmp_path, roles=("first_frame",)), line)
        assert (line.payment, driver.server.paid) == (Payment.NONE, 0)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.SUBMIT_FUNDS, OutOfFunds),
        (Fault.SUBMIT_MODEL_GONE, PinGone),
        (Fault.SUBMIT_LIMITED, RateLimited),
        (Fault.SUBMIT_AUTH, KeyRefused),
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
        (422, {"detail": [{"loc": ["body", "video", "duration"], "msg": "too long"}]}, ProviderRefused),
        (400, {"failure_code": "content_moderated", "failure_reason": "no"}, Moderated),
        (400, {"detail": {"code": "budget_exhausted", "message": "no"}}, OutOfFunds),
        (400, {"code": "rate_limited"}, RateLimited),
        (429, b"slow down", RateLimited),
        (401, b"", KeyRefused),
        (403, {"detail": "Forbidden"}, KeyRefused),
        (403, b"<Error><Code>AccessDenied</Code></Error>", ProviderUnavailable),
        (404, b"<html>not found</html>", ProviderUnavailable),
        (409, {"detail": "Conflict"}, ProviderUnavailable),
        (500, {"detail": "Oops"}, ProviderUnavailable),
    ],
)
def test_each_no_has_its_kind(status: int, body: Any, error: type[ProviderError]) -> None:
    assert type(LUMA.fault(reply(status, body))) is error


def test_a_refusal_names_the_field_and_the_time_to_wait() -> None:
    refused = LUMA.fault(reply(422, {"detail": [{"loc": ["body", "video", "duration"], "msg": "too long"}]}))
    assert refused is not None
    assert refused.cause == "body.video.duration: too long"
    limited = LUMA.fault(reply(429, {"detail": "Rate limit exceeded"}, **{"retry-after": "7"}))
    assert isinstance(limited, RateLimited)
    assert limited.wait == 7
    assert LUMA.fault(reply(201, {"id": "x"})) is None


@pytest.mark.parametrize("fault", [Fault.SUBMIT_DROP_AFTER, Fault.SUBMIT_DROP_DURING, Fault.SUBMIT_500])
def test_a_submit_without_a_readable_answer_stays_unknown(tmp_path: Path, fault: Fault) -> None:
    with driving(VENDOR) as driver:
        driver.server.faults.append(fault)
        line = driver.connection()
        with pytest.raises(FateUnknown):
            LUMA.submit(request(VENDOR, tmp_path), line)
        assert (line.payment, driver.server.paid) == (Payment.UNKNOWN, 1)


@pytest.mark.parametrize(("fault", "error"), [(Fault.POLL_MODERATED, Moderated), (Fault.POLL_FAULT, VendorFault)])
def test_a_failure_says_whose_it_is(tmp_path: Path, fault: Fault, error: type[Exception]) -> None:
    with driving(VENDOR) as driver:
        driver.server.faults.append(fault)
        status = driver.until_done(LUMA.submit(request(VENDOR, tmp_path), driver.connection()))
        assert status.state is State.FAILED
        assert type(status.fault) is error


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("content_moderated", Moderated),
        ("generation_failed", VendorFault),
        ("output_not_found", VendorFault),
        ("rate_limited", VendorFault),
        ("budget_exhausted", OutOfFunds),
        ("image_too_large", ProviderRefused),
        ("unsupported_format", ProviderRefused),
        ("corrupt_input", ProviderRefused),
        ("invalid_request", ProviderRefused),
        (None, VendorFault),
    ],
)
def test_each_failure_code_has_its_kind(code: str | None, error: type[Exception]) -> None:
    status = polled({"state": "failed", "failure_code": code})
    assert (status.state, type(status.fault)) == (State.FAILED, error)


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("queued", State.QUEUED),
        ("processing", State.RUNNING),
        ("completed", State.DONE),
        ("contemplating", State.RUNNING),
    ],
)
def test_words_become_states_and_unknown_ones_run(word: str, state: State) -> None:
    status = polled({"state": word})
    assert (status.state, status.word, status.fault, status.pin) == (state, word, None, None)


def test_what_is_no_longer_known_is_gone(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        driver.server.faults.append(Fault.POLL_GONE)
        operation = LUMA.submit(request(VENDOR, tmp_path), driver.connection())
        assert driver.until_done(operation).state is State.GONE
        assert LUMA.cancel(operation, driver.connection()) is False


def test_an_expired_address_is_asked_for_again(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        operation = LUMA.submit(request(VENDOR, tmp_path), driver.connection())
        driver.until_done(operation)
        driver.server.faults.append(Fault.OUTPUT_EXPIRED)
        old = LUMA.locate(operation, driver.connection())
        with pytest.raises(AddressExpired):
            driver.connection().fetch(old.url, tmp_path / "take.mp4", bare=old.bare, limits=Limits())
        new = LUMA.locate(operation, driver.connection())
        driver.connection().fetch(new.url, tmp_path / "take.mp4", bare=new.bare, limits=Limits())
        assert new.url != old.url
        assert (tmp_path / "take.mp4").read_bytes() == clip("5")


def test_limits_are_said_before_anything_is_asked(tmp_path: Path) -> None:
    five, ten = request(VENDOR, tmp_path), request(VENDOR, tmp_path, seconds=10)
    model = MODELS["ray-3.2"]

    def keys(asked: Request, **settings: Any) -> list[str]:
        found = (*table_objections(model, wish(asked, **settings)), *LUMA.objections("ray-3.2", wish(asked, **settings)))
        return [each.key for each in found]

    assert keys(five, loop=True) == []
    assert keys(ten, loop=True) == ["loop"]
    assert keys(five, loop=True, hdr=True) == ["loop"]
    assert keys(five, hdr=True, resolution="360p") == ["hdr"]
    assert keys(request(VENDOR, tmp_path, seconds=11)) == ["duration"]
    assert keys(request(VENDOR, tmp_path, prompt="x" * 6001)) == ["prompt"]


@pytest.mark.parametrize(
    ("seconds", "settings", "amount"),
    [
        (5, {}, "0.30"),
        (4, {"resolution": "540p"}, "0.15"),
        (6, {"resolution": "1080p"}, "3.60"),
        (5, {"hdr": True, "resolution": "1080p"}, "2.40"),
        (10, {"hdr": True}, None),
        (5, {"resolution": "360p"}, None),
    ],
)
def test_a_price_is_that_of_the_length_that_is_made(
    tmp_path: Path, seconds: int, settings: dict[str, Any], amount: str | None
) -> None:
    asked: Fields = request_fields(request(VENDOR, tmp_path, seconds=seconds, settings=settings))
    expected = None if amount is None else Fraction(amount)
    assert LUMA.price("ray-3.2", asked) == Price(amount=expected, currency="USD", exact=False)
    assert LUMA.has_sound("ray-3.2", fields()) is False


def test_the_server_is_one_that_the_vendors_sdk_believes(tmp_path: Path) -> None:
    luma_agents = pytest.importorskip("luma_agents")
    with driving(VENDOR) as driver:
        server = driver.server
        client = luma_agents.Luma(
            auth_token=server.key, base_url=f"{server.url}/v1", max_retries=0, _strict_response_validation=True
        )
        file = client.files.create(mime_type="image/png", size_bytes=len(PNG), filename="a.png")
        httpx.put(file.upload.url, content=PNG, headers=file.upload.headers).raise_for_status()
        assert client.files.complete(file.id).state == "pending"
        assert client.files.get(file.id).state == "ready"
        assert [each.filename for each in client.files.list(state="ready").data] == ["a.png"]
        video = {"duration": "5s", "resolution": "720p", "start_frame": {"file_id": file.id}}
        said: dict[str, Any] = {"prompt": "x", "model": "ray-3.2", "type": "video", "video": video}
        made = client.generations.create(**said)
        states = [client.generations.get(made.id) for _ in range(2)]
        assert [made.state, *(each.state for each in states)] == ["queued", "processing", "completed"]
        assert [each.type for each in states[-1].output] == ["video"]
        for fault, error in (
            (Fault.SUBMIT_INVALID, luma_agents.UnprocessableEntityError),
            (Fault.SUBMIT_LIMITED, luma_agents.RateLimitError),
            (Fault.SUBMIT_AUTH, luma_agents.AuthenticationError),
        ):
            server.faults.append(fault)
            with pytest.raises(error):
                client.generations.create(**said)
        server.faults.append(Fault.POLL_MODERATED)
        again = client.generations.create(**said)
        client.generations.get(again.id)
        assert client.generations.get(again.id).failure_code == "content_moderated"
        client.files.delete(file.id)
        assert client.files.get(file.id).state == "deleted"
        with pytest.raises(luma_agents.UnprocessableEntityError):
            client.generations.create(**said)
        assert server.paid == 2
        client.close()
