"""A real Dask cluster on loopback: a scheduler and workers as processes of their own, which may be killed."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.servers.program import free_ports, running, wait_until

DASK = Path(sys.executable).with_name("dask")
PATIENT = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "100"}
"""A test kills more workers than a step of anybody else would survive."""


@dataclass
class Running:
    """address: of the scheduler; nannies: the processes that start a worker again when it dies; log: of all of them."""

    address: str
    scheduler: "subprocess.Popen[bytes]"
    log: Path
    nannies: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def workers(self) -> list[int]:
        """The processes that run steps now."""
        return sorted(pid for nanny in self.nannies for pid in _children(nanny.pid) if b"spawn_main" in _argv(pid))

    def kill(self, pid: int) -> None:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # it was dead already


@contextmanager
def clustered(
    folder: Path, count: int = 3, *, scheduler: Sequence[str] = (), worker: Sequence[str] = (), scheme: str = "tcp"
) -> Iterator[Running]:
    """scheduler, worker: more words for these."""
    if not DASK.exists():
        pytest.skip("dask is not installed: pip install 'shotbuild[farm]'")
    (port,) = free_ports(1)
    address, log = f"{scheme}://127.0.0.1:{port}", folder / "dask.log"
    environment = {**os.environ, **PATIENT}
    with ExitStack() as started:
        words = [str(DASK), "scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard", *scheduler]
        process = started.enter_context(running(words, log, environment=environment))
        wait_until(lambda: b"Scheduler at:" in log.read_bytes(), log, process)
        found = Running(address, process, log)
        for number in range(count):
            words = [str(DASK), "worker", address, "--nthreads", "1", "--no-dashboard", "--name", f"w{number}"]
            words += ["--local-directory", str(folder / f"w{number}"), *worker]
            found.nannies.append(started.enter_context(running(words, log, environment=environment)))
        wait_until(lambda: log.read_bytes().count(b"Registered to:") >= count, log, process)
        yield found


def _children(pid: int) -> list[int]:
    try:
        return [
            int(each) for task in Path(f"/proc/{pid}/task").iterdir() for each in (task / "children").read_text().split()
        ]
    except OSError:
        return []


def _argv(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
