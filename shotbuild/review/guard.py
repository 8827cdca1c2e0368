"""What stands before the page: refuses what no page of ours asks for, before anything else is looked at.

In this order: the form of the request, the host that it is for, where it comes from, who sends it, whether they may write,
and its body. Each refusal is the same whether what was asked for exists or not.
"""

import asyncio
import hmac
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shotbuild.review.doorway import onward, refused
from shotbuild.review.people import Person, Refusal
from shotbuild.review.sending import answer
from shotbuild.review.sessions import Entrance

HEADER_BYTES, TARGET_BYTES, BODY_BYTES = 16 * 1024, 2048, 64 * 1024
BODY_SECONDS = 10.0
AT_ONCE = 64
"""Requests of one person that are under way: who asks for more waits for none of the others."""
OPEN = ("/enter/", "/static/")
"""What needs no session."""
API = "/api/"
TOKEN = b"x-shotbuild-token"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
PLAIN_PATH = re.compile(r"(/|(/[^/\x00-\x1f\x7f\\]+)+)")
STRANGE = Refusal(status=400, title="This request is not understood", told="No page here sends such requests.", close=True)
SOMEWHERE_ELSE = Refusal(
    status=421,
    title="This address is not served here",
    told="The page answers under the names that it was started with, and under no others.",
    hint="Who runs it adds a name by --host-name.",
    close=True,
)
CROSS_SITE = Refusal(status=403, title="Not from here", told="Another site asked for this, and only the page itself may.")
NOBODY = Refusal(
    status=403,
    title="This page opens by a link",
    told="Open the link that was sent to you, or the address that `shotbuild review` printed. Both end at some time.",
    hint="Then this browser remembers you.",
)
NO_TOKEN = Refusal(
    status=403,
    title="This page is out of date",
    told="It does not belong to your session any more.",
    hint="Load it again.",
)
NOT_YOURS = Refusal(status=403, title="Only to look at", told="Nothing can be decided here.")
NOT_JSON = Refusal(status=415, title="This request is not understood", told="Only JSON is taken.")
TOO_LARGE = Refusal(status=413, title="Too large", told=f"At most {BODY_BYTES // 1024} KB are taken.", close=True)
TOO_SLOW = Refusal(status=408, title="Too slow", told="The rest of the request did not come.", close=True)
TOO_LONG = Refusal(status=414, title="This address is too long", told="No page here has such an address.", close=True)
TOO_MUCH = Refusal(status=431, title="Too large", told="The headers of this request are too large.", close=True)
NO_METHOD = Refusal(
    status=405, title="This request is not understood", told="GET and HEAD ask for pages; POST decides.", close=True
)
TOO_MANY = Refusal(status=429, title="Too many at once", told="Wait until some of what you asked for is there.")


@dataclass(frozen=True, slots=True)
class Place:
    """A name under which the page answers. host: as in the Host header; origin: that pages under it have."""

    host: str
    origin: str


class Guard:
    """places: where the page answers; cookie: its name; scheme: of the server itself; local: whether the address of this
    machine that a connection came to is a place too, for servers that listen on all."""

    def __init__(
        self, app: ASGIApp, entrance: Entrance, places: Sequence[Place], *, cookie: str, scheme: str, local: bool = False
    ) -> None:
        self._app, self._entrance, self._scheme, self._local = app, entrance, scheme, local
        self._places = {place.host: place for place in places}
        self._cookie = cookie.encode()
        self._under_way: Counter[str | None] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return  # neither websockets nor a lifespan: nothing here has them
        send = _sealed(send)
        found = self._looked_at(scope)
        if isinstance(found, Refusal):
            if scope["method"] == "POST" and not found.close:
                # Who still sends would see a connection that broke, and not why.
                body = await _body(receive)
                found = body if isinstance(body, Refusal) else found
            await self.refuse(found, scope, send)
        elif found is None:
            await self._app(scope, receive, send)
        elif self._under_way[found.invite] >= AT_ONCE:
            await self.refuse(TOO_MANY, scope, send)
        else:
            self._under_way[found.invite] += 1
            try:
                await self._let_in(found, scope, receive, send)
            finally:
                self._under_way[found.invite] -= 1
                if not self._under_way[found.invite]:
                    del self._under_way[found.invite]

    async def refuse(self, refusal: Refusal, scope: Scope, send: Send) -> None:
        headers = {"connection": "close"} if refusal.close else {}
        if refusal.status == 405:
            headers["allow"] = "GET, HEAD, POST"
        if refusal is NOBODY and _came_from_elsewhere(_headers(scope)):
            # The browser kept the cookie back, because a link on another site led here.
            page = onward(_target(scope))
            await answer(send, 200, {"content-type": "text/html; charset=utf-8", **headers}, page.encode())
        elif scope["path"].startswith(API):
            told = {"message": refusal.told, "cause": None, "hint": refusal.hint or None}
            await answer(send, refusal.status, {"content-type": "application/json", **headers}, json.dumps(told).encode())
        else:
            page = refused(refusal)
            await answer(send, refusal.status, {"content-type": "text/html; charset=utf-8", **headers}, page.encode())

    async def _let_in(self, person: Person, scope: Scope, receive: Receive, send: Send) -> None:
        scope["person"], scope["again"] = person, lambda: self._person(_headers(scope))
        if scope["method"] == "POST":
            body = await _body(receive)
            if isinstance(body, Refusal):
                await self.refuse(body, scope, send)
                return
            scope["body"] = body
        await self._app(scope, receive, send)

    def _looked_at(self, scope: Scope) -> Person | Refusal | None:
        """Who may go on; None = anybody."""
        headers = _headers(scope)
        refusal = _form(scope, headers) or self._from_elsewhere(scope, headers)
        if refusal is not None:
            return refusal
        if scope["path"].startswith(OPEN):
            return STRANGE if scope["method"] == "POST" else None
        person = self._person(headers)
        if not isinstance(person, Person) or scope["method"] != "POST":
            return person
        given = headers.get(TOKEN, [b""])
        if self._entrance.read_only or not person.may:
            return NOT_YOURS
        if len(given) != 1 or not person.token or not hmac.compare_digest(given[0], person.token.encode()):
            return NO_TOKEN
        return person

    def _from_elsewhere(self, scope: Scope, headers: Mapping[bytes, list[bytes]]) -> Refusal | None:
        """Neither another name for this machine, nor a page of another site."""
        hosts = headers.get(b"host", [])
        place = self._place(hosts[0].decode("latin-1"), scope) if len(hosts) == 1 else None
        if place is None:
            return SOMEWHERE_ELSE
        origin, site, mode = (headers.get(name) for name in (b"origin", b"sec-fetch-site", b"sec-fetch-mode"))
        if scope["method"] == "POST":
            if origin != [place.origin.encode()] or site not in (None, [b"same-origin"]):
                return CROSS_SITE
        elif origin not in (None, [place.origin.encode()]) or (
            site not in (None, [b"same-origin"], [b"none"]) and mode != [b"navigate"]
        ):
            return CROSS_SITE
        return None

    def _place(self, host: str, scope: Scope) -> Place | None:
        found = self._places.get(host.lower())
        if found is None and self._local and scope.get("server"):
            address, port = scope["server"]
            own = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
            if host == own:
                return Place(own, f"{self._scheme}://{own}")
        return found

    def _person(self, headers: Mapping[bytes, list[bytes]]) -> Person | Refusal:
        sent = [each.strip() for line in headers.get(b"cookie", []) for each in line.split(b";")]
        mine = [value for name, mark, value in (each.partition(b"=") for each in sent) if mark and name == self._cookie]
        if len(mine) != 1 or not mine[0].isascii():
            return NOBODY
        return self._entrance.person(mine[0].decode("ascii")) or NOBODY


