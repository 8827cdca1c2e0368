"""One written sequence or deliverable → a settled one. Knows nothing of frames: the timeline is laid out in `plan`."""

import re
from fractions import Fraction

from shotbuild.errors import Location
from shotbuild.records import AudioTrack, Clip, Deliverable, Sequence, Transition
from shotbuild.spec import format as written
from shotbuild.spec.desk import Desk
from shotbuild.spec.house import overlaid
from shotbuild.spec.kinds import RESERVED
from shotbuild.spec.matrix import Variant
from shotbuild.spec.prompts import Use
from shotbuild.spec.report import Refusal
from shotbuild.spec.tables import Plain, Row
from shotbuild.units import Duration, TimecodeDuration

START = Duration()
SHOTS_FOLDER = "shots"


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
        tags=tuple(dict.fromkeys(row.get(written.TAGS) or ())),
        location=variant.location,
    )


def deliverable(variant: Variant, desk: Desk) -> Deliverable:
    """The deliverable that a variant is. Errors go to the desk's report."""
    row = written.DELIVERABLE_TABLE.read(variant.node, desk.reader) or Row(variant.location, {}, {})
    name, profile = row.get(written.SEQUENCE), row.get(written.PROFILE)
    found = None if name is None else desk.sequences.find(name, row.place(written.SEQUENCE), variant.variables)
    if profile is not None and profile not in desk.tables.profiles:
        desk.reader.report.unknown(row.place(written.PROFILE), "profile", profile, desk.tables.profiles)
    return Deliverable(
        name=variant.name,
        sequence=found or "",
        profile=profile or "",
        reframe=row.get(written.REFRAME),
        file=_file(row, variant, found, desk),
        tags=tuple(dict.fromkeys(row.get(written.TAGS) or ())),
        location=variant.location,
    )


def check_files(deliverables: list[Deliverable], desk: Desk) -> None:
    """Two deliverables of one file name would overwrite each other, on some systems also when only the case differs."""
    taken: dict[str, Deliverable] = {}
    for each in deliverables:
        before = taken.setdefault(each.file.casefold(), each)
        if each.file and before is not each:
            cause = f"deliverable {before.name!r} ({before.location}) has the same file"
            message = f"deliverable {each.name!r} writes `out/{each.file}` once more"
            hint = "put `{{ deliverable }}` or a matrix variable into `file`"
            desk.reader.report.say(each.location, message, cause=cause, hint=hint)


def clean_path(text: str) -> str:
    """A path below out/, each part a good file name on every system. Errors: Refusal."""
    parts = text.split("/")
    if len(text) > 200 or any(not _clean(part) for part in parts):
        hint = (
            'write parts of letters, digits, ` `, `.`, `_`, `-` and the like between single `/`; none of `\\ : * ? " < > |`'
        )
        raise Refusal(f"`{text[:200]}` cannot be a path below `out/`", hint=hint)
    if parts[0].casefold() == SHOTS_FOLDER:
        raise Refusal(f"`out/{SHOTS_FOLDER}/` is kept for shots", hint="begin with another folder")
    return text


def _clean(part: str) -> bool:
    plain = part.isprintable() and not re.search(r'[\\:*?"<>|]', part)
    ends = part[:1] not in ("", ".", "-", " ") and part[-1:] not in (".", " ")
    return plain and ends and len(part.encode("utf-8", "replace")) <= 120 and not RESERVED.fullmatch(part)


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


def _clip(row: Row, index: int, rate: Fraction, variant: Variant, desk: Desk) -> Clip:
    name = row.get(written.SHOT)
    found = None if name is None else desk.shots.find(name, row.place(written.SHOT), variant.variables)
    sound = row.get(written.SOUND)
    return Clip(
        shot=found or "",
        start=row.get(written.IN) or START,
        end=_end(row, desk),
        transition=_transition(row, index, rate, desk),
        sound=True if sound is None else sound,
        location=row.location,
    )


def _transition(row: Row, index: int, rate: Fraction, desk: Desk) -> Transition | None:
    inner = row.get(written.TRANSITION)
    if inner is None:
        return None
    place = row.place(written.TRANSITION)
    if index == 0:
        cause = "a transition is how a clip comes in over the one before it"
        desk.reader.report.say(place, "the first clip has no transition", cause=cause, hint="move it to the second clip")
    overlap = inner.get(written.DISSOLVE) or START
    if inner.get(written.DISSOLVE) is not None and overlap.at(rate) < 1:
        desk.reader.report.say(inner.place(written.DISSOLVE), "this is shorter than one frame", hint="write at least `1f`")
    return Transition(kind=written.DISSOLVE.name, duration=overlap, location=place)


def _track(row: Row, desk: Desk) -> AudioTrack:
    return AudioTrack(
        file=row.get(written.FILE) or "",
        at=row.get(written.AT) or START,
        start=row.get(written.IN) or START,
        end=_end(row, desk),
        gain=row.get(written.GAIN) or Fraction(0),
        fade_in=row.get(written.FADE_IN) or START,
        fade_out=row.get(written.FADE_OUT) or START,
        location=row.location,
    )


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
