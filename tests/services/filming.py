"""A small project whose takes a vendor's server makes: real specs, engine, journal, network, probe; only time is faked."""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import msgspec

from shotbuild.built import Built
from shotbuild.engine.clock import RealClock
from shotbuild.engine.events import Event
from shotbuild.engine.journal import Entry
from shotbuild.errors import ShotbuildError, render
from shotbuild.plugins import Registry, registry
from shotbuild.records import Project, Take
from shotbuild.rooms import Rooms
from shotbuild.units import Money
from shotbuild.workspace import Workspace
from tests.fakes import TOOL, write_project
from tests.providers.driving import PNG
from tests.servers.clips import clip
from tests.servers.service import VendorServer, environment
from tests.servers.vendors import Vendor

SPEED = 300
"""Seconds of the engine in one of ours."""
STALL_AFTER = Fraction(240)
PRICE = Money(Fraction(1, 100), "USD")
"""Of a second, also where a list has none: a take without a price is not asked for."""
SECRET_HEADERS = ("authorization", "x-api-key", "xi-api-key", "x-goog-api-key", "cookie")


@cache
def everything() -> Registry:
    return registry()


class Hurried(Workspace):
    """A workspace whose services are given up sooner. Their use is set here, so that no spec has to say it."""

    @cached_property
    def project(self) -> Project:
        read: Project = vars(Workspace)["project"].func(self)
        uses = tuple(replace(use, stall_after=STALL_AFTER, price=PRICE) for use in read.providers)
        return replace(read, providers=uses)


@dataclass(slots=True)
class Film:
    """One project and the servers that its shots are asked of, by the names of their services. offered: who can be asked;
    heard: all events of all builds; told: all errors as people read them."""

    root: Path
    servers: Mapping[str, VendorServer]
    offered: Registry = field(default_factory=everything)
    heard: list[Event] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    spaces: list[Workspace] = field(default_factory=list)
    work: Workspace = field(init=False)

    def __post_init__(self) -> None:
        self.open()

    def open(self) -> Workspace:
        """The project as a new process would see it."""
        rooms = Rooms(
            self.root,
            warn=self.told.append,
            identify=lambda path, known: TOOL,
            clock=RealClock(speed=SPEED),
        )
        self.work = Hurried(self.root, self.heard.append, rooms=rooms, offered=self.offered)
        self.spaces.append(self.work)
        return self.work

    def build(self) -> Built:
        built = self.open().build([])
        self.told += [render(failure.error) for failure in built.failed]
        return built

    def fails(self) -> ShotbuildError:
        """The error of a build whose only step fails."""
        built = self.build()
        assert len(built.failed) == 1, built
        return built.failed[0].error

    def entries(self) -> list[Entry]:
        return self.work.rooms.journal.entries()

    def takes(self, shot: str = "sh010") -> tuple[Take, ...]:
        return self.open().rooms.ledgers.of(shot).takes

    def bytes_of(self, take: Take) -> bytes:
        return self.work.rooms.blobs.path(take.video).read_bytes()

    def close(self) -> None:
        for space in self.spaces:
            space.rooms.journal.close()

    # --- keys -----------------------------------------------------------------------------------------------------------

    def secrets(self) -> set[str]:
        """Every key, and every token that a server was ever shown or handed out."""
        shown = {
            value.partition(" ")[2] or value
            for server in self.servers.values()
            for asked in server.asked
            for name, value in asked.headers.items()
            if name in SECRET_HEADERS
        }
        return shown | {server.key for server in self.servers.values()}

    def leaks(self) -> list[str]:
        """Where a secret stands that may stand nowhere."""
        secrets = [secret.encode() for secret in self.secrets()]
        assert secrets
        places = {str(path.relative_to(self.root)): path.read_bytes() for path in self.root.rglob("*") if path.is_file()}
        places |= {f"event {number}": repr(event).encode() for number, event in enumerate(self.heard)}
        places |= {f"error {number}": text.encode() for number, text in enumerate(self.told)}
        rows = json.dumps([msgspec.to_builtins(entry, str_keys=True, enc_hook=str) for entry in self.entries()])
        places["journal, as it is read"] = rows.encode()
        return [place for place, content in places.items() if any(secret in content for secret in secrets)]


@contextmanager
def filming(root: Path, *vendors: Vendor, takes: int = 1, shots: int = 1, at_once: int = 4) -> Iterator[Film]:
    """A project with shots of each vendor, `sh010` and on, and the vendors' servers. takes: of each shot."""
    with ExitStack() as held:
        servers: dict[str, VendorServer] = {}
        written: list[str] = []
        uses: list[str] = []
        for vendor in vendors:
            server = held.enter_context(vendor.server(clip=clip(str(vendor.seconds))))
            server.other_clip = clip("1")
            held.enter_context(environment(**vendor.environment(server)))
            name = vendor.service.name
            servers[name] = server
            uses.append(f"  {name}: {{use: {name}, model: {json.dumps(vendor.model)}, at_once: {at_once}}}\n")
            for _ in range(shots):
                written.append(_shot(f"sh{len(written) + 1:02d}0", name, vendor, takes))
        write_project(
            root,
            {
                "shotbuild.yaml": "shotbuild: 1\nproject: film\nformat: {size: "
                f"{vendors[0].size}, rate: 24}}\nbudget: {{limit: 10000 USD}}\nproviders:\n{''.join(uses)}",
                "specs/film.yaml": f"shots:\n{''.join(written)}",
            },
        )
        for role in {role for vendor in vendors for role in vendor.roles}:
            (root / "assets").mkdir(exist_ok=True)
            (root / f"assets/{role}.png").write_bytes(PNG)
        film = Film(root, servers)
        held.callback(film.close)
        yield film


def _shot(name: str, use: str, vendor: Vendor, takes: int) -> str:
    said: dict[str, Any] = {
        "prompt": f"A lighthouse at dawn, {name}.",
        "provider": use,
        "duration": f"{vendor.seconds}s",
        "takes": takes,
        "format": {"size": vendor.size},
    }
    if vendor.roles:
        said["references"] = {role: f"assets/{role}.png" for role in vendor.roles}
    if vendor.settings:
        said["settings"] = dict(vendor.settings)
    return f"  {name}: {json.dumps(said)}\n"
