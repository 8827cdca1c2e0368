"""From a file back to its takes: by digest, by what the last build knew, by metadata, and by what Git alone has."""

import hashlib
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from shotbuild.errors import PlanError
from shotbuild.media.identity import identity_text
from shotbuild.records import Fields
from shotbuild.takes.decide import approve, pick, reject, reopen
from shotbuild.takes.trace import IDENTITY, RESULT, SOURCE, TAKE, Traced, trace
from tests.fakes import SMALL, fake_workspace, write_project

Make = Callable[..., Path]
ANN, BOB = "Ann <a@x.example>", "Bob <b@x.example>"
PICTURE = ("-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=0.2")
FINISHED = SMALL | {
    "specs/opening.yaml": SMALL["specs/opening.yaml"].replace("{template", "{finish: [{upscale: {factor: 2}}], template", 1)
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = write_project(tmp_path / "film", FINISHED)
    fake_workspace(root).build()
    return root


def traced(root: Path, file: Path | str) -> Traced:
    return trace(fake_workspace(root), root / file)


def edit(root: Path, old: str, new: str) -> None:
    path = root / "specs/opening.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def digest(root: Path, shot: str) -> str:
    workspace = fake_workspace(root)
    take = workspace.whole.chosen[shot].take
    assert take is not None
    return take.video.sha256


def shots(found: Traced) -> list[tuple[str, str]]:
    return [(part.shot, part.take.name if part.take else str(part.plate)) for part in found.parts]


@pytest.fixture
def mailed(make: Make) -> Callable[..., Path]:
    """mailed(root): a film that names the takes of today, with bytes that no store knows."""

    def made(root: Path, *more: tuple[str, str]) -> Path:
        project = fake_workspace(root).project
        plate = hashlib.sha256((root / "assets/plate.mov").read_bytes()).hexdigest()
        names = {"sh010": digest(root, "sh010"), "sh020": digest(root, "sh020"), "sh040": plate} | dict(more)
        text = identity_text(project.name, "opening", Fields(tuple(sorted(names.items()))))
        name = f"mailed-{hashlib.sha256(text.encode()).hexdigest()[:8]}.mp4"
        return make(name, *PICTURE, "-metadata", f"comment={text}")

    return made


def test_a_take_is_known_wherever_it_lies(root, tmp_path):
    pick(fake_workspace(root), ["sh020", "t1"], by=ANN, why="calm")
    approve(fake_workspace(root), ["sh020", "t1"], by=BOB, role="client", why="yes")
    shutil.copy(root / "out/shots/sh030.mp4", tmp_path / "anything")
    assert [part.shot for part in traced(root, tmp_path / "anything").parts] == ["sh030"]
    state = fake_workspace(root).rooms.ledgers
    found = traced(root, fake_workspace(root).rooms.blobs.path(state.of("sh020").takes[0].video))
    [part] = found.parts
    assert (found.way, part.take.number, part.sequences) == (TAKE, 1, ("opening",))
    said = [(each.decision.kind, each.decision.by, each.decision.why, each.holds) for each in part.said]
    assert sorted(said) == [("approve", BOB, "yes", True), ("pick", ANN, "calm", True)]


def test_a_delivered_file_names_its_cut(root):
    found = traced(root, "out/sequences/opening/web.mp4")
    assert (found.way, found.sequence, found.deliverable, found.today) == (RESULT, "opening", "web", True)
    assert found.path == "sequences/opening/web.mp4"
    assert [shot for shot, _ in shots(found)] == ["sh010", "sh020", "sh030", "sh040"]
    assert [part.plate for part in found.parts if part.take is None] == ["assets/plate.mov"]
    assert all(part.holds for part in found.parts)


def test_a_finished_shot_leads_to_its_take(root):
    found = traced(root, "out/shots/sh010.mkv")
    assert (found.way, found.step, found.path) == (RESULT, "sh010/finish", "shots/sh010.mkv")
    assert shots(found) == [("sh010", f"sh010@{digest(root, 'sh010')[:8]}")]


def test_what_an_earlier_build_made_is_known_after_an_edit(root):
    before = digest(root, "sh010")
    edit(root, "place: a lighthouse", "place: a harbour")
    for file in ("out/shots/sh010.mkv", "out/sequences/opening/web.mp4"):
        found = traced(root, file)
        assert (found.way, found.today) == (RESULT, False)
        assert (found.parts[0].take.video.sha256, found.parts[0].holds) == (before, False)
        assert found.parts[0].now.take is None


def test_a_path_may_be_relative_to_the_project(root, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert trace(fake_workspace(root), Path("out/shots/sh010.mkv")).way == RESULT


@pytest.mark.parametrize(
    ("file", "uses", "named"),
    [("assets/plate.mov", "plate sh040", ["sh040"]), ("assets/sea.wav", "sound of sequence opening", [])],
)
def test_a_source_says_who_uses_it(root, file, uses, named):
    found = traced(root, file)
    assert (found.way, found.source, found.uses) == (SOURCE, file, (uses,))
    assert [part.shot for part in found.parts] == named


def test_other_bytes_are_known_by_their_metadata(root, mailed):
    found = traced(root, mailed(root))
    assert (found.way, found.project, found.sequence) == (IDENTITY, "film", "opening")
    assert shots(found)[2] == ("sh040", "assets/plate.mov")
    assert [part.holds for part in found.parts] == [True, True, True]


def test_what_stands_today_is_told_beside_what_is_in_the_file(root, mailed):
    file = mailed(root)
    approve(fake_workspace(root), ["sh010"], by=ANN)
    reopen(fake_workspace(root), ["sh010"], by=BOB)
    reject(fake_workspace(root), ["sh010", "t1"], by=BOB, why="six fingers")
    pick(fake_workspace(root), ["sh020", "t1"], by=ANN)
    edit(root, "place: the sea", "place: the harbour")
    fake_workspace(root).build()
    first, second, _ = traced(root, file).parts
    assert [(each.decision.kind, each.holds) for each in first.said] == [("approve", False), ("reject", True)]
    assert (first.holds, first.now.take.number) == (False, 2)
    assert (second.take.number, second.holds, second.now.how) == (2, False, "picked")
    assert second.now.stale


def test_git_alone_is_enough(root, mailed):
    file = mailed(root)
    approve(fake_workspace(root), ["sh010"], by=ANN, why="the light")
    shutil.rmtree(root / ".shotbuild")
    shutil.rmtree(root / "out")
    found = traced(root, file)
    assert [part.take.number for part in found.parts if part.take] == [1, 2]
    assert found.parts[0].said[0].decision.why == "the light"
    assert found.parts[0].holds


def test_a_shot_that_moved_is_found_by_its_old_name(root, mailed):
    file = mailed(root)
    edit(root, "sh010: {", "sh015: {moved: sh010, ")
    edit(root, "- sh010", "- sh015")
    assert [part.shot for part in traced(root, file).parts] == ["sh015", "sh020", "sh040"]
    fake_workspace(root).build()
    assert [part.shot for part in traced(root, file).parts] == ["sh015", "sh020", "sh040"]


def test_a_shot_that_the_specs_no_longer_have_is_still_known(root, mailed):
    file, gone = mailed(root), digest(root, "sh010")
    text = (root / "specs/opening.yaml").read_text()
    kept = [line for line in text.splitlines() if not line.strip().startswith(("sh010:", "- sh010"))]
    (root / "specs/opening.yaml").write_text("\n".join(kept).replace(", transition: {dissolve: 6f}", ""))
    part = traced(root, file).parts[0]
    assert (part.take.video.sha256, part.now, part.sequences) == (gone, None, ())


def test_a_plate_that_was_replaced_is_not_taken_for_the_new_one(root, mailed):
    file = mailed(root)
    (root / "assets/plate.mov").write_text("q" * 60)
    part = traced(root, file).parts[2]
    assert (part.shot, part.plate, part.take, part.holds) == ("sh040", None, None, False)


def git(root: Path, *words: str) -> None:
    name = ("-c", "user.name=Ann", "-c", "user.email=a@x.example")
    subprocess.run(["git", *name, *words], cwd=root, check=True, capture_output=True)


@pytest.fixture
def branched(root: Path, mailed: Callable[..., Path]) -> Path:
    """A film of takes that only the branch `client` has."""
    git(root, "init", "-q", "-b", "main")
    (root / ".gitignore").write_text("out/\n.shotbuild/\n")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "first")
    git(root, "checkout", "-qb", "client")
    edit(root, "place: a lighthouse", "place: a harbour")
    fake_workspace(root).build()
    approve(fake_workspace(root), ["sh010", "t2"], by=BOB, role="client", why="at last")
    file = mailed(root)
    git(root, "add", "-A")
    git(root, "commit", "-qm", "harbour")
    shutil.copy(root / "out/shots/sh010.mkv", root.parent / "finished")
    git(root, "checkout", "-q", "main")
    return file


def test_a_take_of_another_branch_is_named_with_it(root, branched):
    first, second, _ = traced(root, branched).parts
    assert (first.take.number, first.ref, first.holds) == (2, "client", False)
    assert [(each.decision.by, each.decision.role, each.decision.why) for each in first.said] == [(BOB, "client", "at last")]
    assert (first.now.take.number, second.ref) == (1, None)


def test_the_bytes_of_a_take_of_another_branch_are_known(root, branched):
    take = traced(root, branched).parts[0].take
    blob = fake_workspace(root).rooms.blobs.path(take.video)
    found = traced(root, blob)
    assert (found.way, found.parts[0].ref, found.parts[0].take.name) == (TAKE, "client", take.name)
    found = traced(root, root.parent / "finished")
    assert (found.way, found.today, found.parts[0].ref) == (RESULT, False, "client")


def test_a_file_that_nothing_knows_says_where_was_looked(root, mailed, tmp_path, make):
    (tmp_path / "a\x1b[31m.txt").write_text("hello")
    with pytest.raises(PlanError, match="nothing here knows") as caught:
        traced(root, tmp_path / "a\x1b[31m.txt")
    assert "none of 4 takes" in str(caught.value.cause)
    with pytest.raises(PlanError) as caught:
        traced(root, make("plain.mp4", *PICTURE))
    assert "no line of shotbuild" in str(caught.value.cause)
    other = identity_text("other", "trailer", Fields((("sh010", "0" * 64),)))
    with pytest.raises(PlanError) as caught:
        traced(root, make("other.mp4", *PICTURE, "-metadata", f"comment={other}"))
    assert "project other, sequence trailer: sh010@00000000" in str(caught.value.cause)
    for file in (tmp_path, tmp_path / "missing"):
        with pytest.raises(PlanError, match="cannot be read"):
            traced(root, file)
