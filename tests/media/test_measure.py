"""What is measured of real files, held against what ffmpeg was told to make; and each constraint broken on purpose."""

import json
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import pytest

from shotbuild.errors import MediaError
from shotbuild.host.packing import pack
from shotbuild.media.boxes import boxes_of
from shotbuild.media.judge import judge, read
from shotbuild.media.measure import measure
from shotbuild.media.rules import RULES
from shotbuild.records import Fields, Value, fields
from shotbuild.spec.constraints import ALWAYS, MUST

Make = Callable[..., Path]
FRAMES, RATE = 48, Fraction(24)
TAGS = ("-color_primaries", "bt709", "-color_trc", "bt709", "-colorspace", "bt709", "-color_range", "tv")
TAGGED = "setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv"
MOVING = f"testsrc2=s=160x90:r=24:d=2,format=yuv420p,{TAGGED}"
TONE = "sine=f=997:d=2:r=48000,volume=4dB,pan=stereo|c0=c0|c1=c0"
X264 = ("-c:v", "libx264", "-profile:v", "high", "-g", "12", "-bf", "2", "-sc_threshold", "0", "-crf", "30", *TAGS)
AAC = ("-c:a", "aac", "-b:a", "128k", "-ar", "48000")
WRAP = ("-movflags", "+faststart+negative_cts_offsets", "-use_editlist", "0", "-timecode", "01:00:00:00")
KEPT: dict[str, Value] = {
    "container": "mp4 mov",
    "max_bytes": 200_000,
    "moov_first": True,
    "edit_list": False,
    "timecode": "01:00:00:00",
    "min_duration": "2",
    "max_duration": "2.1",
    "codec": "h264 hevc",
    "profile": "high main10",
    "level": "4.2",
    "size": "160x90",
    "most_size": "90x160",
    "aspect": "16:9",
    "rate": "24 25",
    "pixels": "yuv420p",
    "color": "bt709",
    "range": "tv",
    "scan": "progressive",
    "gop": "0.5",
    "b_frames": 2,
    "max_bitrate": 800,
    "mean_bitrate": 800,
    "min_bitrate": 10,
    "black_head": "0.1",
    "black_tail": "0.1",
    "sound_codec": "aac",
    "layout": "stereo",
    "sample_rate": 48000,
    "loudness": "-14",
    "loudness_tolerance": "0.5",
    "loudness_range": "10",
    "true_peak": "-10",
    "sync": 30,
}


