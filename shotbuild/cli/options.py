"""Options that several commands share."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

ProjectOption: TypeAlias = Annotated[
    Path, typer.Option("--project", "-C", help="The project's folder; found upwards from here.", show_default=False)
]
Targets: TypeAlias = Annotated[
    list[str] | None,
    typer.Argument(
        help="Names, `sequence/shot`, globs, `tag:x`, `+x` (with what it needs), `x+` (with what needs it), "
        "`status:changed`, `changed:REV`. Nothing = everything.",
        show_default=False,
    ),
]
JsonOption: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON of a versioned shape to stdout.")]
Jobs: TypeAlias = Annotated[
    int | None, typer.Option("--jobs", "-j", min=1, max=1024, help="Steps at once; one per core when not given.")
]
Frozen: TypeAlias = Annotated[
    bool, typer.Option("--frozen", help="Generate nothing and hold the lock: what is missing is an error (exit 3).")
]
Strict: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--strict",
        help="Deliver nothing that is not approved by every role of `approvals`, degraded or off the lock (exit 3).",
    ),
]
Only: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--only", help="A deliverable, `web` or `opening/web`, or a glob; repeatable.", show_default=False),
]
To: TypeAlias = Annotated[
    Path | None, typer.Option("--to", help="A folder outside the project; it is made if need be.", show_default=False)
]
Junit: TypeAlias = Annotated[
    Path | None, typer.Option("--junit", help="Write JUnit XML there: a test case for each step.", show_default=False)
]
Base: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--base", help="A Git revision; what counts is the commit that it has in common with HEAD.", show_default=False
    ),
]
On: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--on",
        help="Where steps run: `tls://HOST:8786` of a Dask scheduler, `local` to try that here, `here` without one.",
        show_default=False,
    ),
]
Insecure: TypeAlias = Annotated[
    bool, typer.Option("--insecure", help="With --on: reach another machine in the clear, in a network of your own.")
]
FailFast: TypeAlias = Annotated[bool, typer.Option("--fail-fast", help="Stop everything at the first failure.")]
MaxCost: TypeAlias = Annotated[
    str | None, typer.Option("--max-cost", help="The most that this call may spend, such as `12 USD`.")
]
NoClaim: TypeAlias = Annotated[
    bool,
    typer.Option("--no-claim", help="Ask services without a claim in the shared store: two machines may pay for one take."),
]
First: TypeAlias = Annotated[
    list[str] | None, typer.Option("--first", help="A shot to make before all others; may be said several times.")
]
VerifySample: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--verify-sample",
        help="Make a share of what came from the shared store again and compare: `5%`, `0.1`, `5%:SEED` for the same ones.",
        show_default=False,
    ),
]
Takes: TypeAlias = Annotated[
    list[str],
    typer.Argument(
        help="`sh010 t3`, `sh010@9b1c4e7a`, `sh010t03`, or `sh010` for the take that stands.", show_default=False
    ),
]
TakesOrNone: TypeAlias = Annotated[
    list[str] | None,
    typer.Argument(
        help="`sh010 t3`, `sh010@9b1c4e7a`, `sh010t03`, or `sh010` for the take that stands.", show_default=False
    ),
]
Shots: TypeAlias = Annotated[list[str], typer.Argument(help="Names of shots, or globs.", show_default=False)]
By: TypeAlias = Annotated[
    str | None, typer.Option("--by", help="Who says it, `Ann Lee <ann@studio.example>`; else as Git's configuration says.")
]
Why: TypeAlias = Annotated[str | None, typer.Option("--why", "-m", help="The reason; it stays in the ledger.")]
Marks: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--mark",
        help="With --frames: drawn there, `pen X,Y X,Y …`, `box X,Y X,Y` or `arrow X,Y X,Y`, in ten-thousandths of the "
        "picture's width and height; may be said several times.",
        show_default=False,
    ),
]
Frames: TypeAlias = Annotated[
    str | None, typer.Option("--frames", "--frame", help="Which frames, from 0: `12` or `12-40`.", show_default=False)
]
