"""`takes`, and how `status`, `plan` and `explain` tell what people chose."""

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from shotbuild.errors import Location
from shotbuild.ledgers import clock
from shotbuild.records import APPROVE, NOTE, Decision
from shotbuild.spec.events import decision_line
from shotbuild.takes import table
from shotbuild.workspace import Workspace
from tests.cli.conftest import Call, edit

ANN, BOB = "Ann Lee <ann@x.example>", "Bob Ray <bob@x.example>"


@pytest.fixture
def columns(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("COLUMNS", "200")
    return monkeypatch


def say(root: Path, shot: str, kind: str, *, by: str = ANN, number: int | None = 1, **more: Any) -> None:
    workspace = Workspace(root)
    _ = workspace.project
    takes = {take.number: take for take in workspace.rooms.ledgers.of(shot).takes}
    video = None if number is None else takes[number].video.sha256
    here = Location(file="", line=1, column=1)
    said = Decision(id="", after=(), kind=kind, video=video, by=by, at=clock(), location=here, **more)
    workspace.rooms.ledgers.decide(shot, said)


def contradict(root: Path, shot: str) -> None:
    """Two people on two branches approve different takes."""
    workspace = Workspace(root)
    _ = workspace.project
    state = workspace.rooms.ledgers.of(shot)
    here = Location(file="", line=1, column=1)
    with (root / f"takes/{shot}.jsonl").open("a") as ledger:
        for take, by in zip(state.takes[:2], (ANN, BOB), strict=True):
            said = Decision(
                id="", after=state.heads, kind=APPROVE, video=take.video.sha256, by=by, at=clock(), location=here
            )
            ledger.write(decision_line(said) + "\n")


def stale(root: Path) -> None:
    say(root, "sh010", APPROVE, role="director")
    edit(root, "a lighthouse", "a windmill")


# --- takes ----------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("columns")
def test_takes_lists_a_row_for_each_take(film: Path, call: Call) -> None:
    say(film, "sh010", APPROVE, role="director")
    told = call(film, "takes")
    assert (told.code, told.err) == (0, "")
    lines = told.out.splitlines()
    assert lines[0].split() == ["cut", "take", "code", "name", "state", "seed", "model", "cost", "made", "prompt"]
    assert len(lines) == 4
    wanted = (
        r"\*    sh010 t1  sh010t01  sh010@[0-9a-f]{8}  approved by Ann Lee \(director\), current  \d+ +storyboard  free  "
    )
    assert re.match(wanted + r"\d{4}-\d\d-\d\d \d\d:\d\d  Wide shot of a lighthouse at dusk\.$", lines[1]), lines[1]
    assert len(call(film, "takes", "sh010", "sh030").out.splitlines()) == 3


@pytest.mark.parametrize("width", [40, 60, 80, 100, 140, 300])
def test_rows_stay_in_the_terminal_and_keep_what_matters(
    film: Path, call: Call, columns: pytest.MonkeyPatch, width: int
) -> None:
    for role in ("director", "client"):
        say(film, "sh010", APPROVE, role=role)
    edit(film, "Close-up, he reaches the lamp room.", "光" * 5 + " he reaches the lamp room, " * 20)
    columns.setenv("COLUMNS", str(width))
    lines = call(film, "takes").out.splitlines()
    assert all(len(line) <= max(width, 70) for line in lines)
    assert [re.findall(r"sh0\d0 t\d", line) for line in lines[1:]] == [["sh010 t1"], ["sh020 t1"], ["sh030 t1"]]
    assert "approved" in lines[1]
    assert "client" in lines[1]


def test_takes_csv_can_be_read_back(film: Path, call: Call) -> None:
    say(film, "sh010", NOTE, why="=1+1")
    told = call(film, "takes", "--csv")
    rows = list(csv.DictReader(io.StringIO(told.out, newline="")))
    assert tuple(rows[0]) == table.COLUMNS
    assert [row["shot"] for row in rows] == ["sh010", "sh020", "sh030"]
    assert rows[0]["notes"] == "'=1+1"
    assert (rows[0]["size"], rows[0]["rate"], rows[0]["frames"]) == ("64x36", "24", "2")


def test_takes_json_is_a_document(film: Path, call: Call) -> None:
    found = json.loads(call(film, "takes", "sh010 t1", "--json").out)
    assert found["schema"] == "shotbuild/takes/1"
    assert set(found) == {"schema", "takes"}
    take = found["takes"][0]
    assert (take["shot"], take["number"], take["stands"], take["state"]) == ("sh010", 1, True, ["current"])
    assert take["recipe"]["parameters"]["prompt"] == "Wide shot of a lighthouse at dusk."
    assert {"streams", "cost", "pin", "inputs", "video", "operation", "record"} <= set(take)
    assert set(json.loads(call(film, "takes", "--history", "--json").out)) == {"schema", "takes", "events"}


def test_history_tells_who_said_what(film: Path, call: Call) -> None:
    say(film, "sh010", APPROVE, role="director", why="the light")
    say(film, "sh010", NOTE, why="crop it", frames=(3, 9))
    told = call(film, "takes", "sh010", "--history").out.splitlines()
    assert told[0].split() == ["event", "when", "who", "what", "why"]
    assert re.search(r"^[0-9a-f]{16}  .* take t1 \(sh010@[0-9a-f]{8}\)", told[1])
    assert re.search(rf"{re.escape(ANN)}  approve t1 \(sh010@[0-9a-f]{{8}}\) as director +the light$", told[2])
    assert re.search(r"note on t1 \(sh010@[0-9a-f]{8}\) frames 3-9 +crop it$", told[3])


def test_history_marks_where_branches_end(film: Path, call: Call) -> None:
    call(film, "roll", "sh010")
    contradict(film, "sh010")
    told = call(film, "takes", "sh010", "--history")
    assert [line.startswith("*") for line in told.out.splitlines()[1:]] == [False, False, True, True]
    assert "no other one follows" in told.err


def test_the_request_that_was_sent_is_printed_from_the_store(film: Path, call: Call) -> None:
    found = json.loads(call(film, "takes", "sh010", "t1", "--request").out)
    assert found["schema"] == "shotbuild/record/1"
    assert found["sent"]["prompt"] == "Wide shot of a lighthouse at dusk."
    edit(film, "a lighthouse", "a windmill")
    assert json.loads(call(film, "takes", "sh010t01", "--request").out) == found


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--request"], "--request needs a take"),
        (["sh010", "sh020", "--request"], "names 2"),
        (["--csv", "--json"], "ask for one"),
        (["--csv", "--history"], "ask for one"),
        (["sh010", "--request", "--history"], "ask for one"),
        (["sh01"], "write `sh010`"),
        (["status:nothing"], "no state of a take"),
    ],
)
def test_takes_asked_wrong_is_2(made: Path, call: Call, arguments: list[str], told: str) -> None:
    found = call(made, "takes", *arguments)
    assert (found.code, found.out) == (2, "")
    assert told in found.err


