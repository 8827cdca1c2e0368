"""`shotbuild jobs`, `jobs show OP` and `jobs cancel OP…`: what services are making for this project, and what they made."""

import json as plain_json
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from shotbuild.cli import console
from shotbuild.cli.columns import for_how_long, table, wrapped
from shotbuild.cli.options import JsonOption, ProjectOption
from shotbuild.engine.journal import Entry, Phase
from shotbuild.errors import PlanError, ProviderError, ShotbuildError, nearest
from shotbuild.frozen import refuse_frozen
from shotbuild.paying.cancel import Cancelled, cancel, refuse
from shotbuild.paying.named import (
    age,
    content,
    entries_named,
    entry_named,
    exact_text,
    money,
    prompt_of,
    seconds_of,
    wanted_of,
)
from shotbuild.purchasing import Lines
from shotbuild.records import Fields
from shotbuild.units import counted
from shotbuild.workspace import Workspace, open_project

SHOW, CANCEL = "show", "cancel"
HEADS = ("op", "step", "provider", "model", "phase", "said", "age", "price", "id", "prompt")
ALL_HEADS = ("op", "step", "provider", "model", "phase", "began", "ended", "price", "id", "why")
BODY = 4000
"""Characters of an answer that are shown."""


def command(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="show OP | cancel OP…",
            help="`show` and an operation: its whole story. `cancel` and some: ask their services to take them back. "
            "Operations are called op1, op2, … Nothing = list what is under way.",
            show_default=False,
        ),
    ] = None,
    project: ProjectOption = Path(),
    every: Annotated[
        bool, typer.Option("--all", "-a", help="Every attempt there ever was, with how it ended and why.")
    ] = False,
    json: JsonOption = False,
) -> int:
    workspace = open_project(project, console.warn)
    with closing(workspace.rooms.journal):
        if not words:
            return _list(workspace, every=every, json=json)
        if every:
            raise PlanError("--all goes with the list alone", hint="write `shotbuild jobs --all`")
        verb, names = words[0], words[1:]
        if verb == SHOW and len(names) == 1:
            return _show(workspace, names[0], json=json)
        if verb == CANCEL and names:
            refuse_frozen("`jobs cancel` asks services to end what they make")
            return _cancel(workspace, names, json=json)
    if verb in (SHOW, CANCEL):
        wanted = "one operation" if verb == SHOW else "at least one operation"
        raise PlanError(
            f"`jobs {verb}` needs {wanted}", hint=f"write `shotbuild jobs {verb} op1`; `shotbuild jobs` lists them"
        )
    close = nearest(verb, (SHOW, CANCEL))
    raise PlanError(
        f"`jobs` knows no {verb[:80]!r}", hint=f"write `shotbuild jobs {close or SHOW} OP`, or `shotbuild jobs` for the list"
    )


def _list(workspace: Workspace, *, every: bool, json: bool) -> int:
    journal = workspace.rooms.journal
    entries = journal.entries() if every else journal.unfinished()
    if json:
        console.document("jobs", {"operations": [content(entry) for entry in entries]})
        return 0
    if not entries:
        console.err("nothing was asked of any service yet" if every else "nothing is under way; --all lists what was")
        return 0
    now = datetime.now(UTC)
    heads = ALL_HEADS if every else HEADS
    cells = [_cells(entry, now) for entry in entries]
    table(
        heads,
        [{head: row[head] for head in heads} for row in cells],
        shrink={"prompt": 24, "why": 40, "id": 13, "model": 16, "said": 14, "step": 14},
        drop=("id", "ended", "provider", "model") if every else ("prompt", "provider", "model"),
        right=("price", "age"),
        tails=("id", "model"),
    )
    unknown = sum(entry.phase is Phase.UNKNOWN for entry in entries)
    if unknown:
        console.err(f"{counted(unknown, 'operation')} of unknown fate: `shotbuild recover` says what to do")
    return 0


def _cells(entry: Entry, now: datetime) -> dict[str, str]:
    since = age(entry.began, now)
    progress = "" if entry.progress is None else f"{entry.progress} %"
    return {
        "op": entry.name,
        "step": entry.step,
        "provider": entry.provider,
        "model": entry.model,
        "phase": entry.phase.value,
        "said": ", ".join(part for part in (entry.word, progress) if part) if entry.phase is Phase.SUBMITTED else "",
        "age": "" if since is None else for_how_long(since),
        "began": _time(entry.began),
        "ended": _time(entry.ended),
        "price": money(entry.owed),
        "id": "" if entry.operation is None else entry.operation.id,
        "why": entry.reason,
        "prompt": prompt_of(entry),
    }


# --- the story of one -----------------------------------------------------------------------------------------------------


