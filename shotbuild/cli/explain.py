"""`shotbuild explain`, and the words for a choice whose spec has moved on, which `plan` and `status` use as well."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from shotbuild.cli import console
from shotbuild.cli.options import JsonOption, ProjectOption
from shotbuild.plan.choose import Choice
from shotbuild.plan.explain import difference
from shotbuild.plan.forecast import CACHED, Forecast
from shotbuild.plan.gates import disputed
from shotbuild.records import Decision
from shotbuild.workspace import open_project

KEY = re.compile(r'[-+]\s*"([^"]+)":')
INDENT = " " * 4


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


def sentence(choice: Choice) -> str:
    """What stands for a shot and who chose it: `t3 approved by Ann Lee <…> (director); the spec has moved on: prompt`."""
    take = "" if choice.take is None else f"t{choice.take.number} "
    people = ", ".join(decided(choice.decisions))
    moved = f"; the spec has moved on: {', '.join(moved_on(choice.moved_on))}" if choice.stale else ""
    return f"{take}{choice.how}{f' by {people}' if people else ''}{moved}"


def decided(decisions: Iterable[Decision]) -> list[str]:
    return [f"{each.by}{f' ({each.role})' if each.role else ''}" for each in decisions]


def moved_on(lines: Iterable[str]) -> list[str]:
    """The names of what differs, from the lines that do."""
    found = [match[1] for line in lines if (match := KEY.match(line))]
    return list(dict.fromkeys(found)) or ["the recipe"]


def ways_out(shots: Sequence[str]) -> tuple[str, ...]:
    """What a person may do when the spec of chosen takes has moved on."""
    name = shots[0] if len(shots) == 1 else "SHOT"
    return (
        f"keep it:    do nothing, the take stays in every cut; `shotbuild approve {name} --keep` says that it is meant",
        f"reopen it:  `shotbuild reopen {name}`, and the next build makes what the spec says now",
        f"try beside: `shotbuild roll {name}` makes a new take, and the chosen one stays until a person decides",
    )


def conflict_lines(choice: Choice) -> list[str]:
    """Both sides of decisions that contradict each other, and how to settle them; none when there are none."""
    error = disputed([choice])
    if error is None:
        return []
    sides = [f"{INDENT}{side.strip()}" for side in (error.cause or "").splitlines()]
    return [f"{error.message}:", *sides, f"{INDENT}{error.hint}"]


def choice_content(choice: Choice) -> dict[str, object]:
    """What stands for a shot, for `--json`. conflict: the sides, as sentences."""
    error = disputed([choice])
    return {
        "shot": choice.shot,
        "how": choice.how,
        "take": None if choice.take is None else choice.take.name,
        "number": None if choice.take is None else choice.take.number,
        "stale": choice.stale,
        "differs": list(choice.moved_on),
        "conflict": [side.strip() for side in error.cause.splitlines()] if error is not None and error.cause else [],
        "decided": decided(choice.decisions),
    }


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
