"""`shotbuild verify`."""

import threading
from pathlib import Path
from typing import Annotated, Any

import typer

from shotbuild.built import BuildOptions, Built
from shotbuild.cli import console
from shotbuild.cli.making import money, shown
from shotbuild.cli.options import By, Frozen, Jobs, JsonOption, MaxCost, NoClaim, ProjectOption
from shotbuild.errors import GateError, PlanError, render
from shotbuild.frozen import is_frozen
from shotbuild.records import Fields
from shotbuild.takes.rerun import Reruns, rerun
from shotbuild.takes.verify import Chance, Rate, Verified, chances, rates, verify, wilson
from shotbuild.units import counted
from shotbuild.workspace import Workspace, open_project

FIVE = 5
"""Shots of the chance that `--report` tells of each pin: a short sequence."""
SHOWN = 6
"""Other results of one take that are listed."""


def command(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Takes, shots (the take that stands), sequences; with --stage, targets.", show_default=False),
    ] = None,
    project: ProjectOption = Path(),
    rolls: Annotated[int, typer.Option("--rolls", "-n", min=1, max=1000, help="How often each is made again.")] = 3,
    stage: Annotated[
        list[str] | None,
        typer.Option("--stage", help="Run steps of this stage again in place of takes; `all` = each.", show_default=False),
    ] = None,
    report: Annotated[bool, typer.Option("--report", help="Sum up what the ledgers say; nothing is made.")] = False,
    jobs: Jobs = None,
    frozen: Frozen = False,
    max_cost: MaxCost = None,
    no_claim: NoClaim = False,
    by: By = None,
    json: JsonOption = False,
) -> int:
    if report and (names or stage):
        raise PlanError("--report sums up all ledgers", hint="say it without names and without --stage")
    if report:
        return _report(open_project(project, console.warn), json=json)
    if not names and not stage:
        raise PlanError("nothing is named", hint="name takes, shots or a sequence, or say --report or --stage")
    options = BuildOptions(jobs=jobs, max_cost=money(max_cost), claim=not no_claim, frozen=frozen)
    if stage:
        found = rerun(open_project(project, console.warn), names or [], stage, rolls, options)
        return _reruns(found, json=json)
    if frozen or is_frozen():
        raise GateError(
            "verify makes takes again, and a frozen call generates nothing",
            hint="`--report` sums up what was verified; `--stage all` runs what asks nobody again",
        )

    def work(workspace: Workspace) -> Built:
        built, verified = verify(workspace, names or [], rolls, options, threading.Event(), by=by)
        if json:
            for each in verified:
                console.line({"event": "verified", **_content(each)})
        else:
            for each in verified:
                _print(each)
            _print_chances(workspace, names or [])
        return built

    return shown(project, work, json=json)


def _print(each: Verified) -> None:
    take, found = each.take, each.found
    console.out(f"{take.shot} t{take.number}  {found.pin.provider} {found.pin.model} {_version(found.pin.version)}")
    console.out(
        f"    {found.same_frames} of {counted(found.rolls, 'roll')} came out again"
        + (f", {found.same_bytes} of them byte for byte" if found.same_bytes != found.same_frames else "")
        + f": {_share(found.same_frames, found.rolls)}"
    )
    rows = [
        [
            str(other.count),
            other.video.short,
            "equal" if other.same_frames else "other",
            other.structure or "",
            other.colour or "",
            other.motion or "",
        ]
        for other in found.others
    ]
    if rows:
        console.table(rows[:SHOWN], ["times", "digest", "frames", "structure", "colour", "motion"])
    if len(rows) > SHOWN:
        console.out(f"    and {counted(len(rows) - SHOWN, 'other result')}")
    if found.elsewhere:
        console.out("    another class of machine than the take's, so other bits are no drift:")
        for name, before, now in _differing(found.made_on, found.machine):
            console.out(f"        {name}: {before} then, {now} now")


def _print_chances(workspace: Workspace, words: list[str]) -> None:
    named = {part for word in words for part in word.split()}
    for chance in chances(workspace, rates(workspace)):
        if chance.sequence in named:
            console.out(_chance(chance))


