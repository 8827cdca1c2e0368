"""Several machines with one shared store build the same film at the same instant: each operation is asked for once."""

import time
from collections import Counter
from pathlib import Path

from shotbuild.engine.journal import Phase
from tests.kills.films import film, takes_of
from tests.kills.nursery import Child, Nursery
from tests.kills.serving import Moment, Strike, Striking
from tests.kills.test_together import SHOTS, serving, start_all, told
from tests.kills.work import Order, opened

MACHINES = 3
SOON = 0.3


def machines(place: Path, provider: str, count: int = MACHINES, use: str = "") -> list[Path]:
    """Clones of one film, that know of each other through the store alone."""
    (place / "store").mkdir()
    return [film(place / f"film{number}", provider, SHOTS, use=use, more="store: ../store\n") for number in range(count)]


def start_each(nursery: Nursery, roots: list[Path], server: Striking, provider: str) -> list[Child]:
    begin = time.time() + SOON
    return [start_all(nursery, root, server, provider, 1, at=begin)[0] for root in roots]


def check_films(roots: list[Path], server: Striking) -> None:
    """Everybody has all takes, each was paid for once, and nothing is open anywhere."""
    assert server.paid == sum(SHOTS.values())
    for root in roots:
        rooms = opened(Order(root=str(root)))
        assert Counter(rooms.blobs.path(take.video).read_bytes() for take in takes_of(rooms)) == Counter(
            server.content(name) for name in server.jobs
        )
        assert {entry.phase for entry in rooms.journal.entries()} <= {Phase.DONE, Phase.UNSENT}
        rooms.journal.close()


def test_machines_that_build_at_once_ask_for_each_take_once(nursery: Nursery, place: Path) -> None:
    roots = machines(place, "kling")
    with serving("kling") as server:
        children = start_each(nursery, roots, server, "kling")
        assert [child.wait() for child in children] == [0] * MACHINES, told(children)
        check_films(roots, server)


def test_the_others_wait_for_a_machine_that_was_killed_and_came_back(nursery: Nursery, place: Path) -> None:
    roots = machines(place, "kling", use=", at_once: 1")
    with serving("kling") as server:
        victim: list[Child] = []

        def kill() -> None:
            victim.append(next(child for child, root in zip(children, roots, strict=True) if asks(root)))
            victim[0].kill()

        server.strike = Strike(Moment.ACCEPTED, 3, 0, kill)
        children = start_each(nursery, roots, server, "kling")
        while not victim:
            time.sleep(0.01)
        assert victim[0].wait() == -9
        index = children.index(victim[0])
        (again,) = start_all(nursery, roots[index], server, "kling", 1)
        children[index] = again
        assert [child.wait() for child in children] == [0] * MACHINES, told(children)
        check_films(roots, server)


def asks(root: Path) -> bool:
    """Whether a machine has written down that it is asking for something now."""
    rooms = opened(Order(root=str(root)))
    try:
        return any(entry.phase is Phase.INTENT for entry in rooms.journal.unfinished())
    finally:
        rooms.journal.close()
