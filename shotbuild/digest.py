"""Canonical text → Digest, and hashing of streams. The text that is hashed here is the text that `explain` prints."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from json.encoder import encode_basestring
from operator import itemgetter
from pathlib import Path
from typing import IO, Any

from shotbuild.records import Action, Digest, Facts, Fields, Pin, Recipe, Value

CHUNK = 1 << 20
_name = itemgetter(0)
_WORDS = {None: "null", True: "true", False: "false"}
FIRST_FRAME = "first_frame"
"""The role of the picture that a take starts on."""


def canonical(value: object) -> str:
    """JSON with sorted keys, one field a line, no float (TypeError). The same value gives the same bytes on any machine."""
    return _written(value, "\n")


def canonical_line(value: object) -> str:
    """The same on a single line, for ledgers and stores."""
    return json.dumps(_plain(value), sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def recipe_fields(recipe: Recipe) -> Fields:
    """A Recipe as named fields, for manifests and ledgers."""
    return Fields(
        (
            ("parameters", recipe.parameters),
            ("pins", tuple(_pin(pin) for pin in recipe.pins)),
            ("stage", recipe.stage),
            ("version", recipe.version),
        )
    )


def request_text(recipe: Recipe, inputs: Mapping[str, str], continues: str | None) -> str:
    """What a take was asked for, as text. inputs: role → sha256; continues: sha256 of the clip that it goes on from, in
    place of that clip's last frame, which nobody knows before it was cut out."""
    shown = {role: sha256 for role, sha256 in inputs.items() if continues is None or role != FIRST_FRAME}
    return canonical({"continues": continues, "inputs": shown, "recipe": recipe_fields(recipe)})


def asked_of(recipe: Recipe, first_seed: int, inputs: Mapping[str, str], continues: str | None) -> str:
    """The digest that all takes of one recipe share: of their request but for which of them it is."""
    alike = {name: value for name, value in recipe.parameters if name != "take"} | {"seed": first_seed}
    parameters = Fields(tuple(sorted(alike.items())))
    return of_text(request_text(replace(recipe, parameters=parameters), inputs, continues)).sha256


def manifest(action: Action) -> str:
    """The canonical text of an Action: everything that decides its bytes, and nothing else."""
    return canonical(
        Fields(
            (
                ("inputs", Fields(tuple((name, digest.sha256) for name, digest in action.inputs))),
                ("outputs", action.outputs),
                ("recipe", recipe_fields(action.recipe)),
            )
        )
    )


def of_action(action: Action) -> Digest:
    return of_text(manifest(action))


def version_of(facts: Facts) -> str:
    """The version in the pin of a generator of one's own: what it was found to be, and nothing else."""
    return f"sha256:{of_text(canonical(facts.pinned)).sha256}"


def of_text(text: str) -> Digest:
    encoded = text.encode()
    return Digest(sha256=hashlib.sha256(encoded).hexdigest(), size=len(encoded))


def of_stream(stream: IO[bytes]) -> Digest:
    digest, size = hashlib.sha256(), 0
    for chunk in chunks(stream):
        digest.update(chunk)
        size += len(chunk)
    return Digest(sha256=digest.hexdigest(), size=size)


def of_file(path: Path) -> Digest:
    with path.open("rb") as stream:
        return of_stream(stream)


def chunks(stream: IO[bytes]) -> Iterator[bytes]:
    while chunk := stream.read(CHUNK):
        yield chunk


def derived_seed(*words: object) -> int:
    """A seed from words: 0 to 2**31 - 1, the same on any machine."""
    text = "\x00".join(str(word) for word in words)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1


def _pin(pin: Pin) -> Fields:
    return Fields((("model", pin.model), ("provider", pin.provider), ("version", pin.version)))


def _written(value: Any, end: str) -> str:
    """What `json.dumps(…, sort_keys=True, ensure_ascii=False, indent=1)` writes, in a third of the time: with an indent,
    json leaves its fast encoder. end: a line end and the indent of the value."""
    kind = type(value)
    if kind is str:
        return encode_basestring(value)
    if kind is Fields:
        return _named(value.items, end)
    if kind is int:
        return str(value)
    if value is None or kind is bool:
        return _WORDS[value]
    if kind is tuple or kind is list:
        deeper = end + " "
        lines = [_written(item, deeper) for item in value]
        return f"[{deeper}{f',{deeper}'.join(lines)}{end}]" if lines else "[]"
    if isinstance(value, Mapping):
        return _named([(str(name), item) for name, item in value.items()], end)
    raise TypeError(f"{kind.__name__} {value!r} cannot stand in a manifest")


def _named(rows: Iterable[tuple[str, Any]], end: str) -> str:
    deeper = end + " "
    lines = [f"{encode_basestring(name)}: {_written(item, deeper)}" for name, item in sorted(rows, key=_name)]
    return f"{{{deeper}{f',{deeper}'.join(lines)}{end}}}" if lines else "{}"


def _plain(value: object) -> object:
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, Fields):
        return {name: _plain(item) for name, item in value}
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    raise TypeError(f"{type(value).__name__} {value!r} cannot stand in a manifest")


def from_plain(value: object) -> Value:
    """Parsed JSON → Value; the opposite of what `canonical` writes. Errors: TypeError for floats."""
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, dict):
        return Fields(tuple(sorted((str(name), from_plain(item)) for name, item in value.items())))
    if isinstance(value, list):
        return tuple(from_plain(item) for item in value)
    raise TypeError(f"{type(value).__name__} {value!r} cannot stand in a manifest")
