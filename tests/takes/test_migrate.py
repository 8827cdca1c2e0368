"""Another model beside what stands, on a project whose stages write text."""

import json
import threading
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from shotbuild.built import BuildOptions, Built
from shotbuild.engine.events import Warned
from shotbuild.errors import LimitReached, NeedsPerson, PlanError
from shotbuild.plan.choose import Choice
from shotbuild.providers.interface import Model, Rewriting, Strength
from shotbuild.records import FREE, Price
from shotbuild.spec.fields import choice, integer, text, truth
from shotbuild.spec.lockfile import read_lock
from shotbuild.takes.compare import Comparison
from shotbuild.takes.decide import approve, pick, reject, reopen
from shotbuild.takes.losses import to_write
from shotbuild.takes.migrate import Recast, Rehearsal, beside, rehearsal, rehearse
from shotbuild.workspace import Workspace
from tests.e2e.conftest import contents
from tests.fakes import Count, FakeProvider, fake_workspace, write_project
from tests.test_hosting import Own

ANN, BEN = "Ann Lee <ann@x.example>", "Ben Ode <ben@x.example>"
PROJECT = """\
shotbuild: 1
project: film
format: {size: 128x72, rate: 24}
providers:
  board: {use: animatic}
  next: {use: other, steps: 30, look: pale}
defaults: {provider: board, duration: 2s}
"""
SPECS = """\
shots:
  sh010: {prompt: A lighthouse., seed: 7}
  sh020: {prompt: The sea., settings: {sound: scratch}, references: {reference: assets/sea.png}}
  sh030: {continue: sh020, prompt: He climbs., takes: 2}
  sh040: {prompt: A gull.}
  sh050: {plate: assets/plate.mov}
"""
FILES = {
    "shotbuild.yaml": PROJECT,
    "specs/a.yaml": SPECS,
    "assets/sea.png": "sea",
    "assets/plate.mov": "p" * 60,
}
FILM = Model(
    name="film",
    version="7",
    fields={
        "sound": choice("silent", "scratch", "song", default="silent", doc="Sound."),
        "steps": integer(1, 50, default=20, doc="Steps."),
        "look": choice("full", "pale", default="full", doc="Look."),
        "turbo": truth(default=False, doc="Quick.", since="2"),
    },
    roles=("first_frame",),
    seconds=10,
    extension="mov",
    strength=Strength.VERSION,
    rewriting=Rewriting.OFF,
    extends=True,
    ends="2027-01-31",
)
MODELS = {
    "film": FILM,
    "blind": replace(FILM, name="blind", roles=(), seeded=False, extension="mp4"),
    "short": replace(FILM, name="short", lengths=(Fraction(1),), seconds=1),
    "needy": replace(
        FILM, name="needy", fields={"style": text(doc="A style."), "sound": integer(0, 9, default=0, doc="S.")}
    ),
    "sharpen": replace(FILM, name="sharpen", kind="upscale"),
}
DOLLAR = Price(amount=Fraction(1), currency="USD", exact=False)


def opened(
    root: Path,
    count: Count | None = None,
    price: Price = FREE,
    told: list[str] | None = None,
    models: Mapping[str, Model] = MODELS,
) -> Workspace:
    """As a new process would see it."""
    space = fake_workspace(root, count, hear=lambda event: _tell(event, told))
    space.rooms.warn = ([] if told is None else told).append
    other = FakeProvider(name="other", models=models, price_of_one=price)
    providers = {**space.registry.providers, "other": other}
    offered = replace(space.registry, providers=providers)
    return Workspace(root, space.hear, rooms=space.rooms, offered=offered)


def _tell(event: object, told: list[str] | None) -> None:
    if told is not None and isinstance(event, Warned):
        told.append(event.message)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """sh010 is approved, sh020 is picked, sh030 and sh040 stand because they are the newest."""
    root = write_project(tmp_path / "film", FILES)
    assert not opened(root).build().failed
    approve(opened(root), ["sh010 t1"], by=ANN, role="director")
    pick(opened(root), ["sh020 t1"], by=ANN)
    return root


