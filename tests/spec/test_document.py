import random
import time

import pytest

from shotbuild.errors import SpecError
from shotbuild.spec.document import decode, parse
from shotbuild.spec.nodes import Listing, Mapping, Scalar, nothing


def scalar(text: str) -> Scalar:
    node = parse(f"key: {text}\n", "a.yaml").entries["key"].value
    assert isinstance(node, Scalar)
    return node


def error(text: str) -> SpecError:
    with pytest.raises(SpecError) as caught:
        parse(text, "a.yaml")
    return caught.value


@pytest.mark.parametrize("text", ["no", "on", "yes", "1:30", "017", "1_000", "0x1F", "2001-12-14", "1e3", "=", ".nan"])
def test_values_stay_as_they_are_written(text: str) -> None:
    assert scalar(text).text == text


@pytest.mark.parametrize("text", ["", "~", "null", "Null", "NULL"])
def test_null_is_nothing_written(text: str) -> None:
    assert nothing(scalar(text))


@pytest.mark.parametrize("text", ['""', "'~'", '"null"'])
def test_quoted_null_is_text(text: str) -> None:
    assert not nothing(scalar(text))


def test_every_value_has_its_place() -> None:
    top = parse("shots:\n  sh010: {seed: 7,\n    tags: [a, b]}\n", "specs/a.yaml")
    shots = top.entries["shots"].value
    assert isinstance(shots, Mapping)
    shot = shots.entries["sh010"]
    assert str(shot.key.location) == "specs/a.yaml:2:3"
    assert isinstance(shot.value, Mapping)
    assert str(shot.value.entries["seed"].value.location) == "specs/a.yaml:2:17"
    tags = shot.value.entries["tags"].value
    assert isinstance(tags, Listing)
    assert [str(item.location) for item in tags.items] == ["specs/a.yaml:3:12", "specs/a.yaml:3:15"]


@pytest.mark.parametrize("text", ["", "\n", "# only a comment\n", "---\n", "~\n"])
def test_an_empty_file_is_an_empty_mapping(text: str) -> None:
    assert parse(text, "a.yaml").entries == {}


def test_duplicate_keys_name_both_places() -> None:
    found = error("a: 1\nb: 2\na: 3\n")
    assert str(found.location) == "a.yaml:3:1"
    assert found.cause == "it stands at a.yaml:1:1 already"


def test_reading_goes_on_after_what_does_not_change_the_rest() -> None:
    told: list[SpecError] = []
    top = parse('a: 1\na: 2\n<<: {b: 1}\n[c]: 3\nd: !!str 4\ne: *f\ng: "\\0x"\nh: 5\n', "a.yaml", told.append)
    assert [error.location.line for error in told if error.location] == [2, 3, 4, 5, 6, 7]
    assert list(top.entries) == ["a", "d", "e", "g", "h"]


def test_an_alias_is_the_node_it_names() -> None:
    top = parse("a: &x [1, 2]\nb: *x\n", "a.yaml")
    assert top.entries["a"].value is top.entries["b"].value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: *x\n", "nothing above is called `&x`"),
        ("a: &x [*x]\n", "nothing above is called `&x`"),
        ("<<: {a: 1}\n", "merge keys (`<<`) are not read"),
        ("a: !!str b\n", "tags are not read: tag:yaml.org,2002:str"),
        ("a: !python/object:os.system b\n", "tags are not read: !python/object:os.system"),
        ("a: 1\n---\nb: 2\n", "a second document starts here"),
        ("{a: b}: c\n", "a key has to be plain text"),
        ("- a\n", "a file holds keys and values; this is a list"),
        ("only text\n", "a file holds keys and values; this is only text"),
        ('a: "\\0"\n', "an escape writes the control character U+0000"),
        ('a: "\\x1b[31m"\n', "an escape writes the control character U+001B"),
    ],
)
def test_what_yaml_has_and_specs_do_not(text: str, message: str) -> None:
    assert error(text).message == message


@pytest.mark.parametrize(
    ("text", "place", "hint"),
    [
        ("a:\n\tb: 1\n", "a.yaml:2:1", "spaces, not tabs"),
        ("a: 'open\nb: 1\n", "a.yaml:1:4", "never closed"),
        ("a: b: c\n", "a.yaml:1:5", "needs quotes"),
        ("a: [1, 2\nb: 3\n", "a.yaml:2:2", "never closed"),
        ('a: "\\q"\n', "a.yaml:1:5", "backslash"),
        ("a: 1\n  b: 2\n", "a.yaml:2:4", "indentation"),
        ("a: @b\n", "a.yaml:1:4", "needs quotes"),
        ('a: "b" c\n', "a.yaml:1:8", "quotes stand round a whole value"),
    ],
)
def test_broken_yaml_names_place_and_remedy(text: str, place: str, hint: str) -> None:
    found = error(text)
    assert str(found.location) == place
    assert hint in (found.hint or "")


def test_an_alias_bomb_is_refused_quickly() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    start = time.process_time()
    assert error("\n".join(lines)).message == "aliases make this file far too large"
    assert time.process_time() - start < 1


def test_a_chain_of_aliases_cannot_get_deep() -> None:
    lines = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [[[[*a{n - 1}]]]]" for n in range(1, 200)]
    assert error("\n".join(lines)).message == "aliases make this file far too large"


@pytest.mark.parametrize("text", ["a: " + "[" * 100_000, "a: " + "{b: " * 100_000, "- " * 100_000])
def test_deep_nesting_is_refused_quickly(text: str) -> None:
    start = time.process_time()
    assert "levels deep" in error(text).message
    assert time.process_time() - start < 1


def test_windows_line_ends_and_byte_order_marks_change_nothing() -> None:
    plain = b"shots:\n  a:\n    prompt: |\n      one\n      two\n"
    marked = b"\xef\xbb\xbf" + plain.replace(b"\n", b"\r\n")
    assert parse(decode(plain, "a"), "a") == parse(decode(marked, "a"), "a")


@pytest.mark.parametrize(
    ("content", "message", "place"),
    [
        ("a: b".encode("utf-16"), "this file is UTF-16, not UTF-8", "a.yaml:1:1"),
        (b"a: 1\nb: \xe9t\xe9\n", "this file is not UTF-8: byte 0xe9", "a.yaml:2:4"),
        (b"a: 1\nb: x\x00y\n", "a control character (U+0000) stands here", "a.yaml:2:5"),
        (b"\xef\xbb\xbfa: \x1b[31m\n", "a control character (U+001B) stands here", "a.yaml:1:4"),
        (b"a: \xed\xa0\x80\n", "this file is not UTF-8: byte 0xed", "a.yaml:1:4"),
        (b"\x89PNG\r\n\x1a\n", "this file is not UTF-8: byte 0x89", "a.yaml:1:1"),
    ],
)
def test_files_that_are_not_utf_8_text_are_refused(content: bytes, message: str, place: str) -> None:
    with pytest.raises(SpecError) as caught:
        decode(content, "a.yaml")
    assert (caught.value.message, str(caught.value.location)) == (message, place)


def test_twenty_lines_take_about_a_tenth_of_a_millisecond() -> None:
    text = "shots:\n  a:\n" + "".join(f"    key{n}: value {random.random()}\n" for n in range(18))
    start = time.process_time()
    for _ in range(100):
        parse(text, "a.yaml")
    assert time.process_time() - start < 0.2
