"""Kinds that hold other kinds: lists, mappings, and tables of named keys. One table drives both reading and JSON Schema."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeAlias, TypeVar, Union, cast

from shotbuild.errors import Location
from shotbuild.spec.kinds import Kind, Reader, Schema, described_schema
from shotbuild.spec.nodes import Entry, Listing, Mapping, Node, Scalar, described, nothing
from shotbuild.spec.report import Refusal

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

Plain: TypeAlias = Union[str, tuple["Plain", ...], dict[str, "Plain"]]
"""Free values for templates: text, lists and mappings of them."""


@dataclass(frozen=True, slots=True)
class Key(Generic[T_co]):
    """One key of a table. doc: one line, shown by editors and in messages."""

    name: str
    kind: Kind[T_co]
    doc: str
    required: bool = False
    shown: object = None
    """The default, as editors show it."""

    def schema(self) -> Schema:
        schema = self.kind.schema() if self.required else _or_nothing(self.kind.schema())
        return described_schema(schema, self.doc, self.shown)


@dataclass(frozen=True, slots=True)
class Row:
    """What was written for a table. A key that was written wrong has an entry and no value: its error is reported.

    meant: keys that misspelt ones are nearest to, so that they are not missed as well.
    """

    location: Location = field(compare=False)
    entries: dict[str, Entry]
    values: dict[str, object]
    meant: set[str] = field(default_factory=set)

    def get(self, key: Key[T]) -> T | None:
        return cast("T | None", self.values.get(key.name))

    def has(self, key: Key[object]) -> bool:
        """Whether anything was written for a key, be it wrong or misspelt."""
        return key.name in self.entries or key.name in self.meant

    def place(self, key: Key[object]) -> Location:
        """Where the value of a key stands; the table's own place when it was not written."""
        entry = self.entries.get(key.name)
        return self.location if entry is None else entry.value.location


@dataclass(frozen=True, slots=True)
class Table:
    """A mapping with known keys. what: such as "a shot"; open: unknown keys are left to the caller (settings of models);
    elsewhere: keys that belong somewhere else, with a hint each."""

    what: str
    keys: tuple[Key[object], ...]
    open: bool = False
    elsewhere: tuple[tuple[str, str], ...] = ()

    def read(self, node: Node, reader: Reader) -> Row | None:
        entries = entries_of(node, reader, self.what)
        if entries is None:
            return None
        known = {key.name: key for key in self.keys}
        row = Row(node.location, {}, {})
        for name, entry in entries.items():
            key = known.get(name)
            if key is None:
                if not self.open:
                    row.meant.add(self._unknown(entry.key, reader) or "")
            elif not nothing(entry.value):
                row.entries[name] = entry
                row.values[name] = key.kind.read(entry.value, reader)
        for key in self.keys:
            if key.required and not row.has(key):
                place = entries[key.name].value.location if key.name in entries else node.location
                reader.report.say(place, f"{self.what} needs `{key.name}`", cause=key.doc, hint=f"add `{key.name}: …`")
        return row

    def _unknown(self, key: Scalar, reader: Reader) -> str | None:
        rest = dict(self.elsewhere).get(key.text)
        if rest:
            reader.report.say(key.location, f"{self.what} has no key {key.text!r}", hint=rest)
            return None
        return reader.report.unknown(key.location, "key", key.text, [known.name for known in self.keys], owner=self.what)

    def schema(self) -> Schema:
        schema: Schema = {
            "type": "object",
            "properties": {key.name: key.schema() for key in self.keys},
            "additionalProperties": False,
        }
        required = [key.name for key in self.keys if key.required]
        return schema | {"required": required} if required else schema


