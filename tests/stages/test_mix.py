"""Tracks of a cut add up as they were written: at their sample, in every layout, and softer while somebody speaks."""

import time
from fractions import Fraction

import numpy as np
import pytest

from shotbuild.errors import MediaError
from shotbuild.media import ducking
from shotbuild.records import fields
from shotbuild.stages.mix import Mix
from shotbuild.units import samples

ROW = {"at": 0, "start": 0, "length": -1, "gain": "0", "fade_in": 0, "fade_out": 0, "role": "music", "duck": "0"}
LEFT, RIGHT, CENTRE = 0, 1, 2


@pytest.fixture
def desk(run):
    def made(tracks, inputs, frames=24, rate="24", layout="stereo", roles=None):
        rows = tuple(fields(**(ROW | row)) for row in tracks)
        parameters = {"rate": rate, "frames": frames, "tracks": rows, "layout": layout, "roles": roles}
        return run(Mix(), inputs, ("mix.wav",), **parameters) / "mix.wav"

    return made


@pytest.fixture
def mix(desk, pcm):
    return lambda *arguments, **more: pcm(desk(*arguments, **more))


@pytest.fixture
def level(make):
    return make("level.wav", "-f", "lavfi", "-i", "aevalsrc=0.25:s=48000:d=2", "-c:a", "pcm_s24le")


@pytest.fixture
def stereo(make):
    return make("left.wav", "-f", "lavfi", "-i", "aevalsrc=0.5|0.125:s=48000:d=1", "-c:a", "pcm_s24le")


@pytest.fixture
def speech(make):
    """4 s: words of 0.3 s with pauses of 0.1 s, from 1.0 s to 2.1 s."""
    words = r"aevalsrc='0.2*sin(2*PI*300*t)*between(t\,1\,2.1)*lt(mod(t\,0.4)\,0.3)':s=48000:d=4"
    return make("speech.wav", "-f", "lavfi", "-i", words, "-c:a", "pcm_s24le")


def test_no_tracks_are_silence(mix):
    assert mix([], {}, frames=7, rate="24000/1001").shape == (samples(7, Fraction(24000, 1001)), 2)
    assert not mix([], {}).any()


def test_tracks_lie_at_their_sample(mix, level):
    found = mix([{"input": "x", "at": 12345, "start": 100, "length": 1000}], {"x": level})[:, 0]
    assert not found[:12345].any()
    assert found[12345:13345] == pytest.approx(0.25, abs=1e-6)
    assert not found[13345:].any()
    assert len(found) == 48000


def test_gain_is_in_decibels_and_tracks_add_up(mix, level):
    tracks = [{"input": "x", "gain": "-6"}, {"input": "y", "at": 24000, "gain": "13/2"}]
    found = mix(tracks, {"x": level, "y": level})
    assert found[:24000] == pytest.approx(0.25 * 10 ** (-6 / 20), abs=1e-6)
    assert found[24000:] == pytest.approx(0.25 * (10 ** (-6 / 20) + 10 ** (6.5 / 20)), abs=1e-6)


def test_a_sum_beyond_full_scale_is_whole_until_it_is_delivered(mix, level):
    assert mix([{"input": "x", "gain": "20"}], {"x": level}) == pytest.approx(2.5, abs=1e-5)
    many = [{"input": "x", "at": index, "gain": "6"} for index in range(60)]
    assert mix(many, {"x": level})[1000:] == pytest.approx(60 * 0.25 * 10**0.3, rel=1e-5)


def test_fades_end_with_the_part_or_the_cut(mix, level):
    for length, end in ((10000, 10000), (-1, 48000)):
        found = mix([{"input": "x", "length": length, "fade_in": 4000, "fade_out": 4000}], {"x": level})[:, 0]
        assert abs(found[0]) < 1e-3
        assert found[4000 : end - 4000] == pytest.approx(0.25, abs=1e-6)
        assert abs(found[end - 1]) < 1e-3
        assert found[end - 2000] == pytest.approx(0.25 * np.sqrt(0.5), abs=2e-3)


def test_a_short_sound_is_followed_by_silence(mix, level):
    found = mix([{"input": "x", "start": 90000, "length": 20000, "fade_out": 1000}], {"x": level})
    assert found[:5000] == pytest.approx(0.25, abs=1e-6)
    assert not found[6000:].any()
    assert not mix([{"input": "x", "at": 50000}], {"x": level}).any()


def test_a_sound_used_from_after_its_end_is_refused(mix, level):
    with pytest.raises(MediaError, match="nothing is left of"):
        mix([{"input": "x", "start": 96000}], {"x": level})


def test_a_song_that_is_no_song_is_refused(mix, tmp_path):
    path = tmp_path / "song.mp3"
    path.write_text("no")
    with pytest.raises(MediaError):
        mix([{"input": "x"}], {"x": path})


