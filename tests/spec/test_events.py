"""One line of a ledger: written, read, and refused when anything about it was changed."""

import json
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shotbuild.digest import canonical_line
from shotbuild.errors import Location, SpecError
from shotbuild.ledgers import result_of
from shotbuild.records import APPROVE, DECISIONS, MOVE, NOTE, REJECT, RESTORE, Decision, LedgerEvent, Take, UnknownEvent
from shotbuild.spec.events import (
    decision_line,
    read_event,
    recipe_of,
    request_of,
    sealed,
    written,
)
from tests.takes import ANN, HERE, NOON, SHOT, id_of, resealed, said_text, take_text, unknown_text, video

PLACE = Location(file="takes/sh010.jsonl", line=3, column=1)
TAKE_LINE = take_text("one", ("a" * 16,))
APPROVE_LINE = said_text(APPROVE, ("a" * 16,), of_take="one", role="director", why="die Sonne, “endlich”")
RANDOM = settings(max_examples=200, deadline=None)


def read(line: str) -> LedgerEvent:
    """An event that was looked at as a whole, as `lint` does."""
    event = read_event(SHOT, line, PLACE)
    if isinstance(event, Take):
        written(event)
    return event


def refused(line: str) -> SpecError:
    with pytest.raises(SpecError) as told:
        read(line)
    assert told.value.location == PLACE
    return told.value


def changed(line: str, **new: object) -> str:
    """The line of an event that says something else, with a right seal."""
    return resealed({**json.loads(line), **new})


def used(event: LedgerEvent) -> None:
    """Everything that is ever asked of an event."""
    if isinstance(event, Take):
        recipe_of(event)
        request_of(event)
        result_of(event)
        assert event.seconds >= 0


def used_or_refused(line: str) -> None:
    places = [PLACE]
    try:
        used(read(line))
    except SpecError as error:
        places += [error.location] if error.location else [HERE]
    assert set(places) == {PLACE}


# --- round trips ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", [TAKE_LINE, APPROVE_LINE, unknown_text(("a" * 16,))])
def test_a_line_is_canonical_and_on_one_line(line: str) -> None:
    assert canonical_line(json.loads(line)) == line
    assert "\n" not in line
    assert read(line) == read(line)


def test_a_take_says_what_was_written() -> None:
    take = read(TAKE_LINE)
    assert isinstance(take, Take)
    assert (take.id, take.after, take.shot, take.number, take.ordinal, take.seed) == (
        id_of(TAKE_LINE),
        ("a" * 16,),
        SHOT,
        1,
        1,
        7,
    )
    assert (take.video.sha256, take.output, take.seconds, take.sound, take.foreign) == (
        video("one"),
        "take.mp4",
        Fraction(2),
        True,
        False,
    )
    assert take.name == f"sh010@{video('one')[:8]}"
    assert recipe_of(take).parameters.text("prompt") == "Ein Leuchtturm, nachts: “still”"
    assert video("a picture") in request_of(take)
    assert result_of(take).output("take.mp4") == take.video


@RANDOM
@given(
    kind=st.sampled_from([kind for kind in DECISIONS if kind != MOVE]),
    after=st.lists(st.text("0123456789abcdef", min_size=16, max_size=16), max_size=3).map(tuple),
    why=st.none() | st.text(),
    role=st.none() | st.text(),
    by=st.text(min_size=1),
    frames=st.none() | st.tuples(st.integers(0, 10), st.integers(10, 2**40)),
)
def test_decisions_come_back_as_they_were_said(
    kind: str,
    after: tuple[str, ...],
    why: str | None,
    role: str | None,
    by: str,
    frames: tuple[int, int] | None,
) -> None:
    said = Decision(
        id="",
        after=after,
        kind=kind,
        video=video("one"),
        by=by,
        role=role,
        why=why,
        frames=frames,
        of=after if kind == RESTORE else (),
        at=NOON,
        location=HERE,
    )
    line = decision_line(said)
    assert "\n" not in line
    assert read(line) == replace(said, id=id_of(line))


def test_a_move_names_two_shots() -> None:
    line = said_text(MOVE, was="sh010", now="sh011")
    event = read(line)
    assert isinstance(event, Decision)
    assert (event.was, event.now) == ("sh010", "sh011")
    assert "no name of a shot" in str(refused(changed(line, now="../sh011")).cause)
    assert "no name of a shot" in str(refused(said_text(MOVE, was="sh010")).cause)


