"""The finishing stages of a shot: a name, a name with settings, or a name with the provider that does it."""

from itertools import dropwhile

from shotbuild.records import Finish
from shotbuild.spec import format as written
from shotbuild.spec.desk import Desk, Maker
from shotbuild.spec.fields import refuse_unknown, settle
from shotbuild.spec.house import UPSCALE
from shotbuild.spec.makers import maker
from shotbuild.spec.nodes import Entry, Mapping, Node, Scalar, described, nothing
from shotbuild.spec.tables import Row, entries_of


def stages(items: tuple[Node, ...], desk: Desk) -> tuple[tuple[Finish, Maker | None], ...]:
    """Each stage, with who does it if a provider does. Errors go to the desk's report; a wrong stage is left out."""
    found = tuple(stage for item in items if (stage := _stage(item, desk)) is not None)
    later = dropwhile(lambda stage: stage[0].stage in desk.tables.first, found)
    for finish, _ in later:
        if finish.stage in desk.tables.first:
            cause = "it says how the file itself is to be read"
            hint = "move it to the front of `finish`"
            desk.reader.report.say(finish.location, f"`{finish.stage}` can only stand first", cause=cause, hint=hint)
    return found


def _stage(node: Node, desk: Desk) -> tuple[Finish, Maker | None] | None:
    """`upscale`, `upscale: {factor: 2}` or `upscale: {provider: crisp}`."""
    key, value = _parts(node)
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
    named = entries.get(written.PROVIDER.name)
    if key.text == UPSCALE and value is not None and named is not None and not nothing(named.value):
        return _by_provider(key, value, entries, desk)
    refuse_unknown(entries, list(fields), desk.reader, owner=owner)
    before = desk.reader.report.told
    settings = settle(fields, [entries], desk.reader, place=key.location, owner=owner)
    # What was misread is reported, and nothing can be said of how it goes with the rest.
    for each in desk.tables.finishing(key.text, settings) if desk.reader.report.told == before else ():
        place = entries[each.key].value.location if each.key in entries else key.location
        desk.reader.report.say(place, each.message, cause=each.cause or None, hint=each.remedy or None)
    return Finish(stage=key.text, settings=settings, location=key.location), None


def _by_provider(key: Scalar, value: Node, entries: dict[str, Entry], desk: Desk) -> tuple[Finish, Maker] | None:
    row = written.FINISHER_TABLE.read(value, desk.reader) or Row(key.location, {}, {})
    said = {each.name for each in written.FINISHER_TABLE.keys}
    own = {name: entry for name, entry in entries.items() if name not in said}
    by = maker(row, own, key.location, key.location, desk, UPSCALE)
    if by.model is None:
        return None
    finish = Finish(stage=key.text, provider=by.provider, model=by.model.name, settings=by.settings, location=key.location)
    return finish, by


def _parts(node: Node) -> tuple[Scalar | None, Node | None]:
    if isinstance(node, Scalar):
        return (None, None) if node.empty else (node, None)
    if isinstance(node, Mapping) and len(node.entries) == 1:
        (entry,) = node.entries.values()
        return entry.key, entry.value
    return None, None
