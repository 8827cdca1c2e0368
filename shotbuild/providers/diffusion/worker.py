"""The program that holds one pipeline loaded: `python -m shotbuild.providers.diffusion.worker`, asked by `host.workers`.

What is loaded is what is pinned. Before torch is imported every file is hashed and the pin made of it compared with the one
that the take has. The stat of each file (size, inode, both times of change) is kept from before it was hashed, and compared
after loading, before each take and after it: weights are mapped from their files, so a file that is written to would change
a pipeline that is loaded. What changed while it was loaded or used is refused; what changed in between is hashed and loaded
anew. Where a file had just been written when it was hashed, all are hashed once more after loading: clocks are coarse.

Imports nothing heavy: torch is loaded after the checks. Its environment is set by whoever starts it.
"""

import json
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from shotbuild.digest import of_file, version_of
from shotbuild.errors import BadTake, ProviderRefused, ShotbuildError
from shotbuild.host.memory import settled, stamp_of
from shotbuild.providers.diffusion.folder import Chosen, chosen, facts, packages
from shotbuild.records import Fields

ENGINE = "shotbuild.providers.diffusion.pipeline"
CHANGED = "run `shotbuild lock --update` to take on what is there"
Row = Mapping[str, Any]
Tell = Callable[[Row], None]


class Loaded(Protocol):
    """A pipeline in memory."""

    def make(self, call: Row, tell: Callable[[int, int], None]) -> None:
        """Writes a take's pictures. call: see `providers.diffusers`; tell: a step, of how many."""
        ...

    def machine(self) -> Mapping[str, str]: ...


Load = Callable[[Chosen, Row], Loaded]


class Program:
    """load: what loads a pipeline that was checked; code: which packages run it; stamp: what tells that a file may have
    changed, as `host.memory` has it."""

    def __init__(
        self, load: Load, code: Callable[[], Fields] = packages, stamp: Callable[[Path], list[int]] = stamp_of
    ) -> None:
        self._load, self._code, self._stamp = load, code, stamp
        self._loaded: Loaded | None = None
        self._marks: dict[str, list[int]] = {}
        self._version = ""

    def answer(self, question: Row, tell: Tell) -> Row:
        """The last row of an answer; `tell` is told the others. Errors: ShotbuildError, and what torch raises."""
        if self._loaded is None or self._marks != self._seen(_found(question)):
            self._loaded = None
            self._loaded = self._checked(question, tell)
        self._loaded.make(question["call"], lambda step, of: tell({"step": step, "of": of}))
        if self._marks != self._seen(_found(question)):
            self._loaded = None
            raise ProviderRefused("the pipeline's files were changed while it made a take", hint=CHANGED)
        return {"answer": {"machine": dict(self._loaded.machine()), "version": self._version}}

    def _checked(self, question: Row, tell: Tell) -> Loaded:
        found = _found(question)
        self._marks = self._seen(found)
        fresh = not all(map(settled, self._marks.values()))
        pinned = facts(found, of_file, self._code())
        wanted, self._version = question["version"], version_of(pinned)
        if wanted and self._version != wanted:
            cause = f"its pin is {self._version[:19]}…, the take's {wanted[:19]}…"
            raise ProviderRefused("the pipeline is not the one that is pinned", cause=cause, hint=CHANGED)
        tell({"checked": len(found.places)})
        loaded = self._load(found, question["load"])
        after = _found(question)
        if self._marks != self._seen(after) or (fresh and version_of(facts(after, of_file, self._code())) != self._version):
            raise ProviderRefused("the pipeline's files were changed while it was loaded", hint=CHANGED)
        tell({"loaded": len(found.places)})
        return loaded

    def _seen(self, found: Chosen) -> dict[str, list[int]]:
        return {str(place): self._stamp(place) for place in found.places}


def _found(question: Row) -> Chosen:
    return chosen(Path(question["root"]), question["model"], question["pipeline"], question["lora"])


def main() -> int:
    """Answers questions until there are none. What libraries print goes to stderr: stdout has rows alone."""
    rows = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    program = Program(_with_torch)

    def tell(row: Row) -> None:
        rows.write(json.dumps(row) + "\n")

    for line in sys.stdin:
        try:
            tell(program.answer(json.loads(line), tell))
        except BrokenPipeError:
            return 0  # who asked is gone
        except ShotbuildError as error:
            kind = "bad" if isinstance(error, BadTake) else "refused"
            tell({"error": {"kind": kind, "message": error.message, "cause": error.cause, "hint": error.hint}})
        except Exception as error:  # torch and diffusers raise anything
            traceback.print_exc()
            cause = f"{type(error).__name__}: {str(error).strip()[:1000]}"
            tell({"error": {"kind": "refused", "message": "diffusers could not do it", "cause": cause, "hint": None}})
    return 0


def _with_torch(found: Chosen, load: Row) -> Loaded:
    # Imported when the files were checked, in an environment that was set before: it takes seconds.
    loaded: Loaded = import_module(ENGINE).load(found, load)
    return loaded


if __name__ == "__main__":
    sys.exit(main())
