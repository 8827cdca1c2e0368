"""The built-in table: what it needs is there, what it promises is what it makes, and the page for people says the same."""

import re
from fractions import Fraction
from pathlib import Path

import pytest

from shotbuild.host.tools import capabilities, find_ffmpeg
from shotbuild.media import joining
from shotbuild.media.encoders import MUXERS, encoder_arguments, needs
from shotbuild.media.judge import judge, read
from shotbuild.media.measure import measure
from shotbuild.media.profiles import PROFILES, chunked
from shotbuild.records import Fields
from shotbuild.spec import encodings
from shotbuild.spec.constraints import MUST
from shotbuild.units import Size
from tests import chunks

PAGE = Path(__file__).parents[2] / "docs" / "profiles.md"
NAMES = sorted(PROFILES)
OF_THE_FILM = ("size", "min_duration", "loudness", "loudness_tolerance", "true_peak")
PROMISED = ("size", "most_size", "level", "gop", "b_frames", "max_bitrate", "max_duration", "loudness", "true_peak")


@pytest.fixture(scope="module")
def has():
    return capabilities(find_ffmpeg(None))


@pytest.mark.parametrize("name", NAMES)
def test_the_wheel_has_what_a_profile_needs(name, has):
    assert needs(PROFILES[name]) <= has


@pytest.mark.parametrize("name", [name for name in NAMES if PROFILES[name].video.items])
def test_every_setting_is_one_that_a_person_may_write(name):
    profile = PROFILES[name]
    codec = profile.video.text("codec")
    assert codec in encodings.KINDS.get(profile.kind, (codec,))
    assert {key for key, _ in profile.video} <= {"codec", "extension", *encodings.VIDEO[codec]}
    if profile.sound.items:
        sound = profile.sound.text("codec")
        assert {key for key, _ in profile.sound} <= {"codec", "extension", *encodings.SOUND[sound]}
        assert profile.sound.text("extension") == encodings.SOUND_FILES[sound]
    for said, known in (
        (profile.loudness, encodings.LOUDNESS),
        (profile.wrap, encodings.WRAP),
        (profile.burn_in, encodings.BURN_IN),
    ):
        assert {key for key, _ in said} <= known.keys()


@pytest.mark.parametrize("name", NAMES)
def test_every_promise_is_a_constraint_that_is_known(name):
    assert {key for key, _ in PROFILES[name].must} <= MUST.keys()
    assert PROFILES[name].must.items
    assert PROFILES[name].about


@pytest.mark.parametrize("rate", ["24000/1001", "24", "25", "30000/1001", "30", "50", "60000/1001", "60"])
def test_key_frames_keep_what_is_promised_at_every_rate(rate):
    for profile in PROFILES.values():
        if profile.must.get("gop") is not None:
            frames = int(encoder_arguments(profile.video, Fraction(rate))["g"])
            assert frames / Fraction(rate) <= Fraction(profile.must.text("gop")), profile.name


def test_key_frames_are_two_seconds_apart():
    assert encoder_arguments(PROFILES["h264-web"].video, Fraction(24000, 1001))["g"] == "48"


def test_rungs_are_there_and_share_their_key_frames():
    for name in ("hls", "dash"):
        rungs = [PROFILES[rung] for rung in PROFILES[name].ladder]
        assert {encoder_arguments(rung.video, Fraction(25))["g"] for rung in rungs} == {"50"}
        assert all(rung.video.get("scenecut") is False and chunked(rung.video) for rung in rungs)
        heights = [rung.height for rung in rungs]
        assert heights == sorted(heights, reverse=True)


def test_broadcast_is_r128_and_the_web_is_not():
    for profile in PROFILES.values():
        if profile.loudness.items:
            on_air = profile.name in ("broadcast-prores", "xdcam")
            assert profile.loudness.text("target") == profile.must.get("loudness") == ("-23" if on_air else "-14") or (
                profile.kind in ("hls", "dash")
            )


@pytest.mark.parametrize("name", [name for name in NAMES if PROFILES[name].kind == "film"])
def test_a_small_film_keeps_what_its_profile_promises(name, tmp_path):
    """All but its size, its length and its loudness, which are those of this small noise."""
    profile, lengths = PROFILES[name], [12, 1, 14]
    video = chunks.smaller(profile.video)
    lengths = lengths if chunked(video) else [sum(lengths)]
    pictures = [chunks.chunk(tmp_path, video, sum(lengths[:index]), length) for index, length in enumerate(lengths)]
    heard = chunks.sound(tmp_path, profile.sound, sum(lengths)) if profile.sound.items else None
    wanted = joining.Film(
        lengths=lengths,
        rate=Fraction(24),
        size=Size(256, 144),
        title="",
        identity="",
        muxer=MUXERS[profile.extension],
        edit_list=profile.wrap.get("edit_list") is not False,
    )
    path, folder = tmp_path / f"film.{profile.extension}", tmp_path / "work"
    folder.mkdir()
    joining.join(pictures, heard, wanted, path)
    told = measure(path, folder, frames=27, rate=Fraction(24), cuts=[0], extension=profile.extension, mix=None)
    must = Fields(tuple((key, value) for key, value in profile.must if key not in OF_THE_FILM))
    verdicts, _ = judge(read(told.encode()), must, Fields())
    assert [verdict for verdict in verdicts if not verdict.passed] == []


def test_the_page_lists_every_profile_with_what_it_promises():
    rows = {}
    for line in PAGE.read_text(encoding="utf-8").partition("## Built-in profiles")[2].splitlines():
        if match := re.fullmatch(r"\| `([a-z0-9-]+)` \|(.*)\|", line):
            rows[match[1]] = match[2]
    for name, profile in PROFILES.items():
        assert name in rows, f"docs/profiles.md does not list {name}"
        for key in PROMISED:
            if profile.must.get(key) is not None:
                assert re.search(rf"\b{key} {re.escape(str(profile.must.get(key)))}(,| \|?$| )", rows[name] + " "), (
                    name,
                    key,
                )
    assert rows.keys() == PROFILES.keys()
