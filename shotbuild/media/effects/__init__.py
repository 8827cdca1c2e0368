"""The finishing effects by name. What a plan must know of them stands in `stages.effects`, without these libraries."""

from collections.abc import Mapping

from shotbuild.media.effects import cleaning, grading, motion, over, pace, sizes
from shotbuild.media.effects.interface import Apply, Prepare, Read

APPLY: Mapping[str, Apply] = {
    "upscale": sizes.upscale,
    "crop": sizes.crop,
    "reframe": sizes.reframe,
    "denoise": cleaning.denoise,
    "deband": cleaning.deband,
    "sharpen": cleaning.sharpen,
    "grain": cleaning.grain,
    "interpolate": motion.interpolate,
    "stabilise": motion.stabilise,
    "speed": pace.speed,
    "freeze": pace.freeze,
    "lut": grading.lut,
    "title": over.title,
    "fade": over.fade,
}
READ: Mapping[str, Read] = {"color": grading.color, "tonemap": grading.tonemap}
"""They stand first in a chain, before the picture is brought to bt709."""

PREPARE: Mapping[str, Prepare] = {"stabilise": motion.analyse}
"""Effects that read the whole film once before. The file that is written becomes `files["motion"]` of `APPLY`."""