def looked(root: Path, *shots: str, to: str = "next", takes: int = 1, said: Mapping[str, str] | None = None) -> Rehearsal:
    return rehearsal(opened(root), shots, to, said or {}, takes)


def made(found: Rehearsal, options: BuildOptions = BuildOptions()) -> Built:  # noqa: B008 - it is frozen
    return rehearse(found, options, threading.Event())


def rolled(root: Path, *shots: str, **said: Any) -> tuple[Built, list[Comparison]]:
    found = looked(root, *shots, **said)
    return made(found), [each.laid for each in beside(found)]


def only(found: Rehearsal) -> Recast:
    (each,) = found.shots
    return each


def stands(root: Path) -> dict[str, tuple[str, str | None, int | None, tuple[str, ...]]]:
    def row(each: Choice) -> tuple[str, str | None, int | None, tuple[str, ...]]:
        return each.how, None if each.take is None else each.take.id, each.stands, each.moved_on

    return {name: row(each) for name, each in opened(root).chosen.items()}


def events(root: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for path in sorted((root / "takes").iterdir()) for line in path.read_text().splitlines()]


def edit(root: Path, path: str, old: str, new: str) -> None:
    text_ = (root / path).read_text()
    assert old in text_
    (root / path).write_text(text_.replace(old, new))


# --- nothing that stands changes ------------------------------------------------------------------------------------------


def test_what_stands_is_the_same_and_no_decision_is_written(root: Path) -> None:
    before, said, project, out = stands(root), events(root), (root / "shotbuild.yaml").read_text(), contents(root)
    assert {how for how, *_ in before.values()} == {"approved", "picked", "newest"}
    built, laid = rolled(root, "sh*", takes=2)
    assert len(built.generated) == 8
    assert [(each.a.take.shot, each.a.take.number) for each in laid] == [
        ("sh010", 1), ("sh010", 1), ("sh020", 1), ("sh020", 1), ("sh030", 2), ("sh030", 2), ("sh040", 1), ("sh040", 1),
    ]  # fmt: skip
    assert stands(root) == before
    fresh = [event for event in events(root) if event not in said]
    assert [event["event"] for event in fresh] == ["take"] * 8
    assert (built.linked, contents(root)) == ((), out)
    assert (root / "shotbuild.yaml").read_text() == project
    assert opened(root).build().ran == ()


def test_the_takes_are_of_the_current_recipe_once_the_specs_say_so(root: Path) -> None:
    rolled(root, "sh*", said={"steps": "12"})
    numbers = {name: len(opened(root).rooms.ledgers.of(name).takes) for name in ("sh010", "sh020", "sh030", "sh040")}
    edit(root, "shotbuild.yaml", "provider: board", "provider: next, settings: {steps: 12}")
    edit(root, "specs/a.yaml", ", references: {reference: assets/sea.png}", "")
    edit(root, "specs/a.yaml", ", takes: 2", "")
    space = opened(root)
    assert (space.chosen["sh040"].how, space.chosen["sh040"].take.number) == ("newest", numbers["sh040"])
    assert (space.chosen["sh030"].how, space.chosen["sh030"].take.number) == ("newest", numbers["sh030"])
    assert space.chosen["sh010"].stale
    reopen(opened(root), ["sh010", "sh020"], by=ANN)
    built = opened(root).build()
    assert built.generated == ("sh030/t1",), "it continued the take that was picked, and goes on from the new one now"
    chosen = opened(root).chosen
    assert [chosen[name].take.number for name in ("sh010", "sh020", "sh040")] == [2, 2, 2]


def test_what_continues_a_chosen_take_goes_on_from_it_and_what_continues_another_one_from_the_new_take(root: Path) -> None:
    _, (one,) = rolled(root, "sh030")
    assert not any("continues" in line for line in one.recipe)
    reopen(opened(root), ["sh020"], by=ANN)
    found = looked(root, "sh020", "sh030", said={"steps": "9"})
    made(found)
    first, second = (each.laid for each in beside(found))
    assert any(first.b.take.video.sha256 in line for line in second.recipe if "continues" in line)
    edit(root, "shotbuild.yaml", "provider: board", "provider: next, settings: {steps: 9}")
    edit(root, "specs/a.yaml", ", references: {reference: assets/sea.png}", "")
    edit(root, "specs/a.yaml", ", takes: 2", "")
    assert opened(root).build(["sh020", "sh030"]).generated == ()


