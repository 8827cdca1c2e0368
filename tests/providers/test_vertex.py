"""Veo on Vertex AI: the adapter against its server, and the server against Google's own SDK."""

import base64
import json
import os
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

import pytest

from shotbuild.errors import (
    BadTake,
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
from shotbuild.host.wire import Payment, Reply
from shotbuild.providers.interface import Doubt, Rewriting, State, Wish, request_fields
from shotbuild.providers.vertex import MODELS
from shotbuild.records import Fields
from tests.providers.driving import PNG, Driver, driving, request
from tests.servers.clips import clip
from tests.servers.service import Fault, environment
from tests.servers.vertex import VENDOR

SERVICE = VENDOR.service
RESOURCE = "projects/film-project/locations/us-central1/publishers/google/models/veo-3.1-fast-generate-001"
PARAMETERS = {
    "sampleCount": 1,
    "durationSeconds": 4,
    "seed": 7,
    "aspectRatio": "16:9",
    "resolution": "720p",
    "compressionQuality": "OPTIMIZED",
    "generateAudio": False,
    "personGeneration": "allow_adult",
    "enhancePrompt": False,
}


def image(role: str) -> dict[str, str]:
    return {"bytesBase64Encoded": base64.b64encode(PNG + role.encode()).decode(), "mimeType": "image/png"}


def submitted(driver: Driver) -> dict[str, Any]:
    return next(asked.body for asked in driver.server.asked if asked.path.endswith(":predictLongRunning"))


def wish(tmp_path: Path, **said: Any) -> Wish:
    asked = request(VENDOR, tmp_path, **said)
    roles = tuple(role for role, _ in asked.references)
    return Wish(prompt=asked.prompt, seconds=asked.seconds, format=asked.format, references=roles, settings=asked.settings)


def test_a_take_comes_inline_as_the_service_made_it(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        operation, status = driver.take(request(VENDOR, tmp_path), tmp_path / "take.mp4")
        assert (tmp_path / "take.mp4").read_bytes() == clip("4")
        assert operation.id == f"{RESOURCE}/operations/op-000001"
        assert operation.links.text("model") == RESOURCE
        assert (status.word, status.charged) == ("done", None)
        assert driver.server.asked[0].path == f"/v1beta1/{RESOURCE}:predictLongRunning"
        assert submitted(driver) == {"instances": [{"prompt": "A lighthouse at dawn."}], "parameters": PARAMETERS}
        assert driver.server.paid == 1
        assert driver.server.key not in driver.sent[0]


def test_frames_travel_in_the_request(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        driver.take(request(VENDOR, tmp_path, roles=("first_frame", "last_frame")), tmp_path / "take.mp4")
        assert submitted(driver)["instances"] == [
            {"prompt": "A lighthouse at dawn.", "image": image("first_frame"), "lastFrame": image("last_frame")}
        ]


def test_references_travel_in_their_order(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        roles = ("reference", "reference_2")
        driver.take(request(VENDOR, tmp_path, roles=roles, seconds=8), tmp_path / "take.mp4")
        assert submitted(driver)["instances"][0]["referenceImages"] == [
            {"image": image(role), "referenceType": "ASSET"} for role in roles
        ]


def test_what_is_written_is_sent(tmp_path: Path) -> None:
    settings = {
        "ratio": "9:16",
        "resolution": "1080p",
        "audio": True,
        "person_generation": "dont_allow",
        "negative_prompt": "fog",
        "compression": "lossless",
        "enhance_prompt": True,
    }
    with driving(VENDOR) as driver:
        SERVICE.submit(request(VENDOR, tmp_path, settings=settings, seconds=8), driver.connection())
        assert submitted(driver)["parameters"] == {
            "sampleCount": 1,
            "durationSeconds": 8,
            "seed": 7,
            "aspectRatio": "9:16",
            "resolution": "1080p",
            "compressionQuality": "LOSSLESS",
            "generateAudio": True,
            "personGeneration": "dont_allow",
            "negativePrompt": "fog",
            "enhancePrompt": True,
        }
        assert set(settings) == set(MODELS[VENDOR.model].fields)


def test_prompts_are_not_rewritten_unasked() -> None:
    for model in MODELS.values():
        assert model.rewriting is Rewriting.OFF
        assert model.fields["enhance_prompt"].default is False


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


@pytest.mark.parametrize("fault", [Fault.SUBMIT_DROP_AFTER, Fault.SUBMIT_DROP_DURING, Fault.SUBMIT_500])
def test_a_lost_answer_leaves_its_fate_unknown(tmp_path: Path, fault: Fault) -> None:
    with driving(VENDOR) as driver:
        driver.server.faults.append(fault)
        asked, line = request(VENDOR, tmp_path), driver.connection()
        with pytest.raises(FateUnknown):
            SERVICE.submit(asked, line)
        assert (line.payment, driver.server.paid) == (Payment.UNKNOWN, 1)
        doubt = Doubt(request=asked, sent={}, since="2026-11-20T10:00:00Z", known=frozenset())
        assert SERVICE.find(doubt, driver.connection()) is None


def test_a_page_of_something_in_between_says_nothing_of_the_model() -> None:
    fault = SERVICE.fault(Reply(404, {}, b"<html>Not Found</html>"))
    assert type(fault) is ProviderUnavailable


def test_an_error_that_comes_as_a_list_is_read_too() -> None:
    body = [{"error": {"code": 400, "message": "durationSeconds: 5", "status": "INVALID_ARGUMENT"}}]
    fault = SERVICE.fault(Reply(400, {}, json.dumps(body).encode()))
    assert type(fault) is ProviderRefused
    assert fault.cause == "INVALID_ARGUMENT: durationSeconds: 5"


def test_a_prompt_that_has_to_be_rewritten_names_the_setting() -> None:
    body = {"error": {"code": 400, "message": "Veo 3 prompt enhancement cannot be disabled.", "status": "INVALID_ARGUMENT"}}
    fault = SERVICE.fault(Reply(400, {}, json.dumps(body).encode()))
    assert type(fault) is ProviderRefused
    assert "enhance_prompt: true" in str(fault.hint)


@pytest.mark.parametrize(("fault", "error"), [(Fault.POLL_MODERATED, Moderated), (Fault.POLL_FAULT, VendorFault)])
def test_done_is_not_always_a_take(tmp_path: Path, fault: Fault, error: type[ProviderError]) -> None:
    with driving(VENDOR) as driver:
        driver.server.faults.append(fault)
        status = driver.until_done(SERVICE.submit(request(VENDOR, tmp_path), driver.connection()))
        assert (status.state, type(status.fault)) == (State.FAILED, error)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"error": {"code": 3, "message": "The prompt violates Google's Responsible AI practices."}}, Moderated),
        ({"error": {"code": 3, "message": "The image is too small."}}, ProviderRefused),
        ({"error": {"code": 8, "message": "The model is overloaded."}}, VendorFault),
        ({"response": {"raiMediaFilteredCount": 1}}, Moderated),
        ({"response": {}}, VendorFault),
    ],
)
def test_an_operation_fails_by_its_code_and_words(
    tmp_path: Path, answer: dict[str, Any], error: type[ProviderError]
) -> None:
    with driving(VENDOR, polls=0) as driver:
        operation = SERVICE.submit(request(VENDOR, tmp_path), driver.connection())

        class Told:
            known: ClassVar = {"GOOGLE_VERTEX_BASE_URL": "x"}

            def send(self, *_: Any, **__: Any) -> Reply:
                return Reply(200, {}, json.dumps({"name": operation.id, "done": True, **answer}).encode())

        told: Any = Told()
        assert type(SERVICE.poll(operation, told).fault) is error


