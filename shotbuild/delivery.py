"""What is delivered, judged and handed over: reports → gates, sidecars that say what is in a file, and the package.

Knows nothing of how anything is made. A package is a function of the project, its ledgers and the delivered bytes: no time,
no path of this machine is in it, so that a second one leaves every file as it is.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from shotbuild import __version__
from shotbuild.errors import BytesLost, GateError, PlanError, nearest
from shotbuild.host import files, folders, packing
from shotbuild.host.handover import Handed, Part, hand_over
from shotbuild.media.judge import Verdict, verdicts_of
from shotbuild.plan.choose import Choice
from shotbuild.plan.graph import Link, Plan
from shotbuild.records import Deliverable, Digest, Project, Shot, SourceFile, Take
from shotbuild.records import Sequence as Cut
from shotbuild.rooms import HIDDEN, OUT, Rooms
from shotbuild.spec.events import written
from shotbuild.spec.ledger import FOLDER
from shotbuild.spec.lockfile import differences
from shotbuild.units import rate_text, timecode

SCHEMA = "shotbuild/sidecar/1"
REPORT, PAGE = "report.json", "report.html"
OWN = (OUT, HIDDEN, "specs", FOLDER, "templates", "assets", ".git")
"""Folders of a project into which nothing is handed over."""

Results = Sequence[tuple[Link, Digest]]


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedOver:
    """folder: as it was named; written, kept: paths below it of what was put there, and of what stood there already."""

    folder: Path
    written: tuple[str, ...]
    kept: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """A deliverable and its bytes. link: its file or folder below out/; reports: name of the output → link, bytes."""

    deliverable: Deliverable
    link: Link
    digest: Digest
    reports: Mapping[str, tuple[Link, Digest]]


def step_of(deliverable: Deliverable) -> str:
    """The name of the step that makes a deliverable's file."""
    return f"{deliverable.sequence}/{deliverable.name}"


def called(project: Project, words: Iterable[str], matches: Callable[[str, str], bool]) -> tuple[Deliverable, ...]:
    """The deliverables that some words name: `web`, `opening/web`, or a glob of either. Errors: PlanError."""
    found: dict[str, Deliverable] = {}
    for word in words:
        named = [each for each in project.deliverables if matches(each.name, word) or matches(step_of(each), word)]
        if not named:
            close = nearest(word, [name for each in project.deliverables for name in (each.name, step_of(each))])
            raise PlanError(
                f"no deliverable is called {word[:120]!r}",
                hint=f"write `--only {close}`" if close else "`shotbuild status` lists them",
            )
        found.update((step_of(each), each) for each in named)
    return tuple(found.values())


def delivered(project: Project, results: Results) -> tuple[Delivered, ...]:
    """The deliverables among the results of a build, each with its reports."""
    found: list[Delivered] = []
    for deliverable in project.deliverables:
        name = step_of(deliverable)
        own = next(((link, digest) for link, digest in results if link.step == name), None)
        reports = {link.output: (link, digest) for link, digest in results if link.step == f"{name}/report"}
        if own is not None:
            found.append(Delivered(deliverable=deliverable, link=own[0], digest=own[1], reports=reports))
    return tuple(found)


# --- reports -------------------------------------------------------------------------------------------------------------


def gate(deliverable: Deliverable, found: Iterable[Verdict]) -> GateError | None:
    """What of a report stops a delivery."""
    failed = [each for each in found if each.fails]
    if not failed:
        return None
    remedies = list(dict.fromkeys(each.remedy for each in failed if each.remedy))
    waiving = f"`waive: {{{failed[0].name}: why}}` at the deliverable does without it"
    return GateError(
        f"{step_of(deliverable)} does not keep what its profile {deliverable.profile} asks: "
        + ", ".join(each.name for each in failed),
        location=deliverable.location,
        cause="\n       ".join(f"{each.name}: {each.measured} measured, {each.wanted} wanted" for each in failed),
        hint="; ".join([*remedies, waiving]),
    )


def judged(rooms: Rooms, found: Iterable[Delivered]) -> tuple[tuple[GateError, ...], tuple[str, ...]]:
    """The gates that are closed, and what is waived, in words. Errors: MediaError, BytesLost."""
    gates: list[GateError] = []
    waived: list[str] = []
    for each in found:
        rows = _verdicts(rooms, each)
        closed = gate(each.deliverable, rows)
        gates += [closed] if closed else []
        waived += [
            f"{step_of(each.deliverable)}: {row.name} is {row.measured}, where {row.wanted} is wanted; waived: {row.waived}"
            for row in rows
            if not row.passed and row.waived is not None
        ]
    return tuple(gates), tuple(waived)


def _verdicts(rooms: Rooms, each: Delivered) -> tuple[Verdict, ...]:
    if REPORT not in each.reports:
        return ()
    digest = each.reports[REPORT][1]
    rooms.blobs.verify(digest)
    return verdicts_of(rooms.blobs.path(digest).read_bytes(), step_of(each.deliverable))


