"""Running one program: how its end is noticed."""

import sys
import threading
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
