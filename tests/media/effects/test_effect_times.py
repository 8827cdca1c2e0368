"""`speed`, `freeze`, `interpolate`: which frame is seen when, and that sound stays with its picture."""

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from shotbuild.host import process
from shotbuild.host.tools import find_ffmpeg
from shotbuild.media.effects.sound import heard
from shotbuild.media.filters import argv, picked, source, written
from shotbuild.stages.effects import EFFECTS
from tests.media.effects.conftest import row

RATE = Fraction(24)


def numbers(done) -> list[int]:
    """Which frame of the source each frame is."""
    return [round((luma - 16) / 4) for luma in done.lumas]


@pytest.mark.parametrize(
    ("factor", "frames", "wanted"),
    [
        ("2", 8, [0, 2, 4, 6, 8, 10, 12, 14]),
        ("1/2", 20, [n // 2 for n in range(20)]),
        ("1", 16, list(range(16))),
        ("3/2", 10, [0, 2, 3, 5, 6, 8, 9, 11, 12, 14]),
    ],
)
def test_speed_repeats_and_leaves_out_by_the_frame(factor, frames, wanted, run, film_file) -> None:
    seen = numbers(run(film_file("numbered", frames=16), [row("speed", factor=factor)], frames=frames))
    assert all(abs(there - frame) <= (factor == "3/2") for there, frame in zip(seen, wanted, strict=True))


@pytest.mark.parametrize("smooth", [False, True])
@pytest.mark.parametrize("factor", ["1/4", "1/2", "2/3", "999/1000", "3/2", "16"])
def test_a_film_of_another_speed_lasts_as_long_as_was_said(smooth, factor, run, film_file) -> None:
    rows = [row("speed", factor=factor, smooth=smooth)]
    frames = max(1, round(EFFECTS["speed"].seconds(rows[0].get("settings"), Fraction(16, 24)) * 24))
    assert len(run(film_file("numbered", frames=16), rows, frames=frames).planes) == frames


def test_smooth_slow_motion_has_pictures_in_between(run, film_file) -> None:
    path = film_file("numbered", frames=16)
    smooth = run(path, [row("speed", factor="1/2", smooth=True)], frames=28)
    assert len(set(smooth.lumas[4:26])) > len(set(run(path, [row("speed", factor="1/2")], frames=28).lumas[4:26]))


def test_a_freeze_stands_for_exactly_so_much_longer(run, film_file) -> None:
    path = film_file("numbered", frames=16)
    done = run(path, [row("freeze", at="250ms", for_="500ms")], frames=28)
    assert numbers(done) == [*range(7), *[6] * 12, *range(7, 16)]


def test_a_freeze_of_the_last_frame_lasts(run, film_file) -> None:
    done = run(film_file("numbered", frames=4), [row("freeze", at="125ms", for_="250ms")], frames=10)
    assert numbers(done) == [0, 1, 2, *[3] * 7]


@pytest.mark.parametrize("method", ["motion", "blend"])
@pytest.mark.parametrize(("rate", "frames"), [("48", 32), ("30", 20), ("60000/1001", 40), ("24", 16)])
def test_an_interpolated_film_has_its_rate_and_its_length(method, rate, frames, run, film_file) -> None:
    done = run(film_file("moving"), [row("interpolate", rate=rate, method=method)], frames=frames)
    assert (len(done.planes), done.film.rate) == (frames, Fraction(rate))
    with av.open(str(done.path)) as opened:
        assert abs(opened.streams.video[0].average_rate - Fraction(rate)) < Fraction(1, 10)


def test_interpolated_pictures_stand_where_their_sources_stood(run, film_file) -> None:
    path = film_file("numbered", frames=12)
    plain, doubled = run(path, [], frames=12), run(path, [row("interpolate", rate="48", method="blend")], frames=24)
    assert [abs(doubled.lumas[2 * n] - plain.lumas[n]) <= 1 for n in range(2, 10)] == [True] * 8


# --- sound --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def clicks(make) -> Path:
    """Two seconds, 48 kHz stereo, with a burst of 20 ms at 0.5, 1.0 and 1.5 s."""
    burst = "+".join(f"between(t,{at},{at}+0.02)" for at in ("0.5", "1", "1.5"))
    graph = f"aevalsrc='({burst})*0.5*sin(2*PI*1000*t)|({burst})*0.5*sin(2*PI*1000*t)':s=48000:d=2"
    return make("clicks.wav", "-f", "lavfi", "-i", graph, "-c:a", "pcm_s16le")


@pytest.fixture
def hear(tmp_path_factory):
    def ran(path, rows, before=(), threads="1"):
        into = tmp_path_factory.mktemp("heard")
        stream = heard(picked(source(path, "wav"), 0), rows, RATE)
        command = list(argv(find_ffmpeg(None), written(stream, "out.wav", "wav", {"c:a": "pcm_s16le"})))
        at = command.index("-filter_threads") + 1
        command[at] = threads
        process.run([command[0], *before, *command[1:]], cwd=into)
        with av.open(str(into / "out.wav")) as opened:
            parts = [frame.to_ndarray().reshape(-1, 2)[:, 0] for frame in opened.decode(audio=0)]
        return into / "out.wav", np.concatenate(parts).astype(float) / 32768

    return ran


def starts(sound: np.ndarray) -> list[float]:
    """Seconds at which it gets loud after a tenth of a second of silence."""
    loud = np.flatnonzero(np.abs(sound) > 0.1)
    firsts = [loud[0], *(later for earlier, later in pairwise(loud) if later - earlier > 2400)]
    return [float(first) / 48000 for first in firsts]


def middle(sound: np.ndarray, near: float, around: float) -> float:
    """Seconds at which half of what is heard around a place was heard."""
    first = max(0, int((near - around) * 48000))
    heard_so_far = np.cumsum(np.abs(sound[first : int((near + around) * 48000)]))
    return float(first + np.searchsorted(heard_so_far, heard_so_far[-1] / 2)) / 48000


@pytest.mark.parametrize("factor", ["2", "1/2", "4", "1/4", "3/2"])
def test_sound_of_another_speed_is_where_its_picture_is(factor, hear, clicks) -> None:
    _, sound = hear(clicks, [row("speed", factor=factor)])
    by = float(Fraction(factor))
    wanted = [(at + 0.01) / by for at in (0.5, 1, 1.5)]
    assert [middle(sound, at, 0.2 / by) for at in wanted] == pytest.approx(wanted, abs=0.02 / min(by, 1))
    assert -0.005 <= len(sound) / 48000 - 2 / by <= 0.3 * max(1, 1 / by)


def test_a_freeze_is_silent_and_what_follows_comes_later(hear, clicks) -> None:
    _, sound = hear(clicks, [row("freeze", at="1.2s", for_="1s")])
    assert starts(sound) == pytest.approx([0.5, 1, 2.5], abs=0.001)
    assert np.abs(sound[int(1.25 * 48000) : int(2.2 * 48000)]).max() == 0


def test_effects_that_do_not_change_time_leave_sound_alone(hear, clicks) -> None:
    with av.open(str(clicks)) as opened:
        plain = np.concatenate([frame.to_ndarray().reshape(-1, 2)[:, 0] for frame in opened.decode(audio=0)])
    _, sound = hear(clicks, [row("grain"), row("interpolate", rate="48")])
    assert (np.round(sound * 32768).astype(int) == plain).all()


def test_sound_is_the_same_twice_and_on_more_threads(hear, clicks) -> None:
    rows = [row("speed", factor="1/3"), row("freeze", at="1s", for_="500ms")]
    first = hear(clicks, rows)[0].read_bytes()
    assert hear(clicks, rows)[0].read_bytes() == first
    assert hear(clicks, rows, threads="4")[0].read_bytes() == first
