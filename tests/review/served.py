"""The real server on a real socket, with a project that is made up: what may be seen, and what was done there."""

import asyncio
import hashlib
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from shotbuild.errors import GateError, Location, PlanError, ShotbuildError, SpecError, SpecErrors
from shotbuild.review.guard import Guard
from shotbuild.review.links import Links
from shotbuild.review.people import DEEDS, Person
from shotbuild.review.server import LATER, Later, Server, Site, Static
from shotbuild.review.serving import Loop, listening, places_of, server_of
from shotbuild.review.sessions import Entrance

OWNER = Person(by="Ann <ann@studio.example>", role="director", may=DEEDS)
SHOTS = {"sh010": "opening", "sh020": "ending"}
FILM = bytes(range(256)) * 4096
LARGE = 200 << 20
DRAWN = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
SECRET = "nobody may see this"


class Clock:
    """Stands until it is moved."""

    def __init__(self) -> None:
        self.seconds = time.time()

    def __call__(self) -> float:
        return self.seconds


@dataclass
class Made:
    """A project of two shots in two sequences, with a film each. done: what was asked of it."""

    folder: Path
    done: list[tuple[str, str, Mapping[str, object]]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    bugs: list[str] = field(default_factory=list)
    streams: int = 0

    def __post_init__(self) -> None:
        self.files: dict[tuple[str, str], Static] = {}
        for shot in SHOTS:
            content = shot.encode() + FILM
            self._file("take", hashlib.sha256(content).hexdigest(), content, shot)
        self._file("delivered", "sequences/opening/web.mp4", FILM, "sh010")
        self._file("reference", "e" * 64, DRAWN, "sh010")
        (self.folder / "secret.txt").write_text(SECRET)
        large = self.folder / "large"
        with large.open("wb") as stream:
            stream.truncate(LARGE)
        self.files["take", "a" * 64] = Static(path=large, content_type="video/mp4", etag="a" * 64)
        self.of["take", "a" * 64] = "sh010"

    of: dict[tuple[str, str], str] = field(default_factory=dict)

    def _file(self, kind: str, name: str, content: bytes, shot: str) -> None:
        path = self.folder / f"file{len(self.files)}"
        path.write_bytes(content)
        etag = None if kind == "delivered" else name
        types = {"take": "video/mp4", "delivered": "video/mp4", "reference": "image/svg+xml"}
        self.files[kind, name] = Static(path=path, content_type=types[kind], etag=etag)
        self.of[kind, name] = shot

    def film(self, shot: str) -> str:
        return f"/media/{hashlib.sha256(shot.encode() + FILM).hexdigest()}/take"

    def sees(self, person: Person, shot: str) -> bool:
        every = not person.sequences and not person.shots
        return shot in SHOTS and (every or shot in person.shots or SHOTS[shot] in person.sequences)

    @property
    def site(self) -> Site:
        def board(person: Person, query: Mapping[str, str]) -> str:
            return f"<h1>Board</h1>{[shot for shot in SHOTS if self.sees(person, shot)]}<i>{person.by}</i>{person.token}"

        def shot(person: Person, name: str, query: Mapping[str, str]) -> str | None:
            self.asked.append(name)
            if name == "sh010" and query.get("bug"):
                raise RuntimeError("this is broken")
            if name == "sh010" and query.get("wrong"):
                raise PlanError("specs are wrong", cause="a line", hint="mend it")
            return f"<h1>{name}</h1>" if self.sees(person, name) else None

        def sequence(person: Person, name: str) -> str | None:
            return f"<h1>{name}</h1>" if any(at == name and self.sees(person, each) for each, at in SHOTS.items()) else None

        def spending(person: Person) -> str | None:
            return None if person.sequences or person.shots else "<h1>Spending</h1>"

        def do(person: Person, deed: str, body: Mapping[str, object]) -> Mapping[str, object] | None:
            if not self.sees(person, str(body.get("shot"))):
                return None
            if body.get("late"):
                raise GateError("somebody was quicker", cause="Mia picked t2", hint="look again")
            if body.get("broken"):
                raise SpecErrors([SpecError("a secret line", location=Location("specs/secret.yaml", 1, 1))])
            if body.get("none"):
                raise PlanError("there is no such take")
            self.done.append((person.by, deed, body))
            return {"said": deed}

        def price(person: Person, query: Mapping[str, str]) -> Mapping[str, object] | None:
            return {"amount": "1.20"} if self.sees(person, query.get("shot", "")) else None

        def media(person: Person, kind: str, name: str) -> Static | Later | None:
            self.asked.append(name)
            if (kind, name) in self.of and self.sees(person, self.of[kind, name]):
                return self.files[kind, name]
            return LATER if kind == "sheet.jpg" and ("take", name) in self.of else None

        async def stream(person: Person) -> AsyncIterator[str]:
            self.streams += 1
            try:
                yield "event: project\ndata: 1\n\n"
                await asyncio.Event().wait()
            finally:
                self.streams -= 1

        def error(person: Person, problem: ShotbuildError) -> str:
            return f"<h1>{problem.message}</h1>"

        return Site(
            board=board, shot=shot, sequence=sequence, spending=spending, do=do, price=price, media=media, stream=stream,
            error=error,
        )  # fmt: skip


@dataclass(frozen=True)
class Running:
    """address: `http://127.0.0.1:PORT`."""

    made: Made
    address: str
    port: int
    links: Links
    entrance: Entrance
    clock: Clock

    def client(self, token: str | None = None) -> httpx.Client:
        """A browser that went through a door; None = the owner's."""
        entered = httpx.get(f"{self.address}/enter/{token or self.entrance.token}")
        assert entered.status_code == 200, entered.text
        return httpx.Client(base_url=self.address, timeout=20, cookies=entered.cookies)

    def guest(self, **more: object) -> httpx.Client:
        return self.client(self.invited(**more)[1])

    def invited(self, **more: object) -> tuple[str, str]:
        """The id of an invitation, and the token of its link."""
        about: dict[str, object] = {
            "by": "Cleo <client@brand.example>", "role": "client", "may": ["note", "approve"], "sequences": ["opening"],
            "shots": [], "seconds": 3600,
        }  # fmt: skip
        invite, token = self.links.invite(**(about | more))  # type: ignore[arg-type]
        return invite.id, token

    def raw(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def ask(self, request: bytes) -> bytes:
        """Bytes sent as they are → everything that came back until the server closed, or nothing came for a while."""
        with self.raw() as connection:
            try:
                connection.sendall(request)
                connection.settimeout(3)
                found = b""
                while block := connection.recv(65536):
                    found += block
            except (ConnectionError, TimeoutError):
                pass
            return found

    def token(self, client: httpx.Client) -> str:
        """The token of writing requests, as the board has it."""
        return client.get("/").text.rpartition(">")[2]

    def post(self, client: httpx.Client, deed: str = "note", **more: object) -> httpx.Response:
        """A deed as the page would ask for it. more: `headers` to change, None = without it; `json` or `content`."""
        changed = more.pop("headers", {})
        headers = {"Origin": self.address, "X-Shotbuild-Token": self.token(client), "Sec-Fetch-Site": "same-origin"}
        if "json" not in more and "content" not in more:
            more["json"] = {"shot": "sh010", "why": "warmer"}
        headers |= changed  # type: ignore[arg-type]
        kept = {name: value for name, value in headers.items() if value is not None}
        return client.post(f"/api/{deed}", headers=kept, **more)  # type: ignore[arg-type]


@contextmanager
def running(
    folder: Path, *, read_only: bool = False, most: int | None = None, names: tuple[str, ...] = ()
) -> Iterator[Running]:
    folder.mkdir(parents=True, exist_ok=True)
    made, clock = Made(folder), Clock()
    warned: list[str] = []
    links = Links(folder / "review", warned.append, clock)
    entrance = Entrance(OWNER, links, read_only=read_only, now=clock)
    listener = listening("127.0.0.1", 0)
    port = listener.getsockname()[1]
    app = Server(made.site, entrance, cookie=f"shotbuild-{port}", secure=False, failed=made.bugs.append)
    guard = Guard(app, entrance, places_of(names, "127.0.0.1", port, tls=False), cookie=f"shotbuild-{port}", scheme="http")
    server = server_of(guard, most=most)

    def run() -> None:
        with asyncio.Runner(loop_factory=Loop) as runner:
            runner.run(server.serve(sockets=[listener]))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield Running(made, f"http://127.0.0.1:{port}", port, links, entrance, clock)
    finally:
        server.should_exit = True
        thread.join(20)
        app.close()
        assert not thread.is_alive()
        assert warned == []
