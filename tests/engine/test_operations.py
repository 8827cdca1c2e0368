"""What becomes of money: each way in which a service can fail, in virtual time. The journal is real, the service is not."""

from collections import deque
from collections.abc import Callable, Iterable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from shotbuild.engine.events import Event, Found, Held, Polled, Stalled
from shotbuild.engine.journal import Cap, Intent, Phase
from shotbuild.engine.operations import LOST_IN_A_ROW, Bought
from shotbuild.errors import (
    AddressExpired,
    BadTake,
    DailyCap,
    FateUnknown,
    KeyRefused,
    LimitReached,
    Moderated,
    OutOfFunds,
    PinGone,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    RateLimited,
    VendorFault,
)
from shotbuild.providers.interface import Facts, Finds, Objection, Request, Site, State, Status, Wish
from shotbuild.records import Fields, Operation, Price
from shotbuild.units import Money
from tests.engine.virtual import AnswerLost, Desk, Made, Simulated, Unreachable, VirtualClock, failed, wanted


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def desk(tmp_path: Path, clock: VirtualClock) -> Desk:
    return Desk(tmp_path / "project", clock)


def in_turn(*errors: BaseException | Status | None) -> Callable[..., Any]:
    """What goes wrong with each submit, in order; then nothing."""
    left = deque(errors)
    return lambda *_: left.popleft() if left else None


def always(what: Any) -> Callable[..., Any]:
    return lambda *_: what


def phases(desk: Desk) -> list[str]:
    return [entry.phase.value for entry in desk.journal.entries()]


def errors(ended: Iterable[Bought]) -> list[str]:
    """The name of the error that ended each purchase, `made` where none did; in alphabetical order."""
    return sorted("made" if each.error is None else type(each.error).__name__ for each in ended)


def only(ended: list[Bought]) -> BaseException:
    assert len(ended) == 1
    assert ended[0].error is not None
    return ended[0].error


def heard(desk: Desk, kind: type[Event]) -> list[Any]:
    return [event for event in desk.heard if isinstance(event, kind)]


# --- the straight way ---------------------------------------------------------------------------------------------------


def test_a_take_is_paid_once_and_its_way_is_written_down(desk: Desk, clock: VirtualClock) -> None:
    charged = Price(amount=Fraction(3, 4), currency="USD", exact=True)
    service = Simulated(clock, charges=charged)
    assert errors(desk.buy(service, "sh010")) == ["made"]
    (entry,) = desk.journal.entries()
    assert (entry.phase, entry.charged, entry.operation and entry.operation.id) == (Phase.DONE, charged, "made-1")
    told = [phase for _, phase, _ in desk.journal.told(entry.id)]
    assert list(dict.fromkeys(told)) == ["intent", "submitted", "fetched", "done"]
    assert service.paid == 1


def test_what_was_made_is_not_asked_for_again(desk: Desk, clock: VirtualClock) -> None:
    service = Simulated(clock)
    desk.buy(service, "sh010")
    (again,) = desk.buy(service, "sh010")
    assert again.purchase.found
    assert service.paid == 1


def test_two_steps_that_ask_for_the_same_are_paid_once(desk: Desk, clock: VirtualClock) -> None:
    service = Simulated(clock)
    desk.begin(service, wanted("sh010", "a lighthouse"))
    desk.begin(service, wanted("sh020", "a lighthouse"))
    ended = desk.finish()
    assert errors(ended) == ["made", "made"]
    assert sorted(each.purchase.found for each in ended) == [False, True]
    assert service.paid == 1


def test_progress_is_told_only_when_it_changes(desk: Desk, clock: VirtualClock) -> None:
    service = Simulated(clock, lasts=lambda: 1000.0, pace=5.0)
    desk.buy(service, "sh010")
    said = [(event.word, event.progress) for event in heard(desk, Polled)]
    assert said == [("running", percent) for percent in range(0, 100, 10)]
    assert service.calls["poll"] > 180


def test_polls_keep_the_pace_that_the_service_asks(desk: Desk, clock: VirtualClock) -> None:
    at: list[float] = []

    def noted(made: Made, count: int) -> None:
        at.append(clock.now())

    desk.buy(Simulated(clock, lasts=lambda: 300.0, pace=7.0, on_poll=noted), "sh010")
    gaps = [later - earlier for earlier, later in pairwise(at)]
    assert all(7.0 <= gap <= 7.8 for gap in gaps)


# --- an answer that was lost --------------------------------------------------------------------------------------------


def test_a_lost_answer_is_looked_up_and_adopted(desk: Desk, clock: VirtualClock) -> None:
    service = Simulated(clock, on_submit=in_turn(AnswerLost()))
    assert errors(desk.buy(service, "sh010")) == ["made"]
    assert service.paid == 1
    assert phases(desk) == ["done"]
    assert [event.operation for event in heard(desk, Found)] == ["made-1"]


