"""One written sequence or deliverable → a settled one. Knows nothing of frames: the timeline is laid out in `plan`."""

import re
from collections.abc import Iterator, Mapping
from fractions import Fraction

from shotbuild.errors import Location
from shotbuild.records import (
    DIALOGUE,
    MUSIC,
    START,
    AudioTrack,
    Captions,
    Clip,
    Deliverable,
    Overlay,
    Profile,
    Sequence,
    Title,
    Transition,
)
from shotbuild.spec import format as written
from shotbuild.spec.desk import Desk
from shotbuild.spec.encodings import FOLDERS
from shotbuild.spec.fitting import idle
from shotbuild.spec.house import overlaid
from shotbuild.spec.kinds import RESERVED
from shotbuild.spec.matrix import Names, Variant
from shotbuild.spec.prompts import Use
from shotbuild.spec.report import Refusal
from shotbuild.spec.tables import Key, Plain, Row
from shotbuild.spec.titling import look_of
from shotbuild.units import Duration, TimecodeDuration

SHOTS_FOLDER, CHECKSUMS = "shots", "sha256sums"
REPORTS = ("report.json", "report.html")
"""What stands beside each deliverable: its file's name with these behind it."""


def sequence(variant: Variant, desk: Desk) -> Sequence:
    """The sequence that a variant is. Errors go to the desk's report."""
    row = written.SEQUENCE_TABLE.read(variant.node, desk.reader) or Row(variant.location, {}, {})
    format_ = overlaid(desk.house.format, row.get(written.PART))
    clips = [_clip(clip, index, format_.rate, variant, desk) for index, clip in enumerate(row.get(written.CUT) or ())]
    return Sequence(
        name=variant.name,
        title=row.get(written.TITLE) or variant.name,
        format=format_,
        clips=tuple(clips),
        audio=tuple(_track(track, desk) for track in row.get(written.AUDIO) or ()),
        overlays=tuple(_overlay(overlay, variant, desk) for overlay in row.get(written.OVERLAYS) or ()),
        titles=tuple(_titles(row, format_.rate, variant, desk)),
        captions=tuple(_captions(row)),
        timecode=row.get(written.TIMECODE) or START,
        tags=tuple(dict.fromkeys(row.get(written.TAGS) or ())),
        location=variant.location,
    )


def deliverable(variant: Variant, desk: Desk) -> Deliverable:
    """The deliverable that a variant is. Errors go to the desk's report."""
    row = written.DELIVERABLE_TABLE.read(variant.node, desk.reader) or Row(variant.location, {}, {})
    name, profile = row.get(written.SEQUENCE), row.get(written.PROFILE)
    found = None if name is None else desk.sequences.find(name, row.place(written.SEQUENCE), variant.variables)
    offered = _profiles(desk)
    if profile is not None and profile in offered:
        _check_options(row, offered[profile], offered, desk)
    elif profile is not None:
        desk.reader.report.unknown(row.place(written.PROFILE), "profile", profile, sorted(offered))
    return Deliverable(
        name=variant.name,
        sequence=found or "",
        profile=profile or "",
        reframe=row.get(written.REFRAME),
        file=_file(row, variant, found, desk),
        captions=tuple(dict.fromkeys(row.get(written.TRACKS) or ())),
        burn=row.get(written.BURN),
        watermark=row.get(written.WATERMARK) or "",
        waived=_waived(row, desk),
        tags=tuple(dict.fromkeys(row.get(written.TAGS) or ())),
        location=variant.location,
    )


def _profiles(desk: Desk) -> Mapping[str, Profile]:
    """Those that there are, built-in ones and the project's own."""
    return {**desk.tables.profiles, **{each.name: each for each in desk.house.profiles}}


def _check_options(row: Row, profile: Profile, offered: Mapping[str, Profile], desk: Desk) -> None:
    rungs = [offered[name] for name in profile.ladder if name in offered]
    for key, refusal in idle(profile, rungs):
        if row.get(key):
            desk.reader.report.refuse(row.place(key), refusal)


