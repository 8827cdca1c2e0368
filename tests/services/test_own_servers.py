"""A server of one's own, in both dialects, fails in each way that it can; the engine, the lock and the network are real."""

import json
from pathlib import Path

import pytest

from tests.e2e.conftest import shotbuild
from tests.fakes import write_project
from tests.servers.clips import clip
from tests.servers.openai_video import MODEL, VENDOR, VENDOR_SGLANG
from tests.servers.service import Fault, environment
from tests.servers.vendors import Vendor
from tests.services.filming import filming
from tests.services.test_faults import LOST, OUTCOMES, UNKNOWN, stands

FAULTS = [fault for fault in Fault if fault not in VENDOR.never]
BOTH = [pytest.param(VENDOR, id="vllm"), pytest.param(VENDOR_SGLANG, id="sglang")]
FILM = """\
shotbuild: 1
project: film
format: {size: 1280x720, rate: 24}
providers: {mine: {use: openai-video, num_inference_steps: 4}}
shots: {sh010: {prompt: A lighthouse at dawn., provider: mine, duration: 5s}}
"""


@pytest.mark.slow
@pytest.mark.parametrize("vendor", BOTH)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name.lower())
def test_with_a_price_a_fault_costs_what_the_table_of_services_says(tmp_path: Path, vendor: Vendor, fault: Fault) -> None:
    """Whoever writes a price for such a server means that its time costs money: what was lost is for a person to say."""
    with filming(tmp_path, vendor) as film:
        [server] = film.servers.values()
        server.faults.append(fault)
        outcome = UNKNOWN if fault in LOST else OUTCOMES[fault]
        stands(film, outcome)
        assert not server.faults
        if outcome.then is not None:
            stands(film, outcome.then)
        elif outcome.error is None:
            stands(film, outcome)  # another build asks for nothing


@pytest.mark.slow
@pytest.mark.parametrize("fault", [Fault.SUBMIT_DROP_AFTER, Fault.POLL_GONE], ids=lambda fault: fault.name.lower())
@pytest.mark.parametrize("vendor", BOTH)
def test_without_one_what_a_server_lost_is_asked_for_again(tmp_path: Path, vendor: Vendor, fault: Fault) -> None:
    film = write_project(tmp_path / "film", {"shotbuild.yaml": FILM})
    with vendor.server(clip=clip("5")) as server, environment(**vendor.environment(server)):
        server.faults.append(fault)
        built = shotbuild(film, "build")
        assert built.code == 0, built.err
        assert (server.tried, server.paid) == (2, 2)
        lock = json.loads((film / "shotbuild.lock").read_text())
        assert lock["generators"]["mine/video"]["pinned"]["model"] == MODEL
        assert "no digests" in lock["generators"]["mine/video"]["unread"]["weights"]
        assert shotbuild(film, "build").code == 0
        assert server.tried == 2


@pytest.mark.slow
def test_another_release_of_the_server_makes_nothing_before_it_is_taken_on(tmp_path: Path) -> None:
    film = write_project(tmp_path / "film", {"shotbuild.yaml": FILM})
    with VENDOR.server(clip=clip("5")) as server, environment(**VENDOR.environment(server)):
        assert shotbuild(film, "lock", "--update").code == 0
    with VENDOR_SGLANG.server(clip=clip("5")) as server, environment(**VENDOR.environment(server)):
        refused = shotbuild(film, "build")
        assert refused.code == 3
        assert 'dialect is "sglang", the lock has "vllm"' in refused.err
        assert server.tried == 0
