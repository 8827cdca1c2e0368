from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from shotbuild.spec import format as written
from shotbuild.spec.schema import schema
from shotbuild.spec.tables import Table

EXAMPLES = Path(__file__).parent / "examples"
FULL, CARDS, PAID = ((EXAMPLES / name).read_text() for name in ("full.yaml", "cards.yaml", "paid.yaml"))
PROJECT = """\
shotbuild: 1
project: lighthouse
format: {size: 1280x720, rate: 23.976, color: bt709, pixels: yuv422p10le}
providers: {board: {use: animatic, zoom: 1.5, caption: false}, hero: {use: runway, model: gen4.5, at_once: 3, ratio: "16:9",
    per_minute: 5, stall_after: 20m, on_stall: cancel, attempts: 2, price: 0.12 USD}, crisp: {use: topaz, scale: 4}}
defaults:
  {provider: board, duration: 4s, takes: 2, finish: [upscale, upscale: {factor: 2, size: 64x64}],
    or: [hero, {provider: hero, model: gen4, settings: {steps: 3}}]}
vars: {film: 35 mm, words: [a, b]}
budget: {limit: 250 USD, takes_per_shot: 30, sequences: {opening: 50 USD}}
link: hardlink
shots:
"""


@pytest.fixture(scope="module")
def validator(tables: Any) -> Draft202012Validator:
    made = schema(tables)
    Draft202012Validator.check_schema(made)
    return Draft202012Validator(made)


@pytest.mark.parametrize("text", [PROJECT, FULL, CARDS, PAID, "shots:\n  a:\n", "{}", "shotbuild: 1\nproject: p\n" + FULL])
def test_good_files_fit_the_schema(text: str, validator: Draft202012Validator) -> None:
    assert [error.message for error in validator.iter_errors(yaml.safe_load(text))] == []


@pytest.mark.parametrize(
    "text",
    [
        "shot: {}",
        "shotbuild: 1",
        "budget: {limit: 250 USD}",
        "shotbuild: one\nproject: p",
        "shotbuild: 1\nproject: p\nproviders: {a: {use: sora}}",
        "shotbuild: 1\nproject: p\nproviders: {a: {use: animatic, zoon: 2}}",
        "shots: {a: {promt: x}}",
        "shots: {a: {prompt: [x]}}",
        "shots: {a: {prompt: x, seed: -1}}",
        "shots: {a: {prompt: x, duration: 4}}",
        "shots: {a: {prompt: x, fit: fill}}",
        "shots: {a: {prompt: x, settings: {zoon: 1}}}",
        "shots: {a: {prompt: x, finish: [sharpen]}}",
        "shots: {a: {prompt: x, finish: [{upscale: {by: 2}}]}}",
        "shots: {a: {prompt: x, finish: [{upscale: {scale: 2}}]}}",
        "shots: {a: {prompt: x, finish: [{grain: {provider: crisp}}]}}",
        "shots: {a: {prompt: x, or: hero}}",
        "shots: {a: {prompt: x, or: [{model: gen4}]}}",
        "shots: {a: {prompt: x, or: [{provider: hero, seed: 3}]}}",
        "shotbuild: 1\nproject: p\nproviders: {a: {use: runway, per_minute: 0}}",
        "shotbuild: 1\nproject: p\nproviders: {a: {use: runway, stall_after: 960f}}",
        "shotbuild: 1\nproject: p\nproviders: {a: {use: runway, on_stall: stop}}",
        "shotbuild: 1\nproject: p\nbudget: {sequences: {opening: 50}}",
        "shots: {'a/b': {prompt: x}}",
        "sequences: {s: {cut: []}}",
        "sequences: {s: {title: x}}",
        "sequences: {s: {cut: [{shots: a}]}}",
        "sequences: {s: {cut: [{in: 1s}]}}",
        "sequences: {s: {cut: }}",
        "sequences: {s: {cut: [a], audio: [{gain: -6dB}]}}",
        "deliverables: {d: {sequence: s, profile: [h264-web]}}",
    ],
)
def test_bad_files_do_not_fit_the_schema(text: str, validator: Draft202012Validator) -> None:
    assert list(validator.iter_errors(yaml.safe_load(text)))


def test_every_key_of_every_table_is_in_the_schema_with_its_description(tables: Any) -> None:
    described = {(name, text) for name, text in _described(schema(tables))}
    for table in vars(written).values():
        if isinstance(table, Table):
            assert {(key.name, key.doc) for key in table.keys} <= described


def test_the_settings_of_models_and_stages_are_in_the_schema(tables: Any) -> None:
    names = {name for name, _ in _described(schema(tables))}
    assert {"zoom", "caption", "steps", "ratio", "factor"} <= names


def test_the_schema_is_the_same_each_time(tables: Any) -> None:
    assert schema(tables) == schema(tables)


def _described(value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, inner in value.get("properties", {}).items():
            if "description" in inner:
                yield name, inner["description"]
        for inner in value.values():
            yield from _described(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _described(inner)
