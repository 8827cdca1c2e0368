"""Sound of clips, at a profile's loudness, and as stems: in its place, as loud as asked, the same bytes."""

import tarfile
from fractions import Fraction

import av
import numpy as np
import pytest

from shotbuild.errors import MediaError
from shotbuild.host import process
from shotbuild.host.tools import find_ffmpeg
from shotbuild.media import loudness
from shotbuild.media.probe import probe_sound
from shotbuild.records import fields
from shotbuild.stages.clip_sound import ClipSound
from shotbuild.stages.sound import Sound
from shotbuild.stages.stems import Stems

PCM = fields(codec="pcm", extension="wav")
AAC = fields(codec="aac", extension="m4a", bitrate="128k")
BURSTS = r"aevalsrc='0.8*sin(2*PI*997*t)*lt(mod(t\,1)\,0.25)':s=48000:d=6"
SPEECH = r"anoisesrc=d=8:r=48000:c=pink:a=0.5:seed=7,volume='0.15*lt(mod(t,1.3),0.9)*(0.4+abs(sin(9*t)))':eval=frame"
SWEEP = r"aevalsrc='0.1*sin(2*PI*(80*t+300*t*t))+0.05*sin(2*PI*220*t)':s=48000:d=6"
CLICKS = r"aevalsrc='0.02*sin(2*PI*440*t)+0.9*lt(mod(t\,0.7)\,0.002)*sin(2*PI*3000*t)':s=48000:d=6"


@pytest.fixture
def mixed(make):
    def made(name, graph, layout="stereo"):
        return make(f"mix-{name}-{layout}.wav", "-f", "lavfi", "-i", f"{graph},aformat=channel_layouts={layout}", *FLOAT)

    return made


FLOAT = ("-c:a", "pcm_f32le")


@pytest.fixture
def delivered(run):
    def made(mix, sound=PCM, target="-14", peak="-1", **more):
        name = f"sound.{sound.text('extension')}"
        wanted = fields(target=target, peak=peak, tolerance="0.5") if target else fields()
        return run(Sound(), {"mix": mix}, (name,), sound=sound, loudness=wanted, **more) / name

    return made


@pytest.fixture
def measured(tmp_path):
    def found(path):
        process.run(loudness.measure(find_ffmpeg(None), path, probe_sound(path)), cwd=tmp_path)
        return loudness.measured(tmp_path)

    return found


def by_ebur128(path):
    """Integrated loudness and true peak as libavfilter's own meter in PyAV says: another build than the one that made it."""
    with av.open(str(path)) as source:
        stream = source.streams.audio[0]
        graph = av.filter.Graph()
        first = graph.add_abuffer(template=stream)
        meter = graph.add("ebur128", "peak=true:metadata=1:framelog=quiet")
        last = graph.add("abuffersink")
        first.link_to(meter)
        meter.link_to(last)
        graph.configure()
        found = {}
        for frame in source.decode(stream):
            graph.push(frame)
            while True:
                try:
                    found = dict(graph.pull().metadata) or found
                except (av.error.BlockingIOError, av.error.EOFError):
                    break
    return float(found["lavfi.r128.I"]), 20 * np.log10(float(found["lavfi.r128.true_peak"]))


# --- loudness ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", [PCM, AAC], ids=["pcm", "aac"])
@pytest.mark.parametrize(("name", "graph"), [("bursts", BURSTS), ("speech", SPEECH), ("sweep", SWEEP), ("clicks", CLICKS)])
@pytest.mark.parametrize(("target", "peak"), [("-14", "-1"), ("-23", "-2")])
def test_what_is_delivered_is_as_loud_as_asked(mixed, delivered, measured, name, graph, codec, target, peak):
    path = delivered(mixed(name, graph), codec, target, peak)
    found = measured(path)
    assert abs(found.integrated - Fraction(target)) <= Fraction(1, 10)
    assert found.peak <= Fraction(peak)
    integrated, highest = by_ebur128(path)
    assert integrated == pytest.approx(float(target), abs=0.2)
    assert highest <= float(peak) + 0.02


def test_below_the_limit_one_gain_is_all_that_happens(mixed, delivered, pcm):
    mix = mixed("sweep", SWEEP)
    before, after = pcm(mix), pcm(delivered(mix, target="-23"))
    gain = np.abs(after).max() / np.abs(before).max()
    assert np.abs(after - gain * before).max() < 2**-22


