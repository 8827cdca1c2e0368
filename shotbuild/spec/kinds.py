"""The kinds of single values: each reads a node into a value and gives its JSON Schema. Knows nothing of keys or files.

`read` gives None when it has reported an error. Schemas take the natural YAML type, its text, and a template.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Generic, Protocol, TypeAlias, TypeVar

from shotbuild.spec.nodes import Node, Scalar, described
from shotbuild.spec.report import Refusal, Report
from shotbuild.spec.tree import TEMPLATES, Tree

Schema: TypeAlias = dict[str, object]
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

LONGEST = 20_000
NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
"""Names that Windows keeps for devices. Source: Microsoft, "Naming Files, Paths, and Namespaces"."""
TAKEN = frozenset(
    [
        "project",
        "shot",
        "title",
        "prompt",
        "sequence",
        "deliverable",
        "loop",
        "self",
        "range",
        "true",
        "false",
        "none",
        "True",
        "False",
        "None",
    ]
)
"""Names that templates have from elsewhere."""
TEMPLATE: Schema = {"type": "string", "pattern": r"\{[{%]"}


@dataclass(frozen=True, slots=True)
class Reader:
    """What reading needs besides the node: where errors go, and which files the project has."""

    report: Report
    tree: Tree


class Kind(Protocol[T_co]):
    def read(self, node: Node, reader: Reader) -> T_co | None: ...

    def schema(self) -> Schema: ...


def written_text(node: Node, reader: Reader, expected: str) -> str | None:
    """The text of a scalar; anything else is reported. expected: such as "a name"."""
    if isinstance(node, Scalar) and not node.empty:
        return node.text
    reader.report.say(node.location, f"expected {expected}, found {described(node)}")
    return None


@dataclass(frozen=True, slots=True)
class Text:
    longest: int = LONGEST

    def read(self, node: Node, reader: Reader) -> str | None:
        text = written_text(node, reader, "text")
        if text is not None and len(text) > self.longest:
            message = f"expected at most {self.longest} characters, found {len(text)}"
            reader.report.say(node.location, message, hint="shorten it")
            return None
        return text

    def schema(self) -> Schema:
        return {"type": ["string", "number", "boolean"], "maxLength": self.longest}


@dataclass(frozen=True, slots=True)
class Integer:
    low: int
    high: int

    def read(self, node: Node, reader: Reader) -> int | None:
        expected = f"a whole number from {self.low} to {self.high}"
        text = written_text(node, reader, expected)
        if text is None:
            return None
        value = int(text) if re.fullmatch(r"[+-]?[0-9]{1,18}", text) else None
        if value is None or not self.low <= value <= self.high:
            reader.report.say(node.location, f"expected {expected}, found {described(node)}")
            return None
        return value

    def schema(self) -> Schema:
        number: Schema = {"type": "integer", "minimum": self.low, "maximum": self.high}
        return {"anyOf": [number, {"type": "string", "pattern": r"^[+-]?[0-9]+$"}, TEMPLATE]}


@dataclass(frozen=True, slots=True)
class Truth:
    def read(self, node: Node, reader: Reader) -> bool | None:
        text = written_text(node, reader, "`true` or `false`")
        if text is None or text in ("true", "false"):
            return None if text is None else text == "true"
        meant = {"yes": "true", "on": "true", "1": "true", "no": "false", "off": "false", "0": "false"}
        word = meant.get(text.lower(), text.lower())
        hint = f"write `{word}`" if word in ("true", "false") else None
        reader.report.say(node.location, f"expected `true` or `false`, found {described(node)}", hint=hint)
        return None

    def schema(self) -> Schema:
        return {"anyOf": [{"type": "boolean"}, {"enum": ["true", "false"]}, TEMPLATE]}


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some words. what: such as "profile"."""

    what: str
    words: tuple[str, ...]

    def read(self, node: Node, reader: Reader) -> str | None:
        text = written_text(node, reader, f"one of {', '.join(self.words)}"[:200])
        if text is None or text in self.words:
            return text
        reader.report.unknown(node.location, self.what, text, self.words)
        return None

    def schema(self) -> Schema:
        return {"anyOf": [{"enum": list(self.words)}, TEMPLATE]}


@dataclass(frozen=True, slots=True)
class Word:
    """A word that the caller looks up. what: such as "profile", also its name among the schema's `$defs`."""

    what: str

    def read(self, node: Node, reader: Reader) -> str | None:
        return written_text(node, reader, f"the name of a {self.what}")

    def schema(self) -> Schema:
        return {"$ref": f"#/$defs/{self.what}"}


