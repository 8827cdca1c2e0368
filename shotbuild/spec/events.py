"""One line of a ledger ↔ one event. Knows nothing of the other lines.

A line is canonical JSON, and its `id` is the digest of the rest of it: a line that was changed by hand no longer matches.
"""

import json
import re
from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Any

from msgspec import DecodeError
from msgspec.json import Decoder

from shotbuild.digest import canonical_line, from_plain, of_text, recipe_fields, request_text
from shotbuild.errors import Location, SpecError
from shotbuild.records import (
    APPROVE,
    DECISIONS,
    FREE,
    MOVE,
    PICK,
    REJECT,
    Decision,
    Digest,
    Fields,
    LedgerEvent,
    Operation,
    OtherRoll,
    Pin,
    Price,
    Recipe,
    Take,
    UnknownEvent,
    Value,
    Verification,
    fields,
    owed,
)
from shotbuild.spec.kinds import NAME
from shotbuild.spec.marks import read_marks
from shotbuild.spec.plain import parse_plain
from shotbuild.spec.shapes import OperationRow, PinRow, PriceRow, Row, Whole

TAKE, VERIFY = "take", "verify"
VERSION = 1
LARGEST = 2**64 - 1
LONGEST_NAME = 255
_WRONG = (KeyError, TypeError, ValueError, AttributeError, RecursionError, ZeroDivisionError)
ID = re.compile("[0-9a-f]{16}")
SHA256 = re.compile("[0-9a-f]{64}")
_ROWS, _WHOLES = Decoder(Row), Decoder(Whole)


def sealed(content: Mapping[str, object]) -> str:
    """An event as a line, without line end. content: all of it but `id` and `v`."""
    unsealed = {**content, "v": VERSION}
    return canonical_line({**unsealed, "id": of_text(canonical_line(unsealed)).sha256[:16]})


def take_line(
    *,
    after: tuple[str, ...],
    at: str,
    number: int,
    ordinal: int,
    first_seed: int | None,
    asked: str,
    action: str,
    recipe: Recipe,
    inputs: Mapping[str, str],
    continues: str | None,
    output: str,
    video: Digest,
    streams: tuple[Fields, ...],
    record: Digest | None,
    milliseconds: int,
    estimated: Price,
    charged: Price | None,
    answered: Pin | None,
    operation: Operation | None,
    foreign: bool = False,
    instead: Pin | None = None,
) -> str:
    """The event of a new take; the words are those of `records.Take`, `Asking` and `ActionResult`."""
    return sealed(
        {
            "event": TAKE,
            "after": after,
            "action": action,
            "asked": asked,
            "at": at,
            "continues": continues,
            "cost": {"estimated": _price_fields(estimated), "charged": charged and _price_fields(charged)},
            "first_seed": first_seed,
            "foreign": foreign,
            "inputs": Fields(tuple(sorted(inputs.items()))),
            "milliseconds": milliseconds,
            "number": number,
            "operation": operation
            and fields(provider=operation.provider, id=operation.id, submitted=operation.submitted),
            "ordinal": ordinal,
            "output": output,
            "pin": {
                "asked": _pin_fields(recipe.pins[0]) if recipe.pins else None,
                "answered": answered and _pin_fields(answered),
            },
            "recipe": recipe_fields(recipe),
            "record": record and fields(sha256=record.sha256, size=record.size),
            "seed": recipe.parameters.get("seed"),
            "streams": streams,
            "video": fields(sha256=video.sha256, size=video.size),
            # Left out where it says nothing, as in all lines of before there were fallbacks.
            **({} if instead is None else {"instead": _pin_fields(instead)}),
        }
    )  # fmt: skip


def decision_line(decision: Decision) -> str:
    """The event of a decision; its own id is not looked at. What is not said is left out."""
    said: dict[str, Value] = {
        "video": decision.video,
        "role": decision.role,
        "why": decision.why,
        "frames": decision.frames,
        "marks": decision.marks or None,
        "kept": decision.kept,
        "was": decision.was,
        "now": decision.now,
        "of": decision.of or None,
    }
    content = {name: value for name, value in said.items() if value is not None}
    return sealed({"event": decision.kind, "after": decision.after, "at": decision.at, "by": decision.by, **content})


def verification_line(found: Verification) -> str:
    """The event of a verification; its own id is not looked at."""
    return sealed(
        {
            "event": VERIFY,
            "after": found.after,
            "at": found.at,
            "by": found.by,
            "machine": {"rolls": found.machine, "take": found.made_on},
            "others": [_other_fields(each) for each in found.others],
            "pin": _pin_fields(found.pin),
            "rolls": found.rolls,
            "same_bytes": found.same_bytes,
            "same_frames": found.same_frames,
            "video": found.video,
        }
    )


def _other_fields(other: OtherRoll) -> Fields:
    return fields(
        colour=other.colour,
        count=other.count,
        motion=other.motion,
        same_frames=other.same_frames,
        structure=other.structure,
        video=fields(sha256=other.video.sha256, size=other.video.size),
    )


