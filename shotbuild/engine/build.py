"""The loop: steps become ready when what they need is done, are looked up, and run only when nobody has made them.

One thread decides; a pool of threads executes, and what services make goes through `operations`, which asks for no thread
while it waits. A result is recorded when its outputs are in the store, several that end close together in one commit
(`recording`), so a killed build loses at most the steps that were running or being recorded. Builds of several processes
share the work: each action is locked by its digest, until its result is recorded.
"""

import heapq
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from copy import copy
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from shotbuild.engine.clock import Clock, RealClock
from shotbuild.engine.done import Done
from shotbuild.engine.events import Event, Failed, Finished, Planned, Polled, Replaced, Skipped, Started, Waiting, Warned
from shotbuild.engine.operations import Bought, Counter, Operations, Purchase
from shotbuild.engine.recording import Recorded, Recorder
from shotbuild.engine.terms import Terms
from shotbuild.errors import (
    Cancelled,
    DailyCap,
    InternalError,
    KeyRefused,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
    ShotbuildError,
)
from shotbuild.host import files
from shotbuild.plan.bind import Wanted, bound
from shotbuild.plan.graph import Plan, upstream
from shotbuild.records import ActionResult, Chosen, Digest, Origin, Output, Price, SourceFile, Step
from shotbuild.store.interface import Row
from shotbuild.units import counted

