"""Two clips laid side by side, frame number by frame number, and how far their pictures are apart. One run of ffmpeg.

Pictures of one size, pixel format and colour are measured as they are; others are brought to the size of the first and to
one format, with the filters that every cut goes through. Alpha is set on black. Time stamps, sound and rate play no part.
"""

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import log10
from pathlib import Path

from shotbuild.errors import MediaError
from shotbuild.host import process
from shotbuild.media.colour import Look
from shotbuild.media.filters import Stream, argv, joined, picked, source, written
from shotbuild.media.geometry import placing
from shotbuild.media.pictures import Finish, shaped
from shotbuild.media.probe import Probe, probe
from shotbuild.units import Size, decimal_text

PSNR, SSIM, HASH_A, HASH_B = "psnr.txt", "ssim.txt", "a.hash", "b.hash"
EQUAL = "inf"
_PLANES = re.compile(r"(?:yuvj?4[0-9]{2}|gbr)p(?:[0-9]{1,2}le)?|gray(?:[0-9]{2}le)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How two clips differ in their pictures. Frames count from 0.

    compared: frames laid side by side, those of the shorter clip; identical: how many of them have equal pixels;
    first_different: None = none; worst: the first frame that is furthest apart, and its PSNR in hundredths of a dB, None =
    equal; psnr: of the mean error of all compared frames, in dB with 2 decimals, None = no error; ssim: the mean, at most 1,
    with 6 decimals, None = the picture is too small to have one; scaled: b had another size; pixels: the format in which
    they were measured; same_stream: all frames are decoded to the same bytes, are as many and of the same size and format.
    """

    frames_a: int
    frames_b: int
    compared: int
    identical: int
    first_different: int | None
    worst: tuple[int, int | None]
    psnr: str | None
    ssim: str | None
    scaled: bool
    pixels: str
    same_stream: bool


def compare(ffmpeg: Path, a: Path, b: Path, folder: Path, cancel: threading.Event | None = None) -> Difference:
    """folder: an existing one, where ffmpeg runs and writes what it measures.

    Errors: MediaError when one has no picture, or colours that cannot be compared with the other's; ProcessError, Cancelled.
    """
    found = probe(a), probe(b)
    looks = found[0].video.look, found[1].video.look
    pixels = _common(*looks)
    process.run(_command(ffmpeg, (a, b), found, pixels), cwd=folder, cancel=cancel)
    return _measured(folder, looks, pixels or _planar(looks[0]) or "")


def _command(ffmpeg: Path, paths: tuple[Path, Path], found: tuple[Probe, Probe], pixels: str | None) -> tuple[str, ...]:
    frame = Size(*found[0].video.look.turned)
    sides = [_side(path, each, again, frame, pixels) for again, (path, each) in enumerate(zip(paths, found, strict=True))]
    (a, raw_a), (b, raw_b) = sides
    through = {"fps_mode": "passthrough"}
    hashed = {"c:v": "rawvideo", "hash": "murmur3", **through}
    psnr = joined([a[0], b[0]], "psnr", stats_file=PSNR, shortest=1)
    ssim = joined([a[1], b[1]], "ssim", stats_file=SSIM, shortest=1)
    return argv(
        ffmpeg,
        written(psnr, "psnr", "null", through),
        written(ssim, "ssim", "null", through),
        written(raw_a, HASH_A, "framehash", hashed),
        written(raw_b, HASH_B, "framehash", hashed),
    )


def _side(path: Path, found: Probe, again: int, frame: Size, pixels: str | None) -> tuple[Stream, Stream]:
    """The picture to measure, twice, and as it is decoded. Frame n is shown at n seconds, whatever its file says."""
    look = found.video.look
    read = picked(source(path, found.container, again=again, options={"autorotate": None}), found.video.index)
    counted = read.filter("settb", "1").filter("setpts", "N").filter_multi_output("split", 2)
    stream = counted[0]
    if pixels is None:
        stream = stream.filter("format", _planar(look))
    else:
        placed = placing(look.turned[0], look.turned[1], Fraction(1), frame, "stretch")
        stream = shaped(stream, look, Finish(placing=placed, pixels=pixels), path.name)
    return stream.filter_multi_output("split", 2), counted[1]


def _common(a: Look, b: Look) -> str | None:
    """The pixel format that two pictures have to be brought to; None when they can be measured as they are."""
    if _planar(a) is not None and _numbers(a) == _numbers(b):
        return None
    small = all(look.subsampled == (True, True) for look in (a, b)) and not any(side % 2 for side in a.turned)
    deep = max(a.depth, b.depth) > 8
    return f"yuv4{'20' if small else '44'}p{'10le' if deep else ''}"


def _numbers(look: Look) -> tuple[object, ...]:
    """What makes the same numbers the same picture."""
    return (look.turned, look.pixels, look.primaries, look.transfer, look.matrix, look.range)


def _planar(look: Look) -> str | None:
    """The format, known to both filters, that holds exactly the numbers of a picture; None when there is none."""
    if look.alpha:
        return None
    if look.rgb:
        return {8: "gbrp", 10: "gbrp10le", 12: "gbrp12le", 16: "gbrp16le"}.get(look.depth)
    return look.pixels if _PLANES.fullmatch(look.pixels) else None


def _measured(folder: Path, looks: tuple[Look, Look], pixels: str) -> Difference:
    a, b = _hashes(folder / HASH_A), _hashes(folder / HASH_B)
    psnr, ssim = _column(folder / PSNR, "psnr_avg"), _column(folder / SSIM, "All")
    if not psnr or not len(psnr) == len(ssim) == min(len(a), len(b)):
        cause = f"{len(a)} and {len(b)} frames were decoded, {len(psnr)} and {len(ssim)} measured"
        raise MediaError("the two clips cannot be laid side by side", cause=cause)
    hundredths = [None if text == EQUAL else int(Fraction(text) * 100) for text in psnr]
    apart = [(value, frame) for frame, value in enumerate(hundredths) if value is not None]
    same_kind = looks[0].turned == looks[1].turned and looks[0].pixels == looks[1].pixels
    return Difference(
        frames_a=len(a),
        frames_b=len(b),
        compared=len(psnr),
        identical=len(psnr) - len(apart),
        first_different=apart[0][1] if apart else None,
        worst=(min(apart)[1], min(apart)[0]) if apart else (0, None),
        psnr=_overall(hundredths),
        ssim=_mean(ssim),
        scaled=looks[0].turned != looks[1].turned,
        pixels=pixels,
        same_stream=same_kind and a == b and not apart,
    )


def _hashes(path: Path) -> list[str]:
    lines = path.read_text(encoding="ascii").splitlines()
    return [line.rpartition(",")[2].strip() for line in lines if not line.startswith("#")]


def _column(path: Path, name: str) -> list[str]:
    """One measure of each frame, from a line such as `n:1 mse_avg:0.00 psnr_avg:inf`."""
    lines = path.read_text(encoding="ascii").splitlines()
    return [dict(word.partition(":")[::2] for word in line.split())[name] for line in lines]


def _overall(hundredths: Sequence[int | None]) -> str | None:
    """PSNR of the mean error: decibels themselves have no mean when one frame is equal."""
    error = sum(10 ** (-value / 1000) for value in hundredths if value is not None) / len(hundredths)
    return f"{-10 * log10(error):.2f}" if error else None


def _mean(values: Sequence[str]) -> str | None:
    if any("nan" in value for value in values):
        return None
    return decimal_text(sum(map(Fraction, values), Fraction(0)) / len(values), 6)
