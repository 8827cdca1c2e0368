"""Every odd source is read right into a segment, or refused with the reason."""

import numpy as np
import pytest
from PIL import Image

from shotbuild.errors import MediaError, ProcessError
from shotbuild.media.probe import probe
from shotbuild.records import fields
from tests.stages.conftest import seen, shot_of

H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
RAW = ("-c:v", "ffv1")


@pytest.fixture
def leaf(encode):
    """leaf(source, 24): that many frames of it from `start` on, without loss, as a cut shows them."""

    def made(source, frames=24, size="64x36", rate="24", fit="pad", pixels="yuv420p", start=0, held=False, length=None):
        row = shot_of("shot0", length or start + frames, own=rate, fit=fit, pixels=pixels)
        video = fields(codec="ffv1", extension="mkv", pixels=pixels)
        picture = seen(start=start, held=held)
        more = {"size": size, "out_size": size, "rate": rate, "pixels": pixels}
        return encode(source, picture, frames, {"shot0": row}, video, **more)

    return made


def flat(make, name, colour, *options, filters="null", pixels="yuv420p", size="64x36"):
    graph = f"color=c={colour}:s={size}:r=24:d=1,format=gbrp,{filters},format={pixels}"
    return make(name, "-f", "lavfi", "-i", graph, *(options or RAW))


