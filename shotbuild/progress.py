"""What builds of a project do now, for other processes: each build tells it in a file of its own below `.shotbuild/builds`.

A file is locked for as long as its build lives, so a killed one is seen as ended at once. Nothing is written before
something is run: a build with nothing to do leaves no trace. Where it cannot be written, the build goes on without."""

import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from shotbuild.engine.events import Event, Failed, Finished, Planned, Polled, Replaced, Skipped, Started, Waiting
from shotbuild.host import files
from shotbuild.records import Step, owed
from shotbuild.units import decimal_text

FOLDER, SUFFIX = "builds", ".jsonl"
KEPT = 20
LONGEST = 500
LARGEST = 64 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A step that is being made. since: seconds since 1970; use: the project's name of the provider that it asks; says: what
    that says of it; shots: that it belongs to; takes: whether it makes a take."""

    step: str
    stage: str
    since: float
    use: str = ""
    says: str = ""
    shots: tuple[str, ...] = ()
    takes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A step that failed. at: seconds since 1970; why: in a sentence."""

    step: str
    why: str
    at: float
    shots: tuple[str, ...] = ()
    takes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """One build. command: `build`, `roll`, …; began: seconds since 1970; steps: how many it looks at, of which `done` are
    through, `ran` of these were made and `skipped` not tried; cost: currency → of what was made so far; alive: it works
    still; made: the steps that it made."""

    name: str
    command: str
    began: float
    steps: int = 0
    done: int = 0
    ran: int = 0
    skipped: int = 0
    cost: Mapping[str, Fraction] = field(default_factory=dict)
    running: Mapping[str, Running] = field(default_factory=dict)
    failures: Mapping[str, Failure] = field(default_factory=dict)
    made: frozenset[str] = frozenset()
    alive: bool = False

    @property
    def price(self) -> str:
        """What was spent so far, in words; empty = nothing."""
        return " + ".join(f"{decimal_text(amount)} {currency}" for currency, amount in sorted(self.cost.items()) if amount)


# --- telling --------------------------------------------------------------------------------------------------------------


class Told:
    """Passes on what a build says, and writes it down. folder: gives the folder, which it may make; None = nothing is
    written; hear: told of every event first."""

    def __init__(self, folder: Callable[[], Path] | None, hear: Callable[[Event], None]) -> None:
        self._folder, self._hear = folder, hear
        self._handle: int | None = None
        self._lost = folder is None
        self._steps = self._cached = 0

    def hear(self, event: Event) -> None:
        self._hear(event)
        if self._lost:
            return
        try:
            self._write(event)
        except OSError:
            self._lost = True

    def close(self) -> None:
        """The build has ended."""
        if self._handle is not None:
            with suppress(OSError):
                self._line(e="end", cached=self._cached)
            os.close(self._handle)
            self._handle = None

    def _write(self, event: Event) -> None:
        match event:
            case Planned(steps=steps):
                self._steps = steps
                if self._handle is not None:
                    self._line(e="planned", steps=steps)
            case Finished(ran=False):
                self._cached += 1
            case Started(step=step):
                self._line(e="start", stage=step.recipe.stage, use=step.use or "", **_named(step))
            case Waiting(step=step, by=by):
                self._line(e="start", stage=f"waits for {by or 'another build'}", use="", **_named(step))
            case Polled(step=step, word=word, progress=progress):
                self._line(e="says", step=step.name, says=word if progress is None else f"{word}, {progress} %")
            case Replaced(step=step, following=following):
                self._line(e="says", step=step.name, says=f"{following.use} is asked in its place")
            case Finished(step=step, result=result):
                price = owed(result.charged, result.price)
                cost = [str(price.amount), price.currency] if price.amount else None
                self._line(e="done", step=step.name, cost=cost)
            case Failed(step=step, error=error):
                why = f"{error.message}: {error.cause}" if error.cause else error.message
                self._line(e="failed", why=why[:LONGEST], **_named(step))
            case Skipped(step=step):
                self._line(e="skipped", step=step.name)

    def _line(self, **said: object) -> None:
        if self._handle is None and self._folder is not None:
            self._handle = _begun(self._folder(), self._steps)
        if self._handle is None:
            return
        if self._cached:
            said, self._cached = {**said, "cached": self._cached}, 0
        text = json.dumps({**said, "t": time.time()}, ensure_ascii=True, separators=(",", ":"))
        os.write(self._handle, f"{text}\n".encode())


def _named(step: Step) -> dict[str, Any]:
    return {"step": step.name, "shots": list(step.shots), "takes": step.generates}


def _begun(folder: Path, steps: int) -> int:
    """A file of this build, locked for as long as it is open. Errors: OSError."""
    _tidy(folder)
    now = time.time()
    name = f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime(now))}-{os.getpid()}-{time.monotonic_ns() % 10**6:06d}{SUFFIX}"
    handle = files.locked_file(folder / name)
    command = next((word for word in sys.argv[1:] if not word.startswith("-")), "build")
    text = json.dumps({"e": "begun", "steps": steps, "command": command[:40], "t": now})
    os.write(handle, f"{text}\n".encode())
    return handle


