"""Steps of one batch run together: in one go where several are missing, each with a result and an error of its own."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from shotbuild.built import BuildOptions, Built
from shotbuild.engine.events import Event, Failed, Finished, Started
from shotbuild.errors import Cancelled, MediaError
from shotbuild.records import Fields
from shotbuild.stages.interface import Work
from tests.fakes import Count, FakeStage, fake_workspace, write_project

FILES = {
    "shotbuild.yaml": "shotbuild: 1\nproject: film\nformat: {size: 64x36, rate: 24}\ndefaults: {duration: 24f}\n",
    "specs/film.yaml": """shots:
  a: {prompt: A.}
  b: {prompt: B.}
sequences:
  main: {cut: [a, b]}
deliverables:
  web: {sequence: main, profile: h264-web}
  hevc: {sequence: main, profile: hevc-web}
  master: {sequence: main, profile: prores-422-hq}
""",
}
WAYS = ("hevc-web", "h264-web", "prores-422-hq")


def codec(work: Work) -> str:
    video = work.parameters.get("video")
    assert isinstance(video, Fields)
    return video.text("codec")


def shot(work: Work) -> str:
    return work.inputs["shot0"].name


@dataclass
class Encode:
    """Writes text as other fakes do. groups: the codecs of each go; odd: the codec that breaks a go, with `hurt`; checks:
    the one that comes out wrong; before: done in each go, before anything is written."""

    name: str = "encode"
    version: int = 2
    groups: list[tuple[str, ...]] = field(default_factory=list)
    odd: str = ""
    checks: str = ""
    hurt: Callable[[], BaseException] = lambda: MediaError("the encoder fell over")
    slow: float = 0.0
    before: Callable[[], None] = lambda: None

    def run(self, work: Work) -> None:
        self._run([work])

    def run_all(self, works: Sequence[Work]) -> None:
        assert len(works) > 1, "one alone is simply run"
        self._run(works)

    def check(self, work: Work) -> None:
        if codec(work) == self.checks:
            raise MediaError("it came out wrong")

    def _run(self, works: Sequence[Work]) -> None:
        self.groups.append(tuple(sorted(codec(work) for work in works)))
        assert len({(shot(work), repr(work.parameters.get("picture"))) for work in works}) == 1
        self.before()
        time.sleep(self.slow)
        if any(codec(work) == self.odd for work in works):
            raise self.hurt()
        for work in works:
            FakeStage("encode", Count()).run(work)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_project(tmp_path / "film", FILES)


def build(
    root: Path,
    stage: Encode,
    *targets: str,
    jobs: int = 1,
    hear: Callable[[Event], None] = lambda _: None,
    cancel: threading.Event | None = None,
    fail_fast: bool = False,
) -> Built:
    workspace = fake_workspace(root, hear=hear)
    workspace.registry.loaded["encode"] = stage
    return workspace.build(targets, options=BuildOptions(jobs=jobs, fail_fast=fail_fast), cancel=cancel or threading.Event())


ALL = ("h264", "hevc", "prores")


def test_what_is_missing_of_a_batch_is_run_in_one_go(root: Path) -> None:
    stage = Encode()
    built = build(root, stage)
    assert stage.groups == [ALL, ALL]
    assert len([name for name in built.ran if name.endswith(("/a", "/b"))]) == 6
    assert build(root, Encode()).ran == ()


@pytest.mark.parametrize("jobs", [2, 3, 4, 9])
def test_however_many_run_at_once_each_is_run_once(root: Path, jobs: int) -> None:
    stage = Encode(slow=0.01)
    built = build(root, stage, jobs=jobs)
    assert sorted(codec for group in stage.groups for codec in group) == sorted(2 * ALL)
    assert built.exit_code == 0
    assert len(built.ran) == len(set(built.ran))


def test_each_has_the_result_that_it_has_alone(root: Path, tmp_path: Path) -> None:
    alone = write_project(tmp_path / "alone", FILES)
    build(root, Encode())
    stage = Encode()
    for name in ("web", "hevc", "master"):
        build(alone, stage, f"main/{name}")
    assert {len(group) for group in stage.groups} == {1}
    assert blobs(alone) <= blobs(root)


def blobs(root: Path) -> set[str]:
    return {path.name for path in (root / ".shotbuild/store/cas").rglob("*") if path.is_file()}


def test_mates_that_are_there_are_not_run_again(root: Path) -> None:
    build(root, Encode(), "main/web")
    stage = Encode()
    built = build(root, stage)
    assert stage.groups == [("hevc", "prores")] * 2
    assert "main/web/a" not in built.ran
    build(root, Encode(), "main/web", "main/hevc")
    last = write_project(root, {"specs/film.yaml": FILES["specs/film.yaml"].replace("hevc-web", "vp9-web")})
    alone = Encode()
    build(last, alone)
    assert alone.groups == [("vp9",)] * 2


def test_mates_that_nobody_asked_for_are_not_run(root: Path) -> None:
    stage = Encode()
    build(root, stage, "main/web", "main/master")
    assert stage.groups == [("h264", "prores")] * 2


def test_a_batch_of_one_is_simply_run(root: Path) -> None:
    stage = Encode()
    build(root, stage, "main/web/a")
    assert stage.groups == [("h264",)]


def test_one_that_cannot_be_made_takes_no_other_with_it(root: Path) -> None:
    stage = Encode(odd="hevc")
    built = build(root, stage)
    assert sorted(failure.step.name for failure in built.failed) == ["main/hevc/a", "main/hevc/b"]
    assert {"main/web", "main/master"} <= set(built.ran)
    assert stage.groups[:4] == [ALL, ("hevc",), ("h264",), ("prores",)] or sorted(stage.groups[1:4]) == [
        ("h264",), ("hevc",), ("prores",),
    ]  # fmt: skip
    assert [failure.error.message for failure in built.failed] == ["the encoder fell over"] * 2


def test_one_that_came_out_wrong_takes_no_other_with_it(root: Path) -> None:
    built = build(root, Encode(checks="prores"))
    assert {failure.step.name for failure in built.failed} == {"main/master/a", "main/master/b"}
    assert {"main/web", "main/hevc"} <= set(built.ran)


def test_a_bug_costs_its_step_and_not_those_of_its_batch(root: Path) -> None:
    built = build(root, Encode(odd="hevc", hurt=lambda: KeyError("a bug")))
    assert {failure.step.name for failure in built.failed} == {"main/hevc/a", "main/hevc/b"}
    assert built.exit_code == 70
    assert "a/t1" in built.ran


def test_a_batch_fails_fast_as_one(root: Path) -> None:
    stage = Encode(odd="hevc")
    built = build(root, stage, fail_fast=True)
    assert [failure.step.name for failure in built.failed] == ["main/hevc/a"] or len(built.failed) == 1
    assert len(stage.groups) == 4
    assert not [step for step in built.ran if step.endswith("/b")]


def test_a_build_that_is_stopped_keeps_nothing_of_a_batch_and_lets_go_of_its_locks(root: Path) -> None:
    cancel = threading.Event()

    def stop() -> BaseException:
        cancel.set()
        return Cancelled("stopped")

    stage = Encode(odd="hevc", hurt=stop)
    built = build(root, stage, cancel=cancel)
    assert stage.groups == [ALL]
    assert built.failed == ()
    assert {"main/web/a", "main/hevc/a", "main/master/a"} <= {skipped.step.name for skipped in built.skipped}
    assert [path.name for path in (root / ".shotbuild/locks").iterdir() if len(path.stem) == 64] == []
    again = Encode()
    assert build(root, again).exit_code == 0
    assert again.groups == [ALL, ALL]


def test_what_a_batch_gave_while_the_build_was_interrupted_is_kept(root: Path) -> None:
    stage = Encode(slow=0.05)

    def hear(event: Event) -> None:
        if isinstance(event, Finished) and event.step.name == "b/t1":
            raise KeyboardInterrupt

    build(root, Encode(), "a")
    with pytest.raises(KeyboardInterrupt):
        build(root, stage, jobs=2, hear=hear)
    again = Encode()
    build(root, again)
    assert sorted(codec for group in stage.groups + again.groups for codec in group) == sorted(2 * ALL)


def test_every_step_of_a_batch_is_told_once(root: Path) -> None:
    told: list[tuple[str, str]] = []

    def hear(event: Event) -> None:
        if isinstance(event, Started | Finished | Failed):
            told.append((type(event).__name__, event.step.name))

    build(root, Encode(), hear=hear)
    assert len(told) == len(set(told))
    assert {name for kind, name in told if kind == "Started"} == {name for kind, name in told if kind == "Finished"}


def test_deliverables_that_ask_for_the_same_are_one_mate(root: Path) -> None:
    spec = FILES["specs/film.yaml"] + "  again: {sequence: main, profile: h264-web}\n"
    write_project(root, {"specs/film.yaml": spec})
    stage = Encode()
    built = build(root, stage)
    assert stage.groups == [ALL, ALL]
    assert built.exit_code == 0
    assert (root / "out/sequences/main/again.mp4").read_bytes() == (root / "out/sequences/main/web.mp4").read_bytes()


def test_a_mate_that_another_process_makes_is_left_to_it(root: Path) -> None:
    build(root, Encode(), "a", "b")
    running = threading.Event()
    other, stage = Encode(slow=0.3, before=running.set), Encode()
    with ThreadPoolExecutor(1) as pool:
        begun = pool.submit(build, root, other, "main/hevc/a")
        assert running.wait(10)
        built = build(root, stage)
        assert begun.result().exit_code == 0
    assert other.groups == [("hevc",)]
    assert sorted(stage.groups) == [ALL, ("h264", "prores")]
    assert built.exit_code == 0
    assert "main/hevc/a" not in built.ran


def test_builds_of_several_processes_share_batches(root: Path) -> None:
    stages = [Encode(slow=0.03) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        built = list(pool.map(lambda stage: build(root, stage, jobs=2), stages))
    assert all(each.exit_code == 0 for each in built)
    ran = [name for each in built for name in each.ran]
    assert sorted(ran) == sorted(set(ran))
    assert sorted(codec for stage in stages for group in stage.groups for codec in group) == sorted(2 * ALL)
