"""Going back to earlier choices by new events. Stages are fakes; Git is real."""

import os
import subprocess
from pathlib import Path

import pytest

from shotbuild.built import BuildOptions
from shotbuild.errors import PlanError
from shotbuild.plan.choose import Choice
from shotbuild.records import RESTORE, ShotState
from shotbuild.takes import decide
from shotbuild.takes.restore import Restored, restore
from tests.fakes import Count, fake_workspace, write_project
from tests.takes import ANN

HEAD = "shotbuild: 1\nproject: film\nformat: {size: 64x64, rate: 24}\ndefaults: {duration: 2s}\n"
SPEC = "shots:\n  sh010: {prompt: a lighthouse}\n  sh020: {prompt: the sea}\n"
GIT = {
    **{f"GIT_{who}_NAME": "Ann Lee" for who in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{who}_EMAIL": "ann@studio.example" for who in ("AUTHOR", "COMMITTER")},
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}


def git(root: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=root, check=True, capture_output=True, text=True, env={**os.environ, **GIT})
    return done.stdout


def commit(root: Path, message: str) -> str:
    git(root, "add", "-A")
    git(root, "commit", "-q", "--allow-empty", "-m", message)
    return git(root, "rev-parse", "HEAD").strip()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project in Git that was built, with three takes of sh010."""
    root = write_project(
        tmp_path / "film", {"shotbuild.yaml": HEAD, "specs/a.yaml": SPEC, ".gitignore": ".shotbuild/\nout/\n"}
    )
    git(root, "init", "-q")
    assert fake_workspace(root).build().failed == ()
    fake_workspace(root).roll(["sh010"], 2, BuildOptions(jobs=1))
    commit(root, "built")
    return root


def state(root: Path, shot: str = "sh010") -> ShotState:
    workspace = fake_workspace(root)
    assert workspace.project
    return workspace.rooms.ledgers.of(shot)


def choice(root: Path, shot: str = "sh010") -> Choice:
    return fake_workspace(root).whole.chosen[shot]


def stands(root: Path, shot: str = "sh010") -> tuple[str, int | None]:
    found = choice(root, shot)
    return found.how, None if found.take is None else found.take.number


def say(root: Path, kind: str, *words: str, **more: object) -> None:
    getattr(decide, kind)(fake_workspace(root), words, by=ANN, **more)


def back(root: Path, at: str, *shots: str) -> dict[str, Restored]:
    return {row.shot: row for row in restore(fake_workspace(root), shots, at, by=ANN)}


def in_force(root: Path, shot: str = "sh010") -> set[str]:
    found = state(root, shot)
    return {each.id for each in (*found.approvals, *found.picks, *found.rejections)}


def test_what_was_approved_then_is_approved_again_by_who_approved_it(root: Path) -> None:
    say(root, "approve", "sh010 t1", role="director", why="the light")
    commit(root, "approved")
    before = state(root).approvals
    say(root, "approve", "sh010 t2", why="the hand")
    commit(root, "approved another")
    rows = back(root, "HEAD~1")
    assert stands(root) == ("approved", 1)
    assert state(root).approvals == before
    assert {shot: row.decision is not None for shot, row in rows.items()} == {"sh010": True, "sh020": False}


def test_restoring_the_restoration_returns(root: Path) -> None:
    say(root, "approve", "sh010 t1")
    say(root, "reject", "sh010 t3", why="hand")
    first = commit(root, "one")
    held = in_force(root)
    say(root, "reopen", "sh010")
    say(root, "pick", "sh010 t2")
    second = commit(root, "two")
    then = in_force(root)
    back(root, first)
    assert (stands(root), in_force(root)) == (("approved", 1), held)
    commit(root, "restored")
    back(root, second)
    assert (stands(root), in_force(root)) == (("picked", 2), then)
    back(root, "HEAD")
    assert (stands(root), in_force(root)) == (("approved", 1), held)


def test_history_is_only_added_to(root: Path) -> None:
    say(root, "approve", "sh010 t1")
    before = (root / "takes/sh010.jsonl").read_text()
    back(root, "HEAD")
    after = (root / "takes/sh010.jsonl").read_text()
    assert after.startswith(before)
    assert f'"event":"{RESTORE}"' in after[len(before) :]


def test_restoring_what_stands_writes_nothing(root: Path) -> None:
    before = (root / "takes/sh010.jsonl").read_text()
    rows = back(root, "HEAD")
    assert [row.decision for row in rows.values()] == [None, None]
    assert (root / "takes/sh010.jsonl").read_text() == before


def test_an_approval_since_then_is_taken_back_and_the_newest_stands(root: Path) -> None:
    say(root, "approve", "sh010 t1")
    back(root, "HEAD")
    assert stands(root) == ("newest", 3)
    assert state(root).approvals == ()


def test_takes_rolled_since_then_do_not_stand_after_restoring(root: Path) -> None:
    fake_workspace(root).roll(["sh010"], 1)
    assert stands(root) == ("newest", 4)
    back(root, "HEAD")
    assert stands(root) == ("picked", 3)
    say(root, "reopen", "sh010")
    assert stands(root) == ("newest", 4)


def test_a_take_of_an_earlier_spec_is_brought_back_by_name(root: Path) -> None:
    path = root / "specs/a.yaml"
    path.write_text(path.read_text().replace("lighthouse", "windmill"))
    fake_workspace(root).build()
    assert stands(root) == ("newest", 4)
    commit(root, "windmill")
    back(root, "HEAD~1")
    assert stands(root) == ("picked", 3)
    assert choice(root).stale
    back(root, "HEAD")
    assert stands(root)[1] == 4


def test_a_rejection_since_then_is_taken_back(root: Path) -> None:
    say(root, "reject", "sh010 t3", why="hand")
    assert stands(root) == ("newest", 2)
    back(root, "HEAD")
    assert stands(root) == ("newest", 3)


def test_only_the_named_shots_are_restored(root: Path) -> None:
    for shot in ("sh010", "sh020"):
        say(root, "approve", shot)
    assert set(back(root, "HEAD", "sh020")) == {"sh020"}
    assert (len(state(root).approvals), len(state(root, "sh020").approvals)) == (1, 0)


def test_every_shot_comes_back_and_out_with_it(root: Path) -> None:
    def shown() -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in (root / "out/shots").iterdir()}

    say(root, "approve", "sh010 t2", "sh020")
    fake_workspace(root).build()
    then = shown()
    commit(root, "then")
    path = root / "specs/a.yaml"
    path.write_text(path.read_text().replace("the sea", "the harbour"))
    say(root, "reopen", "sh010", "sh020")
    fake_workspace(root).build()
    now = shown()
    assert now != then
    commit(root, "now")
    back(root, "HEAD~1")
    count = Count()
    built = fake_workspace(root, count).build(options=BuildOptions(kept_only=True))
    assert (shown(), built.generated) == (then, ())
    back(root, "HEAD")
    fake_workspace(root).build(options=BuildOptions(kept_only=True))
    assert shown() == now


def test_a_conflict_of_then_comes_back_as_a_conflict(root: Path) -> None:
    base = (root / "takes/sh010.jsonl").read_text()
    say(root, "approve", "sh010 t1")
    ours = (root / "takes/sh010.jsonl").read_text()
    (root / "takes/sh010.jsonl").write_text(base)
    say(root, "approve", "sh010 t2")
    theirs = (root / "takes/sh010.jsonl").read_text()[len(base) :]
    (root / "takes/sh010.jsonl").write_text(ours + theirs)
    commit(root, "in conflict")
    say(root, "approve", "sh010 t2")
    assert state(root).conflict == ()
    back(root, "HEAD")
    assert len(state(root).conflict) == 2


def test_restoring_ends_a_conflict(root: Path) -> None:
    base = (root / "takes/sh010.jsonl").read_text()
    say(root, "approve", "sh010 t1")
    one = commit(root, "one")
    ours = (root / "takes/sh010.jsonl").read_text()
    (root / "takes/sh010.jsonl").write_text(base)
    say(root, "approve", "sh010 t2")
    theirs = (root / "takes/sh010.jsonl").read_text()[len(base) :]
    (root / "takes/sh010.jsonl").write_text(ours + theirs)
    assert len(state(root).conflict) == 2
    back(root, one)
    assert (stands(root), state(root).conflict) == (("approved", 1), ())


def test_an_event_is_a_place_to_go_back_to(root: Path) -> None:
    say(root, "approve", "sh010 t1")
    (event,) = state(root).heads
    say(root, "approve", "sh010 t2")
    rows = back(root, event)
    assert (set(rows), stands(root)) == ({"sh010"}, ("approved", 1))
    (take,) = [take for take in state(root).takes if take.number == 2]
    back(root, take.id)
    assert stands(root) == ("picked", 2)


def test_a_shot_that_moved_since_then_is_restored_under_its_new_name(root: Path) -> None:
    say(root, "approve", "sh010 t1")
    commit(root, "approved")
    path = root / "specs/a.yaml"
    path.write_text(path.read_text().replace("sh010: {", "sh015: {moved: sh010, "))
    say(root, "approve", "sh015 t2")
    commit(root, "moved")
    rows = back(root, "HEAD~1")
    assert set(rows) == {"sh015", "sh020"}
    assert stands(root, "sh015") == ("approved", 1)


def test_a_shot_that_was_not_there_then_stays_unless_it_is_named(root: Path) -> None:
    path = root / "specs/a.yaml"
    path.write_text(path.read_text() + "  sh030: {prompt: a road}\n")
    fake_workspace(root).build()
    say(root, "approve", "sh030")
    assert set(back(root, "HEAD")) == {"sh010", "sh020"}
    assert stands(root, "sh030") == ("approved", 1)
    with pytest.raises(PlanError, match="sh030 was not there"):
        back(root, "HEAD", "sh030")


def test_a_ledger_that_lost_events_is_not_restored(root: Path) -> None:
    say(root, "approve", "sh010 t1")
    commit(root, "approved")
    path = root / "takes/sh010.jsonl"
    path.write_text("".join(f"{line}\n" for line in path.read_text().splitlines()[:-1]))
    with pytest.raises(PlanError, match="has lost events"):
        back(root, "HEAD")


@pytest.mark.parametrize("at", ["HEAD~9", "nothing", "", "0" * 16, "--all"])
def test_what_is_no_revision_and_no_event_is_refused(root: Path, at: str) -> None:
    with pytest.raises(PlanError):
        back(root, at)


def test_nothing_is_written_for_any_shot_when_one_cannot_be_restored(root: Path) -> None:
    say(root, "approve", "sh010 t1", "sh020")
    commit(root, "approved")
    say(root, "reopen", "sh010")
    path = root / "takes/sh020.jsonl"
    path.write_text("".join(f"{line}\n" for line in path.read_text().splitlines()[:-1]))
    before = (root / "takes/sh010.jsonl").read_text()
    with pytest.raises(PlanError):
        back(root, "HEAD")
    assert (root / "takes/sh010.jsonl").read_text() == before


def test_a_shot_that_continues_a_restored_one_follows_it_and_is_not_picked(root: Path) -> None:
    spec = "shots:\n  sh010: {prompt: a lighthouse}\n  sh020: {prompt: the sea}\n  sh030: {continue: sh020, prompt: close}\n"
    write_project(root, {"specs/a.yaml": spec})
    fake_workspace(root).build()
    say(root, "approve", "sh020 t1")
    commit(root, "approved")
    say(root, "reopen", "sh020")
    write_project(root, {"specs/a.yaml": spec.replace("the sea", "the sea at night")})
    fake_workspace(root).build()
    commit(root, "another sea")
    assert (stands(root, "sh020"), stands(root, "sh030")) == (("newest", 2), ("newest", 2))
    back(root, "HEAD~1")
    commit(root, "back")
    assert (stands(root, "sh020"), stands(root, "sh030")) == (("approved", 1), ("newest", 1))
    back(root, "HEAD~1")
    assert (stands(root, "sh020"), stands(root, "sh030")) == (("newest", 2), ("newest", 2))


def test_a_new_shot_of_an_old_name_was_not_there_then(root: Path) -> None:
    write_project(root, {"specs/a.yaml": SPEC.replace("sh010: {", "sh015: {moved: sh010, ")})
    fake_workspace(root).build()
    commit(root, "moved")
    write_project(root, {"specs/a.yaml": SPEC.replace("sh010: {", "sh015: {") + "  sh010: {prompt: new}\n"})
    fake_workspace(root).build()
    rows = back(root, "HEAD~1")
    assert sorted(rows) == ["sh015", "sh020"]
    with pytest.raises(PlanError, match="shot sh010 was not there"):
        back(root, "HEAD~1", "sh010")


def test_an_event_of_another_shot_is_said_to_be_one(root: Path) -> None:
    event = state(root, "sh010").takes[0].id
    with pytest.raises(PlanError, match=f"event {event} is one of sh010"):
        back(root, event, "sh020")


def test_what_was_rejected_then_does_not_come_back_by_an_event(root: Path) -> None:
    say(root, "reject", "sh010 t3", why="six fingers")
    event = state(root).heads[0]
    say(root, "pick", "sh010 t1")
    back(root, event, "sh010")
    assert stands(root) == ("newest", 2)
