"""Servers that strike at a chosen moment, and hand over other bytes for each operation, so that a mix-up shows."""

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.servers.kling import VENDOR as KLING
from tests.servers.kling import KlingServer
from tests.servers.replicate import VENDOR as REPLICATE
from tests.servers.replicate import ReplicateServer
from tests.servers.runway import VENDOR as RUNWAY
from tests.servers.runway import RunwayServer
from tests.servers.service import Asked, Dropped, Given, Job, VendorServer


class Moment(Enum):
    """When a build is killed. The value is what people read."""

    ARRIVED = "the submit arrives, nothing is accepted"
    ACCEPTED = "accepted, before the answer"
    ANSWERED = "0-5 ms after the answer to the submit"
    POLL = "at a poll"
    POLLED = "0-5 ms after the answer to a poll"
    HALF = "half of the output is there"
    HANDED = "0-40 ms after the output"
    INTENT = "the intent is in the journal"
    SUBMITTED = "the id is in the journal"
    FETCHED = "the output is in the store and journal"
    STORED = "a blob appears in the store"
    LEDGER = "the ledger grows"
    DONE = "the journal says done"
    RANDOM = "at a random time"


ON_DISK = (Moment.INTENT, Moment.SUBMITTED, Moment.FETCHED, Moment.STORED, Moment.LEDGER, Moment.DONE)


@dataclass(slots=True)
class Strike:
    """A kill that is to come. number: at the how-manieth time; delay: seconds after it; kill: comes back when it is done."""

    moment: Moment
    number: int
    delay: float
    kill: Callable[[], object]
    lock: threading.Lock = field(default_factory=threading.Lock)

    def due(self, moment: Moment) -> bool:
        """Whether now is the time; counts."""
        if moment is not self.moment:
            return False
        with self.lock:
            self.number -= 1
            return self.number == 0


class Striking(VendorServer):
    """strike: the kill that is to come, if any."""

    strike: Strike | None = None

    def content(self, name: str) -> bytes:
        """The bytes of one operation: the clip and a box that players pass over, with the id."""
        box = hashlib.sha256(name.encode()).digest() + name.encode()
        return self.clip + (len(box) + 8).to_bytes(4, "big") + b"free" + box

    def answer(self, asked: Asked) -> Given:
        if len(asked.raw) < int(asked.headers.get("content-length", "0")):
            raise Dropped  # it was killed while it wrote: no server takes half a request
        return super().answer(asked)

    def accept(self, asked: Asked, name: str | None = None) -> Job | Given:
        if strike := self._due(Moment.ARRIVED):
            strike.kill()
            raise Dropped
        job = super().accept(asked, name)
        if isinstance(job, Job):
            if strike := self._due(Moment.ACCEPTED):
                strike.kill()
                raise Dropped
            self._answered.when = Moment.ANSWERED
        return job

    def polled(self, job: Job) -> Any:
        if strike := self._due(Moment.POLL):
            strike.kill()
            raise Dropped
        self._answered.when = Moment.POLLED
        return super().polled(job)

    def output(self, asked: Asked) -> Given:
        name = asked.path.split("/")[2]
        self.jobs[name].output = self.content(name)
        given = super().output(asked)
        self._answered.when = Moment.HANDED
        return given

    def _due(self, moment: Moment) -> Strike | None:
        """The kill whose time is now. Whoever waits for it takes it away when the build has ended by itself."""
        strike = self.strike
        return strike if strike is not None and strike.due(moment) else None

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server, self._answered = self, threading.local()
        base: Any = super()._handler()

        class Handler(base):  # type: ignore[misc]
            def _give(self, given: Given, *, half: bool = False) -> None:
                moment = getattr(server._answered, "when", None)
                server._answered.when = None
                if moment is Moment.HANDED and isinstance(given.body, bytes) and (strike := server._due(Moment.HALF)):
                    self._give_half(given.body, strike)
                    return
                super()._give(given, half=half)
                if moment is not None and (strike := server._due(moment)):
                    self.wfile.flush()
                    time.sleep(strike.delay)
                    strike.kill()

            def _give_half(self, content: bytes, strike: Strike) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "video/mp4")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content[: len(content) // 2])
                self.wfile.flush()
                time.sleep(0.005)  # for the client to write it down
                strike.kill()
                self._cut()

        return Handler


class StrikingRunway(Striking, RunwayServer):
    """credits: what each operation costs, None = what it would."""

    credits: int | None = None

    def _credits(self, job: Job) -> int:
        return super()._credits(job) if self.credits is None else self.credits


class StrikingKling(Striking, KlingServer):
    pass


class StrikingReplicate(Striking, ReplicateServer):
    pass


SERVERS: dict[str, type[Striking]] = {"runway": StrikingRunway, "kling": StrikingKling, "replicate": StrikingReplicate}
VENDORS = {"runway": RUNWAY, "kling": KLING, "replicate": REPLICATE}
MODELS = {"runway": "gen4.5", "kling": "kling-3.0", "replicate": "kwaivgi/kling-v3-video"}
"""That of Replicate takes no seed: two takes of one shot ask for the very same."""