def _form(scope: Scope, headers: Mapping[bytes, list[bytes]]) -> Refusal | None:
    """What can be said of a request by itself."""
    method, raw = scope["method"], scope.get("raw_path") or b""
    if sum(len(name) + len(value) + 4 for name, value in scope["headers"]) > HEADER_BYTES:
        return TOO_MUCH
    if len(raw) + len(scope["query_string"]) > TARGET_BYTES:
        return TOO_LONG
    if method not in ("GET", "HEAD", "POST"):
        return NO_METHOD
    try:
        path = unquote_to_bytes(raw).decode()
    except UnicodeDecodeError:
        return STRANGE
    # The path that everybody behind this sees is the one that is looked at.
    if path != scope["path"] or not PLAIN_PATH.fullmatch(path) or {".", ".."} & set(path.split("/")):
        return STRANGE
    lengths, coded = headers.get(b"content-length", []), headers.get(b"transfer-encoding", [])
    if len(lengths) + len(coded) > 1 or {b"upgrade", b"content-encoding"} & headers.keys():
        return STRANGE  # where a body ends is said once, or two programs on the way may each believe another
    if method != "POST":
        return STRANGE if coded or lengths not in ([], [b"0"]) else None
    if not path.startswith(API):
        return NO_METHOD
    if lengths and (not lengths[0].isdigit() or len(lengths[0]) > 12 or int(lengths[0]) > BODY_BYTES):
        return TOO_LARGE
    kind = headers.get(b"content-type", [])
    if len(kind) != 1 or kind[0].partition(b";")[0].strip().lower() != b"application/json":
        return NOT_JSON
    return None


async def _body(receive: Receive) -> bytes | Refusal:
    """All of it, counted while it comes."""
    found = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    return TOO_SLOW
                found += message.get("body", b"")
                if len(found) > BODY_BYTES:
                    return TOO_LARGE
                if not message.get("more_body", False):
                    return bytes(found)
    except TimeoutError:
        return TOO_SLOW


def _sealed(send: Send) -> Send:
    """Adds what every answer says to browsers, where the answer itself says nothing else of it."""

    async def sealed(message: Message) -> None:
        if message["type"] == "http.response.start":
            said = {name.lower() for name, _ in message.get("headers", [])}
            more = [(name.encode(), value.encode()) for name, value in HEADERS.items() if name.encode() not in said]
            message = {**message, "headers": [*message.get("headers", []), *more]}
        await send(message)

    return sealed


def _headers(scope: Scope) -> dict[bytes, list[bytes]]:
    found: dict[bytes, list[bytes]] = {}
    for name, value in scope["headers"]:
        found.setdefault(name, []).append(value)
    return found


def _came_from_elsewhere(headers: Mapping[bytes, list[bytes]]) -> bool:
    return headers.get(b"sec-fetch-site") in ([b"cross-site"], [b"same-site"]) and headers.get(b"sec-fetch-mode") == [
        b"navigate"
    ]


def _target(scope: Scope) -> str:
    query = scope["query_string"].decode("latin-1")
    path: str = scope["raw_path"].decode("latin-1")
    return f"{path}?{query}" if query else path
