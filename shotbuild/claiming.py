"""For the length of a build: what costs money is claimed in the shared store before it is asked for, and let go of at the
end, once everybody can have what came of it."""

import os
import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from shotbuild.digest import of_text
from shotbuild.errors import StoreUnavailable
from shotbuild.rooms import Rooms
from shotbuild.store.claims import Claims, Other
from shotbuild.store.shared import Shared

STORES, HOLDER = "stores", "holder"


class Claiming:
    """The claims of one build. A build that pays for nothing asks the store for none. Safe for several threads."""

    def __init__(self, rooms: Rooms, shared: Shared) -> None:
        self._rooms, self._shared = rooms, shared
        self._claims: Claims | None = None
        self._looked = False
        self._lock = threading.Lock()

    def take(self, action: str) -> Other | None:
        """As `Claims.take`; None also where there is nothing to claim in, which was told."""
        with self._lock:
            if not self._looked:
                self._looked = True
                if _can_claim(self._rooms, self._shared):
                    self._claims = Claims(self._shared, _holder(self._rooms), socket.gethostname())
        return None if self._claims is None else self._claims.take(action)

    def close(self) -> None:
        """Lets go of what everybody can have, and keeps the rest."""
        claims = self._claims
        if claims is None:
            return
        claims.close()
        for action in claims.held:
            if _is_over(self._rooms, self._shared, action):
                claims.release(action)
            else:
                claims.leave(action)


@contextmanager
def claiming(rooms: Rooms, *, wanted: bool) -> Iterator[Claiming | None]:
    """wanted: whether to claim at all. None where there is no shared store."""
    shared = rooms.shared if wanted else None
    if shared is None:
        yield None
        return
    claims = Claiming(rooms, shared)
    try:
        yield claims
    finally:
        claims.close()


def _is_over(rooms: Rooms, shared: Shared, action: str) -> bool:
    """Whether nothing is under way, and what came of it can be had by everybody."""
    if rooms.journal.open(action) is not None:
        return False
    result = rooms.actions.local.get(action)
    return result is None or (all(map(shared.has, result.blobs)) and shared.result(action) is not None)


def _can_claim(rooms: Rooms, shared: Shared) -> bool:
    """Whether one of two machines wins there: found out once for each store, and said where it is not so."""
    table = rooms.memory.table(STORES)
    place = of_text(shared.shown).sha256[:16]
    if not shared.writes:
        return True  # it heeds the claims of others
    if place not in table:
        try:
            table[place] = shared.objects.exclusive()
        except StoreUnavailable as error:
            shared.warn_once(f"{error.message}; another machine that builds the same now may pay for it too")
            return False
    if not table[place]:
        shared.warn_once(
            f"{shared.shown} cannot let one of two machines be the first: two that build the same at once may both pay"
        )
    return shared.objects.lists


def _holder(rooms: Rooms) -> str:
    """Who claims: this folder on this machine. A copy of the folder elsewhere is somebody else."""
    table = rooms.memory.table(STORES)
    known = table.setdefault(HOLDER, secrets.token_hex(16))
    return of_text(f"{known}\n{socket.gethostname()}\n{os.path.realpath(rooms.root)}").sha256[:32]
