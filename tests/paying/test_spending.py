"""What was spent is told once, by whatever it is asked for, and never as a float."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import msgspec
import pytest

from shotbuild.engine.journal import Intent, Journal
from shotbuild.errors import PlanError
from shotbuild.paying.named import exact_text
from shotbuild.paying.spending import BY, NO_SEQUENCE, Spending, Sum, spending
from shotbuild.records import FREE, Operation, Price
from shotbuild.spec.events import paid_of, whole
from shotbuild.spec.shapes import CostRow, PriceRow
from shotbuild.takes.decide import approve, reject
from shotbuild.workspace import Workspace
from tests.fakes import SMALL, FakeProvider, fake_workspace, write_project

PRICED = FakeProvider(price_of_one=Price(amount=Fraction("0.75"), currency="USD", exact=False))
ZERO, THREE = Fraction(0), Fraction(3)
BY_ANN = "Ann <ann@studio.example>"
Open = Callable[[], Workspace]


@pytest.fixture
def open_(tmp_path: Path) -> Open:
    """The film as it was built: sh010 has one take, sh020 two, sh030 one, each at 0.75 USD and 2 s."""
    told = SMALL["shotbuild.yaml"] + "budget: {limit: 10 USD, sequences: {opening: 4 USD}}\n"
    root = write_project(tmp_path / "film", SMALL | {"shotbuild.yaml": told})
    fake_workspace(root, provider=PRICED).build()
    return lambda: fake_workspace(root, provider=PRICED)


def bought(
    journal: Journal, step: str, amount: str | None = "1.5", *, currency: str = "USD", provider: str = "runway"
) -> int:
    """Something that was asked of a service. Gives its number."""
    price = Price(amount=None if amount is None else Fraction(amount), currency=currency, exact=False)
    return journal.reserve(
        Intent(
            action=f"action of {step}",
            wanted="{}",
            step=step,
            shot=step.partition("/")[0],
            sequences=("opening",),
            provider=provider,
            model="gen4.5",
            client=step,
            build="b",
            sent="{}",
            price=price,
            at_once=None,
        ),
        (),
    )


def row(found: Spending, name: str, currency: str = "USD") -> Sum:
    (one,) = [each for each in found.rows if (each.name, each.currency) == (name, currency)]
    return one


def test_each_take_is_told_once_and_the_total_is_their_sum(open_: Open) -> None:
    found = spending(open_())
    assert [(each.name, each.takes, each.total) for each in found.rows] == [
        ("sh010", 1, Fraction("0.75")),
        ("sh020", 2, Fraction("1.5")),
        ("sh030", 1, Fraction("0.75")),
    ]
    (total,) = found.totals
    assert (total.takes, total.estimated, total.charged, total.total) == (4, THREE, ZERO, THREE)
    assert total.per_approved_second is None


def test_a_second_that_is_approved_costs_all_that_its_shot_cost(open_: Open) -> None:
    approve(open_(), ["sh020", "t1"], by=BY_ANN)
    found = spending(open_())
    assert row(found, "sh020").per_approved_second == Fraction("1.5") / 2
    assert row(found, "sh010").per_approved_second is None
    assert found.totals[0].per_approved_second == Fraction(3, 2)


def test_a_rejected_take_is_wasted_and_stays_in_the_total(open_: Open) -> None:
    reject(open_(), ["sh020", "t2"], by=BY_ANN, why="soft")
    sh020 = row(spending(open_()), "sh020")
    assert sh020.wasted == Fraction("0.75")
    assert sh020.total == Fraction("1.5")


def test_what_is_under_way_unknown_or_came_to_nothing_is_counted_and_what_was_refused_is_not(open_: Open) -> None:
    journal = open_().rooms.journal
    bought(journal, "sh010/t2")
    journal.unknown(bought(journal, "sh010/t3"), "lost")
    failed = bought(journal, "sh010/t4")
    journal.failed(failed, "VendorFault", "it failed")
    journal.charged(failed, Price(amount=Fraction(0), currency="USD", exact=True))
    journal.cancelled(bought(journal, "sh010/t5"), "a person")
    journal.refused(bought(journal, "sh010/t6"), "Moderated", "no", "")
    journal.unsent(bought(journal, "sh010/t7"), "no network")
    sh010 = row(spending(open_()), "sh010")
    assert sh010.under_way == 3
    assert sh010.charged == 0
    assert sh010.estimated == Fraction("0.75") + Fraction("1.5")
    assert sh010.wasted == Fraction("1.5")
    assert sh010.total == Fraction("5.25")


def test_an_operation_that_the_ledger_has_is_not_counted_again(open_: Open) -> None:
    workspace = open_()
    take = workspace.rooms.ledgers.of("sh010").takes[0]
    before = spending(open_()).totals
    journal = workspace.rooms.journal
    number = bought(journal, "sh010/t1", provider="animatic")
    from_ledger = take.line.partition('"operation":{"id":"')[2].partition('"')[0]
    journal.submitted(number, Operation(provider="animatic", id=from_ledger, submitted=""), "")
    assert spending(open_()).totals == before


def test_an_unknown_price_is_counted_and_in_no_sum(open_: Open) -> None:
    bought(open_().rooms.journal, "sh010/t2", None)
    (total,) = spending(open_()).totals
    assert (total.unknown, total.total) == (1, THREE)


def test_currencies_are_never_added_up(open_: Open) -> None:
    bought(open_().rooms.journal, "sh010/t2", "8", currency="CNY")
    found = spending(open_())
    assert [(each.currency, each.total) for each in found.totals] == [("CNY", Fraction(8)), ("USD", THREE)]
    assert row(found, "sh010", "CNY").under_way == 8


def test_a_shot_that_the_specs_no_longer_have_stays_in_the_total(open_: Open) -> None:
    root = open_().rooms.root
    spec = root / "specs/opening.yaml"
    spec.write_text(spec.read_text().replace("sh010:", "sh015:", 1).replace("- sh010", "- sh015"))
    assert row(spending(open_()), "sh010").total == Fraction("0.75")
    assert [each.name for each in spending(open_(), ["sh010"]).rows] == ["sh010"]


def test_a_moved_shot_is_told_under_its_new_name(open_: Open) -> None:
    root = open_().rooms.root
    spec = root / "specs/opening.yaml"
    spec.write_text(spec.read_text().replace("sh010: {", "sh015: {moved: sh010, ", 1).replace("- sh010", "- sh015"))
    bought(open_().rooms.journal, "sh010/t9")
    assert row(spending(open_()), "sh015").total == Fraction("2.25")
    assert [each.name for each in spending(open_(), ["sh010"]).rows] == ["sh015"]


@pytest.mark.parametrize(
    ("by", "names"),
    [
        ("take", ["sh010 t1", "sh020 t1", "sh020 t2", "sh030 op1", "sh030 t1"]),
        ("provider", ["animatic", "runway"]),
        ("model", ["animatic/storyboard", "runway/gen4.5"]),
        ("sequence", ["opening"]),
    ],
)
def test_rows_are_by_what_is_asked_for(open_: Open, by: str, names: list[str]) -> None:
    bought(open_().rooms.journal, "sh030/t2")
    found = spending(open_(), by=by)
    assert [each.name for each in found.rows] == names
    assert sum(each.total for each in found.rows) == found.totals[0].total


def test_every_way_to_tell_it_comes_to_the_same_total(open_: Open) -> None:
    bought(open_().rooms.journal, "gone/t1")
    totals = {by: spending(open_(), by=by).totals[0].total for by in BY}
    assert set(totals.values()) == {Fraction("4.5")}
    assert NO_SEQUENCE in {each.name for each in spending(open_(), by="sequence").rows}
    with pytest.raises(PlanError, match="by 'shots'"):
        spending(open_(), by="shots")


@pytest.mark.parametrize(
    ("target", "shots"),
    [("sh0?0", 3), ("opening", 3), ("opening/sh02*", 1), ("sh030", 1), ("sh020", 1)],
)
def test_targets_are_shots_sequences_and_globs(open_: Open, target: str, shots: int) -> None:
    assert len(spending(open_(), [target]).rows) == shots


def test_a_target_that_is_none_is_told_with_the_nearest(open_: Open) -> None:
    with pytest.raises(PlanError) as wrong:
        spending(open_(), ["sh0100"])
    assert "sh010" in (wrong.value.hint or "")


def test_what_is_left_of_a_budget_is_what_a_build_may_still_spend(open_: Open) -> None:
    bought(open_().rooms.journal, "sh010/t2")
    project, opening = spending(open_()).budgets
    assert (project.sequence, project.left) == (None, Fraction("5.5"))
    assert (opening.sequence, opening.left) == ("opening", Fraction("-0.5"))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Fraction(3), "3"),
        (Fraction("0.75"), "0.75"),
        (Fraction(1, 1000000), "0.000001"),
        (Fraction(-1, 2), "-0.5"),
        (Fraction(100), "100"),
        (Fraction(1, 3), "0.333333"),
        (Fraction(1, 2**10), "0.0009765625"),
    ],
)
def test_an_amount_is_exact_text(value: Fraction, text: str) -> None:
    assert exact_text(value) == text


def test_a_take_cost_what_was_charged_and_else_what_was_estimated(open_: Open) -> None:
    row = whole(open_().rooms.ledgers.of("sh010").takes[0])

    def paid(estimated: PriceRow | None, charged: PriceRow | None) -> Price:
        return paid_of(msgspec.structs.replace(row, cost=CostRow(estimated=estimated, charged=charged)))

    said, guess = (PriceRow(amount=text, currency="USD", exact=True) for text in ("1/3", "2"))
    silent = PriceRow(amount=None, currency="USD", exact=False)
    assert paid(guess, said).amount == Fraction(1, 3)
    assert paid(guess, None).amount == paid(guess, silent).amount == 2
    assert paid(None, silent).amount is None
    assert paid(None, None) == FREE