def test_hostile_text_steers_no_terminal(film: Path, call: Call) -> None:
    say(film, "sh010", APPROVE, by="Ann \x1b[31m <ann@x.example>", why="\x1b]0;owned\x07 \n second")
    for arguments in (
        ["takes"],
        ["takes", "--history"],
        ["takes", "--csv"],
        ["takes", "--json"],
        ["status"],
        ["explain", "sh010"],
    ):
        told = call(film, *arguments)
        assert told.code == 0
        assert "\x1b" not in told.out + told.err
        assert "\x07" not in told.out + told.err


def test_a_project_without_takes_says_so(film: Path, call: Call) -> None:
    for path in (film / "takes").iterdir():
        path.unlink()
    for arguments in (["takes"], ["takes", "--history"]):
        told = call(film, *arguments)
        assert (told.code, told.out) == (0, "")
        assert "`shotbuild build` makes" in told.err
    assert call(film, "takes", "--csv").out.splitlines() == [",".join(table.COLUMNS)]


# --- status, plan, explain ------------------------------------------------------------------------------------------------


def test_status_shows_the_take_and_who_chose_it(film: Path, call: Call) -> None:
    say(film, "sh010", APPROVE, role="director")
    told = call(film, "status").out.splitlines()
    assert told[0].split()[:5] == ["kind", "name", "state", "take", "takes"]
    assert re.match(r"shot +sh010 +ready +t1 approved +1 ", told[1])
    assert re.match(r"shot +sh020 +ready +t1 +1 ", told[2])
    assert len(told) == 6


