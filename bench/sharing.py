"""What a shared store costs beside its plain client: many small objects and a few large ones, there and back, side by side.

The plain client is obstore for a bucket, and copying for a folder: neither hashes what comes, which ours has to. Ours is
what a build calls (`Shared`): it looks first whether bytes are there, and reads what it fetched against its digest.
"""

import os
import shutil
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from obstore.store import S3Store

from shotbuild.digest import of_file
from shotbuild.host.objects import bucket
from shotbuild.host.objects.folder import FolderObjects
from shotbuild.host.objects.interface import Objects
from shotbuild.records import Digest
from shotbuild.store.shared import Shared
from tests.servers.program import Served
from tests.servers.radosgw import radosgw_running

THREADS = 8
SMALL, LARGE = 64 << 10, 64 << 20
Copy = Callable[[Digest, Path], object]


@dataclass(frozen=True)
class Way:
    """One way to bring objects there and back. folder: where it lays what it brings back."""

    send: Copy
    fetch: Copy


def table(small: int, large: int, runs: int, folder: Path) -> None:
    """Prints seconds and ratios. small, large: how many objects of 64 KiB and of 64 MiB."""
    for name, ways in _places(folder):
        for what, count, size in (("64 KiB", small, SMALL), ("64 MiB", large, LARGE)):
            files = _files(folder / f"{name}-{what}", count, size)
            took: dict[tuple[str, str], list[float]] = {}
            for way in ways(f"{what}-first").values():
                way.send(*files[0])  # a server's first call of a kind can take it seconds
                way.fetch(files[0][0], _fresh(folder / "back") / "first")
            for run in range(runs):
                for who, way in ways(f"{what}-{run}").items():
                    took.setdefault((who, "send"), []).append(_timed(way.send, files))
                    back = _fresh(folder / "back")
                    targets = [(digest, back / digest.sha256) for digest, _ in files]
                    took.setdefault((who, "fetch"), []).append(_timed(way.fetch, targets))
            _print(f"{name}, {count} x {what}", count * size, took)


def _print(title: str, size: int, took: dict[tuple[str, str], list[float]]) -> None:
    print(f"\n{title}, {THREADS} threads")
    for call in ("send", "fetch"):
        ours, plain = (statistics.median(took[who, call]) for who in ("shotbuild", "plain"))
        speed = size / ours / 1e6
        print(f"  {call:<6} shotbuild {ours:7.2f} s   plain {plain:7.2f} s   ratio {ours / plain:5.2f}   {speed:6.0f} MB/s")


def _timed(call: Copy, files: list[tuple[Digest, Path]]) -> float:
    began = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda each: call(*each), files))
    return time.perf_counter() - began


def _files(folder: Path, count: int, size: int) -> list[tuple[Digest, Path]]:
    _fresh(folder)
    found = []
    for number in range(count):
        path = folder / str(number)
        path.write_bytes(os.urandom(size))
        found.append((of_file(path), path))
    return found


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _places(folder: Path) -> Iterator[tuple[str, Callable[[str], dict[str, Way]]]]:
    yield "folder", lambda run: {"shotbuild": _ours(FolderObjects(folder / f"shared-{run}")), "plain": _copies(folder / run)}
    with ExitStack() as started:
        served = _started(started)
        if served is None:
            print("\nradosgw is not installed: no bucket was measured")
            return
        yield (
            "bucket (radosgw)",
            lambda run: {"shotbuild": _ours(_bucket(served, f"a{run}")), "plain": _plain(served, f"b{run}")},
        )


def _started(stack: ExitStack) -> Served | None:
    try:
        return stack.enter_context(radosgw_running())
    except pytest.skip.Exception:
        return None


def _ours(objects: Objects) -> Way:
    shared = Shared(objects, {}, print)

    def fetch(digest: Digest, into: Path) -> None:
        assert shared.fetch(digest, into), "it was sent before"

    return Way(shared.send, fetch)


def _copies(place: Path) -> Way:
    _fresh(place)
    return Way(
        lambda digest, file: shutil.copyfile(file, place / digest.sha256),
        lambda digest, into: shutil.copyfile(place / digest.sha256, into),
    )


def _bucket(served: Served, prefix: str) -> Objects:
    return bucket.opened(
        f"{served.address}/{prefix}", endpoint=served.endpoint, region=served.region, environment=served.environment
    )


def _plain(served: Served, prefix: str) -> Way:
    name, _, below = served.address.removeprefix("s3://").partition("/")
    made: Any = S3Store
    store = made(
        name,
        prefix=f"{below}/{prefix}",
        config={
            "aws_endpoint_url": served.endpoint,
            "aws_region": served.region,
            "aws_access_key_id": served.environment["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": served.environment["AWS_SECRET_ACCESS_KEY"],
        },
        client_options={"allow_http": True},
    )

    def fetch(digest: Digest, into: Path) -> None:
        with into.open("wb") as stream:
            for chunk in store.get(digest.sha256).stream(min_chunk_size=1 << 20):
                stream.write(chunk)

    return Way(lambda digest, file: store.put(digest.sha256, file), fetch)
