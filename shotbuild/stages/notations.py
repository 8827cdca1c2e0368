"""The notations of effects' fields: lengths of time, shares, colours, keys. Each gives text in order, or ValueError."""

import re
from fractions import Fraction

from shotbuild.spec.fields import Field, Required
from shotbuild.spec.format import parse_color, parse_share
from shotbuild.spec.kinds import Parsed
from shotbuild.units import parse_duration, parse_rate, rate_text

MOST_KEYS = 64
LONGEST_EFFECT = 3600
"""Seconds."""


def span(default: str | None | Required, doc: str, *, counted: bool = True, least: Fraction = Fraction(0)) -> Field:
    """A length of time; its value is the text. counted: may it be written in frames."""

    def parse(written: str) -> str:
        if not counted and not re.fullmatch(r"\d+(\.\d+)?(ms|s|m)", written):
            raise ValueError("seconds, such as `2s` or `500ms`: frames would be other lengths at other rates")
        length = parse_duration(written)
        if length.seconds > LONGEST_EFFECT or (not length.frames and length.seconds < least):
            raise ValueError("a length of time from 0s to an hour" if not least else "more than 0s, up to an hour")
        return written

    pattern = r"^[0-9]+([.][0-9]+)?(ms|s|m)$" + (r"|^[0-9]+f$|^[0-9]{2}:[0-9]{2}:[0-9]{2}:[0-9]{2}$" if counted else "")
    return Field(Parsed(parse, pattern, units=("s", "f") if counted else ("s",)), default, doc)


def share(default: str | None | Required, doc: str, *, least: Fraction = Fraction(0)) -> Field:
    """A share from 0 to 1; its value is exact text."""

    def parse(written: str) -> str:
        value = parse_part(written)
        if value < least:
            raise ValueError(f"a share of at least {least}, such as `30%` or `0.3`")
        return str(value)

    return Field(Parsed(parse, r"^[0-9]+([.][0-9]+)?%?$|^[0-9]+/[0-9]+$", number=True), default, doc)


def parse_part(written: str) -> Fraction:
    """`30%`, `0.3` or `3/10`."""
    match = re.fullmatch(r"(\d{1,9})/(\d{1,9})", written)
    if not match or not 0 < int(match[2]) >= int(match[1]):
        return parse_share(written)
    return Fraction(int(match[1]), int(match[2]))


def color(default: str | None, doc: str, *, see_through: bool = True) -> Field:
    def parse(written: str) -> str:
        value = parse_color(written)
        if not see_through and len(value) > 7:
            raise ValueError("a colour without opacity, such as `#20242c`")
        return value

    return Field(Parsed(parse, r"^#[0-9A-Fa-f]{6}([0-9A-Fa-f]{2})?$|^[a-z]+$"), default, doc)


def rate(doc: str) -> Field:
    return Field(
        Parsed(lambda written: rate_text(parse_rate(written)), r"^[0-9]+([.][0-9]+|/[0-9]+)?$", number=True), None, doc
    )


def parse_pace(written: str) -> str:
    match = re.fullmatch(r"(\d{1,3})(?:/(\d{1,3})|(\.\d{1,3}))?", written)
    value = Fraction(written) if match and int(match[2] or 1) else None
    if value is None or not Fraction(1, 16) <= value <= 16:
        raise ValueError("a factor from 1/16 to 16 with at most three places, such as `2`, `0.5` or `2/3`")
    return str(value)


def parse_aspect(written: str) -> str:
    match = re.fullmatch(r"(\d{1,4}):(\d{1,4})", written)
    if not match or not Fraction(1, 10) <= Fraction(int(match[1]), max(1, int(match[2]))) <= 10 or not int(match[2]):
        raise ValueError("an aspect such as `9:16`, `4:5` or `1:1`, from 1:10 to 10:1")
    return written


def parse_keys(written: str) -> str:
    """Times have to rise; frames and seconds are compared as at 24 frames a second, where they are mixed."""
    entries = written.split()
    if not 1 <= len(entries) <= MOST_KEYS:
        raise ValueError(f"1 to {MOST_KEYS} keys such as `0s:0.3,0.5 2s:0.7,0.5`")
    before, found = Fraction(-1), []
    for entry in entries:
        when, _, where = entry.rpartition(":")
        places = where.split(",")
        if len(places) != 2:
            raise ValueError("keys such as `0s:0.3,0.5 2s:0.7,0.5`: a time, and where the middle is (across, down)")
        at = parse_duration(when).exact(Fraction(24))
        if at <= before:
            raise ValueError("keys in the order of their times")
        before = at
        found.append(f"{when}:{','.join(str(parse_part(place)) for place in places)}")
    return " ".join(found)
