"""The settled shots of spec files as the last load left them, so that an edit costs the parsing of one file.

What a file came to is taken again when nothing that it was settled from has changed: its bytes, those of shotbuild.yaml and
of the templates that its prompts were rendered from, the files that it names, and the code that read them. All else, such as
what other files say, is asked for anew. It is a cache in one file with a digest over it: deleted, damaged or of another
version it is as if there were none.
"""

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeAlias

from msgspec import DecodeError, msgpack

from shotbuild import uptodate
from shotbuild.digest import from_plain
from shotbuild.errors import Location, SpecError
from shotbuild.host.files import staged
from shotbuild.host.memory import GRAIN_NS, settled
from shotbuild.records import Fallback, Fields, Finish, Format, Reference, Shot, Value
from shotbuild.spec.report import Refusal
from shotbuild.spec.tree import Tree
from shotbuild.units import Duration, Size, TimecodeDuration

MAGIC = b"shotbuild specs 1\n"
DIGEST_SIZE = 32
Place: TypeAlias = tuple[int, int] | tuple[int, int, str]
"""Line and column, and the file where that is another one."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What one shot came to. base, variables: as in `matrix.Variant`; wish: the name after `continue` as it is written, and
    where, None = it continues no other."""

    shot: Shot
    base: str
    variables: dict[str, str]
    wish: tuple[str, Location] | None


@dataclass(frozen=True, slots=True)
class Leaf:
    """What one spec file came to, which holds nothing but shots. names: those that are written in it, each with its place;
    templates: those that were rendered → their digests then; named: other files, as they are named."""

    shots: tuple[Settled, ...]
    names: tuple[tuple[str, Location], ...]
    templates: dict[str, str]
    named: frozenset[str]

    @property
    def called(self) -> frozenset[str]:
        """The names of its shots."""
        return frozenset(each.shot.name for each in self.shots)


@dataclass(frozen=True, slots=True)
class _Header:
    """house: digest of shotbuild.yaml; programs: files of code, with the fold of their stats; templates: all that were
    rendered → their digests; shown: as `Kept.shown`."""

    identity: bytes
    house: str
    programs: list[str]
    fold: int
    templates: dict[str, str]
    shown: list[str]


@dataclass(slots=True)
class _Row:
    """stamp: of the spec file, None where that could not be trusted; sha256: of its bytes; leaf: what it came to, packed,
    empty for a file that holds more than shots."""

    stamp: tuple[int, int, int, int] | None
    sha256: str
    leaf: bytes


_FILE = msgpack.Decoder(tuple[_Header, dict[str, _Row]])
_ROWS = msgpack.Decoder(dict[str, _Row])
_WRONG = (ValueError, TypeError, KeyError, DecodeError)


