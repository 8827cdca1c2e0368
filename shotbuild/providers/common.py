"""What several adapters need: shapes, seconds, inline pictures, price lists. Pure but for reading a reference."""

import base64
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from shotbuild.errors import (
    BadTake,
    KeyRefused,
    OutOfFunds,
    PinGone,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    RateLimited,
)
from shotbuild.host.wire import Reply
from shotbuild.providers.interface import Doubt, Model, Objection, Rate, Wish
from shotbuild.records import Fields, Price
from shotbuild.spec.fields import written_out
from shotbuild.units import Size, decimal_text

STATUSES: Mapping[int, type[ProviderError]] = {
    401: KeyRefused,
    403: KeyRefused,
    402: OutOfFunds,
    404: PinGone,
    410: PinGone,
    408: ProviderUnavailable,
    409: ProviderUnavailable,
}
NTSC = Fraction(1000, 1001)
APART, LATEST = 60, 600
"""Seconds that the clocks of two machines may be apart, and after which nothing that left is accepted any more."""
KINDS = (
    (b"\x89PNG\r\n\x1a\n", 0, "image/png", "png"),
    (b"\xff\xd8\xff", 0, "image/jpeg", "jpg"),
    (b"WEBP", 8, "image/webp", "webp"),
    (b"ftyp", 4, "video/mp4", "mp4"),
    (b"\x1a\x45\xdf\xa3", 0, "video/x-matroska", "mkv"),
)


def kind_of(path: Path) -> tuple[str, str]:
    """(media type, file suffix without dot) by the first bytes: files of the store have no names of their own."""
    with path.open("rb") as stream:
        head = stream.read(16)
    found = ((kind, suffix) for mark, at, kind, suffix in KINDS if head[at : at + len(mark)] == mark)
    return next(found, ("application/octet-stream", "bin"))


def file_name(role: str, path: Path) -> str:
    """A name for an upload that says nothing of this machine: the role and the start of the digest."""
    return f"{role}-{path.name[:12]}.{kind_of(path)[1]}"


def encoded(path: Path) -> str:
    """A file's bytes in base64."""
    return base64.b64encode(path.read_bytes()).decode("ascii")


def data_uri(path: Path) -> str:
    return f"data:{kind_of(path)[0]};base64,{encoded(path)}"


def decoded(text: str, what: str) -> bytes:
    """Bytes that a service sent along in base64. Errors: BadTake."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise BadTake(f"{what} sent a take that is no base64") from error


def ratio_of(size: Size, offered: Sequence[str]) -> str | None:
    """The offered shape (`16:9`, or a size such as `1280:720`) that is a picture's own within one percent, else None. Of
    several, the one whose pixels come closest to the picture's."""
    wanted = Fraction(size.width, size.height)
    close = [word for word in offered if abs(_shape(word) / wanted - 1) < Fraction(1, 100)]
    return min(close, key=lambda word: abs(int(word.partition(":")[0]) - size.width), default=None)


def _shape(word: str) -> Fraction:
    width, _, height = word.partition(":")
    return Fraction(int(width), int(height))


