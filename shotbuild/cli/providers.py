"""`shotbuild providers`: who can make takes, with which models, within which limits, for how much. Needs no project."""

import os
import textwrap
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Annotated

import typer

from shotbuild.cli import console
from shotbuild.cli.columns import table
from shotbuild.cli.options import JsonOption
from shotbuild.paying import offers
from shotbuild.paying.offers import Offered
from shotbuild.plugins import registry
from shotbuild.providers.interface import Model
from shotbuild.spec.fields import REQUIRED, Field
from shotbuild.units import counted

RATIOS = 24
WIDE = 100


def command(
    name: Annotated[str | None, typer.Argument(help="A provider: lists its models.", show_default=False)] = None,
    model: Annotated[str | None, typer.Argument(help="One of its models: all of it.", show_default=False)] = None,
    json: JsonOption = False,
) -> int:
    known, today = registry().providers, datetime.now(UTC).date()
    if name is None:
        found = offers.offers(known, os.environ)
        if json:
            console.document("providers", {"providers": [offers.offered_content(each) for each in found]})
        else:
            _print_all(found)
            console.err(
                "lost submits: how one is found again whose answer was lost; `shotbuild providers NAME` lists models"
            )
        return 0
    offered = offers.offer(known, name, os.environ)
    models = list(offered.provider.models.values()) if model is None else [offers.model_of(offered, model)]
    if json:
        content = offers.offered_content(offered) | {"models": [offers.model_content(each, today) for each in models]}
        console.document("providers", {"providers": [content]})
    elif model is None:
        _print_models(offered, today)
    else:
        for line in _about(offered, models[0], today):
            console.out(line)
    return 0


def _print_all(found: tuple[Offered, ...]) -> None:
    table(
        ("provider", "kind", "models", "lost submits", "key", "in"),
        [
            {
                "provider": each.name,
                "kind": offers.kind(each.provider),
                "models": str(len(each.provider.models)),
                "key": _key(each),
                "in": offers.keys_text(each.provider),
                "lost submits": offers.lost_submit(each.provider),
            }
            for each in found
        ],
        shrink={"in": 24},
        right=("models",),
    )


def _key(each: Offered) -> str:
    return {None: "", True: "set", False: "not set"}[each.key]


def _print_models(offered: Offered, today: date) -> None:
    free = offers.is_free(offered.provider)
    rows = [_cells(model, today, free=free) for model in offered.provider.models.values()]
    table(
        ("model", "kind", "lengths", "shapes", "price", "seed", "frames", "refs", "video", "extends", "pin", "kept", "end"),
        rows,
        shrink={"shapes": 12, "price": 14, "lengths": 10, "model": 24},
        drop=("extends", "kind", "kept", "shapes", "video"),
        right=("refs",),
        tails=("model",),
    )
    console.err(_footnote(offered))


def _footnote(offered: Offered) -> str:
    dates = sorted({model.tariff.date for model in offered.provider.models.values() if model.tariff is not None})
    prices = f"prices as read on {' and '.join(dates)}; " if dates else ""
    return (
        f"{counted(len(offered.provider.models), 'model')}; {prices}frames: which may be given, `!` has to be; "
        f"`shotbuild providers {offered.name} MODEL` says all of one"
    )


def _cells(model: Model, today: date, *, free: bool) -> dict[str, str]:
    pins = {"BITS": "exact", "CONTENT": "content", "DATED": "dated", "VERSION": "version", "NAME": "name"}
    return {
        "model": model.name,
        "kind": "" if model.kind == "take" else model.kind,
        "lengths": offers.lengths(model),
        "shapes": " ".join(model.ratios) or "any",
        "price": offers.price(model, free=free),
        "seed": "yes" if model.seeded else "no",
        "frames": offers.frames(model),
        "refs": str(offers.references(model) or ""),
        "video": "yes" if offers.takes_video(model) else "",
        "extends": "yes" if model.extends else "",
        "pin": pins[model.strength.name],
        "kept": "" if model.kept is None else f"{model.kept} h",
        "end": offers.ending(model, today),
    }


def _about(offered: Offered, model: Model, today: date) -> Iterator[str]:
    free = offers.is_free(offered.provider)
    unsaid = "not said"
    yield f"{offered.name} {model.name}"
    rows = [
        ("version", model.version),
        ("pin", model.strength.value),
        ("kind", "makes takes" if model.kind == "take" else "works on a finished clip"),
        ("lengths", offers.lengths(model)),
        ("shapes", ", ".join(model.ratios) or "any"),
        ("prompt", f"at most {model.prompt} characters" if model.prompt else unsaid),
        ("references", ", ".join(f"{role} (needed)" if role in model.needs else role for role in model.roles) or "none"),
        ("seed", "is sent" if model.seeded else "is not sent: each take is another one"),
        ("video", "takes a clip" if offers.takes_video(model) else "takes none"),
        ("extends", "can go on from a clip of its own" if model.extends else "no"),
        ("rewriting", model.rewriting.value),
        ("at once", unsaid if model.at_once is None else str(model.at_once)),
        ("per minute", unsaid if model.per_minute is None else str(model.per_minute)),
        ("kept", unsaid if model.kept is None else f"{model.kept} hours at the service"),
        ("end", offers.ending(model, today) or unsaid),
        ("hands over", f".{model.extension}"),
        ("notes", model.notes),
        (
            "price",
            "" if model.tariff else _unlisted(free=free),
        ),
    ]
    for label, text in rows:
        if text:
            yield from _wrapped(f"  {label:12}", text)
    yield from _tariff(model)
    if model.fields:
        yield "settings"
        for name, setting in sorted(model.fields.items()):
            yield from _setting(name, setting)


def _unlisted(*, free: bool) -> str:
    return "free" if free else "unknown, which is over any budget: give its provider a `price:` in shotbuild.yaml"


def _tariff(model: Model) -> Iterator[str]:
    tariff = model.tariff
    if tariff is None:
        return
    word = "" if tariff.exact else ", estimated"
    yield from _wrapped("  price       ", f"{tariff.source}, read on {tariff.date}{word}; the first line that fits holds")
    for rate in tariff.rates:
        when = ", ".join(f"{name} {value}" for name, value in rate.when.items()) or "else"
        yield f"              {offers.amount_text(rate.amount)} {tariff.currency} a {rate.per}  {when}"


def _setting(name: str, setting: Field) -> Iterator[str]:
    default = setting.default
    if default is REQUIRED:
        said = "has to be written"
    elif default is None:
        said = "may stay away"
    else:
        said = f"default {str(default).lower() if isinstance(default, bool) else default}"
    yield from _wrapped(f"  {name}: ", f"{offers.choices(setting)}; {said}", "      ")
    yield from _wrapped("      ", setting.doc)


def _wrapped(label: str, text: str, hanging: str | None = None) -> list[str]:
    indent = " " * len(label) if hanging is None else hanging
    return textwrap.wrap(text, WIDE, initial_indent=label, subsequent_indent=indent, break_on_hyphens=False) or [label]
