"""What people draw on a frame, as text."""

import json

import pytest

from shotbuild.errors import SpecErrors
from shotbuild.spec.marks import MOST_MARKS, MOST_POINTS, wrong_with
from tests.takes import events_of, resealed, said_text, take_text

DRAWN = ("pen 1200,5000 1300,5100 1400,5100", "box 0,0 10000,10000", "arrow 100,200 300,400", "pen 5,5")


def line_with(marks: object, kind: str = "note") -> str:
    event = json.loads(said_text(kind, of_take="one", why="look", frames=(3, 5)))
    return resealed({**event, "marks": marks})


def test_marks_are_read_from_a_ledger_as_they_were_said() -> None:
    (event,) = events_of([said_text("note", of_take="one", why="look", frames=(3, 3), marks=DRAWN)])
    assert event.marks == DRAWN  # type: ignore[union-attr]


def test_a_line_without_marks_is_that_of_before_there_were_any() -> None:
    assert "marks" not in said_text("note", of_take="one", why="look", frames=(3, 3))


@pytest.mark.parametrize("mark", DRAWN)
def test_what_can_be_drawn_is_a_mark(mark: str) -> None:
    assert wrong_with(mark) is None


@pytest.mark.parametrize(
    "mark",
    [
        "",
        "pen",
        "pen 1,2,3",
        "pen 1",
        "pen  1,2",
        "pen 1,2 ",
        "pen 1,2\n",
        "pen -1,2",
        "pen 1.5,2",
        "pen 01,2",
        "pen 10001,2",
        "pen 99999999999,2",
        "pen ١,٢",
        "Pen 1,2",
        "box 1,2",
        "box 1,2 3,4 5,6",
        "arrow 1,2",
        "circle 1,2 3,4",
        "<b> 1,2",
        "pen" + " 1,2" * (MOST_POINTS + 1),
    ],
)
def test_what_cannot_be_drawn_is_told(mark: str) -> None:
    assert wrong_with(mark)


def test_as_many_marks_and_points_as_may_be_are_read() -> None:
    most = ["pen" + " 10000,10000" * MOST_POINTS] * MOST_MARKS
    (event,) = events_of([line_with(most)])
    assert list(event.marks) == most  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "marks",
    [
        "pen 1,2",
        5,
        {"pen": "1,2"},
        [5],
        [["pen 1,2"]],
        ["pen 1"],
        ["box 1,2"],
        ["pen 1,2 <b>"],
        ["pen 1,2"] * (MOST_MARKS + 1),
    ],
)
def test_marks_that_are_none_are_damage_with_a_place(marks: object) -> None:
    with pytest.raises(SpecErrors) as told:
        events_of([take_text("one"), line_with(marks)])
    (error,) = told.value.errors
    assert (error.location.line, "damaged" in error.message) == (2, True) if error.location else False


def test_a_form_that_a_newer_version_draws_is_kept() -> None:
    (event,) = events_of([line_with(["circle 1,2 3,4", "pen 1,2"])])
    assert event.marks == ("circle 1,2 3,4", "pen 1,2")  # type: ignore[union-attr]
