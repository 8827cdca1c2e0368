"""What goes over the network and comes back, as plain values, and the calls that a provider may make of it.

Knows no HTTP library: adapters import this, and `host.network` alone opens connections.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from functools import cached_property
from importlib import import_module
from math import isfinite
from pathlib import Path
from typing import Any, Protocol

from shotbuild.errors import ProviderError, ProviderUnavailable

LONGEST_WAIT = 7 * 86400.0
"""Seconds: whatever asks for more is not believed."""


@dataclass(frozen=True)
class Body:
    """Parsed JSON that a service sent, read without trust. value: whatever it was; what: the service, for messages."""

    value: Any
    what: str = "the service"

    def at(self, *path: str | int) -> Any:
        """What stands at a path of names and positions; None where there is nothing of that kind."""
        value = self.value
        for part in path:
            if isinstance(part, str) and isinstance(value, dict):
                value = value.get(part)
            elif isinstance(part, int) and isinstance(value, list) and -len(value) <= part < len(value):
                value = value[part]
            else:
                return None
        return value

    def word(self, *path: str | int) -> str:
        """Text at a path, `""` where there is none."""
        value = self.at(*path)
        return value if isinstance(value, str) else ""

    def text(self, *path: str | int) -> str:
        """Text at a path. Errors: ProviderUnavailable where there is none: the answer cannot be read."""
        value = self.at(*path)
        if isinstance(value, str) and value:
            return value
        raise ProviderUnavailable(
            f"{self.what} answered without `{'.'.join(map(str, path))}`", cause=json.dumps(self.value)[:300]
        )

    def number(self, *path: str | int) -> float | None:
        """A number at a path, also where it is written as text; None where there is none."""
        value = self.at(*path)
        try:
            return None if isinstance(value, bool) or value is None else float(value)
        except (TypeError, ValueError):
            return None

    def rows(self, *path: str | int) -> "Iterator[Body]":
        """The members of a list at a path; none where there is no list."""
        value = self.at(*path)
        for row in value if isinstance(value, list) else ():
            yield Body(row, self.what)


@dataclass(frozen=True)
class Reply:
    """One answer. status: of HTTP; headers: names in lower case; content: whole, decoded; what: the service's name."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    what: str = "the service"

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @cached_property
    def json(self) -> Body:
        """The content as JSON; a Body of None when it is none."""
        try:
            return Body(json.loads(self.content), self.what)
        except (ValueError, RecursionError):
            return Body(None, self.what)

    @property
    def text(self) -> str:
        """The beginning of the content, for messages."""
        return self.content[:2000].decode("utf-8", "replace").strip()

    @property
    def wait(self) -> float | None:
        """Seconds that `Retry-After` asks for, at most a week; None when it says nothing that can be read."""
        said = self.headers.get("retry-after", "")
        try:
            seconds = float(said)
        except ValueError:
            seconds = self._until(said)
        return min(max(0.0, seconds), LONGEST_WAIT) if isfinite(seconds) else None

    def _until(self, said: str) -> float:
        """Seconds until a date of HTTP, by the clock of the service where it tells its own; NaN where it is no date."""
        try:
            now = self.headers.get("date")
            here = _moment(now) if now else datetime.now(UTC)
            return (_moment(said) - here).total_seconds()
        except (ValueError, OverflowError):
            return float("nan")


def _moment(written: str) -> datetime:
    """A date of HTTP. Errors: ValueError."""
    # Loaded for the first date: it takes a twentieth of the time of a command that asks no service.
    moment: datetime = import_module("email.utils").parsedate_to_datetime(written)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of a multipart form. content: text, or the path of a file that is streamed; name, kind: of that file."""

    content: str | Path
    name: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request as it leaves, but for its keys. url: absolute; query: added to it; body: JSON; form: multipart, in order;
    raw: a file that is the whole body; bare: sent without the keys, to an address that a service gave for this one call."""

    method: str
    url: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    form: tuple[tuple[str, Part], ...] = ()
    raw: Path | None = None
    bare: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A service as it is reached from here. address: of its API; origins: others that may be sent its key; headers: of each
    call, the keys among them; fault: which kind of no a reply is; secrets: texts that may stand nowhere; known: what
    the environment says besides, such as a project."""

    name: str
    address: str
    origins: tuple[str, ...] = ()
    headers: Callable[[], Mapping[str, str]]
    fault: Callable[[Reply], ProviderError | None]
    secrets: tuple[str, ...] = ()
    known: Mapping[str, str] = field(default_factory=dict)


class Payment(Enum):
    """How the call that costs money ended."""

    NONE = "was not made"
    UNSENT = "never left"
    REFUSED = "was refused"
    UNKNOWN = "may have arrived"
    ACCEPTED = "was accepted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Of one download. size: bytes; seconds: for all of it."""

    size: int = 16 << 30
    seconds: float = 3600


class Http(Protocol):
    """The calls that an adapter makes. Paths are relative to the service's address; absolute addresses are allowed within
    its own origins, and anywhere with `bare=True`. No call waits or repeats; errors of the service are raised by its own
    `fault`, ProviderUnavailable where it did not answer. known: the service's `variables` of the environment."""

    known: Mapping[str, str]

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
        """A call that costs nothing and may be made again: polls, look-ups, uploads, cancelling. allow: statuses that are an
        answer here and no error, such as 404 for what is gone."""
        ...

    def get(self, url: str, query: Mapping[str, str] | None = None, *, allow: tuple[int, ...] = ()) -> Reply: ...

    def pay(
        self,
        url: str,
        body: Mapping[str, Any] | None = None,
        *,
        method: str = "POST",
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        form: tuple[tuple[str, Part], ...] = (),
    ) -> Reply:
        """The one call of `submit` that costs money, or a generator's time: written down before it leaves, and made once.
        body: JSON, or form: multipart. Errors: FateUnknown when it may have arrived and no answer came back."""
        ...
