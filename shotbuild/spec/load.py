"""The files of a project → Project, or every error in them at once."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from shotbuild.errors import SpecError
from shotbuild.records import Project
from shotbuild.spec import format as written
from shotbuild.spec.continuity import check_cycles, check_moves
from shotbuild.spec.cuts import check_files, check_nesting, deliverable, sequence
from shotbuild.spec.desk import Desk
from shotbuild.spec.document import decode, parse
from shotbuild.spec.house import House, ModelTable, Tables, budget_of, settled
from shotbuild.spec.kinds import Reader
from shotbuild.spec.matrix import Fan, Names, Written, gathered
from shotbuild.spec.nodes import Node, Scalar
from shotbuild.spec.prompts import Prompts
from shotbuild.spec.report import Report
from shotbuild.spec.shots import shot
from shotbuild.spec.tables import Key, Row, Table
from shotbuild.spec.tree import PROJECT_FILE, Tree, read_line

__all__ = ["ModelTable", "Tables", "load", "read_line"]


@dataclass(frozen=True, slots=True)
class _Sources:
    """What the files say at the top. project: None = it cannot be used; files: all that were found, readable or not."""

    project: Row | None
    rows: tuple[Row, ...]
    files: tuple[str, ...]

    def all(self, key: Key[written.Unread]) -> Iterator[tuple[Scalar, Node]]:
        for row in self.rows:
            yield from (row.get(key) or {}).values()


def load(root: Path, tables: Tables) -> Project:
    """Reads shotbuild.yaml and specs/ below root, and the templates that they use. tables: what the rooms above offer.

    Errors: SpecErrors with every mistake of all files.
    """
    reader = Reader(Report(), Tree(root))
    sources = _read_all(reader)
    if sources.project is None:
        reader.report.settle()
        raise AssertionError("a project file that cannot be used was not reported")
    prompts = Prompts(reader.tree, reader.report)
    house = settled(sources.project, tables, reader)
    project = _settle(sources, house, prompts, tables, reader)
    reader.report.settle()
    return project


def _read_all(reader: Reader) -> _Sources:
    specs = tuple(reader.tree.specs())
    project = _read(PROJECT_FILE, written.PROJECT_TABLE, reader)
    rows = [row for file in specs if (row := _read(file, written.SPEC_TABLE, reader)) is not None]
    if project is None:
        return _Sources(None, tuple(rows), (PROJECT_FILE, *specs))
    # Without defaults, every shot would seem to lack something.
    lame = project.has(written.DEFAULTS) and project.get(written.DEFAULTS) is None
    return _Sources(None if lame else project, (project, *rows), (PROJECT_FILE, *specs))


def _read(file: str, table: Table, reader: Reader) -> Row | None:
    try:
        content = reader.tree.read(file)
        return table.read(parse(decode(content, file), file, reader.report.add), reader)
    except SpecError as error:
        reader.report.add(error)
        reader.report.partial = True
        return None


def _settle(sources: _Sources, house: House, prompts: Prompts, tables: Tables, reader: Reader) -> Project:
    fan = Fan(reader, prompts, {**house.variables, "project": house.name})
    shots, sequences, deliverables = (_named(fan, what, key, sources, reader) for what, key in _KINDS)
    desk = Desk(house, tables, prompts, reader, shots, sequences)
    settled_shots = {name: shot(variant, desk) for name, variant in sorted(shots.variants.items())}
    check_cycles(settled_shots, reader.report)
    check_moves(settled_shots, reader.report)
    settled_deliverables = [deliverable(variant, desk) for _, variant in sorted(deliverables.variants.items())]
    check_files(settled_deliverables, desk)
    settled_sequences = tuple(sequence(variant, desk) for _, variant in sorted(sequences.variants.items()))
    check_nesting(list(settled_sequences), desk)
    return Project(
        name=house.name,
        format=house.format,
        providers=tuple(house.providers[name].use for name in sorted(house.providers)),
        shots=tuple(settled_shots.values()),
        sequences=settled_sequences,
        deliverables=tuple(settled_deliverables),
        budget=budget_of(house, sequences, reader),
        settings=house.settings,
        approvals=house.approvals,
        profiles=house.profiles,
        files=tuple(sorted({*sources.files, *prompts.files})),
        named=reader.tree.named,
    )


_KINDS: tuple[tuple[str, Key[written.Unread]], ...] = (
    ("shot", written.SHOTS),
    ("sequence", written.SEQUENCES),
    ("deliverable", written.DELIVERABLES),
)


def _named(fan: Fan, what: str, key: Key[written.Unread], sources: _Sources, reader: Reader) -> Names:
    entities: dict[str, Written] = gathered(what, sources.all(key), reader)
    return fan.out(what, entities)
