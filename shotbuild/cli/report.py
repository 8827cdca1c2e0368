"""`shotbuild report`: the review pages as a folder."""

from pathlib import Path
from typing import Annotated

import typer

from shotbuild.cli import console
from shotbuild.cli.options import JsonOption, ProjectOption
from shotbuild.errors import PlanError, nearest
from shotbuild.plugins import load
from shotbuild.review.scope import scope_of
from shotbuild.units import counted
from shotbuild.workspace import open_project


def command(
    to: Annotated[Path, typer.Option("--to", help="A folder outside of the project; it is made.")],
    sequence: Annotated[
        list[str] | None,
        typer.Option("--sequence", help="This sequence and its shots; repeatable.", show_default=False),
    ] = None,
    shot: Annotated[list[str] | None, typer.Option("--shot", help="This shot; repeatable.", show_default=False)] = None,
    project: ProjectOption = Path(),
    force: Annotated[bool, typer.Option("--force", help="Replace files in it that no report wrote.")] = False,
    json: JsonOption = False,
) -> int:
    workspace = open_project(project, console.warn)
    _check("sequence", sequence or [], [each.name for each in workspace.project.sequences])
    _check("shot", shot or [], [each.name for each in workspace.project.shots])
    scope = scope_of(workspace.project, sequence or [], shot or [])
    written = load("shotbuild.review.report:write", "the report")(workspace, scope, to, force=force)
    if json:
        content = {
            "folder": str(to),
            "page": str(to / "index.html"),
            "pages": written.pages,
            "written": written.written,
            "kept": written.kept,
            "lacking": written.lacking,
        }
        console.document("report", content)
    else:
        console.out(str(to / "index.html"))
        lacking = f", {counted(written.lacking, 'take')} without pictures" if written.lacking else ""
        console.err(f"{counted(written.pages, 'page')}, {written.written} files written, {written.kept} kept{lacking}")
    return 0


def _check(what: str, names: list[str], known: list[str]) -> None:
    wrong = next((name for name in names if name not in known), None)
    if wrong is not None:
        close = nearest(wrong, known)
        raise PlanError(f"there is no {what} {wrong[:80]!r}", hint=f"did you mean `{close}`?" if close else None)
