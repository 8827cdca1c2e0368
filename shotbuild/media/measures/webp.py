"""Animated WebP, whose frames libav counts but does not time. Source: RFC 9649, sections 2.6 and 2.7."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from shotbuild.errors import MediaError

_HEAD, _FRAME_HEAD = 12, 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Webp:
    """width, height: of the canvas; shown: when each frame is shown and how long, in milliseconds."""

    width: int
    height: int
    shown: tuple[tuple[int, int], ...]

    @property
    def seconds(self) -> Fraction:
        return Fraction(sum(length for _, length in self.shown), 1000)


def webp_of(path: Path) -> Webp | None:
    """None when it is a single picture. Errors: MediaError when it was cut off."""
    content = path.read_bytes()
    if content[_HEAD : _HEAD + 4] != b"VP8X" or not content[_HEAD + _FRAME_HEAD] & 2:
        return None
    width, height = (1 + int.from_bytes(content[at : at + 3], "little") for at in (24, 27))
    shown, place, now = [], _HEAD, 0
    while place + _FRAME_HEAD <= len(content):
        kind, size = content[place : place + 4], int.from_bytes(content[place + 4 : place + 8], "little")
        if place + _FRAME_HEAD + size > len(content):
            raise MediaError(f"{path.name} is cut off or damaged", cause=f"its chunk {kind!r} ends beyond the file")
        if kind == b"ANMF":
            length = int.from_bytes(content[place + 20 : place + 23], "little")
            shown.append((now, length))
            now += length
        place += _FRAME_HEAD + size + size % 2
    return Webp(width=width, height=height, shown=tuple(shown))
