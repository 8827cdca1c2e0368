"""`shotbuild plan`."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from shotbuild.ci import github
from shotbuild.cli import console
from shotbuild.cli.choices import INDENT, choice_content, sentence
from shotbuild.cli.lonely import tell_lonely
from shotbuild.cli.options import Base, JsonOption, ProjectOption, Targets
from shotbuild.engine.events import Event, Warned
from shotbuild.errors import GateError, PlanError, ShotbuildError
from shotbuild.host import git
from shotbuild.plan.choose import STALE_APPROVED, STALE_PICKED
from shotbuild.plan.forecast import CACHED, CHANGED, NEW, Forecast
from shotbuild.plugins import load
from shotbuild.records import Price
from shotbuild.units import decimal_text
from shotbuild.whereabouts import name_of
from shotbuild.workspace import Earlier, PlannedBuild, Workspace, open_project

SYMBOLS = {NEW: "+", CHANGED: "~", CACHED: "="}


def command(
    targets: Targets = None,
    project: ProjectOption = Path(),
    all_steps: Annotated[bool, typer.Option("--all", "-a", help="List cached steps too.")] = False,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit with 4 when something would be made.")] = False,
    frozen: Annotated[bool, typer.Option("--frozen", help="Exit with 3 when a frozen build would.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown for a comment on a pull request.")] = False,
    stills: Annotated[
        Path | None,
        typer.Option("--stills", help="With --markdown: a folder for pictures of changed shots.", show_default=False),
    ] = None,
    base: Base = None,
    json: JsonOption = False,
) -> int:
    _check_options(markdown=markdown, json=json, stills=stills, base=base)
    warnings: list[str] = []

    def hear(event: Event) -> None:
        console.warn(event)
        if isinstance(event, Warned):
            warnings.append(event.message)

    workspace = open_project(project, hear)
    planned = workspace.plan(targets or [], frozen=frozen)
    if json:
        console.document("plan", _content(planned))
    elif not markdown:
        _print(planned, all_steps=all_steps)
    if markdown or github.runs_here():
        text = _page(workspace, planned, base, stills, warnings)
        github.summarize(text)
        if markdown:
            console.markdown(text)
    for error in planned.held:
        console.error(error, project)
    console.annotate(github.ERROR, planned.held, workspace.rooms.root)
    console.annotate(github.WARNING, [*planned.stops, *_stale(workspace, planned)], workspace.rooms.root)
    if planned.held:
        return GateError.exit_code
    return 4 if exit_code and planned.to_run else 0


def _check_options(*, markdown: bool, json: bool, stills: Path | None, base: str | None) -> None:
    if markdown and json:
        raise PlanError("--markdown and --json are two forms of one answer", hint="ask for one of them")
    for name, given in (("--stills", stills is not None), ("--base", base is not None)):
        if given and not markdown:
            raise PlanError(f"{name} goes with --markdown alone", hint=f"write `shotbuild plan --markdown {name} …`")


def _page(workspace: Workspace, planned: PlannedBuild, base: str | None, folder: Path | None, warnings: list[str]) -> str:
    """The plan as Markdown, with pictures in a folder. What takes to draw and lay out is loaded only here."""
    earlier = None if base is None else _earlier(workspace, base, warnings)
    found: Any = load("shotbuild.ci.changes:changes", "the changes")(workspace, planned, earlier)
    drawn = () if folder is None else load("shotbuild.ci.stills:stills", "the stills")(workspace, found.shots, folder)
    text: str = load("shotbuild.ci.pages:plan_page", "the page")(
        workspace.project.name,
        planned,
        found,
        since=None if earlier is None else base,
        pictures=drawn,
        folder="" if folder is None else os.path.relpath(folder),
        # What a build will stop at is told apart.
        notes=[text for text in warnings if not any(error.message in text for error in planned.stops)],
    )
    return text


def _earlier(workspace: Workspace, base: str, warnings: list[str]) -> Earlier | None:
    """The project at the commit in common with a revision; None, and a warning, where there was none that could be read.
    Errors: PlanError when there is no such revision."""
    commit = git.fork_point(workspace.rooms.root, base)
    try:
        return workspace.earlier(commit)
    except PlanError as error:
        why = f"{error.message}: {error.cause}" if error.cause else error.message
        warnings.append(f"not compared with {base}, where the project cannot be read ({why}), but with the last build here")
        return None


def _stale(workspace: Workspace, planned: PlannedBuild) -> list[ShotbuildError]:
    """What a person should look at, each at its shot."""
    places = {shot.name: shot.location for shot in workspace.project.shots}
    return [
        ShotbuildError(f"{choice.shot} stays {sentence(choice)}", location=places[choice.shot])
        for choice in planned.choices
        if choice.stale
    ]


def _print(planned: PlannedBuild, *, all_steps: bool) -> None:
    for choice in planned.choices:
        if choice.stale:
            console.out(f"! {choice.shot}  {sentence(choice)}")
            for text in choice.moved_on:
                console.out(f"{INDENT}{text}")
    for line in planned.lines:
        if all_steps or line.state != CACHED:
            price = planned.prices.get(line.step.name)
            cost = f"  [{price_text(price)}]" if price is not None else ""
            operation = planned.under_way.get(line.step.name)
            if operation is not None:
                cost = f"  [{operation}, not paid again]"
            console.out(f"{SYMBOLS[line.state]} {line.step.name}  ({line.step.recipe.stage}: {line.why}){cost}")
    count = {state: sum(line.state == state for line in planned.lines) for state in (NEW, CHANGED, CACHED)}
    stale = {state: sum(state in choice.words for choice in planned.choices) for state in (STALE_APPROVED, STALE_PICKED)}
    kept = "".join(f", {number} {state} (!)" for state, number in stale.items() if number)
    console.out(
        f"{count[NEW]} new (+), {count[CHANGED]} changed (~), {count[CACHED]} cached (=){kept}; "
        f"{len(planned.prices)} to generate; cost: {planned.bill}"
    )
    for name, cappable in planned.whole:
        instead = "; where its spec allows it, `video: {rate: capped}` in a profile of your own encodes only what changes"
        console.out(f"{name} is encoded whole: its rate control looks at all of it" + (instead if cappable else ""))
    for cap in planned.caps:
        console.out(f"{cap.of}: {cap.limit}, of which {decimal_text(cap.spent)} is spent or under way")
    tell_lonely(planned.only_here)
    if kept:
        console.err("hint: what people chose stays in every cut; `shotbuild status` says how to let go of it")


def _content(planned: PlannedBuild) -> dict[str, object]:
    return {
        "steps": [
            {
                "name": line.step.name,
                "stage": line.step.recipe.stage,
                "state": line.state,
                "why": line.why,
                "price": _price(planned, line),
                "under_way": planned.under_way.get(line.step.name),
            }
            for line in planned.lines
        ],
        "cost": {money.currency: decimal_text(money.amount) for money in planned.bill.known},
        "unknown_prices": planned.bill.unknown,
        "limits": [
            {
                "of": cap.of,
                "limit": decimal_text(cap.limit.amount),
                "currency": cap.limit.currency,
                "spent": decimal_text(cap.spent),
            }
            for cap in planned.caps
        ],
        "whole": [{"deliverable": name, "cappable": cappable} for name, cappable in planned.whole],
        "choices": [choice_content(choice) for choice in planned.choices],
        "stops": [row for error in planned.stops for row in console.problems(error)],
        "held": [row for error in planned.held for row in console.problems(error)],
        "only_here": [name_of(take) for take in planned.only_here],
    }


def _price(planned: PlannedBuild, line: Forecast) -> dict[str, object] | None:
    price = planned.prices.get(line.step.name)
    return None if price is None else price_content(price)


def price_content(price: Price) -> dict[str, object]:
    amount = None if price.amount is None else decimal_text(price.amount)
    return {"amount": amount, "currency": price.currency, "exact": price.exact, "date": price.date or None}


def price_text(price: Price) -> str:
    if price.amount is None:
        return "price unknown"
    sure = "exact" if price.exact else f"estimated from the list of {price.date}" if price.date else "estimated"
    return f"free, {sure}" if price.amount == 0 else f"{decimal_text(price.amount)} {price.currency}, {sure}"
