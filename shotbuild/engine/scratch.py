"""Keeps a store below a size whose bytes can be had elsewhere: what was used longest ago goes first, nothing that is in use.

Knows only what passed through it: for a store that one process has for itself.
"""

import threading
from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from shotbuild.records import Digest
from shotbuild.store.blobs import FolderBlobs


class Scratch:
    """most: bytes. Safe for many threads."""

    def __init__(self, blobs: FolderBlobs, most: int) -> None:
        self._blobs, self._most = blobs, most
        self._kept: OrderedDict[Digest, None] = OrderedDict()
        self._used: Counter[Digest] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def using(self, digests: Iterable[Digest]) -> Iterator[None]:
        """While this lasts they stay, once they are here; afterwards the store is brought below its size."""
        meant = set(digests)
        with self._lock:
            self._used.update(meant)
        try:
            yield
        finally:
            with self._lock:
                self._used.subtract(meant)
                self._used += Counter()  # what is used no more is not counted
            self.made(meant)

    def made(self, digests: Iterable[Digest]) -> None:
        """They are here, were used last, and are in the other store as well."""
        with self._lock:
            for digest in digests:
                if self._blobs.has(digest):
                    self._kept[digest] = None
                    self._kept.move_to_end(digest)
            size = sum(digest.size for digest in self._kept)
            for digest in [each for each in self._kept if each not in self._used]:
                if size <= self._most:
                    return
                self._blobs.remove(digest)
                del self._kept[digest]
                size -= digest.size