def check_files(deliverables: list[Deliverable], desk: Desk) -> None:
    """Two deliverables of one file name would overwrite each other, on some systems also when only the case differs; and
    nothing can stand below a file, or below a folder that is put in place as a whole."""
    offered = _profiles(desk)
    taken: dict[str, Deliverable] = {}
    above: dict[str, Deliverable] = {}
    for each in deliverables:
        paths = _paths(each, offered) if each.file else ()
        met = _met(paths, taken, above)
        if met is not None:
            path, before = met
            same = before.file.casefold() == each.file.casefold()
            cause = f"deliverable {before.name!r} ({before.location}) " + (
                "has the same file" if same else f"writes `out/{before.file}`, and one would lie in the other or over it"
            )
            message = f"deliverable {each.name!r} " + (
                f"writes `out/{each.file}` once more" if same else f"cannot write `out/{path}`"
            )
            hint = "put `{{ deliverable }}` or a matrix variable into `file`" if same else "give one of them another `file`"
            desk.reader.report.say(each.location, message, cause=cause, hint=hint)
        for path in paths:
            taken.setdefault(path.casefold(), each)
            for folder in _folders(path.casefold()):
                above.setdefault(folder, each)


def _paths(each: Deliverable, offered: Mapping[str, Profile]) -> tuple[str, ...]:
    """Everything that a deliverable puts below out/."""
    profile = offered.get(each.profile)
    reports = tuple(f"{each.file}.{name}" for name in REPORTS)
    if profile is None:
        return reports
    return (each.file if profile.kind in FOLDERS else f"{each.file}.{profile.extension}", *reports)


def _met(
    paths: tuple[str, ...], taken: Mapping[str, Deliverable], above: Mapping[str, Deliverable]
) -> tuple[str, Deliverable] | None:
    """The first path that is taken, or lies below one that is, or has one below it; and whose that is."""
    for path in paths:
        folded = path.casefold()
        before = taken.get(folded) or above.get(folded)
        before = before or next((taken[folder] for folder in _folders(folded) if folder in taken), None)
        if before is not None:
            return path, before
    return None


def _folders(path: str) -> Iterator[str]:
    """The folders that a path lies in: `a`, `a/b` of `a/b/c`."""
    for index, letter in enumerate(path):
        if letter == "/":
            yield path[:index]


def clean_path(text: str) -> str:
    """A path below out/, each part a good file name on every system. Errors: Refusal."""
    parts = text.split("/")
    if len(text) > 200 or any(not _clean(part) for part in parts):
        hint = (
            'write parts of letters, digits, ` `, `.`, `_`, `-` and the like between single `/`; none of `\\ : * ? " < > |`'
        )
        raise Refusal(f"`{text[:200]}` cannot be a path below `out/`", hint=hint)
    if any(part.casefold() == CHECKSUMS for part in parts):
        raise Refusal("this name is kept for the list of checksums of a package", hint="take another one")
    if parts[0].casefold() == SHOTS_FOLDER:
        raise Refusal(f"`out/{SHOTS_FOLDER}/` is kept for shots", hint="begin with another folder")
    return text


def _clean(part: str) -> bool:
    plain = part.isprintable() and not re.search(r'[\\:*?"<>|]', part)
    ends = part[:1] not in ("", ".", "-", " ") and part[-1:] not in (".", " ")
    return plain and ends and len(part.encode("utf-8", "replace")) <= 120 and not RESERVED.fullmatch(part)


def _waived(row: Row, desk: Desk) -> tuple[tuple[str, str], ...]:
    """Constraint → reason. A waiver without a reason is none."""
    written_ = row.get(written.WAIVE) or {}
    for name, (key, reason) in written_.items():
        if not reason.strip():
            hint = f"write why, such as `{name}: agreed with the client`"
            desk.reader.report.say(key.location, f"`{name}` is waived without a reason", hint=hint)
    return tuple(sorted((name, reason) for name, (_, reason) in written_.items()))


def _file(row: Row, variant: Variant, sequence_: str | None, desk: Desk) -> str:
    if row.has(written.OUT_FILE) and row.get(written.OUT_FILE) is None:
        return ""
    if sequence_ is None:
        return ""
    fixed: dict[str, Plain] = {"project": desk.house.name, "sequence": sequence_, "deliverable": variant.name}
    variables = {**desk.house.variables, **variant.variables, **fixed}
    place = row.place(written.OUT_FILE)
    use = Use(f"deliverable {variant.name!r}", place)
    text = desk.prompts.text(row.get(written.OUT_FILE) or written.DEFAULT_FILE, variables, use)
    try:
        return "" if text is None else clean_path(text.strip())
    except Refusal as refusal:
        desk.reader.report.refuse(place, refusal)
        return ""


def check_nesting(sequences: list[Sequence], desk: Desk) -> None:
    """A sequence that is in itself, by whatever way, has no length."""
    nested = {each.name: [clip for clip in each.clips if clip.sequence] for each in sequences}
    sound: set[str] = set()
    for each in sequences:
        _check_nested(each.name, (), nested, sound, desk)


