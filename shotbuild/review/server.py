"""Routes: which page, deed or file an address means. Who asks was settled before (`guard`), what there is comes from `Site`.

What is not there and what is not theirs is answered alike. Work on the project runs in a few threads, reads of files in
others: whoever reads slowly keeps neither.
"""

import asyncio
import json
import re
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from shotbuild.errors import GateError, LimitReached, NeedsPerson, PlanError, ShotbuildError
from shotbuild.review.doorway import onward, refused
from shotbuild.review.people import DEEDS, ROLL, Person, Refusal
from shotbuild.review.sending import Bytes, Sent, answer, gone
from shotbuild.review.sessions import Entered, Entrance
from shotbuild.spec.kinds import NAME

DESK_THREADS, DISK_THREADS = 4, 8
STREAMS = 24
"""Event streams of one person: pages that are open at once."""
TICK_SECONDS, BEAT_SECONDS = 0.5, 15.0
"""How often a stream looks whether its person may still see it, and how often it says that it is alive."""
FOREVER, A_WHILE, NEVER = "private, max-age=31536000, immutable", "private, no-cache", "no-store"
SHA256 = re.compile(r"[0-9a-f]{64}")
STATIC = Path(__file__).parent / "static"
TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
NOT_HERE = Refusal(status=404, title="Not here", told="There is nothing at this address that you can see.")
BUG = Refusal(
    status=500,
    title="This is a bug in shotbuild",
    told="The page could not be made.",
    hint="The one who runs it finds a log.",
)
Found = TypeVar("Found")


class Later:
    """It may be had, and is not made yet."""


