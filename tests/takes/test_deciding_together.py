"""People who decide at once, and a whole sequence at once. Stages are fakes, all else is real."""

import json
import multiprocessing
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from shotbuild.errors import GateError, PlanError, StoreError, Unseen
from shotbuild.host import files
from shotbuild.records import Decision, ShotState
from shotbuild.takes import decide
from shotbuild.takes.decide import Said
from tests.fakes import fake_workspace, write_project
from tests.takes import ANN, resealed, said_text, take_text, unknown_text

BEN = "Ben Ode <ben@studio.example>"
FILM = {
    "shotbuild.yaml": "shotbuild: 1\nproject: film\nformat: {size: 64x64, rate: 24}\ndefaults: {duration: 2s}\n",
    "assets/plate.mov": "p" * 60,
    "specs/a.yaml": """shots:
  sh010: {prompt: a lighthouse}
  sh020: {prompt: the sea}
  sh030: {prompt: a road}
  sh040: {plate: assets/plate.mov}
sequences:
  inner: {cut: [sh030]}
  opening: {cut: [sh010, sh020, sh040, {sequence: inner}]}
  plates: {cut: [sh040]}
""",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project that was built; sh010 has three takes."""
    root = write_project(tmp_path / "film", FILM)
    assert fake_workspace(root).build().failed == ()
    fake_workspace(root).roll(["sh010"], 2)
    return root


def state(root: Path, shot: str = "sh010") -> ShotState:
    workspace = fake_workspace(root)
    assert workspace.project
    return workspace.rooms.ledgers.of(shot)


def seen(root: Path, *shots: str) -> dict[str, tuple[str, ...]]:
    return {shot: state(root, shot).heads for shot in shots or ("sh010",)}


def lines(root: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in (root / "takes").iterdir()}


# --- heads ------------------------------------------------------------------------------------------------------------

Deed = Callable[[Path, dict[str, tuple[str, ...]] | None], list[Said]]
DEEDS: dict[str, Deed] = {
    "pick": lambda root, heads: decide.pick(fake_workspace(root), ["sh010 t1"], by=BEN, heads=heads),
    "approve": lambda root, heads: decide.approve(fake_workspace(root), ["sh010 t1"], by=BEN, heads=heads),
    "reject": lambda root, heads: decide.reject(fake_workspace(root), ["sh010 t1"], by=BEN, why="dull", heads=heads),
    "reopen": lambda root, heads: decide.reopen(fake_workspace(root), ["sh010"], by=BEN, heads=heads),
    "note": lambda root, heads: decide.note(fake_workspace(root), ["sh010 t1"], "dull", by=BEN, heads=heads),
}


@pytest.mark.parametrize("deed", DEEDS)
def test_who_saw_all_that_was_said_is_heard(root: Path, deed: str) -> None:
    decide.pick(fake_workspace(root), ["sh010 t1"], by=ANN)
    (said,) = DEEDS[deed](root, seen(root))
    assert (said.decision.kind, len(seen(root)["sh010"])) == (deed, 1)


@pytest.mark.parametrize("deed", DEEDS)
def test_who_did_not_see_what_others_said_writes_nothing_and_is_told(root: Path, deed: str) -> None:
    heads = seen(root)
    decide.pick(fake_workspace(root), ["sh010 t1"], by=ANN, why="the light")
    decide.note(fake_workspace(root), ["sh010"], "a bit darker", by=ANN)
    before = lines(root)
    with pytest.raises(Unseen) as told:
        DEEDS[deed](root, heads)
    assert lines(root) == before
    assert told.value.exit_code == 3
    cause = str(told.value.cause)
    assert f"picked sh010 t1 ({state(root).takes[0].name}): {ANN}: the light" in cause
    assert f"noted on sh010: {ANN}: a bit darker" in cause
    assert DEEDS[deed](root, seen(root))


def test_a_take_that_came_meanwhile_stops_nobody(root: Path) -> None:
    heads = seen(root)
    fake_workspace(root).roll(["sh010"], 1)
    decide.approve(fake_workspace(root), ["sh010 t1"], by=BEN, heads=heads)
    assert len(state(root).approvals) == 1


def test_what_a_newer_version_said_meanwhile_is_not_passed_over(root: Path) -> None:
    heads = seen(root)
    with (root / "takes/sh010.jsonl").open("a") as ledger:
        ledger.write(unknown_text(heads["sh010"]) + "\n")
    with pytest.raises(Unseen, match="meanwhile") as told:
        decide.pick(fake_workspace(root), ["sh010 t1"], by=BEN, heads=heads)
    assert "`star` event of a newer version" in str(told.value.cause)


def test_who_looked_at_another_branch_is_told(root: Path) -> None:
    decide.note(fake_workspace(root), ["sh010"], "dull", by=ANN)
    heads = seen(root)
    path = root / "takes/sh010.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(Unseen, match="another one now"):
        decide.pick(fake_workspace(root), ["sh010 t1"], by=BEN, heads=heads)


def test_what_is_said_of_one_shot_stops_a_decision_on_several(root: Path) -> None:
    heads = seen(root, "sh010", "sh020")
    decide.note(fake_workspace(root), ["sh020"], "dull", by=ANN)
    before = lines(root)
    with pytest.raises(Unseen, match="of sh020 meanwhile"):
        decide.approve(fake_workspace(root), ["sh010 t1", "sh020"], by=BEN, heads=heads)
    assert lines(root) == before


def test_heads_of_other_shots_are_not_asked_for(root: Path) -> None:
    heads = seen(root, "sh020")
    decide.note(fake_workspace(root), ["sh010"], "dull", by=ANN)
    assert decide.pick(fake_workspace(root), ["sh010 t1"], by=BEN, heads=heads)


def test_an_own_decision_of_before_counts_as_one_of_others(root: Path) -> None:
    workspace, heads = fake_workspace(root), seen(root)
    decide.pick(workspace, ["sh010 t1"], by=BEN, heads=heads)
    with pytest.raises(Unseen):
        decide.pick(workspace, ["sh010 t2"], by=BEN, heads=heads)


def test_a_move_that_is_entered_meanwhile_stops_nobody(root: Path) -> None:
    heads = {"sh015": seen(root)["sh010"]}
    specs = root / "specs/a.yaml"
    specs.write_text(specs.read_text().replace("sh010: {", "sh015: {moved: sh010, ").replace("[sh010,", "[sh015,"))
    decide.approve(fake_workspace(root), ["sh015 t1"], by=BEN, heads=heads)
    moved = fake_workspace(root)
    assert moved.project
    assert len(moved.rooms.ledgers.of("sh015").approvals) == 1


# --- at once ----------------------------------------------------------------------------------------------------------


def outcome(root: Path, number: int, heads: dict[str, tuple[str, ...]]) -> str:
    try:
        decide.approve(fake_workspace(root), [f"sh010 t{number}"], by=f"Person {number}", heads=heads)
    except Unseen as error:
        return str(error.cause)
    return "won"


def _decide(root: Path, number: int, heads: dict[str, tuple[str, ...]], ready: object, told: object) -> None:
    ready.wait()  # type: ignore[attr-defined]
    told.put(outcome(root, number, heads))  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_of_those_who_decide_at_once_one_wins_and_the_others_are_told(root: Path, kind: str) -> None:
    heads = seen(root)
    several = multiprocessing.get_context("spawn")
    ready = several.Barrier(3) if kind == "processes" else threading.Barrier(3)
    told = several.Queue()
    make = several.Process if kind == "processes" else threading.Thread
    people = [make(target=_decide, args=(root, number, heads, ready, told)) for number in (1, 2, 3)]
    for each in people:
        each.start()
    said = [told.get(timeout=60) for _ in people]
    for each in people:
        each.join()
    (winner,) = state(root).approvals
    assert said.count("won") == 1
    assert all(f"approved sh010 t{winner.by[-1]}" in each for each in said if each != "won")


def test_a_decision_waits_until_another_one_is_written(root: Path) -> None:
    ended = threading.Event()

    def late() -> None:
        decide.pick(fake_workspace(root), ["sh010 t1"], by=BEN)
        ended.set()

    with files.locked(root / ".shotbuild/locks/decisions.lock"):
        thread = threading.Thread(target=late)
        thread.start()
        assert not ended.wait(0.5)
        assert state(root).picks == ()
    thread.join()
    assert len(state(root).picks) == 1


# --- a whole sequence -------------------------------------------------------------------------------------------------


def decided(root: Path) -> None:
    decide.pick(fake_workspace(root), ["sh010 t2", "sh030"], by=ANN)
    decide.approve(fake_workspace(root), ["sh020"], by=ANN, role="director")


def test_a_sequence_of_decided_shots_is_approved_as_they_stand(root: Path) -> None:
    decided(root)
    said = decide.approve_sequence(fake_workspace(root), "opening", by=BEN, role="client", why="go")
    assert [(each.shot, each.take and each.take.number) for each in said] == [("sh010", 2), ("sh020", 1), ("sh030", 1)]
    for shot in ("sh010", "sh020", "sh030"):
        (approval,) = [each for each in state(root, shot).approvals if each.role == "client"]
        assert (approval.by, approval.why) == (BEN, "go")
    assert {each.role for each in state(root, "sh020").approvals} == {"client", "director"}


def test_what_is_approved_in_a_role_is_left_alone(root: Path) -> None:
    decided(root)
    said = decide.approve_sequence(fake_workspace(root), "opening", by=BEN, role="director")
    assert [each.shot for each in said] == ["sh010", "sh030"]
    before = lines(root)
    with pytest.raises(PlanError, match="every shot of opening is approved as director already"):
        decide.approve_sequence(fake_workspace(root), "opening", by=ANN, role="director")
    assert lines(root) == before


def test_an_approval_without_a_role_is_another_than_one_with(root: Path) -> None:
    decided(root)
    said = decide.approve_sequence(fake_workspace(root), "opening", by=BEN)
    assert [each.shot for each in said] == ["sh010", "sh020", "sh030"]
    with pytest.raises(PlanError, match="every shot of opening is approved already"):
        decide.approve_sequence(fake_workspace(root), "opening", by=BEN)


def test_shots_that_are_not_decided_are_listed_and_nothing_is_written(root: Path) -> None:
    decide.pick(fake_workspace(root), ["sh010 t2"], by=ANN)
    decide.reject(fake_workspace(root), ["sh030"], by=ANN, why="dull")
    before = lines(root)
    with pytest.raises(GateError) as told:
        decide.approve_sequence(fake_workspace(root), "opening", by=BEN)
    assert told.value.message == "2 of 3 shots of opening are not decided yet, so nothing was approved"
    assert str(told.value.cause).split("\n       ") == [
        "sh020: nobody picked or approved t1, which stands",
        "sh030: all its takes are rejected",
    ]
    assert lines(root) == before


def test_a_shot_without_a_take_is_not_decided(root: Path) -> None:
    decided(root)
    specs = root / "specs/a.yaml"
    specs.write_text(
        specs.read_text().replace("  sh040:", "  sh035: {prompt: fog}\n  sh040:").replace("[sh030]", "[sh030, sh035]")
    )
    with pytest.raises(GateError) as told:
        decide.approve_sequence(fake_workspace(root), "opening", by=BEN)
    assert told.value.cause == "sh035: it has no take yet"


def test_a_shot_that_was_chosen_before_the_spec_moved_on_is_not_decided(root: Path) -> None:
    decided(root)
    specs = root / "specs/a.yaml"
    specs.write_text(specs.read_text().replace("the sea", "the calm sea"))
    with pytest.raises(GateError) as told:
        decide.approve_sequence(fake_workspace(root), "opening", by=BEN)
    assert told.value.cause == "sh020: t1 was approved before the spec moved on"


def test_a_shot_whose_decisions_contradict_each_other_is_not_decided(root: Path) -> None:
    decided(root)
    heads, takes = state(root).heads, state(root).takes
    with (root / "takes/sh010.jsonl").open("a") as ledger:
        for take in takes[:2]:
            event = json.loads(said_text("approve", heads, of_take="any"))
            ledger.write(resealed({**event, "video": take.video.sha256}) + "\n")
    with pytest.raises(GateError) as told:
        decide.approve_sequence(fake_workspace(root), "opening", by=BEN)
    assert told.value.cause == "sh010: its decisions contradict each other"


def test_a_rejection_that_comes_between_looking_and_writing_stops_all_of_it(root: Path) -> None:
    decided(root)
    workspace = fake_workspace(root)
    moves = workspace.rooms.ledgers.enter_moves

    def rejects_meanwhile() -> None:
        decide.reject(fake_workspace(root), ["sh030"], by=ANN, why="dull")
        moves()

    workspace.rooms.ledgers.enter_moves = rejects_meanwhile  # type: ignore[method-assign]
    with pytest.raises(Unseen, match="of sh030 meanwhile"):
        decide.approve_sequence(workspace, "opening", by=BEN)
    assert state(root).approvals == ()


def test_also_of_a_shot_that_was_approved_already(root: Path) -> None:
    decided(root)
    heads = seen(root, "sh010", "sh020", "sh030")
    decide.note(fake_workspace(root), ["sh020"], "the client hates it", by=ANN)
    before = lines(root)
    with pytest.raises(Unseen, match="of sh020 meanwhile"):
        decide.approve_sequence(fake_workspace(root), "opening", by=BEN, role="director", heads=heads)
    assert lines(root) == before


def test_a_workspace_that_wrote_itself_knows_what_it_wrote(root: Path) -> None:
    workspace = fake_workspace(root)
    assert workspace.chosen
    decide.pick(workspace, ["sh010 t2", "sh020", "sh030"], by=ANN)
    assert len(decide.approve_sequence(workspace, "opening", by=ANN)) == 3


@pytest.mark.parametrize(
    ("name", "said"),
    [("openin", "no sequence 'openin'"), ("plates", "shows no shot that takes are made of"), ("", "no sequence")],
)
def test_what_is_no_sequence_of_takes_is_refused(root: Path, name: str, said: str) -> None:
    with pytest.raises(PlanError, match=said):
        decide.approve_sequence(fake_workspace(root), name, by=BEN)


def test_a_role_that_the_project_does_not_know_approves_no_sequence(root: Path) -> None:
    decided(root)
    path = root / "shotbuild.yaml"
    path.write_text(path.read_text() + "approvals: [director]\n")
    with pytest.raises(PlanError, match="not one of the roles"):
        decide.approve_sequence(fake_workspace(root), "opening", by=BEN, role="client")


# --- marks ------------------------------------------------------------------------------------------------------------


def framed(root: Path) -> None:
    with (root / "takes/sh010.jsonl").open("a") as ledger:  # of 48 frames
        ledger.write(take_text("framed", state(root).heads, number=9, ordinal=9) + "\n")


def last(root: Path) -> Decision:
    found = fake_workspace(root)
    assert found.project
    event = found.rooms.ledgers.history("sh010").events[-1]
    assert isinstance(event, Decision)
    return event


def test_marks_are_written_with_notes_and_rejections(root: Path) -> None:
    framed(root)
    marks = ["arrow 100,200 300,400", "pen 0,0 10000,10000"]
    decide.note(fake_workspace(root), ["sh010 t9"], "hand", by=ANN, frames=(3, 3), marks=marks)
    assert last(root).marks == tuple(marks)
    decide.reject(fake_workspace(root), ["sh010 t9"], by=ANN, why="hand", frames=(3, 5), marks=marks[:1])
    assert (last(root).kind, last(root).marks) == ("reject", tuple(marks[:1]))


def test_marks_on_no_frame_are_refused(root: Path) -> None:
    with pytest.raises(PlanError, match="drawn on a frame"):
        decide.note(fake_workspace(root), ["sh010 t1"], "hand", by=ANN, marks=["pen 1,2"])
    with pytest.raises(PlanError, match="drawn on a frame"):
        decide.reject(fake_workspace(root), ["sh010 t1"], by=ANN, why="hand", marks=["pen 1,2"])


@pytest.mark.parametrize("marks", [["pen"], ["circle 1,2 3,4"], ["box 1,2"], ["pen 1,2"] * 101])
def test_what_cannot_be_drawn_is_not_written(root: Path, marks: list[str]) -> None:
    framed(root)
    before = lines(root)
    with pytest.raises(PlanError, match="mark"):
        decide.note(fake_workspace(root), ["sh010 t9"], "hand", by=ANN, frames=(3, 3), marks=marks)
    assert lines(root) == before


def test_a_ledger_that_cannot_be_written_takes_no_decision(root: Path) -> None:
    locks = root / ".shotbuild/locks/decisions.lock"
    locks.unlink(missing_ok=True)
    locks.mkdir()
    before = lines(root)
    with pytest.raises(StoreError, match="cannot be recorded"):
        decide.pick(fake_workspace(root), ["sh010 t1"], by=ANN)
    assert lines(root) == before
