"""What is left to make → what it costs, before a cent is spent."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from shotbuild.errors import LimitReached
from shotbuild.records import Price
from shotbuild.units import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """known: the sum of all known prices by currency; unknown: how many steps have none; exact: no estimate among them."""

    known: tuple[Money, ...]
    unknown: int
    exact: bool

    @property
    def free(self) -> bool:
        return not self.known and not self.unknown

    def __str__(self) -> str:
        parts = [str(money) for money in self.known] + ([f"{self.unknown} of unknown price"] if self.unknown else [])
        return " + ".join(parts) or "free"


def bill(prices: Iterable[Price]) -> Bill:
    sums: dict[str, Fraction] = {}
    unknown, exact = 0, True
    for price in prices:
        if price.amount is None:
            unknown += 1
        elif price.amount:
            sums[price.currency] = sums.get(price.currency, Fraction(0)) + price.amount
            exact = exact and price.exact
    return Bill(
        known=tuple(Money(amount, currency) for currency, amount in sorted(sums.items())), unknown=unknown, exact=exact
    )


def check_budget(bill: Bill, limit: Money, spent: Fraction, of: str) -> None:
    """limit, spent: of a cap; of: what it is the limit of. Errors: LimitReached when a bill passes what is left of it, or
    has a price that is unknown."""
    if bill.free:
        return
    if not limit.amount:
        raise LimitReached(
            f"this build costs {bill}, and no budget was given",
            hint="set `budget: {limit: …}` in shotbuild.yaml, or pass --max-cost",
        )
    over = [money for money in bill.known if money.currency != limit.currency or money.amount + spent > limit.amount]
    strange = [money.currency for money in bill.known if money.currency != limit.currency]
    if over or bill.unknown:
        raise LimitReached(
            f"this build costs {bill}, {of} is {limit}"
            + (f", and {Money(spent, limit.currency)} of it is spent" if spent else ""),
            cause="an unknown price counts as over any limit"
            if bill.unknown
            else f"what costs {' and '.join(strange)} cannot be held against a limit in {limit.currency}"
            if strange
            else None,
            hint="give the provider a `price` in shotbuild.yaml, or leave the shot out"
            if bill.unknown and not over
            else "build fewer shots, or raise the limit",
        )
