"""Fans shots, sequences and deliverables out over their matrix, and finds which one a name means."""

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod

from shotbuild.errors import Location
from shotbuild.spec import format as written
from shotbuild.spec import nodes
from shotbuild.spec.kinds import Reader, checked_name
from shotbuild.spec.nodes import Entry, Listing, Node, Scalar
from shotbuild.spec.prompts import Prompts, Use
from shotbuild.spec.report import Refusal
from shotbuild.spec.tables import Plain

MAX_VARIANTS = 10_000
MAX_ALL = 50_000
RAW = frozenset((written.PROMPT.name, written.OUT_FILE.name, written.MATRIX.name))
"""Keys that are not rendered with the rest: the first two are templates anyway and have more variables."""


@dataclass(frozen=True, slots=True)
class Written:
    """A shot, sequence or deliverable as it stands in a file. variants: what it stands for, None = that is to be found."""

    key: Scalar
    node: Node
    variants: "tuple[Variant, ...] | None" = None


@dataclass(frozen=True, slots=True)
class Variant:
    """One of what a Written stands for. base: the written name; variables: of its matrix; location: of its key."""

    name: str
    base: str
    variables: dict[str, str]
    node: Node
    location: Location = field(compare=False)


class Fan:
    """Fans out everything of one project, and counts, so that many small files cannot make endless work."""

    def __init__(self, reader: Reader, prompts: Prompts, variables: Mapping[str, Plain]) -> None:
        self._reader, self._prompts, self._variables = reader, prompts, variables
        self._left = MAX_ALL

    def out(self, what: str, entities: Mapping[str, Written]) -> "Names":
        """All variants of all entities of one kind. what: such as "shot"."""
        return Names(what, self.all(what, entities), self._reader)

    def all(self, what: str, entities: Mapping[str, Written]) -> list[Variant]:
        return [variant for name in sorted(entities) for variant in self._variants(what, name, entities[name])]

    def _variants(self, what: str, name: str, entity: Written) -> Iterable[Variant]:
        if entity.variants is not None:
            self._left -= len(entity.variants)
            return entity.variants
        node, place = entity.node, entity.key.location
        entry = node.entries.get(written.MATRIX.name) if isinstance(node, nodes.Mapping) else None
        if entry is None or nodes.nothing(entry.value):
            return [Variant(name, name, {}, node, place)]
        lists = self._lists(entry.value)
        if lists is None:
            self._reader.report.partial = True
            return []
        count = prod(map(len, lists.values()))
        self._left -= count
        if count > MAX_VARIANTS or self._left < 0:
            cause = f"at most {MAX_VARIANTS} for one, {MAX_ALL} in a project"
            self._reader.report.say(
                entry.value.location, f"this matrix makes {count} of {name!r}", cause=cause, hint="shorten it"
            )
            self._reader.report.partial = True
            return []
        return self._combined(what, name, entity, lists)

    def _combined(self, what: str, base: str, entity: Written, lists: dict[str, tuple[str, ...]]) -> list[Variant]:
        variants: list[Variant] = []
        for values in itertools.product(*lists.values()):
            name, variables = "-".join((base, *values)), dict(zip(lists, values, strict=True))
            try:
                checked_name(name, f"a {what}")
            except Refusal as refusal:
                self._reader.report.refuse(entity.key.location, refusal)
                self._reader.report.partial = True
                return variants
            known = {**self._variables, **variables}
            node = self._rendered(entity.node, known, Use(f"{what} {name!r}", entity.key.location))
            variants.append(Variant(name, base, variables, node, entity.key.location))
        return variants

    def _lists(self, node: Node) -> dict[str, tuple[str, ...]] | None:
        read = written.MATRIX.kind.read(node, self._reader)
        if read is None or not isinstance(node, nodes.Mapping):
            return None
        good = [_check_values(node.entries[name].value, self._reader) for name in read]
        return {name: values for name, (_, values) in read.items()} if all(good) and len(good) == len(node.entries) else None

    def _rendered(self, node: Node, variables: Mapping[str, Plain], use: Use) -> Node:
        if isinstance(node, Scalar):
            text = self._prompts.text(node.text, variables, Use(use.what, node.location))
            return node if text is None or text == node.text else Scalar(text, True, node.location)
        if isinstance(node, Listing):
            return Listing(tuple(self._rendered(item, variables, use) for item in node.items), node.location)
        entries = {
            name: entry if name in RAW else Entry(entry.key, self._rendered(entry.value, variables, use))
            for name, entry in node.entries.items()
        }
        return nodes.Mapping(entries, node.location)


