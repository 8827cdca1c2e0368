"""What is written of services: how they are asked, who may stand in, who finishes, and what a model does not do."""

from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from shotbuild.media.profiles import PROFILES
from shotbuild.plugins import Lazy, Registry, registry
from shotbuild.providers.interface import Provider
from shotbuild.records import Fields, Wish, fields
from shotbuild.spec.load import load
from shotbuild.stages.catalogue import STAGES
from shotbuild.units import Money
from shotbuild.workspace import tables as tables_of

PAID = (Path(__file__).parent / "examples/paid.yaml").read_text()
FILES = {"assets/keeper.png": b"", "assets/harbour.mov": b""}
HEAD = """\
shotbuild: 1
project: p
providers:
  board: {use: animatic}
  hero: {use: runway, model: gen4.5}
  second: {use: strict, model: narrow}
  crisp: {use: topaz}
"""


@pytest.fixture
def paid(folder: Any) -> Any:
    return folder.write({"shotbuild.yaml": PAID, **FILES}).load()


def shot(project: Any, name: str) -> Any:
    return next(each for each in project.shots if each.name == name)


def test_a_service_is_asked_as_its_entry_says(paid: Any) -> None:
    hero = next(use for use in paid.providers if use.name == "hero")
    assert (hero.per_minute, hero.stall_after, hero.on_stall, hero.attempts) == (10, Fraction(1200), "cancel", 2)
    assert hero.price == Money(Fraction("0.12"), "USD")


def test_a_service_of_which_nothing_is_said_leaves_stalled_takes_and_has_three_attempts(paid: Any) -> None:
    crisp = next(use for use in paid.providers if use.name == "crisp")
    assert (crisp.per_minute, crisp.stall_after, crisp.on_stall, crisp.attempts) == (None, None, "leave", 3)
    assert crisp.price is None


def test_limits_of_sequences_are_sorted_by_name(paid: Any) -> None:
    assert [(name, str(limit)) for name, limit in paid.budget.sequences] == [("opening", "50.50 USD"), ("spot", "20.00 USD")]


def test_a_limit_of_a_sequence_with_one_variant_is_that_variants(folder: Any) -> None:
    text = "shotbuild: 1\nproject: p\nbudget: {sequences: {s: 5 USD}}\nshots: {a: {prompt: x, duration: 1s}}\n"
    text += "sequences: {s: {matrix: {lang: [en]}, cut: [a]}}\n"
    loaded = folder.write({"shotbuild.yaml": text}).load()
    assert loaded.budget.sequences == (("s-en", Money(Fraction(5), "USD")),)


def test_fallbacks_have_their_own_model_and_settings_in_order(paid: Any) -> None:
    first, second = shot(paid, "sh020").fallbacks
    assert (first.provider, first.model, first.settings.get("steps")) == ("hero", "gen4.5", 9)
    assert (second.provider, second.model, second.settings) == ("second", "narrow", fields(quality="low"))
    assert (second.location.line, second.location.column) == (26, 61)


def test_fallbacks_of_the_defaults_count_where_a_shot_says_none(paid: Any) -> None:
    assert [each.provider for each in shot(paid, "sh010").fallbacks] == ["second", "board"]
    assert shot(paid, "sh030").fallbacks == ()


def test_a_default_fallback_that_makes_the_shot_anyway_is_left_out(folder: Any) -> None:
    text = HEAD + "defaults: {duration: 4s, provider: hero, or: [board, hero]}\nshots: {a: {prompt: x}}\n"
    loaded = folder.write({"shotbuild.yaml": text}).load()
    assert [each.provider for each in loaded.shots[0].fallbacks] == ["board"]


def test_a_plate_has_no_fallbacks_of_the_defaults(paid: Any) -> None:
    assert shot(paid, "sh050").fallbacks == ()


