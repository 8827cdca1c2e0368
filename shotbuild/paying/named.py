"""Operations by their everyday names, and an operation as plain values."""

import re
from collections.abc import Sequence
from datetime import datetime
from fractions import Fraction
from typing import Any

from shotbuild.engine.journal import Entry, Journal, Phase
from shotbuild.engine.saved import read
from shotbuild.errors import PlanError, StoreError, nearest
from shotbuild.plan.bind import Wanted
from shotbuild.records import Price
from shotbuild.units import decimal_text

NAME = re.compile("op([0-9]{1,9})")


def entries_named(journal: Journal, words: Sequence[str]) -> list[Entry]:
    """The operations that some words name, each once, in their order. Errors: PlanError for a word that names none."""
    return [entry_named(journal, word) for word in dict.fromkeys(words)]


def entry_named(journal: Journal, word: str) -> Entry:
    """Errors: PlanError when no operation has this name."""
    found = NAME.fullmatch(word)
    entry = journal.entry(int(found[1])) if found else None
    if entry is not None:
        return entry
    known = [each.name for each in journal.entries()]
    if not known:
        raise PlanError(
            f"no operation is called {word[:80]!r}",
            cause="nothing was asked of any service on this machine yet",
            hint="the journal is in .shotbuild/ and does not travel with Git: ask where it was built",
        )
    close = nearest(word.lower(), known)
    raise PlanError(
        f"no operation is called {word[:80]!r}",
        cause=f"the journal has {known[0]} to {known[-1]}" if len(known) > 1 else f"the journal has only {known[0]}",
        hint=f"write `{close}`, or see `shotbuild jobs --all`" if close else "`shotbuild jobs --all` lists them",
    )


def prompt_of(entry: Entry) -> str:
    """What was asked for in words; empty where there were none, as for an upscale, or where it cannot be read."""
    try:
        text = wanted_of(entry).action.recipe.parameters.get("prompt")
    except StoreError:
        return ""
    return text if isinstance(text, str) else ""


def seconds_of(entry: Entry) -> Fraction | None:
    """How long a take was asked for; None where nobody said."""
    try:
        parameters = wanted_of(entry).action.recipe.parameters
        return Fraction(parameters.integer("frames")) / parameters.fraction("rate")
    except (StoreError, TypeError, ValueError, ZeroDivisionError):
        return None


def wanted_of(entry: Entry) -> Wanted:
    """The step that an operation was asked for. Errors: StoreError when the journal's text of it cannot be read."""
    return read(entry.wanted)


def age(text: str, now: datetime) -> float | None:
    """Seconds since a time of the journal; None where there is none."""
    try:
        return (now - datetime.fromisoformat(text)).total_seconds()
    except ValueError:
        return None


def money(price: Price) -> str:
    """`0.60 USD`, `~0.60 USD` where that is an estimate, `?` where nobody knows."""
    if price.amount is None:
        return "?"
    return f"{'' if price.exact else '~'}{decimal_text(price.amount)} {price.currency}"


def exact_text(value: Fraction) -> str:
    """A decimal without trailing zeros; exact where decimals can be, else to the millionth."""
    places, power = 0, value.denominator
    for prime in (2, 5):
        times = 0
        while power % prime == 0:
            power, times = power // prime, times + 1
        places = max(places, times)
    if power != 1:
        places = 6
    text = decimal_text(value, places)
    return text.rstrip("0").rstrip(".") if "." in text else text


def price_content(price: Price | None) -> dict[str, Any] | None:
    if price is None:
        return None
    amount = None if price.amount is None else exact_text(price.amount)
    return {"amount": amount, "currency": price.currency, "exact": price.exact}


def content(entry: Entry) -> dict[str, Any]:
    """An operation for `--json`."""
    return {
        "name": entry.name,
        "step": entry.step,
        "shot": entry.shot or None,
        "provider": entry.provider,
        "model": entry.model,
        "operation": None if entry.operation is None else entry.operation.id,
        "client": entry.client,
        "phase": entry.phase.value,
        "word": entry.word,
        "progress": entry.progress,
        "price": price_content(entry.price),
        "charged": price_content(entry.charged),
        "prompt": prompt_of(entry),
        "began": entry.began,
        "moved": entry.moved,
        "ended": entry.ended or None,
        "kind": entry.kind,
        "reason": entry.reason,
    }


STANDS = {
    Phase.INTENT: "was about to be asked, and is not answered yet",
    Phase.SUBMITTED: "is under way",
    Phase.FETCHED: "is made and in the store",
    Phase.DONE: "is done",
    Phase.UNKNOWN: "may or may not have been accepted",
    Phase.REFUSED: "was refused",
    Phase.UNSENT: "never left this machine",
    Phase.FAILED: "failed",
    Phase.CANCELLED: "was cancelled",
    Phase.LOST: "was given up as lost",
}
"""Where an operation stands, as the end of a sentence."""
