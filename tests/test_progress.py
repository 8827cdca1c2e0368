"""What a build tells other processes while it works, and what these make of it."""

import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

import shotbuild
from shotbuild import progress
from shotbuild.built import BuildOptions
from shotbuild.engine.events import (
    Event,
    Failed,
    Finished,
    Held,
    Planned,
    Polled,
    Replaced,
    Skipped,
    Stalled,
    Started,
    Waiting,
    Warned,
)
from shotbuild.errors import LimitReached, MediaError, StoreError
from shotbuild.host import files
from shotbuild.progress import DIED, DONE, FAILED, FOLDER, KEPT, LONGEST, RUNNING, STOPPED, TOLD, Build, Builds, Told
from shotbuild.records import ActionResult, Asking, Digest, Fields, Location, Price, Recipe, Step
from tests.fakes import SMALL, Count, FakeProvider, fake_workspace, write_project

HERE = Location(file="", line=1, column=1)
DIGEST = Digest(sha256="0" * 64, size=0)


def step(name: str, *shots: str, asked: str = "") -> Step:
    recipe = Recipe(stage="generate", version=1, pins=(), parameters=Fields())
    asking = Asking(asked=asked, ordinal=1, first_seed=1, continues=None, number=1) if asked else None
    return Step(name=name, recipe=recipe, inputs=(), outputs=("a",), shots=shots, use="hero", asking=asking, location=HERE)


def result(amount: int = 0) -> ActionResult:
    price = Price(amount=Fraction(amount, 2), currency="USD", exact=True)
    return ActionResult(outputs=(("a", DIGEST),), milliseconds=1, price=price)


def finished(name: str, *, ran: bool = True, amount: int = 0) -> Finished:
    return Finished(step=step(name), result=result(amount), ran=ran)


def failed(name: str, why: str = "no") -> Failed:
    return Failed(step=step(name, "sh010"), error=MediaError(why))


def told(folder: Path, *events: Event, **more: Any) -> Told:
    heard: list[Event] = []
    found = Told(lambda _: folder, heard.append, **more)
    for event in events:
        found.hear(event)
    assert heard == list(events)
    return found


def until(builds: Builds, holds: Callable[[Build], object]) -> Build:
    """The newest build, once it is as is waited for."""
    deadline = time.monotonic() + 30
    while not (found := builds.all()) or not holds(found[0]):
        assert time.monotonic() < deadline, found
        time.sleep(0.01)
    return found[0]