def test_the_same_event_has_the_same_id_on_any_machine() -> None:
    line = decision_line(
        Decision(id="", after=("0" * 16,), kind=NOTE, by=ANN, why="warm", at="2026-07-14T12:00:00Z", location=HERE)
    )
    assert line == (
        '{"after":["0000000000000000"],"at":"2026-07-14T12:00:00Z","by":"Ann Lee <ann@studio.example>",'
        '"event":"note","id":"' + id_of(line) + '","v":1,"why":"warm"}'
    )
    assert id_of(line) == "6b12a6118be626c4"


# --- changed by hand --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", [TAKE_LINE, APPROVE_LINE], ids=["take", "approve"])
@pytest.mark.parametrize("how", ["next", "space", "digit", "gone", "doubled", "quote"])
def test_every_single_changed_character_is_found(line: str, how: str) -> None:
    change: dict[str, Callable[[str], str]] = {
        "next": lambda char: chr(ord(char) ^ 1),
        "space": lambda char: " ",
        "digit": lambda char: "7" if char != "7" else "8",
        "gone": lambda char: "",
        "doubled": lambda char: char * 2,
        "quote": lambda char: '"' if char != '"' else "'",
    }
    for place, char in enumerate(line):
        other = line[:place] + change[how](char) + line[place + 1 :]
        if other != line:
            refused(other)


@RANDOM
@given(st.sampled_from([TAKE_LINE, APPROVE_LINE]), st.data())
def test_what_is_put_in_cut_out_or_swapped_is_found(line: str, data: st.DataObject) -> None:
    first, last = sorted(data.draw(st.tuples(st.integers(0, len(line)), st.integers(0, len(line)))))
    new = data.draw(st.text(max_size=3) | st.just(line[first:last][::-1]))
    other = line[:first] + new + line[last:]
    if other != line:
        refused(other)


@pytest.mark.parametrize("line", [TAKE_LINE, APPROVE_LINE], ids=["take", "approve"])
def test_the_same_values_written_otherwise_are_refused(line: str) -> None:
    values = json.loads(line)
    for other in (json.dumps(values), json.dumps(values, indent=1), line.replace('"v":1', '"v":1.0')):
        assert "does not match its `id`" in str(refused(other).cause)


def test_a_kind_that_was_changed_by_hand_is_not_taken_for_a_newer_one() -> None:
    assert "does not match its `id`" in str(refused(APPROVE_LINE.replace('"approve"', '"approved"')).cause)
    assert "does not match its `id`" in str(refused(APPROVE_LINE.replace('"v":1', '"v":2')).cause)


# --- newer versions ---------------------------------------------------------------------------------------------------


def test_an_unknown_kind_is_kept_with_what_it_follows() -> None:
    event = read(unknown_text(("a" * 16,), "star", stars=5))
    assert isinstance(event, UnknownEvent)
    assert (event.kind, event.after) == ("star", ("a" * 16,))


def test_a_known_kind_of_a_newer_version_is_unknown() -> None:
    event = read(changed(APPROVE_LINE, v=2, video={"algorithm": "blake3"}))
    assert isinstance(event, UnknownEvent)
    assert event.kind == APPROVE


def test_an_event_of_a_newer_version_may_have_no_id_and_gets_one_from_its_text() -> None:
    line = '{"after":[],"event":"star","v":2}'
    assert read(line) == read(line)
    assert read(line).id != read('{"after":[],"event":"stars","v":2}').id


def test_an_unknown_event_of_this_version_is_sealed_too() -> None:
    assert "no `id`" in str(refused('{"after":[],"event":"star"}').cause)
    assert "does not match its `id`" in str(refused(unknown_text(stars=5).replace("5", "4")).cause)


def test_a_line_whose_kind_and_id_were_cut_out_is_not_taken_for_a_newer_one() -> None:
    first, last = APPROVE_LINE.index('approve"'), APPROVE_LINE.index(video("one"))
    refused(APPROVE_LINE[:first] + APPROVE_LINE[last:])


# --- lines that nobody writes by accident -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        "",
        "null",
        "[]",
        "{}",
        "7",
        '"take"',
        '{"event":"take"}',
        '{"event":["take"],"after":[]}',
        '{"event":"take","after":"abc"}',
        '{"event":"take","after":[1]}',
        '{"event":"star","after":[],"id":7}',
        '{"event":"star","after":[],"id":""}',
        '{"event":"star","after":[],"id":null}',
        "[" * 100_000,
        '{"a":' * 100_000,
        '{"event":"star","after":[],"n":' + "9" * 10_000 + "}",
        '{"event":"star","after":["\\ud800"]}',
        "<<<<<<< HEAD",
        "\ufeff" + APPROVE_LINE,
        APPROVE_LINE[:-1],
        APPROVE_LINE + APPROVE_LINE,
    ],
    ids=lambda line: line[:20],
)
def test_what_is_no_event_is_refused(line: str) -> None:
    refused(line)


