"""Which files decide what a build says: all that were read for it, and those that it wrote itself. For `uptodate`."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from shotbuild.built import Built
from shotbuild.host.memory import stamp_of
from shotbuild.records import Project
from shotbuild.rooms import HIDDEN, OUT, Rooms
from shotbuild.spec.ledger import FOLDER as LEDGERS
from shotbuild.spec.lockfile import FILE as LOCK_FILE
from shotbuild.spec.tree import SPECS, TEMPLATES

Stamp = list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Traces:
    """read: files and folders, relative to the project or absolute; wrote: those of the build's own making → their stamps as
    it left them."""

    read: tuple[str, ...]
    wrote: dict[str, Stamp]


def traces(rooms: Rooms, project: Project, built: Built) -> Traces | None:
    """What a build read and wrote. None where that cannot be said: somebody else's ledger lies among its own.

    Errors: OSError when something of it is gone by now."""
    wrote = {**rooms.wrote, **rooms.ledgers.wrote}
    ledgers = rooms.root / LEDGERS
    if ledgers.is_dir():
        wrote[LEDGERS] = stamp_of(ledgers)
        there = {f"{LEDGERS}/{name}" for name in os.listdir(ledgers)}
        if rooms.ledgers.wrote and not there <= {*rooms.ledgers.read, *rooms.ledgers.wrote}:
            return None
    read = [*project.files, *project.named, *rooms.sources, str(rooms.ffmpeg(project).resolve()), LOCK_FILE]
    read += [each for each in rooms.ledgers.read if (rooms.root / each).exists()]
    for folder in (SPECS, TEMPLATES):
        read += _folders(rooms.root, folder)
    for path in built.present:
        wrote |= _of_output(rooms, path)
    # Bytes that are taken out of the store are missed; what else is put in does no harm.
    wrote |= {folder: stamp_of(rooms.root / folder) for folder in _folders(rooms.root, f"{HIDDEN}/store/cas")}
    return Traces(read=tuple(each for each in dict.fromkeys(read) if each not in wrote), wrote=wrote)


def _folders(root: Path, folder: str) -> Iterator[str]:
    for place, folders, _ in os.walk(root / folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield os.path.relpath(place, root)


def _of_output(rooms: Rooms, path: str) -> dict[str, Stamp]:
    """The stamps of an output; those of one that is a folder are those of now."""
    place = rooms.root / OUT / path
    if not place.is_dir():
        kept = rooms.memory.table("links").get(path)
        return {f"{OUT}/{path}": kept[1] if isinstance(kept, list) else []}
    inner = [each for each in (place, *place.rglob("*")) if not each.name.startswith(".")]
    return {each.relative_to(rooms.root).as_posix(): stamp_of(each) for each in inner}
