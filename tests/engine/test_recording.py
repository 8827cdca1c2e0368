"""Results are put on disk together, one that cannot be is alone with that, and a kill loses what was not written yet."""

import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from shotbuild.engine.events import Event, Finished
from shotbuild.engine.recording import Recorder
from shotbuild.errors import StoreError
from shotbuild.making import BuildOptions
from shotbuild.records import ActionResult, Digest
from shotbuild.rooms import Rooms
from shotbuild.store.interface import Row
from tests.fakes import SMALL, fake_workspace, write_project

KILLED = """
import os, signal, sys
from pathlib import Path
from tests.fakes import Count, fake_workspace
from shotbuild.making import BuildOptions

root, number, after = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "after"
workspace = fake_workspace(root, Count(slow=0.002))
keep, groups = workspace.rooms.keep, []

def struck(rows):
    groups.append(rows)
    if len(groups) == number and not after:
        os.kill(os.getpid(), signal.SIGKILL)
    keep(rows)
    if len(groups) == number:
        os.kill(os.getpid(), signal.SIGKILL)

workspace.rooms.keep = struck
workspace.build(options=BuildOptions(jobs=4))
"""


def row(name: str) -> Row:
    return Row(action=name, result=ActionResult(outputs=(), milliseconds=0), manifest="")


def test_what_ends_while_a_group_is_written_goes_into_the_next_one() -> None:
    groups: list[list[str]] = []
    go_on, told = threading.Semaphore(0), SimpleQueue[Future[Any]]()

    def keep(rows: Sequence[Row]) -> None:
        go_on.acquire()
        groups.append([each.action for each in rows])

    recorder: Recorder[str] = Recorder(keep, told.put)
    for name in "abcd":
        recorder.add(name, row(name))
        recorder.begin()
    go_on.release()
    assert recorder.owns(told.get())
    assert [each.job for each in recorder.take()] == ["a"]
    recorder.begin()
    go_on.release()
    assert recorder.owns(told.get())
    assert [each.job for each in recorder.take()] == ["b", "c", "d"]
    assert groups == [["a"], ["b", "c", "d"]]
    assert recorder.end() == []


def test_what_cannot_be_written_does_not_take_the_others_with_it() -> None:
    kept: list[str] = []

    def keep(rows: Sequence[Row]) -> None:
        if any(each.action == "b" for each in rows):
            raise StoreError("the disk is full")
        kept.extend(each.action for each in rows)

    recorder: Recorder[str] = Recorder(keep, lambda _: None)
    for name in "abc":
        recorder.add(name, row(name))
    assert {each.job: each.error is None for each in recorder.end()} == {"a": True, "b": False, "c": True}
    assert kept == ["a", "c"]


def test_the_end_waits_for_all_that_was_added() -> None:
    kept: list[str] = []
    recorder: Recorder[str] = Recorder(lambda rows: kept.extend(each.action for each in rows), lambda _: None)
    recorder.add("a", row("a"))
    recorder.begin()
    recorder.add("b", row("b"))
    assert [each.job for each in recorder.end()] == ["a", "b"]
    assert kept == ["a", "b"]


def unable(rooms: Rooms, stage: str) -> None:
    """Lets no group pass that has a result of a stage."""
    keep = rooms.keep

    def refuse(rows: Sequence[Row]) -> None:
        if any(f'"stage": "{stage}"' in each.manifest for each in rows):
            raise StoreError("a result could not be recorded in the action cache", cause="the disk is full")
        keep(rows)

    rooms.keep = refuse  # type: ignore[method-assign]


def test_a_result_that_cannot_be_recorded_costs_its_step_alone_and_is_made_again(tmp_path: Path) -> None:
    root = write_project(tmp_path / "film", SMALL)
    workspace = fake_workspace(root)
    unable(workspace.rooms, "mix")
    built = workspace.build(options=BuildOptions(jobs=4))
    assert [failure.step.name for failure in built.failed] == ["opening/mix"]
    again = fake_workspace(root).build()
    assert set(again.ran) == {"opening/mix"} | {skipped.step.name for skipped in built.skipped}


def test_bytes_that_are_gone_before_they_are_settled_are_not_recorded(tmp_path: Path) -> None:
    rooms = fake_workspace(write_project(tmp_path / "film", SMALL)).rooms
    lost = ActionResult(outputs=(("a", Digest(sha256="0" * 64, size=1)),), milliseconds=0)
    with pytest.raises(StoreError, match="could not be written to the disk"):
        rooms.keep([row("whole"), Row(action="lost", result=lost, manifest="")])
    assert rooms.actions.get("whole") is None
    assert rooms.actions.get("lost") is None


def test_ledgers_that_are_taken_away_while_a_build_runs_are_written_by_the_next_one(tmp_path: Path) -> None:
    root = write_project(tmp_path / "film", SMALL)

    def hear(event: Event) -> None:
        if isinstance(event, Finished) and event.step.generates:
            shutil.rmtree(root / "takes")

    built = fake_workspace(root, hear=hear).build()
    assert built.exit_code == 0
    assert not (root / "takes").exists()
    assert fake_workspace(root).build().ran == ()
    takes = [take for state in fake_workspace(root).rooms.ledgers.everything().values() for take in state.takes]
    assert len(takes) == len(built.generated)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("number", [1, 2, 3, 5])
def test_a_build_that_is_killed_at_a_commit_loses_what_was_in_it_at_most(tmp_path: Path, number: int, when: str) -> None:
    root, whole = write_project(tmp_path / "film", SMALL), write_project(tmp_path / "whole", SMALL)
    argv = [sys.executable, "-c", KILLED, str(root), str(number), when]
    repository = Path(__file__).parents[2]
    killed = subprocess.run(argv, cwd=repository, check=False, timeout=120)
    assert killed.returncode == -9
    kept = {key for key, _, _ in fake_workspace(root).rooms.actions.rows()}
    assert len(kept) >= number - (when == "before")
    again, expected = fake_workspace(root).build(), fake_workspace(whole).build()
    assert len(again.ran) == len(expected.ran) - len(kept)
    assert set(again.results) == set(expected.results)
    takes = {shot: len(state.takes) for shot, state in fake_workspace(root).rooms.ledgers.everything().items()}
    assert takes == {shot: len(state.takes) for shot, state in fake_workspace(whole).rooms.ledgers.everything().items()}
    assert fake_workspace(root).build().ran == ()