@pytest.mark.parametrize("mark", ["<<<<<<< HEAD", "=======", ">>>>>>> branch", "||||||| base"])
def test_marks_of_a_conflict_say_what_to_do(mark: str) -> None:
    hint = str(refused(mark).hint)
    assert "keep all others" in hint
    assert "merge=union" in hint


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("number", 0),
        ("number", True),
        ("number", 1.0),
        ("number", 2**64),
        ("ordinal", -1),
        ("seed", "7"),
        ("seed", float("nan")),
        ("output", "../take.mp4"),
        ("output", ".."),
        ("output", ""),
        ("output", "a\x00b"),
        ("output", "a\nb"),
        ("output", "x" * 256),
        ("video", {"sha256": "A" * 64, "size": 1}),
        ("video", {"sha256": "a" * 64}),
        ("video", {"sha256": "a" * 64, "size": -1}),
        ("record", {"sha256": "short", "size": 1}),
        ("streams", [{"kind": "video", "seconds": "1/0"}]),
        ("streams", [{"kind": "video", "seconds": "1e999999999999"}]),
        ("streams", [{"kind": "video", "seconds": "-1"}]),
        ("streams", [{"kind": "video", "seconds": 2.5}]),
        ("streams", [{"kind": "video", "seconds": "2", "frames": "many"}]),
        ("streams", {"video": {}}),
        ("cost", None),
        ("cost", {"estimated": {"amount": "1e999999999", "currency": "USD", "exact": True}, "charged": None}),
        ("cost", {"estimated": 5, "charged": None}),
        ("operation", {"provider": "x"}),
        ("operation", "x"),
        ("pin", {"asked": None}),
        ("pin", {"asked": None, "answered": {"model": "m"}}),
        ("milliseconds", "12"),
        ("inputs", {"first_frame": 7}),
        ("recipe", {}),
        ("recipe", {"stage": "generate", "version": 1, "pins": {}, "parameters": {}}),
        ("foreign", 0),
        ("at", None),
    ],
)
def test_a_sealed_take_that_says_what_cannot_be_is_refused(field: str, value: object) -> None:
    assert "wrong kind" in str(refused(changed(TAKE_LINE, **{field: value})).cause)


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        (APPROVE, "video", None),
        (APPROVE, "video", "one"),
        (APPROVE, "by", 7),
        (REJECT, "frames", [5, 4]),
        (REJECT, "frames", [1]),
        (REJECT, "frames", ["1", "2"]),
        (REJECT, "frames", [-1, 2]),
        (RESTORE, "of", 7),
        (RESTORE, "of", [7]),
        (NOTE, "why", ["warm"]),
        (NOTE, "at", 7),
    ],
)
def test_a_sealed_decision_that_says_what_cannot_be_is_refused(kind: str, field: str, value: object) -> None:
    line = said_text(kind, of_take="one", why="so")
    assert "wrong kind" in str(refused(changed(line, **{field: value})).cause)


@pytest.mark.parametrize("field", sorted(set(json.loads(TAKE_LINE)) - {"event", "after", "v", "id"}))
def test_a_take_that_lacks_a_field_is_refused(field: str) -> None:
    refused(resealed({name: value for name, value in json.loads(TAKE_LINE).items() if name != field}))


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["a" * 64, "2", "1/0", "take", "video", "1e9999999999"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["sha256", "size", "kind", "seconds", "amount", "currency", "exact", "a"]), inner, max_size=4
        )
    ),
    max_leaves=6,
)


def paths(value: object, above: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    found = [above] if above else []
    rows = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return found + [path for name, item in rows for path in paths(item, (*above, name))]


@RANDOM
@given(st.sampled_from([TAKE_LINE, APPROVE_LINE, said_text(RESTORE, of=("b" * 16,))]), json_values, st.data())
def test_any_value_in_any_place_of_a_sealed_line_is_refused_or_can_be_used(
    line: str, value: object, data: st.DataObject
) -> None:
    content = json.loads(line)
    path = data.draw(st.sampled_from(paths(content)))
    place = content
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    used_or_refused(resealed(content))


@RANDOM
@given(st.dictionaries(st.sampled_from(["event", "after", "id", "v", "video", "by", "at"]), json_values))
def test_any_object_is_refused_or_can_be_used(content: dict[str, object]) -> None:
    used_or_refused(resealed(content))


@RANDOM
@given(st.text())
def test_any_text_is_refused(text: str) -> None:
    refused(text)


def test_sealing_says_the_version_and_covers_it() -> None:
    line = sealed({"event": "note", "after": ()})
    assert json.loads(line)["v"] == 1
    assert id_of(line) != id_of(resealed({**json.loads(line), "v": 2}))
