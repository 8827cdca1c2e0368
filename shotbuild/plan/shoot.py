"""One shot → its Steps: the takes, the frame that a following shot starts on, the finishing stages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import PurePosixPath

from shotbuild.digest import FIRST_FRAME, asked_of, derived_seed, request_text
from shotbuild.errors import LimitReached, SpecError
from shotbuild.plan.choose import Choice, Current, choose
from shotbuild.plan.materials import Effect, Generator, Materials, ShotFilm
from shotbuild.plan.timeline import frames_of, seconds_of
from shotbuild.records import (
    Asking,
    Chosen,
    Fields,
    Finish,
    Origin,
    Output,
    Project,
    Recipe,
    Shot,
    SourceFile,
    Step,
    Take,
    Value,
    fields,
)
from shotbuild.units import rate_text

STILL_TO_BE_MADE = "of a take that is still to be made"
ENHANCE, VIDEO = "enhance", "video"
"""The stage of a finishing step that a provider does, and the role of the clip that it reads."""
LONG = Fraction(60)
"""Seconds: what lasts longer is not decoded from its beginning for every segment."""
MADE_SUFFIX = ".mkv"
"""Of an intermediate."""
LOOK = ("style", "font", "size", "color", "box", "outline", "shadow", "align", "place")
"""The settings of a text that say how it is drawn."""
CHOOSE = "choose"
"""The stage of a step that stands for bytes which a person chose: it is looked up, and never run."""


@dataclass(frozen=True, slots=True)
class _Request:
    """What a shot asks for under one of its names. continues: sha256 of the clip that it goes on from."""

    shot: Shot
    project: Project
    generator: Generator
    version: int
    first_seed: int
    references: Mapping[str, str]
    continues: str | None

    @property
    def frames(self) -> int:
        duration = self.shot.duration
        assert duration is not None, "load gives every generated shot a duration"
        return max(1, duration.at(self.shot.format.rate))

    @property
    def asked(self) -> str:
        return asked_of(self.recipe(1), self.first_seed, self.references, self.continues)

    def text(self, ordinal: int) -> str:
        return request_text(self.recipe(ordinal), self.references, self.continues)

    def recipe(self, ordinal: int) -> Recipe:
        shot, seen = self.shot, self.generator.shows
        names: dict[str, Value] = {"project": self.project.name, "shot": shot.name, "title": shot.title}
        parameters = fields(
            **{name: text for name, text in names.items() if name in seen},
            take=ordinal,
            prompt=shot.prompt or "",
            seed=self.first_seed if ordinal == 1 else derived_seed(self.first_seed, ordinal),
            frames=self.frames,
            size=str(shot.format.size),
            rate=rate_text(shot.format.rate),
            color=shot.format.color,
            settings=_without(shot.settings, self.generator.files),
        )
        return Recipe(stage="generate", version=self.version, pins=self.generator.pins, parameters=parameters)


def _without(settings: Fields, names: tuple[str, ...]) -> Fields:
    return Fields(tuple((name, value) for name, value in settings if name not in names)) if names else settings


def _files(shot: Shot, generator: Generator) -> list[tuple[str, SourceFile]]:
    """The files of the project that a shot's takes are made from, by the names under which its provider gets them."""
    found = [(each.role, SourceFile(path=each.path, location=each.location)) for each in shot.references]
    for name in generator.files:
        path = shot.settings.get(name)
        if isinstance(path, str):
            found.append((name, SourceFile(path=path, location=shot.location)))
    return found


def _digests(shot: Shot, generator: Generator, materials: Materials) -> dict[str, str]:
    return {name: materials.source(place).sha256 for name, place in _files(shot, generator)}


def take_name(shot: str, ordinal: int) -> str:
    return f"{shot}/t{ordinal}"


