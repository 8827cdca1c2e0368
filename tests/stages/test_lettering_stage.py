"""The stages `lettering` and `captions` as the engine runs them."""

from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from shotbuild.errors import MediaError
from shotbuild.media import captions, fonts
from shotbuild.records import fields
from shotbuild.spec.titling import settled
from shotbuild.stages.captions import Captions
from shotbuild.stages.lettering import Lettering

CAPTION = fields(style="caption", size=None, color=None)
SUBRIP = "1\n00:00:01,000 --> 00:00:02,000\n<i>Fish</i> & chips\n\n2\n00:00:03,500 --> 00:00:09,000\nZwei\nZeilen 灯\n"


@pytest.fixture
def letters(run):
    def ran(text, look, frame="160x90", **inputs):
        return run(Lettering(), inputs, ("letters.png",), text=text, look=look, frame=frame) / "letters.png"

    return ran


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "source"
    path.write_text(SUBRIP)
    return path


@pytest.fixture
def tracked(run, source):
    def ran(form="mov_text", language="en", offset="0", frames=120, rate="24", file=None):
        output = "captions.vtt" if form == "webvtt" else "captions.mp4"
        parameters = {"form": form, "language": language, "offset": offset, "frames": frames, "rate": rate}
        return run(Captions(), {"source": file or source}, (output,), **parameters) / output

    return ran


def test_letters_are_a_picture_of_the_frame(letters):
    picture = np.asarray(Image.open(letters("Who is there?", CAPTION)))
    assert picture.shape == (90, 160, 4)
    assert picture[60:, :, 3].any()
    assert not picture[:45, :, 3].any()


def test_gaps_of_a_look_are_filled(letters):
    assert letters("Name", CAPTION).read_bytes() == letters("Name", settled(CAPTION)).read_bytes()


def test_letters_are_set_in_the_font_that_was_given(letters):
    assert letters("Name", CAPTION, font=fonts.MONO).read_bytes() != letters("Name", CAPTION).read_bytes()
    with pytest.raises(MediaError, match="灯"):
        letters("灯", CAPTION, font=fonts.MONO)


@pytest.mark.parametrize("rate", ["24", "30000/1001"])
def test_captions_become_a_track_with_their_language_and_times(tracked, rate):
    path = tracked(language="pt-BR", rate=rate)
    assert captions.track_of(path) == ("por", ((Fraction(1), "Fish & chips"), (Fraction("3.5"), "Zwei\nZeilen 灯")))
    assert [each.name for each in path.parent.iterdir()] == ["captions.mp4"]


def test_captions_become_a_file_for_the_web(tracked):
    assert tracked("webvtt", frames=96).read_text() == (
        "WEBVTT\n\n00:00:01.000 --> 00:00:02.000\nFish &amp; chips\n\n00:00:03.500 --> 00:00:04.000\nZwei\nZeilen 灯\n\n"
    )


def test_captions_are_moved_and_end_with_the_film(tracked):
    assert captions.read(tracked("webvtt", offset="-3/2", frames=60))[-1].end == Fraction("2.5")
    assert captions.track_of(tracked(offset="-2"))[1] == ((Fraction("1.5"), "Zwei\nZeilen 灯"),)


def test_captions_that_all_lie_outside_are_refused(tracked):
    with pytest.raises(MediaError, match="no caption of source falls into the film") as caught:
        tracked(offset="100")
    assert caught.value.cause == "the film lasts 5.00 s, the first at 101.00 s"


def test_the_same_captions_give_the_same_bytes(tracked):
    assert tracked().read_bytes() == tracked().read_bytes()


def test_text_that_looks_like_markup_reaches_the_track(tracked, tmp_path):
    file = tmp_path / "a.vtt"
    file.write_text("WEBVTT\n\n00:01.000 --> 00:02.000\n&lt;b&gt; C:\\New {x} 1 &lt; 2 &gt; 0\n")
    ((_, text),) = captions.track_of(tracked(file=file))[1]
    assert text.replace("\u2060", "") == "<b> C:\\New {x} 1 < 2 > 0"
