"""Whether the shared store is whole, and what of it may go. Nothing is deleted that anybody asked a provider for."""

import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import count

from shotbuild.digest import of_action
from shotbuild.engine.done import Done
from shotbuild.engine.events import Failed, Sampled
from shotbuild.engine.execute import workplace
from shotbuild.errors import PlanError, StoreUnavailable
from shotbuild.host import files
from shotbuild.host.forks import cores
from shotbuild.host.objects.interface import Found
from shotbuild.host.workers import Workers
from shotbuild.keeping.care import Named, ledger_names
from shotbuild.keeping.transfer import Progress, check_reachable, shared_of, writable_of
from shotbuild.plan.bind import Wanted
from shotbuild.plan.shoot import CHOOSE
from shotbuild.pushing import asks
from shotbuild.records import Digest, Sample
from shotbuild.rooms import Rooms
from shotbuild.sampling import Sampling, workshop
from shotbuild.stages.catalogue import ASKING
from shotbuild.store.shared import LARGEST_RESULT, Shared, read_shared
from shotbuild.workspace import Workspace

YOUNG = 14 * 24 * 3600.0
"""Seconds for which nothing goes: what was put there just now may be named by a ledger that nobody has pushed yet."""
READERS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedShared:
    """blobs, size: how many were looked for, in bytes; read: how many of them were read; damaged, missing: what stays so;
    replaced, sent: what was damaged, or missing, and was put there from here; sampled, failed: of a sample that was made
    again, None = there was none."""

    blobs: int
    size: int
    read: int
    damaged: tuple[Named, ...]
    missing: tuple[Named, ...]
    replaced: tuple[Named, ...]
    sent: tuple[Named, ...]
    sampled: Sampled | None = None
    failed: tuple[Failed, ...] = ()

    @property
    def whole(self) -> bool:
        return not (self.damaged or self.missing or self.failed)


@dataclass(frozen=True, slots=True, kw_only=True)
class SweptShared:
    """results: actions of which a result can go, because its bytes can; blobs: bytes that can go; kept, size: what stays, in
    bytes; deleted: whether they went."""

    results: tuple[str, ...]
    blobs: tuple[Digest, ...]
    kept: int
    size: int
    deleted: bool


# --- whether it is whole --------------------------------------------------------------------------------------------------


def check(
    workspace: Workspace,
    named: Mapping[str, Named],
    *,
    read: bool = False,
    sample: Sample | None = None,
    progress: Progress = lambda *_: None,
) -> CheckedShared:
    """Asks for all bytes that ledgers name, whatever was seen there before, and puts there what is missing or damaged and
    lies here whole. read: reads all of them; sample: of the results of today's plan, those to be made again and compared.

    Errors: StoreUnavailable when it cannot be reached; PlanError."""
    shared, rooms = shared_of(workspace), workspace.rooms
    each = {known.digest: known for known in named.values()}
    sizes = dict(shared.ask_all(each, lambda digest: shared.size(digest.sha256)))
    check_reachable(shared)
    missing = [digest for digest, size in sizes.items() if size is None]
    damaged = [digest for digest, size in sizes.items() if size is not None and size != digest.size]
    right = [digest for digest, size in sizes.items() if size == digest.size]
    if read:
        damaged += _unsound(shared, rooms, right, progress)
    mended = {digest for digest in (*missing, *damaged) if _put_back(shared, rooms, digest)}
    sampled, failed = (None, ()) if sample is None else _sample(workspace, shared, sample)
    rooms.memory.save()

    def those(digests: Sequence[Digest], *, mended_ones: bool) -> tuple[Named, ...]:
        return tuple(each[digest] for digest in digests if (digest in mended) is mended_ones)

    return CheckedShared(
        blobs=len(each),
        size=sum(digest.size for digest in each),
        read=len(right) if read else 0,
        damaged=those(damaged, mended_ones=False),
        missing=those(missing, mended_ones=False),
        replaced=those(damaged, mended_ones=True),
        sent=those(missing, mended_ones=True),
        sampled=sampled,
        failed=failed,
    )


def _unsound(shared: Shared, rooms: Rooms, digests: Sequence[Digest], progress: Progress) -> list[Digest]:
    """Those that do not hold what they should."""
    found: list[Digest] = []
    done, total = 0, sum(digest.size for digest in digests)
    pool = ThreadPoolExecutor(READERS, "read")
    try:
        for digest, sound in zip(digests, pool.map(partial(_is_sound, shared, rooms), digests), strict=True):
            check_reachable(shared)
            found += [] if sound else [digest]
            done += digest.size
            progress("bytes", done, total)
    finally:
        pool.shutdown(cancel_futures=True)
    return found


def _is_sound(shared: Shared, rooms: Rooms, digest: Digest) -> bool:
    fresh = files.temporary_beside(rooms.folder("fetching") / digest.sha256)
    try:
        return shared.fetch(digest, fresh)
    finally:
        fresh.unlink(missing_ok=True)


