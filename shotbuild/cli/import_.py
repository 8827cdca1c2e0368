"""`shotbuild import`."""

from pathlib import Path
from typing import Annotated

import typer

from shotbuild.cli import console
from shotbuild.cli.options import By, JsonOption, ProjectOption
from shotbuild.digest import canonical
from shotbuild.errors import PlanError
from shotbuild.frozen import refuse_frozen
from shotbuild.spec.events import written
from shotbuild.takes.adopt import Adopted, adopt
from shotbuild.takes.frames import Brought, adopt_frames
from shotbuild.units import counted
from shotbuild.workspace import open_project

SHOWN = 60


def command(
    file: Annotated[
        Path,
        typer.Argument(help="A clip, or a folder of numbered PNG, DPX or EXR frames; it is copied.", show_default=False),
    ],
    shot: Annotated[
        str | None,
        typer.Option("--as", help="The shot that it becomes a take of; exported frames know theirs.", show_default=False),
    ] = None,
    project: ProjectOption = Path(),
    recipe: Annotated[
        Path | None, typer.Option("--recipe", help="A JSON object that says how it was made: prompt, seed, model, …")
    ] = None,
    by: By = None,
    json: JsonOption = False,
) -> int:
    refuse_frozen("`import` writes a ledger")
    workspace = open_project(project, console.warn)
    brought = None
    if file.is_dir():
        brought = adopt_frames(workspace, file, shot, recipe=recipe, by=by)
        found = brought.adopted
    elif shot is None:
        raise PlanError(f"nothing says which shot {file.name} is", hint="add `--as SHOT`")
    else:
        found = adopt(workspace, file, shot, recipe=recipe, by=by)
    if json:
        console.document("import", _content(found) | ({} if brought is None else {"frames": _frames(brought)}))
        return 0
    take = found.take
    if not found.new:
        console.out(f"{take.shot} t{take.number} ({take.name}) is this clip already; nothing was written")
        return 0
    console.out(f"{take.shot} t{take.number} ({take.name}) is {_short(file.name)}: {_picture(found)}")
    for line in _known(found):
        console.out(f"    {line}")
    if brought is not None:
        _tell(brought)
    if take.seconds < found.wanted:
        console.err(
            f"note: the spec has the shot {float(found.wanted):.3f} s long; a cut that uses more than this clip fails"
        )
    console.err(f"\nhint: nothing is chosen by this; `shotbuild pick {take.name}` puts it into every cut of {take.shot}")
    return 0


def _tell(brought: Brought) -> None:
    count = counted(brought.count, "frame")
    console.out(f"    {count} {brought.first} to {brought.last}" + (f" of {brought.source}" if brought.source else ""))
    if any(brought.around):
        console.out(
            f"    {brought.around[0]} frames before and {brought.around[1]} after them are those of {brought.source}"
        )
    if brought.sound:
        console.out(f"    the sound is that of {brought.source}")
    else:
        console.err("note: pictures have no sound, and nothing here has one that goes with them: this take is silent")
    if brought.finished:
        console.err("note: these frames went out finished, and the shot's finishing is done to them once more in every cut")


def _frames(brought: Brought) -> dict[str, object]:
    return {
        "count": brought.count,
        "first": brought.first,
        "last": brought.last,
        "of": brought.source,
        "before": brought.around[0],
        "after": brought.around[1],
        "sound": brought.sound,
        "finished": brought.finished,
    }


def _picture(found: Adopted) -> str:
    row = next(row for row in written(found.take)["streams"] if row["kind"] == "video")
    sound = "with sound" if found.take.sound else "silent"
    return f"{row['size']} at {row['rate']}, {float(found.take.seconds):.3f} s, {sound}"


def _known(found: Adopted) -> list[str]:
    lines = [
        f"{_short(name)}: {_short(value if isinstance(value, str) else canonical(value))}" for name, value in found.known
    ]
    lines += ["a ComfyUI workflow is kept"] if found.workflow else []
    return lines or ["nothing is known of how it was made; say it with `--recipe FILE.json`"]


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else f"{line[: SHOWN - 1]}…"


def _content(found: Adopted) -> dict[str, object]:
    take = found.take
    event = written(take)
    return {
        "new": found.new,
        "shot": take.shot,
        "take": take.name,
        "number": take.number,
        "video": take.video.sha256,
        "size": take.video.size,
        "record": None if take.record is None else take.record.sha256,
        "output": take.output,
        "streams": event["streams"],
        "known": event["recipe"]["parameters"],
        "workflow": found.workflow,
    }
