"""What a person does on the page → what the command of the same name does (`takes.decide`), said by them, in their role.

Nothing is decided here: what may not be is refused by the same code, in the same words. What comes from outside is checked
for its form first, since nobody typed it."""

from collections.abc import Mapping, Sequence

from shotbuild.errors import PlanError
from shotbuild.records import APPROVE, NOTE, PICK, REJECT, REOPEN
from shotbuild.review.people import Person
from shotbuild.review.scope import Scope
from shotbuild.takes import decide
from shotbuild.takes.decide import Said
from shotbuild.workspace import Workspace

APPROVE_SEQUENCE, ROLL = "approve-sequence", "roll"
DEEDS = (PICK, APPROVE, REJECT, REOPEN, NOTE)
LONGEST = 200


class NotTheirs(PlanError):
    """What was asked for is not there, or is not for this person: they are told the same."""


def done(workspace: Workspace, person: Person, scope: Scope, deed: str, body: Mapping[str, object]) -> list[Said]:
    """deed: one of DEEDS or APPROVE_SEQUENCE; body: `shot`, `take` (sha256 of its bytes), `why`, `frames`, `marks`, `role`,
    `keep`, `heads`; of a sequence: `sequence`, `why`, `role`, `heads`. Errors: those of `takes.decide`; NotTheirs."""
    if deed == APPROVE_SEQUENCE:
        name = _text(body, "sequence")
        if name not in scope.sequences:
            raise NotTheirs(f"there is no sequence {name!r}")
        return decide.approve_sequence(
            workspace, name, by=person.by, role=_role(person, body), why=_why(body), heads=_heads_by_shot(body)
        )
    shot = _text(body, "shot")
    if shot not in scope.shots:
        raise NotTheirs(f"there is no shot {shot!r}")
    words, why, heads = _words(shot, body), _why(body), _heads(shot, body)
    match deed:
        case "pick":
            return decide.pick(workspace, words, by=person.by, why=why, heads=heads)
        case "approve":
            role, keep = _role(person, body), body.get("keep") is True
            return decide.approve(workspace, words, by=person.by, role=role, why=why, keep=keep, heads=heads)
        case "reject":
            frames, marks = _frames(body), _marks(body)
            return decide.reject(workspace, words, by=person.by, why=why, frames=frames, marks=marks, heads=heads)
        case "reopen":
            return decide.reopen(workspace, [shot], by=person.by, why=why, heads=heads)
        case "note":
            frames, marks = _frames(body), _marks(body)
            return decide.note(workspace, words, why or "", by=person.by, frames=frames, marks=marks)
    raise NotTheirs(f"nothing is called {deed!r} here")


def told(said: Sequence[Said]) -> str:
    """What was decided, in a few words."""
    return ", ".join(each.shot if each.take is None else f"{each.shot} t{each.take.number}" for each in said)


# --- what comes from outside ----------------------------------------------------------------------------------------------


def _words(shot: str, body: Mapping[str, object]) -> list[str]:
    take = body.get("take")
    if take is None:
        return [shot]
    if not isinstance(take, str) or len(take) != 64:
        raise _malformed("take", "the sha256 of a take")
    return [f"{shot}@{take}"]


def _text(body: Mapping[str, object], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST:
        raise _malformed(name, "a name")
    return value


def _why(body: Mapping[str, object]) -> str | None:
    value = body.get("why")
    if value is None or isinstance(value, str):
        return value or None
    raise _malformed("why", "a text")


def _role(person: Person, body: Mapping[str, object]) -> str | None:
    """Who was invited as something approves as that."""
    value = body.get("role")
    if value is not None and (not isinstance(value, str) or len(value) > LONGEST):
        raise _malformed("role", "a text")
    if person.role is not None and value not in (None, person.role):
        raise PlanError(f"you were invited as {person.role}, and cannot approve as {value}")
    return person.role or value or None


def _frames(body: Mapping[str, object]) -> tuple[int, int] | None:
    value = body.get("frames")
    match value:
        case None:
            return None
        case [int(first), int(last)] if not isinstance(first, bool) and 0 <= first <= last < 10**9:
            return first, last
    raise _malformed("frames", "two numbers, the first and the last frame")


def _marks(body: Mapping[str, object]) -> tuple[str, ...]:
    return _texts("marks", body.get("marks"))


def _heads(shot: str, body: Mapping[str, object]) -> Mapping[str, tuple[str, ...]] | None:
    value = body.get("heads")
    return None if value is None else {shot: _texts("heads", value)}


def _heads_by_shot(body: Mapping[str, object]) -> Mapping[str, tuple[str, ...]] | None:
    value = body.get("heads")
    if value is None:
        return None
    if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
        raise _malformed("heads", "ids of events by shot")
    return {name: _texts("heads", ids) for name, ids in value.items()}


def _texts(name: str, value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise _malformed(name, "a list of texts")
    return tuple(value)


def _malformed(name: str, wanted: str) -> PlanError:
    return PlanError(f"`{name}` is not {wanted}", hint="load the page again")
