"""The fields that providers and stages declare: what may be written, its default and its meaning, in one value each.

Their values are `records.Value`: text, whole numbers, truth or nothing. Knows nothing of shots or of files.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction

from shotbuild.errors import Location
from shotbuild.records import Fields, Value
from shotbuild.spec.kinds import (
    LONGEST,
    Choice,
    Factor,
    Integer,
    Kind,
    Parsed,
    Reader,
    Schema,
    Text,
    Truth,
    described_schema,
)
from shotbuild.spec.nodes import Entry, Node, nothing
from shotbuild.units import parse_size


class Required(Enum):
    REQUIRED = "required"


REQUIRED = Required.REQUIRED


@dataclass(frozen=True, slots=True)
class Field:
    """One setting. default: REQUIRED = has to be written; None = may stay away. doc: one line for people.

    since: the version or date since when there is this field, None = always. A field that came later and is at its default
    is left out of what is settled, so that takes of older recipes are not asked for once more; `written_out` has it."""

    kind: Kind[str | int | bool]
    default: str | int | bool | None | Required
    doc: str
    since: str | None = None

    def __post_init__(self) -> None:
        if self.since is not None and self.default is REQUIRED:
            raise ValueError("a field that came later needs a default: older specs do not have it")

    def read(self, node: Node, reader: Reader) -> Value:
        """The value of a node; None when an error was reported."""
        return self.kind.read(node, reader)

    def schema(self) -> Schema:
        return described_schema(self.kind.schema(), self.doc, None if self.default is REQUIRED else self.default)


def text(*, default: str | None | Required = REQUIRED, doc: str, longest: int = LONGEST, since: str | None = None) -> Field:
    return Field(Text(longest), default, doc, since)


def integer(low: int, high: int, *, default: int | None | Required = REQUIRED, doc: str, since: str | None = None) -> Field:
    return Field(Integer(low, high), default, doc, since)


def truth(*, default: bool | None | Required = REQUIRED, doc: str, since: str | None = None) -> Field:
    return Field(Truth(), default, doc, since)


def choice(*words: str, default: str | None | Required = REQUIRED, doc: str, since: str | None = None) -> Field:
    return Field(Choice("word", words), default, doc, since)


def size(*, default: str | None | Required = REQUIRED, doc: str, since: str | None = None) -> Field:
    """A picture's size; its value is text such as "1280x720"."""
    return Field(Parsed(_size_text, r"^[0-9]{2,4}x[0-9]{2,4}$"), default, doc, since)


def factor(
    low: int | Fraction,
    high: int | Fraction,
    *,
    default: str | None | Required = REQUIRED,
    doc: str,
    since: str | None = None,
) -> Field:
    """A number from low to high, exact; its value is text such as "3/2", as `Fields.fraction` reads it."""
    kind = Factor(Fraction(low), Fraction(high))
    return Field(kind, kind.parse(default) if isinstance(default, str) else default, doc, since)


def settle(
    known: Mapping[str, Field], layers: Sequence[Mapping[str, Entry]], reader: Reader, *, place: Location | None, owner: str
) -> Fields:
    """Every known field with its value: the last layer that says something, else the default. A field that came later is
    there only with another value than its default.

    place: where a missing required field is reported, None = it may still come; owner: such as "model 'board'".
    What layers hold besides is not looked at: see `refuse_unknown`.
    """
    values: dict[str, Value] = {}
    for name in sorted(known):
        field = known[name]
        entries = [layer[name] for layer in layers if name in layer and not nothing(layer[name].value)]
        if entries:
            values[name] = field.read(entries[-1].value, reader)
        elif not isinstance(field.default, Required):
            values[name] = field.default
        elif place is not None:
            reader.report.say(
                place, f"the setting {name!r} is missing", cause=f"{owner} needs it: {field.doc}", hint=f"add `{name}: …`"
            )
    late = {name for name, field in known.items() if field.since is not None}
    return Fields(tuple((name, value) for name, value in values.items() if name not in late or value != known[name].default))


def written_out(known: Mapping[str, Field], settings: Fields) -> Fields:
    """Settled settings with the fields that came later, where they are at their defaults."""
    late = {
        name: field.default
        for name, field in known.items()
        if field.since is not None and not isinstance(field.default, Required)
    }
    return Fields(tuple(sorted((late | dict(settings.items)).items())))


def refuse_unknown(entries: Mapping[str, Entry], known: Sequence[str], reader: Reader, *, owner: str) -> None:
    """Reports every key that is not known. owner: such as "model 'board'"."""
    for name, entry in entries.items():
        if name not in known:
            reader.report.unknown(entry.key.location, "setting", name, sorted(set(known)), owner=owner)


def _size_text(written: str) -> str:
    return str(parse_size(written))
