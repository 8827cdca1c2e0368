"""Clips → chunks → joined film: the right frame at every place, sound and picture together, the same bytes."""

import hashlib
from fractions import Fraction

import av
import pytest

from shotbuild.errors import MediaError
from shotbuild.host import process
from shotbuild.host.tools import find_ffmpeg
from shotbuild.media import joining
from shotbuild.media.identity import LONGEST, identity_text, read_identity
from shotbuild.media.probe import probe, streams
from shotbuild.media.profiles import PROFILES
from shotbuild.records import Fields, fields
from shotbuild.stages.join import Join
from shotbuild.stages.mix import Mix
from shotbuild.stages.sound import Sound
from shotbuild.units import Size, samples
from tests.stages.conftest import blended, seen, shot_of

WEB, MASTER = PROFILES["h264-web"], PROFILES["prores-422-hq"]
ROW = {
    "at": 0, "start": 0, "length": -1, "gain": "0", "fade_in": 0, "fade_out": 0, "role": "dialogue", "duck": "0",
}  # fmt: skip


@pytest.fixture
def chunk(encode):
    """chunk(a, 5, 20): frames of a clip as a profile has them; with `b`, going over into that from `start_b` on."""

    def made(a, start, frames, profile=WEB, b=None, start_b=0, rate="24", **more):
        picture = seen("shot0", start)
        if b is not None:
            picture = blended(picture, seen("shot1", start_b), frames)
        files = {"shot0": a} | ({"shot1": b} if b else {})
        shots = {name: shot_of(name, probe(path).video.frames, own=rate) for name, path in files.items()}
        return encode(files, picture, frames, shots, profile.video, rate=rate, **more)

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
        rows = (fields(input="t", **ROW),)
        mixed = run(Mix(), {"t": tone}, ("mix.wav",), rate=rate, frames=frames, layout="stereo", tracks=rows)
        name = f"sound.{profile.sound.text('extension')}"
        return run(Sound(), {"mix": mixed / "mix.wav"}, (name,), sound=profile.sound, loudness=fields()) / name

    return made


@pytest.mark.parametrize(("profile", "slack"), [(WEB, 1.5), (MASTER, 0.5)])
@pytest.mark.parametrize("rate", ["24", "24000/1001", "25"])
def test_every_frame_is_in_its_place(numbered, chunk, join, soundtrack, lumas, profile, slack, rate):
    a, b = numbered(48, rate), numbered(40, rate)
    depth = 4 if profile is MASTER else 1
    chunks = [
        chunk(a, 5, 20, profile, rate=rate),
        chunk(a, 25, 8, profile, b=b, start_b=3, rate=rate),
        chunk(b, 11, 1, profile, rate=rate),
        chunk(b, 12, 2, profile, rate=rate),
        chunk(b, 14, 17, profile, rate=rate),
    ]
    film = join(chunks, [20, 8, 1, 2, 17], profile, soundtrack(48, profile, rate), rate)
    cross = [(1 - w) * (25 + n) + w * (3 + n) for n in range(8) for w in [(n + 1) / 9]]
    wanted = [*range(5, 25), *cross, *range(11, 31)]
    found = [(luma / depth - 16) / 4 for luma in lumas(film)]
    assert len(found) == 48
    assert found == pytest.approx(wanted, abs=slack / 4 + 0.15)


def test_stamps_rise_evenly_and_seeking_hits_the_frame(numbered, chunk, join, soundtrack):
    a = numbered(48)
    film = join([chunk(a, 0, 23), chunk(a, 23, 3), chunk(a, 26, 22)], [23, 3, 22], sound=soundtrack(48))
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
def test_very_short_chunks_lose_nothing(numbered, chunk, join, soundtrack, lumas, lengths):
    a, start, chunks = numbered(48), 0, []
    for length in lengths:
        chunks.append(chunk(a, start, length))
        start += length
    film = join(chunks, lengths, sound=soundtrack(start))
    assert [round((luma - 16) / 4) for luma in lumas(film)] == list(range(start))


