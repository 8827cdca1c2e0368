"""Filters that bring any picture to square pixels, upright, progressive, bt709 limited range, without alpha.

`conform`, `upscale`, `still` and `encode` all go through here. Order: deinterlace, one rate, colour and size, frame.
"""

from dataclasses import dataclass
from fractions import Fraction

from shotbuild.media.colour import Colour, Look, colour_of
from shotbuild.media.filters import Stream
from shotbuild.media.geometry import Placing
from shotbuild.units import rate_text

SCALERS = ("lanczos", "spline36", "spline16")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """What a picture shall become. pixels: ffmpeg's name; scaler: one of SCALERS."""

    placing: Placing
    pixels: str
    scaler: str = "lanczos"


def progressive(stream: Stream, look: Look) -> Stream:
    """One frame for each frame, without combs."""
    if not look.interlaced:
        return stream
    return stream.filter("bwdif", mode="send_frame", parity="auto", deint="all")


def timed(stream: Stream, rate: Fraction) -> Stream:
    """Constant rate from the first frame on: frames are repeated or left out by their own time stamps, without drift."""
    return stream.filter("setpts", "PTS-STARTPTS").filter("fps", fps=rate_text(rate), round="near")


def numbered(stream: Stream, rate: Fraction) -> Stream:
    """Time stamps by counting: for intermediates of ours, whose container rounds to milliseconds."""
    base = f"{rate.denominator}/{rate.numerator}"
    return stream.filter("settb", base).filter("setpts", "N").filter("fps", fps=rate_text(rate), round="near")


def exactly(stream: Stream, frames: int, hold: int) -> Stream:
    """So many frames: the rest is cut; up to `hold` missing ones repeat the last."""
    held = stream.filter("tpad", stop=hold, stop_mode="clone") if hold else stream
    return held.filter("trim", end_frame=frames)


def repeated(stream: Stream, rate: Fraction) -> Stream:
    """A still picture, shown for ever."""
    return numbered(stream.filter("loop", loop=-1, size=1, start=0), rate)


def shaped(stream: Stream, look: Look, finish: Finish, name: str) -> Stream:
    """Colour, depth and size in one conversion. name: of the file, for messages. Errors: MediaError (`colour_of`)."""
    colour = colour_of(look, name)
    stream = _plain(stream, look)
    if not alpha_in(finish.pixels):
        stream, colour = _flattened(stream, look, colour)
    deeper = look.depth > _depth(finish.pixels)
    scaled = finish.placing.scaled
    rgb = finish.pixels.startswith("gbr")
    stream = stream.filter(
        "zscale",
        w=scaled.width,
        h=scaled.height,
        filter=finish.scaler,
        agamma=0,  # its approximation differs between processors
        dither="ordered" if deeper else "none",
        **_reading(colour),
        matrix="gbr" if rgb else "709",
        primaries="709",
        transfer="709",
        range="full" if rgb else "limited",
        chromal="left",
    ).filter("format", finish.pixels)
    return framed(stream, finish.placing).filter("setsar", "1")


def framed(stream: Stream, placing: Placing) -> Stream:
    """Cuts a picture to its frame, or sets it in black."""
    frame = placing.frame
    if placing.crops:
        return stream.filter("crop", frame.width, frame.height, placing.left, placing.top, exact=1)
    if placing.pads:
        return stream.filter("pad", frame.width, frame.height, placing.left, placing.top, color="black")
    return stream


def alpha_in(pixels: str) -> bool:
    """Whether a pixel format has transparency."""
    return pixels.startswith(("yuva", "gbrap"))


def _reading(colour: Colour) -> dict[str, str]:
    return {
        "matrixin": colour.matrix,
        "primariesin": colour.primaries,
        "transferin": "709",
        "rangein": colour.range,
        "chromalin": "left",
    }


def _plain(stream: Stream, look: Look) -> Stream:
    """zscale takes no packed, palette or grey pictures, and none whose chroma does not divide the size."""
    if look.rgb or look.grey:
        return stream.filter("format", _rgb_like(look))
    step = 4 if look.pixels.startswith("yuv41") else 2
    if any(look.subsampled) and (look.width % step or look.height % step):
        return stream.filter("scale", flags="bicubic+accurate_rnd+bitexact").filter("format", _full_chroma(look))
    return stream


def _flattened(stream: Stream, look: Look, colour: Colour) -> tuple[Stream, Colour]:
    """Alpha on black, in RGB, where that is a plain multiplication."""
    if not look.alpha:
        return stream, colour
    if not (look.rgb or look.grey):
        stream = stream.filter(
            "zscale",
            agamma=0,
            **_reading(colour),
            matrix="gbr",
            primaries=colour.primaries,
            transfer="709",
            range="full",
            filter="bicubic",
        )
    stream = stream.filter("format", _rgb_like(look)).filter("premultiply", inplace=1)
    opaque = stream.filter("format", _rgb_like(look).replace("gbrap", "gbrp"))
    return opaque, Colour(matrix="gbr", primaries=colour.primaries, range="full")


def _rgb_like(look: Look) -> str:
    return f"{'gbrap' if look.alpha else 'gbrp'}{_suffix(look.depth, (10, 12, 16))}"


def _full_chroma(look: Look) -> str:
    return f"{'yuva444p' if look.alpha else 'yuv444p'}{_suffix(look.depth, (10, 12, 16))}"


def _suffix(depth: int, known: tuple[int, ...]) -> str:
    if depth <= 8:
        return ""
    return f"{next((each for each in known if each >= depth), known[-1])}le"


def _depth(pixels: str) -> int:
    digits = pixels.removesuffix("le").rpartition("p")[2]
    return int(digits) if digits.isdigit() else 8
