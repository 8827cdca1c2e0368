"""Between the pixels of a film and those that a filter can work on. Nothing is converted by ffmpeg's own choice.

Two traps, both measured with other processors (docs/finishing.md): ffmpeg's own conversions are other bytes without SIMD,
and zscale's quick gamma is not the same on AVX2 and AVX-512, so `agamma=0` stands wherever a curve is left.
"""

from dataclasses import replace
from fractions import Fraction

from shotbuild.media.effects.interface import Film
from shotbuild.media.filters import Stream
from shotbuild.units import rate_text

READ_709 = {"matrixin": "709", "transferin": "709", "primariesin": "709", "rangein": "limited", "chromalin": "left"}
WRITE_709 = {"matrix": "709", "transfer": "709", "primaries": "709", "range": "limited", "chromal": "left"}
CHROMA = {"filter": "spline36"}
"""Chroma that goes to full size and back loses half as much as with zscale's own choice (bilinear)."""
RGB = "gbrp16le"


def depth_of(pixels: str) -> int:
    """Bits of one component."""
    digits = pixels.removesuffix("le").rpartition("p")[2]
    return int(digits) if digits.isdigit() else 8


def in_pixels(film: Film, pixels: str) -> Film:
    """The same picture in other planar YUV; dithered where bits are lost."""
    if pixels == film.pixels:
        return film
    dither = "ordered" if depth_of(pixels) < depth_of(film.pixels) else "none"
    stream = film.stream.filter("zscale", dither=dither, **CHROMA, **READ_709, **WRITE_709).filter("format", pixels)
    return replace(film, stream=stream, pixels=pixels)


def in_8_bits(film: Film) -> Film:
    """For filters that know no more: the same planes with 8 bits."""
    return in_pixels(film, film.pixels[: film.pixels.index("p") + 1])


def ticking(stream: Stream, rate: Fraction, ticks: int = 1) -> Stream:
    """The same times, counted in parts of a frame."""
    return stream.filter("settb", f"{rate.denominator}/{rate.numerator * ticks}")


def filled(stream: Stream, rate: Fraction, more: int) -> Stream:
    """One frame for each stamp: missing ones repeat the one before; `more` times the last."""
    return stream.filter("fps", fps=rate_text(rate), round="near").filter("tpad", stop=more, stop_mode="clone")


def frame_number(rate: Fraction) -> str:
    """The number of a frame, for expressions of filters."""
    return f"round(t*{rate.numerator}/{rate.denominator})"


def standing(stream: Stream, rate: Fraction, first: int, frames: int | None) -> Stream:
    """The first picture of a stream, shown from frame `first` of the shot on. frames: how many, None = for ever."""
    still = stream.filter("trim", end_frame=1).filter("loop", loop=-1, size=1, start=0)
    if frames is not None:
        still = still.filter("trim", end_frame=frames)
    return still.filter("settb", f"{rate.denominator}/{rate.numerator}").filter("setpts", f"N+{first}")
