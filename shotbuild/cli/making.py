"""What `build` and `deliver` share: a display, signals, the summary."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import FrameType

from shotbuild.cli import console
from shotbuild.cli.display import Display, JsonLines, Plain, summary_json, summary_text
from shotbuild.cli.options import FailFast, Frozen, Jobs, JsonOption, MaxCost, ProjectOption, Targets
from shotbuild.engine.estimate import bill
from shotbuild.errors import PlanError, ShotbuildError
from shotbuild.making import BuildOptions, Built
from shotbuild.units import Money, parse_money
from shotbuild.workspace import open_project

NOTHING = Built(ran=(), cached=(), generated=(), failed=(), skipped=(), linked=(), present=(), cost=bill(()), seconds=0.0)


def command_for(what: str) -> Callable[..., int]:
    """The command that builds (`build`) or delivers (`deliver`): shows it as it goes, sums it up, gives the exit code."""

    def command(
        targets: Targets = None,
        project: ProjectOption = Path(),
        jobs: Jobs = None,
        frozen: Frozen = False,
        fail_fast: FailFast = False,
        max_cost: MaxCost = None,
        json: JsonOption = False,
    ) -> int:
        options = _options(jobs, frozen, fail_fast, max_cost)
        try:
            return _built(what, targets or [], project, options=options, json=json)
        except ShotbuildError as error:
            if json:
                console.line({"event": "error", "errors": console.problems(error)})
                console.line(summary_json(NOTHING))
            raise

    return command


def _options(jobs: int | None, frozen: bool, fail_fast: bool, max_cost: str | None) -> BuildOptions:
    return BuildOptions(jobs=jobs, frozen=frozen, fail_fast=fail_fast, max_cost=_money(max_cost))


def _built(what: str, targets: list[str], project: Path, *, options: BuildOptions, json: bool) -> int:
    display = _display(json=json)
    workspace = open_project(project, display.hear)
    _ = workspace.project  # errors in specs are told before a display is drawn
    with display, _terminable():
        built = (workspace.build if what == "build" else workspace.deliver)(targets, options, threading.Event())
    _report(built, json=json)
    return built.exit_code


def _report(built: Built, *, json: bool) -> None:
    if json:
        console.line(summary_json(built))
        return
    for path in built.present:
        console.out(f"out/{path}")
    console.err(summary_text(built))


def _display(*, json: bool) -> Display:
    if json:
        return JsonLines()
    if console.live():
        # Loaded only where it is seen: drawing takes longer to import than a small build takes to run.
        view: Display = import_module("shotbuild.cli.live").LiveView()
        return view
    return Plain()


@contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM and SIGHUP stop a build as Ctrl-C does: programs that run are ended with it."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _money(text: str | None) -> Money | None:
    try:
        return None if text is None else parse_money(text)
    except ValueError as error:
        raise PlanError(f"--max-cost {text!r} is not {error}") from error
