"""What is asked of services, from the first look to the take in the store: one loop for thousands, no thread that waits.

Each paid step has a *course*: a generator that says what it needs next, and is gone on with when it has that: a call made in
a thread (`Do`), time that passes (`Pause`), or a place in its lane (`Entrance`). What happened before is read from the
journal, never remembered: a course that begins after a kill goes on where the last one stood.

The one rule: `submit` runs only where no attempt is open, and what may have left is never sent again by itself.
"""

import heapq
import json
import random
import time
import uuid
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from copy import copy
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any, NoReturn, Protocol, TypeAlias

from shotbuild.engine.clock import Clock
from shotbuild.engine.events import Event, Found, Held, Polled, Stalled, Started, Waiting, Warned
from shotbuild.engine.journal import Cap, Entry, Full, Intent, Journal, Phase
from shotbuild.engine.lanes import Lane, Lanes
from shotbuild.engine.terms import Terms, barred
from shotbuild.errors import (
    AddressExpired,
    BadTake,
    Cancelled,
    DailyCap,
    FateUnknown,
    KeyRefused,
    MediaError,
    Moderated,
    NeedsPerson,
    OutOfFunds,
    PinGone,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    RateLimited,
    ShotbuildError,
    StoreError,
    TakenBack,
    VendorFault,
)
from shotbuild.host.wire import Http
from shotbuild.plan.bind import Wanted
from shotbuild.providers.interface import Doubt, Finds, Request, Service, State, Status, is_hosted
from shotbuild.records import Action, ActionResult, Answer, Operation, Price

LOOK_AGAIN, LOOK_ELSEWHERE = 0.5, 15.0
"""Seconds between looks at what another build makes: here, and on another machine."""
FIND_PAUSES = (1.0, 4.0, 15.0)
"""Seconds before each look-up of a lost submit: services list what they accepted with some delay."""
BACK_OFF, LONGEST_BACK_OFF = 2.0, 60.0
SUBMIT_TRIES, FETCH_TRIES, BAD_TRIES = 6, 8, 3
LOST_IN_A_ROW = 3
WRITE_TRIES, WRITE_PAUSE = 4, 0.5
ENDED = (State.DONE, State.FAILED, State.CANCELLED)
KINDS = (Moderated, PinGone, KeyRefused, OutOfFunds, ProviderRefused, DailyCap, RateLimited, BadTake, VendorFault)
"""The most particular first."""
THREADS = 32


class Line(Http, Protocol):
    """A connection to a service for one operation: what an adapter may call, and what the engine reads of it."""

    last: str

    @property
    def unsent(self) -> bool:
        """The paid call was about to be made, and never left."""
        ...

    @property
    def refused(self) -> bool:
        """The paid call arrived, and the service said no."""
        ...

    def fetch(self, url: str, into: Path, *, bare: bool, stop: Callable[[], bool]) -> object:
        """An output into a file. Errors: AddressExpired, BadTake, ProviderUnavailable, Cancelled."""
        ...


class Claimed(Protocol):
    """What another machine asks for. by: what people call it; left: it asked, and is not building any more; until: seconds
    since 1970, when it lets go unless it says so again."""

    @property
    def by(self) -> str: ...

    @property
    def left(self) -> bool: ...

    @property
    def until(self) -> float: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """What the engine needs in order to buy. connect: a line to a service, told before something is paid for; request: what
    an action asks, under a client id; described: the same for a record, whether its files are here or not; verify: reads
    what an action is made from, Errors: BytesLost; receive: a fetched file → its result, checked and in the store;
    lookup: what somebody else made meanwhile; present: are the bytes of a result here; lock: takes an action's lock, None
    = another build has it; claim: the same among machines that share a store, which gives None when it is ours; saved: a
    step as text; record: all that is known of a finished operation, as text, with what the service said of where its output
    lies; fetching: the folder of outputs under way; stop: was the build stopped; chance: for jitter and ids."""

    journal: Journal
    build: str
    caps: Callable[[], Sequence[Cap]]
    connect: Callable[[Service, Callable[[str], None] | None], Line]
    request: Callable[[Action, str], Request]
    described: Callable[[Action, str], Request]
    verify: Callable[[Action], None]
    receive: Callable[[Action, Path, Answer], ActionResult]
    bring: Callable[[Wanted], None]
    lookup: Callable[[Wanted], ActionResult | None]
    present: Callable[[ActionResult], bool]
    lock: Callable[[str], Any]
    price: Callable[[Wanted, Request], Price]
    saved: Callable[[Wanted], str]
    record: Callable[[Entry, Request, str], str]
    fetching: Path
    clock: Clock
    stop: Callable[[], bool]
    hear: Callable[[Event], None]
    claim: Callable[[Wanted], Claimed | None] | None = None
    chance: random.Random = field(default_factory=random.Random)


