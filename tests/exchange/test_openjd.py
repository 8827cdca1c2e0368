"""A template says nothing that a spec says, and keeps to the limits of Open Job Description."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from shotbuild.exchange.addresses import without_user
from shotbuild.exchange.lots import divided
from shotbuild.exchange.openjd import template, values
from shotbuild.exchange.parcel import Parcel
from shotbuild.records import Recipe, StoreUse
from tests.exchange.test_parcel import parcel_of, workspace_of

FOLDER = StoreUse(address="/mnt/team/store")
BUCKET = StoreUse(address="s3://film/store", endpoint="https://rgw.example:8080", region="eu")


@pytest.fixture
def parcel(tmp_path: Path) -> Parcel:
    return parcel_of(workspace_of(tmp_path / "film"))


def steps_of(said: dict[str, Any]) -> list[dict[str, Any]]:
    return list(said["steps"])


def arguments(step: dict[str, Any]) -> list[str]:
    return list(step["script"]["actions"]["onRun"]["args"])


def test_names_that_are_format_strings_are_words(parcel: Parcel) -> None:
    odd = "{{Param.Store}} $(reboot)\n`x`\x1b[31m" + "long " * 100
    recipe = parcel.steps[0].recipe
    hostile = Recipe(stage=odd, version=1, pins=recipe.pins, parameters=recipe.parameters)
    spoilt = replace(parcel, project=odd, steps=(replace(parcel.steps[0], recipe=hostile), *parcel.steps[1:]))
    said: Any = template(spoilt, FOLDER)
    names = [said["name"], *(step["name"] for step in said["steps"])]
    assert all(0 < len(name) <= 64 and name.isprintable() for name in names)
    assert len(set(names)) == len(names)
    text = json.dumps(said)
    assert {part.split("}}")[0] for part in text.split("{{")[1:]} == {
        "Param.Plan", "Param.Store", "Param.OutDir", "Task.Param.Number", "Session.WorkingDirectory",
    }  # fmt: skip
    assert "reboot" in said["name"]
    assert "$(" not in text
    assert "`" not in text


def test_no_prompt_stands_in_it(parcel: Parcel) -> None:
    assert any("lighthouse" in str(step.recipe.parameters) for step in parcel.steps)
    assert "lighthouse" not in json.dumps(template(parcel, FOLDER))


def test_every_lot_is_a_task_of_one_step(parcel: Parcel) -> None:
    said: Any = template(parcel, FOLDER)
    found: list[int] = []
    for step in steps_of(said)[:-1]:
        (number,) = step["parameterSpace"]["taskParameterDefinitions"]
        first, _, final = number["range"].partition("-")
        found += range(int(first), int(final or first) + 1)
    assert found == list(range(1, len(parcel.lots) + 1))


def test_results_are_collected_when_all_else_is_over(parcel: Parcel) -> None:
    said: Any = template(parcel, FOLDER)
    names = [step["name"] for step in said["steps"]]
    seen: set[str] = set()
    waiting = [names[-1]]
    needs = {step["name"]: [each["dependsOn"] for each in step.get("dependencies", [])] for step in said["steps"]}
    while waiting:
        name = waiting.pop()
        seen.add(name)
        waiting += needs[name]
    assert seen == set(names)
    assert names[-1] == "collect"


def test_a_folder_is_no_default_and_is_not_carried_about(parcel: Parcel) -> None:
    said: Any = template(parcel, FOLDER)
    store = said["parameterDefinitions"][0]
    assert (store["type"], store["dataFlow"]) == ("PATH", "NONE")
    assert "default" not in store
    assert values(FOLDER) == {"parameterValues": [{"name": "Store", "value": "/mnt/team/store"}]}


def test_a_bucket_is_a_default_with_all_that_it_takes_to_reach_it(parcel: Parcel) -> None:
    said: Any = template(parcel, BUCKET)
    defaults = {each["name"]: each.get("default") for each in said["parameterDefinitions"]}
    assert defaults["Store"] == "s3://film/store"
    assert (defaults["Endpoint"], defaults["Region"]) == ("https://rgw.example:8080", "eu")
    assert all("{{Param.Endpoint}}" in arguments(step) and "{{Param.Region}}" in arguments(step) for step in steps_of(said))
    assert values(BUCKET) == {"parameterValues": []}


def test_a_user_and_a_password_are_never_written() -> None:
    kept = StoreUse(address="https://ann:secret@cache.example:8443/film")
    assert without_user(kept).address == "https://cache.example:8443/film"
    assert without_user(FOLDER) == FOLDER


def test_a_gpu_is_asked_for_where_a_model_needs_one(parcel: Parcel) -> None:
    first = parcel.steps[0]
    pin = replace(first.recipe.pins[0], provider="diffusers")
    on_gpu = replace(first, recipe=replace(first.recipe, pins=(pin,)))
    steps = (on_gpu, *parcel.steps[1:])
    said: Any = template(replace(parcel, steps=steps, lots=divided(steps)), FOLDER)
    amounts = [{each["name"]: each["min"] for each in step["hostRequirements"]["amounts"]} for step in said["steps"][:-1]]
    assert amounts.count({"amount.worker.vcpu": 1, "amount.worker.gpu": 1}) == 1
    assert sum("amount.worker.gpu" in each for each in amounts) == 1
