"""Fragmented mp4, written box by box: the head of a track, and segments of so many samples each. Source: ISO/IEC 14496-12.

libav writes the head, because it knows how each codec describes itself. Segments are written here: one `moof` each, with
times that are counted, so that their bytes do not depend on the build of any library.
"""

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO

import av
from av.audio.stream import AudioStream
from av.video.stream import VideoStream

from shotbuild.errors import MediaError

KEY, OTHER = 0x02000000, 0x01010000
"""Flags of a sample: it needs no other one; it needs another one and none may start there."""
HEAD_OPTIONS = {
    "fflags": "+bitexact",
    "movflags": "+empty_moov+default_base_moof+skip_trailer+write_colr",
    "use_editlist": "0",
}


@dataclass(frozen=True, slots=True)
class Sample:
    """One packet. duration; offset: from when it is decoded to when it is shown, in ticks of its track; never negative,
    because libav takes negative ones for a delay of the whole."""

    content: bytes
    duration: int
    offset: int
    key: bool


def head(template: VideoStream | AudioStream, scale: int, skipped: int = 0) -> bytes:
    """`ftyp` and `moov` of a track. scale: ticks per second; skipped: ticks at its start that are no part of it: the time
    that pictures need to be brought into order, or the priming of a sound encoder."""
    written = BytesIO()
    options = HEAD_OPTIONS | {"video_track_timescale": str(scale)}
    with av.open(written, "w", format="mp4", options=options) as output:
        stream = output.add_stream_from_template(template, opaque=True)
        if template.codec_context.name == "hevc":
            stream.codec_context.codec_tag = "hvc1"  # parameter sets in the head alone, as Apple's players want them
        stream.time_base = Fraction(1, scale)
        stream.metadata.clear()
        output.start_encoding()
    boxes = dict(_boxes(written.getvalue()))
    moov = boxes[b"moov"]
    return _box(b"ftyp", boxes[b"ftyp"]) + _box(b"moov", _with_edit(moov, skipped) if skipped else moov)


def segment(number: int, start: int, samples: Sequence[Sample]) -> bytes:
    """Samples in the order of decoding. number: of the segment, from 1; start: when its first is decoded, in ticks."""
    moof = _moof(number, start, samples, 0)
    moof = _moof(number, start, samples, len(moof) + 8)
    content = b"".join(sample.content for sample in samples)
    if len(content) + 8 >= 1 << 32:
        raise MediaError(f"segment {number} is too large", cause="it has more than 4 GiB", hint="make segments shorter")
    return _box(b"styp", b"msdh\0\0\0\0msdhcmfs") + moof + _box(b"mdat", content)


def codec_words(head_of_track: bytes) -> str:
    """How a playlist names the codec of a track. Source: RFC 6381, and the ISO media bindings of each codec."""
    for kind, reading in _WORDS.items():
        place = head_of_track.find(kind)
        if place >= 0:
            return reading(head_of_track[place + 4 :])
    raise MediaError("a track has a codec that streaming does not know", hint="use h264, hevc, av1 or vp9, and aac")


def _avc(box: bytes) -> str:
    return f"avc1.{box[1]:02x}{box[2]:02x}{box[3]:02x}"


def _hevc(box: bytes) -> str:
    space = ("", "A", "B", "C")[box[1] >> 6]
    tier, profile = "H" if box[1] & 0x20 else "L", box[1] & 0x1F
    compatible = int(f"{int.from_bytes(box[2:6], 'big'):032b}"[::-1], 2)
    constraints = "".join(f".{each:X}" for each in box[6:12].rstrip(b"\0"))
    return f"hvc1.{space}{profile}.{compatible:X}.{tier}{box[12]}{constraints}"


def _av1(box: bytes) -> str:
    high, twelve = box[2] & 0x40, box[2] & 0x20
    depth = (12 if twelve else 10) if high else 8
    return f"av01.{box[1] >> 5}.{box[1] & 0x1F:02d}{'H' if box[2] & 0x80 else 'M'}.{depth:02d}"


def _vp9(box: bytes) -> str:
    return f"vp09.{box[4]:02d}.{box[5]:02d}.{box[6] >> 4:02d}"


def _aac(box: bytes) -> str:
    """esds: the kind of object stands in the first five bits of the decoder's own settings (tag 5)."""
    place = box.index(b"\x05\x80\x80\x80") + 5
    kind = box[place] >> 3
    return f"mp4a.40.{kind if kind < 31 else 32 + ((box[place] & 7) << 3 | box[place + 1] >> 5)}"


_WORDS: Mapping[bytes, Callable[[bytes], str]] = {
    b"avcC": _avc,
    b"hvcC": _hevc,
    b"av1C": _av1,
    b"vpcC": _vp9,
    b"esds": _aac,
    b"dOps": lambda _: "opus",
    b"dfLa": lambda _: "fLaC",
}


def _moof(number: int, start: int, samples: Sequence[Sample], offset: int) -> bytes:
    """What is the same for all samples stands once."""
    durations = {sample.duration for sample in samples}
    flags = {KEY if sample.key else OTHER for sample in samples}
    shown_later = any(sample.offset for sample in samples)
    tfhd, of_track, of_run = 0x020000, b"", 0x000201
    if len(durations) == 1:
        tfhd, of_track = tfhd | 0x08, of_track + struct.pack(">I", *durations)
    if len(flags) == 1:
        tfhd, of_track = tfhd | 0x20, of_track + struct.pack(">I", *flags)
    of_run |= (len(durations) > 1) << 8 | (len(flags) > 1) << 10 | shown_later << 11
    rows = b"".join(_row(sample, of_run) for sample in samples)
    traf = (
        _full(b"tfhd", 0, tfhd, struct.pack(">I", 1) + of_track)
        + _full(b"tfdt", 1, 0, struct.pack(">Q", start))
        + _full(b"trun", 1, of_run, struct.pack(">Ii", len(samples), offset) + rows)
    )
    return _box(b"moof", _full(b"mfhd", 0, 0, struct.pack(">I", number)) + _box(b"traf", traf))


def _row(sample: Sample, of_run: int) -> bytes:
    row = struct.pack(">I", sample.duration) if of_run & 0x100 else b""
    row += struct.pack(">I", len(sample.content))
    row += struct.pack(">I", KEY if sample.key else OTHER) if of_run & 0x400 else b""
    return row + (struct.pack(">I", sample.offset) if of_run & 0x800 else b"")


def _with_edit(moov: bytes, skipped: int) -> bytes:
    """A moov whose one track begins `skipped` ticks into its media, to its end."""
    elst = _full(b"elst", 0, 0, struct.pack(">IIiHH", 1, 0, skipped, 1, 0))
    parts = b""
    for kind, content in _boxes(moov):
        if kind == b"trak":
            tkhd, *rest = _boxes(content)
            parts += _box(kind, _box(*tkhd) + _box(b"edts", elst) + b"".join(_box(*each) for each in rest))
        else:
            parts += _box(kind, content)
    return parts


def _boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = 0
    while place + 8 <= len(content):
        size = int.from_bytes(content[place : place + 4], "big")
        yield content[place + 4 : place + 8], content[place + 8 : place + size]
        place += size


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", len(content) + 8, kind) + content


def _full(kind: bytes, version: int, flags: int, content: bytes) -> bytes:
    return _box(kind, struct.pack(">I", version << 24 | flags) + content)
