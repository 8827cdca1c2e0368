"""Films joined of odd chunks, in every codec and container: counted stamps, the same bytes twice, no word from a decoder."""

import subprocess
from fractions import Fraction

import av
import numpy as np
import pytest

from shotbuild.errors import MediaError
from shotbuild.host.tools import find_ffmpeg
from shotbuild.media import joining
from shotbuild.media.checks import ends_together, picture_is, tracks_are
from shotbuild.media.encoders import MUXERS
from shotbuild.media.languages import three_letters
from shotbuild.media.profiles import PROFILES
from shotbuild.records import Fields, fields
from shotbuild.units import Size, samples
from tests import chunks

LENGTHS = [9, 1, 2, 3, 1, 1, 7, 2, 5, 3, 1, 6]
FRAMES = sum(LENGTHS)
SIZE = Size(256, 144)
AAC, PCM = PROFILES["h264-web"].sound, PROFILES["prores-master"].sound
OPUS, FLAC = PROFILES["av1-web"].sound, fields(codec="flac", extension="flac")
MP3, PCM16 = fields(codec="mp3", extension="mp3", bitrate="192k"), fields(codec="pcm16", extension="wav")
CASES = [
    ("h264-web", "mp4", AAC, {}),
    ("h264-web", "mp4", AAC, {"edit_list": False}),
    ("x", "mp4", AAC, {"edit_list": False}),
    ("h264-web", "mov", PCM, {"timecode": "01:00:00:00", "reel": "A001"}),
    ("h264-web", "mp4", FLAC, {}),
    ("h264-web", "mp4", MP3, {}),
    ("h264-web", "mkv", FLAC, {}),
    ("h264-web", "mkv", AAC, {}),
    ("h264-web", "mkv", OPUS, {}),
    ("h264-web", "mkv", PCM16, {}),
    ("hevc-web", "mp4", AAC, {"edit_list": False}),
    ("hevc-main10", "mov", PCM, {}),
    ("hevc-main10", "mp4", OPUS, {}),
    ("av1-web", "mp4", OPUS, {}),
    ("av1-web", "webm", OPUS, {}),
    ("av1-web", "mp4", AAC, {"edit_list": False}),
    ("vp9-web", "webm", OPUS, {}),
    ("vp9-web", "mp4", OPUS, {}),
    ("prores-422", "mov", PCM, {"timecode": "10:00:00:00", "reel": "opening"}),
    ("prores-master", "mov", PCM, {"timecode": "01:00:00:00"}),
    ("prores-4444", "mov", PCM, {}),
    ("dnxhr-hqx", "mov", PCM, {"timecode": "23:59:59:23", "reel": "A001_C002"}),
    ("dnxhr-hqx", "mxf", PCM, {"timecode": "01:00:00:00", "reel": "A001"}),
    ("dnxhr-sq", "mov", PCM, {}),
]


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """parts(profile): its chunks; encoded once."""
    made = {}

    def encoded(name, rate="24"):
        if (name, rate) not in made:
            folder, start, made[name, rate] = tmp_path_factory.mktemp(name), 0, []
            for length in LENGTHS:
                made[name, rate].append(chunks.chunk(folder, PROFILES[name].video, start, length, rate=rate, busy=False))
                start += length
        return made[name, rate]

    return encoded


@pytest.fixture(scope="module")
def heard(tmp_path_factory):
    """heard(settings): noise as long as the film; encoded once."""
    made = {}

    def encoded(settings, rate="24", layout="stereo"):
        settings = Fields(tuple(sorted({**dict(settings.items), "layout": layout}.items())))
        if (settings, rate) not in made:
            made[settings, rate] = chunks.sound(tmp_path_factory.mktemp("sound"), settings, FRAMES, rate=rate, layout=layout)
        return made[settings, rate]

    return encoded


def film(extension, rate="24", **more):
    return joining.Film(
        lengths=LENGTHS, rate=Fraction(rate), size=SIZE, title="Film", identity="", muxer=MUXERS[extension], **more
    )


def said(path):
    """What ffmpeg says while it decodes all of a file, being strict."""
    argv = [str(find_ffmpeg(None)), "-v", "warning", "-xerror", "-err_detect", "explode", "-i", str(path), "-f", "null", "-"]
    told = subprocess.run(argv, capture_output=True, text=True, check=True).stderr
    # MXF has no names for the channels of a sound, nor has 16 bits of PCM in mov.
    return [line for line in told.splitlines() if "Guessed Channel Layout" not in line]


@pytest.mark.parametrize(("name", "extension", "sound", "wrap"), CASES)
def test_twelve_odd_chunks_join_exactly(parts, heard, tmp_path, name, extension, sound, wrap):
    wanted = film(extension, **wrap)
    paths = [tmp_path / f"{number}.{extension}" for number in range(2)]
    for path in paths:
        joining.join(parts(name), heard(sound), wanted, path)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    found = picture_is(paths[0], frames=FRAMES, size=SIZE, rate=Fraction(24), pixels=PROFILES[name].video.text("pixels"))
    ends_together(paths[0], found, FRAMES, Fraction(24))
    tracks_are(paths[0], timecode=wanted.timecode, reel=wanted.reel, captions=0)
    assert said(paths[0]) == []
    stamps, decoding = read_stamps(paths[0])
    ticks = Fraction(1, 1000) if extension in ("mkv", "webm") else Fraction(0)
    assert all(abs(stamp - Fraction(n, 24)) <= ticks for n, stamp in enumerate(stamps))
    assert decoding == sorted(set(decoding))


