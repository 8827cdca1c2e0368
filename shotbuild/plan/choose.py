"""Which take a shot is: the approved one, else the picked one, else the newest of the current recipe, else a new one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from shotbuild.plan.explain import difference
from shotbuild.records import Decision, ShotState, Take

APPROVED, PICKED, NEWEST, MISSING = "approved", "picked", "newest", "missing"
STALE_APPROVED, STALE_PICKED, CONFLICT = "stale-approved", "stale-picked", "conflict"
CHOICE_WORDS = (APPROVED, PICKED, STALE_APPROVED, STALE_PICKED, CONFLICT)
"""What `status:` may ask of a shot's take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What stands for a shot. how: APPROVED, PICKED, NEWEST or MISSING; take: None when it is still to be made.

    ordinals: the takes of the current recipe that the plan makes; rolled: those of them that are more than the spec wants,
    made because somebody asked for more now; numbers: of each of them, by which it will be known;
    stands: the one of them that the shot is, None when a person chose; moved_on: what differs between the request of the
    chosen take and today's, as lines; none for a foreign take, which has no request; decisions: those that made the
    choice; asked: digest of today's request, empty when no take can have it; instead: those of its fallbacks; state: what
    the ledger comes to.
    """

    shot: str
    how: str
    take: Take | None
    ordinals: tuple[int, ...]
    rolled: tuple[int, ...]
    stands: int | None
    moved_on: tuple[str, ...]
    decisions: tuple[Decision, ...]
    numbers: Mapping[int, int]
    asked: str
    instead: frozenset[str] = frozenset()
    state: ShotState = field(repr=False)

    @property
    def stale(self) -> bool:
        """Whether a person chose this take, and the spec has moved on since."""
        return bool(self.moved_on)

    @property
    def words(self) -> frozenset[str]:
        """All that is true of it among CHOICE_WORDS."""
        found = {self.how} if self.how in (APPROVED, PICKED) else set()
        if self.stale:
            found.add(STALE_APPROVED if self.how == APPROVED else STALE_PICKED)
        return frozenset(found | ({CONFLICT} if self.conflict else set()))

    @property
    def conflict(self) -> tuple[Decision, ...]:
        """Decisions, or moves of the shot, of which a person has to say how they go together."""
        return self.state.conflict or self.state.strays


@dataclass(frozen=True, slots=True, kw_only=True)
class Current:
    """A shot's recipe as the spec stands. asked: its digest; alike: with those under its earlier names and of its fallbacks;
    instead: those of its fallbacks alone; text: the request of the take with an ordinal; takes: how many the spec wants;
    more: how many more are to be made now, whatever stands for the shot."""

    asked: str
    alike: frozenset[str]
    text: Callable[[int], str]
    takes: int
    more: int = 0
    instead: frozenset[str] = frozenset()


def choose(shot: str, state: ShotState, current: Current, request: Callable[[Take], str]) -> Choice:
    """request: what a take was asked for, as text."""
    # Of two takes in one place, that of the shot's own provider comes later and stands.
    made = [take for take in state.takes if not take.foreign and take.asked in current.instead]
    made += [take for take in state.takes if not take.foreign and take.asked == current.asked]
    decided, decisions = _decided(state)
    ordinals: tuple[int, ...] = ()
    stands: int | None = None
    take: Take | None
    if decided is not None:
        how, take = (APPROVED if state.approvals else PICKED), state.take_of(decided)
    else:
        how, take, ordinals, stands = _newest(state, made, current.takes)
    rolled: tuple[int, ...] = ()
    if current.more:
        first = max((each.ordinal for each in made), default=0) + 1
        rolled = tuple(range(first, first + current.more))
        # What stands stays in the plan: other shots may continue it.
        ordinals = tuple(sorted({*rolled, *(() if stands is None else (stands,))}))
    return Choice(
        shot=shot,
        how=how,
        take=take,
        ordinals=ordinals,
        rolled=rolled,
        stands=stands,
        moved_on=_moved_on(take, decisions, current, request) if decided is not None and take is not None else (),
        decisions=decisions,
        numbers=_numbers(state, made, ordinals),
        asked=current.asked,
        instead=current.instead,
        state=state,
    )


def _decided(state: ShotState) -> tuple[str | None, tuple[Decision, ...]]:
    """The bytes that people chose, and by which decisions. Of two picks on two branches the later one holds."""
    if state.approvals:
        video = state.approvals[-1].video
        return video, tuple(each for each in state.approvals if each.video == video)
    return (state.picks[-1].video, state.picks[-1:]) if state.picks else (None, ())


def _newest(state: ShotState, made: list[Take], wanted: int) -> tuple[str, Take | None, tuple[int, ...], int]:
    """(how, take, ordinals, the one that stands). A recipe whose takes were all rejected asks for one more."""
    live = {take.ordinal: take for take in made if take.video.sha256 not in state.rejected}
    dead = {take.ordinal for take in made} - live.keys()
    stands = max(live, default=0)
    # Who rolled beyond what the spec wants needs the newest alone: nothing before it is made for its own sake.
    ordinals = {stands} if stands > wanted else set(range(1, wanted + 1)) - dead
    if not ordinals:
        ordinals = {max(dead) + 1}
    stands = max(ordinals)
    return (NEWEST if stands in live else MISSING), live.get(stands), tuple(sorted(ordinals)), stands


def _numbers(state: ShotState, made: list[Take], ordinals: tuple[int, ...]) -> dict[int, int]:
    """Takes that are made side by side get numbers in the order of their ordinals, whichever is ready first."""
    numbers = {take.ordinal: take.number for take in made}
    following = max((take.number for take in state.takes), default=0) + 1
    for ordinal in ordinals:
        if ordinal not in numbers:
            numbers[ordinal] = following
            following += 1
    return {ordinal: numbers[ordinal] for ordinal in ordinals}


def _moved_on(
    take: Take, decisions: tuple[Decision, ...], current: Current, request: Callable[[Take], str]
) -> tuple[str, ...]:
    if take.foreign or take.asked in current.alike or any(each.kept in current.alike for each in decisions):
        return ()
    return difference(request(take), current.text(take.ordinal))
