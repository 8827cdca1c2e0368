"""Effects on time: `speed` and `freeze`. `sound.heard` does the same to what is heard."""

from dataclasses import replace
from math import ceil

from shotbuild.media.effects.conversion import filled, ticking
from shotbuild.media.effects.interface import Files, Film
from shotbuild.media.effects.motion import in_between
from shotbuild.records import Fields
from shotbuild.units import parse_duration


def speed(film: Film, settings: Fields, _: Files) -> Film:
    """Faster or slower: frames are left out or repeated, or, where it is slower and `smooth`, drawn in between."""
    factor = settings.fraction("factor")
    by, of = factor.denominator, factor.numerator
    stream = ticking(film.stream, film.rate, of).filter("setpts", f"PTS*{by}/{of}")
    if settings.get("smooth") and factor < 1:
        # It stands on its last picture for as long as that one lasts now.
        between = in_between(replace(film, stream=stream), film.rate, "motion")
        return replace(between, stream=filled(between.stream, film.rate, ceil(1 / factor)))
    return replace(film, stream=filled(stream, film.rate, ceil(1 / factor)))


def freeze(film: Film, settings: Fields, _: Files) -> Film:
    """The frame at `at` stands for so much longer; what follows it comes so much later."""
    at, more = (parse_duration(settings.text(name)).at(film.rate) for name in ("at", "for"))
    stream = ticking(film.stream, film.rate).filter("setpts", f"if(gt(PTS,{at}),PTS+{more},PTS)")
    return replace(film, stream=filled(stream, film.rate, more + 1))
