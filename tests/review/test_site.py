"""The pages of a real project, without a socket: what each person gets of it, and what the desk makes of changes on disk."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

import shotbuild
from shotbuild.errors import GateError, Location, PlanError, SpecErrors
from shotbuild.plan.choose import APPROVED
from shotbuild.records import SourceFile
from shotbuild.review.desk import Desk
from shotbuild.review.people import DEEDS, Person
from shotbuild.review.server import LATER, Site
from shotbuild.review.site import opened
from shotbuild.takes import decide
from shotbuild.workspace import open_project

ANN = Person(by="Ann <ann@studio.example>", may=DEEDS, token="t")
CLEO = Person(by="Cleo <cleo@brand.example>", role="client", may=DEEDS, sequences=("opening",), token="t")
SPECS = """
shots:
  sh010: {prompt: A lighthouse., takes: 2, references: {style: assets/look.png}}
  sh020: {plate: assets/plate.mp4}
  sh030: {prompt: A storm.}
sequences:
  opening: {cut: [sh010, sh020], audio: [{file: assets/sea.wav}]}
  ending: {cut: [sh030]}
deliverables:
  web: {sequence: opening, profile: h264-web}
  end: {sequence: ending, profile: h264-web}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("site") / "film"
    for folder in ("specs", "assets"):
        (root / folder).mkdir(parents=True)
    (root / "shotbuild.yaml").write_text(
        "shotbuild: 1\nproject: film\nformat: {size: 64x64, rate: 24}\ndefaults: {duration: 4f}\n"
    )
    (root / "specs/a.yaml").write_text(SPECS.replace(", references: {style: assets/look.png}", ""))
    Image.new("RGB", (8, 8)).save(root / "assets/look.png")
    with av.open(str(root / "assets/plate.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for _ in range(6):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")))
        container.mux(stream.encode(None))
    with av.open(str(root / "assets/sea.wav"), "w") as container:
        sound = container.add_stream("pcm_s16le", rate=48000, layout="stereo")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 48000 * 2), np.int16), format="s16", layout="stereo")
        frame.sample_rate = 48000
        container.mux(sound.encode(frame))
    shotbuild.open(root).build()
    return root


@pytest.fixture
def root(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "film"))


@pytest.fixture
def site(root: Path) -> Iterator[Site]:
    with opened(root, lambda _: None) as found:
        yield found


def take(root: Path, shot: str, index: int = 0) -> str:
    return open_project(root).rooms.ledgers.of(shot).takes[index].video.sha256


def got(site: Site, person: Person, kind: str, name: str) -> Any:
    """What there is, once it is made."""
    end = time.monotonic() + 60
    while (found := site.media(person, kind, name)) is LATER:
        assert time.monotonic() < end
        time.sleep(0.05)
    return found


def test_films_are_made_when_somebody_looks_and_are_there_from_then_on(site: Site, root: Path) -> None:
    video = take(root, "sh010")
    assert site.media(ANN, "thumbnail.jpg", video) is LATER
    for kind, content_type in (("thumbnail.jpg", "image/jpeg"), ("proxy.mp4", "video/mp4"), ("sheet.jpg", "image/jpeg")):
        found = got(site, ANN, kind, video)
        assert found.content_type == content_type
        assert found.path.is_file()
        assert site.media(ANN, kind, video) is not LATER
    original = got(site, ANN, "take", video)
    assert original.etag == video


def test_nobody_gets_what_their_link_does_not_open(site: Site, root: Path) -> None:
    theirs, other = take(root, "sh010"), take(root, "sh030")
    for kind in ("thumbnail.jpg", "proxy.mp4", "sheet.jpg", "take"):
        assert got(site, CLEO, kind, other) is None
        assert got(site, CLEO, kind, theirs) is not None
        assert site.media(CLEO, kind, "0" * 64) is None
    assert site.media(ANN, "secret", theirs) is None
    workspace = open_project(root)
    blobs = workspace.rooms.blobs.names()
    known = {theirs, take(root, "sh010", 1), other}
    plate = workspace.rooms.source(_source("assets/plate.mp4")).sha256
    for blob in blobs - known - {plate}:  # what else is in the store is nobody's to ask for
        assert site.media(ANN, "take", blob) is None


def _source(path: str) -> SourceFile:
    return SourceFile(path=path, location=Location(file="", line=1, column=1))


def test_delivered_files_are_those_of_the_project_alone(site: Site, root: Path) -> None:
    assert site.media(CLEO, "delivered", "sequences/opening/web.mp4") is not None
    assert site.media(CLEO, "delivered", "sequences/ending/end.mp4") is None
    assert site.media(ANN, "delivered", "sequences/ending/end.mp4") is not None
    (root / "out/mine.mp4").write_text("mine")
    for path in ("mine.mp4", "../shotbuild.yaml", "sequences/opening/../../../shotbuild.yaml", "/etc/passwd", ""):
        assert site.media(ANN, "delivered", path) is None
    film = root / "out/sequences/opening/web.mp4"
    film.unlink()
    film.symlink_to(root / "shotbuild.yaml")
    assert site.media(ANN, "delivered", "sequences/opening/web.mp4") is None


