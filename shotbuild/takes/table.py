"""The takes of a project as rows, and the story of a shot as events: what replaces the spreadsheet beside the outputs.

Reads ledgers and asks the plan what stands; looks up no step and no recipe's digest, so that thousands of takes are quick.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from fractions import Fraction
from typing import Any

from shotbuild.errors import BytesLost, PlanError, StoreError
from shotbuild.plan.choose import Choice
from shotbuild.records import Decision, LedgerEvent, ShotState, Take, Verification
from shotbuild.spec.events import TAKE, VERIFY, exact, whole, written
from shotbuild.spec.shapes import PinRow, PriceRow, StreamRow, Whole
from shotbuild.takes.names import codes, meant, several, shots_meant, states, states_gone
from shotbuild.units import decimal_text
from shotbuild.workspace import Workspace

CONFLICT, APPROVED, PICKED, STALE, REJECTED = "conflict", "approved", "picked", "stale", "rejected"
FOREIGN, FALLBACK, CURRENT, MISSING = "foreign", "fallback", "current", "missing"
WIDE = "*?["
RUNS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What a spreadsheet may take for the beginning of a formula."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One take. code: its eight characters, empty when the specs no longer have its shot; stands: it is in the cut;
    words: all that is true of it, of `conflict`, `approved`, `picked`, `stale` (chosen, and the spec has moved on),
    `rejected`, `foreign`, `fallback` (another provider than the shot's own made it), `current` (its request is today's),
    `missing` (its bytes are not in the store);
    approvals, picks, rejections, notes: of its bytes, those in force; whole: its event."""

    take: Take
    code: str
    stands: bool
    words: tuple[str, ...]
    approvals: tuple[Decision, ...]
    picks: tuple[Decision, ...]
    rejections: tuple[Decision, ...]
    notes: tuple[Decision, ...]
    whole: Whole = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One event of a shot. take: the one that it is about, if any; head: no other event follows it."""

    shot: str
    event: LedgerEvent
    take: Take | None
    head: bool


def rows(workspace: Workspace, words: Sequence[str] = (), *, gone: bool = False) -> tuple[Row, ...]:
    """The takes that some words name, all for none, by shot and number. gone: also those of shots that the specs no longer
    have. Errors: PlanError for a word that names nothing."""
    asked = _asked(workspace, words, gone=gone)
    called = codes(states(workspace))
    # One look at all names is less than one at each of ten thousand files.
    present = workspace.rooms.blobs.names()
    found: list[Row] = []
    for shot, state in sorted(asked.known.items()):
        takes = [take for take in state.takes if shot in asked.shots or take.id in asked.ids]
        if takes:
            found += _rows(takes, state, workspace.chosen.get(shot), called, present)
    return tuple(found)


def story(workspace: Workspace, words: Sequence[str] = (), *, gone: bool = False) -> tuple[Told, ...]:
    """The events of each shot that some words name, in an order in which each comes after those that it follows. A word
    for one take gives what was said of that. Errors: PlanError for a word that names nothing."""
    asked = _asked(workspace, words, gone=gone)
    found: list[Told] = []
    for shot, state in sorted(asked.known.items()):
        videos = {take.video.sha256 for take in state.takes if take.id in asked.ids}
        if not (shot in asked.shots or videos):
            continue
        for event in workspace.rooms.ledgers.history(shot).events:
            take = event if isinstance(event, Take) else _about(event, state)
            if shot in asked.shots or (take is not None and take.video.sha256 in videos):
                found.append(Told(shot=shot, event=event, take=take, head=event.id in state.heads))
    return tuple(found)


def record_of(workspace: Workspace, take: Take) -> dict[str, Any]:
    """All that was sent for a take and all that came back, as the store has it. Errors: PlanError when its ledger names no
    record; BytesLost when it is missing or damaged; StoreError when it is none."""
    name = f"{take.shot} t{take.number}"
    there = "what the ledger knows of the request is in `shotbuild takes --json`"
    if take.record is None:
        raise PlanError(f"there is no record of what was sent for {name}", cause="its provider left none", hint=there)
    try:
        workspace.rooms.blobs.verify(take.record)
        text = workspace.rooms.blobs.path(take.record).read_text("utf-8")
    except BytesLost as error:
        raise BytesLost(
            f"the record of what was sent for {name} is lost: {error.message}",
            cause=error.cause,
            hint=f"copy {take.record.sha256} from another store of this project; {there}",
        ) from error
    try:
        record = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise StoreError(f"the record of what was sent for {name} cannot be read", cause=str(error), hint=there) from error
    return record if isinstance(record, dict) else {"sent": record}


@dataclass(frozen=True, slots=True)
class _Asked:
    """known: every shot that may be named; shots: those of which every take is meant; ids: of takes meant themselves."""

    known: Mapping[str, ShotState]
    shots: set[str]
    ids: set[str]


def _asked(workspace: Workspace, words: Sequence[str], *, gone: bool) -> _Asked:
    known = states(workspace)
    left = states_gone(workspace, known) if gone else {}
    asked = _Asked({**left, **known}, set() if words else {*left, *known}, set())
    names: list[str] = []

    def name_takes() -> None:
        for one in meant(workspace, names):
            if one.exact and one.take is not None:
                asked.ids.add(one.take.id)
            else:
                asked.shots.add(one.shot)
        names.clear()

    for word in (part for each in words for part in each.split()):
        several = _several(workspace, word, known, left)
        if several is None:
            names.append(word)
        else:
            name_takes()
            asked.shots.update(several)
    name_takes()
    return asked


def _several(
    workspace: Workspace, word: str, known: Mapping[str, ShotState], left: Mapping[str, ShotState]
) -> set[str] | None:
    """The shots that a word means which is no name of a take or generated shot; None when it may be such a name."""
    if word in known:
        return None
    found = several(workspace, word, known)
    if found is not None:
        return found
    if any(char in word for char in WIDE):
        return {name for name in (*left, *known) if fnmatchcase(name, word)} or set(shots_meant(workspace, [word]))
    return {word} if word in left else None


def _rows(
    takes: Iterable[Take],
    state: ShotState,
    choice: Choice | None,
    called: Mapping[str, str],
    present: Collection[str],
) -> list[Row]:
    stands = None if choice is None or choice.take is None else choice.take.id
    disputed = {each.video for each in state.conflict}
    approvals, picks, rejections, notes = (
        by_video(each) for each in (state.approvals, state.picks, state.rejections, state.notes)
    )
    found: list[Row] = []
    for take in takes:
        video = take.video.sha256
        true = {
            CONFLICT: video in disputed,
            APPROVED: video in approvals,
            PICKED: video in picks,
            STALE: take.id == stands and choice is not None and choice.stale,
            REJECTED: video in rejections,
            FOREIGN: take.foreign,
            FALLBACK: take.instead,
            CURRENT: choice is not None and not take.foreign and take.asked in (choice.asked, *choice.instead),
            MISSING: video not in present,
        }
        found.append(
            Row(
                take=take,
                code=called.get(take.id, ""),
                stands=take.id == stands,
                words=tuple(word for word, holds in true.items() if holds),
                approvals=approvals.get(video, ()),
                picks=picks.get(video, ()),
                rejections=rejections.get(video, ()),
                notes=notes.get(video, ()),
                whole=whole(take),
            )
        )
    return found


def by_video(decisions: Iterable[Decision]) -> dict[str, tuple[Decision, ...]]:
    """What was said of bytes, by their sha256."""
    found: dict[str, tuple[Decision, ...]] = {}
    for each in decisions:
        if each.video is not None:
            found[each.video] = (*found.get(each.video, ()), each)
    return found


def _about(event: LedgerEvent, state: ShotState) -> Take | None:
    if not isinstance(event, Decision | Verification) or event.video is None:
        return None
    return state.take_of(event.video)


# --- rows for machines ------------------------------------------------------------------------------------------------


def content(row: Row) -> dict[str, Any]:
    """A row for `--json`: what is true of it, then its whole event in the ledger's own words."""
    own = {
        "shot": row.take.shot,
        "number": row.take.number,
        "name": row.take.name,
        "code": row.code,
        "stands": row.stands,
        "state": list(row.words),
        "approvals": [_said(each) for each in row.approvals],
        "picks": [_said(each) for each in row.picks],
        "rejections": [_said(each) for each in row.rejections],
        "notes": [_said(each) for each in row.notes],
    }
    return {
        **own,
        **{name: value for name, value in written(row.take).items() if name not in own and name not in ("event", "v")},
    }


