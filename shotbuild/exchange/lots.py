"""Steps → lots, which one call of a worker makes, and waves of lots, which may all be made at the same time. Pure.

A farm knows dependencies between waves alone, starts a program for each lot, and sends a wave to machines that have what it
needs. So a wave is one depth of the plan and one stage, and what takes less time than to start a program shares a lot.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from shotbuild.plan.graph import upstream
from shotbuild.records import Fields, Step

ALIKE = 16
"""Steps of one lot, of a stage that is done before a worker has started."""
QUICK = frozenset({"still", "clip-sound", "lettering", "captions", "report", "sheet"})
DIFFUSERS, CPU = "diffusers", "cpu"
SEVERAL_CORES = frozenset({"encode", "whole", "finish", "animation", "frames"})
"""Stages whose work keeps more than one core busy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wave:
    """stage: of all its steps; lots: their numbers, first and last, from 1; steps: how many they have; needs: waves by their
    place that have to be over, none that another one of these waits for; gpu: whether its machine has to have one; cores:
    at least."""

    stage: str
    lots: tuple[int, int]
    steps: int
    needs: tuple[int, ...]
    gpu: bool
    cores: int


@dataclass(slots=True)
class _Row:
    lots: list[int] = field(default_factory=list)
    steps: int = 0
    needs: set[int] = field(default_factory=set)


def divided(steps: Sequence[Step]) -> tuple[tuple[str, ...], ...]:
    """steps: each after those that it reads. The lots of a wave follow one another."""
    found: list[tuple[str, ...]] = []
    waves: dict[tuple[int, str, bool], list[Step]] = {}
    depth = depths(steps)
    for step in steps:
        waves.setdefault((depth[step.name], step.recipe.stage, on_gpu(step)), []).append(step)
    for key in sorted(waves):
        together: dict[object, list[str]] = {}
        for number, step in enumerate(waves[key]):
            alone = number // ALIKE if step.recipe.stage in QUICK else step.name
            together.setdefault(alone if step.batch is None else (step.batch, step.piece), []).append(step.name)
        found += map(tuple, together.values())
    return tuple(found)


def waves(steps: Sequence[Step], lots: Sequence[Sequence[str]]) -> tuple[Wave, ...]:
    """lots: as `divided` gives them."""
    by_name, depth = {step.name: step for step in steps}, depths(steps)
    rows: dict[tuple[int, str, bool], _Row] = {}
    wave_of: dict[str, int] = {}
    for number, lot in enumerate(lots, start=1):
        first = by_name[lot[0]]
        row = rows.setdefault((depth[first.name], first.recipe.stage, on_gpu(first)), _Row())
        row.lots.append(number)
        row.steps += len(lot)
        row.needs.update(wave_of[name] for each in lot for name in upstream(by_name[each]))
        wave_of.update(dict.fromkeys(lot, len(rows) - 1))
    found: list[Wave] = []
    behind: list[frozenset[int]] = []
    for (_, stage, gpu), row in rows.items():
        needs = tuple(sorted(row.needs - frozenset[int]().union(*(behind[need] for need in row.needs))))
        behind.append(frozenset(row.needs).union(*(behind[need] for need in row.needs)))
        cores = 2 if stage in SEVERAL_CORES else 1
        span = row.lots[0], row.lots[-1]
        found.append(Wave(stage=stage, lots=span, steps=row.steps, needs=needs, gpu=gpu, cores=cores))
    return tuple(found)


def last(found: Sequence[Wave]) -> tuple[int, ...]:
    """The waves that no other waits for."""
    waited = {need for wave in found for need in wave.needs}
    return tuple(number for number in range(len(found)) if number not in waited)


def depths(steps: Iterable[Step]) -> Mapping[str, int]:
    """How many steps have to be over, one after another, before each of them."""
    found: dict[str, int] = {}
    for step in steps:
        found[step.name] = max((found[name] + 1 for name in upstream(step)), default=0)
    return found


def on_gpu(step: Step) -> bool:
    """Whether it is for a machine that has one."""
    if not step.recipe.pins or step.recipe.pins[0].provider != DIFFUSERS:
        return False
    settings = step.recipe.parameters.get("settings")
    return not (isinstance(settings, Fields) and settings.get("device") == CPU)
