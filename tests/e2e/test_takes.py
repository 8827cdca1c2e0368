"""What was approved stays, byte for byte: through edits, on another machine, after losing everything but the store."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from shotbuild.host.tools import find_ffmpeg
from tests.e2e.conftest import TINY, Ran, contents, shotbuild
from tests.fakes import write_project

FILM = {
    "shotbuild.yaml": "shotbuild: 1\nproject: film\nformat: {size: 64x36, rate: 24}\ndefaults: {duration: 4f}\n"
    "providers: {board: {use: animatic}}\n",
    "templates/wide.j2": TINY["templates/wide.j2"],
    "specs/opening.yaml": """shots:
  sh010: {template: templates/wide.j2, with: {place: a lighthouse}, provider: board}
  sh020: {prompt: "The sea at night.", provider: board}
sequences:
  opening: {cut: [sh010, sh020]}
deliverables:
  web: {sequence: opening, profile: h264-web}
  preview: {sequence: opening, profile: preview}
""",
    ".gitignore": ".shotbuild/\nout/\n",
    ".gitattributes": "takes/*.jsonl merge=union\n",
}
ENV = {
    **{f"GIT_{who}_NAME": "Ann Lee" for who in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{who}_EMAIL": "ann@studio.example" for who in ("AUTHOR", "COMMITTER")},
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}


def git(root: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=root, check=True, capture_output=True, text=True, env={**os.environ, **ENV})
    return done.stdout


def commit(root: Path, message: str) -> None:
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", message)


def run(root: Path, *words: str, code: int = 0) -> Ran:
    ran = shotbuild(root, *words, env=ENV)
    assert ran.code == code, (words, ran.code, ran.out, ran.err)
    return ran


def edit(root: Path, path: str, old: str, new: str) -> None:
    text = (root / path).read_text()
    assert old in text
    (root / path).write_text(text.replace(old, new))


def ledger(root: Path, shot: str) -> bytes:
    return (root / f"takes/{shot}.jsonl").read_bytes()


def events(root: Path, shot: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in ledger(root, shot).decode().strip().split("\n")]


def frames(path: Path) -> list[str]:
    """The digest of each decoded picture of a film."""
    words = [str(find_ffmpeg(None)), "-v", "error", "-i", str(path), "-map", "0:v", "-f", "framemd5", "-"]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    return [line.split(",")[-1].strip() for line in done.stdout.splitlines() if line[0] != "#"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film in Git, delivered, whose shots are approved."""
    root = write_project(tmp_path_factory.mktemp("made") / "film", FILM)
    git(root, "init", "-q", "-b", "main")
    run(root, "build")
    run(root, "approve", "sh010", "sh020", "--role", "director", "--why", "the light")
    commit(root, "approved")
    return root


@pytest.fixture
def film(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "film", symlinks=True))


def cloned(root: Path, into: Path, *, store: bool = True) -> Path:
    """Another machine: a clone, and a copy of the store."""
    git(root, "clone", "-q", str(root), str(into))
    if store:
        shutil.copytree(root / ".shotbuild/store", into / ".shotbuild/store")
    return into


def test_an_approved_picture_survives_every_edit_on_another_machine(film: Path, tmp_path: Path) -> None:
    before, takes = contents(film), ledger(film, "sh010")
    edit(film, "specs/opening.yaml", "a lighthouse", "a windmill")
    edit(film, "specs/opening.yaml", 'prompt: "The sea at night."', 'seed: 99, prompt: "A harbour at noon."')
    edit(film, "templates/wide.j2", "Wide shot", "Close-up")
    edit(film, "shotbuild.yaml", "{use: animatic}", "{use: animatic, sound: scratch}")
    commit(film, "everything else")
    shutil.rmtree(film / ".shotbuild/cache")
    other = cloned(film, tmp_path / "other machine")
    for root in (film, other):
        assert run(root, "build", "--json").summary["generated"] == 0
        assert run(root, "deliver", "--strict", "--json").summary["generated"] == 0
        assert contents(root) == before
        assert ledger(root, "sh010") == takes
    told = json.loads(run(other, "status", "--json").out)
    rows = {row["name"]: row for row in told["items"] if row["kind"] == "shot"}
    assert {row["state"] for row in rows.values()} == {"stale-approved"}
    differing = "\n".join(rows["sh010"]["differs"])
    assert "Wide shot of a lighthouse" in differing
    assert "Close-up of a windmill" in differing
    assert "scratch" in differing
    assert "99" in "\n".join(rows["sh020"]["differs"])
    assert "stale-approved" in run(other, "status").out
    assert "Close-up of a windmill" in run(other, "explain", "sh010").out
    assert "!" in run(other, "plan").out


