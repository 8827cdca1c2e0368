"""The loop: once, in order, keeping going, stopping. Stages are fakes that write text; everything else is real."""

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from shotbuild.built import BuildOptions
from shotbuild.engine.events import Event, Finished, Skipped, Started
from shotbuild.errors import LimitReached, PlanError, SpecErrors
from shotbuild.ledgers import result_of
from shotbuild.records import Price
from shotbuild.units import Money
from tests.fakes import SMALL, TOOL, Count, FakeProvider, fake_workspace, write_project

JUDGED = ("/measure", "/report")
AFTER_THE_MIX = {
    f"opening/{name}{after}" for name in ("web", "master") for after in ("/sound", "", *JUDGED)
}  # fmt: skip


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_project(tmp_path / "film", SMALL)


def edit(root: Path, path: str, old: str, new: str) -> None:
    text = (root / path).read_text()
    assert old in text
    (root / path).write_text(text.replace(old, new))


def test_what_runs_is_what_plan_said(root: Path) -> None:
    promised = {line.step.name for line in fake_workspace(root).plan().to_run}
    assert set(fake_workspace(root).build().ran) == promised


def test_steps_that_ask_for_the_same_run_once(root: Path) -> None:
    count = Count(slow=0.05)
    edit(root, "specs/opening.yaml", "web: {sequence", "again: {sequence: opening, profile: h264-web}\n  web: {sequence")
    built = fake_workspace(root, count).build(options=BuildOptions(jobs=4))
    parts = [name.split("/")[2] for name in built.ran if name.startswith(("opening/again/", "opening/web/"))]
    # The film's own name is in its report alone; all before that is one and the same.
    once = ["measure", "report", "report", "sh010", "sh010+sh020", "sh020", "sh030", "sh040", "sound"]
    assert sorted(parts) == once
    assert len(count.ran) == len(built.ran)


def test_a_failure_stops_only_what_needs_it(root: Path) -> None:
    built = fake_workspace(root, Count(fail={"mix": "no sound"})).build()
    assert [failure.step.name for failure in built.failed] == ["opening/mix"]
    assert {skipped.step.name for skipped in built.skipped} == AFTER_THE_MIX
    assert "opening/web/sh040" in built.ran
    assert built.exit_code == 1
    assert set(fake_workspace(root).build().ran) == {"opening/mix"} | {skipped.step.name for skipped in built.skipped}


def test_fail_fast_starts_nothing_after_a_failure(root: Path) -> None:
    count = Count(fail={"generate": "no"})
    built = fake_workspace(root, count).build(options=BuildOptions(jobs=1, fail_fast=True))
    assert count.ran == ["generate"]
    assert len(built.failed) == 1
    assert len(built.ran) + len(built.failed) + len(built.skipped) == len(fake_workspace(root).whole.steps)


def test_a_failure_is_not_cached(root: Path) -> None:
    assert fake_workspace(root, Count(fail={"join": "full"})).build().exit_code == 1
    films = {"opening/web", "opening/master"}
    assert set(fake_workspace(root).build().ran) == {f"{film}{after}" for film in films for after in ("", *JUDGED)}


def test_a_higher_priority_runs_first(root: Path) -> None:
    edit(
        root,
        "specs/opening.yaml",
        "sh030: {continue: sh020,",
        "sh035: {priority: 5, prompt: urgent}\n  sh030: {continue: sh020,",
    )
    started: list[str] = []

    def hear(event: Event) -> None:
        if isinstance(event, Started):
            started.append(event.step.name)

    fake_workspace(root, hear=hear).build(options=BuildOptions(jobs=1))
    assert started[0] == "sh035/t1"


def test_a_step_whose_inputs_come_out_the_same_is_not_run(root: Path) -> None:
    fake_workspace(root, Count(blind={"mix"})).build()
    (root / "assets/sea.wav").write_text("other sea")
    workspace = fake_workspace(root, Count(blind={"mix"}))
    assert "opening/web/sound" in {line.step.name for line in workspace.plan().to_run}
    assert workspace.build().ran == ("opening/mix",)
    assert fake_workspace(root).build().ran == ()


