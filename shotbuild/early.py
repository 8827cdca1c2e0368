"""The first steps after a small edit, begun while the rest of the project is still being loaded and planned.

What a build of everything begins with is known as soon as it is known that nothing but few shots was edited: their takes.
Such a take is begun here when a build would make it in any case, on this machine and for nothing; the build then finds it
under way. Whatever is doubtful is left to the build, and so is every error.
"""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from shotbuild.ahead import Ahead, Begun
from shotbuild.casting import Casting
from shotbuild.engine.build import bring_sources
from shotbuild.engine.execute import Workshop, execute, workplace
from shotbuild.host import files
from shotbuild.host.forks import cores
from shotbuild.missing import paid_missing
from shotbuild.plan.bind import Wanted, bound
from shotbuild.plan.graph import Plan, upstream
from shotbuild.plugins import Registry
from shotbuild.providers.interface import is_hosted
from shotbuild.records import ActionResult, Chosen, Digest, Origin, Project, SourceFile, Step
from shotbuild.rooms import Rooms


def begin(
    plan: Plan, project: Project, rooms: Rooms, registry: Registry, cancel: threading.Event, jobs: int | None
) -> Ahead | None:
    """Begins those takes of a plan that nobody made. plan, project: of the edited shots alone; cancel, jobs: of the build.

    Errors: ShotbuildError."""
    casting = Casting(project, registry.providers)
    missing = [each for step in plan.steps if (each := _missing(step, plan, rooms, casting)) is not None]
    if not missing:
        return None
    most = jobs or cores()
    with ExitStack() as stack:
        folder = stack.enter_context(workplace(rooms.folder("work"), rooms.folder("locks")))
        shop = Workshop(blobs=rooms.blobs, stage=registry.stage, ffmpeg=rooms.ffmpeg(project), folder=folder, cancel=cancel)
        pool = ThreadPoolExecutor(most, thread_name_prefix="early")
        stack.callback(pool.shutdown, wait=True, cancel_futures=True)
        begun: dict[str, Begun] = {}
        for each in missing[:most]:
            lock = files.try_lock(rooms.folder("locks") / f"{each.key}.lock")
            if lock is not None:
                begun[each.key] = Begun(pool.submit(_make, each, rooms, shop), lock)
        return Ahead(begun, stack.pop_all(), cancel) if begun else None


def _missing(step: Step, plan: Plan, rooms: Rooms, casting: Casting) -> Wanted | None:
    """A step bound, if it is a take that a build would make here and now, and for nothing."""
    if step.asking is None or step.fallbacks or upstream(step) or plan.chosen[step.shots[0]].conflict:
        return None
    if is_hosted(casting.providers[step.recipe.pins[0].provider]):
        return None  # it is looked at first
    if casting.terms(step) is not None or casting.lane(step) is not None or casting.price(step).amount != 0:
        return None

    def digest_of(origin: Origin) -> Digest:
        if isinstance(origin, Chosen):
            return origin.digest
        assert isinstance(origin, SourceFile), "it reads no other step"
        return rooms.source(origin)

    _, found = bound(step, digest_of)
    return None if rooms.lookup(found) is not None or paid_missing(found, rooms) else found


def _make(each: Wanted, rooms: Rooms, shop: Workshop) -> ActionResult:
    bring_sources(each, rooms.bring)
    return execute(each, shop)
