from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Specs = Callable[[str], Any]

CARDS = (Path(__file__).parent / "examples/cards.yaml").read_text()


def test_a_matrix_makes_one_of_each_combination(specs: Specs) -> None:
    shots = specs(CARDS).load().shots
    names = ["card-de-tall", "card-de-wide", "card-en-tall", "card-en-wide", "door", "logo-de", "logo-en"]
    assert [shot.name for shot in shots] == names
    assert shots[0].prompt == "A card in de, tall, card-de-tall."
    assert (shots[0].title, shots[0].takes, str(shots[0].format.size)) == ("de card", 2, "720x1280")
    assert (shots[3].title, shots[3].takes, str(shots[3].format.size)) == ("en card", 1, "1280x720")


def test_names_are_decided_by_the_matrix_of_who_uses_them(specs: Specs) -> None:
    text = CARDS + (
        "sequences:\n  film:\n    matrix: {aspect: [tall, wide], lang: [de, en]}\n"
        "    cut: [card, logo, door, card-en-wide]\n"
        "deliverables:\n  web:\n    matrix: {lang: [de, en], aspect: [tall, wide]}\n"
        "    sequence: film\n    profile: h264-web\n"
        '    file: "{{ lang }}/{{ aspect }}"\n'
    )
    project = specs(text).load()
    cuts = {each.name: [clip.shot for clip in each.clips] for each in project.sequences}
    assert cuts["film-tall-de"] == ["card-de-tall", "logo-de", "door", "card-en-wide"]
    assert {each.name: (each.sequence, each.file) for each in project.deliverables}["web-en-tall"] == (
        "film-tall-en",
        "en/tall",
    )


def test_a_name_that_is_not_decided_lists_its_variants(specs: Specs) -> None:
    text = CARDS + "sequences:\n  film:\n    matrix: {lang: [de]}\n    cut: [card]\n"
    told = specs(text).told()
    assert "shot 'card' is not one but several" in told
    assert "hint: write one of `card-de-wide`, `card-de-tall`\n" in told


def test_a_matrix_of_one_needs_no_decision(specs: Specs) -> None:
    project = specs("shots:\n  a: {matrix: {lang: [en]}, prompt: x}\nsequences:\n  s: {cut: [a]}\n").load()
    assert project.sequences[0].clips[0].shot == "a-en"


def test_continuing_stays_in_the_same_variant(specs: Specs) -> None:
    text = "shots:\n  a: {matrix: {lang: [en, de]}, prompt: x}\n  b: {matrix: {lang: [en, de]}, prompt: x, continue: a}\n"
    assert {shot.name: shot.continues for shot in specs(text).load().shots}["b-de"] == "a-de"


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        ("{lang: []}", "the list of values is empty"),
        ("{lang: en}", "expected a list of values, found `en`"),
        ("[lang]", "expected variables with their values, found a list"),
        ("{my-lang: [en]}", "'my-lang' cannot be the name of a variable"),
        ("{shot: [en]}", "the variable 'shot' means something else in templates already"),
        ("{lang: [en us]}", "`en us` cannot be a value of a matrix"),
        ("{lang: [a/b]}", "`a/b` cannot be a value of a matrix"),
        ("{lang: [en, EN]}", "the value `EN` stands twice"),
        ("{lang: [" + "x" * 64 + "]}", "'a-" + "x" * 64 + "' cannot be the name of a shot"),
        ("{a: &v [1,2,3,4,5,6,7,8,9,10], b: *v, c: *v, d: *v, e: *v}", "this matrix makes 100000 of 'a'"),
    ],
)
def test_each_mistake_in_a_matrix_is_told_alone(matrix: str, message: str, specs: Specs) -> None:
    folder = specs(f"shots:\n  a: {{prompt: x, matrix: {matrix}}}\nsequences:\n  s: {{cut: [a]}}\n")
    assert [line.split(": ", 1)[1] for line in folder.refused()] == [message]


@pytest.mark.slow
def test_many_matrices_together_are_bounded(specs: Specs) -> None:
    shots = "".join(f"  s{n}: {{prompt: x, matrix: {{a: *v, b: *v, c: *v, d: *v}}}}\n" for n in range(7))
    text = "shots:\n  v: {prompt: x, matrix: {a: &v [1,2,3,4,5,6,7,8,9,10]}}\n" + shots
    told = specs(text).refused()
    assert len(told) == 3
    assert any("this matrix makes 10000 of" in line for line in told)


def test_a_variant_may_not_have_the_name_of_another_shot(specs: Specs) -> None:
    told = specs("shots:\n  a: {prompt: x, matrix: {lang: [en]}}\n  a-en: {prompt: y}\n").refused()
    assert told == ["specs/a.yaml:3:3: shot 'a-en' stands twice"]


def test_an_unknown_variable_in_a_fanned_out_text_is_told_at_the_text(specs: Specs) -> None:
    told = specs('shots:\n  a: {prompt: x, matrix: {lang: [en, de]}, title: "{{ lnag }}"}\n').refused()
    assert told == ["specs/a.yaml:2:51: unknown variable 'lnag'"]
