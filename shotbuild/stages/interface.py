"""What a stage is: a named, versioned function from files to files, with the fields that it takes."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from shotbuild.host.workers import Workers
from shotbuild.providers.interface import Request
from shotbuild.records import Answer, Fields, Pin


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One Action on its way. inputs: name → readable file; into: the empty folder that takes the outputs, and where a
    program runs; action: the hexadecimal digest of the action; cancel: set = stop soon, with Cancelled; root: the project's
    folder; progress, workers: as in `Workplace`."""

    action: str
    parameters: Fields
    pins: tuple[Pin, ...]
    inputs: Mapping[str, Path]
    outputs: tuple[str, ...]
    into: Path
    ffmpeg: Path
    cancel: threading.Event
    root: Path = Path()
    progress: Callable[[int], None] = lambda _: None
    workers: Workers | None = None


@runtime_checkable
class Asks(Protocol):
    """A stage that can say what a service is asked for its work. client: the id that we choose for this attempt."""

    def request(self, work: Work, client: str) -> Request: ...


class Stage(Protocol):
    """Any object of this shape. `version` goes up whenever the same inputs would give other bytes."""

    name: str
    version: int

    def run(self, work: Work) -> Answer | None:
        """Writes every file of `work.outputs` into `work.into`. Errors: MediaError, ProcessError, Cancelled.

        Gives the provider's answer where one was asked, else None.
        """
        ...

    def check(self, work: Work) -> None:
        """Probes what `run` wrote: streams, size, rate, frame count, length. Errors: MediaError says what is wrong."""
        ...


@runtime_checkable
class Together(Protocol):
    """A stage that can do several works of one batch in one go, and give each the bytes that it would have alone."""

    def run_all(self, works: Sequence[Work]) -> None:
        """As `Stage.run`, for all of them. Nothing is kept when it raises."""
        ...

    def check(self, work: Work) -> None: ...
