"""Stand-ins for services, on loopback: what `ServiceContract` asks of one, and a base that does most of it."""

import json
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Protocol
from urllib.parse import urlsplit

from shotbuild.errors import ProviderError

Answered = tuple[int, Any]


@dataclass(frozen=True, slots=True)
class Heard:
    """A call as it came. url: path and query; headers: names in lower case; body: as sent."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> list[str]:
        """The parts of the path: `/v1/videos/7` is v1, videos, 7."""
        return [part for part in urlsplit(self.url).path.split("/") if part]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Server(Protocol):
    """A stand-in for a service, on loopback, as a context manager. Each hook arranges what comes next, once; False = this
    service has no such answer.

    environment: variables under which the adapter finds it, its keys among them; secrets: the values that are keys; paid:
    how many operations it accepted, whatever the client learnt of it; heard: all calls, in order."""

    def __enter__(self) -> Any: ...

    def __exit__(self, *_: object) -> None: ...

    @property
    def url(self) -> str: ...

    @property
    def environment(self) -> Mapping[str, str]: ...

    @property
    def secrets(self) -> Sequence[str]: ...

    @property
    def paid(self) -> int: ...

    @property
    def heard(self) -> Sequence[Heard]: ...

    def refuse(self, kind: type[ProviderError]) -> bool:
        """The next paid call is refused, in the service's own words for this kind."""
        ...

    def fail(self, kind: type[ProviderError]) -> bool:
        """The next operation that is looked at has failed: VendorFault, or Moderated."""
        ...

    def mumble(self) -> bool:
        """The next look at an operation is answered with a word that nobody knows."""
        ...

    def forget(self) -> bool:
        """The next operation that is looked at is no longer known."""
        ...

    def lose(self, *, accepted: bool) -> bool:
        """The connection is cut at the next paid call, before or after it was accepted."""
        ...


class Loopback:
    """A `Server` to inherit: say `answer`, and what stands in the tables. In `answer`, a paid call begins with
    `self.refused()` and ends with `self.accept()`, and a look at an operation begins with `self.failed()`. `refused` and
    `failed` give an answer to send in place of the usual one, or None.

    variables: of the environment, with `{url}` for its address and `{key}` for its key; refusals, failures: kind → the
    service's own answer; strange: an answer with a state that nobody knows; forgotten: one for an operation that is no
    longer known; clip: what it hands over."""

    variables: ClassVar[Mapping[str, str]] = {}
    refusals: ClassVar[Mapping[type[ProviderError], Answered]] = {}
    failures: ClassVar[Mapping[type[ProviderError], Answered]] = {}
    strange: ClassVar[Answered | None] = None
    forgotten: ClassVar[Answered] = (404, {})
    key: ClassVar[str] = "a-key-that-may-be-found-nowhere"
    clip: ClassVar[bytes] = b"\0\0\0\x18ftypisom" + bytes(4096)

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        self.operations: list[str] = []
        self._refused: deque[Answered] = deque()
        self._failed: deque[Answered] = deque()
        self._cuts: deque[bool] = deque()
        self._lock = threading.RLock()

    def answer(self, heard: Heard) -> Answered:
        """(status, what becomes JSON, or bytes of a clip) for a call."""
        raise NotImplementedError

    def refused(self) -> Answered | None:
        with self._lock:
            if self._cuts and not self._cuts[0]:
                self._cuts.popleft()
                raise ConnectionAbortedError
            return self._refused.popleft() if self._refused else None

    def accept(self) -> str:
        """A new operation, which is paid for: its id."""
        with self._lock:
            self.operations.append(f"op-{len(self.operations) + 1}")
            if self._cuts and self._cuts[0]:
                self._cuts.popleft()
                raise ConnectionAbortedError
            return self.operations[-1]

    def failed(self) -> Answered | None:
        with self._lock:
            return self._failed.popleft() if self._failed else None

    # --- as `Server` --------------------------------------------------------------------------------------------------

    @property
    def environment(self) -> Mapping[str, str]:
        return {name: text.format(url=self.url, key=self.key) for name, text in self.variables.items()}

    @property
    def secrets(self) -> Sequence[str]:
        return (self.key,)

    @property
    def paid(self) -> int:
        return len(self.operations)

    def refuse(self, kind: type[ProviderError]) -> bool:
        if kind in self.refusals:
            self._refused.append(self.refusals[kind])
        return kind in self.refusals

    def fail(self, kind: type[ProviderError]) -> bool:
        if kind in self.failures:
            self._failed.append(self.failures[kind])
        return kind in self.failures

    def mumble(self) -> bool:
        if self.strange is not None:
            self._failed.append(self.strange)
        return self.strange is not None

    def forget(self) -> bool:
        self._failed.append(self.forgotten)
        return True

    def lose(self, *, accepted: bool) -> bool:
        self._cuts.append(accepted)
        return True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> "Loopback":
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(5)


def _handler(server: Loopback) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30
        disable_nagle_algorithm = True  # else the body waits 40 ms for the receipt of the head

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            heard = Heard(self.command, self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            server.heard.append(heard)
            try:
                status, said = server.answer(heard)
            except ConnectionAbortedError:
                self.close_connection = True
                return
            content = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "video/mp4" if isinstance(said, bytes) else "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    return Handler
