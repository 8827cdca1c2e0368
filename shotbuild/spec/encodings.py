"""What may be set of each encoder, and what fits together: profiles, pixels, containers. Knows nothing of ffmpeg."""

import re
from collections.abc import Mapping
from fractions import Fraction

from shotbuild.records import Value
from shotbuild.spec.fields import Field, choice, factor, integer, truth
from shotbuild.spec.kinds import Parsed
from shotbuild.units import Size

CODEC = "codec"
FILM, FRAMES, ANIMATION, SHEET, POSTER, STEMS = "film", "frames", "animation", "sheet", "poster", "stems"
LADDERS = ("hls", "dash")
FOLDERS = (*LADDERS, FRAMES, STEMS)
"""Kinds whose deliverable is a folder."""
CRF, CAPPED, VBV = "crf", "capped", "vbv"
EIGHT, TEN = "yuv420p", "yuv420p10le"
PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow")
LEVELS = ("3.0", "3.1", "3.2", "4.0", "4.1", "4.2", "5.0", "5.1", "5.2")
HEVC_LEVELS = ("3.0", "3.1", "4.0", "4.1", "5.0", "5.1", "5.2", "6.0")
MOST_KBITS = 2_000_000


def _gop(default: str) -> Field:
    return factor(Fraction(1, 100), 60, default=default, doc="The most seconds from one key frame to the next: `2`, `1/2`.")


def _crf(most: int, default: int) -> Field:
    return integer(0, most, default=default, doc=f"Quality: lower is better and larger, 0 to {most}.")


def _pixels(*names: str) -> Field:
    return choice(*names, default=None, doc="The pixel format; that of the codec's profile when not written.")


def _kbits(doc: str) -> Field:
    return integer(1, MOST_KBITS, default=None, doc=doc)


def _rate(*ways: str) -> Mapping[str, Field]:
    doc = "`crf`: by quality; `capped`: by quality below `maxrate`; `vbv`: by `bitrate`, over the whole film in one go."
    return {
        "rate": choice(*ways, default=None, doc=doc),
        "bitrate": _kbits("With `rate: vbv`: kbit/s on average."),
        "maxrate": _kbits("With `rate: capped` or `vbv`: the most kbit/s."),
        "bufsize": _kbits("With `rate: capped` or `vbv`: the size of the buffer in kbit; `maxrate` when not written."),
    }


def _pictured(*pixels: str) -> Mapping[str, Field]:
    return {
        "pixels": choice(*pixels, default=pixels[0], doc="The pixel format."),
        "first": integer(0, 99_999_999, default=None, doc="The number of the first picture."),
    }


_BFRAMES = integer(0, 8, default=None, doc="The most B frames in a row.")
_SCENECUT = truth(default=None, doc="`false`: key frames only at fixed places, for ladders.")
_ANIMATED = {
    "pixels": choice("yuv444p", EIGHT, default="yuv444p", doc="The pixel format of the lossless film that it is made of."),
    "rate": factor(1, 50, default="12", doc="The most pictures per second."),
    "width": integer(0, 4096, default=480, doc="The most columns; 0 = those of the film."),
}

