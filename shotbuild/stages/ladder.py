"""Joined films of several rates, the sound and the captions of a cut as one folder for streaming, in one package.

Inputs: rung0, rung1, … (mp4 with a picture alone), sound (m4a), if any, and captions-<language> (WebVTT). Parameters: kind
(`hls` or `dash`), seconds (the most that a segment lasts), rows (name and size of each rung, in order), title.
"""

import re
from fractions import Fraction
from pathlib import Path

from shotbuild.errors import MediaError
from shotbuild.host.packing import pack, unpack
from shotbuild.media import ladder, playlists, webvtt
from shotbuild.media.checks import HINT
from shotbuild.media.probe import glance, probe, probe_sound
from shotbuild.records import Fields
from shotbuild.stages.interface import Work

HLS, DASH = "hls", "dash"
SOUND, CAPTIONS = "sound", "captions-"
FOLDER, CHECKED = "package", "checked"
SECONDS = Fraction(6)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Ladder:
    name = "ladder"
    version = 1

    def run(self, work: Work) -> None:
        folder, kind = work.into / FOLDER, work.parameters.text("kind")
        if kind not in (HLS, DASH):
            raise MediaError(f"no ladder of kind {kind!r} is known", hint="use `hls` or `dash`")
        folder.mkdir()
        pictures, heard = ladder.cut(_rungs(work), work.inputs.get(SOUND), _seconds(work.parameters), folder)
        languages = tuple(sorted(_languages(work)))
        made = ladder.Ladder(
            title=work.parameters.text("title"), rungs=pictures, sound=heard, captions=languages, seconds=pictures[0].seconds
        )
        for language in languages:
            _write_captions(work.inputs[CAPTIONS + language], language, kind, made, folder / playlists.CAPTIONS)
        if kind == HLS:
            _write(folder / playlists.MASTER, playlists.master(made))
            for track in (*pictures, *([heard] if heard else [])):
                _write(folder / track.folder / playlists.MEDIA, playlists.media(track))
        else:
            _write(folder / playlists.MANIFEST, playlists.manifest(made))
        pack(folder, work.into / work.outputs[0])

    def check(self, work: Work) -> None:
        """Every track is read from the package, as a player would: its head and its segments, one after the other."""
        folder = work.into / CHECKED
        unpack(work.into / work.outputs[0], folder)
        for rung in _rungs(work):
            there, wanted = probe(_whole(folder / "video" / rung.name)).video, probe(rung.path).video
            for what, one, other in (
                ("frames", there.frames, wanted.frames),
                ("frame rate", there.rate, wanted.rate),
                ("size", (there.width, there.height), (wanted.width, wanted.height)),
                ("start", there.start, Fraction(0)),
            ):
                if one != other:
                    raise MediaError(f"{rung.name} came out wrong", cause=f"{what}: {one}, not {other}", hint=HINT)
        if SOUND in work.inputs:
            there_is, was = probe_sound(_whole(folder / ladder.SOUND)), probe_sound(work.inputs[SOUND])
            if (there_is.seconds, there_is.channels, there_is.start) != (was.seconds, was.channels, was.start):
                cause = f"{there_is.seconds} s from {there_is.start} s on, not {was.seconds} s from {was.start} s on"
                raise MediaError("the sound came out wrong", cause=cause, hint=HINT)


def _rungs(work: Work) -> list[ladder.Rung]:
    rows = work.parameters.rows("rows")
    names = [row.text("name") for row in rows]
    odd = next((name for name in names if not _NAME.fullmatch(name)), None)
    if odd is not None or len(set(names)) != len(names) or not names:
        raise MediaError("the rungs of a ladder need a name each", cause=f"they are {', '.join(names) or 'none'}")
    found = [ladder.Rung(name=name, path=work.inputs[f"rung{index}"]) for index, name in enumerate(names)]
    for row, rung in zip(rows, found, strict=True):
        size, look = row.get("size"), glance(rung.path)
        if isinstance(size, str) and size != f"{look.width}x{look.height}":
            raise MediaError(f"{rung.name} is {look.width}x{look.height}", cause=f"the ladder wants {size}")
    return found


def _languages(work: Work) -> list[str]:
    found = [name.removeprefix(CAPTIONS) for name in work.inputs if name.startswith(CAPTIONS)]
    odd = next((name for name in found if not re.fullmatch(r"[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*", name)), None)
    if odd is not None:
        raise MediaError(f"{odd!r} is no language", hint="use a code such as `en` or `pt-BR`")
    return found


def _seconds(parameters: Fields) -> Fraction:
    written = parameters.get("seconds")
    return SECONDS if written is None else Fraction(str(written))


def _write_captions(path: Path, language: str, kind: str, made: ladder.Ladder, folder: Path) -> None:
    text = path.read_text(encoding="utf-8")
    track = made.rungs[0]
    if kind == DASH:
        _write(folder / f"{language}.vtt", text)
        return
    parts = webvtt.pieces(text, [Fraction(start, track.scale) for start in track.starts])
    for number, part in enumerate(parts):
        _write(folder / language / playlists.CAPTIONS_SEGMENT.format(number), part)
    _write(folder / language / playlists.MEDIA, playlists.captions_media(track))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def _whole(folder: Path) -> Path:
    """A track as one file beside its folder."""
    target = folder.parent / f"{folder.name}.mp4"
    with target.open("wb") as writer:
        for part in (folder / ladder.HEAD, *sorted(folder.glob("*.m4s"))):
            writer.write(part.read_bytes())
    return target
