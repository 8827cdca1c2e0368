"""What each constraint means: which facts it is about, when they keep it, what a person can do when they do not. Pure.

The names are those of `spec.constraints`; a test holds the two together.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

from shotbuild.records import Fields
from shotbuild.units import Size, counted, decimal_text, parse_rate, parse_size, rate_name, round_half_up

FILE, FILM, PICTURE, SOUND, BOTH = "file", "film", "picture", "sound", "both"
"""What a rule looks at: the delivered whole, each film in it, the picture or sound of each, or both of them together."""
LEVELS = ("low", "main", "high1440", "high")

Found: TypeAlias = tuple[str, bool]
"""What was measured, as people read it, and whether that is enough."""


class Unmeasured(Exception):
    """A constraint that the file gives no answer to. Its text says why."""


@dataclass(frozen=True, slots=True)
class Rule:
    """part: one of the five; says: the wish as people read it, `{}` = its value; look: facts of the part and the value →
    what was found; remedy: what a person can do."""

    part: str
    says: str
    look: Callable[[Fields, str], Found]
    remedy: str


def _said(facts: Fields, name: str) -> str:
    value = facts.get(name)
    if value in (None, ""):
        raise Unmeasured(f"the file does not say its {name.replace('_', ' ')}")
    return str(value)


def _one_of(name: str) -> Callable[[Fields, str], Found]:
    def look(facts: Fields, wanted: str) -> Found:
        found = _said(facts, name)
        return found, found in wanted.split()

    return look


def _most(name: str, unit: str, *, least: bool = False) -> Callable[[Fields, str], Found]:
    def look(facts: Fields, wanted: str) -> Found:
        found, limit = Fraction(_said(facts, name)), Fraction(wanted)
        return f"{_short(found)} {unit}", found >= limit if least else found <= limit

    return look


def _short(value: Fraction) -> str:
    return str(value) if value.denominator == 1 else decimal_text(value, 3).rstrip("0").rstrip(".")


# --- the file -----------------------------------------------------------------------------------------------------------


def _moov_first(film: Fields, wanted: str) -> Found:
    if film.get("moov_first") is None:
        raise Unmeasured("only mp4 and mov files have such an index")
    first = bool(film.get("moov_first"))
    return "before the pictures" if first else "behind the pictures", first or wanted == "false"


def _edit_list(film: Fields, wanted: str) -> Found:
    edits = film.get("edits")
    tracks = ", ".join(str(each) for each in edits) if isinstance(edits, tuple) else ""
    return f"in tracks {tracks}" if tracks else "none", wanted == "true" or not tracks


def _timecode(film: Fields, wanted: str) -> Found:
    found = film.get("timecode")
    if found is None:
        raise Unmeasured("the file has no timecode")
    return str(found), found == wanted


def _lasts(film: Fields) -> Fraction:
    parts = [part for name in (PICTURE, SOUND) if isinstance(part := film.get(name), Fields) and part.get("seconds")]
    if not parts:
        raise Unmeasured("nothing in it has a length")
    ends = [part.fraction("start") + part.fraction("seconds") for part in parts]
    return max(ends) - min(part.fraction("start") for part in parts)


def _longest(film: Fields, wanted: str) -> Found:
    found = _lasts(film)
    return f"{_short(found)} s", found <= Fraction(wanted)


def _shortest(film: Fields, wanted: str) -> Found:
    found = _lasts(film)
    return f"{_short(found)} s", found >= Fraction(wanted)


# --- the picture --------------------------------------------------------------------------------------------------------


def _level(picture: Fields, wanted: str) -> Found:
    found = _said(picture, "level")
    if found in LEVELS or wanted in LEVELS:
        return found, found in LEVELS and wanted in LEVELS and LEVELS.index(found) <= LEVELS.index(wanted)
    return found, Fraction(found) <= Fraction(wanted)


def _frame(picture: Fields) -> tuple[Size, str]:
    width, _, height = _said(picture, "size").partition("x")
    aspect = picture.get("pixel_aspect")
    odd = "" if aspect in (None, "1:1") else f", pixels {aspect}"
    return Size(int(width), int(height)), f"{width}x{height}{odd}"


def _size(picture: Fields, wanted: str) -> Found:
    size, text = _frame(picture)
    return text, size == parse_size(wanted)


def _most_size(picture: Fields, wanted: str) -> Found:
    (size, text), most = _frame(picture), parse_size(wanted)
    sides, limits = sorted((size.width, size.height)), sorted((most.width, most.height))
    return text, all(side <= limit for side, limit in zip(sides, limits, strict=True))


def _aspect(picture: Fields, wanted: str) -> Found:
    size, text = _frame(picture)
    across, _, down = str(picture.get("pixel_aspect") or "1:1").partition(":")
    shape, wish = Fraction(size.width * int(across), size.height * int(down)), Fraction(*map(int, wanted.split(":")))
    return f"{text} ({decimal_text(shape, 3)}:1)", abs(shape / wish - 1) <= Fraction(1, 100)


def _rate(picture: Fields, wanted: str) -> Found:
    found, constant = Fraction(_said(picture, "rate")), bool(picture.get("constant_rate"))
    text = rate_name(found) if constant else f"about {rate_name(found)}, not constant"
    return text, constant and found in {parse_rate(word) for word in wanted.split()}


def _gop(picture: Fields, wanted: str) -> Found:
    if picture.get("gop_frames") is None:
        raise Unmeasured("the file does not say which frames are key frames")
    rate, frames = Fraction(_said(picture, "rate")), picture.integer("gop_frames")
    # Encoders count frames: half a second at 23.976 is 12 frames, which last a little longer.
    most = max(1, round_half_up(Fraction(wanted) * rate))
    where = "" if frames <= most else f", from frame {picture.integer('gop_at')} on"
    return f"{_short(frames / rate)} s ({counted(frames, 'frame')}{where})", frames <= most


# --- the sound ----------------------------------------------------------------------------------------------------------


def _loudness(sound: Fields, wanted: str) -> Found:
    """wanted: such as `-23 LUFS ± 1`."""
    found = sound.get("loudness")
    if found is None:
        raise Unmeasured(str(sound.get("why") or "it could not be decoded"))
    target, _, _, within = wanted.split()
    return f"{found} LUFS", abs(Fraction(str(found)) - Fraction(target)) <= Fraction(within)


def _loudness_range(sound: Fields, wanted: str) -> Found:
    found = sound.get("loudness_range")
    if found is None:
        return "none: it is silent, or shorter than 10 s", True
    return f"{found} LU", Fraction(str(found)) <= Fraction(wanted)


def _true_peak(sound: Fields, wanted: str) -> Found:
    found = _said(sound, "true_peak")
    return f"{found} dBTP", found == "-inf" or Fraction(found) <= Fraction(wanted)


def _sync(film: Fields, wanted: str) -> Found:
    picture, sound = film.get(PICTURE), film.get(SOUND)
    if not (isinstance(picture, Fields) and isinstance(sound, Fields)):
        raise Unmeasured("it has no picture and sound to compare")
    starts = abs(sound.fraction("start") - picture.fraction("start"))
    ends = abs(sound.fraction("start") + sound.fraction("seconds") - picture.fraction("start") - picture.fraction("seconds"))
    late = Fraction(str(sound.get("offset") or 0))
    text = f"starts {_short(starts * 1000)} ms, ends {_short(ends * 1000)} ms apart"
    text += f", heard {_short(late * 1000)} ms late" if late else ""
    return text, max(starts, ends, abs(late)) * 1000 <= Fraction(wanted)


CRF = "raise `crf`, or set `maxrate` in the profile's `video`"
ENCODED = "set it in the profile's `video`, or take a profile that does"
HEARD = "set it in the profile's `sound`, or take a profile that does"
CUT = "trim the cut, or deliver another sequence"
LEVELLED = "set `loudness` in the profile, or change the mix"

RULES: Mapping[str, Rule] = {
    "container": Rule(FILE, "{}", _one_of("container"), "choose a profile with this extension"),
    "max_bytes": Rule(FILE, "at most {} bytes", _most("bytes", "bytes"), f"{CRF}; or shorten the cut"),
    "moov_first": Rule(FILM, "{}", _moov_first, "report it: the join writes the index first"),
    "edit_list": Rule(FILM, "{}", _edit_list, "set `edit_list: false` in the profile's `wrap`"),
    "timecode": Rule(FILM, "{}", _timecode, "set `timecode` of the sequence, and `timecode: true` in the profile's `wrap`"),
    "min_duration": Rule(FILM, "at least {} s", _shortest, "lengthen the cut, or deliver another sequence"),
    "max_duration": Rule(FILM, "at most {} s", _longest, CUT),
    "codec": Rule(PICTURE, "{}", _one_of("codec"), ENCODED),
    "profile": Rule(PICTURE, "{}", _one_of("profile"), ENCODED),
    "level": Rule(PICTURE, "at most {}", _level, "set `level` in the profile's `video`, or a smaller size or rate"),
    "size": Rule(PICTURE, "{}", _size, "set `size` of the profile"),
    "most_size": Rule(PICTURE, "at most {}", _most_size, "set `size` or `height` of the profile"),
    "aspect": Rule(PICTURE, "{}", _aspect, "set `size` of the profile, and `reframe` of the deliverable"),
    "rate": Rule(PICTURE, "{}, constant", _rate, "set `rate` in the project's `format`"),
    "pixels": Rule(PICTURE, "{}", _one_of("pixels"), ENCODED),
    "color": Rule(PICTURE, "{}", _one_of("color"), "report it: shotbuild tags all that it encodes as bt709"),
    "range": Rule(PICTURE, "{}", _one_of("range"), "report it: shotbuild tags all that it encodes"),
    "scan": Rule(PICTURE, "{}", _one_of("scan"), ENCODED),
    "gop": Rule(PICTURE, "at most {} s", _gop, "set `gop` in the profile's `video`"),
    "b_frames": Rule(
        PICTURE, "at most {} in a row", _most("b_frames", "in a row"), "set `bframes` in the profile's `video`"
    ),
    "max_bitrate": Rule(PICTURE, "at most {} kbit in any second", _most("peak_bitrate", "kbit in a second"), CRF),
    "mean_bitrate": Rule(PICTURE, "at most {} kbit/s on average", _most("mean_bitrate", "kbit/s"), CRF),
    "min_bitrate": Rule(
        PICTURE,
        "at least {} kbit/s on average",
        _most("mean_bitrate", "kbit/s", least=True),
        "lower `crf`, or set `bitrate` in the profile's `video`",
    ),
    "black_head": Rule(PICTURE, "at most {} s", _most("black_head", "s"), "trim the first clip, or its fade"),
    "black_tail": Rule(PICTURE, "at most {} s", _most("black_tail", "s"), "trim the last clip, or its fade"),
    "sound_codec": Rule(SOUND, "{}", _one_of("codec"), HEARD),
    "layout": Rule(SOUND, "{}", _one_of("layout"), HEARD),
    "sample_rate": Rule(SOUND, "{} Hz", _one_of("sample_rate"), HEARD),
    "loudness": Rule(SOUND, "{} LU", _loudness, LEVELLED),
    "loudness_range": Rule(SOUND, "at most {} LU", _loudness_range, "duck or compress in the mix"),
    "true_peak": Rule(
        SOUND, "at most {} dBTP", _true_peak, "set `peak` in the profile's `loudness` lower, or turn the mix down"
    ),
    "sync": Rule(BOTH, "at most {} ms apart", _sync, "report it: picture and sound are cut to one length"),
}
TOLERANCE = "loudness_tolerance"
"""A part of `loudness`, not a constraint of its own."""
USUAL_TOLERANCE = "1"


SPOKEN = {
    ("moov_first", "true"): "before the pictures",
    ("moov_first", "false"): "anywhere",
    ("edit_list", "true"): "some or none",
    ("edit_list", "false"): "none",
}


def value_of(name: str, must: Fields) -> str:
    """The value of a constraint as rules take it."""
    value = must.get(name)
    if name == "loudness":
        return f"{value} LUFS ± {must.get(TOLERANCE) or USUAL_TOLERANCE}"
    return str(value).lower() if isinstance(value, bool) else str(value)


def spoken(name: str, rule: Rule, value: str) -> str:
    """A wish as people read it."""
    if name == "rate":
        value = " or ".join(rate_name(parse_rate(word)) for word in value.split())
    elif name != "loudness":
        value = SPOKEN.get((name, value), " or ".join(value.split()))
    return rule.says.format(value)