def test_everything_comes_back_from_the_store_and_nothing_without_it(film: Path, tmp_path: Path) -> None:
    before = contents(film)
    shutil.copytree(film / ".shotbuild/store", tmp_path / "store")
    shutil.rmtree(film / ".shotbuild")
    shutil.rmtree(film / "out")
    shutil.copytree(tmp_path / "store", film / ".shotbuild/store")
    assert run(film, "build", "--json").summary["generated"] == 0
    assert contents(film) == before
    takes = {shot: ledger(film, shot) for shot in ("sh010", "sh020")}
    shutil.rmtree(film / ".shotbuild")
    shutil.rmtree(film / "out")
    lost = run(film, "build", code=1)
    for shot in takes:
        (sha,) = {str(event["video"]["sha256"]) for event in events(film, shot) if event["event"] == "take"}  # type: ignore[index]
        assert sha in lost.err
        assert "director" in lost.err or "Ann Lee" in lost.err
    assert {shot: ledger(film, shot) for shot in takes} == takes
    assert not list((film / ".shotbuild/store").rglob("*.mp4"))
    assert run(film, "build", "--json", code=1).summary["generated"] == 0
    shutil.copytree(tmp_path / "store", film / ".shotbuild/store", dirs_exist_ok=True)
    run(film, "build")
    assert contents(film) == before


def test_reopening_lets_the_shot_change_and_restoring_brings_it_back(film: Path) -> None:
    then = contents(film)
    web, preview = (film / f"out/sequences/opening/{name}.mp4" for name in ("web", "preview"))
    pictures = frames(web), frames(preview)
    edit(film, "specs/opening.yaml", "a lighthouse", "a windmill")
    run(film, "reopen", "sh010")
    assert run(film, "build", "--json").summary["generated"] == 1
    now = contents(film)
    assert {path for path in now if now[path] == then[path]} == {"out/shots/sh020.mp4"}
    for before, after in zip(pictures, (frames(web), frames(preview)), strict=True):
        # The approved shot beside it is the same in every delivered file.
        assert (len(after), after[4:]) == (8, before[4:])
        assert not set(after[:4]) & set(before[:4])
    commit(film, "one")
    run(film, "approve", "sh010", "--role", "client")
    commit(film, "two")
    run(film, "note", "sh010", "the arc")
    commit(film, "three")
    ran = run(film, "restore", "--at", "HEAD~3")
    assert "~ sh010  t2 approved → t1" in ran.out
    assert "= sh020" in ran.out
    assert contents(film) == then
    commit(film, "restored")
    run(film, "restore", "--at", "HEAD~1")
    assert contents(film) == now
    kinds = [event["event"] for event in events(film, "sh010")]
    assert kinds == ["take", "approve", "reopen", "take", "approve", "note", "restore", "restore"]


def test_rolling_is_told_and_stops_at_the_limit(film: Path) -> None:
    rolled = run(film, "roll", "sh010", "-n", "2")
    lines = rolled.out.splitlines()
    assert [line.split("  ")[0] for line in lines] == ["sh010 t2", "sh010 t3"]
    assert len({line.split("seed ")[1] for line in lines}) == 2
    edit(film, "shotbuild.yaml", "providers:", "budget: {takes_per_shot: 3}\nproviders:")
    before = ledger(film, "sh010")
    told = run(film, "roll", "sh010", code=6)
    assert "3 takes" in told.err
    assert "takes_per_shot" in told.err
    assert ledger(film, "sh010") == before
    run(film, "build")
    assert run(film, "deliver", "--strict", "--json").summary["generated"] == 0


def test_the_request_of_a_take_is_printed_from_the_ledger_and_the_store_alone(film: Path, tmp_path: Path) -> None:
    other = cloned(film, tmp_path / "other")
    edit(other, "specs/opening.yaml", "a lighthouse", "a windmill")
    told = json.loads(run(other, "takes", "sh010 t1", "--request").out)
    text = json.dumps(told, ensure_ascii=False)
    assert "Wide shot of a lighthouse at dusk." in text
    (seed,) = {event["seed"] for event in events(other, "sh010") if event["event"] == "take"}
    assert f"{seed}" in text
