"""Which take a shot is: the rules alone, then through a whole project whose stages are fakes."""

import json
from fractions import Fraction
from pathlib import Path

import pytest

from shotbuild.built import BuildOptions
from shotbuild.digest import derived_seed
from shotbuild.errors import GateError, LimitReached, NeedsPerson, PlanError, SpecErrors, StoreError
from shotbuild.plan.choose import APPROVED, MISSING, NEWEST, PICKED, Choice, Current, choose
from shotbuild.plan.graph import URGENT, first
from shotbuild.records import APPROVE, PICK, REJECT, Price, ShotState, Take
from shotbuild.spec.events import take_line
from shotbuild.takes import decide
from shotbuild.takes.names import take_meant
from shotbuild.units import Money
from tests.fakes import SMALL, Count, FakeProvider, fake_workspace, write_project
from tests.takes import ANN, SHOT, Branch, id_of, resealed, said_text, take_text, video

# --- the rules --------------------------------------------------------------------------------------------------------


def chosen(state: ShotState, asked: str = "request", takes: int = 1, more: int = 0) -> Choice:
    current = Current(asked=asked, alike=frozenset([asked]), text=lambda n: f"{asked}\n{n}", takes=takes, more=more)
    return choose(SHOT, state, current, lambda take: f"{take.asked}\n{take.ordinal}")


def name(choice: Choice) -> str | None:
    return None if choice.take is None else choice.take.video.sha256


@pytest.fixture
def three() -> Branch:
    """Two takes of today's recipe, then one of an older one."""
    branch = Branch()
    branch.take("one", number=1)
    branch.take("two", number=2, ordinal=2)
    branch.take("old", number=3, asked="older")
    return branch


def test_without_takes_the_first_is_to_be_made() -> None:
    found = chosen(ShotState())
    assert (found.how, found.take, found.ordinals, found.stands) == (MISSING, None, (1,), 1)


def test_the_newest_take_of_the_current_recipe_stands(three: Branch) -> None:
    found = chosen(three.state)
    assert (found.how, name(found), found.stands) == (NEWEST, video("two"), 2)
    assert (chosen(three.state, "older").how, name(chosen(three.state, "older"))) == (NEWEST, video("old"))


def test_a_picked_take_stands_before_the_newest(three: Branch) -> None:
    three.say(PICK, "one")
    found = chosen(three.state)
    assert (found.how, name(found), found.ordinals, found.stands, found.stale) == (PICKED, video("one"), (), None, False)


def test_an_approved_take_stands_before_a_picked_one(three: Branch) -> None:
    three.say(APPROVE, "one")
    three.say(PICK, "two")
    found = chosen(three.state)
    assert (found.how, name(found)) == (APPROVED, video("one"))
    assert found.words == {"approved"}


def test_a_chosen_take_of_another_recipe_stands_and_is_stale(three: Branch) -> None:
    three.say(APPROVE, "old")
    found = chosen(three.state)
    assert (found.how, name(found), found.words) == (APPROVED, video("old"), {"approved", "stale-approved"})
    assert found.moved_on == ("-older", "+request")


def test_of_two_picks_on_two_branches_the_later_stands(three: Branch) -> None:
    other = three.copy()
    three.say(PICK, "one", at="2026-07-14T12:00:02Z")
    other.say(PICK, "two", at="2026-07-14T12:00:01Z")
    assert name(chosen(three.merge(other).state)) == video("one")


def test_a_rejected_take_does_not_stand(three: Branch) -> None:
    three.say(REJECT, "two", why="hand")
    found = chosen(three.state)
    assert (name(found), found.stands) == (video("one"), 1)


def test_when_every_take_was_rejected_one_more_is_asked_for(three: Branch) -> None:
    three.say(REJECT, "one", why="hand")
    three.say(REJECT, "two", why="hand")
    found = chosen(three.state)
    assert (found.how, found.ordinals, found.stands) == (MISSING, (3,), 3)


