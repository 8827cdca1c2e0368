from fractions import Fraction
from pathlib import Path

import pytest

from shotbuild.errors import MediaError
from shotbuild.media.probe import footage, probe, probe_sound

PICTURE = ("-f", "lavfi", "-i", "testsrc2=s=64x36:r=24:d=1")
H264 = ("-c:v", "libx264", "-pix_fmt", "yuv420p", "-preset", "ultrafast")


def test_a_plain_clip_is_told_exactly(clip):
    found = probe(clip)
    assert (found.container, found.video.codec, found.video.frames) == ("mov", "h264", 24)
    assert (found.video.rate, found.video.constant_rate, found.video.seconds) == (24, True, 1)
    assert (found.sound.codec, found.sound.rate, found.sound.channels, found.sound.start) == ("aac", 44100, 1, 0)
    assert found.sound.seconds == 1


def test_a_small_file_is_probed_once_for_its_bytes(make, tmp_path):
    small = make("probe-small.mp4", *PICTURE, "-frames:v", "2", *H264)
    copy = tmp_path / "copy"
    copy.write_bytes(small.read_bytes())
    assert probe(copy).video is probe(small).video
    copy.write_bytes(make("probe-three.mp4", *PICTURE, "-frames:v", "3", *H264).read_bytes())
    assert probe(copy).video.frames == 3


def test_what_is_wrong_with_a_small_file_is_said_under_each_of_its_names(tmp_path):
    for name in ("first", "second"):
        (tmp_path / name).write_text("no video")
        with pytest.raises(MediaError, match=name):
            probe(tmp_path / name)


def test_footage_is_exact_seconds_of_the_picture(clip, make):
    assert footage(clip).seconds == 1
    assert footage(clip).sound
    silent = make("ntsc.mkv", "-f", "lavfi", "-i", "testsrc2=s=64x36:r=24000/1001", "-frames:v", "10", *H264)
    assert footage(silent).seconds == Fraction(10 * 1001, 24000)
    assert not footage(silent).sound


def test_a_still_lasts_no_time_of_its_own(make):
    plate = make("probe-plate.png", *PICTURE, "-frames:v", "1")
    assert probe(plate).video.still
    assert footage(plate).seconds == 0


def test_a_webm_with_millisecond_stamps_has_a_constant_rate(make):
    webm = make("ms.webm", *PICTURE, "-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8")
    assert (probe(webm).video.rate, probe(webm).video.constant_rate) == (24, True)


def test_a_variable_rate_is_seen(make):
    graph = ("-vf", "select='not(mod(n,3))+not(mod(n,5))'", "-fps_mode", "vfr")
    varied = make("vfr.mp4", *PICTURE, *graph, *H264)
    assert not probe(varied).video.constant_rate


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_a_truncated_file_is_refused(clip, make, tmp_path, suffix):
    whole = clip if suffix == "mp4" else make("whole.mkv", "-i", str(clip), "-c", "copy")
    cut = tmp_path / f"cut.{suffix}"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    with pytest.raises(MediaError, match="cut off or damaged") as caught:
        probe(cut)
    assert "header says" in caught.value.cause
    assert caught.value.hint


def test_a_file_without_its_index_is_refused(make, tmp_path):
    whole = make("moov-last.mp4", *PICTURE, *H264)
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole.read_bytes()[:3000])
    with pytest.raises(MediaError, match="cannot be read as mov"):
        probe(cut)


def test_sound_alone_is_no_picture_but_is_sound(make):
    tone = make("tone.wav", "-f", "lavfi", "-i", "sine=r=44100:d=0.5")
    with pytest.raises(MediaError, match="has no picture") as caught:
        probe(tone)
    assert "sound only" in caught.value.cause
    assert probe_sound(tone).seconds == Fraction(1, 2)


def test_a_cover_picture_is_no_video(make):
    art = make("art.png", *PICTURE, "-frames:v", "1")
    sources = ("-f", "lavfi", "-i", "sine=d=0.2", "-i", str(art))
    song = make("song.m4a", *sources, "-map", "0", "-map", "1", "-c:v", "copy", "-disposition:v:0", "attached_pic")
    with pytest.raises(MediaError, match="has no picture"):
        probe(song)


def test_a_clip_without_sound_has_none(make):
    with pytest.raises(MediaError, match="has no sound"):
        probe_sound(make("silent.mp4", *PICTURE, *H264))


@pytest.mark.parametrize("content", [b"", b"just words\n" * 50, b"\x00" * 4000, b"\xff" * 40])
def test_what_is_no_media_is_refused(tmp_path, content):
    path = tmp_path / "harbour.mov"
    path.write_bytes(content)
    with pytest.raises(MediaError) as caught:
        probe(path)
    assert "harbour.mov" in caught.value.message


def test_a_missing_file_is_refused(tmp_path: Path):
    with pytest.raises(MediaError, match="cannot be read"):
        probe(tmp_path / "gone.mov")


def test_a_video_track_without_frames_is_refused(make):
    empty = make("empty.mp4", *PICTURE, *H264, "-frames:v", "0")
    with pytest.raises(MediaError):
        probe(empty)


def test_the_picture_starts_where_its_first_frame_is(make):
    late = make("late.mkv", *PICTURE, "-vf", "setpts=PTS+1.5/TB", *H264)
    assert probe(late).video.start == Fraction(3, 2)
    assert probe(late).video.seconds == 1


def test_rotation_aspect_depth_and_colour_are_read(make, clip):
    turned = make("turned.mp4", "-display_rotation", "90", "-i", str(clip), "-c", "copy")
    assert (probe(turned).video.width, probe(turned).video.height) == (36, 64)
    tags = "setsar=4/3,setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv"
    wide = make("wide.mov", *PICTURE, "-vf", tags, "-c:v", "prores_ks", "-pix_fmt", "yuv422p10le")
    look = probe(wide).video.look
    assert (look.sar, look.depth, look.pixels, look.is_bt709) == ((4, 3), 10, "yuv422p10le", True)


def test_interlace_is_seen(make):
    fields = ("-vf", "setfield=tff", "-c:v", "libx264", "-flags", "+ilme+ildct", "-pix_fmt", "yuv420p")
    assert probe(make("fields.mp4", *PICTURE, *fields)).video.look.interlaced
