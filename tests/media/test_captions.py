"""Caption files from anywhere: what is read of them, what is refused and where, and that what is written reads back."""

import random
import time
from contextlib import suppress
from fractions import Fraction
from itertools import pairwise

import pytest

from shotbuild.errors import MediaError
from shotbuild.media.captions import read, within, write_srt, write_vtt
from shotbuild.records import Caption

ZERO, LONG = Fraction(0), Fraction(10**6)


def caption(start, end, text="text"):
    return Caption(start=Fraction(start), end=Fraction(end), text=text)


@pytest.fixture
def found(tmp_path):
    def read_text(content, suffix="srt"):
        path = tmp_path / f"file.{suffix}"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read(path)

    return read_text


def refused(found, content):
    with pytest.raises(MediaError) as caught:
        found(content)
    assert caught.value.hint
    return caught.value


def test_subrip_is_read(found):
    assert found("1\n00:00:01,000 --> 00:00:02,500\nOne\nline\n\n2\n00:01:00,040 --> 00:01:01,000\nTwo\n") == (
        caption(1, "5/2", "One\nline"),
        caption("60.04", 61, "Two"),
    )


def test_a_bom_and_windows_line_ends_change_nothing(found):
    plain = "1\n00:00:01,000 --> 00:00:02,000\nOne\n\n2\n00:00:03,000 --> 00:00:04,000\nZwei ü\n"
    assert found(b"\xef\xbb\xbf" + plain.replace("\n", "\r\n").encode()) == found(plain)
    assert found(plain.replace("\n", "\r")) == found(plain)


def test_webvtt_is_read_without_what_is_not_text(found):
    content = """WEBVTT - a film
Kind: captions

STYLE
::cue { color: red }

NOTE
of the 00:00 translator

intro
00:01.000 --> 00:02.000 line:0 position:20% align:start
<v Mary>Fish &amp; <c.loud>chips</c></v> &lt;b&gt;

REGION
id:fred

00:00:03.000 --> 00:00:04.000
<00:00:03.500>now
"""
    assert found(content) == (caption(1, 2, "Fish & chips <b>"), caption(3, 4, "now"))


def test_markup_goes_and_plain_signs_stay(found):
    text = '{\\an8}<i>Who</i> <font color="#fff">is</font> there? 1 < 2 > 0 {yes} <3 A&B\t\u202e\x00!'
    assert (
        found(f"1\n00:00:01,000 --> 00:00:02,000 X1:10 X2:20\n{text}\n")[0].text == "Who is there? 1 < 2 > 0 {yes} <3 A&B !"
    )


def test_hours_beyond_99_are_hours(found):
    assert found("1\n100:00:00,5 --> 123:00:00.25\nLate\n")[0] == caption("360000.5", "442800.25", "Late")


def test_a_forgotten_empty_line_or_number_costs_nothing(found):
    assert [each.text for each in found("00:00:01,000 --> 00:00:02,000\nOne\n2\n00:00:02,000 --> 00:00:03,000\nTwo")] == [
        "One",
        "Two",
    ]


def test_captions_without_text_or_length_are_left_out(found):
    assert found("1\n00:00:01,000 --> 00:00:02,000\n<i></i>\n\n2\n00:00:02,000 --> 00:00:02,000\nTwo\n") == ()


