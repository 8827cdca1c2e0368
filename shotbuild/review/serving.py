"""The server itself: where it listens, under which names it answers, over TLS or not, and how it ends.

uvicorn speaks HTTP. What it leaves open is bounded here: how long a request may take to be sent and an answer to be read,
how many connections there are, and who has to go when there are more.
"""

import asyncio
import logging
import resource
import signal
import socket
import ssl
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any, ClassVar
from urllib.parse import urlsplit

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from shotbuild.errors import PlanError
from shotbuild.host.loopback import on_loopback
from shotbuild.review.guard import HEADER_BYTES, Place

HERE = "127.0.0.1"
CONNECTIONS = 512
REQUEST_SECONDS, STALLED_SECONDS, IDLE_SECONDS, HANDSHAKE_SECONDS = 10.0, 60.0, 5, 10.0
LAST_SECONDS = 0.5
"""What answers get to come to their end when the server ends."""
DEFAULT_PORTS = {"http": 80, "https": 443}
ANYWHERE = ("0.0.0.0", "::")  # noqa: S104 - these are recognised, not used


def listening(address: str, port: int) -> socket.socket:
    """A socket that connections come to. port: 0 = a free one. Errors: PlanError."""
    try:
        family, _, _, _, place = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        found = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # asyncio sends at once on these alone
    except (OSError, UnicodeError) as error:
        raise PlanError(
            f"{address!r} is no address of this machine", cause=str(error), hint="name one, or leave out --listen"
        ) from error
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(place)
        found.listen(CONNECTIONS)
    except OSError as error:
        found.close()
        raise PlanError(
            f"{address} port {port} cannot be listened on", cause=error.strerror or str(error),
            hint="another program may have it: name another --port, or none for a free one",
        ) from error  # fmt: skip
    return found


def check_reach(address: str, *, tls: bool, insecure: bool) -> None:
    """Errors: PlanError where others could read along what passes."""
    if on_loopback(address) or tls or insecure:
        return
    raise PlanError(
        f"on {address}, whoever is on the way could read links and pages, and decide in the name of others",
        cause="there is no TLS",
        hint="give --tls-cert and --tls-key, leave out --listen and put a proxy in front, or say --insecure",
    )


def places_of(names: Sequence[str], address: str, port: int, *, tls: bool) -> tuple[Place, ...]:
    """Where the page answers; the first is the one to tell people. names: `NAME`, `NAME:PORT`, or `https://NAME` of a proxy
    that speaks TLS in front. Errors: PlanError."""
    scheme = "https" if tls else "http"
    found = [place for name in names for place in _places(name, scheme, port)]
    own = [] if address in ANYWHERE else [f"[{address}]" if ":" in address else address]
    if address in ANYWHERE and not names:
        own.append(socket.gethostname().lower())
    if on_loopback(address) or address in ANYWHERE:
        own += [HERE, "localhost", "[::1]"]
    for host in dict.fromkeys(own):
        found += _both(host.lower(), port, scheme)
    return tuple(dict.fromkeys(found))


def _places(name: str, scheme: str, port: int) -> list[Place]:
    parts = urlsplit(name if "://" in name else f"//{name}")
    try:
        host, told = parts.hostname, parts.port
    except ValueError:
        host, told = None, None
    if (
        host is None
        or parts.path
        or parts.query
        or parts.fragment
        or parts.username
        or parts.scheme not in ("", "http", "https")
    ):
        raise PlanError(
            f"{name[:80]!r} is no name of this server",
            hint="write `review.studio.example`, or `https://review.studio.example`",
        )
    host = f"[{host}]" if ":" in host else host
    if parts.scheme:
        return _both(host, told or DEFAULT_PORTS[parts.scheme], parts.scheme)
    return _both(host, told or port, scheme)


def _both(host: str, port: int, scheme: str) -> list[Place]:
    """Browsers leave the usual port out."""
    if port == DEFAULT_PORTS[scheme]:
        return [Place(host, f"{scheme}://{host}"), Place(f"{host}:{port}", f"{scheme}://{host}")]
    return [Place(f"{host}:{port}", f"{scheme}://{host}:{port}")]


