"""The action cache: action digest → ActionResult as one JSON row in diskcache. Never evicts, never unpickles.

diskcache's defaults evict at 1 GiB and unpickle rows (CVE-2025-69872); the settings and `TextDisk` below take both away.
"""

import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from diskcache import Cache, Disk, Timeout
from diskcache.core import DEFAULT_SETTINGS, METADATA

from shotbuild.digest import canonical_line
from shotbuild.errors import StoreError
from shotbuild.records import ActionResult
from shotbuild.store.interface import Row
from shotbuild.store.rows import read_row, row_of

SETTINGS: dict[str, int | str] = {
    "eviction_policy": "none",
    "cull_limit": 0,
    "size_limit": 2**62,
    "statistics": 0,
    "tag_index": 0,
    "sqlite_synchronous": 2,
    "sqlite_mmap_size": 0,
    "disk_min_file_size": 2**62,
}
KNOWN_SETTINGS = frozenset(DEFAULT_SETTINGS) | frozenset(METADATA)
RAW = 1
LONGEST = 64 << 20
NO_RESULT = (KeyError, TypeError, ValueError, AttributeError, ArithmeticError)


class TextDisk(Disk):  # type: ignore[misc]
    """Rows of text under keys of text, inside the database; anything else, planted or by mistake, is refused."""

    def put(self, key: object) -> tuple[str, bool]:
        if not isinstance(key, str):
            raise TypeError(f"key {key!r} is not text")
        return key, True

    def get(self, key: object, raw: object) -> str:
        if not isinstance(key, str) or not raw:
            raise StoreError("the action cache holds a key that shotbuild did not write")
        return key

    def store(self, value: object, read: bool, key: object = None) -> tuple[int, int, None, str]:
        if not isinstance(value, str) or read or len(value) > LONGEST:
            raise TypeError("the action cache takes text rows only")
        return 0, RAW, None, value

    def fetch(self, mode: int, filename: object, value: object, read: bool) -> str:
        if mode != RAW or filename is not None or not isinstance(value, str) or read:
            raise StoreError("the action cache holds a row that shotbuild did not write")
        return value


class DiskActions:
    """An ActionCache in `folder`, on a local disk. warn: told when a damaged cache had to be set aside."""

    def __init__(self, folder: Path, warn: Callable[[str], None] = lambda _: None) -> None:
        self._folder = folder
        try:
            self._cache = _opened(folder, warn)
        except (sqlite3.Error, Timeout, OSError) as error:
            raise StoreError(
                "the action cache cannot be opened",
                cause=str(error),
                hint="check that you may write .shotbuild/cache/ and that the disk has room",
            ) from error

    def get(self, action: str) -> ActionResult | None:
        row = self._row(action)
        try:
            return None if row is None else read_row(row)
        except NO_RESULT:
            return None  # a row of another version, or planted: as good as none

    def put(self, action: str, result: ActionResult, manifest: str) -> None:
        self.put_all([Row(action=action, result=result, manifest=manifest)])

    def put_all(self, rows: Sequence[Row]) -> None:
        texts = {row.action: canonical_line(row_of(row.result) | {"manifest": row.manifest}) for row in rows}
        try:
            with self._cache.transact():
                for action, text in texts.items():
                    self._cache.set(action, text)
        except (sqlite3.Error, Timeout, OSError) as error:
            raise StoreError("a result could not be recorded in the action cache", cause=str(error)) from error

    def manifest(self, action: str) -> str | None:
        row = self._row(action)
        return None if row is None or "manifest" not in row else str(row["manifest"])

    def rows(self) -> Iterator[tuple[str, str, ActionResult]]:
        try:
            for key, text in _texts(self._folder / "cache.db"):
                row = _parsed(text)
                try:
                    found = None if row is None else (key, _stage(row), read_row(row))
                except NO_RESULT:
                    continue
                if found is not None:
                    yield found
        except sqlite3.Error as error:
            raise self._unreadable(error) from error

    def close(self) -> None:
        self._cache.close()

    def _row(self, action: str) -> dict[str, Any] | None:
        try:
            text = self._cache.get(action)
        except (sqlite3.Error, Timeout, OSError) as error:
            raise self._unreadable(error) from error
        return _parsed(text)

    def _unreadable(self, error: Exception) -> StoreError:
        return StoreError(
            "the action cache cannot be read",
            cause=str(error),
            hint=f"delete .shotbuild/{self._folder.name}/ and build again",
        )


def _parsed(text: object) -> dict[str, Any] | None:
    try:
        row = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


def _texts(database: Path) -> Iterator[tuple[str, str]]:
    """Keys and rows as they stand. diskcache's own walk ends at the first key that was planted."""
    connection = sqlite3.connect(database, timeout=60)
    try:
        connection.text_factory = bytes  # text that is not UTF-8 would end the walk as well
        connection.execute("PRAGMA trusted_schema = OFF")
        kinds = "raw = 1 AND typeof(key) = 'text' AND typeof(value) = 'text' AND length(value) <= ?"
        for key, value in connection.execute(
            f"SELECT key, value FROM Cache WHERE mode = ? AND {kinds} ORDER BY key",  # noqa: S608 - no text from outside
            (RAW, LONGEST),
        ):
            try:
                yield key.decode(), value.decode()
            except UnicodeDecodeError:
                continue
    finally:
        connection.close()


def _stage(row: dict[str, Any]) -> str:
    """The stage that a kept manifest names; "" when there is none."""
    kept = _parsed(row.get("manifest"))
    recipe = kept.get("recipe") if kept else None
    stage = recipe.get("stage") if isinstance(recipe, dict) else None
    return stage if isinstance(stage, str) else ""


def _opened(folder: Path, warn: Callable[[str], None]) -> Cache:
    try:
        return _open(folder)
    except sqlite3.OperationalError:
        raise  # a full or locked disk says nothing of what the database holds
    except sqlite3.DatabaseError as error:
        kept = folder.with_name(f"{folder.name}.damaged-{time.time_ns()}")
        os.replace(folder, kept)
        warn(f"the action cache was damaged ({error}); it was set aside as {kept.name} and starts anew")
        return _open(folder)


def _open(folder: Path) -> Cache:
    if os.path.expandvars(folder) != str(folder):
        raise StoreError(
            "the project's folder has a name that the action cache cannot hold",
            cause=f"{folder} contains the name of an environment variable, and diskcache would replace it",
            hint="rename the folder, or unset that variable",
        )
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    _check_settings(folder / "cache.db")
    cache = Cache(str(folder), timeout=60, disk=TextDisk, **SETTINGS)
    wrong = {name: getattr(cache, name) for name, value in SETTINGS.items() if getattr(cache, name) != value}
    if wrong:
        raise StoreError("the action cache has settings that could lose results", cause=f"{wrong}")
    return cache


def _check_settings(database: Path) -> None:
    """diskcache sets each row of its table of settings as an attribute of its own, whatever the row is called.

    Errors: sqlite3.DatabaseError when there is a name that diskcache did not write.
    """
    if not database.exists():
        return
    connection = sqlite3.connect(database, timeout=60)
    try:
        names = {name for (name,) in connection.execute("SELECT key FROM Settings")}
    except sqlite3.OperationalError:
        return  # there is no such table yet
    finally:
        connection.close()
    if not names <= KNOWN_SETTINGS:
        raise sqlite3.DatabaseError(f"unknown settings {sorted(map(str, names - KNOWN_SETTINGS))}")
