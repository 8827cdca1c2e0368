"""A service on loopback that bills: each vendor's server speaks its wire format on top of this; all fail in the same ways.

`faults` is a queue: each fault is used once, at its own moment (a submit, a poll, a download). `paid` counts operations that
were accepted, whatever the client learnt of it: that is what a vendor bills.
"""

import json
import os
import random
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


class Fault(Enum):
    """What goes wrong, and when: the first word says at which moment."""

    SUBMIT_INVALID = "submit: validation refused"
    SUBMIT_AUTH = "submit: the key is wrong"
    SUBMIT_LIMITED = "submit: too many, with a time to wait where the vendor sends one"
    SUBMIT_DAILY_CAP = "submit: the quota of the day is used up (only vendors that have one)"
    SUBMIT_FUNDS = "submit: out of funds"
    SUBMIT_MODERATED = "submit: refused for its content (vendors that say so at once)"
    SUBMIT_MODEL_GONE = "submit: the model is retired"
    SUBMIT_DROP_BEFORE = "submit: cut off before anything was accepted"
    SUBMIT_DROP_DURING = "submit: accepted, cut off in the middle of the answer"
    SUBMIT_DROP_AFTER = "submit: accepted, cut off before the answer"
    SUBMIT_500 = "submit: accepted, and answered 502 by something in between"
    SUBMIT_TWICE = "submit: the answer is sent twice on one connection"
    POLL_UNKNOWN = "poll: a state that nobody has heard of, once"
    POLL_500 = "poll: 503, once"
    POLL_DROP = "poll: cut off, once"
    POLL_LIMITED = "poll: too many, once"
    POLL_STALL = "poll: stays at 99 % for ever"
    POLL_FAULT = "poll: failed by the vendor's own fault"
    POLL_MODERATED = "poll: failed for its content"
    POLL_GONE = "poll: no longer known"
    OUTPUT_TRUNCATED = "output: cut off in the middle, once"
    OUTPUT_HALF = "output: half a clip, said to be whole"
    OUTPUT_HTML = "output: a web page"
    OUTPUT_EMPTY = "output: an empty file"
    OUTPUT_EXPIRED = "output: 403, until the address was asked for again"
    OUTPUT_WRONG_LENGTH = "output: a clip of another length"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came. headers: names in lower case; body: parsed JSON, None where it is none."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    raw: bytes
    body: Any


