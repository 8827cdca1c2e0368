"""`shotbuild takes`: every take as a row, the story of a shot, or the request that made a take."""

import csv
import io
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from shotbuild.cli import console
from shotbuild.cli.options import JsonOption, ProjectOption
from shotbuild.errors import PlanError
from shotbuild.records import NOTE, Decision, Take, Verification
from shotbuild.takes import table
from shotbuild.takes.names import take_meant
from shotbuild.takes.table import Row, Told
from shotbuild.units import counted
from shotbuild.workspace import Workspace, open_project

ELSEWHERE = 140
"""Columns where no terminal says how many it has."""
WANTED, LEAST = 24, 12
"""Columns for the prompt, before others are given up and after."""
GAP = 2
REASON = 40
HEADS = ("cut", "take", "code", "name", "state", "seed", "model", "cost", "made", "prompt")
PEOPLE = "people"
GIVEN_UP = ("code", PEOPLE, "model", "seed", "name", "made", "cost")
"""What narrow terminals do without, in this order; `people`: who said it, beside what was said."""
RECORD_ORDER = ("schema", "provider", "request", "sent", "operation")

Names = Annotated[
    list[str] | None,
    typer.Argument(
        help="Shots, takes (`sh010 t3`, `sh010@9b1c4e7a`, `sh010t03`), globs, sequences, `tag:x`, `status:approved` or "
        "`picked`, `stale-approved`, `stale-picked`, `conflict`. Nothing = all.",
        show_default=False,
    ),
]
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")


def command(
    names: Names = None,
    project: ProjectOption = Path(),
    csv: Annotated[
        bool,
        typer.Option(
            "--csv",
            help="Every column as CSV. What a spreadsheet would run as a formula (= + - @) gets an apostrophe in front.",
        ),
    ] = False,
    history: Annotated[bool, typer.Option("--history", help="Tell who made, said and undid what, event by event.")] = False,
    request: Annotated[
        bool, typer.Option("--request", help="Print the request that was sent for one take, and the answer, from the store.")
    ] = False,
    gone: Annotated[bool, typer.Option("--all", "-a", help="Takes of shots, too, that the specs no longer have.")] = False,
    json: JsonOption = False,
) -> int:
    if csv + json > 1 or csv + history > 1 or request + history + csv > 1:
        raise PlanError("--csv, --history and --request are different answers", hint="ask for one of them at a time")
    workspace = open_project(project, console.warn)
    words = names or []
    if request:
        _print_record(workspace, words)
    elif history:
        story = table.story(workspace, words, gone=gone)
        if json:
            events = [table.told_content(told) for told in story]
            rows = table.rows(workspace, words, gone=gone)
            console.document("takes", {"takes": [table.content(row) for row in rows], "events": events})
        else:
            _print_story(story)
    else:
        _print_rows(table.rows(workspace, words, gone=gone), as_csv=csv, json=json)
    return 0


def _print_rows(rows: Sequence[Row], *, as_csv: bool, json: bool) -> None:
    if json:
        console.document("takes", {"takes": [table.content(row) for row in rows]})
    elif as_csv:
        console.table_file(_csv_text(rows))
    elif not rows:
        console.err("there are no takes yet; `shotbuild build` makes them")
    else:
        heads, cells = _fitting(rows, shutil.get_terminal_size((ELSEWHERE, 1)).columns)
        console.table(cells, heads)


def _print_record(workspace: Workspace, words: Sequence[str]) -> None:
    if not words:
        raise PlanError("--request needs a take", hint="name one: `shotbuild takes sh010 t3 --request`")
    record = table.record_of(workspace, take_meant(workspace, words))
    first = {name: record[name] for name in RECORD_ORDER if name in record}
    console.document("record", first | record)


def _print_story(story: Sequence[Told]) -> None:
    if not story:
        console.err("nothing has happened yet; `shotbuild build` makes takes")
        return
    ends: dict[str, int] = {}
    for told in story:
        ends[told.shot] = ends.get(told.shot, 0) + told.head
    open_ends = any(count > 1 for count in ends.values())
    several = len(ends) > 1
    heads = (*(["shot"] if several else []), *(["end"] if open_ends else []), "event", "when", "who", "what", "why")
    cells = [
        (
            *([told.shot] if several else []),
            *(["*" if told.head and ends[told.shot] > 1 else ""] if open_ends else []),
            *_told_cells(told),
        )
        for told in story
    ]
    console.table(cells, heads)
    if open_ends:
        console.err(
            "note: * marks events that no other one follows: they were written by people who did not know of each other"
        )


