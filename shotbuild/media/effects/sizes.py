"""Effects on the size of the frame: `upscale`, `crop`, and `reframe`, whose window moves over time."""

from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

from shotbuild.errors import MediaError
from shotbuild.media.effects.conversion import READ_709, WRITE_709, frame_number
from shotbuild.media.effects.interface import Files, Film
from shotbuild.media.filters import decimal
from shotbuild.records import Fields
from shotbuild.units import Size, parse_duration, parse_size, round_half_up

LARGEST, SMALLEST = 8192, 16
EASES = {"smooth": "ld(0)*ld(0)*(3-2*ld(0))", "linear": "ld(0)", "hold": "floor(ld(0))"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """Where a window looks. frame: of the shot; left, top: of the middle, as shares of the picture."""

    frame: int
    left: Fraction
    top: Fraction


def upscale(film: Film, settings: Fields, _: Files) -> Film:
    """Larger, to a size or by a factor, with a Lanczos or spline filter."""
    size = _upscaled(film.size, settings)
    stream = film.stream.filter(
        "zscale", w=size.width, h=size.height, filter=settings.text("filter"), dither="none", **READ_709, **WRITE_709
    )
    return replace(film, stream=stream.filter("format", film.pixels), size=size)


def crop(film: Film, settings: Fields, _: Files) -> Film:
    """A part of the picture, at full pixels."""
    width, height = (settings.fraction(name) for name in ("width", "height"))
    left, top = (settings.fraction(name) for name in ("x", "y"))
    if left + width > 1 or top + height > 1:
        raise MediaError("`crop` reaches beyond the picture", hint="`x` + `width` and `y` + `height` are at most 100%")
    size = _enough(Size(_even(film.size.width * width), _even(film.size.height * height)), "crop")
    x = min(_even(film.size.width * left), film.size.width - size.width)
    y = min(_even(film.size.height * top), film.size.height - size.height)
    return replace(film, stream=film.stream.filter("crop", size.width, size.height, x, y, exact=1), size=size)


def reframe(film: Film, settings: Fields, _: Files) -> Film:
    """The largest window of another aspect, which looks where the keys say. It moves in whole pixels."""
    size = _enough(_window(film.size, settings.text("aspect")), "reframe")
    keys, ease = keys_of(settings.text("keys"), film.rate), EASES[settings.text("ease")]
    x = _path([(key.frame, _edge(key.left, size.width, film.size.width)) for key in keys], film.rate, ease)
    y = _path([(key.frame, _edge(key.top, size.height, film.size.height)) for key in keys], film.rate, ease)
    return replace(film, stream=film.stream.filter("crop", size.width, size.height, x, y, exact=1), size=size)


def keys_of(text: str, rate: Fraction) -> tuple[Key, ...]:
    """`0s:0.3,0.5 48f:7/10,1/2` → keys by frame. Errors: ValueError."""
    return tuple(_key(*entry.rpartition(":")[::2], rate) for entry in text.split())


def _key(when: str, where: str, rate: Fraction) -> Key:
    left, top = where.split(",")
    return Key(frame=parse_duration(when).at(rate), left=Fraction(left), top=Fraction(top))


def _upscaled(own: Size, settings: Fields) -> Size:
    wanted, times = settings.get("size"), settings.get("factor")
    if (wanted is None) == (times is None):
        raise MediaError("`upscale` needs either `size` or `factor`", hint="write one of them")
    if wanted is not None:
        return parse_size(str(wanted))
    by = settings.fraction("factor")
    larger = Size(_even(own.width * by), _even(own.height * by))
    if max(larger.width, larger.height) > LARGEST:
        raise MediaError(f"upscaled, the picture would be {larger}", cause=f"the largest side is {LARGEST}")
    return larger


def _window(size: Size, aspect: str) -> Size:
    wide, _, high = aspect.partition(":")
    shape = Fraction(int(wide), int(high))
    if shape < Fraction(size.width, size.height):
        return Size(min(size.width, _even(size.height * shape)), size.height)
    return Size(size.width, min(size.height, _even(size.width / shape)))


def _edge(middle: Fraction, window: int, picture: int) -> Fraction:
    """Where a window begins that looks at a place and stays inside."""
    return max(Fraction(0), min(middle * picture - Fraction(window, 2), Fraction(picture - window)))


def _path(keys: list[tuple[int, Fraction]], rate: Fraction, ease: str) -> str:
    """One term for each way between two keys; before the first and after the last the window stands still."""
    terms = [decimal(keys[0][1])]
    for (frame, start), (later, end) in pairwise(keys):
        if start == end:
            continue
        share = f"clip(({frame_number(rate)}-{frame})/{max(1, later - frame)},0,1)"
        terms.append(f"({decimal(end - start)})*(0*st(0,{share})+{ease})")
    return f"round({'+'.join(terms)})" if len(terms) > 1 else str(round_half_up(keys[0][1]))


def _enough(size: Size, effect: str) -> Size:
    if min(size.width, size.height) < SMALLEST:
        raise MediaError(f"`{effect}` leaves {size} of the picture", cause=f"a side has at least {SMALLEST} pixels")
    return size


def _even(side: Fraction) -> int:
    return 2 * round_half_up(side / 2)
