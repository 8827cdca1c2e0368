"""A text as a transparent picture that is laid over the frame. Inputs: font, if it is the project's.

Parameters: text; look, whose gaps are filled as its style says; frame, the size of the picture that it is laid over.
"""

from shotbuild.errors import MediaError
from shotbuild.media.lettering import draw
from shotbuild.media.probe import probe
from shotbuild.spec.titling import settled
from shotbuild.stages.interface import Work
from shotbuild.units import parse_size

LETTERS = "letters.png"


class Lettering:
    name = "lettering"
    version = 1

    def run(self, work: Work) -> None:
        frame = parse_size(work.parameters.text("frame"))
        picture = draw(work.parameters.text("text"), settled(work.parameters.inner("look")), frame, work.inputs.get("font"))
        (work.into / LETTERS).write_bytes(picture)

    def check(self, work: Work) -> None:
        look, frame = probe(work.into / LETTERS).video.look, work.parameters.text("frame")
        if (f"{look.width}x{look.height}", look.pixels) != (frame, "rgba"):
            found = f"{look.width}x{look.height} in {look.pixels}, not {frame} in rgba"
            raise MediaError(f"{LETTERS} came out wrong", cause=found, hint="run `shotbuild doctor` and report it")
