"""`shotbuild recover`, and what a person says to it: `adopt OP ID`, `lost OP`, `retry OP…`."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer

from shotbuild.cli import console
from shotbuild.cli.columns import wrapped
from shotbuild.cli.interrupts import terminable
from shotbuild.cli.options import JsonOption, ProjectOption
from shotbuild.engine.journal import Entry, Phase
from shotbuild.errors import NeedsPerson, PlanError, nearest
from shotbuild.frozen import refuse_frozen
from shotbuild.paying.cancel import service_of
from shotbuild.paying.collect import Collected, Fate
from shotbuild.paying.named import content, entry_named, exact_text, money, prompt_of, seconds_of
from shotbuild.paying.recover import Recovered, Settled, adopt, looking_for, lost, recover, retry
from shotbuild.purchasing import Lines
from shotbuild.workspace import Workspace, open_project

ADOPT, LOST, RETRY = "adopt", "lost", "retry"
USAGE = {ADOPT: "recover adopt OP ID", LOST: "recover lost OP", RETRY: "recover retry OP…"}


def command(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="adopt OP ID | lost OP | retry OP…",
            help="`adopt`: the service has it, under this id. `lost`: nothing came of it. `retry`: what failed, was "
            "refused, nobody knows of, or is done and not in the store any more, may be asked for again. Nothing = look "
            "after all that is under way, and ask for nothing.",
            show_default=False,
        ),
    ] = None,
    project: ProjectOption = Path(),
    unchecked: Annotated[
        bool,
        typer.Option(
            "--unchecked",
            help="adopt: believe the id without asking the service for it. lost: give up what is under way without asking; "
            "it may still be charged.",
        ),
    ] = False,
    unpaid: Annotated[
        bool, typer.Option("--unpaid", help="lost: you have seen that nothing was billed, so nothing stays counted.")
    ] = False,
    json: JsonOption = False,
) -> int:
    verb, names = (words[0], words[1:]) if words else ("", [])
    _check_words(verb, names, unchecked=unchecked, unpaid=unpaid)
    refuse_frozen("`recover` asks services, and enters their takes")
    workspace = open_project(project, console.warn)
    with closing(workspace.rooms.journal), closing(Lines()) as lines, terminable():
        if not verb:
            return _recover(workspace, lines, json=json)
        if verb == ADOPT:
            settled: tuple[Settled, ...] = (adopt(workspace, names[0], names[1], lines, unchecked=unchecked),)
        elif verb == LOST:
            settled = (lost(workspace, names[0], lines, unpaid=unpaid, unchecked=unchecked),)
        else:
            settled = retry(workspace, names)
        if json:
            console.document("recover", {"said": [_settled_content(each) for each in settled]})
        else:
            for each in settled:
                _print_settled(each)
        return max((_code(each.collected) for each in settled if each.collected is not None), default=0)


def _check_words(verb: str, names: Sequence[str], *, unchecked: bool, unpaid: bool) -> None:
    wanted = {"": len(names) == 0, ADOPT: len(names) == 2, LOST: len(names) == 1, RETRY: bool(names)}
    if verb not in wanted:
        close = nearest(verb, tuple(USAGE))
        raise PlanError(
            f"`recover` knows no {verb[:80]!r}",
            hint=f"write `shotbuild {USAGE[close]}`" if close else f"write one of {', '.join(map(repr, USAGE.values()))}",
        )
    if not wanted[verb]:
        raise PlanError(f"`recover {verb}` is written otherwise", hint=f"write `shotbuild {USAGE[verb]}`")
    if unchecked and verb not in (ADOPT, LOST):
        raise PlanError(
            "--unchecked goes with `adopt` and `lost` alone", hint=f"write `shotbuild {USAGE[ADOPT]} --unchecked`"
        )
    if unpaid and verb != LOST:
        raise PlanError("--unpaid goes with `lost` alone", hint=f"write `shotbuild {USAGE[LOST]} --unpaid`")


def _recover(workspace: Workspace, lines: Lines, *, json: bool) -> int:
    found = recover(workspace, lines)
    if json:
        console.document(
            "recover",
            {
                "collected": [_collected_content(each) for each in found.collected],
                "unknown": [_unknown_content(workspace, entry) for entry in found.unknown],
            },
        )
    else:
        _print(workspace, found)
    if found.unknown:
        return NeedsPerson.exit_code
    return max((_code(each) for each in found.collected), default=0)


def _code(each: Collected) -> int:
    return each.error.exit_code if each.error is not None else 0


def _print(workspace: Workspace, found: Recovered) -> None:
    for each in found.collected:
        told = f"{each.entry.step} at {each.entry.provider}{_came_to(each)}"
        for line in wrapped(f"{each.fate.value:9}  {each.entry.name}  ", told):
            console.out(line)
    for entry in found.unknown:
        console.out("")
        for line in _puzzle(workspace, entry):
            console.out(line)
    if not found.collected and not found.unknown:
        console.err("nothing is under way, and nothing was left behind")


def _came_to(each: Collected) -> str:
    entry = each.entry
    match each.fate:
        case Fate.COLLECTED:
            took = f", {money(entry.owed)}" if entry.owed.amount != 0 else ""
            return (
                f": {each.take.shot} t{each.take.number} ({each.take.name}){took}" if each.take else f": in the store{took}"
            )
        case Fate.RUNNING:
            progress = "" if entry.progress is None else f", {entry.progress} %"
            return f": {entry.word or 'it has not said how far'}{progress}; a build, or `recover` later, fetches it"
        case Fate.ELSEWHERE:
            return ": a build is looking after it"
        case Fate.UNKNOWN:
            return ": only a person can say what became of it, see below"
    assert each.error is not None, "what ended or is left has a reason"
    cause = f": {each.error.cause}" if each.error.cause else ""
    hint = f" ({each.error.hint})" if each.error.hint and each.fate is Fate.LEFT else ""
    return f": {each.error.message}{cause}{hint}"


def _puzzle(workspace: Workspace, entry: Entry) -> list[str]:
    """What a person needs in order to say what became of an operation."""
    seconds = seconds_of(entry)
    length = "" if seconds is None else f", {exact_text(seconds)} s"
    verbs = {
        f"{ADOPT} {entry.name} ID": "it is there: ID as that page shows it. It is fetched, and paid for once",
        f"{LOST} {entry.name}": "it is not there. A build may ask for it again; its price stays counted, but with --unpaid",
        f"{RETRY} {entry.name}": "it is not there. The same, and earlier failures no longer count against it",
    }
    wide = max(map(len, verbs))
    told = [
        (f"{entry.name}  ", f"{entry.step} may have been accepted by {entry.provider}, and may cost {money(entry.owed)}"),
        ("  because   ", entry.reason),
        ("  asked     ", f"{entry.began[:19].replace('T', ' ')} UTC: {entry.model}{length}"),
        ("  prompt    ", prompt_of(entry)),
        ("  look      ", _where(workspace, entry)),
    ]
    for number, (verb, meaning) in enumerate(verbs.items()):
        told.append((f"  {'then say' if number == 0 else '':8}  shotbuild recover {verb:{wide}}  ", meaning))
    return [line for label, text in told if text for line in wrapped(label, text)]


def _where(workspace: Workspace, entry: Entry) -> str:
    try:
        return looking_for(service_of(workspace, entry.provider), entry)
    except PlanError:
        return looking_for(None, entry)


def _print_settled(each: Settled) -> None:
    entry = each.entry
    if each.verb == ADOPT:
        found = "" if each.collected is None else f"; {each.collected.fate.value}{_came_to(each.collected)}"
        said = f"{entry.step} is {entry.operation.id if entry.operation else ''} at {entry.provider}{found}"
    elif entry.phase is Phase.LOST:
        again = " and may be tried again" if each.verb == RETRY else ""
        cost = "nothing is" if entry.owed.amount == 0 else f"{money(entry.owed)} stay"
        said = f"{entry.step} is given up as lost{again}; {cost} counted as possibly spent"
    else:
        said = f"{entry.step} may be tried again"
    for line in (*wrapped(f"{entry.name}  ", said), *wrapped(" " * len(f"{entry.name}  "), each.next)):
        console.out(line)


def _collected_content(each: Collected) -> dict[str, Any]:
    return content(each.entry) | {
        "fate": each.fate.value,
        "take": None if each.take is None else each.take.name,
        "number": None if each.take is None else each.take.number,
        "error": None if each.error is None else each.error.message,
        "hint": None if each.error is None else each.error.hint,
    }


def _unknown_content(workspace: Workspace, entry: Entry) -> dict[str, Any]:
    return content(entry_named(workspace.rooms.journal, entry.name)) | {"look": _where(workspace, entry)}


def _settled_content(each: Settled) -> dict[str, Any]:
    own = content(each.entry) if each.collected is None else _collected_content(each.collected)
    return own | {"verb": each.verb, "next": each.next}
