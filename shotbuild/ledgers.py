"""The ledgers of one project: read when asked, an event entered once, by one process at a time.

A shot that moved has its history in two files: the one of its old name, which nothing changes any more, and its own.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from shotbuild.digest import asked_of
from shotbuild.engine.build import Done
from shotbuild.errors import Location, SpecError, StoreError
from shotbuild.host import files
from shotbuild.plan.decisions import History, settle
from shotbuild.records import FREE, MOVE, ActionResult, Decision, Digest, Fields, LedgerEvent, Shot, ShotState, Step, Take
from shotbuild.spec.events import decision_line, operation_of, pin_answered, price_of, take_line, written
from shotbuild.spec.ledger import check_whole, ledger_file, read_events

RETRY = "make it writable and say it again"
NOBODY = "shotbuild"
"""Who writes that a shot moved: the spec says so, whoever builds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """What belongs to a shot. events: of all its names; formerly: those names, the first one first."""

    events: tuple[LedgerEvent, ...]
    formerly: tuple[str, ...]


class Ledgers:
    """read: a text file of the project, None when there is none; inside: a path of the project; locks: folder of lock
    files; has: are these bytes in the store; streams: what is in a take, as rows; warn: told of what is doubtful."""

    def __init__(
        self,
        read: Callable[[str], str | None],
        inside: Callable[[str], Path],
        locks: Path,
        has: Callable[[Digest], bool],
        streams: Callable[[Digest], tuple[Fields, ...]],
        warn: Callable[[str], None],
    ) -> None:
        self._read, self._inside, self._locks, self._has, self._warn = read, inside, locks, has, warn
        self._streams = streams
        self._moved: dict[str, str] = {}
        self._shots: dict[str, Location] = {}
        self._events: dict[str, tuple[LedgerEvent, ...]] = {}
        self._states: dict[str, ShotState] = {}

    def follow(self, shots: Iterable[Shot]) -> None:
        """Told once, before the first question: the project's shots, of which some moved."""
        self._shots = {shot.name: shot.location for shot in shots}
        self._moved = {shot.name: shot.moved for shot in shots if shot.moved is not None}

    def of(self, shot: str) -> ShotState:
        """What a shot's ledger comes to. Errors: SpecErrors at damaged lines; SpecError for a move that cannot be."""
        if shot not in self._states:
            self._states[shot] = self._settled(shot)
            for kind in dict.fromkeys(event.kind for event in self._states[shot].unknown):
                self._warn(f"the ledger of {shot} has `{kind}` events, which this version of shotbuild does not know")
        return self._states[shot]

    def history(self, shot: str) -> History:
        """All events of a shot, and what follows what."""
        return History(self._chapter(shot).events)

    def recorded(self, step: Step, key: str) -> ActionResult | None:
        """The result of a step whose take is in a ledger and whose bytes are in the store. key: digest of its action."""
        for shot in step.shots:
            state = self.of(shot)
            for take in reversed(state.takes):
                if take.action == key and take.video.sha256 not in state.rejected and self._has(take.video):
                    return result_of(take)
        return None

    def enter(self, done: Done) -> None:
        """Appends a take's event, once: other builds and merges may have brought it already. Errors: StoreError."""
        shot, video = done.step.shots[0], done.result.outputs[0][1]
        state = self.of(shot)
        if _knows(state, done.key, video):
            return
        if any(take.action == done.key for take in state.takes):
            self._warn(f"{done.step.name} came out with other bytes than the take that {ledger_file(shot)} has of it")
        self._append(
            shot,
            lambda now: None if _knows(now, done.key, video) else _line(done, now, self._streams(video)),
            f"{done.step.name} is not in it",
            "make it writable and build again: the take is kept, and is entered then",
        )

    def decide(self, shot: str, decision: Decision) -> None:
        """Appends a decision; what it follows is found out here. Errors: StoreError."""
        self._append(
            shot,
            lambda now: decision_line(replace(decision, after=now.heads)),
            f"`{decision.kind}` was not recorded",
            RETRY,
        )

    def import_take(self, shot: str, line: Callable[[ShotState], str | None]) -> None:
        """Appends the event of a take that was made elsewhere. line: of its event, as the ledger stands then."""
        self._append(shot, line, "the take is not in it", "make it writable and import again")

    def enter_moves(self) -> None:
        """Writes for each shot that moved that it did, into both ledgers, once. Errors: StoreError."""
        for now, was in self._moved.items():
            if not self._of_file(was):
                continue
            heads, here = self.of(now).heads, self._shots[now]
            move = self._recorded_move(was, now) or Decision(
                id="", after=heads, kind=MOVE, by=NOBODY, was=was, now=now, at=clock(), location=here
            )
            # The new ledger first: what it says is enough, should we be killed before the other one.
            for shot in (now, was):
                self._append(shot, partial(self._unless_there, shot, move), f"that {was} is {now} now is not in it", RETRY)

    # --- reading ------------------------------------------------------------------------------------------------------

    def _settled(self, shot: str) -> ShotState:
        chapter = self._chapter(shot)
        check_whole(shot, chapter.events)
        state = settle(chapter.events, chapter.formerly)
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
        moved = self._moved.get(shot)
        if moved is None and not any(_moves(self._of_file(shot))):
            return Chapter(events=self._of_file(shot), formerly=())
        return self._joined(shot, moved)

    def _joined(self, shot: str, moved: str | None) -> Chapter:
        events, names = self._belonging(shot, None)
        if moved is not None and moved not in names:
            if moved in self._shots:
                raise SpecError(
                    f"shot {shot!r} moved from {moved!r}, which is a shot as well",
                    location=self._shots[shot],
                    cause=f"{moved!r} stands at {self._shots[moved]}; a build has to record the move first",
                    hint=f"take {moved!r} out, run `shotbuild build`, then give the new shot that name",
                )
            more, earlier = self._belonging(moved, None)
            events, names = {**more, **events}, (*earlier, moved, *names)
        # People know its takes by the name that the shot has now.
        own = (replace(event, shot=shot) if isinstance(event, Take) else event for event in events.values())
        return Chapter(events=tuple(own), formerly=tuple(dict.fromkeys(names)))

    def _belonging(self, name: str, until: str | None) -> tuple[dict[str, LedgerEvent], tuple[str, ...]]:
        """The events that a shot had under a name, and the names before it, oldest first. until: the event with which it
        left that name; what follows that belongs to a later shot of the same name."""
        family = self._family(name)
        history = History(family.values())
        mine = {event.id: event for event in self._of_file(name)}
        if until is not None:
            mine = {key: each for key, each in mine.items() if key != until and not history.follows(key, until)}
        left = [move.id for move in _moves(mine.values()) if move.was == name]
        mine = {key: each for key, each in mine.items() if all(history.follows(key, move) for move in left)}
        names: tuple[str, ...] = ()
        for move in _moves(tuple(mine.values())):
            if move.now == name and move.was is not None:
                before, earlier = self._belonging(move.was, move.id)
                mine, names = {**before, **mine}, (*names, *earlier, move.was)
        return mine, names

    def _family(self, name: str) -> dict[str, LedgerEvent]:
        """The events of all files that moves connect with this one."""
        found: dict[str, LedgerEvent] = {}
        seen: set[str] = set()
        waiting = [name]
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

    def _recorded_move(self, was: str, now: str) -> Decision | None:
        return next((move for move in _moves(self._of_file(now)) if move.was == was and move.now == now), None)

    def _of_file(self, name: str) -> tuple[LedgerEvent, ...]:
        if name not in self._events:
            text = self._read(ledger_file(name))
            self._events[name] = () if text is None else read_events(name, text)
        return self._events[name]

    # --- writing ------------------------------------------------------------------------------------------------------

    def _append(self, shot: str, line: Callable[[ShotState], str | None], lost: str, hint: str) -> None:
        """line: what to write, as the ledger stands when nobody else may write it; None = nothing."""
        try:
            with files.locked(self._locks / f"ledger-{shot}.lock"):
                self._forget(shot)
                text = line(self.of(shot))
                if text is not None:
                    files.append_line(self._inside(ledger_file(shot)), text)
                self._forget(shot)
        except OSError as error:
            raise StoreError(f"{ledger_file(shot)} cannot be written, so {lost}", cause=str(error), hint=hint) from error

    def _unless_there(self, shot: str, move: Decision, _: ShotState) -> str | None:
        there = any((each.was, each.now) == (move.was, move.now) for each in _moves(self._of_file(shot)))
        return None if there else decision_line(move)

    def _forget(self, shot: str) -> None:
        """What others may have written since is read again; a shot that moved has its history in several files."""
        self._events.pop(shot, None)
        self._states.clear()


