"""Every provider that comes with shotbuild keeps to the contract that plug-ins are held to."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import ClassVar

import pytest

from shotbuild.plugins import PROVIDERS, load
from shotbuild.providers.animatic import Animatic
from shotbuild.providers.command import VARIABLE, Command
from shotbuild.providers.interface import Local, Request, Service, is_hosted, is_service
from shotbuild.testing.loopback import Server
from shotbuild.testing.providers import LocalContract, ProviderContract, ServiceContract
from tests.servers.clips import clip
from tests.servers.service import environment
from tests.servers.vendors import Vendor
from tests.testing.programs import ARGV, program
from tests.testing.servers import Stand


class TestAnimatic(LocalContract):
    def provider(self) -> Local:
        return Animatic()


class TestAnimaticWithSound(TestAnimatic):
    settings: ClassVar[dict[str, str]] = {"sound": "scratch"}


class TestCommand(LocalContract):
    settings: ClassVar[dict[str, str]] = {"argv": ARGV, "version": "1"}

    def provider(self) -> Local:
        return Command()

    def endless(self, folder: Path) -> Request:
        return self.request(folder, prompt="for ever")

    @pytest.fixture(autouse=True)
    def _allowed(self, tmp_path: Path) -> Iterator[None]:
        with environment(**{VARIABLE: str(program(tmp_path))}):
            yield


MADE = {name: load(where, name)() for name, where in PROVIDERS.items()}
SERVICES = [name for name, made in MADE.items() if is_service(made) and not is_hosted(made)]
"""Servers of one's own are no vendors': each is held to the contract where it is tested."""
VENDORS: dict[str, Vendor] = {name: import_module(f"tests.servers.{name.replace('-', '_')}").VENDOR for name in SERVICES}


def suite(vendor: Vendor) -> type[ProviderContract]:
    """The contract of a service, held before its vendor's server."""

    class Suite(ServiceContract):
        model = vendor.model
        size = vendor.size
        seconds = vendor.seconds
        roles = vendor.roles
        settings = vendor.settings

        def provider(self) -> Service:
            return type(vendor.service)()

        def serving(self) -> Server:
            return Stand(vendor)

        def reference(self, role: str) -> bytes:
            return clip() if "video" in role else super().reference(role)

    return Suite


for vendor in VENDORS.values():
    test_suite = suite(vendor)
    test_suite.__name__ = test_suite.__qualname__ = f"Test{type(vendor.service).__name__}"
    globals()[test_suite.__name__] = test_suite
del test_suite


def test_every_service_is_held_to_the_contract() -> None:
    assert {vendor.service.name for vendor in VENDORS.values()} == set(SERVICES)
