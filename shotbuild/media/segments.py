"""The command that encodes one segment of a cut, for one or several profiles at once. argv only.

One graph: shots are decoded and finished (`leaves`), blended and laid over each other in the format of the cut, then split:
each profile scales, writes its text and encodes. What is split gives the same bytes as what is not (measured, and tested).
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias, Union

from shotbuild.errors import MediaError
from shotbuild.media.alike import REMEMBERED, Files
from shotbuild.media.encoders import MUXERS, encoder_arguments
from shotbuild.media.filters import Stream, argv, decimal, generated, joined, source, written
from shotbuild.media.leaves import Frame, Leaf, Wanted, frames, has_alpha, path_of, plain_look, read_from, resized, shape_of
from shotbuild.media.pictures import numbered
from shotbuild.records import Fields
from shotbuild.units import Size, rate_text, round_half_up, timecode

LABEL_FILE, MARK_FILE, LABEL_FONT, CLOCK_FONT = "label.txt", "mark.txt", "label.font", "clock.font"
SAID = {"range": "tv", "color_primaries": "bt709", "color_trc": "bt709", "colorspace": "bt709"}
LONG_FADE = 3600
"""Seconds: so long that a place in it is opacity to four digits at any rate."""
RGB_DRAWN = {"rgb24": "yuv444p", "gbrp": "yuv444p"}
"""RGB that is delivered → the pixels in which text is laid over it, where those need no more than 8 bits."""
WIPES = {
    "left": "wipeleft",
    "right": "wiperight",
    "up": "wipeup",
    "down": "wipedown",
    "circle": "circleopen",
    "clock": "radial",
    "diagonal": "diagtl",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Frames of a leaf. leaf: its name among those of the segment."""

    leaf: str
    start: int
    held: bool


@dataclass(frozen=True, slots=True)
class Plain:
    colour: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixed:
    """As `plan.timeline.Blend`."""

    a: "Node"
    b: "Node"
    at: int
    of: int
    form: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Inset:
    """As `plan.timeline.Over`."""

    base: "Node"
    top: "Node"
    left: Fraction
    upper: Fraction
    width: Fraction
    opacity: Fraction
    at: int
    of: int
    fade_in: int
    fade_out: int


Node: TypeAlias = Union[Seen, Plain, Mixed, Inset]


@dataclass(frozen=True, slots=True, kw_only=True)
class Letters:
    """Drawn text over frames `start` to `end` of the segment: a transparent PNG of the delivered size. Frame k of the
    segment is frame at + k of the text, which lasts `of` frames."""

    path: Path
    start: int
    end: int
    at: int
    of: int
    fade_in: int
    fade_out: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """What one profile makes of a segment, or of a piece of it. at, frames: of the segment; clock: frame
    of the cut at which it starts, drawn with LABEL_FILE, None = not; mark: is MARK_FILE drawn
    across; output: its file, or for pictures the folder that takes them."""

    at: int
    frames: int
    size: Size
    reframe: str
    video: Fields
    letters: Sequence[Letters]
    label: bool
    clock: int | None
    mark: bool
    folder: str
    output: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """frames of `picture`, in the format of the cut. leaves: by name."""

    frames: int
    frame: Frame
    picture: Node
    leaves: Mapping[str, Leaf]


def encode(ffmpeg: Path, segment: Segment, chunks: Sequence[Chunk]) -> tuple[str, ...]:
    """Text files and fonts lie in the folder of each chunk, below the folder where ffmpeg runs.

    Errors: MediaError for sources that are too short or whose colours cannot be read."""
    files = Files()
    leaves = tuple((name, read_from(leaf, files.stand_in(path_of(leaf)))) for name, leaf in segment.leaves.items())
    alike = tuple(_lettered_from(chunk, files) for chunk in chunks)
    try:
        return files.given_to(_alike(ffmpeg, segment.frames, segment.frame, segment.picture, leaves, alike))
    except MediaError:
        return _encode(ffmpeg, segment, chunks)  # it says so of the file itself