def test_explain_still_compares_with_the_last_build(root: Path) -> None:
    before = {step: opened(root).rooms.last(step) for step in ("sh040/t1", "sh030/t1", "sh020/last-frame")}
    assert None not in before.values()
    rolled(root, "sh030", "sh040")
    assert {step: opened(root).rooms.last(step) for step in before} == before
    edit(root, "specs/a.yaml", "A gull.", "Two gulls.")
    (line,) = [line for line in opened(root).explain("sh040/t1") if line.step.name == "sh040/t1"]
    assert line.why == "prompt changed"


def test_nobody_is_told_that_the_spec_has_moved_on(root: Path) -> None:
    told: list[str] = []
    found = rehearsal(opened(root, told=told), ["sh010"], "next", {}, 1)
    made(found)
    assert told == []


# --- never paid twice -----------------------------------------------------------------------------------------------------


def test_takes_that_are_there_are_compared_and_not_made_again(root: Path) -> None:
    built, first = rolled(root, "sh040")
    assert built.generated == ("sh040/t1",)
    built, again = rolled(root, "sh040")
    assert built.ran == ()
    assert [each.b.take.id for each in again] == [each.b.take.id for each in first]
    built, more = rolled(root, "sh040", takes=3)
    assert sorted(built.generated) == ["sh040/t2", "sh040/t3"]
    assert [each.b.take.number for each in more] == [2, 3, 4]


def test_a_take_that_was_rejected_is_not_one_of_them(root: Path) -> None:
    rolled(root, "sh040")
    reject(opened(root), ["sh040 t2"], by=ANN, why="the gull has three wings")
    found = looked(root, "sh040")
    assert (only(found).there, only(found).missing) == ((), 1)
    assert made(found).generated == ("sh040/t2",)
    assert [each.laid.b.take.number for each in beside(found)] == [3]


def test_without_a_budget_nothing_that_costs_is_made(root: Path) -> None:
    before = events(root)
    found = rehearsal(opened(root, price=DOLLAR), ["sh010", "sh040"], "next", {}, 2)
    assert str(found.cost) == "4.00 USD"
    with pytest.raises(LimitReached, match="no budget was given"):
        made(found)
    assert events(root) == before


def test_prices_are_told_before_and_after(root: Path) -> None:
    each = only(rehearsal(opened(root, price=DOLLAR), ["sh040"], "next", {}, 1))
    assert (each.before.price, each.after.price) == (FREE, DOLLAR)


def test_more_takes_than_the_budget_allows_are_refused(root: Path) -> None:
    edit(root, "shotbuild.yaml", "defaults:", "budget: {takes_per_shot: 3}\ndefaults:")
    with pytest.raises(LimitReached):
        looked(root, "sh040", takes=4)
    with pytest.raises(LimitReached):
        made(looked(root, "sh040", takes=3))


def test_the_lock_gets_the_new_model_and_keeps_the_old_one(root: Path) -> None:
    rolled(root, "sh*", to="other/blind")
    lock = dict(read_lock((root / "shotbuild.lock").read_text()).providers)
    assert set(lock) == {"board/storyboard", "other/blind"}
    assert lock["other/blind"].version == "7"


def test_a_generator_of_ones_own_is_pinned_and_held_as_ever(root: Path) -> None:
    def look(said: Mapping[str, str], shot: str = "sh040") -> Rehearsal:
        space = opened(root)
        providers = {**space.registry.providers, "mine": Own(name="mine")}
        space = Workspace(root, rooms=space.rooms, offered=replace(space.registry, providers=providers))
        return rehearsal(space, [shot], "mine", said, 1)

    (root / "weights.txt").write_text("one")
    assert made(look({"weights": "weights.txt"})).generated == ("sh040/t1",)
    lock = read_lock((root / "shotbuild.lock").read_text())
    assert [name for name, _ in lock.generators] == ["mine/own:weights.txt"]
    found = look({"weights": "weights.txt"})
    assert (len(only(found).there), made(found).ran) == (1, ())
    (root / "weights.txt").write_text("two")
    (failed,) = made(look({"weights": "weights.txt"}, "sh010")).failed
    assert "is not what shotbuild.lock has" in failed.error.message


