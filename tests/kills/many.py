"""Many runs, each with a kill, and the counts of all of them as a table."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context

from tests.kills.nursery import Nursery
from tests.kills.runs import Outcome, run
from tests.kills.serving import Moment

BESIDE = 1_000_000
"""Between the seeds of a run that is played anew, because it ended before the moment of its kill had come."""
TRIES = 20
_nurseries: list[Nursery] = []
_held = ExitStack()


def outcomes(runs: int, seed: int, workers: int) -> Iterator[Outcome]:
    """Plays so many runs with at least one kill each; as they end. workers: processes that play; 0 = this one."""
    seeds = range(seed, seed + runs)
    if not workers:
        with Nursery() as nursery:
            yield from (killed(each, nursery) for each in seeds)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_settle) as pool:
        yield from pool.map(_killed, seeds)


def killed(seed: int, nursery: Nursery) -> Outcome:
    """A run with at least one kill. A run that came to its end before is checked as well, and another one played."""
    for again in range(TRIES):
        outcome = run(seed + again * BESIDE, nursery)
        if outcome.kills or outcome.wrong:
            return outcome
    raise AssertionError(f"no build of seed {seed} lived long enough to be killed")


def _settle() -> None:
    _nurseries.append(_held.enter_context(Nursery()))


def _killed(seed: int) -> Outcome:
    return killed(seed, _nurseries[0])


def table(outcomes: list[Outcome], seconds: float) -> str:
    """All counts, for people."""

    def total(of: Callable[[Outcome], int]) -> int:
        return sum(of(each) for each in outcomes)

    kills = _sum(each.kills for each in outcomes)
    left = _sum(each.left for each in outcomes)
    by = Counter(each.provider for each in outcomes)
    rows = [
        ("runs, each with at least one kill -9", len(outcomes)),
        *((f"    with {name}", count) for name, count in sorted(by.items())),
        ("builds started", total(lambda each: each.builds)),
        ("    killed", kills.total()),
        ("    started again", total(lambda each: each.builds - 1)),
        ("kills by moment", kills.total()),
        *((f"    {moment.value}", kills[moment.value]) for moment in Moment),
        ("operations as kills left them", left.total()),
        *((f"    {words}", count) for words, count in sorted(left.items())),
        ("operations asked for", total(lambda each: each.asked)),
        ("operations accepted by the server", total(lambda each: each.paid)),
        ("operations paid twice", total(lambda each: each.twice)),
        ("outputs lost", total(lambda each: each.lost)),
        ("lost answers that the build found again by itself", total(lambda each: each.found)),
        ("operations of unknown fate", total(lambda each: each.unknown)),
        ("    shown before anything was done about them", total(lambda each: each.shown)),
        ("    adopted by a person", total(lambda each: each.adopted)),
        ("    given up by a person", total(lambda each: each.given_up)),
        ("broken promises", total(lambda each: len(each.wrong))),
        ("seconds", round(seconds)),
    ]
    return "\n".join(f"{words:<56}{count:>7}" for words, count in rows)


def _sum(counters: Iterable[Counter[str]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for each in counters:
        total.update(each)
    return total
