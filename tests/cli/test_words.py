"""Words are taken as typer would take them, and what a command does not need is not imported for it."""

import json
import subprocess
import sys
from inspect import unwrap
from pathlib import Path
from typing import Any

import pytest
from typer.core import TyperCommand
from typer.main import get_command

from shotbuild.cli import app, words
from tests.cli.conftest import Call
from tests.e2e.conftest import environment

SAID = [
    ["lint"],
    ["lint", "--project", "films/a", "--json"],
    ["lint", "-Cfilms/a"],
    ["status", "a", "b"],
    ["status", "--json", "--", "-a"],
    ["plan", "--all", "--exit-code", "a"],
    ["takes", "a", "t1", "--history"],
    ["deliver"],
    ["deliver", "-j2", "--only", "web", "--only", "print/*", "--to", "/tmp/x", "--max-cost", "3 USD", "--first", "a"],
    ["build", "--jobs", "0012", "x", "--fail-fast", "y"],
    ["approve", "a", "t1", "--by", "Ann", "-m", "fine"],
    ["note", "a", "text", "--frames", "1-2"],
    ["roll", "a", "--count", "3"],
    ["graph", "--format", "dot"],
    ["explain", "a"],
    ["cost"],
]
BY_TYPER = [
    ["build", "-j", "0"],
    ["build", "-j", "1025"],
    ["build", "-j", " 2"],
    ["build", "-j", "many"],
    ["pick"],
    ["lint", "--help"],
    ["lint", "more"],
]


def command(name: str) -> Any:
    return get_command(app._only(name))


@pytest.mark.parametrize("said", SAID, ids=" ".join)
def test_words_mean_what_typer_says(said: list[str]) -> None:
    ours, theirs = (each.make_context("x", list(said[1:])) for each in (command(said[0]), _typers(said[0])))
    assert {name: _listed(value) for name, value in ours.params.items()} == {
        name: _listed(value) for name, value in theirs.params.items()
    }


@pytest.mark.parametrize("said", BY_TYPER, ids=" ".join)
def test_what_is_wrong_is_left_to_typer(said: list[str]) -> None:
    ours = command(said[0])
    parsed, rest, _ = ours.make_parser(ours.context_class(ours)).parse_args(args=said[1:])
    assert rest or words._taken(unwrap(ours.callback), parsed) is None


def test_help_is_what_typer_shows(tmp_path: Path, call: Call) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(app, "HELP", ())
        theirs = call(tmp_path, "--help")
    assert call(tmp_path, "--help") == call(tmp_path, "-h") == theirs
    assert theirs.code == 0
    assert "Usage: shotbuild [OPTIONS] COMMAND" in theirs.out


def _typers(name: str) -> Any:
    """The same command as typer alone makes it."""
    made = command(name)
    made.__class__ = TyperCommand
    return made


def _listed(value: object) -> object:
    # What was not said of a list is `()` before typer calls the command, and None when it does.
    return list(value) or None if isinstance(value, list | tuple) else value


def imported(root: Path, *arguments: str) -> set[str]:
    """The modules that a command has imported when it ends."""
    code = (
        "import atexit, json, os, sys\n"
        "os._exit = sys.exit\n"
        "atexit.register(lambda: print(json.dumps(list(sys.modules)), file=sys.stderr))\n"
        "from shotbuild.cli.main import main\n"
        "main()"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=root, env=environment({}), capture_output=True, text=True, check=True
    )
    return set(json.loads(ran.stderr.splitlines()[-1]))


NEEDLESS = {
    "pydantic", "rich", "asyncio", "av", "numpy", "PIL", "httpx", "ffmpeg", "email.utils", "importlib.metadata",
    "shotbuild.making", "shotbuild.engine.build", "shotbuild.engine.operations", "shotbuild.purchasing", "shotbuild.linking",
    "shotbuild.host.network", "shotbuild.cli.live",
}  # fmt: skip


@pytest.mark.parametrize("said", [["--help"], ["lint"], ["status"], ["plan", "sh010"], ["takes", "sh010"]], ids=" ".join)
def test_commands_that_look_import_what_they_need(made: Path, said: list[str]) -> None:
    assert NEEDLESS & imported(made, *said) == set()
