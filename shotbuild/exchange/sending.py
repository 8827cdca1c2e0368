"""A project's missing steps as a job for a farm: what may not go is refused, what is read is put into the shared store, and
the job is written into a folder of its own."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from shotbuild.casting import UNPINNED
from shotbuild.digest import of_file
from shotbuild.errors import GateError, PlanError, ShotbuildError, StoreError, StoreUnavailable
from shotbuild.exchange.addresses import absolute, named, without_user
from shotbuild.exchange.lots import waves
from shotbuild.exchange.openjd import PLAN, PROGRAM, TEMPLATE, VALUES, VERSION, template, values
from shotbuild.exchange.parcel import Parcel, packed, text_of
from shotbuild.exchange.travel import objection
from shotbuild.frozen import refuse_frozen
from shotbuild.host import files
from shotbuild.missing import bytes_missing, paid_missing
from shotbuild.plan.forecast import Forecast
from shotbuild.records import PUSH_NOTHING, Digest, SourceFile, StoreUse
from shotbuild.sharing import PUSH, opened, use_of
from shotbuild.store.shared import Shared
from shotbuild.units import counted, decimal_text
from shotbuild.workspace import Workspace

SHOWN = 8
AT_ONCE = 4
"""Files on their way into the store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A job that was written. folder: where; store: its address as people may see it; steps, lots, waves: how many; results:
    paths that it hands out; read: the bytes that it reads, sent: how many of them were put into the store now, there: how
    many were there before, both None when nothing was looked at."""

    folder: Path
    store: str
    steps: int
    lots: int
    waves: int
    results: tuple[str, ...]
    read: int
    sent: int | None
    there: int | None


def export_openjd(
    workspace: Workspace,
    targets: Sequence[str],
    to: Path,
    *,
    store: str | None = None,
    push: bool = True,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> Sent:
    """Writes template, plan and values into a folder. store: an address in place of the project's; push: puts what is read
    into the store; progress: told how many files are in it, of how many.

    Errors: GateError for what has to be made here first; PlanError without a store, and for a folder of somebody else's;
    StoreError."""
    _check_folder(to)
    if push:
        refuse_frozen("an export puts what a farm reads into the shared store")
    planned = workspace.plan(targets)
    use = store_use(workspace, store)
    _refuse(workspace, planned.lines)
    parcel = packed(workspace.project.name, planned.lines, planned.links, workspace.rooms.source)
    if push:
        _check_writable(use)
    sent = _pushed(workspace, parcel, planned.lines, use, progress) if push else None
    _write(to, parcel, use)
    if push:
        _mark(workspace, to / PLAN, use)
    workspace.rooms.memory.save()
    return Sent(
        folder=to,
        store=without_user(use).address,
        steps=len(parcel.steps),
        lots=len(parcel.lots),
        waves=len(waves(parcel.steps, parcel.lots)),
        results=tuple(result.path for result in parcel.results),
        read=len(parcel.read),
        sent=sent,
        there=None if sent is None else len(parcel.read) - sent,
    )


def store_use(workspace: Workspace, store: str | None) -> StoreUse:
    """The store of the job; a folder by its absolute path. Errors: PlanError."""
    use = use_of(workspace.project.settings.store) if store is None else named(store)
    if use is None:
        raise PlanError(
            "a farm needs a store that its machines share with this one",
            cause="the project has no `store:`",
            hint="add `store: /mnt/team/store` or `store: s3://bucket/prefix` to shotbuild.yaml, or name one with --store",
        )
    # What is said on the command line is meant from there, what the project says from its root.
    return absolute(use, Path() if store is not None else workspace.rooms.root)


def _refuse(workspace: Workspace, lines: Sequence[Forecast]) -> None:
    """Errors: GateError for what has to be made here; StoreError for bytes that are lost."""
    here: list[str] = []
    shots: list[str] = []
    for line in (line for line in lines if line.result is None):
        step = line.step
        lost = bytes_missing(workspace.whole, step, workspace.rooms)
        for each in line.wanted:
            lost = lost or paid_missing(each, workspace.rooms)
        if lost is not None:
            raise lost
        why = objection(step.recipe, workspace.registry)
        if why is None and any(pin.version == UNPINNED for pin in step.recipe.pins):
            why = "its generator is not in the lock yet"
        if why is None and workspace.casting.price(step).amount != 0:
            why = "it is not free"
        if why is not None:
            here.append(f"{step.name}: {why}{_price(workspace, line)}")
            shots += step.shots
    if not here:
        return
    names = list(dict.fromkeys(shots))
    more = [f"and {len(here) - SHOWN} more"] if len(here) > SHOWN else []
    raise GateError(
        f"{counted(len(here), 'step')} cannot be made on a farm: nothing is bought there, and this machine is not at hand",
        cause="\n".join([*here[:SHOWN], *more]),
        hint=f"make these first: `shotbuild build {' '.join(names[:SHOWN])}`"
        + ("" if len(names) <= SHOWN else ", and so on"),
    )


def _price(workspace: Workspace, line: Forecast) -> str:
    price = workspace.casting.price(line.step)
    if price.amount is None:
        return ", price unknown"
    return "" if price.amount == 0 else f", {decimal_text(price.amount)} {price.currency}"


# --- bytes ahead ----------------------------------------------------------------------------------------------------------


def _check_writable(use: StoreUse) -> None:
    if use.push == PUSH_NOTHING:
        raise GateError(
            f"nothing is written to the shared store {without_user(use).address} from here",
            cause=f"`push: nothing` in shotbuild.yaml, or {PUSH}=nothing",
            hint="export where the store may be written, or with --no-push when all of it is there",
        )


def _mark(workspace: Workspace, plan: Path, use: StoreUse) -> None:
    """Puts the plan itself there too: so no store of a job is empty, and a worker knows one that is not mounted."""
    shared = Shared(opened(use, workspace.rooms.root), {}, workspace.rooms.warn)
    try:
        shared.send(of_file(plan), plan)
    except OSError as error:
        raise StoreError("the plan cannot be sent", cause=str(error)) from error
    finally:
        shared.close()


def _pushed(
    workspace: Workspace, parcel: Parcel, lines: Sequence[Forecast], use: StoreUse, progress: Callable[[int, int], None]
) -> int:
    """How many of the bytes that the parcel reads were put into the store; the others were there."""
    rooms = workspace.rooms
    sources = {
        rooms.source(origin): origin
        for line in lines
        for _, origin in line.step.inputs
        if isinstance(origin, SourceFile) and line.result is None
    }
    shared = Shared(opened(use, rooms.root), {}, rooms.warn)
    try:
        with ThreadPoolExecutor(AT_ONCE, "push") as pool:
            sent = 0
            push = partial(_push, workspace, shared, sources)
            for done, new in enumerate(pool.map(push, parcel.read), start=1):
                sent += new
                progress(done, len(parcel.read))
        return sent
    finally:
        shared.close()


def _push(workspace: Workspace, shared: Shared, sources: Mapping[Digest, SourceFile], digest: Digest) -> bool:
    if shared.has(digest):
        return False
    if not shared.reachable:
        raise StoreUnavailable(
            f"the shared store {shared.shown} cannot be asked", hint="check that it can be reached, and export again"
        )
    if digest in sources:
        workspace.rooms.bring(sources[digest], digest)
    workspace.rooms.blobs.verify(digest)
    try:
        shared.send(digest, workspace.rooms.blobs.path(digest))
    except OSError as error:
        raise StoreError(f"bytes {digest.short} cannot be sent", cause=str(error)) from error
    return True


# --- the folder -----------------------------------------------------------------------------------------------------------


def _check_folder(to: Path) -> None:
    """Errors: PlanError when it holds something and no job that was exported."""
    if not os.path.lexists(to):
        return
    if not to.is_dir():
        raise PlanError(f"{to} is no folder", hint="name another one with --to")
    if any(to.iterdir()) and not _is_ours(to / TEMPLATE):
        raise PlanError(
            f"{to} holds files and no job that was exported there", hint="name an empty folder, or a new one, with --to"
        )


def _is_ours(template_file: Path) -> bool:
    try:
        said = json.loads(template_file.read_bytes())
        return bool(said["specificationVersion"] == VERSION and said["name"].startswith(f"{PROGRAM} "))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return False


def _write(to: Path, parcel: Parcel, use: StoreUse) -> None:
    plain = without_user(use)
    try:
        to.mkdir(parents=True, exist_ok=True)
        files.write_atomic(to / PLAN, text_of(parcel).encode())
        files.write_atomic(to / VALUES, _json(values(plain)))
        files.write_atomic(to / TEMPLATE, _json(template(parcel, plain)))
    except OSError as error:
        raise ShotbuildError(f"the job cannot be written into {to}", cause=str(error)) from error


def _json(content: object) -> bytes:
    return (json.dumps(content, ensure_ascii=False, indent=2) + "\n").encode()
