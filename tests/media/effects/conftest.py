"""Runs one effect, or a chain of them, as a stage does: in a folder of its own, on a small film of the wheel's ffmpeg."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from hashlib import sha256
from pathlib import Path
from shutil import copyfile

import av
import numpy as np
import pytest

from shotbuild.host import process
from shotbuild.host.tools import find_ffmpeg
from shotbuild.media.effects import APPLY, PREPARE
from shotbuild.media.effects.interface import Film
from shotbuild.media.filters import argv, ffv1, picked, source, written
from shotbuild.media.pictures import numbered
from shotbuild.records import Fields, Value, fields
from shotbuild.spec.fields import Required
from shotbuild.stages.effects import EFFECTS
from shotbuild.units import Size

Make = Callable[..., Path]
RATE = Fraction(24)
SIZE = Size(160, 90)
TAGGED = "setparams=color_primaries=bt709:color_trc=bt709:colorspace=bt709:range=tv"
MOVING = "testsrc2=s=160x90:r=24,noise=alls=12:allf=t:all_seed=5,gblur=0.7"
MUTED = f"{MOVING},format=yuv444p,lutyuv=y=60+val/2:u=96+val/4:v=96+val/4"
NUMBERED = "nullsrc=s=160x90:r=24,geq=lum=16+4*N:cb=128:cr=128"
SHAKEN = (
    "mandelbrot=s=240x136:rate=24,trim=end_frame=1,loop=loop=-1:size=1,settb=1/24,setpts=N,"
    "crop=160:90:x='40+round(9*sin(n*1.7)+6*sin(n*3.1))':y='22+round(6*cos(n*2.3)+4*sin(n*1.1))':exact=1"
)
ONE_THREAD = ("-filter_threads", "1", "-filter_complex_threads", "1")


def settings_of(effect: str, **said: Value) -> Fields:
    """All fields of an effect, with their defaults. A trailing `_` keeps a name from being a word of Python."""
    known = EFFECTS[effect].fields
    defaults = {name: field.default for name, field in known.items() if not isinstance(field.default, Required)}
    given = {name.removesuffix("_"): value for name, value in said.items()}
    return fields(**(defaults | given))


def row(effect: str, **said: Value) -> Fields:
    return fields(effect=effect, version=EFFECTS[effect].version, settings=settings_of(effect, **said), files=Fields())


@dataclass(frozen=True)
class Done:
    """What came out. planes: of each frame."""

    path: Path
    planes: list[list[np.ndarray]]
    film: Film

    @property
    def digests(self) -> list[str]:
        return [sha256(b"".join(plane.tobytes() for plane in frame)).hexdigest() for frame in self.planes]

    @property
    def lumas(self) -> list[float]:
        """The middle luma of every frame."""
        return [float(frame[0][frame[0].shape[0] // 2, frame[0].shape[1] // 2]) for frame in self.planes]


Chain = Sequence[Fields]
Run = Callable[..., Done]


@pytest.fixture(scope="session")
def film_file(make: Make) -> Make:
    """film_file("moving" | "muted" | "numbered" | "shaken", pixels, frames): without loss, tagged as bt709."""
    graphs = {"moving": MOVING, "muted": MUTED, "numbered": NUMBERED, "shaken": SHAKEN}

    def made(kind: str = "moving", pixels: str = "yuv420p", frames: int = 16) -> Path:
        graph = f"{graphs[kind]},trim=end_frame={frames},format={pixels},{TAGGED}"
        return make(f"{kind}-{pixels}-{frames}.mkv", "-f", "lavfi", "-i", graph, "-c:v", "ffv1", "-fps_mode", "passthrough")

    return made


@pytest.fixture
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    def ran(
        path: Path,
        rows: Chain,
        *,
        frames: int = 16,
        start: int = 0,
        pixels: str = "yuv420p",
        rate: Fraction = RATE,
        files: Mapping[str, Path] | None = None,
        before: Sequence[str] = (),
        threads: int = 1,
    ) -> Done:
        """start: the film begins with this frame of its shot; before: options for all of ffmpeg."""
        into = tmp_path_factory.mktemp("effect")
        for name, given in (files or {}).items():
            copyfile(given, into / name)
        film = _film(path, rate, pixels, start)
        for each in rows:
            names = {name.rpartition("-")[2].partition(".")[0]: name for name in files or {}}
            film = APPLY[each.text("effect")](film, each.get("settings"), names)  # type: ignore[arg-type]
        stream = film.stream.filter("trim", end_frame=frames) if not start else film.stream
        command = argv(find_ffmpeg(None), written(stream, "out.mkv", "matroska", ffv1(pixels, frames)))
        process.run(_with(command, before, threads), cwd=into)
        return Done(into / "out.mkv", list(frames_of(into / "out.mkv")), film)

    return ran


@pytest.fixture
def prepare(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    def prepared(path: Path, effect: str, settings: Fields, *, before: Sequence[str] = (), threads: int = 1) -> Path:
        into = tmp_path_factory.mktemp("prepared")
        stream = PREPARE[effect](_film(path, RATE, "yuv420p", 0), settings, "motion.trf")
        output = written(stream, "thrown-away", "null", {"c:v": "wrapped_avframe"})
        process.run(_with(argv(find_ffmpeg(None), output), before, threads), cwd=into)
        return into / "motion.trf"

    return prepared


def _film(path: Path, rate: Fraction, pixels: str, start: int) -> Film:
    stream = numbered(picked(source(path, "matroska"), 0), rate)
    if start:
        stream = stream.filter("trim", start_frame=start)
    return Film(stream=stream, size=SIZE, rate=rate, pixels=pixels)


def _with(command: Sequence[str], before: Sequence[str], threads: int) -> list[str]:
    again = [str(threads) if at and command[at - 1] in ONE_THREAD[::2] else word for at, word in enumerate(command)]
    return [again[0], *before, *again[1:]]


def frames_of(path: Path) -> "list[list[np.ndarray]]":
    with av.open(str(path)) as opened:
        return [_planes(frame) for frame in opened.decode(opened.streams.video[0])]


def _planes(frame: av.VideoFrame) -> list[np.ndarray]:
    kind = np.dtype("<u2") if frame.format.components[0].bits > 8 else np.dtype("u1")
    return [
        np.frombuffer(plane, kind).reshape(plane.height, plane.line_size // kind.itemsize)[:, : plane.width].copy()
        for plane in frame.planes
    ]
