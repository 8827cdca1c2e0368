"""One shot → what its page shows: its takes, how their recipes differ, what was found and said of them. Pure."""

import difflib
import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from shotbuild.plan.choose import Choice
from shotbuild.records import Decision, Project, Shot, Verification
from shotbuild.review.board import Card
from shotbuild.review.cut import Reel
from shotbuild.spec.events import request_of
from shotbuild.spec.shapes import StreamRow, Whole
from shotbuild.takes.table import MISSING, Row, cost, model
from shotbuild.units import counted, decimal_text

NO_PICTURE = StreamRow(kind="video")
SIDE_BY_SIDE = 4
"""So many takes are shown at first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """What somebody said. take: label of the take that it is about, empty = of the shot; frames: first and last, from 0."""

    id: str
    by: str
    at: str
    role: str
    text: str
    take: str
    video: str | None
    frames: tuple[int, int] | None
    marks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeView:
    """A take. label: `t3`; video: sha256; words: as of `takes.table.Row`; here: its bytes are in the store; findings: what
    machines found, in words; facts: name → value, for people; frames, rate: of its picture, None = unknown."""

    label: str
    name: str
    video: str
    words: tuple[str, ...]
    stands: bool
    here: bool
    findings: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    frames: int | None
    rate: Fraction | None
    size: str
    approvals: tuple[Decision, ...]
    picks: tuple[Decision, ...]
    rejections: tuple[Decision, ...]

    @property
    def state(self) -> str:
        """The one word that matters most of it."""
        return next((word for word in ("conflict", "approved", "picked", "rejected") if word in self.words), "open")


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """A value that some takes have. parts: the text in pieces, with whether each is not in the value before it."""

    takes: tuple[str, ...]
    parts: tuple[tuple[str, bool], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A field of the recipes in which takes differ."""

    field: str
    variants: tuple[Variant, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A reference that the shot asks for. path: of the project; sha256: None when the file is not there; picture: a browser
    can draw it."""

    role: str
    path: str
    sha256: str | None
    picture: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """What stands before or after a shot in a cut. video: sha256; start, end: the frames of it that are shown beside it."""

    sequence: str
    shot: str
    title: str
    video: str | None
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShotView:
    """A shot's page. shown: sha256 of the takes that are laid side by side at first; heads: of its ledger; moved_on: lines
    in which the chosen take's request is not today's; remarks: the newest last; more: how many older ones there are;
    before, after: its neighbours in the first cut that shows it; previous, following: names for moving
    on; plate: the film of a plate."""

    card: Card
    shot: Shot
    how: str
    takes: tuple[TakeView, ...]
    shown: tuple[str, ...]
    differences: tuple[Difference, ...]
    moved_on: tuple[str, ...]
    remarks: tuple[Remark, ...]
    more: int
    references: tuple[Given, ...]
    before: Neighbour | None
    after: Neighbour | None
    heads: tuple[str, ...]
    previous: str | None
    following: str | None
    roles: tuple[str, ...]
    plate: Reel | None

    @property
    def decided(self) -> bool:
        return any(take.approvals or take.picks for take in self.takes)


def shot_view(
    project: Project,
    card: Card,
    choice: Choice | None,
    rows: Sequence[Row],
    *,
    found: Mapping[str, tuple[str, ...]],
    references: tuple[Given, ...],
    plate: Reel | None,
    neighbours: tuple[Neighbour | None, Neighbour | None],
    around: tuple[str | None, str | None],
    most: int,
) -> ShotView:
    """rows: its takes; found: sha256 → what machines found in the picture; around: the shots before and after it on the
    board; most: so many remarks are shown."""
    shot = next(each for each in project.shots if each.name == card.name)
    takes = tuple(_take(row, shot, found.get(row.take.video.sha256, ())) for row in rows)
    remarks = [] if choice is None else _remarks(choice, {row.take.video.sha256: f"t{row.take.number}" for row in rows})
    return ShotView(
        card=card,
        shot=shot,
        how="" if choice is None else choice.how,
        takes=takes,
        shown=_shown(takes),
        differences=differences(rows),
        moved_on=() if choice is None else choice.moved_on,
        remarks=tuple(remarks[-most:] if most else remarks),
        more=max(0, len(remarks) - most) if most else 0,
        references=references,
        before=neighbours[0],
        after=neighbours[1],
        heads=() if choice is None else choice.state.heads,
        previous=around[0],
        following=around[1],
        roles=project.approvals,
        plate=plate,
    )


def _shown(takes: Sequence[TakeView]) -> tuple[str, ...]:
    """What stands, and the newest that nobody rejected."""
    here = [take for take in takes if take.here]
    stands = [take.video for take in here if take.stands]
    newest = [take.video for take in reversed(here) if take.state != "rejected" and not take.stands]
    chosen = {*stands, *newest[: SIDE_BY_SIDE - len(stands)]}
    in_order = [take.video for take in here if take.video in chosen] or [take.video for take in here[-SIDE_BY_SIDE:]]
    return tuple(dict.fromkeys(in_order))


def _take(row: Row, shot: Shot, found: tuple[str, ...]) -> TakeView:
    event, take = row.whole, row.take
    picture = next((each for each in event.streams if each.kind == "video"), NO_PICTURE)
    rate = Fraction(str(picture.rate)) if picture.rate is not None else None
    return TakeView(
        label=f"t{take.number}",
        name=take.name,
        video=take.video.sha256,
        words=row.words,
        stands=row.stands,
        here=MISSING not in row.words,
        findings=(*findings(row, shot), *found),
        facts=tuple((name, value) for name, value in _facts(row, picture) if value),
        frames=picture.frames,
        rate=rate,
        size=picture.size or "",
        approvals=row.approvals,
        picks=row.picks,
        rejections=row.rejections,
    )


def _facts(row: Row, picture: StreamRow) -> list[tuple[str, str]]:
    take = row.take
    return [
        ("model", model(row)),
        ("seed", "" if take.seed is None else str(take.seed)),
        ("cost", cost(row)),
        ("made", take.made),
        ("took", f"{decimal_text(Fraction(row.whole.milliseconds, 1000), 1)} s" if row.whole.milliseconds else ""),
        ("picture", f"{picture.size or '?'}, {counted(picture.frames or 0, 'frame')}"),
        ("name", take.name),
    ]


def findings(row: Row, shot: Shot) -> tuple[str, ...]:
    """What is doubtful of a take by what was written when it was made."""
    event, take = row.whole, row.take
    picture = next((each for each in event.streams if each.kind == "video"), NO_PICTURE)
    found: list[str] = []
    if MISSING in row.words:
        found.append("its bytes are not in this store")
    if take.instead:
        found.append("a fallback made it, not the shot's own provider")
    asked, answered = event.pin.asked, event.pin.answered
    if asked is not None and answered is not None and answered != asked:
        found.append(f"asked {asked.model} {asked.version}, {answered.model} {answered.version} answered")
    if picture.size is not None and not take.foreign and picture.size != str(shot.format.size):
        found.append(f"the picture is {picture.size}, the shot {shot.format.size}")
    if picture.seconds is not None and _far(Fraction(picture.seconds), take.seconds, picture):
        found.append(f"lasts {decimal_text(Fraction(picture.seconds))} s, asked {decimal_text(take.seconds)} s")
    return tuple(found)


def _far(seconds: Fraction, asked: Fraction, picture: StreamRow) -> bool:
    """Whether a length is more than two frames from what was asked."""
    rate = Fraction(str(picture.rate)) if picture.rate else Fraction(24)
    return rate > 0 and abs(seconds - asked) > 2 / rate


def verified(verifications: Iterable[Verification], video: str) -> tuple[str, ...]:
    """What came of making a take again."""
    return tuple(
        f"made again {counted(each.rolls, 'time')}: {each.same_bytes} the same bytes, {each.same_frames} the same frames"
        for each in verifications
        if each.video == video
    )


def _remarks(choice: Choice, labels: Mapping[str, str]) -> list[Remark]:
    """Notes and reasons of rejections, in order."""
    state = choice.state
    # Those of one kind stand in order; times have no parts of a second.
    said = sorted((*state.notes, *state.rejections), key=lambda each: each.at)
    return [
        Remark(
            id=each.id,
            by=each.by,
            at=each.at,
            role=each.role or "",
            text=each.why or "",
            take=labels.get(each.video or "", ""),
            video=each.video,
            frames=each.frames,
            marks=each.marks,
        )
        for each in said
    ]


# --- what differs in the recipes ------------------------------------------------------------------------------------------

_WORDS = re.compile(r"\s+|[^\s]+")
UNSEEN = ("take",)
"""What differs between any two takes and says nothing."""


def differences(rows: Sequence[Row]) -> tuple[Difference, ...]:
    """The fields in which the recipes of some takes differ, with who has which value."""
    flat = [(f"t{row.take.number}", _flat(row.whole, row)) for row in rows]
    names = dict.fromkeys(name for _, values in flat for name in values)
    found: list[Difference] = []
    for name in sorted(names, key=lambda each: (each != "prompt", each)):
        by_value: dict[str, list[str]] = {}
        for label, values in flat:
            by_value.setdefault(values.get(name, ""), []).append(label)
        if len(by_value) > 1:
            found.append(Difference(field=name, variants=tuple(_variants(by_value))))
    return tuple(found)


def _variants(by_value: Mapping[str, Collection[str]]) -> Iterable[Variant]:
    before: str | None = None
    for value, takes in by_value.items():
        yield Variant(takes=tuple(takes), parts=_marked(before, value))
        before = value


def _marked(before: str | None, value: str) -> tuple[tuple[str, bool], ...]:
    """A text in pieces, with whether each is new beside the one before it."""
    one, other = _WORDS.findall(before or ""), _WORDS.findall(value)
    if not one or max(len(one), len(other)) > 2000:
        return ((value, False),)
    matcher = difflib.SequenceMatcher(None, one, other, autojunk=False)
    if matcher.ratio() < 0.5:
        return ((value, False),)
    pieces = [("".join(other[b1:b2]), kind != "equal") for kind, _, _, b1, b2 in matcher.get_opcodes() if b1 < b2]
    return tuple(pieces) or ((value, False),)


def _flat(event: Whole, row: Row) -> dict[str, str]:
    """A take's request as names and texts, nested ones with dots."""
    found: dict[str, str] = {}
    content = json.loads(request_of(row.take)) if not row.take.foreign else {"parameters": event.recipe.parameters}
    _flatten("", content, found)
    plain = {name.removeprefix("recipe.").removeprefix("parameters."): value for name, value in found.items()}
    return {name: value for name, value in plain.items() if name not in UNSEEN}


def _flatten(name: str, value: object, found: dict[str, str]) -> None:
    if isinstance(value, dict) and value:
        for inner, each in value.items():
            _flatten(f"{name}.{inner}" if name else str(inner), each, found)
    elif isinstance(value, str):
        found[name] = value
    else:
        found[name] = json.dumps(value, ensure_ascii=False)
