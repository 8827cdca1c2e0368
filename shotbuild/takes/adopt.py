"""Brings a clip that was made elsewhere into the store as a take of a shot, marked foreign, with all that is known of it."""

import json
import os
import stat
import tempfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from shotbuild.digest import canonical, from_plain
from shotbuild.errors import Location, MediaError, PlanError, SpecError, nearest
from shotbuild.host import files, git
from shotbuild.ledgers import clock, next_number
from shotbuild.media.containers import HEAD, container_of
from shotbuild.media.probe import probe, streams
from shotbuild.media.tags import Tags, known_of, tags_of, workflow_of
from shotbuild.records import Digest, Fields, Price, Recipe, Shot, ShotState, Take, Value, fields
from shotbuild.spec.events import LARGEST, take_line
from shotbuild.takes.decide import person
from shotbuild.takes.names import states
from shotbuild.workspace import Workspace

UNKNOWN = Price(amount=None, currency="USD", exact=False)
"""What a clip cost that somebody else made is not for us to say."""
STAGE = "import"
PLAIN = ("prompt", "seed", "model", "provider")
WRITTEN_SEED = "seed_as_written"
"""Where a seed stands that is no whole number which a ledger holds."""
LARGEST_RECIPE = 1 << 18  # bytes: its fields become a part of one line in Git
LARGEST_TAGS = 8 << 20  # characters, all tags of a file together
DEEPEST = 64
_SUFFIXES = {"avi": "avi", "mxf": "mxf", "gif": "gif", "ogg": "ogv", "mpegts": "ts", "mpeg": "mpg"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopted:
    """A foreign clip as a take. new: False when its shot had a take with these bytes already, and nothing was written;
    known: of its recipe; workflow: a ComfyUI graph is kept; wanted: how long the spec has the shot, in exact seconds."""

    take: Take
    new: bool
    known: Fields
    workflow: bool
    wanted: Fraction


def adopt(
    workspace: Workspace,
    file: Path,
    shot: str,
    *,
    recipe: Path | None = None,
    by: str | None = None,
    frames: Fields | None = None,
) -> Adopted:
    """recipe: a file with a JSON object that says how the clip was made; frames: the pictures that it was made of, which are
    kept in its record. What is chosen for the shot stays as it is.

    Errors: MediaError for a clip that cannot be one; PlanError for a shot that takes none; SpecError for the recipe.
    """
    one = _shot(workspace, shot)
    name, wanted = one.name, one.duration.exact(one.format.rate) if one.duration else Fraction(0)
    who = by if by is None else person(workspace, by)
    said, of_recipe = ("", Fields()) if recipe is None else _recipe(recipe)
    _check_clip(regular(file))
    rooms = workspace.rooms
    work = rooms.folder("work")
    video = rooms.blobs.copy_in(file)
    clip = rooms.blobs.path(video)
    tags = tags_of(clip)
    known = _settled(known_of(tags), of_recipe)
    if frames is not None:
        came = frames.get("of_take") or frames.get("folder")
        known = Fields(tuple(sorted((dict(known.items) | {"frames_of": came}).items())))
    workflow = workflow_of(tags)
    rooms.ledgers.enter_moves()
    before = rooms.ledgers.of(name).take_of(video.sha256)
    if before is not None:
        return Adopted(take=before, new=False, known=known, workflow=workflow is not None, wanted=wanted)
    record = _kept(
        workspace,
        work,
        fields(
            schema="shotbuild/foreign/1",
            file=_text(file.name) if frames is None else frames.text("folder"),
            sha256=video.sha256,
            size=video.size,
            by=who or _configured(workspace),
            recipe=said or None,
            tags=_bounded(tags),
            workflow=workflow,
            **({} if frames is None else {"frames": frames}),
        ),
    )
    rows, suffix = streams(clip), suffix_of(clip)

    def line(now: ShotState) -> str | None:
        if now.take_of(video.sha256) is not None:
            return None  # another process was quicker
        return take_line(
            after=now.heads,
            at=clock(),
            number=next_number(now),
            ordinal=0,
            first_seed=None,
            asked="",
            action="",
            recipe=Recipe(stage=STAGE, version=1, pins=(), parameters=known),
            inputs={},
            continues=None,
            output=f"take.{suffix}",
            video=video,
            streams=rows,
            record=record,
            milliseconds=0,
            estimated=UNKNOWN,
            charged=None,
            answered=None,
            operation=None,
            foreign=True,
        )

    rooms.ledgers.import_take(name, line)
    take = rooms.ledgers.of(name).take_of(video.sha256)
    assert take is not None, "it was entered just now"
    return Adopted(take=take, new=True, known=known, workflow=workflow is not None, wanted=wanted)


def regular(file: Path) -> Path:
    """A file that can be read from its start to its end. Errors: PlanError for anything else, before it is opened."""
    hint = "check the path"
    try:
        mode = os.stat(file).st_mode
        if stat.S_ISREG(mode) and os.access(file, os.R_OK):
            return file
        if stat.S_ISREG(mode):
            cause, hint = "it may not be read", "give yourself the right to read it"
        elif stat.S_ISDIR(mode):
            cause, hint = "it is a folder", "name a file in it"
        else:
            cause, hint = "it is not a regular file", "write what comes through a pipe into a file first"
    except OSError as error:
        cause = error.strerror or str(error)
    raise PlanError(f"{_text(str(file))} cannot be read", cause=cause, hint=hint)


def suffix_of(clip: Path) -> str:
    """The ending of a clip's name by what it is, without dot, whatever it was called. Errors: MediaError."""
    container = container_of(clip)
    with clip.open("rb") as stream:
        head = stream.read(HEAD)
    if container == "matroska":
        return "webm" if b"webm" in head[:64] else "mkv"
    if container == "mov":
        return "mp4" if head[4:8] == b"ftyp" and head[8:12] != b"qt  " else "mov"
    return _SUFFIXES.get(container, "bin")


def _shot(workspace: Workspace, word: str) -> Shot:
    """The generated shot that is meant, also by a name that it had before."""
    known, shots = states(workspace), {shot.name: shot for shot in workspace.project.shots}
    meant = word if word in known else next((name for name, state in known.items() if word in state.formerly), None)
    if meant is not None:
        return shots[meant]
    plate = shots[word].plate if word in shots else None
    if plate is not None:
        raise PlanError(
            f"shot {word} is a plate, so it has no takes",
            cause=f"it is {plate}",
            hint="put the clip in the place of that file, or give the shot a `prompt` in place of the `plate`",
        )
    close = nearest(word, list(known))
    raise PlanError(
        f"no shot is called {word[:120]!r}",
        cause=None if known else "the project has no shot that is generated",
        hint=f"write `--as {close}`" if close else "`shotbuild status` lists the shots",
    )


def _check_clip(file: Path) -> None:
    picture = probe(file).video
    if picture.still or picture.seconds <= 0:
        raise MediaError(
            f"{_text(file.name)} is a still picture, not a clip",
            cause="it is a single picture that lasts no time",
            hint="use it as a `plate` with a `duration`, or as a reference of the shot",
        )


def _configured(workspace: Workspace) -> str | None:
    """Who imports, when nobody says it: the take needs no name, so none is asked for."""
    return person(workspace, None) if git.identity(workspace.rooms.root) else None


def _kept(workspace: Workspace, work: Path, record: Fields) -> Digest:
    with tempfile.TemporaryDirectory(prefix="import-", dir=work) as folder:
        path = Path(folder) / "record.json"
        files.write_atomic(path, canonical(record).encode())
        return workspace.rooms.blobs.adopt(path)


def _bounded(tags: Tags) -> tuple[Value, ...]:
    kept: list[Value] = []
    room = LARGEST_TAGS
    for name, text in tags:
        room -= len(text)
        kept.append((name, text if room >= 0 else f"[left out: {len(text)} characters]"))
    return tuple(kept)


# --- what is known of how it was made ----------------------------------------------------------------------------------


def _settled(by_tags: Fields, by_recipe: Fields) -> Fields:
    """What the person said, and of the rest what the file says. A seed that a ledger cannot hold is kept as text."""
    known = dict(by_tags.items) | dict(by_recipe.items)
    seed = _seed(known.pop("seed", None))
    if isinstance(seed, str):
        known[WRITTEN_SEED] = seed
    elif seed is not None:
        known["seed"] = seed
    return Fields(tuple(sorted(known.items())))


def _seed(value: Value) -> int | str | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= len(str(LARGEST)):
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value if 0 <= value <= LARGEST else str(value)
    return None if value is None else value if isinstance(value, str) else canonical(value)


def _recipe(file: Path) -> tuple[str, Fields]:
    """The text of a recipe, and its fields; of a ComfyUI graph those that it says plainly."""
    text = _recipe_text(regular(file))
    try:
        value = json.loads(text, parse_float=str, parse_int=_whole, parse_constant=str)
        deep = _depth(value) > DEEPEST
    except json.JSONDecodeError as error:
        raise SpecError(
            "the recipe is not JSON", location=_place(file, error.lineno, error.colno), cause=error.msg, hint="mend the file"
        ) from error
    except RecursionError:
        deep = True
    if deep:
        raise SpecError("the recipe is nested too deep", location=_place(file), hint=f"at most {DEEPEST} levels")
    if not isinstance(value, dict):
        raise SpecError(
            "the recipe is no JSON object", location=_place(file), hint='write `{"prompt": "…", "seed": 7, "model": "…"}`'
        )
    graph = tuple((name, text) for name in ("prompt", "workflow", "comment"))
    if workflow_of(graph) is not None:
        return text, known_of(graph)
    return text, _fields(value)


def _recipe_text(file: Path) -> str:
    with file.open("rb") as stream:
        content = stream.read(LARGEST_RECIPE + 1)
    if len(content) > LARGEST_RECIPE:
        raise SpecError(
            f"the recipe is larger than {LARGEST_RECIPE >> 10} KiB",
            location=_place(file),
            hint="keep what says how the clip was made, and leave out pictures and logs",
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SpecError("the recipe is not UTF-8 text", location=_place(file, line), hint="save it as UTF-8") from error


def _fields(value: dict[str, object]) -> Fields:
    """The object as it is, but the names that takes are known by in lower case."""
    named: dict[str, object] = {}
    for name, each in value.items():
        plain = name.strip().casefold()
        named[plain if plain in PLAIN and plain not in value else name] = each
    found = from_plain(_sound(named))
    assert isinstance(found, Fields), "an object gives fields"
    return Fields(tuple((name, each) for name, each in found if each is not None))


def _sound(value: object) -> object:
    """JSON may write halves of characters, which no file can hold."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_sound(name): _sound(each) for name, each in value.items()}
    return [_sound(each) for each in value] if isinstance(value, list) else value


def _whole(text: str) -> int | str:
    """A number larger than other programs read stays text."""
    number = int(text) if len(text) <= len(str(LARGEST)) + 1 else LARGEST + 1
    return number if abs(number) <= LARGEST else text


def _depth(value: object) -> int:
    if not isinstance(value, dict | list):
        return 0
    return 1 + max((_depth(each) for each in (value.values() if isinstance(value, dict) else value)), default=0)


def _place(file: Path, line: int = 1, column: int = 1) -> Location:
    return Location(file=_text(str(file)), line=line, column=column)


def _text(name: str) -> str:
    """A file name of any bytes as one line of text that every file can hold."""
    return name.encode("utf-8", "backslashreplace").decode().replace("\n", "\\n")
