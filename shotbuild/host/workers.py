"""Programs that stay loaded: one is started when it is first asked, answers one question after the other, and is stopped at
the end. Knows nothing of models.

A question and each line of its answer are JSON objects, one a line, over stdin and stdout; what else such a program says
belongs on stderr. A line with `answer` or `error` is the last of its answer, each before it is told to who asked.
"""

import json
import os
import queue
import subprocess
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from shotbuild.errors import Cancelled, ProcessError
from shotbuild.host.process import how_it_ended, kill_group, leashed, tail_of

GLANCE_SECONDS = 0.1
Row = Mapping[str, Any]


class Workers:
    """Programs by key, one of each, and no idle one beside the one that is asked: what they hold in memory is large."""

    def __init__(self) -> None:
        self._workers: dict[str, _Worker] = {}
        self._lock = threading.Lock()

    def ask(
        self,
        key: str,
        argv: Sequence[str],
        question: Row,
        *,
        cwd: Path,
        environ: Mapping[str, str],
        cancel: threading.Event,
        hear: Callable[[Row], None] = lambda _: None,
    ) -> Row:
        """The last line of the answer. key: of the program as it is loaded; argv, cwd, environ: to start it with; hear: told
        every other line. Who asks while it answers somebody else waits.

        Errors: ProcessError when it cannot start, or ends; Cancelled, and then it is stopped."""
        while True:
            worker = self._taken(key, argv, cwd, environ)
            with worker.busy:
                if worker.ended:
                    continue  # whoever was before us was told why
                try:
                    return worker.ask(question, cancel, hear)
                except BaseException:
                    worker.stop()
                    raise

    def _taken(self, key: str, argv: Sequence[str], cwd: Path, environ: Mapping[str, str]) -> "_Worker":
        with self._lock:
            found = self._workers.get(key)
            if found is not None and not found.ended:
                return found
            for name, other in list(self._workers.items()):
                if other.busy.acquire(blocking=False):
                    other.stop()
                    other.busy.release()
                    del self._workers[name]
            self._workers[key] = _Worker(argv, cwd, environ)
            return self._workers[key]

    def close(self) -> None:
        """Stops all of them."""
        with self._lock:
            for worker in self._workers.values():
                worker.stop()
            self._workers.clear()

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Worker:
    """busy: held by who asks."""

    def __init__(self, argv: Sequence[str], cwd: Path, environ: Mapping[str, str]) -> None:
        self.busy = threading.Lock()
        self._argv = argv
        self._stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # open as long as the program
        try:
            self._process = subprocess.Popen(
                leashed(argv),
                cwd=cwd,
                env=dict(environ),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise ProcessError(f"{argv[0]} cannot be started", cause=str(error)) from error
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    def ask(self, question: Row, cancel: threading.Event, hear: Callable[[Row], None]) -> Row:
        stdin = self._process.stdin
        assert stdin is not None, "it was started with a pipe"
        try:
            stdin.write(json.dumps(question).encode() + b"\n")
            stdin.flush()
        except OSError as error:
            raise self._failed() from error
        while True:
            if cancel.is_set():
                raise Cancelled(f"{os.path.basename(self._argv[0])} was stopped")
            try:
                line = self._lines.get(timeout=GLANCE_SECONDS)
            except queue.Empty:
                continue
            if line is None:
                raise self._failed()
            try:
                row = json.loads(line)
            except ValueError:
                row = None
            if not isinstance(row, dict):
                raise ProcessError("a worker said what is no JSON", cause=repr(line[:200]))
            if "answer" in row or "error" in row:
                return row
            hear(row)

    def stop(self) -> None:
        kill_group(self._process)
        for pipe in (self._process.stdin, self._process.stdout, self._stderr):
            with suppress(OSError):
                if pipe is not None:
                    pipe.close()

    def _read(self) -> None:
        assert self._process.stdout is not None, "it was started with a pipe"
        with suppress(OSError, ValueError):  # it was closed under us
            for line in self._process.stdout:
                self._lines.put(line)
        self._lines.put(None)

    def _failed(self) -> ProcessError:
        code = self._process.wait()
        try:
            said = tail_of(self._stderr)
        except ValueError:  # it was stopped while somebody waited for it
            said = "it was stopped"
        return ProcessError(how_it_ended(self._argv, code, None), cause=said)
