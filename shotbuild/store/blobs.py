"""The content-addressed store as a folder: cas/ab/ab12…, written once, read-only, verified when it is read."""

import errno
import os
import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from shotbuild.digest import of_file
from shotbuild.errors import BytesLost
from shotbuild.host import files
from shotbuild.records import Digest

READ_ONLY = 0o444
NAME = re.compile("[0-9a-f]{64}")


class FolderBlobs:
    """A BlobStore in `folder`. Safe for several processes: a blob appears whole, by rename, or not at all."""

    def __init__(self, folder: Path) -> None:
        self._cas = folder / "cas"
        self._names = str(self._cas)
        self._damaged = folder / "damaged"

    def has(self, digest: Digest) -> bool:
        # Asked of every take of a long film: a path made of text is found in a third of the time of a Path.
        if not NAME.fullmatch(digest.sha256):
            return False
        try:
            found = os.lstat(f"{self._names}/{digest.sha256[:2]}/{digest.sha256}")
        except OSError:
            return False
        # A link or a pipe, as somebody else's project may bring one, is no blob.
        return stat.S_ISREG(found.st_mode) and found.st_size == digest.size

    def known(self, sha256: str) -> Digest | None:
        """The bytes of which only the sha256 is known; None when they are not here."""
        if not NAME.fullmatch(sha256):
            return None
        try:
            found = os.lstat(f"{self._names}/{sha256[:2]}/{sha256}")
        except OSError:
            return None
        return Digest(sha256=sha256, size=found.st_size) if stat.S_ISREG(found.st_mode) else None

    def names(self) -> frozenset[str]:
        """The sha256 of everything that is here, by name alone."""
        found: list[str] = []
        for folder in os.listdir(self._cas) if self._cas.is_dir() else ():
            try:
                found += os.listdir(f"{self._names}/{folder}")
            except OSError:
                continue  # a stray file beside the folders
        return frozenset(found)

    def was_damaged(self, digest: Digest) -> bool:
        """Whether bytes that should have been these were found damaged and lie aside."""
        return (self._damaged / digest.sha256).exists()

    def path(self, digest: Digest) -> Path:
        if not self.has(digest):
            raise BytesLost(
                f"bytes {digest.short} are not in the store",
                cause=f"{self._place(digest).name} is missing or has another size than {digest.size}",
                hint="run the build again: what can be made again is made again",
            )
        return self._place(digest)

    def verify(self, digest: Digest) -> None:
        if not _holds(self.path(digest), digest):
            self._set_aside(digest)

    def sound(self, digest: Digest) -> bool:
        return self.has(digest) and _holds(self._place(digest), digest)

    def adopt(self, file: Path, *, settled: bool = True) -> Digest:
        digest = of_file(file)
        os.chmod(file, READ_ONLY)
        if settled:
            files.sync_file(file)
        self._enter(file, digest, settled=settled)
        return digest

    def settle(self, digests: Iterable[Digest]) -> None:
        places = [self._place(digest) for digest in dict.fromkeys(digests)]
        for place in places:
            files.sync_file(place)
        for folder in dict.fromkeys(place.parent for place in places):
            files.sync_folder(folder)
        if places:
            files.sync_folder(self._cas)

    def copy_in(self, file: Path) -> Digest:
        self._cas.mkdir(parents=True, exist_ok=True)
        # The digest is that of the bytes that were copied, whatever happens to the file meanwhile.
        temporary = files.temporary_beside(self._cas / "incoming")
        try:
            digest = files.copy_hashed(file, temporary)
            os.chmod(temporary, READ_ONLY)
            files.sync_file(temporary)
            self._enter(temporary, digest)
        finally:
            temporary.unlink(missing_ok=True)
        return digest

    def hand_out(self, digest: Digest, target: Path, *, hard: bool = False, folder: Path | None = None) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        self.verify(digest)
        if hard:
            temporary = files.temporary_beside(target)
            temporary.unlink()
            os.link(self._place(digest), temporary)
            os.replace(temporary, target)
            return
        with files.staged(target, folder=folder) as temporary:
            files.copy(self._place(digest), temporary)

    def repair(self, digest: Digest, source: Path) -> bool:
        # Neither a device nor a file of another size is worth reading to its end.
        if not source.is_file() or source.stat().st_size != digest.size:
            return False
        place = self._place(digest)
        self._cas.mkdir(parents=True, exist_ok=True)
        temporary = files.temporary_beside(self._cas / "incoming")
        try:
            if files.copy_hashed(source, temporary) != digest:
                return False
            os.chmod(temporary, READ_ONLY)
            files.sync_file(temporary)
            if place.is_dir() and not place.is_symlink():
                return False
            self._enter(temporary, digest)
        finally:
            temporary.unlink(missing_ok=True)
        return True

    def each(self) -> Iterator[Digest]:
        for path in self._files():
            found = path.lstat()
            if self._is_blob(path, found):
                yield Digest(sha256=path.name, size=found.st_size)

    def strays(self) -> Iterator[Path]:
        """What lies in the store and is no blob: a link, another name, a file that a killed process left; sorted."""
        return (path for path in self._files() if not self._is_blob(path, path.lstat()))

    def remove(self, digest: Digest) -> None:
        place = self._place(digest)
        place.unlink(missing_ok=True)
        if place.parent.is_dir():
            files.sync_folder(place.parent)

    def _files(self) -> Iterator[Path]:
        """All that stands in cas/ and its folders, in order. Links are not followed."""
        for entry in _entries(self._cas):
            if not entry.is_dir(follow_symlinks=False):
                yield Path(entry.path)
                continue
            yield from (Path(inner.path) for inner in _entries(entry.path))

    def _is_blob(self, path: Path, found: os.stat_result) -> bool:
        named = NAME.fullmatch(path.name) is not None and path.parent == self._cas / path.name[:2]
        return named and stat.S_ISREG(found.st_mode)

    def _enter(self, file: Path, digest: Digest, *, settled: bool = True) -> None:
        place = self._place(digest)
        if not place.parent.is_dir():
            place.parent.mkdir(parents=True, exist_ok=True)
            if settled:
                files.sync_folder(self._cas)
        # Replacing an equal blob is harmless, and heals one that was damaged.
        os.replace(file, place)
        if settled:
            files.sync_folder(place.parent)

    def _set_aside(self, digest: Digest) -> None:
        self._damaged.mkdir(parents=True, exist_ok=True)
        kept = self._damaged / digest.sha256
        os.replace(self._place(digest), kept)
        raise BytesLost(
            f"bytes {digest.short} in the store do not match their digest",
            cause=f"the damaged file was set aside as damaged/{kept.name}",
            hint="run the build again: what can be made again is made again",
        )

    def _place(self, digest: Digest) -> Path:
        if not NAME.fullmatch(digest.sha256):
            raise BytesLost(f"{digest.sha256[:80]!r} is not a digest")
        return self._cas / digest.sha256[:2] / digest.sha256


def _holds(file: Path, digest: Digest) -> bool:
    try:
        return of_file(file) == digest
    except OSError as error:
        if error.errno == errno.EIO:
            return False  # the disk cannot read it any more: as damaged as bytes that differ
        raise


def _entries(folder: Path | str) -> "list[os.DirEntry[str]]":
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except FileNotFoundError:
        return []
