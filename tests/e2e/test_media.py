"""Odd plates and sounds through the whole program: what was delivered is decoded and measured, pixel by pixel.

One project, one build. Patches are orange, RGB 200 120 40; what each file has to hold for that follows from ITU-R BT.709
and BT.601.
"""

import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from shotbuild.host.tools import find_ffmpeg
from shotbuild.workspace import open_project
from tests.e2e.conftest import shotbuild
from tests.fakes import write_project

ORANGE = (129, 85, 166)
ORANGE_601 = (132, 81, 169)
ORANGE_FULL = (131, 79, 172)
RED, GREEN, BLUE = (63, 102, 240), (173, 42, 26), (32, 240, 118)
TAGS = "setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv"
FFV1 = ("-c:v", "ffv1", "-pix_fmt", "yuv444p")


def patch(
    colour: tuple[int, int, int], size: str = "128x72", rate: str = "24", frames: int = 12, then: str = TAGS
) -> tuple[str, ...]:
    """Arguments for a picture of one colour, written as it is."""
    lum, cb, cr = colour
    graph = f"nullsrc=s={size}:r={rate},format=yuv444p,geq=lum={lum}:cb={cb}:cr={cr},trim=end_frame={frames},{then}"
    return ("-f", "lavfi", "-i", graph)


def numbered(rate: str, frames: int, step: int, then: str = "null") -> tuple[str, ...]:
    """Arguments for a picture whose frame n has luma 16 + step * n."""
    graph = (
        f"nullsrc=s=128x72:r={rate},format=yuv444p,geq=lum=16+{step}*N:cb=128:cr=128,trim=end_frame={frames},{TAGS},{then}"
    )
    return ("-f", "lavfi", "-i", graph)


def tone(seconds: float, more: str = "anull", rate: int = 48000) -> tuple[str, ...]:
    """Arguments for 1 kHz at half of full scale."""
    return ("-f", "lavfi", "-i", f"aevalsrc=0.5*sin(2*PI*1000*t):s={rate}:d={seconds},{more}")