@dataclass(frozen=True, slots=True)
class Parsed(Generic[T]):
    """A value in a notation of its own. parse: text → value, or ValueError that says what was expected."""

    parse: Callable[[str], T]
    pattern: str
    number: bool = False
    units: tuple[str, ...] = ()
    """What may have been forgotten after a bare number, for the hint."""

    def read(self, node: Node, reader: Reader) -> T | None:
        text = written_text(node, reader, "a value")
        if text is None:
            return None
        try:
            return self.parse(text)
        except ValueError as expected:
            reader.report.say(node.location, f"expected {expected}, found {described(node)}", hint=self._hint(text))
            return None

    def _hint(self, text: str) -> str | None:
        if not self.units or not re.fullmatch(r"[+-]?\d+(\.\d+)?", text):
            return None
        return "write " + " or ".join(f"`{text}{unit}`" for unit in self.units)

    def schema(self) -> Schema:
        kinds: list[Schema] = [{"type": "string", "pattern": self.pattern}, TEMPLATE]
        return {"anyOf": [{"type": "number"}, *kinds] if self.number else kinds}


@dataclass(frozen=True, slots=True)
class Factor:
    """A number that may have a part after the point, as exact text: `2`, `3/2`."""

    low: Fraction
    high: Fraction

    def parse(self, text: str) -> str:
        match = re.fullmatch(r"(\d{1,9})(?:/(\d{1,9})|(\.\d{1,9}))?", text)
        value = Fraction(text) if match and int(match[2] or 1) else None
        if value is None or not self.low <= value <= self.high:
            raise ValueError(f"a number from {self.low} to {self.high}, such as `2`, `1.5` or `3/2`")
        return str(value)

    def read(self, node: Node, reader: Reader) -> str | None:
        return Parsed(self.parse, "").read(node, reader)

    def schema(self) -> Schema:
        number: Schema = {"type": "number", "minimum": float(self.low), "maximum": float(self.high)}
        return {"anyOf": [number, {"type": "string", "pattern": r"^[0-9]+([.][0-9]+|/[0-9]+)?$"}, TEMPLATE]}


@dataclass(frozen=True, slots=True)
class Name:
    what: str

    def read(self, node: Node, reader: Reader) -> str | None:
        text = written_text(node, reader, f"the name of {self.what}")
        if text is None:
            return None
        try:
            return checked_name(text, self.what)
        except Refusal as refusal:
            reader.report.refuse(node.location, refusal)
            return None

    def schema(self) -> Schema:
        return {"anyOf": [{"type": "string", "pattern": f"^{NAME}$"}, {"type": "number"}, TEMPLATE]}


def checked_name(text: str, what: str) -> str:
    """A name that is also a good file name on every system. what: such as "a shot". Errors: Refusal."""
    if not re.fullmatch(NAME, text):
        hint = "take letters, digits, `.`, `_` and `-`; a letter or digit first; at most 64"
        raise Refusal(f"{text[:80]!r} cannot be the name of {what}", hint=hint)
    if RESERVED.fullmatch(text):
        cause = "Windows keeps it for a device, and files are called by this name"
        raise Refusal(f"{text!r} cannot be the name of {what}", cause=cause, hint=f"write for example `my-{text}`")
    if text.endswith("."):
        raise Refusal(
            f"{text!r} cannot be the name of {what}", cause="Windows drops the last dot", hint=f"write `{text.rstrip('.')}`"
        )
    return text


@dataclass(frozen=True, slots=True)
class FilePath:
    """An existing file of the project, by its relative path. template: it lies below templates/."""

    template: bool = False

    def read(self, node: Node, reader: Reader) -> str | None:
        text = written_text(node, reader, "the path of a file")
        if text is None:
            return None
        try:
            path = reader.tree.file(text)
        except Refusal as refusal:
            reader.report.refuse(node.location, refusal)
            return None
        if self.template and not path.startswith(f"{TEMPLATES}/"):
            reader.report.say(
                node.location, f"`{path[:200]}` is not below `{TEMPLATES}/`", hint=f"move it to `{TEMPLATES}/`"
            )
            return None
        return path

    def schema(self) -> Schema:
        return {"type": ["string", "number"], "minLength": 1}


def checked_language(text: str) -> str:
    """A language tag. Errors: Refusal. Source: BCP 47."""
    if not re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}", text):
        raise Refusal(f"{text[:80]!r} is not a language", hint="write a BCP 47 tag, such as `en`, `de` or `pt-BR`")
    return text


def checked_variable(text: str) -> str:
    """A name that templates can use and that means nothing else to them. Errors: Refusal."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,63}", text):
        hint = "take letters, digits and `_`; a letter first"
        raise Refusal(f"{text[:80]!r} cannot be the name of a variable", hint=hint)
    if text in TAKEN:
        raise Refusal(
            f"the variable {text!r} means something else in templates already", hint=f"write for example `{text}_`"
        )
    return text


def described_schema(schema: Schema, doc: str, default: object = None) -> Schema:
    """A value's schema with what editors show. default: None = nothing is shown."""
    shown: Mapping[str, object] = {} if default is None else {"default": default}
    return {"description": doc, **shown, **schema}