class Do:
    """Runs in a thread; its value or its error comes back."""

    __slots__ = ("call",)

    def __init__(self, call: Callable[..., Any], *arguments: Any) -> None:
        self.call = partial(call, *arguments)


@dataclass(frozen=True, slots=True)
class Pause:
    seconds: float


@dataclass(frozen=True, slots=True)
class Entrance:
    """A place in the lane. again: it was in before."""

    again: bool


Course: TypeAlias = Generator[Do | Pause | Entrance, Any, ActionResult]


@dataclass(slots=True, eq=False)
class Purchase:
    """A step on its way. inside: it has a place in its lane; left: when its submit left, None = it did not; lock: on its
    action; found: the result was made by others."""

    wanted: Wanted
    terms: Terms
    course: Course | None = None
    inside: bool = False
    left: float | None = None
    lock: Any = None
    found: bool = False


@dataclass(frozen=True, slots=True)
class Bought:
    """How a purchase ended. result: None when it failed; under_way: the service may still be making it."""

    purchase: Purchase
    result: ActionResult | None
    error: BaseException | None
    under_way: bool = False


class StillRunning(Exception):
    """It was to be glanced at, and is not done."""


class Operations:
    """The purchases of one build. ended: where finished calls announce themselves, for whoever waits."""

    def __init__(self, counter: Counter, ended: "SimpleQueue[Future[Any]]", pool: Executor | None = None) -> None:
        self._counter, self._ended = counter, ended
        self._pool = pool or ThreadPoolExecutor(THREADS, thread_name_prefix="service")
        self._lanes: Lanes[Purchase] = Lanes()
        self._calls: dict[Future[Any], Purchase] = {}
        self._due: list[tuple[float, int, Purchase]] = []
        self._count = 0
        self._outcomes: list[Bought] = []
        self._open: set[Purchase] = set()

    def begin(self, wanted: Wanted, terms: Terms) -> Purchase:
        purchase = Purchase(wanted, terms)
        purchase.course = self._course(purchase)
        self._open.add(purchase)
        self._go(purchase, next)
        return purchase

    def due(self) -> float | None:
        """When there is something to do, as far as time decides that. None = only a call that ends brings work."""
        if self._outcomes:
            return self._counter.clock.now()
        times = [self._due[0][0]] if self._due else []
        opens = self._lanes.opens(self._counter.clock.now())
        return min(times if opens is None else [*times, opens], default=None)

    @property
    def open(self) -> bool:
        """Whether anything is on its way."""
        return bool(self._open or self._outcomes)

    @property
    def calling(self) -> bool:
        return bool(self._calls)

    def owns(self, future: "Future[Any]") -> bool:
        return future in self._calls

    def returned(self, future: "Future[Any]") -> None:
        """A call ended: its course goes on, unless everything was stopped meanwhile."""
        purchase = self._calls.pop(future)
        if purchase not in self._open:
            return
        error = future.exception()
        if error is not None:
            self._go(purchase, lambda course: course.throw(error))
        else:
            self._go(purchase, lambda course: course.send(future.result()))

    def turn(self) -> list[Bought]:
        """Goes on with everybody whose time has come; gives those who ended since the last turn."""
        now = self._counter.clock.now()
        while self._due and self._due[0][0] <= now:
            self._go(heapq.heappop(self._due)[2], lambda course: course.send(None))
        for _, purchase in list(self._lanes.admitted(now)):
            purchase.inside, purchase.left = True, None
            self._go(purchase, lambda course: course.send(None))
        outcomes, self._outcomes = self._outcomes, []
        return outcomes

    def stop(self) -> None:
        """Waits for the calls under way, so that what was accepted is written down; what runs elsewhere goes on there."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        for purchase in self._open:
            if purchase.lock is not None:
                purchase.lock.release()
        self._open.clear()
        self._outcomes.clear()
        self._due.clear()
        self._lanes = Lanes()

    # --- the loop -------------------------------------------------------------------------------------------------------

    def _go(self, purchase: Purchase, go_on: Callable[[Course], Any]) -> None:
        assert purchase.course is not None, "begin gives each purchase its course"
        try:
            need = go_on(purchase.course)
        except StopIteration as end:
            self._end(purchase, Bought(purchase, end.value, None))
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            self._end(purchase, Bought(purchase, None, error, self._under_way(purchase)))
        else:
            self._serve(purchase, need)

    def _under_way(self, purchase: Purchase) -> bool:
        try:
            return self._counter.journal.open(purchase.wanted.key) is not None
        except StoreError:
            return True  # nobody can say, so nothing else is asked for in its place

    def _serve(self, purchase: Purchase, need: Do | Pause | Entrance) -> None:
        now = self._counter.clock.now()
        match need:
            case Do():
                future = self._pool.submit(need.call)
                self._calls[future] = purchase
                future.add_done_callback(self._ended.put)
            case Pause(seconds=seconds):
                self._count += 1
                heapq.heappush(self._due, (now + seconds, self._count, purchase))
            case Entrance(again=again):
                terms = purchase.terms
                self._lanes.of(terms.rules).join(purchase, terms.priority, terms.sequence, first=again)

    def _end(self, purchase: Purchase, bought: Bought) -> None:
        self._leave(purchase)
        if purchase.lock is not None and bought.result is None:
            purchase.lock.release()
            purchase.lock = None
        self._open.discard(purchase)
        self._outcomes.append(bought)

    def _leave(self, purchase: Purchase) -> None:
        if purchase.inside:
            self._lane(purchase).leave(unused=purchase.left is None)
            purchase.inside = False

    def _lane(self, purchase: Purchase) -> Lane[Purchase]:
        return self._lanes.of(purchase.terms.rules)

    def _close(self, purchase: Purchase, error: ProviderError, *, service: bool) -> None:
        """Nobody else is let in: those who wait end with the same error."""
        for other in self._lanes.close(purchase.terms.rules, error, service=service):
            self._go(other, lambda course: course.throw(_because(error)))

    # --- the course of a purchase ---------------------------------------------------------------------------------------

    def _course(self, purchase: Purchase) -> Course:
        counter, wanted = self._counter, purchase.wanted
        made = yield from self._taken_up(purchase)
        if made is not None:
            purchase.found = True
            return made
        entry: Entry | None = yield Do(counter.journal.open, wanted.key)
        counter.hear(Started(step=wanted.step))
        if entry is not None and not purchase.inside:
            # What is under way waits for no entrance, and yet takes its place.
            self._lane(purchase).take()
            purchase.inside, purchase.left = True, counter.clock.now()
            counter.hear(Polled(step=wanted.step, word=f"goes on as {entry.name}", progress=entry.progress))
        while True:
            if entry is None:
                yield Do(self._refuse_again, purchase)
                entry = yield from self._asked(purchase)
            try:
                if entry.phase is Phase.INTENT:
                    entry = yield from self._looked_up(purchase, entry)
                if entry.phase is Phase.UNKNOWN:
                    raise unknown(entry)
                if entry.phase is Phase.FETCHED and entry.result is not None and counter.present(entry.result):
                    return entry.result
                made = yield from self._collected(purchase, entry)
                return made
            except VendorFault as error:
                attempts = yield Do(counter.journal.attempts, wanted.key)
                self._leave(purchase)
                _stop_if_taken_back(entry, (yield Do(counter.journal.entry, entry.id)))
                if sum(each.phase is Phase.FAILED for each in attempts) >= purchase.terms.attempts:
                    raise
                counter.hear(Warned(message=f"{wanted.step.name}: {error.message}; it is asked for once more"))
                entry = None

    def _taken_up(self, purchase: Purchase) -> Generator[Do | Pause | Entrance, Any, ActionResult | None]:
        """Until it is ours alone, with a place in the lane if it has to be asked for. Gives what others made meanwhile."""
        counter, wanted = self._counter, purchase.wanted
        yield Do(counter.bring, wanted)
        under_way, told, claim = (yield Do(counter.journal.open, wanted.key)) is not None, False, counter.claim
        while True:
            if not under_way and not purchase.inside:
                yield from self._entered(purchase)
            purchase.lock = counter.lock(wanted.key)
            result = counter.lookup(wanted)
            if result is not None or (purchase.lock is not None and claim is None):
                return result
            claimed: Claimed | None = None
            if purchase.lock is not None and claim is not None:
                claimed = yield Do(claim, wanted)
                if claimed is None or under_way:
                    # Who had it before may have been done just before it was ours.
                    return counter.lookup(wanted)
                purchase.lock.release()
                purchase.lock = None
            self._leave(purchase)
            if claimed is not None and claimed.left:
                raise left_elsewhere(wanted, claimed)
            if not told:
                counter.hear(Waiting(step=wanted.step, by=None if claimed is None else claimed.by))
                told = True
            yield Pause(LOOK_AGAIN if claimed is None else LOOK_ELSEWHERE)

    def _entered(self, purchase: Purchase, *, again: bool = False) -> Generator[Do | Pause | Entrance, Any, None]:
        """Waits for a place in the lane. Errors: what closed the lane."""
        lane = self._lane(purchase)
        if lane.closed is not None:
            raise _because(lane.closed)
        yield Entrance(again)

    def _refuse_again(self, purchase: Purchase) -> None:
        """Errors: why this is not asked for any more."""
        name, most = purchase.wanted.step.name, purchase.terms.attempts
        if most == 0:
            raise ProviderError(f"nothing of {name} is under way any more")
        error = barred(self._counter.journal, purchase.wanted.key, name, most, self._counter.present)
        if error is not None:
            raise error

    # --- asking ---------------------------------------------------------------------------------------------------------

    def _asked(self, purchase: Purchase) -> Generator[Do | Pause | Entrance, Any, Entry]:
        """Submits, once. A refusal for haste, and a service that could not be reached, cost nothing but time."""
        clock = self._counter.clock
        lane, tries, began = self._lane(purchase), 0, clock.now()
        while True:
            if not purchase.inside:
                yield from self._entered(purchase, again=tries > 0)
            if self._counter.stop():
                raise Cancelled("the build was stopped before anything was asked")
            tries += 1
            self._counter.caps()  # read here, where nobody else writes ledgers meanwhile
            try:
                entry = yield from self._once(purchase, lane)
            except FateUnknown:
                if purchase.left is not None and lane.doubted() >= LOST_IN_A_ROW:
                    # An outage must not make everything that is left a question to a person.
                    self._close(purchase, _outage(purchase.terms.service.name), service=False)
                open_ = yield Do(self._counter.journal.open, purchase.wanted.key)
                assert open_ is not None, "an intent stays open until its fate is known"
                return open_  # type: ignore[no-any-return]
            except Full:
                self._leave(purchase)
                lane.crowded(clock.now())
            except RateLimited as error:
                self._leave(purchase)
                self._held(purchase, error, began)
            except (OutOfFunds, KeyRefused, PinGone) as error:
                self._leave(purchase)
                self._close(purchase, error, service=not isinstance(error, PinGone))
                raise
            except ProviderUnavailable:
                self._leave(purchase)
                if tries >= SUBMIT_TRIES:
                    raise
                yield self._silent(purchase, self._back_off(tries))
            else:
                lane.accepted(clock.now())
                return entry

    def _held(self, purchase: Purchase, error: RateLimited, began: float) -> None:
        """Too many, too fast: the lane waits. Errors: the same, when that would be for too long; it closes then."""
        now, lane = self._counter.clock.now(), self._lane(purchase)
        until = now if isinstance(error, DailyCap) else lane.hold(now, error.wait)
        if isinstance(error, DailyCap) or until - max(began, lane.taken) > purchase.terms.patience:
            self._close(purchase, error, service=False)
            raise error
        self._counter.hear(Held(step=purchase.wanted.step, seconds=until - now, why=error.message))

    def _once(self, purchase: Purchase, lane: Lane[Purchase]) -> Generator[Do | Pause | Entrance, Any, Entry]:
        """One submit, which counts for the lane's minute if it left. Errors: as `_submit`."""
        try:
            entry: Entry = yield Do(self._submit, purchase, lane)
            return entry
        finally:
            if purchase.left is not None:
                lane.started(purchase.left)

    def _submit(self, purchase: Purchase, lane: Lane[Purchase]) -> Entry:
        """In a thread: the intent, the call, and what came of it, each on the disk before the next. Errors: ProviderError
        when nothing was made; FateUnknown; LimitReached; Full."""
        counter, wanted, terms = self._counter, purchase.wanted, purchase.terms
        journal = counter.journal
        counter.verify(wanted.action)  # what is paid for is made from these bytes and no others
        request = counter.request(wanted.action, str(uuid.UUID(int=counter.chance.getrandbits(128), version=4)))
        numbers: list[int] = []

        def reserve(sent: str) -> None:
            if counter.stop():
                raise Cancelled("the build was stopped before anything was paid for")
            if lane.closed is not None:
                raise _because(lane.closed)  # while references went up
            numbers.append(self._reserved(self._intent(purchase, request, sent)))
            purchase.left = counter.clock.now()

        line = counter.connect(terms.service, reserve)
        try:
            operation = terms.service.submit(request, line)
            _check_operation(operation, terms.service, line)
        except BaseException as error:
            if not numbers:
                raise
            number, reason = numbers[0], _told(error)
            if line.unsent:
                journal.unsent(number, reason)
                raise
            if line.refused:
                journal.refused(number, _kind(error), reason, line.last)
                raise
            journal.doubtful(number, reason, line.last)
            if isinstance(error, FateUnknown):
                raise
            raise FateUnknown(f"{wanted.step.name} may have been accepted", cause=reason) from error
        if not numbers:
            raise RuntimeError(f"the adapter of {terms.service.name} submits without `http.pay`")
        self._written_down(numbers[0], operation, line.last)
        entry = journal.entry(numbers[0])
        assert entry is not None, "it was written a moment ago"
        return entry

    def _written_down(self, number: int, operation: Operation, answer: str) -> None:
        """The id of what was accepted. A full disk may have room again in a moment. Errors: StoreError that has the id."""
        for left in reversed(range(WRITE_TRIES)):
            try:
                self._counter.journal.submitted(number, operation, answer)
                return
            except StoreError as error:
                if not left:
                    raise StoreError(
                        f"op{number} was accepted as {operation.id}, and that could not be written down",
                        cause=error.cause,
                        hint=f"make room on the disk, then say `shotbuild recover adopt op{number} {operation.id}`",
                    ) from error
                time.sleep(WRITE_PAUSE)

    def _reserved(self, intent: Intent) -> int:
        """Writes an intent. What no build looks after, such as an operation that stalled and was left, takes nobody's place:
        it would be waited for without an end. Errors: LimitReached; Full."""
        journal, caps = self._counter.journal, self._counter.caps()
        try:
            return journal.reserve(intent, caps)
        except Full:
            alone = sum(self._is_alone(entry) for entry in journal.unfinished() if _shares_lane(entry, intent))
            if not alone or intent.at_once is None:
                raise
            return journal.reserve(replace(intent, at_once=intent.at_once + alone), caps)

    def _is_alone(self, entry: Entry) -> bool:
        """Whether no build, this one included, holds the lock of its action."""
        lock = self._counter.lock(entry.action)
        if lock is not None:
            lock.release()
        return lock is not None

    def _intent(self, purchase: Purchase, request: Request, sent: str) -> Intent:
        wanted, rules = purchase.wanted, purchase.terms.rules
        return Intent(
            action=wanted.key,
            wanted=self._counter.saved(wanted),
            step=wanted.step.name,
            shot=wanted.step.shots[0] if wanted.step.shots else "",
            sequences=purchase.terms.sequences,
            provider=rules.provider,
            model=rules.model,
            client=request.client,
            build=self._counter.build,
            sent=sent,
            price=self._counter.price(wanted, request),
            at_once=rules.at_once,
        )

    def _looked_up(self, purchase: Purchase, entry: Entry) -> Generator[Do | Pause | Entrance, Any, Entry]:
        """What became of a submit whose answer was lost, as far as the service can say."""
        journal, service = self._counter.journal, purchase.terms.service
        silence: ProviderError | None = None
        answered = False
        if service.finds is not Finds.NO:
            for pause in FIND_PAUSES:
                yield Pause(pause)
                try:
                    operation = yield Do(self._find, purchase, entry)
                except (ProviderUnavailable, RateLimited) as error:
                    silence = error
                    continue
                answered = True
                how = f"found again {service.finds.value}"
                if operation is not None and (yield Do(journal.found, entry.id, operation, entry.answer, how)):
                    self._counter.hear(Found(step=purchase.wanted.step, operation=operation.id))
                    return (yield Do(journal.entry, entry.id))  # type: ignore[no-any-return]
        if silence is not None and not answered:
            raise ProviderUnavailable(
                f"{service.name} does not say what became of {entry.name}",
                cause=_told(silence),
                hint="build again later: it is looked up once more, and not asked for twice",
            )
        looked = "its service has no way to look it up" if service.finds is Finds.NO else "its service shows nothing of it"
        reason = f"{entry.reason or 'the build ended while it was asked for'}; {looked}"
        return (yield from self._lost(service, entry, reason))

    def _lost(self, service: Service, entry: Entry, reason: str) -> Generator[Do | Pause | Entrance, Any, NoReturn]:
        """Nobody knows what became of it. Errors: FateUnknown; VendorFault where a server of one's own lost it, as when it
        was started anew: it costs time and no money, so it is asked for once more, under another id."""
        journal = self._counter.journal
        if is_hosted(service) and entry.owed.amount == 0:
            yield Do(journal.failed, entry.id, VendorFault.__name__, reason)
            raise VendorFault(f"{entry.name} was lost", cause=reason)
        yield Do(journal.unknown, entry.id, reason)
        raise unknown(replace(entry, phase=Phase.UNKNOWN, reason=reason))

    def _find(self, purchase: Purchase, entry: Entry) -> Operation | None:
        counter, service = self._counter, purchase.terms.service
        doubt = Doubt(
            request=counter.request(purchase.wanted.action, entry.client),
            sent=_sent(entry),
            since=entry.began,
            known=counter.journal.known(entry.provider),
        )
        return service.find(doubt, counter.connect(service, None))

    # --- waiting and fetching -------------------------------------------------------------------------------------------

    def _collected(self, purchase: Purchase, entry: Entry) -> Course:
        """Polls until it is done, fetches, keeps. Errors: VendorFault, Moderated, … as the service says; FateUnknown."""
        status, answer = yield from self._polled(purchase, entry)
        entry = replace(entry, answer=answer)
        counter, service = self._counter, purchase.terms.service
        path = counter.fetching / f"{entry.name}-{entry.client[:8]}.part"
        assert entry.operation is not None, "what was submitted has an id"
        bad, failures, expired = 0, 0, 0
        while True:
            try:
                result: ActionResult = yield Do(self._fetch, purchase, entry, status, path)
            except (BadTake, MediaError) as error:
                bad += 1
                if bad >= BAD_TRIES and isinstance(error, BadTake):
                    # What lies between may have sent it: the clip can be fine, and is fetched again at no cost.
                    raise BadTake(
                        f"what came as the output of {entry.name} is no clip",
                        cause=_told(error),
                        hint="build again: it is paid for, and is fetched again; if the service has no other, "
                        f"`shotbuild recover lost {entry.name}`",
                    ) from error
                if bad >= BAD_TRIES:
                    raise (yield Do(self._bad, entry, error, path)) from error
                yield Do(path.unlink, True)
                yield Pause(self._back_off(bad))
            except (ProviderUnavailable, RateLimited, VendorFault) as error:
                failures, expired = failures + 1, expired + isinstance(error, AddressExpired)
                if failures >= FETCH_TRIES:
                    raise ProviderUnavailable(
                        f"the output of {entry.name} cannot be fetched from {service.name} now",
                        cause=_told(error),
                        hint="build again: it is paid for, and goes on where it stands"
                        + (f"; if it is gone, `shotbuild recover lost {entry.name}`" if expired == failures else ""),
                    ) from error
                if expired != 1 or failures > 1:  # a first new address is worth a try at once
                    yield Pause(self._back_off(failures))
            else:
                return result

    def _polled(self, purchase: Purchase, entry: Entry) -> Generator[Do | Pause | Entrance, Any, tuple[Status, str]]:
        """Until it is done: how it stands then, and the service's own words for it."""
        counter, terms, journal = self._counter, purchase.terms, self._counter.journal
        clock, service = counter.clock, terms.service
        moved = heard = clock.now()
        seen, charged, failures, warned = (entry.word, entry.progress), entry.charged, 0, False
        while True:
            try:
                status, answer = yield Do(self._poll, purchase, entry)
            except KeyRefused as error:
                self._close(purchase, error, service=True)
                raise
            except (ProviderUnavailable, RateLimited, VendorFault) as error:
                # A question that failed says nothing of the operation, whatever the adapter calls it.
                failures += 1
                if terms.glance or clock.now() - heard > terms.patience:
                    raise ProviderUnavailable(
                        f"{service.name} has not said for {int(clock.now() - heard)} s how {entry.name} stands",
                        cause=_told(error),
                        hint="build again later: nothing is lost, and nothing is asked for twice",
                    ) from error
                asked = getattr(error, "wait", None) or 0
                yield self._silent(purchase, min(max(self._back_off(failures), asked), terms.patience))
                continue
            heard, failures = clock.now(), 0
            if status.charged is not None and status.state in ENDED and status.charged != charged:
                charged = status.charged
                yield Do(journal.charged, entry.id, charged)
            match status.state:
                case State.DONE:
                    return status, answer
                case State.FAILED:
                    yield from self._failed(purchase, entry, status)
                case State.CANCELLED:
                    # Whoever said so here has written it down; what the service does by itself is an attempt that failed.
                    yield Do(journal.failed, entry.id, TakenBack.__name__, f"{service.name} says that it was cancelled")
                    raise taken_back(entry)
                case State.GONE:
                    reason = f"{service.name} no longer knows {entry.operation and entry.operation.id}"
                    yield from self._lost(service, entry, reason)
            if (status.word, status.progress) != seen:
                seen, moved, warned = (status.word, status.progress), clock.now(), False
                yield Do(journal.polled, entry.id, status.word, status.progress, answer)
                counter.hear(Polled(step=purchase.wanted.step, word=status.word, progress=status.progress))
            if terms.glance:
                raise StillRunning
            if clock.now() - moved > terms.stall_after and not warned:
                warned = True
                yield from self._stalled(purchase, entry, clock.now() - moved)
            yield Pause(service.pace * counter.chance.uniform(1.0, 1.1))

    def _failed(self, purchase: Purchase, entry: Entry, status: Status) -> Generator[Do | Pause | Entrance, Any, NoReturn]:
        """The service took it and did not make it. Errors: why."""
        name = purchase.terms.service.name
        fault = status.fault or VendorFault(f"{name} failed to make it", cause=status.word)
        yield Do(self._counter.journal.failed, entry.id, _kind(fault), _told(fault))
        if isinstance(fault, OutOfFunds | KeyRefused | PinGone):
            self._close(purchase, fault, service=not isinstance(fault, PinGone))
        raise fault

    def _stalled(self, purchase: Purchase, entry: Entry, seconds: float) -> Generator[Do | Pause | Entrance, Any, None]:
        """It has not moved for too long. Errors: ProviderUnavailable when it is left alone, VendorFault when it was taken
        back and may be asked for again."""
        terms = purchase.terms
        self._counter.hear(Stalled(step=purchase.wanted.step, seconds=seconds))
        said = f"{entry.name} has not moved at {terms.service.name} for {int(seconds)} s"
        if terms.on_stall == "cancel":
            try:
                cancelled = yield Do(self._cancel, purchase, entry)
            except ProviderError:
                cancelled = False
            if cancelled:
                yield Do(self._counter.journal.failed, entry.id, "Stalled", f"{said}; it was cancelled")
                raise VendorFault(f"{said}, and was cancelled")
        if terms.on_stall != "wait":
            raise ProviderUnavailable(
                said,
                hint=f"build again later to look after it, `shotbuild jobs cancel {entry.name}` to give it up, or set "
                "`on_stall: cancel` for its provider",
            )

    def _cancel(self, purchase: Purchase, entry: Entry) -> bool:
        assert entry.operation is not None, "what was submitted has an id"
        service = purchase.terms.service
        return service.cancel(entry.operation, self._counter.connect(service, None))

    def _poll(self, purchase: Purchase, entry: Entry) -> tuple[Status, str]:
        assert entry.operation is not None, "what was submitted has an id"
        service = purchase.terms.service
        line = self._counter.connect(service, None)
        return service.poll(entry.operation, line), line.last

    def _fetch(self, purchase: Purchase, entry: Entry, status: Status, path: Path) -> ActionResult:
        """In a thread: the output, checked and in the store, and that written down."""
        counter, service = self._counter, purchase.terms.service
        assert entry.operation is not None, "what was submitted has an id"
        line = counter.connect(service, None)
        address = service.locate(entry.operation, line)
        located = line.last
        try:
            if address.content is None:
                line.fetch(address.url, path, bare=address.bare, stop=counter.stop)
            else:
                path.write_bytes(address.content)
        except OSError as error:
            raise StoreError(
                f"the output of {entry.name} cannot be written",
                cause=str(error),
                hint="free some space on the disk and build again: it is paid for, and goes on where it stands",
            ) from error
        request = counter.described(purchase.wanted.action, entry.client)
        record = counter.record(entry, request, located)
        said = Answer(operation=entry.operation, pin=status.pin, charged=status.charged, record=record)
        result = counter.receive(purchase.wanted.action, path, said)
        result = replace(result, price=entry.price, milliseconds=counter.journal.age(entry))
        counter.journal.fetched(entry.id, result, entry.answer)
        path.unlink(missing_ok=True)
        return result

    def _bad(self, entry: Entry, error: ShotbuildError, path: Path) -> BadTake:
        """What was handed over is no take, however often it is fetched. It was paid for, so it is kept for a look."""
        self._counter.journal.failed(entry.id, BadTake.__name__, _told(error))
        kept = path.with_suffix(".rejected")
        path.with_name(f"{path.name}.mark").unlink(missing_ok=True)  # what the network kept to go on with it
        if path.exists():
            path.replace(kept)
        return BadTake(
            f"what {entry.provider} made as {entry.name} is no take",
            cause=_told(error),
            hint=(f"look at .shotbuild/{kept.parent.name}/{kept.name}, then " if kept.exists() else "")
            + (
                f"change the shot, or say `shotbuild recover retry {entry.name}` to pay for another one"
                if entry.price.amount != 0
                else "change the shot or what makes it, and build again"
            ),
        )

    def _silent(self, purchase: Purchase, seconds: float) -> Pause:
        """Says that the service does not answer."""
        word = f"{purchase.terms.service.name} does not answer, again in {seconds:.0f} s"
        self._counter.hear(Polled(step=purchase.wanted.step, word=word, progress=None))
        return Pause(seconds)

    def _back_off(self, failures: int) -> float:
        most: float = min(LONGEST_BACK_OFF, BACK_OFF * 2 ** (failures - 1))
        return most * self._counter.chance.uniform(0.5, 1.0)


