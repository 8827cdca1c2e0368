"""`audit` as it is typed, on the animatic, whose pin has no end."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Call

ANN = ("--by", "Ann Lee <ann@studio.example>")


@pytest.fixture
def columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")


@pytest.mark.usefixtures("columns")
def test_audit_shows_pins_tools_and_approved_takes(film: Path, call: Call) -> None:
    assert call(film, "approve", "sh010", *ANN).code == 0
    told = call(film, "audit", "--within", "60d")
    assert (told.code, told.err) == (0, "")
    lines = told.out.splitlines()
    assert lines[0].split() == ["pin", "provider", "model", "version", "strength", "state"]
    assert lines[1].startswith("board/storyboard")
    assert "exact: the same bytes every time" in lines[1]
    assert [line.split()[0] for line in lines if line.endswith("pinned")] == ["board/storyboard", "ffmpeg", "pyav"]
    assert [line.split()[:3] for line in lines if line.startswith("sh0")] == [["sh010", "t1", "Ann"]]
    assert lines[-1] == "1 pin in use; 1 approved take (1 only here)"


def test_words_limit_the_takes_of_the_document(film: Path, call: Call) -> None:
    assert call(film, "approve", "sh010", "sh030", *ANN).code == 0
    told = call(film, "audit", "ending", "--json")
    content = json.loads(told.out)
    assert (told.code, content["schema"], content["within"], content["ending"]) == (0, "shotbuild/audit/1", None, [])
    assert [(take["shot"], take["video_where"], take["provider"]) for take in content["takes"]] == [
        ("sh030", "only_here", "animatic")
    ]
    assert content["shared_store"] is None
    refused = call(film, "audit", "sh099")
    assert refused.code == 2
    assert "sh099" in refused.err


@pytest.mark.parametrize("said", ["60", "2m", "-1d", "1.5d", "d", "60 d", "٦d", "99999d"])
def test_another_length_than_days_and_weeks_is_refused(film: Path, call: Call, said: str) -> None:
    told = call(film, "audit", f"--within={said}")
    assert told.code == 2
    assert "a number of days or weeks, such as `60d` or `8w`" in told.err


def test_weeks_are_seven_days(film: Path, call: Call) -> None:
    assert json.loads(call(film, "audit", "--within", "8w", "--json").out)["within"] == 56
    assert json.loads(call(film, "audit", "--within", "0d", "--json").out)["within"] == 0
