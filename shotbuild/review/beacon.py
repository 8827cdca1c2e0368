"""Where the page of a project is served now, for commands that run beside the server. No token is in it."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shotbuild.host import files

FILE, LOCK = "server.json", "server.lock"
TRIES, PAUSE = 5, 0.05


@contextmanager
def lit(folder: Path, address: str) -> Iterator[None]:
    """Tells of a server for as long as it runs; of several for one project, of the first alone."""
    lock = files.try_lock(folder / LOCK)
    for _ in range(TRIES):
        if lock is None:  # perhaps somebody only looks
            time.sleep(PAUSE)
            lock = files.try_lock(folder / LOCK)
    if lock is None:
        yield
        return
    try:
        files.write_atomic(folder / FILE, json.dumps({"address": address}).encode())
        yield
    finally:
        (folder / FILE).unlink(missing_ok=True)
        lock.release()


def seen(folder: Path) -> str | None:
    """The address of the server that runs now, None when there is none."""
    lock = files.try_lock(folder / LOCK) if folder.is_dir() else None
    if lock is not None:
        lock.release()
        return None
    try:
        handle = os.open(folder / FILE, os.O_RDONLY | os.O_NOFOLLOW)
        with os.fdopen(handle, "rb") as stream:
            address = json.loads(stream.read(4096))["address"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return address if isinstance(address, str) else None