def made(
    make: Make,
    name: str,
    picture: str = MOVING,
    sound: str = TONE,
    video: Sequence[str] = X264,
    audio: Sequence[str] = AAC,
    wrap: Sequence[str] = WRAP,
) -> Path:
    sources = ("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound)
    return make(name, *sources, *video, *audio, *wrap)


def facts(path: Path, folder: Path, *, frames: int = FRAMES, rate: Fraction = RATE, cuts: Sequence[int] = ()) -> Fields:
    extension = path.suffix.removeprefix(".")
    return read(measure(path, folder, frames=frames, rate=rate, cuts=cuts, extension=extension).encode())


def film(measured: Fields, part: str) -> Fields:
    found = measured.rows("films")[0].get(part)
    assert isinstance(found, Fields)
    return found


def failing(measured: Fields, **must: Value) -> set[str]:
    verdicts, _ = judge(measured, fields(**must), Fields())
    return {verdict.name for verdict in verdicts if verdict.fails}


@pytest.fixture(scope="session")
def good(make: Make, tmp_path_factory: pytest.TempPathFactory) -> Fields:
    return facts(made(make, "good.mp4"), tmp_path_factory.mktemp("good"), cuts=(0, 24, 30))


def test_a_film_that_keeps_every_constraint_fails_none(good: Fields) -> None:
    assert set(KEPT) == set(MUST)
    assert failing(good, **KEPT) == set()


FADED = f"{MOVING},fade=in:6:6:color=black,fade=out:36:6:color=black"


def _with(options: Sequence[str], **changed: str) -> tuple[str, ...]:
    """Some options with other values."""
    words = list(options)
    for name, value in changed.items():
        words[words.index(f"-{name.replace('__', ':')}") + 1] = value
    return tuple(words)


BROKEN: dict[str, tuple[str, dict[str, object]]] = {
    "container": ("x.mkv", {"wrap": ()}),
    "max_bytes": ("x.mp4", {"picture": f"{MOVING},noise=alls=80:allf=t", "video": _with(X264, crf="1")}),
    "moov_first": ("x.mp4", {"wrap": ("-use_editlist", "0")}),
    "edit_list": ("x.mp4", {"wrap": ("-movflags", "+faststart")}),
    "timecode": ("x.mp4", {"wrap": _with(WRAP, timecode="10:00:00:00")}),
    "min_duration": ("x.mp4", {"wrap": (*WRAP, "-t", "1")}),
    "max_duration": ("x.mp4", {"picture": MOVING.replace("d=2", "d=3"), "sound": TONE.replace("d=2", "d=3")}),
    "codec": ("x.mp4", {"video": ("-c:v", "mpeg4", *TAGS)}),
    "profile": ("x.mp4", {"video": (*_with(X264, profile__v="main"), "-x264-params", "8x8dct=0")}),
    "level": ("x.mp4", {"video": (*X264, "-level:v", "5.1")}),
    "size": ("x.mp4", {"picture": MOVING.replace("160x90", "160x96")}),
    "most_size": ("x.mp4", {"picture": MOVING.replace("160x90", "192x90")}),
    "aspect": ("x.mp4", {"picture": MOVING.replace("160x90", "128x90")}),
    "rate": ("x.mp4", {"picture": MOVING.replace("r=24", "r=30")}),
    "pixels": ("x.mp4", {"picture": MOVING.replace("yuv420p", "yuv422p"), "video": _with(X264, profile__v="high422")}),
    "color": (
        "x.mp4",
        {"picture": MOVING.replace("primaries=bt709", "primaries=bt470bg"), "video": _with(X264, color_primaries="bt470bg")},
    ),
    "range": ("x.mp4", {"video": _with(X264, color_range="pc"), "picture": MOVING.replace("range=tv", "range=pc")}),
    "scan": ("x.mp4", {"picture": f"{MOVING},pad=160:96,setfield=tff", "video": (*X264, "-flags", "+ildct+ilme")}),
    "gop": ("x.mp4", {"video": _with(X264, g="18")}),
    "b_frames": ("x.mp4", {"video": (*_with(X264, bf="5"), "-b_strategy", "0")}),
    "max_bitrate": ("x.mp4", {"picture": f"{MOVING},noise=alls=80:allf=t:enable='gt(t,1)'", "video": _with(X264, crf="20")}),
    "mean_bitrate": ("x.mp4", {"picture": f"{MOVING},noise=alls=80:allf=t", "video": _with(X264, crf="10")}),
    "min_bitrate": ("x.mp4", {"picture": "color=gray:s=160x90:r=24:d=2,format=yuv420p"}),
    "black_head": ("x.mp4", {"picture": FADED}),
    "black_tail": ("x.mp4", {"picture": FADED}),
    "sound_codec": ("x.mp4", {"audio": ("-c:a", "libmp3lame")}),
    "layout": ("x.mp4", {"sound": TONE.replace("stereo|c0=c0|c1=c0", "mono|c0=c0")}),
    "sample_rate": ("x.mp4", {"audio": _with(AAC, ar="44100")}),
    "loudness": ("x.mp4", {"sound": TONE.replace("4dB", "2dB")}),
    "loudness_range": (
        "x.mp4",
        {
            "picture": MOVING.replace("d=2", "d=12"),
            "sound": "sine=d=12:r=48000,volume='if(lt(t,6),1,0.15)':eval=frame,pan=stereo|c0=c0|c1=c0",
        },
    ),
    "true_peak": ("x.mp4", {"sound": f"{TONE},volume='if(gt(t,1.97),8,1)':eval=frame"}),
    "sync": ("x.mp4", {"sound": TONE.replace("d=2", "d=1.9")}),
}


def test_every_constraint_is_broken_once() -> None:
    assert set(BROKEN) == set(RULES) == set(MUST) - {"loudness_tolerance"}
    assert set(ALWAYS) == {"frames", "bandwidth"}


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_a_constraint_that_is_broken_on_purpose_is_caught(make: Make, tmp_path: Path, name: str) -> None:
    file, changed = BROKEN[name]
    path = made(make, f"{name}-{file}", **changed)  # type: ignore[arg-type]
    assert name in failing(facts(path, tmp_path), **KEPT)


def test_a_film_of_another_length_than_planned_fails(good: Fields, make: Make, tmp_path: Path) -> None:
    assert failing(facts(made(make, "good.mp4"), tmp_path, frames=47)) == {"frames"}


def test_key_frames_and_cuts_without_one_are_told(good: Fields) -> None:
    picture = film(good, "picture")
    assert (picture.integer("key_frames"), picture.integer("gop_frames")) == (4, 12)
    assert picture.get("cuts_without_key") == (30,)


def test_black_is_counted_to_the_frame(make: Make, tmp_path: Path) -> None:
    black = "color=black:s=160x90:r=24:d={},format=yuv420p[{}]"
    graph = f"{black.format('0.25', 'a')};{MOVING}[b];{black.format('1.5', 'c')};[a][b][c]concat=n=3[out0]"
    picture = film(facts(made(make, "black.mp4", picture=graph), tmp_path), "picture")
    assert (picture.text("black_head"), picture.text("black_tail")) == ("0.250000", "1.500000")


def test_a_film_that_is_all_black_is_black_at_both_ends(make: Make, tmp_path: Path) -> None:
    path = made(make, "all-black.mp4", picture="color=black:s=160x90:r=24:d=2,format=yuv420p")
    picture = film(facts(path, tmp_path), "picture")
    assert (picture.text("black_head"), picture.text("black_tail")) == ("2.000000", "2.000000")


def test_a_peak_in_the_last_milliseconds_is_not_missed(make: Make, tmp_path: Path) -> None:
    loud = "sine=f=997:d=2.05:r=48000,volume='if(gt(t,2.01),8,1)':eval=frame"
    path = make("late.wav", "-f", "lavfi", "-i", loud, "-c:a", "pcm_s24le")
    assert film(facts(path, tmp_path), "sound").text("true_peak") == "0.0"


def test_silence_has_no_loudness_and_fails_it(make: Make, tmp_path: Path) -> None:
    measured = facts(made(make, "hushed.mp4", sound="anullsrc=d=2:r=48000"), tmp_path)
    verdicts, _ = judge(measured, fields(loudness="-14", true_peak="-1"), Fields())
    told = {verdict.name: verdict.measured for verdict in verdicts}
    assert failing(measured, loudness="-14", true_peak="-1") == {"loudness"}
    assert told["loudness"] == "not measured: nothing in it is above -70 LUFS: it is silent"


CODECS = {
    "hevc.mp4": (("-c:v", "libx265", "-pix_fmt", "yuv420p10le", "-x265-params", "log-level=error"), "hevc", "main10", "1.0"),
    "prores.mov": (("-c:v", "prores_ks", "-profile:v", "3", "-pix_fmt", "yuv422p10le"), "prores", "hq", ""),
    "xq.mov": (("-c:v", "prores_ks", "-profile:v", "5", "-pix_fmt", "yuv444p10le"), "prores", "4444xq", ""),
    "vp9.webm": (("-c:v", "libvpx-vp9", "-cpu-used", "8"), "vp9", "profile0", ""),
    "mpeg2.mxf": (("-c:v", "mpeg2video", "-pix_fmt", "yuv422p", "-profile:v", "0", "-level:v", "2"), "mpeg2", "422", "high"),
    "av1.mp4": (("-c:v", "libsvtav1", "-preset", "10", "-svtav1-params", "lp=1"), "av1", "main", "2.0"),
}


@pytest.mark.parametrize("name", sorted(CODECS))
def test_codecs_have_the_names_that_people_write(make: Make, tmp_path: Path, name: str) -> None:
    options, codec, profile, level = CODECS[name]
    audio = ("-c:a", "libopus") if name.endswith("webm") else ("-c:a", "pcm_s16le" if name.endswith("mxf") else "aac")
    path = made(make, f"codec-{name}", video=options, audio=audio, wrap=("-frames:v", "12", "-t", "0.5"))
    measured = facts(path, tmp_path, frames=12)
    picture = film(measured, "picture")
    assert (picture.text("codec"), picture.text("profile"), picture.text("level")) == (codec, profile, level)
    assert picture.integer("frames") == 12
    assert measured.rows("films")[0].text("container") == name.partition(".")[2]


def test_the_reel_of_a_mov_is_read(make: Make, tmp_path: Path) -> None:
    wrap = ("-timecode", "01:00:00:00", "-metadata:s:v", "reel_name=A001")
    found = facts(made(make, "reel.mov", wrap=wrap), tmp_path).rows("films")[0]
    assert (found.text("reel"), found.text("timecode"), found.text("container")) == ("A001", "01:00:00:00", "mov")


def test_tracks_of_captions_are_told_with_their_languages(make: Make, tmp_path: Path) -> None:
    words = tmp_path / "words.srt"
    words.write_text("1\n00:00:00,000 --> 00:00:01,000\nLight\n")
    sources = ("-f", "lavfi", "-i", MOVING, "-i", str(words))
    path = make("captioned.mp4", *sources, *X264, "-c:s", "mov_text", "-metadata:s:s:0", "language=ger")
    captions = facts(path, tmp_path).rows("films")[0].rows("captions")
    assert [(each.text("language"), each.text("codec")) for each in captions] == [("ger", "mov_text")]


@pytest.mark.parametrize(("name", "options"), [("a.gif", ()), ("a.webp", ("-c:v", "libwebp_anim"))])
def test_animations_have_frames_a_rate_and_a_size(make: Make, tmp_path: Path, name: str, options: Sequence[str]) -> None:
    path = make(f"animated-{name}", "-f", "lavfi", "-i", "testsrc2=s=160x90:r=10:d=1", *options)
    measured = facts(path, tmp_path, frames=10, rate=Fraction(10))
    assert failing(measured, size="160x90", rate="10", container=name.partition(".")[2]) == set()


def test_a_still_picture_has_one_frame_and_its_size(make: Make, tmp_path: Path) -> None:
    path = make("poster.png", "-f", "lavfi", "-i", "testsrc2=s=160x90:r=10:d=1", "-frames:v", "1")
    measured = facts(path, tmp_path, frames=1)
    assert failing(measured, size="160x90", codec="png", container="png") == set()
    assert failing(measured, loudness="-14", gop="1") == {"loudness"}


def test_the_same_file_gives_the_same_text(make: Make, tmp_path: Path) -> None:
    path = made(make, "good.mp4")
    texts = {measure(path, tmp_path, frames=FRAMES, rate=RATE, cuts=(), extension="mp4") for _ in range(2)}
    assert len(texts) == 1
    assert '"name": ""' in texts.pop()


def test_a_file_that_was_cut_off_is_refused(make: Make, tmp_path: Path) -> None:
    path = tmp_path / "half.mp4"
    path.write_bytes(made(make, "good.mp4").read_bytes()[:4000])
    with pytest.raises(MediaError):
        facts(path, tmp_path)


def test_boxes_say_what_stands_first(make: Make) -> None:
    boxes = boxes_of(made(make, "good.mp4"))
    assert (boxes.moov_first, boxes.edits) == (True, ())


# --- packages ------------------------------------------------------------------------------------------------------------


def packed(folder: Path, target: Path) -> Path:
    pack(folder, target)
    return target


def ladder(make: Make, folder: Path, declared: int) -> Path:
    """One rung and its sound as fMP4, with playlists that declare some bandwidth."""
    for name, options in (("video/low", ("-an", *X264)), ("sound", ("-vn", *AAC))):
        (folder / name).mkdir(parents=True)
        made(make, f"{name.replace('/', '-')}.mp4", wrap=("-t", "2"))
        hls = ("-f", "hls", "-hls_time", "1", "-hls_segment_type", "fmp4", "-hls_playlist_type", "vod")
        plain = ("-hls_segment_filename", str(folder / name / "%05d.m4s"), "-hls_fmp4_init_filename", "init.mp4")
        source = make(
            "source.mkv", "-f", "lavfi", "-i", MOVING, "-f", "lavfi", "-i", TONE, "-c:v", "ffv1", "-c:a", "pcm_s16le"
        )
        target = folder / name / "index.m3u8"
        target.write_bytes(make(str(target), "-i", str(source), *options, *hls, *plain).read_bytes())
    group = '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="s",NAME="s",URI="sound/index.m3u8"\n'
    rung = f'#EXT-X-STREAM-INF:BANDWIDTH={declared},RESOLUTION=160x90,AUDIO="s"\nvideo/low/index.m3u8\n'
    (folder / "master.m3u8").write_text(f"#EXTM3U\n{group}{rung}")
    return folder


def test_a_ladder_is_measured_rung_by_rung(make: Make, tmp_path: Path) -> None:
    package = packed(ladder(make, tmp_path / "hls", 5_000_000), tmp_path / "hls.tar")
    measured = facts(package, tmp_path)
    kept: dict[str, Value] = {"container": "hls", "codec": "h264", "size": "160x90", "gop": "0.5", "layout": "stereo"}
    assert failing(measured, **kept, loudness="-14", sync=100) == set()
    assert failing(measured, size="320x180", codec="hevc", sample_rate=44100) == {"size", "codec", "sample_rate"}


def test_a_ladder_that_declares_too_little_fails(make: Make, tmp_path: Path) -> None:
    package = packed(ladder(make, tmp_path / "hls", 100_000), tmp_path / "hls.tar")
    assert failing(facts(package, tmp_path)) == {"bandwidth"}


def test_numbered_pictures_are_counted_and_gaps_told(make: Make, tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    make(str(folder / "%04d.png"), "-f", "lavfi", "-i", MOVING, "-frames:v", "4", "-start_number", "1001")
    measured = facts(packed(folder, tmp_path / "frames.tar"), tmp_path, frames=4)
    assert failing(measured, container="frames", codec="png", size="160x90") == set()
    (folder / "1002.png").unlink()
    assert failing(facts(packed(folder, tmp_path / "gap.tar"), tmp_path, frames=4)) == {"frames"}


@pytest.mark.parametrize(("ending", "pixels"), [("exr", "gbrpf32le"), ("dpx", "gbrp10le")])
def test_pictures_for_compositing_have_their_size(make: Make, tmp_path: Path, ending: str, pixels: str) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    make(str(folder / f"%04d.{ending}"), "-f", "lavfi", "-i", MOVING, "-frames:v", "2", "-pix_fmt", pixels)
    measured = facts(packed(folder, tmp_path / "frames.tar"), tmp_path, frames=2)
    assert failing(measured, codec=ending, size="160x90") == set()
    assert failing(measured, size="160x96") == {"size"}


def test_every_stem_has_to_keep_what_is_asked(make: Make, tmp_path: Path) -> None:
    folder = tmp_path / "stems"
    folder.mkdir()
    for name, rate in (("dialogue", "48000"), ("music", "44100")):
        source = make(f"{name}.wav", "-f", "lavfi", "-i", TONE, "-ar", rate, "-c:a", "pcm_s24le")
        (folder / f"{name}.wav").write_bytes(source.read_bytes())
    measured = facts(packed(folder, tmp_path / "stems.tar"), tmp_path)
    assert failing(measured, sound_codec="pcm_s24le", layout="stereo") == set()
    verdicts, _ = judge(measured, fields(sample_rate=48000), Fields())
    assert {each.name: each.measured for each in verdicts}["sample_rate"] == "44100"
    assert (
        len(json.loads(measure(tmp_path / "stems.tar", tmp_path, frames=48, rate=RATE, cuts=(), extension="tar"))["films"])
        == 2
    )


@pytest.mark.parametrize("frames", [1, 2])
def test_a_film_of_a_frame_or_two_is_measured(make: Make, tmp_path: Path, frames: int) -> None:
    path = made(make, f"short-{frames}.mp4", wrap=(*WRAP, "-frames:v", str(frames), "-t", f"{frames / 24:.6f}"))
    measured = facts(path, tmp_path, frames=frames)
    assert failing(measured, size="160x90", gop="0.5", b_frames=2, max_bitrate=800, loudness="-14", loudness_range="5") == {
        "loudness"
    }
