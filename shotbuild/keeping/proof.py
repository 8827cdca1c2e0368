"""Proves that an archive is whole and delivers: its checksums, then a delivery from a copy that generates nothing."""

import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from shotbuild.built import BuildOptions
from shotbuild.digest import of_file
from shotbuild.engine.events import Event
from shotbuild.errors import ShotbuildError, SpecErrors, StoreError
from shotbuild.keeping.archive import ABOUT, Content, read_about
from shotbuild.keeping.crate import Contents, unpack
from shotbuild.rooms import OUT
from shotbuild.workspace import Workspace

SAME, OTHER_TOOLS, DIFFERENT, NOT_RECORDED = "same", "other-tools", "different", "not-recorded"
Opened = Callable[[Path, Callable[[Event], None]], Workspace]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """One file that was delivered from the archive. path: below its project; sha256: of what came out here; recorded: what
    came out where it was packed, None = it was not made there.

    verdict: SAME bytes; OTHER_TOOLS: other bytes, made with other tools; DIFFERENT: other bytes with the same tools;
    NOT_RECORDED. tools: names of those that differ.
    """

    name: str
    path: str
    sha256: str
    recorded: str | None
    verdict: str
    tools: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What a delivery from the archive came to. failures: what went wrong; ran, generated: how many steps; lock: how the
    pins of this machine differ from the lock, a sentence each."""

    delivered: tuple[Delivered, ...]
    failures: tuple[ShotbuildError, ...]
    ran: int
    generated: int
    lock: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What is known of an archive now. content: of its ARCHIVE.json; delivery: None when the checksums alone were looked
    at, or did not match."""

    path: Path
    content: Content
    contents: Contents
    delivery: Delivery | None

    @property
    def exit_code(self) -> int:
        """0: all is well; 1: files do not match, or it does not deliver; 3: other bytes although the tools are the same."""
        if not self.contents.whole:
            return 1
        if self.delivery is None:
            return 0
        if self.delivery.failures or self.delivery.generated:
            return 1
        return 3 if any(each.verdict == DIFFERENT for each in self.delivery.delivered) else 0

    def about(self, path: str) -> str:
        """A file of the archive for people: a blob by the take that it is."""
        rows = self.content["takes"]
        for row in rows if isinstance(rows, list) else ():
            if isinstance(row, dict):
                for key, what in (("video", ""), ("record", "record of ")):
                    if path.endswith(f"/{row.get(key)}"):
                        return f"{path} ({what}{row.get('shot')} t{row.get('number')})"
        return path


def opened(folder: Path, hear: Callable[[Event], None]) -> Workspace:
    return Workspace(folder, hear)


def prove(
    path: Path,
    *,
    quick: bool = False,
    hear: Callable[[Event], None] = lambda _: None,
    open_copy: Opened = opened,
    cancel: threading.Event | None = None,
) -> Proof:
    """Looks at an archive, which stays as it is. quick: at its checksums only; hear: told of the delivery; open_copy:
    opens the project in the temporary folder.

    Errors: PlanError when there is none; StoreError when it is no archive, hostile, or its end is lost.
    """
    if quick:
        contents = unpack(path, None, (ABOUT,))
        return Proof(path=path, content=_content(contents), contents=contents, delivery=None)
    with tempfile.TemporaryDirectory(prefix="shotbuild-") as name:
        folder = Path(name) / "project"
        folder.mkdir()
        contents = unpack(path, folder, (ABOUT,))
        content = _content(contents)
        delivery = _deliver(folder, content, hear, open_copy, cancel) if contents.whole else None
    return Proof(path=path, content=content, contents=contents, delivery=delivery)


def _content(contents: Contents) -> Content:
    if ABOUT not in contents.texts:
        raise StoreError(f"there is no {ABOUT} in the archive", hint="fetch another copy")
    return read_about(contents.texts[ABOUT])


def _deliver(
    folder: Path, content: Content, hear: Callable[[Event], None], open_copy: Opened, cancel: threading.Event | None
) -> Delivery:
    try:
        workspace = open_copy(folder, hear)
        _, lock = workspace.lock(look=False)
        names = [each.name for each in workspace.project.deliverables if each.sequence == content["sequence"]]
        built = workspace.deliver([f"{content['sequence']}/{name}" for name in names], BuildOptions(kept_only=True), cancel)
        tools = {tool.name: tool.identity for tool in workspace.rooms.tools(workspace.project)}
        links = {link.step: link.path for link in workspace.whole.links if link.path in built.present}
    except ShotbuildError as error:
        several = error.errors if isinstance(error, SpecErrors) else (error,)
        return Delivery(delivered=(), failures=several, ran=0, generated=0, lock=())
    recorded = content["deliverables"] if isinstance(content["deliverables"], dict) else {}
    paths = {name: links.get(f"{content['sequence']}/{name}") for name in (*names, *recorded)}
    failures = [failure.error for failure in built.failed]
    lacking = [name for name, path in paths.items() if path is None]
    if lacking and not failures:
        failures.append(StoreError(f"{', '.join(lacking)} did not come out of the archive"))
    return Delivery(
        delivered=tuple(
            _delivered(folder, name, f"{OUT}/{path}", recorded.get(name), tools) for name, path in paths.items() if path
        ),
        failures=tuple(failures),
        ran=len(built.ran),
        generated=len(built.generated),
        lock=lock,
    )


def _delivered(folder: Path, name: str, path: str, kept: object, tools: Mapping[str, str]) -> Delivered:
    """kept: what ARCHIVE.json says of it."""
    sha256 = of_file(folder / path).sha256
    row = kept if isinstance(kept, dict) else {}
    recorded, made_with = row.get("sha256"), row.get("tools")
    with_tools = made_with if isinstance(made_with, dict) else {}
    others = tuple(sorted(tool for tool, identity in tools.items() if with_tools.get(tool) != identity))
    if not isinstance(recorded, str):
        verdict, recorded, others = NOT_RECORDED, None, ()
    elif recorded == sha256:
        verdict = SAME
    else:
        verdict = OTHER_TOOLS if others else DIFFERENT
    return Delivered(name=name, path=path, sha256=sha256, recorded=recorded, verdict=verdict, tools=others)