def written(folder: Path, *lines: object, name: str = "20990101T000000.000000Z-1.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


HEAD = {"v": 1, "pid": 1, "command": "build", "expected": "", "t": 5}
LINE = {"t": 6, "counts": [1, 0, 0, 0, 0], "cost": {}}


# --- one build --------------------------------------------------------------------------------------------------------


def test_what_runs_is_seen_until_it_ends(tmp_path: Path) -> None:
    one, other = step("sh010/t1", "sh010"), step("sh020/t1", "sh020")
    builds = Builds(tmp_path)
    log = told(
        tmp_path, Planned(steps=5), finished("sh000/t1", ran=False), Started(step=one), command="roll", expected="3 USD"
    )
    seen = until(builds, lambda build: build.running)
    assert (seen.steps, seen.done, seen.ran, seen.left, list(seen.running)) == (5, 1, 0, 4, ["sh010/t1"])
    assert (seen.command, seen.pid, seen.expected, seen.how, seen.alive) == ("roll", os.getpid(), "3 USD", RUNNING, True)
    assert abs(seen.began - time.time()) < 60
    running = seen.running["sh010/t1"]
    assert (running.shots, running.use, running.stage, running.says) == (("sh010",), "hero", "generate", "")
    log.hear(Polled(step=one, word="rendering", progress=40))
    log.hear(Started(step=other))
    running = until(builds, lambda build: len(build.running) == 2).running["sh010/t1"]
    assert (running.says, running.percent) == ("rendering, 40 %", 40)
    log.hear(Finished(step=one, result=result(3), ran=True))
    log.hear(Failed(step=other, error=MediaError("it was cut off", cause="the line", hint="try again")))
    log.hear(Skipped(step=step("film/web"), because="sh020/t1"))
    seen = until(builds, lambda build: build.skipped)
    assert (seen.done, seen.ran, seen.failed, dict(seen.running), seen.price) == (4, 1, 1, {}, "1.50 USD")
    failure = builds.failures()["sh020/t1"]
    assert (failure.why, failure.hint, failure.shots) == ("it was cut off: the line", "try again", ("sh020",))
    log.close()
    assert builds.alive() == ()
    assert Builds(tmp_path).failures().keys() == {"sh020/t1"}


def test_what_a_service_and_others_say_of_a_step_is_told(tmp_path: Path) -> None:
    one, builds = step("sh010/t1"), Builds(tmp_path)
    log = told(tmp_path, Waiting(step=one, by="anna's machine"))
    says: list[tuple[Event, str]] = [
        (Waiting(step=one), "waits for another build, which makes it"),
        (Polled(step=one, word="queued", progress=None), "queued"),
        (Held(step=one, seconds=30, why="too fast"), "held for 30 s: too fast"),
        (Stalled(step=one, seconds=61.2), "it has not moved for 61 s"),
        (Replaced(step=one, following=step("sh010/t1"), error=MediaError("no")), "hero is asked in its place"),
    ]
    assert until(builds, lambda build: build.running).running["sh010/t1"].says == "waits for anna's machine, which makes it"
    for event, said in says:
        log.hear(event)
        until(builds, lambda build, said=said: build.running["sh010/t1"].says == said)  # type: ignore[misc]
    log.hear(finished("sh010/t1", ran=False))
    seen = until(builds, lambda build: not build.running)
    assert (seen.done, seen.ran) == (1, 0)
    log.close()


def test_how_a_build_ended_is_told(tmp_path: Path) -> None:
    def ended(name: str, error: BaseException | None) -> Build:
        (tmp_path / name).mkdir()
        with suppress(KeyboardInterrupt, LimitReached, ZeroDivisionError), told(tmp_path / name, Started(step=step("a"))):
            if error is not None:
                raise error
        return Builds(tmp_path / name).all()[0]

    assert (ended("a", None).how, ended("b", KeyboardInterrupt()).how) == (DONE, STOPPED)
    limit = ended("c", LimitReached("too dear", cause="it is"))
    assert (limit.how, limit.why, limit.ended is not None) == (FAILED, "too dear: it is", True)
    assert ended("d", ZeroDivisionError("a secret")).why == "ZeroDivisionError"


def test_steps_that_take_no_time_are_told_in_few_lines(tmp_path: Path) -> None:
    log = told(tmp_path, Planned(steps=1000))
    for index in range(1000):
        log.hear(Started(step=step(f"s{index}")))
        log.hear(finished(f"s{index}"))
    log.close()
    (build,) = Builds(tmp_path).all()
    assert (build.ran, build.done, len(build.made), build.running) == (1000, 1000, 1000, {})
    (path,) = tmp_path.iterdir()
    assert len(path.read_text().splitlines()) < 200


def test_a_second_pass_counts_no_step_twice(tmp_path: Path) -> None:
    log = told(tmp_path, Planned(steps=3), finished("a", ran=False), Started(step=step("b")), finished("b"), failed("c"))
    for event in (
        Planned(steps=3),
        finished("a", ran=False),
        finished("b", ran=False),
        Started(step=step("c")),
        finished("c"),
    ):
        log.hear(event)
    log.close()
    (build,) = Builds(tmp_path).all()
    assert (build.steps, build.done, build.ran, build.failed, build.failures) == (3, 3, 2, 0, {})


def test_only_so_many_failures_are_told_and_all_are_counted(tmp_path: Path) -> None:
    told(tmp_path, *(failed(f"s{index}", "x" * 5000) for index in range(TOLD + 50))).close()
    (build,) = Builds(tmp_path).all()
    assert (build.failed, len(build.failures)) == (TOLD + 50, TOLD)
    assert {len(each.why) for each in build.failures.values()} == {LONGEST}


def test_a_login_in_an_address_is_told_to_nobody(tmp_path: Path) -> None:
    one = step("a")
    error = StoreError("https://ann:hunter2@store.example/x is gone", cause="s3://ann:hunter2@b", hint="ftp://ann:hunter2@c")
    told(
        tmp_path,
        Started(step=one),
        Polled(step=one, word="https://ann:hunter2@x", progress=1),
        Failed(step=one, error=error),
    ).close()
    (path,) = tmp_path.iterdir()
    assert "hunter2" not in path.read_text()


# --- steps that failed ------------------------------------------------------------------------------------------------


def test_a_step_that_was_made_since_has_not_failed(tmp_path: Path) -> None:
    told(tmp_path, Started(step=step("a")), failed("a"), failed("b")).close()
    assert Builds(tmp_path).failures().keys() == {"a", "b"}
    told(tmp_path, Started(step=step("a")), finished("a")).close()
    assert Builds(tmp_path).failures().keys() == {"b"}
    told(tmp_path, failed("a", "again")).close()
    assert Builds(tmp_path).failures()["a"].why == "again"


def test_of_two_builds_at_once_the_later_try_counts(tmp_path: Path) -> None:
    builds = Builds(tmp_path)
    first = told(tmp_path, Started(step=step("a")), Started(step=step("b")))
    until(builds, lambda build: build.running)
    second = told(tmp_path, failed("a"))
    second.hear(Started(step=step("b")))
    second.hear(finished("b"))
    second.close()
    assert len(builds.all()) == 2
    first.hear(finished("a"))
    first.hear(failed("b"))
    first.close()
    assert builds.failures().keys() == {"b"}


def test_a_failed_take_says_what_was_asked_for(tmp_path: Path) -> None:
    told(tmp_path, Failed(step=step("sh010/t1", "sh010", asked="abc"), error=MediaError("no"))).close()
    failure = Builds(tmp_path).failures()["sh010/t1"]
    assert (failure.takes, failure.asked) == (True, "abc")


# --- what cannot be written -------------------------------------------------------------------------------------------


def test_nothing_is_written_before_something_runs(tmp_path: Path) -> None:
    log = told(tmp_path / "builds", Planned(steps=3), finished("a", ran=False), Skipped(step=step("b"), because="b"))
    log.close()
    assert not (tmp_path / "builds").exists()


def test_a_folder_that_cannot_be_written_costs_one_warning(tmp_path: Path) -> None:
    (tmp_path / "builds").write_text("a file")
    heard: list[Event] = []
    with Told(lambda _: tmp_path / "builds", heard.append) as log:
        for _ in range(50):
            log.hear(Started(step=step("a")))
            time.sleep(0.01)
        log.hear(finished("a"))
    warnings = [event.message for event in heard if isinstance(event, Warned)]
    assert len(warnings) == 1
    assert "others cannot see" in warnings[0]
    assert (tmp_path / "builds").read_text() == "a file"


def test_a_disk_that_fills_leaves_no_half_truth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[Event] = []
    log = Told(lambda _: tmp_path, heard.append)
    log.hear(Started(step=step("a")))
    builds = Builds(tmp_path)
    until(builds, lambda build: build.running)
    write = os.write

    def full(handle: int, content: bytes) -> int:
        if threading.current_thread().name != "progress":
            return write(handle, content)
        if len(content) < 20:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(handle, content[:10])

    monkeypatch.setattr("os.write", full)
    log.hear(Started(step=step("b")))
    deadline = time.monotonic() + 30
    while list(tmp_path.iterdir()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    log.hear(finished("a"))
    log.close()
    assert builds.all() == ()
    assert [event.message for event in heard if isinstance(event, Warned)] == [
        "others cannot see what this build does: [Errno 28] No space left on device"
    ]


def test_only_the_last_builds_are_kept_and_none_that_works(tmp_path: Path) -> None:
    for index in range(KEPT + 5):
        written(tmp_path, HEAD, LINE, name=f"20200101T0000{index:02d}.000000Z-1.jsonl")
    oldest = os.open(tmp_path / "20200101T000000.000000Z-1.jsonl", os.O_RDONLY)
    (tmp_path / "notes.txt").write_text("mine")
    try:
        with files.locked(tmp_path / "20200101T000000.000000Z-1.jsonl"):
            told(tmp_path, Started(step=step("a"))).close()
    finally:
        os.close(oldest)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names[0] == "20200101T000000.000000Z-1.jsonl"
    assert names[1] == "20200101T000006.000000Z-1.jsonl"
    assert (names[-1], len(names)) == ("notes.txt", KEPT + 2)


# --- what is read -----------------------------------------------------------------------------------------------------


def test_files_that_did_not_change_are_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = told(tmp_path, Planned(steps=2), Started(step=step("a")))
    written(tmp_path, HEAD, {**LINE, "end": DONE}, name="20200101T000000.000000Z-1.jsonl")
    builds = Builds(tmp_path)
    until(builds, lambda build: build.running)
    before, failures = builds.all(), builds.failures()
    monkeypatch.setattr("shotbuild.progress._take", lambda *_: pytest.fail("it is read again"))
    monkeypatch.setattr("os.pread", lambda *_: pytest.fail("it is read again"))
    assert builds.all() is before
    assert builds.failures() is failures
    log.close()


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe\x00\n",
        b"[" * 100_000 + b"\n",
        b"{}\n",
        b"null\n",
        b"[]\n",
        b"5\n",
        b'{"v":2,"pid":1,"command":"build","expected":"","t":5}\n',
        *(
            json.dumps(HEAD | changed).encode() + b"\n"
            for changed in (
                {"pid": "1"}, {"pid": -1}, {"pid": True}, {"pid": 10**30}, {"t": "5"}, {"t": float("nan")},
                {"t": float("inf")}, {"t": -1}, {"t": None}, {"t": True}, {"command": 5}, {"command": "x" * 501},
                {"expected": None},
            )
        ),
        *(
            json.dumps(HEAD).encode() + b"\n" + json.dumps(LINE | changed).encode() + b"\n"
            for changed in (
                {"counts": [1, 2]}, {"counts": 5}, {"counts": [1.5, 0, 0, 0, 0]}, {"counts": [-1, 0, 0, 0, 0]}, {"cost": []},
                {"cost": {"USD": "1e999999999"}}, {"cost": {"USD": "1/0"}}, {"cost": {"USD": 5}}, {"cost": {"<b>": "5"}},
                {"cost": {"USD": "-1"}}, {"begun": [["a"]]}, {"begun": 5}, {"begun": [["a", "b", 5, "c", "d" * 600, True]]},
                {"begun": [[{}, "b", 5, "c", [], True]]}, {"begun": [["a", "b", 5, "c", [5], True]]}, {"end": "won"},
                {"end": 5}, {"why": 5}, {"failed": [["a"]]}, {"failed": [["a", [], True, "", 1, "w" * 501, ""]]},
                {"made": [5]}, {"made": 5}, {"over": [None]}, {"t": None},
            )
        ),
    ],
)  # fmt: skip
def test_what_is_damaged_or_hostile_is_passed_over(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "20990101T000000.000000Z-1.jsonl").write_bytes(content)
    told(tmp_path, Planned(steps=7), Started(step=step("a"))).close()
    builds = Builds(tmp_path)
    for _ in range(2):
        assert [build.steps for build in builds.all()] == [7]


