"""How much later the sound of a file is heard than in the mix that it was made from, by laying one over the other.

Time stamps cannot say it: a file without an edit list may begin with the silence that an encoder put before the sound.
"""

from fractions import Fraction

import av
import numpy as np
from av.container import InputContainer
from numpy.typing import NDArray

from shotbuild.units import SAMPLE_RATE

LOOKED = 60 * SAMPLE_RATE
"""Samples from the beginning in which a loud place is looked for."""
WINDOW = 1 << 17
REACH = SAMPLE_RATE // 2
ALIKE = 0.5
"""How alike two sounds have to be, at most 1, before one is taken for the other."""
NEARLY = 0.995

Wave = NDArray[np.float32]


def offset_of(film: InputContainer, mix: InputContainer) -> Fraction | None:
    """Seconds, to a sample of 48 kHz; None when the mix is silent, or the sounds are not alike."""
    wanted, heard = _wave(mix), _wave(film)
    start = _loudest(wanted)
    part = wanted[start : start + WINDOW]
    around = np.zeros(len(part) + 2 * REACH, np.float32)
    first = start - REACH
    there = heard[max(0, first) : max(0, first + len(around))]
    around[max(0, -first) : max(0, -first) + len(there)] = there
    size = 1 << (len(around) + len(part)).bit_length()
    product = np.fft.rfft(around, size) * np.conj(np.fft.rfft(part, size))
    likeness = np.fft.irfft(product, size)[: 2 * REACH + 1]
    power = float(np.dot(part, part))
    if power < 1e-6:
        return None
    best = float(likeness.max())
    near = np.flatnonzero(likeness >= best * NEARLY) - REACH  # a steady tone is alike after each of its periods
    lag = int(near[np.argmin(np.abs(near))])
    there = around[lag + REACH : lag + REACH + len(part)]
    alike = best / np.sqrt(power * float(np.dot(there, there)) + 1e-12)
    return Fraction(lag, SAMPLE_RATE) if alike >= ALIKE else None


def _wave(source: InputContainer) -> Wave:
    """The first minute as one channel, from 0 on its clock."""
    stream = source.streams.audio[0]
    resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
    source.seek(0, stream=stream, backward=True)
    parts: list[Wave] = []
    held = early = 0
    for frame in source.decode(stream):
        if not parts and frame.pts:
            start = int(frame.pts * Fraction(frame.time_base or 1) * SAMPLE_RATE)
            parts.append(np.zeros(max(start, 0), np.float32))
            early = max(-start, 0)  # such as the samples by which opus starts before its film
        for each in resampler.resample(frame):
            parts.append(each.to_ndarray()[0].astype(np.float32))
            held += len(parts[-1])
        if held >= LOOKED:
            break
    return np.concatenate(parts)[early:] if parts else np.zeros(0, np.float32)


def _loudest(wave: Wave) -> int:
    """Where the window with the most power begins."""
    starts = range(0, max(1, len(wave) - WINDOW + 1), WINDOW // 2)
    return max(starts, key=lambda start: float(np.dot(wave[start : start + WINDOW], wave[start : start + WINDOW])))
