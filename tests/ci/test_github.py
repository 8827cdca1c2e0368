"""What GitHub's runner reads, and what it must not."""

import re
from pathlib import Path

import pytest

from shotbuild.ci.github import ERROR, MOST, SUMMARY, SUMMARY_BYTES, annotations, harmless, summarize
from shotbuild.errors import Location, PlanError, ShotbuildError, SpecError, SpecErrors


def wrong(line: int, message: str = "wrong", file: str = "specs/a.yaml") -> SpecError:
    return SpecError(message, location=Location(file=file, line=line, column=3))


def read(line: str) -> tuple[dict[str, str], str]:
    """A command as the runner reads it: properties and text."""
    found = re.fullmatch(r"::(error|warning) ([^:]*)::(.*)", line)
    assert found is not None, line

    def plain(text: str) -> str:
        for code, char in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
            text = text.replace(code, char)
        return text

    return {name: plain(value) for name, _, value in (pair.partition("=") for pair in found[2].split(","))}, plain(found[3])


def test_paths_are_those_of_the_repository(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    root = tmp_path / "films/one"
    root.mkdir(parents=True)
    (line,) = annotations(ERROR, [wrong(4)], root)
    assert read(line) == ({"file": "films/one/specs/a.yaml", "line": "4", "col": "3", "title": "shotbuild"}, "wrong")
    (line,) = annotations(ERROR, [wrong(4)], tmp_path)
    assert read(line)[0]["file"] == "specs/a.yaml"


def test_of_a_worktree_git_is_a_file(tmp_path: Path) -> None:
    (tmp_path / ".git").write_text("gitdir: elsewhere\n")
    (tmp_path / "one").mkdir()
    assert read(annotations(ERROR, [wrong(1)], tmp_path / "one")[0])[0]["file"] == "one/specs/a.yaml"


def test_nothing_in_a_message_or_a_name_ends_the_command(tmp_path: Path) -> None:
    hostile = "50%, a:b\n::set-output name=x::y\r\n%0A ::error::"
    error = SpecError(hostile, location=Location(file="specs/a,b:c%.yaml", line=1, column=1), cause="c\nd", hint="h")
    (line,) = annotations(ERROR, [error], tmp_path)
    assert "\n" not in line
    assert "\r" not in line
    properties, text = read(line)
    assert properties["file"] == "specs/a,b:c%.yaml"
    assert text.endswith("cause: c\nd\nhint: h")


@pytest.mark.parametrize(("errors", "told"), [(3, 3), (10, 10), (11, 10), (500, 10)])
def test_what_is_more_than_github_shows_is_counted(tmp_path: Path, errors: int, told: int) -> None:
    lines = annotations(ERROR, [SpecErrors([wrong(line) for line in range(1, errors + 1)])], tmp_path)
    assert len(lines) == told
    if errors > MOST:
        assert lines[-1] == f"::error title=shotbuild::{errors - MOST + 1} more of them, which the log has"


def test_what_has_no_place_and_what_was_said_are_left_out(tmp_path: Path) -> None:
    errors: list[ShotbuildError] = [wrong(1), wrong(1), PlanError("nowhere")]
    assert len(annotations(ERROR, errors, tmp_path)) == 1


@pytest.mark.parametrize(
    "text", ["::error::x", "  ::add-mask::x", "a\n\t::stop-commands::x\nb", "##[add-matcher]x", "x ##[error]y"]
)
def test_no_line_of_a_log_is_a_command(text: str) -> None:
    for line in harmless(text).split("\n"):
        assert not line.lstrip().startswith("::")
        assert "##[" not in line


def test_a_summary_is_appended_while_it_has_room(tmp_path: Path) -> None:
    path = tmp_path / "summary.md"
    here = {"GITHUB_ACTIONS": "true", SUMMARY: str(path)}
    summarize("one", here)
    summarize("two", here)
    assert path.read_text() == "one\ntwo\n"
    path.write_bytes(b"x" * (SUMMARY_BYTES - 2))
    summarize("three", here)
    assert path.stat().st_size == SUMMARY_BYTES - 2
    summarize("four", {SUMMARY: str(tmp_path / "other.md")})
    summarize("five", {"GITHUB_ACTIONS": "true"})
    assert not (tmp_path / "other.md").exists()
