"""A delivered file through `measure` and `report`, as the engine runs them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from shotbuild.errors import MediaError
from shotbuild.media.judge import read, verdicts_of
from shotbuild.media.profiles import PROFILES
from shotbuild.records import Fields, fields
from shotbuild.spec.constraints import ALWAYS, MUST
from shotbuild.stages.measure import Measure
from shotbuild.stages.report import Report

Make = Callable[..., Path]
Run = Callable[..., Path]
NAMES = fields(project="lighthouse", sequence="opening", deliverable="master", profile="web")
PICTURE = ("-f", "lavfi", "-i", "testsrc2=s=160x90:r=24:d=1,format=yuv420p")
NOISE = ("-f", "lavfi", "-i", "anoisesrc=d=1:r=48000:a=0.1:seed=7")


@pytest.fixture(scope="session")
def mix(make: Make) -> Path:
    return make("mix.wav", *NOISE, "-c:a", "pcm_s24le")


@pytest.fixture(scope="session")
def film(make: Make, mix: Path) -> Path:
    return make("film.mp4", *PICTURE, "-i", str(mix), "-c:v", "libx264", "-c:a", "aac", "-movflags", "+faststart")


def measured(run: Run, film: Path, **inputs: Path) -> Path:
    outputs = ("measured.json",)
    return run(Measure(), {"film": film, **inputs}, outputs, frames=24, rate="24", cuts=(0,), extension="mp4") / outputs[0]


def failed(folder: Path) -> list[str]:
    found = verdicts_of((folder / "report.json").read_bytes(), "master")
    return [f"{each.name}: wanted {each.wanted}, measured {each.measured}" for each in found if each.fails]


def test_a_film_is_measured_and_reported(run: Run, film: Path) -> None:
    must = fields(codec="h264", size="160x90", edit_list=False)
    inputs = {"measured": measured(run, film)}
    folder = run(Report(), inputs, ("report.json", "report.html"), must=must, waived=fields(), names=NAMES)
    assert failed(folder) == ["edit_list: wanted none, measured in tracks soun, vide"]
    assert "<title>master: report of delivery</title>" in (folder / "report.html").read_text()


def test_a_report_without_wishes_checks_the_frames(run: Run, film: Path) -> None:
    folder = run(Report(), {"measured": measured(run, film)}, ("report.json", "report.html"))
    found = read((folder / "report.json").read_bytes())
    assert [row.get("name") for row in found.rows("verdicts")] == ["frames"]
    assert failed(folder) == []


def test_sound_is_heard_when_the_mix_has_it(run: Run, film: Path, mix: Path) -> None:
    sound = read(measured(run, film, mix=mix).read_bytes()).rows("films")[0].get("sound")
    assert isinstance(sound, Fields)
    assert sound.text("offset") == "0.000000"


def test_sound_that_comes_later_than_in_the_mix_is_caught(run: Run, make: Make, film: Path, mix: Path) -> None:
    options = ("-c:v", "libx264", "-c:a", "aac", "-movflags", "+negative_cts_offsets", "-use_editlist", "0")
    late = make("late.mp4", *PICTURE, "-i", str(mix), *options)
    must = fields(sync=15)
    reports = [
        run(Report(), {"measured": measured(run, each, mix=mix)}, ("report.json",), must=must) for each in (film, late)
    ]
    lines = [failed(folder) for folder in reports]
    assert lines[0] == []
    assert "heard 21.333 ms late" in lines[1][0]


def test_a_package_without_films_is_refused(run: Run, tmp_path: Path) -> None:
    odd = tmp_path / "film.tar"
    odd.write_bytes(b"\0" * 10240)
    with pytest.raises(MediaError):
        run(Measure(), {"film": odd}, ("measured.json",), frames=1, rate="24", cuts=(), extension="tar")


def test_the_page_on_reports_names_every_constraint() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs/reports.md").read_text()
    assert [name for name in (*MUST, *ALWAYS) if f"`{name}`" not in text] == []


def test_every_built_in_profile_asks_for_what_can_be_judged() -> None:
    asked = {name for profile in PROFILES.values() for name, _ in profile.must}
    assert asked <= set(MUST)
