"""The story of a shot as rows: what was made, said and undone, with the Git commits that brought it. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from shotbuild.host.git import Commit
from shotbuild.records import NOTE, REJECT, Decision, Take, Verification
from shotbuild.takes.table import Told, frames_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One event. kind: its word; what: what it is about; commit: None while Git has it in none; committed: whether Git
    keeps this ledger at all."""

    at: str
    by: str
    kind: str
    what: str
    why: str
    commit: Commit | None
    committed: bool
    head: bool


def history(story: Iterable[Told], commits: dict[str, Sequence[Commit | None]]) -> tuple[Line, ...]:
    """The newest first. commits: file → by which commit each of its lines came; a file that is not in Git is missing."""
    lines: list[Line] = []
    for told in story:
        place = told.event.location
        of_file = commits.get(place.file, ())
        commit = of_file[place.line - 1] if 0 < place.line <= len(of_file) else None
        lines.append(_line(told, commit, bool(of_file)))
    return tuple(reversed(lines))


def _line(told: Told, commit: Commit | None, committed: bool) -> Line:
    event, take = told.event, "" if told.take is None else f"t{told.take.number}"
    at = by = why = ""
    kind = "take"
    if isinstance(event, Take):
        at, by, what = event.made, "", f"{take} brought in" if event.foreign else f"{take} made"
    elif isinstance(event, Decision):
        at, by, kind = event.at, event.by, event.kind
        what = f"{event.was} is {event.now} now" if event.was else take
        if event.role:
            what += f" as {event.role}"
        if event.frames is not None and event.kind in (NOTE, REJECT):
            what += f" frames {frames_text(event.frames)}"
        why = event.why or ""
    elif isinstance(event, Verification):
        at, by, kind = event.at, event.by, "verify"
        what = f"{take}: {event.same_bytes} of {event.rolls} rolls gave the same bytes"
    else:
        kind, what = event.kind, "an event of a newer version of shotbuild"
    return Line(at=at, by=by, kind=kind, what=what.strip(), why=why, commit=commit, committed=committed, head=told.head)