def test_a_file_that_says_nothing_yet_or_too_much_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path)
    builds = Builds(tmp_path)
    assert builds.all() == ()
    written(tmp_path, HEAD, LINE)
    assert len(builds.all()) == 1
    monkeypatch.setattr(progress, "LARGEST", path.stat().st_size - 1)
    assert Builds(tmp_path).all() == ()


def test_a_line_that_is_half_there_is_read_when_it_is_whole(tmp_path: Path) -> None:
    begun = json.dumps({**LINE, "begun": [["a", "generate", 5, "", [], True]]}) + "\n"
    path = written(tmp_path, HEAD, LINE)
    with files.locked(path):
        builds = Builds(tmp_path)
        for part in (begun[:9], begun[9:]):
            assert builds.all()[0].running == {}
            with path.open("a") as file:
                file.write(part)
        assert list(builds.all()[0].running) == ["a"]


def test_a_file_that_became_shorter_is_passed_over(tmp_path: Path) -> None:
    path = written(tmp_path, HEAD, LINE)
    with files.locked(path):
        builds = Builds(tmp_path)
        assert len(builds.all()) == 1
        path.write_text(json.dumps(HEAD) + "\n")
        assert builds.all() == ()


@pytest.mark.parametrize("link", ["file", "folder", "hidden"])
def test_links_are_not_followed(tmp_path: Path, link: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "builds").mkdir()
    path = written(elsewhere / "builds", HEAD, LINE)
    assert len(Builds(elsewhere / "builds").all()) == 1
    hidden = tmp_path / ".shotbuild"
    if link == "hidden":
        hidden.symlink_to(elsewhere)
    else:
        hidden.mkdir()
        if link == "folder":
            (hidden / "builds").symlink_to(elsewhere / "builds")
        else:
            (hidden / "builds").mkdir()
            (hidden / "builds" / path.name).symlink_to(path)
    assert Builds(hidden / "builds").all() == ()


