"""What can be bought: every provider with its models, their limits and prices, as the adapters state them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any

from shotbuild.errors import PlanError, nearest
from shotbuild.paying.named import exact_text
from shotbuild.providers.interface import Finds, Model, Provider, Tariff, is_hosted, is_service
from shotbuild.purchasing import key_is_set
from shotbuild.spec.fields import REQUIRED, Field
from shotbuild.spec.kinds import Choice, Factor, Integer, Truth
from shotbuild.units import decimal_text

SOON = timedelta(days=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """A provider. key: whether one is set; None where it needs none."""

    name: str
    provider: Provider
    key: bool | None


def offers(providers: Mapping[str, Provider], environ: Mapping[str, str]) -> tuple[Offered, ...]:
    """All providers, by name."""
    return tuple(_offered(name, providers[name], environ) for name in sorted(providers))


def offer(providers: Mapping[str, Provider], name: str, environ: Mapping[str, str]) -> Offered:
    """Errors: PlanError when no provider has this name."""
    if name in providers:
        return _offered(name, providers[name], environ)
    close = nearest(name, sorted(providers))
    raise PlanError(
        f"no provider is called {name[:80]!r}",
        cause=f"there are {', '.join(sorted(providers))}",
        hint=f"write `{close}`" if close else "`shotbuild providers` lists them",
    )


def model_of(offered: Offered, name: str) -> Model:
    """Errors: PlanError when the provider has no such model."""
    models = offered.provider.models
    if name in models:
        return models[name]
    close = nearest(name, list(models))
    raise PlanError(
        f"{offered.name} has no model {name[:80]!r}",
        hint=f"write `{close}`" if close else f"`shotbuild providers {offered.name}` lists them",
    )


def _offered(name: str, provider: Provider, environ: Mapping[str, str]) -> Offered:
    needs = is_service(provider) and bool(provider.keys) and () not in provider.keys
    return Offered(
        name=name, provider=provider, key=key_is_set(provider, environ) if needs and is_service(provider) else None
    )


# --- in words -------------------------------------------------------------------------------------------------------------


def kind(provider: Provider) -> str:
    return "service" if is_service(provider) else "local"


def lost_submit(provider: Provider) -> str:
    """How a submit is found whose answer was lost, in a word or two."""
    if not is_service(provider):
        return ""
    alone = "asked again" if is_hosted(provider) else "by a person"
    return {Finds.BY_ID: "by id", Finds.BY_LIST: "by list", Finds.NO: alone}[provider.finds]


def keys_text(provider: Provider) -> str:
    """The variables that hold its key: `A`, or `A and B`, or one of several such sets."""
    if not is_service(provider):
        return ""
    told = " or ".join(" and ".join(names) for names in provider.keys if names)
    return f"{told}, or none" if told and () in provider.keys else told


def lengths(model: Model) -> str:
    """`2-10 s`, `4, 6, 8 s`, `1 s to 60 s` where any length between is made."""
    if not model.lengths:
        low = exact_text(model.shortest)
        return f"{low} to {model.seconds} s" if model.shortest else f"up to {model.seconds} s"
    steps = sorted(model.lengths)
    if len(steps) > 2 and all(later - earlier == 1 for earlier, later in pairwise(steps)):
        return f"{exact_text(steps[0])}-{exact_text(steps[-1])} s"
    return f"{', '.join(map(exact_text, steps))} s"


def frames(model: Model) -> str:
    """Which of its frames may be given; what has to be is marked by `!`."""
    said = {"first_frame": "first", "last_frame": "last"}
    return " ".join(f"{word}{'!' if role in model.needs else ''}" for role, word in said.items() if role in model.roles)


def references(model: Model) -> int:
    """How many pictures it may be shown besides."""
    return sum(role.startswith("reference") for role in model.roles)


def takes_video(model: Model) -> bool:
    return "video" in model.roles


def is_free(provider: Provider) -> bool:
    """Whether what has no price list costs nothing: it is made on this machine, or by a server of one's own."""
    return not is_service(provider) or is_hosted(provider)


