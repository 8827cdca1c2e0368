"""Clips from elsewhere in a cut, two takes measured, and a delivered file that comes back: the real ffmpeg throughout."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shotbuild.host.tools import find_ffmpeg
from shotbuild.media.probe import probe
from tests.e2e.conftest import TINY, shotbuild
from tests.fakes import write_project

Make = Callable[..., Path]
ANN = ("--by", "Ann <a@x.example>")
WIDE = ("-f", "lavfi", "-i", "testsrc2=s=200x160:r=25:d=0.8")
TALL = ("-f", "lavfi", "-i", "testsrc2=s=90x160:r=30:d=1")
HEARD = ("-f", "lavfi", "-i", "sine=d=0.8")
UNEVEN = ("-vf", r"select=not(eq(mod(n\,4)\,1))", "-fps_mode", "vfr")
CLIPS = {
    "sound.mov": (*WIDE, *HEARD, "-c:v", "mjpeg", "-c:a", "pcm_s16le"),
    "ntsc.mp4": ("-f", "lavfi", "-i", "testsrc2=s=320x180:r=30000/1001:d=0.8", *HEARD),
    "uneven.webm": (*TALL, *UNEVEN, "-c:v", "libvpx"),
    "ten-bit.mkv": (*WIDE, "-c:v", "ffv1", "-pix_fmt", "yuv444p10le"),
    "uneven.mp4": (*TALL, *UNEVEN, "-metadata:s:v", "rotate=90"),
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write_project(tmp_path_factory.mktemp("built") / "film", TINY)
    assert shotbuild(root, "build").code == 0
    return root


@pytest.fixture
def film(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "film", symlinks=True))


def document(root: Path, *arguments: str) -> dict[str, Any]:
    ran = shotbuild(root, *arguments, "--json")
    assert ran.code == 0, ran.err
    found: dict[str, Any] = json.loads(ran.out)
    assert found["schema"] == f"shotbuild/{arguments[0]}/1"
    return found


def ffmpeg(*arguments: str) -> None:
    argv = [str(find_ffmpeg(None)), "-loglevel", "error", "-y", *arguments]
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)


def pixels(path: Path) -> str:
    argv = [str(find_ffmpeg(None)), "-v", "error", "-i", str(path), "-map", "0:v", "-f", "md5", "-"]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


@pytest.mark.slow
def test_clips_of_any_shape_are_delivered_when_they_were_picked(film: Path, make: Make) -> None:
    before = pixels(film / "out/sequences/opening/web.mp4")
    for name, shot in zip(CLIPS, ["sh010", "sh020", "sh030", "sh010", "sh020"], strict=True):
        found = document(film, "import", str(make(name, *CLIPS[name])), "--as", shot)
        assert (found["new"], found["shot"]) == (True, shot)
        assert found["output"] == f"take.{name.partition('.')[2]}"
    assert shotbuild(film, "deliver").code == 0
    assert pixels(film / "out/sequences/opening/web.mp4") == before
    seen = {before}
    for picked in (["sh010", "t2", "sh020", "t2", "sh030", "t2"], ["sh010", "t3", "sh020", "t3"]):
        assert shotbuild(film, "pick", *picked, *ANN).code == 0
        ran = shotbuild(film, "deliver", "--json")
        assert (ran.code, ran.summary["generated"]) == (0, 0), ran.err
        video = probe(film / "out/sequences/opening/web.mp4").video
        # 0.8 s, then 9 frames over 4 of them, then 23 frames: the last of `uneven.webm` are not there.
        assert (video.frames, video.width, video.height, video.rate) == (19 + 9 - 4 + 23, 128, 72, 24)
        seen.add(pixels(film / "out/sequences/opening/web.mp4"))
    assert len(seen) == 3
    assert shotbuild(film, "build").code == 0
    assert (film / "out/shots/sh010.mkv").is_file()


def test_the_same_clip_again_is_told_and_not_written(film: Path, make: Make) -> None:
    clip = make("sound.mov", *CLIPS["sound.mov"])
    first = shotbuild(film, "import", str(clip), "--as", "sh010")
    again = shotbuild(film, "import", str(clip), "--as", "sh010")
    assert (first.code, again.code) == (0, 0)
    assert "shotbuild pick sh010@" in first.err
    assert "sh010 t2 (sh010@" in again.out
    assert "already" in again.out
    assert len((film / "takes/sh010.jsonl").read_text().splitlines()) == 2
    refused = shotbuild(film, "import", str(clip), "--as", "sh01")
    assert (refused.code, "--as sh010" in refused.err) == (2, True)


def test_what_is_no_clip_is_refused(film: Path, tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no clip")
    os.mkfifo(tmp_path / "pipe")
    for file, code in ((tmp_path / "text.mp4", 1), (tmp_path / "pipe", 2), (tmp_path, 2)):
        ran = shotbuild(film, "import", str(file), "--as", "sh010")
        assert (ran.code, "error:" in ran.err, "hint:" in ran.err) == (code, True, True)


def test_two_takes_are_measured(film: Path, tmp_path: Path) -> None:
    assert shotbuild(film, "roll", "sh010").code == 0
    found = document(film, "diff", "sh010", "t1", "t2")
    assert (found["a"]["number"], found["b"]["number"], found["streams"]) == (1, 2, [])
    measured = found["pictures"]
    assert (measured["compared"], measured["same_stream"]) == (12, False)
    assert 0 < float(measured["ssim"]) < 1
    ffmpeg("-i", str(film / "out/shots/sh010.mp4"), "-c", "copy", str(tmp_path / "wrapped.mkv"))
    assert document(film, "import", str(tmp_path / "wrapped.mkv"), "--as", "sh010")["number"] == 3
    stands = 1 if pixels(tmp_path / "wrapped.mkv") == pixels(take(film, found["a"]["video"])) else 2
    same = document(film, "diff", "sh010", f"t{stands}", "sh010", "t3")
    assert (same["same_bytes"], same["pictures"]["same_stream"], same["unmeasured"]) == (False, True, None)
    text = shotbuild(film, "diff", "sh010", "t1", "t2")
    assert "12 frames differ" in text.out
    assert max(map(len, text.out.splitlines())) <= 80
    take(film, found["b"]["video"]).unlink()
    lost = document(film, "diff", "sh010", "t1", "t2")
    assert (lost["pictures"], lost["recipe"]) == (None, found["recipe"])
    assert "not in this store" in lost["unmeasured"]


def take(root: Path, sha256: str) -> Path:
    return root / ".shotbuild/store/cas" / sha256[:2] / sha256


def test_a_film_that_was_mailed_away_leads_back_to_its_takes(film: Path, tmp_path: Path) -> None:
    assert shotbuild(film, "approve", "sh010", *ANN, "--role", "client", "--why", "the light").code == 0
    web = film / "out/sequences/opening/web.mp4"
    wrapped, encoded = tmp_path / "final FINAL.mkv", tmp_path / "small.mov"
    ffmpeg("-i", str(web), "-c", "copy", str(wrapped))
    ffmpeg("-i", str(web), "-vf", "scale=64:-2", "-c:a", "copy", str(encoded))
    # What Git keeps, on another machine.
    clone = tmp_path / "clone"
    shutil.copytree(film, clone, ignore=shutil.ignore_patterns(".shotbuild", "out"))
    shutil.copy(web, tmp_path / "came back")
    by_digest = document(film, "why", str(tmp_path / "came back"))
    assert (by_digest["way"], by_digest["deliverable"], by_digest["today"]) == ("result", "web", True)
    for root, file in ((film, wrapped), (film, encoded), (clone, web), (clone, wrapped)):
        found = document(root, "why", str(file))
        assert (found["way"], found["project"], found["sequence"]) == ("identity", "film", "opening")
        assert [shot["shot"] for shot in found["shots"]] == ["sh010", "sh020", "sh030"]
        first = found["shots"][0]
        assert (first["take"]["prompt"], first["holds"]) == ("Wide shot of a lighthouse at dusk.", True)
        assert [(each["kind"], each["role"], each["why"]) for each in first["said"]] == [("approve", "client", "the light")]
    text = shotbuild(clone, "why", str(wrapped))
    assert max(map(len, text.out.splitlines())) <= 80
    assert "Ann <a@x.example>" in text.out


@pytest.mark.slow
def test_any_file_under_out_is_known_and_others_are_not(film: Path) -> None:
    for path in sorted((film / "out").rglob("*.*")):
        assert shotbuild(film, "why", str(path.relative_to(film))).code == 0
    ran = shotbuild(film, "why", "shotbuild.yaml")
    assert (ran.code, "nothing here knows" in ran.err) == (2, True)
