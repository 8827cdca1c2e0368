"""The rows of `takes`, the story of a shot and the record of a take, on a project whose stages write text."""

import csv
import io
import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from shotbuild.errors import BytesLost, Location, PlanError, SpecErrors
from shotbuild.ledgers import clock
from shotbuild.records import APPROVE, NOTE, PICK, REJECT, REOPEN, Decision, Pin, Price, Take
from shotbuild.spec.events import decision_line, sealed
from shotbuild.takes import table
from shotbuild.takes.table import Row
from tests.fakes import SMALL, FakeProvider, fake_workspace, write_project

ANN, BOB = "Ann Lee <ann@x.example>", "Bob Ray <bob@x.example>"
HERE = Location(file="", line=1, column=1)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """sh010 has three takes, sh020 two, sh030 one; sh040 is a plate."""
    root = write_project(tmp_path / "film", SMALL)
    fake_workspace(root).build()
    fake_workspace(root).roll(["sh010"], 2)
    return root


def take_of(root: Path, shot: str, number: int) -> Take:
    workspace = fake_workspace(root)
    _ = workspace.project
    return next(take for take in workspace.rooms.ledgers.of(shot).takes if take.number == number)


def decision(root: Path, shot: str, number: int | None, kind: str, *, by: str = ANN, **more: Any) -> Decision:
    video = None if number is None else take_of(root, shot, number).video.sha256
    return Decision(id="", after=(), kind=kind, video=video, by=by, at=clock(), location=HERE, **more)


def say(root: Path, shot: str, number: int | None, kind: str, *, by: str = ANN, **more: Any) -> None:
    workspace = fake_workspace(root)
    _ = workspace.project
    workspace.rooms.ledgers.decide(shot, decision(root, shot, number, kind, by=by, **more))


def rows(root: Path, *words: str, gone: bool = False) -> dict[str, Row]:
    found = table.rows(fake_workspace(root), words, gone=gone)
    return {f"{row.take.shot} t{row.take.number}": row for row in found}


def edit(root: Path, old: str, new: str) -> None:
    path = root / "specs/opening.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def rewrite(root: Path, shot: str, number: int, **more: object) -> None:
    """A take's event with other content, sealed anew, as another provider would have left it. It must be the last."""
    path = root / f"takes/{shot}.jsonl"
    lines = path.read_text().splitlines()
    event = json.loads(lines[number - 1])
    lines[number - 1] = sealed({name: value for name, value in {**event, **more}.items() if name not in ("id", "v")})
    path.write_text("\n".join(lines) + "\n")


# --- which takes ----------------------------------------------------------------------------------------------------------

ALL = ["sh010 t1", "sh010 t2", "sh010 t3", "sh020 t1", "sh020 t2", "sh030 t1"]


def test_nothing_means_every_take_by_shot_and_number(root: Path) -> None:
    assert list(rows(root)) == ALL


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["sh010"], ALL[:3]),
        (["sh010", "t2"], ["sh010 t2"]),
        (["sh010 t2"], ["sh010 t2"]),
        (["sh030", "sh010", "t3", "sh020t01"], ["sh010 t3", "sh020 t1", "sh030 t1"]),
        (["sh0[12]0"], ALL[:5]),
        (["sh02*", "sh010", "t1"], ["sh010 t1", "sh020 t1", "sh020 t2"]),
        (["opening"], ALL),
        (["tag:night"], ["sh030 t1"]),
        (["tag:cut"], ALL),
        (["sh010 t1", "sh010"], ALL[:3]),
    ],
)
def test_words_mean_takes(root: Path, words: list[str], found: list[str]) -> None:
    edit(root, "prompt: He reaches the lamp room.}", "prompt: He reaches the lamp room., tags: [night]}")
    edit(root, "  opening:\n    cut:", "  opening:\n    tags: [cut]\n    cut:")
    assert list(rows(root, *words)) == found


def test_a_digest_means_one_take(root: Path) -> None:
    assert list(rows(root, take_of(root, "sh010", 2).name)) == ["sh010 t2"]


