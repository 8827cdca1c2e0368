"""What text looks like: the same pixels everywhere, inside the safe area, and no text that breaks it."""

import hashlib
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shotbuild.errors import MediaError
from shotbuild.media import fonts
from shotbuild.media.lettering import draw, looks
from shotbuild.media.lettering.faces import Faces
from shotbuild.media.lettering.lines import fitted
from shotbuild.media.lettering.looks import asked_of
from shotbuild.media.lettering.scripts import visual
from shotbuild.records import fields
from shotbuild.spec.format import PLACES, STYLES
from shotbuild.spec.titling import LOOKS
from shotbuild.units import Size

FRAMES = (Size(320, 180), Size(180, 320), Size(240, 240))
CAPTION = "I never thought that the light would reach us here, so far out at sea."

# sha256 of the pixels. They change only together with the version of stage `lettering`.
# Found equal with Pillow 11.3, 12.0 and 13.0; Pillow 10.4 draws a line of one pixel around letters otherwise.
GOLDEN = {
    "title": ("The Lighthouse", "8f323037ac304902543298f1f78e5a0cafb49631db8c3f1ee783d43f0480cbdb"),
    "subtitle": ("Directed by\nMaria Petersen", "7c7bdadb8f1ec40ba52b53a86b6482eb2a3b915c33cb820f06f336668ebb27df"),
    "lower-third": (
        "Elena Kovačová\nKeeper of the light",
        "91abe17109fb7971e4a00564873c50fcc48db48888f8bdc915979bfe53176a68",
    ),
    "caption": (CAPTION, "929972e1388266d9ec62a876da8e9f0c73ad05ea8f0c0402821c1ea382bafe90"),
    "label": ("sh010 take 3 01:00:12:05", "89718fb5887e5cca4717b1ed60adac656c82fb5ca7e44c5dd0384716db0546ab"),
}


def look(style, **more):
    return fields(**{"style": style, "font": None, **dict(LOOKS[style].items), **more})


def pixels(text, style="title", frame=FRAMES[0], font=None, **more):
    return np.asarray(Image.open(BytesIO(draw(text, look(style, **more), frame, font))))


def bounds(picture):
    """left, top, right, bottom of what is nearly opaque."""
    rows, columns = np.nonzero(picture[..., 3] > 200)
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


def lines(picture, letters=(255, 255, 255)):
    """How many rows of letters there are."""
    inked = (picture[..., :3] == letters).all(axis=2) & (picture[..., 3] > 200)
    filled = inked.any(axis=1).astype(int)
    return int((np.diff(filled, prepend=0) == 1).sum())


def test_every_style_has_a_look_and_a_set_of_fonts():
    assert set(LOOKS) == set(looks.STYLES) == set(STYLES)


@pytest.mark.parametrize("style", GOLDEN)
def test_pixels_are_the_same_everywhere(style):
    text, digest = GOLDEN[style]
    assert hashlib.sha256(pixels(text, style, Size(640, 360)).tobytes()).hexdigest() == digest


def test_two_runs_give_the_same_bytes():
    assert draw("Again", look("title"), FRAMES[0], None) == draw("Again", look("title"), FRAMES[0], None)


@pytest.mark.parametrize("frame", FRAMES, ids=str)
@pytest.mark.parametrize("style", STYLES)
def test_every_style_keeps_to_the_safe_area_in_every_shape(style, frame):
    for text in ("Short", CAPTION, "Donaudampfschifffahrtsgesellschaft", "One\nTwo\nThree"):
        picture = pixels(text, style, frame)
        assert picture.shape == (frame.height, frame.width, 4)
        left, top, right, bottom = bounds(picture)
        slack = 2  # an outline reaches a little further than its letters
        assert left >= frame.width // 20 - slack
        assert right <= frame.width - frame.width // 20 + slack
        assert top >= frame.height // 20 - slack
        assert bottom <= frame.height - frame.height // 20 + slack


@pytest.mark.parametrize("place", PLACES)
def test_text_stands_where_it_is_placed(place):
    left, top, right, bottom = bounds(pixels("Here", place=place, shadow=False))
    across, down = (left + right) / 640, (top + bottom) / 360
    words = place.split("-")
    assert (across < 0.4) == ("left" in words)
    assert (across > 0.6) == ("right" in words)
    assert (down < 0.4) == ("top" in words)
    assert (down > 0.6) == ("bottom" in words or place == "lower-third")


def test_captions_have_two_lines_of_one_width():
    picture = pixels(CAPTION, "caption", Size(640, 360), outline=None, shadow=False)
    assert lines(picture) == 2
    rows = np.nonzero((picture[..., 3] > 200).any(axis=1))[0]
    gap = int(np.argmax(np.diff(rows) > 1))
    halves = [picture[rows[0] : rows[gap] + 1], picture[rows[gap + 1] : rows[-1] + 1]]
    widths = [right - left for left, _, right, _ in map(bounds, halves)]
    assert abs(widths[0] - widths[1]) < 0.25 * max(widths)


def test_captions_keep_one_size_and_two_speakers_two_lines():
    short, long = (Faces(None, "") for _ in range(2))
    asked = asked_of(look("caption"), Size(640, 360))
    assert fitted([CAPTION], asked, short).size == fitted(["Yes."], asked, long).size
    assert [line.text for line in fitted(["- Who?", "- Me."], asked, long).lines] == ["- Who?", "- Me."]