LATER = Later()


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What the pages of a project are, for a person; None = not there, or not theirs. do: a deed and what is said of it;
    price: of what a deed would cost; media: kind (`proxy.mp4`, `thumbnail.jpg`, `sheet.jpg`, `take`, `sound`, `reference`,
    `delivered`) and digest or path; stream: server-sent events, each whole; error: a page that tells of one.

    Errors of each: ShotbuildError."""

    board: Callable[[Person, Mapping[str, str]], str]
    shot: Callable[[Person, str, Mapping[str, str]], str | None]
    sequence: Callable[[Person, str], str | None]
    spending: Callable[[Person], str | None]
    do: Callable[[Person, str, Mapping[str, object]], Mapping[str, object] | None]
    price: Callable[[Person, Mapping[str, str]], Mapping[str, object] | None]
    media: Callable[[Person, str, str], Bytes | Later | None]
    stream: Callable[[Person], AsyncIterator[str]]
    error: Callable[[Person, ShotbuildError], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Static:
    """A file of ours that pages need."""

    path: Path
    content_type: str
    etag: str | None = None


@dataclass(frozen=True, slots=True)
class File:
    """An answer that is a file."""

    file: Bytes
    keep: str


class Server:
    """site: what is shown; cookie: its name; secure: it is sent over TLS alone; entered: told of who came in; failed: told
    of bugs, as tracebacks."""

    def __init__(
        self,
        site: Site,
        entrance: Entrance,
        *,
        cookie: str,
        secure: bool,
        entered: Callable[[Person], None] = lambda _: None,
        failed: Callable[[str], None] = lambda _: None,
        static: Path = STATIC,
    ) -> None:
        self._site, self._entrance, self._cookie, self._secure = site, entrance, cookie, secure
        self._entered, self._failed = entered, failed
        self._static = {
            path.name: Static(path=path, content_type=TYPES[path.suffix])
            for path in static.iterdir()
            if path.suffix in TYPES
        }
        self._desk = ThreadPoolExecutor(DESK_THREADS, "desk")
        self._disk = ThreadPoolExecutor(DISK_THREADS, "disk")
        self._streams: dict[str | None, int] = {}
        self._app = Starlette(routes=self._routes())

    def close(self) -> None:
        """What was begun is done; what waits is not."""
        self._desk.shutdown(cancel_futures=True)
        self._disk.shutdown(cancel_futures=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)

    def _routes(self) -> list[Route]:
        def get(path: str, endpoint: Callable[[Request], Awaitable[Any]]) -> Route:
            return Route(path, self._told(endpoint), methods=["GET"])

        return [
            get("/enter/{token}", self._enter),
            get("/", self._board),
            get("/shot/{name}", self._shot),
            get("/sequence/{name}", self._sequence),
            get("/spending", self._spending),
            get("/media/{name}/{kind}", self._media),
            get("/sound/{name}", self._media),
            get("/reference/{name}", self._media),
            get("/delivered/{name:path}", self._media),
            get("/static/{name}", self._static_file),
            get("/events", self._events),
            get("/api/price", self._price),
            Route("/api/{deed}", self._told(self._deed), methods=["POST"]),
            Route("/{rest:path}", self._told(self._nothing), methods=["GET", "POST"]),
        ]

    def _told(self, endpoint: Callable[[Request], Awaitable[Any]]) -> ASGIApp:
        """What an endpoint gives, as an answer; what it raises, as a page or as JSON."""

        async def told(scope: Scope, receive: Receive, send: Send) -> None:
            request = Request(scope, receive)
            api = scope["path"].startswith("/api/")
            try:
                found = await endpoint(request)
            except ShotbuildError as error:
                page = None if api else await self._at_desk(self._site.error, _person(request), error)
                found = (
                    _json(_problem(error, _person(request)), _status(error))
                    if page is None
                    else HTMLResponse(page, _status(error))
                )
            except Exception:
                self._failed(traceback.format_exc())
                found = BUG
            if found is None:
                found = NOT_HERE
            if isinstance(found, Refusal):
                said = {"message": found.told, "cause": None, "hint": found.hint or None}
                found = _json(said, found.status) if api else HTMLResponse(refused(found), found.status)
            if isinstance(found, File):
                found = Sent(found.file, self._disk, found.keep)
            elif isinstance(found, str):
                found = HTMLResponse(found)
            try:
                await found(scope, receive, send)
            except Exception:
                self._failed(traceback.format_exc())
                raise

        return Told(told)

    async def _at_desk(self, call: Callable[..., Found], *arguments: object) -> Found:
        return await asyncio.get_running_loop().run_in_executor(self._desk, call, *arguments)

    # --- pages ------------------------------------------------------------------------------------------------------------

    async def _enter(self, request: Request) -> Response | Refusal:
        if request.method != "GET":
            return NOT_HERE
        found = await self._at_desk(self._entrance.enter, request.path_params["token"])
        if not isinstance(found, Entered):
            return found
        self._entered(found.person)
        response = HTMLResponse(onward("/"))
        response.set_cookie(
            self._cookie,
            found.cookie,
            max_age=found.seconds,
            path="/",
            secure=self._secure,
            httponly=True,
            samesite="strict",
        )
        return response

    async def _board(self, request: Request) -> str:
        return await self._at_desk(self._site.board, _person(request), dict(request.query_params))

    async def _shot(self, request: Request) -> str | None:
        name = _name(request)
        return name and await self._at_desk(self._site.shot, _person(request), name, dict(request.query_params))

    async def _sequence(self, request: Request) -> str | None:
        name = _name(request)
        return name and await self._at_desk(self._site.sequence, _person(request), name)

    async def _spending(self, request: Request) -> str | None:
        return await self._at_desk(self._site.spending, _person(request))

    async def _nothing(self, request: Request) -> None:
        return None

    # --- files ------------------------------------------------------------------------------------------------------------

    async def _media(self, request: Request) -> File | Response | None:
        name = request.path_params["name"]
        kind = request.path_params.get("kind") or request.url.path.split("/")[1]
        if kind != "delivered" and not SHA256.fullmatch(name):
            return None
        found = await self._at_desk(self._site.media, _person(request), kind, name)
        if isinstance(found, Later):
            return Response("not made yet\n", 503, {"retry-after": "1"}, media_type="text/plain")
        return None if found is None else File(found, FOREVER if found.etag == name else A_WHILE)

    async def _static_file(self, request: Request) -> File | None:
        found = self._static.get(request.path_params["name"])
        return None if found is None else File(found, FOREVER if request.query_params.get("v") else A_WHILE)

    # --- what happens, and what is done -----------------------------------------------------------------------------------

    async def _events(self, request: Request) -> "Stream | Refusal":
        person = _person(request)
        if self._streams.get(person.invite, 0) >= STREAMS:
            return Refusal(status=429, title="Too many at once", told="So many pages are open already.")
        return Stream(self._site.stream(person), request.scope["again"], self._counted(person))

    def _counted(self, person: Person) -> Callable[[int], None]:
        def counted(step: int) -> None:
            left = self._streams.get(person.invite, 0) + step
            self._streams.pop(person.invite, None)
            if left:
                self._streams[person.invite] = left

        return counted

    async def _price(self, request: Request) -> Response | None:
        person = _person(request)
        if ROLL not in person.may:
            return None
        found = await self._at_desk(self._site.price, person, dict(request.query_params))
        return None if found is None else _json(found)

    async def _deed(self, request: Request) -> Response | Refusal | None:
        person, deed = _person(request), request.path_params["deed"]
        if deed not in DEEDS:
            return None
        if deed not in person.may:
            return Refusal(status=403, title="Not for you", told="Your link does not allow this.")
        body = _read(request.scope["body"])
        if isinstance(body, Refusal):
            return body
        found = await self._at_desk(self._site.do, person, deed, body)
        return None if found is None else _json(found)


class Told:
    """An endpoint as an ASGI application. Starlette calls functions with a request, and objects as they are."""

    def __init__(self, call: ASGIApp) -> None:
        self._call = call

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._call(scope, receive, send)


class Stream:
    """Server-sent events, until the reader goes, or may see nothing any more. again: who reads, asked anew."""

    def __init__(
        self, events: AsyncIterator[str], again: Callable[[], Person | Refusal], counted: Callable[[int], None]
    ) -> None:
        self._events, self._again, self._counted = events, again, counted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "HEAD":
            await answer(send, 200, {"content-type": "text/event-stream"})
            return
        self._counted(1)
        headers = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"x-accel-buffering", b"no")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        left = asyncio.ensure_future(gone(receive))
        following = asyncio.ensure_future(self._follow(send))
        try:
            await asyncio.wait([left, following], return_when=asyncio.FIRST_COMPLETED)
            if following.done():
                following.result()
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._counted(-1)
            left.cancel()
            following.cancel()
            await asyncio.gather(left, following, return_exceptions=True)

    async def _follow(self, send: Send) -> None:
        loop = asyncio.get_running_loop()
        said = loop.time() - BEAT_SECONDS
        coming = asyncio.ensure_future(_next(self._events))
        try:
            while not isinstance(self._again(), Refusal):
                text = ""
                if coming.done():
                    text = coming.result()
                    if not text:
                        return
                    coming = asyncio.ensure_future(_next(self._events))
                elif loop.time() - said >= BEAT_SECONDS:
                    text = ": still here\n\n"
                if text:
                    said = loop.time()
                    await send({"type": "http.response.body", "body": text.encode(errors="replace"), "more_body": True})
                await asyncio.wait([coming], timeout=TICK_SECONDS)
        finally:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)
            close = getattr(self._events, "aclose", None)
            if close is not None:
                await close()


async def _next(events: AsyncIterator[str]) -> str:
    """The next event, empty at the end."""
    return await anext(events, "")


def _person(request: Request) -> Person:
    found = request.scope["person"]
    assert isinstance(found, Person)
    return found


def _name(request: Request) -> str | None:
    name = request.path_params["name"]
    return name if re.fullmatch(NAME, name) else None


def _read(body: bytes) -> dict[str, object] | Refusal:
    """The JSON object of a writing request."""
    try:
        found = json.loads(body.decode(), parse_constant=_no_number, object_pairs_hook=_once_each)
        json.dumps(found, ensure_ascii=False).encode()  # half a character is no text
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        return Refusal(status=400, title="This request is not understood", told="The body is no JSON object.")
    return found


def _no_number(word: str) -> None:
    raise ValueError(word)


def _once_each(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands there twice")
    return found


def _json(content: Mapping[str, object], status: int = 200) -> Response:
    return Response(json.dumps(content, ensure_ascii=False), status, media_type="application/json")


def _problem(error: ShotbuildError, person: Person) -> dict[str, object]:
    """As the command line tells it; a guest of a part is told only what is about their deed, not what lies in files."""
    if (person.sequences or person.shots) and not isinstance(error, PlanError | GateError | NeedsPerson | LimitReached):
        return {"message": "This cannot be done now.", "cause": None, "hint": "Try again later."}
    return {"message": error.message, "cause": error.cause, "hint": error.hint}


def _status(error: ShotbuildError) -> int:
    """409: what stands is against it; 422: what was asked for cannot be."""
    return 409 if isinstance(error, GateError | NeedsPerson | LimitReached) else 422
