"""What the store holds and for whom, whether it is whole, what may go. Knows nothing of how takes are made."""

import os
import re
import stat
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TypeVar

from shotbuild.digest import of_file
from shotbuild.engine.execute import clear_leftovers
from shotbuild.errors import BytesLost, PlanError, StoreError, nearest
from shotbuild.host import files, git
from shotbuild.records import ActionResult, Chosen, Digest, SourceFile
from shotbuild.rooms import HIDDEN, OUT, Rooms
from shotbuild.spec.ledger import FOLDER, SUFFIX
from shotbuild.stages.catalogue import ASKING
from shotbuild.store.blobs import FolderBlobs
from shotbuild.store.sweep import sweepable
from shotbuild.workspace import Workspace

UNKNOWN = "unknown"
RECORD = "record of "
READERS = min(8, os.cpu_count() or 1)
Progress = Callable[[str, int, int], None]
"""Told what is being read (`store`, `copies`), bytes done, bytes in all."""
Item = TypeVar("Item")
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """Bytes that a ledger names. what: for whom: `sh010 t3`, `record of sh010 t3`; several are joined by `, `."""

    digest: Digest
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One blob. what: `take sh010 t3`, `record of sh010 t3`, the stage that made it, `source PATH` or `unknown`."""

    digest: Digest
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Repaired:
    """Bytes that were brought back. source: the file that had them."""

    digest: Digest
    what: str
    source: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """blobs, size: how many were read, in bytes; damaged, missing: what stays so (missing: of what ledgers name);
    only_here: what ledgers name and no copy has."""

    blobs: int
    size: int
    damaged: tuple[Row, ...]
    missing: tuple[Row, ...]
    repaired: tuple[Repaired, ...]
    only_here: tuple[Row, ...]

    @property
    def whole(self) -> bool:
        return not (self.damaged or self.missing)


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """free: what nothing needs and a stage can make again for nothing; takes: the rest of what nothing needs; deleted: what
    went."""

    free: tuple[Row, ...]
    takes: tuple[Row, ...]
    deleted: tuple[Row, ...]


# --- what it is for ---------------------------------------------------------------------------------------------------


def listing(rooms: Rooms, named: Mapping[str, Named]) -> tuple[Row, ...]:
    """Every blob of the store and what it is, in the order of digests; nothing is read. Errors: StoreError."""
    what = _describer(rooms, named, _made(rooms))
    return tuple(Row(digest=digest, what=what(digest.sha256)) for digest in rooms.local.each())


def path_of(rooms: Rooms, named: Mapping[str, Named], word: str) -> Path:
    """The file of a take (`sh010 t3`, `sh010/t3`) or of a digest, also of its first digits (4 at least), to be read only.

    Errors: PlanError when there is none, or more than one; BytesLost when it is not here."""
    wanted = " ".join(word.replace("/", " ").split())
    found = {each.digest.sha256: each.digest for each in named.values() if wanted in each.what.split(", ")}
    if not found and re.fullmatch("[0-9a-f]{4,64}", word):
        there = chain((each.digest for each in named.values()), rooms.local.each())
        found = {digest.sha256: digest for digest in there if digest.sha256.startswith(word)}
    if not found:
        close = nearest(wanted, [name for each in named.values() for name in each.what.split(", ")])
        raise PlanError(
            f"no take and no digest is called {word!r}",
            hint=f"write `{close.replace(' ', '/')}`" if close else "`shotbuild store ls` lists what there is",
        )
    if len(found) > 1:
        raise PlanError(
            f"{word!r} is {len(found)} different files",
            cause=", ".join(sorted(sha256[:16] for sha256 in found)),
            hint="name one by its digest",
        )
    return rooms.local.path(next(iter(found.values())))


def _made(rooms: Rooms) -> dict[str, tuple[Digest, str]]:
    """sha256 → digest and the stage that made it, "" when that is not sure. What a provider gave once is not free again."""
    found: dict[str, tuple[Digest, set[str]]] = {}
    for _, stage, result in rooms.actions.rows():
        for digest in _given(result):
            found.setdefault(digest.sha256, (digest, set()))[1].add(stage)
    return {sha256: (digest, _one_of(stages)) for sha256, (digest, stages) in found.items()}


def _given(result: ActionResult) -> tuple[Digest, ...]:
    """All bytes that a result stands for: its outputs, and what a provider said of them."""
    return (*(digest for _, digest in result.outputs), *((result.record,) if result.record else ()))


def _one_of(stages: set[str]) -> str:
    return next((name for name in (*ASKING, "") if name in stages), min(stages))


def _describer(rooms: Rooms, named: Mapping[str, Named], made: Mapping[str, tuple[Digest, str]]) -> Callable[[str], str]:
    kept = rooms.memory.table("digests").items()
    sources = {row[1]: path for path, row in kept if isinstance(row, list) and len(row) == 2 and isinstance(row[1], str)}

    def what(sha256: str) -> str:
        if sha256 in named:
            return ", ".join(each if each.startswith(RECORD) else f"take {each}" for each in named[sha256].what.split(", "))
        stage = made[sha256][1] if sha256 in made else ""
        return stage or (f"source {sources[sha256]}" if sha256 in sources else UNKNOWN)

    return what


# --- whether it is whole ----------------------------------------------------------------------------------------------


def check(
    rooms: Rooms,
    named: Mapping[str, Named],
    copies: Sequence[Path] = (),
    *,
    repair: bool = True,
    progress: Progress = lambda *_: None,
) -> Checked:
    """Reads every blob, and brings back what is damaged or missing from where it is whole: other stores and out/.

    copies: folders that are or hold a store; repair False: nothing is set aside or changed. Errors: ShotbuildError when a
    copy is none; StoreError.
    """
    stores = tuple(_store_in(folder, rooms) for folder in copies)
    made = _made(rooms)
    what = _describer(rooms, named, made)
    blobs = tuple(rooms.local.each())
    faults = {
        digest.sha256: _true(digest, named, made)
        for digest, whole in _read(
            blobs, lambda each: _whole(rooms.local, each, aside=repair), lambda each: each.size, "store", progress
        )
        if not whole
    }
    absent = {sha256: each.digest for sha256, each in named.items() if sha256 not in {blob.sha256 for blob in blobs}}
    asked = {sha256: each.digest for sha256, each in named.items()} | faults
    elsewhere = _elsewhere(asked, stores, rooms, progress)
    repaired = tuple(_repaired(rooms, {**absent, **faults}, elsewhere, what)) if repair else ()
    mended = {each.digest.sha256 for each in repaired}

    def rows(found: Mapping[str, Digest]) -> tuple[Row, ...]:
        return tuple(Row(digest=found[sha256], what=what(sha256)) for sha256 in sorted(found) if sha256 not in mended)

    lost = faults.keys() | absent.keys()
    return Checked(
        blobs=len(blobs),
        size=sum(digest.size for digest in blobs),
        damaged=rows(faults),
        missing=rows(absent),
        repaired=repaired,
        only_here=rows({name: each.digest for name, each in named.items() if name not in lost and name not in elsewhere}),
    )


def _whole(blobs: FolderBlobs, digest: Digest, *, aside: bool) -> bool:
    try:
        if not aside:
            return blobs.sound(digest)
        blobs.verify(digest)
    except (BytesLost, OSError):
        return False  # what may not be read is of no more use than what differs
    return True


def _true(found: Digest, named: Mapping[str, Named], made: Mapping[str, tuple[Digest, str]]) -> Digest:
    """The digest of what a damaged blob was: its file may have another size by now."""
    if found.sha256 in named:
        return named[found.sha256].digest
    return made[found.sha256][0] if found.sha256 in made else found


def _elsewhere(
    asked: Mapping[str, Digest], stores: Sequence[FolderBlobs], rooms: Rooms, progress: Progress
) -> dict[str, Path]:
    """sha256 → a file outside of the store that holds these bytes: it was read."""
    wanted = list(asked.values())
    sizes = {digest.size for digest in wanted}
    candidates = [(path, size) for path, size in _outputs(rooms) if size in sizes]
    candidates += [(store.path(digest), digest.size) for store in stores for digest in wanted if store.has(digest)]
    found: dict[str, Path] = {}
    for (path, _), sha256 in _read(candidates, lambda each: _sha256(each[0]), lambda each: each[1], "copies", progress):
        if sha256 in asked and not _same_file(rooms, asked[sha256], path):
            found.setdefault(sha256, path)
    return found


def _sha256(path: Path) -> str:
    try:
        return of_file(path).sha256
    except OSError:
        return ""  # a copy that cannot be read is none


def _same_file(rooms: Rooms, digest: Digest, path: Path) -> bool:
    """A hard link to the blob itself falls ill together with it."""
    return rooms.local.has(digest) and os.path.samefile(rooms.local.path(digest), path)


def _outputs(rooms: Rooms) -> Iterator[tuple[Path, int]]:
    for folder, _, names in os.walk(rooms.inside(OUT)):
        for path in (Path(folder, name) for name in sorted(names)):
            try:
                found = path.lstat()
            except OSError:
                continue  # a build has just replaced it
            if stat.S_ISREG(found.st_mode):
                yield path, found.st_size


def _repaired(
    rooms: Rooms, lost: Mapping[str, Digest], elsewhere: Mapping[str, Path], what: Callable[[str], str]
) -> Iterator[Repaired]:
    for sha256, digest in sorted(lost.items()):
        source = elsewhere.get(sha256)
        if source is None:
            continue
        try:
            done = rooms.local.repair(digest, source)
        except OSError as error:
            rooms.warn(f"{what(sha256)} could not be brought back from {source}: {error}")
            continue
        if done:
            yield Repaired(digest=digest, what=what(sha256), source=source)


def _store_in(folder: Path, rooms: Rooms) -> FolderBlobs:
    """The store that a folder is or holds. Errors: ShotbuildError when there is none, or it is this project's own."""
    found = next((each for each in (folder, folder / "store", folder / HIDDEN / "store") if (each / "cas").is_dir()), None)
    if found is None:
        raise PlanError(
            f"{folder} is no copy of a store",
            cause=f"there is neither cas/ nor {HIDDEN}/store/cas/ in it",
            hint="name a project's folder, or a copy of its .shotbuild/store",
        )
    if os.path.realpath(found) == os.path.realpath(rooms.hidden / "store"):
        raise PlanError(f"{folder} is this project's own store, not a copy of it", hint="name another folder")
    return FolderBlobs(found)