def generated(
    shot: Shot, project: Project, materials: Materials, films: Mapping[str, ShotFilm]
) -> tuple[list[Step], ShotFilm, Choice]:
    """What stands for a shot, and the steps that bring it. films: the shots before it, for `continue`.

    Errors: LimitReached for more takes than the budget allows; SpecError.
    """
    if shot.takes > project.budget.takes_per_shot:
        raise LimitReached(
            f"shot {shot.name} asks for {shot.takes} takes, the limit is {project.budget.takes_per_shot}",
            location=shot.location,
            hint="change the prompt instead of asking again, or raise `takes_per_shot` in `budget`",
        )
    generator = materials.generators[shot.name]
    before = None if shot.continues is None else films[shot.continues]
    request, others, choice = _chosen(shot, project, materials, before)
    steps: list[Step] = []
    inputs: list[tuple[str, Origin]] = [*_files(shot, generator)]
    if before is not None and choice.ordinals:
        last = _last_frame(before, materials)
        steps.append(last)
        inputs.append((FIRST_FRAME, Output(step=last.name, name="frame.png")))
    output = f"take.{generator.extension}"
    continues = None if before is None else before.take
    for ordinal in choice.ordinals:
        asking = Asking(
            ordinal=ordinal,
            first_seed=request.first_seed,
            continues=continues,
            asked=choice.asked,
            number=choice.numbers[ordinal],
        )
        name = take_name(shot.name, ordinal)
        step = _step(shot, name, request.recipe(ordinal), tuple(inputs), (output,), asking, generator.use)
        if others:
            frames = [(role, origin) for role, origin in inputs if isinstance(origin, Output)]
            instead = (_in_place(step, asking, other, ordinal, frames) for other in others)
            step = replace(step, fallbacks=tuple(instead))
        steps.append(step)
    if choice.stands is None and choice.take is not None:
        kept = _kept(shot, choice.take)
        return [*steps, kept], _film_of(shot, choice.take, kept, _label(choice)), choice
    stands = Output(step=take_name(shot.name, choice.stands or 1), name=output)
    film = ShotFilm(
        shot=shot,
        take=stands,
        video=None if choice.take is None else choice.take.video.sha256,
        picture=stands,
        sound=stands if generator.sound else None,
        seconds=seconds_of(request.frames, shot.format.rate),
        suffix=f".{generator.extension}",
        label=_label(choice),
    )
    return steps, film, choice


def _in_place(step: Step, asking: Asking, other: _Request, ordinal: int, frames: Sequence[tuple[str, Origin]]) -> Step:
    """The same take, asked of a fallback. frames: inputs that other steps make."""
    asking = replace(asking, asked=other.asked if asking.asked else "", instead=step.recipe.pins[0])
    inputs = (*_files(other.shot, other.generator), *frames)
    return replace(step, recipe=other.recipe(ordinal), inputs=inputs, asking=asking, use=other.generator.use)


def _chosen(
    shot: Shot, project: Project, materials: Materials, before: ShotFilm | None
) -> tuple[_Request, tuple[_Request, ...], Choice]:
    """What is asked for, what would be asked of each fallback, and what stands.

    A shot that moved is asked for under the newest of its names that has takes, with the seed of its first name."""
    state = materials.state(shot.name)
    seed = shot.seed if shot.seed is not None else derived_seed(project.name, (*state.formerly, shot.name)[0])
    references: dict[str, str] = {}
    if state.takes:
        references = _digests(shot, materials.generators[shot.name], materials)
    continues = None if before is None else (before.video or STILL_TO_BE_MADE)
    generator_of, version = materials.generators[shot.name], materials.stages["generate"]
    requests = [
        _Request(_called(shot, name), project, generator_of, version, seed, references, continues)
        for name in (shot.name, *reversed(state.formerly))
    ]
    unknown = not state.takes or (before is not None and before.video is None)
    asked = ["" if unknown else request.asked for request in requests]
    newest = next((take.asked for take in reversed(state.takes) if not take.foreign and take.asked in asked), asked[0])
    request = requests[asked.index(newest)]
    others = tuple(
        replace(
            request,
            shot=replace(request.shot, settings=fallback.settings),
            generator=generator,
            references=references and _digests(replace(shot, settings=fallback.settings), generator, materials),
        )
        for fallback, generator in zip(shot.fallbacks, materials.fallbacks.get(shot.name, ()), strict=True)
    )
    for fallback, other in zip(shot.fallbacks, others, strict=True):
        if other.generator.extension != generator_of.extension:
            raise SpecError(
                f"{fallback.provider} cannot stand in for {shot.provider}",
                location=fallback.location,
                cause=f"its takes are .{other.generator.extension} files, not .{generator_of.extension}",
                hint="name another provider or model",
            )
    instead = frozenset(() if unknown else (other.asked for other in others))
    current = Current(
        asked=newest,
        alike=frozenset(asked) | instead,
        instead=instead,
        text=request.text,
        takes=shot.takes,
        more=materials.more.get(shot.name, 0),
    )
    return request, others, choose(shot.name, state, current, materials.request)


def _called(shot: Shot, name: str) -> Shot:
    """A shot under one of its earlier names."""
    return replace(shot, name=name, title=name if shot.title == shot.name else shot.title)


def _kept(shot: Shot, take: Take) -> Step:
    recipe = Recipe(stage=CHOOSE, version=1, pins=(), parameters=Fields())
    inputs: tuple[tuple[str, Origin], ...] = (("take", Chosen(digest=take.video)),)
    return _step(shot, f"{shot.name}/chosen", recipe, inputs, (take.output,))


def _label(choice: Choice) -> str:
    """What people call the take that stands, or the one that will."""
    if choice.take is not None:
        return f"t{choice.take.number}"
    return f"t{choice.numbers.get(choice.stands or 1, 1)}"


