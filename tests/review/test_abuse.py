"""What no page of ours asks for is refused: over a real socket, as somebody would send it who means harm."""

import asyncio
import os
import re
import resource
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from shotbuild.review import guard, serving
from shotbuild.review.server import _read
from tests.review.served import DRAWN, FILM, LARGE, SECRET, Running, running

LENGTH = len(FILM) + len(b"sh010")


def status(answer: bytes) -> int:
    found = re.match(rb"HTTP/1\.1 (\d{3}) ", answer)
    assert found is not None, answer[:200]
    return int(found[1])


def cookie_of(client: httpx.Client) -> str:
    return "; ".join(f"{name}={value}" for name, value in client.cookies.items())


@pytest.fixture(scope="module")
def owner(page: Running) -> Iterator[httpx.Client]:
    with page.client() as client:
        yield client


# --- paths ------------------------------------------------------------------------------------------------------------

STEPS = (
    "..", "../secret.txt", "../../../../etc/passwd", "%2e%2e/secret.txt", "%2e%2e%2fsecret.txt", "..%2fsecret.txt",
    "%252e%252e%252fsecret.txt", "..\\secret.txt", "..%5csecret.txt", "%5c..%5csecret.txt", "a/../../secret.txt",
    "./secret.txt",
    "/secret.txt", "//secret.txt", "%2fsecret.txt", "%2Fetc%2Fpasswd", "secret.txt%00.jpg", "%00", "%0d%0aX:%20y", "%ff%fe",
    "%c0%ae%c0%ae%c0%afsecret.txt", "secret.txt;a", "secret.txt%20", "~root", "file:///etc/passwd", "%", "%2", "%zz", "con",
    "\u2025\u2215secret.txt", "a" * 1900, "a" * 4000, "%41" * 3000,
)  # fmt: skip
PLACES = (
    "/",
    "/shot/",
    "/sequence/",
    "/media/",
    f"/media/{'a' * 64}/",
    "/sound/",
    "/reference/",
    "/delivered/",
    "/static/",
    "/enter/",
    "/api/",
)


@pytest.mark.parametrize("place", PLACES)
def test_no_path_leads_to_a_file(page: Running, owner: httpx.Client, place: str) -> None:
    cookie = cookie_of(owner)
    for step in STEPS:
        target = place + step.encode().decode("latin-1")
        request = f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{page.port}\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n"
        answer = page.ask(request.encode("latin-1"))
        assert status(answer) in (400, 403, 404, 405, 414), target
        assert SECRET.encode() not in answer
        assert b"root:" not in answer


def test_what_names_no_digest_or_no_shot_is_not_even_asked_for(page: Running, owner: httpx.Client) -> None:
    page.made.asked.clear()
    for address in (
        f"/media/{'A' * 64}/take", "/media/secret.txt/take", f"/media/{'a' * 63}/take", f"/sound/{'a' * 65}", "/reference/x",
        "/shot/-x", "/shot/a%20b", "/sequence/.x", "/shot/" + "a" * 65,
    ):  # fmt: skip
        assert owner.get(address).status_code == 404
    assert page.made.asked == []


def test_a_file_that_became_a_link_or_a_pipe_is_not_sent(fresh: Running, tmp_path: Path) -> None:
    path = fresh.made.files["delivered", "sequences/opening/web.mp4"].path
    with fresh.client() as owner:
        assert owner.get("/delivered/sequences/opening/web.mp4").status_code == 200
        path.unlink()
        path.symlink_to(fresh.made.folder / "secret.txt")
        assert owner.get("/delivered/sequences/opening/web.mp4").status_code == 404
        path.unlink()
        os.mkfifo(path)
        assert owner.get("/delivered/sequences/opening/web.mp4").status_code == 404


# --- who writes, and from where ---------------------------------------------------------------------------------------


