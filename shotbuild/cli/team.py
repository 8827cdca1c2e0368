"""What `shotbuild store` says and does of the store that a team shares: push, pull, and check and sweep with --shared."""

from collections.abc import Callable, Sequence

from shotbuild.cli import console
from shotbuild.cli.making import sample as sample_of
from shotbuild.errors import render
from shotbuild.keeping import care, team, transfer
from shotbuild.keeping.care import Named
from shotbuild.keeping.team import CheckedShared, SweptShared
from shotbuild.keeping.transfer import Needed, Pulled, SentAll
from shotbuild.pushing import told_otherwise
from shotbuild.units import counted, size_text
from shotbuild.workspace import Workspace

Progress = Callable[[str, int, int], None]


def push(workspace: Workspace, targets: Sequence[str], progress: Progress, *, everything: bool, json: bool) -> int:
    """1 = something could not be sent."""
    sent = transfer.push(workspace, targets, everything=everything, progress=progress)
    if json:
        console.document("store-push", _sent(sent))
        return 1 if sent.unsent else 0
    for parcel in sent.sent:
        console.out(f"sent      {parcel.what}")
    for unsent in sent.unsent:
        console.out(f"NOT SENT  {unsent.parcel.what}: {unsent.why or 'it was stopped'}")
    shown = transfer.shared_of(workspace).shown
    if sent.otherwise:
        console.warn(told_otherwise(sent.otherwise, shown))
    console.err(
        f"{counted(len(sent.sent), 'result')} sent to {shown}, {size_text(sent.size)}; {sent.there} there already"
        + (f"; {len(sent.unsent)} not sent" if sent.unsent else "")
    )
    return 1 if sent.unsent else 0


def pull(workspace: Workspace, targets: Sequence[str], progress: Progress, *, takes: bool, json: bool) -> int:
    """1 = something is nowhere."""
    pulled = transfer.pull(workspace, targets, takes=takes, progress=progress)
    if json:
        console.document("store-pull", _pulled(pulled))
        return 1 if pulled.missing else 0
    for each in pulled.brought:
        console.out(f"brought  {each.digest.sha256[:16]}  {each.what}  {size_text(each.digest.size)}")
    for each in pulled.missing:
        console.out(f"missing  {each.digest.sha256[:16]}  {each.what}")
    size = size_text(sum(each.digest.size for each in pulled.brought))
    console.err(f"{counted(len(pulled.brought), 'file')} brought, {size}; {pulled.here} here already")
    if pulled.to_run:
        console.err(f"{counted(pulled.to_run, 'step')} would still be made by a delivery")
    return 1 if pulled.missing else 0


def check(workspace: Workspace, progress: Progress, *, read: bool, sample: str | None, json: bool) -> int:
    """1 = it is not whole."""
    named = care.named_of(workspace)
    checked = team.check(workspace, named, read=read, sample=sample_of(sample), progress=progress)
    if json:
        console.document("store-check-shared", _checked(checked))
    else:
        _print_check(checked, transfer.shared_of(workspace).shown)
    return 0 if checked.whole else 1


def sweep(workspace: Workspace, progress: Progress, *, delete: bool, json: bool) -> int:
    swept = team.sweep(workspace, lambda: care.kept_of(workspace), delete=delete, progress=progress)
    if json:
        console.document("store-sweep-shared", _swept(swept))
        return 0
    size = size_text(sum(digest.size for digest in swept.blobs))
    console.err(
        f"{counted(len(swept.blobs), 'blob')}, {size}, and {counted(len(swept.results), 'result')} "
        f"{'deleted' if delete else 'can go'}; {swept.kept} stay, {size_text(swept.size)}"
    )
    if (swept.blobs or swept.results) and not delete:
        console.err("\nhint: nothing was deleted; `shotbuild store sweep --shared --delete` does it")
    return 0


def _print_check(checked: CheckedShared, shown: str) -> None:
    for word, rows in (
        ("replaced", checked.replaced),
        ("sent", checked.sent),
        ("damaged", checked.damaged),
        ("missing", checked.missing),
    ):
        for row in rows:
            console.out(f"{word:8}  {row.digest.sha256[:16]}  {row.what}")
    for failure in checked.failed:
        console.out(render(failure.error))
    console.out(
        f"{counted(checked.blobs, 'blob')} looked for in {shown}, {size_text(checked.size)}, {checked.read} read: "
        f"{len(checked.damaged)} damaged, {len(checked.missing)} missing, {len(checked.replaced)} replaced, "
        f"{len(checked.sent)} sent"
    )
    if checked.sampled is not None:
        console.out(f"{counted(checked.sampled.made, 'result')} made again, {len(checked.failed)} otherwise")
    if checked.damaged or checked.missing:
        console.err("\nhint: what is not here either can be sent by who has it: `shotbuild store push`")


def _sent(sent: SentAll) -> dict[str, object]:
    return {
        "sent": [parcel.what for parcel in sent.sent],
        "size": sent.size,
        "there": sent.there,
        "unsent": [{"what": each.parcel.what, "why": each.why} for each in sent.unsent],
        "otherwise": [each.parcel.what for each in sent.otherwise],
    }


def _pulled(pulled: Pulled) -> dict[str, object]:
    return {
        "brought": [_fields(each) for each in pulled.brought],
        "here": pulled.here,
        "missing": [_fields(each) for each in pulled.missing],
        "to_run": pulled.to_run,
    }


def _checked(checked: CheckedShared) -> dict[str, object]:
    return {
        "looked_for": checked.blobs,
        "size": checked.size,
        "read": checked.read,
        "damaged": [_fields(each) for each in checked.damaged],
        "missing": [_fields(each) for each in checked.missing],
        "replaced": [_fields(each) for each in checked.replaced],
        "sent": [_fields(each) for each in checked.sent],
        "otherwise": [console.problems(each.error)[0] for each in checked.failed],
    }


def _swept(swept: SweptShared) -> dict[str, object]:
    return {
        "results": list(swept.results),
        "blobs": [{"sha256": each.sha256, "size": each.size} for each in swept.blobs],
        "kept": swept.kept,
        "deleted": swept.deleted,
    }


def _fields(each: Named | Needed) -> dict[str, object]:
    return {"sha256": each.digest.sha256, "size": each.digest.size, "what": each.what}
