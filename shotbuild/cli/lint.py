"""`shotbuild lint`."""

from pathlib import Path
from typing import Annotated

import typer

from shotbuild.ci import github
from shotbuild.cli import console
from shotbuild.cli.options import Base, JsonOption, ProjectOption
from shotbuild.errors import PlanError, ShotbuildError
from shotbuild.host import files
from shotbuild.plugins import load
from shotbuild.units import counted
from shotbuild.workspace import Workspace, open_project


def command(
    project: ProjectOption = Path(),
    ledgers: Annotated[
        bool, typer.Option("--ledgers", help="Ledgers alone: each line is whole, and none that was committed is gone.")
    ] = False,
    base: Base = None,
    junit: Annotated[
        Path | None, typer.Option("--junit", help="Write JUnit XML there: a test case for each error.", show_default=False)
    ] = None,
    gitlab: Annotated[
        Path | None, typer.Option("--gitlab", help="Write GitLab's code quality report there.", show_default=False)
    ] = None,
    json: JsonOption = False,
) -> int:
    if base is not None and not ledgers:
        raise PlanError("--base goes with --ledgers alone", hint="write `shotbuild lint --ledgers --base origin/main`")
    workspace = open_project(project, console.warn)
    try:
        said = _checked_ledgers(workspace, base) if ledgers else _checked(workspace)
    except ShotbuildError as error:
        _report(workspace, junit, gitlab, error)
        if not json:
            raise
        console.document("lint", {"errors": console.problems(error)})
        console.annotate(github.ERROR, [error], workspace.rooms.root)
        return error.exit_code
    _report(workspace, junit, gitlab, None)
    if json:
        console.document("lint", {"errors": []})
        return 0
    console.out(said)
    github.summarize(f"### shotbuild lint\n\n{said}\n")
    return 0


def _checked(workspace: Workspace) -> str:
    found = workspace.lint()
    return (
        f"{found.name}: {counted(len(found.shots), 'shot')}, {counted(len(found.sequences), 'sequence')}, "
        f"{counted(len(found.deliverables), 'deliverable')} in {counted(len(found.files), 'file')}; no errors"
    )


def _checked_ledgers(workspace: Workspace, base: str | None) -> str:
    check = load("shotbuild.takes.sealed:check_ledgers", "the check of ledgers")
    return f"{counted(check(workspace.rooms, base), 'ledger')}; no errors"


def _report(workspace: Workspace, junit: Path | None, gitlab: Path | None, error: ShotbuildError | None) -> None:
    if junit is not None:
        text = load("shotbuild.ci.junit:of_check", "JUnit XML")("shotbuild lint", error)
        files.write_atomic(junit, text.encode("utf-8", "replace"))
    if gitlab is not None:
        text = load("shotbuild.ci.gitlab:code_quality", "the code quality report")(error, workspace.rooms.root)
        files.write_atomic(gitlab, text.encode("utf-8", "replace"))
