"""Storage of every kind, each on a server of its own that runs for the whole session."""

import secrets
import string
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import pytest

from shotbuild.host.objects import cache
from shotbuild.host.objects.folder import FolderObjects
from shotbuild.host.objects.interface import Objects
from shotbuild.host.objects.patience import Patience
from tests.servers.azurite import azurite_running
from tests.servers.faulty import Faulty, faulty_before
from tests.servers.moto_server import moto_running
from tests.servers.nginx import nginx_running
from tests.servers.program import Served
from tests.servers.radosgw import radosgw_running
from tests.servers.swift import swift_running

SHORT = Patience(answer=0.4, whole=0.4, unreached=0.1, silence=0.4, taken=1, first=0.02, longest=0.1, cuts=2)
"""For what never comes: tests are not to wait for it."""
LONG = Patience(answer=20, whole=60, silence=20, first=0.01, longest=0.05)
"""For what comes in the end, on a machine that has other things to do."""
Start = Callable[[Path], AbstractContextManager[Served]]


@dataclass(frozen=True)
class Kind:
    """What a kind of storage promises. holds: what it takes, None = everything; exclusive: whether it lets one win."""

    name: str
    start: Start
    exclusive: bool = True
    holds: tuple[str, ...] | None = None


def _folder(folder: Path) -> AbstractContextManager[Served]:
    return nullcontext(Served(address=str(folder / "team store"), web=""))


KINDS = (
    Kind("folder", _folder),
    Kind("moto", moto_running),
    Kind("nginx", nginx_running, exclusive=False, holds=("cas", "ac")),
    Kind("radosgw", lambda _: radosgw_running()),
    Kind("swift", lambda _: swift_running(), exclusive=False),
    Kind("azurite", azurite_running),
)
SLOW = ("radosgw", "swift", "azurite")


def params(*, over_http: bool = False) -> list[object]:
    names = [kind for kind in KINDS if not over_http or kind.name != "folder"]
    return [pytest.param(each, id=each.name, marks=[pytest.mark.slow] if each.name in SLOW else []) for each in names]


@dataclass(frozen=True)
class Shared:
    """Storage of a kind, as it is reached."""

    kind: Kind
    served: Served

    def opened(self, *, web: str | None = None, patience: Patience | None = None, **environment: str) -> Objects:
        """web: another server before it; environment: other credentials."""
        served = self.served
        if served.address.startswith(("/", ".")):
            return FolderObjects(Path(served.address))
        known = {"HOME": "/nowhere", **served.environment, **environment}
        if served.endpoint is None:
            address = served.address if web is None else served.address.replace(served.web.removeprefix("http://"), web[7:])
            return cache.opened(address, endpoint=None, region=None, environment=known, patience=patience)
        bucket = pytest.importorskip("shotbuild.host.objects.bucket")
        if bucket.MISSING is not None:
            pytest.skip("obstore is not installed")
        endpoint = served.endpoint if web is None else served.endpoint.replace(served.web, web)
        found: Objects = bucket.opened(
            served.address, endpoint=endpoint, region=served.region, environment=known, patience=patience
        )
        return found


@pytest.fixture(scope="session")
def started(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    kind: Kind = request.param
    with kind.start(tmp_path_factory.mktemp(kind.name)) as served:
        yield Shared(kind, served)


@pytest.fixture
def objects(started: Shared) -> Iterator[Objects]:
    found = started.opened()
    yield found
    found.close()


@pytest.fixture
def key() -> str:
    """Of an object that nobody else uses."""
    return f"cas/{secrets.token_hex(32)}"


@pytest.fixture
def own_kind() -> str:
    """A kind of objects that nobody else uses."""
    return "".join(secrets.choice(string.ascii_lowercase) for _ in range(16))


@pytest.fixture
def proxy(started: Shared) -> Iterator[Faulty]:
    with faulty_before(started.served.web) as faulty:
        yield faulty
