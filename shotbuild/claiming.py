"""For the length of a build: what costs money is claimed in the shared store before it is asked for, and let go of at the
end, once everybody can have what came of it."""

import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from shotbuild.digest import of_text
from shotbuild.errors import StoreUnavailable
from shotbuild.rooms import Rooms
from shotbuild.store.claims import Claims
from shotbuild.store.shared import Shared

STORES, HOLDER = "stores", "holder"


@contextmanager
def claiming(rooms: Rooms, *, wanted: bool) -> Iterator[Claims | None]:
    """wanted: whether to claim at all. None where there is nothing to claim in."""
    shared = rooms.shared if wanted else None
    if shared is None or not _can_claim(rooms, shared):
        yield None
        return
    claims = Claims(shared, _holder(rooms), socket.gethostname())
    try:
        yield claims
    finally:
        claims.close()
        for action in claims.held:
            if _is_over(rooms, shared, action):
                claims.release(action)
            else:
                claims.leave(action)


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
