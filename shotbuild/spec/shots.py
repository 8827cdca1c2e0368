"""One written shot → a settled Shot: defaults, prompt, provider, settings, finish. Knows nothing of cuts."""

from dataclasses import dataclass, replace

from shotbuild.errors import Location
from shotbuild.records import Fields, Finish, Reference, Shot
from shotbuild.spec import format as written
from shotbuild.spec.fields import refuse_unknown, settle
from shotbuild.spec.house import House, ModelTable, Tables, entries_of_settings, overlaid, plain_values, refuse_model
from shotbuild.spec.kinds import Reader
from shotbuild.spec.matrix import Names, Variant
from shotbuild.spec.nodes import Entry, Mapping, Node, Scalar, described
from shotbuild.spec.prompts import Prompts, Use
from shotbuild.spec.report import listed
from shotbuild.spec.tables import Key, Plain, Row, T, entries_of

FIRST_FRAME = "first_frame"
"""The role that a shot needs to continue another one."""
NO_PLATE: tuple[Key[object], ...] = (*written.GENERATED, written.WITH)


@dataclass(frozen=True, slots=True)
class Desk:
    """Where shots and cuts are settled: everything that they share."""

    house: House
    tables: Tables
    prompts: Prompts
    reader: Reader
    shots: Names
    sequences: Names


@dataclass(frozen=True, slots=True)
class Maker:
    """Who makes a shot. model: None when that was wrong and is reported; layers: settings as written, weakest first."""

    provider: str
    model: ModelTable | None
    layers: tuple[dict[str, Entry], ...]


def shot(variant: Variant, desk: Desk) -> Shot:
    """The shot that a variant is. Errors go to the desk's report; what is wrong is left at a default."""
    row = written.SHOT_TABLE.read(variant.node, desk.reader)
    if row is None:
        return _common(Row(variant.location, {}, {}), variant, desk)
    base = _common(row, variant, desk)
    if row.has(written.PLATE):
        _check_plate(row, desk)
        return replace(base, plate=row.get(written.PLATE), duration=row.get(written.DURATION))
    maker = _maker(row, desk)
    _check_length(base, row, maker, desk)
    return replace(
        base,
        prompt=_prompt(row, variant, desk),
        provider=maker.provider,
        model=None if maker.model is None else maker.model.name,
        seed=_own(row, desk, written.SEED),
        takes=_own(row, desk, written.TAKES) or 1,
        duration=_own(row, desk, written.DURATION),
        references=_references(row, maker, desk),
        continues=_continues(row, variant, maker, desk),
        settings=_settings(row, variant, maker, desk),
        moved=row.get(written.MOVED),
    )


def _common(row: Row, variant: Variant, desk: Desk) -> Shot:
    """What generated shots and plates have alike."""
    defaults = desk.house.defaults
    return Shot(
        name=variant.name,
        title=row.get(written.TITLE) or variant.name,
        prompt=None,
        plate=None,
        provider="",
        model=None,
        seed=None,
        takes=1,
        duration=None,
        format=overlaid(overlaid(desk.house.format, defaults.get(written.PART)), row.get(written.PART)),
        references=(),
        continues=None,
        finish=_finish(_own(row, desk, written.FINISH) or (), desk),
        settings=Fields(),
        tags=tuple(dict.fromkeys(_own(row, desk, written.TAGS) or ())),
        priority=_own(row, desk, written.PRIORITY) or 0,
        fit=_own(row, desk, written.FIT) or "pad",
        location=variant.location,
    )


def _own(row: Row, desk: Desk, key: Key[T]) -> T | None:
    """What a shot says, else what the defaults say."""
    return row.get(key) if row.has(key) else desk.house.defaults.get(key)


def _check_plate(row: Row, desk: Desk) -> None:
    say = desk.reader.report.say
    for name in (written.PROMPT.name, written.TEMPLATE_FILE.name):
        if name in row.entries:
            place = row.entries[name].key.location
            say(place, f"a shot has a `plate` or a `{name}`, not both", hint="take one of them out")
    for key in NO_PLATE:
        if key.name in row.entries:
            cause = "a plate is an existing file; nothing is generated"
            say(row.entries[key.name].key.location, f"a plate takes no `{key.name}`", cause=cause, hint="take it out")


