"""How loud a sound is (EBU R128), and the commands that bring a mix to a target in the form that a profile delivers.

Loudness is settled by one gain for the whole. Where that would take the true peak over its limit, a limiter holds the peaks
at four times the sample rate, and nothing else changes: there is no automatic level over time. What counts is what was
delivered: it is decoded, measured again and corrected. Sources: EBU R128, EBU Tech 3341 and 3342, ITU-R BS.1770.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil
from pathlib import Path

from shotbuild.errors import MediaError
from shotbuild.media.containers import container_of
from shotbuild.media.encoders import MUXERS, sound_arguments
from shotbuild.media.filters import Stream, argv, decimal, picked, source, written
from shotbuild.media.probe import Sound
from shotbuild.records import Fields
from shotbuild.units import SAMPLE_RATE, decimal_text

OVER = 4 * SAMPLE_RATE
"""The rate at which true peaks are found and held."""
SILENT = Fraction(-70)
"""LUFS: what is measured where nothing is louder than the gate, or nothing lasts for a block of 400 ms."""
NEAR = Fraction(1, 10)
"""LU within which a target is met."""
MARGIN = Fraction(5, 100)
"""Decibels by which a ceiling is taken down further than it was passed."""
ROUNDS, PATIENT = 8, 4
ATTACK, RELEASE = "5", "50"
"""Of the limiter, in milliseconds."""
MOST_LIMITED = Fraction(24)
"""Decibels: the lowest ceiling that the limiter knows."""
_INTEGRATED, _RANGE, _PEAK = "integrated.txt", "range.txt", "peak.txt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loudness:
    """integrated: in LUFS; range: in LU; peak: the true peak in dBTP, None = not one sample is other than 0."""

    integrated: Fraction
    range: Fraction
    peak: Fraction | None

    @property
    def silent(self) -> bool:
        """Whether there is nothing that has a loudness: silence, or less than 400 ms of sound."""
        return self.integrated <= SILENT or self.peak is None

    def __str__(self) -> str:
        peak = "no peak" if self.peak is None else f"{decimal_text(self.peak)} dBTP"
        return f"{decimal_text(self.integrated)} LUFS, {peak}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """integrated: in LUFS; peak: the most in dBTP; tolerance: LU that may be missed where no correction comes nearer."""

    integrated: Fraction
    peak: Fraction
    tolerance: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """gain: in decibels; ceiling: of the limiter, in dBTP, None = there is none; headroom: decibels by which the sound is
    lowered while it is brought to the higher rate in whole numbers, where it may not be louder than full scale."""

    gain: Fraction = Fraction(0)
    ceiling: Fraction | None = None
    headroom: Fraction = Fraction(0)


def target(loudness: Fields) -> Target | None:
    """What a profile asks for; None = as it was mixed."""
    if loudness.get("target") is None:
        return None
    peak = loudness.text("peak") if loudness.get("peak") is not None else "-1"
    tolerance = loudness.text("tolerance") if loudness.get("tolerance") is not None else "0"
    return Target(integrated=loudness.fraction("target"), peak=Fraction(peak), tolerance=max(NEAR, Fraction(tolerance)))


def measure(ffmpeg: Path, path: Path, sound: Sound) -> tuple[str, ...]:
    """Listens to a file once, from its first sample to its last, and writes what `measured` reads where it runs."""
    whole, over = picked(source(path, container_of(path)), sound.index).filter_multi_output("asplit", 2), OVER
    loud = whole[0].filter("ebur128", metadata=1, framelog="quiet")
    loud = _noted(_noted(loud, "lavfi.r128.I", _INTEGRATED), "lavfi.r128.LRA", _RANGE)
    peaks = whole[1].filter("aresample", over).filter("asetnsamples", n=over, p=0)
    peaks = peaks.filter("astats", metadata=1, measure_perchannel="none", measure_overall="Peak_level")
    peaks = _noted(peaks, "lavfi.astats.Overall.Peak_level", _PEAK)
    return argv(ffmpeg, *(written(stream, name, "null", {}) for stream, name in ((loud, "loud"), (peaks, "peaks"))))


def measured(folder: Path) -> Loudness:
    """What `measure` found. The peak is rounded up to 0.01 dB, so that no processor's last digits reach a setting."""
    last = {name: _last(folder / name) for name in (_INTEGRATED, _RANGE, _PEAK)}
    peak = last[_PEAK]
    silence = peak in ("", "-inf")
    return Loudness(
        integrated=max(SILENT, _number(last[_INTEGRATED], SILENT)),
        range=_number(last[_RANGE], Fraction(0)),
        peak=None if silence else Fraction(ceil(Fraction(peak) * 100), 100),
    )


