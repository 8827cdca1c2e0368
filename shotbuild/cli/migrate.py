"""`shotbuild migrate`: another model beside what stands. What is lost is told before anything is made."""

import json as jsons
import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from shotbuild.built import BuildOptions, Built
from shotbuild.cli import console
from shotbuild.cli.choices import INDENT, sentence
from shotbuild.cli.columns import table
from shotbuild.cli.making import money, shown
from shotbuild.cli.options import Jobs, JsonOption, MaxCost, ProjectOption, Shots
from shotbuild.cli.plan import price_content, price_text
from shotbuild.errors import GateError, PlanError
from shotbuild.plan.choose import APPROVED, PICKED
from shotbuild.records import Fields, Take, Value
from shotbuild.takes.compare import Comparison
from shotbuild.takes.losses import Card, to_write
from shotbuild.takes.migrate import Recast, Rehearsal, beside, rehearsal, rehearse
from shotbuild.units import counted, decimal_text
from shotbuild.workspace import Workspace, open_project

PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
PICTURES = "pictures"
SCHEMA = "shotbuild/migrate/1"


def command(
    shots: Shots,
    to: Annotated[str, typer.Option("--to", help="A provider and its model, `kling/kling-3.0`; or the provider alone.")],
    project: ProjectOption = Path(),
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", help="`NAME=VALUE`, a setting of the model; repeatable. `NAME=` is its default."),
    ] = None,
    takes: Annotated[int, typer.Option("--takes", "-n", min=1, max=1000, help="How many of each shot are wanted.")] = 1,
    report_only: Annotated[bool, typer.Option("--report-only", help="Make nothing: what is lost, and the price.")] = False,
    jobs: Jobs = None,
    max_cost: MaxCost = None,
    json: JsonOption = False,
) -> int:
    options = BuildOptions(jobs=jobs, max_cost=money(max_cost))
    run = _Run(shots, to, _named(setting or []), takes, options, json=json)
    if report_only:
        run.before(open_project(project, console.warn))
        if json:
            console.document("migrate", run.content())
        return run.exit_code
    code = shown(project, run.work, json=json, before=run.before, more=lambda: {"schema": SCHEMA} | run.content())
    if not json:
        run.compare()
    return max(code, run.exit_code)


