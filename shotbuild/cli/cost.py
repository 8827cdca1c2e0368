"""`shotbuild cost`: what was spent, on what, and what is left of the budget."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from shotbuild.cli import console
from shotbuild.cli.columns import table
from shotbuild.cli.options import JsonOption, ProjectOption
from shotbuild.errors import PlanError
from shotbuild.paying.named import exact_text
from shotbuild.paying.spending import BY, Left, Spending, Sum, spending
from shotbuild.units import counted, decimal_text
from shotbuild.workspace import open_project

MONEYS = ("charged", "estimated", "under way", "total", "wasted", "per approved s")
COLUMNS = (
    "by", "name", "takes", "currency", "charged", "estimated", "under_way", "total", "wasted", "unknown",
    "approved_seconds", "per_approved_second",
)  # fmt: skip
RUNS = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a spreadsheet may take for the beginning of a formula."""

Targets = Annotated[
    list[str] | None,
    typer.Argument(help="Shots, sequences, `sequence/shot`, globs, `tag:x`. Nothing = everything.", show_default=False),
]


def command(
    targets: Targets = None,
    project: ProjectOption = Path(),
    by: Annotated[str, typer.Option("--by", help=f"One row for each {', '.join(BY[:-1])} or {BY[-1]}.")] = BY[0],
    csv: Annotated[bool, typer.Option("--csv", help="The rows as CSV.")] = False,
    json: JsonOption = False,
) -> int:
    if csv and json:
        raise PlanError("--csv and --json are different answers", hint="ask for one of them at a time")
    workspace = open_project(project, console.warn)
    found = spending(workspace, targets or (), by)
    workspace.rooms.journal.close()
    if json:
        console.document(
            "cost",
            {
                "by": by,
                "rows": [_content(row) for row in found.rows],
                "totals": [_content(row) for row in found.totals],
                "budgets": [_left_content(each) for each in found.budgets],
            },
        )
    elif csv:
        console.table_file(_csv_text(by, found.rows))
    else:
        _print(found, by)
    return 0


def _print(found: Spending, by: str) -> None:
    if not found.rows:
        console.err("nothing was spent")
    else:
        rows = [*found.rows, *(found.totals if len(found.rows) > len(found.totals) else ())]
        cells = [_cells(row, by) for row in rows]
        table(
            (by, "takes", *MONEYS, "unknown", "currency"),
            cells,
            shrink={by: 16},
            drop=("unknown",) if not any(row.unknown for row in found.totals) else (),
            right=("takes", *MONEYS),
            tails=(by,) if by == "model" else (),
        )
    for total in found.totals:
        if total.unknown:
            console.err(f"note: nobody knows what {counted(total.unknown, 'operation')} cost; they are in no sum")
    for each in found.budgets:
        whose = "the project" if each.sequence is None else each.sequence
        over = "" if each.left >= 0 else ", OVER THE LIMIT"
        console.out(
            f"budget of {whose}: {each.limit}, {decimal_text(each.spent)} spent or under way, "
            f"{decimal_text(each.left)} left{over}"
        )


def _cells(row: Sum, by: str) -> dict[str, str]:
    rate = row.per_approved_second
    return {
        by: row.name,
        "takes": str(row.takes),
        "charged": _amount(row.charged),
        "estimated": _amount(row.estimated),
        "under way": _amount(row.under_way),
        "total": decimal_text(row.total),
        "wasted": _amount(row.wasted),
        "per approved s": "—" if rate is None else decimal_text(rate, 3),
        "unknown": str(row.unknown or ""),
        "currency": row.currency,
    }


def _amount(value: "object") -> str:
    return decimal_text(value) if value else ""  # type: ignore[arg-type]


def _content(row: Sum) -> dict[str, object]:
    rate = row.per_approved_second
    return {
        "name": row.name,
        "takes": row.takes,
        "currency": row.currency,
        "charged": exact_text(row.charged),
        "estimated": exact_text(row.estimated),
        "under_way": exact_text(row.under_way),
        "total": exact_text(row.total),
        "wasted": exact_text(row.wasted),
        "unknown": row.unknown,
        "approved_seconds": exact_text(row.approved),
        "per_approved_second": None if rate is None else exact_text(rate),
    }


def _left_content(each: Left) -> dict[str, object]:
    return {
        "sequence": each.sequence,
        "limit": exact_text(each.limit.amount),
        "currency": each.limit.currency,
        "spent": exact_text(each.spent),
        "left": exact_text(each.left),
    }


def _csv_text(by: str, rows: Sequence[Sum]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for row in rows:
        said = {"by": by} | {name: "" if value is None else value for name, value in _content(row).items()}
        writer.writerow([_harmless(str(said[name])) for name in COLUMNS])
    return text.getvalue()


def _harmless(text: str) -> str:
    shown = "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
    return f"'{shown}" if shown.startswith(RUNS) else shown
