"""The rooms of one project folder, opened when they are needed: store, action cache, memory, ledgers, lock, ffmpeg.

Everything that reads or writes the project's folder between `spec.load` and the outputs is here; what to do with it is
decided in `plan` and `engine`.
"""

import os
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from shotbuild.digest import manifest, of_file, of_text
from shotbuild.engine.clock import Clock, RealClock
from shotbuild.engine.done import Done
from shotbuild.engine.journal import Journal
from shotbuild.errors import Location, ShotbuildError, SpecError, SpecErrors, StoreError
from shotbuild.frozen import is_frozen
from shotbuild.host import files, folders, packing
from shotbuild.host.memory import Memory, settled, stamp_of
from shotbuild.host.objects.interface import Objects
from shotbuild.host.places import Places
from shotbuild.host.tools import VARIABLE, find_ffmpeg, identify, joiner
from shotbuild.ledgers import Ledgers, result_of
from shotbuild.plan.bind import Wanted
from shotbuild.plan.graph import Link
from shotbuild.plan.shoot import CHOOSE
from shotbuild.plugins import load
from shotbuild.records import (
    PUSH_NOTHING,
    ActionResult,
    Caption,
    Captions,
    Chosen,
    Digest,
    Fields,
    Footage,
    Lock,
    Project,
    SourceFile,
    Step,
    StoreUse,
    Tool,
)
from shotbuild.sharing import opened, use_of
from shotbuild.spec.kept import Kept
from shotbuild.spec.lockfile import FILE, lock_text, read_lock
from shotbuild.store.actions import DiskActions
from shotbuild.store.blobs import FolderBlobs
from shotbuild.store.interface import Row
from shotbuild.store.shared import Shared
from shotbuild.store.tiered import TieredActions, TieredBlobs

HIDDEN = ".shotbuild"
PROBE = 2  # goes up when `media.probe` would say something else of the same bytes
LINK_DEPTH = 3  # .shotbuild/store/cas/ab
OUT = "out"
NUMBER = re.compile(r"\d{1,18}(/[1-9]\d{0,17})?")
CLOCK = RealClock()
Seen = TypeVar("Seen")


# Probing needs PyAV, which a project without new plates and sounds has no reason to wait for.
def _measured(path: Path) -> Footage:
    facts: Footage = load("shotbuild.media.probe:footage", "the probe")(path)
    return facts


def _read_captions(path: Path) -> tuple[Caption, ...]:
    rows: tuple[Caption, ...] = load("shotbuild.media.captions:read", "the captions")(path)
    return rows


def _heard(path: Path) -> object:
    return load("shotbuild.media.probe:probe_sound", "the probe")(path)


def _looked(path: Path) -> tuple[Fields, ...]:
    rows: tuple[Fields, ...] = load("shotbuild.media.probe:streams", "the probe")(path)
    return rows


