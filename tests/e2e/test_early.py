"""After a small edit the takes of the edited shots begin before the rest of the project is looked at."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from shotbuild.ahead import Ahead
from shotbuild.built import BuildOptions, Built
from shotbuild.errors import ShotbuildError, SpecErrors
from shotbuild.host.memory import GRAIN_NS
from shotbuild.spec import kept
from shotbuild.workspace import Workspace, open_project
from tests.conftest import Make

PROJECT = """
shotbuild: 1
project: season
format: {size: 64x64, rate: 24}
defaults: {duration: 2f, provider: mine}
providers:
  mine: {use: command, argv: "generate.sh {out} {prompt}", version: "1"}
  slow: {use: command, argv: "generate.sh {out} {prompt}", version: "1", at_once: 1}
"""
CUTS = "sequences: {s: {cut: [a, b]}}\ndeliverables: {web: {sequence: s, profile: preview}}\n"
# Each prompt gives other bytes; players pass the box over.
GENERATE = """#!/bin/sh
echo "$2" >> %(root)s/ran
case "$2" in wait*) sleep 600;; esac
cp %(clip)s "$1"
printf '\\0\\0\\0\\110free%%-64.64s' "$2" >> "$1"
"""


@pytest.fixture
def season(tmp_path: Path, make: Make, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that is delivered: a and b are in its cut, c is not."""
    colours = "setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709:range=tv"
    clip = make(
        "tiny.mp4", "-f", "lavfi", "-i", f"color=gray:s=64x64:r=24,{colours}", "-frames:v", "2", "-pix_fmt", "yuv420p"
    )
    root = tmp_path / "season"
    (root / "specs").mkdir(parents=True)
    (root / "shotbuild.yaml").write_text(PROJECT)
    (root / "specs/cuts.yaml").write_text(CUTS)
    for name in "abc":
        spec(root, name, f"{name} at dawn")
    program = tmp_path / "generate.sh"
    program.write_text(GENERATE % {"root": root, "clip": clip})
    program.chmod(0o755)
    monkeypatch.setenv("SHOTBUILD_COMMANDS", str(program))
    # Nobody edits the code here, and folders that a test run writes to are no code.
    real = kept._stamps
    monkeypatch.setattr(kept, "_stamps", lambda programs: [(s[0], s[1] - GRAIN_NS, 0, s[3]) for s in real(programs)])
    monkeypatch.setattr(kept.uptodate, "programs", lambda: [kept.__file__])
    open_project(root).deliver()
    (root / "ran").unlink()
    return root


def spec(root: Path, name: str, prompt: str, more: str = "") -> None:
    (root / f"specs/{name}.yaml").write_text(f"shots: {{{name}: {{prompt: {prompt}{more}}}}}\n")


def ran(root: Path) -> list[str]:
    return (root / "ran").read_text().splitlines() if (root / "ran").exists() else []


def waited(root: Path, count: int) -> None:
    """Until so many programs have begun."""
    end = time.monotonic() + 60
    while len(ran(root)) < count:
        assert time.monotonic() < end
        time.sleep(0.01)


def left(root: Path) -> list[Path]:
    """What lies in the folder in which steps work."""
    return [path for path in (root / ".shotbuild/work").glob("*") if path.is_dir()]


def begun(workspace: Workspace, **more: bool) -> bool:
    """Whether anything is begun early; it is stopped again."""
    with workspace.early(BuildOptions(), threading.Event(), **more):
        return isinstance(workspace._ahead, Ahead)


def delivered(root: Path) -> Built:
    workspace, cancel, options = open_project(root), threading.Event(), BuildOptions()
    with workspace.early(options, cancel, deliver=True):
        assert workspace._ahead is not None
        assert "project" not in workspace.__dict__
        return workspace.deliver((), options, cancel)


def test_a_take_that_was_begun_early_is_that_of_the_build(season: Path) -> None:
    spec(season, "b", "b at dusk")
    built = delivered(season)
    assert ran(season) == ["b at dusk"]
    assert built.generated == ("b/t1",)
    assert {"b/t1", "s/web/b", "s/web"} <= set(built.ran)
    assert not built.failed
    assert len((season / "takes/b.jsonl").read_text().splitlines()) == 2
    assert left(season) == []
    again = open_project(season).deliver()
    assert again.ran == ()


