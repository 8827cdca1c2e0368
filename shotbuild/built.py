"""How to build, and what a build did: for those who ask for one or show one, without what it takes to build."""

from dataclasses import dataclass, replace

from shotbuild.delivery import HandedOver
from shotbuild.engine.estimate import Bill
from shotbuild.engine.events import Failed, Skipped
from shotbuild.errors import GateError
from shotbuild.plan.graph import Link
from shotbuild.records import Digest, Sample
from shotbuild.units import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildOptions:
    """jobs: steps at once, None = one per core; frozen: generate nothing and hold the lock; kept_only: generate nothing;
    strict: deliver only what is approved; aside: the steps are nobody's shots, so that lock and ledgers are left alone;
    max_cost: for this build; first: shots to make before all others; claim: in the shared store, before anything is paid
    for, so that two machines do not both pay; sample: of the results that came from the shared store, those that are made
    again here and compared; on: where steps run, as `--on` takes it; insecure: also in the clear."""

    jobs: int | None = None
    frozen: bool = False
    kept_only: bool = False
    strict: bool = False
    aside: bool = False
    fail_fast: bool = False
    max_cost: Money | None = None
    first: tuple[str, ...] = ()
    claim: bool = True
    on: str | None = None
    insecure: bool = False
    sample: Sample | None = None

    @property
    def generates(self) -> bool:
        return not (self.frozen or self.kept_only)


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What a build did. ran, cached, generated: names of steps, generated among ran; linked: paths below out/ that were
    written; present: all paths below out/ that the build answers for; results: the bytes of each of them; gates: the checks
    that what was delivered does not pass; waived: those that the spec does without, in words; handed: where it was handed
    over to, None = nowhere."""

    ran: tuple[str, ...]
    cached: tuple[str, ...]
    generated: tuple[str, ...]
    failed: tuple[Failed, ...]
    skipped: tuple[Skipped, ...]
    linked: tuple[str, ...]
    present: tuple[str, ...]
    cost: Bill
    seconds: float
    results: tuple[tuple[Link, Digest], ...] = ()
    gates: tuple[GateError, ...] = ()
    waived: tuple[str, ...] = ()
    handed: HandedOver | None = None

    def and_then(self, other: "Built") -> "Built":
        """With what another build did after it."""
        return replace(
            self,
            ran=self.ran + other.ran,
            cached=self.cached + other.cached,
            failed=self.failed + other.failed,
            skipped=self.skipped + other.skipped,
            seconds=self.seconds + other.seconds,
        )

    @property
    def exit_code(self) -> int:
        errors = [*(failure.error for failure in self.failed), *self.gates]
        return max((error.exit_code for error in errors), default=0)
