"""`shotbuild export frames`: what stands for a shot as numbered pictures, for programs that do not read films."""

from pathlib import Path
from typing import Annotated

import typer

from shotbuild.cli import console
from shotbuild.cli.options import JsonOption, ProjectOption
from shotbuild.takes.frames import FIRST, HANDLES, Exported, export_frames
from shotbuild.units import counted, rate_name, rate_text
from shotbuild.workspace import open_project

TO = Path("frames")

commands = typer.Typer(
    no_args_is_help=True, add_completion=False, rich_markup_mode=None, help="Put frames out for other programs."
)


@commands.callback()
def _group() -> None:
    """Keeps `frames` a command of its own: typer takes a single one for the group itself."""


@commands.command("frames", help="Write the frames of a shot's take, with handles around what the cuts use.")
def frames(
    shot: Annotated[str, typer.Argument(help="The shot; what stands for it is exported.", show_default=False)],
    project: ProjectOption = Path(),
    to: Annotated[Path, typer.Option("--to", help="A folder that gets one of the shot's name.")] = TO,
    handles: Annotated[
        int, typer.Option("--handles", min=0, max=100_000, help="Frames before and after what the cuts use.")
    ] = HANDLES,
    extension: Annotated[
        str, typer.Option("--format", help="`png` (16 bit), `dpx` (10 bit) or `exr` (half float).")
    ] = "png",
    first: Annotated[int, typer.Option("--first", min=0, max=9_999_999, help="Number of the first frame.")] = FIRST,
    finished: Annotated[bool, typer.Option("--finished", help="With the shot's finishing stages.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace files there that no export wrote.")] = False,
    json: JsonOption = False,
) -> int:
    found = export_frames(
        open_project(project, console.warn),
        shot,
        to,
        handles=handles,
        extension=extension,
        first=first,
        finished=finished,
        force=force,
    )
    if json:
        console.document("export-frames", _content(found))
        return 0
    what = found.shot if found.take is None else f"{found.shot} t{found.take.number} ({found.take.name})"
    count = counted(found.last - found.first + 1, "frame")
    console.out(f"{found.folder}: {what}, {count} {found.first} to {found.last}, {found.size} at {rate_name(found.rate)}")
    console.out(f"    the cuts use {found.used[0]} to {found.used[1]}")
    if found.whole:
        console.err(f"note: all of it, because {found.whole}")
    elif (found.head, found.tail) != (found.handles, found.handles):
        console.err(f"note: handles of {found.head} and {found.tail} frames in place of {found.handles}: there is no more")
    if found.sound:
        console.err("note: pictures have no sound; an import of them keeps that of this take")
    if not found.written:
        console.err("these frames were there already; nothing was written")
    console.err(
        f"\nhint: `shotbuild import FOLDER --as {found.shot}` brings finished frames back; leave {found.shot}.json by them"
    )
    return 0


def _content(found: Exported) -> dict[str, object]:
    return {
        "shot": found.shot,
        "take": None if found.take is None else found.take.name,
        "folder": str(found.folder),
        "written": found.written,
        "first": found.first,
        "last": found.last,
        "used": list(found.used),
        "handles": {"asked": found.handles, "head": found.head, "tail": found.tail},
        "size": str(found.size),
        "rate": rate_text(found.rate),
        "whole": found.whole or None,
        "sound": found.sound,
    }
