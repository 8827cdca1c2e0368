"""A frozen call asks no provider and writes nothing that Git keeps, whatever it is told to do."""

import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from shotbuild.cli.app import COMMANDS
from tests.cli.conftest import Call
from tests.e2e.conftest import Ran, contents, shotbuild
from tests.fakes import write_project

FROZEN = {"SHOTBUILD_FROZEN": "1"}
GENERATE = """#!/bin/sh
echo "$2" >> {log}
cp {clip} "$1"
printf '\\0\\0\\0\\110free%-64.64s' "$2" >> "$1"
"""
PROJECT = """\
shotbuild: 1
project: film
format: {size: 64x36, rate: 24}
providers:
  mine: {use: command, argv: "generate.sh {out} {prompt}", version: "1"}
  other: {use: command, argv: "generate.sh {out} {prompt}", version: "2"}
defaults: {duration: 2f, provider: mine}
"""
SPECS = """\
shots:
  sh010: {prompt: one at dawn}
  sh020: {prompt: two at dawn}
sequences: {opening: {cut: [sh010, sh020]}}
deliverables: {web: {sequence: opening, profile: preview}}
"""
CALLS = [
    ["build"],
    ["deliver"],
    ["roll", "sh010"],
    ["migrate", "sh010", "--to", "other"],
    ["verify", "sh010"],
    ["plan"],
    ["pick", "sh010", "t1"],
    ["approve", "sh010", "t1"],
    ["reject", "sh010", "t1", "--why", "x"],
    ["reopen", "sh010"],
    ["note", "sh010", "fine"],
    ["import", "../clip.mp4", "--as", "sh010"],
    ["restore", "--at", "HEAD"],
    ["lock", "--update"],
    ["recover"],
    ["jobs", "cancel", "op1"],
]
READING = [["lint"], ["status"], ["takes"], ["explain", "sh010"], ["graph"], ["audit"], ["cost"], ["jobs"], ["store", "ls"],
           ["verify", "--report"], ["lint", "--ledgers"], ["providers"], ["doctor"], ["schema"]]  # fmt: skip


@pytest.fixture(scope="session")
def bought(tmp_path_factory: pytest.TempPathFactory, made: Path) -> Path:
    """A project whose takes a program made; it writes down each time that it is asked."""
    folder = tmp_path_factory.mktemp("bought")
    clip = next(path for path in (made / "out/shots").glob("sh010.*"))
    (folder / "clip.mp4").write_bytes(clip.read_bytes())
    program = folder / "generate.sh"
    program.write_text(GENERATE.format(log=folder / "asked", clip=folder / "clip.mp4"))
    program.chmod(0o755)
    root = write_project(folder / "film", {"shotbuild.yaml": PROJECT, "specs/film.yaml": SPECS})
    built = shotbuild(root, "deliver", env={"SHOTBUILD_COMMANDS": str(program)})
    assert built.code == 0, built.err
    assert shotbuild(root, "approve", "sh010", "t1", "--by", "Ann <ann@studio.example>").code == 0
    (root / ".gitignore").write_text("out/\n")
    commit(root)
    return root


def commit(root: Path) -> None:
    person = ("-c", "user.name=Ann", "-c", "user.email=ann@studio.example")
    for words in (("init", "-q"), ("add", "-A"), (*person, "commit", "-q", "-m", "a film")):
        subprocess.run(["git", *words], cwd=root, check=True)


def run(root: Path, *words: str, env: Mapping[str, str] = FROZEN) -> Ran:
    return shotbuild(root, *words, env={"SHOTBUILD_COMMANDS": str(root.parent / "generate.sh"), **env})


def kept(root: Path) -> dict[str, str]:
    """All that Git keeps of a project, and how often its program was asked."""
    files = {**contents(root, "takes"), **contents(root, "specs")}
    files |= {name: (root / name).read_text() for name in ("shotbuild.lock", "shotbuild.yaml")}
    return files | {"asked": (root.parent / "asked").read_text()}


@pytest.fixture
def changed(bought: Path) -> Path:
    """The project after an edit that asks for a new take; what a test writes is taken back."""
    spec = bought / "specs/film.yaml"
    spec.write_text(SPECS.replace("two at dawn", "two at night"))
    return bought


def test_every_command_that_may_make_or_write_something_is_tried() -> None:
    tried = {words[0] for words in (*CALLS, *READING)}
    # These write no ledger and no lock: out of the project, or into its store alone.
    assert tried | {"init", "archive", "export", "diff", "why", "worker", "report", "review"} == set(COMMANDS)


@pytest.mark.slow
def test_no_command_asks_a_provider_or_writes_what_git_keeps(changed: Path) -> None:
    before = kept(changed)
    for words in CALLS:
        told = run(changed, *words)
        assert told.code == 3, (words, told.code, told.err)
        assert kept(changed) == before, words
    for words in READING:
        assert run(changed, *words).code == 0, words
        assert kept(changed) == before, words


def test_the_option_says_the_same_as_the_variable(changed: Path) -> None:
    before = kept(changed)
    for words in (["build"], ["roll", "sh010"], ["verify", "sh010"], ["plan"]):
        assert run(changed, *words, "--frozen", env={}).code == 3, words
        assert kept(changed) == before, words


