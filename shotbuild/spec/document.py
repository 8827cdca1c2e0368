"""YAML text → nodes with places. Scalars stay raw, duplicate keys and bombs are refused. The one importer of pyyaml."""

import re
from collections.abc import Callable
from sys import intern
from typing import Any

import yaml

from shotbuild.errors import Location, SpecError
from shotbuild.spec.nodes import Entry, Listing, Mapping, Node, Scalar

try:
    from yaml._yaml import CParser as _Parser
except ImportError:  # PyYAML was built without libyaml: the same events, fifteen times slower
    from yaml import BaseLoader as _Parser  # type: ignore[assignment]

_ScalarEvent, _MappingEndEvent, _SequenceEndEvent = yaml.ScalarEvent, yaml.MappingEndEvent, yaml.SequenceEndEvent
MAX_DEPTH = 50
MAX_NODES = 400_000
MAX_ALIASED = 50_000
"""How many nodes aliases may add to a file: ten anchors of nine aliases each would expand to a thousand million."""

UNREADABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
"""What YAML 1.2.2 section 5.1 forbids in a file, and DEL and lone surrogates, which escapes can still write."""


def decode(content: bytes, file: str) -> str:
    """Bytes of a text file → its text, without a byte order mark. Errors: SpecError with the place of the first bad byte."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise SpecError("this file is UTF-16, not UTF-8", location=_start(file), hint="save it as UTF-8; every editor can")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        place = _place_after(content[: error.start].decode("utf-8", "replace"), file)
        message = f"this file is not UTF-8: byte 0x{content[error.start]:02x}"
        raise SpecError(message, location=place, hint="save it as UTF-8; is it text at all?") from error
    if bad := UNREADABLE.search(text):
        message = f"a control character (U+{ord(bad[0]):04X}) stands here"
        raise SpecError(message, location=_place_after(text[: bad.start()], file), hint="take it out; is this file text?")
    return text


def _raise(error: SpecError) -> None:
    raise error


def parse(text: str, file: str, tell: Callable[[SpecError], None] = _raise) -> Mapping:
    """YAML text → its top mapping; an empty file is an empty mapping.

    tell: gets the errors after which reading goes on. Errors: SpecError when it cannot go on.
    """
    try:
        return _Builder(_Parser(text), file, tell).document()
    except yaml.MarkedYAMLError as error:
        raise _explained(error, file) from error
    except yaml.YAMLError as error:
        raise SpecError("this is not YAML", location=_start(file), cause=str(error)) from error


class _Builder:
    """Builds nodes from the parser's events, one file, once."""

    def __init__(self, parser: _Parser, file: str, tell: Callable[[SpecError], None]) -> None:
        self._next: Callable[[], Any] = parser.get_event  # the stubs know no events in detail
        self._file, self._tell = file, tell
        self._anchors: dict[str, tuple[Node, int, int]] = {}
        self._nodes = self._aliased = self._deepest = 0

    def document(self) -> Mapping:
        event = self._next()
        while isinstance(event, yaml.StreamStartEvent):
            event = self._next()
        if isinstance(event, yaml.StreamEndEvent):
            return Mapping({}, _start(self._file))
        event = self._next()
        self._count(event, 1)
        top = self._node(event, 1)
        self._next()
        if not isinstance(after := self._next(), yaml.StreamEndEvent):
            hint = "take out the `---`, or put the rest into a file of its own"
            raise SpecError("a second document starts here", location=self._place(after), hint=hint)
        if isinstance(top, Scalar) and top.empty:
            return Mapping({}, _start(self._file))
        if not isinstance(top, Mapping):
            kind = "a list" if isinstance(top, Listing) else "only text"
            hint = "begin with a key, such as `shots:`"
            raise SpecError(f"a file holds keys and values; this is {kind}", location=top.location, hint=hint)
        return top

    def _node(self, event: Any, depth: int) -> Node:
        # Most of a file is plain scalars, and this is the most often called function of a load.
        if type(event) is _ScalarEvent and event.tag is None and event.anchor is None:
            return self._scalar(event)
        if depth > MAX_DEPTH:
            raise SpecError(f"more than {MAX_DEPTH} levels deep", location=self._place(event), hint="write it flatter")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, depth)
        if event.tag is not None:
            hint = "take it out; put the value in quotes if it begins with `!`"
            self._told(f"tags are not read: {event.tag[:80]}", self._place(event), hint)
        return self._inner(event, depth) if event.anchor is None else self._anchored(event, depth)

    def _inner(self, event: Any, depth: int) -> Node:
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(event, depth)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._listing(event, depth)
        return self._scalar(event)

    def _scalar(self, event: Any) -> Scalar:
        mark = event.start_mark
        place = Location(self._file, mark.line + 1, mark.column + 1)
        if event.style == '"' and (bad := UNREADABLE.search(event.value)):
            self._told(f"an escape writes the control character U+{ord(bad[0]):04X}", place, "take it out")
            return Scalar(UNREADABLE.sub("", event.value), True, place)
        # The same few words stand in every file.
        return Scalar(intern(event.value), bool(event.style), place)

    def _mapping(self, event: Any, depth: int) -> Mapping:
        place = self._place(event)
        entries: dict[str, Entry] = {}
        following, inside = self._next, depth + 1
        while type(event := following()) is not _MappingEndEvent:
            self._count(event, 2)
            key, value = self._node(event, inside), self._node(following(), inside)
            if isinstance(key, Scalar) and key.text != "<<" and key.text not in entries:
                entries[key.text] = Entry(key, value)
            else:
                self._refuse_key(key, entries)
        self._deepest = max(self._deepest, inside if entries else depth)
        return Mapping(entries, place)

    def _count(self, event: Any, nodes: int) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            raise SpecError(f"more than {MAX_NODES} values", location=self._place(event), hint="split the file")

    def _refuse_key(self, key: Node, entries: dict[str, Entry]) -> None:
        if not isinstance(key, Scalar):
            hint = "put it in quotes if it begins with `{` or `[`"
            self._told("a key has to be plain text", key.location, hint)
        elif key.text == "<<":
            hint = "write the keys out, or put what is common into `defaults`"
            self._told("merge keys (`<<`) are not read", key.location, hint)
        else:
            cause = f"it stands at {entries[key.text].key.location} already"
            self._told(f"the key {key.text[:80]!r} stands twice", key.location, "keep one of them", cause)

    def _told(self, message: str, place: Location, hint: str, cause: str | None = None) -> None:
        self._tell(SpecError(message, location=place, cause=cause, hint=hint))

    def _listing(self, event: Any, depth: int) -> Listing:
        place = self._place(event)
        items: list[Node] = []
        while type(event := self._next()) is not _SequenceEndEvent:
            self._count(event, 1)
            items.append(self._node(event, depth + 1))
        self._deepest = max(self._deepest, depth + 1 if items else depth)
        return Listing(tuple(items), place)

    def _anchored(self, event: Any, depth: int) -> Node:
        nodes, deepest = self._nodes + self._aliased, self._deepest
        self._deepest = depth
        node = self._inner(event, depth)
        self._anchors[event.anchor] = (node, self._nodes + self._aliased - nodes + 1, self._deepest - depth)
        self._deepest = max(self._deepest, deepest)
        return node

    def _alias(self, event: Any, depth: int) -> Node:
        place = self._place(event)
        if event.anchor not in self._anchors:
            hint = f"write `&{event.anchor[:40]}` before the value that is meant"
            self._told(f"nothing above is called `&{event.anchor[:40]}`", place, hint)
            return Scalar("", False, place)
        node, size, height = self._anchors[event.anchor]
        self._aliased += size
        self._deepest = max(self._deepest, depth + height)
        if self._aliased > MAX_ALIASED or depth + height > MAX_DEPTH:
            hint = "write the values out"
            raise SpecError(
                "aliases make this file far too large", location=place, cause=f"at most {MAX_ALIASED}", hint=hint
            )
        return node

    def _place(self, event: Any) -> Location:
        return _at(event.start_mark, self._file)


