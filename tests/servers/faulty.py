"""A proxy on loopback that spoils answers: cuts them off, holds them back, shortens them, or answers in the server's place.

Each connection carries one request. `faults` is a queue: each request that `meant` picks takes one; without one it passes.
"""

import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Fault:
    """status: answered in the server's place; cut: so many bytes of the body pass, then the line is cut; hold: so many bytes
    pass, and then none; shorten: so many bytes pass and are said to be all; flip: the first byte of the body is another one;
    lose: the server does what is asked, and its answer is lost; taken: so many bytes of the request pass, then the line is
    cut; then: called when it happens."""

    status: int | None = None
    cut: int | None = None
    hold: int | None = None
    shorten: int | None = None
    flip: bool = False
    lose: bool = False
    taken: int | None = None
    then: Callable[[], None] = lambda: None


@dataclass(kw_only=True)
class Faulty:
    """web: its address; asked: the first line of each request, in order; heads: their headers."""

    web: str
    target: int
    meant: Callable[[str], bool] = lambda line: True
    always: Fault | None = None
    faults: deque[Fault] = field(default_factory=deque)
    asked: list[str] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def fault_of(self, line: str) -> Fault:
        with self.lock:
            self.asked.append(line)
            if not self.meant(line):
                return Fault()
            return self.faults.popleft() if self.faults else self.always or Fault()


@contextmanager
def faulty_before(web: str) -> Iterator[Faulty]:
    """web: `http://127.0.0.1:port` of the server behind it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        proxy = Faulty(web=f"http://127.0.0.1:{listening.getsockname()[1]}", target=int(web.rpartition(":")[2]))
        thread = threading.Thread(target=_listen, args=(listening, proxy), daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.over.set()
            listening.shutdown(socket.SHUT_RDWR)
            thread.join(10)


def _listen(listening: socket.socket, proxy: Faulty) -> None:
    with suppress(OSError):
        while not proxy.over.is_set():
            client, _ = listening.accept()
            threading.Thread(target=_serve, args=(client, proxy), daemon=True).start()


def _serve(client: socket.socket, proxy: Faulty) -> None:
    with suppress(OSError, ValueError), closing(client):
        head, rest = _head_of(client)
        line = head.partition(b"\r\n")[0].decode("latin-1")
        proxy.heads.append(head.decode("latin-1"))
        fault = proxy.fault_of(line)
        if fault.status is not None:
            fault.then()
            body = b"<Error><Code>SlowDown</Code></Error>"
            client.sendall(
                b"HTTP/1.1 %d Not now\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % (fault.status, len(body))
            )
            client.sendall(b"" if line.startswith("HEAD") else body)
            client.shutdown(socket.SHUT_WR)
            _drain(client)
            return
        with closing(socket.create_connection(("127.0.0.1", proxy.target))) as server:
            server.sendall(_without(head, b"connection") + b"\r\nConnection: close\r\n\r\n" + rest)
            threading.Thread(target=_pass_on, args=(client, server, fault), daemon=True).start()
            _answer(client, server, fault, proxy)


def _pass_on(client: socket.socket, server: socket.socket, fault: Fault) -> None:
    """The rest of the request."""
    passed = 0
    with suppress(OSError):
        while chunk := client.recv(1 << 16):
            server.sendall(chunk)
            passed += len(chunk)
            if fault.taken is not None and passed >= fault.taken:
                fault.then()
                _cut(client)
                server.close()
                return


def _answer(client: socket.socket, server: socket.socket, fault: Fault, proxy: Faulty) -> None:
    head, rest = _head_of(server)
    if fault.lose:
        fault.then()
        _cut(client)
        return
    if fault.shorten is not None:
        head = _without(head, b"content-length") + b"\r\nContent-Length: %d" % fault.shorten
    client.sendall(head + b"\r\n\r\n")
    left = next((each for each in (fault.cut, fault.hold, fault.shorten) if each is not None), None)
    first = True
    while rest or (rest := server.recv(1 << 16)):
        if fault.flip and first:
            rest, first = bytes([rest[0] ^ 1]) + rest[1:], False
        client.sendall(rest if left is None else rest[:left])
        if left is not None and len(rest) >= left:
            break
        left = None if left is None else left - len(rest)
        rest = b""
    fault.then()
    if fault.hold is not None:
        proxy.over.wait(60)
    if fault.cut is not None or fault.hold is not None:
        _cut(client)


def _head_of(stream: socket.socket) -> tuple[bytes, bytes]:
    """The head of a message without its empty line, and what came of the body with it."""
    got = b""
    while b"\r\n\r\n" not in got:
        chunk = stream.recv(1 << 16)
        if not chunk:
            raise ValueError("no message came")
        got += chunk
    head, _, rest = got.partition(b"\r\n\r\n")
    return head, rest


def _without(head: bytes, name: bytes) -> bytes:
    return b"\r\n".join(line for line in head.split(b"\r\n") if not line.lower().startswith(name + b":"))


def _drain(client: socket.socket) -> None:
    client.settimeout(5)
    while client.recv(1 << 16):
        pass


def _cut(client: socket.socket) -> None:
    # Closing alone would wait for the thread that reads from it.
    with suppress(OSError):
        client.shutdown(socket.SHUT_RDWR)
    client.close()
