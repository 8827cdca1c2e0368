"""Files as answers: whole or a part, a block at a time, so that neither length nor a slow reader costs memory."""

import asyncio
import hashlib
import os
import re
import stat
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from pathlib import Path
from typing import Protocol

from starlette.types import Receive, Scope, Send

BLOCK = 128 * 1024
RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
SAFE = {"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src 'self'; sandbox"}
"""What a browser opens as a page of its own, such as a picture in SVG, runs nothing and belongs to no site."""


class Bytes(Protocol):
    """A file that may be sent. etag: names its bytes, None where they may change."""

    @property
    def path(self) -> Path: ...
    @property
    def content_type(self) -> str: ...
    @property
    def etag(self) -> str | None: ...


class Sent:
    """An ASGI answer. keep: what a browser may do with it, as `Cache-Control`; disk: reads."""

    def __init__(self, file: Bytes, disk: ThreadPoolExecutor, keep: str) -> None:
        self._file, self._disk, self._keep = file, disk, keep

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        loop = asyncio.get_running_loop()
        try:
            handle, about = await loop.run_in_executor(self._disk, _opened, self._file.path)
        except OSError:
            await answer(send, 404, {"content-type": "text/plain; charset=utf-8"}, b"not here\n")
            return
        try:
            await self._send(handle, about, scope, receive, send)
        finally:
            os.close(handle)

    async def _send(self, handle: int, about: os.stat_result, scope: Scope, receive: Receive, send: Send) -> None:
        asked = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        size, tag = about.st_size, f'"{self._file.etag or _tag(about)}"'
        headers = {
            "content-type": self._file.content_type,
            "accept-ranges": "bytes",
            "etag": tag,
            "cache-control": self._keep,
            "vary": "Cookie",
            **SAFE,
        }
        if self._file.etag is None:
            headers["last-modified"] = formatdate(about.st_mtime, usegmt=True)
        if _names(asked.get("if-none-match"), tag):
            await answer(send, 304, headers)
            return
        if scope["method"] == "HEAD":
            await answer(send, 200, headers | {"content-length": str(size)})
            return
        part = part_of(asked, size, tag)
        if part is None:
            await answer(send, 416, headers | {"content-range": f"bytes */{size}"})
            return
        first, end = part
        whole = (first, end) == (0, size)
        told = {"content-length": str(end - first)} | ({} if whole else {"content-range": f"bytes {first}-{end - 1}/{size}"})
        await send({"type": "http.response.start", "status": 200 if whole else 206, "headers": _raw(headers | told)})
        left = asyncio.ensure_future(gone(receive))
        try:
            await self._blocks(handle, first, end, send, left)
        finally:
            left.cancel()

    async def _blocks(self, handle: int, first: int, end: int, send: Send, left: "asyncio.Future[None]") -> None:
        """The last block ends the answer. Where the file is shorter than it was, none does, and the server cuts it off."""
        loop = asyncio.get_running_loop()
        while not left.done():
            block = await loop.run_in_executor(self._disk, os.pread, handle, min(BLOCK, end - first), first)
            first += len(block)
            if not block and first < end:
                return
            await send({"type": "http.response.body", "body": block, "more_body": first < end})
            if first >= end:
                return


def part_of(asked: Mapping[str, str], size: int, tag: str) -> tuple[int, int] | None:
    """The bytes that a request wants, from the first to the one after the last; None = there are none such. What asks for
    several parts, in another unit, or of other bytes (`If-Range`) gets the whole file."""
    wanted = RANGE.fullmatch(asked.get("range", "").replace(" ", ""))
    if wanted is None or wanted[1] == wanted[2] == "" or asked.get("if-range", tag) != tag:
        return 0, size
    if not wanted[1]:
        first, end = max(0, size - int(wanted[2])), size
    else:
        first, end = int(wanted[1]), min(size, int(wanted[2]) + 1) if wanted[2] else size
        if wanted[2] and int(wanted[2]) < first:
            return 0, size
    return (first, end) if first < end else None


async def answer(send: Send, status: int, headers: Mapping[str, str], body: bytes = b"") -> None:
    told = dict(headers) if "content-length" in headers or status == 304 else {**headers, "content-length": str(len(body))}
    await send({"type": "http.response.start", "status": status, "headers": _raw(told)})
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def gone(receive: Receive) -> None:
    """Until the reader is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _opened(path: Path) -> tuple[int, os.stat_result]:
    """Errors: OSError, also for what is no plain file."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    about = os.fstat(handle)
    if not stat.S_ISREG(about.st_mode):
        os.close(handle)
        raise OSError("no plain file")
    return handle, about


def _tag(about: os.stat_result) -> str:
    words = f"{about.st_ino} {about.st_size} {about.st_mtime_ns} {about.st_ctime_ns}"
    return hashlib.sha256(words.encode()).hexdigest()[:32]


def _names(wanted: str | None, tag: str) -> bool:
    return wanted is not None and (wanted == "*" or tag in [each.strip().removeprefix("W/") for each in wanted.split(",")])


def _raw(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
