"""`shotbuild review`: serves the review page; `invite`, `invites` and `revoke`: who else may come in."""

import gc
import os
import sys
import time
import webbrowser
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from shotbuild.cli import console
from shotbuild.cli.interrupts import terminable
from shotbuild.cli.options import By, JsonOption, ProjectOption
from shotbuild.errors import PlanError, nearest
from shotbuild.host.loopback import on_loopback
from shotbuild.plugins import load
from shotbuild.review.people import DEEDS, RIGHTS, ROLL, USUAL, Person
from shotbuild.takes import decide
from shotbuild.units import parse_days
from shotbuild.workspace import Workspace, open_project

HERE = "127.0.0.1"
FOLDER = "review"
DAY_SECONDS = 86400
MOST_DAYS = 365
EVERY = ",".join(RIGHTS)

commands = typer.Typer(
    invoke_without_command=True, add_completion=False, rich_markup_mode=None, help="Serve the page; invite others to it."
)


@commands.callback()
def command(
    _context: typer.Context,
    project: ProjectOption = Path(),
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Where to listen; a free one when not given.", show_default=False)
    ] = 0,
    listen: Annotated[str, typer.Option("--listen", help="The address to listen on; beyond this machine, with TLS.")] = HERE,
    host_name: Annotated[
        list[str] | None,
        typer.Option(
            "--host-name",
            help="A name that it answers under, `review.studio.example`; `https://…` when a proxy in front speaks TLS.",
            show_default=False,
        ),
    ] = None,
    tls_cert: Annotated[
        Path | None, typer.Option("--tls-cert", help="The certificate, with its chain, in PEM.", show_default=False)
    ] = None,
    tls_key: Annotated[Path | None, typer.Option("--tls-key", help="Its key, in PEM.", show_default=False)] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Listen beyond this machine without TLS, in a network of your own.")
    ] = False,
    read_only: Annotated[bool, typer.Option("--read-only", help="Nobody can decide anything.")] = False,
    by: By = None,
    role: Annotated[str | None, typer.Option("--role", help="In which role you approve.", show_default=False)] = None,
    no_open: Annotated[bool, typer.Option("--no-open", help="Do not open it in a browser.")] = False,
    json: JsonOption = False,
) -> int:
    workspace = open_project(project, console.warn)
    if tls_key is not None and tls_cert is None:
        raise PlanError("--tls-key goes with a certificate", hint="give --tls-cert as well")
    _check_role(workspace, role)
    who = "" if read_only and by is None else decide.person(workspace, by)
    owner = Person(by=who, role=role, may=DEEDS)
    folder = workspace.rooms.folder(FOLDER)
    wanted = _part("front:Wanted")(
        listen=listen,
        port=port,
        names=host_name or (),
        certificate=tls_cert,
        key=tls_key,
        insecure=insecure,
        read_only=read_only,
    )
    links = _part("links:Links")(folder, _warn)
    gc.enable()  # what is loaded here lives for days
    with _part("site:opened")(workspace.rooms.root, _warn) as site, terminable():
        front = _part("front:Front")(site, owner, links, folder, wanted, tell=console.err, failed=_bug(project))
        try:
            _tell(front, json=json, opens=not no_open)
            front.serve()
        except KeyboardInterrupt:
            console.err("the page is closed")
            return 130
        finally:
            front.close()
    return 0


