"""A sequence in one file or folder: specs, assets, ledgers, lock and takes, so that another machine delivers it offline.

What is packed is a project that shotbuild opens as any other, with two files more: ARCHIVE.json says what it is, and
CHECKSUMS.sha256 is the list of its files for `sha256sum -c`. The same state of a project gives the same bytes.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from shotbuild import __version__
from shotbuild.digest import canonical
from shotbuild.errors import PlanError, StoreError, nearest
from shotbuild.keeping.crate import Item, is_tar, pack
from shotbuild.plan.gates import disputed
from shotbuild.records import Project, Sequence, Shot, SourceFile, Take
from shotbuild.spec.events import written
from shotbuild.spec.kinds import NAME
from shotbuild.spec.ledger import FOLDER, SUFFIX
from shotbuild.spec.lockfile import FILE as LOCK_FILE
from shotbuild.spec.plain import parse_plain
from shotbuild.spec.tree import SPECS
from shotbuild.units import counted
from shotbuild.workspace import Workspace

ABOUT = "ARCHIVE.json"
SCHEMA = "shotbuild/archive/1"
FFMPEG = "ffmpeg"
BESIDE = (LOCK_FILE, ".gitattributes", ".gitignore")
Content = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Archived:
    """What was packed. path: where; files, bytes: without the list of checksums; content: of ARCHIVE.json.

    undecided: shots whose take nobody picked or approved, so that it stands only where the same tools are."""

    path: Path
    files: int
    bytes: int
    content: Content
    undecided: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Packed:
    """The takes of a sequence. standing: shot → the take that it is; takes: all that are packed; absent: those whose
    bytes, or whose record, are not in the store."""

    standing: dict[str, Take]
    takes: tuple[Take, ...]
    absent: tuple[Take, ...]


def archive(
    workspace: Workspace, sequence: str, to: Path | None = None, *, chosen: bool = False, force: bool = False
) -> Archived:
    """Packs a sequence. to: a folder, or a file by its ending, None = `<project>-<sequence>.tar` in the current folder;
    chosen: only the takes that stand; force: replaces an archive.

    Errors: PlanError when a shot has no take yet, or something is in the way; StoreError when bytes of a take that stands
    are missing, or any are damaged; NeedsPerson for decisions that contradict each other. Then nothing is written.
    """
    named, project = _sequence(workspace.project, sequence), workspace.project
    target = (to or Path(f"{project.name}-{sequence}.tar")).absolute()
    packed = _takes(workspace, named, chosen=chosen)
    content = _about(workspace, named, packed)
    items = [*_sources(workspace), *_blobs(workspace, packed)]
    items.append(Item(path=ABOUT, content=(canonical(content) + "\n").encode()))
    _refuse_own_files(workspace, target, items)
    found = pack(items, target, force=force, is_ours=_is_archive)
    decided = {shot for shot, choice in workspace.whole.chosen.items() if choice.stands is None}
    return Archived(
        path=target,
        files=len(found),
        bytes=sum(digest.size for digest in found.values()),
        content=content,
        undecided=tuple(shot for shot in packed.standing if shot not in decided),
    )


def read_about(text: bytes) -> Content:
    """ARCHIVE.json → what it says. Errors: StoreError when it is not what this version writes."""
    try:
        content = parse_plain(text.decode())
    except ValueError as error:
        raise StoreError(f"{ABOUT} cannot be read", cause=str(error), hint="fetch another copy") from error
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        schema = content.get("schema") if isinstance(content, dict) else None
        raise StoreError(f"{ABOUT} is of another version", cause=f"its schema is {schema!r}, this version reads {SCHEMA!r}")
    named = [content.get(key) for key in ("project", "sequence")]
    if not all(isinstance(name, str) and re.fullmatch(NAME, name) for name in named) or not all(
        isinstance(content.get(key), kind) for key, kind in (("deliverables", dict), ("takes", list), ("absent", list))
    ):
        raise StoreError(f"{ABOUT} lacks a field, or one is of the wrong kind", hint="fetch another copy")
    return content


# --- which takes ------------------------------------------------------------------------------------------------------


def _sequence(project: Project, name: str) -> Sequence:
    found = next((each for each in project.sequences if each.name == name), None)
    if found is None:
        names = [each.name for each in project.sequences]
        close = nearest(name, names)
        hint = f"write `{close}`" if close else f"the sequences are {', '.join(names)}" if names else "write one in specs/"
        raise PlanError(f"no sequence is called {name[:80]!r}", hint=hint)
    if not any(each.sequence == name for each in project.deliverables):
        raise PlanError(
            f"sequence {name} has no deliverable",
            cause="an archive is there to be delivered",
            hint="write one in specs/: `deliverables: {web: {sequence: …, profile: h264-web}}`",
        )
    return found


def _takes(workspace: Workspace, sequence: Sequence, *, chosen: bool) -> _Packed:
    shots = {shot.name: shot for shot in workspace.project.shots}
    chosen_of, has = workspace.whole.chosen, workspace.rooms.blobs.has
    needed = _needed(workspace, sequence, shots)
    related = _chain([clip.shot for clip in sequence.clips], lambda name: shots[name].continues)
    contradiction = disputed(chosen_of[name] for name in needed)
    if contradiction is not None:
        raise contradiction
    standing = {name: take for name in needed if (take := chosen_of[name].take) is not None}
    missing = [name for name in needed if name not in standing]
    if missing:
        raise PlanError(
            f"{', '.join(missing)} {'has' if len(missing) == 1 else 'have'} no take of what the spec asks for now",
            cause="an archive holds what was made; it generates nothing",
            hint=f"run `shotbuild build {sequence.name}` first",
        )
    if chosen:
        wanted = list(standing.values())
    else:
        made = [take for name in related if name in chosen_of for take in chosen_of[name].state.takes]
        wanted = _with_sources([*standing.values(), *made], workspace)
    lost = [take for take in standing.values() if not has(take.video)]
    if lost:
        raise StoreError(
            f"the bytes of {counted(len(lost), 'take')} that stand in {sequence.name} are not in the store",
            cause="\n       ".join(f"{take.shot} t{take.number}: sha256 {take.video.sha256}" for take in lost),
            hint="bring them from a copy of the store: `shotbuild store check --from FOLDER`",
        )
    takes = {take.id: take for take in wanted if has(take.video)}
    absent = {take.id: take for take in wanted if not has(take.video) or (take.record and not has(take.record))}
    for take in absent.values():
        what = "record" if has(take.video) else "video"
        workspace.rooms.warn(f"the {what} of {take.shot} t{take.number} is not in the store, so it is not in the archive")
    return _Packed(standing=standing, takes=_ordered(takes.values()), absent=_ordered(absent.values()))


def _needed(workspace: Workspace, sequence: Sequence, shots: dict[str, Shot]) -> list[str]:
    """The generated shots whose takes a delivery reads: a take that nobody chose is found by what it continues from."""
    chosen = workspace.whole.chosen

    def before(name: str) -> str | None:
        return shots[name].continues if name in chosen and chosen[name].stands is not None else None

    return [name for name in _chain([clip.shot for clip in sequence.clips], before) if name in chosen]


def _chain(names: Iterable[str], before: Callable[[str], str | None]) -> list[str]:
    found: dict[str, None] = {}
    for name in names:
        each: str | None = name
        while each is not None and each not in found:
            found[each] = None
            each = before(each)
    return sorted(found)


def _with_sources(takes: list[Take], workspace: Workspace) -> list[Take]:
    """The takes, and those on whose last frame they start, whatever shot has them."""
    of_video: dict[str, list[Take]] = {}
    for choice in workspace.whole.choices:
        for take in choice.state.takes:
            of_video.setdefault(take.video.sha256, []).append(take)
    found: dict[str, Take] = {}
    waiting = list(takes)
    while waiting:
        take = waiting.pop()
        if take.id not in found:
            found[take.id] = take
            waiting += of_video.get(str(written(take)["continues"]), ())
    return list(found.values())


def _ordered(takes: Iterable[Take]) -> tuple[Take, ...]:
    return tuple(sorted(takes, key=lambda take: (take.shot, take.number, take.id)))


# --- what goes in -----------------------------------------------------------------------------------------------------


def _sources(workspace: Workspace) -> list[Item]:
    """Everything that Git keeps and a build reads: specs, templates, what they refer to, lock and all ledgers."""
    project, rooms = workspace.project, workspace.rooms
    paths = set(project.files)
    for shot in project.shots:
        paths |= {reference.path for reference in shot.references} | ({shot.plate} if shot.plate else set())
    paths |= {track.file for sequence in project.sequences for track in sequence.audio}
    read = (origin for step in workspace.whole.steps for _, origin in step.inputs)
    paths |= {origin.path for origin in read if isinstance(origin, SourceFile)}
    paths |= set(_ledgers(rooms.inside(FOLDER)))
    paths |= {name for name in BESIDE if rooms.inside(name).is_file()}
    if LOCK_FILE not in paths:
        raise PlanError(
            f"there is no {LOCK_FILE}",
            cause="without it nobody can tell which tools the archive was made with",
            hint="run `shotbuild build`, or `shotbuild lock --update`",
        )
    return [Item(path=path, content=rooms.inside(path)) for path in sorted(paths)]


def _ledgers(folder: Path) -> Iterator[str]:
    """Also those of names that no shot has any more: what moved since began there."""
    for path in sorted(folder.glob(f"*{SUFFIX}")) if folder.is_dir() else ():
        if re.fullmatch(NAME, path.name.removesuffix(SUFFIX)) and path.is_file():
            yield f"{FOLDER}/{path.name}"


def _blobs(workspace: Workspace, packed: _Packed) -> list[Item]:
    """Where the store has them, so that what is unpacked is a store."""
    blobs, root = workspace.rooms.blobs, workspace.rooms.root
    items: dict[str, Item] = {}
    for take in packed.takes:
        for digest, what in ((take.video, ""), (take.record, "record of ")):
            if digest is not None and blobs.has(digest):
                place = blobs.path(digest)
                path = place.relative_to(root).as_posix()
                items[path] = Item(path=path, content=place, digest=digest, about=f"{what}{take.shot} t{take.number}")
    return list(items.values())


def _about(workspace: Workspace, sequence: Sequence, packed: _Packed) -> Content:
    lock = workspace.rooms.read_lock()
    ffmpeg = None if lock is None else dict(lock.tools).get(FFMPEG)
    stands = {take.id for take in packed.standing.values()}
    return {
        "schema": SCHEMA,
        "project": workspace.project.name,
        "sequence": sequence.name,
        "shotbuild": __version__,
        "ffmpeg": None if ffmpeg is None else ffmpeg.identity,
        "takes": [
            {
                "shot": take.shot,
                "number": take.number,
                "name": take.name,
                "video": take.video.sha256,
                "size": take.video.size,
                "record": None if take.record is None else take.record.sha256,
                "stands": take.id in stands,
            }
            for take in packed.takes
        ],
        "absent": [take.name for take in packed.absent],
        "deliverables": _deliverables(workspace, sequence),
    }


def _deliverables(workspace: Workspace, sequence: Sequence) -> Content:
    """Of each deliverable: where it goes, and when it is made and up to date, its bytes and the tools that made them."""
    names = {f"{sequence.name}/{each.name}": each.name for each in workspace.project.deliverables}
    planned = workspace.plan([name for name in names if name in {step.name for step in workspace.whole.steps}])
    links = {link.step: link for link in planned.links}
    tools = {tool.name: tool.identity for tool in workspace.rooms.tools(workspace.project)}
    found: Content = {}
    for line in planned.lines:
        if line.step.name in names and line.step.name in links:
            link = links[line.step.name]
            made = line.result and line.result.output(link.output).sha256
            found[names[line.step.name]] = {
                "path": f"out/{link.path}",
                "sha256": made,
                "tools": tools if made else None,
            }
    return found


# --- where it goes ----------------------------------------------------------------------------------------------------


def _refuse_own_files(workspace: Workspace, target: Path, items: Iterable[Item]) -> None:
    """Errors: PlanError when the archive would take the place of what it packs, or its specs would be read as ours."""
    root, place = workspace.rooms.root, target.resolve()
    packed = {item.content.resolve() for item in items if isinstance(item.content, Path)}
    swallowed = place == root or place in root.parents or place in packed
    if swallowed or (not is_tar(target) and place.is_relative_to(root / SPECS)):
        raise PlanError(f"an archive cannot stand at {target}", cause="it is a place of the project's own files")


def _is_archive(folder: Path) -> bool:
    try:
        read_about((folder / ABOUT).read_bytes())
    except (OSError, StoreError):
        return False
    return True
