"""The ledgers of one project: read when asked, an event entered once, by one process at a time.

A shot that moved has its history in two files: the one of its old name, which nothing changes any more, and its own.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TypeAlias

from shotbuild.digest import asked_of
from shotbuild.engine.done import Done
from shotbuild.errors import Location, SpecError, StoreError, Unseen
from shotbuild.frozen import is_frozen, refuse_frozen
from shotbuild.host import files
from shotbuild.host.memory import stamp_of
from shotbuild.plan.bind import Wanted
from shotbuild.plan.decisions import History, settle
from shotbuild.plan.gates import unseen
from shotbuild.records import (
    FREE,
    MOVE,
    ActionResult,
    Decision,
    Digest,
    Fields,
    LedgerEvent,
    Shot,
    ShotState,
    Step,
    Take,
    Verification,
)
from shotbuild.spec.events import decision_line, operation_of, pin_of, price_of, take_line, verification_line, whole
from shotbuild.spec.kinds import NAME
from shotbuild.spec.ledger import FOLDER, SUFFIX, check_whole, ledger_file, read_events

RETRY = "make it writable and say it again"
RETRY_BUILD = "check the disk and build again: the takes are kept, and are entered then"
NOBODY = "shotbuild"
"""Who writes that a shot moved: the spec says so, whoever builds."""
Seen: TypeAlias = Mapping[str, tuple[str, ...]]
"""Shot → ids of the heads of its ledger that a person was looking at."""
NOTHING_SEEN: Seen = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """What belongs to a shot. events: of all its names; formerly: those names, the first one first; strays: as in
    `ShotState`."""

    events: tuple[LedgerEvent, ...]
    formerly: tuple[str, ...]
    strays: tuple[Decision, ...] = ()


NOTHING, UNTOUCHED = Chapter(events=(), formerly=()), ShotState()


@dataclass(slots=True)
class _Walk:
    """A way back through the names of a shot. seen: moves that were gone along; others: moves beside them."""

    history: History
    seen: set[str] = field(default_factory=set)
    others: list[Decision] = field(default_factory=list)


class Ledgers:
    """read: a text file of the project, None when there is none; inside: a path of the project; locks: folder of lock
    files; streams: what is in a take, as rows; warn: told of what is doubtful; asked: was a service asked for a shot of a
    name, whose first take is still to come."""

    def __init__(
        self,
        read: Callable[[str], str | None],
        inside: Callable[[str], Path],
        locks: Path,
        streams: Callable[[Digest], tuple[Fields, ...]],
        warn: Callable[[str], None],
        asked: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._asked = asked
        self._read, self._inside, self._locks, self._warn = read, inside, locks, warn
        self._streams = streams
        self._moved: dict[str, str] = {}
        self._shots: dict[str, Location] = {}
        self._events: dict[str, tuple[LedgerEvent, ...]] = {}
        self._states: dict[str, ShotState] = {}
        self._told: set[tuple[str, str]] = set()
        self._there: set[str] | None = None
        self._unsettled: list[Path] = []
        self._settling = Lock()
        self._any_moved = False
        self.held = is_frozen()
        """Whether the takes of a build are entered nowhere."""
        self.wrote: dict[str, list[int]] = {}
        """The files that were written to here → their stamps then."""

    def follow(self, shots: Iterable[Shot]) -> None:
        """Told before the first question: the project's shots, of which some moved."""
        self._shots = {shot.name: shot.location for shot in shots}
        self._moved = {shot.name: shot.moved for shot in shots if shot.moved is not None}
        self._states.clear()

    def of(self, shot: str) -> ShotState:
        """What a shot's ledger comes to. Errors: SpecErrors at damaged lines; SpecError for a move that cannot be."""
        if shot not in self._states:
            self._states[shot] = self._settled(shot)
            for kind in dict.fromkeys(event.kind for event in self._states[shot].unknown):
                if (shot, kind) not in self._told:
                    self._told.add((shot, kind))
                    self._warn(f"the ledger of {shot} has `{kind}` events, which this version of shotbuild does not know")
        return self._states[shot]

    def look_again(self, shot: str) -> None:
        """Reads a shot's ledger anew when it is next asked for: somebody else wrote to it."""
        self._forget(shot)

    def everything(self) -> dict[str, ShotState]:
        """What all ledgers come to, those of shots that the specs no longer have as well: their money is spent too."""
        states = {shot: self.of(shot) for shot in self._shots}
        now = {*states, *(name for state in states.values() for name in state.formerly)}
        for file in sorted(self._inside(FOLDER).glob(f"*{SUFFIX}")):
            name = file.name.removesuffix(SUFFIX)
            if name not in now and re.fullmatch(NAME, name):
                states[name] = self.of(name)
        return states

    @property
    def read(self) -> tuple[str, ...]:
        """The files that were asked for, whether they are there or not."""
        return tuple(ledger_file(name) for name in self._events)

    def history(self, shot: str) -> History:
        """All events of a shot, and what follows what."""
        return History(self._chapter(shot).events)

    def recorded(self, wanted: Wanted) -> Take | None:
        """The take of a ledger that is what a step asks for, the newest of several, whether its bytes are here or not.

        A take that was asked for in the same words is as good as one of the same action: that one's key also holds what
        tools of another build make of the clip that it continues.
        """
        state = self.of(wanted.step.shots[0])
        live = [take for take in reversed(state.takes) if take.video.sha256 not in state.rejected]
        same = next((take for take in live if take.action == wanted.key), None)
        if same is not None or wanted.step.asking is None or not live:
            return same
        asked, ordinal = asked_for(wanted), wanted.step.asking.ordinal
        return next((take for take in live if _answers(take, asked, ordinal)), None)

    def expected(self, step: Step) -> Take | None:
        """The take of the ledger that will answer a step, some of whose inputs are not here yet."""
        if step.asking is None:
            return None
        state, asking = self.of(step.shots[0]), step.asking
        live = (take for take in reversed(state.takes) if take.video.sha256 not in state.rejected)
        return next((take for take in live if _answers(take, asking.asked, asking.ordinal)), None)

    def enter(self, done: Done, *, settled: bool = True) -> None:
        """Appends a take's event, once: other builds and merges may have brought it already. Errors: StoreError.

        settled: it is durable before the call returns, else once `settle` was called; until then the result of its action,
        which is on disk already, is what it would be entered from again.
        """
        shot, video = done.step.shots[0], done.result.outputs[0][1]
        state = self.of(shot)
        if _knows(state, done, video):
            return
        if self.held:
            self._warn(
                f"{ledger_file(shot)} has no line of {done.step.name}, which is in the store; a frozen build writes none"
            )
            return
        if any(take.action == done.key for take in state.takes):
            self._warn(f"{done.step.name} came out with other bytes than the take that {ledger_file(shot)} has of it")
        self._append(
            shot,
            lambda now: None if _knows(now, done, video) else _line(done, now, self._streams(video)),
            f"{done.step.name} is not in it",
            "make it writable and build again: the take is kept, and is entered then",
            settled=settled,
        )

    @contextmanager
    def closed(self) -> Iterator[None]:
        """Around a frozen build: takes that it finds in the store are entered nowhere."""
        before, self.held = self.held, True
        try:
            yield
        finally:
            self.held = before

    def settle(self) -> None:
        """Makes what was entered durable, many takes at once; may be called in other threads. Errors: StoreError."""
        with self._settling:  # also for who has nothing to add: it returns when what was begun is done
            count = len(self._unsettled)
            paths = dict.fromkeys(self._unsettled[:count])
            try:
                for path in paths:
                    with suppress(FileNotFoundError):  # who took it away meanwhile, such as Git, has it elsewhere
                        files.sync_file(path)
                for folder in dict.fromkeys(path.parent for path in paths if path.parent.is_dir()):
                    files.sync_folder(folder)
            except OSError as error:
                raise StoreError(f"{FOLDER}/ cannot be written to the disk", cause=str(error), hint=RETRY_BUILD) from error
            del self._unsettled[:count]  # after an error, whoever asks next is told as well

    def decide(self, shot: str, decision: Decision) -> None:
        """Appends a decision; what it follows is found out here. Errors: StoreError."""
        self.decide_all([(shot, decision)])

    def decide_all(
        self, decisions: Sequence[tuple[str, Decision]], seen: Seen = NOTHING_SEEN, concerned: Iterable[str] = ()
    ) -> None:
        """Appends decisions on shots, each as `decide`. seen: the heads that a shot's ledger had when the person looked:
        when others have said something since, of any of these shots or of those concerned, nothing is written.

        Errors: StoreError; Unseen; SpecErrors at damaged lines."""
        try:
            # Whoever decides on one machine takes this lock, so that between the look and the last line nobody else does.
            with files.locked(self._locks / "decisions.lock"):
                for shot in dict.fromkeys([*(shot for shot, _ in decisions), *concerned]):
                    self._check_seen(shot, seen.get(shot))
                for shot, decision in decisions:
                    self._append(shot, partial(_decided, decision), f"`{decision.kind}` was not recorded", RETRY)
        except OSError as error:
            raise StoreError("the decision cannot be recorded", cause=str(error), hint=RETRY) from error

    def _check_seen(self, shot: str, heads: tuple[str, ...] | None) -> None:
        if heads is None:
            return
        self._forget(shot)
        history = self.history(shot)
        known = {event.id for event in history.up_to(heads)}
        error = unseen(shot, self.of(shot), [event for event in history.events if event.id not in known])
        if error is None and not known.issuperset(heads):
            error = Unseen(
                f"the ledger of {shot} is another one now, so nothing was written",
                cause="what the person looked at is not in it, as after a checkout of another branch",
                hint="look at it again",
            )
        if error is not None:
            raise error

    def verified(self, shot: str, found: Verification) -> None:
        """Appends what came of making a take again; what it follows is found out here. Errors: StoreError."""
        self._append(
            shot,
            lambda now: verification_line(replace(found, after=now.heads)),
            "what was verified is not in it",
            "make it writable and verify again",
        )

    def import_take(self, shot: str, line: Callable[[ShotState], str | None]) -> None:
        """Appends the event of a take that was made elsewhere. line: of its event, as the ledger stands then."""
        self._append(shot, line, "the take is not in it", "make it writable and import again")

    def enter_moves(self) -> None:
        """Writes for each shot that moved that it did, into both ledgers, once. Errors: StoreError."""
        for now, was in self._moved.items():
            if not self._of_file(was) and not self._asked(was):
                continue
            lost = f"that {was} is {now} now is not in it"
            # The new ledger first: what it says is enough, should we be killed before the other one.
            self._append(now, partial(self._move_line, now, was, now), lost, RETRY)
            self._append(was, partial(self._move_line, was, was, now), lost, RETRY)

    # --- reading ------------------------------------------------------------------------------------------------------

    def _settled(self, shot: str) -> ShotState:
        chapter = self._chapter(shot)
        if chapter == NOTHING:
            return UNTOUCHED
        check_whole(shot, chapter.events)
        state = settle(chapter.events, chapter.formerly)
        if chapter.strays:
            state = replace(state, strays=chapter.strays)
        for decision in (*state.approvals, *state.picks):
            if decision.video is not None and state.take_of(decision.video) is None:
                raise SpecError(
                    f"the ledger of {shot} chose a take that it does not have",
                    location=decision.location,
                    cause=f"no `take` event has the bytes {decision.video[:8]}",
                    hint="bring the missing line back from Git",
                )
        return state

    def _chapter(self, shot: str) -> Chapter:
        # A name under which nothing was ever made leaves nothing behind.
        was = self._moved.get(shot)
        if was is not None and not self._of_file(was) and not self._of_file(shot) and self._asked(was):
            return Chapter(events=(), formerly=(was,))
        moved = was if self._of_file(shot if was is None else was) else None
        if moved is None and not any(_moves(self._of_file(shot))):
            return Chapter(events=self._of_file(shot), formerly=())
        return self._joined(shot, moved)

    def _joined(self, shot: str, moved: str | None) -> Chapter:
        walk = _Walk(History(self._family(shot, moved).values()))
        events, names = self._belonging(shot, frozenset(), walk)
        if moved is not None and moved not in names:
            if moved in self._shots:
                raise SpecError(
                    f"shot {shot!r} moved from {moved!r}, which is a shot as well",
                    location=self._shots[shot],
                    cause=f"{moved!r} stands at {self._shots[moved]}; a build has to record the move first",
                    hint=f"take {moved!r} out, run `shotbuild build`, then give the new shot that name",
                )
            left = frozenset(move.id for move in self._departures(moved, shot, walk.history))
            more, earlier = self._belonging(moved, left, walk)
            events, names = {**events, **more}, (*earlier, moved, *names)
        # People know its takes by the name that the shot has now.
        own = (replace(event, shot=shot) if isinstance(event, Take) else event for event in events.values())
        strays = [move for move in walk.others if move.now not in (shot, *names)] or self._gone_away(shot, events)
        return Chapter(events=tuple(own), formerly=tuple(dict.fromkeys(names)), strays=tuple(strays))

    def _gone_away(self, shot: str, events: Mapping[str, LedgerEvent]) -> list[Decision]:
        """The move that took what people chose of this shot to a name which no shot has, unless a new one was begun."""
        begun = [event for event in events.values() if not (isinstance(event, Decision) and event.kind == MOVE)]
        moves = [move for move in _moves(self._of_file(shot)) if move.was == shot]
        if begun or not moves or not self._shots:
            return []
        there = str(moves[-1].now)
        family = {name for move in _moves(self._family(there).values()) for name in (move.was, move.now)}
        if (family - {shot}) & self._shots.keys():
            return []
        state = settle(self._chapter(there).events)
        return moves[-1:] if state.approvals or state.picks else []

    def _belonging(self, name: str, until: frozenset[str], walk: _Walk) -> tuple[dict[str, LedgerEvent], tuple[str, ...]]:
        """The events that a shot had under a name, and the names before it, oldest first. until: the moves by which it left
        that name; what follows one belongs to a later shot of the same name."""
        history = walk.history
        mine = {
            event.id: event
            for event in self._of_file(name)
            if event.id not in until and not any(history.follows(event.id, move) for move in until)
        }
        away = {move.id: move for move in _moves(mine.values()) if move.was == name}
        # A move that is beside the one by which the shot left took nothing from it.
        left = {key: move for key, move in away.items() if not until or any(history.follows(each, key) for each in until)}
        walk.others += [move for key, move in away.items() if key not in left]
        # Two people may have written down the same move on two branches: what follows either came after it.
        last = [key for key in left if not any(history.follows(other, key) for other in left)]
        if last:
            later = {key: each for key, each in mine.items() if any(history.follows(key, move) for move in last)}
            # A new shot of that name begins with the move, and does not have what came before it.
            mine = {**{key: replace(left[key], after=()) for key in last}, **later}
        names: tuple[str, ...] = ()
        came: dict[str, set[str]] = {}
        for move in _moves(mine.values()):
            if move.now == name and move.was is not None and move.id not in walk.seen:
                came.setdefault(move.was, set()).add(move.id)
        for was, moves in sorted(came.items()):
            walk.seen |= moves
            before, earlier = self._belonging(was, frozenset(moves), walk)
            mine, names = {**mine, **before}, (*names, *earlier, was)
        return mine, names

    def _family(self, *names: str | None) -> dict[str, LedgerEvent]:
        """The events of all files that moves connect with these."""
        found: dict[str, LedgerEvent] = {}
        seen: set[str] = set()
        waiting = [name for name in names if name is not None]
        while waiting:
            each = waiting.pop()
            if each in seen:
                continue
            seen.add(each)
            events = self._of_file(each)
            found.update((event.id, event) for event in events)
            for move in _moves(events):
                waiting += [other for other in (move.was, move.now) if other is not None]
        return found

    def _departures(self, was: str, now: str, history: History) -> list[Decision]:
        """The moves by which a shot left a name for another one and did not come back, as the ledger of the old name has
        them: that of the new one may be a file that somebody forgot to add to Git."""
        moves = _moves(self._of_file(was))
        back = [move.id for move in moves if move.now == was]
        return [
            move
            for move in moves
            if (move.was, move.now) == (was, now) and not any(history.follows(each, move.id) for each in back)
        ]

    def _of_file(self, name: str) -> tuple[LedgerEvent, ...]:
        if name not in self._events:
            text = self._read(ledger_file(name)) if self._may_be(name) else None
            self._events[name] = () if text is None else read_events(name, text)
            self._any_moved |= any(_moves(self._events[name]))
        return self._events[name]

    def _may_be(self, name: str) -> bool:
        """Whether a ledger is worth being opened: a new season has none, and one look at their folder tells it of all."""
        if self._there is None:
            try:
                self._there = {entry.casefold() for entry in os.listdir(self._inside(FOLDER))}
            except FileNotFoundError:
                self._there = set()
            except OSError:
                return True  # whoever opens it says what is wrong
        return f"{name}{SUFFIX}".casefold() in self._there

    # --- writing ------------------------------------------------------------------------------------------------------

    def _append(
        self, shot: str, line: Callable[[ShotState], str | None], lost: str, hint: str, *, settled: bool = True
    ) -> None:
        """line: what to write, as the ledger stands when nobody else may write it; None = nothing. Errors: GateError where
        the environment says frozen."""
        refuse_frozen(f"{ledger_file(shot)} would be written")
        try:
            with files.locked(self._locks / f"ledger-{shot}.lock"):
                self._forget(shot)
                text = line(self.of(shot))
                if text is not None:
                    path = self._inside(ledger_file(shot))
                    files.append_line(path, text, settled=settled)
                    if not settled:
                        self._unsettled.append(path)
                    self.wrote[ledger_file(shot)] = stamp_of(path)
                self._forget(shot)
        except OSError as error:
            raise StoreError(f"{ledger_file(shot)} cannot be written, so {lost}", cause=str(error), hint=hint) from error

    def _move_line(self, file: str, was: str, now: str, _: ShotState) -> str | None:
        """The line of a move for one of the two ledgers; None when that has it."""
        walk = _Walk(History(self._family(now, was).values()))
        here, _names = self._belonging(now, frozenset(), walk)
        known = [move for move in _moves(here.values()) if (move.was, move.now) == (was, now)]
        known = known or self._departures(was, now, walk.history)
        if known and any(event.id == known[0].id for event in self._of_file(file)):
            return None
        fresh = Decision(
            id="", after=self.of(now).heads, kind=MOVE, by=NOBODY, was=was, now=now, at=clock(), location=self._shots[now]
        )
        return decision_line(known[0] if known else fresh)

    def _forget(self, shot: str) -> None:
        """What others may have written since is read again; a shot that moved has its history in several files."""
        self._events.pop(shot, None)
        if self._there is not None:
            self._there.add(f"{shot}{SUFFIX}".casefold())
        if self._moved or self._any_moved:
            self._states.clear()
        else:
            self._states.pop(shot, None)