def test_words_that_nobody_knows_mean_that_it_runs(tmp_path: Path) -> None:
    with driving(VENDOR, polls=0) as driver:
        operation = SERVICE.submit(request(VENDOR, tmp_path), driver.connection())
        driver.server.faults.append(Fault.POLL_UNKNOWN)
        states = [SERVICE.poll(operation, driver.connection()).state for _ in range(2)]
        assert states == [State.RUNNING, State.DONE]


def test_what_is_no_longer_known_is_gone(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        driver.server.faults.append(Fault.POLL_GONE)
        operation = SERVICE.submit(request(VENDOR, tmp_path), driver.connection())
        assert driver.until_done(operation).state is State.GONE


def test_an_empty_take_is_none(tmp_path: Path) -> None:
    with driving(VENDOR, polls=0) as driver:
        operation = SERVICE.submit(request(VENDOR, tmp_path), driver.connection())
        driver.until_done(operation)
        driver.server.faults.append(Fault.OUTPUT_EMPTY)
        with pytest.raises(BadTake):
            SERVICE.locate(operation, driver.connection())
        assert SERVICE.locate(operation, driver.connection()).content == clip("4")


def test_nothing_is_taken_back(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        operation = SERVICE.submit(request(VENDOR, tmp_path), driver.connection())
        assert SERVICE.cancel(operation, driver.connection()) is False


def test_without_a_project_nothing_leaves(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        del os.environ["GOOGLE_CLOUD_PROJECT"]
        line = driver.connection()
        with pytest.raises(ProviderRefused) as told:
            SERVICE.submit(request(VENDOR, tmp_path), line)
        assert "GOOGLE_CLOUD_PROJECT" in str(told.value.hint)
        assert (line.payment, driver.server.asked) == (Payment.NONE, [])


@pytest.mark.parametrize(
    ("known", "host"),
    [
        ({}, "us-central1-aiplatform.googleapis.com"),
        ({"GOOGLE_CLOUD_LOCATION": "europe-west4"}, "europe-west4-aiplatform.googleapis.com"),
        ({"GOOGLE_CLOUD_LOCATION": "global"}, "aiplatform.googleapis.com"),
    ],
)
def test_each_place_has_its_own_address(tmp_path: Path, known: dict[str, str], host: str) -> None:
    class Noted:
        def __init__(self) -> None:
            self.known = {"GOOGLE_CLOUD_PROJECT": "p", **known}
            self.urls: list[str] = []

        def pay(self, url: str, body: Any) -> Reply:
            self.urls.append(url)
            return Reply(200, {}, b'{"name": "x"}')

    noted: Any = Noted()
    SERVICE.submit(request(VENDOR, tmp_path), noted)
    assert noted.urls[0].startswith(f"https://{host}/v1beta1/projects/p/locations/")
    assert f"https://{host}" in (SERVICE.address, *SERVICE.origins)


def test_an_unknown_place_gets_no_token(tmp_path: Path) -> None:
    with driving(VENDOR) as driver, environment(GOOGLE_CLOUD_LOCATION="evil.example/"):
        del os.environ["GOOGLE_VERTEX_BASE_URL"]
        line = driver.connection()
        with pytest.raises(ProviderRefused, match="no place"):
            SERVICE.submit(request(VENDOR, tmp_path), line)
        assert line.payment is Payment.NONE


@pytest.mark.parametrize(
    ("said", "key"),
    [
        ({"settings": {"resolution": "1080p"}, "seconds": 6}, "resolution"),
        ({"settings": {"resolution": "4k"}, "seconds": 4}, "resolution"),
        ({"roles": ("reference",), "seconds": 6}, "references"),
        ({"roles": ("reference", "first_frame"), "seconds": 8}, "references"),
        ({"roles": ("last_frame",)}, "references"),
    ],
)
def test_limits_that_span_several_fields_are_told(tmp_path: Path, said: dict[str, Any], key: str) -> None:
    assert [objection.key for objection in SERVICE.objections(VENDOR.model, wish(tmp_path, **said))] == [key]


def test_what_it_can_do_meets_no_objection(tmp_path: Path) -> None:
    wishes = [
        wish(tmp_path),
        wish(tmp_path, settings={"resolution": "1080p"}, seconds=7),
        wish(tmp_path, roles=("first_frame", "last_frame")),
        wish(tmp_path, roles=("reference", "reference_2"), seconds=8),
    ]
    assert [list(SERVICE.objections(VENDOR.model, each)) for each in wishes] == [[], [], [], []]


@pytest.mark.parametrize(
    ("model", "settings", "seconds", "amount"),
    [
        ("veo-3.1-generate-001", {}, 4, "1.6"),
        ("veo-3.1-generate-001", {"resolution": "4k"}, 8, "4.8"),
        ("veo-3.1-generate-001", {}, 5, "2.4"),
        ("veo-3.1-lite-generate-001", {}, 4, "0.32"),
    ],
)
def test_prices_are_an_estimate(tmp_path: Path, model: str, settings: dict[str, Any], seconds: int, amount: str) -> None:
    asked = request_fields(request(VENDOR, tmp_path, model=model, settings=settings, seconds=seconds))
    price = SERVICE.price(model, asked)
    assert (price.amount, price.currency, price.exact) == (Fraction(amount), "USD", False)


def test_takes_are_silent_unless_sound_is_asked_for() -> None:
    assert not SERVICE.has_sound(VENDOR.model, Fields((("audio", False),)))
    assert SERVICE.has_sound(VENDOR.model, Fields((("audio", True),)))


def test_the_server_is_one_that_googles_sdk_believes() -> None:
    genai = pytest.importorskip("google.genai")
    from google.genai import errors, types
    from google.oauth2.credentials import Credentials

    with driving(VENDOR) as driver:
        server = driver.server
        client = genai.Client(
            vertexai=True,
            project="film-project",
            location="us-central1",
            credentials=Credentials(token=server.key),
            http_options=types.HttpOptions(base_url=server.url),
        )
        picture = types.Image(image_bytes=PNG, mime_type="image/png")
        config = types.GenerateVideosConfig(
            number_of_videos=1,
            duration_seconds=4,
            seed=7,
            aspect_ratio="16:9",
            resolution="720p",
            person_generation="allow_adult",
            enhance_prompt=False,
            generate_audio=False,
            compression_quality=types.VideoCompressionQuality.OPTIMIZED,
            last_frame=picture,
        )

        def make(**said: Any) -> Any:
            source = types.GenerateVideosSource(prompt="A lighthouse at dawn.", image=picture)
            return client.models.generate_videos(**{"model": VENDOR.model, "source": source, "config": config, **said})

        def until_done(operation: Any) -> Any:
            for _ in range(5):
                if operation.done:
                    return operation
                operation = client.operations.get(operation)
            raise AssertionError("it runs for ever")

        done = until_done(make())
        assert done.response.generated_videos[0].video.video_bytes == clip("4")
        # What Google's SDK sends is what the adapter sends.
        sent = submitted(driver)
        assert sent["parameters"] == PARAMETERS
        plain = {"bytesBase64Encoded": base64.b64encode(PNG).decode(), "mimeType": "image/png"}
        assert sent["instances"] == [{"prompt": "A lighthouse at dawn.", "image": plain, "lastFrame": plain}]

        server.faults.append(Fault.POLL_MODERATED)
        filtered = until_done(make())
        assert (filtered.response.rai_media_filtered_count, filtered.response.generated_videos) == (1, None)
        server.faults.append(Fault.POLL_FAULT)
        assert until_done(make()).error["code"] == 13

        for fault, code in (
            (Fault.SUBMIT_INVALID, 400),
            (Fault.SUBMIT_AUTH, 401),
            (Fault.SUBMIT_FUNDS, 403),
            (Fault.SUBMIT_MODEL_GONE, 404),
            (Fault.SUBMIT_LIMITED, 429),
        ):
            server.faults.append(fault)
            with pytest.raises(errors.ClientError) as told:
                make()
            assert told.value.code == code
