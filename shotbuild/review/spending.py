"""What was spent → the page that says it: by sequence, by shot, by model, with what is left. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from shotbuild.paying.spending import Left, Spending, Sum
from shotbuild.units import Money, decimal_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Amounts:
    """A row, in words. share: of the table's largest total, 0 to 100."""

    name: str
    takes: int
    total: str
    charged: str
    estimated: str
    under_way: str
    wasted: str
    per_second: str
    unknown: int
    share: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendingView:
    """tables: title and rows; budgets: whose, limit, spent, left, and what part of it is gone, 0 to 100."""

    totals: tuple[Amounts, ...]
    tables: tuple[tuple[str, tuple[Amounts, ...]], ...]
    budgets: tuple[tuple[str, str, str, str, int], ...]


def spending_view(tables: Iterable[tuple[str, Spending]]) -> SpendingView:
    """tables: title → what was spent, told by that; all of the same project."""
    found = list(tables)
    first = found[0][1]
    return SpendingView(
        totals=tuple(_amounts(each, each.total) for each in first.totals),
        tables=tuple((title, _rows(each.rows)) for title, each in found),
        budgets=tuple(map(_budget, first.budgets)),
    )


def _rows(rows: Iterable[Sum]) -> tuple[Amounts, ...]:
    by_size = sorted(rows, key=lambda each: (-each.total, each.name))
    largest = max((each.total for each in by_size), default=Fraction(0))
    return tuple(_amounts(each, largest) for each in by_size)


def _amounts(row: Sum, largest: Fraction) -> Amounts:
    def said(amount: Fraction | None) -> str:
        return "" if not amount else f"{decimal_text(amount)} {row.currency}"

    return Amounts(
        name=row.name,
        takes=row.takes,
        total=f"{decimal_text(row.total)} {row.currency}",
        charged=said(row.charged),
        estimated=said(row.estimated),
        under_way=said(row.under_way),
        wasted=said(row.wasted),
        per_second=said(row.per_approved_second),
        unknown=row.unknown,
        share=int(row.total / largest * 100) if largest else 0,
    )


def _budget(budget: Left) -> tuple[str, str, str, str, int]:
    limit = budget.limit
    gone = 100 if not limit.amount else min(100, int(budget.spent / limit.amount * 100))
    return (
        budget.sequence or "the project",
        _money(limit.amount, limit),
        _money(budget.spent, limit),
        _money(budget.left, limit),
        gone,
    )


def _money(amount: Fraction, limit: Money) -> str:
    return f"{decimal_text(amount)} {limit.currency}"
