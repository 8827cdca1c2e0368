"""A store that several machines share: blobs and results over any `Objects`. Nothing that comes out of it is believed.

Bytes are read against their digest before anybody sees them; a result says which action it answers by the text that was
hashed, and is JSON of bounded size. What cannot be reached is told once, left alone for a while, and the build goes on.
"""

import json
import threading
import time
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import Any, TypeVar

from shotbuild.digest import canonical_line, of_text
from shotbuild.errors import BytesLost, StoreError, StoreRefused, StoreUnavailable
from shotbuild.host.objects.interface import Objects
from shotbuild.records import ActionResult, Digest
from shotbuild.store.interface import Row
from shotbuild.store.rows import read_row, row_of

LARGEST_RESULT = 4 << 20
"""Bytes of one result: the longest manifests are a few hundred KB."""
LEFT_ALONE = 30.0
"""Seconds for which a store that failed is not asked again."""
Answer = TypeVar("Answer")
NOTHING = None


class Shared:
    """objects: where it lies; known: what was seen there before, sha256 → size, kept between runs; warn: told in words what
    is wrong; writes: whether anything may be put there; clock: seconds that only grow. Safe for many threads."""

    def __init__(
        self,
        objects: Objects,
        known: MutableMapping[str, Any],
        warn: Callable[[str], None],
        *,
        writes: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.objects = objects
        self.writes = writes
        self._known, self._warn, self._clock = known, warn, clock
        self._bad: set[str] = set()
        self._asked_again = 0.0
        self._told: set[str] = set()
        self._lock = threading.Lock()

    @property
    def shown(self) -> str:
        """Its address, without keys."""
        return self.objects.shown

    @property
    def reachable(self) -> bool:
        """Whether it answered when it was last asked, or has not been asked for a while."""
        return self._clock() >= self._asked_again

    # --- blobs --------------------------------------------------------------------------------------------------------

    def has(self, digest: Digest) -> bool:
        """Whether the bytes are there, as far as its names and sizes say. False when it cannot be asked."""
        return self.is_known(digest) or self.size(digest.sha256) == digest.size

    def is_known(self, digest: Digest) -> bool:
        """Whether the bytes were seen there before; asks nobody. They may be gone since."""
        return self._known.get(digest.sha256) == digest.size

    def names(self) -> frozenset[str]:
        """The sha256 of all that was seen there before."""
        return frozenset(self._known)

    def size(self, sha256: str) -> int | None:
        """How many bytes it has under a digest. None = nothing, or it cannot be asked."""
        if sha256 in self._bad:
            return None
        found = self._asked(lambda: self.objects.size(f"cas/{sha256}"), NOTHING)
        if found is not None:
            self._known[sha256] = found
        return found

    def fetch(self, digest: Digest, into: Path) -> bool:
        """Brings bytes into a new file. False, and there is no file, when they are not there, are not what they should be,
        or it cannot be asked. Errors: OSError of the file."""
        try:
            found = self._asked(lambda: self.objects.fetch(f"cas/{digest.sha256}", into, digest.size), NOTHING)
            whole = found == digest
            if found is not None and not whole:
                self._distrust(digest)
        except StoreUnavailable:
            raise
        except StoreError:  # there are more bytes than there should be
            self._distrust(digest)
            whole = False
        if whole:
            self._known[digest.sha256] = digest.size
        else:
            self._known.pop(digest.sha256, None)
            into.unlink(missing_ok=True)
        return whole

    def send(self, digest: Digest, file: Path) -> None:
        """Puts bytes there, unless they are. file: was read against the digest. Errors: StoreUnavailable, BytesLost when the
        file is not what it should be, OSError of the file."""
        if digest.sha256 not in self._bad and self.has(digest):
            return
        if file.stat().st_size != digest.size:
            raise BytesLost(f"bytes {digest.short} in the store do not match their digest")
        self._must(lambda: self.objects.send(f"cas/{digest.sha256}", file))
        self._bad.discard(digest.sha256)
        self._known[digest.sha256] = digest.size

    def forget(self, digest: Digest) -> None:
        """Bytes that were believed to be there are not."""
        self._known.pop(digest.sha256, None)

    # --- results ------------------------------------------------------------------------------------------------------

    def result(self, action: str) -> Row | None:
        """What somebody's machine says that an action gave. None = nothing, nothing readable, or it cannot be asked."""
        text = self._asked(lambda: self.objects.read(f"ac/{action}", LARGEST_RESULT), NOTHING)
        return None if text is None else _row(action, text)

    def record(self, row: Row) -> ActionResult | None:
        """Says what an action gave: the first to say so is believed. Its bytes are there already. Gives what somebody else
        said of it, where that is something else. Errors: StoreUnavailable, StoreError."""
        text = canonical_line(row_of(row.result) | {"manifest": row.manifest}).encode()
        if len(text) > LARGEST_RESULT:
            raise StoreError(f"the result of {row.action[:8]} is too large to be shared", cause=f"{len(text)} bytes of text")
        if self._must(lambda: self.objects.create(f"ac/{row.action}", text)):
            return None
        there = self._must(lambda: self.objects.read(f"ac/{row.action}", LARGEST_RESULT))
        before = None if there is None else _row(row.action, there)
        if before is None:
            # Nobody can use what is there: it is damaged, or of another version.
            self._must(lambda: self.objects.write(f"ac/{row.action}", text))
            return None
        return before.result if before.result.outputs != row.result.outputs else None

    # --- asking -------------------------------------------------------------------------------------------------------

    def warn_once(self, sentence: str) -> None:
        with self._lock:
            new = sentence not in self._told
            self._told.add(sentence)
        if new:
            self._warn(sentence)

    def close(self) -> None:
        self.objects.close()

    def _asked(self, call: Callable[[], Answer], otherwise: Answer) -> Answer:
        """For who can do without."""
        if not self.reachable:
            return otherwise
        try:
            return self._must(call)
        except StoreUnavailable:
            return otherwise

    def _must(self, call: Callable[[], Answer]) -> Answer:
        """Errors: StoreUnavailable, after it was told."""
        try:
            answer = call()
        except StoreRefused:
            raise
        except StoreUnavailable as error:
            self._asked_again = self._clock() + LEFT_ALONE
            why = f" ({error.cause})" if error.cause else ""
            self.warn_once(f"{error.message}{why}; the build goes on without the shared store")
            raise
        self._asked_again = 0.0
        return answer

    def _distrust(self, digest: Digest) -> None:
        self._bad.add(digest.sha256)
        self.warn_once(f"bytes {digest.short} in {self.shown} do not match their digest: they are not used")


def _row(action: str, text: bytes) -> Row | None:
    """A result as it was read, if it is one, and says by the text that was hashed that it answers this action."""
    try:
        said = json.loads(text)
        manifest = said["manifest"]
        if not isinstance(manifest, str) or of_text(manifest).sha256 != action:
            return None
        return Row(action=action, result=read_row(said), manifest=manifest)
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError):
        return None