# --- cells ----------------------------------------------------------------------------------------------------------------


def _cells(row: Row) -> dict[str, str]:
    take = row.take
    return {
        "cut": "*" if row.stands else "",
        "take": f"{take.shot} t{take.number}",
        "code": row.code,
        "name": take.name,
        "state": _state(row),
        "seed": "" if take.seed is None else str(take.seed),
        "model": table.model(row),
        "cost": table.cost(row),
        "made": _time(take.made),
        "prompt": _line(table.prompt(row)),
    }


def _state(row: Row) -> str:
    """The words that are true of a take, with who approved it and why it was rejected."""
    more = {
        table.APPROVED: f" by {_people(row.approvals)}",
        table.PICKED: f" by {_people(row.picks)}",
        table.REJECTED: f" ({_short(_line('; '.join(each.why or '' for each in row.rejections)), REASON)})",
    }
    return ", ".join(word + more.get(word, "") for word in row.words)


def _terse_state(row: Row) -> str:
    roles = " + ".join(dict.fromkeys(each.role for each in row.approvals if each.role))
    return ", ".join(f"{word} ({roles})" if word == table.APPROVED and roles else word for word in row.words)


def _people(decisions: Sequence[Decision]) -> str:
    return " + ".join(f"{_person(each.by)}{f' ({each.role})' if each.role else ''}" for each in decisions)


def _person(by: str) -> str:
    """`Ann Lee` of `Ann Lee <ann@studio.example>`."""
    return by.partition(" <")[0] or by


def _told_cells(told: Told) -> tuple[str, ...]:
    event = told.event
    take = "" if told.take is None else f" t{told.take.number} ({told.take.name})"
    if isinstance(event, Take):
        seed = "" if event.seed is None else f"seed {event.seed}"
        return event.id, _time(event.made), "", f"{'import' if event.foreign else 'take'}{take}", seed
    if isinstance(event, Decision):
        role = f" as {event.role}" if event.role else ""
        frames = f" frames {table.frames_text(event.frames)}" if event.frames else ""
        marks = f", {counted(len(event.marks), 'mark')}" if event.marks else ""
        kept = " to keep" if event.kept else ""
        moved = f" from {event.was} to {event.now}" if event.was else ""
        back = f" to {', '.join(event.of)}" if event.of else ""
        on = f"{' on' if event.kind == NOTE and take else ''}{take}"
        return (
            event.id,
            _time(event.at),
            event.by,
            f"{event.kind}{on}{role}{frames}{marks}{kept}{moved}{back}",
            _line(event.why or ""),
        )
    if isinstance(event, Verification):
        other = ", on another class of machine" if event.elsewhere else ""
        again = f"{event.same_frames} of {event.rolls} came out again{other}"
        return event.id, _time(event.at), event.by, f"verify{take}", again
    return event.id, "", "", f"{event.kind} (of a newer version)", ""


def _fitting(rows: Sequence[Row], width: int) -> tuple[list[str], list[list[str]]]:
    """The columns for which a terminal has room, with the prompt shortened to what is left."""
    cells = [_cells(row) for row in rows]
    heads, given_up = list(HEADS), list(GIVEN_UP)
    wide = {head: max(len(head), *(len(each[head]) for each in cells)) for head in HEADS}
    while (room := width - sum(wide[head] + GAP for head in heads[:-1])) < WANTED and given_up:
        least = given_up.pop(0)
        if least != PEOPLE:
            heads.remove(least)
            continue
        for each, row in zip(cells, rows, strict=True):
            each["state"] = _terse_state(row)
        wide["state"] = max(len("state"), *(len(each["state"]) for each in cells))
    for each in cells:
        each["prompt"] = _short(each["prompt"], max(room, LEAST))
    return heads, [[each[head] for head in heads] for each in cells]


def _csv_text(rows: Sequence[Row]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(table.COLUMNS)
    writer.writerows([_plain(cell) for cell in table.cells(row)] for row in rows)
    return text.getvalue()


def _plain(cell: str) -> str:
    """Who looks at the file in a terminal must not be steered by it; all other text stays exact."""
    return cell if cell.isprintable() else CONTROL.sub(lambda found: repr(found[0])[1:-1], cell)


def _time(text: str) -> str:
    return text[:16].replace("T", " ")


def _line(text: str) -> str:
    return " ".join(text.split())


def _short(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1].rstrip()}…"