def price(model: Model, *, free: bool) -> str:
    """`0.12 USD/s`, `0.05-0.40 USD/s`, `?` where no price is known."""
    tariff = model.tariff
    if tariff is None or not tariff.rates:
        return "free" if free else "?"
    return " or ".join(_span(tariff, per) for per in ("second", "take") if any(rate.per == per for rate in tariff.rates))


def _span(tariff: Tariff, per: str) -> str:
    amounts = [rate.amount for rate in tariff.rates if rate.per == per]
    low, high = min(amounts), max(amounts)
    span = amount_text(low) if low == high else f"{amount_text(low)}-{amount_text(high)}"
    return f"{span} {tariff.currency}/{'s' if per == 'second' else per}"


def amount_text(amount: Fraction) -> str:
    """Money of a price list: exact, with two places at least."""
    text = exact_text(amount)
    return text if len(text.partition(".")[2]) > 2 else decimal_text(amount)


def ending(model: Model, today: date) -> str:
    """`` where nothing is known, else `until 2027-01-31`, `ENDS 2026-12-20` when that is soon, `ENDED 2026-10-01`."""
    if model.ends is None:
        return ""
    last = date.fromisoformat(model.ends)
    if last < today:
        return f"ENDED {last}"
    return f"ENDS {last}" if last - today <= SOON else f"until {last}"


# --- for machines ---------------------------------------------------------------------------------------------------------


def offered_content(offered: Offered) -> dict[str, Any]:
    provider = offered.provider
    service = provider if is_service(provider) else None
    return {
        "name": offered.name,
        "kind": kind(provider),
        "models": len(provider.models),
        "key": offered.key,
        "keys": [] if service is None else [list(names) for names in service.keys],
        "variables": [] if service is None else list(service.variables),
        "address": None if service is None else service.address,
        "address_variable": None if service is None else service.variable,
        "pace": None if service is None else service.pace,
        "finds": None if service is None else service.finds.name.lower(),
    }


def model_content(model: Model, today: date) -> dict[str, Any]:
    tariff = model.tariff
    return {
        "name": model.name,
        "version": model.version,
        "kind": model.kind,
        "strength": model.strength.name.lower(),
        "seconds": model.seconds,
        "shortest": exact_text(model.shortest),
        "lengths": [exact_text(each) for each in model.lengths],
        "ratios": list(model.ratios),
        "prompt": model.prompt or None,
        "roles": list(model.roles),
        "needs": list(model.needs),
        "seeded": model.seeded,
        "extends": model.extends,
        "rewriting": model.rewriting.name.lower(),
        "kept_hours": model.kept,
        "ends": model.ends,
        "ended": model.ends is not None and date.fromisoformat(model.ends) < today,
        "at_once": model.at_once,
        "per_minute": model.per_minute,
        "extension": model.extension,
        "notes": model.notes,
        "tariff": None
        if tariff is None
        else {
            "currency": tariff.currency,
            "exact": tariff.exact,
            "source": tariff.source,
            "date": tariff.date,
            "rates": [
                {"when": dict(rate.when), "per": rate.per, "amount": exact_text(rate.amount)} for rate in tariff.rates
            ],
        },
        "settings": {name: setting_content(setting) for name, setting in sorted(model.fields.items())},
    }


def setting_content(setting: Field) -> dict[str, Any]:
    """A setting of a model: what may be written, what holds when nothing is, and what it means."""
    return {
        "default": None if setting.default is REQUIRED else setting.default,
        "required": setting.default is REQUIRED,
        "may_be": choices(setting),
        "doc": setting.doc,
    }


def choices(setting: Field) -> str:
    """What may be written, in words."""
    match setting.kind:
        case Choice(words=words):
            return ", ".join(words)
        case Integer(low=low, high=high):
            return f"{low} to {high}"
        case Factor(low=low, high=high):
            return f"{exact_text(low)} to {exact_text(high)}, also with a fraction"
        case Truth():
            return "true, false"
    return "text"
