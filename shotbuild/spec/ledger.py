"""takes/<shot>.jsonl ↔ events: one canonical JSON object a line, appended and never rewritten.

Git merges ledgers line by line (`merge=union`), so nothing depends on the order of lines: each event names the events that
it follows (`after`), and an event's id is the digest of its line. Event kinds of a newer version are kept and passed over.
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from shotbuild.digest import canonical_line, from_plain, of_text, recipe_fields
from shotbuild.errors import Location, SpecError
from shotbuild.records import Digest, Fields, Operation, Pin, Price, Recipe, Take
from shotbuild.spec.plain import parse_plain

FOLDER = "takes"
TAKE = "take"
VERSION = 1
LARGEST = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """takes: by number; last: ids of the events that no other event follows; unknown: kinds that were passed over."""

    takes: tuple[Take, ...]
    last: tuple[str, ...]
    unknown: tuple[str, ...]


def ledger_file(shot: str) -> str:
    return f"{FOLDER}/{shot}.jsonl"


def read_ledger(shot: str, text: str) -> Ledger:
    """Errors: SpecError for a damaged line, with its place; nothing is dropped in silence."""
    takes: list[Take] = []
    ids: dict[str, None] = {}
    followed: set[str] = set()
    unknown: dict[str, None] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        event = _event(shot, line, number)
        ids[event_id(line)] = None
        followed.update(event["after"])
        if event["event"] == TAKE and event.get("v") == VERSION:
            takes.append(_take(shot, event, number))
        else:
            unknown[str(event["event"])] = None
    return Ledger(
        takes=tuple(sorted(dict.fromkeys(takes), key=lambda take: (take.number, take.video.sha256))),
        last=tuple(sorted(name for name in ids if name not in followed)),
        unknown=tuple(unknown),
    )


def event_id(line: str) -> str:
    return of_text(line.strip()).sha256[:16]


def take_line(take: Take, after: tuple[str, ...]) -> str:
    """The event of a new take, without line end. after: the ids of the events that it follows."""
    operation = take.operation
    return canonical_line(
        {
            "event": TAKE,
            "v": VERSION,
            "after": after,
            "action": take.action,
            "at": take.made,
            "inputs": Fields(take.inputs),
            "milliseconds": take.milliseconds,
            "number": take.number,
            "operation": operation
            and {"provider": operation.provider, "id": operation.id, "submitted": operation.submitted},
            "output": take.output,
            "price": {
                "amount": None if take.price.amount is None else str(take.price.amount),
                "currency": take.price.currency,
                "exact": take.price.exact,
            },
            "recipe": recipe_fields(take.recipe),
            "seed": take.seed,
            "video": {"sha256": take.video.sha256, "size": take.video.size},
        }
    )


def next_number(ledger: Ledger) -> int:
    return max((take.number for take in ledger.takes), default=0) + 1


def _event(shot: str, line: str, number: int) -> dict[str, Any]:
    try:
        event = parse_plain(line)
    except ValueError as error:
        raise _damaged(shot, number, f"it is not JSON: {error}") from error
    if not isinstance(event, dict) or not isinstance(event.get("event"), str) or not isinstance(event.get("after"), list):
        raise _damaged(shot, number, "it is not an event: `event` and `after` are missing")
    if not all(isinstance(name, str) for name in event["after"]):
        raise _damaged(shot, number, "`after` is not a list of event ids")
    return event


def _take(shot: str, event: dict[str, Any], number: int) -> Take:
    try:
        recipe = event["recipe"]
        parameters = from_plain(recipe["parameters"])
        video = Digest(sha256=str(event["video"]["sha256"]), size=_whole(event["video"]["size"], 0))
        if not isinstance(parameters, Fields) or not re.fullmatch("[0-9a-f]{64}", video.sha256):
            raise TypeError("parameters or video digest")
        return Take(
            shot=shot,
            number=_whole(event["number"], 1),
            seed=_whole(event["seed"], 0),
            action=str(event["action"]),
            recipe=Recipe(
                stage=str(recipe["stage"]),
                version=_whole(recipe["version"], 0),
                pins=tuple(Pin(**{key: str(value) for key, value in pin.items()}) for pin in recipe["pins"]),
                parameters=parameters,
            ),
            inputs=tuple(sorted((str(name), str(sha256)) for name, sha256 in event["inputs"].items())),
            output=str(event["output"]),
            video=video,
            price=_price(event["price"]),
            milliseconds=_whole(event["milliseconds"], 0),
            operation=_operation(event["operation"]),
            made=str(event["at"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, ZeroDivisionError) as error:
        raise _damaged(shot, number, f"a take's field is missing or of the wrong kind ({error})") from error


def _price(written: dict[str, Any]) -> Price:
    amount = written["amount"]
    exact = written["exact"] is True
    return Price(amount=None if amount is None else Fraction(str(amount)), currency=str(written["currency"]), exact=exact)


def _operation(written: dict[str, Any] | None) -> Operation | None:
    return None if written is None else Operation(**{key: str(value) for key, value in written.items()})


def _whole(value: object, low: int) -> int:
    if type(value) is not int or not low <= value <= LARGEST:
        raise TypeError(f"a whole number from {low} on is expected")
    return value


def _damaged(shot: str, number: int, cause: str) -> SpecError:
    return SpecError(
        f"the ledger of {shot} is damaged in this line",
        location=Location(file=ledger_file(shot), line=number, column=1),
        cause=cause,
        hint="restore the line from Git; shotbuild never drops or rewrites an event",
    )