def _named(settings: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in settings:
        name, equals, value = each.partition("=")
        if not name or not equals:
            raise PlanError(f"--set {each[:80]!r} names no setting", hint="write `--set NAME=VALUE`")
        found[name] = value
    return found


@dataclass(slots=True)
class _Run:
    """One rehearsal from what is said of it before to what is shown of it afterwards."""

    shots: Sequence[str]
    to: str
    said: dict[str, str]
    takes: int
    options: BuildOptions
    json: bool = field(kw_only=True)
    found: Rehearsal | None = None
    laid: tuple[Comparison, ...] = ()

    def before(self, workspace: Workspace) -> None:
        self.found = rehearsal(workspace, self.shots, self.to, self.said, self.takes)
        if not self.json:
            _print(self.found)

    def work(self, _: Workspace) -> Built:
        assert self.found is not None, "it was looked at before"
        built = rehearse(self.found, self.options, threading.Event())
        self.laid = tuple(beside(self.found))
        return built

    def compare(self) -> None:
        assert self.found is not None, "it was looked at before"
        _print_takes(self.laid)
        if self.laid:
            _print_way_on(self.found, {each.b.take.shot for each in self.laid})

    @property
    def exit_code(self) -> int:
        return GateError.exit_code if self.found is not None and self.found.blocked else 0

    def content(self) -> dict[str, object]:
        assert self.found is not None, "it was looked at before"
        return _content(self.found, self.laid)


# --- for people -----------------------------------------------------------------------------------------------------------


def _print(found: Rehearsal) -> None:
    heads = ("shot", "what", "as it stands", f"with {_maker(found)}")
    rows = [
        dict(zip(heads, (each.shot if first else "", *row), strict=True))
        for each in found.shots
        for first, row in ((number == 0, row) for number, row in enumerate(_rows(each)))
    ]
    table(heads, rows, shrink={heads[2]: 24, heads[3]: 24})
    for error in found.blocked:
        console.err("")
        console.error(error, found.space.rooms.root)
    missing = sum(each.missing for each in found.shots)
    console.out(f"{counted(missing, 'take')} to make; cost: {found.cost}")


def _maker(found: Rehearsal) -> str:
    return f"{found.target.use.name}/{found.target.model.name}"


def _rows(each: Recast) -> Iterator[tuple[str, str, str]]:
    there = f"{', '.join(f't{take.number}' for take in each.there)} there, " if each.there else ""
    yield "take", sentence(each.stands), "not rolled" if each.blocked else f"{there}{each.missing} to make"
    for loss in each.losses:
        yield loss.key, f"{loss.value} (default)" if loss.usual else loss.value, f"LOST: {loss.why}"
    before, after = _told(each.before), _told(each.after)
    lost = {loss.key for loss in each.losses}
    for what, text in before.items():
        if what == "price" or (text != after[what] and what not in lost):
            yield what, text, after[what]


def _told(card: Card) -> dict[str, str]:
    model = card.model
    return {
        "model": f"{card.use}/{model.name}",
        "price": price_text(card.price),
        "pin": model.strength.value,
        "seed": "is sent" if model.seeded else "is not sent",
        "sound": "takes carry sound" if card.sound else "silent",
        "rewriting": model.rewriting.value,
        "extends": "can go on from a clip of its own" if model.extends else "no",
        "end": model.ends or "not said",
        "file": f".{model.extension}",
    }


def _print_takes(laid: Sequence[Comparison]) -> None:
    heads = ("shot", "stands", "beside it", "seed", "cost", PICTURES)
    rows = [
        (a.shot, f"t{a.number}", f"t{b.number}", each.b.seed, each.b.cost, _pictures(each)) for each, a, b in _pairs(laid)
    ]
    if rows:
        table(heads, [dict(zip(heads, row, strict=True)) for row in rows], shrink={PICTURES: 30}, right=("seed",))
    for each, a, b in _pairs(laid):
        console.out(f"\n{a.shot} t{a.number} -> t{b.number}")
        for line in (
            *each.recipe,
            *(f"{row.stream} {row.field}: {row.a or 'none'} -> {row.b or 'none'}" for row in each.streams),
        ):
            console.out(f"{INDENT}{line}")


def _pairs(laid: Sequence[Comparison]) -> Iterator[tuple[Comparison, Take, Take]]:
    for each in laid:
        yield each, each.a.take, each.b.take


def _pictures(each: Comparison) -> str:
    if each.same_bytes:
        return "the same, byte for byte"
    if each.pictures is None:
        return f"not measured: {each.unmeasured}"
    found = each.pictures
    if found.same_stream:
        return "the same, frame for frame"
    frames = f"{found.compared - found.identical} of {counted(found.compared, 'frame')} differ"
    return f"{frames}, PSNR {found.psnr} dB" + ("" if found.ssim is None else f", SSIM {found.ssim}")


def _print_way_on(found: Rehearsal, shots: set[str]) -> None:
    console.err("\nnothing that stands has changed. To take it on, write at the shot:")
    for each in found.shots:
        if each.shot not in shots:
            continue
        settings = to_write(each.today, each.then, found.target)
        inside = f", settings: {_flow(settings)}" if settings.items else ""
        named = f"provider: {each.then.provider}, model: {_scalar(found.target.model.name)}{inside}"
        reopen = f"; then `shotbuild reopen {each.shot}`" if each.stands.how in (APPROVED, PICKED) else ""
        console.err(f"{INDENT}{each.shot}: {{{named}}}{reopen}")


def _flow(settings: Fields) -> str:
    return f"{{{', '.join(f'{name}: {_scalar(value)}' for name, value in settings)}}}"


def _scalar(value: Value) -> str:
    """A value as YAML has it in one line."""
    return value if isinstance(value, str) and PLAIN.fullmatch(value) else jsons.dumps(value, ensure_ascii=False)


# --- for machines ---------------------------------------------------------------------------------------------------------


def _content(found: Rehearsal, laid: Sequence[Comparison]) -> dict[str, object]:
    return {
        "to": {"provider": found.target.use.name, "use": found.target.provider.name, "model": found.target.model.name},
        "takes": found.takes,
        "missing": sum(each.missing for each in found.shots),
        "estimate": {each.currency: decimal_text(each.amount) for each in found.cost.known},
        "unknown_prices": found.cost.unknown,
        "shots": [_recast(found, each, [row for row in laid if row.b.take.shot == each.shot]) for each in found.shots],
    }


def _recast(found: Rehearsal, each: Recast, laid: Sequence[Comparison]) -> dict[str, object]:
    take = each.stands.take
    return {
        "shot": each.shot,
        "how": each.stands.how,
        "take": None if take is None else take.name,
        "number": None if take is None else take.number,
        "blocked": [row for error in each.blocked for row in console.problems(error)],
        "lost": [{"key": loss.key, "value": loss.value, "why": loss.why, "default": loss.usual} for loss in each.losses],
        "settings": dict(each.then.settings.items),
        "write": dict(to_write(each.today, each.then, found.target).items),
        "before": _card(each.before),
        "after": _card(each.after),
        "missing": each.missing,
        "compared": [_comparison(row) for row in laid],
    }


def _card(card: Card) -> dict[str, object]:
    model = card.model
    return {
        "provider": card.use,
        "use": card.provider,
        "model": model.name,
        "price": price_content(card.price),
        "pin": model.strength.name.lower(),
        "seeded": model.seeded,
        "sound": card.sound,
        "rewriting": model.rewriting.name.lower(),
        "extends": model.extends,
        "ends": model.ends,
        "extension": model.extension,
    }


def _comparison(row: Comparison) -> dict[str, object]:
    return {
        "take": row.b.take.name,
        "number": row.b.take.number,
        "video": row.b.take.video.sha256,
        "seed": row.b.take.seed,
        "cost": row.b.cost or None,
        "same_bytes": row.same_bytes,
        "recipe": list(row.recipe),
        "streams": [asdict(each) for each in row.streams],
        PICTURES: None if row.pictures is None else asdict(row.pictures),
        "unmeasured": row.unmeasured,
    }
