"""Ceph's S3 on loopback: one monitor, one storage daemon that keeps everything in memory, one gateway.

cephx has to be on: without it, the gateway of Ceph 16 waits for ever. What is deleted stays in memory for two hours, and a
storage daemon that is full makes writers hang: tests put little there.
"""

import subprocess
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.servers.buckets import bucket_at
from tests.servers.program import Served, answers_http, found, free_ports, needed, running, short_folder, wait_until

PROGRAMS = ("radosgw", "radosgw-admin", "ceph", "ceph-mon", "ceph-osd", "ceph-authtool", "monmaptool")
KEY, SECRET = "shotbuild", "shotbuildsecret"
CLUSTER = "22222222-2222-2222-2222-222222222222"
SETTINGS = """[global]
fsid = {cluster}
mon host = [v2:127.0.0.1:{second},v1:127.0.0.1:{first}]
public addr = 127.0.0.1
cluster addr = 127.0.0.1
keyring = {folder}/keyring
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon data avail crit = 1
mon max pg per osd = 1000
run dir = {folder}
admin socket = {folder}/$name.asok
log file =
[mon.a]
mon data = {folder}/mon
[osd.0]
osd data = {folder}/osd
osd objectstore = memstore
memstore device bytes = 4294967296
[client.rgw]
rgw data = {folder}/rgw
rgw frontends = beast endpoint=127.0.0.1:{web}
rgw dns name = 127.0.0.1
rgw enable usage log = false
rgw enable ops log = false
"""


@contextmanager
def radosgw_running() -> Iterator[Served]:
    needed(*PROGRAMS)
    with short_folder() as folder, ExitStack() as started:
        first, second, port = free_ports(3)
        _write(folder, first, second, port)
        settings = ["-c", str(folder / "ceph.conf")]
        log = folder / "log"

        def start(*argv: str) -> "subprocess.Popen[bytes]":
            return started.enter_context(running([found(argv[0]), *settings, *argv[1:]], log))

        def ceph(*argv: str) -> None:
            _run("ceph", *settings, "--connect-timeout", "60", *argv)

        _run("ceph-mon", *settings, "--mkfs", "-i", "a", "--monmap", f"{folder}/monmap", "--keyring", f"{folder}/keyring")
        start("ceph-mon", "-i", "a", "-f")
        ceph("auth", "import", "-i", f"{folder}/keyring")
        storage = str(uuid.uuid4())
        ceph("osd", "new", storage)
        _run("ceph-osd", *settings, "-i", "0", "--mkfs", "--osd-uuid", storage)
        start("ceph-osd", "-i", "0", "-f")
        gateway = start("radosgw", "-n", "client.rgw", "-f")
        web = f"http://127.0.0.1:{port}"
        wait_until(lambda: answers_http(web), log, gateway)
        who = ("--uid=shotbuild", "--display-name=shotbuild", f"--access-key={KEY}", f"--secret-key={SECRET}")
        _run("radosgw-admin", *settings, "-n", "client.rgw", "user", "create", *who)
        yield bucket_at(web, "films", KEY, SECRET, gateway)


def _write(folder: Path, first: int, second: int, port: int) -> None:
    for name in ("mon", "osd", "rgw"):
        (folder / name).mkdir()
    (folder / "ceph.conf").write_text(SETTINGS.format(cluster=CLUSTER, folder=folder, first=first, second=second, web=port))
    ring = str(folder / "keyring")
    everything = ("--cap", "mon", "allow *", "--cap", "osd", "allow *")
    _run("ceph-authtool", "--create-keyring", ring, "--gen-key", "-n", "mon.", "--cap", "mon", "allow *")
    _run("ceph-authtool", ring, "--gen-key", "-n", "client.admin", *everything, "--cap", "mgr", "allow *")
    _run("ceph-authtool", ring, "--gen-key", "-n", "client.rgw", "--cap", "mon", "allow rw", "--cap", "osd", "allow rwx")
    _run("ceph-authtool", ring, "--gen-key", "-n", "osd.0", "--cap", "mon", "allow profile osd", "--cap", "osd", "allow *")
    addresses = f"[v2:127.0.0.1:{second},v1:127.0.0.1:{first}]"
    _run("monmaptool", "--create", "--clobber", "--fsid", CLUSTER, "--addv", "a", addresses, str(folder / "monmap"))


def _run(*argv: str) -> None:
    said = subprocess.run(
        [found(argv[0]), *argv[1:]], stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=False
    )
    assert said.returncode == 0, f"{argv[0]}: {said.stderr.decode(errors='replace')[-2000:]}"
