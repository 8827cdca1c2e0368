"""Who looks at the page."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    by: str
    role: str | None = None
    may: frozenset[str] = frozenset()
    sequences: tuple[str, ...] = ()
    shots: tuple[str, ...] = ()