@commands.command("invite", help="Make a link for somebody: as whom, to see what, to do what, until when.")
def invite(
    name: Annotated[str, typer.Argument(help="Who it is: `Cleo <client@brand.example>`.", show_default=False)],
    project: ProjectOption = Path(),
    role: Annotated[
        str | None, typer.Option("--role", help="In which role they approve, such as `client`.", show_default=False)
    ] = None,
    sequence: Annotated[
        list[str] | None, typer.Option("--sequence", help="They see it, and its shots; repeatable.", show_default=False)
    ] = None,
    shot: Annotated[list[str] | None, typer.Option("--shot", help="They see it; repeatable.", show_default=False)] = None,
    everything: Annotated[bool, typer.Option("--everything", help="They see the whole project, and what it cost.")] = False,
    expires: Annotated[str, typer.Option("--expires", help="How long it holds: `7d`, `2w`.")] = "7d",
    may: Annotated[
        str | None,
        typer.Option("--may", help=f"Of {EVERY}; `note,pick,approve,reject` when not given.", show_default=False),
    ] = None,
    read_only: Annotated[bool, typer.Option("--read-only", help="They only look.")] = False,
    address: Annotated[
        str | None,
        typer.Option(
            "--address", help="Where they reach the page, `https://review.studio.example`; else of the server that runs.",
            show_default=False,
        ),
    ] = None,
    json: JsonOption = False,
) -> int:  # fmt: skip
    workspace = open_project(project, console.warn)
    _check_role(workspace, role)
    _check_scope(workspace, sequence or [], shot or [], everything=everything)
    folder = workspace.rooms.folder(FOLDER)
    place = _address(address) if address is not None else _running(folder)
    made, token = _part("links:Links")(folder, _warn).invite(
        decide.person(workspace, name),
        role=role,
        may=_rights(may, read_only=read_only),
        sequences=tuple(dict.fromkeys(sequence or [])),
        shots=tuple(dict.fromkeys(shot or [])),
        seconds=_days(expires) * DAY_SECONDS,
    )
    link = f"{place}/enter/{token}"
    if json:
        console.document("review-invite", _fields(made) | {"link": link})
    else:
        console.out(link)
    host = urlsplit(place).hostname or ""
    if on_loopback(host):
        _warn("this link opens on this machine alone; --address says where others reach the page")
    elif place.startswith("http://"):
        _warn("without TLS, whoever is on the way can read this link and use it")
    console.err(f"{made.id}: {made.by}, until {_time(made.until)}; who has the link is let in: send it to nobody else")
    return 0


@commands.command("invites", help="List who was invited, to what, and until when.")
def invites(project: ProjectOption = Path(), json: JsonOption = False) -> int:
    rows = _links(project).listed()
    if json:
        console.document("review-invites", {"invites": [_fields(row) for row in rows]})
        return 0
    shown = [[row.id, row.by, row.role or "", _sees(row), _may(row), _time(row.until), _state(row)] for row in rows]
    if shown:
        console.table(shown, ("id", "who", "role", "sees", "may", "until", "state"))
    else:
        console.err("nobody was invited")
    return 0


@commands.command("revoke", help="End a link at once, also for who is in by it.")
def revoke(
    name: Annotated[str, typer.Argument(metavar="ID", help="As `review invites` shows it.", show_default=False)],
    project: ProjectOption = Path(),
    json: JsonOption = False,
) -> int:
    ended = _links(project).revoke(name)
    if json:
        console.document("review-revoke", _fields(ended))
    else:
        console.out(f"{ended.id}: {ended.by} is not let in any more")
    return 0


# --- pieces ---------------------------------------------------------------------------------------------------------------


def _part(name: str) -> Any:
    """Something of the room that needs the extra. Errors: PlanError when it is not installed."""
    for library in ("itsdangerous", "starlette", "uvicorn"):
        try:
            import_module(library)
        except ImportError as error:
            raise PlanError(
                f"the review page needs {library}", cause=str(error), hint="pip install 'shotbuild[review]'"
            ) from error
    return load(f"shotbuild.review.{name}", "the review page")


def _links(project: Path) -> Any:
    return _part("links:Links")(open_project(project, console.warn).rooms.folder(FOLDER), _warn)


def _tell(front: Any, *, json: bool, opens: bool) -> None:
    address = f"{front.address}/enter/{front.entrance.token}"
    if json:
        console.line({"schema": "shotbuild/review/1", "address": address, "port": front.port})
    else:
        console.tell(address)
    if opens and not json and sys.stdout.isatty() and _has_display():
        # What a program is called with is seen by all who work on this machine: this one opens the page once.
        webbrowser.open(f"{front.address}/enter/{front.entrance.once()}")


