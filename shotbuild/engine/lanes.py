"""Who may ask a service now: so many at once, so many a minute, the most urgent first, no sequence before all others.

A lane is one model of one service. A refusal for haste pauses the lane and not the shot that met it; an empty account or a
refused key closes every lane of the service. Knows no HTTP and no money.
"""

from bisect import insort
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from shotbuild.errors import ProviderError

Asker = TypeVar("Asker")
MINUTE = 60.0
SHORTEST_PAUSE, FIRST_PAUSE, LONGEST_PAUSE = 1.0, 2.0, 120.0
CROWDED = 2.0
"""Seconds between looks at a lane that another build fills: each look may cost uploads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneRules:
    """provider, model: whose lane; at_once, per_minute: None = as many as there are."""

    provider: str
    model: str
    at_once: int | None
    per_minute: int | None

    @property
    def key(self) -> tuple[str, str]:
        return self.provider, self.model


@dataclass(slots=True)
class Lane(Generic[Asker]):
    """waiting: priority → sequence → who waits, in order; served: how many of each sequence were let in; starts: when
    submits left, in order; going: how many were let in and did not leave; entering: how many of those have not submitted;
    closed: why nobody is let in any more; paused: until when; narrow: one at a time, to see whether there is room; taken:
    when the service last took one."""

    rules: LaneRules
    waiting: dict[int, dict[str, deque[Asker]]] = field(default_factory=dict)
    served: dict[str, int] = field(default_factory=dict)
    starts: deque[float] = field(default_factory=deque)
    going: int = 0
    entering: int = 0
    paused: float = 0.0
    narrow: bool = False
    taken: float = float("-inf")
    pause: float = FIRST_PAUSE
    lost: int = 0
    closed: ProviderError | None = None

    def join(self, asker: Asker, priority: int, sequence: str, *, first: bool = False) -> None:
        """first: it was let in before and comes back, so it stands before the others of its sequence."""
        rows = self.waiting.setdefault(priority, {})
        if first:
            self.served[sequence] = max(0, self.served.get(sequence, 0) - 1)
        elif sequence not in rows:
            # Who comes late shares from now on; it does not get first what others got before.
            least = min((self.served.get(name, 0) for each in self.waiting.values() for name in each), default=0)
            self.served[sequence] = max(self.served.get(sequence, 0), least)
        row = rows.setdefault(sequence, deque())
        (row.appendleft if first else row.append)(asker)

    def admit(self, now: float) -> Asker | None:
        """Lets the next one in; None when nobody waits or nobody may."""
        if self.opens(now) > now or not self.waiting:
            return None
        priority = max(self.waiting)
        rows = self.waiting[priority]
        # The sequence that got least so far; of equals the one that came first.
        sequence = min(rows, key=lambda name: self.served.get(name, 0))
        asker = rows[sequence].popleft()
        if not rows[sequence]:
            del rows[sequence]
        if not rows:
            del self.waiting[priority]
        self.served[sequence] = self.served.get(sequence, 0) + 1
        self.going += 1
        self.entering += 1
        if self.narrow:
            self.paused = now + CROWDED
        return asker

    def take(self) -> None:
        """Somebody is under way who was let in by an earlier build."""
        self.going += 1

    def opens(self, now: float) -> float:
        """When the next one may be let in, as far as time decides that; infinity while the lane is full."""
        if self.rules.at_once is not None and self.going >= self.rules.at_once:
            return float("inf")
        return max(self.paused, self._next_start(now))

    def started(self, at: float) -> None:
        """A submit left then."""
        self.entering -= 1
        if self.rules.per_minute is not None:
            insort(self.starts, at)

    def leave(self, *, unused: bool) -> None:
        """unused: its submit never left."""
        self.going -= 1
        self.entering -= unused

    def accepted(self, now: float) -> None:
        """The service took one: whatever haste there was is over."""
        self.pause, self.narrow, self.taken, self.lost = FIRST_PAUSE, False, now, 0

    def doubted(self) -> int:
        """An answer was lost; gives how many in a row."""
        self.lost += 1
        return self.lost

    def crowded(self, now: float) -> None:
        """Operations of other builds fill the lane: somebody looks again after a while."""
        self.narrow, self.paused = True, max(self.paused, now + CROWDED)

    def hold(self, now: float, wait: float | None) -> float:
        """Too fast: nobody is let in for so many seconds, or for longer each time where the service does not say. Gives when
        it opens again."""
        if wait is None:
            if now < self.paused:
                return self.paused  # refusals that come together count once
            wait, self.pause = self.pause, min(LONGEST_PAUSE, self.pause * 2)
        # A service that says "at once" and then refuses is not asked at once again and again.
        self.paused = max(self.paused, now + max(wait, SHORTEST_PAUSE))
        return self.paused

    def drain(self) -> Iterator[Asker]:
        """Everybody who waits, most urgent first; nobody waits afterwards."""
        waiting, self.waiting = self.waiting, {}
        for priority in sorted(waiting, reverse=True):
            for row in waiting[priority].values():
                yield from row

    def _next_start(self, now: float) -> float:
        if self.rules.per_minute is None:
            return now
        while self.starts and self.starts[0] <= now - MINUTE:
            self.starts.popleft()
        # Who was let in and has not submitted yet will, any moment.
        surplus = len(self.starts) + self.entering - self.rules.per_minute
        if surplus < 0:
            return now
        return self.starts[surplus] + MINUTE if surplus < len(self.starts) else float("inf")


class Lanes(Generic[Asker]):
    def __init__(self) -> None:
        self._lanes: dict[tuple[str, str], Lane[Asker]] = {}
        self._shut: dict[str, ProviderError] = {}

    def of(self, rules: LaneRules) -> Lane[Asker]:
        lane = self._lanes.get(rules.key)
        if lane is None:
            lane = self._lanes[rules.key] = Lane(rules, closed=self._shut.get(rules.provider))
        return lane

    def close(self, rules: LaneRules, error: ProviderError, *, service: bool) -> list[Asker]:
        """Nobody is let in any more; gives those who waited. service: closes all lanes of the service, not this one."""
        out: list[Asker] = []
        for lane in self._lanes.values():
            same = lane.rules.provider == rules.provider if service else lane.rules.key == rules.key
            if same:
                lane.closed = lane.closed or error
                out += lane.drain()
        if service:
            self._shut.setdefault(rules.provider, error)
        return out

    def admitted(self, now: float) -> Iterator[tuple[Lane[Asker], Asker]]:
        """Everybody who may go now."""
        for lane in self._lanes.values():
            while (asker := lane.admit(now)) is not None:
                yield lane, asker

    def opens(self, now: float) -> float | None:
        """When somebody who waits may be let in, as far as time decides that."""
        times = [lane.opens(now) for lane in self._lanes.values() if lane.waiting]
        finite = [each for each in times if each != float("inf")]
        return min(finite, default=None)