def test_a_pipe_in_the_folder_holds_nobody_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "20990101T000000.000000Z-1.jsonl")
    assert Builds(tmp_path).all() == ()
    told(tmp_path, Started(step=step("a"))).close()
    assert len(Builds(tmp_path).all()) == 1


def test_no_more_than_the_newest_files_are_looked_at(tmp_path: Path) -> None:
    for index in range(progress.LOOKED_AT + 5):
        written(tmp_path, HEAD, {**LINE, "end": DONE}, name=f"2020010{index // 100}T0000{index % 100:02d}.000000Z-1.jsonl")
    assert len(Builds(tmp_path).all()) == progress.LOOKED_AT


# --- real builds ------------------------------------------------------------------------------------------------------


def of(root: Path) -> Builds:
    return Builds(root / ".shotbuild" / FOLDER)


def test_each_way_to_build_is_told_by_its_name(tmp_path: Path) -> None:
    root = write_project(tmp_path / "film", SMALL)
    fake_workspace(root).build(["sh010"])
    fake_workspace(root).deliver()
    fake_workspace(root).roll(["sh010"], 1)
    builds = of(root).all()
    assert [build.command for build in builds] == ["roll", "deliver", "build"]
    assert {build.how for build in builds} == {DONE}
    assert all(build.done == build.steps and build.ran and build.pid == os.getpid() for build in builds)