def _lettered_from(chunk: Chunk, files: Files) -> Chunk:
    return replace(chunk, letters=tuple(replace(letters, path=files.stand_in(letters.path)) for letters in chunk.letters))


@lru_cache(maxsize=REMEMBERED)
def _alike(
    ffmpeg: Path, length: int, frame: Frame, picture: Node, leaves: tuple[tuple[str, Leaf], ...], chunks: tuple[Chunk, ...]
) -> tuple[str, ...]:
    return _encode(ffmpeg, Segment(frames=length, frame=frame, picture=picture, leaves=dict(leaves)), chunks)


def _encode(ffmpeg: Path, segment: Segment, chunks: Sequence[Chunk]) -> tuple[str, ...]:
    # ffmpeg-python takes equal inputs for one, so each is told how many came before it.
    count = iter(range(sys.maxsize))
    picture = _drawn(segment.picture, segment, count)
    pieces = list(dict.fromkeys((chunk.at, chunk.frames) for chunk in chunks))
    outputs: list[Stream] = []
    for stream, piece in zip(_split(picture, len(pieces)), pieces, strict=True):
        alike = [chunk for chunk in chunks if (chunk.at, chunk.frames) == piece]
        streams = _split(_piece(stream, piece, segment), len(alike))
        outputs += [_output(each, segment, chunk, count) for each, chunk in zip(streams, alike, strict=True)]
    return argv(ffmpeg, *outputs)


def _piece(stream: Stream, piece: tuple[int, int], segment: Segment) -> Stream:
    at, length = piece
    if piece == (0, segment.frames):
        return stream
    return numbered(stream.filter("trim", start_frame=at, end_frame=at + length), segment.frame.rate)


def _split(stream: Stream, ways: int) -> list[Stream]:
    if ways == 1:
        return [stream]
    parts = stream.filter_multi_output("split", ways)
    return [parts[index] for index in range(ways)]


def _drawn(node: Node, segment: Segment, count: Iterator[int]) -> Stream:
    frame = segment.frame
    match node:
        case Seen():
            wanted = Wanted(start=node.start, frames=segment.frames, held=node.held)
            return frames(segment.leaves[node.leaf], wanted, frame, next(count))
        case Plain():
            return _colour(node.colour, segment.frames, frame, next(count))
        case Mixed():
            a, b = (_drawn(each, segment, count) for each in (node.a, node.b))
            return _blended(a, b, node, frame)
        case Inset():
            return _inset(_drawn(node.base, segment, count), node, segment, count)


def _colour(colour: str, length: int, frame: Frame, again: int) -> Stream:
    options = {"color": f"0x{colour.removeprefix('#')}", "size": str(frame.size), "rate": rate_text(frame.rate)}
    stream = generated("color", again=again, pixels="gbrp", **options)
    return numbered(_to_bt709(stream, frame.pixels).filter("trim", end_frame=length), frame.rate)


def _blended(a: Stream, b: Stream, node: Mixed, frame: Frame) -> Stream:
    """xfade works in 4:4:4. Its clock starts before the first frame by as much as is past already."""
    full = "yuv444p10le" if "10" in frame.pixels else "yuv444p"
    look, whole = plain_look(frame.size, frame.pixels), plain_look(frame.size, full)
    mixed = joined(
        [resized(each, look, frame.size, full, "stretch", "a transition") for each in (a, b)],
        "xfade",
        transition=WIPES[node.form] if node.form else "fade",
        duration=decimal((node.of + 1) / frame.rate),
        offset=decimal(-(node.at + 1) / frame.rate),
    )
    return numbered(resized(mixed, whole, frame.size, frame.pixels, "stretch", "a transition"), frame.rate)


