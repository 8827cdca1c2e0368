"""What a model can do, in a few words; and which models are near their end."""

from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import pytest

from shotbuild.paying import offers
from shotbuild.paying.keys import endings, keys_of
from shotbuild.providers.interface import Model, Rate, Tariff
from tests.fakes import FakeProvider
from tests.servers.fal import VENDOR as FAL

TODAY = date(2026, 11, 23)
PLAIN = Model(name="m", version="1", fields={}, roles=("first_frame", "last_frame", "reference"), seconds=10)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({}, "up to 10 s"),
        ({"shortest": Fraction(1)}, "1 to 10 s"),
        ({"lengths": (Fraction(4), Fraction(6), Fraction(8))}, "4, 6, 8 s"),
        ({"lengths": tuple(map(Fraction, (4, 2, 3)))}, "2-4 s"),
        ({"lengths": (Fraction(5), Fraction(6))}, "5, 6 s"),
    ],
)
def test_lengths_are_told_as_people_say_them(more: dict[str, object], told: str) -> None:
    assert offers.lengths(replace(PLAIN, **more)) == told  # type: ignore[arg-type]


def test_a_frame_that_has_to_be_given_is_marked() -> None:
    assert offers.frames(replace(PLAIN, needs=("first_frame",))) == "first! last"
    assert offers.references(PLAIN) == 1


def test_a_price_is_a_span_in_its_currency() -> None:
    rates = tuple(Rate(when={}, per=per, amount=Fraction(text)) for per, text in (("second", "0.2"), ("second", "0.125")))
    tariff = Tariff(rates=rates, source="a page", date="2026-11-01", currency="EUR")
    assert offers.price(replace(PLAIN, tariff=tariff), free=False) == "0.125-0.20 EUR/s"
    by_take = replace(tariff, rates=(Rate(when={}, per="take", amount=Fraction(1)),))
    assert offers.price(replace(PLAIN, tariff=by_take), free=False) == "1.00 EUR/take"
    assert (offers.price(PLAIN, free=False), offers.price(PLAIN, free=True)) == ("?", "free")


@pytest.mark.parametrize(
    ("days", "told"), [(-1, "ENDED 2026-11-22"), (0, "ENDS 2026-11-23"), (60, "ENDS 2027-01-22"), (61, "until 2027-01-23")]
)
def test_a_model_near_its_end_is_marked(days: int, told: str) -> None:
    ends = (TODAY + timedelta(days)).isoformat()
    model = replace(PLAIN, ends=ends)
    assert offers.ending(model, TODAY) == told
    assert offers.model_content(model, TODAY)["ended"] is (days < 0)
    providers: dict[str, Any] = {"animatic": FakeProvider(models={"m": model})}
    found = endings(providers, [("animatic", "m"), ("animatic", "gone")], TODAY)
    assert [each.days for each in found] == ([days] if days <= 60 else [])


def test_one_complete_set_of_keys_is_enough() -> None:
    providers: dict[str, Any] = {"fal": FAL.service, "animatic": FakeProvider()}
    (none,) = keys_of(providers, ["fal", "animatic"], {"FAL_KEY_ID": "x"})
    assert not none.ready
    (some,) = keys_of(providers, ["fal"], {"FAL_KEY_ID": "x", "FAL_KEY_SECRET": "y"})
    assert some.ready
    assert [is_set for _, is_set in some.sets] == [False, True]
