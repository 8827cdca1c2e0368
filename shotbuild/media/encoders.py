"""A profile's settings → arguments for ffmpeg's encoders. Every one is told how many threads to use.

The same picture gives the same bytes on any machine with the same build: encoders whose bytes depend on their threads have
one, and the engine runs as many of them at once as there are cores. Measured: facts on determinism in `docs/profiles.md`.
"""

from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias

from shotbuild.errors import MediaError
from shotbuild.media.colour import TAGS
from shotbuild.media.filters import argv, ffv1, picked, source, written
from shotbuild.media.pictures import numbered
from shotbuild.media.profiles import CAPPED, VBV
from shotbuild.records import Fields, Profile
from shotbuild.units import SAMPLE_RATE, rate_name, round_half_up, timescale

MUXERS = {
    "mp4": "mp4",
    "m4a": "ipod",
    "mov": "mov",
    "wav": "wav",
    "mkv": "matroska",
    "webm": "webm",
    "mxf": "mxf",
    "mp3": "mp3",
    "flac": "flac",
    "gif": "gif",
    "webp": "webp",
    "png": "image2",
    "jpg": "image2",
    "tar": "image2",
}
MPEG2_RATES = tuple(map(Fraction, ("24000/1001", "24", "25", "30000/1001", "30", "50", "60000/1001", "60")))
CHANNELS = {"mono": 1, "stereo": 2, "5.1": 6}
RGB_TAGS = TAGS | {"colorspace": "rgb", "color_range": "pc"}
TIMED = ("mp4", "mov")
AAC_PRIMING = 1024
"""Samples that an AAC decoder gives before the first that was encoded."""

Arguments: TypeAlias = dict[str, str]
Encoder: TypeAlias = Callable[[Fields, Fraction], Arguments]


def encoder_arguments(video: Fields, rate: Fraction) -> Arguments:
    """Arguments for one chunk, or for a whole film where `chunked` says no. rate: frames per second."""
    codec = video.text("codec")
    if codec not in _ENCODERS:
        raise MediaError(f"no encoder is known for codec {codec!r}", hint=f"the codecs are {', '.join(_ENCODERS)}")
    name, encoder = _ENCODERS[codec]
    return _common(video, rate) | {"c:v": name} | encoder(video, rate)


def sound_arguments(sound: Fields) -> Arguments:
    """Arguments for the sound of a deliverable, from a 48 kHz mix that has its layout already."""
    codec = sound.text("codec")
    if codec not in _SOUNDS:
        raise MediaError(f"no encoder is known for sound codec {codec!r}", hint=f"the codecs are {', '.join(_SOUNDS)}")
    name, more = _SOUNDS[codec]
    rate = {"b:a": sound.text("bitrate")} if sound.get("bitrate") is not None else {}
    return {"ar": str(SAMPLE_RATE), "ac": str(channels(sound)), "threads": "1", "c:a": name, **rate, **more}


def channels(sound: Fields) -> int:
    """How many channels a sound has. Errors: MediaError for a layout that is not known."""
    layout = sound.get("layout") or "stereo"
    if layout not in CHANNELS:
        raise MediaError(f"no layout {layout!r} is known", hint=f"the layouts are {', '.join(CHANNELS)}")
    return CHANNELS[str(layout)]


def whole(ffmpeg: Path, film: Path, video: Fields, *, frames: int, rate: Fraction, output: str) -> tuple[str, ...]:
    """The command that encodes a film in one go. film: lossless and in Matroska, of the size and pixels that are wanted."""
    stream = numbered(picked(source(film, MUXERS["mkv"]), 0), rate).filter("trim", end_frame=frames)
    arguments = encoder_arguments(video, rate) | {"frames:v": str(frames)}
    stream = stream.filter("format", video.text("pixels"))
    return argv(ffmpeg, written(stream, output, MUXERS[video.text("extension")], arguments))


def needs(profile: Profile) -> frozenset[str]:
    """What of ffmpeg a profile uses, in the words of `host.tools.capabilities`."""
    video, sound = profile.video.get("codec"), profile.sound.get("codec")
    encoders = (
        {"ffv1", "png"} | ({_ENCODERS[str(video)][0]} if video else set()) | ({_SOUNDS[str(sound)][0]} if sound else set())
    )
    names = {"zscale", "fps", "tpad", "xfade", "overlay", "setparams"}
    names |= {"aresample", "amix", "amultiply", "channelmap", "concat"} if sound else set()
    names |= {"drawtext"} if profile.burn_in.items else set()
    names |= {"ebur128", "alimiter", "astats", "ametadata", "asetnsamples"} if profile.loudness.items else set()
    muxer = {"hls": "mp4", "dash": "mp4", "frames": "image2", "stems": "wav"}.get(profile.kind) or MUXERS[profile.extension]
    return frozenset({f"encoder:{name}" for name in encoders} | {f"filter:{name}" for name in names} | {f"muxer:{muxer}"})


