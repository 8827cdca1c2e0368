"""A folder is what its package says, or it is put right; what did not change is not read."""

import os
from pathlib import Path

import pytest

from shotbuild.errors import MediaError
from shotbuild.host import folders, packing


@pytest.fixture
def package(tmp_path: Path) -> Path:
    source = tmp_path / "source"
    for name, text in {"index.m3u8": "list", "high/0.m4s": "first", "high/1.m4s": "second"}.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(text)
    packing.pack(source, tmp_path / "package.tar")
    return tmp_path / "package.tar"


@pytest.fixture
def folder(package: Path, tmp_path: Path) -> Path:
    packing.unpack(package, tmp_path / "folder")
    return tmp_path / "folder"


def test_a_folder_holds_what_was_unpacked_into_it(package: Path, folder: Path) -> None:
    assert folders.holds(folder, package)
    assert folders.digests_in(folder) == folders.contents(package)


@pytest.mark.parametrize("change", ["edit", "delete", "add", "link", "folder", "swap"])
def test_any_change_is_found_by_bytes_and_by_stamp(package: Path, folder: Path, change: str) -> None:
    before = folders.stamp_of(folder)[0]
    file = folder / "high/0.m4s"
    match change:
        case "edit":
            file.write_text("F1rst")
        case "delete":
            file.unlink()
        case "add":
            (folder / "notes.txt").write_text("mine")
        case "link":
            file.rename(folder.parent / "elsewhere")
            file.symlink_to(folder.parent / "elsewhere")
        case "folder":
            (folder / "empty").mkdir()
        case "swap":
            os.rename(file, folder / "x")
            os.rename(folder / "high/1.m4s", file)
            os.rename(folder / "x", folder / "high/1.m4s")
    assert folders.stamp_of(folder)[0] != before
    assert not folders.holds(folder, package)


def test_a_stamp_of_young_files_is_not_trusted(folder: Path) -> None:
    assert not folders.stamp_of(folder)[1]


def test_a_file_or_nothing_holds_no_package(package: Path, tmp_path: Path) -> None:
    assert not folders.holds(tmp_path / "nothing", package)
    assert not folders.holds(package, package)


def test_a_damaged_package_is_refused(package: Path, folder: Path) -> None:
    package.write_bytes(package.read_bytes()[:700])
    with pytest.raises(MediaError):
        folders.holds(folder, package)


@pytest.mark.parametrize("there", ["folder", "file", "link", "nothing"])
def test_a_folder_takes_the_place_of_whatever_stood_there(folder: Path, tmp_path: Path, there: str) -> None:
    target = tmp_path / "target"
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("kept")
    if there == "folder":
        target.mkdir()
        (target / "old").write_text("old")
    elif there == "file":
        target.write_text("old")
    elif there == "link":
        target.symlink_to(outside)
    folders.put_in_place(folder, target)
    assert sorted(folders.files_in(target)) == ["high/0.m4s", "high/1.m4s", "index.m3u8"]
    assert (outside / "kept").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["outside", "package.tar", "source", "target"]


def test_what_stood_there_comes_back_when_the_new_one_cannot_be_put_there(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (target / "old").write_text("old")
    with pytest.raises(FileNotFoundError):
        folders.put_in_place(tmp_path / "never-made", target)
    assert (target / "old").read_text() == "old"
