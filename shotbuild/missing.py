"""What is not in the store and is not made: bytes that a person chose or that were paid for, and takes in a frozen build."""

from shotbuild.errors import GateError, StoreError
from shotbuild.plan.bind import Wanted
from shotbuild.plan.graph import Plan
from shotbuild.plan.shoot import CHOOSE
from shotbuild.records import Step
from shotbuild.rooms import Rooms
from shotbuild.spec.events import paid_of, whole

COPY = "bring them from a copy of the store with `shotbuild store check --from FOLDER`"


def paid_missing(wanted: Wanted, rooms: Rooms) -> StoreError | None:
    """For a take that its ledger has, that was paid for, and whose bytes are not here: the same money is not spent again."""
    if not wanted.step.generates:
        return None
    take = rooms.ledgers.recorded(wanted)
    if take is None:
        return None
    if paid_of(whole(take)).amount == 0:
        return None
    how = "were damaged and set aside" if rooms.blobs.was_damaged(take.video) else "are not in the store"
    return StoreError(
        f"the bytes of {take.shot} t{take.number} {how}, and it was paid for",
        location=wanted.step.location,
        cause=f"{take.name}, {take.video.size} bytes, made {take.made}; {shared_lacks(rooms)}",
        hint=f"{remedy(rooms)}; only if there is none, "
        f"`shotbuild reject {take.name} --why lost` has another one made, and paid for",
    )


def bytes_missing(plan: Plan, step: Step, rooms: Rooms) -> StoreError | None:
    """For a step that stands for chosen bytes and has no result: what is missing, and who chose it."""
    if step.recipe.stage != CHOOSE:
        return None
    choice = plan.chosen[step.shots[0]]
    assert choice.take is not None, "a chosen step stands for a take"
    take, people = choice.take, ", ".join(dict.fromkeys(decision.by for decision in choice.decisions))
    how = "were damaged and set aside" if rooms.blobs.was_damaged(take.video) else "are not in the store"
    return StoreError(
        f"the bytes of {choice.shot} t{take.number} {how}, and a take that was chosen is never made anew",
        location=step.location,
        cause=f"{take.name}, sha256 {take.video.sha256}, {take.video.size} bytes, {choice.how} by {people}; "
        + shared_lacks(rooms),
        hint=f"{remedy(rooms)}; only if there is none, "
        f"`shotbuild reopen {choice.shot}` lets another take stand for the shot",
    )


def frozen_missing(step: Step) -> GateError | None:
    """For a step that asks a provider, of which nothing was made, in a frozen build."""
    if step.use is None:
        return None
    return GateError(
        f"{step.name} is missing, and a frozen build generates nothing",
        location=step.location,
        hint="build without --frozen where generating is allowed, then commit the ledger and share the store",
    )


def shared_lacks(rooms: Rooms) -> str:
    """Why the shared store does not help."""
    shared = rooms.shared
    if shared is None:
        return "there is no shared store"
    return f"the shared store {shared.shown} " + ("does not have them" if shared.reachable else "cannot be reached")


def remedy(rooms: Rooms) -> str:
    shared = rooms.shared
    if shared is None:
        return COPY
    if not shared.reachable:
        return f"build again when {shared.shown} can be reached, or {COPY}"
    return f"have who made them run `shotbuild store push`, or {COPY}"
