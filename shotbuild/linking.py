"""Results → their names below out/, one after another on a thread of its own, while the build that makes them goes on.

A film is copied out while it is measured. What is told of it is told at the end, in the order of the plan.
"""

from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from shotbuild.engine.done import Done
from shotbuild.errors import BytesLost, ShotbuildError
from shotbuild.plan.graph import Link, Plan
from shotbuild.records import Digest

BRINGERS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """written: paths below out/ that were put there; present: all of the plan's that are there; results: the bytes of each
    of those; lost: what was found damaged instead."""

    written: tuple[str, ...]
    present: tuple[str, ...]
    results: tuple[tuple[Link, Digest], ...]
    lost: tuple[BytesLost, ...]


class Linker:
    """put: puts bytes under a name, and says whether they were not there already; bring: brings them onto this disk, several
    at a time, where they are not, and says nothing. A context: what it began it ends."""

    def __init__(
        self, plan: Plan, put: Callable[[Link, Digest], bool], bring: Callable[[Digest], None] | None = None
    ) -> None:
        self._put, self._bring = put, bring
        self._links = plan.links
        self._of_step: dict[str, list[Link]] = {}
        for link in plan.links:
            self._of_step.setdefault(link.step, []).append(link)
        self._begun: dict[str, tuple[Digest, Future[bool]]] = {}
        self._pool = ThreadPoolExecutor(1, "link")
        self._bringers = ThreadPoolExecutor(BRINGERS, "bring")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None) -> None:
        self._bringers.shutdown(cancel_futures=kind is not None)
        self._pool.shutdown(cancel_futures=kind is not None)

    def begin(self, done: Done) -> None:
        """Puts the results of a step under their names, soon. Told again of one that could not be put there, tries again."""
        for link in self._of_step.get(done.step.name, ()):
            digest = done.result.output(link.output)
            before = self._begun.get(link.path)
            if before is None or before[0] != digest or (before[1].done() and before[1].exception() is not None):
                brought = None if self._bring is None else self._bringers.submit(self._bring, digest)
                self._begun[link.path] = digest, self._pool.submit(self._put_brought, link, digest, brought)

    def _put_brought(self, link: Link, digest: Digest, brought: Future[None] | None) -> bool:
        if brought is not None:
            brought.result()
        return self._put(link, digest)

    def end(self, steps: Collection[str]) -> Placed:
        """What was begun of these steps, once it is there. Errors: ShotbuildError, after the others were put there."""
        written: list[str] = []
        results: list[tuple[Link, Digest]] = []
        lost: list[BytesLost] = []
        failed: list[ShotbuildError] = []
        for link in self._links:
            if link.step not in steps or link.path not in self._begun:
                continue
            digest, begun = self._begun[link.path]
            results.append((link, digest))
            try:
                written += [link.path] if begun.result() else []
            except BytesLost as error:
                lost.append(error)
            except ShotbuildError as error:
                failed.append(error)
        if failed:
            raise failed[0]
        paths = tuple(link.path for link, _ in results)
        return Placed(written=tuple(written), present=paths, results=tuple(results), lost=tuple(lost))
