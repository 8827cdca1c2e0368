"""Two generated clips measured against each other: what is equal, where they part, and by how much."""

import pytest

from shotbuild.errors import MediaError
from shotbuild.host.tools import find_ffmpeg
from shotbuild.media.compare import compare
from shotbuild.media.probe import probe
from shotbuild.units import rate_text

FRAMES = ("-frames:v", "12")
LOSSLESS = ("-c:v", "ffv1", "-pix_fmt", "yuv420p")
TAGGED = "setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv"


@pytest.fixture
def picture(make):
    """picture("name.mkv", filters, …): 12 frames 64x36, unless told otherwise, without loss."""

    def made(name, filters="null", *arguments, source="testsrc2=s=64x36:r=24"):
        return make(
            f"compare-{name}", "-f", "lavfi", "-i", source, "-vf", f"{filters},{TAGGED}", *FRAMES, *LOSSLESS, *arguments
        )

    return made


@pytest.fixture
def diff(tmp_path):
    return lambda a, b: compare(find_ffmpeg(None), a, b, tmp_path)


def test_a_file_equals_itself(diff, picture):
    found = diff(picture("one.mkv"), picture("one.mkv"))
    assert (found.frames_a, found.frames_b, found.compared, found.identical) == (12, 12, 12, 12)
    assert (found.first_different, found.worst, found.psnr, found.ssim) == (None, (0, None), None, "1.000000")
    assert found.same_stream
    assert not found.scaled
    assert found.pixels == "yuv420p"


def test_another_container_and_codec_without_loss_is_the_same_stream(diff, picture):
    other = picture("qp0.mp4", "null", "-c:v", "libx264", "-qp", "0", "-bf", "3")
    assert diff(picture("one.mkv"), other).same_stream


def test_other_codec_settings_differ_a_little(diff, picture):
    fine, coarse = (picture(f"crf{crf}.mp4", "null", "-c:v", "libx264", "-crf", str(crf)) for crf in (10, 40))
    near, far = diff(picture("one.mkv"), fine), diff(picture("one.mkv"), coarse)
    assert (near.identical, near.first_different, near.same_stream) == (0, 0, False)
    assert float(near.psnr) > 35 > float(far.psnr) > 5
    assert 1 > float(near.ssim) > 0.98 > float(far.ssim) > 0
    assert len(far.ssim.partition(".")[2]) >= 4


def test_one_changed_frame_is_found(diff, picture):
    changed = picture("one-changed.mkv", "drawbox=x=10:y=10:w=8:h=8:color=gray:t=fill:enable='eq(n,7)'")
    found = diff(picture("one.mkv"), changed)
    assert (found.identical, found.first_different, found.worst[0], found.compared) == (11, 7, 7, 12)
    hundredths = found.worst[1]
    # One frame of twelve carries all of the error: 10 log10(12) = 10.79 dB better than the frame itself.
    assert float(found.psnr) == pytest.approx(hundredths / 100 + 10.79, abs=0.02)
    assert not found.same_stream


def test_the_smallest_change_counts(diff, picture, make):
    one = picture("large.mkv", source="testsrc2=s=320x180:r=24")
    change = "format=yuv420p,drawbox=x=4:y=4:w=2:h=2:color=gray@0.03:t=fill:enable='eq(n,3)'"
    changed = make("compare-one-pixel.mkv", "-i", str(one), "-vf", change, *LOSSLESS)
    found = diff(one, changed)
    assert (found.identical, found.first_different, found.same_stream) == (11, 3, False)
    assert float(found.psnr) > 80  # a mean square error that ffmpeg prints as 0.00


def test_the_worst_frame_is_the_furthest_apart(diff, picture):
    boxes = ",".join(
        f"drawbox=x=0:y=0:w={8 * wide}:h=16:color=gray:t=fill:enable='eq(n,{frame})'"
        for frame, wide in ((2, 1), (5, 4), (9, 2))
    )
    found = diff(picture("one.mkv"), picture("three-changed.mkv", boxes))
    assert (found.identical, found.first_different, found.worst[0]) == (9, 2, 5)


