"""What a machine that helps does: makes Actions, unless somebody has, and puts what they gave into the shared store.

It needs no checkout of the project: all that an action reads are bytes in the store. What costs money is never sent here:
the journal of the machine that builds is the one place from which services are asked. An action may be made twice at once,
by two machines or after a kill; the same bytes come of it, and the first result stands.
"""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from shotbuild import __version__
from shotbuild.digest import manifest
from shotbuild.engine.dispatch import Place, header_of, read_dispatch, returned_text
from shotbuild.engine.execute import Workshop, execute, execute_all, workplace
from shotbuild.engine.scratch import Scratch
from shotbuild.errors import BytesLost, MachineUnfit, StoreError, StoreUnavailable
from shotbuild.host.tools import find_ffmpeg, identify, joiner
from shotbuild.host.workers import Workers
from shotbuild.plan.bind import Wanted
from shotbuild.plugins import Registry, registry
from shotbuild.records import Action, ActionResult, Digest, StoreUse
from shotbuild.sharing import opened, use_of
from shotbuild.store.blobs import FolderBlobs
from shotbuild.store.interface import Row
from shotbuild.store.shared import Shared
from shotbuild.store.tiered import TieredBlobs

SCRATCH = "SHOTBUILD_SCRATCH_GB"
SCRATCH_GB = 20
IDLE = 120.0
Answer = ActionResult | Exception


class Worker:
    """shared: the team's store; folder: its own, for bytes on their way and work; cancel: stops what it makes; offered: the
    stages and providers that are installed here; most: bytes that it keeps of what it read and made, None = all; programs:
    those that stay loaded from one action to the next, None = none does."""

    def __init__(
        self,
        shared: Shared,
        folder: Path,
        *,
        cancel: threading.Event | None = None,
        offered: Registry | None = None,
        most: int | None = None,
        programs: Workers | None = None,
    ) -> None:
        self.shared = shared
        self._folder = folder = folder.resolve()
        self._cancel = cancel or threading.Event()
        self._registry = offered or registry()
        self._local = FolderBlobs(folder / "store")
        self._blobs = TieredBlobs(self._local, lambda: shared, lambda: _made(folder / "fetching"))
        self._scratch = None if most is None else Scratch(self._local, most)
        self._programs = programs
        self._ffmpeg = find_ffmpeg(None)
        self._tools = {each.name: each for each in (identify(self._ffmpeg, _made(folder) / "ffmpeg.json"), joiner())}

    def make(self, wanted: Wanted, progress: Callable[[str, int], None] = lambda *_: None) -> ActionResult:
        """The result of an action, once its bytes and it are in the shared store. progress: told its key and percents.

        Errors: ShotbuildError of the stage; MachineUnfit; StoreError when the store cannot be used."""
        (answer,) = self.make_all([wanted], progress)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def make_all(
        self,
        all_wanted: Sequence[Wanted],
        progress: Callable[[str, int], None] = lambda *_: None,
        cancel: threading.Event | None = None,
    ) -> list[Answer]:
        """The same for actions of one batch, each with a result or an error of its own. cancel: stops these alone."""
        answers: dict[str, Answer] = {}
        missing: list[Wanted] = []
        for wanted in all_wanted:
            try:
                found = self._found(wanted)
                if found is None:
                    self._check(wanted.action)
                    missing.append(wanted)
                else:
                    answers[wanted.key] = found
            except Exception as error:
                answers[wanted.key] = error
        with ExitStack() as held:
            if self._scratch is not None:
                held.enter_context(self._scratch.using(digest for each in missing for _, digest in each.action.inputs))
            results = self._executed(missing, progress, cancel or self._cancel) if missing else []
            for wanted, result in zip(missing, results, strict=True):
                answers[wanted.key] = self._handed_over(wanted, result)
        return [answers[wanted.key] for wanted in all_wanted]

    def _executed(
        self, missing: Sequence[Wanted], progress: Callable[[str, int], None], cancel: threading.Event
    ) -> Sequence[Answer]:
        with ExitStack() as held:
            shop = Workshop(
                blobs=self._blobs,
                stage=self._registry.stage,
                ffmpeg=self._ffmpeg,
                folder=held.enter_context(workplace(_made(self._folder / "work"), _made(self._folder / "locks"))),
                cancel=cancel,
                root=self._folder,
                progress=progress,
                workers=self._programs or held.enter_context(Workers()),
            )
            if len(missing) > 1:
                return execute_all(missing, shop)
            try:
                return [execute(missing[0], shop)]
            except Exception as error:
                return [error]

    def _handed_over(self, wanted: Wanted, result: Answer) -> Answer:
        if isinstance(result, BytesLost) and not self.shared.reachable:
            return StoreUnavailable(
                f"the shared store {self.shared.shown} cannot be reached by a machine of the farm", cause=str(result)
            )
        if isinstance(result, Exception):
            return result
        try:
            return self._put(wanted, result)
        except Exception as error:
            return error

    def _found(self, wanted: Wanted) -> ActionResult | None:
        row = self.shared.result(wanted.key)
        if row is None or tuple(name for name, _ in row.result.outputs) != wanted.action.outputs:
            return None
        return row.result if all(self.shared.has(digest) for digest in row.result.blobs) else None

    def _put(self, wanted: Wanted, result: ActionResult) -> ActionResult:
        """Bytes first, the result last."""
        for digest in result.blobs:
            self._send(digest)
        if self._scratch is not None:
            self._scratch.made(result.blobs)
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

    def _check(self, action: Action) -> None:
        recipe = action.recipe
        for pin in recipe.pins:
            tool = self._tools.get(pin.provider)
            if tool is not None and tool.pin != pin:
                raise MachineUnfit(
                    f"this machine has another {pin.provider} than the build",
                    cause=f"the build has {pin.model} ({pin.version[:12]}), here is {tool.version} ({tool.identity[:12]})",
                    hint="install the same packages on every machine of the farm",
                )
        entry = self._registry.stages.get(recipe.stage)
        if entry is None or entry.version != recipe.version:
            raise MachineUnfit(
                f"this machine has no stage {recipe.stage} of version {recipe.version}",
                cause="there is none of that name" if entry is None else f"here is version {entry.version}",
                hint="install the same packages on every machine of the farm",
            )


