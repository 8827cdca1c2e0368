"""Another model beside what stands: its takes are made, kept and compared, and nothing that stands for a shot is touched.

The specs are changed in memory alone, and planned and built as if somebody had written them so. Whoever then writes them so
finds these takes to be of the current recipe, and pays for nothing again.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from shotbuild.built import BuildOptions, Built
from shotbuild.casting import in_place
from shotbuild.engine.estimate import Bill, bill
from shotbuild.errors import GateError, ShotbuildError
from shotbuild.plan.choose import APPROVED, PICKED, Choice
from shotbuild.plan.gates import disputed
from shotbuild.plugins import load
from shotbuild.providers.interface import Model
from shotbuild.records import Price, Project, Shot, Take
from shotbuild.rooms import Rooms
from shotbuild.spec.fields import written_out
from shotbuild.spec.tree import Tree
from shotbuild.takes.compare import Comparison, laid, measured
from shotbuild.takes.losses import Card, Loss, Target, recast, target_named, wish_of
from shotbuild.takes.names import shots_meant
from shotbuild.workspace import Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Recast:
    """One shot with another model. stands: what does today; today, then: the shot as it is and as it would be written;
    before, after: what its takes are like; blocked: why it is not rolled, empty = it is; there: takes of the new recipe that
    were made before; missing: how many are still to be made."""

    stands: Choice
    today: Shot
    then: Shot
    losses: tuple[Loss, ...]
    before: Card
    after: Card
    blocked: tuple[ShotbuildError, ...]
    there: tuple[Take, ...] = ()
    missing: int = 0

    @property
    def shot(self) -> str:
        return self.then.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """What would be made, before it is. takes: how many of each shot are wanted; cost: of those that are missing; steps: the
    names of all that is looked at for them; space: the project as if it were written so."""

    target: Target
    takes: int
    shots: tuple[Recast, ...]
    cost: Bill
    steps: tuple[str, ...]
    space: Workspace = field(repr=False)

    @property
    def blocked(self) -> tuple[ShotbuildError, ...]:
        return tuple(error for each in self.shots for error in each.blocked)


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """A new take beside the one that stands. structure, colour, motion: as in `media.resemblance`, empty when the pictures
    were not measured."""

    laid: Comparison
    structure: str = ""
    colour: str = ""
    motion: str = ""


def rehearsal(workspace: Workspace, words: Sequence[str], to: str, said: Mapping[str, str], takes: int) -> Rehearsal:
    """words: which shots, as in `shots_meant`; to, said: as in `target_named`; takes: of each shot, those included that were
    made before.

    Errors: PlanError; NeedsPerson for a shot whose decisions contradict each other; LimitReached; SpecErrors, …
    """
    project, tree = workspace.project, Tree(workspace.rooms.root)
    names = shots_meant(workspace, words)
    dispute = disputed([workspace.chosen[name] for name in names])
    if dispute is not None:
        raise dispute
    target = target_named(project, workspace.registry, to, said, tree)
    today = {shot.name: shot for shot in project.shots if shot.name in names}
    then: dict[str, Shot] = {}
    losses: dict[str, tuple[Loss, ...]] = {}
    for name in names:
        made, losses[name] = recast(today[name], _model(workspace, today[name]), target, tree)
        then[name] = replace(made, takes=takes)
    supposed = workspace.as_if(_written(project, target, then))
    before, after = _cards(workspace, today), _cards(supposed, then)
    blocked = {name: _blocked(workspace, supposed, today[name], then[name], target.model) for name in names}
    _block_followers(workspace, then, blocked)
    free = {name: then[name] for name in names if not blocked[name]}
    space = workspace.as_if(_written(project, target, free))
    there = {name: _there(space, name) for name in free}
    missing = {name: takes - len(there[name]) for name in free if len(there[name]) < takes}
    planned = space.plan_rolls(missing) if missing else None
    return Rehearsal(
        target=target,
        takes=takes,
        shots=tuple(
            Recast(
                stands=workspace.chosen[name],
                today=today[name],
                then=then[name],
                losses=losses[name],
                before=before[name],
                after=after[name],
                blocked=blocked[name],
                there=there.get(name, ()),
                missing=missing.get(name, 0),
            )
            for name in names
        ),
        cost=planned.bill if planned is not None else bill(()),
        steps=() if planned is None else tuple(line.step.name for line in planned.lines),
        space=space,
    )


def rehearse(found: Rehearsal, options: BuildOptions, cancel: threading.Event) -> Built:
    """Makes the takes that are missing. Errors: those of a build."""
    with _unremembered(found.space.rooms, found.steps):
        return found.space.roll_each({each.shot: each.missing for each in found.shots if each.missing}, options, cancel)[0]


def beside(found: Rehearsal) -> Iterator[Beside]:
    """What stands for each shot and each take of the new recipe, the newest of them, as many as are wanted."""
    space = found.space.as_if(found.space.project)
    # What it measures with takes long to load, and a report alone measures nothing.
    resemble = load("shotbuild.media.resemblance:resemble", "the comparison of pictures")
    for each in found.shots:
        stands = each.stands.take
        if stands is None or each.blocked:
            continue
        for take in _there(space, each.shot)[-found.takes :]:
            alike, why = measured(space, stands, take, resemble)
            if alike is None:
                yield Beside(laid=laid(stands, take, None, why))
                continue
            yield Beside(
                laid=laid(stands, take, alike.difference, None),
                structure=alike.structure or "",
                colour=alike.colour,
                motion=alike.motion,
            )


def _written(project: Project, target: Target, shots: Mapping[str, Shot]) -> Project:
    uses = {use.name: use for use in (*project.providers, target.use)}
    return replace(
        project,
        shots=tuple(shots.get(shot.name, shot) for shot in project.shots),
        providers=tuple(uses[name] for name in sorted(uses)),
    )


def _model(workspace: Workspace, shot: Shot) -> Model:
    models = workspace.casting.provider_of(shot.provider).models
    return models[shot.model] if shot.model is not None else next(iter(models.values()))


def _cards(workspace: Workspace, shots: Mapping[str, Shot]) -> dict[str, Card]:
    casting, prices = workspace.casting, dict[str, Price]()
    for step in workspace.rolls(dict.fromkeys(shots, 1)).steps:
        if step.generates and step.shots[0] in shots:
            prices[step.shots[0]] = casting.price(step)
    found: dict[str, Card] = {}
    for name, shot in shots.items():
        model, provider = _model(workspace, shot), casting.provider_of(shot.provider)
        found[name] = Card(
            use=shot.provider,
            provider=provider.name,
            model=model,
            price=prices[name],
            sound=provider.has_sound(model.name, written_out(model.fields, shot.settings)),
        )
    return found


def _blocked(workspace: Workspace, supposed: Workspace, shot: Shot, then: Shot, model: Model) -> tuple[ShotbuildError, ...]:
    """Why a shot is not rolled, but for what is said of shots that it continues."""
    choice = workspace.chosen[shot.name]
    if choice.take is None:
        message = f"nothing stands for {shot.name}, so there is nothing to lay a new take beside"
        return (_refusal(shot, message, hint=f"run `shotbuild build {shot.name}` first"),)
    asks = _asks(supposed, then)
    if asks == _asks(workspace, shot):
        message = f"{shot.name} is asked of {then.provider}/{model.name} already, in just these words"
        return (_refusal(shot, message, hint=f"`shotbuild roll {shot.name}` makes more takes of it"),)
    others = (_asks(workspace, in_place(shot, each)) for each in shot.fallbacks)
    if choice.how not in (APPROVED, PICKED) and asks in others:
        return (
            _refusal(
                shot,
                f"{then.provider}/{model.name} is a fallback of {shot.name}, for which nobody chose a take",
                cause="a take of a fallback stands for its shot where there is none of its own provider",
                hint=f"`shotbuild approve {shot.name}` or `shotbuild pick {shot.name}` first, so that nothing changes",
            ),
        )
    use = supposed.casting.provider_of(then.provider).name
    return tuple(
        _refusal(shot, f"{shot.name}: {each.message}", cause=each.cause or None, hint=each.remedy or None)
        for each in workspace.tables.objections(use, model.name, wish_of(then, model))
    )


def _asks(workspace: Workspace, shot: Shot) -> tuple[object, ...]:
    """What tells the recipes of a shot apart when others make it. Two with one of these may be one recipe."""
    casting, own = workspace.casting, workspace.casting.own_by(shot)
    facts = None if own is None else casting.locked.get(own.name)
    pin = _model(workspace, shot).pin(casting.provider_of(shot.provider).name)
    return pin, facts, shot.settings, shot.references, shot.continues, shot.seed


def _block_followers(workspace: Workspace, then: Mapping[str, Shot], blocked: dict[str, tuple[ShotbuildError, ...]]) -> None:
    """A take of a shot that is not part of the rehearsal is never made for it: it would stand for its shot."""
    waiting = True
    while waiting:
        waiting = False
        for name, shot in then.items():
            choice = None if blocked[name] or shot.continues is None else workspace.chosen.get(shot.continues)
            error = None if choice is None else _unready(workspace, shot, choice, {*then} - {*filter(blocked.get, blocked)})
            if error is not None:
                blocked[name], waiting = (error,), True


def _unready(workspace: Workspace, shot: Shot, before: Choice, rolled: set[str]) -> ShotbuildError | None:
    """Why a shot cannot go on from the one that it continues. before: what stands for that one; rolled: the shots whose next
    take is the target's, unless a person chose one."""
    if before.shot in rolled and before.how not in (APPROVED, PICKED):
        return None
    if before.take is None:
        message = f"{shot.name} continues {before.shot}, for which nothing stands yet"
        return _refusal(shot, message, hint=f"run `shotbuild build {before.shot}` first")
    if not workspace.rooms.blobs.has(before.take.video):
        message = f"{shot.name} continues {before.shot} t{before.take.number}, whose bytes are not in this store"
        return _refusal(shot, message, hint="bring them with `shotbuild store check --from FOLDER`")
    return None


def _refusal(shot: Shot, message: str, *, cause: str | None = None, hint: str | None = None) -> GateError:
    return GateError(message, location=shot.location, cause=cause, hint=hint)


def _there(space: Workspace, shot: str) -> tuple[Take, ...]:
    """The takes of the new recipe that nobody rejected, oldest first."""
    choice = space.chosen[shot]
    own = [take for take in choice.state.takes if not take.foreign and take.asked and take.asked == choice.asked]
    return tuple(take for take in own if take.video.sha256 not in choice.state.rejected)


@contextmanager
def _unremembered(rooms: Rooms, steps: Sequence[str]) -> Iterator[None]:
    """`explain` compares a step with its last build: a rehearsal, whose steps have the same names, is none."""
    before = {name: rooms.memory.table("built").get(name) for name in steps}
    try:
        yield
    finally:
        built = rooms.memory.table("built")
        for name, key in before.items():
            built.pop(name, None)
            if key is not None:
                built[name] = key
        rooms.memory.save()
