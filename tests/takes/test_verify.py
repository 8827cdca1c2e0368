"""Takes that are made again, on a project whose stages write text; pictures are measured in `services/test_rolls.py`."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from shotbuild.built import BuildOptions
from shotbuild.engine.events import Finished
from shotbuild.errors import GateError, LimitReached, PinGone, PlanError, SpecErrors, StoreError
from shotbuild.host import files
from shotbuild.plan.decisions import settle
from shotbuild.records import Fields, Price, Verification, fields
from shotbuild.spec.events import read_event, verification_line
from shotbuild.takes.adopt import adopt
from shotbuild.takes.decide import HERE, approve
from shotbuild.takes.rerun import rerun
from shotbuild.takes.table import story
from shotbuild.takes.verify import chances, rates, verify, wilson
from tests.fakes import SMALL, TOOL, Count, FakeProvider, fake_workspace, write_project
from tests.takes.test_adopt import PICTURE

OPTIONS = BuildOptions()
WHO = "Ann Lee <ann@studio.example>"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = write_project(tmp_path / "film", SMALL)
    fake_workspace(root).build()
    return root


def verified(root: Path, *words: str, rolls: int = 3, count: Count | None = None, provider: FakeProvider | None = None):
    return verify(fake_workspace(root, count, provider), words, rolls, OPTIONS, by=WHO)[1]


def test_a_recipe_that_gives_the_same_bytes_is_told_so_and_stands_in_the_ledger(root):
    (found,) = verified(root, "sh010")
    assert (found.found.rolls, found.found.same_bytes, found.found.same_frames, found.found.others) == (3, 3, 3, ())
    state = fake_workspace(root).rooms.ledgers.of("sh010")
    (kept,) = state.verifications
    assert (kept.video, kept.rolls, kept.by) == (found.take.video.sha256, 3, WHO)
    assert kept.pin.provider == "animatic"
    assert kept.after == (state.takes[0].id,)


def test_rolls_are_no_takes_and_change_no_choice(root):
    before = {name: choice.take for name, choice in fake_workspace(root).chosen.items()}
    takes = fake_workspace(root).rooms.ledgers.of("sh010").takes
    verified(root, "sh010", count=Count(moody={"generate"}))
    space = fake_workspace(root)
    assert space.rooms.ledgers.of("sh010").takes == takes
    assert {name: choice.take for name, choice in space.chosen.items()} == before
    assert fake_workspace(root).build().ran == ()


def test_each_roll_is_really_made_and_the_next_call_makes_new_ones(root):
    count = Count()
    verified(root, "sh010", rolls=4, count=count)
    assert count.ran.count("generate") == 4
    verified(root, "sh010", rolls=2, count=count)
    assert count.ran.count("generate") == 6
    assert sorted(each.rolls for each in fake_workspace(root).rooms.ledgers.of("sh010").verifications) == [2, 4]


def test_a_run_that_was_stopped_goes_on_with_what_it_has(root):
    def stop(heard):
        if isinstance(heard, Finished):
            raise KeyboardInterrupt

    space = fake_workspace(root, Count(slow=0.1), hear=stop)
    with pytest.raises(KeyboardInterrupt):
        verify(space, ["sh010"], 3, BuildOptions(jobs=1), by=WHO)
    count = Count()
    (found,) = verified(root, "sh010", count=count)
    assert 0 < count.ran.count("generate") < 3
    assert found.found.rolls == 3


def test_each_roll_is_counted_once_whatever_failed_beside_it(root):
    for _ in range(2):
        _, (found,) = verify(fake_workspace(root, Count(limping={"generate"})), ["sh010"], 4, BuildOptions(jobs=1), by=WHO)
        assert found.found.rolls == 2
    _, found = verify(fake_workspace(root, Count(fail={"generate": "no"})), ["sh010"], 4, OPTIONS, by=WHO)
    assert found == [], "what was counted is not found again"
    (rate,) = rates(fake_workspace(root))
    assert rate.rolls == 4


def test_two_calls_at_once_make_rolls_of_their_own(root):
    space = fake_workspace(root)
    take = space.rooms.ledgers.of("sh010").takes[0]
    other = files.try_lock(space.rooms.folder("locks") / f"verify-{take.id}.lock")
    space.rooms.memory.table("verify")[take.id] = "of-the-other-one"
    space.rooms.memory.save()
    count = Count()
    verified(root, "sh010", rolls=2, count=count)
    assert count.ran.count("generate") == 2
    assert fake_workspace(root).rooms.memory.table("verify") == {take.id: "of-the-other-one"}
    other.release()


def test_without_the_bytes_of_the_take_nothing_is_rolled(root):
    space = fake_workspace(root)
    space.rooms.blobs.path(space.rooms.ledgers.of("sh010").takes[0].video).unlink()
    count = Count()
    with pytest.raises(StoreError, match="nothing can be held against them"):
        verified(root, "sh010 t1", count=count)
    assert count.ran == []


def test_a_shot_whose_spec_moved_on_means_its_newest_take(root):
    write_project(root, {"templates/wide.j2": "Now quite another {{ place }}."})
    assert [each.take.number for each in verified(root, "sh010")] == [1]


def test_a_glob_means_shots_and_names_those_that_it_leaves_out(root, make):
    write_project(root, {"specs/more.yaml": "shots: {sh050: {prompt: A fox.}, sh060: {prompt: A hen.}}\n"})
    adopt(fake_workspace(root), make("elsewhere2.mp4", *PICTURE), "sh060")
    space, told = fake_workspace(root), []
    space.rooms.warn = told.append
    _, found = verify(space, ["sh0*"], 1, OPTIONS, by=WHO)
    assert [each.take.shot for each in found] == ["sh010", "sh020", "sh030"]
    assert [line.partition(" is left out")[0] for line in told] == ["sh050", "sh060"]
    with pytest.raises(PlanError, match="nothing that is named can be made again"):
        verify(fake_workspace(root), ["sh05*"], 1, OPTIONS, by=WHO)


def test_settings_that_name_a_version_tell_pins_apart(root):
    named = {"storyboard": replace(FakeProvider().models["storyboard"], names=("sound",))}
    provider = FakeProvider(models=named)
    verified(root, "sh010", provider=provider)
    write_project(root, {"specs/more.yaml": "shots: {sh070: {prompt: A fox., settings: {sound: scratch}}}\n"})
    fake_workspace(root, provider=provider).build()
    verified(root, "sh070", provider=provider)
    assert [rate.pin.version for rate in rates(fake_workspace(root, provider=provider))] == [
        "1; sound scratch",
        "1; sound silent",
    ]
    write_project(root, {"specs/more.yaml": "shots: {sh070: {prompt: A fox., settings: {sound: silent}}}\n"})
    with pytest.raises(PinGone, match="names another sound"):
        verified(root, "sh070 t1", provider=provider)


def test_what_came_out_otherwise_is_counted_by_its_bytes(root):
    (found,) = verified(root, "sh010", count=Count(moody={"generate"}))
    assert (found.found.same_bytes, found.found.same_frames) == (0, 0)
    assert [(other.count, other.same_frames) for other in found.found.others] == [(1, False)] * 3
    space = fake_workspace(root)
    assert all(space.rooms.blobs.has(other.video) for other in found.found.others)


def test_the_approved_take_is_the_one_that_is_made_again(root):
    fake_workspace(root).roll(["sh010"], 1)
    approve(fake_workspace(root), ["sh010 t2"], by=WHO)
    (found,) = verified(root, "sh010")
    assert found.take.number == 2
    assert [each.take.number for each in verified(root, "sh010 t1")] == [1]


def test_a_sequence_means_its_shots_and_its_chance_is_the_product_of_their_rates(root):
    found = verified(root, "opening", rolls=2)
    assert [each.take.shot for each in found] == ["sh010", "sh020", "sh030"]
    space = fake_workspace(root)
    (chance,) = (each for each in chances(space, rates(space)) if each.sequence == "opening")
    assert (chance.chance, chance.unknown) == (1.0, ())
    verified(root, "sh010", rolls=6, count=Count(moody={"generate"}))
    space = fake_workspace(root)
    (rate,) = rates(space)
    shots = len(found)
    assert rate.rolls == 2 * shots + 6
    assert rate.same_frames == 2 * shots
    (chance,) = (each for each in chances(space, rates(space)) if each.sequence == "opening")
    assert chance.chance == pytest.approx((rate.same_frames / rate.rolls) ** chance.shots)


def test_a_chance_is_not_made_up_where_nobody_verified(root):
    space = fake_workspace(root)
    (chance,) = (each for each in chances(space, rates(space)) if each.sequence == "opening")
    assert chance.chance is None
    assert chance.unknown


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    # Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_interval_is_that_of_wilson(hits, of, low, high):
    assert wilson(hits, of) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))
    assert wilson(of - hits, of) == (pytest.approx(1 - high, abs=5e-5), pytest.approx(1 - low, abs=5e-5))


def test_a_take_from_elsewhere_has_no_recipe(root, make):
    clip = make("elsewhere.mp4", *PICTURE)
    adopt(fake_workspace(root), clip, "sh010")
    with pytest.raises(PlanError, match="made elsewhere"):
        verified(root, "sh010 t2")


def test_a_pin_that_is_no_longer_offered_is_told(root):
    model = FakeProvider().models["storyboard"]
    with pytest.raises(PinGone, match="another version"):
        verified(root, "sh010 t1", provider=FakeProvider(models={"storyboard": replace(model, version="2")}))
    with pytest.raises(PinGone, match="not offered any more"):
        verified(root, "sh010 t1", provider=FakeProvider(models={"other": replace(model, name="other")}))


def test_another_ffmpeg_than_the_takes_is_told(root):
    space = fake_workspace(root, tool=replace(TOOL, version="fake-2", identity="e" * 64))
    with pytest.raises(GateError, match="ffmpeg is not the one"):
        verify(space, ["sh010 t1"], 1, OPTIONS, by=WHO)


def test_a_paid_provider_needs_a_budget(root):
    cost = FakeProvider(price_of_one=Price(amount=1, currency="USD", exact=True))
    with pytest.raises(LimitReached):
        verified(root, "sh010", provider=cost)
    assert fake_workspace(root).rooms.ledgers.of("sh010").verifications == ()


def test_a_reference_that_is_not_here_is_told(root):
    write_project(root, {"specs/more.yaml": "shots: {sh090: {prompt: A., references: {reference: assets/sea.wav}}}\n"})
    fake_workspace(root).build()
    space = fake_workspace(root)
    (sha256,) = (json.loads(space.rooms.ledgers.of("sh090").takes[0].line)["inputs"]["reference"],)
    space.rooms.blobs.path(space.rooms.blobs.known(sha256)).unlink()
    with pytest.raises(StoreError, match="the reference that sh090 t1 was made from"):
        verified(root, "sh090")


def test_a_name_that_means_nothing_is_told(root):
    with pytest.raises(PlanError, match="no shot or take"):
        verified(root, "sh999")


# --- the event ------------------------------------------------------------------------------------------------------------


def event(**said) -> Verification:
    base = {
        "id": "", "after": (), "video": "a" * 64, "rolls": 4, "same_bytes": 2, "same_frames": 3, "others": (), "by": WHO,
        "at": "2026-11-23T00:00:00Z", "machine": fields(cpu="AVX2"), "made_on": fields(cpu="AVX512"), "location": HERE,
        "pin": TOOL.pin,
    }  # fmt: skip
    return Verification(**{**base, **said})


def test_an_event_is_read_as_it_was_written():
    read = read_event("sh010", verification_line(event()), HERE)
    assert replace(read, id="") == event()
    assert read.elsewhere
    assert not replace(read, made_on=None).elsewhere
    assert settle((read,)).verifications == (read,)


@pytest.mark.parametrize(
    "wrong",
    [{"rolls": 2}, {"same_bytes": 4}, {"video": "x"}, {"machine": "none"}, {"by": 3}, {"same_frames": -1}],
)
def test_a_damaged_event_is_told_with_its_line(root, wrong):
    line = verification_line(event(**wrong))
    path = root / "takes/sh010.jsonl"
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(SpecErrors) as caught:
        fake_workspace(root).rooms.ledgers.of("sh010")
    (error,) = caught.value.errors
    assert "the ledger of sh010 is damaged in this line" in error.message
    assert error.location.line == 2


def test_rates_of_another_class_of_machine_stand_apart(root):
    take = fake_workspace(root).rooms.ledgers.of("sh010").takes[0]
    ledgers = fake_workspace(root).rooms.ledgers
    ledgers.verified("sh010", event(video=take.video.sha256))
    ledgers.verified("sh010", event(video=take.video.sha256, made_on=fields(cpu="AVX2"), rolls=8))
    assert [(rate.elsewhere, rate.rolls) for rate in rates(fake_workspace(root))] == [(False, 8), (True, 4)]


def test_the_history_of_a_shot_tells_it(root):
    (found,) = verified(root, "sh010")
    told = [each for each in story(fake_workspace(root), ["sh010"]) if isinstance(each.event, Verification)]
    assert [each.take.video for each in told] == [found.take.video]


# --- stages ---------------------------------------------------------------------------------------------------------------


def test_every_stage_gives_the_same_bytes(root):
    found = rerun(fake_workspace(root), [], ["all"], 2, OPTIONS)
    assert found.exit_code == 0
    assert found.unmade == ()
    stages = {each.stage for each in found.reruns}
    assert "generate" not in stages
    assert {"encode", "mix"} <= stages


def test_a_stage_that_gives_other_bytes_is_an_error_that_says_where(root):
    count = Count(moody={"encode"})
    found = rerun(fake_workspace(root, count), [], ["encode"], 1, OPTIONS)
    assert found.exit_code == 1
    assert {each.stage for each in found.reruns} == {"encode"}
    assert all("did not come out again" in str(each.differs) for each in found.reruns)
    assert all("the first byte that differs is" in str(each.differs.cause) for each in found.reruns)
    assert fake_workspace(root).build().ran == (), "what was made first stays"


def test_what_is_not_made_yet_is_counted(root):
    write_project(root, {"specs/more.yaml": "sequences: {second: {cut: [sh010]}}\n"
                                            "deliverables: {other: {sequence: second, profile: preview}}\n"})  # fmt: skip
    found = rerun(fake_workspace(root), ["second"], ["encode"], 1, OPTIONS)
    assert (found.reruns, bool(found.unmade)) == ((), True)


def test_a_stage_that_nothing_is_of_is_told(root):
    with pytest.raises(PlanError, match="no step that is meant") as caught:
        rerun(fake_workspace(root), [], ["encod"], 1, OPTIONS)
    assert "`encode`" in str(caught.value.hint)


def test_nothing_is_a_class_of_machine_of_its_own():
    assert not event(machine=None, made_on=Fields()).elsewhere
