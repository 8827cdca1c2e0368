"""Runway: the adapter against its server, and the server against the vendor's own SDK."""

from fractions import Fraction
from pathlib import Path

import pytest

from shotbuild.errors import DailyCap, Moderated, OutOfFunds, PinGone
from shotbuild.host.network import Payment
from shotbuild.providers.interface import State
from shotbuild.records import Price
from tests.providers.driving import driving, request
from tests.servers.clips import clip
from tests.servers.runway import VENDOR
from tests.servers.service import Fault


def test_a_take_comes_back_as_the_service_made_it(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        _, status = driver.take(request(VENDOR, tmp_path, roles=("first_frame",)), tmp_path / "take.mp4")
        assert (tmp_path / "take.mp4").read_bytes() == clip("5")
        assert status.charged == Price(amount=Fraction("0.6"), currency="USD", exact=True)
        body = next(asked.body for asked in driver.server.asked if asked.path == "/v1/image_to_video")
        assert body == {
            "model": "gen4.5",
            "promptText": "A lighthouse at dawn.",
            "duration": 5,
            "seed": 7,
            "ratio": "1280:720",
            "promptImage": [{"uri": "runway://u0", "position": "first"}],
        }
        assert driver.server.paid == 1


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.SUBMIT_FUNDS, OutOfFunds),
        (Fault.SUBMIT_MODEL_GONE, PinGone),
        (Fault.SUBMIT_DAILY_CAP, DailyCap),
    ],
)
def test_a_refusal_is_told_by_its_body(tmp_path: Path, fault: Fault, error: type[Exception]) -> None:
    with driving(VENDOR) as driver:
        driver.server.faults.append(fault)
        line = driver.connection()
        with pytest.raises(error):
            VENDOR.service.submit(request(VENDOR, tmp_path), line)
        assert (line.payment, driver.server.paid) == (Payment.REFUSED, 0)


def test_moderation_is_no_fault_of_the_vendor(tmp_path: Path) -> None:
    with driving(VENDOR) as driver:
        driver.server.faults.append(Fault.POLL_MODERATED)
        operation = VENDOR.service.submit(request(VENDOR, tmp_path), driver.connection())
        status = driver.until_done(operation)
        assert status.state is State.FAILED
        assert isinstance(status.fault, Moderated)


def test_the_server_is_one_that_the_vendors_sdk_believes(tmp_path: Path) -> None:
    runwayml = pytest.importorskip("runwayml")
    with driving(VENDOR) as driver:
        server = driver.server
        client = runwayml.RunwayML(api_key=server.key, base_url=server.url, max_retries=0, _strict_response_validation=True)
        made = client.text_to_video.create(model="gen4.5", prompt_text="x", ratio="1280:720", duration=5)
        states = [client.tasks.retrieve(made.id).status for _ in range(2)]
        assert states == ["RUNNING", "SUCCEEDED"]
        client.tasks.delete(made.id)
        for fault, error in (
            (Fault.SUBMIT_FUNDS, runwayml.BadRequestError),
            (Fault.SUBMIT_LIMITED, runwayml.RateLimitError),
        ):
            server.faults.append(fault)
            with pytest.raises(error):
                client.text_to_video.create(model="gen4.5", prompt_text="x", ratio="1280:720", duration=5)