def test_a_look_up_that_fails_is_done_again(desk: Desk, clock: VirtualClock) -> None:
    service = Simulated(clock, on_submit=in_turn(AnswerLost()), on_find=in_turn(ProviderUnavailable("503")))
    assert errors(desk.buy(service, "sh010")) == ["made"]
    assert service.calls["find"] == 2


def test_a_lost_answer_that_cannot_be_looked_up_is_unknown_and_not_asked_again(desk: Desk, clock: VirtualClock) -> None:
    service = Simulated(clock, finds=Finds.NO, on_submit=in_turn(AnswerLost()))
    error = only(desk.buy(service, "sh010"))
    assert isinstance(error, FateUnknown)
    assert "recover adopt op1 ID" in (error.hint or "")
    assert phases(desk) == ["unknown"]
    assert isinstance(only(desk.buy(service, "sh010")), FateUnknown)
    assert (service.paid, service.calls["submit"]) == (1, 1)


def test_what_the_service_shows_nothing_of_is_unknown_and_not_asked_again(desk: Desk, clock: VirtualClock) -> None:
    service = Simulated(clock, on_submit=in_turn(AnswerLost(accepted=False)))
    assert isinstance(only(desk.buy(service, "sh010")), FateUnknown)
    assert service.calls["find"] == 3
    assert isinstance(only(desk.buy(service, "sh010")), FateUnknown)
    assert (service.paid, service.calls["submit"]) == (0, 1)


def test_a_service_that_is_down_while_it_is_looked_up_leaves_it_to_the_next_build(desk: Desk, clock: VirtualClock) -> None:
    down = ProviderUnavailable("503")
    service = Simulated(clock, on_submit=in_turn(AnswerLost()), on_find=in_turn(down, down, down))
    assert isinstance(only(desk.buy(service, "sh010")), ProviderUnavailable)
    assert phases(desk) == ["intent"]
    assert errors(desk.buy(service, "sh010")) == ["made"]
    assert service.paid == 1


def test_an_operation_that_the_service_no_longer_knows_is_unknown(desk: Desk, clock: VirtualClock) -> None:
    service = Simulated(clock, on_poll=always(Status(state=State.GONE, word="404")))
    assert isinstance(only(desk.buy(service, "sh010")), FateUnknown)
    assert phases(desk) == ["unknown"]
    assert isinstance(only(desk.buy(service, "sh010")), FateUnknown)
    assert service.paid == 1


class Own(Simulated):
    """A server of one's own, which forgets what it had when it is started anew."""

    def subject(self, model: str, settings: Fields) -> str:
        return ""

    def examine(self, model: str, settings: Fields, site: Site) -> Facts:
        raise NotImplementedError("the engine does not look at generators")

    def inspect(self, model: str, wish: Wish, facts: Facts | None, site: Site) -> tuple[Objection, ...]:
        raise NotImplementedError("the engine does not look at generators")


def test_what_a_server_of_ones_own_lost_is_asked_for_under_another_id(desk: Desk, clock: VirtualClock) -> None:
    desk.price = lambda name: Fraction(0)
    gone = Status(state=State.GONE, word="404")
    service = Own(clock, on_poll=lambda made, _: gone if made.id == "made-1" else None)
    assert errors(desk.buy(service, "sh010")) == ["made"]
    assert phases(desk) == ["failed", "done"]
    assert len({made.client for made in service.made.values()}) == service.paid == 2


def test_a_lost_answer_of_ones_own_server_is_looked_up_before_it_is_asked_again(desk: Desk, clock: VirtualClock) -> None:
    desk.price = lambda name: Fraction(0)
    service = Own(clock, on_submit=in_turn(AnswerLost(accepted=False)))
    assert errors(desk.buy(service, "sh010")) == ["made"]
    assert (service.calls["find"], service.paid) == (3, 1)
    service = Own(clock, "another", on_submit=in_turn(AnswerLost(accepted=True)))
    assert errors(desk.buy(service, "sh020")) == ["made"]
    assert (service.calls["find"], service.paid) == (1, 1)


def test_a_server_that_forgets_all_is_given_up_after_some_attempts(desk: Desk, clock: VirtualClock) -> None:
    desk.price = lambda name: Fraction(0)
    service = Own(clock, on_poll=always(Status(state=State.GONE, word="404")))
    assert isinstance(only(desk.buy(service, "sh010")), VendorFault)
    assert service.paid == 3


def test_what_a_server_of_ones_own_lost_is_a_question_where_its_time_has_a_price(desk: Desk, clock: VirtualClock) -> None:
    service = Own(clock, on_poll=always(Status(state=State.GONE, word="404")))
    assert isinstance(only(desk.buy(service, "sh010")), FateUnknown)
    assert service.paid == 1