@dataclass(slots=True)
class Given:
    """An answer. body: bytes, or what becomes JSON; None = nothing."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Job:
    """One accepted operation. polls: how often it still says that it runs; address: grows when a new one is asked for."""

    id: str
    request: Asked
    polls: int
    output: bytes
    state: str = "running"
    fault: Fault | None = None
    address: int = 1
    created: float = field(default_factory=time.time)


class Dropped(Exception):
    """The connection is cut here."""


class VendorServer:
    """Base of all servers. A subclass says how its vendor speaks: `answer`, and `refusal` for each fault of its own.

    key: what a client has to send; polls: how often an operation says that it runs; clip: the take that it hands over;
    tried: how many submits came, accepted or not; moved: where outputs are redirected to; echoes: each answer has the key
    that was sent in all its sentences and in the addresses of outputs, as a careless service might.
    repeats: the share of operations that make `clip`; the others make one of `strays`, by chance.
    Use as a context manager; `url` is its address without a slash at the end.
    """

    def __init__(self, *, clip: bytes, polls: int = 1, key: str = "test-key-not-to-be-found-anywhere") -> None:
        self.clip, self.polls, self.key = clip, polls, key
        self.faults: deque[Fault] = deque()
        self.always: set[Fault] = set()
        self.jobs: dict[str, Job] = {}
        self.asked: list[Asked] = []
        self.uploads: dict[str, bytes] = {}
        self.lock = threading.RLock()
        self.other_clip = b""
        self.repeats, self.chance = 1.0, random.Random(7)
        self.strays: Sequence[bytes] = ()
        self.broken = False
        self.tried = 0
        self.moved = ""
        self.echoes = False
        self.shown = ""
        self._serial = 0

    # --- what a vendor's own server says ------------------------------------------------------------------------------

    def answer(self, asked: Asked) -> Given:
        """The answer to a request. Call `accept` for a paid submit, `polled` for a poll, `output` for a download."""
        raise NotImplementedError

    def refusal(self, fault: Fault) -> Given:
        """The vendor's own words for a fault whose name begins with SUBMIT, or for POLL_500 and POLL_LIMITED."""
        raise NotImplementedError

    # --- what all of them do ------------------------------------------------------------------------------------------

    @property
    def paid(self) -> int:
        """How many operations were accepted: what is billed."""
        return len(self.jobs)

    @property
    def billed(self) -> int:
        """How many of those are charged: what failed by the vendor's own fault is not."""
        return sum(not (job.state == "failed" and job.fault is Fault.POLL_FAULT) for job in self.jobs.values())

    def wants(self, *faults: Fault) -> Fault | None:
        """Takes the next fault from the queue if it is one of these."""
        with self.lock:
            for fault in faults:
                if fault in self.always:
                    return fault
            if self.faults and self.faults[0] in faults:
                return self.faults.popleft()
        return None

    def accept(self, asked: Asked, name: str | None = None) -> Job | Given:
        """A paid submit: an operation, or the vendor's refusal. Raises Dropped where the connection is cut."""
        refused = (
            Fault.SUBMIT_INVALID, Fault.SUBMIT_AUTH, Fault.SUBMIT_LIMITED, Fault.SUBMIT_DAILY_CAP, Fault.SUBMIT_FUNDS,
            Fault.SUBMIT_MODERATED, Fault.SUBMIT_MODEL_GONE,
        )  # fmt: skip
        with self.lock:
            self.tried += 1
        fault = self.wants(*refused)
        if fault is not None:
            return self.refusal(fault)
        if self.wants(Fault.SUBMIT_DROP_BEFORE):
            raise Dropped
        with self.lock:
            self._serial += 1
            stray = self.repeats < 1 and self.chance.random() >= self.repeats
            made = self.chance.choice(self.strays) if stray else self.clip
            job = Job(name or self.new_id(self._serial), asked, self.polls, made)
            self.jobs[job.id] = job
        if self.wants(Fault.SUBMIT_DROP_AFTER):
            raise Dropped
        if self.wants(Fault.SUBMIT_500):
            return Given(502, b"<html>bad gateway</html>", {"Content-Type": "text/html"})
        return job

    def new_id(self, serial: int) -> str:
        return f"op-{serial:06d}"

    def polled(self, job: Job) -> Fault | Given | str:
        """How a job stands at this poll: `running`, `stalled` (at 99 %), `unknown`, `done`, `gone`, `cancelled`, or the
        fault that it failed with (POLL_FAULT, POLL_MODERATED); a Given is to be answered as it is."""
        fault = self.wants(Fault.POLL_500, Fault.POLL_LIMITED)
        if fault is not None:
            return self.refusal(fault)
        if self.wants(Fault.POLL_DROP):
            raise Dropped
        with self.lock:
            if job.state == "cancelled":
                return "cancelled"
            job.fault = job.fault or self.wants(Fault.POLL_STALL, Fault.POLL_FAULT, Fault.POLL_MODERATED, Fault.POLL_GONE)
            if job.fault is Fault.POLL_STALL:
                return "stalled"
            if self.wants(Fault.POLL_UNKNOWN):
                return "unknown"
            if job.polls > 0:
                job.polls -= 1
                return "running"
            if job.fault is Fault.POLL_GONE:
                return "gone"
            if job.fault is not None:
                job.state = "failed"
                return job.fault
            job.state = "done"
            return "done"

    def fresh_address(self, job: Job) -> str:
        """The address of a job's output; call it each time that the vendor would sign a new one."""
        more = f"&key={self.shown}" if self.echoes else ""
        return f"{self.url}/outputs/{job.id}/{job.address}.mp4?signature=s3cr3t-{job.address}{more}"

    def output(self, asked: Asked) -> Given:
        """A download, with ranges; for paths that begin with /outputs/."""
        if self.moved:
            return Given(302, b"", {"Location": self.moved})
        _, _, name, last = asked.path.split("/")
        job = self.jobs[name]
        if self.wants(Fault.OUTPUT_EXPIRED):
            job.address += 1
            return Given(403, b"<Error><Code>AccessDenied</Code></Error>", {"Content-Type": "application/xml"})
        if int(last.partition(".")[0]) < job.address:
            return Given(403, b"<Error>expired</Error>", {"Content-Type": "application/xml"})
        if self.wants(Fault.OUTPUT_HTML):
            return Given(200, b"<html><body>Please log in</body></html>", {"Content-Type": "text/html"})
        if self.wants(Fault.OUTPUT_EMPTY):
            return Given(200, b"", {"Content-Type": "video/mp4"})
        if self.wants(Fault.OUTPUT_WRONG_LENGTH):
            return Given(200, self.other_clip, {"Content-Type": "video/mp4"})
        content = job.output
        if self.wants(Fault.OUTPUT_HALF):
            return Given(200, content[: len(content) // 2], {"Content-Type": "video/mp4"})
        start = 0
        if asked.headers.get("range", "").startswith("bytes="):
            start = int(asked.headers["range"].removeprefix("bytes=").partition("-")[0])
        if start >= len(content):
            return Given(416, b"", {"Content-Range": f"bytes */{len(content)}"})
        headers = {"Content-Type": "video/mp4", "ETag": '"1"', "Accept-Ranges": "bytes"}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        given = Given(206 if start else 200, content[start:], headers)
        if self.wants(Fault.OUTPUT_TRUNCATED):
            given.headers["X-Test-Cut"] = str(len(given.body) // 2)
        return given

    def __enter__(self) -> "VendorServer":
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(5)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 60
            disable_nagle_algorithm = True  # head and body are two writes: the second would wait 40 ms for a receipt

            def _serve(self) -> None:
                parts = urlsplit(self.path)
                raw = self._body()
                try:
                    body = json.loads(raw) if raw else None
                except ValueError:
                    body = None
                headers = {name.lower(): value for name, value in self.headers.items()}
                asked = Asked(self.command, parts.path, dict(parse_qsl(parts.query)), headers, raw, body)
                with server.lock:
                    server.asked.append(asked)
                paid = server.paid
                try:
                    given = server.output(asked) if asked.path.startswith("/outputs/") else server.answer(asked)
                except Dropped:
                    self._cut()
                    return
                if server.echoes and not asked.path.startswith("/outputs/"):
                    server.shown = asked.headers.get("authorization", asked.headers.get("x-api-key", ""))
                    server.shown = server.shown.rpartition(" ")[2] or server.shown
                    given.body = echoed(given.body, server.shown)
                submitted = server.paid > paid
                self._give(given, half=submitted and bool(server.wants(Fault.SUBMIT_DROP_DURING)))
                if submitted and server.wants(Fault.SUBMIT_TWICE):
                    self._give(given)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _serve  # noqa: N815

            def _body(self) -> bytes:
                if self.headers.get("Transfer-Encoding") == "chunked":
                    content = b""
                    while size := int(self.rfile.readline().strip() or b"0", 16):
                        content += self.rfile.read(size)
                        self.rfile.readline()
                    self.rfile.readline()
                    return content
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))

            def _give(self, given: Given, *, half: bool = False) -> None:
                content = given.body if isinstance(given.body, bytes) else b""
                if given.body is not None and not isinstance(given.body, bytes):
                    content = json.dumps(given.body).encode()
                    given.headers.setdefault("Content-Type", "application/json")
                cut = given.headers.pop("X-Test-Cut", None)
                self.send_response(given.status)
                for name, value in given.headers.items():
                    self.send_header(name, value)
                if given.status != 204:
                    self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if half:
                    self.wfile.write(content[: len(content) // 2])
                    self._cut()
                elif cut is not None:
                    self.wfile.write(content[: int(cut)])
                    self.close_connection = True  # not by a reset, which may throw away what was not read yet
                elif self.command != "HEAD":
                    self.wfile.write(content)

            def _cut(self) -> None:
                self.wfile.flush()
                # A reset, as of a machine that vanished: no orderly end.
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.close_connection = True
                self.connection.close()

            def log_message(self, *_: object) -> None:
                pass

            def handle(self) -> None:
                try:
                    super().handle()
                except (ConnectionError, ValueError, OSError):
                    pass  # the client went away, or we cut it off

        return Handler


def echoed(body: Any, key: str) -> Any:
    """An answer with a key in each of its sentences."""
    if isinstance(body, bytes):
        return body.replace(b" ", f" {key} ".encode(), 1)
    if isinstance(body, str):
        return f"{body} ({key})" if " " in body else body
    if isinstance(body, Mapping):
        return {name: echoed(value, key) for name, value in body.items()}
    return [echoed(value, key) for value in body] if isinstance(body, list) else body


@contextmanager
def environment(**variables: str) -> Iterator[None]:
    """Variables of the environment for the length of a block; what was there is put back."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
