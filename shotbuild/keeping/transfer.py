"""Brings bytes from this disk into the shared store, and from there onto this disk, when somebody says so."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from shotbuild.digest import manifest, of_action
from shotbuild.errors import BytesLost, GateError, PlanError, StoreUnavailable
from shotbuild.plan.forecast import CACHED, Forecast
from shotbuild.plan.shoot import CHOOSE
from shotbuild.pushing import parcel_of, parcel_of_take
from shotbuild.records import Chosen, Digest, Output
from shotbuild.rooms import Rooms
from shotbuild.sharing import ADDRESS, PUSH
from shotbuild.stages.catalogue import ASKING
from shotbuild.store.interface import Row
from shotbuild.store.outbox import Otherwise, Outbox, Parcel, Unsent
from shotbuild.store.shared import Shared
from shotbuild.whereabouts import blobs_of, name_of, takes_of
from shotbuild.workspace import Workspace

BRINGERS = 8
Progress = Callable[[str, int, int], None]
"""Told what is on its way (`results`, `bytes`), how many are done, how many there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SentAll:
    """sent: what was not there before; size: of the bytes that were sent; there: how many were there; unsent, otherwise: as
    the outbox says."""

    sent: tuple[Parcel, ...]
    size: int
    there: int
    unsent: tuple[Unsent, ...]
    otherwise: tuple[Otherwise, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Needed:
    """Bytes that are wanted here. what: for people."""

    digest: Digest
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulled:
    """brought: what was not here before; here: how many were; missing: what is nowhere; to_run: steps that a delivery would
    still run here."""

    brought: tuple[Needed, ...]
    here: int
    missing: tuple[Needed, ...]
    to_run: int


def shared_of(workspace: Workspace) -> Shared:
    """Errors: PlanError when the project has none."""
    _ = workspace.project  # says which it is
    shared = workspace.rooms.shared
    if shared is None:
        raise PlanError(
            "this project has no shared store",
            hint=f"write `store: ADDRESS` into shotbuild.yaml, or set {ADDRESS}",
        )
    return shared


def writable_of(workspace: Workspace) -> Shared:
    """The same, where something may be put there. Errors: GateError when it may not."""
    shared = shared_of(workspace)
    if not shared.writes:
        raise GateError(
            f"nothing is written to the shared store {shared.shown} from here",
            cause=f"`push: nothing` in shotbuild.yaml, or {PUSH}=nothing",
            hint="run it where the store may be written",
        )
    return shared


def check_reachable(shared: Shared) -> None:
    """Errors: StoreUnavailable when it did not answer just now."""
    if not shared.reachable:
        raise StoreUnavailable(
            f"the shared store {shared.shown} cannot be reached", hint="check the address, the network and who you are there"
        )


# --- pushing ------------------------------------------------------------------------------------------------------------


def push(
    workspace: Workspace, targets: Sequence[str] = (), *, everything: bool = False, progress: Progress = lambda *_: None
) -> SentAll:
    """Sends the takes that the targets need, no targets = all takes, and what was paid for; everything: all results of
    today's plan. What the store has is asked anew, whatever was seen there before.

    Errors: GateError when nothing may be written; StoreUnavailable; PlanError."""
    shared, rooms = writable_of(workspace), workspace.rooms
    parcels = list(_parcels(workspace, targets, everything=everything))
    shared.ask_all((digest for parcel in parcels for digest in parcel.blobs), lambda each: shared.size(each.sha256))
    shared.ask_all((parcel.row for parcel in parcels if parcel.row is not None), shared.agrees)
    check_reachable(shared)
    outbox = Outbox(shared, rooms.local, tell=lambda done, total: progress("results", done, total))
    open_ones = [parcel for parcel in parcels if not _is_there(shared, parcel)]
    try:
        for parcel in open_ones:
            outbox.add(parcel)
        found = outbox.end()
    finally:
        outbox.stop()
        rooms.memory.save()
    failed = {id(each.parcel) for each in found.unsent}
    return SentAll(
        sent=tuple(parcel for parcel in open_ones if id(parcel) not in failed),
        size=found.size,
        there=len(parcels) - len(open_ones),
        unsent=tuple(found.unsent),
        otherwise=tuple(found.otherwise),
    )


def _is_there(shared: Shared, parcel: Parcel) -> bool:
    return all(map(shared.is_known, parcel.blobs)) and (parcel.row is None or shared.is_recorded(parcel.row.action))


def _parcels(workspace: Workspace, targets: Sequence[str], *, everything: bool) -> Iterator[Parcel]:
    """What lies here of what is meant, each once."""
    rooms, lines = workspace.rooms, workspace.forecast_of(targets)
    shots = {choice.shot for choice in workspace.whole.choices}
    meant = {shot for line in lines for shot in line.step.shots} & shots if targets else shots
    seen: set[str] = set()
    for take in takes_of(rooms, sorted(meant)):
        if all(map(rooms.local.has, blobs_of(take))):
            seen.add(take.action)
            yield parcel_of_take(rooms, take)
    for line in lines:
        row = _row(rooms, line)
        asked = everything or line.step.recipe.stage in ASKING
        if row is not None and asked and row.action not in seen and all(map(rooms.local.has, row.result.blobs)):
            seen.add(row.action)
            yield parcel_of(row, line.step.name)


def _row(rooms: Rooms, line: Forecast) -> Row | None:
    """The result of a step as it was recorded here. A step that a fallback made has none under its own action."""
    if line.action is None or line.result is None or line.step.recipe.stage == CHOOSE:
        return None
    key = of_action(line.action).sha256
    result = rooms.actions.local.get(key)
    return None if result is None else Row(action=key, result=result, manifest=manifest(line.action))


# --- pulling ------------------------------------------------------------------------------------------------------------


def pull(
    workspace: Workspace, targets: Sequence[str] = (), *, takes: bool = False, progress: Progress = lambda *_: None
) -> Pulled:
    """Brings all bytes here that a delivery of the targets needs; takes: also all takes of their shots.

    Errors: StoreUnavailable when something is missing here and the store cannot be reached; PlanError."""
    shared, rooms = shared_of(workspace), workspace.rooms
    lines = workspace.delivery_of(targets)
    needed = {each.digest: each for each in _needed_by(workspace, lines)}
    if takes:
        shots = sorted({shot for line in lines for shot in line.step.shots})
        needed |= {each.digest: each for each in _of_takes(rooms, shots)}
    absent = [each for each in needed.values() if not rooms.local.has(each.digest)]
    brought, missing = _brought(rooms, absent, progress)
    rooms.memory.save()
    if missing:
        check_reachable(shared)
    return Pulled(
        brought=tuple(brought),
        here=len(needed) - len(absent),
        missing=tuple(missing),
        to_run=sum(line.state != CACHED for line in lines),
    )


def _needed_by(workspace: Workspace, lines: Sequence[Forecast]) -> Iterator[Needed]:
    """What is put into out/, and what the steps read that have to run."""
    results = {line.step.name: line.result for line in lines if line.result is not None}
    linked = {link.step for link in workspace.whole.links}
    for line in lines:
        if line.result is not None:
            if line.step.name in linked and line.step.deliverable:
                yield from (Needed(digest=digest, what=line.step.name) for _, digest in line.result.outputs)
            continue
        take = None if line.wanted else workspace.rooms.ledgers.expected(line.step)
        if take is not None:  # what it continues is made first, then it is looked up
            yield Needed(digest=take.video, what=name_of(take))
        for _, origin in line.step.inputs:
            if isinstance(origin, Chosen):
                yield Needed(digest=origin.digest, what=line.step.name)
            elif isinstance(origin, Output) and origin.step in results:
                yield Needed(digest=results[origin.step].output(origin.name), what=origin.step)


def _of_takes(rooms: Rooms, shots: Iterable[str]) -> Iterator[Needed]:
    for take in takes_of(rooms, shots):
        yield from (Needed(digest=digest, what=name_of(take)) for digest in blobs_of(take))


def _brought(rooms: Rooms, absent: Sequence[Needed], progress: Progress) -> tuple[list[Needed], list[Needed]]:
    brought: list[Needed] = []
    missing: list[Needed] = []
    done, total = 0, sum(each.digest.size for each in absent)
    pool = ThreadPoolExecutor(BRINGERS, "pull")
    try:
        for each, there in zip(absent, pool.map(lambda each: _bring(rooms, each.digest), absent), strict=True):
            (brought if there else missing).append(each)
            done += each.digest.size
            progress("bytes", done, total)
    finally:
        pool.shutdown(cancel_futures=True)
    return brought, missing


def _bring(rooms: Rooms, digest: Digest) -> bool:
    try:
        rooms.blobs.path(digest)
    except BytesLost:
        return False
    return True
