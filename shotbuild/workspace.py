"""One project folder as an object: load, plan, build, deliver, status. The command line is thin over this; so can CI be.

project = shotbuild.open("films/lighthouse")
for line in project.plan().lines: print(line.step.name, line.state, line.why)
project.deliver()
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from shotbuild.ahead import Ahead
from shotbuild.built import BuildOptions, Built
from shotbuild.casting import Casting
from shotbuild.delivery import Story, called, check_folder, delivered, judged, package, step_of
from shotbuild.digest import canonical, recipe_fields
from shotbuild.engine.estimate import Bill, bill, check_budget
from shotbuild.engine.events import Event, Warned
from shotbuild.engine.journal import Cap, Entry
from shotbuild.engine.terms import barred
from shotbuild.errors import BytesLost, GateError, PlanError, ShotbuildError, SpecError, SpecErrors
from shotbuild.frozen import is_frozen, refuse_frozen
from shotbuild.host import git
from shotbuild.media.profiles import CAPPABLE, chunked, mezzanine
from shotbuild.missing import bytes_missing, frozen_missing, paid_missing
from shotbuild.plan.choose import Choice
from shotbuild.plan.cut import Cut
from shotbuild.plan.expand import choose_all, expand, lay_out, with_continuing, with_leading
from shotbuild.plan.forecast import CACHED, Forecast, forecast
from shotbuild.plan.gates import disputed, remarks, too_many, unapproved
from shotbuild.plan.graph import Link, Plan, first, needed, part
from shotbuild.plan.materials import Materials, ShotFilm
from shotbuild.plugins import Lazy, Registry, load, registry
from shotbuild.providers.common import table_objections
from shotbuild.providers.interface import Model, is_service
from shotbuild.records import LOCAL as EXECUTOR_HERE
from shotbuild.records import (
    ActionResult,
    Chosen,
    Digest,
    Facts,
    Fields,
    Lock,
    Objection,
    Pin,
    Price,
    Project,
    Shot,
    ShotState,
    SourceFile,
    Step,
    Take,
    Wish,
    shots_of,
)
from shotbuild.revision import checked_out
from shotbuild.rooms import Rooms
from shotbuild.spec import load as spec
from shotbuild.spec.events import request_of, whole
from shotbuild.spec.ledger import ledger_file
from shotbuild.spec.lockfile import FILE as LOCK_FILE
from shotbuild.spec.lockfile import differences
from shotbuild.spec.tree import PROJECT_FILE, find_root
from shotbuild.stages.effects import EFFECTS
from shotbuild.standing import Standing, standings
from shotbuild.traces import Traces, traces
from shotbuild.units import Money
from shotbuild.whereabouts import only_here

DEFAULTS = BuildOptions()
WHOLE = "whole"
NO_MORE: Mapping[str, int] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedBuild:
    """What a build would do. lines: every step, in order; prices: of the steps that would ask a provider; under_way: of
    those that a service is making already, step → what it is known by; caps: the limits that hold, with what counts against
    them; choices: what stands for each shot that it needs; whole: deliverables whose picture is encoded in one go, each with
    whether its codec could be held below a cap segment by segment; stops: what a build will stop at; held: what a frozen one
    stops at besides, when that was asked; only_here: takes that lie on this disk alone, though there is a shared store."""

    lines: tuple[Forecast, ...]
    prices: dict[str, Price]
    under_way: dict[str, str]
    caps: tuple[Cap, ...]
    bill: Bill
    links: tuple[Link, ...]
    choices: tuple[Choice, ...]
    whole: tuple[tuple[str, bool], ...] = ()
    stops: tuple[ShotbuildError, ...] = ()
    held: tuple[ShotbuildError, ...] = ()
    only_here: tuple[Take, ...] = ()

    @property
    def to_run(self) -> tuple[Forecast, ...]:
        return tuple(line for line in self.lines if line.state != CACHED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """The project as it was at a Git revision. texts: step → its recipe and what it reads, as text."""

    project: Project
    plan: Plan
    texts: Mapping[str, str]


class Workspace:
    """A project folder as it was when it was first asked; open it again after an edit.

    hear: told of every event of a build, in the thread that called; rooms, offered: others than the folder's own and the
    installed ones.

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
        self.unseen: tuple[str, ...] = ()
        """The generators of one's own that `lock` could not look at."""
        self.only_here: tuple[Take, ...] = ()
        """The takes that `status` found on this disk alone."""
        self.rooms = rooms or Rooms(root, lambda message: hear(Warned(message=message)))
        self._offered = offered
        self._ahead: Ahead | None = None
        self._supposed = False
        self._frozen = is_frozen()

    @cached_property
    def registry(self) -> Registry:
        return self._offered or registry()

    @cached_property
    def tables(self) -> spec.Tables:
        return tables(self.registry)

    @cached_property
    def project(self) -> Project:
        """All that was written. Errors: SpecErrors, every error of every file."""
        # What others than the installed providers make of a spec is not kept.
        project = spec.load(self.rooms.root, self.tables, self.rooms.kept if self._offered is None else spec.NOTHING_KEPT)
        self.rooms.share(project.settings.store)
        self.rooms.ledgers.follow(project.shots)
        return project

    @cached_property
    def casting(self) -> Casting:
        """Which provider and model makes which shot."""
        return Casting(self.project, self.registry.providers, self._locked)

    @cached_property
    def _locked(self) -> dict[str, Facts]:
        """What the lock has of generators of one's own, with what a build finds of those that are new."""
        lock = self.rooms.read_lock()
        return {} if lock is None else dict(lock.generators)

    @cached_property
    def whole(self) -> Plan:
        """Every step of the project, wanted or not."""
        return self.plan_of(self.project, self.ffmpeg)

    @cached_property
    def chosen(self) -> Mapping[str, Choice]:
        """What stands for each generated shot; known even where a cut cannot be made of it."""
        if "whole" in self.__dict__:
            return self.whole.chosen
        return {choice.shot: choice for choice in choose_all(self.project, self._materials(self.project, self.ffmpeg))}

    def look_again(self, shots: Iterable[str]) -> None:
        """Somebody wrote to the ledgers of these shots: what stands for them, and for those that continue them, is found
        anew; all else stays as it was read. Errors: SpecErrors, when a ledger is damaged."""
        chosen, named = self.chosen, set(shots)
        for name in named:
            self.rooms.ledgers.look_again(name)
        few = with_leading(self.project, with_continuing(self.project, named))
        fresh = choose_all(few, self._materials(few, self.ffmpeg))
        self.__dict__.pop("whole", None)
        self.__dict__["chosen"] = {**chosen, **{choice.shot: choice for choice in fresh}}

    def lay_out(self, sequence: str) -> tuple[Cut | None, Mapping[str, ShotFilm]]:
        """What is seen and heard of a sequence as its shots stand, and these; None where one of them cannot be planned.
        sequence: of the project. Errors: SpecError."""
        sequences = {each.name: each for each in self.project.sequences}
        few = with_leading(self.project, shots_of(sequences[sequence], sequences))
        return lay_out(few, self._materials(few, self.ffmpeg), sequence)

    def chosen_if(self, states: Mapping[str, ShotState]) -> Mapping[str, Choice]:
        """What would stand for each shot if some ledgers came to something else. states: by shot."""
        materials = self._materials(self.project, self.ffmpeg)
        materials = replace(materials, state=lambda shot: states.get(shot) or self.rooms.ledgers.of(shot))
        return {choice.shot: choice for choice in choose_all(self.project, materials)}

    def plan_of(self, project: Project, ffmpeg: Pin, more: Mapping[str, int] = NO_MORE) -> Plan:
        """All steps of a project as it was loaded here. ffmpeg: the pin to plan with; more: as in `Materials`."""
        return expand(project, self._materials(project, ffmpeg, more))

    def _materials(self, project: Project, ffmpeg: Pin, more: Mapping[str, int] = NO_MORE) -> Materials:
        casting = Casting(project, self.registry.providers, self._locked)
        return Materials(
            stages={name: entry.version for name, entry in self.registry.stages.items()},
            ffmpeg=ffmpeg,
            joiner=self.rooms.joiner.pin,
            profiles={**self.registry.profiles, **{profile.name: profile for profile in project.profiles}},
            effects=EFFECTS,
            captions=self.rooms.captions,
            mezzanine=mezzanine,
            chunked=chunked,
            generators=casting.generators(ffmpeg),
            fallbacks=casting.fallbacks(ffmpeg),
            finishers=casting.finishers(ffmpeg),
            footage=self.rooms.footage(project),
            state=self.rooms.ledgers.of,
            request=request_of,
            source=self.rooms.source,
            more=more,
        )

    def lint(self) -> Project:
        """Checks everything that can be checked without building: specs, cuts, ledgers and lock.

        Errors: SpecErrors, …; NeedsPerson when there is nothing but decisions that contradict each other."""
        project = self.project
        checks: list[Callable[[], object]] = [self.rooms.read_lock, lambda: self.rooms.check_sounds(project)]
        checks += [partial(self._read_whole, shot.name) for shot in project.shots]
        errors: list[SpecError] = []
        checks += [partial(getattr, self, "whole"), self._check_own]
        for check in checks:
            try:
                check()
            except SpecError as error:
                errors.append(error)
            except SpecErrors as several:
                errors += several.errors
        self.rooms.memory.save()
        if errors:
            # Several checks may come to the same line.
            raise SpecErrors(list({(str(error.location), error.message): error for error in errors}.values()))
        self._check_merging()
        _refuse(disputed(self.whole.choices))
        return project

    def _check_own(self) -> None:
        """Errors: SpecErrors, of what generators of one's own cannot do."""
        with self._hosted() as hosting:
            errors = [] if hosting is None else list(hosting.objections(self.project.shots))
        if errors:
            raise SpecErrors(errors)

    def _read_whole(self, shot: str) -> None:
        for take in self.rooms.ledgers.of(shot).takes:
            whole(take)

    def _check_merging(self) -> None:
        """Says so where Git would call it a conflict that two branches made takes of one shot."""
        shot = next((shot.name for shot in self.project.shots if shot.plate is None), None)
        if shot is not None and git.merge_driver(self.rooms.root, ledger_file(shot)) not in (None, "union"):
            self.rooms.warn("Git does not merge ledgers line by line yet: add `takes/*.jsonl merge=union` to .gitattributes")

    def plan(self, targets: Sequence[str] = (), *, frozen: bool = False) -> PlannedBuild:
        """What `build` with the same targets would do, step by step; nothing is made. Says how the lock differs. frozen:
        looks at what a frozen build would stop at, too."""
        for sentence in self.lock(look=False)[1]:
            self.rooms.warn(sentence)
        for name in self.casting.own.keys() - self._locked.keys():
            self.rooms.warn(f"{name} is not in the lock yet: a build, or `shotbuild lock --update`, looks at it and pins it")
        planned = self._planned(self._wanted(targets))
        return replace(planned, held=self._held(planned.lines)) if frozen or self._frozen else planned

    def plan_rolls(self, more: Mapping[str, int]) -> PlannedBuild:
        """What `roll_each` with the same numbers would do; nothing is made."""
        return self._planned(self.rolls(more))

    def _planned(self, plan: Plan) -> PlannedBuild:
        _refuse(disputed(self._choices(plan)))
        lines = self._forecast(plan)
        stops = self._foretell(plan, lines)
        under_way = self._under_way(lines)
        prices = {step.name: self.casting.price(step) for step in self._unpaid(lines, under_way)}
        lonely = only_here(self.rooms, [choice.shot for choice in self.whole.choices])
        self.rooms.memory.save()
        return PlannedBuild(
            lines=lines,
            prices=prices,
            under_way={
                name: f"{entry.phase.value} at {entry.provider} as {entry.name}" for name, entry in under_way.items()
            },
            caps=self._caps(None) if any(price.amount != 0 for price in prices.values()) else (),
            bill=bill(prices.values()),
            links=plan.links,
            choices=self._choices(plan),
            whole=self._encoded_whole(plan),
            stops=stops,
            only_here=lonely,
        )

    def _encoded_whole(self, plan: Plan) -> tuple[tuple[str, bool], ...]:
        steps = [step.recipe.parameters for step in plan.steps if step.recipe.stage == WHOLE]
        names = [f"{step.sequence}/{step.deliverable}" for step in plan.steps if step.recipe.stage == WHOLE]
        videos = [video for parameters in steps if isinstance(video := parameters.get("video"), Fields)]
        return tuple((name, video.text("codec") in CAPPABLE) for name, video in zip(names, videos, strict=True))

    def _under_way(self, lines: Iterable[Forecast]) -> dict[str, Entry]:
        """The steps that were asked for by an earlier build, they or their fallbacks, and have not come to an end: they are
        not paid for again."""
        asked = {entry.action: entry for entry in self.rooms.journal.unfinished()}
        bound = [(line.step.name, each.key) for line in lines if asked for each in line.wanted if each.step.use]
        return {name: asked[key] for name, key in bound if key in asked}

    def _unpaid(self, lines: Iterable[Forecast], under_way: Mapping[str, Entry]) -> list[Step]:
        return [
            line.step
            for line in self._to_ask(lines)
            if line.step.name not in under_way
            and not any(paid_missing(each, self.rooms) for each in line.wanted)
            and self._barred(line) is None
        ]

    def _to_ask(self, lines: Iterable[Forecast]) -> list[Forecast]:
        """The steps of which nothing was made, and that ask a provider."""
        asking = [line for line in lines if line.step.use and line.state != CACHED]
        # What it continues is not here, and the ledger has it: it is found when that is brought.
        return [line for line in asking if line.wanted or not self.rooms.ledgers.expected(line.step)]

    def _caps(self, max_cost: Money | None) -> tuple[Cap, ...]:
        """The limits that hold, each with all that counts against it."""
        caps_of = load("shotbuild.purchasing:caps_of", "the budget")
        caps: tuple[Cap, ...] = caps_of(self.project, self.rooms.ledgers, self.rooms.journal, max_cost, build="")
        return tuple(replace(cap, spent=self.rooms.journal.owed(cap)) for cap in caps)

    def _foretell(self, plan: Plan, lines: Sequence[Forecast]) -> tuple[ShotbuildError, ...]:
        """Says, and gives, what will stop a build of this plan."""
        unmade = frozenset(line.step.name for line in lines if line.state != CACHED)
        stop = too_many(plan.steps, self.rooms.ledgers.of, self.project.budget.takes_per_shot, lambda: unmade)
        missing: list[ShotbuildError | None] = [
            bytes_missing(plan, line.step, self.rooms) for line in lines if line.state != CACHED
        ]
        missing += [paid_missing(each, self.rooms) for line in lines for each in line.wanted]
        missing += [self._barred(line) for line in lines if line.state != CACHED]
        stops = tuple(error for error in (stop, *missing) if error is not None)
        for error in stops:
            self.rooms.warn(f"a build will stop here: {error.message}" + (f" ({error.cause})" if error.cause else ""))
        return stops

    def _held(self, lines: Sequence[Forecast]) -> tuple[ShotbuildError, ...]:
        """What a frozen build stops at, and another one does not: the lock, and takes that are still to be made."""
        found: list[ShotbuildError] = []
        hold_lock = load("shotbuild.making:hold_lock", "the lock")
        try:
            hold_lock(self.rooms, self.casting.resolved(self.rooms.tools(self.project)), "a frozen build")
        except GateError as error:
            found.append(error)
        found += [each for line in self._to_ask(lines) if (each := frozen_missing(line.step)) is not None]
        return tuple(found)

    def _barred(self, line: Forecast) -> ShotbuildError | None:
        """Why a service is not asked for a step any more; None when it has a fallback, which may be."""
        if not line.wanted or line.step.fallbacks or (terms := self.casting.terms(line.step)) is None:
            return None
        journal, key = self.rooms.journal, line.wanted[0].key
        return barred(journal, key, line.step.name, terms.attempts, self.rooms.present)

    def build(
        self,
        targets: Sequence[str] = (),
        options: BuildOptions = DEFAULTS,
        cancel: threading.Event | None = None,
    ) -> Built:
        """Makes what is missing and puts the results into out/. No targets = everything."""
        options = self._allowed(options)
        self._pin_own(options)
        return self._build(self._wanted(targets), options, cancel, "build")

    def deliver(
        self,
        targets: Sequence[str] = (),
        options: BuildOptions = DEFAULTS,
        cancel: threading.Event | None = None,
        *,
        only: Sequence[str] = (),
        to: Path | None = None,
        force: bool = False,
    ) -> Built:
        """Makes the deliverables that are meant, or all, and what they need; out/ gets the deliverables only.

        only: names or globs of deliverables, of those that the targets mean; to: a folder that gets a package of them, if
        all of them are there and keep what their profiles ask; force: replaces files in it that no delivery wrote.
        What a file does not keep is in `Built.gates`, and `Built.exit_code` is 3 then.

        Errors: GateError with `options.strict`, when a take in them lacks an approval or a pin is not that of the lock.
        """
        options = self._allowed(options)
        if to is not None:
            check_folder(to, self.rooms.root)  # before anything is made, and paid for
        self._pin_own(options)
        plan = self._deliverables(targets, only)
        choices = self._choices(plan)
        _refuse(disputed(choices))
        if options.strict:
            _refuse(unapproved(choices, self.project.approvals))
        built = self._judged(self._build(plan, options, cancel, "deliver"))
        if to is None or built.exit_code:
            return built
        try:
            return self._handed(built, plan, to, force=force)
        except BytesLost:  # they were set aside, and are made again
            again = self._judged(self._build(plan, options, cancel, "deliver"))
            again = replace(again, ran=(*built.ran, *again.ran))
            return again if again.exit_code else self._handed(again, plan, to, force=force)

    def _judged(self, built: Built) -> Built:
        gates, waived = judged(self.rooms, delivered(self.project, built.results))
        return replace(built, gates=gates, waived=waived)

    def _handed(self, built: Built, plan: Plan, to: Path, *, force: bool) -> Built:
        found = delivered(self.project, built.results)
        return replace(built, handed=package(self._story(plan), found, to, force=force))

    def _deliverables(self, targets: Sequence[str], only: Sequence[str]) -> Plan:
        """What is needed for the deliverables that are meant, and their links alone. Errors: PlanError when none is."""
        project = self.project
        meant = self._meant(targets) if targets else frozenset(step.name for step in self.whole.steps)
        linked = {link.step for link in self.whole.links}
        named = {step_of(each) for each in called(project, only, fnmatchcase)} if only else None
        of_step = {step.name: f"{step.sequence}/{step.deliverable}" for step in self.whole.steps if step.deliverable}
        found = {of_step[name] for name in meant if name in of_step and name in linked}
        found = found if named is None else found & named
        if (targets or only) and not found:
            raise PlanError(
                f"no deliverable is meant by {' '.join([*targets, *(f'--only {word}' for word in only)])}",
                hint="name a deliverable or a sequence; `shotbuild status` lists them",
            )
        wanted = frozenset(name for name, deliverable in of_step.items() if name in linked and deliverable in found)
        plan = needed(self.whole, wanted)
        return replace(plan, links=tuple(link for link in plan.links if link.step in wanted))

    def _story(self, plan: Plan) -> Story:
        """What sidecars tell, with the takes that the build made."""
        fresh = any(choice.take is None for choice in self._choices(plan))
        whole = self.plan_of(self.project, self.ffmpeg) if fresh else self.whole
        return Story(project=self.project, rooms=self.rooms, plan=whole)

    def film_of(self, shot: Shot, *, finished: bool = False) -> tuple[Take | None, Digest]:
        """The take that stands for a shot, None for a plate, and bytes in the store: its own, or with `finished` those of
        the film that the finishing stages make of it, for which nothing is bought.

        Errors: PlanError while there is no take; StoreError when its bytes are not here; those of a build."""
        take = None if shot.plate is not None else self.chosen[shot.name].take
        if shot.plate is None and take is None:
            raise PlanError(f"shot {shot.name} has no take yet", hint=f"run `shotbuild build {shot.name}` first")
        if finished:
            link = next((link for link in self.whole.links if link.path.rpartition(".")[0] == f"shots/{shot.name}"), None)
            if link is not None:
                plan = replace(needed(self.whole, [link.step]), links=(link,))
                built = self._build(plan, BuildOptions(kept_only=True), None, "build")
                if built.failed:
                    raise built.failed[0].error
                return take, built.results[0][1]
        if shot.plate is not None:
            source = SourceFile(path=shot.plate, location=shot.location)
            digest = self.rooms.source(source)
            self.rooms.bring(source, digest)
            return None, digest
        assert take is not None, "a shot is a plate or has a take"
        return take, take.video

    def shots_of(self, targets: Sequence[str]) -> tuple[str, ...]:
        """The shots that are seen in what targets mean, in the order of the specs; all for none."""
        seen = {shot for step in self._wanted(targets).steps for shot in step.shots} if targets else None
        return tuple(shot.name for shot in self.project.shots if seen is None or shot.name in seen)

    def roll(
        self,
        shots: Sequence[str],
        count: int,
        options: BuildOptions = DEFAULTS,
        cancel: threading.Event | None = None,
    ) -> tuple[Built, tuple[Take, ...]]:
        """Makes `count` more takes of each shot, with seeds of their own; what stands for the shot stays, if a person chose
        it. Gives the new takes as well. Errors: LimitReached before anything is made."""
        return self.roll_each(dict.fromkeys(shots, count), options, cancel)

    def roll_each(
        self, more: Mapping[str, int], options: BuildOptions = DEFAULTS, cancel: threading.Event | None = None
    ) -> tuple[Built, tuple[Take, ...]]:
        """As `roll`. more: shot → how many more takes of it."""
        options = self._allowed(options)
        self._pin_own(options)
        plan = self.rolls(more)
        before = {take.id for shot in more for take in self.rooms.ledgers.of(shot).takes}
        built = self._build(plan, options, cancel, "migrate" if self._supposed else "roll")
        after = [take for shot in more for take in self.rooms.ledgers.of(shot).takes]
        return built, tuple(take for take in after if take.id not in before)

    def rolls(self, more: Mapping[str, int]) -> Plan:
        """The steps that make more takes of shots, and what these read."""
        whole = self.plan_of(self.project, self.ffmpeg, more)
        rolled = frozenset(
            step.name
            for step in whole.steps
            if step.asking is not None and step.asking.ordinal in whole.chosen[step.shots[0]].rolled
        )
        return replace(needed(whole, rolled), links=())

    def as_if(self, project: Project) -> "Workspace":
        """This folder under specs that nobody wrote, for a rehearsal: takes are made, kept and paid for as ever. project:
        as it was loaded here, with other shots or providers in it."""
        other = Workspace(self.rooms.root, self.hear, rooms=self.rooms, offered=self.registry)
        other.project = project
        other._supposed = True
        return other

    def make_beside(
        self,
        steps: Sequence[Step],
        options: BuildOptions = DEFAULTS,
        cancel: threading.Event | None = None,
        *,
        command: str,
    ) -> tuple[Built, dict[str, ActionResult]]:
        """Makes steps that stand beside the plan, for the same money and under the same rules; what they read are bytes, or
        other steps among them. Gives the result of each that was made or found, by name. command: as others are told what
        is done here."""
        plan = Plan(steps=tuple(steps), links=())
        return self._build(plan, options, cancel, command), self.look_beside(steps)

    def look_beside(self, steps: Sequence[Step]) -> dict[str, ActionResult]:
        """The results of steps that stand beside the plan, by name, of those that were made."""
        lines = self._forecast(Plan(steps=tuple(steps), links=()))
        return {line.step.name: line.result for line in lines if line.result is not None}

    def status(self, targets: Sequence[str] = ()) -> tuple[Standing, ...]:
        """How each shot and deliverable stands."""
        lines = self._forecast(self.whole)
        self.only_here = only_here(self.rooms, [choice.shot for choice in self.whole.choices])
        self.rooms.memory.save()
        meant = self._meant(targets, lines) if targets else None
        return standings(
            self.project,
            self.whole,
            lines,
            linked=self.rooms.is_linked,
            meant=meant,
        )

    def explain(self, target: str) -> tuple[Forecast, ...]:
        """The steps that a target means, each with the text that is hashed now and the text of its last build."""
        meant = self._meant([target])
        lines = self._forecast(needed(self.whole, meant))
        return tuple(line for line in lines if line.step.name in meant)

    def forecast_of(self, targets: Sequence[str] = ()) -> tuple[Forecast, ...]:
        """How each step stands that the targets need. No targets = everything."""
        return self._forecast(self._wanted(targets))

    def delivery_of(self, targets: Sequence[str] = ()) -> tuple[Forecast, ...]:
        """How each step stands that `deliver` with the same targets needs."""
        return self._forecast(self._deliverables(targets, ()))

    def graph(self, targets: Sequence[str] = (), *, form: str = "dot") -> str:
        """The plan as a drawing. form: `dot` or `mermaid`."""
        lines = self._forecast(self.whole)
        meant = self._meant(targets, lines) if targets else frozenset(line.step.name for line in lines)
        states = {line.step.name: line.state for line in lines}
        drawn: str = load(f"shotbuild.plan.drawing:{form}", "the drawing")(part(self.whole, meant), states)
        return drawn

    def lock(self, *, update: bool = False, look: bool = True) -> tuple[Lock, tuple[str, ...]]:
        """The pins as they resolve now, and how they differ from the lock. update: writes them over the lock; look: at
        generators of one's own as well, which are taken to be what the lock says where they cannot be reached."""
        casting = replace(self.casting, locked=self._looked_at()) if look else self.casting
        now = casting.resolved(self.rooms.tools(self.project))
        locked = self.rooms.read_lock()
        if update:
            refuse_frozen(f"{LOCK_FILE} would be written")
            self.rooms.write_lock(now)
        return now, differences(locked, now) if locked is not None else ()

    def traces(self, built: Built) -> Traces | None:
        """Which files decide that a build has nothing more to do. None where that cannot be said."""
        return traces(self.rooms, self.project, built)

    @property
    def under_way(self) -> bool:
        """Whether a service is still making something, or something has to be fetched."""
        return (self.rooms.hidden / "journal.db").exists() and bool(self.rooms.journal.unfinished())

    # --- which steps ------------------------------------------------------------------------------------------------

    def _wanted(self, targets: Sequence[str]) -> Plan:
        return needed(self.whole, self._meant(targets)) if targets else self.whole

    def _meant(self, targets: Sequence[str], lines: Iterable[Forecast] | None = None) -> frozenset[str]:
        """Targets → step names. Only `status:` needs a forecast, and only `changed:` asks Git."""
        words = [target.strip("+") for target in targets]
        if lines is None:
            lines = self._forecast(self.whole) if any(word.startswith("status:") for word in words) else ()
        revisions = {word.partition(":")[2] for word in words if word.startswith("changed:")}
        select = load("shotbuild.plan.select:select", "the selectors")
        steps: frozenset[str] = select(
            self.whole,
            self.project,
            targets,
            states={line.step.name: line.state for line in lines},
            chosen={choice.shot: choice.words for choice in self.whole.choices},
            changed={revision: self._changed_since(revision) for revision in sorted(revisions)},
        )
        return steps

    def _forecast(self, plan: Plan) -> tuple[Forecast, ...]:
        return forecast(plan, self.rooms.source, self.rooms.lookup_all, self.rooms.last)

    def choices_at(self, revision: str) -> Mapping[str, Choice]:
        """What stood for each generated shot at a Git revision, by the specs and ledgers of then. Errors: PlanError."""
        with self._at(revision) as (_, plan):
            return plan.chosen

    def earlier(self, revision: str) -> Earlier:
        """The project as it was at a Git revision. Errors: PlanError."""
        with self._at(revision) as (before, plan):
            return Earlier(project=before.project, plan=plan, texts=before.texts(plan.steps))

    def texts(self, steps: Iterable[Step]) -> dict[str, str]:
        """Steps by name → recipe and what it reads, as text: source files by their bytes, other steps by name."""
        return {step.name: _text(step, self.rooms.source) for step in steps}

    @contextmanager
    def _at(self, revision: str) -> "Iterator[tuple[Workspace, Plan]]":
        ffmpeg = self.ffmpeg  # mistakes in today's specs are told as such
        with checked_out(self.rooms.root, revision) as folder:
            before = Workspace(folder, rooms=self.rooms.elsewhere(folder), offered=self.registry)
            try:
                plan = before.plan_of(before.project, ffmpeg)
            except SpecErrors as error:
                raise PlanError(f"the project at {revision} has errors", cause=error.errors[0].message) from error
            yield before, plan

    def _changed_since(self, revision: str) -> frozenset[str]:
        """The steps whose recipe, inputs or source bytes are not those of a Git revision."""
        texts = self.earlier(revision).texts
        return frozenset(name for name, text in self.texts(self.whole.steps).items() if texts.get(name) != text)

    # --- generators of one's own --------------------------------------------------------------------------------------

    @contextmanager
    def _hosted(self) -> Iterator[Any]:
        """None = the project has none."""
        if not self.casting.own:
            yield None
            return
        # What it needs to reach a server takes long to load.
        with closing(load("shotbuild.hosting:Hosting", "generators of one's own")(self.casting, self.rooms)) as hosting:
            yield hosting

    def _looked_at(self) -> dict[str, Facts]:
        found: dict[str, Facts] = {}
        self.unseen = ()
        with self._hosted() as hosting:
            for name in self.casting.own if hosting is not None else ():
                assert hosting is not None
                try:
                    found[name] = hosting.facts(name)
                except ShotbuildError as error:
                    why = f"{error.message} ({error.cause})" if error.cause else error.message
                    self.rooms.warn(f"not looked at: {why}")
                    self.unseen = (*self.unseen, name)
                    found |= {name: self._locked[name]} if name in self._locked else {}
        self.rooms.memory.save()
        return found

    def _pin_own(self, options: BuildOptions) -> None:
        """Before a build is planned: looks at those that the lock does not have. What cannot be looked at is told by the
        step that asks it."""
        fresh = self.casting.own.keys() - self._locked.keys()
        if not fresh or not options.generates:
            return
        with self._hosted() as hosting:
            assert hosting is not None, "the project has some"
            for name in sorted(fresh):
                with suppress(ShotbuildError):
                    self._locked[name] = hosting.facts(name)
        for planned in ("whole", "chosen"):
            self.__dict__.pop(planned, None)

    # --- making -------------------------------------------------------------------------------------------------------

    @contextmanager
    def early(self, options: BuildOptions, cancel: threading.Event, *, deliver: bool = False) -> Iterator[None]:
        """Around a build, or a delivery, of everything, from before the project is loaded: where only few shots were edited
        since the last one, their takes are begun while the rest is looked at. cancel: that of the build."""
        options = self._allowed(options)
        if options.generates and not options.strict and not options.first and self._offered is None:
            with suppress(ShotbuildError):  # who loads all of it tells what is wrong
                self._ahead = self._begun(options, cancel, deliver=deliver)
        try:
            yield
        finally:
            if self._ahead is not None:
                self._ahead.close()
                self._ahead = None

    def _begun(self, options: BuildOptions, cancel: threading.Event, *, deliver: bool) -> Ahead | None:
        project = spec.edited(self.rooms.root, self.tables, self.rooms.kept)
        if project is None or any(shot.moved for shot in project.shots):
            return None
        if options.on or project.settings.executor != EXECUTOR_HERE:
            return None  # others make them
        if deliver:
            shown = self.rooms.kept.shown
            project = replace(project, shots=tuple(shot for shot in project.shots if shot.name in shown))
        self.rooms.ledgers.follow(project.shots)
        plan = self.plan_of(project, self.rooms.tool(project).pin)
        _refuse(too_many(plan.steps, self.rooms.ledgers.of, project.budget.takes_per_shot, partial(self._unmade, plan)))
        ahead: Ahead | None = load("shotbuild.early:begin", "the build")(
            plan, project, self.rooms, self.registry, cancel, options.jobs
        )
        return ahead

    def _allowed(self, options: BuildOptions) -> BuildOptions:
        """How to build where the environment may say that nothing is made."""
        return replace(options, frozen=True) if self._frozen else options

    def _build(self, plan: Plan, options: BuildOptions, cancel: threading.Event | None, command: str) -> Built:
        options, cancel = self._allowed(options), cancel or threading.Event()
        if options.frozen:
            with self.rooms.ledgers.closed():
                return self._run(plan, options, cancel, command)
        return self._run(plan, options, cancel, command)

    def _run(self, plan: Plan, options: BuildOptions, cancel: threading.Event, command: str) -> Built:
        plan = first(plan, options.first)
        _refuse(disputed(self._choices(plan)))
        if options.generates:
            limit = self.project.budget.takes_per_shot
            _refuse(too_many(plan.steps, self.rooms.ledgers.of, limit, partial(self._unmade, plan)))
        expected = self._check_price(plan, options)
        if not self._supposed:  # else the spec has moved on from every take
            for sentence in remarks(self._choices(plan), self.project.shots):
                self.rooms.warn(sentence)
        if not options.frozen and not options.aside:
            self.rooms.ledgers.enter_moves()
        if self.rooms.shared is not None:
            self._forecast(plan)  # asks for all of it together; step by step, each would wait for an answer of its own
        # What builds takes long to load, and most calls only look.
        tell = load("shotbuild.progress:Told", "what builds tell")
        price = "" if expected.free else str(expected)
        told = tell(self.rooms.folder, self.hear, command, price, kept=not options.aside)
        with self._hosted() as hosting, told:
            built: Built = load("shotbuild.making:make", "the build")(
                plan,
                self.project,
                self.rooms,
                self.registry,
                self.casting,
                options,
                cancel,
                told.hear,
                hosting,
                self._ahead,
            )
            told.ended(built, stopped=cancel.is_set())
        return built

    def _check_price(self, plan: Plan, options: BuildOptions) -> Bill:
        """What a build will cost at most. Errors: LimitReached. What is free needs no forecast."""
        if not options.generates or all(self.casting.price(step).amount == 0 for step in plan.steps if step.use):
            return bill(())
        lines = self._forecast(plan)
        missing = self._unpaid(lines, self._under_way(lines))
        prices = {step.name: self.casting.price(step) for step in missing}
        expected = bill(prices.values())
        if expected.free:
            return expected
        for cap in self._caps(options.max_cost):
            meant = [step for step in missing if cap.concerns(self.casting.sequences_of(step))]
            check_budget(bill(prices[step.name] for step in meant), cap.limit, cap.spent, cap.of)
        return expected

    def _unmade(self, plan: Plan) -> frozenset[str]:
        """The steps of a plan that nobody has made."""
        return frozenset(line.step.name for line in self._forecast(plan) if line.state != CACHED)

    def _choices(self, plan: Plan) -> tuple[Choice, ...]:
        """What stands for the shots that a plan needs."""
        shots = {shot for step in plan.steps for shot in step.shots}
        return tuple(choice for choice in plan.choices if choice.shot in shots)

    @property
    def ffmpeg(self) -> Pin:
        """The ffmpeg that is used, as recipes name it."""
        return self.rooms.tool(self.project).pin