# --- adapters with bugs -------------------------------------------------------------------------------------------------


def test_a_bug_of_an_adapter_before_it_pays_costs_nothing(desk: Desk, clock: VirtualClock) -> None:
    def no_ratio() -> None:
        raise KeyError("ratio")

    service = Simulated(clock, before_pay=no_ratio)
    assert isinstance(only(desk.buy(service, "sh010")), KeyError)
    assert desk.journal.entries() == []
    service.before_pay = lambda: None
    assert errors(desk.buy(service, "sh010")) == ["made"]
    assert service.paid == 1


def bug(_: str) -> None:
    raise KeyError("id")


def exits(_: str) -> None:
    raise SystemExit(3)


@pytest.mark.parametrize(
    "answered",
    [
        bug,
        exits,
        lambda id_: None,
        lambda id_: "made-1",
        lambda id_: Operation(provider="simulated", id="", submitted=""),
    ],
    ids=["a bug", "an exit", "nothing", "text", "no id"],
)
def test_an_adapter_that_fails_after_it_paid_leaves_an_unknown(
    desk: Desk, clock: VirtualClock, answered: Callable[[str], Any]
) -> None:
    service = Simulated(clock, finds=Finds.NO, answered=answered)
    assert isinstance(only(desk.buy(service, "sh010")), FateUnknown)
    assert phases(desk) == ["unknown"]
    assert isinstance(only(desk.buy(service, "sh010")), FateUnknown)
    assert service.paid == 1


def test_what_an_adapter_lost_after_it_paid_is_found_again(desk: Desk, clock: VirtualClock) -> None:
    service = Simulated(clock, answered=bug)
    assert errors(desk.buy(service, "sh010")) == ["made"]
    assert service.paid == 1


@pytest.mark.parametrize("when", ["on_poll", "on_fetch"])
def test_a_vendor_fault_that_a_later_call_meets_is_no_reason_to_pay_again(
    desk: Desk, clock: VirtualClock, when: str
) -> None:
    service = Simulated(clock)
    setattr(service, when, in_turn(VendorFault("502 from a proxy")))
    assert errors(desk.buy(service, "sh010")) == ["made"]
    assert service.paid == 1


def test_a_bug_while_polling_costs_its_step_and_the_next_build_goes_on(desk: Desk, clock: VirtualClock) -> None:
    service = Simulated(clock, on_poll=in_turn(KeyError("state")))
    assert errors(desk.buy(service, "sh010")) == ["KeyError"]
    assert phases(desk) == ["submitted"]
    assert errors(desk.buy(service, "sh010")) == ["made"]
    assert service.paid == 1


# --- a service that cannot be reached, or has no time -------------------------------------------------------------------


def test_a_service_that_cannot_be_reached_is_tried_again_with_growing_pauses(desk: Desk, clock: VirtualClock) -> None:
    service = Simulated(clock, on_submit=in_turn(*[Unreachable("no route")] * 4))
    assert errors(desk.buy(service, "sh010")) == ["made"]
    gaps = [later - earlier for earlier, later in pairwise(service.starts)]
    assert all(most / 2 <= gap <= most for gap, most in zip(gaps, (2, 4, 8, 16), strict=True))
    assert phases(desk) == ["unsent"] * 4 + ["done"]


def test_a_service_that_is_never_reached_costs_nothing(desk: Desk, clock: VirtualClock) -> None:
    service = Simulated(clock, on_submit=always(Unreachable("no route")))
    assert isinstance(only(desk.buy(service, "sh010")), ProviderUnavailable)
    assert set(phases(desk)) == {"unsent"}
    assert desk.journal.owed(desk.caps[0]) == 0


def test_retry_after_pauses_the_lane_and_counts_as_no_attempt(desk: Desk, clock: VirtualClock) -> None:
    limits = [RateLimited.after(30.0, "slow down")] * 4
    service = Simulated(clock, on_submit=in_turn(*limits), on_poll=in_turn(failed(), failed()))
    ended = desk.buy(service, "sh010", "sh020", at_once=1)
    assert errors(ended) == ["made", "made"]
    gaps = [later - earlier for earlier, later in zip(service.starts[:4], service.starts[1:5], strict=True)]
    assert all(gap >= 30 for gap in gaps)
    assert service.paid == 4
    assert [event.seconds for event in heard(desk, Held)] == [30.0] * 4


