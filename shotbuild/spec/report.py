"""Collects every error of one run, so that a person mends them all at once. Knows nothing of what is checked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from shotbuild.errors import Location, SpecError, SpecErrors, nearest

COMPARISONS = 20_000
"""How many known words a run may compare misspelt ones with: hints for the first errors, speed for hostile files."""


class Refusal(Exception):
    """A value cannot be taken; whoever knows its place turns this into a SpecError."""

    def __init__(self, message: str, *, cause: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message, self.cause, self.hint = message, cause, hint

    def __reduce__(self) -> tuple[Callable[..., "Refusal"], tuple[object, ...]]:
        return _refusal, (self.message, self.cause, self.hint)


def _refusal(message: str, cause: str | None, hint: str | None) -> Refusal:
    return Refusal(message, cause=cause, hint=hint)


@dataclass(slots=True)
class Report:
    """partial: a file could not be read at all, so a name that is not known may stand in it; told: how often something was
    reported, the same thing once more as well."""

    partial: bool = False
    told: int = 0
    _errors: dict[tuple[Location, str], SpecError] = field(default_factory=dict)
    _comparisons: int = COMPARISONS

    def add(self, error: SpecError) -> None:
        """Keeps an error; the same message at the same place is kept once (a template that many shots use)."""
        assert error.location is not None
        self.told += 1
        self._errors.setdefault((error.location, error.message), error)

    def say(self, location: Location, message: str, *, cause: str | None = None, hint: str | None = None) -> None:
        self.add(SpecError(message, location=location, cause=cause, hint=hint))

    def refuse(self, location: Location, refusal: Refusal) -> None:
        self.say(location, refusal.message, cause=refusal.cause, hint=refusal.hint)

    def nearest(self, word: str, known: Sequence[str]) -> str | None:
        if self._comparisons < len(known):
            return None
        self._comparisons -= len(known)
        return nearest(word, known)

    def unknown(
        self, location: Location, what: str, word: str, known: Sequence[str], *, owner: str | None = None
    ) -> str | None:
        """An unknown word, with the known ones; gives the nearest of them, which is the hint. what: such as "shot"."""
        guess = self.nearest(word, known)
        of = f" of {owner}" if owner else ""
        hint = f"did you mean `{guess}`?" if guess else None
        self.say(location, f"unknown {what} {word[:80]!r}{of}", cause=listed(known), hint=hint)
        return guess

    @property
    def found(self) -> bool:
        return bool(self._errors)

    def settle(self) -> None:
        """Ends the run. Errors: SpecErrors when anything was found."""
        if self._errors:
            raise SpecErrors(list(self._errors.values()))


def listed(known: Sequence[str], most: int = 30) -> str:
    """A sentence that lists the known words, not too many of them."""
    if not known:
        return "known: none"
    more = f" and {len(known) - most} more" if len(known) > most else ""
    return f"known: {', '.join(known[:most])}{more}"
