"""What GitHub Actions reads: annotations among the lines of a log, and the summary of a step."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from shotbuild.ci.places import each_of, within
from shotbuild.errors import ShotbuildError, printable

ERROR, WARNING = "error", "warning"
MOST = 10
"""Annotations of a kind that GitHub shows for a step; what comes after them it drops without a word."""
SUMMARY, SUMMARY_BYTES = "GITHUB_STEP_SUMMARY", (1 << 20) - 1024
"""A step's summary that is larger is not shown at all."""


def runs_here(environment: Mapping[str, str] = os.environ) -> bool:
    return environment.get("GITHUB_ACTIONS") == "true"


def annotations(kind: str, errors: Iterable[ShotbuildError], root: Path) -> list[str]:
    """A line for each error that has a place; those beyond the most that are shown are a count. root: of the project."""
    found = [error for error in each_of(errors) if error.location is not None]
    shown = found if len(found) <= MOST else found[: MOST - 1]
    lines = [_line(kind, error, root) for error in shown]
    left = len(found) - len(shown)
    return [*lines, f"::{kind} title=shotbuild::{left} more of them, which the log has"] if left else lines


def harmless(text: str) -> str:
    """Text for the log in which no line is a command to the runner, whoever wrote it."""
    lines = text.replace("##[", "# #[").split("\n")
    return "\n".join(line.replace("::", ": :", 1) if line.lstrip().startswith("::") else line for line in lines)


def summarize(text: str, environment: Mapping[str, str] = os.environ) -> None:
    """Appends Markdown to the summary of the step, where there is one and it has room. Errors: OSError."""
    name = environment.get(SUMMARY)
    if not runs_here(environment) or not name:
        return
    path, content = Path(name), f"{text}\n".encode("utf-8", "replace")
    if (path.stat().st_size if path.exists() else 0) + len(content) <= SUMMARY_BYTES:
        with path.open("ab") as stream:
            stream.write(content)


def _line(kind: str, error: ShotbuildError, root: Path) -> str:
    assert error.location is not None, "the others are left out"
    place = within(root, error.location)
    properties = {"file": place.file, "line": str(place.line), "col": str(place.column), "title": "shotbuild"}
    said = ",".join(f"{name}={_property(text)}" for name, text in properties.items())
    parts = [error.message, f"cause: {error.cause}" if error.cause else "", f"hint: {error.hint}" if error.hint else ""]
    return f"::{kind} {said}::{_escaped(printable(chr(10).join(part for part in parts if part)))}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _escaped(printable(text)).replace(":", "%3A").replace(",", "%2C")
