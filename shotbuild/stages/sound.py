"""The mix in the form that a profile delivers. Parameters: sound, the profile's settings."""

from shotbuild.host import process
from shotbuild.media import sounds
from shotbuild.media.checks import sound_is
from shotbuild.media.probe import probe_sound
from shotbuild.records import Fields
from shotbuild.stages.interface import Work
from shotbuild.units import SAMPLE_RATE, round_half_up


class Sound:
    name = "sound"
    version = 1

    def run(self, work: Work) -> None:
        settings = work.parameters.get("sound")
        assert isinstance(settings, Fields)
        argv = sounds.encode(work.ffmpeg, work.inputs["mix"], settings, work.outputs[0])
        process.run(argv, cwd=work.into, cancel=work.cancel)

    def check(self, work: Work) -> None:
        mixed = round_half_up(probe_sound(work.inputs["mix"]).seconds * SAMPLE_RATE)
        sound_is(work.into / work.outputs[0], length=mixed)
