"""What an action gave ↔ plain values, for every file that keeps it. What is read is not trusted: a digest becomes a path."""

import re
from fractions import Fraction
from typing import Any

from shotbuild.records import ActionResult, Digest, Fields, Operation, Pin, Price, fields


def _digest(sha256: object, size: object) -> Digest:
    # A digest becomes a path in the store: what is none must not get there.
    if not (isinstance(sha256, str) and re.fullmatch("[0-9a-f]{64}", sha256) and isinstance(size, int) and size >= 0):
        raise ValueError("this is not a digest")
    return Digest(sha256=sha256, size=size)


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
    amount = row["amount"]
    return Price(amount=None if amount is None else Fraction(amount), currency=row["currency"], exact=row["exact"])


def read_row(row: dict[str, Any]) -> ActionResult:
    """Errors: KeyError, TypeError, ValueError when it is no such row."""
    operation, charged, pin, record = (row[name] for name in ("operation", "charged", "pin", "record"))
    return ActionResult(
        outputs=tuple((str(name), _digest(sha256, size)) for name, sha256, size in row["outputs"]),
        milliseconds=int(row["milliseconds"]),
        price=read_price(row["price"]),
        operation=operation and Operation(**operation),
        charged=charged and read_price(charged),
        pin=pin and Pin(**pin),
        record=record and _digest(*record),
    )
