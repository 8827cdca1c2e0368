"""Bytes that come from shared storage, into a file: hashed on the way, never more than was asked for, no half file left."""

import hashlib
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from shotbuild.errors import StoreError, StoreUnavailable
from shotbuild.host.objects.patience import Failing, Patience
from shotbuild.records import Digest

Piece = bytes | memoryview


def too_large(shown: str, key: str, most: int) -> StoreError:
    return StoreError(f"{key} in {shown} is larger than {most} bytes", hint="it is no object of shotbuild: take it out")


def poured(
    chunks: Iterable[Piece],
    into: Path,
    *,
    key: str,
    shown: str,
    size: int | None,
    most: int,
    patience: Patience,
) -> Digest:
    """Writes what comes into a new file. size: how much there is, None = not known.

    Errors: StoreError when it is more than `most` bytes; Failing when it ends early or takes too long; OSError of the file;
    there is no file then."""
    if size is not None and size > most:
        raise too_large(shown, key, most)
    try:
        return _written(chunks, into, key, shown, size, most, patience)
    except BaseException:
        into.unlink(missing_ok=True)
        raise


def _written(
    chunks: Iterable[Piece], into: Path, key: str, shown: str, size: int | None, most: int, patience: Patience
) -> Digest:
    hashed, have, began = hashlib.sha256(), 0, time.monotonic()
    with into.open("wb") as stream:
        for chunk in _gaining(chunks):
            have += len(chunk)
            if have > most:
                raise too_large(shown, key, most)
            hashed.update(chunk)
            stream.write(chunk)
            if time.monotonic() - began > patience.transfer(have):
                raise StoreUnavailable(f"{shown} hands {key} over too slowly", cause=f"{have} bytes until now")
    if size is not None and have != size:
        cause = f"{have} of {size} bytes came"
        raise Failing(StoreUnavailable(f"{shown} did not hand all of {key} over", cause=cause), gained=have > 0)
    return Digest(sha256=hashed.hexdigest(), size=have)


def _gaining(chunks: Iterable[Piece]) -> Iterator[Piece]:
    """The same chunks; what fails after the first of them says so."""
    some = False
    try:
        for chunk in chunks:
            yield chunk
            some = True
    except Failing as failing:
        failing.gained = some
        raise
