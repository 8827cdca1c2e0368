"""A folder of delivered files as one file and back: an uncompressed tar whose bytes depend on names and contents alone.

What is read back may have come with somebody's project, so that nothing in it is believed: plain files under clean names,
each once, all of it there, and nothing is written before every name was looked at. Source: POSIX.1-1988 ustar.
"""

import re
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from shotbuild.digest import CHUNK
from shotbuild.errors import MediaError

MODE = 0o644
LONGEST = 100
"""Characters of a path: what the first field of a ustar header holds, so that no reader needs an extension."""
END = 2 * tarfile.BLOCKSIZE
HINT = "build it again: `shotbuild` makes packages with plain files alone"

_PATH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(?:/[A-Za-z0-9][A-Za-z0-9._-]*)*")


def pack(folder: Path, target: Path) -> tuple[str, ...]:
    """Writes every file below a folder into `target`, sorted by path, and gives their paths, relative and posix.

    Errors: MediaError for a link, an empty folder or a name that another system could not hold.
    """
    below = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    found = sorted(path.relative_to(folder).as_posix() for path in below)
    odd = next((name for name in found if (folder / name).is_symlink() or not (folder / name).is_file()), None)
    if odd is not None:
        raise MediaError(f"{odd!r} cannot be packed", cause="it is not a plain file", hint=HINT)
    _refuse_names(found, target.name)
    with writing(target) as add:
        for name in found:
            with (folder / name).open("rb") as content:
                add(name, content, (folder / name).stat().st_size)
    return tuple(found)


class Adding:
    """Adds files to a package in the order in which it is called."""

    def __init__(self, archive: tarfile.TarFile) -> None:
        self._archive = archive

    def __call__(self, name: str, content: IO[bytes], size: int) -> None:
        """name: relative, posix and clean; content: at least `size` bytes. Errors: MediaError."""
        _refuse_name(name, "the package")
        member = tarfile.TarInfo(name)
        member.size, member.mode, member.mtime = size, MODE, 0
        try:
            self._archive.addfile(member, content)
        except (OSError, ValueError) as error:  # a picture that ends early, or is larger than ustar can say
            raise MediaError(f"{name} cannot be packed", cause=str(error), hint=HINT) from error


@contextmanager
def writing(target: Path) -> Iterator[Adding]:
    """A package that is written file by file."""
    with tarfile.open(target, "w", format=tarfile.USTAR_FORMAT) as archive:
        yield Adding(archive)


def unpack(package: Path, folder: Path) -> tuple[str, ...]:
    """Writes the files of a package below an empty or missing folder and gives their paths, in the order of the package.

    It takes no more room than the package itself. Errors: MediaError, before anything is written, for whatever `pack` does
    not write, and for a folder that is not empty.
    """
    if folder.is_symlink() or (folder.exists() and any(folder.iterdir())):
        raise MediaError(f"{package.name} cannot be unpacked", cause=f"there is something in {folder.name} already")
    with reading(package) as (archive, members):
        for member in members:
            target = folder / member.name
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as writer, content_of(archive, member) as content:
                while chunk := content.read(CHUNK):
                    writer.write(chunk)
    return tuple(member.name for member in members)


@contextmanager
def reading(package: Path) -> Iterator[tuple[tarfile.TarFile, list[tarfile.TarInfo]]]:
    """A package and its files, all of them checked. Errors: MediaError, also for what tarfile finds while it is read."""
    try:
        with tarfile.open(package, "r:") as archive:
            members = _checked(package, archive)
            yield archive, members
    except (tarfile.TarError, EOFError, ValueError, OverflowError) as error:
        raise MediaError(f"{package.name} is no package", cause=str(error) or "it is cut off", hint=HINT) from error


def content_of(archive: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    """The bytes of a checked file."""
    content = archive.extractfile(member)
    assert content is not None
    return content


def _checked(package: Path, archive: tarfile.TarFile) -> list[tarfile.TarInfo]:
    members: list[tarfile.TarInfo] = []
    for member in archive:
        if member.type != tarfile.REGTYPE or member.pax_headers or member.sparse is not None:
            cause = "it is not a plain file, but a link or the like"
            raise MediaError(f"{package.name} holds {member.name!r:.120}", cause=cause, hint=HINT)
        members.append(member)
    _refuse_names([member.name for member in members], package.name)
    _refuse_cut_off(package, members)
    return members


def _refuse_cut_off(package: Path, members: Sequence[tarfile.TarInfo]) -> None:
    """tarfile itself takes a missing end for the end."""
    there = package.stat().st_size
    end = max(member.offset_data + -(-member.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE for member in members)
    with package.open("rb") as stream:
        stream.seek(min(end, there))
        closing = stream.read(END + tarfile.RECORDSIZE)
    if end + len(closing) != there or len(closing) < END or any(closing):
        raise MediaError(f"{package.name} is no package", cause="it is cut off, or something follows its end", hint=HINT)


def _refuse_names(names: Sequence[str], package: str) -> None:
    """Each name clean and once, also where capitals do not count, and no file where another has a folder."""
    if not names:
        raise MediaError(f"{package} is empty", cause="there is no file in it")
    for name in names:
        _refuse_name(name, package)
    folded = [name.casefold() for name in names]
    folders = {folder for name in folded for folder in _folders(name)}
    seen: set[str] = set()
    for name, fold in zip(names, folded, strict=True):
        if fold in seen or fold in folders:
            raise MediaError(f"{package} holds {name!r} twice", cause="two of its names are one on some systems", hint=HINT)
        seen.add(fold)


def _folders(name: str) -> Iterator[str]:
    parts = name.split("/")
    return ("/".join(parts[:count]) for count in range(1, len(parts)))


def _refuse_name(name: str, package: str) -> None:
    if len(name) > LONGEST or not _PATH.fullmatch(name):
        raise MediaError(
            f"{package} cannot hold {name!r:.120}",
            cause=f"a path in it has letters, digits, dots, dashes and underlines, and at most {LONGEST} characters",
            hint=HINT,
        )
