"""The effects of a shot in one go: a lossless intermediate at the shot's own rate, for who reads it more than once.

Parameters: frames, effects (rows), own (rate), pixels. Inputs: source, and the files of effects (see `reading`).
"""

from dataclasses import replace

from shotbuild.host import process
from shotbuild.media.checks import picture_is
from shotbuild.media.effects import PREPARE
from shotbuild.media.filters import argv, ffv1, written
from shotbuild.media.leaves import Shot, files_of, finished, settings_of, whole_of
from shotbuild.records import Fields
from shotbuild.stages.interface import Work
from shotbuild.stages.reading import lay_out, source

VIDEO = "video.mkv"
MOTION = "motion"
"""The file that an effect which reads everything first is given."""


class Finish:
    name = "finish"
    version = 1

    def run(self, work: Work) -> None:
        shot, frames = _shot(work), work.parameters.integer("frames")
        lay_out(tuple(shot.effects), work)
        stream, _ = finished(_prepared(shot, work), frames)
        command = argv(work.ffmpeg, written(stream, VIDEO, "matroska", ffv1(shot.pixels, frames)))
        process.run(command, cwd=work.into, cancel=work.cancel)

    def check(self, work: Work) -> None:
        shot, frames = _shot(work), work.parameters.integer("frames")
        _, film = finished(shot, frames)
        picture_is(work.into / VIDEO, frames=frames, size=film.size, rate=shot.own, pixels=shot.pixels)


def _shot(work: Work) -> Shot:
    return Shot(
        read=source(work.inputs["source"]),
        length=work.parameters.integer("frames"),
        effects=work.parameters.rows("effects"),
        own=work.parameters.fraction("own"),
        pixels=work.parameters.text("pixels"),
        fit="pad",
    )


def _prepared(shot: Shot, work: Work) -> Shot:
    """The shot with what its effects find out by reading all of it once, such as how a camera shook."""
    rows = list(shot.effects)
    for index, row in enumerate(rows):
        prepare = PREPARE.get(row.text("effect"))
        if prepare is None:
            continue
        plain = f"effect{index}-motion"
        film = whole_of(replace(shot, effects=rows[:index]), shot.length)
        read = prepare(film, settings_of(row), plain)
        process.run(argv(work.ffmpeg, written(read, "nothing", "null", {})), cwd=work.into, cancel=work.cancel)
        files = Fields(tuple(sorted((*files_of(row).items(), (MOTION, plain)))))
        rows[index] = Fields(tuple(sorted((dict(row.items) | {"files": files}).items())))
    return replace(shot, effects=rows)
