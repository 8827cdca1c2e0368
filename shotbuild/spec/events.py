"""One line of a ledger ↔ one event. Knows nothing of the other lines.

A line is canonical JSON, and its `id` is the digest of the rest of it: a line that was changed by hand no longer matches.
"""

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from shotbuild.digest import canonical_line, from_plain, of_text, recipe_fields, request_text
from shotbuild.errors import Location, SpecError
from shotbuild.records import (
    APPROVE,
    DECISIONS,
    MOVE,
    PICK,
    REJECT,
    Decision,
    Digest,
    Fields,
    LedgerEvent,
    Operation,
    Pin,
    Price,
    Recipe,
    Take,
    UnknownEvent,
    Value,
    fields,
)
from shotbuild.spec.kinds import NAME
from shotbuild.spec.plain import parse_plain

TAKE = "take"
VERSION = 1
LARGEST = 2**64 - 1
LONGEST_NAME = 255
_WRONG = (KeyError, TypeError, ValueError, AttributeError, RecursionError, ZeroDivisionError)
ID = re.compile("[0-9a-f]{16}")
SHA256 = re.compile("[0-9a-f]{64}")
# `Fraction` reads `1e999999999` as well, and takes all memory for it.
EXACT = re.compile("[0-9]{1,30}(/[0-9]{1,30})?")


def sealed(content: Mapping[str, object]) -> str:
    """An event as a line, without line end. content: all of it but `id` and `v`."""
    whole = {**content, "v": VERSION}
    return canonical_line({**whole, "id": of_text(canonical_line(whole)).sha256[:16]})


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
        }
    )  # fmt: skip


def decision_line(decision: Decision) -> str:
    """The event of a decision; its own id is not looked at. What is not said is left out."""
    said: dict[str, Value] = {
        "video": decision.video,
        "role": decision.role,
        "why": decision.why,
        "frames": decision.frames,
        "kept": decision.kept,
        "was": decision.was,
        "now": decision.now,
        "of": decision.of or None,
    }
    content = {name: value for name, value in said.items() if value is not None}
    return sealed({"event": decision.kind, "after": decision.after, "at": decision.at, "by": decision.by, **content})


def read_event(shot: str, line: str, location: Location) -> LedgerEvent:
    """Errors: SpecError when the line is no event, was changed by hand, or lacks what its kind has to say."""
    try:
        event = parse_plain(line)
    except ValueError as error:
        raise damaged(shot, location, f"it is not JSON: {error}", _hint(line)) from error
    if not isinstance(event, dict) or not isinstance(event.get("event"), str) or not isinstance(event.get("after"), list):
        raise damaged(shot, location, "it is not an event: `event` and `after` are missing")
    if not all(isinstance(name, str) for name in event["after"]):
        raise damaged(shot, location, "`after` is not a list of event ids")
    known = event["event"] in (TAKE, *DECISIONS) and event.get("v") == VERSION
    try:
        if not known:
            return _unknown(shot, event, line, location)
        _check_seal(shot, event, line, location)
        return _take(shot, event, location) if event["event"] == TAKE else _decision(event, location)
    except _WRONG as error:
        raise damaged(shot, location, f"a field is missing or of the wrong kind ({error})") from error


def damaged(shot: str, location: Location, cause: str, hint: str | None = None) -> SpecError:
    return SpecError(
        f"the ledger of {shot} is damaged in this line",
        location=location,
        cause=cause,
        hint=hint or "restore the line from Git; shotbuild never drops or rewrites an event",
    )


def written(take: Take) -> Mapping[str, Any]:
    """The whole event of a take, as plain values, for reading only. Errors: SpecError when what `Take` itself does not hold
    is of the wrong kind; it is looked at here, because most commands need it of few takes."""
    try:
        _check_rest(take.event)
    except _WRONG as error:
        raise damaged(take.shot, take.location, f"a field is missing or of the wrong kind ({error})") from error
    return take.event


def recipe_of(take: Take) -> Recipe:
    """Errors: SpecError when the event's recipe is none."""
    try:
        recipe = written(take)["recipe"]
        parameters = from_plain(recipe["parameters"])
        if not isinstance(parameters, Fields):
            raise TypeError("parameters are no named fields")
        return Recipe(
            stage=str(recipe["stage"]),
            version=_whole(recipe["version"], 0),
            pins=tuple(_pin(pin) for pin in recipe["pins"]),
            parameters=parameters,
        )
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise damaged(take.shot, take.location, f"its recipe cannot be read ({error})") from error


def request_of(take: Take) -> str:
    """What a take was asked for, as the text that `plan` compares and shows."""
    event = written(take)
    return request_text(recipe_of(take), {str(role): str(sha) for role, sha in event["inputs"].items()}, event["continues"])


