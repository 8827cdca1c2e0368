"""Servers with `/v1/videos`: the adapter before both dialects of a stand-in."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from shotbuild.digest import of_file
from shotbuild.errors import (
    AddressExpired,
    FateUnknown,
    KeyRefused,
    PinGone,
    ProviderRefused,
    ProviderUnavailable,
    RateLimited,
    VendorFault,
)
from shotbuild.host.network import Network, Payment
from shotbuild.host.wire import Reply
from shotbuild.providers.interface import Facts, Finds, Request, Site, State, Wish
from shotbuild.providers.openai_video import MODELS, OpenAIVideo
from shotbuild.purchasing import account
from shotbuild.records import FREE, Fields, Operation, fields
from shotbuild.testing.loopback import Server
from shotbuild.testing.providers import ServiceContract
from tests.e2e.conftest import shotbuild
from tests.fakes import write_project
from tests.providers.driving import PNG, Driver, driving, request
from tests.servers.clips import clip
from tests.servers.openai_video import MODEL, VENDOR, VENDOR_SGLANG, OpenAIVideoServer
from tests.servers.service import Fault, Given, environment
from tests.servers.vendors import Vendor
from tests.testing.pages import ROOT
from tests.testing.servers import Stand

SERVICE = OpenAIVideo()
BOTH = [pytest.param(VENDOR, id="vllm"), pytest.param(VENDOR_SGLANG, id="sglang")]
WRITTEN = {"served": MODEL, "num_inference_steps": 4, "guidance_scale": "9/2", "flow_shift": "3", "negative_prompt": "rain"}


class TestSglang(ServiceContract):
    """The other dialect is held to it with all services, in tests/testing/test_contracts.py."""

    def provider(self) -> OpenAIVideo:
        return OpenAIVideo()

    def serving(self) -> Server:
        return Stand(VENDOR_SGLANG)


def server(driver: Driver) -> OpenAIVideoServer:
    assert isinstance(driver.server, OpenAIVideoServer)
    return driver.server


def settings(**said: Any) -> Fields:
    usual = {name: each.default for name, each in MODELS["video"].fields.items()}
    return fields(**{**usual, **said})


def wish(settings: Fields, roles: tuple[str, ...] = ()) -> Wish:
    wanted = request(VENDOR, Path())
    return Wish(prompt="A light.", seconds=Fraction(5), format=wanted.format, references=roles, settings=settings)


def site(driver: Driver) -> Site:
    return Site(root=Path(), digest=of_file, http=driver.connection())


def submitted(driver: Driver) -> dict[str, Any]:
    (job,) = driver.server.jobs.values()
    body: dict[str, Any] = job.request.body
    return body


def asked(driver: Driver, wanted: Request) -> Operation:
    return SERVICE.submit(wanted, driver.connection())


# --- what is asked ------------------------------------------------------------------------------------------------------


def test_vllm_is_asked_by_a_form_and_told_frames_and_rate_which_it_would_guess(tmp_path: Path) -> None:
    """It makes one frame, at 24 a second, where nobody says otherwise."""
    with driving(VENDOR) as driver:
        more = {"guidance_scale_2": "3", "lora": '{"name": "ink", "path": "/l"}', "extra": '{"boundary_ratio": 0.875}'}
        asked(driver, request(VENDOR, tmp_path, settings={**WRITTEN, **more}))
        assert submitted(driver) == {
            "prompt": "A lighthouse at dawn.",
            "model": MODEL,
            "seed": 7,
            "width": 1280,
            "height": 720,
            "num_frames": 120,
            "fps": 24,
            "num_inference_steps": 4,
            "guidance_scale": 4.5,
            "guidance_scale_2": 3.0,
            "flow_shift": 3.0,
            "negative_prompt": "rain",
            "lora": {"name": "ink", "path": "/l"},
            "extra_params": {"boundary_ratio": 0.875},
        }


def test_sglang_is_asked_by_json_with_noise_of_the_processor(tmp_path: Path) -> None:
    with driving(VENDOR_SGLANG) as driver:
        asked(driver, request(VENDOR_SGLANG, tmp_path, settings={**WRITTEN, "extra": '{"max_sequence_length": 64}'}))
        (posted,) = [each for each in driver.server.asked if each.method == "POST"]
        assert posted.headers["content-type"] == "application/json"
        assert submitted(driver) == {
            "prompt": "A lighthouse at dawn.",
            "model": MODEL,
            "seed": 7,
            "size": "1280x720",
            "num_frames": 120,
            "fps": 24,
            "num_inference_steps": 4,
            "guidance_scale": 4.5,
            "flow_shift": 3.0,
            "negative_prompt": "rain",
            "generator_device": "cpu",
            "extra_body": {"max_sequence_length": 64},
        }


@pytest.mark.parametrize("vendor", BOTH)
def test_a_first_frame_goes_along_in_a_form(tmp_path: Path, vendor: Vendor) -> None:
    with driving(vendor) as driver:
        wanted = request(vendor, tmp_path, roles=("first_frame",))
        asked(driver, wanted)
        name = f"first_frame-{wanted.references[0][1].name[:12]}.png"
        assert driver.server.uploads == {name: PNG + b"first_frame"}
        assert submitted(driver)["input_reference"] == f"file of {len(PNG) + 11} bytes"
        assert submitted(driver).get("generator_device") == (None if vendor is VENDOR else "cpu")


@pytest.mark.parametrize("vendor", BOTH)
def test_a_rate_of_ntsc_is_asked_for_as_the_whole_one(tmp_path: Path, vendor: Vendor) -> None:
    with driving(vendor) as driver:
        wanted = request(vendor, tmp_path)
        asked(driver, replace(wanted, format=replace(wanted.format, rate=Fraction(24000, 1001))))
        assert (submitted(driver)["fps"], submitted(driver)["num_frames"]) == (24, 120)


@pytest.mark.parametrize("vendor", BOTH)
def test_a_take_comes_back_as_the_server_made_it_for_nothing(tmp_path: Path, vendor: Vendor) -> None:
    with driving(vendor) as driver:
        _, status = driver.take(request(vendor, tmp_path), tmp_path / "take.mp4")
        assert (tmp_path / "take.mp4").read_bytes() == clip("5")
        assert (status.charged, status.pin) == (FREE, None)


def test_the_name_that_sglang_repeats_is_not_taken_for_what_it_used(tmp_path: Path) -> None:
    with driving(VENDOR_SGLANG) as driver:
        operation = asked(driver, request(VENDOR_SGLANG, tmp_path))
        assert driver.connection().get(f"v1/videos/{operation.id}").json.text("model") == "sora-2"
        assert driver.until_done(operation).pin is None


@pytest.mark.parametrize("vendor", BOTH)
def test_the_dialect_is_found_out_or_said(tmp_path: Path, vendor: Vendor) -> None:
    word = "vllm" if vendor is VENDOR else "sglang"
    with driving(vendor) as driver:
        server(driver).owner = "somebody"
        if vendor is VENDOR:
            with pytest.raises(ProviderRefused) as caught:
                asked(driver, request(vendor, tmp_path))
            assert "dialect" in (caught.value.hint or "")
            assert driver.server.paid == 0
        asked(driver, request(vendor, tmp_path, settings={"dialect": word}))
        assert driver.server.paid == 1


def test_a_lora_is_not_dropped_without_a_word(tmp_path: Path) -> None:
    with driving(VENDOR_SGLANG) as driver:
        wanted = request(VENDOR_SGLANG, tmp_path, settings={"lora": '{"path": "/l"}'})
        connection = driver.connection()
        with pytest.raises(ProviderRefused):
            SERVICE.submit(wanted, connection)
        assert connection.payment is Payment.NONE
        assert [each.key for each in SERVICE.inspect("video", wish(wanted.settings), None, site(driver))] == ["lora"]
    assert [each.key for each in SERVICE.objections("video", wish(settings(lora="{}", dialect="sglang")))] == ["lora"]


@pytest.mark.parametrize(
    ("said", "key"),
    [
        ({"extra": "[]"}, "extra"),
        ({"extra": "{"}, "extra"),
        ({"extra": '{"x": Infinity}'}, "extra"),
        ({"extra": "[" * 100_000}, "extra"),
        ({"extra": '{"seed": 3}'}, "extra"),
        ({"lora": "ink"}, "lora"),
    ],
)
def test_what_cannot_be_sent_is_found_without_a_server(said: dict[str, str], key: str) -> None:
    assert [each.key for each in SERVICE.objections("video", wish(settings(**said)))] == [key]


# --- how it ends --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("code", "kind"), [(500, VendorFault), (400, ProviderRefused), (404, ProviderRefused)])
def test_a_failed_operation_of_vllm_answers_with_the_status_of_its_error(tmp_path: Path, code: int, kind: type) -> None:
    """Read by the status alone, this would be a broken server, or an operation that is gone."""
    with driving(VENDOR) as driver:
        server(driver).code = code
        operation = asked(driver, request(VENDOR, tmp_path))
        driver.server.faults.append(Fault.POLL_FAULT)
        status = driver.until_done(operation)
        assert status.state is State.FAILED
        assert isinstance(status.fault, kind)
        assert status.fault.cause == "CUDA out of memory"
        with pytest.raises(kind):
            SERVICE.locate(operation, driver.connection())


def test_a_failed_operation_of_sglang_answers_with_status_200(tmp_path: Path) -> None:
    with driving(VENDOR_SGLANG) as driver:
        operation = asked(driver, request(VENDOR_SGLANG, tmp_path))
        driver.server.faults.append(Fault.POLL_FAULT)
        status = driver.until_done(operation)
        assert (status.state, type(status.fault)) == (State.FAILED, VendorFault)


@pytest.mark.parametrize("vendor", BOTH)
def test_a_restart_forgets_everything(tmp_path: Path, vendor: Vendor) -> None:
    with driving(vendor) as driver:
        operation = asked(driver, request(vendor, tmp_path))
        driver.server.jobs.clear()
        assert SERVICE.poll(operation, driver.connection()).state is State.GONE
        with pytest.raises(AddressExpired):
            SERVICE.locate(operation, driver.connection())


@pytest.mark.parametrize("vendor", BOTH)
def test_a_broken_server_is_not_taken_for_a_failed_operation(tmp_path: Path, vendor: Vendor) -> None:
    with driving(vendor) as driver:
        operation = asked(driver, request(vendor, tmp_path))
        driver.server.faults.append(Fault.POLL_500)
        with pytest.raises(ProviderUnavailable):
            SERVICE.poll(operation, driver.connection())
        assert driver.until_done(operation).state is State.DONE


@pytest.mark.parametrize("vendor", BOTH)
def test_content_that_is_still_in_progress_is_asked_for_again(tmp_path: Path, vendor: Vendor) -> None:
    with driving(vendor, polls=5) as driver:
        operation = asked(driver, request(vendor, tmp_path))
        address = SERVICE.locate(operation, driver.connection())
        with pytest.raises(AddressExpired):
            driver.connection().fetch(address.url, tmp_path / "take.mp4", bare=address.bare)


def test_an_output_in_a_storage_is_fetched_there_without_the_key(tmp_path: Path) -> None:
    with driving(VENDOR_SGLANG) as driver:
        server(driver).stored = "https://storage.example/out.mp4"
        operation = asked(driver, request(VENDOR_SGLANG, tmp_path))
        driver.until_done(operation)
        address = SERVICE.locate(operation, driver.connection())
        assert (address.url, address.bare) == ("https://storage.example/out.mp4", True)


def test_vllm_takes_back_what_runs_and_nothing_else(tmp_path: Path) -> None:
    with driving(VENDOR, polls=5) as driver:
        operation = asked(driver, request(VENDOR, tmp_path))
        assert SERVICE.cancel(operation, driver.connection())
        assert SERVICE.poll(operation, driver.connection()).state is State.GONE
        assert not SERVICE.cancel(operation, driver.connection())


@pytest.mark.parametrize("owner", ["", "somebody"])
def test_nothing_is_forgotten_that_goes_on_being_made(tmp_path: Path, owner: str) -> None:
    """SGLang's DELETE drops the record alone; and a server that is not known may do the same."""
    with driving(VENDOR if owner else VENDOR_SGLANG, polls=5) as driver:
        server(driver).owner = owner
        dialect = {"dialect": "vllm" if owner else "sglang"}
        operation = asked(driver, request(VENDOR, tmp_path, settings=dialect))
        assert SERVICE.cancel(operation, driver.connection()) is False
        assert [each.method for each in driver.server.asked if each.method == "DELETE"] == []
        assert driver.until_done(operation).state is State.DONE


