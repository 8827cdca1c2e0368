"""Server programs of others on loopback: started, waited for, and stopped by the process id that was noted at the start."""

import contextlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

PATIENCE = 90
"""Seconds: Ceph takes 15 on two cores that others use as well."""


@dataclass(frozen=True, kw_only=True)
class Served:
    """Storage that a test may use. environment: the credentials, as a person would have them; web: where the server answers
    over HTTP; secret: what may stand in no message."""

    address: str
    web: str
    endpoint: str | None = None
    region: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    secret: str = ""
    process: "subprocess.Popen[bytes] | None" = None


def needed(*names: str) -> None:
    """Skips the test where one of these programs is not installed."""
    missing = [name for name in names if shutil.which(name, path=PATH) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")


PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def found(name: str) -> str:
    path = shutil.which(name, path=PATH)
    assert path is not None, name
    return path


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now, all different."""
    with contextlib.ExitStack() as opened:
        sockets = [opened.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@contextmanager
def short_folder() -> Iterator[Path]:
    """A temporary folder with a short path: sockets of servers lie in it, and those have a limit of 107 letters."""
    folder = Path(tempfile.mkdtemp(prefix="sb"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running(
    argv: Sequence[str], log: Path, *, environment: Mapping[str, str] | None = None, folder: Path | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    """A program in the foreground, with what it says in `log`. It is asked to end, and killed where it does not; where the
    system can do that, it also ends when the tests are killed."""
    if shutil.which("setpriv", path=PATH):
        argv = [found("setpriv"), "--pdeathsig", "KILL", *argv]
    with log.open("ab") as said:
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=environment, cwd=folder, start_new_session=True
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def wait_until(answers: Callable[[], bool], log: Path, process: "subprocess.Popen[bytes] | None" = None) -> None:
    """Returns when the server answers; fails with the end of its log when it ends first or takes too long."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if answers():
            return
        if process is not None and process.poll() is not None:
            break
        time.sleep(0.1)
    raise AssertionError(f"{log.name} does not answer:\n{log.read_text(errors='replace')[-2000:]}")


def answers_http(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).status_code < 500
    except httpx.HTTPError:
        return False
