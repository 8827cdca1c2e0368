"""Every encoder twice on small pictures: the same bytes, and the same parameters in chunks of any length."""

from fractions import Fraction

import av
import pytest

from shotbuild.errors import MediaError
from shotbuild.host import process
from shotbuild.host.tools import find_ffmpeg
from shotbuild.media.checks import picture_is, sound_is
from shotbuild.media.encoders import (
    MUXERS,
    channels,
    encoder_arguments,
    needs,
    sound_arguments,
    whole,
)
from shotbuild.media.filters import argv, generated, written
from shotbuild.media.profiles import PROFILES, chunked, mezzanine
from shotbuild.records import Fields, fields
from shotbuild.units import Size, timescale
from tests import chunks

CASES = {
    name: PROFILES[name].video
    for name in (
        *("h264-web", "x", "rung-360p", "hevc-web", "hevc-main10", "av1-web", "vp9-web"),
        *("prores-422", "prores-422-hq", "prores-4444", "dnxhr-sq", "dnxhr-hqx", "xdcam"),
    )
} | {
    "mezzanine": mezzanine("yuv420p"),
    "mezzanine-10": mezzanine("yuv422p10le"),
    "h264-vbv": fields(
        codec="h264", extension="mp4", pixels="yuv420p", profile="high", preset="veryfast", gop="2",
        rate="vbv", bitrate=400, maxrate=500, bufsize=500,
    ),
    "hevc-capped": fields(
        codec="hevc", extension="mp4", pixels="yuv420p", profile="main", preset="fast", crf=24, gop="2",
        rate="capped", maxrate=300, bufsize=300,
    ),
}  # fmt: skip


@pytest.fixture
def ffmpeg():
    return find_ffmpeg(None)


@pytest.fixture
def chunk(tmp_path_factory):
    """chunk(video, start, frames): each in a fresh folder."""

    def made(video, start, frames, **more):
        return chunks.chunk(tmp_path_factory.mktemp("chunk"), video, start, frames, **more)

    return made


@pytest.fixture(params=CASES)
def video(request) -> Fields:
    return chunks.smaller(CASES[request.param])


def test_two_runs_give_the_same_bytes_and_any_length_the_same_parameters(video, chunk):
    lengths = [13, 1, 2, 3]
    first = [chunk(video, index, length) for index, length in enumerate(lengths)]
    again = chunk(video, 0, 13)
    assert first[0].read_bytes() == again.read_bytes()
    assert len({parameters(path) for path in first}) == 1
    for path, length in zip(first, lengths, strict=True):
        picture_is(path, frames=length, size=Size(256, 144), rate=Fraction(24), pixels=video.text("pixels"))


def parameters(path):
    with av.open(str(path)) as source:
        stream = source.streams.video[0]
        return bytes(stream.codec_context.extradata or b""), stream.profile, stream.codec_context.codec_tag


def test_threads_are_told_and_alone_where_they_decide_bytes(video):
    threads = encoder_arguments(video, Fraction(24))["threads"]
    assert threads == {"prores": "4", "dnxhr": "4", "ffv1": "2"}.get(video.text("codec"), "1")


def test_hevc_is_tagged_for_apple(chunk):
    assert parameters(chunk(PROFILES["hevc-web"].video, 0, 2))[2] == "hvc1"


def test_a_film_is_chunked_unless_its_rate_is_kept_by_a_buffer():
    assert [name for name, profile in PROFILES.items() if profile.video.items and not chunked(profile.video)] == [
        "xdcam",
        "gif",
        "webp",
    ]
    assert not chunked(CASES["h264-vbv"])
    assert chunked(CASES["hevc-capped"])


def test_a_capped_chunk_starts_with_half_a_buffer():
    for name, key in (("x", "x264-params"), ("hevc-capped", "x265-params")):
        arguments = encoder_arguments(CASES[name], Fraction(24))
        assert "vbv-init=0.5" in arguments[key].split(":")
        assert {"crf", "maxrate", "bufsize"} <= arguments.keys()
    assert "const-vbv=1" in encoder_arguments(CASES["hevc-capped"], Fraction(24))["x265-params"]


