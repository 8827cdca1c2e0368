"""Numbered pictures as one package: those of one segment as the encoder left them, and all segments in a row.

Within the package of a segment numbers only say the order; where a picture stands in the film is counted here, from the
lengths. So the package of a segment stays what it is when the shots before it change.
"""

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from tarfile import TarInfo

from shotbuild.errors import MediaError
from shotbuild.host.packing import content_of, reading, writing

DIGITS = 4
"""Of a number in a delivered name, or as many as the last one has: 0086 stands before 1001 in every list."""
HEADS = {
    "png": (b"\x89PNG\r\n\x1a\n",),
    "dpx": (b"SDPX", b"XPDS"),
    "exr": (b"\x76\x2f\x31\x01",),
    "tiff": (b"II*\0", b"MM\0*"),
}
HINT = "this is a fault of shotbuild or of this ffmpeg: run `shotbuild doctor` and report it"


def gather(packages: Sequence[Path], lengths: Sequence[int], first: int, extension: str, target: Path) -> None:
    """Packages of segments → one package of `1001.png`, `1002.png`, …; lengths: pictures of each; first: the first number.

    Errors: MediaError when a package has not as many pictures as its segment, or a number is missing.
    """
    if len(packages) != len(lengths) or not packages:
        raise MediaError("the pictures cannot be gathered", cause=f"{len(packages)} packages, but {len(lengths)} lengths")
    if first < 0:
        raise MediaError(f"pictures cannot be numbered from {first} on", hint="start at 0 or above")
    width = max(DIGITS, len(str(first + sum(lengths) - 1)))
    number = first
    with writing(target) as add:
        for package, length in zip(packages, lengths, strict=True):
            with reading(package) as (archive, members):
                for member in _in_order(package, members, extension, length):
                    with content_of(archive, member) as content:
                        add(f"{number:0{width}d}.{extension}", content, member.size)
                    number += 1


def frames_are(package: Path, *, first: int, frames: int, extension: str) -> None:
    """Is a package what `gather` had to write? Errors: MediaError says what is wrong."""
    with reading(package) as (archive, members):
        found = [_number(member.name, extension) for member in members]
        if found != list(range(first, first + frames)):
            raise MediaError(f"{package.name} came out wrong", cause=f"its numbers are not {first} to {first + frames - 1}")
        for member in members:
            with content_of(archive, member) as content:
                head = content.read(8)
            if not head.startswith(HEADS[extension]):
                raise MediaError(f"{member.name} is no {extension} picture", cause=f"it starts with {head!r}", hint=HINT)


def _in_order(package: Path, members: Sequence[TarInfo], extension: str, length: int) -> list[TarInfo]:
    numbered = {number: member for member in members if (number := _number(member.name, extension)) is not None}
    if len(numbered) != len(members):
        raise MediaError(f"{package.name} is no package of {extension} pictures", cause="there are other files in it")
    numbers = sorted(numbered)
    _refuse_gaps(numbers, package.name)
    if len(numbers) != length:
        raise MediaError(f"{package.name} has {len(numbers)} pictures", cause=f"the cut takes {length} of it", hint=HINT)
    return [numbered[number] for number in numbers]


def _refuse_gaps(numbers: Sequence[int], name: str) -> None:
    if not numbers:
        raise MediaError(f"{name} has no pictures", cause="nothing was written", hint=HINT)
    gap = next((one + 1 for one, other in pairwise(numbers) if other != one + 1), None)
    if gap is not None:
        raise MediaError(f"{name} has a gap", cause=f"picture {gap} is missing", hint=HINT)


def _number(name: str, extension: str) -> int | None:
    match = re.fullmatch(rf"([0-9]{{1,9}})\.{re.escape(extension)}", name)
    return int(match[1]) if match else None
