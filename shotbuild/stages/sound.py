"""The mix in the form that a profile delivers, at its loudness.

Parameters: sound, the profile's settings, and loudness: target (LUFS), peak (dBTP), tolerance (LU) as text; empty = as it
was mixed. Silence, and sound that is shorter than the 400 ms in which loudness is measured, are left as they are.
"""

from fractions import Fraction
from pathlib import Path

from shotbuild.host import process
from shotbuild.media import loudness
from shotbuild.media.checks import sound_is
from shotbuild.media.encoders import channels
from shotbuild.media.loudness import Loudness, Setting, Target
from shotbuild.media.probe import probe_sound
from shotbuild.stages.interface import Work
from shotbuild.units import SAMPLE_RATE, round_half_up

PACKETS = {"opus": 960, "mp3": 2 * 1152}
"""Samples by which codecs miss a length, because they count in packets."""


class Sound:
    name = "sound"
    version = 2

    def run(self, work: Work) -> None:
        wanted = loudness.target(work.parameters.inner("loudness"))
        mix = _measured(work, work.inputs["mix"]) if wanted is not None else None
        if wanted is None or mix is None or mix.silent:
            _encode(work, Setting())
        else:
            _settle(work, mix, wanted)

    def check(self, work: Work) -> None:
        settings = work.parameters.inner("sound")
        mixed = round_half_up(probe_sound(work.inputs["mix"]).seconds * SAMPLE_RATE)
        slack = PACKETS.get(settings.text("codec"), 0)
        sound_is(work.into / work.outputs[0], length=mixed, channels=channels(settings), slack=slack)


def _settle(work: Work, mix: Loudness, wanted: Target) -> None:
    """Encodes, measures what was encoded and corrects, until it is right, or as right as the profile asks."""
    best: tuple[Setting, Loudness] | None = None
    setting = loudness.first(mix, wanted)
    for tried in range(1, loudness.ROUNDS + 1):
        _encode(work, setting)
        delivered = _measured(work, work.into / work.outputs[0])
        if loudness.settled(delivered, wanted, tried):
            return
        if loudness.good(delivered, wanted) and (best is None or _miss(delivered, wanted) < _miss(best[1], wanted)):
            best = setting, delivered
        setting = loudness.corrected(setting, mix, delivered, wanted)
    if best is None:
        raise loudness.unreachable(delivered, wanted, "the mix")
    _encode(work, best[0])


def _miss(delivered: Loudness, wanted: Target) -> Fraction:
    return abs(delivered.integrated - wanted.integrated)


def _encode(work: Work, setting: Setting) -> None:
    argv = loudness.encode(work.ffmpeg, work.inputs["mix"], work.parameters.inner("sound"), setting, work.outputs[0])
    process.run(argv, cwd=work.into, cancel=work.cancel)


def _measured(work: Work, path: Path) -> Loudness:
    argv = loudness.measure(work.ffmpeg, path, probe_sound(path))
    process.run(argv, cwd=work.into, cancel=work.cancel)
    return loudness.measured(work.into)
