"""Generated clips and changed copies of them: which of structure, colour and motion tells of the change."""

import numpy as np
import pytest

from shotbuild.errors import MediaError
from shotbuild.host.tools import find_ffmpeg
from shotbuild.media.cielab import ciede2000, cielab
from shotbuild.media.resemblance import resemble

LOSSLESS = ("-c:v", "ffv1", "-pix_fmt", "yuv420p")
TAGGED = "setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv"
IN_BT709 = "scale=96:54:flags=area:out_color_matrix=bt709:out_range=limited,format=yuv444p"
MOVING = f"mandelbrot=s=384x216:r=24:start_scale=0.3:end_scale=0.01:end_pts=24,gblur=4,{IN_BT709}"
FLAT = "color=gray:s=64x36:r=24"


@pytest.fixture
def picture(make):
    """picture("name.mkv", filters, …): 8 frames 96x54 that zoom in, unless told otherwise, without loss."""

    def made(name, filters="null", *arguments, source=MOVING):
        through = ("-vf", f"{filters},{TAGGED}", "-frames:v", "8", *LOSSLESS, *arguments)
        return make(f"resemblance-{name}", "-f", "lavfi", "-i", source, *through)

    return made


@pytest.fixture
def apart(tmp_path):
    """apart(a, b): structure, colour and motion, as numbers."""

    def measured(a, b):
        found = resemble(find_ffmpeg(None), a, b, tmp_path)
        return float(found.structure), float(found.colour), float(found.motion)

    return measured


def test_a_clip_is_nothing_apart_from_itself(picture, tmp_path):
    found = resemble(find_ffmpeg(None), picture("one.mkv"), picture("one.mkv"), tmp_path)
    assert (found.structure, found.colour, found.motion) == ("1.000000", "0.00", "0.00")
    assert found.difference.same_stream


def test_what_is_measured_is_the_same_on_every_run_and_nothing_where_frames_are_equal(picture, tmp_path):
    changed = picture("last-changed.mkv", "drawbox=x=0:y=0:w=48:h=27:color=red:t=fill:enable='eq(n,7)'")
    first, again = (resemble(find_ffmpeg(None), picture("one.mkv"), changed, tmp_path) for _ in range(2))
    assert first == again
    assert first.difference.identical == 7
    a_quarter_of_one_frame_in_eight = 80 / 4 / 8
    assert 0.3 * a_quarter_of_one_frame_in_eight < float(first.colour) < a_quarter_of_one_frame_in_eight


def test_another_hue_is_another_colour_and_hardly_another_structure(apart, picture):
    structure, colour, motion = apart(picture("one.mkv"), picture("hue.mkv", "hue=h=25"))
    assert colour > 4
    assert structure > 0.9
    assert motion < 0.3


def test_a_blur_is_another_structure_and_not_much_of_another_colour(apart, picture):
    structure, colour, _ = apart(picture("one.mkv"), picture("blur.mkv", "gblur=sigma=4"))
    assert structure < 0.9
    assert colour < 4


def test_a_still_copy_differs_in_motion(apart, picture):
    moving = picture("moving.mkv", "geq=lum='126+40*between(X,8*N,8*N+3)*between(Y,16,19)':cb=128:cr=128", source=FLAT)
    frozen = picture("frozen.mkv", "geq=lum='126+40*between(X,0,3)*between(Y,16,19)':cb=128:cr=128", source=FLAT)
    structure, colour, motion = apart(moving, frozen)
    assert motion > 3
    assert structure > 0.95
    assert colour < 0.5
    assert apart(frozen, moving)[2] == motion


def test_the_colour_of_a_flat_picture_is_measured_exactly(apart, picture):
    one, other = "0x4080c0", "0x40a0b0"
    flats = [
        picture(f"{each}.mkv", f"format=gbrp,drawbox=color={each}:t=fill", "-pix_fmt", "gbrp", source=FLAT)
        for each in (one, other)
    ]
    a, b = (cielab(np.array([int(each[at : at + 2], 16) / 255 for at in (2, 4, 6)])) for each in (one, other))
    # The picture goes through 8 bits of luma and chroma, which is half a step of each at the most.
    assert apart(*flats)[1:] == (pytest.approx(float(ciede2000(a, b)), abs=0.4), 0)