def test_of_three_wanted_takes_the_rejected_one_is_not_made_again(three: Branch) -> None:
    three.say(REJECT, "one", why="hand")
    found = chosen(three.state, takes=3)
    assert (found.how, found.ordinals, found.stands) == (MISSING, (2, 3), 3)


def test_fewer_takes_wanted_than_there_are_keeps_the_newest() -> None:
    branch = Branch()
    for ordinal in (1, 2, 3):
        branch.take(f"take {ordinal}", number=ordinal, ordinal=ordinal)
    found = chosen(branch.state, takes=1)
    assert (found.how, name(found), found.ordinals) == (NEWEST, video("take 3"), (3,))


def test_more_takes_have_new_ordinals_whatever_stands(three: Branch) -> None:
    undecided = chosen(three.state, more=2)
    assert (undecided.rolled, undecided.stands in undecided.ordinals) == ((3, 4), True)
    three.say(APPROVE, "one")
    found = chosen(three.state, more=2)
    assert (found.how, name(found), found.ordinals, found.stands) == (APPROVED, video("one"), (3, 4), None)
    assert chosen(three.state, "brand new", more=2).rolled == (1, 2)


def test_an_imported_take_is_no_take_of_the_recipe_and_may_be_chosen(three: Branch) -> None:
    branch = Branch()
    branch.take("web", number=1, ordinal=0, asked="", foreign=True)
    assert chosen(branch.state).how == MISSING
    branch.say(APPROVE, "web")
    found = chosen(branch.state)
    assert (found.how, name(found), found.stale) == (APPROVED, video("web"), False)


def test_a_take_kept_in_spite_of_a_recipe_is_stale_again_after_the_next_edit(three: Branch) -> None:
    three.say(APPROVE, "old", kept="request")
    assert not chosen(three.state).stale
    assert chosen(three.state, "third").stale


def test_a_conflict_is_told_with_whatever_stands(three: Branch) -> None:
    other = three.copy()
    three.say(APPROVE, "one")
    other.say(APPROVE, "two")
    found = chosen(three.merge(other).state)
    assert {each.video for each in found.conflict} == {video("one"), video("two")}
    assert "conflict" in found.words


