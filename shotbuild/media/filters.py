"""Graphs of ffmpeg-python → argv. Never runs it. No text that a person wrote ever stands in a graph."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeAlias

import ffmpeg

from shotbuild.media.colour import TAGS
from shotbuild.media.containers import PLAIN_FILE

Stream: TypeAlias = Any
"""A node of ffmpeg-python, which has no types."""

Options: TypeAlias = Mapping[str, str | None]
"""Arguments by name, without dash; None = a flag without a value."""

NO_OPTIONS: Options = {}
BEFORE = ("-nostdin", "-hide_banner", "-loglevel", "error", "-xerror", "-y")
ONE_THREAD = ("-filter_threads", "1", "-filter_complex_threads", "1")
EXACT = {
    "fflags": "+bitexact",
    "flags:v": "+bitexact",
    "flags:a": "+bitexact",
    "map_metadata": "-1",
    "map_chapters": "-1",
}


def source(path: Path, container: str, *, again: int = 0, options: Options = NO_OPTIONS) -> Stream:
    """An input whose demuxer is forced and which may open nothing else. container: as `containers.container_of` says.

    again: how many equal inputs come before. ffmpeg-python takes equal nodes for one, so a second one needs a difference.
    """
    return ffmpeg.input(str(path.absolute()), f=container, **PLAIN_FILE, **{"threads": "1", **_apart(again), **options})


def picked(read: Stream, index: int) -> Stream:
    """One stream of an input, by its number in the file."""
    return read[str(index)]


def joined(streams: Sequence[Stream], name: str, **options: object) -> Stream:
    """A filter of several inputs."""
    return ffmpeg.filter(list(streams), name, **options)


def generated(name: str, *, again: int = 0, pixels: str = "", **options: object) -> Stream:
    """A source filter, such as silence. again: as in `source`; pixels: in which it draws, empty = as it likes best."""
    described = ":".join(f"{key}={value}" for key, value in sorted(options.items()))
    drawn = f",format={pixels}" if pixels else ""
    return ffmpeg.input(f"{name}={described}{drawn}", f="lavfi", **_apart(again))


def _apart(again: int) -> dict[str, str]:
    return {"thread_queue_size": str(8 + again)} if again else {}


def written(stream: Stream, name: str, container: str, options: Mapping[str, str]) -> Stream:
    """An output in the folder where ffmpeg runs. name: a plain file name of ours."""
    return ffmpeg.output(stream, f"file:{name}", f=container, **{**EXACT, **options})


def argv(program: Path, *outputs: Stream) -> tuple[str, ...]:
    """The command of a graph, with one or more outputs."""
    graph = outputs[0] if len(outputs) == 1 else ffmpeg.merge_outputs(*outputs)
    return tuple(str(word) for word in graph.compile(cmd=[str(program), *BEFORE, *ONE_THREAD]))


def decimal(value: Fraction, places: int = 6) -> str:
    """A number as ffmpeg reads it, cut after some places."""
    scaled = int(abs(value) * 10**places)
    whole, part = divmod(scaled, 10**places)
    return f"{'-' if value < 0 else ''}{whole}.{part:0{places}d}"


def ffv1(pixels: str, frames: int) -> dict[str, str]:
    """Encoder arguments of intermediates: the same bytes in ffmpeg 5.1 to 9.0 and on any number of threads."""
    return {
        "c:v": "ffv1",
        "level": "3",
        "g": "1",
        "slices": "4",
        "slicecrc": "1",
        "coder": "0" if "p1" not in pixels else "1",
        "context": "0",
        "threads": "2",
        "pix_fmt": pixels,
        "frames:v": str(frames),
        "fps_mode": "passthrough",
        **TAGS,
    }
