"""The very last frame of a clip as a PNG, for the shot that continues it. Parameters: frame (`last`)."""

from shotbuild.host import process
from shotbuild.media import shots
from shotbuild.media.checks import still_is
from shotbuild.media.leaves import square_size
from shotbuild.stages.interface import Work
from shotbuild.stages.reading import source

FRAME = "frame.png"


class Still:
    name = "still"
    version = 1

    def run(self, work: Work) -> None:
        process.run(shots.last_frame(work.ffmpeg, source(work.inputs["source"]), FRAME), cwd=work.into, cancel=work.cancel)

    def check(self, work: Work) -> None:
        still_is(work.into / FRAME, square_size(source(work.inputs["source"]).picture.look))