def test_the_limiter_keeps_time_and_touches_peaks_alone(mixed, delivered, pcm):
    mix = mixed("clicks", CLICKS)
    before, after = pcm(mix)[:, 0], pcm(delivered(mix))[:, 0]
    since = np.arange(len(before)) / 48000 % 0.7
    quiet = (since > 0.5) & (since < 0.69)  # long after a click, and before the limiter looks at the next
    gain = np.dot(before[quiet], after[quiet]) / np.dot(before[quiet], before[quiet])
    assert len(before) == len(after)
    assert np.abs(after[quiet] - gain * before[quiet]).max() < 1e-3
    assert np.abs(after).max() <= 10 ** (-1 / 20)


@pytest.mark.parametrize(("layout", "more"), [("mono", {"layout": "mono"}), ("5.1", {"layout": "5.1"})])
def test_every_layout_reaches_its_target(mixed, delivered, measured, layout, more):
    for codec in ({"codec": "pcm", "extension": "wav"}, {"codec": "aac", "extension": "m4a", "bitrate": "384k"}):
        path = delivered(mixed("speech", SPEECH, layout), fields(**codec, **more))
        assert abs(measured(path).integrated + 14) <= Fraction(1, 10)
        assert probe_sound(path).channels == {"mono": 1, "5.1": 6}[layout]


def test_a_mix_beyond_full_scale_is_brought_down_whole(make, mixed, delivered, pcm):
    mix = mixed("loud", f"{SWEEP},volume=18")
    before, after = pcm(mix), pcm(delivered(mix, target="-23"))
    assert np.abs(before).max() > 1.5
    gain = np.abs(after).max() / np.abs(before).max()
    assert np.abs(after - gain * before).max() < 2**-22


def test_silence_and_what_is_too_short_to_measure_are_left_alone(mixed, delivered, pcm):
    for name, graph in (("silence", "anullsrc=r=48000:d=2"), ("short", "sine=r=48000:d=0.3")):
        mix = mixed(name, graph)
        assert np.abs(pcm(delivered(mix)) - pcm(mix)).max() < 2**-22


def test_no_target_means_as_it_was_mixed(mixed, delivered, pcm):
    mix = mixed("sweep", SWEEP)
    assert np.abs(pcm(delivered(mix, target=None)) - pcm(mix)).max() < 2**-22


def test_too_loud_is_clipped_and_never_wraps(mixed, delivered, pcm):
    mix = mixed("much", "aevalsrc=3:s=48000:d=0.5")
    assert pcm(delivered(mix, target=None)).min() > 0.999


def test_what_no_limiter_can_do_is_refused_with_the_reason(mixed, delivered):
    spike = mixed("spike", r"aevalsrc='0.9*lt(mod(t\,1)\,0.0005)*sin(2*PI*3000*t)':s=48000:d=5")
    with pytest.raises(MediaError, match=r"cannot be brought to -8\.0 LUFS") as caught:
        delivered(spike, target="-8", peak="-20")
    assert "dBTP" in caught.value.cause
    assert caught.value.hint


@pytest.mark.parametrize("codec", [PCM, AAC], ids=["pcm", "aac"])
def test_the_same_mix_gives_the_same_bytes(mixed, delivered, codec):
    first, second = (delivered(mixed("bursts", BURSTS), codec).read_bytes() for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    "sound",
    [
        fields(codec="opus", extension="webm", bitrate="128k"),
        fields(codec="opus", extension="mp4", bitrate="160k"),
        fields(codec="flac", extension="mkv"),
        fields(codec="mp3", extension="mp3", bitrate="192k"),
        fields(codec="pcm16", extension="wav"),
    ],
    ids=lambda sound: f"{sound.text('codec')}-{sound.text('extension')}",
)
def test_other_codecs_reach_it_too(mixed, delivered, measured, sound):
    found = measured(delivered(mixed("speech", SPEECH), sound, target="-16"))
    assert abs(found.integrated + 16) <= Fraction(1, 10)
    assert found.peak <= -1


# --- clips ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def clip_sound(run):
    def made(source, frames=24, rate="24", effects=()):
        return run(ClipSound(), {"source": source}, ("sound.wav",), frames=frames, rate=rate, effects=effects) / "sound.wav"

    return made


@pytest.mark.parametrize(
    ("layout", "rate", "channels"),
    [
        ("mono", 48000, 1),
        ("stereo", 44100, 2),
        ("5.1", 48000, 6),
        ("5.1(side)", 44100, 6),
        ("quad", 48000, 2),
        ("mono", 22050, 1),
    ],
)
def test_a_clip_keeps_its_channels(clip_sound, make, numbered, pcm, layout, rate, channels):
    count = {"quad": 4, "mono": 1, "stereo": 2}.get(layout, 6)
    wave = f"aevalsrc={'|'.join(['0.25'] * count)}:c={layout}:s={rate}:d=1"
    name = f"clip-{layout}-{rate}.mkv"
    source = make(name, "-i", str(numbered(24)), "-f", "lavfi", "-i", wave, "-c:v", "copy", "-c:a", "pcm_s16le")
    samples = pcm(clip_sound(source))
    assert samples.shape == (48000, channels)
    assert samples[20000:28000] == pytest.approx(0.25, abs=0.002)


