import time

import pytest

from shotbuild.errors import ShotbuildError
from shotbuild.host import tools


@pytest.fixture
def _unset(monkeypatch):
    monkeypatch.delenv(tools.VARIABLE, raising=False)


@pytest.mark.usefixtures("_unset")
def test_the_wheels_ffmpeg_is_the_default():
    assert tools.find_ffmpeg(None).parent.parent.name == tools.WHEEL


def test_the_environment_comes_before_the_setting(monkeypatch, tmp_path):
    own = tmp_path / "my ffmpeg"
    own.write_text("#!/bin/sh\n")
    own.chmod(0o755)
    monkeypatch.setenv(tools.VARIABLE, str(own))
    assert tools.find_ffmpeg("/nowhere/ffmpeg") == own


@pytest.mark.usefixtures("_unset")
def test_a_name_is_looked_up_on_the_path(monkeypatch, tmp_path):
    own = tmp_path / "ffmpeg-mine"
    own.write_text("#!/bin/sh\n")
    own.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert tools.find_ffmpeg("ffmpeg-mine") == own


@pytest.mark.usefixtures("_unset")
def test_a_wrong_setting_is_told(tmp_path):
    with pytest.raises(ShotbuildError, match="is not there") as caught:
        tools.find_ffmpeg("/nowhere/ffmpeg")
    assert "setting" in caught.value.cause
    plain = tmp_path / "ffmpeg"
    plain.write_text("")
    with pytest.raises(ShotbuildError, match="cannot be run"):
        tools.find_ffmpeg(str(plain))


def test_identity_is_kept_and_asked_again_when_damaged(tmp_path):
    cache = tmp_path / "tools.json"
    ffmpeg = tools.find_ffmpeg(None)
    first = tools.identify(ffmpeg, cache)
    assert {name for name, _ in first.encoders} == {"libx264", "libx265", "libsvtav1"}
    assert all(version != "unknown" for _, version in first.encoders)
    started = time.perf_counter()
    assert tools.identify(ffmpeg, cache) == first
    assert time.perf_counter() - started < 0.05
    for damage in ("", "[]", "{", cache.read_text().replace("version", "vision")):
        cache.write_text(damage)
        assert tools.identify(ffmpeg, cache) == first


def test_what_is_not_ffmpeg_is_told(tmp_path):
    other = tmp_path / "ffmpeg"
    other.write_text("#!/bin/sh\necho hello\n")
    other.chmod(0o755)
    with pytest.raises(ShotbuildError, match="is not ffmpeg"):
        tools.identify(other, tmp_path / "tools.json")


def test_capabilities_name_encoders_filters_and_muxers():
    has = tools.capabilities(tools.find_ffmpeg(None))
    assert {"encoder:libx264", "filter:zscale", "filter:drawtext", "muxer:mp4"} <= has
    assert "filter:nonsense" not in has
