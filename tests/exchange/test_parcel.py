"""A parcel holds what a plan lacks, reads as it was written, and believes nothing of a file."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from shotbuild.errors import Location, PlanError
from shotbuild.exchange.parcel import Parcel, packed, read, text_of
from shotbuild.records import Chosen, Output
from shotbuild.workspace import Workspace
from tests.fakes import SMALL, FakeProvider, fake_workspace, write_project


@dataclass(frozen=True, slots=True)
class Travelling(FakeProvider):
    """One that may work on other machines."""

    declared: str = ""


def workspace_of(root: Path) -> Workspace:
    return fake_workspace(write_project(root, SMALL) if not root.exists() else root, provider=Travelling())


def parcel_of(workspace: Workspace, *targets: str) -> Parcel:
    planned = workspace.plan(targets)
    return packed(workspace.project.name, planned.lines, planned.links, workspace.rooms.source)


@pytest.fixture
def parcel(tmp_path: Path) -> Parcel:
    return parcel_of(workspace_of(tmp_path / "film"))


def bare(parcel: Parcel) -> Parcel:
    """What of it is written."""
    place = Location(file="plan.json", line=1, column=1)
    return replace(parcel, steps=tuple(replace(step, batch=None, piece=0, location=place) for step in parcel.steps))


def test_it_reads_as_it_was_written(parcel: Parcel) -> None:
    found = read(text_of(parcel).encode())
    assert found == bare(parcel)
    assert text_of(found) == text_of(parcel)


def test_two_clones_write_the_same(tmp_path: Path) -> None:
    one, two = (parcel_of(workspace_of(tmp_path / name)) for name in ("one", "two"))
    assert text_of(one) == text_of(two)


def test_what_is_cached_is_there_as_bytes(tmp_path: Path) -> None:
    workspace = workspace_of(tmp_path / "film")
    assert workspace.build(["sh010", "sh020"]).exit_code == 0
    found = parcel_of(workspace_of(tmp_path / "film"))
    assert {step.recipe.stage for step in found.steps} >= {"generate", "encode"}
    assert not any(step.name.startswith(("sh010/t", "sh020/t")) for step in found.steps)
    takes = [result.origin for result in found.results if result.path.startswith("shots/sh010")]
    assert takes
    assert all(isinstance(origin, Chosen) and origin.digest in found.read for origin in takes)


def test_nothing_is_left_where_all_is_made(tmp_path: Path) -> None:
    workspace = workspace_of(tmp_path / "film")
    assert workspace.build().exit_code == 0
    found = parcel_of(workspace_of(tmp_path / "film"))
    assert (found.steps, found.lots) == ((), ())
    assert {result.path for result in found.results} == {link.path for link in workspace.whole.links}


def test_two_steps_that_ask_for_the_same_are_one(tmp_path: Path) -> None:
    more = SMALL["specs/opening.yaml"] + "  again: {sequence: opening, profile: h264-web}\n"
    root = write_project(tmp_path / "film", SMALL | {"specs/opening.yaml": more})
    found = parcel_of(fake_workspace(root, provider=Travelling()))
    paths = {result.path: result.origin for result in found.results}
    assert paths["sequences/opening/again.mp4"] == paths["sequences/opening/web.mp4"]
    assert isinstance(paths["sequences/opening/again.mp4"], Output)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda said: said.update(schema="shotbuild/parcel/9"),
        lambda said: said.update(steps={}),
        lambda said: said["steps"][0].update(name=7),
        lambda said: said["steps"][0].update(name="x" * 10_000),
        lambda said: said["steps"][1].update(name=said["steps"][0]["name"]),
        lambda said: said["steps"][0].update(outputs=["../../out"]),
        lambda said: said["steps"][0].update(outputs=["/etc/passwd"]),
        lambda said: said["steps"][0].update(outputs=[".."]),
        lambda said: said["steps"][0].update(outputs=[]),
        lambda said: said["steps"][0].update(outputs=["a", "a"]),
        lambda said: said["steps"][0]["recipe"].update(stage=None),
        lambda said: said["steps"][0]["recipe"].update(version="1"),
        lambda said: said["steps"][0]["recipe"].update(pins=[{"provider": "x"}]),
        lambda said: said["steps"][0]["recipe"].update(parameters=[1]),
        lambda said: said["steps"][0]["recipe"]["parameters"].update(prompt=1.5),
        lambda said: said["steps"][0]["recipe"]["parameters"].update(prompt="\ud800"),
        lambda said: said["steps"][0].update(inputs=[["a", {"sha256": "0" * 63, "size": 1}]]),
        lambda said: said["steps"][0].update(inputs=[["a", {"sha256": "0" * 64, "size": -1}]]),
        lambda said: said["steps"][0].update(inputs=[["a", {"sha256": "0" * 64, "size": 10**30}]]),
        lambda said: said["steps"][0].update(inputs=[["a", {"step": 0, "output": "take.mp4"}]]),
        lambda said: said["steps"][1].update(inputs=[["a", {"step": 0, "output": "another"}]]),
        lambda said: said["steps"][1].update(inputs=[["a", {"step": -1, "output": "take.mp4"}]]),
        lambda said: said["steps"][1].update(inputs=[["a", {"step": True, "output": "take.mp4"}]]),
        lambda said: said["lots"].append([0]),
        lambda said: said["lots"].pop(),
        lambda said: said["lots"].append([10**9]),
        lambda said: said["results"][0].update(path="../there"),
        lambda said: said["results"][0].update(path="/there"),
        lambda said: said["results"][0].update(path="a//b"),
        lambda said: said["results"][0].update(path=".shotbuild-x/y"),
        lambda said: said["results"][0].update(path="a\nb"),
        lambda said: said["results"][0].update(origin=7),
        lambda said: said.pop("results"),
    ],
)
def test_what_cannot_be_is_refused(parcel: Parcel, spoil: Callable[[dict[str, Any]], object]) -> None:
    said = json.loads(text_of(parcel))
    spoil(said)
    with pytest.raises(PlanError) as refused:
        read(json.dumps(said).encode())
    assert refused.value.exit_code == 2
    assert refused.value.hint


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"schema": NaN}', b"7" * 9000]
)
def test_what_is_no_parcel_is_refused(content: bytes) -> None:
    with pytest.raises(PlanError):
        read(content)


def test_a_file_without_end_is_not_read_to_its_end() -> None:
    with pytest.raises(PlanError, match="larger than 10 bytes"):
        read(b" " * 11, most=10)