def test_a_fallback_says_nothing_of_the_seed(folder: Any) -> None:
    text = (
        HEAD
        + "shots: {a: {prompt: x, duration: 4s, provider: hero, seed: 3, references: {first_frame: a.png}, or: [second]}}\n"
    )
    loaded = folder.write({"shotbuild.yaml": text, "a.png": b""}).load()
    assert loaded.shots[0].seed == 3


def test_finishing_by_a_provider_has_its_model_and_settings(paid: Any) -> None:
    crisp, here, polish = shot(paid, "sh010").finish
    assert (crisp.stage, crisp.provider, crisp.model, crisp.settings) == ("upscale", "crisp", "prob", fields(scale=3))
    assert (here.provider, here.model, here.settings.get("factor")) == (None, None, "2")
    assert (polish.provider, polish.model, polish.settings) == ("hero", "polish", Fields())


def test_default_settings_are_for_takes_and_not_for_finishing(folder: Any) -> None:
    text = HEAD + "defaults: {provider: board, duration: 4s, settings: {scale: 3}}\n"
    assert folder.write({"shotbuild.yaml": text}).refused() == [
        "shotbuild.yaml:8:54: unknown setting 'scale' of any model in use"
    ]


def test_a_default_seed_is_not_used_where_a_model_takes_none(paid: Any) -> None:
    assert shot(paid, "sh040").seed is None
    assert shot(paid, "sh010").seed == 7


def test_a_continued_shot_has_a_first_frame(folder: Any) -> None:
    text = HEAD + "defaults: {provider: second, duration: 4s}\nshots:\n  a: {prompt: x, provider: board}\n"
    assert folder.write({"shotbuild.yaml": text + "  b: {prompt: x, continue: a}\n"}).refused() == []
    assert folder.write({"shotbuild.yaml": text + "  b: {prompt: x}\n"}).refused() == [
        "shotbuild.yaml:11:3: model 'narrow' needs a `first_frame`"
    ]


def test_a_setting_that_came_later_is_in_no_recipe_at_its_default(paid: Any) -> None:
    assert shot(paid, "sh040").settings == fields(quality="high")


def test_a_model_is_told_all_settings_that_it_may_object_to(folder: Any, tables: Any) -> None:
    heard: list[tuple[str, str, Wish]] = []

    def objections(provider: str, model: str, wish: Wish) -> tuple[()]:
        heard.append((provider, model, wish))
        return ()

    text = (
        HEAD
        + "shots:\n  a: {prompt: A gull., duration: 96f, provider: second, references: {video: a.mov, first_frame: a.mov}}\n"
    )
    folder.write({"shotbuild.yaml": text, "a.mov": b""})
    changed = type(tables)(
        **{name: getattr(tables, name) for name in ("providers", "stages", "profiles", "is_service")}, objections=objections
    )
    project = load(folder.root, changed)
    ((provider, model, wish),) = heard
    assert (provider, model, wish.prompt, wish.seconds, wish.references) == (
        *("strict", "narrow", "A gull.", Fraction(4)),
        ("first_frame", "video"),
    )
    assert (wish.format, wish.settings) == (project.format, fields(draft=False, quality="high"))


ONCE = {
    "a default length": ("defaults: {duration: 12s, provider: hero}\nshots: {a: {prompt: x}, b: {prompt: x}}", "8:22"),
    "a setting of the provider entry": ("shots: {a: {prompt: x, duration: 2s, provider: wide}}", "8:45"),
    "a default setting": (
        "defaults: {settings: {steps: 50}}\nshots: {a: {prompt: x, duration: 2s, provider: hero}}",
        "8:30",
    ),
    "a setting that nobody wrote": ("shots:\n  a: {prompt: x, duration: 2s, provider: hero}", "9:3"),
}