def _inset(base: Stream, node: Inset, segment: Segment, count: Iterator[int]) -> Stream:
    frame = segment.frame
    size = _inset_size(node, segment)
    left = 2 * round_half_up((node.left * frame.size.width - Fraction(size.width, 2)) / 2)
    upper = 2 * round_half_up((node.upper * frame.size.height - Fraction(size.height, 2)) / 2)
    top = _inset_picture(node.top, size, segment, count)
    if node.opacity != 1:
        top = _see_through(top, node.opacity, frame.rate)
    top = _faded(top, node.at, node.of, node.fade_in, node.fade_out, frame.rate)
    laid = joined([base, top], "overlay", x=left, y=upper, format="auto", alpha="straight", eof_action="pass")
    return numbered(laid.filter("format", frame.pixels), frame.rate)


def _inset_size(node: Inset, segment: Segment) -> Size:
    """A shot that lies over the picture keeps its own shape; what is made of several has that of the frame."""
    shape = Fraction(segment.frame.size.width, segment.frame.size.height)
    if isinstance(node.top, Seen):
        shape = shape_of(segment.leaves[node.top.leaf]) or shape
    width = max(2, 2 * round_half_up(node.width * segment.frame.size.width / 2))
    return Size(width, max(2, 2 * round_half_up(width / shape / 2)))


def _inset_picture(node: Node, size: Size, segment: Segment, count: Iterator[int]) -> Stream:
    """With its own transparency, where a shot has any."""
    frame = segment.frame
    pixels = _with_alpha(frame.pixels)
    if isinstance(node, Seen) and shape_of(segment.leaves[node.leaf]) is not None:
        leaf = replace(segment.leaves[node.leaf], fit="stretch")
        wanted = Wanted(start=node.start, frames=segment.frames, held=node.held)
        small = Frame(size=size, rate=frame.rate, pixels=pixels if has_alpha(leaf) else frame.pixels)
        return frames(leaf, wanted, small, next(count)).filter("format", pixels)
    top = _drawn(node, segment, count)
    top = resized(top, plain_look(frame.size, frame.pixels), size, frame.pixels, "stretch", "overlay")
    return top.filter("format", pixels)


def _see_through(stream: Stream, opacity: Fraction, rate: Fraction) -> Stream:
    """A fade that stands still: filters that change transparency as such know RGB alone, and ffmpeg would convert there and
    back as it thinks best."""
    stream = stream.filter("setpts", str(round_half_up(opacity * LONG_FADE * rate)))
    return stream.filter("fade", type="in", start_time=0, duration=LONG_FADE, alpha=1).filter("setpts", "N")


def _faded(stream: Stream, at: int, of: int, fade_in: int, fade_out: int, rate: Fraction) -> Stream:
    """Comes and goes by its opacity. The clock is set to where the segment is in the whole, and back."""
    if not (fade_in or fade_out):
        return stream
    stream = stream.filter("setpts", f"N+{at}")
    if fade_in:
        stream = stream.filter("fade", type="in", start_time=0, duration=decimal(fade_in / rate), alpha=1)
    if fade_out:
        begin = decimal(Fraction(of - fade_out) / rate)
        stream = stream.filter("fade", type="out", start_time=begin, duration=decimal(fade_out / rate), alpha=1)
    return stream.filter("setpts", "N")


def _with_alpha(pixels: str) -> str:
    """The nearest format with transparency that overlay and fade know."""
    return {"yuv420p": "yuva420p", "yuv422p": "yuva422p", "yuv444p": "yuva444p"}.get(
        pixels, "yuva422p10le" if "422" in pixels else "yuva444p10le" if "444" in pixels else "yuva420p10le"
    )


