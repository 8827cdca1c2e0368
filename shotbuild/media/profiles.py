"""The built-in delivery profiles, and a profile's settings → encoder arguments.

Fields of `video`: codec (`h264`, `prores`), extension (of a chunk), pixels, and for h264 crf, preset, profile, gop (seconds
between key frames). Fields of `sound`: codec (`aac`, `pcm`), extension, and for aac bitrate. Sound is 48 kHz stereo.
"""

from collections.abc import Mapping
from fractions import Fraction

from shotbuild.errors import MediaError
from shotbuild.media.colour import TAGS
from shotbuild.records import Fields, Profile, fields
from shotbuild.units import Size, round_half_up

MUXERS = {"mp4": "mp4", "m4a": "ipod", "mov": "mov", "wav": "wav", "mkv": "matroska"}


def _h264(crf: int, preset: str, gop: str = "2") -> Fields:
    return fields(codec="h264", extension="mp4", pixels="yuv420p", profile="high", crf=crf, preset=preset, gop=gop)


def _aac(bitrate: str) -> Fields:
    return fields(codec="aac", extension="m4a", bitrate=bitrate)


def _table(*profiles: Profile) -> Mapping[str, Profile]:
    return {profile.name: profile for profile in profiles}


PROFILES: Mapping[str, Profile] = _table(
    Profile(
        name="h264-web",
        extension="mp4",
        size=None,
        height=None,
        reframe="pad",
        video=_h264(18, "medium"),
        sound=_aac("256k"),
        burn_in=False,
    ),
    Profile(
        name="prores-422-hq",
        extension="mov",
        size=None,
        height=None,
        reframe="pad",
        video=fields(codec="prores", extension="mov", pixels="yuv422p10le", profile="3"),
        sound=fields(codec="pcm", extension="wav"),
        burn_in=False,
    ),
    Profile(
        name="social-vertical",
        extension="mp4",
        size=Size(1080, 1920),
        height=None,
        reframe="crop",
        video=_h264(19, "medium"),
        sound=_aac("192k"),
        burn_in=False,
    ),
    Profile(
        name="preview",
        extension="mp4",
        size=None,
        height=360,
        reframe="pad",
        video=_h264(28, "veryfast"),
        sound=_aac("128k"),
        burn_in=True,
    ),
)


def encoder_arguments(video: Fields, rate: Fraction) -> dict[str, str]:
    """Arguments for one chunk. Fixed threads and no VBV: its bytes depend on nothing but the picture. rate: per second."""
    codec = video.text("codec")
    if codec == "h264":
        return _common(video, rate) | _x264(video, rate)
    if codec == "prores":
        return _common(video, rate) | _prores(video)
    raise MediaError(f"no encoder is known for codec {codec!r}", hint="the codecs are h264 and prores")


def sound_arguments(sound: Fields) -> dict[str, str]:
    """Arguments for the sound of a deliverable, from a 48 kHz stereo mix."""
    codec = sound.text("codec")
    common = {"ar": "48000", "ac": "2", "threads": "1"}
    if codec == "aac":
        return common | {"c:a": "aac", "b:a": sound.text("bitrate"), "aac_coder": "twoloop"}
    if codec == "pcm":
        return common | {"c:a": "pcm_s24le"}
    raise MediaError(f"no encoder is known for sound codec {codec!r}", hint="the codecs are aac and pcm")


def needs(profile: Profile) -> frozenset[str]:
    """What of ffmpeg a profile uses, in the words of `host.tools.capabilities`."""
    video = {"h264": "libx264", "prores": "prores_ks"}[profile.video.text("codec")]
    sound = {"aac": "aac", "pcm": "pcm_s24le"}[profile.sound.text("codec")]
    encoders = {f"encoder:{name}" for name in (video, sound, "ffv1", "png")}
    names = ("zscale", "fps", "tpad", "xfade", "aresample", "amix") + (("drawtext",) if profile.burn_in else ())
    return frozenset(encoders | {f"filter:{name}" for name in names} | {f"muxer:{MUXERS[profile.extension]}"})


def _common(video: Fields, rate: Fraction) -> dict[str, str]:
    return {
        "pix_fmt": video.text("pixels"),
        "threads": "1",
        "fps_mode": "passthrough",
        "video_track_timescale": str(timescale(rate)),
        "movflags": "+write_colr",
        **TAGS,
    }


def timescale(rate: Fraction) -> int:
    """Ticks a second in which a frame is a whole number of ticks: 24000, 25000, 30000, … as editors expect."""
    return rate.numerator if rate.numerator >= 10_000 else rate.numerator * 1000


def _x264(video: Fields, rate: Fraction) -> dict[str, str]:
    """stitchable: parameter sets that do not depend on the content, so that chunks join by copy."""
    gop = max(1, round_half_up(Fraction(video.text("gop")) * rate))
    return {
        "c:v": "libx264",
        "profile:v": video.text("profile"),
        "preset": video.text("preset"),
        "crf": str(video.integer("crf")),
        "g": str(gop),
        "bf": "3",
        "x264-params": "open-gop=0:stitchable=1:scenecut=40",
    }


def _prores(video: Fields) -> dict[str, str]:
    """Its bytes are the same on any number of threads."""
    return {"c:v": "prores_ks", "profile:v": video.text("profile"), "vendor": "apl0", "threads": "4"}
