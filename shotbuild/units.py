"""Exact seconds, frame rates, timecode, sizes, decibels and money, read from text. Fraction and int, never float.

Errors are ValueError with the sentence "what was expected"; `spec.fields` gives them their place.
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

NTSC = {
    "23.976": Fraction(24000, 1001),
    "23.98": Fraction(24000, 1001),
    "29.97": Fraction(30000, 1001),
    "47.952": Fraction(48000, 1001),
    "47.95": Fraction(48000, 1001),
    "59.94": Fraction(60000, 1001),
    "119.88": Fraction(120000, 1001),
}
SAMPLE_RATE = 48000
MAX_SECONDS = 24 * 3600


@dataclass(frozen=True, slots=True)
class Size:
    """A picture's width and height in pixels; both even, because delivered pictures are 4:2:0 or 4:2:2."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


@dataclass(frozen=True, slots=True)
class Duration:
    """A length of time as it was written: exact seconds, a count of frames, or a timecode (hours … frames)."""

    seconds: Fraction = Fraction(0)
    frames: int = 0

    def at(self, rate: Fraction) -> int:
        """The number of frames at a rate in frames per second; halves go up."""
        return (rounded_product(self.seconds, rate) if self.seconds else 0) + self.frames

    def exact(self, rate: Fraction) -> Fraction:
        """Seconds; frames count at the rate."""
        return self.seconds + self.frames / rate if self.frames else self.seconds


@dataclass(frozen=True, slots=True)
class TimecodeDuration(Duration):
    """A duration written HH:MM:SS:FF: its seconds are counted in whole frames of the nominal rate (SMPTE ST 12-1)."""

    def at(self, rate: Fraction) -> int:
        return int(self.seconds) * ceil(rate) + self.frames

    def exact(self, rate: Fraction) -> Fraction:
        return self.at(rate) / rate


@dataclass(frozen=True, slots=True)
class Money:
    amount: Fraction
    currency: str

    def __str__(self) -> str:
        return f"{decimal_text(self.amount)} {self.currency}"


def round_half_up(value: Fraction) -> int:
    return _rounded(value.numerator, value.denominator)


def _rounded(over: int, under: int) -> int:
    """A quotient, halves up; what is only rounded need not be reduced: a season asks for it half a million times."""
    return (2 * over + under) // (2 * under)


def rounded_product(a: Fraction, b: Fraction) -> int:
    """`round_half_up(a * b)`."""
    return _rounded(a.numerator * b.numerator, a.denominator * b.denominator)