THIRDS = (
    "nullsrc=s=128x72:r=24,format=yuv444p,geq="
    + ":".join(
        f"{name}='if(lt(X,43),{RED[index]},if(lt(X,85),{GREEN[index]},{BLUE[index]}))'"
        for index, name in enumerate(("lum", "cb", "cr"))
    )
    + f",trim=end_frame=12,{TAGS}"
)
SOURCES: Mapping[str, tuple[str, ...]] = {
    "plain.mkv": (*patch(ORANGE), *FFV1),
    "odd.mkv": (*patch(ORANGE, "127x71"), *FFV1),
    "anamorphic.mov": (*patch(ORANGE, "64x72", then=f"{TAGS},setsar=2/1"), "-c:v", "prores_ks", "-pix_fmt", "yuv422p10le"),
    "tenbit.mkv": (*patch(ORANGE), "-c:v", "ffv1", "-pix_fmt", "yuv422p10le"),
    "full.mp4": (
        *patch(ORANGE_FULL, then="setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=pc"),
        *("-c:v", "libx264", "-qp", "4", "-pix_fmt", "yuvj420p"),
    ),
    "untagged.mkv": (*patch(ORANGE_601, then="null"), *FFV1),
    "vfr.mkv": (*numbered("24", 12, 16, "select='not(between(n,3,4))'"), *FFV1, "-fps_mode", "vfr"),
    "ntsc.mov": (*numbered("24000/1001", 24, 8), "-c:v", "prores_ks", "-pix_fmt", "yuv422p10le"),
    "sixty.mkv": (*numbered("60000/1001", 60, 3), *FFV1),
    "small.mkv": (*patch(ORANGE, "64x36"), *FFV1),
    "thirds.mkv": ("-f", "lavfi", "-i", THIRDS, *FFV1),
    "red.mkv": (*patch(RED, frames=24), *FFV1),
    "green.mkv": (*patch(GREEN, frames=24), *FFV1),
    "blue.mkv": (*patch(BLUE, frames=24), *FFV1),
    "mono.mov": (
        *patch(ORANGE),
        *tone(0.5, rate=44100),
        "-c:v",
        "prores_ks",
        "-pix_fmt",
        "yuv422p10le",
        "-c:a",
        "pcm_s16le",
    ),
    "surround.mkv": (*patch(ORANGE), *tone(0.5, "pan=5.1|FC=c0"), *FFV1, "-c:a", "pcm_s16le"),
    "tone.wav": (*tone(3), "-c:a", "pcm_s16le"),
    "upright.mp4": (*patch(ORANGE, "72x128"), "-c:v", "libx264", "-qp", "4", "-pix_fmt", "yuv420p"),
    "song.m4a": (*tone(1), "-c:a", "aac"),
}
PATCHES = ("plain", "odd", "anamorphic", "tenbit", "full", "untagged", "turned", "doubled", "sized")
SPECS = """shots:
  plain: {plate: assets/plain.mkv}
  odd: {plate: assets/odd.mkv}
  anamorphic: {plate: assets/anamorphic.mov}
  tenbit: {plate: assets/tenbit.mkv}
  full: {plate: assets/full.mp4}
  untagged: {plate: assets/untagged.mkv}
  turned: {plate: assets/turned.mp4}
  doubled: {plate: assets/small.mkv, finish: [upscale: {factor: 2}]}
  sized: {plate: assets/small.mkv, finish: [upscale: {size: 192x108, filter: spline36}]}
  vfr: {plate: assets/vfr.mkv}
  ntsc: {plate: assets/ntsc.mov}
  sixty: {plate: assets/sixty.mkv}
  thirds: {plate: assets/thirds.mkv}
  red: {plate: assets/red.mkv}
  green: {plate: assets/green.mkv}
  blue: {plate: assets/blue.mkv}
  mono: {plate: assets/mono.mov}
  surround: {plate: assets/surround.mkv}
sequences:
  patches: {cut: [plain, odd, anamorphic, tenbit, full, untagged, turned, doubled, sized]}
  timing: {cut: [vfr, ntsc, sixty]}
  order:
    cut: [red, {shot: green, in: 2f, out: 20f}, {shot: blue, transition: {dissolve: 9f}}]
    audio:
      - {file: assets/tone.wav, at: 12f, in: 1s, out: 2s, gain: -6dB, fade_in: 6f, fade_out: 6f}
  heard: {cut: [mono, surround, {shot: mono, sound: false}]}
  shape: {cut: [{shot: thirds, out: 2f}]}
  ntsc: {format: {rate: 23.976}, cut: [red, sixty], audio: [{file: assets/tone.wav}]}
deliverables:
  patches: {sequence: patches, profile: prores-422-hq}
  patches-web: {sequence: patches, profile: h264-web}
  timing: {sequence: timing, profile: prores-422-hq}
  order: {sequence: order, profile: prores-422-hq}
  order-web: {sequence: order, profile: h264-web}
  order-preview: {sequence: order, profile: preview}
  heard: {sequence: heard, profile: prores-422-hq}
  heard-web: {sequence: heard, profile: h264-web}
  crop: {sequence: shape, profile: social-vertical, reframe: crop}
  pad: {sequence: shape, profile: social-vertical, reframe: pad}
  ntsc-web: {sequence: ntsc, profile: h264-web}
  ntsc-master: {sequence: ntsc, profile: prores-422-hq}
"""
PROJECT = "shotbuild: 1\nproject: plates\nformat: {size: 128x72, rate: 24}\n"


def ffmpeg(*arguments: str) -> None:
    argv = [str(find_ffmpeg(None)), "-hide_banner", "-loglevel", "error", "-y", *arguments]
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)


def make(assets: Path, name: str) -> Path:
    if not (assets / name).exists():
        ffmpeg(*SOURCES[name], str(assets / name))
    return assets / name


@dataclass(frozen=True)
class Film:
    """A delivered file, decoded. pictures: planes y, u, v of each frame, as 8 bit; sound: channel, sample."""

    rate: Fraction
    tags: tuple[int, int, int, int]
    pictures: tuple[tuple[np.ndarray, np.ndarray, np.ndarray], ...]
    sound: np.ndarray | None
    sound_rate: int

    def at(self, frame: int, x: float = 0.5, y: float = 0.5) -> tuple[float, ...]:
        """The colour at a place of a frame, each from 0 to 1."""
        planes = self.pictures[frame]
        return tuple(float(plane[int(plane.shape[0] * y), int(plane.shape[1] * x)]) for plane in planes)

    def luma(self, frame: int) -> float:
        return float(self.pictures[frame][0].mean())


