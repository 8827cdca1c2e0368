"""Two manifests → the lines that differ. The text that is compared is the text that was hashed."""

import json
from difflib import unified_diff
from typing import Any


def difference(before: str, after: str) -> tuple[str, ...]:
    """The lines that went (`-`) and came (`+`), without the rest."""
    lines = unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
    return tuple(line for line in lines if not line.startswith(("---", "+++", "@@")))


def changed_fields(before: str, after: str) -> tuple[str, ...]:
    """The names of what changed, for a reason in a few words: `prompt`, `input source`, `ffmpeg`, `stage version`."""
    try:
        return _changed(json.loads(before), json.loads(after))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return ("the recipe",)  # what was kept of the last build is not ours, or of another version


def _changed(old: dict[str, Any], new: dict[str, Any]) -> tuple[str, ...]:
    names = [f"input {name}" for name in _differing(old["inputs"], new["inputs"])]
    recipe, other = old["recipe"], new["recipe"]
    names += _differing(recipe["parameters"], other["parameters"])
    names += _differing(_pins(recipe["pins"]), _pins(other["pins"]))
    if (recipe["stage"], recipe["version"]) != (other["stage"], other["version"]):
        names.append("stage version")
    if old["outputs"] != new["outputs"]:
        names.append("outputs")
    return tuple(names)


def _pins(pins: list[dict[str, str]]) -> dict[str, object]:
    return {pin["provider"]: pin for pin in pins}


def _differing(old: dict[str, object], new: dict[str, object]) -> list[str]:
    nothing = object()
    return sorted(name for name in old.keys() | new.keys() if old.get(name, nothing) != new.get(name, nothing))
