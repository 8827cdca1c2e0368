"""The command table, and the one place that catches errors. A command's module is imported only when it is called."""

import functools
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import typer
from typer.main import get_command

from shotbuild import __version__
from shotbuild.ci import github
from shotbuild.cli import console
from shotbuild.cli.words import Command
from shotbuild.errors import ShotbuildError
from shotbuild.spec.tree import find_root

DO, SEE, START, DECIDE, KEEP = "Make", "See", "Start and check", "Takes and decisions", "Keep"
PAY = "Services and money"

# name: (panel of --help, what it does)
COMMANDS: dict[str, tuple[str, str]] = {
    "init": (START, "Start a project that builds at once."),
    "lint": (START, "Check specs, templates, ledgers and lock; all errors at once."),
    "schema": (START, "Print the JSON Schema of the written format."),
    "doctor": (START, "Show ffmpeg, what it lacks, the machine, and the keys."),
    "plan": (SEE, "Show what a build would do, why, and what it costs."),
    "build": (DO, "Make what is missing or changed; results go into out/."),
    "deliver": (DO, "Make the deliverables and what they need, into out/."),
    "worker": (DO, "Make a part of an exported job: run, collect; for farms."),
    "takes": (DECIDE, "List takes: what was asked, what stands, who said what of it."),
    "roll": (DECIDE, "Make more takes of a shot, with seeds of their own."),
    "migrate": (DECIDE, "Roll another model beside what stands, and compare."),
    "pick": (DECIDE, "Put a take into every cut of its shot."),
    "approve": (DECIDE, "Fix the bytes of a take: no edit changes that shot any more."),
    "reject": (DECIDE, "Take a take out of the choice, with a reason."),
    "reopen": (DECIDE, "Let a shot change again that was approved or picked."),
    "review": (DECIDE, "Open the page to compare and decide takes; invite others."),
    "report": (DECIDE, "Write the review pages as a folder that stands alone."),
    "note": (DECIDE, "Keep a remark on a take, or on its frames."),
    "verify": (DECIDE, "Make takes again, and measure how often they come out."),
    "restore": (DECIDE, "Bring the choice of takes back to a Git revision or an event."),
    "import": (DECIDE, "Bring a clip or frames from elsewhere in as a take of a shot."),
    "export": (DECIDE, "Put a shot's frames out for VFX, or what is missing for a farm."),
    "diff": (DECIDE, "Lay two takes side by side: recipe, streams, measured pictures."),
    "why": (DECIDE, "Say of a file which takes are in it, and who chose them."),
    "providers": (PAY, "List who makes takes: models, limits, prices, keys."),
    "jobs": (PAY, "List what services are making now; show or cancel one."),
    "recover": (PAY, "Fetch what was left behind, and clear up what was lost."),
    "cost": (PAY, "Add up what was spent, by shot, model or month."),
    "store": (KEEP, "See, check, tidy and share what was made: ls, push, pull …"),
    "archive": (KEEP, "Pack a sequence for another machine, and prove the pack."),
    "lock": (DO, "Compare the pins with shotbuild.lock, or take them on."),
    "audit": (SEE, "Show what is pinned, and where approved takes lie."),
    "status": (SEE, "Show how each shot and deliverable stands."),
    "explain": (SEE, "Show why something is made again: the lines that differ."),
    "graph": (SEE, "Draw the plan as DOT or Mermaid."),
}


GROUPS = frozenset({"store", "export", "worker", "review"})
"""Commands that have commands of their own; one with a callback also does something alone."""
# A module cannot be called by a word of the language.
MODULES = {"import": "import_"}
HELP = (["-h"], ["--help"])
CONTEXT = {"help_option_names": ["-h", "--help"]}


def run(arguments: list[str]) -> None:
    """Runs one command and ends the process with its exit code."""
    console.open_streams()
    called = next((word for word in arguments if not word.startswith("-")), None)
    if called is not None and called == arguments[0] and called in COMMANDS and called not in GROUPS:
        _only(called)(args=arguments[1:], prog_name=f"shotbuild {called}")
        return
    app = _app(called)
    if arguments in HELP:
        # Typer would load pydantic to learn that this word is true.
        group = get_command(app)
        console.out(group.get_help(typer.Context(group, info_name="shotbuild", **group.context_settings)))
        sys.exit(0)
    app(args=arguments, prog_name="shotbuild")


