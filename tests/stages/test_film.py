"""Conformed clips → chunks → joined film: the right frame at every place, sound and picture together, the same bytes."""

import hashlib
from fractions import Fraction

import av
import numpy as np
import pytest

from shotbuild.errors import MediaError
from shotbuild.host import process
from shotbuild.host.tools import find_ffmpeg
from shotbuild.media import joining
from shotbuild.media.identity import LONGEST, identity_text, read_identity
from shotbuild.media.probe import probe, streams
from shotbuild.media.profiles import PROFILES
from shotbuild.records import Fields, fields
from shotbuild.stages.conform import Conform
from shotbuild.stages.encode import Encode
from shotbuild.stages.join import Join
from shotbuild.stages.mix import Mix
from shotbuild.stages.sound import Sound
from shotbuild.units import Size, samples

WEB, MASTER = PROFILES["h264-web"], PROFILES["prores-422-hq"]
ROW = {"at": 0, "start": 0, "length": -1, "gain": "0", "fade_in": 0, "fade_out": 0}


@pytest.fixture
def conformed(run, numbered):
    def made(frames, rate="24"):
        parameters = {"frames": frames, "size": "64x36", "rate": rate, "color": "bt709", "pixels": "yuv420p"}
        out = run(Conform(), {"source": numbered(frames, rate)}, ("video.mkv",), **parameters, fit="pad", sound=False)
        return out / "video.mkv"

    return made


@pytest.fixture
def encode(run):
    def made(a, start, frames, profile=WEB, b=None, start_b=None, rate="24", out_size="64x36", burn_in=None, reframe="pad"):
        name = f"chunk.{profile.video.text('extension')}"
        inputs = {"a": a} | ({"b": b} if b else {})
        return (
            run(
                Encode(),
                inputs,
                (name,),
                start_a=start,
                start_b=start_b,
                frames=frames,
                transition="dissolve" if b else "",
                rate=rate,
                size="64x36",
                out_size=out_size,
                reframe=reframe,
                video=profile.video,
                burn_in=burn_in,
            )
            / name
        )

    return made


@pytest.fixture
def join(run):
    def made(chunks, lengths, profile=WEB, sound=None, rate="24", size="64x36", title="Film", **more):
        inputs = {f"segment{index:05d}": path for index, path in enumerate(chunks)}
        name = f"film.{profile.extension}"
        return (
            run(
                Join(),
                inputs | ({"sound": sound} if sound else {}),
                (name,),
                frames=sum(lengths),
                lengths=tuple(lengths),
                rate=rate,
                size=size,
                title=title,
                video=profile.video,
                **more,
            )
            / name
        )

    return made


@pytest.fixture
def soundtrack(run, make):
    def made(frames, profile=WEB, rate="24"):
        tone = make("long-tone.wav", "-f", "lavfi", "-i", "sine=r=48000:d=5")
        mixed = run(Mix(), {"t": tone}, ("mix.wav",), rate=rate, frames=frames, tracks=(fields(input="t", **ROW),))
        name = f"sound.{profile.sound.text('extension')}"
        return run(Sound(), {"mix": mixed / "mix.wav"}, (name,), sound=profile.sound) / name

    return made


@pytest.mark.parametrize(("profile", "slack"), [(WEB, 1.5), (MASTER, 0.5)])
@pytest.mark.parametrize("rate", ["24", "24000/1001", "25"])
def test_every_frame_is_in_its_place(conformed, encode, join, soundtrack, lumas, profile, slack, rate):
    a, b = conformed(48, rate), conformed(40, rate)
    depth = 4 if profile is MASTER else 1
    chunks = [
        encode(a, 5, 20, profile, rate=rate),
        encode(a, 25, 8, profile, b=b, start_b=3, rate=rate),
        encode(b, 11, 1, profile, rate=rate),
        encode(b, 12, 2, profile, rate=rate),
        encode(b, 14, 17, profile, rate=rate),
    ]
    film = join(chunks, [20, 8, 1, 2, 17], profile, soundtrack(48, profile, rate), rate)
    cross = [(1 - w) * (25 + n) + w * (3 + n) for n in range(8) for w in [(n + 1) / 9]]
    wanted = [*range(5, 25), *cross, *range(11, 31)]
    found = [(luma / depth - 16) / 4 for luma in lumas(film)]
    assert len(found) == 48
    assert found == pytest.approx(wanted, abs=slack / 4 + 0.15)


