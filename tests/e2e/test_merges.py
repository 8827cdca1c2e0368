"""Branches that roll and decide apart: Git merges the ledgers, and shotbuild says which decision is needed."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from shotbuild.cli.init import GIT_LINES
from tests.e2e.test_takes import ENV, commit, edit, events, git, run
from tests.fakes import write_project

FILM = {
    "shotbuild.yaml": "shotbuild: 1\nproject: film\nformat: {size: 64x36, rate: 24}\ndefaults: {duration: 2f}\n",
    "specs/opening.yaml": 'shots:\n  sh010: {prompt: "A lighthouse."}\n  sh020: {prompt: The sea.}\n'
    "sequences:\n  opening: {cut: [sh010, sh020]}\n  end: {cut: [sh020]}\n"
    "deliverables:\n  last: {sequence: end, profile: preview}\n",
    **{name: "\n".join(lines) + "\n" for name, lines in GIT_LINES.items()},
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write_project(tmp_path_factory.mktemp("made") / "film", FILM)
    git(root, "init", "-q", "-b", "main")
    run(root, "build", "sh010", "sh020")
    commit(root, "built")
    return root


@pytest.fixture
def film(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "film", symlinks=True))


def branch(root: Path, name: str, *, seed: str, count: int = 1) -> str:
    """A branch from main that rolls takes of its own and approves the newest; gives that take's name."""
    git(root, "checkout", "-q", "-b", name, "main")
    edit(root, "specs/opening.yaml", "A lighthouse.", f"A lighthouse, {seed}.")
    told = run(root, "roll", "sh010", "-n", str(count)).out.splitlines()
    git(root, "checkout", "-q", "--", "specs")
    run(root, "approve", f"sh010 t{count + 1}", "--why", f"because of {name}", "--by", f"{name} <{name}@studio.example>")
    commit(root, name)
    return told[-1].split("  ")[1]


def refused(root: Path, *names: str, commands: tuple[str, ...] = ("build sh010",)) -> None:
    """The commands ask for a person and name all sides; nothing is written."""
    before = events(root, "sh010")
    for words in (command.split() for command in commands):
        told = run(root, *words, code=5)
        for name in names:
            assert name in told.err
    assert events(root, "sh010") == before


def numbers(root: Path) -> list[int]:
    return sorted(int(str(event["number"])) for event in events(root, "sh010") if event["event"] == "take")


def test_two_branches_that_approve_different_takes_merge_and_a_person_is_asked(film: Path) -> None:
    one, two = branch(film, "one", seed="dawn", count=2), branch(film, "two", seed="dusk", count=2)
    git(film, "merge", "-q", "--no-edit", "one")
    assert git(film, "status", "--porcelain") == ""
    said = ("because of one", "because of two", "one@studio.example", "two@studio.example")
    refused(film, one, two, *said, commands=("lint", "plan", "build"))
    problem = json.loads(run(film, "build", "--json", code=5).out.splitlines()[0])
    assert problem["event"] == "error"
    assert "conflict" in run(film, "status").out
    assert run(film, "build", "sh020").code == 0
    assert run(film, "deliver", "end/last").code == 0
    assert numbers(film) == [1, 2, 2, 3, 3]
    told = run(film, "approve", "sh010 t3", code=2)
    assert one in told.err
    assert two in told.err
    run(film, "approve", one, "--why", "seen both")
    for words in (["lint"], ["plan"], ["build", "sh010"]):
        run(film, *words)
    commit(film, "decided")
    assert git(film, "log", "--oneline", "-1").endswith("decided\n")


def test_branches_that_approve_the_same_take_merge_without_a_question(film: Path) -> None:
    for name in ("one", "two"):
        git(film, "checkout", "-q", "-b", name, "main")
        run(film, "approve", "sh010 t1", "--role", name)
        commit(film, name)
    git(film, "merge", "-q", "--no-edit", "one")
    run(film, "lint")
    (row,) = [row for row in json.loads(run(film, "status", "--json").out)["items"] if row["name"] == "sh010"]
    assert (row["choice"], len(row["decided"])) == ("approved", 2)


@pytest.mark.slow
def test_three_branches_and_two_merges(film: Path) -> None:
    names = [branch(film, name, seed=name) for name in ("one", "two", "three")]
    git(film, "merge", "-q", "--no-edit", "one")
    git(film, "merge", "-q", "--no-edit", "two")
    assert numbers(film) == [1, 2, 2, 2]
    refused(film, *names)
    run(film, "approve", names[1])
    commit(film, "decided")
    run(film, "lint")
    # What was decided here is known to whoever merges it later, and is asked about no more.
    git(film, "checkout", "-q", "one")
    git(film, "merge", "-q", "--no-edit", "three")
    run(film, "build", "sh010")


@pytest.mark.slow
def test_a_rebase_asks_the_same_question_as_a_merge(film: Path) -> None:
    one, two = branch(film, "one", seed="dawn"), branch(film, "two", seed="dusk")
    git(film, "rebase", "-q", "one")
    assert git(film, "status", "--porcelain") == ""
    assert git(film, "rev-list", "--merges", "HEAD") == ""
    refused(film, one, two)
    run(film, "reopen", "sh010")
    run(film, "build", "sh010")


def test_without_union_merges_the_marks_of_git_are_told_with_what_to_do(film: Path) -> None:
    (film / ".gitattributes").unlink()
    commit(film, "no attributes")
    branch(film, "one", seed="dawn")
    branch(film, "two", seed="dusk")
    done = subprocess.run(
        ["git", "merge", "-q", "--no-edit", "one"], cwd=film, capture_output=True, check=False, env={**os.environ, **ENV}
    )
    assert done.returncode != 0
    told = run(film, "lint", code=2)
    assert "takes/sh010.jsonl:2:1" in told.err
    assert "merge=union" in told.err
    path = film / "takes/sh010.jsonl"
    path.write_text("".join(line for line in path.read_text().splitlines(True) if line[0] == "{"))
    run(film, "lint", code=5)


def test_one_branch_rejects_what_another_approves(film: Path) -> None:
    git(film, "checkout", "-q", "-b", "yes", "main")
    run(film, "approve", "sh010 t1", "--why", "the light")
    commit(film, "yes")
    git(film, "checkout", "-q", "-b", "no", "main")
    run(film, "reject", "sh010 t1", "--why", "the hand")
    commit(film, "no")
    git(film, "merge", "-q", "--no-edit", "yes")
    refused(film, "the light", "the hand", "approved", "rejected", commands=("plan",))
    run(film, "reject", "sh010 t1", "--why", "seen both")
    run(film, "lint")