def test_a_refusal_for_haste_holds_everybody_in_its_lane_and_nobody_in_another(desk: Desk, clock: VirtualClock) -> None:
    service = Simulated(clock, on_submit=in_turn(RateLimited.after(120.0, "slow down")))
    desk.begin(service, wanted("sh010"), at_once=1)
    desk.begin(service, wanted("sh020"), at_once=1)
    desk.begin(service, wanted("sh030"), at_once=1, model="m2")
    assert errors(desk.finish()) == ["made"] * 3
    began = {made.shot: made.began for made in service.made.values()}
    assert began["sh030"] == 0
    assert min(began["sh010"], began["sh020"]) == 120


def test_refusals_that_come_together_lengthen_the_pause_once(desk: Desk, clock: VirtualClock) -> None:
    service = Simulated(clock, on_submit=in_turn(*[RateLimited("slow down")] * 20))
    assert set(errors(desk.buy(service, *(f"sh{n:03}" for n in range(20)), at_once=20))) == {"made"}
    assert min(made.began for made in service.made.values()) <= 5


def test_a_service_that_only_says_later_ends_after_patience(desk: Desk, clock: VirtualClock) -> None:
    service = Simulated(clock, on_submit=always(RateLimited("slow down")))
    assert isinstance(only(desk.buy(service, "sh010", patience=600)), RateLimited)
    assert 300 <= clock.now() <= 600
    assert service.paid == 0


def test_a_daily_cap_ends_its_lane_at_once(desk: Desk, clock: VirtualClock) -> None:
    service = Simulated(clock, on_submit=in_turn(None, DailyCap.after(3600.0, "until midnight")))
    ended = desk.buy(service, *(f"sh{n:03}" for n in range(20)), at_once=1)
    assert errors(ended) == ["DailyCap"] * 19 + ["made"]
    assert (service.paid, service.calls["submit"]) == (1, 2)
    assert clock.now() < 60


@pytest.mark.parametrize("error", [OutOfFunds("empty"), KeyRefused("no")])
def test_no_funds_and_a_refused_key_close_every_lane_of_that_service_alone(
    desk: Desk, clock: VirtualClock, error: ProviderError
) -> None:
    poor, rich = Simulated(clock, name="poor", on_submit=in_turn(None, error)), Simulated(clock, name="rich")
    for number in range(10):
        desk.begin(poor, wanted(f"pa{number}"), at_once=1, model="m1")
        desk.begin(poor, wanted(f"pb{number}"), at_once=1, model="m2")
        desk.begin(rich, wanted(f"r{number}"), at_once=1)
    ended = desk.finish()
    assert (poor.paid, rich.paid) == (1, 10)
    assert poor.calls["submit"] == 2
    assert errors(ended) == sorted([type(error).__name__] * 19 + ["made"] * 11)


def test_a_lane_that_closes_lets_nobody_in_any_more(desk: Desk, clock: VirtualClock) -> None:
    service = Simulated(clock, on_submit=always(OutOfFunds("empty")))
    assert set(errors(desk.buy(service, *(f"sh{n:03}" for n in range(100)), at_once=20))) == {"OutOfFunds"}
    assert service.calls["submit"] == 20


def test_a_lane_that_closes_stops_those_whose_references_still_go_up(desk: Desk, clock: VirtualClock) -> None:
    def uploads() -> None:
        # What another thread would do meanwhile.
        while not desk.ended.empty():
            desk.operations.returned(desk.ended.get())

    service = Simulated(clock, on_submit=always(OutOfFunds("empty")), before_pay=uploads)
    assert errors(desk.buy(service, "sh010", "sh020", "sh030", at_once=3)) == ["OutOfFunds"] * 3
    assert service.calls["submit"] == 1
    assert phases(desk) == ["refused"]


def test_a_pin_that_is_gone_closes_only_its_lane(desk: Desk, clock: VirtualClock) -> None:
    service = Simulated(clock, on_submit=in_turn(PinGone("retired")))
    for number in range(5):
        desk.begin(service, wanted(f"a{number}"), at_once=1, model="m1")
        desk.begin(service, wanted(f"b{number}"), at_once=1, model="m2")
    assert errors(desk.finish()) == ["PinGone"] * 5 + ["made"] * 5
    assert {made.shot[0] for made in service.made.values()} == {"b"}


def test_a_key_that_is_refused_while_polling_loses_nothing(desk: Desk, clock: VirtualClock) -> None:
    service = Simulated(clock, on_poll=in_turn(KeyRefused("revoked")))
    assert errors(desk.buy(service, "sh010", "sh020", at_once=1)) == ["KeyRefused", "KeyRefused"]
    assert errors(desk.buy(service, "sh010", "sh020", at_once=1)) == ["made", "made"]
    assert service.paid == 2


