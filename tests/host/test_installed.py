"""What the folders of installed packages say is what `importlib.metadata` says."""

import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

from shotbuild.host import installed

GROUP = "shotbuild.providers"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def package(site: Path, name: str, version: str, entries: str = "", kind: str = "dist-info") -> None:
    folder = site / f"{name}-{version}.{kind}"
    folder.mkdir()
    file = "METADATA" if kind == "dist-info" else "PKG-INFO"
    (folder / file).write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\nVersion: of what it tells of\n")
    if entries:
        (folder / "entry_points.txt").write_text(entries)


def named(group: str) -> list[tuple[str, str]]:
    return sorted((each.name, each.value) for each in installed.offered(group)[group])


def libraries(group: str) -> list[tuple[str, str]]:
    return sorted((each.name, each.value) for each in metadata.entry_points(group=group))


@pytest.mark.parametrize("kind", ["dist-info", "egg-info"])
def test_entry_points_are_those_of_the_library(site: Path, kind: str) -> None:
    package(site, "alpha", "1.0", f"[console_scripts]\na = alpha:run\n[{GROUP}]\nmine = alpha:Mine\n", kind)
    package(site, "beta", "1.0", f"[{GROUP}.more]\nother = beta:Other\n", kind)
    package(site, "gamma", "1.0", "[console_scripts]\nb = gamma:run\n", kind)
    assert ("mine", "alpha:Mine") in named(GROUP)
    assert named(GROUP) == libraries(GROUP)
    assert named("console_scripts") == libraries("console_scripts")
    assert named("shotbuild.nothing") == libraries("shotbuild.nothing") == []


def test_entry_points_in_a_zip_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile(tmp_path / "site.zip", "w") as file:
        file.writestr("alpha-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: alpha\nVersion: 1.0\n")
        file.writestr("alpha-1.0.dist-info/entry_points.txt", f"[{GROUP}]\nmine = alpha:Mine\n")
    monkeypatch.syspath_prepend(str(tmp_path / "site.zip"))
    assert ("mine", "alpha:Mine") in named(GROUP)


def test_what_another_finder_finds_is_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    package(tmp_path, "alpha", "1.0", f"[{GROUP}]\nmine = alpha:Mine\n")

    class Finder(metadata.DistributionFinder):
        def find_spec(self, name: str, path: object, target: object = None) -> None:
            return None

        def find_distributions(self, context: object = None) -> list[metadata.Distribution]:
            return [metadata.Distribution.at(tmp_path / "alpha-1.0.dist-info")]

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder()])
    assert ("mine", "alpha:Mine") in named(GROUP)


def test_versions_are_those_of_the_library(site: Path) -> None:
    assert installed.version("av") == metadata.version("av")
    package(site, "alpha", "1.0.post1+local.2")
    package(site, "alphabet", "3.0")
    package(site, "older", "2.0", kind="egg-info")
    for name in ("alpha", "alphabet", "older"):
        assert installed.version(name) == metadata.version(name)
    with pytest.raises(metadata.PackageNotFoundError):
        installed.version("nothing")


def test_the_first_of_two_counts(
    site: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    package(site, "alpha", "2.0")
    before = site / "before"
    before.mkdir()
    package(before, "alpha", "1.0")
    monkeypatch.syspath_prepend(str(before))
    assert installed.version("alpha") == metadata.version("alpha") == "1.0"
