"""The project's own delivery profiles: each inherits from a built-in one, or from another of the project, and changes it.

What a base promises of the file only because of its settings (its size, its codec, …) follows the settings. Everything else
that it promises stays promised.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

from shotbuild.records import Fields, Profile, Value
from shotbuild.spec import encodings
from shotbuild.spec.constraints import MUST
from shotbuild.spec.encodings import CODEC
from shotbuild.spec.fields import Field, Required, refuse_unknown
from shotbuild.spec.fitting import (
    ABOUT,
    BASE,
    BURN_IN,
    EXTENSION,
    HEIGHT,
    LADDER,
    LOUDNESS,
    MUST_KEEP,
    PROFILE_TABLE,
    SIZE,
    SOUND,
    VIDEO,
    WRAP,
    Check,
    stated,
)
from shotbuild.spec.format import REFRAME
from shotbuild.spec.kinds import Choice, Reader, Schema, described_schema
from shotbuild.spec.nodes import Entry, Node, Scalar, nothing
from shotbuild.spec.tables import Key, Row, entries_of


def profiles(
    entries: Mapping[str, tuple[Scalar, Node]], known: Mapping[str, Profile], reader: Reader
) -> tuple[Profile, ...]:
    """The profiles of a project, by name. known: the built-in ones. What is wrong is reported and left out."""
    rows = {}
    for name, (key, node) in entries.items():
        if name in known:
            hint = f"write for example `my-{name}`, with `base: {name}`"
            reader.report.say(key.location, f"there is a built-in profile {name!r} already", hint=hint)
        row = PROFILE_TABLE.read(node, reader)
        if row is not None:
            rows[name] = row
    desk = _Desk(reader, known, rows)
    made = [desk.profile(name) for name in rows if name not in known]
    found = [profile for profile in made if profile is not None]
    for profile in found:
        desk.check_ladder(profile)
    return tuple(sorted(found, key=lambda profile: profile.name))


def schema(known: Mapping[str, Profile]) -> Schema:
    """The JSON Schema of one profile of a project, complete in itself but for `profile`, the names of all of them."""
    table = PROFILE_TABLE.schema()
    properties = table["properties"]
    assert isinstance(properties, dict)
    said: dict[str, Schema] = {
        VIDEO.name: _settings(encodings.VIDEO),
        SOUND.name: _settings(encodings.SOUND),
        LOUDNESS.name: _object(encodings.LOUDNESS),
        WRAP.name: _object(encodings.WRAP),
        BURN_IN.name: _object(encodings.BURN_IN),
        MUST_KEEP.name: _object(MUST),
    }
    inner = {key.name: described_schema(said[key.name], key.doc) for key in PROFILE_TABLE.keys if key.name in said}
    bases = "; ".join(f"{name}: {profile.about}" for name, profile in sorted(known.items()) if profile.about)
    described = {BASE.name: described_schema(BASE.kind.schema(), f"{BASE.doc} {bases}".strip())}
    return table | {"properties": properties | inner | described}


def _object(known: Mapping[str, Field]) -> Schema:
    properties = {name: each.schema() for name, each in known.items()}
    return {"type": ["object", "null"], "properties": properties, "additionalProperties": False}


def _settings(tables: Mapping[str, Mapping[str, Field]]) -> Schema:
    """Settings of all codecs together."""
    merged: dict[str, list[Schema]] = {}
    for table in tables.values():
        for name, each in table.items():
            found = each.schema()
            merged.setdefault(name, [])
            if found not in merged[name]:
                merged[name].append(found)
    properties: dict[str, object] = {name: each[0] if len(each) == 1 else {"anyOf": each} for name, each in merged.items()}
    codec: Schema = {"description": "The codec.", "enum": list(tables)}
    return {"type": ["object", "null"], "properties": {CODEC: codec, **properties}, "additionalProperties": False}


@dataclass(slots=True)
class _Desk:
    """What is settled so far. under_way: names whose bases are being looked up, for circles."""

    reader: Reader
    known: Mapping[str, Profile]
    rows: Mapping[str, Row]
    settled: dict[str, Profile | None] = field(default_factory=dict)
    under_way: list[str] = field(default_factory=list)

    def profile(self, name: str) -> Profile | None:
        if name not in self.settled:
            self.under_way.append(name)
            base = self._base(self.rows[name])
            self.settled[name] = None if base is None else _changed(name, base, self.rows[name], self.reader)
            self.under_way.pop()
        return self.settled[name]

    def check_ladder(self, profile: Profile) -> None:
        """Rungs are H.264 or HEVC in mp4, each once, with key frames at the same fixed places, joined of segments."""
        row, report = self.rows[profile.name], self.reader.report
        names = row.get(LADDER) or ()
        rungs: list[Profile] = []
        for name in dict.fromkeys(names):
            rung = self.known.get(name) or self.settled.get(name)
            if rung is None:
                report.unknown(row.place(LADDER), "profile", name, self._names())
            elif rung.extension != "mp4" or rung.video.get("scenecut") is not False:
                report.say(
                    row.place(LADDER),
                    f"profile {name!r} cannot be a rung",
                    cause="rungs are mp4 files with key frames at fixed places, so that players can change between them",
                    hint="give it `base: rung-720p`, or `video: {scenecut: false}`",
                )
            elif rung.video.get("rate") == encodings.VBV:
                report.say(
                    row.place(LADDER),
                    f"profile {name!r} cannot be a rung",
                    cause="rungs are joined of segments, and `rate: vbv` is encoded whole",
                    hint="give it `video: {rate: capped, maxrate: 6000}`",
                )
            else:
                rungs.append(rung)
            if names.count(name) > 1:
                report.say(row.place(LADDER), f"profile {name!r} stands twice in the ladder", hint="take one of them out")
        places = {rung.name: str(rung.video.get("gop")) for rung in rungs if rung.video.get("gop") is not None}
        if len({Fraction(gop) for gop in places.values()}) > 1:
            report.say(
                row.place(LADDER),
                "the rungs of the ladder have different `gop`",
                cause=", ".join(f"{name}: {gop}" for name, gop in places.items()),
                hint="give them one `gop`, so that players can change between them at every key frame",
            )

    def _base(self, row: Row) -> Profile | None:
        name, report = row.get(BASE), self.reader.report
        if name is None or name in self.known:
            return self.known.get(name or "")
        if name not in self.rows:
            report.unknown(row.place(BASE), "profile", name, self._names())
            return None
        if name in self.under_way:
            circle = " → ".join([*self.under_way[self.under_way.index(name) :], name])
            report.say(
                row.place(BASE), f"profile {name!r} would inherit from itself", cause=circle, hint="name another base"
            )
            return None
        return self.profile(name)

    def _names(self) -> list[str]:
        return sorted({*self.known, *self.rows})


def _changed(name: str, base: Profile, row: Row, reader: Reader) -> Profile:
    extension = row.get(EXTENSION) or base.extension
    size, height = row.get(SIZE), row.get(HEIGHT)
    video = _video(base, row, reader)
    if base.kind == encodings.ANIMATION and video.items:
        extension = video.text(CODEC)
    burn_in = _plain(row, BURN_IN, encodings.BURN_IN, base.burn_in, reader)
    changed = replace(
        base,
        name=name,
        extension=extension,
        size=size if size or height else base.size,
        height=height if size or height else base.height,
        reframe=row.get(REFRAME) or base.reframe,
        video=video,
        sound=_sound(base, row, reader),
        loudness=_plain(row, LOUDNESS, encodings.LOUDNESS, base.loudness, reader),
        wrap=_plain(row, WRAP, encodings.WRAP, base.wrap, reader),
        burn_in=Fields(tuple((key, value) for key, value in burn_in if value is True)),
        ladder=row.get(LADDER) or base.ladder,
        about=row.get(ABOUT) or f"Like {base.name}.",
    )
    changed = replace(changed, must=_must(base, changed, row, reader))
    Check(changed, base, row, reader).all()
    return changed


# --- settings ---------------------------------------------------------------------------------------------------------


def _entries(row: Row, key: Key[Node], reader: Reader) -> dict[str, Entry]:
    node = row.get(key)
    return {} if node is None else entries_of(node, reader, f"`{key.name}`") or {}


def _plain(row: Row, key: Key[Node], known: Mapping[str, Field], base: Fields, reader: Reader) -> Fields:
    """Settings that do not depend on a codec: what is written, else the base's; defaults where anything is said at all."""
    entries = _entries(row, key, reader)
    refuse_unknown(entries, list(known), reader, owner=f"`{key.name}`")
    if not entries and not base.items:
        return base
    return _merged(known, entries, base, reader)


