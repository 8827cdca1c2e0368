"""The very last frame of a clip as a PNG, for the shot that continues it. Parameters: frame (`last`)."""

from shotbuild.host import process
from shotbuild.media import shots
from shotbuild.media.checks import still_is
from shotbuild.media.probe import probe
from shotbuild.stages.interface import Work

FRAME = "frame.png"


class Still:
    name = "still"
    version = 1

    def run(self, work: Work) -> None:
        process.run(shots.last_frame(work.ffmpeg, _source(work), FRAME), cwd=work.into, cancel=work.cancel)

    def check(self, work: Work) -> None:
        still_is(work.into / FRAME, shots.square_size(_source(work).picture))


def _source(work: Work) -> shots.Source:
    path = work.inputs["source"]
    found = probe(path)
    return shots.Source(path=path, container=found.container, picture=found.video)
