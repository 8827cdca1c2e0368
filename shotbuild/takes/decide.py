"""What people say of takes, written into the ledgers: pick, approve, reject, reopen, note. Each checks before it writes.

`heads` of each: shot → ids of the heads of its ledger that the person was looking at. When others have said something of
such a shot since, nothing is written, and `Unseen` says what. None = whoever speaks last is heard.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from shotbuild.errors import GateError, Location, PlanError, nearest
from shotbuild.host import git
from shotbuild.ledgers import Seen, clock
from shotbuild.plan.choose import APPROVED, PICKED, Choice
from shotbuild.plan.gates import disputed
from shotbuild.records import APPROVE, NOTE, PICK, REJECT, REOPEN, Decision, Take, shots_of
from shotbuild.spec.events import whole
from shotbuild.spec.marks import EXAMPLE, MOST_MARKS, wrong_with
from shotbuild.takes.names import NUMBER, Meant, meant, shots_meant, taken
from shotbuild.units import counted
from shotbuild.workspace import Workspace

LONGEST = 10_000
NOTHING_KEPT: Mapping[str, str] = {}
HERE = Location(file="", line=1, column=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A decision as it was written. take: None when it is about the shot; before: what stood for the shot until now."""

    shot: str
    take: Take | None
    decision: Decision
    before: Choice


def pick(
    workspace: Workspace,
    words: Sequence[str],
    *,
    by: str | None = None,
    why: str | None = None,
    heads: Seen | None = None,
) -> list[Said]:
    """Puts a take into every cut of its shot. Errors: GateError while another take is approved."""
    found = _one_each(_taken(workspace, words))
    for shot, take in found:
        before = workspace.chosen[shot]
        dispute = disputed([before])
        if dispute is not None:
            raise dispute
        approved = before.state.approvals
        if approved and any(each.video != take.video.sha256 for each in approved):
            raise GateError(
                f"{_called(before)} is approved, so a pick would not change the cut",
                cause=", ".join(f"{each.by} on {each.at}" for each in approved),
                hint=f"`shotbuild reopen {shot}` first, or approve the other take",
            )
    return _say(workspace, found, _new(workspace, PICK, by, why), heads)


def approve(
    workspace: Workspace,
    words: Sequence[str],
    *,
    by: str | None = None,
    role: str | None = None,
    why: str | None = None,
    keep: bool = False,
    heads: Seen | None = None,
) -> list[Said]:
    """Fixes the bytes of a take for its shot. role: in which someone approves; keep: knowing that the spec has moved on, so
    that the take is not called stale until it moves again."""
    _check_role(role, workspace.project.approvals)
    decision = _new(workspace, APPROVE, by, why, role=role)
    _remind_of_role(workspace, role)
    found = _one_each(_taken(workspace, words))
    kept: dict[str, str] = {}
    for shot, take in found:
        _remind_of_bytes(workspace, shot, take)
        if keep:
            kept[shot] = workspace.chosen[shot].asked
            if not kept[shot]:
                raise PlanError(
                    f"what {shot} asks for is not known yet, because the shot that it continues is still to be made",
                    hint="build that one first, then say --keep",
                )
    return _say(workspace, found, decision, heads, kept)


def approve_sequence(
    workspace: Workspace,
    name: str,
    *,
    by: str | None = None,
    role: str | None = None,
    why: str | None = None,
    heads: Seen | None = None,
) -> list[Said]:
    """Approves what stands for each generated shot that a sequence shows, itself or nested. What is approved in this role
    already is left alone. Errors: GateError with each shot that is not decided, and nothing is written; PlanError when
    there is no such sequence, or nothing left to approve in it."""
    sequences = {each.name: each for each in workspace.project.sequences}
    if name not in sequences:
        close = nearest(name, list(sequences))
        raise PlanError(
            f"there is no sequence {name[:80]!r}",
            hint=f"write `{close}`" if close else "`shotbuild status` lists them",
        )
    _check_role(role, workspace.project.approvals)
    decision = _new(workspace, APPROVE, by, why, role=role)
    inside = shots_of(sequences[name], sequences)
    shots = [shot.name for shot in workspace.project.shots if shot.name in inside and shot.plate is None]
    if not shots:
        raise PlanError(f"{name} shows no shot that takes are made of, so there is nothing to approve")
    workspace.look_again(shots)
    chosen = [workspace.chosen[shot] for shot in shots]
    lacking = [f"{choice.shot}: {lack}" for choice in chosen if (lack := _undecided(choice)) is not None]
    if lacking:
        raise GateError(
            f"{len(lacking)} of {counted(len(shots), 'shot')} of {name} "
            f"{'is' if len(lacking) == 1 else 'are'} not decided yet, so nothing was approved",
            cause="\n       ".join(lacking),
            hint="`shotbuild pick SHOT tN` decides one; `shotbuild takes` lists them",
        )
    _remind_of_role(workspace, role)
    found: list[tuple[str, Take | None]] = []
    for choice in chosen:
        assert choice.take is not None, "what is decided is a take"
        if role not in {each.role for each in choice.decisions if each.kind == APPROVE}:
            _remind_of_bytes(workspace, choice.shot, choice.take)
            found.append((choice.shot, choice.take))
    if not found:
        raise PlanError(f"every shot of {name} is approved{f' as {role}' if role else ''} already")
    # What was seen to be decided is so still when it is written, also where nobody says what they looked at.
    seen = {choice.shot: choice.state.heads for choice in chosen} | dict(heads or {})
    return _say(workspace, found, decision, seen, concerned=shots)


