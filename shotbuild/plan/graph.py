"""The Plan: Steps in an order in which they can run, and the files to link at the end. Who needs whom is `network`'s."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from shotbuild.errors import PlanError, nearest
from shotbuild.plan.choose import Choice
from shotbuild.records import Output, Step

URGENT = 1000
"""More than any `priority:` that can be written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A result under its human name. path: posix, below out/; step, output: what is put there; folder: it is a tar, which is
    unpacked into a folder of that name."""

    path: str
    step: str
    output: str
    folder: bool = False


@dataclass(frozen=True, kw_only=True)
class Plan:
    """steps: each after those that it reads, with names that are unique; choices: one for each generated shot."""

    steps: tuple[Step, ...]
    links: tuple[Link, ...]
    choices: tuple[Choice, ...] = ()

    @cached_property
    def chosen(self) -> Mapping[str, Choice]:
        """What stands for each generated shot."""
        return {choice.shot: choice for choice in self.choices}


def upstream(step: Step) -> tuple[str, ...]:
    """The names of the steps that a step reads from or cites."""
    return tuple(origin.step for _, origin in (*step.inputs, *step.cites) if isinstance(origin, Output))


def needed(plan: Plan, names: Iterable[str]) -> Plan:
    """The plan cut down to some steps and all that they need."""
    wanted = set(names)
    for step in reversed(plan.steps):
        if step.name in wanted:
            wanted.update(upstream(step))
    return part(plan, frozenset(wanted))


def part(plan: Plan, names: frozenset[str]) -> Plan:
    """The plan cut down to some steps; the links of the others go too."""
    return Plan(
        steps=tuple(step for step in plan.steps if step.name in names),
        links=tuple(link for link in plan.links if link.step in names),
        choices=plan.choices,
    )


def first(plan: Plan, shots: Iterable[str]) -> Plan:
    """The plan with some shots, and what they need, before all others. Errors: PlanError for a shot that is not in it."""
    wanted = tuple(shots)
    if not wanted:
        return plan
    known = sorted({shot for step in plan.steps for shot in step.shots})
    for shot in wanted:
        if shot not in known:
            guess = nearest(shot, known)
            hint = f"did you mean `{guess}`?" if guess else "`shotbuild plan` lists what this build looks at"
            raise PlanError(f"{shot!r} is none of the shots of this build", hint=hint)
    own = [step.name for step in plan.steps if set(step.shots) & set(wanted) and step.sequence is None]
    urgent = {step.name for step in needed(plan, own).steps}
    return replace(plan, steps=tuple(_raised(step) if step.name in urgent else step for step in plan.steps))


def _raised(step: Step) -> Step:
    return replace(step, priority=step.priority + URGENT, fallbacks=tuple(map(_raised, step.fallbacks)))
