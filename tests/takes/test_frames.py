"""Frames go out with handles and come back as a take that every cut still understands; what does not fit is refused."""

import json
import os
import shutil
import struct
import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from shotbuild.errors import MediaError, PlanError, ShotbuildError
from shotbuild.host.files import locked
from shotbuild.host.handover import SUMS
from shotbuild.media.probe import probe
from shotbuild.takes.adopt import adopt
from shotbuild.takes.decide import pick
from shotbuild.takes.frames import Brought, Exported, adopt_frames, export_frames
from tests.fakes import SMALL, fake_workspace, write_project

Make = Callable[..., Path]
ANN = "Ann <a@x.example>"
SHOT = "sh020"
"""Its cut uses frames 12 to 39."""


@pytest.fixture
def clip(make: Make) -> Path:
    """48 frames at 24 a second, each of another grey, with a beep."""
    grey = "nullsrc=s=64x36:r=24:d=2,geq=lum='16+N*4':cb=128:cr=128"
    sound = ("-f", "lavfi", "-i", "sine=d=2:r=48000")
    return make("grey.mkv", "-f", "lavfi", "-i", grey, *sound, "-c:v", "ffv1", "-pix_fmt", "yuv420p", "-c:a", "flac")


@pytest.fixture
def root(tmp_path: Path, clip: Path) -> Path:
    return standing(write_project(tmp_path / "film", SMALL), clip)


def standing(root: Path, clip: Path, shot: str = SHOT) -> Path:
    found = adopt(fake_workspace(root), clip, shot)
    pick(fake_workspace(root), [found.take.name], by=ANN)
    return root


def exported(root: Path, shot: str = SHOT, **more: Any) -> Exported:
    return export_frames(fake_workspace(root), shot, root.parent / "frames", **more)


def brought(root: Path, folder: Path, shot: str | None = SHOT) -> Brought:
    return adopt_frames(fake_workspace(root), folder, shot)


def film(root: Path, back: Brought) -> Path:
    return fake_workspace(root).rooms.blobs.path(back.adopted.take.video)


def greys(path: Path) -> list[int]:
    """The grey of the middle of each frame, in steps of 8 bits."""
    found = []
    with av.open(str(path)) as opened:
        for frame in opened.decode(video=0):
            deep = frame.format.components[0].bits > 8
            plane = np.frombuffer(bytes(frame.planes[0]), np.uint16 if deep else np.uint8)
            row = plane.reshape(frame.planes[0].height, -1)[frame.height // 2, : frame.width]
            found.append(round(float(row.mean()) / (4 if deep else 1)))
    return found


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    ("handles", "low", "high", "head", "tail"), [(0, 12, 40, 0, 0), (8, 4, 48, 8, 8), (20, 0, 48, 12, 8)]
)
def test_what_the_cuts_use_goes_out_with_the_handles_that_there_are(root, handles, low, high, head, tail):
    found = exported(root, handles=handles)
    assert (found.first, found.last) == (1001, 1001 + high - low - 1)
    assert (found.head, found.tail, found.used) == (head, tail, (1001 + head, 1001 + head + 27))
    assert names(found.folder) == [*(f"{SHOT}.{1001 + number}.png" for number in range(high - low)), f"{SHOT}.json"]
    assert subprocess.run(["sha256sum", "-c", "--quiet", SUMS], cwd=found.folder.parent, check=True)


def test_a_sidecar_says_what_the_frames_are(root):
    found = exported(root, handles=2, first=1)
    said = json.loads((found.folder / f"{SHOT}.json").read_text())
    assert found.take is not None
    assert said["take"] == {"name": found.take.name, "number": 1, "sha256": found.take.video.sha256}
    assert (said["first"], said["last"], said["used"]) == (1, 32, {"first": 3, "last": 30})
    assert (said["rate"], said["size"], said["part"], said["sound"]) == ("24", "64x36", {"start": 10, "end": 42}, True)
    assert "not linear" in said["color"]
    assert names(found.folder)[0] == f"{SHOT}.0001.png"


@pytest.mark.parametrize("extension", ["png", "dpx", "exr"])
def test_frames_come_back_as_they_went_out(root, clip, extension):
    found = exported(root, handles=2, extension=extension)
    back = brought(root, found.folder, None)
    assert (back.count, back.around, back.sound) == (32, (10, 6), True)
    facts = probe(film(root, back))
    assert (facts.video.frames, facts.video.rate, facts.video.look.pixels) == (48, Fraction(24), "yuv444p10le")
    assert facts.video.look.is_bt709
    assert greys(film(root, back)) == greys(clip)
    assert back.adopted.take.foreign


def test_the_same_frames_twice_are_one_take(root):
    folder = exported(root).folder
    assert brought(root, folder).adopted.new
    assert not brought(root, folder).adopted.new


