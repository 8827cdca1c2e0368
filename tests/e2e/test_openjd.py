"""A job that was exported, run by the real `openjd` and by workers that have no project: the same bytes as a build here."""

import json
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import TINY, Ran, argv, contents, environment, shotbuild
from tests.e2e.films import still
from tests.fakes import write_project

OPENJD = Path(sys.executable).with_name("openjd")
needs_openjd = pytest.mark.skipif(not OPENJD.exists(), reason="the openjd command is not installed: pip install openjd-cli")
FILM = TINY | {
    "specs/opening.yaml": """shots:
  sh010: {template: templates/wide.j2, with: {place: a lighthouse}, references: {first_frame: assets/still.png}}
  sh020: {template: templates/wide.j2, with: {place: the sea}, takes: 2}
  sh030: {continue: sh020, prompt: "Close-up, he reaches the lamp room.", settings: {sound: scratch}}
  sh040: {prompt: The end., finish: [speed: {factor: 1/2}]}
sequences:
  opening:
    cut:
      - sh010
      - {shot: sh020, in: 2f, out: 11f, transition: {dissolve: 4f}}
      - sh030
      - sh040
    titles:
      - {text: The Lighthouse, at: 2f, for: 8f}
deliverables:
  web: {sequence: opening, profile: h264-web}
  preview: {sequence: opening, profile: preview}
  frames: {sequence: opening, profile: png-sequence}
""",
}
ODD = "{{Param.Store}} {{ }} \"quoted\" 'once' $(touch here) `touch here` \\n; rm -rf /\n--openjd\nopenjd_fail: no\né"


def raw(text: str) -> str:
    """Text that is no template where templates are read."""
    return f"{{% raw %}}{text}{{% endraw %}}"


def film(root: Path) -> Path:
    write_project(root, FILM)
    still(root / "assets/still.png")
    return root


def openjd(*words: str, cwd: Path, path: str | None = None) -> Ran:
    """The command with `shotbuild` on its PATH."""
    here = str(OPENJD.parent)
    env = environment({"PATH": f"{here}:/usr/bin:/bin" if path is None else path})
    done = subprocess.run([str(OPENJD), *words], cwd=cwd, env=env, capture_output=True, text=True, timeout=600, check=False)
    return Ran(done.returncode, done.stdout, done.stderr)