@pytest.mark.parametrize("profile", [WEB, MASTER])
@pytest.mark.parametrize("frames", [1, 24, 31, 47])
def test_picture_and_sound_end_together(numbered, chunk, join, soundtrack, profile, frames):
    rate = "30000/1001"
    film = join(
        [chunk(numbered(47, rate), 0, frames, profile, rate=rate)],
        [frames],
        profile,
        soundtrack(frames, profile, rate),
        rate,
    )
    found = probe(film)
    assert found.video.start == found.sound.start == 0
    assert abs(found.sound.seconds - found.video.seconds) <= Fraction(1, 48000)
    assert abs(found.sound.seconds * 48000 - samples(frames, Fraction(rate))) <= 1


def test_moov_comes_first_and_nothing_names_the_encoder(numbered, chunk, join, soundtrack):
    title = "It's 10:30, 50% [ok]; a\\b \u2013 \u00fc"
    film = join([chunk(numbered(24), 0, 24)], [24], sound=soundtrack(24), title=title)
    content = film.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")
    assert b"Lavf" not in content
    with av.open(str(film)) as source:
        assert source.metadata["title"] == title
        assert "creation_time" not in source.metadata


def test_two_runs_give_the_same_bytes(numbered, chunk, join, soundtrack):
    for profile in (WEB, MASTER):
        films = []
        for _ in range(2):
            a = numbered(30)
            burn_in = fields(label="sh010", clock=100, mark="draft")
            chunks = [chunk(a, 0, 20, profile), chunk(a, 20, 10, profile, b=a, start_b=0, burn_in=burn_in)]
            films.append(join(chunks, [20, 10], profile, soundtrack(30, profile)).read_bytes())
        assert films[0] == films[1]


def cited(shots):
    return Fields(
        tuple((f"sh{number:04d}.v2_final-cut", hashlib.sha256(b"%d" % number).hexdigest()) for number in range(shots))
    )


def read_back(path):
    """The comment and title of a file as PyAV reads them, and its comment as ffmpeg does."""
    with av.open(str(path)) as source:
        said = {name.lower(): text for name, text in source.metadata.items()}
    told, _ = process.run([str(find_ffmpeg(None)), "-i", str(path), "-f", "ffmetadata", "-"], cwd=path.parent)
    lines = [line.partition("=") for line in told.splitlines()]
    comments = [text.replace("\\", "") for name, _, text in lines if name.lower() == "comment"]
    return said.get("comment"), said["title"], comments


