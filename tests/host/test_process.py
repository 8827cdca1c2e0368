"""Running one program: how its end is noticed."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from shotbuild.errors import Cancelled, ProcessError
from shotbuild.host.process import run

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


def test_a_program_is_stopped_when_somebody_cancels(tmp_path: Path) -> None:
    cancel = threading.Event()
    threading.Timer(0.3, cancel.set).start()
    with pytest.raises(Cancelled):
        run(SLEEP, cwd=tmp_path, cancel=cancel)


def test_a_program_has_so_much_time(tmp_path: Path) -> None:
    with pytest.raises(ProcessError, match="took longer"):
        run(SLEEP, cwd=tmp_path, deadline=0.2)


def test_where_the_kernel_does_not_say_when_a_program_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: int) -> int:
        raise OSError("not here")

    monkeypatch.setattr("os.pidfd_open", refused)
    assert run([sys.executable, "-c", "print('said')"], cwd=tmp_path)[0] == "said\n"
    with pytest.raises(ProcessError, match="took longer"):
        run(SLEEP, cwd=tmp_path, deadline=0.2)


STARTER = """
import sys
from pathlib import Path
from shotbuild.host import process
if sys.argv[1] == "bound":
    process.leash()
word = "import time; print(1); time.sleep(60)"
inner = "from pathlib import Path; from shotbuild.host.process import run; run(%r, cwd=Path())"
argv = [sys.executable, "-c", inner % [sys.executable, "-c", word, sys.argv[2]], sys.argv[2]]
process.run(argv, cwd=Path())
"""


def marked(mark: str) -> list[int]:
    """The processes that were started with a word."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
            state = (path.parent / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if mark.encode() in words and state != "Z":
            found.append(int(path.parent.name))
    return found


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="there is no setpriv here")
def test_what_a_machine_of_a_farm_started_dies_with_it(tmp_path: Path) -> None:
    mark = f"mark-{tmp_path.name}-{os.getpid()}"
    starter = subprocess.Popen([sys.executable, "-c", STARTER, "bound", mark], cwd=tmp_path)
    try:
        assert _within(20, lambda: len(marked(mark)) >= 3), "the starter, what it started, and what that started"
        starter.kill()
        starter.wait()
        assert _within(20, lambda: not marked(mark))
    finally:
        for pid in marked(mark):
            os.kill(pid, signal.SIGKILL)
        starter.wait()


def test_a_program_that_is_not_there_is_said_also_on_the_leash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOTBUILD_LEASH", "1")
    with pytest.raises(ProcessError, match="no-such-program cannot be started"):
        run(["no-such-program"], cwd=tmp_path)
    assert run([sys.executable, "-c", "print('said')"], cwd=tmp_path)[0] == "said\n"


def _within(seconds: float, true: Callable[[], bool]) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.05)
    return true()