def decode(path: Path) -> Film:
    pictures, sounds = [], []
    with av.open(str(path)) as source:
        video = source.streams.video[0]
        codec = video.codec_context
        tags = (int(codec.color_primaries), int(codec.color_trc), int(codec.colorspace), int(codec.color_range))
        rate = Fraction(video.average_rate or 0)
        for frame in source.decode(video):
            planes = frame.reformat(format="yuv444p16le").to_ndarray(channel_last=False).astype(float) / 256
            y, u, v = planes if planes.shape[0] == 3 else np.moveaxis(planes, -1, 0)
            pictures.append((y, u, v))
    with av.open(str(path)) as source:
        heard = next(iter(source.streams.audio), None)
        if heard is not None:
            resampler = av.AudioResampler(format="dblp")
            for block in source.decode(heard):
                sounds += [each.to_ndarray() for each in resampler.resample(block)]
        sound_rate = heard.rate if heard is not None else 0
    return Film(rate, tags, tuple(pictures), np.concatenate(sounds, axis=1) if sounds else None, sound_rate)


def near(found: tuple[float, ...], wanted: tuple[int, ...], slack: float) -> bool:
    return all(abs(one - other) <= slack for one, other in zip(found, wanted, strict=True))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project, built by the real program."""
    root = write_project(tmp_path_factory.mktemp("media") / "plates", {"shotbuild.yaml": PROJECT, "specs/cut.yaml": SPECS})
    (root / "assets").mkdir()
    for name in SOURCES:
        make(root / "assets", name)
    ffmpeg(
        "-display_rotation:v:0", "90", "-i", str(root / "assets/upright.mp4"), "-c", "copy", str(root / "assets/turned.mp4")
    )
    told = shotbuild(root, "deliver", "--json")
    assert told.code == 0, told.out + told.err
    return root


@pytest.fixture(scope="module")
def film(built: Path) -> Callable[[str, str], Film]:
    """film(sequence, file): a deliverable, decoded once."""

    @cache
    def decoded(sequence: str, file: str) -> Film:
        return decode(built / "out/sequences" / sequence / file)

    return decoded


def test_every_file_has_the_frames_of_the_plan_and_its_sound_ends_with_it(
    built: Path, film: Callable[[str, str], Film]
) -> None:
    workspace = open_project(built)
    wanted = {link.path: link.step for link in workspace.whole.links}
    steps = {step.name: step for step in workspace.whole.steps}
    assert len(wanted) >= 12
    counts = {}
    for path, step in wanted.items():
        if not path.startswith("sequences/") or ".report." in path:
            continue
        _, sequence, file = path.split("/")
        found, parameters = film(sequence, file), steps[step].recipe.parameters
        assert len(found.pictures) == parameters.integer("frames"), path
        assert found.rate == parameters.fraction("rate"), path
        assert found.tags == (1, 1, 1, 1), path
        counts[file] = len(found.pictures)
        if found.sound is not None:
            apart = abs(Fraction(found.sound.shape[1], found.sound_rate) - len(found.pictures) / found.rate)
            # AAC comes in blocks of 1024 samples; its edit list says where the sound ends, which decoding alone does not.
            allowed = Fraction(1, 2) / found.rate + (Fraction(1024, 48000) if path.endswith(".mp4") else 0)
            assert apart <= allowed, path
    assert counts["patches.mov"] == 12 * len(PATCHES)
    assert counts["order.mov"] == counts["order-web.mp4"] == counts["order-preview.mp4"] == 24 + 18 + 24 - 9
    assert counts["timing.mov"] == 12 + 24 + 24
    assert counts["ntsc-web.mp4"] == 24 + 24


@pytest.mark.parametrize(("file", "slack"), [("patches.mov", 2), ("patches-web.mp4", 3)])
def test_a_colour_stays_itself_whatever_the_plate(film: Callable[[str, str], Film], file: str, slack: float) -> None:
    found = film("patches", file)
    for index, name in enumerate(PATCHES):
        for x, y in ((0.5, 0.5), (0.05, 0.05), (0.95, 0.95), (0.05, 0.95)):
            # The turned plate is as wide as the frame because it was upright and as narrow; nothing is padded anywhere.
            colour = found.at(12 * index + 6, x, y)
            assert near(colour, ORANGE, slack), (name, x, y, colour)


def test_variable_and_other_rates_keep_their_time(film: Callable[[str, str], Film]) -> None:
    found = film("timing", "timing.mov")
    shown = [round((found.luma(frame) - 16) / 16) for frame in range(12)]
    assert shown == [0, 1, 2, 2, 2, 5, 6, 7, 8, 9, 10, 11]
    assert [round((found.luma(12 + frame) - 16) / 8) for frame in range(24)] == list(range(24))
    for frame in range(24):
        assert abs((found.luma(36 + frame) - 16) / 3 - frame * 60 / 24 * 1000 / 1001) <= 1.1, frame


def test_clips_stand_in_the_order_of_the_cut(film: Callable[[str, str], Film]) -> None:
    for file in ("order.mov", "order-web.mp4"):
        found = film("order", file)
        assert all(near(found.at(frame), RED, 4) for frame in (0, 12, 23))
        assert all(near(found.at(frame), GREEN, 4) for frame in (24, 28, 32))
        assert all(near(found.at(frame), BLUE, 4) for frame in (42, 50, 56))


def test_the_middle_of_a_dissolve_is_the_average(film: Callable[[str, str], Film]) -> None:
    found = film("order", "order.mov")
    middle = tuple((one + other) / 2 for one, other in zip(GREEN, BLUE, strict=True))
    assert near(found.at(33 + 4), middle, 2)  # type: ignore[arg-type]
    # Neither end shows one clip alone, and green gives way to blue from frame to frame.
    luma = [found.at(frame)[0] for frame in range(32, 43)]
    assert all(one > other for one, other in pairwise(luma)), luma


def test_crop_fills_the_frame_and_pad_shows_everything(film: Callable[[str, str], Film]) -> None:
    crop, pad = film("shape", "crop.mp4"), film("shape", "pad.mp4")
    assert crop.pictures[0][0].shape == pad.pictures[0][0].shape == (1920, 1080)
    for x in (0.04, 0.5, 0.96):
        # Lanczos swings beside the red and the blue, which are a few pixels away.
        assert all(near(crop.at(0, x, y), GREEN, 6 if x == 0.5 else 30) for y in (0.02, 0.5, 0.98)), x
        assert all(near(pad.at(0, x, y), (16, 128, 128), 3) for y in (0.02, 0.3, 0.7, 0.98)), x
    assert near(pad.at(0, 0.15), RED, 6)
    assert near(pad.at(0, 0.5), GREEN, 6)
    assert near(pad.at(0, 0.85), BLUE, 6)


def test_the_preview_shows_the_shot_and_a_running_clock(film: Callable[[str, str], Film]) -> None:
    clean, marked = film("order", "order-web.mp4"), film("order", "order-preview.mp4")
    differs = [np.abs(one[0] - other[0]) for one, other in zip(clean.pictures, marked.pictures, strict=True)]
    for difference in differs:
        assert difference[:18, :20].max() > 60  # the label at the top left
        assert difference[:18, -40:].max() > 60  # the clock at the top right
        assert difference[24:].max() < 40  # the picture itself
    clock = slice(0, 20), slice(64, 128)
    still = np.abs(marked.pictures[3][0][clock] - marked.pictures[4][0][clock]).max()
    assert still > 20, "the clock stands still"


def level(sound: np.ndarray, start: float, end: float, rate: int = 48000) -> float:
    """The loudness of a part in decibels of full scale, of a sine's peak."""
    part = sound[int(start * rate) : int(end * rate)]
    return float(20 * np.log10(max(1e-9, np.sqrt(np.mean(part**2)) * np.sqrt(2))))


