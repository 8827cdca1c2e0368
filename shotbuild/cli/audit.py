"""`shotbuild audit`: what the lock pins, how strongly and until when, and where the bytes of approved takes lie."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from shotbuild.cli import console
from shotbuild.cli.columns import table
from shotbuild.cli.options import JsonOption, ProjectOption
from shotbuild.errors import PlanError
from shotbuild.records import Pin, Tool
from shotbuild.takes.audit import Audit, AuditedPin, AuditedTake, AuditedTool, Where, audit
from shotbuild.units import counted, parse_days
from shotbuild.workspace import Workspace, open_project

SHORT = 8
"""Characters of a digest."""


def command(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help="Shots, globs, sequences, `tag:x`: whose approved takes are shown. Nothing = all.", show_default=False
        ),
    ] = None,
    project: ProjectOption = Path(),
    within: Annotated[
        str | None,
        typer.Option(
            "--within", help="Exit 3 when a pin in use ends so soon, or has ended: `60d`, `8w`.", show_default=False
        ),
    ] = None,
    json: JsonOption = False,
) -> int:
    limit = _days(within)
    return shown(open_project(project, console.warn), names or [], limit, datetime.now(UTC).date(), json=json)


def shown(workspace: Workspace, names: Sequence[str], limit: int | None, today: date, *, json: bool) -> int:
    """limit: days within which a pin in use may not end. Gives the exit code."""
    found = audit(workspace, names, today=today)
    ending = () if limit is None else found.ending(limit)
    if json:
        content = _content(found) | {"date": today.isoformat(), "within": limit, "ending": [pin.name for pin in ending]}
        console.document("audit", content)
    else:
        _print(found)
        for pin in ending:
            console.err(f"ends: {pin.name}: {_until(pin)}" + (f"; {pin.notes}" if pin.notes else ""))
    return 3 if ending else 0


def _days(text: str | None) -> int | None:
    try:
        return None if text is None else parse_days(text)
    except ValueError as error:
        raise PlanError(f"--within {text!r} is not {error}") from error


def _print(found: Audit) -> None:
    if found.pins:
        table(
            ("pin", "provider", "model", "version", "strength", "end", "read", "state"),
            [_pin_cells(pin) for pin in found.pins],
            shrink={"strength": 12, "version": SHORT, "model": 12},
            drop=("read", "model", "provider"),
            tails=("model",),
        )
        console.out("")
    unread = [(pin.name, field, why) for pin in found.pins for field, why in pin.unread]
    if unread:
        console.table(unread, ("pin", "not read", "why"))
        console.out("")
    console.table([_tool_cells(tool) for tool in found.tools], ("tool", "version", "build", "state"))
    console.out("")
    if found.takes:
        table(
            ("take", "approved by", "made with", "video", "record", "state"),
            [_take_cells(take) for take in found.takes],
            shrink={"approved by": 12, "made with": 16},
            drop=("approved by", "made with"),
        )
        console.out("")
    if any(take.vanished for take in found.takes):
        console.out("an approved take of a pin that is not offered any more still delivers: its bytes are what counts")
    console.out("no server was asked and no weights were read: `shotbuild lock` does that")
    if found.shared is None:
        console.out("the project has no shared store: what is here has no other place unless somebody made a copy")
    console.out(_summary(found))


# --- cells ----------------------------------------------------------------------------------------------------------------


def _pin_cells(pin: AuditedPin) -> dict[str, str]:
    return {
        "pin": pin.name,
        "provider": pin.pin.provider,
        "model": pin.pin.model,
        "version": _version(pin.pin),
        "strength": "" if pin.strength is None else pin.strength.value,
        "end": _until(pin),
        "read": "" if pin.read is None else f"{pin.read} of {pin.read + len(pin.unread)}",
        "state": "; ".join(_pin_state(pin)),
    }


def _pin_state(pin: AuditedPin) -> list[str]:
    words = ["pinned" if pin.locked else "not in the lock"]
    words += [] if pin.used else ["nothing uses it"]
    return words + ([] if pin.vanished is None else [pin.vanished])


def _until(pin: AuditedPin) -> str:
    if pin.ends is None or pin.days is None:
        return ""
    if pin.days < 0:
        return f"{pin.ends}, {counted(-pin.days, 'day')} ago"
    return f"{pin.ends}, in {counted(pin.days, 'day')}" if pin.days else f"{pin.ends}, today"


def _version(pin: Pin) -> str:
    return pin.version.removeprefix("sha256:")[:SHORT] if pin.version.startswith("sha256:") else pin.version


def _tool_cells(tool: AuditedTool) -> tuple[str, ...]:
    there = tool.locked or tool.now
    assert there is not None, "it is in one of the two"
    return tool.name, there.version, there.identity[:SHORT], _tool_state(tool)


def _tool_state(tool: AuditedTool) -> str:
    if tool.locked is None:
        return "not in the lock"
    if tool.now is None:
        return "pinned; nothing uses it"
    if tool.now.identity == tool.locked.identity:
        return "pinned"
    return f"pinned; {tool.now.version} ({tool.now.identity[:SHORT]}) is here"


def _take_cells(take: AuditedTake) -> dict[str, str]:
    pin = take.pin
    return {
        "take": f"{take.take.shot} t{take.take.number}",
        "approved by": " + ".join(dict.fromkeys(each.by.partition(" <")[0] or each.by for each in take.approvals)),
        "made with": "elsewhere" if pin is None else f"{pin.provider} {pin.model} {_version(pin)}",
        "video": take.video.value,
        "record": "none" if take.record is None else take.record.value,
        "state": take.vanished or "",
    }


def _summary(found: Audit) -> str:
    used = [pin for pin in found.pins if pin.used]
    pins = [
        (sum(not pin.locked for pin in used), "not in the lock"),
        (sum(pin.vanished is not None for pin in used), "not what is offered"),
        (sum(pin.ends is not None for pin in used), "with an end date"),
        (sum(bool(pin.unread) for pin in used), "not read in full"),
    ]
    takes = [(_lying(found.takes, where), where.value) for where in Where]
    takes += [(sum(take.vanished is not None for take in found.takes), "of a pin that is not offered any more")]
    more = f"; {counted(len(found.pins) - len(used), 'more pin')} in the lock" if len(found.pins) > len(used) else ""
    there = "" if found.locked else "there is no lock yet; "
    return (
        f"{there}{_told(len(used), 'pin')} in use{_parts(pins)}{more}; "
        f"{_told(len(found.takes), 'approved take')}{_parts(takes)}"
    )


def _told(count: int, noun: str) -> str:
    return counted(count, noun) if count else f"no {noun}"


def _parts(parts: Sequence[tuple[int, str]]) -> str:
    said = [f"{count} {words}" for count, words in parts if count]
    return f" ({', '.join(said)})" if said else ""


def _lying(takes: Sequence[AuditedTake], where: Where) -> int:
    return sum(take.video is where for take in takes)


# --- for machines ---------------------------------------------------------------------------------------------------------


def _content(found: Audit) -> dict[str, Any]:
    return {
        "lock": found.locked,
        "shared_store": found.shared,
        "pins": [_pin_content(pin) for pin in found.pins],
        "tools": [
            {"name": tool.name, "locked": _tool_content(tool.locked), "now": _tool_content(tool.now)} for tool in found.tools
        ],
        "takes": [_take_content(take) for take in found.takes],
    }


def _pin_content(pin: AuditedPin) -> dict[str, Any]:
    return {
        "name": pin.name,
        **_pin_fields(pin.pin),
        "used": pin.used,
        "locked": pin.locked,
        "vanished": pin.vanished,
        "strength": None if pin.strength is None else pin.strength.name.lower(),
        "ends": None if pin.ends is None else pin.ends.isoformat(),
        "days": pin.days,
        "read": pin.read,
        "unread": dict(pin.unread),
        "notes": pin.notes,
    }


def _pin_fields(pin: Pin | None) -> dict[str, str | None]:
    if pin is None:
        return {"provider": None, "model": None, "version": None}
    return {"provider": pin.provider, "model": pin.model, "version": pin.version}


def _tool_content(tool: Tool | None) -> dict[str, str] | None:
    if tool is None:
        return None
    return {"version": tool.version, "identity": tool.identity, "architecture": tool.architecture}


def _take_content(take: AuditedTake) -> dict[str, Any]:
    return {
        "shot": take.take.shot,
        "number": take.take.number,
        "name": take.take.name,
        "approved_by": [{"by": each.by, "role": each.role, "at": each.at} for each in take.approvals],
        **_pin_fields(take.pin),
        "vanished": take.vanished,
        "video": take.take.video.sha256,
        "video_where": take.video.name.lower(),
        "record": None if take.take.record is None else take.take.record.sha256,
        "record_where": None if take.record is None else take.record.name.lower(),
    }