def told_content(told: Told) -> dict[str, Any]:
    """An event of a story for `--json`."""
    event = told.event
    common = {
        "shot": told.shot,
        "id": event.id,
        "after": list(event.after),
        "head": told.head,
        "take": None if told.take is None else told.take.name,
        "number": None if told.take is None else told.take.number,
    }
    if isinstance(event, Take):
        return {**common, "event": TAKE, "at": event.made, "seed": event.seed, "foreign": event.foreign}
    if isinstance(event, Decision):
        return {**common, "event": event.kind, **_said(event), "was": event.was, "now": event.now, "of": list(event.of)}
    if isinstance(event, Verification):
        counts = {"rolls": event.rolls, "same_bytes": event.same_bytes, "same_frames": event.same_frames}
        return {**common, "event": VERIFY, "by": event.by, "at": event.at, **counts, "elsewhere": event.elsewhere}
    return {**common, "event": event.kind}


def _said(decision: Decision) -> dict[str, object]:
    return {
        "by": decision.by,
        "at": decision.at,
        "role": decision.role,
        "why": decision.why,
        "frames": None if decision.frames is None else list(decision.frames),
        "marks": list(decision.marks),
        "kept": decision.kept,
    }


NO_PIN = PinRow(provider="", model="", version="")
NO_PICTURE = StreamRow(kind="video")
COLUMNS = (
    "shot", "number", "name", "code", "stands", "state", "approved_by", "roles", "rejected_by", "reason", "seed", "ordinal",
    "provider", "model", "version", "answered_model", "answered_version", "cost_estimated", "cost_charged", "currency",
    "took_seconds", "made", "sha256", "bytes", "size", "rate", "frames", "seconds", "prompt", "title", "references",
    "settings", "action", "asked", "record", "foreign", "notes",
)  # fmt: skip