@dataclass(frozen=True, slots=True)
class ListOf(Generic[T]):
    """what: such as "tags"; filled: an empty list is an error."""

    kind: Kind[T]
    what: str
    filled: bool = False

    def read(self, node: Node, reader: Reader) -> tuple[T, ...] | None:
        if not isinstance(node, Listing):
            hint = f"write `[{node.text[:40]}]`" if isinstance(node, Scalar) else "write `- ` before each of them"
            reader.report.say(node.location, f"expected a list of {self.what}, found {described(node)}", hint=hint)
            return None
        if self.filled and not node.items:
            reader.report.say(node.location, f"the list of {self.what} is empty", hint="put something in, or take it out")
            return None
        values = [self.kind.read(item, reader) for item in node.items]
        return tuple(value for value in values if value is not None)

    def schema(self) -> Schema:
        schema: Schema = {"type": "array", "items": self.kind.schema()}
        return schema | {"minItems": 1} if self.filled else schema


@dataclass(frozen=True, slots=True)
class MapOf(Generic[T]):
    """A mapping whose keys the person chooses. name: checks a key, with Refusal; what: such as "shots"."""

    name: Callable[[str], str]
    kind: Kind[T]
    what: str
    pattern: str | None = None

    def read(self, node: Node, reader: Reader) -> dict[str, tuple[Scalar, T]] | None:
        entries = entries_of(node, reader, self.what)
        if entries is None:
            return None
        values = {}
        for entry in entries.values():
            try:
                name = self.name(entry.key.text)
            except Refusal as refusal:
                reader.report.refuse(entry.key.location, refusal)
                continue
            value = self.kind.read(entry.value, reader)
            if value is not None:
                values[name] = (entry.key, value)
        return values

    def schema(self) -> Schema:
        names: Schema = {"propertyNames": {"pattern": self.pattern}} if self.pattern else {}
        return {"type": "object", "additionalProperties": self.kind.schema(), **names}


@dataclass(frozen=True, slots=True)
class Later:
    """Gives the node itself, to be read once more is known. definition: its name among the schema's `$defs`."""

    definition: str

    def read(self, node: Node, reader: Reader) -> Node | None:
        return node

    def schema(self) -> Schema:
        return _or_nothing({"$ref": f"#/$defs/{self.definition}"})


@dataclass(frozen=True, slots=True)
class Short:
    """A table that may be written as one value: that of its first key."""

    table: Table

    def read(self, node: Node, reader: Reader) -> Row | None:
        if not isinstance(node, Scalar) or node.empty:
            return self.table.read(node, reader)
        key = self.table.keys[0]
        return Row(node.location, {key.name: Entry(node, node)}, {key.name: key.kind.read(node, reader)})

    def schema(self) -> Schema:
        return {"anyOf": [self.table.keys[0].schema(), self.table.schema()]}


@dataclass(frozen=True, slots=True)
class Anything:
    """Free values, for templates."""

    def read(self, node: Node, reader: Reader) -> Plain | None:
        return plain(node)

    def schema(self) -> Schema:
        return {}


def plain(node: Node) -> Plain:
    if isinstance(node, Scalar):
        return "" if node.empty else node.text
    if isinstance(node, Listing):
        return tuple(plain(item) for item in node.items)
    return {name: plain(entry.value) for name, entry in node.entries.items()}


def entries_of(node: Node, reader: Reader, what: str) -> dict[str, Entry] | None:
    """The entries of a mapping; nothing written is an empty one; anything else is reported."""
    if isinstance(node, Mapping):
        return node.entries
    if nothing(node):
        return {}
    hint = f"write `key: value`; {what} is a mapping" if isinstance(node, Scalar) else "take the `- ` away"
    reader.report.say(node.location, f"expected {what}, found {described(node)}", hint=hint)
    return None


def _or_nothing(schema: Schema) -> Schema:
    """The same, or null: an empty value is as if nothing had been written."""
    if isinstance(kinds := schema.get("anyOf"), list):
        return schema | {"anyOf": [*kinds, {"type": "null"}]}
    if isinstance(kind := schema.get("type"), str):
        return schema | {"type": [kind, "null"]}
    if isinstance(kinds := schema.get("type"), list):
        return schema | {"type": [*kinds, "null"]}
    return schema if not schema else {"anyOf": [schema, {"type": "null"}]}
