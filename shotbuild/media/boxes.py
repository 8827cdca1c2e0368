"""The boxes of mp4 and mov files: what stands first, which tracks have edit lists. Source: ISO/IEC 14496-12.

Only headers and `moov` are read. Knows nothing of codecs: what libav says of streams is not asked for again.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from shotbuild.errors import MediaError

MOST_MOOV = 512 << 20
MOST_BOXES = 1_000_000
_SHORT, _LONG = 8, 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Boxes:
    """brand: the major one, such as `isom` or `qt  `; moov_first: the index stands before the pictures; edits: the tracks
    that have an edit list, as their handlers call them (`vide`, `soun`, `tmcd`, …)."""

    brand: str
    moov_first: bool
    edits: tuple[str, ...]


def boxes_of(path: Path) -> Boxes:
    """Errors: MediaError when it is no such file, or was cut off."""
    brand, order = "", list[bytes]()
    edits: tuple[str, ...] = ()
    with path.open("rb") as stream:
        end = stream.seek(0, 2)
        for kind, start, stop in _top(stream, end, path.name):
            order.append(kind)
            if kind == b"ftyp":
                stream.seek(start)
                brand = stream.read(4).decode("latin-1")
            elif kind == b"moov" and stop - start <= MOST_MOOV:
                stream.seek(start)
                edits = _edits(memoryview(stream.read(stop - start)))
    if b"moov" not in order:
        raise MediaError(f"{path.name} has no index", cause="there is no `moov` box in it", hint="export the file again")
    pictures = order.index(b"mdat") if b"mdat" in order else len(order)
    return Boxes(brand=brand, moov_first=order.index(b"moov") < pictures, edits=tuple(sorted(edits)))


def _top(stream: BinaryIO, end: int, name: str) -> Iterator[tuple[bytes, int, int]]:
    """Kind, start and stop of the contents of each box of the file."""
    place = 0
    while place + _SHORT <= end:
        stream.seek(place)
        head = stream.read(_LONG)
        size, kind = int.from_bytes(head[:4], "big"), head[4:8]
        skip = _SHORT
        if size == 1:
            size, skip = int.from_bytes(head[8:16], "big"), _LONG
        elif size == 0:
            size = end - place
        if size < skip or place + size > end:
            raise MediaError(f"{name} is cut off or damaged", cause=f"its box {kind!r} ends beyond the file")
        yield kind, place + skip, place + size
        place += size


def _edits(moov: memoryview) -> tuple[str, ...]:
    return tuple(
        _handler(track)
        for kind, track in _inside(moov)
        if kind == b"trak" and any(inner == b"elst" for _, edts in _named(track, b"edts") for inner, _ in _inside(edts))
    )


def _handler(track: memoryview) -> str:
    found = (bytes(hdlr[8:12]) for _, mdia in _named(track, b"mdia") for _, hdlr in _named(mdia, b"hdlr"))
    return next(found, b"?").decode("latin-1")


def _named(parent: memoryview, wanted: bytes) -> Iterator[tuple[bytes, memoryview]]:
    return ((kind, box) for kind, box in _inside(parent) if kind == wanted)


def _inside(parent: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """The boxes in a box; what does not fit ends it."""
    place = 0
    for _ in range(MOST_BOXES):
        head = parent[place : place + _LONG]
        size, kind, skip = int.from_bytes(head[:4], "big"), bytes(head[4:8]), _SHORT
        if size == 1:
            size, skip = int.from_bytes(head[8:16], "big"), _LONG
        if size < skip or place + size > len(parent):
            return
        yield kind, parent[place + skip : place + size]
        place += size
