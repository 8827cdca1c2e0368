"""What the playlists of a ladder declare, and what its segments really need. Sources: RFC 8216bis, 4.4.6.2; ISO/IEC 23009-1.

Only what our own playlists hold is read: one master playlist, or one manifest with templates.
"""

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from math import ceil
from pathlib import PurePosixPath

from shotbuild.records import Fields, fields

_ATTRIBUTE = re.compile(r'([A-Z0-9-]+)=("[^"]*"|[^",]*)')
_XML = re.compile(r'([A-Za-z:]+)="([^"]*)"')
_REPRESENTATION = re.compile(r"<Representation\b([^>]*)>")
_LASTS = re.compile(r'mediaPresentationDuration="([^"]*)"')


def hls_rungs(texts: Mapping[str, str], sizes: Mapping[str, int]) -> tuple[Fields, ...]:
    """Rows of name, declared (bits per second), needed (the peak of its own segments and its sound's), mean, size.

    texts: path → playlist; sizes: path → bytes of every file."""
    master = next((path for path, text in sorted(texts.items()) if "#EXT-X-STREAM-INF" in text), None)
    if master is None:
        return ()
    lines = texts[master].splitlines()
    sounds: dict[str, int] = {}
    for line in lines:
        if line.startswith("#EXT-X-MEDIA:") and "TYPE=AUDIO" in line and "URI" in (media := _attributes(line)):
            peak, _ = _needed(_beside(master, media["URI"]), texts, sizes)
            sounds[media.get("GROUP-ID", "")] = max(sounds.get(media.get("GROUP-ID", ""), 0), peak)
    rows = []
    for line, following in pairwise(lines):
        if line.startswith("#EXT-X-STREAM-INF:"):
            said, path = _attributes(line), _beside(master, following.strip())
            peak, mean = _needed(path, texts, sizes)
            rows.append(
                fields(
                    name=following.strip(),
                    declared=int(said.get("BANDWIDTH", "0")),
                    needed=peak + sounds.get(said.get("AUDIO", ""), 0),
                    mean=mean,
                    size=said.get("RESOLUTION", ""),
                )
            )
    return tuple(rows)


def dash_rungs(manifest: str, sizes: Mapping[str, int]) -> tuple[Fields, ...]:
    """The same of a DASH manifest; needed: the mean, as a player that has filled its buffer needs it."""
    lasts = _LASTS.search(manifest)
    seconds = _iso_seconds(lasts[1] if lasts else "")
    rows = []
    for each in (dict(_XML.findall(found)) for found in _REPRESENTATION.findall(manifest)):
        name = each.get("id", "")
        held = sum(size for path, size in sizes.items() if path.endswith(".m4s") and name in PurePosixPath(path).parts[:-1])
        mean = ceil(held * 8 / seconds) if seconds else 0
        size = f"{each.get('width')}x{each.get('height')}" if each.get("width") else ""
        rows.append(fields(name=name, declared=int(each.get("bandwidth", "0")), needed=mean, mean=mean, size=size))
    return tuple(rows)


def _needed(path: str, texts: Mapping[str, str], sizes: Mapping[str, int]) -> tuple[int, int]:
    """Peak and mean of a media playlist, in bits per second."""
    runs = _segments(path, texts.get(path, ""), sizes)
    seconds = sum((length for length, _ in runs), Fraction(0))
    if not seconds:
        return 0, 0
    target = max(length for length, _ in runs)
    mean = ceil(sum(size for _, size in runs) * 8 / seconds)
    return max(_peak(runs, target), mean), mean


def _segments(path: str, text: str, sizes: Mapping[str, int]) -> list[tuple[Fraction, int]]:
    runs: list[tuple[Fraction, int]] = []
    length, part = Fraction(0), 0
    for line in text.splitlines():
        if line.startswith("#EXTINF:"):
            length = Fraction(line.removeprefix("#EXTINF:").partition(",")[0])
        elif line.startswith("#EXT-X-BYTERANGE:"):
            part = int(line.removeprefix("#EXT-X-BYTERANGE:").partition("@")[0])
        elif line and not line.startswith("#"):
            runs.append((length, part or sizes.get(_beside(path, line), 0)))
            part = 0
    return runs


def _peak(runs: Sequence[tuple[Fraction, int]], target: Fraction) -> int:
    """Of all runs of segments that last half to one and a half times as long as the target."""
    most = 0
    for first in range(len(runs)):
        length, size = Fraction(0), 0
        for step, bytes_ in runs[first:]:
            length, size = length + step, size + bytes_
            if length > target * 3 / 2:
                break
            if length >= target / 2:
                most = max(most, ceil(size * 8 / length))
    return most


def _attributes(line: str) -> dict[str, str]:
    return {name: value.strip('"') for name, value in _ATTRIBUTE.findall(line.partition(":")[2])}


def _beside(path: str, name: str) -> str:
    return (PurePosixPath(path).parent / name).as_posix()


def _iso_seconds(text: str) -> Fraction:
    match = re.fullmatch(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?", text)
    if match is None:
        return Fraction(0)
    return Fraction(match[1] or 0) * 3600 + Fraction(match[2] or 0) * 60 + Fraction(match[3] or 0)
