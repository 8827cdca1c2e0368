"""A store that several machines share: blobs and results over any `Objects`. Nothing that comes out of it is believed.

Bytes are read against their digest before anybody sees them; a result says which action it answers by the text that was
hashed, and is JSON of bounded size. What cannot be reached is told once, left alone for a while, and the build goes on.
"""

import json
import threading
import time
from collections.abc import Callable, Iterable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
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
LEFT_ALONE, LEFT_LONGEST = 30.0, 600.0
"""Seconds for which a store that failed is not asked again; twice as long each time that it fails again."""
UNREACHABLE, REFUSED = "unreachable", "refused"
ASKERS = 32
"""Questions that are asked at the same time: each is a round trip, and next to no work."""
Answer = TypeVar("Answer")
Question = TypeVar("Question")


class Shared:
    """objects: where it lies; known: what was seen there before, sha256 → size, kept between runs; recorded: the actions
    whose results were seen there, kept likewise; warn: told in words what is wrong; writes: whether anything may be put
    there; clock: seconds that only grow. Safe for many threads."""

    def __init__(
        self,
        objects: Objects,
        known: MutableMapping[str, Any],
        warn: Callable[[str], None],
        *,
        recorded: MutableMapping[str, Any] | None = None,
        writes: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.objects = objects
        self.writes = writes
        self._known, self._warn, self._clock = known, warn, clock
        self._recorded = {} if recorded is None else recorded
        self._bad: set[Digest] = set()
        self._asked_again, self._left_alone = 0.0, LEFT_ALONE
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
        """How many bytes it has under a digest, as it says now. None = nothing, or it cannot be asked."""
        asked = self._answered(lambda: self.objects.size(f"cas/{sha256}"))
        if asked is None:
            return None
        (found,) = asked
        if found is None or Digest(sha256=sha256, size=found) in self._bad:
            self._known.pop(sha256, None)
            return None
        self._known[sha256] = found
        return found

    def fetch(self, digest: Digest, into: Path) -> bool:
        """Brings bytes into a new file. False, and there is no file, when they are not there, are not what they should be,
        or it cannot be asked. Errors: OSError of the file."""
        try:
            asked = self._answered(lambda: self.objects.fetch(f"cas/{digest.sha256}", into, digest.size))
        except StoreError:  # there are more bytes than there should be
            self._distrust(digest)
            asked = (None,)
        if asked is not None and asked[0] == digest:
            self._known[digest.sha256] = digest.size
            return True
        if asked is not None:
            self._known.pop(digest.sha256, None)
            if asked[0] is not None:
                self._distrust(digest)
        into.unlink(missing_ok=True)
        return False

    def send(self, digest: Digest, file: Path) -> None:
        """Puts bytes there, unless they are. file: was read against the digest. Errors: StoreUnavailable, StoreRefused also
        when nothing may be put there; BytesLost when the file is not what it should be, OSError of the file."""
        if digest not in self._bad and self.has(digest):
            return
        self.replace(digest, file)

    def replace(self, digest: Digest, file: Path) -> None:
        """Puts bytes there, whatever is there. The same errors."""
        if file.stat().st_size != digest.size:
            raise BytesLost(f"bytes {digest.short} in the store do not match their digest")
        self._write(lambda: self.objects.send(f"cas/{digest.sha256}", file))
        self._bad.discard(digest)
        self._known[digest.sha256] = digest.size

    def forget(self, digest: Digest) -> None:
        """Bytes that were believed to be there are not."""
        self._known.pop(digest.sha256, None)

    # --- results ------------------------------------------------------------------------------------------------------

    def result(self, action: str) -> Row | None:
        """What somebody's machine says that an action gave. None = nothing, nothing readable, or it cannot be asked."""
        try:
            asked = self._answered(lambda: self.objects.read(f"ac/{action}", LARGEST_RESULT))
        except StoreError:  # it is larger than any result
            asked = None
        if asked is None or asked[0] is None:
            return None
        row = read_shared(action, asked[0])
        if row is not None:
            self._recorded[action] = True
        return row

    def is_recorded(self, action: str) -> bool:
        """Whether a result of the action was seen there before; asks nobody."""
        return action in self._recorded

    def agrees(self, row: Row) -> bool:
        """Whether it has the same result now. False = it has none, or one that differs or cannot be read, of which `record`
        says which; or it cannot be asked."""
        found = self.result(row.action)
        same = found is not None and found.result.outputs == row.result.outputs
        if not same:
            self.unrecord(row.action)
        return same

    def unrecord(self, action: str) -> None:
        """A result that was believed to be there is not."""
        self._recorded.pop(action, None)

    def record(self, row: Row) -> ActionResult | None:
        """Says what an action gave: the first to say so is believed. Its bytes are there already. Gives what somebody else
        said of it, where that is something else. Errors: StoreUnavailable, StoreRefused also when nothing may be put there;
        StoreError."""
        text = canonical_line(row_of(row.result) | {"manifest": row.manifest}).encode()
        if len(text) > LARGEST_RESULT:
            raise StoreError(f"the result of {row.action[:8]} is too large to be shared", cause=f"{len(text)} bytes of text")
        other = None
        if not self._write(lambda: self.objects.create(f"ac/{row.action}", text)):
            before = self._there(row.action)
            if before is None or (before.outputs != row.result.outputs and not self._holds_all(before)):
                # Nobody can use what is there: it is damaged, of another version, or its bytes are gone.
                self._write(lambda: self.objects.write(f"ac/{row.action}", text))
            elif before.outputs != row.result.outputs:
                other = before
        self._recorded[row.action] = True
        return other

    def _there(self, action: str) -> ActionResult | None:
        try:
            text = self._must(lambda: self.objects.read(f"ac/{action}", LARGEST_RESULT))
        except StoreUnavailable:
            raise
        except StoreError:  # it is larger than any result
            return None
        row = None if text is None else read_shared(action, text)
        return None if row is None else row.result

    def _holds_all(self, result: ActionResult) -> bool:
        return all(self._must(partial(self.objects.size, f"cas/{each.sha256}")) == each.size for each in result.blobs)

    # --- asking -------------------------------------------------------------------------------------------------------

    def ask_all(self, questions: Iterable[Question], ask: Callable[[Question], Answer]) -> list[tuple[Question, Answer]]:
        """Asks many questions at the same time. ask: one of the methods above; gives each with its answer."""
        several = list(dict.fromkeys(questions))
        if not several:
            return []
        pool = ThreadPoolExecutor(min(ASKERS, len(several)), "ask")
        try:
            return list(zip(several, pool.map(ask, several), strict=True))
        finally:
            # Who presses Ctrl-C does not wait for thousands of answers.
            pool.shutdown(cancel_futures=True)

    def warn_once(self, sentence: str, *, of: str | None = None) -> None:
        """of: what else may be said of the same, which then need not be."""
        with self._lock:
            new = (of or sentence) not in self._told
            self._told.add(of or sentence)
        if new:
            self._warn(sentence)

    def close(self) -> None:
        self.objects.close()

    def _answered(self, call: Callable[[], Answer]) -> tuple[Answer] | None:
        """For who can do without. None = it cannot be asked."""
        if not self.reachable:
            return None
        try:
            return (self._must(call),)
        except StoreUnavailable:
            return None

    def _must(self, call: Callable[[], Answer]) -> Answer:
        """Errors: StoreUnavailable, after it was told."""
        try:
            answer = call()
        except StoreUnavailable as error:
            self._leave_alone(error)
            raise
        self._asked_again, self._left_alone = 0.0, LEFT_ALONE
        return answer

    def _write(self, call: Callable[[], Answer]) -> Answer:
        """Errors: StoreRefused, and nothing more is written in this run; StoreUnavailable."""
        if not self.writes:
            raise StoreRefused(f"nothing is written to the shared store {self.shown}", cause="it is used for reading only")
        try:
            answer = call()
        except StoreRefused as error:
            self.writes = False
            self.warn_once(f"{_words(error)}; it is used for reading only", of=REFUSED)
            raise
        except StoreUnavailable as error:
            self._leave_alone(error)
            raise
        self._asked_again, self._left_alone = 0.0, LEFT_ALONE
        return answer

    def _leave_alone(self, error: StoreError) -> None:
        self.warn_once(f"{_words(error)}; the build goes on without the shared store", of=UNREACHABLE)
        with self._lock:
            now = self._clock()
            if now >= self._asked_again:  # else somebody else has just come back from the same failure
                self._asked_again = now + self._left_alone
                self._left_alone = min(2 * self._left_alone, LEFT_LONGEST)

    def _distrust(self, digest: Digest) -> None:
        self._bad.add(digest)
        self.warn_once(f"bytes {digest.short} in {self.shown} do not match their digest: they are not used")


def _words(error: StoreError) -> str:
    return error.message + (f" ({error.cause})" if error.cause else "")


def read_shared(action: str, text: bytes) -> Row | None:
    """A result as it was read, if it is one, and says by the text that was hashed that it answers this action."""
    try:
        said = json.loads(text)
        manifest = said["manifest"]
        if not isinstance(manifest, str) or of_text(manifest).sha256 != action:
            return None
        return Row(action=action, result=read_row(said), manifest=manifest)
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError):
        return None
