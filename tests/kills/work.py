"""What a build in a process of its own does: the project is opened and built as the command line does it, only faster.

Nothing in here reaches into the product: the rooms have a clock that is quicker, and that is all.
"""

import resource
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import shotbuild.host.network
import shotbuild.media.probe
import shotbuild.stages.generate
from shotbuild.built import BuildOptions
from shotbuild.engine.clock import RealClock
from shotbuild.engine.events import Event, Failed, Finished, Found, Skipped, Started, Warned
from shotbuild.making import make
from shotbuild.plugins import Registry, registry
from shotbuild.providers.kling import Kling
from shotbuild.providers.replicate import Replicate
from shotbuild.providers.runway import Runway
from shotbuild.records import Fields, Price, Project
from shotbuild.rooms import Rooms
from shotbuild.units import Money
from shotbuild.workspace import Workspace
from tests.fakes import TOOL

Say = Callable[[dict[str, Any]], object]
WARM = (shotbuild.host.network, shotbuild.media.probe, shotbuild.stages.generate, Kling, Replicate)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A build to make. environ: for the service; speed: of its clock; start: seconds since 1970, 0 = at once; below: driven
    below the workspace, whose look at the whole price would refuse what only the caps of the engine are to stop; each: USD
    that a take of `runway` costs, None = its own price; max_cost: USD; sequences: name → USD, budgets that the spec cannot
    say; shots: only those, none = all; full_after: seconds from when the first step
    begins, after which the disk is full, None = it never is."""

    root: str
    environ: Mapping[str, str] = field(default_factory=dict)
    speed: float = 200
    start: float = 0
    below: bool = False
    each: str | None = None
    max_cost: str | None = None
    sequences: Mapping[str, str] = field(default_factory=dict)
    shots: tuple[str, ...] = ()
    full_after: float | None = None


class FixedPrice(Runway):
    """Runway with one price for everything."""

    def __init__(self, amount: Fraction) -> None:
        self._amount = amount

    def price(self, model: str, request: Fields) -> Price:
        return Price(amount=self._amount, currency="USD", exact=True)


def warm() -> None:
    """Everything that a build loads late is loaded now; nothing is opened."""
    offered = registry()
    assert all(offered.providers[name].models for name in ("runway", "kling", "replicate"))
    offered.stage("generate")


def play(order: Order, say: Say) -> int:
    """Builds; says what failed and what is found as it happens, and how it ended. Gives the exit code."""

    def hear(event: Event) -> None:
        match event:
            case Started() if order.full_after == 0:
                _fill_up()
            case Started() if order.full_after is not None:
                threading.Timer(order.full_after, _fill_up).start()
            case Failed(step=step, error=error):
                told = {"error": type(error).__name__, "message": error.message, "cause": error.cause}
                say({"kind": "failed", "step": step.name, **told})
            case Found(step=step, operation=operation):
                say({"kind": "found", "step": step.name, "operation": operation})
            case Skipped(step=step, because=because):
                say({"kind": "skipped", "step": step.name, "because": because})
            case Finished(step=step, ran=ran):
                say({"kind": "finished", "step": step.name, "ran": ran})
            case Warned(message=message):
                say({"kind": "warned", "message": message})

    space = Workspace(Path(order.root), hear, rooms=opened(order), offered=_offered(order))
    options = BuildOptions(max_cost=None if order.max_cost is None else Money(Fraction(order.max_cost), "USD"))
    if order.below:
        project = _budgeted(space.project, order)
        cancel = threading.Event()
        built = make(space.whole, project, space.rooms, space.registry, space.casting, options, cancel, hear)
    else:
        built = space.build(order.shots, options)
    say({"kind": "built", "ran": built.ran, "code": built.exit_code, "failed": len(built.failed)})
    return built.exit_code


def opened(order: Order) -> Rooms:
    # No program is run to learn which ffmpeg this is: nothing here depends on it, and it takes longer than the rest.
    return Rooms(Path(order.root), warn=lambda _: None, identify=lambda *_: TOOL, clock=RealClock(speed=order.speed))


def _fill_up() -> None:
    """From now on no file grows beyond a few bytes: what a program sees of a disk that is full."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))


def _offered(order: Order) -> Registry:
    offered = registry()
    if order.each is None:
        return offered
    dear: Any = FixedPrice(Fraction(order.each))
    return replace(offered, providers={**offered.providers, dear.name: dear})


def _budgeted(project: Project, order: Order) -> Project:
    sequences = tuple((name, Money(Fraction(limit), "USD")) for name, limit in order.sequences.items())
    return replace(project, budget=replace(project.budget, sequences=sequences))
