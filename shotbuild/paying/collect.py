"""Brings home what is under way or was left behind: looks at each operation once, fetches what is done, asks for nothing.

Each operation is finished from the step that the journal has of it, so that it does not matter whether today's specs still
ask for it. What another build works on is left to that one.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from shotbuild.digest import manifest
from shotbuild.engine.done import Done
from shotbuild.engine.execute import Workshop, workplace
from shotbuild.engine.journal import OPEN, Entry, Phase
from shotbuild.engine.operations import Bought, Counter, Operations, Purchase, StillRunning
from shotbuild.errors import InternalError, PlanError, ShotbuildError, StoreError
from shotbuild.paying.named import wanted_of
from shotbuild.plan.bind import Wanted
from shotbuild.purchasing import Lines, counter
from shotbuild.records import Take
from shotbuild.workspace import Workspace


class Fate(Enum):
    """What was found of an operation. The value is what people read."""

    COLLECTED = "collected"
    RUNNING = "running"
    ELSEWHERE = "elsewhere"
    UNKNOWN = "unknown"
    ENDED = "ended"
    LEFT = "left"


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """One operation after a look. entry: as it stands now; take: that its shot has of it now, None where it made none;
    error: why nothing came of it, or why it could not be looked after."""

    entry: Entry
    fate: Fate
    take: Take | None = None
    error: ShotbuildError | None = None


_SENSELESS = (ShotbuildError, LookupError, TypeError, ValueError, AttributeError)
"""What reading a row, or keeping what came of it, may end with."""


class _Elsewhere(Exception):
    """Another build holds the action."""


@dataclass(slots=True)
class _Round:
    """One look at some operations. by: the operation of each purchase."""

    workspace: Workspace
    desk: Counter
    operations: Operations
    ended: "SimpleQueue[Future[Any]]"
    by: dict[Purchase, tuple[Entry, Wanted]] = field(default_factory=dict)
    found: dict[int, Collected] = field(default_factory=dict)


def collect(workspace: Workspace, entries: Sequence[Entry], lines: Lines) -> tuple[Collected, ...]:
    """Looks at operations that are under way, fetched or about to be asked, each once; nothing is submitted. In their order.
    Errors: SpecErrors, … when the project cannot be read; what goes wrong with one operation is in its row."""
    if not entries:
        return ()
    _ = workspace.project  # its shots say where a take belongs
    workspace.rooms.ledgers.enter_moves()  # else the next build would not know by which name it was asked for
    with _workshop(workspace) as shop:
        desk = counter(workspace.project, workspace.rooms, workspace.casting, shop, lines, "recover", None, workspace.hear)
        # What somebody else made is no reason to leave alone what was paid for as well.
        desk = replace(desk, lookup=lambda _: None, lock=_locking(desk.lock))
        ended: SimpleQueue[Future[Any]] = SimpleQueue()
        going = _Round(workspace, desk, Operations(desk, ended), ended)
        try:
            for entry in entries:
                _begin(going, entry)
            _run(going)
        except BaseException:
            shop.cancel.set()  # else a download would be waited for to its end; the next look goes on with it
            raise
        finally:
            going.operations.stop()
    return tuple(going.found[entry.id] for entry in entries)


def _begin(going: _Round, entry: Entry) -> None:
    try:
        wanted = _at_home(going.workspace, wanted_of(entry))
        terms = going.workspace.casting.terms(wanted.step)
        if terms is None:
            raise PlanError(f"no service is called {entry.provider!r} here", hint="install the package that offers it")
    except _SENSELESS as error:
        going.found[entry.id] = Collected(entry=entry, fate=Fate.LEFT, error=_told(entry, error))
        return
    terms = replace(terms, attempts=0, on_stall="leave", glance=True)
    going.by[going.operations.begin(wanted, terms)] = entry, wanted


def _run(going: _Round) -> None:
    operations, clock = going.operations, going.desk.clock
    while operations.open:
        future = clock.wait(going.ended, operations.due(), running=operations.calling)
        while future is not None:
            operations.returned(future)
            future = None if going.ended.empty() else going.ended.get_nowait()
        for bought in operations.turn():
            entry, wanted = going.by[bought.purchase]
            try:
                going.found[entry.id] = _settled(going, entry, wanted, bought)
            finally:
                _release(bought.purchase)


def _settled(going: _Round, entry: Entry, wanted: Wanted, bought: Bought) -> Collected:
    journal, error = going.workspace.rooms.journal, bought.error
    if bought.result is not None:
        try:
            take = _kept(going.workspace, Done(wanted=wanted, result=bought.result, ran=True))
        except _SENSELESS as problem:
            return Collected(entry=journal.entry(entry.id) or entry, fate=Fate.LEFT, error=_told(entry, problem))
        journal.done(entry.id)
        return Collected(entry=journal.entry(entry.id) or entry, fate=Fate.COLLECTED, take=take)
    now = journal.entry(entry.id) or entry
    if isinstance(error, StillRunning):
        return Collected(entry=now, fate=Fate.RUNNING)
    if isinstance(error, _Elsewhere):
        return Collected(entry=now, fate=Fate.ELSEWHERE)
    said = error if isinstance(error, ShotbuildError) else InternalError(f"a bug: {type(error).__name__}: {error}")
    if now.phase is Phase.UNKNOWN:
        return Collected(entry=now, fate=Fate.UNKNOWN, error=said)
    return Collected(entry=now, fate=Fate.LEFT if now.phase in OPEN else Fate.ENDED, error=said)


def _told(entry: Entry, error: Exception) -> ShotbuildError:
    """Why an operation is left: what its row says may have been written by anybody."""
    if isinstance(error, ShotbuildError):
        return error
    return StoreError(
        f"what the journal has of {entry.name} makes no sense",
        cause=f"{type(error).__name__}: {error}",
        hint=f"look at it with `shotbuild jobs show {entry.name}`; bring .shotbuild/journal.db back from a backup",
    )


def _kept(workspace: Workspace, done: Done) -> Take | None:
    """Keeps what was made as a build does: for looking up, and if it is a take, in its shot's ledger."""
    rooms = workspace.rooms
    rooms.actions.put(done.key, done.result, manifest(done.action))
    if done.step.asking is None:
        return None
    rooms.ledgers.enter(done)
    return rooms.ledgers.of(done.step.shots[0]).take_of(done.result.outputs[0][1].sha256)


