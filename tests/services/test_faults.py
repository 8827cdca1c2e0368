"""Each service fails in each way that it can, and what was paid for is what was asked for: once, never less, never twice."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from shotbuild.engine.events import Held, Stalled
from shotbuild.engine.journal import Phase
from shotbuild.errors import (
    BadTake,
    DailyCap,
    FateUnknown,
    KeyRefused,
    Moderated,
    OutOfFunds,
    PinGone,
    ProviderRefused,
    ProviderUnavailable,
    ShotbuildError,
    VendorFault,
)
from shotbuild.host.wire import Http
from shotbuild.providers.interface import Address, Finds, Provider
from shotbuild.providers.runway import Runway
from shotbuild.records import Operation
from tests.servers.fal import FalServer
from tests.servers.service import Fault, VendorServer
from tests.services.filming import Film, filming
from tests.services.vendors import VENDORS


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a build of one take ends, and the next one of the same. error: None = the take is made; paid: operations that the
    server accepted; tried: submits that came to it; phase: in the journal."""

    error: type[ShotbuildError] | None = None
    paid: int = 1
    tried: int = 1
    phase: Phase = Phase.DONE
    then: "Outcome | None" = None


MADE = Outcome()
MADE_AFTER_A_REFUSAL = Outcome(tried=2)
"""Nothing was accepted the first time."""
REFUSED = Outcome(error=ProviderRefused, paid=0, phase=Phase.REFUSED)
UNKNOWN = Outcome(error=FateUnknown, phase=Phase.UNKNOWN, then=Outcome(error=FateUnknown, phase=Phase.UNKNOWN))
"""A person has to say what became of it: another build asks for nothing."""
CENSURED = Outcome(error=Moderated, phase=Phase.FAILED, then=Outcome(error=Moderated, phase=Phase.FAILED))


def once_more(error: type[ShotbuildError]) -> Outcome:
    """Refused for a reason that lies outside the request: worth asking again when that has changed."""
    return replace(REFUSED, error=error, then=MADE_AFTER_A_REFUSAL)


def for_good(error: type[ShotbuildError]) -> Outcome:
    """Refused for what was asked: never asked again unchanged."""
    return replace(REFUSED, error=error, then=replace(REFUSED, error=error))


OUTCOMES: Mapping[Fault, Outcome] = {
    Fault.SUBMIT_INVALID: for_good(ProviderRefused),
    Fault.SUBMIT_AUTH: once_more(KeyRefused),
    Fault.SUBMIT_LIMITED: MADE_AFTER_A_REFUSAL,
    Fault.SUBMIT_DAILY_CAP: once_more(DailyCap),
    Fault.SUBMIT_FUNDS: once_more(OutOfFunds),
    Fault.SUBMIT_MODERATED: for_good(Moderated),
    Fault.SUBMIT_MODEL_GONE: once_more(PinGone),
    Fault.SUBMIT_DROP_BEFORE: replace(UNKNOWN, paid=0, then=replace(UNKNOWN, paid=0)),
    Fault.SUBMIT_DROP_DURING: MADE,
    Fault.SUBMIT_DROP_AFTER: MADE,
    Fault.SUBMIT_500: MADE,
    Fault.SUBMIT_TWICE: MADE,
    Fault.POLL_UNKNOWN: MADE,
    Fault.POLL_500: MADE,
    Fault.POLL_DROP: MADE,
    Fault.POLL_LIMITED: MADE,
    Fault.POLL_STALL: Outcome(error=ProviderUnavailable, phase=Phase.SUBMITTED),
    Fault.POLL_FAULT: Outcome(paid=2, tried=2),
    Fault.POLL_MODERATED: CENSURED,
    Fault.POLL_GONE: UNKNOWN,
    Fault.OUTPUT_TRUNCATED: MADE,
    Fault.OUTPUT_HALF: MADE,
    Fault.OUTPUT_HTML: MADE,
    Fault.OUTPUT_EMPTY: MADE,
    Fault.OUTPUT_EXPIRED: MADE,
    Fault.OUTPUT_WRONG_LENGTH: MADE,
}
"""What the table of the providers' facts (0.4) asks for."""
LOST = (Fault.SUBMIT_DROP_DURING, Fault.SUBMIT_DROP_AFTER, Fault.SUBMIT_500)
"""Accepted, and the answer was lost: made where the service can be asked for it, else nobody knows."""
PARTICULAR: Mapping[tuple[str, Fault], Outcome] = {
    # Runway lets what is too many wait in its queue: its 429 is the quota of a day.
    ("runway", Fault.SUBMIT_LIMITED): once_more(DailyCap),
}
BAD = (Fault.OUTPUT_HALF, Fault.OUTPUT_HTML, Fault.OUTPUT_EMPTY, Fault.OUTPUT_WRONG_LENGTH)
CASES = [(name, fault) for name, vendor in VENDORS.items() for fault in Fault if fault not in vendor.never]


def named(cases: list[tuple[str, Fault]]) -> list[object]:
    return [pytest.param(name, fault, id=f"{name}-{fault.name.lower()}") for name, fault in cases]


