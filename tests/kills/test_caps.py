"""Limits on money hold whatever many builds do at once: takes of 0.75 USD, a limit of 10.00 USD, never more than 13."""

import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import pytest

from shotbuild.engine.journal import Cap, Phase
from shotbuild.units import Money
from tests.kills.films import film, takes_of
from tests.kills.nursery import Child, Nursery
from tests.kills.serving import VENDORS, StrikingRunway
from tests.kills.work import Order, opened
from tests.servers.clips import clip
from tests.servers.service import Fault, Job

EACH, LIMIT, AFFORDABLE = "0.75", "10.00 USD", 13
SHOTS = {f"sh{number:03}": 4 for number in range(1, 11)}
CUT = "sequences:\n  one: {cut: [sh001, sh002]}\n  two: {cut: [sh003, sh004]}\n"
ROUGH = (
    Fault.SUBMIT_INVALID, Fault.SUBMIT_500, Fault.SUBMIT_DROP_BEFORE, Fault.SUBMIT_DROP_AFTER, Fault.SUBMIT_LIMITED,
    Fault.POLL_FAULT, Fault.POLL_MODERATED, Fault.POLL_500, Fault.OUTPUT_TRUNCATED,
)  # fmt: skip


class Till(StrikingRunway):
    """Knows at each moment what it would have bill: most is the most there ever was."""

    credits = 75
    most = Fraction(0)

    def accept(self, asked, name=None):  # type: ignore[no-untyped-def]
        job = super().accept(asked, name)
        with self.lock:
            self.most = max(self.most, self.bill)
        return job

    @property
    def bill(self) -> Fraction:
        with self.lock:
            return sum((Fraction(EACH) for job in self.jobs.values() if not self._is_free(job)), Fraction(0))

    def _is_free(self, job: Job) -> bool:
        return job.state == "failed" and job.fault is Fault.POLL_FAULT


@contextmanager
def till() -> Iterator[Till]:
    server = Till(clip=clip("5"), polls=1)
    with server:
        yield server


def order_for(root: Path, server: Till, **more: object) -> Order:
    environ = VENDORS["runway"].environment(server)
    return Order(root=str(root), environ=environ, speed=100, each=EACH, below=True, **more)  # type: ignore[arg-type]


def builds(nursery: Nursery, order: Order, count: int) -> list[Child]:
    folder = Path(order.root).parent
    return [nursery.start(order, folder / f"build-{time.monotonic_ns()}.log") for _ in range(count)]


def errors(children: list[Child]) -> Counter[str]:
    return Counter(row["error"] for child in children for row in child.said("failed"))


def told(children: list[Child]) -> str:
    return "\n".join(f"{child.code}: {child.log.read_text()}" for child in children)


def owed(root: Path, sequence: str | None = None) -> Fraction:
    """What the journal counts against the project."""
    journal = opened(Order(root=str(root))).journal
    total = journal.owed(Cap(of="all", limit=Money(Fraction(10), "USD"), sequence=sequence))
    journal.close()
    return total


@pytest.mark.parametrize("count", [1, 10])
def test_the_limit_of_the_project_holds(count: int, nursery: Nursery, place: Path) -> None:
    root = film(place / "film", "runway", SHOTS, limit=LIMIT, use=", at_once: 40")
    with till() as server:
        children = builds(nursery, order_for(root, server), count)
        assert {child.wait() for child in children} == {6}
        assert server.paid == AFFORDABLE
    assert set(errors(children)) == {"LimitReached"}
    assert len(takes_of(opened(Order(root=str(root))))) == AFFORDABLE
    assert owed(root) == AFFORDABLE * Fraction(EACH)


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 10))])
def test_the_limit_holds_among_refusals_and_faults(seed: int, nursery: Nursery, place: Path) -> None:
    """What a fault of the vendor costs is nothing, so its money is there again; what is in doubt counts as spent."""
    chance = random.Random(seed)
    root = film(place / "film", "runway", SHOTS, limit=LIMIT, use=", at_once: 40")
    with till() as server:
        server.faults.extend(chance.choices(ROUGH, k=25))
        children = builds(nursery, order_for(root, server), 10)
        codes = {child.wait() for child in children}
        assert server.most <= 10, server.most
        assert server.bill <= owed(root) <= 10
    assert codes <= {1, 5, 6}, codes


def test_operations_that_cost_something_though_they_failed_count(nursery: Nursery, place: Path) -> None:
    root = film(place / "film", "runway", SHOTS, limit=LIMIT, use=", at_once: 40")
    with till() as server:
        server.faults.extend([Fault.POLL_MODERATED] * 4)
        children = builds(nursery, order_for(root, server), 2)
        assert {child.wait() for child in children} == {6}
        assert server.paid == AFFORDABLE
    assert set(errors(children)) == {"LimitReached", "Moderated"}


def test_max_cost_is_a_limit_of_one_call(nursery: Nursery, place: Path) -> None:
    root = film(place / "film", "runway", SHOTS, limit="100 USD", use=", at_once: 40")
    with till() as server:
        first, second = order_for(root, server, max_cost="3.00"), order_for(root, server, max_cost="1.50")
        assert [child.wait() for child in builds(nursery, first, 1)] == [6]
        assert server.paid == 4
        assert [child.wait() for child in builds(nursery, second, 1)] == [6]
        assert server.paid == 6


def test_max_cost_holds_for_each_of_ten_calls_at_once(nursery: Nursery, place: Path) -> None:
    root = film(place / "film", "runway", SHOTS, limit=LIMIT, use=", at_once: 40")
    with till() as server:
        children = builds(nursery, order_for(root, server, max_cost="1.00"), 10)
        assert {child.wait() for child in children} == {6}
        assert server.paid <= 10
        rooms = opened(Order(root=str(root)))
        each = Counter(entry.build for entry in rooms.journal.entries() if entry.phase is Phase.DONE)
        rooms.journal.close()
    assert set(each.values()) == {1}


@pytest.mark.parametrize("count", [1, 4])
def test_the_limit_of_a_sequence_holds_and_others_go_on(count: int, nursery: Nursery, place: Path) -> None:
    shots = dict.fromkeys(("sh001", "sh002", "sh003", "sh004"), 4)
    root = film(place / "film", "runway", shots, limit="100 USD", use=", at_once: 40", more=CUT)
    with till() as server:
        children = builds(nursery, order_for(root, server, sequences={"one": "3.00"}), count)
        assert {child.wait() for child in children} == {6}
        assert server.paid == 4 + 8
    assert owed(root, "one") == 3
    assert owed(root, "two") == 6


def test_builds_of_different_shots_share_the_limit(nursery: Nursery, place: Path) -> None:
    """Each of them alone could afford what it wants, so the look at the whole price lets all of them begin."""
    root = film(place / "film", "runway", SHOTS, limit=LIMIT, use=", at_once: 40")
    with till() as server:
        environ = VENDORS["runway"].environment(server)
        children = []
        for shot in SHOTS:
            order = Order(root=str(root), environ=environ, speed=100, each=EACH, shots=(shot,), start=time.time() + 0.3)
            children += builds(nursery, order, 1)
        codes = [child.wait() for child in children]
        # Who begins when less is left than all of its shot costs is refused at the door, and asks for none of it.
        assert AFFORDABLE - 3 <= server.paid <= AFFORDABLE, told(children)
    assert set(codes) <= {0, 6}, told(children)
    assert 6 in codes
