"""A Plan → results in out/: checks the lock and the price, runs the engine, links what came out. One call, one build."""

import os
import threading
import time
import uuid
from collections.abc import Callable, Collection
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeAlias

from shotbuild.ahead import Ahead
from shotbuild.built import BuildOptions, Built
from shotbuild.casting import Casting
from shotbuild.claiming import claiming
from shotbuild.engine.build import Orders, Report, build
from shotbuild.engine.done import Done
from shotbuild.engine.estimate import bill
from shotbuild.engine.events import Event, Linked
from shotbuild.engine.execute import Workshop, workplace
from shotbuild.engine.executor import Executor, Here, Split
from shotbuild.engine.journal import OWED, Phase
from shotbuild.engine.operations import Counter
from shotbuild.errors import BytesLost, GateError, ShotbuildError, StoreError
from shotbuild.host.forks import cores
from shotbuild.host.workers import Workers
from shotbuild.hosting import Hosting
from shotbuild.linking import Linker
from shotbuild.missing import bytes_missing, frozen_missing, paid_missing
from shotbuild.plan.bind import Wanted
from shotbuild.plan.graph import Plan
from shotbuild.plugins import Registry, load
from shotbuild.purchasing import Lines, counter
from shotbuild.pushing import pushing
from shotbuild.records import LOCAL as EXECUTOR_HERE
from shotbuild.records import Lock, Price, Project, Step, owed
from shotbuild.rooms import Rooms
from shotbuild.sampling import Sampling, came_from_elsewhere, workshop
from shotbuild.spec.lockfile import FILE as LOCK_FILE
from shotbuild.spec.lockfile import differences, extended
from shotbuild.units import counted

Progress: TypeAlias = "SimpleQueue[tuple[str, str, int | None]]"
MOST = 512
"""Steps at most that are under way on other machines: each has a thread that waits for it."""
# As deep as a plan can be damaged: each pass heals what the one before found.
HEALINGS = 12


def make(
    plan: Plan,
    project: Project,
    rooms: Rooms,
    registry: Registry,
    casting: Casting,
    options: BuildOptions,
    cancel: threading.Event,
    hear: Callable[[Event], None],
    hosting: Hosting | None = None,
    ahead: Ahead | None = None,
) -> Built:
    """Brings a plan to results. casting: who makes which shot; hosting: generators of one's own, None = there are none;
    ahead: what was begun before the plan was known.

    Errors: GateError for the lock; KeyboardInterrupt passes."""
    began, ahead = time.monotonic(), ahead or Ahead({}, ExitStack(), cancel)
    holder = "a frozen build" if options.frozen else "a strict delivery" if options.strict else None
    if not options.aside:
        hold_lock(rooms, casting.resolved(rooms.tools(project)), holder)
    try:
        build_id = uuid.uuid4().hex  # one limit for all passes
        farming = _farming(plan, project, casting, options)
        refused = partial(_refusal, plan, rooms, hosting, farming)
        refuse = partial(refused, _allowed if options.generates else frozen_missing)
        shots = [shot.name for shot in project.shots if shot.plate is None]
        with (
            claiming(rooms, wanted=options.claim and options.generates) as claims,
            pushing(rooms, shots, hear) as outgoing,
            Workers() as workers,
            workplace(rooms.folder("work"), rooms.folder("locks")) as folder,
            ExitStack() as held,
        ):
            put = partial(rooms.link, hard=project.settings.link == "hardlink", folder=folder)
            linker = held.enter_context(Linker(plan, put, None if rooms.shared is None else rooms.fetch))
            progress: Progress = SimpleQueue()
            shop = Workshop(
                blobs=rooms.blobs,
                stage=registry.stage,
                ffmpeg=rooms.ffmpeg(project),
                folder=folder,
                cancel=cancel,
                root=rooms.root,
                progress=lambda key, percent: progress.put((key, "generating", percent)),
                workers=workers,
            )
            executor = held.enter_context(closing(_executor(farming, shop, rooms, options, build_id, progress)))
            desk = partial(counter, project, rooms, casting, shop, claims=claims, hear=hear, build=build_id)
            run = partial(_run, plan, rooms, casting, options, hear, desk, shop, executor, farming, progress, ahead)
            report = run(refuse, linker.begin)
            placed = linker.end({done.step.name for done in report.done})
            for _ in range(HEALINGS):
                lost = placed.lost or any(isinstance(failure.error, BytesLost) for failure in report.failed)
                if cancel.is_set() or not lost:
                    break
                # Damaged bytes were set aside, so the step that made them is missing now, and is made again.
                again = partial(refused, partial(_again, casting, report) if options.generates else frozen_missing)
                report = _joined(report, run(again, linker.begin))
                placed = linker.end({done.step.name for done in report.done})
            sampling = _sampling(options, project, rooms, registry, folder, workers, cancel)
            while sampling is not None and sampling.differs(came_from_elsewhere(rooms, report.done)) and not cancel.is_set():
                sampling.take_own()
                # What reads it is made again, of what was made here.
                report = _joined(report, run(refuse, linker.begin))
                placed = linker.end({done.step.name for done in report.done})
            if outgoing is not None:
                outgoing.ended(report.done)
        if sampling is not None:
            hear(sampling.told())
            for failure in sampling.failed:
                hear(failure)
        for path in placed.written:
            hear(Linked(path=path))
        if placed.lost:
            raise placed.lost[0]
    finally:
        rooms.memory.save()
    _remind(rooms, report)
    ran = [done for done in report.done if done.ran]
    return Built(
        ran=tuple(done.step.name for done in ran),
        cached=tuple(done.step.name for done in report.done if not done.ran),
        generated=tuple(done.step.name for done in ran if done.step.generates),
        failed=report.failed if sampling is None else (*report.failed, *sampling.failed),
        skipped=report.skipped,
        linked=placed.written,
        present=placed.present,
        results=placed.results,
        cost=bill(
            [
                *(owed(done.result.charged, done.result.price) for done in ran if casting.terms(done.step) is None),
                *_bought(rooms, build_id),
            ]
        ),
        seconds=time.monotonic() - began,
    )


