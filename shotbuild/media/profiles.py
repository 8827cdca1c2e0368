"""The built-in delivery profiles: what each one makes, and what it promises of the file. `docs/profiles.md` lists them.

Loudness and limits of platforms are production practice and what their upload pages say; those of broadcast are EBU R128.
"""

from collections.abc import Mapping

from shotbuild.records import Fields, Profile, Value, fields
from shotbuild.units import Size

CRF, CAPPED, VBV = "crf", "capped", "vbv"
"""How a rate is kept: by quality alone; by quality below a cap, chunk by chunk; by a buffer over the whole film."""
CAPPABLE = frozenset({"h264", "hevc"})
"""Codecs that can be held below a cap chunk by chunk."""

HD, UHD, UPRIGHT, SQUARE = Size(1920, 1080), Size(3840, 2160), Size(1080, 1920), Size(1080, 1080)
FILM_RATES = "24000/1001 24 25 30000/1001 30"
ALL_RATES = f"{FILM_RATES} 48 50 60000/1001 60"
BROADCAST_RATES = "24000/1001 24 25 30000/1001"
FIRST_PICTURE = 1001
ONLINE = fields(target="-14", peak="-1.5", tolerance="1")
"""Louder is turned down by players. Peaks half a decibel below what is promised, because lossy codecs overshoot."""
R128 = fields(target="-23", peak="-1", tolerance="0.5")
AS_TAGGED: Mapping[str, Value] = {"color": "bt709", "range": "tv", "scan": "progressive"}
TOGETHER: Mapping[str, Value] = {"sync": 20, "sample_rate": 48000}
"""sync: milliseconds; less than half a frame at 24 a second."""
MASTER = fields(timecode=True, reel=True)
STARTS_AT_ZERO = fields(edit_list=False)


def _h264(crf: int, preset: str = "medium", gop: str = "2", **more: Value) -> Fields:
    return fields(codec="h264", extension="mp4", pixels="yuv420p", profile="high", crf=crf, preset=preset, gop=gop, **more)


def _hevc(crf: int, profile: str, pixels: str) -> Fields:
    return fields(codec="hevc", extension="mp4", pixels=pixels, profile=profile, crf=crf, preset="medium", gop="2")


def _prores(profile: str, pixels: str = "yuv422p10le") -> Fields:
    return fields(codec="prores", extension="mov", pixels=pixels, profile=profile)


def _dnxhr(profile: str, pixels: str) -> Fields:
    return fields(codec="dnxhr", extension="mov", pixels=pixels, profile=profile)


def _aac(bitrate: str) -> Fields:
    return fields(codec="aac", extension="m4a", bitrate=bitrate)


def _pictures(codec: str, pixels: str) -> Fields:
    return fields(codec=codec, extension="tar", pixels=pixels, first=FIRST_PICTURE)


PCM = fields(codec="pcm", extension="wav")
OPUS = fields(codec="opus", extension="mp4", bitrate="160k")


def _mp4(codec: str, pixels: str, **more: Value) -> Fields:
    """What every mp4 promises."""
    return fields(container="mp4", codec=codec, pixels=pixels, moov_first=True, **AS_TAGGED, **TOGETHER, **more)


def _upload(size: Size | None, most: int, **more: Value) -> Fields:
    """What platforms ask of an upload. most: kbit in any second."""
    sized: dict[str, Value] = {} if size is None else {"size": str(size)}
    common = _mp4("h264", "yuv420p", profile="high", sound_codec="aac", layout="stereo", edit_list=False, rate=ALL_RATES)
    return fields(**dict(common.items), **sized, max_bitrate=most, **more)


def _loud(loudness: Fields, true_peak: str, tolerance: str) -> dict[str, Value]:
    return {"loudness": loudness.text("target"), "loudness_tolerance": tolerance, "true_peak": true_peak}


HEARD_ONLINE = _loud(ONLINE, "-1", "1")
HEARD_ON_AIR = _loud(R128, "-1", "0.5")


def _upright(name: str, longest: str, bytes_: int, about: str) -> Profile:
    return Profile(
        name=name,
        extension="mp4",
        size=UPRIGHT,
        reframe="crop",
        video=_h264(19, level="4.2", bframes=2, rate="capped", maxrate=12_000, bufsize=12_000),
        sound=_aac("192k"),
        loudness=ONLINE,
        wrap=STARTS_AT_ZERO,
        must=_upload(
            UPRIGHT,
            25_000,
            level="4.2",
            gop="2.1",
            min_duration="3",
            max_duration=longest,
            max_bytes=bytes_,
            **HEARD_ONLINE,
        ),
        about=about,
    )


