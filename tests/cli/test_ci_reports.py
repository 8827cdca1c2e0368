"""What GitHub, GitLab and readers of JUnit get of a call."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.ci.test_github import read
from tests.ci.test_junit import checked
from tests.cli.conftest import Call, edit
from tests.e2e.conftest import Ran, shotbuild


def github(root: Path, *words: str) -> tuple[Ran, str]:
    """A call where GitHub Actions runs it, and its summary."""
    summary = root.parent / "summary.md"
    told = shotbuild(root, *words, env={"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)})
    return told, summary.read_text() if summary.exists() else ""


def annotations(told: Ran) -> list[tuple[dict[str, str], str]]:
    return [read(line) for line in told.err.splitlines() if line.startswith("::")]


# --- JUnit ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["build", "deliver"])
def test_every_step_that_was_looked_at_is_a_case(film: Path, call: Call, command: str) -> None:
    told = call(film, command, "--junit", "reports/junit.xml", "--json")
    suite = checked((film / "reports/junit.xml").read_text())
    steps = {event["step"] for event in told.events if event["event"] == "finished"}
    assert {case.attrib["name"] for case in suite} == steps
    assert steps
    assert {"generate", "join"} <= {case.attrib["classname"] for case in suite}
    assert suite.attrib["failures"] == "0"


def test_a_case_says_how_long_it_took_and_nothing_when_it_was_cached(film: Path, call: Call) -> None:
    edit(film, "he reaches the lamp room", "he reaches the roof")
    assert call(film, "build", "--junit", "junit.xml").code == 0
    times = {case.attrib["name"]: float(case.attrib["time"]) for case in checked((film / "junit.xml").read_text())}
    assert times["sh030/t1"] > 0
    assert times["sh010/t1"] == 0


def test_a_roll_tells_of_its_takes(film: Path, call: Call) -> None:
    assert call(film, "roll", "sh010", "--junit", "junit.xml").code == 0
    assert [case.attrib["name"] for case in checked((film / "junit.xml").read_text())] == ["sh010/t2"]


def test_what_failed_and_what_waited_for_it(film: Path, call: Call) -> None:
    edit(film, "the sea", "the bay")
    assert call(film, "build", "--frozen", "--junit", "junit.xml").code == 3
    suite = checked((film / "junit.xml").read_text())
    (failed,) = [case for case in suite if case.find("failure") is not None]
    failure = failed.find("failure")
    assert failure is not None
    assert failed.attrib["name"] == "sh020/t1"
    assert (failure.text or "").startswith("specs/opening.yaml:3:3: error: sh020/t1 is missing")
    reasons = {
        case.attrib["name"]: skipped.attrib["message"] for case in suite if (skipped := case.find("skipped")) is not None
    }
    assert reasons["opening/web"] == "sh020/t1 was not made"


@pytest.mark.parametrize("command", ["build", "deliver", "lint"])
def test_errors_in_specs_are_failed_cases(film: Path, call: Call, command: str) -> None:
    edit(film, "prompt:", "promt:")
    assert call(film, command, "--junit", "junit.xml").code == 2
    suite = checked((film / "junit.xml").read_text())
    assert [case.attrib["name"] for case in suite] == ["specs/opening.yaml:4:28"]
    assert suite.attrib["failures"] == "1"


def test_a_promise_that_is_not_kept_is_a_failed_case(film: Path, call: Call) -> None:
    edit(film, "web: {sequence: opening, profile: preview}", "web: {sequence: opening, profile: small}")
    (film / "shotbuild.yaml").write_text(
        (film / "shotbuild.yaml").read_text() + "profiles: {small: {base: preview, must: {max_bitrate: 1}}}\n"
    )
    told = call(film, "deliver", "--junit", "junit.xml")
    assert told.code == 3, told.err
    suite = checked((film / "junit.xml").read_text())
    assert [case.attrib["classname"] for case in suite if case.find("failure") is not None] == ["gate"]


def test_where_no_report_can_be_written_nothing_is_made(film: Path, call: Call) -> None:
    edit(film, "the sea", "the bay")
    told = call(film, "build", "--junit", "shotbuild.yaml/junit.xml")
    assert told.code == 1
    assert "could not be read or written" in told.err
    assert call(film, "plan", "--exit-code").code == 4


def test_a_call_with_a_report_is_not_answered_from_stats(film: Path) -> None:
    for number in range(2):
        assert shotbuild(film, "build", "--junit", f"{number}.xml").code == 0
        checked((film / f"{number}.xml").read_text())


# --- GitHub --------------------------------------------------------------------------------------------------------------


def test_errors_in_specs_are_annotated_where_they_are_in_the_repository(film: Path) -> None:
    subprocess.run(["git", "init", "-q", str(film.parent)], check=True)
    edit(film, "prompt:", "promt:")
    for words in (["lint"], ["build"], ["plan"], ["lint", "--json"]):
        told, summary = github(film, *words)
        assert told.code == 2
        ((properties, text),) = annotations(told)
        assert properties == {"file": "film/specs/opening.yaml", "line": "4", "col": "28", "title": "shotbuild"}
        assert text.startswith("unknown key 'promt' of a shot")
        assert "`specs/opening.yaml:4:28`: `unknown key 'promt' of a shot`" in summary
        assert "::" not in told.out.replace("::error", "") or words[-1] == "--json"
    assert json.loads(told.out)["errors"][0]["line"] == 4


def test_nothing_of_it_where_github_is_not(film: Path) -> None:
    edit(film, "prompt:", "promt:")
    told = shotbuild(film, "lint", env={"GITHUB_ACTIONS": "", "GITHUB_STEP_SUMMARY": str(film / "summary.md")})
    assert not annotations(told)
    assert not (film / "summary.md").exists()


def test_steps_that_failed_are_annotated_and_json_stays_json(film: Path) -> None:
    edit(film, "the sea", "the bay")
    told, summary = github(film, "build", "--frozen", "--json")
    assert told.code == 3
    assert told.summary["failed"] == 1
    ((properties, text),) = annotations(told)
    assert (properties["file"], properties["line"]) == ("specs/opening.yaml", "3")
    assert text.startswith("sh020/t1 is missing")
    assert "### shotbuild build" in summary
    assert "**1 failed**" in summary


def test_each_call_appends_its_page_also_when_there_is_nothing_to_do(film: Path) -> None:
    for words in (["lint"], ["plan"], ["build"], ["build"], ["deliver"]):
        assert github(film, *words)[0].code == 0
    summary = (film.parent / "summary.md").read_text()
    heads = [line for line in summary.splitlines() if line.startswith("### ")]
    assert heads == ["### shotbuild lint", "### shotbuild: `film`", *["### shotbuild build"] * 2, "### shotbuild deliver"]


def test_a_stale_choice_is_a_warning_at_its_shot(film: Path) -> None:
    assert shotbuild(film, "approve", "sh010", "t1", "--by", "Ann <ann@studio.example>").code == 0
    edit(film, "a lighthouse", "a ruin")
    told, _ = github(film, "plan")
    assert [line.partition(" ")[0] for line in told.err.splitlines() if line.startswith("::")] == ["::warning"]
    ((properties, text),) = annotations(told)
    assert properties["line"] == "2"
    assert text == "sh010 stays t1 approved by Ann <ann@studio.example>; the spec has moved on: prompt"


def test_no_text_of_a_spec_commands_the_runner(film: Path) -> None:
    edit(film, '"Close-up, he reaches the lamp room."', '"x\\n::add-mask::a\\n##[add-matcher]b"')
    assert shotbuild(film, "approve", "sh010", "t1", "--by", "Ann <ann@studio.example>").code == 0
    edit(film, "a lighthouse", '"a\\n::stop-commands::x ##[error]y"')
    for words in (
        ["plan"],
        ["status"],
        ["explain", "sh010"],
        ["takes", "--json"],
        ["plan", "--markdown"],
        ["explain", "sh010", "--json"],
    ):
        told, _ = github(film, *words)
        for line in (told.out + told.err).splitlines():
            assert not line.lstrip().startswith("::") or line.startswith(("::warning file=", "::error file="))
            assert "##[" not in line
    assert "##[error]y" in json.dumps(json.loads(told.out))


# --- GitLab --------------------------------------------------------------------------------------------------------------


def test_lint_writes_code_quality(film: Path, call: Call) -> None:
    assert call(film, "lint", "--gitlab", "quality.json").code == 0
    assert json.loads((film / "quality.json").read_text()) == []
    edit(film, "prompt:", "promt:")
    assert call(film, "lint", "--gitlab", "quality.json").code == 2
    (row,) = json.loads((film / "quality.json").read_text())
    assert row["location"] == {"path": "specs/opening.yaml", "lines": {"begin": 4}}


# --- lint --ledgers ------------------------------------------------------------------------------------------------------


def test_ledgers_alone_are_checked_whatever_the_specs_say(film: Path, call: Call) -> None:
    edit(film, "prompt:", "promt:")
    told = call(film, "lint", "--ledgers")
    assert (told.code, told.out) == (0, "3 ledgers; no errors\n")
    ledger = film / "takes/sh010.jsonl"
    ledger.write_text(ledger.read_text().replace('"number":1', '"number":2'))
    assert call(film, "lint", "--ledgers").code == 2
    told = call(film, "lint", "--base", "main")
    assert told.code == 2
    assert "--base goes with --ledgers alone" in told.err