def test_a_lost_answer_is_left_to_a_person(tmp_path: Path) -> None:
    """The lists show no seed: two takes of one shot look alike in them."""
    assert SERVICE.finds is Finds.NO
    with driving(VENDOR) as driver:
        driver.server.faults.append(Fault.SUBMIT_DROP_AFTER)
        with pytest.raises(FateUnknown):
            asked(driver, request(VENDOR, tmp_path))


@pytest.mark.parametrize(
    ("status", "detail", "kind"),
    [
        (503, "Video generation handler not initialized.", RateLimited),
        (503, "Video delivery is unavailable: configure an output path or enable cloud storage", ProviderRefused),
        (503, "something else", ProviderUnavailable),
        (500, "CUDA error", ProviderUnavailable),
        (400, "Model mismatch: request specifies 'a' but server is running 'b'.", ProviderRefused),
        (404, "The model does not exist", PinGone),
        (401, "Unauthorized", KeyRefused),
        (429, "slow down", RateLimited),
    ],
)
def test_a_no_is_of_its_kind(status: int, detail: str, kind: type) -> None:
    fault = SERVICE.fault(Reply(status, {}, json.dumps({"detail": detail}).encode()))
    assert type(fault) is kind
    assert fault.cause == detail


def test_a_list_of_wrong_inputs_names_them() -> None:
    rows = [{"loc": ["body", "fps"], "msg": "too small"}, {"loc": 7}, 3]
    fault = SERVICE.fault(Reply(422, {}, json.dumps({"detail": rows}).encode()))
    assert isinstance(fault, ProviderRefused)
    assert "fps: too small" in (fault.cause or "")


