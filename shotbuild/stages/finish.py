"""The effects of a shot in one go: a lossless intermediate at the shot's own rate, for who reads it more than once.

Parameters: frames, effects (rows), own (rate), pixels. Inputs: source, and the files of effects (see `reading`).
"""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from shotbuild.errors import MediaError
from shotbuild.host import process
from shotbuild.media.alike import REMEMBERED, Files
from shotbuild.media.checks import picture_is
from shotbuild.media.effects import PREPARE
from shotbuild.media.filters import argv, ffv1, written
from shotbuild.media.leaves import Shot, files_of, finished, whole_of
from shotbuild.records import Fields
from shotbuild.stages.interface import Work
from shotbuild.stages.reading import lay_out, source
from shotbuild.units import Size

VIDEO = "video.mkv"
MOTION = "motion"
"""The file that an effect which reads everything first is given."""


class Finish:
    name = "finish"
    version = 1

    def run(self, work: Work) -> None:
        shot, frames = _shot(work), work.parameters.integer("frames")
        lay_out(work.parameters.rows("effects"), work)
        _prepare(shot, work)
        command, _ = _drawn(work.ffmpeg, shot, frames)
        process.run(command, cwd=work.into, cancel=work.cancel)

    def check(self, work: Work) -> None:
        shot, frames = _shot(work), work.parameters.integer("frames")
        _, size = _drawn(work.ffmpeg, shot, frames)
        picture_is(work.into / VIDEO, frames=frames, size=size, rate=shot.own, pixels=shot.pixels)


def _drawn(ffmpeg: Path, shot: Shot, frames: int) -> tuple[tuple[str, ...], Size]:
    """The command that writes a shot with its effects, and the size that they give it."""
    files = Files()
    alike = replace(shot, read=replace(shot.read, path=files.stand_in(shot.read.path)))
    try:
        command, size = _alike(ffmpeg, alike, frames)
    except MediaError:
        return _alike(ffmpeg, shot, frames)  # it says so of the file itself
    return files.given_to(command), size


@lru_cache(maxsize=REMEMBERED)
def _alike(ffmpeg: Path, shot: Shot, frames: int) -> tuple[tuple[str, ...], Size]:
    stream, film = finished(shot, frames)
    return argv(ffmpeg, written(stream, VIDEO, "matroska", ffv1(shot.pixels, frames))), film.size


def _shot(work: Work) -> Shot:
    return Shot(
        read=source(work.inputs["source"]),
        length=work.parameters.integer("frames"),
        effects=tuple(_named(index, row) for index, row in enumerate(work.parameters.rows("effects"))),
        own=work.parameters.fraction("own"),
        pixels=work.parameters.text("pixels"),
        fit="pad",
    )


def _named(index: int, row: Fields) -> Fields:
    """An effect with the name of the file of its own making, where it reads the shot twice."""
    if row.text("effect") not in PREPARE:
        return row
    files = Fields(tuple(sorted((*files_of(row).items(), (MOTION, f"effect{index}-motion")))))
    return Fields(tuple(sorted((dict(row.items) | {"files": files}).items())))


def _prepare(shot: Shot, work: Work) -> None:
    """Writes what effects find out by reading all of the shot once, such as how a camera shook."""
    for index, row in enumerate(shot.effects):
        prepare = PREPARE.get(row.text("effect"))
        if prepare is None:
            continue
        film = whole_of(replace(shot, effects=shot.effects[:index]), shot.length)
        read = prepare(film, row.inner("settings"), files_of(row)[MOTION])
        process.run(argv(work.ffmpeg, written(read, "nothing", "null", {})), cwd=work.into, cancel=work.cancel)
