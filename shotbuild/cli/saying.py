"""What the commands share that write a decision: how frames are read and how what was said is shown."""

import re

from shotbuild.cli import console
from shotbuild.errors import PlanError
from shotbuild.records import APPROVE, NOTE, PICK, REJECT, REOPEN
from shotbuild.takes.decide import Said
from shotbuild.units import counted

VERBS = {PICK: "picked", APPROVE: "approved", REJECT: "rejected", REOPEN: "reopened", NOTE: "noted"}


def told(said: list[Said], *, json: bool) -> int:
    """Prints a line for each decision; gives the exit code."""
    if json:
        console.document("decisions", {"decisions": [_content(each) for each in said]})
        return 0
    for each in said:
        decision = each.decision
        role = f" as {decision.role}" if decision.role else ""
        why = f": {decision.why}" if decision.why else ""
        marks = f", {counted(len(decision.marks), 'mark')}" if decision.marks else ""
        keep = ", to keep as it is" if decision.kept else ""
        console.out(f"{_subject(each)} {VERBS[decision.kind]} by {decision.by}{role}{keep}{marks}{why}")
        before = each.before
        if decision.kind in (PICK, APPROVE) and before.take is not None and before.take.video.sha256 != decision.video:
            console.err(f"note: until now {each.shot} was t{before.take.number} ({before.how})")
        if decision.kind == REJECT and before.take is not None and before.take.video.sha256 == decision.video:
            console.err(f"note: it stood for {each.shot} ({before.how}); `shotbuild plan {each.shot}` says what does now")
    return 0


def frames_of(text: str | None) -> tuple[int, int] | None:
    """`12` or `12-40`, from 0, both ends included. Errors: PlanError."""
    if text is None:
        return None
    found = re.fullmatch(r"([0-9]{1,9})(?:-([0-9]{1,9}))?", text)
    if found is None or int(found[2] or found[1]) < int(found[1]):
        raise PlanError(f"--frames {text[:80]!r} is no range of frames", hint="write `--frames 12` or `--frames 12-40`")
    return int(found[1]), int(found[2] or found[1])


def _subject(each: Said) -> str:
    return each.shot if each.take is None else f"{each.shot} t{each.take.number} ({each.take.name})"


def _content(each: Said) -> dict[str, object]:
    decision = each.decision
    return {
        "shot": each.shot,
        "kind": decision.kind,
        "take": None if each.take is None else each.take.name,
        "number": None if each.take is None else each.take.number,
        "by": decision.by,
        "role": decision.role,
        "why": decision.why,
        "frames": None if decision.frames is None else list(decision.frames),
        "marks": list(decision.marks),
        "kept": decision.kept is not None,
        "at": decision.at,
    }
