"""Codec, profile, level and colour of a stream, in the words of `spec.constraints`.

Levels are read from the configuration that stands in the file (avcC, hvcC, av1C, vpcC), which is what players believe.
Sources: ISO/IEC 14496-15, AV1 in ISOBMFF 2.3.3, VP Codec ISO Media File Format 1.0; colours: ITU-T H.273.
"""

import re
from fractions import Fraction

from av.audio.stream import AudioStream
from av.video.stream import VideoStream

from shotbuild.media.colour import Look
from shotbuild.units import decimal_text

CODECS = {
    "libdav1d": "av1",
    "libaom-av1": "av1",
    "av1": "av1",
    "dnxhd": "dnxhr",
    "mpeg2video": "mpeg2",
    "libvpx-vp9": "vp9",
    "libopus": "opus",
    "mp3float": "mp3",
    "mjpeg": "jpeg",
    "webp_anim": "webp",
}
"""libav's names, where they are others than people's."""
PROFILES = {"xq": "4444xq", "profile_0": "profile0", "profile_1": "profile1", "profile_2": "profile2"}
MPEG2_LEVELS = {4: "high", 6: "high1440", 8: "main", 10: "low", 0x82: "high", 0x85: "main"}
"""Those of the 4:2:2 profile have an escape bit and profile 0 before them. Source: ITU-T H.262, tables 8-3 and 8-5."""
UNSAID = 2
PRIMARIES = {1: "bt709", 5: "bt470bg", 6: "smpte170m", 9: "bt2020", 12: "p3", UNSAID: "unsaid"}
TRANSFERS = {
    1: "bt709",
    6: "smpte170m",
    8: "linear",
    13: "srgb",
    14: "bt709",
    15: "bt709",
    16: "pq",
    18: "hlg",
    UNSAID: "unsaid",
}
MATRICES = {0: "rgb", 1: "bt709", 5: "bt470bg", 6: "smpte170m", 9: "bt2020", UNSAID: "unsaid"}
COLORS = {
    ("bt709", "bt709", "bt709"): "bt709",
    ("bt2020", "pq", "bt2020"): "bt2020-pq",
    ("bt2020", "hlg", "bt2020"): "bt2020-hlg",
    ("smpte170m", "smpte170m", "smpte170m"): "bt601",
    ("bt470bg", "smpte170m", "bt470bg"): "bt601",
    ("bt470bg", "bt709", "bt470bg"): "bt601",
}
RANGES = {1: "tv", 2: "pc"}


def codec_of(stream: VideoStream | AudioStream) -> str:
    name = stream.codec_context.name
    return CODECS.get(name, name)


def profile_of(stream: VideoStream | AudioStream) -> str:
    """`high`, `high422`, `main10`, `hq`, `dnxhr_hqx`, `profile0`; empty when it has none."""
    said = str(stream.profile or "").lower().replace(":", "")
    name = re.sub(r"(?<=[a-z])[ _](?=[0-9])", "", said).replace(" ", "_")
    return PROFILES.get(name, name)


def level_of(stream: VideoStream) -> str:
    """`4.2`, `high` (MPEG-2); empty when the file does not say."""
    codec, extra = codec_of(stream), bytes(stream.codec_context.extradata or b"")
    if codec == "h264":
        return _tenths(_h264_level(extra))
    if codec == "hevc" and len(extra) > 12 and extra[0] == 1:
        return _tenths(extra[12] // 3)
    if codec == "av1" and len(extra) > 1 and extra[0] == 0x81:
        index = extra[1] & 31
        return f"{2 + (index >> 2)}.{index & 3}"
    if codec == "vp9" and len(extra) > 5:
        return _tenths(_vp9_level(extra))
    if codec == "mpeg2":
        return MPEG2_LEVELS.get(_mpeg2_level(extra), "")
    return ""


def color_of(look: Look) -> str:
    """`bt709`, or primaries/transfer/matrix where the three are no known set."""
    three = (
        PRIMARIES.get(look.primaries, str(look.primaries)),
        TRANSFERS.get(look.transfer, str(look.transfer)),
        MATRICES.get(look.matrix, str(look.matrix)),
    )
    return COLORS.get(three, "/".join(three))


def range_of(look: Look) -> str:
    if look.range in RANGES:
        return RANGES[look.range]
    return "pc" if look.rgb or look.pixels.startswith("yuvj") else "unsaid"


def _tenths(level: int) -> str:
    return decimal_text(Fraction(level, 10), 1) if level else ""


def _h264_level(extra: bytes) -> int:
    """level_idc of avcC, or of the first sequence parameter set in a stream with start codes."""
    if len(extra) > 3 and extra[0] == 1:
        return extra[3]
    found = re.search(rb"\x00\x00\x01[\x07\x27\x47\x67].{2}(.)", extra, re.DOTALL)
    return found[1][0] if found else 0


def _vp9_level(extra: bytes) -> int:
    """Of a vpcC box, or of the list of features that WebM has."""
    if extra[:1] == b"\x01" and len(extra) >= 12:
        return extra[5]
    return extra[5] if extra[3:5] == b"\x02\x01" else 0


def _mpeg2_level(extra: bytes) -> int:
    """Of the sequence extension: four bits of its id, then an escape bit, three of the profile, four of the level."""
    found = re.search(rb"\x00\x00\x01\xb5([\x10-\x1f])(.)", extra, re.DOTALL)
    if found is None:
        return 0
    level = found[2][0] >> 4
    return (found[1][0] & 15) << 4 | level if found[1][0] & 8 else level
