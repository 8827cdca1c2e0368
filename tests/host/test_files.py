"""Locks between processes: one holder at a time, whatever becomes of the file meanwhile."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from shotbuild.host.files import locked, try_lock

HOLD = """
import sys
from pathlib import Path
from shotbuild.host.files import try_lock
lock = try_lock(Path(sys.argv[1]))
print(lock is not None, flush=True)
sys.stdin.read()
"""


def test_one_at_a_time_holds_a_lock_and_its_folder_is_made(tmp_path: Path) -> None:
    path = tmp_path / "locks" / "a.lock"
    first = try_lock(path)
    assert first is not None
    assert try_lock(path) is None
    first.release()
    first.release()
    second = try_lock(path)
    assert second is not None
    second.release()


def test_a_process_that_is_killed_lets_go(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    argv = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "True\n"
        assert try_lock(path) is None
        other.kill()
        other.wait()
    lock = try_lock(path)
    assert lock is not None
    lock.release()


def test_who_waited_for_a_file_that_was_removed_locks_the_one_that_is_there(tmp_path: Path) -> None:
    path, order = tmp_path / "a.lock", []
    first = try_lock(path)
    assert first is not None

    def wait() -> None:
        with locked(path):
            order.append("second")
            assert try_lock(path) is None

    thread = threading.Thread(target=wait)
    thread.start()
    order.append("first")
    path.unlink()
    first.release()
    thread.join()
    assert order == ["first", "second"]


def test_a_link_in_place_of_a_lock_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match=r"a\.lock"):
        try_lock(tmp_path / "a.lock")
    assert not (tmp_path / "elsewhere").exists()
