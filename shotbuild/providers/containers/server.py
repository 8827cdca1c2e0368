"""A container of cog over HTTP: its state, its schema, one prediction in one long call, which can be taken back.

Knows nothing of shots. Sources: cog 0.16.12 and 0.23.1, run. Results are not kept by the server and nothing can be looked up
later: an asynchronous prediction could only be told to an address of ours. So it is one call, and it waits here where the
server is starting or busy. The call is made in a thread of its own: whoever wants to stop does not wait for its answer.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from queue import Empty, Queue
from typing import Any, Protocol, TypeVar, cast
from urllib.parse import urlsplit
from uuid import uuid4

from shotbuild.errors import (
    Cancelled,
    KeyRefused,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    VendorFault,
)
from shotbuild.host.loopback import on_loopback
from shotbuild.host.wire import Account, Body, Http, Limits, Reply
from shotbuild.providers.containers.schema import Interface, interface_of
from shotbuild.records import Digest

ADDRESS, TOKEN = "SHOTBUILD_COG_URL", "SHOTBUILD_COG_TOKEN"
DEFAULT = "http://127.0.0.1:5000"
GLANCE, GRACE = 0.1, 3.0
"""Seconds between two looks at whether to stop, and for which a prediction that is taken back may take to end."""
PATIENCE = 30.0
"""Seconds for which a server may be silent before it says what it is."""
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 10.0
STARTING = "STARTING"
BROKEN = ("SETUP_FAILED", "DEFUNCT", "UNHEALTHY")
BUSY = (409, 503)
TAIL = 1500
"""Characters of a log that are told."""
NOT_READY = "a server whose worker cannot find its `python` on PATH says that it starts for ever; look at its own log"
THERE = f"start the container, such as `docker run -p 5000:5000 IMAGE`, or say where it is in `{ADDRESS}`"
Got = TypeVar("Got")


class Line(Http, Protocol):
    """A connection that can fetch as well."""

    def fetch(self, url: str, into: Path, *, bare: bool, limits: Limits, stop: Callable[[], bool]) -> Digest: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What a container says of itself. word: such as READY; logs: the end of what its set-up wrote; versions: by name,
    those that it tells."""

    word: str
    setup: str
    logs: str
    versions: Mapping[str, str]


def account_of(environ: Mapping[str, str]) -> Account:
    """Where the container is. Errors: ProviderRefused for an address that is none, or that would send the token in the
    clear."""
    address = (environ.get(ADDRESS, "").strip() or DEFAULT).rstrip("/")
    token = environ.get(TOKEN, "").strip()
    try:
        parts = urlsplit(address)
        known = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        known = False
    if not known:
        raise ProviderRefused(f"{ADDRESS} is no address", cause=address[:200], hint=f"write for example `{DEFAULT}`")
    if token and parts.scheme != "https" and not on_loopback(parts.hostname or ""):
        raise ProviderRefused(
            f"{ADDRESS} would send the token of the container in the clear",
            cause=address.partition("?")[0],
            hint="name an address that begins with https://",
        )
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return Account(name="cog", address=address, headers=lambda: headers, fault=_fault, secrets=(token,) if token else ())


