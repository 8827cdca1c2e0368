"""A project → the board: its shots as cards in the order of the cuts, and the decisions that wait, oldest first. Pure.

A shot's state is one word: what has to happen to it next. A decision waits where a person has to say something: a take that
nobody judged, one whose spec has moved on, decisions that contradict each other, a shot of which every roll failed.
"""

from collections.abc import Collection, Container, Mapping
from dataclasses import dataclass, replace

from shotbuild.plan.choose import APPROVED, MISSING, PICKED, Choice
from shotbuild.records import Project, Sequence, Shot, shots_of
from shotbuild.review.scope import Scope
from shotbuild.units import decimal_text

TO_REVIEW, GENERATING, FAILED, CONFLICT, PLATE = "to-review", "generating", "failed", "conflict", "plate"
STALE_APPROVED, STALE_PICKED = "stale-approved", "stale-picked"
STATES = (
    CONFLICT, FAILED, TO_REVIEW, STALE_APPROVED, STALE_PICKED, GENERATING, MISSING, PICKED, APPROVED, PLATE,
)  # fmt: skip
"""In the order in which people look at them."""
SAYS = {
    CONFLICT: "decisions contradict",
    FAILED: "failed",
    TO_REVIEW: "to review",
    STALE_APPROVED: "stale-approved",
    STALE_PICKED: "stale-picked",
    GENERATING: "generating",
    MISSING: "missing",
    PICKED: "picked",
    APPROVED: "approved",
    PLATE: "plate",
}
WAITING = (CONFLICT, FAILED, TO_REVIEW, STALE_APPROVED, STALE_PICKED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Working:
    """What builds do, or failed to do, for shots. generating: shot → what is said of it; failed: shot → why, and the digest
    of what was asked for, as `Choice.asked`, empty = it is not known."""

    generating: Mapping[str, str]
    failed: Mapping[str, tuple[str, str]]


IDLE = Working(generating={}, failed={})


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A shot. state: one of STATES; why: what is to be said of it besides; video: sha256 of the take or plate that stands,
    None = there is none; take: its number; takes, judged: how many there are, and of how many something was decided;
    notes: how many; seconds: of what stands; awaits: the roles whose approval it lacks; since: ISO 8601, when what waits
    began to wait, empty = nothing does; sequences: that show it; here: the bytes of what stands are in this store."""

    name: str
    title: str
    state: str
    why: str = ""
    video: str | None = None
    take: int | None = None
    takes: int = 0
    judged: int = 0
    notes: int = 0
    seconds: str = ""
    tags: tuple[str, ...] = ()
    awaits: tuple[str, ...] = ()
    since: str = ""
    sequences: tuple[str, ...] = ()
    prompt: str = ""
    here: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The shots of a sequence, in the order of its cut; name None: those that no sequence shows."""

    name: str | None
    title: str
    cards: tuple[Card, ...]

    @property
    def counts(self) -> tuple[tuple[str, int], ...]:
        """How many shots there are in each state, of those that occur."""
        return counted(self.cards)


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """groups: each shot once, under the first sequence that shows it; waiting: the cards that a person has to decide about,
    oldest first; others: sequences that show nothing that an earlier one does not."""

    project: str
    groups: tuple[Group, ...]
    waiting: tuple[Card, ...]
    sequences: tuple[tuple[str, str], ...]
    tags: tuple[str, ...]

    @property
    def counts(self) -> tuple[tuple[str, int], ...]:
        return counted([card for group in self.groups for card in group.cards])


def counted(cards: Collection[Card]) -> tuple[tuple[str, int], ...]:
    """state → how many, in the order of STATES."""
    found = [card.state for card in cards]
    return tuple((state, found.count(state)) for state in STATES if state in found)


def board(
    project: Project,
    chosen: Mapping[str, Choice],
    videos: Mapping[str, str],
    scope: Scope,
    working: Working = IDLE,
    role: str | None = None,
    present: Container[str] | None = None,
) -> Board:
    """chosen: by shot; videos: of plates, shot → sha256; present: sha256 of what is in the store, None = all; role: of who
    looks, whose own approvals are what waits for them."""
    shown = sequences_of(project, scope)
    cards = {
        shot.name: card(shot, chosen.get(shot.name), videos.get(shot.name), project, working, shown.get(shot.name, ()))
        for shot in project.shots
        if shot.name in scope.shots
    }
    if present is not None:
        cards = {
            name: each if each.video is None or each.state == PLATE or each.video in present else replace(each, here=False)
            for name, each in cards.items()
        }
    left = dict(cards)
    groups: list[Group] = []
    for sequence in in_writing(project):
        if sequence.name in scope.sequences:
            mine = [left.pop(name) for name in in_order(sequence, project) if name in left]
            groups.append(Group(name=sequence.name, title=sequence.title, cards=tuple(mine)))
    if left:
        groups.append(Group(name=None, title="In no sequence", cards=tuple(left.values())))
    waiting = sorted((each for each in cards.values() if _waits(each, role)), key=lambda each: (each.since, each.name))
    return Board(
        project=project.name,
        groups=tuple(group for group in groups if group.cards),
        waiting=tuple(waiting),
        sequences=titles(project, scope),
        tags=tuple(sorted({tag for each in cards.values() for tag in each.tags})),
    )


def card(
    shot: Shot, choice: Choice | None, plate: str | None, project: Project, working: Working, sequences: tuple[str, ...]
) -> Card:
    """How one shot stands. choice: None for a plate, whose bytes are `plate`."""
    if choice is None:
        return Card(
            name=shot.name, title=shot.title, state=PLATE, video=plate, tags=shot.tags, sequences=sequences,
            prompt=shot.plate or "",
        )  # fmt: skip
    state, why = _state(choice, working)
    ledger = choice.state
    judged = {each.video for each in (*ledger.approvals, *ledger.picks, *ledger.rejections)}
    take = choice.take
    awaits = awaited(choice, project.approvals)
    return Card(
        name=shot.name,
        title=shot.title,
        state=state,
        why=why,
        video=None if take is None else take.video.sha256,
        take=None if take is None else take.number,
        takes=len(ledger.takes),
        judged=sum(each.video.sha256 in judged for each in ledger.takes),
        notes=len(ledger.notes),
        seconds="" if take is None else decimal_text(take.seconds, 1),
        tags=shot.tags,
        awaits=awaits,
        since=_since(choice, state, awaits),
        sequences=sequences,
        prompt=shot.prompt or "",
    )


def awaited(choice: Choice, roles: tuple[str, ...]) -> tuple[str, ...]:
    """The roles that have to approve what stands and have not."""
    given = {each.role for each in choice.decisions} if choice.how == APPROVED else set()
    return tuple(role for role in roles if role not in given)


def in_order(sequence: Sequence, project: Project) -> tuple[str, ...]:
    """The shots of a sequence and of those nested in it, as they come, each once."""
    by_name = {each.name: each for each in project.sequences}
    found: dict[str, None] = {}
    for clip in sequence.clips:
        if clip.shot:
            found[clip.shot] = None
        elif clip.sequence:
            found.update(dict.fromkeys(in_order(by_name[clip.sequence], project)))
    found.update((overlay.shot, None) for overlay in sequence.overlays)
    return tuple(found)


def in_writing(project: Project) -> list[Sequence]:
    """The sequences as they stand in the specs: what comes first there is what people think of first."""
    return sorted(project.sequences, key=lambda each: (each.location.file, each.location.line, each.location.column))


def titles(project: Project, scope: Scope) -> tuple[tuple[str, str], ...]:
    """Name and title of each sequence that a scope opens."""
    return tuple((each.name, each.title) for each in in_writing(project) if each.name in scope.sequences)


def sequences_of(project: Project, scope: Scope) -> dict[str, tuple[str, ...]]:
    """shot → the sequences that show it, of those that a scope opens."""
    by_name = {each.name: each for each in project.sequences}
    found: dict[str, tuple[str, ...]] = {}
    for sequence in in_writing(project):
        if sequence.name not in scope.sequences:
            continue
        for shot in shots_of(sequence, by_name):
            found[shot] = (*found.get(shot, ()), sequence.name)
    return found


def _state(choice: Choice, working: Working) -> tuple[str, str]:
    if choice.conflict:
        return CONFLICT, "a person has to say which decision holds"
    if choice.shot in working.generating:
        return GENERATING, working.generating[choice.shot]
    if choice.stale:
        return (STALE_APPROVED if choice.how == APPROVED else STALE_PICKED), "what is asked for has changed since"
    if choice.how in (APPROVED, PICKED):
        return choice.how, ""
    why, asked = working.failed.get(choice.shot, ("", ""))
    if why and choice.take is None and (not asked or asked == choice.asked):
        return FAILED, why
    if choice.take is None:
        rejected = len(choice.state.rejected)
        return MISSING, "every take was rejected" if rejected and rejected == len(choice.state.takes) else ""
    return TO_REVIEW, ""


def _since(choice: Choice, state: str, awaits: tuple[str, ...]) -> str:
    """When what waits began to wait; empty where nothing does."""
    if state == CONFLICT:
        return max(each.at for each in choice.conflict)
    if state in (STALE_APPROVED, STALE_PICKED) or (state == APPROVED and awaits):
        return max(each.at for each in choice.decisions)
    if state == TO_REVIEW and choice.take is not None:
        return choice.take.made
    if state == FAILED:
        return max((take.made for take in choice.state.takes), default="9")
    return ""


def _waits(card: Card, role: str | None) -> bool:
    return card.state in WAITING or (card.state == APPROVED and role is not None and role in card.awaits)
