"""Runs one program to its end, or stops it with its whole process group. Knows nothing of ffmpeg or of steps."""

import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import IO

from shotbuild.errors import Cancelled, ProcessError

STDERR_LINES = 12
GRACE_SECONDS = 2.0
GLANCE_SECONDS = 0.1
ENVIRONMENT = {b"LC_ALL": b"C", b"TZ": b"UTC", b"AV_LOG_FORCE_NOCOLOR": b"1"}
LEASH = "SHOTBUILD_LEASH"
"""Set = what this process starts dies with it, and so does what that starts."""


def leash() -> None:
    """From now on no program outlives the thread that started it, even where this process is killed. Where the system has no
    way to do that, nothing changes."""
    os.environ[LEASH] = "1"


def leashed(argv: Sequence[str]) -> list[str]:
    """A program and its arguments so that it is started on the leash, where there is one.

    A program does that before it becomes the other one: what Python runs between fork and exec must take no lock, and a
    machine that helps has many threads."""
    setpriv = _setpriv() if os.environ.get(LEASH) else None
    found = None if setpriv is None else shutil.which(argv[0])
    return list(argv) if setpriv is None or found is None else [setpriv, "--pdeathsig", "KILL", "--", found, *argv[1:]]


@cache
def _setpriv() -> str | None:
    return shutil.which("setpriv") if sys.platform == "linux" else None


def run(
    argv: Sequence[str],
    *,
    cwd: Path,
    cancel: threading.Event | None = None,
    feed: Iterable[bytes] | None = None,
    deadline: float | None = None,
    environ: Mapping[str, str] | None = None,
    joined: bool = False,
) -> tuple[str, str]:
    """Runs argv (never a shell) in cwd; returns its stdout and stderr as text.

    feed: written to stdin chunk by chunk; cancel: stops it when set; deadline: seconds it may take; environ: all that it
    sees of the environment, None = ours; joined: stdout is told among stderr, in order, and is empty.
    Errors: ProcessError when it cannot start, ends with another code than 0 or takes too long; Cancelled; what feed raises.
    """
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        process = _start(argv, cwd, stderr if joined else stdout, stderr, environ, piped=feed is not None)
        feeder = _Feeder(process.stdin, feed) if feed is not None and process.stdin is not None else None
        try:
            late = _wait(process, cancel, deadline, feeder)
        finally:
            kill_group(process)
            if feeder is not None:
                feeder.join()
        if cancel is not None and cancel.is_set():
            raise Cancelled(f"{Path(argv[0]).name} was stopped")
        if feeder is not None and feeder.failure is not None:
            raise feeder.failure
        errors = _text(stderr)
        if late or process.returncode != 0:
            raise ProcessError(how_it_ended(argv, process.returncode, deadline if late else None), cause=_tail(errors))
        return _text(stdout), errors


class _Feeder(threading.Thread):
    """Writes chunks to a pipe; a reader that went away ends it quietly, a chunk that cannot be made is kept as `failure`."""

    def __init__(self, pipe: IO[bytes], feed: Iterable[bytes]) -> None:
        super().__init__(daemon=True)
        self.failure: Exception | None = None
        self._pipe, self._feed = pipe, feed
        self.start()

    def run(self) -> None:
        try:
            for chunk in self._feed:
                self._pipe.write(chunk)
        except BrokenPipeError:
            pass  # the program's own exit code and stderr say why
        except Exception as failure:
            self.failure = failure
        finally:
            try:
                self._pipe.close()
            except BrokenPipeError:
                pass


def _start(
    argv: Sequence[str],
    cwd: Path,
    stdout: IO[bytes],
    stderr: IO[bytes],
    environ: Mapping[str, str] | None,
    *,
    piped: bool,
) -> subprocess.Popen[bytes]:
    # FFREPORT would make ffmpeg write a file of its own; locale and time zone must not reach any output.
    env: Mapping[bytes, bytes] | Mapping[str, str] = (
        {name: value for name, value in os.environb.items() if name != b"FFREPORT"} | ENVIRONMENT
        if environ is None
        else environ
    )
    try:
        return subprocess.Popen(
            leashed(argv),
            cwd=cwd,
            env=env,
            stdin=subprocess.PIPE if piped else subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise ProcessError(f"{argv[0]} cannot be started", cause=str(error)) from error


def _wait(
    process: subprocess.Popen[bytes], cancel: threading.Event | None, deadline: float | None, feeder: _Feeder | None
) -> bool:
    """Waits for the end; True when the deadline passed first."""
    end = None if deadline is None else time.monotonic() + deadline
    with _exit_of(process) as ended:
        while not ended(GLANCE_SECONDS):
            if cancel is not None and cancel.is_set():
                return False
            if feeder is not None and feeder.failure is not None:
                return False
            if end is not None and time.monotonic() > end:
                return True
    return False


@contextmanager
def _exit_of(process: subprocess.Popen[bytes]) -> Iterator[Callable[[float], bool]]:
    """A question that waits so many seconds for the end of a process. The kernel says when, where it can: `Popen.wait` asks
    every few milliseconds, and hears of the end up to a twentieth of a second late."""
    try:
        handle = os.pidfd_open(process.pid)
    except (AttributeError, OSError):
        yield partial(_asked_often, process)
        return
    try:
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        yield lambda seconds: bool(poll.poll(1000 * seconds)) and process.wait() is not None
    finally:
        os.close(handle)


def _asked_often(process: subprocess.Popen[bytes], seconds: float) -> bool:
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Ends a process and all that it started; it has GRACE_SECONDS to end by itself."""
    for stop in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            return
        try:
            os.killpg(process.pid, stop)
        except ProcessLookupError:
            pass
        try:
            process.wait(timeout=GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            continue


def _text(stream: IO[bytes]) -> str:
    stream.seek(0)
    return stream.read().decode("utf-8", "replace")


def _tail(errors: str) -> str:
    return "\n".join(errors.strip().splitlines()[-STDERR_LINES:]) or "it said nothing on stderr"


def tail_of(stderr: IO[bytes]) -> str:
    """The end of what a program said."""
    return _tail(_text(stderr))


def how_it_ended(argv: Sequence[str], code: int, deadline: float | None) -> str:
    """deadline: the one that it passed, None = it ended by itself."""
    name = Path(argv[0]).name
    if deadline is not None:
        return f"{name} took longer than {deadline:g} s and was stopped"
    if code < 0:
        return f"{name} was ended by signal {-code} ({signal.strsignal(-code) or 'unknown'})"
    return f"{name} ended with exit code {code}"
