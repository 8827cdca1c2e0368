"""A small picture from the middle of a take or plate. No parameters; input: video; output: `thumbnail.jpg`."""

from shotbuild.host import process
from shotbuild.media import proxies
from shotbuild.media.checks import jpeg_is
from shotbuild.stages.interface import Work
from shotbuild.stages.reading import source

STILL = "thumbnail.jpg"


class Thumbnail:
    name = "thumbnail"
    version = 1

    def run(self, work: Work) -> None:
        argv = proxies.still(work.ffmpeg, source(work.inputs["video"]), STILL)
        process.run(argv, cwd=work.into, cancel=work.cancel)

    def check(self, work: Work) -> None:
        jpeg_is(work.into / STILL, None)
