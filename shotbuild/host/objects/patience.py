"""How long shared storage is waited for, and asking it again: with jitter, and never without end."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from shotbuild.errors import StoreUnavailable

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Seconds. answer: for one try of a small call; whole: no try is begun after that; unreached: the same where nobody is
    there to answer; silence: without a byte of a large object; taken: until a part of a large object was taken; first,
    longest: the wait before another try; slowest: bytes a second, on average, that an object has to come at; cuts: so often
    an object is asked for again of which some came, however long that took."""

    answer: float = 8
    whole: float = 18
    unreached: float = 2.5
    silence: float = 20
    taken: float = 120
    first: float = 0.2
    longest: float = 4
    slowest: int = 16 << 10
    cuts: int = 3

    def transfer(self, size: int) -> float:
        """Seconds in which so many bytes have to come."""
        return self.silence + size / self.slowest


class Failing(Exception):
    """One try that ended badly where another may end well. error: what is told after the last; reached: whether somebody was
    there, so that what was sent may have been taken; gained: whether some of an object came."""

    def __init__(self, error: StoreUnavailable, *, reached: bool = True, gained: bool = False) -> None:
        super().__init__(error.message)
        self.error, self.reached, self.gained = error, reached, gained


def repeated(call: Callable[[], Answer], patience: Patience) -> Answer:
    """What the call gives in the end. call: raises Failing where it may be tried again. Errors: those of the call;
    StoreUnavailable when patience is at its end."""
    began = time.monotonic()
    wait, cuts = patience.first, patience.cuts
    while True:
        try:
            return call()
        except Failing as failing:
            pause = random.uniform(wait / 2, wait)  # noqa: S311 (it spreads calls, it hides nothing)
            limit = patience.whole if failing.reached else patience.unreached
            late = time.monotonic() - began + pause > limit
            if late and not (failing.gained and cuts):
                raise failing.error from failing.__cause__
            cuts -= late
        time.sleep(pause)
        wait = min(2 * wait, patience.longest)