class Rooms:
    """root: the project's folder; warn: told of what was mended or is doubtful; identify, measure, hear, look: who
    looks at an ffmpeg, at a plate, at a sound file and at a take; clock: by which services are waited for; reach: opens the
    storage that a team shares."""

    def __init__(
        self,
        root: Path,
        warn: Callable[[str], None],
        identify: Callable[[Path, Path], Tool] = identify,
        measure: Callable[[Path], Footage] = _measured,
        hear: Callable[[Path], object] = _heard,
        look: Callable[[Path], tuple[Fields, ...]] = _looked,
        clock: Clock = CLOCK,
        reach: Callable[..., Objects] = opened,
    ) -> None:
        self.root = root.resolve()
        self._places = Places(str(self.root))
        self.warn = warn
        self.clock = clock
        self._reach = reach
        self._identify, self._measure, self._hear, self._look = identify, measure, hear, look
        self._sources: dict[str, Digest] = {}
        self._use: StoreUse | None = None
        self._restored: set[str] = set()
        self._captions: dict[str, tuple[Caption, ...]] = {}
        self.wrote: dict[str, list[int]] = {}
        """Files of the project, beside ledgers and outputs, that were written here → their stamps then."""
        self.kept_by: Callable[[Sequence[Row]], None] | None = None
        """Told of results once they are on disk, from any thread."""

    def elsewhere(self, root: Path) -> "Rooms":
        """The rooms of another folder, such as one that was checked out, looked at as this one is."""
        other = Rooms(root, self.warn, self._identify, self._measure, self._hear, self._look, self.clock, self._reach)
        other.share(self._use)
        return other

    @cached_property
    def hidden(self) -> Path:
        """The folder of everything that Git does not keep. Errors: ShotbuildError when it cannot be made, or holds links."""
        hidden = self.inside(HIDDEN)
        _refuse_links(hidden, LINK_DEPTH)
        try:
            hidden.mkdir(exist_ok=True)
            if not (hidden / ".gitignore").exists():
                # Git passes it over even where nobody wrote a .gitignore for the project.
                files.write_atomic(hidden / ".gitignore", b"*\n")
        except OSError as error:
            raise ShotbuildError(
                f"{HIDDEN}/ cannot be made", cause=str(error), hint="make the project's folder writable"
            ) from error
        return hidden

    @cached_property
    def memory(self) -> Memory:
        return Memory(self.hidden / "memory.json")

    @cached_property
    def kept(self) -> Kept:
        try:
            return Kept(self.hidden / "specs")
        except ShotbuildError:
            return Kept()  # who needs the folder says what is wrong with it

    @cached_property
    def local(self) -> FolderBlobs:
        """The store on this disk."""
        return FolderBlobs(self.hidden / "store")

    @cached_property
    def blobs(self) -> TieredBlobs:
        """The store as steps see it: what is not here may come from the team's."""
        return TieredBlobs(self.local, lambda: self.shared, lambda: self.folder("fetching"))

    @cached_property
    def actions(self) -> TieredActions:
        local = DiskActions(self.hidden / "cache", self.warn)
        return TieredActions(local, lambda: self.shared, self.memory.table("came"))

    @cached_property
    def shared(self) -> Shared | None:
        """The team's store, None = there is none. Nothing is asked of it yet. Errors: PluginError, PlanError."""
        use = self.store_use
        if use is None:
            return None
        place = of_text(use.address).sha256[:16]
        known, recorded = self.memory.table(f"shared {place}"), self.memory.table(f"recorded {place}")
        objects = self._reach(use, self.root, seen=bool(known))
        return Shared(objects, known, self.warn, recorded=recorded, writes=use.push != PUSH_NOTHING and not is_frozen())

    @property
    def store_use(self) -> StoreUse | None:
        """The team's store as it is to be used. Errors: PlanError."""
        return use_of(self._use)

    def share(self, use: StoreUse | None) -> None:
        """Says which store the project names; before that there is none but the environment's."""
        if use != self._use:
            self._use = use
            self.__dict__.pop("shared", None)

    @cached_property
    def journal(self) -> Journal:
        return Journal(self.hidden / "journal.db")

    @cached_property
    def ledgers(self) -> Ledgers:
        return Ledgers(self._read, self.inside, self.folder("locks"), self._streams, self.warn, self.journal.asked)

    def folder(self, name: str) -> Path:
        folder = self.hidden / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def inside(self, path: str) -> Path:
        """A path of the project. Errors: ShotbuildError when links on the way lead out of it."""
        real = self._places.real(path)
        if self._places.inside(real) is None:
            raise ShotbuildError(
                f"{path} leads out of the project",
                cause=f"it resolves to {real}",
                hint=f"replace the link by a real file or folder inside {self.root.name}/",
            )
        return self.root / path

    # --- tools and pins ---------------------------------------------------------------------------------------------

    def ffmpeg(self, project: Project) -> Path:
        """Errors: ShotbuildError, also when the project's files name a program among themselves."""
        named = project.settings.ffmpeg
        path = find_ffmpeg(named)
        if named is None or os.environ.get(VARIABLE):
            return path
        came_with = path.resolve().is_relative_to(_checkout(self.root))
        if ("/" in named and not named.startswith("/")) or came_with:
            raise ShotbuildError(
                f"`ffmpeg: {named}` in shotbuild.yaml names a program that may have come with the project",
                cause="who clones a project must not run what lies in or beside it",
                hint=f"name one on PATH or by its absolute path, or set {VARIABLE} yourself",
            )
        return path

    def tool(self, project: Project) -> Tool:
        return self._identify(self.ffmpeg(project), self.hidden / "ffmpeg.json")

    @cached_property
    def joiner(self) -> Tool:
        return joiner()

    def tools(self, project: Project) -> tuple[Tool, ...]:
        """Every tool whose build decides bytes, sorted by name."""
        return self.tool(project), self.joiner

    def read_lock(self) -> Lock | None:
        text = self._read(FILE)
        return None if text is None else read_lock(text)

    def write_lock(self, lock: Lock) -> None:
        """Writes the lock when its text differs, so that an unchanged lock keeps its time."""
        text = lock_text(lock)
        if self._read(FILE) != text:
            files.write_atomic(self.inside(FILE), text.encode())
            self.wrote[FILE] = stamp_of(self.inside(FILE))

    def _streams(self, video: Digest) -> tuple[Fields, ...]:
        return self._look(self.blobs.path(video))

    # --- what steps read ----------------------------------------------------------------------------------------------

    def source(self, source: SourceFile) -> Digest:
        """A project file's digest, once for this object; its bytes are read only when its stat changed."""
        try:
            if source.path not in self._sources:
                self._sources[source.path] = self.memory.digest(source.path, self.inside(source.path))
            return self._sources[source.path]
        except OSError as error:
            raise SpecError(f"{source.path} cannot be read", location=source.location, cause=str(error)) from error

    @property
    def sources(self) -> tuple[str, ...]:
        """The project files whose digests were asked for."""
        return tuple(self._sources)

    def bring(self, source: SourceFile, digest: Digest) -> None:
        """Copies a project file into the store, where steps read it. Errors: StoreError when it changed meanwhile."""
        try:
            same = self.local.has(digest) or self.local.copy_in(self.inside(source.path)) == digest
        except OSError as error:
            raise StoreError(f"{source.path} cannot be brought into the store", cause=str(error)) from error
        if not same:
            raise StoreError(f"{source.path} changed while the build was running", hint="build again")

    def footage(self, project: Project) -> dict[str, Footage]:
        """What is known of each plate; a plate is probed once for its bytes. Errors: SpecErrors, all of them."""
        plates = {shot.plate: shot.location for shot in reversed(project.shots) if shot.plate is not None}
        found: dict[str, Footage] = {}
        errors: list[SpecError] = []

        def look(plate: str) -> None:
            try:
                found[plate] = self._footage_of(plate, plates[plate])
            except SpecError as error:
                errors.append(error)

        known = self.memory.table("digests")
        fresh = [plate for plate in plates if plate not in known]
        if fresh:
            # Hashing and decoding let go of Python: a hundred new plates are looked at on all cores.
            with ThreadPoolExecutor() as pool:
                list(pool.map(look, fresh))
        for plate in plates.keys() - set(fresh):
            look(plate)
        if errors:
            raise SpecErrors(errors)
        return found

    def _footage_of(self, plate: str, location: Location) -> Footage:
        table, key = self.memory.table("footage"), self._probe_key(self.source(SourceFile(path=plate, location=location)))
        facts = _kept_footage(table.get(key)) or self._looked_at("plate", plate, location, self._measure)
        table[key] = [str(facts.seconds), facts.sound, "" if facts.rate is None else str(facts.rate)]
        return facts

    def captions(self, captions: Captions) -> tuple[Caption, ...]:
        """What a caption file says, read once for its bytes. Errors: SpecError with the line that is wrong."""
        key = self.source(SourceFile(path=captions.file, location=captions.location)).sha256
        if key not in self._captions:
            self._captions[key] = self._looked_at("captions", captions.file, captions.location, _read_captions)
        return self._captions[key]

    def _probe_key(self, digest: Digest) -> str:
        """What a probe found holds for these bytes, this PyAV and this way of looking."""
        return f"{digest.sha256} {self.joiner.version} {PROBE}"

    def check_sounds(self, project: Project) -> None:
        """Looks once at each sound file for its bytes. Errors: SpecErrors, at each track that is none."""
        table = self.memory.table("sounds")
        errors: list[SpecError] = []
        for track in (track for sequence in project.sequences for track in sequence.audio):
            key = self._probe_key(self.source(SourceFile(path=track.file, location=track.location)))
            if key in table:
                continue
            try:
                self._looked_at("sound", track.file, track.location, self._hear)
                table[key] = True
            except SpecError as error:
                errors.append(error)
        if errors:
            raise SpecErrors(errors)

    # --- results ------------------------------------------------------------------------------------------------------

    def lookup(self, wanted: Wanted) -> ActionResult | None:
        """A result whose bytes can all be had: from the action cache, or a take that the shot's ledger names."""
        return self._found(wanted, self.actions.get, self.blobs.has)

    def lookup_all(self, several: Sequence[Wanted]) -> list[ActionResult | None]:
        """The same for many. What is not here is asked of the shared store at the same time."""
        if self.shared is None:
            return [self.lookup(each) for each in several]
        # What was seen in the shared store before is taken to be there still.
        known = [self._found(each, self.actions.local.get, self.blobs.is_known) for each in several]
        self._ask([wanted for wanted, result in zip(several, known, strict=True) if result is None])
        return [result or self.lookup(wanted) for wanted, result in zip(several, known, strict=True)]

    def _ask(self, several: Sequence[Wanted]) -> None:
        """From now on `lookup` asks nobody for these."""
        self.actions.ask(each.key for each in several if self._said(each, self.actions.local.get) is None)
        said = [result for each in several if (result := self._said(each, self.actions.local.get)) is not None]
        self.blobs.ask(digest for result in said for _, digest in result.outputs)

    def present(self, result: ActionResult) -> bool:
        """Whether the bytes of a result can be had."""
        return self._all(result, self.blobs.has)

    def _all(self, result: ActionResult, has: Callable[[Digest], bool]) -> bool:
        return all(has(digest) for _, digest in result.outputs)

    def _found(
        self, wanted: Wanted, get: Callable[[str], ActionResult | None], has: Callable[[Digest], bool]
    ) -> ActionResult | None:
        result = self._said(wanted, get)
        if result is None or tuple(name for name, _ in result.outputs) != wanted.step.outputs:
            return None
        return result if self._all(result, has) else None

    def _said(self, wanted: Wanted, get: Callable[[str], ActionResult | None]) -> ActionResult | None:
        """What is said of an action, wherever its bytes are. get: the action cache."""
        step = wanted.step
        if step.recipe.stage == CHOOSE:
            return _kept(step)
        # What the ledger names is the same on every machine; what else was made here is not.
        take = self.ledgers.recorded(wanted) if step.generates else None
        if take is not None:
            self._restored.add(wanted.key)
            return result_of(take)
        result = get(wanted.key)
        if result is None and step.use is not None:
            result = self.journal.result(wanted.key)
            if result is not None:  # it was paid for, and the cache was deleted
                self._restored.add(wanted.key)
        return None if result is not None and step.generates and self._was_rejected(step, result) else result

    def _was_rejected(self, step: Step, result: ActionResult) -> bool:
        rejected = self.ledgers.of(step.shots[0]).rejected
        return any(digest.sha256 in rejected for _, digest in result.outputs)

    def last(self, step: str) -> str | None:
        """The manifest of a step as it was last built here."""
        action = self.memory.table("built").get(step)
        return self.actions.manifest(action) if isinstance(action, str) else None

    def record(self, done: Done) -> None:
        """Keeps what a step gave: in the memory, and for a take that its ledger does not have yet, in the ledger, where it
        is durable with the next results, or once `ledgers.settle` was called."""
        self.memory.table("built")[done.step.name] = done.key
        if done.key in self._restored and self.actions.local.get(done.key) is None:
            # Found through the ledger or the journal: from now on it is a hit without them.
            self.actions.put(done.key, done.result, manifest(done.action))
        if done.step.generates:
            self.ledgers.enter(done, settled=False)

    def keep(self, rows: Sequence[Row]) -> None:
        """Puts results on disk together, durable before the call returns: first their bytes, then, in one commit, what the
        action cache has of them. Takes that were entered in ledgers before go along. Errors: StoreError; nothing is
        recorded then."""
        try:
            self.blobs.settle(digest for row in rows for digest in row.result.blobs)
        except OSError as error:
            raise StoreError("a result could not be written to the disk", cause=str(error)) from error
        self.actions.put_all(rows)
        with suppress(StoreError):  # it is said at the end of the build
            self.ledgers.settle()
        if self.kept_by is not None:
            self.kept_by(rows)

    def link(self, link: Link, digest: Digest, *, hard: bool, folder: Path | None = None) -> bool:
        """Puts a result under its human name, unless it is there already; True when it was put there. folder: where it is
        copied first, so that a build that is killed leaves nothing in out/."""
        target = self.inside(f"{OUT}/{link.path}")
        table = self.memory.table("links")
        try:
            if link.folder:
                return self._unpacked(target, digest, link.path)
            if self._holds(target, digest, table.get(link.path)):
                table[link.path] = [digest.sha256, stamp_of(target), settled(stamp_of(target))]
                return False
            self.blobs.hand_out(digest, target, hard=hard, folder=folder)
            table[link.path] = [digest.sha256, stamp_of(target), False]
        except OSError as error:
            raise ShotbuildError(f"{OUT}/{link.path} cannot be written", cause=str(error)) from error
        return True

    def fetch(self, digest: Digest) -> None:
        """Brings bytes here that only the shared store has. Who needs them says what is wrong when they do not come."""
        with suppress(StoreError, OSError):
            self.blobs.path(digest)

    def _unpacked(self, target: Path, digest: Digest, path: str) -> bool:
        """The same for a package and its folder. One process at a time does this, so what others left behind may go."""
        table = self.memory.table("links")
        there = folders.stamp_of(target) if target.is_dir() and not target.is_symlink() else None
        if there is not None and table.get(path) == [digest.sha256, there[0], True]:
            return False
        self.blobs.verify(digest)
        if there is not None and folders.holds(target, self.blobs.path(digest)):
            table[path] = [digest.sha256, *there]
            return False
        with files.locked(self.folder("locks") / "folders.lock"):
            target.parent.mkdir(parents=True, exist_ok=True)
            fresh = target.with_name(f".shotbuild-{target.name}")
            folders.remove(fresh)
            try:
                packing.unpack(self.blobs.path(digest), fresh)
                folders.put_in_place(fresh, target)
            finally:
                folders.remove(fresh)
        table[path] = [digest.sha256, folders.stamp_of(target)[0], False]
        return True

    def _looked_at(self, what: str, path: str, location: Location, look: Callable[[Path], Seen]) -> Seen:
        try:
            return look(self.inside(path))
        except ShotbuildError as error:
            cause = f"{error.message}: {error.cause}" if error.cause else error.message
            raise SpecError(f"{what} {path} cannot be used", location=location, cause=cause, hint=error.hint) from error

    def is_linked(self, path: str) -> bool:
        """Whether there is a file, or a folder that was delivered, at a path below out/."""
        return (self.root / OUT / path).exists()

    def _holds(self, target: Path, digest: Digest, kept: object) -> bool:
        """Whether the file holds these bytes: by its stamp when that can be trusted, else by reading it."""
        if target.is_symlink() or not target.is_file():
            return False
        stamp = stamp_of(target)
        if stamp[0] != digest.size:
            return False
        if isinstance(kept, list) and kept == [digest.sha256, stamp, True]:
            return True
        return of_file(target) == digest

    def _read(self, path: str) -> str | None:
        """A text file of the project, None when there is none. Errors: SpecError when it is not UTF-8 text."""
        try:
            return self.inside(path).read_bytes().decode()
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise SpecError(
                f"{path} cannot be read",
                location=Location(file=path, line=1, column=1),
                cause=str(error),
                hint="restore it from Git",
            ) from error