def test_a_service_that_says_nothing_for_its_patience_is_left_and_taken_up_again(desk: Desk, clock: VirtualClock) -> None:
    service = Simulated(clock, on_poll=always(ProviderUnavailable("503")))
    error = only(desk.buy(service, "sh010", patience=1800))
    assert isinstance(error, ProviderUnavailable)
    assert 1800 <= clock.now() <= 1800 + 120
    assert service.calls["poll"] < 60
    assert phases(desk) == ["submitted"]
    service.on_poll = always(None)
    assert errors(desk.buy(service, "sh010")) == ["made"]
    assert service.paid == 1


# --- refusals and faults ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Moderated, ProviderRefused])
def test_what_is_refused_is_never_asked_again_unchanged(
    desk: Desk, clock: VirtualClock, kind: type[ProviderRefused]
) -> None:
    service = Simulated(clock, on_submit=in_turn(kind("no")))
    assert errors(desk.buy(service, "sh010")) == [kind.__name__]
    error = only(desk.buy(service, "sh010"))
    assert isinstance(error, kind)
    assert "recover retry op1" in (error.hint or "")
    assert service.calls["submit"] == 1


def test_a_take_that_moderation_refused_at_the_end_is_never_asked_again(desk: Desk, clock: VirtualClock) -> None:
    service = Simulated(clock, on_poll=always(failed(Moderated("no"))))
    assert errors(desk.buy(service, "sh010")) == ["Moderated"]
    assert errors(desk.buy(service, "sh010")) == ["Moderated"]
    assert service.paid == 1


def test_a_person_may_have_what_was_refused_asked_once_more(desk: Desk, clock: VirtualClock) -> None:
    service = Simulated(clock, on_submit=in_turn(Moderated("no")))
    desk.buy(service, "sh010")
    desk.journal.forgive(wanted("sh010").key)
    assert errors(desk.buy(service, "sh010")) == ["made"]


def test_a_vendor_fault_is_tried_again_up_to_the_attempts(desk: Desk, clock: VirtualClock) -> None:
    service = Simulated(clock, on_poll=in_turn(failed(), failed()))
    assert errors(desk.buy(service, "sh010", attempts=3)) == ["made"]
    assert phases(desk) == ["failed", "failed", "done"]
    assert len({entry.client for entry in desk.journal.entries()}) == 3


def test_a_vendor_that_always_fails_is_not_asked_by_the_next_build_until_a_person_says_so(
    desk: Desk, clock: VirtualClock
) -> None:
    service = Simulated(clock, on_poll=always(failed()))
    error = only(desk.buy(service, "sh010", attempts=3))
    assert isinstance(error, VendorFault)
    assert phases(desk) == ["failed"] * 3
    refused = only(desk.buy(service, "sh010", attempts=3))
    assert isinstance(refused, ProviderError)
    assert "3 times" in refused.message
    assert service.paid == 3
    desk.journal.forgive(wanted("sh010").key)
    service.on_poll = always(None)
    assert errors(desk.buy(service, "sh010", attempts=3)) == ["made"]
    assert service.paid == 4


def test_an_account_that_runs_dry_while_takes_run_closes_its_lanes(desk: Desk, clock: VirtualClock) -> None:
    service = Simulated(clock, on_poll=always(failed(OutOfFunds("empty"))))
    assert set(errors(desk.buy(service, "sh010", "sh020", "sh030", at_once=1))) == {"OutOfFunds"}
    assert service.paid == 1


# --- outputs ------------------------------------------------------------------------------------------------------------


def test_an_address_that_expired_is_asked_for_again(desk: Desk, clock: VirtualClock) -> None:
    service = Simulated(clock, on_fetch=in_turn(AddressExpired("403"), ProviderUnavailable("cut")))
    assert errors(desk.buy(service, "sh010")) == ["made"]
    assert (service.paid, service.calls["locate"]) == (1, 3)


def test_an_output_that_cannot_be_fetched_now_is_fetched_by_the_next_build(desk: Desk, clock: VirtualClock) -> None:
    service = Simulated(clock, on_fetch=always(ProviderUnavailable("cut")))
    assert isinstance(only(desk.buy(service, "sh010")), ProviderUnavailable)
    service.on_fetch = always(None)
    assert errors(desk.buy(service, "sh010")) == ["made"]
    assert service.paid == 1


def test_what_is_no_take_is_fetched_again_and_then_said(desk: Desk, clock: VirtualClock) -> None:
    service = Simulated(clock, on_fetch=always(BadTake("a web page")))
    assert isinstance(only(desk.buy(service, "sh010")), BadTake)
    assert phases(desk) == ["submitted"]
    assert (service.paid, service.calls["fetch"]) == (1, 3)
    service.on_fetch = always(None)
    assert errors(desk.buy(service, "sh010")) == ["made"]
    assert service.paid == 1


# --- what stands still --------------------------------------------------------------------------------------------------