def _read(
    items: Sequence[Item], look: Callable[[Item], Answer], size: Callable[[Item], int], what: str, progress: Progress
) -> Iterator[tuple[Item, Answer]]:
    """Looks at files in several threads: hashing and reading let go of the interpreter."""
    done, total = 0, sum(map(size, items))
    pool = ThreadPoolExecutor(READERS)
    try:
        for item, answer in zip(items, pool.map(look, items), strict=True):
            done += size(item)
            progress(what, done, total)
            yield item, answer
    finally:
        pool.shutdown(cancel_futures=True)


# --- what may go ------------------------------------------------------------------------------------------------------


def sweep(rooms: Rooms, kept: Callable[[], Collection[str]], *, takes: bool, delete: bool) -> Swept:
    """Finds what nothing needs, and deletes it when told to: what stages can make again, and with `takes` all the rest.

    kept: gives the sha256 of all that is needed; asked when no build can add to it. Errors: StoreError while a build runs.
    """
    if not delete:
        return _sweepable(rooms, kept())
    with _quiet(rooms):
        found = _sweepable(rooms, kept())
        going = found.free + (found.takes if takes else ())
        for row in going:
            rooms.local.remove(row.digest)
    return replace(found, deleted=going)


def _sweepable(rooms: Rooms, kept: Collection[str]) -> Swept:
    made = _made(rooms)
    what = _describer(rooms, {}, made)
    again = {sha256 for sha256, (_, stage) in made.items() if stage not in (*ASKING, "")}
    # What was paid for is not free, whoever else may have given the same bytes, and though the action cache forgot it.
    again -= {digest.sha256 for entry in rooms.journal.entries() if entry.result for digest in _given(entry.result)}
    found = sweepable(rooms.local.each(), kept, again)
    free, takes = (tuple(Row(digest=each, what=what(each.sha256)) for each in part) for part in (found.free, found.takes))
    return Swept(free=free, takes=takes, deleted=())