def _has_display() -> bool:
    return sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _bug(project: Path) -> Any:
    def failed(trace: str) -> None:
        log = console.write_log(trace, project)
        console.err(f"error: this is a bug in shotbuild\ncause: {trace.strip().splitlines()[-1]}\n\nhint: the log is {log}")

    return failed


def _warn(message: str) -> None:
    console.err(f"warning: {message}")


def _running(folder: Path) -> str:
    found: str | None = _part("beacon:seen")(folder)
    if found is None:
        raise PlanError(
            "it is not known where the page is reached",
            cause="no server runs for this project",
            hint="start `shotbuild review`, or say --address https://review.studio.example",
        )
    return found


def _address(text: str) -> str:
    """Errors: PlanError."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.query or parts.username:
        raise PlanError(
            f"{text[:80]!r} is no address of a page", hint="write `--address https://review.studio.example:8443`"
        )
    return f"{parts.scheme}://{parts.netloc}"


def _check_role(workspace: Workspace, role: str | None) -> None:
    known = workspace.project.approvals
    if role is not None and known and role not in known:
        raise PlanError(
            f"{role[:80]!r} is not one of the roles that approve here",
            cause=f"`approvals` in shotbuild.yaml: {', '.join(known)}",
            hint=f"write `--role {nearest(role, known) or known[0]}`",
        )


def _check_scope(workspace: Workspace, sequences: Sequence[str], shots: Sequence[str], *, everything: bool) -> None:
    if everything and (sequences or shots):
        raise PlanError("--everything goes without --sequence and --shot")
    if not everything and not sequences and not shots:
        raise PlanError("it is not said what the link shows", hint="name a --sequence or a --shot, or say --everything")
    _check_names("sequence", sequences, [each.name for each in workspace.project.sequences])
    _check_names("shot", shots, [each.name for each in workspace.project.shots])


def _check_names(what: str, names: Sequence[str], known: Sequence[str]) -> None:
    wrong = next((name for name in names if name not in known), None)
    if wrong is not None:
        close = nearest(wrong, known)
        raise PlanError(f"there is no {what} {wrong[:80]!r}", hint=f"did you mean {close!r}?" if close else None)


def _rights(text: str | None, *, read_only: bool) -> tuple[str, ...]:
    if text is None:
        return () if read_only else tuple(right for right in RIGHTS if right in USUAL)
    if read_only:
        raise PlanError("--read-only goes without --may")
    found = [word.strip() for word in text.split(",") if word.strip()]
    wrong = next((word for word in found if word not in RIGHTS), None)
    if wrong is not None or not found:
        raise PlanError(f"--may {wrong or text!r} is nothing that one may do", hint=f"name some of {', '.join(RIGHTS)}")
    if ROLL in found:
        _warn("who may roll spends money, within the budget of the project")
    return tuple(right for right in RIGHTS if right in found)


def _days(text: str) -> int:
    try:
        days = parse_days(text)
    except ValueError as error:
        raise PlanError(f"--expires {text[:40]!r} is not {error}") from error
    if not 1 <= days <= MOST_DAYS:
        raise PlanError(f"--expires {text} is not from 1 to {MOST_DAYS} days")
    return days


def _fields(invite: Any) -> dict[str, object]:
    return {
        "id": invite.id,
        "by": invite.by,
        "role": invite.role,
        "may": list(invite.may),
        "sequences": list(invite.sequences),
        "shots": list(invite.shots),
        "until": _time(invite.until),
        "state": _state(invite),
    }


def _sees(invite: Any) -> str:
    return ", ".join((*invite.sequences, *invite.shots)) or "everything"


def _may(invite: Any) -> str:
    return ", ".join(invite.may) or "look"


def _state(invite: Any) -> str:
    if invite.revoked:
        return "revoked"
    return "ended" if invite.until <= time.time() else "valid"


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
