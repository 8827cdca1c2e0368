"""What goes to the shared store while other work goes on: from a few threads, each result after its bytes.

Nothing here fails who made the results: what could not be sent is told at the end, and lies here as before.
"""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from shotbuild.errors import BytesLost, ShotbuildError, StoreRefused, StoreUnavailable
from shotbuild.records import ActionResult, Digest
from shotbuild.store.blobs import FolderBlobs
from shotbuild.store.interface import Row
from shotbuild.store.shared import Shared

SENDERS = 4
WAIT_SECONDS = 0.2
"""So often a thread that waits looks whether it was interrupted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """What goes there together. what: for people, `sh010 t3` or the name of a step; row: the result, None = bytes alone;
    take: it was asked of a provider, and the same is never made again."""

    what: str
    blobs: tuple[Digest, ...]
    row: Row | None
    take: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsent:
    """why: in words; None = the build was stopped before it was tried."""

    parcel: Parcel
    why: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Otherwise:
    """Somebody else said first what an action gave, and it is something else: that stands there, this stays here."""

    parcel: Parcel
    there: ActionResult


@dataclass(slots=True)
class Sent:
    """What came of it. parcels: those of which something was sent; size: bytes that were; unsent: in the order in which they
    were put in."""

    parcels: list[Parcel] = field(default_factory=list)
    size: int = 0
    unsent: list[Unsent] = field(default_factory=list)
    otherwise: list[Otherwise] = field(default_factory=list)


class Outbox:
    """shared: where it goes; local: where it lies; tell: told how many parcels have ended, of how many, after each."""

    def __init__(self, shared: Shared, local: FolderBlobs, tell: Callable[[int, int], None] = lambda *_: None) -> None:
        self._shared, self._local, self._tell = shared, local, tell
        self._waiting: deque[Parcel] = deque()
        self._open = 0
        self._ended = self._all = 0
        self._stopped = False
        self._closed = False
        self._sent = Sent()
        self._changed = threading.Condition()
        self._threads: list[threading.Thread] = []

    def add(self, parcel: Parcel) -> None:
        """Has it sent soon. Safe from any thread."""
        with self._changed:
            self._waiting.append(parcel)
            self._all += 1
            self._open += 1
            if len(self._threads) < min(SENDERS, self._open):
                # Nobody who presses Ctrl-C waits for a film that is on its way.
                self._threads.append(threading.Thread(target=self._work, name="send", daemon=True))
                self._threads[-1].start()
            self._changed.notify()

    @property
    def open(self) -> int:
        """How many have not ended."""
        with self._changed:
            return self._open

    def wait(self, seconds: float) -> bool:
        """Waits for all that was put in, for so long at most; whether all has ended."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._open, seconds)

    def end(self) -> Sent:
        """Waits until all is sent that can be, and says what came of it."""
        with self._changed:
            while self._open:
                self._changed.wait(WAIT_SECONDS)
            self._closed = True
            self._changed.notify_all()
            return self._sent

    def stop(self) -> Sent:
        """Sends nothing more, and does not wait for what is on its way: it is there whole, or not at all."""
        with self._changed:
            self._stopped = self._closed = True
            self._sent.unsent += [Unsent(parcel=parcel, why=None) for parcel in self._waiting]
            self._waiting.clear()
            self._changed.notify_all()
            return self._sent

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._waiting:
                    if self._closed:
                        return
                    self._changed.wait(WAIT_SECONDS)
                parcel = self._waiting.popleft()
            self._try(parcel)
            with self._changed:
                self._open -= 1
                self._ended += 1
                ended, total = self._ended, self._all
                self._changed.notify_all()
            self._tell(ended, total)

    def _try(self, parcel: Parcel) -> None:
        try:
            size, other = self._send(parcel)
        except (ShotbuildError, OSError) as error:
            self._note(unsent=Unsent(parcel=parcel, why=_why(error)))
            return
        except Exception as error:  # a bug costs a warning, and nobody a take
            self._note(unsent=Unsent(parcel=parcel, why=f"a bug: {type(error).__name__}: {error}"))
            return
        with self._changed:
            if size:
                self._sent.parcels.append(parcel)
                self._sent.size += size
            if other is not None:
                self._sent.otherwise.append(Otherwise(parcel=parcel, there=other))

    def _send(self, parcel: Parcel) -> tuple[int, ActionResult | None]:
        """How many bytes were sent, and what somebody else says of the action."""
        size = 0
        for digest in parcel.blobs:
            if self._shared.is_known(digest):
                continue
            self._check()
            if self._shared.has(digest):
                continue
            self._check()
            if not self._local.sound(digest):
                raise BytesLost(f"bytes {digest.short} are damaged here, or not here")
            self._shared.send(digest, self._local.path(digest))
            size += digest.size
        other = None
        if parcel.row is not None and not self._shared.is_recorded(parcel.row.action):
            self._check()
            other = self._shared.record(parcel.row)
        return size, other

    def _check(self) -> None:
        """Errors: StoreUnavailable, so that a store that does not answer costs one wait and not one for each parcel."""
        if not self._shared.writes:
            raise StoreRefused(f"nothing is written to {self._shared.shown}")
        if not self._shared.reachable:
            raise StoreUnavailable(f"{self._shared.shown} cannot be reached")

    def _note(self, unsent: Unsent) -> None:
        with self._changed:
            if not self._stopped:
                self._sent.unsent.append(unsent)


def _why(error: ShotbuildError | OSError) -> str:
    if isinstance(error, ShotbuildError):
        return error.message + (f" ({error.cause})" if error.cause else "")
    return str(error)