def clock() -> str:
    """The time of an event: UTC, ISO 8601."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def next_number(state: ShotState) -> int:
    return max((take.number for take in state.takes), default=0) + 1


def result_of(take: Take) -> ActionResult:
    """What the action that made a take gave, as its ledger has it."""
    row = whole(take)
    return ActionResult(
        outputs=((take.output, take.video),),
        milliseconds=row.milliseconds,
        price=price_of(row.cost.estimated) or FREE,
        operation=operation_of(row.operation),
        pin=None if row.pin.answered is None else pin_of(row.pin.answered),
        charged=price_of(row.cost.charged),
        record=take.record,
    )


def _decided(decision: Decision, now: ShotState) -> str:
    return decision_line(replace(decision, after=now.heads))


def _line(done: Done, state: ShotState, streams: tuple[Fields, ...]) -> str:
    asking, result = done.step.asking, done.result
    assert asking is not None, "only takes are entered"
    inputs = {name: digest.sha256 for name, digest in done.action.inputs}
    continues = None if done.wanted.continues is None else done.wanted.continues.sha256
    return take_line(
        after=state.heads,
        at=clock(),
        number=asking.number if all(take.number != asking.number for take in state.takes) else next_number(state),
        ordinal=asking.ordinal,
        first_seed=asking.first_seed,
        asked=asked_for(done.wanted),
        action=done.key,
        recipe=done.action.recipe,
        inputs=inputs,
        continues=continues,
        output=result.outputs[0][0],
        video=result.outputs[0][1],
        streams=streams,
        record=result.record,
        milliseconds=result.milliseconds,
        estimated=result.price,
        charged=result.charged,
        answered=result.pin,
        operation=result.operation,
        instead=asking.instead,
    )


def _knows(state: ShotState, done: Done, video: Digest) -> bool:
    same = [take for take in state.takes if take.video == video]
    if any(take.action == done.key for take in same):
        return True
    asking = done.step.asking
    return asking is not None and any(_answers(take, asked_for(done.wanted), asking.ordinal) for take in same)


def _answers(take: Take, asked: str, ordinal: int) -> bool:
    """Whether a take is what was asked for in these words. asked: empty when that is not known."""
    return bool(asked) and take.asked == asked and take.ordinal == ordinal


def asked_for(wanted: Wanted) -> str:
    """The digest of what a generating step asks for, now that all it reads is known."""
    assert wanted.step.asking is not None, "only takes are asked for"
    inputs = {name: digest.sha256 for name, digest in wanted.action.inputs}
    continues = None if wanted.continues is None else wanted.continues.sha256
    return asked_of(wanted.action.recipe, wanted.step.asking.first_seed, inputs, continues)


def _moves(events: Iterable[LedgerEvent]) -> list[Decision]:
    return [event for event in events if isinstance(event, Decision) and event.kind == MOVE]
