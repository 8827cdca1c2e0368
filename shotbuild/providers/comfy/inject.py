"""What goes into a workflow: the setting `inject`, and its templates → values. Knows nothing of nodes."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import Any, TypeAlias

from shotbuild.errors import Location, SpecError
from shotbuild.providers.interface import Objection, Request, Wish
from shotbuild.records import Fields
from shotbuild.spec.kinds import Reader, Schema
from shotbuild.spec.nodes import Mapping as Table
from shotbuild.spec.nodes import Node, Scalar, described
from shotbuild.spec.prompts import MARKS, Use
from shotbuild.spec.report import Refusal, Report
from shotbuild.spec.tree import PROJECT_FILE, Tree
from shotbuild.units import rate_text

Given: TypeAlias = str | int | float
"""What an input of a node may be given: text, a number or truth."""

TOLD = ("prompt", "seed", "frames", "rate", "fps", "width", "height", "seconds", "take")
ROLES = (
    "first_frame", "last_frame", "reference", "reference_2", "reference_3", "reference_4", "video", "mask", "sound",
)  # fmt: skip
INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
DECIMAL = re.compile(r"[+-]?[0-9]{1,15}\.[0-9]{1,15}")
_PLACE = Location(file=PROJECT_FILE, line=1, column=1)
_ONE_AT_A_TIME = Lock()
"""A sandbox counts the work of one template."""


@dataclass(frozen=True, slots=True)
class Bindings:
    """Inputs of nodes and what they are given, as a mapping; the value is canonical JSON."""

    def read(self, node: Node, reader: Reader) -> str | None:
        if isinstance(node, Scalar) and isinstance(found := _parsed(node.text), dict):
            return written(found)
        if not isinstance(node, Table):
            hint = 'write for example `inject: {"6.text": "{{ prompt }}"}`'
            message = f"expected inputs of nodes with their values, found {described(node)}"
            reader.report.say(node.location, message, hint=hint)
            return None
        values: dict[str, Given] = {}
        for key, entry in node.entries.items():
            if not re.fullmatch(r"[^.].*\.[^.]+", key):
                hint = 'name a node and one of its inputs, such as `"6.text"` or `"Prompt.text"`'
                reader.report.say(entry.key.location, f"{key[:80]!r} is no input of a node", hint=hint)
            elif not isinstance(entry.value, Scalar) or entry.value.empty:
                message = f"expected text, a number, `true` or `false`, found {described(entry.value)}"
                reader.report.say(entry.value.location, message)
            else:
                values[key] = _typed(entry.value)
        return written(values)

    def schema(self) -> Schema:
        return {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}}


def written(values: Mapping[str, object]) -> str:
    return json.dumps(values, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def bindings(settings: Fields) -> dict[str, Given]:
    """The setting `inject`: key → value, templates as they are written."""
    found = _parsed(str(settings.get("inject") or "{}"))
    return found if isinstance(found, dict) else {}


def told(request: Request) -> dict[str, Given]:
    """What templates know of a take, but for its references."""
    look = request.format
    return {
        "prompt": request.prompt,
        "seed": request.seed,
        "frames": request.frames,
        "rate": rate_text(look.rate),
        "fps": _number(look.rate.numerator, look.rate.denominator),
        "width": look.size.width,
        "height": look.size.height,
        "seconds": _number(request.seconds.numerator, request.seconds.denominator),
        "take": request.take,
    }


def foretold(wish: Wish) -> dict[str, Given]:
    """The same of what is only wished: any seed, the first take, and references by their roles."""
    look = wish.format
    return {
        "prompt": wish.prompt,
        "seed": 0,
        "frames": round(wish.seconds * look.rate),
        "rate": rate_text(look.rate),
        "fps": _number(look.rate.numerator, look.rate.denominator),
        "width": look.size.width,
        "height": look.size.height,
        "seconds": _number(wish.seconds.numerator, wish.seconds.denominator),
        "take": 1,
        **{role: role for role in wish.references if role in ROLES},
    }


def rendered(values: Mapping[str, Given], variables: Mapping[str, Given]) -> dict[str, Given]:
    """Each binding with its template rendered. Errors: Refusal for the first that cannot be."""
    return {key: _rendered(key, value, variables) for key, value in values.items()}


@lru_cache(maxsize=4096)
def mentioned(value: Given) -> frozenset[str]:
    """The variables in the template that a binding is."""
    if not isinstance(value, str) or not MARKS.search(value):
        return frozenset()
    with _ONE_AT_A_TIME:
        found: frozenset[str] = _sandbox().names(value)
    return found


def fixed(values: Mapping[str, Given]) -> dict[str, Given]:
    """The bindings that are the same for all shots."""
    return {key: value for key, value in values.items() if not isinstance(value, str) or not MARKS.search(value)}


def objections(wish: Wish) -> Iterator[Objection]:
    """What is wrong with the bindings whatever the workflow is."""
    values, variables = bindings(wish.settings), foretold(wish)
    for key, value in values.items():
        lacking = sorted(mentioned(value) & set(ROLES) - set(variables))
        try:
            _rendered(key, value, variables)
        except Refusal as refusal:
            if lacking and any(f"'{role}'" in refusal.message for role in lacking):
                yield Objection(
                    key="references",
                    message=f"the workflow's `{key}` needs a `{lacking[0]}`",
                    remedy=f"add `references: {{{lacking[0]}: assets/…}}`, or take it out of `inject`",
                )
            else:
                yield Objection(
                    key="inject",
                    message=f"{refusal.message}, at `{key}`",
                    cause=refusal.cause or "",
                    remedy=refusal.hint or "correct the template",
                )
    named = frozenset[str]().union(*map(mentioned, values.values()))
    for role in sorted(set(wish.references) & set(ROLES) - named):
        yield Objection(
            key="references",
            message=f"the workflow is never told of the `{role}`",
            remedy=f'take it out, or bind it, such as `inject: {{"10.image": "{{{{ {role} }}}}"}}`',
        )


def _rendered(key: str, value: Given, variables: Mapping[str, Given]) -> Given:
    if not isinstance(value, str) or not MARKS.search(value):
        return value
    try:
        with _ONE_AT_A_TIME:
            found: Given = _sandbox().value(value, variables, Use(f"inject {key!r}", _PLACE))
    except SpecError as error:
        raise Refusal(error.message, hint=error.hint) from error
    return found


@cache
def _sandbox() -> Any:
    # Jinja takes a while to import, and is here for the first template.
    return import_module("shotbuild.spec.sandbox").Sandbox(_NoFiles(Path()), Report(), lambda _: None)


class _NoFiles(Tree):
    """A template of a binding includes nothing: what it would read would be in no recipe."""

    def file(self, written: str) -> str:
        raise Refusal(f"`{written[:80]}` cannot be included here", hint="write it out")


def _typed(value: Scalar) -> Given:
    if value.quoted:
        return value.text
    if value.text in ("true", "false"):
        return value.text == "true"
    if INTEGER.fullmatch(value.text):
        return int(value.text)
    return float(value.text) if DECIMAL.fullmatch(value.text) else value.text


def _number(above: int, below: int) -> int | float:
    return above // below if above % below == 0 else above / below


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
