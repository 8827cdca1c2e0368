"""What a project stands on: what its lock pins and how long that holds, and where the bytes of approved takes lie.

Read from the lock, the ledgers, the store and the tables of the installed providers. No server is asked and no weights are
read: that is `shotbuild lock`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum

from shotbuild.casting import UNPINNED, Casting, OwnGenerator
from shotbuild.errors import PluginError
from shotbuild.providers.interface import Model, Provider, Strength, is_hosted
from shotbuild.records import Decision, Digest, Fields, Lock, Pin, Take, Tool
from shotbuild.spec.events import pin_of, whole
from shotbuild.takes.names import shots_meant
from shotbuild.takes.table import by_video
from shotbuild.workspace import Workspace

NO_LOCK = Lock(providers=(), tools=())


class Where(Enum):
    """Where bytes lie. The value is what people read."""

    BOTH = "here and shared"
    SHARED = "shared"
    ONLY_HERE = "only here"
    MISSING = "missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditedPin:
    """A pin that the project uses, or that its lock has. name: of its entry in the lock; pin: as the lock has it, where it
    is not `locked` as it resolves now; vanished: why what is installed does not offer just this any more, None = it does.

    strength, notes: of the model, None and empty where it is not offered; ends: the day after which it is gone; days: until
    then, below 0 = it is over; read: how many fields of a generator of one's own are pinned, None = it is none, or not in
    the lock; unread: which could not be read, and why."""

    name: str
    pin: Pin
    used: bool
    locked: bool
    vanished: str | None
    strength: Strength | None
    ends: date | None
    days: int | None
    read: int | None
    unread: tuple[tuple[str, str], ...]
    notes: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditedTool:
    """A tool whose build decides bytes. locked: as the lock has it, now: as it is; None = it is not there."""

    name: str
    locked: Tool | None
    now: Tool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditedTake:
    """A take that is approved. approvals: those in force; pin: what it was asked of, None = it was made elsewhere; vanished:
    why that is not offered any more, None = it is, or there is no pin; record: None = it has none."""

    take: Take
    approvals: tuple[Decision, ...]
    pin: Pin | None
    vanished: str | None
    video: Where
    record: Where | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """pins, tools: by name; takes: by shot and number; locked: there is a lock; shared: the team's store, None = there is
    none."""

    pins: tuple[AuditedPin, ...]
    tools: tuple[AuditedTool, ...]
    takes: tuple[AuditedTake, ...]
    locked: bool
    shared: str | None = None

    def ending(self, within: int) -> tuple[AuditedPin, ...]:
        """The pins in use that end within so many days, or have ended; the first one first."""
        found = [(pin.days, pin.name, pin) for pin in self.pins if pin.used and pin.days is not None and pin.days <= within]
        return tuple(pin for _, _, pin in sorted(found, key=lambda each: each[:2]))


def audit(workspace: Workspace, words: Sequence[str] = (), *, today: date) -> Audit:
    """words: shots and sequences whose approved takes are meant, all for none. Errors: PlanError for a word that names
    nothing; SpecErrors, also for a spec that names a model which is not offered any more."""
    shots = shots_meant(workspace, words)
    lock = workspace.rooms.read_lock()
    offers = _Offers(workspace.registry.providers, lock or NO_LOCK)
    return Audit(
        pins=_pins(workspace.casting, offers, today),
        tools=_tools(offers.lock, workspace.rooms.tools(workspace.project)),
        takes=tuple(_approved(workspace, shots, offers)),
        locked=lock is not None,
        shared=None if workspace.rooms.shared is None else workspace.rooms.shared.shown,
    )


def whereabouts(workspace: Workspace, digest: Digest) -> Where:
    """Where the bytes of a take lie, by name and size alone."""
    rooms = workspace.rooms
    shared = rooms.shared is not None and rooms.shared.has(digest)
    if rooms.local.has(digest):
        return Where.BOTH if shared else Where.ONLY_HERE
    return Where.SHARED if shared else Where.MISSING


# --- pins and tools -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Offers:
    """What is installed now, beside what the lock has."""

    providers: Mapping[str, Provider]
    lock: Lock

    def model(self, pin: Pin) -> Model | None:
        provider = self.providers.get(pin.provider)
        return None if provider is None else provider.models.get(pin.model)

    def vanished(self, pin: Pin) -> str | None:
        """Why just this pin is not offered any more. What a generator of one's own is now, nobody looks at here: it is taken
        to be what the lock has."""
        provider, model = self.providers.get(pin.provider), self.model(pin)
        if provider is None:
            return f"{pin.provider} is not installed"
        if model is None:
            return f"{pin.provider} offers no {pin.model} any more"
        if is_hosted(provider):
            return None if any(pin == each for _, each in self.lock.providers) else "the lock does not have it any more"
        return None if model.version == pin.version else f"{model.version} is offered"


def _pins(casting: Casting, offers: _Offers, today: date) -> tuple[AuditedPin, ...]:
    locked, facts = dict(offers.lock.providers), dict(offers.lock.generators)
    used = {own.name: _unpinned(casting, own) for own in casting.own.values()} | dict(casting.resolved(()).providers)
    found = []
    for name in sorted(used.keys() | locked.keys()):
        pin, own = locked.get(name) or used[name], facts.get(name)
        model = offers.model(pin)
        ends = None if model is None or model.ends is None else _day(pin, model.ends)
        found.append(
            AuditedPin(
                name=name,
                pin=pin,
                used=name in used,
                locked=name in locked,
                vanished=offers.vanished(pin) if name in locked else None,
                strength=None if model is None else model.strength,
                ends=ends,
                days=None if ends is None else (ends - today).days,
                read=None if own is None else _count(own.pinned),
                unread=() if own is None else tuple((field, str(why)) for field, why in own.unread),
                notes="" if model is None else model.notes,
            )
        )
    return tuple(found)


def _unpinned(casting: Casting, own: OwnGenerator) -> Pin:
    return Pin(provider=casting.provider_of(own.use).name, model=own.model, version=UNPINNED)


def _day(pin: Pin, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise PluginError(
            f"{pin.provider} says of {pin.model} that it ends on {text!r}, which is no date",
            hint="report it to those who made that provider",
        ) from error


def _count(pinned: Fields) -> int:
    return sum(_count(value) if isinstance(value, Fields) else 1 for _, value in pinned)


def _tools(lock: Lock, now: Sequence[Tool]) -> tuple[AuditedTool, ...]:
    locked, there = dict(lock.tools), {tool.name: tool for tool in now}
    names = sorted(locked.keys() | there.keys())
    return tuple(AuditedTool(name=name, locked=locked.get(name), now=there.get(name)) for name in names)


# --- takes --------------------------------------------------------------------------------------------------------------


def _approved(workspace: Workspace, shots: Iterable[str], offers: _Offers) -> Iterator[AuditedTake]:
    for shot in sorted(shots):
        state = workspace.rooms.ledgers.of(shot)
        approvals = by_video(state.approvals)
        for take in state.takes if approvals else ():
            if take.video.sha256 in approvals:
                asked = whole(take).pin.asked
                pin = None if asked is None else pin_of(asked)
                yield AuditedTake(
                    take=take,
                    approvals=approvals[take.video.sha256],
                    pin=pin,
                    vanished=None if pin is None else offers.vanished(pin),
                    video=whereabouts(workspace, take.video),
                    record=None if take.record is None else whereabouts(workspace, take.record),
                )
