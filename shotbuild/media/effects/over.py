"""Effects that lie over the picture: `title`, whose letters are a PNG of the frame's size, and `fade`, of one colour."""

import re
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction

import ffmpeg

from shotbuild.errors import MediaError
from shotbuild.media.containers import PLAIN_FILE
from shotbuild.media.effects.conversion import READ_709, WRITE_709, depth_of, in_pixels, standing
from shotbuild.media.effects.interface import Files, Film
from shotbuild.media.filters import Stream, joined
from shotbuild.records import Fields
from shotbuild.units import parse_duration, round_half_up

LETTERS = "letters"
PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,100}")
OVERLAYS: Mapping[str, tuple[str, str]] = {
    "yuv420p": ("yuva420p", "yuv420"),
    "yuv422p": ("yuva422p", "yuv422"),
    "yuv444p": ("yuva444p", "yuv444"),
    "yuv420p10le": ("yuva420p10le", "yuv420p10"),
    "yuv422p10le": ("yuva422p10le", "yuv422p10"),
    "yuv444p10le": ("yuva444p10le", "yuv444p10"),
}
"""Pixels of a film → those of what lies over it, and overlay's word for the sum."""
DEEPEST = "yuv444p10le"
RED, BLUE = Fraction(2126, 10_000), Fraction(722, 10_000)
"""Their shares of luma."""


def title(film: Film, settings: Fields, files: Files) -> Film:
    """Letters over the picture from `at` on, for so long. Their look is in the PNG already."""
    at, length, fade_in, fade_out = (
        parse_duration(settings.text(name)).at(film.rate) for name in ("at", "for", "fade_in", "fade_out")
    )
    letters = _letters(files[LETTERS], film, OVERLAYS[_workable(film.pixels)][0])
    shown = standing(letters, film.rate, 0, length)
    if fade_in:
        shown = _faded(shown, "in", 0, min(fade_in, length))
    if fade_out:
        fade_out = min(fade_out, length)
        shown = _faded(shown, "out", length - fade_out, fade_out)
    return laid_over(film, shown.filter("setpts", f"PTS+{at}"))


def fade(film: Film, settings: Fields, _: Files) -> Film:
    """Out of a colour at the start, into it at the end. `length`: of the shot in seconds, where it fades out."""
    start, end = (parse_duration(settings.text(name)).at(film.rate) for name in ("in", "out"))
    if start:
        film, plain = _plain(film, settings.text("color"))
        film = laid_over(film, _faded(standing(plain, film.rate, 0, start), "out", 0, start))
    if end:
        film, plain = _plain(film, settings.text("color"))
        frames = round_half_up(_length(settings) * film.rate)
        # One frame longer, whose first is clear, so that the last frame of the shot is all colour, and what may follow too.
        shown = _faded(standing(plain, film.rate, 0, end + 1), "in", 0, end)
        film = laid_over(film, shown.filter("setpts", f"PTS+{frames - end - 1}"), stays=True)
    return film


def laid_over(film: Film, layer: Stream, stays: bool = False) -> Film:
    """A stream with alpha over a film, by its stamps. stays: its last frame holds on."""
    worked = in_pixels(film, _workable(film.pixels))
    mixed = joined(
        [worked.stream, layer],
        "overlay",
        format=OVERLAYS[worked.pixels][1],
        eof_action="repeat" if stays else "pass",
        alpha="straight",
    )
    return in_pixels(replace(worked, stream=mixed.filter("format", worked.pixels)), film.pixels)


def _workable(pixels: str) -> str:
    return pixels if pixels in OVERLAYS else DEEPEST


def _letters(name: str, film: Film, pixels: str) -> Stream:
    """The one picture of a PNG, as YUV with alpha, at the film's size."""
    if not PLAIN_NAME.fullmatch(name):
        raise MediaError(f"{name!r} is not a plain file name of ours")
    drawn = ffmpeg.input(f"file:{name}", f="png_pipe", threads="1", **PLAIN_FILE).video
    # ffmpeg-python takes equal filters for one: the same letters over two films of one graph need a difference.
    stream = drawn.filter("metadata", "add", key="film", value=film.stream.node.short_hash).filter("format", "gbrap")
    stream = stream.filter(
        "zscale",
        w=film.size.width,
        h=film.size.height,
        matrixin="gbr",
        primariesin="709",
        transferin="709",
        rangein="full",
        **WRITE_709,
    )
    return stream.filter("format", pixels)


def _faded(stream: Stream, type_: str, first: int, frames: int) -> Stream:
    return stream.filter("fade", type=type_, start_frame=first, nb_frames=frames, alpha=1)


def _plain(film: Film, color: str) -> tuple[Film, Stream]:
    """The film, and one frame of one colour, opaque, in its size."""
    parts = film.stream.split()
    y, u, v = yuv_of(color, depth_of(_workable(film.pixels)))
    first = in_pixels(replace(film, stream=parts[1].filter("trim", end_frame=1)), _workable(film.pixels))
    plain = first.stream.filter("lutyuv", y=y, u=u, v=v)
    opaque = plain.filter("zscale", **READ_709, **WRITE_709).filter("format", OVERLAYS[first.pixels][0])
    return replace(film, stream=parts[0]), opaque


def yuv_of(color: str, depth: int) -> tuple[int, int, int]:
    """`#rrggbb` → Y, U, V of bt709, limited range. Source: ITU-R BT.709, section 3."""
    red, green, blue = (Fraction(int(color[at : at + 2], 16), 255) for at in (1, 3, 5))
    luma = RED * red + (1 - RED - BLUE) * green + BLUE * blue
    u, v = (blue - luma) / (2 * (1 - BLUE)), (red - luma) / (2 * (1 - RED))
    step = 1 << (depth - 8)
    y, cb, cr = (round_half_up(each * step) for each in (16 + 219 * luma, 128 + 224 * u, 128 + 224 * v))
    return y, cb, cr


def _length(settings: Fields) -> Fraction:
    if settings.get("length") is None:
        raise MediaError("`fade` cannot go out of a shot whose length is not known", hint="give the shot a `duration`")
    return settings.fraction("length")
