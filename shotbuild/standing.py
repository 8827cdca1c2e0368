"""How each shot and deliverable of a project stands, from what a build would do. Pure: forecasts in, rows out."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from shotbuild.plan.forecast import CACHED, CHANGED, NEW, Forecast
from shotbuild.plan.graph import Plan
from shotbuild.records import Project

READY, MISSING = "ready", "missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One row. kind: `shot`, `plate` or `deliverable`; state: `ready`, `changed` or `missing`; why: what is not ready;
    takes: how many the ledger has; path: where its file is below out/, None when there is none."""

    kind: str
    name: str
    state: str
    why: str
    takes: int
    path: str | None
    tags: tuple[str, ...]


def standings(
    project: Project,
    plan: Plan,
    lines: Iterable[Forecast],
    takes: Callable[[str], int],
    linked: Callable[[str], bool],
    meant: frozenset[str] | None,
) -> tuple[Standing, ...]:
    """A row for each shot, plate and deliverable. takes: shot → how many; linked: is there a file at this
    path below out/; meant: only what has one of these steps."""
    paths = {link.step: link.path for link in plan.links if linked(link.path)}
    own: dict[str, list[Forecast]] = {}
    for line in lines:
        # A shot's own steps are those outside every sequence; a deliverable's is the one that joins it.
        own.setdefault(line.step.name if line.step.sequence else line.step.shots[0], []).append(line)
    rows: list[Standing] = []
    for shot in project.shots:
        mine = own.get(shot.name, [])
        if meant is None or any(line.step.name in meant for line in mine):
            path = next((paths[line.step.name] for line in mine if line.step.name in paths), None)
            kind = "plate" if shot.plate is not None else "shot"
            rows.append(_standing(kind, shot.name, mine, path, takes(shot.name), shot.tags))
    for deliverable in project.deliverables:
        name = f"{deliverable.sequence}/{deliverable.name}"
        if name in own and (meant is None or name in meant):
            rows.append(_standing("deliverable", name, own[name], paths.get(name), 0, deliverable.tags))
    return tuple(rows)


def _standing(
    kind: str, name: str, lines: Sequence[Forecast], path: str | None, takes: int, tags: tuple[str, ...]
) -> Standing:
    waiting = next((line for line in lines if line.state != CACHED), None)
    state = READY if waiting is None else MISSING if waiting.state == NEW else CHANGED
    return Standing(kind=kind, name=name, state=state, why=waiting.why if waiting else "", takes=takes, path=path, tags=tags)
