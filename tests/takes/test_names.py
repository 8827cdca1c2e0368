"""What people call takes, and which take they mean."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from shotbuild.errors import Location, PlanError
from shotbuild.records import Digest, ShotState, Take
from shotbuild.takes.names import CODE, codes, meant, shots_meant, take_meant
from tests.fakes import SMALL, fake_workspace, write_project


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """sh010 has three takes, sh020 two, sh030 none."""
    root = write_project(tmp_path / "film", SMALL)
    fake_workspace(root).build(["sh010", "sh020"])
    fake_workspace(root).roll(["sh010"], 2)
    return root


def take_of(root: Path, shot: str, number: int) -> Take:
    workspace = fake_workspace(root)
    _ = workspace.project
    return next(take for take in workspace.rooms.ledgers.of(shot).takes if take.number == number)


def refusal(root: Path, *words: str) -> str:
    with pytest.raises(PlanError) as caught:
        take_meant(fake_workspace(root), words)
    return f"{caught.value.message} {caught.value.cause} {caught.value.hint}"


def test_every_form_means_the_same_take(root: Path) -> None:
    take = take_of(root, "sh010", 2)
    sha256 = take.video.sha256
    for words in (
        ["sh010 t2"],
        ["sh010", "t2"],
        ["sh010t02"],
        [take.name],
        [f"sh010@{sha256[:4]}"],
        [f"sh010@{sha256}"],
        [f"sh010@{sha256[:12].upper()}"],
    ):
        found = meant(fake_workspace(root), words)
        assert [(one.take, one.exact) for one in found] == [(take, True)], words


def test_several_forms_stand_side_by_side(root: Path) -> None:
    found = meant(fake_workspace(root), ["sh020", "sh010", "t1", "sh010t03", "sh020 t1"])
    told = [(one.shot, one.take.number if one.take else None, one.exact) for one in found]
    assert told == [("sh020", 2, False), ("sh010", 1, True), ("sh010", 3, True), ("sh020", 1, True)]


def test_a_shot_means_the_take_that_stands(root: Path) -> None:
    assert take_meant(fake_workspace(root), ["sh010"]) == take_of(root, "sh010", 3)
    assert meant(fake_workspace(root), ["sh030"])[0].take is None
    assert "no take yet" in refusal(root, "sh030")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["sh010", "t4"], "it has takes up to t3"),
        (["sh030", "t1"], "it has no takes yet"),
        (["sh0110"], "write `sh010`"),
        (["sh010t09"], "no shot or take is called"),
        (["sh010t2"], "no shot or take is called"),
        (["sh010@"], "no name of a take"),
        (["sh010@abc"], "at least 4 digits"),
        (["sh010@zzzzzzzz"], "no name of a take"),
        (["sh999@00000000"], "no shot or take is called"),
        (["sh010@00000000"], "no take sh010@00000000"),
        (["sh010 t1", "sh020 t1"], "names 2"),
        (["sh040"], "sh040 is a plate, which has no takes"),
        ([], "names 0"),
    ],
)
def test_what_means_no_take_says_what_to_write(root: Path, words: list[str], told: str) -> None:
    assert told in refusal(root, *words)


def test_shots_are_named_by_globs_as_well(root: Path) -> None:
    workspace = fake_workspace(root)
    assert shots_meant(workspace, []) == ["sh010", "sh020", "sh030"]
    assert shots_meant(workspace, ["sh0[23]0", "sh010", "sh020"]) == ["sh020", "sh030", "sh010"]
    with pytest.raises(PlanError):
        shots_meant(workspace, ["x*"])


def test_a_shot_that_moved_answers_to_both_names(root: Path) -> None:
    path = root / "specs/opening.yaml"
    text = path.read_text().replace("  sh010: {template", "  sh015: {moved: sh010, template").replace("- sh010", "- sh015")
    path.write_text(text)
    for words in (["sh015 t2"], ["sh010 t2"], ["sh015t02"]):
        found = take_meant(fake_workspace(root), words)
        assert (found.shot, found.number) == ("sh015", 2)


# --- codes ----------------------------------------------------------------------------------------------------------------


def made(shot: str, number: int, salt: str = "") -> Take:
    return Take(
        id=f"{shot}-{number}{salt}",
        after=(),
        shot=shot,
        number=number,
        ordinal=number,
        seed=1,
        asked="",
        action="",
        output="take.mp4",
        video=Digest(sha256=(f"{number}{salt}" * 64)[:64], size=1),
        record=None,
        seconds=Fraction(1),
        sound=False,
        foreign=False,
        made="",
        line="",
        location=Location(file="", line=1, column=1),
    )


def state(*takes: Take) -> ShotState:
    return ShotState(takes=takes)


def test_a_code_says_shot_and_number_where_there_is_room() -> None:
    found = codes({"sh010": state(made("sh010", 3)), "a": state(made("a", 12))})
    assert found == {"sh010-3": "sh010t03", "a-12": "at000012"}


def test_codes_have_eight_letters_and_digits_and_differ_even_without_case() -> None:
    shots = ("sh010", "SH010", "sh010_b", "a-long-name-of-a-shot", "sht0", "sh", "šh010", "sh010t0")
    known = {shot: state(*(made(shot, number) for number in (1, 2, 99, 100, 123456))) for shot in shots}
    found = codes(known)
    assert len(found) == len({code.casefold() for code in found.values()}) == 5 * len(shots)
    assert all(len(code) == CODE and code.isascii() and code.isalnum() for code in found.values())


def test_two_takes_of_one_number_have_codes_of_their_own_in_any_order() -> None:
    one, other = made("sh010", 3), made("sh010", 3, "b")
    found = codes({"sh010": state(one, other)})
    assert len(set(found.values())) == 2
    assert "sh010t03" not in found.values()
    assert codes({"sh010": state(other, one)}) == found


def test_the_code_of_a_take_stays_when_others_are_made() -> None:
    before = {"a-long-name": state(made("a-long-name", 1)), "sh010": state(made("sh010", 1))}
    after = {
        "a-long-name": state(made("a-long-name", 1), made("a-long-name", 2)),
        "another-long-name": state(made("another-long-name", 1)),
        "sh010": state(made("sh010", 1), made("sh010", 2)),
    }
    assert codes(before).items() <= codes(after).items()


def test_a_number_that_two_branches_gave_is_no_name(root: Path) -> None:
    """Each take is still meant by its digest and its code."""
    workspace = fake_workspace(root)
    _ = workspace.project
    path = root / "takes/sh010.jsonl"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:1]) + "\n")
    (root / ".shotbuild/cache").rename(root / ".shotbuild/elsewhere")
    edit = root / "templates/wide.j2"
    edit.write_text("Close on {{ place }}.")
    fake_workspace(root).build(["sh010"])
    path.write_text(path.read_text() + "\n".join(lines[1:]) + "\n")
    told = refusal(root, "sh010", "t2")
    assert "means 2 takes: two branches gave the same number" in told
    twins = [take for take in fake_takes(root, "sh010") if take.number == 2]
    known = codes({"sh010": state(*fake_takes(root, "sh010"))})
    for take in twins:
        assert take_meant(fake_workspace(root), [take.name]) == take
        assert take_meant(fake_workspace(root), [known[take.id]]) == replace(take)


def fake_takes(root: Path, shot: str) -> tuple[Take, ...]:
    workspace = fake_workspace(root)
    _ = workspace.project
    return workspace.rooms.ledgers.of(shot).takes
