"""Signed links for guests: who, in which role, what they may see and do, until when; and which were taken back.

`.shotbuild/review/` has the key, which is made once, and the list of who was invited. A link names a row of that list and is
signed by the key; it is in no file, so who reads the list can open nothing. What somebody may do stands in the list alone.
"""

import hashlib
import hmac
import json
import os
import secrets
import stat
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from itsdangerous import BadData, URLSafeSerializer

from shotbuild.errors import PlanError, ShotbuildError
from shotbuild.host import files
from shotbuild.host.memory import STAMP
from shotbuild.review.people import RIGHTS, Person, Refusal, deeds_of

FOLDER = "review"
KEY, LIST = "key", "invites.json"
KEY_BYTES = 32
VERSION = 1
LONGEST = 1000
"""Characters of a token; ours have some 120."""
KEPT_SECONDS = 90 * 86400
"""So long an invitation is listed after its end."""
ASK = "Ask who sent you the link for a new one."
WRONG = Refusal(
    status=403, title="This link does not open this page", told="It is not whole, or it is for another project.", hint=ASK
)
NEWER = Refusal(
    status=403,
    title="This link cannot be read here",
    told="It was made by a newer version of shotbuild than the one that answers.",
    hint="Tell who sent you the link: shotbuild has to be updated there.",
)
ENDED = Refusal(status=403, title="This link has ended", told="It was valid for a limited time.", hint=ASK)
REVOKED = Refusal(status=403, title="This link was taken back", told="Who sent it has ended it.", hint=ASK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Invite:
    """Somebody who may come in. may: some of `people.RIGHTS`; sequences, shots: both empty = everything; made, until: in
    seconds since 1970; revoked: taken back."""

    id: str
    by: str
    role: str | None
    may: tuple[str, ...]
    sequences: tuple[str, ...]
    shots: tuple[str, ...]
    made: int
    until: int
    revoked: bool = False

    def person(self, token: str = "") -> Person:
        return Person(
            by=self.by,
            role=self.role,
            may=deeds_of(frozenset(self.may)),
            sequences=self.sequences,
            shots=self.shots,
            until=self.until,
            invite=self.id,
            token=token,
        )


class Links:
    """folder: of the key and the list, below `.shotbuild/`, free of links on its way; warn: told of what no longer holds."""

    def __init__(self, folder: Path, warn: Callable[[str], None], now: Callable[[], float] = time.time) -> None:
        self._folder, self._warn, self._now = folder, warn, now
        self._seen: tuple[object, dict[str, Invite]] = (None, {})

    def invite(
        self, by: str, *, role: str | None, may: Sequence[str], sequences: Sequence[str], shots: Sequence[str], seconds: int
    ) -> tuple[Invite, str]:
        """A new invitation, and the token of its link."""
        now = int(self._now())
        made = Invite(
            id=secrets.token_hex(4),
            by=by,
            role=role,
            may=tuple(may),
            sequences=tuple(sequences),
            shots=tuple(shots),
            made=now,
            until=now + seconds,
        )
        token = f"{VERSION}.{self.signer('link').dumps([made.id, made.until])}"  # the key first: a new one empties the list
        with self._locked():
            rows = [row for row in self._listed().values() if row.until > now - KEPT_SECONDS]
            self._write([*rows, made])
        return made, token

    def listed(self) -> tuple[Invite, ...]:
        """All that are known, the newest last. Errors: ShotbuildError."""
        return tuple(self._listed().values())

    def revoke(self, name: str) -> Invite:
        """Ends an invitation at once, also for who is in. name: its id, or what it begins with. Errors: PlanError."""
        with self._locked():
            rows = self._listed()
            meant = [row for row in rows.values() if name and row.id.startswith(name)]
            if len(meant) != 1:
                known = ", ".join(f"{row.id} ({row.by})" for row in rows.values() if not row.revoked)
                raise PlanError(
                    f"{name[:40]!r} is {'several invitations' if meant else 'no invitation'}",
                    cause=f"there are {known or 'none'}",
                    hint="`shotbuild review invites` lists them",
                )
            ended = replace(meant[0], revoked=True)
            self._write([*(row for row in rows.values() if row.id != ended.id), ended])
        return ended

    def opened(self, token: str) -> Invite | Refusal:
        """Whom a link lets in now."""
        version, _, rest = token.partition(".")
        if (
            len(token) <= LONGEST
            and version.isascii()
            and version.isdecimal()
            and len(version) < 4
            and int(version) > VERSION
        ):
            return NEWER
        said = self.unsigned("link", rest) if version == str(VERSION) else None
        match said:
            case [str(name), int(until)]:
                return self.holds(name, until)
        return WRONG

    def holds(self, name: str, until: int) -> Invite | Refusal:
        """An invitation that was signed for, as it stands now."""
        try:
            found = self._listed().get(name)
        except (ShotbuildError, OSError):
            return WRONG  # what cannot be read lets nobody in
        if found is None or found.revoked:
            return REVOKED
        return ENDED if min(until, found.until) <= self._now() else found

    def unsigned(self, purpose: str, text: str) -> Any:
        """What was signed for a purpose, None when it was not."""
        if len(text) > LONGEST:
            return None
        try:
            return self.signer(purpose).loads(text)
        except (BadData, ValueError, RecursionError):
            return None

    def signer(self, purpose: str) -> URLSafeSerializer:
        return signer_of(self._key, purpose)

    @cached_property
    def _key(self) -> bytes:
        """Made once. A file names itself by its inode: one that came with a copied folder, perhaps from somebody who knows
        it, is replaced, and what it signed opens nothing. Errors: ShotbuildError when others can read it."""
        with self._locked():
            found = self._read_key()
            return self._make_key() if found is None else found

    def sealed(self, purpose: str, text: str) -> str:
        """A digest of a text that only the key gives."""
        return sealed_by(self._key, purpose, text)

    def _read_key(self) -> bytes | None:
        path = self._folder / KEY
        try:
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ShotbuildError(
                "the key of the review page cannot be read", cause=str(error), hint=f"delete {path}"
            ) from error
        with os.fdopen(handle, "rb") as stream:
            about, content = os.fstat(handle), stream.read(1000)
        if not stat.S_ISREG(about.st_mode) or about.st_uid != os.geteuid() or stat.S_IMODE(about.st_mode) & 0o077:
            raise ShotbuildError(
                "the key of the review page can be read by others, who could make links with it",
                cause=f"{path}: mode {stat.S_IMODE(about.st_mode):o}, of user {about.st_uid}",
                hint="delete it: a new one is made, and links that were sent no longer open anything",
            )
        inode, _, key = content.partition(b" ")
        if inode == str(about.st_ino).encode() and len(key) == 2 * KEY_BYTES:
            try:
                return bytes.fromhex(key.decode("ascii"))
            except ValueError:
                pass
        return None

    def _make_key(self) -> bytes:
        path = self._folder / KEY
        if os.path.lexists(path):
            self._warn(
                "the key of the review page was not made here, so links that it signed open nothing: a new one is made"
            )
        (self._folder / LIST).unlink(missing_ok=True)
        key = secrets.token_bytes(KEY_BYTES)
        with files.staged(path, 0o600) as fresh, fresh.open("wb") as stream:
            stream.write(f"{os.fstat(stream.fileno()).st_ino} {key.hex()}".encode())
            stream.flush()
            os.fsync(stream.fileno())
        return key

    def _listed(self) -> dict[str, Invite]:
        """Read again when the file is another. Errors: ShotbuildError, OSError."""
        try:
            handle = os.open(self._folder / LIST, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return {}
        with os.fdopen(handle, "rb") as stream:
            stamp = STAMP(os.fstat(handle))
            if stamp != self._seen[0]:
                self._seen = (stamp, _rows(stream.read(), self._folder / LIST))
        return dict(self._seen[1])

    def _write(self, rows: Sequence[Invite]) -> None:
        content = json.dumps({"version": VERSION, "invites": [asdict(row) for row in rows]}, ensure_ascii=False, indent=1)
        with files.staged(self._folder / LIST, 0o600) as fresh, fresh.open("w", encoding="utf-8") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())

    def _locked(self) -> Any:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return files.locked(self._folder / "lock")


def sealed_by(key: bytes, purpose: str, text: str) -> str:
    return hmac.new(key, f"shotbuild review {purpose} {text}".encode(), hashlib.sha256).hexdigest()


def signer_of(key: bytes, purpose: str) -> URLSafeSerializer:
    """What is signed for one purpose is nothing for another."""
    how = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
    return URLSafeSerializer(key, salt=f"shotbuild review {purpose}", signer_kwargs=how)


def _rows(content: bytes, path: Path) -> dict[str, Invite]:
    try:
        rows = [_row(each) for each in json.loads(content)["invites"]]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ShotbuildError(
            "the list of invitations is damaged", cause=f"{path}: {type(error).__name__}: {error}",
            hint="delete it: all links end then, and new ones can be made",
        ) from error  # fmt: skip
    return {row.id: row for row in rows}


def _row(row: Any) -> Invite:
    """Errors: TypeError, ValueError."""
    made = Invite(**{**row, **{name: tuple(row[name]) for name in ("may", "sequences", "shots")}})
    texts = [made.id, made.by, *made.may, *made.sequences, *made.shots, *([] if made.role is None else [made.role])]
    numbers = [made.made, made.until]
    if not all(type(each) is str for each in texts) or not all(type(each) is int for each in numbers):
        raise TypeError("a value is of another kind")
    if type(made.revoked) is not bool or not made.id or not set(made.may) <= set(RIGHTS):
        raise ValueError("a value is not known")
    return made
