"""Writes ledgers of thousands of takes as builds would have left them: the events are real, the bytes are a few letters."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import shotbuild
from shotbuild.digest import asked_of, derived_seed, of_action
from shotbuild.plan.bind import bind
from shotbuild.records import FREE, Digest, Fields, Operation, Step, fields
from shotbuild.spec.events import take_line
from shotbuild.spec.ledger import ledger_file

STREAMS = (
    fields(kind="video", codec="h264", profile="High", size="64x64", rate="24", frames=2, seconds="1/12", pixels="yuv420p"),
)
FILE_OF = 50


def project(root: Path, shots: int) -> Path:
    """A project of single shots, a few dozen in a file."""
    (root / "specs").mkdir(parents=True)
    (root / "shotbuild.yaml").write_text(
        "shotbuild: 1\nproject: bench\nformat: {size: 64x64, rate: 24}\ndefaults: {duration: 2f}\n"
    )
    for first in range(0, shots, FILE_OF):
        lines = [
            f"  sh{index:05d}:\n    title: Shot {index}\n    prompt: Wide shot of lighthouse {index} at dusk.\n"
            for index in range(first, min(shots, first + FILE_OF))
        ]
        (root / f"specs/{first:05d}.yaml").write_text("shots:\n" + "".join(lines))
    return root


def fill(root: Path, each: int) -> int:
    """Gives every shot `each` takes; returns how many there are then."""
    workspace = shotbuild.open(root)
    (root / "takes").mkdir()
    steps = [step for step in workspace.whole.steps if step.generates]
    for step in steps:
        after: tuple[str, ...] = ()
        lines: list[str] = []
        for ordinal in range(1, each + 1):
            line = _line(workspace, step, ordinal, after)
            after = (json.loads(line)["id"],)
            lines.append(line)
        (root / ledger_file(step.shots[0])).write_text("\n".join(lines) + "\n")
    return len(steps) * each


def _line(workspace: shotbuild.Workspace, step: Step, ordinal: int, after: tuple[str, ...]) -> str:
    assert step.asking is not None
    first = step.asking.first_seed
    seed = first if ordinal == 1 else derived_seed(first, ordinal)
    parameters = Fields(tuple(sorted((dict(step.recipe.parameters) | {"take": ordinal, "seed": seed}).items())))
    recipe = replace(step.recipe, parameters=parameters)
    content = f"{step.name} {ordinal}".encode()
    video = Digest(sha256=hashlib.sha256(content).hexdigest(), size=len(content))
    blob = workspace.rooms.hidden / "store/cas" / video.sha256[:2] / video.sha256
    blob.parent.mkdir(parents=True, exist_ok=True)
    blob.write_bytes(content)
    return take_line(
        after=after,
        at="2026-01-01T00:00:00Z",
        number=ordinal,
        ordinal=ordinal,
        first_seed=first,
        asked=asked_of(recipe, first, {}, None),
        action=of_action(bind(replace(step, recipe=recipe), lambda origin: video)).sha256,
        recipe=recipe,
        inputs={},
        continues=None,
        output=step.outputs[0],
        video=video,
        streams=STREAMS,
        record=None,
        milliseconds=1000,
        estimated=FREE,
        charged=FREE,
        answered=recipe.pins[0],
        operation=Operation(provider="animatic", id=video.short, submitted=""),
    )
