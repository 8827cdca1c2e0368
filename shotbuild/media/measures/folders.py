"""A package (a folder as one tar) → its facts: what stands in it, and the facts of the films, sounds or pictures inside."""

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from tarfile import TarFile, TarInfo
from tempfile import TemporaryDirectory

from shotbuild.digest import CHUNK
from shotbuild.host.packing import content_of, reading
from shotbuild.media.measures.film import film_facts
from shotbuild.media.measures.ladders import dash_rungs, hls_rungs
from shotbuild.records import Fields, fields

PICTURES = frozenset({"png", "dpx", "exr", "tif", "tiff", "jpg"})
SEGMENTS = frozenset({"mp4", "m4s"})
MOST_NAMES = 20
_NUMBER = re.compile(r"([0-9]+)\.[a-z0-9]+$")


def folder_facts(package: Path, work: Path, cuts: Sequence[int]) -> tuple[Fields, tuple[Fields, ...]]:
    """Facts of the package, and of each of its films. work: a folder for what has to be taken out of it.

    kind: `hls`, `dash`, `frames`, `stems` or `folder`; files, bytes; names: the first and last of them; first, last,
    missing: numbers of pictures; rungs: as in `ladders`. Errors: MediaError."""
    with TemporaryDirectory(dir=work) as folder, reading(package) as (archive, members):
        kind = _kind([member.name for member in members])
        films = _films(kind, archive, members, Path(folder), cuts)
        rungs = _rungs(kind, archive, members)
    names = [member.name for member in members]
    numbers = sorted(int(match[1]) for name in names if kind == "frames" and (match := _NUMBER.search(name)))
    seen = fields(
        kind=kind,
        files=len(members),
        bytes=sum(member.size for member in members),
        names=tuple(names if len(names) <= MOST_NAMES else [*names[: MOST_NAMES - 1], names[-1]]),
        first=numbers[0] if numbers else None,
        last=numbers[-1] if numbers else None,
        missing=numbers[-1] - numbers[0] + 1 - len(set(numbers)) if numbers else 0,
        rungs=rungs,
    )
    return seen, films


def _kind(names: Sequence[str]) -> str:
    endings = {_ending(name) for name in names}
    for ending, kind in (("m3u8", "hls"), ("mpd", "dash"), ("wav", "stems")):
        if ending in endings:
            return kind
    return "frames" if endings & PICTURES else "folder"


def _ending(name: str) -> str:
    return PurePosixPath(name).suffix.removeprefix(".").lower()


def _films(kind: str, archive: TarFile, members: Sequence[TarInfo], folder: Path, cuts: Sequence[int]) -> tuple[Fields, ...]:
    if kind == "stems":
        wavs = [member for member in members if _ending(member.name) == "wav"]
        return tuple(film_facts(_taken([each], archive, folder / "stem.wav"), each.name, ()) for each in wavs)
    if kind in ("hls", "dash"):
        tracks: dict[str, list[TarInfo]] = {}
        for member in members:
            if _ending(member.name) in SEGMENTS:
                tracks.setdefault(str(PurePosixPath(member.name).parent), []).append(member)
        # `init.mp4` first, then the segments by number: together they are one fragmented film.
        ordered = {
            name: sorted(parts, key=lambda each: (_ending(each.name) != "mp4", each.name)) for name, parts in tracks.items()
        }
        return tuple(
            film_facts(_taken(parts, archive, folder / "track.mp4"), name, cuts) for name, parts in sorted(ordered.items())
        )
    if kind == "frames":
        pictures = [member for member in members if _ending(member.name) in PICTURES]
        ends = {member.name: member for member in (pictures[0], pictures[len(pictures) // 2], pictures[-1])}
        return tuple(_still(member, archive, folder, len(pictures)) for member in ends.values())
    return ()


def _still(member: TarInfo, archive: TarFile, folder: Path, frames: int) -> Fields:
    """One of so many pictures."""
    path = _taken([member], archive, folder / f"picture.{_ending(member.name)}")
    if _ending(member.name) == "exr":
        return fields(
            name=member.name, container="exr", bytes=member.size, picture=_exr(path, frames), sound=None, captions=()
        )
    facts = film_facts(path, member.name, ())
    picture = facts.get("picture")
    assert isinstance(picture, Fields)
    counted = Fields(tuple((name, frames if name == "frames" else value) for name, value in picture))
    return Fields(tuple((name, counted if name == "picture" else value) for name, value in facts))


def _exr(path: Path, frames: int) -> Fields:
    """libav reads the pictures, but `containers` does not know them. Source: OpenEXR file layout, dataWindow."""
    with path.open("rb") as stream:
        head = stream.read(4096)
    at = head.find(b"dataWindow\0box2i\0")
    window = head[at + 21 : at + 37]
    left, top, right, bottom = (int.from_bytes(window[place : place + 4], "little", signed=True) for place in (0, 4, 8, 12))
    return fields(codec="exr", size=f"{right - left + 1}x{bottom - top + 1}", frames=frames)


def _rungs(kind: str, archive: TarFile, members: Sequence[TarInfo]) -> tuple[Fields, ...]:
    sizes = {member.name: member.size for member in members}
    texts = {}
    for member in members:
        if _ending(member.name) in ("m3u8", "mpd"):
            with content_of(archive, member) as content:
                texts[member.name] = content.read().decode()
    if kind == "hls":
        return hls_rungs(texts, sizes)
    return dash_rungs(next(iter(texts.values())), sizes) if kind == "dash" else ()


def _taken(members: Sequence[TarInfo], archive: TarFile, path: Path) -> Path:
    """Some files of the package, one after the other, as one file."""
    with path.open("wb") as writer:
        for member in members:
            with content_of(archive, member) as content:
                while chunk := content.read(CHUNK):
                    writer.write(chunk)
    return path
