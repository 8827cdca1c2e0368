"""`lut`, `color` and `tonemap`: what becomes of numbers and of light."""

from fractions import Fraction

import numpy as np
import pytest

from shotbuild.errors import MediaError
from shotbuild.host import process
from shotbuild.host.tools import find_ffmpeg
from shotbuild.media.effects import READ
from shotbuild.media.effects.over import yuv_of
from shotbuild.media.filters import argv, ffv1, picked, source, written
from shotbuild.media.geometry import placing
from shotbuild.media.pictures import Finish, numbered, shaped
from shotbuild.media.probe import probe
from shotbuild.stages.effects import EFFECTS, EXACT
from shotbuild.units import Size
from tests.media.effects.conftest import frames_of, row

NAMES = {"bt709": "color_primaries=bt709:color_trc=bt709:colorspace=bt709"}
HDR = "color_primaries=bt2020:color_trc={curve}:colorspace=bt2020nc:range=tv"
NITS = "nullsrc=s=64x64:r=24,trim=end_frame=2,format=gbrpf32le,geq=r='{light}':g='{light}':b='{light}'"


@pytest.fixture
def read(tmp_path_factory):
    """A file through effects that read, then brought to bt709 as every source is. Gives its frames."""

    def ran(path, rows, pixels="yuv420p", before=(), threads="1"):
        into = tmp_path_factory.mktemp("read")
        found = probe(path)
        stream, look = picked(source(path, found.container), found.video.index), found.video.look
        for each in rows:
            stream, look = READ[each.text("effect")](stream, look, each.get("settings"))
        size = Size(look.width, look.height)
        finish = Finish(placing=placing(look.width, look.height, Fraction(1), size, "pad"), pixels=pixels)
        stream = numbered(shaped(stream, look, finish, path.name), Fraction(24))
        command = list(argv(find_ffmpeg(None), written(stream, "out.mkv", "matroska", ffv1(pixels, 2))))
        command[command.index("-filter_threads") + 1] = threads
        process.run([command[0], *before, *command[1:]], cwd=into)
        return frames_of(into / "out.mkv")

    return ran


@pytest.fixture(scope="session")
def lit(make):
    """lit(nits, "pq" | "hlg"): two frames of one grey of so much light, 10 bits."""

    def made(nits: int, curve: str = "pq"):
        there = {"pq": "smpte2084", "hlg": "arib-std-b67"}[curve]
        light = nits / (10_000 if curve == "pq" else 1000)
        graph = NITS.format(light=light) + (
            f",setparams=color_primaries=bt2020:color_trc=linear:colorspace=gbr,"
            f"zscale=transferin=linear:transfer={there}:primariesin=2020:primaries=2020:matrixin=gbr:matrix=2020_ncl"
            f":rangein=full:range=limited:npl={10_000 if curve == 'pq' else 1000},format=yuv420p10le,"
            + "setparams="
            + HDR.format(curve=there)
        )
        return make(f"lit-{curve}-{nits}.mkv", "-f", "lavfi", "-i", graph, "-c:v", "ffv1")

    return made


def test_every_effect_that_reads_stands_in_both_tables() -> None:
    assert {name for name, effect in EFFECTS.items() if effect.reads} == READ.keys()


# --- tonemap ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["hable", "mobius", "reinhard"])
@pytest.mark.parametrize("curve", ["pq", "hlg"])
def test_more_light_is_brighter_and_the_peak_is_white(algorithm, curve, read, lit) -> None:
    levels = [
        read(lit(nits, curve), [row("tonemap", algorithm=algorithm)])[1][0][30, 30] for nits in (1, 20, 100, 400, 1000)
    ]
    assert levels == sorted(levels)
    assert len(set(levels)) == 5
    assert 16 <= levels[0] < 50
    assert levels[-1] >= 233


def test_mobius_leaves_midtones_where_they_were(read, lit) -> None:
    """18 nits are 18 % of white: 0.18 ^ (1/2.4) = 0.489 on a display (BT.1886), 16 + 219 x 0.489 = 123.2."""
    level = read(lit(18), [row("tonemap", algorithm="mobius")])[0][0][30, 30]
    assert 121 <= level <= 125


def test_grey_stays_grey(read, lit) -> None:
    _, cb, cr = read(lit(100), [row("tonemap")])[0]
    assert (int(cb[5, 5]), int(cr[5, 5])) == (128, 128)


def test_hdr_without_tonemap_and_tonemap_without_hdr_are_refused(read, lit, film_file) -> None:
    with pytest.raises(MediaError, match="is HDR"):
        read(lit(100), [])
    with pytest.raises(MediaError, match="says that it is not"):
        read(film_file(), [row("tonemap")])


