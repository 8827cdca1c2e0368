"""What builds of a project do now, for other processes: each build tells it in a file of its own below `.shotbuild/builds`.

A file is locked for as long as its build lives, so a killed one is seen as ended at once. Nothing is written before
something is run: a build with nothing to do leaves no trace. Where it cannot be written, the build goes on without.

The thread that builds only notes what it hears; another one writes what is new a few times a second, in one line. So steps
that take no time cost next to none, and a step that began and ended between two lines is a name among those that were made.
"""

import json
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from threading import Event as Signal
from threading import Lock, Thread
from types import TracebackType
from typing import Any

from shotbuild.built import Built
from shotbuild.engine.events import (
    Event,
    Failed,
    Finished,
    Held,
    Planned,
    Polled,
    Pushing,
    Replaced,
    Skipped,
    Stalled,
    Started,
    Waiting,
    Warned,
)
from shotbuild.errors import ShotbuildError, without_login
from shotbuild.host import files
from shotbuild.records import Step, owed
from shotbuild.units import counted, decimal_text

FOLDER, SUFFIX = "builds", ".jsonl"
VERSION = 1
KEPT = 20
PAUSE_SECONDS = 0.2
LONGEST = 500
"""Characters of a text; more of it is cut off."""
TOLD, TOO_LONG, LARGEST = 200, 8 << 20, 16 << 20
"""So many failures are told with their reasons; bytes of a file after which services are no longer quoted, and of one that
is not read at all."""
MOST_SHOTS = 100
"""So many shots of a step are named: a film is joined of thousands."""
LOOKED_AT = 100
"""So many files are looked at, the newest."""

