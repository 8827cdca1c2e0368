"""The only file that prints (the live view draws through it): data to stdout, everything else to stderr."""

import json
import os
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from shotbuild.ci import github
from shotbuild.engine.events import Warned
from shotbuild.errors import ShotbuildError, SpecErrors, printable, render
from shotbuild.spec.tree import find_root, read_line

HIDDEN = ".shotbuild"


def warn(event: object) -> None:
    """For commands that show no build: of all events, warnings alone are told."""
    if isinstance(event, Warned):
        err(f"warning: {event.message}")


def drop_stdout() -> None:
    """Nobody reads stdout any more (`| head`): what else is written to it goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def open_streams() -> None:
    """A stream that is closed swallows what it is told; a terminal of another encoding shows a replacement."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115 - for as long as the process lives
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def out(text: str) -> None:
    """Text of any origin: what would steer a terminal, or a runner that reads the log, is shown as an escape."""
    print(f"{_harmless(text)}\n", end="")  # in one piece: threads warn too


def table_file(text: str) -> None:
    """A file for another program, such as CSV: as it is, its line ends too; on a terminal, as any text is shown."""
    if sys.stdout.isatty():
        out(text.replace("\r\n", "\n"))
        return
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode())
    sys.stdout.buffer.flush()


def markdown(text: str) -> None:
    """A page of ours, in which whatever is foreign was made harmless; its lines are for another program."""
    print(github.harmless(text) if github.runs_here() else text, end="")


def err(text: str) -> None:
    print(f"{_harmless(text)}\n", end="", file=sys.stderr)


def annotate(kind: str, problems: Iterable[ShotbuildError], root: Path) -> None:
    """Where GitHub reads the log, shows errors or warnings beside the lines that they are about. stderr: that is no data."""
    if github.runs_here():
        for text in github.annotations(kind, problems, root):
            print(text, file=sys.stderr)


def document(command: str, content: dict[str, object]) -> None:
    """One JSON document of a reading command. command: gives the schema's name; its number is 1."""
    print(_json({"schema": f"shotbuild/{command}/1"} | content, indent=2))


def line(content: dict[str, object]) -> None:
    """One JSON event, sent at once. A reader that went away does not stop what is told of."""
    try:
        print(f"{_json(content)}\n", end="", flush=True)
    except BrokenPipeError:
        drop_stdout()


def tell(text: str) -> None:
    """One line for a program that reads along, sent at once: whatever is in it, it stays one line."""
    try:
        print(f"{printable(' '.join(text.split()))}\n", end="", flush=True)
    except BrokenPipeError:
        drop_stdout()


def error(problem: ShotbuildError, project: Path | None) -> None:
    err(render(problem, lambda location: read_line(find_root(project or Path()), location)))


def problems(error: ShotbuildError) -> list[dict[str, object]]:
    """Errors for machines: place, message, cause, hint."""
    return [
        {
            "file": each.location.file if each.location else None,
            "line": each.location.line if each.location else None,
            "column": each.location.column if each.location else None,
            "message": each.message,
            "cause": each.cause,
            "hint": each.hint,
        }
        for each in (error.errors if isinstance(error, SpecErrors) else [error])
    ]


def colour() -> bool:
    """Whether stdout takes colour. Colour never carries a meaning of its own here."""
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


def live() -> bool:
    """Whether stderr is a terminal that can be redrawn."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and not os.environ.get("CI")


def table(rows: Sequence[Sequence[str]], heads: Sequence[str]) -> None:
    """Columns as wide as their widest cell; the last one is not padded."""
    shown = [list(heads), *[[_plain(cell) for cell in row] for row in rows]]
    widths = [max(len(row[column]) for row in shown) for column in range(len(heads))]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in shown]
    if colour():
        lines[0] = f"\x1b[2m{lines[0]}\x1b[0m"
    print("\n".join(lines))


def write_log(text: str, project: Path | None) -> Path:
    """Keeps a traceback for a report; returns where."""
    hidden = (project or Path()).resolve() / HIDDEN
    folder = hidden / "log" if hidden.is_dir() else Path.home() / HIDDEN / "log"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.txt"
    path.write_text(text)
    return path


def _harmless(text: str) -> str:
    shown = printable(text)
    return github.harmless(shown) if github.runs_here() else shown


def _json(content: dict[str, object], indent: int | None = None) -> str:
    text = json.dumps(content, ensure_ascii=False, indent=indent)
    # The older form of a command to GitHub's runner is one anywhere in a line. It can only stand within a text.
    return text.replace("##[", "#\\u0023[") if github.runs_here() else text


def _plain(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
