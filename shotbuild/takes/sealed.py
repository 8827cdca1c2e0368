"""Ledgers by themselves, and against Git: every line is whole, and none that was committed is gone. Reads no specs."""

from collections.abc import Iterable, Mapping

from shotbuild.errors import Location, ShotbuildError, SpecError, SpecErrors
from shotbuild.host import git
from shotbuild.records import LedgerEvent
from shotbuild.rooms import Rooms
from shotbuild.spec.ledger import FOLDER, SUFFIX, check_whole, read_events

SHOWN = 5
"""Lines of one ledger that are gone and named; the others are counted."""


def check_ledgers(rooms: Rooms, since: str | None = None) -> int:
    """How many ledgers there are. Of what HEAD has, and MERGE_HEAD while a merge is under way, nothing may be gone. since: a
    Git revision; nor may anything of the commit that it has in common with HEAD.

    Errors: SpecErrors, all of them; PlanError when there is no such revision."""
    texts = dict(_texts(rooms))
    errors: list[SpecError] = []
    events: dict[str, tuple[LedgerEvent, ...]] = {}
    for file, text in texts.items():
        try:
            events[file] = read_events(_shot(file), text)
        except SpecErrors as damaged:
            errors += damaged.errors
    # A shot that moved has its history in two ledgers. A line that cannot be read would be missed by all that follow it.
    known = {event.id for several in events.values() for event in several}
    for file, several in events.items() if not errors else ():
        try:
            check_whole(_shot(file), several, known)
        except SpecErrors as found:
            errors += found.errors
    commits = [*git.heads(rooms.root), *([] if since is None else [git.fork_point(rooms.root, since)])]
    gone: dict[str, SpecError] = {}
    for commit in dict.fromkeys(commits):
        gone = {**_gone(commit, git.texts_at(rooms.root, commit, FOLDER), texts), **gone}
    errors += gone.values()
    if errors:
        raise SpecErrors(errors)
    return len(texts)


def _texts(rooms: Rooms) -> Iterable[tuple[str, str]]:
    folder = rooms.inside(FOLDER)
    for path in sorted(folder.glob(f"*{SUFFIX}")) if folder.is_dir() else ():
        file = f"{FOLDER}/{path.name}"
        try:
            yield file, rooms.inside(file).read_bytes().decode()
        except (OSError, UnicodeDecodeError) as error:
            raise SpecError(
                f"{file} cannot be read", location=Location(file=file, line=1, column=1), cause=str(error)
            ) from error
        except ShotbuildError as error:
            raise SpecError(
                error.message, location=Location(file=file, line=1, column=1), cause=error.cause, hint=error.hint
            ) from error


def _gone(commit: str, before: Mapping[str, str], now: Mapping[str, str]) -> dict[str, SpecError]:
    """By ledger, the lines of a commit that are not there any more. Merges may bring lines into another order."""
    found: dict[str, SpecError] = {}
    for file, text in before.items():
        if file.count("/") != 1 or not file.endswith(SUFFIX) or now.get(file) == text:
            continue
        there = {line.strip() for line in now.get(file, "").split("\n")}
        missing = [number for number, line in enumerate(text.split("\n"), start=1) if line.strip() not in there | {""}]
        if missing:
            lines = ", ".join(map(str, missing[:SHOWN])) + (
                f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
            )
            found[file] = _lost(file, commit, lines, whole=file not in now)
    return found


def _lost(file: str, commit: str, lines: str, *, whole: bool) -> SpecError:
    return SpecError(
        f"{file} is gone" if whole else f"{file} lacks lines that were committed",
        location=Location(file=file, line=1, column=1),
        cause=f"ledgers are only added to, and commit {commit[:12]} has line {lines} of it, as counted there",
        hint=f"bring them back with `git checkout {commit[:12]} -- {file}`, then enter again what was new",
    )


def _shot(file: str) -> str:
    return file.removeprefix(f"{FOLDER}/").removesuffix(SUFFIX)