# --- what is in a file ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What sidecars are told from. plan: with the takes as they stand now."""

    project: Project
    rooms: Rooms
    plan: Plan

    def sidecar(self, each: Delivered) -> dict[str, object]:
        """The content of `<file>.json`."""
        deliverable, rooms = each.deliverable, self.rooms
        cuts = {cut.name: cut for cut in self.project.sequences}
        cut = cuts[deliverable.sequence]
        parameters = self._parameters(step_of(deliverable))
        shots = {shot.name: shot for shot in self.project.shots}
        rows = [self._shot(shots[name]) for name in shots_in(cut, cuts)]
        members = folders.contents(rooms.blobs.path(each.digest)) if each.link.folder else None
        found = _verdicts(rooms, each)
        rate = parameters.get("rate")
        return {
            "schema": SCHEMA,
            "project": self.project.name,
            "sequence": cut.name,
            "title": cut.title,
            "deliverable": deliverable.name,
            "profile": deliverable.profile,
            "file": each.link.path,
            "bytes": each.digest.size if members is None else sum(digest.size for digest in members.values()),
            "sha256": each.digest.sha256 if members is None else None,
            "files": None
            if members is None
            else [{"file": name, "bytes": digest.size, "sha256": digest.sha256} for name, digest in members.items()],
            "frames": parameters.get("frames"),
            "rate": rate if rate is not None else rate_text(cut.format.rate),
            "timecode": timecode(cut.timecode.at(cut.format.rate), cut.format.rate),
            "captions": list(deliverable.captions),
            "shots": rows,
            "degraded": self._degraded(rows),
            "report": None if not found else self._report(found),
            "made_with": self._tools(),
        }

    def _parameters(self, name: str) -> dict[str, object]:
        """Frames and rate as the step that measures the file knows them, else as the one that makes it does."""
        steps = {step.name: step for step in self.plan.steps}
        mine = [step for step in self.plan.steps if step.name.startswith(f"{name}/") and step.recipe.stage == "measure"]
        found: dict[str, object] = {}
        for step in (*mine, steps[name]):
            for key in ("frames", "rate"):
                value = step.recipe.parameters.get(key)
                if isinstance(value, str | int):
                    found.setdefault(key, value)
        return found

    def _shot(self, shot: Shot) -> dict[str, object]:
        if shot.plate is not None:
            digest = self.rooms.source(SourceFile(path=shot.plate, location=shot.location))
            return {"shot": shot.name, "plate": shot.plate, "sha256": digest.sha256, "take": None}
        choice = self.plan.chosen[shot.name]
        row: dict[str, object] = {"shot": shot.name, "plate": None, "take": None, "chosen": choice.how}
        if choice.take is not None:
            row |= {"sha256": choice.take.video.sha256, "take": _take(choice.take)}
        return row | {
            "decisions": [
                {"kind": said.kind, "by": said.by, "role": said.role, "at": said.at, "why": said.why}
                for said in choice.decisions
            ],
            "approved": _approved(choice),
            "moved_on": list(choice.moved_on),
        }

    def _degraded(self, rows: Iterable[Mapping[str, Any]]) -> list[str]:
        found = []
        for row in rows:
            take = row["take"]
            if take is not None and take["fallback"]:
                found.append(f"{row['shot']} t{take['number']} was made by a fallback of its provider")
            if row.get("moved_on"):
                found.append(f"the spec has moved on from {row['shot']} t{take['number']}")
        return found

    def _report(self, found: Iterable[Verdict]) -> dict[str, object]:
        rows = list(found)
        failed = [row for row in rows if not row.passed]
        return {
            "checked": len(rows),
            "failed": [row.name for row in failed if row.fails],
            "waived": {row.name: row.waived for row in failed if row.waived is not None},
        }

    def _tools(self) -> dict[str, object]:
        tools = self.rooms.tools(self.project)
        lock = self.rooms.read_lock()
        found: dict[str, object] = {
            tool.name: {"version": tool.version, "identity": tool.identity, "architecture": tool.architecture}
            for tool in tools
        }
        if lock is not None:
            now = type(lock)(providers=(), tools=tuple((tool.name, tool) for tool in tools))
            found["lock"] = {"differs": list(differences(lock, now))}
        return {"shotbuild": __version__} | found


def shots_in(cut: Cut, cuts: Mapping[str, Cut]) -> tuple[str, ...]:
    """The shots of a sequence, those of the sequences in it too, in the order in which they come, each once."""
    return tuple(dict.fromkeys(_shots_in(cut, cuts)))


def _shots_in(cut: Cut, cuts: Mapping[str, Cut]) -> Iterator[str]:
    for clip in cut.clips:
        if clip.sequence:
            yield from _shots_in(cuts[clip.sequence], cuts)
        elif clip.shot:
            yield clip.shot
    yield from (overlay.shot for overlay in cut.overlays)


def _take(take: Take) -> dict[str, object]:
    event = written(take)
    asked = event["pin"]["asked"] or {}
    said = event["recipe"]["parameters"]
    return {
        "number": take.number,
        "name": take.name,
        "sha256": take.video.sha256,
        "seed": take.seed,
        "provider": asked.get("provider") or _text(said.get("provider")),
        "model": asked.get("model") or _text(said.get("model")),
        "version": asked.get("version"),
        "prompt": _text(said.get("prompt")),
        "made": take.made,
        "foreign": take.foreign,
        "fallback": take.instead,
    }


