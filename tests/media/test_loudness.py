"""A mix is brought to its target by one gain, with a limiter only where peaks ask for it, corrected by what came out."""

import math
from fractions import Fraction

import pytest

from shotbuild.host import process
from shotbuild.host.tools import find_ffmpeg
from shotbuild.media import loudness
from shotbuild.media.loudness import Loudness, Setting, Target
from shotbuild.media.probe import probe_sound
from shotbuild.records import fields

WANTED = Target(integrated=Fraction(-14), peak=Fraction(-1), tolerance=Fraction(1, 2))


def found(integrated, peak):
    return Loudness(integrated=Fraction(integrated), range=Fraction(0), peak=None if peak is None else Fraction(peak))


@pytest.fixture
def measured(tmp_path):
    def ran(path):
        process.run(loudness.measure(find_ffmpeg(None), path, probe_sound(path)), cwd=tmp_path)
        return loudness.measured(tmp_path)

    return ran


def test_a_sine_is_as_loud_as_the_standard_says(make, measured):
    """EBU Tech 3341, case 1: 1 kHz at -23 dBFS in both channels is -23.0 LUFS."""
    side = f"{10 ** (-23 / 20):.9f}*sin(2*PI*1000*t)"
    tone = f"aevalsrc='{side}|{side}':s=48000:d=20"
    path = make("ebu-1.wav", "-f", "lavfi", "-i", tone, "-c:a", "pcm_f32le")
    assert float(measured(path).integrated) == pytest.approx(-23, abs=0.1)
    assert float(measured(path).peak) == pytest.approx(-23, abs=0.05)


def test_quiet_parts_do_not_count(make, measured):
    """EBU Tech 3341, case 3: -36, -23 and -36 LUFS, of which the middle counts."""
    levels = "if(between(t\\,10\\,70)\\,0.070795\\,0.015849)"
    side = f"{levels}*sin(2*PI*1000*t)"
    tone = f"aevalsrc='{side}|{side}':s=48000:d=80"
    path = make("ebu-3.wav", "-f", "lavfi", "-i", tone, "-c:a", "pcm_s24le")
    assert float(measured(path).integrated) == pytest.approx(-23, abs=0.1)


def test_peaks_between_samples_are_found(make, measured):
    """A quarter of the rate at 45 degrees: samples at -3 dBFS, a true peak of 0 dBTP."""
    path = make("between.wav", "-f", "lavfi", "-i", "aevalsrc='sin(PI/2*n+PI/4)':s=48000:d=2", "-c:a", "pcm_f32le")
    assert float(measured(path).peak) == pytest.approx(0, abs=0.3)


def test_a_peak_in_the_last_milliseconds_is_found(make, measured):
    late = r"aevalsrc='(0.01+0.79*gt(t\,1.24))*sin(2*PI*500*t)':s=48000:d=1.25"
    path = make("late-peak.wav", "-f", "lavfi", "-i", late, "-c:a", "pcm_f32le")
    assert float(measured(path).peak) == pytest.approx(20 * math.log10(0.8), abs=0.3)


def test_silence_and_less_than_a_block_have_no_loudness(make, measured):
    for name, graph in (("none", "anullsrc=r=48000:d=2"), ("block", "sine=r=48000:d=0.3")):
        assert measured(make(f"silent-{name}.wav", "-f", "lavfi", "-i", graph)).silent


def test_a_gain_is_enough_where_peaks_stay_below_the_limit():
    assert loudness.first(found("-20", "-8"), WANTED) == Setting(gain=Fraction(6))


def test_a_limiter_works_where_they_would_not():
    setting = loudness.first(found("-20", "-3"), WANTED)
    assert (setting.gain, setting.ceiling) == (6, -1)
    assert -3 + setting.gain - setting.headroom < 0  # it fits into whole numbers while it is resampled


def test_what_was_missed_is_made_up_for():
    mix = found("-20", "-8")
    better = loudness.corrected(loudness.first(mix, WANTED), mix, found("-14.6", "-2"), WANTED)
    assert better == Setting(gain=Fraction("6.6"))


def test_a_codec_that_overshoots_gets_a_lower_ceiling():
    mix = found("-20", "-8")
    lower = loudness.corrected(loudness.first(mix, WANTED), mix, found("-14", "-0.5"), WANTED)
    assert lower.ceiling == Fraction("-1.55")
    again = loudness.corrected(lower, mix, found("-14.1", "-0.9"), WANTED)
    assert (again.gain, again.ceiling) == (Fraction("6.1"), Fraction("-1.70"))


def test_it_is_settled_near_the_target_and_never_above_the_limit():
    assert loudness.settled(found("-14.04", "-1"), WANTED, 1)
    assert not loudness.settled(found("-14", "-0.99"), WANTED, 1)
    assert not loudness.settled(found("-14.08", "-3"), WANTED, 1)
    assert loudness.settled(found("-14.08", "-3"), WANTED, 5)
    assert loudness.good(found("-14.4", "-3"), WANTED)
    assert not loudness.good(found("-14.6", "-3"), WANTED)


def test_no_target_is_as_it_was_mixed_and_the_rest_has_defaults():
    assert loudness.target(fields()) is None
    assert loudness.target(fields(target="-23")) == Target(
        integrated=Fraction(-23), peak=Fraction(-1), tolerance=loudness.NEAR
    )
