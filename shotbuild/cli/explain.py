"""`shotbuild explain`."""

from pathlib import Path
from typing import Annotated

import typer

from shotbuild.cli import console
from shotbuild.cli.choices import INDENT, choice_content, conflict_lines, sentence, ways_out
from shotbuild.cli.options import JsonOption, ProjectOption
from shotbuild.plan.choose import Choice
from shotbuild.plan.explain import difference
from shotbuild.plan.forecast import CACHED, Forecast
from shotbuild.workspace import open_project


def command(
    target: Annotated[str, typer.Argument(help="A step, shot, sequence, deliverable or other target expression.")],
    project: ProjectOption = Path(),
    recipe: Annotated[bool, typer.Option("--recipe", help="Print the whole text that is hashed.")] = False,
    json: JsonOption = False,
) -> int:
    workspace = open_project(project, console.warn)
    lines = workspace.explain(target)
    shots = sorted({shot for line in lines for shot in line.step.shots})
    choices = [workspace.whole.chosen[shot] for shot in shots if shot in workspace.whole.chosen]
    if json:
        steps = [_content(line) for line in lines]
        console.document("explain", {"steps": steps, "choices": [choice_content(each) for each in choices]})
        return 0
    for choice in choices:
        _print_choice(choice)
    for line in lines:
        console.out(f"{line.step.name} ({line.step.recipe.stage}): {line.state}, {line.why}")
        for text in _text(line, recipe=recipe):
            console.out(f"{INDENT}{text}")
    return 0


def _print_choice(choice: Choice) -> None:
    """Only of what people chose: what is made of itself is told by its steps."""
    if choice.conflict:
        for line in conflict_lines(choice):
            console.out(line)
    elif choice.decisions:
        console.out(f"{choice.shot}  {sentence(choice)}")
        for line in choice.moved_on:
            console.out(f"{INDENT}{line}")
        for line in ways_out([choice.shot]) if choice.stale else ():
            console.out(line)


def _text(line: Forecast, *, recipe: bool) -> tuple[str, ...]:
    """The lines that differ from the last build; with `recipe` the whole manifest."""
    if recipe:
        return tuple((line.manifest or "its inputs are not known yet").splitlines())
    if line.state == CACHED or line.manifest is None or line.last is None:
        return ()
    return difference(line.last, line.manifest)


def _content(line: Forecast) -> dict[str, object]:
    return {
        "name": line.step.name,
        "stage": line.step.recipe.stage,
        "state": line.state,
        "why": line.why,
        "manifest": line.manifest,
        "last": line.last,
        "difference": list(_text(line, recipe=False)),
    }
