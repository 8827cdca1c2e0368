"""What may stop a build before anything is made: decisions that contradict each other, approvals that lack, too many takes.

Each check takes the choices of a plan and gives the error to raise, or None. Pure.
"""

from collections.abc import Callable, Iterable

from shotbuild.errors import GateError, LimitReached, NeedsPerson, Unseen
from shotbuild.plan.choose import APPROVED, Choice
from shotbuild.records import (
    APPROVE,
    NOTE,
    PICK,
    REJECT,
    REOPEN,
    RESTORE,
    Decision,
    LedgerEvent,
    Shot,
    ShotState,
    Step,
    UnknownEvent,
)
from shotbuild.units import counted

VERBS = {
    APPROVE: "approved", REJECT: "rejected", PICK: "picked", RESTORE: "restored", REOPEN: "reopened", NOTE: "noted on",
}  # fmt: skip


SIDES = 12
"""So many of the things that others said are told."""


def disputed(choices: Iterable[Choice]) -> NeedsPerson | None:
    """Decisions of people who did not know of each other, of which one at most can hold: all sides of all shots."""
    found = [choice for choice in choices if choice.conflict]
    if not found:
        return None
    first = found[0]
    if first.state.strays:
        return _stray(first)
    sides = [_side(choice.state, decision, choice.shot) for choice in found for decision in choice.conflict]
    names = list(dict.fromkeys(name for decision in first.conflict if (name := _name(first.state, decision))))
    either = " or ".join(f"`shotbuild approve {name}`" for name in names)
    return NeedsPerson(
        f"the decisions on {first.shot} contradict each other"
        if len(found) == 1
        else f"the decisions on {counted(len(found), 'shot')} contradict each other: "
        + ", ".join(choice.shot for choice in found),
        cause="\n       ".join(sides),
        hint=f"look at both (`shotbuild diff {' '.join(names[:2])}`), then say which holds: {either}"
        if len(names) > 1
        else f"say which holds: `shotbuild approve {names[0]}`, or `shotbuild reject {names[0]}`",
    )


def unseen(shot: str, state: ShotState, news: Iterable[LedgerEvent]) -> Unseen | None:
    """news: what the ledger of a shot has that a person who decides had not seen; takes alone take nothing from what they
    saw."""
    said = [each for each in news if isinstance(each, Decision) and each.kind in VERBS]
    others = [each for each in news if isinstance(each, UnknownEvent)]
    if not said and not others:
        return None
    sides = [_side(state, each, shot) for each in sorted(said, key=lambda each: (each.at, each.id))]
    sides += [f"{each.location.file}:{each.location.line}  a `{each.kind}` event of a newer version" for each in others]
    return Unseen(
        f"others said something of {shot} meanwhile, so nothing was written",
        cause="\n       ".join(sides[:SIDES]) + (f"\n       and {len(sides) - SIDES} more" if len(sides) > SIDES else ""),
        hint="look at it again, and then say what holds now",
    )


def unapproved(choices: Iterable[Choice], roles: tuple[str, ...]) -> GateError | None:
    """For `--strict`. roles: who has to approve; none = anybody's approval is enough."""
    lacking: list[str] = []
    for choice in choices:
        given = {decision.role for decision in choice.decisions} if choice.how == APPROVED else set()
        missing = [role for role in roles if role not in given]
        name = choice.shot if choice.take is None else f"{choice.shot} t{choice.take.number}"
        if choice.take is not None and choice.take.instead:
            lacking.append(f"{name} was made by a fallback of its provider")
        elif choice.how != APPROVED:
            lacking.append(f"{name} is not approved")
        elif missing:
            lacking.append(f"{name} is not approved by {', '.join(missing)}")
    if not lacking:
        return None
    return GateError(
        f"a strict delivery needs every take approved, and {counted(len(lacking), 'shot')} " + _lack(lacking),
        cause="\n       ".join(lacking),
        hint="`shotbuild approve SHOT --role ROLE`, `shotbuild roll SHOT` in place of a fallback's take, or deliver without "
        "--strict",
    )