def test_stamps_rise_evenly_and_seeking_hits_the_frame(conformed, encode, join, soundtrack):
    a = conformed(48)
    film = join([encode(a, 0, 23), encode(a, 23, 3), encode(a, 26, 22)], [23, 3, 22], sound=soundtrack(48))
    with av.open(str(film)) as source:
        packets = [packet for packet in source.demux(source.streams.video[0]) if packet.size]
        base = source.streams.video[0].time_base
    assert sorted(packet.pts * base for packet in packets) == [Fraction(n, 24) for n in range(48)]
    decode = [packet.dts for packet in packets]
    assert decode == sorted(set(decode))
    assert all(packet.dts <= packet.pts for packet in packets)
    for first in (0, 23, 26):
        with av.open(str(film)) as source:
            stream = source.streams.video[0]
            source.seek(int(Fraction(first, 24) / stream.time_base), stream=stream)
            frame = next(source.decode(stream))
        assert frame.pts * frame.time_base == Fraction(first, 24)
        assert abs((int(frame.to_ndarray()[18, 32]) - 16) / 4 - first) < 0.5


@pytest.mark.parametrize("lengths", [[1], [1, 1, 1], [2, 3, 1, 2], [3, 40]])
def test_very_short_chunks_lose_nothing(conformed, encode, join, soundtrack, lumas, lengths):
    a, start, chunks = conformed(48), 0, []
    for length in lengths:
        chunks.append(encode(a, start, length))
        start += length
    film = join(chunks, lengths, sound=soundtrack(start))
    assert [round((luma - 16) / 4) for luma in lumas(film)] == list(range(start))


@pytest.mark.parametrize("profile", [WEB, MASTER])
@pytest.mark.parametrize("frames", [1, 24, 31, 47])
def test_picture_and_sound_end_together(conformed, encode, join, soundtrack, profile, frames):
    rate = "30000/1001"
    film = join(
        [encode(conformed(47, rate), 0, frames, profile, rate=rate)],
        [frames],
        profile,
        soundtrack(frames, profile, rate),
        rate,
    )
    found = probe(film)
    assert found.video.start == found.sound.start == 0
    assert abs(found.sound.seconds - found.video.seconds) <= Fraction(1, 48000)
    assert abs(found.sound.seconds * 48000 - samples(frames, Fraction(rate))) <= 1


def test_moov_comes_first_and_nothing_names_the_encoder(conformed, encode, join, soundtrack):
    title = "It's 10:30, 50% [ok]; a\\b \u2013 \u00fc"
    film = join([encode(conformed(24), 0, 24)], [24], sound=soundtrack(24), title=title)
    content = film.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")
    assert b"Lavf" not in content
    with av.open(str(film)) as source:
        assert source.metadata["title"] == title
        assert "creation_time" not in source.metadata


def test_two_runs_give_the_same_bytes(conformed, encode, join, soundtrack):
    for profile in (WEB, MASTER):
        films = []
        for _ in range(2):
            a = conformed(30)
            burn_in = fields(label="sh010", start=100)
            chunks = [encode(a, 0, 20, profile), encode(a, 20, 10, profile, b=a, start_b=0, burn_in=burn_in)]
            films.append(join(chunks, [20, 10], profile, soundtrack(30, profile)).read_bytes())
        assert films[0] == films[1]


def cited(shots):
    return Fields(
        tuple((f"sh{number:04d}.v2_final-cut", hashlib.sha256(b"%d" % number).hexdigest()) for number in range(shots))
    )


def read_back(path):
    """The comment and title of a file as PyAV reads them, and its comment as ffmpeg does."""
    with av.open(str(path)) as source:
        seen = {name.lower(): text for name, text in source.metadata.items()}
    told, _ = process.run([str(find_ffmpeg(None)), "-i", str(path), "-f", "ffmetadata", "-"], cwd=path.parent)
    lines = [line.partition("=") for line in told.splitlines()]
    comments = [text.replace("\\", "") for name, _, text in lines if name.lower() == "comment"]
    return seen.get("comment"), seen["title"], comments


@pytest.mark.parametrize("profile", [WEB, MASTER])
def test_a_film_leads_back_to_its_takes(conformed, encode, join, soundtrack, profile):
    chunk, cites = encode(conformed(24), 0, 24, profile), cited(200)
    film, again = (
        join([chunk], [24], profile, soundtrack(24, profile), project="lighthouse", sequence="opening", cites=cites)
        for _ in range(2)
    )
    comment, title, told = read_back(film)
    found = read_identity(comment)
    assert (found.project, found.sequence, found.more) == ("lighthouse", "opening", 0)
    assert found.takes == tuple((shot, sha256[:16]) for shot, sha256 in cites)
    assert told == [comment]
    assert title == "Film"
    assert film.read_bytes() == again.read_bytes()
    assert b"Lavf" not in film.read_bytes()