def left_elsewhere(wanted: Wanted, claimed: Claimed) -> NeedsPerson:
    until = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(claimed.until))
    return NeedsPerson(
        f"{wanted.step.name} was asked for on {claimed.by}, and what came of it is not in the shared store",
        location=wanted.step.location,
        cause=f"a build there ended before it was done, or could not share it; it is kept for that machine until {until}",
        hint="build on that machine once more; `--no-claim` asks for it here as well, and pays for it again",
    )


def unknown(entry: Entry) -> FateUnknown:
    """What a person is told of an operation whose fate nobody knows."""
    return FateUnknown(
        f"{entry.step} may be under way at {entry.provider} as {entry.name}, and may cost {_amount(entry.owed)}",
        cause=entry.reason or None,
        hint=f"look at the service's own page, then say `shotbuild recover adopt {entry.name} ID`, `shotbuild recover lost "
        f"{entry.name}` or `shotbuild recover retry {entry.name}`",
    )


def taken_back(entry: Entry) -> TakenBack:
    """What is told of an operation that was cancelled while a build waited for it."""
    return TakenBack(f"{entry.name} was cancelled at {entry.provider}", hint="build again to ask for it once more")


def _stop_if_taken_back(entry: Entry, now: Entry | None) -> None:
    """Errors: TakenBack when a person cancelled it meanwhile: that is no wish for another one."""
    if now is not None and now.phase is Phase.CANCELLED:
        raise taken_back(entry)


