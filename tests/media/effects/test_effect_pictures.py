"""What effects do to pictures: sizes, places and times, and that a film may begin in the middle of its shot."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from shotbuild.errors import MediaError
from shotbuild.media.effects.over import yuv_of
from shotbuild.media.effects.sizes import keys_of
from shotbuild.stages.effects import EFFECTS
from shotbuild.units import Size
from tests.media.effects.conftest import row

FROM_ANYWHERE = {
    "upscale": [row("upscale", factor="2")],
    "crop": [row("crop", x="1/10", width="1/2")],
    "reframe": [row("reframe", aspect="9:16", keys="0s:1/5,1/2 500ms:4/5,1/2")],
    "deband": [row("deband")],
    "sharpen": [row("sharpen")],
    "grain": [row("grain", strength=20)],
    "title": [row("title", text="x", at="2f", for_="12f", fade_in="6f", fade_out="6f")],
    "fade": [row("fade", in_="8f", out="6f", color="#c02040", length="2/3")],
}


@pytest.fixture(scope="session")
def letters(tmp_path_factory):
    path = tmp_path_factory.mktemp("letters") / "letters.png"
    picture = Image.new("RGBA", (160, 90))
    picture.paste((255, 255, 255, 255), (40, 20, 120, 70))
    picture.save(path)
    return {"effect0-letters.png": path}


@pytest.mark.parametrize("name", FROM_ANYWHERE)
def test_a_film_that_begins_in_the_middle_of_its_shot_is_the_same_there(name, run, film_file, letters) -> None:
    assert not EFFECTS[name].from_start
    whole = run(film_file(), FROM_ANYWHERE[name], files=letters)
    later = run(film_file(), FROM_ANYWHERE[name], files=letters, start=5, frames=11)
    assert later.digests == whole.digests[5:]


def test_every_effect_is_either_a_function_of_stamps_or_says_that_it_is_not() -> None:
    said = {name for name, effect in EFFECTS.items() if effect.from_start or effect.reads}
    assert said | FROM_ANYWHERE.keys() | {"lut"} == EFFECTS.keys()


def test_upscale_makes_the_frame_larger(run, film_file) -> None:
    assert run(film_file(), [row("upscale", factor="3/2")], frames=1).planes[0][0].shape == (136, 240)
    assert run(film_file(), [row("upscale", size="320x180")], frames=1).film.size == Size(320, 180)
    with pytest.raises(MediaError, match="either `size` or `factor`"):
        run(film_file(), [row("upscale")])


def test_crop_takes_its_part(run, film_file) -> None:
    plain = run(film_file(), [], frames=2)
    done = run(film_file(), [row("crop", x="1/4", y="0.2", width="1/2", height="0.5")], frames=2)
    assert done.film.size == Size(80, 46)
    assert (done.planes[1][0] == plain.planes[1][0][18:64, 40:120]).all()
    with pytest.raises(MediaError, match="beyond the picture"):
        run(film_file(), [row("crop", x="1/2", width="0.6")])


def test_reframe_looks_where_its_keys_say(run, film_file) -> None:
    plain = run(film_file(), [])
    done = run(film_file(), [row("reframe", aspect="9:16", keys="2f:0.3,0.5 10f:0.7,0.5", ease="linear")])
    assert done.film.size == Size(50, 90)
    lefts = [round(0.3 * 160 - 25 + min(8, max(0, n - 2)) * 0.4 * 160 / 8) for n in range(16)]
    for frame, there, left in zip(plain.planes, done.planes, lefts, strict=True):
        assert (there[0] == frame[0][:, left : left + 50]).all()


def test_reframe_eases_and_stays_inside(run, film_file) -> None:
    for ease in ("smooth", "hold"):
        done = run(film_file(), [row("reframe", aspect="1:1", keys="0f:0,0 15f:1,1", ease=ease)])
        plain = run(film_file(), [])
        assert (done.planes[0][0] == plain.planes[0][0][:, :90]).all()
        assert (done.planes[15][0] == plain.planes[15][0][:, 70:]).all()
        middle = 0 if ease == "hold" else 35 - 3
        assert (done.planes[7][0] == plain.planes[7][0][:, middle : middle + 90]).all()


def test_keys_are_read_by_frame() -> None:
    first, second = keys_of("0s:0.3,0.5 00:00:02:12:7/10,1/2", Fraction(24))
    assert (first.frame, second.frame, second.left) == (0, 60, Fraction(7, 10))


def test_grain_moves_and_another_seed_gives_other_grain(run, film_file) -> None:
    path = film_file("numbered", frames=6)
    one, other = (run(path, [row("grain", strength=20, seed=seed)], frames=6) for seed in (1, 2))
    plain = run(path, [], frames=6)
    first, second = (one.planes[n][0].astype(int) - plain.planes[n][0] for n in (0, 1))
    assert first.std() == pytest.approx(second.std(), abs=0.5)
    assert first.std() > 2
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.05
    assert (one.planes[0][0] != other.planes[0][0]).any()
    assert (one.planes[3][1] == plain.planes[3][1]).all()


def test_denoise_takes_noise_away(run, film_file) -> None:
    path = film_file("numbered")
    plain = run(path, [row("grain", strength=20)])
    for method in ("hqdn3d", "atadenoise", "nlmeans"):
        done = run(path, [row("grain", strength=20), row("denoise", method=method, strength="6")])
        assert _roughness(done) < 0.95 * _roughness(plain), method


def test_sharpen_makes_edges_steeper(run, film_file) -> None:
    plain = run(film_file(), [])
    for method in ("cas", "unsharp"):
        done = run(film_file(), [row("sharpen", method=method, strength="1")])
        assert _roughness(done) > 1.1 * _roughness(plain)
        assert (done.planes[3][1] == plain.planes[3][1]).all()


def test_deband_makes_steps_smooth(run, make) -> None:
    graph = "color=gray:s=160x90:r=24,format=yuv420p,geq=lum='100+2*floor(X/20)':cb=128:cr=128,trim=end_frame=2"
    path = make("banded.mkv", "-f", "lavfi", "-i", graph, "-c:v", "ffv1")
    banded, smooth = (run(path, rows, frames=2).planes[1][0] for rows in ([], [row("deband", strength="3")]))
    steps = [np.abs(np.diff(luma.astype(int).mean(axis=0))).max() for luma in (banded, smooth)]
    assert steps[1] < steps[0] / 2


def test_a_title_comes_and_goes_at_its_frames(run, film_file, letters) -> None:
    path = film_file("numbered", frames=16)
    done = run(path, [row("title", text="x", at="4f", for_="6f")], files=letters)
    seen = [n for n, luma in enumerate(done.lumas) if luma == 235]
    assert seen == list(range(4, 10))
    assert [frame[0][2, 2] for frame in done.planes] == [16 + 4 * n for n in range(16)]


def test_a_title_fades(run, film_file, letters) -> None:
    done = run(film_file("numbered"), [row("title", text="x", for_="16f", fade_in="4f", fade_out="4f")], files=letters)
    rising, falling = done.lumas[:5], done.lumas[12:]
    assert rising == sorted(rising)
    assert rising[4] == 235
    assert falling == sorted(falling, reverse=True)


@pytest.mark.parametrize("pixels", ["yuv420p", "yuv422p10le"])
def test_a_fade_is_all_colour_on_the_first_and_the_last_frame(pixels, run, film_file) -> None:
    color = "#c02040"
    done = run(film_file(pixels=pixels), [row("fade", in_="4f", out="4f", color=color, length="2/3")], pixels=pixels)
    plain = run(film_file(pixels=pixels), [], pixels=pixels)
    wanted = yuv_of(color, 10 if "10" in pixels else 8)
    for n in (0, 15):
        assert max(abs(plane.astype(int) - there).max() for plane, there in zip(done.planes[n], wanted, strict=True)) <= 1
    assert done.digests[4:11] == plain.digests[4:11]
    assert [a != b for a, b in zip(done.digests, plain.digests, strict=True)].count(True) == 8


def test_a_shot_without_length_cannot_fade_out(run, film_file) -> None:
    with pytest.raises(MediaError, match="length is not known"):
        run(film_file(), [row("fade", out="4f")])


def test_stabilise_makes_the_camera_steady(run, prepare, film_file) -> None:
    path = film_file("shaken", frames=24)
    settings = row("stabilise", tripod=True, borders="keep").get("settings")
    motion = {"effect0-motion.trf": prepare(path, "stabilise", settings)}
    plain, done = (
        run(path, [], frames=24),
        run(path, [row("stabilise", tripod=True, borders="keep")], frames=24, files=motion),
    )
    assert len(done.planes) == 24
    assert _unrest(done) < 0.5 * _unrest(plain)


def test_the_analysis_of_stabilise_is_the_same_on_any_number_of_threads(prepare, film_file, monkeypatch) -> None:
    path, settings = film_file("shaken", frames=24), row("stabilise").get("settings")
    first = prepare(path, "stabilise", settings).read_bytes()
    for threads in ("1", "3"):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        assert prepare(path, "stabilise", settings, threads=int(threads)).read_bytes() == first
    assert prepare(path, "stabilise", settings, before=("-cpuflags", "0")).read_bytes() == first


def _roughness(done) -> float:
    return float(np.mean([np.abs(np.diff(frame[0].astype(int), axis=1)).mean() for frame in done.planes]))


def _unrest(done) -> float:
    inner = [frame[0][20:70, 30:130].astype(int) for frame in done.planes]
    return float(np.mean([np.abs(later - earlier).mean() for earlier, later in pairwise(inner)]))


@pytest.mark.parametrize("pixels", ["yuv420p", "yuv422p10le"])
def test_a_long_chain_is_one_graph(pixels, run, film_file, letters) -> None:
    rows = [
        row("freeze", at="125ms", for_="250ms"),
        row("interpolate", rate="48", method="blend"),
        row("speed", factor="2"),
        row("upscale", factor="2"),
        row("reframe", aspect="1:1", keys="0s:0,0.5 250ms:1,0.5"),
        row("grain"),
        row("grain", seed=2, size=3),
        row("title", text="x", for_="200ms", fade_in="2f"),
        row("title", text="x", at="200ms", for_="100ms"),
        row("fade", in_="2f", out="2f", color="#ffffff", length="11/24"),
    ]
    done = run(film_file(pixels=pixels), rows, pixels=pixels, files=letters, frames=22)
    assert (done.film.size, done.film.rate, len(done.planes)) == (Size(180, 180), Fraction(48), 22)
    assert done.planes[21][0].min() >= (939 if "10" in pixels else 234)
