"""What a profile may ask of the delivered file (`must`): every constraint, its values and what it means, one line each.

Values are text or whole numbers; several words or rates stand in one text, with blanks between. What is measured for each
of them, and how it is judged, is said in docs/reports.md. Knows nothing of files.
"""

import re
from collections.abc import Callable, Mapping
from fractions import Fraction

from shotbuild.spec.fields import Field, choice, integer, size, truth
from shotbuild.spec.kinds import Parsed
from shotbuild.units import parse_rate, rate_text

CONTAINERS = ("mp4", "mov", "mkv", "webm", "mxf", "wav", "gif", "webp", "png", "jpeg", "hls", "dash", "frames", "stems")
CODECS = ("h264", "hevc", "av1", "vp9", "prores", "dnxhr", "mpeg2", "ffv1", "gif", "webp", "png", "dpx", "exr", "jpeg")
SOUND_CODECS = ("aac", "opus", "flac", "mp3", "ac3", "eac3", "pcm_s16le", "pcm_s24le", "pcm_s16be", "pcm_s24be", "pcm_f32le")
LAYOUTS = ("mono", "stereo", "5.1", "7.1")
COLORS = ("bt709", "bt2020-pq", "bt2020-hlg", "bt601")
ALWAYS = ("bandwidth", "frames")
"""Checked without being asked for, of ladders and of every film; may be waived like the others."""

_WORD = r"[a-z0-9][a-z0-9._-]*"
_LEVELS = ("low", "main", "high1440", "high")


def _spelt(what: str, pattern: str, example: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"{what}, such as `{example}`")
        return text

    return parse


def _words(what: str, known: tuple[str, ...]) -> Callable[[str], str]:
    def parse(text: str) -> str:
        words = text.split()
        if not words or not set(words) <= set(known):
            raise ValueError(f"{what}: one or more of {', '.join(known)}, with blanks between")
        return " ".join(words)

    return parse


def _number(what: str, low: int, high: int) -> Callable[[str], str]:
    def parse(text: str) -> str:
        value = Fraction(text) if re.fullmatch(r"[+-]?[0-9]{1,7}([.][0-9]{1,6})?", text) else None
        if value is None or not low <= value <= high:
            raise ValueError(f"{what}, from {low} to {high}")
        return text.removeprefix("+")

    return parse


def _rates(text: str) -> str:
    rates = [parse_rate(word) for word in text.split()]
    if not rates:
        raise ValueError("one or more frame rates, such as `25` or `23.976 24 25`")
    return " ".join(map(rate_text, rates))


def _listed(what: str, known: tuple[str, ...], doc: str) -> Field:
    return Field(Parsed(_words(what, known), rf"^{_WORD}( {_WORD})*$"), None, doc)


def _spelling(what: str, pattern: str, example: str, doc: str, *, number: bool = False) -> Field:
    return Field(Parsed(_spelt(what, pattern, example), f"^({pattern})$", number=number), None, doc)


def _decimal(what: str, low: int, high: int, doc: str) -> Field:
    return Field(Parsed(_number(what, low, high), r"^[+-]?[0-9]+([.][0-9]+)?$", number=True), None, doc)


def _truth(doc: str) -> Field:
    return truth(default=None, doc=doc)


def _count(low: int, high: int, doc: str) -> Field:
    return integer(low, high, default=None, doc=doc)


def _seconds(doc: str) -> Field:
    return _decimal("seconds", 0, 86_400, doc)


MUST: Mapping[str, Field] = {
    # the file
    "container": _listed("containers", CONTAINERS, "The kinds of file that it may be, such as `mp4`."),
    "max_bytes": _count(1, 1 << 50, "The most bytes that it may have."),
    "moov_first": _truth("`true`: its index stands before the pictures, so that playing starts before all is loaded."),
    "edit_list": _truth("`false`: it has no edit list; `true`: it may have one."),
    "timecode": _spelling(
        "a timecode", r"[0-9]{2}:[0-5][0-9]:[0-5][0-9][:;][0-9]{2}", "01:00:00:00", "The timecode of its first frame."
    ),
    "min_duration": _seconds("The fewest seconds that it may last."),
    "max_duration": _seconds("The most seconds that it may last."),
    # the picture
    "codec": _listed("picture codecs", CODECS, "The picture codecs that it may have."),
    "profile": _spelling(
        "profiles of a codec", rf"{_WORD}( {_WORD})*", "high", "The profiles of the codec, such as `high`, `main10`, `hq`."
    ),
    "level": _spelling(
        "a level", rf"[1-9][0-9]?([.][0-9])?|{'|'.join(_LEVELS)}", "4.2", "The highest level of the codec.", number=True
    ),
    "size": size(default=None, doc="The exact size of the picture."),
    "most_size": size(default=None, doc="The largest size of the picture, either way round."),
    "aspect": _spelling("an aspect ratio", r"[0-9]{1,4}:[0-9]{1,4}", "9:16", "The shape of the picture, within 1 %."),
    "rate": Field(Parsed(_rates, r"^[0-9./ ]+$", number=True), None, "The frame rates that it may have, constant."),
    "pixels": _spelling("pixel formats", rf"{_WORD}( {_WORD})*", "yuv420p", "The pixel formats that it may have."),
    "color": choice(*COLORS, default=None, doc="What its primaries, transfer curve and matrix are tagged as."),
    "range": choice("tv", "pc", default=None, doc="What its range is tagged as: `tv` (limited) or `pc` (full)."),
    "scan": choice("progressive", "interlaced", default=None, doc="Whether it has whole frames or fields."),
    "gop": _decimal("seconds", 0, 600, "The most seconds from one key frame to the next."),
    "b_frames": _count(0, 16, "The most B frames in a row."),
    "max_bitrate": _count(1, 100_000_000, "The most kbit of picture in any second."),
    "mean_bitrate": _count(1, 100_000_000, "The most kbit/s of picture on average."),
    "min_bitrate": _count(1, 100_000_000, "The fewest kbit/s of picture on average."),
    "black_head": _seconds("The most seconds of black at its beginning."),
    "black_tail": _seconds("The most seconds of black at its end."),
    # the sound
    "sound_codec": _listed("sound codecs", SOUND_CODECS, "The sound codecs that it may have."),
    "layout": _listed("layouts of channels", LAYOUTS, "The layouts of channels that it may have."),
    "sample_rate": _count(8_000, 192_000, "Samples of sound per second."),
    "loudness": _decimal("LUFS", -70, 0, "Integrated loudness in LUFS (EBU R128), within `loudness_tolerance`."),
    "loudness_tolerance": _decimal("LU", 0, 20, "How many LU the loudness may be off either way; 1 when not said."),
    "loudness_range": _decimal("LU", 0, 60, "The most loudness range in LU (EBU Tech 3342)."),
    "true_peak": _decimal("dBTP", -60, 6, "The most true peak in dBTP."),
    "sync": _count(0, 10_000, "The most milliseconds between the starts, and the ends, of picture and sound."),
}
"""Every constraint. None of them is asked for unless a profile says so."""
