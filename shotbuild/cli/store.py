"""`shotbuild store`: what is kept here and in the team's store, whether it is whole, what may go, and what goes where."""

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from shotbuild.cli import console
from shotbuild.cli.options import JsonOption, ProjectOption, Targets
from shotbuild.errors import PlanError
from shotbuild.keeping import care
from shotbuild.keeping.care import Checked, Repaired, Row, Swept
from shotbuild.takes.names import PREFIX, take_meant
from shotbuild.units import counted, size_text
from shotbuild.workspace import open_project

SHOWN = 10
EVERY_SECONDS = 5.0

commands = typer.Typer(
    no_args_is_help=True, add_completion=False, rich_markup_mode=None, help="See, check and tidy what was made."
)

CopiesOption: TypeAlias = Annotated[
    list[Path] | None,
    typer.Option("--from", help="A copy of the store, or a project's folder that has one; repeatable.", show_default=False),
]

SampleOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--verify-sample", help="With --shared: make a share of its results again and compare: `5%`.", show_default=False
    ),
]


@commands.command("ls", help="List everything in the store: digest, size, and what it is.")
def ls(project: ProjectOption = Path(), json: JsonOption = False) -> int:
    workspace = open_project(project, console.warn)
    rows = care.listing(workspace.rooms, care.named_of(workspace))
    if json:
        console.document("store-ls", {"blobs": [_fields(row) for row in rows]})
        return 0
    if rows:
        _table(rows)
    console.err(_sum(rows, "blob"))
    return 0


@commands.command("check", help="Read every byte, and bring back from copies and out/ what is damaged or missing.")
def check(
    project: ProjectOption = Path(),
    copies: CopiesOption = None,
    shared: Annotated[
        bool, typer.Option("--shared", help="Look into the team's store: is all there that ledgers name?")
    ] = False,
    read: Annotated[bool, typer.Option("--read", help="With --shared: read every byte of it.")] = False,
    verify_sample: SampleOption = None,
    json: JsonOption = False,
) -> int:
    workspace = open_project(project, console.warn)
    if shared:
        if copies:
            raise PlanError("--from is about the store here", hint="say --shared or --from")
        return _team("check")(workspace, _counting(), read=read, sample=verify_sample, json=json)
    if read or verify_sample:
        raise PlanError("--read and --verify-sample are about the team's store", hint="say --shared as well")
    checked = care.check(workspace.rooms, care.named_of(workspace), copies or (), progress=_progress())
    if json:
        console.document("store-check", _content(checked))
    else:
        _print(checked)
    return 0 if checked.whole else 1


@commands.command("sweep", help="Show what nothing needs any more; with --delete, delete it.")
def sweep(
    project: ProjectOption = Path(),
    delete: Annotated[bool, typer.Option("--delete", help="Delete it; without this, nothing is changed.")] = False,
    takes: Annotated[
        bool, typer.Option("--takes", help="Also what may be a take or was paid for: the same is never made again.")
    ] = False,
    shared: Annotated[
        bool, typer.Option("--shared", help="In the team's store, and never what anybody asked a provider for.")
    ] = False,
    json: JsonOption = False,
) -> int:
    workspace = open_project(project, console.warn)
    if shared:
        if takes:
            raise PlanError(
                "takes in the team's store may be named by projects that nobody here knows", hint="leave out --takes"
            )
        with closing(workspace.rooms.journal):
            return _team("sweep")(workspace, _counting(), delete=delete, json=json)
    with closing(workspace.rooms.journal):
        swept = care.sweep(workspace.rooms, lambda: care.kept_of(workspace), takes=takes, delete=delete)
    going = swept.free + (swept.takes if takes else ())
    if json:
        rows = {"free": [_fields(row) for row in swept.free], "takes": [_fields(row) for row in swept.takes]}
        console.document("store-sweep", {**rows, "deleted": [_fields(row) for row in swept.deleted]})
        return 0
    if going:
        _table(going)
    _tell(swept, going, takes=takes, delete=delete)
    return 0


@commands.command("push", help="Send takes to the team's store, and what was paid for; with --all, every result.")
def push(
    targets: Targets = None,
    project: ProjectOption = Path(),
    everything: Annotated[bool, typer.Option("--all", help="Every result of today's plan that lies here.")] = False,
    json: JsonOption = False,
) -> int:
    return _team("push")(open_project(project, console.warn), targets or [], _counting(), everything=everything, json=json)


