"""`shotbuild build`."""

import threading
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from shotbuild.built import BuildOptions, Built
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
    ProjectOption,
    Targets,
    VerifySample,
)
from shotbuild.workspace import Workspace


def command(
    targets: Targets = None,
    project: ProjectOption = Path(),
    jobs: Jobs = None,
    frozen: Frozen = False,
    fail_fast: FailFast = False,
    max_cost: MaxCost = None,
    no_claim: NoClaim = False,
    first: First = None,
    verify_sample: VerifySample = None,
    junit: Junit = None,
    on: On = None,
    insecure: Insecure = False,
    proxies: Annotated[
        bool,
        typer.Option("--proxies", help="Then small films and stills of all takes, for `shotbuild review` and `report`."),
    ] = False,
    json: JsonOption = False,
) -> int:
    options = BuildOptions(
        jobs=jobs,
        frozen=frozen,
        fail_fast=fail_fast,
        max_cost=money(max_cost),
        claim=not no_claim,
        on=on,
        insecure=insecure,
        first=tuple(first or ()),
        sample=sample(verify_sample),
    )
    cancel = threading.Event()

    def work(workspace: Workspace) -> Built:
        built = workspace.build(targets or [], options, cancel)
        if not proxies:
            return built
        made = import_module("shotbuild.takes.proxies")
        films = made.films_of(workspace, workspace.shots_of(targets or []))
        return built.and_then(made.make(workspace, films, options=options, cancel=cancel))

    everything = not targets
    early = (lambda each: each.early(options, cancel)) if everything else None
    return shown(project, work, json=json, junit=junit, early=early)
