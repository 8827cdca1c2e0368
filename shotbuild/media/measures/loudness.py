"""The sound of a file, decoded once: when it really starts and ends, and its loudness. Source: EBU R128, ITU-R BS.1770.

Measured by libav's ebur128 in this process; one decimal, as meters show it, so that it is the same on every machine.
"""

from dataclasses import dataclass
from fractions import Fraction
from math import log10

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.filter import Graph

from shotbuild.units import decimal_text

GATE = Fraction(-70)
SHORTEST = Fraction(2, 5)
"""Seconds of one block that loudness is measured in."""
SHORTEST_RANGE = Fraction(10)
"""Seconds below which loudness range means nothing: its blocks last 3 s."""
QUIET = "-inf"
PEAK = "lavfi.r128.true_peak"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loudness:
    """start, seconds: of what is heard, on the file's clock; samples: that were decoded; integrated: LUFS, range: LU,
    peak: dBTP, as text with one decimal, QUIET = there is none; None where it cannot be said: `why` says why, but for the
    range of a short film, which has none."""

    start: Fraction
    seconds: Fraction
    samples: int
    integrated: str | None
    range: str | None
    peak: str | None
    why: str


def loudness_of(source: InputContainer, stream: AudioStream) -> Loudness | None:
    """None when nothing can be decoded."""
    graph = _meter(stream)
    first: Fraction | None = None
    last: AudioFrame | None = None
    samples, said = 0, dict[str, str]()
    source.seek(0, stream=stream, backward=True)
    for last in source.decode(stream):
        if first is None:
            first = Fraction(last.pts or 0) * Fraction(last.time_base or 1)
        samples += last.samples
        said = _heard(graph, last, samples, said)
    if first is None or last is None:
        return None
    peak = _heard(graph, _held(last), samples, said).get(PEAK, "0")
    return _read(first, samples, Fraction(samples, last.sample_rate), said | {PEAK: peak})


def _meter(stream: AudioStream) -> Graph:
    graph = Graph()
    entry = graph.add_abuffer(template=stream)
    meter, end = graph.add("ebur128", "peak=true:metadata=1"), graph.add("abuffersink")
    entry.link_to(meter)
    meter.link_to(end)
    graph.configure()
    return graph


def _heard(graph: Graph, frame: AudioFrame, samples: int, said: dict[str, str]) -> dict[str, str]:
    """What the meter says last, after another frame."""
    frame.pts, frame.time_base = samples - frame.samples, Fraction(1, frame.sample_rate)
    graph.push(frame)
    while True:
        try:
            said = graph.pull().metadata or said
        except (av.BlockingIOError, av.EOFError):
            return said


def _held(last: AudioFrame) -> AudioFrame:
    """The last sample, held for 0.2 s: the meter speaks of whole 100 ms, and a peak in the rest must not be missed.

    Silence would be a step there, whose overshoot no other meter counts."""
    levels = last.to_ndarray()
    channels = last.layout.nb_channels
    end = levels[:, -1:] if last.format.is_planar else levels[:, -channels:]
    frame = AudioFrame.from_ndarray(
        np.ascontiguousarray(np.tile(end, (1, last.sample_rate // 5))), format=last.format.name, layout=last.layout.name
    )
    frame.sample_rate = last.sample_rate
    return frame


def _read(first: Fraction, samples: int, seconds: Fraction, said: dict[str, str]) -> Loudness:
    integrated = Fraction(said.get("lavfi.r128.I", "-70"))
    why = ""
    if seconds < SHORTEST:
        why = "it is shorter than 0.4 s, in which loudness is measured"
    elif integrated <= GATE:
        why = "nothing in it is above -70 LUFS: it is silent"
    peak = float(said[PEAK])
    return Loudness(
        start=first,
        seconds=seconds,
        samples=samples,
        integrated=None if why else decimal_text(integrated, 1),
        range=None if why or seconds < SHORTEST_RANGE else decimal_text(Fraction(said.get("lavfi.r128.LRA", "0")), 1),
        peak=decimal_text(Fraction(20 * log10(peak)), 1) if peak > 0 else QUIET,
        why=why,
    )
