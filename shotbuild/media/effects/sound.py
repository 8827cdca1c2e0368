"""What `speed` and `freeze` do to the sound of a shot: it stays with its picture."""

from collections.abc import Sequence
from fractions import Fraction
from math import ceil

from shotbuild.media.filters import Stream, decimal, joined
from shotbuild.records import Fields
from shotbuild.units import parse_duration, samples

MOST, LEAST = Fraction(2), Fraction(1, 2)
"""atempo leaves samples out beyond double speed and knows nothing below half: such steps are taken several times."""

TAIL = 9600
"""Samples of silence behind the end: atempo gives the end of a sound only when something follows it."""


def heard(stream: Stream, rows: Sequence[Fields], rate: Fraction) -> Stream:
    """The sound of a shot as its effects want it: the pitch stays, and a frozen picture is silent.

    stream: at 48 kHz, from the shot's first frame on; rows: those of effects, in order (`effect`, `settings`); rate: frames
    per second of the picture. The result may be some samples too long or too short: whoever writes it makes it exact.
    """
    for row in rows:
        settings = row.get("settings")
        if not isinstance(settings, Fields):
            continue
        if row.text("effect") == "speed":
            stream = _faster(stream, settings.fraction("factor"))
        if row.text("effect") == "freeze":
            at, more = (parse_duration(settings.text(name)).at(rate) for name in ("at", "for"))
            stream = _waiting(stream, samples(at + 1, rate), samples(more, rate))
    return stream


def _faster(stream: Stream, factor: Fraction) -> Stream:
    if factor != 1:
        stream = stream.filter("apad", pad_len=TAIL * ceil(factor))
    while factor != 1:
        step = max(LEAST, min(MOST, factor))
        stream, factor = stream.filter("atempo", decimal(step, 12)), factor / step
    return stream


def _waiting(stream: Stream, at: int, more: int) -> Stream:
    """Silence of `more` samples, once `at` samples have been heard."""
    if not more:
        return stream
    parts = stream.asplit()
    before = parts[0].filter("atrim", end_sample=at).filter("apad", whole_len=at + more)
    after = parts[1].filter("atrim", start_sample=at).filter("asetpts", "N")
    return joined([before, after], "concat", n=2, v=0, a=1)
