"""Brings the choice of takes back to what it was at a Git revision or after an event, by new events: history stays whole."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from shotbuild.errors import PlanError
from shotbuild.ledgers import clock
from shotbuild.plan.choose import Choice, Current, choose
from shotbuild.plan.decisions import settle
from shotbuild.records import RESTORE, Decision, ShotState, Take
from shotbuild.spec.events import ID, request_of
from shotbuild.takes.decide import HERE, person
from shotbuild.takes.names import shots_meant
from shotbuild.workspace import Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Then:
    """How a shot stood. take: what stood for it, None when nothing did; decided: whether a person had chosen it."""

    state: ShotState
    take: Take | None
    decided: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What was done for one shot. decision: None when it stands as it stood; now: what stood until this moment."""

    shot: str
    then: Then
    now: Choice
    decision: Decision | None


def restore(
    workspace: Workspace, shots: Sequence[str], at: str, *, by: str | None = None, why: str | None = None
) -> list[Restored]:
    """Restores some shots, or all. at: a Git revision, or the id of an event of one shot.

    Errors: PlanError when there is no such revision or event, or a shot was not there then.
    """
    who = person(workspace, by)
    thens = _by_event(workspace, shots, at) or _by_revision(workspace, shots, at)
    rows: list[Restored] = []
    for shot, then in thens.items():
        decision = _decision(workspace, shot, then, who, why)
        rows.append(Restored(shot=shot, then=then, now=workspace.chosen[shot], decision=decision))
    workspace.rooms.ledgers.enter_moves()
    for row in rows:
        if row.decision is not None:
            workspace.rooms.ledgers.decide(row.shot, row.decision)
    return rows


def _by_event(workspace: Workspace, shots: Sequence[str], at: str) -> dict[str, Then]:
    """Empty when no shot has such an event."""
    if not ID.fullmatch(at):
        return {}
    for shot in shots_meant(workspace, shots):
        history = workspace.rooms.ledgers.history(shot)
        past = history.up_to([at])
        if past:
            state = settle(past, workspace.rooms.ledgers.of(shot).formerly)
            decided = [*state.picks[-1:], *state.approvals[-1:]]
            take = state.take_of(str(decided[-1].video)) if decided else next(reversed(state.takes), None)
            return {shot: Then(state=state, take=take, decided=bool(decided))}
    return {}


def _by_revision(workspace: Workspace, shots: Sequence[str], at: str) -> dict[str, Then]:
    before = workspace.choices_at(at)
    thens: dict[str, Then] = {}
    for shot in shots_meant(workspace, shots):
        formerly = workspace.rooms.ledgers.of(shot).formerly
        choice = next((before[name] for name in (shot, *reversed(formerly)) if name in before), None)
        if choice is not None:
            thens[shot] = Then(state=choice.state, take=choice.take, decided=choice.stands is None)
        elif shots:
            raise PlanError(f"shot {shot} was not there at {at}", hint="name a later revision, or restore the other shots")
    return thens


def _decision(workspace: Workspace, shot: str, then: Then, by: str, why: str | None) -> Decision | None:
    """None when the shot stands as it stood then."""
    now, state = workspace.chosen[shot], workspace.rooms.ledgers.of(shot)
    known = {event.id for event in workspace.rooms.ledgers.history(shot).events}
    if not known.issuperset(then.state.heads):
        raise PlanError(
            f"the ledger of {shot} has lost events that it had then",
            hint="bring them back from Git first: a ledger is only ever added to",
        )
    if _holds(then.state) == _holds(state) and _video(then.take) == _video(now.take):
        return None
    left = None
    if not then.decided and then.take is not None and _video(_undecided(workspace, shot, then)) != _video(then.take):
        # Nobody had chosen, and by itself the shot would now be another take: so the one of then is named.
        left = then.take.video.sha256
    return Decision(
        id="", after=(), kind=RESTORE, video=left, by=by, why=why, of=then.state.heads, at=clock(), location=HERE
    )


def _undecided(workspace: Workspace, shot: str, then: Then) -> Take | None:
    """What would stand for the shot today if only the decisions of then held."""
    now, state = workspace.chosen[shot], workspace.rooms.ledgers.of(shot)
    wanted = next(each.takes for each in workspace.project.shots if each.name == shot)
    bare = replace(state, approvals=(), picks=(), rejections=then.state.rejections)
    current = Current(asked=now.asked, alike=frozenset((now.asked,)), text=lambda _: "", takes=wanted)
    return choose(shot, bare, current, request_of).take


def _holds(state: ShotState) -> frozenset[str]:
    return frozenset(each.id for each in (*state.approvals, *state.picks, *state.rejections))


def _video(take: Take | None) -> str | None:
    return None if take is None else take.video.sha256
