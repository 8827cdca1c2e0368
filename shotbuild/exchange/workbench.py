"""A lot of a parcel on a machine of the farm: bound to what the steps before it gave, and made; results handed out.

All that it knows comes from the parcel and from the shared store. It may be begun again at any time: what is there already
is found.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

from shotbuild.errors import Cancelled, GateError, PlanError, ShotbuildError, StoreError, StoreUnavailable
from shotbuild.exchange.addresses import absolute, named, without_user
from shotbuild.exchange.lots import depths
from shotbuild.exchange.parcel import LARGEST, Parcel, Result, read
from shotbuild.exchange.travel import objection
from shotbuild.host import folders, packing
from shotbuild.host.handover import Handed, Part, hand_over
from shotbuild.plan.bind import Wanted, bound
from shotbuild.plan.graph import upstream
from shotbuild.plugins import Registry
from shotbuild.records import ActionResult, Chosen, Digest, Origin, Output, Step, StoreUse
from shotbuild.sharing import use_of
from shotbuild.store.blobs import FolderBlobs
from shotbuild.store.shared import Shared
from shotbuild.store.tiered import TieredBlobs

ASKED_AT_ONCE = 16
"""Results that are looked up in the store at the same time."""


def parcel_of(file: Path) -> Parcel:
    """Errors: PlanError."""
    try:
        with file.open("rb") as stream:
            content = stream.read(LARGEST + 1)
    except OSError as error:
        raise PlanError(f"the plan {file} cannot be read", cause=str(error)) from error
    return read(content)


def lots_of(parcel: Parcel, words: str) -> tuple[tuple[str, ...], ...]:
    """The lots that are meant. words: numbers from 1, such as `4`, `3-40` or `1,5,9-12`. Errors: PlanError."""
    found: list[int] = []
    for word in words.split(","):
        first, dash, final = word.strip().partition("-")
        if not (first.isascii() and first.isdecimal()) or (dash and not (final.isascii() and final.isdecimal())):
            raise PlanError(
                f"--number {words[:80]!r} is no number", hint="write numbers from 1, such as `4`, `3-40` or `1,5`"
            )
        low, high = int(first[:9]), int((final if dash else first)[:9])
        if not 1 <= low <= high <= len(parcel.lots):
            raise PlanError(
                f"--number {word[:80]!r} is not in this plan", cause=f"it has the numbers 1 to {len(parcel.lots)}"
            )
        found += range(low, high + 1)
    return tuple(parcel.lots[number - 1] for number in dict.fromkeys(found))


def store_of(address: str | None, endpoint: str | None, region: str | None, environ: Mapping[str, str]) -> StoreUse:
    """The store that a worker uses, a folder by its absolute path. address: None = the environment says it, which also has
    the user and the password of the one that is named. Errors: PlanError."""
    said = use_of(None, environ)
    if address is None and said is None:
        hint = "say it with --store, or in SHOTBUILD_STORE"
        raise PlanError("a worker needs the address of the shared store", hint=hint)
    use = said if address is None else named(address)
    assert use is not None, "one of the two is there"
    if said is not None and without_user(said).address == use.address:
        use = said
    return replace(absolute(use, Path()), endpoint=endpoint, region=region)


# --- making -------------------------------------------------------------------------------------------------------------


def check(parcel: Parcel, lot: Iterable[str], registry: Registry) -> None:
    """Errors: GateError for a step that no worker makes: nothing is bought by what somebody wrote into a plan."""
    for name in lot:
        why = objection(parcel.step(name).recipe, registry)
        if why is not None:
            raise GateError(f"{name} is not made by a worker", cause=why, hint="build it where the project is")


class Bindings:
    """What the steps of a parcel come down to: their actions, and what these gave, as the shared store has it."""

    def __init__(self, parcel: Parcel, shared: Shared) -> None:
        self._parcel, self._shared = parcel, shared
        self._gave: dict[str, ActionResult] = {}
        self._depths = depths(parcel.steps)

    def bind(self, name: str) -> Wanted:
        """Errors: StoreError when a step before it has given nothing yet, or the store cannot be asked."""
        self._look_up(upstream(self._parcel.step(name)))
        return self._bound(self._parcel.step(name))

    def gave(self, name: str) -> ActionResult:
        """Errors: as of `bind`."""
        self._look_up([name])
        return self._gave[name]

    def told(self, name: str, result: ActionResult) -> None:
        """What was made just now."""
        self._gave[name] = result

    def _look_up(self, names: Iterable[str]) -> None:
        """Finds what some steps gave, and first what those before them gave, each depth at once."""
        wanted, waiting = set[str](), [name for name in names if name not in self._gave]
        while waiting:
            name = waiting.pop()
            if name not in wanted:
                wanted.add(name)
                waiting += [each for each in upstream(self._parcel.step(name)) if each not in self._gave]
        if not wanted:
            return
        layers: dict[int, list[str]] = {}
        for name in wanted:
            layers.setdefault(self._depths[name], []).append(name)
        with ThreadPoolExecutor(ASKED_AT_ONCE, "look-up") as pool:
            for layer in sorted(layers):
                steps = sorted(layers[layer], key=self._parcel.numbers.__getitem__)
                self._gave.update(zip(steps, pool.map(self._found, steps), strict=True))

    def _found(self, name: str) -> ActionResult:
        step = self._parcel.step(name)
        row = self._shared.result(self._bound(step).key)
        if row is not None and tuple(output for output, _ in row.result.outputs) == step.outputs:
            return row.result
        if not self._shared.reachable:
            raise StoreUnavailable(f"the shared store {self._shared.shown} cannot be asked", hint="run this again")
        raise StoreError(
            f"{name} has not been made yet",
            cause=f"there is no result of it in {self._shared.shown}",
            hint=f"run what comes before: it is in number {self._number(name)} of the plan",
        )

    def _number(self, name: str) -> int:
        return next(number for number, lot in enumerate(self._parcel.lots, start=1) if name in lot)

    def _bound(self, step: Step) -> Wanted:
        return bound(step, self._digest_of)[1]

    def _digest_of(self, origin: Origin) -> Digest:
        if isinstance(origin, Output):
            return self._gave[origin.step].output(origin.name)
        assert isinstance(origin, Chosen), "a parcel names no files of the project"
        return origin.digest


Answer = ActionResult | Exception
MakeAll = Callable[[Sequence[Wanted], Callable[[str, int], None]], Sequence[Answer]]


def make(
    parcel: Parcel,
    lots: Iterable[Sequence[str]],
    shared: Shared,
    make_all: MakeAll,
    progress: Callable[[str, int], None],
    failed: Callable[[str, ShotbuildError], None],
) -> None:
    """Makes lots one after another, each after those before it. make_all: makes bound steps of one lot, gets a call for
    their keys and percents, and puts them into the store; progress: told the name of a step and percents of it, from any
    thread; failed: told of one that came to nothing, and the others go on.

    Errors: Cancelled; StoreUnavailable, since then nothing could be kept."""
    bindings = Bindings(parcel, shared)
    for lot in lots:
        for name, answer in _answers(lot, bindings, make_all, progress):
            if isinstance(answer, ActionResult):
                bindings.told(name, answer)
            elif isinstance(answer, Cancelled | StoreUnavailable) or not isinstance(answer, ShotbuildError):
                raise answer
            else:
                failed(name, answer)
            progress(name, 100)


def _answers(
    lot: Sequence[str], bindings: Bindings, make_all: MakeAll, progress: Callable[[str, int], None]
) -> Iterator[tuple[str, Answer]]:
    wanted: dict[str, Wanted] = {}
    for name in lot:
        try:
            wanted[name] = bindings.bind(name)
        except ShotbuildError as error:
            yield name, error
    names = {each.key: name for name, each in reversed(wanted.items())}
    if wanted:
        progress(next(iter(wanted)), 0)
        answers = make_all(list(wanted.values()), lambda key, percent: progress(names[key], percent))
        yield from zip(wanted, answers, strict=True)


# --- handing out ----------------------------------------------------------------------------------------------------------


def collect(parcel: Parcel, shared: Shared, folder: Path, to: Path, *, force: bool = False) -> Handed:
    """Puts the results of a parcel under their names into a folder, each read against its digest, with a list of their
    sha256. folder: for what is on its way; force: replaces files there that no delivery wrote.

    Errors: StoreError while something is not made yet; PlanError for what is in the way."""
    bindings = Bindings(parcel, shared)
    local = FolderBlobs(folder / "store")
    blobs = TieredBlobs(local, lambda: shared, lambda: _made(folder / "fetching"))
    parts = [_part(result, _digest(result, bindings), blobs) for result in parcel.results]
    whole = Path(os.path.abspath(to))
    return hand_over(whole, parts, hashlib.sha256(str(whole).encode()).hexdigest()[:12], force=force)


def _digest(result: Result, bindings: Bindings) -> Digest:
    if isinstance(result.origin, Output):
        return bindings.gave(result.origin.step).output(result.origin.name)
    assert isinstance(result.origin, Chosen), "a parcel names no files of the project"
    return result.origin.digest


def _part(result: Result, digest: Digest, blobs: TieredBlobs) -> Part:
    blobs.verify(digest)
    if result.folder:
        package = blobs.path(digest)
        return Part(path=result.path, files=folders.contents(package), fill=partial(_unpack, package))
    return Part(path=result.path, files={"": digest}, fill=lambda target: blobs.hand_out(digest, target))


def _unpack(package: Path, target: Path) -> None:
    packing.unpack(package, target)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