def read_event(shot: str, line: str, location: Location) -> LedgerEvent:
    """Errors: SpecError when the line is no event, was changed by hand, or lacks what its kind has to say."""
    row, wrong = _row(line)
    if row is not None:
        _check_seal(shot, row.id, line, location)
        return _take(shot, row, line, location)
    try:
        event = parse_plain(line)
    except ValueError as error:
        raise damaged(shot, location, f"it is not JSON: {error}", _hint(line)) from error
    if not isinstance(event, dict) or not isinstance(event.get("event"), str) or not isinstance(event.get("after"), list):
        raise damaged(shot, location, "it is not an event: `event` and `after` are missing")
    if not all(isinstance(name, str) for name in event["after"]):
        raise damaged(shot, location, "`after` is not a list of event ids")
    try:
        if event["event"] not in (TAKE, VERIFY, *DECISIONS) or event.get("v") != VERSION:
            return _unknown(shot, event, line, location)
        _check_seal(shot, event.get("id"), line, location)
        if event["event"] == TAKE:
            raise ValueError(wrong)
        return _verification(event, location) if event["event"] == VERIFY else _decision(event, location)
    except _WRONG as error:
        raise damaged(shot, location, f"a field is missing or of the wrong kind ({error})") from error


def _row(line: str) -> tuple[Row | None, str]:
    """A line that is the event of a take, else None and what is wrong with it as such."""
    if '"event":"take"' not in line:
        return None, "it is not written as shotbuild writes it"
    try:
        row = _ROWS.decode(line)
        if (row.seed is not None and row.seed > LARGEST) or row.number > LARGEST:
            raise ValueError("a number is too large")
        _file_name(row.output)
        return row, ""
    except (DecodeError, ValueError, RecursionError) as error:
        return None, str(error)


def damaged(shot: str, location: Location, cause: str, hint: str | None = None) -> SpecError:
    return SpecError(
        f"the ledger of {shot} is damaged in this line",
        location=location,
        cause=cause,
        hint=hint or "restore the line from Git; shotbuild never drops or rewrites an event",
    )


def whole(take: Take) -> Whole:
    """All of a take's event. Errors: SpecError when what `Take` itself does not hold is of the wrong kind: that is looked
    at here, because most commands need it of few takes."""
    try:
        return _WHOLES.decode(take.line)
    except (DecodeError, RecursionError) as error:
        raise damaged(take.shot, take.location, f"a field is missing or of the wrong kind ({error})") from error


def written(take: Take) -> dict[str, Any]:
    """All of a take's event as plain values, names as in the file. Errors: SpecError as of `whole`."""
    whole(take)
    event: dict[str, Any] = json.loads(take.line)
    return event


def recipe_of(take: Take) -> Recipe:
    """Errors: SpecError when the event's recipe is none."""
    row = whole(take).recipe
    try:
        parameters = from_plain(row.parameters)
    except (TypeError, RecursionError) as error:
        raise damaged(take.shot, take.location, f"its recipe cannot be read ({error})") from error
    assert isinstance(parameters, Fields), "msgspec has seen that they are named"
    return Recipe(stage=row.stage, version=row.version, pins=tuple(pin_of(pin) for pin in row.pins), parameters=parameters)


def request_of(take: Take) -> str:
    """What a take was asked for, as the text that `plan` compares and shows."""
    row = whole(take)
    return request_text(recipe_of(take), row.inputs, row.continues)


def price_of(row: PriceRow | None) -> Price | None:
    if row is None:
        return None
    amount = None if row.amount is None else exact(row.amount)
    return Price(amount=amount, currency=row.currency, exact=row.exact)


def paid_of(row: Whole) -> Price:
    """What a take cost: what was charged where the service said that, else what was estimated; free where nobody said."""
    charged, estimated = price_of(row.cost.charged), price_of(row.cost.estimated)
    return owed(charged, estimated or charged or FREE)


def operation_of(row: OperationRow | None) -> Operation | None:
    return None if row is None else Operation(provider=row.provider, id=row.id, submitted=row.submitted)


def pin_of(row: PinRow) -> Pin:
    return Pin(provider=row.provider, model=row.model, version=row.version)


def _check_seal(shot: str, name: object, line: str, location: Location) -> None:
    if not isinstance(name, str) or not ID.fullmatch(name):
        raise damaged(shot, location, "it has no `id`")
    if of_text(line.replace(f'"id":"{name}",', "", 1)).sha256[:16] != name:
        raise damaged(shot, location, "its content does not match its `id`: it was changed after it was written")


def _unknown(shot: str, event: dict[str, Any], line: str, location: Location) -> UnknownEvent:
    version = event.get("v")
    if "id" in event or type(version) is not int or version <= VERSION:
        # What does not say that it is newer could be one of ours of which a part was cut out.
        _check_seal(shot, event.get("id"), line, location)
    name = event.get("id") or of_text(line).sha256[:16]
    return UnknownEvent(id=name, after=tuple(event["after"]), kind=event["event"], location=location)