def _refuse(error: ShotbuildError | None) -> None:
    if error is not None:
        raise error


def tables(registry: Registry) -> spec.Tables:
    """What the written format must know of providers, stages and profiles."""
    return spec.Tables(
        providers=Lazy({name: partial(_models, registry, name) for name in registry.providers}),
        stages={name: effect.fields for name, effect in EFFECTS.items()}
        | {name: entry.fields for name, entry in registry.stages.items() if entry.fields is not None},
        profiles=registry.profiles,
        finishing=_finishing,
        first=frozenset(name for name, effect in EFFECTS.items() if effect.reads),
        is_service=lambda name: is_service(registry.providers[name]),
        objections=partial(_objections, registry),
    )


def _finishing(stage: str, settings: Fields) -> tuple[Objection, ...]:
    effect = EFFECTS.get(stage)
    return () if effect is None else effect.objections(settings)


def _models(registry: Registry, name: str) -> Mapping[str, Model]:
    return registry.providers[name].models


def _objections(registry: Registry, provider: str, model: str, wish: Wish) -> tuple[Objection, ...]:
    offered = registry.providers[provider]
    return (*table_objections(offered.models[model], wish), *offered.objections(model, wish))


def _text(step: Step, source: Callable[[SourceFile], Digest]) -> str:
    """A step's recipe and what it reads, as text: source files by their bytes, other steps by name."""
    inputs = {
        name: source(origin).sha256
        if isinstance(origin, SourceFile)
        else origin.digest.sha256
        if isinstance(origin, Chosen)
        else f"{origin.step}:{origin.name}"
        for name, origin in (*step.inputs, *step.cites)
    }
    return canonical({"recipe": recipe_fields(step.recipe), "inputs": inputs})


def open_project(path: str | Path = ".", hear: Callable[[Event], None] = lambda _: None) -> Workspace:
    """The project in a folder, or in the nearest one above it. Errors: PlanError when there is none."""
    return Workspace(find_root(Path(path)), hear)
