"""Finds shots that continue each other in a circle, and shots that cannot have moved as they say."""

from collections.abc import Mapping

from shotbuild.records import Shot
from shotbuild.spec.report import Report


def check_cycles(shots: Mapping[str, Shot], report: Report) -> None:
    """Reports each circle of `continue` once, at its first place, with every place on it."""
    settled: set[str] = set()
    for name in shots:
        path: dict[str, None] = {}
        step: str | None = name
        while step is not None and step in shots and step not in settled and step not in path:
            path[step] = None
            step = shots[step].continues
        if step is not None and step in path:
            on_way = list(path)
            _report(on_way[on_way.index(step) :], shots, report)
        settled.update(path)


def check_moves(shots: Mapping[str, Shot], report: Report) -> None:
    """Reports a shot that moved from its own name, and a name that two shots moved from."""
    movers: dict[str, Shot] = {}
    for shot in shots.values():
        if shot.moved is None:
            continue
        if shot.moved == shot.name:
            report.say(shot.location, f"shot {shot.name!r} moved from its own name", hint="take `moved` out")
        elif (before := movers.setdefault(shot.moved, shot)) is not shot:
            report.say(
                shot.location,
                f"shots {before.name!r} and {shot.name!r} both moved from {shot.moved!r}",
                cause=f"{before.name!r} stands at {before.location}; takes and approvals go to one shot",
                hint="take `moved` out of one of them",
            )


def _report(cycle: list[str], shots: Mapping[str, Shot], report: Report) -> None:
    first = min(range(len(cycle)), key=lambda index: _place(shots[cycle[index]]))
    turned = [*cycle[first:], *cycle[:first]]
    lines = [f"{name!r} ({shots[name].location}) continues {shots[name].continues!r}" for name in turned]
    message = "this shot continues itself" if len(cycle) == 1 else f"{len(cycle)} shots continue each other in a circle"
    report.say(shots[turned[0]].location, message, cause="\n       ".join(lines), hint="take `continue` out of one of them")


def _place(shot: Shot) -> tuple[str, int, int]:
    return shot.location.file, shot.location.line, shot.location.column
