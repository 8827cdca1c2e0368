"""A folder or tar of files with a list of their checksums: packed whole or not at all, unpacked as if a stranger made it.

Knows nothing of takes. Paths in a crate are those of a project: posix, relative, printable; what builds make is not among
them, but for the blobs of the store. The list is in the format of `sha256sum -c` and stands last, because files are hashed
while they are copied; all others are sorted.
"""

import gzip
import hashlib
import io
import os
import re
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Protocol, TypeAlias, cast

from shotbuild.digest import chunks
from shotbuild.errors import PlanError, ShotbuildError, StoreError
from shotbuild.host import files
from shotbuild.records import Digest
from shotbuild.spec.report import Refusal
from shotbuild.spec.tree import relative

CHECKSUMS = "CHECKSUMS.sha256"
BLOB = re.compile(r"\.shotbuild/store/cas/([0-9a-f]{2})/(\1[0-9a-f]{62})")
LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")
TAR, PACKED = (".tar",), (".tar.gz", ".tgz")
READ_ONLY = 0o444
MOST_FILES = 1_000_000
LARGEST_TEXT = 64 << 20
LARGEST_READ = 1 << 20
"""No header of a tar that we wrote is longer, and files are read in pieces of this size."""
Entry: TypeAlias = tuple[str, IO[bytes], int]
"""(path in the crate, its bytes, how many); to be read before the next one is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A file to pack. path: in the crate; content: a file, or the bytes themselves; digest: what the bytes have to be,
    None = whatever they are; about: for people, in errors."""

    path: str
    content: Path | bytes
    digest: Digest | None = None
    about: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What was found in a crate. found: path → digest; bytes: their sum; texts: of the files that were asked for.

    damaged: other bytes than the list has, or than the name of a blob says; missing: in the list only; extra: not in the
    list, or no file of a project. All sorted.
    """

    found: dict[str, Digest]
    texts: dict[str, bytes]
    damaged: tuple[str, ...]
    missing: tuple[str, ...]
    extra: tuple[str, ...]

    @property
    def bytes(self) -> int:
        return sum(digest.size for digest in self.found.values())

    @property
    def whole(self) -> bool:
        return not (self.damaged or self.missing or self.extra)


class _Target(Protocol):
    def add(self, path: str, content: IO[bytes], size: int) -> None: ...


# --- packing ----------------------------------------------------------------------------------------------------------


def pack(items: Iterable[Item], target: Path, *, force: bool, is_ours: Callable[[Path], bool]) -> dict[str, Digest]:
    """Writes a crate; gives the digest of each file but the list. The ending of target says what it is: `.tar`, `.tar.gz`
    or `.tgz`, else a folder. force: replaces a file, or a folder for which `is_ours` is true.

    Errors: PlanError when something is there; StoreError when bytes are not what they have to be; ShotbuildError.
    """
    check_free(target, force=force, is_ours=is_ours)
    ordered = sorted(items, key=lambda item: item.path)
    for item in ordered:
        if not belongs(item.path):
            raise StoreError(f"{item.path!r} cannot stand in an archive", hint="rename the file")
    try:
        with (_tar if is_tar(target) else _folder)(target) as crate:
            return _fill(crate, ordered)
    except OSError as error:
        raise ShotbuildError(
            f"{target} cannot be written",
            cause=str(error),
            hint="check that the disk has room and that you may write there; nothing half-made was left under that name",
        ) from error


def is_tar(path: Path) -> bool:
    return path.name.endswith(TAR + PACKED)


def check_free(target: Path, *, force: bool, is_ours: Callable[[Path], bool]) -> None:
    """Errors: PlanError when a crate cannot be put there, before anything is read."""
    if not target.parent.is_dir():
        raise PlanError(f"there is no folder {target.parent}", hint="make it first, or name another place with --to")
    if is_tar(target):
        if target.is_dir() or (target.exists() and not force):
            what = "a folder" if target.is_dir() else "there already"
            raise PlanError(f"{target} is {what}", hint="name another file with --to, or replace a file with --force")
    elif target.is_symlink() or (target.exists() and not target.is_dir()):
        raise PlanError(
            f"{target} is no folder",
            cause="only names that end in .tar, .tar.gz or .tgz make one file",
            hint="name another place with --to",
        )
    elif target.is_dir() and any(target.iterdir()) and not (force and is_ours(target)):
        hint = "name another folder with --to" + ("" if force else ", or replace an archive with --force")
        cause = "--force replaces archives only" if force else None
        raise PlanError(f"{target} is not empty", cause=cause, hint=hint)


def _fill(crate: _Target, ordered: Iterable[Item]) -> dict[str, Digest]:
    found: dict[str, Digest] = {}
    damaged: list[Item] = []
    for item in ordered:
        found[item.path] = _add(crate, item)
        if item.digest is not None and item.digest != found[item.path]:
            damaged.append(item)
    if damaged:
        raise StoreError(
            f"{len(damaged)} of the files to pack do not match their digest",
            cause="\n       ".join(f"{item.about} ({item.path})" for item in damaged),
            hint="bring them back from a copy of the store: `shotbuild store check --from FOLDER`",
        )
    text = "".join(f"{digest.sha256}  {path}\n" for path, digest in sorted(found.items())).encode()
    crate.add(CHECKSUMS, io.BytesIO(text), len(text))
    return found


def _add(crate: _Target, item: Item) -> Digest:
    with ExitStack() as held:
        if isinstance(item.content, bytes):
            stream: IO[bytes] = io.BytesIO(item.content)
            size = len(item.content)
        else:
            try:
                stream = held.enter_context(item.content.open("rb"))
                size = os.fstat(stream.fileno()).st_size
            except OSError as error:
                raise _unreadable(item.path, error) from error
        hashed = _Hashed(stream, item.path)
        crate.add(item.path, cast(IO[bytes], hashed), size)
        if hashed.size != size or stream.read(1):
            raise StoreError(f"{item.path} changed while it was packed", hint="archive again")
        return Digest(sha256=hashed.digest.hexdigest(), size=size)


def _unreadable(path: str, error: OSError) -> ShotbuildError:
    return ShotbuildError(f"{path} cannot be read", cause=str(error), hint="make it readable, or restore it from Git")


class _Hashed:
    """A stream that is hashed as it is read, and tells its own errors from those of who writes."""

    def __init__(self, stream: IO[bytes], path: str) -> None:
        self._stream, self._path = stream, path
        self.digest, self.size = hashlib.sha256(), 0

    def read(self, size: int = -1) -> bytes:
        try:
            content = self._stream.read(size)
        except OSError as error:
            raise _unreadable(self._path, error) from error
        if size > 0 and not content:
            raise StoreError(f"{self._path} changed while it was packed", hint="archive again")
        self.digest.update(content)
        self.size += len(content)
        return content


class _Tar:
    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar

    def add(self, path: str, content: IO[bytes], size: int) -> None:
        # A TarInfo of its own accord has time 0, user and group 0 and no names.
        entry = tarfile.TarInfo(path)
        entry.size, entry.mode = size, 0o644
        self._tar.addfile(entry, content)


@contextmanager
def _tar(target: Path) -> Iterator[_Target]:
    with files.staged(target) as temporary:
        with ExitStack() as held:
            raw: IO[bytes] = held.enter_context(temporary.open("wb"))
            if target.name.endswith(PACKED):
                # Without a name and a time in its head; takes are compressed already, so a better level gains nothing.
                raw = cast(IO[bytes], held.enter_context(gzip.GzipFile("", "wb", 1, raw, mtime=0)))
            yield _Tar(held.enter_context(tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT)))
        files.sync_file(temporary)


class _Folder:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, path: str, content: IO[bytes], size: int) -> None:
        place = self._folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("xb") as writer:
            while size:
                piece = content.read(min(size, LARGEST_READ))
                writer.write(piece)
                size -= len(piece)
            writer.flush()
            os.fsync(writer.fileno())
        if BLOB.fullmatch(path):
            place.chmod(READ_ONLY)


@contextmanager
def _folder(target: Path) -> Iterator[_Target]:
    work = Path(tempfile.mkdtemp(prefix=".shotbuild-", dir=target.parent))
    try:
        inner, before = work / "archive", work / "before"
        inner.mkdir()
        yield _Folder(inner)
        if target.is_dir() and any(target.iterdir()):
            os.replace(target, before)
        os.replace(inner, target)
        files.sync_folder(target.parent)
    finally:
        shutil.rmtree(work, ignore_errors=True)


# --- reading ----------------------------------------------------------------------------------------------------------


def unpack(path: Path, into: Path | None, texts: tuple[str, ...]) -> Contents:
    """Reads a crate once and compares it with its list. into: an empty folder that gets the files that belong to a
    project, None = nowhere; texts: the small files whose bytes are wanted.

    Errors: PlanError when there is nothing; StoreError when it is no crate, holds links or devices, or its end is lost.
    """
    try:
        with closing(_entries(path)) as entries:
            return _unpacked(path, entries, into, texts)
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise StoreError(
            f"{path} cannot be read to its end", cause=str(error), hint="it is damaged or no tar: fetch another copy"
        ) from error
    except OSError as error:
        raise ShotbuildError(
            f"{path} cannot be read, or not be unpacked", cause=str(error), hint="check the rights and the room on the disk"
        ) from error


def _unpacked(path: Path, entries: Iterable[Entry], into: Path | None, texts: tuple[str, ...]) -> Contents:
    found: dict[str, Digest] = {}
    kept: dict[str, bytes] = {}
    stray: set[str] = set()
    room = None if into is None else shutil.disk_usage(into).free
    for name, stream, size in entries:
        if name in found or name in stray:
            raise StoreError(f"{path} holds {name!r} twice", hint="shotbuild did not make it: fetch another copy")
        if len(found) + len(stray) >= MOST_FILES:
            raise StoreError(f"{path} holds more than {MOST_FILES} files", hint="shotbuild did not make it")
        if name != CHECKSUMS and not belongs(name):
            stray.add(name)
            continue
        wanted = name == CHECKSUMS or name in texts
        if wanted and size > LARGEST_TEXT:
            raise StoreError(f"{name} in {path} is larger than {LARGEST_TEXT >> 20} MiB", hint="shotbuild did not make it")
        if room is not None and (room := room - size) < 0:
            raise ShotbuildError(
                f"there is no room to unpack {path}",
                cause=f"it holds more than the disk of {into} has left",
                hint="name another folder for temporary files in TMPDIR, or look at the checksums only with --quick",
            )
        found[name], text = _take_in(stream, None if into is None else into / name, keep=wanted)
        if wanted:
            kept[name] = text
    if CHECKSUMS not in found:
        raise StoreError(
            f"{path} has no {CHECKSUMS}",
            cause="it is no archive of shotbuild, or its end is lost",
            hint="make it again with `shotbuild archive SEQUENCE`, or fetch another copy",
        )
    return _compared(found, kept, _listed(kept[CHECKSUMS], path), stray)


def belongs(name: str) -> bool:
    """Whether a path may stand in a crate: a blob of the store, or a path as specs may name one."""
    if BLOB.fullmatch(name):
        return True
    try:
        return relative(name) == name and name != CHECKSUMS
    except Refusal:
        return False


def _compared(found: dict[str, Digest], texts: dict[str, bytes], listed: dict[str, str], stray: set[str]) -> Contents:
    files_found = {name: digest for name, digest in found.items() if name != CHECKSUMS}
    damaged = {name for name, digest in files_found.items() if listed.get(name, digest.sha256) != digest.sha256}
    blobs = {name: match[2] for name in files_found if (match := BLOB.fullmatch(name))}
    damaged |= {name for name, sha256 in blobs.items() if files_found[name].sha256 != sha256}
    return Contents(
        found=files_found,
        texts=texts,
        damaged=tuple(sorted(damaged)),
        missing=tuple(sorted(listed.keys() - files_found.keys() - stray)),
        extra=tuple(sorted(stray | (files_found.keys() - listed.keys()))),
    )


def _listed(text: bytes, path: Path) -> dict[str, str]:
    listed: dict[str, str] = {}
    for number, line in enumerate(text.decode("utf-8", "replace").split("\n")[:-1], start=1):
        match = LINE.fullmatch(line)
        if match is None or match[2] in listed:
            raise StoreError(f"line {number} of {CHECKSUMS} in {path} cannot be read", hint="fetch another copy")
        listed[match[2]] = match[1]
    return listed


def _take_in(stream: IO[bytes], place: Path | None, *, keep: bool) -> tuple[Digest, bytes]:
    digest, size, kept = hashlib.sha256(), 0, bytearray()
    with ExitStack() as held:
        writer: IO[bytes] | None = None
        if place is not None:
            place.parent.mkdir(parents=True, exist_ok=True)
            writer = held.enter_context(place.open("xb"))
        for piece in chunks(stream):
            digest.update(piece)
            size += len(piece)
            if writer is not None:
                writer.write(piece)
            if keep:
                kept += piece
    return Digest(sha256=digest.hexdigest(), size=size), bytes(kept)


def _entries(path: Path) -> Generator[Entry, None, None]:
    if path.is_dir():
        yield from _entries_of_folder(path)
    elif path.is_file():
        yield from _entries_of_tar(path)
    else:
        raise PlanError(f"there is no archive {path}", hint="name the folder or tar that `shotbuild archive` made")


def _entries_of_folder(root: Path) -> Generator[Entry, None, None]:
    waiting = [root]
    while waiting:
        for entry in sorted(os.scandir(waiting.pop()), key=lambda entry: entry.name):
            path = Path(entry.path)
            if entry.is_dir(follow_symlinks=False):
                waiting.append(path)
            elif entry.is_file(follow_symlinks=False):
                with path.open("rb") as stream:
                    yield path.relative_to(root).as_posix(), stream, os.fstat(stream.fileno()).st_size
            else:
                raise _no_file(path.relative_to(root).as_posix(), root)


def _entries_of_tar(path: Path) -> Generator[Entry, None, None]:
    with ExitStack() as held:
        raw: IO[bytes] = held.enter_context(path.open("rb"))
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        if packed:
            raw = cast(IO[bytes], held.enter_context(gzip.GzipFile("", "rb", fileobj=raw)))
        tar = held.enter_context(tarfile.open(fileobj=cast(IO[bytes], _Careful(raw)), mode="r:"))
        while (entry := tar.next()) is not None:
            tar.members = []  # type: ignore[attr-defined] # else each entry of a hostile tar would stay in memory
            try:
                tarfile.data_filter(entry, str(path))
            except tarfile.FilterError as error:
                raise _no_file(entry.name, path) from error
            if entry.isdir():
                continue
            # Narrower than tarfile's own filter, which lets links pass and files with holes.
            stream = tar.extractfile(entry) if entry.isreg() and not entry.issparse() else None
            if stream is None:
                raise _no_file(entry.name, path)
            with stream:
                yield str(PurePosixPath(entry.name)), stream, entry.size


def _no_file(name: str, path: Path) -> StoreError:
    return StoreError(
        f"{path} holds {name!r}, which is no plain file of a project",
        cause="an archive of shotbuild has no links, no devices and no paths that lead out of it",
        hint="do not unpack it if you do not know who made it",
    )


class _Careful(io.BufferedIOBase):
    """A file that is read in small pieces only: the head of a hostile tar may ask for more than there is memory."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or not 0 <= size <= LARGEST_READ:
            raise tarfile.ReadError("a header is too long")
        return self._stream.read(size)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()
