"""Contact sheets: every shot in its place, pages of any shape, the same bytes twice."""

import threading
from pathlib import Path

import pytest
from PIL import Image, ImageChops

from shotbuild.errors import MediaError
from shotbuild.host.tools import find_ffmpeg
from shotbuild.media.sheets import PAGE, Shot, draw, layout
from shotbuild.records import fields
from shotbuild.stages.interface import Work
from shotbuild.stages.sheet import Sheet
from shotbuild.units import Size

WIDE = Size(480, 270)


@pytest.fixture
def pictures(tmp_path):
    """Pictures of one colour each, and those colours."""

    def made(count, size=(160, 90)):
        colours = [(40 + 5 * (index % 40), 200 - 3 * (index % 50), index % 7 * 30) for index in range(count)]
        paths = []
        for index, colour in enumerate(colours):
            paths.append(tmp_path / f"{index}.png")
            Image.new("RGB", size, colour).save(paths[-1])
        return paths, colours

    return made


@pytest.fixture
def sheet(tmp_path_factory):
    def made(paths, size="160x90", title="A film", columns=0, labels=None) -> Path:
        names = labels or [f"sh{index:03d}" for index in range(len(paths))]
        rows = tuple(fields(label=name, timecode="01:00:00:00") for name in names)
        work = Work(
            action="0" * 64,
            parameters=fields(rows=rows, columns=columns, title=title, size=size),
            pins=(),
            inputs={f"frame{index:04d}": path for index, path in enumerate(paths)},
            outputs=("sheet.png",),
            into=tmp_path_factory.mktemp("sheet"),
            ffmpeg=find_ffmpeg(None),
            cancel=threading.Event(),
        )
        stage = Sheet()
        stage.run(work)
        stage.check(work)
        return work.into / "sheet.png"

    return made


@pytest.mark.parametrize("count", [1, 2, 5, 24])
def test_every_shot_is_in_its_place(pictures, sheet, count):
    paths, colours = pictures(count)
    placed = layout(count, Size(160, 90))
    with Image.open(sheet(paths)) as page:
        assert page.size == (placed.page.width, placed.page.height)
        for index, colour in enumerate(colours):
            line, column = divmod(index, placed.columns)
            left = placed.margin + column * (placed.picture.width + placed.gap)
            top = placed.top + line * placed.row
            box = (left, top, left + placed.picture.width, top + placed.picture.height)
            assert page.crop(box).getcolors() == [(placed.picture.width * placed.picture.height, colour)]


@pytest.mark.parametrize("columns", [0, 1, 5])
@pytest.mark.parametrize("shape", [WIDE, Size(480, 854), Size(480, 200)])
@pytest.mark.parametrize("count", [1, 2, 3, 7, 24, 60, 500])
def test_everything_is_on_the_page_and_the_page_is_not_huge(shape, columns, count):
    placed = layout(count, shape, columns)
    rows = -(-count // placed.columns)
    across = placed.columns * (placed.picture.width + placed.gap) - placed.gap
    assert placed.page.width == across + 2 * placed.margin
    assert placed.page.height == placed.top + rows * placed.row - placed.gap + placed.margin
    assert placed.page.width * placed.page.height <= 40_000_000


def test_as_many_columns_as_make_a_full_page_that_is_nearly_16_to_9():
    assert [layout(count, WIDE).columns for count in (1, 2, 4, 6, 7, 9, 24, 60)] == [1, 2, 2, 3, 4, 3, 6, 9]


def test_pictures_get_smaller_before_a_page_gets_huge():
    assert layout(60, WIDE).picture == WIDE
    assert layout(500, WIDE).picture.width < WIDE.width


def test_columns_can_be_asked_for(pictures, sheet):
    assert layout(5, WIDE, 4).columns == 4
    paths, _ = pictures(3)
    assert sheet(paths, columns=1).is_file()


def test_a_picture_of_another_shape_is_shown_whole(pictures, tmp_path):
    paths, _ = pictures(1)
    Image.new("RGB", (90, 160), (250, 0, 0)).save(tmp_path / "tall.png")
    shots = [Shot(label="a", timecode="", picture=path) for path in (*paths, tmp_path / "tall.png")]
    size, pixels = draw(shots, "", Size(160, 90))
    page = Image.frombytes("RGB", (size.width, size.height), pixels)
    red = sum(count for count, colour in page.getcolors(1 << 20) if colour == (250, 0, 0))
    box = layout(2, Size(160, 90)).picture
    assert abs(red - box.height * box.height * 9 / 16) < box.height * 1.5


@pytest.mark.parametrize(
    "text", ["日本語のタイトル", "שלום עולם", "Ünïcödé – “quotes”", "a\nb\tc", "%{pts} 'x':[y]", "🎬", "x" * 5000]
)
def test_text_of_any_kind_is_drawn_within_its_room(pictures, text):
    paths, _ = pictures(2)
    box = Size(320, 180)

    def page(said):
        size, pixels = draw([Shot(label=said, timecode="", picture=path) for path in paths], said, box)
        return Image.frombytes("RGB", (size.width, size.height), pixels)

    changed = ImageChops.difference(page(text), page("")).getbbox()
    margin = layout(2, box).margin
    assert changed is not None
    assert changed[0] >= margin
    assert changed[2] <= page("").width - margin


def test_the_same_bytes_twice(pictures, sheet):
    paths, _ = pictures(7)
    one, other = sheet(paths), sheet(paths)
    assert one.parent != other.parent
    assert one.read_bytes() == other.read_bytes()


def test_the_page_is_dark_and_has_a_margin(pictures, sheet):
    paths, _ = pictures(4)
    with Image.open(sheet(paths)) as page:
        assert {page.getpixel((x, y)) for x in (0, page.width - 1) for y in (0, page.height - 1)} == {PAGE}


def test_labels_and_pictures_have_to_be_as_many(pictures, sheet):
    paths, _ = pictures(3)
    with pytest.raises(MediaError, match="cannot be made"):
        sheet(paths, labels=["a", "b"])


def test_what_is_no_picture_is_refused(tmp_path):
    (tmp_path / "odd.png").write_bytes(b"no")
    with pytest.raises(MediaError, match="cannot be read as a picture"):
        draw([Shot(label="a", timecode="", picture=tmp_path / "odd.png")], "", WIDE)


def test_a_sheet_needs_a_shot():
    with pytest.raises(MediaError, match="needs a shot"):
        draw([], "", WIDE)
