"""Who is in: the door that tokens open, and the cookie that says who comes back.

Nothing is kept of a session. A cookie is signed: a guest's by the key of the links, so that it outlives the server, the
owner's by a key that this server made when it started. The token of writing requests is a function of the cookie.
"""

import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from itsdangerous import BadData

from shotbuild.review.links import LONGEST, WRONG, Links, sealed_by, signer_of
from shotbuild.review.people import Person, Refusal

ONCE_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered:
    """Somebody who was let in. cookie: its value; seconds: how long it holds, None = until the browser is closed."""

    person: Person
    cookie: str
    seconds: int | None


class Entrance:
    """owner: who started the server; read_only: nobody may do anything, nor gets a token."""

    def __init__(
        self, owner: Person, links: Links, *, read_only: bool = False, now: Callable[[], float] = time.time
    ) -> None:
        self._owner, self._links, self._read_only, self._now = owner, links, read_only, now
        self._key = secrets.token_bytes(32)
        self.token = secrets.token_urlsafe(32)
        """Lets the owner in, as often as they like, while this server runs."""
        self._once: dict[str, float] = {}

    @property
    def read_only(self) -> bool:
        return self._read_only

    def once(self) -> str:
        """A token that lets the owner in once and soon: for a program's arguments, which others on this machine can see."""
        token = secrets.token_urlsafe(32)
        self._once[token] = self._now() + ONCE_SECONDS
        return token

    def enter(self, token: str) -> Entered | Refusal:
        if self._is_owners(token):
            cookie = signer_of(self._key, "owner").dumps(secrets.token_urlsafe(16))
            assert isinstance(cookie, str)
            return Entered(person=self._in(self._owner, cookie), cookie=cookie, seconds=None)
        found = self._links.opened(token)
        if isinstance(found, Refusal):
            return found
        cookie = self._links.signer("session").dumps([found.id, found.until, secrets.token_urlsafe(16)])
        assert isinstance(cookie, str)
        seconds = max(1, int(found.until - self._now()))
        return Entered(person=self._in(found.person(), cookie), cookie=cookie, seconds=seconds)

    def person(self, cookie: str) -> Person | Refusal | None:
        """Who comes with a cookie, as they stand now; a refusal when their link has ended; None when it is none of ours."""
        if not cookie or len(cookie) > LONGEST:
            return None
        try:
            signer_of(self._key, "owner").loads(cookie)
            return self._in(self._owner, cookie)
        except BadData:
            pass
        match self._links.unsigned("session", cookie):
            case [str(name), int(until), str()]:
                found = self._links.holds(name, until)
                if found == WRONG:
                    return None
                return found if isinstance(found, Refusal) else self._in(found.person(), cookie)
        return None

    def _in(self, person: Person, cookie: str) -> Person:
        if self._read_only:
            return replace(person, may=frozenset(), token="")
        token = sealed_by(self._key, "write", cookie) if person.invite is None else self._links.sealed("write", cookie)
        return replace(person, token=token)

    def _is_owners(self, token: str) -> bool:
        """Every token is compared with all, whatever the outcome."""
        given = token.encode(errors="replace")
        found = hmac.compare_digest(given, self.token.encode())
        now = self._now()
        for once, until in list(self._once.items()):
            if until < now:
                del self._once[once]
            elif hmac.compare_digest(given, once.encode()):
                del self._once[once]
                found = True
        return found