def cells(row: Row) -> tuple[str, ...]:
    """A row for `--csv`, in the order of COLUMNS. A cell that a spreadsheet would run begins with an apostrophe."""
    take, event = row.take, row.whole
    parameters = event.recipe.parameters
    picture = next((each for each in event.streams if each.kind == "video"), NO_PICTURE)
    asked, answered = event.pin.asked or NO_PIN, event.pin.answered or NO_PIN
    charged, estimated = event.cost.charged, event.cost.estimated
    price = charged or estimated
    values: tuple[object, ...] = (
        take.shot, take.number, take.name, row.code, _yes(row.stands), " ".join(row.words),
        _joined(each.by for each in row.approvals), _joined(each.role for each in row.approvals),
        _joined(each.by for each in row.rejections), _joined(each.why for each in row.rejections),
        take.seed, take.ordinal or "", asked.provider, asked.model, asked.version, answered.model, answered.version,
        amount(estimated), amount(charged), None if price is None else price.currency,
        _decimal(Fraction(event.milliseconds, 1000)), take.made, take.video.sha256, take.video.size,
        picture.size, picture.rate, picture.frames, _decimal(take.seconds),
        parameters.get("prompt"), parameters.get("title"), _joined(_references(event)),
        json.dumps(parameters.get("settings") or {}, ensure_ascii=False, sort_keys=True), take.action, take.asked,
        None if take.record is None else take.record.sha256, _yes(take.foreign), _joined(_note(each) for each in row.notes),
    )  # fmt: skip
    return tuple(_harmless("" if value is None else str(value)) for value in values)


def prompt(row: Row) -> str:
    """What a take was asked for in words; empty when nobody knows."""
    text = row.whole.recipe.parameters.get("prompt")
    return text if isinstance(text, str) else ""


def model(row: Row) -> str:
    """The model that was asked for, and the one that answered when that is another one or another version."""
    asked, answered = row.whole.pin.asked, row.whole.pin.answered
    if asked is None or answered is None:
        pin = asked or answered
        told = row.whole.recipe.parameters.get("model") if row.take.foreign else None
        return str(told or "") if pin is None else pin.model
    if answered.model != asked.model:
        return f"{asked.model} (answered {answered.model})"
    return asked.model if answered == asked else f"{asked.model} (answered version {answered.version})"


def cost(row: Row) -> str:
    """`free`, `0.40 USD` as charged or exact, `~0.40 USD` as estimated, `?` when nobody knows."""
    charged = row.whole.cost.charged
    price = charged or row.whole.cost.estimated
    if price is None or price.amount is None:
        return "?"
    value = exact(price.amount)
    if not value:
        return "free"
    return f"{'' if charged or price.exact else '~'}{decimal_text(value)} {price.currency}"


def amount(price: PriceRow | None) -> str:
    """A price's amount as a decimal; empty when it is unknown."""
    return "" if price is None or price.amount is None else _decimal(Fraction(price.amount))


def _references(event: Whole) -> list[str]:
    found = [f"{role}={sha256}" for role, sha256 in event.inputs.items()]
    return found + ([f"continues={event.continues}"] if event.continues else [])


def _note(decision: Decision) -> str:
    where = "" if decision.frames is None else f"[{frames_text(decision.frames)}] "
    return f"{where}{decision.why or ''}"


def frames_text(frames: tuple[int, int]) -> str:
    return str(frames[0]) if frames[0] == frames[1] else f"{frames[0]}-{frames[1]}"


def _joined(parts: Iterable[str | None]) -> str:
    return "; ".join(part for part in parts if part)


def _decimal(value: Fraction) -> str:
    return decimal_text(value, 6).rstrip("0").rstrip(".")


def _yes(holds: bool) -> str:
    return "yes" if holds else ""


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(RUNS) else text
