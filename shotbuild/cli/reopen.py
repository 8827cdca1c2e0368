"""`shotbuild reopen`."""

from pathlib import Path

from shotbuild.cli import console
from shotbuild.cli.options import By, JsonOption, ProjectOption, Shots, Why
from shotbuild.cli.saying import told
from shotbuild.takes import decide
from shotbuild.workspace import open_project


def command(
    shots: Shots,
    project: ProjectOption = Path(),
    by: By = None,
    why: Why = None,
    json: JsonOption = False,
) -> int:
    workspace = open_project(project, console.warn)
    return told(decide.reopen(workspace, shots, by=by, why=why), json=json)