def test_the_sound_of_the_take_that_went_out_is_kept_in_sync(root):
    facts = probe(film(root, brought(root, exported(root).folder)))
    assert facts.sound is not None
    assert (facts.sound.codec, facts.sound.rate, facts.sound.start, facts.sound.seconds) == ("pcm_s24le", 48000, 0, 2)


def test_only_the_frames_that_went_out_are_replaced(root, clip, make):
    folder = exported(root, handles=0).folder
    white = make("white.png", "-f", "lavfi", "-i", "color=white:s=64x36", "-frames:v", "1")
    for path in folder.glob("*.png"):
        shutil.copy(white, path)
    back = brought(root, folder)
    before = greys(clip)
    assert greys(film(root, back)) == [*before[:12], *[235] * 28, *before[40:]]


def test_a_take_made_of_frames_stands_when_it_is_picked(root):
    back = brought(root, exported(root).folder)
    before = fake_workspace(root).whole.chosen[SHOT].take
    assert before != back.adopted.take
    pick(fake_workspace(root), [back.adopted.take.name], by=ANN)
    assert fake_workspace(root).whole.chosen[SHOT].take == back.adopted.take
    assert exported(root, force=False).take == back.adopted.take


def test_the_record_says_where_the_frames_came_from(root):
    found = exported(root)
    back = brought(root, found.folder)
    record = back.adopted.take.record
    assert record is not None
    assert found.take is not None
    kept = json.loads(fake_workspace(root).rooms.blobs.path(record).read_text())["frames"]
    assert (kept["of_take"], kept["folder"], kept["first"], kept["pictures"]) == (found.take.name, SHOT, 1001, 44)


def test_larger_frames_make_a_larger_take(root, make):
    folder = exported(root, handles=0).folder
    large = make("large.png", "-f", "lavfi", "-i", "color=white:s=128x72", "-frames:v", "1")
    for path in folder.glob("*.png"):
        shutil.copy(large, path)
    facts = probe(film(root, brought(root, folder))).video
    assert (facts.width, facts.height, facts.frames) == (128, 72, 48)


def test_any_numbered_pictures_make_a_silent_take_at_the_rate_of_the_shot(root, make, tmp_path):
    folder = tmp_path / "render %d"
    folder.mkdir()
    picture = make("red.png", "-f", "lavfi", "-i", "color=red:s=64x36", "-frames:v", "1")
    for number in range(98, 103):
        shutil.copy(picture, folder / f"comp_v03_%d.{number}.PNG")
    (folder / "Thumbs.db").write_text("x")
    back = brought(root, folder)
    assert (back.count, back.first, back.source, back.sound) == (5, 98, None, False)
    facts = probe(film(root, back))
    assert (facts.video.frames, facts.video.rate, facts.sound) == (5, 24, None)


def test_an_export_that_is_there_already_is_left_alone(root):
    first = exported(root)
    before = {path: path.stat().st_mtime_ns for path in first.folder.iterdir()}
    assert not exported(root).written
    assert {path: path.stat().st_mtime_ns for path in first.folder.iterdir()} == before
    (first.folder / f"{SHOT}.1001.png").write_bytes(b"painted over")
    with pytest.raises(PlanError, match="would be overwritten"):
        exported(root)


# --- what is refused ---------------------------------------------------------------------------------------------------


TENTH, LAST = f"{SHOT}.1010.png", f"{SHOT}.1044.png"
BAD: dict[str, tuple[Callable[[Path, Path], object], str]] = {
    "gap": (lambda folder, _: (folder / TENTH).unlink(), "lacks 1 frame"),
    "end": (lambda folder, _: (folder / LAST).unlink(), "lacks 1 frame of 1001 to 1044"),
    "more": (lambda folder, _: shutil.copy(folder / LAST, folder / f"{SHOT}.1045.png"), "has 1 frame beside"),
    "twice": (lambda folder, _: shutil.copy(folder / TENTH, folder / f"{SHOT}.01010.png"), "number 1010 twice"),
    "two rows": (lambda folder, _: shutil.copy(folder / TENTH, folder / "other.1010.png"), "several rows"),
    "size": (lambda folder, large: shutil.copy(large, folder / TENTH), "is 128x72, and"),
    "text": (lambda folder, _: (folder / TENTH).write_text("sorry"), "is no PNG picture"),
    "empty": (lambda folder, _: (folder / TENTH).write_text(""), "is no PNG picture"),
    "cut off": (lambda folder, _: os.truncate(folder / TENTH, 60), "ended with exit code|came out"),
    "sidecar": (lambda folder, _: (folder / f"{SHOT}.json").write_text('{"schema": "shotbuild/frames/1"}'), "be used"),
}


@pytest.mark.parametrize("wrong", BAD)
def test_frames_that_are_not_those_that_were_asked_for_are_refused(root, make, wrong):
    folder = exported(root).folder
    change, said = BAD[wrong]
    change(folder, make("large.png", "-f", "lavfi", "-i", "color=white:s=128x72", "-frames:v", "1"))
    with pytest.raises(ShotbuildError, match=said):
        brought(root, folder)
    assert len(fake_workspace(root).rooms.ledgers.of(SHOT).takes) == 1


