"""`shotbuild init`: writes a small project that builds at once."""

import re
from importlib.resources import files
from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from shotbuild.cli import console
from shotbuild.cli.schema import schema_text
from shotbuild.errors import PlanError
from shotbuild.spec.kinds import checked_name
from shotbuild.spec.report import Refusal

STARTER = ("shotbuild.yaml", "specs/opening.yaml", "templates/exterior.txt.j2")
SCHEMA = "shotbuild.schema.json"
GIT_LINES = {".gitignore": (".shotbuild/", "out/"), ".gitattributes": ("takes/*.jsonl merge=union",)}


def command(
    folder: Annotated[Path, typer.Argument(help="Where the project goes; it is made when missing.")] = Path(),
    name: Annotated[str | None, typer.Option(help="The project's name; that of the folder when not given.")] = None,
) -> int:
    root = folder.resolve()
    for path in (*STARTER, SCHEMA, *GIT_LINES):
        if not (folder / path).resolve().is_relative_to(root):
            raise PlanError(f"{folder / path} leads out of {folder}", hint="replace the link; nothing was changed")
    there = [path for path in (*STARTER, SCHEMA) if (folder / path).exists()]
    if there:
        raise PlanError(
            f"{folder / there[0]} is there already", hint="choose an empty folder, or move that file; nothing was changed"
        )
    called = _checked(name or _name_of(folder))
    try:
        for path in STARTER:
            _write(
                folder / path, files("shotbuild.cli").joinpath("starter", path).read_text("utf-8").replace("NAME", called)
            )
        _write(folder / SCHEMA, schema_text() + "\n")
        for path, lines in GIT_LINES.items():
            _add_lines(folder / path, lines)
    except OSError as error:
        raise PlanError(f"the project cannot be written to {folder}", cause=str(error)) from error
    console.out(f"{folder / 'shotbuild.yaml'}: project {called}")
    console.err(f"next: cd {quote(str(folder))} && shotbuild plan && shotbuild deliver")
    return 0


def _checked(name: str) -> str:
    try:
        return checked_name(name, "a project")
    except Refusal as refusal:
        raise PlanError(refusal.message, cause=refusal.cause, hint=f"{refusal.hint}, with --name") from refusal


def _name_of(folder: Path) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", folder.resolve().name).strip("-._")[:40] or "film"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def _add_lines(path: Path, lines: tuple[str, ...]) -> None:
    """Adds what is missing to a file of Git that may exist already."""
    # Whatever bytes a person has there are kept as they are.
    before = path.read_text("utf-8", errors="surrogateescape") if path.exists() else ""
    missing = [line for line in lines if line not in before.splitlines()]
    if missing:
        glue = "" if before.endswith("\n") or not before else "\n"
        path.write_text(before + glue + "\n".join(missing) + "\n", "utf-8", errors="surrogateescape")
