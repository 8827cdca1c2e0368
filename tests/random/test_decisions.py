"""Random histories on several branches: any order of the same events comes to the same, and each rule of decisions holds."""

from collections.abc import Iterable

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shotbuild.plan.decisions import History, settle
from shotbuild.records import APPROVE, NOTE, PICK, REJECT, REOPEN, RESTORE, Decision, ShotState
from tests.takes import Branch, events_of, id_of, state_of, video

RANDOM = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
NAMES = ("one", "two", "three")
TIMES = ("2026-07-14T12:00:00Z", "2026-07-14T12:00:01Z", "2026-07-13T09:00:00Z")
"""Clocks differ, and go backwards: order comes from what follows what."""

names = st.sampled_from(NAMES)
times = st.sampled_from(TIMES)


def started() -> Branch:
    branch = Branch()
    for number, name in enumerate(NAMES, start=1):
        branch.take(name, number=number)
    return branch


def act(draw: st.DrawFn, branch: Branch) -> None:
    """One thing that a person does on a branch."""
    kind = draw(st.sampled_from(("take", PICK, APPROVE, APPROVE, REJECT, REOPEN, NOTE, RESTORE, "unknown")))
    at = draw(times)
    if kind == "take":
        branch.take(draw(st.text("abc", min_size=1, max_size=2)), number=draw(st.integers(1, 5)), at=at)
    elif kind == "unknown":
        branch.add_unknown(said=draw(st.integers(0, 3)))
    elif kind == RESTORE:
        ids = st.sampled_from([id_of(line) for line in branch.lines])
        left = draw(st.none() | names)
        branch.say(RESTORE, left, of=tuple(sorted(draw(st.sets(ids, min_size=1, max_size=2)))), at=at)
    elif kind == REOPEN:
        branch.say(REOPEN, at=at)
    elif kind == NOTE:
        branch.say(NOTE, draw(st.none() | names), why=draw(st.sampled_from(["warm", "cold"])), at=at)
    else:
        role = draw(st.sampled_from([None, "director", "client"])) if kind == APPROVE else None
        branch.say(kind, draw(names), why="so", role=role, at=at)


@st.composite
def histories(draw: st.DrawFn) -> list[Branch]:
    """One to three branches that began alike, went on apart, and took each other in now and then."""
    branches = [started()]
    for _ in range(draw(st.integers(1, 14))):
        branch = branches[draw(st.integers(0, len(branches) - 1))]
        what = draw(st.sampled_from(["act", "act", "act", "fork", "merge"]))
        if what == "fork" and len(branches) < 3:
            branches.append(branch.copy())
        elif what == "merge":
            branch.merge(branches[draw(st.integers(0, len(branches) - 1))])
        else:
            act(draw, branch)
    return branches


@st.composite
def linear(draw: st.DrawFn) -> Branch:
    branch = started()
    for _ in range(draw(st.integers(0, 10))):
        act(draw, branch)
    return branch


def merged(branches: Iterable[Branch]) -> Branch:
    whole = Branch()
    for branch in branches:
        whole.merge(branch)
    return whole


def in_force(state: ShotState) -> tuple[set[str], ...]:
    return tuple({each.id for each in kind} for kind in (state.approvals, state.picks, state.rejections))


def disputes(state: ShotState) -> tuple[object, ...]:
    return state.approvals, state.picks, state.conflict


@RANDOM
@given(histories(), st.data())
def test_any_order_of_the_same_lines_comes_to_the_same(branches: list[Branch], data: st.DataObject) -> None:
    lines = merged(branches).lines
    again = data.draw(st.lists(st.sampled_from(lines), max_size=5))
    mixed = data.draw(st.permutations([*lines, *again]))
    assert state_of(mixed) == state_of(lines)


@RANDOM
@given(histories(), st.data())
def test_branches_may_be_merged_in_any_order(branches: list[Branch], data: st.DataObject) -> None:
    order = data.draw(st.permutations(branches))
    whole = merged(branches)
    assert merged(order).state == whole.state
    assert merged(order).heads == whole.heads == whole.state.heads


