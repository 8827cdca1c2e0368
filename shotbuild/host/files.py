"""Files written whole or not at all, copied by reflink where the file system can, and locked between processes."""

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from shotbuild.digest import CHUNK
from shotbuild.records import Digest


def write_atomic(path: Path, content: bytes) -> None:
    """Replaces a file by its new content, durable and never half. Errors: OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with staged(path) as temporary:
        with temporary.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())


@contextmanager
def staged(path: Path, mode: int | None = None, folder: Path | None = None) -> Iterator[Path]:
    """A temporary file that takes the place of `path` when the block ends well, and is removed when it does not.

    mode: permission bits; None = what the umask gives to a new file. folder: where it lies, on the same file system; None =
    beside `path`, where it stays if we are killed.
    """
    same = folder is not None and os.stat(folder).st_dev == os.stat(path.parent).st_dev
    temporary = temporary_beside(folder / path.name if folder is not None and same else path)
    try:
        yield temporary
        os.chmod(temporary, 0o666 & ~_umask() if mode is None else mode)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def temporary_beside(path: Path) -> Path:
    """A new empty file in the folder of `path`, for the caller to fill, rename or remove."""
    handle, name = tempfile.mkstemp(prefix=".shotbuild-", dir=path.parent)
    os.close(handle)
    return Path(name)


def sync_file(path: Path) -> None:
    _sync(path, os.O_RDONLY)


def sync_folder(path: Path) -> None:
    """Makes renames in a folder durable, where the system can do that."""
    if hasattr(os, "O_DIRECTORY"):
        _sync(path, os.O_RDONLY | os.O_DIRECTORY)


def copy(source: Path, target: Path) -> None:
    """Copies the bytes of a file: a reflink on file systems that have them, a copy by the kernel elsewhere."""
    with source.open("rb") as reader, target.open("wb") as writer:
        if not _copy_in_kernel(reader.fileno(), writer.fileno()):
            reader.seek(0)
            writer.seek(0)
            writer.truncate()
            shutil.copyfileobj(reader, writer, CHUNK)


def copy_hashed(source: Path, target: Path) -> Digest:
    """Copies the bytes of a file and says what they were."""
    digest, size = hashlib.sha256(), 0
    with source.open("rb") as reader, target.open("wb") as writer:
        while chunk := reader.read(CHUNK):
            digest.update(chunk)
            writer.write(chunk)
            size += len(chunk)
    return Digest(sha256=digest.hexdigest(), size=size)


def append_line(path: Path, line: str, *, settled: bool = True) -> None:
    """Adds a line to a file. A last line without its end is not glued to the new one. settled: it is durable before the call
    returns; else the caller syncs the file and its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(0, size - 1))
        torn = size > 0 and stream.read(1) != b"\n"
        try:
            stream.write((b"\n" if torn else b"") + line.encode() + b"\n")
            stream.flush()
            if settled:
                os.fsync(stream.fileno())
        except OSError:
            os.truncate(path, size)  # half a line would be damage to everything that reads the file
            raise
    if settled:
        sync_folder(path.parent)


class Lock:
    """A lock file that this process holds, until it is released or the process dies. lock_file: its path."""

    def __init__(self, lock_file: Path, handle: int) -> None:
        self.lock_file = lock_file
        self._handle: int | None = handle

    def release(self) -> None:
        """Lets go of it; once more does nothing."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def __del__(self) -> None:
        self.release()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Waits until this process alone holds the lock file; the system lets go of it when a process dies."""
    lock = _lock(path, fcntl.LOCK_EX)
    try:
        yield
    finally:
        lock.release()


def try_lock(path: Path) -> Lock | None:
    """Takes the lock file now, or gives None when somebody else has it. The caller releases it."""
    try:
        return _lock(path, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return None


def locked_file(path: Path) -> int:
    """A new file to append to, which this process holds locked for as long as it is open. Errors: OSError."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
    except BaseException:
        os.close(handle)
        raise
    return handle


def is_locked(handle: int) -> bool:
    """Whether a process holds an open file locked. handle: opened by somebody else than that."""
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    fcntl.flock(handle, fcntl.LOCK_UN)
    return False


def _lock(path: Path, how: int) -> Lock:
    while True:
        handle = _lock_file(path)
        try:
            fcntl.flock(handle, how)
            # Who held it may have removed it, and then the next one locks another file of that name.
            if os.path.samestat(os.fstat(handle), os.lstat(path)):
                return Lock(path, handle)
        except FileNotFoundError:
            pass
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


def _lock_file(path: Path) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
    try:
        return os.open(path, flags, 0o644)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, flags, 0o644)


def _copy_in_kernel(reader: int, writer: int) -> bool:
    copy_range = getattr(os, "copy_file_range", None)
    if copy_range is None:
        return False
    left = os.fstat(reader).st_size
    while left > 0:
        try:
            done = copy_range(reader, writer, left)
        except OSError:
            return False
        if done == 0:
            return False
        left -= done
    return True


def _sync(path: Path, flags: int) -> None:
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@cache
def _umask() -> int:
    """Asked once: it can only be read by setting it, which other threads must not see often."""
    current = os.umask(0o022)
    os.umask(current)
    return current
