"""Files and folders put into a folder of somebody else's, whole or not at all, with a checksum list that is written last.

Everything is written and synced in a hidden folder of that file system first. Only then names change, one rename each, so a
full disk or an interruption finds the old files as they were. What the list does not name with the bytes that are there is
not ours, and is never overwritten unasked.
"""

import os
import re
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from shotbuild.digest import of_file
from shotbuild.errors import PlanError, ShotbuildError
from shotbuild.host import files, folders
from shotbuild.records import Digest
from shotbuild.units import counted

SUMS = "SHA256SUMS"
SHOWN = 8
Pairs: TypeAlias = frozenset[tuple[str, str]]
"""Paths with the sha256 of what stands there."""
_LINE = re.compile(r"(\\?)([0-9a-f]{64}) [ *](.+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One file or folder to put somewhere. path: posix, below the folder; files: of a folder, by their paths below it; a
    file has itself alone, under an empty path; fill: writes it to a path that is free."""

    path: str
    files: Mapping[str, Digest]
    fill: Callable[[Path], None]

    @property
    def is_folder(self) -> bool:
        return "" not in self.files

    @property
    def sums(self) -> dict[str, str]:
        """Path → sha256, as the list has them."""
        return {f"{self.path}/{name}" if name else self.path: digest.sha256 for name, digest in self.files.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """written: the files and folders that were put there, kept: those that were there already."""

    written: tuple[str, ...]
    kept: tuple[str, ...]


def hand_over(folder: Path, parts: Sequence[Part], mark: str, *, force: bool = False) -> Handed:
    """Puts the parts into a folder, which is made if need be. mark: letters and digits that tell who does it: what a run of
    the same mark left behind is cleared; one run of a mark at a time. force: replaces what is not ours too.

    Errors: PlanError for what is in the way, before anything is written; ShotbuildError when it cannot be written.
    """
    staging = folder / f".shotbuild-{mark}"
    if staging.is_symlink():
        # What it leads to would be cleared, and a list there would call files ours.
        raise PlanError(f"{staging} is a link", cause=f"it leads to {os.path.realpath(staging)}", hint="remove the link")
    moving = done = False
    begun: Pairs = frozenset()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        listed = _read(folder / SUMS)
        begun = _read(staging / SUMS, strict=False)
        targets = {part.path: _inside(folder, part) for part in parts}
        missing = [part for part in parts if not _is_there(part, targets[part.path])]
        sums = _merged(folder, dict(listed), parts)
        ours = listed | begun | sums.items()
        if not force:
            _refuse(folder, [path for part in missing for path in _foreign(part, targets[part.path], ours)])
        if missing:
            _clear(staging)
            staging.mkdir(exist_ok=True)
            # Who goes on after a cut knows by this which of the new files are its own.
            files.write_atomic(staging / SUMS, _text(ours).encode())
            fresh = {part.path: _staged(part, staging / str(number)) for number, part in enumerate(missing)}
            for part in missing if force else ():
                _bring_along(part, targets[part.path], fresh[part.path])
            moving = True
            for part in missing:
                _move(part, fresh[part.path], targets[part.path])
        if sums.items() != listed or not (folder / SUMS).is_file():
            files.write_atomic(folder / SUMS, _text(sums.items()).encode())
        done = True
    except OSError as error:
        raise ShotbuildError(
            f"the package cannot be written into {folder}",
            cause=f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}",
            hint=f"some of its files are new and {SUMS} is not: make room or mend the folder, and deliver again"
            if moving
            else "what was there is as it was: make room, or name a folder that can be written",
        ) from error
    finally:
        with suppress(OSError):
            if done or not (moving or begun):
                folders.remove(staging)
            else:
                _clear(staging)
    written = {part.path for part in missing}
    return Handed(written=tuple(sorted(written)), kept=tuple(sorted({part.path for part in parts} - written)))


def _clear(staging: Path) -> None:
    """Removes what was staged, but not the list of what may have been moved already."""
    for entry in staging.iterdir() if staging.is_dir() and not staging.is_symlink() else ():
        if entry.name != SUMS:
            folders.remove(entry)


def _inside(folder: Path, part: Part) -> Path:
    """Where a part goes. Errors: PlanError for a link on the way, a file in the place of a folder or the opposite."""
    target = folder / part.path
    if target.is_dir() and not target.is_symlink() and not part.is_folder:
        raise PlanError(f"{target} is a folder, where a file has to be", hint="move it away")
    for above in target.parents:
        if above == folder:
            break
        if above.is_symlink():
            raise PlanError(f"{above} is a link", cause=f"it leads to {above.resolve()}", hint="replace it by a folder")
        if above.exists() and not above.is_dir():
            raise PlanError(f"{above} is a file, where a folder has to be", hint="move it away")
    return target


def _is_there(part: Part, target: Path) -> bool:
    """Whether just these bytes stand there."""
    if target.is_symlink():
        return False
    if part.is_folder:
        return target.is_dir() and folders.digests_in(target) == dict(part.files)
    digest = part.files[""]
    return target.is_file() and target.stat().st_size == digest.size and of_file(target) == digest


def _foreign(part: Part, target: Path, ours: Pairs) -> list[str]:
    """What stands in the place of a part and is none of ours, or was changed since."""
    if not os.path.lexists(target):
        return []
    if target.is_dir() and not target.is_symlink():
        found = {f"{part.path}/{name}": digest for name, digest in folders.digests_in(target).items()}
        return [path for path, digest in found.items() if digest is None or (path, digest.sha256) not in ours]
    if target.is_symlink() or not target.is_file():
        return [part.path]
    return [] if (part.path, of_file(target).sha256) in ours else [part.path]


def _refuse(folder: Path, foreign: Sequence[str]) -> None:
    if not foreign:
        return
    names = ", ".join(foreign[:SHOWN]) + (f" and {len(foreign) - SHOWN} more" if len(foreign) > SHOWN else "")
    raise PlanError(
        f"{counted(len(foreign), 'file')} in {folder} would be overwritten that no delivery wrote, or that changed since",
        cause=f"{names}: {SUMS} does not name {'its' if len(foreign) == 1 else 'their'} bytes",
        hint="move them away, name another folder, or say `--force` to replace them",
    )


def _staged(part: Part, place: Path) -> Path:
    part.fill(place)
    for path in folders.files_in(place).values() if part.is_folder else (place,):
        files.sync_file(path)
    return place


def _bring_along(part: Part, target: Path, fresh: Path) -> None:
    """Somebody's files beside ours in a folder that is replaced stay in it."""
    if not part.is_folder or not target.is_dir() or target.is_symlink():
        return
    for name, path in folders.files_in(target).items():
        if name not in part.files and path.is_file() and not os.path.lexists(fresh / name):
            (fresh / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, fresh / name)


def _move(part: Part, fresh: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if part.is_folder:
        folders.put_in_place(fresh, target)
    else:
        os.replace(fresh, target)
        files.sync_folder(target.parent)


# --- the list, as `sha256sum -c` reads it --------------------------------------------------------------------------------


def _merged(folder: Path, before: Mapping[str, str], parts: Sequence[Part]) -> dict[str, str]:
    """What the list says afterwards: of other deliveries what is still there, and all of this one."""
    replaced = tuple(f"{part.path}/" for part in parts if part.is_folder)
    sums = {path: sha256 for path, sha256 in before.items() if not path.startswith(replaced) and (folder / path).is_file()}
    for part in parts:
        sums.update(part.sums)
    return sums


def _text(sums: Iterable[tuple[str, str]]) -> str:
    return "".join(f"{_line(path, sha256)}\n" for path, sha256 in sorted(sums))


def _line(path: str, sha256: str) -> str:
    """GNU coreutils marks a line with escapes by a backslash at its start."""
    escaped = path.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return f"{'' if escaped == path else chr(92)}{sha256}  {escaped}"


def _read(path: Path, *, strict: bool = True) -> Pairs:
    """A list that may be there, as paths with their sha256. Errors: PlanError for one that is none, when `strict`."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except FileNotFoundError:
        return frozenset()
    except (UnicodeDecodeError, IsADirectoryError):
        lines = ["?"]
    found: set[tuple[str, str]] = set()
    for number, line in enumerate(lines, start=1):
        match = _LINE.fullmatch(line)
        if match is not None:
            found.add((_unescaped(match[3]) if match[1] else match[3], match[2]))
        elif line and strict:
            raise PlanError(
                f"{path} is no list of checksums as `sha256sum` writes it",
                cause=f"line {number} is {line!r:.80}",
                hint="move it away, or name another folder",
            )
    return frozenset(found)


def _unescaped(name: str) -> str:
    return re.sub(r"\\(.)", lambda found: {"n": "\n", "r": "\r"}.get(found[1], found[1]), name)
