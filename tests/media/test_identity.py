import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shotbuild.media.identity import LONGEST, Identity, identity_text, read_identity
from shotbuild.records import Fields

TAKE, PLATE = "9b1c4e7a90ab1122" + "0" * 48, "f" * 64
names = st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
digests = st.text("0123456789abcdef", min_size=64, max_size=64)
LINE = "shotbuild/1 project=lighthouse sequence=opening takes=sh010@9b1c4e7a90ab1122,sh020@ffffffffffffffff"


def test_a_line_names_project_sequence_and_takes():
    takes = Fields((("sh010", TAKE), ("sh020", PLATE)))
    assert identity_text("lighthouse", "opening", takes) == LINE
    found = Identity("lighthouse", "opening", (("sh010", "9b1c4e7a90ab1122"), ("sh020", "f" * 16)))
    assert read_identity(LINE) == found
    assert read_identity(f"\n {LINE} \n") == found


@given(names, names, st.dictionaries(names, digests, max_size=40))
def test_what_is_written_is_read_back(project, sequence, takes):
    text = identity_text(project, sequence, Fields(tuple(takes.items())))
    wanted = tuple((shot, sha256[:16]) for shot, sha256 in takes.items())
    assert read_identity(text) == Identity(project, sequence, wanted)
    assert text.isascii()
    assert text.isprintable()


@given(st.text())
def test_any_text_is_read_or_is_none(text):
    assert read_identity(text) is None
    read_identity(f"shotbuild/1 {text}")
    read_identity(f"{LINE},{text}")


@given(st.integers(0, len(LINE) - 1), st.characters())
def test_one_wrong_character_never_raises(at, char):
    found = read_identity(LINE[:at] + char + LINE[at + 1 :])
    assert found is None or isinstance(found, Identity)


def test_a_very_long_cut_counts_what_it_leaves_out():
    takes = Fields(tuple((f"shot-with-a-long-name-{number:06d}", PLATE) for number in range(5000)))
    text = identity_text("p" * 64, "s" * 64, takes)
    found = read_identity(text)
    assert LONGEST - 100 < len(text) <= LONGEST
    assert found is not None
    assert found.more > 0
    assert len(found.takes) + found.more == 5000
    assert found.takes == tuple((shot, "f" * 16) for shot, _ in takes.items[: len(found.takes)])


def test_nothing_is_left_out_of_an_ordinary_film():
    takes = Fields(tuple((f"sh{number:04d}", PLATE) for number in range(2000)))
    assert read_identity(identity_text("film", "cut", takes)).more == 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "shotbuild/1",
        LINE.replace("shotbuild/1", "shotbuild/2"),
        LINE.replace("sequence=opening ", ""),
        LINE.replace("lighthouse", "light house"),
        LINE.replace("lighthouse", "../etc"),
        LINE.replace("lighthouse", "p" * 65),
        LINE.replace("sh020", "sh010"),
        LINE.replace("sh020@", "sh020"),
        LINE + "0",
        LINE[:-1],
        LINE[:-1] + "F",
        LINE + ",",
        LINE + " more=0",
        LINE + " more=\u0661",
        LINE + " more=" + "9" * 5000,
        LINE + " more=1 more=1",
        LINE + "\x00",
        LINE.replace(" ", "\t"),
        "\ud800" + LINE,
    ],
)
def test_what_is_not_exactly_an_identity_is_none(text):
    assert read_identity(text) is None


@pytest.mark.parametrize("filler", ["sh@", ",", "=", " ", "a" * 64 + "@", LINE, "-."])
def test_hostile_text_takes_no_time(filler):
    text = LINE + filler * (4_000_000 // len(filler))
    began = time.perf_counter()
    read_identity(text)
    read_identity(text[: 2 * LONGEST])
    assert time.perf_counter() - began < 1


@pytest.mark.parametrize(("project", "sha256"), [("a b", PLATE), ("", PLATE), ("a", "F" * 64), ("a", "f" * 63), ("a", 3)])
def test_other_names_and_digests_are_refused(project, sha256):
    with pytest.raises(ValueError, match="not"):
        identity_text(project, "cut", Fields((("sh010", sha256),)))