def worker(cwd: Path, *words: str) -> Ran:
    done = subprocess.run(
        argv(["worker", *words]), cwd=cwd, env=environment({}), capture_output=True, text=True, timeout=300, check=False
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Ran(done.returncode, done.stdout, done.stderr)


def handed_out(folder: Path) -> dict[str, str]:
    return {
        path.removeprefix("out/"): digest for path, digest in contents(folder).items() if not path.endswith("SHA256SUMS")
    }


def built(folder: Path) -> dict[str, str]:
    return {path.removeprefix("out/"): digest for path, digest in contents(folder).items()}


def job_of(root: Path, to: Path, *words: str) -> dict[str, Any]:
    ran = shotbuild(root, "export", "openjd", *words, "--to", str(to), "--store", str(to.parent / "store"), "--json")
    assert ran.code == 0, ran.err
    return dict(json.loads(ran.out))


def flipped(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.chmod(0o644)
    file.write_bytes(bytes(content))


def numbers(job: dict[str, Any]) -> str:
    return f"1-{job['tasks']}"


@needs_openjd
@pytest.mark.slow
def test_openjd_runs_a_job_to_the_bytes_of_a_build(tmp_path: Path) -> None:
    one, two, job = film(tmp_path / "one"), film(tmp_path / "two"), tmp_path / "job"
    told = job_of(one, job)
    assert not (one / "out").exists()
    assert openjd("check", str(job / "template.json"), cwd=tmp_path).code == 0
    ran = openjd("run", str(job / "template.json"), "-p", f"Store={tmp_path / 'store'}", cwd=tmp_path)
    assert ran.code == 0, ran.out + ran.err
    assert f"Chunks run: {told['tasks'] + 1}" in ran.out
    assert "openjd_progress: 100" in ran.out
    assert "openjd_status: opening/web\n" in ran.out

    assert shotbuild(two, "build").code == 0
    assert handed_out(job) == built(two)

    here = shotbuild(one, "build", "--json", env={"SHOTBUILD_STORE": str(tmp_path / "store")})
    assert (here.code, here.summary["ran"], here.summary["generated"]) == (0, 0, 0)
    assert built(one) == built(two)
    assert sorted(path.name for path in (one / "takes").iterdir()) == sorted(path.name for path in (two / "takes").iterdir())


@needs_openjd
@pytest.mark.slow
def test_one_step_with_what_it_needs_can_be_run_and_run_again(tmp_path: Path) -> None:
    root, job = write_project(tmp_path / "film", TINY), tmp_path / "job"
    job_of(root, job, "opening/preview")
    arguments = ["run", str(job / "template.json"), "-p", f"Store={tmp_path / 'store'}"]
    arguments += ["-p", f"OutDir={tmp_path / 'there'}", "--step", "collect", "--run-dependencies"]
    assert openjd(*arguments, cwd=tmp_path).code == 0
    first = contents(tmp_path, "there")
    assert "there/sequences/opening/preview.mp4" in first
    assert "there/sequences/opening/web.mp4" not in first
    results = sorted((tmp_path / "store/ac").rglob("*"))
    assert openjd(*arguments, cwd=tmp_path).code == 0
    assert contents(tmp_path, "there") == first
    assert sorted((tmp_path / "store/ac").rglob("*")) == results


@needs_openjd
def test_a_step_that_fails_fails_the_job_in_words(tmp_path: Path) -> None:
    root, job = write_project(tmp_path / "film", TINY), tmp_path / "job"
    job_of(root, job)
    said = json.loads((job / "template.json").read_text())
    last = said["steps"][-2]["name"]
    ran = openjd("run", str(job / "template.json"), "-p", f"Store={tmp_path / 'store'}", "--step", last, cwd=tmp_path)
    assert ran.code == 1
    assert "openjd_fail: opening/preview/report: sh010/t1 has not been made yet" in ran.out
    assert "it is in number 1 of the plan" in ran.out


@needs_openjd
def test_text_of_specs_is_no_part_of_a_template(tmp_path: Path) -> None:
    spec = {
        "shots": {
            "sh010": {"prompt": raw(ODD + "x" * 10_000), "title": ODD},
            "sh020": {"prompt": raw("{{Session.WorkingDirectory}}")},
        },
        "sequences": {"opening": {"cut": ["sh010", "sh020"], "titles": [{"text": raw(ODD), "at": "1f", "for": "4f"}]}},
        "deliverables": {"preview": {"sequence": "opening", "profile": "preview", "file": "a b/{{ 'x' }}"}},
    }
    head = {"shotbuild": 1, "project": "film", "format": {"size": "128x72", "rate": 24}, "defaults": {"duration": "6f"}}
    one, two = tmp_path / "one", tmp_path / "two"
    for root in (one, two):
        write_project(root, {"shotbuild.yaml": json.dumps(head), "specs/a.yaml": json.dumps(spec)})
    linted = shotbuild(one, "lint")
    assert linted.code == 0, linted.err
    job = tmp_path / "job"
    told = job_of(one, job)
    template = (job / "template.json").read_text()
    assert "touch" not in template
    assert "quoted" not in template
    assert "touch here" in (job / "plan.json").read_text()
    checked = openjd("check", str(job / "template.json"), cwd=tmp_path)
    assert checked.code == 0, checked.out
    there = ["--plan", str(job / "plan.json"), "--store", str(tmp_path / "store"), "--openjd"]
    ran = worker(tmp_path, "run", *there, "--number", numbers(told))
    assert ran.code == 0, ran.err
    assert {line.split(":")[0] for line in ran.out.splitlines()} == {"openjd_status", "openjd_progress"}
    assert worker(tmp_path, "collect", *there, "--to", "job/out").code == 0
    assert shotbuild(two, "build").code == 0
    assert handed_out(job) == built(two)
    assert not list(tmp_path.rglob("here"))


def test_workers_make_what_a_build_makes(tmp_path: Path) -> None:
    root, job = write_project(tmp_path / "film", TINY), tmp_path / "job"
    told = job_of(root, job)
    there = ["--plan", "job/plan.json", "--store", "store"]
    ran = worker(tmp_path, "run", *there, "--number", numbers(told))
    assert ran.code == 0, ran.err
    assert ran.out == ""
    collected = worker(tmp_path, "collect", *there, "--to", "job/out")
    assert collected.code == 0
    assert "job/out/sequences/opening/web.mp4" in collected.out.split()
    assert not list(tmp_path.glob("shotbuild-*"))
    done = shotbuild(root, "deliver", "--json", env={"SHOTBUILD_STORE": str(tmp_path / "store")})
    assert (done.code, done.summary["ran"]) == (0, 0)
    for path, digest in built(root).items():
        assert handed_out(job)[path] == digest


def test_damaged_bytes_are_neither_used_nor_handed_out(tmp_path: Path) -> None:
    root, job = write_project(tmp_path / "film", TINY), tmp_path / "job"
    told = job_of(root, job, "opening/preview")
    there = ["--plan", "job/plan.json", "--store", "store"]
    assert worker(tmp_path, "run", *there, "--number", numbers(told)).code == 0
    for blob in (tmp_path / "store/cas").rglob("*"):
        if blob.is_file():
            flipped(blob)
    collected = worker(tmp_path, "collect", *there, "--to", "job/out")
    assert collected.code == 1
    assert "do not match" in collected.err
    assert not list(job.rglob("*.mp4"))


def test_a_store_that_is_not_mounted_is_not_filled(tmp_path: Path) -> None:
    root, job = write_project(tmp_path / "film", TINY), tmp_path / "job"
    job_of(root, job, "sh010")
    (tmp_path / "store").rename(tmp_path / "unmounted")
    (tmp_path / "store").mkdir()
    ran = worker(tmp_path, "run", "--plan", "job/plan.json", "--store", "store", "--number", "1", "--openjd")
    assert ran.code == 1
    assert "openjd_fail: " in ran.out
    assert "mount it" in ran.err
    assert not list((tmp_path / "store").iterdir())


def test_a_frozen_environment_exports_and_makes_nothing(tmp_path: Path) -> None:
    root = write_project(tmp_path / "film", TINY)
    frozen = {"SHOTBUILD_FROZEN": "1"}
    ran = shotbuild(root, "export", "openjd", "--to", "../job", "--store", "../store", env=frozen)
    assert ran.code == 3, ran.err
    assert not (tmp_path / "store").exists()
    job_of(root, tmp_path / "job", "sh010")
    words = ["worker", "run", "--plan", "job/plan.json", "--store", "store", "--number", "1"]
    assert shotbuild(tmp_path, *words, env=frozen).code == 3
    assert not (tmp_path / "store/ac").exists()


@pytest.mark.slow
def test_workers_that_are_killed_and_begun_twice_come_to_the_same_bytes(tmp_path: Path) -> None:
    one, two, job = write_project(tmp_path / "one", TINY), write_project(tmp_path / "two", TINY), tmp_path / "job"
    told = job_of(one, job)
    there = ["--plan", "job/plan.json", "--store", "store", "--number", numbers(told)]
    chance = random.Random(8)
    for _ in range(6):
        racing = [
            subprocess.Popen(
                argv(["worker", "run", *there]), cwd=tmp_path, env=environment({}), stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            for _ in range(2)
        ]  # fmt: skip
        time.sleep(chance.uniform(0.4, 1.5))
        for process in racing:
            process.kill()
            process.wait()
    with ThreadPoolExecutor(2) as pool:
        for ran in pool.map(lambda _: worker(tmp_path, "run", *there), range(2)):
            assert ran.code == 0, ran.err
    assert worker(tmp_path, "collect", *there[:4], "--to", "job/out").code == 0
    assert shotbuild(two, "build").code == 0
    assert handed_out(job) == built(two)


def test_what_costs_money_stays_here(tmp_path: Path) -> None:
    files = TINY | {
        "shotbuild.yaml": TINY["shotbuild.yaml"]
        + "providers: {board: {use: animatic}, hero: {use: runway, model: gen4.5}}\nbudget: {limit: 50 USD}\n",
        "specs/opening.yaml": TINY["specs/opening.yaml"].replace(
            "with: {place: the sea}", "with: {place: the sea}, provider: hero, duration: 5s"
        ),
    }
    root = write_project(tmp_path / "film", files)
    (root / "shotbuild.yaml").write_text(
        (root / "shotbuild.yaml").read_text().replace("{duration: 12f}", "{duration: 12f, provider: board}")
    )
    ran = shotbuild(root, "export", "openjd", "--to", "../job", "--store", "../store")
    assert ran.code == 3, ran.err
    assert "sh020/t1: runway gen4.5 is a service, " in ran.err
    assert " USD" in ran.err
    assert "shotbuild build sh020" in ran.err
    assert not (tmp_path / "job").exists()


@pytest.mark.parametrize("words", [["--number", "1"], ["--number", "x", "--store", "s"], ["--number", "99", "--store", "s"]])
def test_a_worker_that_is_called_wrongly_says_so(tmp_path: Path, words: Sequence[str]) -> None:
    root = write_project(tmp_path / "film", TINY)
    job_of(root, tmp_path / "job")
    ran = worker(tmp_path, "run", "--plan", "job/plan.json", *words)
    assert ran.code == 2
    assert "hint:" in ran.err or "cause:" in ran.err


def test_a_plan_that_somebody_spoilt_is_refused(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text('{"schema": "shotbuild/parcel/1"}')
    for words in (["run", "--number", "1"], ["collect", "--to", "out"]):
        ran = worker(tmp_path, *words, "--plan", "plan.json", "--store", "store", "--openjd")
        assert ran.code == 2
        assert ran.out.startswith("openjd_fail: this plan")
    assert worker(tmp_path, "run", "--number", "1", "--plan", "nothing.json", "--store", "store").code == 2


@needs_openjd
@pytest.mark.slow
def test_a_plan_of_two_thousand_steps_is_a_valid_template(tmp_path: Path) -> None:
    names = [f"sh{number:04}" for number in range(670)]
    shots = "".join(f"  {name}: {{prompt: Shot {name}.}}\n" for name in names)
    cut = "".join(f"      - {name}\n" for name in names)
    spec = f"shots:\n{shots}sequences:\n  long:\n    cut:\n{cut}deliverables:\n"
    spec += "  web: {sequence: long, profile: h264-web}\n  preview: {sequence: long, profile: preview}\n"
    root = write_project(tmp_path / "film", {"shotbuild.yaml": TINY["shotbuild.yaml"], "specs/a.yaml": spec})
    told = job_of(root, tmp_path / "job", "--no-push")
    assert told["steps"] >= 2000
    assert told["tasks"] > 1024
    checked = openjd("check", str(tmp_path / "job/template.json"), cwd=tmp_path)
    assert checked.code == 0, checked.out + checked.err
    summed = openjd("summary", str(tmp_path / "job/template.json"), "-p", "Store=/x", cwd=tmp_path)
    assert f"Total tasks: {told['tasks'] + 1}" in summed.out
    shutil.rmtree(root)
