"""What a plan must know of each built-in stage, without the libraries that the stage works with.

`version` here goes up with that of the stage; `plugins` refuses a stage whose version is not the one of its entry.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from shotbuild.spec.fields import Field, choice, factor, size

GENERATE, ENHANCE = "generate", "enhance"
ASKING = (GENERATE, ENHANCE)
"""Stages that ask providers: they are made with the table of those."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """where: `module:class`; fields: what a person may set in `finish:`, None = it may not stand there."""

    version: int
    where: str
    fields: Mapping[str, Field] | None = None


UPSCALE_FIELDS: Mapping[str, Field] = {
    "size": size(default=None, doc="The size of the result, such as `1920x1080`. Either this or `factor`."),
    "factor": factor(1, 8, default=None, doc="How many times larger, such as `2` or `3/2`. Either this or `size`."),
    "filter": choice("lanczos", "spline36", "spline16", default="lanczos", doc="The interpolation: sharpest first."),
}

STAGES: Mapping[str, Entry] = {
    GENERATE: Entry(version=1, where="shotbuild.stages.generate:Generate"),
    ENHANCE: Entry(version=1, where="shotbuild.stages.enhance:Enhance"),
    "still": Entry(version=1, where="shotbuild.stages.still:Still"),
    "upscale": Entry(version=1, where="shotbuild.stages.upscale:Upscale", fields=UPSCALE_FIELDS),
    "conform": Entry(version=1, where="shotbuild.stages.conform:Conform"),
    "encode": Entry(version=1, where="shotbuild.stages.encode:Encode"),
    "mix": Entry(version=1, where="shotbuild.stages.mix:Mix"),
    "sound": Entry(version=1, where="shotbuild.stages.sound:Sound"),
    "join": Entry(version=2, where="shotbuild.stages.join:Join"),
}