ODD: list[Any] = [
    b"<html></html>",
    [],
    None,
    {"status": 7, "id": "x"},
    {"status": "completed", "progress": "NaN"},
    {"url": 3},
]


@pytest.mark.parametrize("status", [200, 404, 500])
def test_a_hostile_answer_is_an_error_or_a_state(tmp_path: Path, status: int) -> None:
    class Odd(OpenAIVideoServer):
        said: Any = None

        def _video(self, job: Any) -> Given:
            return Given(status, self.said)

    with driving(replace(VENDOR, server=Odd)) as driver:
        operation = asked(driver, request(VENDOR, tmp_path))
        for said in ODD:
            driver.server.said = said  # type: ignore[attr-defined]
            for call in (SERVICE.poll, SERVICE.locate, SERVICE.cancel):
                try:
                    call(operation, driver.connection())  # type: ignore[operator]
                except (ProviderUnavailable, AddressExpired):
                    continue


# --- what it is ---------------------------------------------------------------------------------------------------------


def examined(driver: Driver, **said: Any) -> Facts:
    return SERVICE.examine("video", settings(**said), site(driver))


def test_vllm_is_pinned_by_name_and_version() -> None:
    with driving(VENDOR) as driver:
        facts = examined(driver)
        assert facts.pinned == fields(dialect="vllm", model=MODEL, root=MODEL, version="0.30.0")
        assert {name for name, _ in facts.unread} == {"weights", "options", "loras"}
        assert examined(driver) == facts, "what changes from call to call is not pinned"


