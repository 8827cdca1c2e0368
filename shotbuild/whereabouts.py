"""Which takes lie on this disk only. Asks the shared store for those alone that were never seen there."""

from collections.abc import Iterable, Iterator, Sequence

from shotbuild.records import Digest, Take
from shotbuild.rooms import Rooms
from shotbuild.units import counted

ASKED_AT_MOST = 2000
"""What is asked for by one command that only looks: the rest counts as not there."""
SHOWN = 3
REMEDY = "`shotbuild store push` sends them"


def takes_of(rooms: Rooms, shots: Iterable[str]) -> Iterator[Take]:
    """All takes that the ledgers of shots have."""
    for shot in shots:
        yield from rooms.ledgers.of(shot).takes


def blobs_of(take: Take) -> tuple[Digest, ...]:
    """All bytes that a take names."""
    return (take.video,) if take.record is None else (take.video, take.record)


def only_here(rooms: Rooms, shots: Iterable[str], *, ask: bool = True) -> tuple[Take, ...]:
    """The takes of shots of which something lies here and not in the shared store, as far as that is known; none where there
    is no such store. ask: it, for what was never seen there."""
    shared = rooms.shared
    if shared is None:
        return ()
    found = [(take, _unseen(rooms, take)) for take in takes_of(rooms, shots)]
    if ask:
        unseen = [digest for _, digests in found for digest in digests]
        shared.ask_all(unseen[:ASKED_AT_MOST], shared.has)
    return tuple(take for take, digests in found if any(not shared.is_known(digest) for digest in digests))


def _unseen(rooms: Rooms, take: Take) -> list[Digest]:
    shared = rooms.shared
    assert shared is not None, "the caller looked"
    return [digest for digest in blobs_of(take) if not shared.is_known(digest) and rooms.local.has(digest)]


def name_of(take: Take) -> str:
    return f"{take.shot} t{take.number}"


def sentence(takes: Sequence[Take]) -> str:
    """How many takes lie on one disk only, with the first ones by name."""
    shown = ", ".join(name_of(take) for take in takes[:SHOWN])
    more = f" and {len(takes) - SHOWN} more" if len(takes) > SHOWN else ""
    return f"{counted(len(takes), 'take')} on this disk only: {shown}{more}"
