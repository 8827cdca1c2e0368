"""What was begun before a build knew all of its plan (`early`): results that are under way, and the locks of their actions.

A build takes over what it needs of it, as if it had begun it itself; the rest is stopped.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass

from shotbuild.host.files import Lock
from shotbuild.plan.bind import Wanted
from shotbuild.records import ActionResult


@dataclass(slots=True)
class Begun:
    """lock: of the action, None once the build has it."""

    future: Future[ActionResult]
    lock: Lock | None


class Ahead:
    """begun: by the key of the action; held: what lasts as long as they run; cancel: that of the build, stops them."""

    def __init__(self, begun: dict[str, Begun], held: ExitStack, cancel: threading.Event) -> None:
        self._begun, self._held, self._cancel = begun, held, cancel

    def lock(self, key: str) -> Lock | None:
        """Hands the lock of an action over, once; None when it is not held here."""
        begun = self._begun.get(key)
        if begun is None:
            return None
        lock, begun.lock = begun.lock, None
        return lock

    def run(self, wanted: Wanted, run: Callable[[Wanted], ActionResult]) -> ActionResult:
        """The result of an action: of what was begun, else of running it. Errors: those of the stage."""
        begun = self._begun.pop(wanted.key, None)
        return run(wanted) if begun is None else begun.future.result()

    def close(self) -> None:
        """Stops what nobody took over, and gives everything back."""
        if self._begun:
            self._cancel.set()
        self._held.close()
        for begun in self._begun.values():
            if begun.lock is not None:
                begun.lock.release()
