"""What every kind of shared storage comes down to: bytes under keys. Knows nothing of blobs, results or claims.

A key is a kind and names below it, joined by `/`: `cas/<sha256>`, `ac/<sha256>`, `claims/<sha256>/1`. How it is laid out is
the storage's own: buckets and folders put what is called by a digest below its first two digits.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from shotbuild.records import Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An object as a listing tells it. size: bytes; changed: seconds since 1970, by the storage's clock."""

    key: str
    size: int
    changed: float


class Objects(Protocol):
    """Storage at an address. Safe for many threads. Calls are repeated, with jitter, where that may help, and end in time.

    Errors of all methods: StoreUnavailable when it cannot be reached or does not answer as it should; StoreRefused when it
    says no: who asks is not known there, or may not do this.
    """

    shown: str
    """The address as people may see it: without keys."""
    lists: bool
    """Whether `each` and `remove` can be asked."""

    def size(self, key: str) -> int | None:
        """How many bytes there are under a key; None = nothing."""
        ...

    def read(self, key: str, most: int) -> bytes | None:
        """A small object; None = there is none. Errors: StoreError when it is larger than `most` bytes."""
        ...

    def fetch(self, key: str, into: Path, most: int) -> Digest | None:
        """Streams an object into a new file and says what arrived; None = there is none, and no file either. What ends early
        is asked for again. Errors: StoreError when there are more than `most` bytes; OSError of the file."""
        ...

    def write(self, key: str, content: bytes) -> None:
        """Puts a small object there, over what there is: readers see the one or the other, whole."""
        ...

    def send(self, key: str, file: Path) -> None:
        """Streams a file there in the same way, in parts where it is large. Errors: OSError of the file."""
        ...

    def create(self, key: str, content: bytes) -> bool:
        """Puts a small object there if there is none; False = there is one, which stays.

        Where the storage cannot say that in one move (`exclusive`), it is looked for first: two at once may both be told
        that they were the first."""
        ...

    def exclusive(self) -> bool:
        """Whether `create` lets exactly one of several win. Tried out with objects of its own below `probe/`: ask once."""
        ...

    def each(self, kind: str) -> Iterator[Found]:
        """Every object whose key begins with `kind/`, in the order of keys."""
        ...

    def remove(self, key: str) -> None:
        """Takes an object away, if it is there."""
        ...

    def close(self) -> None:
        """Lets go of connections."""
        ...
