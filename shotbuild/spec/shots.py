"""One written shot → a settled Shot: defaults, prompt, provider, settings, finish. Knows nothing of cuts."""

from dataclasses import replace

from shotbuild.errors import Location
from shotbuild.records import Fallback, Fields, Finish, Reference, Shot
from shotbuild.spec import format as written
from shotbuild.spec.desk import Desk, Maker
from shotbuild.spec.finishing import stages
from shotbuild.spec.house import entries_of_settings, overlaid, plain_values
from shotbuild.spec.makers import maker
from shotbuild.spec.matrix import Variant
from shotbuild.spec.nodes import Mapping, Scalar
from shotbuild.spec.prompts import Use
from shotbuild.spec.tables import Key, Plain, Row, T
from shotbuild.spec.wishes import check
from shotbuild.units import Duration

FIRST_FRAME = "first_frame"
"""The role that a shot needs to continue another one."""
VIDEO = "video"
"""The role in which a finishing model is given the take."""
NO_PLATE: tuple[Key[object], ...] = (*written.GENERATED, written.WITH)


def shot(variant: Variant, desk: Desk) -> Shot:
    """The shot that a variant is. Errors go to the desk's report; what is wrong is left at a default."""
    row = written.SHOT_TABLE.read(variant.node, desk.reader)
    if row is None:
        return _common(Row(variant.location, {}, {}), (), variant, desk)
    finishes = stages(_own(row, desk, written.FINISH) or (), desk)
    base = _common(row, tuple(finish for finish, _ in finishes), variant, desk)
    if row.has(written.PLATE):
        _check_plate(row, desk)
        return replace(base, plate=row.get(written.PLATE), duration=row.get(written.DURATION))
    by = _maker(row, variant.location, desk)
    instead = _instead(row, by, base, desk)
    settled = replace(
        base,
        prompt=_prompt(row, variant, desk),
        provider=by.provider,
        model=by.model_name,
        seed=_seed(row, by, desk),
        takes=_own(row, desk, written.TAKES) or 1,
        duration=_duration(base, row, desk),
        references=_references(row, by, instead, base, desk),
        continues=_continues(row, variant, by, instead, desk),
        settings=by.settings,
        moved=row.get(written.MOVED),
        fallbacks=tuple(
            Fallback(provider=each.provider, model=each.model_name, settings=each.settings, location=each.location)
            for each in instead
        ),
    )
    roles = _roles(row, by, desk)
    check(settled, by, roles, _places(row, desk), desk)
    for each in instead:
        check(settled, each, roles, {}, desk, f"name another fallback; `or: []` in shot {base.name!r} is none")
    # What a second stage is given depends on the first one, and only the service can say whether it takes that.
    first = finishes[0][1] if finishes else None
    if first is not None:
        check(replace(settled, prompt=None), first, (VIDEO,), {}, desk)
    return settled


def wish(variant: Variant) -> tuple[str, Location] | None:
    """The name after `continue` as it is written, and where; None when it continues no other shot."""
    entry = variant.node.entries.get(written.CONTINUE.name) if isinstance(variant.node, Mapping) else None
    value = None if entry is None else entry.value
    return (value.text, value.location) if isinstance(value, Scalar) and not value.empty else None


def _common(row: Row, finish: tuple[Finish, ...], variant: Variant, desk: Desk) -> Shot:
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
        finish=finish,
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


def _maker(row: Row, location: Location, desk: Desk) -> Maker:
    own = entries_of_settings(row.get(written.SETTINGS), desk.reader)
    place = row.place(written.SETTINGS) if row.has(written.SETTINGS) else location
    return maker(row, own, place, location, desk)


def _instead(row: Row, by: Maker, base: Shot, desk: Desk) -> tuple[Maker, ...]:
    """Who may make it instead, in order."""
    asked, found = _asked(by), dict[tuple[str, str | None, Fields], Maker]()
    for each in _own(row, desk, written.OR) or ():
        if each.get(written.INSTEAD) is None:
            continue
        second = _maker(each, each.place(written.INSTEAD), desk)
        same = _asked(second)
        if second.model is None:
            continue
        if same in found or (same == asked and row.has(written.OR)):
            other = "a fallback before it" if same in found else f"what makes shot {base.name!r}"
            cause = f"{other} has the same provider, model and settings"
            desk.reader.report.say(second.location, "this is no fallback", cause=cause, hint="take it out")
        elif same != asked:  # a default is there for the other shots
            found[same] = second
    return tuple(found.values())


def _asked(by: Maker) -> tuple[str, str | None, Fields]:
    return by.provider, by.model_name, by.settings