def test_one_file_may_be_heard_twice_and_in_any_form(mix, make, level):
    song = make("song.mp3", "-f", "lavfi", "-i", "aevalsrc=0.25:s=44100:d=1:c=mono")
    found = mix([{"input": "x"}, {"input": "x", "at": 24000}, {"input": "s", "at": 40000}], {"x": level, "s": song})
    assert found[30000:39000] == pytest.approx(0.5, abs=1e-6)


def test_many_sounds_are_mixed_in_groups_to_the_same_sum(mix, level):
    rows = [{"input": f"x{index:02d}", "at": 400 * index, "length": 1000} for index in range(60)]
    found = mix(rows, {row["input"]: level for row in rows})
    counts = np.zeros(len(found))
    for row in rows:
        counts[row["at"] : row["at"] + 1000] += 1
    assert np.abs(found[:, 0] - 0.25 * counts).max() < 1e-6


# --- layouts -------------------------------------------------------------------------------------------------------------


def test_mono_goes_to_both_sides(mix, level):
    for layout, sides in (("mono", [0]), ("stereo", [LEFT, RIGHT]), ("5.1", [LEFT, RIGHT])):
        found = mix([{"input": "x"}], {"x": level}, layout=layout)
        assert found[100] == pytest.approx([0.25 * (side in sides) for side in range(found.shape[1])], abs=1e-6)


def test_dialogue_in_mono_is_in_the_centre_and_as_loud(mix, level):
    found = mix([{"input": "x", "role": "dialogue"}], {"x": level}, layout="5.1")
    assert found[100] == pytest.approx([0, 0, 0.25 * np.sqrt(2), 0, 0, 0], abs=1e-6)


def test_stereo_goes_to_the_front_and_is_halved_in_mono(mix, stereo):
    assert mix([{"input": "x"}], {"x": stereo}, layout="5.1")[100] == pytest.approx([0.5, 0.125, 0, 0, 0, 0], abs=1e-6)
    assert mix([{"input": "x"}], {"x": stereo}, layout="mono")[100] == pytest.approx([0.3125], abs=1e-6)


@pytest.mark.parametrize("layout", ["5.1", "5.1(side)"])
def test_surround_is_kept_or_mixed_down_below_full_scale(mix, make, layout):
    wave = "|".join(f"{level:.2f}" for level in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6))
    name = f"surround-{layout}.wav"
    path = make(name, "-f", "lavfi", "-i", f"aevalsrc={wave}:s=48000:d=1:c={layout}", "-c:a", "pcm_s24le")
    assert mix([{"input": "x"}], {"x": path}, layout="5.1")[100] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], abs=1e-6)
    full = make(f"full-{name}", "-f", "lavfi", "-i", f"aevalsrc={'|'.join('1' * 6)}:s=48000:d=1:c={layout}")
    for smaller in ("stereo", "mono"):
        assert 0.9 < mix([{"input": "x"}], {"x": full}, layout=smaller).max() <= 1


def test_no_part_of_surround_is_lost_in_mono(mix, make):
    """ffmpeg 9 leaves some frames out where it does this in whole numbers."""
    wave = "0|0|'0.2*sin(2*PI*300*t)*lt(mod(t,0.4),0.3)'|0|0|0"
    path = make(
        "centre.wav", "-f", "lavfi", "-i", f"aevalsrc={wave}:s=48000:d=1:c=5.1".replace(",", r"\,"), "-c:a", "pcm_s24le"
    )
    found, t = mix([{"input": "x"}], {"x": path}, layout="mono")[:, 0], np.arange(48000) / 48000
    wanted = 0.2 * np.sin(2 * np.pi * 300 * t) * (np.arange(48000) % 19200 < 14400)
    share = np.dot(found, wanted) / np.dot(wanted, wanted)
    assert np.abs(found - share * wanted).max() < 1e-6
    assert share == pytest.approx(1 / (2 + np.sqrt(2)), abs=1e-3)


def test_other_rates_keep_their_pitch_and_place(mix, make):
    for rate in (44100, 22050, 96000):
        tone = make(
            f"tone{rate}.wav", "-f", "lavfi", "-i", f"aevalsrc='0.5*sin(2*PI*997*t)':s={rate}:d=1", "-c:a", "pcm_s24le"
        )
        found = mix([{"input": "x"}], {"x": tone})[:, 0]
        true = 0.5 * np.sin(2 * np.pi * 997 * np.arange(48000) / 48000)
        assert np.abs(found - true)[2000:-2000].max() < 1e-4, rate


# --- roles and ducking ---------------------------------------------------------------------------------------------------


def decibels(found, seconds):
    return 20 * np.log10(abs(found[int(seconds * 48000)]) / 0.25)


