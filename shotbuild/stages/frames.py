"""The pictures of all segments of a cut as one numbered sequence, in one package.

Inputs: segment00000, segment00001, …: each a package of `<number>.<extension>`. Parameters: extension, first (number of the
first picture) and lengths (pictures of each segment).
"""

from shotbuild.media import packing
from shotbuild.records import Fields
from shotbuild.stages.interface import Work


class Frames:
    name = "frames"
    version = 1

    def run(self, work: Work) -> None:
        segments = [work.inputs[name] for name in sorted(work.inputs)]
        first, extension = work.parameters.integer("first"), work.parameters.text("extension")
        packing.gather(segments, _lengths(work.parameters), first, extension, work.into / work.outputs[0])

    def check(self, work: Work) -> None:
        packing.frames_are(
            work.into / work.outputs[0],
            first=work.parameters.integer("first"),
            frames=sum(_lengths(work.parameters)),
            extension=work.parameters.text("extension"),
        )


def _lengths(parameters: Fields) -> list[int]:
    lengths = parameters.get("lengths")
    return [each for each in lengths if isinstance(each, int)] if isinstance(lengths, tuple) else []
