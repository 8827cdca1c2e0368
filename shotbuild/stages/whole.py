"""A film that is encoded as a whole: its rate is kept by a buffer, which runs on from segment to segment.

Inputs: film, the lossless pictures of the whole cut at the delivered size. Parameters: video, rate, frames, size.
"""

from shotbuild.errors import MediaError
from shotbuild.host import process
from shotbuild.media.checks import picture_is
from shotbuild.media.encoders import whole
from shotbuild.media.probe import glance
from shotbuild.stages.interface import Work
from shotbuild.units import Size, parse_size

FILM = "film"


class Whole:
    name = "whole"
    version = 1

    def run(self, work: Work) -> None:
        film, size = work.inputs[FILM], parse_size(work.parameters.text("size"))
        look = glance(film)
        if Size(look.width, look.height) != size:
            raise MediaError(f"{film.name} is {look.width}x{look.height}", cause=f"the film is delivered as {size}")
        argv = whole(
            work.ffmpeg,
            film,
            work.parameters.inner("video"),
            frames=work.parameters.integer("frames"),
            rate=work.parameters.fraction("rate"),
            output=work.outputs[0],
        )
        process.run(argv, cwd=work.into, cancel=work.cancel)

    def check(self, work: Work) -> None:
        picture_is(
            work.into / work.outputs[0],
            frames=work.parameters.integer("frames"),
            size=parse_size(work.parameters.text("size")),
            rate=work.parameters.fraction("rate"),
            pixels=work.parameters.inner("video").text("pixels"),
        )
