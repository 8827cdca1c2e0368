"""`shotbuild export`: a shot as numbered pictures for programs that do not read films, missing steps as a job for a farm."""

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from shotbuild.cli import console
from shotbuild.cli.options import JsonOption, ProjectOption, Targets
from shotbuild.exchange.addresses import is_folder
from shotbuild.exchange.openjd import TEMPLATE
from shotbuild.exchange.sending import Sent, export_openjd
from shotbuild.records import StoreUse
from shotbuild.takes.frames import FIRST, HANDLES, Exported, export_frames
from shotbuild.units import counted, rate_name, rate_text
from shotbuild.workspace import open_project

TO, FARM = Path("frames"), Path("farm")
TENTHS = 10

commands = typer.Typer(
    no_args_is_help=True, add_completion=False, rich_markup_mode=None, help="Put frames or a job out for other programs."
)


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


@commands.command("openjd", help="Write what is missing as an Open Job Description job, for render farms.")
def openjd(
    targets: Targets = None,
    project: ProjectOption = Path(),
    to: Annotated[Path, typer.Option("--to", help="A folder that gets template, plan and values.")] = FARM,
    store: Annotated[
        str | None, typer.Option("--store", help="A shared store in place of the project's.", show_default=False)
    ] = None,
    no_push: Annotated[bool, typer.Option("--no-push", help="Put nothing into the store: it is there already.")] = False,
    json: JsonOption = False,
) -> int:
    workspace = open_project(project, console.warn)
    sent = export_openjd(workspace, targets or [], to, store=store, push=not no_push, progress=_progress())
    if json:
        console.document("export-openjd", _sent_content(sent))
        return 0
    _print_sent(sent)
    return 0


def _progress() -> Callable[[int, int], None]:
    """Tells how many files are in the store, a tenth at a time."""
    told = 0

    def show(done: int, of: int) -> None:
        nonlocal told
        if of >= TENTHS and done * TENTHS // of > told:
            told = done * TENTHS // of
            console.err(f"{done} of {counted(of, 'file')} in the store")

    return show


def _print_sent(sent: Sent) -> None:
    console.out(f"{sent.folder / TEMPLATE}: {counted(sent.steps, 'step')} in {counted(sent.lots, 'task')}, {sent.store}")
    if sent.sent is None:
        console.err(
            f"note: nothing was put into the store, which has to have {counted(sent.read, 'file')} that the job reads"
        )
    else:
        console.err(f"{counted(sent.sent, 'file')} put into the store, {sent.there} there already")
    if not sent.steps:
        console.err("note: nothing is missing: the job only hands out what is there")
    value = f" -p {shlex.quote(f'Store={sent.store}')}" if is_folder(StoreUse(address=sent.store)) else ""
    console.err(
        f"\nhint: `openjd run {shlex.quote(str(sent.folder / TEMPLATE))}{value}` makes it here; a farm takes the folder"
    )


def _sent_content(sent: Sent) -> dict[str, object]:
    return {
        "folder": str(sent.folder),
        "store": sent.store,
        "steps": sent.steps,
        "tasks": sent.lots,
        "waves": sent.waves,
        "results": list(sent.results),
        "files": {"read": sent.read, "sent": sent.sent, "there": sent.there},
    }
