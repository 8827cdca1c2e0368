"""What a finishing effect is: a function from a film to a film, inside one graph. Knows nothing of segments or stages.

Frame n of a film has the stamp n, in a time base of one frame, counted from the shot's first frame: so an effect is a
function of stamps and not of how many frames went by. A film may begin in the middle of its shot, as long as its stamps
do not begin anew and none of its effects needs the frames before (`stages.effects.Effect.from_start`).

A film may come out of an effect longer than it has to be, by repeated last frames. Whoever writes it cuts it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

from shotbuild.media.colour import Look
from shotbuild.media.filters import Stream
from shotbuild.records import Fields
from shotbuild.units import Size


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """A picture on its way through a graph: constant rate, square pixels, progressive, bt709 limited range, no alpha.

    rate: frames per second; pixels: ffmpeg's name, planar YUV such as `yuv420p` and `yuv422p10le`."""

    stream: Stream
    size: Size
    rate: Fraction
    pixels: str


Files: TypeAlias = Mapping[str, str]
"""Setting → plain name of a file in the folder where ffmpeg runs."""

Apply: TypeAlias = Callable[[Film, Fields, Files], Film]
"""The settings have every field of the effect. Errors: MediaError for settings that do not go with the film."""

Read: TypeAlias = Callable[[Stream, Look, Fields], tuple[Stream, Look]]
"""A decoded stream and what it says of itself, before it is made a Film. Errors: MediaError when it is not of that kind."""

Prepare: TypeAlias = Callable[[Film, Fields, str], Stream]
"""The graph that reads the whole film and writes the named file beside it; its pictures themselves are thrown away."""