CONTENDED_SECONDS = 0.1
LOOKED_AT = 200
"""So many ready steps are looked up at most to find out whether there is work for other workers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """How to build. source: a project file → its digest; bring: the same bytes into the store.

    lookup: a bound step → a result whose bytes are all there; lane: of a step that asks a provider on this machine, and how
    many that takes at once; terms: of a step that asks a service, None = it does not; counter: where those are bought;
    price: what one run of a step costs; run: executes one action; run_all: those of one batch at once, None = one by one;
    refuse: why a missing step may not be made; keep: puts results on disk, all or none, called in another thread; record:
    told of each step with its result, before anyone else; locks: folder of lock files; held: the lock of an action that
    somebody of this process has begun already, which is handed over; jobs: how many run at once at most; at_once: how many
    now, where that changes; hands: how many of those really work at the same time, where others only wait for their turn;
    progress: the key of an action that runs, how it is said, and percents, put there from any thread.
    """

    source: Callable[[SourceFile], Digest]
    bring: Callable[[SourceFile, Digest], None]
    lookup: Callable[[Wanted], ActionResult | None]
    lane: Callable[[Step], tuple[str, int] | None]
    terms: Callable[[Step], Terms | None]
    counter: Counter | None
    price: Callable[[Step], Price]
    run: Callable[[Wanted], ActionResult]
    run_all: Callable[[Sequence[Wanted]], Sequence[ActionResult | Exception]] | None = None
    record: Callable[[Done], None]
    keep: Callable[[Sequence[Row]], None]
    locks: Path
    held: Callable[[str], files.Lock | None] = lambda _: None
    jobs: int
    at_once: Callable[[], int] | None = None
    hands: Callable[[], int] | None = None
    refuse: Callable[[Wanted], ShotbuildError | None]
    fail_fast: bool
    cancel: threading.Event
    hear: Callable[[Event], None]
    clock: Clock = field(default_factory=RealClock)
    progress: SimpleQueue[tuple[str, str, int | None]] = field(default_factory=SimpleQueue)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    done: tuple[Done, ...]
    failed: tuple[Failed, ...]
    skipped: tuple[Skipped, ...]


@dataclass(slots=True)
class _Job:
    """A step that was bound, with the lock that keeps other processes from making the same."""

    wanted: Wanted
    text: str
    lock: files.Lock | None = None
    announced: bool = False
    followers: list["_Job"] = field(default_factory=list)

    @property
    def step(self) -> Step:
        return self.wanted.step

    @property
    def digest(self) -> str:
        return self.wanted.key


def build(plan: Plan, orders: Orders) -> Report:
    """Brings every step of the plan to a result. Failures do not stop what does not need them, unless fail_fast.

    KeyboardInterrupt stops what runs and passes on; everything that was finished stays recorded.
    """
    return _Build(plan, orders).loop()


def bring_sources(wanted: Wanted, bring: Callable[[SourceFile, Digest], None]) -> None:
    """Has the project files that a step reads brought into the store."""
    for name, origin in wanted.step.inputs:
        if isinstance(origin, SourceFile):
            bring(origin, dict(wanted.action.inputs)[name])


def _cannot(error: ShotbuildError) -> bool:
    """Whether a provider cannot make a take, so that a fallback is asked. A key that is missing and a network that is down
    are ours to mend, and no reason to spend money elsewhere."""
    if isinstance(error, RateLimited):
        return isinstance(error, DailyCap)
    return isinstance(error, ProviderError) and not isinstance(error, KeyRefused | ProviderUnavailable)


def _in_words(error: ShotbuildError, job: _Job) -> ShotbuildError:
    """A stage sees its inputs as files called by their digests; people know them by path or by step."""
    error = copy(error)
    digests = dict(job.wanted.action.inputs)
    for name, origin in job.step.inputs:
        known = origin.path if isinstance(origin, SourceFile) else f"the {name} of {job.step.name}"
        error.message = error.message.replace(digests[name].sha256, known)
        error.cause = error.cause and error.cause.replace(digests[name].sha256, known)
    return error


def _told(result: ActionResult | BaseException, job: _Job) -> ActionResult | BaseException:
    """The same, with the words of people in an error that we know of."""
    return _in_words(result, job) if isinstance(result, ShotbuildError) else result


def _row(job: _Job, result: ActionResult) -> Row:
    return Row(action=job.digest, result=result, manifest=job.text)


def _bug(error: BaseException) -> ShotbuildError:
    told = "".join(traceback.format_exception(error)).strip().splitlines()
    message = f"a bug: {type(error).__name__}: {error}"
    return InternalError(message, cause="\n".join(told[-6:]), hint="please report it, with the spec of the step")


class _Build:
    def __init__(self, plan: Plan, orders: Orders) -> None:
        self.plan, self.orders = plan, orders
        self.rank = {step.name: index for index, step in enumerate(plan.steps)}
        self.missing = {step.name: len(set(upstream(step))) for step in plan.steps}
        self.readers: dict[str, list[Step]] = {}
        for step in plan.steps:
            for name in set(upstream(step)):
                self.readers.setdefault(name, []).append(step)
        self.ready: list[tuple[int, int, Step]] = []
        self.asking: deque[Step] = deque()
        self.contended: list[_Job] = []
        self.ended: SimpleQueue[Future[Any]] = SimpleQueue()
        self.running: dict[Future[Any], list[_Job]] = {}
        self.batches: dict[str, dict[str, Step]] = {}
        self.operations = None if orders.counter is None else Operations(orders.counter, self.ended)
        self.bought: dict[Purchase, _Job] = {}
        self.making: dict[str, _Job] = {}
        self.recorder: Recorder[_Job] = Recorder(orders.keep, self.ended.put)
        self.recording: dict[str, _Job] = {}
        self.recorded: deque[Recorded[_Job]] = deque()
        self.done: dict[str, Done] = {}
        self.failed: dict[str, Failed] = {}
        self.skipped: dict[str, Skipped] = {}

    def loop(self) -> Report:
        self.orders.hear(Planned(steps=len(self.plan.steps)))
        for step in self.plan.steps:
            if not self.missing[step.name]:
                self._push(step)
        with ThreadPoolExecutor(self.orders.jobs, thread_name_prefix="step") as pool:
            try:
                while self.ready or self.asking or self.running or self.contended or self.recording or self._buying:
                    self._start(pool)
                    self._collect()
            except BaseException:
                # Whatever goes wrong here, a program that was started is stopped before the pool is waited for.
                self.orders.cancel.set()
                raise
            finally:
                self._let_go(pool)
        ended = len(self.done) + len(self.failed.keys() | self.skipped.keys())
        assert ended == len(self.plan.steps), "a step waits for one that the plan does not have"
        return Report(
            done=tuple(self.done.values()), failed=tuple(self.failed.values()), skipped=tuple(self.skipped.values())
        )

    def _start(self, pool: ThreadPoolExecutor) -> None:
        contended, self.contended = self.contended, []
        for job in contended:
            self._try(job.step, partial(self._claim, job, pool), otherwise=partial(self.contended.append, job))
        while self.ready and (len(self.running) < self._at_once or self.orders.cancel.is_set()):
            step = heapq.heappop(self.ready)[2]
            if self._still_ready(step) and step.name not in self.skipped:
                self._try(step, partial(self._want, step, pool))
        while self.asking:
            step = self.asking.popleft()
            if step.name not in self.skipped:
                self._try(step, partial(self._want, step, pool), free=True)

    def _try(
        self, step: Step, go: Callable[[], None], otherwise: Callable[[], None] = lambda: None, *, free: bool = False
    ) -> None:
        """Starts a step, unless nothing may be started any more. otherwise: done while every worker is busy; free: it needs
        no worker."""
        if self.orders.cancel.is_set() or (self.orders.fail_fast and self.failed):
            self._skip(step, next(iter(self.failed), step.name))
        elif not free and len(self.running) >= self._at_once:
            otherwise()
        else:
            try:
                go()
            except ShotbuildError as error:
                self._fail(step, error)

    def _want(self, step: Step, pool: ThreadPoolExecutor) -> None:
        """Binds a step and finds its result, or that of a fallback; what nobody has made is claimed."""
        job = self._missing(step)
        if job is not None:
            self._claim(job, pool)

    def _missing(self, step: Step) -> _Job | None:
        """The job of a step that has to be run here; None when it was found, is bought, or is being made already."""
        jobs = [self._bound(each) for each in (step, *step.fallbacks)]
        for each in jobs:
            result = self.orders.lookup(each.wanted)
            if result is not None:
                self._finish(each, result, ran=False)
                return None
        job = jobs[0] if len(jobs) == 1 else self._begun(step, jobs)
        refusal = next(filter(None, (self.orders.refuse(each.wanted) for each in jobs)), None)
        if refusal is not None:
            raise refusal
        same = self.making.get(job.digest) or self.recording.get(job.digest)
        if same is not None:
            same.followers.append(job)
        elif (terms := self.orders.terms(job.step)) is not None:
            self._buy(job, terms)
        else:
            return job
        return None

    def _begun(self, step: Step, jobs: list[_Job]) -> _Job:
        """The one of a step and its fallbacks that a service is making already, else the step itself: while something is
        under way, nothing else is asked for in its place."""
        counter = self.orders.counter
        for index, job in enumerate(jobs if counter is not None else ()):
            assert counter is not None
            if self.orders.terms(job.step) is not None and counter.journal.open(job.digest) is not None:
                job.wanted = replace(job.wanted, step=replace(job.step, fallbacks=step.fallbacks[index:]))
                return job
        return jobs[0]

    def _bound(self, step: Step) -> _Job:
        text, found = bound(step, self._digest)
        return _Job(found, text)

    def _buy(self, job: _Job, terms: Terms) -> None:
        if self.operations is None:
            raise InternalError(f"{job.step.name} asks a service, and nothing is open to buy it with")
        self.making[job.digest] = job
        self.bought[self.operations.begin(job.wanted, terms)] = job

    def _claim(self, job: _Job, pool: ThreadPoolExecutor) -> None:
        """Runs a job unless its lane is full or another process holds its lock; then it is looked at again soon."""
        if self._lane_is_full(job.step):
            self.contended.append(job)
            return
        if not self._held(job):
            return
        jobs = [job, *self._mates(job)]
        for each in jobs:
            self.orders.hear(Started(step=each.step))
            self.making[each.digest] = each
        future = pool.submit(self._run, jobs)
        self.running[future] = jobs
        future.add_done_callback(self.ended.put)

    def _held(self, job: _Job) -> bool:
        """Takes the lock of a job; what another process holds is looked at again soon, what it has made is taken."""
        lock = self.orders.held(job.digest) or files.try_lock(self.orders.locks / f"{job.digest}.lock")
        if lock is None:
            if not job.announced:
                self.orders.hear(Waiting(step=job.step))
                job.announced = True
            self.contended.append(job)
            return False
        job.lock = lock
        result = self.orders.lookup(job.wanted)
        if result is not None:
            self._release(job)
            self._finish(job, result, ran=False)
            return False
        return True

    def _mates(self, job: _Job) -> list[_Job]:
        """Other missing jobs of a step's batch that are ready, held: all of them where the other workers have enough to do,
        else as many as leave work for each."""
        if self.orders.run_all is None or job.step.batch is None:
            return []
        waiting = self.batches.get(job.step.batch, {})
        if not waiting:
            return []
        alike = sorted(waiting.values(), key=lambda step: (step.piece != job.step.piece, step.piece, self.rank[step.name]))
        if self.orders.hands is None:
            free = self._at_once - len(self.running)
            workers = max(1, free - self._others(job.step.batch, free))
        else:
            workers = self.orders.hands()  # more is under way than works: who is free now is not known here
        found: list[_Job] = []
        for step in alike[: -(-(len(alike) + 1) // workers) - 1]:
            del waiting[step.name]
            try:
                mate = self._missing(step)
                if mate is not None and mate.digest not in {each.digest for each in (job, *found)}:
                    found += [mate] if self._held(mate) else []
                elif mate is not None:
                    next(each for each in (job, *found) if each.digest == mate.digest).followers.append(mate)
            except ShotbuildError as error:
                self._fail(step, error)
        return found

    @property
    def _at_once(self) -> int:
        jobs, at_once = self.orders.jobs, self.orders.at_once
        return jobs if at_once is None else max(1, min(jobs, at_once()))

    def _still_ready(self, step: Step) -> bool:
        """Whether a step was not taken together with another one of its batch."""
        if step.batch is None or self.orders.run_all is None:
            return True
        return self.batches.get(step.batch, {}).pop(step.name, None) is not None

    def _others(self, batch: str, most: int) -> int:
        """How many ready steps outside of a batch nobody has made, at most `most`: most of what is ready in a build after a
        small change is only to be looked up."""
        found = 0
        for _, _, step in self.ready[:LOOKED_AT]:
            if found == most:
                break
            if (
                step.batch != batch
                and step.name not in self.skipped
                and self.orders.lookup(self._bound(step).wanted) is None
            ):
                found += 1
        return found

    def _lane_is_full(self, step: Step) -> bool:
        lane = self.orders.lane(step)
        if lane is None:
            return False
        under_way = chain(self.making.values(), self.recording.values())
        return sum(self.orders.lane(job.step) == lane for job in under_way) >= lane[1]

    def _run(self, jobs: list[_Job]) -> list[ActionResult | BaseException]:
        """In a thread of the pool: a result or an error for each, so that none costs the others theirs."""
        ended: dict[str, ActionResult | BaseException] = {}
        for job in jobs:
            try:
                bring_sources(job.wanted, self.orders.bring)
            except ShotbuildError as error:
                ended[job.digest] = error
        whole = [job for job in jobs if job.digest not in ended]
        if len(whole) > 1 and self.orders.run_all is not None:
            results = self.orders.run_all([job.wanted for job in whole])
            ended.update((job.digest, result) for job, result in zip(whole, results, strict=True))
        else:
            ended.update((job.digest, self._run_one(job)) for job in whole)
        return [_told(ended[job.digest], job) for job in jobs]

    def _run_one(self, job: _Job) -> ActionResult | BaseException:
        try:
            return self.orders.run(job.wanted)
        except Exception as error:
            return error

    def _collect(self) -> None:
        """Waits for something to end, or for the time of something to come, and takes in all that has ended."""
        clock, operations = self.orders.clock, self.operations
        self._tell_progress()
        settled = self._settle_recorded()
        calling = operations is not None and operations.calling
        if self.running or self.contended or self.recording or self._buying:
            due = [clock.now() + CONTENDED_SECONDS] if self.contended else []
            if operations is not None and (next_ := operations.due()) is not None:
                due.append(next_)
            busy = bool(self.running or self.recording) or calling
            future = None if settled else clock.wait(self.ended, min(due, default=None), running=busy)
            while future is not None or not self.ended.empty():
                self._take_in(self.ended.get_nowait() if future is None else future)
                future = None
            self.recorder.begin()
        if operations is not None:
            for bought in operations.turn():
                self._settle_bought(bought)
            if self.orders.cancel.is_set() and operations.open:
                self._abandon()

    def _tell_progress(self) -> None:
        """Says how far what runs has come, the newest of each."""
        told: dict[str, tuple[str, int | None]] = {}
        while not self.orders.progress.empty():
            key, word, percent = self.orders.progress.get_nowait()
            told[key] = word, percent
        for key, (word, percent) in told.items():
            if key in self.making:
                self.orders.hear(Polled(step=self.making[key].step, word=word, progress=percent))

    def _take_in(self, future: Future[Any]) -> None:
        if self.operations is not None and self.operations.owns(future):
            self.operations.returned(future)
            return
        if self.recorder.owns(future):
            self.recorded += self.recorder.take()
            return
        jobs = self.running.pop(future)
        for job in jobs:
            del self.making[job.digest]
        self._settle(jobs, future)

    def _settle_bought(self, bought: Bought) -> None:
        job = self.bought.pop(bought.purchase)
        del self.making[job.digest]
        job.lock = bought.purchase.lock
        if bought.result is not None and bought.purchase.found:
            self._finish_all(job, bought.result, ran=False)
        elif bought.result is not None:
            try:
                self.orders.keep([_row(job, bought.result)])
            except ShotbuildError as error:
                self._end(job, error, over=False)
                return
            self._finish_all(job, bought.result, ran=True)
        elif isinstance(bought.error, ShotbuildError):
            self._end(job, _in_words(bought.error, job), over=not bought.under_way)
        else:
            self._end(job, _bug(bought.error or RuntimeError("it ended without a result")))

    @property
    def _buying(self) -> bool:
        return self.operations is not None and self.operations.open

    def _abandon(self) -> None:
        """The build was stopped: what services are making goes on there, and the next build fetches it."""
        assert self.operations is not None, "the caller looked"
        self.operations.stop()
        counter = self.orders.counter
        going = [job for job in self.bought.values() if counter is not None and counter.journal.open(job.digest) is not None]
        if going:
            self.orders.hear(
                Warned(message=f"{counted(len(going), 'operation')} under way; the next build goes on with them")
            )
        for job in self.bought.values():
            for each in (job, *job.followers):
                self._skip(each.step, each.step.name)
        self.bought.clear()

    def _record(self, job: _Job, result: ActionResult) -> None:
        """Has what an action gave recorded, with what it cost."""
        row = _row(job, replace(result, price=self.orders.price(job.step)))
        self.recording[job.digest] = job
        self.recorder.add(job, row)

    def _settle_recorded(self) -> bool:
        """One of those that are on disk, and whether there was one: between two of them, workers that have nothing to do are
        given something."""
        if not self.recorded:
            return False
        each = self.recorded.popleft()
        del self.recording[each.job.digest]
        if each.error is None:
            self._finish_all(each.job, each.row.result, ran=True)
        else:
            self._end(each.job, each.error if isinstance(each.error, ShotbuildError) else _bug(each.error))
        return True

    def _settle(self, jobs: list[_Job], future: Future[Any]) -> None:
        error = future.exception()
        results = [error] * len(jobs) if error is not None else future.result()
        for job, result in zip(jobs, results, strict=True):
            try:
                if isinstance(result, BaseException):
                    raise result
                self._record(job, result)
            except ShotbuildError as expected:
                self._end(job, expected)
            except Exception as bug:
                # A bug, here or in a plug-in, costs its step; what does not need it goes on.
                self._end(job, _bug(bug))

    def _finish_all(self, job: _Job, result: ActionResult, *, ran: bool) -> None:
        for each in (job, *job.followers):
            try:
                self._finish(each, result, ran=ran and each is job)
            except ShotbuildError as error:
                self._fail(each.step, error)
        self._release(job)

    def _end(self, job: _Job, error: ShotbuildError, *, over: bool = True) -> None:
        """over: nothing of it is under way any more, so that a fallback may be asked."""
        self._release(job)
        for each in (job, *job.followers):
            if over and each.step.fallbacks and _cannot(error):
                self._fall_back(each.step, error)
            else:
                self._fail(each.step, error)

    def _fall_back(self, step: Step, error: ShotbuildError) -> None:
        following, *rest = step.fallbacks
        self.orders.hear(Replaced(step=step, following=following, error=error))
        self._push(replace(following, fallbacks=tuple(rest)))

    def _finish(self, job: _Job, result: ActionResult, *, ran: bool) -> None:
        done = Done(wanted=job.wanted, result=result, ran=ran)
        self.orders.record(done)
        self.done[job.step.name] = done
        self.orders.hear(Finished(step=job.step, result=result, ran=ran))
        for reader in self.readers.get(job.step.name, ()):
            self.missing[reader.name] -= 1
            if not self.missing[reader.name] and reader.name not in self.skipped:
                self._push(reader)

    def _fail(self, step: Step, error: ShotbuildError) -> None:
        if isinstance(error, Cancelled):
            self._skip(step, step.name)
            return
        self.failed[step.name] = failure = Failed(step=step, error=error)
        self.orders.hear(failure)
        if self.orders.fail_fast:
            self.orders.cancel.set()
        self._skip_all(self.readers.get(step.name, ()), step.name)

    def _skip(self, step: Step, because: str) -> None:
        self._skip_all([step], because)

    def _skip_all(self, steps: Iterable[Step], because: str) -> None:
        waiting = list(steps)
        while waiting:
            step = waiting.pop()
            if step.name in self.skipped:
                continue
            self.skipped[step.name] = skipped = Skipped(step=step, because=because)
            self.orders.hear(skipped)
            waiting += self.readers.get(step.name, ())

    def _push(self, step: Step) -> None:
        if self.orders.terms(step) is not None:
            self.asking.append(step)  # its lane knows the order
            return
        if step.batch is not None:
            self.batches.setdefault(step.batch, {})[step.name] = step
        heapq.heappush(self.ready, (-step.priority, self.rank[step.name], step))

    def _digest(self, origin: Origin) -> Digest:
        if isinstance(origin, Output):
            return self.done[origin.step].result.output(origin.name)
        return origin.digest if isinstance(origin, Chosen) else self.orders.source(origin)

    def _release(self, job: _Job) -> None:
        if job.lock is not None:
            Path(job.lock.lock_file).unlink(missing_ok=True)
            job.lock.release()

    def _let_go(self, pool: ThreadPoolExecutor) -> None:
        """Waits for what still runs. What ended well is kept even when the build was interrupted meanwhile."""
        if self.operations is not None:
            self.operations.stop()
        pool.shutdown(wait=True, cancel_futures=True)
        for future, jobs in self.running.items():
            ended = not future.cancelled() and future.exception() is None
            for job, result in zip(jobs, future.result() if ended else [None] * len(jobs), strict=True):
                if isinstance(result, ActionResult):
                    self._record(job, result)
                else:
                    self._release(job)
        for each in (*self.recorded, *self.recorder.end()):
            if each.error is None:
                self.orders.record(Done(wanted=each.job.wanted, result=each.row.result, ran=True))
            self._release(each.job)
