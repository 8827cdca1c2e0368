"""What a provider is: it takes a Request, says how it goes, and hands over one file. The engine owns everything else."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Protocol

from shotbuild.records import Fields, Format, Operation, Pin, Price, fields
from shotbuild.spec.fields import Field
from shotbuild.units import rate_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One model of a provider. fields: its own settings in the spec; roles: references it takes; seconds: longest take;
    extension: of the file that it hands over, without dot.

    version: the exact version that goes into the pin; uses: names of tools whose build decides the bytes (`ffmpeg`).
    shows: which of `project`, `shot`, `title` are seen in the picture; only those are part of the recipe.
    """

    name: str
    version: str
    fields: Mapping[str, Field]
    roles: tuple[str, ...]
    seconds: int
    extension: str = "mp4"
    uses: tuple[str, ...] = ()
    shows: tuple[str, ...] = ()

    def pin(self, provider: str) -> Pin:
        return Pin(provider=provider, model=self.name, version=self.version)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One take, complete. project, shot, title: names to show; take: its number among the takes of this recipe;
    frames: how many, at format.rate; references: role → picture file; settings: the model's fields, defaults written out;
    recipe: the hexadecimal digest of the action that this is."""

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


class Status(Enum):
    RUNNING = "running"
    DONE = "done"
    REFUSED = "refused"
    GONE = "gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """What a provider on this machine may use. ffmpeg: the executable; folder: empty, its own; cancel: set = stop."""

    ffmpeg: Path
    folder: Path
    cancel: threading.Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a provider has to show for one take. sent: the exact request as it left, answered: what came back, both without
    keys; pin: the model and version that it says it used, None = it says nothing; charged: what it took, None = unsaid."""

    sent: Fields
    answered: Fields
    pin: Pin | None
    charged: Price | None


def request_fields(request: Request) -> Fields:
    """A Request as named fields; pictures by their sha256, under which the store has them."""
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
    )


class Provider(Protocol):
    """Any object of this shape. `request` comes with each call, because some services need it to find an operation."""

    name: str
    models: Mapping[str, Model]

    def price(self, model: str, request: Fields) -> Price:
        """What one take costs. request: the recipe's parameters. Pure: nothing is asked of anybody."""
        ...

    def has_sound(self, model: str, settings: Fields) -> bool:
        """Whether takes made with these settings carry sound."""
        ...

    def submit(self, request: Request, workplace: Workplace) -> Operation: ...

    def poll(self, request: Request, operation: Operation, workplace: Workplace) -> Status: ...

    def fetch(self, request: Request, operation: Operation, workplace: Workplace, into: Path) -> Receipt:
        """Writes the take to the file `into`. Errors: ProviderError, ProcessError, Cancelled."""
        ...
