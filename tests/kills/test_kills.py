"""Builds that are killed with `kill -9` and started again: nothing is paid twice, nothing that was paid for is lost."""

import pytest

from tests.kills.many import killed, outcomes, table
from tests.kills.nursery import Nursery
from tests.kills.runs import Outcome

FEW, MANY = 12, 300


def check(ended: list[Outcome], seconds: float = 0) -> None:
    counts = table(ended, seconds)
    print(counts)
    assert [sentence for outcome in ended for sentence in outcome.wrong] == [], counts
    assert all(outcome.kills.total() >= 1 for outcome in ended)
    assert sum(outcome.twice for outcome in ended) == 0
    assert sum(outcome.lost for outcome in ended) == 0
    assert sum(outcome.unknown for outcome in ended) == sum(outcome.shown for outcome in ended)


def test_builds_that_are_killed_pay_once_and_lose_nothing(nursery: Nursery) -> None:
    check([killed(seed, nursery) for seed in range(9000, 9000 + FEW)])


# Each was wrong once: two takes that ask for the very same took the one operation that was accepted.
@pytest.mark.parametrize("seed", [88, 92, 279])
def test_one_operation_does_not_stand_for_two_takes(seed: int, nursery: Nursery) -> None:
    check([killed(seed, nursery)])


@pytest.mark.slow
def test_three_hundred_kills_pay_once_and_lose_nothing() -> None:
    ended = list(outcomes(MANY, 1, workers=2))
    check(ended)
    assert len(ended) == MANY
