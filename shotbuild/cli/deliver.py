"""`shotbuild deliver`."""

import threading
from pathlib import Path
from typing import Annotated

import typer

from shotbuild.built import BuildOptions, Built
from shotbuild.cli import console
from shotbuild.cli.making import money, sample, shown
from shotbuild.cli.options import (
    FailFast,
    First,
    Frozen,
    Insecure,
    Jobs,
    JsonOption,
    Junit,
    MaxCost,
    NoClaim,
    On,
    Only,
    ProjectOption,
    Strict,
    Targets,
    To,
    VerifySample,
)
from shotbuild.errors import ShotbuildError
from shotbuild.host.handover import SUMS
from shotbuild.units import counted
from shotbuild.workspace import Workspace


def command(
    targets: Targets = None,
    project: ProjectOption = Path(),
    only: Only = None,
    to: To = None,
    force: Annotated[bool, typer.Option("--force", help="With --to: replace files that no delivery wrote.")] = False,
    jobs: Jobs = None,
    frozen: Frozen = False,
    strict: Strict = False,
    fail_fast: FailFast = False,
    max_cost: MaxCost = None,
    no_claim: NoClaim = False,
    first: First = None,
    junit: Junit = None,
    verify_sample: VerifySample = None,
    on: On = None,
    insecure: Insecure = False,
    json: JsonOption = False,
) -> int:
    options = BuildOptions(
        jobs=jobs,
        frozen=frozen,
        strict=strict,
        fail_fast=fail_fast,
        max_cost=money(max_cost),
        claim=not no_claim,
        on=on,
        insecure=insecure,
        first=tuple(first or ()),
        sample=sample(verify_sample),
    )
    ended: list[Built] = []
    cancel = threading.Event()

    def work(workspace: Workspace) -> Built:
        built = workspace.deliver(targets or [], options, cancel, only=only or (), to=to, force=force)
        ended.append(built)
        if json:
            _events(built)
        return built

    everything = not (targets or only or to)
    early = (lambda each: each.early(options, cancel, deliver=True)) if everything else None
    code = shown(project, work, json=json, junit=junit, early=early)
    for built in ended:
        if not json:
            _tell(built, project, to)
    return code


def _events(built: Built) -> None:
    for error in built.gates:
        console.line({"event": "gate", **console.problems(error)[0]})
    for sentence in built.waived:
        console.line({"event": "waived", "message": sentence})
    if built.handed is not None:
        handed = built.handed
        console.line({"event": "handed-over", "folder": str(handed.folder), "written": handed.written, "kept": handed.kept})


def _tell(built: Built, project: Path, to: Path | None) -> None:
    for sentence in built.waived:
        console.err(f"note: {sentence}")
    for error in built.gates:
        console.err("")
        console.error(error, project)
    handed = built.handed
    if handed is not None:
        for path in sorted((*handed.written, *handed.kept)):
            console.out(f"{handed.folder}/{path}")
        console.out(f"{handed.folder}/{SUMS}")
        console.err(
            f"handed over to {handed.folder}: {counted(len(handed.written), 'file')} written, "
            f"{len(handed.kept)} there already; check with `sha256sum -c {SUMS}` in it"
        )
    elif to is not None:
        why = "a deliverable does not keep what is asked of it" if built.gates else "not everything could be made"
        console.err("")
        console.error(
            ShotbuildError(
                f"nothing was handed over to {to}",
                cause=why,
                hint="`--only NAME` hands over the others; the files are in out/ to look at",
            ),
            project,
        )