# --- a project --------------------------------------------------------------------------------------------------------


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A film without sound files, which `lint` would look into."""
    opening = SMALL["specs/opening.yaml"]
    first, last = opening.index("    audio:"), opening.index("deliverables:")
    return write_project(tmp_path / "film", SMALL | {"specs/opening.yaml": opening[:first] + opening[last:]})


def edit(root: Path, old: str, new: str, path: str = "specs/opening.yaml") -> None:
    text = (root / path).read_text()
    assert old in text
    (root / path).write_text(text.replace(old, new))


def build(root: Path, count: Count | None = None, **options: bool) -> set[str]:
    built = fake_workspace(root, count).build(options=BuildOptions(**options))
    assert built.failed == ()
    return set(built.ran)


def generated(ran: set[str]) -> set[str]:
    return {step for step in ran if step.partition("/")[2].removeprefix("t").isdigit()}


def choice(root: Path, shot: str = "sh010") -> Choice:
    return fake_workspace(root).whole.chosen[shot]


def takes(root: Path, shot: str = "sh010") -> tuple[Take, ...]:
    workspace = fake_workspace(root)
    assert workspace.project
    return workspace.rooms.ledgers.of(shot).takes


def roll(root: Path, shot: str = "sh010", count: int = 1) -> tuple[Take, ...]:
    built, made = fake_workspace(root).roll([shot], count)
    assert built.failed == ()
    return made


def say(root: Path, kind: str, *words: str, **more: object) -> None:
    getattr(decide, kind)(fake_workspace(root), words, by=ANN, **more)


def shown(root: Path, path: str = "shots/sh010.mp4") -> bytes:
    return (root / "out" / path).read_bytes()


def bytes_of(root: Path, take: Take) -> bytes:
    return fake_workspace(root).rooms.blobs.path(take.video).read_bytes()


def split(root: Path, shot: str = "sh010") -> None:
    """Two people approve t1 and t2 on two branches, which are merged."""
    roll(root, shot)
    workspace = fake_workspace(root)
    assert workspace.project
    state = workspace.rooms.ledgers.of(shot)
    one, two = (take.video.sha256 for take in state.takes[:2])
    for sha in (one, two):
        line = said_text(APPROVE, state.heads, of_take="x", why=f"because {sha[:4]}")
        content = json.loads(line) | {"video": sha}
        with (root / f"takes/{shot}.jsonl").open("a") as file:
            file.write(resealed(content) + "\n")


def test_an_approved_take_survives_every_edit_and_nothing_is_generated(root: Path) -> None:
    build(root)
    before = shown(root)
    say(root, "approve", "sh010 t1")
    edit(root, "a lighthouse", "a windmill")
    edit(root, "Wide shot", "Close shot", "templates/wide.j2")
    assert generated(build(root)) == {"sh020/t1", "sh020/t2", "sh030/t1"}
    assert shown(root) == before
    found = choice(root)
    assert found.words == {"approved", "stale-approved"}
    assert any("Close shot of a windmill" in line for line in found.moved_on)
    (row,) = [row for row in fake_workspace(root).status() if row.name == "sh010"]
    assert (row.state, row.number) == ("stale-approved", 1)


@pytest.mark.parametrize(
    "change",
    [
        ("sh010: {template", "sh010: {seed: 5, template"),
        ("sh010: {template", "sh010: {title: Other, template"),
        ("sh010: {template", "sh010: {settings: {sound: scratch}, template"),
        ("sh010: {template", "sh010: {references: [assets/sea.wav], template"),
    ],
    ids=["seed", "title", "settings", "reference"],
)
def test_a_changed_request_makes_an_approved_take_stale_and_a_new_one_otherwise(root: Path, change: tuple[str, str]) -> None:
    if "references" in change[1]:
        change = (change[0], "sh010: {references: {first_frame: assets/frame.png}, template")
        write_project(root, {"assets/frame.png": "a picture"})
    build(root)
    say(root, "approve", "sh010")
    edit(root, *change)
    assert generated(build(root)) == set()
    assert choice(root).words == {"approved", "stale-approved"}
    say(root, "reopen", "sh010")
    assert generated(build(root)) == {"sh010/t1"}
    assert [take.number for take in takes(root)] == [1, 2]


def test_a_changed_reference_picture_makes_an_approved_take_stale(root: Path) -> None:
    write_project(root, {"assets/frame.png": "a picture"})
    edit(root, "sh010: {template", "sh010: {references: {first_frame: assets/frame.png}, template")
    build(root)
    say(root, "approve", "sh010")
    assert not choice(root).stale
    write_project(root, {"assets/frame.png": "another picture"})
    assert generated(build(root)) == set()
    assert choice(root).stale
    assert any("first_frame" in line for line in choice(root).moved_on)


def test_going_back_to_the_earlier_spec_ends_the_staleness(root: Path) -> None:
    build(root)
    say(root, "approve", "sh010")
    edit(root, "a lighthouse", "a windmill")
    assert choice(root).stale
    edit(root, "a windmill", "a lighthouse")
    assert not choice(root).stale
    assert build(root) == set()


def test_approving_another_take_reassembles_without_generating(root: Path) -> None:
    build(root)
    roll(root)
    assert choice(root).stands == 2
    build(root)
    one, two = takes(root)
    assert shown(root) == bytes_of(root, two)
    say(root, "approve", "sh010 t1")
    count = Count()
    build(root, count)
    assert "generate" not in count.ran
    assert shown(root) == bytes_of(root, one)


def test_a_picked_take_stands_until_it_is_reopened(root: Path) -> None:
    build(root)
    roll(root, count=2)
    say(root, "pick", "sh010 t2")
    assert (choice(root).how, choice(root).take) == (PICKED, takes(root)[1])
    edit(root, "a lighthouse", "a windmill")
    assert choice(root).words == {"picked", "stale-picked"}
    assert generated(build(root)) == set()
    say(root, "reopen", "sh010")
    assert (choice(root).how, generated(build(root))) == (MISSING, {"sh010/t1"})


def test_rolled_takes_have_derived_seeds_and_the_next_numbers(root: Path) -> None:
    build(root)
    first = derived_seed("film", "sh010")
    made = roll(root, count=2)
    assert [take.number for take in made] == [2, 3]
    assert {take.ordinal: take.seed for take in takes(root)} == {
        1: first,
        2: derived_seed(first, 2),
        3: derived_seed(first, 3),
    }
    assert [take.seed for take in roll(root)] == [derived_seed(first, 4)]


def test_rolling_beside_an_approved_take_leaves_the_cut_as_it_is(root: Path) -> None:
    build(root)
    say(root, "approve", "sh010")
    edit(root, "a lighthouse", "a windmill")
    (new,) = roll(root)
    assert (new.number, new.ordinal) == (2, 1)
    assert build(root) == set()
    assert choice(root).take == takes(root)[0]
    say(root, "approve", "sh010 t2")
    assert choice(root).words == {"approved"}


def test_rolling_before_the_first_build_makes_that_many(root: Path) -> None:
    assert [take.ordinal for take in roll(root, count=2)] == [1, 2]
    assert generated(build(root)) == {"sh020/t1", "sh020/t2", "sh030/t1"}


def test_two_rolls_of_one_shot_make_no_take_twice(root: Path) -> None:
    build(root)
    digests = {take.video.sha256 for take in (*roll(root), *roll(root), *roll(root, count=2))}
    assert len(digests) == 4


def test_a_rejected_take_is_not_chosen_nor_made_again(root: Path) -> None:
    build(root)
    roll(root)
    say(root, "reject", "sh010 t2", why="hand")
    assert choice(root).take == takes(root)[0]
    assert generated(build(root)) == set()
    say(root, "reject", "sh010 t1", why="foot")
    assert choice(root).how == MISSING
    assert generated(build(root)) == {"sh010/t3"}
    assert [take.number for take in takes(root)] == [1, 2, 3]


def test_three_wanted_takes_lowered_to_one_keep_the_newest(root: Path) -> None:
    edit(root, "takes: 2", "takes: 3")
    build(root)
    newest = max(takes(root, "sh020"), key=lambda take: take.ordinal)
    edit(root, "takes: 3", "takes: 1")
    assert choice(root, "sh020").take == newest
    assert build(root) == set()


def test_a_shot_that_continues_another_follows_its_new_take(root: Path) -> None:
    build(root)
    edit(root, "the sea}", "the harbour}")
    assert generated(build(root)) == {"sh020/t1", "sh020/t2", "sh030/t1"}
    assert [take.number for take in takes(root, "sh030")] == [1, 2]


def test_an_approved_shot_that_continues_another_stays_and_is_stale(root: Path) -> None:
    build(root)
    say(root, "approve", "sh030")
    before = shown(root, "shots/sh030.mp4")
    edit(root, "the sea}", "the harbour}")
    assert generated(build(root)) == {"sh020/t1", "sh020/t2"}
    assert shown(root, "shots/sh030.mp4") == before
    assert any("continues" in line for line in choice(root, "sh030").moved_on)


def test_what_continues_an_approved_take_starts_on_that_take(root: Path) -> None:
    build(root)
    say(root, "approve", "sh020 t1")
    assert generated(build(root)) == {"sh030/t1"}
    say(root, "approve", "sh020 t2")
    assert generated(build(root)) == set()
    assert choice(root, "sh030").take == takes(root, "sh030")[0]


def test_an_approved_take_of_another_length_changes_the_length_of_the_cut(root: Path) -> None:
    def length() -> int:
        (joined,) = [step for step in fake_workspace(root).whole.steps if step.name == "opening/web"]
        return joined.recipe.parameters.integer("frames")

    build(root)
    short = length()
    _lengthen(root)
    long = length()
    assert long == short + 24
    edit(root, "a lighthouse", "a windmill")
    assert length() == long
    say(root, "reopen", "sh010")
    assert length() == short


def _lengthen(root: Path) -> None:
    """A take of three seconds, as from an earlier `duration`, is approved."""
    path = root / "takes/sh010.jsonl"
    path.unlink()
    line = take_text("long")
    content = json.loads(line)
    content["streams"][0]["seconds"] = "3"
    blobs = fake_workspace(root).rooms.blobs
    source = root / "long.mp4"
    source.write_text("long")
    blobs.copy_in(source)
    line = resealed(content)
    path.write_text(line + "\n" + said_text(APPROVE, (id_of(line),), of_take="long") + "\n")


def test_conflicting_approvals_stop_lint_plan_build_and_deliver(root: Path) -> None:
    build(root)
    split(root)
    count = Count()
    for work in (
        lambda: fake_workspace(root).lint(),
        lambda: fake_workspace(root).plan(),
        lambda: fake_workspace(root, count).build(),
        lambda: fake_workspace(root, count).deliver(),
    ):
        with pytest.raises(NeedsPerson, match="the decisions on sh010 contradict each other") as told:
            work()
        assert told.value.exit_code == 5
        for take in takes(root)[:2]:
            assert take.name in str(told.value.cause)
            assert f"because {take.video.sha256[:4]}" in str(told.value.cause)
    assert count.ran == []
    say(root, "approve", "sh010 t2")
    assert fake_workspace(root).lint()
    build(root)
    assert choice(root).take == takes(root)[1]


def test_a_conflict_stops_only_what_needs_the_shot(root: Path) -> None:
    edit(root, "deliverables:", "  other: {cut: [sh020]}\ndeliverables:\n  alone: {sequence: other, profile: h264-web}")
    build(root)
    split(root)
    assert fake_workspace(root).build(["sh020"]).failed == ()
    assert fake_workspace(root).deliver(["other/alone"]).failed == ()
    assert fake_workspace(root).plan(["sh020"]).lines
    with pytest.raises(NeedsPerson):
        fake_workspace(root).deliver(["opening/web"])
    assert {row.name: row.state for row in fake_workspace(root).status()}["sh010"] == "conflict"


def test_conflicts_of_several_shots_are_told_together(root: Path) -> None:
    build(root)
    split(root)
    split(root, "sh030")
    with pytest.raises(NeedsPerson, match="2 shots contradict each other: sh010, sh030") as told:
        fake_workspace(root).plan()
    assert len(str(told.value.cause).splitlines()) == 4


# --- gates ------------------------------------------------------------------------------------------------------------


def test_the_limit_of_takes_stops_roll_and_build_before_anything_runs(root: Path) -> None:
    edit(root, "defaults:", "budget: {takes_per_shot: 3}\ndefaults:", "shotbuild.yaml")
    build(root)
    roll(root, count=2)
    count = Count()
    with pytest.raises(LimitReached, match="shot sh010 has 3 takes, and 1 more would pass the limit of 3") as told:
        fake_workspace(root, count).roll(["sh010"], 1)
    assert told.value.exit_code == 6
    edit(root, "a lighthouse", "a windmill")
    with pytest.raises(LimitReached, match="would pass the limit"):
        fake_workspace(root, count).build()
    assert count.ran == []
    with pytest.raises(LimitReached):
        fake_workspace(root, count).roll(["sh020", "sh010"], 1)
    assert count.ran == []
    assert len(takes(root, "sh020")) == 2


def test_at_the_limit_what_is_there_is_still_built_and_delivered(root: Path) -> None:
    edit(root, "defaults:", "budget: {takes_per_shot: 2}\ndefaults:", "shotbuild.yaml")
    build(root)
    roll(root)
    assert fake_workspace(root).deliver().failed == ()
    for path in (root / ".shotbuild/cache").iterdir():
        path.unlink()
    assert generated(build(root)) == set()


def test_the_limit_counts_takes_that_were_rejected(root: Path) -> None:
    edit(root, "defaults:", "budget: {takes_per_shot: 2}\ndefaults:", "shotbuild.yaml")
    build(root)
    roll(root)
    for number in (1, 2):
        say(root, "reject", f"sh010 t{number}", why="hand")
    with pytest.raises(LimitReached, match="shot sh010 has 2 takes"):
        fake_workspace(root).build()


def test_imported_takes_do_not_count_for_the_limit(root: Path) -> None:
    edit(root, "defaults:", "budget: {takes_per_shot: 2}\ndefaults:", "shotbuild.yaml")
    build(root)
    workspace = fake_workspace(root)
    assert workspace.project
    for index in range(5):
        workspace.rooms.ledgers.import_take(
            "sh010",
            lambda state, index=index: take_text(  # type: ignore[misc]
                f"web {index}", state.heads, number=index + 2, ordinal=0, asked="", foreign=True
            ),
        )
    assert len(roll(root)) == 1
    with pytest.raises(LimitReached, match="shot sh010 has 2 takes"):
        fake_workspace(root).roll(["sh010"], 1)


def test_a_roll_that_costs_needs_a_budget_for_the_new_takes_alone(root: Path) -> None:
    paid = FakeProvider(price_of_one=Price(amount=Fraction(2), currency="USD", exact=True))
    fake_workspace(root, provider=paid).build(options=BuildOptions(max_cost=Money(Fraction(8), "USD")))
    count = Count()
    with pytest.raises(LimitReached, match=r"this build costs 4\.00 USD"):
        fake_workspace(root, count, paid).roll(["sh010"], 2)
    with pytest.raises(LimitReached, match=r"--max-cost is 3\.00 USD"):
        fake_workspace(root, count, paid).roll(["sh010"], 2, BuildOptions(max_cost=Money(Fraction(3), "USD")))
    assert count.ran == []
    _, made = fake_workspace(root, count, paid).roll(["sh010"], 2, BuildOptions(max_cost=Money(Fraction(4), "USD")))
    assert len(made) == 2


def test_an_approved_take_costs_nothing_however_stale_it_is(root: Path) -> None:
    paid = FakeProvider(price_of_one=Price(amount=Fraction(2), currency="USD", exact=True))
    fake_workspace(root, provider=paid).build(options=BuildOptions(max_cost=Money(Fraction(8), "USD")))
    say(root, "approve", "sh010")
    edit(root, "a lighthouse", "a windmill")
    workspace = fake_workspace(root, provider=paid)
    assert (workspace.plan().bill.known, workspace.build().generated) == ((), ())


def test_a_frozen_build_takes_what_was_approved_and_refuses_what_is_missing(root: Path) -> None:
    build(root)
    say(root, "approve", "sh010")
    edit(root, "a lighthouse", "a windmill")
    assert generated(build(root, frozen=True)) == set()
    say(root, "reopen", "sh010")
    count = Count()
    built = fake_workspace(root, count).build(options=BuildOptions(frozen=True))
    assert (built.exit_code, "generate" in count.ran) == (3, False)
    assert isinstance(built.failed[0].error, GateError)


def test_approved_bytes_that_are_gone_are_named_and_never_made_anew(root: Path) -> None:
    build(root)
    say(root, "approve", "sh010")
    (take,) = takes(root)
    blob = fake_workspace(root).rooms.blobs.path(take.video)
    blob.unlink()
    (root / "out/shots/sh010.mp4").unlink()
    before = (root / "takes/sh010.jsonl").read_bytes()
    count = Count()
    built = fake_workspace(root, count).build()
    (failure,) = built.failed
    assert isinstance(failure.error, StoreError)
    assert take.video.sha256 in str(failure.error.cause)
    assert (built.exit_code, count.ran, built.generated) == (1, [], ())
    assert (root / "takes/sh010.jsonl").read_bytes() == before


def test_a_strict_delivery_needs_every_take_approved(root: Path) -> None:
    build(root)
    strict = BuildOptions(strict=True)
    with pytest.raises(GateError) as told:
        fake_workspace(root).deliver(options=strict)
    assert told.value.exit_code == 3
    assert [line.split()[0] for line in str(told.value.cause).splitlines()] == ["sh010", "sh020", "sh030"]
    say(root, "approve", "sh010", "sh020", "sh030")
    assert fake_workspace(root).deliver(options=strict).failed == ()


def test_a_strict_delivery_needs_every_role_for_these_bytes(root: Path) -> None:
    edit(root, "defaults:", "approvals: [director, client]\ndefaults:", "shotbuild.yaml")
    build(root)
    strict = BuildOptions(strict=True)
    say(root, "approve", "sh010", "sh020", "sh030", role="director")
    say(root, "approve", "sh020", "sh030", role="client")
    with pytest.raises(GateError) as told:
        fake_workspace(root).deliver(options=strict)
    assert str(told.value.cause) == "sh010 t1 is not approved by client"
    roll(root)
    say(root, "approve", "sh010 t2", role="client")
    with pytest.raises(GateError) as told:
        fake_workspace(root).deliver(options=strict)
    assert str(told.value.cause) == "sh010 t2 is not approved by director"
    say(root, "approve", "sh010 t2", role="director")
    assert fake_workspace(root).deliver(options=strict).failed == ()


def test_what_was_rejected_by_another_person_later_is_not_approved_any_more(root: Path) -> None:
    build(root)
    say(root, "approve", "sh010", "sh020", "sh030")
    decide.reject(fake_workspace(root), ["sh010"], why="hand", by="Bo <bo@studio.example>")
    with pytest.raises(GateError, match="1 shot lacks that"):
        fake_workspace(root).deliver(options=BuildOptions(strict=True))


def test_a_kept_take_is_not_stale_until_the_spec_moves_again(root: Path) -> None:
    build(root)
    say(root, "approve", "sh010")
    edit(root, "a lighthouse", "a windmill")
    say(root, "approve", "sh010", keep=True)
    assert choice(root).words == {"approved"}
    assert len(choice(root).decisions) == 2
    edit(root, "a windmill", "a mill")
    assert choice(root).stale


def test_states_of_choices_can_be_selected(root: Path) -> None:
    build(root)
    say(root, "approve", "sh010", "sh030")
    edit(root, "a lighthouse", "a windmill")
    for word, shots in (("approved", {"sh010", "sh030"}), ("stale-approved", {"sh010"})):
        found = {row.name for row in fake_workspace(root).status([f"status:{word}"]) if row.kind == "shot"}
        assert found == shots


def test_a_damaged_ledger_is_told_by_lint_with_all_its_lines(root: Path) -> None:
    build(root)
    for shot in ("sh010", "sh030"):
        path = root / f"takes/{shot}.jsonl"
        path.write_text(path.read_text().replace('"number":1', '"number":2'))
    with pytest.raises(SpecErrors) as told:
        fake_workspace(root).lint()
    assert {str(error.location) for error in told.value.errors} == {"takes/sh010.jsonl:1:1", "takes/sh030.jsonl:1:1"}


def test_the_take_that_stands_is_what_the_bare_name_of_a_shot_means(root: Path) -> None:
    build(root)
    roll(root)
    assert take_meant(fake_workspace(root), ["sh010"]).number == 2
    say(root, "pick", "sh010 t1")
    assert take_meant(fake_workspace(root), ["sh010"]).number == 1


def test_take_lines_of_the_helpers_are_those_of_a_build(root: Path) -> None:
    build(root)
    ours, theirs = json.loads(take_text("one")), json.loads((root / "takes/sh010.jsonl").read_text())
    assert set(ours) == set(theirs)
    assert take_line.__kwdefaults__ == {"foreign": False, "instead": None}


def test_what_comes_first_is_a_shot_with_all_that_it_needs(root: Path) -> None:
    plan = fake_workspace(root).whole
    urgent = {step.name for step in first(plan, ["sh030"]).steps if step.priority >= URGENT}
    assert {"sh030/t1", "sh020/t2", "sh020/last-frame"} <= urgent
    assert "sh010/t1" not in urgent
    with pytest.raises(PlanError, match="'sh03' is none of the shots"):
        first(plan, ["sh03"])
