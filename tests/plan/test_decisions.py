"""What decisions come to: the rules, one by one. `tests/random/test_decisions.py` tries them on random histories."""

import pytest

from shotbuild.plan.decisions import History, settle
from shotbuild.records import APPROVE, NOTE, PICK, REJECT, REOPEN, RESTORE, ShotState
from tests.takes import Branch, events_of, id_of, said_text, state_of, take_text, video


@pytest.fixture
def base() -> Branch:
    """A ledger with two takes."""
    branch = Branch()
    branch.take("one", number=1)
    branch.take("two", number=2, ordinal=2)
    return branch


def approved(state: ShotState) -> set[str | None]:
    return {each.video for each in state.approvals}


def picked(state: ShotState) -> set[str | None]:
    return {each.video for each in state.picks}


def test_nothing_comes_to_nothing() -> None:
    assert settle(()) == ShotState()


def test_takes_alone_are_numbered_and_undecided(base: Branch) -> None:
    state = state_of(reversed(base.lines))
    assert [take.number for take in state.takes] == [1, 2]
    assert (state.approvals, state.picks, state.rejections, state.conflict) == ((), (), (), ())
    assert state.heads == base.heads


def test_a_number_given_twice_is_ordered_by_time_then_bytes() -> None:
    lines = [take_text(name, at=f"2026-07-1{day}T00:00:00Z") for name, day in (("late", 4), ("early", 3), ("a", 4))]
    found = [take.video.sha256 for take in state_of(lines).takes]
    assert found[0] == video("early")
    assert found[1:] == sorted([video("late"), video("a")])
    assert [take.video.sha256 for take in state_of(reversed(lines)).takes] == found


def test_a_later_approval_of_another_take_replaces_the_first(base: Branch) -> None:
    base.say(APPROVE, "one", role="director")
    base.say(APPROVE, "one", role="client")
    assert {each.role for each in base.state.approvals} == {"director", "client"}
    base.say(APPROVE, "two", role="director")
    assert approved(base.state) == {video("two")}
    assert [each.role for each in base.state.approvals] == ["director"]


def test_a_later_pick_replaces_the_first(base: Branch) -> None:
    base.say(PICK, "one")
    base.say(PICK, "two")
    assert picked(base.state) == {video("two")}


def test_two_picks_on_two_branches_are_no_conflict(base: Branch) -> None:
    other = base.copy()
    base.say(PICK, "one")
    other.say(PICK, "two")
    state = base.merge(other).state
    assert picked(state) == {video("one"), video("two")}
    assert state.conflict == ()


def test_a_pick_does_not_take_an_approval_back(base: Branch) -> None:
    base.say(APPROVE, "one")
    base.say(PICK, "two")
    assert approved(base.state) == {video("one")}


def test_rejecting_takes_back_the_approval_and_the_pick_of_that_take_alone(base: Branch) -> None:
    base.say(PICK, "one")
    base.say(APPROVE, "two")
    base.say(REJECT, "one", why="hand")
    assert (approved(base.state), picked(base.state)) == ({video("two")}, set())
    base.say(REJECT, "two", why="hand")
    assert approved(base.state) == set()
    assert base.state.rejected == {video("one"), video("two")}


@pytest.mark.parametrize("kind", [APPROVE, PICK])
def test_choosing_a_rejected_take_takes_the_rejection_back(base: Branch, kind: str) -> None:
    base.say(REJECT, "one", why="hand")
    base.say(REJECT, "two", why="hand")
    base.say(kind, "one")
    assert base.state.rejected == {video("two")}


def test_reopening_keeps_rejections_and_notes(base: Branch) -> None:
    base.say(APPROVE, "one")
    base.say(PICK, "one")
    base.say(REJECT, "two", why="hand")
    base.say(NOTE, "one", why="warm")
    base.say(REOPEN)
    state = base.state
    assert (state.approvals, state.picks) == ((), ())
    assert state.rejected == {video("two")}
    assert [note.why for note in state.notes] == ["warm"]


def test_approving_and_rejecting_one_take_on_two_branches_is_a_conflict(base: Branch) -> None:
    other = base.copy()
    yes, no = base.say(APPROVE, "one"), other.say(REJECT, "one", why="hand")
    assert {each.id for each in base.merge(other).state.conflict} == {yes, no}
    base.say(REJECT, "one", why="seen both")
    assert base.state.conflict == ()


def test_approving_one_take_and_rejecting_another_on_two_branches_is_none(base: Branch) -> None:
    other = base.copy()
    base.say(APPROVE, "one")
    other.say(REJECT, "two", why="hand")
    assert base.merge(other).state.conflict == ()


def test_rejecting_on_two_branches_is_no_conflict(base: Branch) -> None:
    other = base.copy()
    base.say(REJECT, "one", why="hand")
    other.say(REJECT, "one", why="foot")
    assert base.merge(other).state.conflict == ()