RUNNING, DONE, FAILED, STOPPED, DIED = "running", "done", "failed", "stopped", "died"
"""How a build stands; `died`: its process is gone, and did not say how it ended."""
_NAME = re.compile(r"[0-9TZ.-]{1,60}\.jsonl")
_AMOUNT = re.compile("[0-9]{1,30}(/0*[1-9][0-9]{0,28})?")
_CURRENCY = re.compile("[A-Za-z]{1,12}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A step that is being made. since: seconds since 1970; use: the project's name of the provider that it asks, empty = it
    asks nobody; says: what that says of it, or what it waits for; percent: None = unsaid; shots: that it belongs to; takes:
    whether it makes a take."""

    step: str
    stage: str
    since: float
    use: str = ""
    says: str = ""
    percent: int | None = None
    shots: tuple[str, ...] = ()
    takes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A step that failed. at: seconds since 1970; why: in a sentence; hint: what to do about it; asked: of a take, the
    digest of what was asked for, as `Choice.asked`."""

    step: str
    why: str
    at: float
    hint: str = ""
    shots: tuple[str, ...] = ()
    takes: bool = False
    asked: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """One build. command: `build`, `roll`, …; pid: of its process; began, ended: seconds since 1970, None = it did not say;
    how: RUNNING, DONE, FAILED, STOPPED or DIED; why: what it says of that; steps: how many it looks at, of which `done` are
    through: `ran` of these were made by it, `failed` failed, `skipped` were not tried, and all others were there; expected:
    what it was going to cost, in words; cost: currency → of what was made so far; failures: those that were told; made: the
    steps that it made → when."""

    name: str
    command: str
    pid: int
    began: float
    ended: float | None = None
    how: str = RUNNING
    why: str = ""
    steps: int = 0
    done: int = 0
    ran: int = 0
    failed: int = 0
    skipped: int = 0
    expected: str = ""
    cost: Mapping[str, Fraction] = field(default_factory=dict)
    running: Mapping[str, Running] = field(default_factory=dict)
    failures: Mapping[str, Failure] = field(default_factory=dict)
    made: Mapping[str, float] = field(default_factory=dict)

    @property
    def alive(self) -> bool:
        """Whether it works still."""
        return self.how == RUNNING

    @property
    def left(self) -> int:
        """How many steps it has not come to an end with."""
        return max(0, self.steps - self.done)

    @property
    def price(self) -> str:
        """What was spent so far, in words; empty = nothing."""
        return " + ".join(f"{decimal_text(amount)} {currency}" for currency, amount in sorted(self.cost.items()) if amount)


# --- telling --------------------------------------------------------------------------------------------------------------


class Told:
    """Passes on what a build says, and has it written down. folder: gives a folder of a name, which it may make; hear: told
    of every event first, in the same thread; command: what is done; expected: what it will cost, in words; kept: the file
    stays when the build has ended."""

    def __init__(
        self,
        folder: Callable[[str], Path],
        hear: Callable[[Event], None],
        command: str = "build",
        expected: str = "",
        *,
        kept: bool = True,
    ) -> None:
        self._folder, self._hear, self._kept = folder, hear, kept
        self._head = {"v": VERSION, "pid": os.getpid(), "command": command, "expected": expected[:LONGEST]}
        self._lock = Lock()
        self._wanted, self._closing = Signal(), Signal()
        self._thread: Thread | None = None
        self._path: Path | None = None
        self._handle: int | None = None
        self._size = 0
        self._trouble: str | None = None
        self._said = False
        self._steps = self._cached = 0
        self._made: set[str] = set()
        self._failed: set[str] = set()
        self._skipped: set[str] = set()
        self._running: set[str] = set()
        self._cost: dict[str, Fraction] = {}
        self._end: dict[str, object] = {}
        self._news = _News()

    def __enter__(self) -> "Told":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if isinstance(error, KeyboardInterrupt):
            self._end = {"end": STOPPED, "why": ""}
        elif error is not None:
            self._end = {"end": FAILED, "why": _why(error) if isinstance(error, ShotbuildError) else type(error).__name__}
        self.close()

    def hear(self, event: Event) -> None:
        self._hear(event)
        if type(event) is Finished and not event.ran and event.step.name not in self._running:
            self._cached += event.step.name not in self._made
            return  # of ten thousand steps that are there, most builds tell nothing
        with self._lock:
            news = self._take(event)
        if news:
            if self._thread is None:
                self._thread = Thread(target=self._write, name="progress", daemon=True)
                self._thread.start()
            if not self._wanted.is_set():
                self._wanted.set()
        if self._trouble is not None:
            self._warn()

    def ended(self, built: Built, *, stopped: bool = False) -> None:
        """The build came to its end by itself. stopped: because it was asked to."""
        how = FAILED if built.failed else STOPPED if stopped else DONE
        self._end = {"end": how, "why": ""}
        with self._lock:
            self._cost = {money.currency: money.amount for money in built.cost.known}

    def close(self) -> None:
        """Nothing more is told. What is said last is written first."""
        if self._end.get("end", RUNNING) == RUNNING:
            self._end = {"end": DONE, "why": ""}
        self._closing.set()
        self._wanted.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._trouble is not None:
            self._warn()

    def _take(self, event: Event) -> bool:  # noqa: PLR0912 - a case for each event
        """Notes an event; whether it is worth a line: what is there already, and what it costs to say so, is not."""
        news, now = self._news, time.time()
        match event:
            case Finished(step=step, result=result, ran=ran):
                self._running.discard(step.name)
                news.over(step.name)
                if step.name in self._failed:  # in an earlier pass
                    self._failed.discard(step.name)
                    news.failed = [each for each in news.failed if each[0] != step.name]
                if not ran:
                    self._cached += step.name not in self._made
                    return True
                self._made.add(step.name)
                news.made.append(step.name)
                price = owed(result.charged, result.price)
                if price.amount:
                    self._cost[price.currency] = self._cost.get(price.currency, Fraction(0)) + price.amount
            case Started(step=step):
                self._running.add(step.name)
                news.begin(step, now, "")
            case Waiting(step=step, by=by):
                self._running.add(step.name)
                news.begin(step, now, f"waits for {by or 'another build'}, which makes it")
            case Polled() | Held() | Stalled() | Replaced():
                news.says[event.step.name] = _said(event)
            case Failed(step=step, error=error):
                self._running.discard(step.name)
                news.over(step.name)
                self._failed.add(step.name)
                if step.name in self._made:
                    self._made.discard(step.name)
                    news.made = [each for each in news.made if each != step.name]
                if len(self._failed) <= TOLD:
                    asked = "" if step.asking is None else step.asking.asked
                    named = [step.name, list(step.shots[:MOST_SHOTS]), step.generates, asked]
                    news.failed.append([*named, now, _why(error), _short(error.hint or "")])
            case Skipped(step=step):
                self._running.discard(step.name)
                news.over(step.name)
                self._skipped.add(step.name)
                return self._thread is not None
            case Planned(steps=steps):
                self._steps, self._cached = steps, 0
                self._skipped.clear()
                return self._thread is not None
            case Pushing(where=where, results=results):
                self._end = {"end": RUNNING, "why": _short(f"{counted(results, 'result')} on the way to {where}")}
                return self._thread is not None
            case _:
                return False
        return True

    def _write(self) -> None:
        """In a thread of its own."""
        over = False
        while not over and self._trouble is None:
            self._wanted.wait()
            self._wanted.clear()
            over = self._closing.is_set()
            try:
                self._line()
            except (OSError, ShotbuildError) as error:
                self._give_up(error)
            if not over:
                self._closing.wait(PAUSE_SECONDS)  # what comes meanwhile goes into one line
        self._let_go()

    def _line(self) -> None:
        with self._lock:
            news, self._news = self._news, _News()
            counts = [self._steps, self._cached, len(self._made), len(self._failed), len(self._skipped)]
            cost = {currency: str(amount) for currency, amount in self._cost.items()}
        if self._size > TOO_LONG:
            news.says.clear()
        now = time.time()
        if self._handle is None:
            self._path, self._handle = _begun(self._folder(FOLDER), now)
            self._put(json.dumps({**self._head, "t": now}))
        self._put(json.dumps({"t": now, "counts": counts, "cost": cost, **self._end, **news.said()}, separators=(",", ":")))

    def _put(self, text: str) -> None:
        assert self._handle is not None, "it was opened before"
        left = f"{text}\n".encode()
        self._size += len(left)
        while left:
            left = left[os.write(self._handle, left) :]

    def _give_up(self, error: Exception) -> None:
        """Half a line, or the state of a while ago, would tell others what is not so."""
        if self._path is not None:
            with suppress(OSError):
                os.unlink(self._path)
        self._trouble = str(error)

    def _let_go(self) -> None:
        if self._handle is not None:
            if not self._kept and self._path is not None:
                with suppress(OSError):
                    os.unlink(self._path)
            os.close(self._handle)
            self._handle = None

    def _warn(self) -> None:
        """In the thread that builds, once."""
        if not self._said:
            self._said = True
            self._hear(Warned(message=f"others cannot see what this build does: {self._trouble}"))


@dataclass(slots=True)
class _News:
    """What was heard since the last line. stopped: the steps that are no longer made, for whatever reason."""

    begun: dict[str, list[object]] = field(default_factory=dict)
    says: dict[str, list[object]] = field(default_factory=dict)
    stopped: list[str] = field(default_factory=list)
    made: list[str] = field(default_factory=list)
    failed: list[list[object]] = field(default_factory=list)

    def begin(self, step: Step, now: float, says: str) -> None:
        shots = list(step.shots[:MOST_SHOTS])
        self.begun[step.name] = [step.name, step.recipe.stage, now, step.use or "", shots, step.generates]
        self.says[step.name] = [_short(says), None]

    def over(self, step: str) -> None:
        self.says.pop(step, None)
        if self.begun.pop(step, None) is None:
            self.stopped.append(step)

    def said(self) -> dict[str, object]:
        says = [[name, *said] for name, said in self.says.items() if said != ["", None] or name not in self.begun]
        all_ = {
            "over": self.stopped, "begun": list(self.begun.values()), "says": says, "made": self.made, "failed": self.failed,
        }  # fmt: skip
        return {name: each for name, each in all_.items() if each}


def _said(event: Polled | Held | Stalled | Replaced) -> list[object]:
    """What is said of a step that runs, and percents."""
    match event:
        case Polled(word=word, progress=progress):
            return [_short(word if progress is None else f"{word[:LONGEST]}, {progress} %"), progress]
        case Held(seconds=seconds, why=why):
            return [_short(f"held for {seconds:.0f} s: {why}"), None]
        case Stalled(seconds=seconds):
            return [f"it has not moved for {seconds:.0f} s", None]
        case Replaced(following=following):
            return [_short(f"{following.use} is asked in its place"), None]


def _why(error: ShotbuildError) -> str:
    return _short(f"{error.message}: {error.cause}" if error.cause else error.message)


def _short(text: str) -> str:
    """Keys were taken out of an error where it arose; an address may hold a login still."""
    return without_login(text)[:LONGEST]


def _begun(folder: Path, now: float) -> tuple[Path, int]:
    """A file of this build, locked for as long as it is open. Errors: OSError."""
    _tidy(folder)
    while True:
        whole, part = divmod(int(now * 1_000_000), 1_000_000)
        path = folder / f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime(whole))}.{part:06d}Z-{os.getpid()}{SUFFIX}"
        try:
            return path, files.locked_file(path)
        except FileExistsError:
            now += 0.000_001  # another build of this process


