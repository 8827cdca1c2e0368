"""The bench is held to what it says: a count that must not be is a fault, and only the size that is asked for decides."""

from pathlib import Path

import pytest

from bench import growth, verdict
from bench.report import Report
from bench.season import check
from bench.tools import SPEC, Run, Tool

SHOTBUILD = Tool("shotbuild", Path(), [], 10, (30, 3, 30))
MAKE = Tool("make", Path(), [], 10, (22, 4, 22))


def ran(programs: int, said: str = "") -> Run:
    return Run(wall=1.0, first=None, ran=programs, peak=1.0, said=said)


def counts(programs: int, steps: int, failed: int = 0) -> Run:
    return ran(programs, f"{steps} ran, 1 of them generated, 9 cached, {failed} failed; cost: free; 0.1 s")


@pytest.mark.parametrize(
    ("run", "needed"), [(counts(0, 0), 0), (counts(3, 5), 3), (counts(30, 33), 30)], ids=["nothing", "one", "all"]
)
def test_what_had_to_run_is_no_fault(run: Run, needed: int) -> None:
    report = Report()
    assert check(report, SHOTBUILD, "revert", run, needed) == str(needed)
    assert report.faults == []


@pytest.mark.parametrize(
    ("run", "needed"),
    [(counts(3, 5), 0), (counts(0, 1), 0), (counts(2, 4), 3), (counts(3, 3), 3), (counts(3, 5, failed=1), 3), (ran(0), 0)],
    ids=["too many", "by itself", "too few", "not joined", "failed", "unsaid"],
)
def test_what_else_shotbuild_runs_is_a_fault(run: Run, needed: int) -> None:
    report = Report()
    assert "WRONG" in check(report, SHOTBUILD, "revert", run, needed)
    assert len(report.faults) == 1


def test_another_tool_may_run_too_much_but_no_other_work() -> None:
    report = Report()
    assert check(report, MAKE, "touch", ran(4), 0) == "4: too many"
    assert report.faults == []
    check(report, MAKE, "one edit", ran(5), 4)
    assert len(report.faults) == 1


def test_a_spec_has_twenty_lines() -> None:
    assert SPEC.count("\n") == 20


@pytest.mark.parametrize(("last", "straight"), [(100.5, True), (300.0, False)])
def test_a_line_is_straight_when_each_further_shot_costs_the_same(last: float, straight: bool) -> None:
    report = Report()
    report.figures |= {
        ("idle", "growth", shots): value for shots, value in ((100, 0.6), (1000, 1.5), (10_000, 10.5), (100_000, last))
    }
    factor = growth.straightness(report, "idle", [100, 1000, 10_000, 100_000])
    assert factor is not None
    assert (factor <= growth.STRAIGHT) is straight


def test_only_the_size_that_is_asked_for_decides(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report()
    report.figures |= {("nothing", who, 1000): seconds for who, seconds in (("shotbuild", 1.0), ("ninja", 0.1))}
    verdict.table(report, [])
    assert "no, at 1,000 shots" in capsys.readouterr().out