def test_a_build_that_leaves_nothing_to_do_leaves_no_trace(tmp_path: Path) -> None:
    root = write_project(tmp_path / "film", SMALL)
    fake_workspace(root).build()
    before = {path.name: path.stat().st_mtime_ns for path in (root / ".shotbuild" / FOLDER).iterdir()}
    assert len(before) == 1
    fake_workspace(root).build()
    assert {path.name: path.stat().st_mtime_ns for path in (root / ".shotbuild" / FOLDER).iterdir()} == before


def test_what_is_made_aside_is_told_while_it_is_made_and_forgotten(tmp_path: Path) -> None:
    root = write_project(tmp_path / "film", SMALL)
    told_of: list[tuple[Build, ...]] = []

    def look(event: Event) -> None:
        if isinstance(event, Finished) and event.ran:
            until(of(root), lambda build: build.command == "proxies")
            told_of.append(of(root).all())

    workspace = fake_workspace(root, hear=look)
    steps = [each for each in workspace.whole.steps if each.asking is not None][:1]
    workspace.make_beside(steps, BuildOptions(aside=True), command="proxies")
    assert [build.command for build in told_of[0]] == ["proxies"]
    assert of(root).all() == ()


def test_failures_of_a_build_are_told_until_they_are_mended(tmp_path: Path) -> None:
    root = write_project(tmp_path / "film", SMALL)
    fake_workspace(root, Count(fail={"generate": "the lamp broke"})).build()
    builds = of(root)
    (build,) = builds.all()
    assert (build.how, build.failed, build.left, build.ran < build.steps) == (FAILED, 3, 0, True)
    assert builds.failures()["sh010/t1"].why == "the lamp broke"
    assert builds.failures()["sh010/t1"].asked == fake_workspace(root).chosen["sh010"].asked
    fake_workspace(root).build()
    assert builds.failures() == {}