def _merged(known: Mapping[str, Field], entries: Mapping[str, Entry], base: Fields, reader: Reader) -> Fields:
    values: dict[str, Value] = {}
    for name, each in known.items():
        if name in entries and not nothing(entries[name].value):
            value = each.read(entries[name].value, reader)
        elif base.get(name) is not None:
            value = base.get(name)
        else:
            value = None if isinstance(each.default, Required) else each.default
        if value is not None:
            values[name] = value
    return Fields(tuple(sorted(values.items())))


def _codec(entries: Mapping[str, Entry], base: Fields, known: tuple[str, ...], what: str, reader: Reader) -> str | None:
    """The codec that was written, else the base's; None when an error was reported or there is none."""
    if CODEC in entries and not nothing(entries[CODEC].value):
        return Choice(f"codec of {what}", known).read(entries[CODEC].value, reader)
    codec = base.get(CODEC)
    return codec if isinstance(codec, str) else None


def _video(base: Profile, row: Row, reader: Reader) -> Fields:
    entries = _entries(row, VIDEO, reader)
    codecs = encodings.KINDS.get(base.kind, ())
    if not entries:
        return base.video
    if not codecs:
        hint = "set those of its rungs, and name them in `ladder`" if base.kind in encodings.LADDERS else "take `video` out"
        reader.report.say(row.place(VIDEO), f"a profile of kind `{base.kind}` encodes no picture itself", hint=hint)
        return base.video
    codec = _codec(entries, base.video, codecs, "the picture", reader)
    if codec is None:
        return base.video
    table = encodings.VIDEO[codec]
    refuse_unknown(entries, [CODEC, *table], reader, owner=f"codec {codec!r}")
    inherited = base.video
    if base.video.get(CODEC) != codec:
        inherited = Fields(tuple((name, value) for name, value in base.video if name in encodings.OF_ANY_CODEC))
    settings = dict(_merged(table, entries, inherited, reader).items)
    settings |= _pixels(codec, settings, "pixels" in entries)
    if settings.get("rate") in (encodings.CAPPED, encodings.VBV) and settings.get("maxrate") is not None:
        settings.setdefault("bufsize", settings["maxrate"])
    chunk = encodings.CHUNKS.get(codec) or str(base.video.get("extension"))
    extension = codec if base.kind == encodings.ANIMATION else chunk
    return Fields(tuple(sorted({**settings, CODEC: codec, "extension": extension}.items())))