def middle(frame):
    return [int(plane[plane.shape[0] // 2, plane.shape[1] // 2]) for plane in frame]


def bt709(red, green, blue):
    """8-bit limited range Y, Cb, Cr of an RGB colour. Source: ITU-R BT.709-6."""
    r, g, b = (each / 255 for each in (red, green, blue))
    y = 0.2126 * r + 0.7152 * g + 0.0722 * b
    return [16 + 219 * y, 128 + 224 * (b - y) / 1.8556, 128 + 224 * (r - y) / 1.5748]


def test_the_right_source_passes_unchanged(leaf, numbered, planes):
    source = numbered()
    out = leaf(source, frames=48)
    for before, after in zip(planes(source), planes(out), strict=True):
        assert all((one == other).all() for one, other in zip(before, after, strict=True))


def test_a_longer_source_is_cut_at_the_frame(leaf, numbered, lumas):
    assert lumas(leaf(numbered(), frames=5)) == [16, 20, 24, 28, 32]


def test_one_frame_is_enough(leaf, numbered, lumas):
    assert lumas(leaf(numbered(frames=1), frames=1)) == [16]


def test_two_missing_frames_repeat_the_last(leaf, numbered, lumas):
    assert lumas(leaf(numbered(frames=10), frames=12))[8:] == [48, 52, 52, 52]


def test_a_source_that_is_too_short_is_refused(leaf, numbered):
    with pytest.raises(MediaError, match="too short") as caught:
        leaf(numbered(frames=10), frames=13)
    assert "13 frames are wanted, and it gives 10" in caught.value.cause


@pytest.mark.parametrize("rate", ["30000/1001", "30", "25", "60", "24000/1001"])
def test_another_rate_does_not_drift(leaf, numbered, lumas, rate):
    top, _, bottom = rate.partition("/")
    per = int(top) / int(bottom or 1) / 24
    found = lumas(leaf(numbered(frames=48, rate=rate), frames=int(48 / per)))
    shown = [(luma - 16) / 4 for luma in found]
    assert all(abs(number - index * per) <= 0.51 * max(1, per) for index, number in enumerate(shown))
    assert shown == sorted(shown)


def test_a_variable_rate_keeps_each_frame_at_its_time(leaf, numbered, lumas):
    varied = numbered(frames=48, filters="select='lt(n,8)+not(mod(n,4))'")
    found = [(luma - 16) / 4 for luma in lumas(leaf(varied, frames=40))]
    assert found[:8] == list(range(8))
    assert all(0 <= index - number <= 3 for index, number in enumerate(found))


def test_a_late_start_is_no_gap(leaf, numbered, lumas):
    late = numbered(frames=24, filters="setpts=PTS+3/TB")
    assert lumas(leaf(late)) == [16 + 4 * n for n in range(24)]


def test_odd_sizes_fill_the_frame(leaf, make, planes):
    for pixels in ("yuv420p", "yuv422p10le", "rgb24"):
        odd = flat(make, f"odd-{pixels}.mkv", "0x808080", size="63x35", pixels=pixels)
        frame = planes(leaf(odd))[0]
        assert all(np.ptp(plane) <= 1 for plane in frame), pixels


@pytest.mark.parametrize("degrees", ["90", "180", "270"])
def test_rotation_is_carried_out(leaf, make, planes, degrees):
    upright = make(
        "halves.mp4", "-f", "lavfi", "-i", "color=white:s=64x36:r=24:d=1,drawbox=w=32:h=36:color=black:t=fill", *H264
    )
    turned = make(f"turned{degrees}.mp4", "-display_rotation", degrees, "-i", str(upright), "-c", "copy")
    size = "36x64" if degrees != "180" else "64x36"
    luma = planes(leaf(turned, size=size))[0][0].astype(int)
    rows, columns = luma.shape
    black = {
        "90": luma[rows * 3 // 4 :, :],
        "180": luma[:, columns * 3 // 4 :],
        "270": luma[: rows // 4, :],
    }[degrees]
    assert black.mean() < 24
    assert abs(luma.mean() - (16 + 235) / 2) < 8


def test_anamorphic_pixels_become_square(leaf, make, planes):
    wide = flat(make, "wide.mkv", "white", filters="setsar=2/1")
    luma = planes(leaf(wide, size="64x64"))[0][0]
    assert (luma[:22].max(), luma[40:].max()) == (16, 16)
    assert luma[25:37].min() == 235
    assert probe(wide).video.look.sar == (2, 1)


def test_crop_fills_and_pad_shows_all(leaf, make, planes):
    white = flat(make, "white.mkv", "white")
    assert planes(leaf(white, size="36x64", fit="crop"))[0][0].min() == 235
    assert planes(leaf(white, size="36x64", fit="stretch"))[0][0].min() == 235
    padded = planes(leaf(white, size="36x64", fit="pad"))[0]
    assert (padded[0][0, 0], padded[0][32, 18], padded[1][0, 0]) == (16, 235, 128)


def test_full_range_becomes_limited(leaf, make, planes):
    for name, colour, luma in (("white", "white", 235), ("black", "black", 16)):
        full = flat(make, f"full-{name}.mp4", colour, *H264[:4], "-pix_fmt", "yuvj420p", pixels="yuvj420p")
        assert abs(middle(planes(full)[0])[0] - (255 if name == "white" else 0)) <= 1
        assert abs(middle(planes(leaf(full))[0])[0] - luma) <= 1


@pytest.mark.parametrize("colour", [(200, 40, 60), (30, 160, 220), (240, 200, 10)])
def test_bt601_becomes_bt709(leaf, make, planes, colour):
    text = "0x{:02x}{:02x}{:02x}".format(*colour)
    tagged = "zscale=matrix=170m:range=limited,setparams=colorspace=smpte170m:range=tv"
    source = flat(make, f"bt601-{text}.mkv", text, filters=f"{tagged},format=yuv444p", pixels="yuv444p", size="1280x720")
    assert probe(source).video.look.matrix == 6
    found = middle(planes(leaf(source, frames=1))[0])
    assert found == pytest.approx(bt709(*colour), abs=2)


def test_untagged_small_pictures_are_bt601_and_large_ones_bt709(leaf, make, planes):
    for size, matrix in (("64x36", "170m"), ("1280x720", "709")):
        filters = f"zscale=matrix={matrix}:range=limited,format=yuv444p,setparams=colorspace=unknown:range=unknown"
        source = flat(make, f"untagged-{size}.mkv", "0xc8283c", filters=filters, pixels="yuv444p", size=size)
        assert probe(source).video.look.matrix in (0, 2)
        found = middle(planes(leaf(source, frames=1))[0])
        assert found == pytest.approx(bt709(200, 40, 60), abs=2), size


@pytest.mark.parametrize("pixels", ["rgb24", "gbrp", "gbrp10le", "bgra", "gray"])
def test_rgb_and_grey_keep_their_colour(leaf, make, planes, pixels):
    colour = (128, 128, 128) if pixels == "gray" else (200, 40, 60)
    source = flat(make, f"rgb-{pixels}.mkv", "0x{:02x}{:02x}{:02x}".format(*colour), pixels=pixels)
    found = middle(planes(leaf(source))[0])
    assert found == pytest.approx(bt709(*colour), abs=1.5)


def test_bt2020_sdr_becomes_bt709(leaf, make, planes):
    wide = "zscale=matrixin=gbr:primariesin=709:transferin=709:matrix=2020_ncl:primaries=2020:transfer=709:range=limited"
    filters = f"{wide},format=yuv444p10le,setparams=color_primaries=bt2020:color_trc=bt2020-10:colorspace=bt2020nc:range=tv"
    source = flat(make, "bt2020.mkv", "0xa05040", filters=filters, pixels="yuv444p10le")
    found = middle(planes(leaf(source))[0])
    assert found == pytest.approx(bt709(160, 80, 64), abs=2)


@pytest.mark.parametrize(("transfer", "word"), [("smpte2084", "PQ"), ("arib-std-b67", "HLG")])
def test_hdr_is_refused(leaf, make, transfer, word):
    tags = f"format=yuv420p10le,setparams=color_primaries=bt2020:color_trc={transfer}:colorspace=bt2020nc:range=tv"
    source = flat(make, f"{word}.mkv", "gray", filters=tags, pixels="yuv420p10le")
    with pytest.raises(MediaError, match="is HDR") as caught:
        leaf(source)
    assert word in caught.value.cause
    assert caught.value.hint


def test_alpha_is_laid_on_black(leaf, make, planes):
    for pixels in ("yuva444p10le", "rgba"):
        path = make(
            f"alpha-{pixels}.mov",
            *("-f", "lavfi", "-i", f"color=white@0.5:s=64x36:r=24:d=1,format=rgba,format={pixels}"),
            *(("-c:v", "prores_ks", "-profile:v", "4444") if "yuva" in pixels else ("-c:v", "png")),
        )
        assert probe(path).video.look.alpha
        found = middle(planes(leaf(path))[0])
        assert found == pytest.approx([126, 128, 128], abs=2)


def test_ten_bits_are_dithered_the_same_way_each_time(leaf, make, planes):
    ramp = "nullsrc=s=64x36:r=24:d=1,format=yuv420p10le,geq=lum=400+X/4:cb=512:cr=512"
    deep = make("deep.mkv", "-f", "lavfi", "-i", f"{ramp},{'setparams=range=tv:colorspace=bt709'}", *RAW)
    assert probe(deep).video.look.depth == 10
    first, second = (leaf(deep) for _ in range(2))
    assert first.read_bytes() == second.read_bytes()
    luma = planes(first)[0][0].astype(float)
    assert abs(luma.mean() - (400 + 31.5 / 4) / 4) < 0.3
    assert abs(luma - luma.mean(axis=0)).max() > 0


def test_interlaced_pictures_lose_their_combs(leaf, make, planes):
    """Fields of a bar that moves: combed rows differ from their neighbours, deinterlaced ones do not."""
    moving = "nullsrc=s=64x36:r=48:d=1,geq=lum='if(lt(mod(X+4*N,64),32),235,16)':cb=128:cr=128,format=yuv420p"
    woven = make(
        "woven.mp4",
        "-f",
        "lavfi",
        "-i",
        f"{moving},tinterlace=interleave_top,setfield=tff",
        *("-c:v", "libx264", "-crf", "5", "-flags", "+ilme+ildct", "-pix_fmt", "yuv420p"),
    )
    assert probe(woven).video.look.interlaced

    def combs(path):
        luma = planes(path)[10][0].astype(int)[4:-4]
        return abs(luma[1:-1] * 2 - luma[:-2] - luma[2:]).mean()

    assert combs(leaf(woven)) < combs(woven) / 4


def test_a_still_is_shown_as_long_as_asked(leaf, make, planes):
    for suffix in ("png", "jpg", "webp"):
        plate = make(f"plate.{suffix}", "-f", "lavfi", "-i", "color=0xc8283c:s=128x72", "-frames:v", "1")
        out = leaf(plate, frames=30)
        frames = planes(out)
        assert len(frames) == 30
        assert middle(frames[29]) == pytest.approx(bt709(200, 40, 60), abs=4)


def test_a_photo_is_turned_as_its_camera_was_held(leaf, make, planes, tmp_path):
    photo = Image.new("RGB", (128, 72), "white")
    photo.paste("black", (0, 0, 64, 72))
    exif = Image.Exif()
    exif[274] = 6  # to be turned by 90 degrees clockwise
    path = tmp_path / "photo.jpg"
    photo.save(path, exif=exif, quality=95)
    luma = planes(leaf(path, frames=2, size="36x64"))[0][0]
    assert luma[:24].mean() < 24
    assert luma[40:].mean() > 227


def test_ten_bit_cuts_stay_ten_bit(leaf, numbered, planes):
    out = leaf(numbered(), frames=3, pixels="yuv422p10le")
    assert [middle(frame)[0] for frame in planes(out)] == [64, 80, 96]


def test_two_runs_give_the_same_bytes(leaf, make):
    clip = make("av.mp4", "-f", "lavfi", "-i", "testsrc2=s=128x72:r=30:d=1", "-f", "lavfi", "-i", "sine=d=1:r=44100", *H264)
    one, two = leaf(clip), leaf(clip)
    assert one.read_bytes() == two.read_bytes()


def test_damage_in_the_middle_is_refused(leaf, make, tmp_path):
    whole = make("long.mp4", "-f", "lavfi", "-i", "testsrc2=s=320x180:r=24:d=1", *H264, "-g", "1")
    content = bytearray(whole.read_bytes())
    middle_of_it = content.index(b"mdat") + (len(content) - content.index(b"mdat")) // 2
    content[middle_of_it : middle_of_it + 4000] = b"\x55" * 4000
    path = tmp_path / "damaged.mp4"
    path.write_bytes(content)
    with pytest.raises((MediaError, ProcessError)):
        leaf(path)
