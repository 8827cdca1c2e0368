"""The Plan: Steps in an order in which they can run, the files to link at the end, and questions about who needs whom."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import networkx as nx

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


def network(plan: Plan) -> "nx.DiGraph[str]":
    """The plan as a directed graph: an edge leads from a step to one that reads it; makers outside the plan are left out."""
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(step.name for step in plan.steps)
    graph.add_edges_from((name, step.name) for step in plan.steps for name in upstream(step) if name in graph)
    return graph


def with_needs(graph: "nx.DiGraph[str]", names: Iterable[str]) -> frozenset[str]:
    """The steps and all that they need."""
    return _reached(graph.pred, names)


def with_dependants(graph: "nx.DiGraph[str]", names: Iterable[str]) -> frozenset[str]:
    """The steps and all that need them."""
    return _reached(graph.succ, names)


def part(plan: Plan, names: frozenset[str]) -> Plan:
    """The plan cut down to some steps; the links of the others go too."""
    return Plan(
        steps=tuple(step for step in plan.steps if step.name in names),
        links=tuple(link for link in plan.links if link.step in names),
        choices=plan.choices,
    )


def _reached(neighbours: Mapping[str, Iterable[str]], names: Iterable[str]) -> frozenset[str]:
    # One walk for all names: nx.ancestors would be one walk each.
    waiting = list(names)
    seen = set(waiting)
    while waiting:
        for name in neighbours[waiting.pop()]:
            if name not in seen:
                seen.add(name)
                waiting.append(name)
    return frozenset(seen)
