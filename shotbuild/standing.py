"""How each shot and deliverable of a project stands, from what a build would do. Pure: forecasts in, rows out."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from shotbuild.plan.choose import APPROVED, CONFLICT, STALE_APPROVED, STALE_PICKED, Choice
from shotbuild.plan.forecast import CACHED, CHANGED, NEW, Forecast
from shotbuild.plan.graph import Plan
from shotbuild.records import Decision, Project

READY, MISSING = "ready", "missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One row. kind: `shot`, `plate` or `deliverable`; state: `ready`, `changed`, `missing`, `stale-approved`,
    `stale-picked` or `conflict`; why: what is not ready; takes: how many the ledger has; path: where its file is below
    out/, None when there is none.

    Of a shot: choice: what stands for it, as `plan.choose` says; take: that take's name, number: its number, None when it
    is still to be made; decided: who chose it; differs: the lines in which its request is not today's.
    """

    kind: str
    name: str
    state: str
    why: str
    takes: int
    path: str | None
    tags: tuple[str, ...]
    choice: str = ""
    take: str | None = None
    number: int | None = None
    decided: tuple[str, ...] = ()
    differs: tuple[str, ...] = ()


def standings(
    project: Project,
    plan: Plan,
    lines: Iterable[Forecast],
    linked: Callable[[str], bool],
    meant: frozenset[str] | None,
) -> tuple[Standing, ...]:
    """A row for each shot, plate and deliverable. linked: is there a file at this path below out/; meant: only what has
    one of these steps."""
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
            choice = plan.chosen.get(shot.name)
            if choice is None:
                rows.append(_standing("plate", shot.name, mine, path, shot.tags))
            else:
                rows.append(_shot(choice, mine, path, shot.tags))
    for deliverable in project.deliverables:
        name = f"{deliverable.sequence}/{deliverable.name}"
        if name in own and (meant is None or name in meant):
            rows.append(_standing("deliverable", name, own[name], paths.get(name), deliverable.tags))
    return tuple(rows)


def _shot(choice: Choice, lines: Sequence[Forecast], path: str | None, tags: tuple[str, ...]) -> Standing:
    plain = _standing("shot", choice.shot, lines, path, tags)
    state, why = plain.state, plain.why
    if choice.conflict:
        state, why = CONFLICT, "decisions contradict each other"
    elif choice.stale:
        state = STALE_APPROVED if choice.how == APPROVED else STALE_PICKED
        why = f"the spec has moved on; {why}" if why else "the spec has moved on"
    return Standing(
        kind="shot",
        name=choice.shot,
        state=state,
        why=why,
        takes=len(choice.state.takes),
        path=path,
        tags=tags,
        choice=choice.how,
        take=None if choice.take is None else choice.take.name,
        number=None if choice.take is None else choice.take.number,
        decided=decided(choice.decisions),
        differs=choice.moved_on,
    )


def decided(decisions: Iterable[Decision]) -> tuple[str, ...]:
    """Who made a choice, each once in a role: `Ann Lee <ann@x.example> (director)`."""
    return tuple(dict.fromkeys(f"{each.by}{f' ({each.role})' if each.role else ''}" for each in decisions))


def _standing(kind: str, name: str, lines: Sequence[Forecast], path: str | None, tags: tuple[str, ...]) -> Standing:
    waiting = next((line for line in lines if line.state != CACHED), None)
    state = READY if waiting is None else MISSING if waiting.state == NEW else CHANGED
    return Standing(kind=kind, name=name, state=state, why=waiting.why if waiting else "", takes=0, path=path, tags=tags)