# --- what is lost ---------------------------------------------------------------------------------------------------------


def lost(found: Rehearsal) -> dict[str, tuple[str, str, bool]]:
    return {each.key: (each.value, each.why, each.usual) for each in only(found).losses}


def test_references_continue_and_seed_are_lost_where_a_model_takes_none(root: Path) -> None:
    assert lost(looked(root, "sh010", to="other/blind"))["seed"][0] == "7"
    assert lost(looked(root, "sh020", to="other/blind")) == {
        "references.reference": ("assets/sea.png", "it takes no references", False),
        "seed": ("derived from its name", "it takes no seed: two takes of one request are two answers", True),
    }
    assert lost(looked(root, "sh030", to="other/blind"))["continue"] == ("sh020", "it takes no first_frame", False)
    assert only(looked(root, "sh010", to="other/blind")).then.seed is None
    then = only(looked(root, "sh030", to="other/blind")).then
    assert (then.continues, then.references, then.seed) == (None, (), None)


def test_a_reference_that_a_model_takes_stays(root: Path) -> None:
    edit(root, "specs/a.yaml", "A gull.}", "A gull., references: {first_frame: assets/sea.png, reference: assets/sea.png}}")
    opened(root).build()
    found = looked(root, "sh040")
    assert lost(found) == {"references.reference": ("assets/sea.png", "it takes first_frame", False)}
    assert [each.role for each in only(found).then.references] == ["first_frame"]


def test_settings_without_a_place_and_values_that_are_not_taken_are_lost(root: Path) -> None:
    edit(root, "shotbuild.yaml", "provider: board", "provider: next")
    edit(root, "specs/a.yaml", ", references: {reference: assets/sea.png}", "")
    edit(root, "specs/a.yaml", "sound: scratch", "sound: song, steps: 12")
    reopen(opened(root), ["sh020"], by=ANN)
    opened(root).build()
    assert lost(looked(root, "sh020", to="board")) == {
        "settings.sound": ("song", "unknown word 'song'", False),
        "settings.steps": ("12", "it has no such setting", False),
        "settings.look": ("pale", "it has no such setting", False),
        "settings.turbo": ("false", "it has no such setting", True),
    }
    assert only(looked(root, "sh020", to="board")).then.settings.items == (("sound", "silent"),)


def test_what_a_person_says_now_is_no_loss(root: Path) -> None:
    found = looked(root, "sh020", to="other/needy", said={"style": "ink", "sound": "3"})
    assert set(lost(found)) == {"references.reference"}
    assert only(found).then.settings.items == (("sound", 3), ("style", "ink"))


def test_settings_come_from_the_command_the_shot_the_provider_and_the_defaults_in_that_order(root: Path) -> None:
    settings = {each.shot: dict(each.then.settings.items) for each in looked(root, "sh010", "sh020").shots}
    assert settings["sh010"] == {"look": "pale", "sound": "silent", "steps": 30}
    assert settings["sh020"] == {"look": "pale", "sound": "scratch", "steps": 30}
    said = {"sound": "song", "steps": "", "turbo": "true"}
    assert dict(only(looked(root, "sh020", said=said)).then.settings.items) == {
        "look": "pale", "sound": "song", "steps": 20, "turbo": True,
    }  # fmt: skip
    assert dict(only(looked(root, "sh020", to="other")).then.settings.items)["look"] == "full"


def test_what_nobody_wrote_gives_way_to_what_stands_with_the_provider(root: Path) -> None:
    edit(root, "shotbuild.yaml", "use: other, steps", "use: other, sound: song, steps")
    sounds = {each.shot: each.then.settings.text("sound") for each in looked(root, "sh010", "sh020").shots}
    assert sounds == {"sh010": "song", "sh020": "scratch"}


