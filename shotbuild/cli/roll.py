"""`shotbuild roll`."""

import threading
from pathlib import Path
from typing import Annotated

import typer

from shotbuild.built import BuildOptions, Built
from shotbuild.cli import console
from shotbuild.cli.making import money, shown
from shotbuild.cli.options import (
    FailFast,
    Frozen,
    Insecure,
    Jobs,
    JsonOption,
    Junit,
    MaxCost,
    NoClaim,
    On,
    ProjectOption,
    Shots,
)
from shotbuild.takes.names import shots_meant
from shotbuild.workspace import Workspace


def command(
    shots: Shots,
    project: ProjectOption = Path(),
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=1000, help="How many more takes of each.")] = 1,
    jobs: Jobs = None,
    frozen: Frozen = False,
    fail_fast: FailFast = False,
    max_cost: MaxCost = None,
    no_claim: NoClaim = False,
    junit: Junit = None,
    on: On = None,
    insecure: Insecure = False,
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
    )

    def roll(workspace: Workspace) -> Built:
        built, takes = workspace.roll(shots_meant(workspace, shots), count, options, threading.Event())
        if not json:
            for take in takes:
                console.out(f"{take.shot} t{take.number}  {take.name}  seed {take.seed}")
        return built

    return shown(project, roll, json=json, junit=junit)
