"""The sound of a clip, in sync with the picture of its file and exactly as long as that lasts in the cut.

Parameters: frames, rate, and effects: rows of the picture's effects, whose changes of time it follows at the rate `own`, at
which they were made in the picture. It is 48 kHz with as
many channels as the source has: 1, 2 or 6; others are mixed down to 2.
"""

from fractions import Fraction

from shotbuild.host import process
from shotbuild.media import sounds
from shotbuild.media.checks import sound_is
from shotbuild.media.encoders import CHANNELS
from shotbuild.media.probe import contents
from shotbuild.stages.interface import Work
from shotbuild.units import SAMPLE_RATE, round_half_up, samples


class ClipSound:
    name = "clip-sound"
    version = 1

    def run(self, work: Work) -> None:
        heard, late = _heard(work)
        argv = sounds.conform(
            work.ffmpeg,
            heard,
            late,
            _length(work),
            work.outputs[0],
            effects=work.parameters.rows("effects"),
            rate=work.parameters.fraction("own" if work.parameters.get("own") else "rate"),
        )
        process.run(argv, cwd=work.into, cancel=work.cancel)

    def check(self, work: Work) -> None:
        heard, _ = _heard(work)
        channels = CHANNELS[heard.layout if heard is not None else sounds.STEREO]
        sound_is(work.into / work.outputs[0], length=_length(work), channels=channels)


def _heard(work: Work) -> tuple[sounds.Heard | None, int]:
    """The sound of the source, None = it has none, and by how many samples it starts after the picture."""
    path = work.inputs["source"]
    found = contents(path)
    if found.sound is None:
        return None, 0
    late = found.sound.start - found.video.start if found.video is not None else Fraction(0)
    heard = sounds.Heard(path=path, container=found.container, sound=found.sound)
    return heard, round_half_up(late * SAMPLE_RATE)


def _length(work: Work) -> int:
    return samples(work.parameters.integer("frames"), work.parameters.fraction("rate"))