def test_a_track_starts_fades_and_ends_where_it_is_told(film: Callable[[str, str], Film]) -> None:
    found = film("order", "order.mov")
    assert found.sound is not None
    left, right = found.sound
    assert np.array_equal(left, right)
    heard = np.flatnonzero(np.abs(left) > 1e-5)
    assert 0 <= heard[0] - 24000 < 200  # from half a second on
    assert -400 < heard[-1] - 72000 < 0  # for one second
    assert level(left, 0.8, 1.2) == pytest.approx(-12.04, abs=0.05)  # half of full scale, and 6 dB less
    early, late = level(left, 0.615, 0.635), level(left, 1.365, 1.385)  # the middle of each fade of a quarter second
    assert early == pytest.approx(-12.04 - 3, abs=0.4)
    assert late == pytest.approx(-12.04 - 3, abs=0.4)


def test_mono_is_heard_on_both_sides_and_surround_in_the_middle(film: Callable[[str, str], Film]) -> None:
    found = film("heard", "heard.mov")
    assert found.sound is not None
    assert found.sound.shape[1] == round(36 / 24 * 48000)
    left, right = found.sound
    assert np.abs(left - right).max() < 1e-4
    assert level(left, 0.05, 0.45) == pytest.approx(-6.02, abs=0.1)
    assert -20 < level(left, 0.55, 0.95) < -6.5
    assert level(left, 1.05, 1.45) < -90  # `sound: false`
    crossings = np.count_nonzero(np.diff(np.signbit(left[2400:21600]))) / 2
    assert crossings / 0.4 == pytest.approx(1000, abs=5)  # 44.1 kHz did not change the pitch


