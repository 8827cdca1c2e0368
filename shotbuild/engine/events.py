"""What a display may hear while a build works. Plain facts; how they look is the console's business."""

from dataclasses import dataclass
from typing import TypeAlias

from shotbuild.errors import ShotbuildError
from shotbuild.records import ActionResult, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A build begins. steps: how many it looks at."""

    steps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    step: Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Another build on this project is making the same thing; its result will be used."""

    step: Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """ran: executed in this call; False = it was cached."""

    step: Step
    result: ActionResult
    ran: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    step: Step
    error: ShotbuildError


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """Not tried, because something that it needs failed or the build was stopped. because: the name of that step."""

    step: Step
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """A result was put under its human name. path: below out/."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    message: str


Event: TypeAlias = Planned | Started | Waiting | Finished | Failed | Skipped | Linked | Warned