def stuck(made: Made, count: int) -> Status:
    return Status(state=State.RUNNING, word="running", progress=99)


def test_a_stall_is_told_and_left_to_the_next_build(desk: Desk, clock: VirtualClock) -> None:
    service = Simulated(clock, on_poll=stuck)
    assert isinstance(only(desk.buy(service, "sh010", stall_after=900)), ProviderUnavailable)
    assert 900 <= clock.now() <= 910
    assert len(heard(desk, Stalled)) == 1
    assert phases(desk) == ["submitted"]
    service.on_poll = always(None)
    assert errors(desk.buy(service, "sh010")) == ["made"]
    assert service.paid == 1


def test_a_stall_that_may_wait_is_told_once(desk: Desk, clock: VirtualClock) -> None:
    service = Simulated(clock, lasts=lambda: 5000.0)
    service.on_poll = lambda made, count: stuck(made, count) if clock.now() < 5000 else None
    assert errors(desk.buy(service, "sh010", stall_after=900, on_stall="wait")) == ["made"]
    assert len(heard(desk, Stalled)) == 1
    assert service.paid == 1


def test_a_stall_that_is_cancelled_is_a_new_attempt(desk: Desk, clock: VirtualClock) -> None:
    service = Simulated(clock, on_poll=lambda made, count: stuck(made, count) if made.id == "made-1" else None)
    assert errors(desk.buy(service, "sh010", stall_after=900, on_stall="cancel")) == ["made"]
    assert phases(desk) == ["failed", "done"]
    assert [made.over for made in service.made.values()] == [True, True]


def test_a_stall_that_cannot_be_cancelled_is_left(desk: Desk, clock: VirtualClock) -> None:
    service = Simulated(clock, on_poll=stuck, on_cancel=always(False))
    assert isinstance(only(desk.buy(service, "sh010", stall_after=900, on_stall="cancel")), ProviderUnavailable)
    assert phases(desk) == ["submitted"]
    assert service.paid == 1


def test_what_was_cancelled_elsewhere_is_said_and_may_be_asked_again(desk: Desk, clock: VirtualClock) -> None:
    service = Simulated(clock, on_poll=in_turn(Status(state=State.CANCELLED, word="cancelled")))
    assert "was cancelled" in str(only(desk.buy(service, "sh010")))
    assert (phases(desk), desk.journal.entries()[0].kind) == (["failed"], "TakenBack")
    assert errors(desk.buy(service, "sh010")) == ["made"]


def test_a_service_that_cancels_by_itself_is_not_paid_again_for_ever(desk: Desk, clock: VirtualClock) -> None:
    service = Simulated(clock, on_poll=lambda *_: Status(state=State.CANCELLED, word="cancelled"))
    for _ in range(5):
        desk.buy(service, "sh010", attempts=3)
    assert service.paid == 3


# --- who goes first -----------------------------------------------------------------------------------------------------


def test_a_higher_priority_goes_first(desk: Desk, clock: VirtualClock) -> None:
    service = Simulated(clock)
    for number in range(10):
        desk.begin(service, wanted(f"later{number}"), at_once=1)
    desk.begin(service, wanted("urgent"), at_once=1, priority=5)
    desk.finish()
    assert [made.shot for made in service.made.values()].index("urgent") <= 1


def test_two_sequences_share_a_lane_evenly(desk: Desk, clock: VirtualClock) -> None:
    service = Simulated(clock)
    for number in range(100):
        desk.begin(service, wanted(f"long{number}"), at_once=2, sequence="long")
    for number in range(10):
        desk.begin(service, wanted(f"short{number}"), at_once=2, sequence="short")
    desk.finish()
    order = [made.shot.rstrip("0123456789") for made in service.made.values()]
    assert order[:22].count("short") >= 9
    assert len(order) == 110


def test_a_sequence_that_comes_late_does_not_stop_the_others(desk: Desk, clock: VirtualClock) -> None:
    service = Simulated(clock)
    for number in range(60):
        desk.begin(service, wanted(f"long{number}"), at_once=1, sequence="long")
    desk.finish(until=300)
    before = service.paid
    for number in range(20):
        desk.begin(service, wanted(f"late{number}"), at_once=1, sequence="late")
    desk.finish()
    order = [made.shot.rstrip("0123456789") for made in service.made.values()][before:]
    assert 8 <= order[:20].count("late") <= 12


def test_no_minute_has_more_submits_than_allowed(desk: Desk, clock: VirtualClock) -> None:
    limits = [None] * 15 + [RateLimited.after(7.0, "slow down"), Unreachable("no route")]
    service = Simulated(clock, on_submit=in_turn(*limits))
    assert set(errors(desk.buy(service, *(f"sh{n:03}" for n in range(60)), at_once=40, per_minute=10))) == {"made"}
    most = max(sum(1 for other in service.starts if start <= other < start + 60) for start in service.starts)
    assert most == 10
    assert service.starts[-1] <= 61 * 6 + 30


