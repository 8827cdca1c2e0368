"""Ledgers of a project: what a shot has under all its names, and events that several people enter at once."""

import json
import shutil
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import pytest

from shotbuild.built import BuildOptions
from shotbuild.digest import derived_seed
from shotbuild.errors import NeedsPerson, PlanError, ShotbuildError, SpecError, SpecErrors
from shotbuild.records import APPROVE, MOVE, NOTE, REOPEN, Decision, ShotState
from shotbuild.rooms import Rooms
from shotbuild.spec.events import decision_line, written
from shotbuild.takes import decide
from shotbuild.takes.names import meant, take_meant
from tests.fakes import Count, fake_workspace, write_project
from tests.takes import ANN, HERE, NOON, id_of, said_text, unknown_text

HEAD = "shotbuild: 1\nproject: film\nformat: {size: 64x64, rate: 24}\ndefaults: {duration: 2s}\n"


def spec(root: Path, *shots: str, **prompts: str) -> Path:
    """Writes a project of shots such as `a`, or `b<a` for one that moved from a."""
    rows = []
    for shot in shots:
        name, _, moved = shot.partition("<")
        rows.append(f"  {name}: {{prompt: {prompts.get(name, 'a lighthouse')}{f', moved: {moved}' if moved else ''}}}\n")
    return write_project(root, {"shotbuild.yaml": HEAD, "specs/a.yaml": "shots:\n" + "".join(rows)})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project whose shot `a` was built and approved."""
    root = spec(tmp_path / "film", "a")
    build(root)
    decide.approve(fake_workspace(root), ["a t1"], by=ANN, role="director", why="the light")
    return root


def build(root: Path, **options: bool) -> list[str]:
    """What was generated."""
    count = Count()
    built = fake_workspace(root, count).build(options=BuildOptions(**options))
    assert built.failed == ()
    assert count.ran.count("generate") == len(built.generated)
    return list(built.generated)


def state(root: Path, shot: str) -> ShotState:
    workspace = fake_workspace(root)
    assert workspace.project
    return workspace.rooms.ledgers.of(shot)


def lines(root: Path, shot: str) -> list[str]:
    path = root / f"takes/{shot}.jsonl"
    return path.read_text().splitlines() if path.exists() else []


def kinds(root: Path, shot: str) -> list[str]:
    return [json.loads(line)["event"] for line in lines(root, shot)]


def append(root: Path, shot: str, *more: str) -> None:
    with (root / f"takes/{shot}.jsonl").open("a") as file:
        file.writelines(f"{line}\n" for line in more)


def approvals(root: Path, shot: str) -> list[tuple[str | None, str | None]]:
    return [(each.role, each.why) for each in state(root, shot).approvals]


def videos(root: Path, shot: str) -> list[str]:
    return [take.video.sha256 for take in state(root, shot).takes]


# --- moves ------------------------------------------------------------------------------------------------------------


def test_a_shot_that_moved_keeps_its_takes_and_approvals_and_nothing_is_made(root: Path) -> None:
    before = videos(root, "a")
    spec(root, "b<a")
    assert build(root) == []
    assert videos(root, "b") == before
    assert approvals(root, "b") == [("director", "the light")]
    assert state(root, "b").formerly == ("a",)
    assert not fake_workspace(root).whole.chosen["b"].stale


def test_a_shot_that_moved_without_decisions_keeps_its_take(tmp_path: Path) -> None:
    root = spec(tmp_path, "a")
    build(root)
    before = videos(root, "a")
    spec(root, "b<a")
    assert build(root) == []
    assert videos(root, "b") == before


def test_a_shot_that_moved_keeps_its_seed(root: Path) -> None:
    decide.reopen(fake_workspace(root), ["a"], by=ANN)
    spec(root, "b<a", b="a windmill")
    assert build(root) == ["b/t1"]
    assert [take.seed for take in state(root, "b").takes] == [derived_seed("film", "a")] * 2


def test_a_move_is_recorded_in_both_ledgers_once(root: Path) -> None:
    spec(root, "b<a")
    build(root)
    assert (kinds(root, "a"), kinds(root, "b")) == (["take", "approve", "move"], ["move"])
    assert lines(root, "a")[-1] == lines(root, "b")[0]
    before = lines(root, "a"), lines(root, "b")
    build(root)
    decide.note(fake_workspace(root), ["b t1"], "warm", by=ANN)
    assert (lines(root, "a"), lines(root, "b")[:-1]) == before


def test_a_frozen_build_of_a_shot_that_moved_writes_nothing(root: Path) -> None:
    build(root)
    spec(root, "b<a")
    assert build(root, frozen=True) == []
    assert lines(root, "b") == []


def test_once_recorded_a_move_needs_no_word_in_the_spec(root: Path) -> None:
    spec(root, "b<a")
    build(root)
    spec(root, "b")
    assert build(root) == []
    assert approvals(root, "b") == [("director", "the light")]


def test_a_new_shot_of_the_old_name_is_refused_before_the_move_was_recorded(root: Path) -> None:
    spec(root, "a", "b<a")
    with pytest.raises(SpecErrors) as told:
        fake_workspace(root).lint()
    assert "shot 'b' moved from 'a', which is a shot as well" in told.value.errors[0].message
    with pytest.raises(ShotbuildError):
        fake_workspace(root).build()
    assert (kinds(root, "a"), kinds(root, "b")) == (["take", "approve"], [])


@pytest.mark.parametrize("words", [("a", "b<a"), ("a", "b")])
@pytest.mark.parametrize("prompt", ["a windmill", "a lighthouse"])
def test_a_new_shot_of_the_old_name_starts_empty_once_the_move_was_recorded(
    root: Path, words: tuple[str, ...], prompt: str
) -> None:
    spec(root, "b<a")
    build(root)
    before = videos(root, "b")
    spec(root, *words, a=prompt)
    assert videos(root, "a") == []
    build(root)
    assert build(root) == []
    assert [take.number for take in state(root, "a").takes] == [1]
    assert (approvals(root, "a"), state(root, "a").formerly) == ([], ())
    decide.approve(fake_workspace(root), ["a t1"], by=ANN, role="client")
    assert approvals(root, "a") == [("client", None)]
    assert (videos(root, "b"), approvals(root, "b")) == (before, [("director", "the light")])


def test_a_shot_may_move_again_and_again(root: Path) -> None:
    before = videos(root, "a")
    spec(root, "b<a")
    build(root)
    decide.note(fake_workspace(root), ["b t1"], "as b", by=ANN)
    spec(root, "c<b")
    assert build(root) == []
    decide.note(fake_workspace(root), ["c t1"], "as c", by=ANN)
    for words in (("c<b",), ("c",)):
        spec(root, *words)
        found = state(root, "c")
        assert (videos(root, "c"), found.formerly) == (before, ("a", "b"))
        assert {note.why for note in found.notes} == {"as b", "as c"}
        assert [take.name for take in found.takes] == [f"c@{before[0][:8]}"]


def test_a_take_is_found_by_the_old_names_of_its_shot(root: Path) -> None:
    spec(root, "b<a")
    build(root)
    workspace = fake_workspace(root)
    take = take_meant(workspace, ["b t1"])
    for words in (["a t1"], ["a", "t1"], [f"a@{take.video.sha256[:6]}"], ["a"], ["b"]):
        assert take_meant(workspace, words) == take


def test_a_shot_that_moved_back_has_everything(root: Path) -> None:
    before = videos(root, "a")
    spec(root, "b<a")
    build(root)
    decide.note(fake_workspace(root), ["b t1"], "as b", by=ANN)
    spec(root, "a<b")
    assert build(root) == []
    for words in (("a<b",), ("a",)):
        spec(root, *words)
        found = state(root, "a")
        assert (videos(root, "a"), approvals(root, "a")) == (before, [("director", "the light")])
        assert [note.why for note in found.notes] == ["as b"]
    assert build(root) == []


def test_a_shot_may_move_to_a_name_for_the_second_time(root: Path) -> None:
    for words in ("b<a", "a<b", "b<a"):
        spec(root, words)
        assert build(root) == []
    spec(root, "b")
    assert approvals(root, "b") == [("director", "the light")]
    spec(root, "b", "a")
    build(root)
    decide.approve(fake_workspace(root), ["a"], by=ANN)
    assert (len(videos(root, "a")), len(videos(root, "b"))) == (1, 1)
    assert approvals(root, "b") == [("director", "the light")]


def test_shots_that_swap_their_names_over_a_third_keep_what_is_theirs(tmp_path: Path) -> None:
    root = spec(tmp_path, "a", "b", a="dawn", b="dusk")
    build(root)
    dawn, dusk = videos(root, "a"), videos(root, "b")
    for words, prompts in (
        (("c<a", "b"), {"c": "dawn", "b": "dusk"}),
        (("c", "a<b"), {"c": "dawn", "a": "dusk"}),
        (("b<c", "a"), {"b": "dawn", "a": "dusk"}),
    ):
        spec(root, *words, **prompts)
        assert build(root) == []
    assert (videos(root, "a"), videos(root, "b")) == (dusk, dawn)


def test_a_decision_of_another_branch_under_the_old_name_is_found(root: Path) -> None:
    heads = (id_of(lines(root, "a")[-1]),)
    spec(root, "b<a")
    build(root)
    (take,) = state(root, "b").takes
    other = Decision(
        id="", after=heads, kind=APPROVE, video=take.video.sha256, by="Bo", role="client", at=NOON, location=HERE
    )
    _write(root, "a", other)
    for words in (("b<a",), ("b",), ("a", "b")):
        spec(root, *words)
        assert {each.role for each in state(root, "b").approvals} == {"director", "client"}
    assert state(root, "a").approvals == ()


def test_decisions_under_the_old_and_the_new_name_may_contradict_each_other(root: Path) -> None:
    fake_workspace(root).roll(["a"], 1)
    one, two = videos(root, "a")
    heads = state(root, "a").heads
    spec(root, "b<a")
    build(root)
    decide.approve(fake_workspace(root), ["b t2"], by=ANN)
    _write(root, "a", Decision(id="", after=heads, kind=APPROVE, video=one, by="Bo", at=NOON, location=HERE))
    assert {each.video for each in state(root, "b").conflict} == {one, two}
    with pytest.raises(NeedsPerson):
        fake_workspace(root).build()


def test_a_take_rolled_on_another_branch_under_the_old_name_is_found(root: Path, tmp_path: Path) -> None:
    before = lines(root, "a")
    fake_workspace(root).roll(["a"], 1)
    rolled = [line for line in lines(root, "a") if line not in before]
    (root / "takes/a.jsonl").write_text("".join(f"{line}\n" for line in before))
    spec(root, "b<a")
    build(root)
    append(root, "a", *rolled)
    spec(root, "b", "a")
    assert (len(videos(root, "b")), videos(root, "a")) == (2, [])


@pytest.mark.parametrize("kept", ["new", "old"])
def test_a_move_that_only_one_of_the_two_ledgers_has_is_mended(root: Path, kept: str) -> None:
    # Killed between the two; or a new file that was not added to Git.
    before = lines(root, "a")
    spec(root, "b<a")
    build(root)
    move = lines(root, "b")
    if kept == "new":
        (root / "takes/a.jsonl").write_text("".join(f"{line}\n" for line in before))
    else:
        (root / "takes/b.jsonl").unlink()
    assert approvals(root, "b") == [("director", "the light")]
    assert build(root) == []
    assert (lines(root, "a"), lines(root, "b")) == ([*before, *move], move)


def test_a_move_that_two_branches_recorded_is_one_move(root: Path) -> None:
    before = lines(root, "a")
    spec(root, "b<a")
    build(root)
    first = lines(root, "b")
    heads = (id_of(before[-1]),)
    second = [said_text(MOVE, heads, was="a", now="b", at="2026-07-15T12:00:00Z")]
    spec(root, "b", "a", a="a windmill")
    build(root)
    mine = videos(root, "a")
    append(root, "a", *second)
    append(root, "b", *second)
    assert first != second
    assert videos(root, "a") == mine
    assert (len(videos(root, "b")), approvals(root, "b")) == (1, [("director", "the light")])
    assert mine != videos(root, "b")
    decide.approve(fake_workspace(root), ["a t1"], by=ANN)
    decide.reopen(fake_workspace(root), ["b"], by=ANN)
    assert (len(approvals(root, "a")), approvals(root, "b")) == (1, [])


def test_moves_that_lead_in_a_circle_end(root: Path) -> None:
    heads = (id_of(lines(root, "a")[-1]),)
    append(root, "a", said_text(MOVE, heads, was="b", now="a"), said_text(MOVE, heads, was="a", now="a"))
    append(root, "b", said_text(MOVE, heads, was="a", now="b"))
    spec(root, "a", "b")
    for shot in ("a", "b"):
        workspace = fake_workspace(root)
        assert workspace.project
        try:
            workspace.rooms.ledgers.of(shot)
        except (SpecError, SpecErrors):
            pass


def test_a_move_from_a_shot_without_a_ledger_is_no_move(tmp_path: Path) -> None:
    root = spec(tmp_path, "b<a")
    assert build(root) == ["b/t1"]
    assert (kinds(root, "b"), kinds(root, "a")) == (["take"], [])


# --- reading ----------------------------------------------------------------------------------------------------------


def test_a_shot_without_a_ledger_has_nothing(tmp_path: Path) -> None:
    assert state(spec(tmp_path, "a"), "a") == ShotState()


def test_an_approval_of_a_take_that_is_not_there_is_an_error_at_its_line(root: Path) -> None:
    append(root, "a", said_text(APPROVE, state(root, "a").heads, of_take="nothing"))
    with pytest.raises(SpecError, match="chose a take that it does not have") as told:
        state(root, "a")
    assert str(told.value.location) == "takes/a.jsonl:3:1"


def test_a_deleted_line_stops_every_command_that_reads_the_ledger(root: Path) -> None:
    (root / "takes/a.jsonl").write_text(lines(root, "a")[1] + "\n")
    for work in (lambda: fake_workspace(root).lint(), lambda: fake_workspace(root).build()):
        with pytest.raises(SpecErrors) as told:
            work()
        assert str(told.value.errors[0].location) == "takes/a.jsonl:1:1"
    with pytest.raises(SpecErrors):
        decide.reopen(fake_workspace(root), ["a"], by=ANN)
    assert len(lines(root, "a")) == 1


def test_unknown_kinds_are_told_once_and_survive_what_is_written_after_them(root: Path) -> None:
    append(root, "a", unknown_text(state(root, "a").heads, "star"), unknown_text(state(root, "a").heads, "star", stars=5))
    said: list[str] = []
    workspace = fake_workspace(root)
    rooms = Rooms(root, said.append)
    rooms.ledgers.follow(workspace.project.shots)
    rooms.ledgers.of("a")
    rooms.ledgers.of("a")
    assert said == ["the ledger of a has `star` events, which this version of shotbuild does not know"]
    decide.reopen(fake_workspace(root), ["a"], by=ANN)
    assert kinds(root, "a") == ["take", "approve", "star", "star", "reopen"]
    assert len(json.loads(lines(root, "a")[-1])["after"]) == 2


@pytest.mark.parametrize("end", ["", "\r\n"])
def test_a_ledger_whose_last_line_lacks_its_end_is_not_spoilt_by_the_next_event(root: Path, end: str) -> None:
    text = (end or "\n").join(lines(root, "a")) + end
    (root / "takes/a.jsonl").write_bytes(text.encode())
    decide.reopen(fake_workspace(root), ["a"], by=ANN)
    assert approvals(root, "a") == []
    assert kinds(root, "a") == ["take", "approve", "reopen"]


# --- writing ----------------------------------------------------------------------------------------------------------


def _write(root: Path, shot: str, decision: Decision) -> None:
    append(root, shot, decision_line(decision))


def _say(root: Path, index: int) -> None:
    workspace = fake_workspace(root)
    assert workspace.project
    for turn in range(5):
        workspace.rooms.ledgers.decide(
            "a", Decision(id="", after=(), kind=NOTE, by=ANN, why=f"{index} {turn}", at=NOON, location=HERE)
        )


def _processes(work: Callable[[int], None]) -> None:
    with ProcessPoolExecutor(3, mp_context=get_context("spawn")) as pool:
        list(pool.map(work, range(4)))


def _threads(work: Callable[[int], None]) -> None:
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))


@pytest.mark.parametrize("at_once", [_processes, _threads])
def test_people_who_write_at_once_lose_nothing_and_follow_each_other(
    root: Path, at_once: Callable[[Callable[[int], None]], None]
) -> None:
    at_once(partial(_say, root))
    found = state(root, "a")
    assert len(found.notes) == (20 if at_once is _processes else 30)
    assert len(found.heads) == 1
    assert len(lines(root, "a")) == len(found.notes) + 2


def _move(root: Path, _: int) -> None:
    build(root)


def test_a_move_that_several_builds_record_at_once_is_recorded_once(root: Path) -> None:
    spec(root, "b<a")
    _threads(partial(_move, root))
    assert (kinds(root, "a"), kinds(root, "b")) == (["take", "approve", "move"], ["move"])


def test_rolls_at_once_give_each_take_a_number_of_its_own(root: Path) -> None:
    def roll(_: int) -> None:
        fake_workspace(root).roll(["a"], 2)

    _threads(roll)
    takes = state(root, "a").takes
    assert [take.number for take in takes] == list(range(1, len(takes) + 1))
    assert len({take.video for take in takes}) == len(takes) >= 3


def test_a_ledger_that_is_no_file_is_told(root: Path) -> None:
    (root / "takes/b.jsonl").mkdir()
    spec(root, "a", "b")
    with pytest.raises(SpecErrors) as told:
        fake_workspace(root).build()
    assert [error.message for error in told.value.errors] == ["takes/b.jsonl cannot be read"]


def test_a_decision_follows_everything_that_was_known(root: Path) -> None:
    heads = state(root, "a").heads
    append(root, "a", said_text(NOTE, heads, why="one"), said_text(NOTE, heads, why="two"))
    both = state(root, "a").heads
    decide.reopen(fake_workspace(root), ["a"], by=ANN)
    line = json.loads(lines(root, "a")[-1])
    assert (line["event"], tuple(line["after"])) == (REOPEN, both)
    assert len(both) == 2


def test_a_take_of_the_ledger_holds_its_whole_recipe(root: Path) -> None:
    (take,) = state(root, "a").takes
    event = written(take)
    assert event["recipe"]["parameters"]["prompt"] == "a lighthouse"
    assert event["first_seed"] == event["seed"] == derived_seed("film", "a")
    assert event["pin"]["asked"] == {"model": "storyboard", "provider": "animatic", "version": "1"}


def test_a_word_that_names_nothing_is_refused_with_the_nearest(root: Path) -> None:
    spec(root, "b<a")
    with pytest.raises(PlanError, match="'c'"):
        meant(fake_workspace(root), ["c"])


def test_two_names_on_two_branches_ask_for_a_person_and_lose_nothing(root: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(root, tmp_path / "other"))
    build(spec(other, "c<a"))
    decide.approve(fake_workspace(other), ["c t1"], by=ANN, role="client", why="as well")
    build(spec(root, "b<a"))
    append(root, "a", *[line for line in lines(other, "a") if line not in lines(root, "a")])
    append(root, "c", *lines(other, "c"))
    with pytest.raises(NeedsPerson, match="under another name, c, too") as told:
        fake_workspace(root).build()
    assert "moved: c" in str(told.value.hint)
    assert approvals(root, "b") == [("director", "the light")]
    assert build(spec(root, "b<c")) == []
    assert approvals(root, "b") == [("director", "the light"), ("client", "as well")]
    fake_workspace(root).lint()


def test_a_rename_that_was_taken_back_in_the_spec_alone_asks_for_a_person(root: Path) -> None:
    build(spec(root, "b<a"))
    spec(root, "a")
    for check in (lambda: fake_workspace(root).lint(), lambda: fake_workspace(root).plan(), lambda: build(root)):
        with pytest.raises(NeedsPerson, match="under another name, b, too"):
            check()
    assert build(spec(root, "a<b")) == []
    assert approvals(root, "a") == [("director", "the light")]


def test_a_new_shot_of_a_name_that_was_left_is_said_to_be_one(root: Path) -> None:
    build(spec(root, "b<a"))
    spec(root, "a", a="a windmill")
    decide.note(fake_workspace(root), ["a"], "a new shot", by=ANN)
    assert build(root) == ["a/t1"]
    assert approvals(root, "a") == []


def test_a_name_under_which_nothing_was_made_leaves_no_seed_behind(tmp_path: Path) -> None:
    root = spec(tmp_path / "film", "b<a")
    assert build(root) == ["b/t1"]
    assert build(spec(root, "b")) == []


def test_bytes_that_were_rejected_are_not_served_from_the_cache(root: Path) -> None:
    decide.reopen(fake_workspace(root), ["a"], by=ANN)
    (take,) = state(root, "a").takes
    decide.reject(fake_workspace(root), ["a t1"], by=ANN, why="six fingers")
    build(root)
    assert state(root, "a").rejected == {take.video.sha256}
    assert fake_workspace(root).whole.chosen["a"].take != take
    assert (root / "out/shots/a.mp4").read_bytes() != fake_workspace(root).rooms.blobs.path(take.video).read_bytes()


def test_what_two_branches_made_alike_is_one_take(root: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(root, tmp_path / "other"))
    for each in (root, other):
        fake_workspace(each).roll(["a"], 1)
    append(root, "a", *[line for line in lines(other, "a") if line not in lines(root, "a")])
    assert [take.number for take in state(root, "a").takes] == [1, 2]
    assert take_meant(fake_workspace(root), ["a", "t2"]).number == 2
