"""Nothing to do, and one change, at the size of a season: shotbuild beside other build tools on the same work, in one run.

What each tool runs again is counted by the programs that it starts. shotbuild's counts have to be exactly those needed;
those of the others are held against the work itself (all of it when cold, one shot's after one edit), so that nobody is
measured while it does something else.
"""

import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from bench import processes, tools
from bench.report import Report, tell
from bench.tools import OUTPUTS, STARTED, TEMPLATE, TOOLS, Entry, Run, Tool, found, write_spec

EDITED = 7
"""The number of the shot that is edited."""
GIT = ("-c", "user.name=bench", "-c", "user.email=bench@localhost", "-c", "gc.auto=0", "-c", "core.hooksPath=/dev/null")
IGNORED = (
    "/started/",
    "/out/",
    "/film",
    "/.doit*",
    "/.ninja*",
    "/.snakemake/",
    "/*.sh",
    "/box-*",
    "/kept-*",
    "__pycache__/",
)
BY_HAND = {"Snakemake": ("--touch",), "DVC": ("commit", "-f", "-q")}
"""How a slow tool takes over what somebody else made."""
HEADS = (
    "nothing", "first step", "one edit", "one edit runs", "touch", "revert", "comment", "checkout", "template", "and back",
    "cold: steps", "cold, a step", "peak MB",
)  # fmt: skip


# --- what is done to the work ----------------------------------------------------------------------------------------


def change(tool: Tool, mood: str) -> None:
    write_spec(tool.folder, EDITED, mood)


def touch(tool: Tool) -> None:
    os.utime(_edited(tool))


def comment(tool: Tool) -> None:
    path = _edited(tool)
    path.write_text(re.sub(r"# .*", f"# said at {time.time_ns()}", path.read_text(), count=1))


def template(tool: Tool, words: str) -> None:
    (tool.folder / "templates/wide.j2").write_text(TEMPLATE.replace("at dusk", words))


def checkout(tool: Tool) -> None:
    """Two states are built and committed; the first of them is checked out again."""
    ignored = tool.folder / ".gitignore"
    kept = [f"/{name}/*" for name in OUTPUTS]
    ignored.write_text("\n".join([ignored.read_text() if ignored.exists() else "", *IGNORED, *kept, ""]))
    _git(tool, "init", "-q")
    for mood in ("mood of the first commit", "mood of the second"):
        change(tool, mood)
        tool.run()
        _git(tool, "add", "-A")
        _git(tool, "commit", "-q", "-m", mood)
    _git(tool, "checkout", "-q", "HEAD~1")


def _git(tool: Tool, *words: str) -> None:
    subprocess.run([found("git"), *GIT, *words], cwd=tool.folder, check=True, capture_output=True)


def _edited(tool: Tool) -> Path:
    return tool.folder / f"specs/sh{EDITED:05d}.yaml"


# --- whether that was right ------------------------------------------------------------------------------------------


def check(report: Report, tool: Tool, what: str, run: Run, needed: int) -> str:
    """The count as a cell. needed: programs. A count that must not be is a fault."""
    exact = run.ran == needed
    wrong = not exact if tool.name == "shotbuild" or what in ("cold", "one edit", "template") else run.ran < needed
    if tool.name == "shotbuild":
        # By itself it joins, measures and reports; after one edit the measures are those of before, and so is the report.
        own = {0: (0,), tool.programs[1]: (needed + 2, needed + 3)}.get(needed, (needed + 3, needed + 2))
        said = re.search(r"(\d+) ran.* (\d+) failed", run.said)
        wrong |= said is None or int(said[1]) not in own or int(said[2]) != 0
    if wrong:
        report.faults.append(f"{tool.name}, {tool.shots} shots, {what}: {run.ran} programs ran, {needed} needed; {run.said}")
        return f"**{run.ran}: WRONG, {needed} needed**"
    return str(run.ran) if exact else f"{run.ran}: too many"


def prepare(report: Report, tool: Tool, entry: Entry) -> str:
    """Has everything made. Gives the cell on the cold build: the seconds that a step took."""
    if tool.shots <= entry.all_again or tool.name not in BY_HAND:
        cold = tool.run()
        check(report, tool, "cold", cold, tool.programs[0])
        report.figures["cold peak", tool.name, tool.shots] = cold.peak
        return f"{1000 * cold.wall / tool.programs[0]:.2f} ms"
    tools.by_hand(tool)
    processes.run([*(tool.argv if tool.name == "Snakemake" else tool.argv[:1]), *BY_HAND[tool.name]], tool.folder, tool.env)
    return "not run"


# --- the measure -----------------------------------------------------------------------------------------------------