def read_stamps(path):
    with av.open(str(path)) as source:
        stream = source.streams.video[0]
        packets = [packet for packet in source.demux(stream) if packet.size]
        stamps = sorted(packet.pts * stream.time_base for packet in packets)
    return stamps, [packet.dts for packet in packets if packet.dts is not None]


@pytest.mark.parametrize("edit_list", [True, False])
@pytest.mark.parametrize("name", ["h264-web", "hevc-main10", "av1-web", "vp9-web", "prores-422", "dnxhr-hqx"])
def test_seeking_to_a_cut_lands_on_its_first_frame(parts, tmp_path, name, edit_list):
    extension = PROFILES[name].video.text("extension")
    path = tmp_path / f"film.{extension}"
    joining.join(parts(name), None, film(extension, edit_list=edit_list), path)
    for number in range(len(LENGTHS)):
        first = Fraction(sum(LENGTHS[:number]), 24)
        with av.open(str(path)) as source:
            stream = source.streams.video[0]
            source.seek(int(first / stream.time_base), stream=stream)
            frame = next(source.decode(stream))
        assert frame.pts * frame.time_base == first


@pytest.mark.parametrize("rate", ["24000/1001", "25", "30000/1001"])
def test_no_stamp_drifts_at_broken_rates(parts, heard, tmp_path, rate):
    path = tmp_path / "film.mp4"
    joining.join(parts("h264-web", rate), heard(AAC, rate), film("mp4", rate, edit_list=False), path)
    found = picture_is(path, frames=FRAMES, size=SIZE, rate=Fraction(rate), pixels="yuv420p")
    ends_together(path, found, FRAMES, Fraction(rate))
    assert read_stamps(path)[0] == [n / Fraction(rate) for n in range(FRAMES)]


@pytest.mark.parametrize("name", ["h264-web", "hevc-web", "av1-web", "vp9-web", "dnxhr-sq", "prores-422"])
def test_every_frame_is_the_one_that_was_cut(parts, tmp_path, name):
    path = tmp_path / f"film.{PROFILES[name].extension}"
    joining.join(parts(name), None, film(PROFILES[name].extension), path)
    with av.open(str(path)) as source:
        found = [frame.to_ndarray(format="yuv420p")[72, 128] for frame in source.decode(video=0)]
    assert [round((int(luma) - 16) / chunks.LUMA) for luma in found] == list(range(FRAMES))


@pytest.mark.parametrize(("sound", "extension", "edit_list"), [
    (AAC, "mp4", True), (AAC, "mp4", False), (AAC, "mkv", True), (OPUS, "mp4", True), (OPUS, "webm", True),
    (PCM, "mov", True), (FLAC, "mp4", False), (MP3, "mp4", True),
])  # fmt: skip
def test_sound_stands_where_it_was_mixed(parts, heard, tmp_path, sound, extension, edit_list):
    path = tmp_path / f"film.{extension}"
    picture = "vp9-web" if extension == "webm" else "h264-web"
    joining.join(parts(picture), heard(sound), film(extension, edit_list=edit_list), path)
    wanted = decoded(heard(PCM))
    with_edits = offset(wanted, decoded(path))
    assert abs(with_edits) <= 2
    if not edit_list:
        assert abs(offset(wanted, decoded(path, "-ignore_editlist", "1"))) <= 2


def decoded(path, *options):
    """One channel, in its place on the file's clock."""
    argv = [str(find_ffmpeg(None)), "-v", "error", *options, "-i", str(path), "-map", "0:a"]
    placed = ["-af", "aresample=async=1:first_pts=0", "-f", "f32le", "-ac", "1", "-"]
    return np.frombuffer(subprocess.run([*argv, *placed], capture_output=True, check=True).stdout, np.float32)


def offset(wanted, found):
    """How many samples later a sound is found than it was wanted."""
    part = wanted[8000:40000]
    return max(range(-1500, 1501), key=lambda late: float(np.dot(part, found[8000 + late : 40000 + late])))


def test_a_file_without_edit_list_has_none(parts, heard, tmp_path):
    for edit_list in (True, False):
        path = tmp_path / f"{edit_list}.mp4"
        joining.join(parts("h264-web"), heard(AAC), film("mp4", edit_list=edit_list), path)
        assert (b"elst" in path.read_bytes()) is edit_list
        content = path.read_bytes()
        assert content.index(b"moov") < content.index(b"mdat")


def test_sound_that_needs_an_edit_list_is_refused_without(parts, heard, tmp_path):
    with pytest.raises(MediaError, match="starts before the picture"):
        joining.join(parts("h264-web"), heard(OPUS), film("mp4", edit_list=False), tmp_path / "film.mp4")


