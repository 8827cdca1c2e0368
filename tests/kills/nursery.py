"""A warm process that forks builds: everything is imported once, so a build that is to be killed begins in milliseconds.

It has one thread, so that forking is sound. It reads an Order a line and says `born`, and `ended` for each that has died.
`python -m tests.kills.nursery` is the process; `Nursery` starts one and talks to it.
"""

import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any, BinaryIO

from tests.kills.work import Order, play, warm


@dataclass(slots=True)
class Child:
    """A build in a process of its own. log: what it said, JSON objects; code: its exit code, -9 = it was killed."""

    log: Path
    pid: int = 0
    code: int = 0
    born: threading.Event = field(default_factory=threading.Event)
    gone: threading.Event = field(default_factory=threading.Event)

    def kill(self) -> bool:
        """SIGKILL; comes back when it is dead. Whether it still lived."""
        if self.gone.is_set():
            return False
        try:
            os.kill(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            return False
        self.wait()
        return self.code == -signal.SIGKILL

    def wait(self, seconds: float = 60) -> int:
        if not self.gone.wait(seconds):
            self.kill()
            raise TimeoutError(f"a build still ran after {seconds} s; it said:\n{self.log.read_text()}")
        return self.code

    def said(self, kind: str) -> list[dict[str, Any]]:
        """The lines of one kind. The last line of one that was killed may be half."""
        lines = self.log.read_text().splitlines(keepends=True) if self.log.exists() else []
        rows = [json.loads(line) for line in lines if line.endswith("\n")]
        return [row for row in rows if row["kind"] == kind]


class Nursery:
    """Starts builds. Use as a context manager."""

    def __enter__(self) -> "Nursery":
        argv = [sys.executable, "-m", "tests.kills.nursery"]
        # Libraries that compute must not start threads before the fork.
        environ = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ)
        self._unborn: SimpleQueue[Child] = SimpleQueue()
        self._lock = threading.Lock()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        return self

    def __exit__(self, *_: object) -> None:
        _pipe(self._process.stdin).close()
        self._process.wait(30)
        self._listener.join(30)
        _pipe(self._process.stdout).close()

    def start(self, order: Order, log: Path) -> Child:
        child = Child(log)
        with self._lock:
            self._unborn.put(child)
            into = _pipe(self._process.stdin)
            into.write(json.dumps({"order": asdict(order), "log": str(log)}).encode() + b"\n")
            into.flush()
        if not child.born.wait(60):
            raise TimeoutError("the nursery does not answer")
        return child

    def _listen(self) -> None:
        living: dict[int, Child] = {}
        for line in _pipe(self._process.stdout):
            word, *numbers = line.split()
            pid = int(numbers[0])
            if word == b"born":
                living[pid] = child = self._unborn.get()
                child.pid = pid
                child.born.set()
            else:
                child = living.pop(pid)
                child.code = os.waitstatus_to_exitcode(int(numbers[1]))
                child.gone.set()


def _pipe(stream: Any) -> BinaryIO:
    pipe: BinaryIO = stream
    return pipe


# --- the process itself --------------------------------------------------------------------------------------------------


def main() -> None:
    warm()
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(writer)
    heard = b""
    while True:
        ready, _, _ = select.select([0, reader], [], [])
        if reader in ready:
            os.read(reader, 4096)
            _bury()
        if 0 in ready:
            more = os.read(0, 1 << 16)
            if not more:
                return
            *lines, heard = (heard + more).split(b"\n")
            for line in lines:
                _bear(json.loads(line), [reader, writer])


def _bear(said: Mapping[str, Any], pipes: list[int]) -> None:
    pid = os.fork()
    if pid:
        os.write(1, b"born %d\n" % pid)
        return
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for each in (0, *pipes):
        os.close(each)
    log = os.open(said["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    os.dup2(2, 1)
    os._exit(_played(Order(**said["order"]), lambda row: os.write(log, (json.dumps(row) + "\n").encode())))


def _played(order: Order, say: Callable[[dict[str, Any]], object]) -> int:
    os.environ.update(order.environ)
    time.sleep(max(0.0, order.start - time.time()))
    try:
        return play(order, say)
    except BaseException as error:
        say({"kind": "crash", "error": f"{type(error).__name__}: {error}", "cause": str(getattr(error, "cause", ""))})
        return int(getattr(error, "exit_code", 70))


def _bury() -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        os.write(1, b"ended %d %d\n" % (pid, status))


if __name__ == "__main__":
    main()
