"""Tables that fit the terminal: long cells are shortened, then columns left out, as the caller says."""

import shutil
import textwrap
from collections.abc import Collection, Mapping, Sequence

from shotbuild.cli import console

ELSEWHERE = 160
"""Columns where no terminal says how many it has."""
GAP = 2


def table(
    heads: Sequence[str],
    rows: Sequence[Mapping[str, str]],
    *,
    shrink: Mapping[str, int],
    drop: Sequence[str] = (),
    right: Collection[str] = (),
    tails: Collection[str] = (),
) -> None:
    """heads: of the columns; rows: head → cell; shrink: the columns that may be shortened, and to how few characters; drop:
    those that narrow terminals do without, the first one first; right: those of numbers; tails: those whose end tells more
    than their beginning."""
    rows = [{head: " ".join(row[head].split()) for head in heads} for row in rows]
    kept = [head for head in heads if head in right or any(row[head] for row in rows)]
    width = shutil.get_terminal_size((ELSEWHERE, 1)).columns
    wide = {head: max(len(head), *(len(row[head]) for row in rows)) for head in kept}
    droppable = [head for head in drop if head in kept]
    while True:
        over = sum(wide[head] + GAP for head in kept) - GAP - width
        room = sum(max(0, wide[head] - least) for head, least in shrink.items() if head in kept)
        if over <= room or not droppable:
            break
        kept.remove(droppable.pop(0))
    for head, least in shrink.items():
        if head in kept and over > 0:
            less = min(over, max(0, wide[head] - least))
            wide[head], over = wide[head] - less, over - less
    shown = [[_cell(row[head], wide[head], head, right, tails) for head in kept] for row in rows]
    console.table(shown, [head.rjust(wide[head]) if head in right else head for head in kept])


def _cell(text: str, width: int, head: str, right: Collection[str], tails: Collection[str]) -> str:
    if len(text) > width:
        text = f"…{text[len(text) - width + 1 :]}" if head in tails else f"{text[: width - 1].rstrip()}…"
    return text.rjust(width) if head in right else text


def wrapped(label: str, text: str, *, width: int | None = None) -> list[str]:
    """Text beside a label, in lines that fit the terminal, each below the text's beginning. width: another one than its."""
    width = shutil.get_terminal_size((ELSEWHERE, 1)).columns if width is None else width
    indent = " " * len(label)
    # A word that is too long, such as an id, stays whole: it is to be copied.
    lines = textwrap.wrap(
        " ".join(text.split()),
        max(width, len(label) + 20),
        initial_indent=label,
        subsequent_indent=indent,
        break_on_hyphens=False,
        break_long_words=False,
    )
    return lines or [label.rstrip()]


def for_how_long(seconds: float) -> str:
    """`12 s`, `5 min`, `2 h 5 min`, `3 d 4 h`."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, hours, days = whole // 60 % 60, whole // 3600 % 24, whole // 86400
    if days:
        return f"{days} d {hours} h" if hours else f"{days} d"
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{minutes} min"
