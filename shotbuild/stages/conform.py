"""Brings any clip or still to the format of a cut: exact frames, size, rate, bt709; its sound to exact samples.

Parameters: frames, size, rate, color, pixels, fit (`pad`, `crop`, `stretch`), sound (is `sound.wav` made).
"""

from fractions import Fraction

from shotbuild.errors import MediaError
from shotbuild.host import process
from shotbuild.media import shots, sounds
from shotbuild.media.checks import picture_is, sound_is
from shotbuild.media.probe import Probe, contents, probe
from shotbuild.records import Fields
from shotbuild.stages.interface import Work
from shotbuild.units import SAMPLE_RATE, parse_size, round_half_up, samples

VIDEO, SOUND = "video.mkv", "sound.wav"


class Conform:
    name = "conform"
    version = 1

    def run(self, work: Work) -> None:
        path, wanted = work.inputs["source"], _wanted(work.parameters)
        found = probe(path)
        read = shots.Source(path=path, container=found.container, picture=found.video)
        process.run(shots.conform(work.ffmpeg, read, wanted, VIDEO), cwd=work.into, cancel=work.cancel)
        if work.parameters.get("sound"):
            self._sound(work, found)

    def check(self, work: Work) -> None:
        wanted = _wanted(work.parameters)
        picture_is(work.into / VIDEO, frames=wanted.frames, size=wanted.size, rate=wanted.rate, pixels=wanted.pixels)
        if work.parameters.get("sound"):
            sound_is(work.into / SOUND, length=samples(wanted.frames, wanted.rate))

    def _sound(self, work: Work, source: Probe) -> None:
        """Sound keeps its place against the picture of its file; without a picture it starts with the shot."""
        apart = work.inputs.get("sound")
        path = apart or work.inputs["source"]
        found = contents(apart) if apart else source
        heard, late = None, Fraction(0)
        if found.sound is not None:
            heard = sounds.Heard(path=path, container=found.container, sound=found.sound)
            late = found.sound.start - found.video.start if found.video else late
        length = samples(work.parameters.integer("frames"), work.parameters.fraction("rate"))
        argv = sounds.conform(work.ffmpeg, heard, round_half_up(late * SAMPLE_RATE), length, SOUND)
        process.run(argv, cwd=work.into, cancel=work.cancel)


def _wanted(parameters: Fields) -> shots.Wanted:
    if parameters.text("color") != "bt709":
        raise MediaError(f"colour standard {parameters.text('color')!r} is not known", hint="use `bt709`")
    return shots.Wanted(
        frames=parameters.integer("frames"),
        size=parse_size(parameters.text("size")),
        rate=parameters.fraction("rate"),
        pixels=parameters.text("pixels"),
        fit=parameters.text("fit"),
    )