@commands.command("pull", help="Bring all bytes here that a delivery needs, from the team's store.")
def pull(
    targets: Targets = None,
    project: ProjectOption = Path(),
    takes: Annotated[bool, typer.Option("--takes", help="All takes of the shots as well, chosen or not.")] = False,
    json: JsonOption = False,
) -> int:
    return _team("pull")(open_project(project, console.warn), targets or [], _counting(), takes=takes, json=json)


@commands.command("path", help="Print the file of a take or digest, for reading only.")
def path(
    name: Annotated[
        list[str], typer.Argument(help="A take as elsewhere, such as `sh010 t3`, or the first digits of a digest.")
    ],
    project: ProjectOption = Path(),
) -> int:
    workspace = open_project(project, console.warn)
    words = " ".join(name)
    if PREFIX.fullmatch(words):
        console.out(str(care.path_of(workspace.rooms, care.named_of(workspace), words)))
    else:
        take = take_meant(workspace, name)
        workspace.rooms.blobs.verify(take.video)
        console.out(str(workspace.rooms.blobs.path(take.video)))
    return 0


def _team(name: str) -> Callable[..., int]:
    # Loaded when it is asked for: making a sample again takes all that builds.
    found: Callable[..., int] = getattr(import_module("shotbuild.cli.team"), name)
    return found


def _table(rows: Sequence[Row]) -> None:
    shown = [[row.digest.sha256[:16], size_text(row.digest.size), row.what] for row in rows]
    console.table(shown, ("digest", "size", "what"))


def _sum(rows: Sequence[Row], noun: str) -> str:
    return f"{counted(len(rows), noun)}, {size_text(sum(row.digest.size for row in rows))}"


def _progress() -> Callable[[str, int, int], None]:
    """Says how far the reading is, every few seconds."""
    said = [time.monotonic()]

    def tell(what: str, done: int, total: int) -> None:
        if time.monotonic() - said[0] > EVERY_SECONDS:
            said[0] = time.monotonic()
            console.err(f"reading {what}: {size_text(done)} of {size_text(total)}")

    return tell


def _counting() -> Callable[[str, int, int], None]:
    """Says how far things have come, every few seconds."""
    said = [time.monotonic()]

    def tell(what: str, done: int, total: int) -> None:
        if time.monotonic() - said[0] > EVERY_SECONDS:
            said[0] = time.monotonic()
            far = f"{size_text(done)} of {size_text(total)}" if what == "bytes" else f"{done} of {total}"
            console.err(f"{what}: {far}")

    return tell


def _print(checked: Checked) -> None:
    for repaired in checked.repaired:
        console.out(f"repaired  {repaired.digest.sha256[:16]}  {repaired.what}  from {repaired.source}")
    for word, rows in (("damaged", checked.damaged), ("missing", checked.missing)):
        for row in rows:
            console.out(f"{word:8}  {row.digest.sha256[:16]}  {row.what}")
    _list_lonely(checked.only_here)
    console.out(
        f"{counted(checked.blobs, 'blob')} read, {size_text(checked.size)}: {len(checked.damaged)} damaged, "
        f"{len(checked.missing)} missing, {len(checked.repaired)} repaired"
    )
    if not checked.whole:
        console.err("\nhint: name a copy that has them with --from; what a stage made, the next build makes again")


def _list_lonely(rows: Sequence[Row]) -> None:
    for row in rows[:SHOWN]:
        console.out(f"only here {row.digest.sha256[:16]}  {row.what}  {size_text(row.digest.size)}")
    if len(rows) > SHOWN:
        console.out(f"only here {len(rows) - SHOWN} more; --json lists them all")
    if rows:
        found = _sum(rows, "file")
        console.err(f"{found}: in no copy; copy .shotbuild/store elsewhere, and look into that with --from")


def _tell(swept: Swept, going: Sequence[Row], *, takes: bool, delete: bool) -> None:
    console.err(f"{_sum(going, 'blob')} {'deleted' if delete else 'can go'}")
    if swept.takes and not takes:
        console.err(f"{_sum(swept.takes, 'blob')} that may be takes or were paid for stay; --takes means them too")
    if going and not delete:
        console.err(f"\nhint: nothing was deleted; `shotbuild store sweep --delete{' --takes' if takes else ''}` does it")


def _content(checked: Checked) -> dict[str, object]:
    return {
        "read": checked.blobs,
        "size": checked.size,
        "damaged": [_fields(row) for row in checked.damaged],
        "missing": [_fields(row) for row in checked.missing],
        "repaired": [_fields(each) | {"source": str(each.source)} for each in checked.repaired],
        "only_here": [_fields(row) for row in checked.only_here],
    }


def _fields(row: Row | Repaired) -> dict[str, object]:
    return {"sha256": row.digest.sha256, "size": row.digest.size, "what": row.what}
