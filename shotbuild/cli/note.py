"""`shotbuild note`."""

from pathlib import Path
from typing import Annotated

import typer

from shotbuild.cli import console
from shotbuild.cli.options import By, Frames, JsonOption, Marks, ProjectOption
from shotbuild.cli.saying import frames_of, told
from shotbuild.errors import PlanError
from shotbuild.takes import decide
from shotbuild.workspace import open_project


def command(
    words: Annotated[
        list[str],
        typer.Argument(metavar="TAKE TEXT", help="A take or shot, as elsewhere, and then the text.", show_default=False),
    ],
    project: ProjectOption = Path(),
    by: By = None,
    frames: Frames = None,
    mark: Marks = None,
    json: JsonOption = False,
) -> int:
    if len(words) < 2:
        raise PlanError("a note needs a take and a text", hint='write `shotbuild note sh010 t3 "the light is too warm"`')
    workspace = open_project(project, console.warn)
    said = decide.note(workspace, words[:-1], words[-1], by=by, frames=frames_of(frames), marks=mark or ())
    return told(said, json=json)