@pytest.mark.parametrize(("muxer", "suffix"), [("mp4", "mp4"), ("mov", "mov"), ("matroska", "mkv")])
@pytest.mark.parametrize("shots", [1, 200, 5000])
def test_the_comment_survives_in_every_container(conformed, encode, tmp_path, muxer, suffix, shots):
    chunk, text = encode(conformed(2), 0, 2), identity_text("lighthouse", "opening", cited(shots))
    common = {"lengths": [2], "rate": Fraction(24), "size": Size(64, 36), "title": "Film"}
    film = joining.Film(identity=text, muxer=muxer, **common)
    paths = [tmp_path / f"{name}.{suffix}" for name in ("one", "two")]
    for path in paths:
        joining.join([chunk], None, film, path)
    assert read_back(paths[0]) == (text, "Film", [text])
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert probe(paths[0]).video.frames == 2
    assert (len(text) > LONGEST - 100) == (shots == 5000)


def test_a_film_that_cites_nothing_has_no_comment(conformed, encode, join):
    film = join([encode(conformed(2), 0, 2)], [2])
    assert read_back(film) == (None, "Film", [])
    empty = join([encode(conformed(2), 0, 2)], [2], project="lighthouse", sequence="opening", cites=fields())
    assert read_identity(read_back(empty)[0]).takes == ()


def test_the_streams_of_a_film_are_told_without_a_float(conformed, encode, join, soundtrack):
    rate = "24000/1001"
    film = join([encode(conformed(48, rate), 0, 48, rate=rate)], [48], WEB, soundtrack(48, WEB, rate), rate)
    picture, sound = streams(film)
    assert picture == fields(
        kind="video",
        codec="h264",
        profile="High",
        size="64x36",
        rate="24000/1001",
        frames=48,
        seconds="1001/500",
        pixels="yuv420p",
    )
    assert sound == fields(kind="audio", codec="aac", rate=48000, channels=2, layout="stereo", seconds="1001/500")


def test_a_silent_clip_has_one_stream_and_sound_alone_is_refused(conformed, make):
    assert [row.text("kind") for row in streams(conformed(24))] == ["video"]
    assert streams(conformed(24))[0].text("seconds") == "1"
    turned = make("film-upright.mkv", "-display_rotation", "90", "-i", str(conformed(2)), "-c", "copy")
    assert streams(turned)[0].text("size") == "36x64"
    still = make("film-still.png", "-f", "lavfi", "-i", "testsrc2=s=64x36", "-frames:v", "1")
    assert streams(still)[0].text("seconds") == "0"
    with pytest.raises(MediaError, match="has no picture"):
        streams(make("film-tone.wav", "-f", "lavfi", "-i", "sine=d=0.1"))


@pytest.mark.parametrize("label", ["sh010 > sh020", "it's 50%: {x} \\ \n [a];b,c=%{pts}", "", "\u6771\u4eac", "/etc/passwd"])
def test_label_and_timecode_are_drawn(conformed, encode, planes, label):
    chunk = encode(conformed(24), 0, 24, PROFILES["preview"], out_size="320x180", burn_in=fields(label=label, start=86399))
    first, last = planes(chunk)[0][0].astype(int), planes(chunk)[23][0].astype(int)
    assert first[:22, -110:].max() > 180
    assert label == "" or first[:22, :80].max() > 180
    assert abs(first[:22, -110:] - (last[:22, -110:])).max() > 100
    assert first[60:100, 100:200].max() < 30


def test_reframing_crops_or_pads(conformed, encode, planes):
    a = conformed(48)
    cropped, padded = (encode(a, 40, 2, out_size="36x64", reframe=how) for how in ("crop", "pad"))
    assert planes(cropped)[0][0].min() > 150
    assert planes(padded)[0][0][0, 0] <= 18


def test_chunks_of_another_kind_are_refused(conformed, encode, join, make):
    a = conformed(48)
    good = encode(a, 0, 10)
    with pytest.raises(MediaError, match="cannot be joined") as caught:
        join([good, encode(a, 10, 10, PROFILES["preview"])], [10, 10])
    assert "encoder parameters" in caught.value.cause
    with pytest.raises(MediaError, match="36x64"):
        join([good, encode(a, 10, 10, out_size="36x64", reframe="crop")], [10, 10])
    with pytest.raises(MediaError, match="has 10 frames"):
        join([good], [11])