VIDEO: Mapping[str, Mapping[str, Field]] = {
    "h264": {
        "profile": choice("baseline", "main", "high", "high10", "high422", default="high", doc="The profile of the codec."),
        "pixels": _pixels(EIGHT, TEN, "yuv422p", "yuv422p10le"),
        "crf": _crf(51, 20),
        "preset": choice(*PRESETS, default="medium", doc="Slower is smaller."),
        "tune": choice("film", "animation", "grain", "stillimage", default=None, doc="What x264 is tuned for."),
        "level": choice(*LEVELS, default=None, doc="The level; the lowest that fits when not written."),
        "gop": _gop("2"),
        "bframes": _BFRAMES,
        "scenecut": _SCENECUT,
        **_rate(CRF, CAPPED, VBV),
    },
    "hevc": {
        "profile": choice("main", "main10", "main422-10", default="main", doc="The profile of the codec."),
        "pixels": _pixels(EIGHT, TEN, "yuv422p10le"),
        "crf": _crf(51, 22),
        "preset": choice(*PRESETS, default="medium", doc="Slower is smaller."),
        "level": choice(*HEVC_LEVELS, default=None, doc="The level; the lowest that fits when not written."),
        "gop": _gop("2"),
        "bframes": _BFRAMES,
        "scenecut": _SCENECUT,
        **_rate(CRF, CAPPED, VBV),
    },
    "av1": {
        "pixels": choice(TEN, EIGHT, default=TEN, doc="The pixel format."),
        "crf": _crf(63, 30),
        "preset": integer(0, 13, default=7, doc="SVT-AV1's: higher is faster."),
        "gop": _gop("4"),
        "grain": integer(0, 50, default=None, doc="How much film grain is taken out and made again by the player."),
        "rate": choice(CRF, default=None, doc="Only by quality: with a bit rate its bytes differ from run to run."),
    },
    "vp9": {
        "pixels": choice(EIGHT, TEN, default=EIGHT, doc="The pixel format."),
        "crf": _crf(63, 31),
        "speed": integer(0, 5, default=2, doc="libvpx's cpu-used: higher is faster."),
        "gop": _gop("4"),
        **_rate(CRF, VBV),
    },
    "prores": {
        "profile": choice("proxy", "lt", "standard", "hq", "4444", "4444xq", default="hq", doc="The kind of ProRes."),
        "pixels": _pixels("yuv422p10le", "yuv444p10le"),
    },
    "dnxhr": {
        "profile": choice("dnxhr_lb", "dnxhr_sq", "dnxhr_hq", "dnxhr_hqx", "dnxhr_444", default="dnxhr_hq", doc="Its kind."),
        "pixels": _pixels("yuv422p", "yuv422p10le", "yuv444p10le"),
    },
    "mpeg2": {
        "pixels": choice("yuv422p", EIGHT, default="yuv422p", doc="The pixel format: 4:2:2 or main profile."),
        "bitrate": integer(1000, 300_000, default=50_000, doc="kbit/s, constant."),
        "bufsize": integer(1000, 300_000, default=36_408, doc="The size of the buffer in kbit."),
        "gop": _gop("12/25"),
        "bframes": _BFRAMES,
        "rate": choice(VBV, default=VBV, doc="Always by its buffer."),
    },
    "ffv1": {"pixels": choice(EIGHT, TEN, "yuv422p10le", "yuv444p10le", default="yuv422p10le", doc="The pixel format.")},
    "png": {
        **_pictured("rgb24", "rgb48be"),
        "columns": integer(1, 20, default=None, doc="Of a contact sheet: pictures in a row."),
        "at": factor(0, 1, default=None, doc="Of a poster: where in the film, `0` to `1`."),
    },
    "dpx": _pictured("gbrp10le", "gbrp12le", "rgb48be"),
    "exr": _pictured("gbrpf32le"),
    "gif": _ANIMATED,
    "webp": {**_ANIMATED, "quality": integer(0, 100, default=60, doc="Higher is better and larger.")},
}
"""Codec → its settings."""

OF_ANY_CODEC = ("gop", "scenecut", "first")
"""Settings that mean the same whatever the codec."""

PIXELS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "h264": {"high10": (TEN,), "high422": ("yuv422p10le", "yuv422p"), "": (EIGHT,)},
    "hevc": {"main10": (TEN,), "main422-10": ("yuv422p10le",), "": (EIGHT,)},
    "prores": {"4444": ("yuv444p10le",), "4444xq": ("yuv444p10le",), "": ("yuv422p10le",)},
    "dnxhr": {"dnxhr_hqx": ("yuv422p10le",), "dnxhr_444": ("yuv444p10le",), "": ("yuv422p",)},
}
"""Codec → profile → the pixel formats that it may have, the usual one first; "" = every other profile."""


def allowed(codec: str, profile: Value) -> tuple[str, ...]:
    """The pixel formats of a codec's profile; empty = whatever its setting takes."""
    table = PIXELS.get(codec, {})
    return table.get(str(profile), table.get("", ()))


CHUNKS: Mapping[str, str] = {
    **dict.fromkeys(("h264", "hevc", "av1", "vp9"), "mp4"),
    **dict.fromkeys(("prores", "dnxhr", "mpeg2"), "mov"),
    "ffv1": "mkv",
}
"""Codec → extension of a chunk."""

KINDS: Mapping[str, tuple[str, ...]] = {
    FILM: ("h264", "hevc", "av1", "vp9", "prores", "dnxhr", "mpeg2", "ffv1"),
    FRAMES: ("png", "dpx", "exr"),
    ANIMATION: ("gif", "webp"),
    SHEET: ("png",),
    POSTER: ("png",),
}
"""Kind of a profile → codecs of its pictures."""

