"""Small tables that are kept between runs to save time. Deleting or damaging the file costs time, never correctness."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from shotbuild.digest import of_file
from shotbuild.host.files import write_atomic
from shotbuild.records import Digest

# A file that changed this shortly before it was read may change again within the clock's grain, with the same stat.
GRAIN_NS = 2_000_000_000


class Memory:
    """Named tables of plain JSON in one file. What cannot be read is an empty table."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._tables = _read(path)
        self._saved = json.dumps(self._tables)

    def table(self, name: str) -> dict[str, Any]:
        """A table to read and write; keys are text, values plain JSON."""
        table = self._tables.setdefault(name, {})
        if not isinstance(table, dict):
            table = self._tables[name] = {}
        return table

    def save(self) -> None:
        """Writes the file, if something changed. Errors: OSError."""
        text = json.dumps(self._tables)
        if text != self._saved:
            write_atomic(self._path, text.encode())
            self._saved = text

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
    stat = os.stat(file)
    return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]


def settled(stamp: list[int], clock: Callable[[], int] = time.time_ns) -> bool:
    """Whether a file with this stamp is old enough for its stamp to be trusted next time."""
    return clock() - max(stamp[1], stamp[2]) > GRAIN_NS


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}
