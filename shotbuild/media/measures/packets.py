"""Everything that the packets of a stream say without being decoded: sizes, key frames, reordering, peaks. Exact."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from math import ceil
from typing import Any

from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream


def _numbers() -> "array[int]":
    """Eight bytes each: sound of five hours has a million packets."""
    return array("q")


@dataclass(slots=True)
class Packets:
    """One stream, in the order of the file; priming, which nobody sees or hears, is left out of all but `bytes`.

    stamps, durations: in ticks of the stream; sizes: in bytes; keys: whether a decoder can start there."""

    stamps: "array[int]" = field(default_factory=_numbers)
    durations: "array[int]" = field(default_factory=_numbers)
    sizes: "array[int]" = field(default_factory=_numbers)
    keys: bytearray = field(default_factory=bytearray)
    bytes: int = 0

    def take(self, packet: "Packet[Any]") -> None:
        self.bytes += packet.size
        if packet.is_discard:
            return
        stamp = packet.pts if packet.pts is not None else packet.dts
        self.stamps.append(len(self.stamps) if stamp is None else stamp)
        self.durations.append(packet.duration or 0)
        self.sizes.append(packet.size)
        self.keys.append(packet.is_keyframe)

    @property
    def end(self) -> int:
        """In ticks."""
        return max(stamp + duration for stamp, duration in zip(self.stamps, self.durations, strict=True))

    @property
    def key_stamps(self) -> list[int]:
        return sorted(stamp for stamp, key in zip(self.stamps, self.keys, strict=True) if key)


def packets_of(source: InputContainer, streams: Sequence[Stream]) -> dict[int, Packets]:
    """One pass over the file: index of the stream → its packets."""
    found = {stream.index: Packets() for stream in streams}
    if streams:
        for packet in source.demux(list(streams)):
            if packet.size:
                found[packet.stream_index].take(packet)
    return found


def longest_gop(packets: Packets) -> tuple[int, int]:
    """The most frames from one key frame to the next, or to the end, and the frame where that begins."""
    order = sorted(zip(packets.stamps, packets.keys, strict=True))
    starts = [0, *(place for place, (_, key) in enumerate(order) if key and place), len(order)]
    lengths = [after - before for before, after in pairwise(starts)]
    return max(lengths), starts[lengths.index(max(lengths))]


def b_frames(packets: Packets) -> int:
    """The most frames in a row, as they are shown, that come in the file after one that is shown later."""
    latest, behind = None, {}
    for stamp in packets.stamps:
        behind[stamp] = latest is not None and stamp < latest
        latest = stamp if latest is None else max(latest, stamp)
    most = run = 0
    for stamp in sorted(behind):
        run = run + 1 if behind[stamp] else 0
        most = max(most, run)
    return most


def peak_bits(packets: Packets, base: Fraction) -> int:
    """The most bits of frames that are shown within any one second. base: seconds of a tick.

    A film shorter than a second is taken as if nothing followed it."""
    order = sorted(zip(packets.stamps, packets.sizes, strict=True))
    # A tick less: stamps that were rounded up must not let one frame more into the second.
    second = 1 / base - 1
    most = held = first = 0
    for stamp, size in order:
        held += size
        while stamp - order[first][0] > second:
            held -= order[first][1]
            first += 1
        most = max(most, held)
    return most * 8


def kilobits(bits: int, seconds: Fraction) -> int:
    """kbit/s, rounded up: a limit that is just passed is passed."""
    return ceil(bits / (1000 * seconds))
