"""What a plan says of takes that a service was asked for before."""

from pathlib import Path

from tests.servers import runway
from tests.servers.service import Fault
from tests.services.filming import filming


def test_what_was_refused_before_has_no_price_and_is_said(tmp_path: Path) -> None:
    with filming(tmp_path, runway.VENDOR) as film:
        film.servers["runway"].faults.append(Fault.POLL_MODERATED)
        film.build()
        planned = film.open().plan()
        assert planned.bill.free
        assert any("refused exactly this before, as op1" in text for text in film.told)


def test_what_is_under_way_has_no_price_and_is_named(tmp_path: Path) -> None:
    with filming(tmp_path, runway.VENDOR) as film:
        film.servers["runway"].faults.append(Fault.POLL_STALL)
        film.build()
        planned = film.open().plan()
        assert planned.bill.free
        assert planned.under_way == {"sh010/t1": "submitted at runway as op1"}


def test_what_the_specs_no_longer_ask_for_is_reminded_of(tmp_path: Path) -> None:
    with filming(tmp_path, runway.VENDOR) as film:
        film.servers["runway"].faults.append(Fault.POLL_STALL)
        film.build()
        specs = film.root / "specs/film.yaml"
        specs.write_text(specs.read_text().replace("dawn", "noon"))
        film.build()
        assert any(text.startswith("1 operation under way beside this build") for text in film.told)
