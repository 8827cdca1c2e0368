"""The files that other services read: workflows, hooks, the image. Each command and path in them exists."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.test_docs import ROOT, blocks, parser, text

WORKFLOWS = ("docs/ci/github.yml", "docs/ci/gitlab.yml")
HOOKS = ".pre-commit-hooks.yaml"


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in ("run", "script", "after_script", "before_script"):
                yield from ([inner] if isinstance(inner, str) else inner)
            else:
                yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)


def calls(script: str) -> Iterator[list[str]]:
    """The words after `shotbuild` of every call in a script for a shell."""
    plain = re.sub(r"\$\{\{[^}]*\}\}|\$\w+|\$\{\w+\}", "X", script)
    for line in plain.splitlines():
        reader = shlex.shlex(line, posix=True, punctuation_chars=True)
        reader.whitespace_split = True
        words = list(reader)
        for start, word in enumerate(words):
            if word == "shotbuild":
                rest = words[start + 1 :]
                end = next((at for at, each in enumerate(rest) if re.fullmatch(r"[|&;<>()]+", each)), len(rest))
                yield rest[:end]


def checked(words: list[str]) -> None:
    name, *arguments = words
    parser(name).make_context(name, arguments)


@pytest.mark.parametrize("path", WORKFLOWS)
def test_workflows_call_what_exists(path: str) -> None:
    found = [call for script in strings(yaml.safe_load(text(path))) for call in calls(script)]
    for words in found:
        checked(words)
    # What has to be in both: all checks without a key, and a delivery with a limit.
    said = [" ".join(words) for words in found]
    for wanted in ("lint", "lint --ledgers --base X", "plan --markdown", "build --frozen", "deliver --max-cost"):
        assert any(line.startswith(wanted) for line in said), wanted


def test_the_job_for_pull_requests_has_no_key_and_is_frozen() -> None:
    github = yaml.safe_load(text("docs/ci/github.yml"))
    check = github["jobs"]["check"]
    assert "secrets." not in json.dumps(check)
    assert check["env"]["SHOTBUILD_FROZEN"] == "1"
    assert check["env"]["SHOTBUILD_STORE_PUSH"] == "nothing"
    assert "id-token" not in check["permissions"]
    # YAML 1.1 reads `on` as true.
    assert "pull_request" in github[True]
    assert "pull_request_target" not in github[True]
    gitlab = yaml.safe_load(text("docs/ci/gitlab.yml"))["check"]
    assert gitlab["variables"]["SHOTBUILD_FROZEN"] == "1"
    assert "id_tokens" not in gitlab
    assert gitlab["rules"] == [{"if": '$CI_PIPELINE_SOURCE == "merge_request_event"'}]


def test_what_others_wrote_is_in_no_script() -> None:
    """`${{ … }}` in a script is put there before a shell reads it: only as a variable is it a word."""
    for script in strings(yaml.safe_load(text("docs/ci/github.yml"))):
        assert "${{" not in script


# --- hooks ---------------------------------------------------------------------------------------------------------------


def hooks() -> dict[str, dict[str, Any]]:
    return {hook["id"]: hook for hook in yaml.safe_load(text(HOOKS))}


def test_hooks_have_what_pre_commit_asks_for_and_call_what_exists() -> None:
    assert set(hooks()) == {"shotbuild-lint", "shotbuild-ledgers"}
    for hook in hooks().values():
        assert {"id", "name", "entry", "language"} <= hook.keys()
        assert hook["language"] == "python"
        assert hook["pass_filenames"] is False
        program, *words = shlex.split(hook["entry"])
        assert program in tomllib.loads(text("pyproject.toml"))["project"]["scripts"]
        checked(words)


def test_the_files_that_concern_lint_are_those_of_a_project() -> None:
    pattern = re.compile(hooks()["shotbuild-lint"]["files"])
    for path in (
        "shotbuild.yaml",
        "films/one/specs/a.yaml",
        "takes/sh010.jsonl",
        "templates/x.j2",
        "films/one/shotbuild.lock",
    ):
        assert pattern.search(path), path
    for path in ("README.md", "src/main.py", "shotbuild.yaml.orig", "docs/takes.md"):
        assert not pattern.search(path), path


def test_the_page_names_the_hooks_that_there_are() -> None:
    (config,) = [yaml.safe_load(block) for block in blocks("docs/ci.md", "yaml") if "repos:" in block]
    assert [hook["id"] for hook in config["repos"][0]["hooks"]] == list(hooks())


@pytest.mark.slow
@pytest.mark.skipif(find_spec("pre_commit") is None, reason="pre-commit is not installed")
def test_pre_commit_runs_the_hooks(tmp_path: Path) -> None:
    """The real pre-commit on a project: with this checkout's hooks, by the shotbuild that is installed here."""
    film = tmp_path / "film"
    (film / "specs").mkdir(parents=True)
    (film / "shotbuild.yaml").write_text("shotbuild: 1\nproject: film\nformat: {size: 64x36}\ndefaults: {duration: 2f}\n")
    (film / "specs/film.yaml").write_text("shots: {sh010: {prompt: a coast}}\n")
    local = [{**hook, "language": "system"} for hook in hooks().values()]
    (film / ".pre-commit-config.yaml").write_text(yaml.safe_dump({"repos": [{"repo": "local", "hooks": local}]}))
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        env = os.environ | {"PATH": path, "PRE_COMMIT_HOME": str(tmp_path / "home")}
        person = {"GIT_AUTHOR_NAME": "Ann", "GIT_AUTHOR_EMAIL": "ann@studio.example"}
        person |= {name.replace("AUTHOR", "COMMITTER"): value for name, value in person.items()}
        return subprocess.run(words, cwd=film, env=env | person, capture_output=True, text=True, check=False)

    for words in (["git", "init", "-q"], ["git", "add", "-A"], [sys.executable, "-m", "pre_commit", "install"]):
        assert run(*words).returncode == 0
    done = run("git", "commit", "-qm", "a film")
    assert done.returncode == 0, done.stdout + done.stderr
    (film / "specs/film.yaml").write_text("shots: {sh010: {promt: a coast}}\n")
    done = run("git", "commit", "-qam", "wrong")
    assert done.returncode == 1
    assert "unknown key 'promt'" in done.stdout + done.stderr