def _at_home(workspace: Workspace, wanted: Wanted) -> Wanted:
    """A step under the name that its shot has now."""
    if not wanted.step.shots:
        return wanted
    was, ledgers = wanted.step.shots[0], workspace.rooms.ledgers
    shots = workspace.project.shots
    if any(shot.name == was for shot in shots):
        return wanted
    now = next((each.name for each in shots if was in (each.moved, *ledgers.of(each.name).formerly)), was)
    return replace(wanted, step=replace(wanted.step, shots=(now, *wanted.step.shots[1:])))


def _locking(lock: Callable[[str], Any]) -> Callable[[str], Any]:
    def taken(key: str) -> Any:
        held = lock(key)
        if held is None:
            raise _Elsewhere
        return held

    return taken


def _release(purchase: Purchase) -> None:
    if purchase.lock is not None:
        Path(purchase.lock.lock_file).unlink(missing_ok=True)
        purchase.lock.release()


@contextmanager
def _workshop(workspace: Workspace) -> Iterator[Workshop]:
    rooms = workspace.rooms
    with workplace(rooms.folder("work"), rooms.folder("locks")) as own:
        yield Workshop(
            blobs=rooms.blobs,
            stage=workspace.registry.stage,
            ffmpeg=rooms.ffmpeg(workspace.project),
            folder=own,
            cancel=threading.Event(),
        )
