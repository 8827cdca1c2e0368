"""When the frames of a stream are shown: rate, whether it is constant, length. Exact, from the time stamps themselves."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from av.video.stream import VideoStream

from shotbuild.units import round_half_up

SNAP = Fraction(1, 5000)
FALLBACK = Fraction(25)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """rate: frames per second; start, last: when the first and last frame are shown, in seconds; seconds: how long."""

    rate: Fraction
    constant: bool
    start: Fraction
    last: Fraction
    seconds: Fraction


def timing_of(stream: VideoStream, shown: Sequence[tuple[int, int]]) -> Timing:
    """shown: stamp and duration of each packet in ticks of the stream, in the order of the file."""
    base = stream.time_base or 1 / FALLBACK
    stamps = sorted(stamp for stamp, _ in shown)
    start, last = stamps[0] * base, stamps[-1] * base
    for rate in _candidates(stream, stamps, base):
        if _is_constant(stamps, base, rate):
            return Timing(rate=rate, constant=True, start=start, last=last, seconds=len(stamps) / rate)
    rate = (len(stamps) - 1) / (last - start) if last > start else FALLBACK
    final = max((duration for stamp, duration in shown if stamp == stamps[-1]), default=0) * base
    return Timing(rate=rate, constant=False, start=start, last=last, seconds=last - start + (final or 1 / rate))


def _candidates(stream: VideoStream, stamps: Sequence[int], base: Fraction) -> Iterator[Fraction]:
    measured = (len(stamps) - 1) / ((stamps[-1] - stamps[0]) * base) if stamps[-1] > stamps[0] else None
    for rate in (stream.guessed_rate, stream.average_rate, stream.base_rate, measured):
        if rate:
            yield from _snapped(Fraction(rate))
            yield Fraction(rate)


def _snapped(rate: Fraction) -> Iterator[Fraction]:
    """The common rates next to one that was written with too few digits: whole numbers, and those times 1000/1001."""
    for step in (Fraction(1), Fraction(1000, 1001)):
        near = round_half_up(rate / step) * step
        if near and abs(near - rate) < SNAP * rate:
            yield near


def _is_constant(stamps: Sequence[int], base: Fraction, rate: Fraction) -> bool:
    """Every stamp within one tick of where the rate has it."""
    step = 1 / (rate * base)
    low, scale = stamps[0] * step.denominator, step.denominator
    return all(abs(stamp * scale - low - index * step.numerator) <= scale for index, stamp in enumerate(stamps))