@pytest.mark.parametrize("profile", [WEB, MASTER])
def test_a_film_leads_back_to_its_takes(numbered, chunk, join, soundtrack, profile):
    picture, cites = chunk(numbered(24), 0, 24, profile), cited(200)
    film, again = (
        join([picture], [24], profile, soundtrack(24, profile), project="lighthouse", sequence="opening", cites=cites)
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
def test_the_comment_survives_in_every_container(numbered, chunk, tmp_path, muxer, suffix, shots):
    picture, text = chunk(numbered(2), 0, 2), identity_text("lighthouse", "opening", cited(shots))
    common = {"lengths": [2], "rate": Fraction(24), "size": Size(64, 36), "title": "Film"}
    film = joining.Film(identity=text, muxer=muxer, **common)
    paths = [tmp_path / f"{name}.{suffix}" for name in ("one", "two")]
    for path in paths:
        joining.join([picture], None, film, path)
    assert read_back(paths[0]) == (text, "Film", [text])
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert probe(paths[0]).video.frames == 2
    assert (len(text) > LONGEST - 100) == (shots == 5000)


def test_a_film_that_cites_nothing_has_no_comment(numbered, chunk, join):
    film = join([chunk(numbered(2), 0, 2)], [2])
    assert read_back(film) == (None, "Film", [])
    empty = join([chunk(numbered(2), 0, 2)], [2], project="lighthouse", sequence="opening", cites=fields())
    assert read_identity(read_back(empty)[0]).takes == ()


def test_the_streams_of_a_film_are_told_without_a_float(numbered, chunk, join, soundtrack):
    rate = "24000/1001"
    film = join([chunk(numbered(48, rate), 0, 48, rate=rate)], [48], WEB, soundtrack(48, WEB, rate), rate)
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


def test_a_silent_clip_has_one_stream_and_sound_alone_is_refused(numbered, make):
    assert [row.text("kind") for row in streams(numbered(24))] == ["video"]
    assert streams(numbered(24))[0].text("seconds") == "1"
    turned = make("film-upright.mkv", "-display_rotation", "90", "-i", str(numbered(2)), "-c", "copy")
    assert streams(turned)[0].text("size") == "36x64"
    still = make("film-still.png", "-f", "lavfi", "-i", "testsrc2=s=64x36", "-frames:v", "1")
    assert streams(still)[0].text("seconds") == "0"
    with pytest.raises(MediaError, match="has no picture"):
        streams(make("film-tone.wav", "-f", "lavfi", "-i", "sine=d=0.1"))


@pytest.mark.parametrize("label", ["sh010 > sh020", "it's 50%: {x} \\ \n [a];b,c=%{pts}", "", "\u6771\u4eac", "/etc/passwd"])
def test_label_and_timecode_are_drawn(numbered, chunk, planes, label):
    burn_in = fields(label=label or None, clock=86399, mark=None)
    frames = planes(chunk(numbered(24), 0, 24, PROFILES["preview"], out_size="320x180", burn_in=burn_in))
    first, last = frames[0][0].astype(int), frames[23][0].astype(int)
    assert first[:22, -110:].max() > 180
    assert label == "" or first[:22, :80].max() > 180
    assert abs(first[:22, -110:] - (last[:22, -110:])).max() > 100
    assert first[60:100, 100:200].max() < 30


def test_reframing_crops_or_pads(numbered, chunk, planes):
    a = numbered(48)
    cropped, padded = (chunk(a, 40, 2, out_size="36x64", reframe=how) for how in ("crop", "pad"))
    assert planes(cropped)[0][0].min() > 150
    assert planes(padded)[0][0][0, 0] <= 18


def test_chunks_of_another_kind_are_refused(numbered, chunk, join, make):
    a = numbered(48)
    good = chunk(a, 0, 10)
    with pytest.raises(MediaError, match="cannot be joined") as caught:
        join([good, chunk(a, 10, 10, PROFILES["preview"])], [10, 10])
    assert "encoder parameters" in caught.value.cause
    with pytest.raises(MediaError, match="36x64"):
        join([good, chunk(a, 10, 10, out_size="36x64", reframe="crop")], [10, 10])
    with pytest.raises(MediaError, match="has 10 frames"):
        join([good], [11])


def test_a_clip_that_ends_before_its_segment_is_caught(numbered, encode):
    with pytest.raises(MediaError, match="came out wrong") as caught:
        encode(numbered(48), seen(start=40), 20, 48)
    assert "frames: 8, not 20" in caught.value.cause


def test_a_watermark_lies_across_the_picture(numbered, chunk, planes):
    burn_in = fields(label=None, clock=None, mark="draft")
    a, small = numbered(24), {"out_size": "320x180"}
    marked, bare = (chunk(a, 0, 2, PROFILES["preview"], burn_in=each, **small) for each in (burn_in, None))
    rows, columns = (abs(planes(marked)[0][0].astype(int) - planes(bare)[0][0]) > 10).nonzero()
    assert 60 < rows.mean() < 120
    assert 120 < columns.mean() < 200


def test_delivered_pictures_are_tagged(numbered, chunk, join):
    for profile in (WEB, MASTER):
        look = probe(join([chunk(numbered(5), 0, 5, profile)], [5], profile)).video.look
        assert look.is_bt709
        assert Size(look.width, look.height) == Size(64, 36)
