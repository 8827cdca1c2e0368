"""The packets of a file, every one, with the first frame of each stream; and whether all that the header says is there."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from typing import Any

from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.codec.context import CodecContext
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from shotbuild.errors import MediaError

NOT_PICTURES = Disposition.attached_pic | Disposition.timed_thumbnails
TOLERANCE = Fraction(1, 10)
HEADERS_TO_TRUST = frozenset({"mov", "matroska", "avi", "wav", "flac", "mxf", "aiff"})


@dataclass(slots=True)
class Reading:
    """One stream as its packets go by."""

    stream: VideoStream | AudioStream
    packets: int = 0
    damaged: bool = False
    shown: list[tuple[int, int]] = field(default_factory=list)
    frame: VideoFrame | AudioFrame | None = None


def pictures_in(source: InputContainer) -> Iterator[VideoStream]:
    return (stream for stream in source.streams.video if not stream.disposition & NOT_PICTURES)


def read_all(source: InputContainer) -> list[Reading]:
    reads = [Reading(stream) for stream in list(pictures_in(source))[:1]]
    reads += [Reading(stream) for stream in source.streams.audio[:1]]
    for each in reads:
        on_one_thread(each.stream)
    by_index = {each.stream.index: each for each in reads}
    if reads:
        for packet in source.demux([each.stream for each in reads]):
            _take(by_index[packet.stream_index], packet)
    return reads


def on_one_thread(stream: VideoStream | AudioStream) -> None:
    """Where one frame is decoded: threads for it cost more than the frame."""
    # A stream that nobody can decode has none, whatever PyAV's own types say.
    context: CodecContext | None = stream.codec_context
    if context is not None:
        context.thread_count = 1


def _take(read: Reading, packet: "Packet[Any]") -> None:
    if read.frame is None:
        read.frame = _first_frame(packet)
    if packet.size == 0:
        return
    read.packets += 1
    read.damaged |= packet.is_corrupt
    stamp = packet.pts if packet.pts is not None else packet.dts
    if not packet.is_discard:
        read.shown.append((len(read.shown) if stamp is None else stamp, packet.duration or 0))


def _first_frame(packet: "Packet[Any]") -> VideoFrame | AudioFrame | None:
    try:
        return next((frame for frame in packet.decode() if isinstance(frame, VideoFrame | AudioFrame)), None)
    except FFmpegError:
        return None  # a stream may start in the middle; having no frame at all is told at the end


def refuse_damage(source: InputContainer, reads: list[Reading], name: str, container: str) -> None:
    said = Fraction(source.duration or 0, 1_000_000)
    there = max((_length(each) for each in reads), default=Fraction(0))
    others = len(source.streams) > len(reads)
    cut_off = container in HEADERS_TO_TRUST and not others and said > there + TOLERANCE
    videos = (each for each in reads if isinstance(each.stream, VideoStream))  # PCM counts samples, not packets
    missing = next((each for each in videos if each.packets < each.stream.frames), None)
    if not (cut_off or missing or any(each.damaged for each in reads)):
        return
    cause = f"its header says {float(said):.3f} s, but only {float(there):.3f} s are there"
    if missing is not None:
        cause = f"its header says {missing.stream.frames} frames, only {missing.packets} are there"
    raise MediaError(f"{name} is cut off or damaged", cause=cause, hint="copy or export the file again")


def _length(read: Reading) -> Fraction:
    base = read.stream.time_base or Fraction(0)
    if not read.shown:
        return Fraction(0)
    end = max(stamp + duration for stamp, duration in read.shown) * base
    steps = [later[0] - earlier[0] for earlier, later in pairwise(read.shown[-2:])]
    return end + (abs(steps[0]) * base if steps and not read.shown[-1][1] else 0)
