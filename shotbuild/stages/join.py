"""The chunks of a cut and its sound → the delivered file, by stream copy.

Inputs: segment00000, segment00001, … and sound, if any. Parameters: frames, lengths, rate, size, title, video; and cites
(shot → sha256 of the take or plate in the cut) with project and sequence, by which the file leads back to them.
"""

from pathlib import Path

from shotbuild.errors import MediaError
from shotbuild.media import joining
from shotbuild.media.checks import ends_together, picture_is
from shotbuild.media.identity import identity_text
from shotbuild.media.profiles import MUXERS
from shotbuild.records import Fields
from shotbuild.stages.interface import Work
from shotbuild.units import parse_size

SOUND = "sound"


class Join:
    name = "join"
    version = 2

    def run(self, work: Work) -> None:
        chunks = [work.inputs[name] for name in sorted(work.inputs) if name != SOUND]
        joining.join(chunks, work.inputs.get(SOUND), _film(work), work.into / work.outputs[0])

    def check(self, work: Work) -> None:
        film, frames = _film(work), work.parameters.integer("frames")
        path, video = work.into / work.outputs[0], work.parameters.get("video")
        assert isinstance(video, Fields)
        found = picture_is(path, frames=frames, size=film.size, rate=film.rate, pixels=video.text("pixels"))
        if SOUND in work.inputs:
            ends_together(path, found, frames, film.rate)


def _film(work: Work) -> joining.Film:
    parameters = work.parameters
    lengths = parameters.get("lengths")
    numbers = [each for each in lengths if isinstance(each, int)] if isinstance(lengths, tuple) else []
    if sum(numbers) != parameters.integer("frames"):
        raise MediaError("the segments do not add up", cause=f"{sum(numbers)} frames, not {parameters.integer('frames')}")
    return joining.Film(
        lengths=numbers,
        rate=parameters.fraction("rate"),
        size=parse_size(parameters.text("size")),
        title=parameters.text("title"),
        identity=_identity(parameters),
        muxer=MUXERS[Path(work.outputs[0]).suffix.removeprefix(".")],
    )


def _identity(parameters: Fields) -> str:
    cites = parameters.get("cites")
    if not isinstance(cites, Fields):
        return ""
    return identity_text(parameters.text("project"), parameters.text("sequence"), cites)