def test_sglang_is_pinned_by_what_its_card_says() -> None:
    with driving(VENDOR_SGLANG) as driver:
        assert dict(examined(driver).pinned) == {
            "dialect": "sglang",
            "model": MODEL,
            "root": MODEL,
            "num_gpus": "1",
            "task_type": "TI2V",
            "dit_precision": "bf16",
            "vae_precision": "fp32",
            "pipeline_class": "WanPipeline",
            "version": "0.5.23",
        }


@pytest.mark.parametrize("vendor", BOTH)
def test_a_version_that_is_not_told_is_unread(vendor: Vendor) -> None:
    with driving(vendor) as driver:
        server(driver).silent = True
        facts = examined(driver)
        assert facts.pinned.get("version") is None
        assert "version" in facts.unread.text("version")


@pytest.mark.parametrize("vendor", BOTH)
def test_a_model_that_is_not_served_is_told(vendor: Vendor) -> None:
    with driving(vendor) as driver:
        with pytest.raises(PinGone) as caught:
            examined(driver, served="other/model")
        assert MODEL in (caught.value.cause or "")
        found = list(SERVICE.inspect("video", wish(settings(served="other/model")), None, site(driver)))
        assert [each.key for each in found] == ["served"]
        assert list(SERVICE.inspect("video", wish(settings(served=MODEL)), None, site(driver))) == []


