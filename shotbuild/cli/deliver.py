"""`shotbuild deliver`."""

from pathlib import Path

from shotbuild.cli.making import build_and_report
from shotbuild.cli.options import FailFast, Frozen, Jobs, JsonOption, MaxCost, ProjectOption, Targets


def command(
    targets: Targets = None,
    project: ProjectOption = Path(),
    jobs: Jobs = None,
    frozen: Frozen = False,
    fail_fast: FailFast = False,
    max_cost: MaxCost = None,
    json: JsonOption = False,
) -> int:
    return build_and_report(
        "deliver", targets or [], project, jobs=jobs, frozen=frozen, fail_fast=fail_fast, max_cost=max_cost, json=json
    )
