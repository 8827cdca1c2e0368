"""All sound of a cut in one file, counted in samples at 48 kHz.

Parameters: rate, frames (of the cut) and tracks: rows of input, at, start, length (-1 = to the end), gain (decibels as a
fraction), fade_in, fade_out.
"""

from dataclasses import replace
from fractions import Fraction

from shotbuild.errors import MediaError
from shotbuild.host import process
from shotbuild.media import sounds
from shotbuild.media.checks import sound_is
from shotbuild.media.containers import container_of
from shotbuild.media.probe import probe_sound
from shotbuild.records import Fields
from shotbuild.stages.interface import Work
from shotbuild.units import SAMPLE_RATE, samples


class Mix:
    name = "mix"
    version = 1

    def run(self, work: Work) -> None:
        heard = {name: _heard(work, name) for name in sorted({row.text("input") for row in work.parameters.rows("tracks")})}
        tracks = [_track(row, heard[row.text("input")]) for row in work.parameters.rows("tracks")]
        length = _length(work.parameters)
        while len(groups := sounds.groups(tracks, length)) > 1:
            tracks = [_bounced(group, length, work) for group in groups]
        argv = sounds.mix(work.ffmpeg, groups[0] if groups else (), length, work.outputs[0])
        process.run(argv, cwd=work.into, cancel=work.cancel)

    def check(self, work: Work) -> None:
        sound_is(work.into / work.outputs[0], length=_length(work.parameters))


def _bounced(group: list[sounds.Track], length: int, work: Work) -> sounds.Track:
    """Tracks that follow one another as one track."""
    first = min(track.at for track in group)
    path = work.into / f"bounce-{len(list(work.into.iterdir()))}.wav"
    moved = [replace(track, at=track.at - first) for track in group]
    process.run(sounds.bounce(work.ffmpeg, moved, length - first, path.name), cwd=work.into, cancel=work.cancel)
    heard = sounds.Heard(path=path, container="wav", sound=probe_sound(path))
    return sounds.Track(heard=heard, at=first, start=0, length=-1, gain=Fraction(0), fade_in=0, fade_out=0)


def _heard(work: Work, name: str) -> sounds.Heard:
    path = work.inputs[name]
    return sounds.Heard(path=path, container=container_of(path), sound=probe_sound(path))


def _track(row: Fields, heard: sounds.Heard) -> sounds.Track:
    if row.integer("start") >= heard.samples:
        raise MediaError(
            f"nothing is left of {heard.path.name}",
            cause=f"it is used from {row.integer('start') / SAMPLE_RATE:.3f} s on "
            f"and lasts {float(heard.sound.seconds):.3f} s",
            hint="`in` has to come before the end of the sound",
        )
    return sounds.Track(
        heard=heard,
        at=row.integer("at"),
        start=row.integer("start"),
        length=row.integer("length"),
        gain=row.fraction("gain"),
        fade_in=row.integer("fade_in"),
        fade_out=row.integer("fade_out"),
    )


def _length(parameters: Fields) -> int:
    return samples(parameters.integer("frames"), parameters.fraction("rate"))
