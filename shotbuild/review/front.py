"""Door, guard and routes put together, behind a socket that listens already: what remains is to serve."""

import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from shotbuild.host.loopback import on_loopback
from shotbuild.review import beacon
from shotbuild.review.guard import Guard
from shotbuild.review.links import Links
from shotbuild.review.people import Person
from shotbuild.review.server import Server, Site
from shotbuild.review.serving import ANYWHERE, check_reach, check_tls, listening, places_of, serve
from shotbuild.review.sessions import Entrance
from shotbuild.units import counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """How a page is to be served. port: 0 = a free one; names: more that it answers under; certificate, key: of TLS, in
    PEM; insecure: beyond this machine without TLS; read_only: nobody may do anything."""

    listen: str
    port: int = 0
    names: Sequence[str] = ()
    certificate: Path | None = None
    key: Path | None = None
    insecure: bool = False
    read_only: bool = False


class Front:
    """A server that is ready. address: to tell people of, without a token; port: that it listens on."""

    def __init__(
        self,
        site: Site,
        owner: Person,
        links: Links,
        folder: Path,
        wanted: Wanted,
        *,
        tell: Callable[[str], None],
        failed: Callable[[str], None],
    ) -> None:
        """folder: `.shotbuild/review`; tell: told of who came in; failed: of bugs, as tracebacks. Errors: PlanError."""
        tls = wanted.certificate is not None
        check_reach(wanted.listen, tls=tls, insecure=wanted.insecure)
        if wanted.certificate is not None:
            check_tls(wanted.certificate, wanted.key)
        self._wanted, self._folder, self._tell = wanted, folder, tell
        self._told: set[str] = set()
        self._listener: socket.socket = listening(wanted.listen, wanted.port)
        try:
            self.port: int = self._listener.getsockname()[1]
            places = places_of(wanted.names, wanted.listen, self.port, tls=tls)
        except BaseException:
            self._listener.close()
            raise
        self.address = places[0].origin
        # What was said of a cookie goes for all places: one that is reached in the clear gets none that is for TLS alone.
        secure = all(place.origin.startswith("https://") or _is_here(place.host) for place in places) and (
            tls or self.address.startswith("https://")
        )
        cookie = f"__Host-shotbuild-{self.port}" if secure else f"shotbuild-{self.port}"
        self.entrance = Entrance(owner, links, read_only=wanted.read_only)
        self._server = Server(site, self.entrance, cookie=cookie, secure=secure, entered=self._entered, failed=failed)
        scheme = "https" if tls else "http"
        self.app = Guard(self._server, self.entrance, places, cookie=cookie, scheme=scheme, local=wanted.listen in ANYWHERE)

    def serve(self) -> None:
        """Until a signal ends it, as `serving.serve`."""
        try:
            with beacon.lit(self._folder, self.address):
                serve(self.app, self._listener, certificate=self._wanted.certificate, key=self._wanted.key)
        finally:
            self.close()

    def close(self) -> None:
        self._server.close()
        with suppress(OSError):
            self._listener.close()

    def _entered(self, person: Person) -> None:
        """Each guest is told of once."""
        if person.invite is not None and person.invite not in self._told:
            self._told.add(person.invite)
            may = counted(len(person.may), "deed") if person.may else "only looks"
            self._tell(f"{person.by} came in ({person.role or may})")


def _is_here(host: str) -> bool:
    name = host.rpartition(":")[0] or host
    return on_loopback(name.strip("[]"))