def test_a_fork_without_a_key_is_planned_and_built_of_what_is_there(bought: Path, tmp_path: Path) -> None:
    """A clone, where no program may run: by itself it says what is missing, and with the bytes of takes it builds."""
    (bought / "specs/film.yaml").write_text(SPECS)
    fork = tmp_path / "fork"
    subprocess.run(["git", "clone", "-q", str(bought), str(fork)], check=True)
    before = {**contents(fork, "takes"), **contents(fork, "specs"), "lock": (fork / "shotbuild.lock").read_text()}
    assert shotbuild(fork, "plan").code == 0
    told = shotbuild(fork, "build", "--frozen", env=FROZEN)
    assert told.code == 3
    assert "sh020/t1 is missing, and a frozen build generates nothing" in told.err
    shutil.copytree(bought / ".shotbuild/store", fork / ".shotbuild/store", dirs_exist_ok=True)
    for words in (["plan"], ["build", "--frozen"], ["deliver", "--frozen"]):
        told = shotbuild(fork, *words, env=FROZEN)
        assert told.code == 0, told.err
    assert contents(fork, "out/sequences") == contents(bought, "out/sequences")
    assert before == {**contents(fork, "takes"), **contents(fork, "specs"), "lock": (fork / "shotbuild.lock").read_text()}
    subprocess.run(["git", "diff", "--exit-code"], cwd=fork, check=True)


@pytest.fixture
def service() -> Iterator[tuple[str, list[str]]]:
    """Where a service would be, and what it was asked."""
    asked: list[str] = []

    class Refuses(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.path)
            self.send_error(400)

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Refuses) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
        server.shutdown()
        thread.join()


def test_a_frozen_build_with_a_key_and_a_budget_asks_no_service(tmp_path: Path, service: tuple[str, list[str]]) -> None:
    address, asked = service
    spec = "shots: {sh010: {prompt: one at dawn}}\n"
    head = "shotbuild: 1\nproject: film\nproviders: {hero: {use: runway, model: gen4.5}}\n"
    more = "defaults: {provider: hero, duration: 5s}\nbudget: {limit: 100 USD}\n"
    root = write_project(tmp_path / "film", {"shotbuild.yaml": head + more, "specs/film.yaml": spec})
    env = {"RUNWAYML_BASE_URL": address, "RUNWAYML_API_SECRET": "key"}
    assert shotbuild(root, "lock", "--update", env=env).code == 0
    for words in (["build", "--frozen"], ["roll", "sh010", "--frozen"]):
        told = shotbuild(root, *words, env=env)
        assert (told.code, asked) == (3, []), told.err
    for words in (["build"], ["roll", "sh010"], ["recover"]):
        told = shotbuild(root, *words, env=env | FROZEN)
        assert (told.code, asked) == (3, []), told.err
    assert not (root / "takes").exists()
    shotbuild(root, "build", env=env)
    assert asked, "the same build would have asked"


@pytest.mark.parametrize("word", ["", "0"])
def test_nothing_and_0_are_not_frozen(film: Path, call: Call, monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    monkeypatch.setenv("SHOTBUILD_FROZEN", word)
    assert call(film, "approve", "sh010", "t1", "--by", "Ann <ann@studio.example>").code == 0


@pytest.mark.parametrize("word", ["true", "2", "1 ", "no"])
def test_another_word_is_an_error(film: Path, call: Call, monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    monkeypatch.setenv("SHOTBUILD_FROZEN", word)
    for words in (["build"], ["status"], ["recover"]):
        told = call(film, *words)
        assert told.code == 2
        assert "SHOTBUILD_FROZEN" in told.err


def test_what_was_answered_from_stats_is_not_answered_so_when_it_is_frozen(film: Path) -> None:
    assert shotbuild(film, "build").code == 0
    assert shotbuild(film, "build").code == 0
    (film / "shotbuild.lock").unlink()
    assert shotbuild(film, "build", env=FROZEN).code == 3
    assert not (film / "shotbuild.lock").exists()


def test_a_take_of_the_store_that_no_ledger_has_is_used_and_not_entered(film: Path) -> None:
    (film / "takes/sh010.jsonl").unlink()
    told = shotbuild(film, "build", "--frozen")
    assert told.code == 0, told.err
    assert "takes/sh010.jsonl has no line of sh010/t1" in told.err
    assert not (film / "takes/sh010.jsonl").exists()
    assert shotbuild(film, "build").code == 0
    assert (film / "takes/sh010.jsonl").exists()


def test_a_plan_says_with_3_that_a_frozen_build_would_stop(film: Path, call: Call) -> None:
    assert call(film, "plan", "--frozen").code == 0
    spec = film / "specs/opening.yaml"
    spec.write_text(spec.read_text().replace("the sea", "the ocean"))
    told = call(film, "plan", "--frozen", "sh020")
    assert told.code == 3
    assert "sh020/t1 is missing, and a frozen build generates nothing" in told.err
    assert call(film, "plan", "--frozen", "sh010").code == 0
    (film / "shotbuild.lock").unlink()
    told = call(film, "plan", "--frozen", "sh010")
    assert told.code == 3
    assert "there is no shotbuild.lock" in told.err
    assert not (film / "shotbuild.lock").exists()
