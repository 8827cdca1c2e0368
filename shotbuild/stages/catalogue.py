"""What a plan must know of each built-in stage, without the libraries that the stage works with.

`version` here goes up with that of the stage; `plugins` refuses a stage whose version is not the one of its entry.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from shotbuild.spec.fields import Field

GENERATE, ENHANCE = "generate", "enhance"
ASKING = (GENERATE, ENHANCE)
"""Stages that ask providers: they are made with the table of those."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """where: `module:class`; fields: what a person may set in `finish:`, None = it may not stand there."""

    version: int
    where: str
    fields: Mapping[str, Field] | None = None


STAGES: Mapping[str, Entry] = {
    GENERATE: Entry(version=1, where="shotbuild.stages.generate:Generate"),
    ENHANCE: Entry(version=1, where="shotbuild.stages.enhance:Enhance"),
    "still": Entry(version=1, where="shotbuild.stages.still:Still"),
    "finish": Entry(version=1, where="shotbuild.stages.finish:Finish"),
    "clip-sound": Entry(version=1, where="shotbuild.stages.clip_sound:ClipSound"),
    "lettering": Entry(version=1, where="shotbuild.stages.lettering:Lettering"),
    "captions": Entry(version=1, where="shotbuild.stages.captions:Captions"),
    "encode": Entry(version=3, where="shotbuild.stages.encode:Encode"),
    "whole": Entry(version=1, where="shotbuild.stages.whole:Whole"),
    "mix": Entry(version=2, where="shotbuild.stages.mix:Mix"),
    "sound": Entry(version=2, where="shotbuild.stages.sound:Sound"),
    "stems": Entry(version=1, where="shotbuild.stages.stems:Stems"),
    "join": Entry(version=3, where="shotbuild.stages.join:Join"),
    "ladder": Entry(version=1, where="shotbuild.stages.ladder:Ladder"),
    "frames": Entry(version=1, where="shotbuild.stages.frames:Frames"),
    "animation": Entry(version=1, where="shotbuild.stages.animation:Animation"),
    "sheet": Entry(version=1, where="shotbuild.stages.sheet:Sheet"),
    "proxy": Entry(version=1, where="shotbuild.stages.proxy:Proxy"),
    "thumbnail": Entry(version=1, where="shotbuild.stages.thumbnail:Thumbnail"),
    "measure": Entry(version=1, where="shotbuild.stages.measure:Measure"),
    "report": Entry(version=1, where="shotbuild.stages.report:Report"),
}
