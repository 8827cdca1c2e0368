"""Folders that come out of a package: does one hold just that, by its stamp or by its bytes, and put in place whole."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from shotbuild.digest import CHUNK, of_file
from shotbuild.host import files, packing
from shotbuild.host.memory import settled
from shotbuild.records import Digest

OLD = "-old"


def stamp_of(folder: Path) -> tuple[str, bool]:
    """What tells that anything in a folder may have changed, without reading it; and whether it is old enough to be trusted.

    Errors: OSError when something goes away meanwhile."""
    lines, newest = [], 0
    for name, entry in _entries(folder):
        stat = entry.stat(follow_symlinks=False)
        kind = "file" if entry.is_file(follow_symlinks=False) else "folder" if _is_folder(entry) else "other"
        # A folder has another size on each file system, and its times change when a file in it is opened for writing.
        size = stat.st_size if kind == "file" else 0
        newest = max(newest, stat.st_mtime_ns, stat.st_ctime_ns)
        lines.append(f"{kind} {size} {stat.st_mtime_ns} {stat.st_ctime_ns} {stat.st_ino} {name!r}")
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    return digest, settled([0, newest, newest])


def holds(folder: Path, package: Path) -> bool:
    """Whether a folder has the files of a package, byte for byte, and nothing else. Errors: MediaError, OSError."""
    if folder.is_symlink() or not folder.is_dir():
        return False
    there = {name: entry for name, entry in _entries(folder) if not _is_folder(entry)}
    folders = {name for name, entry in _entries(folder) if _is_folder(entry)}
    with packing.reading(package) as (archive, members):
        if {member.name for member in members} != there.keys():
            return False
        if folders != {above for member in members for above in _above(member.name)}:
            return False
        for member in members:
            entry = there[member.name]
            if not entry.is_file(follow_symlinks=False) or entry.stat(follow_symlinks=False).st_size != member.size:
                return False
            with Path(entry.path).open("rb") as ours, packing.content_of(archive, member) as theirs:
                while chunk := theirs.read(CHUNK):
                    if ours.read(len(chunk)) != chunk:
                        return False
    return True


def contents(package: Path) -> dict[str, Digest]:
    """The files of a package by their paths, in its order. Errors: MediaError."""
    found: dict[str, Digest] = {}
    with packing.reading(package) as (archive, members):
        for member in members:
            digest = hashlib.sha256()
            with packing.content_of(archive, member) as content:
                while chunk := content.read(CHUNK):
                    digest.update(chunk)
            found[member.name] = Digest(sha256=digest.hexdigest(), size=member.size)
    return found


def files_in(folder: Path) -> dict[str, Path]:
    """Everything in a folder that is no folder itself, by its path below it."""
    return {name: Path(entry.path) for name, entry in _entries(folder) if not _is_folder(entry)}


def digests_in(folder: Path) -> dict[str, Digest | None]:
    """The files of a folder by their paths, read; None for what is no plain file."""
    found = files_in(folder)
    return {name: of_file(path) if path.is_file() and not path.is_symlink() else None for name, path in found.items()}


def put_in_place(fresh: Path, target: Path) -> None:
    """Renames a folder to where another one, or a file, may stand, which goes. There is nothing there for a moment between
    two renames; if the second one fails, what was there comes back. Errors: OSError."""
    aside = fresh.with_name(fresh.name + OLD)
    remove(aside)
    had = os.path.lexists(target)
    if had:
        os.rename(target, aside)
    try:
        os.rename(fresh, target)
    except OSError:
        if had:
            os.rename(aside, target)
        raise
    files.sync_folder(target.parent)
    remove(aside)


def remove(path: Path) -> None:
    """Deletes a file, link or folder, if there is one."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _entries(folder: Path, before: str = "") -> "Iterator[tuple[str, os.DirEntry[str]]]":
    """All that is below a folder, sorted, by its posix path from there; links are not followed."""
    with os.scandir(folder) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        name = f"{before}{entry.name}"
        yield name, entry
        if _is_folder(entry):
            yield from _entries(Path(entry.path), f"{name}/")


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    return entry.is_dir(follow_symlinks=False)


def _above(name: str) -> Iterator[str]:
    parts = name.split("/")
    return ("/".join(parts[:count]) for count in range(1, len(parts)))
