"""Steps become lots and waves: in order, each once, and no wave before what its steps read."""

import random

from shotbuild.errors import Location
from shotbuild.exchange.lots import ALIKE, depths, divided, last, on_gpu, waves
from shotbuild.plan.graph import upstream
from shotbuild.records import Fields, Output, Pin, Recipe, Step, fields

STAGES = ("generate", "still", "encode", "lettering", "join")


def step(name: str, *reads: str, stage: str = "encode", batch: str | None = None, pin: str = "", **settings: str) -> Step:
    pins = (Pin(provider=pin, model="m", version="1"),) if pin else ()
    parameters = fields(settings=Fields(tuple(sorted(settings.items())))) if settings else Fields()
    return Step(
        name=name,
        recipe=Recipe(stage=stage, version=1, pins=pins, parameters=parameters),
        inputs=tuple((f"i{number}", Output(step=each, name="o")) for number, each in enumerate(reads)),
        outputs=("o",),
        batch=batch,
        location=Location(file="a", line=1, column=1),
    )


def test_steps_of_a_batch_are_one_lot_and_others_are_alone() -> None:
    steps = [step("a", batch="x"), step("b"), step("c", batch="x"), step("d")]
    assert divided(steps) == (("a", "c"), ("b",), ("d",))


def test_what_is_quick_shares_a_lot() -> None:
    lots = divided([step(str(number), stage="still") for number in range(2 * ALIKE + 1)])
    assert [len(lot) for lot in lots] == [ALIKE, ALIKE, 1]


def test_a_wave_needs_only_what_no_other_of_its_needs_waits_for() -> None:
    steps = [step("a", stage="generate"), step("b", "a", stage="still"), step("c", "a", "b")]
    found = waves(steps, divided(steps))
    assert [(wave.stage, wave.needs) for wave in found] == [("generate", ()), ("still", (0,)), ("encode", (1,))]
    assert last(found) == (2,)


def test_every_step_is_in_one_lot_and_waits_for_all_that_it_reads() -> None:
    chance = random.Random(8)
    for _ in range(40):
        steps: list[Step] = []
        for number in range(chance.randrange(1, 60)):
            known = [each.name for each in steps]
            reads = chance.sample(known, min(len(known), chance.randrange(4)))
            steps.append(
                step(f"s{number}", *reads, stage=chance.choice(STAGES), batch=chance.choice(["x", "y", None, None]))
            )
        lots = divided(steps)
        assert sorted(name for lot in lots for name in lot) == sorted(each.name for each in steps)
        found = waves(steps, lots)
        assert [wave.lots[0] for wave in found] == [1, *(wave.lots[1] + 1 for wave in found[:-1])]
        assert found[-1].lots[1] == len(lots)
        wave_of = {
            name: place for place, wave in enumerate(found) for lot in lots[wave.lots[0] - 1 : wave.lots[1]] for name in lot
        }
        over = [frozenset[int]()] * len(found)
        for place, wave in enumerate(found):
            over[place] = frozenset(wave.needs).union(*(over[need] for need in wave.needs))
        for each in steps:
            assert all(wave_of[name] in over[wave_of[each.name]] for name in upstream(each))
        behind = frozenset(last(found)).union(*(over[place] for place in last(found)))
        assert behind == frozenset(range(len(found)))
        assert max(depths(steps).values()) < len(found)


def test_a_model_is_made_on_a_gpu_unless_it_says_otherwise() -> None:
    assert on_gpu(step("a", stage="generate", pin="diffusers", device="auto"))
    assert not on_gpu(step("a", stage="generate", pin="diffusers", device="cpu"))
    assert not on_gpu(step("a", stage="generate", pin="animatic"))
