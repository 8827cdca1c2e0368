"""Animations: as long as their film to the tick, in its colours, the same bytes wherever they are made."""

import threading
from fractions import Fraction
from pathlib import Path

import pytest
from PIL import Image

from shotbuild.errors import MediaError
from shotbuild.host.tools import find_ffmpeg
from shotbuild.media.animation import TICKS, animation, size_of, ticks_of
from shotbuild.records import fields
from shotbuild.stages.animation import Animation
from shotbuild.stages.interface import Work
from shotbuild.units import Size

TAGS = "setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv"
CODECS = ("gif", "webp")


@pytest.fixture
def film(make):
    """film(name, graph, frames, rate): FFV1 of so many frames."""

    def made(name, graph="testsrc2=s=160x90", frames=24, rate="24"):
        full = f"{graph}:r={rate},scale=out_color_matrix=bt709:out_range=tv,format=yuv444p,{TAGS}"
        return make(name, "-f", "lavfi", "-i", full, "-frames:v", str(frames), "-c:v", "ffv1")

    return made


@pytest.fixture
def animated(tmp_path_factory):
    def made(film, codec, frames=24, rate="24", size="160x90", **more) -> Path:
        into = tmp_path_factory.mktemp("animation")
        work = Work(
            action="0" * 64,
            parameters=fields(video=fields(codec=codec, **more), frames=frames, rate=rate, size=size),
            pins=(),
            inputs={"film": film},
            outputs=(f"film.{codec}",),
            into=into,
            ffmpeg=find_ffmpeg(None),
            cancel=threading.Event(),
        )
        stage = Animation()
        stage.run(work)
        stage.check(work)
        return into / f"film.{codec}"

    return made


def frames_of(path: Path) -> list[Image.Image]:
    with Image.open(path) as picture:
        found = []
        for index in range(getattr(picture, "n_frames", 1)):
            picture.seek(index)
            found.append(picture.convert("RGB"))
        return found


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize(("frames", "rate"), [(24, "24"), (25, "24"), (23, "24000/1001"), (31, "30"), (61, "60")])
def test_it_lasts_as_long_as_its_film(film, animated, codec, frames, rate):
    made = animated(film(f"f{frames}.mkv", frames=frames, rate=rate), codec, frames, rate)
    ticks = ticks_of(made)
    exact = frames / Fraction(rate)
    assert abs(Fraction(sum(ticks), TICKS[codec]) - exact) <= Fraction(1, 2 * TICKS[codec])
    assert len(ticks) == len(frames_of(made))
    steady = {round(TICKS[codec] / 12 + more) for more in (0, 0.5, -0.4)}
    assert set(ticks[:-1]) <= steady, "the frames stand equally long, but for whole ticks"


@pytest.mark.parametrize("codec", CODECS)
def test_frame_k_is_what_the_film_shows_then(make, animated, codec):
    graph = f"nullsrc=s=32x32:r=24,geq=lum=16+8*N:cb=128:cr=128,format=yuv444p,{TAGS}"
    source = make("graph.mkv", "-f", "lavfi", "-i", graph, "-frames:v", "25", "-c:v", "ffv1")
    made = animated(source, codec, 25, rate="24", size="32x32", quality=100)
    shown = [round((frame.getpixel((16, 16))[0] * 219 / 255) / 8) for frame in frames_of(made)]
    assert shown == list(range(0, 25, 2))


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("colour", ["0xC81E1E", "0x1E78C8", "0x2FA84F"])
def test_colours_stay(film, animated, codec, colour):
    made = animated(film(f"c{colour}.mkv", f"color={colour}:s=64x36", 4), codec, 4, size="64x36")
    wanted = tuple(int(colour[place : place + 2], 16) for place in (2, 4, 6))
    found = frames_of(made)[0].getpixel((32, 18))
    assert all(abs(one - other) <= 6 for one, other in zip(found, wanted, strict=True)), (found, wanted)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("frames", [1, 2, 24])
def test_a_film_that_stands_still_is_as_long_too(film, animated, codec, frames):
    made = animated(film(f"still{frames}.mkv", "color=gray:s=64x36", frames), codec, frames, size="64x36")
    ticks = ticks_of(made)
    assert len(ticks) <= 1 or sum(ticks) == round(frames * TICKS[codec] / 24)


@pytest.mark.parametrize("codec", CODECS)
def test_the_same_bytes_twice(film, animated, codec):
    source = film("f24.mkv")
    assert animated(source, codec).read_bytes() == animated(source, codec).read_bytes()


@pytest.mark.parametrize("codec", CODECS)
def test_it_runs_for_ever(film, animated, codec):
    with Image.open(animated(film("f24.mkv"), codec)) as picture:
        assert picture.info["loop"] == 0


@pytest.mark.parametrize("codec", CODECS)
def test_it_is_made_smaller(film, animated, codec):
    assert size_of(animated(film("f24.mkv"), codec, width=80)) == Size(80, 46)


def test_it_is_480_wide_unless_the_profile_says_otherwise():
    def size(**more):
        return animation(fields(codec="gif", **more), frames=1, rate=Fraction(24), size=Size(1920, 1080)).size

    assert size() == Size(480, 270)
    assert size(width=0) == Size(1920, 1080)
    assert size(width=4000) == Size(1920, 1080)


def test_it_has_no_more_frames_than_the_film_or_than_browsers_show():
    def rate(film, wanted):
        return animation(fields(codec="gif", rate=wanted), frames=1, rate=Fraction(film), size=Size(160, 90)).rate

    assert rate("24", "12") == 12
    assert rate("10", "12") == 10
    assert rate("120", "100") == 50


def test_another_codec_is_refused():
    with pytest.raises(MediaError, match="no animation is made"):
        animation(fields(codec="apng"), frames=1, rate=Fraction(24), size=Size(160, 90))
