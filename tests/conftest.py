"""Fakes that specs are loaded against, a way to write projects, and golden files."""

import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from shotbuild.errors import SpecErrors, render
from shotbuild.host.tools import find_ffmpeg
from shotbuild.media.profiles import PROFILES
from shotbuild.providers.common import table_objections
from shotbuild.providers.interface import Model
from shotbuild.records import Objection, Project, Wish
from shotbuild.spec.fields import Field, choice, factor, integer, size, text, truth
from shotbuild.spec.kept import Kept
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


SERVICES = ("runway", "strict", "topaz")


def _model(
    name: str, known: Mapping[str, Field], roles: tuple[str, ...] = ("first_frame",), seconds: int = 10, **more: Any
) -> Model:
    return Model(name=name, version="1", fields=known, roles=roles, seconds=seconds, **more)


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
    narrow = {
        "quality": choice("low", "high", default="high", doc="Quality."),
        "draft": truth(default=False, doc="A draft.", since="2026-08"),
    }
    larger = {"scale": integer(1, 8, default=2, doc="How much larger.")}
    models = {
        "animatic": (_model("animatic", drawn, ("first_frame", "style"), 60),),
        "runway": (
            _model("gen4", {"steps": paid["steps"]}, (), 5),
            _model("gen4.5", {name: paid[name] for name in ("ratio", "steps")}),
            _model("polish", {}, ("video",), kind="upscale"),
        ),
        "strict": (
            _model("strict", paid),
            _model(
                "narrow",
                narrow,
                ("first_frame", "last_frame", "video"),
                lengths=(Fraction(5), Fraction(10)),
                ratios=("16:9",),
                prompt=40,
                needs=("first_frame",),
                seeded=False,
            ),
        ),
        "topaz": (_model("prob", larger, ("video",), 20, kind="upscale", needs=("video",), seeded=False),),
    }
    providers = {name: {model.name: model for model in offered} for name, offered in models.items()}

    def objections(provider: str, model: str, wish: Wish) -> list[Objection]:
        """Those of the model's table, and two like those of an adapter."""
        found = table_objections(providers[provider][model], wish)
        if model == "narrow" and wish.settings.get("quality") == "high" and "last_frame" in wish.references:
            found.append(
                Objection(key="quality", message="with a last frame, 'narrow' makes no `high`", remedy="write `low`")
            )
        if model == "prob" and wish.format.size.width * wish.settings.integer("scale") > 8192:
            found.append(Objection(key="scale", message="this gets too large", cause="8192 is the widest"))
        return found

    return Tables(
        providers=providers,
        stages={"upscale": upscale, "grain": {}},
        profiles={name: PROFILES[name] for name in ("h264-web", "prores-422-hq", "social-vertical", "preview")},
        is_service=lambda name: name in SERVICES,
        objections=objections,
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
        """Also with what the load before came to, which may make no difference."""
        fresh = self._loaded(Kept())
        path = self.root.parent / "kept"
        for _ in range(2):
            kept = Kept(path)
            assert repr(self._loaded(kept)) == repr(fresh)
            kept.close()
        if isinstance(fresh, SpecErrors):
            raise fresh
        return fresh

    def _loaded(self, kept: Kept) -> Project | SpecErrors:
        try:
            return load(self.root, self.tables, kept)
        except SpecErrors as errors:
            return errors

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
