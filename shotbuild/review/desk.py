"""The project as it is now, for a server that runs for days: opened again when specs or lock change on disk, and where only
ledgers did, these alone are read again. One lock: a Workspace is used by one thread at a time."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import RLock

from shotbuild.engine.events import Event, Warned
from shotbuild.host.memory import STAMP
from shotbuild.spec.kinds import NAME
from shotbuild.spec.ledger import FOLDER, SUFFIX
from shotbuild.spec.lockfile import FILE as LOCK_FILE
from shotbuild.spec.tree import PROJECT_FILE, SPECS, TEMPLATES
from shotbuild.workspace import Workspace

Stamps = dict[str, tuple[int, int, int, int]]


class Desk:
    """root: the project's folder; hear: told of warnings, each once."""

    def __init__(self, root: Path, hear: Callable[[Event], None] = lambda _: None) -> None:
        self.root = root
        self.version = 0
        """Goes up with each change that was seen."""
        self._hear_out, self._told = hear, set[str]()
        self._lock = RLock()
        self._workspace: Workspace | None = None
        self._specs: Stamps = {}
        self._ledgers: Stamps = {}

    @contextmanager
    def now(self) -> Iterator[Workspace]:
        """The project as it stands, for nobody else meanwhile. Errors: ShotbuildError, as of `open_project` and `lint`."""
        with self._lock:
            yield self._current()

    def looked(self) -> int:
        """The version after a look at the disk; reads nothing but stamps, unless something changed. Mistakes in what changed
        are told to whoever asks for the project."""
        with self._lock:
            specs, ledgers = self._stamps()
            if (specs, ledgers) != (self._specs, self._ledgers):
                if specs != self._specs or self._moves():
                    self._workspace = None
                    self.version += 1
                    self._specs, self._ledgers = specs, ledgers
                else:
                    self._read_again(ledgers)
            return self.version

    def _current(self) -> Workspace:
        self.looked()
        if self._workspace is None:
            workspace = Workspace(self.root, self._hear)
            _ = workspace.chosen  # mistakes are told before anybody holds it
            self._workspace = workspace
            # Reading it named more files, such as plates: a change of these is one of the project too.
            self._specs, _ = self._stamps()
        return self._workspace

    def _read_again(self, ledgers: Stamps) -> None:
        changed = {name for name, _ in ledgers.items() ^ self._ledgers.items()}
        self._ledgers = ledgers
        self.version += 1
        if self._workspace is None:
            return
        workspace, self._workspace = self._workspace, None
        known = {shot.name for shot in workspace.project.shots if shot.plate is None}
        if changed <= known:
            workspace.look_again(changed)
            self._workspace = workspace

    def _moves(self) -> bool:
        """Whether a shot has its history in several ledgers."""
        return self._workspace is not None and any(shot.moved for shot in self._workspace.project.shots)

    def _hear(self, event: Event) -> None:
        if not isinstance(event, Warned):
            self._hear_out(event)
        elif event.message not in self._told:
            self._told.add(event.message)
            self._hear_out(event)

    def _stamps(self) -> tuple[Stamps, Stamps]:
        """Of all that was written, and of the ledgers by their shots."""
        specs = {PROJECT_FILE: _stamp(self.root / PROJECT_FILE), LOCK_FILE: _stamp(self.root / LOCK_FILE)}
        for folder in (SPECS, TEMPLATES):
            specs |= {f"{folder}/{name}": stamp for name, stamp in _below(self.root / folder).items()}
        named = () if self._workspace is None else self._workspace.project.named
        specs |= {name: _stamp(self.root / name) for name in named}
        ledgers = {
            name.removesuffix(SUFFIX): stamp
            for name, stamp in _below(self.root / FOLDER).items()
            if name.endswith(SUFFIX) and re.fullmatch(NAME, name.removesuffix(SUFFIX))
        }
        return specs, ledgers


def _below(folder: Path) -> Stamps:
    found: Stamps = {}
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        inner = os.path.relpath(place, folder)
        for name in (*folders, *names):
            found[os.path.normpath(f"{inner}/{name}")] = _stamp(Path(place, name))
    return found


def _stamp(path: Path) -> tuple[int, int, int, int]:
    try:
        return STAMP(os.stat(path))
    except OSError:
        return (0, 0, 0, 0)
