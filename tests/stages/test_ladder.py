"""Ladders: every rung is decoded from its own playlist, frame for frame, and begins its segments where the others do."""

import hashlib
import re
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree

import av
import numpy as np
import pytest

from shotbuild.errors import MediaError
from shotbuild.host import process
from shotbuild.host.packing import unpack
from shotbuild.host.tools import find_ffmpeg
from shotbuild.records import fields
from shotbuild.stages.ladder import Ladder

FRAMES, RATE = 100, "24"
SIZES = {"high": "96x54", "low": "64x36"}
CUES = "00:00.500 --> 00:01.500\nFirst\n\n00:01.600 --> 00:03.200\nAcross\n\nNOTE nothing\n\n00:04.000 --> 00:04.100\nLast\n"
VTT = f"WEBVTT\n\n{CUES}"
MPD = "{urn:mpeg:dash:schema:mpd:2011}"


@pytest.fixture
def rung(make):
    """A film of numbered greys, whose key frames stand every second and at frame 37, where a shot begins."""

    def made(size, keys="0,24,37,48,72,96", rate=RATE, frames=FRAMES, codec="libx264"):
        graph = f"nullsrc=s={size}:r={rate},geq=lum=16+2*N:cb=128:cr=128,format=yuv420p"
        times = ",".join(f"{float(int(key) / Fraction(rate)):.6f}" for key in keys.split(","))
        name = f"rung-{hashlib.sha256(f'{size}{keys}{rate}{frames}{codec}'.encode()).hexdigest()[:12]}.mp4"
        extra = ("-x264-params", "scenecut=0:open-gop=0") if codec == "libx264" else ()
        extra = (
            ("-x265-params", "scenecut=0:open-gop=0:info=0:log-level=none", "-tag:v", "hvc1")
            if codec == "libx265"
            else extra
        )
        options = ("-crf", "10", "-bf", "3", "-g", "240", "-force_key_frames", times, "-threads", "1")
        return make(name, "-f", "lavfi", "-i", graph, "-frames:v", str(frames), "-c:v", codec, *options, *extra)

    return made


@pytest.fixture
def sound(make):
    seconds = FRAMES / Fraction(RATE)
    graph = f"aevalsrc='sin(2*PI*440*t)*gte(t,1)|sin(2*PI*440*t)*gte(t,1)':s=48000:d={float(seconds):.6f}"
    return make("ladder-sound.m4a", "-f", "lavfi", "-i", graph, "-c:a", "aac", "-b:a", "96k")


@pytest.fixture
def laddered(run, tmp_path):
    def made(kind, rungs, sound=None, captions=None, seconds="2", title="A film", into="out"):
        inputs = {f"rung{index}": path for index, path in enumerate(rungs.values())}
        inputs |= ({"sound": sound} if sound else {}) | {f"captions-{name}": path for name, path in (captions or {}).items()}
        rows = tuple(fields(name=name) for name in rungs)
        folder = run(Ladder(), inputs, ("package.tar",), kind=kind, seconds=seconds, rows=rows, title=title)
        unpack(folder / "package.tar", tmp_path / into)
        return tmp_path / into

    return made


@pytest.fixture
def both(rung):
    return {name: rung(size) for name, size in SIZES.items()}


def decoded(playlist: Path, *more: str, before: tuple[str, ...] = ()) -> list[str]:
    """The digests of all frames, as ffmpeg plays them."""
    command = (str(find_ffmpeg(None)), "-nostdin", "-v", "warning", "-xerror", "-err_detect", "explode", *before)
    command += ("-i", str(playlist))
    out, warnings = process.run((*command, *more, "-f", "framemd5", "-"), cwd=playlist.parent)
    assert warnings == "", "ffmpeg has something to say"
    return [line.rpartition(",")[2].strip() for line in out.splitlines() if not line.startswith("#")]


def extinf(playlist: Path) -> list[Fraction]:
    return [Fraction(each) for each in re.findall(r"#EXTINF:([0-9.]+),", playlist.read_text())]


@pytest.mark.parametrize("name", ["high", "low"])
def test_every_rung_plays_from_its_playlist_frame_for_frame(laddered, both, sound, name):
    out = laddered("hls", both, sound)
    playlist = out / "video" / name / "playlist.m3u8"
    assert decoded(playlist) == decoded(both[name])
    with av.open(str(playlist)) as source:
        stream = source.streams.video[0]
        stamps = sorted(Fraction(frame.pts) * frame.time_base for frame in source.decode(stream))
    assert stamps == [n / Fraction(RATE) for n in range(FRAMES)]


