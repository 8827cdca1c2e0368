"""What is handed over is whole or not there, what is somebody else's stays, and the list is what `sha256sum -c` reads."""

import errno
import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from shotbuild.errors import PlanError, ShotbuildError
from shotbuild.host.handover import SUMS, Part, hand_over
from shotbuild.records import Digest


def digest(text: str) -> Digest:
    return Digest(sha256=hashlib.sha256(text.encode()).hexdigest(), size=len(text.encode()))


def file(path: str, text: str) -> Part:
    def fill(target: Path) -> None:
        target.write_text(text)

    return Part(path=path, files={"": digest(text)}, fill=fill)


def folder(path: str, **texts: str) -> Part:
    def fill(target: Path) -> None:
        target.mkdir()
        for name, text in texts.items():
            (target / name).write_text(text)

    return Part(path=path, files={name: digest(text) for name, text in texts.items()}, fill=fill)


def failing(part: Part, error: BaseException) -> Part:
    def fill(target: Path) -> None:
        target.write_text("half")
        raise error

    return Part(path=part.path, files=part.files, fill=fill)


def there(root: Path) -> dict[str, str]:
    found = {path.relative_to(root).as_posix(): path for path in sorted(root.rglob("*")) if path.is_file()}
    return {name: path.read_text() for name, path in found.items() if path.name != SUMS or path.parent != root}


