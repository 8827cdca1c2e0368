"""Foreign text in Markdown is text, and a page has an end."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as texts

from shotbuild.ci.markdown import LIMIT, Section, code, cut, fenced, page

HOSTILE = [
    "@octocat closes #1",
    "a | b \\| c",
    "<img src=x onerror=alert(1)><!-- -->",
    "`code` ``two`` ```three",
    "`",
    "[link](javascript:1) ![](https://evil.example/x.png)",
    "line\nnext\r\n| --- |\x1b[31m\u202e",
    "</details>",
]


def spans(line: str) -> list[str]:
    """What a line has outside of code spans, by the rule of CommonMark: the next run of as many backticks ends one."""
    outside, at = [], 0
    while (start := re.compile("`+").search(line, at)) is not None:
        fence = start[0]
        end = re.compile(rf"(?<!`){fence}(?!`)").search(line, start.end())
        assert end is not None, line
        outside.append(line[at : start.start()])
        at = end.end()
    return [*outside, line[at:]]


@pytest.mark.parametrize("text", HOSTILE)
def test_text_in_a_line_is_all_code(text: str) -> None:
    assert "".join(spans(code(text))) == ""
    assert "\n" not in code(text)
    assert code(text).isprintable()


@given(texts.text(max_size=80))
def test_no_text_ends_the_code_that_it_stands_in(text: str) -> None:
    assert "".join(spans(f"{code(text)}")) == ""
    lines = fenced(text.split("\n")).split("\n")
    fence = re.match("`+", lines[0])
    assert fence is not None
    assert [number for number, line in enumerate(lines) if re.match(rf" {{0,3}}{fence[0]}", line)][:2] == [
        0,
        len(lines) - 1 if not lines[-1].startswith("…") else len(lines) - 3,
    ]


def test_blocks_are_short_and_say_so() -> None:
    block = fenced([f"line {number}" for number in range(100)])
    assert "line 13\n" in block
    assert "line 14" not in block
    assert block.endswith("…and 86 lines more")
    assert len(cut("x" * 1000, 40)) == 40


def test_a_page_is_never_too_long_and_counts_what_it_leaves_out() -> None:
    many = tuple(f"- {'ä' * 900} {number}" for number in range(200))
    text = page("### head", [Section(title="A", items=many, noun="shot"), Section(title="B", items=("last",), noun="film")])
    assert len(text.encode()) <= LIMIT
    shown = len(re.findall("^- ", text, re.MULTILINE))
    assert 0 < shown < 200
    assert f"…and {200 - shown} shots more" in text
    assert "…and 1 film more" in text or "last" in text


def test_what_is_empty_has_no_heading() -> None:
    assert page("### head", [Section(title="A", items=(), noun="shot")]) == "### head\n"