@pytest.mark.parametrize(
    ("task", "roles", "wrong"), [("I2V", (), True), ("T2V", ("first_frame",), True), ("TI2V", (), False)]
)
def test_a_picture_that_lacks_or_is_too_much_is_found(task: str, roles: tuple[str, ...], wrong: bool) -> None:
    with driving(VENDOR_SGLANG) as driver:
        server(driver).task = task
        found = [each.key for each in SERVICE.inspect("video", wish(settings(), roles), None, site(driver))]
        assert found == ([] if task == "TI2V" else ["references"])


def test_a_server_that_is_away_is_held_to_what_the_lock_has() -> None:
    with driving(VENDOR_SGLANG) as driver:
        server(driver).task = "I2V"
        facts = examined(driver)
        gone = {"SHOTBUILD_OPENAI_VIDEO_URL": driver.server.url}
    network = Network()
    line = Site(root=Path(), digest=of_file, http=network.connect(account(SERVICE, gone)))
    found = [each.key for each in SERVICE.inspect("video", wish(settings(lora="{}")), facts, line)]
    assert found == ["lora", "references"]
    with pytest.raises(ProviderUnavailable):
        list(SERVICE.inspect("video", wish(settings()), None, line))
    network.close()


def test_a_server_that_tells_no_models_is_none() -> None:
    class Odd(OpenAIVideoServer):
        said: Any = None

        def answer(self, asked: Any) -> Given:
            return Given(200, self.said)

    with driving(replace(VENDOR, server=Odd)) as driver:
        for said in ([], None, {"data": 7}, {"data": []}, {"data": [{"id": 7}]}, b"<html></html>"):
            driver.server.said = said  # type: ignore[attr-defined]
            with pytest.raises(ProviderUnavailable) as caught:
                examined(driver)
            assert "SHOTBUILD_OPENAI_VIDEO_URL" in (caught.value.hint or "")


def test_a_server_without_a_key_is_asked_without_one(tmp_path: Path) -> None:
    with driving(replace(VENDOR, variables={"SHOTBUILD_OPENAI_VIDEO_URL": "{url}"})) as driver:
        server(driver).open = True
        driver.take(request(VENDOR, tmp_path), tmp_path / "take.mp4")
        assert all("authorization" not in each.headers for each in driver.server.asked)


def test_a_key_is_not_sent_in_the_clear() -> None:
    environ = {"SHOTBUILD_OPENAI_VIDEO_URL": "http://gpu.example:8000", "SHOTBUILD_OPENAI_VIDEO_KEY": "hush-hush"}
    with pytest.raises(ProviderRefused):
        account(SERVICE, environ)
    assert account(SERVICE, {}).address == "http://127.0.0.1:8000"


def test_shots_of_one_model_share_an_entry_in_the_lock() -> None:
    named: Callable[[Fields], str] = lambda said: SERVICE.subject("video", said)  # noqa: E731
    assert (named(settings()), named(settings(served=MODEL))) == ("", MODEL)


def test_the_page_tells_every_setting_and_its_example_loads(tmp_path: Path) -> None:
    page = (ROOT / "docs/openai-video.md").read_text()
    assert [name for name in MODELS["video"].fields if f"`{name}`" not in page] == []
    (example,) = re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    film = write_project(tmp_path / "film", {"shotbuild.yaml": example})
    with VENDOR.server(clip=clip("5")) as stand_in, environment(**VENDOR.environment(stand_in)):
        found = shotbuild(film, "lint")
    assert (found.code, found.err) == (0, "")
