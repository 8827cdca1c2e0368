"""What a hostile template may cost: counted work, bounded values, few operations. Knows nothing of Jinja.

Time limits would depend on the machine; counted work refuses the same template everywhere. One unit is about a microsecond.
"""

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

WORK = 100_000
LONGEST = 20_000
"""Characters of a text, or values of a list."""
LARGEST = 10**18
NESTED = 1_000
"""Values in a written list, counted through what it holds: a list of twice itself, forty times, would never end."""
TEXT_METHODS = frozenset(
    {"upper", "lower", "title", "capitalize", "strip", "lstrip", "rstrip", "startswith", "endswith", "split"}
)
MAPPING_METHODS = frozenset({"items", "keys", "values", "get"})
ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
}


class TooMuch(Exception):
    """A template asks for more than any prompt needs, or for what is not available."""


class Work:
    """Counts down while a template renders."""

    def __init__(self) -> None:
        self._left = WORK

    def begin(self) -> None:
        self._left = WORK

    def spend(self, units: int) -> None:
        self._left -= units
        if self._left < 0:
            raise TooMuch("it loops, calls or includes far too often")

    def each(self, values: Iterable[object], units: int) -> Iterator[object]:
        """The same values, each paid for."""
        for value in values:
            self.spend(units)
            yield value

    def said(self, text: str) -> str:
        """The same text, paid for."""
        self.spend(1 + len(text) // 16)
        return text


def spoken(value: object) -> str:
    """A value as a template writes it out. Errors: TooMuch for lists, macros and the like, whose text means nothing."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) or value is None:
        return str(value)
    what = "a list" if isinstance(value, Sequence) else "a mapping" if isinstance(value, Mapping) else "this value"
    raise TooMuch(f"{what} cannot be written out; take its parts, or use the filter `join`")


def operate(sign: str, left: Any, right: Any) -> object:
    """An operation on two values, bounded. Errors: TooMuch; what Python raises for values that do not fit."""
    if sign not in ARITHMETIC or (sign == "%" and isinstance(left, str)):
        raise TooMuch(f"`{sign}` is not available here")
    if sign == "*":
        for values, times in ((left, right), (right, left)):
            if isinstance(values, str | list | tuple) and isinstance(times, int):
                bounded(len(values) * times)
    if sign == "+" and isinstance(left, str | list | tuple) and isinstance(right, str | list | tuple):
        bounded(len(left) + len(right))
    result = ARITHMETIC[sign](left, right)
    if isinstance(result, int | float) and abs(result) > LARGEST:
        raise TooMuch(f"a number larger than {LARGEST}")
    return result


def bounded(length: int) -> None:
    if length > LONGEST:
        raise TooMuch(f"a text or list of {length} parts; at most {LONGEST}")


def shallow(values: Any) -> Any:
    """The same list or mapping, when it is small enough however it is nested."""
    if _count(values, NESTED) < 0:
        raise TooMuch(f"a list of more than {NESTED} values")
    return values


def _count(value: object, left: int) -> int:
    """How many values may still come; below zero when there were too many."""
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    for part in parts:
        left = _count(part, left - 1)
        if left < 0:
            return left
    return left


def counted(*bounds: int) -> range:
    numbers = range(*bounds)
    if len(numbers) > LONGEST:
        raise TooMuch(f"a range of {len(numbers)} numbers; at most {LONGEST}")
    return numbers


def joined(values: Iterable[object], between: str = "") -> str:
    parts, length = [], 0
    for value in values:
        parts.append(spoken(value))
        length += len(parts[-1]) + len(between)
        bounded(length - len(between))
    return between.join(parts)


def replaced(text: str, old: str, new: str) -> str:
    bounded(len(text) + text.count(old) * max(0, len(new) - len(old)))
    return text.replace(old, new)
