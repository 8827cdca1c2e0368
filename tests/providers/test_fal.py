"""fal: the adapter against its server, and the server against the vendor's own SDK."""

import json
from dataclasses import replace
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
from shotbuild.host.wire import Reply
from shotbuild.providers import fal
from shotbuild.providers.common import data_uri
from shotbuild.providers.fal import MODELS, WIRES, Fal
from shotbuild.providers.interface import Doubt, Request, State, Status, Wish, request_fields
from shotbuild.records import Fields, Operation, Price, fields
from tests.providers.driving import Driver, driving, request
from tests.servers.clips import clip
from tests.servers.fal import TOKEN, VENDOR
from tests.servers.service import Fault

SERVICE = Fal()
LINKS = {"status_url": "https://a/status", "response_url": "https://a", "cancel_url": "https://a/cancel"}


def vendor(model: str, **settings: Any) -> Any:
    return replace(VENDOR, model=model, roles=MODELS[model].needs, settings=settings)


def sent(driver: Driver, wanted: Request) -> dict[str, Any]:
    """The body of the one paid call."""
    SERVICE.submit(wanted, driver.connection())
    assert driver.server.paid == 1
    body: dict[str, Any] = next(asked.body for asked in driver.server.asked if asked.path == f"/{wanted.model}")
    return body


def test_a_take_comes_back_as_the_service_made_it(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        wanted = request(VENDOR, tmp_path)
        operation, status = driver.take(wanted, tmp_path / "take.mp4")
        assert (tmp_path / "take.mp4").read_bytes() == clip("5")
        assert (status.charged, status.pin, driver.server.paid) == (None, None, 1)
        assert driver.server.asked[0].path == f"/{VENDOR.model}"
        assert driver.server.asked[0].body == {
            "prompt": "A lighthouse at dawn.",
            "resolution": "720p",
            "generate_audio": False,
            "camera_fixed": False,
            "aspect_ratio": "16:9",
            "duration": "5",
            "seed": 7,
            "image_url": data_uri(dict(wanted.references)["first_frame"]),
            "enable_safety_checker": True,
        }
        # fal's own retries cost nothing, so nothing turns them off.
        assert "x-fal-no-retry" not in driver.server.asked[0].headers
        assert operation.links.text("status_url").endswith(f"/fal-ai/bytedance/requests/{operation.id}/status")


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (
            "fal-ai/kling-video/v3/pro/image-to-video",
            {
                "duration": "5",
                "generate_audio": False,
                "negative_prompt": "blur, distort, and low quality",
                "cfg_scale": 0.5,
            },
        ),
        (
            "fal-ai/kling-video/v2.5-turbo/pro/image-to-video",
            {"duration": "5", "negative_prompt": "blur, distort, and low quality", "cfg_scale": 0.5},
        ),
        (
            "fal-ai/veo3.1/fast/image-to-video",
            {
                "duration": "6s",
                "aspect_ratio": "16:9",
                "resolution": "720p",
                "generate_audio": False,
                "safety_tolerance": "4",
                "auto_fix": False,
                "seed": 7,
            },
        ),
        (
            "fal-ai/luma-dream-machine/ray-2",
            {"duration": "5s", "aspect_ratio": "16:9", "resolution": "540p", "loop": False},
        ),
        ("fal-ai/pika/v2.2/image-to-video", {"duration": 5, "resolution": "720p", "seed": 7}),
        (
            "fal-ai/ltx-2.3/text-to-video/fast",
            {"duration": 6, "aspect_ratio": "16:9", "resolution": "1080p", "fps": 25, "generate_audio": False},
        ),
        (
            "wan/v2.6/image-to-video",
            {
                "duration": "5",
                "resolution": "1080p",
                "seed": 7,
                "enable_prompt_expansion": False,
                "multi_shots": False,
                "enable_safety_checker": True,
            },
        ),
        ("fal-ai/minimax/hailuo-2.3/pro/image-to-video", {"prompt_optimizer": False}),
        ("fal-ai/minimax/hailuo-2.3/standard/image-to-video", {"duration": "6", "prompt_optimizer": False}),
        ("xai/grok-imagine-video/text-to-video", {"duration": 5, "aspect_ratio": "16:9", "resolution": "720p"}),
    ],
)
def test_each_endpoint_is_asked_in_its_own_way(tmp_path: Path, model: str, expected: dict[str, Any]) -> None:
    wanted = request(vendor(model), tmp_path)
    files = {WIRES[model].inputs[role]: data_uri(path) for role, path in wanted.references}
    with driving(VENDOR) as driver:
        assert sent(driver, wanted) == {"prompt": "A lighthouse at dawn.", **expected, **files}