def test_several_edits_are_begun_together(season: Path) -> None:
    spec(season, "a", "a at noon")
    spec(season, "b", "b at noon")
    assert set(delivered(season).generated) == {"a/t1", "b/t1"}
    assert sorted(ran(season)) == ["a at noon", "b at noon"]


def test_who_delivers_does_not_make_what_no_deliverable_shows(season: Path) -> None:
    spec(season, "c", "c at dusk")
    assert not begun(open_project(season), deliver=True)
    assert ran(season) == []
    assert begun(open_project(season))


def add(path: str, text: str) -> Callable[[Path], object]:
    return lambda root: (root / path).write_text((root / path).read_text() + text if (root / path).exists() else text)


@pytest.mark.parametrize(
    "change",
    [
        add("shotbuild.yaml", "vars: {light: red}\n"),
        add("specs/cuts.yaml", "# a comment\n"),
        add("specs/d.yaml", "shots: {d: {prompt: new}}\n"),
        lambda root: (root / "specs/c.yaml").unlink(),
        lambda root: spec(root, "a", "a", ", continue: b"),
        lambda root: spec(root, "a", "a", ", takes: 31"),
        lambda root: spec(root, "a", "a", ", moved: z"),
        lambda root: (root / "specs/a.yaml").write_text("shots: {a: {prompt: [}}"),
        lambda root: (root / "specs/a.yaml").write_text("shots: {e: {prompt: another name}}"),
        lambda root: (root / ".shotbuild/specs").unlink(),
        lambda root: (root / ".shotbuild/specs").write_bytes((root / ".shotbuild/specs").read_bytes()[:-1]),
    ],
)
def test_what_is_doubtful_is_left_to_the_build(season: Path, change: Callable[[Path], object]) -> None:
    spec(season, "b", "b at dusk")
    change(season)
    assert not begun(open_project(season))
    assert ran(season) == []


def test_a_provider_with_a_lane_is_left_to_the_build(season: Path) -> None:
    spec(season, "b", "b at dusk", ", provider: slow")
    assert not begun(open_project(season))


@pytest.mark.parametrize("options", [BuildOptions(frozen=True), BuildOptions(kept_only=True), BuildOptions(strict=True)])
def test_a_build_that_generates_nothing_begins_nothing(season: Path, options: BuildOptions) -> None:
    spec(season, "b", "b at dusk")
    with open_project(season).early(options, threading.Event()):
        pass
    assert ran(season) == []


def test_what_was_begun_is_stopped_when_the_project_cannot_be_loaded(season: Path) -> None:
    spec(season, "b", "wait for ever")
    (season / "specs/a.yaml").write_text("shots: {a: {prompt: p, finish: [nonsense]}}\n")
    workspace = open_project(season)
    # A mistake in an edited file leaves everything to the build.
    assert not begun(workspace)
    spec(season, "a", "a at dawn")
    workspace = open_project(season)
    cancel = threading.Event()
    with workspace.early(BuildOptions(), cancel):
        assert workspace._ahead is not None
        waited(season, 1)
        add("specs/cuts.yaml", "x: y\n")(season)
        with pytest.raises(SpecErrors):
            _ = workspace.project
    assert cancel.is_set()
    assert left(season) == []
    (season / "specs/cuts.yaml").write_text(CUTS)
    spec(season, "b", "b at dusk")
    assert delivered(season).generated == ("b/t1",)


def test_a_failure_is_that_of_the_step(season: Path) -> None:
    spec(season, "b", "b at dusk")
    program = Path(os.environ["SHOTBUILD_COMMANDS"])
    program.write_text("#!/bin/sh\necho no luck >&2\nexit 3\n")
    built = delivered(season)
    assert [failure.step.name for failure in built.failed] == ["b/t1"]
    assert isinstance(built.failed[0].error, ShotbuildError)


def test_two_builds_at_once_make_one_take(season: Path) -> None:
    spec(season, "b", "b at dusk")
    one, other = open_project(season), open_project(season)
    cancel, options = threading.Event(), BuildOptions()
    with one.early(options, cancel, deliver=True):
        assert not begun(other, deliver=True)
        one.deliver((), options, cancel)
    assert other.deliver().generated == ()
    assert ran(season) == ["b at dusk"]
