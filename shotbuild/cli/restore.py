"""`shotbuild restore`."""

import threading
from pathlib import Path
from typing import Annotated

import typer

from shotbuild.built import BuildOptions
from shotbuild.cli import console
from shotbuild.cli.making import shown
from shotbuild.cli.options import By, ProjectOption, Why
from shotbuild.takes.restore import Restored, restore
from shotbuild.workspace import open_project


def command(
    at: Annotated[
        str,
        typer.Option(
            "--at",
            help="A Git revision such as `HEAD~3`, or the id of an event of one shot, which alone is restored then.",
            show_default=False,
        ),
    ],
    shots: Annotated[
        list[str] | None, typer.Argument(help="Names of shots, or globs. Nothing = all.", show_default=False)
    ] = None,
    project: ProjectOption = Path(),
    by: By = None,
    why: Why = None,
    build: Annotated[bool, typer.Option(help="Bring out/ back as well; nothing is generated.")] = True,
) -> int:
    rows = restore(open_project(project, console.warn), shots or [], at, by=by, why=why)
    for row in rows:
        console.out(_line(row))
    changed = [row for row in rows if row.decision is not None]
    console.err(f"{len(changed)} of {len(rows)} shots restored to {at}" if rows else f"no shot of today was there at {at}")
    if not (build and rows):
        return 0
    targets = [f"{row.shot}+" for row in rows] if shots else []
    options = BuildOptions(kept_only=True)
    return shown(project, lambda workspace: workspace.build(targets, options, threading.Event()), json=False)


def _line(row: Restored) -> str:
    then, now = row.then.take, row.now.take
    take = "nothing" if then is None else f"t{then.number} ({row.shot}@{then.video.short})"
    if row.decision is None:
        follows = then is not None and now is not None and then.video != now.video
        return f"= {row.shot}  {take}, {'by what it continues' if follows else 'as it stands'}"
    if then is not None and now is not None and then.video == now.video:
        return f"~ {row.shot}  {take} stays; the decisions on it are those of then"
    return f"~ {row.shot}  {'nothing' if now is None else f't{now.number}'} {row.now.how} → {take}"