# --- what is refused -----------------------------------------------------------------------------------------------------


def cut_short(path: Path) -> bytes:
    content = path.read_bytes()
    return content[: len(content) * 2 // 3]


BROKEN: Mapping[str, tuple[Callable[[Path], bytes], str]] = {
    "short.mkv": (lambda assets: cut_short(make(assets, "red.mkv")), "cut off or damaged"),
    "short.mp4": (lambda assets: cut_short(make(assets, "full.mp4")), "cannot be used"),
    "song.mov": (lambda assets: make(assets, "song.m4a").read_bytes(), "has no picture"),
    "tone.mov": (lambda assets: make(assets, "tone.wav").read_bytes(), "has no picture"),
    "text.mov": (lambda assets: b"this is only text", "not a video, picture or sound file"),
    "empty.mov": (lambda assets: b"", "is empty"),
}


def test_plates_that_cannot_be_used_are_told_with_their_places(built: Path, tmp_path: Path) -> None:
    """Each is refused by name and reason before anything is made."""
    (tmp_path / "assets").mkdir()
    for name, (content, reason) in BROKEN.items():
        write_project(tmp_path, {"shotbuild.yaml": PROJECT, "specs/a.yaml": f"shots:\n  broken: {{plate: assets/{name}}}\n"})
        (tmp_path / "assets" / name).write_bytes(content(built / "assets"))
        told = shotbuild(tmp_path, "lint")
        assert told.code == 2, name
        assert told.err.startswith("specs/a.yaml:2:"), name
        assert f"plate assets/{name} cannot be used" in told.err
        assert reason in told.err, (name, told.err)


def test_a_still_picture_is_held_as_long_as_it_says(tmp_path: Path) -> None:
    cut = "sequences:\n  one: {cut: [still]}\ndeliverables:\n  web: {sequence: one, profile: h264-web}\n"
    write_project(
        tmp_path, {"shotbuild.yaml": PROJECT, "specs/a.yaml": f"shots:\n  still: {{plate: assets/still.png}}\n{cut}"}
    )
    (tmp_path / "assets").mkdir()
    ffmpeg(*patch(ORANGE, frames=1), "-frames:v", "1", str(tmp_path / "assets/still.png"))
    told = shotbuild(tmp_path, "deliver")
    assert told.code == 2
    assert "needs a `duration`" in told.err
    spec = tmp_path / "specs/a.yaml"
    spec.write_text(spec.read_text().replace("still.png}", "still.png, duration: 12f}"))
    told = shotbuild(tmp_path, "deliver")
    assert told.code == 0, told.err
    found = decode(tmp_path / "out/sequences/one/web.mp4")
    assert len(found.pictures) == 12
    assert all(near(found.at(frame), ORANGE, 3) for frame in (0, 6, 11))
