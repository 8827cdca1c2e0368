"""Ten builds of one project at the same instant: each operation is asked for once, and everybody ends with the result."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from shotbuild.engine.journal import Journal, Phase
from shotbuild.records import Operation
from tests.kills.films import film, takes_of
from tests.kills.nursery import Child, Nursery
from tests.kills.serving import SERVERS, VENDORS, Moment, Strike, Striking
from tests.kills.work import Order, opened
from tests.servers.clips import clip

BUILDS = 10
SHOTS = {"sh010": 4, "sh020": 3, "sh030": 1}
SOON = 0.3
"""Seconds until all of them begin."""


@contextmanager
def serving(provider: str) -> Iterator[Striking]:
    server = SERVERS[provider](clip=clip("5"), polls=2)
    with server:
        yield server


def start_all(
    nursery: Nursery, root: Path, server: Striking, provider: str, count: int = BUILDS, *, at: float | None = None
) -> list[Child]:
    """Builds that begin at the same instant."""
    environ = VENDORS[provider].environment(server)
    order = Order(root=str(root), environ=environ, speed=60, start=time.time() + SOON if at is None else at)
    return [nursery.start(order, root.parent / f"build-{time.monotonic_ns()}.log") for _ in range(count)]


def check_film(root: Path, server: Striking) -> None:
    """Every operation that was paid for is one take, with its own bytes, and nothing is open."""
    rooms = opened(Order(root=str(root)))
    bytes_of = Counter(rooms.blobs.path(take.video).read_bytes() for take in takes_of(rooms))
    assert bytes_of == Counter(server.content(name) for name in server.jobs)
    assert server.paid == sum(SHOTS.values())
    entries = rooms.journal.entries()
    assert all(entry.phase in (Phase.DONE, Phase.LOST, Phase.UNSENT) for entry in entries), [each.phase for each in entries]
    rooms.journal.close()


@pytest.mark.parametrize("provider", ["runway", "kling", "replicate"])
def test_ten_builds_at_once_ask_for_each_take_once(provider: str, nursery: Nursery, place: Path) -> None:
    root = film(place / "film", provider, SHOTS)
    with serving(provider) as server:
        children = start_all(nursery, root, server, provider)
        assert [child.wait() for child in children] == [0] * BUILDS, told(children)
        check_film(root, server)
    made = [step for child in children for row in child.said("built") for step in row["ran"]]
    assert len(made) == len(set(made)) == sum(SHOTS.values())


@pytest.mark.parametrize("number", [4, *(pytest.param(number, marks=pytest.mark.slow) for number in (1, 2, 6, 8))])
def test_nine_builds_go_on_when_one_is_killed(number: int, nursery: Nursery, place: Path) -> None:
    """number: at which submit of all builds a build is killed, after the service accepted it."""
    # One at a time, so that the one that is killed has asked for nothing else meanwhile.
    root = film(place / "film", "kling", SHOTS, use=", at_once: 1")
    with serving("kling") as server:
        victims: list[Child] = []

        def kill() -> None:
            # Who asked is not to be seen from here; the journal has the build that holds the intent.
            victims.append(holder(root, children))
            victims[0].kill()

        server.strike = Strike(Moment.ACCEPTED, number, 0, kill)
        children = start_all(nursery, root, server, "kling")
        codes = [child.wait() for child in children]
        assert Counter(codes) == {0: BUILDS - 1, -9: 1}, told(children)
        check_film(root, server)


def test_what_a_killed_build_left_in_doubt_stops_only_that_take(nursery: Nursery, place: Path) -> None:
    root = film(place / "film", "runway", SHOTS, use=", at_once: 1")
    with serving("runway") as server:
        server.strike = Strike(Moment.ACCEPTED, 3, 0, lambda: holder(root, children).kill())
        children = start_all(nursery, root, server, "runway")
        codes = [child.wait() for child in children]
        # Runway cannot look a lost submit up: everybody who wants that take says so.
        assert set(codes) == {5, -9}, told(children)
        failed = [(row["step"], row["error"]) for child in children for row in child.said("failed")]
        assert len(set(failed)) == 1
        assert failed[0][1] == "FateUnknown"
        assert server.paid == sum(SHOTS.values())
        adopt_all(root, server)
        again = start_all(nursery, root, server, "runway", 2)
        assert [child.wait() for child in again] == [0, 0], told(again)
        check_film(root, server)


def test_builds_that_begin_while_others_work_join_them(nursery: Nursery, place: Path) -> None:
    root = film(place / "film", "replicate", SHOTS)
    with serving("replicate") as server:
        begin = time.time() + SOON
        children = [
            child
            for place in range(5)
            for child in start_all(nursery, root, server, "replicate", 2, at=begin + place * 0.15)
        ]
        time.sleep(max(0.0, begin + 0.4 - time.time()))
        children[0].kill()
        codes = [child.wait() for child in children]
        assert set(codes[1:]) <= {0, 5}, told(children)
        if 5 in codes:
            # It was killed between an intent and its answer, and nobody could tell which of two it was.
            adopt_all(root, server)
            assert [child.wait() for child in start_all(nursery, root, server, "replicate", 2)] == [0, 0]
        check_film(root, server)


def test_what_nobody_looks_after_any_more_keeps_nobody_waiting(nursery: Nursery, place: Path) -> None:
    """An operation was left by a build that was killed, and its shot was taken out: its place in the lane is free."""
    root = film(place / "film", "kling", {"sh010": 1}, use=", at_once: 1")
    with serving("kling") as server:
        children: list[Child] = []
        server.strike = Strike(Moment.POLL, 1, 0, lambda: [child.kill() for child in children])
        children += start_all(nursery, root, server, "kling", 1)
        assert children[0].wait() == -9
        spec = root / "shotbuild.yaml"
        spec.write_text(spec.read_text().replace("sh010: {prompt: Wave sh010.", "sh020: {prompt: Another."))
        again = start_all(nursery, root, server, "kling", 2)
        assert [child.wait() for child in again] == [0, 0], told(again)
        assert server.paid == 2


def holder(root: Path, children: list[Child]) -> Child:
    """The living build that has the newest intent. The lock file of the action says its process."""
    journal = Journal(root / ".shotbuild" / "journal.db")
    waiting = [entry for entry in journal.unfinished() if entry.phase is Phase.INTENT]
    journal.close()
    for entry in reversed(waiting):
        lock = root / ".shotbuild" / "locks" / f"{entry.action}.lock"
        for child in children:
            if holds(child.pid, lock):
                return child
    raise AssertionError("no build holds an intent")


def holds(pid: int, lock: Path) -> bool:
    """Whether a process has the lock file open: a build opens the file of an action to hold it."""
    try:
        return any(lock.samefile(handle) for handle in Path(f"/proc/{pid}/fd").iterdir() if handle.exists())
    except OSError:
        return False


def adopt_all(root: Path, server: Striking) -> None:
    """A person finds at the service what is unknown here, and says that the rest is lost."""
    journal = Journal(root / ".shotbuild" / "journal.db")
    for entry in journal.unfinished():
        free = [job for job in server.jobs.values() if job.id not in journal.known(entry.provider)]
        if free:
            journal.adopt(entry.id, Operation(provider=entry.provider, id=free[0].id, submitted=""), "")
        else:
            journal.lost(entry.id, "it is not there")
    journal.close()


def told(children: list[Child]) -> str:
    return "\n".join(f"{child.code}: {child.log.read_text()}" for child in children)
