"""One file of picture, sound or both → its facts. One pass of packets, then as much decoding as has to be seen and heard.

Sound is heard on a thread of its own, from a handle of its own, while the picture is looked at: libav lets go of Python.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

from av.audio.stream import AudioStream
from av.container import InputContainer
from av.video.stream import VideoStream

from shotbuild.errors import MediaError
from shotbuild.media.boxes import Boxes, boxes_of
from shotbuild.media.containers import container_of, opened
from shotbuild.media.looks import look_of
from shotbuild.media.measures.black import black_ends
from shotbuild.media.measures.codecs import codec_of, color_of, level_of, profile_of, range_of
from shotbuild.media.measures.loudness import Loudness, loudness_of
from shotbuild.media.measures.offset import offset_of
from shotbuild.media.measures.packets import Packets, b_frames, kilobits, longest_gop, packets_of, peak_bits
from shotbuild.media.measures.webp import Webp, webp_of
from shotbuild.media.reading import pictures_in
from shotbuild.media.timing import timing_of
from shotbuild.records import Fields, Value, fields
from shotbuild.units import decimal_text, rate_text

PLACES = 6
LAYOUTS = {"5.1(side)": "5.1", "7.1(wide)": "7.1", "1 channels": "mono", "2 channels": "stereo"}
NAMES = {"matroska": "mkv", "png_pipe": "png", "jpeg_pipe": "jpeg", "webp_pipe": "webp"}


def film_facts(path: Path, name: str, cuts: Sequence[int], mix: Path | None = None) -> Fields:
    """Facts of a file, under a name by which people find it: `container`, `bytes`, `picture`, `sound`, `captions`, and of
    the wrap `moov_first`, `edit_list`, `timecode`, `reel`; what is not there is None. cuts: frames where segments begin;
    mix: the sound that it was made from, with which its own is compared.

    Times are seconds as text with 6 decimals, rates of bits kbit/s. Errors: MediaError when it cannot be read."""
    container = container_of(path)
    moving = webp_of(path) if container == "webp_pipe" else None
    boxes = boxes_of(path) if container == "mov" else None
    common: dict[str, Value] = {"name": name, "bytes": path.stat().st_size, "container": _container(path, container, boxes)}
    common |= _wrap(boxes)
    if moving is not None:
        return fields(**common, picture=_webp(moving, path), sound=None, captions=(), timecode=None, reel=None)
    with opened(path) as source:
        return fields(**common, **_streams(source, path, cuts, mix))


def _streams(source: InputContainer, path: Path, cuts: Sequence[int], mix: Path | None) -> dict[str, Value]:
    pictures, sounds = list(pictures_in(source))[:1], list(source.streams.audio[:1])
    texts = list(source.streams.subtitles)
    with ThreadPoolExecutor(1) as ear:
        heard = [ear.submit(_heard, path, mix) for _ in sounds]
        packets = packets_of(source, [*pictures, *sounds, *texts])
        picture = next((_picture(source, each, packets[each.index], cuts, path.name) for each in pictures), None)
        sound = next((_sound(each, packets[each.index], path.name, *heard[0].result()) for each in sounds), None)
    tags = [dict(each.metadata) for each in (source, *source.streams)]
    return {
        "picture": picture,
        "sound": sound,
        "captions": tuple(
            fields(language=each.language or "und", codec=each.codec_context.name, texts=len(packets[each.index].sizes))
            for each in texts
        ),
        "timecode": _tag(tags, "timecode"),
        "reel": _tag(tags, "reel_name"),
    }


def _picture(source: InputContainer, stream: VideoStream, packets: Packets, cuts: Sequence[int], name: str) -> Fields:
    if not packets.stamps:
        raise MediaError(f"{name} has no frames", cause="its picture stream is empty", hint="build it again")
    source.seek(0, stream=stream, backward=True)
    frame = next(iter(source.decode(stream)), None)
    if frame is None:
        raise MediaError(f"no frame of {name} can be decoded", hint="it is damaged or was cut off: build it again")
    look, base = look_of(stream, frame), stream.time_base or Fraction(1)
    timing = timing_of(stream, list(zip(packets.stamps, packets.durations, strict=True)))
    gop, gop_at = longest_gop(packets)
    frames = len(packets.stamps)
    head, tail = black_ends(source, stream, packets.key_stamps, frames)
    keys = {place for place, (_, key) in enumerate(sorted(zip(packets.stamps, packets.keys, strict=True))) if key}
    return fields(
        codec=codec_of(stream),
        profile=profile_of(stream),
        level=level_of(stream),
        size=f"{look.turned[0]}x{look.turned[1]}",
        pixel_aspect=f"{look.sar[0]}:{look.sar[1]}",
        rotation=look.rotation,
        pixels=look.pixels,
        rate=rate_text(timing.rate),
        constant_rate=timing.constant,
        frames=frames,
        start=_seconds(timing.start),
        seconds=_seconds(timing.seconds),
        key_frames=len(keys),
        gop_frames=gop,
        gop_at=gop_at,
        gop=_seconds(gop / timing.rate),
        cuts=len(cuts),
        cuts_without_key=tuple(cut for cut in cuts if cut not in keys),
        b_frames=b_frames(packets),
        mean_bitrate=kilobits(packets.bytes * 8, timing.seconds),
        peak_bitrate=kilobits(peak_bits(packets, base), Fraction(1)),
        color=color_of(look),
        range=range_of(look),
        scan="interlaced" if look.interlaced else "progressive",
        black_head=_seconds(head / timing.rate),
        black_tail=_seconds(tail / timing.rate),
    )


def _heard(path: Path, mix: Path | None) -> tuple[Loudness | None, str | None]:
    """The first sound of a file: how loud it is, and by how many seconds it is later than its mix."""
    with opened(path) as source:
        loudness = loudness_of(source, source.streams.audio[0])
        return loudness, _offset(source, mix) if loudness else None


def _sound(stream: AudioStream, packets: Packets, name: str, heard: Loudness | None, offset: str | None) -> Fields:
    if heard is None or not packets.stamps:
        raise MediaError(f"the sound of {name} cannot be decoded", hint="it is damaged or was cut off: build it again")
    base = stream.time_base or Fraction(1, stream.rate)
    # Decoders give what was padded into the last packet, containers do not always say that it is no sound.
    end = min(heard.start + heard.seconds, packets.end * base) if packets.durations[-1] else heard.start + heard.seconds
    seconds = max(end - heard.start, Fraction(1, stream.rate))
    return fields(
        codec=codec_of(stream),
        profile=profile_of(stream),
        layout=LAYOUTS.get(stream.layout.name, stream.layout.name),
        channels=stream.layout.nb_channels,
        sample_rate=stream.rate,
        start=_seconds(heard.start),
        seconds=_seconds(seconds),
        bitrate=kilobits(packets.bytes * 8, seconds),
        loudness=heard.integrated,
        loudness_range=heard.range,
        true_peak=heard.peak,
        why=heard.why,
        offset=offset,
    )


def _offset(source: InputContainer, mix: Path | None) -> str | None:
    if mix is None:
        return None
    with opened(mix) as other:
        found = offset_of(source, other)
    return None if found is None else _seconds(found)


def _webp(moving: Webp, path: Path) -> Fields:
    frames, seconds = len(moving.shown), moving.seconds or Fraction(1)
    lengths = [length for _, length in moving.shown]
    rate = frames / seconds
    return fields(
        codec="webp",
        size=f"{moving.width}x{moving.height}",
        frames=frames,
        rate=rate_text(rate.limit_denominator(1001)),
        constant_rate=max(lengths, default=0) - min(lengths, default=0) <= 1,
        start=_seconds(Fraction(0)),
        seconds=_seconds(seconds),
        mean_bitrate=kilobits(path.stat().st_size * 8, seconds),
    )


def _container(path: Path, demuxer: str, boxes: Boxes | None) -> str:
    if boxes is not None:
        return "mov" if boxes.brand in ("qt  ", "") else "mp4"
    if demuxer == "matroska":
        with path.open("rb") as stream:
            return "webm" if b"webm" in stream.read(64) else "mkv"
    return NAMES.get(demuxer, demuxer)


def _wrap(boxes: Boxes | None) -> dict[str, Value]:
    if boxes is None:
        return {"moov_first": None, "edit_list": None, "edits": ()}
    return {"moov_first": boxes.moov_first, "edit_list": bool(boxes.edits), "edits": boxes.edits}


def _tag(tags: Sequence[dict[str, str]], wanted: str) -> str | None:
    return next((text for each in tags for name, text in each.items() if name.lower() == wanted), None)


def _seconds(value: Fraction) -> str:
    return decimal_text(value, PLACES)
