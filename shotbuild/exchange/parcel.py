"""A parcel: the missing steps of a plan as text, for machines that have neither the project nor its plan. Pure.

Each step has its recipe whole, and reads bytes by digest or what an earlier step of the parcel gives. Steps are divided into
lots: what one call of a worker makes. Nothing of a text is believed when it is read.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shotbuild.digest import canonical, from_plain, recipe_fields
from shotbuild.errors import Location, PlanError
from shotbuild.exchange.lots import divided
from shotbuild.plan.forecast import Forecast
from shotbuild.plan.graph import Link
from shotbuild.records import Chosen, Digest, Fields, Origin, Output, Pin, Recipe, SourceFile, Step, Value, fields

SCHEMA = "shotbuild/parcel/1"
LARGEST = 256 << 20
"""Bytes of a parcel: some ten thousand steps whose prompts are as long as prompts get."""
MOST_STEPS = 100_000
LONGEST = 512
"""Characters of a name."""
HINT = "write it again with `shotbuild export openjd`"
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A file to hand out. path: posix, relative; folder: it is a tar, which is unpacked; origin: its bytes, or who makes
    them."""

    path: str
    folder: bool
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """project: its name; steps: each after those that it reads, which are Output or Chosen; lots: names of steps that one
    call makes, in order, each after those that it needs; results: what is to be handed out in the end."""

    project: str
    steps: tuple[Step, ...]
    lots: tuple[tuple[str, ...], ...]
    results: tuple[Result, ...]
    numbers: Mapping[str, int] = field(init=False, compare=False, repr=False)
    """Name of a step → its place among the steps, from 0."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "numbers", {step.name: number for number, step in enumerate(self.steps)})

    def step(self, name: str) -> Step:
        return self.steps[self.numbers[name]]

    @property
    def read(self) -> tuple[Digest, ...]:
        """The bytes that have to be there before anything is made or handed out, each once."""
        origins = [origin for step in self.steps for _, origin in step.inputs]
        origins += [result.origin for result in self.results]
        return tuple(dict.fromkeys(origin.digest for origin in origins if isinstance(origin, Chosen)))


def packed(project: str, lines: Sequence[Forecast], links: Iterable[Link], source: Callable[[SourceFile], Digest]) -> Parcel:
    """What of a plan is missing. lines: every step of it, in order; source: a project file's digest."""
    given: dict[tuple[str, str], Origin] = {}
    made: dict[tuple[object, ...], str] = {}
    steps: list[Step] = []

    def origin_of(origin: Origin) -> Origin:
        if isinstance(origin, Output):
            return given[origin.step, origin.name]
        return Chosen(digest=source(origin)) if isinstance(origin, SourceFile) else origin

    for line in lines:
        step = line.step
        if line.result is not None:
            given.update({(step.name, name): Chosen(digest=digest) for name, digest in line.result.outputs})
            continue
        bare = Step(
            name=step.name,
            recipe=step.recipe,
            inputs=tuple((name, origin_of(origin)) for name, origin in step.inputs),
            outputs=step.outputs,
            cites=tuple((name, origin_of(origin)) for name, origin in step.cites),
            batch=step.batch,
            piece=step.piece,
            location=step.location,
        )
        # Two steps that ask for the same are one action: the second takes what the first makes.
        alike = made.setdefault((bare.recipe, bare.inputs, bare.outputs, bare.cites), step.name)
        given.update({(step.name, name): Output(step=alike, name=name) for name in step.outputs})
        if alike == step.name:
            steps.append(bare)
    results = tuple(Result(path=link.path, folder=link.folder, origin=given[link.step, link.output]) for link in links)
    return Parcel(project=project, steps=tuple(steps), lots=divided(steps), results=results)


# --- as text ------------------------------------------------------------------------------------------------------------


def text_of(parcel: Parcel) -> str:
    """The same parcel gives the same text on any machine."""
    numbers = parcel.numbers
    return canonical(
        fields(
            schema=SCHEMA,
            project=parcel.project,
            steps=tuple(_row(step, numbers) for step in parcel.steps),
            lots=tuple(tuple(numbers[name] for name in lot) for lot in parcel.lots),
            results=tuple(
                fields(path=each.path, folder=each.folder, origin=_origin(each.origin, numbers)) for each in parcel.results
            ),
        )
    )


def _row(step: Step, numbers: Mapping[str, int]) -> Fields:
    return fields(
        name=step.name,
        recipe=recipe_fields(step.recipe),
        inputs=tuple((name, _origin(origin, numbers)) for name, origin in step.inputs),
        cites=tuple((name, _origin(origin, numbers)) for name, origin in step.cites),
        outputs=step.outputs,
    )


def _origin(origin: Origin, numbers: Mapping[str, int]) -> Value:
    if isinstance(origin, Output):
        return fields(step=numbers[origin.step], output=origin.name)
    assert isinstance(origin, Chosen), "a parcel names no files of the project"
    return fields(sha256=origin.digest.sha256, size=origin.digest.size)