# --- who makes it ------------------------------------------------------------------------------------------------------


def _maker(row: Row, desk: Desk) -> Maker:
    house, report = desk.house, desk.reader.report
    name = row.get(written.PROVIDER) or (None if row.has(written.PROVIDER) else house.default)
    provided = house.providers.get(name or "")
    if name is None:
        if not house.defaults.has(written.PROVIDER) and not row.has(written.PROVIDER) and house.providers:
            hint = "add `provider: …` here, or to `defaults` in `shotbuild.yaml`"
            report.say(
                row.location,
                "no provider is named for this shot",
                cause=listed(sorted(house.providers)),
                hint=hint,
            )
        return Maker("", None, ())
    if provided is None:
        report.unknown(row.place(written.PROVIDER), "provider", name, sorted(house.providers))
        return Maker(name, None, ())
    usual = house.defaults if name == house.default and house.defaults.has(written.MODEL) else None
    source = row if row.has(written.MODEL) else usual
    model = provided.use.model if source is None else source.get(written.MODEL)
    if model is not None and source is not None and provided.models and model not in provided.models:
        refuse_model(source.place(written.MODEL), model, provided.use.use, provided.models, desk.reader)
    defaults = entries_of_settings(house.defaults.get(written.SETTINGS), desk.reader)
    own = entries_of_settings(row.get(written.SETTINGS), desk.reader)
    return Maker(name, provided.models.get(model or ""), (provided.entries, defaults, own))


def _settings(row: Row, variant: Variant, maker: Maker, desk: Desk) -> Fields:
    if maker.model is None:
        return Fields()
    owner = f"model {maker.model.name!r}"
    refuse_unknown(maker.layers[-1], list(maker.model.fields), desk.reader, owner=owner)
    place = row.place(written.SETTINGS) if row.has(written.SETTINGS) else variant.location
    return settle(maker.model.fields, maker.layers, desk.reader, place=place, owner=owner)


def _check_length(base: Shot, row: Row, maker: Maker, desk: Desk) -> None:
    source = row if row.has(written.DURATION) else desk.house.defaults
    say = desk.reader.report.say
    if not source.has(written.DURATION):
        hint = "add `duration: 4s` here, or to `defaults` in `shotbuild.yaml`"
        say(base.location, f"shot {base.name!r} has no duration", hint=hint)
    duration, place = source.get(written.DURATION), source.place(written.DURATION)
    if duration is None:
        return
    seconds, cause = duration.exact(base.format.rate), f"shot {base.name!r}, at {base.format.rate} frames per second"
    if duration.at(base.format.rate) < 1:
        say(place, "this is shorter than one frame", cause=cause, hint="write at least `1f`")
    if maker.model is not None and seconds > maker.model.seconds:
        message = f"this is longer than model {maker.model.name!r} makes"
        cause = f"at most {maker.model.seconds} s; {cause}"
        say(place, message, cause=cause, hint=f"write at most `{maker.model.seconds}s`, or continue it in another shot")


# --- what it is made from ----------------------------------------------------------------------------------------------


def _references(row: Row, maker: Maker, desk: Desk) -> tuple[Reference, ...]:
    found = row.get(written.REFERENCES) or {}
    for role, (key, _) in found.items():
        if maker.model is not None and role not in maker.model.roles:
            owner = f"model {maker.model.name!r}"
            desk.reader.report.unknown(key.location, "role", role, maker.model.roles, owner=owner)
    return tuple(Reference(role=role, path=found[role][1], location=found[role][0].location) for role in sorted(found))


