"""The provider: a file of the right length, tagged, the same twice, with sound when asked, and stopped when asked."""

import hashlib
import threading
from fractions import Fraction
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np
import pytest

from shotbuild.errors import Cancelled
from shotbuild.providers.animatic import STORYBOARD, Animatic
from shotbuild.providers.interface import Request, Workplace
from shotbuild.providers.storyboard import sound
from shotbuild.providers.storyboard.chance import Chance
from shotbuild.providers.storyboard.draw import encode_argv
from shotbuild.providers.storyboard.film import Film
from shotbuild.records import FREE, Fields, fields
from shotbuild.units import samples
from tests.providers.requests import request


@pytest.fixture
def workplace(tmp_path: Path) -> Workplace:
    folder = tmp_path / "work"
    folder.mkdir()
    return Workplace(ffmpeg=Path(imageio_ffmpeg.get_ffmpeg_exe()), folder=folder, cancel=threading.Event())


def make(wanted: Request, workplace: Workplace, into: Path) -> Path:
    provider = Animatic()
    provider.make(wanted, workplace, into)
    return into


@pytest.mark.parametrize("rate", [Fraction(24), Fraction(24000, 1001), Fraction(25), Fraction(30000, 1001), Fraction(7, 3)])
@pytest.mark.parametrize("frames", [1, 2, 49])
def test_frames_and_rate_are_exact(workplace: Workplace, tmp_path: Path, rate: Fraction, frames: int) -> None:
    path = make(request(size=(64, 64), frames=frames, rate=rate), workplace, tmp_path / "take.mp4")
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        stamps = sorted(frame.pts for frame in container.decode(video) if frame.pts is not None)
        assert video.time_base is not None
        assert [stamp * video.time_base for stamp in stamps] == [index / rate for index in range(frames)]
        assert (video.width, video.height, video.pix_fmt) == (64, 64, "yuv420p")
        assert video.average_rate == rate
        assert not container.streams.audio


def test_the_picture_is_tagged_and_keeps_its_colours(workplace: Workplace, tmp_path: Path) -> None:
    wanted = request(frames=3)
    path = make(wanted, workplace, tmp_path / "take.mp4")
    with av.open(str(path)) as container:
        first = next(container.decode(video=0))
        context = container.streams.video[0].codec_context
        assert (first.colorspace, first.color_range) == (1, 1)
        assert (context.color_primaries, context.color_trc) == (1, 1)
        decoded = first.to_ndarray().reshape(-1).astype(int)
    drawn = np.concatenate([np.frombuffer(chunk, np.uint8) for chunk in list(Film(wanted).frames())[:3]])
    assert np.abs(decoded - drawn).mean() < 1


@pytest.mark.parametrize("kind", ["silent", "scratch"])
def test_the_same_request_gives_the_same_bytes(workplace: Workplace, tmp_path: Path, kind: str) -> None:
    paths = [make(request(sound=kind), workplace, tmp_path / f"{number}.mp4") for number in (1, 2)]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert not list(workplace.folder.iterdir())


@pytest.mark.parametrize("rate", [Fraction(24), Fraction(24000, 1001)])
def test_scratch_sound_is_as_long_as_the_picture(workplace: Workplace, tmp_path: Path, rate: Fraction) -> None:
    path = make(request(frames=50, rate=rate, sound="scratch"), workplace, tmp_path / "take.mp4")
    with av.open(str(path)) as container:
        audio = container.streams.audio[0]
        assert (audio.rate, audio.channels, audio.codec_context.name) == (48000, 2, "aac")
        assert audio.duration == samples(50, rate)


def test_scratch_sound_is_exact_and_the_same_on_every_machine() -> None:
    found = b"".join(sound.pcm("sea", None, Chance("a"), 100_003))
    assert len(found) == 100_003 * 4
    assert hashlib.sha256(found).hexdigest() == "b429af3aedd19bc4ab4637b3eb4e9be2e6fafa62b41bda0ee2fddff89a87c13e"
    levels = np.abs(np.frombuffer(found, "<i2").astype(int)).reshape(-1, 2)
    assert levels[:2000].max() > 3000 > levels[4000:40000].max()
    assert b"".join(sound.pcm("room", "rain", Chance("a"), 100_003)) != found


def test_a_cancelled_take_stops(workplace: Workplace, tmp_path: Path) -> None:
    threading.Timer(0.3, workplace.cancel.set).start()
    with pytest.raises(Cancelled):
        make(request(size=(320, 180), frames=200_000), workplace, tmp_path / "take.mp4")


def test_it_is_free_and_says_whether_it_has_sound() -> None:
    assert Animatic().price("storyboard", Fields()) == FREE
    assert Animatic().has_sound("storyboard", fields(sound="scratch"))
    assert not Animatic().has_sound("storyboard", fields(sound="silent"))


def test_ffmpeg_may_open_files_and_pipes_only() -> None:
    argv = encode_argv(Path("ffmpeg"), request(), Path("sound.pcm"), Path("take.mp4"))
    inputs = [index for index, word in enumerate(argv) if word == "-i"]
    limits = [index for index, word in enumerate(argv) if word == "-protocol_whitelist"]
    assert len(limits) == len(inputs) == 2
    assert all(argv[index + 1] == "file,pipe" for index in limits)
    assert argv[argv.index("-threads") + 1] == "1"
    assert argv[-1] == "file:take.mp4"


def test_the_model_declares_its_settings() -> None:
    assert set(STORYBOARD.fields) == {"overlay", "sound"}
    assert all(field.doc for field in STORYBOARD.fields.values())
    assert STORYBOARD.roles == ("first_frame", "last_frame", "reference")