def _sampling(
    options: BuildOptions,
    project: Project,
    rooms: Rooms,
    registry: Registry,
    folder: Path,
    workers: Workers,
    cancel: threading.Event,
) -> Sampling | None:
    if options.sample is None:
        return None
    shop = workshop(project, rooms, registry, folder, workers, cancel)
    return Sampling(options.sample, rooms, shop, options.jobs or cores())


def _remind(rooms: Rooms, report: Report) -> None:
    """Says what is under way that this build did not look after, such as takes of a spec that was edited meanwhile."""
    mine = {done.key for done in report.done}
    told = {failure.step.name for failure in report.failed} | {skipped.step.name for skipped in report.skipped}
    others = [entry for entry in rooms.journal.unfinished() if entry.action not in mine and entry.step not in told]
    if others:
        rooms.warn(
            f"{counted(len(others), 'operation')} under way beside this build: `shotbuild jobs` lists them, "
            "`shotbuild recover` brings home what is done"
        )


def _bought(rooms: Rooms, build_id: str) -> list[Price]:
    """What this build asked services for, and what came to nothing of it; not what it found under way."""
    return [entry.owed for entry in rooms.journal.of_build(build_id) if entry.phase in OWED]


def _allowed(_: Step) -> ShotbuildError | None:
    return None


def _refusal(
    plan: Plan,
    rooms: Rooms,
    hosting: Hosting | None,
    farming: Any,
    otherwise: Callable[[Step], ShotbuildError | None],
    wanted: Wanted,
) -> ShotbuildError | None:
    """Why a step that nobody has made may not be made. Bytes that a person chose, or paid for, are never made anew."""
    lost = bytes_missing(plan, wanted.step, rooms) or paid_missing(wanted, rooms) or otherwise(wanted.step)
    # A machine of the farm looks at its own weights before it makes anything.
    looked_at = hosting is None or (farming is not None and farming.goes(wanted.step))
    return lost or (None if looked_at or hosting is None else hosting.refusal(wanted.step))


def _again(casting: Casting, before: Report, step: Step) -> ShotbuildError | None:
    """What a step of an earlier pass may do in the next one: what failed by itself is not tried again unasked."""
    failed = next((each.error for each in before.failed if each.step.name == step.name), None)
    if failed is not None and not isinstance(failed, BytesLost):
        return failed
    return _unpaid(casting, step) if any(done.step.name == step.name for done in before.done) else None


def _unpaid(casting: Casting, step: Step) -> ShotbuildError | None:
    """What was lost while the build ran was in nobody's price: it is made again only where that is free."""
    if casting.price(step).amount == 0:
        return None
    return StoreError(
        f"the bytes of {step.name} were damaged, and making them again costs money",
        location=step.location,
        hint="bring them back from a copy of the store with `shotbuild store check --from FOLDER`",
    )


