"""`shotbuild diff`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from shotbuild.cli import console
from shotbuild.cli.options import JsonOption, ProjectOption
from shotbuild.media.compare import Difference
from shotbuild.takes.compare import Comparison, Facts, compare_takes
from shotbuild.units import counted
from shotbuild.workspace import open_project

SHOWN = 40
"""Characters of a cell, so that two of them fit into a line."""


def command(
    takes: Annotated[
        list[str],
        typer.Argument(help="Two takes: `sh010 t1 sh010 t3`, `sh010@9b1c4e7a sh010@77ab0012`.", show_default=False),
    ],
    project: ProjectOption = Path(),
    json: JsonOption = False,
) -> int:
    found = compare_takes(open_project(project, console.warn), takes)
    if json:
        console.document("diff", _content(found))
    else:
        _print(found)
    return 0


def _print(found: Comparison) -> None:
    a, b = found.a, found.b
    console.table(
        [row for row in _rows(a, b) if any(row[1:])], ["", *(f"{each.take.shot} t{each.take.number}" for each in (a, b))]
    )
    console.out(f"\nrecipe: {'the same' if not found.recipe else ''}".rstrip())
    for line in found.recipe:
        console.out(f"    {line}")
    console.out(f"streams: {'the same' if not found.streams else ''}".rstrip())
    for each in found.streams:
        console.out(f"    {each.stream} {each.field}: {_there(each.a)} -> {_there(each.b)}")
    console.out("pictures:")
    for line in _pictures(found):
        console.out(f"    {line}")


def _rows(a: Facts, b: Facts) -> list[list[str]]:
    named = {
        "digest": [each.take.video.short for each in (a, b)],
        "made": [("elsewhere, entered " if each.take.foreign else "") + each.take.made for each in (a, b)],
        "provider": [a.provider, b.provider],
        "model": [a.model, b.model],
        "version": [a.version, b.version],
        "seed": [a.seed, b.seed],
        "cost": [a.cost, b.cost],
        "operation": [a.operation, b.operation],
        "bytes": [str(each.take.video.size) for each in (a, b)],
    }
    return [[name, *(_short(cell) for cell in cells)] for name, cells in named.items()]


def _pictures(found: Comparison) -> list[str]:
    if found.same_bytes:
        return ["the same, byte for byte"]
    measured = found.pictures
    if measured is None:
        return ["not measured", f"because {found.unmeasured}"]
    if measured.same_stream:
        return [f"the same in all {counted(measured.compared, 'frame')}; only the files differ"]
    return _differing(measured)


def _differing(measured: Difference) -> list[str]:
    lines = [f"{measured.compared - measured.identical} of {counted(measured.compared, 'frame')} differ"]
    if measured.frames_a != measured.frames_b:
        lines.append(f"one has {counted(measured.frames_a, 'frame')}, the other {measured.frames_b}")
    if measured.first_different is not None:
        worst, decibels = measured.worst
        at = f", {decibels / 100:.2f} dB" if decibels is not None else ""
        lines.append(f"first at frame {measured.first_different}, most at frame {worst}{at}")
        ssim = "" if measured.ssim is None else f", SSIM {measured.ssim}"
        lines.append(f"over all: PSNR {measured.psnr} dB{ssim}")
    lines.append(
        f"measured as {measured.pixels}" + (", the second brought to the size of the first" if measured.scaled else "")
    )
    return lines


def _there(value: str | None) -> str:
    return "none" if value is None else value


def _short(cell: str) -> str:
    return cell if len(cell) <= SHOWN else f"{cell[: SHOWN - 1]}…"


def _content(found: Comparison) -> dict[str, object]:
    return {
        "a": _facts(found.a),
        "b": _facts(found.b),
        "same_bytes": found.same_bytes,
        "recipe": list(found.recipe),
        "streams": [asdict(each) for each in found.streams],
        "pictures": None if found.pictures is None else asdict(found.pictures),
        "unmeasured": found.unmeasured,
    }


def _facts(facts: Facts) -> dict[str, object]:
    take = facts.take
    return {
        "shot": take.shot,
        "take": take.name,
        "number": take.number,
        "video": take.video.sha256,
        "size": take.video.size,
        "foreign": take.foreign,
        "made": take.made,
        "provider": facts.provider or None,
        "model": facts.model or None,
        "version": facts.version or None,
        "seed": take.seed,
        "cost": facts.cost or None,
        "operation": facts.operation or None,
        "streams": list(facts.streams),
    }
