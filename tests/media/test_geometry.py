from fractions import Fraction

import pytest

from shotbuild.media.geometry import placing, square
from shotbuild.units import Size


@pytest.mark.parametrize(
    ("width", "height", "frame", "fit", "scaled", "left", "top"),
    [
        (1280, 720, Size(640, 360), "pad", Size(640, 360), 0, 0),
        (1280, 720, Size(1080, 1920), "crop", Size(3414, 1920), 1166, 0),
        (1280, 720, Size(1080, 1920), "pad", Size(1080, 608), 0, 656),
        (1279, 719, Size(1280, 720), "pad", Size(1280, 720), 0, 0),
        (640, 480, Size(1280, 720), "pad", Size(960, 720), 160, 0),
        (640, 480, Size(1280, 720), "stretch", Size(1280, 720), 0, 0),
    ],
)
def test_pictures_are_placed_in_the_middle_on_even_pixels(width, height, frame, fit, scaled, left, top):
    placed = placing(width, height, Fraction(1), frame, fit)
    assert (placed.scaled, placed.left, placed.top) == (scaled, left, top)


def test_wide_pixels_become_square():
    assert square(720, 576, Fraction(64, 45)) == Size(1024, 576)
    assert square(853, 480, Fraction(1)) == Size(854, 480)
