"""`shotbuild worker run` and `collect`: one part of an exported job on a machine that has neither project nor keys."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, TypeAlias

import typer

from shotbuild.cli import console
from shotbuild.cli.interrupts import terminable
from shotbuild.errors import ShotbuildError
from shotbuild.exchange import workbench
from shotbuild.frozen import refuse_frozen
from shotbuild.plugins import registry
from shotbuild.records import StoreUse
from shotbuild.sharing import opened
from shotbuild.store.shared import Shared
from shotbuild.units import counted
from shotbuild.worker import Worker

commands = typer.Typer(
    no_args_is_help=True, add_completion=False, rich_markup_mode=None, help="Make a part of an exported job; for farms."
)

PlanOption: TypeAlias = Annotated[Path, typer.Option("--plan", help="`plan.json` of an exported job.", show_default=False)]
StoreOption: TypeAlias = Annotated[
    str | None, typer.Option("--store", help="The shared store; else SHOTBUILD_STORE says it.", show_default=False)
]
EndpointOption: TypeAlias = Annotated[
    str | None, typer.Option("--endpoint", help="Of a bucket, as in `store:`.", show_default=False)
]
RegionOption: TypeAlias = Annotated[str | None, typer.Option("--region", help="Of a bucket.", show_default=False)]
FolderOption: TypeAlias = Annotated[
    Path | None, typer.Option("--folder", help="Where to work; what was fetched stays there.", show_default=False)
]
OpenjdOption: TypeAlias = Annotated[bool, typer.Option("--openjd", help="Tell progress in lines that a farm reads.")]


@commands.command("run", help="Make some of a job's steps, unless they are in the store, and put them there.")
def run(
    plan: PlanOption,
    number: Annotated[str, typer.Option("--number", help="Which: `4`, `3-40` or `1,5,9-12`.", show_default=False)],
    store: StoreOption = None,
    endpoint: EndpointOption = None,
    region: RegionOption = None,
    folder: FolderOption = None,
    openjd: OpenjdOption = False,
) -> int:
    failures: list[ShotbuildError] = []

    def failed(name: str, error: ShotbuildError) -> None:
        failures.append(error)
        _tell_failure(error, f"{name}: ", openjd=openjd)
        console.err(f"{name} failed")
        console.error(error, place)

    with _told(openjd=openjd), _place(folder) as place:
        refuse_frozen("a worker puts what it makes into the shared store")
        parcel = workbench.parcel_of(plan)
        lots = workbench.lots_of(parcel, number)
        names = [name for lot in lots for name in lot]
        workbench.check(parcel, names, registry())
        use, cancel = workbench.store_of(store, endpoint, region, os.environ), threading.Event()
        with _asking(use, place) as shared, terminable():
            worker = Worker(shared, place, cancel=cancel)
            try:
                workbench.make(parcel, lots, shared, worker.make_all, _progress(names, openjd=openjd), failed)
            except KeyboardInterrupt:
                cancel.set()
                raise
    left = f", {len(failures)} failed" if failures else ""
    console.err(f"{counted(len(names) - len(failures), 'step')} in the store{left}")
    return failures[0].exit_code if failures else 0


@commands.command("collect", help="Put a job's results under their names into a folder, each read against its digest.")
def collect(
    plan: PlanOption,
    to: Annotated[Path, typer.Option("--to", help="The folder; it is made if need be.", show_default=False)],
    store: StoreOption = None,
    endpoint: EndpointOption = None,
    region: RegionOption = None,
    folder: FolderOption = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files there that no delivery wrote.")] = False,
    openjd: OpenjdOption = False,
) -> int:
    with _told(openjd=openjd), _place(folder) as place:
        parcel = workbench.parcel_of(plan)
        with _asking(workbench.store_of(store, endpoint, region, os.environ), place) as shared:
            handed = workbench.collect(parcel, shared, place, to, force=force)
    for path in handed.written:
        console.out(f"{to / path}")
    console.err(f"{counted(len(handed.written), 'result')} written, {len(handed.kept)} there already")
    return 0


@contextmanager
def _told(*, openjd: bool) -> Iterator[None]:
    """A farm shows why something failed without its log."""
    try:
        yield
    except ShotbuildError as error:
        _tell_failure(error, openjd=openjd)
        raise


def _tell_failure(error: ShotbuildError, name: str = "", *, openjd: bool) -> None:
    if openjd:
        console.tell(f"openjd_fail: {name}{error.message}" + (f" ({error.cause})" if error.cause else ""))


@contextmanager
def _place(folder: Path | None) -> Iterator[Path]:
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
        return
    with TemporaryDirectory(prefix="shotbuild-") as fresh:
        yield Path(fresh)


@contextmanager
def _asking(use: StoreUse, place: Path) -> Iterator[Shared]:
    # Who exported the job has put something there: what is empty here is not mounted.
    shared = Shared(opened(use, place, seen=True), {}, _warn)
    try:
        yield shared
    finally:
        shared.close()


def _warn(message: str) -> None:
    console.err(f"warning: {message}")


def _progress(names: list[str], *, openjd: bool) -> Callable[[str, int], None]:
    """Tells which step is made, and how much of all of them is there."""
    percents, told = dict.fromkeys(names, 0), {"name": "", "percent": -1}

    def show(name: str, percent: int) -> None:
        if told["name"] != name:
            told["name"] = name
            console.tell(f"openjd_status: {name}") if openjd else console.err(name)
        percents[name] = min(max(percent, 0), 100)
        total = sum(percents.values()) // len(names)
        if openjd and total != told["percent"]:
            told["percent"] = total
            console.tell(f"openjd_progress: {total}")

    return show
