"""`shotbuild approve`."""

from pathlib import Path
from typing import Annotated

import typer

from shotbuild.cli import console
from shotbuild.cli.options import By, JsonOption, ProjectOption, TakesOrNone, Why
from shotbuild.cli.saying import told
from shotbuild.errors import PlanError
from shotbuild.takes import decide
from shotbuild.workspace import open_project


def command(
    takes: TakesOrNone = None,
    project: ProjectOption = Path(),
    sequence: Annotated[
        str | None,
        typer.Option(
            "--sequence",
            help="What stands for every shot of a sequence, once each of them is picked or approved.",
            show_default=False,
        ),
    ] = None,
    by: By = None,
    role: Annotated[str | None, typer.Option("--role", help="In which role, such as `director` or `client`.")] = None,
    why: Why = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Knowing that the spec has moved on: it is not called stale until it moves again.")
    ] = False,
    json: JsonOption = False,
) -> int:
    if sequence is not None and (takes or keep):
        raise PlanError(
            "--sequence means every shot of it, as it stands",
            hint=f"say it without {'takes' if takes else '--keep'}, or approve takes one by one",
        )
    workspace = open_project(project, console.warn)
    if sequence is None:
        return told(decide.approve(workspace, takes or [], by=by, role=role, why=why, keep=keep), json=json)
    return told(decide.approve_sequence(workspace, sequence, by=by, role=role, why=why), json=json)
