"""What a provider is: it is asked for one take and hands over one file. The engine owns everything else.

Two kinds. A `Local` provider makes the take on this machine, in one call. A `Service` works elsewhere, for money: an adapter
is a handful of functions from what is known to one HTTP call and back. It keeps nothing, waits for nothing and repeats
nothing: the engine writes down, polls, waits, tries again, fetches and pays.

    submit    request → Operation         uploads what it needs, then makes the one call that costs money (`http.pay`)
    poll      operation → Status          queued, running, done, failed, cancelled, gone
    locate    operation → Address         where the output lies now; asked again when an address expired
    cancel    operation → was it in time
    find      request → Operation | None  a submit whose answer was lost: by the id that we chose, or by listing
    fault     reply → ProviderError       which kind of no this is; None = it is no no

A provider of generators of one's own is `Hosted` besides, whichever of the two it is: what its models are is not known
beforehand. It is looked at, written into the lock, and held there.
"""

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from pathlib import Path
from typing import Protocol, TypeAlias, TypeGuard, runtime_checkable

from shotbuild.errors import ProviderError
from shotbuild.host.wire import Http, Reply
from shotbuild.host.workers import Workers
from shotbuild.records import Digest, Facts, Fields, Format, Objection, Operation, Pin, Price, Value, Wish, fields
from shotbuild.spec.fields import Field
from shotbuild.units import rate_text

__all__ = [
    "Address",
    "Doubt",
    "Facts",
    "Finds",
    "Hosted",
    "Local",
    "Model",
    "Objection",
    "Offer",
    "Provider",
    "Rate",
    "Receipt",
    "Request",
    "Rewriting",
    "Service",
    "Site",
    "State",
    "Status",
    "Strength",
    "Tariff",
    "Wish",
    "Workplace",
    "is_hosted",
    "is_local",
    "is_service",
    "request_fields",
]

# --- what a model is ----------------------------------------------------------------------------------------------------


class Strength(Enum):
    """How long a pin holds. The value is what people read."""

    BITS = "exact: the same bytes every time"
    CONTENT = "content hash: these weights and this code, or nothing"
    DATED = "dated id: a release of that day"
    VERSION = "version id: may be patched under its name"
    NAME = "name only: may change any day"