class Container:
    """One container, asked until a deadline. until: by `time.monotonic`; cancel: set = stop."""

    def __init__(self, line: Line, until: float, cancel: threading.Event) -> None:
        self._line, self._until, self._cancel = line, until, cancel

    def state(self) -> State:
        """What it says of itself now. Errors: ProviderUnavailable where no container of cog answers."""
        reply = self._awaited(lambda: _hinted(lambda: self._line.get("health-check", allow=(404, 405))))
        said = reply.json
        word = said.word("status")
        if not reply.ok or not word:
            cause = f"GET /health-check: {reply.status} {reply.text[:200]}"
            raise ProviderUnavailable("what answers there is no container of cog", cause=cause, hint=THERE)
        told = said.at("version")
        versions = {name: said.word("version", name) for name in told} if isinstance(told, dict) else {}
        root = self._awaited(lambda: _hinted(lambda: self._line.get("", allow=(404, 405))))
        versions["cog"] = root.json.word("cog_version")
        return State(
            word=word,
            setup=said.word("setup", "status"),
            logs=_tail(said.word("setup", "logs")),
            versions={name: version for name, version in versions.items() if version},
        )

    def ready(self) -> State:
        """The state of a container that may be asked, once it is one. Errors: ProviderRefused when it never will be;
        ProviderUnavailable at the deadline; Cancelled."""
        pause = FIRST_PAUSE
        while True:
            state = usable(self.state())
            if state.word != STARTING:
                return state
            pause = self._paused(pause, partial(unready, state))

    def interface(self) -> Interface | None:
        """What it takes; None when it does not say, and then nobody checks what it is given."""
        return interface_of(self._awaited(lambda: _hinted(lambda: self._line.get("openapi.json", allow=(404, 503)))).json)

    def predict(self, inputs: Mapping[str, Any]) -> Body:
        """What a prediction that succeeded came to. Errors: ProviderRefused for inputs that it does not take; VendorFault
        when it failed; ProviderUnavailable when it did not answer, or was busy until the deadline; Cancelled."""
        pause = FIRST_PAUSE
        while True:
            name = str(uuid4())
            body = {"id": name, "input": dict(inputs)}
            send = partial(self._line.send, "POST", "predictions", body=body, allow=(400, 422, *BUSY))
            reply = self._awaited(partial(_hinted, send), partial(self._take_back, name))
            if reply.status not in BUSY:
                return _succeeded(reply)
            pause = self._paused(pause, partial(_busy, reply))

    def fetch(self, url: str, into: Path) -> None:
        """An output that the server put elsewhere, into a file. Errors: as `Connection.fetch` has them."""
        seconds = max(self._until - time.monotonic(), 1.0)
        self._line.fetch(url, into, bare=False, limits=Limits(seconds=seconds), stop=self._cancel.is_set)

    def _awaited(self, call: Callable[[], Got], take_back: Callable[[Callable[[], bool]], None] | None = None) -> Got:
        """What a call gives, unless it is to stop before that. take_back: told then how to see whether the call ended;
        None = the call is answered at once, or never."""
        last = self._until if take_back is not None else min(self._until, time.monotonic() + PATIENCE)
        outcome = _apart(call)
        while True:
            try:
                return outcome.get(timeout=GLANCE)()
            except Empty:
                late = time.monotonic() > last
            if self._cancel.is_set() or late:
                if take_back is not None:
                    take_back(lambda: not outcome.empty())
                self._stop_if_told()
                if take_back is None:
                    raise ProviderUnavailable("the container does not answer", hint=THERE)
                raise VendorFault("the container took longer than the shot's `deadline`", hint="raise `deadline`")

    def _take_back(self, name: str, ended: Callable[[], bool]) -> None:
        """Cancels a prediction. An older server does not know it before it has begun, and goes on when nobody listens any
        more: it is told until the call has ended."""
        last = time.monotonic() + GRACE
        while not ended() and time.monotonic() < last:
            # Also this may hang, and whoever stopped us waits for nothing.
            told = _apart(partial(self._line.send, "POST", f"predictions/{name}/cancel", allow=(404,)))
            try:
                told.get(timeout=max(last - time.monotonic(), GLANCE))
            except Empty:
                return
            time.sleep(GLANCE)

    def _paused(self, pause: float, late: Callable[[], ProviderError]) -> float:
        """Waits, and gives the next pause. Errors: Cancelled; what `late` gives when the deadline comes first."""
        left = self._until - time.monotonic()
        self._cancel.wait(max(0.0, min(pause, left)))
        self._stop_if_told()
        if left <= pause:
            raise late()
        return min(pause * 2, LONGEST_PAUSE)

    def _stop_if_told(self) -> None:
        if self._cancel.is_set():
            raise Cancelled("the container was stopped")


