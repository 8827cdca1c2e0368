"""What the engine itself costs for each take that a service makes: everything but the network, in virtual time.

A simulated service works on 50 at once and lasts 2 to 20 seconds, with two reports of progress; polls come once a second.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from shotbuild.engine.journal import Journal
from tests.engine.virtual import Desk, InMemory, Simulated, Unsynced, VirtualClock, wanted

AT_ONCE = 50


JOURNALS: dict[str, Callable[..., Journal]] = {
    "journal on disk": Journal,
    "journal without fsync": Unsynced,
    "journal in memory": InMemory,
}


@dataclass(frozen=True)
class Cost:
    """Of one simulated build. cpu, clock: seconds; calls: made of the service."""

    takes: int
    cpu: float
    clock: float
    calls: int


def bought(folder: Path, takes: int, journal: Callable[..., Journal]) -> Cost:
    clock, chance = VirtualClock(), random.Random(4)
    service = Simulated(clock, lasts=lambda: chance.uniform(2, 20), limit=AT_ONCE, steps=2)
    desk = Desk(folder, clock, open_journal=journal)
    began, cpu = time.monotonic(), time.process_time()
    for number in range(takes):
        desk.begin(service, wanted(f"sh{number:05}"), at_once=AT_ONCE, sequence=f"seq{number % 3}")
    ended = desk.finish()
    cost = Cost(takes, time.process_time() - cpu, time.monotonic() - began, sum(service.calls.values()))
    desk.journal.close()
    assert service.paid == takes == len(ended), "each take is paid for once"
    return cost


def table(folder: Path, sizes: tuple[int, ...], most: int) -> None:
    """Prints what one take costs, for builds of several sizes: a straight line costs the same in each. most: takes whose
    journal goes to the disk; the disk's own time is the same for each."""
    bought(folder / "warm", 20, InMemory)
    print(f"\nA take that a service makes, {AT_ONCE} at once\n{'':34}{'takes':>9}{'CPU ms':>10}{'clock ms':>10}{'calls':>8}")
    for index, (name, journal) in enumerate(JOURNALS.items()):
        for takes in sizes if journal is InMemory else [size for size in sizes if size <= most]:
            cost = bought(folder / f"{index}-{takes}", takes, journal)
            figures = f"{1000 * cost.cpu / takes:10.2f}{1000 * cost.clock / takes:10.2f}{cost.calls / takes:8.1f}"
            print(f"{name:34}{takes:9}{figures}")