class Rewriting(Enum):
    """What a service does to a prompt before its model sees it."""

    NONE = "none known"
    OFF = "turned off in each request"
    RECORDED = "cannot be turned off; what the service says of it is recorded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """One line of a price list. when: settings that it holds for, by their text, and `duration`, in seconds; per: `second`
    or `take`; amount: in the list's currency."""

    when: Mapping[str, str]
    per: str
    amount: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """A price list. rates: the first that fits holds; source: who says so; date: ISO 8601, when it was read.

    exact: what is charged is this and nothing else; False where the service alone knows."""

    rates: tuple[Rate, ...]
    source: str
    date: str
    currency: str = "USD"
    exact: bool = False

    def price(self, seconds: Fraction, settings: Fields) -> Price:
        """What one take costs. Unknown when no rate fits."""
        said = {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in settings}
        said["duration"] = str(seconds)
        for rate in self.rates:
            if all(said.get(name) == value for name, value in rate.when.items()):
                amount = rate.amount * seconds if rate.per == "second" else rate.amount
                return Price(amount=amount, currency=self.currency, exact=self.exact, date=self.date)
        return Price(amount=None, currency=self.currency, exact=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One model of a provider. fields: its own settings in the spec; roles: references it takes; seconds: longest take;
    extension: of the file that it hands over, without dot; kind: `take`, or `upscale` for one that works on a clip.

    version: the exact version that goes into the pin; strength: how long that holds; uses: names of tools whose build
    decides the bytes (`ffmpeg`). shows: which of `project`, `shot`, `title` are seen in the picture; only those are part of
    the recipe.

    lengths: the only lengths in seconds that it makes, empty = any from `shortest` to `seconds`; ratios: the shapes that it
    makes, such as `16:9`, empty = any; prompt: the longest, in characters, 0 = any; needs: roles that it cannot do without;
    seeded: whether a seed is sent; extends: whether it can go on from a clip of its own; rewriting: of prompts;
    tariff: what it costs; kept: hours for which the service keeps the output, None = unsaid; ends: ISO 8601, the day after
    which it is gone, where that is known; at_once, per_minute: what the service allows, None = unsaid; notes: for people.

    files: names of settings that are files of the project: they are inputs under those names, and their bytes are part of
    the recipe in place of their paths; names: settings that say which version is meant, where `version` is that of all.
    """

    name: str
    version: str
    fields: Mapping[str, Field]
    roles: tuple[str, ...]
    seconds: int
    extension: str = "mp4"
    kind: str = "take"
    uses: tuple[str, ...] = ()
    shows: tuple[str, ...] = ()
    strength: Strength = Strength.NAME
    lengths: tuple[Fraction, ...] = ()
    shortest: Fraction = Fraction(0)
    ratios: tuple[str, ...] = ()
    prompt: int = 0
    needs: tuple[str, ...] = ()
    seeded: bool = True
    extends: bool = False
    rewriting: Rewriting = Rewriting.NONE
    tariff: Tariff | None = None
    kept: int | None = None
    ends: str | None = None
    at_once: int | None = None
    per_minute: int | None = None
    notes: str = ""
    files: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    def pin(self, provider: str) -> Pin:
        return Pin(provider=provider, model=self.name, version=self.version)


# --- what is asked ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One take, complete. project, shot, title: names to show; take: its number among the takes of this recipe;
    frames: how many, at format.rate; references: role → file (of the store: its name is its sha256, it has no suffix);
    settings: the model's fields, defaults written out; recipe: the hexadecimal digest of the action that this is;
    model: its name; client: the id that we choose for this attempt, a UUID, for services that take one; version: that of the
    pin, which a generator of one's own has to have."""

    project: str
    shot: str
    title: str
    take: int
    prompt: str
    seed: int
    frames: int
    format: Format
    references: tuple[tuple[str, Path], ...]
    settings: Fields
    recipe: str
    model: str = ""
    client: str = ""
    version: str = ""

    @property
    def seconds(self) -> Fraction:
        return Fraction(self.frames) / self.format.rate

    @property
    def wish(self) -> Wish:
        """The same as it is objected to."""
        return Wish(
            prompt=self.prompt,
            seconds=self.seconds,
            format=self.format,
            references=tuple(role for role, _ in self.references),
            settings=self.settings,
        )

    def file(self, role: str) -> Path | None:
        """The reference in a role, None where the shot has none."""
        return dict(self.references).get(role)


class State(Enum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    GONE = "gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How an operation stands. word: the service's own; progress: percent from 0, None = unsaid; fault: why it FAILED;
    charged: what it took, None = unsaid; pin: the model and version that it says it used, None = unsaid.

    A word that is not known means RUNNING: the engine has its own deadlines."""

    state: State
    word: str = ""
    progress: int | None = None
    fault: ProviderError | None = None
    charged: Price | None = None
    pin: Pin | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where an output lies. url: to fetch, absolute, or a path of the service, which is not bare; bare: fetched without the
    keys, as signed addresses are; content: the bytes themselves, where the service sent them along (then url is empty)."""

    url: str = ""
    bare: bool = True
    content: bytes | None = None


class Finds(Enum):
    """How a submit whose answer was lost can be found again. The value is what people read."""

    BY_ID = "by an id that was known before it was asked"
    BY_LIST = "in the service's list of operations"
    NO = "not at all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """A submit whose answer was lost. request: what was asked; sent: the call that left (`method`, `url`, `body`, …) without
    keys, long texts by their digest; since: ISO 8601, UTC, when it left; known: ids of operations that are accounted for,
    which it cannot be."""

    request: Request
    sent: Mapping[str, object]
    since: str
    known: frozenset[str]


# --- who is asked -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """What a provider on this machine may use. ffmpeg: the executable; folder: empty, its own; cancel: set = stop; root: the
    project's folder; progress: told percents from 0, may be called from any thread; workers: programs that stay loaded from
    one take to the next, None = for this take alone."""

    ffmpeg: Path
    folder: Path
    cancel: threading.Event
    root: Path = Path()
    progress: Callable[[int], None] = lambda _: None
    workers: Workers | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a provider has to show for one take. sent: the exact request as it left, answered: what came back, both without
    keys; pin: the model and version that it says it used, None = it says nothing; charged: what it took, None = unsaid."""

    sent: Fields
    answered: Fields
    pin: Pin | None
    charged: Price | None


class Offer(Protocol):
    """What all providers have."""

    name: str
    models: Mapping[str, Model]

    def price(self, model: str, request: Fields) -> Price:
        """What one take costs. request: the recipe's parameters. Pure: nothing is asked of anybody."""
        ...

    def has_sound(self, model: str, settings: Fields) -> bool:
        """Whether takes made with these settings carry sound."""
        ...

    def objections(self, model: str, wish: Wish) -> Iterable[Objection]:
        """What of a wish is outside the model's limits, beyond what its table says (lengths, roles, …). Pure."""
        ...


class Local(Offer, Protocol):
    """A provider on this machine: it may be asked again at no cost."""

    def make(self, request: Request, workplace: Workplace, into: Path) -> Receipt:
        """Writes the take to the file `into`. Errors: ProviderError, ProcessError, Cancelled."""
        ...


class Service(Offer, Protocol):
    """A provider elsewhere. address: of its API, https, no slash at the end; variable: of the environment that names another
    one (a region, a proxy, a test); origins: others that its key may be sent to; keys: sets of variables of the environment
    that hold its key, of which one complete set is enough; variables: others that it needs and that are no secret, such as a
    project (`http.known` has them); pace: seconds between polls, as the service asks; finds: how a lost submit is found."""

    address: str
    variable: str
    origins: tuple[str, ...]
    keys: tuple[tuple[str, ...], ...]
    variables: tuple[str, ...]
    pace: float
    finds: Finds

    def headers(self, keys: Mapping[str, str], now: float) -> Mapping[str, str]:
        """What each call carries. keys: variable → value, those that are set; now: seconds since 1970."""
        ...

    def fault(self, reply: Reply) -> ProviderError | None:
        """Which kind of no a reply is; None when it is none. Some services say no with status 200."""
        ...

    def submit(self, request: Request, http: Http) -> Operation:
        """Calls `http.pay` once, after whatever it needs. `submitted` of the Operation may stay empty."""
        ...

    def poll(self, operation: Operation, http: Http) -> Status: ...

    def locate(self, operation: Operation, http: Http) -> Address: ...

    def cancel(self, operation: Operation, http: Http) -> bool:
        """Whether the service took it back. False = it has no way to, or it was too late."""
        ...

    def find(self, doubt: Doubt, http: Http) -> Operation | None:
        """The operation that a lost submit became. None = there is none to be seen. Not called with Finds.NO. It may finish
        what was accepted with calls that cost nothing, such as an upload that comes after the payment."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where a generator of one's own is looked at. root: the project's folder; digest: of any file, whose bytes are read
    only when its stat changed, Errors: OSError; http: a line to a service, None for a provider on this machine."""

    root: Path
    digest: Callable[[Path], Digest]
    http: Http | None = None


@runtime_checkable
class Hosted(Protocol):
    """A provider of generators of one's own: which weights, which code and which server stand behind a model's name is
    found out, pinned in the lock, and looked at again before anything is asked of it. settings: of a shot, defaults written
    out."""

    def subject(self, model: str, settings: Fields) -> str:
        """What the settings name: a workflow, a folder of weights, an image. Shots with the same one share an entry in the
        lock; `""` = there is one for all. Pure."""
        ...

    def examine(self, model: str, settings: Fields, site: Site) -> Facts:
        """What it is now. Errors: ProviderUnavailable when it cannot be reached; ProviderRefused when it cannot be used."""
        ...

    def inspect(self, model: str, wish: Wish, facts: Facts | None, site: Site) -> Iterable[Objection]:
        """What of a wish the generator itself cannot do, beyond `objections`: it is looked at, where it can be reached, else
        what the lock says of it. facts: of the lock, None = it is not in it."""
        ...


@runtime_checkable
class Travels(Protocol):
    """A provider on this machine whose takes another machine may make as well: it reads nothing but the request, and what
    the other machine declares to have. declared: that resource, `""` = every machine will do."""

    declared: str


@runtime_checkable
class Recalls(Protocol):
    """A service that needs more than an id to be asked after an operation which a person found on its page. name: the id;
    sent: as in `Doubt`."""

    def recall(self, name: str, sent: Mapping[str, object]) -> Operation: ...


Provider: TypeAlias = Local | Service


def is_service(provider: Provider) -> TypeGuard[Service]:
    return hasattr(provider, "submit")


def is_local(provider: Provider) -> TypeGuard[Local]:
    return hasattr(provider, "make")


def travels(provider: object) -> TypeGuard[Travels]:
    return hasattr(provider, "declared")


def is_hosted(provider: object) -> TypeGuard[Hosted]:
    return hasattr(provider, "examine")


def request_fields(request: Request) -> Fields:
    """A Request as named fields; references by their sha256, under which the store has them."""
    said: dict[str, Value] = {"model": request.model} if request.model else {}
    return fields(
        project=request.project,
        shot=request.shot,
        title=request.title,
        take=request.take,
        prompt=request.prompt,
        seed=request.seed,
        frames=request.frames,
        size=str(request.format.size),
        rate=rate_text(request.format.rate),
        color=request.format.color,
        references=Fields(tuple(sorted((role, path.name) for role, path in request.references))),
        settings=request.settings,
        **said,
    )