def check_tls(certificate: Path, key: Path | None) -> None:
    """Errors: PlanError when they cannot be used."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=_no_password)
    except (OSError, ValueError) as error:
        raise PlanError(
            "the certificate cannot be used", cause=str(error),
            hint="--tls-cert is a chain in PEM, the server's first; --tls-key its key, without a password",
        ) from error  # fmt: skip


def _no_password() -> str:
    raise ValueError("the key has a password")


class Connection(H11Protocol):
    """One connection. Its time is limited while it asks and while it reads; when there are too many, those that ask for
    nothing go first, of these the ones that never did, of these the oldest."""

    crowd: ClassVar[dict["Connection", None]]
    most: ClassVar[int]

    def connection_made(self, transport: Any) -> None:
        self._late: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None
        super().connection_made(transport)
        self.crowd[self] = None
        self._hurry()
        if len(self.crowd) > self.most:
            idle = [each for each in self.crowd if each.is_idle]
            gone = next((each for each in idle if each.cycle is None), idle[0] if idle else self)
            gone.transport.abort()

    @property
    def is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self.is_idle:
            self._off(self._late)
            self._late = None
        elif self._late is None:
            self._hurry()

    def connection_lost(self, exc: Exception | None) -> None:
        self.crowd.pop(self, None)
        self._off(self._late, self._stalled)
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._off(self._stalled)
        self._stalled = self.loop.call_later(STALLED_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._off(self._stalled)

    def shutdown(self) -> None:
        super().shutdown()
        self.loop.call_later(LAST_SECONDS, self.transport.abort)

    @staticmethod
    def _off(*timers: asyncio.TimerHandle | None) -> None:
        for timer in timers:
            if timer is not None:
                timer.cancel()

    def _hurry(self) -> None:
        self._late = self.loop.call_later(REQUEST_SECONDS, self._too_late)

    def _too_late(self) -> None:
        self._late = None
        if self.is_idle:
            self.transport.abort()


class Loop(asyncio.SelectorEventLoop):
    """Waits for a handshake no longer than for a request."""

    async def create_server(self, *arguments: Any, **more: Any) -> asyncio.Server:
        if more.get("ssl") is not None:
            more["ssl_handshake_timeout"] = HANDSHAKE_SECONDS
        return await super().create_server(*arguments, **more)


class Uvicorn(uvicorn.Server):
    """Ends by SIGHUP too, as by SIGTERM."""

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        def hung_up(_number: int, frame: FrameType | None) -> None:
            self.handle_exit(signal.SIGTERM, frame)

        before = signal.signal(signal.SIGHUP, hung_up)
        try:
            with asyncio.Runner(loop_factory=Loop) as runner:
                runner.get_loop().set_exception_handler(_unheard)
                runner.run(self.serve(sockets=sockets))
        finally:
            signal.signal(signal.SIGHUP, before)


def _unheard(_loop: asyncio.AbstractEventLoop, _said: dict[str, Any]) -> None:
    """What goes wrong on a connection is its client's; what goes wrong in an answer was told where it was made."""


def serve(app: ASGIApp, listener: socket.socket, *, certificate: Path | None = None, key: Path | None = None) -> None:
    """Until a signal ends it: then KeyboardInterrupt, or what the caller has the signal do."""
    server_of(app, certificate=certificate, key=key).run([listener])


def server_of(app: ASGIApp, *, certificate: Path | None = None, key: Path | None = None, most: int | None = None) -> Uvicorn:
    """most: connections at once; None = as many as there may be, of those that the system allows."""
    for name in ("uvicorn.error", "uvicorn.access", "uvicorn.asgi", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)  # requests are nobody's business, and addresses hold tokens
    most = most or max(16, min(CONNECTIONS, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 3))
    bounded = type("Bounded", (Connection,), {"crowd": {}, "most": most})
    return Uvicorn(
        uvicorn.Config(
            app,
            http=bounded,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=IDLE_SECONDS,
            timeout_graceful_shutdown=5,
            h11_max_incomplete_event_size=HEADER_BYTES,
            ssl_certfile=None if certificate is None else str(certificate),
            ssl_keyfile=None if key is None else str(key),
        )
    )
