"""`shotbuild migrate` with the real animatic and the real ffmpeg: what it says, keeps and leaves alone."""

import json
from pathlib import Path

import pytest

from tests.e2e.conftest import contents, shotbuild
from tests.fakes import write_project

pytestmark = pytest.mark.slow

ANN = "Ann <ann@studio.example>"
FILM = {
    "shotbuild.yaml": """\
shotbuild: 1
project: film
format: {size: 320x180, rate: 24}
providers:
  board: {use: animatic}
  bare: {use: animatic, overlay: none}
defaults: {provider: board, duration: 4f}
""",
    "specs/a.yaml": """\
shots:
  sh010: {prompt: A lighthouse at dusk.}
  sh020: {prompt: He climbs the stair., settings: {sound: scratch}}
  sh030: {prompt: The sea.}
""",
}


def test_another_model_is_rolled_beside_what_stands_and_taken_on_for_nothing(tmp_path: Path) -> None:
    film = write_project(tmp_path / "film", FILM)
    assert shotbuild(film, "build", "sh010", "sh020").code == 0
    assert shotbuild(film, "approve", "sh010", "--by", ANN).code == 0
    before, out = json.loads(shotbuild(film, "takes", "--json").out), contents(film)

    looked = shotbuild(film, "migrate", "sh*", "--to", "bare", "--report-only", "--json")
    assert looked.code == 3, "sh030 has no take to lie beside"
    report = json.loads(looked.out)
    assert (report["schema"], report["missing"], report["cost"]) == ("shotbuild/migrate/1", 2, {})
    assert [len(shot["blocked"]) for shot in report["shots"]] == [0, 0, 1]
    assert json.loads(shotbuild(film, "takes", "--json").out) == before

    ran = shotbuild(film, "migrate", "sh010", "sh020", "--to", "bare")
    assert ran.code == 0, ran.err
    assert "2 takes to make; cost: free" in ran.out
    rows = [line.split() for line in ran.out.splitlines() if "frames differ" in line]
    assert [row[:3] for row in rows] == [["sh010", "t1", "t2"], ["sh020", "t1", "t2"]]
    assert all(0 < float(row[5]) < 1 for row in rows), "their structure is another one"
    assert '+    "overlay": "none",' in ran.out
    assert "sh010: {provider: bare, model: storyboard}; then `shotbuild reopen sh010`" in ran.err
    assert "sh020: {provider: bare, model: storyboard, settings: {sound: scratch}}" in ran.err
    assert contents(film) == out
    assert shotbuild(film, "build", "sh010", "sh020", "--json").summary["ran"] == 0

    again = shotbuild(film, "migrate", "sh010", "sh020", "--to", "bare", "--json")
    assert [event["event"] for event in again.events] == ["rehearsal", "planned", "compared", "compared", "summary"]
    assert again.summary["ran"] == 0

    specs = film / "shotbuild.yaml"
    specs.write_text(specs.read_text().replace("provider: board", "provider: bare"))
    assert shotbuild(film, "reopen", "sh010", "--by", ANN).code == 0
    built = shotbuild(film, "build", "sh010", "sh020", "--json")
    assert built.summary["generated"] == 0
    taken = json.loads(shotbuild(film, "takes", "--json").out)["takes"]
    assert [(take["shot"], take["number"]) for take in taken if take["stands"]] == [("sh010", 2), ("sh020", 2)]
