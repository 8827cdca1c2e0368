"""The Plan: Steps in an order in which they can run, and the files to link at the end. Who needs whom is `network`'s."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from shotbuild.plan.choose import Choice
from shotbuild.records import Output, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A result under its human name. path: posix, below out/; step, output: what is put there."""

    path: str
    step: str
    output: str


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