@RANDOM
@given(histories(), st.lists(st.sampled_from(["take", NOTE, "unknown"]), min_size=1, max_size=4))
def test_takes_notes_and_unknown_events_change_no_decision(branches: list[Branch], more: list[str]) -> None:
    whole = merged(branches)
    before = whole.state
    for index, kind in enumerate(more):
        if kind == "take":
            whole.take(f"new {index}", number=9)
        elif kind == NOTE:
            whole.say(NOTE, "one", why="later")
        else:
            whole.add_unknown(index=index)
    after = whole.state
    assert disputes(after) == disputes(before)
    assert after.rejections == before.rejections


@RANDOM
@given(linear())
def test_a_history_without_branches_has_no_conflict(branch: Branch) -> None:
    state = branch.state
    assert state.conflict == ()
    assert len({each.video for each in state.approvals}) <= 1


@RANDOM
@given(linear())
def test_every_beginning_of_a_history_without_branches_has_one_head(branch: Branch) -> None:
    for length in range(1, len(branch.lines) + 1):
        assert state_of(branch.lines[:length]).heads == (id_of(branch.lines[length - 1]),)


@RANDOM
@given(linear(), st.lists(times, min_size=2, max_size=2), st.data())
def test_concurrent_approvals_of_different_takes_conflict_until_a_person_decides(
    base: Branch, at: list[str], data: st.DataObject
) -> None:
    ours, theirs = base.copy(), base.copy()
    before = base.heads
    ours.say(APPROVE, "one", at=at[0])
    theirs.say(APPROVE, "two", at=at[1])
    for branch in (ours, theirs):
        for _ in range(data.draw(st.integers(0, 2))):
            branch.say(NOTE, "one", why=str(data.draw(st.integers(0, 99))))
    ours.merge(theirs)
    state = ours.state
    assert {each.video for each in state.conflict if each.kind == APPROVE} == {video("one"), video("two")}
    way = data.draw(st.sampled_from([APPROVE, "third", REOPEN, RESTORE]))
    if way == REOPEN:
        ours.say(REOPEN)
        assert not ours.state.approvals
    elif way == RESTORE:
        ours.say(RESTORE, of=before)
        assert in_force(ours.state) == in_force(base.state)
    else:
        name = "one" if way == APPROVE else "three"
        ours.say(APPROVE, name)
        assert {each.video for each in ours.state.approvals} == {video(name)}
    assert ours.state.conflict == ()


@RANDOM
@given(linear(), st.integers(2, 4))
def test_concurrent_approvals_of_the_same_take_agree(base: Branch, people: int) -> None:
    branches = [base.copy() for _ in range(people)]
    for index, branch in enumerate(branches):
        branch.say(APPROVE, "one", role=f"role {index}")
    state = merged(branches).state
    assert state.conflict == ()
    assert {each.role for each in state.approvals} >= {f"role {index}" for index in range(people)}


@RANDOM
@given(linear(), names, st.sampled_from([APPROVE, PICK]))
def test_reopening_takes_back_what_it_follows_and_nothing_else(base: Branch, name: str, kind: str) -> None:
    base.say(kind, name)
    ours, theirs = base.copy(), base.copy()
    ours.say(REOPEN)
    assert (ours.state.approvals, ours.state.picks) == ((), ())
    assert ours.state.rejections == base.state.rejections
    unknown_to_us = theirs.say(kind, name, role="client")
    state = ours.merge(theirs).state
    assert [each.id for each in (*state.approvals, *state.picks)] == [unknown_to_us]


@RANDOM
@given(histories(), st.data())
def test_restoring_gives_what_was_in_force_then_and_restoring_again_returns(
    branches: list[Branch], data: st.DataObject
) -> None:
    ours = merged(branches)
    then = data.draw(st.sampled_from(branches))
    now = ours.copy()
    ours.say(RESTORE, of=then.state.heads)
    assert in_force(ours.state) == in_force(then.state)
    assert {each.video for each in ours.state.conflict} == {each.video for each in then.state.conflict}
    middle = ours.copy()
    ours.say(RESTORE, of=now.heads)
    assert in_force(ours.state) == in_force(now.state)
    ours.say(RESTORE, of=middle.heads)
    assert in_force(ours.state) == in_force(then.state)


