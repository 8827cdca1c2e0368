"""What a test must know of a vendor to drive its adapter against its server."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shotbuild.providers.interface import Service
from tests.servers.service import Fault, VendorServer


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor:
    """service: the adapter; server: its server's class; model: the one to try; variables: of the environment, with `{url}`
    where the server's address goes and `{key}` for its key; roles: references that the model needs; settings: of the model;
    size, seconds: of a shot that the model takes; never: faults that this vendor cannot have.
    """

    service: Service
    server: type[VendorServer]
    model: str
    variables: Mapping[str, str]
    roles: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    size: str = "1280x720"
    seconds: int = 5
    never: frozenset[Fault] = frozenset()

    def environment(self, server: VendorServer) -> dict[str, str]:
        return {name: text.format(url=server.url, key=server.key) for name, text in self.variables.items()}
