"""`shotbuild pick`."""

from pathlib import Path

from shotbuild.cli import console
from shotbuild.cli.options import By, JsonOption, ProjectOption, Takes, Why
from shotbuild.cli.saying import told
from shotbuild.takes import decide
from shotbuild.workspace import open_project


def command(
    takes: Takes,
    project: ProjectOption = Path(),
    by: By = None,
    why: Why = None,
    json: JsonOption = False,
) -> int:
    workspace = open_project(project, console.warn)
    return told(decide.pick(workspace, takes, by=by, why=why), json=json)