CONTAINERS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "mp4": (("h264", "hevc", "av1", "vp9"), ("aac", "opus", "flac", "mp3")),
    "mov": (("h264", "hevc", "prores", "dnxhr", "mpeg2"), ("aac", "pcm", "mp3")),
    "webm": (("vp9", "av1"), ("opus",)),
    "mkv": (("h264", "hevc", "av1", "vp9", "ffv1"), ("aac", "opus", "flac", "pcm", "pcm16")),
    "mxf": (("mpeg2", "dnxhr"), ("pcm", "pcm16")),
}
"""Extension of a film → codecs of picture and of sound that are joined into it exactly."""

TIMECODED = ("mov", "mp4", "mxf")
CAPTIONED = ("mp4", "mov", "mkv", "webm")
"""Films that carry captions as tracks."""
EDITABLE = ("mov", "mp4")
WITHOUT_EDIT_LIST = ("aac", "pcm", "flac")
"""Sound that stays together with the picture where no edit list says where it starts."""


SMALLEST: Mapping[str, Size] = {"dnxhr": Size(256, 120)}
"""Codec → the smallest picture that its encoder takes."""


def _bitrate_text(text: str) -> str:
    if not re.fullmatch(r"[1-9][0-9]{1,3}k", text) or not 32 <= int(text[:-1]) <= 1024:
        raise ValueError("a bit rate from `32k` to `1024k`")
    return text


_LAYOUT = choice("mono", "stereo", "5.1", default=None, doc="The channels; stereo when not written.")
_BITRATE = Field(Parsed(_bitrate_text, r"^[1-9][0-9]{1,3}k$"), "192k", "Its bit rate: `256k`.")
SOUND: Mapping[str, Mapping[str, Field]] = {
    "aac": {"bitrate": _BITRATE, "layout": _LAYOUT},
    "pcm": {"layout": _LAYOUT},
    "pcm16": {"layout": _LAYOUT},
    "opus": {"bitrate": _BITRATE, "layout": _LAYOUT},
    "flac": {"layout": _LAYOUT},
    "mp3": {
        "bitrate": _BITRATE,
        "layout": choice("mono", "stereo", default=None, doc="The channels: MP3 has two at most."),
    },
}
"""Sound codec → its settings."""

SOUND_FILES: Mapping[str, str] = {"aac": "m4a", "pcm": "wav", "pcm16": "wav", "opus": "mp4", "flac": "flac", "mp3": "mp3"}
"""Sound codec → extension of its file."""

SOUND_NAMES: Mapping[str, str] = {"pcm": "pcm_s24le", "pcm16": "pcm_s16le"}
"""What a sound codec is called among the constraints, where that differs."""


def _decimal(low: int, high: int, what: str) -> Parsed[str]:
    def parse(text: str) -> str:
        value = Fraction(text) if re.fullmatch(r"[+-]?[0-9]{1,3}([.][0-9]{1,3})?", text) else None
        if value is None or not low <= value <= high:
            raise ValueError(f"{what} from {low} to {high}, such as `{(low + high) // 2}`")
        return text.removeprefix("+")

    return Parsed(parse, r"^[+-]?[0-9]+([.][0-9]+)?$", number=True)


LOUDNESS: Mapping[str, Field] = {
    "target": Field(_decimal(-40, -5, "LUFS"), "-23", "Integrated loudness in LUFS (EBU R128): `-14`."),
    "peak": Field(_decimal(-20, 0, "dBTP"), "-1", "The highest true peak in dBTP."),
    "tolerance": Field(_decimal(0, 5, "LU"), "1", "How many LU the result may be off."),
}
WRAP: Mapping[str, Field] = {
    "edit_list": truth(default=None, doc="`false`: the file has no edit list, as YouTube and Meta ask for."),
    "timecode": truth(default=None, doc="Whether it has a track of timecode, from the sequence's `timecode`."),
    "reel": truth(default=None, doc="Whether the timecode track names a reel: the sequence."),
}
BURN_IN: Mapping[str, Field] = {
    "shot": truth(default=None, doc="The name of the shot, at the top left."),
    "take": truth(default=None, doc="The take, behind it."),
    "clock": truth(default=None, doc="A running timecode, at the top right."),
    "watermark": truth(default=None, doc="The deliverable's `watermark`, across the middle."),
}
