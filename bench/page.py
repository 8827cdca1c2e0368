"""The tables of a season, one after the other, as they stand in docs/speed.md."""

import os
import platform
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from bench import growth, light, season, tools, verdict
from bench.report import Report, tell

SPEED = Path(__file__).parents[1] / "docs/speed.md"
HEAD = """# How fast

Written by `python -m bench --part season` on {date}: {machine}, load {load:.1f} at the start. {versions}.
Read the ratios, not the times: all of a table was measured in one run, the tools in turn.

**The work**: N shots, each with a spec file of its own (20 lines) and one template for all; generate → finish for each shot,
one assembly for 50, one deliverable. All programs are trivial (`cp`, `cat`), so that the tool is what is measured. shotbuild
starts three programs a shot, since it encodes each one besides, and joins, measures and reports by itself; the others have
two, and one for each assembly and for the deliverable. It probes, hashes and records what comes out; the others trust the
exit code.

**Counts** are programs that were started. What ran and was not needed is marked; if shotbuild's counts are not exactly those
needed, the bench fails. *revert*: an edit is taken back. *comment*: only a comment of the spec changes. *checkout*:
`git checkout` of the commit before, which was built when it was made. DVC runs one stage at a time, and has its `dvc.lock`
in Git. Snakemake and DVC are measured in half of the runs. Where a tool needs too long for a cold build, the results are
made by hand and taken over (`snakemake --touch`, `dvc commit`): "not run".
"""


def season_of(
    folder: Path, runs: int, sizes: Sequence[int], growing: Sequence[int], most: dict[str, int], *, quick: bool, write: bool
) -> bool:
    """Tables of `season`, printed. sizes: shots of each table; growing: of the growth curve; write: into docs/speed.md too,
    if nothing was wrong. Returns whether every count was right."""
    load = os.getloadavg()[0]
    report = Report()
    light.starts(folder, runs if quick else 2 * runs, report)
    for shots in sizes:
        season.measure(folder / str(shots), shots, runs, report, most, quick=quick)
        shutil.rmtree(folder / str(shots), ignore_errors=True)
    light.overhead(folder, 100 if quick else 1000, runs, report)
    growth.table(folder, growing, report)
    light.animatic(folder / "animatic", 24 if quick else 72, 2 if quick else 3, report)
    verdict.table(report, growing)
    if report.faults:
        report.say("\nWRONG:\n")
        for fault in report.faults:
            report.say(f"- {fault}")
    if write and report.faults:
        tell(f"{SPEED.name} is left as it was")
    elif write:
        machine = f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}"
        head = HEAD.format(date=time.strftime("%Y-%m-%d"), machine=machine, load=load, versions=", ".join(tools.versions()))
        SPEED.write_text(head + "\n".join([*report.lines, ""]))
    return not report.faults
