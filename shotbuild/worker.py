"""What a machine that helps does: makes one Action, unless somebody has, and puts what it gave into the shared store.

It needs no checkout of the project: all that an action reads are bytes in the store. What costs money is never sent here:
the journal of the machine that builds is the one place from which services are asked. An action may be made twice at once,
by two machines or after a kill; the same bytes come of it, and the first result stands.
"""

import threading
from collections.abc import Callable
from pathlib import Path

from shotbuild.digest import manifest
from shotbuild.engine.execute import Workshop, execute, workplace
from shotbuild.errors import ShotbuildError, StoreError
from shotbuild.host.tools import find_ffmpeg, identify, joiner
from shotbuild.host.workers import Workers
from shotbuild.plan.bind import Wanted
from shotbuild.plugins import Registry, registry
from shotbuild.records import Action, ActionResult, Digest, StoreUse
from shotbuild.sharing import opened
from shotbuild.store.blobs import FolderBlobs
from shotbuild.store.interface import Row
from shotbuild.store.shared import Shared
from shotbuild.store.tiered import TieredBlobs


class Worker:
    """shared: the team's store; folder: its own, for bytes on their way and work; cancel: stops what it makes; offered: the
    stages and providers that are installed here."""

    def __init__(
        self,
        shared: Shared,
        folder: Path,
        *,
        cancel: threading.Event | None = None,
        offered: Registry | None = None,
    ) -> None:
        self.shared = shared
        self._folder = folder = folder.resolve()
        self._cancel = cancel or threading.Event()
        self._registry = offered or registry()
        self._local = FolderBlobs(folder / "store")
        self._blobs = TieredBlobs(self._local, lambda: shared, lambda: _made(folder / "fetching"))
        self._ffmpeg = find_ffmpeg(None)
        self._tools = {each.name: each for each in (identify(self._ffmpeg, _made(folder) / "ffmpeg.json"), joiner())}

    def make(self, wanted: Wanted, progress: Callable[[str, int], None] = lambda *_: None) -> ActionResult:
        """The result of an action, once its bytes and it are in the shared store. progress: told its key and percents.

        Errors: ShotbuildError of the stage; StoreError when the store cannot be used."""
        found = self._found(wanted)
        if found is not None:
            return found
        self._check_tools(wanted.action)
        with Workers() as workers, workplace(_made(self._folder / "work"), _made(self._folder / "locks")) as folder:
            shop = Workshop(
                blobs=self._blobs,
                stage=self._registry.stage,
                ffmpeg=self._ffmpeg,
                folder=folder,
                cancel=self._cancel,
                root=self._folder,
                progress=progress,
                workers=workers,
            )
            result = execute(wanted, shop)
        return self._put(wanted, result)

    def _found(self, wanted: Wanted) -> ActionResult | None:
        row = self.shared.result(wanted.key)
        if row is None or tuple(name for name, _ in row.result.outputs) != wanted.action.outputs:
            return None
        return row.result if all(self.shared.has(digest) for digest in row.result.blobs) else None

    def _put(self, wanted: Wanted, result: ActionResult) -> ActionResult:
        """Bytes first, the result last."""
        for digest in result.blobs:
            self._send(digest)
        other = self.shared.record(Row(action=wanted.key, result=result, manifest=manifest(wanted.action)))
        if other is None or not all(self.shared.has(digest) for digest in other.blobs):
            return result
        self.shared.warn_once(f"{wanted.step.name} came out otherwise than on another machine: the first result stands")
        return other

    def _send(self, digest: Digest) -> None:
        try:
            self.shared.send(digest, self._local.path(digest))
        except OSError as error:
            raise StoreError("a result could not be read again", cause=str(error)) from error

    def _check_tools(self, action: Action) -> None:
        for pin in action.recipe.pins:
            tool = self._tools.get(pin.provider)
            if tool is not None and tool.pin != pin:
                raise ShotbuildError(
                    f"this machine has another {pin.provider} than the build",
                    cause=f"the build has {pin.model} ({pin.version[:12]}), here is {tool.version} ({tool.identity[:12]})",
                    hint="install the same packages on every machine of the farm",
                )


def opened_worker(use: StoreUse, folder: Path, warn: Callable[[str], None], cancel: threading.Event | None = None) -> Worker:
    """A worker over the store at an address. Errors: ShotbuildError."""
    return Worker(Shared(opened(use, folder), {}, warn), folder, cancel=cancel)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