def whole_seconds(seconds: Fraction) -> int:
    """Seconds of a model that makes whole ones: rounded up, as the tail is trimmed in the cut."""
    return -(-seconds.numerator // seconds.denominator)


def length_for(model: Model, seconds: Fraction) -> Fraction:
    """The length to ask a model for: the shortest that it makes which is not shorter than the shot. At NTSC rates a shot of
    5 seconds lasts 5.005; nobody buys the next length for that."""
    nominal = seconds * NTSC
    lengths = sorted(length for length in model.lengths if length >= nominal)
    return lengths[0] if lengths else max(Fraction(whole_seconds(nominal)), model.shortest)


def plain(settings: Fields) -> dict[str, str | int | bool]:
    """Settings that were written or have a default; those that stay away are left out."""
    return {name: value for name, value in settings if isinstance(value, str | int | bool)}


def refused(objection: Objection) -> ProviderRefused:
    """An objection to what is asked for now, as an error."""
    return ProviderRefused(objection.message, cause=objection.cause or None, hint=objection.remedy or None)


def table_objections(model: Model, wish: Wish) -> list[Objection]:
    """What of a wish is outside what a model's table says. The engine of all adapters: nobody has to repeat it."""
    found: list[Objection] = []
    longest = max(model.lengths, default=Fraction(model.seconds))
    if wish.seconds > longest or wish.seconds < model.shortest:
        longer = wish.seconds > longest
        found.append(
            Objection(
                key="duration",
                message=f"this is {'longer' if longer else 'shorter'} than model {model.name!r} makes",
                cause=f"it makes {_span(model)}; the shot lasts {_seconds(wish.seconds)} s",
                remedy=f"write at most `{_seconds(longest)}s`, or continue it in another shot"
                if longer
                else f"write at least `{_seconds(model.shortest)}s`, and trim it in the cut",
            )
        )
    if model.prompt and len(wish.prompt) > model.prompt:
        cause = f"at most {model.prompt} characters, these are {len(wish.prompt)}"
        found.append(
            Objection(key="prompt", message=f"the prompt is too long for {model.name!r}", cause=cause, remedy="shorten it")
        )
    found += [_missing(model, role) for role in model.needs if role not in wish.references]
    if model.ratios and wish.settings.get("ratio") is None and ratio_of(wish.format.size, model.ratios) is None:
        found.append(
            Objection(
                key="format",
                message=f"model {model.name!r} makes no picture of the shape {wish.format.size}",
                cause=f"it makes {', '.join(model.ratios)}",
                remedy="name one under `settings: {ratio: …}`, and say how it is placed with `fit`",
            )
        )
    return found


def _span(model: Model) -> str:
    """The lengths that a model makes, in words."""
    lengths = sorted(model.lengths)
    if len(lengths) > 3 and all(after - before == 1 for before, after in pairwise(lengths)):
        return f"{_seconds(lengths[0])} to {_seconds(lengths[-1])} s, in whole seconds"
    if lengths:
        return " or ".join(f"{_seconds(length)} s" for length in lengths)
    return f"{_seconds(model.shortest)} to {model.seconds} s" if model.shortest else f"at most {model.seconds} s"


def _missing(model: Model, role: str) -> Objection:
    other = ", or let the shot `continue` another one" if role == "first_frame" else ""
    return Objection(
        key="references",
        message=f"model {model.name!r} needs a `{role}`",
        cause=f"it takes {', '.join(model.roles)}",
        remedy=f"add `references: {{{role}: assets/…}}`{other}",
    )


def by_status(reply: Reply, message: str, cause: str | None = None) -> ProviderError | None:
    """The kind of no that a status usually is; None for 2xx. For adapters whose service keeps to it."""
    if reply.ok:
        return None
    told = f"{message} ({reply.status})"
    if reply.status == 429:
        return RateLimited.after(reply.wait, told, cause=cause)
    refused = 400 <= reply.status < 500
    kind = STATUSES.get(reply.status, ProviderRefused if refused else ProviderUnavailable)
    return kind(told, cause=cause)


def moment(written: str) -> float | None:
    """Seconds since 1970 of a time in ISO 8601, UTC where it says no zone; None where it is none."""
    try:
        read = datetime.fromisoformat(written)
    except ValueError:
        return None
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()


def window(doubt: Doubt) -> tuple[float, float]:
    """When a lost submit was accepted, if it was: the first and the last second since 1970. What a list shows of any other
    time is somebody else's, however much it looks alike."""
    left = moment(doubt.since)
    assert left is not None, "a doubt says when it left"
    return left - APART, left + LATEST


def _seconds(seconds: Fraction) -> str:
    return str(seconds) if seconds.denominator == 1 else decimal_text(seconds, 2)


def rates(per: str, *lines: tuple[Mapping[str, str], str]) -> tuple[Rate, ...]:
    """Lines of a price list: `rates("second", ({"resolution": "720p"}, "0.05"), …)`."""
    return tuple(Rate(when=dict(when), per=per, amount=Fraction(amount)) for when, amount in lines)


def price_of(model: Model, parameters: Fields) -> Price:
    """What a take costs by the model's list, for the length that the service is asked for. parameters: of the recipe."""
    if model.tariff is None:
        return Price(amount=None, currency="USD", exact=False)
    settings = parameters.get("settings")
    settings = written_out(model.fields, settings) if isinstance(settings, Fields) else Fields()
    seconds = Fraction(parameters.integer("frames")) / Fraction(parameters.text("rate"))
    asked = length_for(model, seconds)
    return model.tariff.price(asked, settings)
