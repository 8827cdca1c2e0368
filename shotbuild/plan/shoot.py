"""One shot → its Steps: the takes, the frame that a following shot starts on, the finishing stages."""

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import PurePosixPath

from shotbuild.digest import derived_seed
from shotbuild.errors import LimitReached, SpecError
from shotbuild.plan.materials import Materials, ShotFilm
from shotbuild.plan.timeline import frames_of
from shotbuild.records import Fields, Origin, Output, Project, Recipe, Shot, SourceFile, Step, Value, fields
from shotbuild.units import rate_text

FIRST_FRAME = "first_frame"


def chosen_take(shot: Shot) -> int:
    """The number of the take that stands for the shot: the newest of the current recipe."""
    return shot.takes


def take_name(shot: str, take: int) -> str:
    return f"{shot}/t{take}"


def generated(
    shot: Shot, project: Project, materials: Materials, films: Mapping[str, ShotFilm]
) -> tuple[list[Step], ShotFilm]:
    """The steps that make a shot's takes, and the chosen one. films: the shots before it, for `continue`.

    Errors: LimitReached for more takes than the budget allows; SpecError.
    """
    if shot.takes > project.budget.takes_per_shot:
        raise LimitReached(
            f"shot {shot.name} asks for {shot.takes} takes, the limit is {project.budget.takes_per_shot}",
            location=shot.location,
            hint="change the prompt instead of asking again, or raise `takes_per_shot` in `budget`",
        )
    generator = materials.generators[shot.name]
    steps: list[Step] = []
    inputs: list[tuple[str, Origin]] = [
        (reference.role, SourceFile(path=reference.path, location=reference.location)) for reference in shot.references
    ]
    if shot.continues is not None:
        if any(role == FIRST_FRAME for role, _ in inputs):
            raise SpecError(
                f"shot {shot.name} has two first frames",
                location=shot.location,
                cause=f"it continues {shot.continues}, and has a reference `{FIRST_FRAME}` as well",
                hint="keep one of the two",
            )
        last = _last_frame(films[shot.continues], materials)
        steps.append(last)
        inputs.append((FIRST_FRAME, Output(step=last.name, name="frame.png")))
    output = f"take.{generator.extension}"
    frames = _frames(shot)
    for take in range(1, shot.takes + 1):
        recipe = Recipe(
            stage="generate",
            version=materials.stages["generate"],
            pins=generator.pins,
            parameters=_parameters(shot, project, take, frames, generator.shows),
        )
        steps.append(_step(shot, take_name(shot.name, take), recipe, tuple(inputs), (output,), generates=True))
    origin = Output(step=take_name(shot.name, chosen_take(shot)), name=output)
    sound = origin if generator.sound else None
    seconds = Fraction(frames) / shot.format.rate
    suffix = f".{generator.extension}"
    return steps, ShotFilm(shot=shot, take=origin, picture=origin, sound=sound, seconds=seconds, suffix=suffix)


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
    sound = origin if footage.sound else None
    suffix = PurePosixPath(path).suffix
    return ShotFilm(shot=shot, take=origin, picture=origin, sound=sound, seconds=seconds, suffix=suffix)


def finished(shot: Shot, film: ShotFilm, materials: Materials) -> tuple[list[Step], ShotFilm]:
    """The finishing stages of a shot, one after the other; sound stays that of the take."""
    steps: list[Step] = []
    seen: dict[str, int] = {}
    for finish in shot.finish:
        seen[finish.stage] = seen.get(finish.stage, 0) + 1
        again = f"-{seen[finish.stage]}" if seen[finish.stage] > 1 else ""
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
        name = f"{shot.name}/{finish.stage}{again}"
        steps.append(_step(shot, name, recipe, (("source", film.picture),), ("video.mkv",)))
        picture = Output(step=name, name="video.mkv")
        film = replace(film, picture=picture, suffix=".mkv")
    return steps, film


def _last_frame(film: ShotFilm, materials: Materials) -> Step:
    recipe = Recipe(
        stage="still",
        version=materials.stages["still"],
        pins=(materials.ffmpeg,),
        parameters=fields(frame="last"),
    )
    return _step(film.shot, f"{film.shot.name}/last-frame", recipe, (("source", film.take),), ("frame.png",))


def _parameters(shot: Shot, project: Project, take: int, frames: int, shows: tuple[str, ...]) -> Fields:
    seed = shot.seed if shot.seed is not None else derived_seed(project.name, shot.name)
    names = {"project": project.name, "shot": shot.name, "title": shot.title}
    return _merged(
        Fields(tuple((name, text) for name, text in names.items() if name in shows)),
        take=take,
        prompt=shot.prompt or "",
        seed=seed if take == 1 else derived_seed(seed, take),
        frames=frames,
        size=str(shot.format.size),
        rate=rate_text(shot.format.rate),
        color=shot.format.color,
        settings=shot.settings,
    )


def _frames(shot: Shot) -> int:
    assert shot.duration is not None, "load gives every generated shot a duration"
    return frames_of(shot.duration.exact(shot.format.rate), shot.format.rate)


def _step(
    shot: Shot,
    name: str,
    recipe: Recipe,
    inputs: tuple[tuple[str, Origin], ...],
    outputs: tuple[str, ...],
    *,
    generates: bool = False,
) -> Step:
    return Step(
        name=name,
        recipe=recipe,
        inputs=inputs,
        outputs=outputs,
        shots=(shot.name,),
        generates=generates,
        priority=shot.priority,
        tags=shot.tags,
        location=shot.location,
    )


def _merged(base: Fields, **more: Value) -> Fields:
    return Fields(tuple(sorted((dict(base.items) | more).items())))