def hold_lock(rooms: Rooms, now: Lock, holder: str | None) -> None:
    """Compares the pins with the lock. holder: who refuses a difference; for None it is said, and what is new is added."""
    locked = rooms.read_lock()
    if locked is None:
        if holder:
            raise GateError(
                f"there is no {LOCK_FILE}, and {holder} needs it",
                hint=f"run `shotbuild build` once and commit {LOCK_FILE}",
            )
        rooms.write_lock(now)
        return
    found = differences(locked, now)
    hint = "use what the lock names, or take the new one on with `shotbuild lock --update`"
    if holder and (found or extended(locked, now) != locked):
        cause = "\n".join(found) or "a pin is not in it yet"
        raise GateError(f"{LOCK_FILE} does not match, and {holder} holds it", cause=cause, hint=hint)
    for sentence in found:
        rooms.warn(f"{sentence}; {hint}")
    if not holder:
        rooms.write_lock(extended(locked, now))


def _farming(plan: Plan, project: Project, casting: Casting, options: BuildOptions) -> Any:
    """Which other machines run steps; None = there are none. Errors: PlanError."""
    if project.settings.executor == EXECUTOR_HERE and not options.on and not os.environ.get("SHOTBUILD_ON"):
        return None
    return load("shotbuild.farming:farming_of", "the farm")(plan, project, casting, options)


def _executor(
    farming: Any, shop: Workshop, rooms: Rooms, options: BuildOptions, build_id: str, progress: Progress
) -> Executor:
    """Who runs steps: this machine, and others for those that may go there."""
    here = Here(shop, options.jobs or cores())
    if farming is None:
        return here

    def opened() -> Executor:
        farm: Executor = farming.opened(
            rooms, options, shop.folder, build_id, shop.cancel, lambda key, word, percent: progress.put((key, word, percent))
        )
        return farm

    return Split(here, opened, farming.goes)


def _run(
    plan: Plan,
    rooms: Rooms,
    casting: Casting,
    options: BuildOptions,
    hear: Callable[[Event], None],
    desk: Callable[..., Counter],
    shop: Workshop,
    executor: Executor,
    farming: Any,
    progress: Progress,
    ahead: Ahead,
    refuse: Callable[[Wanted], ShotbuildError | None],
    then: Callable[[Done], None],
) -> Report:
    """One pass. desk: opens what services are bought with; shop: where things are made here; executor: who runs steps; then:
    told of each step that is done and recorded."""
    shop.verified.clear()  # what was found right in an earlier pass may have been damaged since
    with closing(Lines()) as lines:
        buys = any(casting.terms(step) is not None for step in plan.steps)
        opened = desk(lines=lines, max_cost=options.max_cost) if buys else None
        fetched = {entry.action for entry in rooms.journal.unfinished() if buys and entry.phase is Phase.FETCHED}
        record = rooms.record if opened is None else partial(_entered, rooms, fetched)

        def settled(done: Done) -> None:
            record(done)
            then(done)

        orders = Orders(
            source=rooms.source,
            bring=rooms.bring,
            lookup=rooms.lookup,
            lane=casting.lane if farming is None else farming.lane,
            terms=casting.terms,
            counter=opened,
            price=casting.price,
            run=partial(ahead.run, run=executor.run),
            run_all=executor.run_all,
            record=settled,
            keep=rooms.keep,
            locks=rooms.folder("locks"),
            held=ahead.lock,
            jobs=(options.jobs or cores()) if farming is None else MOST,
            at_once=None if farming is None else executor.at_once,
            hands=None if farming is None else executor.hands,
            refuse=refuse,
            fail_fast=options.fail_fast,
            cancel=shop.cancel,
            hear=hear,
            clock=rooms.clock,
            progress=progress,
        )
        try:
            return build(plan, orders)
        finally:
            rooms.ledgers.settle()


def _entered(rooms: Rooms, fetched: Collection[str], done: Done) -> None:
    """Records a step, and for what was bought, that nothing more is to be done for it. fetched: the actions that an earlier
    build fetched and did not enter; what else is cached has nothing left to say."""
    rooms.record(done)
    if done.step.use is None or not (done.ran or done.key in fetched):
        return
    entry = rooms.journal.open(done.key)
    if entry is not None and entry.phase is Phase.FETCHED:
        rooms.ledgers.settle()  # what was bought is not done before its take is on disk
        rooms.journal.done(entry.id)


def _joined(first: Report, second: Report) -> Report:
    """Two runs as one: what ran in the first counts as having run."""
    ran = {done.step.name for done in first.done if done.ran}
    done = tuple(replace(each, ran=each.ran or each.step.name in ran) for each in second.done)
    return replace(second, done=done)
