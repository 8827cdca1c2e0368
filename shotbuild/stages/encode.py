"""One segment of a cut, encoded for one profile, straight from the shots; or for several at once, with one decoding.

Parameters: frames, rate, size, pixels (of the cut), picture (see `reading.picture`), shots (rows by name, see `reading`);
and of the profile: out_size, reframe, video, letters (rows of input, start, end, at, of, fade_in, fade_out), burn_in (label,
clock, mark; null = not written).
"""

from collections.abc import Sequence
from pathlib import Path

from shotbuild.errors import MediaError
from shotbuild.host import files, process
from shotbuild.host.packing import pack
from shotbuild.media import segments
from shotbuild.media.checks import chunk_is
from shotbuild.media.fonts import MONO, REGULAR
from shotbuild.media.leaves import Frame
from shotbuild.records import Fields
from shotbuild.stages.interface import Work
from shotbuild.stages.reading import lay_out, leaf, picture
from shotbuild.units import parse_size

FOLDER = "tar"
"""Extension of a chunk that is a folder of pictures."""
ONE_PICTURE = "png"


class Encode:
    name = "encode"
    version = 3

    def run(self, work: Work) -> None:
        self.run_all([work])

    def run_all(self, works: Sequence[Work]) -> None:
        """All of one segment: what they show differs at most by where it begins and ends."""
        starts = [_position(_shown(work)) for work in works]
        first = works[starts.index(min(starts))]
        chunks = [_chunk(work, start - min(starts), first.into) for work, start in zip(works, starts, strict=True)]
        segment = _segment(first, max(chunk.at + chunk.frames for chunk in chunks))
        process.run(segments.encode(first.ffmpeg, segment, chunks), cwd=first.into, cancel=first.cancel)
        for work in works:
            if work.parameters.inner("video").text("extension") == FOLDER:
                pack(_pictures(work), work.into / work.outputs[0])

    def check(self, work: Work) -> None:
        parameters, video = work.parameters, work.parameters.inner("video")
        frames, size = parameters.integer("frames"), parse_size(parameters.text("out_size"))
        path = work.into / work.outputs[0]
        if video.text("extension") == FOLDER:
            _count(_pictures(work), frames)
        elif video.text("extension") != ONE_PICTURE:
            chunk_is(path, frames=frames, size=size, rate=parameters.fraction("rate"))


def _shown(work: Work) -> segments.Node:
    return picture(work.parameters.inner("picture"))


def _position(node: segments.Node) -> int:
    """Where a picture stands on a clock that its pieces share; those of a picture that stands still are all alike."""
    match node:
        case segments.Seen():
            return 0 if node.held else node.start
        case segments.Mixed() | segments.Inset():
            return node.at
    return 0


def _segment(work: Work, frames: int) -> segments.Segment:
    parameters = work.parameters
    shots = parameters.inner("shots")
    leaves = {}
    for name, _ in shots:
        row = shots.inner(name)
        lay_out(row.rows("effects"), work)
        leaves[name] = leaf(row, work)
    frame = Frame(
        size=parse_size(parameters.text("size")),
        rate=parameters.fraction("rate"),
        pixels=parameters.text("pixels"),
    )
    return segments.Segment(frames=frames, frame=frame, picture=_shown(work), leaves=leaves)


def _chunk(work: Work, at: int, beside: Path) -> segments.Chunk:
    """at: where in the segment it begins; beside: the folder where ffmpeg runs, beside that of each of the works."""
    folder = "" if work.into == beside else f"../{work.into.name}/"
    written, video = work.parameters.inner("burn_in"), work.parameters.inner("video")
    label, clock, mark = (written.get(name) for name in ("label", "clock", "mark"))
    if written.items:
        _lay_out_text(work, str(label or ""), str(mark or ""))
    output = f"{folder}{work.outputs[0]}"
    if video.text("extension") == FOLDER:
        _pictures(work).mkdir()
        output = f"{folder}{_pictures(work).name}/%d.{video.text('codec')}"
    return segments.Chunk(
        at=at,
        frames=work.parameters.integer("frames"),
        size=parse_size(work.parameters.text("out_size")),
        reframe=work.parameters.text("reframe"),
        video=video,
        letters=[_letters(row, work) for row in work.parameters.rows("letters")],
        label=isinstance(label, str),
        clock=clock if isinstance(clock, int) else None,
        mark=isinstance(mark, str) and bool(mark),
        folder=folder,
        output=output,
    )


def _letters(row: Fields, work: Work) -> segments.Letters:
    return segments.Letters(
        path=work.inputs[row.text("input")],
        **{name: row.integer(name) for name in ("start", "end", "at", "of", "fade_in", "fade_out")},
    )


def _lay_out_text(work: Work, label: str, mark: str) -> None:
    """Text and fonts go beside the output under names of ours: a path or a label never stands in a filter."""
    for name, text in ((segments.LABEL_FILE, label), (segments.MARK_FILE, mark)):
        shown = "".join(char if char.isprintable() else " " for char in text)
        (work.into / name).write_text(shown or " ", encoding="utf-8")
    files.copy(REGULAR, work.into / segments.LABEL_FONT)
    files.copy(MONO, work.into / segments.CLOCK_FONT)


def _pictures(work: Work) -> Path:
    return work.into / "pictures"


def _count(folder: Path, frames: int) -> None:
    found = len(list(folder.iterdir()))
    if found != frames:
        raise MediaError("the pictures came out wrong", cause=f"{found} pictures, not {frames}")
