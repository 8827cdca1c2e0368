"""`shotbuild archive SEQUENCE`, and `shotbuild archive verify PATH`."""

import threading
from pathlib import Path
from typing import Annotated

import typer

from shotbuild.cli import console
from shotbuild.cli.display import Plain
from shotbuild.cli.interrupts import terminable
from shotbuild.cli.options import JsonOption, ProjectOption
from shotbuild.engine.events import Event, Failed, Linked
from shotbuild.errors import PlanError, ShotbuildError, render
from shotbuild.keeping.archive import Archived, archive
from shotbuild.keeping.proof import DIFFERENT, NOT_RECORDED, OTHER_TOOLS, SAME, Delivered, Delivery, Proof, prove
from shotbuild.units import counted
from shotbuild.workspace import open_project

VERIFY = "verify"
SHOWN = 20
VERDICTS = {
    SAME: "the same bytes as where it was packed",
    OTHER_TOOLS: "other bytes, because {tools} differ{s} here",
    DIFFERENT: "OTHER BYTES, although the tools are the same",
    NOT_RECORDED: "delivered; what came out where it was packed is not recorded",
}


def command(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="SEQUENCE | verify PATH",
            help="A sequence to pack; or `verify` and an archive to prove. `verify` alone is a sequence of that name.",
            show_default=False,
        ),
    ],
    project: ProjectOption = Path(),
    to: Annotated[
        Path | None,
        typer.Option(
            "--to",
            help="Where: one file if it ends in .tar, .tar.gz or .tgz, else a folder. "
            "`<project>-<sequence>.tar` in the current folder when not given.",
            show_default=False,
        ),
    ] = None,
    chosen: Annotated[bool, typer.Option("--chosen", help="Pack only the takes that stand for the shots.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an archive that is there.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="verify: look at the checksums only, deliver nothing.")] = False,
    json: JsonOption = False,
) -> int:
    if words[0] == VERIFY and len(words) == 2:
        _refuse({"--to": to is not None, "--chosen": chosen, "--force": force}, "archive verify PATH")
        return _verify(Path(words[1]), quick=quick, json=json)
    if len(words) != 1:
        raise PlanError(
            f"one sequence is wanted, not {' '.join(words)[:80]!r}",
            hint="write `shotbuild archive SEQUENCE`, or `shotbuild archive verify PATH`",
        )
    _refuse({"--quick": quick}, "archive SEQUENCE")
    with terminable():
        archived = archive(open_project(project, console.warn), words[0], to, chosen=chosen, force=force)
    return _packed(archived, json=json)


def _refuse(given: dict[str, bool], usage: str) -> None:
    for name, is_given in given.items():
        if is_given:
            raise PlanError(f"`{usage}` takes no {name}", hint="`shotbuild archive --help` lists what it takes")


def _packed(archived: Archived, *, json: bool) -> int:
    if archived.undecided:
        console.err(
            f"note: nobody picked or approved the take of {', '.join(archived.undecided)}; where the tools are others, "
            "a take that depends on them counts as not made: `shotbuild approve` fixes it for every machine"
        )
    if json:
        content = _document(archived.path, archived.content, archived.files, archived.bytes)
        console.document("archive", content | {"proof": None})
        return 0
    console.out(str(archived.path))
    takes = _rows(archived.content, "takes")
    console.err(f"{counted(archived.files, 'file')}, {counted(len(takes), 'take')}, {archived.bytes / 1e6:.1f} MB")
    console.err(f"`shotbuild archive verify {archived.path.name}` proves it on any machine")
    return 0


def _verify(path: Path, *, quick: bool, json: bool) -> int:
    with terminable():
        proof = prove(path, quick=quick, hear=_hear, cancel=threading.Event())
    if json:
        content = _document(proof.path.absolute(), proof.content, len(proof.contents.found), proof.contents.bytes)
        console.document("archive", content | {"proof": _proof(proof)})
        return proof.exit_code
    _tell_files(proof)
    if proof.delivery is not None:
        _tell_delivery(proof.delivery)
    elif proof.contents.whole:
        console.out("delivery: not tried (--quick)")
    return proof.exit_code


def _hear(event: Event) -> None:
    """What fails is told at the end, and where files go for a moment is nobody's concern."""
    if not isinstance(event, Failed | Linked):
        Plain().hear(event)


def _tell_files(proof: Proof) -> None:
    contents = proof.contents
    for what, names in (("damaged", contents.damaged), ("missing", contents.missing), ("extra", contents.extra)):
        for name in names[:SHOWN]:
            console.out(f"{what}: {proof.about(name)}")
        if len(names) > SHOWN:
            console.out(f"{what}: {len(names) - SHOWN} more")
    if contents.whole:
        found = counted(len(contents.found), "file")
        console.out(f"checksums: {found}, {contents.bytes / 1e6:.1f} MB: every byte is there, and nothing else")
    else:
        console.err("the archive is not what was packed, so nothing was delivered from it: fetch another copy")


def _tell_delivery(delivery: Delivery) -> None:
    for sentence in delivery.lock:
        console.err(f"note: {sentence}")
    for failure in delivery.failures:
        console.err(render(failure))
    for each in delivery.delivered:
        console.out(f"{each.path}: {_verdict(each)}")
    console.out(f"delivery: {delivery.ran} ran, {delivery.generated} of them generated, {len(delivery.failures)} failed")
    if delivery.failures and delivery.lock:
        console.err("hint: takes that nobody picked or approved may count as not made where the tools are others")


def _verdict(each: Delivered) -> str:
    return VERDICTS[each.verdict].format(tools=" and ".join(each.tools), s="s" if len(each.tools) == 1 else "")


def _document(path: Path, content: dict[str, object], files: int, size: int) -> dict[str, object]:
    return {key: value for key, value in content.items() if key != "schema"} | {
        "path": str(path), "files": files, "bytes": size,
    }  # fmt: skip


def _proof(proof: Proof) -> dict[str, object]:
    contents, delivery = proof.contents, proof.delivery
    failures: list[ShotbuildError] = [] if delivery is None else list(delivery.failures)
    return {
        "holds": proof.exit_code == 0,
        "damaged": list(contents.damaged),
        "missing": list(contents.missing),
        "extra": list(contents.extra),
        "delivered": None
        if delivery is None
        else [
            {
                "name": each.name,
                "path": each.path,
                "sha256": each.sha256,
                "recorded": each.recorded,
                "verdict": each.verdict,
                "tools": list(each.tools),
            }
            for each in delivery.delivered
        ],
        "ran": None if delivery is None else delivery.ran,
        "generated": None if delivery is None else delivery.generated,
        "lock": None if delivery is None else list(delivery.lock),
        "failures": [problem for failure in failures for problem in console.problems(failure)],
    }


def _rows(content: dict[str, object], key: str) -> list[object]:
    rows = content[key]
    return rows if isinstance(rows, list) else []
