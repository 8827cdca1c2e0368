"""Two takes side by side, on a project whose stages write text; the pictures are measured in `tests/e2e`."""

from pathlib import Path

import pytest

from shotbuild.errors import PlanError
from shotbuild.takes.adopt import adopt
from shotbuild.takes.compare import Comparison, compare_takes
from tests.fakes import SMALL, fake_workspace, write_project
from tests.takes.test_adopt import HEARD, PICTURE


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """sh010 has three takes, sh020 two."""
    root = write_project(tmp_path / "film", SMALL)
    fake_workspace(root).build()
    fake_workspace(root).roll(["sh010"], 2)
    return root


def compared(root: Path, *words: str) -> Comparison:
    return compare_takes(fake_workspace(root), words)


def names(found: Comparison) -> list[str]:
    return [f"{each.take.shot} t{each.take.number}" for each in (found.a, found.b)]


def test_two_takes_may_be_named_in_any_way(root):
    takes = fake_workspace(root).rooms.ledgers.of("sh010").takes
    for words in (
        ("sh010 t1", "sh010 t3"),
        ("sh010", "t1", "sh010", "t3"),
        ("sh010", "t1", "t3"),
        (takes[0].name, takes[2].name),
        ("sh010t01", "sh010t03"),
        ("sh010", "t1", f"sh010@{takes[2].video.sha256}"),
    ):
        assert names(compared(root, *words)) == ["sh010 t1", "sh010 t3"]
    assert names(compared(root, "sh010", "t2", "sh020", "t1")) == ["sh010 t2", "sh020 t1"]


@pytest.mark.parametrize(
    "words", [("sh010", "t1"), ("sh010", "t1", "t2", "t3"), ("sh010", "t1", "sh010", "t9"), ("no", "t1")]
)
def test_anything_but_two_takes_is_refused(root, words):
    with pytest.raises(PlanError):
        compared(root, *words)


def test_takes_of_one_recipe_differ_in_seed_and_ordinal_alone(root):
    found = compared(root, "sh010", "t1", "t2")
    assert sorted(line.split('"')[1] for line in found.recipe) == ["seed", "seed", "take", "take"]
    assert (found.a.cost, found.a.model, found.a.seed == found.b.seed) == ("free", "storyboard", False)
    assert found.streams == ()


def test_an_edit_between_two_takes_is_shown_as_lines(root):
    specs = root / "specs/opening.yaml"
    specs.write_text(specs.read_text().replace("place: a lighthouse", "place: a harbour"))
    fake_workspace(root).build()
    found = compared(root, "sh010", "t1", "t4")
    assert [line for line in found.recipe if "prompt" in line] == [
        '-   "prompt": "Wide shot of a lighthouse.",',
        '+   "prompt": "Wide shot of a harbour.",',
    ]


def test_takes_whose_bytes_are_gone_are_compared_by_what_git_has(root):
    rooms = fake_workspace(root).rooms
    rooms.blobs.path(rooms.ledgers.of("sh010").takes[1].video).unlink()
    found = compared(root, "sh010", "t1", "t2")
    assert found.pictures is None
    assert "sh010 t2" in str(found.unmeasured)
    assert "sh010 t1" not in str(found.unmeasured)
    assert found.recipe


def test_bytes_that_are_no_picture_or_damaged_are_not_measured(root):
    assert "not a video" in str(compared(root, "sh010", "t1", "t2").unmeasured)
    rooms = fake_workspace(root).rooms
    blob = rooms.blobs.path(rooms.ledgers.of("sh010").takes[0].video)
    blob.chmod(0o644)
    blob.write_bytes(b"x" * blob.stat().st_size)
    assert "do not match" in str(compared(root, "sh010", "t1", "t2").unmeasured)


def test_a_take_is_the_same_as_itself(root):
    found = compared(root, "sh010", "t1", "t1")
    assert (found.same_bytes, found.recipe, found.pictures, found.unmeasured) == (True, (), None, None)


def test_a_foreign_take_is_laid_beside_one_that_was_made_here(root, make):
    adopt(fake_workspace(root), make("heard.mp4", *PICTURE, *HEARD), "sh010")
    found = compared(root, "sh010", "t1", "t4")
    assert (found.b.cost, found.b.model, found.b.take.foreign) == ("", "", True)
    sound = {(each.field, each.a, each.b) for each in found.streams if each.stream == "audio"}
    assert ("codec", None, "aac") in sound
