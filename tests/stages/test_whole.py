"""What is encoded in one go: from FFV1 chunks over a lossless film to a file whose rate a buffer keeps."""

import av
import pytest

from shotbuild.errors import MediaError
from shotbuild.media.probe import probe
from shotbuild.media.profiles import PROFILES, mezzanine
from shotbuild.records import fields
from shotbuild.stages.join import Join
from shotbuild.stages.whole import Whole
from tests import chunks

XDCAM = PROFILES["xdcam"]
LENGTHS = (20, 1, 2, 3, 30)
FRAMES = sum(LENGTHS)
BUFFERED = fields(
    codec="h264",
    extension="mp4",
    pixels="yuv420p",
    profile="high",
    preset="veryfast",
    gop="2",
    rate="vbv",
    bitrate=300,
    maxrate=400,
    bufsize=400,
)


@pytest.fixture
def lossless(run, tmp_path):
    """lossless(pixels): a film of FFV1 chunks, as `join` makes it."""

    def made(pixels, size="256x144"):
        video, start, inputs = mezzanine(pixels), 0, {}
        for number, length in enumerate(LENGTHS):
            inputs[f"segment{number:05d}"] = chunks.chunk(tmp_path, video, start, length, size=size)
            start += length
        parameters = {"frames": FRAMES, "lengths": LENGTHS, "rate": "24", "size": size, "title": "", "video": video}
        return run(Join(), inputs, ("film.mkv",), **parameters) / "film.mkv"

    return made


@pytest.fixture
def whole(run):
    def made(film, video, size="256x144"):
        name = f"chunk.{video.text('extension')}"
        return run(Whole(), {"film": film}, (name,), video=video, rate="24", frames=FRAMES, size=size) / name

    return made


@pytest.mark.parametrize("video", [chunks.smaller(XDCAM.video), BUFFERED], ids=["mpeg2", "h264"])
def test_a_film_is_encoded_in_one_go_to_the_same_bytes(lossless, whole, video):
    film = lossless(video.text("pixels"))
    first, second = whole(film, video), whole(film, video)
    assert first.read_bytes() == second.read_bytes()
    assert probe(first).video.frames == FRAMES


def test_a_buffer_keeps_the_rate(lossless, whole):
    path = whole(lossless("yuv420p"), BUFFERED)
    with av.open(str(path)) as source:
        sizes = [packet.size * 8 for packet in source.demux(source.streams.video[0]) if packet.size]
    seconds = [sum(sizes[first : first + 24]) for first in range(len(sizes) - 23)]
    assert max(seconds) <= 800_000


def test_what_was_encoded_whole_is_wrapped_with_sound_and_timecode(lossless, whole, run, tmp_path):
    video = chunks.smaller(XDCAM.video)
    chunk = whole(lossless("yuv422p"), video)
    inputs = {"segment00000": chunk, "sound": chunks.sound(tmp_path, XDCAM.sound, FRAMES)}
    name = "film.mxf"
    paths = [
        run(
            Join(),
            inputs,
            (name,),
            frames=FRAMES,
            lengths=(FRAMES,),
            rate="24",
            size="256x144",
            title="Film",
            video=video,
            wrap=XDCAM.wrap,
            timecode=24 * 3600,
            reel=None,
        )
        / name
        for _ in range(2)
    ]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    found = probe(paths[0])
    assert (found.container, found.video.codec, found.video.profile) == ("mxf", "mpeg2video", "4:2:2")
    assert found.video.start == found.sound.start == 0
    with av.open(str(paths[0])) as source:
        assert source.metadata["timecode"] == "01:00:00:00"


def test_the_timecode_and_reel_of_a_master_are_read_back(run, tmp_path):
    master = PROFILES["prores-master"]
    inputs = {
        "segment00000": chunks.chunk(tmp_path, master.video, 0, 3),
        "sound": chunks.sound(tmp_path, master.sound, 3, rate="24"),
    }
    parameters = {"frames": 3, "lengths": (3,), "rate": "24", "size": "256x144", "title": "", "video": master.video}
    folder = run(Join(), inputs, ("film.mov",), wrap=master.wrap, timecode=86_400, reel="opening", **parameters)
    with av.open(str(folder / "film.mov")) as source:
        told = {name: text for stream in source.streams for name, text in stream.metadata.items()}
    assert (told["timecode"], told["reel_name"]) == ("01:00:00:00", "opening")


def test_a_film_of_another_size_is_refused(lossless, whole):
    with pytest.raises(MediaError, match="256x144"):
        whole(lossless("yuv420p"), BUFFERED, size="320x180")


def test_a_film_that_is_too_short_is_caught(lossless, run):
    parameters = {"video": BUFFERED, "rate": "24", "frames": 60, "size": "256x144"}
    with pytest.raises(MediaError, match="came out wrong") as caught:
        run(Whole(), {"film": lossless("yuv420p")}, ("chunk.mp4",), **parameters)
    assert "frames: 56, not 60" in caught.value.cause
