"""The door to the network: one call at a time, never repeated, keys added on the way out and taken out of all that is kept.

A `Connection` is what an adapter is handed for one operation. Whoever drives it waits and tries again; here is only said
how a call ended, and for the one that costs money: whether it may have arrived. Outputs are fetched into a file that a later
call goes on with. Loaded when something is asked of a service, because httpx takes a while to import.
"""

import hashlib
import ipaddress
import json
import re
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote, urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from shotbuild import __version__
from shotbuild.errors import (
    AddressExpired,
    BadTake,
    Cancelled,
    FateUnknown,
    KeyRefused,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    RateLimited,
)
from shotbuild.host.wire import Account, Call, Limits, Part, Payment, Reply
from shotbuild.records import Digest

LARGEST_ANSWER = 512 << 20
"""Bytes of one answer: services that send a take along in JSON stay well below."""
INLINE = 4096
"""Longer texts in a request are kept by their digest: pictures in base64 are in the store already."""
HIDDEN = "•••"
SIGNED = re.compile(r"""(https?://[^\s"'\\?]+)\?[^\s"'\\]+""")
"""Addresses with a query: what stands there signs or opens something, for a while."""
CHUNK = 1 << 18
SECRET_HEADERS = ("authorization", "x-api-key", "xi-api-key", "x-goog-api-key", "cookie")
SHORTEST_SECRET = 6
REDIRECTS = 5
ANY = Limits()
CUTS = 4
_NEVER_LEFT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.ProxyError,
    httpx.LocalProtocolError,
    httpx.InvalidURL,
)
TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")
"""IPv4 as networks without it write it."""
_NO_TAKE = ("text/html", "application/xhtml", "text/plain", "application/json", "application/xml", "text/xml", "text/css")


class Network:
    """The connections of one build. Closed by its maker. verify: as httpx takes it; patience: seconds for which a server may
    be silent in a call that is not paid for."""

    def __init__(self, *, verify: bool | str = True, patience: float = 60) -> None:
        waits = httpx.Timeout(patience, connect=15, write=300, pool=60)
        head = {"User-Agent": f"shotbuild/{__version__}"}
        self._kept = httpx.Client(timeout=waits, headers=head, verify=verify, limits=httpx.Limits(max_connections=64))
        # A kept connection may have been closed at the other end without our knowing: what is paid for gets a fresh one.
        fresh = httpx.Limits(max_connections=64, max_keepalive_connections=0)
        self._fresh = httpx.Client(timeout=httpx.Timeout(120, connect=15), headers=head, verify=verify, limits=fresh)

    def connect(self, account: Account, before: Callable[[str], None] | None = None) -> "Connection":
        """before: told what is about to be paid for, as text without keys; when it raises, nothing leaves."""
        return Connection(self._kept, self._fresh, account, before)

    def close(self) -> None:
        self._kept.close()
        self._fresh.close()