def test_segments_begin_where_all_rungs_have_key_frames(laddered, both):
    out = laddered("hls", both)
    lengths = {name: extinf(out / "video" / name / "playlist.m3u8") for name in both}
    assert lengths["high"] == lengths["low"]
    bounds = [round(sum(lengths["high"][:count]) * 24) for count in range(len(lengths["high"]) + 1)]
    assert bounds == [0, 48, 96, 100]
    for name in both:
        folder = out / "video" / name
        for number, first in enumerate(bounds[:-1]):
            alone = out / f"{name}-{number}.mp4"
            alone.write_bytes((folder / "init.mp4").read_bytes() + (folder / f"{number:05d}.m4s").read_bytes())
            with av.open(str(alone)) as source:
                packets = [packet for packet in source.demux(source.streams.video[0]) if packet.size]
                assert packets[0].is_keyframe
                assert packets[0].pts * packets[0].time_base == Fraction(first, 24)
                assert len(packets) == bounds[number + 1] - first


def test_lengths_add_up_and_none_is_above_the_target(laddered, rung):
    ntsc = "24000/1001"
    out = laddered("hls", {"a": rung("64x36", rate=ntsc)}, seconds="1.2")
    playlist = out / "video" / "a" / "playlist.m3u8"
    exact = FRAMES / Fraction(ntsc)
    assert abs(sum(extinf(playlist)) - exact) <= Fraction(1, 1_000_000)
    target = int(re.search(r"TARGETDURATION:(\d+)", playlist.read_text())[1])
    assert all(round(length) <= target for length in extinf(playlist))


def test_picture_and_sound_begin_together(laddered, both, sound, pcm, lumas):
    out = laddered("hls", both, sound)
    for kind in ("video", "audio"):
        with av.open(str(out / "master.m3u8")) as source:
            frame = next(source.decode(**{kind: 0}))
            assert frame.pts == 0, "the first that is seen and heard, without what encoders need before it"
    heard, was = pcm(out / "sound" / "playlist.m3u8"), pcm(sound)
    assert np.argmax(np.abs(heard[:, 0]) > 0.2) == np.argmax(np.abs(was[:, 0]) > 0.2)
    assert np.array_equal(heard[: len(was)], was)
    assert len(heard) - len(was) < 1024
    assert abs(sum(extinf(out / "sound" / "playlist.m3u8")) - Fraction(FRAMES, 24)) < Fraction(1, 1000)


def test_the_master_says_what_was_measured(laddered, both, sound, tmp_path):
    (tmp_path / "en.vtt").write_text(VTT)
    out = laddered(
        "hls", both, sound, {"en": tmp_path / "en.vtt", "pt-BR": tmp_path / "en.vtt"}, title='A "film"\n#EXT-X-EVIL'
    )
    text = (out / "master.m3u8").read_text()
    lines = text.splitlines()
    assert lines[:3] == ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS"]
    assert lines[3] == """#EXT-X-SESSION-DATA:DATA-ID="com.apple.hls.title",VALUE="A 'film' #EXT-X-EVIL\""""
    assert 'LANGUAGE="pt-BR"' in text
    streams = [line for line in lines if line.startswith("#EXT-X-STREAM-INF")]
    assert len(streams) == 2
    assert re.search(r"RESOLUTION=96x54,FRAME-RATE=24\.000,AUDIO=\"sound\",SUBTITLES=\"captions\"", streams[0])
    assert re.search(r'CODECS="avc1\.64000a,mp4a\.40\.2"', streams[0])
    for name, stream in zip(both, streams, strict=True):
        segments = {
            track: [path.stat().st_size * 8 for path in sorted((out / track).glob("*.m4s"))]
            for track in (f"video/{name}", "sound")
        }
        mean = sum(sum(sizes) for sizes in segments.values()) / (FRAMES / 24)
        said = dict(re.findall(r"(AVERAGE-BANDWIDTH|(?<!-)BANDWIDTH)=(\d+)", stream))
        assert abs(int(said["AVERAGE-BANDWIDTH"]) - mean) < mean / 100
        assert int(said["BANDWIDTH"]) >= int(said["AVERAGE-BANDWIDTH"])
    for line in lines:
        assert line.startswith("#") or (out / line).is_file()
        assert all((out / each).is_file() for each in re.findall(r'URI="([^"]+)"', line))


