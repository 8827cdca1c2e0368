"""Actions on other machines: what they read is put into the shared store, what they gave is looked for there.

Which machine does what is the cluster's business. An action may be made twice, on two machines: the first result stands.
Nothing that costs money comes here. Knows nothing of Dask.
"""

import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import Protocol

from shotbuild.digest import of_file, of_text
from shotbuild.engine.dispatch import Dispatch, Returned, dispatch_text
from shotbuild.errors import BytesLost, Cancelled, FarmError, MachineUnfit, ShotbuildError, StoreError
from shotbuild.host import files
from shotbuild.plan.bind import Wanted
from shotbuild.records import ActionResult, Digest, Step, StoreUse
from shotbuild.store.shared import Shared
from shotbuild.store.tiered import TieredBlobs

SPARE = 16
"""So many dispatches are under way at least: a cluster that grows with its work has to see some."""
MOST = 512
"""So many at most: each has a thread that waits for it."""
MACHINES = 4
"""So many machines try a step that the first ones cannot make for reasons of their own."""
MARK = b"shotbuild\n"
Answer = ActionResult | ShotbuildError


class Cluster(Protocol):
    """As `engine.dask.Cluster` has it, with its words."""

    shown: str

    def fit(self, avoid: Collection[str] = (), needs: Iterable[str] = ()) -> Sequence[object]: ...

    def leave_out(self, address: str) -> bool: ...

    def hands(self) -> int: ...

    def ask(
        self, key: str, text: str, needs: Sequence[str], priority: int, avoid: Collection[str], stopped: Callable[[], bool]
    ) -> Returned: ...

    def close(self) -> None: ...


