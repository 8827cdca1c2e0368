"""What tests of ComfyUI share: a workflow without weights, a take to ask for, and the adapter before a server.

With SHOTBUILD_COMFY_URL set, that is a real one, wherever a test can be asked of it."""

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from shotbuild.digest import of_file
from shotbuild.host.network import Connection, Network
from shotbuild.providers.comfy.inject import written
from shotbuild.providers.comfyui import ComfyUI
from shotbuild.providers.interface import Doubt, Request, State, Status
from shotbuild.purchasing import account
from shotbuild.records import Format, Operation, fields
from shotbuild.units import parse_size
from tests.servers.comfyui import ComfyServer, LiveServer

LIVE = os.environ.get("SHOTBUILD_COMFY_URL", "")
SERVICE = ComfyUI()
CLIENT = "0f3c2b1a-0000-4000-8000-000000000001"
OTHER = "0f3c2b1a-0000-4000-8000-000000000002"
hooks = pytest.mark.skipif(bool(LIVE), reason="a real server cannot be told to fail")
both = pytest.mark.parametrize("old", [False, True], ids=["0.33.0", "0.3.64"])


def nodes() -> dict[str, Any]:
    """A workflow without weights. All of its nodes are ComfyUI's own, in either version."""
    return {
        "1": {
            "class_type": "EmptyImage",
            "_meta": {"title": "Canvas"},
            "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": 0},
        },
        "2": {"class_type": "CreateVideo", "inputs": {"images": ["1", 0], "fps": 30.0}},
        "3": {
            "class_type": "SaveVideo",
            "_meta": {"title": "Film"},
            "inputs": {"video": ["2", 0], "filename_prefix": "video/ComfyUI", "format": "mp4", "codec": "h264"},
        },
        "4": {
            "class_type": "PrimitiveString",
            "_meta": {"title": "Prompt"},
            "inputs": {"value": "what it was exported with"},
        },
    }


INJECT: dict[str, Any] = {
    "Canvas.width": "{{ width }}",
    "1.height": "{{ height }}",
    "1.inputs.batch_size": "{{ frames }}",
    "Canvas.inputs.color": "{{ seed % 16777216 }}",
    "2.fps": "{{ fps }}",
    "Prompt.value": "{{ prompt }}",
}


def from_picture() -> dict[str, Any]:
    """The same from a first frame."""
    resize = {"image": ["6", 0], "upscale_method": "nearest-exact", "width": 64, "height": 64, "crop": "disabled"}
    return {
        **nodes(),
        "1": {"class_type": "LoadImage", "inputs": {"image": "example.png"}},
        "2": {"class_type": "CreateVideo", "inputs": {"images": ["7", 0], "fps": 30.0}},
        "6": {"class_type": "RepeatImageBatch", "inputs": {"image": ["1", 0], "amount": 1}},
        "7": {"class_type": "ImageScale", "inputs": resize},
    }


FROM_PICTURE: dict[str, Any] = {
    "1.image": "{{ first_frame }}",
    "6.amount": "{{ frames }}",
    "7.width": "{{ width }}",
    "7.height": "{{ height }}",
    "2.fps": "{{ fps }}",
}


def laid(folder: Path, name: str, content: bytes) -> Path:
    """A file as the store has it."""
    folder.mkdir(exist_ok=True, parents=True)
    path = folder / name
    path.write_bytes(content)
    return path.rename(folder / of_file(path).sha256)


def request(
    folder: Path,
    workflow: Mapping[str, Any] | bytes | None = None,
    inject: Mapping[str, Any] | None = None,
    *,
    references: Mapping[str, bytes] | None = None,
    output: str | None = None,
    **said: Any,
) -> Request:
    content = workflow if isinstance(workflow, bytes) else json.dumps(workflow or nodes()).encode()
    given = {"workflow": content, **(references or {})}
    usual: dict[str, Any] = {
        "project": "film", "shot": "sh010", "title": "sh010", "take": 1, "prompt": "A lighthouse at dawn.", "seed": 7,
        "frames": 12, "format": Format(size=parse_size("128x72"), rate=Fraction(24), color="bt709", pixels="yuv420p"),
        "references": tuple(sorted((role, laid(folder, role, each)) for role, each in given.items())),
        "settings": fields(inject=written(INJECT if inject is None else inject), output=output, sound=False),
        "recipe": "ab" * 32, "model": "workflow", "client": CLIENT,
    }  # fmt: skip
    return Request(**{**usual, **said})


@dataclass(slots=True)
class Desk:
    """The adapter before a server. sent: what was about to be paid for."""

    server: Any
    network: Network
    sent: list[str] = field(default_factory=list)

    def line(self) -> Connection:
        return self.network.connect(account(SERVICE, self.server.environment), self.sent.append)

    def submit(self, wanted: Request) -> Operation:
        return SERVICE.submit(wanted, self.line())

    def poll(self, operation: Operation) -> Status:
        return SERVICE.poll(operation, self.line())

    def ended(self, operation: Operation) -> Status:
        for _ in range(100):
            status = self.poll(operation)
            if status.state not in (State.QUEUED, State.RUNNING):
                return status
        raise AssertionError("it runs for ever")

    def fetched(self, operation: Operation, into: Path) -> bytes:
        address = SERVICE.locate(operation, self.line())
        self.line().fetch(address.url, into, bare=address.bare)
        return into.read_bytes()

    def graph(self, number: int = 0) -> dict[str, Any]:
        """What was sent, as the server got it."""
        found: dict[str, Any] = self.posts("prompt")[number]["prompt"]
        return found

    def posts(self, *path: str) -> list[Any]:
        return [heard.json for heard in self.server.heard if heard.method == "POST" and heard.path == list(path)]


@contextmanager
def desk(*, old: bool = False, live: bool = False, **serving: Any) -> Iterator[Desk]:
    """live: the same against a real server, where there is one."""
    with LiveServer(LIVE) if live and LIVE else ComfyServer(old=old, **serving) as server:
        yield Desk(server, network())
        assert server.crimes == []


@cache
def network() -> Network:
    """One for all tests: to make one takes longer than most of them."""
    return Network()


@pytest.fixture(scope="module", autouse=True)
def closed() -> Iterator[None]:
    yield
    network().close()
    network.cache_clear()


def fresh() -> str:
    """An id that a server which was used before does not know."""
    return f"{os.urandom(4).hex()}-{os.urandom(2).hex()}-4000-8000-{os.urandom(6).hex()}"


def doubt(wanted: Request) -> Doubt:
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 1))
    return Doubt(request=wanted, sent={}, since=when, known=frozenset())
