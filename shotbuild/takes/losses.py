"""What of a shot another model cannot express, and the shot as that model would make it. Nothing is made for it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from shotbuild.digest import FIRST_FRAME
from shotbuild.errors import Location, PlanError, SpecError, SpecErrors, nearest
from shotbuild.plugins import Registry
from shotbuild.providers.interface import Model, Provider
from shotbuild.records import Fields, Price, Project, ProviderUse, Shot, Value, Wish
from shotbuild.spec.fields import Field, Required, written_out
from shotbuild.spec.house import TAKE
from shotbuild.spec.kinds import Reader
from shotbuild.spec.nodes import Scalar
from shotbuild.spec.report import Report, listed
from shotbuild.spec.tree import PROJECT_FILE, Tree

NOWHERE = Location(PROJECT_FILE, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Who is to make the takes. use: of the project, or one that stands for a provider which the project does not name;
    own: the settings that were written there; said: those that were named now, None = the model's default."""

    use: ProviderUse
    provider: Provider
    model: Model
    own: Mapping[str, Value]
    said: Mapping[str, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """What a shot has and a model has no place for. key: as it is written: `settings.NAME`, `references.ROLE`, `continue`,
    `seed`; value: in words; usual: nobody wrote it, it is a default."""

    key: str
    value: str
    why: str
    usual: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What the takes of a shot are like with a model. use: the project's name of its provider; price: of one take; sound: do
    they carry any."""

    use: str
    provider: str
    model: Model
    price: Price
    sound: bool


def target_named(project: Project, registry: Registry, words: str, said: Mapping[str, str], tree: Tree) -> Target:
    """words: `NAME` or `NAME/MODEL`, a provider of the project or an installed one; said: name → text, empty = the model's
    default. Errors: PlanError when there is none, or a setting cannot be that."""
    name, _, wanted = words.partition("/")
    uses = {use.name: use for use in project.providers}
    use = uses.get(name)
    if use is None:
        if name not in registry.providers:
            close = nearest(name, [*uses, *registry.providers])
            raise PlanError(
                f"no provider is called {name[:80]!r}",
                cause=f"this project has {', '.join(uses) or 'none'}",
                hint=f"write `--to {close}`" if close else "`shotbuild providers` lists all that are installed",
            )
        use = ProviderUse(name=name, use=name, model=None, at_once=None, settings=Fields(), location=NOWHERE)
    provider = registry.providers[use.use]
    model = _model(provider, use, wanted)
    written = provider.models[use.model].fields if use.model is not None else {}
    own = {key: value for key, value in use.settings if value != written[key].default}
    given = {key: _said(model, key, text, tree) for key, text in said.items()}
    return Target(use=use, provider=provider, model=model, own=own, said=given)


def _model(provider: Provider, use: ProviderUse, wanted: str) -> Model:
    models = provider.models
    name = wanted or use.model or next(iter(models))
    if name not in models:
        close = nearest(name, list(models))
        raise PlanError(
            f"{use.name} has no model {name[:80]!r}",
            cause=listed(list(models)),
            hint=f"write `--to {use.name}/{close}`" if close else f"`shotbuild providers {use.use}` lists them",
        )
    if models[name].kind != TAKE:
        others = [each.name for each in models.values() if each.kind == TAKE]
        raise PlanError(
            f"model {name!r} makes no takes",
            cause=f"it works on a clip that is there already; for takes, {use.name} has {', '.join(others) or 'none'}",
            hint="name another one",
        )
    return models[name]


def _said(model: Model, name: str, text: str, tree: Tree) -> Value:
    if name not in model.fields:
        close = nearest(name, list(model.fields))
        raise PlanError(
            f"model {model.name!r} has no setting {name[:80]!r}",
            cause=listed(sorted(model.fields)),
            hint=f"did you mean `{close}`?" if close else None,
        )
    if not text:
        return None
    value, wrong = _read(model.fields[name], text, tree)
    if wrong is not None:
        raise PlanError(f"--set {name}: {wrong.message}", cause=wrong.cause, hint=wrong.hint)
    return value


def _read(field: Field, value: Value, tree: Tree) -> tuple[Value, SpecError | None]:
    """A value as a field takes it, and why it does not."""
    report = Report()
    text = str(value).lower() if isinstance(value, bool) else str(value)
    read = field.read(Scalar(text, True, NOWHERE), Reader(report, tree))
    try:
        report.settle()
    except SpecErrors as found:
        return None, found.errors[0]
    return read, None


def recast(shot: Shot, before: Model, target: Target, tree: Tree) -> tuple[Shot, tuple[Loss, ...]]:
    """A shot as the target would make it, and what of it is lost. before: the model that makes it now. Errors: PlanError for
    settings that have to be written."""
    model = target.model
    settings, losses = _settings(shot, before, target, tree)
    takes = f"it takes {', '.join(model.roles)}" if model.roles else "it takes no references"
    kept = tuple(each for each in shot.references if each.role in model.roles)
    losses += [
        Loss(key=f"references.{each.role}", value=each.path, why=takes) for each in shot.references if each not in kept
    ]
    continues = shot.continues if FIRST_FRAME in model.roles else None
    if continues != shot.continues:
        losses.append(Loss(key="continue", value=shot.continues or "", why=f"it takes no {FIRST_FRAME}"))
    if before.seeded and not model.seeded:
        seed = "derived from its name" if shot.seed is None else str(shot.seed)
        why = "it takes no seed: two takes of one request are two answers"
        losses.append(Loss(key="seed", value=seed, why=why, usual=shot.seed is None))
    then = replace(
        shot,
        provider=target.use.name,
        model=model.name,
        settings=settings,
        references=kept,
        continues=continues,
        seed=shot.seed if model.seeded else None,
        fallbacks=(),
    )
    return then, tuple(losses)


def _settings(shot: Shot, before: Model, target: Target, tree: Tree) -> tuple[Fields, list[Loss]]:
    """What was written of the shot goes before what stands with the provider, as in a spec; what nobody wrote is kept where
    the provider says nothing."""
    known, losses = target.model.fields, list[Loss]()
    usual: dict[str, Value] = {}
    written: dict[str, Value] = {}
    for name, value in written_out(before.fields, shot.settings):
        if value is None or name in target.said:
            continue
        of_default = name in before.fields and value == before.fields[name].default
        read, wrong = _read(known[name], value, tree) if name in known else (None, None)
        if name in known and wrong is None:
            (usual if of_default else written)[name] = read
        else:
            why = "it has no such setting" if wrong is None else wrong.message
            losses.append(Loss(key=f"settings.{name}", value=_word(value), why=why, usual=of_default))
    own = dict(_readable(known, target.own, tree))
    defaults = {name: field.default for name, field in known.items() if not isinstance(field.default, Required)}
    said = {name: defaults.get(name) if value is None else value for name, value in target.said.items()}
    values: dict[str, Value] = {**defaults, **usual, **own, **written, **said}
    missing = [name for name, field in known.items() if isinstance(field.default, Required) and values.get(name) is None]
    if missing:
        raise PlanError(
            f"{target.use.name}/{target.model.name} needs {' and '.join(f'`{name}`' for name in missing)} for {shot.name}",
            cause="\n".join(f"{name}: {known[name].doc}" for name in missing),
            hint=f"add {' '.join(f'`--set {name}=…`' for name in missing)}",
        )
    late = {name for name, field in known.items() if field.since is not None and values[name] == field.default}
    return Fields(tuple(sorted((name, value) for name, value in values.items() if name not in late))), losses


def _readable(known: Mapping[str, Field], values: Mapping[str, Value], tree: Tree) -> Iterator[tuple[str, Value]]:
    for name, value in values.items():
        if name in known and value is not None:
            read, wrong = _read(known[name], value, tree)
            if wrong is None:
                yield name, read


def _word(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def wish_of(shot: Shot, model: Model) -> Wish:
    """What a shot asks of a model, for its objections."""
    assert shot.duration is not None, "load gives every generated shot a duration"
    roles = [each.role for each in shot.references] + ([] if shot.continues is None else [FIRST_FRAME])
    return Wish(
        prompt=shot.prompt or "",
        seconds=shot.duration.exact(shot.format.rate),
        format=shot.format,
        references=tuple(sorted(roles)),
        settings=written_out(model.fields, shot.settings),
    )


def to_write(today: Shot, before: Model, then: Shot, target: Target) -> Fields:
    """The settings that have to be written at a shot for the target to make it as `then`: those that are neither at the
    model's defaults nor written with the provider, and those that the shot has otherwise today. before: its model."""
    usual = {name: target.own.get(name, field.default) for name, field in target.model.fields.items()}
    now = {name: value for name, value in today.settings if name in before.fields and value != before.fields[name].default}
    said = ((name, value) for name, value in then.settings if value != usual[name] or value != now.get(name, value))
    return Fields(tuple(said))
