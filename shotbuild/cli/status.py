"""`shotbuild status`."""

from dataclasses import asdict
from pathlib import Path

from shotbuild.cli import console
from shotbuild.cli.options import JsonOption, ProjectOption, Targets
from shotbuild.workspace import open_project


def command(targets: Targets = None, project: ProjectOption = Path(), json: JsonOption = False) -> int:
    found = open_project(project, console.warn).status(targets or [])
    if json:
        console.document("status", {"items": [asdict(standing) for standing in found]})
        return 0
    rows = [
        [
            standing.kind,
            standing.name,
            standing.state,
            str(standing.takes) if standing.kind == "shot" else "",
            standing.why or (f"out/{standing.path}" if standing.path else "in the store"),
        ]
        for standing in found
    ]
    console.table(rows, ["kind", "name", "state", "takes", "where, or why not"])
    return 0
