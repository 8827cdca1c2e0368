"""`migrate` in this process: what it prints, what it streams, and with which code it ends."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Call, edit
from tests.e2e.conftest import contents

ANN = "Ann Lee <ann@x.example>"


@pytest.fixture
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


@pytest.mark.usefixtures("wide")
def test_the_report_tells_what_is_lost_and_makes_nothing(film: Path, call: Call) -> None:
    edit(film, "{place: a lighthouse}", "{place: a lighthouse}, settings: {sound: scratch}")
    call(film, "build", "sh010")
    call(film, "approve", "sh010", "--by", ANN)
    before = contents(film, "takes")
    told = call(film, "migrate", "sh010", "sh020", "--to", "minimax/MiniMax-Hailuo-02", "--report-only")
    assert (told.code, told.err) == (0, "")
    lines = [" ".join(line.split()) for line in told.out.splitlines()]
    assert lines[0] == "shot what as it stands with minimax/MiniMax-Hailuo-02"
    assert lines[1] == f"sh010 take t2 approved by {ANN} 1 to make"
    assert "settings.sound scratch LOST: it has no such setting" in lines
    assert "settings.overlay full (default) LOST: it has no such setting" in lines
    assert "model board/storyboard minimax/MiniMax-Hailuo-02" in lines
    assert any(line.startswith("price free, exact 0.28 USD, estimated from the list of ") for line in lines)
    assert "pin exact: the same bytes every time name only: may change any day" in lines
    assert lines[-1] == "2 takes to make; cost: 0.56 USD"
    told = call(film, "migrate", "sh010", "--to", "kling/kling-3.0", "--report-only")
    assert (told.code, told.out.splitlines()[-1]) == (3, "0 takes to make; cost: free")
    assert "specs/opening.yaml:2:3: error: sh010: this is shorter than model 'kling-3.0' makes" in told.err
    assert contents(film, "takes") == before


def test_what_is_made_is_streamed_and_what_stands_stays(film: Path, call: Call) -> None:
    before = call(film, "status").out.splitlines()
    said = call(film, "migrate", "sh030", "--to", "animatic", "--set", "overlay=none", "--json")
    assert said.code == 0
    looked, *made, compared, summary = said.events
    assert (looked["event"], looked["schema"], looked["missing"]) == ("rehearsal", "shotbuild/migrate/1", 1)
    (shot,) = looked["shots"]
    assert (shot["shot"], shot["number"], shot["write"], shot["blocked"]) == ("sh030", 1, {"overlay": "none"}, [])
    assert {event["event"] for event in made} == {"planned", "started", "finished"}
    assert (compared["event"], compared["shot"], compared["number"]) == ("compared", "sh030", 2)
    assert any('"overlay": "none"' in line for line in compared["recipe"])
    assert compared["same_bytes"] or compared["pictures"]["compared"] == 2
    assert summary["generated"] == 1
    after = call(film, "status").out.splitlines()
    assert [line.replace("  2  ", "  1  ") for line in after] == before
    assert "animatic/storyboard" in json.loads((film / "shotbuild.lock").read_text())["providers"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--to", "animatik"], "hint: write `--to animatic`"),
        (["--to", "animatic", "--set", "overlay"], "hint: write `--set NAME=VALUE`"),
        (["--to", "animatic", "--set", "overlay=no"], "--set overlay: unknown word 'no'"),
        (["--to", "board"], "sh010 is asked of board/storyboard already"),
    ],
)
def test_what_cannot_be_meant_is_told(film: Path, call: Call, words: list[str], said: str) -> None:
    told = call(film, "migrate", "sh010", *words)
    assert told.code in (2, 3)
    assert said in told.err


def test_an_error_ends_the_stream_as_everywhere(film: Path, call: Call) -> None:
    said = call(film, "migrate", "sh010", "--to", "animatik", "--json")
    assert (said.code, [event["event"] for event in said.events]) == (2, ["error", "summary"])
