"""`shotbuild reject`."""

from pathlib import Path

from shotbuild.cli import console
from shotbuild.cli.options import By, Frames, JsonOption, Marks, ProjectOption, Takes, Why
from shotbuild.cli.saying import frames_of, told
from shotbuild.takes import decide
from shotbuild.workspace import open_project


def command(
    takes: Takes,
    project: ProjectOption = Path(),
    by: By = None,
    why: Why = None,
    frames: Frames = None,
    mark: Marks = None,
    json: JsonOption = False,
) -> int:
    workspace = open_project(project, console.warn)
    said = decide.reject(workspace, takes, why=why, by=by, frames=frames_of(frames), marks=mark or ())
    return told(said, json=json)