def _master(name: str, video: Fields, about: str, wrap: Fields, codec: str) -> Profile:
    return Profile(
        name=name,
        extension="mov",
        video=video,
        sound=PCM,
        wrap=wrap,
        must=fields(
            container="mov",
            codec=codec,
            profile=video.text("profile"),
            sound_codec="pcm_s24le",
            **AS_TAGGED,
            **TOGETHER,
        ),
        about=about,
    )


def _rung(height: int, crf: int, most: int) -> Profile:
    """Key frames at fixed places, so that players can change rungs at each of them; peaks at most twice the cap."""
    return Profile(
        name=f"rung-{height}p",
        extension="mp4",
        height=height,
        video=_h264(crf, level="4.2", bframes=2, scenecut=False, rate="capped", maxrate=most, bufsize=most),
        sound=Fields(),
        must=fields(container="mp4", codec="h264", level="4.2", gop="2.1", max_bitrate=2 * most, **AS_TAGGED),
        about=f"One rung of `hls` and `dash`, at most {height} rows and {most} kbit/s.",
    )


def _streams(name: str, about: str) -> Profile:
    return Profile(
        name=name,
        kind=name,
        extension="",
        video=_h264(21, scenecut=False),
        sound=_aac("160k"),
        loudness=ONLINE,
        must=fields(container=name),
        ladder=("rung-1080p", "rung-720p", "rung-540p", "rung-360p"),
        about=about,
    )


def _sequence(codec: str, pixels: str, about: str) -> Profile:
    return Profile(
        name=f"{codec}-sequence",
        kind="frames",
        extension="",
        video=_pictures(codec, pixels),
        sound=Fields(),
        must=fields(container="frames", codec=codec),
        about=about,
    )


def _animation(codec: str, quality: dict[str, Value], about: str) -> Profile:
    return Profile(
        name=codec,
        kind="animation",
        extension=codec,
        video=fields(codec=codec, extension=codec, pixels="yuv444p", rate="12", width=480, **quality),
        sound=Fields(),
        must=fields(container=codec),
        about=about,
    )


def _table(*profiles: Profile) -> Mapping[str, Profile]:
    return {profile.name: profile for profile in profiles}


