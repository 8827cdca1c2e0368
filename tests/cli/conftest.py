"""The command line in this process, on a small project that was built once."""

import io
import os
import shutil
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from shotbuild.cli import app
from tests.e2e.conftest import TINY, Ran, shotbuild
from tests.fakes import write_project

SPECS = """shots:
  sh010: {template: templates/wide.j2, with: {place: a lighthouse}, tags: [day]}
  sh020: {template: templates/wide.j2, with: {place: the sea}, tags: [day, sea]}
  sh030: {continue: sh020, prompt: "Close-up, he reaches the lamp room."}
sequences:
  opening: {cut: [sh010, sh020], tags: [film]}
  ending: {cut: [sh030]}
deliverables:
  web: {sequence: opening, profile: preview}
  end: {sequence: ending, profile: preview}
"""
FILES = TINY | {
    "shotbuild.yaml": TINY["shotbuild.yaml"].replace("12f", "2f").replace("128x72", "64x36"),
    "specs/opening.yaml": SPECS,
}
Call = Callable[..., Ran]


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write_project(tmp_path_factory.mktemp("made") / "film", FILES)
    assert shotbuild(root, "build").code == 0
    return root


@pytest.fixture
def film(made: Path, tmp_path: Path) -> Path:
    """A project whose outputs are all there."""
    return Path(shutil.copytree(made, tmp_path / "film", symlinks=True))


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch) -> Call:
    """call(folder, "plan", …): the command, run in a folder."""

    def called(folder: Path, *arguments: str) -> Ran:
        before = os.getcwd()
        monkeypatch.chdir(folder)
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="") for _ in range(2))
        try:
            with redirect_stdout(out), redirect_stderr(err):
                app.run(list(arguments))
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        finally:
            monkeypatch.chdir(before)
        said = []
        for stream in (out, err):
            stream.flush()
            said.append(stream.buffer.getvalue().decode())  # type: ignore[attr-defined]
        assert "Traceback" not in said[1]
        return Ran(code, *said)

    return called


def edit(root: Path, old: str, new: str) -> None:
    path = root / "specs/opening.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
