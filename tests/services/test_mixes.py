"""Several takes at once from a service that fails in many ways: what is billed in the end is as many as were asked for."""

import random
from pathlib import Path

import pytest

from shotbuild.engine.journal import Phase
from shotbuild.errors import NeedsPerson, ProviderError
from shotbuild.records import Operation
from tests.servers.fal import FalServer
from tests.servers.service import Fault
from tests.services.filming import Film, filming
from tests.services.vendors import VENDORS

TAKES = 3
BUILDS = 12
SUBMITS = (
    Fault.SUBMIT_AUTH, Fault.SUBMIT_LIMITED, Fault.SUBMIT_FUNDS, Fault.SUBMIT_MODEL_GONE, Fault.SUBMIT_DROP_BEFORE,
    Fault.SUBMIT_DROP_DURING, Fault.SUBMIT_DROP_AFTER, Fault.SUBMIT_500, Fault.SUBMIT_TWICE,
)  # fmt: skip
POLLS = (Fault.POLL_UNKNOWN, Fault.POLL_500, Fault.POLL_DROP, Fault.POLL_LIMITED, Fault.POLL_STALL, Fault.POLL_FAULT)
OUTPUTS = (
    Fault.OUTPUT_TRUNCATED, Fault.OUTPUT_HALF, Fault.OUTPUT_HTML, Fault.OUTPUT_EMPTY, Fault.OUTPUT_EXPIRED,
    Fault.OUTPUT_WRONG_LENGTH,
)  # fmt: skip


def mixed(chance: random.Random, never: frozenset[Fault]) -> list[Fault]:
    """Faults in the order in which they can be met. A take is given up when its third file is no take, or its third attempt
    fails, so there are two of those at most."""
    groups = [(SUBMITS, chance.randint(1, 4)), (POLLS, chance.randint(0, 2)), (OUTPUTS, chance.randint(0, 2))]
    return [chance.choice([fault for fault in among if fault not in never]) for among, count in groups for _ in range(count)]


def settle(film: Film) -> None:
    """What a person does between two builds: looks at each service's page and says what became of what was lost."""
    journal = film.work.rooms.journal
    for server in film.servers.values():
        for job in server.jobs.values():
            if job.fault is Fault.POLL_STALL:
                job.fault = None
    for entry in journal.unfinished():
        if entry.phase is not Phase.UNKNOWN:
            continue
        server = film.servers[entry.provider]
        known = {each.rpartition("/")[2] for each in journal.known(entry.provider)}
        unknown = [name for name in server.jobs if name.rpartition("/")[2] not in known]
        if unknown:
            place = f"{server.url}/fal-ai/bytedance/requests/" if isinstance(server, FalServer) else ""
            operation = Operation(provider=entry.provider, id=f"{place}{unknown[0]}", submitted="")
            journal.submitted(entry.id, operation, "", "adopted")
        else:
            journal.lost(entry.id, "the service shows nothing of it")


@pytest.mark.parametrize("seed", [1, 2, pytest.param(3, marks=pytest.mark.slow), pytest.param(4, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", VENDORS)
def test_whatever_goes_wrong_each_take_is_billed_once(tmp_path: Path, name: str, seed: int) -> None:
    chance = random.Random(f"{name} {seed}")
    with filming(tmp_path, VENDORS[name], takes=TAKES) as film:
        [server] = film.servers.values()
        faults = mixed(chance, VENDORS[name].never)
        server.faults.extend(faults)
        for _ in range(BUILDS):
            built = film.build()
            assert all(isinstance(failure.error, ProviderError | NeedsPerson) for failure in built.failed), film.told
            if not built.failed:
                break
            settle(film)
        takes = film.takes()
        assert (len(takes), server.billed) == (TAKES, TAKES), (faults, film.told)
        assert {film.bytes_of(take) for take in takes} == {server.clip}
        ended = [entry.phase for entry in film.entries()]
        assert ended.count(Phase.DONE) == TAKES
        assert not film.work.rooms.journal.unfinished()
        assert server.paid <= sum(phase not in (Phase.REFUSED, Phase.UNSENT) for phase in ended)
        assert film.leaks() == []


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_all_services_at_once_do_not_stand_in_each_others_way(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    # One of those that share an address in the environment.
    vendors = [vendor for name, vendor in VENDORS.items() if name not in ("kling-legacy", "minimax-h3")]
    with filming(tmp_path, *vendors, takes=2) as film:
        for vendor, server in zip(vendors, film.servers.values(), strict=True):
            server.faults.extend(mixed(chance, vendor.never))
        for _ in range(BUILDS):
            if not film.build().failed:
                break
            settle(film)
        counts = [
            (server.billed, len(film.takes(f"sh{index:02d}0"))) for index, server in enumerate(film.servers.values(), 1)
        ]
        assert counts == [(2, 2)] * len(vendors), film.told
        assert film.leaks() == []
