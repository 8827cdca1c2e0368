"""What all shots of a project share: its format, providers, defaults, variables, budget. Knows nothing of single shots."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Protocol

from shotbuild.errors import Location
from shotbuild.records import (
    LOCAL,
    PUSH_TAKES,
    Budget,
    Fields,
    Format,
    Objection,
    Profile,
    ProviderUse,
    Settings,
    StoreUse,
    Wish,
)
from shotbuild.spec import format as written
from shotbuild.spec.fields import Field, refuse_unknown, settle
from shotbuild.spec.kinds import Reader
from shotbuild.spec.matrix import Names
from shotbuild.spec.nodes import Entry, Node, Scalar
from shotbuild.spec.profiles import profiles
from shotbuild.spec.tables import Plain, Row, entries_of
from shotbuild.units import Money, Size

DEFAULT_FORMAT = Format(size=Size(1280, 720), rate=Fraction(24), color="bt709", pixels="yuv420p")
DEFAULT_TAKES_PER_SHOT = 30
TAKE, UPSCALE = "take", "upscale"
"""Kinds of models: what makes takes, and what works on a clip. The latter is also the finishing stage that it may do."""


class ModelTable(Protocol):
    """What loading has to know of a provider's model."""

    @property
    def name(self) -> str: ...

    @property
    def fields(self) -> Mapping[str, Field]: ...

    @property
    def roles(self) -> tuple[str, ...]: ...

    @property
    def kind(self) -> str: ...

    @property
    def seeded(self) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """What the rooms above offer. providers: name → its models, the first is its default; stages: finishing stages with
    their fields; profiles: the delivery profiles that there are; is_service: whether a provider works elsewhere, for money;
    objections: of a provider's model to a wish; the last two are asked only of providers that the project names;
    finishing: what speaks against a stage's settings; first: stages that may only stand first."""

    providers: Mapping[str, Mapping[str, ModelTable]]
    stages: Mapping[str, Mapping[str, Field]]
    profiles: Mapping[str, Profile]
    is_service: Callable[[str], bool]
    objections: Callable[[str, str, Wish], Iterable[Objection]]
    finishing: Callable[[str, Fields], Iterable[Objection]] = lambda stage, settings: ()
    first: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Provided:
    """One entry of `providers`. models: empty when the provider is not known; entries: its inline settings, as written."""

    use: ProviderUse
    models: Mapping[str, ModelTable]
    entries: dict[str, Entry]


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """default: the provider of a shot that names none; None = it has to name one; limits: of sequences, by written name."""

    name: str
    format: Format
    providers: dict[str, Provided]
    default: str | None
    defaults: Row
    variables: dict[str, Plain]
    budget: Budget
    limits: dict[str, tuple[Scalar, Money]]
    settings: Settings
    approvals: tuple[str, ...]
    profiles: tuple[Profile, ...]


def settled(row: Row, tables: Tables, reader: Reader) -> House:
    """The project file's own part, every gap filled; what is wrong is reported and left at its default."""
    providers = _providers(row, tables, reader)
    defaults = row.get(written.DEFAULTS) or Row(row.location, {}, {})
    house = House(
        name=row.get(written.PROJECT) or "project",
        format=overlaid(DEFAULT_FORMAT, row.get(written.FORMAT)),
        providers=providers,
        default=_default(defaults, providers, reader),
        defaults=defaults,
        variables=plain_values(row.get(written.VARS)),
        budget=_budget(row.get(written.BUDGET)),
        limits=_limits(row.get(written.BUDGET)),
        settings=_settings(row),
        approvals=tuple(dict.fromkeys(row.get(written.APPROVALS) or ())),
        profiles=profiles(row.get(written.PROFILES) or {}, tables.profiles, reader),
    )
    _check_version(row, reader)
    _check_default_settings(house, reader)
    return house


def _settings(row: Row) -> Settings:
    store = row.get(written.STORE)
    address = None if store is None else store.get(written.ADDRESS)
    return Settings(
        ffmpeg=row.get(written.FFMPEG),
        link=row.get(written.LINK) or "copy",
        store=None
        if store is None or address is None
        else StoreUse(
            address=address,
            push=store.get(written.PUSH) or PUSH_TAKES,
            endpoint=store.get(written.ENDPOINT),
            region=store.get(written.REGION),
        ),
        executor=row.get(written.EXECUTOR) or LOCAL,
    )


def overlaid(base: Format, row: Row | None) -> Format:
    """A format with what a row says in its place."""
    if row is None:
        return base
    return Format(
        size=row.get(written.SIZE) or base.size,
        rate=row.get(written.RATE) or base.rate,
        color=row.get(written.COLOR) or base.color,
        pixels=row.get(written.PIXELS) or base.pixels,
    )


def plain_values(values: dict[str, tuple[Scalar, Plain]] | None) -> dict[str, Plain]:
    return {name: value for name, (_, value) in (values or {}).items()}


def _check_version(row: Row, reader: Reader) -> None:
    version = row.get(written.VERSION)
    if version is None or version == written.FORMAT_VERSION:
        return
    newer = version > written.FORMAT_VERSION
    hint = "upgrade: `pip install --upgrade shotbuild`" if newer else f"write `shotbuild: {written.FORMAT_VERSION}`"
    cause = f"this shotbuild reads format {written.FORMAT_VERSION}"
    reader.report.say(row.place(written.VERSION), f"format {version} is not known here", cause=cause, hint=hint)


