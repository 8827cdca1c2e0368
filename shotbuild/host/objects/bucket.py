"""A bucket of Amazon S3 and what speaks like it, of Google Cloud Storage, or of Azure.

The client is obstore. What it says of an error is long and made for its authors: only a status, a code and a reason of it
are told. Small calls are tried by it once and repeated here, so that after a put that nobody answered we still know whether
a refusal may mean our own first try.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from shotbuild import __version__
from shotbuild.errors import PluginError, StoreError, StoreRefused, StoreUnavailable
from shotbuild.host.loopback import on_loopback
from shotbuild.host.objects.arriving import poured, too_large
from shotbuild.host.objects.credentials import AZURE, GCS, HINTS, S3, Credentials, credentials_of
from shotbuild.host.objects.interface import Found, Objects
from shotbuild.host.objects.layout import key_of, laid_out
from shotbuild.host.objects.patience import Failing, Patience, repeated
from shotbuild.host.objects.probe import lets_one_win
from shotbuild.records import Digest

MISSING: ImportError | None = None
try:
    from obstore.exceptions import AlreadyExistsError, BaseError, PermissionDeniedError, UnauthenticatedError
    from obstore.store import AzureStore, GCSStore, S3Store
except ImportError as error:
    MISSING = error

Answer = TypeVar("Answer")
CLOUDS = {"s3": S3, "gs": GCS, "az": AZURE, "abfs": AZURE, "abfss": AZURE}
PART = 6 << 20
"""Bytes of one part of a large object: several are on their way at once, and lie in memory."""
AT_ONCE = 4
MOST_PARTS = 9_000
"""Amazon takes 10,000."""
CHUNK = 1 << 20
TRIES = 4
NOWHERE = "nothing-lies-here"
"""A prefix below which there is nothing: listing it says whether there is a bucket."""
HIDDEN = "•••"
_STATUS = re.compile(r"status code: (\d{3}) ?([A-Za-z ]*)")
_CODE = re.compile(r"<Code>([^<]{1,80})</Code>")
_MESSAGE = re.compile(r"<Message>([^<]{1,200})")
_REASON = re.compile(r'(?:message|error): "([^"]{1,200})"')
_NO_KEYS = re.compile(
    "ExpiredToken|InvalidToken|InvalidIdentityToken|IDPRejectedClaim|InvalidAccessKeyId|SignatureDoesNotMatch|invalid_grant"
)
"""What is answered 400 and means that nobody knows us."""
_UNREACHED = ("kind: Connect", "BadScheme")
AGAIN = (408, 409, 425, 429, 500, 502, 503, 504)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """An address in its parts. account: of Azure, None = the environment says it."""

    cloud: str
    name: str
    prefix: str
    account: str | None = None


def opened(
    address: str,
    *,
    endpoint: str | None,
    region: str | None,
    environment: Mapping[str, str] | None = None,
    patience: Patience | None = None,
) -> Objects:
    """address: `s3://bucket/prefix`, `gs://…`, `az://container/prefix`, `abfss://container@account.dfs.core.windows.net/…`;
    endpoint: the server, where it is not the cloud's own. Nothing is asked yet.

    Errors: PluginError when obstore is not installed; StoreError when there can be no such bucket; StoreRefused when what
    the credentials say cannot be read."""
    if MISSING is not None:
        raise PluginError("a bucket needs obstore", cause=str(MISSING), hint="pip install 'shotbuild[s3]'") from MISSING
    bucket, patience = _bucket(address), patience or Patience()
    known = credentials_of(bucket.cloud, os.environ if environment is None else environment)
    made = _maker(bucket, known, endpoint, region)
    try:
        doors = Doors(
            small=made({"timeout": timedelta(seconds=patience.answer)}, 0, patience.whole),
            listed=made({"timeout": timedelta(seconds=patience.answer)}, TRIES, patience.whole),
            down=made(_unlimited(patience.silence), 0, patience.whole),
            up=made(_unlimited(patience.taken), TRIES, patience.taken),
        )
    except BaseError as error:
        cause = _cause(str(error), None, known)
        raise StoreRefused(f"the credentials for {address} cannot be used", cause=cause, hint=HINTS[bucket.cloud]) from error
    return BucketObjects(doors, bucket.cloud, shown=address, credentials=known, patience=patience)


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """The same bucket with several limits. small: calls that end in seconds, tried once; listed: the same, tried again page
    by page; down, up: what may take as long as it needs, as long as something moves."""

    small: Any
    listed: Any
    down: Any
    up: Any


class BucketObjects:
    lists = True

    def __init__(self, doors: Doors, cloud: str, *, shown: str, credentials: Credentials, patience: Patience) -> None:
        self._doors, self._cloud = doors, cloud
        self._credentials, self._patience = credentials, patience
        self._there, self._conditional = False, True
        self.shown = shown

    def size(self, key: str) -> int | None:
        path = laid_out(key)
        found: int | None = self._asked(lambda: self._doors.small.head(path)["size"])
        return found

    def read(self, key: str, most: int) -> bytes | None:
        path = laid_out(key)

        def once() -> bytes:
            got = self._doors.small.get(path)
            if got.meta["size"] > most:
                raise too_large(self.shown, key, most)
            return bytes(got.bytes())

        return self._asked(once)

    def fetch(self, key: str, into: Path, most: int) -> Digest | None:
        path = laid_out(key)

        def once() -> Digest | None:
            got = self._found(lambda: self._doors.down.get(path))
            if got is None:
                return None
            return poured(
                self._chunks(got),
                into,
                key=key,
                shown=self.shown,
                size=got.meta["size"],
                most=most,
                patience=self._patience,
            )

        digest = repeated(once, self._patience)
        if digest is None:
            self._check_bucket()
        return digest

    def write(self, key: str, content: bytes) -> None:
        path = laid_out(key)
        self._put(lambda: self._doors.small.put(path, content, use_multipart=False))

    def send(self, key: str, file: Path) -> None:
        path = laid_out(key)
        with file.open("rb") as stream:  # what is wrong with the file is said here
            size = os.fstat(stream.fileno()).st_size
            part = max(PART, -(-size // MOST_PARTS))

            def once() -> None:
                stream.seek(0)
                self._doors.up.put(path, stream, use_multipart=size > part, chunk_size=part, max_concurrency=AT_ONCE)

            self._put(once)

    def create(self, key: str, content: bytes) -> bool:
        path = laid_out(key)
        asked_before = False

        def once() -> bool:
            nonlocal asked_before
            try:
                with self._told():
                    self._doors.small.put(path, content, mode="create", use_multipart=False)
            except Failing as failing:
                asked_before = asked_before or failing.reached
                raise
            return True

        try:
            return repeated(once, self._patience)
        except _Exists:
            # A try that nobody answered may have been the one that put it there.
            return asked_before and self.size(key) == len(content) and self.read(key, len(content)) == content
        except _Unknown:
            self._conditional = False
            return self._looked_first(key, content)

    def exclusive(self) -> bool:
        # Where it is only looked for first, a race may end well by luck.
        return lets_one_win(self) and self._conditional

    def each(self, kind: str) -> Iterator[Found]:
        yield from sorted(repeated(lambda: self._listed(kind), self._patience), key=lambda each: each.key)

    def remove(self, key: str) -> None:
        path = laid_out(key)
        repeated(lambda: self._found(lambda: self._doors.small.delete(path)), self._patience)

    def close(self) -> None:
        pass

    # --- asking -------------------------------------------------------------------------------------------------------

    def _asked(self, call: Callable[[], Answer]) -> Answer | None:
        found = repeated(lambda: self._found(call), self._patience)
        if found is None:
            self._check_bucket()
        return found

    def _found(self, call: Callable[[], Answer]) -> Answer | None:
        try:
            with self._told():
                return call()
        except _Absent:
            return None

    def _put(self, call: Callable[[], object]) -> None:
        def once() -> None:
            with self._told():
                call()

        repeated(once, self._patience)

    def _looked_first(self, key: str, content: bytes) -> bool:
        if self.size(key) is not None:
            return False
        self.write(key, content)
        return True

    def _listed(self, kind: str) -> list[Found]:
        found = []
        with self._told():
            for page in self._doors.listed.list(kind, chunk_size=1000):
                for each in page:
                    key = key_of(each["path"])
                    if key is not None:
                        found.append(Found(key=key, size=each["size"], changed=each["last_modified"].timestamp()))
        return found

    def _chunks(self, got: Any) -> Iterator[memoryview]:
        with self._told():
            for chunk in got.stream(min_chunk_size=CHUNK):
                yield memoryview(chunk)

    def _check_bucket(self) -> None:
        """What is not there, and what is in a bucket that is not there, look the same. Asked once."""
        if self._there:
            return
        try:
            with self._told():
                for _ in self._doors.listed.list(NOWHERE, chunk_size=1):
                    break
        except _Absent:
            raise
        except StoreRefused:
            pass  # who may read need not be allowed to list
        except (Failing, StoreError):
            return
        self._there = True

    def _told(self) -> Any:
        return _told(self.shown, self._credentials, self._cloud)


class _Exists(StoreUnavailable):
    """There is an object already."""


class _Absent(StoreUnavailable):
    """There is no such object, or no such bucket."""


class _Unknown(StoreUnavailable):
    """The server does not know what is asked of it."""


@contextmanager
def _told(shown: str, credentials: Credentials, cloud: str) -> Iterator[None]:
    """Turns what the client says into ours: Failing, StoreRefused, StoreUnavailable and its kinds. What is wrong with a file
    of ours stays an OSError."""
    try:
        yield
    except FileNotFoundError as error:
        if error.errno is not None:
            raise
        raise _absent(shown) from error
    except BaseError as error:
        raise _in_our_words(error, shown, credentials, cloud) from error


def _absent(shown: str) -> StoreUnavailable:
    hint = "make it, or set the address, the endpoint or the region right"
    return _Absent(f"there is no bucket at {shown}", cause="the server says so", hint=hint)


def _in_our_words(error: Exception, shown: str, credentials: Credentials, cloud: str) -> Exception:
    said = str(error)
    found = _STATUS.search(said)
    status = int(found[1]) if found else None
    cause = _cause(said, status, credentials)
    if isinstance(error, AlreadyExistsError):
        return _Exists(f"{shown} has it already", cause=cause)
    if status == 404:
        return _absent(shown)
    if status == 501:
        return _Unknown(f"the shared store {shown} cannot do this", cause=cause)
    refused = isinstance(error, PermissionDeniedError | UnauthenticatedError) or status in (401, 403)
    refused = refused or (status == 400 and _NO_KEYS.search(said) is not None)
    # Servers that speak S3 and something else as well take what is not signed for that.
    if refused or (not credentials.known and status is not None and status < 500 and status not in AGAIN):
        hint = "check the credentials, and what they are allowed to do"
        if not credentials.known:
            cause, hint = f"{cause}; no credentials were found", HINTS[cloud]
        return StoreRefused(f"the shared store {shown} says no", cause=cause, hint=hint)
    told: str | None = (
        None if status is not None else "see whether it can be reached from here; `SHOTBUILD_STORE=none` does without it"
    )
    if "BadScheme" in said:
        told = "a server that is asked over plain http has to stand in shotbuild.yaml, as `endpoint` of the store"
    unavailable = StoreUnavailable(f"the shared store {shown} cannot be used", cause=cause, hint=told)
    if status is not None and status not in AGAIN:
        return unavailable
    return Failing(unavailable, reached=not any(word in said for word in _UNREACHED))


def _cause(said: str, status: int | None, credentials: Credentials) -> str:
    """A line for people, of an error that is a page long. Without keys: the server may have sent them back."""
    if status is not None:
        words = [f"it answered {status}", *_CODE.findall(said)[:1], *_MESSAGE.findall(said)[:1]]
        cause = ": ".join(each.strip() for each in words)
    elif "TimedOut" in said or "kind: Timeout" in said:
        cause = "no answer in time"
    elif "BadScheme" in said:
        cause = "it is not behind https"
    else:
        cause = next(iter(_REASON.findall(said)), "") or said.partition("\n")[0][:200]
    for secret in credentials.secrets:
        cause = cause.replace(secret, HIDDEN)
    return cause


def _bucket(address: str) -> Bucket:
    """Errors: StoreError."""
    try:
        parts = urlsplit(address)
        cloud, host = CLOUDS[parts.scheme], parts.hostname or ""
    except (KeyError, ValueError) as error:
        raise StoreError("this is no address of a bucket", hint="write `s3://bucket/prefix`") from error
    account = None
    name = parts.netloc
    if cloud == AZURE and parts.username and "." in host:
        name, account = parts.username, host.partition(".")[0]
    if not name or "@" in name or parts.query or parts.fragment:
        hint = f"write `{parts.scheme}://bucket/prefix`; credentials stand in the environment"
        raise StoreError("this is no address of a bucket", hint=hint)
    return Bucket(cloud=cloud, name=name, prefix=parts.path.strip("/"), account=account)


def _maker(bucket: Bucket, known: Credentials, endpoint: str | None, region: str | None) -> Callable[..., Any]:
    """Makes clients of one bucket: of what they may wait for, how often they try again, and until when."""
    settings = dict(known.settings)
    kind = {S3: S3Store, GCS: GCSStore, AZURE: AzureStore}[bucket.cloud]
    own = {S3: "aws_endpoint_url", GCS: "google_base_url", AZURE: "azure_endpoint"}[bucket.cloud]
    given = endpoint or settings.get("aws_endpoint_url_s3") or settings.get(own)
    if given:
        settings[own] = given
        if bucket.cloud == S3:
            settings["aws_endpoint_url_s3"] = given  # one that stands in the environment would win
    if bucket.account:
        settings["azure_storage_account_name"] = bucket.account
    if bucket.cloud == S3:
        # Servers that are not Amazon's often cannot take many away at once.
        settings |= {"aws_disable_bulk_delete": "true"} | ({"aws_region": region} if region else {})
    if not known.known:
        settings[f"{own.partition('_')[0]}_skip_signature"] = "true"
    insecure = bool(endpoint) or on_loopback(urlsplit(given or "").hostname or "")
    client = {"allow_http": insecure, "connect_timeout": timedelta(seconds=5), "user_agent": f"shotbuild/{__version__}"}

    def made(limits: Mapping[str, Any], tries: int, seconds: float) -> Any:
        return kind(
            bucket.name,
            prefix=bucket.prefix or None,
            config=settings,
            client_options={**client, **limits},
            retry_config={"max_retries": tries, "retry_timeout": timedelta(seconds=seconds)},
        )

    return made


def _unlimited(silence: float) -> Mapping[str, timedelta]:
    return {"timeout": timedelta(days=1), "read_timeout": timedelta(seconds=silence)}