def _film_of(shot: Shot, take: Take, kept: Step, label: str) -> ShotFilm:
    origin = Output(step=kept.name, name=take.output)
    return ShotFilm(
        shot=shot,
        take=origin,
        video=take.video.sha256,
        picture=origin,
        sound=origin if take.sound else None,
        seconds=take.seconds,
        suffix=PurePosixPath(take.output).suffix,
        label=label,
    )


def plate(shot: Shot, path: str, materials: Materials) -> ShotFilm:
    """A shot that exists already: a film, whole (cuts trim it), or a still picture that is held for `duration`."""
    footage = materials.footage[path]
    still = footage.seconds == 0
    if still != (shot.duration is not None):
        raise SpecError(
            f"plate {shot.name} needs a `duration`" if still else f"plate {shot.name} takes no `duration`",
            location=shot.location,
            cause=f"{path} is a still picture" if still else f"{path} lasts {float(footage.seconds):.3f} s of itself",
            hint="say how long it is held: `duration: 3s`" if still else "trim it in the cut: `{shot: …, in: …, out: …}`",
        )
    seconds = shot.duration.exact(shot.format.rate) if shot.duration is not None else footage.seconds
    origin = SourceFile(path=path, location=shot.location)
    return ShotFilm(
        shot=shot,
        take=origin,
        video=materials.source(origin).sha256,
        picture=origin,
        sound=origin if footage.sound else None,
        seconds=seconds,
        suffix=PurePosixPath(path).suffix,
        rate=footage.rate,
    )


def finished(shot: Shot, film: ShotFilm, materials: Materials) -> tuple[list[Step], ShotFilm]:
    """The finishing of a shot. Effects in a row are one graph; what a provider or another package does is a step of its own.

    An intermediate is made where somebody reads it: for who opens out/shots/, for a provider, for effects that cost more
    than keeping their result, and for plates so long that they are not decoded again for every cut."""
    steps: list[Step] = []
    seen: dict[str, int] = {}
    finishers = iter(materials.finishers.get(shot.name, ()))
    for finish in shot.finish:
        seen[finish.stage] = seen.get(finish.stage, 0) + 1
        again = f"-{seen[finish.stage]}" if seen[finish.stage] > 1 else ""
        name = f"{shot.name}/{finish.stage}{again}"
        effect = materials.effects.get(finish.stage)
        if effect is not None and finish.provider is None:
            drawn, film = _with_effect(shot, finish, effect, film, materials)
            steps += drawn
            continue
        if film.effects:
            step = _intermediate(shot, f"{shot.name}/finish-{len(steps)}", film, materials)
            film = _made(film, step)
            steps.append(step)
        if finish.provider is not None:
            step = _enhanced(shot, finish, name, film, next(finishers), materials)
        else:
            step = _staged(shot, finish, name, film, materials)
        steps.append(step)
        output = step.outputs[0]
        film = replace(
            film, picture=Output(step=step.name, name=output), suffix=PurePosixPath(output).suffix, ready=False, rate=None
        )
    if film.effects or _far(film):
        step = _intermediate(shot, f"{shot.name}/finish", film, materials)
        steps.append(step)
        if film.heavy or film.seconds > LONG:
            film = _made(film, step)
        else:
            film = replace(film, suffix=MADE_SUFFIX, shown=Output(step=step.name, name=step.outputs[0]))
    return steps, film


def _far(film: ShotFilm) -> bool:
    """Whether each cut of a plate would have to decode it from its beginning: jumping needs frames of one known rate."""
    return film.shot.plate is not None and film.seconds > LONG and film.rate != film.shot.format.rate


def _with_effect(
    shot: Shot, finish: Finish, effect: Effect, film: ShotFilm, materials: Materials
) -> tuple[list[Step], ShotFilm]:
    """The film with one more effect to apply, and the step that draws its text, if it has any."""
    written = finish.settings
    if effect.settle is not None:
        written = effect.settle(written, film.seconds, shot.format.rate)
    settings, steps = dict(written.items), list[Step]()
    files: list[tuple[str, Origin]] = []
    place = len(film.effects)
    named: dict[str, Value] = {}
    for key in effect.files:
        path = settings.pop(key, None)
        if not isinstance(path, str):
            continue
        plain = f"effect{place}-{key}"
        named[key] = plain + PurePosixPath(path).suffix.lower()
        files.append((plain, SourceFile(path=path, location=finish.location)))
    if "text" in settings:
        drawn = _drawn(shot, finish, f"{shot.name}/text-{place}", materials)
        steps.append(drawn)
        plain = f"effect{place}-letters"
        named = {"letters": f"{plain}.png"}
        files = [(plain, Output(step=drawn.name, name="letters.png"))]
        settings = {key: value for key, value in settings.items() if key not in (*LOOK, "text")}
    row = fields(
        effect=finish.stage,
        files=Fields(tuple(sorted(named.items()))),
        settings=Fields(tuple(sorted(settings.items()))),
        version=effect.version,
    )
    retimed = film.retimed
    seconds = film.seconds
    if effect.seconds is not None:
        seconds, retimed = effect.seconds(written, seconds), (*retimed, row)
    film = replace(
        film,
        heavy=film.heavy or effect.is_heavy(written),
        effects=(*film.effects, row),
        files=(*film.files, *files),
        seconds=seconds,
        retimed=retimed,
        rate=None,
    )
    return steps, film