def test_a_wrong_clip_is_caught(conformed, encode):
    with pytest.raises(MediaError, match="came out wrong") as caught:
        encode(conformed(48), 40, 20)
    assert "frames: 8, not 20" in caught.value.cause


def test_delivered_pictures_are_tagged(conformed, encode, join):
    for profile in (WEB, MASTER):
        look = probe(join([encode(conformed(5), 0, 5, profile)], [5], profile)).video.look
        assert look.is_bt709
        assert Size(look.width, look.height) == Size(64, 36)


@pytest.fixture
def mix(run, pcm):
    def made(tracks, inputs, frames=24, rate="24"):
        rows = tuple(fields(**(ROW | row)) for row in tracks)
        return pcm(run(Mix(), inputs, ("mix.wav",), rate=rate, frames=frames, tracks=rows) / "mix.wav")

    return made


@pytest.fixture
def level(make):
    return make("level.wav", "-f", "lavfi", "-i", "aevalsrc=0.25:s=48000:d=2", "-c:a", "pcm_s24le")


def test_no_tracks_are_silence(mix):
    assert mix([], {}, frames=7, rate="24000/1001").shape == (samples(7, Fraction(24000, 1001)), 2)
    assert not mix([], {}).any()


def test_tracks_lie_at_their_sample(mix, level):
    found = mix([{"input": "x", "at": 12345, "start": 100, "length": 1000}], {"x": level})[:, 0]
    assert not found[:12345].any()
    assert found[12345:13345] == pytest.approx(0.25, abs=1e-4)
    assert not found[13345:].any()
    assert len(found) == 48000


def test_gain_is_in_decibels_and_tracks_add_up(mix, level):
    tracks = [{"input": "x", "gain": "-6"}, {"input": "y", "at": 24000, "gain": "13/2"}]
    found = mix(tracks, {"x": level, "y": level})
    assert found[:24000] == pytest.approx(0.25 * 10 ** (-6 / 20), abs=1e-4)
    assert found[24000:] == pytest.approx(0.25 * (10 ** (-6 / 20) + 10 ** (6.5 / 20)), abs=1e-4)


def test_too_loud_is_clipped_and_never_wraps(mix, level):
    assert mix([{"input": "x", "gain": "40"}], {"x": level}).min() > 0.99


def test_fades_end_with_the_part_or_the_cut(mix, level):
    for length, end in ((10000, 10000), (-1, 48000)):
        found = mix([{"input": "x", "length": length, "fade_in": 4000, "fade_out": 4000}], {"x": level})[:, 0]
        assert abs(found[0]) < 1e-3
        assert found[4000 : end - 4000] == pytest.approx(0.25, abs=1e-4)
        assert abs(found[end - 1]) < 1e-3
        assert found[end - 2000] == pytest.approx(0.25 * np.sqrt(0.5), abs=2e-3)


def test_a_short_sound_is_followed_by_silence(mix, level):
    found = mix([{"input": "x", "start": 90000, "length": 20000, "fade_out": 1000}], {"x": level})
    assert found[:5000] == pytest.approx(0.25, abs=1e-4)
    assert not found[6000:].any()
    assert not mix([{"input": "x", "at": 50000}], {"x": level}).any()


def test_a_sound_used_from_after_its_end_is_refused(mix, level):
    with pytest.raises(MediaError, match="nothing is left of"):
        mix([{"input": "x", "start": 96000}], {"x": level})


def test_many_sounds_are_mixed_in_groups_to_the_same_sum(mix, level):
    rows = [{"input": f"x{index:02d}", "at": 400 * index, "length": 1000} for index in range(60)]
    found = mix(rows, {row["input"]: level for row in rows})
    counts = np.zeros(len(found))
    for row in rows:
        counts[row["at"] : row["at"] + 1000] += 1
    assert np.abs(found.reshape(len(found), -1)[:, 0] - np.clip(0.25 * counts, -1, 1)).max() < 1e-3


def test_one_file_may_be_heard_twice_and_in_any_form(mix, make, level):
    song = make("song.mp3", "-f", "lavfi", "-i", "aevalsrc=0.25:s=44100:d=1:c=mono")
    found = mix([{"input": "x"}, {"input": "x", "at": 24000}, {"input": "s", "at": 40000}], {"x": level, "s": song})
    assert found[30000:39000] == pytest.approx(0.5, abs=1e-3)


def test_a_song_that_is_no_song_is_refused(mix, tmp_path):
    path = tmp_path / "song.mp3"
    path.write_text("no")
    with pytest.raises(MediaError):
        mix([{"input": "x"}], {"x": path})