def test_only_sounds_of_the_roles_are_heard(mix, level, stereo):
    tracks = [{"input": "x", "role": "effects"}, {"input": "y", "role": "music"}]
    inputs = {"x": level, "y": stereo}
    assert mix(tracks, inputs, roles=("effects",))[100] == pytest.approx([0.25, 0.25], abs=1e-6)
    assert mix(tracks, inputs, roles=("music",))[100] == pytest.approx([0.5, 0.125], abs=1e-6)
    assert not mix(tracks, inputs, roles=("dialogue",)).any()


@pytest.mark.parametrize("layout", ["mono", "stereo", "5.1"])
def test_music_steps_back_before_a_word_and_comes_up_after_the_last(mix, make, speech, layout):
    song = make("song4.wav", "-f", "lavfi", "-i", "aevalsrc=0.25:s=48000:d=4", "-c:a", "pcm_s24le")
    tracks = [{"input": "d", "role": "dialogue"}, {"input": "m", "duck": "12"}]
    found = mix(tracks, {"d": speech, "m": song}, frames=96, layout=layout, roles=("music",))[:, 0]
    assert [decibels(found, at) for at in (0.2, 0.8, 3.2, 3.9)] == pytest.approx([0, 0, 0, 0], abs=0.01)
    assert [decibels(found, at) for at in (0.999, 1.2, 1.35, 1.75, 2.3)] == pytest.approx([-12] * 5, abs=0.01)
    assert -9 < decibels(found, 0.925) < -3
    assert -9 < decibels(found, 2.55) < -3
    assert np.abs(np.diff(found)).max() < 1e-4  # no step that clicks


def test_gain_of_the_dialogue_does_not_matter_to_ducking(mix, level, speech):
    for gain in ("-20", "6"):
        tracks = [{"input": "d", "role": "dialogue", "gain": gain}, {"input": "m", "duck": "-6"}]
        found = mix(tracks, {"d": speech, "m": level}, frames=36, roles=("music",))[:, 0]
        assert (decibels(found, 0.7), decibels(found, 1.1)) == pytest.approx((0, -6), abs=0.01)


def test_stems_add_up_to_the_mix(mix, level, speech):
    tracks = [
        {"input": "d", "role": "dialogue"},
        {"input": "m", "duck": "12", "at": 4000},
        {"input": "m", "duck": "7/2", "at": 9000, "role": "effects", "length": 60000},
        {"input": "m", "gain": "-3", "role": "effects"},
    ]
    inputs = {"d": speech, "m": level}
    whole = mix(tracks, inputs, frames=60)
    parts = [mix(tracks, inputs, frames=60, roles=(role,)) for role in ("dialogue", "music", "effects")]
    assert np.abs(whole - sum(parts)).max() < 1e-6


def test_without_dialogue_nothing_steps_back(mix, level, speech):
    assert mix([{"input": "m", "duck": "12"}], {"m": level}) == pytest.approx(0.25, abs=1e-6)
    silent = [{"input": "d", "role": "dialogue", "length": 40000}, {"input": "m", "duck": "12"}]
    assert mix(silent, {"d": speech, "m": level}) == pytest.approx(0.25, abs=1e-6)


def test_a_cut_may_begin_and_end_within_a_word(mix, make, level):
    tone = make("second.wav", "-f", "lavfi", "-i", "sine=d=1:r=48000")
    tracks = [{"input": "d", "role": "dialogue", "at": 2000}, {"input": "m", "duck": "12"}]
    found = mix(tracks, {"d": tone, "m": level}, roles=("music",))[:, 0]
    assert len(found) == 48000
    assert decibels(found, 0) < -8
    assert found[2000:] == pytest.approx(0.25 * 10 ** (-12 / 20), abs=1e-6)


def test_the_same_mix_gives_the_same_bytes(desk, level, speech):
    tracks = [{"input": "d", "role": "dialogue"}, {"input": "m", "duck": "12"}, {"input": "m", "duck": "3", "at": 100}]
    first, second = (desk(tracks, {"d": speech, "m": level}).read_bytes() for _ in range(2))
    assert first == second


def test_factors_are_the_same_wherever_they_are_cut(tmp_path):
    spans = [(100_000, 150_000), (300_000, 310_000)]
    whole = b"".join(ducking.factors(spans, Fraction(9), 0, 400_000))
    assert len(whole) == 4 * 400_000
    for first, length in ((0, 95_000), (95_000, 3000), (120_000, 60_000), (165_000, 200_000), (399_999, 1)):
        part = b"".join(ducking.factors(spans, Fraction(9), first, length))
        assert part == whole[4 * first : 4 * (first + length)]


@pytest.mark.slow
def test_time_grows_in_proportion_to_the_tracks(desk, level, speech):
    def seconds(count):
        rows = [{"input": "m", "at": 9600 * index, "length": 9600, "duck": "12"} for index in range(count)]
        rows += [{"input": "d", "at": 19200 * index, "role": "dialogue"} for index in range(count // 2)]
        began = time.monotonic()
        desk(rows, {"m": level, "d": speech}, frames=count * 5)
        return time.monotonic() - began

    assert seconds(800) < 6 * seconds(200)
