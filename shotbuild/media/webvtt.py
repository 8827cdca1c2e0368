"""A WebVTT file in pieces, for players that load captions as they load pictures. Source: WebVTT, W3C; RFC 8216, 3.5.

A text that stands across a bound is in both pieces, with its own times. Knows nothing of files.
"""

import re
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

from shotbuild.errors import MediaError

START = "WEBVTT"
MAPPED = "X-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000"
"""Times of captions and pictures begin together."""
_ARROW = re.compile(r"^\s*((?:\d+:)?\d\d:\d\d\.\d{3})\s+-->\s+((?:\d+:)?\d\d:\d\d\.\d{3})", re.MULTILINE)


def pieces(text: str, bounds: Sequence[Fraction]) -> list[str]:
    """bounds: in seconds, from 0 to the end. Errors: MediaError when it is no WebVTT."""
    first, *blocks = re.split(r"\n{2,}", text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").strip("\n"))
    if not re.match(r"WEBVTT(?:[ \t\n]|$)", first):
        raise MediaError("the captions are no WebVTT", cause=f"they start with {first[:40]!r}")
    timed = [(times, block) for block in blocks if (times := _times(block)) is not None]
    styles = [block for block in blocks if re.match(r"(?:STYLE|REGION)[ \t]*\n", block)]
    top = [f"{START}\n{MAPPED}", *styles]
    return [
        "\n\n".join([*top, *(block for (start, end), block in timed if start < last and end > begin)]) + "\n"
        for begin, last in pairwise(bounds)
    ]


def _times(block: str) -> tuple[Fraction, Fraction] | None:
    match = None if block.startswith(("NOTE", "STYLE", "REGION")) else _ARROW.search(block)
    return (_seconds(match[1]), _seconds(match[2])) if match else None


def _seconds(text: str) -> Fraction:
    total = Fraction(0)
    for part in text.split(":"):
        total = total * 60 + Fraction(part)
    return total
