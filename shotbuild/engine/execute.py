"""One Action in a fresh folder: inputs verified, the stage run and its outputs probed, then kept in the store."""

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from pathlib import Path

from shotbuild.digest import of_action
from shotbuild.errors import BytesLost, Cancelled, ShotbuildError, StoreError
from shotbuild.host import files
from shotbuild.host.workers import Workers
from shotbuild.plan.bind import Wanted
from shotbuild.records import Action, ActionResult, Answer, Digest
from shotbuild.stages.catalogue import GENERATE
from shotbuild.stages.interface import Stage, Together, Work
from shotbuild.store.interface import BlobStore

RECORD = "provider-record.json"
_numbers = count()
"""Of folders: each is new in this process, and the folder of a build is that of one process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """What executing needs. folder: the build's own, for fresh folders, on the store's file system; verified: digests
    already read by this build, so that a file with many readers is verified once; root: the project's folder; progress: told
    the key of an action and percents, from any thread; workers: programs that stay loaded for the whole build."""

    blobs: BlobStore
    stage: Callable[[str], Stage]
    ffmpeg: Path
    folder: Path
    cancel: threading.Event
    verified: set[Digest] = field(default_factory=set)
    root: Path = Path()
    progress: Callable[[str, int], None] = lambda *_: None
    workers: Workers | None = None


def execute(wanted: Wanted, shop: Workshop) -> ActionResult:
    """Runs an action; its outputs are in the store when this returns, and durable once they are settled there.
    Errors: ShotbuildError of the stage or the store."""
    run = shop.stage(wanted.action.recipe.stage).run
    return _kept(wanted.action, wanted.key, shop, run, reads=True, settled=False)


def execute_all(all_wanted: Sequence[Wanted], shop: Workshop) -> list[ActionResult | Exception]:
    """Runs actions of one batch in one go where their stage can; each has a result of its own, or its own error. What fails
    together is run one by one, so that one that cannot be made does not take the others with it."""
    stage = shop.stage(all_wanted[0].action.recipe.stage)
    if isinstance(stage, Together):
        with suppress(Exception):  # also of a bug: it shows itself again, in the one that has it
            try:
                return [*_kept_together(all_wanted, shop, stage)]
            except Cancelled as error:
                return [error] * len(all_wanted)
    return [_tried(wanted, shop) for wanted in all_wanted]


def _tried(wanted: Wanted, shop: Workshop) -> ActionResult | Exception:
    try:
        return execute(wanted, shop)
    except Exception as error:
        return error


def _kept_together(all_wanted: Sequence[Wanted], shop: Workshop, stage: Together) -> list[ActionResult]:
    began = time.monotonic()
    with ExitStack() as held:
        works = [
            _work(each.action, each.key, shop, held.enter_context(_folder(each.action, shop)), reads=True)
            for each in all_wanted
        ]
        stage.run_all(works)
        each = int((time.monotonic() - began) * 1000) // len(all_wanted)
        return [_result(work, shop, stage, each, settled=False) for work in works]


def receive(action: Action, shop: Workshop, file: Path, answer: Answer) -> ActionResult:
    """Takes what a service handed over for an action, checks it as its stage does and keeps it. The file stays where it is.
    Errors: MediaError when it is not what was asked for; StoreError."""

    def take_in(work: Work) -> Answer:
        files.copy(file, work.into / work.outputs[0])
        return answer

    # A take is checked by itself. What it was made from may be gone by now.
    return _kept(action, of_action(action).sha256, shop, take_in, reads=action.recipe.stage != GENERATE, settled=True)


def _kept(
    action: Action, key: str, shop: Workshop, run: Callable[[Work], Answer | None], *, reads: bool, settled: bool
) -> ActionResult:
    """key: digest of the action's manifest; reads: whether its inputs are looked at; settled: whether its outputs are
    durable when this returns."""
    stage = shop.stage(action.recipe.stage)
    began = time.monotonic()
    with _folder(action, shop) as folder:
        work = _work(action, key, shop, folder, reads=reads)
        answer = run(work)
        result = _result(work, shop, stage, int((time.monotonic() - began) * 1000), settled=settled)
        return result if answer is None else _answered(result, answer, folder, shop, settled=settled)


@contextmanager
def _folder(action: Action, shop: Workshop) -> Iterator[Path]:
    """A fresh folder for one action. Errors: StoreError for what the disk refuses while it is used."""
    folder = shop.folder / f"{action.recipe.stage}-{next(_numbers)}"
    try:
        folder.mkdir(mode=0o700)
    except OSError as error:
        raise StoreError("a step has no folder to work in", cause=str(error), hint=_remedy(error)) from error
    try:
        yield folder
    except OSError as error:
        raise StoreError(
            f"{action.recipe.stage} could not write its result", cause=str(error), hint=_remedy(error)
        ) from error
    finally:
        with suppress(OSError):
            _clear(folder)


def _clear(folder: Path) -> None:
    """Removes what a step left behind. Folders that are empty go with the build's own folder: to remove one, the file system
    waits for the results that are being written, which held up small steps for an eighth of their time."""
    left = [folder / name for name in os.listdir(folder)]
    if not all(path.is_dir() and not path.is_symlink() and not os.listdir(path) for path in left):
        shutil.rmtree(folder, ignore_errors=True)


def _work(action: Action, key: str, shop: Workshop, folder: Path, *, reads: bool) -> Work:
    return Work(
        action=key,
        parameters=action.recipe.parameters,
        pins=action.recipe.pins,
        inputs=verified(action, shop) if reads else {},
        outputs=action.outputs,
        into=folder,
        ffmpeg=shop.ffmpeg,
        cancel=shop.cancel,
        root=shop.root,
        progress=partial(shop.progress, key),
        workers=shop.workers,
    )


def _result(work: Work, shop: Workshop, stage: Stage | Together, milliseconds: int, *, settled: bool) -> ActionResult:
    """Checks what was written and takes it into the store."""
    stage.check(work)
    outputs = tuple((name, shop.blobs.adopt(_made(work.into / name), settled=settled)) for name in work.outputs)
    shop.verified.update(digest for _, digest in outputs)
    return ActionResult(outputs=outputs, milliseconds=milliseconds)


def _answered(result: ActionResult, answer: Answer, folder: Path, shop: Workshop, *, settled: bool) -> ActionResult:
    """The result of a provider, with its record kept in the store."""
    record = folder / RECORD
    record.write_text(answer.record, encoding="utf-8")
    return replace(
        result,
        operation=answer.operation,
        pin=answer.pin,
        charged=answer.charged,
        record=shop.blobs.adopt(record, settled=settled),
    )


def clear_leftovers(folder: Path) -> None:
    """Removes the folders of builds that were killed. Each living build holds the lock beside its own folder."""
    for lock_file in folder.glob("*.lock"):
        lock = files.try_lock(lock_file)
        if lock is not None:
            shutil.rmtree(lock_file.with_suffix(""), ignore_errors=True)
            lock_file.unlink(missing_ok=True)
            lock.release()


@contextmanager
def workplace(work: Path, locks: Path) -> Iterator[Path]:
    """A fresh folder below `work`, locked for as long as it is used: who comes later clears away what a killed process left
    behind, and the store is not swept meanwhile. locks: the folder of lock files."""
    own = work / f"{os.getpid()}-{time.monotonic_ns()}"
    with ExitStack() as held:
        # Nobody may look for leftovers between the making of a lock file and its locking.
        with files.locked(locks / "work.lock"):
            clear_leftovers(work)
            held.enter_context(files.locked(own.with_suffix(".lock")))
            own.mkdir()
        held.callback(shutil.rmtree, own, ignore_errors=True)
        yield own


def verified(action: Action, shop: Workshop) -> dict[str, Path]:
    """The files to read, each read once and found right. Every damaged one is found, so that one more build heals all."""
    lost: list[BytesLost] = []
    for digest in dict.fromkeys(digest for _, digest in action.inputs if digest not in shop.verified):
        try:
            shop.blobs.verify(digest)
            shop.verified.add(digest)
        except BytesLost as error:
            lost.append(error)
    if lost:
        raise lost[0]
    return {name: shop.blobs.path(digest) for name, digest in action.inputs}


def _made(file: Path) -> Path:
    if file.is_symlink() or not file.is_file():
        raise ShotbuildError(f"the stage did not write {file.name}", hint="this is a fault of the stage, please report it")
    return file


def _remedy(error: OSError) -> str:
    return "free some space on the disk and build again" if error.errno == 28 else "check the disk and the project's folder"