def clock() -> str:
    """The time of an event: UTC, ISO 8601."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def next_number(state: ShotState) -> int:
    return max((take.number for take in state.takes), default=0) + 1


def result_of(take: Take) -> ActionResult:
    """What the action that made a take gave, as its ledger has it."""
    event = written(take)
    return ActionResult(
        outputs=((take.output, take.video),),
        milliseconds=event["milliseconds"],
        price=price_of(event["cost"]["estimated"]) or FREE,
        operation=operation_of(take),
        pin=pin_answered(take),
        charged=price_of(event["cost"]["charged"]),
        record=take.record,
    )


def _line(done: Done, state: ShotState, streams: tuple[Fields, ...]) -> str:
    asking, result = done.step.asking, done.result
    assert asking is not None, "only takes are entered"
    inputs = {name: digest.sha256 for name, digest in done.action.inputs}
    continues = None if done.continues is None else done.continues.sha256
    return take_line(
        after=state.heads,
        at=clock(),
        number=next_number(state),
        ordinal=asking.ordinal,
        first_seed=asking.first_seed,
        asked=asked_of(done.action.recipe, asking.first_seed, inputs, continues),
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
    )


def _knows(state: ShotState, key: str, video: Digest) -> bool:
    return any(take.action == key and take.video == video for take in state.takes)


def _moves(events: Iterable[LedgerEvent]) -> list[Decision]:
    return [event for event in events if isinstance(event, Decision) and event.kind == MOVE]