def test_another_size_is_brought_to_the_first(apart, picture):
    small = picture("small.mkv", "scale=64:36:flags=lanczos")
    for pair in ((picture("one.mkv"), small), (small, picture("one.mkv"))):
        structure, colour, motion = apart(*pair)
        assert structure > 0.99
        assert colour < 0.5
        assert motion < 0.2


def test_a_picture_too_large_for_it_is_measured_smaller(apart, picture):
    bars = "smptehdbars=s=1280x720:r=24"
    large, hue = (
        picture(f"bars-{name}.mkv", f"trim=end_frame=2,{by}", source=bars)
        for name, by in (("one", "null"), ("hue", "hue=h=25"))
    )
    fitting = [
        picture(f"small-{name}.mkv", f"trim=end_frame=2,scale=320:180:flags=area,{by}", source=bars)
        for name, by in (("one", "null"), ("hue", "hue=h=25"))
    ]
    assert apart(large, hue)[1] == pytest.approx(apart(*fitting)[1], abs=0.2)


@pytest.mark.parametrize("size", ["8:8", "63:35", "2:2", "3:1"])
def test_odd_and_tiny_pictures_are_measured(picture, tmp_path, size):
    one, other = (
        picture(f"{size}-{by}.mkv".replace(":", "x"), f"scale={size},{by}", "-pix_fmt", "yuv444p")
        for by in ("null", "negate")
    )
    found = resemble(find_ffmpeg(None), one, other, tmp_path)
    assert float(found.colour) > 10


def test_one_frame_has_no_motion(apart, picture):
    still = picture("still.mkv", "trim=end_frame=1")
    assert apart(still, picture("blur.mkv", "gblur=sigma=4"))[2] == 0


def test_frames_beyond_the_shorter_clip_play_no_part(apart, picture):
    blurred = picture("blur.mkv", "gblur=sigma=4")
    pairs = [
        (picture("five.mkv", "trim=end_frame=5"), blurred),
        (picture("one.mkv"), picture("five-blurred.mkv", "trim=end_frame=5,gblur=sigma=4")),
    ]
    assert apart(*pairs[0]) == apart(*pairs[1])
    assert apart(*pairs[0]) != apart(picture("one.mkv"), blurred)


def test_rate_and_time_stamps_play_no_part(apart, picture):
    late = picture("late.mkv", "gblur=sigma=4,setpts='(N*N+30)/24/TB'", "-fps_mode", "passthrough")
    assert apart(picture("one.mkv"), late) == apart(picture("one.mkv"), picture("blur.mkv", "gblur=sigma=4"))


def test_more_bits_of_the_same_picture_are_no_difference_to_people(apart, picture):
    structure, colour, motion = apart(
        picture("one.mkv"), picture("deep.mkv", "format=yuv420p10le", "-pix_fmt", "yuv420p10le")
    )
    assert structure > 0.97
    assert colour < 0.2
    assert motion < 0.2


def test_alpha_is_set_on_black(apart, picture):
    clear, dark = (
        picture(f"{name}.mov", f"format=gbrap,{by}", "-c:v", "png", "-pix_fmt", "rgba")
        for name, by in (("clear", "colorchannelmixer=aa=0.5"), ("dark", "colorchannelmixer=rr=0.5:gg=0.5:bb=0.5"))
    )
    bright = picture("bright.mov", "format=gbrp", "-c:v", "png", "-pix_fmt", "rgb24")
    assert apart(clear, dark)[1] < 0.5
    assert apart(clear, bright)[1] > 5


def test_hdr_is_refused(apart, make):
    hdr = "setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc:range=tv"
    drawn = ("-f", "lavfi", "-i", FLAT, "-frames:v", "2", "-c:v", "ffv1", "-pix_fmt", "yuv420p10le", "-vf")
    one, other = make("resemblance-hdr.mkv", *drawn, hdr), make("resemblance-hdr-negated.mkv", *drawn, f"negate,{hdr}")
    with pytest.raises(MediaError, match="HDR"):
        apart(one, other)