def test_another_ffmpeg_runs_everything_again_and_the_first_is_still_cached(root: Path) -> None:
    fake_workspace(root).build()
    other = replace(TOOL, version="fake-2", identity="e" * 64)
    # Chunks that come out the same are joined as they were: another tool does that.
    expected = {step.name for step in fake_workspace(root).whole.steps if step.recipe.stage != "join"}
    assert set(fake_workspace(root, tool=other).build().ran) == expected
    assert fake_workspace(root).build().ran == ()


def test_builds_in_several_threads_share_the_work(root: Path) -> None:
    counts = [Count(slow=0.02) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        built = list(pool.map(lambda count: fake_workspace(root, count).build(options=BuildOptions(jobs=2)), counts))
    steps = len(fake_workspace(root).whole.steps)
    ran = [name for each in built for name in each.ran]
    assert sorted(ran) == sorted(set(ran))
    assert len(ran) == steps == sum(len(count.ran) for count in counts)


def test_every_step_is_told_once(root: Path) -> None:
    told: list[str] = []

    def hear(event: Event) -> None:
        if isinstance(event, Finished | Skipped):
            told.append(event.step.name)

    workspace = fake_workspace(root, hear=hear)
    workspace.build()
    assert sorted(told) == sorted(step.name for step in workspace.whole.steps)


def test_a_cancelled_build_leaves_what_it_finished(root: Path) -> None:
    cancel = threading.Event()
    seen: list[str] = []

    def hear(event: Event) -> None:
        if isinstance(event, Finished):
            seen.append(event.step.name)
            if len(seen) == 3:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fake_workspace(root, hear=hear).build(options=BuildOptions(jobs=1), cancel=cancel)
    assert cancel.is_set()
    again = fake_workspace(root).build()
    assert not set(again.ran) & set(seen)


def test_a_build_that_costs_needs_a_budget(root: Path) -> None:
    paid = FakeProvider(price_of_one=Price(amount=Fraction(3, 2), currency="USD", exact=True))
    count = Count()
    with pytest.raises(LimitReached, match=r"this build costs 6\.00 USD, and no budget was given"):
        fake_workspace(root, count, paid).build()
    with pytest.raises(LimitReached, match=r"--max-cost is 5\.00 USD"):
        fake_workspace(root, count, paid).build(options=BuildOptions(max_cost=Money(Fraction(5), "USD")))
    assert count.ran == []
    assert fake_workspace(root, count, paid).plan().bill.known == (Money(Fraction(6), "USD"),)
    assert (
        len(fake_workspace(root, count, paid).build(options=BuildOptions(max_cost=Money(Fraction(6), "USD"))).generated) == 4
    )
    assert fake_workspace(root, count, paid).build().ran == ()


def test_an_unknown_price_is_over_any_budget(root: Path) -> None:
    unknown = FakeProvider(price_of_one=Price(amount=None, currency="USD", exact=False))
    with pytest.raises(LimitReached, match="4 of unknown price"):
        fake_workspace(root, provider=unknown).build(options=BuildOptions(max_cost=Money(Fraction(1000), "USD")))


def test_more_takes_than_the_limit_are_refused_before_anything_runs(root: Path) -> None:
    edit(root, "shotbuild.yaml", "defaults:", "budget: {takes_per_shot: 1}\ndefaults:")
    with pytest.raises(LimitReached, match="shot sh020 asks for 2 takes, the limit is 1"):
        fake_workspace(root).plan()


def test_the_ledger_names_each_take_once_and_restores_it_without_the_action_cache(root: Path) -> None:
    fake_workspace(root).build()
    ledgers = {path.name: path.read_text() for path in (root / "takes").iterdir()}
    assert {name: len(text.splitlines()) for name, text in ledgers.items()} == {
        "sh010.jsonl": 1,
        "sh020.jsonl": 2,
        "sh030.jsonl": 1,
    }
    for path in (root / ".shotbuild/cache").iterdir():
        path.unlink()
    again = fake_workspace(root).build()
    assert again.generated == ()
    assert {path.name: path.read_text() for path in (root / "takes").iterdir()} == ledgers


def test_two_builds_write_the_same_lock(tmp_path: Path) -> None:
    one, two = (write_project(tmp_path / name, SMALL) for name in ("one", "two"))
    fake_workspace(one).build()
    fake_workspace(two).build(options=BuildOptions(jobs=3))
    assert (one / "shotbuild.lock").read_bytes() == (two / "shotbuild.lock").read_bytes()


def test_all_errors_of_cuts_are_told_together(root: Path) -> None:
    edit(root, "specs/opening.yaml", "out: 40f, transition: {dissolve: 6f}", "out: 400f")
    edit(root, "specs/opening.yaml", "deliverables:", "  short:\n    cut: [{shot: sh010, in: 5s}]\ndeliverables:")
    with pytest.raises(SpecErrors) as told:
        fake_workspace(root).plan()
    assert len(told.value.errors) == 2


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("sh010", {"sh010/t1"}),
        ("sh020/t*", {"sh020/t1", "sh020/t2"}),
        ("opening/sh040", {"opening/web/sh040", "opening/master/sh040"}),
        ("+opening/web/sh010", {"opening/web/sh010", "sh010/t1"}),
        ("opening/mix+", {"opening/mix"} | AFTER_THE_MIX),
    ],
)
def test_targets_mean_steps(root: Path, expression: str, found: set[str]) -> None:
    lines = fake_workspace(root).explain(expression)
    assert {line.step.name for line in lines} == found