@pytest.mark.parametrize(
    ("content", "message", "cause"),
    [
        (b"", "is empty", "0 bytes"),
        ("just\nwords\n", "line 1: this stands outside of a caption", "`just`"),
        ("WEBVTT\n\nhello\n", "holds no captions", "no line in it has times"),
        ("1\n00:00:01,000 --> 00:00:02,000\nA\n\n\nlost\n", "line 6: this stands outside of a caption", "`lost`"),
        ("1\n00:00:01,000 -> 00:00:02,000\nA\n", "line 2: these are no times", "`00:00:01,000 -> 00:00:02,000`"),
        ("1\n00:00:61,000 --> 00:01:02,000\nA\n", "line 2: these are no times", "61"),
        ("1\n00:00:01,000 --> soon\nA\n", "line 2: these are no times", "soon"),
        ("1\n00:00:02,000 --> 00:00:01,000\nA\n", "line 2: this caption ends before it begins", "00:00:02"),
        ("1\n00:00:01,000 --> 00:00:02,000\n" + "word " * 500, "line 2: a caption of 2499 characters", "2000 is the most"),
        (b"1\n00:00:01,000 --> 00:00:02,000\ncaf\xe9\n", "line 3: this is not UTF-8", "0xE9"),
        ("1\n00:00:01,000 --> 00:00:02,000\nA\n".encode("utf-16"), "line 1: this is not UTF-8", "UTF-16"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(found, content, message, cause):
    error = refused(found, content)
    assert message in error.message
    assert cause in error.cause


def test_captions_come_in_order_whatever_the_order_of_the_file(found):
    assert [each.text for each in found("1\n00:00:05,000 --> 00:00:06,000\nB\n\n2\n00:00:01,000 --> 00:00:02,000\nA\n")] == [
        "A",
        "B",
    ]


def test_captions_at_one_time_stand_below_each_other(found):
    content = "1\n00:00:01,000 --> 00:00:04,000\nA\n\n2\n00:00:02,000 --> 00:00:03,000\nB\n"
    assert found(content) == (caption(1, 2, "A"), caption(2, 3, "A\nB"), caption(3, 4, "A"))


def test_a_caption_that_slips_into_the_next_one_ends_there(found):
    content = "1\n00:00:01,000 --> 00:00:02,100\nA\n\n2\n00:00:02,000 --> 00:00:03,000\nB\n"
    assert found(content) == (caption(1, 2, "A"), caption(2, 3, "B"))


def test_more_at_once_than_can_be_read_is_refused(found):
    content = "".join(f"{n}\n00:00:01,000 --> 00:00:04,000\nLine {n}\n\n" for n in range(9))
    assert "too much at once" in refused(found, content).message


def test_random_captions_never_overlap_and_none_is_lost(found):
    chance = random.Random(5)
    for _ in range(40):
        starts = [at * 201 for at in chance.sample(range(60), 12)]
        rows = [
            caption(Fraction(s, 1000), Fraction(s + chance.randrange(201, 900), 1000), f"t{n}") for n, s in enumerate(starts)
        ]
        seen = found("".join(write_srt([row], offset=ZERO, length=LONG) for row in rows))
        assert all(one.end <= other.start for one, other in pairwise(seen))
        assert {line for each in seen for line in each.text.split("\n")} == {row.text for row in rows}


@pytest.mark.parametrize("write", [write_srt, write_vtt])
def test_what_is_written_reads_back(found, write):
    rows = (caption(1, 2, "a < b & c > d\n- {x} 灯台"), caption("3661.04", "400000.5", "b"))
    assert found(write(rows, offset=ZERO, length=LONG)) == rows


def test_text_that_looks_like_markup_stays_text(found):
    rows = (caption(1, 2, "<i>not</i> {\\an8} C:\\New 1 --> 2"),)
    assert found(write_vtt(rows, offset=ZERO, length=LONG))[0].text.startswith("<i>not</i>")
    assert found(write_srt(rows, offset=ZERO, length=LONG))[0].text.replace("\u2060", "") == rows[0].text


def test_an_offset_moves_and_the_length_cuts():
    rows = (caption(0, 1, "a"), caption(1, 3, "b"), caption(4, 9, "c"), caption(9, 10, "d"))
    assert within(rows, offset=Fraction(-2), length=Fraction(5)) == (caption(0, 1, "b"), caption(2, 5, "c"))
    assert write_vtt(rows, offset=Fraction("0.0004"), length=Fraction(1)) == "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\na\n\n"


def test_a_hundred_thousand_captions_are_read(tmp_path):
    """Anything that grew with the square of their number would not end within the time that a suite has."""
    path, count = tmp_path / "long.srt", 100_000
    stamp = "{:02d}:{:02d}:{:02d},000".format
    at = [stamp(n // 3600, n // 60 % 60, n % 60) for n in range(count + 2)]
    path.write_text("".join(f"{n}\n{at[n]} --> {at[n + 1]}\n<i>Line</i> {n}\n\n" for n in range(count)))
    assert len(read(path)) == count


@pytest.mark.parametrize(
    "hostile", ["<" * 200_000, "{\\" * 100_000, "<i " * 70_000, "00:" * 70_000, "&#" * 100_000, " -->" * 50_000]
)
def test_hostile_lines_end_soon(found, hostile):
    start = time.process_time()
    for content in (hostile, f"1\n00:00:01,000 --> 00:00:02,000\n{hostile}\n", f"WEBVTT\n\n{hostile}\n"):
        with suppress(MediaError):
            found(content)
    assert time.process_time() - start < 5
