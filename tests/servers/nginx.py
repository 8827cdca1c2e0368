"""An HTTP cache in Bazel's plain form: nginx with WebDAV's PUT, reading for everybody, writing with a login."""

import base64
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.program import Served, answers_http, found, free_ports, needed, running, wait_until

USER, SECRET = "ci", "the-secret-of-nginx"
SETTINGS = """daemon off;
worker_processes 2;
pid {folder}/pid;
error_log {folder}/log;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_max_body_size 0;
  client_body_temp_path {folder}/incoming;
  proxy_temp_path {folder}/unused;
  fastcgi_temp_path {folder}/unused;
  uwsgi_temp_path {folder}/unused;
  scgi_temp_path {folder}/unused;
  server {{
    listen 127.0.0.1:{port};
    root {folder}/cache;
    location ~ "^/(ac|cas)/[0-9a-f]{{64}}$" {{
      {writing}
      {login}
    }}
    location / {{ return 404; }}
  }}
}}
"""
WRITING = "dav_methods PUT; create_full_put_path on; dav_access user:rw group:r;"
LOGIN = "limit_except GET {{ auth_basic cache; auth_basic_user_file {folder}/logins; }}"


@contextmanager
def nginx_running(folder: Path, *, writing: bool = True) -> Iterator[Served]:
    """writing: else it takes nothing, as a cache that is only read."""
    needed("nginx")
    for name in ("cache", "incoming", "unused"):
        (folder / name).mkdir()
    folder.chmod(0o755)
    hashed = base64.b64encode(hashlib.sha1(SECRET.encode(), usedforsecurity=False).digest()).decode()
    (folder / "logins").write_text(f"{USER}:{{SHA}}{hashed}\n")
    (port,) = free_ports(1)
    login = LOGIN.format(folder=folder) if writing else ""
    settings = SETTINGS.format(folder=folder, port=port, writing=WRITING if writing else "", login=login)
    user = "user root;\n" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(user + settings)
    log = folder / "log"
    web = f"http://127.0.0.1:{port}"
    with running([found("nginx"), "-c", str(folder / "nginx.conf"), "-e", str(log)], log) as process:
        wait_until(lambda: answers_http(web), log, process)
        address = f"http://{USER}:{SECRET}@127.0.0.1:{port}"
        yield Served(address=address, web=web, secret=SECRET, process=process)