def test_what_has_to_be_written_is_what_neither_the_model_nor_the_provider_nor_the_shot_says(root: Path) -> None:
    def told(*shots: str, **said: str) -> dict[str, dict[str, object]]:
        found = looked(root, *shots, said=said)
        return {
            each.shot: dict(to_write(each.today, each.before.model, each.then, found.target).items) for each in found.shots
        }

    assert told("sh010", "sh020") == {"sh010": {}, "sh020": {"sound": "scratch"}}
    assert told("sh010", "sh020", sound="", steps="20") == {
        "sh010": {"steps": 20},
        "sh020": {"sound": "silent", "steps": 20},
    }


def test_cards_tell_how_takes_will_be_otherwise(root: Path) -> None:
    each = only(looked(root, "sh040", said={"sound": "scratch"}))
    assert (each.before.sound, each.after.sound) == (False, True)
    assert (each.before.model.name, each.after.model.name) == ("storyboard", "film")
    assert (each.after.use, each.after.provider) == ("next", "other")


# --- what is not rolled ---------------------------------------------------------------------------------------------------


def why_not(found: Rehearsal) -> list[str]:
    return [error.message for error in found.blocked]


def test_what_a_model_refuses_is_not_rolled_and_the_others_are(root: Path) -> None:
    edit(root, "specs/a.yaml", "prompt: A gull.", "prompt: A gull., duration: 1s")
    opened(root).build()
    before = stands(root)
    found = looked(root, "sh010", "sh040", to="other/short")
    assert why_not(found) == ["sh010: this is longer than model 'short' makes"]
    assert found.blocked[0].location.line == 2
    assert made(found).generated == ("sh040/t1",)
    assert [each.laid.a.take.shot for each in beside(found)] == ["sh040"]
    assert stands(root) == before


def test_a_role_that_a_model_needs_is_missed(root: Path) -> None:
    models = {"film": replace(FILM, needs=("first_frame",))}
    space = opened(root, models=models)
    found = rehearsal(space, ["sh030", "sh040"], "next", {}, 1)
    assert why_not(found) == ["sh040: model 'film' needs a `first_frame`"]


def test_a_shot_without_a_take_is_not_rolled(root: Path) -> None:
    edit(root, "specs/a.yaml", "A gull.", "Two gulls.")
    found = looked(root, "sh040")
    assert why_not(found) == ["nothing stands for sh040, so there is nothing to lay a new take beside"]
    assert made(found).ran == ()
    assert list(beside(found)) == []


def test_what_a_shot_asks_for_already_is_not_rolled_under_another_name(root: Path) -> None:
    edit(root, "shotbuild.yaml", "  next:", "  same: {use: animatic}\n  next:")
    before = stands(root)
    found = looked(root, "sh010", "sh040", to="same")
    assert why_not(found) == [
        f"{shot} is asked of same/storyboard already, in just these words" for shot in ("sh010", "sh040")
    ]
    made(found)
    assert stands(root) == before
    assert why_not(looked(root, "sh040", to="same", said={"sound": "scratch"})) == []


def test_a_fallback_is_rolled_only_beside_what_a_person_chose(root: Path) -> None:
    edit(root, "specs/a.yaml", "A gull.}", "A gull., or: [{provider: other, model: blind}]}")
    edit(root, "specs/a.yaml", "seed: 7}", "seed: 7, or: [{provider: other, model: blind}]}")
    edit(root, "shotbuild.yaml", "  next:", "  other: {use: other}\n  next:")
    before = stands(root)
    assert why_not(looked(root, "sh010", "sh040")) == [], "another file than the fallback's, which is not asked here"
    found = looked(root, "sh010", "sh040", to="other/blind", said={"look": ""})
    assert why_not(found) == ["other/blind is a fallback of sh040, for which nobody chose a take"]
    assert made(found).generated == ("sh010/t1",)
    assert stands(root) == before
    assert why_not(looked(root, "sh040", to="other/blind", said={"look": "pale"})) == [], "it is another recipe"
    approve(opened(root), ["sh040"], by=ANN)
    before = stands(root)
    assert rolled(root, "sh040", to="other/blind")[0].generated == ("sh040/t1",)
    assert stands(root) == before