def test_a_deed_needs_the_token_of_its_own_session(fresh: Running) -> None:
    with fresh.client() as owner, fresh.client() as other, fresh.guest() as guest:
        for token in (
            None,
            "",
            "0" * 64,
            fresh.token(other),
            fresh.token(guest),
            fresh.token(owner)[:-1],
            fresh.token(owner) + "0",
        ):
            answer = fresh.post(owner, headers={"X-Shotbuild-Token": token})
            assert answer.status_code == 403
            assert answer.json()["message"] == "It does not belong to your session any more."
        twice = [
            ("Origin", fresh.address),
            ("X-Shotbuild-Token", fresh.token(owner)),
            ("X-Shotbuild-Token", fresh.token(owner)),
        ]
        assert owner.post("/api/note", headers=twice, json={"shot": "sh010"}).status_code == 403
        assert httpx.post(f"{fresh.address}/api/note", headers=[*twice[:2]], json={"shot": "sh010"}).status_code == 403
        assert fresh.made.done == []
        assert fresh.post(owner).json() == {"said": "note"}
        assert fresh.post(guest).json() == {"said": "note"}
    assert len(fresh.made.done) == 2


@pytest.mark.parametrize(
    "origin",
    [
        None, "null", "", "http://evil.example", "https://127.0.0.1:{port}", "http://127.0.0.1", "http://127.0.0.1:1",
        "http://localhost:{port}", "http://sub.127.0.0.1:{port}", "http://127.0.0.1:{port}.evil.example",
        "http://127.0.0.1:{port}/", "HTTP://127.0.0.1:{port}", "http://user@127.0.0.1:{port}", "file://",
    ],
)  # fmt: skip
def test_a_deed_from_another_site_is_refused(page: Running, owner: httpx.Client, origin: str | None) -> None:
    said = None if origin is None else origin.format(port=page.port)
    answer = page.post(owner, headers={"Origin": said})
    assert answer.status_code == 403
    assert page.made.done == []


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none", ""])
def test_a_deed_that_the_browser_calls_foreign_is_refused(page: Running, owner: httpx.Client, site: str) -> None:
    assert page.post(owner, headers={"Sec-Fetch-Site": site}).status_code == 403
    assert page.made.done == []


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("application/x-www-form-urlencoded", b"shot=sh010"),
        ("multipart/form-data; boundary=x", b"--x--"),
        ("text/plain", b'{"shot": "sh010"}'),
        ("text/plain; application/json", b'{"shot": "sh010"}'),
        (None, b'{"shot": "sh010"}'),
    ],
)
def test_forms_and_text_are_not_taken(page: Running, owner: httpx.Client, kind: str | None, content: bytes) -> None:
    answer = page.post(owner, headers={"Content-Type": kind}, content=content)
    assert answer.status_code == 415
    assert page.made.done == []