def _show(workspace: Workspace, name: str, *, json: bool) -> int:
    journal = workspace.rooms.journal
    entry = entry_named(journal, name)
    told = journal.told(entry.id)
    if json:
        more = {
            "told": [{"at": at, "phase": phase, "words": words} for at, phase, words in told],
            "sent": _parsed(entry.sent),
            "accepted": _parsed(entry.accepted),
            "answer": _parsed(entry.answer),
        }
        console.document("jobs", {"operations": [content(entry) | more]})
        return 0
    for label, text in _lines(entry):
        if text:
            for line in wrapped(f"{label:11}", text):
                console.out(line)
    console.out("\nwhat happened")
    for at, phase, words in told:
        console.out(f"  {_time(at, seconds=True)}  {phase:9}  {words}")
    for heading, text in (("what was sent", entry.sent), ("the last answer", entry.answer)):
        if text:
            console.out(f"\n{heading}")
            console.out(_indented(text))
    return 0


def _lines(entry: Entry) -> list[tuple[str, str]]:
    seconds = seconds_of(entry)
    progress = "" if entry.progress is None else f", {entry.progress} %"
    said = f" ({entry.word}{progress})" if entry.phase is Phase.SUBMITTED and entry.word else ""
    charged = "" if entry.charged is None else f", charged {money(entry.charged)}"
    return [
        (entry.name, f"{entry.step}, {entry.phase.value}{said}"),
        ("asked", f"{entry.provider}, {entry.model}{'' if seconds is None else f', {exact_text(seconds)} s'}"),
        ("its id", "" if entry.operation is None else entry.operation.id),
        ("our id", entry.client),
        ("began", f"{_time(entry.began, seconds=True)} UTC"),
        ("ended", f"{_time(entry.ended, seconds=True)} UTC" if entry.ended else ""),
        ("price", f"{money(entry.price)}{charged}"),
        ("why", f"{entry.reason}{f' ({entry.kind})' if entry.kind else ''}" if entry.reason else ""),
        ("prompt", prompt_of(entry)),
        ("settings", _settings(entry)),
    ]


def _settings(entry: Entry) -> str:
    try:
        settings = wanted_of(entry).action.recipe.parameters.get("settings")
    except ShotbuildError:
        return ""
    pairs = settings if isinstance(settings, Fields) else Fields()
    said = ((name, str(value).lower() if isinstance(value, bool) else value) for name, value in pairs if value is not None)
    return ", ".join(f"{name}: {value}" for name, value in said)


def _parsed(text: str) -> object:
    try:
        return plain_json.loads(text) if text else None
    except (ValueError, RecursionError):
        return text


def _indented(text: str) -> str:
    parsed = _parsed(text)
    shown = text if isinstance(parsed, str) else plain_json.dumps(parsed, ensure_ascii=False, indent=2)
    if len(shown) > BODY:
        shown = f"{shown[:BODY]}\n… {len(shown) - BODY} characters more; --json prints them"
    return "\n".join(f"  {line}" for line in shown.splitlines())


# --- cancelling -----------------------------------------------------------------------------------------------------------


def _cancel(workspace: Workspace, names: Sequence[str], *, json: bool) -> int:
    entries = entries_named(workspace.rooms.journal, names)
    for entry in entries:
        refuse(entry)  # before the first of them is taken back
    found: list[Cancelled] = []
    failed: list[tuple[Entry, ProviderError]] = []
    with closing(Lines()) as lines:
        for entry in entries:
            try:
                found.append(cancel(workspace, entry, lines))
            except ProviderError as error:
                failed.append((entry, error))
    if json:
        rows = [content(each.entry) | {"cancelled": each.taken_back, "said": each.said, "error": None} for each in found]
        rows += [content(entry) | {"cancelled": False, "said": "", "error": error.message} for entry, error in failed]
        console.document("jobs", {"operations": rows})
    else:
        for each in found:
            for line in wrapped(f"{each.entry.name}  ", _told(each)):
                console.out(line)
    for _, problem in failed:
        console.error(problem, None)
    return 0 if not failed and all(each.taken_back for each in found) else 1


def _told(each: Cancelled) -> str:
    entry = each.entry
    what = f"{entry.step} at {entry.provider}"
    if not each.taken_back:
        said = f"; it says of it now: {each.said}" if each.said else ""
        return (
            f"{what}: NOT cancelled, as it was too late or {entry.provider} has no way to{said}. Nothing was changed. "
            f"`shotbuild recover lost {entry.name} --unchecked` gives it up, though it may be charged."
        )
    known = entry.charged is not None and entry.charged.amount is not None
    cost = (
        f"{entry.provider} says that it charged {money(entry.owed)}"
        if known
        else f"{money(entry.owed)} stay counted as possibly charged, as services charge for some that had begun"
    )
    again = f"a build asks for it again unless {entry.shot or 'its step'} is changed or left out"
    return f"{what}: cancelled. {cost}; {again}."


def _time(text: str, *, seconds: bool = False) -> str:
    return text[: 19 if seconds else 16].replace("T", " ")