def test_status_shows_what_moved_on_and_the_ways_out(film: Path, call: Call) -> None:
    stale(film)
    told = call(film, "status")
    assert re.search(r"^shot +sh010 +stale-approved +t1 approved ", told.out, re.M)
    assert f"sh010  t1 approved by {ANN} (director); the spec has moved on: prompt\n" in told.out
    assert re.search(r'^    - +"prompt": "Wide shot of a lighthouse at dusk."', told.out, re.M)
    assert re.search(r'^    \+ +"prompt": "Wide shot of a windmill at dusk."', told.out, re.M)
    for way in ("approve sh010 --keep", "reopen sh010", "roll sh010"):
        assert told.out.count(f"shotbuild {way}") == 1
    item = json.loads(call(film, "status", "--json").out)["items"][0]
    assert (item["state"], item["choice"], item["number"]) == ("stale-approved", "approved", 1)
    assert len(item["differs"]) == 2


def test_status_and_explain_show_both_sides_of_a_conflict(film: Path, call: Call) -> None:
    call(film, "roll", "sh010")
    contradict(film, "sh010")
    for arguments in (["status"], ["explain", "sh010"]):
        told = call(film, *arguments).out
        assert "the decisions on sh010 contradict each other" in told
        for number, by in ((1, ANN), (2, BOB)):
            assert [
                line for line in told.splitlines() if line.startswith("    ") and f"sh010 t{number}" in line and by in line
            ]
        assert "shotbuild approve sh010@" in told
    assert call(film, "plan").code == 5


def test_plan_marks_what_is_stale(film: Path, call: Call) -> None:
    assert "!" not in call(film, "plan").out
    stale(film)
    told = call(film, "plan")
    assert re.search(
        rf"^! sh010  t1 approved by {re.escape(ANN)} \(director\); the spec has moved on: prompt$", told.out, re.M
    )
    assert "a windmill at dusk" in told.out
    assert "1 stale-approved (!); 0 to generate" in told.out.splitlines()[-1]
    found = json.loads(call(film, "plan", "--json").out)["choices"]
    assert [choice["shot"] for choice in found] == ["sh010", "sh020", "sh030"]
    assert set(found[0]) == {"shot", "how", "take", "number", "stale", "differs", "conflict", "decided"}
    assert (found[0]["how"], found[0]["stale"], found[0]["decided"]) == ("approved", True, [f"{ANN} (director)"])
    assert (found[1]["how"], found[1]["stale"], found[1]["decided"]) == ("newest", False, [])


def test_every_field_that_moved_on_is_named(film: Path, call: Call) -> None:
    stale(film)
    edit(film, "tags: [day]}", "tags: [day], seed: 5, duration: 3f}")
    assert "the spec has moved on: frames, prompt, seed\n" in call(film, "plan").out


def test_what_is_kept_or_reopened_is_stale_no_more(film: Path, call: Call) -> None:
    stale(film)
    assert call(film, "approve", "sh010", "--keep", "--by", ANN).code == 0
    assert "!" not in call(film, "plan").out
    assert call(film, "reopen", "sh010", "--by", ANN).code == 0
    assert "1 to generate" in call(film, "plan").out