def _start(file: str) -> Location:
    return Location(file, 1, 1)


def _at(mark: Any, file: str) -> Location:
    return _start(file) if mark is None else Location(file, mark.line + 1, mark.column + 1)


def _place_after(before: str, file: str) -> Location:
    lines = before.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return Location(file=file, line=len(lines), column=len(lines[-1]) + 1)


REMEDIES = (
    (
        r"cannot start any token",
        "indent with spaces, not tabs; a value that begins with `@`, `%` or a backquote needs quotes",
    ),
    (r"mapping values are not allowed", "a value that holds `: ` needs quotes; otherwise look at the indentation"),
    (r"unexpected end of stream", "a quote or bracket is opened and never closed"),
    (r"could not find expected ':'", "write `key: value`"),
    (
        r"expected <block end>|expected key",
        "lines that belong together start in the same column; quotes stand round a whole value",
    ),
    (r"expected ',' or", "a `[` or `{` is never closed, or a comma is missing"),
    (r"unknown escape|expected escape", "write a backslash twice, or use single quotes"),
    (r"document start", "take out the text after the end of the document"),
)


def _explained(error: yaml.MarkedYAMLError, file: str) -> SpecError:
    problem = error.problem or "unknown problem"
    place, began = _at(error.problem_mark or error.context_mark, file), _at(error.context_mark, file)
    remedy = next((hint for pattern, hint in REMEDIES if re.search(pattern, problem)), "look at this line and the one above")
    if error.context_mark is not None and "unexpected end of stream" in problem:
        return SpecError("this is not YAML: what begins here never ends", location=began, cause=error.context, hint=remedy)
    cause = f"{error.context} that began at {began}" if error.context and began != place else None
    return SpecError(f"this is not YAML: {problem}", location=place, cause=cause, hint=remedy)
