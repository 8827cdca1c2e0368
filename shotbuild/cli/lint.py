"""`shotbuild lint`."""

from pathlib import Path

from shotbuild.cli import console
from shotbuild.cli.options import JsonOption, ProjectOption
from shotbuild.errors import ShotbuildError
from shotbuild.units import counted
from shotbuild.workspace import open_project


def command(project: ProjectOption = Path(), json: JsonOption = False) -> int:
    try:
        found = open_project(project, console.warn).lint()
    except ShotbuildError as error:
        if not json:
            raise
        console.document("lint", {"errors": console.problems(error)})
        return error.exit_code
    if json:
        console.document("lint", {"errors": []})
        return 0
    console.out(
        f"{found.name}: {counted(len(found.shots), 'shot')}, {counted(len(found.sequences), 'sequence')}, "
        f"{counted(len(found.deliverables), 'deliverable')} in {counted(len(found.files), 'file')}; no errors"
    )
    return 0
