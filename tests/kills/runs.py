"""One run: a small project that is built, killed at a chosen moment, built again, until it is done; and what came of it.

What must hold is looked at from outside: what the server counted, what the ledgers and the store have, what the journal has
open, and what the builds said.
"""

import json
import random
import shutil
import sqlite3
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shotbuild.engine.journal import Entry, Journal, Phase
from shotbuild.records import Operation
from tests.kills.films import film, takes_of
from tests.kills.nursery import Child, Nursery
from tests.kills.serving import ON_DISK, SERVERS, VENDORS, Moment, Strike, Striking
from tests.kills.work import Order, opened
from tests.servers.clips import clip
from tests.servers.service import Fault, Job

STARTS = 20
"""Builds of one run at most, with those that are killed."""
QUICK = 400.0
MEMORY = Path("/dev/shm")
"""A process that is killed loses nothing that it wrote, on any file system; on this one nobody waits for a disk."""
WEIGHTS = {
    Moment.ARRIVED: 12, Moment.ACCEPTED: 14, Moment.ANSWERED: 20, Moment.INTENT: 8, Moment.SUBMITTED: 8, Moment.POLL: 6,
    Moment.POLLED: 6, Moment.HALF: 6, Moment.HANDED: 12, Moment.FETCHED: 6, Moment.STORED: 6, Moment.LEDGER: 6,
    Moment.DONE: 4, Moment.RANDOM: 18,
}  # fmt: skip
PASSING = (
    Fault.SUBMIT_DROP_BEFORE, Fault.SUBMIT_DROP_AFTER, Fault.SUBMIT_DROP_DURING, Fault.SUBMIT_500, Fault.POLL_500,
    Fault.POLL_DROP, Fault.OUTPUT_TRUNCATED, Fault.OUTPUT_EXPIRED, Fault.OUTPUT_HALF,
)  # fmt: skip
"""What may go wrong besides, without more being paid for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one run counted. kills: by the value of their Moment; left: how operations stood after kills; twice: operations
    that were accepted beyond what was asked for; lost: outputs that were paid for and are no take; unknown: operations
    whose fate only a person could say, shown: those of them that a build had told of; adopted, given_up: what the person
    said; wrong: every broken promise, in words."""

    seed: int
    provider: str
    asked: int
    paid: int
    builds: int
    kills: Counter[str]
    left: Counter[str]
    twice: int
    lost: int
    unknown: int
    shown: int
    found: int
    adopted: int
    given_up: int
    seconds: float
    wrong: tuple[str, ...]


@dataclass(slots=True)
class Tally:
    kills: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)
    builds: int = 0
    unknown: set[str] = field(default_factory=set)
    shown: set[str] = field(default_factory=set)
    found: int = 0
    adopted: int = 0
    given_up: int = 0
    wrong: list[str] = field(default_factory=list)


def run(seed: int, nursery: Nursery) -> Outcome:
    """Plays one run from the beginning to its end in a folder of its own."""
    folder = Path(tempfile.mkdtemp(prefix=f"shotbuild-kill-{seed}-", dir=MEMORY if MEMORY.is_dir() else None))
    try:
        outcome = _Run(seed, nursery, folder).play()
    except BaseException:
        print(f"the folder of seed {seed} is kept: {folder}")
        raise
    if outcome.wrong:
        print(f"the folder of seed {seed} is kept: {folder}")
    else:
        shutil.rmtree(folder)
    return outcome