def _check_nested(name: str, above: tuple[str, ...], nested: dict[str, list[Clip]], sound: set[str], desk: Desk) -> None:
    """sound: the sequences that were followed to their ends."""
    for clip in nested.get(name, ()):
        if clip.sequence in (*above, name):
            way = " → ".join((*above, name, clip.sequence))
            desk.reader.report.say(clip.location, f"sequence {clip.sequence!r} is nested in itself", cause=way)
            nested[name] = [each for each in nested[name] if each is not clip]
        elif clip.sequence not in sound:
            _check_nested(clip.sequence, (*above, name), nested, sound, desk)
    sound.add(name)


def _clip(row: Row, index: int, rate: Fraction, variant: Variant, desk: Desk) -> Clip:
    """A shot, another sequence or a gap: exactly one of them, each with the keys that mean something for it."""
    _check_kind(row, desk)
    sound = row.get(written.SOUND)
    gap = row.get(written.GAP)
    if gap is not None and gap.at(rate) < 1:
        desk.reader.report.say(row.place(written.GAP), "this is shorter than one frame", hint="write at least `1f`")
    hold = row.get(written.HOLD)
    if hold is not None and hold.at(rate) < 1:
        desk.reader.report.say(row.place(written.HOLD), "this is shorter than one frame", hint="write at least `1f`")
    return Clip(
        shot=_named(row, written.SHOT, desk.shots, variant),
        sequence=_named(row, written.NESTED, desk.sequences, variant),
        slug=(row.get(written.COLOR_OF_GAP) or "#000000")[:7] if gap is not None else "",
        start=row.get(written.IN) or START,
        end=_end(row, desk),
        hold=hold,
        length=gap,
        transition=_transition(row, index, rate, desk),
        sound=True if sound is None else sound,
        gain=row.get(written.GAIN) or Fraction(0),
        fade_in=row.get(written.FADE_IN) or START,
        fade_out=row.get(written.FADE_OUT) or START,
        role=row.get(written.ROLE) or DIALOGUE,
        location=row.location,
    )


_FOR_SHOTS: tuple[Key[object], ...] = (written.HOLD, written.FADE_IN, written.FADE_OUT, written.ROLE)
_FOR_FILMS: tuple[Key[object], ...] = (written.IN, written.OUT, written.SOUND, written.GAIN)


def _check_kind(row: Row, desk: Desk) -> None:
    say = desk.reader.report.say
    kinds = [key for key in (written.SHOT, written.NESTED, written.GAP) if row.has(key)]
    if len(kinds) != 1:
        found = " and ".join(f"`{key.name}`" for key in kinds) or "none of them"
        cause = f"a clip is one of `shot`, `sequence` and `gap`; here is {found}"
        say(row.location, "this clip is not one thing", cause=cause, hint="write one of them")
        return
    (kind,) = kinds
    foreign: dict[str, tuple[Key[object], ...]] = {
        written.SHOT.name: (written.COLOR_OF_GAP,),
        written.NESTED.name: (written.COLOR_OF_GAP, *_FOR_SHOTS),
        written.GAP.name: (*_FOR_FILMS, *_FOR_SHOTS),
    }
    for key in foreign[kind.name]:
        if row.has(key):
            say(row.place(key), f"a clip with `{kind.name}` takes no `{key.name}`", hint="take it out")
    if row.has(written.HOLD) and row.has(written.OUT):
        say(row.place(written.HOLD), "a clip has an `out` or a `hold`, not both", hint="take one of them out")


def _named(row: Row, key: Key[str], names: Names, variant: Variant) -> str:
    name = row.get(key)
    return (names.find(name, row.place(key), variant.variables) or "") if name is not None else ""


def _transition(row: Row, index: int, rate: Fraction, desk: Desk) -> Transition | None:
    inner = row.get(written.TRANSITION)
    if inner is None:
        return None
    say, place = desk.reader.report.say, row.place(written.TRANSITION)
    if index == 0:
        cause = "a transition is how a clip comes in over the one before it"
        say(place, "the first clip has no transition", cause=cause, hint="move it to the second clip")
    kinds = [key for key in (written.DISSOLVE, written.DIP, written.WIPE) if inner.has(key)]
    if len(kinds) != 1:
        cause = "a transition is a `dissolve`, a `dip` or a `wipe`"
        say(place, "this transition is not one thing", cause=cause, hint="write for example `{dissolve: 12f}`")
        return None
    (kind,) = kinds
    for key, of in ((written.DIP_COLOR, written.DIP), (written.FORM, written.WIPE)):
        if inner.has(key) and kind is not of:
            say(inner.place(key), f"a {kind.name} takes no `{key.name}`", hint=f"take it out, or make it a `{of.name}`")
    overlap = inner.get(kind)
    if overlap is not None and overlap.at(rate) < 1:
        say(inner.place(kind), "this is shorter than one frame", hint="write at least `1f`")
    style = ""
    if kind is written.DIP:
        style = (inner.get(written.DIP_COLOR) or "#000000")[:7]
    elif kind is written.WIPE:
        style = inner.get(written.FORM) or "left"
    return Transition(kind=kind.name, duration=overlap or START, style=style, location=place)