def test_a_state_means_the_shots_that_are_in_it(root: Path) -> None:
    say(root, "sh010", 2, APPROVE)
    say(root, "sh020", 1, PICK)
    assert list(rows(root, "status:approved")) == ALL[:3]
    assert list(rows(root, "status:picked")) == ALL[3:5]
    assert rows(root, "status:stale-approved") == {}
    edit(root, "a lighthouse", "a windmill")
    assert list(rows(root, "status:stale-approved")) == ALL[:3]


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("sh01", "write `sh010`"),
        ("sh010 t9", "up to t3"),
        ("zz*", "no shot or take"),
        ("tag:nigth", "nothing has the tag"),
        ("status:aproved", "they are approved, picked"),
        ("sh040", "is a plate"),
        ("t3", "no shot or take is called 't3'"),
        ("sh010@00", "no name of a take"),
    ],
)
def test_a_word_that_names_nothing_is_an_error(root: Path, word: str, told: str) -> None:
    with pytest.raises(PlanError) as caught:
        rows(root, word)
    assert told in f"{caught.value.message} {caught.value.cause} {caught.value.hint}"


def test_takes_of_a_shot_that_the_specs_lost_are_shown_when_asked_for(root: Path) -> None:
    edit(root, "  sh010: {template: templates/wide.j2, with: {place: a lighthouse}}\n", "")
    edit(root, "      - sh010\n      - {shot: sh020, in: 12f, out: 40f, transition: {dissolve: 6f}}", "      - sh020")
    assert list(rows(root)) == ALL[3:]
    everything = rows(root, gone=True)
    assert list(everything) == ALL
    assert (everything["sh010 t1"].code, everything["sh010 t1"].stands) == ("", False)
    assert list(rows(root, "sh010", gone=True)) == list(rows(root, "sh01*", gone=True)) == ALL[:3]
    assert list(rows(root, "sh0[12]0", gone=True)) == ALL[:5]
    with pytest.raises(PlanError):
        rows(root, "sh010")


def test_a_shot_that_moved_has_its_takes_once(root: Path) -> None:
    edit(root, "  sh010: {template", "  sh015: {moved: sh010, template")
    edit(root, "- sh010", "- sh015")
    found = rows(root, gone=True)
    assert list(found) == ["sh015 t1", "sh015 t2", "sh015 t3", *ALL[3:]]
    assert list(rows(root, "sh010 t2")) == ["sh015 t2"]


def test_damaged_ledgers_are_told(root: Path) -> None:
    (root / "takes/sh020.jsonl").write_text("{\n")
    with pytest.raises(SpecErrors):
        rows(root, "sh010")


# --- what is true of them -------------------------------------------------------------------------------------------------


def test_the_take_in_the_cut_is_marked_once_for_each_shot(root: Path) -> None:
    found = rows(root)
    assert [name for name, row in found.items() if row.stands] == ["sh010 t3", "sh020 t2", "sh030 t1"]
    assert {row.words for row in found.values()} == {("current",)}
    say(root, "sh010", 1, PICK)
    assert [name for name, row in rows(root, "sh010").items() if row.stands] == ["sh010 t1"]


def test_words_follow_decisions_and_edits(root: Path) -> None:
    say(root, "sh010", 2, REJECT, why="six fingers")
    say(root, "sh010", 1, APPROVE, role="director")
    say(root, "sh010", 1, APPROVE, by=BOB, role="client")
    say(root, "sh020", 1, PICK)
    found = rows(root)
    assert found["sh010 t1"].words == ("approved", "current")
    assert {each.role for each in found["sh010 t1"].approvals} == {"director", "client"}
    assert found["sh010 t2"].words == ("rejected", "current")
    assert found["sh020 t1"].words == ("picked", "current")
    edit(root, "a lighthouse", "a windmill")
    found = rows(root)
    assert found["sh010 t1"].words == ("approved", "stale")
    assert found["sh010 t3"].words == ()
    say(root, "sh010", None, REOPEN)
    assert rows(root)["sh010 t1"].words == ()


def test_contradicting_decisions_mark_both_takes(root: Path) -> None:
    workspace = fake_workspace(root)
    _ = workspace.project
    heads = workspace.rooms.ledgers.of("sh010").heads
    with (root / "takes/sh010.jsonl").open("a") as ledger:
        for number, by in ((1, ANN), (2, BOB)):
            ledger.write(decision_line(replace(decision(root, "sh010", number, APPROVE, by=by), after=heads)) + "\n")
    found = rows(root)
    assert [name for name, row in found.items() if "conflict" in row.words] == ["sh010 t1", "sh010 t2"]
    assert list(rows(root, "status:conflict")) == ALL[:3]
    assert sum(told.head for told in table.story(fake_workspace(root), ["sh010"])) == 2


def test_lost_bytes_are_told(root: Path) -> None:
    video = take_of(root, "sh010", 2).video
    fake_workspace(root).rooms.blobs.path(video).unlink()
    assert rows(root)["sh010 t2"].words == ("current", "missing")


