"""Colours: the palettes of the hours and moods, mixing, and BT.709 limited-range Y, U, V in integers."""

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Color: TypeAlias = tuple[int, int, int]
Plane: TypeAlias = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Palette:
    """top, low: of the sky; haze: what distance fades to; ink: the nearest darks; light: lit edges; accent: one colour.

    day: light comes from the sky, else from lamps; sun: per cent of glow around sun or moon."""

    top: Color
    low: Color
    haze: Color
    ink: Color
    light: Color
    accent: Color
    day: bool
    sun: int


def color(text: str) -> Color:
    """`#rrggbb` → three values from 0 to 255."""
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def _palette(top: str, low: str, haze: str, ink: str, light: str, accent: str, day: bool, sun: int) -> Palette:
    return Palette(
        top=color(top), low=color(low), haze=color(haze), ink=color(ink), light=color(light), accent=color(accent),
        day=day, sun=sun,
    )  # fmt: skip


HOURS: dict[str, tuple[Palette, ...]] = {
    "dawn": (
        _palette("#6d7fa6", "#f5cfae", "#d9b2a8", "#252740", "#fff1d6", "#e0744c", True, 80),
        _palette("#4c6a8a", "#efd9c3", "#b7b6bb", "#1c2a3c", "#fff6e4", "#e89052", True, 70),
        _palette("#7a6a94", "#f7bfa5", "#cf9fa6", "#2b2038", "#ffe9cf", "#d95f5a", True, 80),
    ),
    "noon": (
        _palette("#5c93b6", "#dbe8e4", "#b7ced2", "#20343f", "#fffbe9", "#d8553c", True, 40),
        _palette("#79a7b4", "#eee9d6", "#cbd1c3", "#2a3a36", "#fffcec", "#cf5a34", True, 40),
        _palette("#4f86b3", "#cfe2ec", "#a5c3d3", "#1b2f44", "#ffffff", "#e2a63a", True, 40),
    ),
    "golden": (
        _palette("#c98455", "#f8d694", "#e3ac72", "#2e1d20", "#fff2c6", "#b93c2b", True, 100),
        _palette("#8f7b6c", "#fbcf86", "#d8a06a", "#2a2023", "#fff0bf", "#d0492c", True, 100),
        _palette("#b0665a", "#fbc987", "#d98f6c", "#311a26", "#ffeebd", "#7d2b3c", True, 100),
    ),
    "dusk": (
        _palette("#2b2d57", "#ea8f6d", "#8c5b79", "#14142b", "#ffdcaa", "#ff8350", True, 90),
        _palette("#243a5e", "#e3a184", "#75708f", "#101a30", "#ffe3bf", "#f2704d", True, 80),
        _palette("#3b2450", "#d9656b", "#7d3f68", "#180f26", "#ffcfae", "#ffae57", True, 90),
    ),
    "night": (
        _palette("#0a1224", "#2a4566", "#28425f", "#050912", "#dfeaff", "#ffb64f", False, 55),
        _palette("#0d1020", "#39385c", "#34345a", "#07070f", "#e9e4ff", "#ff9b52", False, 55),
        _palette("#071819", "#255252", "#234a4b", "#030b0c", "#e1fff4", "#ffc861", False, 55),
    ),
    "grey": (
        _palette("#5a6771", "#b4bdbf", "#97a3a7", "#1d252c", "#edf1f1", "#c95a41", True, 15),
        _palette("#6d6f72", "#c3c1b9", "#a5a49f", "#25262a", "#f3f1ea", "#b5482f", True, 15),
        _palette("#48606a", "#a3b8b8", "#83999d", "#17242b", "#e8f2f0", "#d7853a", True, 15),
    ),
    "noir": (
        _palette("#34363a", "#b9bab8", "#7f8182", "#0e0f11", "#f6f6f2", "#c2342d", True, 60),
        _palette("#1a1b1d", "#6f7274", "#4a4c4f", "#070708", "#f1f2ef", "#d23a30", False, 60),
    ),
}

TINTS: dict[str, tuple[Color, int]] = {
    "warm": (color("#f0a860"), 18),
    "cold": (color("#5f8fc0"), 20),
    "green": (color("#4f8f6a"), 20),
    "red": (color("#b03030"), 22),
    "violet": (color("#7a4fb0"), 22),
    "sepia": (color("#a58860"), 34),
}


def tinted(palette: Palette, tint: str | None) -> Palette:
    """A palette leaning to a mood; light and accent keep their colour."""
    if tint is None:
        return palette
    towards, percent = TINTS[tint]
    return replace(
        palette,
        top=mix(palette.top, towards, percent),
        low=mix(palette.low, towards, percent // 2),
        haze=mix(palette.haze, towards, percent),
        ink=mix(palette.ink, towards, percent // 4),
    )


def mix(start: Color, end: Color, percent: float) -> Color:
    """start at 0, end at 100."""
    share = round(percent * 256 / 100)
    red, green, blue = ((a * (256 - share) + b * share + 128) >> 8 for a, b in zip(start, end, strict=True))
    return red, green, blue


def yuv(rgb: Color) -> tuple[int, int, int]:
    red, green, blue = rgb
    return (
        (11966 * red + 40254 * green + 4064 * blue + (16 << 16) + 32768) >> 16,
        (-6596 * red - 22188 * green + 28784 * blue + (128 << 16) + 32768) >> 16,
        (28784 * red - 26145 * green - 2639 * blue + (128 << 16) + 32768) >> 16,
    )


def planes(picture: Plane) -> tuple[Plane, Plane, Plane]:
    """RGB rows (height, width, 3), both even → Y and the half-size U and V. A chroma sample is the mean of four pixels."""
    height, width = picture.shape[:2]
    luma = np.empty((height, width), np.uint8)
    for top in range(0, height, 256):
        part = picture[top : top + 256].astype(np.int32)
        red, green, blue = part[..., 0], part[..., 1], part[..., 2]
        luma[top : top + 256] = (11966 * red + 40254 * green + 4064 * blue + ((16 << 16) + 32768)) >> 16
    four = picture.astype(np.int32).reshape(height // 2, 2, width // 2, 2, 3).sum(axis=(1, 3))
    red, green, blue = four[..., 0], four[..., 1], four[..., 2]
    first = (-6596 * red - 22188 * green + 28784 * blue + ((128 << 18) + (1 << 17))) >> 18
    second = (28784 * red - 26145 * green - 2639 * blue + ((128 << 18) + (1 << 17))) >> 18
    return luma, first.astype(np.uint8), second.astype(np.uint8)
