"""A program run once, and what it used: seconds of the clock and of the processors, and memory."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

# Linux counts the memory of whoever started a program as that program's own. So a small one starts it, and has the clock.
START = """
import os, sys, time
began = time.time_ns()
pid = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ)
_, status, used = os.wait4(pid, 0)
wall = time.time_ns() - began
code = os.waitstatus_to_exitcode(status)
with open(sys.argv[1], "w") as stream:
    print(began, wall, used.ru_utime + used.ru_stime, used.ru_maxrss, code, file=stream)
"""


class Failed(SystemExit):
    """A program ended with an error; nobody who does not expect that goes on."""


@dataclass(frozen=True)
class Used:
    """began: nanoseconds since 1970; wall, cpu: seconds, cpu with all its children; peak: MB, of the largest process;
    out, err: what it printed."""

    began: int
    wall: float
    cpu: float
    peak: float
    out: str
    err: str


def _environment() -> dict[str, str]:
    """As it is, but that Python keeps what it compiled, as an installed package has it."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def run(words: Sequence[str], folder: Path, env: Mapping[str, str] | None = None) -> Used:
    """words: begin with a path. env: what it sees besides. Errors: Failed."""
    with tempfile.NamedTemporaryFile("r") as told:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", START, told.name, *words],
            cwd=folder, env=_environment() | dict(env or {}), check=False, capture_output=True, text=True,
        )  # fmt: skip
        fields = told.read().split()
    if not fields or fields[4] != "0":
        raise Failed(f"{' '.join(words)[:300]} failed in {folder}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    wall, cpu, peak = int(fields[1]) / 1e9, float(fields[2]), int(fields[3]) / 1024
    return Used(began=int(fields[0]), wall=wall, cpu=cpu, peak=peak, out=done.stdout, err=done.stderr)