def test_captions_are_cut_with_the_picture_and_nothing_is_lost(laddered, both, tmp_path):
    (tmp_path / "en.vtt").write_text(VTT)
    out = laddered("hls", both, captions={"en": tmp_path / "en.vtt"})
    folder = out / "captions" / "en"
    assert extinf(folder / "playlist.m3u8") == extinf(out / "video" / "high" / "playlist.m3u8")
    pieces = [(folder / f"{number:05d}.vtt").read_text() for number in range(3)]
    assert all(piece.startswith("WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000\n\n") for piece in pieces)
    assert [[word for word in ("First", "Across", "Last") if word in piece] for piece in pieces] == [
        ["First", "Across"],
        ["Across"],
        ["Last"],
    ]


def test_a_manifest_of_dash_plays_frame_for_frame(laddered, both, sound, tmp_path):
    (tmp_path / "en.vtt").write_text(VTT)
    out = laddered("dash", both, sound, {"en": tmp_path / "en.vtt"}, title="A <film> & more")
    for number, name in enumerate(both):
        played = decoded(out / "manifest.mpd", "-map", f"0:v:{number}", before=("-allowed_extensions", "ALL"))
        assert played == decoded(both[name])
    root = ElementTree.parse(out / "manifest.mpd").getroot()
    assert root.get("type") == "static"
    assert root.get("mediaPresentationDuration") == "PT4.166667S"
    assert root.find(f".//{MPD}Title").text == "A <film> & more"
    sets = root.findall(f".//{MPD}AdaptationSet")
    assert [each.get("contentType") for each in sets] == ["video", "audio", "text"]
    for each in sets[0]:
        for template in each.iter(f"{MPD}SegmentTemplate"):
            rows = [(int(s.get("t")), int(s.get("d")), int(s.get("r", "0")) + 1) for s in template.iter(f"{MPD}S")]
            assert sum(length * count for _, length, count in rows) == 100 * 1000
            assert rows == [(0, 48000, 2), (96000, 4000, 1)]
    assert (out / "captions" / "en.vtt").read_text() == VTT


@pytest.mark.parametrize("kind", ["hls", "dash"])
def test_the_same_bytes_twice(laddered, both, sound, kind):
    one, other = (laddered(kind, both, sound, into=into) for into in ("one", "other"))
    names = sorted(path.relative_to(one) for path in one.rglob("*") if path.is_file())
    assert names == sorted(path.relative_to(other) for path in other.rglob("*") if path.is_file())
    assert all((one / name).read_bytes() == (other / name).read_bytes() for name in names)


def test_a_rung_of_hevc_is_named_and_plays(laddered, rung):
    film = rung("64x36", codec="libx265")
    out = laddered("hls", {"a": film})
    assert re.search(r'CODECS="hvc1\.1\.6\.L\d+\.[0-9A-F.]+"', (out / "master.m3u8").read_text())
    assert b"hvc1" in (out / "video" / "a" / "init.mp4").read_bytes()
    assert decoded(out / "video" / "a" / "playlist.m3u8") == decoded(film)


@pytest.mark.parametrize("frames", [1, 2, 25])
def test_a_very_short_film_is_a_ladder_too(laddered, rung, frames):
    film = rung("64x36", keys="0", frames=frames)
    out = laddered("hls", {"a": film})
    assert decoded(out / "video" / "a" / "playlist.m3u8") == decoded(film)


def test_rungs_whose_key_frames_do_not_meet_are_refused(laddered, rung):
    rungs = {"a": rung("96x54"), "b": rung("64x36", keys="0,20,36,60,84")}
    with pytest.raises(MediaError, match="do not have their key frames together") as caught:
        laddered("hls", rungs)
    assert caught.value.hint is not None
    assert "scenecut" in caught.value.hint


def test_rungs_of_other_lengths_are_refused(laddered, rung):
    with pytest.raises(MediaError, match="b is not as long as a"):
        laddered("hls", {"a": rung("96x54"), "b": rung("64x36", frames=99)})


@pytest.mark.parametrize("name", ["../up", "", "a/b", "a b", "x" * 65])
def test_a_rung_needs_a_plain_name(laddered, rung, name):
    with pytest.raises(MediaError, match="need a name each"):
        laddered("hls", {name: rung("96x54")})


def test_captions_need_a_language(laddered, rung, tmp_path):
    (tmp_path / "en.vtt").write_text(VTT)
    with pytest.raises(MediaError, match="is no language"):
        laddered("hls", {"a": rung("96x54")}, captions={'en",URI="x': tmp_path / "en.vtt"})


def test_a_size_that_the_rung_has_not_is_refused(run, rung):
    row = fields(name="a", size="1920x1080")
    with pytest.raises(MediaError, match="a is 96x54"):
        run(Ladder(), {"rung0": rung("96x54")}, ("package.tar",), kind="hls", seconds="6", rows=(row,), title="")