def test_every_setting_is_really_sent(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        for model in MODELS.values():
            # Without its pictures fal refuses it: what would have been sent is looked at.
            wanted = request(vendor(model.name), tmp_path, roles=())
            if model.needs:
                with pytest.raises(ProviderRefused):
                    SERVICE.submit(wanted, driver.connection())
            else:
                SERVICE.submit(wanted, driver.connection())
            body = driver.server.asked[-1].body
            settings = {name for name, each in model.fields.items() if isinstance(each.default, str | bool)}
            assert {fal.NAMES.get(name, name) for name in settings} <= set(body)
            assert ("seed" in body, "prompt" in body) == (model.seeded, model.kind == "take")


def test_a_video_goes_up_and_is_asked_for_by_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = request(vendor("fal-ai/topaz/upscale/video", upscale_factor="3/2", grain="1/4"), tmp_path)
    with driving(VENDOR) as driver:
        monkeypatch.setattr(fal, "REST", driver.server.url)
        body = sent(driver, wanted)
        (name,) = driver.server.uploads
        assert driver.server.uploads[name] == dict(wanted.references)["video"].read_bytes()
        assert body == {
            "video_url": f"https://v3.fal.media/files/{name}",
            "model": "Proteus",
            "upscale_factor": 1.5,
            "H264_output": False,
            "grain": 0.25,
        }
        upload = next(asked for asked in driver.server.asked if asked.path == "/files/upload")
        assert upload.headers["authorization"] == f"Bearer {TOKEN}"
        assert upload.headers["content-type"] == "video/mp4"
        assert "x-fal-object-lifecycle" in upload.headers


def test_seedvr_is_asked_for_a_file_of_the_kind_that_is_expected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = request(vendor("fal-ai/seedvr/upscale/video"), tmp_path)
    with driving(VENDOR) as driver:
        monkeypatch.setattr(fal, "REST", driver.server.url)
        body = sent(driver, wanted)
        assert body.pop("video_url").startswith("https://v3.fal.media/")
        assert body == {
            "upscale_mode": "factor",
            "upscale_factor": 2,
            "target_resolution": "1080p",
            "noise_scale": 0.1,
            "output_quality": "high",
            "output_write_mode": "balanced",
            "output_format": "X264 (.mp4)",
            "sync_mode": False,
            "seed": 7,
        }


def test_what_is_too_large_to_go_up_is_refused_before_it_costs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fal, "WHOLE", 10)
    with driving(VENDOR) as driver:
        with pytest.raises(ProviderRefused, match="too large"):
            SERVICE.submit(request(vendor("fal-ai/topaz/upscale/video"), tmp_path), driver.connection())
        assert driver.server.asked == []


def test_the_key_may_be_in_two_parts() -> None:
    assert SERVICE.headers({"FAL_KEY": "k"}, 0) == {"Authorization": "Key k"}
    assert SERVICE.headers({"FAL_KEY_ID": "i", "FAL_KEY_SECRET": "s"}, 0) == {"Authorization": "Key i:s"}


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        (Fault.SUBMIT_FUNDS, OutOfFunds, "Exhausted balance"),
        (Fault.SUBMIT_AUTH, KeyRefused, "Authentication is required"),
        (Fault.SUBMIT_MODEL_GONE, PinGone, "not found"),
        (Fault.SUBMIT_LIMITED, RateLimited, "Too many requests"),
        (Fault.SUBMIT_MODERATED, Moderated, "could not be processed"),
        (Fault.SUBMIT_INVALID, ProviderRefused, "body.duration: Input should be '5' or '10'"),
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


def test_a_lock_for_another_reason_is_no_lack_of_funds() -> None:
    fault = SERVICE.fault(Reply(403, {}, b'{"detail": "User is locked. Reason: Terms of service."}'))
    assert type(fault) is KeyRefused


