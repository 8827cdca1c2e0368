"""Work on all cores without threads: a copy of this process does it, and hands its answer over as bytes."""

import os
import sys
import tempfile
import threading
from collections.abc import Callable
from typing import TypeAlias

Answer: TypeAlias = Callable[[], bytes | None]
"""Waits for the bytes; None when the work came to nothing, for whatever reason."""


def cores() -> int:
    """How many processes can run at once."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def can_fork() -> bool:
    """Whether this process may be copied: a lock that another thread holds would be held for ever in the copy, and system
    libraries other than Linux's do not expect to be copied at all."""
    return sys.platform == "linux" and threading.active_count() == 1


def forked(work: Callable[[], bytes]) -> Answer:
    """Begins work in a copy of this process, which sees all that there is now. Errors: OSError when none can be made."""
    answer = tempfile.TemporaryFile()  # noqa: SIM115 - closed by who reads it
    child = os.fork()
    if child == 0:
        code = 1
        try:
            answer.write(work())
            answer.flush()
            code = 0
        finally:
            os._exit(code)  # whatever was raised: nothing of the copied process may go on

    def wait() -> bytes | None:
        with answer:
            _, status = os.waitpid(child, 0)
            answer.seek(0)
            return answer.read() if status == 0 else None

    return wait
