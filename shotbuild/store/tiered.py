"""Both Protocols of a store once more: what is here first, then what the team's store has.

Bytes come when they are read, and stay. A result that only the shared store has is a hit whose bytes may never be needed.
What the shared store lacked is not asked for again for a while: a build looks at the same step more than once.
"""

import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator, MutableMapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from shotbuild.errors import BytesLost, StoreError
from shotbuild.host import files
from shotbuild.records import ActionResult, Digest
from shotbuild.store.actions import DiskActions
from shotbuild.store.blobs import FolderBlobs
from shotbuild.store.interface import Row
from shotbuild.store.shared import Shared

LACKED = 300.0
"""Seconds for which a store is taken to lack what it lacked."""


class _Lacking:
    """What was asked for and was not there, for a while. clock: seconds that only grow."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until: dict[object, float] = {}

    def __contains__(self, key: object) -> bool:
        until = self._until.get(key)
        return until is not None and self._clock() < until

    def add(self, key: object) -> None:
        self._until[key] = self._clock() + LACKED

    def discard(self, key: object) -> None:
        self._until.pop(key, None)


class TieredBlobs:
    """A BlobStore. local: on this disk; shared: the team's, None = there is none; incoming: makes a folder on the disk of
    `local` for what is on its way."""

    def __init__(self, local: FolderBlobs, shared: Callable[[], Shared | None], incoming: Callable[[], Path]) -> None:
        self.local = local
        self._shared, self._incoming = shared, incoming
        self._fetching: dict[str, threading.Lock] = {}
        self._lacking = _Lacking()

    def has(self, digest: Digest) -> bool:
        """Whether the bytes are here or can be had, judged by name and size alone."""
        if self.is_known(digest):
            return True
        shared = self._shared()
        return shared is not None and digest not in self._lacking and self._has_now(shared, digest)

    def is_known(self, digest: Digest) -> bool:
        """Whether the bytes are here, or were seen in the shared store; asks nobody."""
        if self.local.has(digest):
            return True
        shared = self._shared()
        return shared is not None and shared.is_known(digest)

    def ask(self, digests: Iterable[Digest]) -> None:
        """Asks the shared store at the same time for all bytes that are not here: from now on `has` knows."""
        shared = self._shared()
        if shared is not None:
            unknown = [each for each in digests if each not in self._lacking and not self.is_known(each)]
            shared.ask_all(unknown, lambda each: self._has_now(shared, each))

    def _has_now(self, shared: Shared, digest: Digest) -> bool:
        if shared.has(digest):
            return True
        if shared.reachable:
            self._lacking.add(digest)
        return False

    def known(self, sha256: str) -> Digest | None:
        """The bytes of which only the sha256 is known; None when they cannot be had."""
        found, shared = self.local.known(sha256), self._shared()
        if found is not None or shared is None:
            return found
        size = shared.size(sha256)
        return None if size is None else Digest(sha256=sha256, size=size)

    def names(self) -> frozenset[str]:
        """The sha256 of everything that is here, or was seen in the shared store; asks nobody."""
        shared = self._shared()
        return self.local.names() if shared is None else self.local.names() | shared.names()

    def was_damaged(self, digest: Digest) -> bool:
        return self.local.was_damaged(digest)

    def path(self, digest: Digest) -> Path:
        self._bring(digest)
        return self.local.path(digest)

    def verify(self, digest: Digest) -> None:
        self._bring(digest)
        try:
            self.local.verify(digest)
        except BytesLost:
            if not self._bring(digest):
                raise
            self.local.verify(digest)

    def sound(self, digest: Digest) -> bool:
        return self.local.sound(digest)

    def adopt(self, file: Path, *, settled: bool = True) -> Digest:
        return self.local.adopt(file, settled=settled)

    def settle(self, digests: Iterable[Digest]) -> None:
        # What lies in the shared store alone is durable there.
        shared = self._shared()
        self.local.settle([each for each in digests if shared is None or self.local.has(each) or not shared.has(each)])

    def copy_in(self, file: Path) -> Digest:
        return self.local.copy_in(file)

    def repair(self, digest: Digest, source: Path) -> bool:
        return self.local.repair(digest, source)

    def each(self) -> Iterator[Digest]:
        return self.local.each()

    def remove(self, digest: Digest) -> None:
        self.local.remove(digest)

    def hand_out(self, digest: Digest, target: Path, *, hard: bool = False, folder: Path | None = None) -> None:
        self._bring(digest)
        self.local.hand_out(digest, target, hard=hard, folder=folder)

    def _bring(self, digest: Digest) -> bool:
        """Fetches what is not here. False when it cannot be had. Errors: OSError of the disk."""
        shared = self._shared()
        if self.local.has(digest):
            return True
        if shared is None:
            return False
        with self._fetching.setdefault(digest.sha256, threading.Lock()):
            if self.local.has(digest):
                return True
            _check_room(self._incoming(), digest)
            fresh = files.temporary_beside(self._incoming() / digest.sha256)
            try:
                if not shared.fetch(digest, fresh):
                    shared.forget(digest)
                    return False
                self.local.adopt(fresh)
                return True
            finally:
                fresh.unlink(missing_ok=True)


def _check_room(folder: Path, digest: Digest) -> None:
    """Errors: StoreError. A disk is not filled to its end first."""
    free = shutil.disk_usage(folder).free
    if digest.size > free:
        raise StoreError(
            f"bytes {digest.short} of the shared store do not fit on this disk",
            cause=f"they are {digest.size} bytes, and {free} are free",
            hint="free some space and build again",
        )


class TieredActions:
    """An ActionCache. What the shared store says is kept here as well: the next look asks nobody. came: the actions whose
    results came from there, kept between runs; None = nobody wants to know."""

    def __init__(
        self, local: DiskActions, shared: Callable[[], Shared | None], came: MutableMapping[str, Any] | None = None
    ) -> None:
        self.local = local
        self._shared = shared
        self.came = {} if came is None else came
        self._lacking = _Lacking()

    def get(self, action: str) -> ActionResult | None:
        found, shared = self.local.get(action), self._shared()
        if found is not None or shared is None or action in self._lacking:
            return found
        row = self._asked(shared, action)
        if row is None:
            return None
        self._take_in([row])
        return row.result

    def ask(self, actions: Iterable[str]) -> None:
        """Asks the shared store at the same time for all results that are not here: from now on `get` knows."""
        shared = self._shared()
        if shared is None:
            return
        unknown = [each for each in actions if each not in self._lacking and self.local.get(each) is None]
        answers = shared.ask_all(unknown, lambda each: self._asked(shared, each))
        self._take_in([row for _, row in answers if row is not None])

    def forget(self, action: str) -> None:
        """Somebody may have made it meanwhile: the next look asks again."""
        self._lacking.discard(action)

    def _asked(self, shared: Shared, action: str) -> Row | None:
        row = shared.result(action)
        if row is None and shared.reachable:
            self._lacking.add(action)
        return row

    def _take_in(self, rows: Sequence[Row]) -> None:
        if not rows:
            return
        with suppress(StoreError):  # a disk that takes nothing more does not make them wrong
            self.local.put_all(rows)
        self.came.update((row.action, True) for row in rows)

    def put(self, action: str, result: ActionResult, manifest: str) -> None:
        self.put_all([Row(action=action, result=result, manifest=manifest)])

    def put_all(self, rows: Sequence[Row]) -> None:
        self.local.put_all(rows)
        for row in rows:
            self.came.pop(row.action, None)

    def manifest(self, action: str) -> str | None:
        return self.local.manifest(action)

    def rows(self) -> Iterator[tuple[str, str, ActionResult]]:
        return self.local.rows()
