"""The table of effects: what lint refuses, what a plan asks of it, and that it stays light."""

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest

from shotbuild.media.effects import APPLY, PREPARE, READ
from shotbuild.records import Fields, fields
from shotbuild.spec import format as written
from shotbuild.spec.fields import Required
from shotbuild.stages.effects import EFFECTS, EXACT, LOOK

HEAVY = ("av", "ffmpeg", "numpy", "PIL")


def settings(effect: str, **said) -> Fields:
    known = EFFECTS[effect].fields
    defaults = {name: field.default for name, field in known.items() if not isinstance(field.default, Required)}
    return fields(**(defaults | {name.removesuffix("_"): value for name, value in said.items()}))


def parsed(effect: str, setting: str, text: str):
    return EFFECTS[effect].fields[setting].kind.parse(text)


def test_what_the_plan_knows_and_what_is_done_are_the_same_effects() -> None:
    assert EFFECTS.keys() == APPLY.keys() | READ.keys()
    assert {name for name, effect in EFFECTS.items() if effect.prepares} == PREPARE.keys()
    assert {name for name, effect in EFFECTS.items() if effect.reads} == READ.keys()


def test_the_table_loads_no_library_of_pictures() -> None:
    code = f"import sys, shotbuild.stages.effects; print([name for name in {HEAVY} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_every_field_says_what_it_is_and_every_effect_what_it_needs() -> None:
    for effect in EFFECTS.values():
        assert effect.doc.endswith(".")
        assert effect.needs
        assert effect.determinism == EXACT
        assert all(field.doc.endswith((".", "?")) for field in effect.fields.values())
        assert {*effect.files, *effect.draws} <= effect.fields.keys()


def test_a_default_is_what_its_own_field_accepts() -> None:
    for name, effect in EFFECTS.items():
        for key, field in effect.fields.items():
            if isinstance(field.default, str) and hasattr(field.kind, "parse"):
                assert field.kind.parse(field.default) == field.default, (name, key)


def test_titles_take_the_keys_of_the_look_that_cuts_take() -> None:
    assert LOOK.keys() - {"text"} == {key.name for key in written.LOOK}


def test_upscale_keeps_the_names_that_it_had() -> None:
    assert EFFECTS["upscale"].fields.keys() == {"size", "factor", "filter"}


@pytest.mark.parametrize(
    ("effect", "setting", "text", "value"),
    [
        ("crop", "x", "10%", "1/10"),
        ("crop", "width", "0.5", "1/2"),
        ("reframe", "aspect", "9:16", "9:16"),
        ("reframe", "keys", "0s:30%,0.5  2s:0.7,0.5", "0s:3/10,1/2 2s:7/10,1/2"),
        ("reframe", "keys", "00:00:01:12:0.5,0.5", "00:00:01:12:1/2,1/2"),
        ("speed", "factor", "0.5", "1/2"),
        ("speed", "factor", "2/3", "2/3"),
        ("freeze", "for", "500ms", "500ms"),
        ("fade", "in", "12f", "12f"),
        ("fade", "color", "white", "#ffffff"),
        ("interpolate", "rate", "59.94", "60000/1001"),
        ("title", "box", "#00000080", "#00000080"),
    ],
)
def test_what_may_be_written(effect, setting, text, value) -> None:
    assert parsed(effect, setting, text) == value