def test_no_more_are_under_way_than_allowed(desk: Desk, clock: VirtualClock) -> None:
    lengths = deque(3.0 + number % 17 for number in range(200))
    service = Simulated(clock, lasts=lengths.popleft, limit=7)
    assert set(errors(desk.buy(service, *(f"sh{n:03}" for n in range(100)), at_once=7))) == {"made"}
    assert (service.most, service.full) == (7, 0)


def test_operations_of_an_earlier_build_take_their_place_in_the_lane(desk: Desk, clock: VirtualClock) -> None:
    service = Simulated(clock, lasts=lambda: 100.0, limit=4)
    for number in range(4):
        desk.begin(service, wanted(f"old{number}"), at_once=4)
    desk.finish(until=20)
    desk.operations.stop()
    desk.held.clear()
    assert service.paid == 4
    intents = service.calls["submit"]
    ended = desk.buy(service, *(f"new{n}" for n in range(8)), *(f"old{n}" for n in range(4)), at_once=4)
    assert errors(ended) == ["made"] * 12
    assert (service.most, service.full, service.paid) == (4, 0, 12)
    assert service.calls["submit"] == intents + 8


def test_a_lane_that_another_build_fills_is_looked_at_now_and_then(desk: Desk, clock: VirtualClock) -> None:
    service = Simulated(clock, lasts=lambda: 100.0, limit=4)
    for number in range(4):
        desk.begin(service, wanted(f"old{number}"), at_once=4)
    desk.finish(until=20)
    asked = 0

    def counted() -> None:
        nonlocal asked
        asked += 1

    service.before_pay = counted
    mine, theirs = desk.operations, desk.ended
    desk.opened()
    for number in range(50):
        desk.begin(service, wanted(f"new{number}"), at_once=4)
    assert desk.finish(until=80) == []
    assert asked < 200, "each of these would have uploaded its references"
    other, desk.operations, desk.ended = (desk.operations, desk.ended), mine, theirs
    assert errors(desk.finish()) == ["made"] * 4
    desk.operations, desk.ended = other
    assert errors(desk.finish()) == ["made"] * 50
    assert (service.most, service.full, service.paid) == (4, 0, 54)


# --- money --------------------------------------------------------------------------------------------------------------


def test_what_could_pass_the_limit_fails_alone_and_what_is_cheaper_goes_on(tmp_path: Path, clock: VirtualClock) -> None:
    caps = (Cap(of="the budget", limit=Money(Fraction(10), "USD")),)
    price = {"dear": Fraction(8), "cheap": Fraction(1)}
    desk = Desk(tmp_path / "project", clock, price=lambda name: price[name[:-1].rstrip("0")], caps=caps)
    service = Simulated(clock)
    ended = desk.buy(service, "cheap1", "dear1", "dear2", "cheap2")
    assert errors(ended) == ["LimitReached", "made", "made", "made"]
    assert [each.purchase.wanted.step.shots[0] for each in ended if isinstance(each.error, LimitReached)] == ["dear2"]
    assert (service.paid, desk.journal.owed(caps[0])) == (3, Fraction(10))


def test_new_attempts_count_against_the_limit(tmp_path: Path, clock: VirtualClock) -> None:
    caps = (Cap(of="the budget", limit=Money(Fraction(2), "USD")),)
    desk = Desk(tmp_path / "project", clock, caps=caps)
    service = Simulated(clock, on_poll=always(failed()))
    assert isinstance(only(desk.buy(service, "sh010", attempts=5)), LimitReached)
    assert service.paid == 2


# --- stopping -----------------------------------------------------------------------------------------------------------


def test_a_stop_submits_nothing_more_and_the_next_build_finishes_without_paying_again(
    desk: Desk, clock: VirtualClock
) -> None:
    service = Simulated(clock, lasts=lambda: 50.0)
    names = [f"sh{n:03}" for n in range(30)]
    for name in names:
        desk.begin(service, wanted(name), at_once=5)
    desk.finish(until=120)
    before = service.paid
    assert 0 < before < 30
    desk.stopped = True
    desk.operations.stop()
    assert not desk.operations.open
    assert desk.operations.due() is None
    assert desk.operations.turn() == []
    assert service.paid == before
    open_ = desk.journal.unfinished()
    assert {entry.phase for entry in open_} == {Phase.SUBMITTED}
    assert {entry.operation.id for entry in open_ if entry.operation} == service.going
    assert desk.held == set()
    desk.stopped = False
    assert set(errors(desk.buy(service, *names, at_once=5))) == {"made"}
    assert service.paid == 30


