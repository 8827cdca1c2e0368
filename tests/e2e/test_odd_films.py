"""Cuts and plates as nobody means them: delivered right, or refused with a reason and an exit code; never a traceback."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

import shotbuild as api
from shotbuild.stages.effects import EFFECTS
from tests.e2e import films
from tests.e2e.conftest import Ran, argv, contents, environment, shotbuild

SHOTS = "".join(f"  s{n}: {{plate: assets/s{n}.mkv}}\n" for n in range(4))
FRAMES = 16
WEB = {"web": "h264-web", "vp9": "vp9-web", "hevc": "hevc-web", "master": "prores-422-hq"}
FILES = {"web": "web.mp4", "vp9": "vp9.webm", "hevc": "hevc.mp4", "master": "master.mov"}


def specs(
    clips: Sequence[str], more: str = "", shots: str = SHOTS, delivered: Mapping[str, str] = WEB, last: str = ""
) -> str:
    """more: other keys of the sequence `film`; last: other deliverables."""
    cut = "".join(f"      - {clip}\n" for clip in clips)
    ends = "".join(f"  {name}: {{sequence: film, profile: {profile}}}\n" for name, profile in delivered.items())
    return f"shots:\n{shots}sequences:\n  film:\n    cut:\n{cut}{more}deliverables:\n{ends}{last}"


@pytest.fixture
def plates(tmp_path: Path) -> Path:
    """A folder with four plates of 16 frames."""
    for n in range(4):
        films.plate(tmp_path / f"film/assets/s{n}.mkv", FRAMES, shot=n)
    return tmp_path / "film"


def good(root: Path, *arguments: str) -> Path:
    done = shotbuild(root, "deliver", *arguments)
    assert done.code == 0, done.err
    return root / "out/sequences/film"


def refused(root: Path, code: int, *said: str) -> Ran:
    done = shotbuild(root, "deliver")
    assert done.code == code, done.err
    assert all(each in done.err for each in said), done.err
    return done


def numbers(path: Path) -> list[tuple[int, int]]:
    """Shot and frame of each frame of a film."""
    seen = films.look(path)
    return [
        (round((right - 30) / 3), 0 if left > 220 else round((left - 30) / 6))
        for left, right in zip(seen.left, seen.right, strict=True)
    ]


# --- cuts ------------------------------------------------------------------------------------------------------------


def test_forty_shots_of_one_frame(plates: Path) -> None:
    wanted = [(n % 4, 3 + n % 11) for n in range(40)]
    clips = [f"{{shot: s{shot}, in: {frame}f, out: {frame + 1}f}}" for shot, frame in wanted]
    out = good(films.project(plates, specs(clips)))
    for file in FILES.values():
        assert numbers(out / file) == wanted, file
        assert films.complaints(out / file) == [], file
        stamps = films.look(out / file).stamps
        assert films.uneven(stamps, Fraction(24), Fraction(1, 1000 if file.endswith("webm") else 10**9)) == []


def test_a_plate_of_one_frame_and_a_film_of_one_frame(tmp_path: Path) -> None:
    films.plate(tmp_path / "assets/one.mkv", 1, shot=5)
    out = good(films.project(tmp_path, specs(["one"], shots="  one: {plate: assets/one.mkv}\n")))
    for file in FILES.values():
        assert numbers(out / file) == [(5, 0)], file
        assert films.complaints(out / file) == [], file


def test_the_last_frame_is_there_and_the_one_after_it_is_not(plates: Path) -> None:
    out = good(films.project(plates, specs(["{shot: s0, in: 15f}", "{shot: s1, in: 14f, out: 16f}"])))
    assert {tuple(numbers(out / file)) for file in FILES.values()} == {((0, 15), (1, 14), (1, 15))}
    refused(films.project(plates, specs(["{shot: s0, in: 3f, out: 17f}"])), 2, "`out` of s0 is 17 frames, after its end")
    refused(films.project(plates, specs(["{shot: s0, in: 16f}"])), 2, "nothing is left of s0")


def test_a_dissolve_takes_all_of_a_clip_and_no_more(plates: Path) -> None:
    out = good(films.project(plates, specs(["s0", "{shot: s1, transition: {dissolve: 16f}}", "s2"])))
    found = films.look(out / "master.mov")
    assert len(found.left) == 32
    assert numbers(out / "master.mov")[16:] == [(2, n) for n in range(16)]
    assert sorted(found.right[:16]) == found.right[:16]
    too_long = ["s0", "{shot: s1, transition: {dissolve: 17f}}"]
    refused(films.project(plates, specs(too_long)), 2, "transitions need 17 frames of s0, but only 16")
    twice = ["s0", "{shot: s1, transition: {dissolve: 9f}}", "{shot: s2, transition: {wipe: 8f}}"]
    refused(films.project(plates, specs(twice)), 2, "transitions need 17 frames of s1, but only 16")


@pytest.mark.parametrize(("own", "rate", "name"), [("30000/1001", "24", "24"), ("24", "30000/1001", "29.97")])
def test_a_plate_of_another_rate_keeps_its_pace_and_its_sound(tmp_path: Path, own: str, rate: str, name: str) -> None:
    """At each moment the nearest frame of the plate is seen; three of them, one after the other, without drift."""
    for n in range(3):
        films.plate(tmp_path / f"assets/s{n}.mkv", 29, own, shot=n)
    clips = ["s0", "s1", "{shot: s2, in: 6f, out: 20f}"]
    out = good(films.project(tmp_path, specs(clips, shots=SHOTS.replace("  s3: {plate: assets/s3.mkv}\n", "")), rate=name))
    there, cut = Fraction(own), Fraction(rate)
    each = int(29 / there * cut + Fraction(1, 2))
    used = [(0, range(each)), (1, range(each)), (2, range(6, 20))]
    for file in FILES.values():
        found = numbers(out / file)
        assert len(found) == sum(len(frames) for _, frames in used), file
        wanted = [(shot, k / cut * there) for shot, frames in used for k in frames]
        off = [(at, got, want) for at, (got, want) in enumerate(zip(found, wanted, strict=True)) if not near(got, want)]
        assert off == [], file
        heard = films.listen(out / file)
        for at in (0, each):
            start = round(at / cut * 48000)
            begun = films.onset(heard, start, 700)
            assert begun is not None, (file, at)
            assert 0 <= begun - start <= 96, (file, at)


def near(found: tuple[int, int], wanted: tuple[int, Fraction]) -> bool:
    return found[0] == wanted[0] and abs(found[1] - wanted[1]) <= Fraction(6, 10)


def test_four_levels_of_nesting_show_what_one_level_shows(plates: Path) -> None:
    nested = (
        "  a: {cut: [s0, {shot: s1, transition: {dissolve: 4f}}]}\n"
        "  b: {cut: [{sequence: a, in: 2f}, {gap: 2f}]}\n"
        "  c: {cut: [{sequence: b, in: 1f, out: 26f}, s2], titles: [{text: Deep, at: 3f, for: 5f}]}\n"
        "  d: {cut: [{sequence: c, in: 1f}]}\n"
        "  flat:\n    cut: [{shot: s0, in: 4f}, {shot: s1, transition: {dissolve: 4f}}, s2]\n"
        "    titles: [{text: Deep, at: 2f, for: 5f}]\n"
    )
    last = "  flat: {sequence: flat, profile: prores-422-hq}\n"
    text = specs(["{sequence: d}"], delivered={"master": "prores-422-hq"}, last=last)
    out = good(films.project(plates, text.replace("sequences:\n", f"sequences:\n{nested}")))
    deep, flat = out / "master.mov", out.parent / "flat/flat.mov"
    assert len(numbers(deep)) == 40
    assert numbers(deep)[24:] == [(2, n) for n in range(16)]
    assert films.look(deep) == films.look(flat)
    assert np.array_equal(films.listen(deep), films.listen(flat))


def test_an_overlay_ends_with_the_cut(plates: Path) -> None:
    over = "    overlays: [{shot: s3, at: 10f, width: 100%}]\n"
    out = good(films.project(plates, specs(["s0"], over)))
    for file in FILES.values():
        assert numbers(out / file) == [(0, n) for n in range(10)] + [(3, n) for n in range(6)], file
    refused(films.project(plates, specs(["s0"], over.replace("10f", "16f"))), 2, "would start after the end of the cut")


# --- files -----------------------------------------------------------------------------------------------------------

CAPTIONED = "    captions: {en: assets/en.srt}\n"
WITH_CAPTIONS = "  told: {sequence: film, profile: h264-web, captions: [en]}\n"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [("", 1, "is empty"), ("\n\n", 1, "holds no captions"), ("junk\n", 1, "line 1: this stands outside of a caption")],
)
def test_a_caption_file_without_captions_is_refused(plates: Path, words: str, code: int, said: str) -> None:
    more = {"assets/en.srt": words}
    refused(films.project(plates, specs(["s0"], CAPTIONED, last=WITH_CAPTIONS), more=more), code, "assets/en.srt", said)


def test_a_letter_that_no_font_has_is_refused_by_name(plates: Path) -> None:
    root = films.project(plates, specs(["s0"], '    titles: [{text: "Cut 🎬"}]\n', delivered={"web": "h264-web"}))
    refused(root, 1, "U+1F3AC CLAPPER BOARD", "hint: ")


@pytest.mark.parametrize("words", ["this is no lut\n", "LUT_3D_SIZE 2\n0 0 0\n"], ids=["words", "cut short"])
def test_a_lut_that_is_none_fails_its_shots_and_says_why(plates: Path, words: str) -> None:
    shots = SHOTS.replace("s1.mkv}", "s1.mkv, finish: [lut: {file: assets/no.cube}]}")
    root = films.project(
        plates, specs(["s0", "s1"], shots=shots, delivered={"web": "h264-web"}), more={"assets/no.cube": words}
    )
    done = refused(root, 1, "FAILED   film/web/s1", "lut3d")
    assert "done     film/web/s0" in done.err


@pytest.mark.parametrize("becomes", ["gone", "a text", "shorter"])
def test_a_plate_that_changes_between_plan_and_build(plates: Path, becomes: str) -> None:
    project = api.open(films.project(plates, specs(["s0", "s1"], delivered={"web": "h264-web"})))
    assert len(project.plan().to_run) > 4
    path = plates / "assets/s1.mkv"
    path.unlink()
    if becomes == "a text":
        path.write_text("no film any more\n")
    if becomes == "shorter":
        films.plate(path, 5, shot=9)
    assert project.deliver().exit_code != 0
    code = {"gone": 2, "a text": 2, "shorter": 0}[becomes]
    done = shotbuild(plates, "deliver")
    assert done.code == code, done.err
    if code:
        assert "assets/s1.mkv" in done.err


def test_hostile_names_and_words(tmp_path: Path) -> None:
    """They stand in no filter and in no command."""
    evil = "it's 100% %d [a];b,c=d:e #1 'x' -y ü"
    films.plate(tmp_path / f"assets/{evil}.mkv", FRAMES, shot=7)
    films.plate(tmp_path / "assets/-i.mkv", FRAMES, shot=8)
    red = "LUT_3D_SIZE 2\n" + "".join(f"{r} {g} {b}\n" for b in "01" for g in "01" for r in "01")
    said = r"%{pts} \\N {0} '; drawtext=text='x' : [in] , \" $(true) \n"
    text = (
        f'shots:\n  a: {{plate: "assets/{evil}.mkv", finish: [lut: {{file: "assets/{evil}.cube"}}]}}\n'
        "  b: {plate: assets/-i.mkv}\n"
        'sequences:\n  film:\n    title: "it\'s; 100% [a]"\n    cut: [a, b]\n'
        f"    titles: [{{text: {json.dumps(said)}, at: 30f}}]\n"
        f'    captions: {{en: "assets/{evil}.srt"}}\n'
        "deliverables:\n"
        f"  web: {{sequence: film, profile: review, watermark: {json.dumps(said)}, burn: en, captions: [en]}}\n"
    )
    caption = "1\n00:00:00,000 --> 00:00:00,500\n{\\an8}%{n} 'a' [b]; c:d,e\\h\n"
    more = {f"assets/{evil}.cube": red, f"assets/{evil}.srt": caption}
    root = films.project(tmp_path / "it's 100% [x];y,z" / "p", text, more=more)
    (tmp_path / "assets").rename(root / "assets.new")
    for path in (root / "assets.new").iterdir():
        path.rename(root / "assets" / path.name)
    (root / "assets.new").rmdir()
    out = good(root)
    assert len(numbers(out / "web.mp4")) == 32
    assert films.complaints(out / "web.mp4") == []


# --- size ------------------------------------------------------------------------------------------------------------


def peak(root: Path, *arguments: str) -> int:
    """The most memory in KiB that shotbuild, or a program that it ran, had at once."""
    process = subprocess.Popen(
        argv(arguments), cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment({}), text=True
    )
    assert process.stderr is not None
    said = process.stderr.read()
    process.stderr.close()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, said[-3000:]
    return used.ru_maxrss


@pytest.mark.slow
def test_five_hundred_clips_take_no_more_memory_than_fifty(plates: Path, tmp_path: Path) -> None:
    peaks = []
    for count in (50, 500):
        wanted = [(n % 4, n % 13) for n in range(count)]
        clips = [f"{{shot: s{shot}, in: {frame}f, out: {frame + 2}f}}" for shot, frame in wanted]
        root = films.project(plates, specs(clips, delivered={"web": "h264-web", "vp9": "vp9-web"}))
        peaks.append(peak(root, "deliver"))
        for file in ("web.mp4", "vp9.webm"):
            path = root / "out/sequences/film" / file
            assert numbers(path) == [(shot, frame + more) for shot, frame in wanted for more in (0, 1)], file
            assert films.complaints(path) == []
    assert peaks[1] < 1.25 * peaks[0], peaks


@pytest.fixture
def roomy(tmp_path: Path) -> Iterator[Path]:
    """A folder that is not kept: what is made there is large."""
    yield tmp_path
    shutil.rmtree(tmp_path)


@pytest.mark.slow
@pytest.mark.skipif("SHOTBUILD_LONG" not in os.environ, reason="takes minutes and 7 GB: SHOTBUILD_LONG=1 has it run")
def test_five_hours_are_delivered_whole_in_little_memory(roomy: Path) -> None:
    """Plates and stills, nested twice, at a frame a second. The mix alone is 7 GB, more than a WAV can count."""
    for n in range(3):
        films.plate(roomy / f"assets/s{n}.mkv", 20, "1", shot=n)
        films.still(roomy / f"assets/p{n}.png", 60 + 40 * n)
    text = (
        "shots:\n"
        + "".join(
            f"  s{n}: {{plate: assets/s{n}.mkv}}\n  p{n}: {{plate: assets/p{n}.png, duration: 1180s}}\n" for n in range(3)
        )
        + "sequences:\n  hour: {cut: [s0, p0, s1, p1, s2, p2]}\n  two: {cut: [{sequence: hour}, {sequence: hour}]}\n"
        + "  film: {cut: [{sequence: two}, {sequence: two}, {sequence: hour}]}\n"
        + "deliverables:\n  long: {sequence: film, profile: h264-web}\n"
    )
    root = films.project(roomy, text, rate="1")
    most = peak(root, "deliver")
    path = root / "out/sequences/film/long.mp4"
    stamps = films.look(path).stamps
    assert len(stamps) == 5 * 3600
    assert films.uneven(stamps, Fraction(1), Fraction(0)) == []
    assert films.complaints(path) == []
    for start in (1200, 4 * 3600 + 2400):
        assert abs(heard_from(path, start - 3) - start) < Fraction(1, 100)
    assert most < 350_000, most


def heard_from(path: Path, second: int) -> float:
    """When the first loud sample comes after a time, in seconds."""
    with av.open(str(path)) as source:
        stream = source.streams.audio[0]
        source.seek(int(max(second, 0) / stream.time_base), stream=stream)
        for frame in source.decode(stream):
            loud = np.flatnonzero(np.abs(frame.to_ndarray()[0]) > films.HEARD)
            if len(loud):
                return float(frame.pts * frame.time_base) + int(loud[0]) / 48000
    return -1.0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    argv_ = ["mount", "-t", "tmpfs", "-o", "size=3m", "none", str(folder)]
    if os.geteuid() != 0 or subprocess.run(argv_, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_is_said_and_the_build_goes_on_where_there_is_room(small_disk: Path, tmp_path: Path) -> None:
    text = specs(["s0", "s1", "{shot: s2, transition: {dissolve: 8f}}", "s3"] * 4)
    made = []
    for root in (small_disk / "film", tmp_path / "film"):
        for n in range(4):
            films.plate(root / f"assets/s{n}.mkv", FRAMES, shot=n)
        films.project(root, text)
    full = shotbuild(small_disk / "film", "deliver")
    assert full.code not in (0, 2), full.err
    assert "No space left" in full.err or "disk" in full.err.lower(), full.err
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    for root in (small_disk / "film", tmp_path / "film"):
        good(root)
        made.append(contents(root))
    assert made[0] == made[1]


# --- effects ---------------------------------------------------------------------------------------------------------

FINISH = {
    "upscale": "upscale: {factor: 2}",
    "crop": "crop: {x: 10%, width: 80%}",
    "reframe": "reframe: {aspect: '1:1', keys: '0s:0.3,0.5 0.4s:0.7,0.5'}",
    "denoise": "denoise",
    "deband": "deband",
    "sharpen": "sharpen",
    "grain": "grain",
    "interpolate": "interpolate",
    "stabilise": "stabilise",
    "speed": "speed: {factor: 2}",
    "freeze": "freeze: {at: 0.25s, for: 0.5s}",
    "lut": "lut: {file: assets/warm.cube}",
    "title": "title: {text: Hi, for: 8f}",
    "fade": "fade: {in: 4f, out: 4f, color: red}",
    "color": "color: {range: tv, matrix: bt709}",
    "tonemap": "tonemap",
}
SECONDS = {"speed": Fraction(1, 2), "freeze": Fraction(7, 4)}
"""How much longer a shot of 16 frames gets."""
WARM = "LUT_3D_SIZE 2\n" + "".join(f"{r} {g} {b}\n" for b in "01" for g in "01" for r in ("0", "0.9"))


def items(words: str) -> str:
    return ", ".join(f"{{{each}}}" if ": " in each else each for each in re.split(r"(?<=}), ", words))


@pytest.mark.parametrize("kind", ["plate", "still"])
def test_every_effect_is_delivered(plates: Path, kind: str) -> None:
    assert set(FINISH) == set(EFFECTS)
    films.still(plates / "assets/still.png")
    films.plate(plates / "assets/hdr.mkv", FRAMES, hdr=True)
    finish = {name: words for name, words in FINISH.items() if kind == "plate" or name != "tonemap"}
    sources = dict.fromkeys(finish, "assets/s0.mkv" if kind == "plate" else "assets/still.png, duration: 16f")
    if kind == "plate":
        sources["tonemap"] = "assets/hdr.mkv"
    shots = "".join(f"  {name}: {{plate: {sources[name]}, finish: [{items(words)}]}}\n" for name, words in finish.items())
    two = {"web": "h264-web", "master": "prores-422-hq"}
    out = good(films.project(plates, specs(list(finish), shots=shots, delivered=two), more={"assets/warm.cube": WARM}))
    frames = sum(int(FRAMES * SECONDS.get(name, 1)) for name in finish)
    for file in ("web.mp4", "master.mov"):
        assert len(films.look(out / file).stamps) == frames
        assert films.complaints(out / file) == []


def test_a_file_without_tags_is_told_to_be_hdr(plates: Path) -> None:
    finish = "color: {primaries: bt2020, matrix: bt2020, transfer: pq}, tonemap"
    shots = f"  s0: {{plate: assets/s0.mkv, finish: [{items(finish)}]}}\n"
    good(films.project(plates, specs(["s0"], shots=shots, delivered={"web": "h264-web"})))


def test_light_effects_need_no_film_between_and_heavy_ones_one(plates: Path) -> None:
    finish = {"s0": "sharpen, grain", "s1": "denoise, stabilise, sharpen", "s2": "sharpen, denoise, grain"}
    shots = "".join(f"  {shot}: {{plate: assets/{shot}.mkv, finish: [{words}]}}\n" for shot, words in finish.items())
    done = shotbuild(films.project(plates, specs(list(finish), shots=shots)), "deliver", "--json")
    assert done.code == 0, done.err
    assert {name for name in done.steps if "finish" in name} == {"s1/finish", "s2/finish"}


TWICE = 12
"""The frame at which a plate beeps once more."""


@pytest.mark.parametrize(
    ("finish", "at"),
    [
        ("speed: {factor: 2}", 6),
        ("speed: {factor: 1/2}", 24),
        ("speed: {factor: 0.5, smooth: true}", 24),
        ("freeze: {at: 0.25s, for: 0.5s}", 24),
        ("interpolate", 12),
        ("interpolate: {rate: 48}", 12),
        ("stabilise", 12),
    ],
)
def test_sound_stays_with_the_picture(tmp_path: Path, finish: str, at: int) -> None:
    """Frame 12 and its beep, wherever an effect moves them."""
    films.plate(
        tmp_path / "assets/s0.mkv",
        24,
        sound=lambda seconds: films.beep(seconds - TWICE / 24, 1 / 24),
    )
    shots = f"  s0: {{plate: assets/s0.mkv, finish: [{items(finish)}]}}\n"
    two = {"web": "h264-web", "master": "prores-422-hq"}
    out = good(films.project(tmp_path, specs(["s0"], shots=shots, delivered=two)))
    for file in ("web.mp4", "master.mov"):
        left = films.look(out / file).left
        first = min(range(len(left)), key=lambda n: (abs(left[n] - films.grey(TWICE)) > 2.5, n))
        if "smooth" not in finish:
            assert first == at, (file, left)
        begun = films.onset(films.listen(out / file), at * 2000, 3000)
        assert begun is not None
        # A slow sound is smeared by up to 40 ms, as docs/finishing.md says; half a frame is 1000 samples.
        assert abs(begun - at * 2000) < (2000 if "0.5" in finish or "1/2" in finish else 600), (file, begun - at * 2000)
