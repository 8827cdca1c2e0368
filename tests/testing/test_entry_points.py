"""Packages that offer providers by entry point: classes and objects, two of one name, and the example under examples/."""

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from shotbuild.media.probe import probe
from tests.e2e.conftest import shotbuild
from tests.testing.pages import ROOT

EXAMPLE = ROOT / "examples/plugin-provider"
MODULE = """
from shotbuild.providers.animatic import Animatic

class Mine(Animatic):
    name = "mine"

class Misnamed(Animatic):
    pass

class Broken(Animatic):
    name = "mine"
    def __init__(self):
        raise RuntimeError("no licence file")

made = Mine()
"""
LOOK = "from shotbuild.plugins import registry; r = registry().providers; print(type(r['mine']).__name__, r['mine'].name)"


def installed(folder: Path, package: str, point: str) -> Path:
    """A package as pip leaves it: a module, and metadata with one entry point."""
    site = folder / package
    information = site / f"{package}-1.0.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(f"[shotbuild.providers]\n{point}\n")
    (site / f"{package}.py").write_text(MODULE)
    return site


def looked(*sites: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, sites))}
    return subprocess.run([sys.executable, "-c", LOOK], env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("what", ["Mine", "made"])
def test_an_entry_point_names_a_class_or_an_object(tmp_path: Path, what: str) -> None:
    found = looked(installed(tmp_path, "alpha", f"mine = alpha:{what}"))
    assert found.stdout == "Mine mine\n", found.stderr


def test_two_packages_with_one_name_are_an_error_that_names_both(tmp_path: Path) -> None:
    found = looked(*(installed(tmp_path, package, f"mine = {package}:Mine") for package in ("alpha", "beta")))
    assert "two packages offer a provider called 'mine'" in found.stderr
    film = tmp_path / "film"
    film.mkdir()
    (film / "shotbuild.yaml").write_text("shotbuild: 1\nproject: film\n")
    told = shotbuild(film, "lint", env={"PYTHONPATH": os.pathsep.join([str(tmp_path / "alpha"), str(tmp_path / "beta")])})
    assert told.code == 2
    assert "cause: alpha and beta" in told.err


def test_a_name_of_ours_is_taken(tmp_path: Path) -> None:
    found = looked(installed(tmp_path, "alpha", "runway = alpha:Mine"))
    assert "two packages offer a provider called 'runway'" in found.stderr


@pytest.mark.parametrize(
    ("what", "said"), [("Misnamed", "calls itself 'animatic'"), ("Broken", "cannot be made"), ("Gone", "cannot be loaded")]
)
def test_a_broken_package_is_an_error_with_its_cause(tmp_path: Path, what: str, said: str) -> None:
    found = looked(installed(tmp_path, "alpha", f"mine = alpha:{what}"))
    assert "PluginError: provider 'mine'" in found.stderr
    assert said in found.stderr


def delivered(project: Path, **environment: str) -> None:
    ran = shotbuild(project, "deliver", "--json", env=environment)
    assert ran.code == 0, ran.out + ran.err
    film = probe(project / "out/sequences/film/web.mp4")
    assert (film.video.frames, film.video.width, film.video.height) == (72, 640, 360)
    again = shotbuild(project, "deliver", "--json", env=environment).summary
    assert (again["ran"], again["failed"]) == (0, 0)


def copied(folder: Path) -> Path:
    """What of the example is in Git."""
    left_out = shutil.ignore_patterns("build", "*.egg-info", "__pycache__", ".shotbuild", "out")
    return Path(shutil.copytree(EXAMPLE, folder / "plugin-provider", ignore=left_out))


def test_the_example_is_found_passes_the_suite_and_draws_a_film(tmp_path: Path) -> None:
    """As installed, but without a package index: metadata beside the module."""
    package = copied(tmp_path)
    site = installed(tmp_path, "shotbuild_bars", "bars = shotbuild_bars:Bars")
    shutil.copy2(package / "shotbuild_bars.py", site)
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", ".", "."],
        cwd=package, env={**os.environ, "PYTHONPATH": str(site)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout
    delivered(package / "film", PYTHONPATH=str(site))


@pytest.mark.slow
def test_the_example_is_installed_by_pip_into_a_fresh_environment(tmp_path: Path) -> None:
    package, home = copied(tmp_path), tmp_path / "venv"
    venv.create(home, with_pip=True, symlinks=True)
    python = home / "bin/python"
    site = next((home / "lib").glob("python*/site-packages"))
    # shotbuild itself and what it needs come from the environment that runs the tests, with what its own .pth files say.
    ours = [path for path in sys.path if path.endswith("site-packages")]
    (site / "ours.pth").write_text("".join(f"import site; site.addsitedir({path!r})\n" for path in ours) + f"{ROOT}\n")
    run = [str(python), "-m", "pip", "install", "--quiet", "--no-deps", str(package)]
    ran = subprocess.run(run, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    film = package / "film"
    ran = subprocess.run([str(python), "-m", "shotbuild", "deliver"], cwd=film, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert probe(film / "out/sequences/film/web.mp4").video.frames == 72
