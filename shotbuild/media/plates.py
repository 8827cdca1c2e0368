"""Frames for other programs and back: a part of a film as numbered pictures, and numbered pictures as a film.

Pictures are full-range RGB with Rec. 709 primaries. PNG (16 bit) and DPX (10 bit) have the film's own curve, Rec. 709 as it
is shown; EXR (half floats) is linear, because every program reads it as that. They come back as FFV1, 4:4:4 with 10 bits.
argv, and what the heads of picture files say.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
import ffmpeg

from shotbuild.errors import MediaError
from shotbuild.media.colour import BT709, Look
from shotbuild.media.containers import PLAIN_FILE
from shotbuild.media.filters import EXACT, Stream, argv, ffv1, joined, picked, source, written
from shotbuild.media.geometry import Placing, placing, square
from shotbuild.media.looks import look_of
from shotbuild.media.pictures import Finish, exactly, numbered, progressive, repeated, shaped, timed
from shotbuild.media.probe import MOST_PIXELS, Probe
from shotbuild.units import Size, rate_text, round_half_up

HOLD = 2
"""Frames that a film may lack at its end at another rate, which its last one fills."""
PIXELS = "yuv444p10le"
NAME = "frame%08d"
SHOWN = (
    "RGB, full range, Rec. 709 primaries, values as shown (Rec. 709 video, display-referred): not linear, not logarithmic"
)
LINEAR = "RGB, Rec. 709 primaries, linear light of a Rec. 709 display (BT.1886, gamma 2.4, white is 1.0)"
RGB = {"matrixin": "gbr", "rangein": "full", "primariesin": "709", "matrix": "gbr", "range": "full", "primaries": "709"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    """A kind of picture file. pixels: what the film is brought to, written: what the file has; magic: how one begins;
    linear: its values are light; colour: that in words."""

    pixels: str
    written: str
    options: Mapping[str, str]
    magic: tuple[bytes, ...]
    linear: bool = False

    @property
    def colour(self) -> str:
        return LINEAR if self.linear else SHOWN


FORMS: Mapping[str, _Form] = {
    "png": _Form(pixels="gbrp16le", written="rgb48be", options={"c:v": "png"}, magic=(b"\x89PNG\r\n\x1a\n",)),
    "dpx": _Form(pixels="gbrp10le", written="gbrp10be", options={"c:v": "dpx"}, magic=(b"SDPX", b"XPDS")),
    "exr": _Form(
        pixels="gbrpf32le",
        written="gbrpf32le",
        options={"c:v": "exr", "format:v": "half", "compression": "zip16"},
        magic=(b"\x76\x2f\x31\x01",),
        linear=True,
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """A film that was probed. frames: how many it gives at `rate`."""

    path: Path
    found: Probe
    rate: Fraction

    @property
    def frames(self) -> int:
        return max(1, round_half_up(self.found.video.seconds * self.rate))

    @property
    def size(self) -> Size:
        """Upright, in square pixels, even."""
        return square(*self.found.video.look.turned, self._aspect)

    @property
    def _aspect(self) -> Fraction:
        aspect = Fraction(*self.found.video.look.sar)
        return 1 / aspect if self.found.video.look.rotation % 180 else aspect

    def placed(self, frame: Size) -> Placing:
        width, height = self.found.video.look.turned
        return placing(width, height, self._aspect, frame, "stretch" if frame == self.size else "pad")


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """The film that frames were taken out of. start, end: the part that they take the place of."""

    film: Film
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pictures:
    """Numbered pictures beside the output, `frame00000000` and on. look: of the first one; size: of every one."""

    extension: str
    count: int
    look: Look
    size: Size


def export(program: Path, film: Film, start: int, end: int, extension: str, first: int) -> tuple[str, ...]:
    """Frames from `start` up to `end` as `frame%08d.<extension>`. first: number of the first of them.

    Errors: MediaError for colours that cannot be brought to Rec. 709."""
    form = FORMS[extension]
    stream = _part(film, start, end, film.size, form.pixels, 0)
    if form.linear:
        stream = stream.filter("zscale", transferin="709", transfer="linear", **RGB)
    stream = stream.filter("format", form.written)
    options = {
        **form.options,
        "pix_fmt": form.written,
        "start_number": str(first),
        "frames:v": str(end - start),
        "fps_mode": "passthrough",
        "threads": "1",
    }
    return argv(program, written(stream, f"{NAME}.{extension}", "image2", options))


def assemble(program: Path, pictures: Pictures, rate: Fraction, around: Around | None, output: str) -> tuple[str, ...]:
    """Pictures as a film. around: what stands before and after them, and whose sound is kept.

    Errors: MediaError for colours that cannot be brought to Rec. 709."""
    size = Size(*(2 * round_half_up(Fraction(side, 2)) for side in (pictures.size.width, pictures.size.height)))
    stream = _pictures(pictures, size, rate)
    total = pictures.count
    if around is not None:
        film = around.film
        total = film.frames
        parts = [stream]
        if around.start:
            parts.insert(0, numbered(_part(film, 0, around.start, size, PIXELS, 0), rate))
        if around.end < total:
            parts.append(numbered(_part(film, around.end, total, size, PIXELS, 1), rate))
        stream = numbered(joined(parts, "concat", n=len(parts), v=1, a=0), rate) if len(parts) > 1 else stream
    options = {**EXACT, **ffv1(PIXELS, total)}
    heard = [] if around is None or around.film.found.sound is None else [_sound(around.film, total)]
    if heard:
        options |= {"c:a": "pcm_s24le"}
    return argv(program, ffmpeg.output(stream, *heard, f"file:{output}", f="matroska", **options))


def _part(film: Film, start: int, end: int, size: Size, pixels: str, again: int) -> Stream:
    look, name = film.found.video.look, film.path.name
    read = source(film.path, film.found.container, again=again, options={"autorotate": None})
    stream = progressive(picked(read, film.found.video.index), look)
    still = film.found.video.still
    stream = repeated(stream, film.rate) if still else exactly(timed(stream, film.rate), film.frames, HOLD)
    # Cut first: what is not wanted needs no conversion.
    stream = stream.filter("trim", start_frame=start, end_frame=end).filter("setpts", "PTS-STARTPTS")
    return shaped(stream, look, Finish(placing=film.placed(size), pixels=pixels), name)


def _pictures(pictures: Pictures, size: Size, rate: Fraction) -> Stream:
    read = ffmpeg.input(
        f"{NAME}.{pictures.extension}",
        f="image2",
        pattern_type="sequence",
        start_number="0",
        framerate=rate_text(rate),
        threads="1",
        **PLAIN_FILE,
    )
    look, stream = pictures.look, picked(read, 0)
    if FORMS[pictures.extension].linear:
        # libav calls every EXR linear, and its colours are multiplied by their alpha already.
        stream = stream.filter("format", "gbrpf32le").filter("zscale", transferin="linear", transfer="709", **RGB)
        stream = stream.filter("format", "gbrp16le")
        look = replace(look, pixels="gbrp16le", depth=16, rgb=True, grey=False, alpha=False, transfer=BT709)
    place = placing(look.width, look.height, Fraction(1), size, "stretch")
    return numbered(shaped(stream, look, Finish(placing=place, pixels=PIXELS), f"{NAME}.{pictures.extension}"), rate)


def _sound(film: Film, frames: int) -> Stream:
    """The film's sound as samples, in sync with its picture and as long."""
    sound = film.found.sound
    assert sound is not None, "only asked of a film with sound"
    late = round_half_up((sound.start - film.found.video.start) * sound.rate)
    read = source(film.path, film.found.container, again=2)
    stream = picked(read, sound.index).filter("asetpts", "N/SR/TB")
    if late > 0:
        stream = stream.filter("adelay", f"{late}S", all=1)
    elif late < 0:
        stream = stream.filter("atrim", start_sample=-late).filter("asetpts", "N/SR/TB")
    length = round_half_up(frames / film.rate * sound.rate)
    return stream.filter("apad", whole_len=length).filter("atrim", end_sample=length)