def _drawn(shot: Shot, finish: Finish, name: str, materials: Materials) -> Step:
    """The text of a title that is part of a shot, drawn for the size of its format."""
    look = {key: value for key, value in finish.settings if key in LOOK}
    font = look.pop("font", None)
    inputs: list[tuple[str, Origin]] = []
    if isinstance(font, str):
        inputs.append(("font", SourceFile(path=font, location=finish.location)))
    parameters = fields(
        frame=str(shot.format.size),
        look=Fields(tuple(sorted(look.items()))),
        text=finish.settings.text("text"),
    )
    recipe = Recipe(
        stage="lettering",
        version=materials.stages["lettering"],
        pins=(materials.ffmpeg,),
        parameters=parameters,
    )
    return _step(shot, name, recipe, tuple(inputs), ("letters.png",))


def _intermediate(shot: Shot, name: str, film: ShotFilm, materials: Materials) -> Step:
    """All effects so far in one go, at the shot's own rate."""
    parameters = fields(
        effects=film.effects,
        frames=frames_of(film.seconds, shot.format.rate),
        own=rate_text(shot.format.rate),
        pixels=shot.format.pixels,
    )
    recipe = Recipe(
        stage="finish",
        version=materials.stages["finish"],
        pins=(materials.ffmpeg,),
        parameters=parameters,
    )
    return _step(shot, name, recipe, (("source", film.picture), *film.files), (f"video{MADE_SUFFIX}",))


def _made(film: ShotFilm, step: Step) -> ShotFilm:
    """The film as its intermediate shows it."""
    return replace(
        film,
        picture=Output(step=step.name, name=step.outputs[0]),
        suffix=MADE_SUFFIX,
        effects=(),
        files=(),
        heavy=False,
        ready=True,
        rate=film.shot.format.rate,
    )


def _staged(shot: Shot, finish: Finish, name: str, film: ShotFilm, materials: Materials) -> Step:
    """A stage of another package."""
    recipe = Recipe(
        stage=finish.stage,
        version=materials.stages[finish.stage],
        pins=(materials.ffmpeg,),
        parameters=_merged(
            finish.settings,
            rate=rate_text(shot.format.rate),
            color=shot.format.color,
            pixels=shot.format.pixels,
        ),
    )
    return _step(shot, name, recipe, (("source", film.picture),), ("video.mkv",))


def _enhanced(shot: Shot, finish: Finish, name: str, film: ShotFilm, who: Generator, materials: Materials) -> Step:
    """A finishing stage that a provider does. Its recipe has what the price depends on; the rest is in the clip itself."""
    parameters = fields(
        frames=frames_of(film.seconds, shot.format.rate),
        rate=rate_text(shot.format.rate),
        color=shot.format.color,
        settings=finish.settings,
    )
    recipe = Recipe(stage=ENHANCE, version=materials.stages[ENHANCE], pins=who.pins, parameters=parameters)
    return _step(shot, name, recipe, ((VIDEO, film.picture),), (f"video.{who.extension}",), use=who.use)


def _last_frame(film: ShotFilm, materials: Materials) -> Step:
    recipe = Recipe(
        stage="still",
        version=materials.stages["still"],
        pins=(materials.ffmpeg,),
        parameters=fields(frame="last"),
    )
    return _step(film.shot, f"{film.shot.name}/last-frame", recipe, (("source", film.take),), ("frame.png",))


def _step(
    shot: Shot,
    name: str,
    recipe: Recipe,
    inputs: tuple[tuple[str, Origin], ...],
    outputs: tuple[str, ...],
    asking: Asking | None = None,
    use: str | None = None,
) -> Step:
    return Step(
        name=name,
        recipe=recipe,
        inputs=inputs,
        outputs=outputs,
        shots=(shot.name,),
        asking=asking,
        use=use,
        priority=shot.priority,
        tags=shot.tags,
        location=shot.location,
    )


def _merged(base: Fields, **more: Value) -> Fields:
    return Fields(tuple(sorted((dict(base.items) | more).items())))