def _common(video: Fields, rate: Fraction) -> Arguments:
    timed = {"video_track_timescale": str(timescale(rate)), "movflags": "+write_colr"}
    rgb = video.text("pixels").startswith(("rgb", "gbr"))
    return {
        "pix_fmt": video.text("pixels"),
        "threads": "1",
        "fps_mode": "passthrough",
        **(timed if video.text("extension") in TIMED else {}),
        **(RGB_TAGS if rgb else TAGS),
    }


def _gop(video: Fields, rate: Fraction) -> int:
    return max(1, round_half_up(Fraction(video.text("gop")) * rate))


def _number(video: Fields, name: str, default: int) -> int:
    value = video.get(name)
    return value if isinstance(value, int) else default


def _x264(video: Fields, rate: Fraction) -> Arguments:
    """stitchable: parameter sets that do not depend on the content, so that chunks join by copy.

    zones: x264 gives the first frame of a stream the quality of a P frame where it plans by macroblock tree, and every later
    key frame a better one by its ratio of I to P (1.4, for grain 1.1). Each chunk's first frame gets it too, or a film
    of chunks would be worse and smaller than one encoded whole (measured: half of the difference)."""
    cuts = video.get("scenecut") is not False
    gop = _gop(video, rate)
    params = ["open-gop=0", "stitchable=1", f"scenecut={40 if cuts else 0}"]
    params += [] if cuts else [f"keyint={gop}", f"min-keyint={gop}"]
    params += _buffer(video)
    params += [] if video.get("rate") == VBV else [f"zones=0,0,b={1.1 if video.get('tune') == 'grain' else 1.4}"]
    return {
        "profile:v": video.text("profile"),
        "preset": video.text("preset"),
        "g": str(gop),
        "bf": str(_number(video, "bframes", 3)),
        "x264-params": ":".join(params),
        **_level("level:v", video),
        **({"tune": video.text("tune")} if video.get("tune") else {}),
        **_quality(video),
    }


def _x265(video: Fields, rate: Fraction) -> Arguments:
    """info=0: no text of its options in the stream. Its bytes depend on wpp and on frame threads, so there are none.

    const-vbv: with a buffer two runs give two streams otherwise, even on one thread."""
    cuts = video.get("scenecut") is not False
    gop = _gop(video, rate)
    params = ["log-level=error", "info=0", "frame-threads=1", "pools=none", "wpp=0", "open-gop=0", "repeat-headers=0"]
    params += [f"keyint={gop}", f"min-keyint={1 if cuts else gop}", f"scenecut={40 if cuts else 0}"]
    params += [f"bframes={_number(video, 'bframes', 4)}"]
    params += [f"level-idc={video.text('level')}", "high-tier=0"] if video.get("level") else []
    buffered = _buffer(video)
    params += [*buffered, "const-vbv=1"] if buffered else []
    return {
        "profile:v": video.text("profile"),
        "preset": video.text("preset"),
        "g": str(gop),
        "x265-params": ":".join(params),
        **({"tag:v": "hvc1"} if video.text("extension") in TIMED else {}),
        **_quality(video),
    }


def _svt(video: Fields, rate: Fraction) -> Arguments:
    """Only by quality: with a bit rate its streams differ from run to run. lp: threads, which do not matter to its bytes."""
    params = ["lp=1", "scd=0", "irefresh-type=2"]
    params += [f"film-grain={_number(video, 'grain', 0)}"] if video.get("grain") else []
    return {
        "preset": str(video.integer("preset")),
        "crf": str(video.integer("crf")),
        "g": str(_gop(video, rate)),
        "svtav1-params": ":".join(params),
    }


def _vp9(video: Fields, rate: Fraction) -> Arguments:
    rates = {"b:v": f"{video.integer('bitrate')}k", **_caps(video)} if video.get("rate") == VBV else {"b:v": "0"}
    return {
        "crf": str(video.integer("crf")),
        "deadline": "good",
        "cpu-used": str(_number(video, "speed", 2)),
        "g": str(_gop(video, rate)),
        "row-mt": "0",
        "tile-columns": "0",
        "auto-alt-ref": "1",
        "lag-in-frames": "25",
        **rates,
    }