def _pixels(codec: str, settings: Mapping[str, Value], written: bool) -> dict[str, Value]:
    """The pixel format goes with the profile of the codec, unless somebody says otherwise."""
    allowed = encodings.allowed(codec, settings.get("profile"))
    return {} if written or not allowed or settings.get("pixels") in allowed else {"pixels": allowed[0]}


def _sound(base: Profile, row: Row, reader: Reader) -> Fields:
    entries = _entries(row, SOUND, reader)
    if not entries:
        return base.sound
    if not base.sound.items:
        message = f"`{base.name}` has no sound"
        reader.report.say(row.place(SOUND), message, cause=f"it is a profile of kind `{base.kind}`", hint="take `sound` out")
        return base.sound
    codec = _codec(entries, base.sound, tuple(encodings.SOUND), "the sound", reader)
    if codec is None:
        return base.sound
    table = encodings.SOUND[codec]
    refuse_unknown(entries, [CODEC, *table], reader, owner=f"codec {codec!r}")
    same = base.sound.get(CODEC) == codec
    layout = base.sound.get("layout")
    inherited = base.sound if same else Fields((("layout", layout),)) if layout is not None else Fields()
    settings = dict(_merged(table, entries, inherited, reader).items)
    extension = base.sound.get("extension") if same else encodings.SOUND_FILES[codec]
    return Fields(tuple(sorted({**settings, CODEC: codec, "extension": extension}.items())))


# --- promises ---------------------------------------------------------------------------------------------------------


def _must(base: Profile, changed: Profile, row: Row, reader: Reader) -> Fields:
    """What is written; else what the base promises, as far as it is not said otherwise by the settings."""
    entries = _entries(row, MUST_KEEP, reader)
    refuse_unknown(entries, list(MUST), reader, owner="`must`")
    before, now = stated(base), stated(changed)
    kept = {name: value for name, value in base.must if name not in before or before[name] == now[name]}
    kept |= {name: now[name] for name, _ in base.must if name not in kept and now[name] is not None}
    written = {
        name: MUST[name].read(entry.value, reader)
        for name, entry in entries.items()
        if name in MUST and not nothing(entry.value)
    }
    return Fields(tuple(sorted((kept | {name: value for name, value in written.items() if value is not None}).items())))
