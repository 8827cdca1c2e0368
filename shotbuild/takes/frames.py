"""A shot's frames go out as numbered pictures, with handles around what the cuts use, and come back as a take of the shot.

A file `<shot>.json` beside the pictures says where they are from. By it, frames that come back take the place of the frames
that went out: what stands before and after them, and the sound, is the film's that they were taken out of, so every `in` and
`out` of every cut still means what it meant.
"""

import json
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from itertools import pairwise
from math import ceil, floor
from pathlib import Path
from typing import Any

from shotbuild.delivery import check_folder, put
from shotbuild.digest import of_file
from shotbuild.engine.execute import workplace
from shotbuild.errors import MediaError, PlanError, nearest
from shotbuild.host import process
from shotbuild.host.handover import Part
from shotbuild.media import plates
from shotbuild.media.exr import is_cut_off
from shotbuild.media.plates import FORMS, Around, Film, Pictures
from shotbuild.media.probe import probe
from shotbuild.records import Clip, Digest, Overlay, Project, Shot, Take, fields
from shotbuild.stages.effects import EFFECTS
from shotbuild.takes.adopt import Adopted, adopt
from shotbuild.units import Size, counted, parse_rate, rate_text
from shotbuild.workspace import Workspace

SCHEMA = "shotbuild/frames/1"
FIRST, HANDLES = 1001, 8
LAST = 99_999_999
LARGEST_SIDECAR = 1 << 20
SHOWN = 6
_NUMBERED = re.compile(r"(.*?)(\d{1,9})\.([A-Za-z]{3})", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """folder: where the pictures are; written: False when just these were there; first, last: their numbers; used: first
    and last number of what the cuts use; head, tail: the handles that there are, of `handles` that were asked for; whole:
    why all of the film was taken, empty = it was not."""

    shot: str
    take: Take | None
    folder: Path
    written: bool
    first: int
    last: int
    used: tuple[int, int]
    handles: int
    head: int
    tail: int
    size: Size
    rate: Fraction
    whole: str
    sound: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """Frames that came back. adopted: the take; count: of the pictures; first, last: their numbers; source: name of the take
    that they were taken out of, None = nothing says so; around: frames of it that stand before and after; sound: its sound
    is kept; finished: they were exported with the shot's finishing, which is then done once more."""

    adopted: Adopted
    count: int
    first: int
    last: int
    source: str | None
    around: tuple[int, int]
    sound: bool
    finished: bool


def export_frames(
    workspace: Workspace,
    word: str,
    to: Path,
    *,
    handles: int = HANDLES,
    extension: str = "png",
    first: int = FIRST,
    finished: bool = False,
    force: bool = False,
) -> Exported:
    """Puts the frames of what stands for a shot into `to/<shot>/`. finished: with the shot's finishing stages.

    Errors: PlanError for what cannot be exported; MediaError; ShotbuildError when it cannot be written."""
    shot = _shot(workspace.project, word)
    if extension not in FORMS:
        raise PlanError(f"frames are {', '.join(FORMS)}, not {extension[:20]!r}", hint="write `--format png`")
    if handles < 0 or not 0 <= first <= LAST:
        raise PlanError("handles and numbers of frames are not negative, and have at most eight digits")
    folder = check_folder(to, workspace.rooms.root)
    take, digest = workspace.film_of(shot, finished=finished)
    rooms = workspace.rooms
    rooms.blobs.verify(digest)
    film = _film(rooms.blobs.path(digest), shot)
    start, end, whole = _used(workspace.project, shot, film, finished=finished)
    low, high = max(0, start - handles), min(film.frames, end + handles)
    last = first + high - low - 1
    used = (first + start - low, first + end - low - 1)
    exported = Exported(
        shot=shot.name,
        take=take,
        folder=to / shot.name,
        written=True,
        first=first,
        last=last,
        used=used,
        handles=handles,
        head=start - low,
        tail=high - end,
        size=film.size,
        rate=film.rate,
        whole=whole,
        sound=film.found.sound is not None,
    )
    sidecar = _sidecar(workspace.project, exported, digest, extension, low, high, film.frames, finished=finished)
    with workplace(rooms.folder("work"), rooms.folder("locks")) as work:
        argv = plates.export(rooms.ffmpeg(workspace.project), film, low, high, extension, first)
        process.run(argv, cwd=work)
        pictures = {
            f"{shot.name}.{number:04d}.{extension}": _made(work, number, extension) for number in range(first, last + 1)
        }
        (work / "sidecar.json").write_text(sidecar, encoding="utf-8")
        pictures[f"{shot.name}.json"] = work / "sidecar.json"
        part = Part(
            path=shot.name,
            files={name: of_file(path) for name, path in pictures.items()},
            fill=partial(_fill, pictures),
        )
        handed = put(rooms, folder, [part], force=force)
    return replace(exported, written=bool(handed.written))


def _fill(pictures: dict[str, Path], target: Path) -> None:
    target.mkdir()
    for name, path in pictures.items():
        shutil.copyfile(path, target / name)


def _made(work: Path, number: int, extension: str) -> Path:
    path = work / f"{plates.NAME % number}.{extension}"
    if not path.is_file():
        raise MediaError(
            f"frame {number} did not come out",
            cause="the film has fewer frames than its packets say",
            hint="run `shotbuild doctor` and report it",
        )
    return path


def _shot(project: Project, word: str) -> Shot:
    found = next((shot for shot in project.shots if shot.name == word), None)
    if found is None:
        close = nearest(word, [shot.name for shot in project.shots])
        raise PlanError(
            f"no shot is called {word[:120]!r}",
            hint=f"write `{close}`" if close else "`shotbuild status` lists the shots",
        )
    return found


def _film(path: Path, shot: Shot) -> Film:
    """A film at its own rate, or where that is none, at the shot's."""
    found = probe(path)
    picture = found.video
    try:
        rate = parse_rate(str(picture.rate)) if picture.constant_rate and not picture.still else shot.format.rate
    except ValueError:
        rate = shot.format.rate
    return Film(path=path, found=found, rate=rate)


def _used(project: Project, shot: Shot, film: Film, *, finished: bool) -> tuple[int, int, str]:
    """The frames that cuts use, from the first of any to the last of any, and why these are all, if they are all."""
    total = film.frames
    effects = [EFFECTS[stage.stage] for stage in shot.finish if stage.stage in EFFECTS]
    if not finished and any(effect.seconds is not None for effect in effects):
        return 0, total, "its finishing changes time, so what the cuts use of the take is not told by their `in` and `out`"
    spans: list[tuple[int, int]] = []
    for cut in project.sequences:
        rate = cut.format.rate
        placed: tuple[Clip | Overlay, ...] = (*cut.clips, *cut.overlays)
        for clip in placed:
            if clip.shot != shot.name:
                continue
            start = floor(clip.start.exact(rate) * film.rate)
            end = total if clip.end is None else ceil(clip.end.exact(rate) * film.rate)
            if isinstance(clip, Clip) and clip.hold is not None:
                end = start + 1
            if start < total and start < end:
                spans.append((start, min(end, total)))
    if not spans:
        return 0, total, "no cut has it"
    return min(start for start, _ in spans), max(end for _, end in spans), ""


def _sidecar(
    project: Project,
    exported: Exported,
    digest: Digest,
    extension: str,
    low: int,
    high: int,
    total: int,
    *,
    finished: bool,
) -> str:
    take = exported.take
    content = {
        "schema": SCHEMA,
        "project": project.name,
        "shot": exported.shot,
        "take": None if take is None else {"name": take.name, "number": take.number, "sha256": take.video.sha256},
        "film": {"sha256": digest.sha256, "bytes": digest.size, "frames": total, "finished": finished},
        "frames": exported.last - exported.first + 1,
        "first": exported.first,
        "last": exported.last,
        "used": {"first": exported.used[0], "last": exported.used[1]},
        "handles": {"asked": exported.handles, "head": exported.head, "tail": exported.tail},
        "part": {"start": low, "end": high},
        "rate": rate_text(exported.rate),
        "size": str(exported.size),
        "extension": extension,
        "color": FORMS[extension].colour,
        "sound": exported.sound,
    }
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"


# --- and back ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """Numbered pictures of a folder, in order, without gaps."""

    paths: tuple[Path, ...]
    first: int
    extension: str
    size: Size

    @property
    def last(self) -> int:
        return self.first + len(self.paths) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Origin:
    """What a sidecar says. take: name; film: the bytes that the frames are out of; start, end: which of its frames."""

    shot: str
    take: str | None
    film: Digest
    finished: bool
    first: int
    last: int
    start: int
    end: int
    total: int
    rate: Fraction


def adopt_frames(
    workspace: Workspace, folder: Path, shot: str | None, *, recipe: Path | None = None, by: str | None = None
) -> Brought:
    """A folder of numbered PNG, DPX or EXR pictures as a take of a shot. shot: None = as their sidecar says.

    Errors: PlanError when they are no one row of pictures without gaps, or not those that went out; MediaError for pictures
    that cannot be read or differ in size; those of `adopt`."""
    origin = _origin(folder)
    name = shot or (None if origin is None else origin.shot)
    if name is None:
        raise PlanError(f"nothing says which shot {folder} is", hint="add `--as SHOT`")
    one = _shot(workspace.project, name) if any(each.name == name for each in workspace.project.shots) else None
    row = _row(folder, origin)
    with _assembled(workspace, row, origin, one) as (clip, around):
        said = fields(
            folder=folder.resolve().name.encode("utf-8", "backslashreplace").decode(),
            pictures=len(row.paths),
            first=row.first,
            last=row.last,
            extension=row.extension,
            size=str(row.size),
            of_take=None if origin is None else origin.take,
            of_film=None if origin is None else origin.film.sha256,
            start=None if origin is None else origin.start,
        )
        adopted = adopt(workspace, clip, name, recipe=recipe, by=by, frames=said)
    total = 0 if around is None else around.film.frames
    return Brought(
        adopted=adopted,
        count=len(row.paths),
        first=row.first,
        last=row.last,
        source=None if origin is None else origin.take or origin.film.short,
        around=(0, 0) if around is None else (around.start, total - around.end),
        sound=around is not None and around.film.found.sound is not None,
        finished=origin is not None and origin.finished,
    )


@contextmanager
def _assembled(
    workspace: Workspace, row: _Row, origin: _Origin | None, shot: Shot | None
) -> Iterator[tuple[Path, Around | None]]:
    rooms = workspace.rooms
    rate = origin.rate if origin is not None else (shot.format.rate if shot else workspace.project.format.rate)
    around = None
    if origin is not None and rooms.blobs.has(origin.film):
        rooms.blobs.verify(origin.film)
        path = rooms.blobs.path(origin.film)
        film = Film(path=path, found=probe(path), rate=rate)
        if film.frames != origin.total:
            raise PlanError("the sidecar does not fit the take that it names", hint="export the frames again")
        around = Around(film=film, start=origin.start, end=origin.end)
    elif origin is not None and (origin.start, origin.end) != (0, origin.total):
        raise PlanError(
            f"the bytes of {origin.take or origin.film.short}, of which these frames are a part, are not in the store",
            cause=f"they are frames {origin.start} to {origin.end - 1} of {origin.total}, and the others are taken from it",
            hint="bring them with `shotbuild store check --from FOLDER`",
        )
    pictures = Pictures(
        extension=row.extension, count=len(row.paths), look=plates.look(row.paths[0], row.extension), size=row.size
    )
    cut_off = next((path for path in row.paths if path.suffix.lower() == ".exr" and is_cut_off(path)), None)
    if cut_off is not None:
        raise MediaError(f"{cut_off.name} is damaged", cause="it was cut off", hint="copy or export it again")
    with workplace(rooms.folder("work"), rooms.folder("locks")) as work:
        for number, path in enumerate(row.paths):
            os.symlink(path.resolve(), work / f"{plates.NAME % number}.{row.extension}")
        clip = work / "frames.mkv"
        process.run(plates.assemble(rooms.ffmpeg(workspace.project), pictures, rate, around, clip.name), cwd=work)
        found = probe(clip).video
        wanted = len(row.paths) if around is None else around.film.frames
        if found.frames != wanted:
            raise MediaError(
                f"{counted(wanted, 'frame')} went in, and {found.frames} came out", hint="one of the pictures is damaged"
            )
        yield clip, around


def _row(folder: Path, origin: _Origin | None) -> _Row:
    found: dict[tuple[str, str], dict[int, Path]] = {}
    for path in sorted(folder.iterdir()):
        match = _NUMBERED.fullmatch(path.name)
        if path.name.startswith(".") or match is None or match[3].lower() not in FORMS:
            continue
        row = found.setdefault((match[1], match[3].lower()), {})
        if int(match[2]) in row:
            raise PlanError(f"{folder} has number {int(match[2])} twice", cause=f"{row[int(match[2])].name} and {path.name}")
        row[int(match[2])] = path
    if not found:
        raise PlanError(
            f"{folder} has no numbered pictures",
            cause=f"looked for names such as `sh010.1001.png`, also {', '.join(list(FORMS)[1:])}",
            hint="name the folder that has them",
        )
    if len(found) > 1:
        names = ", ".join(f"`{before}….{extension}`" for before, extension in list(found)[:SHOWN])
        raise PlanError(
            f"{folder} has several rows of pictures", cause=names, hint="leave one of them in a folder of its own"
        )
    ((_, extension), numbered) = next(iter(found.items()))
    numbers = sorted(numbered)
    first, last = (numbers[0], numbers[-1]) if origin is None else (origin.first, origin.last)
    _refuse_others(folder, numbers, first, last)
    paths = tuple(numbered[number] for number in range(first, last + 1))
    return _Row(paths=paths, first=first, extension=extension, size=_size(paths, extension))


def _refuse_others(folder: Path, numbers: Sequence[int], first: int, last: int) -> None:
    """Errors: PlanError for frames that are missing, or that nobody asked for."""
    # Names and sidecars may say numbers as large as they like, so gaps are found between the files that are there.
    asked = [number for number in numbers if first <= number <= last]
    missing = [range(one + 1, other) for one, other in pairwise([first - 1, *asked, last + 1]) if other - one > 1]
    if missing:
        raise PlanError(
            f"{folder} lacks {counted(sum(map(len, missing)), 'frame')} of {first} to {last}",
            cause=_shown(missing),
            hint="render what is missing",
        )
    others = [number for number in numbers if not first <= number <= last]
    if others:
        raise PlanError(
            f"{folder} has {counted(len(others), 'frame')} beside {first} to {last}, which went out",
            cause=_shown([range(number, number + 1) for number in others]),
            hint="take them away; who wants longer handles exports anew with `--handles`",
        )


def _size(paths: tuple[Path, ...], extension: str) -> Size:
    size = plates.head(paths[0], extension)
    for path in paths[1:]:
        other = plates.head(path, extension)
        if other != size:
            raise MediaError(f"{path.name} is {other}, and {paths[0].name} is {size}", hint="render all frames in one size")
    return size


def _origin(folder: Path) -> _Origin | None:
    """What a sidecar in the folder says; None when there is none. Errors: PlanError when it says nothing that can be."""
    if not folder.is_dir():
        raise PlanError(f"{folder} is no folder", hint="check the path")
    for path in sorted(folder.glob("*.json")):
        if not path.is_file() or path.stat().st_size > LARGEST_SIDECAR:
            continue
        try:
            content = json.loads(path.read_bytes())
        except (ValueError, RecursionError):
            continue
        if isinstance(content, dict) and content.get("schema") == SCHEMA:
            try:
                return _read(content)
            except (KeyError, TypeError, ValueError, ArithmeticError) as error:
                raise PlanError(
                    f"{path} cannot be used", cause=f"{type(error).__name__}: {error}", hint="export the frames again"
                ) from error
    return None


def _read(content: dict[str, Any]) -> _Origin:
    film, part = content["film"], content["part"]
    found = _Origin(
        shot=str(content["shot"]),
        take=None if content["take"] is None else str(content["take"]["name"]),
        film=Digest(sha256=str(film["sha256"]), size=int(film["bytes"])),
        finished=bool(film["finished"]),
        first=int(content["first"]),
        last=int(content["last"]),
        start=int(part["start"]),
        end=int(part["end"]),
        total=int(film["frames"]),
        rate=parse_rate(str(content["rate"])),
    )
    if not (0 <= found.first <= found.last <= 2 * LAST and 0 <= found.start < found.end <= found.total):
        raise ValueError("its numbers do not fit together")
    if found.last - found.first != found.end - found.start - 1 or not re.fullmatch("[0-9a-f]{64}", found.film.sha256):
        raise ValueError("its numbers do not fit together")
    return found


def _shown(found: Sequence[range]) -> str:
    """`1004, 1010 to 1012`. found: in order; those that touch are told as one."""
    runs: list[range] = []
    for each in found:
        if runs and runs[-1].stop == each.start:
            runs[-1] = range(runs[-1].start, each.stop)
        else:
            runs.append(each)
    words = [str(run.start) if len(run) == 1 else f"{run.start} to {run.stop - 1}" for run in runs]
    return ", ".join(words[:SHOWN]) + (f" and {len(words) - SHOWN} more" if len(words) > SHOWN else "")