def changed(folder: Path, **said: object) -> None:
    sidecar = folder / f"{SHOT}.json"
    sidecar.write_text(json.dumps(json.loads(sidecar.read_text()) | said))


def test_gaps_are_told_as_ranges_however_large_the_numbers_are(root, clip, tmp_path):
    for number in (1, 3, 4, 9, 999_999_999):
        (tmp_path / f"a.{number}.png").touch()
    with pytest.raises(PlanError, match="lacks 999999994 frames of 1 to 999999999") as caught:
        brought(root, tmp_path)
    assert caught.value.cause == "2, 5 to 8, 10 to 999999998"


def test_a_sidecar_that_claims_more_frames_than_there_are_is_refused_at_once(root):
    folder = exported(root).folder
    changed(
        folder,
        first=0,
        last=199_999_998,
        part={"start": 0, "end": 199_999_999},
        film={"sha256": "0" * 64, "bytes": 1, "frames": 199_999_999, "finished": False},
    )
    with pytest.raises(PlanError, match="lacks 199999955 frames of 0 to 199999998") as caught:
        brought(root, folder)
    assert caught.value.cause == "0 to 1000, 1045 to 199999998"


def test_a_sidecar_whose_numbers_are_none_is_refused(root):
    folder = exported(root).folder
    changed(folder, last=float("inf"))
    with pytest.raises(PlanError, match="cannot be used"):
        brought(root, folder)


def test_what_a_killed_export_left_is_cleared_and_a_living_one_keeps_its_folder(root):
    work = root / ".shotbuild/work"
    for name in ("frames-1-1", "frames-2-2"):
        (work / name).mkdir(parents=True)
        (work / f"{name}.lock").touch()
    with locked(work / "frames-2-2.lock"):
        folder = exported(root).folder
        brought(root, folder)
        assert [path.name for path in work.iterdir() if path.is_dir()] == ["frames-2-2"]


def test_a_folder_without_pictures_or_without_a_shot_is_refused(root, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(PlanError, match="nothing says which shot"):
        brought(root, tmp_path / "empty", None)
    with pytest.raises(PlanError, match="no numbered pictures"):
        brought(root, tmp_path / "empty")
    with pytest.raises(PlanError, match="is no folder"):
        brought(root, tmp_path / "nowhere")


def test_the_frames_around_are_needed_to_go_back(root):
    found = exported(root, handles=0)
    assert found.take is not None
    blob = fake_workspace(root).rooms.blobs.path(found.take.video)
    blob.chmod(0o600)
    blob.unlink()
    with pytest.raises(PlanError, match="are not in the store"):
        brought(root, found.folder)


@pytest.mark.parametrize("to", ["", "out", ".shotbuild/x", "specs/a", "takes"])
def test_nothing_is_exported_into_the_project_itself(root, to):
    with pytest.raises(PlanError, match="the project's own"):
        export_frames(fake_workspace(root), SHOT, root / to)


def test_an_export_does_not_take_the_place_of_the_project(tmp_path, clip):
    root = standing(write_project(tmp_path / SHOT, SMALL), clip)
    before = names(root)
    with pytest.raises(PlanError, match="would take the place of the project"):
        export_frames(fake_workspace(root), SHOT, tmp_path, force=True)
    assert names(root) == before


def test_what_has_no_take_or_is_no_shot_is_refused(root):
    with pytest.raises(PlanError, match="has no take yet"):
        exported(root, "sh010")
    with pytest.raises(PlanError, match="no shot is called"):
        exported(root, "sh0200")
    with pytest.raises(PlanError, match="frames are png, dpx, exr"):
        exported(root, extension="tiff")


def test_a_plate_goes_out_and_does_not_come_back(root, clip, tmp_path):
    shutil.copy(clip, root / "assets/plate.mov")
    folder = exported(root, "sh040", handles=0).folder
    with pytest.raises(PlanError, match="is a plate"):
        brought(root, folder, None)


# --- heads of pictures -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("extension", ["png", "dpx", "exr"])
def test_half_a_head_is_no_picture(root, extension):
    found = exported(root, handles=0, extension=extension)
    path = found.folder / f"{SHOT}.1001.{extension}"
    content = path.read_bytes()
    for length in (0, 3, 9, 20, 40):
        path.write_bytes(content[:length])
        with pytest.raises(ShotbuildError):
            brought(root, found.folder)


def test_a_size_beyond_reason_is_refused_unread(root):
    found = exported(root, handles=0)
    for path in found.folder.glob("*.png"):
        content = path.read_bytes()
        path.write_bytes(content[:16] + struct.pack(">II", 60_000, 60_000) + content[24:])
    with pytest.raises(MediaError, match="is 60000x60000"):
        brought(root, found.folder)