@lru_cache(maxsize=1024)
def exact(text: str) -> Fraction:
    """Most takes of a film are of a few lengths, and a fraction takes longer to read than the rest of its event."""
    return Fraction(text)


def _take(shot: str, row: Row, line: str, location: Location) -> Take:
    length = next((stream.seconds for stream in row.streams if stream.kind == "video"), None)
    asked = row.recipe.parameters
    if not row.foreign and asked.frames is not None and asked.rate is not None:
        # Services hand over a few frames more or less than they were asked for; a cut has what was asked for.
        length = str(asked.frames / exact(asked.rate))
    return Take(
        id=row.id,
        after=row.after,
        shot=shot,
        number=row.number,
        ordinal=row.ordinal,
        seed=row.seed,
        asked=row.asked,
        action=row.action,
        output=row.output,
        video=Digest(sha256=row.video.sha256, size=row.video.size),
        record=None if row.record is None else Digest(sha256=row.record.sha256, size=row.record.size),
        seconds=exact(length or "0"),
        sound=any(stream.kind == "audio" for stream in row.streams),
        foreign=row.foreign,
        made=row.at,
        instead=row.instead is not None,
        line=line,
        location=location,
    )


def _decision(event: dict[str, Any], location: Location) -> Decision:
    video, frames = event.get("video"), event.get("frames")
    if video is not None:
        _sha256(video)
    if frames is not None:
        first, last = frames
        frames = (_whole(first, 0), _whole(last, first))
    said = {name: None if event.get(name) is None else _text(event[name]) for name in ("role", "why", "kept", "was", "now")}
    if event["event"] in (PICK, APPROVE, REJECT) and video is None:
        raise KeyError("video")
    if event["event"] == MOVE and not all(re.fullmatch(NAME, said[name] or "") for name in ("was", "now")):
        raise ValueError("was or now is no name of a shot")
    return Decision(
        id=event["id"],
        after=tuple(event["after"]),
        kind=event["event"],
        video=video,
        by=_text(event["by"]),
        frames=frames,
        marks=read_marks([] if event.get("marks") is None else event["marks"]),
        of=tuple(_text(name) for name in event.get("of", ())),
        at=_text(event["at"]),
        location=location,
        **said,
    )


def _verification(event: dict[str, Any], location: Location) -> Verification:
    pin, machine = event["pin"], event["machine"]
    rolls = _whole(event["rolls"], 1)
    found = Verification(
        id=event["id"],
        after=tuple(event["after"]),
        video=_sha256(event["video"]),
        pin=Pin(provider=_text(pin["provider"]), model=_text(pin["model"]), version=_text(pin["version"])),
        rolls=rolls,
        same_bytes=_whole(event["same_bytes"], 0),
        same_frames=_whole(event["same_frames"], 0),
        others=tuple(_other(row) for row in event["others"]),
        machine=_class(machine["rolls"]),
        made_on=_class(machine["take"]),
        by=_text(event["by"]),
        at=_text(event["at"]),
        location=location,
    )
    if not found.same_bytes <= found.same_frames <= rolls:
        raise ValueError("more came out again than were made")
    return found


def _other(row: dict[str, Any]) -> OtherRoll:
    said = {name: None if row[name] is None else _text(row[name]) for name in ("structure", "colour", "motion")}
    video = row["video"]
    return OtherRoll(
        video=Digest(sha256=_sha256(video["sha256"]), size=_whole(video["size"], 0)),
        count=_whole(row["count"], 1),
        same_frames=row["same_frames"] is True,
        **said,
    )


def _class(row: object) -> Fields | None:
    found = from_plain(row)
    if found is not None and not isinstance(found, Fields):
        raise TypeError("a class of machines has named fields")
    return found


def _sha256(value: object) -> str:
    text = _text(value)
    if not SHA256.fullmatch(text):
        raise ValueError("video is no digest")
    return text


def _price_fields(price: Price) -> Fields:
    amount = None if price.amount is None else str(price.amount)
    return fields(amount=amount, currency=price.currency, exact=price.exact)


def _pin_fields(pin: Pin) -> Fields:
    return fields(provider=pin.provider, model=pin.model, version=pin.version)


def _file_name(value: object) -> str:
    # It becomes the name of a file: what leads elsewhere must not get there.
    name = _text(value)
    if not name.isprintable() or "/" in name or "\\" in name or name in ("", ".", "..") or len(name) > LONGEST_NAME:
        raise ValueError("output is no file name")
    return name


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"text is expected, not {type(value).__name__}")
    return value


def _whole(value: object, low: int) -> int:
    if type(value) is not int or not low <= value <= LARGEST:
        raise TypeError(f"a whole number from {low} on is expected")
    return value


def _hint(line: str) -> str | None:
    if re.match(r"<{7}|={7}|>{7}|\|{7}", line):
        return (
            "Git left the marks of a conflict here: delete the lines with <<<<<<<, ======= and >>>>>>>, keep all others, "
            "and put `takes/*.jsonl merge=union` into .gitattributes"
        )
    return None
