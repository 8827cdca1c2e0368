"""Both Protocols of a store once more: what is here first, then what the team's store has.

Bytes come when they are read, and stay. A result that only the shared store has is a hit whose bytes may never be needed.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from shotbuild.errors import BytesLost
from shotbuild.host import files
from shotbuild.records import ActionResult, Digest
from shotbuild.store.actions import DiskActions
from shotbuild.store.blobs import FolderBlobs
from shotbuild.store.interface import Row
from shotbuild.store.shared import Shared


class TieredBlobs:
    """A BlobStore. local: on this disk; shared: the team's, None = there is none; incoming: makes a folder on the disk of
    `local` for what is on its way."""

    def __init__(self, local: FolderBlobs, shared: Callable[[], Shared | None], incoming: Callable[[], Path]) -> None:
        self.local = local
        self._shared, self._incoming = shared, incoming
        self._fetching: dict[str, threading.Lock] = {}

    def has(self, digest: Digest) -> bool:
        """Whether the bytes are here or can be had, judged by name and size alone."""
        if self.local.has(digest):
            return True
        shared = self._shared()
        return shared is not None and shared.has(digest)

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
            fresh = files.temporary_beside(self._incoming() / digest.sha256)
            try:
                if not shared.fetch(digest, fresh):
                    shared.forget(digest)
                    return False
                self.local.adopt(fresh)
                return True
            finally:
                fresh.unlink(missing_ok=True)


class TieredActions:
    """An ActionCache. What the shared store says is kept here as well: the next look asks nobody."""

    def __init__(self, local: DiskActions, shared: Callable[[], Shared | None]) -> None:
        self.local = local
        self._shared = shared

    def get(self, action: str) -> ActionResult | None:
        found, shared = self.local.get(action), self._shared()
        if found is not None or shared is None:
            return found
        row = shared.result(action)
        if row is None:
            return None
        self.local.put_all([row])
        return row.result

    def put(self, action: str, result: ActionResult, manifest: str) -> None:
        self.local.put(action, result, manifest)

    def put_all(self, rows: Sequence[Row]) -> None:
        self.local.put_all(rows)

    def manifest(self, action: str) -> str | None:
        return self.local.manifest(action)

    def rows(self) -> Iterator[tuple[str, str, ActionResult]]:
        return self.local.rows()