def test_approvals_of_three_branches_are_all_named(base: Branch) -> None:
    base.take("three", number=3, ordinal=3)
    branches = [base.copy() for _ in range(3)]
    ids = {branch.say(APPROVE, name) for branch, name in zip(branches, ("one", "two", "three"), strict=True)}
    for branch in branches:
        base.merge(branch)
    assert {each.id for each in base.state.conflict} == ids


def test_an_approval_that_knew_only_one_side_leaves_the_conflict(base: Branch) -> None:
    other, late = base.copy(), base.copy()
    base.say(APPROVE, "one")
    other.say(APPROVE, "two")
    late.merge(base).say(APPROVE, "one", role="client")
    assert approved(late.merge(other).state) == {video("one"), video("two")}
    assert len(late.state.conflict) == 3


def test_of_two_people_who_decide_a_conflict_alike_neither_is_asked_again(base: Branch) -> None:
    other = base.copy()
    base.say(APPROVE, "one")
    other.say(APPROVE, "two")
    base.merge(other)
    again = base.copy()
    base.say(APPROVE, "two", role="director")
    again.say(APPROVE, "two", role="client")
    assert base.merge(again).state.conflict == ()


def test_restoring_to_before_an_approval_takes_it_back(base: Branch) -> None:
    then = base.heads
    base.say(APPROVE, "one")
    base.say(RESTORE, of=then)
    assert base.state.approvals == ()


def test_restoring_brings_back_who_approved_and_why(base: Branch) -> None:
    base.say(APPROVE, "one", role="director", why="the light")
    then, before = base.heads, base.state.approvals
    base.say(REOPEN)
    base.say(APPROVE, "two")
    base.say(RESTORE, of=then)
    assert base.state.approvals == before


def test_restoring_a_take_that_nobody_had_chosen_picks_it(base: Branch) -> None:
    then = base.heads
    base.say(APPROVE, "two")
    base.say(RESTORE, "one", of=then)
    assert (approved(base.state), picked(base.state)) == (set(), {video("one")})
    base.say(REOPEN)
    assert picked(base.state) == set()


def test_restoring_on_two_branches_to_different_approvals_is_a_conflict(base: Branch) -> None:
    base.say(APPROVE, "one")
    first = base.heads
    base.say(APPROVE, "two")
    second, other = base.heads, base.copy()
    base.say(RESTORE, of=first)
    other.say(RESTORE, of=second)
    assert {each.video for each in base.merge(other).state.conflict} == {video("one"), video("two")}


def test_restoring_does_not_take_back_what_another_branch_said_meanwhile(base: Branch) -> None:
    then, other = base.heads, base.copy()
    base.say(PICK, "two")
    base.say(RESTORE, of=then)
    other.say(APPROVE, "two")
    assert approved(base.merge(other).state) == {video("two")}
    assert base.state.conflict == ()


def test_clocks_do_not_say_what_is_later(base: Branch) -> None:
    base.say(APPROVE, "one", at="2026-07-14T12:00:00Z")
    base.say(APPROVE, "two", at="2020-01-01T00:00:00Z")
    assert approved(base.state) == {video("two")}


def test_notes_stand_in_the_order_of_time(base: Branch) -> None:
    other = base.copy()
    base.say(NOTE, "one", why="second", at="2026-07-14T12:00:02Z")
    other.say(NOTE, "one", why="first", at="2026-07-14T12:00:01Z")
    assert [note.why for note in base.merge(other).state.notes] == ["first", "second"]


def test_unknown_events_are_kept_and_heads_follow_them(base: Branch) -> None:
    name = base.add_unknown(stars=5)
    assert [event.kind for event in base.state.unknown] == ["star"]
    assert base.state.heads == (name,)


def test_the_past_of_an_event_is_what_its_branch_knew(base: Branch) -> None:
    other = base.copy()
    ours, theirs = base.say(APPROVE, "one"), other.say(APPROVE, "two")
    both = base.merge(other).say(NOTE, "one", why="seen both")
    history = History(events_of(base.lines))
    assert history.follows(both, ours)
    assert history.follows(both, theirs)
    assert not history.follows(ours, theirs)
    assert not history.follows(ours, ours)
    assert {event.id for event in history.up_to([ours])} == {ours, *(id_of(line) for line in base.lines[:2])}
    assert history.up_to(["0" * 16]) == ()


def test_events_that_follow_nothing_were_written_apart() -> None:
    lines = [
        take_text("one"),
        take_text("two", number=2),
        said_text(APPROVE, of_take="one"),
        said_text(APPROVE, of_take="two"),
    ]
    state = state_of(lines)
    assert len(state.conflict) == 2
    assert len(state.heads) == 4
