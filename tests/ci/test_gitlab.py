"""GitLab's code quality report."""

import json
from pathlib import Path
from typing import Any

from shotbuild.ci.gitlab import code_quality
from shotbuild.errors import Location, NeedsPerson, SpecError, SpecErrors


def report(root: Path, *errors: SpecError) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(code_quality(SpecErrors(errors), root))
    return rows


def wrong(line: int, message: str = "wrong") -> SpecError:
    return SpecError(message, location=Location(file="specs/a.yaml", line=line, column=3), cause="why")


def test_each_error_has_what_gitlab_asks_for(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "one").mkdir()
    (row,) = report(tmp_path / "one", wrong(4))
    assert row.pop("fingerprint")
    assert row == {
        "description": "wrong (why)",
        "check_name": "shotbuild/SpecError",
        "severity": "blocker",
        "location": {"path": "one/specs/a.yaml", "lines": {"begin": 4}},
    }


def test_a_fingerprint_stays_when_lines_above_it_move_and_tells_errors_apart(tmp_path: Path) -> None:
    before = [row["fingerprint"] for row in report(tmp_path, wrong(4), wrong(9), wrong(11, "other"))]
    after = [row["fingerprint"] for row in report(tmp_path, wrong(14), wrong(19), wrong(21, "other"))]
    assert before == after
    assert len(set(before)) == 3


def test_nothing_wrong_is_an_empty_list_and_an_error_without_a_place_stands_in_the_project_file(tmp_path: Path) -> None:
    assert json.loads(code_quality(None, tmp_path)) == []
    (row,) = json.loads(code_quality(NeedsPerson("they contradict each other"), tmp_path))
    assert row["location"] == {"path": "shotbuild.yaml", "lines": {"begin": 1}}