def check(root: Path) -> str:
    return subprocess.run(["sha256sum", "-c", "--strict", SUMS], cwd=root, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def to(tmp_path: Path) -> Path:
    return tmp_path / "to"


def test_files_and_folders_arrive_with_a_list(to: Path) -> None:
    done = hand_over(to, [file("cut/web.mp4", "film"), folder("cut/hls", a="1", b="2")], "m")
    assert done.written == ("cut/hls", "cut/web.mp4")
    assert there(to) == {"cut/web.mp4": "film", "cut/hls/a": "1", "cut/hls/b": "2"}
    assert check(to).count(": OK") == 3
    assert sorted(path.name for path in to.iterdir()) == [SUMS, "cut"]


def test_what_is_there_already_is_left_alone(to: Path) -> None:
    parts = [file("web.mp4", "film"), folder("hls", a="1")]
    hand_over(to, parts, "m")
    before = {path: path.stat().st_mtime_ns for path in to.rglob("*")}
    assert hand_over(to, parts, "m").kept == ("hls", "web.mp4")
    assert {path: path.stat().st_mtime_ns for path in to.rglob("*")} == before


def test_the_list_keeps_earlier_deliveries_and_forgets_what_is_gone(to: Path) -> None:
    hand_over(to, [file("a.mp4", "a"), file("b.mp4", "b"), folder("hls", x="1", y="2")], "m")
    (to / "b.mp4").unlink()
    hand_over(to, [file("c.mp4", "c"), folder("hls", x="1")], "m")
    assert there(to) == {"a.mp4": "a", "c.mp4": "c", "hls/x": "1"}
    assert check(to).splitlines() == ["a.mp4: OK", "c.mp4: OK", "hls/x: OK"]


def test_names_with_blanks_and_signs_stand_in_the_list(to: Path) -> None:
    hand_over(to, [file("a cut \\ of\nours.mp4", "a"), file("ü é.mp4", "b")], "m")
    assert check(to).count(": OK") == 2
    assert hand_over(to, [file("a cut \\ of\nours.mp4", "new"), file("ü é.mp4", "b")], "m").written == (
        "a cut \\ of\nours.mp4",
    )


def test_ours_is_replaced_when_it_changed(to: Path) -> None:
    hand_over(to, [file("web.mp4", "one"), folder("hls", a="1", b="2")], "m")
    hand_over(to, [file("web.mp4", "two"), folder("hls", a="3")], "m")
    assert there(to) == {"web.mp4": "two", "hls/a": "3"}


@pytest.mark.parametrize("name", ["web.mp4", "hls/a", "hls/notes.txt"])
def test_what_is_not_ours_or_was_changed_since_is_not_overwritten(to: Path, name: str) -> None:
    hand_over(to, [file("web.mp4", "one"), folder("hls", a="1")], "m")
    (to / name).write_text("retouched by hand")
    before = there(to)
    parts = [file("web.mp4", "two"), folder("hls", a="2")]
    with pytest.raises(PlanError, match=r"1 file .* would be overwritten"):
        hand_over(to, parts, "m")
    assert there(to) == before
    hand_over(to, parts, "m", force=True)
    kept = {"hls/notes.txt": "retouched by hand"} if name == "hls/notes.txt" else {}
    assert there(to) == {"web.mp4": "two", "hls/a": "2"} | kept


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_a_full_disk_or_an_interruption_leaves_everything_as_it_was(to: Path, error: BaseException) -> None:
    hand_over(to, [file("a.mp4", "old a"), file("b.mp4", "old b")], "m")
    listed = (to / SUMS).read_text()
    with pytest.raises(ShotbuildError if isinstance(error, OSError) else KeyboardInterrupt):
        hand_over(to, [file("a.mp4", "new a"), failing(file("b.mp4", "new b"), error)], "m")
    assert there(to) == {"a.mp4": "old a", "b.mp4": "old b"}
    assert (to / SUMS).read_text() == listed
    assert sorted(path.name for path in to.iterdir()) == [SUMS, "a.mp4", "b.mp4"]


def test_a_delivery_goes_on_where_another_one_was_cut_while_names_changed(to: Path) -> None:
    """As after kill -9: one file is new, the list is not, and what was staged lies about."""
    hand_over(to, [file("a.mp4", "old a"), file("b.mp4", "old b")], "m")
    staging = to / ".shotbuild-m"
    staging.mkdir()
    (staging / "1").write_text("half of b")
    (staging / SUMS).write_text(f"{digest('new a').sha256}  a.mp4\n")
    (to / "a.mp4").write_text("new a")
    hand_over(to, [file("a.mp4", "newer a"), file("b.mp4", "new b")], "m")
    assert there(to) == {"a.mp4": "newer a", "b.mp4": "new b"}
    assert check(to).count(": OK") == 2
    assert not staging.exists()


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/etc/hostname")])
def test_pipes_and_links_are_nobody_of_ours(to: Path, make: Callable[[Path], None]) -> None:
    to.mkdir()
    make(to / "web.mp4")
    with pytest.raises(PlanError, match="would be overwritten"):
        hand_over(to, [file("web.mp4", "film")], "m")


def test_a_link_in_the_place_of_what_is_staged_is_refused_and_not_followed(to: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    to.mkdir()
    outside.mkdir()
    (outside / "mine").write_text("mine")
    (outside / SUMS).write_text(f"{digest('mine').sha256}  a.mp4\n")
    (to / "a.mp4").write_text("mine")
    (to / ".shotbuild-m").symlink_to(outside)
    with pytest.raises(PlanError, match="shotbuild-m is a link"):
        hand_over(to, [file("a.mp4", "new")], "m", force=True)
    assert there(to) == {"a.mp4": "mine"}
    assert sorted(path.name for path in outside.iterdir()) == [SUMS, "mine"]


def test_a_link_does_not_lead_out_of_the_folder(to: Path, tmp_path: Path) -> None:
    to.mkdir()
    (tmp_path / "outside").mkdir()
    (to / "cut").symlink_to(tmp_path / "outside")
    with pytest.raises(PlanError, match="is a link"):
        hand_over(to, [file("cut/web.mp4", "film")], "m", force=True)
    assert list((tmp_path / "outside").iterdir()) == []


@pytest.mark.parametrize("parts", [[file("cut", "film")], [file("note/web.mp4", "film")]])
def test_folders_and_files_are_not_replaced_by_each_other(to: Path, parts: list[Part]) -> None:
    (to / "cut").mkdir(parents=True)
    (to / "note").write_text("mine")
    with pytest.raises(PlanError, match=r"move it away|has to be"):
        hand_over(to, parts, "m", force=True)


@pytest.mark.parametrize("content", [b"my notes\n", b"\xff\xfe\x00", b"d41d8cd98f00b204e9800998ecf8427e  md5.txt\n"])
def test_a_list_of_another_kind_is_not_replaced(to: Path, content: bytes) -> None:
    to.mkdir()
    (to / SUMS).write_bytes(content)
    with pytest.raises(PlanError, match="no list of checksums"):
        hand_over(to, [file("web.mp4", "film")], "m")
    assert (to / SUMS).read_bytes() == content


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_told(to: Path) -> None:
    to.mkdir(mode=0o500)
    with pytest.raises(ShotbuildError, match="cannot be written"):
        hand_over(to, [file("web.mp4", "film")], "m")
    shutil.rmtree(to)