def _providers(row: Row, tables: Tables, reader: Reader) -> dict[str, Provided]:
    found = row.get(written.PROVIDERS)
    if found is None and not row.has(written.PROVIDERS):
        use = "animatic" if "animatic" in tables.providers else next(iter(tables.providers), "animatic")
        return {"board": _provided("board", use, None, {}, row.location, tables, reader)}
    return {name: _provider(name, key, node, tables, reader) for name, (key, node) in (found or {}).items()}


def _provider(name: str, key: Scalar, node: Node, tables: Tables, reader: Reader) -> Provided:
    row = written.PROVIDER_TABLE.read(node, reader) or Row(node.location, {}, {})
    use = row.get(written.USE) or ""
    if use and use not in tables.providers:
        reader.report.unknown(row.place(written.USE), "provider", use, sorted(tables.providers))
    own = {each.name for each in written.PROVIDER_TABLE.keys}
    entries = {word: entry for word, entry in getattr(node, "entries", {}).items() if word not in own}
    model, models = row.get(written.MODEL), tables.providers.get(use, {})
    if model is not None and models and model not in models:
        refuse_model(row.place(written.MODEL), model, use, models, reader)
        model, models = None, {}
    if use in tables.providers:
        _check_service(row, use, tables, reader)
    provided = _provided(name, use, model, entries, key.location, tables, reader)
    asked = replace(
        provided.use,
        at_once=row.get(written.AT_ONCE),
        per_minute=row.get(written.PER_MINUTE),
        stall_after=row.get(written.STALL_AFTER),
        on_stall=row.get(written.ON_STALL) or provided.use.on_stall,
        attempts=row.get(written.ATTEMPTS) or provided.use.attempts,
        price=row.get(written.PRICE),
    )
    return Provided(asked, provided.models if models else {}, entries)


def _check_service(row: Row, use: str, tables: Tables, reader: Reader) -> None:
    said = [row.entries[key.name].key for key in written.SERVICE_ONLY if key.name in row.entries]
    if not said or tables.is_service(use):
        return
    for key in said:
        message = f"`{key.text}` means nothing for provider {use!r}"
        cause = "it works on this machine: no service is asked, and nothing is paid"
        reader.report.say(key.location, message, cause=cause, hint="take it out")


def _provided(
    name: str,
    use: str,
    model: str | None,
    entries: dict[str, Entry],
    location: Location,
    tables: Tables,
    reader: Reader,
) -> Provided:
    models = tables.providers.get(use, {})
    chosen = model or next(iter(models), None)
    settings = Fields()
    if chosen is not None and chosen in models:
        table, owner = models[chosen], f"model {chosen!r}"
        settings = settle(table.fields, [entries], reader, place=None, owner=owner)
        own = [key.name for key in written.PROVIDER_TABLE.keys]
        refuse_unknown(entries, [*own, *table.fields], reader, owner=owner)
    use_ = ProviderUse(name=name, use=use, model=chosen, at_once=None, settings=settings, location=location)
    return Provided(use_, models, entries)


def refuse_model(place: Location, model: str, use: str, models: Mapping[str, ModelTable], reader: Reader) -> None:
    guess = reader.report.nearest(model, list(models))
    cause = f"provider {use!r} offers {', '.join(models)}"
    hint = f"did you mean `{guess}`?" if guess else "name one of them, or leave `model` out to use the first"
    reader.report.say(place, f"unknown model {model[:80]!r}", cause=cause, hint=hint)


def _default(defaults: Row, providers: dict[str, Provided], reader: Reader) -> str | None:
    name = defaults.get(written.PROVIDER)
    if name is None:
        return next(iter(providers)) if len(providers) == 1 else None
    if name not in providers:
        reader.report.unknown(defaults.place(written.PROVIDER), "provider", name, sorted(providers))
        return None
    return name


def _check_default_settings(house: House, reader: Reader) -> None:
    """A default setting that no model in use knows is a slip; one that some know is for those."""
    node = house.defaults.get(written.SETTINGS)
    entries = entries_of_settings(node, reader)
    models = [model for provided in house.providers.values() for model in provided.models.values() if model.kind == TAKE]
    if models:
        refuse_unknown(entries, [name for model in models for name in model.fields], reader, owner="any model in use")


def entries_of_settings(node: Node | None, reader: Reader) -> dict[str, Entry]:
    return {} if node is None else entries_of(node, reader, "settings") or {}


def _budget(row: Row | None) -> Budget:
    if row is None:
        return Budget(limit=None, takes_per_shot=DEFAULT_TAKES_PER_SHOT)
    takes = row.get(written.TAKES_PER_SHOT) or DEFAULT_TAKES_PER_SHOT
    return Budget(limit=row.get(written.LIMIT), takes_per_shot=takes)


def _limits(row: Row | None) -> dict[str, tuple[Scalar, Money]]:
    return {} if row is None else row.get(written.LIMITS_BY_SEQUENCE) or {}


def budget_of(house: House, sequences: Names, reader: Reader) -> Budget:
    """The budget with the limits of sequences under their full names."""
    found: dict[str, Money] = {}
    for key, limit in house.limits.values():
        name = sequences.find(key.text, key.location, {})
        if name in found:
            reader.report.say(key.location, f"sequence {name!r} has a limit already", hint="take one of them out")
        elif name is not None:
            found[name] = limit
    return replace(house.budget, sequences=tuple(sorted(found.items())))
