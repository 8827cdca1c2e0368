"""Every vendor that makes takes, with its server. Topaz works on a clip and makes none: its own tests drive it."""

from collections.abc import Mapping

from tests.servers import fal, kling, kling_legacy, luma, luma_legacy, minimax, replicate, runway, seedance, vertex, wan, xai
from tests.servers.vendors import Vendor

VENDORS: Mapping[str, Vendor] = {
    "runway": runway.VENDOR,
    "replicate": replicate.VENDOR,
    "fal": fal.VENDOR,
    "luma": luma.VENDOR,
    "luma-legacy": luma_legacy.VENDOR,
    "vertex": vertex.VENDOR,
    "kling": kling.VENDOR,
    "kling-legacy": kling_legacy.VENDOR,
    "seedance": seedance.VENDOR,
    "wan": wan.VENDOR,
    "minimax": minimax.VENDOR,
    "minimax-h3": minimax.VENDOR_H3,
    "xai": xai.VENDOR,
}