class Connection:
    """`wire.Http` for one operation. payment: how its paid call ended; last: the answer to the newest call, as text without
    keys."""

    def __init__(
        self, kept: httpx.Client, fresh: httpx.Client, account: Account, before: Callable[[str], None] | None
    ) -> None:
        self._kept, self._fresh, self._account, self._before = kept, fresh, account, before
        self.known = account.known
        self.payment = Payment.NONE
        self.last = ""
        self._carried: set[str] = set()

    def send(
        self,
        method: str,
        url: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        form: tuple[tuple[str, Part], ...] = (),
        raw: Path | None = None,
        bare: bool = False,
        allow: tuple[int, ...] = (),
    ) -> Reply:
        call = Call(
            method=method,
            url=self._absolute(url),
            query=query or {},
            headers=headers or {},
            body=body,
            form=form,
            raw=raw,
            bare=bare,
        )
        with ExitStack() as opened:
            reply = self._answered(self._kept, self._request(self._kept, call, opened))
        if bare and not reply.ok:
            # Storage that takes uploads speaks for itself, not for the service: its no says nothing of our key.
            raise ProviderUnavailable(f"an upload for {self._account.name} was not taken ({reply.status})")
        return reply if reply.status in allow else self._checked(reply)

    def get(self, url: str, query: Mapping[str, str] | None = None, *, allow: tuple[int, ...] = ()) -> Reply:
        return self.send("GET", url, query=query, allow=allow)

    def pay(
        self,
        url: str,
        body: Mapping[str, Any] | None = None,
        *,
        method: str = "POST",
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        form: tuple[tuple[str, Part], ...] = (),
    ) -> Reply:
        if self.payment is not Payment.NONE:
            raise RuntimeError(f"the adapter of {self._account.name} pays twice in one submit")
        if self._before is None:
            raise RuntimeError(f"the adapter of {self._account.name} pays outside of submit")
        call = Call(
            method=method,
            url=self._absolute(url),
            query=query or {},
            headers=headers or {},
            body=body,
            form=form,
            bare=False,
        )
        with ExitStack() as opened:
            # What cannot even be written as a request is found out before it is written down as one that left.
            request = self._request(self._fresh, call, opened)
            self._before(self.shown(frozen(call)))
            self.payment, self.last = Payment.UNKNOWN, ""
            try:
                reply = self._answered(self._fresh, request)
            except ProviderUnavailable as error:
                if isinstance(error.__cause__, _NEVER_LEFT):
                    self.payment = Payment.UNSENT
                    raise
                raise self._unknown(error.cause or error.message) from error
        try:
            self._checked(reply)
        except (ProviderRefused, RateLimited):
            self.payment = Payment.REFUSED
            raise
        except ProviderError as error:
            # It arrived, and what came back does not say that nothing was made of it.
            raise self._unknown(f"{error.message}: {error.cause}" if error.cause else error.message) from error
        self.payment = Payment.ACCEPTED
        return reply

    @property
    def unsent(self) -> bool:
        return self.payment is Payment.UNSENT

    @property
    def refused(self) -> bool:
        return self.payment is Payment.REFUSED

    def shown(self, text: str) -> str:
        """A text without keys, and without the signatures in addresses."""
        return SIGNED.sub(rf"\1?{HIDDEN}", self._without_keys(text.encode("utf-8", "replace")).decode())

    def _spelt(self) -> list[str]:
        """What stands nowhere, in all the ways in which it may be written, the longest first."""
        secrets = {each for each in (*self._account.secrets, *self._carried) if len(each) >= SHORTEST_SECRET}
        spelt = {
            way for each in secrets for way in (each, quote(each, safe=""), json.dumps(each)[1:-1], each.replace("/", r"\/"))
        }
        return sorted(spelt, key=len, reverse=True)

    def _without_keys(self, content: bytes) -> bytes:
        """An answer as an adapter may see it: what it says of it goes into errors, journals and ledgers."""
        for secret in self._spelt():
            content = content.replace(secret.encode(), HIDDEN.encode())
        return content

    # --- outputs --------------------------------------------------------------------------------------------------------

    def fetch(
        self, url: str, into: Path, *, bare: bool, limits: Limits = ANY, stop: Callable[[], bool] = lambda: False
    ) -> Digest:
        """Fetches an output into a file, going on from what of it is there already. stop: asked now and then.

        Errors: AddressExpired; BadTake for what cannot be a take; ProviderUnavailable when it was cut off: called again, it
        goes on from there, if the server said what it calls these bytes; Cancelled."""
        deadline = time.monotonic() + limits.seconds
        url = self._absolute(url)
        for cut in range(CUTS):
            before = into.stat().st_size if into.exists() else 0
            try:
                digest = self._fetched(url, into, before, bare, limits, deadline, stop)
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                gained = into.exists() and into.stat().st_size > before
                if not gained or cut == CUTS - 1:
                    raise self._unanswered(error, "the output was cut off") from error
            else:
                _mark_of(into).unlink(missing_ok=True)
                return digest
        raise AssertionError("the loop returns or raises")

    def _fetched(
        self, url: str, into: Path, have: int, bare: bool, limits: Limits, deadline: float, stop: Callable[[], bool]
    ) -> Digest:
        hashed = hashlib.sha256()
        mark = _mark_of(into).read_text() if have and _mark_of(into).exists() else ""
        if not mark:
            have = 0  # nobody can tell whether what comes next is of the same file
        if have:
            with into.open("rb") as stream:
                while chunk := stream.read(CHUNK):
                    hashed.update(chunk)
        wanted = {"Range": f"bytes={have}-", "If-Range": mark} if have else {}
        with self._following(url, wanted, bare) as reply:
            packed = reply.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity")
            same = _validator(reply) in (mark, "")
            if reply.status_code == 416 and have and _total(reply) == have and same:
                return Digest(sha256=hashed.hexdigest(), size=have)
            if reply.status_code == 416 and have:
                into.unlink()
                raise httpx.RemoteProtocolError("more is here than there ever was")
            self._check_output(reply)
            goes_on = have > 0 and reply.status_code == 206 and _starts(reply) == have and same and not packed
            if not goes_on:
                have, hashed = 0, hashlib.sha256()
                into.unlink(missing_ok=True)
                if reply.status_code == 206:
                    raise httpx.RemoteProtocolError("another part came than was asked for")
                _mark_of(into).write_text(_validator(reply))
            try:
                with into.open("ab" if goes_on else "wb") as stream:
                    size = self._poured(reply, stream, hashed, have, limits, deadline, stop)
            except BaseException:
                if packed:
                    into.unlink()  # ranges count what is sent, not what it unpacks to
                raise
        if size == 0:
            raise BadTake(f"{self._account.name} handed over an empty file")
        return Digest(sha256=hashed.hexdigest(), size=size)

    def _poured(
        self,
        reply: httpx.Response,
        stream: IO[bytes],
        hashed: Any,
        size: int,
        limits: Limits,
        deadline: float,
        stop: Callable[[], bool],
    ) -> int:
        # As they come: what is gathered for a larger piece is lost when it is cut off.
        for chunk in reply.iter_bytes():
            stream.write(chunk)
            hashed.update(chunk)
            size += len(chunk)
            if stop():
                raise Cancelled("fetching was stopped; the next build goes on with it")
            if size > limits.size:
                raise BadTake(f"the output of {self._account.name} is larger than {limits.size} bytes")
            if time.monotonic() > deadline:
                raise ProviderUnavailable(f"the output of {self._account.name} took longer than {limits.seconds:.0f} s")
        return size

    def _check_output(self, reply: httpx.Response) -> None:
        kind = reply.headers.get("content-type", "").partition(";")[0].strip().lower()
        if reply.status_code in (401, 403, 404, 410):
            raise AddressExpired(f"the address of the output no longer holds ({reply.status_code})")
        if not 200 <= reply.status_code < 300:
            raise ProviderUnavailable(f"{self._account.name} did not hand the output over ({reply.status_code})")
        if kind.startswith(_NO_TAKE):
            raise BadTake(f"{self._account.name} handed over `{kind}`, not a clip")

    @contextmanager
    def _following(self, url: str, headers: Mapping[str, str], bare: bool) -> Iterator[httpx.Response]:
        for _ in range(REDIRECTS + 1):
            self._check_target(url)
            carried = {} if bare or not self._own(url) else dict(self._headers())
            plain = {"Accept-Encoding": "identity", **carried, **headers}
            with self._kept.stream("GET", url, headers=plain, follow_redirects=False) as reply:
                self._check_peer(url, reply)
                if not reply.has_redirect_location:
                    yield reply
                    return
                url = self._joined(url, reply.headers["location"])
        raise BadTake(f"the output of {self._account.name} is behind more than {REDIRECTS} redirects")

    def _joined(self, url: str, location: str) -> str:
        try:
            target = urljoin(url, location)
            _origin(target)
        except ValueError as error:
            raise BadTake(f"the output of {self._account.name} is behind a redirect to nowhere", cause=str(error)) from error
        return target

    def _check_target(self, url: str) -> None:
        """An output comes over https and from a public place, or from where the service itself was said to be."""
        parts = urlsplit(url)
        if _origin(url) == _origin(self._account.address):
            return
        if parts.scheme != "https" or not parts.hostname:
            raise BadTake(f"the output of {self._account.name} is not offered over https", cause=self.shown(_bare(url)))
        try:
            found = socket.getaddrinfo(parts.hostname, parts.port or 443, proto=socket.IPPROTO_TCP)
        except (OSError, UnicodeError) as error:
            if _proxied(parts.hostname):
                return
            raise ProviderUnavailable(f"{parts.hostname} is not to be found", cause=str(error)) from error
        for *_, address in found:
            self._refuse_private(str(address[0]), url)

    def _check_peer(self, url: str, reply: httpx.Response) -> None:
        """The same once more of whom we really talk to: a name may lead elsewhere the second time."""
        host = urlsplit(url).hostname or ""
        if _origin(url) == _origin(self._account.address) or _proxied(host):
            return
        stream = reply.extensions.get("network_stream")
        try:
            peer = stream.get_extra_info("server_addr") if stream is not None else None
        except OSError as error:  # it has hung up already
            raise httpx.ReadError(str(error)) from error
        if peer:
            self._refuse_private(str(peer[0]), url)

    def _refuse_private(self, address: str, url: str) -> None:
        if not _is_public(ipaddress.ip_address(address.partition("%")[0])):
            raise BadTake(
                f"the output of {self._account.name} leads into a private network",
                cause=f"{self.shown(_bare(url))} is {address}",
            )

    # --- calls ----------------------------------------------------------------------------------------------------------

    def _absolute(self, url: str) -> str:
        try:
            if urlsplit(url).scheme:
                _origin(url)
                return url
        except ValueError as error:
            cause = f"{self.shown(url[:200])}: {error}"
            raise ProviderError(f"{self._account.name} named an address that is none", cause=cause) from error
        return f"{self._account.address}/{url.lstrip('/')}"

    def _own(self, url: str) -> bool:
        return _origin(url) in {_origin(each) for each in (self._account.address, *self._account.origins)}

    def _headers(self) -> Mapping[str, str]:
        """What a call carries; tokens that are made for one call are no less secret than the key that they are made of."""
        headers = self._account.headers()
        for name, value in headers.items():
            if not value.isascii() or not value.isprintable() or value != value.strip():
                raise KeyRefused(
                    f"the key of {self._account.name} cannot be sent",
                    cause=f"`{name}` would hold a character that no header may have, such as a typographic quote",
                    hint="copy the key once more from the service's page, and nothing around it",
                )
            if name.lower() in SECRET_HEADERS:
                self._carried |= {value, value.partition(" ")[2]}
        return headers

    def _request(self, client: httpx.Client, call: Call, opened: ExitStack) -> httpx.Request:
        """A call as it will leave, keys and all. opened: keeps its files open. Errors: ProviderError: nothing has left."""
        if not call.bare and not self._own(call.url):
            raise ProviderError(
                f"the key of {self._account.name} is not sent to {urlsplit(call.url).hostname}",
                cause="that is none of the places where the service is",
            )
        if call.bare:
            self._check_target(call.url)
        headers = {**({} if call.bare else self._headers()), **call.headers}
        if call.raw is not None:
            # Addresses to upload to take no chunked transfer.
            headers["Content-Length"] = str(call.raw.stat().st_size)
        try:
            query = dict(call.query) or None
            return client.build_request(call.method, call.url, params=query, headers=headers, **_content(call, opened))
        except (ValueError, httpx.InvalidURL) as error:
            # Texts that are no Unicode, numbers that are none, addresses that are no addresses.
            cause = self.shown(f"{type(error).__name__}: {error}")
            raise ProviderRefused(f"this cannot be written as a request to {self._account.name}", cause=cause) from error

    def _answered(self, client: httpx.Client, request: httpx.Request) -> Reply:
        try:
            with closing(client.send(request, stream=True, follow_redirects=False)) as reply:
                content = self._without_keys(self._read(reply))
                kept = {name.lower(): self._without_keys(value.encode()).decode() for name, value in reply.headers.items()}
                answer = Reply(reply.status_code, kept, content, self._account.name)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._unanswered(error, "it did not answer") from error
        self.last = self.shown(_kept(answer))
        return answer

    def _read(self, reply: httpx.Response) -> bytes:
        content = bytearray()
        for chunk in reply.iter_bytes():
            content += chunk
            if len(content) > LARGEST_ANSWER:
                raise httpx.ReadError(f"the answer is larger than {LARGEST_ANSWER} bytes")
        return bytes(content)

    def _checked(self, reply: Reply) -> Reply:
        fault = self._account.fault(reply)
        if fault is not None:
            raise self._told(fault)
        if reply.ok:
            return reply
        cause = self.shown(reply.text[:300]) or None
        if reply.status in (401, 403):
            raise KeyRefused(f"{self._account.name} does not take the key ({reply.status})", cause=cause)
        raise ProviderUnavailable(f"{self._account.name} answered {reply.status}", cause=cause)

    def _told(self, error: ProviderError) -> ProviderError:
        error.message = self.shown(error.message)
        error.cause = error.cause and self.shown(error.cause)
        return error

    def _unanswered(self, error: Exception, what: str) -> ProviderUnavailable:
        cause = self.shown(f"{type(error).__name__}: {error}")
        return ProviderUnavailable(f"{self._account.name} was asked, and {what}", cause=cause)

    def _unknown(self, cause: str) -> FateUnknown:
        return FateUnknown(f"nobody knows whether {self._account.name} accepted the request", cause=cause)


