"""Scratch sound: a low ambience of the place, a soft tick each second and a beep on the first frame. Integers only."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shotbuild.providers.storyboard.chance import TURN, Chance, sine
from shotbuild.units import SAMPLE_RATE

LOOP = 1 << 18  # samples of noise before it repeats, about 5.5 s
CHUNK = 1 << 16
BEEP = SAMPLE_RATE // 24
TICK = SAMPLE_RATE // 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Air:
    """dull: samples that noise is averaged over; level: of 32767; swell: seconds of a wave of loudness; hum: Hz or 0."""

    dull: int
    level: int
    swell: int
    hum: int


AIRS = {
    "sea": Air(dull=10, level=1500, swell=7, hum=0),
    "coast": Air(dull=12, level=1500, swell=6, hum=0),
    "mountains": Air(dull=30, level=900, swell=9, hum=0),
    "hills": Air(dull=16, level=600, swell=11, hum=0),
    "desert": Air(dull=40, level=900, swell=8, hum=0),
    "forest": Air(dull=8, level=500, swell=6, hum=0),
    "air": Air(dull=24, level=1200, swell=12, hum=0),
    "space": Air(dull=90, level=500, swell=13, hum=44),
    "city": Air(dull=60, level=1300, swell=10, hum=62),
    "street": Air(dull=44, level=1300, swell=8, hum=58),
    "road": Air(dull=50, level=1200, swell=5, hum=70),
    "village": Air(dull=20, level=500, swell=10, hum=0),
    "room": Air(dull=80, level=400, swell=12, hum=50),
    "hall": Air(dull=90, level=600, swell=12, hum=50),
    "stairs": Air(dull=90, level=600, swell=12, hum=50),
    "studio": Air(dull=80, level=300, swell=12, hum=0),
}


def pcm(place: str, weather: str | None, chance: Chance, samples: int) -> Iterator[bytes]:
    """Stereo, signed 16 bits, little-endian, 48 kHz: exactly so many samples."""
    air = AIRS[place]
    if weather in {"rain", "storm"}:
        air = Air(dull=4, level=1400, swell=9, hum=air.hum)
    sides = [_noise(f"{chance.below(1 << 40)} {side}", air) for side in ("left", "right")]
    tones = np.array([sine(step) >> 2 for step in range(TURN)], np.int64)
    for start in range(0, samples, CHUNK):
        at = np.arange(start, min(start + CHUNK, samples), dtype=np.int64)
        wave = tones[at * TURN // (SAMPLE_RATE * air.swell) % TURN] + 24576
        extra = _marks(at, tones)
        if air.hum:
            extra = extra + tones[at * air.hum * TURN // SAMPLE_RATE % TURN] * 240 // 16384
        stereo = np.empty((len(at), 2), np.int64)
        for side, noise in enumerate(sides):
            stereo[:, side] = noise[at % LOOP] * wave // 40960 + extra
        yield np.clip(stereo, -32768, 32767).astype("<i2").tobytes()


def _noise(word: str, air: Air) -> NDArray[np.int64]:
    """Dull noise that joins its own beginning, at the level."""
    raw = np.frombuffer(hashlib.shake_128(word.encode()).digest(LOOP * 2), "<i2").astype(np.int64)
    for _ in range(2):
        sums = np.cumsum(np.concatenate([raw, raw[: air.dull]]))
        raw = (sums[air.dull :] - sums[: -air.dull]) // air.dull
        raw = raw - int(raw.sum()) // LOOP
    return raw * air.level // max(1, int(np.abs(raw).max()))


def _marks(at: NDArray[np.int64], tones: NDArray[np.int64]) -> NDArray[np.int64]:
    """The beep at the beginning, and a tick on each full second after it."""
    within = at % SAMPLE_RATE
    fading = np.clip(TICK - within, 0, TICK)
    tick = tones[within * 1800 * TURN // SAMPLE_RATE % TURN] * fading // TICK * fading // TICK * 1500 // 16384
    edge = np.minimum(np.minimum(at, BEEP - at), 96).clip(0)
    beep = tones[at * 1000 * TURN // SAMPLE_RATE % TURN] * edge // 96 * 5200 // 16384
    return np.where(at < SAMPLE_RATE, beep, tick)
