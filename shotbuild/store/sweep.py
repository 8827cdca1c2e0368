"""Which blobs may go: those that nothing names, apart by whether they can be made again. Pure; deletes nothing."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from shotbuild.records import Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """free: made by a stage that would make the same bytes again for nothing; takes: everything else that nothing names,
    which may be a take, what was said of one, or paid for, and then cannot be made again."""

    free: tuple[Digest, ...]
    takes: tuple[Digest, ...]


def sweepable(blobs: Iterable[Digest], named: Collection[str], intermediates: Collection[str]) -> Sweep:
    """blobs: all there are; named: sha256 of what something still needs; intermediates: sha256 of what the action cache
    knows to be made by stages that ask no provider. The order of blobs is kept."""
    kept, again = frozenset(named), frozenset(intermediates)
    loose = [digest for digest in blobs if digest.sha256 not in kept]
    return Sweep(
        free=tuple(digest for digest in loose if digest.sha256 in again),
        takes=tuple(digest for digest in loose if digest.sha256 not in again),
    )