@pytest.mark.parametrize("turned", [False, True])
def test_the_shorter_clip_says_how_many_are_compared(diff, picture, turned):
    pair = [picture("one.mkv"), picture("short.mkv", "trim=end_frame=5")]
    found = diff(*(pair[::-1] if turned else pair))
    assert (found.frames_a, found.frames_b) == ((5, 12) if turned else (12, 5))
    assert (found.compared, found.identical, found.first_different, found.psnr) == (5, 5, None, None)
    assert not found.same_stream


def test_another_size_is_scaled_to_the_first(diff, picture):
    large = picture("large.mkv", source="testsrc2=s=320x180:r=24")
    small = picture("small.mkv", "scale=160:90:flags=lanczos", source="testsrc2=s=320x180:r=24")
    found = diff(large, small)
    assert (found.scaled, found.same_stream, found.compared, found.identical) == (True, False, 12, 0)
    assert float(found.ssim) > 0.8
    assert diff(small, large).scaled
    odd = picture("odd.mkv", "scale=63:35")
    assert (diff(odd, small).pixels, diff(small, odd).pixels) == ("yuv444p", "yuv420p")
    assert diff(odd, odd).same_stream


@pytest.mark.parametrize(("rate", "name"), [("25", "r25.mkv"), ("60", "r60.mp4"), ("24000/1001", "ntsc.mkv")])
def test_frames_lie_side_by_side_by_number(diff, picture, make, rate, name):
    one = picture("one.mkv")
    codec = ("-c:v", "libx264", "-qp", "0") if name.endswith("mp4") else LOSSLESS
    other = make(f"compare-{name}", "-r", rate, "-i", str(one), *codec)
    assert rate_text(probe(other).video.rate) == rate
    found = diff(one, other)
    assert (found.frames_b, found.identical, found.same_stream) == (12, 12, True)


def test_a_variable_rate_and_a_late_start_change_nothing(diff, picture):
    varied = picture("varied.mkv", "setpts='(N*N+30)/24/TB'", "-fps_mode", "passthrough")
    assert diff(picture("one.mkv"), varied).same_stream


def test_one_frame_is_enough(diff, picture, make):
    still = picture("single.mkv", "trim=end_frame=1")
    found = diff(still, picture("one.mkv"))
    assert (found.compared, found.identical, found.frames_b, found.same_stream) == (1, 1, 12, False)
    assert diff(still, still).same_stream
    plate = make("compare-plate-of-one.png", "-i", str(still), "-frames:v", "1")
    assert diff(plate, plate).same_stream
    assert diff(plate, still).compared == 1


def test_more_bits_are_kept(diff, picture):
    deep = picture("deep.mkv", "format=yuv420p10le", "-pix_fmt", "yuv420p10le")
    found = diff(picture("one.mkv"), deep)
    assert (found.pixels, found.identical, found.same_stream) == ("yuv420p10le", 12, False)
    wide = picture("wide.mov", "null", "-c:v", "prores_ks", "-pix_fmt", "yuv422p10le", "-profile:v", "3")
    assert diff(wide, wide).same_stream
    assert diff(wide, wide).pixels == "yuv422p10le"
    assert diff(wide, picture("one.mkv")).pixels == "yuv444p10le"


def test_tags_that_say_the_same_colour_change_nothing(diff, make):
    plain = ("-f", "lavfi", "-i", "testsrc2=s=1280x720:r=24", "-frames:v", "2", *LOSSLESS)
    untagged, tagged = make("compare-untagged.mkv", *plain), make("compare-tagged.mkv", *plain, "-vf", TAGGED)
    assert diff(untagged, tagged).same_stream


def test_another_range_is_another_picture_in_the_same_bytes(diff, picture, make):
    one = picture("qp0.mp4", "null", "-c:v", "libx264", "-qp", "0", "-bf", "3")
    full = make("compare-full.mp4", "-i", str(one), "-c", "copy", "-bsf:v", "h264_metadata=video_full_range_flag=1")
    assert probe(full).video.look.range == 2
    found = diff(one, full)
    assert (found.identical, found.same_stream) == (0, False)
    assert diff(full, full).same_stream


