"""A worker binds what it makes to what the shared store has, makes nothing that costs, and hands out what it has read."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from shotbuild.errors import Cancelled, GateError, MediaError, PlanError, ShotbuildError, StoreError, StoreUnavailable
from shotbuild.exchange import workbench
from shotbuild.host.objects.folder import FolderObjects
from shotbuild.plan.bind import Wanted
from shotbuild.plugins import registry
from shotbuild.records import ActionResult, Digest, Pin
from shotbuild.store.shared import Shared
from tests.exchange.test_parcel import parcel_of, workspace_of

Made = Callable[[Wanted], ActionResult]


class Farm:
    """A shared store in a folder, and a parcel. What makes a step is said by each test."""

    def __init__(self, root: Path) -> None:
        self.parcel = parcel_of(workspace_of(root / "film"))
        self.shared = Shared(FolderObjects(root / "store"), {}, lambda _: None)
        self.takes = tuple(step.name for step in self.parcel.steps if step.recipe.stage == "generate" and not step.inputs)

    def work(self, names: tuple[str, ...], make_one: Made) -> dict[str, ShotbuildError]:
        failures: dict[str, ShotbuildError] = {}

        def make_all(all_wanted: Sequence[Wanted], _progress: object) -> list[workbench.Answer]:
            answers: list[workbench.Answer] = []
            for wanted in all_wanted:
                try:
                    answers.append(make_one(wanted))
                except Exception as error:
                    answers.append(error)
            return answers

        workbench.make(self.parcel, [names], self.shared, make_all, lambda *_: None, failures.__setitem__)
        return failures


@pytest.fixture
def farm(tmp_path: Path) -> Farm:
    return Farm(tmp_path)


def never(wanted: Wanted) -> ActionResult:
    raise AssertionError(f"{wanted.step.name} was made")


def test_a_step_whose_inputs_nobody_made_says_which_number_comes_before(farm: Farm) -> None:
    last = farm.parcel.lots[-1]
    failures = farm.work(last, never)
    error = failures[last[0]]
    assert isinstance(error, StoreError)
    assert "has not been made yet" in error.message
    assert error.hint is not None
    assert "number 1 " in error.hint or "number 2 " in error.hint


def test_numbers_mean_lots(farm: Farm) -> None:
    lots = farm.parcel.lots
    assert workbench.lots_of(farm.parcel, "1") == lots[:1]
    assert workbench.lots_of(farm.parcel, "2-3,1,2") == (lots[1], lots[2], lots[0])


@pytest.mark.parametrize("words", ["", "0", "-1", "1-", "x", "2-1", "1,,2", "999999", "1-999999999999999999999", "²", "1 2"])
def test_what_is_no_number_is_refused(farm: Farm, words: str) -> None:
    with pytest.raises(PlanError):
        workbench.lots_of(farm.parcel, words)


@pytest.mark.parametrize(
    ("provider", "why"), [("runway", "is a service"), ("command", "needs a program"), ("nobody", "is not installed")]
)
@pytest.mark.parametrize("stage", ["generate", "enhance"])
def test_nothing_is_bought_or_run_by_what_a_plan_says(farm: Farm, provider: str, why: str, stage: str) -> None:
    first = next(step for step in farm.parcel.steps if step.recipe.stage == "generate")
    recipe = replace(first.recipe, stage=stage, pins=(Pin(provider=provider, model="m", version="1"),))
    spoilt = replace(
        farm.parcel, steps=tuple(replace(step, recipe=recipe) if step == first else step for step in farm.parcel.steps)
    )
    with pytest.raises(GateError) as refused:
        workbench.check(spoilt, [first.name], registry())
    assert why in str(refused.value.cause)
    assert refused.value.exit_code == 3
    workbench.check(farm.parcel, farm.parcel.numbers, registry())


def test_one_that_fails_does_not_take_the_others_with_it(farm: Farm) -> None:
    made: list[str] = []

    def make_one(wanted: Wanted) -> ActionResult:
        if wanted.step.name == farm.takes[0]:
            raise MediaError("it limps")
        made.append(wanted.step.name)
        outputs = tuple((name, Digest(sha256="0" * 64, size=1)) for name in wanted.step.outputs)
        return ActionResult(outputs=outputs, milliseconds=0)

    failures = farm.work(farm.takes, make_one)
    assert tuple(failures) == farm.takes[:1]
    assert tuple(made) == farm.takes[1:]


@pytest.mark.parametrize("error", [Cancelled("stopped"), StoreUnavailable("gone")])
def test_what_ends_all_work_ends_it_at_once(farm: Farm, error: ShotbuildError) -> None:
    asked: list[str] = []

    def make_one(wanted: Wanted) -> ActionResult:
        asked.append(wanted.step.name)
        raise error

    with pytest.raises(type(error)):
        farm.work(farm.takes, make_one)
    assert asked


def test_a_bug_in_a_stage_is_told_as_one(farm: Farm) -> None:
    def make_one(wanted: Wanted) -> ActionResult:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        farm.work(farm.takes, make_one)


def test_a_store_that_does_not_answer_is_not_taken_for_one_that_has_nothing(farm: Farm, tmp_path: Path) -> None:
    gone = Shared(FolderObjects(tmp_path / "nowhere", seen=True), {}, lambda _: None)
    bindings = workbench.Bindings(farm.parcel, gone)
    with pytest.raises(StoreUnavailable, match="cannot be asked"):
        bindings.bind(farm.parcel.lots[-1][0])


def test_the_address_that_is_named_gets_its_user_from_the_environment() -> None:
    environ = {"SHOTBUILD_STORE": "https://ann:secret@cache.example/film"}
    assert workbench.store_of("https://cache.example/film", None, None, environ).address == environ["SHOTBUILD_STORE"]
    assert workbench.store_of("https://other.example/film", None, None, environ).address == "https://other.example/film"
    assert workbench.store_of(None, None, None, environ).address == environ["SHOTBUILD_STORE"]
    assert workbench.store_of("s3://b/p", "https://e", "eu", {}).endpoint == "https://e"
    assert Path(workbench.store_of("store", None, None, {}).address) == Path("store").absolute()
    with pytest.raises(PlanError, match="needs the address"):
        workbench.store_of(None, None, None, {})
    with pytest.raises(PlanError, match="no address"):
        workbench.store_of("ftp://x/y", None, None, {})
