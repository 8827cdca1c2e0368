"""How the cost grows with the number of shots (a cold plan, nothing to do, memory), and whether that is a straight line."""

import itertools
import math
import shutil
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

from bench import processes, tools
from bench.report import Report, tell
from bench.tools import Tool

RECIPES = 100
LOADER = """
import pathlib, sys, yaml
for path in pathlib.Path(sys.argv[1]).glob("*.yaml"):
    yaml.load(path.read_bytes(), yaml.CSafeLoader)
"""
NOTE = f"""CPU seconds of all processes, and where it is said, seconds by the clock. *loader*: PyYAML's C loader over the
same spec files, and nothing else. *cold plan*: `plan` in a folder without `.shotbuild`. Then everything is delivered once.
So that 100,000 shots do not start 300,000 programs for that, the shots share {RECIPES} recipes from here on: {RECIPES} takes
are made and the other shots find theirs in the store; each has its spec, its ledger and its steps as any other. *nothing to
do*: `deliver` again. *built plan*: `plan` again. What a further shot costs is told from the size before."""
HEADS = (
    "loader", "cold plan", "plan / loader", "by the clock", "each further shot", "peak MB", "deliver, first",
    "peak MB of it", "nothing to do", "idle: each further shot", "peak MB of that", "built plan",
)  # fmt: skip
STRAIGHT = 1.3
"""What each further shot costs may differ by this factor from one size to the next larger one."""


def table(folder: Path, sizes: Sequence[int], report: Report) -> None:
    rows: dict[str, dict[str, str]] = {}
    for shots in sizes:
        rows[f"{shots:,}"] = _row(folder / f"growth-{shots}", shots, report)
    for what, head in (("cold plan", "each further shot"), ("idle", "idle: each further shot")):
        for fewer, shots in itertools.pairwise(sizes):
            rows[f"{shots:,}"][head] = f"{1e6 * _slope(report, what, fewer, shots):.0f} µs"
    report.table("How the cost grows", HEADS, rows)
    report.say(f"\n{NOTE}")
    for what, named in (("cold plan", "a cold plan"), ("idle", "nothing to do")):
        report.say("\n" + line(report, what, named, sizes))


def _row(folder: Path, shots: int, report: Report) -> dict[str, str]:
    tell(f"growth: {shots} shots are written")
    tool = tools.shotbuild(folder, shots)
    plan = [tool.argv[0], "plan"]
    loader: list[processes.Used] = []
    cold: list[processes.Used] = []
    for number in range(3 if shots <= 10_000 else 1):
        tell(f"growth: {shots} shots, cold plan {number + 1}")
        loader.append(processes.run([sys.executable, "-c", LOADER, str(tool.folder / "specs")], tool.folder))
        shutil.rmtree(tool.folder / ".shotbuild", ignore_errors=True)
        cold.append(processes.run(plan, tool.folder, tool.env))
    alone, spent = (statistics.median(used.cpu for used in each) for each in (loader, cold))
    clocks = [statistics.median(used.wall for used in each) for each in (loader, cold)]
    memory = max(used.peak for used in cold)
    tell(f"growth: {shots} shots are delivered")
    for index in range(shots):
        tools.write_spec(tool.folder, index, "calm", recipe=index % RECIPES)
    shutil.rmtree(tool.folder / ".shotbuild")
    first = _delivered(tool)
    _delivered(tool)
    tell(f"growth: {shots} shots, nothing to do")
    idle = [_delivered(tool) for _ in range(5)]
    for used in idle:
        if not used.err.rpartition("\n0 ran,")[1] and not used.err.startswith("0 ran,"):
            report.faults.append(f"shotbuild, {shots} shots, nothing to do: {used.err.strip()[-200:]}")
    again = processes.run(plan, tool.folder, tool.env)
    quiet = statistics.median(used.cpu for used in idle)
    figures = {
        "loader": alone,
        "cold plan": spent,
        "clock": clocks[1] / clocks[0],
        "idle": quiet,
        "plan MB": memory,
        "deliver MB": first.peak,
    }
    for what, value in figures.items():
        report.figures[what, "growth", shots] = value
    shutil.rmtree(tool.folder)
    return {
        "loader": f"{alone:.2f}", "cold plan": f"{spent:.2f}", "plan / loader": f"{spent / alone:.1f}",
        "by the clock": f"{clocks[1]:.2f} / {clocks[0]:.2f} = {clocks[1] / clocks[0]:.1f}",
        "peak MB": f"{memory:.0f}", "deliver, first": f"{first.cpu:.1f}", "peak MB of it": f"{first.peak:.0f}",
        "nothing to do": f"{quiet:.3f}", "peak MB of that": f"{max(used.peak for used in idle):.0f}",
        "built plan": f"{again.cpu:.2f}",
    }  # fmt: skip


def _delivered(tool: Tool) -> processes.Used:
    (tool.folder / tools.STARTED).mkdir(exist_ok=True)
    return processes.run(tool.argv, tool.folder, tool.env)


def _slope(report: Report, what: str, fewer: int, shots: int) -> float:
    figures = report.figures
    return (figures[what, "growth", shots] - figures[what, "growth", fewer]) / (shots - fewer)


def straightness(report: Report, what: str, sizes: Sequence[int]) -> float | None:
    """By which factor a shot's cost differs at most between neighbours, None = too few sizes. Where the start is more than
    the shots, nothing can be told of them."""
    cost = {shots: report.figures[what, "growth", shots] for shots in sizes}
    slopes = [_slope(report, what, a, b) for a, b in itertools.pairwise(sizes) if cost[b] >= 2 * cost[a]]
    if len(slopes) < 2 or min(slopes) <= 0:
        return None
    return max(max(a / b, b / a) for a, b in itertools.pairwise(slopes))


def line(report: Report, what: str, named: str, sizes: Sequence[int]) -> str:
    """A plot in text, and what it shows."""
    seconds = [report.figures[what, "growth", shots] for shots in sizes]
    least = math.log10(min(seconds))
    bars = [
        f"{shots:>9,}  {'#' * (1 + round(12 * (math.log10(value) - least)))} {value:.3f} s"
        for shots, value in zip(sizes, seconds, strict=True)
    ]
    factor = straightness(report, what, sizes)
    said = "Too few sizes to say more."
    if factor is not None:
        straight = "straight" if factor <= STRAIGHT else "**not straight**"
        said = f"The line is {straight}: what each further shot costs differs by {factor:.2f} times at most "
        said += f"from one size to the next (up to {STRAIGHT} is called straight here)."
    return f"CPU of {named} by shots, 12 marks for ten times as much:\n\n```text\n" + "\n".join(bars) + f"\n```\n\n{said}"
