"""Repeatable chance and the few integer tables of the drawing: the same on every machine, every library, every run."""

import hashlib
import math
from collections.abc import Sequence
from typing import TypeVar

Item = TypeVar("Item")

TURN = 1024
ONE = 1 << 16
# Rounded hard: a libm that differs in its last bit gives the same table.
_SINES = tuple(round(math.sin(2 * math.pi * step / TURN) * ONE) for step in range(TURN))


class Chance:
    """A stream of choices that depends on its words alone. `fork` gives an independent stream for one purpose."""

    def __init__(self, *words: object) -> None:
        self._key = "\x00".join(str(word) for word in words)
        self._count = 0

    def fork(self, word: str) -> "Chance":
        return Chance(self._key, word)

    def below(self, limit: int) -> int:
        """A whole number from 0 to limit - 1."""
        self._count += 1
        raw = hashlib.blake2b(f"{self._key}\x00{self._count}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
        return int.from_bytes(raw, "big") % limit

    def between(self, low: float, high: float) -> float:
        """A number from low to high in 1024 steps; only + and * of IEEE doubles, hence exact."""
        return low + (high - low) * (self.below(1025) / 1024)

    def pick(self, items: Sequence[Item]) -> Item:
        return items[self.below(len(items))]

    def often(self, percent: int) -> bool:
        return self.below(100) < percent

    def side(self) -> int:
        """-1 or 1."""
        return self.below(2) * 2 - 1


def sine(angle: int) -> int:
    """Sine in 1/65536. angle: 1024 to a full turn."""
    return _SINES[angle % TURN]


def turn(angle: float) -> tuple[float, float]:
    """(cosine, sine) of an angle in degrees, from the table."""
    step = round(angle * TURN / 360)
    return sine(step + TURN // 4) / ONE, sine(step) / ONE


def ease(step: int, steps: int) -> int:
    """Smoothstep of step / steps in 16.16: 0 to 65536."""
    if steps <= 0:
        return 0
    part = min(max(step, 0), steps) * ONE // steps
    return part * part * (3 * ONE - 2 * part) >> 32