def test_calls_that_end_after_a_stop_change_nothing(desk: Desk, clock: VirtualClock) -> None:
    service = Simulated(clock)
    desk.begin(service, wanted("sh010"))
    future = desk.ended.get_nowait()
    desk.operations.stop()
    assert desk.operations.owns(future)
    desk.operations.returned(future)
    assert not desk.operations.open
    assert not desk.operations.calling
    assert service.paid == 0


def test_a_build_that_is_being_stopped_asks_for_nothing(desk: Desk, clock: VirtualClock) -> None:
    service = Simulated(clock)
    desk.stopped = True
    assert errors(desk.buy(service, "sh010", "sh020")) == ["Cancelled", "Cancelled"]
    assert service.paid == 0


def test_terms_without_attempts_finish_what_is_under_way_and_ask_for_nothing(desk: Desk, clock: VirtualClock) -> None:
    service = Simulated(clock, lasts=lambda: 100.0)
    desk.begin(service, wanted("sh010"))
    desk.finish(until=10)
    desk.operations.stop()
    ended = desk.buy(service, "sh010", "sh020", attempts=0)
    assert errors(ended) == ["ProviderError", "made"]
    assert service.paid == 1


# --- what a review found ------------------------------------------------------------------------------------------------


def test_the_journal_takes_one_open_attempt_at_an_action(desk: Desk, clock: VirtualClock) -> None:
    service = Simulated(clock, lasts=lambda _: 1000.0)
    desk.begin(service, wanted("sh010"), stall_after=10, on_stall="leave")
    desk.finish()
    entry = desk.journal.unfinished()[0]
    again = Intent(
        action=entry.action, wanted=entry.wanted, step="x", shot="x", sequences=(), provider="x", model="x", client="other",
        build="other", sent="{}", price=entry.price, at_once=None,
    )  # fmt: skip
    with pytest.raises(FateUnknown, match="is asked for already, as op1"):
        desk.journal.reserve(again, ())


def test_a_stop_while_references_go_up_pays_for_nothing(desk: Desk, clock: VirtualClock) -> None:
    service = Simulated(clock)
    submit = service.submit

    def uploading(request: Request, http: Any) -> Any:
        desk.stopped = True
        return submit(request, http)

    service.submit = uploading  # type: ignore[method-assign]
    assert errors(desk.buy(service, "sh010")) == ["Cancelled"]
    assert (service.paid, phases(desk)) == (0, [])


def test_what_was_paid_for_and_is_no_longer_here_is_not_bought_again(desk: Desk, clock: VirtualClock) -> None:
    service = Simulated(clock)
    desk.buy(service, "sh010")
    desk.kept.clear()
    desk.missing = True
    assert "was paid for as op1" in str(only(desk.buy(service, "sh010")))
    assert service.paid == 1
    desk.journal.forgive(wanted("sh010").key)
    assert errors(desk.buy(service, "sh010")) == ["made"]
    assert service.paid == 2


def test_a_charge_that_is_told_while_it_runs_frees_nothing(desk: Desk, clock: VirtualClock) -> None:
    free = Price(amount=Fraction(0), currency="USD", exact=True)
    service = Simulated(clock, lasts=lambda _: 100.0, on_poll=lambda *_: Status(state=State.RUNNING, word="x", charged=free))
    desk.begin(service, wanted("sh010"))
    desk.finish(until=clock.now() + 20)
    assert desk.journal.owed(Cap(of="all", limit=Money(Fraction(9), "USD"))) == 1


def test_an_outage_leaves_few_questions(desk: Desk, clock: VirtualClock) -> None:
    lost = FateUnknown("the answer was lost")
    service = Simulated(clock, finds=Finds.NO, on_submit=lambda *_: lost)
    ended = desk.buy(service, *[f"sh{number:03d}" for number in range(40)], at_once=1)
    assert errors(ended).count("FateUnknown") == LOST_IN_A_ROW
    assert len(desk.journal.entries()) == LOST_IN_A_ROW


def test_a_wait_of_a_day_ends_the_lane_and_not_the_day(desk: Desk, clock: VirtualClock) -> None:
    service = Simulated(clock, on_submit=lambda *_: RateLimited.after(86400.0, "tomorrow"))
    ended = desk.buy(service, *[f"sh{number:03d}" for number in range(10)], at_once=2)
    assert errors(ended) == ["RateLimited"] * 10
    assert clock.now() < 3600


def test_a_service_that_says_at_once_is_not_asked_for_ever(desk: Desk, clock: VirtualClock) -> None:
    service = Simulated(clock, on_submit=lambda *_: RateLimited.after(0.0, "now"))
    desk.buy(service, "sh010", patience=60)
    assert service.calls["submit"] <= 62
