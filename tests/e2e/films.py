"""Projects of numbered plates, and what is found in the films that they deliver.

A plate is 64x36 and says what each of its frames is: the left half is white in frame 0 and grey by its number after that,
the right half is grey by the number of the shot. Its sound is a beep as long as frame 0, then silence.
"""

import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import av.logging
import numpy as np

from shotbuild.host.tools import find_ffmpeg
from tests.fakes import write_project

WIDTH, HEIGHT = 64, 36
WHITE = 235
HEARD = 0.15
"""Of full scale: so loud is a beep that begins, and nothing that an encoder smears before it."""
HZ = 1000


def grey(number: int) -> int:
    """The left half of frame `number` of a plate."""
    return WHITE if number == 0 else 30 + 6 * (number % 30)


def tint(shot: int) -> int:
    """The right half of all frames of a shot."""
    return 30 + 3 * shot


def plate(
    path: Path,
    frames: int,
    rate: str = "24",
    *,
    shot: int = 0,
    sound: Callable[[np.ndarray], np.ndarray] | None = None,
    hdr: bool = False,
) -> Path:
    """sound: seconds → full scale; a beep when not given. hdr: it says that it is BT.2020 with PQ."""
    path.parent.mkdir(parents=True, exist_ok=True)
    exact = Fraction(rate)
    picture = np.empty((HEIGHT * 3 // 2, WIDTH), np.uint8)
    picture[HEIGHT:] = 128
    picture[:HEIGHT, WIDTH // 2 :] = tint(shot)
    count = round(frames / exact * 48000)
    seconds = np.arange(count) / 48000
    heard = (sound or (lambda at: beep(at, float(1 / exact))))(seconds)
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as into:
        video = into.add_stream("ffv1", rate=exact)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        context = video.codec_context
        context.color_primaries = context.colorspace = 9 if hdr else 1
        context.color_trc = 16 if hdr else 1
        context.color_range = 1
        audio = into.add_stream("pcm_s16le", rate=48000, layout="mono")
        for number in range(frames):
            picture[:HEIGHT, : WIDTH // 2] = grey(number)
            frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
            frame.pts, frame.time_base = number, 1 / exact
            into.mux(video.encode(frame))
        into.mux(video.encode(None))
        samples = av.AudioFrame.from_ndarray((heard * 32767).astype(np.int16)[None], format="s16", layout="mono")
        samples.rate, samples.pts = 48000, 0
        into.mux(audio.encode(samples))
        into.mux(audio.encode(None))
    return path


def beep(seconds: np.ndarray, length: float) -> np.ndarray:
    """A tone from 0 on, so long, that comes and goes in a millisecond."""
    edge = np.clip(np.minimum(seconds, length - seconds) / 0.001, 0, 1)
    return 0.5 * np.sin(2 * np.pi * HZ * seconds) * edge


def still(path: Path, luma: int = 120) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    frame = av.VideoFrame.from_ndarray(np.full((HEIGHT, WIDTH, 3), luma, np.uint8), format="rgb24")
    frame.to_image().save(path)
    return path


def project(root: Path, specs: str, *, rate: str = "24", house: str = "", more: Mapping[str, str] | None = None) -> Path:
    head = f"shotbuild: 1\nproject: film\nformat: {{size: {WIDTH}x{HEIGHT}, rate: {rate}}}\ndefaults: {{duration: 12f}}\n"
    return write_project(root, {"shotbuild.yaml": head + house, "specs/film.yaml": specs, **(more or {})})


# --- what is in a file -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Seen:
    """A delivered film, decoded. stamps: of its frames, in seconds; left, right: luma amid each half, in 8 bits."""

    stamps: Sequence[Fraction]
    left: Sequence[float]
    right: Sequence[float]
    keys: Sequence[bool]


def look(path: Path) -> Seen:
    stamps, left, right, keys = [], [], [], []
    with av.open(str(path)) as source:
        for frame in source.decode(source.streams.video[0]):
            stamps.append(frame.pts * frame.time_base)
            one, other = halves(frame)
            left.append(one)
            right.append(other)
            keys.append(bool(frame.key_frame))
    return Seen(stamps, left, right, keys)


def halves(frame: av.VideoFrame) -> tuple[float, float]:
    depth = frame.format.components[0].bits
    plane = frame.planes[0]
    kind = np.dtype("<u2") if depth > 8 else np.dtype("u1")
    luma = np.frombuffer(plane, kind).reshape(plane.height, -1)[:, : plane.width] / 2 ** (depth - 8)
    rows, quarter = slice(luma.shape[0] // 3, luma.shape[0] * 2 // 3), luma.shape[1] // 4
    return (
        float(luma[rows, quarter - 4 : quarter + 4].mean()),
        float(luma[rows, 3 * quarter - 4 : 3 * quarter + 4].mean()),
    )


def listen(path: Path) -> np.ndarray:
    """The first channel at 48 kHz, each sample where its stamp puts it."""
    found: list[tuple[int, np.ndarray]] = []
    with av.open(str(path)) as source:
        for frame in source.decode(source.streams.audio[0]):
            values = frame.to_ndarray().astype(np.float64)
            channels = len(frame.layout.channels)
            first = values[0] if frame.format.is_planar else values.reshape(-1, channels)[:, 0]
            full = {"s16": 2.0**15, "s16p": 2.0**15, "s32": 2.0**31, "s32p": 2.0**31}.get(frame.format.name, 1.0)
            found.append((round(frame.pts * frame.time_base * 48000), first / full))
    heard = np.zeros(max(at + len(values) for at, values in found))
    for at, values in found:
        heard[max(at, 0) : at + len(values)] = values[max(-at, 0) :]
    return heard


def onset(heard: np.ndarray, near: int, within: int) -> int | None:
    """The first loud sample around one; None where it is silent, or loud from the beginning."""
    start = max(near - within, 0)
    loud = np.flatnonzero(np.abs(heard[start : near + within]) > HEARD)
    return int(start + loud[0]) if len(loud) else None


def packets(path: Path) -> list[tuple[Fraction, Fraction]]:
    """Presentation and decoding stamps of the picture, in the order of the file, in seconds."""
    with av.open(str(path)) as source:
        stream = source.streams.video[0]
        return [(p.pts * p.time_base, p.dts * p.time_base) for p in source.demux(stream) if p.size]


def sought(path: Path, stamps: Sequence[Fraction]) -> list[tuple[Fraction, float, float]]:
    """The first picture that comes after a jump to each of those times: its stamp and its halves."""
    found = []
    with av.open(str(path)) as source:
        stream = source.streams.video[0]
        for stamp in stamps:
            # Rounded up: a container that rounds to milliseconds has the frame at most so much later.
            source.seek(int(-((-stamp) // stream.time_base)), stream=stream)
            frame = next(source.decode(stream))
            found.append((frame.pts * frame.time_base, *halves(frame)))
    return found


def jumped(path: Path, stamp: Fraction) -> tuple[float, float]:
    """The halves of the picture to which ffmpeg 9 jumps."""
    argv = [str(find_ffmpeg(None)), "-v", "error", "-ss", f"{float(stamp):.6f}", "-i", str(path), "-frames:v", "1"]
    argv += ["-vf", f"scale={WIDTH}:{HEIGHT}:out_range=tv,format=yuv420p", "-f", "rawvideo", "-"]
    done = subprocess.run(argv, capture_output=True, stdin=subprocess.DEVNULL, check=True)
    luma = np.frombuffer(done.stdout, np.uint8)[: WIDTH * HEIGHT].reshape(HEIGHT, WIDTH)
    return float(luma[HEIGHT // 2, WIDTH // 4]), float(luma[HEIGHT // 2, WIDTH * 3 // 4])


def complaints(path: Path) -> list[str]:
    """What two builds of the decoders say of a file: ffmpeg 9 as a program, libav 8 in this process."""
    argv = [str(find_ffmpeg(None)), "-hide_banner", "-v", "warning", "-xerror", "-i", str(path), "-f", "null", "-"]
    done = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    said = [done.stderr] if done.stderr or done.returncode else []
    level = av.logging.get_level()
    av.logging.set_level(av.logging.WARNING)
    try:
        with av.logging.Capture() as logs, av.open(str(path)) as source:
            for packet in source.demux():
                if packet.stream.type in ("video", "audio"):
                    packet.decode()
    finally:
        av.logging.set_level(level)
    return said + [text for level, _, text in logs if level <= av.logging.WARNING]


def uneven(stamps: Sequence[Fraction], rate: Fraction, slack: Fraction) -> list[tuple[int, Fraction]]:
    """Frames that do not stand at n / rate."""
    return [(n, stamp) for n, stamp in enumerate(stamps) if abs(stamp - n / rate) > slack]


def rises(values: Sequence[Fraction]) -> bool:
    return all(one < other for one, other in pairwise(values))


# --- edits -----------------------------------------------------------------------------------------------------------


def edit(root: Path, old: str, new: str, path: str = "specs/film.yaml") -> None:
    text = (root / path).read_text()
    assert text.count(old) == 1, (text.count(old), old)
    (root / path).write_text(text.replace(old, new))