def test_another_matrix_is_another_picture_in_the_same_bytes(diff, picture, make):
    one = picture("qp0.mp4", "null", "-c:v", "libx264", "-qp", "0", "-bf", "3")
    other = make("compare-matrix.mp4", "-i", str(one), "-c", "copy", "-bsf:v", "h264_metadata=matrix_coefficients=6")
    found = diff(one, other)
    assert (found.identical, found.same_stream, found.scaled) == (0, False, False)


def test_the_same_bytes_in_another_shape_are_another_stream(diff, picture):
    grey = [picture(f"grey-{size}.mkv", source=f"color=gray:s={size}:r=24") for size in ("64x36", "36x64")]
    found = diff(*grey)
    assert (found.identical, found.scaled, found.same_stream) == (12, True, False)


def test_rgb_and_alpha_are_compared(diff, make):
    drawn = ("-f", "lavfi", "-i", "testsrc2=s=64x36:r=24", "-frames:v", "3", "-c:v", "png")
    rgb = make("compare-rgb.mov", *drawn, "-pix_fmt", "rgb24")
    assert diff(rgb, rgb).pixels == "gbrp"
    assert diff(rgb, rgb).same_stream
    changed = make("compare-rgb-changed.mov", *drawn, "-pix_fmt", "rgb24", "-vf", "format=gbrp,lutrgb=b='val+eq(val,0)'")
    assert diff(rgb, changed).identical == 0
    clear = make("compare-clear.mov", *drawn, "-pix_fmt", "rgba", "-vf", "format=rgba,colorchannelmixer=aa=0.5")
    assert diff(clear, clear).same_stream
    assert diff(rgb, clear).identical == 0
    clearer = make("compare-clearer.mov", *drawn, "-pix_fmt", "rgba", "-vf", "format=rgba,colorchannelmixer=aa=0.25")
    assert diff(clear, clearer).identical == 0


def test_a_tiny_picture_has_no_ssim(diff, picture):
    tiny = picture("tiny.mkv", "scale=8:8")
    assert (diff(tiny, tiny).ssim, diff(tiny, tiny).same_stream) == (None, True)


def test_hdr_is_compared_with_its_like_only(diff, picture, make):
    hdr = "format=yuv420p10le,setparams=color_primaries=bt2020:color_trc=smpte2084:colorspace=bt2020nc:range=tv"
    one = make("compare-hdr.mkv", "-f", "lavfi", "-i", "testsrc2=s=64x36", "-vf", hdr, *FRAMES, "-c:v", "ffv1")
    assert diff(one, one).same_stream
    with pytest.raises(MediaError, match="HDR"):
        diff(one, picture("one.mkv"))


def test_turned_pictures_are_upright(diff, make, clip):
    turned = make("compare-turned-by-180.mp4", "-display_rotation", "180", "-i", str(clip), "-c", "copy")
    assert not diff(clip, turned).scaled
    assert diff(clip, turned).identical == 0
    assert diff(turned, turned).same_stream


def test_a_hostile_name_is_only_a_name(diff, picture, tmp_path):
    odd = tmp_path / "it's; [a]%03d,b=c:\\ $(x)\n.mkv"
    odd.write_bytes(picture("one.mkv").read_bytes())
    assert diff(odd, picture("one.mkv")).same_stream


def test_what_has_no_picture_is_refused(diff, picture, make, tmp_path):
    tone = make("compare-tone.wav", "-f", "lavfi", "-i", "sine=d=0.1")
    with pytest.raises(MediaError, match="no picture"):
        diff(picture("one.mkv"), tone)
    (tmp_path / "words.mkv").write_text("no media")
    with pytest.raises(MediaError):
        diff(tmp_path / "words.mkv", picture("one.mkv"))
