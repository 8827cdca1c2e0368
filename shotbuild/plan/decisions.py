"""The events of a shot → what they come to. Pure; the order in which they stand says nothing, only what follows what.

A decision takes back what it follows and contradicts. Two that do not follow each other were made by people who did not
know of each other, as on two branches: both stay in force, and where one at most can hold, a person has to say which.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from shotbuild.records import (
    APPROVE,
    NOTE,
    PICK,
    REJECT,
    REOPEN,
    RESTORE,
    Decision,
    LedgerEvent,
    ShotState,
    Take,
    UnknownEvent,
    Verification,
)


@dataclass(frozen=True, slots=True)
class Mark:
    """A decision at the place in history where it counts: its own, or that of the event that restored it."""

    decision: Decision
    place: str


class History:
    """The events of a shot as a graph. Sets of events are whole numbers, one bit an event."""

    def __init__(self, events: Iterable[LedgerEvent]) -> None:
        by_id = {event.id: event for event in events}
        self.events: tuple[LedgerEvent, ...] = tuple(_in_order(by_id))
        self._bit = {event.id: 1 << index for index, event in enumerate(self.events)}
        self._past: dict[str, int] = {}
        for event in self.events:
            past = 0
            for name in _before(event):
                if name in self._bit:
                    past |= self._past[name] | self._bit[name]
            self._past[event.id] = past

    @property
    def heads(self) -> tuple[str, ...]:
        """Ids of the events that no other event follows."""
        followed = {name for event in self.events for name in event.after}
        return tuple(sorted(event.id for event in self.events if event.id not in followed))

    def follows(self, late: str, early: str) -> bool:
        """Whether the first event was written by someone who knew the second."""
        return bool(self._past[late] & self._bit[early])

    def known(self, name: str) -> int:
        """How many events the author of an event knew."""
        return self._past[name].bit_count()

    def up_to(self, names: Iterable[str]) -> tuple[LedgerEvent, ...]:
        """These events and all that they follow."""
        known = 0
        for name in names:
            known |= self._bit.get(name, 0) | self._past.get(name, 0)
        return tuple(event for event in self.events if self._bit[event.id] & known)


def settle(events: Sequence[LedgerEvent], formerly: tuple[str, ...] = ()) -> ShotState:
    """What all events of a shot come to. Every order of the same events gives the same value."""
    takes = _numbered(event for event in events if isinstance(event, Take))
    unknown = tuple(sorted((event for event in events if isinstance(event, UnknownEvent)), key=lambda event: event.id))
    verified = tuple(
        sorted((event for event in events if isinstance(event, Verification)), key=lambda each: (each.at, each.id))
    )
    if not any(isinstance(event, Decision) for event in events):
        # Most shots of most films: nothing but takes.
        followed = {name for event in events for name in event.after}
        heads = tuple(sorted({event.id for event in events} - followed))
        return ShotState(takes=takes, formerly=formerly, heads=heads, verifications=verified, unknown=unknown)
    history = History(events)
    marks = in_force(history)
    approvals, picks, rejections = (_of_kind(history, kind, marks) for kind in (APPROVE, PICK, REJECT))
    # Nobody fixed a pick: it yields to a rejection by someone who did not know of it.
    rejected = {each.video for each in rejections}
    picks = tuple(each for each in picks if each.video not in rejected)
    notes = [event for event in history.events if isinstance(event, Decision) and event.kind == NOTE]
    return ShotState(
        takes=takes,
        approvals=approvals,
        picks=picks,
        rejections=rejections,
        notes=_sorted(history, notes),
        conflict=_conflict(approvals, rejections),
        formerly=formerly,
        heads=history.heads,
        verifications=verified,
        unknown=unknown,
    )


def in_force(history: History) -> tuple[Mark, ...]:
    """The approvals, picks and rejections that nothing later took back."""
    restored: dict[str, tuple[Mark, ...]] = {}
    for event in history.events:
        if isinstance(event, Decision) and event.kind == RESTORE:
            restored[event.id] = _holding(history, history.up_to(event.of), restored)
    return _holding(history, history.events, restored)


def _holding(history: History, events: Sequence[LedgerEvent], restored: Mapping[str, tuple[Mark, ...]]) -> tuple[Mark, ...]:
    """What holds among some events that include all that they follow. restored: what each restoring event brings back."""
    marks: list[Mark] = []
    for event in events:
        if not isinstance(event, Decision):
            continue
        if event.kind in _TAKES_BACK:
            # Each after those that it follows, so that the few marks that still hold are all that has to be looked at.
            marks = [
                mark for mark in marks if not (_contradicts(event, mark.decision) and history.follows(event.id, mark.place))
            ]
        if event.kind in (APPROVE, PICK, REJECT):
            marks.append(Mark(event, event.id))
        elif event.kind == RESTORE:
            # One decision may hold at several places: two people restored it on two branches.
            marks += [Mark(each, event.id) for each in dict.fromkeys(mark.decision for mark in restored[event.id])]
            if event.video is not None:
                marks.append(Mark(event, event.id))
    return tuple(marks)


_TAKES_BACK = (APPROVE, PICK, REJECT, REOPEN, RESTORE)


def _contradicts(later: Decision, earlier: Decision) -> bool:
    """Whether a decision takes back an earlier one that it knew of."""
    same = later.video == earlier.video
    kind = _kind(earlier)
    if later.kind == RESTORE:
        return True
    if later.kind == REOPEN:
        return kind in (APPROVE, PICK)
    if later.kind == REJECT:
        return same and kind in (APPROVE, PICK)
    if later.kind == APPROVE:
        return (not same and kind == APPROVE) or (same and kind == REJECT)
    return kind == PICK or (same and kind == REJECT)


def _kind(decision: Decision) -> str:
    """A restoring event that names a take chose it, as a pick does."""
    return PICK if decision.kind == RESTORE else decision.kind


def _of_kind(history: History, kind: str, marks: Iterable[Mark]) -> tuple[Decision, ...]:
    found = {mark.decision.id: mark.decision for mark in marks if _kind(mark.decision) == kind}
    return _sorted(history, found.values())


def _conflict(approvals: Sequence[Decision], rejections: Sequence[Decision]) -> tuple[Decision, ...]:
    videos = {each.video for each in approvals}
    against = tuple(each for each in rejections if each.video in videos)
    return (*approvals, *against) if len(videos) > 1 or against else ()


def _numbered(takes: Iterable[Take]) -> tuple[Take, ...]:
    """By number. What two branches made alike, of the same words and with the same bytes, is one take."""
    found: dict[tuple[object, ...], Take] = {}
    for take in sorted(takes, key=lambda take: (take.number, take.made, take.video.sha256, take.id)):
        found.setdefault((take.asked, take.ordinal, take.video), take)
    return tuple(found.values())


def _sorted(history: History, decisions: Iterable[Decision]) -> tuple[Decision, ...]:
    """By time; what was said in one second, by how much its author knew, which no later event changes."""
    return tuple(sorted(decisions, key=lambda each: (each.at, history.known(each.id), each.id)))


def _before(event: LedgerEvent) -> tuple[str, ...]:
    """What has to be settled before an event: those that it follows, and those whose state it restores."""
    return (*event.after, *event.of) if isinstance(event, Decision) else event.after


def _in_order(events: Mapping[str, LedgerEvent]) -> Iterable[LedgerEvent]:
    """Each event after those that it follows; of several that could come next, the one with the lower id.

    Ids are digests that cover `after` and `of`, so there is no circle. Without recursion: ledgers can be long.
    """
    done: set[str] = set()
    for name in sorted(events):
        waiting = [name]
        while waiting:
            event = events[waiting[-1]]
            open_ones = [each for each in _before(event) if each in events and each not in done]
            if open_ones and event.id not in done:
                waiting += sorted(open_ones, reverse=True)
                continue
            waiting.pop()
            if event.id not in done:
                done.add(event.id)
                yield event