def price_of(row: Mapping[str, Any] | None) -> Price | None:
    if row is None:
        return None
    amount = row["amount"]
    return Price(
        amount=None if amount is None else _exact(amount), currency=str(row["currency"]), exact=row["exact"] is True
    )


def operation_of(take: Take) -> Operation | None:
    row = written(take)["operation"]
    return None if row is None else Operation(**{key: str(value) for key, value in row.items()})


def pin_answered(take: Take) -> Pin | None:
    row = written(take)["pin"]["answered"]
    return None if row is None else _pin(row)


def _check_seal(shot: str, event: dict[str, Any], line: str, location: Location) -> None:
    name = event.get("id")
    if not isinstance(name, str) or not ID.fullmatch(name):
        raise damaged(shot, location, "it has no `id`")
    if of_text(line.replace(f'"id":"{name}",', "", 1)).sha256[:16] != name:
        raise damaged(shot, location, "its content does not match its `id`: it was changed after it was written")


def _unknown(shot: str, event: dict[str, Any], line: str, location: Location) -> UnknownEvent:
    version = event.get("v")
    if "id" in event or type(version) is not int or version <= VERSION:
        # What does not say that it is newer could be one of ours of which a part was cut out.
        _check_seal(shot, event, line, location)
    name = event.get("id") or of_text(line).sha256[:16]
    return UnknownEvent(id=name, after=tuple(event["after"]), kind=event["event"], location=location)


def _take(shot: str, event: dict[str, Any], location: Location) -> Take:
    video, record = _digest(event["video"]), event["record"]
    pictures = [row for row in event["streams"] if row["kind"] == "video"]
    foreign = event["foreign"]
    if type(foreign) is not bool:
        raise TypeError("foreign")
    return Take(
        id=event["id"],
        after=tuple(event["after"]),
        shot=shot,
        number=_whole(event["number"], 1),
        ordinal=_whole(event["ordinal"], 0),
        seed=None if event["seed"] is None else _whole(event["seed"], 0),
        asked=_text(event["asked"]),
        action=_text(event["action"]),
        output=_file_name(event["output"]),
        video=video,
        record=None if record is None else _digest(record),
        seconds=_exact(pictures[0]["seconds"]) if pictures else Fraction(0),
        sound=any(row["kind"] == "audio" for row in event["streams"]),
        foreign=foreign,
        made=_text(event["at"]),
        event=event,
        location=location,
    )


def _check_rest(event: Mapping[str, Any]) -> None:
    """What stays in the event of a take until someone asks for it."""
    _whole(event["milliseconds"], 0)
    if event["first_seed"] is not None:
        _whole(event["first_seed"], 0)
    if event["continues"] is not None:
        _text(event["continues"])
    price_of(event["cost"]["estimated"])
    price_of(event["cost"]["charged"])
    for pin in (event["pin"]["asked"], event["pin"]["answered"]):
        if pin is not None:
            _pin(pin)
    if event["operation"] is not None:
        Operation(**event["operation"])
    if not isinstance(event["inputs"], dict) or not all(isinstance(sha, str) for sha in event["inputs"].values()):
        raise TypeError("inputs")
    recipe = event["recipe"]
    if not isinstance(recipe["parameters"], dict) or not isinstance(recipe["pins"], list):
        raise TypeError("recipe")
    _text(recipe["stage"])
    _whole(recipe["version"], 0)
    for row in event["streams"]:
        if "frames" in row:
            _whole(row["frames"], 0)


def _decision(event: dict[str, Any], location: Location) -> Decision:
    video, frames = event.get("video"), event.get("frames")
    if video is not None and not SHA256.fullmatch(_text(video)):
        raise ValueError("video is no digest")
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
        of=tuple(_text(name) for name in event.get("of", ())),
        at=_text(event["at"]),
        location=location,
        **said,
    )


def _price_fields(price: Price) -> Fields:
    amount = None if price.amount is None else str(price.amount)
    return fields(amount=amount, currency=price.currency, exact=price.exact)


def _pin_fields(pin: Pin) -> Fields:
    return fields(provider=pin.provider, model=pin.model, version=pin.version)


def _pin(row: Mapping[str, Any]) -> Pin:
    return Pin(**{key: str(value) for key, value in row.items()})


def _digest(row: Mapping[str, Any]) -> Digest:
    if not SHA256.fullmatch(_text(row["sha256"])):
        raise ValueError("a digest is none")
    return Digest(sha256=row["sha256"], size=_whole(row["size"], 0))


def _file_name(value: object) -> str:
    # It becomes the name of a file: what leads elsewhere must not get there.
    name = _text(value)
    if not name.isprintable() or "/" in name or "\\" in name or name in ("", ".", "..") or len(name) > LONGEST_NAME:
        raise ValueError("output is no file name")
    return name


def _exact(value: object) -> Fraction:
    text = _text(value)
    if not EXACT.fullmatch(text):
        raise ValueError("no exact number")
    return Fraction(text)


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
