import av
import numpy as np
import pytest
from PIL import Image

from shotbuild.stages.still import Still


@pytest.fixture
def still(run):
    def ran(source):
        return run(Still(), {"source": source}, ("frame.png",), frame="last") / "frame.png"

    return ran


def test_it_is_the_very_last_frame(still, make, numbered):
    last = round((16 + 4 * 47 - 16) * 255 / 219)
    coded = ("-c:v", "libx264", "-crf", "1", "-bf", "3", "-pix_fmt", "yuv420p")
    for suffix in ("mp4", "mkv", "mov"):
        path = make(f"steps.{suffix}", "-i", str(numbered()), *coded)
        picture = np.asarray(Image.open(still(path)))
        assert picture.shape == (36, 64, 3)
        assert abs(int(picture[18, 32, 0]) - last) <= 2, suffix


def test_it_is_the_last_frame_of_one_frame_and_of_a_varying_rate(still, numbered):
    for source, number in ((numbered(1), 0), (numbered(48, filters="select='lt(n,8)+eq(n,40)'"), 40)):
        assert abs(int(np.asarray(Image.open(still(source)))[18, 32, 0]) - round(4 * number * 255 / 219)) <= 1


def test_colours_come_back_as_the_player_shows_them(still, make):
    tags = "setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv"
    graph = f"color=0xc8283c:s=64x36:r=24:d=0.2,format=gbrp,zscale=matrix=709:range=limited,format=yuv420p,{tags}"
    path = make("patch.mkv", "-f", "lavfi", "-i", graph, "-c:v", "ffv1")
    assert np.asarray(Image.open(still(path)))[18, 32].tolist() == pytest.approx([200, 40, 60], abs=2)


def test_two_runs_give_the_same_bytes(still, make):
    path = make("moving.mp4", "-f", "lavfi", "-i", "testsrc2=s=64x36:r=24:d=1", "-pix_fmt", "yuv420p")
    assert still(path).read_bytes() == still(path).read_bytes()
    with av.open(str(path)) as source:
        last = list(source.decode(video=0))[-1].to_ndarray(format="rgb24").astype(int)
    assert abs(np.asarray(Image.open(still(path))).astype(int) - last).mean() < 12
