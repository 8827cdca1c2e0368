"""One project folder as an object: load, plan, build, deliver, status. The command line is thin over this; so can CI be.

project = shotbuild.open("films/lighthouse")
for line in project.plan().lines: print(line.step.name, line.state, line.why)
project.deliver()
"""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from shotbuild.digest import canonical, recipe_fields
from shotbuild.engine.estimate import Bill, bill, check_budget
from shotbuild.engine.events import Event, Warned
from shotbuild.errors import PlanError, SpecErrors
from shotbuild.making import BuildOptions, Built, make
from shotbuild.plan import drawing, graph
from shotbuild.plan.expand import expand
from shotbuild.plan.forecast import CACHED, CHANGED, NEW, Forecast, forecast
from shotbuild.plan.graph import Link, Plan
from shotbuild.plan.materials import Generator, Materials
from shotbuild.plan.select import select
from shotbuild.plugins import Registry, registry
from shotbuild.providers.interface import Model, Provider
from shotbuild.records import Chosen, Digest, Lock, Pin, Price, Project, Shot, SourceFile, Step
from shotbuild.revision import checked_out
from shotbuild.rooms import Rooms
from shotbuild.spec import load as spec
from shotbuild.spec.lockfile import differences
from shotbuild.spec.tree import PROJECT_FILE, find_root