class _Run:
    def __init__(self, seed: int, nursery: Nursery, folder: Path) -> None:
        self.seed, self.nursery, self.folder = seed, nursery, folder
        self.chance = random.Random(seed)
        self.provider = self.chance.choice(sorted(SERVERS))
        self.root = folder / "film"
        self.tally = Tally()
        self.asked = self._write_project()

    def play(self) -> Outcome:
        began = time.monotonic()
        server = SERVERS[self.provider](clip=clip("5"), polls=self.chance.randint(1, 3))
        if self.chance.random() < 0.2:
            server.faults.extend(self.chance.choices(PASSING, k=self.chance.randint(1, 3)))
        with server:
            self._until_done(server)
            again = self._start(server, None)
            self.tally.builds -= 1
            if (again.wait(), [row["ran"] for row in again.said("built")]) != (0, [[]]):
                self._complain(f"another build did something: {again.log.read_text()}")
        lost = self._check(server)
        tally = self.tally
        return Outcome(
            seed=self.seed,
            provider=self.provider,
            asked=self.asked,
            paid=server.paid,
            builds=tally.builds,
            kills=tally.kills,
            left=tally.left,
            twice=max(0, server.paid - self.asked),
            lost=lost,
            unknown=len(tally.unknown),
            shown=len(tally.unknown & tally.shown),
            found=tally.found,
            adopted=tally.adopted,
            given_up=tally.given_up,
            seconds=time.monotonic() - began,
            wrong=tuple(tally.wrong),
        )

    def _write_project(self) -> int:
        takes = self.chance.randint(1, 4)
        shots: list[int] = []
        while sum(shots) < takes:
            shots.append(self.chance.randint(1, takes - sum(shots)))
        use = self.chance.choice(["", ", at_once: 1", ", at_once: 2"])
        film(self.root, self.provider, {f"sh{number:03}": count for number, count in enumerate(shots, 1)}, use=use)
        return takes

    # --- killing and starting again ---------------------------------------------------------------------------------------

    def _until_done(self, server: Striking) -> None:
        for start in range(STARTS):
            # The first build is killed; later ones less and less often, so that it comes to an end.
            strikes = start == 0 or self.chance.random() < 0.6 * 0.9**start
            child = self._start(server, self._moment() if strikes else None)
            code = child.wait()
            server.strike = None
            self._hear(child)
            if code == -9:
                self._count_left(server)
            elif code == 0:
                return
            else:
                self._ask_person(server, child)
        self._complain(f"it was not done after {STARTS} builds")

    def _moment(self) -> Moment:
        return self.chance.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]

    def _start(self, server: Striking, moment: Moment | None) -> Child:
        self.tally.builds += 1
        order = Order(root=str(self.root), environ=VENDORS[self.provider].environment(server), speed=QUICK)
        log = self.folder / f"build-{self.tally.builds}-{moment and moment.name}.log"
        if moment is None:
            return self.nursery.start(order, log)
        begun = threading.Event()
        children: list[Child] = []

        def kill() -> None:
            begun.wait(10)
            if children and children[0].kill():
                self.tally.kills[moment.value] += 1

        delay = self.chance.uniform(0, {Moment.HANDED: 0.04, Moment.RANDOM: 0.3}.get(moment, 0.005))
        before = self._traces()
        server.strike = Strike(moment, self.chance.randint(1, max(1, self.asked)), delay, kill)
        children.append(self.nursery.start(order, log))
        begun.set()
        if moment in ON_DISK:
            threading.Thread(target=self._watch, args=(moment, before, children[0], kill), daemon=True).start()
        elif moment is Moment.RANDOM:
            threading.Timer(delay, kill).start()
        return children[0]

    def _watch(self, moment: Moment, before: Counter[Moment], child: Child, kill: Any) -> None:
        """Kills when there is more of something on the disk than before."""
        while not child.gone.is_set():
            if self._traces(moment)[moment] > before[moment]:
                kill()
                return

    def _traces(self, only: Moment | None = None) -> Counter[Moment]:
        """How much there is on the disk of what moments are known by."""
        found: Counter[Moment] = Counter()
        if only in (None, Moment.LEDGER):
            found[Moment.LEDGER] = sum(path.stat().st_size for path in self.root.glob("takes/*.jsonl"))
        if only in (None, Moment.STORED):
            found[Moment.STORED] = sum(1 for _ in self.root.glob(".shotbuild/store/cas/*/*"))
        path = self.root / ".shotbuild/journal.db"
        if only not in (Moment.LEDGER, Moment.STORED) and path.exists():
            for word, count in _phases(path):
                if word in Moment.__members__:
                    found[Moment[word]] = count
        return found

    def _hear(self, child: Child) -> None:
        failed = child.said("failed")
        self.tally.found += len(child.said("found"))
        for row in failed:
            if row["error"] == "FateUnknown":
                self.tally.shown.add(row["message"])
            else:
                self._complain(f"{row['step']} failed: {row['error']}: {row['message']} ({row['cause']})")
        for row in child.said("crash"):
            self._complain(f"the build ended with {row['error']} ({row['cause']})")
        if any(row["error"] == "FateUnknown" for row in failed) and child.code not in (5, -9):
            self._complain(f"a build that could not know ended with {child.code}")

    # --- what a person does -----------------------------------------------------------------------------------------------

    @property
    def journal(self) -> Journal:
        return Journal(self.root / ".shotbuild" / "journal.db")

    def _ask_person(self, server: Striking, child: Child) -> None:
        """Who looks at the service's own page, and says of each unknown operation what it has become."""
        journal = self.journal
        told = [row["message"] for row in child.said("failed") if row["error"] == "FateUnknown"]
        for entry in journal.unfinished():
            if entry.phase is not Phase.UNKNOWN:
                self._complain(f"{entry.name} is {entry.phase.value} after a build that ended by itself")
                continue
            self.tally.unknown.add(next((text for text in told if f" as {entry.name}," in text), f"untold {entry.name}"))
            if not any(f" as {entry.name}," in text for text in told):
                self._complain(f"{entry.name} is unknown, and the build did not say so")
            job = self._on_page(server, journal, entry)
            if job is None:
                journal.lost(entry.id, "a person looked: it is not there")
                self.tally.given_up += 1
            else:
                operation = Operation(provider=entry.provider, id=job.id, submitted="")
                journal.submitted(entry.id, operation, entry.answer, "adopted by a person")
                self.tally.adopted += 1
        journal.close()

    def _on_page(self, server: Striking, journal: Journal, entry: Entry) -> Job | None:
        """The operation at the service that is what was asked, and that nothing here accounts for."""
        known, body = journal.known(entry.provider), json.loads(entry.sent)["body"]
        return next((job for job in server.jobs.values() if job.id not in known and job.request.body == body), None)

    # --- what must hold ---------------------------------------------------------------------------------------------------

    def _count_left(self, server: Striking) -> None:
        """How each operation stood when its build was killed."""
        journal = self.journal
        entries = [entry for entry in journal.entries() if entry.phase is not Phase.LOST]
        free = [job for job in server.jobs.values() if job.id not in journal.known(self.provider)]
        for entry in entries:
            self.tally.left[self._stands(entry, free)] += 1
        if len(entries) < self.asked:
            self.tally.left["not asked for yet"] += self.asked - len(entries)
        journal.close()

    def _stands(self, entry: Entry, free: list[Job]) -> str:
        match entry.phase:
            case Phase.INTENT:
                body = json.loads(entry.sent)["body"]
                accepted = any(job.request.body == body for job in free)
                return "intent, and the service accepted it" if accepted else "intent, and the service has nothing"
            case Phase.SUBMITTED:
                part = self.root / ".shotbuild" / "fetching" / f"{entry.name}.part"
                polled = "polled" if entry.word else "never polled"
                return "submitted, part of the output is here" if part.exists() else f"submitted, {polled}"
            case Phase.FETCHED:
                ledger = self.root / "takes" / f"{entry.shot}.jsonl"
                entered = entry.operation is not None and ledger.exists() and entry.operation.id in ledger.read_text()
                return "fetched, in the ledger, not done" if entered else "fetched, not in the ledger"
        return str(entry.phase.value)

    def _check(self, server: Striking) -> int:
        """Complains of every promise that was broken; gives how many outputs that were paid for are no take."""
        rooms = opened(Order(root=str(self.root)))
        takes = takes_of(rooms)
        if server.paid != self.asked:
            self._complain(f"{self.asked} operations were wanted, {server.paid} were paid")
        wanted = Counter(server.content(name) for name in server.jobs)
        have = Counter(rooms.blobs.path(take.video).read_bytes() for take in takes if rooms.blobs.sound(take.video))
        lost = sum((wanted - have).values())
        if have != wanted or len(takes) != len(wanted):
            self._complain(f"{len(wanted)} outputs were paid for, {len(takes)} takes are there, {lost} outputs are lost")
        if len({take.id for take in takes}) != len(takes) or len({take.action for take in takes}) != len(takes):
            self._complain("a ledger has a take twice")
        journal = self.journal
        for entry in journal.unfinished():
            self._complain(f"{entry.name} is still {entry.phase.value}")
        named = [entry.operation.id for entry in journal.entries() if entry.operation is not None]
        if sorted(named) != sorted(server.jobs):
            self._complain(f"the journal has {sorted(named)}, the service {sorted(server.jobs)}")
        journal.close()
        return lost

    def _complain(self, sentence: str) -> None:
        self.tally.wrong.append(f"seed {self.seed}, {self.provider}: {sentence}")


def _phases(path: Path) -> list[tuple[str, int]]:
    """How often each phase was ever entered; nothing while the journal cannot be read."""
    try:
        database = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=0.01)
        try:
            rows = database.execute("SELECT upper(phase), COUNT(*) FROM happened GROUP BY phase").fetchall()
        finally:
            database.close()
    except sqlite3.Error:
        return []
    return [(word, count) for word, count in rows]