# --- on a farm --------------------------------------------------------------------------------------------------------


class Station:
    """One process of a farm, which serves whoever builds there: it opens each store once. idle: seconds after which programs
    that nobody asks any more are stopped, since what they have loaded fills a GPU."""

    def __init__(self, folder: Path, most: int, idle: float = IDLE) -> None:
        self._folder, self._most, self._idle = folder, most, idle
        self._busy = 0
        self._timer: threading.Timer | None = None
        self._workers: dict[StoreUse, tuple[Worker, dict[str, Any]]] = {}
        self._programs = Workers()
        self._warn: Callable[[str], None] = lambda _: None
        self._lock = threading.Lock()

    def make_all(self, text: str, place: Place) -> list[Answer]:
        """What a dispatch asks for. Errors: ShotbuildError."""
        with self._asked():
            return self._made(text, place)

    @contextmanager
    def _asked(self) -> Iterator[None]:
        with self._lock:
            self._busy += 1
            if self._timer is not None:
                self._timer.cancel()
        try:
            yield
        finally:
            with self._lock:
                self._busy -= 1
                self._timer = threading.Timer(self._idle, self._rest)
                self._timer.daemon = True
                self._timer.start()

    def _rest(self) -> None:
        with self._lock:
            if not self._busy:
                self._programs.close()

    def _made(self, text: str, place: Place) -> list[Answer]:
        dispatch = read_dispatch(text)
        tell = partial(place.tell, dispatch.build)
        for wanted in dispatch.wanted:
            tell({"key": wanted.key, "machine": place.machine})
        self._warn = lambda sentence: tell({"warning": f"{place.machine}: {sentence}"})
        worker, known = self._worker(dispatch.store)
        known.clear()  # what was there yesterday may be gone
        return worker.make_all(
            dispatch.wanted,
            lambda key, percent: tell({"key": key, "machine": place.machine, "percent": percent}),
            place.stopping(dispatch.build),
        )

    def _tell(self, sentence: str) -> None:
        self._warn(sentence)

    def _worker(self, sent: StoreUse) -> tuple[Worker, dict[str, Any]]:
        # A machine's own environment may name the store otherwise, with a password or by another road.
        use = use_of(sent) or sent
        with self._lock:
            if use not in self._workers:
                known: dict[str, Any] = {}
                # Who asked has put something there: what is empty here is not mounted.
                shared = Shared(opened(use, self._folder, seen=True), known, self._tell)
                self._workers[use] = (
                    Worker(shared, self._folder, most=self._most, programs=self._programs),
                    known,
                )
            return self._workers[use]


_stations: dict[Path, Station] = {}
_opening = threading.Lock()


def serve(text: str, place: Place) -> str:
    """A dispatch as text → what was returned, as text. Whatever goes wrong is in it."""
    version, count = header_of(text)
    try:
        if version != __version__:
            raise MachineUnfit(
                f"this machine has shotbuild {__version__}, the build has {version}",
                hint="install the same shotbuild on every machine of the farm",
            )
        with _opening:
            if place.folder not in _stations:
                _stations[place.folder] = Station(place.folder, _most())
        answers: Sequence[Answer] = _stations[place.folder].make_all(text, place)
    except Exception as error:
        answers = [error] * count
    return returned_text(place.machine, place.address, answers)


def _most() -> int:
    said = os.environ.get(SCRATCH, "").strip() or str(SCRATCH_GB)
    if not said.isdecimal() or int(said) == 0:
        raise MachineUnfit(f"{SCRATCH} is {said[:80]!r}", hint="write whole gigabytes, such as 20")
    return int(said) * 10**9


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