def _output(stream: Stream, segment: Segment, chunk: Chunk, count: Iterator[int]) -> Stream:
    frame, pixels = segment.frame, chunk.video.text("pixels")
    drawn = RGB_DRAWN.get(pixels, "yuv444p10le") if pixels.startswith(("gbr", "rgb")) else pixels
    stream = resized(stream, plain_look(frame.size, frame.pixels), chunk.size, drawn, chunk.reframe, "the cut")
    for letters in chunk.letters:
        stream = _lettered(stream, letters, frame.rate, drawn, chunk.frames, next(count))
    stream = _burnt_in(stream, chunk, frame.rate)
    if drawn != pixels:
        stream = _from_bt709(stream, pixels)
    arguments = dict(encoder_arguments(chunk.video, frame.rate)) | {"frames:v": str(chunk.frames)}
    stream = stream.filter("format", pixels)
    if not pixels.startswith(("gbr", "rgb")):
        # What a picture says of itself stands in the encoder's parameter sets, which have to be equal in every chunk: also
        # where one came out of a scaler and the other is passed on as it was decoded.
        stream = stream.filter("setsar", "1").filter("setparams", chroma_location="left", **SAID)
    return written(stream, chunk.output, MUXERS.get(chunk.video.text("extension"), "image2"), arguments)


def _lettered(stream: Stream, letters: Letters, rate: Fraction, pixels: str, length: int, again: int) -> Stream:
    drawn = source(letters.path, "png_pipe", again=again)["0"].filter("format", "gbrap")
    alpha = _with_alpha(pixels)
    drawn = _to_bt709(drawn, alpha)
    drawn = numbered(drawn.filter("loop", loop=-1, size=1, start=0), rate).filter("trim", end_frame=length)
    drawn = _faded(drawn, letters.at, letters.of, letters.fade_in, letters.fade_out, rate)
    whole = letters.start <= 0 and letters.end >= length
    when = {} if whole else {"enable": f"between(n,{letters.start},{letters.end - 1})"}
    laid = joined([stream, drawn], "overlay", x=0, y=0, format="auto", alpha="straight", eof_action="pass", **when)
    return numbered(laid.filter("format", pixels), rate)


def _to_bt709(stream: Stream, pixels: str) -> Stream:
    stream = stream.filter(
        "zscale",
        matrixin="gbr",
        primariesin="709",
        transferin="709",
        rangein="full",
        matrix="709",
        primaries="709",
        transfer="709",
        range="limited",
        chromal="left",
    )
    return stream.filter("format", pixels).filter("setsar", "1")


def _from_bt709(stream: Stream, pixels: str) -> Stream:
    planar = {"rgb24": "gbrp", "rgb48be": "gbrp16le"}.get(pixels, pixels)
    stream = stream.filter(
        "zscale",
        matrixin="709",
        primariesin="709",
        transferin="709",
        rangein="limited",
        chromalin="left",
        matrix="gbr",
        primaries="709",
        transfer="709",
        range="full",
    )
    return stream.filter("format", planar)


def _burnt_in(stream: Stream, chunk: Chunk, rate: Fraction) -> Stream:
    """Label at the top left, running timecode at the top right, a mark across the middle: captions stand at the bottom."""
    side = min(chunk.size.width, chunk.size.height)
    letters = max(10, side // 24)
    margin = max(4, side // 30)
    look = {
        "fontsize": letters,
        "fontcolor": "white",
        "box": 1,
        "boxcolor": "black@0.6",
        "boxborderw": max(2, letters // 3),
        "expansion": "none",
        "fix_bounds": 1,
        "y_align": "font",
        "y": margin,
    }
    if chunk.label:
        files = {"fontfile": f"{chunk.folder}{LABEL_FONT}", "textfile": f"{chunk.folder}{LABEL_FILE}"}
        stream = stream.filter("drawtext", x=margin, **files, **look)
    if chunk.clock is not None:
        stream = stream.filter(
            "drawtext",
            fontfile=f"{chunk.folder}{CLOCK_FONT}",
            timecode=timecode(chunk.clock, rate),
            timecode_rate=rate_text(rate),
            text="",
            x=f"w-tw-{margin}",
            **look,
        )
    if chunk.mark:
        across = {"fontsize": max(16, side // 9), "fontcolor": "white@0.22", "expansion": "none", "y_align": "font"}
        files = {"fontfile": f"{chunk.folder}{LABEL_FONT}", "textfile": f"{chunk.folder}{MARK_FILE}"}
        stream = stream.filter("drawtext", x="(w-tw)/2", y="(h-th)/2", **files, **across)
    return stream
