"""Each command: what it prints where, its exit code, and the shapes of its JSON."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import FILES, Call, edit
from tests.e2e.conftest import argv, environment, shotbuild
from tests.fakes import write_project

COMMANDS = (
    "init", "lint", "schema", "doctor", "plan", "build", "deliver", "lock", "status", "explain", "graph", "takes", "roll",
    "pick", "approve", "reject", "reopen", "note", "restore", "import", "diff", "why", "store", "archive",
)  # fmt: skip

# --- exit codes ----------------------------------------------------------------------------------------------------------


def test_what_is_done_is_0(film: Path, call: Call) -> None:
    for command in (["build"], ["deliver"], ["plan"], ["status"], ["lint"], ["lock"], ["explain", "sh010"], ["doctor"]):
        assert call(film, *command).code == 0, command


def test_plan_says_with_4_that_something_would_be_made(film: Path, call: Call) -> None:
    assert call(film, "plan", "--exit-code").code == 0
    edit(film, "the sea", "the ocean")
    assert call(film, "plan").code == 0
    assert call(film, "plan", "--exit-code").code == 4
    assert call(film, "plan", "--exit-code", "sh010").code == 0


def test_a_frozen_build_that_lacks_something_is_3(film: Path, call: Call) -> None:
    edit(film, "the sea", "the ocean")
    told = call(film, "build", "--frozen")
    assert told.code == 3
    assert "sh020/t1 is missing" in told.err
    (film / "shotbuild.lock").unlink()
    assert call(film, "build", "--frozen").code == 3


def test_too_many_takes_are_6(film: Path, call: Call) -> None:
    edit(film, "tags: [day]}", "tags: [day], takes: 31}")
    assert call(film, "plan").code == 6


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["frob"], "No such command 'frob'"),
        (["biuld"], "Did you mean 'build'?"),
        (["plan", "--exit-cod"], "--exit-code"),
        (["plan", "--nothing-like-it"], "No such option: --nothing-like-it"),
        (["build", "-j", "0"], "--jobs"),
        (["build", "-j", "many"], "--jobs"),
        (["build", "--max-cost", "a lot"], "an amount and a currency"),
        (["graph", "--format", "png"], "--format"),
        (["explain"], "Missing argument"),
        (["build", "sh01"], "hint: write `sh010`"),
        (["build", "openin/web"], "hint: write `opening/web`"),
        (["build", "tag:nigth"], "no target is called"),
        (["build", ""], "a target has no name"),
        (["build", "+"], "a target has no name"),
        (["deliver", "sh010"], "no deliverable is meant by sh010"),
        (["explain", "nobody"], "no target is called 'nobody'"),
        (["plan", "changed:HEAD"], "Git revision 'HEAD' cannot be read"),
        (["lint", "-C", "/nowhere/at/all"], "is not a shotbuild project"),
    ],
)
def test_what_was_asked_wrong_is_2_and_says_what_to_write(made: Path, call: Call, arguments: list[str], told: str) -> None:
    found = call(made, *arguments)
    assert found.code == 2
    assert told in found.err
    assert found.out == ""


# --- where it runs -------------------------------------------------------------------------------------------------------


def test_the_project_is_found_from_its_folders_and_by_name(film: Path, call: Call, tmp_path: Path) -> None:
    said = call(film, "status").out
    assert call(film / "specs", "status").out == said
    assert call(tmp_path, "status", "-C", "film").out == said
    assert call(tmp_path, "status", "--project", str(film / "templates")).out == said
    told = call(tmp_path, "status")
    assert told.code == 2
    assert "shotbuild init" in told.err


def test_errors_are_quoted_when_called_from_a_folder_of_the_project(film: Path, call: Call, tmp_path: Path) -> None:
    edit(film, "prompt:", "promt:")
    for folder, more in ((film / "specs", []), (tmp_path, ["-C", "film"])):
        told = call(folder, "lint", *more)
        assert told.code == 2
        assert told.err.startswith("specs/opening.yaml:4:28: error: unknown key 'promt'")
        assert "\n    4 |   sh030: {continue: sh020, promt: " in told.err
        assert "\n      |                            ^" in told.err
        assert "hint: did you mean `prompt`?" in told.err


# --- init ----------------------------------------------------------------------------------------------------------------


def small(root: Path) -> None:
    path = root / "shotbuild.yaml"
    path.write_text(path.read_text().replace("1280x720", "64x36").replace("3s", "1s"))


def test_a_new_project_is_delivered_at_once(tmp_path: Path, call: Call) -> None:
    told = call(tmp_path, "init", "my film")
    assert told.code == 0
    assert "project my-film" in told.out
    root = tmp_path / "my film"
    for path in ("specs/opening.yaml", "shotbuild.yaml"):
        assert (root / path).read_text().startswith("# yaml-language-server: $schema=")
    assert "takes/*.jsonl merge=union" in (root / ".gitattributes").read_text()
    assert {".shotbuild/", "out/"} <= set((root / ".gitignore").read_text().splitlines())
    assert json.loads((root / "shotbuild.schema.json").read_text())["$schema"].endswith("2020-12/schema")
    small(root)
    assert call(root, "deliver").code == 0
    assert (root / "out/sequences/opening/web.mp4").is_file()


def test_init_in_a_folder_with_other_files_leaves_them(tmp_path: Path, call: Call) -> None:
    write_project(tmp_path, {"notes.txt": "mine", ".gitignore": "*.tmp"})
    assert call(tmp_path, "init", "--name", "film").code == 0
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert (tmp_path / ".gitignore").read_text() == "*.tmp\n.shotbuild/\nout/\n"
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    told = call(tmp_path, "init")
    assert told.code == 2
    assert "is there already" in told.err
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("folder", ["film", "2024", "---", "ünï", "it's 100%"])
def test_init_names_the_project_after_any_folder(tmp_path: Path, call: Call, folder: str) -> None:
    (tmp_path / folder).mkdir()
    assert call(tmp_path / folder, "init").code == 0
    assert call(tmp_path / folder, "lint").code == 0


@pytest.mark.parametrize(
    ("folder", "more"), [("con", []), ("aux.x", []), ("f", ["--name", "a: b"]), ("g", ["--name", "../x"])]
)
def test_init_never_writes_a_name_that_lint_refuses(tmp_path: Path, call: Call, folder: str, more: list[str]) -> None:
    (tmp_path / folder).mkdir()
    told = call(tmp_path / folder, "init", *more)
    assert told.code == 2 or call(tmp_path / folder, "lint").code == 0


def test_init_beside_a_gitignore_that_is_not_utf_8(tmp_path: Path, call: Call) -> None:
    (tmp_path / ".gitignore").write_bytes(b"caf\xe9\n")
    told = call(tmp_path, "init", "--name", "film")
    assert told.code in (0, 2)
    assert (tmp_path / ".gitignore").read_bytes().startswith(b"caf\xe9\n")


@pytest.mark.parametrize("path", ["specs", "templates", "shotbuild.yaml", ".gitignore"])
def test_init_writes_through_no_link(tmp_path: Path, call: Call, path: str) -> None:
    elsewhere, root = tmp_path / "elsewhere", tmp_path / "film"
    elsewhere.mkdir()
    root.mkdir()
    (root / path).symlink_to(elsewhere if "." not in path else elsewhere / "new")
    call(root, "init")
    assert list(elsewhere.iterdir()) == []


# --- selectors -----------------------------------------------------------------------------------------------------------


def steps(call: Call, root: Path, *targets: str) -> set[str]:
    told = call(root, "plan", "--json", *targets)
    assert told.code == 0, told.err
    return {step["name"] for step in json.loads(told.out)["steps"]}


def test_targets_mean_what_the_guide_says(made: Path, call: Call) -> None:
    every = steps(call, made)
    assert steps(call, made, "sh010") == {"sh010/t1"}
    assert steps(call, made, "sh010/t1") == {"sh010/t1"}
    assert steps(call, made, "sh0[12]0", "sh030") >= {"sh010/t1", "sh020/t1", "sh030/t1"}
    assert steps(call, made, "*") == every
    assert "sh020/t1" in steps(call, made, "tag:sea")
    assert "sh010/t1" not in steps(call, made, "tag:sea")
    assert {"sh010/t1", "sh020/t1"} <= steps(call, made, "tag:day")
    assert "opening/web" in steps(call, made, "tag:film")
    assert steps(call, made, "opening/sh010") >= {"opening/web/sh010"}
    assert "opening/web/sh020" not in steps(call, made, "opening/sh010")
    assert steps(call, made, "web") == steps(call, made, "opening/web*")
    assert {"sh030/t1", "sh020/t1", "sh020/last-frame"} <= steps(call, made, "+sh030")
    after = steps(call, made, "sh020+")
    assert {"sh030/t1", "opening/web", "ending/end"} <= after
    assert "opening/web/sh010" in after  # `plan` adds what the joined file needs


def test_a_tag_means_what_the_names_that_carry_it_mean(made: Path, call: Call) -> None:
    assert steps(call, made, "tag:sea") == steps(call, made, "sh020")


def test_status_selects_by_what_would_happen(film: Path, call: Call) -> None:
    assert steps(call, film, "status:changed") == set()
    edit(film, "a lighthouse", "a windmill")
    changed = steps(call, film, "status:changed")
    assert "sh010/t1" in changed
    names = {item["name"] for item in json.loads(call(film, "status", "--json", "status:changed").out)["items"]}
    assert names == {"sh010", "opening/web"}


def git(root: Path, *arguments: str) -> None:
    who = (
        "-c",
        "user.name=a",
        "-c",
        "user.email=a@example.org",
        "-c",
        "init.defaultBranch=main",
        "-c",
        "commit.gpgsign=false",
    )
    subprocess.run(["git", *who, *arguments], cwd=root, check=True, capture_output=True)


def test_changed_selects_what_differs_from_a_revision(film: Path, call: Call) -> None:
    (film / ".gitignore").write_text(".shotbuild/\nout/\n")
    git(film, "init", "-q")
    git(film, "add", "-A")
    git(film, "commit", "-qm", "one")
    assert call(film, "plan", "changed:HEAD").out.startswith("0 new (+), 0 changed (~), 0 cached (=)")
    edit(film, "a lighthouse", "a windmill")
    assert "sh010/t1" in steps(call, film, "changed:HEAD")
    assert "sh020/t1" not in steps(call, film, "changed:HEAD")
    assert {"sh010/t1", "opening/web"} <= steps(call, film, "changed:HEAD+")
    git(film, "commit", "-qam", "two")
    assert steps(call, film, "changed:HEAD") == set()
    assert "sh010/t1" in steps(call, film, "changed:HEAD~1")
    for wrong in ("changed:nowhere", "changed:--help", "changed:", "changed:HEAD;id"):
        told = call(film, "plan", wrong)
        assert told.code == 2
        assert "cannot be read" in told.err


def test_a_target_that_begins_with_a_dash_is_a_name_after_two_dashes(made: Path, call: Call) -> None:
    assert "no target is called '-rf'" in call(made, "plan", "--", "-rf").err


# --- what is printed -----------------------------------------------------------------------------------------------------


def test_plan_prints_symbols_reasons_and_prices(film: Path, call: Call) -> None:
    edit(film, "a lighthouse", "a windmill")
    edit(film, "  sh030:", "  sh040: {prompt: New.}\n  sh030:")
    told = call(film, "plan")
    assert re.search(r"^~ sh010/t1  \(generate: .*prompt.*\)  \[free, exact\]$", told.out, re.M), told.out
    assert re.search(r"^\+ sh040/t1  \(generate: .*\)  \[free, exact\]$", told.out, re.M)
    assert "= " not in told.out.split("new (+)")[0].replace("0 = ", "")
    assert re.search(r"^= sh020/t1", call(film, "plan", "--all").out, re.M)
    assert told.out.splitlines()[-1].endswith("2 to generate; cost: free")
    assert told.err == ""


def test_plan_json(film: Path, call: Call) -> None:
    edit(film, "a lighthouse", "a windmill")
    found = json.loads(call(film, "plan", "--json").out)
    assert set(found) == {
        "schema",
        "steps",
        "cost",
        "unknown_prices",
        "limits",
        "choices",
        "whole",
        "stops",
        "held",
        "only_here",
    }
    assert found["whole"] == []
    assert found["schema"] == "shotbuild/plan/1"
    assert {step["state"] for step in found["steps"]} == {"changed", "cached"}
    assert all(set(step) == {"name", "stage", "state", "why", "price", "under_way"} for step in found["steps"])
    generated = next(step for step in found["steps"] if step["name"] == "sh010/t1")
    assert generated["stage"] == "generate"
    assert generated["price"]["exact"] is True


def test_build_json_is_one_event_a_line_and_the_summary_comes_last(film: Path, call: Call) -> None:
    edit(film, "a lighthouse", "a windmill")
    told = call(film, "build", "--json")
    assert told.code == 0
    assert told.err == ""
    assert {event["event"] for event in told.events} <= {
        "planned",
        "started",
        "finished",
        "linked",
        "summary",
        "warning",
        "waiting",
    }
    assert {"ran", "cached", "failed", "generated", "cost", "seconds"} <= set(told.summary)
    assert told.summary["generated"] == 1
    assert told.summary["ran"] == len(told.steps)
    plain = call(film, "build")
    assert plain.out.splitlines()[0].startswith("out/")
    assert re.search(r"0 ran, 0 of them generated, \d+ cached, 0 failed; cost: free; [0-9.]+ s", plain.err)


@pytest.mark.parametrize("command", ["status", "lint", "doctor"])
def test_reading_commands_print_one_document_with_a_schema(made: Path, call: Call, command: str) -> None:
    found = json.loads(call(made, command, "--json").out)
    assert found["schema"] == f"shotbuild/{command}/1"


def test_status_tells_each_shot_and_deliverable(film: Path, call: Call) -> None:
    items = {item["name"]: item for item in json.loads(call(film, "status", "--json").out)["items"]}
    assert set(items) == {"sh010", "sh020", "sh030", "opening/web", "ending/end"}
    assert items["sh010"]["kind"] == "shot"
    assert items["sh010"]["takes"] == 1
    assert items["sh010"]["tags"] == ["day"]
    assert items["opening/web"]["state"] == "ready"
    table = call(film, "status").out.splitlines()
    assert table[0].split()[:3] == ["kind", "name", "state"]
    assert len(table) == 6


def test_lint_tells_spec_ledger_and_lock_together(film: Path, call: Call) -> None:
    (film / "shotbuild.lock").write_text("{")
    for shot in ("sh010", "sh020"):
        (film / f"takes/{shot}.jsonl").write_text("{\n")
    found = json.loads(call(film, "lint", "--json").out)
    assert {error["file"] for error in found["errors"]} == {"shotbuild.lock", "takes/sh010.jsonl", "takes/sh020.jsonl"}


def test_explain_shows_the_lines_that_differ(film: Path, call: Call) -> None:
    edit(film, "a lighthouse", "a windmill")
    told = call(film, "explain", "sh010/t1")
    assert told.out.startswith("sh010/t1 (generate): changed, ")
    assert re.search(r'^ +- .*"prompt": "Wide shot of a lighthouse at dusk."', told.out, re.M) or "a lighthouse" in told.out
    lines = [line.strip() for line in told.out.splitlines()[1:]]
    assert [line[0] for line in lines] == ["-", "+"]
    assert "a windmill" in lines[1]
    whole = call(film, "explain", "sh010/t1", "--recipe").out
    assert json.loads("\n".join(whole.splitlines()[1:]))["recipe"]["stage"] == "generate"
    found = json.loads(call(film, "explain", "sh010/t1", "--json").out)
    assert found["schema"] == "shotbuild/explain/1"
    assert found["steps"][0]["difference"] == [line for line in found["steps"][0]["difference"] if line[0] in "+-"]


def test_graph_as_dot_and_mermaid(made: Path, call: Call) -> None:
    dot = call(made, "graph", "--format", "dot").out
    assert dot.startswith("digraph")
    assert dot.rstrip().endswith("}")
    assert '"sh020/last-frame" -> "sh030/t1";' in dot
    assert dot.count("{") == dot.count("}")
    mermaid = call(made, "graph", "--format", "mermaid", "sh020", "sh030").out
    assert mermaid.startswith("flowchart LR\n")
    assert "sh020/t1<br/>generate" in mermaid
    assert "sh010" not in mermaid
    assert re.search(r"^  s\d+ --> s\d+$", mermaid, re.M)


def test_lock_says_what_each_pin_is(made: Path, call: Call) -> None:
    told = call(made, "lock")
    assert re.search(r"^board/storyboard: animatic storyboard \S+$", told.out, re.M)
    assert re.search(r"^ffmpeg: \S+ \([0-9a-f]{8}, \S+\)$", told.out, re.M)


def test_the_schema_is_one_that_validates(call: Call, tmp_path: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator.check_schema(json.loads(call(tmp_path, "schema").out))


# --- terminals and pipes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each_command_can_be_read(call: Call, tmp_path: Path, command: str) -> None:
    told = call(tmp_path, command, "--help")
    assert told.code == 0
    assert told.out == call(tmp_path, command, "-h").out
    assert f"shotbuild {command}" in told.out
    assert max(map(len, told.out.splitlines())) <= 100
    assert "\x1b" not in told.out


def test_help_lists_every_command_in_whole_sentences(call: Call, tmp_path: Path) -> None:
    told = call(tmp_path, "--help").out
    assert all(re.search(rf"^ +{command} ", told, re.M) for command in COMMANDS)
    assert "..." not in told.replace("[ARGS]...", "")
    version = shotbuild(tmp_path, "--version")
    assert (version.code, version.out.split()[0]) == (0, "shotbuild")


def in_shell(root: Path, line: str, **more: str) -> tuple[int, str, str]:
    """The exit code of `shotbuild`, the first of a pipe; stdout and stderr of all."""
    text = line.replace("SHOTBUILD", " ".join(argv([]))) + "\nexit ${PIPESTATUS[0]}"
    done = subprocess.run(["bash", "-c", text], cwd=root, capture_output=True, text=True, env=environment(more), check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("command", ["schema", "plan --all", "status", "graph", "build --json"])
def test_a_reader_that_goes_away_is_no_mistake(made: Path, command: str) -> None:
    code, _, err = in_shell(made, f"SHOTBUILD {command} | head -c 1")
    assert code == 0
    assert "BrokenPipe" not in err
    assert "Exception ignored" not in err


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_closed_streams_are_no_mistake(made: Path, closed: str) -> None:
    code, _, err = in_shell(made, f"SHOTBUILD plan {closed}")
    assert (code, "Traceback" in err) == (0, False)


def test_a_full_disk_behind_stdout_is_told(made: Path) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    code, _, err = in_shell(made, "SHOTBUILD plan > /dev/full")
    assert code == 1
    assert "Traceback" not in err
    assert "Exception ignored" not in err


@pytest.mark.parametrize("more", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {"FORCE_COLOR": ""}, {}])
def test_no_colour_where_none_is_wanted(made: Path, more: dict[str, str]) -> None:
    for command in (["status"], ["--help"], ["plan", "nobody"]):
        told = shotbuild(made, *command, env=more)
        assert "\x1b" not in told.out + told.err


def test_no_colour_in_a_terminal_that_wants_none(made: Path) -> None:
    """A terminal of its own, by `script`."""
    line = " ".join(argv(["status"]))
    try:
        done = subprocess.run(
            ["script", "-qec", line, "/dev/null"],
            cwd=made,
            capture_output=True,
            env=environment({"NO_COLOR": "1"}),
            timeout=60,
            check=False,
        )
    except FileNotFoundError:
        pytest.skip("this system has no `script`")
    assert b"sh010" in done.stdout
    assert b"\x1b" not in done.stdout


def test_text_that_the_terminal_cannot_show_is_replaced(tmp_path: Path) -> None:
    root = write_project(tmp_path / "film", FILES | {"specs/opening.yaml": "shots:\n  s1: {prompt: x, titel: 光}\n"})
    told = shotbuild(root, "lint", env={"PYTHONIOENCODING": "ascii", "LC_ALL": "C"})
    assert told.code == 2
    assert "titel: ?" in told.err


def test_a_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    code, _, err = in_shell(folder, 'rmdir "$PWD"; SHOTBUILD lint')
    assert code in (1, 2)
    assert "error: " in err
    assert "Traceback" not in err