def _checkout(root: Path) -> Path:
    """The Git checkout that a project is in, or the project alone."""
    return next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), root)


def _refuse_links(folder: Path, depth: int) -> None:
    """A link in here, as somebody else's project may bring one, would have us write or delete elsewhere."""
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return  # it is not there yet, or cannot be used at all, which its maker says
    for entry in entries:
        if entry.is_symlink():
            raise ShotbuildError(
                f"{HIDDEN}/ holds a link, {entry.name}",
                cause=f"it leads to {os.path.realpath(entry.path)}",
                hint=f"replace it by a real folder, or delete {HIDDEN}/ if it is not your own",
            )
        if depth > 1 and entry.is_dir(follow_symlinks=False):
            _refuse_links(Path(entry.path), depth - 1)


def _kept(step: Step) -> ActionResult | None:
    """The bytes that a person chose, as the result of the step that stands for them."""
    outputs = [(step.outputs[0], origin.digest) for _, origin in step.inputs if isinstance(origin, Chosen)]
    return ActionResult(outputs=tuple(outputs), milliseconds=0)


def _kept_footage(row: object) -> Footage | None:
    match row:
        case [str(seconds), bool(sound), str(rate)] if NUMBER.fullmatch(seconds) and (not rate or NUMBER.fullmatch(rate)):
            return Footage(seconds=Fraction(seconds), sound=sound, rate=Fraction(rate) if rate else None)
    return None