def test_explain_begins_with_who_chose(film: Path, call: Call) -> None:
    say(film, "sh010", APPROVE)
    assert call(film, "explain", "sh010").out.startswith(f"sh010  t1 approved by {ANN}\n")
    edit(film, "a lighthouse", "a windmill")
    told = call(film, "explain", "sh010").out.splitlines()
    assert told[0] == f"sh010  t1 approved by {ANN}; the spec has moved on: prompt"
    assert [line.split()[0] for line in told[1:3]] == ["-", "+"]
    assert [line.partition(":")[0] for line in told[3:6]] == ["keep it", "reopen it", "try beside"]
    found = json.loads(call(film, "explain", "sh010", "--json").out)
    assert [choice["shot"] for choice in found["choices"]] == ["sh010"]
    assert found["choices"][0]["differs"] == [line.removeprefix("    ") for line in told[1:3]]


def test_a_build_names_the_take_that_it_made(film: Path, call: Call) -> None:
    edit(film, "a lighthouse", "a windmill")
    told = call(film, "build", "sh010")
    name = json.loads(call(film, "takes", "sh010 t2", "--json").out)["takes"][0]["name"]
    assert re.search(rf"^  done +sh010/t1  [0-9.]+ s  {name}$", told.err, re.M)


# --- marks, and a whole sequence ------------------------------------------------------------------------------------------

DRAWN = ("arrow 100,200 300,400", "pen 0,0 10000,10000")


def test_marks_are_shown_by_all_that_shows_what_was_said(film: Path, call: Call, columns: pytest.MonkeyPatch) -> None:
    drawn = [word for mark in DRAWN for word in ("--mark", mark)]
    noted = call(film, "note", "sh010", "t1", "hand", "--frame", "1", *drawn, "--by", ANN)
    assert (noted.code, noted.out.rstrip().endswith(f"noted by {ANN}, 2 marks: hand")) == (0, True)
    rejected = call(film, "reject", "sh010 t1", "--why", "hand", "--frames", "0-1", *drawn[:2], "--by", ANN, "--json")
    assert json.loads(rejected.out)["decisions"][0]["marks"] == [DRAWN[0]]
    (row,) = json.loads(call(film, "takes", "sh010", "--json").out)["takes"]
    assert [each["marks"] for each in (*row["notes"], *row["rejections"])] == [list(DRAWN), [DRAWN[0]]]
    events = json.loads(call(film, "takes", "sh010", "--history", "--json").out)["events"]
    assert [event.get("marks") for event in events] == [None, list(DRAWN), [DRAWN[0]]]
    assert "frames 1, 2 marks" in call(film, "takes", "sh010", "--history").out


@pytest.mark.parametrize(
    "words",
    [["--mark", DRAWN[0]], ["--frame", "1", "--mark", "circle 1,2 3,4"], ["--frame", "1", "--mark", "box 1,2"]],
    ids=str,
)
def test_a_mark_that_cannot_be_drawn_is_2(film: Path, call: Call, words: list[str]) -> None:
    ran = call(film, "note", "sh010", "t1", "hand", *words, "--by", ANN)
    assert (ran.code, "--mark" in ran.err) == (2, True)


def test_a_sequence_is_approved_once_every_shot_is_decided(film: Path, call: Call) -> None:
    say(film, "sh010", "pick")
    refused = call(film, "approve", "--sequence", "opening", "--by", ANN)
    assert (refused.code, "sh020: nobody picked or approved t1" in refused.err) == (3, True)
    say(film, "sh020", "pick")
    approved = call(film, "approve", "--sequence", "opening", "--role", "client", "--by", ANN, "--json")
    assert [each["shot"] for each in json.loads(approved.out)["decisions"]] == ["sh010", "sh020"]
    again = call(film, "approve", "--sequence", "opening", "--role", "client", "--by", ANN)
    assert (again.code, "is approved as client already" in again.err) == (2, True)


@pytest.mark.parametrize("words", [["sh010"], ["--keep"]])
def test_a_sequence_is_approved_as_a_whole(film: Path, call: Call, words: list[str]) -> None:
    ran = call(film, "approve", *words, "--sequence", "opening", "--by", ANN)
    assert (ran.code, "every shot of it" in ran.err) == (2, True)


def test_approving_nothing_is_2_and_says_what_to_write(film: Path, call: Call) -> None:
    ran = call(film, "approve", "--by", ANN)
    assert (ran.code, "no take is named" in ran.err) == (2, True)
