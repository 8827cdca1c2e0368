"""What a plan changes, shot by shot and film by film: since a Git revision, or since the last build here. Shows nothing."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from shotbuild.engine.estimate import Bill, bill
from shotbuild.plan.choose import Choice
from shotbuild.plan.explain import difference
from shotbuild.plan.forecast import CACHED, Forecast
from shotbuild.plan.graph import Plan, upstream
from shotbuild.plan.shoot import CHOOSE
from shotbuild.records import Step
from shotbuild.workspace import Earlier, PlannedBuild, Workspace

NEW, CHANGED, GONE, CHOSEN, STALE = "new", "changed", "gone", "chosen anew", "edited, its chosen take stays"
NOW, BEFORE = "now", "before"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotChange:
    """kind: NEW, CHANGED, GONE, CHOSEN (another take stands for it) or STALE; lines: of the recipe, that went (`-`) and came
    (`+`); before, after: what stood for it and what does, None = nothing, or a plate; takes: how many a build would
    generate, for `cost`."""

    shot: str
    kind: str
    lines: tuple[str, ...]
    before: Choice | None
    after: Choice | None
    takes: int
    cost: Bill


@dataclass(frozen=True, slots=True, kw_only=True)
class Still:
    """A picture of a shot. when: NOW or BEFORE; path: below the folder of all of them."""

    shot: str
    when: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmChange:
    """A deliverable, `opening/web`. kind: NEW, CHANGED or GONE; shots: those in it that change; own: whether something of
    its own does, such as the cut or the profile; runs: how many of its steps a build would run."""

    name: str
    kind: str
    shots: tuple[str, ...]
    own: bool
    runs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    shots: tuple[ShotChange, ...]
    films: tuple[FilmChange, ...]


def changes(workspace: Workspace, planned: PlannedBuild, earlier: Earlier | None) -> Changes:
    """earlier: what it is held against, None = the last build here."""
    found = _Found(workspace, planned, earlier)
    return Changes(shots=tuple(found.shots()), films=tuple(found.films()))


class _Found:
    def __init__(self, workspace: Workspace, planned: PlannedBuild, earlier: Earlier | None) -> None:
        self._planned, self._earlier = planned, earlier
        self._project = workspace.project
        self._lines: Mapping[str, Forecast] = {line.step.name: line for line in planned.lines}
        self._steps = [line.step for line in planned.lines]
        texts = workspace.texts(self._steps) if earlier is not None else {}
        self._edited = frozenset(step.name for step in self._steps if self._differs(step, texts))
        self._texts = texts
        self._whole = len(self._steps) == len(workspace.whole.steps)

    def shots(self) -> Iterable[ShotChange]:
        steps: dict[str, list[Step]] = {}
        for step in self._steps:
            if len(step.shots) == 1 and step.sequence is None:
                steps.setdefault(step.shots[0], []).append(step)
        after = {choice.shot: choice for choice in self._planned.choices}
        for name, own in steps.items():
            change = self._shot(name, own, after.get(name))
            if change is not None:
                yield change
        if self._earlier is not None and self._whole:
            names = {shot.name for shot in self._project.shots}
            for shot in self._earlier.project.shots:
                if shot.name not in names:
                    yield self._change(shot.name, GONE, (), (), self._earlier.plan.chosen.get(shot.name), None)

    def _shot(self, name: str, steps: Sequence[Step], after: Choice | None) -> ShotChange | None:
        before = None if self._earlier is None else self._earlier.plan.chosen.get(name)
        known = self._earlier is not None and any(shot.name == name for shot in self._earlier.project.shots)
        if self._earlier is not None and not known:
            return self._change(name, NEW, self._wish(name), steps, None, after)
        edited = [step for step in steps if step.name in self._edited]
        if (
            after is not None
            and after.stale
            and (self._earlier is None or before is None or before.moved_on != after.moved_on)
        ):
            return self._change(name, STALE, after.moved_on, steps, before, after)
        if before is not None and after is not None and _bytes(before) != _bytes(after) and after.stands is None:
            return self._change(name, CHOSEN, (), steps, before, after)
        if not edited:
            return None
        fresh = self._earlier is None and all(self._lines[step.name].last is None for step in edited)
        lines = self._wish(name) if fresh else self._difference(edited)
        return self._change(name, NEW if fresh else CHANGED, lines, steps, before, after)

    def _wish(self, name: str) -> tuple[str, ...]:
        """What a new shot is to show."""
        shot = next(shot for shot in self._project.shots if shot.name == name)
        return (f"+ plate: {shot.plate}",) if shot.plate is not None else (f"+ prompt: {shot.prompt}",)

    def _change(
        self,
        name: str,
        kind: str,
        lines: tuple[str, ...],
        steps: Iterable[Step],
        before: Choice | None,
        after: Choice | None,
    ) -> ShotChange:
        prices = [self._planned.prices[step.name] for step in steps if step.name in self._planned.prices]
        return ShotChange(
            shot=name, kind=kind, lines=lines, before=before, after=after, takes=len(prices), cost=bill(prices)
        )  # fmt: skip

    def films(self) -> Iterable[FilmChange]:
        touched = self._touched()
        linked = {link.step for link in self._planned.links}
        of_film: dict[str, list[Step]] = {}
        for step in self._steps:
            if step.deliverable is not None:
                of_film.setdefault(f"{step.sequence}/{step.deliverable}", []).append(step)
        then = set() if self._earlier is None else _films(self._earlier.plan)
        for name, steps in of_film.items():
            if name in linked and name in touched:
                fresh = name not in then if self._earlier is not None else self._lines[name].last is None
                yield self._film(name, NEW if fresh else CHANGED, steps, touched)
        if self._whole:
            for name in sorted(then - _films_of(self._steps)):
                yield FilmChange(name=name, kind=GONE, shots=(), own=True, runs=0)

    def _film(self, name: str, kind: str, steps: Sequence[Step], touched: Mapping[str, frozenset[str]]) -> FilmChange:
        return FilmChange(
            name=name,
            kind=kind,
            shots=tuple(sorted(touched[name])),
            # Against the last build here, whatever will run differs; then only what no shot explains is its own.
            own=not touched[name] or (self._earlier is not None and any(step.name in self._edited for step in steps)),
            runs=sum(self._lines[step.name].state != CACHED for step in steps),
        )

    def _touched(self) -> dict[str, frozenset[str]]:
        """The steps that differ, they or something that they need → the shots by which they do."""
        found: dict[str, frozenset[str]] = {}
        for step in self._steps:
            above = [found[name] for name in upstream(step) if name in found]
            mine = frozenset(step.shots) if step.name in self._edited and step.sequence is None else frozenset()
            if above or step.name in self._edited:
                found[step.name] = mine.union(*above)
        return found

    def _differs(self, step: Step, texts: Mapping[str, str]) -> bool:
        if self._earlier is None:
            return self._lines[step.name].state != CACHED
        return self._earlier.texts.get(step.name) != texts[step.name]

    def _difference(self, edited: Sequence[Step]) -> tuple[str, ...]:
        """The lines in which the first of some steps differs whose recipe is there on both sides."""
        for step in edited:
            if step.recipe.stage == CHOOSE:
                continue
            line = self._lines[step.name]
            pair = (line.last, line.manifest)
            if self._earlier is not None:
                pair = (self._earlier.texts.get(step.name), self._texts[step.name])
            if pair[0] is not None and pair[1] is not None and pair[0] != pair[1]:
                return difference(pair[0], pair[1])
        return ()


def _bytes(choice: Choice) -> str | None:
    return None if choice.take is None else choice.take.video.sha256


def _films(plan: Plan) -> set[str]:
    return _films_of(plan.steps) & {link.step for link in plan.links}


def _films_of(steps: Iterable[Step]) -> set[str]:
    return {f"{step.sequence}/{step.deliverable}" for step in steps if step.deliverable is not None}