def remarks(choices: Iterable[Choice], shots: Iterable[Shot]) -> list[str]:
    """What somebody who builds should know of chosen takes: that the spec has moved on, that they are of another length."""
    lengths = {shot.name: shot for shot in shots}
    found: list[str] = []
    stale = [choice.shot for choice in choices if choice.stale]
    if stale:
        shown = ", ".join(stale[:6]) + (f" and {len(stale) - 6} more" if len(stale) > 6 else "")
        found.append(f"the spec has moved on from what was chosen for {shown}: `shotbuild status` says how")
    for choice in choices:
        shot, take = lengths[choice.shot], choice.take
        if choice.stands is not None or take is None or shot.duration is None:
            continue
        wanted = shot.duration.exact(shot.format.rate)
        if abs(take.seconds - wanted) * shot.format.rate >= 1:
            found.append(
                f"{choice.shot} t{take.number} lasts {float(take.seconds):.3f} s, where the spec has "
                f"{float(wanted):.3f} s: a cut that uses all of it has its length"
            )
    return found


def too_many(
    steps: Iterable[Step], state: Callable[[str], ShotState], limit: int, missing: Callable[[], frozenset[str]]
) -> LimitReached | None:
    """steps: of the plan; limit: of takes for a shot; missing: the steps that nobody has made, asked only if needed."""
    wanted: dict[str, list[Step]] = {}
    for step in steps:
        if step.generates:
            wanted.setdefault(step.shots[0], []).append(step)
    made = {shot: sum(not take.foreign for take in state(shot).takes) for shot in wanted}
    close = {shot: mine for shot, mine in wanted.items() if made[shot] + len(mine) > limit}
    if not close:
        return None
    unmade = missing()
    for shot, mine in close.items():
        more = sum(step.name in unmade and not _known(step, state(shot)) for step in mine)
        if more and made[shot] + more > limit:
            return LimitReached(
                f"shot {shot} has {counted(made[shot], 'take')}, and {more} more would pass the limit of {limit}",
                location=mine[0].location,
                cause="as many takes as that are a sign that the prompt or the references have to change, not the dice",
                hint=f"choose one of those that are there (`shotbuild takes {shot}`), work on the prompt with the animatic, "
                "import a take that was made elsewhere, or raise `takes_per_shot` in `budget`",
            )
    return None


def _stray(choice: Choice) -> NeedsPerson:
    moves = choice.state.strays
    there = moves[0].now
    return NeedsPerson(
        f"takes and decisions of {choice.shot} are under another name, {there}, too",
        cause="\n       ".join(
            f"{move.location.file}:{move.location.line}  {move.at}  {move.was} was renamed to {move.now}" for move in moves
        ),
        hint=f"if it is one shot: keep {choice.shot} in the specs, take {there} out, and write `moved: {there}` at "
        f"{choice.shot}, so that all of it comes along; if {choice.shot} is a new shot: `shotbuild note {choice.shot} "
        f'"a new shot"` says so',
    )


def _known(step: Step, state: ShotState) -> bool:
    """Whether a take was made already, so that making its lost bytes again is not one more."""
    asking = step.asking
    return asking is not None and any(
        take.asked and (take.asked, take.ordinal) == (asking.asked, asking.ordinal) for take in state.takes
    )


def _side(state: ShotState, decision: Decision, shot: str) -> str:
    take = None if decision.video is None else state.take_of(decision.video)
    number = f" t{take.number} ({_name(state, decision)})" if take else "" if decision.video is None else " ?"
    role = f" as {decision.role}" if decision.role else ""
    why = f": {decision.why}" if decision.why else ""
    place = f"{decision.location.file}:{decision.location.line}"
    return f"{place}  {decision.at}  {VERBS[decision.kind]} {shot}{number}: {decision.by}{role}{why}"


def _name(state: ShotState, decision: Decision) -> str:
    take = None if decision.video is None else state.take_of(decision.video)
    return "" if take is None else take.name


def _lack(lacking: list[str]) -> str:
    return "lacks that" if len(lacking) == 1 else "lack that"