def test_what_a_container_cannot_hold_is_said_of_the_film(parts, heard, tmp_path):
    for extension, sound in (("webm", AAC), ("mov", FLAC)):
        with pytest.raises(MediaError, match="cannot be written"):
            joining.join(parts("vp9-web"), heard(sound), film(extension), tmp_path / f"film.{extension}")


@pytest.mark.parametrize(("name", "extension", "sound", "form"), [
    ("h264-web", "mp4", AAC, "mp4"), ("h264-web", "mov", AAC, "mp4"), ("vp9-web", "webm", OPUS, "vtt"),
    ("h264-web", "mkv", OPUS, "vtt"),
])  # fmt: skip
def test_captions_of_several_languages_go_in(parts, heard, make, tmp_path, name, extension, sound, form):
    text = tmp_path / "words.srt"
    text.write_text("1\n00:00:00,200 --> 00:00:00,900\nOne \u2013 \u00fc\n\n2\n00:00:01,000 --> 00:00:01,400\nTwo\n")
    kind = {"mp4": "mov_text", "vtt": "webvtt"}[form]
    path = make(f"captions.{form}", "-i", str(text), "-c:s", kind, "-fflags", "+bitexact")
    tracks = [joining.Captions(language=language, path=path) for language in ("en", "pt-BR", "de")]
    edit_list = extension != "mp4"
    films = [tmp_path / f"{number}.{extension}" for number in range(2)]
    for each in films:
        joining.join(parts(name), heard(sound), film(extension, captions=tracks, edit_list=edit_list), each)
    assert films[0].read_bytes() == films[1].read_bytes()
    tracks_are(films[0], timecode="", reel="", captions=3)
    with av.open(str(films[0])) as source:
        streams = source.streams.subtitles
        assert [stream.language for stream in streams] == ["eng", "por", "ger" if extension == "mov" else "deu"]
        assert [bool(stream.disposition & av.stream.Disposition.default) for stream in streams] == [True, False, False]
    argv = [str(find_ffmpeg(None)), "-v", "error", "-i", str(films[0]), "-map", "0:s:1", "-f", "srt", "-"]
    told = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    assert told.split("\n\n")[0] == "1\n00:00:00,200 --> 00:00:00,900\nOne \u2013 \u00fc"
    assert said(films[0]) == []


@pytest.mark.parametrize("layout", ["mono", "5.1"])
@pytest.mark.parametrize(("name", "extension", "sound"), [
    ("h264-web", "mp4", AAC), ("prores-422", "mov", PCM), ("av1-web", "mp4", OPUS), ("h264-web", "mkv", FLAC),
])  # fmt: skip
def test_a_layout_comes_through(parts, heard, tmp_path, name, extension, sound, layout):
    path = tmp_path / f"film.{extension}"
    joining.join(parts(name), heard(sound, layout=layout), film(extension), path)
    with av.open(str(path)) as source:
        assert source.streams.audio[0].layout.name.replace("(side)", "") == layout
    assert said(path) == []


@pytest.mark.parametrize(("one", "other", "word"), [
    ("dnxhr-sq", "dnxhr-hqx", "pixel format"), ("prores-422", "prores-master", "profile"), ("h264-web", "x", "parameters"),
    ("hevc-web", "h264-web", "codec"),
])  # fmt: skip
def test_chunks_of_two_profiles_are_refused(parts, tmp_path, one, other, word):
    mixed = [*parts(one)[:6], *parts(other)[6:]]
    with pytest.raises(MediaError, match="cannot be joined") as caught:
        joining.join(mixed, None, film("mov"), tmp_path / "film.mov")
    assert word in caught.value.cause


def test_a_chunk_that_does_not_start_on_a_key_frame_is_refused(parts, tmp_path):
    cut = tmp_path / "cut.mkv"
    with av.open(str(parts("h264-web")[0])) as source, av.open(str(cut), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0], opaque=True)
        for number, packet in enumerate(packet for packet in source.demux(source.streams.video[0]) if packet.size):
            if number:
                packet.stream = stream
                target.mux(packet)
    wanted = joining.Film(lengths=[8], rate=Fraction(24), size=SIZE, title="", identity="", muxer="mp4")
    with pytest.raises(MediaError, match="joined to what comes before"):
        joining.join([cut], None, wanted, tmp_path / "film.mp4")


@pytest.mark.parametrize(
    ("tag", "muxer", "code"),
    [("en", "mp4", "eng"), ("pt-BR", "mp4", "por"), ("de", "mov", "ger"), ("yue", "mp4", "yue"), ("qq", "mp4", "und")],
)
def test_languages_have_three_letters(tag, muxer, code):
    assert three_letters(tag, muxer) == code


def test_the_end_of_the_sound_is_counted_in_samples(parts, heard, tmp_path):
    path = tmp_path / "film.mov"
    joining.join(parts("prores-422"), heard(PCM), film("mov"), path)
    with av.open(str(path)) as source:
        assert source.streams.audio[0].duration == samples(FRAMES, Fraction(24))
