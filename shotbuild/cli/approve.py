"""`shotbuild approve`."""

from pathlib import Path
from typing import Annotated

import typer

from shotbuild.cli import console
from shotbuild.cli.options import By, JsonOption, ProjectOption, Takes, Why
from shotbuild.cli.saying import told
from shotbuild.takes import decide
from shotbuild.workspace import open_project


def command(
    takes: Takes,
    project: ProjectOption = Path(),
    by: By = None,
    role: Annotated[str | None, typer.Option("--role", help="In which role, such as `director` or `client`.")] = None,
    why: Why = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Knowing that the spec has moved on: it is not called stale until it moves again.")
    ] = False,
    json: JsonOption = False,
) -> int:
    workspace = open_project(project, console.warn)
    return told(decide.approve(workspace, takes, by=by, role=role, why=why, keep=keep), json=json)