def reject(
    workspace: Workspace,
    words: Sequence[str],
    *,
    why: str | None,
    by: str | None = None,
    frames: tuple[int, int] | None = None,
    marks: Sequence[str] = (),
    heads: Seen | None = None,
) -> list[Said]:
    """Takes a take out of the choice. frames: where it is wrong, from 0; marks: drawn there, as `spec.marks` reads them."""
    if not (why or "").strip():
        raise PlanError(
            "a rejection needs a reason", hint='say it: `shotbuild reject sh010 t3 --why "the hand has six fingers"`'
        )
    _check_marks(marks, frames)
    found = _taken(workspace, words)
    for shot, take in found:
        _check_frames(shot, take, frames)
    return _say(workspace, found, _new(workspace, REJECT, by, why, frames=frames, marks=marks), heads)


def reopen(
    workspace: Workspace,
    words: Sequence[str],
    *,
    by: str | None = None,
    why: str | None = None,
    heads: Seen | None = None,
) -> list[Said]:
    """Lets a shot change again: approvals and picks no longer hold. Errors: PlanError when there are none."""
    if not words:
        raise PlanError("no shot is named", hint="write `shotbuild reopen sh010`")
    named = shots_meant(workspace, words)
    found = [shot for shot in named if workspace.chosen[shot].state.approvals or workspace.chosen[shot].state.picks]
    left = [shot for shot in named if shot not in found and shot in words]
    if left or not found:
        raise PlanError(f"no take of {', '.join(left or named)} is approved or picked, so there is nothing to reopen")
    return _say(workspace, [(shot, None) for shot in found], _new(workspace, REOPEN, by, why), heads)


def note(
    workspace: Workspace,
    words: Sequence[str],
    text: str,
    *,
    by: str | None = None,
    frames: tuple[int, int] | None = None,
    marks: Sequence[str] = (),
    heads: Seen | None = None,
) -> list[Said]:
    """Keeps a remark on a take, or on a shot when no take was named. frames: which ones it is about, from 0; marks: drawn
    there, as `spec.marks` reads them."""
    if not text.strip() or NUMBER.fullmatch(text.strip()):
        raise PlanError("a note needs a text", hint='say it: `shotbuild note sh010 t3 "the light is too warm"`')
    _check_marks(marks, frames)
    found = [(one.shot, one.take if one.exact or frames is not None else None) for one in _named(workspace, words)]
    for shot, take in found:
        if take is None and frames is not None:
            raise PlanError(f"shot {shot} has no take yet, so there are no frames to point at")
        if take is not None:
            _check_frames(shot, take, frames)
    return _say(workspace, found, _new(workspace, NOTE, by, text, frames=frames, marks=marks), heads)


def person(workspace: Workspace, by: str | None) -> str:
    """Who speaks: as given, else as Git's configuration has it. Errors: PlanError when nobody is named."""
    if by is None:
        known = git.identity(workspace.rooms.root)
        if known is None:
            raise PlanError(
                "nobody says this: Git's configuration names no person",
                hint='add `--by "Ann Lee <ann@studio.example>"`, or run `git config user.name` and `git config user.email`',
            )
        by = f"{known[0]} <{known[1]}>" if known[1] else known[0]
    _check_text(by)
    if not by.strip() or "\n" in by or len(by) > 500:
        raise PlanError(f"{by[:80]!r} is no person", hint='write `--by "Ann Lee <ann@studio.example>"`')
    return by.strip()


def _named(workspace: Workspace, words: Sequence[str]) -> list[Meant]:
    if not words:
        raise PlanError("no take is named", hint="write `sh010 t3`; `shotbuild takes` lists them")
    return meant(workspace, words)


def _taken(workspace: Workspace, words: Sequence[str]) -> list[tuple[str, Take]]:
    """Shots with the takes that are meant; a shot alone means the take that stands for it, if that is beyond dispute."""
    found = _named(workspace, words)
    for one in found:
        if not one.exact:
            dispute = disputed([workspace.chosen[one.shot]])
            if dispute is not None:
                raise dispute
    return [(one.shot, taken(one)) for one in found]


def _one_each(found: list[tuple[str, Take]]) -> list[tuple[str, Take]]:
    """Errors: PlanError when two takes of one shot are to stand for it."""
    shots = [shot for shot, _ in found]
    twice = next((shot for shot in shots if shots.count(shot) > 1), None)
    if twice is not None:
        raise PlanError(f"one take can stand for {twice}, and several were named", hint="name one of them")
    return found