def counted(count: int, noun: str) -> str:
    """`1 shot`, `2 shots`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def decimal_text(value: Fraction, places: int = 2) -> str:
    """A fraction as a decimal with a fixed number of places, rounded half up."""
    scaled = round_half_up(value * 10**places)
    sign = "-" if scaled < 0 else ""
    whole, part = divmod(abs(scaled), 10**places)
    return f"{sign}{whole}.{part:0{places}d}" if places else f"{sign}{whole}"


def parse_rate(text: str) -> Fraction:
    """Frames per second: `24`, `23.976`, `24000/1001`, `25/2`. Source of the NTSC values: SMPTE ST 12-1."""
    rate = NTSC.get(text)
    if rate is None and (match := re.fullmatch(r"(\d{1,6})(?:/(\d{1,6}))?", text)) and int(match[2] or 1):
        rate = Fraction(int(match[1]), int(match[2] or 1))
    # Containers and encoders take a rate that is closer than that to a whole one for the whole one.
    if rate is None or not 1 <= rate <= 240 or (rate.denominator > 100 and rate.denominator != 1001):
        raise ValueError("a frame rate from 1 to 240, such as `24`, `23.976` or `24000/1001`")
    return rate


def rate_text(rate: Fraction) -> str:
    """The one canonical spelling of a rate: `24`, `24000/1001`."""
    return str(rate)


def rate_name(rate: Fraction) -> str:
    """A rate as people say it and as file names hold it: `24`, `23.976`."""
    return str(rate) if rate.denominator == 1 else decimal_text(rate, 3).rstrip("0").rstrip(".")


def parse_duration(text: str) -> Duration:
    """`4s`, `1.5s`, `500ms`, `96f`, `2m`, `00:00:04:00` (hours, minutes, seconds, frames). At most a day."""
    duration = _duration(text)
    if duration is None or duration.seconds > MAX_SECONDS or duration.frames > MAX_SECONDS * 240:
        raise ValueError("a duration such as `4s`, `96f`, `500ms` or `00:00:04:00`, up to a day")
    return duration


def _duration(text: str) -> Duration | None:
    if match := re.fullmatch(r"(\d{1,9})f", text):
        return Duration(frames=int(match[1]))
    if match := re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)(ms|s|m)", text):
        return Duration(
            seconds=Fraction(match[1]) * {"ms": Fraction(1, 1000), "s": Fraction(1), "m": Fraction(60)}[match[2]]
        )
    if match := re.fullmatch(r"(\d\d):([0-5]\d):([0-5]\d):(\d\d)", text):
        hours, minutes, seconds, frames = map(int, match.groups())
        return TimecodeDuration(seconds=Fraction(hours * 3600 + minutes * 60 + seconds), frames=frames)
    return None


def parse_days(text: str) -> int:
    """`60d`, `8w`: whole days."""
    match = re.fullmatch(r"([0-9]{1,4})([dw])", text)
    if not match:
        raise ValueError("a number of days or weeks, such as `60d` or `8w`")
    return int(match[1]) * (7 if match[2] == "w" else 1)


def parse_size(text: str) -> Size:
    """`1280x720`: width by height in pixels, even, 16 to 8192."""
    match = re.fullmatch(r"(\d{2,4})x(\d{2,4})", text)
    size = Size(int(match[1]), int(match[2])) if match else None
    if size is None or any(side % 2 or not 16 <= side <= 8192 for side in (size.width, size.height)):
        raise ValueError("a size such as `1280x720`, both sides even and from 16 to 8192")
    return size


def parse_decibels(text: str) -> Fraction:
    """`-6dB`, `+1.5dB`, `0dB`: from -120 to +40."""
    match = re.fullmatch(r"([+-]?\d{1,3}(?:\.\d{1,4})?) ?dB", text)
    gain = Fraction(match[1]) if match else None
    if gain is None or not -120 <= gain <= 40:
        raise ValueError("a gain from -120dB to +40dB, such as `-6dB`")
    return gain


def parse_money(text: str) -> Money:
    """`250 USD`: an amount that is not negative and a currency code of three letters (ISO 4217)."""
    match = re.fullmatch(r"(\d{1,12}(?:\.\d{1,6})?) ?([A-Z]{3})", text)
    if not match:
        raise ValueError("an amount and a currency, such as `250 USD`")
    return Money(Fraction(match[1]), match[2])


def timecode(frame: int, rate: Fraction) -> str:
    """Non-drop timecode "HH:MM:SS:FF". frame: from 0; counted at the nominal rate. Source: SMPTE ST 12-1."""
    base = ceil(rate)
    seconds, frames = divmod(frame, base)
    return f"{seconds // 3600 % 24:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}:{frames:02d}"


def timescale(rate: Fraction) -> int:
    """Ticks a second in which a frame is a whole number of ticks: 24000, 25000, 30000, … as editors expect."""
    return rate.numerator if rate.numerator >= 10_000 else rate.numerator * 1000


def samples(frames: int, rate: Fraction) -> int:
    """The number of sound samples at 48 kHz that last as long as so many frames."""
    return _rounded(frames * rate.denominator * SAMPLE_RATE, rate.numerator)


SCHEMES = ("s3", "gs", "az", "http", "https", "file")


def parse_address(text: str, *, secrets: bool = False) -> str:
    """The address of a shared store: `s3://bucket/prefix`, `gs://…`, `az://…`, `https://host/path`, or a folder. secrets:
    whether a user and a password may stand in it. Errors: ValueError."""
    scheme, mark, rest = text.partition("://")
    if mark and scheme not in SCHEMES:
        raise ValueError(f"an address that begins with {', '.join(f'`{each}://`' for each in SCHEMES)}, or a folder")
    if not text.strip() or not text.isprintable() or (mark and not rest.strip("/")):
        raise ValueError("the address of a store, such as `s3://bucket/prefix` or `/mnt/team/store`")
    if mark and not secrets and "@" in rest.partition("/")[0]:
        raise ValueError("an address without a user or a password, which stand in the environment")
    if "?" in rest or "#" in rest:
        raise ValueError("an address without `?` and `#`")
    return text if text == "/" else text.rstrip("/")


def size_text(size: int) -> str:
    """Bytes as people read them: `512 B`, `1.4 MB`. A megabyte is a million, as disks are sold and `ls --si` says."""
    amount, unit = float(size), "B"
    for larger in ("kB", "MB", "GB", "TB", "PB"):
        if amount < 999.95:
            break
        amount, unit = amount / 1000, larger
    return f"{size} B" if unit == "B" else f"{amount:.1f} {unit}"


def parse_share(text: str) -> Fraction:
    """`5%` or `0.05`, above 0 and up to 1. Errors: ValueError that says what was expected."""
    found = re.fullmatch(r"(\d{1,3}(?:\.\d{1,9})?)(%?)", text)
    share = Fraction(found[1]) / (100 if found[2] else 1) if found else Fraction(0)
    if not 0 < share <= 1:
        raise ValueError("a share such as `5%` or `0.05`")
    return share
