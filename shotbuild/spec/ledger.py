"""takes/<shot>.jsonl ↔ events: one canonical JSON object a line, appended and never rewritten.

Git merges ledgers line by line (`merge=union`), so nothing depends on the order of lines: each event names the events that
it follows (`after`). Event kinds of a newer version are kept and reported. What the events come to is `plan.decisions`'s.
"""

from collections.abc import Container, Iterable

from shotbuild.errors import Location, SpecError, SpecErrors
from shotbuild.records import Decision, LedgerEvent
from shotbuild.spec.events import damaged, read_event

FOLDER = "takes"
SUFFIX = ".jsonl"


def ledger_file(shot: str) -> str:
    return f"{FOLDER}/{shot}{SUFFIX}"


def read_events(shot: str, text: str) -> tuple[LedgerEvent, ...]:
    """The events of one file, each once. Errors: SpecErrors with every damaged line; nothing is dropped in silence."""
    events: dict[str, LedgerEvent] = {}
    errors: list[SpecError] = []
    for number, line in enumerate(text.split("\n"), start=1):
        written = line.strip()
        if not written:
            continue
        try:
            event = read_event(shot, written, Location(file=ledger_file(shot), line=number, column=1))
        except SpecError as error:
            errors.append(error)
            continue
        events.setdefault(event.id, event)
    if errors:
        raise SpecErrors(errors)
    return tuple(events.values())


def check_whole(shot: str, events: Iterable[LedgerEvent], elsewhere: Container[str] = ()) -> None:
    """elsewhere: ids of events of other ledgers. Errors: SpecErrors at each event that follows one which is not there."""
    known = {event.id: event for event in events}
    errors = [
        damaged(
            shot,
            event.location,
            f"it follows event {name[:16]!r}, which is not there: a line was deleted, or a part of a branch is missing",
            f"bring the missing lines back, for example with `git log -p -- {event.location.file}`",
        )
        for event in known.values()
        for name in (*event.after, *(event.of if isinstance(event, Decision) else ()))
        if name not in known and name not in elsewhere
    ]
    if errors:
        raise SpecErrors(errors)
