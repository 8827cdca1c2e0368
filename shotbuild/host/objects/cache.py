"""An HTTP cache in the plain form of Bazel's remote cache: GET, HEAD and PUT of `/ac/<digest>` and `/cas/<digest>`.

Such a cache lists nothing, takes nothing away, and lets nobody win: what is put there twice is written twice. Credentials
are a user and a password, from the address or from a netrc file, and go to the server of the address alone.
"""

import netrc
import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TypeVar
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import httpx

from shotbuild import __version__
from shotbuild.digest import CHUNK
from shotbuild.errors import StoreError, StoreRefused, StoreUnavailable
from shotbuild.host.objects.arriving import poured, too_large
from shotbuild.host.objects.interface import Found, Objects
from shotbuild.host.objects.layout import laid_out
from shotbuild.host.objects.patience import Failing, Patience, repeated
from shotbuild.records import Digest

Answer = TypeVar("Answer")
OBJECT = re.compile("(ac|cas)/[0-9a-f]{64}")
AGAIN = (408, 425, 429, 500, 502, 503, 504)
GONE = (404, 410)
REDIRECTS = 3
NO_HEAD = (400, 405, 501)
_UNREACHED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol, httpx.ProxyError)


def opened(
    address: str,
    *,
    endpoint: str | None,
    region: str | None,
    environment: Mapping[str, str] | None = None,
    patience: Patience | None = None,
) -> Objects:
    """address: `https://host/path`, with `user:password@` before the host where it does not come from a file that others
    see. Nothing is asked yet. Errors: StoreError when there can be no such cache."""
    if endpoint or region:
        raise StoreError("an HTTP cache has neither `endpoint` nor `region`", hint="its address says where it is")
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise StoreError("this is no address of an HTTP cache", hint="write `https://host/path`") from error
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment:
        raise StoreError("this is no address of an HTTP cache", hint="write `https://host/path`")
    place = f"[{host}]" if ":" in host else host
    plain = urlunsplit((parts.scheme, f"{place}:{port}" if port else place, parts.path.rstrip("/"), "", ""))
    login = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
    environment = os.environ if environment is None else environment
    return CacheObjects(plain, login or _login(host, environment), patience or Patience())


