"""What of a project goes to the shared store, and when: takes as they are made, other results where `push: all` says so.

Also what earlier builds left behind: takes that ledgers name, that lie here and were never seen there.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from shotbuild.digest import manifest
from shotbuild.engine.done import Done
from shotbuild.engine.events import Event, Pushed, Pushing
from shotbuild.records import PUSH_ALL, Take
from shotbuild.rooms import Rooms
from shotbuild.stages.catalogue import ASKING
from shotbuild.store.interface import Row
from shotbuild.store.outbox import Otherwise, Outbox, Parcel, Sent, Unsent
from shotbuild.store.shared import Shared
from shotbuild.units import counted
from shotbuild.whereabouts import REMEDY, SHOWN, blobs_of, name_of, only_here, sentence

PATIENCE = 2.0
"""Seconds after which a build that waits for nothing else says so."""


class Outgoing:
    """What one build puts into the shared store. everything: also what stages make for nothing."""

    def __init__(self, rooms: Rooms, shared: Shared, outbox: Outbox, *, everything: bool) -> None:
        self._rooms, self._shared, self._outbox, self._everything = rooms, shared, outbox, everything
        self._put_in: set[str] = set()

    def kept(self, rows: Sequence[Row]) -> None:
        """Results that are on disk now, from any thread."""
        for row in rows:
            if self._everything or asks(row):
                self._put(parcel_of(row))

    def ended(self, done: Iterable[Done]) -> None:
        """Steps that have their results, whoever made them: an earlier build may have been stopped before they were sent."""
        meant = [each for each in done if self._everything or each.step.recipe.stage in ASKING]
        parcels = [parcel_of_done(each) for each in meant if each.key not in self._put_in]
        # What another machine made is there as a rule, and its ledger told of it.
        rows = [each.row for each in parcels if each.row is not None and not self._shared.is_recorded(each.row.action)]
        self._shared.ask_all(rows, self._shared.agrees)
        self._shared.ask_all((digest for each in parcels for digest in each.blobs), self._shared.has)
        for parcel in parcels:
            self._put(parcel)

    def takes(self, shots: Iterable[str]) -> None:
        """The takes of shots that lie here and were never seen there."""
        for take in only_here(self._rooms, shots, ask=False):
            if all(self._shared.is_known(digest) or self._rooms.local.has(digest) for digest in blobs_of(take)):
                self._outbox.add(parcel_of_take(self._rooms, take))

    def _put(self, parcel: Parcel) -> None:
        assert parcel.row is not None, "it is one of a result"
        key = parcel.row.action
        if key in self._put_in or (self._shared.is_recorded(key) and all(map(self._shared.is_known, parcel.blobs))):
            return
        self._put_in.add(key)
        self._outbox.add(parcel)


@contextmanager
def pushing(rooms: Rooms, shots: Sequence[str], hear: Callable[[Event], None]) -> Iterator[Outgoing | None]:
    """Around work that makes takes: sends them meanwhile, waits at the end, and tells what went there and what could not.
    shots: those whose ledgers are looked into for what was left behind. None = nothing is to be sent."""
    shared, use = rooms.shared, rooms.store_use
    if shared is None or use is None or not shared.writes:
        yield None
        return
    outbox = Outbox(shared, rooms.local)
    mine = Outgoing(rooms, shared, outbox, everything=use.push == PUSH_ALL)
    rooms.kept_by = mine.kept
    try:
        mine.takes(shots)
        yield mine
    except KeyboardInterrupt:
        outbox.stop()
        raise
    except BaseException:
        _tell(rooms, shots, hear, _ended(outbox, shared, hear))
        raise
    else:
        _tell(rooms, shots, hear, _ended(outbox, shared, hear))
    finally:
        outbox.stop()
        rooms.kept_by = None


def _ended(outbox: Outbox, shared: Shared, hear: Callable[[Event], None]) -> Sent:
    if not outbox.wait(PATIENCE):
        hear(Pushing(where=shared.shown, results=outbox.open))
    return outbox.end()


def asks(row: Row) -> bool:
    """Whether a stage gave a result that asks providers, by the text that was hashed."""
    try:
        return json.loads(row.manifest)["recipe"]["stage"] in ASKING
    except (ValueError, KeyError, TypeError):
        return False


def parcel_of(row: Row, what: str = "") -> Parcel:
    return Parcel(what=what or f"result {row.action[:8]}", blobs=row.result.blobs, row=row, take=asks(row))


def parcel_of_done(done: Done) -> Parcel:
    return parcel_of(Row(action=done.key, result=done.result, manifest=manifest(done.action)), done.step.name)


def parcel_of_take(rooms: Rooms, take: Take) -> Parcel:
    """The bytes of a take, and the result of its action where that is known here."""
    result = rooms.actions.local.get(take.action) if take.action else None
    text = rooms.actions.manifest(take.action) if take.action else None
    row = None
    if result is not None and text is not None and take.video in result.blobs:
        row = Row(action=take.action, result=result, manifest=text)
    return Parcel(what=name_of(take), blobs=blobs_of(take), row=row, take=True)


def _tell(rooms: Rooms, shots: Iterable[str], hear: Callable[[Event], None], sent: Sent) -> None:
    shared = rooms.shared
    assert shared is not None, "something was sent there"
    if sent.parcels:
        hear(Pushed(where=shared.shown, results=len(sent.parcels), size=sent.size))
    for each in (told_otherwise(sent.otherwise, shared.shown), _left(rooms, shots, sent.unsent)):
        if each:
            rooms.warn(each)


def told_otherwise(several: Sequence[Otherwise], shown: str) -> str:
    """What came out otherwise than somebody else said first, in words; empty for nothing."""
    if not several:
        return ""
    names = ", ".join(_differing(each) for each in several[:SHOWN])
    more = f" and {len(several) - SHOWN} more" if len(several) > SHOWN else ""
    return (
        f"{counted(len(several), 'result')} came out otherwise than {shown} has: {names}{more}; "
        "what stands there stays, and what was made here is used here"
    )


def _differing(each: Otherwise) -> str:
    return f"{each.parcel.what} (there {each.there.outputs[0][1].short}, here {each.parcel.blobs[0].short})"


def _left(rooms: Rooms, shots: Iterable[str], unsent: Sequence[Unsent]) -> str:
    if not unsent:
        return ""
    why = next((each.why for each in unsent if each.why), "the build was stopped")
    takes = only_here(rooms, shots, ask=False)
    others = f"{counted(len(unsent), 'result')} could not be sent"
    return f"{sentence(takes) if takes else others}, because {why}; {REMEDY}"