def _tidy(folder: Path) -> None:
    """Removes the oldest files, of builds that have ended."""
    for name in sorted(name for name in os.listdir(folder) if _NAME.fullmatch(name))[: 1 - KEPT]:
        with suppress(OSError):
            handle = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            try:
                if not files.is_locked(handle):
                    os.unlink(folder / name)
            finally:
                os.close(handle)


# --- reading --------------------------------------------------------------------------------------------------------------


class _Damaged(Exception):
    """A line that is none of ours."""


@dataclass(slots=True)
class _Read:
    """A file as far as it was read. name: of it; at: bytes; stamp: of it then; over: nothing more comes; damaged: it is none
    of ours; now: what it came to."""

    name: str
    at: int = 0
    stamp: tuple[int, int] = (-1, -1)
    over: bool = False
    damaged: bool = False
    now: Build | None = None
    running: dict[str, Running] = field(default_factory=dict)
    failures: dict[str, Failure] = field(default_factory=dict)
    made: dict[str, float] = field(default_factory=dict)


class Builds:
    """The builds of a project, for one who looks again and again: of each file, only what is new is read. folder: may not
    be there. What is damaged, or no file of ours, is passed over."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, _Read] = {}
        self._all: tuple[Build, ...] = ()
        self._failures: dict[str, Failure] | None = {}

    def all(self) -> tuple[Build, ...]:
        """Those that are kept, the newest first; the same value while nothing changes."""
        try:
            # Nothing in `.shotbuild/` is trusted: neither it nor the folder may be a link that leads elsewhere.
            hidden = os.open(self._folder.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                folder = os.open(self._folder.name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=hidden)
            finally:
                os.close(hidden)
        except OSError:
            return self._become([])
        try:
            names = sorted((name for name in os.listdir(folder) if _NAME.fullmatch(name)), reverse=True)[:LOOKED_AT]
            self._known = {name: self._known.get(name) or _Read(name) for name in names}
            return self._become([found for read in self._known.values() if (found := _look(folder, read))])
        finally:
            os.close(folder)

    def alive(self) -> tuple[Build, ...]:
        """Those that work now, the newest first."""
        return tuple(build for build in self.all() if build.alive)

    def failures(self) -> Mapping[str, Failure]:
        """The steps whose last try failed and that no build made since, by name."""
        builds = self.all()
        if self._failures is None:
            found: dict[str, Failure] = {}
            for build in builds:
                for name, failure in build.failures.items():
                    if name not in found or found[name].at < failure.at:
                        found[name] = failure
            self._failures = {
                name: each for name, each in found.items() if all(build.made.get(name, -1.0) < each.at for build in builds)
            }
        return self._failures

    def _become(self, found: Sequence[Build]) -> tuple[Build, ...]:
        if len(found) != len(self._all) or any(new is not old for new, old in zip(found, self._all, strict=True)):
            self._all, self._failures = tuple(found), None
        return self._all


def _look(folder: int, read: _Read) -> Build | None:
    """What a file says now; None for one that says nothing, or nothing of ours."""
    if read.over or read.damaged:
        return read.now
    try:
        handle = os.open(read.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except OSError:
        return None
    try:
        # Asked before it is read: what is written until its lock is let go is read in any case.
        locked = files.is_locked(handle)
        _read_on(handle, read)
        if read.now is not None and read.now.alive and not locked:
            read.now = replace(read.now, how=DIED, running={})
        read.over = read.now is not None and not locked
    except (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError, _Damaged):
        read.damaged, read.now = True, None
    finally:
        os.close(handle)
    return read.now


def _read_on(handle: int, read: _Read) -> None:
    stat = os.fstat(handle)
    if (stat.st_size, stat.st_mtime_ns) == read.stamp:
        return
    if not read.at <= stat.st_size <= LARGEST:
        raise _Damaged
    content = os.pread(handle, stat.st_size - read.at, read.at)
    end = content.rfind(b"\n") + 1
    for line in content[:end].splitlines():
        _take(json.loads(line), read)
    read.stamp = stat.st_size, stat.st_mtime_ns
    read.at += end


def _take(said: Mapping[str, Any], read: _Read) -> None:
    """One more line. Errors: _Damaged, and those of values of another kind."""
    at = _seconds(said["t"])
    if read.now is None:
        _demand(said["v"] == VERSION)
        read.now = Build(
            name=read.name,
            command=_text(said["command"]),
            pid=_whole(said["pid"]),
            began=at,
            expected=_text(said["expected"]),
        )
        return
    for step in said.get("over", ()):
        read.running.pop(_text(step), None)
    for step, stage, since, use, shots, takes in said.get("begun", ()):
        read.running[_text(step)] = Running(
            step=step, stage=_text(stage), since=_seconds(since), use=_text(use), shots=_texts(shots), takes=takes is True
        )
    for step, word, percent in said.get("says", ()):
        if step in read.running:
            done = None if percent is None else min(100, _whole(percent))
            read.running[step] = replace(read.running[step], says=_text(word), percent=done)
    for step in said.get("made", ()):
        read.made[_text(step)] = at
        read.failures.pop(step, None)
    for step, shots, takes, asked, since, why, hint in said.get("failed", ()):
        read.failures[_text(step)] = Failure(
            step=step, why=_text(why), at=_seconds(since), hint=_text(hint), shots=_texts(shots), takes=takes is True,
            asked=_text(asked),
        )  # fmt: skip
    steps, cached, ran, failed, skipped = map(_whole, said["counts"])
    how = said.get("end", RUNNING)
    _demand(how in (RUNNING, DONE, FAILED, STOPPED))
    read.now = replace(
        read.now,
        ended=None if how == RUNNING else at,
        how=how,
        why=_text(said.get("why", "")),
        steps=steps,
        done=cached + ran + failed + skipped,
        ran=ran,
        failed=failed,
        skipped=skipped,
        cost={_currency(name): _amount(text) for name, text in said["cost"].items()},
        running=dict(read.running) if how == RUNNING else {},
        failures=dict(read.failures),
        made=dict(read.made),
    )


def _demand(holds: object) -> None:
    if not holds:
        raise _Damaged


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > LONGEST:
        raise _Damaged
    return value


def _texts(values: object) -> tuple[str, ...]:
    if not isinstance(values, list) or len(values) > MOST_SHOTS:
        raise _Damaged
    return tuple(map(_text, values))


def _whole(value: object) -> int:
    if type(value) is not int or not 0 <= value < 10**10:
        raise _Damaged
    return value


def _seconds(value: object) -> float:
    if type(value) not in (int, float) or not 0 <= value < 10**11:  # type: ignore[operator]
        raise _Damaged
    return float(value)  # type: ignore[arg-type]


def _currency(name: str) -> str:
    _demand(_CURRENCY.fullmatch(name))
    return name


def _amount(text: str) -> Fraction:
    _demand(_AMOUNT.fullmatch(text))
    return Fraction(text)