# --- the image -----------------------------------------------------------------------------------------------------------


def instructions() -> list[tuple[str, str]]:
    joined = re.sub(r"\\\n\s*", " ", text("Dockerfile"))
    lines = [line for line in joined.splitlines() if line.strip() and not line.startswith("#")]
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in lines]


def copied() -> list[str]:
    """What the image takes from the checkout."""
    words = [rest.split() for name, rest in instructions() if name == "COPY"]
    return [source.removeprefix("./") for each in words if not each[0].startswith("--from") for source in each[:-1]]


def test_the_image_takes_what_there_is_and_what_docker_is_shown() -> None:
    shown = {line[1:] for line in text(".dockerignore").splitlines() if line.startswith("!")}
    assert text(".dockerignore").splitlines()[0] == "*"
    assert copied()
    for source in copied():
        assert (ROOT / source).exists(), source
        assert source in shown, source


def test_the_image_is_small_not_run_by_root_and_starts_shotbuild() -> None:
    said = instructions()
    known = {"FROM", "WORKDIR", "COPY", "RUN", "USER", "ENTRYPOINT", "CMD"}
    assert {name for name, _ in said} == known
    bases = [rest.split()[0] for name, rest in said if name == "FROM"]
    project = tomllib.loads(text("pyproject.toml"))["project"]
    for base in bases:
        found = re.fullmatch(r"python:3\.(\d+)-slim", base)
        assert found is not None
        assert f"Programming Language :: Python :: 3.{found[1]}" in project["classifiers"]
    final = said[max(index for index, (name, _) in enumerate(said) if name == "FROM") :]
    assert [rest for name, rest in final if name == "USER"] == ["shotbuild"]
    assert [json.loads(rest) for name, rest in final if name == "ENTRYPOINT"] == [["shotbuild"]]
    assert "shotbuild" in project["scripts"]
    for name, rest in said:
        if name == "RUN" and "pip" in rest:
            assert "--no-cache-dir" in rest
        if name == "RUN" and "apt-get install" in rest:
            assert "--no-install-recommends" in rest
            assert "rm -rf /var/lib/apt/lists/*" in rest


@pytest.mark.slow
def test_a_wheel_is_made_of_what_the_image_takes(tmp_path: Path) -> None:
    for source in copied():
        copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copy
        copy(ROOT / source, tmp_path / source)
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--disable-pip-version-check",
        "--wheel-dir",
        "wheels",
        ".",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "wheels").glob("shotbuild-*.whl"))) == 1