@contextmanager
def _quiet(rooms: Rooms) -> Iterator[None]:
    """No build runs in this block, and none starts."""
    work = rooms.folder("work")
    with files.locked(rooms.folder("locks") / "work.lock"):
        clear_leftovers(work)
        if any(work.glob("*.lock")):
            raise StoreError(
                "a build is running",
                cause="what it has just made is not named anywhere yet",
                hint="wait until it has ended, and sweep again",
            )
        yield


# --- what is needed ---------------------------------------------------------------------------------------------------


def ledger_names(texts: Iterable[bytes]) -> set[str]:
    """Every sha256 that stands anywhere in a text: in damaged lines and in those of a newer version too."""
    # NUL: a ledger that an editor kept as UTF-16 names its takes as well.
    found = (re.findall(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])", text.replace(b"\0", b"").lower()) for text in texts)
    return {sha256.decode() for names in found for sha256 in names}


def named_of(workspace: Workspace) -> dict[str, Named]:
    """What the ledgers in the project's folder name, by sha256. Errors: SpecError at a damaged line."""
    rooms = workspace.rooms
    found: dict[str, list[Named]] = {}
    _ = workspace.project  # which shots moved is said in the specs
    for path in _ledgers(rooms):
        for take in rooms.ledgers.of(path.relative_to(rooms.root / FOLDER).as_posix().removesuffix(SUFFIX)).takes:
            name = f"{take.shot} t{take.number}"
            found.setdefault(take.video.sha256, []).append(Named(digest=take.video, what=name))
            if take.record is not None:
                found.setdefault(take.record.sha256, []).append(Named(digest=take.record, what=RECORD + name))
    return {
        sha256: Named(digest=several[0].digest, what=", ".join(dict.fromkeys(each.what for each in several)))
        for sha256, several in found.items()
    }


