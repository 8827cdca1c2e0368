"""The real `shotbuild` in a process of its own, with the real ffmpeg, in tmp_path."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import write_project

TINY = {
    "shotbuild.yaml": "shotbuild: 1\nproject: film\nformat: {size: 128x72, rate: 24}\ndefaults: {duration: 12f}\n",
    "templates/wide.j2": "Wide shot of {{ place }} at dusk.",
    "specs/opening.yaml": """shots:
  sh010: {template: templates/wide.j2, with: {place: a lighthouse}}
  sh020: {template: templates/wide.j2, with: {place: the sea}}
  sh030: {continue: sh020, prompt: "Close-up, he reaches the lamp room.", settings: {sound: scratch}}
sequences:
  opening:
    cut:
      - sh010
      - {shot: sh020, in: 2f, out: 11f, transition: {dissolve: 4f}}
      - sh030
deliverables:
  web: {sequence: opening, profile: h264-web}
  preview: {sequence: opening, profile: preview}
""",
}


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def summary(self) -> dict[str, Any]:
        last = self.events[-1]
        assert last["event"] == "summary"
        return last

    @property
    def steps(self) -> set[str]:
        return {event["step"] for event in self.events if event["event"] == "finished" and event["ran"]}


def argv(arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "shotbuild", *arguments]


def environment(more: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "SHOTBUILD_FFMPEG"} | dict(more)


def shotbuild(root: Path, *arguments: str, env: Mapping[str, str] | None = None, umask: int = -1) -> Ran:
    done = subprocess.run(
        argv(arguments),
        cwd=root,
        capture_output=True,
        text=True,
        env=environment(env or {}),
        umask=umask,
        timeout=300,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Ran(done.returncode, done.stdout, done.stderr)


def contents(root: Path, folder: str = "out") -> dict[str, str]:
    """Path → sha256 of every file below a folder."""
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((root / folder).rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return write_project(tmp_path / "film", TINY)
