"""One WAV for each role, so that somebody else can mix: together they add up to the mix of the cut.

Inputs: a mix of each role, under the name of the role. Parameters: sound, the profile's settings; timecode, the count of
frames of the first picture, None = 0; rate. Each file says in its `bext` chunk at which sample of the day it starts (EBU
Tech 3285). Output: an uncompressed tar that is the same wherever it is made.
"""

from pathlib import Path

from shotbuild.host import packing, process
from shotbuild.media import sounds
from shotbuild.media.checks import sound_is
from shotbuild.media.encoders import channels
from shotbuild.media.probe import probe_sound
from shotbuild.stages.interface import Work
from shotbuild.units import SAMPLE_RATE, round_half_up, samples


class Stems:
    name = "stems"
    version = 1

    def run(self, work: Work) -> None:
        start = work.parameters.get("timecode")
        reference = samples(start if isinstance(start, int) else 0, work.parameters.fraction("rate"))
        for role, mixed in sorted(work.inputs.items()):
            argv = sounds.stem(work.ffmpeg, mixed, work.parameters.inner("sound"), reference, f"{role}.wav")
            process.run(argv, cwd=work.into, cancel=work.cancel)
        with packing.writing(work.into / work.outputs[0]) as add:
            for name, path in _files(work).items():
                with path.open("rb") as content:
                    add(name, content, path.stat().st_size)

    def check(self, work: Work) -> None:
        for name, path in _files(work).items():
            mixed = probe_sound(work.inputs[name.removesuffix(".wav")])
            sound_is(
                path, length=round_half_up(mixed.seconds * SAMPLE_RATE), channels=channels(work.parameters.inner("sound"))
            )


def _files(work: Work) -> dict[str, Path]:
    return {f"{role}.wav": work.into / f"{role}.wav" for role in sorted(work.inputs)}
