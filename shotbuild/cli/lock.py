"""`shotbuild lock`."""

from pathlib import Path
from typing import Annotated

import typer

from shotbuild.cli import console
from shotbuild.cli.options import ProjectOption
from shotbuild.spec.lockfile import lacks
from shotbuild.workspace import open_project


def command(
    project: ProjectOption = Path(),
    update: Annotated[bool, typer.Option("--update", help="Write the pins as they resolve now.")] = False,
) -> int:
    workspace = open_project(project, console.warn)
    locked = workspace.rooms.read_lock()
    now, found = workspace.lock(update=update)
    lacking = () if update else lacks(locked, now)
    for name, pin in now.providers:
        console.out(f"{name}: {pin.provider} {pin.model} {pin.version}")
    for name, facts in now.generators:
        for field, why in facts.unread:
            console.out(f"{name}: not pinned, because it could not be read: {field} ({why})")
    for name, tool in now.tools:
        console.out(f"{name}: {tool.version} ({tool.identity[:8]}, {tool.architecture})")
    for sentence in found:
        console.err(f"{'taken on' if update else 'differs'}: {sentence}")
    for name in lacking:
        console.err(f"not in the lock yet: {name}")
    for name in workspace.unseen:
        console.err(f"not {'taken on' if update else 'compared'}: {name}")
    if update:
        return 1 if workspace.unseen else 0
    return 3 if found or lacking or workspace.unseen else 0
