"""The journal of paid operations: what was about to be asked, what came of it, what it cost. It outlives a killed build.

One row for each attempt to buy something, written before anything leaves this machine and never deleted. Its phase says what
is known; every change is a transaction of its own that is on the disk before the next thing happens (WAL,
`synchronous=FULL`).

    intent ──► submitted ──► fetched ──► done        the way it goes: asked, accepted, its bytes are here, its ledger has it
      │ │ └─► unknown ──► submitted (adopted) · lost        an answer was lost: looked up, or a person says
      │ └──► refused · unsent                        nothing was made, nothing is owed
      └────────► failed · cancelled · lost           accepted, and came to nothing

Money is counted here as well: `reserve` refuses what could pass a cap, in the transaction that writes the intent, so that
builds side by side cannot both spend the last of it. Amounts are whole millionths, rounded up.
"""

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import Enum
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Any

from shotbuild.digest import canonical_line
from shotbuild.errors import FateUnknown, LimitReached, StoreError
from shotbuild.records import ActionResult, Fields, Operation, Price, owed
from shotbuild.store.rows import price_row, read_price, read_row, row_of
from shotbuild.units import Money, decimal_text

VERSION = 1
MILLION = 1_000_000
BUSY_SECONDS = 60
INTENT_SECONDS = 600
"""Longer than any submit takes."""


class Phase(Enum):
    """Where an operation stands. The value is what people read and what is written."""

    INTENT = "intent"
    SUBMITTED = "submitted"
    FETCHED = "fetched"
    DONE = "done"
    UNKNOWN = "unknown"
    REFUSED = "refused"
    UNSENT = "unsent"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"