def test_a_target_that_means_nothing_is_told_with_the_nearest_name(root: Path) -> None:
    with pytest.raises(PlanError) as told:
        fake_workspace(root).plan(["sh0010"])
    assert told.value.hint == "write `sh010`"


def test_a_provider_works_on_no_more_takes_at_once_than_the_project_allows(root: Path) -> None:
    edit(root, "shotbuild.yaml", "defaults:", "providers: {board: {use: animatic, at_once: 1}}\ndefaults:")
    edit(root, "specs/opening.yaml", "takes: 2", "takes: 6")
    now: set[str] = set()
    most = 0

    def hear(event: Event) -> None:
        nonlocal most
        if isinstance(event, Started) and event.step.generates:
            now.add(event.step.name)
            most = max(most, len(now))
        elif isinstance(event, Finished):
            now.discard(event.step.name)

    built = fake_workspace(root, Count(slow=0.02), hear=hear).build(options=BuildOptions(jobs=4))
    assert len(built.generated) == 8
    assert most == 1


def test_an_unknown_state_is_told_with_the_states_there_are(root: Path) -> None:
    with pytest.raises(PlanError, match="no state is called 'redy'"):
        fake_workspace(root).plan(["status:redy"])


def test_a_take_found_through_the_ledger_is_a_hit_without_it_afterwards(root: Path) -> None:
    fake_workspace(root).build()
    for path in (root / ".shotbuild/cache").iterdir():
        path.unlink()
    assert fake_workspace(root).build().generated == ()
    for path in (root / "takes").iterdir():
        path.unlink()
    assert fake_workspace(root).build().generated == ()


def test_a_build_that_is_stopped_before_it_begins_starts_nothing(root: Path) -> None:
    cancel = threading.Event()
    cancel.set()
    count = Count()
    built = fake_workspace(root, count).build(cancel=cancel)
    assert count.ran == []
    assert len(built.skipped) == len(fake_workspace(root).whole.steps)


def test_fail_fast_holds_in_a_full_lane_too(root: Path) -> None:
    edit(root, "shotbuild.yaml", "defaults:", "providers: {board: {use: animatic, at_once: 1}}\ndefaults:")
    count = Count(fail={"generate": "no"})
    fake_workspace(root, count).build(options=BuildOptions(jobs=4, fail_fast=True))
    assert count.ran.count("generate") == 1


def test_what_ended_while_a_build_was_interrupted_is_kept(root: Path) -> None:
    def hear(event: Event) -> None:
        if isinstance(event, Finished):
            raise KeyboardInterrupt

    count = Count(slow=0.05)
    with pytest.raises(KeyboardInterrupt):
        fake_workspace(root, count, hear=hear).build(options=BuildOptions(jobs=4))
    again = Count()
    fake_workspace(root, again).build()
    assert len(count.ran) + len(again.ran) == len(fake_workspace(root).whole.steps)


