"""Whether storage lets exactly one of several win, found out by trying: what servers say of it is not always so."""

import secrets
from concurrent.futures import ThreadPoolExecutor

from shotbuild.errors import StoreError
from shotbuild.host.objects.interface import Objects

RACERS, ROUNDS = 8, 4
"""Of servers where more than one can win, one let that happen in most rounds of eight, but not in all."""


def lets_one_win(objects: Objects) -> bool:
    """Puts small objects below `probe/` and takes them away again. Errors: those of storage that cannot be used."""
    folder = f"probe/{secrets.token_hex(16)}"
    keys = [f"{folder}/{number}" for number in range(ROUNDS + 1)]
    try:
        return _refuses_the_second(objects, keys[0]) and all(_one_wins(objects, key) for key in keys[1:])
    finally:
        for key in keys:
            _clear(objects, key)


def _refuses_the_second(objects: Objects, key: str) -> bool:
    return objects.create(key, b"1") and not objects.create(key, b"2") and objects.read(key, 1) == b"1"


def _one_wins(objects: Objects, key: str) -> bool:
    with ThreadPoolExecutor(RACERS) as threads:
        won = list(threads.map(lambda racer: objects.create(key, b"%d" % racer), range(RACERS)))
    return won.count(True) == 1 and objects.read(key, 1) == b"%d" % won.index(True)


def _clear(objects: Objects, key: str) -> None:
    try:
        objects.remove(key)
    except StoreError:
        pass  # who may put need not be allowed to take away
