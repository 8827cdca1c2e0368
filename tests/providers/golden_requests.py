"""Requests and the sha256 of their raw planes. They change only with the version of the model `storyboard`."""

from fractions import Fraction

from shotbuild.providers.interface import Request
from tests.providers.requests import request

GOLDEN: dict[str, tuple[Request, str]] = {
    "push": (request(), ""),
    "forest": (request("A girl runs through the forest at dawn, tracking", seed=3), ""),
    "street": (request("A rainy street at night, handheld", size=(320, 180), rate=Fraction(24000, 1001)), ""),
    "inside": (request("The keeper climbs the stairs with a lantern, night", seed=2), ""),
    "insert": (request("Insert: a hand lights a candle, pull out", overlay="slate"), ""),
    "upright": (request("A boat sails at golden hour, pan right", size=(136, 240)), ""),
    "aerial": (request("Aerial over snowy mountains, fog, tilt down", overlay="none"), ""),
    "scripts": (request("שלום (עולם) مرحبا 灯台の夜 «naïve» 🎬 50%: \\ '\"\n", size=(480, 270), frames=2), ""),
    "face": (request("Close-up of a woman at the window, crane up", seed=9), ""),
    "crowd": (request("A crowd crosses the square, snow, a car", seed=4), ""),
}
