"""When a step fails: the others go on, what needs it is skipped, and the exit code says so."""

import os
import stat
from pathlib import Path

import pytest

from tests.e2e.conftest import contents, shotbuild

BROKEN = """shots:
  bad: {plate: assets/cut.mov}
  good: {prompt: "Wide, a road at dawn."}
sequences:
  one: {cut: [good]}
deliverables:
  web: {sequence: one, profile: h264-web}
"""


def test_a_plate_that_is_no_film_is_a_spec_error_with_its_place(tiny: Path) -> None:
    (tiny / "assets").mkdir()
    (tiny / "assets/cut.mov").write_text("this is not a film")
    (tiny / "specs/opening.yaml").write_text(BROKEN)
    told = shotbuild(tiny, "build")
    assert told.code == 2
    assert "specs/opening.yaml:2:" in told.err
    assert "plate assets/cut.mov cannot be used" in told.err


def test_a_failing_encoder_stops_only_what_needs_it(tiny: Path, tmp_path: Path) -> None:
    """An ffmpeg that fails for one kind of file, in place of the real one."""
    real = shotbuild(tiny, "doctor").out.splitlines()[3].strip()
    false = tmp_path / "ffmpeg"
    false.write_text(
        f'#!/bin/sh\ncase "$*" in *chunk.mp4*) echo "no room for a picture" >&2; exit 7;; esac\nexec {real} "$@"\n'
    )
    false.chmod(false.stat().st_mode | stat.S_IXUSR)
    told = shotbuild(tiny, "build", env={"SHOTBUILD_FFMPEG": str(false)})
    assert told.code == 1
    assert "ended with exit code 7" in told.err
    assert "no room for a picture" in told.err
    assert {path for path in contents(tiny) if "shots" in path} == {f"out/shots/sh0{n}0.mp4" for n in (1, 2, 3)}
    assert "skipped  opening/web" in told.err
    assert shotbuild(tiny, "build", "--fail-fast", env={"SHOTBUILD_FFMPEG": str(false)}).code == 1


def test_out_that_leads_elsewhere_is_refused(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tiny / "out").symlink_to(tmp_path / "elsewhere")
    told = shotbuild(tiny, "build")
    assert told.code == 1
    assert "leads out of the project" in told.err
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes anywhere")
def test_a_project_that_cannot_be_written_is_told(tiny: Path) -> None:
    tiny.chmod(0o555)
    try:
        told = shotbuild(tiny, "build")
    finally:
        tiny.chmod(0o755)
    assert told.code == 1
    assert "cannot be made" in told.err


def test_a_full_disk_is_told_and_the_next_build_goes_on(tiny: Path) -> None:
    """A limit on file size stands for a full disk: writing fails in the same place, with another errno."""
    import resource
    import subprocess

    from tests.e2e.conftest import argv, environment

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    told = subprocess.run(
        argv(["build"]),
        cwd=tiny,
        capture_output=True,
        text=True,
        env=environment({}),
        preexec_fn=limited,
        timeout=300,
        check=False,
    )
    assert told.returncode not in (0, 70), told.stderr
    assert "Traceback" not in told.stderr
    assert shotbuild(tiny, "build").code == 0
