"""What a look is when a spec says all, some or nothing of it."""

import re
from pathlib import Path

import pytest

from shotbuild.records import fields
from shotbuild.spec import format as written
from shotbuild.spec.document import parse
from shotbuild.spec.kinds import Reader
from shotbuild.spec.report import Report
from shotbuild.spec.titling import LOOKS, look_of, settled
from shotbuild.spec.tree import Tree

PAGE = Path(__file__).parents[2] / "docs/titles.md"
KEYS = {key.name for key in written.LOOK}


@pytest.fixture
def look(tmp_path):
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets/brand.otf").write_bytes(b"font")

    def read(text, style="title"):
        reader = Reader(Report(), Tree(tmp_path))
        row = written.TITLE_TABLE.read(parse(f"text: words\n{text}\n", "a.yaml"), reader)
        assert not reader.report.found
        return dict(look_of(row, style))

    return read


@pytest.mark.parametrize("style", written.STYLES)
def test_every_key_is_written_out_for_every_style(look, style):
    found = look(f"style: {style}")
    assert set(found) == KEYS
    assert found == {**dict(LOOKS[style]), "style": style, "font": None}


def test_a_style_that_is_not_named_is_the_one_that_belongs_there(look):
    assert look("", "caption")["style"] == "caption"
    assert look("style: label", "caption")["style"] == "label"


def test_what_is_written_takes_the_place_of_the_style(look):
    found = look(
        "size: 12%\ncolor: red\nbox: '#000000a0'\noutline: white\nshadow: false\n"
        "align: right\nplace: top\nfont: assets/brand.otf"
    )
    assert found == {
        "style": "title",
        "size": "3/25",
        "color": "#c00000",
        "box": "#000000a0",
        "outline": "#ffffff",
        "shadow": False,
        "align": "right",
        "place": "top",
        "font": "assets/brand.otf",
    }


@pytest.mark.parametrize(
    ("place", "align"), [("bottom-left", "left"), ("right", "right"), ("top", "center"), ("center", "center")]
)
def test_lines_are_aligned_by_their_place(look, place, align):
    assert look(f"place: {place}")["align"] == align


def test_a_lower_third_keeps_the_alignment_of_its_style(look):
    assert look("place: lower-third")["align"] == "center"
    assert look("place: lower-third\nstyle: lower-third")["align"] == "left"


def test_a_settled_look_stays_as_it_is():
    for style in LOOKS:
        once = settled(fields(style=style, place="top-right", box="#00000000"))
        assert settled(once) == once
        assert once.get("box") == "#00000000"


def test_gaps_are_filled_whether_a_key_is_none_or_not_there():
    assert settled(fields(style="label", size=None, box=None)) == settled(fields(style="label"))
    assert settled(fields()).get("style") == "title"


def test_the_page_on_titles_shows_yaml_that_works(tmp_path):
    (block,) = re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    (tmp_path / "assets").mkdir()
    for name in re.findall(r"assets/([a-z.]+)", block):
        (tmp_path / "assets" / name).write_bytes(b"there")
    reader = Reader(Report(), Tree(tmp_path))
    node = parse(block, "a.yaml").entries["sequences"].value.entries["opening"].value
    row = written.SEQUENCE_TABLE.read(node, reader)
    assert not reader.report.found
    assert [look_of(title, "title").text("style") for title in row.get(written.TITLES)] == ["title", "lower-third", "label"]
    assert row.get(written.TITLES)[1].get(written.WORDS).count("\n") == 1


def test_the_page_on_titles_names_every_key_word_and_size():
    page = PAGE.read_text()
    keys = {key.name for key in (*written.TITLE_TABLE.keys, *written.CAPTIONS_TABLE.keys)}
    for word in (*keys, *written.PLACES, *written.STYLES, *written.COLORS):
        assert f"`{word}`" in page, word
    for style, look in LOOKS.items():
        size = f"{float(look.fraction('size')) * 100:g} %"
        assert re.search(rf"^\| `{style}` \|.*\| {re.escape(size)} \|", page, re.MULTILINE), style
