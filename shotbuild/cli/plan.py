"""`shotbuild plan`."""

from pathlib import Path
from typing import Annotated

import typer

from shotbuild.cli import console
from shotbuild.cli.choices import INDENT, choice_content, sentence
from shotbuild.cli.options import JsonOption, ProjectOption, Targets
from shotbuild.plan.choose import STALE_APPROVED, STALE_PICKED
from shotbuild.plan.forecast import CACHED, CHANGED, NEW, Forecast
from shotbuild.records import Price
from shotbuild.units import decimal_text
from shotbuild.workspace import PlannedBuild, open_project

SYMBOLS = {NEW: "+", CHANGED: "~", CACHED: "="}


def command(
    targets: Targets = None,
    project: ProjectOption = Path(),
    all_steps: Annotated[bool, typer.Option("--all", "-a", help="List cached steps too.")] = False,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit with 4 when something would be made.")] = False,
    json: JsonOption = False,
) -> int:
    planned = open_project(project, console.warn).plan(targets or [])
    if json:
        console.document("plan", _content(planned))
    else:
        _print(planned, all_steps=all_steps)
    return 4 if exit_code and planned.to_run else 0


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
