"""Drives an adapter against its server the way the engine does, without the engine: one call after the other."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from shotbuild.digest import of_file
from shotbuild.host.network import Connection, Network
from shotbuild.providers.interface import Request, Service, State, Status
from shotbuild.purchasing import account
from shotbuild.records import Fields, Format, Operation
from shotbuild.units import parse_size
from tests.servers.clips import clip
from tests.servers.service import VendorServer, environment
from tests.servers.vendors import Vendor


@dataclass(slots=True)
class Driver:
    """sent: what was about to be paid for, as text."""

    service: Service
    server: VendorServer
    network: Network
    sent: list[str] = field(default_factory=list)

    def connection(self) -> Connection:
        return self.network.connect(account(self.service, os.environ), self.sent.append)

    def until_done(self, operation: Operation, polls: int = 20) -> Status:
        """Polls until it no longer runs, without waiting."""
        for _ in range(polls):
            status = self.service.poll(operation, self.connection())
            if status.state not in (State.QUEUED, State.RUNNING):
                return status
        raise AssertionError("it runs for ever")

    def take(self, request: Request, into: Path) -> tuple[Operation, Status]:
        """The whole way, with the output in a file."""
        operation = self.service.submit(request, self.connection())
        status = self.until_done(operation)
        assert status.state is State.DONE, status
        address = self.service.locate(operation, self.connection())
        if address.content is not None:
            into.write_bytes(address.content)
        else:
            self.connection().fetch(address.url, into, bare=address.bare)
        return operation, status


@contextmanager
def driving(vendor: Vendor, **serving: Any) -> Iterator[Driver]:
    """A server of the vendor that runs, and an adapter that reaches it."""
    with vendor.server(clip=clip(str(vendor.seconds)), **serving) as server:
        with environment(**vendor.environment(server)):
            network = Network()
            try:
                yield Driver(vendor.service, server, network)
            finally:
                network.close()


def request(vendor: Vendor, folder: Path, **said: Any) -> Request:
    """A request that the vendor's model takes. said: of `Request`, where it differs; `settings` are laid over defaults."""
    model = vendor.service.models[vendor.model]
    roles = said.pop("roles", vendor.roles)
    settings: Mapping[str, Any] = {
        **{name: each.default for name, each in model.fields.items() if isinstance(each.default, str | int | bool)},
        **vendor.settings,
        **said.pop("settings", {}),
    }
    seconds = said.pop("seconds", vendor.seconds)
    base: dict[str, Any] = {
        "project": "film",
        "shot": "sh010",
        "title": "sh010",
        "take": 1,
        "prompt": "A lighthouse at dawn.",
        "seed": 7,
        "frames": int(Fraction(seconds) * 24),
        "format": Format(size=parse_size(vendor.size), rate=Fraction(24), color="bt709", pixels="yuv420p"),
        "references": tuple((role, reference(folder, role)) for role in sorted(roles)),
        "settings": Fields(tuple(sorted(settings.items()))),
        "recipe": "ab" * 32,
        "model": vendor.model,
        "client": "0f3c2b1a-0000-4000-8000-000000000001",
    }
    return Request(**{**base, **said})


PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)


def reference(folder: Path, role: str) -> Path:
    """A reference as the store has it: a file named by its digest."""
    content = clip() if "video" in role else PNG + role.encode()
    path = folder / role
    path.write_bytes(content)
    return path.rename(folder / of_file(path).sha256)