def _put_back(shared: Shared, rooms: Rooms, digest: Digest) -> bool:
    if not shared.writes or not rooms.local.sound(digest):
        return False
    try:
        shared.replace(digest, rooms.local.path(digest))
    except StoreUnavailable:
        return False  # it was told
    return True


def _sample(workspace: Workspace, shared: Shared, sample: Sample) -> tuple[Sampled, tuple[Failed, ...]]:
    rooms, project = workspace.rooms, workspace.project
    bound = {}
    for line in workspace.forecast_of():
        if line.action is not None and line.step.recipe.stage not in (*ASKING, CHOOSE):
            key = of_action(line.action).sha256
            bound[key] = Wanted(step=line.step, action=line.action, key=key, continues=None)
    rows = [row for _, row in shared.ask_all(bound, shared.result) if row is not None]
    check_reachable(shared)
    with Workers() as workers, workplace(rooms.folder("work"), rooms.folder("locks")) as folder:
        shop = workshop(project, rooms, workspace.registry, folder, workers, threading.Event())
        sampling = Sampling(sample, rooms, shop, cores())
        sampling.differs(Done(wanted=bound[row.action], result=row.result, ran=False) for row in rows)
    return sampling.told(), sampling.failed


# --- what may go ----------------------------------------------------------------------------------------------------------


def sweep(
    workspace: Workspace,
    kept: Callable[[], Collection[str]],
    *,
    delete: bool,
    now: float | None = None,
    progress: Progress = lambda *_: None,
) -> SweptShared:
    """Finds what only results of stages name that ask no provider, none of them young, and neither a ledger nor today's plan
    needs; deletes it when told to, results before their bytes. What no result names stays: nobody can say what it is.

    kept: gives the sha256 of all that is needed here; now: seconds since 1970. Errors: PlanError when the store cannot list
    what it has; GateError when nothing may be written; StoreUnavailable, StoreRefused."""
    shared = writable_of(workspace) if delete else shared_of(workspace)
    if not shared.objects.lists:
        raise PlanError(
            f"the shared store {shared.shown} cannot list what it has",
            cause="an HTTP cache answers for single names alone",
            hint="let the server that runs it delete what is old, and look with `shotbuild store check --shared` afterwards",
        )
    found = _sweepable(shared, kept(), time.time() if now is None else now, progress)
    if not delete:
        return found
    for done, action in enumerate(found.results, 1):
        shared.objects.remove(f"ac/{action}")
        shared.unrecord(action)
        progress("results", done, len(found.results))
    for done, digest in enumerate(found.blobs, 1):
        shared.objects.remove(f"cas/{digest.sha256}")
        shared.forget(digest)
        progress("files", done, len(found.blobs))
    workspace.rooms.memory.save()
    return replace(found, deleted=True)


@dataclass(frozen=True, slots=True)
class _Said:
    """A result that is there. names: the bytes that it names; may_go: a stage gave it for nothing, and it is not young. One
    that cannot be read stays, with all digests in its text: a newer version may have written it."""

    action: str
    names: frozenset[str]
    may_go: bool


def _sweepable(shared: Shared, kept: Collection[str], now: float, progress: Progress) -> SweptShared:
    results = list(shared.objects.each("ac"))  # before the bytes: what is put there meanwhile is in neither, or young
    blobs = {each.key.partition("/")[2]: each for each in shared.objects.each("cas")}
    said = _read_all(shared, results, now, progress)
    stays = set(kept).union(*(each.names for each in said if not each.may_go))
    stays |= {name for name, each in blobs.items() if now - each.changed < YOUNG}
    going = {name for each in said if each.may_go for name in each.names if name in blobs} - stays
    # Also those whose bytes are gone: they are of no use to anybody.
    gone = [each.action for each in said if each.may_go and not each.names <= blobs.keys() - going]
    return SweptShared(
        results=tuple(sorted(gone)),
        blobs=tuple(Digest(sha256=name, size=blobs[name].size) for name in sorted(going)),
        kept=len(blobs) - len(going),
        size=sum(each.size for name, each in blobs.items() if name not in going),
        deleted=False,
    )


def _read_all(shared: Shared, results: Sequence[Found], now: float, progress: Progress) -> list[_Said]:
    """Errors: StoreUnavailable: what could not be read might name anything."""
    ended = count(1)

    def read(each: Found) -> _Said | None:
        action = each.key.partition("/")[2]
        text = shared.objects.read(each.key, LARGEST_RESULT)
        progress("results", next(ended), len(results))
        if text is None:
            return None
        row = read_shared(action, text)
        if row is None:
            return _Said(action, frozenset(ledger_names([text])), may_go=False)
        old = now - each.changed >= YOUNG
        return _Said(action, frozenset(digest.sha256 for digest in row.result.blobs), may_go=old and not asks(row))

    answers = shared.ask_all([each for each in results if each.size <= LARGEST_RESULT], read)
    return [said for _, said in answers if said is not None]
