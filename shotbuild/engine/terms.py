"""How a step is asked of a service, and when it is not asked any more. A plan tells both; nothing here asks."""

from collections.abc import Callable
from dataclasses import dataclass

from shotbuild.engine.journal import Journal, Phase
from shotbuild.engine.lanes import LaneRules
from shotbuild.errors import BadTake, Moderated, ProviderError, ProviderRefused, ShotbuildError, StoreError
from shotbuild.providers.interface import Service
from shotbuild.records import ActionResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How a step is asked for. rules: its lane; priority; sequence: for fairness; sequences: that show its shot; attempts:
    at most, when the service fails by its own fault, 0 = finish what is under way and ask for nothing; stall_after: seconds
    without a change; on_stall: `leave` it to the next build, `wait` on, or `cancel` it and try again; patience: seconds for
    which a service may say nothing, or only `later`."""

    service: Service
    rules: LaneRules
    priority: int = 0
    sequence: str = ""
    sequences: tuple[str, ...] = ()
    attempts: int = 3
    stall_after: float = 1200
    on_stall: str = "leave"
    patience: float = 1800
    glance: bool = False


def barred(
    journal: Journal, action: str, name: str, most: int, present: Callable[[ActionResult], bool]
) -> ShotbuildError | None:
    """Why an action is not asked for, unless a person says `recover retry`: it was paid for and its bytes are gone, it was
    refused for what it asks, or it failed often enough. name: of its step; most: attempts."""
    paid = journal.paid(action)
    if paid is not None and paid.result is not None and not present(paid.result):
        return StoreError(
            f"the bytes of {name} are not in the store, and it was paid for as {paid.name}",
            hint="bring them from a copy of the store with `shotbuild store check --from FOLDER`; only if there is none, "
            f"`shotbuild recover retry {paid.name}` lets it be paid for again",
        )
    # What costs nothing may be asked for again by any build: the server may have been mended.
    attempts = [each for each in journal.attempts(action) if each.price.amount != 0]
    hint = f"change the shot, or say `shotbuild recover retry {attempts[-1].name}`" if attempts else None
    for each in attempts:
        if each.kind in (Moderated.__name__, ProviderRefused.__name__):
            kind = Moderated if each.kind == Moderated.__name__ else ProviderRefused
            return kind(f"{each.provider} refused exactly this before, as {each.name}", cause=each.reason, hint=hint)
        if each.kind == BadTake.__name__:
            told = f"{each.provider} was paid for this, and made no take of it, as {each.name}"
            return BadTake(told, cause=each.reason, hint=hint)
    failed = [each for each in attempts if each.phase is Phase.FAILED]
    if len(failed) < most:
        return None
    told = f"{failed[-1].provider} failed to make this {len(failed)} times"
    return ProviderError(told, cause=failed[-1].reason, hint=hint)