def measure(folder: Path, shots: int, runs: int, report: Report, most: dict[str, int], *, quick: bool) -> None:
    """One table. most: shots by tool, in place of those of TOOLS; quick: slow tools do the least."""
    wanted = [(name, entry) for name, entry in TOOLS.items() if shots <= most.get(name, entry.most) and entry.there()]
    made: list[Tool] = []
    rows: dict[str, dict[str, str]] = {}
    for name, entry in wanted:
        tell(f"{shots} shots: {name} makes everything")
        tool = entry.make(folder, shots)
        try:
            rows[name] = {"cold, a step": prepare(report, tool, entry), "cold: steps": str(tool.programs[0])}
            tool.run()  # whoever looks twice before it is sure has looked
        except processes.Failed as error:
            # The others are worth an hour of measuring all the same.
            report.faults.append(f"{name}, {shots} shots: {error}")
            rows.pop(name, None)
            if name == "shotbuild":
                raise
            continue
        made.append(tool)
    interleaved(report, made, rows, runs, 1 if quick else (runs + 1) // 2)
    for tool in made:
        tell(f"{shots} shots: {tool.name} after a touch, a revert, a comment, a checkout")
        entry = TOOLS[tool.name]
        everything = shots <= entry.all_again and not (quick and entry.slow)
        rows[tool.name] |= changes(report, tool, last="mood 0", everything=everything)
    _ratios(report, rows, shots)
    heads = [head for head in HEADS if any(head in row for row in rows.values())]
    title = f"{shots} shots, {tools.JOBS} jobs, medians of {runs} interleaved runs"
    title += "; in brackets: shotbuild's time as a part of that tool's"
    report.table(title, heads, {"*needed*": _needed(), **rows})
    left = {name: most.get(name, entry.most) for name, entry in TOOLS.items() if name not in rows}
    for name, limit in left.items():
        why = f"run up to {limit} shots only" if limit < shots else "failed" if TOOLS[name].there() else "not installed"
        report.say(f"\n{name}: {why}.")


def interleaved(report: Report, made: Sequence[Tool], rows: dict[str, dict[str, str]], runs: int, few: int) -> None:
    """All tools in turn, several times: nothing changed, one prompt edited, and settled. few: runs of slow tools."""
    seen: dict[tuple[str, str], list[float]] = {}
    for number in range(runs):
        for tool in made:
            if TOOLS[tool.name].slow and number >= few:
                continue
            tell(f"{tool.shots} shots: {tool.name}, nothing and one edit, {number + 1} of {runs}")
            idle = tool.run()
            change(tool, f"mood {number}")
            edit = tool.run()
            check(report, tool, "nothing", idle, 0)
            rows[tool.name]["one edit runs"] = check(report, tool, "one edit", edit, tool.programs[1])
            settled = tool.run()
            check(report, tool, "nothing after one edit", settled, 0)
            seen.setdefault((tool.name, "nothing"), []).append(idle.wall)
            seen.setdefault((tool.name, "first step"), []).append(edit.first or 0.0)
            seen.setdefault((tool.name, "one edit"), []).append(edit.wall)
            seen.setdefault((tool.name, "peak MB"), []).append(max(idle.peak, edit.peak))
    for (name, what), values in seen.items():
        report.figures[what, name, made[0].shots] = statistics.median(values)


def changes(report: Report, tool: Tool, last: str, *, everything: bool) -> dict[str, str]:
    """What runs after changes that need nothing. last: the mood that the spec has; everything: also of the template."""
    change(tool, "mood before")
    tool.run()
    cells: dict[str, str] = {}
    acts: list[tuple[str, Callable[[], object], int]] = [
        ("touch", partial(touch, tool), 0),
        ("revert", partial(change, tool, last), 0),
        ("comment", partial(comment, tool), 0),
    ]
    if found("git"):
        acts.append(("checkout", partial(checkout, tool), 0))
    if everything:
        acts += [
            ("template", partial(template, tool, "at noon"), tool.programs[2]),
            ("and back", partial(template, tool, "at dusk"), 0),
        ]
    for name, act, needed in acts:
        act()
        cells[name] = check(report, tool, name, tool.run(), needed)
    return cells


def _needed() -> dict[str, str]:
    none = dict.fromkeys(("nothing", "touch", "revert", "comment", "checkout", "and back"), "0")
    return none | {"one edit runs": "3; others 4", "template": "all users"}


def _ratios(report: Report, rows: dict[str, dict[str, str]], shots: int) -> None:
    for name, row in rows.items():
        for what in ("nothing", "first step", "one edit"):
            ours, theirs = report.figures[what, "shotbuild", shots], report.figures[what, name, shots]
            row[what] = f"{1000 * theirs:.0f} ms ({ours / theirs:.3g})"
        row["peak MB"] = f"{report.figures['peak MB', name, shots]:.0f}"


# --- where the time goes ---------------------------------------------------------------------------------------------

PROFILED = """
import cProfile, pstats
from shotbuild.cli import app
profile = cProfile.Profile()
try:
    profile.runcall(app.run, ["deliver"])
except SystemExit:
    pstats.Stats(profile).sort_stats("tottime").print_stats(30)
"""


def profile(folder: Path, shots: int) -> None:
    """Where the time of a delivery after one edit goes, by function."""
    tool = tools.shotbuild(folder, shots)
    tool.run()
    change(tool, "another mood")
    print(processes.run([sys.executable, "-c", PROFILED], tool.folder, tool.env).out)
    shutil.rmtree(tool.folder / STARTED)