def test_what_a_build_costs_is_told_before_and_after(tmp_path: Path) -> None:
    root = write_project(tmp_path / "film", SMALL | {"shotbuild.yaml": SMALL["shotbuild.yaml"] + "budget: {limit: 9 USD}\n"})
    provider = FakeProvider(price_of_one=Price(amount=Fraction(1, 4), currency="USD", exact=True))
    built = fake_workspace(root, provider=provider).build()
    (build,) = of(root).all()
    assert built.failed == ()
    assert (build.expected, build.price) == ("1.00 USD", "1.00 USD")


def test_a_build_that_is_stopped_says_so(tmp_path: Path) -> None:
    root = write_project(tmp_path / "film", SMALL)
    cancel = threading.Event()

    def stop(event: Event) -> None:
        if isinstance(event, Started):
            cancel.set()

    fake_workspace(root, hear=stop).build(cancel=cancel)
    assert of(root).all()[0].how == STOPPED

    def interrupt(event: Event) -> None:
        if isinstance(event, Started):
            raise KeyboardInterrupt

    with suppress(KeyboardInterrupt):
        fake_workspace(root, hear=interrupt).deliver()
    assert {build.how for build in of(root).all()} == {STOPPED}


LONG = {
    "shotbuild.yaml": "shotbuild: 1\nproject: p\nformat: {size: 1920x1080, rate: 24}\n",
    "specs/a.yaml": "shots:\n" + "".join(f"  sh{n:03d}: {{prompt: A lighthouse., duration: 60s}}\n" for n in range(8)),
}


def started(root: Path, *words: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "shotbuild", *words, "--project", str(root)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def test_a_build_that_is_killed_is_seen_as_dead(tmp_path: Path) -> None:
    root = write_project(tmp_path / "film", LONG)
    build, builds = started(root, "build"), of(root)
    try:
        seen = until(builds, lambda build: build.running)
        assert (seen.command, seen.pid) == ("build", build.pid)
        assert all(name.endswith("/t1") for name in seen.running)
        os.kill(build.pid, signal.SIGKILL)
        build.wait()
        # A program that it was just starting has the lock too, until it is another program.
        dead = until(builds, lambda build: not build.alive)
        assert (dead.how, dead.alive, dead.running, dead.ended) == (DIED, False, {}, None)
        assert Builds(builds._folder).all() == (dead,)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(build.pid, signal.SIGKILL)


def test_two_builds_at_once_are_told_apart(tmp_path: Path) -> None:
    root, builds = write_project(tmp_path / "film", LONG), None
    one, other = started(root, "build", "-j", "1"), None
    try:
        builds = of(root)
        until(builds, lambda build: build.running)
        other = started(root, "roll", "sh007", "-j", "1")
        until(builds, lambda build: build.command == "roll" and build.running)
        assert [build.command for build in builds.alive()] == ["roll", "build"]
        assert [build.pid for build in builds.alive()] == [other.pid, one.pid]
        os.killpg(one.pid, signal.SIGINT)
        one.wait()
        assert [build.command for build in builds.alive()] == ["roll"]
        assert {build.how for build in builds.all()} == {RUNNING, STOPPED}
    finally:
        for each in (one, other):
            if each is not None:
                with suppress(ProcessLookupError):
                    os.killpg(each.pid, signal.SIGKILL)
                each.wait()


def test_a_build_goes_on_where_it_cannot_tell_of_itself(tmp_path: Path) -> None:
    root = tmp_path / "film"
    write_project(root, {"shotbuild.yaml": "shotbuild: 1\nproject: p\nformat: {size: 64x64, rate: 24}\n"})
    write_project(root, {"specs/a.yaml": "shots:\n  sh010: {prompt: A lighthouse., duration: 2f}\n"})
    (root / ".shotbuild").mkdir()
    (root / ".shotbuild" / FOLDER).write_text("in the way")
    heard: list[Event] = []
    built = shotbuild.open(root, heard.append).build()
    assert (built.failed, len(built.ran)) == ((), 1)
    assert sum(isinstance(event, Warned) and "others cannot see" in event.message for event in heard) == 1