@pytest.mark.parametrize(
    ("effect", "setting", "text", "expected"),
    [
        ("crop", "width", "0%", "at least"),
        ("crop", "x", "120%", "at most 1"),
        ("crop", "x", "-1", "a share"),
        ("reframe", "aspect", "16x9", "aspect"),
        ("reframe", "aspect", "0:0", "aspect"),
        ("reframe", "aspect", "1:0", "aspect"),
        ("reframe", "aspect", "100:1", "aspect"),
        ("reframe", "keys", "", "1 to 64 keys"),
        ("reframe", "keys", "2s:0.5,0.5 1s:0.5,0.5", "in the order"),
        ("reframe", "keys", "0s:0.5", "across, down"),
        ("reframe", "keys", "0s:0.5,1.5", "a share"),
        ("reframe", "keys", "now:0.5,0.5", "a duration"),
        ("reframe", "keys", "0s:0.5,0.5';drawtext=1", "a share"),
        ("speed", "factor", "0", "1/16 to 16"),
        ("speed", "factor", "17", "1/16 to 16"),
        ("speed", "factor", "1/0", "1/16 to 16"),
        ("speed", "factor", "1.23456", "three places"),
        ("freeze", "at", "12f", "seconds, such as"),
        ("freeze", "for", "0s", "more than 0s"),
        ("title", "for", "0s", "more than 0s"),
        ("title", "at", "2h", "a duration"),
        ("fade", "out", "2m30s", "a duration"),
        ("fade", "color", "#00000080", "without opacity"),
        ("fade", "color", "red:alpha", "a colour"),
        ("interpolate", "rate", "1000", "a frame rate"),
    ],
)
def test_what_is_refused_says_what_was_expected(effect, setting, text, expected) -> None:
    with pytest.raises(ValueError, match=expected):
        parsed(effect, setting, text)


@pytest.mark.parametrize(
    ("effect", "said", "key"),
    [
        ("upscale", {}, "factor"),
        ("upscale", {"size": "320x180", "factor": "2"}, "factor"),
        ("crop", {"x": "1/2", "width": "3/4"}, "width"),
        ("crop", {"y": "1/2"}, "height"),
        ("lut", {"file": "looks/a.png"}, "file"),
    ],
)
def test_settings_that_do_not_go_together_are_told_by_key(effect, said, key) -> None:
    (objection,) = EFFECTS[effect].objections(settings(effect, **said))
    assert objection.key == key
    assert objection.remedy


@pytest.mark.parametrize(("effect", "said"), [("upscale", {"factor": "2"}), ("crop", {}), ("lut", {"file": "A.CUBE"})])
def test_settings_that_go_together_are_not_objected_to(effect, said) -> None:
    assert EFFECTS[effect].objections(settings(effect, **said)) == ()


@pytest.mark.parametrize(
    ("effect", "said", "after"),
    [
        ("speed", {"factor": "1/2"}, 8),
        ("speed", {"factor": "2"}, 2),
        ("freeze", {"at": "1s", "for_": "1.5s"}, Fraction(11, 2)),
    ],
)
def test_an_effect_says_how_long_a_shot_of_four_seconds_gets(effect, said, after) -> None:
    assert EFFECTS[effect].seconds(settings(effect, **said), Fraction(4)) == after


def test_the_plan_settles_what_only_the_cut_knows() -> None:
    rate = Fraction(24000, 1001)
    faster = EFFECTS["interpolate"].settle(settings("interpolate"), Fraction(4), rate)
    assert faster.text("rate") == "24000/1001"
    assert EFFECTS["interpolate"].settle(settings("interpolate", rate="60"), Fraction(4), rate).text("rate") == "60"
    assert EFFECTS["fade"].settle(settings("fade", out="12f"), Fraction(5, 2), rate).fraction("length") == Fraction(5, 2)


def test_the_length_of_a_shot_is_in_no_recipe_that_does_not_ask_for_it() -> None:
    said = settings("fade", in_="1s")
    assert EFFECTS["fade"].settle(said, Fraction(4), Fraction(24)) == said
    assert {name for name, effect in EFFECTS.items() if effect.settle is not None} == {"fade", "interpolate"}


def test_speed_is_heavy_only_where_it_draws_pictures() -> None:
    speed = EFFECTS["speed"]
    assert not speed.is_heavy(settings("speed", factor="1/2"))
    assert not speed.is_heavy(settings("speed", factor="2", smooth=True))
    assert speed.is_heavy(settings("speed", factor="1/2", smooth=True))
    assert EFFECTS["stabilise"].is_heavy(settings("stabilise"))


def test_the_page_on_finishing_has_every_effect_and_every_setting() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs/finishing.md").read_text()
    for name, effect in EFFECTS.items():
        part = page.partition(f"\n### {name}\n")[2].partition("\n#")[0]
        assert effect.doc in part
        assert {setting for setting in effect.fields if f"`{setting}`" not in part} == set(), name
