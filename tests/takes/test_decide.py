"""What people say of takes: names, checks, and what is written. Stages are fakes, all else is real."""

import json
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shotbuild.errors import GateError, PlanError, SpecErrors
from shotbuild.records import ShotState
from shotbuild.takes import decide
from shotbuild.takes.names import CODE, codes, meant, shots_meant, take_meant, taken
from tests.fakes import fake_workspace, write_project
from tests.takes import ANN, Branch, events_of, resealed, state_of, take_text, video

FILM = {
    "shotbuild.yaml": "shotbuild: 1\nproject: film\nformat: {size: 64x64, rate: 24}\ndefaults: {duration: 2s}\n",
    "specs/a.yaml": """shots:
  sh010: {prompt: a lighthouse}
  sh020: {prompt: the sea}
  a-long-name-of-a-shot: {prompt: a road}
""",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project that was built; sh010 has three takes."""
    root = write_project(tmp_path / "film", FILM)
    assert fake_workspace(root).build().failed == ()
    fake_workspace(root).roll(["sh010"], 2)
    return root


def state(root: Path, shot: str = "sh010") -> ShotState:
    workspace = fake_workspace(root)
    assert workspace.project
    return workspace.rooms.ledgers.of(shot)


def events(root: Path, shot: str = "sh010") -> list[dict[str, object]]:
    return [json.loads(line) for line in (root / f"takes/{shot}.jsonl").read_text().strip().split("\n")]


def duplicate_number(root: Path) -> None:
    """Another branch rolled a second t3, and was merged."""
    line = take_text("other", (str(events(root)[1]["id"]),), number=3, ordinal=3)
    with (root / "takes/sh010.jsonl").open("a") as file:
        file.write(line + "\n")


def refused(root: Path, *words: str) -> PlanError:
    with pytest.raises(PlanError) as told:
        take_meant(fake_workspace(root), words)
    return told.value


# --- names ------------------------------------------------------------------------------------------------------------


def test_a_take_has_many_names(root: Path) -> None:
    workspace = fake_workspace(root)
    for take in state(root).takes:
        sha = take.video.sha256
        names = (
            ["sh010", f"t{take.number}"],
            [f"sh010 t{take.number}"],
            [f"sh010@{sha[:8]}"],
            [f"sh010@{sha[:8].upper()}"],
            [f"sh010@{sha}"],
            [take.name],
            [f"sh010t0{take.number}"],
        )
        for words in names:
            assert take_meant(workspace, words) == take, words


def test_several_takes_may_be_named_in_a_row(root: Path) -> None:
    found = meant(fake_workspace(root), ["sh010", "t2", "sh020", "sh010t03", "a-long-name-of-a-shot t1"])
    assert [(one.shot, taken(one).number, one.exact) for one in found] == [
        ("sh010", 2, True),
        ("sh020", 1, False),
        ("sh010", 3, True),
        ("a-long-name-of-a-shot", 1, True),
    ]


def test_every_code_of_a_project_names_its_take(root: Path) -> None:
    duplicate_number(root)
    workspace = fake_workspace(root)
    assert workspace.project
    known = {shot.name: workspace.rooms.ledgers.of(shot.name) for shot in workspace.project.shots}
    found = codes(known)
    for shot, each in known.items():
        for take in each.takes:
            (one,) = meant(workspace, [found[take.id]])
            assert (one.shot, one.take) == (shot, take)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["sh010", "t9"], "shot sh010 has no take t9"),
        (["sh01"], "no shot or take is called 'sh01'"),
        (["t2"], "no shot or take is called 't2'"),
        (["sh010t09"], "no shot or take is called 'sh010t09'"),
        (["sh010@00000000"], "shot sh010 has no take"),
        (["sh010@12"], "is no name of a take"),
        (["sh010@xyz"], "is no name of a take"),
        (["sh099@12345678"], "no shot or take is called 'sh099'"),
        (["sh010 t1", "sh010 t2"], "one take is wanted"),
        ([], "one take is wanted"),
    ],
)
def test_what_names_no_take_is_refused(root: Path, words: list[str], said: str) -> None:
    assert said in refused(root, *words).message


def test_a_number_that_two_branches_gave_is_asked_about_and_digests_tell(root: Path) -> None:
    duplicate_number(root)
    error = refused(root, "sh010 t3")
    assert "means 2 takes" in error.message
    names = [take.name for take in state(root).takes if take.number == 3]
    assert len(names) == 2
    for name in names:
        assert name in str(error.cause)
        assert take_meant(fake_workspace(root), [name]).name == name
    assert "means" in refused(root, "sh010t03").message or "no shot" in refused(root, "sh010t03").message


def test_shots_are_named_by_globs_and_nothing_means_all(root: Path) -> None:
    workspace = fake_workspace(root)
    assert shots_meant(workspace, []) == ["a-long-name-of-a-shot", "sh010", "sh020"]
    assert shots_meant(workspace, ["sh*"]) == ["sh010", "sh020"]
    assert shots_meant(workspace, ["sh020", "sh*"]) == ["sh020", "sh010"]
    with pytest.raises(PlanError):
        shots_meant(workspace, ["x*"])


shot_names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,11}", fullmatch=True)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(shot_names, st.lists(st.integers(1, 120), min_size=1, max_size=4), max_size=6))
def test_codes_have_eight_characters_and_are_unique(shots: dict[str, list[int]]) -> None:
    known = {
        shot: state_of(take_text(f"{shot} {index}", number=number) for index, number in enumerate(numbers))
        for shot, numbers in shots.items()
    }
    found = codes(known)
    assert set(found) == {take.id for each in known.values() for take in each.takes}
    assert all(len(code) == CODE and code.isascii() and code.isalnum() for code in found.values())
    assert len({code.casefold() for code in found.values()}) == len(found)
    assert codes(dict(reversed(known.items()))) == found


def test_a_code_says_shot_and_number_where_there_is_room() -> None:
    known = {"sh010": state_of([take_text("a", number=3)]), "sq1": state_of([take_text("b", number=12)])}
    assert sorted(codes(known).values()) == ["sh010t03", "sq1t0012"]


# --- saying -----------------------------------------------------------------------------------------------------------


def test_a_decision_names_the_bytes_the_person_and_all_that_it_follows(root: Path) -> None:
    before = state(root)
    (said,) = decide.approve(fake_workspace(root), ["sh010", "t2"], by=ANN, role="director", why="the light")
    event = events(root)[-1]
    assert (event["event"], event["video"], event["by"], event["role"], event["why"], event["after"]) == (
        "approve",
        before.takes[1].video.sha256,
        ANN,
        "director",
        "the light",
        list(before.heads),
    )
    assert (said.shot, said.take, said.before.how) == ("sh010", before.takes[1], "newest")


def test_the_bare_name_of_a_shot_approves_what_stands(root: Path) -> None:
    decide.approve(fake_workspace(root), ["sh010"], by=ANN)
    assert [each.video for each in state(root).approvals] == [state(root).takes[2].video.sha256]


def test_several_takes_are_decided_at_once(root: Path) -> None:
    decide.approve(fake_workspace(root), ["sh010 t1", "sh020"], by=ANN)
    assert len(state(root).approvals) == len(state(root, "sh020").approvals) == 1


def test_nothing_is_written_when_one_of_several_names_is_wrong(root: Path) -> None:
    before = events(root)
    for work in (decide.approve, decide.pick, decide.reopen):
        with pytest.raises(PlanError):
            work(fake_workspace(root), ["sh010 t1", "sh010 t9"], by=ANN)
    with pytest.raises(PlanError):
        decide.reject(fake_workspace(root), ["sh010 t1", "sh030"], by=ANN, why="hand")
    with pytest.raises(PlanError):
        decide.reopen(fake_workspace(root), ["sh010", "sh020"], by=ANN)
    assert events(root) == before


def test_a_role_that_the_project_does_not_ask_for_is_refused_where_it_asks_for_some(root: Path) -> None:
    path = root / "shotbuild.yaml"
    path.write_text(path.read_text() + "approvals: [director, client]\n")
    with pytest.raises(PlanError) as told:
        decide.approve(fake_workspace(root), ["sh010"], by=ANN, role="directr")
    assert "director" in f"{told.value.message} {told.value.cause} {told.value.hint}"
    decide.approve(fake_workspace(root), ["sh010"], by=ANN, role="director")
    assert [each.role for each in state(root).approvals] == ["director"]


def test_a_pick_beside_an_approval_of_another_take_is_refused(root: Path) -> None:
    decide.approve(fake_workspace(root), ["sh010 t1"], by=ANN)
    with pytest.raises(GateError, match="sh010 t1 is approved, so a pick would not change the cut"):
        decide.pick(fake_workspace(root), ["sh010 t2"], by=ANN)
    decide.pick(fake_workspace(root), ["sh010 t1"], by=ANN)
    decide.reopen(fake_workspace(root), ["sh010"], by=ANN)
    decide.pick(fake_workspace(root), ["sh010 t2"], by=ANN)
    assert fake_workspace(root).whole.chosen["sh010"].take == state(root).takes[1]


@pytest.mark.parametrize("why", [None, ""])
def test_a_rejection_needs_a_reason(root: Path, why: str | None) -> None:
    with pytest.raises(PlanError, match="needs a reason"):
        decide.reject(fake_workspace(root), ["sh010 t1"], by=ANN, why=why)
    assert state(root).rejections == ()


def test_reopening_what_nobody_chose_is_refused(root: Path) -> None:
    with pytest.raises(PlanError, match="nothing to reopen"):
        decide.reopen(fake_workspace(root), ["sh010"], by=ANN)


def test_a_note_is_on_the_take_that_was_named_or_on_the_shot(root: Path) -> None:
    decide.note(fake_workspace(root), ["sh010"], "the arc", by=ANN)
    decide.note(fake_workspace(root), ["sh010 t2"], "warm", by=ANN, frames=(3, 5))
    first, second = events(root)[-2:]
    assert ("video" in first, first["why"]) == (False, "the arc")
    assert (second["video"], second["frames"], second["why"]) == (state(root).takes[1].video.sha256, [3, 5], "warm")
    with pytest.raises(PlanError, match="needs a text"):
        decide.note(fake_workspace(root), ["sh010"], "  ", by=ANN)


def test_frames_that_a_take_does_not_have_are_refused(root: Path) -> None:
    line = take_text("framed", state(root).heads, number=9, ordinal=9)  # of 48 frames
    with (root / "takes/sh010.jsonl").open("a") as file:
        file.write(line + "\n")
    for frames in ((40, 48), (48, 48)):
        with pytest.raises(PlanError, match="has no frame 48"):
            decide.reject(fake_workspace(root), ["sh010 t9"], by=ANN, why="hand", frames=frames)
        with pytest.raises(PlanError, match="has no frame 48"):
            decide.note(fake_workspace(root), ["sh010 t9"], "hand", by=ANN, frames=frames)
    decide.reject(fake_workspace(root), ["sh010 t9"], by=ANN, why="hand", frames=(0, 47))
    assert [each.frames for each in state(root).rejections] == [(0, 47)]


def test_git_says_who_speaks(root: Path, tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    for name, value in (("user.name", "Bo Müller"), ("user.email", "bo@studio.example")):
        subprocess.run(["git", "-C", str(root), "config", name, value], check=True)
    decide.approve(fake_workspace(root), ["sh010"])
    (approval,) = state(root).approvals
    assert approval.by.endswith(">")
    decide.approve(fake_workspace(root), ["sh010"], by="  Ann  ")
    assert {each.by for each in state(root).approvals} == {approval.by, "Ann"}


@pytest.mark.parametrize("by", ["", "  ", "Ann\nLee", "x" * 501])
def test_who_is_nobody_says_nothing(root: Path, by: str) -> None:
    before = events(root)
    with pytest.raises(PlanError, match="is no person"):
        decide.approve(fake_workspace(root), ["sh010"], by=by)
    assert events(root) == before


def test_a_reason_of_a_novel_is_refused(root: Path) -> None:
    with pytest.raises(PlanError, match="too long"):
        decide.approve(fake_workspace(root), ["sh010"], by=ANN, why="x" * 10_001)


@pytest.mark.parametrize("why", ["a\nb", "\x1b[2J", "“quoted”\u2028", '{"event":"take"}', "<<<<<<< HEAD"])
def test_any_reason_is_kept_as_it_was_said_on_one_line(root: Path, why: str) -> None:
    lines = len(events(root))
    decide.approve(fake_workspace(root), ["sh010"], by=ANN, why=why)
    assert (len(events(root)), state(root).approvals[0].why) == (lines + 1, why)


def test_a_damaged_ledger_takes_no_decision(root: Path) -> None:
    path = root / "takes/sh010.jsonl"
    path.write_text(path.read_text().replace('"number":2', '"number":7'))
    before = path.read_bytes()
    with pytest.raises(SpecErrors):
        decide.approve(fake_workspace(root), ["sh010 t1"], by=ANN)
    assert path.read_bytes() == before


def test_approving_bytes_that_are_not_in_the_store_is_said_and_done(root: Path) -> None:
    take = state(root).takes[0]
    fake_workspace(root).rooms.blobs.path(take.video).unlink()
    decide.approve(fake_workspace(root), ["sh010 t1"], by=ANN)
    assert len(state(root).approvals) == 1


def test_a_take_that_no_longer_fits_its_cut_can_be_reopened(root: Path) -> None:
    path = root / "specs/a.yaml"
    path.write_text(path.read_text() + "sequences:\n  one: {cut: [{shot: sh010, out: 40f}]}\n")
    short = json.loads(take_text("short", state(root).heads, number=4, ordinal=4))
    short["streams"][0]["seconds"] = "1"
    with (root / "takes/sh010.jsonl").open("a") as file:
        file.write(resealed(short) + "\n")
    decide.approve(fake_workspace(root), ["sh010 t4"], by=ANN)
    with pytest.raises(SpecErrors):
        fake_workspace(root).plan()
    decide.reopen(fake_workspace(root), ["sh010"], by=ANN)
    decide.approve(fake_workspace(root), ["sh010 t1"], by=ANN)
    assert fake_workspace(root).plan().lines


def test_the_helpers_of_these_tests_write_what_a_ledger_reads() -> None:
    branch = Branch()
    branch.take("one")
    assert [event.id for event in events_of(branch.lines)] == list(branch.heads)
    assert branch.state.takes[0].video.sha256 == video("one")
