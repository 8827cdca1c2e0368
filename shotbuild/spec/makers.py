"""Who is named in a row: provider, model and settings, as they make takes or finish them. Knows nothing of shots."""

from collections.abc import Mapping
from dataclasses import replace

from shotbuild.errors import Location
from shotbuild.records import Fields
from shotbuild.spec import format as written
from shotbuild.spec.desk import Desk, Maker
from shotbuild.spec.fields import refuse_unknown, settle, written_out
from shotbuild.spec.house import TAKE, UPSCALE, ModelTable, Provided, entries_of_settings, refuse_model
from shotbuild.spec.nodes import Entry
from shotbuild.spec.report import listed
from shotbuild.spec.tables import Key, Row


def maker(row: Row, own: Mapping[str, Entry], place: Location, location: Location, desk: Desk, kind: str = TAKE) -> Maker:
    """Who a row names, else the default. own: the settings that stand with it; place: where one that is missing is told;
    kind: what its model has to be."""
    # Most shots of a project name the same ones.
    said = (kind, _said(row, written.PROVIDER), _said(row, written.MODEL))
    if own or said not in desk.makers:
        tree = desk.reader.tree
        asked = tree.asked
        by = _named(row, own, place, location, desk, kind)
        # Whose settings name files is read each time: each shot has to be known to need them.
        if not own and by.sound and tree.asked == asked:
            desk.makers[said] = by
        return by
    return replace(desk.makers[said], location=location)


def _said(row: Row, key: Key[str]) -> str | bool | None:
    """A word as it was written; None where it cannot be used, and True where its key is misspelt."""
    return row.get(key) if key.name in row.values else row.has(key)


def _named(row: Row, own: Mapping[str, Entry], place: Location, location: Location, desk: Desk, kind: str) -> Maker:
    house = desk.house
    name = row.get(written.PROVIDER) or (None if row.has(written.PROVIDER) else house.default)
    provided = house.providers.get(name or "")
    if name is None or provided is None:
        _refuse_provider(row, name, desk)
        return Maker(name or "", "", None, (), Fields(), False, location)
    # Defaults are what shots have; a finishing stage says all of it itself.
    defaults = house.defaults if kind == TAKE else Row(row.location, {}, {})
    model = _model(row, name, provided, defaults, desk, kind)
    if model is None:
        return Maker(name, provided.use.use, None, (), Fields(), False, location)
    layers = (provided.entries, entries_of_settings(defaults.get(written.SETTINGS), desk.reader), own)
    owner, told = f"model {model.name!r}", desk.reader.report.told
    more = () if kind == TAKE else tuple(key.name for key in written.FINISHER_TABLE.keys)
    refuse_unknown(own, [*more, *model.fields], desk.reader, owner=owner)
    settings = settle(model.fields, layers, desk.reader, place=place, owner=owner)
    sound = desk.reader.report.told == told
    return Maker(name, provided.use.use, model, layers, settings, sound, location, written_out(model.fields, settings))


def _refuse_provider(row: Row, name: str | None, desk: Desk) -> None:
    house, report = desk.house, desk.reader.report
    if name is not None:
        report.unknown(row.place(written.PROVIDER), "provider", name, sorted(house.providers))
    elif not house.defaults.has(written.PROVIDER) and not row.has(written.PROVIDER) and house.providers:
        hint = "add `provider: …` here, or to `defaults` in `shotbuild.yaml`"
        report.say(row.location, "no provider is named for this shot", cause=listed(sorted(house.providers)), hint=hint)


def _model(row: Row, name: str, provided: Provided, defaults: Row, desk: Desk, kind: str) -> ModelTable | None:
    usual = defaults if name == desk.house.default and defaults.has(written.MODEL) else None
    source = row if row.has(written.MODEL) else usual
    word = provided.use.model if source is None else source.get(written.MODEL)
    model = provided.models.get(word or "")
    if model is None:
        if word is not None and source is not None and provided.models:
            refuse_model(source.place(written.MODEL), word, provided.use.use, provided.models, desk.reader)
        return None
    if model.kind != kind:
        place = row.place(written.PROVIDER) if source is None else source.place(written.MODEL)
        _refuse_kind(place, name, model, provided, desk, kind)
        return None
    return model


def _refuse_kind(place: Location, name: str, model: ModelTable, provided: Provided, desk: Desk, kind: str) -> None:
    others = sorted(each.name for each in provided.models.values() if each.kind == kind)
    offers = f"provider {provided.use.use!r} has {', '.join(others[:12])}" if others else None
    if kind == TAKE:
        desk.reader.report.say(
            place,
            f"model {model.name!r} makes no takes",
            cause=f"it works on a clip that is there already{f'; for takes, {offers}' if offers else ''}",
            hint=f"name another one, and this one in `finish: [{UPSCALE}: {{provider: {name}, model: {model.name}}}]`",
        )
        return
    hint = "name one of them as `model`" if others else f"name a provider that has models for `{UPSCALE}`"
    cause = f"it makes takes; for this, {offers or f'provider {provided.use.use!r} has none'}"
    desk.reader.report.say(place, f"model {model.name!r} cannot finish a take", cause=cause, hint=hint)