def outcome_of(name: str, fault: Fault) -> Outcome:
    if fault in LOST and VENDORS[name].service.finds is Finds.NO:
        return UNKNOWN
    return PARTICULAR.get((name, fault), OUTCOMES[fault])


def stands(film: Film, outcome: Outcome) -> None:
    """Builds, and holds what came of it against what should."""
    built = film.build()
    [server] = film.servers.values()
    errors = [type(failure.error) for failure in built.failed]
    assert errors == ([] if outcome.error is None else [outcome.error]), film.told
    assert built.exit_code == (0 if outcome.error is None else outcome.error.exit_code)
    assert (server.paid, server.tried) == (outcome.paid, outcome.tried)
    assert film.entries()[-1].phase is outcome.phase
    accounted = [entry for entry in film.entries() if entry.phase not in (Phase.REFUSED, Phase.UNSENT)]
    assert len(accounted) >= server.paid
    takes = film.takes()
    assert len(takes) == (1 if outcome.error is None else 0)
    if takes:
        assert film.bytes_of(takes[0]) == server.clip
        assert server.billed == 1
    assert film.leaks() == []


def test_the_table_has_every_fault() -> None:
    assert OUTCOMES.keys() == set(Fault)


@pytest.mark.parametrize(("name", "fault"), named(CASES))
def test_a_fault_costs_what_the_table_says(tmp_path: Path, name: str, fault: Fault) -> None:
    with filming(tmp_path, VENDORS[name]) as film:
        [server] = film.servers.values()
        server.faults.append(fault)
        outcome = outcome_of(name, fault)
        stands(film, outcome)
        assert not server.faults
        if outcome.then is not None:
            stands(film, outcome.then)
        elif outcome.error is None:
            stands(film, outcome)  # another build asks for nothing


@pytest.mark.parametrize("name", VENDORS)
def test_what_stalls_is_left_and_looked_after_by_the_next_build(tmp_path: Path, name: str) -> None:
    with filming(tmp_path, VENDORS[name]) as film:
        [server] = film.servers.values()
        server.faults.append(Fault.POLL_STALL)
        assert "has not moved" in film.fails().message
        assert any(isinstance(event, Stalled) for event in film.heard)
        for job in server.jobs.values():
            job.fault = None
        stands(film, MADE)


@pytest.mark.parametrize("name", [name for name, vendor in VENDORS.items() if vendor.service.finds is Finds.NO])
def test_a_lost_submit_is_made_when_a_person_names_it(tmp_path: Path, name: str) -> None:
    with filming(tmp_path, VENDORS[name]) as film:
        [server] = film.servers.values()
        server.faults.append(Fault.SUBMIT_DROP_AFTER)
        assert isinstance(film.fails(), FateUnknown)
        adopt(film, server)
        stands(film, MADE)


@pytest.mark.parametrize("name", VENDORS)
def test_a_lost_submit_is_asked_for_again_when_a_person_says_so(tmp_path: Path, name: str) -> None:
    with filming(tmp_path, VENDORS[name]) as film:
        [server] = film.servers.values()
        server.faults.append(Fault.SUBMIT_DROP_BEFORE)
        assert isinstance(film.fails(), FateUnknown)
        [entry] = film.entries()
        film.work.rooms.journal.lost(entry.id, "the page of the service shows nothing of it")
        stands(film, MADE_AFTER_A_REFUSAL)


@pytest.mark.parametrize(("name", "fault"), named([case for case in CASES if case[1] in BAD]))
def test_what_is_no_take_however_often_it_is_fetched_is_paid_once_and_kept_for_a_look(
    tmp_path: Path, name: str, fault: Fault
) -> None:
    with filming(tmp_path, VENDORS[name]) as film:
        [server] = film.servers.values()
        server.always.add(fault)
        if fault is Fault.OUTPUT_EMPTY or (fault is Fault.OUTPUT_HTML and name != "vertex"):
            # What lies between may have sent it: nothing is given up, and a later build fetches what was paid for.
            stands(film, Outcome(error=BadTake, phase=Phase.SUBMITTED))
            server.always.clear()
            stands(film, MADE)
            return
        stands(film, Outcome(error=BadTake, phase=Phase.FAILED))
        assert film.entries()[-1].kind == "BadTake"
        assert film.entries()[-1].reason


@pytest.mark.parametrize(
    ("name", "fault"), named([case for case in CASES if case[1] in (Fault.OUTPUT_TRUNCATED, Fault.OUTPUT_EXPIRED)])
)
def test_what_cannot_be_fetched_is_fetched_by_a_later_build(tmp_path: Path, name: str, fault: Fault) -> None:
    with filming(tmp_path, VENDORS[name]) as film:
        [server] = film.servers.values()
        server.always.add(fault)
        stands(film, Outcome(error=ProviderUnavailable, phase=Phase.SUBMITTED))
        server.always.clear()
        stands(film, MADE)


