"""Small tables that are kept between runs: they save time, and tell `new` from `changed`. They decide no bytes."""

import json
import os
import time
from collections.abc import Callable, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any

from shotbuild.digest import of_file
from shotbuild.host.files import locked, write_atomic
from shotbuild.records import Digest

STAMP = attrgetter("st_size", "st_mtime_ns", "st_ctime_ns", "st_ino")
# A file that changed this shortly before it was read may change again within the clock's grain, with the same stat.
GRAIN_NS = 2_000_000_000


class Memory:
    """Named tables of plain JSON in one file. What cannot be read is an empty table."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._tables = _read(path)
        self._loaded = _read(path)

    def table(self, name: str) -> dict[str, Any]:
        """A table to read and write; keys are text, values plain JSON."""
        table: dict[str, Any] = self._tables.setdefault(name, {})
        return table

    def save(self) -> None:
        """Writes what this object changed over what the file holds now: other builds write too. Errors: OSError."""
        if self._tables == self._loaded:
            return
        with locked(self._path.parent / "locks" / "memory.lock"):
            merged = _read(self._path)
            for name, table in self._tables.items():
                _merge(merged.setdefault(name, {}), dict(table), self._loaded.get(name, {}))
            text = json.dumps(merged)
            write_atomic(self._path, text.encode())
        self._loaded = json.loads(text)
        for name, table in merged.items():
            _become(self._tables.setdefault(name, {}), table)

    def digest(self, key: str, file: Path) -> Digest:
        """A file's digest; its bytes are read only when its stat is not the one that was kept. Errors: OSError."""
        table = self.table("digests")
        stamp = stamp_of(file)
        kept = table.get(key)
        if isinstance(kept, list) and len(kept) == 2 and kept[0] == stamp and isinstance(kept[1], str):
            return Digest(sha256=kept[1], size=stamp[0])
        digest = of_file(file)
        if settled(stamp) and stamp_of(file) == stamp:
            table[key] = [stamp, digest.sha256]
        else:
            table.pop(key, None)
        return digest


def stamp_of(file: Path) -> list[int]:
    """What tells that a file may have changed: size, time of change of content and of status, inode."""
    return list(STAMP(os.stat(file)))


def settled(stamp: Sequence[int], clock: Callable[[], int] = time.time_ns) -> bool:
    """Whether a file with this stamp is old enough for its stamp to be trusted next time."""
    return clock() - max(stamp[1], stamp[2]) > GRAIN_NS


def _merge(into: dict[str, Any], table: dict[str, Any], loaded: dict[str, Any]) -> None:
    """Brings into a table what was set or taken out of it since it was loaded."""
    into.update({key: value for key, value in table.items() if key not in loaded or loaded[key] != value})
    for key in loaded.keys() - table.keys():
        into.pop(key, None)


def _become(mine: dict[str, Any], table: dict[str, Any]) -> None:
    """Who was given a table goes on with it."""
    for key in mine.keys() - table.keys():
        mine.pop(key, None)
    mine.update(table)


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return {name: table for name, table in content.items() if isinstance(table, dict)} if isinstance(content, dict) else {}