def frozen(call: Call) -> str:
    """A call as JSON text, for the record: long texts, such as pictures, by their digest."""
    said: dict[str, Any] = {"method": call.method, "url": call.url, "query": dict(call.query)}
    said |= {"headers": dict(call.headers), "body": short(call.body), "form": [_shown(*part) for part in call.form]}
    return json.dumps({name: value for name, value in said.items() if value}, ensure_ascii=False, sort_keys=True)


def _shown(name: str, part: Part) -> list[Any]:
    """A part of a form; a file by its name, which says nothing of this machine."""
    return [name, short(part.content) if isinstance(part.content, str) else {"file": part.name}]


def short(value: Any) -> Any:
    """A JSON value whose long texts are replaced by what they are."""
    if isinstance(value, str) and len(value) > INLINE:
        return f"sha256:{hashlib.sha256(value.encode()).hexdigest()} ({len(value)} characters)"
    if isinstance(value, Mapping):
        return {name: short(item) for name, item in value.items()}
    return [short(item) for item in value] if isinstance(value, list | tuple) else value


def _kept(reply: Reply) -> str:
    """What an answer said, for the record: long texts, such as a clip in base64, by their digest."""
    if len(reply.content) > INLINE and reply.json.value is not None:
        return json.dumps(short(reply.json.value), ensure_ascii=False)
    return reply.content[: INLINE * 16].decode("utf-8", "replace")


