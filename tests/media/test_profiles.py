from fractions import Fraction

import pytest

from shotbuild.host.tools import capabilities, find_ffmpeg
from shotbuild.media.profiles import PROFILES, encoder_arguments, needs, timescale


@pytest.mark.parametrize("name", PROFILES)
def test_the_wheel_has_what_a_profile_needs(name):
    assert needs(PROFILES[name]) <= capabilities(find_ffmpeg(None))


@pytest.mark.parametrize("name", PROFILES)
def test_no_profile_depends_on_the_machine(name):
    arguments = encoder_arguments(PROFILES[name].video, Fraction(24))
    assert arguments["threads"] == ("4" if name == "prores-422-hq" else "1")
    assert not {"maxrate", "bufsize"} & arguments.keys()
    assert arguments["colorspace"] == "bt709"


@pytest.mark.parametrize("rate", [Fraction(24), Fraction(24000, 1001), Fraction(25), Fraction(25, 2), Fraction(240)])
def test_ticks_hold_every_frame(rate):
    assert (timescale(rate) / rate).denominator == 1
    assert timescale(rate) >= 10_000


def test_key_frames_are_two_seconds_apart():
    assert encoder_arguments(PROFILES["h264-web"].video, Fraction(24000, 1001))["g"] == "48"
