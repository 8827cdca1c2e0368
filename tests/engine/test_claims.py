"""Two machines that build the same at once: one asks the service, the other takes what came of it. In virtual time."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from shotbuild.engine.events import Waiting
from shotbuild.engine.operations import LOOK_ELSEWHERE
from shotbuild.errors import NeedsPerson
from shotbuild.host.objects.folder import FolderObjects
from shotbuild.plan.bind import Wanted
from shotbuild.store.claims import LASTS, SKEW, Claims, Other
from shotbuild.store.shared import Shared
from tests.engine.virtual import Desk, Simulated, VirtualClock, wanted

BEGIN = 1_000_000


class Machine:
    """A desk whose paid steps are claimed in a folder that all machines share."""

    def __init__(self, place: Path, name: str, clock: VirtualClock) -> None:
        self.clock, self.asked = clock, 0
        shared = Shared(FolderObjects(place / "store"), {}, lambda _: None, clock=clock.now)
        self.claims = Claims(shared, name.encode().hex().ljust(16, "0"), name, clock=lambda: BEGIN + clock.now())
        self.desk = Desk(place / name, clock, claim=self._claim)

    def _claim(self, want: Wanted) -> Other | None:
        self.asked += 1
        return self.claims.take(want.key)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def pair(tmp_path: Path, clock: VirtualClock) -> Iterator[tuple[Machine, Machine]]:
    machines = Machine(tmp_path, "one", clock), Machine(tmp_path, "two", clock)
    yield machines
    for each in machines:
        each.claims.close()


def test_the_second_machine_waits_and_takes_what_the_first_one_made(
    pair: tuple[Machine, Machine], clock: VirtualClock
) -> None:
    one, two = pair
    service = Simulated(clock)
    for each in pair:
        each.desk.begin(service, wanted("sh010"))
    while one.desk.operations.open:
        one.desk.turn()
        two.desk.turn() if not one.desk.operations.calling else None
    two.desk.kept |= one.desk.kept  # the shared store has it now
    (bought,) = two.desk.finish()
    assert bought.purchase.found
    assert bought.result == one.desk.kept[wanted("sh010").key]
    assert service.paid == 1
    assert [event.by for event in two.desk.heard if isinstance(event, Waiting)] == ["one"]


def test_a_machine_that_died_holds_up_the_others_for_as_long_as_its_claim_lasts(
    pair: tuple[Machine, Machine], clock: VirtualClock
) -> None:
    one, two = pair
    service = Simulated(clock)
    assert one.claims.take(wanted("sh010").key) is None  # and is killed before it asks
    began = clock.now()
    (bought,) = two.desk.buy(service, "sh010")
    assert bought.result is not None
    assert service.paid == 1
    assert clock.now() - began >= LASTS + SKEW
    assert two.asked <= (LASTS + SKEW) / LOOK_ELSEWHERE + 2, "the store is not asked more often than that"


def test_what_another_machine_left_under_way_is_a_question_to_a_person(
    pair: tuple[Machine, Machine], clock: VirtualClock
) -> None:
    one, two = pair
    service = Simulated(clock)
    one.claims.take(wanted("sh010").key)
    one.claims.leave(wanted("sh010").key)
    (bought,) = two.desk.buy(service, "sh010")
    assert isinstance(bought.error, NeedsPerson)
    assert "one" in bought.error.message
    assert "--no-claim" in (bought.error.hint or "")
    assert service.paid == 0
    assert two.desk.held == set(), "its lock is free"


def test_what_came_while_it_was_claimed_is_not_paid_again(pair: tuple[Machine, Machine], clock: VirtualClock) -> None:
    one, two = pair
    service = Simulated(clock)
    one.desk.buy(service, "sh010")
    key = wanted("sh010").key

    def claim(want: Wanted) -> Other | None:
        # Between the look and the claim, the first machine shares its take and lets go.
        two.desk.kept[key] = one.desk.kept[key]
        one.claims.release(key)
        return two.claims.take(want.key)

    two.desk.claim = claim
    (bought,) = two.desk.buy(service, "sh010")
    assert bought.purchase.found
    assert service.paid == 1


def test_what_is_under_way_here_goes_on_whoever_claims_it_meanwhile(
    pair: tuple[Machine, Machine], clock: VirtualClock
) -> None:
    one, two = pair
    service = Simulated(clock)
    one.desk.begin(service, wanted("sh010"))
    while not service.paid:
        one.desk.turn()
    one.desk.operations.stop()
    one.desk.held.clear()
    one.claims.release(wanted("sh010").key)
    assert two.claims.take(wanted("sh010").key) is None
    (bought,) = one.desk.buy(service, "sh010")
    assert bought.result is not None
    assert service.paid == 1
