"""Time that passes when nothing else can, and a service that lives in it: hours of lanes and polls in milliseconds.

`Simulated` is the service and its adapter in one, without HTTP; `Desk` is where the engine buys from it, with the real
journal; calls run inline, so a run is a function of its seed.
"""

import json
import random
import sqlite3
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from shotbuild.digest import of_text
from shotbuild.engine.events import Event
from shotbuild.engine.journal import Cap, Journal
from shotbuild.engine.lanes import LaneRules
from shotbuild.engine.operations import Bought, Claimed, Counter, Operations, Purchase
from shotbuild.engine.saved import saved
from shotbuild.engine.terms import Terms
from shotbuild.errors import FateUnknown, Location, ProviderError, ProviderUnavailable, RateLimited, VendorFault
from shotbuild.host.wire import Part, Payment, Reply
from shotbuild.plan.bind import Wanted
from shotbuild.providers.interface import Address, Doubt, Finds, Model, Objection, Request, State, Status, Wish
from shotbuild.purchasing import record_of
from shotbuild.records import (
    FREE,
    Action,
    ActionResult,
    Answer,
    Fields,
    Format,
    Operation,
    Pin,
    Price,
    Recipe,
    Step,
    fields,
)
from shotbuild.units import Money, Size

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
FORMAT = Format(size=Size(64, 64), rate=Fraction(24), color="bt709", pixels="yuv420p")
TAKE = b"a take"


