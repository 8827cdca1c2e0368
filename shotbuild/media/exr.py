"""Whether an OpenEXR picture is all there: libav shows the rest of a file that was cut off as black, without a word.

Only single pictures of scan lines are looked at, which is what programs hand over; nothing is said of others.
Source: the OpenEXR file layout of openexr.com.
"""

import struct
from pathlib import Path

MAGIC = b"\x76\x2f\x31\x01"
UNUSUAL = 0x200 | 0x800 | 0x1000
"""Tiles, depth, several parts."""
LINES = {0: 1, 1: 1, 2: 1, 3: 16, 4: 32, 5: 16, 6: 32, 7: 32, 8: 32, 9: 256}
"""Rows of one block, by compression."""
HEADER = 1 << 16


def is_cut_off(path: Path) -> bool:
    """Whether a block of rows lies beyond the end of the file; also where the header itself does not end."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(HEADER)
        if head[:4] != MAGIC or struct.unpack_from("<I", head, 4)[0] & UNUSUAL:
            return False
        try:
            at, found = _attributes(head)
            compression, window = found["compression"][0], struct.unpack("<4i", found["dataWindow"])
            count = -(-(window[3] - window[1] + 1) // LINES[compression])
            offsets = struct.unpack_from(f"<{count}Q", head, at)
        except (KeyError, IndexError, struct.error):
            return len(head) < HEADER
        last = max(offsets)
        file.seek(last + 4)
        length = file.read(4)
    return len(length) < 4 or last + 8 + struct.unpack("<I", length)[0] > size or min(offsets) == 0


def _attributes(head: bytes) -> tuple[int, dict[str, bytes]]:
    """Where the header ends, and its values by name."""
    at, found = 8, dict[str, bytes]()
    while head[at]:
        name_end = head.index(b"\0", at)
        kind_end = head.index(b"\0", name_end + 1)
        (length,) = struct.unpack_from("<i", head, kind_end + 1)
        start = kind_end + 5
        found[head[at:name_end].decode("latin-1")] = head[start : start + length]
        at = start + length
    return at + 1, found