@contextmanager
def reached(account: Account, deadline: float, cancel: threading.Event) -> Iterator[Container]:
    """A container that can be asked for so many seconds."""
    # httpx takes a while to import, and plans ask nobody. Who waits here looks at the deadline itself.
    network = import_module("shotbuild.host.network").Network(patience=deadline + PATIENCE)
    try:
        yield Container(cast(Line, network.connect(account)), time.monotonic() + deadline, cancel)
    finally:
        network.close()


def usable(state: State) -> State:
    """A state that is no failure. Errors: ProviderRefused."""
    if state.word in BROKEN:
        raise ProviderRefused(
            f"the container cannot be asked: it is {state.word}",
            cause=state.logs or "it says no more",
            hint="look at its own log, mend what it says, and start it anew",
        )
    return state


def unready(state: State) -> ProviderUnavailable:
    cause = f"it says {state.word}; its set-up: {state.setup or 'unsaid'}; {state.logs or 'its set-up has written nothing'}"
    return ProviderUnavailable("the container is not ready", cause=cause, hint=NOT_READY)


def _busy(reply: Reply) -> ProviderUnavailable:
    said = reply.json.word("error") or reply.json.word("detail") or reply.text[:200]
    hint = "wait for what else it makes, raise `deadline`, or let fewer shots be made at once"
    return ProviderUnavailable(f"the container had no room until the deadline ({reply.status})", cause=said, hint=hint)


def _succeeded(reply: Reply) -> Body:
    said = reply.json
    if reply.status == 422:
        rows = list(said.rows("detail"))
        names = sorted({str(row.at("loc", 2)) for row in rows if row.at("loc", 2) is not None})
        told = "; ".join(f"{row.at('loc', 2)}: {row.word('msg')}" for row in rows)
        what = f"the container does not take `{'`, `'.join(names)}`" if names else "the container does not take this"
        raise ProviderRefused(what[:300], cause=(told or reply.text)[:TAIL], hint="its inputs are told by `/openapi.json`")
    if reply.status == 400:
        raise ProviderRefused("the container cannot read the request", cause=reply.text[:300])
    word = said.word("status")
    if word == "succeeded":
        return said
    error, logs = said.word("error"), _tail(said.word("logs"))
    cause = "\n".join(part for part in (error, logs and f"the end of its log:\n{logs}") if part) or None
    if word == "failed":
        raise VendorFault("the container failed to make it", cause=cause)
    if word == "canceled":
        raise VendorFault("the container says that somebody cancelled it", cause=cause)
    raise ProviderUnavailable("the container answered in a way that cannot be read", cause=reply.text[:300])


def _apart(call: Callable[[], Got]) -> Queue[Callable[[], Got]]:
    """Makes a call in a thread of its own, which may outlive whoever waits for it. What comes gives its value, or raises."""
    outcome: Queue[Callable[[], Got]] = Queue()

    def work() -> None:
        try:
            value = call()
        except BaseException as error:
            outcome.put(partial(_raised, error))
        else:
            outcome.put(lambda: value)

    threading.Thread(target=work, daemon=True).start()
    return outcome


def _raised(error: BaseException) -> Any:
    raise error


def _hinted(call: Callable[[], Got]) -> Got:
    try:
        return call()
    except ProviderUnavailable as error:
        error.hint = error.hint or THERE
        raise


def _fault(reply: Reply) -> ProviderError | None:
    if reply.status in (401, 403):
        hint = f"set `{TOKEN}` to the token that whoever stands before the container wants"
        return KeyRefused(f"the container is not open to us ({reply.status})", cause=reply.text[:200] or None, hint=hint)
    return None


def _tail(log: str) -> str:
    log = log.strip()
    return log if len(log) <= TAIL else f"…{log[-TAIL:]}"