class Kept:
    """path: of the file that holds it; None keeps nothing."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._began = time.time_ns()
        self._rows: dict[str, _Row] = {}
        self._asked: set[str] = set()
        self._taken: set[str] = set()
        self._templates: dict[str, str] = {}
        self._used: dict[str, str] = {}
        self.shown: frozenset[str] = frozenset()
        """The shots whose pictures deliverables show, for as long as nothing but shots is edited."""
        self._house = ""
        self._programs: list[str] = []
        self._shared: dict[bytes, Any] = {}
        self._packs: dict[tuple[str, int], tuple[object, bytes]] = {}
        """By the identity of a value, which is held."""
        self._fresh = False

    @property
    def keeps(self) -> bool:
        """Whether anything is kept here at all."""
        return self._path is not None

    def open(self, house: str) -> None:
        """Reads what is kept. house: the digest of shotbuild.yaml, without which nothing of it holds."""
        if self._path is None or house == self._house:
            return
        self._house = house
        try:
            content = self._path.read_bytes()
            body = memoryview(content)[len(MAGIC) + DIGEST_SIZE :]
            if not content.startswith(MAGIC + hashlib.sha256(body).digest()):
                return
            header, rows = _FILE.decode(body)
            same = (header.identity, header.house) == (uptodate.identity(), self._house)
            if same and header.fold == uptodate.fold(b"", _stamps(header.programs)):
                self._rows, self._templates, self._programs = rows, header.templates, header.programs
                self.shown = frozenset(header.shown)
        except (OSError, *_WRONG):
            return

    def leaf(self, file: str, tree: Tree) -> Leaf | None:
        """What a spec file came to when it was loaded before, if that still holds."""
        self._asked.add(file)
        row = self._rows.get(file)
        try:
            if row is None or not row.leaf or not (file in self._taken or self._is_same(file, row, tree)):
                return None
            leaf = self._unpacked(row.leaf, file)
            tree.accept(file)  # it was checked when it was read, and is that file still
            for written in leaf.named:
                tree.file(written)
            same = all(tree.digest(path) == digest for path, digest in leaf.templates.items())
        except (OSError, SpecError, Refusal, *_WRONG):
            return None
        if not same:
            return None
        self._used.update(leaf.templates)
        return leaf

    def edited(self, files: Sequence[str], tree: Tree) -> dict[str, Leaf] | None:
        """Which of all spec files are not as they were, and what each came to before. None when more may have changed than
        files that hold nothing but shots."""
        if self._rows.keys() != set(files):
            return None
        try:
            rows = [(file, self._rows[file], stamp) for file, stamp in zip(files, tree.stamps(files), strict=True)]
            found = [file for file, row, stamp in rows if row.stamp != stamp and not self._is_same(file, row, tree)]
            if any(not self._rows[file].leaf for file in found):
                return None
            if any(tree.digest(path) != digest for path, digest in self._templates.items()):
                return None
            return {file: self._unpacked(self._rows[file].leaf, file) for file in found}
        except (OSError, SpecError, *_WRONG):
            return None

    def put(self, file: str, leaf: Leaf | None, tree: Tree) -> None:
        """Keeps what a spec file came to, None = it holds more than shots."""
        # As they were when the file was read: it may have been edited meanwhile.
        stamp, digest = tree.seen[file]
        row = _Row(stamp if settled(stamp) else None, digest, b"" if leaf is None else self._packed(leaf, file))
        if leaf is not None:
            self._used.update(leaf.templates)
        if row != self._rows.get(file):
            self._rows[file], self._fresh = row, True

    def show(self, shots: Iterable[str]) -> None:
        """Keeps whose pictures deliverables show."""
        shown = frozenset(shots)
        self._fresh = self._fresh or shown != self.shown
        self.shown = shown

    def packed(self) -> bytes:
        """All that was put in, for `take` in another process."""
        return msgpack.encode(self._rows)

    def take(self, packed: bytes | None) -> None:
        """Puts in what another process came to; None = it came to nothing."""
        if packed is not None:
            rows = _ROWS.decode(packed)
            self._rows |= rows
            self._taken |= rows.keys()
            self._fresh = True

    def close(self) -> None:
        """Writes what was put in, without what is kept of files that nobody asked for, and lets go of all."""
        if self._path is not None and self._fresh:
            try:
                self._write(self._path)
            except OSError:
                pass  # it saves time; a disk that is full is somebody else's to tell
        self._rows, self._house, self._fresh = {}, "", False
        self._shared, self._packs = {}, {}

    def _write(self, path: Path) -> None:
        # What is kept from before may come from code that nobody needed this time.
        programs = sorted({*uptodate.programs(), *self._programs})
        stamps = _stamps(programs)
        if any(max(stamp[1:3]) > self._began - GRAIN_NS for stamp in stamps):
            return  # code that was edited since it was loaded
        fold = uptodate.fold(b"", stamps)
        header = _Header(uptodate.identity(), self._house, programs, fold, self._used, sorted(self.shown))
        body = msgpack.encode((header, {file: row for file, row in self._rows.items() if file in self._asked}))
        # Not made durable: what a power cut leaves of it does not match its digest.
        with staged(path) as temporary, temporary.open("wb") as stream:
            stream.write(MAGIC + hashlib.sha256(body).digest())
            stream.write(body)

    def _is_same(self, file: str, row: _Row, tree: Tree) -> bool:
        """Whether a file has the bytes that it had. They are read where its stamp does not say so."""
        if tree.stamp(file) == row.stamp:
            return True
        if tree.digest(file) != row.sha256:
            return False
        stamp, _ = tree.seen[file]
        if settled(stamp):
            row.stamp, self._fresh = stamp, True
        return True

    # --- plain values → shots -----------------------------------------------------------------------------------------

    def _unpacked(self, packed: bytes, file: str) -> Leaf:
        shots, names, templates, named = msgpack.decode(packed)
        return Leaf(
            shots=tuple(self._settled(row, file) for row in shots),
            names=tuple((name, _location(place, file)) for name, place in names),
            templates=templates,
            named=frozenset(named),
        )

    def _settled(self, row: list[Any], file: str) -> Settled:
        (
            name, title, prompt, plate, provider, model, seed, takes, duration, format_, references, continues, finish,
            settings, tags, priority, fit, moved, fallbacks, place, base, variables, wish,
        ) = row  # fmt: skip
        shot = Shot(
            name=name,
            title=title,
            prompt=prompt,
            plate=plate,
            provider=provider,
            model=model,
            seed=seed,
            takes=takes,
            duration=self._value(duration),
            format=self._value(format_),
            references=tuple(Reference(role=role, path=path, location=_location(at, file)) for role, path, at in references),
            continues=continues,
            finish=tuple(
                Finish(stage=stage, settings=self._value(said), provider=who, model=which, location=_location(at, file))
                for stage, said, who, which, at in finish
            ),
            settings=self._value(settings),
            tags=self._value(tags),
            priority=priority,
            fit=fit,
            moved=moved,
            fallbacks=tuple(
                Fallback(provider=who, model=which, settings=self._value(said), location=_location(at, file))
                for who, which, said, at in fallbacks
            ),
            location=_location(place, file),
        )
        return Settled(shot, base, variables, None if wish is None else (wish[0], _location(wish[1], file)))

    def _value(self, packed: bytes) -> Any:
        """A value that many shots share is one object."""
        if packed not in self._shared:
            kind, said = msgpack.decode(packed)
            self._shared[packed] = _KINDS[kind][1](said)
        return self._shared[packed]

    # --- shots → plain values -----------------------------------------------------------------------------------------

    def _packed(self, leaf: Leaf, file: str) -> bytes:
        names = [(name, _place(place, file)) for name, place in leaf.names]
        return msgpack.encode(([self._row(each, file) for each in leaf.shots], names, leaf.templates, sorted(leaf.named)))

    def _row(self, settled_: Settled, file: str) -> tuple[object, ...]:
        shot, wish = settled_.shot, settled_.wish
        return (
            shot.name,
            shot.title,
            shot.prompt,
            shot.plate,
            shot.provider,
            shot.model,
            shot.seed,
            shot.takes,
            self._pack("duration", shot.duration),
            self._pack("format", shot.format),
            [(each.role, each.path, _place(each.location, file)) for each in shot.references],
            shot.continues,
            [
                (each.stage, self._pack("fields", each.settings), each.provider, each.model, _place(each.location, file))
                for each in shot.finish
            ],
            self._pack("fields", shot.settings),
            self._pack("tags", shot.tags),
            shot.priority,
            shot.fit,
            shot.moved,
            [
                (each.provider, each.model, self._pack("fields", each.settings), _place(each.location, file))
                for each in shot.fallbacks
            ],
            _place(shot.location, file),
            settled_.base,
            settled_.variables,
            None if wish is None else (wish[0], _place(wish[1], file)),
        )

    def _pack(self, kind: str, value: object) -> bytes:
        """A value that many shots share is packed once."""
        known = self._packs.get((kind, id(value)))
        if known is None:
            said, _ = _KINDS[kind]
            known = self._packs[kind, id(value)] = (value, msgpack.encode((kind, said(value))))
        return known[1]


def _stamps(programs: list[str]) -> list[tuple[int, ...]]:
    return [uptodate.STAMP(os.stat(path)) for path in programs]


def _duration(said: list[Any] | None) -> Duration | None:
    if said is None:
        return None
    seconds, frames, counted = said
    return (TimecodeDuration if counted else Duration)(seconds=Fraction(seconds), frames=frames)


def _format(said: list[Any]) -> Format:
    width, height, rate, color, pixels = said
    return Format(size=Size(width, height), rate=Fraction(rate), color=color, pixels=pixels)


def _fields(said: object) -> Fields:
    value = from_plain(said)
    if not isinstance(value, Fields):
        raise TypeError("settings are named fields")
    return value


def _said_duration(duration: Duration | None) -> object:
    return None if duration is None else (str(duration.seconds), duration.frames, isinstance(duration, TimecodeDuration))


def _said_format(format_: Format) -> object:
    return format_.size.width, format_.size.height, str(format_.rate), format_.color, format_.pixels


def _plain(value: Value) -> object:
    if isinstance(value, Fields):
        return {name: _plain(item) for name, item in value}
    return tuple(map(_plain, value)) if isinstance(value, tuple) else value


_KINDS: dict[str, tuple[Callable[[Any], object], Callable[[Any], object]]] = {
    "duration": (_said_duration, _duration),
    "format": (_said_format, _format),
    "fields": (_plain, _fields),
    "tags": (list, tuple),
}
"""Kinds of values that are shared: how each is said plainly, and read again."""


def _location(place: list[Any], file: str) -> Location:
    return Location(place[2] if len(place) > 2 else file, place[0], place[1])


def _place(location: Location, file: str) -> Place:
    place = (location.line, location.column)
    return place if location.file == file else (*place, location.file)
