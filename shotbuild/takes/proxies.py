"""What pages show of takes and plates: a small film, a contact sheet, a still. Steps beside the plan, one for each film's
bytes: cached like all else, made when somebody looks or when a build is told to, never an input of anything."""

import json
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from shotbuild.built import BuildOptions, Built
from shotbuild.errors import Location, ShotbuildError
from shotbuild.records import Chosen, Digest, Fields, Recipe, SourceFile, Step
from shotbuild.stages.catalogue import STAGES
from shotbuild.workspace import Workspace

PROXY, SHEET, FINDINGS, THUMBNAIL = "proxy.mp4", "sheet.jpg", "findings.json", "thumbnail.jpg"
FILM, STILL = "proxy", "thumbnail"
KINDS: Mapping[str, tuple[str, ...]] = {FILM: (PROXY, SHEET, FINDINGS), STILL: (THUMBNAIL,)}
"""Stage → its outputs."""
NOWHERE = Location(file="", line=1, column=1)
HERE = BuildOptions()
COMMAND = "proxies"


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What there is of a film, by name of the output."""

    outputs: tuple[tuple[str, Digest], ...]

    def output(self, name: str) -> Digest | None:
        """None while it is not made."""
        return dict(self.outputs).get(name)


def kind_of(output: str) -> str:
    """The stage that makes an output."""
    return next(kind for kind, outputs in KINDS.items() if output in outputs)


def known(workspace: Workspace, videos: Iterable[Digest], kinds: Sequence[str] = tuple(KINDS)) -> dict[str, Made]:
    """What was made of some films, by their sha256; looked up all together."""
    found: dict[str, tuple[tuple[str, Digest], ...]] = {video.sha256: () for video in videos}
    steps = _steps(workspace, videos, kinds)
    results = workspace.look_beside(steps)
    for step in steps:
        if step.name in results:
            video = step.name.rpartition("/")[2]
            found[video] = (*found[video], *results[step.name].outputs)
    return {video: Made(outputs=outputs) for video, outputs in found.items()}


def make(
    workspace: Workspace,
    videos: Iterable[Digest],
    kinds: Sequence[str] = tuple(KINDS),
    options: BuildOptions = HERE,
    cancel: threading.Event | None = None,
) -> Built:
    """Makes what is missing of them. Films whose bytes are not to be had are left out, and told as a warning."""
    here: list[Digest] = []
    for video in dict.fromkeys(videos):
        if workspace.rooms.blobs.has(video):
            here.append(video)
        else:
            workspace.rooms.warn(f"no proxy of {video.short}: its bytes are not in this store")
    aside = replace(options, aside=True, kept_only=True)
    built, _ = workspace.make_beside(_steps(workspace, here, kinds), aside, cancel, command=COMMAND)
    return built


def findings(workspace: Workspace, videos: Iterable[Digest]) -> dict[str, tuple[str, ...]]:
    """What was doubtful in the pictures of some films, by their sha256, of those that have a proxy."""
    found: dict[str, tuple[str, ...]] = {}
    for video, made in known(workspace, videos, [FILM]).items():
        digest = made.output(FINDINGS)
        try:
            told = json.loads(workspace.rooms.blobs.path(digest).read_text("utf-8")) if digest is not None else ()
        except (ShotbuildError, OSError, ValueError):
            continue
        found[video] = tuple(str(each) for each in told)
    return found


def films_of(workspace: Workspace, shots: Iterable[str]) -> list[Digest]:
    """The takes and plates of some shots; plates are brought into the store."""
    wanted = set(shots)
    found: list[Digest] = []
    for shot in workspace.project.shots:
        if shot.name not in wanted:
            continue
        if shot.plate is None:
            found += [take.video for take in workspace.rooms.ledgers.of(shot.name).takes]
        else:
            source = SourceFile(path=shot.plate, location=shot.location)
            found.append(workspace.rooms.source(source))
            workspace.rooms.bring(source, found[-1])
    return found


def _steps(workspace: Workspace, videos: Iterable[Digest], kinds: Sequence[str]) -> list[Step]:
    return [
        Step(
            name=f"{kind}/{video.sha256}",
            recipe=Recipe(stage=kind, version=STAGES[kind].version, pins=(workspace.ffmpeg,), parameters=Fields()),
            inputs=(("video", Chosen(digest=video)),),
            outputs=KINDS[kind],
            location=NOWHERE,
        )
        for video in dict.fromkeys(videos)
        for kind in kinds
    ]
