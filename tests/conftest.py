"""Fakes that specs are loaded against, a way to write projects, and golden files."""

import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from shotbuild.errors import SpecErrors, render
from shotbuild.host.tools import find_ffmpeg
from shotbuild.records import Project
from shotbuild.spec.fields import Field, choice, factor, integer, size, text, truth
from shotbuild.spec.load import Tables, load, read_line

Make = Callable[..., Path]
PROJECT = """\
shotbuild: 1
project: lighthouse
providers:
  board: {use: animatic}
  hero: {use: runway, model: gen4.5, at_once: 3}
defaults: {provider: board, duration: 4s}
"""


@dataclass(frozen=True)
class FakeModel:
    name: str
    fields: Mapping[str, Field] = field(default_factory=dict)
    roles: tuple[str, ...] = ("first_frame",)
    seconds: int = 10


def _tables() -> Tables:
    drawn = {
        "sound": choice("silent", "scratch", default="silent", doc="What is heard."),
        "caption": truth(default=True, doc="Whether the prompt is written into the picture."),
        "zoom": factor(1, 4, default="3/2", doc="How far the camera moves."),
    }
    paid = {
        "ratio": text(default=None, doc="Shape."),
        "steps": integer(1, 50, default=20, doc="Steps."),
        "key": text(doc="Needed."),
    }
    upscale = {"factor": factor(1, 8, default="2", doc="By how much."), "size": size(default=None, doc="To what size.")}
    gen4 = FakeModel("gen4", {"steps": paid["steps"]}, (), 5)
    gen45 = FakeModel("gen4.5", {name: paid[name] for name in ("ratio", "steps")})
    return Tables(
        providers={
            "animatic": {"animatic": FakeModel("animatic", drawn, ("first_frame", "style"), 60)},
            "runway": {model.name: model for model in (gen4, gen45)},
            "strict": {"strict": FakeModel("strict", paid)},
        },
        stages={"upscale": upscale, "grain": {}},
        profiles=("h264-web", "prores-422-hq", "social-vertical", "preview"),
    )


@pytest.fixture(scope="session")
def tables() -> Tables:
    return _tables()


@dataclass(frozen=True)
class Folder:
    """A project that a test writes and loads."""

    root: Path
    tables: Tables

    def write(self, files: Mapping[str, str | bytes]) -> "Folder":
        for name, content in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return self

    def load(self) -> Project:
        return load(self.root, self.tables)

    def refused(self) -> list[str]:
        """The messages of all errors, each with its place; empty when the project loads."""
        try:
            self.load()
        except SpecErrors as errors:
            return [f"{error.location}: {error.message}" for error in errors.errors]
        return []

    def told(self) -> str:
        """All errors as people read them; empty when the project loads."""
        try:
            self.load()
        except SpecErrors as errors:
            return render(errors, lambda place: read_line(self.root, place)) + "\n"
        return ""


@pytest.fixture
def folder(tmp_path: Path, tables: Tables) -> Folder:
    """A project of a shotbuild.yaml with two providers, and nothing else."""
    return Folder(tmp_path / "project", tables).write({"shotbuild.yaml": PROJECT})


@pytest.fixture
def specs(folder: Folder) -> Callable[[str], Folder]:
    """Writes one spec file into the project."""
    return lambda text: folder.write({"specs/a.yaml": text})


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write what is found into the golden files")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[Path, str], None]:
    """Compares a text with a golden file; with --update-golden it writes the file instead."""
    update = request.config.getoption("--update-golden", default=False)

    def check(path: Path, found: str) -> None:
        if update:
            path.write_text(found, encoding="utf-8")
        assert found == path.read_text(encoding="utf-8")

    return check


@pytest.fixture(scope="session")
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """make("name.mp4", "-f", "lavfi", …): runs ffmpeg once per name and gives the file."""
    folder = tmp_path_factory.mktemp("sources")

    def made(name: str, *arguments: str) -> Path:
        path = folder / name
        if not path.exists():
            argv = [str(find_ffmpeg(None)), "-hide_banner", "-loglevel", "error", "-y", *arguments, str(path)]
            subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)
        return path

    return made
