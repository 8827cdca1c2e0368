"""What can go wrong, as one tree, and how it is told: where, what, cause, remedy. Knows nothing of files or terminals.

ShotbuildError            expected: a message, no traceback
  SpecError        2      YAML, lock or ledger; always has a Location       SpecErrors  2   all of one run together
  PlanError        2      cycle, unknown target, recipe without a pin       PluginError 2
  ProviderError    1      refused, nothing was made:  ProviderRefused · Moderated · PinGone · KeyRefused · OutOfFunds
                          not now, nothing was made:  RateLimited · DailyCap
                          did not answer:             ProviderUnavailable · AddressExpired
                          accepted, then gave nothing: VendorFault · BadTake
  ProcessError     1      argv, exit code or signal, last lines of stderr   Cancelled: stopped because it was asked to
  TakenBack        1      an operation was cancelled at its service
  MediaError       1      a picture or sound file is not what it has to be
  StoreError       1      the store cannot be used    BytesLost: a blob is missing or does not match its digest
                          a shared one: StoreUnavailable · StoreRefused
  FarmError        1      machines that help cannot be used    MachineUnfit: one of them cannot do what is asked
  GateError        3      --frozen, --strict, checks    Unseen: others decided meanwhile, which the person had not seen
  NeedsPerson      5      decisions that contradict each other    FateUnknown: a paid request that may have been accepted
  LimitReached     6      budget or take limit
anything else      70     our bug                      InternalError: one that the other steps survived
"""

import re
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import NamedTuple, Self

EXCERPT_WIDTH = 100
LOGIN = re.compile(r"(?<=://)[^/\s@]+(?=@)")
"""A user and a password in an address."""


