"""A Plan as text that draws it: DOT for Graphviz, and Mermaid for Markdown pages."""

import json

from shotbuild.plan.graph import Plan
from shotbuild.plan.network import network

SHAPES = {"cached": "solid", "new": "bold", "changed": "dashed"}


def dot(plan: Plan, states: dict[str, str]) -> str:
    """Graphviz DOT. states: step → `new`, `changed` or `cached`, drawn as the line's style."""
    lines = ["digraph shotbuild {", "  rankdir=LR;", '  node [shape=box, fontname="Helvetica"];']
    for step in plan.steps:
        state = states.get(step.name, "")
        label = f"{step.name}\n{step.recipe.stage}" + (f", {state}" if state else "")
        lines.append(f"  {json.dumps(step.name)} [label={json.dumps(label)}, style={SHAPES.get(state, 'solid')}];")
    lines += [f"  {json.dumps(maker)} -> {json.dumps(reader)};" for maker, reader in network(plan).edges]
    return "\n".join([*lines, "}"])


def mermaid(plan: Plan, states: dict[str, str]) -> str:
    """A Mermaid flowchart. Ids are numbers, because names hold characters that Mermaid reads as syntax."""
    ids = {step.name: f"s{index}" for index, step in enumerate(plan.steps)}
    lines = ["flowchart LR"]
    for step in plan.steps:
        state = states.get(step.name, "")
        mark = f"<br/>{state}" if state else ""
        lines.append(f'  {ids[step.name]}["{step.name}<br/>{step.recipe.stage}{mark}"]')
    lines += [f"  {ids[maker]} --> {ids[reader]}" for maker, reader in network(plan).edges]
    return "\n".join(lines)