def _outage(service: str) -> ProviderUnavailable:
    return ProviderUnavailable(
        f"{LOST_IN_A_ROW} answers of {service} in a row were lost, so nothing more is asked of this model now",
        hint="build again when it is up; what may have been accepted, `shotbuild recover` shows",
    )


def _kind(error: BaseException) -> str:
    """The class of an error as the journal knows it: adapters of other packages may have classes of their own."""
    return next((known.__name__ for known in KINDS if isinstance(error, known)), type(error).__name__)


def _check_operation(operation: object, service: Service, line: Line) -> None:
    """What an adapter of somebody else's hands over has to name what was paid for. Errors: ProviderError."""
    if not isinstance(operation, Operation) or not operation.id:
        raise ProviderError(f"the adapter of {service.name} did not say what was accepted", cause=line.last[:300] or None)


def _shares_lane(entry: Entry, intent: Intent) -> bool:
    under_way = entry.phase in (Phase.INTENT, Phase.SUBMITTED)
    return under_way and (entry.provider, entry.model) == (intent.provider, intent.model)


def _amount(price: Price) -> str:
    return "an unknown amount" if price.amount is None else f"{float(price.amount):.2f} {price.currency}"


def _because(error: ProviderError) -> ProviderError:
    """The error that closed a lane, for another step that waited there."""
    return copy(error)


def _told(error: BaseException) -> str:
    if isinstance(error, ShotbuildError):
        return f"{error.message}: {error.cause}" if error.cause else error.message
    return f"{type(error).__name__}: {error}"


def _sent(entry: Entry) -> dict[str, object]:
    """The call that an intent froze."""
    said = json.loads(entry.sent)
    return said if isinstance(said, dict) else {}