@pytest.mark.parametrize(("fault", "error"), [(Fault.POLL_MODERATED, Moderated), (Fault.POLL_FAULT, VendorFault)])
def test_a_failure_is_the_vendors_or_the_contents(tmp_path: Path, fault: Fault, error: type[Exception]) -> None:
    with driving(VENDOR) as driver:
        driver.server.faults.append(fault)
        status = driver.until_done(SERVICE.submit(request(VENDOR, tmp_path), driver.connection()))
        assert status.state is State.FAILED
        assert isinstance(status.fault, error)


def polled(status: dict[str, Any], result: tuple[int, Any] = (200, {}), headers: dict[str, str] | None = None) -> Status:
    """How a poll reads a status and a result."""

    class Line:
        def get(self, url: str, **_: Any) -> Reply:
            if url.endswith("/status"):
                return Reply(200, {}, json.dumps(status).encode())
            content = result[1] if isinstance(result[1], bytes) else json.dumps(result[1]).encode()
            return Reply(result[0], headers or {}, content)

    line: Any = Line()
    return SERVICE.poll(Operation(provider="fal", id="a", submitted="", links=fields(**LINKS)), line)


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("IN_QUEUE", State.QUEUED),
        ("IN_PROGRESS", State.RUNNING),
        ("COMPLETED", State.DONE),
        ("WARMING_UP", State.RUNNING),
    ],
)
def test_words_are_read_as_states(word: str, state: State) -> None:
    status = polled({"status": word})
    assert (status.state, status.word) == (state, word)


@pytest.mark.parametrize(
    ("result", "headers", "error"),
    [
        ((422, {"detail": [{"loc": ["body", "duration"], "msg": "no", "type": "literal_error"}]}), {}, ProviderRefused),
        ((422, {"detail": [{"type": "generation_timeout", "msg": "x"}]}), {"x-fal-retryable": "true"}, VendorFault),
        ((422, {"detail": [{"type": "content_policy_violation", "msg": "x"}]}), {}, Moderated),
        ((503, {"detail": "x", "error_type": "runner_scheduling_failure"}), {}, VendorFault),
        ((504, {"detail": "x"}), {"x-fal-error-type": "request_timeout"}, VendorFault),
    ],
)
def test_a_result_says_why_there_is_none(result: tuple[int, Any], headers: dict[str, str], error: type[Exception]) -> None:
    status = polled({"status": "COMPLETED"}, result, headers)
    assert status.state is State.FAILED
    assert type(status.fault) is error


def test_an_error_beside_a_result_is_a_failure() -> None:
    assert isinstance(polled({"status": "COMPLETED", "error": "broken"}).fault, VendorFault)
    moderated = {"status": "COMPLETED", "error": "no", "error_type": "content_policy_violation"}
    assert isinstance(polled(moderated, (500, b"")).fault, Moderated)


def test_something_in_between_is_no_failure_of_the_model() -> None:
    with pytest.raises(ProviderUnavailable):
        polled({"status": "COMPLETED"}, (502, b"<html>nginx</html>"))


def test_a_result_that_nobody_knows_is_gone(tmp_path: Path) -> None:
    assert polled({"status": "COMPLETED"}, (404, {"detail": "Request not found"})).state is State.GONE
    with driving(VENDOR) as driver:
        driver.server.faults.append(Fault.POLL_GONE)
        operation = SERVICE.submit(request(VENDOR, tmp_path), driver.connection())
        assert driver.until_done(operation).state is State.GONE