PROFILES: Mapping[str, Profile] = _table(
    Profile(
        name="h264-web",
        extension="mp4",
        video=_h264(18),
        sound=_aac("256k"),
        must=_mp4("h264", "yuv420p", profile="high", sound_codec="aac", gop="2.1"),
        about="H.264 for web pages and players of all kinds.",
    ),
    Profile(
        name="hevc-web",
        extension="mp4",
        video=_hevc(22, "main", "yuv420p"),
        sound=_aac("256k"),
        must=_mp4("hevc", "yuv420p", profile="main", sound_codec="aac", gop="2.1"),
        about="HEVC of 8 bits, tagged hvc1, for Apple's players and newer browsers.",
    ),
    Profile(
        name="hevc-main10",
        extension="mp4",
        video=_hevc(21, "main10", "yuv420p10le"),
        sound=_aac("256k"),
        must=_mp4("hevc", "yuv420p10le", profile="main10", sound_codec="aac", gop="2.1"),
        about="HEVC of 10 bits, tagged hvc1: no bands in skies.",
    ),
    Profile(
        name="av1-web",
        extension="mp4",
        video=fields(codec="av1", extension="mp4", pixels="yuv420p10le", crf=30, preset=7, gop="4"),
        sound=OPUS,
        must=_mp4("av1", "yuv420p10le", sound_codec="opus", gop="4.1"),
        about="AV1 of 10 bits with Opus: the smallest files for newer browsers.",
    ),
    Profile(
        name="vp9-web",
        extension="webm",
        video=fields(codec="vp9", extension="mp4", pixels="yuv420p", crf=31, speed=2, gop="4"),
        sound=OPUS,
        must=fields(container="webm", codec="vp9", pixels="yuv420p", sound_codec="opus", gop="4.1", **AS_TAGGED, **TOGETHER),
        about="VP9 with Opus in WebM.",
    ),
    Profile(
        name="youtube-1080p",
        extension="mp4",
        size=HD,
        video=_h264(17, gop="1/2", bframes=2, level="4.2"),
        sound=_aac("384k"),
        loudness=ONLINE,
        wrap=STARTS_AT_ZERO,
        must=_upload(HD, 80_000, level="4.2", gop="0.55", b_frames=2, **HEARD_ONLINE),
        about="What YouTube asks for at 1080p: closed GOPs of half a second, 2 B frames, no edit list.",
    ),
    Profile(
        name="youtube-4k",
        extension="mp4",
        size=UHD,
        video=_h264(17, gop="1/2", bframes=2, level="5.2"),
        sound=_aac("384k"),
        loudness=ONLINE,
        wrap=STARTS_AT_ZERO,
        must=_upload(UHD, 240_000, level="5.2", gop="0.55", b_frames=2, **HEARD_ONLINE),
        about="The same at 2160p.",
    ),
    Profile(
        name="vimeo",
        extension="mp4",
        video=_h264(16, gop="1", bframes=2),
        sound=_aac("320k"),
        loudness=ONLINE,
        wrap=STARTS_AT_ZERO,
        must=_upload(None, 240_000, gop="1.1", **HEARD_ONLINE),
        about="A rich H.264 upload at the size of the cut.",
    ),
    Profile(
        name="x",
        extension="mp4",
        height=1080,
        video=_h264(19, level="4.2", bframes=2, rate="capped", maxrate=10_000, bufsize=10_000),
        sound=_aac("128k"),
        loudness=ONLINE,
        wrap=STARTS_AT_ZERO,
        must=_upload(
            None,
            25_000,
            most_size=str(HD),
            level="4.2",
            gop="2.1",
            max_duration="140",
            max_bytes=512_000_000,
            **HEARD_ONLINE,
        ),
        about="X: at most 1080 rows, 140 seconds, 512 MB.",
    ),
    Profile(
        name="linkedin-square",
        extension="mp4",
        size=SQUARE,
        reframe="crop",
        video=_h264(19, level="4.2", bframes=2, rate="capped", maxrate=12_000, bufsize=12_000),
        sound=_aac("192k"),
        loudness=ONLINE,
        wrap=STARTS_AT_ZERO,
        must=_upload(SQUARE, 30_000, level="4.2", gop="2.1", min_duration="3", max_duration="900", **HEARD_ONLINE),
        about="LinkedIn, square: the cut is cropped.",
    ),
    _upright("instagram", "900", 1_000_000_000, "Instagram Reels, 9:16: 3 s to 15 minutes, 1 GB."),
    _upright("tiktok", "600", 500_000_000, "TikTok, 9:16: 3 s to 10 minutes, 500 MB."),
    Profile(
        name="social-vertical",
        extension="mp4",
        size=UPRIGHT,
        reframe="crop",
        video=_h264(19),
        sound=_aac("192k"),
        must=_mp4("h264", "yuv420p", profile="high", size=str(UPRIGHT), sound_codec="aac", gop="2.1"),
        about="9:16 for anywhere: as mixed, without a cap.",
    ),
    Profile(
        name="broadcast-prores",
        extension="mov",
        size=HD,
        video=_prores("hq"),
        sound=PCM,
        loudness=R128,
        wrap=MASTER,
        must=fields(
            container="mov",
            codec="prores",
            profile="hq",
            size=str(HD),
            rate=BROADCAST_RATES,
            pixels="yuv422p10le",
            sound_codec="pcm_s24le",
            layout="stereo",
            **HEARD_ON_AIR,
            **AS_TAGGED,
            **TOGETHER,
        ),
        about="HD ProRes 422 HQ for air: EBU R128, timecode and reel.",
    ),
    Profile(
        name="xdcam",
        extension="mxf",
        size=HD,
        video=fields(
            codec="mpeg2",
            extension="mov",
            pixels="yuv422p",
            rate="vbv",
            bitrate=50_000,
            bufsize=36_408,
            gop="12/25",
            bframes=2,
        ),
        sound=PCM,
        loudness=R128,
        wrap=fields(timecode=True),
        must=fields(
            container="mxf",
            codec="mpeg2",
            profile="422",
            level="high",
            size=str(HD),
            rate=BROADCAST_RATES,
            pixels="yuv422p",
            gop="0.55",
            b_frames=2,
            mean_bitrate=51_000,
            max_bitrate=87_000,  # what the rate and a full buffer come to in one second
            sound_codec="pcm_s24le",
            **HEARD_ON_AIR,
            **AS_TAGGED,
            **TOGETHER,
        ),
        about="Like XDCAM HD422: MPEG-2 4:2:2 of 50 Mbit/s in MXF, EBU R128. Encoded whole.",
    ),
    _master("prores-422-hq", _prores("hq"), "ProRes 422 HQ with PCM, as mixed.", Fields(), "prores"),
    _master("prores-master", _prores("hq"), "ProRes 422 HQ with timecode and reel: the master.", MASTER, "prores"),
    _master("prores-422", _prores("standard"), "ProRes 422 with timecode and reel, for editing.", MASTER, "prores"),
    _master("prores-4444", _prores("4444", "yuv444p10le"), "ProRes 4444 with timecode and reel.", MASTER, "prores"),
    _master("dnxhr-hqx", _dnxhr("dnxhr_hqx", "yuv422p10le"), "DNxHR HQX, 10 bits, timecode and reel.", MASTER, "dnxhr"),
    _master("dnxhr-sq", _dnxhr("dnxhr_sq", "yuv422p"), "DNxHR SQ, 8 bits, for editing.", MASTER, "dnxhr"),
    Profile(
        name="preview",
        extension="mp4",
        height=360,
        video=_h264(28, "veryfast"),
        sound=_aac("128k"),
        burn_in=fields(shot=True, clock=True),
        must=_mp4("h264", "yuv420p", sound_codec="aac"),
        about="Small, with the shot's name and a clock.",
    ),
    Profile(
        name="review",
        extension="mp4",
        height=720,
        video=_h264(23, "fast", gop="1"),
        sound=_aac("128k"),
        wrap=fields(timecode=True),
        burn_in=fields(shot=True, take=True, clock=True, watermark=True),
        must=_mp4("h264", "yuv420p", sound_codec="aac", gop="1.1"),
        about="For people who judge: shot, take, clock and watermark in the picture, a key frame every second.",
    ),
    _streams("hls", "HLS of four rungs, fMP4 segments of 6 s."),
    _streams("dash", "DASH of the same rungs."),
    _rung(1080, 20, 7_800),
    _rung(720, 21, 4_500),
    _rung(540, 22, 2_000),
    _rung(360, 23, 800),
    _animation("gif", {}, "A GIF of 480 columns and 12 pictures a second."),
    _animation("webp", {"quality": 60}, "The same as animated WebP, a fraction of the size."),
    _sequence("png", "rgb48be", "PNG of 16 bits, numbered from 1001."),
    _sequence("dpx", "gbrp10le", "DPX of 10 bits, numbered from 1001."),
    _sequence("exr", "gbrpf32le", "OpenEXR, half floats, numbered from 1001. Values are display-referred Rec. 709."),
    Profile(
        name="stems",
        kind="stems",
        extension="",
        video=Fields(),
        sound=PCM,
        must=fields(container="stems", sound_codec="pcm_s24le", sample_rate=48000),
        about="The mix by role: dialogue, music, effects, as WAV of 24 bits with their place on the clock.",
    ),
    Profile(
        name="contact-sheet",
        kind="sheet",
        extension="png",
        video=fields(codec="png", extension="png", pixels="rgb24"),
        sound=Fields(),
        must=fields(container="png"),
        about="One picture with a frame of every clip, with names and timecode.",
    ),
    Profile(
        name="poster",
        kind="poster",
        extension="png",
        video=fields(codec="png", extension="png", pixels="rgb24", at="1/3"),
        sound=Fields(),
        must=fields(container="png"),
        about="One frame, a third into the film.",
    ),
)


def chunked(video: Fields) -> bool:
    """Whether a film may be joined of segments that were encoded on their own."""
    return video.get("rate") != VBV and video.get("codec") not in ("gif", "webp", "mpeg2")


def mezzanine(pixels: str) -> Fields:
    """Settings of the lossless film from which a film is encoded that is not chunked. pixels: those of its profile."""
    return fields(codec="ffv1", extension="mkv", pixels=pixels)
