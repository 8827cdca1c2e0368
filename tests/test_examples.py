"""The projects under examples/ and the repository's own film: they load, deliver the planned frames, and then rest."""

import re
import shutil
from fractions import Fraction
from pathlib import Path

import pytest

import shotbuild as api
from shotbuild.media.probe import probe
from shotbuild.records import Step
from tests.e2e.conftest import shotbuild

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = sorted(path for path in (ROOT / "examples").iterdir() if (path / "shotbuild.yaml").is_file())
MADE = ("shotbuild.yaml", "shotbuild.lock", "specs", "templates", "assets", "takes")
SMALL = {
    "minimal": (),
    "languages": (("specs/spot.yaml", "[en, de, pt]", "[en, pt]"), ("shotbuild.yaml", "duration: 1s", "duration: 12f")),
    "plates": (),
}
"""Edits that make an example quick, besides a small picture and short shots."""


def copied(source: Path, target: Path) -> Path:
    """What of a project is in Git."""
    target.mkdir()
    for name in MADE:
        if (source / name).is_dir():
            shutil.copytree(source / name, target / name)
        elif (source / name).is_file():
            shutil.copy2(source / name, target / name)
    return target


def edited(root: Path, file: str, before: str, after: str) -> None:
    text = (root / file).read_text()
    changed = re.sub(before, after, text) if before.startswith("(?") else text.replace(before, after)
    assert changed != text, f"{before!r} is not in {file}"
    (root / file).write_text(changed)


def small(source: Path, target: Path) -> Path:
    root = copied(source, target)
    edited(root, "shotbuild.yaml", r"(?m)size: \d+x\d+", "size: 128x72")
    edited(root, "shotbuild.yaml", r"(?m)duration: \d+s", "duration: 1s")
    for edit in SMALL[source.name]:
        edited(root, *edit)
    return root


def joins(root: Path) -> dict[str, Step]:
    """Path of each delivered file → the step that gives it."""
    plan = api.open(root).whole
    steps = {step.name: step for step in plan.steps if step.recipe.stage == "join"}
    return {f"out/{link.path}": steps[link.step] for link in plan.links if link.step in steps}


def check_delivery(root: Path) -> None:
    planned = joins(root)
    first = shotbuild(root, "deliver", "--json")
    assert first.code == 0, first.out + first.err
    reports = {f"{path.rpartition('.')[0]}.report.{kind}" for path in planned for kind in ("json", "html")}
    assert {event["path"] for event in first.events if event["event"] == "linked"} == set(planned) | reports
    for path, step in planned.items():
        found = probe(root / path)
        rate = step.recipe.parameters.fraction("rate")
        assert found.video.frames == step.recipe.parameters.integer("frames"), path
        assert found.video.rate == rate, path
        assert f"{found.video.width}x{found.video.height}" == step.recipe.parameters.text("size"), path
    second = shotbuild(root, "deliver", "--json").summary
    assert (second["ran"], second["failed"], second["cached"]) == (0, 0, first.summary["ran"] + first.summary["cached"])


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_loads_without_errors_and_says_what_it_shows(example: Path, tmp_path: Path) -> None:
    found = shotbuild(copied(example, tmp_path / "project"), "lint")
    assert found.code == 0, found.err
    assert 5 <= len((example / "README.md").read_text().splitlines()) <= 15


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_made_small_delivers_the_planned_frames_and_then_rests(example: Path, tmp_path: Path) -> None:
    check_delivery(small(example, tmp_path / "project"))


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_as_it_is_delivers_the_planned_frames_and_then_rests(example: Path, tmp_path: Path) -> None:
    check_delivery(copied(example, tmp_path / "project"))


def test_the_languages_example_delivers_each_language_in_each_shape(tmp_path: Path) -> None:
    root = copied(ROOT / "examples/languages", tmp_path / "project")
    assert set(joins(root)) == {
        f"out/{lang}/languages_{lang}_{shape}.mp4" for lang in ("en", "de", "pt") for shape in ("16x9", "9x16")
    }
    sizes = {path[-8:-4]: step.recipe.parameters.text("size") for path, step in joins(root).items()}
    assert sizes == {"16x9": "640x360", "9x16": "1080x1920"}


def test_the_film_is_ten_shots_two_cuts_and_six_files(tmp_path: Path) -> None:
    root = copied(ROOT, tmp_path / "film")
    linted = shotbuild(root, "lint")
    assert linted.code == 0, linted.err
    workspace = api.open(root)
    project = workspace.project
    assert len(project.shots) == 10
    assert {sequence.name: len(sequence.clips) for sequence in project.sequences} == {"film": 10, "teaser": 5}
    assert sorted(each.sequence for each in project.deliverables) == ["film"] * 3 + ["teaser"] * 3
    seconds = {
        (step.sequence, step.recipe.parameters.integer("frames") / step.recipe.parameters.fraction("rate"))
        for step in joins(root).values()
    }
    lengths = dict(seconds)
    assert len(seconds) == 2, "deliverables of one cut differ in length"
    assert 30 <= lengths["film"] <= 40
    assert lengths["teaser"] == Fraction(15)
    assert any(sequence.audio for sequence in project.sequences)
    assert any(clip.transition for clip in project.sequences[0].clips)
    assert all(line.state == "new" or line.why.startswith("the same as") for line in workspace.plan().lines)


@pytest.mark.slow
def test_the_film_delivers_the_planned_frames_and_then_rests(tmp_path: Path) -> None:
    check_delivery(copied(ROOT, tmp_path / "film"))