def test_color_says_that_a_file_without_tags_is_hdr(read, lit, make) -> None:
    tagged = lit(100)
    bare = make("bare.mkv", "-i", str(tagged), "-vf", "setparams=color_trc=unknown:color_primaries=unknown", "-c:v", "ffv1")
    done = read(bare, [row("color", transfer="pq", primaries="bt2020"), row("tonemap")])
    assert (done[0][0] == read(tagged, [row("tonemap")])[0][0]).all()


@pytest.mark.parametrize("pixels", ["yuv420p", "yuv422p10le"])
def test_tonemap_is_exact(pixels, read, make) -> None:
    assert EFFECTS["tonemap"].determinism == EXACT
    graph = f"testsrc2=s=160x90:r=24,trim=end_frame=2,format=yuv420p10le,setparams={HDR.format(curve='smpte2084')}"
    path, rows = make("colours-pq.mkv", "-f", "lavfi", "-i", graph, "-c:v", "ffv1"), [row("tonemap")]
    first = read(path, rows, pixels)
    for more in ({}, {"threads": "4"}, {"before": ("-cpuflags", "0")}):
        assert all((a == b).all() for a, b in zip(first[1], read(path, rows, pixels, **more)[1], strict=True))


# --- color --------------------------------------------------------------------------------------------------------------


def grey(make, name, level, pixels="yuv420p", said="tv", codec="ffv1", suffix="mkv"):
    graph = f"color=gray:s=64x64:r=24,format=yuv444p,geq=lum={level}:cb=128:cr=128,trim=end_frame=2"
    graph += f",setparams=range={said}:color_primaries=bt709:color_trc=bt709:colorspace=bt709,format={pixels}"
    return make(f"{name}.{suffix}", "-f", "lavfi", "-i", graph, "-c:v", codec, "-q:v", "1")


@pytest.mark.parametrize(("level", "wanted"), [(0, 16), (255, 235), (128, 126)])
def test_a_full_range_file_that_says_otherwise_is_brought_to_limited_range(level, wanted, read, make) -> None:
    path = grey(make, f"full-{level}", level)
    assert read(path, [row("color", range="pc")])[1][0][9, 9] == wanted
    assert read(path, [])[1][0][9, 9] == level


def test_a_limited_file_that_says_full_is_left_as_it_is(read, make) -> None:
    path = grey(make, "limited", 60, said="pc", codec="libx264")
    assert read(path, [row("color", range="tv")])[1][0][9, 9] == 60
    assert read(path, [])[1][0][9, 9] == 68


def test_a_motion_jpeg_of_limited_range_is_left_as_it_is(read, make) -> None:
    path = grey(make, "jpeg", 60, pixels="yuvj420p", said="pc", codec="mjpeg", suffix="mov")
    assert abs(int(read(path, [row("color", range="tv")])[1][0][9, 9]) - 60) <= 1


def test_rgb_of_limited_range_is_stretched(read, make) -> None:
    path = make(
        "rgb.mkv",
        *("-f", "lavfi", "-i", "color=0x101010:s=64x64:r=24,trim=end_frame=2,format=gbrp", "-c:v", "ffv1"),
    )
    assert read(path, [row("color", range="tv")])[1][0][9, 9] == 16
    assert read(path, [])[1][0][9, 9] == 30


def test_the_matrix_that_is_said_is_believed(read, make) -> None:
    """Pure red of bt601 is Y 81, Cb 90, Cr 240; of bt709 it is 63, 102, 240."""
    graph = "color=gray:s=64x64:r=24,format=yuv444p,geq=lum=81:cb=90:cr=240,trim=end_frame=2"
    path = make("red.mkv", "-f", "lavfi", "-i", f"{graph},setparams=colorspace=bt709:range=tv", "-c:v", "ffv1")
    planes = read(path, [row("color", matrix="bt601", primaries="bt709")], "yuv422p10le")[1]
    assert [int(plane[9, 9]) / 4 for plane in planes] == pytest.approx([63, 102, 240], abs=1)


def test_frames_say_what_was_said_of_them(make) -> None:
    """Else ffmpeg converts them once more on their way to an encoder that is told bt709."""
    graph = (
        "color=gray:s=64x64:r=24,trim=end_frame=2,format=yuv420p,setparams=colorspace=smpte170m:color_primaries=smpte170m"
    )
    path = make("wrong.mkv", "-f", "lavfi", "-i", f"{graph}:color_trc=smpte170m:range=tv", "-c:v", "ffv1")
    stream, look = READ["color"](
        picked(source(path, "matroska"), 0),
        probe(path).video.look,
        row("color", matrix="bt709", primaries="bt709", transfer="bt709").get("settings"),
    )
    command = " ".join(argv(find_ffmpeg(None), written(stream, "out.mkv", "matroska", {})))
    assert look.is_bt709
    assert "setparams=color_primaries=1:color_trc=1:colorspace=1" in command