def _seed(row: Row, by: Maker, desk: Desk) -> int | None:
    if by.model is None or by.model.seeded:
        return _own(row, desk, written.SEED)
    if row.has(written.SEED):
        place, name = row.place(written.SEED), by.model.name
        cause = "two takes of one request are two answers all the same"
        desk.reader.report.say(place, f"model {name!r} takes no seed", cause=cause, hint="take it out")
    return None


def _duration(base: Shot, row: Row, desk: Desk) -> Duration | None:
    source = row if row.has(written.DURATION) else desk.house.defaults
    if not source.has(written.DURATION):
        hint = "add `duration: 4s` here, or to `defaults` in `shotbuild.yaml`"
        desk.reader.report.say(base.location, f"shot {base.name!r} has no duration", hint=hint)
    duration = source.get(written.DURATION)
    if duration is not None and duration.at(base.format.rate) < 1:
        cause = f"shot {base.name!r}, at {base.format.rate} frames per second"
        place = source.place(written.DURATION)
        desk.reader.report.say(place, "this is shorter than one frame", cause=cause, hint="write at least `1f`")
    return duration


def _places(row: Row, desk: Desk) -> dict[str, Location]:
    """Where the parts of a shot are written that a model may object to: in the shot, else in the defaults."""
    defaults, found = desk.house.defaults, dict[str, Location]()
    for source in (defaults, row):
        part = source.get(written.PART)
        if part is not None and part.has(written.SIZE):
            found["format"] = part.place(written.SIZE)
        if source.has(written.DURATION):
            found["duration"] = source.place(written.DURATION)
    said: tuple[tuple[str, Key[object]], ...] = (
        ("prompt", written.TEMPLATE_FILE),
        ("prompt", written.PROMPT),
        ("references", written.CONTINUE),
        ("references", written.REFERENCES),
        ("seed", written.SEED),
    )
    return found | {name: row.place(key) for name, key in said if row.has(key)}


# --- what it is made from ----------------------------------------------------------------------------------------------


def _references(row: Row, by: Maker, instead: tuple[Maker, ...], base: Shot, desk: Desk) -> tuple[Reference, ...]:
    found = row.get(written.REFERENCES) or {}
    for role, (key, _) in found.items():
        if by.model is not None and role not in by.model.roles:
            owner = f"model {by.model.name!r}"
            desk.reader.report.unknown(key.location, "role", role, by.model.roles, owner=owner)
        else:
            _check_fallbacks(role, f"a reference {role!r}", instead, base.name, desk)
    return tuple(Reference(role=role, path=found[role][1], location=found[role][0].location) for role in sorted(found))


def _continues(row: Row, variant: Variant, by: Maker, instead: tuple[Maker, ...], desk: Desk) -> str | None:
    name = row.get(written.CONTINUE)
    if name is None:
        return None
    place, say = row.place(written.CONTINUE), desk.reader.report.say
    if by.model is not None and FIRST_FRAME not in by.model.roles:
        cause = f"model {by.model.name!r} takes no `{FIRST_FRAME}`"
        say(place, "this shot cannot continue another one", cause=cause, hint="take another model, or take `continue` out")
    else:
        _check_fallbacks(FIRST_FRAME, "`continue`", instead, variant.name, desk)
    if FIRST_FRAME in (row.get(written.REFERENCES) or {}):
        hint = "take one of them out"
        say(place, f"`continue` and the reference `{FIRST_FRAME}` both say how the shot starts", hint=hint)
    return desk.shots.find(name, place, variant.variables)


def _check_fallbacks(role: str, what: str, instead: tuple[Maker, ...], shot_name: str, desk: Desk) -> None:
    for each in instead:
        if each.model is not None and role not in each.model.roles:
            takes = ", ".join(each.model.roles) or "none"
            desk.reader.report.say(
                each.location,
                f"model {each.model.name!r} takes no `{role}`",
                cause=f"shot {shot_name!r} has {what}; roles of this model: {takes}",
                hint=f"name another fallback; `or: []` in shot {shot_name!r} is none",
            )


def _roles(row: Row, by: Maker, desk: Desk) -> frozenset[str]:
    """The roles of everything that is given, also where its file is missing or the role is misspelt."""
    entry = row.entries.get(written.REFERENCES.name)
    node = None if entry is None else entry.value
    roles = set(node.entries) if isinstance(node, Mapping) else set()
    known = () if by.model is None else by.model.roles
    meant = {desk.reader.report.nearest(role, known) or role for role in roles if role not in known}
    return frozenset(roles | meant | ({FIRST_FRAME} if row.has(written.CONTINUE) else set()))


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
