"""Time as the engine sees it: now, and waiting for work that ends or for a moment that comes, whichever is first."""

import time
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Any, Protocol

GLANCE = 0.25
"""Seconds: how long a wait may go on before somebody asks whether the build was stopped."""


class Clock(Protocol):
    def now(self) -> float:
        """Seconds; only differences mean something."""
        ...

    def wait(self, ended: "SimpleQueue[Future[Any]]", until: float | None, *, running: bool) -> "Future[Any] | None":
        """The next future that ended. None when `until` came first, or for no reason: the caller looks again. running: is
        there anything that could end."""
        ...


class RealClock:
    """speed: how many of its seconds pass in one: tests of services have no time to wait."""

    def __init__(self, speed: float = 1.0) -> None:
        self._speed = speed

    def now(self) -> float:
        return time.monotonic() * self._speed

    def wait(self, ended: "SimpleQueue[Future[Any]]", until: float | None, *, running: bool) -> "Future[Any] | None":
        left = GLANCE if until is None else min(GLANCE, max(0.0, (until - self.now()) / self._speed))
        try:
            return ended.get(timeout=left) if left > 0 else ended.get_nowait()
        except Empty:
            return None
