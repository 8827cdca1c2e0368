"""Brings the choice of takes back to what it was at a Git revision or after an event, by new events: history stays whole."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from shotbuild.errors import PlanError
from shotbuild.ledgers import clock
from shotbuild.plan.choose import Choice
from shotbuild.plan.decisions import settle
from shotbuild.records import RESTORE, Decision, ShotState, Take
from shotbuild.spec.events import ID
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
    now = workspace.chosen
    decisions = _decisions(workspace, thens, who, why)
    rows = [Restored(shot=shot, then=then, now=now[shot], decision=decisions.get(shot)) for shot, then in thens.items()]
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
            own = [take for take in state.takes if not take.foreign and take.video.sha256 not in state.rejected]
            take = state.take_of(str(decided[-1].video)) if decided else next(reversed(own), None)
            return {shot: Then(state=state, take=take, decided=bool(decided))}
    for shot in shots_meant(workspace, ()):
        if workspace.rooms.ledgers.history(shot).up_to([at]):
            raise PlanError(f"event {at} is one of {shot}", hint=f"`shotbuild restore {shot} --at {at}`")
    return {}


def _by_revision(workspace: Workspace, shots: Sequence[str], at: str) -> dict[str, Then]:
    before = workspace.choices_at(at)
    thens: dict[str, Then] = {}
    for shot in shots_meant(workspace, shots):
        choice = _same_shot(workspace, shot, before)
        if choice is not None:
            thens[shot] = Then(state=choice.state, take=choice.take, decided=choice.stands is None)
        elif shots:
            raise PlanError(f"shot {shot} was not there at {at}", hint="name a later revision, or restore the other shots")
    return thens


def _same_shot(workspace: Workspace, shot: str, before: Mapping[str, Choice]) -> Choice | None:
    """What stood for a shot, under the name that it had; None when there was none of its kind, whatever its name says."""
    known = {event.id for event in workspace.rooms.ledgers.history(shot).events}
    for name in (shot, *reversed(workspace.rooms.ledgers.of(shot).formerly)):
        choice = before.get(name)
        if choice is None:
            continue
        if known.issuperset(choice.state.heads):
            return choice
        if known & {take.id for take in choice.state.takes}:
            raise PlanError(
                f"the ledger of {shot} has lost events that it had then",
                hint="bring them back from Git first: a ledger is only ever added to",
            )
    return None


def _decisions(workspace: Workspace, thens: Mapping[str, Then], by: str, why: str | None) -> dict[str, Decision]:
    """What has to be written. A shot for which nobody had chosen gets its take of then named only if it would not be that
    one by itself, now that the shots which it continues are restored."""
    following = {shot.name: shot.continues for shot in workspace.project.shots}
    written: dict[str, Decision] = {}
    for shot, then in thens.items():
        if _holds(then.state) != _holds(workspace.rooms.ledgers.of(shot)):
            written[shot] = _restoring(then, by, why)
    while True:
        choices = workspace.chosen_if({shot: _with(workspace, shot, decision) for shot, decision in written.items()})
        wrong = {
            shot
            for shot, then in thens.items()
            if not then.decided and then.take is not None and _video(choices[shot].take) != _video(then.take)
        }
        named = [shot for shot in wrong if following[shot] not in wrong and (shot not in written or not written[shot].video)]
        if not named:
            return written
        for shot in named:
            written[shot] = replace(_restoring(thens[shot], by, why), video=_video(thens[shot].take))


def _restoring(then: Then, by: str, why: str | None) -> Decision:
    return Decision(id="", after=(), kind=RESTORE, by=by, why=why, of=then.state.heads, at=clock(), location=HERE)


def _with(workspace: Workspace, shot: str, decision: Decision) -> ShotState:
    """What the ledger of a shot would come to."""
    state = workspace.rooms.ledgers.of(shot)
    last = replace(decision, id=f"restored {shot}", after=state.heads)
    return settle((*workspace.rooms.ledgers.history(shot).events, last), state.formerly)


def _holds(state: ShotState) -> frozenset[str]:
    return frozenset(each.id for each in (*state.approvals, *state.picks, *state.rejections))


def _video(take: Take | None) -> str | None:
    return None if take is None else take.video.sha256
