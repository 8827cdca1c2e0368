"""`shotbuild approve`."""

from pathlib import Path
from typing import Annotated

import typer

from shotbuild.cli import console
from shotbuild.cli.options import By, JsonOption, ProjectOption, Why
from shotbuild.cli.saying import told
from shotbuild.errors import PlanError
from shotbuild.takes import decide
from shotbuild.workspace import open_project


def command(
    takes: Annotated[
        list[str] | None,
        typer.Argument(help="Takes: `sh010 t3`, `sh010@9b1c4e7a`; a shot means what stands for it.", show_default=False),
    ] = None,
    project: ProjectOption = Path(),
    by: By = None,
    role: Annotated[str | None, typer.Option("--role", help="In which role, such as `director` or `client`.")] = None,
    why: Why = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Knowing that the spec has moved on: it is not called stale until it moves again.")
    ] = False,
    sequence: Annotated[
        str | None,
        typer.Option(
            "--sequence", help="All shots of a sequence, as they stand, once each is picked or approved.", show_default=False
        ),
    ] = None,
    json: JsonOption = False,
) -> int:
    if sequence is not None and (takes or keep):
        raise PlanError("--sequence approves what stands for all of its shots", hint="name takes, or a sequence")
    workspace = open_project(project, console.warn)
    if sequence is not None:
        return told(decide.approve_sequence(workspace, sequence, by=by, role=role, why=why), json=json)
    return told(decide.approve(workspace, takes or [], by=by, role=role, why=why, keep=keep), json=json)