def encode(ffmpeg: Path, mixed: Path, settings: Fields, setting: Setting, output: str) -> tuple[str, ...]:
    """A mix in the form that a profile delivers, set to its loudness. Beyond full scale it is clipped."""
    stream = picked(source(mixed, "wav"), 0)
    if setting.gain - setting.headroom:
        stream = _louder(stream, setting.gain - setting.headroom)
    if setting.ceiling is not None:
        stream = _limited(stream, setting.ceiling, setting.headroom)
    stream = stream.filter("aformat", sample_fmts="s32")
    return argv(ffmpeg, written(stream, output, MUXERS[settings.text("extension")], sound_arguments(settings)))


def first(mix: Loudness, wanted: Target) -> Setting:
    """How a mix is brought to a target, before anything is known of the codec."""
    gain = wanted.integrated - mix.integrated
    return _held(Setting(gain=gain), mix, wanted.peak if _peak(mix) + gain > wanted.peak else None)


def settled(delivered: Loudness, wanted: Target, tried: int) -> bool:
    """Whether what was delivered is at the target and its peaks are below the limit. tried: how many settings were: an
    encoder that is short of bits does not come as near as the first ones try."""
    near = NEAR / 2 if tried < PATIENT else NEAR
    return abs(delivered.integrated - wanted.integrated) <= near and _peak(delivered) <= wanted.peak


def good(delivered: Loudness, wanted: Target) -> bool:
    """Whether it is as near as the profile asks, where no correction comes nearer."""
    return abs(delivered.integrated - wanted.integrated) <= wanted.tolerance and _peak(delivered) <= wanted.peak


def corrected(setting: Setting, mix: Loudness, delivered: Loudness, wanted: Target) -> Setting:
    """The next setting: as much louder as was missed, and a ceiling as much lower as it was passed."""
    missed = wanted.integrated - delivered.integrated
    over = _peak(delivered) - wanted.peak
    ceiling = setting.ceiling
    if over > 0:
        ceiling = (wanted.peak if ceiling is None else ceiling) - over - MARGIN
    gain = setting.gain + missed
    if ceiling is None and _peak(mix) + gain > wanted.peak:
        ceiling = wanted.peak
    return _held(replace(setting, gain=gain), mix, ceiling)


def unreachable(delivered: Loudness, wanted: Target, name: str) -> MediaError:
    """What is said where no setting meets the target."""
    return MediaError(
        f"{name} cannot be brought to {decimal_text(wanted.integrated, 1)} LUFS below {decimal_text(wanted.peak, 1)} dBTP",
        cause=f"with the limiter it is at {delivered}: its peaks are too far above the rest",
        hint="lower the loudest sounds by `gain`, or take a profile with a lower `target`",
    )


def _held(setting: Setting, mix: Loudness, ceiling: Fraction | None) -> Setting:
    if ceiling is None:
        return replace(setting, ceiling=None, headroom=Fraction(0))
    return replace(setting, ceiling=max(ceiling, -MOST_LIMITED), headroom=max(Fraction(0), _peak(mix) + setting.gain) + 3)


def _limited(stream: Stream, ceiling: Fraction, headroom: Fraction) -> Stream:
    stream = _louder(_resampled(stream, OVER), headroom)
    options = {"attack": ATTACK, "release": RELEASE, "level": 0, "latency": 1}
    return _resampled(stream.filter("alimiter", limit=f"{decimal(ceiling)}dB", **options), SAMPLE_RATE)


def _resampled(stream: Stream, rate: int) -> Stream:
    return stream.filter("aresample", rate, internal_sample_fmt="s32p", resampler="swr").filter("aformat", sample_fmts="dbl")


def _louder(stream: Stream, gain: Fraction) -> Stream:
    return stream.filter("aformat", sample_fmts="dbl").filter("volume", f"{decimal(gain)}dB", precision="double")


def _noted(stream: Stream, key: str, name: str) -> Stream:
    return stream.filter("ametadata", mode="print", key=key, file=name)


def _peak(loudness: Loudness) -> Fraction:
    return SILENT if loudness.peak is None else loudness.peak


def _number(text: str, default: Fraction) -> Fraction:
    return default if text in ("", "nan", "-inf", "inf", "-nan") else Fraction(text)


def _last(path: Path) -> str:
    """The last value that was noted."""
    return next(iter(deque(_values(path), maxlen=1)), "")


def _values(path: Path) -> Iterator[str]:
    with path.open() as stream:
        for line in stream:
            if not line.startswith("frame:"):
                yield line.strip().partition("=")[2]
