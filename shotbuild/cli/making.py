"""What commands that make something share: a display, signals, the summary, and what continuous integration gets of it."""

import gc
import secrets
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from shotbuild import uptodate
from shotbuild.built import Built
from shotbuild.ci import github, pages
from shotbuild.ci.junit import Heard, xml
from shotbuild.cli import console
from shotbuild.cli.display import Display, JsonLines, Plain, summary_json, summary_text
from shotbuild.cli.interrupts import terminable
from shotbuild.engine.estimate import bill
from shotbuild.engine.events import Event, Started, Warned
from shotbuild.errors import PlanError, ShotbuildError, printable
from shotbuild.host import files
from shotbuild.records import Sample
from shotbuild.rooms import HIDDEN
from shotbuild.units import Money, parse_money, parse_share
from shotbuild.workspace import Workspace, open_project

NOTHING = Built(ran=(), cached=(), generated=(), failed=(), skipped=(), linked=(), present=(), cost=bill(()), seconds=0.0)


def shown(
    project: Path,
    work: Callable[[Workspace], Built],
    *,
    json: bool,
    early: Callable[[Workspace], AbstractContextManager[None]] | None = None,
    before: Callable[[Workspace], None] = lambda _: None,
    junit: Path | None = None,
) -> int:
    """Opens the project, shows what is made of it as it goes, sums it up; gives the exit code. early: `Workspace.early`,
    where everything is meant; before: says what is to come, before anything is drawn; junit: a file that gets what became of
    each step."""
    heard, warnings = Heard(), list[str]()
    _write(junit, heard, None, None)  # before anything is made: where it cannot be written, nothing is
    try:
        display = _display(json=json)

        def hear(event: Event) -> None:
            if isinstance(event, Warned):
                warnings.append(event.message)
            elif isinstance(event, Started) and not gc.isenabled():
                gc.freeze()  # what was planned is not walked over
                gc.enable()
            heard.hear(event)
            display.hear(event)

        workspace = open_project(project, hear)
        hidden = workspace.rooms.root / HIDDEN
        began = uptodate.Began(str(workspace.rooms.hidden) if hidden.exists() else None)
        with terminable(), early(workspace) if early else nullcontext():
            _ = workspace.project  # errors in specs are told before a display is drawn
            before(workspace)
            with display:
                built = work(workspace)
    except ShotbuildError as error:
        _write(junit, heard, None, error)
        if json:
            console.line({"event": "error", "errors": console.problems(error)})
            console.line(summary_json(NOTHING))
        raise
    except KeyboardInterrupt:
        _write(junit, heard, None, None)
        raise
    _write(junit, heard, built, None)
    console.annotate(github.ERROR, [*(failed.error for failed in built.failed), *built.gates], workspace.rooms.root)
    github.summarize(pages.build_page(called(), built, warnings))
    if json:
        console.line(summary_json(built))
        return built.exit_code
    for path in built.present:
        console.out(f"out/{path}")
    console.err(summary_text(built))
    if built.exit_code == 0 and not (warnings or built.waived or built.handed or workspace.under_way):
        _keep(workspace, built, began)
    return built.exit_code


def called() -> str:
    """The command, for the heads of reports."""
    return " ".join(["shotbuild", *sys.argv[1:2]])


def _write(junit: Path | None, heard: Heard, built: Built | None, error: ShotbuildError | None) -> None:
    if junit is not None:
        files.write_atomic(junit, xml(called(), heard.cases(built, error)).encode("utf-8", "replace"))


def _keep(workspace: Workspace, built: Built, began: uptodate.Began) -> None:
    """What the same command would say next time."""
    if not uptodate.is_kept_for(sys.argv[1:]):
        return
    try:
        traces = workspace.traces(built)
    except OSError:
        return
    if traces is not None:
        nothing = replace(built, ran=(), generated=(), cached=(*built.cached, *built.ran), cost=bill(()), seconds=0.0)
        text = summary_text(nothing).removesuffix("0.0 s")
        out = "\n".join(printable(f"out/{path}") for path in built.present)
        uptodate.keep(str(workspace.rooms.root), sys.argv[1:], began, traces.read, traces.wrote, out, printable(text))


def _display(*, json: bool) -> Display:
    if json:
        return JsonLines()
    if console.live():
        # Loaded only where it is seen: drawing takes longer to import than a small build takes to run.
        view: Display = import_module("shotbuild.cli.live").LiveView()
        return view
    return Plain()


def money(text: str | None) -> Money | None:
    try:
        return None if text is None else parse_money(text)
    except ValueError as error:
        raise PlanError(f"--max-cost {text!r} is not {error}") from error


def sample(text: str | None) -> Sample | None:
    """`5%`, `0.05`, `5%:SEED`; without a seed, another sample each time. Errors: PlanError."""
    if text is None:
        return None
    share, _, seed = text.partition(":")
    try:
        return Sample(share=parse_share(share), seed=seed or secrets.token_hex(4))
    except ValueError as error:
        raise PlanError(f"--verify-sample {text[:40]!r} is not {error}") from error