def read(text: bytes, most: int = LARGEST) -> Parcel:
    """most: bytes. Errors: PlanError when it is no parcel, or one of another version."""
    if len(text) > most:
        raise PlanError(f"this is no plan for workers: it is larger than {most} bytes", hint=HINT)
    try:
        said = json.loads(text)
        if not isinstance(said, dict) or said.get("schema") != SCHEMA:
            found = said.get("schema") if isinstance(said, dict) else None
            raise PlanError(
                "this is no plan for workers", cause=f"its schema is {str(found)[:80]!r}, not {SCHEMA}", hint=HINT
            )
        return _read(said)
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError, IndexError) as error:
        cause = f"{type(error).__name__}: {str(error)[:200]}"
        raise PlanError("this plan for workers cannot be read", cause=cause, hint=HINT) from error


def _read(said: dict[str, Any]) -> Parcel:
    steps: list[Step] = []
    rows = said["steps"]
    if len(rows) > MOST_STEPS:
        raise ValueError(f"it has {len(rows)} steps, and {MOST_STEPS} are the most")
    for row in rows:
        steps.append(_read_step(row, steps))
    names = [step.name for step in steps]
    if len(set(names)) != len(names):
        raise ValueError("two of its steps have one name")
    lots = tuple(tuple(names[_number(each, len(names))] for each in lot) for lot in said["lots"])
    if sorted(name for lot in lots for name in lot) != sorted(names):
        raise ValueError("its lots are not its steps, each once")
    results = tuple(
        Result(path=_path(each["path"]), folder=each["folder"] is True, origin=_read_origin(each["origin"], steps))
        for each in said["results"]
    )
    return Parcel(project=_name(said["project"]), steps=tuple(steps), lots=lots, results=results)


def _read_step(row: dict[str, Any], before: Sequence[Step]) -> Step:
    recipe, name = row["recipe"], _name(row["name"])
    parameters = from_plain(recipe["parameters"])
    if not isinstance(parameters, Fields):
        raise TypeError("the parameters have no names")
    step = Step(
        name=name,
        recipe=Recipe(
            stage=_name(recipe["stage"]),
            version=_count(recipe["version"]),
            pins=tuple(Pin(**{key: _name(pin[key]) for key in ("provider", "model", "version")}) for pin in recipe["pins"]),
            parameters=parameters,
        ),
        inputs=tuple((_name(key), _read_origin(origin, before)) for key, origin in row["inputs"]),
        outputs=tuple(_file(each) for each in row["outputs"]),
        cites=tuple((_name(key), _read_origin(origin, before)) for key, origin in row["cites"]),
        location=Location(file="plan.json", line=1, column=1),
    )
    canonical(recipe_fields(step.recipe)).encode()  # half a character is none that could be hashed
    if not step.outputs or len(set(step.outputs)) != len(step.outputs):
        raise ValueError(f"step {name[:80]!r} has no outputs, or two of one name")
    return step


def _read_origin(said: dict[str, Any], before: Sequence[Step]) -> Origin:
    if "sha256" in said:
        if not isinstance(said["sha256"], str) or not _SHA256.fullmatch(said["sha256"]):
            raise ValueError("a digest is not 64 hexadecimal digits")
        return Chosen(digest=Digest(sha256=said["sha256"], size=_count(said["size"])))
    maker = before[_number(said["step"], len(before))]
    if said["output"] not in maker.outputs:
        raise ValueError(f"step {maker.name[:80]!r} does not make {str(said['output'])[:80]!r}")
    return Output(step=maker.name, name=said["output"])


def _number(said: object, count: int) -> int:
    if not isinstance(said, int) or isinstance(said, bool) or not 0 <= said < count:
        raise ValueError(f"{str(said)[:80]!r} is no step before this place")
    return said


def _count(said: object) -> int:
    if not isinstance(said, int) or isinstance(said, bool) or not 0 <= said < 1 << 63:
        raise ValueError(f"{str(said)[:80]!r} is no count")
    return said


def _name(said: object) -> str:
    if not isinstance(said, str) or not 0 < len(said) <= LONGEST:
        raise ValueError(f"{str(said)[:80]!r} is no name")
    said.encode()
    return said


def _file(said: object) -> str:
    if not _FILE.fullmatch(_name(said)):
        raise ValueError(f"{str(said)[:80]!r} is not the name of a file")
    return str(said)


def _path(said: object) -> str:
    """A path that stays below the folder that it is put into."""
    parts = _name(said).split("/")
    if any(part in ("", ".", "..") or part.startswith(".shotbuild") or min(part) < " " for part in parts):
        raise ValueError(f"{str(said)[:80]!r} is no path of a result")
    return "/".join(parts)
