"""Runs stages again whose results are in the cache, and lays the bytes side by side. Whatever is no provider is
deterministic: anything but the same bytes is an error."""

import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from shotbuild.built import BuildOptions
from shotbuild.digest import of_action
from shotbuild.engine.build import bring_sources
from shotbuild.engine.execute import Workshop, execute, workplace
from shotbuild.errors import MediaError, PlanError, ProcessError, ShotbuildError, StoreError, nearest
from shotbuild.host.forks import cores
from shotbuild.plan.bind import Wanted
from shotbuild.plan.forecast import Forecast
from shotbuild.plan.shoot import CHOOSE
from shotbuild.plugins import load
from shotbuild.records import Digest
from shotbuild.workspace import Workspace

ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rerun:
    """One step that was run again. rolls: how often; differs: what came out otherwise, as an error, None = nothing did."""

    step: str
    stage: str
    rolls: int
    differs: ShotbuildError | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reruns:
    """reruns: in the order of the plan; unmade: steps that nothing was made of yet, so that there is nothing to compare."""

    reruns: tuple[Rerun, ...]
    unmade: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        return max((each.differs.exit_code for each in self.reruns if each.differs is not None), default=0)


def rerun(
    workspace: Workspace,
    targets: Sequence[str],
    stages: Sequence[str],
    rolls: int,
    options: BuildOptions,
    cancel: threading.Event | None = None,
) -> Reruns:
    """Runs each step of some stages again that the targets need. stages: names, or `all`; rolls: how often each.

    Errors: PlanError for a stage that no step is of."""
    lines = [line for line in workspace.forecast_of(targets) if line.step.use is None and line.step.recipe.stage != CHOOSE]
    meant = _meant(lines, stages)
    made = [(line, wanted) for line in meant if (wanted := _wanted(line)) is not None]
    rooms, stop = workspace.rooms, cancel or threading.Event()
    with workplace(rooms.folder("work"), rooms.folder("locks")) as folder:
        shop = Workshop(
            blobs=rooms.blobs,
            stage=workspace.registry.stage,
            ffmpeg=rooms.ffmpeg(workspace.project),
            folder=folder,
            cancel=stop,
            root=rooms.root,
        )
        with ThreadPoolExecutor(options.jobs or cores(), thread_name_prefix="again") as pool:
            try:
                again = list(pool.map(lambda pair: _again(workspace, shop, pair[0], pair[1], rolls), made))
            except BaseException:
                stop.set()
                raise
    rooms.memory.save()
    return Reruns(reruns=tuple(again), unmade=tuple(line.step.name for line in meant if _wanted(line) is None))


def _meant(lines: Iterable[Forecast], stages: Sequence[str]) -> list[Forecast]:
    of_stage: dict[str, list[Forecast]] = {}
    for line in lines:
        of_stage.setdefault(line.step.recipe.stage, []).append(line)
    for name in stages:
        if name != ALL and name not in of_stage:
            guess = nearest(name, sorted(of_stage))
            raise PlanError(
                f"no step that is meant is of stage {name[:80]!r}",
                cause=f"there are {', '.join(sorted(of_stage)) or 'none'}; what providers make is verified without --stage",
                hint=f"did you mean `{guess}`?" if guess else f"name one of them, or `{ALL}`",
            )
    return [line for name, found in of_stage.items() if name in stages or ALL in stages for line in found]


def _wanted(line: Forecast) -> Wanted | None:
    if line.result is None or line.action is None:
        return None
    return Wanted(step=line.step, action=line.action, key=of_action(line.action).sha256, continues=None)


def _again(workspace: Workspace, shop: Workshop, line: Forecast, wanted: Wanted, rolls: int) -> Rerun:
    differs = None
    assert line.result is not None, "only what was made is run again"
    try:
        bring_sources(wanted, workspace.rooms.bring)
        for _ in range(rolls):
            result = execute(wanted, shop)
            for (name, before), (_, now) in zip(line.result.outputs, result.outputs, strict=True):
                if before != now:
                    told = _difference(workspace, before, now)
                    raise ShotbuildError(
                        f"{line.step.name} did not come out again: {name} differs",
                        location=line.step.location,
                        cause=f"{told}; {before.short} was made first, {now.short} now, both are in the store",
                        hint="please report it with both files: a stage that is no provider has to give the same bytes",
                    )
    except ShotbuildError as error:
        differs = error
    return Rerun(step=line.step.name, stage=line.step.recipe.stage, rolls=rolls, differs=differs)


def _difference(workspace: Workspace, before: Digest, now: Digest) -> str:
    """Where two results begin to differ: at a frame, where they have pictures, else at a byte."""
    blobs = workspace.rooms.blobs
    compare = load("shotbuild.media.compare:compare", "the comparison of pictures")
    try:
        with TemporaryDirectory(prefix="shotbuild-") as folder:
            ffmpeg = workspace.rooms.ffmpeg(workspace.project)
            found = compare(ffmpeg, blobs.path(before), blobs.path(now), Path(folder))
    except (MediaError, ProcessError, StoreError):
        return f"the first byte that differs is {_first_byte(blobs.path(before), blobs.path(now))}"
    if found.first_different is not None:
        return f"the first frame that differs is {found.first_different}, of {found.compared}"
    if found.frames_a != found.frames_b:
        return f"one has {found.frames_a} frames, the other {found.frames_b}"
    return f"all frames are equal, the first byte that differs is {_first_byte(blobs.path(before), blobs.path(now))}"


def _first_byte(a: Path, b: Path) -> int:
    """Counted from 0."""
    place = 0
    with a.open("rb") as one, b.open("rb") as other:
        while True:
            left, right = one.read(1 << 20), other.read(1 << 20)
            if left != right:
                pairs = zip(left, right, strict=False)
                return place + next(
                    (index for index, pair in enumerate(pairs) if pair[0] != pair[1]), min(len(left), len(right))
                )
            if not left:
                return place
            place += len(left)
