"""What may stop a build before anything is made: decisions that contradict each other, approvals that lack, too many takes.

Each check takes the choices of a plan and gives the error to raise, or None. Pure.
"""

from collections.abc import Callable, Iterable

from shotbuild.errors import GateError, LimitReached, NeedsPerson
from shotbuild.plan.choose import APPROVED, Choice
from shotbuild.records import APPROVE, PICK, REJECT, RESTORE, Decision, ShotState, Step
from shotbuild.units import counted

VERBS = {APPROVE: "approved", REJECT: "rejected", PICK: "picked", RESTORE: "restored"}


def disputed(choices: Iterable[Choice]) -> NeedsPerson | None:
    """Decisions of people who did not know of each other, of which one at most can hold: all sides of all shots."""
    found = [choice for choice in choices if choice.conflict]
    if not found:
        return None
    first = found[0]
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


def unapproved(choices: Iterable[Choice], roles: tuple[str, ...]) -> GateError | None:
    """For `--strict`. roles: who has to approve; none = anybody's approval is enough."""
    lacking: list[str] = []
    for choice in choices:
        given = {decision.role for decision in choice.decisions} if choice.how == APPROVED else set()
        missing = [role for role in roles if role not in given]
        name = choice.shot if choice.take is None else f"{choice.shot} t{choice.take.number}"
        if choice.how != APPROVED:
            lacking.append(f"{name} is not approved")
        elif missing:
            lacking.append(f"{name} is not approved by {', '.join(missing)}")
    if not lacking:
        return None
    return GateError(
        f"a strict delivery needs every take approved, and {counted(len(lacking), 'shot')} " + _lack(lacking),
        cause="\n       ".join(lacking),
        hint="`shotbuild approve SHOT --role ROLE`, or deliver without --strict",
    )


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


def _known(step: Step, state: ShotState) -> bool:
    """Whether a take was made already, so that making its lost bytes again is not one more."""
    asking = step.asking
    return asking is not None and any(
        take.asked and (take.asked, take.ordinal) == (asking.asked, asking.ordinal) for take in state.takes
    )


def _side(state: ShotState, decision: Decision, shot: str) -> str:
    take = None if decision.video is None else state.take_of(decision.video)
    number = f"t{take.number} ({_name(state, decision)})" if take else "?"
    role = f" as {decision.role}" if decision.role else ""
    why = f": {decision.why}" if decision.why else ""
    place = f"{decision.location.file}:{decision.location.line}"
    return f"{place}  {decision.at}  {VERBS[decision.kind]} {shot} {number}: {decision.by}{role}{why}"


def _name(state: ShotState, decision: Decision) -> str:
    take = None if decision.video is None else state.take_of(decision.video)
    return "" if take is None else take.name


def _lack(lacking: list[str]) -> str:
    return "lacks that" if len(lacking) == 1 else "lack that"
