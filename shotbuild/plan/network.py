"""A Plan as a directed graph, and who needs whom in it. Loaded only where somebody asks: networkx takes its time."""

from collections.abc import Iterable, Mapping

import networkx as nx

from shotbuild.plan.graph import Plan, upstream


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
