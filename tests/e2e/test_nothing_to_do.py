"""Whoever asks again is answered from the stats of last time, and whoever changed anything is not."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.conftest import Ran, contents, shotbuild

IMPORTS = {"PYTHONPROFILEIMPORTTIME": "1"}
"""Python says what it imports."""


def deliver(root: Path, *words: str) -> tuple[Ran, bool]:
    """What was said, and whether the project was looked at for it."""
    ran = shotbuild(root, "deliver", *words, env=IMPORTS)
    return ran, "shotbuild.workspace" in ran.err


def steps(ran: Ran) -> int:
    return int(next(line for line in ran.err.splitlines() if " ran, " in line).split()[0])


def same_size_same_mtime(path: Path) -> None:
    before = path.stat()
    path.write_text(path.read_text().replace("lighthouse", "LightHouse"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size


def test_the_second_time_and_after_each_change(tiny: Path) -> None:
    first, looked = deliver(tiny)
    assert looked
    assert steps(first) > 0
    # Also straight after a build that made everything.
    again, looked = deliver(tiny)
    assert not looked
    assert again.out == first.out
    assert again.err.splitlines()[-1].startswith("0 ran, ")
    whole = contents(tiny)

    def changed(change: Callable[[], object], runs: bool) -> None:
        change()
        ran, looked = deliver(tiny)
        assert looked
        assert ran.code == 0, ran.err
        assert (steps(ran) > 0) == runs
        assert not deliver(tiny)[1]

    spec, template = tiny / "specs/opening.yaml", tiny / "templates/wide.j2"
    text = spec.read_text()
    changed(lambda: same_size_same_mtime(spec), runs=True)
    changed(lambda: spec.write_text(text), runs=False)
    assert contents(tiny) == whole
    changed(lambda: os.utime(spec, (0, 0)), runs=False)
    changed(lambda: spec.write_text(f"# a comment\n{text}"), runs=False)
    changed(lambda: template.write_text("Close shot of {{ place }} at dawn."), runs=True)
    changed(lambda: template.write_text("Wide shot of {{ place }} at dusk."), runs=False)
    changed(lambda: (tiny / "specs/more.yaml").write_text("shots:\n  sh099: {prompt: more}\n"), runs=False)
    changed((tiny / "out/sequences/opening/web.mp4").unlink, runs=False)
    changed(lambda: (tiny / "out/sequences/opening/web.mp4").write_bytes(b"no film"), runs=False)
    changed((tiny / "shotbuild.lock").unlink, runs=False)
    changed(lambda: shutil.rmtree(tiny / ".shotbuild/uptodate"), runs=False)
    changed(lambda: shotbuild(tiny, "note", "sh010", "t1", "good", "--by", "Ann <ann@x.example>"), runs=False)
    assert contents(tiny) == whole

    # Mistakes are told, however often.
    (tiny / "specs/wrong.yaml").write_text("shots: {sh098: {promt: slip}}\n")
    assert deliver(tiny)[0].code == deliver(tiny)[0].code == 2


def test_bytes_that_are_taken_out_of_the_store_are_missed(tiny: Path) -> None:
    deliver(tiny)
    for blob in (tiny / ".shotbuild/store/cas").glob("*/*"):
        blob.chmod(0o644)
        blob.unlink()
    ran, looked = deliver(tiny)
    assert looked
    assert steps(ran) > 0


def test_an_edit_while_a_build_runs_is_not_passed_over(tiny: Path) -> None:
    """The stage itself edits the spec: whoever builds has read it by then."""
    spec = tiny / "specs/opening.yaml"
    program = tiny.parent / "edit.sh"
    program.write_text(f"#!/bin/sh\nsed -i 's/the sea/the bay/' {spec}\ncp {tiny.parent}/clip.mp4 $1\n")
    program.chmod(0o755)
    deliver(tiny)
    shutil.copy(next(tiny.glob(".shotbuild/store/cas/*/*")), tiny.parent / "clip.mp4")
    film = next(path for path in (tiny / ".shotbuild/store/cas").glob("*/*") if b"ftyp" in path.read_bytes()[:16])
    shutil.copy(film, tiny.parent / "clip.mp4")
    (tiny / "specs/mine.yaml").write_text("shots:\n  sh050: {prompt: x, provider: mine}\n")
    (tiny / "shotbuild.yaml").write_text(
        (tiny / "shotbuild.yaml").read_text()
        + 'providers:\n  board: {use: animatic}\n  mine: {use: command, argv: "edit.sh {out}", version: "1"}\n'
    )
    spec.write_text(spec.read_text().replace("shots:\n", "shots:\n", 1))
    with_default = (tiny / "shotbuild.yaml").read_text().replace("defaults: {", "defaults: {provider: board, ")
    (tiny / "shotbuild.yaml").write_text(with_default)
    built = shotbuild(tiny, "build", env={"SHOTBUILD_COMMANDS": str(program)})
    assert "the bay" in spec.read_text(), built.err
    again = shotbuild(tiny, "build", env={"SHOTBUILD_COMMANDS": str(program)} | IMPORTS)
    assert "shotbuild.workspace" in again.err


@pytest.mark.parametrize("word", ["--json", "status:new"])
def test_what_prints_more_is_always_looked_at(tiny: Path, word: str) -> None:
    for _ in range(2):
        _, looked = deliver(tiny, word)
    assert looked


def test_another_clock(tiny: Path) -> None:
    """A file from the future is never believed by its stat."""
    spec = tiny / "specs/opening.yaml"
    os.utime(spec, (time.time() + 86400, time.time() + 86400))
    for _ in range(2):
        _, looked = deliver(tiny)
        assert looked
