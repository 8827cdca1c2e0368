"""The files of a project → Project, or every error in them at once."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from shotbuild.errors import Location, SpecError, SpecErrors
from shotbuild.host.forks import Answer, can_fork, cores, forked
from shotbuild.records import Project, Shot, shots_of
from shotbuild.spec import format as written
from shotbuild.spec.continuity import check_cycles, check_moves
from shotbuild.spec.cuts import check_files, check_nesting, deliverable, sequence
from shotbuild.spec.desk import Desk
from shotbuild.spec.document import decode, parse
from shotbuild.spec.house import House, ModelTable, Tables, budget_of, settled
from shotbuild.spec.kept import Kept, Leaf, Settled
from shotbuild.spec.kinds import Reader
from shotbuild.spec.matrix import AnyName, Fan, Names, Variant, Written, gathered
from shotbuild.spec.nodes import Mapping, Scalar
from shotbuild.spec.prompts import Prompts
from shotbuild.spec.report import Report
from shotbuild.spec.shots import shot, wish
from shotbuild.spec.tables import Key, Row, Table
from shotbuild.spec.tree import PROJECT_FILE, Tree, read_line

__all__ = ["ModelTable", "Tables", "load", "read_line"]


NOTHING_KEPT = Kept()
PARTS = ("stems", "sheet", "poster")
"""Kinds of profiles that need a part of the pictures, or none."""
FEW = 20
"""So many edited files are looked at before all others."""
MANY = 1000
"""So many files are worth a process of their own."""
NO_NODE = Mapping({}, Location(PROJECT_FILE, 1, 1))


@dataclass(frozen=True, slots=True)
class _Sources:
    """What the files say at the top. project: None = it cannot be used; rows: of each file, or what it came to before;
    files: all that were found, readable or not."""

    project: Row | None
    rows: dict[str, Row | Leaf]
    files: tuple[str, ...]

    def all(self, key: Key[written.Unread]) -> Iterator[Written]:
        for row in self.rows.values():
            if isinstance(row, Row):
                yield from (Written(name, node) for name, node in (row.get(key) or {}).values())
            elif key is written.SHOTS:
                yield from _known(row)

    @property
    def settled(self) -> dict[str, Settled]:
        """The shots that are known from before."""
        leaves = (row for row in self.rows.values() if isinstance(row, Leaf))
        return {each.shot.name: each for leaf in leaves for each in leaf.shots}


def load(root: Path, tables: Tables, kept: Kept = NOTHING_KEPT) -> Project:
    """Reads shotbuild.yaml and specs/ below root, and the templates that they use. tables: what the rooms above offer; kept:
    what the load before came to, which is brought up to date.

    Errors: SpecErrors with every mistake of all files.
    """
    reader = Reader(Report(), Tree(root))
    sources = _read_all(reader, kept, lambda files: _settled_alone(root, tables, files))
    if sources.project is None:
        reader.report.settle()
        raise AssertionError("a project file that cannot be used was not reported")
    prompts = Prompts(reader.tree, reader.report)
    house = settled(sources.project, tables, reader)
    project, leaves = _settle(sources, house, prompts, tables, reader)
    reader.report.settle()
    if kept.keeps:
        for file in (file for file in sources.files if file != PROJECT_FILE and isinstance(sources.rows[file], Row)):
            kept.put(file, leaves.get(file), reader.tree)
        kept.show(_shown(project, tables))
        kept.close()
    return project


def _read_all(reader: Reader, kept: Kept, alone: Callable[[Sequence[str]], bytes]) -> _Sources:
    """alone: settles what some spec files hold without the others, for `Kept.take`."""
    specs = tuple(reader.tree.specs())
    project = _read(PROJECT_FILE, written.PROJECT_TABLE, reader)
    if project is not None and not reader.report.found:
        kept.open(reader.tree.digest(PROJECT_FILE))
    rows: dict[str, Row | Leaf | None] = {file: kept.leaf(file, reader.tree) for file in specs}
    fresh = [file for file, row in rows.items() if row is None]
    if project is not None and kept.keeps:
        for answer in _helped(fresh, alone):
            kept.take(answer())
    for file in fresh:
        rows[file] = kept.leaf(file, reader.tree) or _read(file, written.SPEC_TABLE, reader)
    found: dict[str, Row | Leaf] = {} if project is None else {PROJECT_FILE: project}
    found |= {file: row for file, row in rows.items() if row is not None}
    # Without defaults, every shot would seem to lack something.
    lame = project is not None and project.has(written.DEFAULTS) and project.get(written.DEFAULTS) is None
    return _Sources(None if lame else project, found, (PROJECT_FILE, *specs))


def edited(root: Path, tables: Tables, kept: Kept) -> Project | None:
    """The project with nothing in it but the shots of spec files that were edited since they were kept; None unless that is
    all that changed: few shots of the same names, none of which continues another one."""
    reader = Reader(Report(), Tree(root))
    project = _read(PROJECT_FILE, written.PROJECT_TABLE, reader)
    if project is None or reader.report.found:
        return None
    kept.open(reader.tree.digest(PROJECT_FILE))
    before = kept.edited(tuple(reader.tree.specs()), reader.tree)
    if not before or len(before) > FEW:
        return None
    try:
        house, leaves = _alone(project, tuple(before), tables, reader)
    except SpecErrors:
        return None  # who loads all of it tells them
    if leaves.keys() != before.keys() or any(leaves[file].called != before[file].called for file in before):
        return None
    shots = [each for leaf in leaves.values() for each in leaf.shots]
    if any(each.wish is not None for each in shots):
        return None
    return _project(house, tuple(each.shot for each in shots), files=(PROJECT_FILE, *before), named=reader.tree.named)


def _helped(files: Sequence[str], alone: Callable[[Sequence[str]], bytes]) -> list[Answer]:
    """Has many files settled on all cores, each core a share of them."""
    count = min(cores(), len(files) // MANY)
    if count < 2 or not can_fork():
        return []
    try:
        return [forked(partial(alone, files[share::count])) for share in range(count)]
    except OSError:
        return []  # there is no room for another process: they are read one by one


def _settled_alone(root: Path, tables: Tables, files: Sequence[str]) -> bytes:
    """What some spec files come to whatever stands in the others, packed; which shot a `continue` means is left open.

    Errors: SpecErrors."""
    reader = Reader(Report(), Tree(root))
    project = _read(PROJECT_FILE, written.PROJECT_TABLE, reader)
    assert project is not None, "the caller read it"
    _, leaves = _alone(project, files, tables, reader)
    found = Kept()
    for file, leaf in leaves.items():
        found.put(file, leaf, reader.tree)
    return found.packed()


def _alone(project: Row, files: Sequence[str], tables: Tables, reader: Reader) -> tuple[House, dict[str, Leaf]]:
    """Those of some spec files that hold nothing but shots, settled. Errors: SpecErrors."""
    rows: dict[str, Row | Leaf] = {
        file: row for file in files if (row := _read(file, written.SPEC_TABLE, reader)) is not None
    }
    sources = _Sources(project, rows, ())
    prompts = Prompts(reader.tree, reader.report)
    house = settled(project, tables, reader)
    fan = Fan(reader, prompts, {**house.variables, "project": house.name})
    entities = gathered("shot", sources.all(written.SHOTS), reader)
    shots = AnyName("shot", fan.all("shot", entities), reader)
    desk = Desk(house, tables, prompts, reader, shots, shots)
    fresh = _Fresh(sources, desk)
    for variant in shots.variants.values():
        fresh.shot(variant)
    reader.report.settle()
    return house, fresh.leaves()


def _shown(project: Project, tables: Tables) -> frozenset[str]:
    """The shots that deliverables of whole pictures show."""
    profiles = {**tables.profiles, **{profile.name: profile for profile in project.profiles}}
    sequences = {sequence.name: sequence for sequence in project.sequences}
    used = [(each.sequence, profiles[each.profile]) for each in project.deliverables]
    whole = {name for name, profile in used if profile.kind not in PARTS and profile.video.items}
    return frozenset().union(*(shots_of(sequences[name], sequences) for name in whole))


def _known(leaf: Leaf) -> Iterator[Written]:
    variants: dict[str, list[Variant]] = {}
    for each in leaf.shots:
        variant = Variant(each.shot.name, each.base, each.variables, NO_NODE, each.shot.location)
        variants.setdefault(each.base, []).append(variant)
    for name, place in leaf.names:
        yield Written(Scalar(name, False, place), NO_NODE, tuple(variants.get(name, ())))


def _read(file: str, table: Table, reader: Reader) -> Row | None:
    try:
        content = reader.tree.read(file)
        return table.read(parse(decode(content, file), file, reader.report.add), reader)
    except SpecError as error:
        reader.report.add(error)
        reader.report.partial = True
        return None


def _settle(
    sources: _Sources, house: House, prompts: Prompts, tables: Tables, reader: Reader
) -> tuple[Project, dict[str, Leaf]]:
    """The project, and what each file came to that was read anew and holds nothing but shots."""
    fan = Fan(reader, prompts, {**house.variables, "project": house.name})
    shots, sequences, deliverables = (_named(fan, what, key, sources, reader) for what, key in _KINDS)
    desk = Desk(house, tables, prompts, reader, shots, sequences)
    fresh = _Fresh(sources, desk)
    before = sources.settled
    settled_shots: dict[str, Shot] = {}
    for name, variant in sorted(shots.variants.items()):
        known = before.get(name)
        settled_shots[name] = fresh.shot(variant) if known is None else _again(known, desk)
    prompts.files |= {path for row in sources.rows.values() if isinstance(row, Leaf) for path in row.templates}
    check_cycles(settled_shots, reader.report)
    check_moves(settled_shots, reader.report)
    settled_deliverables = [deliverable(variant, desk) for _, variant in sorted(deliverables.variants.items())]
    check_files(settled_deliverables, desk)
    settled_sequences = tuple(sequence(variant, desk) for _, variant in sorted(sequences.variants.items()))
    check_nesting(list(settled_sequences), desk)
    project = replace(
        _project(house, tuple(settled_shots.values()), tuple(sorted({*sources.files, *prompts.files})), reader.tree.named),
        sequences=settled_sequences,
        deliverables=tuple(settled_deliverables),
        budget=budget_of(house, sequences, reader),
    )
    return project, fresh.leaves()


def _project(house: House, shots: tuple[Shot, ...], files: tuple[str, ...], named: tuple[str, ...]) -> Project:
    """A project without cuts."""
    return Project(
        name=house.name,
        format=house.format,
        providers=tuple(house.providers[name].use for name in sorted(house.providers)),
        shots=shots,
        sequences=(),
        deliverables=(),
        budget=house.budget,
        settings=house.settings,
        approvals=house.approvals,
        profiles=house.profiles,
        files=files,
        named=named,
    )


class _Fresh:
    """Settles the shots that are not known from before, and notes what each was settled from."""

    def __init__(self, sources: _Sources, desk: Desk) -> None:
        self._sources, self._desk = sources, desk
        self._shots: dict[str, list[Settled]] = {}
        self._noted: dict[str, tuple[set[str], set[str]]] = {}
        self._fanned = frozenset(desk.prompts.noted)
        """What texts with a matrix were rendered from, whichever file they stand in."""

    def shot(self, variant: Variant) -> Shot:
        tree, prompts, file = self._desk.reader.tree, self._desk.prompts, variant.location.file
        tree.noted, prompts.noted = self._noted.setdefault(file, (set(), set()))
        made = shot(variant, self._desk)
        settled_ = Settled(made, variant.base, variant.variables, wish(variant))
        self._shots.setdefault(file, []).append(settled_)
        return made

    def leaves(self) -> dict[str, Leaf]:
        tree, found = self._desk.reader.tree, dict[str, Leaf]()
        for file, row in self._sources.rows.items():
            if not isinstance(row, Row) or row.values.keys() - {written.SHOTS.name} or file == PROJECT_FILE:
                continue
            named, templates = self._noted.get(file, (set(), set()))
            found[file] = Leaf(
                shots=tuple(self._shots.get(file, ())),
                names=tuple((key.text, key.location) for key, _ in (row.get(written.SHOTS) or {}).values()),
                templates={path: tree.digest(path) for path in templates | self._fanned},
                named=frozenset(named),
            )
        return found


def _again(known: Settled, desk: Desk) -> Shot:
    """A shot from before; which shot it continues depends on what others there are now."""
    if known.wish is None:
        return known.shot
    continues = desk.shots.find(*known.wish, known.variables)
    return known.shot if continues == known.shot.continues else replace(known.shot, continues=continues)


_KINDS: tuple[tuple[str, Key[written.Unread]], ...] = (
    ("shot", written.SHOTS),
    ("sequence", written.SEQUENCES),
    ("deliverable", written.DELIVERABLES),
)


def _named(fan: Fan, what: str, key: Key[written.Unread], sources: _Sources, reader: Reader) -> Names:
    entities = gathered(what, sources.all(key), reader)
    return fan.out(what, entities)