class Farm:
    """An Executor. build: its id; version: of shotbuild; store: as the machines are told of it; shared: the same as it is
    seen from here; blobs: the store of this machine over it; needs: what a step would like a machine to declare, what it
    cannot do without before the rest, and how much of that; urgency: of a step, the highest first; fetches: whether what a
    step gave is brought here at once; folder: for files on their way; warn: told in words; cancel: of the build; jobs:
    dispatches at once, None = as many as keep the machines busy."""

    def __init__(
        self,
        cluster: Cluster,
        *,
        build: str,
        version: str,
        store: StoreUse,
        shared: Shared,
        blobs: TieredBlobs,
        needs: Callable[[Step], tuple[Sequence[str], Sequence[str]]],
        urgency: Callable[[Step], int],
        fetches: Callable[[Step], bool],
        folder: Path,
        warn: Callable[[str], None],
        cancel: threading.Event,
        jobs: int | None = None,
    ) -> None:
        self._cluster, self._build, self._version = cluster, build, version
        self._store, self._shared, self._blobs = store, shared, blobs
        self._needs, self._urgency, self._fetches = needs, urgency, fetches
        self._folder, self._warn, self._cancel, self._jobs = folder, warn, cancel, jobs
        self._sent: set[Digest] = set()
        self._sending: dict[Digest, threading.Lock] = {}
        self._place = of_text(store.address).sha256[:8]
        self._mark()

    def run(self, wanted: Wanted) -> ActionResult:
        (answer,) = self.run_all([wanted])
        if isinstance(answer, Exception):
            raise answer
        return answer

    def run_all(self, all_wanted: Sequence[Wanted]) -> Sequence[ActionResult | Exception]:
        answers: dict[str, ActionResult | Exception] = {}
        ready: list[Wanted] = []
        for wanted in all_wanted:
            try:
                self._bring(wanted)
                ready.append(wanted)
            except ShotbuildError as error:
                answers[wanted.key] = error
        if ready:
            answers |= self._made(ready)
        lost = [wanted for wanted in ready if isinstance(answers[wanted.key], BytesLost)]
        if lost:
            # What was believed to be in the shared store is not, or is damaged. It is put there anew where it is here.
            for wanted in lost:
                self._heal(wanted)
            answers |= self._made(lost, again="-healed")
        return [self._seen(wanted, answers[wanted.key]) for wanted in all_wanted]

    def takes(self, step: Step) -> bool:
        """Whether there is a machine that declares what a step cannot do without."""
        required, _ = self._needs(step)
        return not required or bool(self._cluster.fit(needs=required))

    def at_once(self) -> int:
        return self._jobs or max(SPARE, min(MOST, 2 * self._cluster.hands()))

    def hands(self) -> int:
        return max(1, self._cluster.hands())

    def close(self) -> None:
        self._cluster.close()

    # --- asking -------------------------------------------------------------------------------------------------------

    def _made(self, all_wanted: Sequence[Wanted], again: str = "") -> dict[str, Answer]:
        """What machines made of actions. One that cannot is left out, and another one asked. again: ends the key where the
        same was asked before: while another build holds that answer, the same key would get it."""
        step, avoid, attempt = all_wanted[0].step, set[str](), 0
        required, liked = self._needs(step)
        text = self._text(all_wanted)
        while True:
            key = self._key(all_wanted) + (f"-{self._build}{again}-{attempt}" if attempt or again else "")
            needs = [*required, *liked]
            returned = self._cluster.ask(key, text, needs, self._urgency(step), avoid, self._cancel.is_set)
            if len(returned.answers) != len(all_wanted):
                raise FarmError(
                    f"{returned.machine} answered something else than it was asked",
                    hint="install the same shotbuild on every machine of the farm",
                )
            attempt += 1
            stopped = any(isinstance(each, Cancelled) for each in returned.answers)
            unfit = next((each for each in returned.answers if _is_of_the_machine(each)), None)
            if unfit is not None:
                self._leave_out(returned, unfit)
                avoid.add(returned.address)
                if attempt < MACHINES and self._cluster.fit(avoid, required):
                    continue
            elif stopped and not self._cancel.is_set():
                continue  # another build asked for the same, and was stopped
            return {wanted.key: answer for wanted, answer in zip(all_wanted, returned.answers, strict=True)}

    def _leave_out(self, returned: Returned, unfit: Answer) -> None:
        if not isinstance(unfit, ShotbuildError):
            return
        why = f"{unfit.message} ({unfit.cause})" if unfit.cause else unfit.message
        if not isinstance(unfit, MachineUnfit):
            self._warn(f"{returned.machine} could not make a step, and another machine is asked: {why}")
        elif self._cluster.leave_out(returned.address):
            self._warn(f"{returned.machine} is left out: {why}")

    def _text(self, all_wanted: Sequence[Wanted]) -> str:
        dispatch = Dispatch(build=self._build, version=self._version, store=self._store, wanted=tuple(all_wanted))
        return dispatch_text(dispatch)

    def _key(self, all_wanted: Sequence[Wanted]) -> str:
        """Begins with the stage, by which Dask tells how long such steps take. The same actions from two builds are one."""
        first = all_wanted[0]
        digest = first.key if len(all_wanted) == 1 else of_text("\n".join(each.key for each in all_wanted)).sha256
        return f"{first.action.recipe.stage}-{digest}-{self._place}"

    # --- bytes --------------------------------------------------------------------------------------------------------

    def _mark(self) -> None:
        """Puts something there: whoever finds the store empty afterwards has not mounted it. Errors: StoreError."""
        file = files.temporary_beside(self._folder / "mark")
        try:
            file.write_bytes(MARK)
            self._shared.send(of_file(file), file)
        finally:
            file.unlink(missing_ok=True)

    def _bring(self, wanted: Wanted) -> None:
        """Sees to it that what an action reads is in the shared store. Errors: BytesLost, StoreError."""
        for digest in dict.fromkeys(digest for _, digest in wanted.action.inputs):
            if digest in self._sent:
                continue
            with self._sending.setdefault(digest, threading.Lock()):
                if digest not in self._sent:
                    self._send(digest)
                    self._sent.add(digest)

    def _send(self, digest: Digest) -> None:
        if self._shared.has(digest):
            return
        try:
            self._blobs.verify(digest)
            self._shared.send(digest, self._blobs.path(digest))
        except OSError as error:
            raise StoreError("what a step reads could not be sent to the shared store", cause=str(error)) from error

    def _heal(self, wanted: Wanted) -> None:
        """Reads what an action reads in the shared store, and puts it there anew where it is damaged and can be had."""
        for digest in dict.fromkeys(digest for _, digest in wanted.action.inputs):
            fresh = files.temporary_beside(self._folder / digest.sha256)
            try:
                if self._shared.fetch(digest, fresh):
                    continue
                self._shared.forget(digest)
                if self._blobs.local.sound(digest):
                    self._shared.send(digest, self._blobs.local.path(digest))
            finally:
                fresh.unlink(missing_ok=True)

    def _seen(self, wanted: Wanted, answer: ActionResult | Exception) -> ActionResult | Exception:
        """An answer, once its bytes were found where they should be."""
        if isinstance(answer, Exception):
            return answer
        if tuple(name for name, _ in answer.outputs) != wanted.action.outputs:
            return FarmError(f"a machine of the farm gave other files for {wanted.step.name} than it was asked for")
        try:
            if not all(self._shared.has(digest) for digest in answer.blobs):
                return StoreError(
                    f"a machine of the farm made {wanted.step.name}, and its bytes are not in {self._shared.shown}",
                    hint="let every machine have the same storage under the same address",
                )
            if self._fetches(wanted.step):
                for digest in answer.blobs:
                    self._blobs.path(digest)
        except ShotbuildError as error:
            return error
        return answer


def _is_of_the_machine(answer: Answer) -> bool:
    """Whether another machine may well do what this one could not: it lacks a tool, a disk that has room, or the store."""
    return isinstance(answer, MachineUnfit) or (isinstance(answer, StoreError) and not isinstance(answer, BytesLost))