def _approved(choice: Choice) -> dict[str, list[str]]:
    """Role → who approved in it; an approval without a role stands under an empty name."""
    found: dict[str, list[str]] = {}
    for said in choice.decisions:
        if said.kind == "approve":
            found.setdefault(said.role or "", []).append(said.by)
    return found


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


# --- handing over ----------------------------------------------------------------------------------------------------------


def check_folder(folder: Path, root: Path) -> Path:
    """Where a package goes, as a whole path. Errors: PlanError for the project's own folders, and for what is no folder."""
    whole = folder.expanduser().resolve()
    own = _own(whole, root)
    if own is not None or whole == root:
        raise PlanError(
            f"{folder} is the project's own{f' {own}/' if own else ' folder'}, and a package stands by itself",
            hint="name a folder outside it, such as `--to ../handover`; `out/` has the same files already",
        )
    if whole.exists() and not whole.is_dir():
        raise PlanError(f"{folder} is a file", hint="name a folder, which is made if it is not there")
    return whole


def package(story: Story, found: Sequence[Delivered], folder: Path, *, force: bool = False) -> HandedOver:
    """Puts deliverables, their reports and sidecars and a checksum list into a folder, each whole or not at all.

    Errors: PlanError for what is in the way; BytesLost; ShotbuildError when it cannot be written."""
    rooms = story.rooms
    whole = check_folder(folder, rooms.root)
    parts: list[Part] = []
    for each in found:
        parts.append(_part(rooms, each.link, each.digest))
        parts += [_part(rooms, link, digest) for link, digest in each.reports.values()]
        text = json.dumps(story.sidecar(each), ensure_ascii=False, indent=2) + "\n"
        parts.append(text_part(f"{each.deliverable.file}.json", text.encode()))
    paths = [part.path.casefold() for part in parts]
    twice = next((path for path in paths if paths.count(path) > 1), None)
    if twice is not None:
        raise PlanError(f"two files of the package would be {twice}", hint="give the deliverables other `file` names")
    handed = put(rooms, whole, parts, force=force)
    return HandedOver(folder=folder, written=handed.written, kept=handed.kept)


def put(rooms: Rooms, folder: Path, parts: Sequence[Part], *, force: bool) -> Handed:
    """Hands parts over, one process of the project at a time. folder: as of `check_folder`.

    Errors: PlanError for a part that would lie in the project's own folders, or in their place; those of `hand_over`."""
    for part in parts:
        _refuse_own(folder, part, rooms.root)
    mark, place = (hashlib.sha256(str(path).encode()).hexdigest()[:12] for path in (rooms.root, folder))
    with files.locked(rooms.folder("locks") / f"handover-{place}.lock"):
        return hand_over(folder, parts, mark, force=force)


def _refuse_own(folder: Path, part: Part, root: Path) -> None:
    """A folder inside the project may be named, such as `frames/`; from outside nothing leads into it."""
    target = (folder / part.path).resolve()
    if root.is_relative_to(target):
        raise PlanError(f"{target} would take the place of the project's folder", hint="name another folder")
    outside = not folder.is_relative_to(root)
    if (outside and target.is_relative_to(root)) or _own(target, root) is not None:
        raise PlanError(f"{folder / part.path} would lie in the project", hint="name another folder")


def _own(path: Path, root: Path) -> str | None:
    """Which of the project's own folders a whole path lies in, also where that is a link."""
    return next(
        (name for name in OWN if path.is_relative_to(root / name) or path.is_relative_to((root / name).resolve())), None
    )


def _part(rooms: Rooms, link: Link, digest: Digest) -> Part:
    if link.folder:
        rooms.blobs.verify(digest)
        stored = rooms.blobs.path(digest)
        return Part(path=link.path, files=folders.contents(stored), fill=partial(_unpack, stored))
    return file_part(rooms, link.path, digest)


def file_part(rooms: Rooms, path: str, digest: Digest) -> Part:
    """A file with these bytes of the store."""
    return Part(path=path, files={"": digest}, fill=partial(_copy, rooms, digest))


def text_part(path: str, content: bytes) -> Part:
    """A file with this content."""
    digest = Digest(sha256=hashlib.sha256(content).hexdigest(), size=len(content))

    def fill(target: Path) -> None:
        target.write_bytes(content)

    return Part(path=path, files={"": digest}, fill=fill)


def _unpack(stored: Path, target: Path) -> None:
    packing.unpack(stored, target)


def _copy(rooms: Rooms, digest: Digest, target: Path) -> None:
    """Bytes as they are read now; damaged ones are set aside, so that the next build makes them again. Errors: BytesLost."""
    if files.copy_hashed(rooms.blobs.path(digest), target) != digest:
        rooms.blobs.verify(digest)
        raise BytesLost(f"bytes {digest.short} were read wrong from the store", hint="check the disk, and deliver again")
