"""What a build tells other processes while it works, and what these make of it."""

import json
import os
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import pytest

import shotbuild
from shotbuild.engine.events import Event, Failed, Finished, Planned, Polled, Skipped, Started
from shotbuild.errors import MediaError
from shotbuild.progress import FOLDER, KEPT, Builds, Told
from shotbuild.records import ActionResult, Digest, Fields, Location, Price, Recipe, Step

HERE = Location(file="", line=1, column=1)
DIGEST = Digest(sha256="0" * 64, size=0)


def step(name: str, *shots: str) -> Step:
    recipe = Recipe(stage="generate", version=1, pins=(), parameters=Fields())
    return Step(name=name, recipe=recipe, inputs=(), outputs=("a",), shots=shots, use="hero", location=HERE)


def result(amount: int = 0) -> ActionResult:
    price = Price(amount=Fraction(amount, 2), currency="USD", exact=True)
    return ActionResult(outputs=(("a", DIGEST),), milliseconds=1, price=price)


def told(folder: Path, *events: Event) -> Told:
    heard: list[Event] = []
    found = Told(lambda: folder, heard.append)
    for event in events:
        found.hear(event)
    assert heard == list(events)
    return found


def test_what_runs_is_seen_until_it_ends(tmp_path: Path) -> None:
    one, other = step("sh010/t1", "sh010"), step("sh020/t1", "sh020")
    builds = Builds(tmp_path)
    log = told(tmp_path, Planned(steps=5), Finished(step=one, result=result(), ran=False), Started(step=one))
    (seen,) = builds.alive()
    assert (seen.steps, seen.done, seen.ran, list(seen.running)) == (5, 1, 0, ["sh010/t1"])
    assert seen.running["sh010/t1"].shots == ("sh010",)
    log.hear(Polled(step=one, word="rendering", progress=40))
    log.hear(Started(step=other))
    assert builds.alive()[0].running["sh010/t1"].says == "rendering, 40 %"
    log.hear(Finished(step=one, result=result(3), ran=True))
    log.hear(Failed(step=other, error=MediaError("it was cut off", cause="the line")))
    log.hear(Skipped(step=step("film/web"), because="sh020/t1"))
    (seen,) = builds.alive()
    assert (seen.done, seen.ran, seen.skipped, dict(seen.running), seen.price) == (4, 1, 1, {}, "1.50 USD")
    assert builds.failures()["sh020/t1"].why == "it was cut off: the line"
    log.close()
    assert builds.alive() == ()
    assert Builds(tmp_path).failures().keys() == {"sh020/t1"}


def test_a_step_that_was_made_since_has_not_failed(tmp_path: Path) -> None:
    one = step("sh010/t1", "sh010")
    told(tmp_path, Started(step=one), Failed(step=one, error=MediaError("no"))).close()
    assert Builds(tmp_path).failures().keys() == {"sh010/t1"}
    time.sleep(1.1)  # names of files tell seconds
    told(tmp_path, Started(step=one), Finished(step=one, result=result(), ran=True)).close()
    assert Builds(tmp_path).failures() == {}


def test_nothing_is_written_before_something_runs(tmp_path: Path) -> None:
    told(tmp_path / "builds", Planned(steps=3), Finished(step=step("a"), result=result(), ran=False)).close()
    assert not (tmp_path / "builds").exists()


def test_a_folder_that_cannot_be_written_costs_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "builds").write_text("a file")
    told(tmp_path / "builds", Started(step=step("a")), Finished(step=step("a"), result=result(), ran=True)).close()
    assert (tmp_path / "builds").read_text() == "a file"


def test_only_the_last_builds_are_kept(tmp_path: Path) -> None:
    for index in range(KEPT + 5):
        (tmp_path / f"20200101T0000{index:02d}-1-000000.jsonl").write_text("")
    told(tmp_path, Started(step=step("a"))).close()
    assert len(list(tmp_path.iterdir())) == KEPT


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe\x00", b'{"e":"begun"}\n', b'{"e":"begun","steps":"many","t":1}\n', b"[" * 100_000 + b"\n", b"{}\n" * 9],
)
def test_what_is_damaged_is_passed_over(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "20990101T000000-1-000000.jsonl").write_bytes(content)
    told(tmp_path, Started(step=step("a"))).close()
    assert [build.steps for build in Builds(tmp_path).all()] == [0]


def test_a_line_that_is_cut_off_costs_itself_alone(tmp_path: Path) -> None:
    log = told(tmp_path, Planned(steps=2), Started(step=step("a")), Started(step=step("b")))
    (path,) = tmp_path.iterdir()
    lines = path.read_bytes().splitlines(keepends=True)
    builds = Builds(tmp_path)
    path.write_bytes(b"".join(lines[:-1]) + b'{"e":"st')
    assert list(builds.all()[0].running) == ["a"]
    log.close()


def test_links_are_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text(json.dumps({"e": "begun", "steps": 1, "command": "build", "t": 5}) + "\n")
    (tmp_path / "builds").mkdir()
    (tmp_path / "builds/20200101T000000-1-000000.jsonl").symlink_to(elsewhere)
    assert Builds(tmp_path / "builds").all() == ()


def test_a_build_that_is_killed_is_seen_as_ended(tmp_path: Path) -> None:
    root = tmp_path / "film"
    root.mkdir()
    (root / "shotbuild.yaml").write_text("shotbuild: 1\nproject: p\nformat: {size: 1920x1080, rate: 24}\n")
    (root / "specs").mkdir()
    (root / "specs/a.yaml").write_text(
        "shots:\n" + "".join(f"  sh{n:03d}: {{prompt: A lighthouse., duration: 60s}}\n" for n in range(8))
    )
    build = subprocess.Popen(
        [sys.executable, "-m", "shotbuild", "build", "--project", str(root)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    builds = Builds(root / ".shotbuild" / FOLDER)
    try:
        deadline = time.monotonic() + 60
        while not (alive := builds.alive()) or not alive[0].running:
            assert time.monotonic() < deadline
            assert build.poll() is None
            time.sleep(0.05)
        assert alive[0].command == "build"
        assert all(name.endswith("/t1") for name in alive[0].running)
    finally:
        os.killpg(build.pid, signal.SIGKILL)
        build.wait()
    deadline = time.monotonic() + 20
    while builds.alive():  # programs that it started let go of it when they end
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert builds.all()[0].running == {}


def test_a_null_build_leaves_no_trace(tmp_path: Path) -> None:
    root = tmp_path / "film"
    root.mkdir()
    (root / "shotbuild.yaml").write_text("shotbuild: 1\nproject: p\nformat: {size: 64x64, rate: 24}\n")
    (root / "specs").mkdir()
    (root / "specs/a.yaml").write_text("shots:\n  sh010: {prompt: A lighthouse., duration: 2f}\n")
    shotbuild.open(root).build()
    (built,) = Builds(root / ".shotbuild" / FOLDER).all()
    assert (built.ran, built.done, built.alive) == (built.steps, built.steps, False)
    shotbuild.open(root).build()
    assert len(Builds(root / ".shotbuild" / FOLDER).all()) == 1
