"""A shared folder, such as a file server that several machines have mounted: one file an object, put there by rename.

No time of another machine is relied on, nothing is locked, and no database lies there: what holds on one host does not hold
between hosts. `link` is what lets one of several win, also over NFS.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shotbuild.errors import StoreError, StoreRefused, StoreUnavailable
from shotbuild.host import files
from shotbuild.host.objects.interface import Found
from shotbuild.host.objects.layout import key_of, laid_out
from shotbuild.records import Digest

WRITABLE = 0o664
"""Who else is in the group of the folder may take things away again."""
REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)
INCOMING = "incoming"


class FolderObjects:
    """root: the folder; seen: whether there were objects in it before. One that was never seen is made; one that was, and is
    not there or is empty, is not mounted."""

    lists = True

    def __init__(self, root: Path, *, seen: bool = False) -> None:
        self._root, self._seen = root, seen
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
            raise _too_large(self.shown, key, most)
        return content

    def fetch(self, key: str, into: Path, most: int) -> Digest | None:
        with self._told():
            handle = self._open(key)
            if handle is None:
                return None
            os.close(handle)
            if (self._size(self._place(key)) or 0) > most:
                raise _too_large(self.shown, key, most)
            return files.copy_hashed(self._place(key), into)

    def write(self, key: str, content: bytes) -> None:
        with self._incoming(key) as (temporary, place):
            _fill(temporary, content)
            os.replace(temporary, place)

    def send(self, key: str, file: Path) -> None:
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
            return True

    def exclusive(self) -> bool:
        return True

    def each(self, kind: str) -> Iterator[Found]:
        with self._told():
            found = sorted(self._walk(kind), key=lambda each: each.key)
        yield from found

    def remove(self, key: str) -> None:
        with self._told():
            self._place(key).unlink(missing_ok=True)

    def close(self) -> None:
        pass

    def _walk(self, kind: str) -> Iterator[Found]:
        for folder, folders, names in os.walk(self._root / kind):
            folders.sort()
            for name in names:
                path = Path(folder, name)
                key = key_of(path.relative_to(self._root).as_posix())
                try:
                    found = path.lstat()
                except FileNotFoundError:
                    continue  # somebody has just taken it away
                if key is not None and stat.S_ISREG(found.st_mode):
                    yield Found(key=key, size=found.st_size, changed=found.st_mtime)

    def _place(self, key: str) -> Path:
        return self._root / laid_out(key)

    def _size(self, place: Path) -> int | None:
        try:
            found = place.lstat()
        except (FileNotFoundError, NotADirectoryError):
            self._check_root()
            return None
        return found.st_size if stat.S_ISREG(found.st_mode) else None

    def _open(self, key: str) -> int | None:
        """A handle of the object's file; a link or a pipe is none."""
        place = self._place(key)
        if self._size(place) is None:
            return None
        try:
            return os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            return None

    def _check_root(self) -> None:
        if self._seen and not (self._root / "cas").is_dir():
            raise StoreUnavailable(
                f"the shared store {self.shown} is not there",
                cause="it is empty, and was not before" if self._root.is_dir() else "there is no such folder",
                hint="mount it",
            )

    @contextmanager
    def _incoming(self, key: str) -> Iterator[tuple[Path, Path]]:
        """A temporary file and its place. It lies on the same file system, and is gone afterwards."""
        with self._told():
            place = self._place(key)
            self._check_root()
            if not self._root.is_dir():
                self._root.mkdir()
            place.parent.mkdir(parents=True, exist_ok=True)
            (self._root / INCOMING).mkdir(exist_ok=True)
            temporary = files.temporary_beside(self._root / INCOMING / place.name)
            try:
                os.chmod(temporary, WRITABLE)
                yield temporary, place
            finally:
                temporary.unlink(missing_ok=True)

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


def _is_below(name: object, root: Path) -> bool:
    return isinstance(name, str | os.PathLike) and os.path.commonpath([root, os.path.abspath(os.fspath(name))]) == str(root)


def _too_large(shown: str, key: str, most: int) -> StoreError:
    return StoreError(f"{key} in {shown} is larger than {most} bytes", hint="it is no object of shotbuild: take it out")