def test_the_mix_is_heard_by_those_who_see_its_sequence(site: Site, root: Path) -> None:
    page = site.sequence(CLEO, "opening")
    assert page is not None
    name = page.split('"/sound/')[1][:64]
    assert got(site, CLEO, "sound", name).content_type == "audio/wav"
    stranger = Person(by="Eve", sequences=("ending",))
    assert site.media(stranger, "sound", name) is None


def test_a_reference_is_served_as_its_bytes_are_now(site: Site, root: Path) -> None:
    (root / "specs/a.yaml").write_text(SPECS.replace("style", "first_frame"))
    try:
        page = site.shot(ANN, "sh010", {})
    except SpecErrors:
        pytest.skip("the animatic takes no references")
    assert page is not None
    name = page.split('"/reference/')[1][:64]
    assert got(site, CLEO, "reference", name).content_type == "image/png"
    (root / "assets/look.png").write_bytes(b"something else")
    assert site.media(ANN, "reference", name) is None


def test_deeds_of_others_and_on_what_is_not_theirs_are_not_there(site: Site) -> None:
    assert site.do(CLEO, "pick", {"shot": "sh030", "take": "0" * 64}) is None
    assert site.do(CLEO, "pick", {"shot": "nobody"}) is None
    assert site.do(CLEO, "approve-sequence", {"sequence": "ending"}) is None
    assert site.price(CLEO, {"shot": "sh030", "count": "1"}) is None
    with pytest.raises(PlanError, match="cannot approve as director"):
        site.do(CLEO, "approve", {"shot": "sh010", "role": "director"})


@pytest.mark.parametrize(
    "body",
    [
        {"shot": "sh010", "take": 5},
        {"shot": "sh010", "take": "short"},
        {"shot": ["sh010"]},
        {"shot": "x" * 300},
        {"shot": "sh010", "why": {"a": 1}},
        {"shot": "sh010", "why": "x", "frames": [5, 1]},
        {"shot": "sh010", "why": "x", "frames": [True, True]},
        {"shot": "sh010", "why": "x", "frames": "1-5"},
        {"shot": "sh010", "why": "x", "frames": [1, 1], "marks": "pen"},
        {"shot": "sh010", "why": "x", "frames": [1, 1], "marks": ["pen 1,x"]},
        {"shot": "sh010", "why": "x", "marks": ["box 1,1 2,2"]},
        {"shot": "sh010", "why": "x" * 10_001},
        {"shot": "sh010", "why": "x", "heads": "abc"},
    ],
)
def test_a_malformed_deed_is_refused_and_writes_nothing(site: Site, root: Path, body: dict[str, object]) -> None:
    before = (root / "takes/sh010.jsonl").read_bytes()
    with pytest.raises(PlanError):
        site.do(ANN, "note", body)
    assert (root / "takes/sh010.jsonl").read_bytes() == before


def test_a_price_that_has_changed_is_not_paid(site: Site) -> None:
    offer = site.price(ANN, {"shot": "sh010", "count": "2"})
    assert offer is not None
    assert (offer["possible"], offer["price"]) == (True, "")
    with pytest.raises(GateError, match="not the price that was confirmed"):
        site.do(ANN, "roll", {"shot": "sh010", "count": 2, "price": "1.00 USD"})
    for count in ("0", "101"):
        with pytest.raises(PlanError):
            site.price(ANN, {"shot": "sh010", "count": count})
    with pytest.raises(PlanError):
        site.price(ANN, {"shot": "sh010", "count": "1e9"})


def test_mistakes_in_specs_are_told_and_gone_when_they_are_mended(site: Site, root: Path) -> None:
    spec = root / "specs/a.yaml"
    good = spec.read_text()
    spec.write_text(good.replace("takes: 2", "takes: two"))
    with pytest.raises(SpecErrors):
        site.board(ANN, {})
    with pytest.raises(SpecErrors):
        site.do(ANN, "pick", {"shot": "sh010"})
    spec.write_text(good)
    assert "sh010" in site.board(ANN, {})


def test_what_others_write_is_seen_shot_by_shot(root: Path) -> None:
    desk = Desk(root)
    with desk.now() as workspace:
        assert workspace.chosen["sh010"].how != APPROVED
    version, before = desk.version, workspace
    assert desk.looked() == version
    decide.approve(open_project(root), ["sh010", "t1"], by=ANN.by)
    assert desk.looked() == version + 1
    with desk.now() as workspace:
        assert workspace is before  # only one ledger was read
        assert workspace.chosen["sh010"].how == APPROVED
    (root / "specs/b.yaml").write_text("shots:\n  sh040: {prompt: A gull.}\n")
    with desk.now() as workspace:
        assert workspace is not before
        assert "sh040" in workspace.chosen
    (root / "takes/sh010.jsonl").unlink()
    with desk.now() as workspace:
        assert workspace.chosen["sh010"].how != APPROVED


def test_a_damaged_ledger_is_told(root: Path) -> None:
    desk = Desk(root)
    with desk.now():
        pass
    with (root / "takes/sh010.jsonl").open("a") as ledger:
        ledger.write("{half a line\n")
    with pytest.raises(SpecErrors), desk.now():
        pass
