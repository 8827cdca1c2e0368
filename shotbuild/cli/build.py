"""`shotbuild build`."""

import threading
from pathlib import Path

from shotbuild.built import BuildOptions
from shotbuild.cli.making import money, shown
from shotbuild.cli.options import FailFast, First, Frozen, Jobs, JsonOption, MaxCost, ProjectOption, Targets


def command(
    targets: Targets = None,
    project: ProjectOption = Path(),
    jobs: Jobs = None,
    frozen: Frozen = False,
    fail_fast: FailFast = False,
    max_cost: MaxCost = None,
    first: First = None,
    json: JsonOption = False,
) -> int:
    options = BuildOptions(jobs=jobs, frozen=frozen, fail_fast=fail_fast, max_cost=money(max_cost), first=tuple(first or ()))
    return shown(project, lambda workspace: workspace.build(targets or [], options, threading.Event()), json=json)