DEFAULTS = BuildOptions()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedBuild:
    """What a build would do. lines: every step, in order; prices: of the steps that generate and are not cached."""

    lines: tuple[Forecast, ...]
    prices: dict[str, Price]
    bill: Bill
    links: tuple[Link, ...]

    @property
    def to_run(self) -> tuple[Forecast, ...]:
        return tuple(line for line in self.lines if line.state != CACHED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How one shot or deliverable stands. kind: `shot`, `plate` or `deliverable`; state: `ready`, `changed` or `missing`;
    takes: recorded in the ledger; path: below out/, None when it has no file there."""

    kind: str
    name: str
    state: str
    why: str
    takes: int
    path: str | None
    tags: tuple[str, ...]


class Workspace:
    """A project folder. hear: told of every event of a build, in the thread that called; rooms, offered: others than the
    folder's own and the installed ones.

    Errors of all methods: ShotbuildError and its kinds; nothing else is expected.
    """

    def __init__(
        self,
        root: Path,
        hear: Callable[[Event], None] = lambda _: None,
        rooms: Rooms | None = None,
        offered: Registry | None = None,
    ) -> None:
        if not (root / PROJECT_FILE).is_file():
            raise PlanError(
                f"{root} is not a shotbuild project",
                cause=f"there is no {PROJECT_FILE} in it",
                hint="run `shotbuild init` to start one, or name the project's folder with --project",
            )
        self.hear = hear
        self.rooms = rooms or Rooms(root, lambda message: hear(Warned(message=message)))
        self._offered = offered

    @cached_property
    def registry(self) -> Registry:
        return self._offered or registry()

    @cached_property
    def tables(self) -> spec.Tables:
        return tables(self.registry)

    @cached_property
    def project(self) -> Project:
        """All that was written. Errors: SpecErrors, every error of every file."""
        return spec.load(self.rooms.root, self.tables)

    @cached_property
    def whole(self) -> Plan:
        """Every step of the project, wanted or not."""
        return self.plan_of(self.project, self._ffmpeg)

    def plan_of(self, project: Project, ffmpeg: Pin) -> Plan:
        """All steps of a project as it was loaded here. ffmpeg: the pin to plan with."""
        return expand(
            project,
            Materials(
                stages={name: entry.version for name, entry in self.registry.stages.items()},
                ffmpeg=ffmpeg,
                profiles=self.registry.profiles,
                generators={
                    shot.name: self._generator(project, shot, ffmpeg) for shot in project.shots if shot.plate is None
                },
                footage=self.rooms.footage(project),
            ),
        )

    def lint(self) -> Project:
        """Checks everything that can be checked without building: specs, cuts, ledgers and lock. Errors: SpecErrors, …"""
        project = self.project
        self.rooms.read_lock()
        for shot in project.shots:
            self.rooms.ledger(shot.name)
        _ = self.whole
        self.rooms.memory.save()
        return project

    def plan(self, targets: Sequence[str] = ()) -> PlannedBuild:
        """What `build` with the same targets would do, step by step; nothing is made."""
        plan = self._wanted(targets)
        lines = self._forecast(plan)
        prices = {line.step.name: self._price(line.step) for line in lines if line.step.generates and line.state != CACHED}
        self.rooms.memory.save()
        return PlannedBuild(lines=lines, prices=prices, bill=bill(prices.values()), links=plan.links)

    def build(
        self,
        targets: Sequence[str] = (),
        options: BuildOptions = DEFAULTS,
        cancel: threading.Event | None = None,
    ) -> Built:
        """Makes what is missing and puts the results into out/. No targets = everything."""
        return self._build(self._wanted(targets), options, cancel)

    def deliver(
        self,
        targets: Sequence[str] = (),
        options: BuildOptions = DEFAULTS,
        cancel: threading.Event | None = None,
    ) -> Built:
        """Makes the deliverables that are meant, or all, and what they need; out/ gets the deliverables only."""
        files_of = {link.step for link in self.whole.links}
        meant = self._meant(targets) if targets else frozenset(files_of)
        wanted = frozenset(
            step.name for step in self.whole.steps if step.deliverable and step.name in files_of and step.name in meant
        )
        if targets and not wanted:
            raise PlanError(
                f"no deliverable is meant by {' '.join(targets)}",
                hint="name a deliverable or a sequence; `shotbuild status` lists them",
            )
        plan = self._with_needs(wanted)
        plan = Plan(steps=plan.steps, links=tuple(link for link in plan.links if link.step in wanted))
        return self._build(plan, options, cancel)

    def status(self, targets: Sequence[str] = ()) -> tuple[Standing, ...]:
        """How each shot and deliverable stands."""
        lines = {line.step.name: line for line in self._forecast(self.whole)}
        self.rooms.memory.save()
        meant = self._meant(targets, lines.values()) if targets else None
        paths = {link.step: link.path for link in self.whole.links}
        own: dict[str, list[Forecast]] = {}
        for line in lines.values():
            if line.step.sequence is None:
                own.setdefault(line.step.shots[0], []).append(line)
        found = [
            self._shot_standing(shot, own.get(shot.name, []), paths)
            for shot in self.project.shots
            if meant is None or any(line.step.name in meant for line in own.get(shot.name, []))
        ]
        for deliverable in self.project.deliverables:
            name = f"{deliverable.sequence}/{deliverable.name}"
            if name in lines and (meant is None or name in meant):
                found.append(self._standing("deliverable", name, [lines[name]], paths.get(name), 0, deliverable.tags))
        return tuple(found)

    def explain(self, target: str) -> tuple[Forecast, ...]:
        """The steps that a target means, each with the text that is hashed now and the text of its last build."""
        meant = self._meant([target])
        lines = self._forecast(graph.part(self.whole, graph.with_needs(graph.network(self.whole), meant)))
        return tuple(line for line in lines if line.step.name in meant)

    def graph(self, targets: Sequence[str] = (), *, form: str) -> str:
        """The plan as a drawing. form: `dot` or `mermaid`."""
        lines = self._forecast(self.whole)
        meant = self._meant(targets, lines) if targets else frozenset(line.step.name for line in lines)
        plan = graph.part(self.whole, meant)
        states = {line.step.name: line.state for line in lines}
        return (drawing.dot if form == "dot" else drawing.mermaid)(plan, states)

    def lock(self, *, update: bool) -> tuple[Lock, tuple[str, ...]]:
        """The pins as they resolve now, and how they differ from the lock. update: writes them over the lock."""
        now = self._resolved()
        locked = self.rooms.read_lock()
        if update or locked is None:
            self.rooms.write_lock(now)
        return now, differences(locked, now) if locked is not None else ()

    # --- which steps ------------------------------------------------------------------------------------------------

    def _wanted(self, targets: Sequence[str]) -> Plan:
        return self._with_needs(self._meant(targets)) if targets else self.whole

    def _with_needs(self, names: Iterable[str]) -> Plan:
        return graph.part(self.whole, graph.with_needs(graph.network(self.whole), names))

    def _meant(self, targets: Sequence[str], lines: Iterable[Forecast] | None = None) -> frozenset[str]:
        """Targets → step names. Only `status:` needs a forecast, and only `changed:` asks Git."""
        words = [target.strip("+") for target in targets]
        if lines is None:
            lines = self._forecast(self.whole) if any(word.startswith("status:") for word in words) else ()
        revisions = {word.partition(":")[2] for word in words if word.startswith("changed:")}
        return select(
            self.whole,
            self.project,
            targets,
            states={line.step.name: line.state for line in lines},
            changed={revision: self._changed_since(revision) for revision in sorted(revisions)},
        )

    def _forecast(self, plan: Plan) -> tuple[Forecast, ...]:
        return forecast(plan, self.rooms.source, self.rooms.lookup, self.rooms.last)

    def _changed_since(self, revision: str) -> frozenset[str]:
        """The steps whose recipe, inputs or source bytes are not those of a Git revision."""
        with checked_out(self.rooms.root, revision) as folder:
            before = Workspace(folder)
            try:
                old = before.plan_of(before.project, self._ffmpeg)
            except SpecErrors as error:
                raise PlanError(f"the project at {revision} has errors", cause=error.errors[0].message) from error
            texts = {step.name: _text(step, before.rooms.source) for step in old.steps}
        return frozenset(step.name for step in self.whole.steps if texts.get(step.name) != _text(step, self.rooms.source))

    # --- making -------------------------------------------------------------------------------------------------------

    def _build(self, plan: Plan, options: BuildOptions, cancel: threading.Event | None) -> Built:
        self._check_price(plan, options)
        return make(
            plan,
            self.project,
            self.rooms,
            self.registry,
            self._resolved(),
            options,
            cancel or threading.Event(),
            self.hear,
        )

    def _check_price(self, plan: Plan, options: BuildOptions) -> None:
        """Errors: LimitReached. What is free needs no forecast."""
        if options.frozen or all(self._price(step).amount == 0 for step in plan.steps if step.generates):
            return
        missing = [line.step for line in self._forecast(plan) if line.step.generates and line.state != CACHED]
        check_budget(bill(self._price(step) for step in missing), options.max_cost or self.project.budget.limit)

    def _price(self, step: Step) -> Price:
        pin = step.recipe.pins[0]
        return self.registry.providers[pin.provider].price(pin.model, step.recipe.parameters)

    @property
    def _ffmpeg(self) -> Pin:
        return self.rooms.tool(self.project).pin

    def _resolved(self) -> Lock:
        """The pins of everything that the project uses, as they are now."""
        uses = {use.name: use.use for use in self.project.providers}
        providers = {}
        for shot in self.project.shots:
            if shot.plate is None:
                model = self._model(self.project, shot)
                providers[f"{shot.provider}/{model.name}"] = model.pin(uses[shot.provider])
        tool = self.rooms.tool(self.project)
        return Lock(providers=tuple(sorted(providers.items())), tools=((tool.name, tool),))

    def _provider(self, project: Project, shot: Shot) -> Provider:
        return self.registry.providers[next(use.use for use in project.providers if use.name == shot.provider)]

    def _model(self, project: Project, shot: Shot) -> Model:
        models = self._provider(project, shot).models
        return models[shot.model] if shot.model is not None else next(iter(models.values()))

    def _generator(self, project: Project, shot: Shot, ffmpeg: Pin) -> Generator:
        provider, model = self._provider(project, shot), self._model(project, shot)
        return Generator(
            pins=(model.pin(provider.name), *((ffmpeg,) if "ffmpeg" in model.uses else ())),
            extension=model.extension,
            sound=provider.has_sound(model.name, shot.settings),
            shows=model.shows,
        )

    # --- standing -----------------------------------------------------------------------------------------------------

    def _shot_standing(self, shot: Shot, own: list[Forecast], paths: Mapping[str, str]) -> Standing:
        path = next((paths[line.step.name] for line in own if line.step.name in paths), None)
        kind = "plate" if shot.plate is not None else "shot"
        return self._standing(kind, shot.name, own, path, len(self.rooms.ledger(shot.name).takes), shot.tags)

    def _standing(
        self, kind: str, name: str, lines: list[Forecast], path: str | None, takes: int, tags: tuple[str, ...]
    ) -> Standing:
        waiting = next((line for line in lines if line.state != CACHED), None)
        state = "ready" if waiting is None else "missing" if waiting.state == NEW else CHANGED
        why = "" if waiting is None else waiting.why
        return Standing(kind=kind, name=name, state=state, why=why, takes=takes, path=path, tags=tags)


def tables(registry: Registry) -> spec.Tables:
    """What the written format must know of providers, stages and profiles."""
    return spec.Tables(
        providers={name: provider.models for name, provider in registry.providers.items()},
        stages={name: entry.fields for name, entry in registry.stages.items() if entry.fields is not None},
        profiles=tuple(registry.profiles),
    )


def _text(step: Step, source: Callable[[SourceFile], Digest]) -> str:
    """A step's recipe and what it reads, as text: source files by their bytes, other steps by name."""
    inputs = {
        name: source(origin).sha256
        if isinstance(origin, SourceFile)
        else origin.digest.sha256
        if isinstance(origin, Chosen)
        else f"{origin.step}:{origin.name}"
        for name, origin in step.inputs
    }
    return canonical({"recipe": recipe_fields(step.recipe), "inputs": inputs})


def open_project(path: str | Path = ".", hear: Callable[[Event], None] = lambda _: None) -> Workspace:
    """The project in a folder, or in the nearest one above it. Errors: PlanError when there is none."""
    return Workspace(find_root(Path(path)), hear)
