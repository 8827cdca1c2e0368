"""Results that came from the shared store, held against what this machine makes: a share of them is made again here."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock

from shotbuild.digest import manifest, of_text
from shotbuild.engine.build import bring_sources
from shotbuild.engine.done import Done
from shotbuild.engine.events import Failed, Sampled
from shotbuild.engine.execute import Workshop, execute
from shotbuild.errors import BytesLost, ShotbuildError, StoreError
from shotbuild.host.workers import Workers
from shotbuild.plan.shoot import CHOOSE
from shotbuild.plugins import Registry
from shotbuild.records import ActionResult, Digest, Project, Sample
from shotbuild.rooms import Rooms
from shotbuild.stages.catalogue import ASKING
from shotbuild.store.interface import Row

WHOLE = 1 << 256
LOCK = Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Differing:
    """A result that came out otherwise. here: what was made now, None = it could not be made."""

    done: Done
    here: ActionResult | None
    error: ShotbuildError


class Sampling:
    """What one call makes again. jobs: how many at once; made, of: how many were made again, of how many that came from the
    shared store and cost nothing to make; unread: of how many an input is not to be had any more."""

    def __init__(self, sample: Sample, rooms: Rooms, shop: Workshop, jobs: int) -> None:
        self._sample, self._rooms, self._shop, self._jobs = sample, rooms, shop, jobs
        self._seen: set[str] = set()
        self.made = self.of = self.unread = 0
        self.differing: tuple[Differing, ...] = ()

    @property
    def failed(self) -> tuple[Failed, ...]:
        return tuple(Failed(step=each.done.step, error=each.error) for each in self.differing)

    def differs(self, done: Iterable[Done]) -> bool:
        """Makes a sample of those again that were not looked at yet, each in a folder of its own, and says whether something
        came out otherwise; nothing is recorded."""
        fresh = [each for each in done if each.key not in self._seen]
        self._seen.update(each.key for each in fresh)
        meant = [each for each in fresh if _is_in(self._sample, each.key)]
        with ThreadPoolExecutor(self._jobs, "verify") as pool:
            found = list(pool.map(self._differing, meant))
        self.of += len(fresh)
        new = tuple(each for each in found if each is not None)
        self.differing += new
        return bool(new)

    def take_own(self) -> None:
        """From now on what was made here counts here; nothing is changed in the shared store. Errors: StoreError."""
        for each in self.differing:
            if each.here is not None and each.done.key in self._rooms.actions.came:
                row = Row(action=each.done.key, result=each.here, manifest=manifest(each.done.action))
                self._rooms.keep([row])

    def told(self) -> Sampled:
        return Sampled(
            where="" if self._rooms.shared is None else self._rooms.shared.shown,
            made=self.made,
            of=self.of,
            differing=len(self.differing),
            unread=self.unread,
            seed=self._sample.seed,
        )

    def _differing(self, done: Done) -> Differing | None:
        if self._shop.cancel.is_set():
            return None
        try:
            bring_sources(done.wanted, self._rooms.bring)
            here = execute(done.wanted, self._shop)
        except BytesLost:
            self._count(unread=1)  # what it was made of was swept: nobody can say
            return None
        except ShotbuildError as error:
            self._count(made=1)
            return Differing(done=done, here=None, error=_not_made(done, error))
        self._count(made=1)
        if here.outputs == done.result.outputs:
            return None
        return Differing(done=done, here=here, error=_otherwise(self._rooms, done, here))

    def _count(self, *, made: int = 0, unread: int = 0) -> None:
        with LOCK:
            self.made += made
            self.unread += unread


def workshop(project: Project, rooms: Rooms, registry: Registry, folder: Path, workers: Workers, cancel: Event) -> Workshop:
    """Where a sample is made. folder: one of its own, on the store's file system."""
    return Workshop(
        blobs=rooms.blobs,
        stage=registry.stage,
        ffmpeg=rooms.ffmpeg(project),
        folder=folder,
        cancel=cancel,
        root=rooms.root,
        workers=workers,
    )


def _is_in(sample: Sample, key: str) -> bool:
    return int(of_text(f"{sample.seed} {key}").sha256, 16) < sample.share * WHOLE


def came_from_elsewhere(rooms: Rooms, done: Iterable[Done]) -> list[Done]:
    """Those whose results came from the shared store and can be made here for nothing."""
    came = rooms.actions.came
    several = {each.key: each for each in done if not each.ran and each.key in came}
    return [each for each in several.values() if each.step.recipe.stage not in (*ASKING, CHOOSE)]


def _otherwise(rooms: Rooms, done: Done, here: ActionResult) -> StoreError:
    mine = dict(here.outputs)
    pairs = [(name, there, mine.get(name)) for name, there in done.result.outputs if mine.get(name) != there]
    told = "\n".join(
        f"{name}: the shared store says {_words(there)}, here it is {_words(own)}" for name, there, own in pairs
    )
    return StoreError(
        f"{done.step.name} in the shared store is not what this machine makes of the same",
        location=done.step.location,
        cause=f"{told}\naction {done.key}",
        hint=f"what was made here is used here; find out who wrote ac/{done.key} in {_shown(rooms)}",
    )


def _not_made(done: Done, error: ShotbuildError) -> StoreError:
    return StoreError(
        f"{done.step.name} came from the shared store and could not be made again here",
        location=done.step.location,
        cause=error.message + (f": {error.cause}" if error.cause else ""),
        hint=error.hint,
    )


def _words(digest: Digest | None) -> str:
    return "nothing" if digest is None else f"{digest.sha256} ({digest.size} bytes)"


def _shown(rooms: Rooms) -> str:
    return "the shared store" if rooms.shared is None else rooms.shared.shown
