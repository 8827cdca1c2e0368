"""Which container a file is, by its first bytes alone, and how it may be opened. Knows nothing of streams.

A file's name is never believed and libav never guesses: the demuxer is always forced, so that a playlist, a concat script
or an image sequence pattern in disguise opens nothing else. The one protocol is `file`.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import av
from av.container import InputContainer

from shotbuild.errors import MediaError

HEAD = 1024
STILLS = frozenset({"png_pipe", "jpeg_pipe", "webp_pipe", "tiff_pipe", "dpx_pipe", "bmp_pipe"})
PLAIN_FILE = {"protocol_whitelist": "file"}

_MOV_ATOMS = (b"ftyp", b"moov", b"mdat", b"free", b"wide", b"skip", b"pnot")
_SIGNATURES: tuple[tuple[str, bytes], ...] = (
    ("matroska", rb"\x1aE\xdf\xa3"),
    ("mov", rb".{4}(?:" + b"|".join(_MOV_ATOMS) + rb")"),
    ("avi", rb"RIFF.{4}AVI "),
    ("wav", rb"(?:RIFF|RF64|BW64).{4}WAVE"),
    ("webp_pipe", rb"RIFF.{4}WEBP"),
    ("mxf", rb"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02"),
    ("flac", rb"fLaC"),
    ("ogg", rb"OggS"),
    ("aiff", rb"FORM.{4}AIF[FC]"),
    ("png_pipe", rb"\x89PNG\r\n\x1a\n"),
    ("jpeg_pipe", rb"\xff\xd8\xff"),
    ("gif", rb"GIF8[79]a"),
    ("tiff_pipe", rb"(?:II\*\x00|MM\x00\*)"),
    ("dpx_pipe", rb"(?:SDPX|XPDS)"),
    ("bmp_pipe", rb"BM.{4}\x00{4}"),
    ("mp3", rb"(?:ID3|\xff[\xe2-\xe7\xf2-\xf7\xfa-\xff])"),
    ("aac", rb"\xff[\xf0\xf1\xf8\xf9]"),
    ("mpegts", rb"G.{187}G.{187}G"),
    ("mpegts", rb".{4}G.{191}G.{191}G"),
    ("mpeg", rb"\x00\x00\x01\xba"),
)
_CHECKS: tuple[tuple[str, Callable[[bytes], object]], ...] = tuple(
    (name, re.compile(pattern, re.DOTALL).match) for name, pattern in _SIGNATURES
)


def container_of(path: Path) -> str:
    """The demuxer that reads a file. Errors: MediaError for an empty, missing or unknown file."""
    try:
        with path.open("rb") as stream:
            head = stream.read(HEAD)
    except OSError as error:
        raise MediaError(f"{path.name} cannot be read", cause=error.strerror) from error
    if not head:
        raise MediaError(f"{path.name} is empty", cause="it has 0 bytes", hint="copy or export the file again")
    found = next((name for name, matches in _CHECKS if matches(head)), None)
    if found is None:
        raise MediaError(
            f"{path.name} is not a video, picture or sound file that shotbuild reads",
            cause=f"it starts with {head[:16]!r}",
            hint="use mov, mp4, mkv, webm, avi, mxf, ts, wav, flac, mp3, ogg, aac, png, jpeg, webp or tiff",
        )
    return found


UNDECODED = {"skip_frame": "all"}


@contextmanager
def opened(path: Path, *, guess: bool = True) -> Iterator[InputContainer]:
    """A file opened for demuxing in this process. guess: are its first frames decoded for what the headers may not say? That
    is most of what opening costs; without it, the pixel format is known when a frame is decoded.
    Errors: MediaError, also for what libav finds while it is read."""
    name = container_of(path)
    try:
        with av.open(
            str(path.absolute()),
            format=name,
            container_options=dict(PLAIN_FILE),
            options=None if guess else dict(UNDECODED),
            metadata_errors="replace",
        ) as container:
            yield container
    except av.FFmpegError as error:
        raise MediaError(
            f"{path.name} cannot be read as {name.removesuffix('_pipe')}",
            cause=error.strerror,
            hint="it is damaged or was cut off: copy or export it again",
        ) from error
