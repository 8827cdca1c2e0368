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
    """Another build is making the same thing; its result will be used. by: the machine, None = this one."""

    step: Step
    by: str | None = None


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
class Polled:
    """A service says something new of an operation. word: its own; progress: percent, None = unsaid."""

    step: Step
    word: str
    progress: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A service asks to wait: nothing more is asked of that model for so many seconds."""

    step: Step
    seconds: float
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stalled:
    """An operation has not moved for so many seconds."""

    step: Step
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A submit whose answer was lost was found again at the service. operation: its id there."""

    step: Step
    operation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaced:
    """A provider could not make a take, and the next one of the shot's `or:` is asked. following: that one's step."""

    step: Step
    following: Step
    error: ShotbuildError


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """A result was put under its human name. path: below out/."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushing:
    """Nothing is left to do but to wait for so many results that are on their way to the shared store."""

    where: str
    results: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """Results went to the shared store. where: its address; size: of the bytes that were sent."""

    where: str
    results: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """Results that came from the shared store were made again here. where: its address; made: how many, of how many that
    stages make for nothing; differing: came out otherwise; unread: of so many an input is not to be had any more; seed: by
    which they were drawn."""

    where: str
    made: int
    of: int
    differing: int
    unread: int
    seed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    message: str


Event: TypeAlias = (
    Planned
    | Started
    | Waiting
    | Polled
    | Held
    | Stalled
    | Found
    | Replaced
    | Finished
    | Failed
    | Skipped
    | Linked
    | Pushing
    | Pushed
    | Sampled
    | Warned
)