def test_other_sites_cannot_load_what_is_here(page: Running, owner: httpx.Client) -> None:
    film = page.made.film("sh010")
    for site in ("cross-site", "same-site"):
        for mode in ("no-cors", "cors", "websocket"):
            for address in ("/", film, "/events", "/static/page.css"):
                answer = owner.get(address, headers={"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode})
                assert answer.status_code == 403
    assert owner.get(film, headers={"Origin": "http://evil.example"}).status_code == 403
    assert "access-control-allow-origin" not in owner.get(film).headers


@pytest.mark.parametrize("method", ["OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "PROPFIND", "get", "X"])
def test_other_methods_are_refused(page: Running, owner: httpx.Client, method: str) -> None:
    request = f"{method} / HTTP/1.1\r\nHost: 127.0.0.1:{page.port}\r\nCookie: {cookie_of(owner)}\r\n\r\n"
    assert status(page.ask(request.encode())) in (400, 405)


def test_pages_are_not_posted_to(page: Running, owner: httpx.Client) -> None:
    headers = {"Origin": page.address, "X-Shotbuild-Token": page.token(owner)}
    for address in ("/", "/shot/sh010", "/enter/x", "/static/page.css", "/events"):
        assert owner.post(address, headers=headers, json={}).status_code == 405
    assert owner.get("/api/note").status_code == 404


# --- the host ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "127.0.0.1.:{port}", "localhost.:{port}",
        "localhost",
        "127.0.0.1:{port}.evil.example", "x@127.0.0.1:{port}", "127.1:{port}", "2130706433:{port}", "0.0.0.0:{port}", "",
        "127.0.0.1:0{port}", "127.0.0.1:{port}, evil.example", "[::ffff:127.0.0.1]:{port}", "review.studio.example", "*",
    ],
)  # fmt: skip
def test_a_foreign_host_is_refused_whoever_asks(page: Running, owner: httpx.Client, host: str) -> None:
    for target in ("/", f"/enter/{page.entrance.token}", "/static/page.css"):
        request = f"GET {target} HTTP/1.1\r\nHost: {host.format(port=page.port)}\r\nCookie: {cookie_of(owner)}\r\n\r\n"
        answer = page.ask(request.encode())
        assert status(answer) in (400, 421)
        assert b"set-cookie" not in answer.lower()


def test_hosts_that_are_not_said_once_are_refused(page: Running, owner: httpx.Client) -> None:
    good, cookie = f"Host: 127.0.0.1:{page.port}\r\n", f"Cookie: {cookie_of(owner)}\r\n"
    for request in (
        f"GET / HTTP/1.1\r\n{good}Host: evil.example\r\n{cookie}\r\n",
        f"GET / HTTP/1.1\r\nHost: evil.example\r\n{good}{cookie}\r\n",
        f"GET / HTTP/1.1\r\n{good}{good}{cookie}\r\n",
        f"GET / HTTP/1.1\r\n{cookie}\r\n",
        f"GET / HTTP/1.0\r\n{cookie}\r\n",
        f"GET http://evil.example/ HTTP/1.1\r\n{good}{cookie}\r\n",
        f"GET http://127.0.0.1:{page.port}/ HTTP/1.1\r\nHost: evil.example\r\n{cookie}\r\n",
        f"GET //evil.example/ HTTP/1.1\r\n{good}{cookie}\r\n",
        f"GET / HTTP/1.1\r\nX-Forwarded-Host: 127.0.0.1:{page.port}\r\nHost: evil.example\r\n{cookie}\r\n",
    ):
        assert status(page.ask(request.encode())) in (400, 421), request
    assert status(page.ask(f"GET / HTTP/1.1\r\n{good}{cookie}Connection: close\r\n\r\n".encode())) == 200


def test_the_names_of_this_machine_and_those_that_were_given_are_answered(tmp_path: Path) -> None:
    names = ("review.studio.example", "https://proxied.example")
    with running(tmp_path / "page", names=names) as page:
        for host in (
            f"127.0.0.1:{page.port}",
            f"LOCALHOST:{page.port}",
            f"review.studio.example:{page.port}",
            "proxied.example",
        ):
            assert httpx.get(f"{page.address}/static/page.css", headers={"Host": host}).status_code == 200
        with page.client() as owner:
            more = {"Host": "proxied.example", "Origin": "https://proxied.example"}
            assert page.post(owner, headers=more).status_code == 200
            assert page.post(owner, headers=more | {"Origin": "http://proxied.example"}).status_code == 403


# --- bodies -----------------------------------------------------------------------------------------------------------


def writing(page: Running, owner: httpx.Client, *more: str) -> bytes:
    """The head of a deed that would be done."""
    lines = (
        "POST /api/note HTTP/1.1", f"Host: 127.0.0.1:{page.port}", f"Cookie: {cookie_of(owner)}", f"Origin: {page.address}",
        f"X-Shotbuild-Token: {page.token(owner)}", "Content-Type: application/json", *more,
    )  # fmt: skip
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def test_a_large_body_is_refused_by_its_length(fresh: Running) -> None:
    with fresh.client() as owner:
        answer = fresh.ask(writing(fresh, owner, f"Content-Length: {100 << 20}"))
        assert status(answer) == 413
        kind = {"Content-Type": "application/json"}
        assert fresh.post(owner, content=b" " * (64 * 1024) + b"{}", headers=kind).status_code == 413
        assert fresh.post(owner, content=b'{"shot": "sh010"}'.ljust(64 * 1024), headers=kind).status_code == 200
    assert len(fresh.made.done) == 1


@pytest.mark.parametrize("head", ["Transfer-Encoding: chunked", f"Content-Length: {100 << 20}"])
def test_a_hundred_megabytes_are_sent_in_vain_and_cost_no_memory(fresh: Running, head: str) -> None:
    block = b"x" * (1 << 20)
    sent = 0
    with fresh.client() as owner:
        request = writing(fresh, owner, head)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with fresh.raw() as connection:
            connection.sendall(request)
            try:
                for _ in range(100):
                    connection.sendall(b"100000\r\n" + block + b"\r\n")
                    sent += len(block)
            except ConnectionError:
                pass
        assert sent < 50 << 20, "the server hung up"
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 16 << 10, "in KB"
        assert owner.get("/").status_code == 200
    assert fresh.made.done == []


def test_a_body_that_does_not_come_ends(fresh: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "BODY_SECONDS", 0.3)
    with fresh.client() as owner, fresh.raw() as connection:
        connection.sendall(writing(fresh, owner, "Content-Length: 100") + b"{")
        assert owner.get("/").status_code == 200, "others are served meanwhile"
        assert status(rest_of(connection)) == 408
    assert fresh.made.done == []


@pytest.mark.parametrize(
    "more",
    [
        ("Content-Length: 17", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked", "Content-Length: 17"),
        ("Transfer-Encoding: chunked", "Transfer-Encoding: identity"),
        ("Transfer-Encoding: gzip, chunked",),
        ("Transfer-Encoding: xchunked",),
        ("Transfer-Encoding : chunked",),
        ("Content-Length: 17", "Content-Length: 18"),
        ("Content-Length: +17",),
        ("Content-Length: 17, 18",),
        ("Content-Length: 0x11",),
        ("Content-Length: -1",),
        ("Content-Length: 99999999999999999999",),
        ("Content-Length: 17", "Content-Encoding: gzip"),
        ("Content-Length: 17", "Upgrade: websocket", "Connection: Upgrade"),
        ("Content-Length: 17", " folded: yes"),
        ("Content-Length: 17", "X\x00: y"),
    ],
)
def test_where_a_body_ends_has_one_answer(page: Running, owner: httpx.Client, more: tuple[str, ...]) -> None:
    """What else a program on the way may take for a second request is never read as one."""
    smuggled = f"GET /shot/sh010 HTTP/1.1\r\nHost: 127.0.0.1:{page.port}\r\nCookie: {cookie_of(owner)}\r\n\r\n".encode()
    answer = page.ask(writing(page, owner, *more) + b'{"shot": "sh010"}' + b"0\r\n\r\n" + smuggled)
    assert status(answer) >= 400
    assert answer.count(b"HTTP/1.1 ") == 1
    assert page.made.done == []


def test_a_page_is_asked_for_without_a_body(page: Running, owner: httpx.Client) -> None:
    for more in ("Content-Length: 5", "Transfer-Encoding: chunked"):
        request = f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{page.port}\r\nCookie: {cookie_of(owner)}\r\n{more}\r\n\r\nhello"
        assert status(page.ask(request.encode())) == 400


@pytest.mark.parametrize(
    "content",
    [
        b"", b"[]", b"null", b"1", b'"x"', b"{", b"{}x", b"\xff", b'{"a": NaN}', b'{"a": Infinity}', b'{"a": 1, "a": 2}',
        b'{"a": "\\ud800"}', b"[" * 60_000, b'{"a":' * 10_000, b'{"a": ' + b"9" * 60_000 + b"}", b'{"\\ud800": 1}',
        b"\xef\xbb\xbf{}",
    ],
)  # fmt: skip
def test_what_is_no_json_object_is_refused(page: Running, owner: httpx.Client, content: bytes) -> None:
    answer = page.post(owner, content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert page.made.done == []


def test_text_of_any_kind_arrives_as_it_was_written() -> None:
    text = "</script><b>ä\u2028🙂\x00'\""
    assert _read(httpx.Request("POST", "http://x", json={"why": text}).content) == {"why": text}


# --- too much ---------------------------------------------------------------------------------------------------------


def test_large_headers_are_refused(page: Running, owner: httpx.Client) -> None:
    base = f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{page.port}\r\nCookie: {cookie_of(owner)}\r\n"
    assert status(page.ask((base + f"X: {'x' * 20_000}\r\n\r\n").encode())) in (400, 431)
    assert status(page.ask((base + "X: x\r\n" * 5_000 + "\r\n").encode())) in (400, 431)
    assert status(page.ask(f"GET /{'x' * 100_000} HTTP/1.1\r\n".encode())) in (400, 431)
    assert b"200 OK" in page.ask((base + f"X: {'x' * 8000}\r\nConnection: close\r\n\r\n").encode())


def test_idle_connections_do_not_keep_others_out(tmp_path: Path) -> None:
    with running(tmp_path / "page", most=50) as page:
        idle = [page.raw() for _ in range(400)]
        half = [page.raw() for _ in range(100)]
        for connection in half:
            try:
                connection.sendall(b"GET / HTTP/1.1\r\nHost: ")
            except ConnectionError:
                pass
        with page.client() as owner:
            assert owner.get("/").status_code == 200
            assert owner.get(page.made.film("sh010")).status_code == 200
        for connection in (*idle, *half):
            connection.close()


def test_a_request_that_is_not_finished_in_time_ends(fresh: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "REQUEST_SECONDS", 0.3)
    with fresh.raw() as silent, fresh.raw() as slow, fresh.raw() as again:
        slow.sendall(b"GET / HTTP/1.1\r\n")
        again.sendall(f"GET /static/page.css HTTP/1.1\r\nHost: 127.0.0.1:{fresh.port}\r\n\r\n".encode())
        assert again.recv(10) == b"HTTP/1.1 2"
        again.sendall(b"GET / HTTP/1.1\r\n")
        for connection in (silent, slow, again):
            assert len(rest_of(connection)) < 100_000


def rest_of(connection: socket.socket) -> bytes:
    """What comes until the server ends the connection. Errors: TimeoutError when it does not."""
    found = b""
    try:
        while block := connection.recv(1 << 20):
            found += block
    except ConnectionResetError:
        pass
    return found


def large(page: Running, client: httpx.Client) -> bytes:
    """A request for 200 MB."""
    return (
        f"GET /media/{'a' * 64}/take HTTP/1.1\r\nHost: 127.0.0.1:{page.port}\r\nCookie: {cookie_of(client)}\r\n\r\n".encode()
    )


def small_window(page: Running) -> socket.socket:
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(20)
    connection.connect(("127.0.0.1", page.port))
    return connection


def test_slow_readers_cost_neither_memory_nor_the_time_of_others(fresh: Running) -> None:
    """200 MB are asked for forty times, and nobody reads them."""
    with fresh.client() as owner:
        request = large(fresh, owner)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        readers = [small_window(fresh) for _ in range(40)]
        for reader in readers:
            reader.sendall(request)
            assert reader.recv(12) == b"HTTP/1.1 200"
        for _ in range(5):
            assert owner.get("/").status_code == 200
            assert len(owner.get(fresh.made.film("sh010")).content) == LENGTH
        assert fresh.post(owner).status_code == 200
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10, "in KB; the files are 8 GB"
        for reader in readers:
            reader.close()


def test_an_answer_that_nobody_reads_is_cut_off(fresh: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "STALLED_SECONDS", 0.3)
    with fresh.client() as owner:
        request = large(fresh, owner)
        with small_window(fresh) as reader:
            reader.sendall(request)
            threading.Event().wait(1.5)
            assert len(rest_of(reader)) < LARGE // 4


def test_one_person_has_so_many_requests_at_once(fresh: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "AT_ONCE", 3)
    with fresh.client() as owner, fresh.guest() as guest:
        request = large(fresh, guest)
        readers = [small_window(fresh) for _ in range(3)]
        for reader in readers:
            reader.sendall(request)
            assert reader.recv(12) == b"HTTP/1.1 200"
        assert guest.get("/").status_code == 429
        assert owner.get("/").status_code == 200
        for reader in readers:
            reader.close()


def test_one_person_follows_so_many_pages(fresh: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shotbuild.review.server.STREAMS", 2)
    with fresh.guest() as guest, fresh.client() as owner:
        with guest.stream("GET", "/events") as first, guest.stream("GET", "/events") as second:
            assert first.status_code == second.status_code == 200
            assert guest.get("/events").status_code == 429
            with owner.stream("GET", "/events") as other:
                assert other.status_code == 200


def test_answers_are_sent_without_waiting_for_what_was_sent_before() -> None:
    """Else the rest of each answer stands still until its beginning was acknowledged: 40 ms."""

    async def sent_at_once() -> int:
        loop = asyncio.get_running_loop()
        found: asyncio.Future[int] = loop.create_future()

        class Seen(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                accepted = transport.get_extra_info("socket")
                found.set_result(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

        listener = serving.listening("127.0.0.1", 0)
        server = await loop.create_server(Seen, sock=listener)
        _, writer = await asyncio.open_connection("127.0.0.1", listener.getsockname()[1])
        option = await found
        writer.close()
        server.close()
        return option

    assert asyncio.run(sent_at_once()) != 0


# --- what comes back --------------------------------------------------------------------------------------------------


def test_every_answer_tells_browsers_what_it_may_do(page: Running, owner: httpx.Client) -> None:
    for answer in (
        owner.get("/"), owner.get("/nothing"), owner.get("/static/page.css"), page.post(owner, "nothing"),
        httpx.get(f"{page.address}/"), httpx.get(f"{page.address}/enter/x"), owner.get(page.made.film("sh010")),
        owner.get(f"/reference/{'e' * 64}"), httpx.get(page.address, headers={"Host": "evil.example"}),
    ):  # fmt: skip
        said = answer.headers
        assert "default-src 'none'" in said["content-security-policy"]
        assert "'unsafe-eval'" not in said["content-security-policy"]
        assert said["x-content-type-options"] == "nosniff"
        assert said["referrer-policy"] == "no-referrer"
        assert said["cross-origin-resource-policy"] == said["cross-origin-opener-policy"] == "same-origin"
        assert "server" not in said
    assert owner.get("/").headers["cache-control"] == "no-store"
    assert "script-src 'self';" in owner.get("/").headers["content-security-policy"]


def test_a_picture_that_is_a_page_runs_nothing(page: Running, owner: httpx.Client) -> None:
    answer = owner.get(f"/reference/{'e' * 64}")
    assert answer.content == DRAWN
    policy = answer.headers["content-security-policy"]
    assert "sandbox" in policy
    assert "script-src" not in policy


def test_errors_are_told_and_bugs_are_not(fresh: Running) -> None:
    with fresh.client() as owner:
        wrong = owner.get("/shot/sh010?wrong=1")
        assert (wrong.status_code, wrong.text) == (422, "<h1>specs are wrong</h1>")
        late, none = (
            fresh.post(owner, json={"shot": "sh010", "late": 1}),
            fresh.post(owner, json={"shot": "sh010", "none": 1}),
        )
        assert (late.status_code, none.status_code) == (409, 422)
        assert late.json() == {"message": "somebody was quicker", "cause": "Mia picked t2", "hint": "look again"}
        with fresh.guest() as guest:
            broken = fresh.post(guest, json={"shot": "sh010", "broken": 1})
        assert broken.json()["message"] == "This cannot be done now."
        assert fresh.post(owner, json={"shot": "sh010", "broken": 1}).json()["message"] == "1 error"
        bug = owner.get("/shot/sh010?bug=1")
        assert bug.status_code == 500
        assert "broken" not in bug.text
    (told,) = fresh.made.bugs
    assert "RuntimeError: this is broken" in told
    fresh.made.bugs.clear()


# --- parts of files ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "first", "end"),
    [
        ("bytes=0-0", 0, 1), ("bytes=5-9", 5, 10), ("bytes=100-", 100, LENGTH), ("bytes=-7", LENGTH - 7, LENGTH),
        (f"bytes=0-{LENGTH + 5}", 0, LENGTH), (f"bytes=-{LENGTH * 2}", 0, LENGTH),
        (f"bytes={LENGTH - 1}-", LENGTH - 1, LENGTH),
    ],
)  # fmt: skip
def test_a_part_is_what_was_asked_for(page: Running, owner: httpx.Client, wanted: str, first: int, end: int) -> None:
    content = b"sh010" + FILM
    answer = owner.get(page.made.film("sh010"), headers={"Range": wanted})
    assert answer.content == content[first:end]
    whole = (first, end) == (0, LENGTH)
    assert answer.status_code == (200 if whole else 206)
    assert answer.headers.get("content-range") == (None if whole else f"bytes {first}-{end - 1}/{LENGTH}")


@pytest.mark.parametrize("wanted", [f"bytes={LENGTH}-", f"bytes={LENGTH + 9}-{LENGTH + 20}", "bytes=-0"])
def test_a_part_that_is_not_there_is_said_to_be_none(page: Running, owner: httpx.Client, wanted: str) -> None:
    answer = owner.get(page.made.film("sh010"), headers={"Range": wanted})
    assert (answer.status_code, answer.content) == (416, b"")
    assert answer.headers["content-range"] == f"bytes */{LENGTH}"


@pytest.mark.parametrize(
    "wanted", ["bytes=0-1,5-6", "bytes=" + ",".join(["0-1"] * 500), "bytes=5-1", "lines=1-2", "bytes=a-b", "bytes=-",
     "bytes=1", "x", "bytes=" + "9" * 40 + "-"]
)  # fmt: skip
def test_what_is_no_single_part_gives_the_whole(page: Running, owner: httpx.Client, wanted: str) -> None:
    answer = owner.get(page.made.film("sh010"), headers={"Range": wanted})
    assert (answer.status_code, len(answer.content)) == (200, LENGTH)


def test_a_part_of_other_bytes_is_not_mixed_in(page: Running, owner: httpx.Client) -> None:
    film = page.made.film("sh010")
    tag = owner.head(film).headers["etag"]
    assert tag == f'"{film.split("/")[2]}"'
    assert owner.get(film, headers={"Range": "bytes=0-4", "If-Range": tag}).status_code == 206
    for other in ('"x"', f"W/{tag}", "Tue, 24 Nov 2026 04:15:55 GMT"):
        assert owner.get(film, headers={"Range": "bytes=0-4", "If-Range": other}).status_code == 200


def test_what_a_browser_has_is_not_sent_again(page: Running, owner: httpx.Client) -> None:
    film = page.made.film("sh010")
    tag = owner.get(film).headers["etag"]
    for said in (tag, f'"x", W/{tag}', "*"):
        answer = owner.get(film, headers={"If-None-Match": said})
        assert (answer.status_code, answer.content) == (304, b"")
    assert owner.get(film, headers={"If-None-Match": '"x"'}).status_code == 200


def test_head_has_no_body_and_caches_are_ones_own(page: Running, owner: httpx.Client) -> None:
    answer = owner.head(page.made.film("sh010"), headers={"Range": "bytes=0-4"})
    assert (answer.status_code, answer.content, answer.headers["content-length"]) == (200, b"", str(LENGTH))
    assert answer.headers["cache-control"].startswith("private, max-age=")
    assert answer.headers["vary"] == "Cookie"
    changing = owner.get("/delivered/sequences/opening/web.mp4")
    assert changing.headers["cache-control"] == "private, no-cache"
    assert owner.get(page.made.film("sh010").replace("/take", "/sheet.jpg")).status_code == 503