def kept_of(workspace: Workspace) -> frozenset[str]:
    """sha256 of all that must stay: what ledgers name here and on every ref, what a build of today would look up, and what
    operations under way read and gave.

    Errors: ShotbuildError when Git cannot show all of its refs; StoreError when the journal cannot be read; SpecErrors,
    PlanError: what is needed is not known then.
    """
    rooms = workspace.rooms
    here = (rooms.inside(path.relative_to(rooms.root).as_posix()).read_bytes() for path in _ledgers(rooms))
    ledgers = ledger_names(chain(here, git.texts_everywhere(rooms.root, FOLDER, SUFFIX)))
    return frozenset(ledgers | _needed(workspace) | _under_way(rooms))


def _needed(workspace: Workspace) -> set[str]:
    """What the steps of the project read and have made."""
    rooms, needed = workspace.rooms, set[str]()
    for line in workspace.plan().lines:
        for _, origin in (*line.step.inputs, *line.step.cites):
            if isinstance(origin, SourceFile):
                needed.add(rooms.source(origin).sha256)
            elif isinstance(origin, Chosen):
                needed.add(origin.digest.sha256)
        if line.result is not None:
            needed.update(digest.sha256 for digest in _given(line.result))
    return needed


def _under_way(rooms: Rooms) -> set[str]:
    """What operations that have not ended read, and what those that were fetched gave, whatever the specs ask for now."""
    entries = rooms.journal.unfinished()
    # Every digest of the step's text: also of one that cannot be read as a step.
    read = ledger_names(entry.wanted.encode() for entry in entries)
    return read | {digest.sha256 for entry in entries if entry.result for digest in _given(entry.result)}


def _ledgers(rooms: Rooms) -> tuple[Path, ...]:
    return tuple(sorted(path for path in rooms.inside(FOLDER).rglob(f"*{SUFFIX}") if path.is_file()))