@pytest.mark.parametrize("name", [name for name, fault in CASES if fault is Fault.OUTPUT_TRUNCATED])
def test_a_download_goes_on_where_it_broke_off(tmp_path: Path, name: str) -> None:
    with filming(tmp_path, VENDORS[name]) as film:
        [server] = film.servers.values()
        server.faults.append(Fault.OUTPUT_TRUNCATED)
        stands(film, MADE)
        ranges = [asked.headers.get("range") for asked in server.asked if asked.path.startswith("/outputs/")]
        assert ranges == [None, f"bytes={len(server.clip) // 2}-"]


@pytest.mark.parametrize("name", [name for name, fault in CASES if fault is Fault.OUTPUT_EXPIRED])
def test_an_address_that_expired_is_asked_for_anew(tmp_path: Path, name: str) -> None:
    with filming(tmp_path, VENDORS[name]) as film:
        [server] = film.servers.values()
        server.faults.append(Fault.OUTPUT_EXPIRED)
        stands(film, MADE)
        fetched = [asked.path.rpartition("/")[2] for asked in server.asked if asked.path.startswith("/outputs/")]
        assert fetched == ["1.mp4", "2.mp4"]


@pytest.mark.parametrize("name", VENDORS)
@pytest.mark.parametrize(
    ("fault", "error"), [(Fault.SUBMIT_AUTH, KeyRefused), (Fault.SUBMIT_FUNDS, OutOfFunds)], ids=["auth", "funds"]
)
def test_an_account_that_cannot_pay_is_asked_once_and_others_go_on(
    tmp_path: Path, name: str, fault: Fault, error: type[ShotbuildError]
) -> None:
    other = VENDORS["xai" if name == "runway" else "runway"]
    with filming(tmp_path, VENDORS[name], other, shots=2, at_once=1) as film:
        poor, rich = film.servers.values()
        poor.always.add(fault)
        built = film.build()
        assert [type(failure.error) for failure in built.failed] == [error, error]
        assert {failure.step.shots[0] for failure in built.failed} == {"sh010", "sh020"}
        assert (poor.tried, poor.paid, rich.paid) == (1, 0, 2)
        assert [len(film.takes(shot)) for shot in ("sh030", "sh040")] == [1, 1]
        assert film.leaks() == []


@pytest.mark.parametrize(
    "name", [name for name, fault in CASES if fault is Fault.SUBMIT_LIMITED and (name, fault) not in PARTICULAR]
)
def test_haste_holds_the_lane_for_a_while(tmp_path: Path, name: str) -> None:
    with filming(tmp_path, VENDORS[name], takes=2) as film:
        [server] = film.servers.values()
        server.faults.extend([Fault.SUBMIT_LIMITED] * 2)
        assert not film.build().failed
        assert any(isinstance(event, Held) for event in film.heard)
        assert (server.paid, len(film.takes())) == (2, 2)


@pytest.mark.parametrize("name", VENDORS)
def test_a_service_that_fails_by_its_own_fault_is_asked_three_times_at_most(tmp_path: Path, name: str) -> None:
    with filming(tmp_path, VENDORS[name]) as film:
        [server] = film.servers.values()
        server.always.add(Fault.POLL_FAULT)
        film.fails()
        film.fails()
        assert (server.paid, server.tried, server.billed) == (3, 3, 0)
        assert {entry.kind for entry in film.entries()} == {"VendorFault"}


@pytest.mark.parametrize(
    "elsewhere", ["http://127.0.0.2/take.mp4", "https://10.0.0.1/take.mp4", "https://localhost/take.mp4", "/outputs/x/1.mp4"]
)
def test_an_output_that_leads_into_a_private_place_is_no_take(tmp_path: Path, elsewhere: str) -> None:
    with filming(tmp_path, VENDORS["runway"]) as film:
        [server] = film.servers.values()
        server.moved = elsewhere
        stands(film, Outcome(error=BadTake, phase=Phase.SUBMITTED))


class Blunt(Runway):
    """An adapter that raises what it should return."""

    def locate(self, operation: Operation, http: Http) -> Address:
        raise VendorFault("it broke")


def test_an_adapter_that_raises_a_fault_does_not_pay_for_ever(tmp_path: Path) -> None:
    with filming(tmp_path, VENDORS["runway"]) as film:
        blunt: Provider = Blunt()  # type: ignore[assignment]
        film.offered = replace(film.offered, providers={"runway": blunt})
        [server] = film.servers.values()
        film.fails()
        film.fails()
        assert server.paid <= 3
        assert len(film.entries()) == server.tried == server.paid


def adopt(film: Film, server: VendorServer) -> None:
    """What `recover adopt` writes: a person gives the id of the service's own page; fal's needs the whole address."""
    [entry] = film.entries()
    [job] = server.jobs.values()
    place = f"{server.url}/fal-ai/bytedance/requests/" if isinstance(server, FalServer) else ""
    operation = Operation(provider=entry.provider, id=f"{place}{job.id}", submitted="")
    film.work.rooms.journal.submitted(entry.id, operation, "", "adopted")