def test_nothing_is_made_and_no_step_is_looked_up(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = fake_workspace(root)
    monkeypatch.setattr(workspace.rooms, "lookup", lambda *_: pytest.fail("a step was looked up"))
    assert len(table.rows(workspace)) == len(ALL)


# --- for machines ---------------------------------------------------------------------------------------------------------


def cells(root: Path, name: str) -> dict[str, str]:
    return dict(zip(table.COLUMNS, table.cells(rows(root)[name]), strict=True))


def test_csv_has_every_column(root: Path) -> None:
    say(root, "sh010", 1, APPROVE, role="director", why="the light")
    say(root, "sh010", 1, NOTE, why="crop it", frames=(3, 9))
    say(root, "sh010", 2, REJECT, why='six "fingers", again\nand again')
    text = io.StringIO()
    csv.writer(text).writerows([table.cells(row) for row in rows(root).values()])
    read = [dict(zip(table.COLUMNS, row, strict=True)) for row in csv.reader(io.StringIO(text.getvalue(), newline=""))]
    first, take = read[0], take_of(root, "sh010", 1)
    assert len(read) == len(ALL)
    assert first["name"] == take.name
    assert first["code"] == "sh010t01"
    assert first["state"] == "approved current"
    assert first["stands"] == "yes"
    assert (first["approved_by"], first["roles"]) == (ANN, "director")
    assert first["notes"] == "[3-9] crop it"
    assert read[1]["reason"] == 'six "fingers", again\nand again'
    assert first["prompt"] == "Wide shot of a lighthouse."
    assert first["sha256"] == take.video.sha256
    assert first["bytes"] == str(take.video.size)
    assert first["seconds"] == "2"
    assert (first["cost_estimated"], first["currency"]) == ("0", "USD")
    assert (first["provider"], first["model"], first["foreign"]) == ("animatic", "storyboard", "")
    assert json.loads(first["settings"]) == {"sound": "silent"}
    assert read[5]["references"].startswith("first_frame=")
    assert read[5]["references"].endswith(f"continues={take_of(root, 'sh020', 2).video.sha256}")


@pytest.mark.parametrize("prompt", ["=cmd()", "+1", "-1", "@sum", "\ttab", "＝x"])
def test_a_cell_that_a_spreadsheet_would_run_is_made_harmless(root: Path, prompt: str) -> None:
    say(root, "sh010", 1, NOTE, why=prompt)
    say(root, "sh010", 2, NOTE, why=f"a{prompt}")
    assert cells(root, "sh010 t1")["notes"] == f"'{prompt}"
    assert cells(root, "sh010 t2")["notes"] == f"a{prompt}"


def test_costs_are_as_charged_else_as_estimated(tmp_path: Path) -> None:
    root = write_project(tmp_path / "film", SMALL | {"shotbuild.yaml": SMALL["shotbuild.yaml"] + "budget: {limit: 9 USD}\n"})
    provider = FakeProvider(price_of_one=Price(amount=Fraction(1, 8), currency="USD", exact=False))
    fake_workspace(root, provider=provider).build(["sh010"])
    row = rows(root)["sh010 t1"]
    assert table.cost(row) == "~0.13 USD"
    assert cells(root, "sh010 t1")["cost_estimated"] == "0.125"
    assert cells(root, "sh010 t1")["cost_charged"] == ""
    charged = {"amount": "1/5", "currency": "EUR", "exact": True}
    rewrite(root, "sh010", 1, cost={"estimated": None, "charged": charged})
    assert table.cost(rows(root)["sh010 t1"]) == "0.20 EUR"
    rewrite(root, "sh010", 1, cost={"estimated": {"amount": None, "currency": "USD", "exact": False}, "charged": None})
    assert table.cost(rows(root)["sh010 t1"]) == "?"
    assert cells(root, "sh010 t1")["cost_estimated"] == ""


def test_a_model_that_answered_for_another_is_told(root: Path) -> None:
    assert table.model(rows(root)["sh030 t1"]) == "storyboard"
    asked = {"provider": "p", "model": "gen4", "version": "1"}
    for answered, told in (
        (asked | {"model": "gen3"}, "gen4 (answered gen3)"),
        (asked | {"version": "2"}, "gen4 (answered version 2)"),
        (None, "gen4"),
    ):
        rewrite(root, "sh030", 1, pin={"asked": asked, "answered": answered})
        assert table.model(rows(root)["sh030 t1"]) == told


def test_a_take_that_was_made_elsewhere_has_a_row(root: Path) -> None:
    bare = {"stage": "generate", "version": 1, "pins": [], "parameters": {}}
    rewrite(root, "sh030", 1, foreign=True, recipe=bare, pin={"asked": None, "answered": None}, seed=None, record=None)
    row = rows(root)["sh030 t1"]
    assert row.words == ("foreign",)
    assert (table.prompt(row), table.model(row)) == ("", "")
    assert cells(root, "sh030 t1")["foreign"] == "yes"
    assert cells(root, "sh030 t1")["seed"] == ""


def test_json_has_the_whole_event(root: Path) -> None:
    say(root, "sh010", 1, APPROVE, role="director")
    row = rows(root)["sh010 t1"]
    found = table.content(row)
    assert json.loads(json.dumps(found)) == found
    assert found["approvals"][0]["role"] == "director"
    event = json.loads(row.take.line)
    assert {name: found[name] for name in event if name not in ("event", "v")} == {
        name: value for name, value in event.items() if name not in ("event", "v")
    }


# --- story and record -----------------------------------------------------------------------------------------------------


def test_a_story_tells_each_event_after_those_that_it_follows(root: Path) -> None:
    say(root, "sh010", 2, REJECT, why="six fingers", frames=(10, 20))
    say(root, "sh010", 1, APPROVE)
    say(root, "sh010", None, REOPEN)
    lines = (root / "takes/sh010.jsonl").read_text().splitlines()
    (root / "takes/sh010.jsonl").write_text("\n".join(reversed(lines)) + "\n")
    story = table.story(fake_workspace(root), ["sh010"])
    contents = [table.told_content(told) for told in story]
    assert [each["event"] for each in contents] == ["take", "take", "take", "reject", "approve", "reopen"]
    # Takes that are made side by side are entered as they are ready.
    assert sorted(each["number"] for each in contents[:3]) == [1, 2, 3]
    assert [each["number"] for each in contents[3:]] == [2, 1, None]
    assert contents[3]["frames"] == [10, 20]
    assert [each["head"] for each in contents] == [False] * 5 + [True]
    seen: set[str] = set()
    for each in contents:
        assert seen.issuperset(each["after"])
        seen.add(each["id"])


def test_the_story_of_one_take_leaves_out_the_others(root: Path) -> None:
    say(root, "sh010", 2, REJECT, why="six fingers")
    say(root, "sh010", 1, APPROVE)
    told = table.story(fake_workspace(root), ["sh010", "t2"])
    assert [table.told_content(each)["event"] for each in told] == ["take", "reject"]


def test_an_event_of_a_newer_version_is_told(root: Path) -> None:
    with (root / "takes/sh010.jsonl").open("a") as ledger:
        ledger.write(json.dumps({"event": "praise", "after": [], "v": 2}) + "\n")
    told = [table.told_content(each) for each in table.story(fake_workspace(root), ["sh010"])]
    assert "praise" in [each["event"] for each in told]


def test_the_record_is_what_the_store_has(root: Path) -> None:
    sent = table.record_of(fake_workspace(root), take_of(root, "sh010", 1))["sent"]
    assert sent["prompt"] == "Wide shot of a lighthouse."
    assert sent["seed"] == take_of(root, "sh010", 1).seed


def test_a_record_that_is_lost_or_damaged_is_told(root: Path) -> None:
    take = take_of(root, "sh010", 1)
    assert take.record is not None
    path = fake_workspace(root).rooms.blobs.path(take.record)
    text = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(b"X" + text[1:])
    for _ in ("damaged", "missing"):
        with pytest.raises(BytesLost, match="record of what was sent for sh010 t1 is lost"):
            table.record_of(fake_workspace(root), take)


def test_a_take_without_record_is_told(root: Path) -> None:
    rewrite(root, "sh030", 1, record=None)
    with pytest.raises(PlanError, match="no record of what was sent for sh030 t1"):
        table.record_of(fake_workspace(root), take_of(root, "sh030", 1))


def test_an_answered_pin_stands_in_its_own_columns(root: Path) -> None:
    pin = Pin(provider="p", model="gen4", version="1")
    asked = {"provider": pin.provider, "model": pin.model, "version": pin.version}
    rewrite(root, "sh030", 1, pin={"asked": asked, "answered": asked | {"model": "gen3", "version": "0"}})
    found = cells(root, "sh030 t1")
    assert (found["model"], found["answered_model"], found["answered_version"]) == ("gen4", "gen3", "0")
