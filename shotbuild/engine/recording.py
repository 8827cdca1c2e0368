"""Results are put on disk together: those that end while some are written go into the next group, all in one commit.

So a disk that takes long for one commit takes as long for a hundred results. Nobody hears of a result, and nothing starts
that reads it, before its group is on disk; who is killed loses what ran and what was not written yet.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from shotbuild.store.interface import Row

Job = TypeVar("Job")


@dataclass(frozen=True, slots=True)
class Ended(Generic[Job]):
    """A job with what it gave."""

    job: Job
    row: Row


@dataclass(frozen=True, slots=True)
class Recorded(Generic[Job]):
    """error: why its result is not on disk, None = it is."""

    job: Job
    row: Row
    error: Exception | None


class Recorder(Generic[Job]):
    """keep: puts results on disk, all or none, durable before it returns; tell: given each group that was written."""

    def __init__(self, keep: Callable[[Sequence[Row]], None], tell: Callable[[Future[Any]], None]) -> None:
        self._keep, self._tell = keep, tell
        self._waiting: list[Ended[Job]] = []
        self._written: Future[list[Recorded[Job]]] | None = None
        self._pool = ThreadPoolExecutor(1, "record")

    def add(self, job: Job, row: Row) -> None:
        self._waiting.append(Ended(job, row))

    def begin(self) -> None:
        """Has what waits written, unless a group is being written."""
        if self._written is None and self._waiting:
            group, self._waiting = self._waiting, []
            self._written = self._pool.submit(self._write, group)
            self._written.add_done_callback(self._tell)

    def owns(self, future: Future[Any]) -> bool:
        return future is self._written

    def take(self) -> list[Recorded[Job]]:
        """What was just written, in the order in which it ended."""
        written, self._written = self._written, None
        return [] if written is None else written.result()

    def end(self) -> list[Recorded[Job]]:
        """Waits for all that was added, and gives what nobody took."""
        found = self.take()
        self.begin()
        found += self.take()
        self._pool.shutdown()
        return found

    def _write(self, group: Sequence[Ended[Job]]) -> list[Recorded[Job]]:
        error = self._failure(group)
        if error is None or len(group) == 1:
            return [Recorded(each.job, each.row, error) for each in group]
        # What cannot be written does not take the others with it.
        return [Recorded(each.job, each.row, self._failure([each])) for each in group]

    def _failure(self, group: Sequence[Ended[Job]]) -> Exception | None:
        try:
            self._keep([each.row for each in group])
        except Exception as error:
            return error
        return None
