"""moto: S3 in Python, quick to start. It lets everybody in, and checks no checksum."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.servers.buckets import bucket_at
from tests.servers.program import Served, answers_http, free_ports, running, wait_until


@contextmanager
def moto_running(folder: Path) -> Iterator[Served]:
    pytest.importorskip("moto.server", reason="moto is not installed")
    (port,) = free_ports(1)
    log = folder / "moto.log"
    argv = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    web = f"http://127.0.0.1:{port}"
    with running(argv, log) as process:
        wait_until(lambda: answers_http(f"{web}/moto-api/"), log, process)
        yield bucket_at(web, "mototests", "anything", "and-a-secret-of-moto", process)