class CacheObjects:
    """address: without credentials; login: user and password, None = there are none."""

    lists = False

    def __init__(self, address: str, login: tuple[str, str] | None, patience: Patience) -> None:
        self.shown = address
        self._known, self._patience = login is not None, patience
        self._origin = _origin(httpx.URL(address))
        self._small = _client(login, httpx.Timeout(patience.answer, connect=5))
        self._large = _client(login, httpx.Timeout(patience.silence, connect=5, write=patience.taken))

    def size(self, key: str) -> int | None:
        url = self._url(key)
        return None if url is None else repeated(lambda: self._sized(url), self._patience)

    def read(self, key: str, most: int) -> bytes | None:
        url = self._url(key)
        return None if url is None else repeated(lambda: self._read(key, url, most), self._patience)

    def fetch(self, key: str, into: Path, most: int) -> Digest | None:
        url = self._url(key)
        return None if url is None else repeated(lambda: self._fetched(key, url, into, most), self._patience)

    def write(self, key: str, content: bytes) -> None:
        url = self._place(key)
        repeated(lambda: self._put(self._small, url, content, len(content)), self._patience)

    def send(self, key: str, file: Path) -> None:
        url = self._place(key)
        with file.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size

            def once() -> None:
                stream.seek(0)
                self._put(self._large, url, _pieces(stream), size)

            repeated(once, self._patience)

    def create(self, key: str, content: bytes) -> bool:
        self._place(key)
        if self.size(key) is not None:
            return False
        self.write(key, content)
        return True

    def exclusive(self) -> bool:
        return False

    def each(self, kind: str) -> Iterator[Found]:
        raise StoreError(f"{self.shown} cannot say what lies there", cause="an HTTP cache lists nothing")

    def remove(self, key: str) -> None:
        raise StoreError(
            f"nothing can be taken away from {self.shown}",
            cause="an HTTP cache takes nothing away",
            hint="its server does that, by its own rules",
        )

    def close(self) -> None:
        self._small.close()
        self._large.close()

    # --- one try ------------------------------------------------------------------------------------------------------

    def _sized(self, url: str) -> int | None:
        with self._answer(self._small, "HEAD", url) as reply:
            status, size = reply.status_code, _number(reply.headers.get("content-length"))
        if status in GONE:
            return None
        if status == 200 and size is not None:
            return size
        if status not in (200, *NO_HEAD):
            raise self._unhappy(status)
        # Asked for its first byte, it says how many there are.
        with self._answer(self._small, "GET", url, {"Range": "bytes=0-0"}) as reply:
            status, ranged = reply.status_code, reply.headers.get("content-range", "").rpartition("/")[2]
            size = _number(ranged if status in (206, 416) else reply.headers.get("content-length"))
        if status in GONE:
            return None
        if status not in (200, 206, 416) or size is None:
            raise self._unhappy(status)
        return size

    def _read(self, key: str, url: str, most: int) -> bytes | None:
        began, content = time.monotonic(), bytearray()
        with self._answer(self._small, "GET", url) as reply:
            if self._is_absent(reply):
                return None
            for chunk in reply.iter_raw():
                content += chunk
                if len(content) > most:
                    raise too_large(self.shown, key, most)
                if time.monotonic() - began > self._patience.answer:
                    raise Failing(self._unavailable("no answer in time"))
        return bytes(content)

    def _fetched(self, key: str, url: str, into: Path, most: int) -> Digest | None:
        with self._answer(self._large, "GET", url) as reply:
            if self._is_absent(reply):
                return None
            return poured(
                self._chunks(reply),
                into,
                key=key,
                shown=self.shown,
                size=_number(reply.headers.get("content-length")),
                most=most,
                patience=self._patience,
            )

    def _put(self, client: httpx.Client, url: str, content: bytes | Iterator[bytes], size: int) -> None:
        with self._answer(client, "PUT", url, {"Content-Length": str(size)}, content) as reply:
            status = reply.status_code
        if status == 405:
            raise StoreRefused(f"the shared store {self.shown} takes nothing", cause="it is there to be read (405)")
        if not 200 <= status < 300:
            raise self._unhappy(status)

    def _is_absent(self, reply: httpx.Response) -> bool:
        if reply.status_code not in (200, *GONE):
            raise self._unhappy(reply.status_code)
        if reply.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
            raise self._unavailable("it packs what it hands over, unasked")
        return reply.status_code in GONE

    def _chunks(self, reply: httpx.Response) -> Iterator[bytes]:
        try:
            yield from reply.iter_raw(CHUNK)
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise self._failing(error) from error

    # --- asking -------------------------------------------------------------------------------------------------------

    @contextmanager
    def _answer(
        self,
        client: httpx.Client,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        content: bytes | Iterator[bytes] | None = None,
    ) -> Iterator[httpx.Response]:
        """One answer, with its body still to come. Redirects are followed within the server of the address alone."""
        for _ in range(REDIRECTS + 1):
            try:
                with client.stream(method, url, headers=headers, content=content) as reply:
                    if not reply.has_redirect_location:
                        yield reply
                        return
                    url = self._joined(reply, method)
            except (httpx.HTTPError, httpx.StreamError) as error:
                raise self._failing(error) from error
        raise self._unavailable("it redirects without end")

    def _joined(self, reply: httpx.Response, method: str) -> str:
        try:
            target = reply.url.join(reply.headers["location"])
        except httpx.InvalidURL as error:
            raise self._unavailable("it redirects to nowhere") from error
        if _origin(target) != self._origin or method == "PUT":
            raise self._unavailable(f"it redirects to {target.host}", "write the address that is meant")
        return str(target)

    def _url(self, key: str) -> str | None:
        """Where an object lies; None for what cannot lie here. Errors: ValueError when it is no key."""
        laid_out(key)
        return f"{self.shown}/{quote(key)}" if OBJECT.fullmatch(key) else None

    def _place(self, key: str) -> str:
        url = self._url(key)
        if url is None:
            raise StoreError(
                f"{key} cannot be kept in {self.shown}",
                cause="an HTTP cache holds blobs and results under their digests, and nothing else, such as claims",
                hint="share a folder or a bucket where machines have to agree who does what",
            )
        return url

    def _unhappy(self, status: int) -> Exception:
        if status in (401, 403):
            hint = "check the user and the password, and what they are allowed to do"
            if not self._known:
                hint = "write its user and password into ~/.netrc"
            return StoreRefused(f"the shared store {self.shown} says no", cause=f"it answered {status}", hint=hint)
        error = self._unavailable(f"it answered {status}")
        return Failing(error) if status in AGAIN else error

    def _failing(self, error: Exception) -> Failing:
        said = "no answer in time" if isinstance(error, httpx.TimeoutException) else str(error)[:200]
        cause = said or type(error).__name__
        hint = "see whether it can be reached from here; `SHOTBUILD_STORE=none` does without it"
        return Failing(self._unavailable(cause, hint), reached=not isinstance(error, _UNREACHED))

    def _unavailable(self, cause: str, hint: str | None = None) -> StoreUnavailable:
        return StoreUnavailable(f"the shared store {self.shown} cannot be used", cause=cause, hint=hint)


def _client(login: tuple[str, str] | None, timeout: httpx.Timeout) -> httpx.Client:
    head = {"User-Agent": f"shotbuild/{__version__}", "Accept-Encoding": "identity"}
    auth = httpx.BasicAuth(*login) if login else None
    return httpx.Client(timeout=timeout, headers=head, auth=auth, limits=httpx.Limits(max_connections=64))


def _login(host: str, environment: Mapping[str, str]) -> tuple[str, str] | None:
    """The user and the password that a netrc file has for a host. Errors: StoreRefused when it cannot be read."""
    file = Path(environment.get("NETRC") or Path(environment.get("HOME", "/"), ".netrc"))
    try:
        found = netrc.netrc(str(file)).authenticators(host)
    except OSError:
        return None
    except netrc.NetrcParseError as error:
        # What stands in the file may not stand in a message.
        raise StoreRefused(f"{file} cannot be read", cause=f"line {error.lineno}", hint="set it right") from None
    return (found[0], found[2] or "") if found else None


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() else None


def _pieces(stream: IO[bytes]) -> Iterator[bytes]:
    while piece := stream.read(CHUNK):
        yield piece