def _overlay(row: Row, variant: Variant, desk: Desk) -> Overlay:
    return Overlay(
        shot=_named(row, written.OVER, desk.shots, variant),
        at=row.get(written.AT) or START,
        start=row.get(written.IN) or START,
        end=_end(row, desk),
        left=_share(row, written.LEFT, Fraction(1, 2)),
        top=_share(row, written.TOP, Fraction(1, 2)),
        width=_share(row, written.WIDTH, Fraction(3, 10)),
        opacity=_share(row, written.OPACITY, Fraction(1)),
        fade_in=row.get(written.FADE_IN) or START,
        fade_out=row.get(written.FADE_OUT) or START,
        sound=row.get(written.OVER_SOUND) is True,
        gain=row.get(written.GAIN) or Fraction(0),
        location=row.location,
    )


def _share(row: Row, key: Key[Fraction], default: Fraction) -> Fraction:
    value = row.get(key)
    return default if value is None else value


def _titles(row: Row, rate: Fraction, variant: Variant, desk: Desk) -> Iterator[Title]:
    variables: dict[str, Plain] = {**desk.house.variables, **variant.variables, "project": desk.house.name}
    for title in row.get(written.TITLES) or ():
        place = title.place(written.WORDS)
        use = Use(f"a title of sequence {variant.name!r}", place)
        text = desk.prompts.text(title.get(written.WORDS) or "", variables, use)
        lasts = title.get(written.LASTS)
        if lasts is not None and lasts.at(rate) < 1:
            hint = "write at least `1f`, or nothing: then it is seen to the end"
            desk.reader.report.say(title.place(written.LASTS), "this is shorter than one frame", hint=hint)
        yield Title(
            text=text or "",
            at=title.get(written.AT) or START,
            length=lasts or START,
            fade_in=title.get(written.FADE_IN) or START,
            fade_out=title.get(written.FADE_OUT) or START,
            look=look_of(title, "title"),
            location=title.location,
        )


def _captions(row: Row) -> Iterator[Captions]:
    for language, (_, inner) in sorted((row.get(written.CAPTIONS) or {}).items()):
        yield Captions(
            language=language,
            file=inner.get(written.CAPTION_FILE) or "",
            offset=inner.get(written.OFFSET) or START,
            look=look_of(inner, "caption"),
            location=inner.location,
        )


def _track(row: Row, desk: Desk) -> AudioTrack:
    return AudioTrack(
        file=row.get(written.FILE) or "",
        at=row.get(written.AT) or START,
        start=row.get(written.IN) or START,
        end=_end(row, desk),
        gain=row.get(written.GAIN) or Fraction(0),
        fade_in=row.get(written.FADE_IN) or START,
        fade_out=row.get(written.FADE_OUT) or START,
        role=row.get(written.ROLE) or MUSIC,
        duck=_duck(row, desk),
        location=row.location,
    )


def _duck(row: Row, desk: Desk) -> Fraction:
    by = row.get(written.DUCK) or Fraction(0)
    if by > 0:
        desk.reader.report.say(row.place(written.DUCK), "a track that ducks gets softer", hint="write for example `-12dB`")
    return by


def _end(row: Row, desk: Desk) -> Duration | None:
    start, end = row.get(written.IN) or START, row.get(written.OUT)
    if end is not None and _not_after(start, end):
        place: Location = row.place(written.OUT)
        desk.reader.report.say(place, "`out` is not after `in`", hint="both count from the start of the shot or sound")
    return end


def _not_after(start: Duration, end: Duration) -> bool:
    """Whether an end is surely no later than a start; frames and seconds cannot be compared before the rate is known."""
    if isinstance(start, TimecodeDuration) and isinstance(end, TimecodeDuration):
        return (end.seconds, end.frames) <= (start.seconds, start.frames)
    return end.seconds <= start.seconds and end.frames <= start.frames
