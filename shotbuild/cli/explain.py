"""`shotbuild explain`."""

from pathlib import Path
from typing import Annotated

import typer

from shotbuild.cli import console
from shotbuild.cli.options import JsonOption, ProjectOption
from shotbuild.plan.explain import difference
from shotbuild.plan.forecast import CACHED, Forecast
from shotbuild.workspace import open_project


def command(
    target: Annotated[str, typer.Argument(help="A step, shot, sequence, deliverable or other target expression.")],
    project: ProjectOption = Path(),
    recipe: Annotated[bool, typer.Option("--recipe", help="Print the whole text that is hashed.")] = False,
    json: JsonOption = False,
) -> int:
    lines = open_project(project, console.warn).explain(target)
    if json:
        console.document("explain", {"steps": [_content(line) for line in lines]})
        return 0
    for line in lines:
        console.out(f"{line.step.name} ({line.step.recipe.stage}): {line.state}, {line.why}")
        for text in _text(line, recipe=recipe):
            console.out(f"    {text}")
    return 0


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
