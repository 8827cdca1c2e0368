"""The commands on sound: of a shot, mixed for a cut, encoded for a deliverable. argv only; all at 48 kHz.

Everything is counted in samples at 48 kHz. Resampling runs in whole numbers and downmix in doubles, whose results do not
depend on the processor; downmix is scaled so that it cannot clip. A mix is kept in floating point: a sum beyond full scale
is whole until its loudness is settled, and is clipped, never wrapped, where it is delivered.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import count
from pathlib import Path

import ffmpeg as graphs

from shotbuild.media.effects.sound import heard as retimed
from shotbuild.media.encoders import CHANNELS, sound_arguments
from shotbuild.media.filters import Stream, argv, decimal, generated, joined, picked, source, written
from shotbuild.media.probe import Sound
from shotbuild.records import DIALOGUE, MUSIC, Fields
from shotbuild.units import SAMPLE_RATE, round_half_up

MONO, STEREO, SURROUND = CHANNELS
PCM = {"ar": str(SAMPLE_RATE), "threads": "1", "rf64": "auto"}
"""rf64: five hours of stereo are more than the 4 GB that a WAV can count."""
CONFORMED = PCM | {"c:a": "pcm_s24le"}
MIXED = PCM | {"c:a": "pcm_f32le"}
MOST_AT_ONCE = 24
FADE = "qsin"
"""Equal power: two different sounds that cross keep their loudness."""
COUNTED = frozenset({"wav", "flac", "aiff", "mp3", "aac", "ogg"})
"""Containers whose sound has no stamps by which parts of it could be missing. Elsewhere a gap of 0.1 s or more is silent,
so that what follows stays with its picture; where there is none, not one sample changes."""
CENTRE = "1.4142135623730951"
"""What a sound that both sides share has in the centre: as loud there, and the same once it is folded down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """The sound of a file that was probed."""

    path: Path
    container: str
    sound: Sound

    @property
    def samples(self) -> int:
        return round_half_up(self.sound.seconds * SAMPLE_RATE)

    @property
    def layout(self) -> str:
        """The layout in which it is kept: its own when that is mono, stereo or 5.1, else stereo."""
        surround = self.sound.channels == CHANNELS[SURROUND] and not self.sound.layout.startswith(("6.", "hex"))
        return MONO if self.sound.channels == 1 else SURROUND if surround else STEREO


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """A part of a sound in a cut, in samples. at: in the cut; start, length: of the source, length -1 = to its end; gain:
    in decibels; role: what it is; duck: decibels by which it steps back under dialogue."""

    heard: Heard
    at: int
    start: int = 0
    length: int = -1
    gain: Fraction = Fraction(0)
    fade_in: int = 0
    fade_out: int = 0
    role: str = MUSIC
    duck: Fraction = Fraction(0)

    def used(self, length: int) -> int:
        """How many samples of it are heard in a cut of `length`: it ends with its part, its file or the cut."""
        wanted = self.heard.samples - self.start
        if self.length >= 0:
            wanted = min(wanted, self.length)
        return min(wanted, length - self.at)


def conform(
    ffmpeg: Path,
    heard: Heard | None,
    late: int,
    length: int,
    output: str,
    *,
    effects: Sequence[Fields] = (),
    rate: Fraction = Fraction(24),
) -> tuple[str, ...]:
    """The sound of one shot, `length` samples. late: samples by which it starts after the picture; heard: None = silence;
    effects: rows of the picture's effects, whose changes of time it follows; rate: frames per second."""
    if heard is None:
        return argv(ffmpeg, written(_exactly(_silence(STEREO), length), output, "wav", CONFORMED))
    stream = _delayed(_placed(heard, heard.layout), late)
    if effects:
        stream = retimed(stream, effects, rate)
    return argv(ffmpeg, written(_exactly(stream, length), output, "wav", CONFORMED))


def mix(ffmpeg: Path, tracks: Sequence[Track], length: int, layout: str, output: str) -> tuple[str, ...]:
    """All tracks of a cut, added up. length: of the cut; at most MOST_AT_ONCE tracks."""
    return argv(ffmpeg, written(_exactly(_sum(tracks, length, layout), length), output, "wav", MIXED))


def bounce(ffmpeg: Path, tracks: Sequence[Track], length: int, layout: str, output: str) -> tuple[str, ...]:
    """Neighbouring tracks added up into one as long as they are. length: of the cut, from the first."""
    return argv(ffmpeg, written(_sum(tracks, length, layout), output, "wav", MIXED))


def speech(ffmpeg: Path, tracks: Sequence[Track], length: int, layout: str, rate: int, output: str) -> tuple[str, ...]:
    """Dialogue as bare 16-bit numbers in one channel, in which `ducking.spoken` finds the words. rate: numbers a second."""
    stream = _exactly(_sum(tracks, length, layout), length)
    stream = _resampled(stream if layout == MONO else _turned(stream, MONO), rate)
    return argv(ffmpeg, written(stream, output, "s16le", {"c:a": "pcm_s16le", "threads": "1"}))


def ducked(ffmpeg: Path, tracks: Sequence[Track], length: int, layout: str, output: str) -> tuple[str, ...]:
    """As `bounce`, each sample times a factor that is fed to stdin as 32-bit floats. length: as many factors as are fed."""
    loud = _exactly(_sum(tracks, length, layout), length).filter("aformat", sample_fmts="dbl", channel_layouts=layout)
    fed = graphs.input("pipe:0", f="f32le", protocol_whitelist="pipe", ar=SAMPLE_RATE, ac=1)
    factors = _spread(fed, layout).filter("aformat", sample_fmts="dbl")
    return argv(ffmpeg, written(joined([loud, factors], "amultiply"), output, "wav", MIXED))


