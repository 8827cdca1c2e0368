"""OpenStack Swift with s3api on loopback: the server that knows no conditional put and answers 501."""

import os
import pwd
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.servers.buckets import bucket_at
from tests.servers.program import Served, answers_http, found, free_ports, needed, running, short_folder, wait_until

KEY, SECRET = "test:tester", "testing-the-secret"
KINDS = ("account", "container", "object")
PROGRAMS = ("swift-proxy-server", "swift-ring-builder", *(f"swift-{kind}-server" for kind in KINDS))
COMMON = """[swift-hash]
swift_hash_path_suffix = sb
swift_hash_path_prefix = sb
[storage-policy:0]
name = Policy-0
default = yes
"""
STORAGE = """[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
devices = {folder}/node
mount_check = false
swift_dir = {folder}
user = {user}
log_level = WARNING
log_address = {folder}/nowhere
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
"""
PROXY = """[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
swift_dir = {folder}
user = {user}
log_level = WARNING
log_address = {folder}/nowhere
[pipeline:main]
pipeline = catch_errors cache s3api tempauth bulk slo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = {secret} .admin
[filter:s3api]
use = egg:swift#s3api
s3_acl = no
location = us-east-1
[filter:bulk]
use = egg:swift#bulk
[filter:slo]
use = egg:swift#slo
[filter:cache]
use = egg:swift#memcache
[filter:catch_errors]
use = egg:swift#catch_errors
"""


@contextmanager
def swift_running() -> Iterator[Served]:
    needed(*PROGRAMS)
    with short_folder() as folder, ExitStack() as started:
        port, *ports = free_ports(1 + len(KINDS))
        _write(folder, port, dict(zip(KINDS, ports, strict=True)))
        environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
        log = folder / "log"
        servers = [
            started.enter_context(
                running([found(f"swift-{kind}-server"), str(folder / f"{kind}-server.conf")], log, environment=environment)
            )
            for kind in (*KINDS, "proxy")
        ]
        web = f"http://127.0.0.1:{port}"
        for each in ports:
            wait_until(lambda port=each: answers_http(f"http://127.0.0.1:{port}/recon/version"), log)  # type: ignore[misc]
        wait_until(lambda: answers_http(web), log, servers[-1])
        yield bucket_at(web, "films", KEY, SECRET, servers[-1])


def _write(folder: Path, port: int, ports: dict[str, int]) -> None:
    user = pwd.getpwuid(os.getuid()).pw_name
    (folder / "node/d1").mkdir(parents=True)
    (folder / "swift.conf").write_text(COMMON)
    (folder / "proxy-server.conf").write_text(PROXY.format(port=port, folder=folder, user=user, secret=SECRET))
    for kind, each in ports.items():
        (folder / f"{kind}-server.conf").write_text(STORAGE.format(port=each, folder=folder, user=user, kind=kind))
        ring = str(folder / f"{kind}.builder")
        for words in (["create", "6", "1", "1"], ["add", f"r1z1-127.0.0.1:{each}/d1", "1"], ["rebalance"]):
            argv = [found("swift-ring-builder"), ring, *words]
            subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=True)
