"""`shotbuild why`."""

import textwrap
from pathlib import Path
from typing import Annotated

import typer

from shotbuild.cli import console
from shotbuild.cli.options import JsonOption, ProjectOption
from shotbuild.plan.choose import Choice
from shotbuild.records import APPROVE, PICK, REJECT, RESTORE
from shotbuild.spec.events import recipe_of
from shotbuild.takes.compare import facts_of
from shotbuild.takes.trace import IDENTITY, RESULT, SOURCE, TAKE, Part, Said, Traced, trace
from shotbuild.units import counted
from shotbuild.workspace import open_project

WIDTH = 80
LABEL = 10
LONGEST = 200
VERBS = {APPROVE: "approved", PICK: "picked", REJECT: "rejected", RESTORE: "restored"}


def command(
    file: Annotated[
        Path, typer.Argument(help="A file under out/, or one that came back from somebody.", show_default=False)
    ],
    project: ProjectOption = Path(),
    json: JsonOption = False,
) -> int:
    found = trace(open_project(project, console.warn), file)
    if json:
        console.document("why", _content(found))
        return 0
    for line in textwrap.wrap(f"{found.file.name} {_sentence(found)}", WIDTH):
        console.out(line)
    console.out(f"sha256 {found.digest.sha256}")
    for part in found.parts:
        console.out("")
        _print(part)
    if found.more:
        console.out(f"\nand {counted(found.more, 'shot')} more, for which its metadata had no room")
    return 0


def _sentence(found: Traced) -> str:
    if found.way == TAKE:
        return "is a take, byte for byte"
    if found.way == SOURCE:
        return f"is {found.source} of the project: {', '.join(found.uses)}"
    if found.way == RESULT:
        when = "as the plan of today has it" if found.today else "as it was last built; today's plan has changed since"
        what = f"what step {found.step} made"
        if found.deliverable is not None:
            what = f"deliverable {found.sequence}/{found.deliverable}"
        elif found.path is not None:
            what = f"shot {'/'.join(dict.fromkeys(part.shot for part in found.parts))}, finished by step {found.step}"
        return f"is {what}, {when}" + (f" (out/{found.path})" if found.path is not None else "")
    holds = all(part.holds for part in found.parts) and not found.more
    return (
        f"is of sequence {found.sequence} of project {found.project}, as its metadata say. No result that is known here has "
        f"these bytes: it was wrapped or encoded anew, or comes from another build. "
        + ("Every take in it is in the cut of today." if holds else "Not every take in it is in the cut of today.")
    )


def _print(part: Part) -> None:
    take = part.take
    if take is None:
        console.out(f"{part.shot}  {part.plate or part.sha256[:16]}")
        _row("today", _today(part))
        return
    facts, said = facts_of(take), recipe_of(take).parameters
    console.out(f"{part.shot} t{take.number}  {take.name}" + (f"  on {part.ref}" if part.ref is not None else ""))
    prompt = said.get("prompt")
    _row("prompt", prompt if isinstance(prompt, str) else "unknown")
    model = " ".join(word for word in (facts.provider, facts.model, facts.version) if word)
    _row("seed", _short(facts.seed) or "unknown")
    _row("model", _short(model) or "unknown")
    _row(
        "made",
        f"{'elsewhere, and imported ' if take.foreign else ''}{take.made}"
        + (f", operation {facts.operation}" if facts.operation else ""),
    )
    for each in part.said:
        _row(VERBS[each.decision.kind], _decision(each))
    if not part.said:
        _row("said", "nobody approved or picked it")
    _row("today", _today(part))


def _decision(said: Said) -> str:
    decision = said.decision
    role = f" as {decision.role}" if decision.role else ""
    why = f": {decision.why}" if decision.why else ""
    return f"{decision.at} by {decision.by}{role}{why}" + ("" if said.holds else " (holds no longer)")


def _today(part: Part) -> str:
    cut = f"; in {', '.join(part.sequences)}" if part.sequences else "; in no sequence"
    if part.plate is not None:
        return f"it is the plate of {part.shot}{cut}"
    if part.take is None and part.now is None and part.sequences:
        return f"no ledger has it, and no file that the project names; {part.shot} has other bytes today"
    if part.take is None:
        return "no ledger has it, and no file that the project names"
    if part.now is None:
        return f"the project has no such shot any more as {part.shot}"
    if part.now.conflict:
        return f"decisions on {part.shot} contradict each other: `shotbuild lint` names them{cut}"
    if part.holds:
        stale = ", though the spec has moved on" if part.now.stale else ""
        return f"it stands for {part.shot} ({part.now.how}{stale}){cut}"
    return f"{_instead(part.now)}{cut}"


def _instead(now: Choice) -> str:
    if now.take is None:
        return f"nothing stands for {now.shot}; a build makes a take"
    return f"{now.shot} is t{now.take.number} ({now.take.name}) instead, {now.how}"


def _short(text: str) -> str:
    """What somebody else's recipe says may be of any length."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _row(label: str, text: str) -> None:
    lines = textwrap.wrap(text, WIDTH - 4 - LABEL) or [""]
    for index, line in enumerate(lines):
        console.out(f"    {label if index == 0 else '':<{LABEL}}{line}")


def _content(found: Traced) -> dict[str, object]:
    return {
        "file": str(found.file),
        "sha256": found.digest.sha256,
        "size": found.digest.size,
        "way": found.way,
        "same_bytes": found.way != IDENTITY,
        "project": found.project,
        "sequence": found.sequence,
        "deliverable": found.deliverable,
        "step": found.step,
        "path": None if found.path is None else f"out/{found.path}",
        "today": found.today if found.way == RESULT else None,
        "source": found.source,
        "uses": list(found.uses),
        "shots": [_part(part) for part in found.parts],
        "more": found.more,
    }


def _part(part: Part) -> dict[str, object]:
    now = part.now
    return {
        "shot": part.shot,
        "sha256": part.sha256,
        "plate": part.plate,
        "take": _take(part),
        "ref": part.ref,
        "said": [_said(each) for each in part.said],
        "holds": part.holds,
        "today": None
        if now is None
        else {
            "how": now.how,
            "take": None if now.take is None else now.take.name,
            "number": None if now.take is None else now.take.number,
            "stale": now.stale,
            "differs": list(now.moved_on),
        },
        "sequences": list(part.sequences),
    }


def _take(part: Part) -> dict[str, object] | None:
    take = part.take
    if take is None:
        return None
    facts, prompt = facts_of(take), recipe_of(take).parameters.get("prompt")
    return {
        "name": take.name,
        "number": take.number,
        "foreign": take.foreign,
        "made": take.made,
        "prompt": prompt if isinstance(prompt, str) else None,
        "seed": take.seed,
        "provider": facts.provider or None,
        "model": facts.model or None,
        "version": facts.version or None,
        "operation": facts.operation or None,
        "record": None if take.record is None else take.record.sha256,
    }


def _said(said: Said) -> dict[str, object]:
    decision = said.decision
    return {
        "kind": decision.kind,
        "by": decision.by,
        "role": decision.role,
        "at": decision.at,
        "why": decision.why,
        "frames": None if decision.frames is None else list(decision.frames),
        "marks": list(decision.marks),
        "holds": said.holds,
    }
