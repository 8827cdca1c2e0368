"""A whole ledger: each event once, in any order; what is damaged or missing is told with its place."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shotbuild.errors import SpecErrors
from shotbuild.records import APPROVE, NOTE, RESTORE, UnknownEvent
from shotbuild.spec.ledger import check_whole, ledger_file, read_events
from tests.takes import SHOT, Branch, id_of, unknown_text


@pytest.fixture
def branch() -> Branch:
    branch = Branch()
    branch.take("one")
    branch.take("two", number=2)
    branch.say(APPROVE, "one")
    branch.say(NOTE, "one", why="warm")
    return branch


def told(text: str) -> list[str]:
    with pytest.raises(SpecErrors) as told:
        check_whole(SHOT, read_events(SHOT, text))
    return [str(error.location) for error in told.value.errors]


def ids(text: str) -> list[str]:
    events = read_events(SHOT, text)
    check_whole(SHOT, events)
    return [event.id for event in events]


def test_a_shot_has_a_file_of_its_own() -> None:
    assert ledger_file("sh010") == "takes/sh010.jsonl"


def test_an_empty_ledger_has_no_events() -> None:
    assert read_events(SHOT, "") == read_events(SHOT, "\n\n  \n") == ()


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("last", [True, False])
def test_line_ends_change_nothing(branch: Branch, end: str, last: bool) -> None:
    text = end.join(branch.lines) + (end if last else "")
    assert ids(text) == [id_of(line) for line in branch.lines]


def test_blank_lines_and_spaces_at_the_ends_change_nothing(branch: Branch) -> None:
    assert ids("\n\n".join(f"  {line}\t" for line in branch.lines)) == [id_of(line) for line in branch.lines]


def test_a_line_that_stands_twice_is_one_event(branch: Branch) -> None:
    text = "\n".join([*branch.lines, *reversed(branch.lines)])
    assert ids(text) == [id_of(line) for line in branch.lines]


def test_a_file_without_a_final_line_end_and_one_appended_to_it_are_told_apart(branch: Branch) -> None:
    text = "\n".join(branch.lines[:2])
    assert ids(text) == [id_of(line) for line in branch.lines[:2]]
    assert told(text + branch.lines[2]) == ["takes/sh010.jsonl:2:1"]


def test_every_damaged_line_is_told_with_its_place(branch: Branch) -> None:
    lines = list(branch.lines)
    lines[0] = lines[0].replace("nachts", "Nachts")
    lines[2] = lines[2][:-5]
    assert told("\n".join(lines)) == ["takes/sh010.jsonl:1:1", "takes/sh010.jsonl:3:1"]


@pytest.mark.parametrize("gone", [0, 1, 2])
def test_a_deleted_line_is_told_at_the_event_that_follows_it(branch: Branch, gone: int) -> None:
    lines = branch.lines[:gone] + branch.lines[gone + 1 :]
    assert told("\n".join(lines)) == [f"takes/sh010.jsonl:{gone + 1}:1"]


def test_a_deleted_line_names_the_event_and_how_to_bring_it_back(branch: Branch) -> None:
    with pytest.raises(SpecErrors) as told:
        check_whole(SHOT, read_events(SHOT, "\n".join(branch.lines[1:])))
    (error,) = told.value.errors
    assert id_of(branch.lines[0]) in str(error.cause)
    assert "git log -p -- takes/sh010.jsonl" in str(error.hint)


def test_a_restored_event_that_is_gone_is_told(branch: Branch) -> None:
    branch.say(RESTORE, of=("0" * 16,))
    assert told("\n".join(branch.lines)) == ["takes/sh010.jsonl:5:1"]


def test_marks_of_a_conflict_are_told_with_the_lines_beside_them_kept(branch: Branch) -> None:
    marks = ["<<<<<<< HEAD", branch.lines[2], "=======", branch.lines[3], ">>>>>>> other"]
    with pytest.raises(SpecErrors) as told:
        read_events(SHOT, "\n".join([*branch.lines[:2], *marks]))
    assert [error.location and error.location.line for error in told.value.errors] == [3, 5, 7]
    assert all("keep all others" in str(error.hint) for error in told.value.errors)


def test_unknown_events_stand_among_the_others(branch: Branch) -> None:
    branch.write(unknown_text(branch.heads, "star"))
    branch.say(NOTE, "one", why="after the star")
    events = read_events(SHOT, "\n".join(branch.lines))
    check_whole(SHOT, events)
    assert [event.kind for event in events if isinstance(event, UnknownEvent)] == ["star"]
    del branch.lines[-2]
    assert told("\n".join(branch.lines)) == ["takes/sh010.jsonl:5:1"]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(), max_size=4).map("\n".join))
def test_any_text_is_events_or_errors_with_places(text: str) -> None:
    lines = text.split("\n")
    if not text.strip():
        assert read_events(SHOT, text) == ()
        return
    with pytest.raises(SpecErrors) as told:
        read_events(SHOT, text)
    assert all(error.location and lines[error.location.line - 1].strip() for error in told.value.errors)