def test_the_address_is_asked_for_again(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        operation, _ = driver.take(request(VENDOR, tmp_path), tmp_path / "take.mp4")
        first = SERVICE.locate(operation, driver.connection())
        driver.server.jobs[operation.id].address += 1
        assert first.bare
        assert SERVICE.locate(operation, driver.connection()).url != first.url


def test_only_what_waits_is_surely_taken_back(tmp_path: Path) -> None:
    with driving(VENDOR, polls=2) as driver:
        waits = SERVICE.submit(request(VENDOR, tmp_path), driver.connection())
        assert SERVICE.cancel(waits, driver.connection())
        assert driver.until_done(waits).state is State.CANCELLED
        runs = SERVICE.submit(request(VENDOR, tmp_path), driver.connection())
        SERVICE.poll(runs, driver.connection())
        assert not SERVICE.cancel(runs, driver.connection())
        assert driver.until_done(runs).state is State.CANCELLED
        done, _ = driver.take(request(VENDOR, tmp_path), tmp_path / "take.mp4")
        assert not SERVICE.cancel(done, driver.connection())


def test_a_lost_submit_is_not_to_be_found(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        lost = Doubt(request=request(VENDOR, tmp_path), sent={}, since="2026-11-20T10:00:00Z", known=frozenset())
        assert SERVICE.find(lost, driver.connection()) is None
        assert driver.server.asked == []


@pytest.mark.parametrize(
    ("model", "settings", "amount"),
    [
        ("fal-ai/kling-video/v3/pro/image-to-video", {}, "0.56"),
        ("fal-ai/kling-video/v3/standard/image-to-video", {"audio": True}, "0.77"),
        ("fal-ai/kling-video/v2.5-turbo/pro/image-to-video", {}, "0.35"),
        ("fal-ai/veo3.1/image-to-video", {}, "1.2"),
        ("fal-ai/veo3.1/image-to-video", {"audio": True}, "2.4"),
        ("fal-ai/veo3.1/fast/image-to-video", {}, None),
        ("fal-ai/topaz/upscale/video", {}, None),
    ],
)
def test_a_price_is_known_or_said_to_be_unknown(
    tmp_path: Path, model: str, settings: dict[str, Any], amount: str | None
) -> None:
    price = SERVICE.price(model, request_fields(request(vendor(model, **settings), tmp_path)))
    assert price == Price(amount=Fraction(amount) if amount else None, currency="USD", exact=False)


def test_takes_are_silent_where_they_can_be() -> None:
    loud = {name for name in MODELS if SERVICE.has_sound(name, Fields())}
    assert loud == {name for name in MODELS if name.startswith(("wan/", "xai/"))}
    assert SERVICE.has_sound("fal-ai/veo3.1/image-to-video", fields(audio=True))


def test_a_limit_that_is_in_no_table_is_said(tmp_path: Path) -> None:
    for words, keys in (("x" * 501, ["negative_prompt"]), ("x" * 500, [])):
        wanted = request(vendor("wan/v2.6/image-to-video", negative_prompt=words), tmp_path)
        wish = Wish(
            prompt="x", seconds=wanted.seconds, format=wanted.format, references=("first_frame",), settings=wanted.settings
        )
        assert [each.key for each in SERVICE.objections(wanted.model, wish)] == keys


def test_the_server_is_one_that_the_vendors_sdk_believes(monkeypatch: pytest.MonkeyPatch) -> None:
    fal_client = pytest.importorskip("fal_client")
    from fal_client import client as module

    with driving(VENDOR, polls=1) as driver:
        server = driver.server
        for name, value in (("QUEUE_URL_FORMAT", f"{server.url}/"), ("REST_URL", server.url), ("CDN_URL", server.url)):
            monkeypatch.setattr(module, name, value)
        client = fal_client.SyncClient(key=server.key)
        storage = client._get_cdn_client()
        monkeypatch.setattr(fal_client.SyncClient, "_get_cdn_client", lambda _: storage)
        said = {"prompt": "x", "image_url": "data:image/png;base64,AA=="}
        handle = client.submit("fal-ai/veo3.1/image-to-video", said)
        states = [type(handle.status(with_logs=True)) for _ in range(2)]
        assert states == [fal_client.InProgress, fal_client.Completed]
        assert handle.get()["video"]["url"].startswith(f"{server.url}/outputs/")
        assert handle.status_url == f"{server.url}/fal-ai/veo3.1/requests/{handle.request_id}/status"
        client.submit("fal-ai/veo3.1/image-to-video", said).cancel()
        address = client.upload(b"bytes", "video/mp4", "clip.mp4")
        assert server.uploads[address.rpartition("/")[2]] == b"bytes"
        for fault, status in ((Fault.SUBMIT_FUNDS, 403), (Fault.SUBMIT_INVALID, 422), (Fault.SUBMIT_MODEL_GONE, 404)):
            server.faults.append(fault)
            with pytest.raises(module.FalClientHTTPError) as caught:
                client.submit("fal-ai/veo3.1/image-to-video", said)
            assert caught.value.status_code == status
        server.faults.append(Fault.POLL_MODERATED)
        with pytest.raises(module.FalClientHTTPError) as caught:
            client.submit("fal-ai/veo3.1/image-to-video", said).get(interval=0.01)
        assert caught.value.status_code == 422
        storage.close()
        client._client.close()
