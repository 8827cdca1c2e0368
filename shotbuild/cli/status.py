"""`shotbuild status`."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from shotbuild.cli import console
from shotbuild.cli.choices import INDENT, conflict_lines, moved_on, ways_out
from shotbuild.cli.lonely import tell_lonely
from shotbuild.cli.options import JsonOption, ProjectOption, Targets
from shotbuild.plan.choose import APPROVED, CONFLICT, PICKED, STALE_APPROVED, STALE_PICKED
from shotbuild.standing import Standing
from shotbuild.whereabouts import name_of
from shotbuild.workspace import Workspace, open_project


def command(targets: Targets = None, project: ProjectOption = Path(), json: JsonOption = False) -> int:
    workspace = open_project(project, console.warn)
    found = workspace.status(targets or [])
    if json:
        console.document(
            "status",
            {
                "items": [asdict(standing) for standing in found],
                "only_here": [name_of(take) for take in workspace.only_here],
            },
        )
        return 0
    rows = [
        [
            standing.kind,
            standing.name,
            standing.state,
            _take(standing),
            str(standing.takes) if standing.kind == "shot" else "",
            standing.why or (f"out/{standing.path}" if standing.path else "in the store"),
        ]
        for standing in found
    ]
    console.table(rows, ["kind", "name", "state", "take", "takes", "where, or why not"])
    _print_open(workspace, found)
    tell_lonely(workspace.only_here)
    return 0


def _take(standing: Standing) -> str:
    """`t3 approved`, `t2 picked`; `t1` when nobody chose it, and nothing while there is none."""
    if standing.number is None:
        return ""
    return f"t{standing.number} {standing.choice}" if standing.choice in (APPROVED, PICKED) else f"t{standing.number}"


def _print_open(workspace: Workspace, found: Sequence[Standing]) -> None:
    """What waits for a person: the lines in which chosen takes are not what the spec says now, and contradictions."""
    for standing in found:
        if standing.state == CONFLICT:
            console.out("\n" + "\n".join(conflict_lines(workspace.whole.chosen[standing.name])))
    stale = [standing for standing in found if standing.state in (STALE_APPROVED, STALE_PICKED)]
    for standing in stale:
        console.out(
            f"\n{standing.name}  {_take(standing)} by {', '.join(standing.decided)}; "
            f"the spec has moved on: {', '.join(moved_on(standing.differs))}"
        )
        for line in standing.differs:
            console.out(f"{INDENT}{line}")
    if stale:
        console.out("\n" + "\n".join(ways_out([standing.name for standing in stale])))
