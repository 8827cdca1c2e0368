"""Ledgers against Git: what was committed is never gone, and every line is whole."""

import subprocess
from pathlib import Path

import pytest

from shotbuild.errors import Location, SpecErrors
from shotbuild.records import NOTE, Decision
from shotbuild.rooms import Rooms
from shotbuild.spec.events import decision_line
from shotbuild.takes.sealed import check_ledgers

HERE = Location(file="takes/a.jsonl", line=1, column=1)


def note(text: str, after: tuple[str, ...] = ()) -> str:
    said = Decision(
        id="", after=after, kind=NOTE, by="Ann <ann@studio.example>", why=text, at="2026-01-01T00:00:00Z", location=HERE
    )
    return decision_line(said)


def id_of(line: str) -> str:
    return line.split('"id":"')[1][:16]


def git(root: Path, *words: str) -> None:
    person = ("-c", "user.name=Ann", "-c", "user.email=ann@studio.example")
    subprocess.run(["git", *person, *words], cwd=root, check=True, capture_output=True)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project below the root of a repository, with a ledger that was committed."""
    root = tmp_path / "films/one"
    (root / "takes").mkdir(parents=True)
    (root / "takes/a.jsonl").write_text(note("one") + "\n")
    (root / ".gitattributes").write_text("takes/*.jsonl merge=union\n")
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "one")
    return root


def check(root: Path, since: str | None = None) -> int:
    return check_ledgers(Rooms(root, lambda _: None), since)


def refused(root: Path, since: str | None = None) -> list[str]:
    with pytest.raises(SpecErrors) as caught:
        check(root, since)
    return [f"{error.location}: {error.message}; {error.cause}" for error in caught.value.errors]


def add(root: Path, *lines: str, shot: str = "a") -> None:
    with (root / f"takes/{shot}.jsonl").open("a") as ledger:
        ledger.writelines(f"{line}\n" for line in lines)


def test_lines_that_are_added_are_right(root: Path) -> None:
    add(root, note("two", (id_of(note("one")),)))
    add(root, note("new"), shot="b")
    assert check(root) == 2


def test_a_line_that_is_gone_is_an_error_also_after_a_commit_when_a_base_is_named(root: Path) -> None:
    add(root, note("two"))
    git(root, "commit", "-qam", "two")
    (root / "takes/a.jsonl").write_text(note("two") + "\n")
    (told,) = refused(root)
    assert told.startswith("takes/a.jsonl:1:1: takes/a.jsonl lacks lines that were committed")
    assert "line 1 of it" in told
    git(root, "switch", "-qc", "work")
    git(root, "commit", "-qam", "lost")
    assert check(root) == 1
    assert refused(root, "main")


def test_a_ledger_that_is_gone_is_an_error(root: Path) -> None:
    (root / "takes/a.jsonl").unlink()
    assert "takes/a.jsonl is gone" in refused(root)[0]


def test_what_came_to_a_base_later_is_not_missed(root: Path) -> None:
    git(root, "switch", "-qc", "work")
    git(root, "switch", "-q", "main")
    add(root, note("meanwhile"))
    git(root, "commit", "-qam", "meanwhile")
    git(root, "switch", "-q", "work")
    assert check(root, "main") == 1


def test_a_merge_in_another_order_is_right_and_one_that_dropped_a_side_is_not(root: Path) -> None:
    git(root, "switch", "-qc", "work")
    add(root, note("mine"))
    git(root, "commit", "-qam", "mine")
    git(root, "switch", "-q", "main")
    add(root, note("theirs"))
    git(root, "commit", "-qam", "theirs")
    git(root, "merge", "--no-commit", "--no-ff", "work")
    assert check(root) == 1
    one, *others = (root / "takes/a.jsonl").read_text().splitlines()
    (root / "takes/a.jsonl").write_text("\n".join([*reversed(others), one]))
    assert check(root) == 1
    (root / "takes/a.jsonl").write_text(f"{note('one')}\n{note('theirs')}\n")
    assert "lacks lines" in refused(root)[0]


def test_lines_that_were_changed_cut_or_left_by_a_conflict_are_told_with_their_place(root: Path) -> None:
    add(root, note("two").replace("two", "2"), note("three")[:-9], "<<<<<<< ours")
    told = refused(root)
    assert [line.split(": ")[0] for line in told] == [f"takes/a.jsonl:{number}:1" for number in (2, 3, 4)]


def test_a_line_may_follow_one_of_another_ledger_and_none_that_is_nowhere(root: Path) -> None:
    add(root, note("moved here", (id_of(note("one")),)), shot="b")
    assert check(root) == 2
    add(root, note("loose", ("0123456789abcdef",)), shot="b")
    assert "takes/b.jsonl:2:1" in refused(root)[0]


def test_outside_of_a_repository_and_before_the_first_commit_lines_alone_are_looked_at(tmp_path: Path) -> None:
    (tmp_path / "takes").mkdir()
    assert check(tmp_path) == 0
    add(tmp_path, note("one"))
    assert check(tmp_path) == 1
    git(tmp_path, "init", "-q")
    assert check(tmp_path) == 1
    add(tmp_path, note("two")[:-3])
    assert refused(tmp_path)