def _content(call: Call, opened: ExitStack) -> dict[str, Any]:
    if call.body is not None:
        return {"json": call.body}
    if call.raw is not None:
        return {"content": _pieces(opened.enter_context(call.raw.open("rb")))}
    if call.form:
        return {"files": [(name, _part(part, opened)) for name, part in call.form]}
    return {}


def _pieces(stream: IO[bytes]) -> Iterator[bytes]:
    while chunk := stream.read(CHUNK):
        yield chunk


def _part(part: Part, opened: ExitStack) -> Any:
    if isinstance(part.content, Path):
        stream = opened.enter_context(part.content.open("rb"))
        return (part.name or part.content.name, stream, part.kind or "application/octet-stream")
    return (None, part.content)


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or {"https": 443, "http": 80}.get(parts.scheme)


def _bare(url: str) -> str:
    return url.partition("?")[0]


def _proxied(host: str) -> bool:
    return bool(getproxies().get("https") or getproxies().get("all")) and not proxy_bypass(host)


def _is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether it leads to the whole world. Addresses that hold another one lead to that."""
    if isinstance(address, ipaddress.IPv6Address):
        held = address.ipv4_mapped or address.sixtofour
        if held is None and address in TRANSLATED:
            held = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if held is not None:
            return _is_public(held)
    return address.is_global and not address.is_multicast


def _mark_of(into: Path) -> Path:
    """Beside a file under way: what its server calls these very bytes, so that no other bytes are added to them."""
    return into.with_name(f"{into.name}.mark")


def _validator(reply: httpx.Response) -> str:
    """An `ETag` that stands for the same bytes, else a time of change; `""` when it says neither."""
    tag = str(reply.headers.get("etag", ""))
    return str(reply.headers.get("last-modified", "")) if not tag or tag.startswith("W/") else tag


def _starts(reply: httpx.Response) -> int | None:
    """Where the part begins that came, by `Content-Range: bytes 100-199/200`."""
    word = reply.headers.get("content-range", "").removeprefix("bytes ").partition("-")[0]
    return int(word) if word.isdigit() else None


def _total(reply: httpx.Response) -> int | None:
    word = reply.headers.get("content-range", "").rpartition("/")[2]
    return int(word) if word.isdigit() else None
