"""The contract of a store, in words. Every implementation passes the same tests."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from shotbuild.records import ActionResult, Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What the action cache keeps of an action. action: digest of its manifest."""

    action: str
    result: ActionResult
    manifest: str


class BlobStore(Protocol):
    """Bytes under their digest. Written once, never changed, and removed only by name."""

    def has(self, digest: Digest) -> bool:
        """Whether the bytes are here, judged by name and size alone (cheap; `verify` reads them)."""
        ...

    def path(self, digest: Digest) -> Path:
        """A file that holds the bytes, for reading only. Errors: BytesLost when they are missing."""
        ...

    def verify(self, digest: Digest) -> None:
        """Reads the bytes. Errors: BytesLost when they are missing or differ; damaged bytes are set aside, not served."""
        ...

    def sound(self, digest: Digest) -> bool:
        """Reads the bytes and says whether they match; leaves them where they are. False when they are missing."""
        ...

    def adopt(self, file: Path, *, settled: bool = True) -> Digest:
        """Moves a finished file in, durable before the call returns; the file is gone from where it was.

        settled: False = it is durable once `settle` was called for it, and nothing that outlives a loss of power may name it
        before.
        """
        ...

    def settle(self, digests: Iterable[Digest]) -> None:
        """Makes what was adopted durable, many at once. Errors: OSError."""
        ...

    def copy_in(self, file: Path) -> Digest:
        """Copies a file in; the file stays."""
        ...

    def repair(self, digest: Digest, source: Path) -> bool:
        """Takes the bytes from another file, durable before the call returns, over what is here under that digest.

        False, and nothing is changed, when they do not match the digest. Errors: OSError.
        """
        ...

    def each(self) -> Iterator[Digest]:
        """Every blob, by name and size, in the order of names. Nothing is read: a damaged one may have another size."""
        ...

    def remove(self, digest: Digest) -> None:
        """Takes the bytes out for good, if they are here. Who calls it knows that nothing names them. Errors: OSError."""
        ...

    def hand_out(self, digest: Digest, target: Path, *, hard: bool = False, folder: Path | None = None) -> None:
        """Puts a verified copy at `target`, replacing what is there in one move: a reflink where the file system can.

        hard: a hard link instead, so that no space is used; who writes through it damages the store. folder: where it is
        copied first, where that is on the same file system.
        """
        ...


class ActionCache(Protocol):
    """What each action gave, under the digest of its manifest. Never evicts, never runs code that it finds."""

    def get(self, action: str) -> ActionResult | None: ...

    def put(self, action: str, result: ActionResult, manifest: str) -> None:
        """Records a result, durable before the call returns. Errors: StoreError."""
        ...

    def put_all(self, rows: Sequence[Row]) -> None:
        """The same for several in one commit: all of them are recorded, or none. Errors: StoreError."""
        ...

    def manifest(self, action: str) -> str | None:
        """The text that was hashed, as it was when the result was recorded."""
        ...

    def rows(self) -> Iterator[tuple[str, str, ActionResult]]:
        """Every result that can be read, in the order of keys: key, name of the stage ("" = unknown), result."""
        ...