# --- picture files ---------------------------------------------------------------------------------------------------------


def head(path: Path, extension: str) -> Size:
    """The size that a picture file says it has, whatever it is called. Errors: MediaError when it is none of its kind."""
    try:
        with path.open("rb") as stream:
            start = stream.read(1 << 16)
        if not start.startswith(FORMS[extension].magic):
            raise ValueError("it is empty" if not start else f"it starts with {start[:8]!r}")
        size = _SIZES[extension](start)
    except OSError as error:
        raise MediaError(f"{path.name} cannot be read", cause=error.strerror) from error
    except (ValueError, struct.error) as error:
        raise MediaError(
            f"{path.name} is no {extension.upper()} picture", cause=str(error), hint="export or copy it again"
        ) from error
    if not 0 < size.width * size.height <= MOST_PIXELS:
        raise MediaError(f"{path.name} is {size}", cause=f"at most {MOST_PIXELS // 1_000_000} megapixels are read")
    return size


def look(path: Path, extension: str) -> Look:
    """How a picture looks, decoded. Errors: MediaError."""
    try:
        with av.open(str(path.absolute()), format=f"{extension}_pipe", container_options=dict(PLAIN_FILE)) as opened:
            stream = opened.streams.video[0]
            return look_of(stream, next(opened.decode(stream)))
    except (av.FFmpegError, StopIteration, IndexError) as error:
        raise MediaError(
            f"{path.name} cannot be decoded", cause=str(error) or None, hint="export or copy it again"
        ) from error


def _png(start: bytes) -> Size:
    return Size(*struct.unpack(">II", start[16:24]))


def _dpx(start: bytes) -> Size:
    return Size(*struct.unpack(">II" if start[:4] == b"SDPX" else "<II", start[772:780]))


def _exr(start: bytes) -> Size:
    """The display window, which is what libav shows. Source: OpenEXR file layout."""
    at = 8
    while start[at : at + 1] not in (b"\0", b""):
        name, _, rest = start[at:].partition(b"\0")
        kind, _, _ = rest.partition(b"\0")
        at += len(name) + len(kind) + 2
        (length,) = struct.unpack("<I", start[at : at + 4])
        if name == b"displayWindow":
            left, top, right, bottom = struct.unpack("<iiii", start[at + 4 : at + 20])
            return Size(right - left + 1, bottom - top + 1)
        at += 4 + length
    raise ValueError("its head has no displayWindow")


_SIZES = {"png": _png, "dpx": _dpx, "exr": _exr}
