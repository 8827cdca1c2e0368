"""What an action gave ↔ plain values, for every file that keeps it. What is read is not trusted: a digest becomes a path."""

import re
from fractions import Fraction
from typing import Any

from shotbuild.records import ActionResult, Digest, Fields, Operation, Pin, Price, fields

AMOUNT = re.compile(r"\d{1,40}(/[1-9]\d{0,40})?")
MOST = 2**53
"""Of bytes and of milliseconds: what is more is no honest number."""
LONGEST_WORD = 10_000


def _digest(sha256: object, size: object) -> Digest:
    # A digest becomes a path in the store: what is none must not get there.
    if not (isinstance(sha256, str) and re.fullmatch("[0-9a-f]{64}", sha256)):
        raise ValueError("this is not a digest")
    return Digest(sha256=sha256, size=_count(size))


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < MOST:
        raise ValueError("this is not a count")
    return value


def _word(value: object) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_WORD:
        raise ValueError("this is not a word")
    value.encode()  # half of a surrogate pair is no text
    return value


def row_of(result: ActionResult) -> dict[str, object]:
    """A result as plain values, which `canonical_line` writes."""
    operation = result.operation
    return {
        "outputs": [[name, digest.sha256, digest.size] for name, digest in result.outputs],
        "milliseconds": result.milliseconds,
        "price": price_row(result.price),
        "charged": result.charged and price_row(result.charged),
        "pin": result.pin and fields(provider=result.pin.provider, model=result.pin.model, version=result.pin.version),
        "record": result.record and [result.record.sha256, result.record.size],
        "operation": operation and fields(provider=operation.provider, id=operation.id, submitted=operation.submitted),
    }


def price_row(price: Price) -> Fields:
    return fields(amount=None if price.amount is None else str(price.amount), currency=price.currency, exact=price.exact)


def read_price(row: dict[str, Any]) -> Price:
    """Errors: KeyError, TypeError, ValueError when it is no price."""
    amount, exact = row["amount"], row["exact"]
    # `Fraction` would also take "1e999999", and fill the memory with zeros.
    if not isinstance(exact, bool) or (amount is not None and not AMOUNT.fullmatch(_word(amount))):
        raise ValueError("this is not a price")
    return Price(amount=None if amount is None else Fraction(amount), currency=_word(row["currency"]), exact=exact)


def read_row(row: dict[str, Any]) -> ActionResult:
    """Errors: KeyError, TypeError, ValueError, AttributeError when it is no such row."""
    operation, charged, pin, record = (row[name] for name in ("operation", "charged", "pin", "record"))
    return ActionResult(
        outputs=tuple((_word(name), _digest(sha256, size)) for name, sha256, size in row["outputs"]),
        milliseconds=_count(row["milliseconds"]),
        price=read_price(row["price"]),
        operation=None if operation is None else Operation(**_words(operation)),
        charged=None if charged is None else read_price(charged),
        pin=None if pin is None else Pin(**_words(pin)),
        record=None if record is None else _digest(*record),
    )


def _words(row: dict[str, Any]) -> dict[str, Any]:
    return {name: _word(value) for name, value in row.items()}