def _chance(chance: Chance) -> str:
    if chance.chance is None:
        return f"{chance.sequence}: not known, for nobody verified the pins of {', '.join(chance.unknown)}"
    shots = counted(chance.shots, "shot")
    return f"{chance.sequence}: all of {shots} would come out again with a chance of {_percent(chance.chance)}"


def _report(workspace: Workspace, *, json: bool) -> int:
    rated = rates(workspace)
    of_sequences = chances(workspace, rated)
    if json:
        console.document(
            "verify", {"pins": [_rate(rate) for rate in rated], "sequences": [_told(each) for each in of_sequences]}
        )
        return 0
    if not rated:
        console.out("no take was verified yet: `shotbuild verify SHOT`")
        return 0
    rows = [
        [
            f"{rate.pin.provider}/{rate.pin.model}",
            _version(rate.pin.version),
            "another" if rate.elsewhere else "",
            str(rate.takes),
            str(rate.rolls),
            str(rate.same_bytes),
            str(rate.same_frames),
            _share(rate.same_frames, rate.rolls),
            _percent(rate.share**FIVE),
        ]
        for rate in rated
    ]
    console.table(rows, ["model", "version", "machine", "takes", "rolls", "bytes", "frames", "rate (95 %)", f"{FIVE} shots"])
    for chance in of_sequences:
        console.out(_chance(chance))
    return 0


def _reruns(found: Reruns, *, json: bool) -> int:
    if json:
        rows = [
            {
                "step": each.step,
                "stage": each.stage,
                "rolls": each.rolls,
                "equal": each.differs is None,
                "error": None if each.differs is None else console.problems(each.differs),
            }
            for each in found.reruns
        ]
        console.document("verify", {"steps": rows, "unmade": list(found.unmade)})
        return found.exit_code
    for each in found.reruns:
        if each.differs is not None:
            console.err(render(each.differs))
    equal = sum(each.differs is None for each in found.reruns)
    console.out(f"{equal} of {counted(len(found.reruns), 'step')} came out again, byte for byte")
    if found.unmade:
        console.out(f"{counted(len(found.unmade), 'step')} not made yet: `shotbuild build` first")
    return found.exit_code


def _version(text: str) -> str:
    return text.removeprefix("sha256:")[:12] if text.startswith("sha256:") else text


def _share(hits: int, of: int) -> str:
    low, high = wilson(hits, of)
    return f"{_percent(hits / of)} ({_percent(low)} to {_percent(high)})"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _differing(then: Fields | None, now: Fields | None) -> list[tuple[str, object, object]]:
    before, after = dict(then or Fields()), dict(now or Fields())
    return [(n, before.get(n), after.get(n)) for n in sorted(before.keys() | after.keys()) if before.get(n) != after.get(n)]


def _content(each: Verified) -> dict[str, Any]:
    found = each.found
    low, high = wilson(found.same_frames, found.rolls)
    return {
        "shot": each.take.shot,
        "take": each.take.name,
        "number": each.take.number,
        "provider": found.pin.provider,
        "model": found.pin.model,
        "version": found.pin.version,
        "rolls": found.rolls,
        "same_bytes": found.same_bytes,
        "same_frames": found.same_frames,
        "rate": found.same_frames / found.rolls,
        "interval": [low, high],
        "elsewhere": found.elsewhere,
        "others": [
            {
                "video": other.video.sha256,
                "count": other.count,
                "same_frames": other.same_frames,
                "structure": other.structure,
                "colour": other.colour,
                "motion": other.motion,
            }
            for other in found.others
        ],
    }


def _rate(rate: Rate) -> dict[str, Any]:
    low, high = rate.interval
    return {
        "provider": rate.pin.provider,
        "model": rate.pin.model,
        "version": rate.pin.version,
        "elsewhere": rate.elsewhere,
        "takes": rate.takes,
        "rolls": rate.rolls,
        "same_bytes": rate.same_bytes,
        "same_frames": rate.same_frames,
        "rate": rate.share,
        "interval": [low, high],
        "five_shots": rate.share**FIVE,
    }


def _told(chance: Chance) -> dict[str, Any]:
    return {
        "sequence": chance.sequence, "shots": chance.shots, "unknown": list(chance.unknown), "chance": chance.chance
    }  # fmt: skip
