import pickle
from typing import Any

import pytest

from shotbuild.errors import Location
from shotbuild.records import Fields
from shotbuild.spec.document import parse
from shotbuild.spec.fields import Field, choice, factor, integer, settle, size, text, truth, written_out
from shotbuild.spec.kinds import Reader
from shotbuild.spec.report import Report
from shotbuild.spec.tree import Tree

START = Location(file="a.yaml", line=1, column=1)


@pytest.fixture
def reader(tmp_path: Any) -> Reader:
    return Reader(Report(), Tree(tmp_path))


def read(field: Field, written: str, reader: Reader) -> Any:
    return field.read(parse(f"key: {written}\n", "a.yaml").entries["key"].value, reader)


def problem(reader: Reader) -> tuple[str, str | None]:
    (error,) = reader.report._errors.values()
    return error.message, error.hint


@pytest.mark.parametrize(
    ("field", "written", "value"),
    [
        (text(doc="."), "no", "no"),
        (text(doc="."), "24", "24"),
        (integer(0, 9, doc="."), "7", 7),
        (integer(0, 9, doc="."), '"7"', 7),
        (integer(-9, 9, doc="."), "-3", -3),
        (truth(doc="."), "true", True),
        (truth(doc="."), "false", False),
        (choice("a", "b", doc="."), "b", "b"),
        (size(doc="."), "1280x720", "1280x720"),
        (factor(1, 4, doc="."), "1.50", "3/2"),
        (factor(1, 4, doc="."), "6/4", "3/2"),
        (factor(1, 4, doc="."), "2", "2"),
    ],
)
def test_a_field_reads_what_was_meant(field: Field, written: str, value: object, reader: Reader) -> None:
    assert read(field, written, reader) == value
    assert not reader.report.found


@pytest.mark.parametrize(
    ("field", "written", "message", "hint"),
    [
        (text(longest=3, doc="."), "four", "expected at most 3 characters, found 4", "shorten it"),
        (text(doc="."), "[a]", "expected text, found a list", None),
        (integer(0, 9, doc="."), "10", "expected a whole number from 0 to 9, found `10`", None),
        (integer(0, 9, doc="."), "1.0", "expected a whole number from 0 to 9, found `1.0`", None),
        (integer(0, 9, doc="."), "９", "expected a whole number from 0 to 9, found `９`", None),
        (truth(doc="."), "yes", "expected `true` or `false`, found `yes`", "write `true`"),
        (truth(doc="."), "No", "expected `true` or `false`, found `No`", "write `false`"),
        (truth(doc="."), "True", "expected `true` or `false`, found `True`", "write `true`"),
        (truth(doc="."), "perhaps", "expected `true` or `false`, found `perhaps`", None),
        (choice("silent", "scratch", doc="."), "scrach", "unknown word 'scrach'", "did you mean `scratch`?"),
        (
            size(doc="."),
            "1281x720",
            "expected a size such as `1280x720`, both sides even and from 16 to 8192, found `1281x720`",
            None,
        ),
        (factor(1, 4, doc="."), "5", "expected a number from 1 to 4, such as `2`, `1.5` or `3/2`, found `5`", None),
        (factor(1, 4, doc="."), "1/0", "expected a number from 1 to 4, such as `2`, `1.5` or `3/2`, found `1/0`", None),
    ],
)
def test_a_field_says_what_it_expected(field: Field, written: str, message: str, hint: str | None, reader: Reader) -> None:
    assert read(field, written, reader) is None
    assert problem(reader) == (message, hint)


def test_settings_have_every_default_written_out_and_are_sorted(reader: Reader) -> None:
    known = {
        "zoom": factor(1, 4, default="1.5", doc="."),
        "b": truth(default=False, doc="."),
        "a": text(default=None, doc="."),
    }
    assert settle(known, [{}], reader, place=START, owner="x") == Fields((("a", None), ("b", False), ("zoom", "3/2")))


def test_the_last_layer_that_says_something_counts(reader: Reader) -> None:
    known = {"steps": integer(1, 50, default=20, doc=".")}
    layers = [parse(written, "a.yaml").entries for written in ("steps: 5", "steps: 6", "steps:")]
    assert settle(known, layers, reader, place=START, owner="x") == Fields((("steps", 6),))


def test_a_missing_required_setting_is_an_error_where_it_is_needed(reader: Reader) -> None:
    settle({"key": text(doc="The key.")}, [{}], reader, place=START, owner="model 'm'")
    assert problem(reader) == ("the setting 'key' is missing", "add `key: …`")


def test_a_field_gives_its_schema_with_description_and_default() -> None:
    schema = integer(1, 50, default=20, doc="How many steps.").schema()
    assert (schema["description"], schema["default"]) == ("How many steps.", 20)


@pytest.mark.parametrize(
    "field",
    [text(doc="."), integer(1, 2, doc="."), truth(doc="."), choice("a", doc="."), size(doc="."), factor(1, 2, doc=".")],
)
def test_fields_can_be_pickled(field: Field) -> None:
    assert pickle.loads(pickle.dumps(field)) == field


def test_a_default_that_is_out_of_range_is_a_bug_of_whoever_declares_it() -> None:
    with pytest.raises(ValueError, match="a number from 1 to 4"):
        factor(1, 4, default="9", doc=".")


LATER = [
    (text(default="a", doc=".", since="2"), "a", "b"),
    (integer(0, 9, default=3, doc=".", since="2"), "3", "4"),
    (truth(default=False, doc=".", since="2"), "false", "true"),
    (choice("a", "b", default="a", doc=".", since="2"), "a", "b"),
    (size(default="64x64", doc=".", since="2"), "64x64", "32x32"),
    (factor(1, 4, default="1.5", doc=".", since="2"), "3/2", "2"),
]


@pytest.mark.parametrize(("field", "same", "other"), LATER)
def test_a_field_that_came_later_is_settled_only_with_another_value(
    field: Field, same: str, other: str, reader: Reader
) -> None:
    known = {"new": field, "old": truth(default=True, doc=".")}
    before = Fields((("old", True),))
    assert settle(known, [{}], reader, place=START, owner="x") == before
    assert settle(known, [parse(f"new: {same}", "a.yaml").entries], reader, place=START, owner="x") == before
    changed = settle(known, [parse(f"new: {other}", "a.yaml").entries], reader, place=START, owner="x")
    assert changed == Fields((("new", read(field, other, reader)), ("old", True)))
    assert not reader.report.found
    assert written_out(known, before) == Fields((("new", field.default), ("old", True)))
    assert written_out(known, changed) == changed


def test_a_field_that_came_later_and_has_no_value_of_itself_is_left_out(reader: Reader) -> None:
    known = {"new": integer(0, 9, default=None, doc=".", since="2")}
    assert settle(known, [{}], reader, place=START, owner="x") == Fields()
    assert settle(known, [parse("new: 0", "a.yaml").entries], reader, place=START, owner="x") == Fields((("new", 0),))


def test_a_field_that_came_later_and_is_required_is_a_bug_of_whoever_declares_it() -> None:
    with pytest.raises(ValueError, match="needs a default"):
        text(doc=".", since="2")
