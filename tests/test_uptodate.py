"""What `uptodate` answers by itself, and that nothing which could change a result is passed over."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from shotbuild import uptodate
from shotbuild.host.memory import stamp_of

WORDS = ["deliver"]
READ = ("specs", "specs/a.yaml", "templates", "templates/wide.j2", "assets/plate.mp4", "shotbuild.lock")
WROTE = ("out/film.mp4", "takes", "takes/a.jsonl")
OLD = time.time() - 3600


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an answer that was kept, as a build would keep it."""
    for name in ("shotbuild.yaml", *READ, *WROTE):
        path = tmp_path / name
        if "." in name:
            path.parent.mkdir(exist_ok=True)
            path.write_text(f"what stands in {name}\n")
    # ctime cannot be set: it has to become old.
    time.sleep(0.05)
    monkeypatch.chdir(tmp_path)
    keep(tmp_path)
    return tmp_path


def began_at(root: Path) -> uptodate.Began:
    (root / ".shotbuild").mkdir(exist_ok=True)
    return uptodate.Began(str(root / ".shotbuild"))


def keep(root: Path, began: uptodate.Began | None = None, wrote: dict[str, list[int]] | None = None) -> None:
    stamps = {name: stamp_of(root / name) for name in WROTE} if wrote is None else wrote
    uptodate.keep(str(root), WORDS, began or began_at(root), READ, stamps, "out/film.mp4", "0 ran; ")


