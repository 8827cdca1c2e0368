"""Fallbacks: another provider makes a take only where the spec says so, and never beside the first."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from shotbuild.built import BuildOptions
from shotbuild.engine.events import Replaced
from shotbuild.engine.journal import Phase
from shotbuild.errors import GateError, KeyRefused
from shotbuild.paying.cancel import cancel
from shotbuild.purchasing import Lines
from tests.servers import kling, runway
from tests.servers.clips import clip
from tests.servers.service import Fault, VendorServer, environment
from tests.services.filming import Film, filming


@pytest.fixture
def spare(tmp_path: Path) -> Iterator[VendorServer]:
    with kling.VENDOR.server(clip=clip("5"), key="a-key-of-the-spare-one") as server:
        with environment(**kling.VENDOR.environment(server)):
            yield server


@pytest.fixture
def film(tmp_path: Path, spare: VendorServer) -> Iterator[Film]:
    with filming(tmp_path / "film", runway.VENDOR) as film:
        settings, specs = film.root / "shotbuild.yaml", film.root / "specs/film.yaml"
        settings.write_text(settings.read_text() + "  spare: {use: kling, model: kling-3.0}\n")
        specs.write_text(specs.read_text().replace('{"prompt"', '{"or": ["spare"], "prompt"'))
        film.open()
        yield film


def own(film: Film) -> VendorServer:
    return film.servers["runway"]


def test_a_fallback_makes_what_its_provider_cannot_and_the_take_is_marked(film: Film, spare: VendorServer) -> None:
    own(film).always.add(Fault.SUBMIT_FUNDS)
    assert film.build().failed == ()
    assert (own(film).paid, spare.paid) == (0, 1)
    (take,) = film.takes()
    assert take.instead
    assert [type(event) for event in film.heard].count(Replaced) == 1
    own(film).always.clear()
    assert film.build().generated == ()
    assert (own(film).paid, spare.paid) == (0, 1)


def test_a_strict_delivery_refuses_a_fallbacks_take(film: Film, spare: VendorServer) -> None:
    specs = film.root / "specs/film.yaml"
    shot = film.open().project.shots[0].name
    specs.write_text(
        specs.read_text()
        + f"sequences:\n  main: {{cut: [{shot}]}}\ndeliverables:\n  web: {{sequence: main, profile: h264-web}}\n"
    )
    own(film).always.add(Fault.SUBMIT_FUNDS)
    film.open().build([f"{shot}/t1"])
    with pytest.raises(GateError) as caught:
        film.open().deliver((), BuildOptions(strict=True))
    assert "was made by a fallback" in (caught.value.cause or "")


def test_a_missing_key_is_no_reason_to_spend_elsewhere(film: Film, spare: VendorServer) -> None:
    key = os.environ.pop("RUNWAYML_API_SECRET")
    try:
        (failure,) = film.build().failed
    finally:
        os.environ["RUNWAYML_API_SECRET"] = key
    assert isinstance(failure.error, KeyRefused)
    assert spare.paid == 0


def test_while_a_fallback_is_under_way_its_provider_is_not_asked_as_well(film: Film, spare: VendorServer) -> None:
    own(film).faults.append(Fault.SUBMIT_FUNDS)
    spare.faults.append(Fault.POLL_STALL)
    film.build()
    assert [entry.phase for entry in film.entries()] == [Phase.REFUSED, Phase.SUBMITTED]
    planned = film.open().plan()
    assert planned.bill.free
    assert list(planned.under_way.values()) == ["submitted at kling as op2"]
    for job in spare.jobs.values():
        job.fault, job.polls = None, 0
    assert film.build().failed == ()
    assert (own(film).paid, spare.paid) == (0, 1)


def test_what_a_person_cancels_is_bought_nowhere_else(film: Film, spare: VendorServer) -> None:
    own(film).faults.append(Fault.POLL_STALL)
    film.build()
    lines = Lines()
    try:
        cancel(film.open(), film.entries()[0], lines)
    finally:
        lines.close()
    assert film.entries()[0].phase is Phase.CANCELLED
    assert spare.paid == 0
