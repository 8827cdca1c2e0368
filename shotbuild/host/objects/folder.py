"""A shared folder, such as a file server that several machines have mounted: one file an object, put there by rename.

No time of another machine is relied on, nothing is locked, and no database lies there: what holds on one host does not hold
between hosts. `link` is what lets one of several win, also over NFS. Nothing that lies there is followed: links, pipes and
folders under the name of an object are no objects.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shotbuild.digest import CHUNK
from shotbuild.errors import StoreRefused, StoreUnavailable
from shotbuild.host import files
from shotbuild.host.objects.arriving import poured, too_large
from shotbuild.host.objects.interface import Found
from shotbuild.host.objects.layout import key_of, laid_out
from shotbuild.host.objects.patience import Patience, repeated
from shotbuild.host.objects.probe import lets_one_win
from shotbuild.records import Digest

REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)
NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
ABSENT = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ESTALE, errno.ENXIO)
"""What is said of a name where no object lies. ESTALE: another host has just put something else there."""
INCOMING = "incoming"
LEFT_BEHIND = 86400
"""Seconds without a byte, by the storage's clock: whoever wrote this was killed."""
PATIENCE = Patience(silence=3600, whole=2)
"""The system decides when a file server has been silent for too long."""


class FolderObjects:
    """root: the folder; seen: whether there were objects in it before. One that was never seen is made; one that was, and is
    not there or is empty, is not mounted."""

    lists = True

    def __init__(self, root: Path, *, seen: bool = False) -> None:
        self._root, self._seen = Path(os.path.abspath(root)), seen
        self._links, self._cleared = True, False
        self.shown = str(root)

    def size(self, key: str) -> int | None:
        with self._told():
            return self._size(self._place(key))

    def read(self, key: str, most: int) -> bytes | None:
        with self._told():
            handle = self._open(key)
            if handle is None:
                return None
            with os.fdopen(handle, "rb") as stream:
                content = stream.read(most + 1)
        if len(content) > most:
            raise too_large(self.shown, key, most)
        return content

    def fetch(self, key: str, into: Path, most: int) -> Digest | None:
        return repeated(lambda: self._fetched(key, into, most), PATIENCE)

    def write(self, key: str, content: bytes) -> None:
        with self._incoming(key) as (temporary, place):
            _fill(temporary, content)
            os.replace(temporary, place)

    def send(self, key: str, file: Path) -> None:
        with file.open("rb"):  # what is wrong with the file is said here
            pass
        with self._incoming(key) as (temporary, place):
            files.copy(file, temporary)
            files.sync_file(temporary)
            os.replace(temporary, place)

    def create(self, key: str, content: bytes) -> bool:
        with self._incoming(key) as (temporary, place):
            _fill(temporary, content)
            try:
                os.link(temporary, place)
            except FileExistsError:
                return False
            except OSError as error:
                if error.errno not in NO_LINKS:
                    raise
                self._links = False
                if os.path.lexists(place):
                    return False
                os.replace(temporary, place)
            return True

    def exclusive(self) -> bool:
        # Where there are no links it is only looked for first, and a race may end well by luck.
        return lets_one_win(self) and self._links

    def each(self, kind: str) -> Iterator[Found]:
        with self._told():
            self._check_root()
            found = sorted(self._walk(kind), key=lambda each: each.key)
        yield from found

    def remove(self, key: str) -> None:
        with self._told():
            try:
                self._place(key).unlink()
            except OSError as error:
                if error.errno not in ABSENT:
                    raise
                self._check_root()

    def close(self) -> None:
        pass

    # --- one folder ---------------------------------------------------------------------------------------------------

    def _walk(self, kind: str) -> Iterator[Found]:
        for folder, folders, names in os.walk(self._root / kind, onerror=_but_absent):
            folders.sort()
            for name in names:
                path = Path(folder, name)
                key = key_of(path.relative_to(self._root).as_posix())
                try:
                    found = path.lstat()
                except OSError as error:
                    _but_absent(error)  # somebody has just taken it away
                    continue
                if key is not None and stat.S_ISREG(found.st_mode):
                    yield Found(key=key, size=found.st_size, changed=found.st_mtime)

    def _place(self, key: str) -> Path:
        return self._root / laid_out(key)

    def _size(self, place: Path) -> int | None:
        try:
            found = place.lstat()
        except OSError as error:
            _but_absent(error)
            self._check_root()
            return None
        return found.st_size if stat.S_ISREG(found.st_mode) else None

    def _open(self, key: str) -> int | None:
        """A handle of the object's file; a link or a pipe is none."""
        try:
            handle = os.open(self._place(key), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError as error:
            _but_absent(error)
            self._check_root()
            return None
        if stat.S_ISREG(os.fstat(handle).st_mode):
            return handle
        os.close(handle)
        return None

    def _fetched(self, key: str, into: Path, most: int) -> Digest | None:
        with self._told():
            handle = self._open(key)
        if handle is None:
            return None
        try:
            with self._told():
                size = os.fstat(handle).st_size
            chunks = self._chunks(handle)
            return poured(chunks, into, key=key, shown=self.shown, size=size, most=most, patience=PATIENCE)
        finally:
            os.close(handle)

    def _chunks(self, handle: int) -> Iterator[bytes]:
        while True:
            with self._told():
                chunk = os.read(handle, CHUNK)
            if not chunk:
                return
            yield chunk

    def _check_root(self) -> None:
        if self._seen and not (self._root / "cas").is_dir():
            raise StoreUnavailable(
                f"the shared store {self.shown} is not there",
                cause="it is empty, and was not before" if self._root.is_dir() else "there is no such folder",
                hint="mount it",
            )
        if self._root.exists() and not self._root.is_dir():
            raise StoreUnavailable(
                f"the shared store {self.shown} cannot be used",
                cause="it is a file, not a folder",
                hint="set `store` in shotbuild.yaml, or SHOTBUILD_STORE, right",
            )

    @contextmanager
    def _incoming(self, key: str) -> Iterator[tuple[Path, Path]]:
        """A temporary file and its place. It lies on the same file system, and is gone afterwards."""
        with self._told():
            place = self._place(key)
            self._check_root()
            self._root.mkdir(exist_ok=True)
            mode = stat.S_IMODE(self._root.stat().st_mode)
            self._make(place.parent, mode)
            self._make(self._root / INCOMING, mode)
            self._check_inside(place.parent)
            temporary = files.temporary_beside(self._root / INCOMING / place.name)
            try:
                _permit(temporary, 0o600 | mode & 0o666)
                self._clear_once(temporary)
                yield temporary, place
            finally:
                temporary.unlink(missing_ok=True)

    def _make(self, folder: Path, mode: int) -> None:
        """A folder below the root, if there is none. Whoever may use the root may use it, whatever the umask is here."""
        if folder.is_dir():
            return
        self._make(folder.parent, mode)
        try:
            folder.mkdir()
        except FileExistsError:
            return
        _permit(folder, mode)

    def _check_inside(self, folder: Path) -> None:
        if folder.resolve() != self._root.resolve() / folder.relative_to(self._root):
            raise StoreRefused(
                f"the shared store {self.shown} leads elsewhere",
                cause=f"{folder.relative_to(self._root)} is a link",
                hint="mount what is meant at its place",
            )

    def _clear_once(self, newest: Path) -> None:
        """Takes away what killed writers left, as seen by the clock that also stamped `newest`."""
        if self._cleared:
            return
        self._cleared = True
        now = newest.stat().st_mtime
        for each in newest.parent.iterdir():
            try:
                if each.lstat().st_mtime < now - LEFT_BEHIND:
                    each.unlink()
            except OSError:
                pass  # somebody else has just done it, or may not be bothered

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turns what the system says into words. What concerns another file than the store's passes."""
        try:
            yield
        except OSError as error:
            if error.filename is not None and not _is_below(error.filename, self._root):
                raise
            kind = StoreRefused if error.errno in REFUSED else StoreUnavailable
            raise kind(
                f"the shared store {self.shown} cannot be used",
                cause=str(error),
                hint="check that it is mounted, has room and may be written",
            ) from error


def _fill(file: Path, content: bytes) -> None:
    with file.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _permit(path: Path, mode: int) -> None:
    try:
        path.chmod(mode)
    except PermissionError:
        pass  # some file servers have permissions of their own


def _but_absent(error: OSError) -> None:
    """Errors: the error itself, unless it says that nothing lies there."""
    if error.errno not in ABSENT:
        raise error


def _is_below(name: object, root: Path) -> bool:
    return isinstance(name, str | os.PathLike) and os.path.commonpath([root, os.path.abspath(os.fspath(name))]) == str(root)