def _continues(row: Row, variant: Variant, maker: Maker, desk: Desk) -> str | None:
    name = row.get(written.CONTINUE)
    if name is None:
        return None
    place, say = row.place(written.CONTINUE), desk.reader.report.say
    if maker.model is not None and FIRST_FRAME not in maker.model.roles:
        cause = f"model {maker.model.name!r} takes no `{FIRST_FRAME}`"
        say(place, "this shot cannot continue another one", cause=cause, hint="take another model, or take `continue` out")
    if FIRST_FRAME in (row.get(written.REFERENCES) or {}):
        hint = "take one of them out"
        say(place, f"`continue` and the reference `{FIRST_FRAME}` both say how the shot starts", hint=hint)
    return desk.shots.find(name, place, variant.variables)


# --- prompt ------------------------------------------------------------------------------------------------------------


def _prompt(row: Row, variant: Variant, desk: Desk) -> str | None:
    """The rendered prompt. With a template, the written prompt is rendered first and is the variable `prompt` there."""
    source = row if row.has(written.TEMPLATE_FILE) else desk.house.defaults
    if not row.has(written.PROMPT) and not source.has(written.TEMPLATE_FILE):
        hint = "add `prompt: …`, `template: templates/…` or `plate: assets/…`"
        desk.reader.report.say(variant.location, f"shot {variant.name!r} says nothing of what should be seen", hint=hint)
        return None
    variables = _variables(row, variant, desk)
    what, place = f"shot {variant.name!r}", row.place(written.PROMPT)
    prompt = row.get(written.PROMPT)
    if prompt is not None:
        prompt = desk.prompts.text(prompt, variables, Use(what, place))
    if (row.has(written.PROMPT) and prompt is None) or not source.has(written.TEMPLATE_FILE):
        return _said(prompt, place, desk)
    template, place = source.get(written.TEMPLATE_FILE), source.place(written.TEMPLATE_FILE)
    if template is None:
        return None
    if prompt is not None:
        variables["prompt"] = prompt.strip()
    return _said(
        desk.prompts.template(template, variables, Use(what, place if source is row else variant.location)), place, desk
    )


def _said(prompt: str | None, place: Location, desk: Desk) -> str | None:
    if prompt is not None and not prompt.strip():
        desk.reader.report.say(place, "the prompt is empty", hint="say what should be seen")
    return None if prompt is None else prompt.strip()


def _variables(row: Row, variant: Variant, desk: Desk) -> dict[str, Plain]:
    own = plain_values(row.get(written.WITH))
    title = row.get(written.TITLE) or variant.name
    fixed: dict[str, Plain] = {"project": desk.house.name, "shot": variant.name, "title": title}
    return {**desk.house.variables, **variant.variables, **own, **fixed}


# --- finish ------------------------------------------------------------------------------------------------------------


def _finish(items: tuple[Node, ...], desk: Desk) -> tuple[Finish, ...]:
    stages = (_stage(item, desk) for item in items)
    return tuple(stage for stage in stages if stage is not None)


def _stage(node: Node, desk: Desk) -> Finish | None:
    """`upscale`, or `upscale: {factor: 2}`."""
    key, value = _stage_parts(node)
    if key is None:
        hint = "write `- upscale`, or `- upscale: {factor: 2}`"
        desk.reader.report.say(node.location, f"expected one finishing stage, found {described(node)}", hint=hint)
        return None
    fields = desk.tables.stages.get(key.text)
    if fields is None:
        desk.reader.report.unknown(key.location, "finishing stage", key.text, sorted(desk.tables.stages))
        return None
    owner = f"stage {key.text!r}"
    entries = {} if value is None else entries_of(value, desk.reader, f"settings of {owner}") or {}
    refuse_unknown(entries, list(fields), desk.reader, owner=owner)
    settings = settle(fields, [entries], desk.reader, place=key.location, owner=owner)
    return Finish(stage=key.text, settings=settings, location=key.location)


def _stage_parts(node: Node) -> tuple[Scalar | None, Node | None]:
    if isinstance(node, Scalar):
        return (None, None) if node.empty else (node, None)
    if isinstance(node, Mapping) and len(node.entries) == 1:
        (entry,) = node.entries.values()
        return entry.key, entry.value
    return None, None
