import os
from pathlib import Path
from typing import Any

import pytest

from shotbuild.spec.report import Refusal
from shotbuild.spec.tree import Tree

REFUSED = {
    "absolute": ("/etc/passwd", "the path `/etc/passwd` is absolute"),
    "home": ("~/x.png", "the path `~/x.png` is absolute"),
    "drive": ("C:/x.png", "the path `C:/x.png` is absolute"),
    "up": ("../x.png", "the path `../x.png` holds `..`"),
    "up in the middle": ("assets/../../x.png", "the path `assets/../../x.png` holds `..`"),
    "backslash": ("assets\\x.png", "the path `assets\\x.png` holds a backslash"),
    "address": ("https://example.org/x.png", "`https://example.org/x.png` is an address, not a file"),
    "ffmpeg protocol": ("concat:assets/a.png|assets/a.png", "there is no file `concat:assets/a.png|assets/a.png`"),
    "NUL": ("assets/a\0.png", "the path `assets/a\0.png` holds a control character or a line end"),
    "line end": ("assets/a\n.png", "the path `assets/a\n.png` holds a control character or a line end"),
    "empty": ("  ", "a path is missing here"),
    "folder": ("assets", "`assets` is a folder"),
    "root": (".", "`.` is a folder"),
    "missing": ("assets/b.png", "there is no file `assets/b.png`"),
    "below a file": ("assets/a.png/x", "there is no file `assets/a.png/x`"),
    "store": (".shotbuild/cas/x", "`.shotbuild/cas/x` lies in `.shotbuild/`"),
    "results": ("out/x.mov", "`out/x.mov` lies in `out/`"),
    "results in capitals": ("OUT/x.mov", "`OUT/x.mov` lies in `OUT/`"),
    "link to a file outside": ("assets/link.png", "`assets/link.png` is outside the project"),
    "link to a folder outside": ("linked/secret.png", "`linked/secret.png` is outside the project"),
    "link into the results": ("assets/made.mov", "`assets/made.mov` lies in `out/`"),
    "link in a circle": ("assets/round.png", "there is no file `assets/round.png`"),
    "pipe": ("assets/pipe", "`assets/pipe` is not a regular file"),
    "long": ("a" * 2000, "this path has more than 1000 characters"),
    "long part": ("a" * 300, "there is no file `" + "a" * 200 + "`"),
}


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    root, outside = tmp_path / "project", tmp_path / "project-secrets"
    for folder in (root / "assets", root / "out", outside):
        folder.mkdir(parents=True)
    (root / "assets/a.png").touch()
    (root / "out/x.mov").touch()
    (outside / "secret.png").touch()
    (root / "assets/link.png").symlink_to(outside / "secret.png")
    (root / "assets/made.mov").symlink_to(root / "out/x.mov")
    (root / "assets/near.png").symlink_to("a.png")
    (root / "assets/round.png").symlink_to("round.png")
    (root / "linked").symlink_to(outside)
    os.mkfifo(root / "assets/pipe")
    return Tree(root)


@pytest.mark.parametrize(("written", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_a_path_that_cannot_be_taken_says_why(written: str, message: str, tree: Tree) -> None:
    for _ in range(2):
        with pytest.raises(Refusal) as caught:
            tree.file(written)
        assert caught.value.message == message
        assert caught.value.hint


@pytest.mark.parametrize("written", ["assets/a.png", "./assets/a.png", "assets//a.png", "assets/near.png"])
def test_a_path_comes_back_tidy(written: str, tree: Tree) -> None:
    assert tree.file(written) in ("assets/a.png", "assets/near.png")


def test_a_project_may_stand_behind_a_link(tmp_path: Path, tree: Tree) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "project")
    assert Tree(tmp_path / "link").file("assets/a.png") == "assets/a.png"


def test_a_missing_file_has_the_nearest_name_as_hint(tree: Tree) -> None:
    with pytest.raises(Refusal) as caught:
        tree.file("assets/a.pgn")
    assert caught.value.hint == "did you mean `assets/a.png`?"


def test_specs_are_found_sorted_and_hidden_files_are_not(folder: Any) -> None:
    folder.write(
        {f"specs/{name}": "" for name in ("b.yaml", "a/z.yml", "a.yaml", ".#a.yaml", "x.yaml~", "notes.txt", ".git/c.yaml")}
    )
    assert list(Tree(folder.root).specs()) == ["specs/a.yaml", "specs/a/z.yml", "specs/b.yaml"]


def test_spec_files_that_are_links_out_are_refused(folder: Any, tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/x.yaml").write_text("shots: {}")
    folder.write({"specs/a.yaml": ""})
    (folder.root / "specs/link.yaml").symlink_to(tmp_path / "secret/x.yaml")
    (folder.root / "specs/linked").symlink_to(tmp_path / "secret")
    assert folder.refused() == [
        "specs/link.yaml:1:1: `specs/link.yaml` is outside the project",
        "specs/linked:1:1: `specs/linked` is outside the project",
    ]


def test_a_linked_folder_of_specs_inside_the_project_is_said_not_to_be_read(folder: Any) -> None:
    folder.write({"more/a.yaml": "shots: {}", "specs/a.yaml": ""})
    (folder.root / "specs/linked").symlink_to(folder.root / "more")
    assert folder.refused() == ["specs/linked:1:1: `specs/linked` is a folder"]


def test_specs_itself_may_not_be_a_link_out(folder: Any, tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/x.yaml").write_text("shots: {}")
    (folder.root / "specs").symlink_to(tmp_path / "secret")
    assert folder.refused() == ["specs/x.yaml:1:1: `specs/x.yaml` is outside the project"]


def test_special_files_among_specs_are_refused_without_waiting(folder: Any) -> None:
    folder.write({"specs/a.yaml": ""})
    os.mkfifo(folder.root / "specs/pipe.yaml")
    (folder.root / "specs/dir.yaml").mkdir()
    assert folder.refused() == ["specs/pipe.yaml:1:1: `specs/pipe.yaml` is not a regular file"]


def test_a_file_name_that_is_not_text_is_told(folder: Any) -> None:
    folder.write({"specs/a.yaml": ""})
    with open(os.fsencode(folder.root) + b"/specs/\xff.yaml", "wb"):
        pass
    (told,) = folder.refused()
    assert told.isprintable()
    assert "control character" in told
