"""Colours as people tell them apart: bt709 pictures in CIELAB, and how far two colours of it are from each other.

Sources: ITU-R BT.709 and BT.1886 (the light of a coded value), CIE 15 (CIELAB, white D65), Sharma, Wu and Dalal, "The
CIEDE2000 color-difference formula", Color Research and Application 30 (2005).
"""

import numpy as np
from numpy.typing import NDArray

Colours = NDArray[np.float64]
"""Any number of colours; the last axis has three places."""

GAMMA = 2.4
# The primaries of bt709 and their white, x and y of CIE 1931.
_PRIMARIES = np.array([[0.64, 0.33], [0.30, 0.60], [0.15, 0.06]])
_D65 = np.array([0.3127, 0.3290])
_CHROMA = 25.0**7


def cielab(coded: Colours) -> Colours:
    """L*, a*, b*. coded: red, green and blue of bt709 as they are stored, 0 to 1."""
    ratios = np.power(coded, GAMMA) @ _TO_WHITE
    knee = (6 / 29) ** 3
    shaped = np.where(ratios > knee, np.cbrt(ratios), ratios * (29 / 6) ** 2 / 3 + 4 / 29)
    x, y, z = np.moveaxis(shaped, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def ciede2000(one: Colours, other: Colours) -> NDArray[np.float64]:
    """The difference of each pair of colours in L*, a*, b*; about 1 is just noticed. All weights of the formula are 1."""
    (l_one, a_one, b_one), (l_other, a_other, b_other) = np.moveaxis(one, -1, 0), np.moveaxis(other, -1, 0)
    chroma = (np.hypot(a_one, b_one) + np.hypot(a_other, b_other)) / 2
    wider = 1 + (1 - np.sqrt(chroma**7 / (chroma**7 + _CHROMA))) / 2
    c_one, c_other = np.hypot(a_one * wider, b_one), np.hypot(a_other * wider, b_other)
    h_one, h_other = _hue(a_one * wider, b_one), _hue(a_other * wider, b_other)
    grey = c_one * c_other == 0
    turn = np.where(grey, 0, (h_other - h_one + 180) % 360 - 180)
    # Of two hues half a circle apart the mean is the one between them, as the paper has it.
    turn = np.where((turn == -180) & (h_other > h_one), 180, turn)
    hue = np.where(grey, h_one + h_other, (h_one + turn / 2) % 360)
    return _weighed(l_one, l_other, c_one, c_other, turn, hue)


def _weighed(
    l_one: Colours, l_other: Colours, c_one: Colours, c_other: Colours, turn: Colours, hue: Colours
) -> NDArray[np.float64]:
    """The second half of the formula: the three differences, each by its own weight. turn, hue: in degrees."""
    off = ((l_one + l_other) / 2 - 50) ** 2
    chroma = (c_one + c_other) / 2
    uneven = (
        1 - 0.17 * _cosine(hue - 30) + 0.24 * _cosine(2 * hue) + 0.32 * _cosine(3 * hue + 6) - 0.20 * _cosine(4 * hue - 63)
    )
    light = (l_other - l_one) / (1 + 0.015 * off / np.sqrt(20 + off))
    rich = (c_other - c_one) / (1 + 0.045 * chroma)
    tinted = 2 * np.sqrt(c_one * c_other) * np.sin(np.radians(turn / 2)) / (1 + 0.015 * chroma * uneven)
    blue = 60 * np.exp(-(((hue - 275) / 25) ** 2))
    skew = -2 * np.sqrt(chroma**7 / (chroma**7 + _CHROMA)) * np.sin(np.radians(blue))
    return np.asarray(np.sqrt(np.maximum(light**2 + rich**2 + tinted**2 + skew * rich * tinted, 0)))


def _hue(a: Colours, b: Colours) -> Colours:
    return np.degrees(np.arctan2(b, a)) % 360


def _cosine(degrees: Colours) -> Colours:
    return np.cos(np.radians(degrees))


def _to_white() -> Colours:
    """Linear red, green and blue → X, Y and Z, each as a part of white's."""
    xyz = np.array([[x / y, 1, (1 - x - y) / y] for x, y in _PRIMARIES])
    white = np.array([_D65[0] / _D65[1], 1, (1 - _D65.sum()) / _D65[1]])
    amounts = np.linalg.solve(xyz.T, white)
    return np.asarray(amounts[:, None] * xyz / white)


_TO_WHITE = _to_white()