def _only(called: str) -> typer.Typer:
    """One command by itself: the others are not made for it, nor is what they have in common read."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None, context_settings=CONTEXT)
    app.command(called, cls=Command, help=COMMANDS[called][1])(_guarded(_module(called).command))
    return app


def _app(called: str | None) -> typer.Typer:
    app = typer.Typer(
        help="make for AI video: shots in YAML, takes kept as bytes, and only what changed is made again.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings=CONTEXT,
    )
    app.callback()(_root)
    for name, (panel, summary) in COMMANDS.items():
        # Only the command that was called is imported; of the others, --help needs no more than the summary.
        module = _module(name) if name == called else None
        if module is not None and name in GROUPS:
            app.add_typer(_guarded_group(module.commands), name=name, help=summary, rich_help_panel=panel)
        else:
            function = _placeholder if module is None else module.command
            app.command(name, help=summary, rich_help_panel=panel)(_guarded(function))
    return app


def _module(name: str) -> ModuleType:
    return import_module(f"shotbuild.cli.{MODULES.get(name, name)}")


def _guarded_group(commands: typer.Typer) -> typer.Typer:
    """Once: the group is the module's."""
    for each in commands.registered_commands:
        assert each.callback is not None
        if not hasattr(each.callback, "__wrapped__"):
            each.callback = _guarded(each.callback)
    alone = commands.registered_callback
    if alone is not None and alone.callback is not None and not hasattr(alone.callback, "__wrapped__"):
        alone.callback = _alone(alone.callback)
    return commands


def _alone(function: Callable[..., int | None]) -> Callable[..., None]:
    """What a group does by itself is done when none of its commands was called; its options are for that alone."""
    guarded = _guarded(function)

    @functools.wraps(function)
    def alone(**kwargs: Any) -> None:
        context = kwargs["_context"]
        if context.invoked_subcommand is None:
            guarded(**kwargs)
        for name in kwargs:
            source = context.get_parameter_source(name)
            if source is not None and source.name == "COMMANDLINE":
                context.fail(f"options of `{context.invoked_subcommand}` stand after it")

    return alone


def _root(
    version: bool = typer.Option(False, "--version", help="Print the version and exit."),
) -> None:
    if version:
        console.out(f"shotbuild {__version__}")
        raise typer.Exit()


def _placeholder() -> None:
    """Stands for a command that was not called."""


def _guarded(function: Callable[..., int | None]) -> Callable[..., None]:
    """Turns what a command raises into a message and an exit code."""

    @functools.wraps(function)
    def guarded(*args: Any, **kwargs: Any) -> None:
        raise typer.Exit(_code_of(lambda: function(*args, **kwargs) or 0, kwargs.get("project")))

    return guarded


def _code_of(call: Callable[[], int], project: Path | None) -> int:
    try:
        return call()
    except ShotbuildError as error:
        console.error(error, project)
        _tell_github(error, project)
        return error.exit_code
    except KeyboardInterrupt:
        console.err("interrupted; the next build resumes where this one stopped")
        return 130
    except BrokenPipeError:
        console.drop_stdout()
        return 0
    except OSError as error:
        console.err(f"error: a file could not be read or written\ncause: {error}")
        console.err("\nhint: check that the disk has room and that the project's folder can be written")
        return 1
    except Exception:
        log = console.write_log(traceback.format_exc(), project)
        console.err(f"error: this is a bug in shotbuild\ncause: {traceback.format_exc().strip().splitlines()[-1]}")
        console.err(f"\nhint: please report it with the log: {log}")
        return 70


def _tell_github(error: ShotbuildError, project: Path | None) -> None:
    """The same beside the lines of a pull request, and in the summary of the step."""
    if github.runs_here():
        console.annotate(github.ERROR, [error], find_root(project or Path()))
        with suppress(OSError):  # the error was told
            github.summarize(import_module("shotbuild.ci.pages").error_page(" ".join(["shotbuild", *sys.argv[1:2]]), error))