def test_a_ladder_has_key_frames_at_fixed_places(chunk):
    path = chunk(PROFILES["rung-360p"].video, 0, 100, size="64x36")
    with av.open(str(path)) as source:
        keys = [packet.pts for packet in source.demux(source.streams.video[0]) if packet.is_keyframe and packet.size]
    assert [key // 1000 for key in keys] == [0, 48, 96]


@pytest.mark.parametrize(
    ("codec", "pixels"), [("png", "rgb48be"), ("png", "rgb24"), ("dpx", "gbrp10le"), ("exr", "gbrpf32le")]
)
def test_pictures_are_the_same_twice(ffmpeg, tmp_path, codec, pixels):
    video = fields(codec=codec, extension="tar", pixels=pixels)
    found = []
    for number in range(2):
        folder = tmp_path / str(number)
        folder.mkdir()
        stream = generated("testsrc2", s="64x36", r="24").filter("trim", end_frame=2).filter("format", pixels)
        arguments = encoder_arguments(video, Fraction(24)) | {"frames:v": "2"}
        process.run(argv(ffmpeg, written(stream, f"%d.{codec}", MUXERS["tar"], arguments)), cwd=folder)
        found.append([(path.name, path.read_bytes()) for path in sorted(folder.iterdir())])
    assert found[0] == found[1]
    assert [name for name, _ in found[0]] == [f"1.{codec}", f"2.{codec}"]


SOUNDS = [
    (fields(codec="aac", extension="m4a", bitrate="192k"), 0),
    (fields(codec="pcm", extension="wav"), 0),
    (fields(codec="pcm16", extension="wav"), 0),
    (fields(codec="opus", extension="mp4", bitrate="128k"), 1),
    (fields(codec="flac", extension="flac"), 0),
    (fields(codec="mp3", extension="mp3", bitrate="192k"), 1200),
]


@pytest.mark.parametrize("layout", ["mono", "stereo", "5.1"])
@pytest.mark.parametrize(("sound", "slack"), SOUNDS, ids=[sound.text("codec") for sound, _ in SOUNDS])
def test_sound_is_the_same_twice_in_every_layout(ffmpeg, tmp_path, sound, slack, layout):
    if (sound.text("codec"), layout) == ("mp3", "5.1"):
        return
    sound = Fields(tuple(sorted({**dict(sound.items), "layout": layout}.items())))
    found = []
    for number in range(2):
        name = f"{number}.{sound.text('extension')}"
        stream = generated("sine", r=48000).filter("aformat", channel_layouts=layout).filter("atrim", end_sample=50_001)
        process.run(
            argv(ffmpeg, written(stream, name, MUXERS[sound.text("extension")], sound_arguments(sound))), cwd=tmp_path
        )
        sound_is(tmp_path / name, length=50_001, channels=channels(sound), slack=slack)
        found.append((tmp_path / name).read_bytes())
    assert found[0] == found[1]


def test_mpeg2_has_few_rates():
    with pytest.raises(MediaError, match="MPEG-2 has no rate"):
        encoder_arguments(PROFILES["xdcam"].video, Fraction(25, 2))


def test_what_is_not_known_is_refused():
    with pytest.raises(MediaError, match="no encoder is known"):
        encoder_arguments(fields(codec="vp8", extension="webm", pixels="yuv420p"), Fraction(24))
    with pytest.raises(MediaError, match="sound codec"):
        sound_arguments(fields(codec="ac3"))
    with pytest.raises(MediaError, match="layout"):
        channels(fields(codec="aac", layout="7.1"))


@pytest.mark.parametrize("rate", [Fraction(24), Fraction(24000, 1001), Fraction(25), Fraction(25, 2), Fraction(240)])
def test_ticks_hold_every_frame(rate):
    assert (timescale(rate) / rate).denominator == 1
    assert timescale(rate) >= 10_000


def test_a_whole_film_is_encoded_from_its_lossless_form(ffmpeg, chunk, tmp_path):
    film = chunk(mezzanine("yuv422p"), 0, 20)
    video = chunks.smaller(PROFILES["xdcam"].video)
    argument = whole(ffmpeg, film, video, frames=20, rate=Fraction(24), output="chunk.mov")
    process.run(argument, cwd=tmp_path)
    picture_is(tmp_path / "chunk.mov", frames=20, size=Size(256, 144), rate=Fraction(24), pixels="yuv422p")


def test_a_burnt_in_profile_needs_letters():
    assert "filter:drawtext" in needs(PROFILES["review"])
    assert "filter:drawtext" not in needs(PROFILES["h264-web"])