def _prores(video: Fields, _rate: Fraction) -> Arguments:
    """Its bytes are the same on any number of threads. alpha: none, the pictures have none."""
    return {"profile:v": video.text("profile"), "vendor": "apl0", "threads": "4"}


def _dnxhr(video: Fields, _rate: Fraction) -> Arguments:
    """Its bytes are the same on any number of threads, and in ffmpeg 5.1 to 9.0."""
    return {"profile:v": video.text("profile"), "threads": "4"}


def _mpeg2(video: Fields, rate: Fraction) -> Arguments:
    """4:2:2 profile at high level, constant rate, closed GOP: XDCAM HD422. Source: SMPTE RDD 9, ffmpeg's own notes on it."""
    if rate not in MPEG2_RATES:
        raise MediaError(
            f"MPEG-2 has no rate of {rate_name(rate)} frames a second",
            cause=f"it has {', '.join(map(rate_name, MPEG2_RATES))}",
            hint="set the `rate` of the sequence to one of them, or use another profile",
        )
    bitrate = f"{video.integer('bitrate')}k"
    return {
        "profile:v": "0" if video.text("pixels") == "yuv422p" else "4",
        "level:v": "2",
        "b:v": bitrate,
        "minrate": bitrate,
        "maxrate": bitrate,
        "bufsize": f"{video.integer('bufsize')}k",
        "g": str(_gop(video, rate)),
        "bf": str(_number(video, "bframes", 2)),
        "flags:v": "+bitexact+cgop",
        "sc_threshold": "1000000000",
        "non_linear_quant": "1",
        "intra_vlc": "1",
        "dc": "10",
        "qmin": "1",
        "qmax": "28",
        "lmin": "1*QP2LAMBDA",
        "rc_max_vbv_use": "1",
        "rc_min_vbv_use": "1",
    }


def _ffv1(video: Fields, _rate: Fraction) -> Arguments:
    return {name: text for name, text in ffv1(video.text("pixels"), 1).items() if name not in ("frames:v", "c:v")}


def _always(**arguments: str) -> Encoder:
    """Of an encoder that has no settings in a profile."""
    return lambda _video, _rate: dict(arguments)


def _quality(video: Fields) -> Arguments:
    if video.get("rate") == VBV:
        return {"b:v": f"{video.integer('bitrate')}k", **_caps(video)}
    caps = _caps(video) if video.get("rate") == CAPPED else {}
    return {"crf": str(video.integer("crf")), **caps}


def _caps(video: Fields) -> Arguments:
    return {"maxrate": f"{video.integer('maxrate')}k", "bufsize": f"{video.integer('bufsize')}k"}


def _buffer(video: Fields) -> list[str]:
    """A chunk whose buffer starts half full leaves the next one enough: measured, no underflow at joins."""
    return {CAPPED: ["vbv-init=0.5"], VBV: ["vbv-init=0.9"]}.get(str(video.get("rate")), [])


def _level(name: str, video: Fields) -> Arguments:
    return {name: video.text("level")} if video.get("level") else {}


_ENCODERS: Mapping[str, tuple[str, Encoder]] = {
    "h264": ("libx264", _x264),
    "hevc": ("libx265", _x265),
    "av1": ("libsvtav1", _svt),
    "vp9": ("libvpx-vp9", _vp9),
    "prores": ("prores_ks", _prores),
    "dnxhr": ("dnxhd", _dnxhr),
    "mpeg2": ("mpeg2video", _mpeg2),
    "ffv1": ("ffv1", _ffv1),
    "png": ("png", _always(pred="mixed", compression_level="6")),
    "dpx": ("dpx", _always()),
    # Half floats; gamma 1: values are display-referred Rec. 709, as they were seen.
    "exr": ("exr", _always(compression="zip16", gamma="1", **{"format:v": "half"})),
    # The stage that writes animations sets palette and quality.
    "gif": ("gif", _always()),
    "webp": ("libwebp_anim", _always()),
}
_SOUNDS: Mapping[str, tuple[str, Arguments]] = {
    "aac": ("aac", {"aac_coder": "twoloop"}),
    "pcm": ("pcm_s24le", {}),
    "pcm16": ("pcm_s16le", {}),
    "opus": ("libopus", {"vbr": "on", "application": "audio", "frame_duration": "20"}),
    # Fixed predictors: the others are found with floats, whose result depends on the processor.
    "flac": ("flac", {"sample_fmt": "s32", "compression_level": "8", "lpc_type": "fixed"}),
    "mp3": ("libmp3lame", {}),
}
