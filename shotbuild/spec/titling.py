"""How text is set: the ready styles, and what a spec says in their place. Knows nothing of fonts or of drawing."""

from shotbuild.records import Fields, Value, fields
from shotbuild.spec import format as written
from shotbuild.spec.tables import Row

_PLAIN = fields(color="#ffffff", box=None, outline=None, shadow=True, align="center", place="center")


def _style(**values: Value) -> Fields:
    return Fields(tuple(sorted((dict(_PLAIN.items) | values).items())))


LOOKS = {
    "title": _style(size="9/100"),
    "subtitle": _style(size="9/200", place="lower-third"),
    "lower-third": _style(size="9/200", box="#0d1117c8", shadow=False, align="left", place="lower-third"),
    "caption": _style(size="1/20", outline="#000000e6", place="bottom"),
    "label": _style(size="3/100", box="#000000a0", shadow=False, align="left", place="top-left"),
}
"""Style → everything that a look has but `style` and `font`. Written out into every recipe of a title or caption, so that a
style that changes here changes the recipes that use it."""


def look_of(row: Row, style: str) -> Fields:
    """The look that was written for a title or captions, every key of its style written out; `font` is a path of the project
    or None. style: where the row names none."""
    share = row.get(written.LETTERS)
    said = fields(
        style=row.get(written.STYLE) or style,
        font=row.get(written.FONT),
        size=None if share is None else str(share),
        color=row.get(written.INK),
        box=row.get(written.BOX),
        outline=row.get(written.OUTLINE),
        shadow=row.get(written.SHADOW),
        align=row.get(written.ALIGN),
        place=row.get(written.PLACE),
    )
    return settled(said)


def settled(look: Fields) -> Fields:
    """A look with what its style says in place of every None; one that is settled stays as it is."""
    said = {name: value for name, value in look if value is not None}
    style = str(said.get("style", "title"))
    found = dict(LOOKS[style].items) | {"style": style, "font": None} | said
    if "place" in said and "align" not in said and said["place"] != "lower-third":
        # Lines begin or end at the side at which they are placed.
        side = str(said["place"]).rpartition("-")[2]
        found["align"] = side if side in ("left", "right") else "center"
    return fields(**found)