def test_a_bug_in_a_stage_costs_its_step_and_no_other(root: Path) -> None:
    workspace = fake_workspace(root)

    class Broken:
        name, version = "mix", 1

        def run(self, work: object) -> None:
            raise KeyError("a bug")

    workspace.registry.loaded["mix"] = Broken()  # type: ignore[assignment]
    built = workspace.build()
    assert [failure.step.name for failure in built.failed] == ["opening/mix"]
    assert built.exit_code == 70
    assert "opening/web/sh040" in built.ran


def test_a_ledger_keeps_what_a_take_cost_and_gives_it_back(root: Path) -> None:
    price = Price(amount=Fraction(3, 2), currency="USD", exact=True)
    paid = FakeProvider(price_of_one=price)
    limit = BuildOptions(max_cost=Money(Fraction(6), "USD"))
    assert fake_workspace(root, provider=paid).build(options=limit).cost.known == (Money(Fraction(6), "USD"),)
    (take,) = fake_workspace(root).rooms.ledgers.of("sh010").takes
    told = result_of(take)
    assert (told.price, told.operation and told.operation.provider) == (price, "animatic")
    for path in (root / ".shotbuild/cache").iterdir():
        path.unlink()
    assert fake_workspace(root, provider=paid).build(options=limit).generated == ()
    kept = fake_workspace(root).rooms.actions.get(take.action)
    assert kept is not None
    assert kept == told


def test_the_lower_of_two_limits_holds(root: Path) -> None:
    edit(root, "shotbuild.yaml", "defaults:", "budget: {limit: 1 USD}\ndefaults:")
    paid = FakeProvider(price_of_one=Price(amount=Fraction(3, 2), currency="USD", exact=True))
    with pytest.raises(LimitReached, match=r"budget is 1\.00 USD"):
        fake_workspace(root, provider=paid).build(options=BuildOptions(max_cost=Money(Fraction(100), "USD")))


def test_a_sound_that_would_start_after_the_cut_is_refused(root: Path) -> None:
    edit(root, "specs/opening.yaml", "gain: -6dB", "at: 60s, gain: -6dB")
    with pytest.raises(SpecErrors) as told:
        fake_workspace(root).plan()
    assert "would start after the end of the cut" in told.value.errors[0].message


def test_a_damaged_take_that_cost_money_is_not_made_again_unasked(root: Path) -> None:
    paid = FakeProvider(price_of_one=Price(amount=Fraction(3, 2), currency="USD", exact=True))
    fake_workspace(root, provider=paid).build(options=BuildOptions(max_cost=Money(Fraction(6), "USD")))
    (take,) = fake_workspace(root).rooms.ledgers.of("sh010").takes
    blob = fake_workspace(root).rooms.blobs.path(take.video)
    blob.chmod(0o644)
    blob.write_bytes(b"x" * take.video.size)
    (root / "out/shots/sh010.mp4").unlink()
    count = Count()
    built = fake_workspace(root, count, paid).build()
    assert "generate" not in count.ran
    assert [failure.step.name for failure in built.failed] == ["sh010/t1"]
    assert "it was paid for" in built.failed[0].error.message


def test_a_take_that_was_paid_for_is_not_paid_for_again_where_its_bytes_are_missing(root: Path) -> None:
    paid = FakeProvider(price_of_one=Price(amount=Fraction(1), currency="USD", exact=True))
    fake_workspace(root, provider=paid).build(options=BuildOptions(max_cost=Money(Fraction(9), "USD")))
    shutil.rmtree(root / ".shotbuild")  # another clone, with the ledgers of this one
    count = Count()
    planned = fake_workspace(root, count, paid).plan()
    assert planned.bill.free
    built = fake_workspace(root, count, paid).build(options=BuildOptions(max_cost=Money(Fraction(9), "USD")))
    assert "generate" not in count.ran
    assert all("it was paid for" in failure.error.message for failure in built.failed)
    assert built.failed