def test_a_caption_whose_lines_are_too_long_is_divided_anew():
    asked = asked_of(look("caption"), Size(640, 360))
    written = ["This line of a caption is far too long for it", "and so it is."]
    found = [line.text for line in fitted(written, asked, Faces(None, "")).lines]
    assert " ".join(found) == " ".join(written)
    assert all(len(line) <= 42 for line in found)


def test_the_second_line_of_a_lower_third_is_smaller():
    asked = asked_of(look("lower-third"), Size(640, 360))
    name, role = fitted(["Elena", "Keeper"], asked, Faces(None, "")).lines
    assert role.face.size < name.face.size


def test_an_empty_line_stays_as_a_space_between_lines():
    asked, faces = asked_of(look("title"), Size(640, 360)), Faces(None, "")
    assert [line.text for line in fitted(["One", "", "Two"], asked, faces).lines] == ["One", "", "Two"]


def test_what_is_too_wide_is_made_smaller_and_what_is_far_too_wide_is_broken():
    asked = asked_of(look("title"), Size(640, 360))
    faces = Faces(None, "")
    assert [line.text for line in fitted(["x" * 30], asked, faces).lines] == ["x" * 30]
    broken = fitted(["x" * 300], asked, faces)
    assert "".join(line.text for line in broken.lines) == "x" * 300
    assert len(broken.lines) > 1


def test_outline_box_shadow_and_colour_are_as_asked():
    plain = pixels("Io", shadow=False, color="#20c040")
    assert plain[plain[..., 3] == 255][:, :3].tolist()[0] == [0x20, 0xC0, 0x40]
    plain_white = pixels("Io", shadow=False)
    boxed = pixels("Io", shadow=False, box="#102030")
    assert (boxed[..., :3] == (0x10, 0x20, 0x30)).all(axis=2).any()
    assert bounds(boxed)[0] < bounds(plain)[0]
    outlined = pixels("Io", shadow=False, outline="#a00000")
    assert (outlined[..., 3] > 0).sum() > (plain[..., 3] > 0).sum()
    assert (pixels("Io", shadow=True)[..., 3] > 0).sum() > (plain[..., 3] > 0).sum()
    assert (pixels("Io", shadow=False, box="#10203000") == plain_white).all()
    assert pixels("Io", shadow=False, color="#ffffff80")[..., 3].max() == 0x80


def test_a_letter_that_no_font_has_is_named_with_the_font():
    with pytest.raises(MediaError) as caught:
        draw("Cut 🎬", look("title"), FRAMES[0], None)
    assert "U+1F3AC CLAPPER BOARD" in caught.value.message
    assert "ship with shotbuild" in caught.value.cause
    assert "`font: …`" in caught.value.hint
    with pytest.raises(MediaError, match=r"U\+706F") as caught:
        draw("灯", look("title", font="assets/brand.otf"), FRAMES[0], fonts.REGULAR)
    assert caught.value.cause == "the font assets/brand.otf does not have it"
    with pytest.raises(MediaError) as caught:
        draw("灯", look("title"), FRAMES[0], fonts.REGULAR)
    assert caught.value.cause == "the font Inter Regular does not have it"


def test_a_font_of_the_project_is_used_and_a_broken_one_is_told(tmp_path):
    assert (pixels("Io", font=fonts.MONO) != pixels("Io")).any()
    (tmp_path / "not.ttf").write_bytes(b"no font")
    with pytest.raises(MediaError, match="cannot be set in the font") as caught:
        draw("Io", look("title"), FRAMES[0], tmp_path / "not.ttf")
    assert ".ttf or .otf" in caught.value.hint
    with pytest.raises(MediaError):
        draw("Io", look("title"), FRAMES[0], Path("/nowhere.ttf"))


def test_right_to_left_is_brought_into_drawing_order():
    assert visual("אב (גד) 24!", True) == "24! (דג) בא"
    assert visual("see אב גד now", False) == "see דג בא now"
    assert visual("plain", True) == "plain"
    assert visual("سلام", True) == "\ufee1\ufefc\ufeb3"


def test_scripts_that_would_come_out_wrong_are_refused():
    with pytest.raises(MediaError, match="DEVANAGARI"):
        draw("नमस्ते", look("title"), FRAMES[0], None)


@pytest.mark.parametrize("text", ["", " \n\t", "\u200b\u200f\u202e", "\x00\x07\x1b"])
def test_nothing_to_read_is_a_clear_picture(text):
    assert not pixels(text).any()


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    "text",
    [
        "a" * 2000,
        "word " * 400,
        "\n".join("x" * 500),
        "\u202eevil\u202c \x1b[31m\x00 \ud800 \ufffe",
        "e" + "\u0301" * 300,
        "灯" * 600,
        "\u00a0" * 50 + "x",
        "漢\u3000字。」「" * 30,
        "مرحبا " * 60,
        "a\r\nb\rc\u2028d\ve",
        "one\n\n \ntwo",
    ],
)
def test_hostile_text_is_an_error_or_a_clean_picture(text, style):
    for frame in (FRAMES[0], Size(16, 16), Size(1000, 20)):
        with suppress(MediaError):
            assert pixels(text, style, frame).shape == (frame.height, frame.width, 4)


def test_too_long_a_text_is_refused():
    with pytest.raises(MediaError, match="2001 characters"):
        draw("a" * 2001, look("title"), FRAMES[0], None)