@pytest.mark.parametrize(("text", "place"), ONCE.values(), ids=ONCE.keys())
def test_an_objection_is_told_once_where_its_cause_is_written(text: str, place: str, folder: Any, tables: Any) -> None:
    def objections(provider: str, model: str, wish: Wish) -> Any:
        found = list(tables.objections(provider, model, wish))
        steps = wish.settings.get("steps")
        return found or [Refused(f"{steps} steps")] if model == "gen4.5" else found

    wide = "  wide: {use: runway, model: gen4.5, steps: 40}\n" if "wide" in text else ""
    folder.write({"shotbuild.yaml": HEAD + wide + text + "\n"})
    changed = type(tables)(
        **{name: getattr(tables, name) for name in ("providers", "stages", "profiles", "is_service")}, objections=objections
    )
    told = type(folder)(folder.root, changed).refused()
    assert [line.split(": ")[0] for line in told] == [f"shotbuild.yaml:{place}"]


class Refused:
    """An objection to `steps`."""

    key, cause, remedy = "steps", "", "take fewer"

    def __init__(self, message: str) -> None:
        self.message = message


# --- the providers that there are --------------------------------------------------------------------------------------


def watched(named: list[str]) -> Registry:
    """All installed providers; named: gets each name whose provider is made."""
    offered = registry()

    def made(name: str) -> Provider:
        named.append(name)
        return offered.providers[name]

    makers: Mapping[str, Callable[[], Provider]] = {name: partial(made, name) for name in offered.providers}
    return Registry(providers=Lazy(makers), stages=STAGES, profiles=PROFILES)


def test_only_providers_that_a_project_names_are_made(folder: Any) -> None:
    named: list[str] = []
    text = "shotbuild: 1\nproject: p\nproviders: {board: {use: animatic}, hero: {use: runway, per_minute: 3}}\n"
    text += "shots: {a: {prompt: x, provider: hero, duration: 5s}}\n"
    load(folder.write({"shotbuild.yaml": text}).root, tables_of(watched(named)))
    assert sorted(named) == ["animatic", "runway"]


REAL = {
    "too long": ("a: {prompt: x, provider: hero, duration: 11s}", "11s", "this is longer than model 'gen4.5' makes"),
    "a shape": (
        "a: {prompt: x, provider: hero, duration: 5s, format: {size: 640x640}}",
        "640x640",
        "without a first frame, 'gen4.5' makes no picture of the shape 640x640",
    ),
    "no seed": (
        "a: {prompt: x, provider: hero, model: kling_4, duration: 5s, seed: 1}",
        "1}",
        "model 'kling_4' takes no seed",
    ),
    "a fallback": (
        "a: {prompt: x, duration: 5s, provider: board, or: [{provider: hero, model: gen4_turbo}]}",
        "hero, model: gen4_turbo",
        "model 'gen4_turbo' needs a `first_frame`",
    ),
    "an upscaler": (
        "a: {prompt: x, duration: 5s, provider: board, finish: [upscale: {provider: crisp, fps: 24, model: apo-8}]}",
        "24",
        "'apo-8' makes more frames, not fewer",
    ),
    "a key of services": (None, "attempts", "`attempts` means nothing for provider 'animatic'"),
}


@pytest.mark.parametrize(("text", "word", "message"), REAL.values(), ids=REAL.keys())
def test_limits_of_real_models_are_told_with_their_place(text: str | None, word: str, message: str, folder: Any) -> None:
    attempts = ", attempts: 3" if text is None else ""
    head = f"shotbuild: 1\nproject: p\nproviders: {{board: {{use: animatic{attempts}}}, "
    head += "hero: {use: runway}, crisp: {use: topaz}}\n"
    lines = f"{head}shots: {{{text or ''}}}\n".splitlines()
    folder.write({"shotbuild.yaml": "\n".join(lines)})
    (told,) = type(folder)(folder.root, tables_of(registry())).refused()
    _, line, column, said = told.split(":", 3)
    assert said.strip() == message
    assert lines[int(line) - 1][int(column) - 1 :].startswith(word)
