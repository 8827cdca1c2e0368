"""A thousand takes through a service of virtual time: places are used, money is spent once, memory stays."""

import random
import tracemalloc
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from shotbuild.engine.events import Event
from shotbuild.engine.journal import OPEN, Journal, Phase
from shotbuild.errors import AddressExpired, ProviderUnavailable, RateLimited
from shotbuild.providers.interface import Status
from tests.engine.virtual import AnswerLost, Desk, Made, Simulated, Unreachable, Unsynced, VirtualClock, failed, wanted

TAKES, LIMIT = 1000, 50
FAULTS = ("failed", "503", "unreachable", "limited", "lost", "expired")


@dataclass
class Weather:
    """Faults of five percent of all operations. met: how often each kind came."""

    chance: random.Random
    share: float = 0.05
    met: Counter[str] = field(default_factory=Counter)
    fates: dict[str, str] = field(default_factory=dict)

    def submit(self, body: Mapping[str, Any], count: int) -> BaseException | None:
        if self.chance.random() >= self.share:
            return None
        kind = self.fates[body["client"]] = self.chance.choice(FAULTS)
        self.met[kind] += 1
        match kind:
            case "unreachable":
                return Unreachable("no route")
            case "limited":
                return RateLimited.after(self.chance.choice((None, 1.0, 3.0)), "slow down")
            case "lost":
                return AnswerLost()
        return None

    def poll(self, made: Made, count: int) -> Status | BaseException | None:
        match self.fates.get(made.client):
            case "503" if 2 <= count <= 4:
                return ProviderUnavailable("503")
            case "failed" if count >= 3:
                return failed()
        return None

    def fetch(self, made: Made, count: int) -> BaseException | None:
        return AddressExpired("403") if self.fates.get(made.client) == "expired" and count == 1 else None


def busy(spans: list[tuple[float, float]], until: float) -> float:
    return sum(max(0.0, min(end, until) - began) for began, end in spans)


@pytest.mark.parametrize("journal", [Unsynced, pytest.param(Journal, marks=pytest.mark.slow)])
def test_a_thousand_takes_use_their_places_and_are_paid_once(tmp_path: Path, journal: Callable[..., Journal]) -> None:
    # The disk's time is no part of what is asked here, and most of what it takes.
    clock, chance = VirtualClock(), random.Random(4)
    weather = Weather(chance)
    service = Simulated(
        clock,
        lasts=lambda: chance.uniform(2, 20),
        limit=LIMIT,
        steps=1,
        on_submit=weather.submit,
        on_poll=weather.poll,
        on_fetch=weather.fetch,
    )
    desk = Desk(tmp_path / "project", clock, open_journal=journal)
    for number in range(TAKES):
        desk.begin(service, wanted(f"sh{number:04}"), at_once=LIMIT, sequence=f"seq{number % 3}")
    taken, until_last, made, last = 0.0, 0.0, 0, 0.0
    while desk.operations.open:
        before, going = clock.now(), desk.places(service)
        made += sum(bought.result is not None for bought in desk.turn())
        taken += going * (clock.now() - before)
        if service.starts and service.starts[-1] > last:
            last, until_last = service.starts[-1], taken
    utilisation = until_last / (LIMIT * last)
    working = busy([(each.began, each.ends) for each in service.made.values()], last) / (LIMIT * last)
    print(
        f"\nplaces taken {utilisation:.1%}, service working {working:.1%}, {clock.now():.0f} s, faults {dict(weather.met)}"
    )

    assert utilisation >= 0.95
    assert made == TAKES
    assert (service.most, service.full) == (LIMIT, 0)
    assert all(weather.met[kind] for kind in FAULTS)

    assert service.paid == TAKES + weather.met["failed"]
    entries = desk.journal.entries()
    accounted = Counter(entry.operation.id for entry in entries if entry.operation is not None)
    assert accounted == Counter(list(service.made))
    assert not [entry for entry in entries if entry.phase in OPEN]
    done = Counter(entry.action for entry in entries if entry.phase is Phase.DONE)
    assert len(done) == TAKES
    assert set(done.values()) == {1}


def test_memory_does_not_grow_with_takes_that_ended(tmp_path: Path) -> None:
    clock, chance = VirtualClock(), random.Random(4)
    service = Simulated(clock, lasts=lambda: chance.uniform(2, 20), limit=LIMIT)
    desk = Desk(tmp_path / "project", clock, heard=Deaf(), open_journal=Unsynced)
    for number in range(150):
        desk.begin(service, wanted(f"sh{number:04}"), at_once=10)
    tracemalloc.start()
    try:
        # What the build itself keeps of each take, and what the simulation does, is not the engine's.
        ended, third = 0, None
        while desk.operations.open:
            ended += len(desk.turn())
            desk.kept.clear()
            if third is None and ended >= 50:
                third = engine_bytes()
        assert third is not None
        assert engine_bytes() <= third
    finally:
        tracemalloc.stop()


def test_a_poll_leaves_nothing_behind(tmp_path: Path) -> None:
    clock = VirtualClock()
    service = Simulated(clock, lasts=lambda: 6000.0)
    desk = Desk(tmp_path / "project", clock, heard=Deaf(), open_journal=Unsynced)
    desk.begin(service, wanted("sh010"))
    desk.finish(until=1000)
    tracemalloc.start()
    try:
        desk.finish(until=2000)
        third = engine_bytes()
        desk.finish(until=5500)
        assert service.calls["poll"] > 4500
        assert engine_bytes() - third < 4096
    finally:
        tracemalloc.stop()


class Deaf(list[Event]):
    def append(self, event: Event) -> None:
        pass


def engine_bytes() -> int:
    """What is held by code of the engine's rooms."""
    rooms = ("*/shotbuild/engine/*", "*/shotbuild/plan/*", "*/shotbuild/host/*", "*/concurrent/futures/*", "*/heapq.py")
    found = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, room) for room in rooms])
    return sum(trace.size for trace in found.traces)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_whatever_the_weather_nothing_is_paid_twice(tmp_path: Path, seed: int) -> None:
    clock, chance = VirtualClock(), random.Random(seed)
    weather = Weather(chance, share=0.4)
    service = Simulated(clock, lasts=lambda: chance.uniform(2, 20), limit=8)
    service.on_submit, service.on_poll, service.on_fetch = weather.submit, weather.poll, weather.fetch
    desk = Desk(tmp_path / "project", clock)
    names = [f"sh{number:03}" for number in range(60)]
    for _ in range(20):
        desk.opened()
        for name in names:
            desk.begin(service, wanted(name), at_once=8, attempts=50)
        desk.finish(until=clock.now() + chance.uniform(1, 60))
        desk.operations.stop()
        desk.held.clear()
    desk.buy(service, *names, at_once=8, attempts=50)
    assert len(desk.kept) == len(names)
    assert service.paid == len(names) + sum(entry.phase is Phase.FAILED for entry in desk.journal.entries())
    accounted = Counter(entry.operation.id for entry in desk.journal.entries() if entry.operation is not None)
    assert accounted == Counter(list(service.made))
