"""What goes to a machine of a farm and what comes back, as JSON: nothing of it is ever run or unpickled.

Knows nothing of how it travels.
"""

import json
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shotbuild import errors
from shotbuild.digest import canonical_line
from shotbuild.engine.saved import read, saved
from shotbuild.errors import FarmError, InternalError, ShotbuildError
from shotbuild.plan.bind import Wanted
from shotbuild.records import ActionResult, StoreUse
from shotbuild.store.rows import read_row, row_of

LINES = 6
"""Of a traceback, the last ones: what a report needs of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatch:
    """Actions to be made together on one machine. build: the id of the build that asks, under which it is told things;
    version: of its shotbuild; store: where the bytes lie, without a user or a password, which each machine has in its own
    environment."""

    build: str
    version: str
    store: StoreUse
    wanted: tuple[Wanted, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """What became of them. machine: its name; address: by which the cluster knows it; answers: one for each action."""

    machine: str
    address: str
    answers: tuple[ActionResult | ShotbuildError, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a dispatch is made. folder: of this process alone, on a disk with room; stopping: the id of a build → set once
    that build was stopped; tell: takes plain values for who asked: `{"key": …, "percent": …}`, `{"warning": …}`."""

    machine: str
    address: str
    folder: Path
    stopping: Callable[[str], threading.Event]
    tell: Callable[[str, Mapping[str, object]], None]


def dispatch_text(dispatch: Dispatch) -> str:
    use = dispatch.store
    return json.dumps(
        {
            "build": dispatch.build,
            "version": dispatch.version,
            "store": [use.address, use.push, use.endpoint, use.region],
            "wanted": [saved(each) for each in dispatch.wanted],
        }
    )


def read_dispatch(text: str) -> Dispatch:
    said = json.loads(text)
    address, push, endpoint, region = said["store"]
    return Dispatch(
        build=said["build"],
        version=said["version"],
        store=StoreUse(address=address, push=push, endpoint=endpoint, region=region),
        wanted=tuple(map(read, said["wanted"])),
    )


def header_of(text: str) -> tuple[str, int]:
    """The version of the shotbuild that wrote it, of which all the rest may have another shape, and how many actions."""
    said = json.loads(text)
    return str(said["version"]), len(said["wanted"])


def returned_text(machine: str, address: str, answers: Sequence[ActionResult | Exception]) -> str:
    rows = [row_of(each) if isinstance(each, ActionResult) else {"error": _told(each)} for each in answers]
    return canonical_line({"machine": machine, "address": address, "answers": rows})


def read_returned(text: object) -> Returned:
    """Errors: FarmError when it is none."""
    try:
        said = json.loads(text if isinstance(text, str) else "")
        return Returned(
            machine=str(said["machine"]),
            address=str(said["address"]),
            answers=tuple(_error(row["error"]) if "error" in row else read_row(row) for row in said["answers"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        raise FarmError(
            "a machine of the farm answered what cannot be read",
            cause=f"{type(error).__name__}: {error}",
            hint="install the same shotbuild on all of them",
        ) from error


def _told(error: Exception) -> Mapping[str, str | None]:
    if isinstance(error, ShotbuildError):
        return {"kind": type(error).__name__, "message": error.message, "cause": error.cause, "hint": error.hint}
    lines = "".join(traceback.format_exception(error)).strip().splitlines()
    return {
        "kind": InternalError.__name__,
        "message": f"a bug: {type(error).__name__}: {error}",
        "cause": "\n".join(lines[-LINES:]),
        "hint": "please report it, with the spec of the step",
    }


def _error(said: Mapping[str, Any]) -> ShotbuildError:
    """An error of the kind that was raised there; of one that is not known here, the words."""
    kind = getattr(errors, str(said["kind"]), ShotbuildError)
    if not (isinstance(kind, type) and issubclass(kind, ShotbuildError)):
        kind = ShotbuildError
    error = kind.__new__(kind)
    cause, hint = said["cause"], said["hint"]
    ShotbuildError.__init__(
        error, str(said["message"]), cause=None if cause is None else str(cause), hint=None if hint is None else str(hint)
    )
    return error