def test_colours_of_bt709_are_computed_as_zscale_does() -> None:
    assert yuv_of("#ff0000", 8) == (63, 102, 240)
    assert yuv_of("#000000", 8) == (16, 128, 128)
    assert yuv_of("#ffffff", 10) == (940, 512, 512)


# --- lut ----------------------------------------------------------------------------------------------------------------


def cube(folder, name, rule, points=9):
    steps = [index / (points - 1) for index in range(points)]
    rows = [rule(r, g, b) for b in steps for g in steps for r in steps]
    (folder / name).write_text(f"LUT_3D_SIZE {points}\n" + "".join(f"{r:.6f} {g:.6f} {b:.6f}\n" for r, g, b in rows))
    return folder / name


@pytest.mark.parametrize("interpolation", ["prism", "tetrahedral", "pyramid", "trilinear"])
@pytest.mark.parametrize("space", ["bt709", "srgb", "p3-d65", "bt2020"])
def test_a_table_that_changes_nothing_changes_nothing(space, interpolation, run, film_file, tmp_path) -> None:
    files = {"effect0-file.cube": cube(tmp_path, "same.cube", lambda r, g, b: (r, g, b), 33)}
    plain = run(film_file("muted", "yuv422p10le"), [], pixels="yuv422p10le", frames=3)
    rows = [row("lut", file="x.cube", input=space, output=space, interpolation=interpolation)]
    done = run(film_file("muted", "yuv422p10le"), rows, pixels="yuv422p10le", frames=3, files=files)
    for plane, other in zip(done.planes[2], plain.planes[2], strict=True):
        assert np.abs(plane.astype(int) - other).mean() < 1
    assert np.abs(done.planes[2][0].astype(int) - plain.planes[2][0]).max() <= 1


def test_a_table_that_swaps_colours_swaps_them(run, make, tmp_path) -> None:
    files = {"effect0-file.cube": cube(tmp_path, "swap.cube", lambda r, g, b: (b, r, g))}
    y, u, v = yuv_of("#ff0000", 8)
    graph = f"nullsrc=s=160x90:r=24,format=yuv420p,geq=lum={y}:cb={u}:cr={v},trim=end_frame=2"
    path = make("all-red.mkv", "-f", "lavfi", "-i", graph, "-c:v", "ffv1")
    done = run(path, [row("lut", file="x.cube")], frames=2, files=files)
    assert [abs(int(plane[9, 9]) - there) <= 1 for plane, there in zip(done.planes[1], yuv_of("#00ff00", 8), strict=True)] \
        == [True] * 3  # fmt: skip


@pytest.mark.parametrize("interpolation", ["pyramid", "tetrahedral"])
def test_a_table_that_keeps_greys_at_its_points_keeps_them_between(interpolation, run, make, tmp_path) -> None:
    def rule(r, g, b):
        return min(1, r**1.3 + abs(r - b) / 2), g**1.3, min(1, b**1.3 + abs(g - b) / 2)

    graph = "nullsrc=s=160x90:r=24,format=yuv420p,geq=lum=16+X:cb=128:cr=128,trim=end_frame=1"
    path = make("greys.mkv", "-f", "lavfi", "-i", graph, "-c:v", "ffv1")
    files = {"effect0-file.cube": cube(tmp_path, "grey.cube", rule)}
    done = run(path, [row("lut", file="x.cube", interpolation=interpolation)], frames=1, files=files)
    assert all((plane == 128).all() for plane in done.planes[0][1:])


def test_a_3dl_table_is_read(run, film_file, tmp_path) -> None:
    steps = [round(index * 1023 / 16) for index in range(17)]
    lines = [" ".join(map(str, steps))]
    lines += [f"{r * 4} {g * 4} {b * 4}" for r in steps for g in steps for b in steps]
    (tmp_path / "x.3dl").write_text("\n".join(lines) + "\n")
    done = run(film_file(), [row("lut", file="x.3dl")], frames=2, files={"effect0-file.3dl": tmp_path / "x.3dl"})
    plain = run(film_file(), [], frames=2)
    assert np.abs(done.planes[1][0].astype(int) - plain.planes[1][0]).mean() < 2
