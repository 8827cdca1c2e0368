"""The real `shotbuild` before a ComfyUI server: made once, pinned, refused when the server is another one, taken on."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import Ran, shotbuild
from tests.fakes import write_project
from tests.providers.comfy import INJECT, nodes
from tests.servers.comfyui import ComfyServer

BOUND = "".join(f"      {key}: {json.dumps(value)}\n" for key, value in INJECT.items())
PROJECT = f"""\
shotbuild: 1
project: film
format: {{size: 128x72, rate: 24}}
providers:
  comfy:
    use: comfyui
    workflow: templates/film.json
    inject:
{BOUND}defaults: {{provider: comfy, duration: 12f}}
"""
SHOTS = "shots: {sh010: {prompt: A boat.}}\n"


@pytest.fixture
def server() -> Iterator[ComfyServer]:
    with ComfyServer(token=False) as server:
        yield server
        assert server.crimes == []


@pytest.fixture
def root(tmp_path: Path) -> Path:
    files = {"shotbuild.yaml": PROJECT, "specs/a.yaml": SHOTS, "templates/film.json": json.dumps(nodes())}
    return write_project(tmp_path / "film", files)


def run(root: Path, server: ComfyServer, *arguments: str) -> Ran:
    return shotbuild(root, *arguments, env=server.environment)


@pytest.mark.slow  # six commands
def test_a_take_is_made_once_and_a_server_that_changed_is_refused_until_it_is_taken_on(
    root: Path, server: ComfyServer
) -> None:
    first = run(root, server, "build", "--json")
    assert first.code == 0, first.err
    assert "sh010/t1" in first.steps
    assert server.paid == 1
    lock = (root / "shotbuild.lock").read_text()
    assert '"comfyui": "0.33.0"' in lock
    assert "ComfyUI-Manager" in lock
    asked = len(server.heard)
    assert run(root, server, "build", "--json").summary["ran"] == 0
    assert len(server.heard) == asked, "what is made is not looked at again"

    server.stats["system"]["comfyui_version"] = "0.34.0"
    (root / "specs/a.yaml").write_text(SHOTS.replace("boat", "bird"))
    refused = run(root, server, "build")
    assert refused.code == 3, refused.err
    assert 'comfyui is "0.34.0", the lock has "0.33.0"' in refused.err
    assert "shotbuild lock --update" in refused.err
    assert server.paid == 1
    assert run(root, server, "lock", "--update").code == 0
    assert run(root, server, "build").code == 0
    assert server.paid == 2


def test_what_a_restart_lost_is_asked_for_again_under_another_id(root: Path, server: ComfyServer) -> None:
    server.dies = True
    built = run(root, server, "build")
    assert built.code == 0, built.err
    assert "asked for once more" in built.err + built.out
    assert len(set(server.operations)) == 2


@pytest.mark.slow  # the engine looks three times, with pauses
def test_what_never_arrived_is_asked_for_again(root: Path, server: ComfyServer) -> None:
    server.lose(accepted=False)
    built = run(root, server, "build")
    assert built.code == 0, built.err
    assert server.paid == 1


def test_lint_tells_what_the_server_cannot_do(root: Path, server: ComfyServer) -> None:
    assert run(root, server, "lint").code == 0
    (root / "shotbuild.yaml").write_text(PROJECT.replace("Prompt.value", "Promt.value"))
    told = run(root, server, "lint")
    assert told.code == 2
    assert "did you mean `Prompt`?" in told.err