def _say(
    workspace: Workspace,
    about: Sequence[tuple[str, Take | None]],
    decision: Decision,
    heads: Seen | None = None,
    kept: Mapping[str, str] = NOTHING_KEPT,
    concerned: Sequence[str] = (),
) -> list[Said]:
    """heads: what the person was looking at, so that nothing that others said meanwhile is passed over; kept: shot → the
    request in spite of which its take stays; concerned: more shots of which nobody may have said anything meanwhile."""
    ledgers = workspace.rooms.ledgers
    before = {shot: workspace.chosen[shot] for shot, _ in about}  # asked later, it would know what is written now
    ledgers.enter_moves()
    said = [
        Said(
            shot=shot,
            take=take,
            decision=replace(decision, video=None if take is None else take.video.sha256, kept=kept.get(shot)),
            before=before[shot],
        )
        for shot, take in about
    ]
    ledgers.decide_all([(each.shot, each.decision) for each in said], heads or {}, concerned)
    return said


def _undecided(choice: Choice) -> str | None:
    """What a shot lacks to be decided; None when somebody picked or approved what stands, and nothing speaks against it."""
    if choice.conflict:
        return "its decisions contradict each other"
    if choice.how in (APPROVED, PICKED):
        return f"t{choice.take.number} was {choice.how} before the spec moved on" if choice.take and choice.stale else None
    if choice.take is not None:
        return f"nobody picked or approved t{choice.take.number}, which stands"
    takes = choice.state.takes
    if takes and all(take.video.sha256 in choice.state.rejected for take in takes):
        return "all its takes are rejected"
    return "it has no take" + (" of what the spec asks for now" if takes else " yet")


def _remind_of_role(workspace: Workspace, role: str | None) -> None:
    roles = workspace.project.approvals
    if role is None and roles:
        workspace.rooms.warn(f"no role was given: `deliver --strict` asks for an approval as {', '.join(roles)}")


def _remind_of_bytes(workspace: Workspace, shot: str, take: Take) -> None:
    if not workspace.rooms.blobs.has(take.video):
        workspace.rooms.warn(f"the bytes of {shot} t{take.number} ({take.name}) are not in this store")


def _new(
    workspace: Workspace,
    kind: str,
    by: str | None,
    why: str | None,
    *,
    role: str | None = None,
    frames: tuple[int, int] | None = None,
    marks: Sequence[str] = (),
) -> Decision:
    """A decision about nothing yet; what it follows is found out when it is written."""
    if why is not None and len(why) > LONGEST:
        raise PlanError(f"a reason of {len(why)} characters is too long", hint=f"say it in {LONGEST}")
    for word in (why, role):
        _check_text(word)
    who = person(workspace, by)
    return Decision(
        id="", after=(), kind=kind, by=who, role=role, why=why, frames=frames, marks=tuple(marks), at=clock(), location=HERE
    )


def _check_text(text: str | None) -> None:
    """Errors: PlanError for what was no text in the terminal's encoding: a ledger is UTF-8."""
    try:
        (text or "").encode()
    except UnicodeEncodeError as error:
        raise PlanError(f"{text!r:.120} is not readable text", hint="say it in UTF-8") from error


def _check_role(role: str | None, known: tuple[str, ...]) -> None:
    if role is None or not known or role in known:
        return
    close = nearest(role, known)
    raise PlanError(
        f"{role[:80]!r} is not one of the roles that approve here",
        cause=f"`approvals` in shotbuild.yaml: {', '.join(known)}",
        hint=f"write `--role {close or known[0]}`",
    )


def _check_marks(marks: Sequence[str], frames: tuple[int, int] | None) -> None:
    """Errors: PlanError for what cannot be drawn, and for marks on no frame."""
    if marks and frames is None:
        raise PlanError("a mark is drawn on a frame, and none is named", hint=f'say which: `--frames 12 --mark "{EXAMPLE}"`')
    if len(marks) > MOST_MARKS:
        raise PlanError(f"{len(marks)} marks are too many", hint=f"{MOST_MARKS} at once are the most")
    for mark in marks:
        wrong = wrong_with(mark)
        if wrong is not None:
            raise PlanError(f"{mark[:80]!r} is no mark", cause=wrong, hint=f'write `--mark "{EXAMPLE}"`')


def _check_frames(shot: str, take: Take, frames: tuple[int, int] | None) -> None:
    count = next((stream.frames for stream in whole(take).streams if stream.kind == "video"), None)
    if frames is not None and count is not None and frames[1] >= count:
        raise PlanError(f"{shot} t{take.number} has no frame {frames[1]}", cause=f"it has {count} frames, 0 to {count - 1}")


def _called(choice: Choice) -> str:
    return choice.shot if choice.take is None else f"{choice.shot} t{choice.take.number}"
