"""A rehearsal at a service: what is under way is taken up again, and paid for once."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from shotbuild.built import BuildOptions
from shotbuild.errors import LimitReached
from shotbuild.takes.migrate import Rehearsal, beside, rehearsal, rehearse
from shotbuild.units import parse_money
from tests.servers import kling, runway
from tests.servers.service import Fault
from tests.services.filming import Film, filming

ONCE = BuildOptions()


@pytest.fixture
def film(tmp_path: Path) -> Iterator[Film]:
    with filming(tmp_path, runway.VENDOR, kling.VENDOR) as film:
        assert not film.open().build(["sh010"]).failed
        yield film


def looked(film: Film) -> Rehearsal:
    return rehearsal(film.open(), ["sh010"], "kling", {}, 1)


def test_what_is_under_way_when_a_rehearsal_ends_is_taken_up_and_paid_for_once(film: Film) -> None:
    server, before = film.servers["kling"], film.open().chosen["sh010"].take
    server.faults.append(Fault.POLL_STALL)
    assert len(rehearse(looked(film), ONCE, threading.Event()).failed) == 1
    assert (server.paid, len(film.takes())) == (1, 1)
    for job in server.jobs.values():
        job.fault = None
    found = looked(film)
    assert found.cost.free, "it is not paid for again"
    assert rehearse(found, ONCE, threading.Event()).failed == ()
    assert (server.paid, len(film.takes())) == (1, 2)
    (each,) = beside(found)
    assert (each.laid.a.provider, each.laid.b.provider) == ("runway", "kling")
    assert film.open().chosen["sh010"].take == before
    assert rehearse(looked(film), ONCE, threading.Event()).ran == ()
    assert server.paid == 1


def test_the_specs_that_say_so_find_the_take_and_pay_for_nothing(film: Film) -> None:
    found = looked(film)
    rehearse(found, ONCE, threading.Event())
    specs = film.root / "specs/film.yaml"
    text = specs.read_text()
    line, following = text.index("  sh010"), text.index("  sh020")
    assert '"settings"' not in text[line:following]
    specs.write_text(text.replace('"provider": "runway"', '"provider": "kling"'))
    assert film.open().build(["sh010"]).generated == ()
    assert film.servers["kling"].paid == 1
    assert film.open().chosen["sh010"].take == film.takes()[-1]


def test_the_most_that_may_be_spent_holds_for_a_rehearsal(film: Film) -> None:
    with pytest.raises(LimitReached, match="--max-cost"):
        rehearse(looked(film), BuildOptions(max_cost=parse_money("0.01 USD")), threading.Event())
    assert film.servers["kling"].paid == 0
