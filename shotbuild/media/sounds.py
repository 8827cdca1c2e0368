"""The commands on sound: conformed to a shot, mixed for a cut, encoded for a deliverable. argv only; all at 48 kHz stereo.

Everything is counted in samples at 48 kHz. Resampling and downmix run in whole numbers, whose result does not depend on
the processor; downmix is scaled so that it cannot clip. Sums beyond full scale are clipped, never wrapped.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from shotbuild.media.filters import Stream, argv, decimal, generated, joined, picked, source, written
from shotbuild.media.probe import Sound
from shotbuild.media.profiles import MUXERS, sound_arguments
from shotbuild.records import Fields
from shotbuild.units import SAMPLE_RATE, round_half_up

PCM = {"c:a": "pcm_s24le", "ar": str(SAMPLE_RATE), "ac": "2", "threads": "1"}
LOSSLESS = PCM | {"c:a": "pcm_f64le"}
MOST_AT_ONCE = 24
FADE = "qsin"
"""Equal power: two different sounds that cross keep their loudness."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """The sound of a file that was probed."""

    path: Path
    container: str
    sound: Sound

    @property
    def samples(self) -> int:
        return round_half_up(self.sound.seconds * SAMPLE_RATE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """A part of a sound in a cut, in samples. at: in the cut; start, length: of the source; gain: in decibels."""

    heard: Heard
    at: int
    start: int
    length: int
    gain: Fraction
    fade_in: int
    fade_out: int


def conform(ffmpeg: Path, heard: Heard | None, late: int, length: int, output: str) -> tuple[str, ...]:
    """The sound of one shot, `length` samples. late: samples by which it starts after the picture; heard: None = silence."""
    stream = _silence() if heard is None else _delayed(_stereo(heard), late)
    return argv(ffmpeg, written(_exactly(stream, length), output, "wav", PCM))


def mix(ffmpeg: Path, tracks: Sequence[Track], length: int, output: str) -> tuple[str, ...]:
    """All tracks of a cut, added up. length: of the cut; at most MOST_AT_ONCE tracks."""
    return argv(ffmpeg, written(_exactly(_sum(tracks, length), length), output, "wav", PCM))


def bounce(ffmpeg: Path, tracks: Sequence[Track], length: int, output: str) -> tuple[str, ...]:
    """Neighbouring tracks added up into one as long as they are, without loss. length: of the cut, from the first."""
    return argv(ffmpeg, written(_sum(tracks, length), output, "wav", LOSSLESS))


def groups(tracks: Sequence[Track], length: int) -> list[list[Track]]:
    """What is heard of the tracks, by time, so few at once that a mix takes time in proportion to its length."""
    heard = sorted((track for track in tracks if _used(track, length) > 0), key=lambda track: track.at)
    return [heard[first : first + MOST_AT_ONCE] for first in range(0, len(heard), MOST_AT_ONCE)]


def _sum(tracks: Sequence[Track], length: int) -> Stream:
    parts = [_part(track, _used(track, length), again) for again, track in enumerate(tracks)]
    if len(parts) > 1:
        return joined(parts, "amix", inputs=len(parts), duration="longest", dropout_transition=0, normalize=0)
    return parts[0] if parts else _exactly(_silence(), length)


def encode(ffmpeg: Path, mixed: Path, settings: Fields, output: str) -> tuple[str, ...]:
    """A mix in the form that a profile delivers."""
    stream = picked(source(mixed, "wav"), 0)
    return argv(ffmpeg, written(stream, output, MUXERS[settings.text("extension")], sound_arguments(settings)))


def _used(track: Track, length: int) -> int:
    """How many samples of a track are heard: it ends with its part, its file or the cut."""
    wanted = track.heard.samples - track.start
    if track.length >= 0:
        wanted = min(wanted, track.length)
    return min(wanted, length - track.at)


def _part(track: Track, used: int, again: int) -> Stream:
    end = track.start + used
    stream = _stereo(track.heard, again).filter("atrim", start_sample=track.start, end_sample=end)
    stream = stream.filter("asetpts", "N")
    if track.gain:
        stream = stream.filter("volume", f"{decimal(track.gain)}dB", precision="double")
    if track.fade_in:
        stream = stream.filter("afade", type="in", start_sample=0, nb_samples=min(track.fade_in, used), curve=FADE)
    if track.fade_out:
        fade = min(track.fade_out, used)
        stream = stream.filter("afade", type="out", start_sample=used - fade, nb_samples=fade, curve=FADE)
    return _delayed(stream, track.at)


def _stereo(heard: Heard, again: int = 0) -> Stream:
    """Any sound at 48 kHz in two channels: mono to both sides at full level, more than two mixed down."""
    stream = picked(source(heard.path, heard.container, again=again), heard.sound.index)
    if heard.sound.channels == 1:
        stream = stream.filter("channelmap", map="0|0", channel_layout="stereo")
    stream = stream.filter("aresample", SAMPLE_RATE, ochl="stereo", internal_sample_fmt="s32p", resampler="swr")
    return stream.filter("aformat", sample_fmts="dbl", channel_layouts="stereo").filter("asetpts", "N")


def _silence() -> Stream:
    return generated("anullsrc", r=SAMPLE_RATE, cl="stereo")


def _delayed(stream: Stream, late: int) -> Stream:
    if late > 0:
        return stream.filter("adelay", f"{late}S", all=1)
    if late < 0:
        return stream.filter("atrim", start_sample=-late).filter("asetpts", "N")
    return stream


def _exactly(stream: Stream, length: int) -> Stream:
    return stream.filter("apad", whole_len=length).filter("atrim", end_sample=length)
