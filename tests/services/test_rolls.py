"""A service that repeats itself most of the time, verified: how often, how far apart, and what it costs."""

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from shotbuild.built import BuildOptions
from shotbuild.takes.verify import chances, rates, verify
from tests.fakes import write_project
from tests.servers.clips import clip
from tests.services.filming import filming
from tests.services.vendors import VENDORS

WHO = "Ann Lee <ann@studio.example>"
SHOTS = [f"sh{number:02d}0" for number in range(1, 6)]


@pytest.mark.slow
def test_two_hundred_rolls_of_a_service_that_repeats_85_percent(tmp_path: Path) -> None:
    with filming(tmp_path / "film", VENDORS["runway"], shots=5, at_once=16) as film:
        write_project(film.root, {"specs/cut.yaml": f"sequences: {{five: {{cut: [{', '.join(SHOTS)}]}}}}\n"})
        assert film.build().exit_code == 0
        server = film.servers["runway"]
        server.repeats = 0.85
        # Other pictures, and the same pictures in other bytes.
        server.strays = (clip("5", source="testsrc2"), clip("5", source="rgbtestsrc"))
        paid = server.paid
        built, found = verify(film.open(), SHOTS, 40, BuildOptions(), threading.Event(), by=WHO)
        assert (built.exit_code, server.paid - paid) == (0, 200)
        space = film.open()
        (rate,) = rates(space)
        low, high = rate.interval
        assert rate.rolls == 200
        assert low < 0.85 < high
        assert sum(each.found.same_bytes for each in found) == rate.same_bytes == rate.same_frames
        (chance,) = chances(space, [rate])
        assert chance.shots == 5
        assert chance.chance == pytest.approx(rate.share**5)
        for each in found:
            for other in each.found.others:
                assert float(other.structure) < 0.9
                assert float(other.colour) > 1
        assert film.leaks() == []


@pytest.mark.slow
def test_the_same_pictures_in_other_bytes_are_told_apart_from_others(tmp_path: Path) -> None:
    with filming(tmp_path / "film", replace(VENDORS["runway"])) as film:
        assert film.build().exit_code == 0
        server = film.servers["runway"]
        server.repeats, server.strays = 0.0, (clip("5", title="another file"),)
        _, (found,) = verify(film.open(), ["sh010"], 2, BuildOptions(), threading.Event(), by=WHO)
        assert (found.found.same_bytes, found.found.same_frames) == (0, 2)
        (other,) = found.found.others
        assert (other.count, other.same_frames) == (2, True)
