"""What a build would do, before it does anything: every Step as `new`, `changed` or `cached`, with the reason.

Walks the plan as the engine will, with the same bind and the same look-ups, but runs nothing. All steps whose inputs are
known are looked up together, so that a store that is far away is asked for all of them at once. Where a step that has to
run might give the bytes that it gave before, what follows is told as changed; the engine then stops early and runs less.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace

from shotbuild.digest import manifest
from shotbuild.plan.bind import Wanted, bound
from shotbuild.plan.explain import changed_fields
from shotbuild.plan.graph import Plan, upstream
from shotbuild.plan.shoot import CHOOSE
from shotbuild.records import Action, ActionResult, Chosen, Digest, Origin, Output, SourceFile, Step

NEW, CHANGED, CACHED = "new", "changed", "cached"


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """state: `new`, `changed` or `cached`; why: in a few words; action: None while an input is still to be made; last: the
    text of the last build, None when there was none or the step is cached; result: of a cached step, None when it will be
    that of another one; wanted: the step and its fallbacks as they are looked up, none while an input is not made yet."""

    step: Step
    state: str
    why: str
    action: Action | None
    last: str | None
    result: ActionResult | None = None
    wanted: tuple[Wanted, ...] = ()

    @property
    def manifest(self) -> str | None:
        """The text that is hashed; None while an input is still to be made."""
        return None if self.action is None else manifest(self.action)


@dataclass(frozen=True, slots=True)
class _Look:
    """A step that was bound and looked up. text: what is hashed; wanted: it and its fallbacks."""

    text: str
    wanted: tuple[Wanted, ...]
    result: ActionResult | None


def forecast(
    plan: Plan,
    source: Callable[[SourceFile], Digest],
    lookup_all: Callable[[Sequence[Wanted]], Sequence[ActionResult | None]],
    last: Callable[[str], str | None],
) -> tuple[Forecast, ...]:
    """source: a project file's digest; lookup_all: bound steps → the result of each; last: step → its last manifest."""
    results: dict[str, ActionResult] = {}
    asking: dict[Hashable, list[Step]] = {}
    same: dict[str, str] = {}
    told: list[Forecast] = []

    def digest_of(origin: Origin) -> Digest:
        if isinstance(origin, Output):
            return results[origin.step].output(origin.name)
        return origin.digest if isinstance(origin, Chosen) else source(origin)

    looks = _looked_up(plan, digest_of, lookup_all, results)
    for step in plan.steps:
        waiting = tuple(name for name in upstream(step) if name not in results)
        look = looks.get(step.name)
        text, jobs, result = (None, (), None) if look is None else (look.text, look.wanted, look.result)
        action = jobs[0].action if jobs else None
        if result is not None:
            told.append(Forecast(step=step, state=CACHED, why="up to date", action=action, last=None, result=result))
            continue
        alike = asking.setdefault(text or _read(step, same, digest_of, results), [])
        maker = next((each.name for each in alike if text or each.recipe == step.recipe), None)
        if maker is None:
            alike.append(step)
        else:
            # Two steps that ask for the same are one action: the second takes what the first makes.
            same[step.name] = maker
            told.append(Forecast(step=step, state=CACHED, why=f"the same as {maker}", action=action, last=None))
            continue
        before = last(step.name)
        state = NEW if before is None else CHANGED
        if step.recipe.stage == CHOOSE:
            why = "the bytes that were chosen are not in the store"
        else:
            why = _reason(before, text) if text is not None else f"{_list(waiting)} will run"
        told.append(Forecast(step=step, state=state, why=why, action=action, last=before, wanted=jobs))
    return tuple(told)


def _looked_up(
    plan: Plan,
    digest_of: Callable[[Origin], Digest],
    lookup_all: Callable[[Sequence[Wanted]], Sequence[ActionResult | None]],
    results: dict[str, ActionResult],
) -> dict[str, _Look]:
    """Every step whose inputs are known, by name. results: gets what was found."""
    missing = {step.name: len(set(upstream(step))) for step in plan.steps}
    readers: dict[str, list[Step]] = {}
    for step in plan.steps:
        for name in set(upstream(step)):
            readers.setdefault(name, []).append(step)
    looks: dict[str, _Look] = {}
    wave = [step for step in plan.steps if not missing[step.name]]
    while wave:
        looks |= _wave(wave, digest_of, lookup_all)
        found = [(step.name, result) for step in wave if (result := looks[step.name].result) is not None]
        results.update(found)
        wave = []
        for name, _ in found:
            for reader in readers.get(name, ()):
                missing[reader.name] -= 1
                wave += [] if missing[reader.name] else [reader]
    return looks


def _wave(
    steps: Sequence[Step],
    digest_of: Callable[[Origin], Digest],
    lookup_all: Callable[[Sequence[Wanted]], Sequence[ActionResult | None]],
) -> dict[str, _Look]:
    looks: dict[str, _Look] = {}
    for step in steps:
        text, first = bound(step, digest_of)
        looks[step.name] = _Look(text, (first, *(bound(each, digest_of)[1] for each in step.fallbacks)), None)
    for place in range(max(len(look.wanted) for look in looks.values())):
        jobs = [(name, look.wanted[place]) for name, look in looks.items() if not look.result and place < len(look.wanted)]
        for (name, _), result in zip(jobs, lookup_all([each for _, each in jobs]), strict=True):
            looks[name] = replace(looks[name], result=result)
    return looks


def _read(
    step: Step, same: Mapping[str, str], digest_of: Callable[[Origin], Digest], results: Mapping[str, ActionResult]
) -> Hashable:
    """What a step reads while some of its inputs are still to be made: those stand under the name of their maker. Few steps
    read the same, so that their recipes are compared, which are long to hash."""
    inputs: list[Hashable] = []
    for name, origin in sorted((*step.inputs, *step.cites), key=lambda item: item[0]):
        if isinstance(origin, Output) and origin.step not in results:
            inputs.append((name, same.get(origin.step, origin.step), origin.name))
        else:
            inputs.append((name, digest_of(origin)))
    return step.recipe.stage, tuple(inputs), step.outputs


def _reason(before: str | None, text: str) -> str:
    if before is None:
        return "not made yet"
    names = changed_fields(before, text)
    return f"{_list(names)} changed" if names else "its result is no longer in the store"


def _list(names: tuple[str, ...] | list[str]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
