"""Who is let in, and when: rules alone, without a service."""

import pytest

from shotbuild.engine.lanes import CROWDED, FIRST_PAUSE, LONGEST_PAUSE, Lane, LaneRules, Lanes
from shotbuild.errors import OutOfFunds

INFINITY = float("inf")


def rules(model: str = "m1", at_once: int | None = None, per_minute: int | None = None, provider: str = "p") -> LaneRules:
    return LaneRules(provider=provider, model=model, at_once=at_once, per_minute=per_minute)


def filled(lane: Lane[str], *askers: str, sequence: str = "") -> Lane[str]:
    for asker in askers:
        lane.join(asker, 0, sequence)
    return lane


def let_in(lane: Lane[str], now: float = 0) -> list[str]:
    found = []
    while (asker := lane.admit(now)) is not None:
        found.append(asker)
    return found


def test_as_many_are_in_at_once_as_the_rules_say() -> None:
    lane = filled(Lane(rules(at_once=2)), "a", "b", "c")
    assert let_in(lane) == ["a", "b"]
    assert lane.opens(0) == INFINITY
    lane.leave(unused=True)
    assert let_in(lane) == ["c"]


def test_who_was_let_in_by_an_earlier_build_takes_a_place() -> None:
    lane = filled(Lane(rules(at_once=2)), "a", "b", "c")
    lane.take()
    assert let_in(lane) == ["a"]


def test_who_is_about_to_submit_counts_for_the_minute() -> None:
    lane = filled(Lane(rules(per_minute=2)), *"abcd")
    assert let_in(lane) == ["a", "b"]
    assert lane.opens(0) == INFINITY
    lane.started(5)
    lane.started(3)
    assert lane.opens(10) == 63
    assert let_in(lane, 63) == ["c"]
    lane.started(63)
    assert lane.opens(63) == 65


def test_what_never_left_gives_its_start_back() -> None:
    lane = filled(Lane(rules(per_minute=1)), "a", "b")
    assert let_in(lane) == ["a"]
    lane.leave(unused=True)
    assert let_in(lane) == ["b"]


def test_the_highest_priority_is_let_in_first() -> None:
    lane: Lane[str] = Lane(rules())
    for asker, priority in (("low", -1), ("plain", 0), ("high", 7)):
        lane.join(asker, priority, "")
    assert let_in(lane) == ["high", "plain", "low"]


def test_sequences_take_turns() -> None:
    lane = filled(filled(Lane(rules()), *"abcd", sequence="one"), *"xy", sequence="two")
    assert let_in(lane) == ["a", "x", "b", "y", "c", "d"]


def test_who_comes_back_stands_first_and_is_not_counted_twice() -> None:
    lane = filled(filled(Lane(rules(at_once=1)), *"ab", sequence="one"), *"xy", sequence="two")
    assert lane.admit(0) == "a"
    lane.leave(unused=False)
    lane.join("a", 0, "one", first=True)
    lane.rules = rules()
    assert let_in(lane) == ["a", "x", "b", "y"]


def test_refusals_that_come_together_are_one_and_later_ones_pause_longer() -> None:
    lane: Lane[str] = Lane(rules())
    assert [lane.hold(0, None) for _ in range(5)] == [FIRST_PAUSE] * 5
    now, pauses = FIRST_PAUSE, []
    for _ in range(8):
        until = lane.hold(now, None)
        pauses.append(until - now)
        now = until
    assert pauses == [4, 8, 16, 32, 64, LONGEST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE]
    lane.accepted(now)
    assert lane.hold(now, None) - now == FIRST_PAUSE


def test_a_pause_that_the_service_names_is_kept_and_never_shortened() -> None:
    lane = filled(Lane(rules()), "a")
    assert lane.hold(0, 30) == 30
    assert lane.hold(1, 5) == 30
    assert let_in(lane, 29) == []
    assert let_in(lane, 30) == ["a"]


def test_a_lane_that_others_fill_is_tried_by_one_at_a_time() -> None:
    lane = filled(Lane(rules(at_once=10)), *"abcdef")
    lane.crowded(0)
    assert let_in(lane, 1) == []
    assert let_in(lane, CROWDED) == ["a"]
    assert let_in(lane, 2 * CROWDED) == ["b"]
    lane.accepted(2 * CROWDED)
    assert let_in(lane, 3 * CROWDED) == ["c", "d", "e", "f"]


@pytest.mark.parametrize(("service", "left"), [(True, {"p": 0, "q": 1}), (False, {"p": 1, "q": 1})])
def test_what_closes_a_service_closes_all_its_lanes_also_later_ones(service: bool, left: dict[str, int]) -> None:
    lanes: Lanes[str] = Lanes()
    for model, provider in (("m1", "p"), ("m2", "p"), ("m1", "q")):
        filled(lanes.of(rules(model, provider=provider)), f"{provider}/{model}")
    error = OutOfFunds("empty")
    assert "p/m1" in lanes.close(rules("m1"), error, service=service)
    waiting = [asker.partition("/")[0] for _, asker in lanes.admitted(0)]
    assert {name: waiting.count(name) for name in left} == left
    assert (lanes.of(rules("m3")).closed is error) is service
    assert lanes.of(rules("m3", provider="q")).closed is None
