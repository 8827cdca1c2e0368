"""Who of several machines asks for what costs money: a claim in the shared store, put there before anything is asked.

A claim ends by itself unless it is renewed, so that a machine that died does not hold up the others for long. What it cannot
promise: nothing holds when the store is out of reach, when clocks are further apart than `SKEW`, or when a machine that is
frozen for longer than a claim lasts goes on as if nothing had happened.
"""

import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from shotbuild.digest import canonical_line
from shotbuild.errors import StoreError, StoreRefused, StoreUnavailable
from shotbuild.records import Fields, fields
from shotbuild.store.shared import Shared

LASTS = 900
"""Seconds for which a claim holds after it was last renewed."""
RENEWED_AFTER = 240
LEFT_FOR = 24 * 3600
"""Seconds for which what a machine left under way stays its own."""
SKEW = 120
"""Seconds by which the clocks of two machines may differ."""
LARGEST = 4096
MOST = 10_000
"""So many claims of one action are not made in the life of a project."""
HOLDER = re.compile("[0-9a-f]{8,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Other:
    """Somebody else's claim. by: the machine, as it calls itself; left: it is not building any more, and left it under way;
    until: seconds since 1970."""

    by: str
    left: bool
    until: float


@dataclass(frozen=True, slots=True)
class _Held:
    number: int
    until: float


class Claims:
    """shared: the store; holder: hex digits that no other machine's project has; machine: what people call this one; clock:
    seconds since 1970. Safe for several threads. Closed by its maker."""

    def __init__(self, shared: Shared, holder: str, machine: str, clock: Callable[[], float] = time.time) -> None:
        self._shared, self._holder, self._machine, self._clock = shared, holder, machine, clock
        self._held: dict[str, _Held] = {}
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._renewer: threading.Thread | None = None

    @property
    def held(self) -> tuple[str, ...]:
        """The actions that are claimed here."""
        with self._lock:
            return tuple(self._held)

    def take(self, action: str) -> Other | None:
        """Claims an action. None = it is ours, or nobody can say: the store is out of reach, or not to be written, and that
        was told."""
        try:
            return self._taken(action)
        except StoreRefused as error:
            self._tell(f"{error.message}: nothing can be claimed there")
        except StoreError as error:
            self._tell(error.message)
        return None

    def renew(self) -> None:
        """Holds what is claimed here for as long again."""
        for action in self.held:
            with self._lock:
                held = self._held.get(action)
            if held is not None:
                self._write(action, held.number, self._clock() + LASTS, left=False)

    def release(self, action: str) -> None:
        """Nothing of it is under way any more, or everybody can have what came of it."""
        self._end(action, 0.0, left=False)

    def leave(self, action: str) -> None:
        """It goes on at its service while nobody builds here, or what came of it lies on this disk alone."""
        self._end(action, self._clock() + LEFT_FOR, left=True)

    def close(self) -> None:
        self._ended.set()
        if self._renewer is not None:
            self._renewer.join()

    def _taken(self, action: str) -> Other | None:
        objects = self._shared.objects
        for number in range(1, MOST):
            key = _key(action, number)
            content = objects.read(key, LARGEST)
            if content is None:
                if not self._shared.writes:
                    return None
                until = self._clock() + LASTS
                if objects.create(key, self._text(until, left=False)):
                    self._hold(action, number, until)
                    return None
                content = objects.read(key, LARGEST)
            claim = _read(content)
            now = self._clock()
            if claim is None or not now - SKEW <= claim["until"] <= now + LEFT_FOR + SKEW:
                continue  # it has ended, or is none: nobody claims for longer
            if claim["holder"] != self._holder:
                return Other(by=claim["machine"][:100], left=claim["left"], until=float(claim["until"]))
            if not self._shared.writes:
                return None
            self._write(action, number, self._clock() + LASTS, left=False)
            return None
        return None

    def _hold(self, action: str, number: int, until: float) -> None:
        with self._lock:
            self._held[action] = _Held(number, until)
            if self._renewer is None:
                self._renewer = threading.Thread(target=self._renew, name="claims", daemon=True)
                self._renewer.start()

    def _renew(self) -> None:
        while not self._ended.wait(RENEWED_AFTER):
            self.renew()

    def _end(self, action: str, until: float, *, left: bool) -> None:
        with self._lock:
            held = self._held.pop(action, None)
        if held is not None:
            self._write(action, held.number, until, left=left, keep=False)

    def _write(self, action: str, number: int, until: float, *, left: bool, keep: bool = True) -> None:
        try:
            self._shared.objects.write(_key(action, number), self._text(until, left=left))
        except StoreUnavailable as error:
            self._tell(error.message)
            return
        if keep:
            self._hold(action, number, until)

    def _text(self, until: float, *, left: bool) -> bytes:
        said: Fields = fields(holder=self._holder, machine=self._machine, until=int(until), left=left)
        return canonical_line(said).encode()

    def _tell(self, why: str) -> None:
        self._shared.warn_once(f"{why}; another machine that builds the same now may pay for it too")


def _key(action: str, number: int) -> str:
    return f"claims/{action}/{number}"


def _read(content: bytes | None) -> dict[str, Any] | None:
    """A claim, None when it is none: whoever can write there can put anything in its place."""
    try:
        said = json.loads(content or b"")
        whole = HOLDER.fullmatch(said["holder"]) and isinstance(said["machine"], str) and isinstance(said["left"], bool)
        return said if whole and isinstance(said["until"], int) and not isinstance(said["until"], bool) else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
