"""An HTTP cache: where its objects lie, who may write, who gets the password, and servers that do less than they should."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from shotbuild.errors import StoreError, StoreRefused, StoreUnavailable, render
from shotbuild.host.objects.cache import opened
from shotbuild.host.objects.interface import Objects
from shotbuild.records import Digest
from tests.host.objects.conftest import SHORT
from tests.servers.nginx import SECRET, USER, nginx_running

CONTENT = b"a take"
NAME = hashlib.sha256(CONTENT).hexdigest()
KEY = f"cas/{NAME}"
PASSWORD = "a-password/nobody@may:see"
NOBODY = {"HOME": "/nowhere"}


@dataclass
class Asked:
    """Requests as they came: method and path, and what stood in `Authorization`."""

    lines: list[str] = field(default_factory=list)
    logins: list[str | None] = field(default_factory=list)


@contextmanager
def serving(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[tuple[str, Asked]]:
    asked = Asked()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked.lines.append(f"{self.command} {self.path}")
            asked.logins.append(self.headers["Authorization"])
            self.rfile.read(int(self.headers["Content-Length"] or 0))
            answer(self)

        do_HEAD = do_PUT = do_GET  # noqa: N815 (names of the standard library)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def say(request: BaseHTTPRequestHandler, status: int, body: bytes = b"", **headers: str) -> None:
    request.send_response(status)
    for name, value in headers.items():
        request.send_header(name.replace("_", "-"), value)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    if request.command != "HEAD":
        request.wfile.write(body)


def cache(address: str, **environment: str) -> Objects:
    return opened(address, endpoint=None, region=None, environment={**NOBODY, **environment}, patience=SHORT)


def test_objects_lie_where_bazel_looks_for_them(tmp_path: Path) -> None:
    with nginx_running(tmp_path) as served:
        objects = cache(served.address)
        objects.write(KEY, CONTENT)
        objects.write(f"ac/{NAME}", b"{}")
        assert (tmp_path / "cache/cas" / NAME).read_bytes() == CONTENT
        assert (tmp_path / "cache/ac" / NAME).read_bytes() == b"{}"
        objects.close()


def test_who_has_no_login_reads_and_cannot_write(tmp_path: Path) -> None:
    with nginx_running(tmp_path) as served:
        writer, reader = cache(served.address), cache(served.web)
        writer.write(KEY, CONTENT)
        assert reader.read(KEY, 10) == CONTENT
        with pytest.raises(StoreRefused) as raised:
            reader.write(KEY, b"another")
        assert raised.value.hint == "write its user and password into ~/.netrc"
        assert reader.read(KEY, 10) == CONTENT
        writer.close()
        reader.close()


def test_a_cache_that_is_only_read_says_so(tmp_path: Path) -> None:
    with nginx_running(tmp_path, writing=False) as served:
        objects = cache(served.web)
        with pytest.raises(StoreRefused, match="takes nothing"):
            objects.write(KEY, CONTENT)
        assert objects.read(KEY, 10) is None
        objects.close()


def test_a_netrc_file_opens_it(tmp_path: Path) -> None:
    file = tmp_path / "logins"
    file.write_text(f"machine 127.0.0.1 login {USER} password {SECRET}\n")
    (tmp_path / "nginx").mkdir()
    with nginx_running(tmp_path / "nginx") as served:
        objects = cache(served.web, NETRC=str(file))
        objects.write(KEY, CONTENT)
        assert objects.read(KEY, 10) == CONTENT
        objects.close()


def test_a_netrc_file_that_cannot_be_read_shows_no_password(tmp_path: Path) -> None:
    file = tmp_path / "logins"
    file.write_text(f"machine 127.0.0.1 loggin {USER} {PASSWORD}\n")
    with pytest.raises(StoreRefused, match="cannot be read") as raised:
        cache("http://127.0.0.1:1", NETRC=str(file))
    assert PASSWORD not in render(raised.value)


def test_a_password_in_the_address_is_sent_and_never_shown() -> None:
    with serving(lambda request: say(request, 500)) as (host, asked):
        objects = cache(f"http://us%40er:a-password%2Fnobody%40may%3Asee@{host}/deep/er/")
        with pytest.raises(StoreUnavailable) as raised:
            objects.size(KEY)
        assert objects.shown == f"http://{host}/deep/er"
        assert asked.lines[0] == f"HEAD /deep/er/cas/{NAME}"
        assert asked.logins[0] == "Basic dXNAZXI6YS1wYXNzd29yZC9ub2JvZHlAbWF5OnNlZQ=="
        for told in (render(raised.value), repr(raised.value), str(raised.value.__cause__), objects.shown):
            assert "password" not in told
            assert "us@er" not in told
        objects.close()


@pytest.mark.parametrize(
    "address", ["ftp://host/x", "https://", "https://host:port/x", "https://host/x?y=1", "https://host/#x"]
)
def test_what_is_no_address_is_told(address: str) -> None:
    with pytest.raises(StoreError, match="no address of an HTTP cache"):
        cache(address)


def test_a_redirect_within_the_server_is_followed(tmp_path: Path) -> None:
    def answer(request: BaseHTTPRequestHandler) -> None:
        if request.path.startswith("/moved/"):
            say(request, 200, CONTENT)
        else:
            say(request, 302, Location="/moved" + request.path)

    with serving(answer) as (host, asked):
        objects = cache(f"http://user:word@{host}")
        assert objects.size(KEY) == len(CONTENT)
        assert objects.fetch(KEY, tmp_path / "take", 10) == Digest(sha256=NAME, size=len(CONTENT))
        assert len(asked.lines) == 4
        objects.close()


def test_a_redirect_elsewhere_is_not_followed_and_nobody_there_gets_the_password(tmp_path: Path) -> None:
    with serving(lambda request: say(request, 200, CONTENT)) as (other, asked):
        with serving(lambda request: say(request, 307, Location=f"http://{other}{request.path}")) as (host, _):
            objects = cache(f"http://user:{SECRET}@{host}")
            for call in (
                lambda: objects.size(KEY),
                lambda: objects.read(KEY, 10),
                lambda: objects.fetch(KEY, tmp_path / "take", 10),
                lambda: objects.write(KEY, CONTENT),
            ):
                with pytest.raises(StoreUnavailable) as raised:
                    call()
                assert "redirects to" in str(raised.value.cause)
            objects.close()
    assert asked.lines == []


def test_redirects_without_end_are_given_up() -> None:
    with serving(lambda request: say(request, 302, Location=request.path + "x")) as (host, asked):
        objects = cache(f"http://{host}")
        with pytest.raises(StoreUnavailable) as raised:
            objects.read(KEY, 10)
        assert raised.value.cause == "it redirects without end"
        assert len(asked.lines) < 10
        objects.close()


@pytest.mark.parametrize("status", [400, 405, 501])
@pytest.mark.parametrize("ranges", [True, False])
def test_a_server_without_head_is_asked_for_one_byte(status: int, ranges: bool) -> None:
    def answer(request: BaseHTTPRequestHandler) -> None:
        if request.command == "HEAD":
            say(request, status)
        elif not request.path.endswith(NAME):
            say(request, 404)
        elif ranges and request.headers["Range"] == "bytes=0-0":
            say(request, 206, CONTENT[:1], Content_Range=f"bytes 0-0/{len(CONTENT)}")
        else:
            say(request, 200, CONTENT)

    with serving(answer) as (host, _):
        objects = cache(f"http://{host}")
        assert objects.size(KEY) == len(CONTENT)
        assert objects.size(f"cas/{'0' * 64}") is None
        objects.close()


@pytest.mark.parametrize("status", [404, 410])
def test_what_is_gone_is_not_there(status: int, tmp_path: Path) -> None:
    with serving(lambda request: say(request, status, b"<html>nothing</html>")) as (host, _):
        objects = cache(f"http://{host}")
        assert objects.size(KEY) is None
        assert objects.read(KEY, 10) is None
        assert objects.fetch(KEY, tmp_path / "take", 10) is None
        objects.close()


@pytest.mark.parametrize(
    ("status", "kind"), [(401, StoreRefused), (403, StoreRefused), (413, StoreUnavailable), (507, StoreUnavailable)]
)
def test_a_no_is_told_and_asked_once(status: int, kind: type[StoreUnavailable]) -> None:
    with serving(lambda request: say(request, status)) as (host, asked):
        objects = cache(f"http://{host}")
        with pytest.raises(kind) as raised:
            objects.write(KEY, CONTENT)
        assert type(raised.value) is kind
        assert str(status) in str(raised.value.cause)
        assert len(asked.lines) == 1
        objects.close()


def test_a_server_that_packs_unasked_is_not_believed(tmp_path: Path) -> None:
    with serving(lambda request: say(request, 200, CONTENT, Content_Encoding="gzip")) as (host, _):
        objects = cache(f"http://{host}")
        with pytest.raises(StoreUnavailable):
            objects.read(KEY, 10)
        with pytest.raises(StoreUnavailable):
            objects.fetch(KEY, tmp_path / "take", 10)
        objects.close()


def test_an_endpoint_or_a_region_means_nothing_here() -> None:
    with pytest.raises(StoreError, match="neither `endpoint` nor `region`"):
        opened("https://host", endpoint="https://other", region=None, environment=NOBODY)
