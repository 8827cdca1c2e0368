"""What a container of cog takes: its schema, read without trust, and values that are held against it.

Knows nothing of shots or of HTTP. A server that has the schema drops inputs that are not in it without a word: a seed under
another name would be no seed.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from shotbuild.digest import of_text
from shotbuild.host.wire import Body

SCHEMAS = ("components", "schemas")
REFERENCE = "#/components/schemas/"
DEEPEST = 20
KINDS: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}
ARTICLES = {"string": "text", "integer": "a whole number", "number": "a number", "boolean": "true or false"}


@dataclass(frozen=True, slots=True)
class Input:
    """One input. kind: of JSON, `""` = unsaid; words: all that it may be, None = anything; low, high: with these, None = no
    end; default: as JSON text, `""` = none; required: it has to be given."""

    kind: str = ""
    words: tuple[Any, ...] | None = None
    low: float | None = None
    high: float | None = None
    default: str = ""
    required: bool = False

    def refusal(self, value: Any) -> str:
        """Why it does not take a value, `""` when it does."""
        if self.words is not None:
            return "" if value in self.words else f"it takes {', '.join(map(str, self.words))[:300]}"
        kinds = KINDS.get(self.kind)
        if kinds is not None and (not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds)):
            return f"it takes {ARTICLES.get(self.kind, self.kind)}"
        if isinstance(value, int | float) and not isinstance(value, bool):
            if self.low is not None and value < self.low:
                return f"it takes {_plain(self.low)} and more"
            if self.high is not None and value > self.high:
                return f"it takes at most {_plain(self.high)}"
        return ""

    def __str__(self) -> str:
        parts = [self.kind or "anything"]
        if self.words is not None:
            parts.append(f"one of {', '.join(map(str, self.words))}")
        if self.low is not None or self.high is not None:
            ends = [_plain(end) if end is not None else "" for end in (self.low, self.high)]
            parts.append("..".join(ends))
        parts.append("required" if self.required else f"default {self.default}" if self.default else "may stay away")
        return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class Interface:
    """inputs: by name; digest: sha256 of all that the schema says of what goes in and comes out."""

    inputs: Mapping[str, Input]
    digest: str


def interface_of(document: Body) -> Interface | None:
    """What an OpenAPI document says of a container; None when it is none, or says nothing of inputs."""
    properties = document.at(*SCHEMAS, "Input", "properties")
    if not isinstance(properties, dict):
        return None
    needed = document.at(*SCHEMAS, "Input", "required")
    required = {name for name in needed if isinstance(name, str)} if isinstance(needed, list) else set()
    try:
        held = {name: document.at(*SCHEMAS, name) for name in sorted(_reached(document, ("Input", "Output")))}
        digest = of_text(json.dumps(held, sort_keys=True, ensure_ascii=True)).sha256
        inputs = {str(name): _input(document, said, name in required) for name, said in properties.items()}
    except RecursionError:
        return None
    return Interface(inputs=inputs, digest=digest)


def _input(document: Body, said: Any, required: bool) -> Input:
    flat = _flat(document, said)
    words, kind = flat.get("enum"), flat.get("type")
    default = flat.get("default")
    return Input(
        kind=kind if isinstance(kind, str) else "",
        words=tuple(words) if isinstance(words, list) and words else None,
        low=_number(flat.get("minimum")),
        high=_number(flat.get("maximum")),
        default=json.dumps(default, ensure_ascii=False, sort_keys=True)[:200] if default is not None else "",
        required=required,
    )


def _flat(document: Body, said: Any, depth: int = 0) -> dict[str, Any]:
    """A property with what it refers to laid under it. An input that may be null is written as a choice of two."""
    if not isinstance(said, dict) or depth > DEEPEST:
        return {}
    under: dict[str, Any] = {}
    reference = said.get("$ref")
    if isinstance(reference, str) and reference.startswith(REFERENCE):
        under |= _flat(document, document.at(*SCHEMAS, reference.removeprefix(REFERENCE)), depth + 1)
    for word in ("allOf", "anyOf", "oneOf"):
        parts = said.get(word)
        real = [part for part in parts if part != {"type": "null"}] if isinstance(parts, list) else []
        if len(real) == 1:
            under |= _flat(document, real[0], depth + 1)
    return under | {name: value for name, value in said.items() if name != "$ref"}


def _reached(document: Body, names: tuple[str, ...]) -> set[str]:
    """Names of schemas, with all that they refer to."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        said = document.at(*SCHEMAS, name)
        if name not in found and said is not None:
            found.add(name)
            waiting += _references(said)
    return found


def _references(said: Any) -> Iterator[str]:
    if isinstance(said, dict):
        reference = said.get("$ref")
        if isinstance(reference, str) and reference.startswith(REFERENCE):
            yield reference.removeprefix(REFERENCE)
        for value in said.values():
            yield from _references(value)
    elif isinstance(said, list):
        for value in said:
            yield from _references(value)


def _number(value: Any) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _plain(number: float) -> str:
    return f"{number:g}" if abs(number) < 1e6 else f"{number:.0f}" if abs(number) < 1e18 else str(number)
