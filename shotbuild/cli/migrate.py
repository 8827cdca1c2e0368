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
from shotbuild.cli.options import Frozen, Jobs, JsonOption, MaxCost, NoClaim, ProjectOption, Shots
from shotbuild.cli.plan import price_content, price_text
from shotbuild.errors import GateError, PlanError
from shotbuild.plan.choose import APPROVED, PICKED
from shotbuild.records import Fields, Take, Value
from shotbuild.spec.nodes import NOTHING
from shotbuild.takes.compare import Comparison
from shotbuild.takes.losses import Card, to_write
from shotbuild.takes.migrate import Beside, Recast, Rehearsal, beside, rehearsal, rehearse
from shotbuild.units import counted, decimal_text
from shotbuild.workspace import Workspace, open_project

PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")


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
    frozen: Frozen = False,
    max_cost: MaxCost = None,
    no_claim: NoClaim = False,
    json: JsonOption = False,
) -> int:
    run = _Run(shots, to, _named(setting or []), takes, json=json, events=not report_only)
    if report_only:
        run.look(open_project(project, console.warn))
        return run.exit_code
    options = BuildOptions(jobs=jobs, max_cost=money(max_cost), claim=not no_claim, frozen=frozen)
    code = shown(project, lambda _: run.make(options), json=json, before=run.look)
    run.show()
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
    """One rehearsal, from what is said of it before to what is shown of it afterwards. events: JSON, a line for each."""

    shots: Sequence[str]
    to: str
    said: dict[str, str]
    takes: int
    json: bool = field(kw_only=True)
    events: bool = field(kw_only=True)
    found: Rehearsal | None = None
    laid: tuple[Beside, ...] = ()

    def look(self, workspace: Workspace) -> None:
        self.found = rehearsal(workspace, self.shots, self.to, self.said, self.takes)
        if self.json and self.events:
            console.line({"event": "rehearsal", "schema": "shotbuild/migrate/1", **_content(self.found)})
        elif self.json:
            console.document("migrate", _content(self.found))
        else:
            _print(self.found)

    def make(self, options: BuildOptions) -> Built:
        assert self.found is not None, "it was looked at before"
        built = rehearse(self.found, options, threading.Event())
        self.laid = tuple(beside(self.found))
        if self.json:
            for each in self.laid:
                console.line({"event": "compared", **_compared(each)})
        return built

    def show(self) -> None:
        if self.laid and not self.json:
            assert self.found is not None, "it was looked at before"
            _print_takes(self.laid)
            _print_way_on(self.found, {each.laid.b.take.shot for each in self.laid})

    @property
    def exit_code(self) -> int:
        return GateError.exit_code if self.found is not None and self.found.blocked else 0


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


def _print_takes(all_laid: Sequence[Beside]) -> None:
    rows = [
        {
            "shot": a.shot,
            "stands": f"t{a.number}",
            "beside it": f"t{b.number}",
            "seed": each.laid.b.seed,
            "cost": each.laid.b.cost,
            "structure": each.structure,
            "colour": each.colour,
            "motion": each.motion,
            "pictures": _pictures(each.laid),
        }
        for each, a, b in _pairs(all_laid)
    ]
    table(tuple(rows[0]), rows, shrink={"pictures": 20}, right=("seed",))
    for each, a, b in _pairs(all_laid):
        console.out(f"\n{a.shot} t{a.number} -> t{b.number}")
        streams = (f"{row.stream} {row.field}: {row.a or 'none'} -> {row.b or 'none'}" for row in each.laid.streams)
        for line in (*each.laid.recipe, *streams):
            console.out(f"{INDENT}{line}")


def _pairs(all_laid: Sequence[Beside]) -> Iterator[tuple[Beside, Take, Take]]:
    for each in all_laid:
        yield each, each.laid.a.take, each.laid.b.take


def _pictures(laid: Comparison) -> str:
    if laid.same_bytes:
        return "the same, byte for byte"
    found = laid.pictures
    if found is None:
        return f"not measured: {laid.unmeasured}"
    if found.same_stream:
        return "the same, frame for frame"
    frames = f"{found.compared - found.identical} of {counted(found.compared, 'frame')} differ"
    return frames if found.frames_a == found.frames_b else f"{frames}; one has {found.frames_a}, the other {found.frames_b}"


def _print_way_on(found: Rehearsal, shots: set[str]) -> None:
    console.err("\nnothing that stands has changed. To take it on, write at the shot:")
    for each in found.shots:
        if each.shot not in shots:
            continue
        settings = to_write(each.today, each.before.model, each.then, found.target)
        inside = f", settings: {_flow(settings)}" if settings.items else ""
        named = f"provider: {each.then.provider}, model: {_scalar(found.target.model.name)}{inside}"
        reopen = f"; then `shotbuild reopen {each.shot}`" if each.stands.how in (APPROVED, PICKED) else ""
        console.err(f"{INDENT}{each.shot}: {{{named}}}{reopen}")


def _flow(settings: Fields) -> str:
    return f"{{{', '.join(f'{name}: {_scalar(value)}' for name, value in settings)}}}"


def _scalar(value: Value) -> str:
    """A value as YAML has it in one line."""
    plain = isinstance(value, str) and PLAIN.fullmatch(value) and value not in NOTHING
    return str(value) if plain else jsons.dumps(value, ensure_ascii=False)


# --- for machines ---------------------------------------------------------------------------------------------------------


def _content(found: Rehearsal) -> dict[str, object]:
    return {
        "to": {"provider": found.target.use.name, "use": found.target.provider.name, "model": found.target.model.name},
        "takes": found.takes,
        "missing": sum(each.missing for each in found.shots),
        "cost": {each.currency: decimal_text(each.amount) for each in found.cost.known},
        "unknown_prices": found.cost.unknown,
        "shots": [_recast(found, each) for each in found.shots],
    }


def _recast(found: Rehearsal, each: Recast) -> dict[str, object]:
    take = each.stands.take
    return {
        "shot": each.shot,
        "how": each.stands.how,
        "take": None if take is None else take.name,
        "number": None if take is None else take.number,
        "blocked": [row for error in each.blocked for row in console.problems(error)],
        "lost": [{"key": loss.key, "value": loss.value, "why": loss.why, "default": loss.usual} for loss in each.losses],
        "settings": dict(each.then.settings.items),
        "write": dict(to_write(each.today, each.before.model, each.then, found.target).items),
        "before": _card(each.before),
        "after": _card(each.after),
        "there": [take.name for take in each.there],
        "missing": each.missing,
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


def _compared(each: Beside) -> dict[str, object]:
    laid, take = each.laid, each.laid.b.take
    return {
        "shot": take.shot,
        "stands": laid.a.take.name,
        "take": take.name,
        "number": take.number,
        "video": take.video.sha256,
        "seed": take.seed,
        "cost": laid.b.cost or None,
        "same_bytes": laid.same_bytes,
        "structure": each.structure or None,
        "colour": each.colour or None,
        "motion": each.motion or None,
        "recipe": list(laid.recipe),
        "streams": [asdict(row) for row in laid.streams],
        "pictures": None if laid.pictures is None else asdict(laid.pictures),
        "unmeasured": laid.unmeasured,
    }