@pytest.mark.parametrize("delay", ["0.25", "-0.25", "0"])
def test_sound_keeps_its_place_against_the_picture(clip_sound, make, numbered, pcm, delay):
    beep = make("beep.wav", "-f", "lavfi", "-i", r"aevalsrc='if(between(t\,0.5\,0.6)\,0.5\,0)':s=48000:d=1")
    name = f"apart{delay}.mkv"
    inputs = ("-i", str(numbered(24)), "-itsoffset", delay, "-i", str(beep))
    path = make(name, *inputs, "-map", "0:v", "-map", "1:a", "-c", "copy")
    samples = pcm(clip_sound(path))[:, 0]
    assert abs(int(np.argmax(abs(samples) > 0.25)) - (24000 + int(float(delay) * 48000))) <= 48


def test_a_gap_in_the_sound_is_silent_and_shifts_nothing(clip_sound, make, numbered, pcm):
    beeps = "aevalsrc='0.5*gt(mod(t,1),0.9)*sin(2*PI*1000*t)':s=44100:d=2"
    whole = make("beeps.mkv", "-i", str(numbered(48)), "-f", "lavfi", "-i", beeps, "-c:v", "copy", "-c:a", "aac")
    gap = ("-map", "0", "-c", "copy", "-bsf:a", "noise=drop='between(pts*tb,1.2,1.6)'")
    before, after = (pcm(clip_sound(path, frames=48))[:, 0] for path in (whole, make("gap.mkv", "-i", str(whole), *gap)))
    starts = [int(np.argmax(abs(samples[72000:]) > 0.1)) for samples in (before, after)]
    assert abs(starts[0] - starts[1]) <= 48


def test_a_clip_without_sound_is_silent(clip_sound, numbered, pcm):
    samples = pcm(clip_sound(numbered(), frames=20, rate="24000/1001"))
    assert samples.shape == (40040, 2)
    assert not samples.any()


def test_sound_follows_the_speed_of_the_picture(clip_sound, make, pcm):
    beep = make("late-beep.wav", "-f", "lavfi", "-i", r"aevalsrc='0.5*sin(2*PI*1000*t)*gt(t\,1)':s=48000:d=2")
    faster = (fields(effect="speed", version=1, settings=fields(factor="2"), files=fields()),)
    samples = pcm(clip_sound(beep, frames=24, effects=faster))[:, 0]
    assert len(samples) == 48000
    assert int(np.argmax(abs(samples) > 0.1)) == pytest.approx(24000, abs=1500)


# --- stems ---------------------------------------------------------------------------------------------------------------


def test_stems_are_broadcast_wavs_that_know_their_place(run, mixed, tmp_path, pcm):
    inputs = {"music": mixed("sweep", SWEEP), "dialogue": mixed("speech", SPEECH)}
    package, again = (
        run(Stems(), inputs, ("package.tar",), sound=PCM, timecode=86400, rate="24") / "package.tar" for _ in range(2)
    )
    assert package.read_bytes() == again.read_bytes()
    with tarfile.open(package) as archive:
        assert archive.getnames() == ["dialogue.wav", "music.wav"]
        assert {(each.mtime, each.uid, each.mode) for each in archive} == {(0, 0, 0o644)}
        archive.extractall(tmp_path, filter="data")
    with av.open(str(tmp_path / "music.wav")) as source:
        assert source.streams.audio[0].codec_context.name == "pcm_s24le"
        assert source.metadata["time_reference"] == "172800000"
    assert b"shotbuild" in (tmp_path / "music.wav").read_bytes()[:700]
    assert np.abs(pcm(tmp_path / "music.wav") - pcm(inputs["music"])).max() < 2**-22


def test_stems_of_ntsc_start_at_the_sample_of_the_real_second(run, mixed, tmp_path):
    path = run(Stems(), {"music": mixed("sweep", SWEEP)}, ("package.tar",), sound=PCM, timecode=108000, rate="30000/1001")
    with tarfile.open(path / "package.tar") as archive:
        archive.extractall(tmp_path, filter="data")
    with av.open(str(tmp_path / "music.wav")) as source:
        assert source.metadata["time_reference"] == str(108000 * 1001 * 48000 // 30000)
