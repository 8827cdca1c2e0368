"""What the pages say of a project: states, what waits, what differs, neighbours, stories; and who sees what of it."""

import subprocess
from fractions import Fraction
from pathlib import Path

import pytest

from shotbuild.progress import Build, Failure
from shotbuild.progress import Running as Step
from shotbuild.review import pages
from shotbuild.review.board import STATES, WAITING, Board, Working
from shotbuild.review.cut import beside
from shotbuild.review.live import working
from shotbuild.review.pages import Frame, Served
from shotbuild.review.scope import Scope, scope_of
from shotbuild.review.views import Views
from shotbuild.takes import decide
from shotbuild.workspace import Workspace
from tests.fakes import Count, fake_workspace, write_project

ANN, MIA = "Ann <ann@studio.example>", "Mia <mia@studio.example>"
SPECS = """
shots:
  sh010: {prompt: A lighthouse at dusk., takes: 2, tags: [night]}
  sh020: {prompt: A boat.}
  sh030: {prompt: A storm.}
  sh040: {continue: sh030, prompt: It calms down.}
  lone: {prompt: A gull.}
sequences:
  opening: {title: The opening, cut: [sh010, {shot: sh020, in: 1s, out: 3s}, sh030]}
  ending: {cut: [sh030, sh040]}
  both: {cut: [{sequence: opening}, {sequence: ending}]}
"""
PROJECT = (
    "shotbuild: 1\nproject: film\nformat: {size: 64x64, rate: 24}\ndefaults: {duration: 4s}\napprovals: [director, client]\n"
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = write_project(tmp_path / "film", {"shotbuild.yaml": PROJECT, "specs/a.yaml": SPECS})
    fake_workspace(root, Count()).build(["sh010", "sh020", "sh030"])
    return root


def opened(root: Path) -> Workspace:
    return fake_workspace(root, Count())


def views(root: Path, working: Working | None = None, role: str | None = None, **scope: list[str]) -> Views:
    workspace = opened(root)
    found = scope_of(workspace.project, scope.get("sequences", []), scope.get("shots", []))
    return Views(workspace, found, working or Working(generating={}, failed={}), role)


def states(board: Board) -> dict[str, str]:
    return {card.name: card.state for group in board.groups for card in group.cards}


# --- the board --------------------------------------------------------------------------------------------------------


def test_each_shot_has_the_state_that_says_what_is_next(root: Path) -> None:
    workspace = opened(root)
    decide.pick(workspace, ["sh010", "t1"], by=ANN)
    decide.approve(opened(root), ["sh020"], by=ANN, role="director")
    now = Working(generating={"lone": "asks hero"}, failed={"sh040": ("the service refused it", "")})
    board = views(root, now).board()
    assert states(board) == {
        "sh010": "picked", "sh020": "approved", "sh030": "to-review", "sh040": "failed", "lone": "generating",
    }  # fmt: skip
    assert [card.name for card in board.waiting] == ["sh030", "sh040"]
    assert dict(board.counts) == {"failed": 1, "to-review": 1, "generating": 1, "picked": 1, "approved": 1}


def test_what_was_approved_before_the_spec_moved_on_waits(root: Path) -> None:
    decide.approve(opened(root), ["sh020"], by=ANN)
    spec = root / "specs/a.yaml"
    spec.write_text(spec.read_text().replace("A boat.", "A red boat."))
    board = views(root).board()
    assert states(board)["sh020"] == "stale-approved"
    assert "sh020" in [card.name for card in board.waiting]


def test_decisions_that_contradict_come_first(root: Path) -> None:
    ledger = root / "takes/sh010.jsonl"
    before = ledger.read_text()
    decide.approve(opened(root), ["sh010", "t1"], by=ANN)
    ours = ledger.read_text().removeprefix(before)
    ledger.write_text(before)
    decide.approve(opened(root), ["sh010", "t2"], by=MIA)
    ledger.write_text(ledger.read_text() + ours)
    board = views(root).board()
    assert states(board)["sh010"] == "conflict"
    assert board.counts[0] == ("conflict", 1)


def test_who_came_in_a_role_finds_what_lacks_their_approval(root: Path) -> None:
    decide.approve(opened(root), ["sh020"], by=ANN, role="director")
    assert "sh020" not in [card.name for card in views(root, role="director").board().waiting]
    found = {card.name: card for card in views(root, role="client").board().waiting}
    assert found["sh020"].awaits == ("client",)


def test_the_longest_waiting_stands_first(root: Path) -> None:
    waiting = views(root).board().waiting
    assert [card.since for card in waiting] == sorted(card.since for card in waiting)
    assert {card.state for card in waiting} <= set(WAITING) <= set(STATES)


def test_a_shot_stands_once_and_names_every_sequence(root: Path) -> None:
    board = views(root).board()
    assert [(group.name, [card.name for card in group.cards]) for group in board.groups] == [
        ("opening", ["sh010", "sh020", "sh030"]), ("ending", ["sh040"]), (None, ["lone"]),
    ]  # fmt: skip
    card = next(card for group in board.groups for card in group.cards if card.name == "sh030")
    assert card.sequences == ("opening", "ending", "both")


def test_a_failure_counts_for_what_was_asked_then(root: Path) -> None:
    asked = opened(root).chosen["lone"].asked
    for told, state in ((asked, "failed"), ("0" * 64, "missing"), ("", "failed")):
        failure = Failure(step="lone/t1", why="refused", at=1.0, shots=("lone",), takes=True, asked=told)
        assert states(views(root, working([], [failure])).board())["lone"] == state


def test_all_rejected_is_said(root: Path) -> None:
    decide.reject(opened(root), ["sh020", "t1"], why="no", by=ANN)
    card = next(card for group in views(root).board().groups for card in group.cards if card.name == "sh020")
    assert (card.state, card.why) == ("missing", "every take was rejected")


# --- who sees what ----------------------------------------------------------------------------------------------------


def test_a_scope_opens_what_its_sequences_show_and_no_more(root: Path) -> None:
    project = opened(root).project
    assert scope_of(project, ["opening"], []) == Scope(
        whole=False, sequences=frozenset({"opening"}), shots=frozenset({"sh010", "sh020", "sh030"})
    )
    assert scope_of(project, ["both"], []).sequences == {"both", "opening", "ending"}
    assert scope_of(project, [], ["lone"]) == Scope(whole=False, sequences=frozenset(), shots=frozenset({"lone"}))
    assert scope_of(project, ["gone"], ["nobody"]).shots == frozenset()
    assert scope_of(project, [], []).whole


def test_a_guest_is_shown_nothing_of_the_rest(root: Path) -> None:
    guest = views(root, sequences=["opening"])
    assert set(states(guest.board())) == {"sh010", "sh020", "sh030"}
    assert guest.shot("sh040") is None
    assert guest.cut("ending") is None
    assert guest.spending() is None
    assert guest.history("lone") == ()
    assert guest.videos("lone") == ()
    shot = guest.shot("sh030")
    assert shot is not None
    assert shot.card.sequences == ("opening",)
    assert shot.following is None  # sh040 is none of theirs
    frame = Frame(project="film", addresses=Served(), whole=False, sequences=(("opening", "The opening"),))
    page = pages.board_page(frame, guest.board()) + pages.shot_page(frame, shot, guest.history("sh030"))
    for word in ("sh040", "lone", "ending", "Spending"):
        assert word not in page


# --- a shot -----------------------------------------------------------------------------------------------------------


def test_only_what_differs_in_the_recipes_is_shown(root: Path) -> None:
    spec = root / "specs/a.yaml"
    spec.write_text(spec.read_text().replace("A lighthouse at dusk.", "A lighthouse at dawn."))
    opened(root).build(["sh010"])
    shot = views(root).shot("sh010")
    assert shot is not None
    found = {each.field: each for each in shot.differences}
    assert {"prompt", "seed"} <= set(found)
    assert not any(name.startswith("pins") or name.endswith("size") for name in found)
    first, second = found["prompt"].variants
    assert (first.takes, second.takes) == (("t1", "t2"), ("t3", "t4"))
    assert [text for text, fresh in second.parts if fresh] == ["dawn."]


def test_what_was_said_stands_in_order_with_its_marks(root: Path) -> None:
    decide.note(opened(root), ["sh010", "t1"], "first", by=ANN)
    decide.reject(opened(root), ["sh010", "t2"], why="second", by=MIA)
    shot = views(root).shot("sh010")
    assert shot is not None
    assert [(each.text, each.take, each.by) for each in shot.remarks] == [("first", "t1", ANN), ("second", "t2", MIA)]


def test_ten_thousand_notes_are_cut_down_and_counted(root: Path) -> None:
    for number in range(205):
        decide.note(opened(root), ["sh020", "t1"], f"note {number}", by=ANN)
    shown = views(root).shot("sh020")
    assert shown is not None
    assert (len(shown.remarks), shown.more, shown.remarks[-1].text) == (200, 5, "note 204")
    whole = views(root).shot("sh020", everything=True)
    assert whole is not None
    assert len(whole.remarks) == 205


def test_neighbours_are_the_last_second_before_and_the_first_after(root: Path) -> None:
    cut, _ = opened(root).lay_out("opening")
    assert cut is not None
    assert beside(cut, "sh010") == (None, ("sh020", 24, 48))
    assert beside(cut, "sh020") == (("sh010", 72, 96), ("sh030", 0, 24))
    assert beside(cut, "sh030") == (("sh020", 48, 72), None)
    assert beside(cut, "lone") == (None, None)


def test_the_story_names_the_commit_of_each_event(root: Path) -> None:
    def git(*words: str) -> None:
        subprocess.run(
            ["git", "-c", "user.name=Ann", "-c", "user.email=ann@studio.example", *words], cwd=root, check=True,
            capture_output=True,
        )  # fmt: skip

    git("init", "-q")
    git("add", "-A")
    git("commit", "-qm", "The first takes")
    decide.pick(opened(root), ["sh010", "t1"], by=MIA, why="calmer")
    newest, *older = views(root).history("sh010")
    assert (newest.kind, newest.what, newest.by, newest.why, newest.commit, newest.committed) == (
        "pick", "t1", MIA, "calmer", None, True,
    )  # fmt: skip
    assert [line.commit.subject for line in older if line.commit is not None] == ["The first takes"] * 2


def test_without_git_the_story_is_told_all_the_same(root: Path) -> None:
    assert [line.committed for line in views(root).history("sh010")] == [False, False]


# --- a sequence -------------------------------------------------------------------------------------------------------


def test_a_sequence_says_who_is_undecided(root: Path) -> None:
    decide.approve(opened(root), ["sh020"], by=ANN, role="director")
    cut = views(root).cut("opening")
    assert cut is not None
    assert (cut.undecided, cut.unapproved, cut.frames, cut.rate) == (("sh010", "sh030"), ("sh020",), 240, Fraction(24))
    assert [(clip.card.name, clip.start, clip.end) for clip in cut.clips] == [
        ("sh010", 0, 96), ("sh020", 96, 144), ("sh030", 144, 240),
    ]  # fmt: skip


# --- builds -----------------------------------------------------------------------------------------------------------


def test_a_shot_of_which_a_take_is_made_is_generating() -> None:
    step = Step(
        step="sh010/t1", stage="generate", since=1.0, use="hero", says="rendering, 40 %", shots=("sh010",), takes=True
    )
    cutting = Step(step="opening/web", stage="join", since=1.0, shots=("sh020",))
    build = Build(name="b", command="build", pid=1, began=1.0, running={"sh010/t1": step, "opening/web": cutting})
    assert working([build], []).generating == {"sh010": "rendering, 40 % at hero"}