def stem(ffmpeg: Path, mixed: Path, settings: Fields, reference: int, output: str) -> tuple[str, ...]:
    """A mix as a Broadcast WAV (EBU Tech 3285). reference: the sample of the day at which it starts. Beyond full scale it is
    clipped."""
    told = {"metadata": f"time_reference={reference}", "metadata:g": "originator=shotbuild"}  # two ways to write one option
    stream = picked(source(mixed, "wav"), 0).filter("aformat", sample_fmts="s32")
    options = sound_arguments(settings) | {"rf64": "auto", "write_bext": "1"} | told
    return argv(ffmpeg, written(stream, output, "wav", options))


def groups(tracks: Sequence[Track], length: int) -> list[list[Track]]:
    """What is heard of the tracks, by time, so few at once that a mix takes time in proportion to its length."""
    heard = sorted((track for track in tracks if track.used(length) > 0), key=lambda track: track.at)
    return [heard[first : first + MOST_AT_ONCE] for first in range(0, len(heard), MOST_AT_ONCE)]


def _sum(tracks: Sequence[Track], length: int, layout: str) -> Stream:
    """Tracks that follow one another are strung together, so that only those are added up that are heard at a time: adding
    the silence before each of 24 tracks took most of the time of a long mix."""
    again = count()
    lanes = []
    for lane in _lanes(tracks, length):
        ends = [0, *(track.at + track.used(length) for track in lane)]
        parts = [
            _delayed(_part(track, track.used(length), layout, next(again)), track.at - end)
            for track, end in zip(lane, ends, strict=False)
        ]
        lanes.append(joined(parts, "concat", n=len(parts), v=0, a=1) if len(parts) > 1 else parts[0])
    if len(lanes) > 1:
        return joined(lanes, "amix", inputs=len(lanes), duration="longest", dropout_transition=0, normalize=0)
    return lanes[0] if lanes else _exactly(_silence(layout), length)


def _lanes(tracks: Sequence[Track], length: int) -> list[list[Track]]:
    """The tracks in so few rows that none overlap in one."""
    lanes: list[list[Track]] = []
    for track in sorted(tracks, key=lambda track: track.at):
        free = (lane for lane in lanes if lane[-1].at + lane[-1].used(length) <= track.at)
        lane = next(free, None)
        if lane is None:
            lanes.append([track])
        else:
            lane.append(track)
    return lanes


def _part(track: Track, used: int, layout: str, again: int) -> Stream:
    end = track.start + used
    stream = _placed(track.heard, layout, track.role, again).filter("atrim", start_sample=track.start, end_sample=end)
    stream = stream.filter("asetpts", "N")
    if track.gain:
        stream = stream.filter("volume", f"{decimal(track.gain)}dB", precision="double")
    if track.fade_in:
        stream = stream.filter("afade", type="in", start_sample=0, nb_samples=min(track.fade_in, used), curve=FADE)
    if track.fade_out:
        fade = min(track.fade_out, used)
        stream = stream.filter("afade", type="out", start_sample=used - fade, nb_samples=fade, curve=FADE)
    return _exactly(stream, used)


def _placed(heard: Heard, layout: str, role: str = MUSIC, again: int = 0) -> Stream:
    """Any sound at 48 kHz in a layout. Mono goes to both sides at full level, in 5.1 dialogue to the centre; stereo goes to
    the front of 5.1; what has more channels than the layout is mixed down."""
    stream = picked(source(heard.path, heard.container, again=again), heard.sound.index)
    if heard.container not in COUNTED:
        stream = stream.filter("aresample", **{"async": 1})
    mono, there = heard.sound.channels == 1, heard.sound.layout
    central = mono and layout == SURROUND and role == DIALOGUE
    if mono and layout != MONO and not central:
        stream, there = _spread(stream, STEREO), STEREO
    if there != layout:
        stream = _turned(stream, layout)
    if heard.sound.rate != SAMPLE_RATE:
        stream = _resampled(stream, SAMPLE_RATE)
    stream = stream.filter("aformat", sample_fmts="dbl", channel_layouts=layout).filter("asetpts", "N")
    return stream.filter("volume", CENTRE, precision="double") if central else stream


def _spread(stream: Stream, layout: str) -> Stream:
    """One channel as every channel of a layout."""
    return stream.filter("channelmap", map="|".join("0" * CHANNELS[layout]), channel_layout=layout)


def _turned(stream: Stream, layout: str) -> Stream:
    """Another layout, in doubles: in whole numbers ffmpeg 9 leaves parts out where 5.1 becomes mono. No sum of what is not
    beyond full scale can be."""
    return stream.filter("aresample", ochl=layout, internal_sample_fmt="dblp", rematrix_maxval=1)


def _resampled(stream: Stream, rate: int) -> Stream:
    return stream.filter("aresample", rate, internal_sample_fmt="s32p", resampler="swr")


def _silence(layout: str) -> Stream:
    return generated("anullsrc", r=SAMPLE_RATE, cl=layout)


def _delayed(stream: Stream, late: int) -> Stream:
    if late > 0:
        return stream.filter("adelay", f"{late}S", all=1)
    if late < 0:
        return stream.filter("atrim", start_sample=-late).filter("asetpts", "N")
    return stream


def _exactly(stream: Stream, length: int) -> Stream:
    return stream.filter("apad", whole_len=length).filter("atrim", end_sample=length)
