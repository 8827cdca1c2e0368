"""A whole film as a GIF or an animated WebP. Input: film, lossless, picture only.

Parameters: video (codec `gif` or `webp`, rate, width, quality), frames, rate and size of the film.
"""

from shotbuild.errors import MediaError
from shotbuild.host import process
from shotbuild.media import animation
from shotbuild.media.checks import HINT
from shotbuild.media.probe import glance
from shotbuild.records import Fields
from shotbuild.stages.interface import Work
from shotbuild.units import parse_size

FILM = "film"


class Animation:
    name = "animation"
    version = 1

    def run(self, work: Work) -> None:
        wanted, film = _wanted(work.parameters), work.inputs[FILM]
        for argv in animation.encode(work.ffmpeg, film, glance(film), wanted, work.into, work.outputs[0]):
            process.run(argv, cwd=work.into, cancel=work.cancel)
        if wanted.codec == "webp":
            animation.last_webp_frame_stands(work.into / work.outputs[0], wanted.ticks)

    def check(self, work: Work) -> None:
        """Its size and its length; frames that are equal may have become one."""
        wanted, path = _wanted(work.parameters), work.into / work.outputs[0]
        size, ticks = animation.size_of(path), animation.ticks_of(path)
        if size != wanted.size:
            raise MediaError(f"{path.name} is {size}", cause=f"not {wanted.size}", hint=HINT)
        if len(ticks) > wanted.frames or (len(ticks) > 1 and sum(ticks) != wanted.ticks):
            cause = f"{len(ticks)} frames in {sum(ticks)} ticks, not {wanted.frames} in {wanted.ticks}"
            raise MediaError(f"{path.name} came out wrong", cause=cause, hint=HINT)


def _wanted(parameters: Fields) -> animation.Animation:
    return animation.animation(
        parameters.inner("video"),
        frames=parameters.integer("frames"),
        rate=parameters.fraction("rate"),
        size=parse_size(parameters.text("size")),
    )