OPEN = (Phase.INTENT, Phase.SUBMITTED, Phase.FETCHED, Phase.UNKNOWN)
OWED = (*OPEN, Phase.DONE, Phase.FAILED, Phase.CANCELLED, Phase.LOST)
"""What may have to be paid for."""
ALL = tuple(Phase)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """What may be spent. of: what it is the limit of, for people; sequence: only what is for that one, build: only what this
    build asks for, outside: only what none of these sequences shows; all None = all of the project; spent: what was, as the
    ledgers say, beyond what the journal has."""

    of: str
    limit: Money
    sequence: str | None = None
    build: str | None = None
    outside: tuple[str, ...] | None = None
    spent: Fraction = Fraction(0)

    def concerns(self, sequences: Sequence[str]) -> bool:
        """Whether what these sequences show counts against it."""
        if self.outside is not None:
            return not set(self.outside) & set(sequences)
        return self.sequence is None or self.sequence in sequences


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """What is about to be asked. action: its digest; wanted: the step, as `saved` writes it; sequences: that show the shot;
    client: the id that we chose; sent: the call as it leaves, without keys; at_once: how many operations of this provider
    and model may be under way, None = any."""

    action: str
    wanted: str
    step: str
    shot: str
    sequences: tuple[str, ...]
    provider: str
    model: str
    client: str
    build: str
    sent: str
    price: Price
    at_once: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One row. id: its everyday number, shown as `op7`; kind: the class of the error that ended it; price: as it was
    reserved; charged: as the service said, None = it did not; word, progress: the service's last; moved: when those last
    changed; accepted: the body that answered the submit, answer: the last one that came; times are ISO 8601, UTC."""

    id: int
    action: str
    wanted: str
    step: str
    shot: str
    sequences: tuple[str, ...]
    provider: str
    model: str
    client: str
    build: str
    sent: str
    phase: Phase
    price: Price
    charged: Price | None
    operation: Operation | None
    accepted: str
    answer: str
    word: str
    progress: int | None
    kind: str
    reason: str
    result: ActionResult | None
    began: str
    moved: str
    ended: str

    @property
    def name(self) -> str:
        return f"op{self.id}"

    @property
    def owed(self) -> Price:
        """What it has cost or may cost."""
        return owed(self.charged, self.price)


class Full(Exception):
    """As many operations are under way as the lane allows: another build on this project has some of them."""


_SCHEMA = """
CREATE TABLE IF NOT EXISTS operations (
    id INTEGER PRIMARY KEY, action TEXT NOT NULL, wanted TEXT NOT NULL, step TEXT NOT NULL, shot TEXT NOT NULL,
    sequences TEXT NOT NULL, provider TEXT NOT NULL, model TEXT NOT NULL, client TEXT NOT NULL UNIQUE, build TEXT NOT NULL,
    sent TEXT NOT NULL, phase TEXT NOT NULL, amount TEXT, currency TEXT NOT NULL, exact INTEGER NOT NULL, micros INTEGER,
    charged TEXT, operation TEXT, submitted TEXT, links TEXT, accepted TEXT NOT NULL DEFAULT '', answer TEXT NOT NULL
    DEFAULT '', word TEXT NOT NULL DEFAULT '',
    progress INTEGER, kind TEXT NOT NULL DEFAULT '', reason TEXT NOT NULL DEFAULT '', result TEXT,
    began TEXT NOT NULL, moved TEXT NOT NULL, ended TEXT NOT NULL DEFAULT '', forgiven INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX IF NOT EXISTS by_action ON operations (action);
CREATE UNIQUE INDEX IF NOT EXISTS one_open ON operations (action)
    WHERE phase IN ('intent', 'submitted', 'fetched', 'unknown');
CREATE INDEX IF NOT EXISTS by_phase ON operations (phase, provider, model);
CREATE INDEX IF NOT EXISTS by_price ON operations (currency, phase, build, micros);
CREATE INDEX IF NOT EXISTS by_operation ON operations (provider, operation);
CREATE TABLE IF NOT EXISTS happened (
    operation INTEGER NOT NULL, at TEXT NOT NULL, phase TEXT NOT NULL, what TEXT NOT NULL
) STRICT;
"""
_COLUMNS = (
    "id, action, wanted, step, shot, sequences, provider, model, client, build, sent, phase, amount, currency, exact,"
    " charged, operation, submitted, links, accepted, answer, word, progress, kind, reason, result, began, moved, ended"
)


def now(seconds: float = 0) -> str:
    """The time so many seconds from now, ISO 8601, UTC."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Journal:
    """path: of the database, made when something is first written; clock: the time, ISO 8601, UTC. Safe in many threads and
    processes. Errors of all methods: StoreError when the journal cannot be read or written."""

    def __init__(self, path: Path, clock: Callable[..., str] = now) -> None:
        self._path, self._clock = path, clock
        self._lock = threading.RLock()
        self._opened: sqlite3.Connection | None = None

    # --- before and after the submit ------------------------------------------------------------------------------------

    def reserve(self, intent: Intent, caps: Sequence[Cap]) -> int:
        """Writes an intent, with its price, and gives its number. Errors: FateUnknown when an attempt at the same is open;
        LimitReached when it could pass a cap; Full."""
        with self._writing() as database:
            marks = ", ".join("?" for _ in OPEN)
            text = f"SELECT id FROM operations WHERE action = ? AND phase IN ({marks})"  # noqa: S608
            other = database.execute(text, (intent.action, *(each.value for each in OPEN))).fetchone()
            if other is not None:
                raise FateUnknown(f"{intent.step} is asked for already, as op{other[0]}")
            if intent.at_once is not None and self._under_way(database, intent) >= intent.at_once:
                raise Full
            for cap in caps:
                self._check(database, cap, intent)
            at = self._clock()
            row = {
                "action": intent.action, "wanted": intent.wanted, "step": intent.step, "shot": intent.shot,
                "sequences": json.dumps(intent.sequences), "provider": intent.provider, "model": intent.model,
                "client": intent.client, "build": intent.build, "sent": intent.sent, "phase": Phase.INTENT.value,
                **_priced(intent.price), "micros": _micros(intent.price.amount), "began": at, "moved": at,
            }  # fmt: skip
            names = ", ".join(row)
            marks = ", ".join(f":{name}" for name in row)
            done = database.execute(f"INSERT INTO operations ({names}) VALUES ({marks})", row)  # noqa: S608
            number = int(done.lastrowid or 0)
            self._tell(database, number, Phase.INTENT, "about to be asked")
            return number

    def submitted(self, number: int, operation: Operation, answer: str, what: str = "accepted") -> None:
        """The service accepted it: its id, in a transaction of its own."""
        with self._writing() as database:
            self._submitted(database, number, operation, answer, what)

    def found(self, number: int, operation: Operation, answer: str, how: str) -> bool:
        """A lost submit was found at its service. False, and nothing is written, when nobody can tell that it is this one:
        another operation has that id, or made the very same call and may be what was accepted."""
        with self._writing() as database:
            other = database.execute(
                "SELECT 1 FROM operations AS mine JOIN operations AS other ON other.id != mine.id AND other.provider = ?"
                " WHERE mine.id = ? AND (other.operation = ? OR (other.phase = ? AND other.sent = mine.sent)) LIMIT 1",
                (operation.provider, number, operation.id, Phase.INTENT.value),
            ).fetchone()
            if other is not None:
                return False
            self._submitted(database, number, operation, answer, how)
            return True

    def adopt(self, number: int, operation: Operation, answer: str) -> int | None:
        """A person found it at the service, under an id. Gives the number of another operation that has this id already;
        then nothing is written."""
        with self._writing() as database:
            taken = database.execute(
                "SELECT id FROM operations WHERE provider = ? AND operation = ? AND id != ?",
                (operation.provider, operation.id, number),
            ).fetchone()
            if taken is not None:
                return int(taken[0])
            named = {
                "phase": Phase.SUBMITTED.value, "moved": self._clock(), "operation": operation.id, "ended": "", "reason": "",
                "submitted": operation.submitted or self._clock(), "links": json.dumps(dict(operation.links.items)),
                "accepted": answer, "answer": answer, "kind": "", "number": number,
            }  # fmt: skip
            sets = ", ".join(f"{name} = :{name}" for name in named if name != "number")
            database.execute(f"UPDATE operations SET {sets} WHERE id = :number", named)  # noqa: S608
            # Whoever said that nothing was billed for it said so of something that is there after all.
            (amount,) = database.execute("SELECT amount FROM operations WHERE id = ?", (number,)).fetchone()
            counts = _micros(None if amount is None else Fraction(amount))
            database.execute("UPDATE operations SET charged = NULL, micros = ? WHERE id = ?", (counts, number))
            self._tell(database, number, Phase.SUBMITTED, f"a person found it as {operation.id}")
            return None

    def unsent(self, number: int, reason: str) -> None:
        """Nothing left this machine."""
        self._end(number, Phase.UNSENT, "", reason)

    def refused(self, number: int, kind: str, reason: str, answer: str) -> None:
        """The service said no; nothing was made."""
        self._end(number, Phase.REFUSED, kind, reason, answer=answer)

    def doubtful(self, number: int, reason: str, answer: str) -> None:
        """The answer was lost. It stays an intent, to be looked up."""
        self._set(number, Phase.INTENT, f"the answer was lost: {reason}", reason=reason, answer=answer)

    def unknown(self, number: int, reason: str) -> None:
        """Nobody but a person can say what became of it."""
        self._set(number, Phase.UNKNOWN, reason, OPEN, reason=reason)

    # --- while it runs ----------------------------------------------------------------------------------------------------

    def polled(self, number: int, word: str, progress: int | None, answer: str) -> None:
        """Called when what the service says of it has changed."""
        told = word if progress is None else f"{word}, {progress} %"
        self._set(number, Phase.SUBMITTED, told, (Phase.SUBMITTED,), word=word, progress=progress, answer=answer)

    def charged(self, number: int, charged: Price | None) -> None:
        """What the service says that it took, now that it has ended."""
        if charged is not None and charged.amount is not None and charged.amount >= 0:
            with self._writing() as database:
                said = canonical_line(price_row(charged))
                database.execute(
                    "UPDATE operations SET charged = ?, micros = CASE WHEN currency = ? THEN ? ELSE micros END WHERE id = ?",
                    (said, charged.currency, _micros(charged.amount), number),
                )

    def fetched(self, number: int, result: ActionResult, answer: str) -> None:
        """Its bytes are in the store, probed."""
        self._set(number, Phase.FETCHED, "its output is in the store", result=canonical_line(row_of(result)), answer=answer)

    def done(self, number: int) -> None:
        """Everything that was to be written of it is written."""
        self._end(number, Phase.DONE, "", "")

    def failed(self, number: int, kind: str, reason: str) -> None:
        self._end(number, Phase.FAILED, kind, reason, OPEN)

    def cancelled(self, number: int, reason: str) -> None:
        self._end(number, Phase.CANCELLED, "", reason, (Phase.INTENT, Phase.SUBMITTED, Phase.UNKNOWN))

    # --- what people say ------------------------------------------------------------------------------------------------

    def lost(self, number: int, reason: str) -> None:
        """A person says that nothing came of it; it may be asked for again."""
        self._end(number, Phase.LOST, "", reason)

    def forgive(self, action: str) -> None:
        """A person says that an action whose attempts failed may be tried again."""
        with self._writing() as database:
            database.execute("UPDATE operations SET forgiven = 1 WHERE action = ?", (action,))

    # --- asking the journal ---------------------------------------------------------------------------------------------

    def open(self, action: str) -> Entry | None:
        """The attempt at an action that has not ended, if any."""
        marks = ", ".join("?" for _ in OPEN)
        found = self._rows(
            f"WHERE action = ? AND phase IN ({marks}) ORDER BY id DESC LIMIT 1", action, *(each.value for each in OPEN)
        )
        return next(iter(found), None)

    def attempts(self, action: str) -> list[Entry]:
        """The attempts at an action that ended without a take, which no person has forgiven; the newest last."""
        words = (Phase.REFUSED.value, Phase.FAILED.value)
        return self._rows("WHERE action = ? AND phase IN (?, ?) AND forgiven = 0 ORDER BY id", action, *words)

    def result(self, action: str) -> ActionResult | None:
        """What an action gave the last time that it was paid for."""
        words = (Phase.FETCHED.value, Phase.DONE.value)
        found = self._rows(
            "WHERE action = ? AND phase IN (?, ?) AND result IS NOT NULL ORDER BY id DESC LIMIT 1", action, *words
        )
        return found[0].result if found else None

    def paid(self, action: str) -> Entry | None:
        """The attempt that gave a result for an action, unless a person said that it may be asked for again."""
        words = (Phase.FETCHED.value, Phase.DONE.value)
        found = self._rows(
            "WHERE action = ? AND phase IN (?, ?) AND result IS NOT NULL AND forgiven = 0 ORDER BY id DESC LIMIT 1",
            action, *words,
        )  # fmt: skip
        return next(iter(found), None)

    def asked(self, shot: str) -> bool:
        """Whether a service was ever asked for a shot of that name and may have made something."""
        marks = ", ".join("?" for _ in OWED)
        return bool(self._rows(f"WHERE shot = ? AND phase IN ({marks}) LIMIT 1", shot, *(each.value for each in OWED)))

    def age(self, entry: Entry) -> int:
        """Milliseconds since it was asked for; none where the clock was set back meanwhile."""
        passed = datetime.fromisoformat(self._clock()) - datetime.fromisoformat(entry.began)
        return max(0, int(passed.total_seconds() * 1000))

    def entry(self, number: int) -> Entry | None:
        return next(iter(self._rows("WHERE id = ?", number)), None)

    def unfinished(self) -> list[Entry]:
        """Everything that has not ended, oldest first."""
        marks = ", ".join("?" for _ in OPEN)
        return self._rows(f"WHERE phase IN ({marks}) ORDER BY id", *(each.value for each in OPEN))

    def entries(self) -> list[Entry]:
        """Every attempt there ever was, oldest first."""
        return self._rows("ORDER BY id")

    def of_build(self, build: str) -> list[Entry]:
        """The attempts of one build, oldest first."""
        return self._rows("WHERE build = ? ORDER BY id", build)

    def known(self, provider: str) -> frozenset[str]:
        """The ids of all operations of a provider that are accounted for."""
        if not self._path.exists():
            return frozenset()
        with self._reading() as database:
            rows = database.execute(
                "SELECT operation FROM operations WHERE provider = ? AND operation IS NOT NULL", (provider,)
            )
            return frozenset(row[0] for row in rows)

    def told(self, number: int) -> list[tuple[str, str, str]]:
        """What happened to an operation: (time, phase, words), oldest first."""
        with self._reading() as database:
            rows = database.execute("SELECT at, phase, what FROM happened WHERE operation = ? ORDER BY rowid", (number,))
            return [(row[0], row[1], row[2]) for row in rows]

    def owed(self, cap: Cap) -> Fraction:
        """What counts against a cap so far."""
        if not self._path.exists():
            return cap.spent
        with self._reading() as database:
            return cap.spent + self._owed(database, cap)

    # --- inside ---------------------------------------------------------------------------------------------------------

    def close(self) -> None:
        with self._lock:
            if self._opened is not None:
                self._opened.close()
                self._opened = None

    def _check(self, database: sqlite3.Connection, cap: Cap, intent: Intent) -> None:
        price = intent.price
        if not cap.concerns(intent.sequences) or price.amount == 0:
            return
        if price.amount is None or price.amount < 0 or price.currency != cap.limit.currency:
            known = price.amount is not None and price.amount >= 0
            said = f"it is priced in {price.currency}" if known else "its price is unknown"
            raise LimitReached(
                f"{intent.step} was not asked for, because of {cap.of}",
                cause=f"{said}, which counts as over any limit",
                hint="give its provider a `price` in shotbuild.yaml, or leave the shot out",
            )
        owed = cap.spent + self._owed(database, cap)
        if owed + price.amount > cap.limit.amount:
            raise LimitReached(
                f"{intent.step} was not asked for, because it could pass {cap.of}",
                cause=f"{decimal_text(owed)} {price.currency} are spent or under way, it may cost "
                f"{decimal_text(price.amount)}, the limit is {cap.limit}",
                hint="raise the limit, or build fewer shots; `shotbuild cost` shows what was spent",
            )

    def _owed(self, database: sqlite3.Connection, cap: Cap) -> Fraction:
        marks = ", ".join("?" for _ in OWED)
        where, values = f"phase IN ({marks}) AND currency = ?", [*(each.value for each in OWED), cap.limit.currency]
        if cap.build is not None:
            where += " AND build = ?"
            values = [*values, cap.build]
        if cap.sequence is not None:
            where += " AND EXISTS (SELECT 1 FROM json_each(sequences) WHERE value = ?)"
            values = [*values, cap.sequence]
        text = f"SELECT SUM(micros) FROM operations WHERE {where}"  # noqa: S608
        (total,) = database.execute(text, values).fetchone()
        return Fraction(total or 0, MILLION)

    def _under_way(self, database: sqlite3.Connection, intent: Intent) -> int:
        """Operations of all builds on this project. An intent of long ago was left by a build that was killed."""
        (count,) = database.execute(
            "SELECT COUNT(*) FROM operations WHERE provider = ? AND model = ? AND (phase = ? OR (phase = ? AND moved > ?))",
            (intent.provider, intent.model, Phase.SUBMITTED.value, Phase.INTENT.value, self._clock(-INTENT_SECONDS)),
        ).fetchone()
        return int(count)

    def _end(self, number: int, phase: Phase, kind: str, reason: str, only: Sequence[Phase] = ALL, **values: Any) -> None:
        self._set(number, phase, reason or phase.value, only, kind=kind, reason=reason, ended=self._clock(), **values)

    def _submitted(self, database: sqlite3.Connection, number: int, operation: Operation, answer: str, what: str) -> None:
        links = json.dumps(dict(operation.links.items))
        self._write(
            database, number, Phase.SUBMITTED, f"{what} as {operation.id}",
            operation=operation.id, submitted=operation.submitted or self._clock(), links=links, accepted=answer,
            answer=answer,
        )  # fmt: skip

    def _set(self, number: int, phase: Phase, what: str, only: Sequence[Phase] = ALL, **values: Any) -> None:
        with self._writing() as database:
            self._write(database, number, phase, what, only, **values)

    def _write(
        self,
        database: sqlite3.Connection,
        number: int,
        phase: Phase,
        what: str,
        only: Sequence[Phase] = ALL,
        **values: Any,
    ) -> None:
        """only: the phases from which it may come here; in another one somebody else was quicker, and that stays."""
        named = {"phase": phase.value, "moved": self._clock(), **values}
        sets = ", ".join(f"{name} = :{name}" for name in named)
        allowed = json.dumps([each.value for each in only])
        text = f"UPDATE operations SET {sets} WHERE id = :number AND phase IN (SELECT value FROM json_each(:allowed))"  # noqa: S608
        if database.execute(text, {**named, "number": number, "allowed": allowed}).rowcount:
            self._tell(database, number, phase, what)

    def _tell(self, database: sqlite3.Connection, number: int, phase: Phase, what: str) -> None:
        database.execute("INSERT INTO happened VALUES (?, ?, ?, ?)", (number, self._clock(), phase.value, what[:500]))

    def _rows(self, where: str, *values: object) -> list[Entry]:
        if not self._path.exists():
            return []
        with self._reading() as database:
            rows = database.execute(f"SELECT {_COLUMNS} FROM operations {where}", values).fetchall()  # noqa: S608
        try:
            return [_entry(row) for row in rows]
        except (ValueError, KeyError, TypeError) as error:
            raise self._broken(error) from error

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self._database()
            except (sqlite3.Error, OSError) as error:
                raise self._broken(error) from error

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction, on the disk when the block ends well; other processes wait."""
        with self._lock:
            try:
                database = self._database()
                database.execute("BEGIN IMMEDIATE")
                try:
                    yield database
                    database.execute("COMMIT")
                except BaseException:
                    # A full disk may have rolled it back already, and a commit that failed has not.
                    if database.in_transaction:
                        database.execute("ROLLBACK")
                    raise
            except (sqlite3.Error, OSError) as error:
                raise self._broken(error) from error

    def _database(self) -> sqlite3.Connection:
        if self._opened is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            until = time.monotonic() + BUSY_SECONDS
            while self._opened is None:
                try:
                    self._opened = self._connected()
                except sqlite3.OperationalError as error:
                    # Where several processes make it, or bring it back, at the same moment, SQLite does not wait by itself.
                    if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                        raise
                    time.sleep(0.01)
        return self._opened

    def _connected(self) -> sqlite3.Connection:
        database = sqlite3.connect(
            self._path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=64
        )
        try:
            self._prepare(database)
        except BaseException:
            database.close()
            raise
        return database

    def _prepare(self, database: sqlite3.Connection) -> None:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        (version,) = database.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise StoreError(
                "the journal was written by a newer shotbuild",
                cause=f"{self._path.name} is of version {version}, this one knows {VERSION}",
                hint="upgrade: `pip install --upgrade shotbuild`",
            )
        if version < VERSION:
            database.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")

    def _broken(self, error: Exception) -> StoreError:
        return StoreError(
            "the journal of paid operations cannot be used, so nothing is asked of any service",
            cause=f"{self._path.name}: {error}",
            hint="free some space and make the folder writable; if it is damaged, bring it back from a backup: it knows "
            "what is under way and paid for",
        )


def _priced(price: Price) -> dict[str, Any]:
    amount = None if price.amount is None else str(price.amount)
    return {"amount": amount, "currency": price.currency, "exact": int(price.exact)}


def _micros(amount: Fraction | None) -> int | None:
    return None if amount is None else ceil(amount * MILLION)


def _entry(row: Sequence[Any]) -> Entry:
    said = dict(zip(_COLUMNS.replace(" ", "").split(","), row, strict=True))
    links = tuple(sorted(json.loads(said["links"] or "{}").items()))
    operation = (
        Operation(provider=said["provider"], id=said["operation"], submitted=said["submitted"] or "", links=Fields(links))
        if said["operation"]
        else None
    )
    charged = None if said["charged"] is None else read_price(json.loads(said["charged"]))
    result = None if said["result"] is None else read_row(json.loads(said["result"]))
    return Entry(
        id=said["id"],
        phase=Phase(said["phase"]),
        price=read_price(said | {"exact": bool(said["exact"])}),
        charged=charged,
        operation=operation,
        sequences=tuple(json.loads(said["sequences"])),
        # What it took, and where it is found, its row says as they stand now.
        result=None if result is None else replace(result, operation=operation, charged=charged),
        **{
            name: said[name]
            for name in (
                "action", "wanted", "step", "shot", "provider", "model", "client", "build", "sent", "accepted", "answer",
                "word", "progress", "kind", "reason", "began", "moved", "ended",
            )
        },
    )  # fmt: skip