class Location(NamedTuple):
    """A place in a file of the project. file: posix path relative to the root; line, column: from 1.

    It stands here, below `records`, because an error needs it. Never compared and never digested by its holders.
    """

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class ShotbuildError(Exception):
    """An expected failure. message: what is wrong; cause: the facts behind it; hint: what to do about it."""

    exit_code = 1

    def __init__(
        self, message: str, *, location: Location | None = None, cause: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.location = location
        self.cause = cause
        self.hint = hint

    def __reduce__(self) -> tuple[Callable[..., "ShotbuildError"], tuple[object, ...]]:
        return _rebuild, (type(self), self.message, self.location, self.cause, self.hint)


def _rebuild(
    kind: type[ShotbuildError], message: str, location: Location | None, cause: str | None, hint: str | None
) -> ShotbuildError:
    error = kind.__new__(kind)
    ShotbuildError.__init__(error, message, location=location, cause=cause, hint=hint)
    return error


class SpecError(ShotbuildError):
    """A written file (YAML, template, lock, ledger) says something that cannot be. Always has a place."""

    exit_code = 2

    def __init__(self, message: str, *, location: Location, cause: str | None = None, hint: str | None = None) -> None:
        super().__init__(message, location=location, cause=cause, hint=hint)


class SpecErrors(ShotbuildError):
    """Every SpecError of one run, in the order of file, line and column."""

    exit_code = 2

    def __init__(self, errors: Sequence[SpecError]) -> None:
        self.errors = tuple(sorted(errors, key=_place))
        super().__init__(f"{len(self.errors)} errors" if len(self.errors) != 1 else "1 error")

    def __reduce__(self) -> tuple[Callable[..., ShotbuildError], tuple[object, ...]]:
        return SpecErrors, (self.errors,)


class PlanError(ShotbuildError):
    exit_code = 2


class PluginError(ShotbuildError):
    exit_code = 2


class ProviderError(ShotbuildError):
    pass


class ProviderRefused(ProviderError):
    """The provider will not make this; asking again unchanged is pointless."""


class Moderated(ProviderRefused):
    """The provider will not show this: its rules on content say no. Never asked again unchanged."""


class PinGone(ProviderRefused):
    """The model or version that was pinned is no longer offered. It is never replaced by another one."""


class KeyRefused(ProviderRefused):
    """The key is missing, wrong, or may not do this: nothing more is asked of this provider."""


class OutOfFunds(ProviderRefused):
    """The account has no money left: nothing more is asked of this provider."""


class ProviderUnavailable(ProviderError):
    """The provider did not answer this time, or not in words that can be read."""


class RateLimited(ProviderError):
    """The provider said: not so many, not so fast. Nothing was made. wait: seconds, None = it does not say."""

    wait: float | None = None

    @classmethod
    def after(cls, wait: float | None, message: str, *, cause: str | None = None) -> Self:
        error = cls(message, cause=cause)
        error.wait = wait
        return error


class DailyCap(RateLimited):
    """The quota of a day is used up: hours, not seconds."""


class VendorFault(ProviderError):
    """The provider accepted the request and then failed by its own fault: a new attempt is worth it."""


class AddressExpired(ProviderUnavailable):
    """The address that the provider gave for the output no longer holds; a new one can be asked for."""


class BadTake(ProviderError):
    """What the provider handed over is no take: a web page, an empty file, half a clip, the wrong length."""


class ProcessError(ShotbuildError):
    """A program ended badly: exit code or signal, and the last lines that it wrote to stderr (in `cause`)."""


class Cancelled(ShotbuildError):
    """Work was stopped because the build was interrupted."""

    exit_code = 130


class TakenBack(ShotbuildError):
    """An operation was cancelled while a build waited for it: by a person, or by its service."""


class MediaError(ShotbuildError):
    """A picture or sound file is not what it has to be."""


class StoreError(ShotbuildError):
    pass


class StoreUnavailable(StoreError):
    """A shared store cannot be reached, or does not answer as it should. The build goes on without it."""


class StoreRefused(StoreUnavailable):
    """A shared store says no: who asks is not known there, or may not do this."""


class BytesLost(StoreError):
    """A blob is missing or was damaged. What can be made again is made again by building once more."""


class FarmError(ShotbuildError):
    """The machines that help with a build cannot be used. What was made so far is kept."""


class MachineUnfit(FarmError):
    """One machine cannot make what the build wants as the build wants it; another one may."""


class GateError(ShotbuildError):
    exit_code = 3


class Unseen(GateError):
    """Other people said something of a shot since whoever decides looked at it: they look again first."""


class NeedsPerson(ShotbuildError):
    """Only a person can say how it goes on, such as which of two approvals holds."""

    exit_code = 5


class FateUnknown(NeedsPerson):
    """A paid request left, and nobody knows whether it was accepted. It is never sent again unasked."""


class InternalError(ShotbuildError):
    """A bug that one step of a build ran into; the others went on."""

    exit_code = 70


class LimitReached(ShotbuildError):
    exit_code = 6


def nearest(word: str, known: Sequence[str]) -> str | None:
    """The known word closest to a misspelt one, or None when none is close."""
    matches = get_close_matches(word[:80], known, n=1, cutoff=0.6)
    return matches[0] if matches else None


def render(error: ShotbuildError, read_line: Callable[[Location], str | None] = lambda _: None) -> str:
    """An error as people read it: place and message, the line with a caret, cause, hint. read_line: text at a place."""
    if isinstance(error, SpecErrors):
        return "\n\n".join(render(each, read_line) for each in error.errors) + f"\n\n{error.message}"
    place = f"{error.location}: " if error.location else ""
    parts = [f"{printable(place)}error: {printable(error.message)}"]
    text = read_line(error.location) if error.location else None
    if text is not None and error.location is not None:
        parts.append(_excerpt(text, error.location))
    if error.cause:
        parts.append(f"cause: {printable(error.cause)}")
    if error.hint:
        parts.append(f"\nhint: {printable(error.hint)}")
    return "\n".join(parts)


def _excerpt(text: str, location: Location) -> str:
    start = max(0, location.column - 1 - EXCERPT_WIDTH // 2) if len(text) > EXCERPT_WIDTH else 0
    shown = "".join(char if char.isprintable() else " " for char in without_login(text)[start : start + EXCERPT_WIDTH])
    gutter = f"{location.line:>5} | "
    caret = " " * (len(gutter) - 2) + "| " + " " * (location.column - 1 - start) + "^"
    return f"{gutter}{shown.rstrip()}\n{caret}"


def without_login(text: str) -> str:
    """Addresses without who one is there, letter by letter."""
    return LOGIN.sub(lambda found: "•" * len(found[0]), text) if "://" in text else text


def printable(text: str) -> str:
    """Hostile text must not steer a terminal: control characters are shown as escapes, line ends stay."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char == "\n" else repr(char)[1:-1] for char in text)


def _place(error: SpecError) -> tuple[str, int, int]:
    assert error.location is not None
    return error.location.file, error.location.line, error.location.column