class VirtualClock:
    """engine.clock.Clock. Time stands still while a call runs, and jumps to the next due moment when none does."""

    def __init__(self) -> None:
        self._now = 0.0

    def now(self) -> float:
        return self._now

    def wait(self, ended: "SimpleQueue[Future[Any]]", until: float | None, *, running: bool) -> "Future[Any] | None":
        try:
            return ended.get(block=running, timeout=60)
        except Empty:
            assert not running, "a call takes longer than a minute of real time"
        assert until is not None, "nothing runs and nothing is due: the engine would wait for ever"
        self._now = max(self._now, until)
        return None

    def stamp(self, seconds: float = 0) -> str:
        """As `engine.journal.now`."""
        return (BEGIN + timedelta(seconds=self._now + seconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Inline(Executor):
    """Runs each call at once, in the thread that asks for it."""

    def submit(self, call: Callable[..., Any], /, *arguments: Any, **named: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        try:
            future.set_result(call(*arguments, **named))
        except BaseException as error:
            future.set_exception(error)
        return future


# --- the service --------------------------------------------------------------------------------------------------------


class Unreachable(ProviderUnavailable):
    """No connection came about: nothing left."""


class AnswerLost(ProviderUnavailable):
    """accepted: whether the service took it before the line broke."""

    def __init__(self, *, accepted: bool = True) -> None:
        super().__init__("the answer was lost")
        self.accepted = accepted


@dataclass(slots=True)
class Made:
    """What the service accepted. began, ends: virtual seconds; polls, fetches: how often it was asked for it."""

    id: str
    client: str
    shot: str
    began: float
    ends: float
    polls: int = 0
    fetches: int = 0
    over: bool = False


def _nothing(*_: object) -> None:
    return None


@dataclass(eq=False)
class Simulated:
    """A Service and what stands behind it.

    lasts: seconds of one take; limit: how many it works on at once before it refuses; charges: for each, None = it does not
    say; steps: how often its progress changes.
    on_submit: (request's body, which submit) → what goes wrong, None = nothing; on_poll: (made, which poll of it) → a Status
    or an error in place of how it really stands; on_fetch: (made, which fetch) → an error; answered: id → the Operation that
    the adapter gives. Counts: `paid` operations that were accepted, `calls` by kind, `starts`: when each submit came.
    """

    clock: VirtualClock
    name: str = "simulated"
    lasts: Callable[[], float] = lambda: 10.0
    limit: int | None = None
    steps: int = 10
    pace: float = 1.0
    finds: Finds = Finds.BY_ID
    charges: Price | None = None
    on_submit: Callable[[Mapping[str, Any], int], BaseException | None] = _nothing
    on_poll: Callable[[Made, int], Status | BaseException | None] = _nothing
    on_find: Callable[[int], BaseException | None] = _nothing
    on_fetch: Callable[[Made, int], BaseException | None] = _nothing
    on_cancel: Callable[[Made], bool] = lambda made: True
    answered: Callable[[str], Any] | None = None
    before_pay: Callable[[], None] = lambda: None
    address: str = "https://simulated.example"
    variable: str = "SIMULATED_URL"
    origins: tuple[str, ...] = ()
    keys: tuple[tuple[str, ...], ...] = ()
    variables: tuple[str, ...] = ()
    made: dict[str, Made] = field(default_factory=dict)
    going: set[str] = field(default_factory=set)
    starts: list[float] = field(default_factory=list)
    calls: dict[str, int] = field(default_factory=dict)
    most: int = 0
    full: int = 0

    models: Mapping[str, Model] = field(
        default_factory=lambda: {"m1": Model(name="m1", version="1", fields={}, roles=(), seconds=60)}
    )

    @property
    def paid(self) -> int:
        return len(self.made)

    # --- as an adapter ---

    def price(self, model: str, request: Fields) -> Price:
        return FREE

    def has_sound(self, model: str, settings: Fields) -> bool:
        return False

    def objections(self, model: str, wish: Wish) -> tuple[Objection, ...]:
        return ()

    def headers(self, keys: Mapping[str, str], now: float) -> Mapping[str, str]:
        return {}

    def fault(self, reply: Reply) -> ProviderError | None:
        return None

    def submit(self, request: Request, http: Any) -> Any:
        self.before_pay()
        reply = http.pay("/made", {"client": request.client, "shot": request.shot, "prompt": request.prompt})
        if self.answered is not None:
            return self.answered(reply.json.text("id"))
        return Operation(provider=self.name, id=reply.json.text("id"), submitted=self.clock.stamp())

    def poll(self, operation: Operation, http: Any) -> Status:
        made = self.made[operation.id]
        made.polls += 1
        self._count("poll")
        said = self.on_poll(made, made.polls)
        if isinstance(said, BaseException):
            raise said
        status = said or self._status(made)
        if status.state not in (State.QUEUED, State.RUNNING):
            made.over = True
            self.going.discard(made.id)
        http.last = json.dumps({"id": made.id, "status": status.word})
        return status

    def locate(self, operation: Operation, http: Any) -> Address:
        self._count("locate")
        return Address(url=f"https://cdn.example/{operation.id}")

    def cancel(self, operation: Operation, http: Any) -> bool:
        self._count("cancel")
        made = self.made[operation.id]
        if self.on_cancel(made):
            made.over = True
            self.going.discard(made.id)
            return True
        return False

    def find(self, doubt: Doubt, http: Any) -> Operation | None:
        self._count("find")
        error = self.on_find(self.calls["find"])
        if error is not None:
            raise error
        found = next((made for made in self.made.values() if made.client == doubt.request.client), None)
        return None if found is None else Operation(provider=self.name, id=found.id, submitted=self.clock.stamp())

    # --- as the service ---

    def arrived(self, body: Mapping[str, Any]) -> str:
        """A paid call came in: the id of what was accepted."""
        self._count("submit")
        self._let_go()
        now = self.clock.now()
        self.starts.append(now)
        error = self.on_submit(body, self.calls["submit"])
        if error is not None and not (isinstance(error, AnswerLost) and error.accepted):
            raise error
        if self.limit is not None and len(self.going) >= self.limit:
            self.full += 1
            raise RateLimited("too many at once")
        made = Made(f"made-{len(self.made) + 1}", body["client"], body["shot"], now, now + self.lasts())
        self.made[made.id] = made
        self.going.add(made.id)
        self.most = max(self.most, len(self.going))
        if error is not None:
            raise error
        return made.id

    def handed(self, url: str) -> bytes:
        made = self.made[url.rpartition("/")[2]]
        made.fetches += 1
        self._count("fetch")
        error = self.on_fetch(made, made.fetches)
        if error is not None:
            raise error
        return TAKE

    def _status(self, made: Made) -> Status:
        now = self.clock.now()
        if now >= made.ends:
            return Status(state=State.DONE, word="done", charged=self.charges)
        percent = int(self.steps * (now - made.began) / (made.ends - made.began)) * 100 // self.steps
        return Status(state=State.RUNNING, word="running", progress=percent)

    def _let_go(self) -> None:
        now = self.clock.now()
        self.going = {each for each in self.going if self.made[each].ends > now}

    def _count(self, what: str) -> None:
        self.calls[what] = self.calls.get(what, 0) + 1


class VirtualLine:
    """engine.operations.Line, to a Simulated service. Told apart as `host.network` does."""

    def __init__(self, service: Any, before: Callable[[str], None] | None) -> None:
        self._service, self._before = service, before
        self.known: Mapping[str, str] = {}
        self.payment = Payment.NONE
        self.last = ""

    @property
    def unsent(self) -> bool:
        return self.payment is Payment.UNSENT

    @property
    def refused(self) -> bool:
        return self.payment is Payment.REFUSED

    def send(
        self,
        method: str,
        url: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        form: tuple[tuple[str, Part], ...] = (),
        raw: Path | None = None,
        bare: bool = False,
        allow: tuple[int, ...] = (),
    ) -> Reply:
        raise NotImplementedError("the simulated service is asked without HTTP")

    def get(self, url: str, query: Mapping[str, str] | None = None, *, allow: tuple[int, ...] = ()) -> Reply:
        raise NotImplementedError("the simulated service is asked without HTTP")

    def pay(
        self,
        url: str,
        body: Mapping[str, Any],
        *,
        method: str = "POST",
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        if self._before is None or self.payment is not Payment.NONE:
            raise RuntimeError("an adapter pays once, and in submit")
        self._before(json.dumps({"method": method, "url": url, "body": dict(body)}))
        self.payment = Payment.UNKNOWN
        try:
            id_ = self._service.arrived(body)
        except Unreachable:
            self.payment = Payment.UNSENT
            raise
        except ProviderUnavailable as error:
            raise FateUnknown("it may have arrived", cause=error.message) from error
        except ProviderError as error:
            self.payment, self.last = Payment.REFUSED, error.message
            raise
        self.payment, self.last = Payment.ACCEPTED, json.dumps({"id": id_})
        return Reply(status=200, headers={}, content=self.last.encode())

    def fetch(self, url: str, into: Path, *, bare: bool, stop: Callable[[], bool]) -> object:
        into.write_bytes(self._service.handed(url))
        return None


class Unsynced(Journal):
    """The same file, written when the system has time."""

    def _prepare(self, database: sqlite3.Connection) -> None:
        super()._prepare(database)
        database.execute("PRAGMA synchronous = OFF")


class InMemory(Journal):
    """The same tables, without a disk."""

    def _database(self) -> sqlite3.Connection:
        if self._opened is None:
            self._path.touch()
            self._opened = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
            self._prepare(self._opened)
        return self._opened


# --- where it is bought -------------------------------------------------------------------------------------------------


class _Lock:
    def __init__(self, held: set[str], key: str) -> None:
        self._held, self._key = held, key
        held.add(key)

    def release(self) -> None:
        self._held.discard(self._key)


def wanted(name: str, prompt: str = "") -> Wanted:
    """One take of a shot, bound. The same prompt asks for the same thing."""
    step = Step(
        name=f"{name}/t1",
        recipe=Recipe(
            stage="generate",
            version=1,
            pins=(Pin(provider="simulated", model="m1", version="1"),),
            parameters=fields(prompt=prompt or name, frames=48, rate="24"),
        ),
        inputs=(),
        outputs=("take.mp4",),
        shots=(name,),
        use="simulated",
        location=Location(file="specs/shots.yaml", line=1, column=1),
    )
    action = Action(recipe=step.recipe, inputs=(), outputs=step.outputs)
    return Wanted(step=step, action=action, key=of_text(prompt or name).sha256, continues=None)


@dataclass(eq=False)
class Desk:
    """One project's place to buy, over several builds. price: of each step, by its name; heard: every event; kept: what was
    made, by key."""

    folder: Path
    clock: VirtualClock
    seed: int = 0
    price: Callable[[str], Fraction] = lambda name: Fraction(1)
    caps: tuple[Cap, ...] = (Cap(of="the budget", limit=Money(Fraction(10**9), "USD")),)
    heard: list[Event] = field(default_factory=list)
    kept: dict[str, ActionResult] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)
    stopped: bool = False
    missing: bool = False
    claim: Callable[[Wanted], Claimed | None] | None = None
    open_journal: Callable[..., Journal] = Journal
    journal: Journal = field(init=False)
    ended: "SimpleQueue[Future[Any]]" = field(init=False)
    operations: Operations = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.journal = self.open_journal(self.folder / "journal.sqlite", self.clock.stamp)
        self.opened()

    def opened(self) -> "Desk":
        """A new build begins: nothing is remembered but the journal and the store."""
        self.chance = random.Random(self.seed)
        self.seed += 1
        self.ended = SimpleQueue()
        self.operations = Operations(self._counter(), self.ended, Inline())
        return self

    def begin(self, service: Any, want: Wanted, **terms: Any) -> Purchase:
        model, at_once, per_minute = (terms.pop(name, None) for name in ("model", "at_once", "per_minute"))
        rules = LaneRules(provider=service.name, model=model or "m1", at_once=at_once, per_minute=per_minute)
        return self.operations.begin(want, Terms(service=service, rules=rules, **terms))

    def places(self, service: Any, model: str = "m1") -> int:
        """How many places of a lane are taken now."""
        lane = self.operations._lanes._lanes.get((service.name, model))
        return 0 if lane is None else lane.going

    def turn(self) -> list[Bought]:
        """As `engine.build` does it: waits once, goes on with everybody, and keeps what ended."""
        future = self.clock.wait(self.ended, self.operations.due(), running=self.operations.calling)
        while future is not None:
            self.operations.returned(future)
            future = None if self.ended.empty() else self.ended.get_nowait()
        ended = self.operations.turn()
        for bought in ended:
            self._settle(bought)
        return ended

    def finish(self, until: float = float("inf")) -> list[Bought]:
        """Turns until nothing is under way, or until a moment."""
        ended: list[Bought] = []
        while self.operations.open and self.clock.now() < until:
            ended += self.turn()
        return ended

    def buy(self, service: Any, *names: str, **terms: Any) -> list[Bought]:
        """One build that wants these takes, to its end."""
        self.opened()
        for name in names:
            self.begin(service, wanted(name), **terms)
        return self.finish()

    def _settle(self, bought: Bought) -> None:
        key = bought.purchase.wanted.key
        if bought.result is not None:
            self.kept[key] = bought.result
            entry = self.journal.open(key)
            if entry is not None and not bought.purchase.found:
                self.journal.done(entry.id)
        if bought.purchase.lock is not None:
            bought.purchase.lock.release()

    def _counter(self) -> Counter:
        return Counter(
            journal=self.journal,
            build=f"build-{self.seed}",
            caps=lambda: self.caps,
            connect=VirtualLine,
            request=self._request,
            described=self._request,
            verify=lambda action: None,
            receive=self._receive,
            bring=lambda want: None,
            lookup=lambda want: self.kept.get(want.key),
            present=lambda result: not self.missing,
            lock=lambda key: None if key in self.held else _Lock(self.held, key),
            claim=self.claim,
            price=lambda want, asked: Price(amount=self.price(want.step.shots[0]), currency="USD", exact=True),
            saved=saved,
            record=record_of,
            fetching=self.folder,
            clock=self.clock,
            stop=lambda: self.stopped,
            hear=self.heard.append,
            chance=self.chance,
        )

    def _request(self, action: Action, client: str) -> Request:
        prompt = action.recipe.parameters.text("prompt")
        return Request(
            project="film",
            shot=prompt,
            title="",
            take=1,
            prompt=prompt,
            seed=1,
            frames=48,
            format=FORMAT,
            references=(),
            settings=Fields(),
            recipe="0" * 64,
            model="m1",
            client=client,
        )

    def _receive(self, action: Action, path: Path, answer: Answer) -> ActionResult:
        return ActionResult(
            outputs=(("take.mp4", of_text(path.read_text())),),
            milliseconds=0,
            operation=answer.operation,
            charged=answer.charged,
        )


def failed(error: ProviderError | None = None) -> Status:
    return Status(state=State.FAILED, word="failed", fault=error or VendorFault("a node went down"))
