"""A server on loopback that says exactly what a test wrote, byte by byte, one answer for each connection."""

import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from shotbuild.errors import ProviderError, ProviderRefused, ProviderUnavailable
from shotbuild.host.network import Connection, Network
from shotbuild.host.wire import Account, Reply

KEY = "k3y/with+signs=and more"


@dataclass(slots=True)
class Script:
    """says: answers in order, the last one again and again; heard: requests as they came."""

    says: list[bytes]
    heard: list[bytes] = field(default_factory=list)
    url: str = ""

    @property
    def heads(self) -> list[dict[str, str]]:
        """The headers of each request, names in lower case."""
        lines = [request.partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:] for request in self.heard]
        return [{name.lower(): value.strip() for name, _, value in (line.partition(":") for line in each)} for each in lines]


def answer(content: bytes = b"", status: str = "200 OK", *, length: int | None = None, **headers: str) -> bytes:
    """length: what the answer says of itself, None = the truth."""
    said = {"Content-Length": str(len(content) if length is None else length), "Connection": "close"}
    said |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in said.items())
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + content


@contextmanager
def scripted(*says: bytes) -> Iterator[Script]:
    script = Script(list(says))

    class Speaker(socketserver.StreamRequestHandler):
        timeout = 20

        def handle(self) -> None:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                line = self.rfile.readline()
                if not line:
                    return
                head += line
            length = next((line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-le")), 0)
            script.heard.append(head + self.rfile.read(int(length)))
            self.wfile.write(script.says.pop(0) if len(script.says) > 1 else script.says[0])

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Speaker) as server:
        server.daemon_threads = True
        script.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield script
        finally:
            server.shutdown()
            thread.join(5)


def fault(reply: Reply) -> ProviderError | None:
    """Of a service that says everything with its status."""
    if reply.ok:
        return None
    said = reply.json.word("error") or reply.text
    return (ProviderRefused if 400 <= reply.status < 500 else ProviderUnavailable)(f"it said {reply.status}", cause=said)


@contextmanager
def connections(address: str, *origins: str) -> Iterator[Callable[..., Connection]]:
    """Makes connections to a service at an address. What they are about to pay for is written down in `sent`."""
    network = Network()
    account = Account(
        name="studio",
        address=address,
        origins=origins,
        headers=lambda: {"Authorization": f"Bearer {KEY}"},
        fault=fault,
        secrets=(KEY,),
    )
    try:
        yield lambda before=lambda sent: None: network.connect(account, before)
    finally:
        network.close()