def test_no_take_is_made_of_a_shot_that_was_not_named(root: Path) -> None:
    approve(opened(root), ["sh030"], by=ANN)
    reopen(opened(root), ["sh020"], by=ANN)
    edit(root, "specs/a.yaml", "The sea.", "The wide sea.")
    found = looked(root, "sh030")
    assert why_not(found) == ["sh030 continues sh020, for which nothing stands yet"]
    assert made(found).ran == ()
    found = looked(root, "sh030", "sh020")
    assert why_not(found) == [
        "sh030 continues sh020, for which nothing stands yet",
        "nothing stands for sh020, so there is nothing to lay a new take beside",
    ]


def test_a_clip_that_is_continued_has_to_be_here(root: Path) -> None:
    space = opened(root)
    space.rooms.blobs.path(space.chosen["sh020"].take.video).unlink()
    assert why_not(looked(root, "sh030")) == ["sh030 continues sh020 t1, whose bytes are not in this store"]
    assert why_not(looked(root, "sh020", "sh030")) == ["sh030 continues sh020 t1, whose bytes are not in this store"]
    reopen(opened(root), ["sh020"], by=ANN)
    assert why_not(looked(root, "sh020", "sh030")) == []


def test_decisions_that_contradict_each_other_are_settled_first(root: Path) -> None:
    opened(root).roll(["sh010"], 1)
    ledger = root / "takes/sh010.jsonl"
    before = ledger.read_text()
    approve(opened(root), ["sh010 t1"], by=ANN)
    mine = ledger.read_text()[len(before) :]
    ledger.write_text(before)
    approve(opened(root), ["sh010 t2"], by=BEN)
    ledger.write_text(ledger.read_text() + mine)
    with pytest.raises(NeedsPerson):
        looked(root, "sh010")
    assert looked(root, "sh040").blocked == ()


@pytest.mark.parametrize(
    ("to", "said", "message", "hint"),
    [
        ("nxt", {}, "no provider is called 'nxt'", "write `--to next`"),
        ("zzzz", {}, "no provider is called 'zzzz'", "`shotbuild providers` lists all that are installed"),
        ("next/flm", {}, "next has no model 'flm'", "write `--to next/film`"),
        ("other/sharpen", {}, "model 'sharpen' makes no takes", "name another one"),
        ("next", {"step": "3"}, "model 'film' has no setting 'step'", "did you mean `steps`?"),
        ("next", {"steps": "many"}, "--set steps: expected a whole number from 1 to 50, found `many`", None),
        ("next", {"sound": "scrach"}, "--set sound: unknown word 'scrach'", "did you mean `scratch`?"),
        ("other/needy", {}, "other/needy needs `style` for sh010", "add `--set style=…`"),
        ("other/needy", {"style": ""}, "other/needy needs `style` for sh010", "add `--set style=…`"),
    ],
)
def test_what_cannot_be_meant_is_refused(root: Path, to: str, said: dict[str, str], message: str, hint: str | None) -> None:
    with pytest.raises(PlanError) as caught:
        looked(root, "sh010", to=to, said=said)
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_a_plate_is_refused(root: Path) -> None:
    with pytest.raises(PlanError, match="sh050 is a plate"):
        looked(root, "sh050")


# --- side by side ---------------------------------------------------------------------------------------------------------


def test_takes_lie_beside_what_stands_with_the_lines_that_differ(root: Path) -> None:
    _, (one,) = rolled(root, "sh040", said={"turbo": "true"})
    assert (one.a.take.number, one.b.take.number) == (1, 2)
    told = [line[0] + line[1:].strip().rstrip(",") for line in one.recipe]
    for line in ('+"look": "pale"', '+"turbo": true', '-"provider": "animatic"', '+"provider": "other"', '+"model": "film"'):
        assert line in told
    assert not any("prompt" in line or "seed" in line for line in told)
    assert "not a video" in str(one.unmeasured)