def edited(path: Path) -> None:
    """Another text of the same size, in the same tick, as far as mtime can tell."""
    before = path.stat()
    path.write_text(path.read_text().replace("what", "WHAT"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replaced(path: Path) -> None:
    fresh = path.with_name("fresh")
    shutil.copy2(path, fresh)
    fresh.replace(path)


def touched_in_the_past(path: Path) -> None:
    path.write_text(path.read_text())
    os.utime(path, (OLD, OLD))


def test_the_same_command_is_answered(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert uptodate.answer(WORDS)
    said = capsys.readouterr()
    assert said.out == "out/film.mp4\n"
    assert re.fullmatch(r"0 ran; 0\.\d s\n", said.err)


def test_from_a_folder_inside_and_from_outside(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root / "specs")
    assert uptodate.answer(WORDS)
    assert Path.cwd() == root / "specs"
    for words in (["deliver", "--project", str(root)], ["deliver", f"--project={root}"], ["deliver", "-C", str(root)]):
        monkeypatch.chdir(root)
        uptodate.keep(str(root), words, began_at(root), READ, {}, "", "")
        monkeypatch.chdir("/")
        assert not uptodate.answer(WORDS)
        assert uptodate.answer(words)


@pytest.mark.parametrize("change", [edited, replaced, touched_in_the_past, Path.unlink])
@pytest.mark.parametrize("name", ["shotbuild.yaml", "specs/a.yaml", "templates/wide.j2", "shotbuild.lock", "takes/a.jsonl",
                                  "assets/plate.mp4", "out/film.mp4"])  # fmt: skip
def test_a_file_that_changed_is_looked_at(root: Path, name: str, change: Callable[[Path], None]) -> None:
    change(root / name)
    assert not uptodate.answer(WORDS)


@pytest.mark.parametrize("folder", ["specs", "takes", "templates"])
def test_a_new_file_is_looked_at(root: Path, folder: str) -> None:
    (root / folder / "new.yaml").write_text("shots: {}\n")
    assert not uptodate.answer(WORDS)


@pytest.mark.parametrize("words", [["deliver", "-v"], ["build"], ["deliver", "web"], [], ["plan"], ["deliver", "--json"]])
def test_other_words_are_other_questions(root: Path, words: list[str]) -> None:
    assert not uptodate.answer(words)


@pytest.mark.parametrize("words", [["deliver", "--json"], ["deliver", "--to", "x"], ["build", "status:new"],
                                   ["build", "+changed:main"], ["deliver", "--to=x"], ["lint"]])  # fmt: skip
def test_some_words_are_never_kept(root: Path, words: list[str]) -> None:
    uptodate.keep(str(root), words, began_at(root), (), {}, "", "")
    assert not uptodate.answer(words)


def test_another_version_another_setting_another_program(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(uptodate, "__version__", "0.0.0")
        assert not uptodate.answer(WORDS)
    for name in ("SHOTBUILD_FFMPEG", "PATH", "IMAGEIO_FFMPEG_EXE"):
        with monkeypatch.context() as patch:
            patch.setenv(name, "/other")
            assert not uptodate.answer(WORDS)
    assert uptodate.answer(WORDS)


def test_a_program_on_the_path_is_replaced(root: Path, tmp_path_factory: pytest.TempPathFactory,
                                           monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    folder = tmp_path_factory.mktemp("bin")
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    time.sleep(0.05)
    keep(root)
    assert uptodate.answer(WORDS)
    (folder / "ffmpeg").write_text("another\n")
    assert not uptodate.answer(WORDS)


def test_what_changed_while_we_looked_is_not_kept(root: Path) -> None:
    began = began_at(root)
    (root / "specs/a.yaml").write_text("shots: {}\n")
    keep(root, began)
    assert not uptodate.answer(WORDS)


def test_what_changed_just_before_we_looked_is_not_kept(root: Path) -> None:
    (root / "specs/a.yaml").write_text("shots: {}\n")
    keep(root, began_at(root))
    assert not uptodate.answer(WORDS)


def test_on_a_file_system_of_whole_seconds_more_is_young(root: Path) -> None:
    began = began_at(root)
    began.grain = uptodate.COARSE
    shutil.rmtree(root / uptodate.FOLDER)
    keep(root, began)
    assert not uptodate.answer(WORDS)


def test_what_somebody_else_wrote_after_us_is_not_kept(root: Path) -> None:
    stamps = {name: stamp_of(root / name) for name in WROTE}
    (root / "takes/a.jsonl").write_text("what stands in takes/a.JSONL\n")
    keep(root, wrote=stamps)
    assert not uptodate.answer(WORDS)


@pytest.mark.parametrize("at", [0, 0.1, 0.3, 0.5, 0.7, 0.9, 0.999])
@pytest.mark.parametrize("damage", ["cut", "turn"])
def test_a_damaged_answer_is_none(root: Path, at: float, damage: str, capsys: pytest.CaptureFixture[str]) -> None:
    (kept,) = (root / uptodate.FOLDER).iterdir()
    whole = kept.read_bytes()
    place = int(at * len(whole))
    kept.write_bytes(whole[:place] if damage == "cut" else whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    assert not uptodate.answer(WORDS)
    assert capsys.readouterr().out == ""


def test_every_part_of_an_answer(root: Path) -> None:
    (kept,) = (root / uptodate.FOLDER).iterdir()
    whole = kept.read_bytes()
    for place in range(0, len(whole), max(1, len(whole) // 400)):
        kept.write_bytes(whole[:place] + b"\xff" + whole[place + 1 :])
        assert not uptodate.answer(WORDS), place


def test_a_planted_answer_that_has_seen_nothing_is_none(root: Path) -> None:
    (kept,) = (root / uptodate.FOLDER).iterdir()
    fields = kept.read_bytes().split(b"\0")
    kept.write_bytes(b"\0".join([*fields[:5], str(hash(())).encode()]))
    assert not uptodate.answer(WORDS)


def test_few_answers_are_kept(root: Path) -> None:
    for number in range(2 * uptodate.MOST):
        uptodate.keep(str(root), ["build", f"sh{number}"], began_at(root), READ,
                      {name: stamp_of(root / name) for name in WROTE}, "", "")  # fmt: skip
    assert len(os.listdir(root / uptodate.FOLDER)) == uptodate.MOST


def test_nothing_else_is_imported_for_an_answer() -> None:
    """Beside what the interpreter brings along."""
    code = "import sys; before = set(sys.modules); import shotbuild.cli.main; print(*sorted(set(sys.modules) - before))"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert [name for name in found if name.partition(".")[0] not in
            {"shotbuild", "importlib", "warnings", "gc", "operator", "_operator", "time"}] == []  # fmt: skip
    assert [name for name in found if name.startswith("shotbuild.")] == [
        "shotbuild.cli", "shotbuild.cli.main", "shotbuild.uptodate",
    ]  # fmt: skip
