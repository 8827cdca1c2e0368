"""Azurite: Azure's blob storage in JavaScript, by Microsoft. Found on PATH or where AZURITE says."""

import base64
import hashlib
import hmac
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path

import httpx
import pytest

from tests.servers.program import Served, answers_http, free_ports, running, wait_until

ACCOUNT = "films"
SECRET = base64.b64encode(b"a secret of thirty-two letters!!" * 2).decode()
VERSION = "2021-08-06"


@contextmanager
def azurite_running(folder: Path) -> Iterator[Served]:
    program = os.environ.get("AZURITE") or shutil.which("azurite-blob")
    if program is None or shutil.which(program) is None:
        pytest.skip("not installed: azurite-blob (npm install azurite)")
    (port,) = free_ports(1)
    log = folder / "log"
    argv = [program, "--blobHost", "127.0.0.1", "--blobPort", str(port), "--location", str(folder / "kept"), "--silent"]
    argv += ["--skipApiVersionCheck", "--disableTelemetry"]
    environment = {**os.environ, "AZURITE_ACCOUNTS": f"{ACCOUNT}:{SECRET}"}
    web = f"http://127.0.0.1:{port}"
    with running(argv, log, environment=environment) as process:
        wait_until(lambda: answers_http(web), log, process)
        _make_container(f"{web}/{ACCOUNT}", "takes")
        yield Served(
            address="az://takes/our films",
            web=web,
            endpoint=f"{web}/{ACCOUNT}",
            environment={"AZURE_STORAGE_ACCOUNT_NAME": ACCOUNT, "AZURE_STORAGE_ACCOUNT_KEY": SECRET},
            secret=SECRET,
            process=process,
        )


def _make_container(web: str, name: str) -> None:
    """By Shared Key, as Microsoft's "Authorize with Shared Key" has it: the client that is tested makes no containers."""
    now = formatdate(usegmt=True)
    headers = {"x-ms-date": now, "x-ms-version": VERSION}
    # Lines for headers that are not sent stay empty; the account stands twice where it is also in the path.
    canonical = f"x-ms-date:{now}\nx-ms-version:{VERSION}\n/{ACCOUNT}/{ACCOUNT}/{name}\nrestype:container"
    signed = "PUT" + "\n" * 12 + canonical
    key = base64.b64encode(hmac.new(base64.b64decode(SECRET), signed.encode(), hashlib.sha256).digest()).decode()
    headers["Authorization"] = f"SharedKey {ACCOUNT}:{key}"
    reply = httpx.put(f"{web}/{name}?restype=container", headers=headers)
    assert reply.status_code == 201, reply.text
