"""Pieces of Markdown, and pages that are never too long. What a person or a service wrote stands in code, where nothing of
it is a mention, a link or HTML."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from shotbuild.errors import printable
from shotbuild.units import counted

LIMIT = 60_000
"""Bytes of a page. A comment on GitHub holds 65,536 characters; a step's summary 1 MiB."""
MOST_LINES, WIDEST = 14, 220
RESERVED = 120
"""Bytes that each section may need for its heading and for what it leaves out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """items: blocks of Markdown, each whole; noun: what one of them is about, for the count of those that are left out."""

    title: str
    items: tuple[str, ...]
    noun: str


def code(text: str, widest: int = WIDEST) -> str:
    """Foreign text within a line: a code span that nothing in it ends."""
    line = cut(" ".join(printable(text).split()), widest)
    if not line:
        return ""
    fence = "`" * (_longest_run(line) + 1)
    pad = " " if line[0] == "`" or line[-1] == "`" else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def fenced(lines: Iterable[str], language: str = "", most: int = MOST_LINES) -> str:
    """Foreign lines as a block of code; how many were too many is told below it."""
    every = [part for line in lines for part in printable(line).split("\n")]
    shown = [cut(line, WIDEST) for line in every[:most]]
    fence = "`" * max(3, _longest_run("\n".join(shown)) + 1)
    more = f"\n\n…and {counted(len(every) - most, 'line')} more" if len(every) > most else ""
    return f"{fence}{language}\n" + "\n".join(shown) + f"\n{fence}{more}"


def cut(text: str, widest: int) -> str:
    return text if len(text) <= widest else f"{text[: widest - 1]}…"


def page(head: str, sections: Sequence[Section], limit: int = LIMIT) -> str:
    """Head and sections, in order, within so many bytes; what a section has no room for is counted. head: always whole."""
    told = [section for section in sections if section.items]
    spare = limit - _size(head) - RESERVED * len(told)
    parts = [head]
    for section in told:
        shown: list[str] = []
        for item in section.items:
            if _size(item) + 2 > spare:
                break
            spare -= _size(item) + 2
            shown.append(item)
        left = len(section.items) - len(shown)
        parts += [f"#### {section.title}", *shown]
        parts += [f"…and {counted(left, section.noun)} more, for which there is no room here"] if left else []
    return "\n\n".join(parts) + "\n"


def _longest_run(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))
