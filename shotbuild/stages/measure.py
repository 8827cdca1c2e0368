"""The delivered file or package → measured.json, all that its profile's constraints can be about.

Inputs: film; mix, with which the sound of a film is compared, if any. Parameters: frames (null = of something
that is no film), rate, cuts (frames where segments begin), extension.
"""

from shotbuild.errors import MediaError
from shotbuild.media.judge import read
from shotbuild.media.measure import SCHEMA, measure
from shotbuild.stages.interface import Work

FILM, MIX = "film", "mix"


class Measure:
    name = "measure"
    version = 1

    def run(self, work: Work) -> None:
        parameters = work.parameters
        cuts, frames = parameters.get("cuts"), parameters.get("frames")
        text = measure(
            work.inputs[FILM],
            work.into,
            frames=frames if isinstance(frames, int) else None,
            rate=parameters.fraction("rate"),
            cuts=[cut for cut in cuts if isinstance(cut, int)] if isinstance(cuts, tuple) else [],
            extension=parameters.text("extension"),
            mix=work.inputs.get(MIX),
        )
        (work.into / work.outputs[0]).write_bytes(text.encode())

    def check(self, work: Work) -> None:
        found = read((work.into / work.outputs[0]).read_bytes())
        if found.get("schema") != SCHEMA or not found.rows("films"):
            raise MediaError(f"nothing of {work.inputs[FILM].name} could be measured", cause="there is no film in it")