def _tidy(folder: Path) -> None:
    for name in sorted(_names(folder))[: -KEPT + 1]:
        with suppress(OSError):
            os.unlink(folder / name)


def _names(folder: Path) -> list[str]:
    try:
        return [name for name in os.listdir(folder) if name.endswith(SUFFIX)]
    except OSError:
        return []


# --- reading --------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Read:
    """A file as far as it was read. at: bytes; ended: nothing more comes."""

    name: str
    at: int = 0
    ended: bool = False
    command: str = "build"
    began: float = 0.0
    steps: int = 0
    done: int = 0
    skipped: int = 0
    made: set[str] = field(default_factory=set)
    cost: dict[str, Fraction] = field(default_factory=dict)
    running: dict[str, Running] = field(default_factory=dict)
    failures: dict[str, Failure] = field(default_factory=dict)

    def build(self, *, alive: bool) -> Build:
        return Build(
            name=self.name,
            command=self.command,
            began=self.began,
            steps=self.steps,
            done=self.done,
            ran=len(self.made),
            skipped=self.skipped,
            cost=dict(self.cost),
            running=dict(self.running) if alive else {},
            failures=dict(self.failures),
            made=frozenset(self.made),
            alive=alive,
        )

    def take(self, said: Mapping[str, Any]) -> None:
        """Something more was said. Errors: those of a line that is none of ours."""
        kind, at, step = said["e"], float(said["t"]), str(said.get("step", ""))[:LONGEST]
        self.done += int(said.get("cached", 0))
        match kind:
            case "begun":
                self.began, self.steps, self.command = at, int(said["steps"]), str(said["command"])[:LONGEST]
            case "planned":
                self.steps = int(said["steps"])
            case "start":
                self.running[step] = Running(
                    step=step,
                    stage=str(said["stage"])[:LONGEST],
                    since=at,
                    use=str(said["use"])[:LONGEST],
                    shots=_texts(said["shots"]),
                    takes=said["takes"] is True,
                )
            case "says" if step in self.running:
                self.running[step] = replace(self.running[step], says=str(said["says"])[:LONGEST])
            case "done":
                self._end(step)
                self.made.add(step)
                if said["cost"] is not None:
                    amount, currency = str(said["cost"][0])[:40], str(said["cost"][1])[:8]
                    self.cost[currency] = self.cost.get(currency, Fraction(0)) + Fraction(amount)
            case "failed":
                self._end(step)
                self.failures[step] = Failure(
                    step=step,
                    why=str(said["why"])[:LONGEST],
                    at=at,
                    shots=_texts(said["shots"]),
                    takes=said["takes"] is True,
                )
            case "skipped":
                self._end(step)
                self.skipped += 1

    def _end(self, step: str) -> None:
        self.running.pop(step, None)
        self.done += 1


class Builds:
    """The builds of a project, for one who looks again and again: of each file, only what is new is read. folder: may not
    be there. What is damaged, or no file of ours, is passed over."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, _Read] = {}

    def all(self) -> tuple[Build, ...]:
        """Those that are kept, the newest first."""
        names = sorted(_names(self._folder), reverse=True)
        self._known = {name: self._known[name] for name in names if name in self._known}
        return tuple(found for name in names if (found := self._look(name)) is not None)

    def alive(self) -> tuple[Build, ...]:
        """Those that work now, the newest first."""
        return tuple(build for build in self.all() if build.alive)

    def failures(self) -> dict[str, Failure]:
        """The steps whose last try failed, by name."""
        found: dict[str, Failure] = {}
        for build in reversed(self.all()):
            for name in build.made:
                found.pop(name, None)
            found.update(build.failures)
        return found

    def _look(self, name: str) -> Build | None:
        read = self._known.get(name)
        if read is not None and read.ended:
            return read.build(alive=False)
        try:
            handle = os.open(self._folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError:
            return None
        read = read or _Read(name=name)
        try:
            # Asked before it is read: what is written until its lock is let go is read in any case.
            read.ended = not files.is_locked(handle)
            _read_on(handle, read)
        except OSError:
            return None
        finally:
            os.close(handle)
        if not read.began:
            return None
        self._known[name] = read
        return read.build(alive=not read.ended)


def _read_on(handle: int, read: _Read) -> None:
    size = os.fstat(handle).st_size
    if not read.at < size <= LARGEST:
        return
    content = os.pread(handle, size - read.at, read.at)
    end = content.rfind(b"\n") + 1
    for line in content[:end].splitlines():
        with suppress(ValueError, KeyError, TypeError, AttributeError, RecursionError, ZeroDivisionError, IndexError):
            read.take(json.loads(line))
    read.at += end


def _texts(value: Sequence[object]) -> tuple[str, ...]:
    return tuple(str(each)[:LONGEST] for each in value[:100])
