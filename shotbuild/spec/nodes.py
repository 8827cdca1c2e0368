"""What a YAML file says, as a tree in which every value has a place and stays as written. Knows nothing of parsers.

Nobody changes a node. They are not frozen all the same: a season has a million of them, and a frozen value takes four times
as long to make.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from shotbuild.errors import Location, without_login

NOTHING = frozenset({"", "~", "null", "Null", "NULL"})


@dataclass(slots=True)
class Scalar:
    """One value, as raw text: `no` is the text no, `1:30` the text 1:30. quoted: it stood in quotes or in a block."""

    text: str
    quoted: bool
    location: Location = field(compare=False)

    @property
    def empty(self) -> bool:
        """Whether nothing was written: an unquoted ``, `~` or `null`."""
        return not self.quoted and self.text in NOTHING


@dataclass(slots=True)
class Entry:
    """One line of a mapping: the key, with its own place, and the value."""

    key: Scalar
    value: Node


@dataclass(slots=True)
class Mapping:
    entries: dict[str, Entry]
    location: Location = field(compare=False)


@dataclass(slots=True)
class Listing:
    items: tuple[Node, ...]
    location: Location = field(compare=False)


Node: TypeAlias = Scalar | Mapping | Listing


def nothing(node: Node) -> bool:
    """Whether a node says nothing: an empty value. `[]`, `{}` and `""` do say something."""
    return isinstance(node, Scalar) and node.empty


def described(node: Node) -> str:
    """A node in a few words, for messages."""
    if isinstance(node, Mapping):
        return "a mapping"
    if isinstance(node, Listing):
        return "a list"
    return "nothing" if node.empty else f"`{shortened(node.text)}`"


def shortened(text: str) -> str:
    line = " ".join(without_login(text[:200]).split())
    return line if len(line) <= 60 else f"{line[:57]}…"
