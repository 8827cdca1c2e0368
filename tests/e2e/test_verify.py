"""`shotbuild verify` with the real animatic and the real ffmpeg: takes and stages that come out again."""

import json
from pathlib import Path

import pytest

from tests.e2e.conftest import shotbuild

pytestmark = pytest.mark.slow


def test_the_animatic_comes_out_again_and_the_ledger_has_it(tiny: Path) -> None:
    assert shotbuild(tiny, "build").code == 0
    assert shotbuild(tiny, "approve", "sh010", "--by", "Ann <ann@studio.example>").code == 0
    ran = shotbuild(tiny, "verify", "opening", "-n", "2", "--by", "Ann <ann@studio.example>")
    assert ran.code == 0, ran.err
    assert ran.out.count("2 of 2 rolls came out again: 100.0 %") == 3
    assert "opening: all of 3 shots would come out again with a chance of 100.0 %" in ran.out
    report = json.loads(shotbuild(tiny, "verify", "--report", "--json").out)
    (pin,) = report["pins"]
    assert (pin["provider"], pin["rolls"], pin["same_bytes"], pin["five_shots"]) == ("animatic", 6, 6, 1.0)
    assert "verify t1" in shotbuild(tiny, "takes", "sh010", "--history").out
    assert shotbuild(tiny, "build", "--json").summary["ran"] == 0


def test_every_stage_comes_out_again(tiny: Path) -> None:
    assert shotbuild(tiny, "build").code == 0
    ran = shotbuild(tiny, "verify", "--stage", "all")
    assert ran.code == 0, ran.err
    assert "came out again, byte for byte" in ran.out


def test_what_cannot_be_verified_is_told(tiny: Path) -> None:
    assert shotbuild(tiny, "verify").code == 2
    assert shotbuild(tiny, "verify", "sh010", "--report").code == 2
    assert "no take yet" in shotbuild(tiny, "verify", "sh010").err
    assert shotbuild(tiny, "build").code == 0
    assert "did you mean `encode`?" in shotbuild(tiny, "verify", "--stage", "encod").err