class Names:
    """Which variant a name means. what: such as "shot"."""

    def __init__(self, what: str, variants: Sequence[Variant], reader: Reader) -> None:
        self.what = what
        self.variants: dict[str, Variant] = {}
        self._bases: dict[str, list[Variant]] = {}
        self._reader = reader
        folded: dict[str, Variant] = {}
        for variant in variants:
            before = folded.setdefault(variant.name.casefold(), variant)
            if before is not variant:
                _refuse_twice(what, variant.name, variant.location, before.name, before.location, reader)
            self.variants[variant.name] = variant
            self._bases.setdefault(variant.base, []).append(variant)
        self._known = sorted({*self.variants, *self._bases})

    def find(self, name: str, place: Location, variables: Mapping[str, str]) -> str | None:
        """The full name that a name means inside something with these variables. None = an error was reported."""
        if name in self.variants:
            return name
        several = self._bases.get(name)
        if several is None:
            if not self._reader.report.partial:
                self._reader.report.unknown(place, self.what, name, self._known)
            return None
        fitting = [each for each in several if all(variables.get(key, own) == own for key, own in each.variables.items())]
        if len(fitting) == 1:
            return fitting[0].name
        listed = ", ".join(f"`{each.name}`" for each in (fitting or several)[:12])
        cause = "its matrix makes several of it, and none is decided by the matrix here"
        self._reader.report.say(
            place, f"{self.what} {name!r} is not one but several", cause=cause, hint=f"write one of {listed}"
        )
        return None


class AnyName(Names):
    """Names of which not all are known yet: any may be one."""

    def find(self, name: str, place: Location, variables: Mapping[str, str]) -> str | None:
        return name


def gathered(what: str, found: Iterable[Written], reader: Reader) -> dict[str, Written]:
    """Everything of one kind from all files, by name; a name that stands twice is reported with both places."""
    entities: dict[str, Written] = {}
    for each in found:
        before = entities.setdefault(each.key.text, each)
        if before is not each:
            _refuse_twice(what, each.key.text, each.key.location, before.key.text, before.key.location, reader)
    return entities


def _refuse_twice(what: str, name: str, place: Location, before: str, there: Location, reader: Reader) -> None:
    if name == before:
        reader.report.say(
            place, f"{what} {name!r} stands twice", cause=f"it stands at {there} already", hint="rename one of them"
        )
        return
    cause = f"{before!r} stands at {there}; files are called by these names, and some systems keep no case"
    reader.report.say(place, f"{what}s {before!r} and {name!r} differ only by case", cause=cause, hint="rename one of them")


def _check_values(node: Node, reader: Reader) -> bool:
    seen: dict[str, Scalar] = {}
    good = isinstance(node, Listing)
    for item in node.items if isinstance(node, Listing) else ():
        if not isinstance(item, Scalar) or not re.fullmatch(r"[A-Za-z0-9._-]+", item.text):
            hint = "values become part of names: take letters, digits, `.`, `_` and `-`"
            reader.report.say(item.location, f"{nodes.described(item)} cannot be a value of a matrix", hint=hint)
            good = False
        elif seen.setdefault(item.text.casefold(), item) is not item:
            reader.report.say(item.location, f"the value `{item.text}` stands twice", hint="take one of them out")
            good = False
    return good
