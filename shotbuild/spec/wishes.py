"""What a shot asks of models, and their objections to it, each at its place: before anything is sent to anybody."""

from collections.abc import Iterable, Mapping

from shotbuild.errors import Location
from shotbuild.records import Shot, Wish
from shotbuild.spec.desk import Desk, Maker


def check(
    shot: Shot, maker: Maker, roles: Iterable[str], places: Mapping[str, Location], desk: Desk, other: str = ""
) -> None:
    """Reports what a model does not do. shot: settled, but for who makes it; roles: of all that is given, also of files that
    are missing; places: where its `duration`, `prompt`, `format` and `references` are written; other: another remedy."""
    model, duration = maker.model, shot.duration
    if model is None or not maker.sound or duration is None or duration.at(shot.format.rate) < 1:
        return  # what was misread is reported, and nobody can object to it
    wish = Wish(
        prompt=shot.prompt or "",
        seconds=duration.exact(shot.format.rate),
        format=shot.format,
        references=tuple(sorted({role for role in roles if role in model.roles})),
        settings=maker.whole,
    )
    for objection in desk.tables.objections(maker.use, model.name, wish):
        place = places.get(objection.key) or maker.setting(objection.key) or maker.location
        # The place may be a default, a template's or a fallback's, so the shot is named.
        cause = f"shot {shot.name!r}: {objection.cause}" if objection.cause else f"it is for shot {shot.name!r}"
        desk.reader.report.say(
            place, objection.message, cause=cause, hint=", or ".join(filter(None, (objection.remedy, other))) or None
        )
