"""Effects that follow what moves in the picture: `interpolate` and `stabilise`. Their filters work in 8 bits."""

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction

from shotbuild.errors import MediaError
from shotbuild.media.effects.conversion import in_8_bits, in_pixels
from shotbuild.media.effects.interface import Files, Film
from shotbuild.media.filters import Stream
from shotbuild.records import Fields
from shotbuild.units import parse_duration, parse_rate, rate_text

METHODS: Mapping[str, Mapping[str, object]] = {
    "motion": {"mi_mode": "mci", "mc_mode": "aobmc", "me_mode": "bidir", "vsbmc": 1, "scd": "fdiff"},
    "blend": {"mi_mode": "blend", "scd": "fdiff"},
}
MOTION = "motion"
"""The file that the analysis of `stabilise` writes."""


def interpolate(film: Film, settings: Fields, _: Files) -> Film:
    """Another rate, with new pictures in between. Errors: MediaError when nobody said which rate."""
    if settings.get("rate") is None:
        raise MediaError("`interpolate` has no rate", hint="write `rate`, such as `48`")
    rate = parse_rate(settings.text("rate"))
    return in_between(film, rate, settings.text("method"))


def in_between(film: Film, rate: Fraction, method: str) -> Film:
    """The film at a rate, whatever its stamps are; it lasts as long as before."""
    if rate == film.rate and method == "blend":
        return film
    worked = in_8_bits(film)
    stream = worked.stream.filter("minterpolate", fps=rate_text(rate), **METHODS[method])
    # The pictures behind the last one that was there cannot be drawn: it stands.
    stream = stream.filter("tpad", stop=int(rate / film.rate) + 2, stop_mode="clone")
    stream = stream.filter("fps", fps=rate_text(rate), round="near")
    return in_pixels(replace(worked, stream=stream, rate=rate), film.pixels)


def analyse(film: Film, settings: Fields, name: str) -> Stream:
    """How the camera moved, written as text into a file: numbers with six places, the same on any number of threads."""
    return in_8_bits(film).stream.filter(
        "vidstabdetect",
        result=name,
        shakiness=settings.integer("shakiness"),
        accuracy=15,
        fileformat="ascii",
        tripod=1 if settings.get("tripod") else 0,
    )


def stabilise(film: Film, settings: Fields, files: Files) -> Film:
    """The camera's path made smooth over `smooth`, or still. What moves out of the frame is cropped by a fixed zoom."""
    frames = parse_duration(settings.text("smooth")).at(film.rate)
    zoomed = settings.text("borders") == "zoom"
    worked = in_8_bits(film)
    stream = worked.stream.filter(
        "vidstabtransform",
        input=files[MOTION],
        smoothing=max(1, frames),
        optzoom=1 if zoomed else 0,
        crop="black" if settings.text("borders") == "black" else "keep",
        interpol="bicubic",
        tripod=1 if settings.get("tripod") else 0,
    )
    return in_pixels(replace(worked, stream=stream), film.pixels)
