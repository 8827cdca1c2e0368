"""Where dialogue is heard in a cut, and by how much other sound steps back for it. Pure: numbers in, numbers out.

Dialogue is what is louder than a gate in blocks of 20 ms. The gate follows the dialogue itself, so that neither its gain
nor the room's own tone matters: 20 dB below the mean of all that is louder than -60 dBFS. Whole numbers find it, and
decimals give the factors, so both are the same on every machine.

What steps back is down when a word begins, stays down between the words of a sentence, and comes up after it: pauses that
are too short for that are no pauses.
"""

from array import array
from collections.abc import Iterator
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import pairwise
from operator import mul
from pathlib import Path
from sys import byteorder

from shotbuild.units import SAMPLE_RATE

RATE = 8000
"""Numbers a second that are looked at: speech is below 4 kHz."""
BLOCK = 160
FLOOR = 33**2 * BLOCK
"""Energy of a block at -60 dBFS."""
BELOW = 100
"""20 dB, as a ratio of energies."""
ATTACK, HOLD, RELEASE = 7200, 12000, 19200
"""In samples: 150 ms to step back, 250 ms to wait after the last word, 400 ms to come up."""
STEP = 48
"""Samples between two points of a ramp; straight lines in between."""
CHUNK = SAMPLE_RATE

Span = tuple[int, int]


def spoken(path: Path) -> list[Span]:
    """First and last sample at 48 kHz of each stretch of dialogue. path: of what `sounds.speech` wrote."""
    energies = array("q", _energies(path))
    loud = [energy for energy in energies if energy > FLOOR]
    gate = max(FLOOR, sum(loud) // len(loud) // BELOW) if loud else 0
    size = BLOCK * SAMPLE_RATE // RATE
    return _joined((index * size, (index + 1) * size) for index, energy in enumerate(energies) if loud and energy > gate)


def factors(spans: list[Span], decibels: Fraction, first: int, length: int) -> Iterator[bytes]:
    """What samples `first` to `first + length` of a cut are multiplied with: 32-bit floats, little-endian.

    spans: as `spoken` gives them; decibels: by which sound steps back."""
    down, low, up = _ramps(decibels)
    at, end = first, first + length
    for start, stop in spans:
        yield from _constant(1.0, at, min(start - ATTACK, end))
        yield from _part(down, start - ATTACK, at, end)
        yield from _constant(low, max(start, at), min(stop + HOLD, end))
        yield from _part(up, stop + HOLD, at, end)
        at = max(at, min(stop + HOLD + RELEASE, end))
    yield from _constant(1.0, at, end)


def _energies(path: Path) -> Iterator[int]:
    with path.open("rb") as stream:
        while chunk := stream.read(BLOCK * 2):
            block = array("h", chunk)
            if byteorder == "big":
                block.byteswap()
            yield sum(map(mul, block, block))


def _joined(blocks: Iterator[Span]) -> list[Span]:
    spans: list[Span] = []
    for start, stop in blocks:
        if spans and start - spans[-1][1] <= HOLD + RELEASE + ATTACK:
            spans[-1] = (spans[-1][0], stop)
        else:
            spans.append((start, stop))
    return spans


def _ramps(decibels: Fraction) -> tuple[bytes, float, bytes]:
    """The way down, the factor that is held, and the way up: even in decibels but for soft ends."""
    down = _ramp(decibels, ATTACK)
    up = _ramp(decibels, RELEASE)
    up.reverse()
    return _bytes(down), float(_factor(decibels)), _bytes(up)


def _ramp(decibels: Fraction, length: int) -> "array[float]":
    points = length // STEP
    steps = [Fraction(index, points) for index in range(points + 1)]
    levels = [float(_factor(decibels * step * step * (3 - 2 * step))) for step in steps]
    lines = pairwise(levels)
    return array("f", (here + (there - here) * (index / STEP) for here, there in lines for index in range(STEP)))


def _factor(decibels: Fraction) -> Decimal:
    with localcontext(prec=20):
        return Decimal(10) ** (Decimal(-decibels.numerator) / Decimal(20 * decibels.denominator))


def _constant(value: float, start: int, end: int) -> Iterator[bytes]:
    whole = _bytes(array("f", [value])) * CHUNK if end > start else b""
    for at in range(start, end, CHUNK):
        yield whole[: 4 * min(CHUNK, end - at)]


def _part(ramp: bytes, start: int, first: int, end: int) -> Iterator[bytes]:
    """What of a ramp that begins at `start` lies from `first` to `end`."""
    if part := ramp[4 * max(0, first - start) : max(0, 4 * (end - start))]:
        yield part


def _bytes(values: "array[float]") -> bytes:
    if byteorder == "big":
        values = values[:]
        values.byteswap()
    return values.tobytes()
