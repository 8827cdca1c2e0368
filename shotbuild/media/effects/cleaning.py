"""Effects on fine detail: `denoise`, `deband`, `sharpen`, `grain`."""

from dataclasses import replace
from fractions import Fraction

from shotbuild.media.effects.conversion import depth_of, frame_number, in_8_bits, in_pixels, standing
from shotbuild.media.effects.interface import Files, Film
from shotbuild.media.filters import decimal, joined
from shotbuild.records import Fields
from shotbuild.units import Size

ROOM_X, ROOM_Y = 127, 113
STEP_X, STEP_Y = 53, 71
"""The grain is one large still from which each frame cuts its own part: coprime, so no part comes again for ten minutes."""


def denoise(film: Film, settings: Fields, _: Files) -> Film:
    """hqdn3d and atadenoise look at frames nearby as well; nlmeans at each by itself, in 8 bits."""
    strength, method = settings.fraction("strength"), settings.text("method")
    if method == "nlmeans":
        worked = in_8_bits(film)
        stream = worked.stream.filter("nlmeans", s=decimal(strength), p=5, r=11)
        return in_pixels(replace(worked, stream=stream), film.pixels)
    if method == "atadenoise":
        low, high = decimal(min(strength / 60, Fraction(3, 10))), decimal(strength / 30)
        each = {f"{plane}{bound}": value for plane in "012" for bound, value in (("a", low), ("b", high))}
        return replace(film, stream=film.stream.filter("atadenoise", s=9, **each))
    stream = film.stream.filter(
        "hqdn3d",
        luma_spatial=decimal(strength),
        chroma_spatial=decimal(strength * Fraction(3, 4)),
        luma_tmp=decimal(strength * Fraction(3, 2)),
        chroma_tmp=decimal(strength * Fraction(9, 8)),
    )
    return replace(film, stream=stream)


def deband(film: Film, settings: Fields, _: Files) -> Film:
    """Steps in smooth areas become noise that the eye adds up. 8-bit films stay 8 bits."""
    threshold = decimal(settings.fraction("strength") / 100)
    each = {f"{plane}thr": threshold for plane in (1, 2, 3)}
    # The filter takes 4:2:2 in 10 bits with alpha only; 4:4:4 is what it has in every depth.
    worked = in_pixels(film, f"yuv444p{depth_of(film.pixels)}le") if depth_of(film.pixels) > 8 else film
    stream = worked.stream.filter("deband", range=settings.integer("range"), blur=1, **each)
    return in_pixels(replace(worked, stream=stream), film.pixels)


def sharpen(film: Film, settings: Fields, _: Files) -> Film:
    """The luma alone: sharpened colour is noise."""
    strength = settings.fraction("strength")
    if settings.text("method") == "cas":
        return replace(film, stream=film.stream.filter("cas", strength=decimal(min(strength, Fraction(1))), planes=1))
    radius = 2 * settings.integer("radius") + 1
    stream = film.stream.filter("unsharp", lx=radius, ly=radius, la=decimal(strength), ca=0)
    return replace(film, stream=stream)


def grain(film: Film, settings: Fields, _: Files) -> Film:
    """Noise in the luma. A function of the seed and the number of the frame in its shot."""
    parts = film.stream.split()
    still = _grain_still(replace(film, stream=parts[1].filter("trim", end_frame=1)), settings)
    number = frame_number(film.rate)
    moving = standing(still.stream, film.rate, 0, None).filter(
        "crop",
        film.size.width,
        film.size.height,
        f"mod({number}*{STEP_X},{ROOM_X})",
        f"mod({number}*{STEP_Y},{ROOM_Y})",
        exact=1,
    )
    blended = joined(
        [parts[0], moving], "blend", c0_mode="grainmerge", c1_mode="normal", c2_mode="normal", shortest=1, repeatlast=0
    )
    return replace(film, stream=blended.filter("format", film.pixels))


def _grain_still(film: Film, settings: Fields) -> Film:
    """Grey with noise, larger than the frame. Coarse grain is noise of fewer pixels, made larger."""
    coarse = settings.integer("size")
    large = Size(film.size.width + ROOM_X + 1, film.size.height + ROOM_Y + 1)
    small = Size(*(2 * (-(-side // (2 * coarse))) for side in (large.width, large.height)))
    grey = in_8_bits(film)
    stream = grey.stream.filter("scale", small.width, small.height, flags="neighbor+accurate_rnd+bitexact")
    stream = stream.filter("lutyuv", y=128, u=128, v=128)
    stream = stream.filter("noise", c0_strength=settings.integer("strength"), all_seed=settings.integer("seed"))
    if coarse > 1:
        stream = stream.filter("zscale", w=small.width * coarse, h=small.height * coarse, filter="bicubic")
    return in_pixels(replace(grey, stream=stream), film.pixels)
