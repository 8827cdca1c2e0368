"""Who runs actions: this machine, or others as well. Knows neither plans nor the action cache."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from shotbuild.engine.execute import Workshop, execute, execute_all
from shotbuild.errors import Cancelled, ShotbuildError
from shotbuild.plan.bind import Wanted
from shotbuild.records import ActionResult, Step


class Executor(Protocol):
    """Safe for many threads: each call waits until its actions have ended."""

    def run(self, wanted: Wanted) -> ActionResult:
        """What an action gives; its bytes can be had from the store. Errors: ShotbuildError of the stage or the store."""
        ...

    def run_all(self, all_wanted: Sequence[Wanted]) -> Sequence[ActionResult | Exception]:
        """The same for actions of one batch, each with a result or an error of its own."""
        ...

    def takes(self, step: Step) -> bool:
        """Whether it can run a step at all, as far as that is known before it is tried."""
        ...

    def at_once(self) -> int:
        """How many calls are worth being under way now; at least 1."""
        ...

    def hands(self) -> int:
        """How many actions really run at the same time now; at least 1."""
        ...

    def close(self) -> None:
        """Lets go of what it holds. Nothing runs any more."""
        ...


@dataclass(frozen=True, slots=True)
class Here:
    """This machine. jobs: how many at once."""

    shop: Workshop
    jobs: int

    def run(self, wanted: Wanted) -> ActionResult:
        return execute(wanted, self.shop)

    def run_all(self, all_wanted: Sequence[Wanted]) -> Sequence[ActionResult | Exception]:
        return execute_all(all_wanted, self.shop)

    def takes(self, step: Step) -> bool:
        return True

    def at_once(self) -> int:
        return self.jobs

    def hands(self) -> int:
        return self.jobs

    def close(self) -> None:
        pass


class Split:
    """Some steps elsewhere, the others here, of those no more at once than this machine takes. elsewhere: opened with the
    first step that goes there, since a build that finds everything made needs nobody; goes: whether a step may."""

    def __init__(self, here: Executor, elsewhere: Callable[[], Executor], goes: Callable[[Step], bool]) -> None:
        self._here, self._goes = here, goes
        self._open = elsewhere
        self._opened: Executor | ShotbuildError | None = None
        self._opening = threading.Lock()
        self._free = threading.BoundedSemaphore(here.at_once())

    def run(self, wanted: Wanted) -> ActionResult:
        away = self._away(wanted.step)
        if away is not None:
            return away.run(wanted)
        with self._free:
            return self._here.run(wanted)

    def run_all(self, all_wanted: Sequence[Wanted]) -> Sequence[ActionResult | Exception]:
        away = self._away(all_wanted[0].step)
        if away is not None:
            return away.run_all(all_wanted)
        with self._free:
            return self._here.run_all(all_wanted)

    def takes(self, step: Step) -> bool:
        return True

    def at_once(self) -> int:
        away = self._known
        return self._here.at_once() + (0 if away is None else away.at_once())

    def hands(self) -> int:
        away = self._known
        return (self._here if away is None else away).hands()

    def close(self) -> None:
        away = self._known
        if away is not None:
            away.close()
        self._here.close()

    @property
    def _known(self) -> Executor | None:
        return None if isinstance(self._opened, ShotbuildError) else self._opened

    def _away(self, step: Step) -> Executor | None:
        """Who runs a step elsewhere; None = it is run here. Errors: ShotbuildError, the first time; Cancelled afterwards,
        so that what nobody could begin is told once."""
        if not self._goes(step):
            return None
        with self._opening:
            if self._opened is None:
                try:
                    self._opened = self._open()
                except ShotbuildError as error:
                    self._opened = error
                    raise
        if isinstance(self._opened, ShotbuildError):
            raise Cancelled(self._opened.message)
        return self._opened if self._opened.takes(step) else None
