"""Target expressions → Steps: names, `sequence/shot`, globs, `tag:x`, `status:x`, `changed:REV`, `+x`, `x+`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from importlib import import_module
from typing import Any

from shotbuild.errors import PlanError, nearest
from shotbuild.plan.choose import CHOICE_WORDS
from shotbuild.plan.graph import Plan
from shotbuild.records import Project, Step
from shotbuild.units import counted

# What `status` says of shots and deliverables means the same as what `plan` says of steps.
STATES = {"new": "new", "missing": "new", "changed": "changed", "cached": "cached", "ready": "cached"}


def select(
    plan: Plan,
    project: Project,
    expressions: Iterable[str],
    states: Mapping[str, str],
    chosen: Mapping[str, frozenset[str]],
    changed: Mapping[str, frozenset[str]],
) -> frozenset[str]:
    """The names of the steps that any of the expressions means. `+x` is x with what it needs, `x+` with what needs it.

    states: step → its state, chosen: shot → words for its take, both for `status:`; changed: Git revision → steps that
    differ from it, for `changed:REV`.
    Errors: PlanError for an expression that means nothing, with the nearest name.
    """
    asked = _Asked(plan, project, states, chosen, changed)
    neighbours = _Neighbours(plan)
    found: set[str] = set()
    for expression in expressions:
        found |= _meant(expression, asked, neighbours)
    return frozenset(found)


class _Neighbours:
    """Who needs whom. networkx is loaded where a `+` asks for it: it takes longer to import than most targets to find."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    @cached_property
    def _room(self) -> Any:
        return import_module("shotbuild.plan.network")

    @cached_property
    def _graph(self) -> Any:
        return self._room.network(self._plan)

    def needs(self, names: frozenset[str]) -> frozenset[str]:
        found: frozenset[str] = self._room.with_needs(self._graph, names)
        return found

    def dependants(self, names: frozenset[str]) -> frozenset[str]:
        found: frozenset[str] = self._room.with_dependants(self._graph, names)
        return found


@dataclass(frozen=True, slots=True)
class _Asked:
    """What an expression is held against."""

    plan: Plan
    project: Project
    states: Mapping[str, str]
    chosen: Mapping[str, frozenset[str]]
    changed: Mapping[str, frozenset[str]]


def _meant(expression: str, asked: _Asked, neighbours: _Neighbours) -> frozenset[str]:
    core = expression.removeprefix("+").removesuffix("+")
    names = _named(core, asked)
    if names is None:
        project = asked.project
        close = nearest(core, _names(asked.plan, project))
        raise PlanError(
            f"no target is called {core!r}" if core else "a target has no name",
            cause=f"the project has {counted(len(project.shots), 'shot')}, {counted(len(project.sequences), 'sequence')} "
            f"and {counted(len(project.deliverables), 'deliverable')}",
            hint=f"write `{close}`" if close else "`shotbuild status` lists the names",
        )
    if expression.startswith("+"):
        names |= neighbours.needs(names)
    if expression.endswith("+"):
        names |= neighbours.dependants(names)
    return names


def _named(core: str, asked: _Asked) -> frozenset[str] | None:
    """The steps that a name or glob means; None when no such thing exists. Things without steps give an empty set."""
    kind, colon, word = core.partition(":")
    plan, project = asked.plan, asked.project
    if colon and kind == "status":
        return _in_state(word, asked)
    if colon and kind == "changed":
        return asked.changed[word]
    if colon and kind == "tag":
        tagged = frozenset(step.name for step in plan.steps if word in step.tags)
        return tagged if tagged or word in _tags(project) else None
    steps = frozenset(step.name for step in plan.steps if _matches(step, core))
    return steps if steps or any(fnmatchcase(name, core) for name in _names(plan, project)) else None


def _in_state(word: str, asked: _Asked) -> frozenset[str]:
    if word in CHOICE_WORDS:
        shots = {shot for shot, words in asked.chosen.items() if word in words}
        return frozenset(step.name for step in asked.plan.steps if not step.sequence and shots.intersection(step.shots))
    if word not in STATES:
        raise PlanError(f"no state is called {word!r}", hint=f"the states are {', '.join((*STATES, *CHOICE_WORDS))}")
    return frozenset(name for name, state in asked.states.items() if state == STATES[word])


def _matches(step: Step, pattern: str) -> bool:
    if fnmatchcase(step.name, pattern):
        return True
    if step.sequence is None:
        return any(fnmatchcase(shot, pattern) for shot in step.shots)
    if fnmatchcase(step.sequence, pattern) or (step.deliverable is not None and fnmatchcase(step.deliverable, pattern)):
        return True
    return any(fnmatchcase(f"{step.sequence}/{shot}", pattern) for shot in step.shots)


def _names(plan: Plan, project: Project) -> list[str]:
    inside = [f"{sequence.name}/{clip.shot}" for sequence in project.sequences for clip in sequence.clips if clip.shot]
    return [name for name, _ in _things(project)] + inside + [step.name for step in plan.steps]


def _tags(project: Project) -> frozenset[str]:
    return frozenset(tag for _, tags in _things(project) for tag in tags)


def _things(project: Project) -> list[tuple[str, tuple[str, ...]]]:
    """What a person named, with its tags."""
    found = [(shot.name, shot.tags) for shot in project.shots]
    found += [(sequence.name, sequence.tags) for sequence in project.sequences]
    return found + [(deliverable.name, deliverable.tags) for deliverable in project.deliverables]
