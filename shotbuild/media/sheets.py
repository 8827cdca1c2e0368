"""A contact sheet: one picture of every shot on one page, with its name and timecode below and a title on top.

Places are whole pixels and the letters come from fonts that ship with shotbuild, so that two machines draw the same page.
The page leaves as plain RGB: ffmpeg writes the PNG, whose bytes would otherwise hang on the zlib that Pillow was built with.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import ffmpeg
from PIL import Image, ImageDraw, UnidentifiedImageError

from shotbuild.errors import MediaError
from shotbuild.media.filters import argv, written
from shotbuild.media.fonts import BOLD, MONO, REGULAR
from shotbuild.media.lettering.faces import Face, Faces
from shotbuild.media.lettering.scripts import visual
from shotbuild.units import Size, counted, round_half_up

PAGE, FRAME = (22, 23, 26), (52, 54, 60)
BRIGHT, DIM = (236, 238, 242), (150, 154, 164)
LARGEST, NARROWEST = 40_000_000, 48
"""Pixels of a page, and columns below which pictures are not made for it."""
ELLIPSIS, MISSING, LONGEST = "…", "□", 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One cell. timecode: of its first frame in the cut."""

    label: str
    timecode: str
    picture: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where things stand, in pixels. page: the whole; picture: the box of one; margin: around all, and left of the first;
    top: of the first; gap: between columns; letters: their size; heading: of those of the title."""

    page: Size
    columns: int
    picture: Size
    margin: int
    top: int
    gap: int
    letters: int
    heading: int

    @property
    def line(self) -> int:
        """From one line of text to the next."""
        return _line(self.letters)

    @property
    def row(self) -> int:
        """From one row of pictures to the next."""
        return _row(self.picture, self.letters, self.gap)


def layout(count: int, picture: Size, columns: int = 0) -> Layout:
    """picture: the box of each, smaller on a page that would get huge; columns: 0 = as many as suit: the page is nearly 16:9
    and has few empty places."""
    box = picture
    while True:
        choices = [columns] if columns else range(1, count + 1)
        placed = max((_page(count, box, each) for each in choices), key=lambda each: _suits(each, count))
        if placed.page.width * placed.page.height <= LARGEST or box.width <= NARROWEST:
            return placed
        width = max(NARROWEST, box.width * 9 // 10)
        box = Size(width, max(1, width * picture.height // picture.width))


def _page(count: int, picture: Size, columns: int) -> Layout:
    unit = picture.width
    margin, gap, letters, heading = unit // 8, max(4, unit // 20), max(9, unit // 22), max(12, unit // 14)
    top, rows = margin + 2 * heading, -(-count // columns)
    width = 2 * margin + columns * (unit + gap) - gap
    height = top + rows * _row(picture, letters, gap) - gap + margin
    return Layout(
        page=Size(width, height),
        columns=columns,
        picture=picture,
        margin=margin,
        top=top,
        gap=gap,
        letters=letters,
        heading=heading,
    )


def _suits(placed: Layout, count: int) -> Fraction:
    """How like 16:9 a page is, times how full; at most 1."""
    shape = Fraction(placed.page.width * 9, placed.page.height * 16)
    return min(shape, 1 / shape) * Fraction(count, placed.columns * -(-count // placed.columns))


def _line(letters: int) -> int:
    return letters * 27 // 20


def _row(picture: Size, letters: int, gap: int) -> int:
    return picture.height + 2 * _line(letters) + letters // 2 + gap


def draw(shots: Sequence[Shot], title: str, box: Size, columns: int = 0) -> tuple[Size, bytes]:
    """The size of the page and its pixels, RGB, 8 bits. box, columns: as in `layout`. Errors: MediaError when there is no
    shot, or a picture cannot be read."""
    if not shots:
        raise MediaError("a contact sheet needs a shot", cause="there is none in the cut")
    placed = layout(len(shots), box, columns)
    sheet = Image.new("RGB", (placed.page.width, placed.page.height), PAGE)
    faces = Faces(None, "")
    names, clocks = faces.face(REGULAR, placed.letters), faces.face(MONO, placed.letters)
    _head(sheet, title, len(shots), placed, faces)
    for number, shot in enumerate(shots):
        line, column = divmod(number, placed.columns)
        left = placed.margin + column * (placed.picture.width + placed.gap)
        top = placed.top + line * placed.row
        _paste(sheet, shot.picture, left, top, placed.picture)
        below = top + placed.picture.height + placed.letters // 2
        room = placed.picture.width
        _write(sheet, shot.label, Size(left, below + placed.letters), room, names, BRIGHT)
        foot = Size(left, below + placed.line + placed.letters)
        _write(sheet, shot.timecode, foot, room, clocks, DIM)
    return placed.page, sheet.tobytes()


def encode(program: Path, name: str, size: Size, output: str) -> tuple[str, ...]:
    """The command that writes the PNG of a page. name: of the file with its pixels, where ffmpeg runs."""
    read = ffmpeg.input(
        f"file:{name}", f="rawvideo", pix_fmt="rgb24", video_size=(size.width, size.height), framerate="1", threads="1"
    )
    options = {"c:v": "png", "pix_fmt": "rgb24", "pred": "mixed", "threads": "1", "frames:v": "1", "update": "1"}
    return argv(program, written(read, output, "image2", options))


def _head(sheet: Image.Image, title: str, count: int, placed: Layout, faces: Faces) -> None:
    margin, size = placed.margin, placed.heading
    foot, room = margin + size, placed.page.width - 2 * margin
    said, small = counted(count, "clip"), faces.face(REGULAR, max(10, size * 2 // 3))
    aside = small.width(said)
    _write(sheet, title, Size(margin, foot), max(0, room - aside - size), faces.face(BOLD, size), BRIGHT)
    _write(sheet, said, Size(placed.page.width - margin - aside, foot), aside, small, DIM)


def _opened(path: Path) -> Image.Image:
    try:
        with Image.open(path) as picture:
            return picture.convert("RGB")
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise MediaError(f"{path.name} cannot be read as a picture", cause=str(error)) from error


def _near(side: Fraction, box: int) -> int:
    """A side that all but fills its box fills it: boxes are whole pixels, and would show a slit."""
    whole = max(1, round_half_up(side))
    return box if box - whole <= 2 else whole


def _paste(sheet: Image.Image, path: Path, left: int, top: int, box: Size) -> None:
    """A picture of another shape is shown whole, in the middle of its box."""
    picture = _opened(path)
    by = min(Fraction(box.width, picture.width), Fraction(box.height, picture.height))
    size = (_near(picture.width * by, box.width), _near(picture.height * by, box.height))
    ImageDraw.Draw(sheet).rectangle((left - 1, top - 1, left + box.width, top + box.height), fill=(0, 0, 0), outline=FRAME)
    place = (left + (box.width - size[0]) // 2, top + (box.height - size[1]) // 2)
    sheet.paste(picture.resize(size, Image.Resampling.LANCZOS), place)


# --- letters ------------------------------------------------------------------------------------------------------------


def _write(sheet: Image.Image, text: str, place: Size, room: int, face: Face, colour: tuple[int, int, int]) -> None:
    """One line, cut with an ellipsis where it is too long. place: left end and baseline."""
    mask = Image.new("L", (max(1, room), 2 * face.size))
    face.write(mask, 0, face.size * 3 // 2, visual(_fitted(_plain(text, face), room, face), False), 0)
    sheet.paste(colour, (place.width, place.height - face.size * 3 // 2), mask)


def _plain(text: str, face: Face) -> str:
    """One line of what can be seen; a letter that no font has is a box, because a page of pictures need not fail for it."""
    shown = " ".join("".join(char if char.isprintable() else " " for char in text[:LONGEST]).split())
    return "".join(char if _has(face, char) else MISSING for char in shown)


def _has(face: Face, char: str) -> bool:
    try:
        face.width(char)
    except MediaError:
        return False
    return True


def _fitted(text: str, room: int, face: Face) -> str:
    if face.width(text) <= room:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if face.width(text[:middle].rstrip() + ELLIPSIS) <= room else (low, middle - 1)
    return text[:low].rstrip() + ELLIPSIS if low else ""
