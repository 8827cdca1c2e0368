"""The same project gives the same bytes: anywhere, under any user's settings, after any interruption."""

import os
import random
import shutil
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.e2e.conftest import TINY, argv, contents, environment, shotbuild
from tests.fakes import write_project


def everything(root: Path) -> dict[str, str]:
    """Deliverables, shots, every intermediate in the store, and the lock."""
    return contents(root) | contents(root, ".shotbuild/store/cas") | {"lock": (root / "shotbuild.lock").read_text()}


def test_two_folders_give_the_same_bytes(tmp_path: Path) -> None:
    one = write_project(tmp_path / "one", TINY)
    two = write_project(tmp_path / "another place" / "mit Umlaut ü" / "it's 100%", TINY)
    assert shotbuild(one, "build", "-j", "1").code == 0
    other = shotbuild(
        two,
        "build",
        "-j",
        "3",
        env={
            "TZ": "Pacific/Kiritimati",
            "LC_ALL": "C",
            "LANG": "tr_TR.UTF-8",
            "PYTHONHASHSEED": "4711",
            "HOME": str(tmp_path / "home"),
            "USER": "somebody",
        },
        umask=0o077,
    )
    assert other.code == 0, other.err
    assert everything(one) == everything(two)


@pytest.mark.slow
def test_a_build_that_is_killed_anywhere_ends_with_the_same_bytes(tmp_path: Path) -> None:
    whole = write_project(tmp_path / "whole", TINY)
    assert shotbuild(whole, "build").code == 0
    chance = random.Random(20261123)
    for attempt in range(6):
        root = write_project(tmp_path / f"killed{attempt}", TINY)
        finished: set[str] = set()
        for _ in range(40):
            process = subprocess.Popen(
                argv(["build", "--json"]), cwd=root, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment({})
            )
            time.sleep(chance.uniform(0.4, 1.6))
            process.kill()
            told = process.communicate()[0].decode()
            now = {
                line.split('"step": "')[1].split('"')[0]
                for line in told.splitlines()
                if '"finished"' in line and '"ran": true' in line
            }
            assert not now & finished, "a finished step ran again"
            finished |= now
            if '"summary"' in told:
                break
        last = shotbuild(root, "build", "--json")
        assert not last.steps & finished
        assert contents(root) == contents(whole)
        shutil.rmtree(root)


def test_two_builds_at_once_run_each_action_once(tiny: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        one, two = pool.map(lambda _: shotbuild(tiny, "build", "--json"), range(2))
    assert one.code == two.code == 0, one.err + two.err
    assert not one.steps & two.steps
    assert len(one.steps) + len(two.steps) == one.summary["ran"] + two.summary["ran"]
    assert shotbuild(tiny, "build", "--json").summary["ran"] == 0
    for ledger in (tiny / "takes").iterdir():
        assert len(ledger.read_text().splitlines()) == 1


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_build_stops_its_programs_and_resumes(tiny: Path, sent: signal.Signals) -> None:
    long = TINY["specs/opening.yaml"].replace("{template", "{duration: 60s, template")
    (tiny / "specs/opening.yaml").write_text(long)
    process = subprocess.Popen(
        argv(["build"]),
        cwd=tiny,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment({}),
        start_new_session=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if b"start" in line:
            break
    time.sleep(1.0)
    os.kill(process.pid, sent)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130, err
    assert b"Traceback" not in err
    time.sleep(0.2)
    left = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(tiny) not in left
    assert list((tiny / ".shotbuild" / "work").glob("*/*")) == []
    (tiny / "specs/opening.yaml").write_text(TINY["specs/opening.yaml"])
    assert shotbuild(tiny, "build").code == 0