@RANDOM
@given(histories(), st.sampled_from([APPROVE, PICK, REJECT]))
def test_a_decision_follows_through_an_unknown_event(branches: list[Branch], kind: str) -> None:
    plain, through = merged(branches), merged(branches)
    plain.say(kind, "one", why="last")
    through.add_unknown(said="between")
    through.say(kind, "one", why="last")

    def said(state: ShotState) -> list[str]:
        found = (*state.approvals, *state.picks, *state.rejections, *state.notes, *state.conflict)
        return sorted(repr((each.kind, each.video, each.role, each.why, each.at, each.of)) for each in found)

    assert said(through.state) == said(plain.state)
    assert through.state.takes == plain.state.takes
    assert len(through.state.unknown) == len(plain.state.unknown) + 1


@RANDOM
@given(histories())
def test_what_is_in_force_was_written_and_is_followed_by_nothing_that_contradicts_it(branches: list[Branch]) -> None:
    whole = merged(branches)
    events = events_of(whole.lines)
    history = History(events)
    state = settle(events)
    restored = any(isinstance(event, Decision) and event.kind == RESTORE for event in events)
    for approval in state.approvals:
        later = [event for event in events if isinstance(event, Decision) and history.follows(event.id, approval.id)]
        against = [
            event
            for event in later
            if event.kind == REOPEN
            or (event.kind == APPROVE and event.video != approval.video)
            or (event.kind == REJECT and event.video == approval.video)
        ]
        assert restored or not against


@settings(max_examples=3, deadline=None)
@given(st.integers(0, 2))
def test_long_histories_settle(kind: int) -> None:
    branch = started()
    for index in range(2000):
        name = NAMES[index % 3]
        if kind == 0:
            branch.say(APPROVE, name, why=str(index))
        elif kind == 1:
            branch.say((PICK, NOTE, REJECT, REOPEN)[index % 4], name, why=str(index))
        elif index % 20 == 19:
            branch.say(RESTORE, of=(id_of(branch.lines[index // 2]),))
        else:
            branch.say(APPROVE, name, why=str(index))
    state = state_of(reversed(branch.lines))
    assert state.conflict == ()
    assert state.heads == branch.heads


def test_a_thousand_restorations_in_a_row_settle() -> None:
    branch = started()
    branch.say(APPROVE, "one")
    for _ in range(1000):
        branch.say(RESTORE, of=branch.heads)
    assert [each.video for each in branch.state.approvals] == [video("one")]


def test_branches_that_restore_the_same_again_and_again_settle() -> None:
    ours = started()
    ours.say(APPROVE, "one")
    for index in range(40):
        theirs = ours.copy()
        ours.say(RESTORE, of=theirs.heads, why=f"ours {index}")
        theirs.say(RESTORE, of=theirs.heads, why=f"theirs {index}")
        ours.merge(theirs)
    assert [each.video for each in ours.state.approvals] == [video("one")]


def test_an_event_that_restores_what_it_does_not_follow_settles() -> None:
    base = started()
    other = base.copy()
    base.say(APPROVE, "one")
    found = set()
    for index in range(8):  # ids come in another order each time
        ours, theirs = base.copy(), other.copy()
        late = theirs.say(RESTORE, "two", of=other.heads, why=str(index))
        ours.say(RESTORE, of=(late,))
        lines = ours.merge(theirs).lines
        assert state_of(lines) == state_of(reversed(lines))
        found.add(in_force(ours.state)[0] == set() and {each.id for each in ours.state.picks} == {late})
    assert found == {True}


def test_many_branches_that_all_approve_settle() -> None:
    base = started()
    whole = base.copy()
    for index in range(200):
        branch = base.copy()
        branch.say(APPROVE, NAMES[index % 3], role=f"role {index}")
        whole.lines.append(branch.lines[-1])
    state = whole.merge(base).state
    assert len(state.conflict) == len(state.approvals) == len(state.heads) == 200
    whole.say(APPROVE, "two")
    assert whole.state.conflict == ()
