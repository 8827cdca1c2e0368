"""Storage in memory, which can be told to fail, to cut, to lie, to take its time or to be killed at the n-th call."""

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from shotbuild.errors import StoreError, StoreRefused, StoreUnavailable
from shotbuild.host.objects.interface import Found
from shotbuild.records import Digest

READS, WRITES = ("size", "read", "fetch", "each"), ("write", "send", "create", "remove")


class Killed(BaseException):
    """The process ends here, as `kill -9` ends it: nobody catches it."""


@dataclass
class MemoryObjects:
    """seconds: what each call takes; before: told the number of the call from 1, its name and its key, may raise."""

    held: dict[str, bytes] = field(default_factory=dict)
    changed: dict[str, float] = field(default_factory=dict)
    calls: list[tuple[str, str]] = field(default_factory=list)
    seconds: float = 0.0
    before: Callable[[int, str, str], None] = lambda *_: None
    lists: bool = True
    shown: str = "memory://store"
    lock: threading.Lock = field(default_factory=threading.Lock)

    def size(self, key: str) -> int | None:
        self._call("size", key)
        content = self.held.get(key)
        return None if content is None else len(content)

    def read(self, key: str, most: int) -> bytes | None:
        self._call("read", key)
        content = self.held.get(key)
        if content is not None and len(content) > most:
            raise StoreError(f"{key} is larger than {most} bytes")
        return content

    def fetch(self, key: str, into: Path, most: int) -> Digest | None:
        self._call("fetch", key)
        content = self.held.get(key)
        if content is None:
            return None
        into.write_bytes(content[:most])
        if len(content) > most:
            raise StoreError(f"{key} is larger than {most} bytes")
        return Digest(sha256=hashlib.sha256(content).hexdigest(), size=len(content))

    def write(self, key: str, content: bytes) -> None:
        self._call("write", key)
        self._hold(key, content)

    def send(self, key: str, file: Path) -> None:
        self._call("send", key)
        self._hold(key, file.read_bytes())

    def create(self, key: str, content: bytes) -> bool:
        self._call("create", key)
        with self.lock:
            if key in self.held:
                return False
            self._hold(key, content)
            return True

    def exclusive(self) -> bool:
        return True

    def each(self, kind: str) -> Iterator[Found]:
        self._call("each", kind)
        for key in sorted(self.held):
            if key.startswith(f"{kind}/"):
                yield Found(key=key, size=len(self.held[key]), changed=self.changed.get(key, 0.0))

    def remove(self, key: str) -> None:
        self._call("remove", key)
        self.held.pop(key, None)

    def close(self) -> None:
        pass

    def asked(self, name: str, kind: str = "") -> list[str]:
        return [key for each, key in self.calls if each == name and key.startswith(kind)]

    def _hold(self, key: str, content: bytes) -> None:
        self.held[key] = content
        self.changed[key] = time.time()

    def _call(self, name: str, key: str) -> None:
        with self.lock:
            self.calls.append((name, key))
            number = len(self.calls)
        if self.seconds:
            time.sleep(self.seconds)
        self.before(number, name, key)


def unreachable(*_: object) -> None:
    raise StoreUnavailable("the store does not answer", cause="connection refused")


def refusing(_: int, name: str, key: str) -> None:
    """Reads, and lets nobody write."""
    if name in WRITES:
        raise StoreRefused("the store says no", cause=f"{name} {key}")
